/* See ws_session.h, ws_work.h. */
#include "broker/gateway/ws_session.h"

#include <string.h>

#include "base/assert.h"
#include "base/units.h"
#include "broker/core/core.h"
#include "broker/gateway/door.h"
#include "broker/gateway/ws_int.h"
#include "broker/gateway/ws_message.h"
#include "broker/gateway/ws_work.h"

/* Memory of an answer that is more than its first piece; and of a work. */
#define WS_ANSWER_ARENA_BYTES 1024u
#define WS_WORK_BYTES_MAX     (64u << 20)

/* What a connection has under way; made with the first work, kept until it is closed. */
struct ws_session {
    struct list works; /* ws_work.in_session */
    uint32_t works_count;
};

static void ws_session_open(struct ws_conn *conn);
static bool ws_session_text(struct ws_conn *conn, const uint8_t *data, size_t length);
static void ws_session_drained(struct ws_conn *conn);
static void ws_session_closed(struct ws_conn *conn);
static void ws_session_tell(struct ws_conn *conn, const struct ws_message *message);
static void ws_session_answer(struct ws_conn *conn, const struct ws_message *message,
                              enum http_error error, const char *detail);
static void ws_session_begin(struct ws_conn *conn, const struct ws_message *message,
                             struct http_text text, const struct ws_work_ops *ops, size_t bytes);
static struct ws_session *ws_session_make(struct ws_conn *conn);
static void ws_out_send(struct http_out *out, struct ws_conn *conn);

const struct ws_ops ws_session_ops = {ws_session_open, ws_session_text, ws_session_drained,
                                      ws_session_closed};

static void ws_session_open(struct ws_conn *conn)
{
    ws_conn_set(conn, NULL);
}

static bool ws_session_text(struct ws_conn *conn, const uint8_t *data, size_t length)
{
    struct http_text text = {(const char *)data, length};
    struct ws_message message;
    ws_message_read(data, length, &message);
    if (message.error != HTTP_ERRORS_COUNT) {
        ws_session_answer(conn, &message, message.error, message.detail);
    } else {
        switch (message.op) {
        case WS_OP_HELLO:
        case WS_OP_PING: ws_session_answer(conn, &message, HTTP_ERRORS_COUNT, NULL); break;
        case WS_OP_QUERY:
            ws_session_begin(conn, &message, text, &ws_query_ops, ws_query_bytes);
            break;
        case WS_OP_APPEND:
            ws_session_begin(conn, &message, text, &ws_append_ops, ws_append_bytes);
            break;
        case WS_OP_SUBSCRIBE:
            ws_session_begin(conn, &message, text, &ws_subscribe_ops, ws_subscribe_bytes);
            break;
        case WS_OP_UNSUBSCRIBE:
        case WS_OP_CREDIT: ws_session_tell(conn, &message); break;
        case WS_OPS_COUNT: UNREACHABLE();
        }
    }
    return ws_conn_queued_bytes(conn) <= WS_UNREAD_BYTES_MAX; /* else when it has read some */
}

static void ws_session_drained(struct ws_conn *conn)
{
    struct ws_session *session = ws_conn_get(conn);
    if (session != NULL) {
        list_for_each_safe (node, next, &session->works) {
            struct ws_work *work = CONTAINER_OF(node, struct ws_work, in_session);
            if (work->ops->drained != NULL && ws_work_has_room(work)) {
                work->ops->drained(work);
            }
        }
        /* Who came first has the room first, but not each time. */
        struct list_node *node = list_pop_front(&session->works);
        if (node != NULL) {
            list_push_back(&session->works, node);
        }
    }
    if (ws_conn_queued_bytes(conn) <= WS_UNREAD_BYTES_MAX) {
        ws_conn_resume(conn);
    }
}

static void ws_session_closed(struct ws_conn *conn)
{
    struct ws_session *session = ws_conn_get(conn);
    if (session == NULL) {
        return;
    }
    struct list_node *node;
    ws_conn_set(conn, NULL);
    while ((node = list_pop_front(&session->works)) != NULL) {
        struct ws_work *work = CONTAINER_OF(node, struct ws_work, in_session);
        work->is_closed = true;
        work->ops->closed(work);
    }
    budget_free(ws_conn_budget(conn), session);
}

/* What is asked of a subscription. */
static void ws_session_tell(struct ws_conn *conn, const struct ws_message *message)
{
    bool is_credit = message->op == WS_OP_CREDIT;
    const struct json_value *rows = &message->members[WS_MEMBER_ROWS];
    uint64_t count = 0;
    struct ws_work *work = ws_work_find(
        conn, &ws_subscribe_ops,
        ws_message_id(&message->members[is_credit ? WS_MEMBER_CREDITED : WS_MEMBER_ENDED]));
    if (work == NULL) {
        ws_session_answer(conn, message, HTTP_MESSAGE_INVALID,
                          "This connection has no such subscription.");
    } else if (is_credit && (rows->kind != JSON_NUMBER ||
                             units_parse_u64(rows->text, rows->length, &count) != ERR_OK)) {
        ws_session_answer(conn, message, HTTP_MESSAGE_INVALID, "\"rows\" is a number of rows.");
    } else {
        ws_session_answer(conn, message, HTTP_ERRORS_COUNT, NULL);
        if (is_credit) {
            ws_subscribe_credit(work, count);
        } else {
            ws_subscribe_end(work);
        }
    }
}

/* What is answered at once: an error, or that it is well. */
static void ws_session_answer(struct ws_conn *conn, const struct ws_message *message,
                              enum http_error error, const char *detail)
{
    struct arena arena;
    struct http_out out;
    arena_init(&arena, ws_conn_budget(conn), WS_ANSWER_ARENA_BYTES, WS_ANSWER_ARENA_BYTES);
    ws_out_init(&out, &arena, conn);
    if (error != HTTP_ERRORS_COUNT) {
        ws_out_begin(&out, message->id, "error");
        http_out_put_text(&out, ",");
        http_out_put_problem(&out, error, detail, NULL);
    } else {
        ws_out_begin(&out, message->id, "ok");
        http_out_put_text(&out,
                          message->op == WS_OP_HELLO ? ",\"protocol\":\"" WS_PROTOCOL "\"" : "");
    }
    ws_out_send(&out, conn);
    arena_deinit(&arena);
}

/* --- Works --- */

static void ws_session_begin(struct ws_conn *conn, const struct ws_message *message,
                             struct http_text text, const struct ws_work_ops *ops, size_t bytes)
{
    struct ws_session *session = ws_session_make(conn);
    struct arena arena;
    arena_init(&arena, ws_conn_budget(conn), ops->chunk_bytes, WS_WORK_BYTES_MAX);
    struct ws_work *work = arena_alloc_zeroed(&arena, bytes, 16);
    const char *id = arena_copy(&arena, message->id.data, message->id.length);
    struct http_out *out =
        ops->is_brief ? &ws_conn_door(conn)->ws.out : arena_alloc(&arena, sizeof(*out), 16);
    if (session == NULL || work == NULL || id == NULL || out == NULL) {
        arena_deinit(&arena);
        ws_session_answer(conn, message, HTTP_OVERLOADED, NULL);
        return;
    }
    if (session->works_count >= WS_WORKS_MAX) {
        arena_deinit(&arena);
        ws_session_answer(conn, message, HTTP_QUERIES_TOO_MANY,
                          "This connection has 64 under way: await one.");
        return;
    }
    work->conn = conn;
    work->ops = ops;
    work->arena = arena;
    work->id = (struct http_text){id, message->id.length};
    work->out = out;
    if (!ops->is_brief) {
        ws_out_init(out, &work->arena, conn);
    }
    ws_conn_hold(conn);
    list_push_back(&session->works, &work->in_session);
    session->works_count++;
    ops->start(work, message, text);
}

/* NULL: no memory. */
static struct ws_session *ws_session_make(struct ws_conn *conn)
{
    struct ws_session *session = ws_conn_get(conn);
    void *memory;
    if (session == NULL &&
        budget_alloc(ws_conn_budget(conn), sizeof(*session), 16, &memory) == ERR_OK) {
        session = memory;
        list_init(&session->works);
        session->works_count = 0;
        ws_conn_set(conn, session);
    }
    return session;
}

struct ws_work *ws_work_find(struct ws_conn *conn, const struct ws_work_ops *ops,
                             struct http_text id)
{
    struct ws_session *session = ws_conn_get(conn);
    if (session != NULL && id.length > 0) {
        list_for_each (node, &session->works) {
            struct ws_work *work = CONTAINER_OF(node, struct ws_work, in_session);
            if (work->ops == ops && work->id.length == id.length &&
                memcmp(work->id.data, id.data, id.length) == 0) {
                return work;
            }
        }
    }
    return NULL;
}

void ws_work_put(struct ws_work *work, const char *event)
{
    ASSERT(work->out->bytes == 0);
    ws_out_begin(work->out, work->id, event);
}

void ws_work_send(struct ws_work *work)
{
    ws_out_send(work->out, work->conn);
}

bool ws_work_has_room(const struct ws_work *work)
{
    return work->is_closed || ws_conn_queued_bytes(work->conn) <= WS_UNREAD_BYTES_MAX;
}

void ws_work_fail(struct ws_work *work, enum http_error error, const char *detail)
{
    http_out_drop(work->out);
    work->out->err = ERR_OK;
    ws_work_put(work, "error");
    http_out_put_text(work->out, ",");
    http_out_put_problem(work->out, error, detail, NULL);
    ws_work_send(work);
}

void ws_work_end(struct ws_work *work)
{
    struct ws_conn *conn = work->conn;
    http_out_drop(work->out);
    if (!work->is_closed) {
        struct ws_session *session = ws_conn_get(conn);
        list_remove(&work->in_session);
        session->works_count--;
    }
    struct arena arena = work->arena;
    arena_deinit(&arena);
    ws_conn_let_go(conn);
}

/* --- Messages --- */

void ws_out_init(struct http_out *out, struct arena *arena, const struct ws_conn *conn)
{
    struct http_door *door = ws_conn_door(conn);
    http_out_init(out, arena, &door->cs->bufs, &door->cs->budget, &door->answer_bytes,
                  door->held_bytes_max);
}

void ws_out_begin(struct http_out *out, struct http_text id, const char *event)
{
    http_out_put_text(out, "{");
    if (id.length > 0) {
        http_out_put_text(out, "\"id\":");
        http_out_put(out, id.data, id.length);
        http_out_put_text(out, ",");
    }
    ws_out_event(out, event);
}

void ws_out_event(struct http_out *out, const char *event)
{
    http_out_put_text(out, "\"ev\":\"");
    http_out_put_text(out, event);
    http_out_put_text(out, "\"");
}

/* What is written has become a frame, or the connection is closed; nothing is left of it. */
static void ws_out_send(struct http_out *out, struct ws_conn *conn)
{
    struct ws_frame *frame;
    http_out_put(out, "}", 1);
    if (http_out_is_short(out) ||
        ws_frame_new(ws_conn_budget(conn), out->bytes, &frame) != ERR_OK) {
        ws_conn_close(conn, WS_OVERLOADED, "no memory for an answer");
    } else {
        http_out_copy(out, frame->data);
        ws_frame_seal(frame, out->bytes, WS_WHOLE);
        ws_conn_send(conn, frame);
        ws_frame_unref(frame);
    }
    http_out_drop(out);
    out->err = ERR_OK;
}
