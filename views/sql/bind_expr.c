/* Expressions by their kind. */
#include <string.h>

#include "base/assert.h"
#include "views/sql/bind_int.h"

static struct vec_expr *bind_list(struct binder *b, const struct sql_expr *e);
static struct vec_expr *bind_is(struct binder *b, const struct sql_expr *e);
static struct vec_expr *bind_case(struct binder *b, const struct sql_expr *e);
static struct vec_expr *bind_case_when(struct binder *b, const struct sql_expr *e, uint32_t i,
                                       struct vec_expr **operand);
static struct vec_expr *bind_zone(struct binder *b, const struct sql_expr *e);
static unsigned bind_name_strength(struct binder *b, const struct sql_expr *e, const char **name);

/* tidy: dispatcher */
struct vec_expr *bind_expr(struct binder *b, const struct sql_expr *e)
{
    struct vec_expr *operand;
    bool is_negated = false;
    switch (e->kind) {
    case SQL_EXPR_INTEGER:
    case SQL_EXPR_DECIMAL: return bind_number(b, e, false, VEC_NONE);
    case SQL_EXPR_NULL:
    case SQL_EXPR_BOOLEAN:
    case SQL_EXPR_STRING: return bind_constant(b, e);
    case SQL_EXPR_PARAM: return bind_param(b, e);
    case SQL_EXPR_COLUMN: return bind_column(b, e);
    case SQL_EXPR_UNARY: {
        const struct sql_expr *number = bind_negated(e, &is_negated);
        return number != NULL ? bind_number(b, number, is_negated, VEC_NONE) : bind_operation(b, e);
    }
    case SQL_EXPR_BINARY: return bind_operation(b, e);
    case SQL_EXPR_AND:
    case SQL_EXPR_OR: return bind_list(b, e);
    case SQL_EXPR_NOT:
        operand = bind_condition(b, e->u.operand, "NOT");
        return operand != NULL ? bind_node(b, VEC_EXPR_NOT, vec_type(VEC_BOOLEAN), &operand, 1, e)
                               : NULL;
    case SQL_EXPR_IS: return bind_is(b, e);
    case SQL_EXPR_DISTINCT: return bind_is_distinct(b, e);
    case SQL_EXPR_BETWEEN: return bind_between(b, e);
    case SQL_EXPR_IN: return bind_in(b, e);
    case SQL_EXPR_LIKE: return bind_like(b, e);
    case SQL_EXPR_AT_TIME_ZONE: return bind_zone(b, e);
    case SQL_EXPR_CAST: return bind_cast(b, e);
    case SQL_EXPR_CASE: return bind_case(b, e);
    case SQL_EXPR_CALL: return bind_call(b, e);
    case SQL_EXPR_KIND_COUNT: break;
    }
    UNREACHABLE();
    return NULL;
}

static struct vec_expr *bind_list(struct binder *b, const struct sql_expr *e)
{
    bool is_and = e->kind == SQL_EXPR_AND;
    struct vec_expr **args = bind_alloc(b, e->u.list.count, sizeof(*args));
    if (args == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < e->u.list.count; i++) {
        args[i] = bind_condition(b, e->u.list.items[i], is_and ? "AND" : "OR");
        if (args[i] == NULL) {
            return NULL;
        }
    }
    return bind_node(b, is_and ? VEC_EXPR_AND : VEC_EXPR_OR, vec_type(VEC_BOOLEAN), args,
                     e->u.list.count, e);
}

struct vec_expr *bind_condition(struct binder *b, const struct sql_expr *e, const char *what)
{
    return bind_boolean(b, bind_expr(b, e), e, what);
}

struct vec_expr *bind_boolean(struct binder *b, struct vec_expr *expr, const struct sql_expr *e,
                              const char *what)
{
    return bind_assign(b, expr, VEC_BOOLEAN, e, what);
}

static struct vec_expr *bind_is(struct binder *b, const struct sql_expr *e)
{
    static const char *const words[][2] = {
        [SQL_IS_TRUE] = {"IS TRUE", "IS NOT TRUE"},
        [SQL_IS_FALSE] = {"IS FALSE", "IS NOT FALSE"},
        [SQL_IS_UNKNOWN] = {"IS UNKNOWN", "IS NOT UNKNOWN"},
    };
    enum sql_is test = e->u.is.test;
    struct vec_expr *operand = bind_expr(b, e->u.is.operand);
    if (test != SQL_IS_NULL) {
        operand = bind_boolean(b, operand, e->u.is.operand, words[test][e->u.is.is_not]);
    } else if (operand != NULL && operand->kind == VEC_EXPR_CONSTANT) {
        operand = bind_resolve(b, operand, VEC_TEXT); /* a parameter may yet learn its type */
    }
    enum vec_expr_kind kind = test == SQL_IS_TRUE    ? VEC_EXPR_IS_TRUE
                              : test == SQL_IS_FALSE ? VEC_EXPR_IS_FALSE
                                                     : VEC_EXPR_IS_NULL;
    struct vec_expr *expr =
        operand != NULL ? bind_node(b, kind, vec_type(VEC_BOOLEAN), &operand, 1, e) : NULL;
    if (expr != NULL) {
        expr->is_not = e->u.is.is_not;
    }
    return expr;
}

/* With an operand each WHEN is a comparison with a copy of it. The results' types are matched from
 * ELSE on, as PostgreSQL does. */
static struct vec_expr *bind_case(struct binder *b, const struct sql_expr *e)
{
    uint32_t count = e->u.cases.arms_count;
    struct vec_expr **args = bind_alloc(b, 2 * (size_t)count + 1, sizeof(*args));
    struct vec_expr **results = bind_alloc(b, (size_t)count + 1, sizeof(*results));
    const struct sql_expr **places = bind_alloc(b, (size_t)count + 1, sizeof(*places));
    struct vec_expr *operand = NULL;
    struct vec_type type;
    if (e->u.cases.operand != NULL && places != NULL) {
        operand = bind_expr(b, e->u.cases.operand);
        operand = operand != NULL && operand->type.kind == VEC_NONE
                      ? bind_resolve(b, operand, VEC_TEXT)
                      : operand;
    }
    if (b->err != ERR_OK) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        args[2 * i] = bind_case_when(b, e, i, &operand);
        results[1 + i] = args[2 * i] != NULL ? bind_expr(b, e->u.cases.arms[i].then) : NULL;
        places[1 + i] = e->u.cases.arms[i].then;
        if (results[1 + i] == NULL) {
            return NULL;
        }
    }
    places[0] = e->u.cases.otherwise != NULL ? e->u.cases.otherwise : e;
    if (e->u.cases.otherwise != NULL) {
        results[0] = bind_expr(b, e->u.cases.otherwise);
    } else {
        results[0] = bind_node(b, VEC_EXPR_CONSTANT, vec_type(VEC_NONE), NULL, 0, e);
        if (results[0] != NULL) {
            results[0]->u.value.is_null = true;
        }
    }
    if (results[0] == NULL || !bind_unify(b, results, count + 1, "CASE", places, &type)) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        args[2 * i + 1] = results[1 + i];
    }
    args[2 * count] = results[0];
    return bind_node(b, VEC_EXPR_CASE, type, args, 2 * count + 1, e);
}

/* The condition of arm `i`. */
static struct vec_expr *bind_case_when(struct binder *b, const struct sql_expr *e, uint32_t i,
                                       struct vec_expr **operand)
{
    const struct sql_expr *when = e->u.cases.arms[i].when;
    if (*operand == NULL) {
        return bind_condition(b, when, "CASE/WHEN");
    }
    struct vec_expr *left = *operand;
    *operand = i + 1 < e->u.cases.arms_count ? bind_clone(b, left) : left;
    struct vec_expr *right = *operand != NULL ? bind_expr(b, when) : NULL;
    return right != NULL ? bind_operator(b, "=", left, right, when) : NULL;
}

static struct vec_expr *bind_zone(struct binder *b, const struct sql_expr *e)
{
    struct vec_expr *args[2];
    args[1] = bind_expr(b, e->u.at_time_zone.operand);
    args[0] = args[1] != NULL ? bind_expr(b, e->u.at_time_zone.zone) : NULL;
    return args[0] != NULL ? bind_function(b, "timezone", "pg_catalog.timezone", args, 2, e) : NULL;
}

/* PostgreSQL's FigureColname. */
const char *bind_expr_name(struct binder *b, const struct sql_expr *e)
{
    const char *name = NULL;
    bind_name_strength(b, e, &name);
    return name != NULL ? name : "?column?";
}

/* *name = what `e` suggests, and how strongly: 0 not at all, 1 by its type, 2 by its name. */
static unsigned bind_name_strength(struct binder *b, const struct sql_expr *e, const char **name)
{
    const struct sql_names *names;
    unsigned strength = 0;
    if (e->kind == SQL_EXPR_COLUMN) {
        *name = e->u.column.items[e->u.column.count - 1].text;
        return 2;
    }
    if (e->kind == SQL_EXPR_CALL) {
        names = &e->u.call->name;
        struct sql_names last = {&names->items[names->count - 1], 1, names->at};
        *name = bind_path_text(b, &last, true);
        return 2;
    }
    if (e->kind == SQL_EXPR_AT_TIME_ZONE) {
        *name = "timezone";
        return 2;
    }
    if (e->kind == SQL_EXPR_CAST) {
        strength = bind_name_strength(b, e->u.cast.operand, name);
        *name = strength <= 1 ? bind_type_name(e->u.cast.type) : *name;
        return strength <= 1 ? 1 : strength;
    }
    if (e->kind == SQL_EXPR_CASE) {
        strength =
            e->u.cases.otherwise != NULL ? bind_name_strength(b, e->u.cases.otherwise, name) : 0;
        *name = strength <= 1 ? "case" : *name;
        return strength <= 1 ? 1 : strength;
    }
    return strength;
}
