/* A store in memory: the shortest that keeps every promise but the one of durability. */
#define _POSIX_C_SOURCE 200809L
#include "memory_store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef casehug_clio_str str;
struct record { str firm, collection, id, version, body; int64_t due; }; /* due -1: never */
struct store { pthread_mutex_t lock; struct record *all; size_t count, room; };

static int released;

static str copy(str text) {
    char *data = malloc(text.len + 1);
    if (text.len > 0) memcpy(data, text.data, text.len);
    data[text.len] = 0;
    str owned = { data, text.len };
    return owned;
}

static int compare(str a, str b) {
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int equal(str a, str b) { return a.len == b.len && compare(a, b) == 0; }

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wipe(struct record *record) {
    free((char *)record->firm.data);
    free((char *)record->collection.data);
    free((char *)record->id.data);
    free((char *)record->version.data);
    free((char *)record->body.data);
}

static struct record *find(struct store *store, str firm, str collection, str id) {
    for (size_t i = 0; i < store->count; i++) {
        struct record *record = &store->all[i];
        if (equal(record->firm, firm) && equal(record->collection, collection) && equal(record->id, id)) return record;
    }
    return NULL;
}

static int push(casehug_clio_records *into, const struct record *record) {
    return casehug_clio_records_push(into, record->firm, record->id, record->version, record->due, record->body);
}

static int32_t get(void *context, str firm, str collection, str id, casehug_clio_records *into) {
    struct store *store = context;
    pthread_mutex_lock(&store->lock);
    struct record *record = find(store, firm, collection, id);
    int done = record == NULL || push(into, record);
    pthread_mutex_unlock(&store->lock);
    return done ? CASEHUG_CLIO_OK : -1;
}

static int by_id(const void *a, const void *b) {
    return compare((*(struct record *const *)a)->id, (*(struct record *const *)b)->id);
}

static int by_due(const void *a, const void *b) {
    int64_t left = (*(struct record *const *)a)->due, right = (*(struct record *const *)b)->due;
    return (left > right) - (left < right);
}

static int wanted(const struct record *record, const casehug_clio_scan *scan) {
    if (!equal(record->collection, scan->collection)) return 0;
    if (scan->firm.data != NULL && !equal(record->firm, scan->firm)) return 0;
    if (scan->kind == 2) return record->due >= 0 && record->due <= now_ms();
    return compare(record->id, scan->from) >= 0 && (scan->until.data == NULL || compare(record->id, scan->until) < 0);
}

static int32_t scan(void *context, const casehug_clio_scan *scan, casehug_clio_records *into) {
    struct store *store = context;
    pthread_mutex_lock(&store->lock);
    struct record **found = malloc((store->count + 1) * sizeof *found);
    size_t count = 0;
    for (size_t i = 0; i < store->count; i++)
        if (wanted(&store->all[i], scan)) found[count++] = &store->all[i];
    qsort(found, count, sizeof *found, scan->kind == 2 ? by_due : by_id);
    int done = 1;
    for (size_t i = 0; i < count && i < scan->limit && done; i++)
        done = push(into, found[scan->descending ? count - 1 - i : i]);
    free(found);
    pthread_mutex_unlock(&store->lock);
    return done ? CASEHUG_CLIO_OK : -1;
}

static void put(struct store *store, const casehug_clio_write *write, int64_t now) {
    struct record *record = find(store, write->firm, write->collection, write->id);
    if (record != NULL) {
        wipe(record);
    } else {
        if (store->count == store->room) {
            store->room = store->room * 2 + 16;
            store->all = realloc(store->all, store->room * sizeof *store->all);
        }
        record = &store->all[store->count++];
    }
    int64_t due = write->due_in_ms < 0 ? -1 : write->due_in_ms > INT64_MAX - now ? INT64_MAX : now + write->due_in_ms;
    struct record new = { copy(write->firm), copy(write->collection), copy(write->id), copy(write->version), copy(write->body), due };
    *record = new;
}

static int32_t commit(void *context, const casehug_clio_write *writes, size_t count, int64_t *now) {
    struct store *store = context;
    int holds = 1;
    pthread_mutex_lock(&store->lock);
    *now = now_ms();
    for (size_t i = 0; i < count && holds; i++) {
        const struct record *record = find(store, writes[i].firm, writes[i].collection, writes[i].id);
        holds = writes[i].expect.data == NULL ? record == NULL : record != NULL && equal(record->version, writes[i].expect);
    }
    for (size_t i = 0; i < count && holds; i++) {
        if (writes[i].kind == 1) put(store, &writes[i], *now);
        if (writes[i].kind == 2) {
            struct record *record = find(store, writes[i].firm, writes[i].collection, writes[i].id);
            wipe(record);
            *record = store->all[--store->count];
        }
    }
    pthread_mutex_unlock(&store->lock);
    return holds ? CASEHUG_CLIO_OK : 2;
}

static void release(void *context) {
    struct store *store = context;
    for (size_t i = 0; i < store->count; i++) wipe(&store->all[i]);
    free(store->all);
    pthread_mutex_destroy(&store->lock);
    free(store);
    __atomic_add_fetch(&released, 1, __ATOMIC_SEQ_CST);
}

int memory_store_released(void) { return __atomic_load_n(&released, __ATOMIC_SEQ_CST); }

void memory_store_new(casehug_clio_store *store) {
    struct store *context = calloc(1, sizeof *context);
    pthread_mutex_init(&context->lock, NULL);
    memset(store, 0, sizeof *store);
    store->size = sizeof *store;
    store->context = context;
    store->get = get;
    store->scan = scan;
    store->commit = commit;
    store->release = release;
}
