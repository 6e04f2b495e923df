/* Questions in SQL by WebSocket: {"id": 1, "op": "query", "sql": TEXT} and what else a question
 * has.
 *
 *     {"id":1,"ev":"rows","columns":[...],"rows":[...]}   the first; then more, without columns
 *     {"id":1,"ev":"ok","command":"SELECT","row_count":2,...}
 *
 * or {"id":1,"ev":"error"}, perhaps behind some rows. A statement without columns has no message of
 * rows. A message is sent when it is WS_ROWS_BYTES long, when rows come after a while without one,
 * and at the end. A client that does not read holds the statement up. */
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/core/query.h"
#include "broker/gateway/http_cover.h"
#include "broker/gateway/http_question.h"
#include "broker/gateway/http_rows.h"
#include "broker/gateway/http_sql.h"
#include "broker/gateway/ws_work.h"

/* What there is is sent when it has taken longer than this. */
#define WS_QUERY_QUICK_NS (20 * RT_NS_PER_MS)

struct ws_query {
    struct ws_work work;
    struct http_question question;
    struct core_query query;
    struct http_cover cover;       /* before it: from offsets to a position */
    struct http_rows rows;         /* how rows are written */
    const struct vec_batch *batch; /* whose rows are being written; NULL: none are */
    uint32_t next_row;             /* of its selection */
    uint64_t shown_ns;             /* when rows left last because of the time */
    bool is_begun;                 /* a message of rows is being written */
    bool has_rows;                 /* it has some */
    bool has_left;                 /* one has been sent */
    bool is_covering;              /* `cover` is under way */
    bool is_done;                  /* the statement has ended */
};

static void ws_query_start(struct ws_work *work, const struct ws_message *message,
                           struct http_text text);
static void ws_query_covered(struct http_cover *cover);
static void ws_query_uncovered(struct ws_query *state);
static void ws_query_drained(struct ws_work *work);
static void ws_query_closed(struct ws_work *work);
static void ws_query_columns(struct core_query *query, const struct plan_output *outputs,
                             uint32_t count);
static bool ws_query_rows(struct core_query *query, const struct vec_batch *batch);
static bool ws_query_write(struct ws_query *state);
static void ws_query_send(struct ws_query *state);
static void ws_query_done(struct core_query *query);

const struct ws_work_ops ws_query_ops = {ws_query_start, ws_query_drained, ws_query_closed,
                                         .chunk_bytes = 4u << 10};
const size_t ws_query_bytes = sizeof(struct ws_query);

static void ws_query_start(struct ws_work *work, const struct ws_message *message,
                           struct http_text text)
{
    static const struct core_query_ops ops = {ws_query_columns, ws_query_rows, ws_query_done};
    struct ws_query *state = CONTAINER_OF(work, struct ws_query, work);
    struct http_question *question = &state->question;
    struct core_query *query = &state->query;
    struct core_shard *cs = ws_conn_shard(work->conn);
    (void)message;
    const char *copy = arena_copy(&work->arena, text.data, text.length);
    enum http_error error =
        copy == NULL ? HTTP_OVERLOADED
                     : http_question_read_message(&work->arena,
                                                  (struct http_text){copy, text.length}, question);
    if (error != HTTP_ERRORS_COUNT) {
        ws_work_fail(work, error,
                     copy != NULL && question->detail[0] != '\0' ? question->detail : NULL);
        ws_work_end(work);
        return;
    }
    state->shown_ns = rt_now_ns(cs->shard);
    state->rows.has_number_texts = question->has_number_texts;
    query->ops = &ops;
    query->ctx = state;
    query->text = question->sql.data;
    query->length = question->sql.length;
    query->params = question->params;
    query->types = question->types;
    query->params_count = question->params_count;
    query->position_min = question->position_min;
    query->is_any = question->is_any;
    query->deadline_ns = question->timeout_ns > 0 ? state->shown_ns + question->timeout_ns : 0;
    if (question->wants_count == 0) {
        (void)core_query_start(cs, query); /* the work may be gone */
        return;
    }
    state->cover.done = ws_query_covered;
    state->cover.ctx = state;
    state->cover.cs = cs;
    state->cover.arena = &work->arena;
    state->cover.wants = question->wants;
    state->cover.wants_count = question->wants_count;
    state->cover.deadline_ns = query->deadline_ns;
    state->is_covering = http_cover_start(&state->cover);
    if (!state->is_covering) {
        ws_query_uncovered(state);
    }
}

static void ws_query_covered(struct http_cover *cover)
{
    struct ws_query *state = cover->ctx;
    state->is_covering = false;
    if (cover->is_canceled) { /* nobody is there to be told */
        ws_work_end(&state->work);
    } else if (cover->error != HTTP_ERRORS_COUNT) {
        ws_query_uncovered(state);
    } else {
        state->query.position_min = cover->position;
        (void)core_query_start(cover->cs, &state->query);
    }
}

/* There is no such position. */
static void ws_query_uncovered(struct ws_query *state)
{
    const struct http_cover *cover = &state->cover;
    ws_work_fail(&state->work, cover->error, cover->detail[0] != '\0' ? cover->detail : NULL);
    ws_work_end(&state->work);
}

static void ws_query_columns(struct core_query *query, const struct plan_output *outputs,
                             uint32_t count)
{
    struct ws_query *state = query->ctx;
    struct ws_work *work = &state->work;
    if (!http_rows_init(&state->rows, &work->arena, outputs, count)) {
        core_query_cancel(query); /* the end finds that memory is short */
        return;
    }
    ws_work_put(work, "rows");
    http_out_put_text(work->out, ",\"columns\":");
    http_rows_columns_json(work->out, outputs, count);
    http_out_put_text(work->out, ",\"rows\":[");
    state->is_begun = true;
}

static bool ws_query_rows(struct core_query *query, const struct vec_batch *batch)
{
    struct ws_query *state = query->ctx;
    state->batch = batch;
    state->next_row = 0;
    http_rows_take(&state->rows, batch);
    return ws_query_write(state);
}

/* Write the rows of the batch that are left. False: the client has to read first. */
static bool ws_query_write(struct ws_query *state)
{
    struct ws_work *work = &state->work;
    struct http_out *out = work->out;
    struct vec_selection selection = state->batch->selection;
    while (state->next_row < selection.count) {
        if (!state->is_begun) {
            ws_work_put(work, "rows");
            http_out_put_text(out, ",\"rows\":[");
            state->is_begun = true;
        } else if (state->has_rows) {
            http_out_put(out, ",", 1);
        }
        http_rows_json(&state->rows, out, vec_row(selection, state->next_row++));
        state->has_rows = true;
        if (http_out_is_short(out)) {
            core_query_cancel(&state->query);
            return true;
        }
        if (out->bytes >= WS_ROWS_BYTES) {
            ws_query_send(state);
            if (!ws_work_has_room(work)) {
                return false;
            }
        }
    }
    state->batch = NULL;
    uint64_t now_ns = rt_now_ns(ws_conn_shard(work->conn)->shard);
    if (state->is_begun && now_ns - state->shown_ns > WS_QUERY_QUICK_NS) {
        state->shown_ns = now_ns;
        ws_query_send(state);
    }
    return ws_work_has_room(work);
}

/* The message of rows is whole. */
static void ws_query_send(struct ws_query *state)
{
    ASSERT(state->is_begun);
    http_out_put_text(state->work.out, "]");
    ws_work_send(&state->work);
    state->is_begun = false;
    state->has_rows = false;
    state->has_left = true;
}

/* The client has read: go on where the rows stopped. */
static void ws_query_drained(struct ws_work *work)
{
    struct ws_query *state = CONTAINER_OF(work, struct ws_query, work);
    if (state->query.is_paused && (state->batch == NULL || ws_query_write(state))) {
        core_query_resume(&state->query);
    }
}

static void ws_query_closed(struct ws_work *work)
{
    struct ws_query *state = CONTAINER_OF(work, struct ws_query, work);
    if (state->is_covering) {
        http_cover_cancel(&state->cover);
    } else if (!state->is_done) {
        core_query_cancel(&state->query);
    }
}

static void ws_query_done(struct core_query *query)
{
    struct ws_query *state = query->ctx;
    struct ws_work *work = &state->work;
    struct http_out *out = work->out;
    bool is_short = work->arena.err != ERR_OK || http_out_is_short(out);
    bool is_well = query->error.state == SQL_STATE_NONE;
    state->is_done = true;
    if (is_short) {
        ws_work_fail(work, HTTP_OVERLOADED, NULL);
        ws_work_end(work);
        return;
    }
    if (state->is_begun && (is_well || state->has_rows)) {
        ws_query_send(state);
    }
    http_out_drop(out);
    ws_work_put(work, is_well ? "ok" : "error");
    http_out_put_text(out, ",");
    if (is_well) {
        http_sql_put_counts(out, query);
    } else {
        const struct sql_error *error = &query->error;
        http_out_put_problem(out, http_error_of_state(error->code), error->message,
                             error->hint[0] != '\0' ? error->hint : NULL);
        http_sql_put_place(out, query);
    }
    ws_work_send(work);
    ws_work_end(work);
}
