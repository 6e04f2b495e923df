/* Subscriptions to streams by WebSocket:
 *
 *     {"id": 1, "op": "subscribe", "stream": NAME, "from": ..., "credit": ROWS, "slow": "block"}
 *
 *     {"id":1,"ev":"ok","stream":NAME,"partitions":1}
 *     {"id":1,"ev":"schema","columns":[...]}          once, before rows
 *     {"id":1,"ev":"rows","rows":[[...],...]}
 *     {"id":1,"ev":"gap","partition":0,"from":3,"to":7}
 *     {"id":1,"ev":"progress","token":TEXT}           all rows before it have been given
 *     {"id":1,"ev":"closed"}                          the end, with a problem where it failed
 *
 * "from": "latest" (where there is none), "earliest", {"0": OFFSET} (other partitions: earliest),
 * or a token: then everything behind it is given, and nothing twice. */
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/units.h"
#include "broker/core/core.h"
#include "broker/core/subscribe.h"
#include "broker/core/token.h"
#include "broker/gateway/door.h"
#include "broker/gateway/http_rows.h"
#include "broker/gateway/ws_int.h"
#include "broker/gateway/ws_work.h"

/* With "slow": "disconnect" a client may leave so long unread what it asked for. */
#define WS_SLOW_NS (5 * RT_NS_PER_S)

struct ws_subscribe {
    struct ws_work work;
    struct core_subscribe sub;
    struct http_rows rows; /* how rows are written */
    bool is_begun;         /* it was answered */
    bool is_writing;       /* a message of rows is being written */
};

static void ws_subscribe_start(struct ws_work *work, const struct ws_message *message,
                               struct http_text text);
static const char *ws_subscribe_read(struct ws_subscribe *state, const struct ws_message *message);
static const char *ws_subscribe_from(struct ws_subscribe *state, const struct json_value *from);
static const char *ws_subscribe_token(struct ws_subscribe *state, const struct json_value *from);
static const char *ws_subscribe_offsets(struct ws_subscribe *state, const struct json_value *from);
static void ws_subscribe_drained(struct ws_work *work);
static void ws_subscribe_begun(struct core_subscribe *sub);
static void ws_subscribe_columns(struct core_subscribe *sub, const struct plan_output *outputs,
                                 uint32_t count);
static bool ws_subscribe_rows(struct core_subscribe *sub, const struct vec_batch *batch);
static void ws_subscribe_gap(struct core_subscribe *sub, uint32_t partition, uint64_t from,
                             uint64_t to);
static void ws_subscribe_progress(struct core_subscribe *sub);
static void ws_subscribe_done(struct core_subscribe *sub);
static void ws_subscribe_flush(struct ws_subscribe *state);

const struct ws_work_ops ws_subscribe_ops = {ws_subscribe_start, ws_subscribe_drained,
                                             ws_subscribe_end};
const size_t ws_subscribe_bytes = sizeof(struct ws_subscribe);

/* Memory is short, told apart from what is wrong. */
static const char ws_subscribe_short[] = "";

static void ws_subscribe_start(struct ws_work *work, const struct ws_message *message,
                               struct http_text text)
{
    static const struct core_subscribe_ops ops = {ws_subscribe_begun,    ws_subscribe_columns,
                                                  ws_subscribe_rows,     ws_subscribe_gap,
                                                  ws_subscribe_progress, ws_subscribe_done};
    struct ws_subscribe *state = CONTAINER_OF(work, struct ws_subscribe, work);
    struct core_subscribe *sub = &state->sub;
    (void)text;
    const char *wrong = ws_subscribe_read(state, message);
    if (wrong != NULL) {
        bool is_short = wrong == ws_subscribe_short;
        ws_work_fail(work, is_short ? HTTP_OVERLOADED : HTTP_MESSAGE_INVALID,
                     is_short ? NULL : wrong);
        ws_work_end(work);
        return;
    }
    sub->ops = &ops;
    sub->ctx = state;
    sub->arena = &work->arena;
    sub->budget = ws_conn_budget(work->conn);
    core_subscribe_start(&ws_conn_door(work->conn)->ws.subscribes, sub);
}

/* --- What is asked --- */

/* NULL: it is well; else what is wrong. */
static const char *ws_subscribe_read(struct ws_subscribe *state, const struct ws_message *message)
{
    struct core_subscribe *sub = &state->sub;
    struct ws_work *work = &state->work;
    const struct json_value *stream = &message->members[WS_MEMBER_STREAM];
    const struct json_value *credit = &message->members[WS_MEMBER_ROWS_LEFT];
    const struct json_value *slow = &message->members[WS_MEMBER_SLOW];
    if (work->id.length == 0) {
        return "A subscription has an \"id\".";
    }
    if (ws_work_find(work->conn, work->ops, work->id) != work) { /* it stands behind that one */
        return "This connection has a subscription of this \"id\".";
    }
    if (stream->kind != JSON_STRING) {
        return "\"stream\" is a string.";
    }
    char *name = arena_alloc(&work->arena, stream->length + 1, 1);
    if (name == NULL) {
        return ws_subscribe_short;
    }
    struct bytes_writer w = bytes_writer(name, stream->length);
    if (json_unescape(&w, stream) != ERR_OK || w.pos == 0 || memchr(name, '\0', w.pos) != NULL) {
        return "\"stream\" is a stream's name.";
    }
    name[w.pos] = '\0';
    sub->name = name;
    sub->name_bytes = (uint32_t)w.pos;
    sub->rows_left = UINT64_MAX;
    if (credit->text != NULL &&
        (credit->kind != JSON_NUMBER ||
         units_parse_u64(credit->text, credit->length, &sub->rows_left) != ERR_OK ||
         sub->rows_left > INT64_MAX)) {
        return "\"credit\" is a number of rows.";
    }
    struct http_text what = {slow->text, slow->length};
    if (slow->text != NULL && (slow->kind != JSON_STRING || (!http_text_is(what, "block") &&
                                                             !http_text_is(what, "disconnect")))) {
        return "\"slow\" is \"block\" or \"disconnect\".";
    }
    sub->stall_ns_max = slow->text != NULL && http_text_is(what, "disconnect") ? WS_SLOW_NS : 0;
    return ws_subscribe_from(state, &message->members[WS_MEMBER_FROM]);
}

static const char *ws_subscribe_from(struct ws_subscribe *state, const struct json_value *from)
{
    struct core_subscribe *sub = &state->sub;
    struct http_text text = {from->text, from->length};
    sub->from = CORE_SUBSCRIBE_EARLIEST;
    if (from->text == NULL || (from->kind == JSON_STRING && http_text_is(text, "latest"))) {
        sub->from = CORE_SUBSCRIBE_LATEST;
        return NULL;
    }
    if (from->kind == JSON_STRING) {
        return http_text_is(text, "earliest") ? NULL : ws_subscribe_token(state, from);
    }
    return from->kind == JSON_OBJECT
               ? ws_subscribe_offsets(state, from)
               : "\"from\" is \"earliest\", \"latest\", a token, or {\"PARTITION\": OFFSET}.";
}

static const char *ws_subscribe_token(struct ws_subscribe *state, const struct json_value *from)
{
    struct core_subscribe *sub = &state->sub;
    struct arena *arena = &state->work.arena;
    uint32_t count;
    if (core_token_get(from->text, from->length, &sub->must_be, NULL, 0, &count) != ERR_OK) {
        return "\"from\" is neither \"earliest\", \"latest\" nor a token.";
    }
    uint64_t *offsets = arena_alloc(arena, count * sizeof(*offsets), 16);
    struct core_subscribe_place *places = arena_alloc(arena, count * sizeof(*places), 16);
    if (offsets == NULL || places == NULL) {
        return ws_subscribe_short;
    }
    enum err err = core_token_get(from->text, from->length, &sub->must_be, offsets, count, &count);
    ASSERT(err == ERR_OK);
    for (uint32_t i = 0; i < count; i++) {
        places[i] = (struct core_subscribe_place){.partition = i, .offset = offsets[i]};
    }
    sub->places = places;
    sub->places_count = count;
    return NULL;
}

static const char *ws_subscribe_offsets(struct ws_subscribe *state, const struct json_value *from)
{
    struct core_subscribe *sub = &state->sub;
    struct json_items items = json_items(from);
    struct json_value name;
    struct json_value value;
    uint32_t count = 0;
    while (json_items_next(&items, &name, &value)) {
        count++;
    }
    struct core_subscribe_place *places =
        arena_alloc(&state->work.arena, count * sizeof(*places), 16);
    if (places == NULL) {
        return ws_subscribe_short;
    }
    items = json_items(from);
    for (uint32_t i = 0; json_items_next(&items, &name, &value); i++) {
        uint64_t partition;
        uint64_t offset;
        if (value.kind != JSON_NUMBER ||
            units_parse_u64(name.text, name.length, &partition) != ERR_OK ||
            units_parse_u64(value.text, value.length, &offset) != ERR_OK || partition > INT32_MAX ||
            offset > INT64_MAX) {
            return "\"from\" names partitions and their offsets: {\"0\": 12}.";
        }
        places[i] =
            (struct core_subscribe_place){.partition = (uint32_t)partition, .offset = offset};
    }
    sub->places = places;
    sub->places_count = count;
    return NULL;
}

/* --- While it lasts --- */

static void ws_subscribe_drained(struct ws_work *work)
{
    core_subscribe_resume(&CONTAINER_OF(work, struct ws_subscribe, work)->sub);
}

void ws_subscribe_credit(struct ws_work *work, uint64_t rows)
{
    core_subscribe_credit(&CONTAINER_OF(work, struct ws_subscribe, work)->sub, rows);
}

void ws_subscribe_end(struct ws_work *work)
{
    core_subscribe_end(&CONTAINER_OF(work, struct ws_subscribe, work)->sub);
}

static void ws_subscribe_begun(struct core_subscribe *sub)
{
    struct ws_subscribe *state = sub->ctx;
    struct http_out *out = &state->work.out;
    state->is_begun = true;
    ws_work_put(&state->work, "ok");
    http_out_put_text(out, ",\"stream\":");
    http_out_put_string(out, sub->name, sub->name_bytes);
    http_out_put_text(out, ",\"partitions\":");
    http_out_put_u64(out, sub->lanes_count);
    ws_work_send(&state->work);
}

static void ws_subscribe_columns(struct core_subscribe *sub, const struct plan_output *outputs,
                                 uint32_t count)
{
    struct ws_subscribe *state = sub->ctx;
    if (!http_rows_init(&state->rows, &state->work.arena, outputs, count)) {
        ws_conn_close(state->work.conn, WS_OVERLOADED, "no memory for a subscription");
        core_subscribe_end(sub);
        return;
    }
    ws_work_put(&state->work, "schema");
    http_out_put_text(&state->work.out, ",\"columns\":");
    http_rows_columns_json(&state->work.out, outputs, count);
    ws_work_send(&state->work);
}

static bool ws_subscribe_rows(struct core_subscribe *sub, const struct vec_batch *batch)
{
    struct ws_subscribe *state = sub->ctx;
    struct http_out *out = &state->work.out;
    http_rows_take(&state->rows, batch);
    for (uint32_t i = 0; i < batch->selection.count; i++) {
        if (state->is_writing) {
            http_out_put(out, ",", 1);
        } else {
            ws_work_put(&state->work, "rows");
            http_out_put_text(out, ",\"rows\":[");
            state->is_writing = true;
        }
        http_rows_json(&state->rows, out, vec_row(batch->selection, i));
        if (out->bytes >= WS_ROWS_BYTES || http_out_is_short(out)) {
            ws_subscribe_flush(state);
        }
    }
    return ws_work_has_room(&state->work);
}

/* The message of rows is whole. */
static void ws_subscribe_flush(struct ws_subscribe *state)
{
    if (state->is_writing) {
        state->is_writing = false;
        http_out_put_text(&state->work.out, "]");
        ws_work_send(&state->work);
    }
}

static void ws_subscribe_gap(struct core_subscribe *sub, uint32_t partition, uint64_t from,
                             uint64_t to)
{
    struct ws_subscribe *state = sub->ctx;
    struct http_out *out = &state->work.out;
    ws_subscribe_flush(state);
    ws_work_put(&state->work, "gap");
    http_out_put_text(out, ",\"partition\":");
    http_out_put_u64(out, partition);
    http_out_put_text(out, ",\"from\":");
    http_out_put_u64(out, from);
    http_out_put_text(out, ",\"to\":");
    http_out_put_u64(out, to);
    ws_work_send(&state->work);
}

static void ws_subscribe_progress(struct core_subscribe *sub)
{
    struct ws_subscribe *state = sub->ctx;
    struct http_out *out = &state->work.out;
    ws_subscribe_flush(state);
    ws_work_put(&state->work, "progress");
    http_out_put_text(out, ",\"token\":\"");
    size_t bytes = core_token_bytes_max(sub->lanes_count);
    uint8_t *room = http_out_room(out, bytes);
    if (room != NULL) {
        struct bytes_writer w = bytes_writer(room, bytes);
        core_token_begin(&w, &sub->topic);
        for (uint32_t i = 0; i < sub->lanes_count; i++) {
            core_token_add(&w, sub->lanes[i]->next);
        }
        ASSERT(w.err == ERR_OK);
        http_out_wrote(out, w.pos);
    }
    http_out_put_text(out, "\"");
    ws_work_send(&state->work);
}

/* --- The end --- */

static void ws_subscribe_done(struct core_subscribe *sub)
{
    struct ws_subscribe *state = sub->ctx;
    struct ws_work *work = &state->work;
    ws_subscribe_flush(state);
    ws_work_put(work, sub->code == CORE_OK || state->is_begun ? "closed" : "error");
    if (sub->code != CORE_OK) {
        enum http_error error = sub->state != NULL                 ? http_error_of_state(sub->state)
                                : sub->code == CORE_INVALID_STREAM ? HTTP_MESSAGE_INVALID
                                                                   : http_error_of(sub->code);
        http_out_put_text(&work->out, ",");
        http_out_put_problem(&work->out, error, sub->message[0] != '\0' ? sub->message : NULL,
                             NULL);
    }
    ws_work_send(work);
    if (sub->code == CORE_TIMEOUT && !work->is_closed) { /* it does not read: no close would come */
        ws_conn_kill(work->conn);
    }
    ws_work_end(work);
}
