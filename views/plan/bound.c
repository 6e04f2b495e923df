/* See bound.h. */
#include "views/plan/bound.h"

#include <string.h>

#include "base/assert.h"
#include "views/plan/build.h"
#include "views/vec/calendar.h"
#include "views/vec/function.h"

/* Nodes of a value that is computed where a query begins. */
#define PLAN_BOUND_NODES_MAX 64u

static const struct vec_expr *plan_bound_part(const struct plan_node *filter, uint32_t i);
static bool plan_bound_is_equal(const struct vec_expr *condition);
static bool plan_bound_is_cheap_value(const struct vec_expr *value);
static const char *plan_bound_turned(const char *sign);
static bool plan_bound_is_small(const struct vec_expr *expr);
static bool plan_bound_number(const struct vec_expr *expr, const struct vec_value *value,
                              int64_t *out);
static void plan_bound_interval(int64_t *least, int64_t *most, const char *sign, int64_t value);

uint32_t plan_bound_parts(const struct plan_node *filter)
{
    return filter->filter->kind == VEC_EXPR_AND ? filter->filter->args_count : 1;
}

bool plan_bound_of(const struct plan_node *filter, uint32_t i, struct plan_bound *out)
{
    const struct vec_expr *condition = plan_bound_part(filter, i);
    const struct plan_node *scan = filter->input;
    if (condition->kind != VEC_EXPR_CALL || condition->args_count != 2) {
        return false;
    }
    const char *sign = condition->u.function->name;
    const struct vec_expr *column = condition->args[0], *value = condition->args[1];
    if (column->kind != VEC_EXPR_COLUMN) {
        column = condition->args[1];
        value = condition->args[0];
        sign = plan_bound_turned(sign);
    }
    if (column->kind != VEC_EXPR_COLUMN || strchr("<=>", sign[0]) == NULL ||
        strcmp(sign, "<>") == 0 || plan_expr_has_column(value)) {
        return false;
    }
    uint8_t role = scan->scan.relation->columns[scan->scan.columns[column->u.number]].role;
    uint8_t kind = value->type.kind;
    bool is_time = role == PLAN_ROLE_TIMESTAMP && column->type.kind == VEC_TIMESTAMPTZ &&
                   (kind == VEC_TIMESTAMPTZ || kind == VEC_TIMESTAMP || kind == VEC_DATE);
    bool is_number = (role == PLAN_ROLE_OFFSET || role == PLAN_ROLE_PARTITION) &&
                     (kind == VEC_INTEGER || kind == VEC_BIGINT);
    *out = (struct plan_bound){role, sign, value};
    return is_time || is_number;
}

bool plan_bound_is_cheap(const struct plan_bound *bound)
{
    return plan_bound_is_cheap_value(bound->value);
}

void plan_bound_narrow(struct plan_scan *scan, const struct plan_bound *bound,
                       const struct vec_value *value)
{
    int64_t number;
    if (value->is_null || !plan_bound_number(bound->value, value, &number)) {
        return;
    }
    if (bound->role == PLAN_ROLE_TIMESTAMP) {
        plan_bound_interval(&scan->timestamp_min, &scan->timestamp_max, bound->sign, number);
    } else if (bound->role == PLAN_ROLE_OFFSET) {
        plan_bound_interval(&scan->offset_min, &scan->offset_max, bound->sign, number);
    } else if (strcmp(bound->sign, "=") == 0 && number >= 0 && scan->partition == -1) {
        scan->partition = number;
    }
}

bool plan_bound_key_of(const struct plan_node *filter, uint32_t key, struct plan_bound_key *out)
{
    const struct plan_scan *scan = &filter->input->scan;
    ASSERT(key < scan->relation->keys_count);
    for (uint32_t i = 0; i < plan_bound_parts(filter); i++) {
        const struct vec_expr *condition = plan_bound_part(filter, i);
        bool is_in = condition->kind == VEC_EXPR_IN && !condition->is_not;
        if (!is_in && !plan_bound_is_equal(condition)) {
            continue;
        }
        uint32_t column = condition->args[0]->kind == VEC_EXPR_COLUMN || is_in ? 0 : 1;
        const struct vec_expr *operand = condition->args[column];
        *out = (struct plan_bound_key){condition->args + (1 - column),
                                       is_in ? condition->args_count - 1 : 1,
                                       condition->kind == VEC_EXPR_DISTINCT};
        bool is_key = operand->kind == VEC_EXPR_COLUMN &&
                      operand->u.number < filter->input->outputs_count - scan->paths_count &&
                      scan->columns[operand->u.number] == scan->relation->keys[key] &&
                      out->values_count <= PLAN_LOOKUPS_MAX;
        struct vec_value none = {.is_null = true};
        for (uint32_t k = 0; is_key && k < out->values_count; k++) {
            is_key = !plan_expr_has_column(out->values[k]) &&
                     plan_bound_is_cheap_value(out->values[k]) &&
                     plan_bound_key_value(operand->type, out->values[k], &none);
        }
        if (is_key) {
            return true;
        }
    }
    return false;
}

uint32_t plan_bound_lookups(const struct plan_node *filter)
{
    const struct plan_relation *relation = filter->input->scan.relation;
    struct plan_bound_key bound;
    uint32_t lookups_count = 1;
    for (uint32_t i = 0; i < relation->keys_count; i++) {
        if (!plan_bound_key_of(filter, i, &bound)) {
            return 0;
        }
        lookups_count *= bound.values_count;
        if (lookups_count > PLAN_LOOKUPS_MAX) {
            return 0;
        }
    }
    return relation->keys_count > 0 ? lookups_count : 0;
}

/* A NUMERIC with a scale has another form than one without. */
bool plan_bound_key_value(struct vec_type type, const struct vec_expr *expr,
                          struct vec_value *value)
{
    if (type.kind == VEC_BIGINT && expr->type.kind == VEC_INTEGER) {
        value->u.int8 = value->is_null ? 0 : value->u.int4;
        return true;
    }
    if (type.kind == VEC_INTEGER && expr->type.kind == VEC_BIGINT) {
        int64_t number = value->is_null ? 0 : value->u.int8;
        value->u.int4 = (int32_t)number;
        return number >= INT32_MIN && number <= INT32_MAX;
    }
    return type.kind == expr->type.kind && type.precision == 0 && expr->type.precision == 0;
}

static const struct vec_expr *plan_bound_part(const struct plan_node *filter, uint32_t i)
{
    const struct vec_expr *all = filter->filter;
    ASSERT(filter->kind == PLAN_FILTER && filter->input->kind == PLAN_SCAN);
    return all->kind == VEC_EXPR_AND ? all->args[i] : all;
}

/* Whether it says of two that they are equal. */
static bool plan_bound_is_equal(const struct vec_expr *condition)
{
    return (condition->kind == VEC_EXPR_DISTINCT && condition->is_not) ||
           (condition->kind == VEC_EXPR_CALL && condition->args_count == 2 &&
            strcmp(condition->u.function->name, "=") == 0);
}

static bool plan_bound_is_cheap_value(const struct vec_expr *value)
{
    return plan_expr_count(value, PLAN_BOUND_NODES_MAX + 1) <= PLAN_BOUND_NODES_MAX &&
           plan_bound_is_small(value);
}

/* The sign with its sides changed. */
static const char *plan_bound_turned(const char *sign)
{
    static const char *const pairs[][2] = {{"<", ">"}, {">", "<"}, {"<=", ">="}, {">=", "<="}};
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        if (strcmp(pairs[i][0], sign) == 0) {
            return pairs[i][1];
        }
    }
    return sign;
}

/* Whether nothing in it makes a text. */
static bool plan_bound_is_small(const struct vec_expr *expr)
{
    bool is_leaf = expr->kind == VEC_EXPR_CONSTANT || expr->kind == VEC_EXPR_PARAM;
    bool is_small = is_leaf || (expr->type.kind != VEC_TEXT && expr->type.kind != VEC_JSONB);
    for (uint32_t i = 0; i < expr->args_count && is_small; i++) {
        is_small = plan_bound_is_small(expr->args[i]);
    }
    return is_small;
}

/* As the column's values are. False: it is none of those. */
static bool plan_bound_number(const struct vec_expr *expr, const struct vec_value *value,
                              int64_t *out)
{
    switch ((enum vec_kind)expr->type.kind) {
    case VEC_INTEGER: *out = value->u.int4; return true;
    case VEC_BIGINT:
    case VEC_TIMESTAMP: /* the zone is UTC */
    case VEC_TIMESTAMPTZ: *out = value->u.int8; return true;
    case VEC_DATE: return vec_date_to_timestamp(value->u.int4, out) == VEC_FAULT_NONE;
    case VEC_NONE:
    case VEC_BOOLEAN:
    case VEC_DOUBLE:
    case VEC_NUMERIC:
    case VEC_TEXT:
    case VEC_INTERVAL:
    case VEC_JSONB:
    case VEC_KIND_COUNT: break;
    }
    return false;
}

/* [*least, *most] of that is <sign> value. Where nothing is left, most is below least. */
static void plan_bound_interval(int64_t *least, int64_t *most, const char *sign, int64_t value)
{
    int64_t low = *least, high = *most;
    if (sign[0] == '>' || strcmp(sign, "=") == 0) {
        low = sign[0] == '>' && sign[1] == '\0' && value < INT64_MAX ? value + 1 : value;
    }
    if (sign[0] == '<' || strcmp(sign, "=") == 0) {
        high = sign[0] == '<' && sign[1] == '\0' && value > INT64_MIN ? value - 1 : value;
    }
    *least = low > *least ? low : *least;
    *most = high < *most ? high : *most;
}
