/* Appending events by HTTP: what the request says of them, and the answer. See http_append.h. */
#include "base/assert.h"
#include "broker/gateway/conn_int.h"
#include "broker/gateway/handlers.h"
#include "broker/gateway/http_append.h"
#include "broker/gateway/http_media.h"

static bool http_events_form_of(struct http_call *call, enum http_events_form *form);
static void http_events_appended(struct http_append *append);
static void http_events_put(struct http_call *call, struct http_append *append,
                            enum http_error error, const char *detail, bool has_results);

void http_handle_events_append(struct http_call *call)
{
    enum http_events_form form;
    struct http_text unused;
    if (!http_query_only(call, NULL, 0)) {
        return;
    }
    if (http1_find(&call->head, "Idempotency-Key", &unused) > 0) {
        http_problem(call, HTTP_IDEMPOTENCY_NOT_SERVED, NULL);
        return;
    }
    if (!http_events_form_of(call, &form)) {
        return;
    }
    struct http_append *append = http_alloc(call, sizeof(*append));
    if (append == NULL) {
        return;
    }
    struct http_door *door = call->conn->door;
    append->done = http_events_appended;
    append->ctx = call;
    append->cs = call->cs;
    append->json = &door->json;
    append->json_lines = &door->json_lines;
    append->arena = &call->arena;
    append->stream = call->params[0];
    append->body = call->body;
    append->form = form;
    append->number = call->number;
    http_append_start(append);
}

/* What the body is. False: not known, and answered. */
static bool http_events_form_of(struct http_call *call, enum http_events_form *form)
{
    struct http_media media;
    struct http_text text = {.data = ""};
    uint32_t count = http1_find(&call->head, "Content-Type", &text);
    if (count != 1 || http_media_read(text, &media) != ERR_OK) {
        http_problem(call, HTTP_MEDIA_TYPE_UNSUPPORTED,
                     count == 0 ? "There is no Content-Type." : "The Content-Type cannot be read.");
        return false;
    }
    *form = http_media_is(&media, HTTP_MEDIA_JSON)     ? HTTP_EVENTS_JSON
            : http_media_is(&media, HTTP_MEDIA_NDJSON) ? HTTP_EVENTS_NDJSON
                                                       : HTTP_EVENTS_ENVELOPE;
    if ((*form == HTTP_EVENTS_ENVELOPE && !http_media_is(&media, HTTP_MEDIA_EVENTS)) ||
        !http_media_is_utf8(&media)) {
        http_problem(call, HTTP_MEDIA_TYPE_UNSUPPORTED, NULL);
        return false;
    }
    return true;
}

/* Where no event was appended it is a problem: the first one's. */
static void http_events_appended(struct http_append *append)
{
    struct http_call *call = append->ctx;
    const char *detail;
    enum http_error error = http_append_why(append, &detail);
    if (append->error != HTTP_ERRORS_COUNT) {
        http_problem(call, error, detail);
        return;
    }
    http_events_put(call, append, error, detail, true);
    if (http_is_short(call)) { /* it is done: who is told that it is not does it again */
        http_put_again(call);
        http_events_put(call, append, error, detail, false);
    }
    if (error != HTTP_ERRORS_COUNT) {
        http_answer(call, http_error_row(error)->status, HTTP_MEDIA_PROBLEM);
    } else {
        http_answer(call, append->failed_count > 0 ? 207 : 200, HTTP_MEDIA_JSON);
    }
}

static void http_events_put(struct http_call *call, struct http_append *append,
                            enum http_error error, const char *detail, bool has_results)
{
    http_put_text(call, "{");
    if (error != HTTP_ERRORS_COUNT) {
        http_put_problem(call, error, detail, NULL);
        http_put_text(call, ",");
    }
    http_append_put(append, &call->out, has_results);
    http_put_text(call, "}\n");
}
