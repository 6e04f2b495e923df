/* Subscriptions by WebSocket, what is asked:
 *
 *     {"id": 1, "op": "subscribe", "stream": NAME, "from": ..., "credit": ROWS, "slow": "block"}
 *     {"id": 1, "op": "subscribe", "view": NAME, "from": TOKEN, ...}
 *     {"id": 1, "op": "subscribe", "sql": "SELECT a FROM v WHERE b = $1", "params": ["x"], ...}
 *
 * The SELECT says by what it names whether it is to a stream (ws_stream.c) or to a view
 * (ws_view.c). */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/units.h"
#include "broker/core/catalog_view.h"
#include "broker/core/core.h"
#include "broker/core/view.h"
#include "broker/gateway/door.h"
#include "broker/gateway/http_question.h"
#include "broker/gateway/http_sql.h"
#include "broker/gateway/ws_int.h"
#include "broker/gateway/ws_subscribe_int.h"

/* Memory of a subscription comes in such pieces: one is enough for that to a stream. */
#define WS_SUBSCRIBE_CHUNK_BYTES 640u

/* Chunks of what is asked. */
#define WS_PLAN_CHUNK_BYTES 1024u

/* Subscriptions of a shard that are being begun, at most: plans and first snapshots. */
#define WS_ASKING_MAX 64u

/* Partitions of a stream whose offsets are shown in system.subscriptions. */
#define WS_SUBSCRIBE_OFFSETS_MAX 16u

/* Inference may take so long. */
#define WS_ASKING_NS (10 * RT_NS_PER_S)

static void ws_subscribe_start(struct ws_work *work, const struct ws_message *message,
                               struct http_text text);
static const char *ws_subscribe_read(struct ws_subscribe *state, const struct ws_message *message);
static const char *ws_subscribe_how(struct ws_subscribe *state, const struct ws_message *message);
static const char *ws_subscribe_what(struct ws_subscribe *state, const struct ws_message *message);
static const char *ws_subscribe_params(struct ws_plan *asking, const struct json_value *params);
static void ws_subscribe_plan(struct ws_door *ws);
static struct ws_plan *ws_plan_again(const struct ws_subscribe *state);
static const char *ws_plan_again_text(const struct ws_subscribe *state, struct arena *a,
                                      size_t *length);
static const struct vec_value *ws_plan_again_params(struct arena *a,
                                                    const struct core_subscribe_plan *old);
static bool ws_subscribe_is_it(const struct ws_subscribe *state);
static void ws_subscribe_planned(struct core_subscribe_plan *plan);
static void ws_subscribe_refuse(struct ws_subscribe *state);
static void ws_subscribe_drained(struct ws_work *work);
static void ws_subscribe_row(const struct core_subscription *subscription,
                             struct core_subscription_row *row);
static void ws_subscribe_row_position(const struct ws_subscribe *state,
                                      struct core_subscription_row *row);

const struct ws_work_ops ws_subscribe_ops = {ws_subscribe_start, ws_subscribe_drained,
                                             ws_subscribe_end, WS_SUBSCRIBE_CHUNK_BYTES, true};
const size_t ws_subscribe_bytes = sizeof(struct ws_subscribe);

static void ws_subscribe_start(struct ws_work *work, const struct ws_message *message,
                               struct http_text text)
{
    struct ws_subscribe *state = CONTAINER_OF(work, struct ws_subscribe, work);
    (void)text;
    const char *wrong = ws_subscribe_read(state, message);
    if (wrong == NULL && state->plan->plan.what == CORE_SUBSCRIBE_SQL) {
        const struct core_subscribe_plan *asked = &state->plan->plan;
        state->sql = arena_copy(
            &work->arena, asked->text,
            core_subscription_cut(asked->text, asked->length, CORE_SUBSCRIPTION_SQL_BYTES));
        wrong = state->sql == NULL ? ws_from_short : NULL;
    }
    if (wrong != NULL) {
        bool is_short = wrong == ws_from_short;
        ws_plan_drop(state);
        ws_work_fail(work, is_short ? HTTP_OVERLOADED : HTTP_MESSAGE_INVALID,
                     is_short ? NULL : wrong);
        ws_work_end(work);
        return;
    }
    struct core_shard *cs = ws_conn_shard(work->conn);
    core_subscriptions_add(&cs->subscriptions, &state->listed, ws_subscribe_row,
                           rt_now_ns(cs->shard));
    list_push_back(&ws_conn_door(work->conn)->ws.waiting, &state->in_waiting);
    ws_subscribe_plan(&ws_conn_door(work->conn)->ws);
}

/* Of a thousand who come at once some are begun, the others when these have what they need. */
static void ws_subscribe_plan(struct ws_door *ws)
{
    struct core_shard *cs = ws->door->cs;
    while (ws->asking_count < WS_ASKING_MAX && !list_is_empty(&ws->waiting)) {
        struct ws_subscribe *state =
            CONTAINER_OF(list_pop_front(&ws->waiting), struct ws_subscribe, in_waiting);
        struct core_subscribe_plan *plan = &state->plan->plan;
        plan->done = ws_subscribe_planned;
        plan->ctx = state;
        plan->arena = &state->plan->arena;
        plan->deadline_ns = rt_now_ns(cs->shard) + WS_ASKING_NS;
        ws->asking_count++;
        state->is_asking = true;
        core_subscribe_plan_start(cs, plan);
    }
}

void ws_subscribe_asked(struct ws_subscribe *state)
{
    struct ws_door *ws = &ws_conn_door(state->work.conn)->ws;
    if (state->is_asking) {
        state->is_asking = false;
        ws->asking_count--;
        ws_subscribe_plan(ws);
    }
}

/* --- What is asked --- */

/* NULL: it is well; else what is wrong. */
static const char *ws_subscribe_read(struct ws_subscribe *state, const struct ws_message *message)
{
    struct ws_work *work = &state->work;
    struct budget *budget = ws_conn_budget(work->conn);
    void *memory;
    if (work->id.length == 0) {
        return "A subscription has an \"id\".";
    }
    if (ws_work_find(work->conn, work->ops, work->id) != work) { /* it stands behind that one */
        return "This connection has a subscription of this \"id\".";
    }
    if (budget_alloc(budget, sizeof(struct ws_plan), 16, &memory) != ERR_OK) {
        return ws_from_short;
    }
    state->plan = memory;
    state->plan->refs = 1;
    arena_init(&state->plan->arena, budget, WS_PLAN_CHUNK_BYTES, SIZE_MAX);
    const char *wrong = ws_subscribe_what(state, message);
    return wrong != NULL ? wrong : ws_subscribe_how(state, message);
}

static const char *ws_subscribe_how(struct ws_subscribe *state, const struct ws_message *message)
{
    struct ws_plan *asking = state->plan;
    const struct json_value *credit = &message->members[WS_MEMBER_ROWS_LEFT];
    const struct json_value *slow = &message->members[WS_MEMBER_SLOW];
    state->rows_left = UINT64_MAX;
    if (credit->text != NULL &&
        (credit->kind != JSON_NUMBER ||
         units_parse_u64(credit->text, credit->length, &state->rows_left) != ERR_OK ||
         state->rows_left > INT64_MAX)) {
        return "\"credit\" is a number of rows.";
    }
    struct http_text what = {slow->text, slow->length};
    if (slow->text != NULL && (slow->kind != JSON_STRING || (!http_text_is(what, "block") &&
                                                             !http_text_is(what, "disconnect")))) {
        return "\"slow\" is \"block\" or \"disconnect\".";
    }
    state->stall_ns_max = slow->text != NULL && http_text_is(what, "disconnect") ? WS_SLOW_NS : 0;
    return ws_from_read(&asking->arena, &message->members[WS_MEMBER_FROM], &asking->from);
}

/* The one of "stream", "view" and "sql" that there is. */
static const char *ws_subscribe_what(struct ws_subscribe *state, const struct ws_message *message)
{
    static const struct {
        enum ws_member member;
        enum core_subscribe_what what;
        const char *wrong;
    } rows[] = {
        {WS_MEMBER_STREAM, CORE_SUBSCRIBE_STREAM, "\"stream\" is a stream's name."},
        {WS_MEMBER_VIEW, CORE_SUBSCRIBE_VIEW, "\"view\" is a view's name."},
        {WS_MEMBER_SELECT, CORE_SUBSCRIBE_SQL, "\"sql\" is a SELECT."},
    };
    struct ws_plan *asking = state->plan;
    const struct json_value *value = NULL;
    const char *wrong = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (message->members[rows[i].member].text != NULL) {
            if (value != NULL) {
                return "A subscription takes one of \"stream\", \"view\" and \"sql\".";
            }
            value = &message->members[rows[i].member];
            asking->plan.what = rows[i].what;
            wrong = rows[i].wrong;
        }
    }
    if (value == NULL) {
        return "A subscription takes one of \"stream\", \"view\" and \"sql\".";
    }
    if (value->kind != JSON_STRING) {
        return wrong;
    }
    char *text = arena_alloc(&asking->arena, value->length + 1, 1);
    if (text == NULL) {
        return ws_from_short;
    }
    struct bytes_writer w = bytes_writer(text, value->length);
    if (json_unescape(&w, value) != ERR_OK || w.pos == 0 || memchr(text, '\0', w.pos) != NULL) {
        return wrong;
    }
    text[w.pos] = '\0';
    asking->plan.text = text;
    asking->plan.length = w.pos;
    return ws_subscribe_params(asking, &message->members[WS_MEMBER_SELECT_PARAMS]);
}

static const char *ws_subscribe_params(struct ws_plan *asking, const struct json_value *params)
{
    struct core_subscribe_plan *plan = &asking->plan;
    struct http_question question;
    if (params->text == NULL) {
        return NULL;
    }
    if (plan->what != CORE_SUBSCRIBE_SQL) {
        return "\"params\" are of \"sql\".";
    }
    enum http_error error = http_question_read_params(&asking->arena, params, &question);
    if (error != HTTP_ERRORS_COUNT) {
        const char *detail = arena_copy(&asking->arena, question.detail, strlen(question.detail));
        bool is_short = error == HTTP_OVERLOADED || detail == NULL;
        return is_short ? ws_from_short : "\"params\" is an array of values.";
    }
    plan->params = question.params;
    plan->types = question.types;
    plan->params_count = question.params_count;
    return NULL;
}

void ws_plan_drop(struct ws_subscribe *state)
{
    struct ws_plan *plan = state->plan;
    state->plan = NULL;
    if (plan != NULL && --plan->refs == 0) {
        struct budget *budget = plan->arena.budget;
        if (list_is_linked(&plan->in_door)) {
            list_remove(&plan->in_door);
        }
        arena_deinit(&plan->arena);
        budget_free(budget, plan);
    }
}

/* --- Asked again --- */

bool ws_subscribe_again(struct ws_subscribe *state, const struct ws_from *from)
{
    struct ws_plan *fresh = ws_plan_again(state);
    if (fresh == NULL) {
        return false;
    }
    struct ws_door *ws = &ws_conn_door(state->work.conn)->ws;
    fresh->from = *from;
    ws_crowd_free(state->snapshot); /* of the columns that there were */
    state->snapshot = NULL;
    ws_plan_drop(state);
    state->plan = fresh;
    state->kind = WS_SUBSCRIBE_ASKING;
    ws_subscribe_asked(state);
    list_push_back(&ws->waiting, &state->in_waiting);
    ws_subscribe_plan(ws);
    return true;
}

/* What asks the same, not planned; NULL: no memory. */
static struct ws_plan *ws_plan_again(const struct ws_subscribe *state)
{
    const struct core_subscribe_plan *old = &state->plan->plan;
    struct budget *budget = ws_conn_budget(state->work.conn);
    void *memory;
    if (budget_alloc(budget, sizeof(struct ws_plan), 16, &memory) != ERR_OK) {
        return NULL;
    }
    struct ws_plan *fresh = memory;
    fresh->refs = 1;
    arena_init(&fresh->arena, budget, WS_PLAN_CHUNK_BYTES, SIZE_MAX);
    fresh->plan.what = old->what;
    fresh->plan.params_count = old->params_count;
    fresh->plan.params = ws_plan_again_params(&fresh->arena, old);
    struct vec_type *types =
        arena_alloc(&fresh->arena, old->params_count * sizeof(*types), _Alignof(struct vec_type));
    for (uint32_t i = 0; types != NULL && i < old->params_count; i++) {
        types[i] = old->types[i];
    }
    fresh->plan.types = types;
    fresh->plan.text = ws_plan_again_text(state, &fresh->arena, &fresh->plan.length);
    if (fresh->arena.err != ERR_OK) {
        arena_deinit(&fresh->arena);
        budget_free(budget, fresh);
        return NULL;
    }
    return fresh;
}

/* A view that was renamed since is followed by its name of now. */
static const char *ws_plan_again_text(const struct ws_subscribe *state, struct arena *a,
                                      size_t *length)
{
    const struct core_subscribe_plan *old = &state->plan->plan;
    const struct core_view_relation *relation = old->relation->owner;
    const struct core_view *now =
        core_catalog_find_lineage(ws_conn_shard(state->work.conn)->catalog, &relation->lineage);
    bool is_named = old->what == CORE_SUBSCRIBE_VIEW && now != NULL;
    *length = is_named ? strlen(now->name) : old->length;
    return arena_copy(a, is_named ? now->name : old->text, *length);
}

static const struct vec_value *ws_plan_again_params(struct arena *a,
                                                    const struct core_subscribe_plan *old)
{
    struct vec_value *params =
        arena_alloc(a, old->params_count * sizeof(*params), _Alignof(struct vec_value));
    for (uint32_t i = 0; params != NULL && i < old->params_count; i++) {
        enum vec_kind kind = (enum vec_kind)old->types[i].kind;
        bool has_bytes = kind == VEC_NONE || kind == VEC_TEXT || kind == VEC_JSONB;
        params[i] = old->params[i];
        if (has_bytes && !params[i].is_null) {
            params[i].u.bytes.data =
                arena_copy(a, params[i].u.bytes.data, params[i].u.bytes.length);
        }
    }
    return params;
}

/* Whether what is asked again is what was followed. */
static bool ws_subscribe_is_it(const struct ws_subscribe *state)
{
    const struct plan_relation *relation = state->plan->plan.relation;
    const struct core_view_relation *view = relation->owner;
    return !state->is_begun || (relation->kind == PLAN_RELATION_VIEW &&
                                log_uuid_is_equal(&view->lineage, &state->plan->from.view.view));
}

/* --- What it is --- */

static void ws_subscribe_planned(struct core_subscribe_plan *plan)
{
    struct ws_subscribe *state = plan->ctx;
    struct ws_work *work = &state->work;
    if (work->is_closed || state->is_ended) {
        ws_subscribe_finish(state, HTTP_ERRORS_COUNT, NULL, NULL);
        return;
    }
    if (plan->code != CORE_OK) {
        ws_subscribe_refuse(state);
        return;
    }
    if (!ws_subscribe_is_it(state)) {
        ws_subscribe_finish(state, http_error_of(CORE_VIEW_CHANGED),
                            core_code_text(CORE_VIEW_CHANGED), NULL);
        return;
    }
    const char *wrong = plan->relation->kind == PLAN_RELATION_STREAM ? ws_stream_start(state)
                                                                     : ws_view_start(state);
    if (wrong != NULL) {
        bool is_short = wrong == ws_from_short;
        ws_subscribe_finish(state, is_short ? HTTP_OVERLOADED : HTTP_MESSAGE_INVALID,
                            is_short ? NULL : wrong, NULL);
    }
}

/* It is none: what is wrong, in the words and at the place of the statement. */
static void ws_subscribe_refuse(struct ws_subscribe *state)
{
    const struct core_subscribe_plan *plan = &state->plan->plan;
    const struct sql_error *error = &plan->error;
    struct ws_work *work = &state->work;
    bool is_name = plan->what != CORE_SUBSCRIBE_SQL;
    bool is_other = plan->code == CORE_INVALID_STREAM || plan->code == CORE_INVALID_VIEW;
    bool is_missing = plan->code == CORE_UNKNOWN_STREAM || plan->code == CORE_UNKNOWN_VIEW;
    enum http_error what = is_other     ? HTTP_MESSAGE_INVALID
                           : is_missing ? http_error_of(plan->code)
                                        : http_error_of_state(error->code);
    ws_subscribe_asked(state);
    ws_work_put(work, state->is_begun ? "closed" : "error");
    http_out_put_text(work->out, ",");
    http_out_put_problem(work->out, what, error->message,
                         error->hint[0] != '\0' ? error->hint : NULL);
    if (!is_name) {
        http_sql_put_error(work->out, error, plan->text, plan->length);
    }
    ws_work_send(work);
    core_subscriptions_remove(&state->listed);
    ws_plan_drop(state);
    ws_work_end(work);
}

/* --- While it lasts --- */

static void ws_subscribe_drained(struct ws_work *work)
{
    struct ws_subscribe *state = CONTAINER_OF(work, struct ws_subscribe, work);
    switch (state->kind) {
    case WS_SUBSCRIBE_ASKING: break;
    case WS_SUBSCRIBE_STREAM: core_subscribe_resume(state->sub); break;
    case WS_SUBSCRIBE_VIEW: core_follow_resume(state->follow); break;
    }
}

void ws_subscribe_credit(struct ws_work *work, uint64_t rows)
{
    struct ws_subscribe *state = CONTAINER_OF(work, struct ws_subscribe, work);
    switch (state->kind) {
    case WS_SUBSCRIBE_ASKING:
        if (state->rows_left != UINT64_MAX) {
            uint64_t room = INT64_MAX - state->rows_left;
            state->rows_left += rows < room ? rows : room;
        }
        break;
    case WS_SUBSCRIBE_STREAM: core_subscribe_credit(state->sub, rows); break;
    case WS_SUBSCRIBE_VIEW: core_follow_credit(state->follow, rows); break;
    }
}

void ws_subscribe_end(struct ws_work *work)
{
    struct ws_subscribe *state = CONTAINER_OF(work, struct ws_subscribe, work);
    state->is_ended = true;
    switch (state->kind) {
    case WS_SUBSCRIBE_ASKING:
        if (list_is_linked(&state->in_waiting)) {
            list_remove(&state->in_waiting);
            ws_subscribe_finish(state, HTTP_ERRORS_COUNT, NULL, NULL);
        } else {
            core_subscribe_plan_cancel(&state->plan->plan);
        }
        break;
    case WS_SUBSCRIBE_STREAM: core_subscribe_end(state->sub); break;
    case WS_SUBSCRIBE_VIEW: core_follow_end(state->follow); break;
    }
}

void ws_subscribe_finish(struct ws_subscribe *state, enum http_error error, const char *detail,
                         const char *hint)
{
    struct ws_work *work = &state->work;
    ws_subscribe_asked(state);
    ws_work_put(work, error == HTTP_ERRORS_COUNT || state->is_begun ? "closed" : "error");
    if (error != HTTP_ERRORS_COUNT) {
        http_out_put_text(work->out, ",");
        http_out_put_problem(work->out, error, detail, hint);
    }
    ws_work_send(work);
    core_subscriptions_remove(&state->listed);
    ws_crowd_free(state->snapshot);
    ws_plan_drop(state);
    ws_work_end(work);
}

/* --- In system.subscriptions --- */

static void ws_subscribe_row(const struct core_subscription *subscription,
                             struct core_subscription_row *row)
{
    const struct ws_subscribe *state = CONTAINER_OF(subscription, struct ws_subscribe, listed);
    static_assert(sizeof(row->address) >= RT_ADDR_TEXT_BYTES, "an address has room");
    row->peer = rt_addr_format(&state->work.conn->peer, row->address);
    row->id = state->work.id.data; /* a NUL stands behind it */
    row->sql = state->sql;
    row->queued_bytes = ws_conn_queued_bytes(state->work.conn);
    row->state = state->is_begun ? "following" : "starting";
    switch (state->kind) {
    case WS_SUBSCRIBE_ASKING: break;
    case WS_SUBSCRIBE_STREAM:
        row->kind = "stream";
        row->name = state->sub->name;
        row->rows = core_subscribe_rows_given(state->sub);
        row->state = state->sub->is_paused ? "paused" : row->state;
        break;
    case WS_SUBSCRIBE_VIEW:
        row->kind = "view";
        row->name = state->plan->plan.relation->name;
        row->rows = state->follow->given_count;
        row->behind = core_follow_lag(state->follow);
        row->state = list_is_linked(&state->follow->in_paused) ? "paused" : row->state;
        break;
    }
    ws_subscribe_row_position(state, row);
}

static void ws_subscribe_row_position(const struct ws_subscribe *state,
                                      struct core_subscription_row *row)
{
    struct bytes_writer w = bytes_writer(row->text, sizeof(row->text) - 1);
    uint64_t offsets[WS_SUBSCRIBE_OFFSETS_MAX];
    uint32_t count = 0;
    if (state->kind == WS_SUBSCRIBE_VIEW && state->follow->position.epoch != 0) {
        static_assert(sizeof(row->text) >= CORE_POSITION_BYTES, "a position has room");
        core_position_put(&state->follow->position, row->text);
        row->position = row->text;
        return;
    }
    if (state->kind == WS_SUBSCRIBE_STREAM) {
        count = core_subscribe_offsets(state->sub, offsets, ARRAY_COUNT(offsets));
    }
    for (uint32_t i = 0; i < count; i++) {
        char text[48];
        int length = snprintf(text, sizeof(text), "%s\"%u\":%llu", i == 0 ? "{" : ",", i,
                              (unsigned long long)offsets[i]);
        bytes_put_copy(&w, text, (size_t)length);
    }
    bytes_put_copy(&w, "}", 1);
    row->text[w.pos] = '\0';
    row->position = count > 0 && w.err == ERR_OK ? row->text : NULL;
}
