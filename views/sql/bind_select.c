/* SELECT and VALUES as a chain of nodes:
 *
 *     what FROM gives - FILTER (WHERE) - AGGREGATE - FILTER (HAVING) - PROJECT (the select list,
 * and what is only sorted by) - DISTINCT - SORT - LIMIT - PROJECT (the select list alone) */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "views/sql/bind_select_int.h"

/* Clauses of a SELECT, bound. */
struct bind_clauses {
    struct bind_targets targets;
    struct vec_expr *where;
    struct vec_expr *having;
    struct vec_expr *limit;
    struct vec_expr *offset;
};

static bool bind_ctes(struct binder *b, const struct sql_select *select);
static bool bind_cte(struct binder *b, const struct sql_select *select, uint32_t i);
static const struct plan_node *bind_query(struct binder *b, const struct sql_select *select);
static const struct plan_node *bind_values(struct binder *b, const struct sql_select *select,
                                           struct bind_scope *scope);
static bool bind_values_rows(struct binder *b, const struct sql_select *select,
                             struct vec_expr **exprs);
static bool bind_values_types(struct binder *b, const struct sql_select *select,
                              struct vec_expr **exprs, struct plan_output *outputs);
static bool bind_values_targets(struct binder *b, const struct sql_select *select,
                                struct bind_targets *targets);
static bool bind_clauses(struct binder *b, const struct sql_select *select,
                         struct bind_clauses *clauses);
static struct vec_expr *bind_limit(struct binder *b, const struct sql_expr *e,
                                   enum bind_clause clause, const char *what);
static bool bind_known(struct binder *b, struct bind_targets *targets);
static const struct plan_node *bind_filter(struct binder *b, const struct plan_node *node,
                                           const struct vec_expr *condition);
static const struct plan_node *bind_project(struct binder *b, const struct plan_node *node,
                                            const struct bind_targets *targets);
static const struct plan_node *bind_sort(struct binder *b, const struct plan_node *node,
                                         const struct sql_select *select,
                                         const struct bind_targets *targets);
static const struct plan_node *bind_visible(struct binder *b, const struct plan_node *node,
                                            const struct bind_targets *targets);

const struct plan_node *bind_select(struct binder *b, const struct sql_select *select)
{
    const struct bind_cte *outer = b->ctes;
    const struct plan_node *node = bind_ctes(b, select) ? bind_query(b, select) : NULL;
    b->ctes = outer;
    return node;
}

/* Each name stands for a plan that is bound once, where it is defined: a chain reads it at most
 * once. */
static bool bind_ctes(struct binder *b, const struct sql_select *select)
{
    for (uint32_t i = 0; i < select->ctes_count; i++) {
        if (!bind_cte(b, select, i)) {
            return false;
        }
    }
    return true;
}

static bool bind_cte(struct binder *b, const struct sql_select *select, uint32_t i)
{
    const struct sql_cte *cte = &select->ctes[i];
    uint32_t hash = bind_hash(cte->name.text);
    const struct bind_cte *other = b->ctes;
    for (uint32_t j = 0; j < i; j++, other = other->outer) {
        if (other->hash == hash && bind_is_same(other->name->text, cte->name.text)) {
            bind_fail(b, SQL_STATE_DUPLICATE_ALIAS, cte->name.at,
                      "WITH query name \"%s\" specified more than once", cte->name.text);
            return false;
        }
    }
    struct bind_query *query = b->query;
    const struct plan_node *node = bind_select(b, cte->select);
    b->query = query;
    if (node != NULL && cte->columns.count > node->outputs_count) {
        bind_fail(b, SQL_STATE_INVALID_COLUMN_REFERENCE, cte->name.at,
                  "WITH query \"%s\" has %u columns available but %u columns specified",
                  cte->name.text, node->outputs_count, cte->columns.count);
        return false;
    }
    node = node != NULL ? bind_rename(b, node, &cte->columns) : NULL;
    struct bind_cte *own = bind_alloc(b, 1, sizeof(*own));
    if (node == NULL || own == NULL) {
        return false;
    }
    *own = (struct bind_cte){&cte->name, hash, node, b->ctes};
    b->ctes = own;
    return true;
}

const struct plan_node *bind_rename(struct binder *b, const struct plan_node *node,
                                    const struct sql_names *names)
{
    if (names->count == 0) {
        return node;
    }
    struct plan_node *renamed = bind_alloc(b, 1, sizeof(*renamed));
    struct plan_output *outputs = bind_alloc(b, node->outputs_count, sizeof(*outputs));
    if (renamed == NULL || outputs == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < node->outputs_count; i++) {
        outputs[i] = node->outputs[i];
        if (i < names->count) {
            outputs[i].name = bind_text(b, names->items[i].text, names->items[i].length);
        }
    }
    *renamed = *node;
    renamed->outputs = outputs;
    return b->err == ERR_OK ? renamed : NULL;
}

static const struct plan_node *bind_query(struct binder *b, const struct sql_select *select)
{
    struct bind_scope scope = {.name = NULL};
    struct bind_query query = {.scope = NULL};
    struct bind_query *outer = b->query;
    struct bind_clauses clauses = {.where = NULL};
    const struct plan_node *node;
    if (select->rows_count > 0) {
        b->query = &query;
        query.clause = BIND_VALUES;
        node = bind_values(b, select, &scope);
    } else if (select->from != NULL) {
        node = bind_from(b, select->from, &scope);
    } else {
        struct plan_node *row = bind_plan(b, PLAN_VALUES, NULL);
        if (row != NULL) {
            row->values.rows_count = 1;
        }
        node = row;
    }
    query.scope = select->rows_count > 0 || select->from != NULL ? &scope : NULL;
    b->query = &query;
    if (node != NULL && bind_clauses(b, select, &clauses)) {
        bool is_grouped =
            clauses.targets.group_count > 0 || clauses.having != NULL || query.aggregates_count > 0;
        node = bind_filter(b, node, clauses.where);
        if (is_grouped && node != NULL) {
            node = bind_aggregation(b, node, &clauses.targets, &clauses.having);
        }
        node = bind_filter(b, node, clauses.having);
        node = node != NULL ? bind_project(b, node, &clauses.targets) : NULL;
        struct plan_node *next = NULL;
        if (node != NULL && select->is_distinct) {
            next = bind_plan(b, PLAN_DISTINCT, node);
            node = next;
            if (next != NULL) {
                next->distinct = next->outputs_count;
            }
        }
        node = node != NULL ? bind_sort(b, node, select, &clauses.targets) : NULL;
        if (node != NULL && (clauses.limit != NULL || clauses.offset != NULL)) {
            next = bind_plan(b, PLAN_LIMIT, node);
            node = next;
            if (next != NULL) {
                next->limit = (struct plan_limit){clauses.limit, clauses.offset};
            }
        }
        node = node != NULL ? bind_visible(b, node, &clauses.targets) : NULL;
    } else {
        node = NULL;
    }
    b->query = outer;
    return b->err == ERR_OK ? node : NULL;
}

/* In PostgreSQL's order. */
static bool bind_clauses(struct binder *b, const struct sql_select *select,
                         struct bind_clauses *clauses)
{
    struct bind_targets *targets = &clauses->targets;
    bool is_good = select->rows_count > 0 ? bind_values_targets(b, select, targets)
                                          : bind_targets(b, select, targets);
    if (is_good && select->where != NULL) {
        b->query->clause = BIND_WHERE;
        clauses->where = bind_condition(b, select->where, "WHERE");
    }
    if (b->err == ERR_OK && select->having != NULL) {
        b->query->clause = BIND_HAVING;
        clauses->having = bind_condition(b, select->having, "HAVING");
    }
    if (b->err == ERR_OK && bind_order(b, select, targets) && bind_group(b, select, targets) &&
        bind_distinct(b, select, targets)) {
        clauses->offset = bind_limit(b, select->offset, BIND_OFFSET, "OFFSET");
        clauses->limit =
            b->err == ERR_OK ? bind_limit(b, select->limit, BIND_LIMIT, "LIMIT") : NULL;
    }
    return b->err == ERR_OK && bind_known(b, targets);
}

/* NULL: there is none, or something is wrong. */
static struct vec_expr *bind_limit(struct binder *b, const struct sql_expr *e,
                                   enum bind_clause clause, const char *what)
{
    if (e == NULL || e->kind == SQL_EXPR_NULL) {
        return NULL;
    }
    b->query->clause = clause;
    struct vec_expr *expr = bind_assign(b, bind_expr(b, e), VEC_BIGINT, e, what);
    if (expr != NULL && plan_expr_has_column(expr)) {
        return bind_fail(b, SQL_STATE_INVALID_COLUMN_REFERENCE, e->at,
                         "argument of %s must not contain variables", what);
    }
    return expr;
}

/* What is still unknown in the select list is a text. */
static bool bind_known(struct binder *b, struct bind_targets *targets)
{
    for (uint32_t i = 0; i < targets->count; i++) {
        targets->items[i].expr = bind_resolve(b, targets->items[i].expr, VEC_TEXT);
        if (targets->items[i].expr == NULL) {
            return false;
        }
    }
    return true;
}

/* VALUES: rows of one length, columns of one type each, called column1 and so on. */
static const struct plan_node *bind_values(struct binder *b, const struct sql_select *select,
                                           struct bind_scope *scope)
{
    uint32_t count = select->rows[0].count;
    struct vec_expr **exprs = bind_alloc(b, (size_t)select->rows_count * count, sizeof(*exprs));
    struct plan_output *outputs = bind_alloc(b, count, sizeof(*outputs));
    struct bind_column *columns = bind_alloc(b, count, sizeof(*columns));
    struct plan_node *node = bind_plan(b, PLAN_VALUES, NULL);
    if (exprs == NULL || outputs == NULL || columns == NULL || node == NULL ||
        !bind_values_rows(b, select, exprs) || !bind_values_types(b, select, exprs, outputs)) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = (struct bind_column){outputs[i].name, outputs[i].type, false};
    }
    *scope = (struct bind_scope){.name = "*VALUES*", .columns = columns, .columns_count = count};
    node->outputs = outputs;
    node->outputs_count = count;
    node->values.exprs = (const struct vec_expr *const *)exprs;
    node->values.rows_count = select->rows_count;
    return node;
}

static bool bind_values_rows(struct binder *b, const struct sql_select *select,
                             struct vec_expr **exprs)
{
    uint32_t count = select->rows[0].count;
    for (uint32_t row = 0; row < select->rows_count; row++) {
        const struct sql_exprs *list = &select->rows[row];
        for (uint32_t i = 0; i < list->count && i < count; i++) {
            exprs[row * count + i] = bind_expr(b, list->items[i]);
            if (exprs[row * count + i] == NULL) {
                return false;
            }
        }
        if (list->count != count) {
            bind_fail(b, SQL_STATE_SYNTAX_ERROR, list->items[0]->at,
                      "VALUES lists must all be the same length");
            return false;
        }
    }
    return true;
}

static bool bind_values_types(struct binder *b, const struct sql_select *select,
                              struct vec_expr **exprs, struct plan_output *outputs)
{
    uint32_t count = select->rows[0].count, rows_count = select->rows_count;
    struct vec_expr **column = bind_alloc(b, rows_count, sizeof(*column));
    const struct sql_expr **places = bind_alloc(b, rows_count, sizeof(*places));
    for (uint32_t i = 0; places != NULL && column != NULL && i < count; i++) {
        char name[24];
        for (uint32_t row = 0; row < rows_count; row++) {
            column[row] = exprs[row * count + i];
            places[row] = select->rows[row].items[i];
        }
        if (!bind_unify(b, column, rows_count, "VALUES", places, &outputs[i].type)) {
            return false;
        }
        for (uint32_t row = 0; row < rows_count; row++) {
            exprs[row * count + i] = column[row];
            if (!vec_type_equal(column[row]->type, outputs[i].type)) {
                exprs[row * count + i] = bind_convert(b, column[row], outputs[i].type, places[row]);
            }
        }
        snprintf(name, sizeof(name), "column%u", i + 1);
        outputs[i].name = bind_text(b, name, strlen(name));
    }
    return b->err == ERR_OK;
}

/* All its columns, as SELECT * would have them. */
static bool bind_values_targets(struct binder *b, const struct sql_select *select,
                                struct bind_targets *targets)
{
    const struct bind_scope *scope = b->query->scope;
    size_t room = (size_t)scope->columns_count + select->order_count;
    targets->items = bind_alloc(b, room, sizeof(*targets->items));
    if (targets->items == NULL) {
        return false;
    }
    if (scope->columns_count > BIND_COLUMNS_MAX) {
        bind_fail(b, SQL_STATE_TOO_MANY_COLUMNS, select->at,
                  "target lists can have at most %u entries", BIND_COLUMNS_MAX);
        return false;
    }
    for (uint32_t i = 0; i < scope->columns_count; i++) {
        struct vec_expr *expr =
            bind_node(b, VEC_EXPR_COLUMN, scope->columns[i].type, NULL, 0, NULL);
        if (expr == NULL) {
            return false;
        }
        expr->u.number = i;
        targets->items[targets->count++] = (struct bind_target){expr, scope->columns[i].name};
    }
    targets->visible_count = targets->count;
    return true;
}

/* NULL condition: the node itself. */
static const struct plan_node *bind_filter(struct binder *b, const struct plan_node *node,
                                           const struct vec_expr *condition)
{
    if (node == NULL || condition == NULL) {
        return node;
    }
    struct plan_node *filter = bind_plan(b, PLAN_FILTER, node);
    if (filter != NULL) {
        filter->filter = condition;
    }
    return filter;
}

static const struct plan_node *bind_project(struct binder *b, const struct plan_node *node,
                                            const struct bind_targets *targets)
{
    struct plan_node *project = bind_plan(b, PLAN_PROJECT, node);
    struct plan_output *outputs = bind_alloc(b, targets->count, sizeof(*outputs));
    const struct vec_expr **exprs = bind_alloc(b, targets->count, sizeof(*exprs));
    if (project == NULL || outputs == NULL || exprs == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < targets->count; i++) {
        exprs[i] = targets->items[i].expr;
        outputs[i] = (struct plan_output){targets->items[i].name, exprs[i]->type};
    }
    project->project = exprs;
    project->outputs = outputs;
    project->outputs_count = targets->count;
    return project;
}

static const struct plan_node *bind_sort(struct binder *b, const struct plan_node *node,
                                         const struct sql_select *select,
                                         const struct bind_targets *targets)
{
    if (targets->order_count == 0) {
        return node;
    }
    struct plan_node *sort = bind_plan(b, PLAN_SORT, node);
    const struct vec_expr **keys = bind_alloc(b, targets->order_count, sizeof(*keys));
    struct vec_order *orders = bind_alloc(b, targets->order_count, sizeof(*orders));
    if (sort == NULL || keys == NULL || orders == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < targets->order_count; i++) {
        const struct sql_order *order = &select->order[i];
        const struct vec_expr *expr = targets->items[targets->order[i]].expr;
        keys[i] = plan_column(b->arena, expr->type, targets->order[i], expr);
        if (keys[i] == NULL) {
            return bind_fail(b, SQL_STATE_OUT_OF_MEMORY, bind_place(expr), "out of memory");
        }
        orders[i].is_descending = order->is_descending;
        orders[i].is_null_first = order->nulls == SQL_NULLS_DEFAULT
                                      ? order->is_descending
                                      : order->nulls == SQL_NULLS_FIRST;
    }
    sort->sort = (struct plan_sort){keys, orders, targets->order_count};
    return sort;
}

/* Without what was only sorted by. */
static const struct plan_node *bind_visible(struct binder *b, const struct plan_node *node,
                                            const struct bind_targets *targets)
{
    if (targets->visible_count == targets->count) {
        return node;
    }
    struct plan_node *project = bind_plan(b, PLAN_PROJECT, node);
    const struct vec_expr **exprs = bind_alloc(b, targets->visible_count, sizeof(*exprs));
    if (project == NULL || exprs == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < targets->visible_count; i++) {
        exprs[i] = plan_column(b->arena, node->outputs[i].type, i, targets->items[i].expr);
        if (exprs[i] == NULL) {
            return bind_fail(b, SQL_STATE_OUT_OF_MEMORY, (struct sql_at){0, 0}, "out of memory");
        }
    }
    project->project = exprs;
    project->outputs_count = targets->visible_count;
    return project;
}
