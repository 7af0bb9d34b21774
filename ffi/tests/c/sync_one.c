/* usage: sync_one CLIO_URL INTAKE_DIR MATTER
 *
 * Opens the SDK with a store written in C, connects a firm, and syncs one intake twice: the second
 * time no call is made. */
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

/* What the SDK told, and whether it has a client's name in it (the intake's is Adaeze). */
static struct { int lines, foreign, named, closed; } told;

static void log_line(void *context, int32_t level, const char *target, const char *message) {
    CHECK(context == &told && !told.closed, "told after close");
    CHECK(level >= 1 && level <= 4, "%d", (int)level);
    /* No SDK call is possible in here. */
    CHECK(casehug_clio_close(NULL, NULL) == CASEHUG_CLIO_SETTING_INVALID, "close in the log");
    told.lines++;
    told.foreign += strncmp(target, "casehug_clio", 12) != 0;
    told.named += strstr(message, "Adaeze") != NULL;
}

int main(int argc, char **argv) {
    CHECK(argc == 4, "usage: sync_one CLIO_URL INTAKE_DIR MATTER");
    casehug_clio_config config = host_config(argv[1], argv[2]);
    config.log = log_line;
    config.log_context = &told;
    config.log_level = 4;
    casehug_clio_actor admin = { "usr_1", "firm_1", 1 };
    casehug_clio_store store;
    memory_store_new(&store);
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

    CHECK(memory_store_released() == 0, "released too early");
    CHECK(casehug_clio_close(sdk, NULL) == CASEHUG_CLIO_OK, "close");
    CHECK(memory_store_released() == 1, "release is called once");
    told.closed = 1;
    CHECK(told.lines >= 7 && told.foreign == 0 && told.named == 0, "%d lines", told.lines);
    return 0;
}
