/* Statements that are no SELECT: what SHOW stands for, and rows of texts that DESCRIBE, SHOW CREATE
 * and EXPLAIN make at once. See query_run.h. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/suggest.h"
#include "broker/core/catalog_view.h"
#include "broker/core/core.h"
#include "broker/core/query_run.h"
#include "broker/core/stream.h"
#include "broker/core/view.h"
#include "views/plan/json.h"
#include "views/sql/explain.h"
#include "views/vec/jsonb.h"

/* Room for a plan as text, doubled until it fits. */
#define CORE_QUERY_EXPLAIN_BYTES     (4u << 10)
#define CORE_QUERY_EXPLAIN_BYTES_MAX (8u << 20)

/* Names compared for a suggestion. */
#define CORE_QUERY_NAMES_MAX 256u

/* A stream that is written as the statement that declares it. */
struct core_query_source {
    const struct core_stream *stream;
    const char *topic_name; /* of its topic */
};

static bool core_query_relation(struct core_query_run *run, const struct plan_relation **out);
static bool core_query_table(struct core_query_run *run, const struct plan_output *outputs,
                             uint32_t columns_count, uint32_t rows_count);
static bool core_query_cell(struct core_query_run *run, uint32_t column, uint32_t row,
                            const char *text, size_t length);
static bool core_query_describe_row(struct core_query_run *run, uint32_t row,
                                    const struct plan_relation *relation);
static void core_query_describe_source(char *out, size_t out_bytes,
                                       const struct plan_relation *relation, uint32_t column);
static bool core_query_show_create_stream(struct core_query_run *run,
                                          const struct plan_relation *relation);
static bool core_query_show_create_view(struct core_query_run *run,
                                        const struct core_view_relation *relation);
static bool core_query_explain_json(struct core_query_run *run, const struct bytes_writer *json);
static bool core_query_explain_text(struct core_query_run *run, const struct bytes_writer *text);

const char *core_query_show(enum sql_show show)
{
    static const char *const texts[SQL_SHOW_COUNT] = {
        [SQL_SHOW_STREAMS] = "SELECT name, topic, kind, columns FROM system.streams ORDER BY name",
        [SQL_SHOW_TABLES] = "SELECT name, kind FROM system.streams ORDER BY name",
        [SQL_SHOW_TOPICS] = "SELECT name, partitions, internal FROM system.topics ORDER BY name",
        [SQL_SHOW_ERRORS] = "SELECT * FROM system.errors",
        [SQL_SHOW_VIEWS] =
            "SELECT name, source, origin, key, state, rows, lag_ms FROM system.views ORDER BY name",
    };
    ASSERT(show < SQL_SHOW_COUNT);
    return texts[show];
}

/* The one relation that the statement names. False: there is none, and it has failed. */
static bool core_query_relation(struct core_query_run *run, const struct plan_relation **out)
{
    const struct sql_reference *reference = &run->resolve.references[0];
    *out = run->resolve.relations[0];
    if (*out != NULL) {
        return true;
    }
    bool has_schema = reference->schema.text != NULL;
    core_query_fail(run, "42P01", reference->name.at, "relation \"%s%s%s\" does not exist",
                    has_schema ? reference->schema.text : "", has_schema ? "." : "",
                    reference->name.text);
    core_query_suggest(run, reference->name.text);
    return false;
}

void core_query_suggest(struct core_query_run *run, const char *name)
{
    const char *names[CORE_QUERY_NAMES_MAX];
    uint32_t count = 0;
    while (count < CORE_QUERY_NAMES_MAX &&
           (names[count] = core_resolve_name_at(run->queries->cs, count)) != NULL) {
        count++;
    }
    const char *nearest = suggest_nearest(name, names, count);
    if (nearest != NULL) {
        sql_error_hint(&run->query->error, "Did you mean %s?", nearest);
    }
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
    for (uint32_t i = 0; i < relation->columns_count; i++) {
        if (!core_query_describe_row(run, i, relation)) {
            return true;
        }
    }
    return true;
}

static bool core_query_describe_row(struct core_query_run *run, uint32_t row,
                                    const struct plan_relation *relation)
{
    const struct plan_column *column = &relation->columns[row];
    char type[VEC_TYPE_TEXT_BYTES];
    char source[CORE_STREAM_SOURCE_BYTES_MAX + 16];
    struct bytes_writer w = bytes_writer(type, sizeof(type));
    vec_type_write(&w, column->type);
    core_query_describe_source(source, sizeof(source), relation, row);
    return core_query_cell(run, 0, row, column->name, strlen(column->name)) &&
           core_query_cell(run, 1, row, type, w.pos) &&
           core_query_cell(run, 2, row, source, strlen(source));
}

/* What a stream's column is made of; whether it is of a view's key, all of which is shown;
 * "system": the system makes it. */
static void core_query_describe_source(char *out, size_t out_bytes,
                                       const struct plan_relation *relation, uint32_t column)
{
    static const char *const words[] = {[CORE_STREAM_PATH] = "",
                                        [CORE_STREAM_KEY] = "key",
                                        [CORE_STREAM_HEADER] = "header ",
                                        [CORE_STREAM_RESIDUE] = "rest"};
    const struct core_stream_relation *stream = relation->owner;
    const struct core_view_relation *view = relation->owner;
    switch (relation->kind) {
    case PLAN_RELATION_STREAM:
        if (column < stream->stream.columns_count) {
            const struct core_stream_column *from = &stream->stream.columns[column];
            snprintf(out, out_bytes, "%s%s", words[from->from], from->source);
            return;
        }
        break;
    case PLAN_RELATION_SYSTEM: break;
    case PLAN_RELATION_VIEW:
        out[0] = '\0';
        for (uint32_t i = 0;
             core_view_has_key(view->keys, view->keys_count) && i < view->keys_count; i++) {
            if (view->keys[i] == column) {
                snprintf(out, out_bytes, "key");
            }
        }
        return;
    }
    snprintf(out, out_bytes, "system");
}

static void core_query_write_stream(struct bytes_writer *w, const void *what)
{
    const struct core_query_source *source = what;
    core_stream_write(w, source->stream, source->topic_name);
}

static void core_query_write_view(struct bytes_writer *w, const void *what)
{
    core_view_write(w, what);
}

bool core_query_show_create(struct core_query_run *run)
{
    const struct plan_relation *relation;
    enum sql_object object = run->stmt->object;
    if (!core_query_relation(run, &relation)) {
        return true;
    }
    bool is_view = relation->kind == PLAN_RELATION_VIEW;
    struct sql_at at = run->resolve.references[0].name.at;
    if (object == SQL_OBJECT_VIEW && !is_view) {
        return core_query_fail(run, "42809", at, "\"%s\" is not a materialized view",
                               relation->name);
    }
    if (relation->kind == PLAN_RELATION_SYSTEM || (object == SQL_OBJECT_STREAM && is_view)) {
        return core_query_fail(run, "42809", at, "\"%s\" is not a stream", relation->name);
    }
    return is_view ? core_query_show_create_view(run, relation->owner)
                   : core_query_show_create_stream(run, relation);
}

static bool core_query_show_create_stream(struct core_query_run *run,
                                          const struct plan_relation *relation)
{
    static const struct plan_output outputs[] = {{"statement", {VEC_TEXT, 0, 0}}};
    const struct core_stream_relation *stream = relation->owner;
    const struct core_query_source source = {&stream->stream, stream->topic_name};
    struct bytes_writer w;
    if (core_query_write(run, core_query_write_stream, &source, &w) &&
        core_query_table(run, outputs, ARRAY_COUNT(outputs), 1)) {
        (void)core_query_cell(run, 0, 0, (const char *)w.data, w.pos);
    }
    return true;
}

/* The view's statement, and the one that declares what it reads, with the types it has frozen. */
static bool core_query_show_create_view(struct core_query_run *run,
                                        const struct core_view_relation *relation)
{
    static const struct plan_output outputs[] = {{"statement", {VEC_TEXT, 0, 0}},
                                                 {"source", {VEC_TEXT, 0, 0}}};
    const struct core_catalog *catalog = run->queries->cs->catalog;
    const struct core_view *view = core_catalog_find_lineage(catalog, &relation->lineage);
    struct bytes_writer statement;
    struct bytes_writer w;
    if (view == NULL) {
        return core_query_fail(run, "42P01", run->resolve.references[0].name.at,
                               "relation \"%s\" does not exist", relation->relation.name);
    }
    const struct core_topic *topic = core_catalog_find_uuid(catalog, &view->source->topic);
    const struct core_query_source source = {view->source, topic->name};
    if (core_query_write(run, core_query_write_view, view, &statement) &&
        core_query_write(run, core_query_write_stream, &source, &w) &&
        core_query_table(run, outputs, ARRAY_COUNT(outputs), 1) &&
        core_query_cell(run, 0, 0, (const char *)statement.data, statement.pos)) {
        (void)core_query_cell(run, 1, 0, (const char *)w.data, w.pos);
    }
    return true;
}

/* --- EXPLAIN --- */

static void core_query_write_text(struct bytes_writer *w, const void *what)
{
    sql_explain(w, what);
}

void core_query_write_plan(struct bytes_writer *w, const void *what)
{
    plan_json_write(w, what);
}

bool core_query_explain(struct core_query_run *run)
{
    bool is_json = run->stmt->format == SQL_EXPLAIN_JSON;
    struct bytes_writer w;
    if (!core_query_write(run, is_json ? core_query_write_plan : core_query_write_text,
                          &run->plan->plan, &w)) {
        return true;
    }
    return core_query_explain_rows(run, &w);
}

bool core_query_explain_rows(struct core_query_run *run, const struct bytes_writer *text)
{
    return run->stmt->format == SQL_EXPLAIN_JSON ? core_query_explain_json(run, text)
                                                 : core_query_explain_text(run, text);
}

bool core_query_write(struct core_query_run *run, core_query_write_fn *writer, const void *what,
                      struct bytes_writer *w)
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
