/* A store for the CaseHug-Clio SDK on SQLite, to be copied: put your own database where SQLite is.
 *
 * What it promises (casehug_clio.h says more): a commit does all of its writes or none, and what is
 * said to be done survives a power cut; every read sees every earlier commit of any process; ids
 * are ordered by their bytes; one clock for all processes. `check_store.c` finds what is wrong with
 * it. What a function does not know for sure it calls unknown, and the SDK reads again. */
#define _POSIX_C_SOURCE 200809L
#include "store_in_c.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <time.h>

enum { CONFLICT = 2, UNKNOWN = -1 };
enum { PATIENCE_MS = 10000, PAUSE_MS = 5 };
enum { PUT = 1, REMOVE = 2 }; /* 3 is a check, which writes nothing */

typedef casehug_clio_str str;

/* ?1 firm, ?2 collection, ?3 id, ?4 the expected version, ?5 version, ?6 due, ?7 body; scans: ?3
 * from, ?4 until, ?8 limit. */
enum { GET, UP, DOWN, DUE, INSERT, REPLACE, DELETE, EXPECTED, STATEMENTS };
#define FOUND "SELECT firm, id, version, due, body FROM clio_records WHERE "
#define RANGE FOUND "firm = ?1 AND collection = ?2 AND id >= ?3 AND (?4 IS NULL OR id < ?4) ORDER BY id "
#define KEY "firm = ?1 AND collection = ?2 AND id = ?3"
static const char *const SQL[STATEMENTS] = {
    FOUND KEY,
    RANGE "LIMIT ?8",
    RANGE "DESC LIMIT ?8",
    FOUND "(?1 IS NULL OR firm = ?1) AND collection = ?2 AND due <= ?6 ORDER BY due LIMIT ?8",
    "INSERT INTO clio_records VALUES (?1, ?2, ?3, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
    "UPDATE clio_records SET version = ?5, due = ?6, body = ?7 WHERE " KEY " AND version = ?4",
    "DELETE FROM clio_records WHERE " KEY " AND version = ?4",
    "SELECT (SELECT version FROM clio_records WHERE " KEY ") IS ?4",
};

/* The text of a column is compared by its bytes, unless another collation is given to it. */
static const char SETUP[] =
    "PRAGMA synchronous = FULL;" /* done means on the disk */
    "CREATE TABLE IF NOT EXISTS clio_records (firm TEXT NOT NULL, collection TEXT NOT NULL, id TEXT NOT NULL,"
    " version TEXT NOT NULL, due INTEGER, body TEXT NOT NULL, PRIMARY KEY (firm, collection, id)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS clio_due ON clio_records (collection, due) WHERE due IS NOT NULL;";

/* One connection, which one thread at a time uses: the SDK calls on several. */
struct store { pthread_mutex_t lock; sqlite3 *db; sqlite3_stmt *statements[STATEMENTS]; };

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The statement, rid of what was bound to it before. A text that is not there is NULL. */
static sqlite3_stmt *ready(struct store *store, int which, str firm, str collection, str id, str expected) {
    sqlite3_stmt *statement = store->statements[which];
    const str texts[4] = { firm, collection, id, expected };
    sqlite3_clear_bindings(statement);
    for (int i = 0; i < 4; i++)
        if (texts[i].data != NULL) sqlite3_bind_text64(statement, i + 1, texts[i].data, texts[i].len, SQLITE_STATIC, SQLITE_UTF8);
    return statement;
}

static str column(sqlite3_stmt *statement, int index) {
    str text;
    /* First: it may change the length. */
    text.data = (const char *)sqlite3_column_text(statement, index);
    text.len = (size_t)sqlite3_column_bytes(statement, index);
    return text;
}

/* Pushes every row. 1, or 0 if it did not come to its end. */
static int push_rows(sqlite3_stmt *statement, casehug_clio_records *into) {
    int step, pushed = 1;
    while (pushed && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        int64_t due = sqlite3_column_type(statement, 3) == SQLITE_NULL ? -1 : sqlite3_column_int64(statement, 3);
        pushed = casehug_clio_records_push(into, column(statement, 0), column(statement, 1), column(statement, 2), due, column(statement, 4));
    }
    sqlite3_reset(statement);
    return pushed && step == SQLITE_DONE;
}

static int32_t get(void *context, str firm, str collection, str id, casehug_clio_records *into) {
    struct store *store = context;
    const str none = { NULL, 0 };
    pthread_mutex_lock(&store->lock);
    int done = push_rows(ready(store, GET, firm, collection, id, none), into);
    pthread_mutex_unlock(&store->lock);
    return done ? CASEHUG_CLIO_OK : UNKNOWN;
}

static int32_t scan(void *context, const casehug_clio_scan *scan, casehug_clio_records *into) {
    struct store *store = context;
    int which = scan->kind == 2 ? DUE : scan->descending ? DOWN : UP;
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *statement = ready(store, which, scan->firm, scan->collection, scan->from, scan->until);
    if (which == DUE) sqlite3_bind_int64(statement, 6, now_ms());
    sqlite3_bind_int64(statement, 8, scan->limit > INT64_MAX ? INT64_MAX : (int64_t)scan->limit);
    int done = push_rows(statement, into);
    pthread_mutex_unlock(&store->lock);
    return done ? CASEHUG_CLIO_OK : UNKNOWN;
}

/* 1: done. CONFLICT: something else is there than was expected. UNKNOWN: SQLite failed. */
static int32_t apply(struct store *store, const casehug_clio_write *write, int64_t now) {
    int which = write->kind == PUT ? (write->expect.data == NULL ? INSERT : REPLACE) : write->kind == REMOVE ? DELETE : EXPECTED;
    sqlite3_stmt *statement = ready(store, which, write->firm, write->collection, write->id, write->expect);
    if (write->kind == PUT) {
        sqlite3_bind_text64(statement, 5, write->version.data, write->version.len, SQLITE_STATIC, SQLITE_UTF8);
        if (write->due_in_ms >= 0)
            sqlite3_bind_int64(statement, 6, write->due_in_ms > INT64_MAX - now ? INT64_MAX : now + write->due_in_ms);
        sqlite3_bind_text64(statement, 7, write->body.data, write->body.len, SQLITE_STATIC, SQLITE_UTF8);
    }
    int step = sqlite3_step(statement);
    int holds = which == EXPECTED ? step == SQLITE_ROW && sqlite3_column_int(statement, 0) : sqlite3_changes(store->db) == 1;
    sqlite3_reset(statement);
    if (step != (which == EXPECTED ? SQLITE_ROW : SQLITE_DONE)) return UNKNOWN;
    return holds ? CASEHUG_CLIO_OK : CONFLICT;
}

static int run(struct store *store, const char *sql) { return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK; }

static int32_t commit(void *context, const casehug_clio_write *writes, size_t count, int64_t *now) {
    struct store *store = context;
    int32_t answer = UNKNOWN;
    pthread_mutex_lock(&store->lock);
    /* IMMEDIATE: nobody writes between what is expected here and what is written. */
    if (run(store, "BEGIN IMMEDIATE")) {
        answer = CASEHUG_CLIO_OK;
        *now = now_ms();
        for (size_t i = 0; i < count && answer == CASEHUG_CLIO_OK; i++) answer = apply(store, &writes[i], *now);
        if (answer == CASEHUG_CLIO_OK && !run(store, "COMMIT")) answer = UNKNOWN;
        /* Not to be left open: the next commit would be part of it. */
        if (answer != CASEHUG_CLIO_OK && !sqlite3_get_autocommit(store->db) && !run(store, "ROLLBACK")) answer = UNKNOWN;
    }
    pthread_mutex_unlock(&store->lock);
    return answer;
}

static void release(void *context) {
    struct store *store = context;
    for (int i = 0; i < STATEMENTS; i++) sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

/* SQLite does not wait here as it does elsewhere: another process that opens the new file is enough
 * for BUSY. 0: another failure, or no file on a local disk. */
static int switch_to_wal(sqlite3 *db) {
    const struct timespec pause = { 0, PAUSE_MS * 1000000 };
    int step = SQLITE_BUSY;
    for (int tries = 0; tries < PATIENCE_MS / PAUSE_MS && step == SQLITE_BUSY; tries++) {
        sqlite3_stmt *statement = NULL;
        step = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
        if (step == SQLITE_OK) step = sqlite3_step(statement);
        int is_wal = step == SQLITE_ROW && sqlite3_stricmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0;
        sqlite3_finalize(statement);
        if (is_wal) return 1;
        if (step == SQLITE_BUSY) nanosleep(&pause, NULL);
    }
    return 0;
}

int store_in_c_open(casehug_clio_store *store, const char *file) {
    const casehug_clio_store functions = { sizeof functions, calloc(1, sizeof(struct store)), get, scan, commit, release };
    struct store *opened = functions.context;
    if (opened == NULL || pthread_mutex_init(&opened->lock, NULL) != 0) return free(opened), 0;
    int done = sqlite3_open(file, &opened->db) == SQLITE_OK && sqlite3_busy_timeout(opened->db, PATIENCE_MS) == SQLITE_OK;
    done = done && switch_to_wal(opened->db) && run(opened, SETUP);
    for (int i = 0; i < STATEMENTS && done; i++)
        done = sqlite3_prepare_v3(opened->db, SQL[i], -1, SQLITE_PREPARE_PERSISTENT, &opened->statements[i], NULL) == SQLITE_OK;
    if (!done) return release(opened), 0;
    *store = functions;
    return 1;
}
