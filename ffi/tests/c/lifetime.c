/* usage: lifetime FILE TIMES
 *
 * The database is closed when `casehug_clio_close` returns: its log is in the file, which may be
 * moved or copied, and the child of a fork that comes next may open it. */
#define _POSIX_C_SOURCE 200809L
#include "host.h"

#include <sys/stat.h>
#include <sys/wait.h>

static const casehug_clio_actor admin = { "usr_1", "firm_1", 1 };

static int use(const casehug_clio_config *config) {
    casehug_clio_sdk *sdk = NULL;
    char *error = NULL;
    int32_t status = casehug_clio_open(config, NULL, &sdk, &error);
    if (status != CASEHUG_CLIO_OK) return fprintf(stderr, "%s\n", error), 1;
    /* Something that is committed. */
    status = casehug_clio_begin_connect(sdk, &admin, "http://127.0.0.1:9/", NULL, &error);
    if (status != CASEHUG_CLIO_OK) return fprintf(stderr, "%s\n", error), 2;
    return casehug_clio_close(sdk, NULL) == CASEHUG_CLIO_OK ? 0 : 3;
}

static void is_whole(const char *file) {
    char log[4096];
    struct stat found;
    snprintf(log, sizeof log, "%s-wal", file);
    CHECK(stat(log, &found) != 0 || found.st_size == 0, "%ld bytes in the log", (long)found.st_size);
}

int main(int argc, char **argv) {
    CHECK(argc == 3, "usage: lifetime FILE TIMES");
    casehug_clio_config config = host_config("http://127.0.0.1:9", ".");
    config.sqlite_path = argv[1];
    for (int i = 0; i < atoi(argv[2]); i++) {
        CHECK(use(&config) == 0, "round %d", i);
        is_whole(argv[1]);
        pid_t child = fork();
        if (child == 0) _exit(use(&config));
        int how = 1;
        CHECK(waitpid(child, &how, 0) == child && how == 0, "in the child of round %d: %d", i, how);
        /* One that was opened, and then found nothing to work with. */
        casehug_clio_config wrong = config;
        wrong.clio_url = "nowhere";
        CHECK(casehug_clio_open(&wrong, NULL, (casehug_clio_sdk *[1]){ NULL }, NULL) != CASEHUG_CLIO_OK, "no address");
        is_whole(argv[1]);
        if ((child = fork()) == 0) _exit(use(&config));
        CHECK(waitpid(child, &how, 0) == child && how == 0, "in the second child of round %d: %d", i, how);
    }
    return 0;
}
