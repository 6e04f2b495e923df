/* Rows of views by their keys. See http_view_lookup.h, core/lookup.h.
 *
 * What is taken so:
 *
 *     the view           the answer   the key               then                    who answers
 *     keys as in _may    JSON         read by its types     the row, or that there  this
 *                                                           is none, in time
 *     likewise           likewise     likewise              anything else           a statement
 *     likewise           likewise     what no type reads    -                       a statement
 *     likewise           CSV, NDJSON  -                     -                       a statement
 *     any other          -            -                     -                       a statement
 *
 * So no failure has words here: the statement fails once more, and says it. It waits, too, for what
 * is not there yet. */
#include "broker/gateway/http_view_lookup.h"

#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/core/lookup.h"
#include "broker/gateway/conn_int.h"
#include "broker/gateway/http_query.h"
#include "broker/gateway/http_rows.h"
#include "views/plan/value.h"

/* Room for the texts of a row of another shard. */
#define HTTP_VIEW_LOOKUP_TEXTS_BYTES 1024u

/* A row that is asked for. */
struct http_view_lookup {
    struct http_call *call;         /* whose */
    struct http_question *question; /* the same as a statement */
    struct core_lookup lookup;
    struct http_rows rows;
    uint64_t began_ns;
    bool is_canceled; /* by the client, or because the server closes */
};

static bool http_view_lookup_key(struct http_view_lookup *work, const struct core_view *view);
static bool http_view_lookup_room(struct http_view_lookup *work, const struct core_view *view);
static void http_view_lookup_begin(struct http_call *call, const struct core_view *view);
static void http_view_head_write(struct http_call *call, const struct core_view *view);
static void http_view_head_keep(struct http_call *call, const struct core_view *view);
static bool http_view_lookup_answer(struct http_view_lookup *work);
static void http_view_lookup_done(struct core_lookup *lookup);
static void http_view_lookup_canceled(struct http_call *call);

bool http_view_lookup_may(const struct core_view *view)
{
    bool may = core_view_has_key(view->keys, view->keys_count) &&
               view->keys_count <= HTTP_VIEW_LOOKUP_KEYS_MAX;
    for (uint32_t i = 0; may && i < view->keys_count; i++) {
        may = view->columns[view->keys[i]].type.precision == 0;
    }
    return may;
}

enum http_view_lookup_result http_view_lookup(struct http_call *call, const struct core_view *view,
                                              struct http_question *question)
{
    struct http_view_lookup *work = arena_alloc_zeroed(&call->arena, sizeof(*work), 16);
    if (work == NULL) {
        return HTTP_VIEW_LOOKUP_ELSE;
    }
    work->call = call;
    work->question = question;
    work->began_ns = rt_now_ns(call->cs->shard);
    work->lookup.done = http_view_lookup_done;
    work->lookup.ctx = work;
    work->lookup.view = view->uuid;
    work->lookup.position_min = question->position_min;
    if (!http_view_lookup_key(work, view) || !http_view_lookup_room(work, view)) {
        return HTTP_VIEW_LOOKUP_ELSE;
    }
    http_view_lookup_begin(call, view);
    if (core_lookup_start(call->cs, &work->lookup)) {
        return http_view_lookup_answer(work) ? HTTP_VIEW_LOOKUP_ANSWERED : HTTP_VIEW_LOOKUP_ELSE;
    }
    call->state = work;
    http_wait(call, http_view_lookup_canceled);
    return HTTP_VIEW_LOOKUP_LATER;
}

/* The key's bytes. False: there are none of these texts. */
static bool http_view_lookup_key(struct http_view_lookup *work, const struct core_view *view)
{
    const struct http_question *question = work->question;
    struct arena *a = &work->call->arena;
    struct vec_value values[HTTP_VIEW_LOOKUP_KEYS_MAX];
    struct vec_type types[HTTP_VIEW_LOOKUP_KEYS_MAX];
    ASSERT(question->params_count == view->keys_count);
    for (uint32_t i = 0; i < view->keys_count; i++) {
        const struct vec_value *given = &question->params[i];
        types[i] = view->columns[view->keys[i]].type;
        values[i] = *given;
        if (!given->is_null &&
            plan_value_parse((enum vec_kind)types[i].kind, given->u.bytes.data,
                             given->u.bytes.length, a, &values[i]) != VEC_FAULT_NONE) {
            return false;
        }
    }
    return maint_key_make(a, types, values, view->keys_count, &work->lookup.key) == ERR_OK;
}

/* Where a row goes, and how it is written. False: no memory. */
static bool http_view_lookup_room(struct http_view_lookup *work, const struct core_view *view)
{
    struct arena *a = &work->call->arena;
    uint32_t count = view->columns_count;
    work->rows.columns_count = count;
    work->rows.kinds = arena_alloc(a, count, 1);
    work->rows.views = arena_alloc(a, count * sizeof(*work->rows.views), 16);
    work->lookup.room_bytes = core_lookup_room(count, HTTP_VIEW_LOOKUP_TEXTS_BYTES);
    work->lookup.room = arena_alloc(a, work->lookup.room_bytes, 16);
    if (a->err != ERR_OK) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        work->rows.kinds[i] = view->columns[i].type.kind;
    }
    return true;
}

/* --- What answers begin with ---------------------------------------------------------------------
 */

void http_view_heads_forget(struct http_view_heads *heads, struct budget *budget)
{
    for (uint32_t i = 0; i < HTTP_VIEW_HEADS; i++) {
        budget_free(budget, heads->heads[i].text);
        heads->heads[i] = (struct http_view_head){.text = NULL};
    }
}

/* The first bytes of a uuid are random. */
static struct http_view_head *http_view_head_of(struct http_view_heads *heads,
                                                const struct log_uuid *view)
{
    return &heads->heads[view->bytes[0] % HTTP_VIEW_HEADS];
}

static void http_view_lookup_begin(struct http_call *call, const struct core_view *view)
{
    struct http_view_heads *heads = &call->conn->door->view_heads;
    const struct http_view_head *head = http_view_head_of(heads, &view->uuid);
    if (heads->version == call->cs->catalog->views_version && head->text != NULL &&
        log_uuid_is_equal(&head->view, &view->uuid)) {
        http_put(call, head->text, head->bytes);
    } else {
        http_view_head_write(call, view);
        http_view_head_keep(call, view);
    }
}

static void http_view_head_write(struct http_call *call, const struct core_view *view)
{
    struct plan_output *outputs =
        arena_alloc(&call->arena, view->columns_count * sizeof(*outputs), 8);
    if (outputs == NULL) {
        call->out.err = ERR_BUDGET;
        return;
    }
    for (uint32_t i = 0; i < view->columns_count; i++) {
        outputs[i] = (struct plan_output){view->columns[i].name, view->columns[i].type};
    }
    http_put_text(call, "{\"columns\":");
    http_rows_columns_json(&call->out, outputs, view->columns_count);
    http_put_text(call, ",\"rows\":[");
}

/* What was written, which is all of the answer so far, unless it is long or memory is short. */
static void http_view_head_keep(struct http_call *call, const struct core_view *view)
{
    struct http_door *door = call->conn->door;
    struct http_view_heads *heads = &door->view_heads;
    struct http_view_head *head = http_view_head_of(heads, &view->uuid);
    void *text;
    if (heads->version != call->cs->catalog->views_version) {
        http_view_heads_forget(heads, &door->budget);
        heads->version = call->cs->catalog->views_version;
    }
    uint64_t bytes = call->out.bytes;
    if (http_is_short(call) || bytes > HTTP_VIEW_HEAD_BYTES ||
        budget_alloc(&door->budget, (size_t)bytes, 1, &text) != ERR_OK) {
        return;
    }
    http_out_copy(&call->out, text);
    budget_free(&door->budget, head->text);
    *head = (struct http_view_head){.view = view->uuid, .text = text, .bytes = (uint32_t)bytes};
}

/* --- The answer ----------------------------------------------------------------------------------
 */

/* False: a statement is to be asked, and nothing is written. */
static bool http_view_lookup_answer(struct http_view_lookup *work)
{
    struct http_call *call = work->call;
    struct core_lookup *lookup = &work->lookup;
    char position[CORE_POSITION_BYTES];
    bool has_row = lookup->result == CORE_LOOKUP_ROW;
    if (lookup->result == CORE_LOOKUP_ELSE) {
        http_put_again(call);
        return false;
    }
    if (has_row) {
        http_rows_take(&work->rows, &lookup->row);
        http_rows_json(&work->rows, &call->out, 0);
    }
    if (http_unsent_bytes(call) >= HTTP_QUERY_PIECE_BYTES) { /* such a one leaves in chunks */
        http_put_again(call);
        return false;
    }
    core_position_put(&lookup->position, position);
    http_header(call, "TDB-Position", position);
    http_put_text(call, has_row ? "],\"command\":\"SELECT\",\"row_count\":1,\"errors\":"
                                : "],\"command\":\"SELECT\",\"row_count\":0,\"errors\":");
    http_put_u64(call, lookup->errors_count);
    http_put_text(call,
                  has_row ? ",\"records\":1,\"position\":\"" : ",\"records\":0,\"position\":\"");
    http_put_text(call, position);
    http_put_text(call, "\"}\n");
    http_answer(call, 200, HTTP_MEDIA_JSON);
    return true;
}

/* 0: it has none. */
static uint64_t http_view_lookup_timeout(const struct http_view_lookup *work)
{
    uint64_t usual_ms = work->call->cs->core->config.queries.timeout_ms;
    return work->question->timeout_ns > 0 ? work->question->timeout_ns : usual_ms * RT_NS_PER_MS;
}

/* It has come from another shard. */
static void http_view_lookup_done(struct core_lookup *lookup)
{
    struct http_view_lookup *work = lookup->ctx;
    struct http_call *call = work->call;
    uint64_t timeout_ns = http_view_lookup_timeout(work);
    uint64_t used_ns = rt_now_ns(call->cs->shard) - work->began_ns;
    if (work->is_canceled) {
        http_problem(call, http_is_closing(call) ? HTTP_CLOSING : HTTP_QUERY_CANCELED, NULL);
        return;
    }
    if (timeout_ns > 0 && used_ns >= timeout_ns) {
        lookup->result = CORE_LOOKUP_ELSE;
    }
    if (http_view_lookup_answer(work)) {
        return;
    }
    if (work->question->sql.data == NULL) {
        http_problem(call, HTTP_OVERLOADED, NULL);
    } else { /* in what is left of its time */
        work->question->timeout_ns = timeout_ns > used_ns ? timeout_ns - used_ns
                                     : timeout_ns > 0     ? 1
                                                          : 0;
        http_query_ask(call, work->question);
    }
}

/* The client is gone, or the server closes: what is under way comes back soon. */
static void http_view_lookup_canceled(struct http_call *call)
{
    struct http_view_lookup *work = call->state;
    work->is_canceled = true;
}
