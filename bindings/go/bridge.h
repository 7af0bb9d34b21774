/* What C adds to the header: functions that Go's callbacks are put into, and texts whose parts cgo
 * passes apart. */
#ifndef CASEHUG_CLIO_GO_BRIDGE_H
#define CASEHUG_CLIO_GO_BRIDGE_H
#include "casehug_clio.h"

void casehug_clio_go_store(casehug_clio_store *store, uintptr_t context);
void casehug_clio_go_tokens(casehug_clio_tokens *tokens, uintptr_t context);
void casehug_clio_go_keys(casehug_clio_keys *keys, uintptr_t context);
void casehug_clio_go_intakes(casehug_clio_intakes *intakes, uintptr_t context);
void casehug_clio_go_log(casehug_clio_config *config, uintptr_t context, int32_t level);

int casehug_clio_go_push(casehug_clio_records *into, const void *firm, size_t firm_length, const void *id, size_t id_length,
                         const void *version, size_t version_length, int64_t due, const void *body, size_t body_length);
int casehug_clio_go_tokens_set(casehug_clio_tokens_answer *into, const void *version, size_t version_length, const void *envelope, size_t envelope_length);
int casehug_clio_go_wrapped(casehug_clio_wrapped *into, const void *id, size_t id_length, const void *blob, size_t blob_length);
int casehug_clio_go_intake(casehug_clio_intake_answer *into, const void *json, size_t length);
int casehug_clio_go_stat(casehug_clio_stat_answer *into, uint64_t length, const void *revision, size_t revision_length,
                         const void *status, size_t status_length, const void *origin, size_t origin_length);
int32_t casehug_clio_go_webhook(casehug_clio_sdk *sdk, const void *token, size_t token_length, const void *text,
                                const size_t *lengths, size_t count, const void *body, size_t body_length, char **out, char **error);
#endif
