/* See view_declare.h.
 *
 * The SELECT is kept as print.h writes it, and the plan is that text's, so that places in the plan
 * are places there: it is read and bound once more for that. Faults are told by the first binding,
 * in the words and places of whoever wrote the statement. */
#include "broker/core/view_declare.h"

#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "broker/core/catalog.h"
#include "broker/core/stream_declare.h"
#include "views/maint/view.h"
#include "views/plan/value.h"
#include "views/sql/parse.h"
#include "views/sql/print.h"
#include "views/vec/calendar.h"

/* Room for a plan as JSON, at first. */
#define CORE_VIEW_PLAN_BYTES (8u << 10)

/* A view being made. */
struct core_view_making {
    const struct core_view_bound *bound;
    const struct sql_create_view *create; /* what is asked */
    struct arena *arena;
    struct sql_error *error;
    const struct plan_node *scan; /* the leaf of the plan */
    struct core_view *out;
};

static enum err core_view_make(struct core_view_making *m);
static enum err core_view_make_name(struct core_view_making *m);
static enum err core_view_make_origin(struct core_view_making *m);
static enum err core_view_make_time(struct core_view_making *m, int64_t at);
static enum err core_view_make_columns(struct core_view_making *m);
static enum err core_view_make_column(struct core_view_making *m, struct plan_column *columns,
                                      uint32_t i);
static bool core_view_is_again(const struct core_view_making *m, const char *name, uint32_t i,
                               uint32_t k);
static enum err core_view_make_keys(struct core_view_making *m);
static enum err core_view_refuse_source(struct core_view_making *m);
static enum err core_view_make_source(struct core_view_making *m);
static bool core_view_reads(const struct core_view_making *m, uint32_t column);
static enum err core_view_make_text(struct core_view_making *m);
static enum err core_view_make_plan(struct core_view_making *m, const struct sql_select *select);
static enum err core_view_refuse_again(struct core_view_making *m, enum err err);
static enum err core_view_memory(struct core_view_making *m);
static struct sql_at core_view_column_at(const struct core_view_making *m, uint32_t i);

#define CORE_VIEW_FAIL(m, state, at, ...)                                                          \
    sql_error_set((m)->error, SQL_STATE_##state, at, (m)->bound->binding->text,                    \
                  (m)->bound->binding->length, __VA_ARGS__)

enum err core_view_declare(const struct sql_create_view *create,
                           const struct core_view_bound *bound, struct arena *arena,
                           struct core_view *out, struct sql_error *error)
{
    struct core_view_making m = {
        .bound = bound, .create = create, .arena = arena, .error = error, .out = out};
    *out = (struct core_view){.origin = CORE_VIEW_EARLIEST, .named_count = create->columns.count};
    sql_error_clear(error);
    enum err err = core_view_make_name(&m);
    if (err == ERR_OK) {
        err = core_view_make_origin(&m);
    }
    return err == ERR_OK ? core_view_make(&m) : err;
}

enum err core_view_declare_again(const struct core_view *was, const struct core_view_bound *bound,
                                 struct arena *arena, struct core_view *out,
                                 struct sql_error *error)
{
    struct sql_name *names =
        arena_alloc_zeroed(arena, was->named_count * sizeof(*names), _Alignof(struct sql_name));
    struct sql_create_view create = {.columns = {.items = names, .count = was->named_count}};
    struct core_view_making m = {
        .bound = bound, .create = &create, .arena = arena, .error = error, .out = out};
    *out = (struct core_view){.uuid = was->uuid,
                              .name = was->name,
                              .incarnation = was->incarnation,
                              .origin = was->origin,
                              .origin_ms = was->origin_ms,
                              .named_count = was->named_count};
    sql_error_clear(error);
    if (names == NULL) {
        return core_view_memory(&m);
    }
    for (uint32_t i = 0; i < was->named_count; i++) {
        names[i] = (struct sql_name){.text = was->columns[i].name,
                                     .length = (uint32_t)strlen(was->columns[i].name),
                                     .is_quoted = true};
    }
    return core_view_make(&m);
}

static enum err core_view_make(struct core_view_making *m)
{
    m->scan = m->bound->plan->root;
    while (m->scan->input != NULL) {
        m->scan = m->scan->input;
    }
    enum err err = core_view_refuse_source(m);
    if (err == ERR_OK) {
        err = core_view_make_keys(m);
    }
    if (err == ERR_OK) {
        err = core_view_make_columns(m);
    }
    if (err == ERR_OK) {
        err = core_view_make_source(m);
    }
    if (err == ERR_OK) {
        err = core_view_make_text(m);
    }
    if (err == ERR_OK && core_view_bytes(m->out) > CORE_VIEW_BYTES_MAX) {
        err = CORE_VIEW_FAIL(m, PROGRAM_LIMIT_EXCEEDED, m->bound->select->at,
                             "a view has at most %u KiB with its plan", CORE_VIEW_BYTES_MAX >> 10);
    }
    return err;
}

static enum err core_view_make_name(struct core_view_making *m)
{
    const struct sql_binding *binding = m->bound->binding;
    struct sql_name name;
    enum err err =
        core_stream_name(&m->create->name, binding->text, binding->length, &name, m->error);
    if (err != ERR_OK) {
        return err;
    }
    if (name.length > CORE_VIEW_NAME_BYTES_MAX) {
        return CORE_VIEW_FAIL(m, NAME_TOO_LONG, name.at, "a view's name has at most %u bytes",
                              CORE_VIEW_NAME_BYTES_MAX);
    }
    if (core_topic_is_reserved(name.text, name.length)) {
        return CORE_VIEW_FAIL(m, RESERVED_NAME, name.at,
                              "names that begin with __tdb_ are the server's own");
    }
    m->out->name = arena_copy(m->arena, name.text, name.length);
    return m->out->name != NULL ? ERR_OK : core_view_memory(m);
}

/* 'earliest', 'latest', or a time as PostgreSQL reads one. */
static enum err core_view_make_origin(struct core_view_making *m)
{
    const struct sql_text *text = &m->create->origin;
    struct vec_value value;
    if (!m->create->has_origin || strcasecmp(text->text, "earliest") == 0) {
        return ERR_OK;
    }
    if (strcasecmp(text->text, "latest") == 0) {
        m->out->origin = CORE_VIEW_LATEST;
        return ERR_OK;
    }
    enum vec_fault fault =
        plan_value_parse(VEC_TIMESTAMPTZ, text->text, text->length, m->arena, &value);
    if (fault == VEC_FAULT_NONE) {
        return core_view_make_time(m, value.u.int8);
    }
    if (fault == VEC_FAULT_MEMORY) {
        return core_view_memory(m);
    }
    enum err err = CORE_VIEW_FAIL(m, INVALID_PARAMETER_VALUE, m->create->origin_at,
                                  "invalid value for parameter \"origin\": \"%.100s\"", text->text);
    sql_error_hint(m->error,
                   "The origin is 'earliest', 'latest', or a time like '2026-01-31T00:00:00Z'.");
    return err;
}

/* Records have milliseconds: of those that are not older than the time. */
static enum err core_view_make_time(struct core_view_making *m, int64_t at)
{
    int64_t us;
    if (at == INT64_MIN || at == INT64_MAX || __builtin_sub_overflow(at, VEC_EPOCH_US, &us) ||
        us < 0) {
        enum err err = CORE_VIEW_FAIL(m, INVALID_PARAMETER_VALUE, m->create->origin_at,
                                      "the origin \"%.100s\" is no time since 1970-01-01",
                                      m->create->origin.text);
        sql_error_hint(m->error, "'earliest' is the log's first record, 'latest' what comes.");
        return err;
    }
    m->out->origin = CORE_VIEW_TIMESTAMP;
    m->out->origin_ms = us / 1000 + (us % 1000 != 0);
    return ERR_OK;
}

/* --- What it shows --- */

static enum err core_view_make_columns(struct core_view_making *m)
{
    const struct plan_node *root = m->bound->plan->root;
    uint32_t count = root->outputs_count;
    if (m->out->named_count > count) {
        struct sql_at at = m->create->columns.at;
        return CORE_VIEW_FAIL(m, SYNTAX_ERROR, at, "too many column names were specified");
    }
    if (count > CORE_VIEW_COLUMNS_MAX) {
        return CORE_VIEW_FAIL(m, TOO_MANY_COLUMNS, m->bound->select->at,
                              "a view has at most %u columns", CORE_VIEW_COLUMNS_MAX);
    }
    struct plan_column *columns =
        arena_alloc_zeroed(m->arena, count * sizeof(*columns), _Alignof(struct plan_column));
    if (columns == NULL) {
        return core_view_memory(m);
    }
    m->out->columns = columns;
    m->out->columns_count = count;
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < count && err == ERR_OK; i++) {
        columns[i].type = root->outputs[i].type;
        err = core_view_make_column(m, columns, i);
    }
    return err;
}

static enum err core_view_make_column(struct core_view_making *m, struct plan_column *columns,
                                      uint32_t i)
{
    const char *name = m->bound->plan->root->outputs[i].name;
    if (i < m->out->named_count) {
        name = m->create->columns.items[i].text;
    }
    if (strlen(name) > CORE_VIEW_NAME_BYTES_MAX) {
        return CORE_VIEW_FAIL(m, NAME_TOO_LONG, core_view_column_at(m, i),
                              "a column's name has at most %u bytes", CORE_VIEW_NAME_BYTES_MAX);
    }
    columns[i].name = arena_copy(m->arena, name, strlen(name));
    if (columns[i].name == NULL) {
        return core_view_memory(m);
    }
    for (uint32_t k = 0; k < i; k++) {
        if (core_view_is_again(m, columns[k].name, i, k)) {
            return CORE_VIEW_FAIL(m, DUPLICATE_COLUMN, core_view_column_at(m, i),
                                  "column \"%s\" specified more than once", name);
        }
    }
    return ERR_OK;
}

/* Whether column i has the name of column k. Two that are named without quotes are the same without
 * case, as PostgreSQL has it. */
static bool core_view_is_again(const struct core_view_making *m, const char *name, uint32_t i,
                               uint32_t k)
{
    const char *own = m->out->columns[i].name;
    bool is_caseless = i < m->out->named_count && !m->create->columns.items[i].is_quoted &&
                       !m->create->columns.items[k].is_quoted;
    return is_caseless ? strcasecmp(own, name) == 0 : strcmp(own, name) == 0;
}

/* Where it was named, as far as that is known. */
static struct sql_at core_view_column_at(const struct core_view_making *m, uint32_t i)
{
    const struct sql_select *select = m->bound->select;
    if (i < m->out->named_count) {
        return m->create->columns.items[i].at;
    }
    for (uint32_t k = 0; k < select->items_count; k++) {
        if (select->items[k].expr == NULL) {
            return select->items[k].at; /* a star, which may be any number */
        }
    }
    return i < select->items_count ? select->items[i].at : select->at;
}

/* --- Whether it can be kept --- */

/* A view is kept over a stream. */
static enum err core_view_refuse_source(struct core_view_making *m)
{
    const struct sql_binding *binding = m->bound->binding;
    struct sql_at at = m->bound->select->at;
    if (m->scan->kind != PLAN_SCAN || m->scan->scan.relation->kind == PLAN_RELATION_STREAM) {
        return ERR_OK;
    }
    const struct plan_relation *relation = m->scan->scan.relation;
    for (uint32_t i = 0; i < binding->references_count; i++) {
        at = binding->relations[i] == relation ? binding->references[i].name.at : at;
    }
    bool is_view = relation->kind == PLAN_RELATION_VIEW;
    enum err err = CORE_VIEW_FAIL(m, FEATURE_NOT_SUPPORTED, at,
                                  is_view ? "a view over a view is not supported: \"%s\" is one"
                                          : "a view over a system table is not supported: "
                                            "\"%s\" is one",
                                  relation->name);
    sql_error_hint(m->error,
                   is_view ? "Make it over the stream that \"%s\" reads, or ask that."
                           : "Ask \"%s\" itself, which is always fresh.",
                   relation->name);
    return err;
}

static enum err core_view_make_keys(struct core_view_making *m)
{
    struct maint_view *view;
    struct maint_refusal refusal;
    enum err err = maint_view_make(m->arena, m->bound->plan, &view, &refusal);
    if (err == ERR_INVALID) {
        const struct sql_binding *binding = m->bound->binding;
        struct sql_at at = {refusal.pos, refusal.length};
        sql_error_set_code(m->error, refusal.state, refusal.length > 0 ? at : m->bound->select->at,
                           binding->text, binding->length, "%s", refusal.message);
        return ERR_UNSUPPORTED;
    }
    uint16_t *keys =
        err == ERR_OK ? arena_alloc(m->arena, view->keys_count * sizeof(*keys), _Alignof(uint16_t))
                      : NULL;
    if (keys == NULL) {
        return core_view_memory(m);
    }
    for (uint32_t i = 0; i < view->keys_count; i++) {
        uint32_t output = view->key_outputs[i];
        keys[i] = output < CORE_VIEW_COLUMNS_MAX ? (uint16_t)output : CORE_VIEW_NO_COLUMN;
    }
    m->out->keys = keys;
    m->out->keys_count = view->keys_count;
    return ERR_OK;
}

/* --- What it has frozen --- */

/* The columns in use, in the order of the stream. What the others do not have is a residue: where
 * that is read, all of them stay. */
static enum err core_view_make_source(struct core_view_making *m)
{
    const struct core_stream_relation *relation = m->scan->scan.relation->owner;
    const struct core_stream *from = &relation->stream;
    struct core_stream *source =
        arena_alloc_zeroed(m->arena, sizeof(*source), _Alignof(struct core_stream));
    struct core_stream_column *columns = arena_alloc(
        m->arena, from->columns_count * sizeof(*columns), _Alignof(struct core_stream_column));
    bool has_residue = false;
    if (source == NULL || columns == NULL) {
        return core_view_memory(m);
    }
    for (uint32_t i = 0; i < from->columns_count; i++) {
        has_residue =
            has_residue || (from->columns[i].from == CORE_STREAM_RESIDUE && core_view_reads(m, i));
    }
    *source = (struct core_stream){
        .uuid = from->uuid,
        .topic = from->topic,
        .name = from->name,
        .version = from->version > 0 ? from->version : 1, /* 0: nobody has looked at it */
        .is_declared = from->is_declared,
        .key = from->key,
        .created_ms = from->created_ms,
        .columns = columns,
    };
    for (uint32_t i = 0; i < from->columns_count; i++) {
        if (has_residue || core_view_reads(m, i)) {
            columns[source->columns_count] = from->columns[i];
            columns[source->columns_count++].is_open = false;
        }
    }
    m->out->source = source;
    return ERR_OK;
}

static bool core_view_reads(const struct core_view_making *m, uint32_t column)
{
    for (uint32_t i = 0; i < m->scan->outputs_count; i++) {
        if (m->scan->scan.columns[i] == column) {
            return true;
        }
    }
    return false;
}

/* The SELECT as text, and the plan that it is. */
static enum err core_view_make_text(struct core_view_making *m)
{
    const struct sql_select *select = m->bound->select;
    size_t room_bytes = SQL_PRINT_BYTES_MAX(m->bound->binding->length);
    struct sql_stmt *stmt;
    struct sql_error unwanted;
    char *text = arena_alloc(m->arena, room_bytes, 1);
    if (text == NULL) {
        return core_view_memory(m);
    }
    struct bytes_writer w = bytes_writer(text, room_bytes - 1);
    sql_print_select(&w, select);
    ASSERT(w.err == ERR_OK);
    text[w.pos] = '\0';
    if (w.pos > CORE_VIEW_SQL_BYTES_MAX) {
        return CORE_VIEW_FAIL(m, PROGRAM_LIMIT_EXCEEDED, select->at,
                              "the SELECT of a view has at most %u KiB",
                              CORE_VIEW_SQL_BYTES_MAX >> 10);
    }
    m->out->sql = text;
    m->out->sql_bytes = (uint32_t)w.pos;
    enum err err = sql_parse(text, w.pos, m->arena, &stmt, &unwanted);
    return err == ERR_OK ? core_view_make_plan(m, stmt->select) : core_view_refuse_again(m, err);
}

/* Of `select`, the text's tree, with the view's names for its columns. */
static enum err core_view_make_plan(struct core_view_making *m, const struct sql_select *select)
{
    struct sql_binding binding = *m->bound->binding;
    struct sql_error unwanted;
    struct plan plan;
    binding.text = m->out->sql;
    binding.length = m->out->sql_bytes;
    enum err err = sql_bind(select, &binding, m->arena, &plan, &unwanted);
    if (err != ERR_OK) {
        return core_view_refuse_again(m, err);
    }
    ASSERT(plan.root->outputs_count == m->out->columns_count);
    struct plan_node *root = arena_alloc(m->arena, sizeof(*root), _Alignof(struct plan_node));
    struct plan_output *outputs = arena_alloc(m->arena, m->out->columns_count * sizeof(*outputs),
                                              _Alignof(struct plan_output));
    if (root == NULL || outputs == NULL) {
        return core_view_memory(m);
    }
    *root = *plan.root;
    root->outputs = outputs;
    for (uint32_t i = 0; i < m->out->columns_count; i++) {
        outputs[i] = (struct plan_output){m->out->columns[i].name, m->out->columns[i].type};
    }
    plan.root = root;
    for (size_t bytes = CORE_VIEW_PLAN_BYTES; bytes <= CORE_VIEW_BYTES_MAX; bytes *= 4) {
        char *json = arena_alloc(m->arena, bytes, 1);
        if (json == NULL) {
            return core_view_memory(m);
        }
        struct bytes_writer w = bytes_writer(json, bytes);
        plan_json_write(&w, &plan);
        if (w.err == ERR_OK) {
            m->out->plan = json;
            m->out->plan_bytes = (uint32_t)w.pos;
            return ERR_OK;
        }
    }
    return CORE_VIEW_FAIL(m, PROGRAM_LIMIT_EXCEEDED, m->bound->select->at,
                          "a view has at most %u KiB with its plan", CORE_VIEW_BYTES_MAX >> 10);
}

/* What was read and bound as it was written is so as it is printed, but for memory, and for the
 * bounds of a statement's parts, which both may be close to. */
static enum err core_view_refuse_again(struct core_view_making *m, enum err err)
{
    return err == ERR_BUDGET ? core_view_memory(m)
                             : CORE_VIEW_FAIL(m, STATEMENT_TOO_COMPLEX, m->bound->select->at,
                                              "the SELECT of the view is too complex");
}

static enum err core_view_memory(struct core_view_making *m)
{
    return CORE_VIEW_FAIL(m, OUT_OF_MEMORY, m->bound->select->at, "out of memory");
}
