/* A vault in memory keeps every promise, and ones that break a promise are found by its name. */
#define _POSIX_C_SOURCE 200809L
#include <casehug_clio.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef casehug_clio_str str;

enum mistake { NONE, SWAPS_ALWAYS, EXPECTS_NOTHING, TRIMS, NEVER_REMOVES, REMOVES_ALL, FORGETS_THE_CONNECTION, ANSWERS_ZERO };
static const struct { const char *promise, *found_by; } PROMISES[] = {
    { "keeps every promise", NULL },
    { "swaps whatever is expected", "a_swap_needs_the_current_version" },
    { "takes what is not there for what was expected", "the_first_swap_expects_nothing" },
    { "trims its texts", "an_envelope_comes_back_byte_for_byte" },
    { "does not remove", "delete_removes_any_version_and_nothing_else" },
    { "removes what others have", "delete_removes_any_version_and_nothing_else" },
    { "has one envelope for a firm", "firms_and_connections_are_apart" },
    { "answers 0 when it is done", "the_first_swap_expects_nothing" },
};
enum { VAULTS = sizeof PROMISES / sizeof *PROMISES };

struct envelope { str firm, connection, version, text; };
struct vault { enum mistake mistake; pthread_mutex_t lock; struct envelope all[64]; size_t count; int released; };

static int equal(str a, str b) { return a.len == b.len && memcmp(a.data, b.data, a.len) == 0; }

static str copy(str text) {
    str copied = { memcpy(malloc(text.len + 1), text.data, text.len), text.len };
    return copied;
}

static struct envelope *find(struct vault *vault, str firm, str connection) {
    for (size_t i = 0; i < vault->count; i++) {
        int same = vault->mistake == FORGETS_THE_CONNECTION || equal(vault->all[i].connection, connection);
        if (same && equal(vault->all[i].firm, firm)) return &vault->all[i];
    }
    return NULL;
}

static void forget(struct vault *vault, struct envelope *which) {
    const str texts[4] = { which->firm, which->connection, which->version, which->text };
    for (int i = 0; i < 4; i++) free((char *)texts[i].data);
    *which = vault->all[--vault->count];
}

static int32_t load(void *context, str firm, str connection, casehug_clio_tokens_answer *into) {
    struct vault *vault = context;
    pthread_mutex_lock(&vault->lock);
    struct envelope *found = find(vault, firm, connection);
    int done = found == NULL || casehug_clio_tokens_set(into, found->version, found->text);
    pthread_mutex_unlock(&vault->lock);
    return done ? CASEHUG_CLIO_OK : -1;
}

static int32_t compare_and_swap(void *context, str firm, str connection, str expected, str version, str text) {
    struct vault *vault = context;
    pthread_mutex_lock(&vault->lock);
    struct envelope *found = find(vault, firm, connection);
    int holds = found == NULL ? expected.data == NULL || vault->mistake == EXPECTS_NOTHING
                              : expected.data != NULL && equal(found->version, expected);
    holds = holds || vault->mistake == SWAPS_ALWAYS;
    while (vault->mistake == TRIMS && text.len > 0 && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == ' ')) text.len--;
    if (holds) {
        struct envelope new = { copy(firm), copy(connection), copy(version), copy(text) };
        if (found != NULL) forget(vault, found);
        vault->all[vault->count++] = new;
    }
    pthread_mutex_unlock(&vault->lock);
    return vault->mistake == ANSWERS_ZERO ? 0 : holds ? CASEHUG_CLIO_OK : 2;
}

static int32_t remove_envelope(void *context, str firm, str connection) {
    struct vault *vault = context;
    pthread_mutex_lock(&vault->lock);
    struct envelope *found = find(vault, firm, connection);
    while (vault->mistake == REMOVES_ALL && vault->count > 0) forget(vault, vault->all);
    if (vault->mistake != REMOVES_ALL && vault->mistake != NEVER_REMOVES && found != NULL) forget(vault, found);
    pthread_mutex_unlock(&vault->lock);
    return CASEHUG_CLIO_OK;
}

static void release(void *context) { ((struct vault *)context)->released++; }

int main(void) {
    int wrong = 0;
    for (int i = 0; i < VAULTS; i++) {
        struct vault vault;
        memset(&vault, 0, sizeof vault);
        vault.mistake = (enum mistake)i;
        pthread_mutex_init(&vault.lock, NULL);
        casehug_clio_tokens tokens = { sizeof tokens, &vault, load, compare_and_swap, remove_envelope, release };
        char *out = NULL, *error = NULL, pattern[256];
        if (casehug_clio_check_tokens(&tokens, &out, &error) != CASEHUG_CLIO_OK) return fprintf(stderr, "%s\n", error), 2;
        snprintf(pattern, sizeof pattern, "{\"case\":\"%s\",\"wrong\":\"", i == NONE ? "" : PROMISES[i].found_by);
        int as_it_should = i == NONE ? strstr(out, "\"wrong\":\"") == NULL : strstr(out, pattern) != NULL;
        as_it_should = as_it_should && vault.released == 1;
        printf("%s: a vault that %s\n", as_it_should ? "ok" : "WRONG", PROMISES[i].promise);
        if (!as_it_should) puts(out), wrong++;
        casehug_clio_free(out);
        while (vault.count > 0) forget(&vault, vault.all);
        pthread_mutex_destroy(&vault.lock);
    }
    return wrong == 0 ? 0 : 1;
}
