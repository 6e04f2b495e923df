/* What a scan need not read: by the conditions right above it, and by how many rows are wanted. The
 * conditions stay: bounds only save work. */
#include <string.h>

#include "base/assert.h"
#include "views/sql/optimise_int.h"
#include "views/vec/function.h"

static void optimise_bound(struct plan_node *scan, const struct vec_expr *condition);
static const char *optimise_turned(const char *sign);
static void optimise_narrow(int64_t *least, int64_t *most, const char *sign, int64_t value);
static int64_t optimise_wanted(const struct plan_limit *limit);
static bool optimise_count_of(const struct vec_expr *expr, int64_t none, int64_t *out);

void optimise_bounds(struct optimise *o)
{
    for (struct plan_node *node = o->root; node != NULL; node = optimise_input(node)) {
        if (node->kind != PLAN_FILTER || node->input->kind != PLAN_SCAN) {
            continue;
        }
        struct plan_node *scan = optimise_input(node);
        if (node->filter->kind != VEC_EXPR_AND) {
            optimise_bound(scan, node->filter);
            continue;
        }
        for (uint32_t i = 0; i < node->filter->args_count; i++) {
            optimise_bound(scan, node->filter->args[i]);
        }
    }
}

/* column <sign> constant, either way round, on a column that scans know. */
static void optimise_bound(struct plan_node *scan, const struct vec_expr *condition)
{
    if (condition->kind != VEC_EXPR_CALL || condition->args_count != 2) {
        return;
    }
    const char *sign = condition->u.function->name;
    const struct vec_expr *column = condition->args[0], *constant = condition->args[1];
    if (column->kind == VEC_EXPR_CONSTANT) {
        column = condition->args[1];
        constant = condition->args[0];
        sign = optimise_turned(sign);
    }
    bool is_known = column->kind == VEC_EXPR_COLUMN && constant->kind == VEC_EXPR_CONSTANT &&
                    !constant->u.value.is_null && strchr("<=>", sign[0]) != NULL &&
                    strcmp(sign, "<>") != 0;
    if (!is_known) {
        return;
    }
    const struct plan_relation *relation = scan->scan.relation;
    uint8_t role = relation->columns[scan->scan.columns[column->u.number]].role;
    uint8_t kind = constant->type.kind;
    if (role == PLAN_ROLE_TIMESTAMP && column->type.kind == VEC_TIMESTAMPTZ &&
        kind == VEC_TIMESTAMPTZ) {
        optimise_narrow(&scan->scan.timestamp_min, &scan->scan.timestamp_max, sign,
                        constant->u.value.u.int8);
        return;
    }
    if ((role != PLAN_ROLE_OFFSET && role != PLAN_ROLE_PARTITION) ||
        (kind != VEC_INTEGER && kind != VEC_BIGINT)) {
        return;
    }
    int64_t value = kind == VEC_INTEGER ? constant->u.value.u.int4 : constant->u.value.u.int8;
    if (role == PLAN_ROLE_OFFSET) {
        optimise_narrow(&scan->scan.offset_min, &scan->scan.offset_max, sign, value);
    } else if (strcmp(sign, "=") == 0 && value >= 0 && scan->scan.partition == -1) {
        scan->scan.partition = value;
    }
}

/* The sign with its sides changed. */
static const char *optimise_turned(const char *sign)
{
    static const char *const pairs[][2] = {{"<", ">"}, {">", "<"}, {"<=", ">="}, {">=", "<="}};
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        if (strcmp(pairs[i][0], sign) == 0) {
            return pairs[i][1];
        }
    }
    return sign;
}

/* [*least, *most] of that is <sign> value. Where nothing is left, most is below least. */
static void optimise_narrow(int64_t *least, int64_t *most, const char *sign, int64_t value)
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

void optimise_limits(struct optimise *o)
{
    for (struct plan_node *node = o->root; node != NULL; node = optimise_input(node)) {
        if (node->kind != PLAN_LIMIT || node->limit.count == NULL) {
            continue;
        }
        struct plan_node *below = optimise_input(node);
        if (below->kind == PLAN_SORT) {
            node->kind = PLAN_TOP;
            node->sort = below->sort;
            node->input = below->input;
            continue;
        }
        while (below->kind == PLAN_PROJECT) {
            below = optimise_input(below);
        }
        if (below->kind == PLAN_SCAN) {
            int64_t wanted = optimise_wanted(&node->limit);
            below->scan.rows_max = wanted < below->scan.rows_max ? wanted : below->scan.rows_max;
        }
    }
}

/* The rows that are looked at; INT64_MAX: nobody knows. */
static int64_t optimise_wanted(const struct plan_limit *limit)
{
    int64_t count, offset, wanted;
    if (!optimise_count_of(limit->count, INT64_MAX, &count) ||
        !optimise_count_of(limit->offset, 0, &offset) ||
        __builtin_add_overflow(count, offset, &wanted)) {
        return INT64_MAX;
    }
    return wanted;
}

static bool optimise_count_of(const struct vec_expr *expr, int64_t none, int64_t *out)
{
    *out = none;
    if (expr == NULL) {
        return true;
    }
    if (expr->kind != VEC_EXPR_CONSTANT) {
        return false;
    }
    *out = expr->u.value.is_null ? none : expr->u.value.u.int8;
    return *out >= 0;
}
