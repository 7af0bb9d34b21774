/* usage: worker CLIO_URL INTAKE_DIR MATTER
 *
 * A worker on the SDK's threads does what was triggered, from its start to its stop, or to the
 * close. */
#define _POSIX_C_SOURCE 200809L
#include "host.h"

#include <time.h>

static const casehug_clio_actor admin = { "usr_1", "firm_1", 1 };

static void trigger(casehug_clio_sdk *sdk, const char *matter) {
    char *error = NULL;
    CHECK(casehug_clio_trigger_sync(sdk, &admin, matter, "manual", NULL, &error) == CASEHUG_CLIO_OK, "%s", error);
}

/* Whether the matter is synced within so many tenths of a second. */
static int is_synced(casehug_clio_sdk *sdk, const char *matter, int tenths) {
    for (; tenths >= 0; tenths--) {
        char *state = NULL, *error = NULL;
        CHECK(casehug_clio_get_matter_state(sdk, &admin, matter, &state, &error) == CASEHUG_CLIO_OK, "%s", error);
        int synced = strstr(state, "\"status\":\"synced\"") != NULL;
        casehug_clio_free(state);
        if (synced) return 1;
        nanosleep(&(struct timespec){ 0, 100000000 }, NULL);
    }
    return 0;
}

int main(int argc, char **argv) {
    CHECK(argc == 4, "usage: worker CLIO_URL INTAKE_DIR MATTER");
    casehug_clio_config config = host_config(argv[1], argv[2]);
    casehug_clio_store store;
    memory_store_new(&store);
    casehug_clio_sdk *sdk = NULL;
    char *error = NULL;
    CHECK(casehug_clio_open(&config, &store, &sdk, &error) == CASEHUG_CLIO_OK, "%s", error);
    CHECK(casehug_clio_worker_stop(sdk, &error) == CASEHUG_CLIO_OK, "no worker yet: %s", error);
    host_connect(sdk, &admin);

    CHECK(casehug_clio_worker_start(sdk, &error) == CASEHUG_CLIO_OK, "%s", error);
    CHECK(casehug_clio_worker_start(sdk, &error) == CASEHUG_CLIO_OK, "it works already: %s", error);
    trigger(sdk, argv[3]);
    CHECK(is_synced(sdk, argv[3], 300), "the worker does it");

    CHECK(casehug_clio_worker_stop(sdk, &error) == CASEHUG_CLIO_OK, "%s", error);
    CHECK(casehug_clio_worker_stop(sdk, &error) == CASEHUG_CLIO_OK, "stopped before: %s", error);
    trigger(sdk, "mat_0002");
    CHECK(!is_synced(sdk, "mat_0002", 15), "nobody works");

    casehug_clio_worker_config with = { sizeof with, 1, 1, 9 };
    CHECK(casehug_clio_worker_start_with(sdk, &with, &error) == CASEHUG_CLIO_SETTING_INVALID, "too quick");
    CHECK(strstr(error, "\"path\":\"poll_ms\"") != NULL && strstr(error, "\"reason\":\"too_short\"") != NULL, "%s", error);
    casehug_clio_free(error);
    CHECK(!is_synced(sdk, "mat_0002", 5), "and none works");
    with.poll_ms = 10;
    CHECK(casehug_clio_worker_start_with(sdk, &with, &error) == CASEHUG_CLIO_OK, "again: %s", error);
    CHECK(is_synced(sdk, "mat_0002", 300), "the next worker does it");
    CHECK(casehug_clio_close(sdk, NULL) == CASEHUG_CLIO_OK, "close ends the worker");
    CHECK(memory_store_released() == 1, "and nobody uses the store any more");
    return 0;
}
