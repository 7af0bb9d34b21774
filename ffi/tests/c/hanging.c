/* usage: hanging CLIO_URL INTAKE_DIR MATTER
 *
 * A storage of documents that hangs holds up what needs documents, and nothing else: the database,
 * the vault and the keys of every firm go on. */
#define _POSIX_C_SOURCE 200809L
#include "one_document.h"

#include <pthread.h>

/* More than there are threads that call the host. */
#define HANGING 24

static const casehug_clio_actor admin = { "usr_1", "firm_1", 1 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int waiting, goes_on;

static int32_t load_later(void *context, casehug_clio_str firm, casehug_clio_str matter, casehug_clio_intake_answer *into) {
    pthread_mutex_lock(&lock);
    waiting++;
    pthread_cond_broadcast(&changed);
    while (!goes_on) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    return load(context, firm, matter, into);
}

static void *plan(void *sdk) {
    CHECK(casehug_clio_plan_matter(sdk, &admin, "mat_1", NULL, NULL) == CASEHUG_CLIO_OK, "plan");
    return NULL;
}

int main(int argc, char **argv) {
    CHECK(argc == 4, "usage: hanging CLIO_URL INTAKE_DIR MATTER");
    casehug_clio_intakes intakes = one_document();
    intakes.load = load_later;
    casehug_clio_config config = host_config(argv[1], NULL);
    config.intakes = &intakes;
    casehug_clio_store store;
    memory_store_new(&store);
    casehug_clio_sdk *sdk = NULL;
    char *error = NULL;
    pthread_t threads[HANGING];
    CHECK(casehug_clio_open(&config, &store, &sdk, &error) == CASEHUG_CLIO_OK, "%s", error);
    host_connect(sdk, &admin);
    for (int i = 0; i < HANGING; i++) CHECK(pthread_create(&threads[i], NULL, plan, sdk) == 0, "thread");
    pthread_mutex_lock(&lock);
    while (waiting < 8) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    /* Who waits here waits for the end of this program. */
    alarm(60);
    CHECK(casehug_clio_get_connection(sdk, &admin, NULL, &error) == CASEHUG_CLIO_OK, "%s", error);
    alarm(0);
    pthread_mutex_lock(&lock);
    goes_on = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < HANGING; i++) pthread_join(threads[i], NULL);
    CHECK(casehug_clio_close(sdk, NULL) == CASEHUG_CLIO_OK, "close");
    return 0;
}
