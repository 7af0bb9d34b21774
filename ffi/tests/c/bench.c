/* usage: bench CLIO_URL INTAKE_DIR DATABASE USER QUERY
 *
 * For `cargo xtask bench bindings`. Each line of the input is answered with the nanoseconds that it
 * took: `empty COUNT`, `text COUNT`, `sync MATTER`. */
#define _POSIX_C_SOURCE 200809L
#include "host.h"

#include <time.h>

static int64_t nanos(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(int argc, char **argv) {
    CHECK(argc == 6, "usage: bench CLIO_URL INTAKE_DIR DATABASE USER QUERY");
    casehug_clio_actor admin = { argv[4], "firm_1", 1 };
    casehug_clio_config config = host_config(argv[1], argv[2]);
    config.sqlite_path = argv[3];
    casehug_clio_sdk *sdk = NULL;
    char *out = NULL, *error = NULL, line[256];
    CHECK(casehug_clio_open(&config, NULL, &sdk, &error) == CASEHUG_CLIO_OK, "%s", error);
    host_connect(sdk, &admin);
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *what = strtok(line, " "), *of = strtok(NULL, "\n");
        CHECK(what != NULL && of != NULL, "two words");
        long count = atol(of);
        int64_t began = nanos();
        if (strcmp(what, "empty") == 0) {
            for (long i = 0; i < count; i++) {
                CHECK(casehug_clio_call_host(sdk, "", NULL, 0, &out, &error) == CASEHUG_CLIO_REQUEST_INVALID, "%s", out);
                casehug_clio_free(error);
            }
        } else if (strcmp(what, "text") == 0) {
            for (long i = 0; i < count; i++) {
                CHECK(casehug_clio_list_audit(sdk, &admin, argv[5], &out, &error) == CASEHUG_CLIO_OK, "%s", error);
                casehug_clio_free(out);
            }
        } else {
            CHECK(casehug_clio_sync_matter(sdk, &admin, of, &out, &error) == CASEHUG_CLIO_OK, "%s", error);
            CHECK(strstr(out, "\"status\":\"succeeded\"") != NULL, "%s", out);
            casehug_clio_free(out);
        }
        printf("%lld\n", (long long)(nanos() - began));
        fflush(stdout);
    }
    CHECK(casehug_clio_close(sdk, NULL) == CASEHUG_CLIO_OK, "close");
    return 0;
}
