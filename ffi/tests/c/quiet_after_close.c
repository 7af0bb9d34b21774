/* usage: quiet_after_close CLIO_URL TIMES
 *
 * A storage answers before it has the body, and goes on reading. Whatever becomes of that
 * connection, nothing of the host is called after `casehug_clio_close` returned. */
#define _POSIX_C_SOURCE 200809L
#include "one_document.h"

#include <time.h>

static const casehug_clio_actor admin = { "usr_1", "firm_1", 1 };
static int is_closed, after_close, opened, closed, released;

#define COUNT(what) __atomic_add_fetch(&(what), 1, __ATOMIC_SEQ_CST)
#define GET(what) __atomic_load_n(&(what), __ATOMIC_SEQ_CST)

static void told(void) {
    if (GET(is_closed)) COUNT(after_close);
}

static int32_t open_and_count(void *context, const casehug_clio_document *document, uint64_t offset, void **reader) {
    told();
    COUNT(opened);
    return open_document(context, document, offset, reader);
}

static int32_t read_and_count(void *context, void *reader, uint8_t *buffer, size_t capacity, size_t *count) {
    told();
    return read_document(context, reader, buffer, capacity, count);
}

static void close_and_count(void *context, void *reader) {
    told();
    COUNT(closed);
    close_document(context, reader);
}

static void release(void *context) {
    (void)context;
    told();
    COUNT(released);
}

int main(int argc, char **argv) {
    CHECK(argc == 3, "usage: quiet_after_close CLIO_URL TIMES");
    casehug_clio_intakes intakes = one_document();
    intakes.open = open_and_count;
    intakes.read = read_and_count;
    intakes.close = close_and_count;
    intakes.release = release;
    length = 8 << 20;
    casehug_clio_config config = host_config(argv[1], NULL);
    config.intakes = &intakes;
    for (int i = 0; i < atoi(argv[2]); i++) {
        casehug_clio_sdk *sdk = NULL;
        char *error = NULL, matter[32];
        casehug_clio_store store;
        memory_store_new(&store);
        __atomic_store_n(&is_closed, 0, __ATOMIC_SEQ_CST);
        CHECK(casehug_clio_open(&config, &store, &sdk, &error) == CASEHUG_CLIO_OK, "%s", error);
        host_connect(sdk, &admin);
        snprintf(matter, sizeof matter, "mat_%d", i);
        casehug_clio_sync_matter(sdk, &admin, matter, NULL, NULL);
        CHECK(casehug_clio_close(sdk, NULL) == CASEHUG_CLIO_OK, "close");
        __atomic_store_n(&is_closed, 1, __ATOMIC_SEQ_CST);
        CHECK(memory_store_released() == i + 1 && GET(released) == i + 1, "round %d: not released when close returned", i);
        CHECK(GET(opened) > i && GET(closed) == GET(opened), "round %d: %d opened, %d closed", i, GET(opened), GET(closed));
        /* What would come late has a moment to come. */
        nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
        CHECK(GET(after_close) == 0, "round %d: the host was called after close", i);
    }
    return 0;
}
