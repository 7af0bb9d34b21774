/* usage: every_operation CLIO_URL INTAKE_DIR MATTER
 *
 * Calls the function of every operation once, as an admin or as the host, and prints what each
 * answered. */
#define _POSIX_C_SOURCE 200809L
#include "host.h"

static void ended(const char *operation, int32_t status, char *out, char *error) {
    CHECK((status == CASEHUG_CLIO_OK) == (out != NULL), "%s: %d without its result", operation, (int)status);
    CHECK((status == CASEHUG_CLIO_OK) == (error == NULL), "%s: %d: %s", operation, (int)status, error);
    printf("%s %d %s\n", operation, (int)status, out != NULL ? out : error);
    casehug_clio_free(out);
    casehug_clio_free(error);
}

#define CALL(operation, ...)                                                              \
    do {                                                                                  \
        char *out_ = NULL, *error_ = NULL;                                                \
        int32_t status_ = casehug_clio_##operation(__VA_ARGS__, &out_, &error_);          \
        ended(#operation, status_, out_, error_);                                         \
    } while (0)

#include "every_operation.h"

int main(int argc, char **argv) {
    CHECK(argc == 4, "usage: every_operation CLIO_URL INTAKE_DIR MATTER");
    casehug_clio_config config = host_config(argv[1], argv[2]);
    const casehug_clio_actor admin = { "usr_1", "firm_1", 1 };
    casehug_clio_store store;
    memory_store_new(&store);
    casehug_clio_sdk *sdk = NULL;
    char *error = NULL;
    CHECK(casehug_clio_open(&config, &store, &sdk, &error) == CASEHUG_CLIO_OK, "%s", error);
    host_connect(sdk, &admin);
    call_every_operation(sdk, &admin);
    CHECK(casehug_clio_close(sdk, NULL) == CASEHUG_CLIO_OK, "close");
    return 0;
}
