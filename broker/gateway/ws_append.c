/* Appending events by WebSocket: {"id": 1, "op": "append", "stream": NAME, "events": [...]}, the
 * items as application/vnd.tdb.events+json has them; answered as by HTTP. See http_append.h. */
#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/gateway/door.h"
#include "broker/gateway/http_append.h"
#include "broker/gateway/ws_work.h"

struct ws_append {
    struct ws_work work;
    struct http_append append;
};

static void ws_append_start(struct ws_work *work, const struct ws_message *message,
                            struct http_text text);
static void ws_append_closed(struct ws_work *work);
static void ws_append_done(struct http_append *append);
static void ws_append_put(struct ws_append *state, bool has_results);

const struct ws_work_ops ws_append_ops = {
    .start = ws_append_start, .closed = ws_append_closed, .chunk_bytes = 4u << 10};
const size_t ws_append_bytes = sizeof(struct ws_append);

static void ws_append_start(struct ws_work *work, const struct ws_message *message,
                            struct http_text text)
{
    struct ws_append *state = CONTAINER_OF(work, struct ws_append, work);
    struct http_append *append = &state->append;
    struct http_door *door = ws_conn_door(work->conn);
    const struct json_value *stream = &message->members[WS_MEMBER_APPEND_STREAM];
    const struct json_value *events = &message->members[WS_MEMBER_EVENTS];
    (void)text;
    if (stream->kind != JSON_STRING || events->kind != JSON_ARRAY) {
        ws_work_fail(work, HTTP_MESSAGE_INVALID,
                     "\"stream\" is a string, and \"events\" an array.");
        ws_work_end(work);
        return;
    }
    char *name = arena_alloc(&work->arena, stream->length + 1, 1);
    const char *body = arena_copy(&work->arena, events->text, events->length);
    if (name == NULL || body == NULL) {
        ws_work_fail(work, HTTP_OVERLOADED, NULL);
        ws_work_end(work);
        return;
    }
    struct bytes_writer w = bytes_writer(name, stream->length);
    bool is_name = json_unescape(&w, stream) == ERR_OK;
    append->done = ws_append_done;
    append->ctx = state;
    append->cs = door->cs;
    append->json = &door->json;
    append->json_lines = &door->json_lines;
    append->arena = &work->arena;
    append->stream = (struct http_text){name, is_name ? w.pos : 0};
    append->body = (struct http_text){body, events->length};
    append->form = HTTP_EVENTS_ENVELOPE;
    append->number = ++door->calls_count;
    http_append_start(append);
}

/* It cannot be ended early: it ends by itself. */
static void ws_append_closed(struct ws_work *work)
{
    (void)work;
}

static void ws_append_done(struct http_append *append)
{
    struct ws_append *state = append->ctx;
    struct ws_work *work = &state->work;
    if (append->error != HTTP_ERRORS_COUNT) {
        ws_work_fail(work, append->error, append->detail);
        ws_work_end(work);
        return;
    }
    ws_append_put(state, true);
    if (http_out_is_short(work->out)) { /* it is done: who is told that it is not does it again */
        http_out_drop(work->out);
        work->out->err = ERR_OK;
        ws_append_put(state, false);
    }
    ws_work_send(work);
    ws_work_end(work);
}

/* Where no event was appended it is an error: the first one's. */
static void ws_append_put(struct ws_append *state, bool has_results)
{
    struct http_out *out = state->work.out;
    const char *detail;
    enum http_error error = http_append_why(&state->append, &detail);
    ws_work_put(&state->work, error != HTTP_ERRORS_COUNT ? "error" : "ok");
    http_out_put_text(out, ",");
    if (error != HTTP_ERRORS_COUNT) {
        http_out_put_problem(out, error, detail, NULL);
        http_out_put_text(out, ",");
    }
    http_append_put(&state->append, out, has_results);
}
