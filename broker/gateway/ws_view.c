/* Subscriptions to views by WebSocket, what is given:
 *
 *     {"id":1,"ev":"ok","view":NAME,"resume":"snapshot","reason":TEXT}    or "diff"
 *     {"id":1,"ev":"schema","columns":[...],"key":[0]}
 *     {"id":1,"ev":"rows","rows":[[...],...]}                   of a snapshot, then
 *     {"id":1,"ev":"snapshot_end"}
 *     {"id":1,"ev":"changes","changes":[["u",[...]],["d",[...]]]}
 *     {"id":1,"ev":"progress","token":TEXT,"position":TEXT}     the table is the view's of then
 *     {"id":1,"ev":"closed"}                                    the end, with a problem if it
 * failed
 *
 * A view that is bound anew has other columns, or other values in them: who follows it is told
 *
 *     {"id":1,"ev":"schema","resume":"snapshot","reason":"rebuilt","columns":[...],"key":[0]}
 *
 * and, as at the beginning, its rows, which are all there is from then on; so is who was behind for
 * longer than changes are kept, or by more than there is memory for.
 *
 * Where all columns of the view's key are shown, "key" says which, and changes are "u" (the row of
 * that key is this one now) and "d" (there is none of that key any more); else "+" and "-", one row
 * more, one less. "from": a token. */
#include <string.h>

#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/core/view.h"
#include "broker/gateway/door.h"
#include "broker/gateway/ws_int.h"
#include "broker/gateway/ws_subscribe_int.h"

static void ws_view_share(struct ws_subscribe *state);
static bool ws_view_is_alike(const struct core_subscribe_plan *a,
                             const struct core_subscribe_plan *b);
static void ws_view_begun(struct core_follow *follow);
static bool ws_view_rows(struct core_follow *follow, const struct vec_batch *rows);
static void ws_view_snapshot_end(struct core_follow *follow);
static void ws_view_changes(struct core_follow_crowd *crowd, enum core_follow_kind kind,
                            const struct vec_batch *rows);
static void ws_view_flush(struct core_follow_crowd *crowd);
static void ws_view_progress(struct core_follow_crowd *crowd, const struct core_position *position);
static bool ws_view_has_room(struct core_follow *follow);
static void ws_view_crowd_gone(struct core_follow_crowd *crowd);
static void ws_view_done(struct core_follow *follow);
static bool ws_view_again(struct ws_subscribe *state);
static void ws_view_put_resume(struct http_out *out, const struct core_follow *follow);
static void ws_view_put_key(struct http_out *out, const struct core_subscribe_plan *plan);
static struct ws_crowd *ws_view_snapshot(struct ws_subscribe *state);
static void ws_view_send_snapshot(struct ws_subscribe *state);
static struct ws_crowd *ws_view_crowd(struct core_follow_crowd *crowd);
static void ws_view_end_lines(struct ws_crowd *to);
static void ws_view_send(struct core_follow_crowd *crowd, struct ws_crowd *to);

static struct ws_subscribe *ws_view_of(const struct list_node *in_now)
{
    return CONTAINER_OF(in_now, const struct core_follow, in_now)->ctx;
}

static const struct ws_work *ws_view_work(const struct list_node *in_now)
{
    return &ws_view_of(in_now)->work;
}

const char *ws_view_start(struct ws_subscribe *state)
{
    static const struct core_follow_ops ops = {
        ws_view_begun,    ws_view_rows,     ws_view_snapshot_end, ws_view_changes, ws_view_flush,
        ws_view_progress, ws_view_has_room, ws_view_crowd_gone,   ws_view_done};
    struct ws_work *work = &state->work;
    const struct ws_from from = state->plan->from;
    if (from.kind != WS_FROM_NONE && from.kind != WS_FROM_VIEW_TOKEN) {
        return from.kind == WS_FROM_STREAM_TOKEN
                   ? "\"from\" is the token of a stream, and this is a view."
                   : "A view is given as it is now, or, with \"from\", from a token on.";
    }
    struct core_follow *follow = state->follow; /* of the incarnation before */
    if (follow == NULL) {
        follow = arena_alloc(&work->arena, sizeof(*follow), _Alignof(struct core_follow));
    }
    if (follow == NULL) {
        return ws_from_short;
    }
    uint64_t given_count = state->follow != NULL ? follow->given_count : 0;
    ws_view_share(state);
    *follow = (struct core_follow){.ops = &ops,
                                   .ctx = state,
                                   .plan = &state->plan->plan,
                                   .budget = ws_conn_budget(work->conn),
                                   .has_token = from.kind == WS_FROM_VIEW_TOKEN,
                                   .token = from.view,
                                   .rows_left = state->rows_left,
                                   .stall_ns_max = state->stall_ns_max,
                                   .given_count = given_count};
    if (state->is_begun) { /* the incarnation is what makes the difference */
        follow->token.hash = core_subscribe_plan_hash(follow->plan);
    }
    state->kind = WS_SUBSCRIBE_VIEW;
    state->follow = follow;
    core_follow_start(ws_conn_shard(work->conn), follow);
    return NULL;
}

/* Have the plan of others who ask the same, if there are any. */
static void ws_view_share(struct ws_subscribe *state)
{
    struct ws_plan *own = state->plan;
    uint64_t hash = core_subscribe_plan_hash(&own->plan);
    struct list *list = &ws_conn_door(state->work.conn)->ws.plans[hash % WS_PLANS];
    list_for_each (node, list) {
        struct ws_plan *other = CONTAINER_OF(node, struct ws_plan, in_door);
        if (ws_view_is_alike(&own->plan, &other->plan)) {
            ws_plan_drop(state);
            state->plan = other;
            other->refs++;
            return;
        }
    }
    list_push_back(list, &own->in_door);
}

static bool ws_view_is_alike(const struct core_subscribe_plan *a,
                             const struct core_subscribe_plan *b)
{
    const struct core_view_relation *one = a->relation->owner;
    const struct core_view_relation *other = b->relation->owner;
    return a->what == b->what && a->length == b->length &&
           memcmp(a->text, b->text, a->length) == 0 && /* it may mean more columns one day */
           a->identity.length == b->identity.length &&
           memcmp(a->identity.data, b->identity.data, a->identity.length) == 0 &&
           log_uuid_is_equal(&one->uuid, &other->uuid) && one->incarnation == other->incarnation &&
           strcmp(a->relation->name, b->relation->name) == 0;
}

/* --- To one --- */

static void ws_view_begun(struct core_follow *follow)
{
    struct ws_subscribe *state = follow->ctx;
    struct http_out *out = state->work.out;
    const struct core_subscribe_plan *plan = follow->plan;
    bool is_again = state->is_begun;
    state->is_begun = true;
    if (follow->is_diff) {
        ws_subscribe_asked(state);
    }
    if (!is_again) {
        ws_work_put(&state->work, "ok");
        http_out_put_text(out, ",\"view\":");
        http_out_put_string(out, plan->relation->name, strlen(plan->relation->name));
        ws_view_put_resume(out, follow);
        ws_work_send(&state->work);
    }
    ws_work_put(&state->work, "schema");
    if (is_again) {
        ws_view_put_resume(out, follow);
    }
    http_out_put_text(out, ",\"columns\":");
    http_rows_columns_json(out, plan->outputs, plan->outputs_count);
    ws_view_put_key(out, plan);
    ws_work_send(&state->work);
}

/* How it goes on, and why so. */
static void ws_view_put_resume(struct http_out *out, const struct core_follow *follow)
{
    http_out_put_text(out, follow->is_diff ? ",\"resume\":\"diff\"" : ",\"resume\":\"snapshot\"");
    if (follow->reason != NULL) {
        http_out_put_text(out, ",\"reason\":");
        http_out_put_string(out, follow->reason, strlen(follow->reason));
    }
}

/* Which columns tell rows apart, where they do. */
static void ws_view_put_key(struct http_out *out, const struct core_subscribe_plan *plan)
{
    for (uint32_t i = 0; i < plan->keys_count; i++) {
        http_out_put_text(out, i == 0 ? ",\"key\":[" : ",");
        http_out_put_u64(out, plan->keys[i]);
    }
    http_out_put_text(out, plan->keys_count > 0 ? "]" : "");
}

/* Messages to this one alone; NULL: there is no memory, and its connection is closed. */
static struct ws_crowd *ws_view_snapshot(struct ws_subscribe *state)
{
    const struct core_subscribe_plan *plan = state->follow->plan;
    if (state->snapshot == NULL) {
        state->snapshot = ws_crowd_new(state->work.conn, plan->outputs, plan->outputs_count);
        if (state->snapshot == NULL) {
            ws_crowd_close(&state->work);
        }
    }
    return state->snapshot;
}

static bool ws_view_rows(struct core_follow *follow, const struct vec_batch *rows)
{
    struct ws_subscribe *state = follow->ctx;
    struct ws_crowd *to = ws_view_snapshot(state);
    if (to == NULL) {
        return true; /* its end comes */
    }
    http_rows_take(&to->rows, rows);
    for (uint32_t i = 0; i < rows->selection.count; i++) {
        if (!ws_crowd_is_open(to)) {
            ws_crowd_begin(to, "rows");
            http_out_put_text(&to->out, ",\"rows\":[");
        } else {
            http_out_put(&to->out, ",", 1);
        }
        http_rows_json(&to->rows, &to->out, vec_row(rows->selection, i));
        if (to->out.bytes - to->whole_bytes >= WS_ROWS_BYTES || http_out_is_short(&to->out)) {
            ws_view_send_snapshot(state);
        }
    }
    bool has_room = ws_work_has_room(&state->work);
    if (!has_room || follow->rows_left == 0) { /* it waits, for the client to read or ask on */
        ws_view_send_snapshot(state);
    }
    if (!has_room) {
        ws_subscribe_asked(state); /* for who does not read nobody waits */
    }
    return has_room;
}

static void ws_view_send_snapshot(struct ws_subscribe *state)
{
    ws_view_end_lines(state->snapshot);
    ws_crowd_send_to(state->snapshot, &state->work);
}

static void ws_view_snapshot_end(struct core_follow *follow)
{
    struct ws_subscribe *state = follow->ctx;
    struct ws_crowd *to = ws_view_snapshot(state);
    ws_subscribe_asked(state);
    if (to != NULL) {
        ws_view_end_lines(to);
        ws_crowd_begin(to, "snapshot_end");
        ws_crowd_end(to);
        ws_view_send_snapshot(state);
        ws_crowd_free(to);
        state->snapshot = NULL;
    }
}

static bool ws_view_has_room(struct core_follow *follow)
{
    struct ws_subscribe *state = follow->ctx;
    return ws_work_has_room(&state->work);
}

static void ws_view_done(struct core_follow *follow)
{
    struct ws_subscribe *state = follow->ctx;
    bool is_wanted = !state->work.is_closed && !state->is_ended;
    if (follow->code == CORE_VIEW_CHANGED && is_wanted && ws_view_again(state)) {
        return;
    }
    enum http_error error = follow->code == CORE_OK    ? HTTP_ERRORS_COUNT
                            : follow->state[0] != '\0' ? http_error_of_state(follow->state)
                                                       : http_error_of(follow->code);
    if (follow->code == CORE_TIMEOUT && !state->work.is_closed && state->stall_ns_max > 0) {
        ws_conn_kill(state->work.conn); /* it does not read: no close would come */
    }
    ws_subscribe_finish(state, error, follow->message[0] != '\0' ? follow->message : NULL, NULL);
}

/* It follows the incarnation that has the place of the one that it followed. False: it ends. */
static bool ws_view_again(struct ws_subscribe *state)
{
    const struct core_follow *follow = state->follow;
    const struct core_view_relation *relation = follow->plan->relation->owner;
    struct ws_from from = {.kind = WS_FROM_NONE};
    if (follow->has_token || state->is_begun) {
        from.kind = WS_FROM_VIEW_TOKEN;
        from.view = follow->token;
    }
    if (state->is_begun) {
        from.view = (struct core_view_token){.view = relation->lineage,
                                             .incarnation = relation->incarnation,
                                             .epoch = follow->position.epoch,
                                             .tick = follow->position.tick};
    }
    state->rows_left = follow->rows_left;
    return ws_subscribe_again(state, &from);
}

/* --- To a crowd --- */

/* Its messages; NULL: there is no memory, and its connections are closed. */
static struct ws_crowd *ws_view_crowd(struct core_follow_crowd *crowd)
{
    if (crowd->ctx == NULL) {
        const struct ws_subscribe *any = ws_view_of(list_first(&crowd->now));
        crowd->ctx = ws_crowd_new(any->work.conn, crowd->plan->outputs, crowd->plan->outputs_count);
        if (crowd->ctx == NULL) {
            ws_crowd_refuse(&crowd->now, ws_view_work);
        }
    }
    return crowd->ctx;
}

static void ws_view_changes(struct core_follow_crowd *crowd, enum core_follow_kind kind,
                            const struct vec_batch *rows)
{
    static const char *const begins[] = {
        [CORE_FOLLOW_INSERT] = "[\"+\",",
        [CORE_FOLLOW_DELETE] = "[\"-\",",
        [CORE_FOLLOW_UPSERT] = "[\"u\",",
        [CORE_FOLLOW_REMOVE] = "[\"d\",",
    };
    const struct core_subscribe_plan *plan = crowd->plan;
    struct ws_crowd *to = ws_view_crowd(crowd);
    if (to == NULL) {
        return;
    }
    http_rows_take(&to->rows, rows);
    for (uint32_t i = 0; i < rows->selection.count; i++) {
        uint32_t row = vec_row(rows->selection, i);
        if (!ws_crowd_is_open(to)) {
            ws_crowd_begin(to, "changes");
            http_out_put_text(&to->out, ",\"changes\":[");
        } else {
            http_out_put(&to->out, ",", 1);
        }
        http_out_put_text(&to->out, begins[kind]);
        if (kind == CORE_FOLLOW_REMOVE) {
            http_rows_json_some(&to->rows, &to->out, row, plan->keys, plan->keys_count);
        } else {
            http_rows_json(&to->rows, &to->out, row);
        }
        http_out_put(&to->out, "]", 1);
        if (to->out.bytes - to->whole_bytes >= WS_ROWS_BYTES || http_out_is_short(&to->out)) {
            ws_view_end_lines(to);
        }
        if (ws_crowd_is_full(to)) {
            ws_view_send(crowd, to);
        }
    }
}

/* The message of rows or changes is whole, if there is one. */
static void ws_view_end_lines(struct ws_crowd *to)
{
    if (ws_crowd_is_open(to)) {
        http_out_put_text(&to->out, "]");
        ws_crowd_end(to);
    }
}

/* What is written goes to all. */
static void ws_view_send(struct core_follow_crowd *crowd, struct ws_crowd *to)
{
    ws_view_end_lines(to);
    ws_crowd_send(to, &crowd->now, ws_view_work);
}

static void ws_view_flush(struct core_follow_crowd *crowd)
{
    if (crowd->ctx != NULL) {
        ws_view_send(crowd, crowd->ctx);
    }
}

static void ws_view_progress(struct core_follow_crowd *crowd, const struct core_position *position)
{
    struct ws_crowd *to = ws_view_crowd(crowd);
    char text[CORE_POSITION_BYTES];
    if (to == NULL) {
        return;
    }
    ws_view_end_lines(to);
    if (ws_crowd_is_full(to)) {
        ws_view_send(crowd, to);
    }
    ws_crowd_begin(to, "progress");
    http_out_put_text(&to->out, ",\"token\":\"");
    uint8_t *room = http_out_room(&to->out, CORE_VIEW_TOKEN_BYTES);
    if (room != NULL) {
        struct bytes_writer w = bytes_writer(room, CORE_VIEW_TOKEN_BYTES);
        core_follow_token(crowd, position, &w);
        ASSERT(w.err == ERR_OK);
        http_out_wrote(&to->out, w.pos);
    }
    http_out_put_text(&to->out, "\",\"position\":\"");
    http_out_put(&to->out, text, core_position_put(position, text));
    http_out_put_text(&to->out, "\"");
    ws_crowd_end(to);
    ws_view_send(crowd, to);
}

static void ws_view_crowd_gone(struct core_follow_crowd *crowd)
{
    ws_crowd_free(crowd->ctx);
    crowd->ctx = NULL;
}
