/* usage: own_sqlite CLIO_URL INTAKE_DIR STORE
 *
 * A host with a SQLite of its own in the same program. Prints that one's version; the store tells
 * which one wrote it. */
#define _POSIX_C_SOURCE 200809L
#include "host.h"

/* Of the host's sqlite3.h. */
const char *sqlite3_libversion(void);
int sqlite3_open(const char *file, void **db);
int sqlite3_exec(void *db, const char *sql, void *each, void *context, char **error);
int sqlite3_close(void *db);

int main(int argc, char **argv) {
    CHECK(argc == 4, "usage: own_sqlite CLIO_URL INTAKE_DIR STORE");
    void *db = NULL;
    CHECK(sqlite3_open(":memory:", &db) == 0, "open");
    CHECK(sqlite3_exec(db, "CREATE TABLE t (a); INSERT INTO t VALUES (1)", NULL, NULL, NULL) == 0, "exec");

    casehug_clio_config config = host_config(argv[1], argv[2]);
    config.sqlite_path = argv[3];
    casehug_clio_sdk *sdk = NULL;
    char *error = NULL;
    CHECK(casehug_clio_open(&config, NULL, &sdk, &error) == CASEHUG_CLIO_OK, "%s", error);
    CHECK(casehug_clio_close(sdk, NULL) == CASEHUG_CLIO_OK, "close");

    CHECK(sqlite3_exec(db, "INSERT INTO t SELECT a + 1 FROM t", NULL, NULL, NULL) == 0, "exec");
    CHECK(sqlite3_close(db) == 0, "close");
    printf("%s\n", sqlite3_libversion());
    return 0;
}
