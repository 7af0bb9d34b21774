/* A store for the CaseHug-Clio SDK on SQLite, to be copied. */
#ifndef STORE_IN_C_H
#define STORE_IN_C_H
#include <casehug_clio.h>

/* Fills `store` for `casehug_clio_open`, which releases it. 1: done. 0: the file cannot be used,
 * and there is nothing to release. A process that opens a file twice does so with the same SQLite:
 * two copies of SQLite destroy it. */
int store_in_c_open(casehug_clio_store *store, const char *file);
#endif
