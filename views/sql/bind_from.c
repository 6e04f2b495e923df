/* What is read: a relation, a name of WITH, a subquery, windows of time over a stream. */
#include <string.h>

#include "base/assert.h"
#include "base/suggest.h"
#include "views/sql/bind_select_int.h"
#include "views/sql/fold.h"
#include "views/vec/calendar.h"

/* Names of relations that are compared for a suggestion. */
#define BIND_RELATIONS_MAX 1024u

static const struct plan_node *bind_table(struct binder *b, const struct sql_from *from,
                                          struct bind_scope *scope);
static const struct plan_relation *bind_relation(struct binder *b, const struct sql_from *from);
static void bind_relation_suggest(struct binder *b, const struct sql_name *name);
static const struct plan_node *bind_scan(struct binder *b, const struct plan_relation *relation,
                                         struct bind_scope *scope);
static const struct plan_node *bind_rows_of(struct binder *b, const struct plan_node *node,
                                            struct bind_scope *scope);
static bool bind_scope_alias(struct binder *b, const struct sql_from *from,
                             struct bind_scope *scope);
static const struct plan_node *bind_tumble(struct binder *b, const struct sql_from *from,
                                           const struct plan_node *node, struct bind_scope *scope);
static const struct plan_node *bind_tumble_add(struct binder *b, const struct plan_node *node,
                                               struct bind_scope *scope, const char *name,
                                               const struct vec_expr *expr);
static struct vec_expr *bind_tumble_time(struct binder *b, const struct sql_from *from);
static struct vec_expr *bind_tumble_width(struct binder *b, const struct sql_from *from);
static struct vec_expr *bind_tumble_start(struct binder *b, const struct sql_from *from,
                                          const struct vec_expr *time, struct vec_expr *width);
static const struct plan_node *bind_tumble_node(struct binder *b, const struct sql_from *from,
                                                const struct plan_node *node,
                                                struct bind_scope *scope);

const struct plan_node *bind_from(struct binder *b, const struct sql_from *from,
                                  struct bind_scope *scope)
{
    const struct plan_node *node;
    if (from->kind == SQL_FROM_SELECT) {
        struct bind_query *query = b->query;
        node = bind_select(b, from->select);
        b->query = query;
        node = node != NULL ? bind_rows_of(b, node, scope) : NULL;
    } else {
        node = bind_table(b, from, scope);
    }
    if (node != NULL && from->kind == SQL_FROM_TUMBLE) {
        node = bind_tumble(b, from, node, scope);
    }
    return node != NULL && bind_scope_alias(b, from, scope) ? node : NULL;
}

/* A name: of WITH, or of a relation. */
static const struct plan_node *bind_table(struct binder *b, const struct sql_from *from,
                                          struct bind_scope *scope)
{
    const struct sql_name *name = &from->table.items[from->table.count - 1];
    const struct bind_cte *cte = from->table.count == 1 ? bind_cte_find(b->ctes, name) : NULL;
    if (cte != NULL) {
        scope->name = bind_text(b, cte->name->text, cte->name->length);
        return scope->name != NULL ? bind_rows_of(b, cte->node, scope) : NULL;
    }
    const struct plan_relation *relation = bind_relation(b, from);
    return relation != NULL ? bind_scan(b, relation, scope) : NULL;
}

/* The relation that the caller found for that reference; they are asked for in about the order in
 * which sql_references lists them. */
static const struct plan_relation *bind_relation(struct binder *b, const struct sql_from *from)
{
    const struct sql_binding *binding = b->binding;
    const struct sql_name *name = &from->table.items[from->table.count - 1];
    const struct sql_name none = {NULL, 0, false, {0, 0}};
    const struct sql_name *schema =
        from->table.count > 1 ? &from->table.items[from->table.count - 2] : &none;
    const struct plan_relation *relation = NULL;
    for (uint32_t i = 0; i < binding->references_count; i++) {
        uint32_t at = (b->reference_next + i) % binding->references_count;
        const struct sql_reference *reference = &binding->references[at];
        bool is_same = reference->name.is_quoted == name->is_quoted &&
                       strcmp(reference->name.text, name->text) == 0 &&
                       (reference->schema.text == NULL) == (schema->text == NULL) &&
                       (schema->text == NULL || strcmp(reference->schema.text, schema->text) == 0);
        if (is_same) {
            relation = binding->relations[at];
            b->reference_next = at + 1;
            break;
        }
    }
    if (relation == NULL) {
        const char *path = bind_path_text(b, &from->table, false);
        bind_fail(b, SQL_STATE_UNDEFINED_TABLE, from->table.at, "relation \"%s\" does not exist",
                  path != NULL ? path : "");
        bind_relation_suggest(b, name);
    }
    return relation;
}

static void bind_relation_suggest(struct binder *b, const struct sql_name *name)
{
    const char *names[BIND_RELATIONS_MAX];
    uint32_t count = 0;
    if (b->binding->name_at == NULL) {
        return;
    }
    while (count < BIND_RELATIONS_MAX) {
        const char *next = b->binding->name_at(b->binding->ctx, count);
        if (next == NULL) {
            break;
        }
        names[count++] = next;
    }
    const char *nearest = suggest_nearest(name->text, names, count);
    if (nearest != NULL) {
        bind_hint(b, "Did you mean %s?", nearest);
    }
}

/* All columns of a relation; what is not read is left out later. */
static const struct plan_node *bind_scan(struct binder *b, const struct plan_relation *relation,
                                         struct bind_scope *scope)
{
    uint32_t count = relation->columns_count;
    struct plan_node *node = bind_plan(b, PLAN_SCAN, NULL);
    struct plan_output *outputs = bind_alloc(b, count, sizeof(*outputs));
    struct bind_column *columns = bind_alloc(b, count, sizeof(*columns));
    uint32_t *numbers = bind_alloc(b, count, sizeof(*numbers));
    if (node == NULL || outputs == NULL || columns == NULL || numbers == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct plan_column *column = &relation->columns[i];
        outputs[i] = (struct plan_output){column->name, column->type};
        columns[i] = (struct bind_column){column->name, column->type, column->is_hidden};
        numbers[i] = i;
    }
    node->outputs = outputs;
    node->outputs_count = count;
    node->scan = (struct plan_scan){
        .relation = relation,
        .columns = numbers,
        .offset_max = PLAN_OFFSET_MAX,
        .timestamp_min = INT64_MIN,
        .timestamp_max = INT64_MAX,
        .partition = -1,
        .rows_max = INT64_MAX,
    };
    scope->name = relation->name;
    scope->schema = relation->schema;
    scope->columns = columns;
    scope->columns_count = count;
    return node;
}

/* The columns of what another SELECT gives. */
static const struct plan_node *bind_rows_of(struct binder *b, const struct plan_node *node,
                                            struct bind_scope *scope)
{
    struct bind_column *columns = bind_alloc(b, node->outputs_count, sizeof(*columns));
    if (columns == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < node->outputs_count; i++) {
        columns[i] = (struct bind_column){node->outputs[i].name, node->outputs[i].type, false};
    }
    scope->columns = columns;
    scope->columns_count = node->outputs_count;
    return node;
}

/* AS name (column, ...): system columns cannot be renamed. */
static bool bind_scope_alias(struct binder *b, const struct sql_from *from,
                             struct bind_scope *scope)
{
    struct bind_column *columns = bind_alloc(b, scope->columns_count, sizeof(*columns));
    uint32_t next = 0;
    if (columns == NULL) {
        return false;
    }
    if (from->alias.text != NULL) {
        scope->table = scope->name;
        scope->schema = NULL;
        scope->name = bind_text(b, from->alias.text, from->alias.length);
    }
    for (uint32_t i = 0; i < scope->columns_count; i++) {
        columns[i] = scope->columns[i];
        if (!columns[i].is_hidden && next < from->columns.count) {
            const struct sql_name *name = &from->columns.items[next++];
            columns[i].name = bind_text(b, name->text, name->length);
        }
    }
    if (b->err == ERR_OK && next < from->columns.count) {
        bind_fail(b, SQL_STATE_INVALID_COLUMN_REFERENCE, from->alias.at,
                  "table \"%s\" has %u columns available but %u columns specified", scope->name,
                  next, from->columns.count);
    }
    scope->columns = columns;
    return b->err == ERR_OK;
}

/* TUMBLE(stream, time, width): window_start is the time cut down to a multiple of the width from
 * 1970-01-01 00:00 UTC on, window_end is one width later. */
static const struct plan_node *bind_tumble(struct binder *b, const struct sql_from *from,
                                           const struct plan_node *node, struct bind_scope *scope)
{
    struct bind_query query = {.scope = scope, .clause = BIND_FROM};
    struct bind_query *outer = b->query;
    b->query = &query;
    const struct plan_node *tumble = bind_tumble_node(b, from, node, scope);
    b->query = outer;
    return tumble;
}

/* In two steps, so that the end is computed from the start. */
static const struct plan_node *bind_tumble_node(struct binder *b, const struct sql_from *from,
                                                const struct plan_node *node,
                                                struct bind_scope *scope)
{
    struct vec_expr *time = bind_tumble_time(b, from);
    struct vec_expr *width = time != NULL ? bind_tumble_width(b, from) : NULL;
    struct vec_expr *start = width != NULL ? bind_tumble_start(b, from, time, width) : NULL;
    const struct plan_node *started =
        start != NULL ? bind_tumble_add(b, node, scope, "window_start", start) : NULL;
    struct vec_expr *column =
        started != NULL ? bind_node(b, VEC_EXPR_COLUMN, start->type, NULL, 0, from->width) : NULL;
    if (column == NULL) {
        return NULL;
    }
    column->u.number = node->outputs_count;
    struct vec_expr *end = bind_operator(b, "+", column, bind_clone(b, width), from->width);
    return end != NULL ? bind_tumble_add(b, started, scope, "window_end", end) : NULL;
}

/* One more column. */
static const struct plan_node *bind_tumble_add(struct binder *b, const struct plan_node *node,
                                               struct bind_scope *scope, const char *name,
                                               const struct vec_expr *expr)
{
    uint32_t count = node->outputs_count;
    struct plan_node *project = bind_plan(b, PLAN_PROJECT, node);
    struct plan_output *outputs = bind_alloc(b, count + 1u, sizeof(*outputs));
    struct bind_column *columns = bind_alloc(b, count + 1u, sizeof(*columns));
    const struct vec_expr **exprs = bind_alloc(b, count + 1u, sizeof(*exprs));
    if (project == NULL || outputs == NULL || columns == NULL || exprs == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct vec_expr *column =
            bind_node(b, VEC_EXPR_COLUMN, node->outputs[i].type, NULL, 0, NULL);
        if (column == NULL) {
            return NULL;
        }
        column->u.number = i;
        exprs[i] = column;
        outputs[i] = node->outputs[i];
        columns[i] = scope->columns[i];
    }
    exprs[count] = expr;
    outputs[count] = (struct plan_output){name, expr->type};
    columns[count] = (struct bind_column){name, expr->type, false};
    project->project = exprs;
    project->outputs = outputs;
    project->outputs_count = count + 1;
    scope->columns = columns;
    scope->columns_count = count + 1;
    return project;
}

static struct vec_expr *bind_tumble_time(struct binder *b, const struct sql_from *from)
{
    struct vec_expr *time = bind_expr(b, from->time);
    if (time != NULL && time->type.kind != VEC_TIMESTAMP && time->type.kind != VEC_TIMESTAMPTZ) {
        bind_fail(b, SQL_STATE_DATATYPE_MISMATCH, from->time->at,
                  "argument of TUMBLE must be type timestamp with time zone or timestamp without "
                  "time zone, not type %s",
                  bind_kind_text((enum vec_kind)time->type.kind));
        return NULL;
    }
    return time;
}

static struct vec_expr *bind_tumble_width(struct binder *b, const struct sql_from *from)
{
    struct vec_expr *width = bind_expr(b, from->width);
    width = bind_assign(b, width, VEC_INTERVAL, from->width, "TUMBLE");
    if (width == NULL) {
        return NULL;
    }
    const struct vec_expr *folded = sql_fold(b->arena, width);
    if (folded == NULL || folded->kind != VEC_EXPR_CONSTANT || folded->u.value.is_null) {
        bind_fail(b, SQL_STATE_INVALID_PARAMETER_VALUE, from->width->at,
                  "the width of TUMBLE must be constant");
        bind_hint(b, "For example, INTERVAL '1 minute'.");
        return NULL;
    }
    const struct vec_interval *interval = &folded->u.value.u.interval;
    __int128 length = (__int128)interval->days * VEC_DAY_US + interval->us;
    if (interval->months != 0 || length <= 0) {
        bind_fail(b, SQL_STATE_INVALID_PARAMETER_VALUE, from->width->at,
                  interval->months != 0 ? "the width of TUMBLE cannot contain months or years"
                                        : "the width of TUMBLE must be greater than zero");
        return NULL;
    }
    width = bind_clone(b, folded);
    return width;
}

static struct vec_expr *bind_tumble_start(struct binder *b, const struct sql_from *from,
                                          const struct vec_expr *time, struct vec_expr *width)
{
    struct vec_expr *origin = bind_node(b, VEC_EXPR_CONSTANT, time->type, NULL, 0, from->width);
    if (origin == NULL) {
        return NULL;
    }
    origin->u.value.u.int8 = VEC_EPOCH_US;
    struct vec_expr *args[3] = {bind_clone(b, width), bind_clone(b, time), origin};
    if (args[0] == NULL || args[1] == NULL) {
        return NULL;
    }
    return bind_function(b, "date_bin", "date_bin", args, 3, from->width);
}
