/* usage: unload LIBRARY CLIO_URL INTAKE_DIR
 *
 * A host that loads the library itself and unloads it while an SDK is open and works: nothing goes
 * away, and what it has goes on. */
#define _POSIX_C_SOURCE 200809L
#include <casehug_clio.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHECK(condition, ...)             \
    do {                                  \
        if (!(condition)) {               \
            fprintf(stderr, __VA_ARGS__); \
            fprintf(stderr, "\n");        \
            exit(1);                      \
        }                                 \
    } while (0)

static int32_t (*library_open)(const casehug_clio_config *, const casehug_clio_store *, casehug_clio_sdk **, char **);
static int32_t (*library_call)(casehug_clio_sdk *, const casehug_clio_actor *, const char *, const char *, char **, char **);
static int32_t (*library_start)(casehug_clio_sdk *, char **);
static int32_t (*library_close)(casehug_clio_sdk *, char **);
static void (*library_free)(char *);

static void find(void *library, const char *name, void *place) {
    void *found = dlsym(library, name);
    CHECK(found != NULL, "%s", name);
    /* C has no cast from an object to a function. */
    memcpy(place, &found, sizeof found);
}

static void *load(const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL, "%s", dlerror());
    find(library, "casehug_clio_open", &library_open);
    find(library, "casehug_clio_call_json", &library_call);
    find(library, "casehug_clio_worker_start", &library_start);
    find(library, "casehug_clio_close", &library_close);
    find(library, "casehug_clio_free", &library_free);
    return library;
}

static void asks(casehug_clio_sdk *sdk) {
    casehug_clio_actor admin = { "usr_1", "firm_1", 1 };
    char *out = NULL, *error = NULL;
    CHECK(library_call(sdk, &admin, "get_connection", "{}", &out, &error) == CASEHUG_CLIO_OK, "%s", error);
    CHECK(strcmp(out, "null") == 0, "%s", out);
    library_free(out);
}

int main(int argc, char **argv) {
    CHECK(argc == 4, "usage: unload LIBRARY CLIO_URL INTAKE_DIR");
    casehug_clio_config config = { 0 };
    config.size = sizeof config;
    config.client_id = config.client_secret = "casehug-dev";
    config.clio_url = argv[2];
    config.intake_folder = argv[3];
    config.store = "sqlite::memory:";
    config.sealing_key_id = "2026-11";
    config.sealing_key = "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248";
    void *library = load(argv[1]);
    CHECK(dlclose(library) == 0, "%s", dlerror());
    library = dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD);
    CHECK(library != NULL, "it was unloaded");

    casehug_clio_sdk *sdk = NULL;
    char *error = NULL;
    CHECK(library_open(&config, NULL, &sdk, &error) == CASEHUG_CLIO_OK, "%s", error);
    CHECK(library_start(sdk, &error) == CASEHUG_CLIO_OK, "%s", error);
    asks(sdk);
    CHECK(dlclose(library) == 0, "%s", dlerror());
    /* Threads of the SDK run. */
    nanosleep(&(struct timespec){ 0, 200000000 }, NULL);
    asks(sdk);
    load(argv[1]);
    asks(sdk);
    CHECK(library_close(sdk, &error) == CASEHUG_CLIO_OK, "%s", error);
    return 0;
}
