/* Statements that are no SELECT: what SHOW stands for, and rows of texts that DESCRIBE, SHOW CREATE
 * and EXPLAIN make at once. See query_run.h. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/suggest.h"
#include "broker/core/core.h"
#include "broker/core/query_run.h"
#include "broker/core/stream.h"
#include "views/plan/json.h"
#include "views/sql/explain.h"
#include "views/vec/jsonb.h"

/* Room for a plan as text, doubled until it fits. */
#define CORE_QUERY_EXPLAIN_BYTES     (4u << 10)
#define CORE_QUERY_EXPLAIN_BYTES_MAX (8u << 20)

/* Names compared for a suggestion. */
#define CORE_QUERY_NAMES_MAX 256u

/* Writes a plan or a stream. */
typedef void core_query_write_fn(struct bytes_writer *w, const void *what);

static bool core_query_relation(struct core_query_run *run, const struct plan_relation **out);
static bool core_query_table(struct core_query_run *run, const struct plan_output *outputs,
                             uint32_t columns_count, uint32_t rows_count);
static bool core_query_cell(struct core_query_run *run, uint32_t column, uint32_t row,
                            const char *text, size_t length);
static bool core_query_describe_row(struct core_query_run *run, uint32_t row,
                                    const struct plan_column *column,
                                    const struct core_stream_column *from);
static bool core_query_write(struct core_query_run *run, core_query_write_fn *writer,
                             const void *what, struct bytes_writer *w);
static bool core_query_explain_json(struct core_query_run *run, const struct bytes_writer *json);
static bool core_query_explain_text(struct core_query_run *run, const struct bytes_writer *text);

const char *core_query_show(enum sql_show show)
{
    static const char *const texts[SQL_SHOW_COUNT] = {
        [SQL_SHOW_STREAMS] = "SELECT name, topic, kind, columns FROM system.streams ORDER BY name",
        [SQL_SHOW_TABLES] = "SELECT name, kind FROM system.streams ORDER BY name",
        [SQL_SHOW_TOPICS] = "SELECT name, partitions, internal FROM system.topics ORDER BY name",
        [SQL_SHOW_ERRORS] = "SELECT * FROM system.errors",
    };
    ASSERT(show < SQL_SHOW_COUNT);
    return texts[show];
}

/* The one relation that the statement names. False: there is none, and it has failed. */
static bool core_query_relation(struct core_query_run *run, const struct plan_relation **out)
{
    const struct sql_reference *reference = &run->resolve.references[0];
    const char *names[CORE_QUERY_NAMES_MAX];
    uint32_t count = 0;
    *out = run->resolve.relations[0];
    if (*out != NULL) {
        return true;
    }
    bool has_schema = reference->schema.text != NULL;
    core_query_fail(run, "42P01", reference->name.at, "relation \"%s%s%s\" does not exist",
                    has_schema ? reference->schema.text : "", has_schema ? "." : "",
                    reference->name.text);
    while (count < CORE_QUERY_NAMES_MAX &&
           (names[count] = core_resolve_name_at(run->queries->cs, count)) != NULL) {
        count++;
    }
    const char *nearest = suggest_nearest(reference->name.text, names, count);
    if (nearest != NULL) {
        sql_error_hint(&run->query->error, "Did you mean %s?", nearest);
    }
    return false;
}

/* --- Tables of texts --- */

/* Room for such a table. False: there is none, and the statement has failed. */
static bool core_query_table(struct core_query_run *run, const struct plan_output *outputs,
                             uint32_t columns_count, uint32_t rows_count)
{
    struct arena *a = &run->arena;
    ASSERT(columns_count <= CORE_QUERY_TABLE_COLUMNS_MAX);
    run->table = (struct core_query_table){
        .outputs = outputs, .columns_count = columns_count, .rows_count = rows_count};
    for (uint32_t i = 0; i < columns_count; i++) {
        run->table.columns[i] = arena_alloc_zeroed(a, rows_count * sizeof(struct vec_bytes), 64);
        if (run->table.columns[i] == NULL) {
            return !core_query_fail_memory(run);
        }
    }
    run->stage = CORE_QUERY_RUN;
    return true;
}

/* Put a copy of the text there. False: no memory, and the statement has failed. */
static bool core_query_cell(struct core_query_run *run, uint32_t column, uint32_t row,
                            const char *text, size_t length)
{
    char *copy = arena_copy(&run->arena, text, length);
    ASSERT(row < run->table.rows_count);
    if (copy == NULL) {
        return !core_query_fail_memory(run);
    }
    run->table.columns[column][row] = (struct vec_bytes){.data = copy, .length = (uint32_t)length};
    return true;
}

/* --- DESCRIBE, SHOW CREATE --- */

bool core_query_describe(struct core_query_run *run)
{
    static const struct plan_output outputs[] = {
        {"name", {VEC_TEXT, 0, 0}}, {"type", {VEC_TEXT, 0, 0}}, {"source", {VEC_TEXT, 0, 0}}};
    const struct plan_relation *relation;
    if (!core_query_relation(run, &relation) ||
        !core_query_table(run, outputs, ARRAY_COUNT(outputs), relation->columns_count)) {
        return true;
    }
    const struct core_stream *stream =
        relation->kind == PLAN_RELATION_STREAM
            ? &((const struct core_stream_relation *)relation->owner)->stream
            : NULL;
    for (uint32_t i = 0; i < relation->columns_count; i++) {
        bool is_own = stream != NULL && i < stream->columns_count;
        if (!core_query_describe_row(run, i, &relation->columns[i],
                                     is_own ? &stream->columns[i] : NULL)) {
            return true;
        }
    }
    return true;
}

/* `from`: what the column of a stream is made of; NULL: the system makes it. */
static bool core_query_describe_row(struct core_query_run *run, uint32_t row,
                                    const struct plan_column *column,
                                    const struct core_stream_column *from)
{
    static const char *const words[] = {[CORE_STREAM_PATH] = "",
                                        [CORE_STREAM_KEY] = "key",
                                        [CORE_STREAM_HEADER] = "header ",
                                        [CORE_STREAM_RESIDUE] = "rest"};
    char type[VEC_TYPE_TEXT_BYTES];
    char source[CORE_STREAM_SOURCE_BYTES_MAX + 16] = "system";
    struct bytes_writer w = bytes_writer(type, sizeof(type));
    vec_type_write(&w, column->type);
    if (from != NULL) {
        snprintf(source, sizeof(source), "%s%s", words[from->from], from->source);
    }
    return core_query_cell(run, 0, row, column->name, strlen(column->name)) &&
           core_query_cell(run, 1, row, type, w.pos) &&
           core_query_cell(run, 2, row, source, strlen(source));
}

static void core_query_write_stream(struct bytes_writer *w, const void *what)
{
    const struct core_stream_relation *relation = what;
    core_stream_write(w, &relation->stream, relation->topic_name);
}

bool core_query_show_create(struct core_query_run *run)
{
    static const struct plan_output outputs[] = {{"statement", {VEC_TEXT, 0, 0}}};
    const struct plan_relation *relation;
    struct bytes_writer w;
    if (!core_query_relation(run, &relation)) {
        return true;
    }
    if (relation->kind != PLAN_RELATION_STREAM) {
        return core_query_fail(run, "42809", run->resolve.references[0].name.at,
                               "\"%s\" is not a stream", relation->name);
    }
    if (core_query_write(run, core_query_write_stream, relation->owner, &w) &&
        core_query_table(run, outputs, ARRAY_COUNT(outputs), 1)) {
        (void)core_query_cell(run, 0, 0, (const char *)w.data, w.pos);
    }
    return true;
}

/* --- EXPLAIN --- */

static void core_query_write_text(struct bytes_writer *w, const void *what)
{
    sql_explain(w, what);
}

static void core_query_write_json(struct bytes_writer *w, const void *what)
{
    plan_json_write(w, what);
}

bool core_query_explain(struct core_query_run *run)
{
    bool is_json = run->stmt->format == SQL_EXPLAIN_JSON;
    struct bytes_writer w;
    if (!core_query_write(run, is_json ? core_query_write_json : core_query_write_text,
                          &run->plan->plan, &w)) {
        return true;
    }
    return is_json ? core_query_explain_json(run, &w) : core_query_explain_text(run, &w);
}

/* *w = `what`, written into the arena. False: there is no memory, and the statement has failed. */
static bool core_query_write(struct core_query_run *run, core_query_write_fn *writer,
                             const void *what, struct bytes_writer *w)
{
    for (size_t bytes = CORE_QUERY_EXPLAIN_BYTES; bytes <= CORE_QUERY_EXPLAIN_BYTES_MAX;
         bytes *= 4) {
        void *room = arena_alloc(&run->arena, bytes, 1);
        if (room == NULL) {
            break;
        }
        *w = bytes_writer(room, bytes);
        writer(w, what);
        if (w->err == ERR_OK) {
            return true;
        }
    }
    return !core_query_fail_memory(run);
}

/* One row with all of it. */
static bool core_query_explain_json(struct core_query_run *run, const struct bytes_writer *json)
{
    static const struct plan_output outputs[] = {{"QUERY PLAN", {VEC_JSONB, 0, 0}}};
    size_t bytes = 2 * json->pos + 64;
    for (;; bytes *= 2) {
        void *room = arena_alloc(&run->arena, bytes, 1);
        if (room == NULL) {
            return core_query_fail_memory(run);
        }
        struct bytes_writer w = bytes_writer(room, bytes);
        enum vec_fault fault =
            vec_jsonb_parse((const char *)json->data, json->pos, &run->arena, &w);
        if (fault == VEC_FAULT_NONE && w.err == ERR_OK) {
            if (core_query_table(run, outputs, 1, 1)) {
                run->table.columns[0][0] =
                    (struct vec_bytes){.data = room, .length = (uint32_t)w.pos};
            }
            return true;
        }
        ASSERT(fault == VEC_FAULT_NONE || fault == VEC_FAULT_MEMORY); /* the text is ours */
        if (fault == VEC_FAULT_MEMORY) {
            return core_query_fail_memory(run);
        }
    }
}

/* A row for each line. */
static bool core_query_explain_text(struct core_query_run *run, const struct bytes_writer *text)
{
    static const struct plan_output outputs[] = {{"QUERY PLAN", {VEC_TEXT, 0, 0}}};
    uint32_t lines_count = 0;
    for (size_t i = 0; i < text->pos; i++) {
        lines_count += text->data[i] == '\n';
    }
    if (!core_query_table(run, outputs, 1, lines_count)) {
        return true;
    }
    const char *at = (const char *)text->data;
    for (uint32_t i = 0; i < lines_count; i++) {
        const char *end = memchr(at, '\n', text->pos - (size_t)(at - (const char *)text->data));
        ASSERT(end != NULL);
        if (!core_query_cell(run, 0, i, at, (size_t)(end - at))) {
            return true;
        }
        at = end + 1;
    }
    return true;
}
