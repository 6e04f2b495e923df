/* Questions in SQL: a statement and its parameters in, rows out as they come.
 *
 * What a small statement answers leaves at once, with its length; of a large one a piece leaves
 * when it is HTTP_QUERY_PIECE_BYTES long, or when rows come after a while without one. So
 * a statement that fails soon is answered with its own status; later its error stands at the end of
 * the answer, or, with CSV, the answer is cut. A client that reads slowly holds the statement up
 * between two rows. */
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/core/query.h"
#include "broker/gateway/handlers.h"
#include "broker/gateway/http_cover.h"
#include "broker/gateway/http_media.h"
#include "broker/gateway/http_query.h"
#include "broker/gateway/http_rows.h"
#include "broker/gateway/http_sql.h"

/* What there is is sent, too, when it has taken longer than this. */
#define HTTP_QUERY_QUICK_NS (20 * RT_NS_PER_MS)

/* The longest TDB-Types; longer ones are left out: clients refuse large heads. */
#define HTTP_QUERY_TYPES_BYTES 4096u

enum http_query_form { HTTP_QUERY_JSON, HTTP_QUERY_NDJSON, HTTP_QUERY_CSV, HTTP_QUERY_FORMS_COUNT };

/* A statement under way. */
struct http_query {
    struct http_call *call;        /* whose */
    struct core_query query;       /* what is asked */
    struct http_cover cover;       /* before it: from offsets to a position */
    enum http_query_form form;     /* of the answer */
    struct http_rows rows;         /* how rows are written */
    const struct vec_batch *batch; /* whose rows are being written; NULL: none are */
    uint32_t next_row;             /* of its selection */
    uint64_t began_ns;             /* when */
    uint64_t shown_ns;      /* when rows left last because of the time; at first when it began */
    bool has_rows;          /* a row was written */
    uint32_t headers_count; /* of the answer, before the statement adds its own */
    bool is_covering;       /* `cover` is under way */
    bool is_placed;         /* the header TDB-Position is there */
    bool is_done;           /* it has ended */
    bool is_canceled;       /* by the client, or because the server closes */
};

static bool http_query_read(struct http_call *call, struct http_question *question);
static void http_query_take(struct http_query *work, const struct http_question *question);
static void http_query_covered(struct http_cover *cover);
static void http_query_uncovered(struct http_query *work);
static void http_query_start(struct http_query *work);
static void http_query_place(struct http_query *work);
static void http_query_columns(struct core_query *query, const struct plan_output *outputs,
                               uint32_t count);
static void http_query_types(struct http_query *work, const struct plan_output *outputs,
                             uint32_t count);
static bool http_query_rows(struct core_query *query, const struct vec_batch *batch);
static bool http_query_write(struct http_query *work);
static void http_query_drained(struct http_call *call);
static void http_query_canceled(struct http_call *call);
static void http_query_done(struct core_query *query);
static void http_query_end(struct http_query *work);
static void http_query_fail(struct http_query *work);
static enum http_error http_query_why(const struct http_query *work);
static void http_query_put_error(struct http_query *work);

static const char *const http_query_media[HTTP_QUERY_FORMS_COUNT] = {
    [HTTP_QUERY_JSON] = HTTP_MEDIA_JSON,
    [HTTP_QUERY_NDJSON] = HTTP_MEDIA_NDJSON,
    [HTTP_QUERY_CSV] = HTTP_MEDIA_CSV};

void http_handle_query(struct http_call *call)
{
    struct http_question question;
    if (http_query_read(call, &question)) {
        http_query_ask(call, &question);
    }
}

void http_query_ask(struct http_call *call, const struct http_question *question)
{
    struct http_query *work = http_alloc(call, sizeof(*work));
    if (work == NULL) {
        return;
    }
    const char *media = http_accepted(call, http_query_media, HTTP_QUERY_FORMS_COUNT);
    if (media == NULL) {
        return;
    }
    for (uint32_t i = 0; i < HTTP_QUERY_FORMS_COUNT; i++) {
        work->form = strcmp(media, http_query_media[i]) == 0 ? (enum http_query_form)i : work->form;
    }
    work->call = call;
    work->began_ns = rt_now_ns(call->cs->shard);
    work->shown_ns = work->began_ns;
    work->headers_count = call->headers_count;
    call->state = work;
    http_query_take(work, question);
    if (question->wants_count == 0) {
        http_query_start(work);
        return;
    }
    work->cover.done = http_query_covered;
    work->cover.ctx = work;
    work->cover.cs = call->cs;
    work->cover.arena = &call->arena;
    work->cover.wants = question->wants;
    work->cover.wants_count = question->wants_count;
    work->cover.deadline_ns = work->query.deadline_ns;
    work->is_covering = http_cover_start(&work->cover);
    if (work->is_covering) {
        http_wait(call, http_query_canceled);
    } else {
        http_query_uncovered(work);
    }
}

bool http_query_is_json(struct http_call *call, bool *is_json)
{
    const char *media = http_accepted(call, http_query_media, HTTP_QUERY_FORMS_COUNT);
    *is_json = media == http_query_media[HTTP_QUERY_JSON];
    return media != NULL;
}

static void http_query_start(struct http_query *work)
{
    static const struct core_query_ops ops = {http_query_columns, http_query_rows, http_query_done};
    struct http_call *call = work->call;
    work->query.ops = &ops;
    work->query.ctx = work;
    http_begin(call, 200,
               work->form == HTTP_QUERY_CSV ? "text/csv; charset=utf-8"
                                            : http_query_media[work->form],
               http_query_drained);
    if (!core_query_start(call->cs, &work->query)) {
        http_wait(call, http_query_canceled);
    }
}

/* --- The question --- */

/* False: it is none, and that is answered. */
static bool http_query_read(struct http_call *call, struct http_question *question)
{
    struct http_text text;
    struct http_media media;
    if (http1_find(&call->head, "Content-Type", &text) != 1 ||
        http_media_read(text, &media) != ERR_OK || !http_media_is(&media, HTTP_MEDIA_JSON) ||
        !http_media_is_utf8(&media)) {
        http_problem(call, HTTP_MEDIA_TYPE_UNSUPPORTED,
                     "Send Content-Type: application/json (curl --json).");
        return false;
    }
    enum http_error error = http_question_read(&call->arena, call->body, question);
    if (error != HTTP_ERRORS_COUNT) {
        http_problem(call, error, question->detail[0] != '\0' ? question->detail : NULL);
        return false;
    }
    return true;
}

/* What is asked becomes the statement. */
static void http_query_take(struct http_query *work, const struct http_question *question)
{
    struct core_query *query = &work->query;
    query->text = question->sql.data;
    query->length = question->sql.length;
    query->params = question->params;
    query->types = question->types;
    query->params_count = question->params_count;
    query->deadline_ns = question->timeout_ns > 0 ? work->began_ns + question->timeout_ns : 0;
    query->position_min = question->position_min;
    query->is_any = question->is_any;
    work->rows.has_number_texts = question->has_number_texts;
}

static void http_query_covered(struct http_cover *cover)
{
    struct http_query *work = cover->ctx;
    work->is_covering = false;
    if (work->is_canceled) {
        http_problem(work->call, http_query_why(work), NULL);
    } else if (cover->error != HTTP_ERRORS_COUNT) {
        http_query_uncovered(work);
    } else {
        work->query.position_min = cover->position;
        http_query_start(work);
    }
}

/* There is no such position. */
static void http_query_uncovered(struct http_query *work)
{
    const struct http_cover *cover = &work->cover;
    http_problem(work->call, cover->error, cover->detail[0] != '\0' ? cover->detail : NULL);
}

/* --- The answer --- */

static void http_query_columns(struct core_query *query, const struct plan_output *outputs,
                               uint32_t count)
{
    struct http_query *work = query->ctx;
    struct http_call *call = work->call;
    if (!http_rows_init(&work->rows, &call->arena, outputs, count)) {
        core_query_cancel(query); /* the end finds that memory is short */
        return;
    }
    switch (work->form) {
    case HTTP_QUERY_JSON:
        http_put_text(call, "{\"columns\":");
        http_rows_columns_json(&call->out, outputs, count);
        http_put_text(call, ",\"rows\":[");
        return;
    case HTTP_QUERY_NDJSON:
        http_put_text(call, "{\"columns\":");
        http_rows_columns_json(&call->out, outputs, count);
        http_put_text(call, "}\n");
        return;
    case HTTP_QUERY_CSV:
        http_query_types(work, outputs, count);
        http_rows_columns_csv(&call->out, outputs, count);
        return;
    case HTTP_QUERY_FORMS_COUNT: break;
    }
    UNREACHABLE();
}

/* CSV has no place for types but a header. */
static void http_query_types(struct http_query *work, const struct plan_output *outputs,
                             uint32_t count)
{
    char text[HTTP_QUERY_TYPES_BYTES];
    struct bytes_writer w = bytes_writer(text, sizeof(text) - 1);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            bytes_put_copy(&w, "; ", 2);
        }
        vec_type_write(&w, outputs[i].type);
    }
    if (w.err == ERR_OK) {
        text[w.pos] = '\0';
        http_header(work->call, "TDB-Types", text);
    }
}

static bool http_query_rows(struct core_query *query, const struct vec_batch *batch)
{
    struct http_query *work = query->ctx;
    http_query_place(work);
    work->batch = batch;
    work->next_row = 0;
    http_rows_take(&work->rows, batch);
    return http_query_write(work);
}

/* What the rows hold, in a header. */
static void http_query_place(struct http_query *work)
{
    char text[CORE_POSITION_BYTES];
    if (!work->is_placed && !work->call->has_left && work->query.position.epoch != 0) {
        work->is_placed = true;
        core_position_put(&work->query.position, text);
        http_header(work->call, "TDB-Position", text);
    }
}

/* Write the rows of the batch that are left. False: the client has to read first. */
static bool http_query_write(struct http_query *work)
{
    struct http_call *call = work->call;
    struct vec_selection selection = work->batch->selection;
    while (work->next_row < selection.count) {
        uint32_t row = vec_row(selection, work->next_row++);
        if (work->form == HTTP_QUERY_CSV) {
            http_rows_csv(&work->rows, &call->out, row);
        } else {
            if (work->form == HTTP_QUERY_JSON && work->has_rows) {
                http_put(call, ",", 1);
            }
            http_rows_json(&work->rows, &call->out, row);
            if (work->form == HTTP_QUERY_NDJSON) {
                http_put(call, "\n", 1);
            }
        }
        work->has_rows = true;
        if (http_is_short(call)) {
            core_query_cancel(&work->query);
            return true;
        }
        if (http_unsent_bytes(call) >= HTTP_QUERY_PIECE_BYTES && !http_flush(call)) {
            return false;
        }
    }
    work->batch = NULL;
    uint64_t now_ns = rt_now_ns(call->cs->shard);
    if (now_ns - work->shown_ns <= HTTP_QUERY_QUICK_NS) {
        return true;
    }
    work->shown_ns = now_ns;
    return http_flush(call);
}

/* The client has read: go on where the rows stopped. */
static void http_query_drained(struct http_call *call)
{
    struct http_query *work = call->state;
    if (work->query.is_paused && (work->batch == NULL || http_query_write(work))) {
        core_query_resume(&work->query);
    }
}

/* The client is gone, or the server closes. */
static void http_query_canceled(struct http_call *call)
{
    struct http_query *work = call->state;
    work->is_canceled = true;
    if (work->is_covering) {
        http_cover_cancel(&work->cover);
    } else if (!work->is_done) {
        core_query_cancel(&work->query);
    }
}

static void http_query_done(struct core_query *query)
{
    struct http_query *work = query->ctx;
    struct http_call *call = work->call;
    work->is_done = true;
    if (call->arena.err != ERR_OK && !call->has_left) { /* of the columns */
        http_problem(call, HTTP_OVERLOADED, NULL);
    } else if (http_is_short(call)) {
        http_end(call);
    } else if (query->error.state == SQL_STATE_NONE) {
        http_query_end(work);
    } else {
        http_query_fail(work);
    }
}

/* It went well. */
static void http_query_end(struct http_query *work)
{
    struct http_call *call = work->call;
    http_query_place(work);
    switch (work->form) {
    case HTTP_QUERY_JSON:
        http_put_text(call, work->query.has_columns ? "]," : "{\"columns\":[],\"rows\":[],");
        http_sql_put_counts(&call->out, &work->query);
        http_put_text(call, "}\n");
        break;
    case HTTP_QUERY_NDJSON:
        http_put_text(call, work->query.has_columns ? "{" : "{\"columns\":[]}\n{");
        http_sql_put_counts(&call->out, &work->query);
        http_put_text(call, "}\n");
        break;
    case HTTP_QUERY_CSV: break;
    case HTTP_QUERY_FORMS_COUNT: UNREACHABLE();
    }
    http_end(call);
}

/* It failed: a problem of its own, or the answer's end. */
static void http_query_fail(struct http_query *work)
{
    struct http_call *call = work->call;
    enum http_error error =
        work->is_canceled ? http_query_why(work) : http_error_of_state(work->query.error.code);
    if (!call->has_left) {
        call->headers_count = work->headers_count; /* what told of rows is not sent */
        http_put_again(call);
        http_put_text(call, "{");
        http_query_put_error(work);
        http_put_text(call, "}\n");
        http_answer(call, http_error_row(error)->status, HTTP_MEDIA_PROBLEM);
        return;
    }
    if (work->form == HTTP_QUERY_CSV) {
        http_break(call);
        return;
    }
    http_put_text(call, work->form == HTTP_QUERY_JSON ? "],\"error\":{" : "{\"error\":{");
    http_query_put_error(work);
    http_put_text(call, "}}\n");
    http_end(call);
}

/* Why it was canceled. */
static enum http_error http_query_why(const struct http_query *work)
{
    return http_is_closing(work->call) ? HTTP_CLOSING : HTTP_QUERY_CANCELED;
}

/* The problem's members: those that all have, and where SQL went wrong. */
static void http_query_put_error(struct http_query *work)
{
    struct http_call *call = work->call;
    const struct core_query *query = &work->query;
    const struct sql_error *error = &query->error;
    if (work->is_canceled) {
        http_put_problem(call, http_query_why(work), NULL, NULL);
        return;
    }
    http_put_problem(call, http_error_of_state(error->code), error->message,
                     error->hint[0] != '\0' ? error->hint : NULL);
    http_sql_put_place(&call->out, query);
}
