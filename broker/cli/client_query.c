/* See client_query.h. The answer is taken as lines of JSON, whatever is printed: rows come as they
 * are made, and an error behind the first rows is told from an end. */
#include "broker/cli/client_query.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/units.h"
#include "broker/cli/client_clock.h"
#include "broker/cli/client_rows.h"
#include "broker/cli/text.h"

#define CLIENT_QUERY_PATH "/api/v1/query"

/* Memory of an answer: a row and the columns; rows that wait for their width; a line. */
#define CLIENT_QUERY_ARENA_BYTES (128u << 20)
#define CLIENT_QUERY_HELD_BYTES  (64u << 20)
#define CLIENT_QUERY_LINE_BYTES  (64u << 20)

/* A query that takes longer says so. */
#define CLIENT_QUERY_PROGRESS_NS CLIENT_NS_PER_S

/* An escaped character at most, and the rest of the body. */
#define CLIENT_QUERY_ESCAPED_BYTES 6
#define CLIENT_QUERY_BODY_BYTES    128

static enum err client_query_ask(struct client_query *query, const char *sql, size_t length,
                                 long *status);
static size_t client_query_body(const struct client_query *query, const char *sql, size_t length,
                                char *body, size_t body_bytes);
static bool client_query_data(void *ctx, long status, const char *bytes, size_t length);
static bool client_query_lines(struct client_query *query, const char *bytes, size_t length);
static bool client_query_keep(struct client_query *query, const char *bytes, size_t length);
static bool client_query_tick(void *ctx);
static void client_query_clear(struct client_query *query);
static bool client_query_columns(void *ctx, const struct client_answer_column *columns,
                                 size_t count);
static bool client_query_row(void *ctx, const struct client_answer_cell *cells, size_t count);
static enum client_exit client_query_end(struct client_query *query, enum err err, long status);
static enum client_exit client_query_lost(const struct client_query *query, enum err err);

static const struct client_answer_ops client_query_ops = {client_query_columns, client_query_row};

enum client_exit client_query_open(struct client_query *query)
{
    struct client *c = query->c;
    arena_init(&query->arena, &c->budget, 64u << 10, CLIENT_QUERY_ARENA_BYTES);
    arena_init(&query->held, &c->budget, 64u << 10, CLIENT_QUERY_HELD_BYTES);
    if (client_http_open(&query->http, c->server) != ERR_OK) {
        return client_refuse(c, "--server", query->http.why);
    }
    return CLIENT_EXIT_OK;
}

void client_query_close(struct client_query *query)
{
    client_http_close(&query->http);
    arena_deinit(&query->arena);
    arena_deinit(&query->held);
    budget_free(&query->c->budget, query->line);
    query->line = NULL;
}

enum client_exit client_query_run(struct client_query *query, const char *sql, size_t length)
{
    struct client *c = query->c;
    long status = 0;
    if (length > 0 && !json_is_utf8(sql, length)) {
        return client_fail(c, "the statement is not UTF-8");
    }
    arena_reset(&query->arena);
    arena_reset(&query->held);
    query->answer =
        (struct client_answer){.ops = &client_query_ops, .ctx = query, .arena = &query->arena};
    query->has_table = false;
    query->line_length = 0;
    query->err = ERR_OK;
    query->began_ns = client_now_ns();
    client_watch_signals(c);
    enum err err = client_query_ask(query, sql, length, &status);
    uint64_t took_ns = client_now_ns() - query->began_ns;
    client_query_clear(query);
    enum client_exit result = client_query_end(query, err, status);
    client_unwatch_signals(c);
    if (query->is_timed) {
        char text[UNITS_TEXT_BYTES];
        units_format_duration(took_ns, text);
        fprintf(c->out, "Time: %s\n", text);
    }
    return result;
}

static enum err client_query_ask(struct client_query *query, const char *sql, size_t length,
                                 long *status)
{
    struct client *c = query->c;
    size_t body_bytes = length * CLIENT_QUERY_ESCAPED_BYTES + CLIENT_QUERY_BODY_BYTES;
    void *body = NULL;
    enum err err = budget_alloc(&c->budget, body_bytes, 16, &body);
    if (err != ERR_OK) {
        return err;
    }
    struct client_http_request request = {
        .path = CLIENT_QUERY_PATH,
        .accept = "application/x-ndjson, application/problem+json",
        .content = "application/json",
        .body = body,
        .body_length = client_query_body(query, sql, length, body, body_bytes),
        .watch_fd = c->is_watching ? c->signal_fd : -1,
        .ctx = query,
        .data = client_query_data,
        .tick = client_query_tick,
    };
    err = client_http_post(&query->http, &request, status);
    budget_free(&c->budget, body);
    return query->err != ERR_OK ? query->err : err;
}

static size_t client_query_body(const struct client_query *query, const char *sql, size_t length,
                                char *body, size_t body_bytes)
{
    static const char head[] = "{\"sql\":\"";
    char tail[64];
    struct bytes_writer w = bytes_writer(body, body_bytes);
    bytes_put_copy(&w, head, sizeof(head) - 1);
    size_t taken = escape_json(&w, sql, length);
    ASSERT(taken == length);
    int written = query->c->has_timeout
                      ? snprintf(tail, sizeof(tail), "\",\"timeout\":\"%" PRIu64 "ms\"}",
                                 (uint64_t)(query->c->kafka.timeout_ns / CLIENT_NS_PER_MS))
                      : snprintf(tail, sizeof(tail), "\"}");
    bytes_put_copy(&w, tail, (size_t)written);
    ASSERT(w.err == ERR_OK);
    return w.pos;
}

/* Of the HTTP client: a line ends a row, a problem is one text. */
static bool client_query_data(void *ctx, long status, const char *bytes, size_t length)
{
    struct client_query *query = ctx;
    client_query_clear(query);
    return status == 200 ? client_query_lines(query, bytes, length)
                         : client_query_keep(query, bytes, length);
}

static bool client_query_lines(struct client_query *query, const char *bytes, size_t length)
{
    while (length > 0) {
        const char *end = memchr(bytes, '\n', length);
        size_t taken = end != NULL ? (size_t)(end - bytes) : length;
        bool is_whole = end != NULL && query->line_length == 0; /* the common case: not copied */
        if (!is_whole && !client_query_keep(query, bytes, taken)) {
            return false;
        }
        if (end != NULL) {
            const char *line = is_whole ? bytes : query->line;
            size_t line_length = is_whole ? taken : query->line_length;
            query->line_length = 0;
            query->err =
                line_length > 0 ? client_answer_line(&query->answer, line, line_length) : ERR_OK;
            if (query->err == ERR_OK && ferror(query->c->out)) {
                query->err = ERR_CANCELED; /* whoever read it has gone */
            }
            if (query->err != ERR_OK) {
                return false;
            }
        }
        bytes += taken + (end != NULL);
        length -= taken + (end != NULL);
    }
    return true;
}

/* Put bytes behind those of the line so far. */
static bool client_query_keep(struct client_query *query, const char *bytes, size_t length)
{
    size_t needed = query->line_length + length;
    if (needed > CLIENT_QUERY_LINE_BYTES) {
        query->err = ERR_TOO_LARGE;
        return false;
    }
    if (needed > query->line_capacity) {
        void *data = NULL;
        size_t capacity = 2 * needed + 4096;
        query->err = budget_alloc(&query->c->budget, capacity, 16, &data);
        if (query->err != ERR_OK) {
            return false;
        }
        if (query->line_length > 0) {
            memcpy(data, query->line, query->line_length);
        }
        budget_free(&query->c->budget, query->line);
        query->line = data;
        query->line_capacity = capacity;
    }
    if (length > 0) {
        memcpy(query->line + query->line_length, bytes, length);
    }
    query->line_length = needed;
    return true;
}

/* Of the HTTP client: whether to wait on, and a sign of life for a person who waits. */
static bool client_query_tick(void *ctx)
{
    struct client_query *query = ctx;
    struct client *c = query->c;
    uint64_t waited_ns = client_now_ns() - query->began_ns;
    if (client_is_interrupted(c)) {
        return false;
    }
    bool is_watched = c->err == stderr && isatty(STDERR_FILENO) && !query->answer.has_columns;
    if (is_watched && waited_ns >= CLIENT_QUERY_PROGRESS_NS) {
        fprintf(c->err, "\r%" PRIu64 " s, Ctrl-C to cancel",
                (uint64_t)(waited_ns / CLIENT_NS_PER_S));
        fflush(c->err);
        query->is_progress_shown = true;
    }
    return true;
}

static void client_query_clear(struct client_query *query)
{
    if (query->is_progress_shown) {
        fputs("\r\033[K", query->c->err);
        fflush(query->c->err);
        query->is_progress_shown = false;
    }
}

static bool client_query_columns(void *ctx, const struct client_answer_column *columns,
                                 size_t count)
{
    struct client_query *query = ctx;
    struct client_table_column *drawn =
        arena_alloc_zeroed(&query->arena, count * sizeof(*drawn), 8);
    if (drawn == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        drawn[i] = (struct client_table_column){.name = columns[i].name,
                                                .is_right = client_rows_is_number(columns[i].type)};
        if (query->format == CLIENT_QUERY_CSV) {
            fputs(i > 0 ? "," : "", query->c->out);
            client_rows_put_csv(query->c->out, columns[i].name, strlen(columns[i].name));
        }
    }
    query->table = (struct client_table){
        .out = query->c->out,
        .arena = &query->held,
        .is_expanded = query->is_expanded,
        .columns = drawn,
        .columns_count = count,
    };
    query->has_table = count > 0; /* what gives no rows may say so by no columns */
    if (query->format == CLIENT_QUERY_CSV && query->has_table) {
        fputs("\r\n", query->c->out);
    }
    return true;
}

static bool client_query_row(void *ctx, const struct client_answer_cell *cells, size_t count)
{
    struct client_query *query = ctx;
    if (query->format == CLIENT_QUERY_JSON) {
        client_rows_put_json(query->c->out, query->answer.columns, cells, count);
        fputc('\n', query->c->out);
        return true;
    }
    if (query->format == CLIENT_QUERY_CSV) {
        for (size_t i = 0; i < count; i++) {
            fputs(i > 0 ? "," : "", query->c->out);
            if (cells[i].text != NULL) {
                client_rows_put_csv(query->c->out, cells[i].text, cells[i].text_length);
            }
        }
        fputs("\r\n", query->c->out);
        return true;
    }
    struct arena_mark mark = arena_mark(&query->arena);
    struct client_table_cell *drawn = arena_alloc(&query->arena, count * sizeof(*drawn), 8);
    for (size_t i = 0; i < count && drawn != NULL; i++) {
        drawn[i] = (struct client_table_cell){cells[i].text, cells[i].text_length};
    }
    if (drawn != NULL) {
        client_table_add(&query->table, drawn);
        arena_rewind(&query->arena, mark);
    }
    return drawn != NULL;
}

/* Print what goes with the answer, line by line. */
static void client_query_put_notices(struct client *c, const char *notices)
{
    fflush(c->out);
    for (const char *line = notices; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        fputs("NOTICE: ", c->err);
        cli_text_put_plain(c->err, line, length);
        fputc('\n', c->err);
        line += length + (line[length] == '\n');
    }
}

/* Print what stands behind the rows, or say why there is nothing. */
static enum client_exit client_query_end(struct client_query *query, enum err err, long status)
{
    struct client *c = query->c;
    struct client_answer *answer = &query->answer;
    struct client_problem problem;
    bool is_whole = err == ERR_OK && status == 200 && answer->has_end && !answer->has_problem;
    if (query->has_table && query->format == CLIENT_QUERY_ALIGNED &&
        (is_whole || query->table.rows_count > 0)) {
        client_table_end(&query->table, is_whole);
    }
    if (is_whole) {
        if (!query->has_table && query->format == CLIENT_QUERY_ALIGNED) {
            cli_text_put_plain(c->out, answer->command, strlen(answer->command));
            fputc('\n', c->out);
        }
        client_query_put_notices(c, answer->notice);
        if (answer->errors_count > 0) {
            fflush(c->out);
            fprintf(c->err, "%" PRIu64 " values or rows failed; 'tdb errors' lists them.\n",
                    answer->errors_count);
        }
        return CLIENT_EXIT_OK;
    }
    fflush(c->out);
    if (answer->has_problem) {
        client_rows_put_problem(c->err, &answer->problem);
        return CLIENT_EXIT_FAILED;
    }
    if (err == ERR_OK && status != 200 &&
        client_problem_read(&problem, query->line, query->line_length, "", &query->arena)) {
        client_rows_put_problem(c->err, &problem);
        return CLIENT_EXIT_FAILED;
    }
    if (err == ERR_OK && status != 200) {
        return client_fail(c, "the server answered with HTTP status %ld: is it 'tdb serve'?",
                           status);
    }
    return client_query_lost(query, err == ERR_OK ? ERR_TRUNCATED : err);
}

/* Say why there is no answer, or half of one. */
static enum client_exit client_query_lost(const struct client_query *query, enum err err)
{
    struct client *c = query->c;
    if (err == ERR_CANCELED) {
        return client_is_interrupted(c) ? client_fail(c, "canceled")
                                        : client_fail(c, "cannot write the result");
    }
    if (err == ERR_UNREACHABLE) {
        client_fail(c, "cannot reach %s: %s", query->http.base, query->http.why);
        fprintf(c->err,
                "Is 'tdb serve' running there? Another server: --server URL, or TDB_URL.\n");
        return CLIENT_EXIT_FAILED;
    }
    if (err == ERR_RESET) {
        return client_fail(c, "the answer of %s broke off: %s", query->http.base, query->http.why);
    }
    if (err == ERR_INVALID || err == ERR_TRUNCATED) {
        return client_fail(c, "what %s answered cannot be read: %s", query->http.base,
                           err_text(err));
    }
    return client_fail(c, "%s", err_text(err));
}
