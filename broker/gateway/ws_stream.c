/* Subscriptions to streams by WebSocket, what is given:
 *
 *     {"id":1,"ev":"ok","stream":NAME,"partitions":1}
 *     {"id":1,"ev":"schema","columns":[...]}          once, before rows
 *     {"id":1,"ev":"rows","rows":[[...],...]}
 *     {"id":1,"ev":"gap","partition":0,"from":3,"to":7}
 *     {"id":1,"ev":"progress","token":TEXT}           all rows before it have been given
 *     {"id":1,"ev":"closed"}                          the end, with a problem where it failed
 *
 * "from": "latest" (where there is none), "earliest", {"0": OFFSET} (other partitions: earliest),
 * {"timestamp": TIME}, or a token: then everything behind it is given, and nothing twice.
 *
 * What a crowd is told up to its progress is written once (ws_crowd.h). */
#include <string.h>

#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/gateway/door.h"
#include "broker/gateway/ws_int.h"
#include "broker/gateway/ws_subscribe_int.h"

static void ws_stream_begun(struct core_subscribe *sub);
static void ws_stream_columns(struct core_subscribe *sub, const struct plan_output *outputs,
                              uint32_t count);
static void ws_stream_rows(struct core_subscribe_crowd *crowd, const struct vec_batch *batch);
static void ws_stream_gap(struct core_subscribe_crowd *crowd, uint32_t partition, uint64_t from,
                          uint64_t to);
static void ws_stream_progress(struct core_subscribe_crowd *crowd);
static void ws_stream_crowd_gone(struct core_subscribe_crowd *crowd);
static void ws_stream_done(struct core_subscribe *sub);
static struct ws_crowd *ws_stream_crowd(struct core_subscribe_crowd *crowd);
static void ws_stream_end_rows(struct core_subscribe_crowd *crowd, struct ws_crowd *to);

static struct ws_subscribe *ws_stream_of(const struct list_node *in_now)
{
    return CONTAINER_OF(in_now, const struct core_subscribe, in_now)->ctx;
}

static const struct ws_work *ws_stream_work(const struct list_node *in_now)
{
    return &ws_stream_of(in_now)->work;
}

const char *ws_stream_start(struct ws_subscribe *state)
{
    static const struct core_subscribe_ops ops = {
        ws_stream_begun,    ws_stream_columns,    ws_stream_rows, ws_stream_gap,
        ws_stream_progress, ws_stream_crowd_gone, ws_stream_done};
    struct ws_work *work = &state->work;
    struct ws_plan *asking = state->plan;
    struct core_subscribe *sub =
        arena_alloc(&work->arena, sizeof(*sub), _Alignof(struct core_subscribe));
    if (sub == NULL) {
        return ws_from_short;
    }
    *sub = (struct core_subscribe){.ops = &ops,
                                   .ctx = state,
                                   .plan = &asking->plan,
                                   .arena = &asking->arena,
                                   .from = CORE_SUBSCRIBE_EARLIEST,
                                   .timestamp_ms = asking->from.timestamp_ms,
                                   .places = asking->from.places,
                                   .places_count = asking->from.places_count,
                                   .rows_left = state->rows_left,
                                   .stall_ns_max = state->stall_ns_max};
    switch (asking->from.kind) {
    case WS_FROM_NONE:
    case WS_FROM_LATEST: sub->from = CORE_SUBSCRIBE_LATEST; break;
    case WS_FROM_TIMESTAMP: sub->from = CORE_SUBSCRIBE_TIMESTAMP; break;
    case WS_FROM_STREAM_TOKEN: sub->must_be = asking->from.topic; break;
    case WS_FROM_EARLIEST:
    case WS_FROM_OFFSETS: break;
    case WS_FROM_VIEW_TOKEN: return "\"from\" is the token of a view, and this is a stream.";
    }
    state->kind = WS_SUBSCRIBE_STREAM;
    state->sub = sub;
    core_subscribe_start(&ws_conn_door(work->conn)->ws.subscribes, sub);
    ws_plan_drop(state);
    return NULL;
}

/* --- To one --- */

static void ws_stream_begun(struct core_subscribe *sub)
{
    struct ws_subscribe *state = sub->ctx;
    struct http_out *out = state->work.out;
    state->is_begun = true;
    ws_subscribe_asked(state);
    ws_work_put(&state->work, "ok");
    http_out_put_text(out, ",\"stream\":");
    http_out_put_string(out, sub->name, strlen(sub->name));
    http_out_put_text(out, ",\"partitions\":");
    http_out_put_u64(out, sub->partitions_count);
    ws_work_send(&state->work);
}

static void ws_stream_columns(struct core_subscribe *sub, const struct plan_output *outputs,
                              uint32_t count)
{
    struct ws_subscribe *state = sub->ctx;
    ws_work_put(&state->work, "schema");
    http_out_put_text(state->work.out, ",\"columns\":");
    http_rows_columns_json(state->work.out, outputs, count);
    ws_work_send(&state->work);
}

static void ws_stream_done(struct core_subscribe *sub)
{
    struct ws_subscribe *state = sub->ctx;
    struct ws_conn *conn = state->work.conn;
    enum http_error error = sub->code == CORE_OK ? HTTP_ERRORS_COUNT
                            : sub->error != NULL ? http_error_of_state(sub->error->code)
                                                 : http_error_of(sub->code);
    const char *detail = sub->error != NULL        ? sub->error->message
                         : sub->message[0] != '\0' ? sub->message
                                                   : NULL;
    bool is_stalled = sub->code == CORE_TIMEOUT && !state->work.is_closed;
    if (is_stalled) { /* it does not read: no close would come */
        ws_conn_kill(conn);
    }
    ws_subscribe_finish(state, error, detail, NULL);
}

/* --- To a crowd --- */

/* Its messages; NULL: there is no memory, and its connections are closed. */
static struct ws_crowd *ws_stream_crowd(struct core_subscribe_crowd *crowd)
{
    if (crowd->ctx == NULL) {
        const struct ws_subscribe *any = ws_stream_of(list_first(&crowd->now));
        crowd->ctx = ws_crowd_new(any->work.conn, crowd->outputs, crowd->outputs_count);
        if (crowd->ctx == NULL) {
            ws_crowd_refuse(&crowd->now, ws_stream_work);
        }
    }
    return crowd->ctx;
}

static void ws_stream_rows(struct core_subscribe_crowd *crowd, const struct vec_batch *batch)
{
    struct ws_crowd *to = ws_stream_crowd(crowd);
    if (to == NULL) {
        return;
    }
    http_rows_take(&to->rows, batch);
    for (uint32_t i = 0; i < batch->selection.count; i++) {
        if (!ws_crowd_is_open(to)) {
            ws_crowd_begin(to, "rows");
            http_out_put_text(&to->out, ",\"rows\":[");
        } else {
            http_out_put(&to->out, ",", 1);
        }
        http_rows_json(&to->rows, &to->out, vec_row(batch->selection, i));
        if (to->out.bytes - to->whole_bytes >= WS_ROWS_BYTES || http_out_is_short(&to->out)) {
            ws_stream_end_rows(crowd, to);
        }
    }
}

/* The message of rows is whole, if there is one; others may begin. */
static void ws_stream_end_rows(struct core_subscribe_crowd *crowd, struct ws_crowd *to)
{
    if (ws_crowd_is_open(to)) {
        http_out_put_text(&to->out, "]");
        ws_crowd_end(to);
    }
    if (ws_crowd_is_full(to)) {
        ws_crowd_send(to, &crowd->now, ws_stream_work);
    }
}

static void ws_stream_gap(struct core_subscribe_crowd *crowd, uint32_t partition, uint64_t from,
                          uint64_t to_offset)
{
    struct ws_crowd *to = ws_stream_crowd(crowd);
    if (to == NULL) {
        return;
    }
    ws_stream_end_rows(crowd, to);
    ws_crowd_begin(to, "gap");
    http_out_put_text(&to->out, ",\"partition\":");
    http_out_put_u64(&to->out, partition);
    http_out_put_text(&to->out, ",\"from\":");
    http_out_put_u64(&to->out, from);
    http_out_put_text(&to->out, ",\"to\":");
    http_out_put_u64(&to->out, to_offset);
    ws_crowd_end(to);
    ws_stream_end_rows(crowd, to);
}

static void ws_stream_progress(struct core_subscribe_crowd *crowd)
{
    struct ws_crowd *to = ws_stream_crowd(crowd);
    if (to == NULL) {
        return;
    }
    ws_stream_end_rows(crowd, to);
    ws_crowd_begin(to, "progress");
    http_out_put_text(&to->out, ",\"token\":\"");
    size_t bytes = core_subscribe_crowd_token_bytes(crowd);
    uint8_t *room = http_out_room(&to->out, bytes);
    if (room != NULL) {
        struct bytes_writer w = bytes_writer(room, bytes);
        core_subscribe_crowd_token(crowd, &w);
        ASSERT(w.err == ERR_OK);
        http_out_wrote(&to->out, w.pos);
    }
    http_out_put_text(&to->out, "\"");
    ws_crowd_end(to);
    ws_crowd_send(to, &crowd->now, ws_stream_work);
    list_for_each (node, &crowd->now) {
        struct ws_subscribe *state = ws_stream_of(node);
        if (!ws_work_has_room(&state->work)) {
            core_subscribe_pause(state->sub);
        }
    }
}

static void ws_stream_crowd_gone(struct core_subscribe_crowd *crowd)
{
    ws_crowd_free(crowd->ctx);
    crowd->ctx = NULL;
}
