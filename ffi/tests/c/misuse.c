/* usage: misuse CLIO_URL INTAKE_DIR MATTER
 *
 * Everything that a host may do wrong: each is a status and a text, never a crash, a hang or a
 * loss. */
#define _POSIX_C_SOURCE 200809L
#include "host.h"

#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

static const casehug_clio_actor admin = { "usr_1", "firm_1", 1 };
static casehug_clio_store good;
static casehug_clio_sdk *sdk;
static enum { WELL, ZERO, GARBAGE, BAD_UTF8, TOO_MANY, NO_TIME, SLOW, CALLS_BACK } mood;
static int32_t called_back[7];
static casehug_clio_config config;

/* A store and a vault that know nothing; how often each was released is in its context. */
static int32_t no_get(void *context, casehug_clio_str firm, casehug_clio_str collection, casehug_clio_str id, casehug_clio_records *into) {
    return (void)context, (void)firm, (void)collection, (void)id, (void)into, 0;
}
static int32_t no_scan(void *context, const casehug_clio_scan *scan, casehug_clio_records *into) {
    return (void)context, (void)scan, (void)into, 0;
}
static int32_t no_commit(void *context, const casehug_clio_write *writes, size_t count, int64_t *now_ms) {
    return (void)context, (void)writes, (void)count, (void)now_ms, 0;
}
static int32_t no_load(void *context, casehug_clio_str firm, casehug_clio_str id, casehug_clio_tokens_answer *into) {
    return (void)context, (void)firm, (void)id, (void)into, 0;
}
static int32_t no_swap(void *context, casehug_clio_str firm, casehug_clio_str id, casehug_clio_str expected, casehug_clio_str version, casehug_clio_str text) {
    return (void)context, (void)firm, (void)id, (void)expected, (void)version, (void)text, 0;
}
static int32_t no_remove(void *context, casehug_clio_str firm, casehug_clio_str id) { return (void)context, (void)firm, (void)id, 0; }
static void counted(void *context) { __atomic_add_fetch((int *)context, 1, __ATOMIC_SEQ_CST); }
static int released[3], times;
static const casehug_clio_store UNUSABLE = { sizeof UNUSABLE, &released[0], no_get, no_scan, no_commit, counted };
static const casehug_clio_tokens VAULT = { sizeof VAULT, &released[1], no_load, no_swap, no_remove, counted };

static int32_t get(void *context, casehug_clio_str firm, casehug_clio_str collection, casehug_clio_str id, casehug_clio_records *into) {
    casehug_clio_str none = { NULL, 0 }, one = { "1", 1 }, bad = { "\xff\xfe", 2 };
    switch (mood) {
    case ZERO: return 0;
    case GARBAGE: return 12345;
    case BAD_UTF8: casehug_clio_records_push(into, none, id, one, -1, bad); return CASEHUG_CLIO_OK;
    case TOO_MANY:
        casehug_clio_records_push(into, none, id, one, -1, one);
        casehug_clio_records_push(into, none, id, one, -1, one);
        return CASEHUG_CLIO_OK;
    case SLOW: nanosleep(&(struct timespec){ 0, 20000000 }, NULL); break;
    case CALLS_BACK:
        called_back[0] = casehug_clio_close(sdk, NULL);
        called_back[1] = casehug_clio_plan_matter(sdk, &admin, "mat_0001", NULL, NULL);
        called_back[2] = casehug_clio_version() != NULL;
        called_back[3] = casehug_clio_worker_stop(sdk, NULL);
        if (times++ > 0) break;
        config.tokens = &VAULT;
        called_back[4] = casehug_clio_open(&config, &UNUSABLE, &(casehug_clio_sdk *){ NULL }, NULL);
        called_back[5] = casehug_clio_check_store(&UNUSABLE, NULL, NULL, NULL);
        called_back[6] = casehug_clio_check_tokens(&VAULT, NULL, NULL);
        break;
    default: break;
    }
    return good.get(context, firm, collection, id, into);
}

static int32_t commit(void *context, const casehug_clio_write *writes, size_t count, int64_t *now_ms) {
    int32_t done = good.commit(context, writes, count, now_ms);
    if (mood == NO_TIME) *now_ms = -1;
    return mood == ZERO ? 0 : mood == GARBAGE ? -7 : done;
}

static void check_refused(const char *what, int32_t status, int32_t code, char *error, const char *reason) {
    CHECK(status == code, "%s: %d instead of %d: %s", what, status, code, error);
    CHECK(error != NULL && strstr(error, reason) != NULL, "%s: %s", what, error);
    casehug_clio_free(error);
}

/* The call comes first: C does not say in which order arguments are evaluated. */
#define expect(what, call, code, error, reason)           \
    do {                                                  \
        (error) = NULL;                                   \
        int32_t got_ = (call);                            \
        check_refused(what, got_, code, error, reason);   \
    } while (0)

static void *sync_on_a_thread(void *matter) {
    char *out = NULL, *error = NULL;
    int32_t status = casehug_clio_sync_matter(sdk, &admin, matter, &out, &error);
    CHECK(status == CASEHUG_CLIO_OK, "%s", error);
    CHECK(strstr(out, "\"status\":\"succeeded\"") != NULL, "%s", out);
    casehug_clio_free(out);
    return NULL;
}

int main(int argc, char **argv) {
    CHECK(argc == 4, "usage: misuse CLIO_URL INTAKE_DIR MATTER");
    const char *matter = argv[3];
    config = host_config(argv[1], argv[2]);
    char *out = NULL, *error = NULL;
    int32_t status;

    /* Opening. A store that was taken is released, whatever is wrong with the rest. */
    casehug_clio_store store;
    int releases = 0;
    casehug_clio_sdk *none = NULL;
    expect("null config", casehug_clio_open(NULL, NULL, &none, &error), CASEHUG_CLIO_SETTING_INVALID, error, "null_pointer");
    casehug_clio_config wrong = config;
    wrong.size = 8;
    memory_store_new(&store);
    expect("small config", casehug_clio_open(&wrong, &store, &none, &error), CASEHUG_CLIO_SETTING_INVALID, error, "wrong_size");
    CHECK(memory_store_released() == ++releases, "released although opening failed");
    /* A program that was compiled with the header of 0.1.0: what stands behind its struct is not
     * read. */
    casehug_clio_config older = config;
    older.size = offsetof(casehug_clio_config, index_delay_seconds);
    older.log_level = 99;
    memory_store_new(&store);
    CHECK(casehug_clio_open(&older, &store, &none, &error) == CASEHUG_CLIO_OK, "%s", error);
    CHECK(casehug_clio_close(none, NULL) == CASEHUG_CLIO_OK && memory_store_released() == ++releases, "close");
    none = NULL;
    memory_store_new(&store);
    expect("null out", casehug_clio_open(&config, &store, NULL, &error), CASEHUG_CLIO_SETTING_INVALID, error, "null_pointer");
    CHECK(memory_store_released() == ++releases, "released although opening failed");
    memory_store_new(&store);
    store.commit = NULL;
    expect("no commit", casehug_clio_open(&config, &store, &none, &error), CASEHUG_CLIO_SETTING_INVALID, error, "missing");
    CHECK(memory_store_released() == ++releases, "released although opening failed");
    expect("no store", casehug_clio_open(&config, NULL, &none, &error), CASEHUG_CLIO_SETTING_INVALID, error, "missing");
    wrong = config;
    wrong.client_id = "\xff";
    memory_store_new(&store);
    expect("not UTF-8", casehug_clio_open(&wrong, &store, &none, &error), CASEHUG_CLIO_SETTING_INVALID, error, "not_utf8");
    CHECK(memory_store_released() == ++releases, "released although opening failed");
    wrong = config;
    wrong.clio_url = "http://clio.example.com";
    memory_store_new(&store);
    expect("plain http", casehug_clio_open(&wrong, &store, &none, &error), CASEHUG_CLIO_URL_REFUSED, error, "url_refused");
    CHECK(memory_store_released() == ++releases, "released although opening failed");
    wrong = config;
    wrong.sealing_key = "0123";
    memory_store_new(&store);
    status = casehug_clio_open(&wrong, &store, &none, &error);
    CHECK(strstr(error, "0123") == NULL, "a key is not repeated: %s", error);
    check_refused("short key", status, CASEHUG_CLIO_SETTING_INVALID, error, "setting_invalid");
    CHECK(memory_store_released() == ++releases, "released although opening failed");
    casehug_clio_root_key earlier[] = { { "k0", config.sealing_key }, { "k0", "0123" } };
    const char *reasons[] = { "key_id_repeated", "null_pointer", "key_not_base64_or_hex", "null_pointer" };
    earlier[1].key = config.sealing_key;
    for (int i = 0; i < 4; i++) {
        wrong = config;
        wrong.earlier_sealing_keys = i == 3 ? NULL : earlier;
        wrong.earlier_sealing_key_count = 2;
        if (i == 1) earlier[1].key = NULL;
        if (i == 2) earlier[1] = (casehug_clio_root_key){ "k00", "?" };
        memory_store_new(&store);
        status = casehug_clio_open(&wrong, &store, &none, &error);
        CHECK(strstr(error, "earlier_sealing_keys") != NULL, "the argument is named: %s", error);
        check_refused("earlier key", status, CASEHUG_CLIO_SETTING_INVALID, error, reasons[i]);
        CHECK(memory_store_released() == ++releases, "released although opening failed");
    }
    wrong = config;
    wrong.sqlite_path = "/nonexistent/folder/sync.db";
    expect("bad path", casehug_clio_open(&wrong, NULL, &none, &error), CASEHUG_CLIO_STORE_OPEN_FAILED, error, "directory_missing");
    CHECK(none == NULL, "a failed open gives no handle");

    /* Handles that are none. */
    expect("null handle", casehug_clio_sync_matter(NULL, &admin, matter, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "null_pointer");
    casehug_clio_sdk *wild = (casehug_clio_sdk *)(uintptr_t)0xdeadbee0;
    expect("wild handle", casehug_clio_sync_matter(wild, &admin, matter, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "stale_handle");
    expect("null handle", casehug_clio_call(NULL, NULL, NULL, NULL, 0, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "null_pointer");
    expect("wild handle", casehug_clio_call_json(wild, NULL, NULL, NULL, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "stale_handle");
    expect("null handle", casehug_clio_worker_start(NULL, &error), CASEHUG_CLIO_SETTING_INVALID, error, "null_pointer");
    expect("wild handle", casehug_clio_worker_start(wild, &error), CASEHUG_CLIO_SETTING_INVALID, error, "stale_handle");
    expect("wild handle", casehug_clio_worker_stop(wild, &error), CASEHUG_CLIO_SETTING_INVALID, error, "stale_handle");
    expect("wild close", casehug_clio_close(wild, &error), CASEHUG_CLIO_SETTING_INVALID, error, "stale_handle");
    casehug_clio_free(NULL);

    memory_store_new(&good);
    store = good;
    store.get = get;
    store.commit = commit;
    CHECK(casehug_clio_open(&config, &store, &sdk, NULL) == CASEHUG_CLIO_OK, "open");
    expect("not connected", casehug_clio_sync_matter(sdk, &admin, "mat_none", &out, &error), CASEHUG_CLIO_MATTER_UNKNOWN, error, "matter_unknown");
    host_connect(sdk, &admin);

    /* Arguments. */
    casehug_clio_actor bad = { "usr_1", "firm_1", 0 }, nobody = { NULL, NULL, 1 };
    expect("null actor", casehug_clio_sync_matter(sdk, NULL, matter, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "null_pointer");
    expect("no role", casehug_clio_sync_matter(sdk, &bad, matter, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "unknown_value");
    expect("no user", casehug_clio_sync_matter(sdk, &nobody, matter, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "null_pointer");
    expect("path as matter", casehug_clio_sync_matter(sdk, &admin, "../mat_0001", &out, &error), CASEHUG_CLIO_REQUEST_INVALID, error, "\"path\":\"matter\"");
    casehug_clio_actor member = { "usr_2", "firm_1", 2 };
    expect("member", casehug_clio_begin_connect(sdk, &member, "http://127.0.0.1:9/", &out, &error), CASEHUG_CLIO_NOT_ALLOWED, error, "not_allowed");
    CHECK(out == NULL, "a failure gives no value");

    /* Calls by name. */
    casehug_clio_argument list[2] = { { "matter", CASEHUG_CLIO_TEXT, matter, 0 }, { "matter", CASEHUG_CLIO_TEXT, matter, 0 } };
    expect("null operation", casehug_clio_call(sdk, &admin, NULL, list, 1, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "null_pointer");
    expect("no operation", casehug_clio_call(sdk, &admin, "sync_matters", list, 1, &out, &error), CASEHUG_CLIO_REQUEST_INVALID, error, "operation");
    expect("not UTF-8", casehug_clio_call(sdk, &admin, "\xff", list, 1, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "not_utf8");
    expect("null list", casehug_clio_call(sdk, &admin, "plan_matter", NULL, 1, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "null_pointer");
    expect("a wild count", casehug_clio_call(sdk, &admin, "plan_matter", list, SIZE_MAX, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "wrong_size");
    expect("an argument is missing", casehug_clio_call(sdk, &admin, "plan_matter", NULL, 0, &out, &error), CASEHUG_CLIO_REQUEST_INVALID, error, "missing_field");
    expect("twice", casehug_clio_call(sdk, &admin, "plan_matter", list, 2, &out, &error), CASEHUG_CLIO_REQUEST_INVALID, error, "repeated_key");
    list[1].name = "mat\": 1, \"ter";
    expect("no name", casehug_clio_call(sdk, &admin, "plan_matter", list, 2, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "unknown_value");
    list[1].name = NULL;
    expect("null name", casehug_clio_call(sdk, &admin, "plan_matter", list, 2, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "null_pointer");
    list[1].name = "more";
    expect("unknown name", casehug_clio_call(sdk, &admin, "plan_matter", list, 2, &out, &error), CASEHUG_CLIO_REQUEST_INVALID, error, "unknown_field");
    list[0].kind = 0;
    expect("no kind", casehug_clio_call(sdk, &admin, "plan_matter", list, 1, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "unknown_value");
    expect("no JSON", casehug_clio_call_json(sdk, &admin, "plan_matter", "{\"matter\":", &out, &error), CASEHUG_CLIO_REQUEST_INVALID, error, "truncated");
    expect("no object", casehug_clio_call_json(sdk, &admin, "plan_matter", "[\"mat_0001\"]", &out, &error), CASEHUG_CLIO_REQUEST_INVALID, error, "not_an_object");
    expect("nobody as the host", casehug_clio_call(sdk, NULL, "next_events", NULL, 0, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "\"argument\":\"actor\"");
    expect("nobody with JSON", casehug_clio_call_json(sdk, NULL, "ack_event", "{\"id\":\"1\",\"firm\":\"firm_1\"}", &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "\"argument\":\"actor\"");
    expect("nobody for a firm", casehug_clio_get_health(sdk, NULL, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "\"argument\":\"actor\"");
    expect("the host for a firm", casehug_clio_call_host_json(sdk, "get_health", NULL, &out, &error), CASEHUG_CLIO_NOT_ALLOWED, error, "not_allowed");
    expect("a user as the host", casehug_clio_call_json(sdk, &admin, "next_events", "{\"limit\":1,\"wait_ms\":0}", &out, &error), CASEHUG_CLIO_NOT_ALLOWED, error, "host_only");

    /* Webhooks: whatever came is a reply; what the host does wrong is an error. */
    casehug_clio_str token = { "firm_1.\xff", 8 }, empty = { NULL, 0 };
    casehug_clio_header headers[1] = { { { "X-Hook-Signature", 16 }, { "\xfe", 1 } } };
    const uint8_t body[2] = { 0, 255 };
    CHECK(casehug_clio_handle_webhook(sdk, token, headers, 1, body, 2, &out, NULL) == CASEHUG_CLIO_OK, "a webhook");
    CHECK(strcmp(out, "{\"headers\":[],\"status\":404}") == 0, "%s", out);
    casehug_clio_free(out);
    CHECK(casehug_clio_handle_webhook(sdk, empty, NULL, 0, NULL, 0, NULL, NULL) == CASEHUG_CLIO_OK, "an empty webhook");
    expect("null headers", casehug_clio_handle_webhook(sdk, token, NULL, 1, body, 2, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "null_pointer");
    expect("null body", casehug_clio_handle_webhook(sdk, token, headers, 1, NULL, 2, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "null_pointer");
    expect("wild headers", casehug_clio_handle_webhook(sdk, token, headers, SIZE_MAX, body, 2, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "wrong_size");
    expect("a wild body", casehug_clio_handle_webhook(sdk, token, headers, 1, body, SIZE_MAX, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "wrong_size");
    expect("webhook, wild handle", casehug_clio_handle_webhook(wild, token, headers, 1, body, 2, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "stale_handle");

    /* A store that fails or answers nonsense: unknown, never success. */
    mood = ZERO;
    expect("zero", casehug_clio_sync_matter(sdk, &admin, matter, &out, &error), CASEHUG_CLIO_STORE_FAILED, error, "callback_failed");
    mood = GARBAGE;
    expect("garbage", casehug_clio_sync_matter(sdk, &admin, matter, &out, &error), CASEHUG_CLIO_STORE_FAILED, error, "12345");
    mood = BAD_UTF8;
    expect("bad UTF-8", casehug_clio_sync_matter(sdk, &admin, matter, &out, &error), CASEHUG_CLIO_STORE_FAILED, error, "not_utf8");
    mood = TOO_MANY;
    expect("too many", casehug_clio_sync_matter(sdk, &admin, matter, &out, &error), CASEHUG_CLIO_STORE_FAILED, error, "more_than_the_limit");
    mood = NO_TIME;
    status = casehug_clio_sync_matter(sdk, &admin, matter, &out, &error);
    CHECK(status != CASEHUG_CLIO_OK || strstr(out, "succeeded") == NULL, "a commit without its time is no success");
    casehug_clio_free(out);
    casehug_clio_free(error);

    /* Callbacks that call back are refused, and nothing hangs. */
    mood = CALLS_BACK;
    casehug_clio_plan_matter(sdk, &admin, matter, &out, &error);
    casehug_clio_free(out);
    casehug_clio_free(error);
    CHECK(called_back[0] == CASEHUG_CLIO_SETTING_INVALID, "close inside a callback: %d", called_back[0]);
    CHECK(called_back[1] == CASEHUG_CLIO_SETTING_INVALID, "a call inside a callback: %d", called_back[1]);
    CHECK(called_back[2] == 1, "harmless functions work");
    CHECK(called_back[3] == CASEHUG_CLIO_SETTING_INVALID, "a wait inside a callback: %d", called_back[3]);
    for (int i = 4; i < 7; i++) CHECK(called_back[i] == CASEHUG_CLIO_SETTING_INVALID, "%d: %d", i, called_back[i]);
    /* What they were given is released all the same. */
    CHECK(released[0] == 2 && released[1] == 2, "released %d and %d times", released[0], released[1]);

    /* Slow callbacks, and several threads on one matter: once in Clio. What the failing store left
     * is taken over when its lease ends. */
    mood = SLOW;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, sync_on_a_thread, (void *)matter) == 0, "thread");
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);

    /* The child of a fork gets an answer instead of a hang. */
    pid_t child = fork();
    if (child == 0) _exit(casehug_clio_plan_matter(sdk, &admin, matter, NULL, NULL) == CASEHUG_CLIO_SETTING_INVALID ? 0 : 1);
    int how = 1;
    CHECK(waitpid(child, &how, 0) == child && how == 0, "after fork: %d", how);

    CHECK(casehug_clio_close(sdk, NULL) == CASEHUG_CLIO_OK, "close");
    CHECK(memory_store_released() == ++releases, "released once");

    /* One store that is given as two is still one. */
    casehug_clio_store twin = UNUSABLE;
    const casehug_clio_store *seconds[3] = { NULL, &UNUSABLE, &twin };
    for (int i = 0; i < 3; i++) {
        released[0] = 0;
        CHECK(casehug_clio_check_store(&UNUSABLE, seconds[i], &out, NULL) == CASEHUG_CLIO_OK, "a store that fails is checked");
        casehug_clio_free(out);
        CHECK(released[0] == 1, "%d: released %d times", i, released[0]);
    }
    twin.context = &released[2];
    CHECK(casehug_clio_check_store(&UNUSABLE, &twin, NULL, NULL) == CASEHUG_CLIO_OK, "two stores");
    CHECK(released[0] == 2 && released[2] == 1, "each is released");
    expect("closed twice", casehug_clio_close(sdk, &error), CASEHUG_CLIO_SETTING_INVALID, error, "stale_handle");
    expect("used after close", casehug_clio_sync_matter(sdk, &admin, matter, &out, &error), CASEHUG_CLIO_SETTING_INVALID, error, "stale_handle");
    return 0;
}
