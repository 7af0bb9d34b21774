/* What the programs share: checks, a configuration, and a browser of five lines. */
#ifndef HOST_H
#define HOST_H
#include "memory_store.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHECK(condition, ...)                                                       \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);         \
            fprintf(stderr, __VA_ARGS__);                                           \
            fprintf(stderr, "\n");                                                  \
            exit(1);                                                                \
        }                                                                           \
    } while (0)

static inline casehug_clio_config host_config(const char *clio_url, const char *intakes) {
    casehug_clio_config config;
    memset(&config, 0, sizeof config);
    config.size = sizeof config;
    config.client_id = "casehug-dev";
    config.client_secret = "casehug-dev-secret";
    config.clio_url = clio_url;
    config.sealing_key_id = "k1";
    config.sealing_key = "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248";
    config.intake_folder = intakes;
    config.late_execution_window_seconds = 2;
    config.index_delay_seconds = 2;
    return config;
}

/* GETs http://127.0.0.1:PORT/... and gives the whole answer, to be freed. */
static inline char *host_get(const char *url) {
    int port = 0, at = 0;
    CHECK(sscanf(url, "http://127.0.0.1:%d%n", &port, &at) == 1, "not a loopback URL");
    struct sockaddr_in to;
    memset(&to, 0, sizeof to);
    to.sin_family = AF_INET;
    to.sin_port = htons((unsigned short)port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int stream = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(stream, (struct sockaddr *)&to, sizeof to) == 0, "connect");
    char request[4096];
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nhost: 127.0.0.1:%d\r\n\r\n", url + at, port);
    CHECK(length > 0 && write(stream, request, (size_t)length) == length, "write");
    char *answer = NULL;
    size_t have = 0;
    ssize_t got;
    do {
        answer = realloc(answer, have + 65537);
        got = read(stream, answer + have, 65536);
        if (got > 0) have += (size_t)got;
    } while (got > 0);
    answer[have] = 0;
    close(stream);
    return answer;
}

/* The text value of a key in our JSON, which escapes none of what is read here; to be freed. */
static inline char *host_field(const char *json, const char *key) {
    char pattern[64];
    snprintf(pattern, sizeof pattern, "\"%s\":", key);
    const char *at = strstr(json, pattern);
    CHECK(at != NULL, "no %s in %s", key, json);
    at += strlen(pattern);
    size_t length = *at == '"' ? strcspn(++at, "\"") : strcspn(at, ",}");
    char *value = calloc(1, length + 1);
    memcpy(value, at, length);
    return value;
}

/* Connects the firm as a person who allows access would. */
static inline void host_connect(casehug_clio_sdk *sdk, const casehug_clio_actor *who) {
    char *out = NULL, *error = NULL;
    int32_t status = casehug_clio_begin_connect(sdk, who, "http://127.0.0.1:9/callback", &out, &error);
    CHECK(status == CASEHUG_CLIO_OK, "%s", error);
    char *url = host_field(out, "authorize_url");
    casehug_clio_free(out);
    char *answer = host_get(url), *location = strstr(answer, "location: "), *query = location ? strchr(location, '?') : NULL;
    CHECK(query != NULL, "no redirect");
    query[strcspn(query, "\r\n")] = 0;
    status = casehug_clio_finish_connect(sdk, who, query + 1, &out, &error);
    CHECK(status == CASEHUG_CLIO_OK, "%s", error);
    CHECK(strstr(out, "\"state\":\"connected\"") != NULL, "%s", out);
    casehug_clio_free(out);
    free(url);
    free(answer);
}
#endif
