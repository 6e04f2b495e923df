/* What handlers write: bodies, answers, problems. See http.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "broker/core/core.h"
#include "broker/gateway/conn_int.h"
#include "broker/gateway/route.h"

/* The longest detail of a problem. */
#define HTTP_DETAIL_BYTES 512

void *http_alloc(struct http_call *call, size_t bytes)
{
    void *memory = arena_alloc_zeroed(&call->arena, bytes, 16);
    if (memory == NULL) {
        http_problem(call, HTTP_OVERLOADED, NULL);
    }
    return memory;
}

/* --- The body --- */

void http_put_again(struct http_call *call)
{
    ASSERT(!call->has_left);
    http_call_drop(call);
    call->out.err = ERR_OK;
}

void http_call_drop(struct http_call *call)
{
    http_out_drop(&call->out);
}

void http_call_sent(struct http_call *call)
{
    http_out_free(&call->out, call->sending);
    call->sending = NULL;
    call->sending_bytes = 0;
}

/* --- The answer --- */

void http_header(struct http_call *call, const char *name, const char *value)
{
    ASSERT(call->headers_count < HTTP_ANSWER_HEADERS_MAX);
    char *copy = arena_copy(&call->arena, value, strlen(value));
    if (copy == NULL) {
        call->out.err = ERR_BUDGET;
        return;
    }
    call->headers[call->headers_count++] = (struct http_answer_header){name, copy};
}

void http_answer(struct http_call *call, uint16_t status, const char *media)
{
    if (call->out.err != ERR_OK) {
        http_problem(call, call->out.err == ERR_TOO_LARGE ? HTTP_ANSWER_TOO_LARGE : HTTP_OVERLOADED,
                     NULL);
        return;
    }
    ASSERT(!call->is_answered);
    if (status == 500) {
        char id[HTTP_REQUEST_ID_BYTES];
        DIAG_ERROR(call->conn->door->diag, "http", "a request failed",
                   DIAG_STRING("request", http_call_id(call, id)),
                   DIAG_STRING("path", call->route != NULL ? call->route->path : "-"));
    }
    ASSERT(!call->has_left);
    call->is_answered = true;
    call->cancel = NULL;
    call->status = status;
    call->media = media;
    http_conn_answer(call->conn); /* `call` may be gone after it */
}

void http_begin(struct http_call *call, uint16_t status, const char *media, http_call_fn *drained)
{
    ASSERT(!call->is_begun);
    ASSERT(!call->is_answered);
    call->is_begun = true;
    call->status = status;
    call->media = media;
    call->drained = drained;
}

bool http_flush(struct http_call *call)
{
    ASSERT(call->is_begun);
    ASSERT(!call->is_answered);
    http_conn_flush(call->conn);
    call->is_full = call->out.bytes >= HTTP_STREAM_BYTES_MAX;
    return !call->is_full;
}

void http_end(struct http_call *call)
{
    ASSERT(call->is_begun);
    if (!call->has_left) {
        http_answer(call, call->status, call->media);
    } else if (call->out.err != ERR_OK) {
        http_break(call);
    } else {
        ASSERT(!call->is_answered);
        call->is_answered = true;
        call->cancel = NULL;
        http_conn_end(call->conn, true);
    }
}

void http_break(struct http_call *call)
{
    ASSERT(call->has_left);
    ASSERT(!call->is_answered);
    call->is_answered = true;
    call->cancel = NULL;
    http_conn_end(call->conn, false);
}

void http_wait(struct http_call *call, http_call_fn *cancel)
{
    ASSERT(!call->is_answered);
    call->cancel = cancel;
    http_conn_watch(call->conn);
}

bool http_is_closing(const struct http_call *call)
{
    return call->conn->door->is_closing;
}

void http_problem(struct http_call *call, enum http_error error, const char *detail)
{
    const struct http_error_row *row = http_error_row(error);
    http_put_again(call);
    http_put_text(call, "{");
    http_put_problem(call, error, detail, NULL);
    http_put_text(call, "}\n");
    if (call->out.err != ERR_OK) { /* not even for this */
        http_put_again(call);
    }
    http_answer(call, row->status, HTTP_MEDIA_PROBLEM);
}

void http_problem_of(struct http_call *call, enum http_error error, const char *format, ...)
{
    char detail[HTTP_DETAIL_BYTES];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    ASSERT(length >= 0);
    http_problem(call, error, detail);
}

void http_put_problem(struct http_call *call, enum http_error error, const char *detail,
                      const char *hint)
{
    char id[HTTP_REQUEST_ID_BYTES];
    http_out_put_problem(&call->out, error, detail, hint);
    http_put_text(call, ",\"request_id\":\"");
    http_put_text(call, http_call_id(call, id));
    http_put_text(call, "\"");
}
