/* The select list, and the clauses whose keys may be one of its columns: by number, by name, or by
 * being the same expression (PostgreSQL's findTargetlistEntrySQL92 and -SQL99). */
#include <string.h>

#include "base/assert.h"
#include "views/sql/bind_select_int.h"
#include "views/vec/integer.h"

/* No item of the select list. */
#define BIND_NO_TARGET UINT32_MAX

static bool bind_target_add(struct binder *b, struct bind_targets *targets, struct vec_expr *expr,
                            const char *name, struct sql_at at);
static bool bind_star(struct binder *b, const struct sql_select *select,
                      const struct sql_item *item, struct bind_targets *targets);
static const char *bind_item_name(struct binder *b, const struct sql_item *item,
                                  const struct vec_expr *expr);
static bool bind_key_target(struct binder *b, const struct sql_expr *e,
                            const struct bind_targets *targets, const char *clause, uint32_t *out);
static bool bind_key_number(struct binder *b, const struct sql_expr *e,
                            const struct sql_expr *digits, bool is_negated,
                            const struct bind_targets *targets, const char *clause, uint32_t *out);
static bool bind_key_name(struct binder *b, const struct sql_expr *e,
                          const struct bind_targets *targets, const char *clause, uint32_t *out);
static bool bind_order_key(struct binder *b, const struct sql_expr *e, struct bind_targets *targets,
                           uint32_t *out);
static bool bind_group_key(struct binder *b, const struct sql_expr *e,
                           struct bind_targets *targets);
static const struct vec_expr *bind_find_aggregate(const struct vec_expr *expr);

bool bind_targets(struct binder *b, const struct sql_select *select, struct bind_targets *targets)
{
    b->query->clause = BIND_SELECT;
    size_t room = (size_t)select->items_count + select->order_count;
    targets->items = bind_alloc(b, room, sizeof(*targets->items));
    for (uint32_t i = 0; b->err == ERR_OK && i < select->items_count; i++) {
        const struct sql_item *item = &select->items[i];
        if (item->expr == NULL) {
            bind_star(b, select, item, targets);
            continue;
        }
        struct vec_expr *expr = bind_expr(b, item->expr);
        const char *name = expr != NULL ? bind_item_name(b, item, expr) : NULL;
        if (name != NULL) {
            bind_target_add(b, targets, expr, name, item->at);
        }
    }
    targets->visible_count = targets->count;
    return b->err == ERR_OK;
}

/* Room grows by what stars bring: targets->items has it for all others. */
static bool bind_target_add(struct binder *b, struct bind_targets *targets, struct vec_expr *expr,
                            const char *name, struct sql_at at)
{
    if (targets->count == BIND_COLUMNS_MAX) {
        bind_fail(b, SQL_STATE_TOO_MANY_COLUMNS, at, "target lists can have at most %u entries",
                  BIND_COLUMNS_MAX);
        return false;
    }
    targets->items[targets->count++] = (struct bind_target){expr, name};
    return true;
}

static bool bind_star(struct binder *b, const struct sql_select *select,
                      const struct sql_item *item, struct bind_targets *targets)
{
    const struct bind_scope *scope = b->query->scope;
    if (item->table.count > 0 &&
        !bind_is_table(b, item->table.items, item->table.count, item->table.at)) {
        return false;
    }
    if (scope == NULL) {
        bind_fail(b, SQL_STATE_SYNTAX_ERROR, item->at,
                  "SELECT * with no tables specified is not valid");
        return false;
    }
    size_t room =
        (size_t)targets->count + scope->columns_count + select->items_count + select->order_count;
    struct bind_target *items = bind_alloc(b, room, sizeof(*items));
    if (items == NULL) {
        return false;
    }
    memcpy(items, targets->items, targets->count * sizeof(*items));
    targets->items = items;
    for (uint32_t i = 0; i < scope->columns_count; i++) {
        if (scope->columns[i].is_hidden) {
            continue;
        }
        struct vec_expr *expr =
            bind_node(b, VEC_EXPR_COLUMN, scope->columns[i].type, NULL, 0, NULL);
        if (expr == NULL) {
            return false;
        }
        expr->u.number = i;
        expr->pos = item->at.pos;
        expr->length = item->at.length;
        if (!bind_target_add(b, targets, expr, scope->columns[i].name, item->at)) {
            return false;
        }
    }
    return true;
}

/* The alias; of a column its own name, in its own case; else what PostgreSQL would call it. */
static const char *bind_item_name(struct binder *b, const struct sql_item *item,
                                  const struct vec_expr *expr)
{
    if (item->alias.text != NULL) {
        return bind_text(b, item->alias.text, item->alias.length);
    }
    if (item->expr->kind == SQL_EXPR_COLUMN && expr->u.number < BIND_AGGREGATE) {
        return b->query->scope->columns[expr->u.number].name;
    }
    const char *name = bind_expr_name(b, item->expr);
    return bind_text(b, name, strlen(name));
}

bool bind_order(struct binder *b, const struct sql_select *select, struct bind_targets *targets)
{
    b->query->clause = BIND_ORDER;
    targets->order_count = select->order_count;
    targets->order = bind_alloc(b, select->order_count, sizeof(*targets->order));
    for (uint32_t i = 0; b->err == ERR_OK && i < select->order_count; i++) {
        bind_order_key(b, select->order[i].expr, targets, &targets->order[i]);
    }
    return b->err == ERR_OK;
}

/* An item of the select list, perhaps one added for it. */
static bool bind_order_key(struct binder *b, const struct sql_expr *e, struct bind_targets *targets,
                           uint32_t *out)
{
    if (!bind_key_target(b, e, targets, "ORDER BY", out)) {
        return false;
    }
    if (*out == BIND_NO_TARGET) {
        struct vec_expr *expr = bind_expr(b, e);
        if (expr == NULL) {
            return false;
        }
        for (uint32_t i = 0; i < targets->count && *out == BIND_NO_TARGET; i++) {
            *out = plan_expr_equal(targets->items[i].expr, expr) ? i : BIND_NO_TARGET;
        }
        if (*out == BIND_NO_TARGET) {
            *out = targets->count;
            const char *name = e->kind == SQL_EXPR_COLUMN && expr->u.number < BIND_AGGREGATE
                                   ? b->query->scope->columns[expr->u.number].name
                                   : bind_expr_name(b, e);
            name = bind_text(b, name, strlen(name));
            if (name == NULL || !bind_target_add(b, targets, expr, name, e->at)) {
                return false;
            }
        }
    }
    struct bind_target *target = &targets->items[*out];
    target->expr = bind_resolve(b, target->expr, VEC_TEXT);
    return target->expr != NULL;
}

bool bind_group(struct binder *b, const struct sql_select *select, struct bind_targets *targets)
{
    b->query->clause = BIND_GROUP;
    targets->group = bind_alloc(b, select->group.count, sizeof(*targets->group));
    if (select->group.count > BIND_COLUMNS_MAX) {
        bind_fail(b, SQL_STATE_TOO_MANY_COLUMNS, select->group.items[BIND_COLUMNS_MAX]->at,
                  "GROUP BY can have at most %u keys", BIND_COLUMNS_MAX);
    }
    for (uint32_t i = 0; b->err == ERR_OK && i < select->group.count; i++) {
        bind_group_key(b, select->group.items[i], targets);
    }
    return b->err == ERR_OK;
}

static bool bind_group_key(struct binder *b, const struct sql_expr *e, struct bind_targets *targets)
{
    uint32_t target = BIND_NO_TARGET;
    bool is_ambiguous = false;
    bool is_input =
        e->kind == SQL_EXPR_COLUMN && e->u.column.count == 1 && b->query->scope != NULL &&
        (bind_column_find(b, &e->u.column.items[0], &is_ambiguous) != UINT32_MAX || is_ambiguous);
    if (!is_input && !bind_key_target(b, e, targets, "GROUP BY", &target)) {
        return false;
    }
    struct vec_expr *key = target != BIND_NO_TARGET ? targets->items[target].expr : bind_expr(b, e);
    key = bind_resolve(b, key, VEC_TEXT);
    if (key == NULL) {
        return false;
    }
    const struct vec_expr *aggregate = bind_find_aggregate(key);
    if (aggregate != NULL) {
        bind_fail(b, SQL_STATE_GROUPING_ERROR, bind_place(aggregate),
                  "aggregate functions are not allowed in GROUP BY");
        return false;
    }
    for (uint32_t i = 0; i < targets->group_count; i++) {
        if (plan_expr_equal(targets->group[i], key)) {
            return true;
        }
    }
    targets->group[targets->group_count++] = key;
    return true;
}

static const struct vec_expr *bind_find_aggregate(const struct vec_expr *expr)
{
    const struct vec_expr *found =
        expr->kind == VEC_EXPR_COLUMN && expr->u.number >= BIND_AGGREGATE ? expr : NULL;
    for (uint32_t i = 0; i < expr->args_count && found == NULL; i++) {
        found = bind_find_aggregate(expr->args[i]);
    }
    return found;
}

/* *out = the item that a name or a number alone means; BIND_NO_TARGET: it is an expression. */
static bool bind_key_target(struct binder *b, const struct sql_expr *e,
                            const struct bind_targets *targets, const char *clause, uint32_t *out)
{
    const struct sql_expr *number = e;
    bool is_negated = false;
    *out = BIND_NO_TARGET;
    while (number->kind == SQL_EXPR_UNARY && number->u.op.op == SQL_OP_SUB) {
        is_negated = !is_negated;
        number = number->u.op.right;
    }
    if (number->kind == SQL_EXPR_INTEGER || number->kind == SQL_EXPR_DECIMAL) {
        return bind_key_number(b, e, number, is_negated, targets, clause, out);
    }
    if (e->kind == SQL_EXPR_STRING || e->kind == SQL_EXPR_BOOLEAN || e->kind == SQL_EXPR_NULL) {
        bind_fail(b, SQL_STATE_SYNTAX_ERROR, e->at, "non-integer constant in %s", clause);
        return false;
    }
    if (e->kind == SQL_EXPR_COLUMN && e->u.column.count == 1) {
        return bind_key_name(b, e, targets, clause, out);
    }
    return true;
}

static bool bind_key_number(struct binder *b, const struct sql_expr *e,
                            const struct sql_expr *digits, bool is_negated,
                            const struct bind_targets *targets, const char *clause, uint32_t *out)
{
    int32_t number;
    if (digits->kind == SQL_EXPR_DECIMAL ||
        vec_int4_parse(digits->u.text.text, digits->u.text.length, &number) != VEC_FAULT_NONE) {
        bind_fail(b, SQL_STATE_SYNTAX_ERROR, e->at, "non-integer constant in %s", clause);
        return false;
    }
    if (is_negated || number < 1 || (uint32_t)number > targets->visible_count) {
        bind_fail(b, SQL_STATE_INVALID_COLUMN_REFERENCE, e->at,
                  "%s position %s%d is not in select list", clause, is_negated ? "-" : "", number);
        return false;
    }
    *out = (uint32_t)number - 1;
    return true;
}

/* Of names that differ in case only the one as written wins; two columns of one name must be the
 * same. */
static bool bind_key_name(struct binder *b, const struct sql_expr *e,
                          const struct bind_targets *targets, const char *clause, uint32_t *out)
{
    const struct sql_name *name = &e->u.column.items[0];
    bool has_exact = name->is_quoted;
    for (uint32_t i = 0; i < targets->visible_count && !has_exact; i++) {
        has_exact = strcmp(targets->items[i].name, name->text) == 0;
    }
    for (uint32_t i = 0; i < targets->visible_count; i++) {
        bool is_it = has_exact ? strcmp(targets->items[i].name, name->text) == 0
                               : bind_is_same(targets->items[i].name, name->text);
        if (!is_it) {
            continue;
        }
        if (*out == BIND_NO_TARGET) {
            *out = i;
        } else if (!plan_expr_equal(targets->items[*out].expr, targets->items[i].expr)) {
            bind_fail(b, SQL_STATE_AMBIGUOUS_COLUMN, e->at, "%s \"%s\" is ambiguous", clause,
                      name->text);
            return false;
        }
    }
    return true;
}

bool bind_distinct(struct binder *b, const struct sql_select *select, struct bind_targets *targets)
{
    for (uint32_t i = 0; select->is_distinct && i < targets->order_count; i++) {
        if (targets->order[i] >= targets->visible_count) {
            bind_fail(b, SQL_STATE_INVALID_COLUMN_REFERENCE, select->order[i].expr->at,
                      "for SELECT DISTINCT, ORDER BY expressions must appear in select list");
            return false;
        }
    }
    return true;
}
