/* See client_http.h. The multi interface drives even a single transfer: it is the one that can wait
 * for something else, too, so that Ctrl-C is seen at once. */
#include "broker/cli/client_http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

/* Between two looks at the clock while nothing comes. */
#define CLIENT_HTTP_TICK_MS 200

/* How long a connection may take to come about. */
#define CLIENT_HTTP_CONNECT_MS 10000L

/* A transfer. */
struct client_http_transfer {
    const struct client_http_request *request;
    CURL *easy;       /* whose status is asked */
    bool is_canceled; /* its functions wanted no more */
    char why[CURL_ERROR_SIZE];
};

static size_t client_http_take(char *bytes, size_t size, size_t count, void *ctx);
static struct curl_slist *client_http_headers(const struct client_http_request *request);
static void client_http_prepare(struct client_http *http, struct client_http_transfer *t,
                                const char *url, struct curl_slist *headers);
static CURLcode client_http_run(struct client_http *http, struct client_http_transfer *t);
static enum err client_http_end(struct client_http *http, const struct client_http_transfer *t,
                                CURLcode code);

enum err client_http_open(struct client_http *http, const char *url)
{
    bool has_scheme = strstr(url, "://") != NULL;
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/') {
        length--;
    }
    int written = snprintf(http->base, sizeof(http->base), "%s%.*s", has_scheme ? "" : "http://",
                           (int)length, url);
    CURLU *parsed = curl_url();
    bool is_url = length > 0 && written > 0 && (size_t)written < sizeof(http->base) / 2 &&
                  parsed != NULL && curl_url_set(parsed, CURLUPART_URL, http->base, 0) == CURLUE_OK;
    curl_url_cleanup(parsed);
    if (!is_url ||
        (strncmp(http->base, "http://", 7) != 0 && strncmp(http->base, "https://", 8) != 0)) {
        snprintf(http->why, sizeof(http->why), "is no URL of a server: http://HOST:PORT");
        return ERR_INVALID;
    }
    http->easy = curl_easy_init();
    http->multi = curl_multi_init();
    if (http->easy == NULL || http->multi == NULL) {
        snprintf(http->why, sizeof(http->why), "%s", err_text(ERR_BUDGET));
        client_http_close(http);
        return ERR_BUDGET;
    }
    return ERR_OK;
}

void client_http_close(struct client_http *http)
{
    curl_easy_cleanup(http->easy);
    if (http->multi != NULL) {
        curl_multi_cleanup(http->multi);
    }
    http->easy = http->multi = NULL;
}

enum err client_http_post(struct client_http *http, const struct client_http_request *request,
                          long *status)
{
    char url[CLIENT_HTTP_URL_BYTES];
    struct client_http_transfer t = {.request = request, .easy = http->easy};
    struct curl_slist *headers = client_http_headers(request);
    snprintf(url, sizeof(url), "%s%s", http->base, request->path);
    *status = 0;
    if (headers == NULL) {
        snprintf(http->why, sizeof(http->why), "%s", err_text(ERR_BUDGET));
        return ERR_BUDGET;
    }
    client_http_prepare(http, &t, url, headers);
    CURLcode code = client_http_run(http, &t);
    curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, status);
    curl_slist_free_all(headers);
    return client_http_end(http, &t, code);
}

/* libcurl's: bytes of the body have come. */
static size_t client_http_take(char *bytes, size_t size, size_t count, void *ctx)
{
    struct client_http_transfer *t = ctx;
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->is_canceled = !t->request->data(t->request->ctx, status, bytes, size * count);
    return t->is_canceled ? 0 : size * count;
}

static struct curl_slist *client_http_headers(const struct client_http_request *request)
{
    char accept[256], content[256];
    snprintf(accept, sizeof(accept), "Accept: %s", request->accept);
    snprintf(content, sizeof(content), "Content-Type: %s", request->content);
    struct curl_slist *first = curl_slist_append(NULL, accept);
    struct curl_slist *all = first != NULL ? curl_slist_append(first, content) : NULL;
    if (all == NULL) {
        curl_slist_free_all(first);
    }
    return all;
}

static void client_http_prepare(struct client_http *http, struct client_http_transfer *t,
                                const char *url, struct curl_slist *headers)
{
    CURL *easy = http->easy;
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CLIENT_HTTP_CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "tdb/" TDB_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, t->request->body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->request->body_length);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, client_http_take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->why);
}

static CURLcode client_http_run(struct client_http *http, struct client_http_transfer *t)
{
    struct curl_waitfd watched = {.fd = t->request->watch_fd, .events = CURL_WAIT_POLLIN};
    CURLcode code = CURLE_OUT_OF_MEMORY;
    int running = 1, left = 0;
    if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK) {
        return code;
    }
    while (running > 0 && !t->is_canceled) {
        if (curl_multi_perform(http->multi, &running) != CURLM_OK ||
            (running > 0 && curl_multi_poll(http->multi, &watched, watched.fd >= 0,
                                            CLIENT_HTTP_TICK_MS, NULL) != CURLM_OK)) {
            break;
        }
        t->is_canceled = t->is_canceled || !t->request->tick(t->request->ctx);
    }
    const CURLMsg *message = curl_multi_info_read(http->multi, &left);
    if (message != NULL && message->msg == CURLMSG_DONE) {
        code = message->data.result;
    }
    curl_multi_remove_handle(http->multi, http->easy);
    return code;
}

static enum err client_http_end(struct client_http *http, const struct client_http_transfer *t,
                                CURLcode code)
{
    if (t->is_canceled) {
        snprintf(http->why, sizeof(http->why), "%s", err_text(ERR_CANCELED));
        return ERR_CANCELED;
    }
    if (code == CURLE_OK) {
        return ERR_OK;
    }
    snprintf(http->why, sizeof(http->why), "%s",
             t->why[0] != '\0' ? t->why : curl_easy_strerror(code));
    bool has_none = code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
                    code == CURLE_OPERATION_TIMEDOUT;
    return has_none ? ERR_UNREACHABLE : ERR_RESET;
}
