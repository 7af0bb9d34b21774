/* usage: opening FOLDER
 *
 * The store of examples/c is opened while others open the same new file, and refuses what has no
 * journal that they could share. */
#define _POSIX_C_SOURCE 200809L
#include "store_in_c.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <time.h>

enum { FILES = 10, AT_ONCE = 8 };

/* NULL if it was opened. */
static void *not_opened(void *file) {
    casehug_clio_store store;
    if (!store_in_c_open(&store, file)) return file;
    store.release(store.context);
    return NULL;
}

/* Whether it waits for a process that is about to write the first page. */
static int waits(char *file) {
    const struct timespec a_while = { 0, 300000000 };
    sqlite3 *other;
    pthread_t thread;
    void *failed = file;
    if (sqlite3_open(file, &other) != SQLITE_OK || sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) return 0;
    if (pthread_create(&thread, NULL, not_opened, file) != 0) return 0;
    nanosleep(&a_while, NULL);
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    pthread_join(thread, &failed);
    sqlite3_close(other);
    return failed == NULL;
}

static int all_at_once(char *file) {
    pthread_t threads[AT_ONCE];
    int opened = 0;
    for (int i = 0; i < AT_ONCE; i++)
        if (pthread_create(&threads[i], NULL, not_opened, file) != 0) return 0;
    for (int i = 0; i < AT_ONCE; i++) {
        void *failed = file;
        pthread_join(threads[i], &failed);
        opened += failed == NULL;
    }
    return opened == AT_ONCE;
}

int main(int argc, char **argv) {
    char file[4096], memory[] = ":memory:";
    if (argc != 2) return 2;
    snprintf(file, sizeof file, "%s/awaited.db", argv[1]);
    int waited = waits(file), opened = 0, refused = not_opened(memory) != NULL;
    for (int i = 0; i < FILES; i++) {
        snprintf(file, sizeof file, "%s/opened_%d.db", argv[1], i);
        opened += all_at_once(file);
    }
    printf("waited: %d, opened by all at once: %d of %d, memory refused: %d\n", waited, opened, FILES, refused);
    return waited && opened == FILES && refused ? 0 : 1;
}
