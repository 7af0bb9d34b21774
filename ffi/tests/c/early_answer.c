/* usage: early_answer CLIO_URL TIMES
 *
 * A service as C has them, with SIGPIPE at its default, sends documents of 8 MiB to a storage that
 * answers early and closes. It has to live, and every sync to end with an answer. */
#define _POSIX_C_SOURCE 200809L
#include "one_document.h"

#include <dirent.h>
#include <signal.h>

static const casehug_clio_actor admin = { "usr_1", "firm_1", 1 };

/* How many threads of the SDK there are; none of them may be killed by a connection. */
static int threads_of_the_sdk(void) {
    DIR *tasks = opendir("/proc/self/task");
    int threads = 0;
    CHECK(tasks != NULL, "proc");
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        char path[300], line[256], name[64] = "";
        unsigned long long blocked = 0;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        FILE *status = fopen(path, "r");
        if (status == NULL) continue;
        while (fgets(line, sizeof line, status) != NULL) {
            sscanf(line, "Name: %63s", name);
            sscanf(line, "SigBlk: %llx", &blocked);
        }
        fclose(status);
        /* "casehug-clio" and what follows. The log's thread only calls the host. */
        if (strncmp(name, "casehug-clio", 12) != 0 || strcmp(name, "casehug-clio-log") == 0) continue;
        CHECK((blocked >> (SIGPIPE - 1) & 1) == 1, "%s: SIGPIPE is not blocked", name);
        threads++;
    }
    closedir(tasks);
    return threads;
}

int main(int argc, char **argv) {
    CHECK(argc == 3, "usage: early_answer CLIO_URL TIMES");
    signal(SIGPIPE, SIG_DFL);
    casehug_clio_intakes intakes = one_document();
    length = 8 << 20;
    casehug_clio_config config = host_config(argv[1], NULL);
    config.intakes = &intakes;
    casehug_clio_store store;
    memory_store_new(&store);
    casehug_clio_sdk *sdk = NULL;
    char *out = NULL, *error = NULL;
    CHECK(casehug_clio_open(&config, &store, &sdk, &error) == CASEHUG_CLIO_OK, "%s", error);
    host_connect(sdk, &admin);
    for (int i = 0; i < atoi(argv[2]); i++) {
        char matter[32];
        snprintf(matter, sizeof matter, "mat_%d", i);
        int32_t status = casehug_clio_sync_matter(sdk, &admin, matter, &out, &error);
        CHECK(status != CASEHUG_CLIO_OK || strstr(out, "\"status\":\"succeeded\"") == NULL, "%s", out);
        casehug_clio_free(out);
        casehug_clio_free(error);
    }
    /* Two that poll, and one at least that calls the host. */
    CHECK(threads_of_the_sdk() >= 3, "%d threads", threads_of_the_sdk());
    sigset_t mask;
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0 && !sigismember(&mask, SIGPIPE), "the host's own thread is left alone");
    CHECK(casehug_clio_close(sdk, NULL) == CASEHUG_CLIO_OK, "close");
    return 0;
}
