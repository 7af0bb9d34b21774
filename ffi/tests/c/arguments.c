/* usage: arguments CLIO_URL INTAKE_DIR MATTER
 *
 * What C hands over arrives as it was meant, and what is refused is named by its path, never by its
 * value. */
#define _POSIX_C_SOURCE 200809L
#include "host.h"

static const casehug_clio_actor admin = { "usr_1", "firm_1", 1 };
static casehug_clio_sdk *sdk;

static char *done(const char *what, int32_t status, char *out, char *error) {
    CHECK(status == CASEHUG_CLIO_OK && out != NULL && error == NULL, "%s: %d: %s", what, (int)status, error);
    return out;
}

static void refused(const char *what, int32_t status, char *out, char *error, const char *path, const char *reason) {
    char named[64];
    snprintf(named, sizeof named, "\"path\":\"%s\"", path);
    CHECK(status == CASEHUG_CLIO_REQUEST_INVALID && out == NULL && error != NULL, "%s: %d: %s", what, (int)status, out);
    CHECK(strstr(error, named) != NULL && strstr(error, reason) != NULL, "%s: %s", what, error);
    CHECK(strstr(error, "secret") == NULL, "a value is not repeated: %s", error);
    casehug_clio_free(error);
}

/* The call comes first: C does not say in which order arguments are evaluated. */
#define CALL(into, call)               \
    do {                               \
        out = error = NULL;            \
        status = (call);               \
        (into) = done(#call, status, out, error); \
    } while (0)
#define REFUSED(call, path, reason)                              \
    do {                                                         \
        out = error = NULL;                                      \
        status = (call);                                         \
        refused(#call, status, out, error, path, reason);        \
    } while (0)

int main(int argc, char **argv) {
    CHECK(argc == 4, "usage: arguments CLIO_URL INTAKE_DIR MATTER");
    casehug_clio_config config = host_config(argv[1], argv[2]);
    casehug_clio_store store;
    memory_store_new(&store);
    char *out = NULL, *error = NULL, *got = NULL;
    int32_t status = casehug_clio_open(&config, &store, &sdk, &error);
    CHECK(status == CASEHUG_CLIO_OK, "%s", error);
    host_connect(sdk, &admin);

    /* Text: quotes, backslashes, control characters and other scripts, and NULL for null. */
    const char *odd = "a \"quoted\"\\ back\tslash, \x01, \xe6\xbc\xa2 \xf0\x9f\x90\xbb and \",\"revision\":0,\"x\":\"";
    CALL(got, casehug_clio_reload_practice_areas(sdk, &admin, &out, &error));
    char *area = host_field(got, "id");
    casehug_clio_free(got);
    CALL(got, casehug_clio_map_case_type(sdk, &admin, odd, area, &out, &error));
    free(area);
    casehug_clio_free(got);
    CALL(got, casehug_clio_get_mappings(sdk, &admin, &out, &error));
    const char *kept = "a \\\"quoted\\\"\\\\ back\\tslash, \\u0001, \xe6\xbc\xa2 \xf0\x9f\x90\xbb and \\\",\\\"revision\\\":0,\\\"x\\\":\\\"";
    CHECK(strstr(got, kept) != NULL, "%s", got);
    casehug_clio_free(got);
    CALL(got, casehug_clio_map_case_type(sdk, &admin, odd, NULL, &out, &error));
    casehug_clio_free(got);
    CALL(got, casehug_clio_get_mappings(sdk, &admin, &out, &error));
    CHECK(strstr(got, kept) == NULL, "the default again: %s", got);
    casehug_clio_free(got);

    /* JSON within text, and JSON. */
    CALL(got, casehug_clio_export_settings(sdk, &admin, &out, &error));
    CHECK(strstr(got, "\"document\":\"") != NULL, "%s", got);
    casehug_clio_free(got);
    CALL(got, casehug_clio_get_settings(sdk, &admin, &out, &error));
    char *revision = host_field(got, "revision"), change[128];
    casehug_clio_free(got);
    snprintf(change, sizeof change, " {\n\"revision\": %s, \"contact_review\": true } ", revision);
    free(revision);
    CALL(got, casehug_clio_change_settings(sdk, &admin, change, &out, &error));
    casehug_clio_free(got);
    REFUSED(casehug_clio_change_settings(sdk, &admin, "{} , \"secret\": {}", &out, &error), "change", "syntax");
    REFUSED(casehug_clio_change_settings(sdk, &admin, "{\"secret", &out, &error), "change", "truncated");
    REFUSED(casehug_clio_change_settings(sdk, &admin, "", &out, &error), "change", "truncated");
    REFUSED(casehug_clio_change_settings(sdk, &admin, "\xff", &out, &error), "change", "not_utf8");
    REFUSED(casehug_clio_change_settings(sdk, &admin, "{\"revision\": \"secret\"}", &out, &error), "change.revision", "wrong_type");
    REFUSED(casehug_clio_list_runs(sdk, &admin, "{\"limit\":1,\"limit\":2}", &out, &error), "limit", "repeated_key");
    REFUSED(casehug_clio_start_backfill(sdk, &admin, "[\"mat_0001\", 2]", &out, &error), "matters[1]", "wrong_type");

    /* Texts that are none, and values that no enumeration has. */
    REFUSED(casehug_clio_sync_matter(sdk, &admin, NULL, &out, &error), "matter", "wrong_type");
    REFUSED(casehug_clio_sync_matter(sdk, &admin, "\xc3\x28 secret", &out, &error), "matter", "not_utf8");
    REFUSED(casehug_clio_trigger_sync(sdk, &admin, argv[3], "secret", &out, &error), "trigger", "value_not_allowed");
    REFUSED(casehug_clio_begin_recovery(sdk, &admin, "secretly", &out, &error), "since", "value_not_allowed");

    /* Integers. */
    CALL(got, casehug_clio_export_audit(sdk, &admin, 1, 100, &out, &error));
    CHECK(strstr(got, "\"ndjson\":\"") != NULL, "%s", got);
    casehug_clio_free(got);
    REFUSED(casehug_clio_export_audit(sdk, &admin, -1, 100, &out, &error), "from", "value_not_allowed");

    /* The host's own operations, with and without a firm; and a list that is written by hand. */
    CALL(got, casehug_clio_trigger_sync(sdk, &admin, argv[3], "manual", &out, &error));
    casehug_clio_free(got);
    CALL(got, casehug_clio_next_events(sdk, NULL, 100, 0, &out, &error));
    CHECK(got[0] == '[', "%s", got);
    casehug_clio_free(got);
    casehug_clio_argument list[] = { { "limit", CASEHUG_CLIO_INTEGER, NULL, 1 }, { "wait_ms", CASEHUG_CLIO_INTEGER, NULL, 0 } };
    CALL(got, casehug_clio_call_host(sdk, "next_events", list, 2, &out, &error));
    casehug_clio_free(got);
    CALL(got, casehug_clio_call_host_json(sdk, "next_events", "{\"limit\":1,\"wait_ms\":0,\"firm\":null}", &out, &error));
    casehug_clio_free(got);
    CALL(got, casehug_clio_call_json(sdk, &admin, "get_health", NULL, &out, &error));
    casehug_clio_free(got);

    CHECK(casehug_clio_close(sdk, NULL) == CASEHUG_CLIO_OK, "close");
    return 0;
}
