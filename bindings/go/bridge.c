#include "bridge.h"

#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

static casehug_clio_str text(const void *data, size_t length) {
    casehug_clio_str text = { data == NULL ? "" : data, length };
    return text;
}

static int32_t get(void *context, casehug_clio_str firm, casehug_clio_str collection, casehug_clio_str id, casehug_clio_records *into) {
    return casehugClioGet((uintptr_t)context, firm, collection, id, into);
}

static int32_t scan(void *context, const casehug_clio_scan *scan, casehug_clio_records *into) {
    return casehugClioScan((uintptr_t)context, (casehug_clio_scan *)scan, into);
}

static int32_t commit(void *context, const casehug_clio_write *writes, size_t count, int64_t *now) {
    return casehugClioCommit((uintptr_t)context, (casehug_clio_write *)writes, count, now);
}

static void release(void *context) { casehugClioRelease((uintptr_t)context); }

void casehug_clio_go_store(casehug_clio_store *store, uintptr_t context) {
    casehug_clio_store functions = { sizeof functions, (void *)context, get, scan, commit, release };
    *store = functions;
}

static int32_t wrap(void *context, const uint8_t *key, casehug_clio_str associated, casehug_clio_wrapped *into) {
    return casehugClioWrap((uintptr_t)context, (uint8_t *)key, associated, into);
}

static int32_t unwrap(void *context, casehug_clio_str id, const uint8_t *blob, size_t length, casehug_clio_str associated, uint8_t *key) {
    return casehugClioUnwrap((uintptr_t)context, id, (uint8_t *)blob, length, associated, key);
}

void casehug_clio_go_keys(casehug_clio_keys *keys, uintptr_t context) {
    casehug_clio_keys functions = { sizeof functions, (void *)context, wrap, unwrap, release };
    *keys = functions;
}

static int32_t load_tokens(void *context, casehug_clio_str firm, casehug_clio_str connection, casehug_clio_tokens_answer *into) {
    return casehugClioLoadTokens((uintptr_t)context, firm, connection, into);
}

static int32_t swap_tokens(void *context, casehug_clio_str firm, casehug_clio_str connection, casehug_clio_str expected,
                           casehug_clio_str version, casehug_clio_str envelope) {
    return casehugClioSwapTokens((uintptr_t)context, firm, connection, expected, version, envelope);
}

static int32_t remove_tokens(void *context, casehug_clio_str firm, casehug_clio_str connection) {
    return casehugClioRemoveTokens((uintptr_t)context, firm, connection);
}

void casehug_clio_go_tokens(casehug_clio_tokens *tokens, uintptr_t context) {
    casehug_clio_tokens functions = { sizeof functions, (void *)context, load_tokens, swap_tokens, remove_tokens, release };
    *tokens = functions;
}

static int32_t load(void *context, casehug_clio_str firm, casehug_clio_str matter, casehug_clio_intake_answer *into) {
    return casehugClioLoad((uintptr_t)context, firm, matter, into);
}

static int32_t stat(void *context, const casehug_clio_document *document, casehug_clio_stat_answer *into) {
    return casehugClioStat((uintptr_t)context, *document, into);
}

/* A reader is a number of Go's, and no address. */
static int32_t open_document(void *context, const casehug_clio_document *document, uint64_t offset, void **reader) {
    uintptr_t number = 0;
    int32_t answer = casehugClioOpen((uintptr_t)context, *document, offset, &number);
    *reader = (void *)number;
    return answer;
}

static int32_t read_document(void *context, void *reader, uint8_t *buffer, size_t capacity, size_t *count) {
    (void)context;
    return casehugClioRead((uintptr_t)reader, buffer, capacity, count);
}

static void close_document(void *context, void *reader) {
    (void)context;
    casehugClioCloseReader((uintptr_t)reader);
}

void casehug_clio_go_intakes(casehug_clio_intakes *intakes, uintptr_t context) {
    casehug_clio_intakes functions = { sizeof functions, (void *)context, load, stat, open_document, read_document, close_document, release };
    *intakes = functions;
}

static void log_line(void *context, int32_t level, const char *target, const char *message) {
    casehugClioLog((uintptr_t)context, level, (char *)target, (char *)message);
}

void casehug_clio_go_log(casehug_clio_config *config, uintptr_t context, int32_t level) {
    config->log = log_line;
    config->log_context = (void *)context;
    config->log_level = level;
}

int casehug_clio_go_push(casehug_clio_records *into, const void *firm, size_t firm_length, const void *id, size_t id_length,
                         const void *version, size_t version_length, int64_t due, const void *body, size_t body_length) {
    return casehug_clio_records_push(into, text(firm, firm_length), text(id, id_length), text(version, version_length), due, text(body, body_length));
}

int casehug_clio_go_tokens_set(casehug_clio_tokens_answer *into, const void *version, size_t version_length, const void *envelope, size_t envelope_length) {
    return casehug_clio_tokens_set(into, text(version, version_length), text(envelope, envelope_length));
}

int casehug_clio_go_wrapped(casehug_clio_wrapped *into, const void *id, size_t id_length, const void *blob, size_t blob_length) {
    return casehug_clio_wrapped_set(into, text(id, id_length), blob, blob_length);
}

int casehug_clio_go_intake(casehug_clio_intake_answer *into, const void *json, size_t length) {
    return casehug_clio_intake_set(into, text(json, length));
}

int casehug_clio_go_stat(casehug_clio_stat_answer *into, uint64_t length, const void *revision, size_t revision_length,
                         const void *status, size_t status_length, const void *origin, size_t origin_length) {
    return casehug_clio_stat_set(into, length, text(revision, revision_length), text(status, status_length), text(origin, origin_length));
}

int32_t casehug_clio_go_webhook(casehug_clio_sdk *sdk, const void *token, size_t token_length, const void *all, const size_t *lengths,
                                size_t count, const void *body, size_t body_length, char **out, char **error) {
    casehug_clio_header *headers = calloc(count + 1, sizeof *headers);
    const char *at = all;
    for (size_t i = 0; i < count; i++) {
        headers[i].name = text(at, lengths[2 * i]);
        at += lengths[2 * i];
        headers[i].value = text(at, lengths[2 * i + 1]);
        at += lengths[2 * i + 1];
    }
    int32_t status = casehug_clio_handle_webhook(sdk, text(token, token_length), headers, count, body, body_length, out, error);
    free(headers);
    return status;
}
