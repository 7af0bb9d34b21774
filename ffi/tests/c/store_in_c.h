/* A store written in C: records in memory, under one lock. */
#ifndef STORE_IN_C_H
#define STORE_IN_C_H
#include "casehug_clio.h"

/* Fills `store` with functions over a new, empty set of records. */
void store_in_c_new(casehug_clio_store *store);
/* How often `release` was called, over all stores. */
int store_in_c_released(void);
#endif
