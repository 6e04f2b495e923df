/* Any text, and statements by a small grammar, as CREATE MATERIALIZED VIEW over a stream, or as
 * CREATE STREAM: a refusal whose place lies within the text, or a view, a stream. What it is at
 * rest is read back as the same; a view's plan is read from it, is kept up, and its statement as it
 * is shown makes the same view. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "broker/core/stream_declare.h"
#include "broker/core/view_declare.h"
#include "tests/fuzz/fuzz.h"
#include "views/maint/view.h"
#include "views/sql/lex.h"
#include "views/sql/parse.h"

/* The longest text that is tried. */
#define FUZZ_TEXT_BYTES_MAX 4096u

/* Memory that is enough for all but a hostile text. */
#define FUZZ_ARENA_BYTES (32u << 20)

/* What is read: stream s, over topic t. */
static const struct core_stream_column fuzz_columns[] = {
    {"a", {VEC_BIGINT, 0, 0}, CORE_STREAM_PATH, 0, false, "$.a"},
    {"b", {VEC_JSONB, 0, 0}, CORE_STREAM_PATH, 0, true, "$.b"},
    {"at", {VEC_TIMESTAMPTZ, 0, 0}, CORE_STREAM_PATH, CORE_STREAM_MS, false, "$.at"},
    {"x", {VEC_DOUBLE, 0, 0}, CORE_STREAM_PATH, 0, false, "$.x"},
    {"m", {VEC_NUMERIC, 10, 2}, CORE_STREAM_HEADER, 0, false, "m"},
    {"k", {VEC_TEXT, 0, 0}, CORE_STREAM_KEY, 0, false, ""},
    {"ok", {VEC_BOOLEAN, 0, 0}, CORE_STREAM_PATH, 0, false, "$.ok"},
};

/* What a letter of a form may become. */
static const struct {
    char letter;
    const char *forms[24];
} fuzz_rules[] = {
    {'S', /* a statement */
     {"CREATE MATERIALIZED VIEW v AS Q", "CREATE MATERIALIZED VIEW v (one, two) AS Q",
      "CREATE MATERIALIZED VIEW IF NOT EXISTS public.v WITH (origin = O) AS Q",
      "CREATE MATERIALIZED VIEW \"V w\" (one) WITH (origin = O) AS Q",
      "EXPLAIN CREATE MATERIALIZED VIEW v AS Q", "CREATE STREAM n (C) FROM TOPIC t FORMAT JSON",
      "CREATE STREAM IF NOT EXISTS n (C, C) FROM TOPIC t FORMAT JSON",
      "CREATE STREAM n FROM TOPIC t", "DROP MATERIALIZED VIEW v",
      "ALTER MATERIALIZED VIEW v RENAME TO w", "ALTER MATERIALIZED VIEW v REBIND",
      "CREATE MATERIALIZED VIEW v AS Q"}},
    {'O', {"'earliest'", "latest", "'2026-01-31T00:00:00Z'", "'-infinity'", "7", "'x'"}},
    {'Q', /* a query */
     {"SELECT I FROM s", "SELECT I FROM s WHERE P", "SELECT E AS g, A FROM s GROUP BY g",
      "SELECT E, A AS n, A FROM s WHERE P GROUP BY 1", "SELECT A FROM s",
      "SELECT DISTINCT I FROM s", "SELECT E AS g, A AS n FROM s GROUP BY 1 HAVING n IS NULL",
      "SELECT E AS g, A AS n FROM s GROUP BY 1 HAVING A > 2",
      "SELECT window_start, A FROM TUMBLE(s, at, INTERVAL '1 minute') GROUP BY window_start",
      "SELECT window_end, E, A FROM TUMBLE(s, _timestamp, INTERVAL '5 seconds') GROUP BY 1, 2",
      "SELECT I FROM (SELECT * FROM s WHERE P) q", "WITH q AS (SELECT * FROM s) SELECT I FROM q",
      "SELECT I FROM s ORDER BY 1", "SELECT I FROM s LIMIT 3", "SELECT * FROM s", "VALUES (1)",
      "SELECT E, E FROM s GROUP BY 1, 2"}},
    {'I', {"E", "E, E", "E AS e, *", "k, _partition, _offset", "E, E, E", "*"}},
    {'A', /* an aggregate */
     {"count(*)", "sum(E)", "min(E)", "max(E)", "avg(E)", "count(E)", "count(DISTINCT E)",
      "sum(E) FILTER (WHERE P)", "first(E, at)", "last(E, at)", "bool_and(P)", "stddev(x)", "A + 1",
      "round(A)", "coalesce(A, 0)"}},
    {'E', /* an expression */
     {"a",
      "x",
      "m",
      "k",
      "b",
      "at",
      "ok",
      "a + E",
      "E / E",
      "-E",
      "b->>'c'",
      "b #>> '{c,0}'",
      "upper(k)",
      "CASE WHEN P THEN E ELSE E END",
      "date_trunc('hour', at)",
      "at::date",
      "(E)::text",
      "coalesce(E, E)",
      "1",
      "NULL",
      "now()",
      "_timestamp",
      "$1",
      "a % 7"}},
    {'P',
     {"a > 1", "k = 'x'", "ok", "E = E", "E IS NULL", "P AND P", "NOT P", "at < now()",
      "E IN (E, 2)", "b @> '{\"c\": 1}'"}},
    {'C', /* a column */
     {"c BIGINT", "c TEXT FROM KEY", "c JSONB PATH '$.c'", "d NUMERIC(10, 2) PATH '$.d.e'",
      "e TEXT FROM HEADER 'h'", "f TIMESTAMPTZ PATH '$[0]'", "g DOUBLE PRECISION PATH 'x'",
      "h BOOLEAN", "\"I j\" DATE", "r JSONB REST", "c BIGINT, c TEXT", "k INTERVAL"}},
};

struct fuzz_text {
    const uint8_t *data; /* choices that are left */
    size_t left;
    struct bytes_writer w;
};

static unsigned fuzz_choose(struct fuzz_text *t, unsigned count)
{
    if (t->left == 0) {
        return 0;
    }
    t->left--;
    return *t->data++ % count;
}

/* A letter that is alone is one of its forms; below so many levels it is the first. */
static void fuzz_write(struct fuzz_text *t, const char *form, unsigned depth)
{
    for (const char *c = form; *c != '\0'; c++) {
        bool is_alone = (c == form || strchr("( -,", c[-1]) != NULL) &&
                        (c[1] == '\0' || strchr(") ,:", c[1]) != NULL);
        size_t rule = 0;
        while (rule < ARRAY_COUNT(fuzz_rules) && (!is_alone || fuzz_rules[rule].letter != *c)) {
            rule++;
        }
        if (rule == ARRAY_COUNT(fuzz_rules)) {
            bytes_put_u8(&t->w, (uint8_t)*c);
            continue;
        }
        unsigned count = 0;
        while (count < ARRAY_COUNT(fuzz_rules[rule].forms) &&
               fuzz_rules[rule].forms[count] != NULL) {
            count++;
        }
        unsigned choice = depth > 0 ? fuzz_choose(t, count) : 0;
        fuzz_write(t, fuzz_rules[rule].forms[choice], depth > 0 ? depth - 1 : 0);
    }
}

static void fuzz_check_error(const struct sql_error *error, size_t length)
{
    ASSERT(error->state != SQL_STATE_NONE);
    ASSERT(error->at.pos <= length);
    ASSERT(error->at.length <= length - error->at.pos);
    ASSERT(error->message[0] != '\0');
    ASSERT(json_is_utf8(error->message, strlen(error->message)));
}

static struct log_uuid fuzz_uuid(uint8_t first)
{
    return (struct log_uuid){.bytes = {first}};
}

/* *out = what the CREATE MATERIALIZED VIEW `stmt` makes. */
static enum err fuzz_declare(const struct sql_stmt *stmt, const char *text, size_t length,
                             const struct core_stream_relation *relation, struct arena *arena,
                             struct core_view *out, struct sql_error *error)
{
    struct sql_reference *references;
    struct plan plan;
    uint32_t count;
    if (sql_references(stmt->select, arena, &references, &count) != ERR_OK) {
        return sql_error_set(error, SQL_STATE_OUT_OF_MEMORY, SQL_AT_NONE, text, length,
                             "out of memory");
    }
    const struct plan_relation **relations = arena_alloc(arena, count * sizeof(*relations), 8);
    if (relations == NULL) {
        return sql_error_set(error, SQL_STATE_OUT_OF_MEMORY, SQL_AT_NONE, text, length,
                             "out of memory");
    }
    for (uint32_t i = 0; i < count; i++) {
        bool is_it = references[i].schema.text == NULL && strcmp(references[i].name.text, "s") == 0;
        relations[i] = is_it ? &relation->relation : NULL;
    }
    const struct sql_binding binding = {.relations = relations,
                                        .references = references,
                                        .references_count = count,
                                        .text = text,
                                        .length = length,
                                        .is_view = true};
    const struct core_view_bound bound = {stmt->select, &binding, &plan};
    enum err err = sql_bind(stmt->select, &binding, arena, &plan, error);
    return err == ERR_OK ? core_view_declare(stmt->create_view, &bound, arena, out, error) : err;
}

/* At rest and back: the same bytes. Its plan is one that is kept up. */
static void fuzz_check_view(const struct core_view *view, struct arena *arena)
{
    static const uint64_t groups[] = {1, 2};
    struct core_stream_relation *source;
    struct maint_refusal refusal;
    struct maint_view *maint;
    struct plan_fault fault;
    struct plan plan;
    size_t length = core_view_bytes(view), block_bytes;
    ASSERT(length <= CORE_VIEW_BYTES_MAX);
    uint8_t *data = malloc(length);
    uint8_t *again = malloc(length);
    ASSERT(data != NULL);
    ASSERT(again != NULL);
    struct bytes_writer w = bytes_writer(data, length);
    core_view_put(&w, view);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == length);
    enum err err = core_view_measure(data, length, &block_bytes);
    ASSERT(err == ERR_OK);
    void *block = malloc(block_bytes);
    ASSERT(block != NULL);
    const struct core_view *read = core_view_get(data, length, &view->uuid, block, block_bytes);
    w = bytes_writer(again, length);
    core_view_put(&w, read);
    ASSERT(w.pos == length);
    ASSERT(memcmp(data, again, length) == 0);
    err = core_view_plan(arena, read, "t", groups, ARRAY_COUNT(groups), &plan, &source, &fault);
    if (err == ERR_OK) {
        err = maint_view_make(arena, &plan, &maint, &refusal);
    }
    ASSERT(err == ERR_OK || err == ERR_BUDGET || err == ERR_TOO_LARGE);
    free(block);
    free(again);
    free(data);
}

/* The statement that the view is shown as makes it again. */
static void fuzz_check_shown(const struct core_view *view,
                             const struct core_stream_relation *relation, struct arena *arena)
{
    static char text[CORE_VIEW_SQL_BYTES_MAX + 2 * CORE_VIEW_NAME_BYTES_MAX + (64u << 10)];
    static char second[sizeof(text)];
    struct sql_error error;
    struct sql_stmt *stmt;
    struct core_view again = {.uuid = view->uuid};
    struct bytes_writer w = bytes_writer(text, sizeof(text));
    core_view_write(&w, view);
    if (w.err != ERR_OK || w.pos > SQL_TEXT_BYTES_MAX) {
        return;
    }
    enum err err = sql_parse(text, w.pos, arena, &stmt, &error);
    if (err == ERR_OK) {
        err = fuzz_declare(stmt, text, w.pos, relation, arena, &again, &error);
    }
    if (err == ERR_BUDGET || err == ERR_TOO_LARGE) {
        return;
    }
    ASSERT(err == ERR_OK);
    ASSERT(again.origin == view->origin);
    ASSERT(again.origin_ms == view->origin_ms);
    ASSERT(again.columns_count == view->columns_count);
    ASSERT(again.keys_count == view->keys_count);
    ASSERT(again.sql_bytes == view->sql_bytes);
    ASSERT(memcmp(again.sql, view->sql, view->sql_bytes) == 0);
    struct bytes_writer other = bytes_writer(second, sizeof(second));
    core_view_write(&other, &again);
    ASSERT(other.pos == w.pos);
    ASSERT(memcmp(text, second, w.pos) == 0);
}

/* At rest and back: the same bytes. */
static void fuzz_check_stream(struct core_stream *stream)
{
    stream->uuid = fuzz_uuid(3);
    stream->version = 1;
    size_t length = core_stream_bytes(stream), block_bytes;
    uint8_t *data = malloc(length);
    uint8_t *again = malloc(length);
    ASSERT(data != NULL);
    ASSERT(again != NULL);
    struct bytes_writer w = bytes_writer(data, length);
    core_stream_put(&w, stream);
    ASSERT(w.err == ERR_OK);
    enum err err = core_stream_measure(data, length, &block_bytes);
    ASSERT(err == ERR_OK);
    void *block = malloc(block_bytes);
    ASSERT(block != NULL);
    const struct core_stream *read =
        core_stream_get(data, length, &stream->uuid, block, block_bytes);
    w = bytes_writer(again, length);
    core_stream_put(&w, read);
    ASSERT(w.pos == length);
    ASSERT(memcmp(data, again, length) == 0);
    free(block);
    free(again);
    free(data);
}

/* A catalog of topic t. */
static struct core_catalog *fuzz_catalog(struct core_catalog_keeper *keeper, struct budget *budget)
{
    const struct core_command cmd = {.type = CORE_COMMAND_TOPIC_CREATE,
                                     .uuid = fuzz_uuid(2),
                                     .name = "t",
                                     .name_bytes = 1,
                                     .group_first = 1,
                                     .partitions_count = 2};
    struct core_topic_config defaults = core_topic_config_default();
    struct core_catalog *empty = NULL, *catalog = NULL;
    struct err_info info;
    core_catalog_keeper_init(keeper, budget, &defaults);
    enum err err = core_catalog_new(keeper, &empty);
    ASSERT(err == ERR_OK);
    err = core_catalog_apply(keeper, empty, &cmd, 1, 1, &catalog, &info);
    ASSERT(err == ERR_OK);
    core_catalog_unref(keeper, empty);
    return catalog;
}

static void fuzz_declare_stream(const struct sql_stmt *stmt, const char *text, size_t length,
                                struct budget *budget, struct arena *arena)
{
    struct core_catalog_keeper keeper;
    struct core_stream stream = {.version = 0};
    struct sql_error error;
    struct core_catalog *catalog = fuzz_catalog(&keeper, budget);
    if (core_stream_declare(catalog, stmt->create, text, length, arena, &stream, &error) ==
        ERR_OK) {
        fuzz_check_stream(&stream);
    } else {
        fuzz_check_error(&error, length);
    }
    core_catalog_unref(&keeper, catalog);
    core_catalog_keeper_deinit(&keeper);
}

static void fuzz_statement(const char *text, size_t length)
{
    static const uint64_t groups[] = {1, 2};
    static const struct core_stream stream = {.uuid = {.bytes = {1}},
                                              .topic = {.bytes = {2}},
                                              .name = "s",
                                              .version = 4,
                                              .key = CORE_STREAM_KEY_TEXT,
                                              .is_declared = true,
                                              .columns = fuzz_columns,
                                              .columns_count = ARRAY_COUNT(fuzz_columns)};
    struct core_stream_relation *relation;
    struct budget budget;
    struct arena arena;
    struct sql_error error;
    struct sql_stmt *stmt;
    budget_init(&budget, "fuzz", 2 * FUZZ_ARENA_BYTES, NULL);
    arena_init(&arena, &budget, 16384, FUZZ_ARENA_BYTES);
    enum err err =
        core_stream_relation_make(&arena, &stream, "t", groups, ARRAY_COUNT(groups), &relation);
    ASSERT(err == ERR_OK);
    if (sql_parse(text, length, &arena, &stmt, &error) != ERR_OK) {
        fuzz_check_error(&error, length);
    } else if (stmt->kind == SQL_STMT_CREATE_STREAM) {
        fuzz_declare_stream(stmt, text, length, &budget, &arena);
    } else if (stmt->kind == SQL_STMT_CREATE_VIEW) {
        struct core_view view = {.uuid = fuzz_uuid(9)};
        if (fuzz_declare(stmt, text, length, relation, &arena, &view, &error) == ERR_OK) {
            view.uuid = fuzz_uuid(9);
            view.incarnation = 1;
            fuzz_check_view(&view, &arena);
            fuzz_check_shown(&view, relation, &arena);
        } else {
            fuzz_check_error(&error, length);
        }
    }
    arena_deinit(&arena);
    ASSERT(budget.used_bytes == 0);
    budget_deinit(&budget);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[FUZZ_TEXT_BYTES_MAX];
    if (size == 0) {
        return 0;
    }
    if (data[0] == 0xff) { /* any text */
        size_t length = size - 1 < sizeof(text) ? size - 1 : sizeof(text);
        memcpy(text, data + 1, length);
        fuzz_statement(text, length);
        return 0;
    }
    struct fuzz_text t = {data, size, bytes_writer(text, sizeof(text))};
    fuzz_write(&t, "S", 8);
    if (t.w.err == ERR_OK) {
        fuzz_statement(text, t.w.pos);
    }
    return 0;
}
