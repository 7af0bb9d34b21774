/* usage: ports CLIO_URL INTAKE_DIR MATTER
 *
 * Keys and intakes of the host, tickets that cancel, and what each function does with a host that
 * fails. */
#define _POSIX_C_SOURCE 200809L
#include "host.h"

#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

static const casehug_clio_actor admin = { "usr_1", "firm_1", 1 };
static enum { WELL, ZERO, EMPTY, MISSING, HUGE_INTAKE } mood;
static char huge[8 * 1024 * 1024 + 1];
static int opened, closed, largest;
static const char text[] = "The bytes of a document, a few at a time.";

#define COUNT(what) __atomic_add_fetch(&(what), 1, __ATOMIC_SEQ_CST)

/* A "KMS": not secret at all, but it binds what is associated. */
static uint8_t mask(casehug_clio_str associated) {
    uint8_t sum = 1;
    for (size_t i = 0; i < associated.len; i++) sum = (uint8_t)(sum * 31 + (uint8_t)associated.data[i]);
    return sum;
}

static int32_t wrap(void *context, const uint8_t *key, casehug_clio_str associated, casehug_clio_wrapped *into) {
    uint8_t blob[32];
    CHECK(context == &mood, "the context is passed on");
    for (int i = 0; i < 32; i++) blob[i] = key[i] ^ mask(associated);
    return casehug_clio_wrapped_set(into, (casehug_clio_str){ "kms-1", 5 }, blob, sizeof blob);
}

static int32_t unwrap(void *context, casehug_clio_str id, const uint8_t *blob, size_t length, casehug_clio_str associated, uint8_t *key) {
    (void)context;
    if (length != 32 || id.len != 5 || mood == ZERO) return 0;
    for (int i = 0; i < 32; i++) key[i] = mood == EMPTY ? 0 : blob[i] ^ mask(associated);
    return CASEHUG_CLIO_OK;
}

static casehug_clio_str str(const char *of) { return (casehug_clio_str){ of, strlen(of) }; }

static int32_t load(void *context, casehug_clio_str firm, casehug_clio_str matter, casehug_clio_intake_answer *into) {
    (void)context, (void)firm;
    static const char json[] =
        "{\"matter\":{\"id\":\"mat_1\",\"title\":\"T\"},\"client\":{\"id\":\"cli_1\",\"first_name\":\"A\",\"last_name\":\"B\"},"
        "\"documents\":[{\"id\":\"doc_1\",\"file_name\":\"a.txt\",\"content_type\":\"text/plain\",\"status\":\"approved\",\"origin\":\"client_upload\"}]}";
    if (matter.len != 5 || memcmp(matter.data, "mat_1", 5) != 0) return 2;
    if (mood == EMPTY) return CASEHUG_CLIO_OK;
    if (mood == HUGE_INTAKE) return casehug_clio_intake_set(into, (casehug_clio_str){ huge, sizeof huge });
    return mood == ZERO ? 0 : casehug_clio_intake_set(into, str(json));
}

static int32_t stat(void *context, const casehug_clio_document *document, casehug_clio_stat_answer *into) {
    (void)context;
    CHECK(document->document.len == 5 && memcmp(document->document.data, "doc_1", 5) == 0, "which document");
    if (mood == MISSING) return 2;
    return casehug_clio_stat_set(into, sizeof text - 1, str("v1"), str("approved"), str("client_upload"));
}

static int32_t open_document(void *context, const casehug_clio_document *document, uint64_t offset, void **reader) {
    (void)context, (void)document;
    size_t *at = malloc(sizeof *at);
    *at = (size_t)offset;
    *reader = at;
    COUNT(opened);
    return CASEHUG_CLIO_OK;
}

static int32_t read_document(void *context, void *reader, uint8_t *buffer, size_t capacity, size_t *count) {
    (void)context;
    size_t *at = reader, left = sizeof text - 1 - *at;
    if ((int)capacity > largest) largest = (int)capacity;
    *count = left < 7 ? left : 7;
    CHECK(capacity >= *count, "room");
    memcpy(buffer, text + *at, *count);
    *at += *count;
    return CASEHUG_CLIO_OK;
}

static void close_document(void *context, void *reader) {
    (void)context;
    free(reader);
    COUNT(closed);
}

/* A vault with room for one envelope. */
static struct { char version[256], envelope[8192]; int swaps; } vault;

static int32_t load_tokens(void *context, casehug_clio_str firm, casehug_clio_str connection, casehug_clio_tokens_answer *into) {
    (void)context, (void)firm, (void)connection;
    casehug_clio_str version = { vault.version, strlen(vault.version) }, envelope = { vault.envelope, strlen(vault.envelope) };
    if (mood == ZERO) return 0;
    return version.len == 0 || casehug_clio_tokens_set(into, version, envelope) ? CASEHUG_CLIO_OK : -1;
}

static int32_t swap_tokens(void *context, casehug_clio_str firm, casehug_clio_str connection, casehug_clio_str expected, casehug_clio_str version, casehug_clio_str envelope) {
    (void)context, (void)firm, (void)connection;
    if (expected.data == NULL ? vault.version[0] != 0 : strcmp(expected.data, vault.version) != 0) return 2;
    CHECK(version.len < sizeof vault.version && envelope.len < sizeof vault.envelope, "room");
    strcpy(vault.version, version.data);
    strcpy(vault.envelope, envelope.data);
    vault.swaps++;
    return CASEHUG_CLIO_OK;
}

static int32_t remove_tokens(void *context, casehug_clio_str firm, casehug_clio_str connection) {
    (void)context, (void)firm, (void)connection;
    vault.version[0] = 0;
    return CASEHUG_CLIO_OK;
}

static void release(void *context) { COUNT(*(int *)context); }

static int32_t got;
static void *wait_for_events(void *ticket) {
    char *out = NULL, *error = NULL;
    got = casehug_clio_next_events(ticket, NULL, 1, 60000, &out, &error);
    casehug_clio_free(out);
    casehug_clio_free(error);
    return NULL;
}

static void refused(const char *what, int32_t status, char *error, const char *reason) {
    CHECK(status == CASEHUG_CLIO_SETTING_INVALID && strstr(error, reason) != NULL, "%s: %d %s", what, (int)status, error);
    casehug_clio_free(error);
}

int main(int argc, char **argv) {
    CHECK(argc == 4, "usage: ports CLIO_URL INTAKE_DIR MATTER");
    CHECK(casehug_clio_abi() == CASEHUG_CLIO_ABI, "one library, one header");
    char numbers[32];
    sprintf(numbers, "%d.%d.%d", CASEHUG_CLIO_VERSION_MAJOR, CASEHUG_CLIO_VERSION_MINOR, CASEHUG_CLIO_VERSION_PATCH);
    CHECK(strcmp(casehug_clio_version(), CASEHUG_CLIO_VERSION) == 0, "%s", casehug_clio_version());
    CHECK(strncmp(casehug_clio_version(), numbers, strlen(numbers)) == 0, "%s", numbers);
    int key_releases = 0, intake_releases = 0;
    casehug_clio_keys keys = { sizeof keys, &mood, wrap, unwrap, NULL };
    casehug_clio_intakes intakes = { sizeof intakes, &intake_releases, load, stat, open_document, read_document, close_document, release };
    int vault_releases = 0;
    casehug_clio_tokens tokens = { sizeof tokens, &vault_releases, load_tokens, swap_tokens, remove_tokens, release };
    casehug_clio_config config = host_config(argv[1], argv[2]);
    casehug_clio_sdk *sdk = NULL, *ticket = NULL, *other = NULL;
    char *out = NULL, *error = NULL;
    int32_t status;
    config.store = "sqlite::memory:";
    config.keys = &keys;
    config.intakes = &intakes;

    /* What is given twice, or lacks a function, is refused; what was taken is released. */
    status = casehug_clio_open(&config, NULL, &sdk, &error);
    CHECK(status == CASEHUG_CLIO_SETTING_INVALID && intake_releases == 1, "%d %s", intake_releases, error);
    casehug_clio_free(error);
    config.sealing_key = config.sealing_key_id = config.intake_folder = config.store = NULL;
    casehug_clio_keys half = keys;
    half.unwrap = NULL;
    half.release = release;
    half.context = &key_releases;
    config.keys = &half;
    casehug_clio_store store;
    memory_store_new(&store);
    status = casehug_clio_open(&config, &store, &sdk, &error);
    refused("half a table", status, error, "missing");
    CHECK(key_releases == 1 && intake_releases == 2 && memory_store_released() == 1, "released");
    config.keys = &keys;

    config.tokens = &tokens;
    memory_store_new(&store);
    status = casehug_clio_open(&config, &store, &sdk, &error);
    CHECK(status == CASEHUG_CLIO_OK, "%s", error);
    host_connect(sdk, &admin);
    CHECK(vault.swaps >= 1 && strstr(vault.envelope, "access") == NULL, "sealed tokens are in the vault");

    /* Everything through the host. */
    status = casehug_clio_sync_matter(sdk, &admin, "mat_1", &out, &error);
    CHECK(status == CASEHUG_CLIO_OK && strstr(out, "\"status\":\"succeeded\"") != NULL, "%s %s", out, error);
    casehug_clio_free(out);
    CHECK(opened >= 1 && largest <= 256 * 1024, "%d %d", opened, largest);
    for (int i = 0; i < 100 && __atomic_load_n(&closed, __ATOMIC_SEQ_CST) < opened; i++) nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
    CHECK(closed == opened, "%d of %d closed", closed, opened);

    /* A host that fails: a code, never a success. */
    status = casehug_clio_plan_matter(sdk, &admin, "mat_9", NULL, &error);
    CHECK(status == CASEHUG_CLIO_MATTER_UNKNOWN, "%d %s", (int)status, error);
    casehug_clio_free(error);
    mood = ZERO;
    status = casehug_clio_sync_matter(sdk, &admin, "mat_1", &out, &error);
    CHECK(status != CASEHUG_CLIO_OK && out == NULL, "%s", out);
    casehug_clio_free(error);
    mood = MISSING;
    status = casehug_clio_plan_matter(sdk, &admin, "mat_1", &out, &error);
    CHECK(status == CASEHUG_CLIO_OK, "%s", error);
    casehug_clio_free(out);
    for (mood = ZERO; mood <= EMPTY; mood++) {
        status = casehug_clio_plan_matter(sdk, &admin, "mat_1", &out, &error);
        CHECK(status == CASEHUG_CLIO_INTAKE_UNREADABLE && out == NULL, "%d %s", (int)status, error);
        casehug_clio_free(error);
    }
    /* As of a folder: it will not be better if it is asked for again. */
    mood = HUGE_INTAKE;
    status = casehug_clio_plan_matter(sdk, &admin, "mat_1", &out, &error);
    CHECK(status == CASEHUG_CLIO_INTAKE_MALFORMED && strstr(error, "\"reason\":\"too_large\"") != NULL, "%d %s", (int)status, error);
    casehug_clio_free(error);
    mood = WELL;

    /* Tickets. */
    status = casehug_clio_ticket_new(sdk, &ticket, &error);
    CHECK(status == CASEHUG_CLIO_OK && ticket != NULL && ticket != sdk, "%s", error);
    status = casehug_clio_cancel(sdk, &error);
    refused("an SDK is no ticket", status, error, "not_a_ticket");
    status = casehug_clio_cancel(NULL, &error);
    refused("no ticket", status, error, "null_pointer");
    status = casehug_clio_ticket_new(sdk, NULL, &error);
    refused("nowhere to put it", status, error, "null_pointer");
    pthread_t thread;
    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    CHECK(pthread_create(&thread, NULL, wait_for_events, ticket) == 0, "thread");
    nanosleep(&(struct timespec){ 0, 200000000 }, NULL);
    CHECK(casehug_clio_cancel(ticket, NULL) == CASEHUG_CLIO_OK && casehug_clio_cancel(ticket, NULL) == CASEHUG_CLIO_OK, "twice");
    pthread_join(thread, NULL);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    CHECK(ended.tv_sec - began.tv_sec < 10, "it waits on");
    CHECK(got == CASEHUG_CLIO_OK || got == CASEHUG_CLIO_CANCELLED, "%d", (int)got);
    status = casehug_clio_plan_matter(ticket, &admin, "mat_1", NULL, &error);
    CHECK(status == CASEHUG_CLIO_CANCELLED && strstr(error, "\"code\":\"cancelled\"") != NULL, "%d %s", (int)status, error);
    casehug_clio_free(error);
    status = casehug_clio_handle_webhook(ticket, str("token"), NULL, 0, NULL, 0, &out, NULL);
    CHECK(status == CASEHUG_CLIO_CANCELLED && out == NULL, "%d %s", (int)status, out);
    CHECK(casehug_clio_handle_webhook(sdk, str("token"), NULL, 0, NULL, 0, NULL, NULL) == CASEHUG_CLIO_OK, "not the SDK");
    CHECK(casehug_clio_plan_matter(sdk, &admin, "mat_1", NULL, NULL) == CASEHUG_CLIO_OK, "the SDK goes on");
    CHECK(casehug_clio_close(ticket, NULL) == CASEHUG_CLIO_OK, "given back");
    status = casehug_clio_cancel(ticket, &error);
    refused("a ticket that was given back", status, error, "stale_handle");

    /* The child of a fork is refused, opens its own, and hurts nothing. */
    CHECK(casehug_clio_ticket_new(sdk, &other, NULL) == CASEHUG_CLIO_OK, "another ticket");
    pid_t child = fork();
    if (child == 0) {
        casehug_clio_sdk *own = NULL;
        casehug_clio_store empty;
        memory_store_new(&empty);
        if (casehug_clio_plan_matter(sdk, &admin, "mat_1", NULL, NULL) != CASEHUG_CLIO_SETTING_INVALID) _exit(1);
        if (casehug_clio_cancel(other, NULL) != CASEHUG_CLIO_SETTING_INVALID || casehug_clio_close(sdk, NULL) == CASEHUG_CLIO_OK) _exit(2);
        if (casehug_clio_open(&config, &empty, &own, NULL) != CASEHUG_CLIO_OK || own == sdk) _exit(3);
        if (casehug_clio_get_health(own, &admin, NULL, NULL) != CASEHUG_CLIO_OK) _exit(4);
        _exit(casehug_clio_close(own, NULL) == CASEHUG_CLIO_OK ? 0 : 5);
    }
    int how = 1;
    CHECK(waitpid(child, &how, 0) == child && how == 0, "in the child: %d", how);

    CHECK(casehug_clio_close(sdk, NULL) == CASEHUG_CLIO_OK && intake_releases == 3, "released: %d", intake_releases);
    CHECK(vault_releases == 1, "released: %d", vault_releases);
    status = casehug_clio_cancel(other, &error);
    refused("tickets end with their SDK", status, error, "stale_handle");
    return 0;
}
