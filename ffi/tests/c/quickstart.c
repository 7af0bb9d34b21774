/* usage: quickstart CLIO_URL INTAKE_DIR MATTER_ID DATABASE */
#include <casehug_clio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *done(int32_t status, char *out, char *error) {
    if (status == CASEHUG_CLIO_OK) return out;
    fprintf(stderr, "%s\n", error);
    exit(1);
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    casehug_clio_config config = { 0 };
    config.size = sizeof config;
    config.client_id = "casehug-dev"; /* yours: from Clio's developer portal */
    config.client_secret = "casehug-dev-secret";
    config.clio_url = argv[1]; /* in production: "us", "eu", "ca" or "au" */
    config.intake_folder = argv[2]; /* yours: `intakes`, functions over your own storage */
    config.store = argv[4]; /* or postgres://USER@HOST/DATABASE, or a casehug_clio_store */
    /* Yours: from a KMS, or `keys`. */
    config.sealing_key_id = "2026-11";
    config.sealing_key = "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248";

    casehug_clio_sdk *sdk = NULL;
    char *out = NULL, *error = NULL;
    done(casehug_clio_open(&config, NULL, &sdk, &error), NULL, error);

    /* Connect, once per firm: an admin's browser goes to Clio and comes back to your redirect URI
     * with a query string. */
    casehug_clio_actor admin = { "usr_1", "firm_1", 1 };
    int32_t status = casehug_clio_get_connection(sdk, &admin, &out, &error);
    if (strcmp(done(status, out, error), "null") == 0) {
        char landed[4096];
        casehug_clio_free(out);
        status = casehug_clio_begin_connect(sdk, &admin, "http://127.0.0.1:9/callback", &out, &error);
        printf("Open the page, allow access, and paste the address that you land on:\n%s\n", done(status, out, error));
        fflush(stdout);
        if (fgets(landed, sizeof landed, stdin) == NULL || strchr(landed, '?') == NULL) return 1;
        landed[strcspn(landed, "\n")] = 0;
        casehug_clio_free(out);
        status = casehug_clio_finish_connect(sdk, &admin, strchr(landed, '?') + 1, &out, &error);
        done(status, out, error);
    }
    casehug_clio_free(out);

    /* Sync. Do it again whenever you like: only what is missing is sent. */
    status = casehug_clio_sync_matter(sdk, &admin, argv[3], &out, &error);
    puts(done(status, out, error));
    casehug_clio_free(out);
    done(casehug_clio_close(sdk, &error), NULL, error);
    return 0;
}
