/* Intakes of the host: every matter has one document of `length` bytes, made as it is read. */
#ifndef ONE_DOCUMENT_H
#define ONE_DOCUMENT_H
#include "host.h"

static uint64_t length;

static casehug_clio_str str(const char *of) { return (casehug_clio_str){ of, strlen(of) }; }

static int32_t load(void *context, casehug_clio_str firm, casehug_clio_str matter, casehug_clio_intake_answer *into) {
    char json[512];
    (void)context, (void)firm;
    snprintf(json, sizeof json,
             "{\"matter\":{\"id\":\"%s\",\"title\":\"T\"},\"client\":{\"id\":\"cli_1\",\"first_name\":\"A\",\"last_name\":\"B\"},\"documents\":[{\"id\":"
             "\"doc_1\",\"file_name\":\"a.bin\",\"content_type\":\"video/mp4\",\"status\":\"approved\",\"origin\":\"client_upload\"}]}",
             matter.data);
    return casehug_clio_intake_set(into, str(json));
}

static int32_t stat_document(void *context, const casehug_clio_document *document, casehug_clio_stat_answer *into) {
    (void)context, (void)document;
    return casehug_clio_stat_set(into, length, str("v1"), str("approved"), str("client_upload"));
}

static int32_t open_document(void *context, const casehug_clio_document *document, uint64_t offset, void **reader) {
    (void)context, (void)document;
    uint64_t *at = malloc(sizeof *at);
    *at = offset;
    *reader = at;
    return CASEHUG_CLIO_OK;
}

static int32_t read_document(void *context, void *reader, uint8_t *buffer, size_t capacity, size_t *count) {
    (void)context;
    uint64_t *at = reader, left = length - *at;
    *count = left < capacity ? (size_t)left : capacity;
    memset(buffer, 'x', *count);
    *at += *count;
    return CASEHUG_CLIO_OK;
}

static void close_document(void *context, void *reader) {
    (void)context;
    free(reader);
}

static inline casehug_clio_intakes one_document(void) {
    return (casehug_clio_intakes){ sizeof(casehug_clio_intakes), NULL, load, stat_document, open_document, read_document, close_document, NULL };
}
#endif
