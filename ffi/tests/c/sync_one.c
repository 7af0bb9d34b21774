/* usage: sync_one CLIO_URL INTAKE_DIR MATTER
 *
 * Opens the SDK with a store written in C, connects a firm, and syncs one intake twice: the second time no call is made. */
#define _POSIX_C_SOURCE 200809L
#include "host.h"

static void sync_matter(casehug_clio_sdk *sdk, const casehug_clio_actor *who, const char *matter, const char *calls) {
    char *report = NULL, *error = NULL;
    int32_t status = casehug_clio_sync_matter(sdk, who, matter, &report, &error);
    CHECK(status == CASEHUG_CLIO_OK && error == NULL, "%s", error);
    char *got = host_field(report, "calls");
    CHECK(strcmp(got, calls) == 0, "%s calls, not %s: %s", got, calls, report);
    CHECK(strstr(report, "\"status\":\"succeeded\"") != NULL, "%s", report);
    printf("%s: %s calls\n", matter, got);
    free(got);
    casehug_clio_free(report);
}

int main(int argc, char **argv) {
    CHECK(argc == 4, "usage: sync_one CLIO_URL INTAKE_DIR MATTER");
    casehug_clio_config config = host_config(argv[1], argv[2]);
    casehug_clio_actor admin = { "usr_1", "firm_1", 1 };
    casehug_clio_store store;
    store_in_c_new(&store);
    casehug_clio_sdk *sdk = NULL;
    char *out = NULL, *error = NULL;
    int32_t status = casehug_clio_open(&config, &store, &sdk, &error);
    CHECK(status == CASEHUG_CLIO_OK && sdk != NULL, "%s", error);
    host_connect(sdk, &admin);

    status = casehug_clio_plan_matter(sdk, &admin, argv[3], &out, &error);
    CHECK(status == CASEHUG_CLIO_OK && strstr(out, "\"most\":7") != NULL, "%s %s", out, error);
    casehug_clio_free(out);
    sync_matter(sdk, &admin, argv[3], "7");
    sync_matter(sdk, &admin, argv[3], "0");

    CHECK(store_in_c_released() == 0, "released too early");
    CHECK(casehug_clio_close(sdk, NULL) == CASEHUG_CLIO_OK, "close");
    CHECK(store_in_c_released() == 1, "release is called once");
    return 0;
}
