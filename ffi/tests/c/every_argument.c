/* usage: every_argument CLIO_URL INTAKE_DIR MATTER
 *
 * Calls every function with something wrong in each position, one at a time: each answers, and
 * nothing is freed twice, lost or followed. The calls are made from the headers
 * (xtask/src/positions.rs). What C's own rules forbid is not done: an address that is none, for
 * anything but a handle. */
#define _POSIX_C_SOURCE 200809L
#include "host.h"

static casehug_clio_sdk *sdk, *stale, *made;
static char *out, *error, too_long[1 << 16];
static casehug_clio_config config, small_config, zero_config, empty_config;
static int calls;

static const casehug_clio_actor admin = { "usr_1", "firm_1", 1 }, nobody = { NULL, NULL, 1 }, no_role = { "u", "f", 99 };
static const casehug_clio_actor no_utf8 = { "\xff", "f", 1 };
static const casehug_clio_argument arguments[1] = { { "matter", CASEHUG_CLIO_TEXT, "mat_1", 0 } };
static const casehug_clio_header headers[1] = { { { "X-Hook-Signature", 16 }, { "\xfe", 1 } } };
static const uint8_t bytes[8] = { 1, 2, 3 };
static const casehug_clio_str good = { "sample", 6 }, none = { NULL, 0 }, null_with_length = { NULL, 7 }, no_text = { "\xff\xfe", 2 };
static const casehug_clio_str with_nul = { "a\0b", 3 }, endless = { "x", SIZE_MAX };

/* A handle that may be closed and cancelled: a ticket for each call. */
static casehug_clio_sdk *tickets[4];
static int held;
static casehug_clio_sdk *handle(void) {
    CHECK(casehug_clio_ticket_new(sdk, &tickets[held], NULL) == CASEHUG_CLIO_OK, "a ticket");
    return tickets[held++];
}
static casehug_clio_sdk *number(uintptr_t number) { return (casehug_clio_sdk *)number; }

/* After each call of a function that answers with a status. */
static void ended(const char *function, const char *position, const char *what, int of_handle, int32_t status) {
    CHECK(status != 0, "%s, %s %s: 0 is no answer", function, position, what);
    CHECK(!of_handle || status == CASEHUG_CLIO_SETTING_INVALID, "%s, %s %s: %d", function, position, what, (int)status);
    CHECK(status == CASEHUG_CLIO_OK ? error == NULL : out == NULL && made == NULL, "%s, %s %s: %d", function, position, what, (int)status);
    CHECK(error == NULL || strncmp(error, "{\"code\":\"", 9) == 0, "%s, %s %s: %s", function, position, what, error);
    CHECK(status == CASEHUG_CLIO_OK || error != NULL || strcmp(position, "error") == 0, "%s, %s %s: no error", function, position, what);
    casehug_clio_free(out);
    casehug_clio_free(error);
    if (made != NULL) CHECK(casehug_clio_close(made, NULL) == CASEHUG_CLIO_OK, "close");
    while (held > 0) casehug_clio_close(tickets[--held], NULL);
    out = error = NULL;
    made = NULL;
    calls++;
}
#define CALL(function, position, what, of_handle, call) ended(function, position, what, of_handle, call)

/* In a callback, with what it was given: 1 or 0. */
#define PUSH(function, position, what, call)                                                       \
    do {                                                                                           \
        int32_t pushed_ = call;                                                                    \
        CHECK(pushed_ == 0 || pushed_ == 1, "%s, %s %s: %d", function, position, what, pushed_);   \
        __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);                                           \
    } while (0)

/* A store, keys and a vault that always fail: no check of them takes long. */
static int32_t no_get(void *c, casehug_clio_str f, casehug_clio_str n, casehug_clio_str i, casehug_clio_records *r) { return (void)c, (void)f, (void)n, (void)i, (void)r, 0; }
static int32_t no_scan(void *c, const casehug_clio_scan *s, casehug_clio_records *r) { return (void)c, (void)s, (void)r, 0; }
static int32_t no_commit(void *c, const casehug_clio_write *w, size_t n, int64_t *t) { return (void)c, (void)w, (void)n, (void)t, 0; }
static int32_t no_load(void *c, casehug_clio_str f, casehug_clio_str n, casehug_clio_tokens_answer *a) { return (void)c, (void)f, (void)n, (void)a, 0; }
static int32_t no_swap(void *c, casehug_clio_str f, casehug_clio_str n, casehug_clio_str e, casehug_clio_str v, casehug_clio_str t) { return (void)c, (void)f, (void)n, (void)e, (void)v, (void)t, 0; }
static int32_t no_remove(void *c, casehug_clio_str f, casehug_clio_str n) { return (void)c, (void)f, (void)n, 0; }
static const casehug_clio_store failing_store = { sizeof failing_store, NULL, no_get, no_scan, no_commit, NULL };
static const casehug_clio_tokens failing_tokens = { sizeof failing_tokens, NULL, no_load, no_swap, no_remove, NULL };
static int32_t no_wrap(void *c, const uint8_t *k, casehug_clio_str a, casehug_clio_wrapped *w) { return (void)c, (void)k, (void)a, (void)w, 0; }
static int32_t no_unwrap(void *c, casehug_clio_str i, const uint8_t *b, size_t n, casehug_clio_str a, uint8_t *k) { return (void)c, (void)i, (void)b, (void)n, (void)a, (void)k, 0; }
static const casehug_clio_keys failing_keys = { sizeof failing_keys, NULL, no_wrap, no_unwrap, NULL };
static const casehug_clio_store zero_store, empty_store = { sizeof empty_store, NULL, NULL, NULL, NULL, NULL };
static const casehug_clio_keys zero_keys, empty_keys = { sizeof empty_keys, NULL, NULL, NULL, NULL };
static const casehug_clio_worker_config worker = { sizeof worker, 1, 1, 1000 }, zero_worker, quick_worker = { sizeof quick_worker, 0, 0, 9 };
static const casehug_clio_tokens zero_tokens, empty_tokens = { sizeof empty_tokens, NULL, NULL, NULL, NULL, NULL };

#include "every_argument.h"

/* What callbacks answer with, wrong in every way; and then they fail. */
static int32_t bad_get(void *c, casehug_clio_str f, casehug_clio_str n, casehug_clio_str i, casehug_clio_records *r) { return bad_casehug_clio_records_push(r), no_get(c, f, n, i, r); }
static int32_t bad_load(void *c, casehug_clio_str f, casehug_clio_str n, casehug_clio_tokens_answer *a) { return bad_casehug_clio_tokens_set(a), no_load(c, f, n, a); }
static int32_t bad_wrap(void *c, const uint8_t *k, casehug_clio_str a, casehug_clio_wrapped *w) { return (void)c, (void)k, (void)a, bad_casehug_clio_wrapped_set(w), 0; }
static int32_t bad_intake(void *c, casehug_clio_str f, casehug_clio_str m, casehug_clio_intake_answer *a) {
    static const char INTAKE[] = "{\"matter\":{\"id\":\"mat_1\",\"title\":\"T\"},\"client\":{\"id\":\"c\",\"first_name\":\"A\",\"last_name\":\"B\"},\"documents\":["
                                 "{\"id\":\"d\",\"file_name\":\"a.txt\",\"content_type\":\"text/plain\",\"status\":\"approved\",\"origin\":\"client_upload\"}]}";
    const casehug_clio_str json = { INTAKE, sizeof INTAKE - 1 };
    static int before;
    (void)c, (void)f, (void)m;
    if (before++ == 0) return bad_casehug_clio_intake_set(a), 0;
    return casehug_clio_intake_set(a, json);
}
static int32_t bad_stat(void *c, const casehug_clio_document *d, casehug_clio_stat_answer *a) { return (void)c, (void)d, bad_casehug_clio_stat_set(a), 0; }
static int32_t no_open(void *c, const casehug_clio_document *d, uint64_t o, void **r) { return (void)c, (void)d, (void)o, (void)r, 0; }
static int32_t no_read(void *c, void *r, uint8_t *b, size_t n, size_t *m) { return (void)c, (void)r, (void)b, (void)n, (void)m, 0; }
static void no_close(void *c, void *r) { (void)c, (void)r; }

static void in_callbacks(void) {
    const casehug_clio_store store = { sizeof store, NULL, bad_get, no_scan, no_commit, NULL };
    const casehug_clio_tokens tokens = { sizeof tokens, NULL, bad_load, no_swap, no_remove, NULL };
    const casehug_clio_keys keys = { sizeof keys, NULL, bad_wrap, no_unwrap, NULL };
    const casehug_clio_intakes intakes = { sizeof intakes, NULL, bad_intake, bad_stat, no_open, no_read, no_close, NULL };
    casehug_clio_config with = config;
    casehug_clio_store memory;
    casehug_clio_sdk *own = NULL;
    CHECK(casehug_clio_check_store(&store, NULL, NULL, NULL) == CASEHUG_CLIO_OK, "all cases fail");
    CHECK(casehug_clio_check_tokens(&tokens, NULL, NULL) == CASEHUG_CLIO_OK, "all cases fail");
    with.sealing_key = with.sealing_key_id = with.intake_folder = NULL;
    with.keys = &keys;
    with.intakes = &intakes;
    memory_store_new(&memory);
    CHECK(casehug_clio_open(&with, &memory, &own, NULL) == CASEHUG_CLIO_OK, "open");
    CHECK(casehug_clio_begin_connect(own, &admin, "http://127.0.0.1:9/", NULL, NULL) == CASEHUG_CLIO_KEY_FAILED, "no key");
    CHECK(casehug_clio_plan_matter(own, &admin, "mat_1", NULL, NULL) == CASEHUG_CLIO_INTAKE_MALFORMED, "an intake of a length that none has");
    CHECK(casehug_clio_plan_matter(own, &admin, "mat_1", NULL, NULL) != 0, "no documents");
    CHECK(casehug_clio_close(own, NULL) == CASEHUG_CLIO_OK, "close");
}

int main(int argc, char **argv) {
    CHECK(argc == 4, "usage: every_argument CLIO_URL INTAKE_DIR MATTER");
    memset(too_long, 'x', sizeof too_long - 1);
    config = host_config(argv[1], argv[2]);
    small_config = empty_config = zero_config = config;
    small_config.size = sizeof(size_t);
    zero_config.size = 0;
    memset(&empty_config, 0, sizeof empty_config);
    empty_config.size = sizeof empty_config;
    casehug_clio_store store;
    memory_store_new(&store);
    CHECK(casehug_clio_open(&config, &store, &sdk, NULL) == CASEHUG_CLIO_OK, "open");
    CHECK(casehug_clio_ticket_new(sdk, &stale, NULL) == CASEHUG_CLIO_OK && casehug_clio_close(stale, NULL) == CASEHUG_CLIO_OK, "a stale handle");
    call_every_position();
    in_callbacks();
    CHECK(casehug_clio_close(sdk, NULL) == CASEHUG_CLIO_OK, "close");
    printf("%d calls\n", calls);
    return 0;
}
