/* The agent of C (tests/golden/README.md): opens the SDK as the environment says, then does what
 * the lines of its standard input say. */
#define _POSIX_C_SOURCE 200809L
#include "casehug_clio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FIELDS = 128 };

static int say(int32_t status, char *out, char *error) {
    printf("%d\t%s\n", (int)status, status == CASEHUG_CLIO_OK ? (out ? out : "{}") : error);
    fflush(stdout);
    casehug_clio_free(out);
    casehug_clio_free(error);
    return status == CASEHUG_CLIO_OK;
}

static uint32_t seconds(const char *name) { return (uint32_t)strtoul(getenv(name), NULL, 10); }

/* Turns hexadecimal digits into the bytes that they stand for, in place. */
static casehug_clio_str unhex(char *digits) {
    casehug_clio_str bytes = { digits, strlen(digits) / 2 };
    for (size_t i = 0; i < bytes.len; i++) {
        char byte[3] = { digits[2 * i], digits[2 * i + 1], 0 };
        digits[i] = (char)strtoul(byte, NULL, 16);
    }
    return bytes;
}

static void call(casehug_clio_sdk *sdk, char **field) {
    char *out = NULL, *error = NULL, *user = strtok(field[2], " "), *firm = strtok(NULL, " "), *role = strtok(NULL, " ");
    casehug_clio_actor actor = { user, firm, role != NULL && strcmp(role, "admin") == 0 ? 1 : 2 };
    int32_t status = firm == NULL ? casehug_clio_call_host_json(sdk, field[1], field[3], &out, &error)
                                  : casehug_clio_call_json(sdk, &actor, field[1], field[3], &out, &error);
    say(status, out, error);
}

static void webhook(casehug_clio_sdk *sdk, char **field, size_t count) {
    char *out = NULL, *error = NULL;
    casehug_clio_header headers[MOST_FIELDS];
    casehug_clio_str token = unhex(field[1]), body = unhex(field[2]);
    size_t many = 0;
    for (size_t i = 3; i + 1 < count; i += 2, many++) {
        headers[many].name = unhex(field[i]);
        headers[many].value = unhex(field[i + 1]);
    }
    int32_t status = casehug_clio_handle_webhook(sdk, token, headers, many, (const uint8_t *)body.data, body.len, &out, &error);
    say(status, out, error);
}

int main(void) {
    char *error = NULL, *line = NULL, *webhooks = getenv("GOLDEN_WEBHOOK_URL");
    casehug_clio_config config;
    memset(&config, 0, sizeof config);
    config.size = sizeof config;
    config.client_id = getenv("GOLDEN_CLIENT_ID");
    config.client_secret = getenv("GOLDEN_CLIENT_SECRET");
    config.clio_url = getenv("GOLDEN_CLIO_URL");
    config.sealing_key_id = getenv("GOLDEN_SEALING_KEY_ID");
    config.sealing_key = getenv("GOLDEN_SEALING_KEY");
    casehug_clio_root_key earlier = { getenv("GOLDEN_EARLIER_SEALING_KEY_ID"), getenv("GOLDEN_EARLIER_SEALING_KEY") };
    config.earlier_sealing_keys = &earlier;
    config.earlier_sealing_key_count = earlier.id != NULL && *earlier.id != 0;
    config.intake_folder = getenv("GOLDEN_INTAKES");
    config.store = getenv("GOLDEN_STORE");
    config.late_execution_window_seconds = seconds("GOLDEN_LATE_EXECUTION_WINDOW_SECONDS");
    config.index_delay_seconds = seconds("GOLDEN_INDEX_DELAY_SECONDS");
    config.request_timeout_seconds = seconds("GOLDEN_REQUEST_TIMEOUT_SECONDS");
    if (webhooks != NULL && *webhooks != 0) config.webhook_url = webhooks;
    casehug_clio_sdk *sdk = NULL;
    int32_t status = casehug_clio_open(&config, NULL, &sdk, &error);
    if (!say(status, NULL, error)) return 0;

    size_t room = 0;
    ssize_t length;
    while ((length = getline(&line, &room, stdin)) > 0) {
        if (line[length - 1] == '\n') line[length - 1] = 0;
        char *field[MOST_FIELDS], *rest = line;
        size_t count = 0;
        for (char *next = line; next != NULL && count < MOST_FIELDS; count++) {
            field[count] = rest;
            next = strchr(rest, '\t');
            if (next != NULL) *next = 0, rest = next + 1;
        }
        error = NULL;
        if (strcmp(field[0], "call") == 0 && count == 4) {
            call(sdk, field);
        } else if (strcmp(field[0], "webhook") == 0 && count >= 3) {
            webhook(sdk, field, count);
        } else if (strcmp(field[0], "worker") == 0 && count == 2) {
            status = strcmp(field[1], "start") == 0 ? casehug_clio_worker_start(sdk, &error) : casehug_clio_worker_stop(sdk, &error);
            say(status, NULL, error);
        } else {
            status = casehug_clio_close(sdk, &error);
            say(status, NULL, error);
            break;
        }
    }
    free(line);
    return 0;
}
