/* usage: keyrings
 *
 * The suite for keys: one keyring that keeps every promise of the port (it is not secret at all),
 * and the same with a mistake each, which is found by name. */
#include "host.h"

static enum { RIGHT, AS_A_STRING, BINDS_NOTHING, CHECKS_NOTHING, FAILS } mistake;
static int releases;

static uint64_t sum(uint64_t from, const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) from = (from ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
    return from;
}

static uint64_t bound(casehug_clio_str associated) {
    if (mistake == AS_A_STRING) associated.len = strlen(associated.data);
    return sum(14695981039346656037u, associated.data, mistake == BINDS_NOTHING ? 0 : associated.len);
}

static void mask(const uint8_t *from, uint8_t *to, uint64_t seed) {
    for (int i = 0; i < 32; i++) {
        seed = sum(seed, &i, sizeof i);
        to[i] = from[i] ^ (uint8_t)(seed >> 32);
    }
}

static int32_t wrap(void *context, const uint8_t *key, casehug_clio_str associated, casehug_clio_wrapped *into) {
    uint8_t blob[40];
    (void)context;
    if (mistake == FAILS) return 0;
    uint64_t seed = bound(associated), check = sum(seed, key, 32);
    mask(key, blob, seed);
    memcpy(blob + 32, &check, sizeof check);
    return casehug_clio_wrapped_set(into, (casehug_clio_str){ "kms-1", 5 }, blob, sizeof blob);
}

static int32_t unwrap(void *context, casehug_clio_str id, const uint8_t *blob, size_t length, casehug_clio_str associated, uint8_t *key) {
    (void)context;
    if (length != 40 || strcmp(id.data, "kms-1") != 0) return 0;
    uint64_t seed = bound(associated), check;
    memcpy(&check, blob + 32, sizeof check);
    mask(blob, key, seed);
    return mistake == CHECKS_NOTHING || check == sum(seed, key, 32) ? CASEHUG_CLIO_OK : 0;
}

static void release(void *context) {
    (void)context;
    releases++;
}

int main(void) {
    static const char *const found_by[] = { NULL, "firm_record_and_field_are_bound", "firm_record_and_field_are_bound", "a_changed_blob_is_refused", "a_wrapped_key_unwraps" };
    const casehug_clio_keys keys = { sizeof keys, NULL, wrap, unwrap, release };
    for (mistake = RIGHT; mistake <= FAILS; mistake++) {
        char *out = NULL, *error = NULL, pattern[128];
        int32_t status = casehug_clio_check_keys(&keys, &out, &error);
        CHECK(status == CASEHUG_CLIO_OK && releases == (int)mistake + 1, "%d releases, %s", releases, error);
        if (mistake == RIGHT) {
            CHECK(strstr(out, "\"wrong\":\"") == NULL && strstr(out, "firm_record_and_field_are_bound") != NULL, "%s", out);
        } else {
            snprintf(pattern, sizeof pattern, "{\"case\":\"%s\",\"wrong\":\"", found_by[mistake]);
            CHECK(strstr(out, pattern) != NULL, "%d: %s", (int)mistake, out);
        }
        casehug_clio_free(out);
    }
    char *error = NULL;
    CHECK(casehug_clio_check_keys(NULL, NULL, &error) == CASEHUG_CLIO_SETTING_INVALID && strstr(error, "\"path\":\"keys\"") != NULL, "%s", error);
    casehug_clio_free(error);
    return 0;
}
