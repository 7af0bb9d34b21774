/* A store in memory: records under one lock. */
#ifndef MEMORY_STORE_H
#define MEMORY_STORE_H
#include "casehug_clio.h"

/* Fills `store` with functions over a new, empty set of records. */
void memory_store_new(casehug_clio_store *store);
/* How often `release` was called, over all stores. */
int memory_store_released(void);
#endif
