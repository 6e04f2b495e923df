/* Text to rows, by the way a query goes. See ask.h. */
#include "tests/unit/exec/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "views/plan/value.h"
#include "views/sql/bind.h"
#include "views/sql/parse.h"

#define ASK_NOW_US     INT64_C(631152000000000)
#define ASK_MANY_ROWS  5000u
#define ASK_CELL_BYTES 4096u

/* One statement under way. */
struct ask_run {
    struct ask *ask;
    const char *sql;
    size_t length;
    struct arena arena; /* tree, plan */
    struct bytes_writer *out;
};

char *ask_file(const char *name, struct arena *a)
{
    char path[4096];
    const char *root = getenv("TDB_REPO");
    if (name[0] == '/') {
        (void)snprintf(path, sizeof(path), "%s", name);
    } else {
        (void)snprintf(path, sizeof(path), "%s/tests/unit/exec/sql/%s", root ? root : ".", name);
    }
    FILE *file = fopen(path, "rb");
    ASSERT(file != NULL);
    ASSERT(fseek(file, 0, SEEK_END) == 0);
    size_t bytes = (size_t)ftell(file);
    rewind(file);
    char *text = arena_alloc(a, bytes + 1, 1);
    ASSERT(text != NULL);
    ASSERT(fread(text, 1, bytes, file) == bytes);
    text[bytes] = '\0';
    (void)fclose(file);
    return text;
}

/* The next line of *text, NUL-terminated in place; NULL: that was all. */
static char *ask_line(char **text)
{
    char *line = *text;
    if (line == NULL || *line == '\0') {
        return NULL;
    }
    char *end = strchr(line, '\n');
    *text = end == NULL ? NULL : end + 1;
    if (end != NULL) {
        *end = '\0';
    }
    return line;
}

/* The kind that PostgreSQL calls so, and its modifiers. */
static struct vec_type ask_type(const char *name)
{
    for (enum vec_kind kind = VEC_NONE + 1; kind < VEC_KIND_COUNT; kind++) {
        if (strcmp(vec_kind_sql(kind), name) == 0) {
            return vec_type(kind);
        }
    }
    ASSERT(strcmp(name, "numeric(10,2)") == 0);
    return (struct vec_type){.kind = VEC_NUMERIC, .precision = 10, .scale = 2};
}

/* A line of tab-separated values into a row. */
static void ask_row(struct ask *ask, struct memory_relation *relation, uint32_t row, char *line)
{
    uint32_t columns_count = relation->plan.columns_count;
    for (uint32_t i = 0; i < columns_count; i++) {
        char *end = strchr(line, '\t');
        size_t length = end != NULL ? (size_t)(end - line) : strlen(line);
        ASSERT((end == NULL) == (i + 1 == columns_count));
        struct vec_value *value = &relation->values[row * columns_count + i];
        value->is_null = length == 2 && memcmp(line, "\\N", 2) == 0;
        if (!value->is_null) {
            char *copy = arena_copy(&ask->arena, line, length);
            enum vec_kind kind = (enum vec_kind)relation->columns[i].type.kind;
            enum vec_fault fault = plan_value_parse(kind, copy, length, &ask->arena, value);
            ASSERT(fault == VEC_FAULT_NONE);
        }
        line = end != NULL ? end + 1 : NULL;
    }
}

/* A table of the file: its columns and rows, up to the empty line. */
static void ask_table(struct ask *ask, const char *name, char **text)
{
    struct plan_column columns[MEMORY_COLUMNS_MAX];
    uint8_t kinds[MEMORY_COLUMNS_MAX];
    uint32_t columns_count = 0;
    char *line;
    while ((line = ask_line(text)) != NULL && strcmp(line, "rows") != 0) {
        char *space = strchr(line, ' ');
        *space = '\0';
        columns[columns_count] = (struct plan_column){.name = line, .type = ask_type(space + 1)};
        kinds[columns_count] = columns[columns_count].type.kind;
        columns_count++;
    }
    char *rows[64];
    uint32_t rows_count = 0;
    while ((line = ask_line(text)) != NULL && *line != '\0') {
        rows[rows_count++] = line;
    }
    struct memory_relation *relation = memory_make(kinds, columns_count, rows_count, &ask->arena);
    memcpy(relation->columns, columns, sizeof(*columns) * columns_count);
    relation->plan.name = name;
    for (uint32_t i = 0; i < rows_count; i++) {
        ask_row(ask, relation, i, rows[i]);
    }
    ask->relations[ask->relations_count++] = relation;
}

/* n (id, grp, val, name, at), as record.py's MANY; several stretches. */
static void ask_many(struct ask *ask)
{
    static const uint8_t kinds[5] = {VEC_BIGINT, VEC_INTEGER, VEC_DOUBLE, VEC_TEXT,
                                     VEC_TIMESTAMPTZ};
    static const char *const names[5] = {"id", "grp", "val", "name", "at"};
    struct memory_relation *relation = memory_make(kinds, 5, ASK_MANY_ROWS, &ask->arena);
    struct vec_value epoch;
    enum vec_fault fault =
        plan_value_parse(VEC_TIMESTAMPTZ, "2020-01-01 00:00:00+00", 22, &ask->arena, &epoch);
    ASSERT(fault == VEC_FAULT_NONE);
    relation->plan.name = "n";
    for (uint32_t i = 0; i < 5; i++) {
        relation->columns[i].name = names[i];
    }
    for (uint32_t id = 1; id <= ASK_MANY_ROWS; id++) {
        struct vec_value *row = &relation->values[5 * (id - 1)];
        char name[16];
        (void)snprintf(name, sizeof(name), "n%u", id % 50);
        uint32_t length = (uint32_t)strlen(name);
        row[0] = (struct vec_value){.u.int8 = id};
        row[1] = (struct vec_value){.u.int4 = (int32_t)(id % 7)};
        row[2] = (struct vec_value){.u.real = (id * 37 % 1000) / 8.0};
        row[3] = (struct vec_value){
            .u.bytes = {.data = arena_copy(&ask->arena, name, length), .length = length}};
        row[4] = (struct vec_value){.u.int8 = epoch.u.int8 + (int64_t)id * VEC_MINUTE_US};
        relation->stretches[id - 1] = id / 1300;
    }
    ask->relations[ask->relations_count++] = relation;
}

void ask_init(struct ask *ask)
{
    *ask = (struct ask){0};
    budget_init(&ask->root, "test", SIZE_MAX / 2, NULL);
    arena_init(&ask->arena, &ask->root, 1u << 20, SIZE_MAX / 2);
    char *text = ask_file("tables.txt", &ask->arena);
    for (char *line; (line = ask_line(&text)) != NULL;) {
        if (strncmp(line, "table ", 6) == 0) {
            ask_table(ask, line + 6, &text);
        }
    }
    ask_many(ask);
}

void ask_deinit(struct ask *ask)
{
    arena_deinit(&ask->arena);
    ASSERT(ask->root.used_bytes == 0);
}

static const char *ask_name_at(void *ctx, uint32_t i)
{
    const struct ask *ask = ctx;
    return i < ask->relations_count ? ask->relations[i]->plan.name : NULL;
}

static void ask_text(struct bytes_writer *w, const char *text)
{
    bytes_put_copy(w, text, strlen(text));
}

/* As COPY writes it. */
static void ask_escape(struct bytes_writer *w, const char *text, size_t length)
{
    static const char plain[] = "\\\t\n\r\b\f\v";
    static const char escaped[] = "\\tnrbfv";
    for (size_t i = 0; i < length; i++) {
        const char *at = text[i] != '\0' ? strchr(plain, text[i]) : NULL;
        if (at != NULL) {
            bytes_put_u8(w, '\\');
            bytes_put_u8(w, (uint8_t)escaped[at - plain]);
        } else {
            bytes_put_u8(w, (uint8_t)text[i]);
        }
    }
}

/* "!SQLSTATE message". */
static void ask_failed(struct bytes_writer *w, const char *state, const char *message)
{
    bytes_put_u8(w, '!');
    ask_text(w, state);
    bytes_put_u8(w, ' ');
    ask_escape(w, message, strlen(message));
    bytes_put_u8(w, '\n');
}

/* *plan = what the statement is; false: the error is written. */
static bool ask_plan(struct ask_run *run, struct plan *plan)
{
    struct sql_error error = {0};
    struct sql_stmt *stmt;
    struct sql_reference *references;
    uint32_t count;
    if (sql_parse(run->sql, run->length, &run->arena, &stmt, &error) != ERR_OK) {
        ask_failed(run->out, sql_state_code(error.state), error.message);
        return false;
    }
    ASSERT(stmt->kind == SQL_STMT_SELECT);
    enum err err = sql_references(stmt->select, &run->arena, &references, &count);
    ASSERT(err == ERR_OK);
    const struct plan_relation *relations[16] = {NULL};
    ASSERT(count <= ARRAY_COUNT(relations));
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < run->ask->relations_count; k++) {
            const struct plan_relation *relation = &run->ask->relations[k]->plan;
            if (strcasecmp(relation->name, references[i].name.text) == 0) {
                relations[i] = relation;
            }
        }
    }
    struct sql_binding binding = {
        .relations = relations,
        .references = references,
        .references_count = count,
        .name_at = ask_name_at,
        .ctx = run->ask,
        .text = run->sql,
        .length = run->length,
    };
    if (sql_bind(stmt->select, &binding, &run->arena, plan, &error) != ERR_OK) {
        ask_failed(run->out, sql_state_code(error.state), error.message);
        return false;
    }
    return true;
}

static void ask_heading(struct bytes_writer *w, const struct plan_node *root)
{
    for (uint32_t i = 0; i < root->outputs_count; i++) {
        if (i > 0) {
            bytes_put_u8(w, '\t');
        }
        ask_text(w, root->outputs[i].name);
        bytes_put_u8(w, ' ');
        vec_type_write(w, root->outputs[i].type);
    }
    bytes_put_u8(w, '\n');
}

static void ask_batch(struct bytes_writer *w, const struct vec_batch *batch)
{
    for (uint32_t i = 0; i < batch->selection.count; i++) {
        for (uint32_t column = 0; column < batch->columns_count; column++) {
            struct vec_value value;
            vec_get(&batch->columns[column], vec_row(batch->selection, i), &value);
            if (column > 0) {
                bytes_put_u8(w, '\t');
            }
            if (value.is_null) {
                ask_text(w, "\\N");
                continue;
            }
            char cell[ASK_CELL_BYTES];
            struct bytes_writer text = bytes_writer(cell, sizeof(cell));
            plan_value_write(&text, (enum vec_kind)batch->columns[column].type.kind, &value);
            ASSERT(text.err == ERR_OK);
            ask_escape(w, cell, text.pos);
        }
        bytes_put_u8(w, '\n');
    }
}

static void ask_failure(struct bytes_writer *w, const struct exec_failure *failure)
{
    if (failure->state != NULL) {
        ask_failed(w, failure->state, failure->message);
        return;
    }
    char message[512];
    struct bytes_writer text = bytes_writer(message, sizeof(message) - 1);
    const struct vec_failure *vec = &failure->vec;
    vec_fault_message(&text, vec->fault, vec->type, vec->text, vec->text_length);
    message[text.pos] = '\0';
    ask_failed(w, vec_fault_state(vec->fault), message);
}

/* Run the plan. A failure stands in place of all that was written since `first`. */
static void ask_run_plan(struct ask_run *run, const struct plan *plan, struct memory *memory)
{
    struct budget budget;
    budget_init(&budget, "query", 64u << 20, &run->ask->root);
    const struct exec_setting setting = {.budget = &budget, .now_us = ASK_NOW_US};
    struct exec_query query;
    size_t first = run->out->pos;
    ask_heading(run->out, plan->root);
    enum exec_result result = EXEC_FAILED;
    if (exec_open(&query, plan, &setting, &memory_ops, memory) == ERR_OK) {
        do {
            const struct vec_batch *batch;
            result = exec_next(&query, &batch);
            if (result == EXEC_ROWS) {
                ask_batch(run->out, batch);
            }
        } while (result != EXEC_END && result != EXEC_FAILED);
        exec_close(&query);
    }
    if (result == EXEC_FAILED) {
        run->out->pos = first;
        ask_failure(run->out, &query.failure);
    }
    budget_deinit(&budget);
}

void ask_sql(struct ask *ask, const char *sql, size_t length, struct memory *memory,
             struct bytes_writer *out)
{
    struct ask_run run = {.ask = ask, .sql = sql, .length = length, .out = out};
    arena_init(&run.arena, &ask->root, 64u << 10, 64u << 20);
    struct plan plan;
    if (ask_plan(&run, &plan)) {
        ask_run_plan(&run, &plan, memory);
    }
    arena_deinit(&run.arena);
}
