/* usage: wrong_stores FOLDER
 *
 * The store of examples/c with one promise broken at a time: the conformance suite names it. */
#include "store_in_c.c" /* whose functions the mistakes are made with */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct wrong { const struct mistake *mistake; struct store *store; char *texts[64]; size_t count; };

/* Changes one entry; 0: leave it out. */
typedef int change(struct wrong *wrong, casehug_clio_write *write);

struct mistake {
    const char *promise, *found_by;
    change *entry;
    int one_by_one, range_is_closed;
    const char *up; /* instead of the store's own */
};

/* Kept to the end of the commit. */
static str kept(struct wrong *wrong, const char *data, size_t length) {
    str text = { wrong->texts[wrong->count++] = malloc(length + 1), length };
    memcpy((char *)text.data, data, length);
    return text;
}

/* Expects whatever is there. */
static int accept(struct wrong *wrong, casehug_clio_write *write) {
    sqlite3_stmt *statement;
    const str none = { NULL, 0 };
    write->expect = none;
    pthread_mutex_lock(&wrong->store->lock);
    statement = ready(wrong->store, GET, write->firm, write->collection, write->id, none);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        str version = column(statement, 2);
        write->expect = kept(wrong, version.data, version.len);
    }
    sqlite3_reset(statement);
    pthread_mutex_unlock(&wrong->store->lock);
    return 1;
}

static int any_version(struct wrong *wrong, casehug_clio_write *write) {
    return write->expect.data == NULL ? 1 : accept(wrong, write);
}

static int overwrite(struct wrong *wrong, casehug_clio_write *write) {
    return write->kind == PUT && write->expect.data == NULL ? accept(wrong, write) : 1;
}

static int no_checks(struct wrong *wrong, casehug_clio_write *write) { return (void)wrong, write->kind != 3; }

static int no_deletions(struct wrong *wrong, casehug_clio_write *write) {
    (void)wrong;
    if (write->kind == REMOVE) write->kind = 3;
    return 1;
}

static int trimmed(struct wrong *wrong, casehug_clio_write *write) {
    (void)wrong;
    while (write->kind == PUT && write->body.len > 0 && isspace((unsigned char)write->body.data[write->body.len - 1])) write->body.len--;
    return 1;
}

static int due_at_once(struct wrong *wrong, casehug_clio_write *write) {
    (void)wrong;
    if (write->due_in_ms > 0) write->due_in_ms = 0;
    return 1;
}

static int due_since_1970(struct wrong *wrong, casehug_clio_write *write) {
    (void)wrong;
    if (write->due_in_ms >= 0) write->due_in_ms -= now_ms();
    return 1;
}

#define UNCASED RANGE "COLLATE NOCASE LIMIT ?8"
#define PREFIXED FOUND "substr(firm, 1, length(?1)) = ?1 AND collection = ?2 AND id >= ?3 AND (?4 IS NULL OR id < ?4) ORDER BY id LIMIT ?8"

static const struct mistake MISTAKES[] = {
    { "takes any version for the one that was expected", "put_over_a_version_needs_exactly_that_version", any_version, 0, 0, NULL },
    { "overwrites what should have been absent", "put_absent_conflicts_with_a_record", overwrite, 0, 0, NULL },
    { "does not look at checks", "checks_write_nothing_and_stop_a_commit_that_does_not_hold", no_checks, 0, 0, NULL },
    { "commits entry by entry", "a_conflict_in_the_last_entry_undoes_all_before_it", NULL, 1, 0, NULL },
    { "forgets deletions", "delete_needs_the_version_and_removes", no_deletions, 0, 0, NULL },
    { "trims its texts", "bodies_come_back_byte_for_byte", trimmed, 0, 0, NULL },
    { "compares ids without regard to case", "ids_are_ordered_by_their_bytes", NULL, 0, 0, UNCASED },
    { "gives the end of a range too", "a_range_includes_its_beginning_and_excludes_its_end", NULL, 0, 1, NULL },
    { "calls all due that has a time", "due_records_come_earliest_first_and_only_when_due", due_at_once, 0, 0, NULL },
    { "takes due times for times since 1970", "due_is_the_time_of_the_commit_plus_due_in", due_since_1970, 0, 0, NULL },
    { "mixes firms whose names begin alike", "firms_are_isolated", NULL, 0, 0, PREFIXED },
};
enum { MANY = sizeof MISTAKES / sizeof *MISTAKES };

static int32_t wrong_commit(void *context, const casehug_clio_write *writes, size_t count, int64_t *now) {
    /* With texts of its own: commits run beside each other. */
    struct wrong call = *(struct wrong *)context;
    casehug_clio_write *changed = calloc(count + 1, sizeof *changed);
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        changed[left] = writes[i];
        /* A commit of very many entries is none of the mistakes. */
        left += call.mistake->entry == NULL || count > sizeof call.texts / sizeof *call.texts || call.mistake->entry(&call, &changed[left]);
    }
    int32_t answer = commit(call.store, changed, call.mistake->one_by_one ? 0 : left, now);
    for (size_t i = 0; i < left && call.mistake->one_by_one && answer == CASEHUG_CLIO_OK; i++)
        answer = commit(call.store, &changed[i], 1, now);
    for (size_t i = 0; i < call.count; i++) free(call.texts[i]);
    free(changed);
    return answer;
}

static int32_t wrong_get(void *context, str firm, str collection, str id, casehug_clio_records *into) {
    return get(((struct wrong *)context)->store, firm, collection, id, into);
}

static int32_t wrong_scan(void *context, const casehug_clio_scan *asked, casehug_clio_records *into) {
    const struct wrong *wrong = context;
    casehug_clio_scan changed = *asked;
    /* A text of the SDK's has a NUL byte behind it: the smallest id that comes after it. */
    if (wrong->mistake->range_is_closed && changed.until.data != NULL) changed.until.len++;
    return scan(wrong->store, &changed, into);
}

static void wrong_release(void *context) {
    struct wrong *wrong = context;
    release(wrong->store);
    free(wrong);
}

static int wrong_open(casehug_clio_store *store, const struct mistake *mistake, const char *file) {
    struct wrong *wrong = calloc(1, sizeof *wrong);
    if (wrong == NULL || !store_in_c_open(store, file)) return 0;
    wrong->mistake = mistake;
    wrong->store = store->context;
    if (mistake->up != NULL) {
        sqlite3_finalize(wrong->store->statements[UP]);
        if (sqlite3_prepare_v2(wrong->store->db, mistake->up, -1, &wrong->store->statements[UP], NULL) != SQLITE_OK) return 0;
    }
    const casehug_clio_store functions = { sizeof functions, wrong, wrong_get, wrong_scan, wrong_commit, wrong_release };
    *store = functions;
    return 1;
}

static const char *folder;

/* A mistake that most cases are wrong with is found by none of them. */
enum { MOST = 8 };

/* NULL if the mistake was found by its name. */
static void *missed(void *mistake_) {
    const struct mistake *mistake = mistake_;
    char file[4096], pattern[256], *out = NULL;
    casehug_clio_store store;
    snprintf(file, sizeof file, "%s/%s.db", folder, mistake->found_by);
    if (!wrong_open(&store, mistake, file) || casehug_clio_check_store(&store, NULL, &out, NULL) != CASEHUG_CLIO_OK) return mistake_;
    snprintf(pattern, sizeof pattern, "{\"case\":\"%s\",\"wrong\":\"", mistake->found_by);
    int found = strstr(out, pattern) != NULL, wrong = 0;
    for (const char *at = out; (at = strstr(at, "\"wrong\":\"")) != NULL; at++) wrong++;
    found = found && wrong <= MOST;
    if (!found) fprintf(stderr, "%s\n", out);
    casehug_clio_free(out);
    return found ? NULL : mistake_;
}

int main(int argc, char **argv) {
    pthread_t threads[MANY];
    int all = 0;
    if (argc != 2) return 2;
    folder = argv[1];
    for (int i = 0; i < MANY; i++)
        if (pthread_create(&threads[i], NULL, missed, (void *)&MISTAKES[i]) != 0) return 2;
    for (int i = 0; i < MANY; i++) {
        void *what = NULL;
        pthread_join(threads[i], &what);
        printf("%s: a store that %s\n", what == NULL ? "found" : "NOT FOUND", MISTAKES[i].promise);
        all += what == NULL;
    }
    return all == MANY ? 0 : 1;
}
