/* usage: large CLIO_URL MEBIBYTES
 *
 * Sends a document of so many MiB, which the host makes as it is read, and prints how much memory
 * that took at most. */
#define _POSIX_C_SOURCE 200809L
#include "one_document.h"

static const casehug_clio_actor admin = { "usr_1", "firm_1", 1 };

/* The most memory that this process had, in KiB. */
static long most(void) {
    char line[256];
    long most = 0;
    FILE *status = fopen("/proc/self/status", "r");
    CHECK(status != NULL, "proc");
    while (fgets(line, sizeof line, status) != NULL) sscanf(line, "VmHWM: %ld", &most);
    fclose(status);
    return most;
}

int main(int argc, char **argv) {
    CHECK(argc == 3, "usage: large CLIO_URL MEBIBYTES");
    casehug_clio_intakes intakes = one_document();
    casehug_clio_config config = host_config(argv[1], NULL);
    config.intakes = &intakes;
    config.request_timeout_seconds = 120;
    casehug_clio_store store;
    memory_store_new(&store);
    casehug_clio_sdk *sdk = NULL;
    char *out = NULL, *error = NULL;
    CHECK(casehug_clio_open(&config, &store, &sdk, &error) == CASEHUG_CLIO_OK, "%s", error);
    host_connect(sdk, &admin);
    long before = 0;
    /* A small one first: what any upload needs is not what a large one needs. */
    for (int large = 0; large < 2; large++) {
        length = large ? (uint64_t)strtoull(argv[2], NULL, 10) << 20 : 1000;
        before = most();
        int32_t status = casehug_clio_sync_matter(sdk, &admin, large ? "mat_1" : "mat_2", &out, &error);
        CHECK(status == CASEHUG_CLIO_OK && strstr(out, "\"status\":\"succeeded\"") != NULL, "%s %s", out, error);
        casehug_clio_free(out);
        casehug_clio_free(error);
    }
    printf("%ld\n", most() - before);
    CHECK(casehug_clio_close(sdk, NULL) == CASEHUG_CLIO_OK, "close");
    return 0;
}
