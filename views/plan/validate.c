/* See validate.h. A plan is a chain of nodes, from the root down: each is looked at with its
 * input's outputs, which are what its COLUMNs are numbers of. */
#include "views/plan/validate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "views/plan/build.h"
#include "views/vec/function.h"
#include "views/vec/jsonb.h"

/* What one plan is looked at with. */
struct plan_check {
    const struct plan *plan;
    const struct plan_node *node;      /* at hand */
    const struct plan_output *columns; /* what a COLUMN is a number of */
    uint32_t columns_count;            /* of them; 0: none may stand there */
    const char *part;                  /* of the node: "key"; "": the node itself */
    uint32_t part_index;               /* which one */
    struct plan_fault *fault;          /* where it goes */
};

static bool plan_fail(struct plan_check *check, const char *format, ...) PRINTF(2, 3);
static bool plan_check_node(struct plan_check *check);
static bool plan_check_outputs(struct plan_check *check);
static bool plan_check_scan(struct plan_check *check);
static bool plan_check_path(struct plan_check *check, uint32_t i);
static bool plan_check_values(struct plan_check *check);
static bool plan_check_same(struct plan_check *check);
static bool plan_check_project(struct plan_check *check);
static bool plan_check_aggregate(struct plan_check *check);
static bool plan_check_aggregation(struct plan_check *check, uint32_t i);
static bool plan_check_sort(struct plan_check *check);
static bool plan_check_limit(struct plan_check *check);
static bool plan_check_count(struct plan_check *check, const char *part,
                             const struct vec_expr *expr);
static bool plan_check_part(struct plan_check *check, const char *part, uint32_t index,
                            const struct vec_expr *expr);
static bool plan_check_boolean(struct plan_check *check, const char *part, uint32_t index,
                               const struct vec_expr *expr);
static bool plan_check_type(struct plan_check *check, struct vec_type type);
static bool plan_check_expr(struct plan_check *check, const struct vec_expr *expr);
static bool plan_check_leaf(struct plan_check *check, const struct vec_expr *expr);
static bool plan_check_constant(struct plan_check *check, const struct vec_expr *expr);
static bool plan_check_call(struct plan_check *check, const struct vec_expr *expr);
static bool plan_check_declare(struct plan_check *check, const struct vec_expr *expr);
static bool plan_check_form(struct plan_check *check, const struct vec_expr *expr);
static bool plan_check_results(struct plan_check *check, const struct vec_expr *expr);
static bool plan_check_args(struct plan_check *check, const struct vec_expr *expr,
                            enum vec_kind kind);
static bool plan_is_type_of(struct vec_type shown, struct vec_type given);

enum err plan_validate(const struct plan *plan, struct plan_fault *fault)
{
    struct plan_check check = {.plan = plan, .part = "", .fault = fault};
    uint32_t count = 0;
    fault->text[0] = '\0';
    for (uint32_t i = 0; i < plan->params_count; i++) {
        if (!plan_check_type(&check, plan->params[i])) {
            return ERR_INVALID;
        }
    }
    if (plan->root == NULL) {
        plan_fail(&check, "no nodes");
        return ERR_INVALID;
    }
    for (const struct plan_node *node = plan->root; node != NULL; node = node->input) {
        check.node = node;
        check.part = "";
        if (++count > PLAN_DEPTH_MAX) {
            plan_fail(&check, "more than %u nodes above each other", PLAN_DEPTH_MAX);
            return ERR_INVALID;
        }
        if (!plan_check_node(&check)) {
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

/* Say what is wrong, and where. Returns false. */
static bool plan_fail(struct plan_check *check, const char *format, ...)
{
    char what[96];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    const char *kind = check->node != NULL ? plan_kind_name(check->node->kind) : "plan";
    if (check->part[0] == '\0') {
        snprintf(check->fault->text, sizeof(check->fault->text), "%s: %s", kind, what);
    } else {
        snprintf(check->fault->text, sizeof(check->fault->text), "%s: %s %u: %s", kind, check->part,
                 check->part_index, what);
    }
    return false;
}

/* tidy: dispatcher */
static bool plan_check_node(struct plan_check *check)
{
    const struct plan_node *node = check->node;
    if ((unsigned)node->kind >= PLAN_KIND_COUNT) {
        return plan_fail(check, "no kind of a node");
    }
    bool is_source = node->kind == PLAN_SCAN || node->kind == PLAN_VALUES;
    if (is_source != (node->input == NULL)) {
        return plan_fail(check, is_source ? "an input" : "no input");
    }
    check->columns = node->input != NULL ? node->input->outputs : NULL;
    check->columns_count = node->input != NULL ? node->input->outputs_count : 0;
    if (!plan_check_outputs(check)) {
        return false;
    }
    switch (node->kind) {
    case PLAN_SCAN: return plan_check_scan(check);
    case PLAN_VALUES: return plan_check_values(check);
    case PLAN_FILTER:
        return plan_check_same(check) && plan_check_boolean(check, "condition", 0, node->filter);
    case PLAN_PROJECT: return plan_check_project(check);
    case PLAN_AGGREGATE: return plan_check_aggregate(check);
    case PLAN_DISTINCT:
        if (node->distinct != node->outputs_count) {
            return plan_fail(check, "%u of %u columns", node->distinct, node->outputs_count);
        }
        return plan_check_same(check);
    case PLAN_SORT: return plan_check_same(check) && plan_check_sort(check);
    case PLAN_TOP:
        if (node->limit.count == NULL) {
            return plan_fail(check, "no count");
        }
        return plan_check_same(check) && plan_check_sort(check) && plan_check_limit(check);
    case PLAN_LIMIT: return plan_check_same(check) && plan_check_limit(check);
    case PLAN_KIND_COUNT: break;
    }
    return false;
}

static bool plan_check_outputs(struct plan_check *check)
{
    check->part = "output";
    for (uint32_t i = 0; i < check->node->outputs_count; i++) {
        check->part_index = i;
        if (check->node->outputs[i].name == NULL) {
            return plan_fail(check, "no name");
        }
        if (!plan_check_type(check, check->node->outputs[i].type)) {
            return false;
        }
    }
    check->part = "";
    return true;
}

static bool plan_check_scan(struct plan_check *check)
{
    const struct plan_node *node = check->node;
    const struct plan_relation *relation = node->scan.relation;
    if (relation == NULL) {
        return plan_fail(check, "no relation");
    }
    if (node->scan.paths_count > PLAN_PATHS_MAX || node->scan.paths_count > node->outputs_count) {
        return plan_fail(check, "%u paths", node->scan.paths_count);
    }
    check->part = "column";
    for (uint32_t i = 0; i < node->outputs_count - node->scan.paths_count; i++) {
        uint32_t column = node->scan.columns[i];
        check->part_index = i;
        if (column >= relation->columns_count) {
            return plan_fail(check, "column %u of %u", column, relation->columns_count);
        }
        if (i > 0 && column <= node->scan.columns[i - 1]) {
            return plan_fail(check, "column %u behind column %u", column,
                             node->scan.columns[i - 1]);
        }
        if (!vec_type_equal(node->outputs[i].type, relation->columns[column].type)) {
            return plan_fail(check, "another type than the relation's");
        }
    }
    for (uint32_t i = 0; i < node->scan.paths_count; i++) {
        if (!plan_check_path(check, i)) {
            return false;
        }
    }
    check->part = "";
    if (node->scan.offset_min < 0 || node->scan.partition < -1 || node->scan.rows_max < 0) {
        return plan_fail(check, "a bound below 0");
    }
    return true;
}

static bool plan_check_path(struct plan_check *check, uint32_t i)
{
    const struct plan_node *node = check->node;
    const struct plan_relation *relation = node->scan.relation;
    const struct plan_path *path = &node->scan.paths[i];
    size_t bytes = 0;
    check->part = "path";
    check->part_index = i;
    if (path->column >= relation->columns_count || path->names_count == 0 ||
        path->names_count > PLAN_PATH_NAMES_MAX ||
        relation->columns[path->column].role != PLAN_ROLE_DOCUMENT) {
        return plan_fail(check, "%u names below column %u", path->names_count, path->column);
    }
    for (uint32_t k = 0; k < path->names_count; k++) {
        bytes += path->names[k].length;
    }
    if (bytes > PLAN_PATH_BYTES_MAX) {
        return plan_fail(check, "a path of more than %u bytes", PLAN_PATH_BYTES_MAX);
    }
    const struct vec_type *type =
        &node->outputs[node->outputs_count - node->scan.paths_count + i].type;
    return type->kind == VEC_JSONB || plan_fail(check, "another type than JSONB");
}

static bool plan_check_values(struct plan_check *check)
{
    const struct plan_node *node = check->node;
    for (uint32_t row = 0; row < node->values.rows_count; row++) {
        for (uint32_t i = 0; i < node->outputs_count; i++) {
            const struct vec_expr *expr = node->values.exprs[row * node->outputs_count + i];
            if (!plan_check_part(check, "row", row, expr)) {
                return false;
            }
            if (!vec_type_equal(expr->type, node->outputs[i].type)) {
                return plan_fail(check, "column %u has another type", i);
            }
        }
    }
    return true;
}

/* Nodes that hand on what they are given. */
static bool plan_check_same(struct plan_check *check)
{
    const struct plan_node *node = check->node;
    if (node->outputs_count != node->input->outputs_count) {
        return plan_fail(check, "%u outputs of %u", node->outputs_count,
                         node->input->outputs_count);
    }
    check->part = "output";
    for (uint32_t i = 0; i < node->outputs_count; i++) {
        check->part_index = i;
        if (!vec_type_equal(node->outputs[i].type, node->input->outputs[i].type)) {
            return plan_fail(check, "another type than the input's");
        }
    }
    check->part = "";
    return true;
}

static bool plan_check_project(struct plan_check *check)
{
    const struct plan_node *node = check->node;
    for (uint32_t i = 0; i < node->outputs_count; i++) {
        if (!plan_check_part(check, "column", i, node->project[i])) {
            return false;
        }
        if (!vec_type_equal(node->project[i]->type, node->outputs[i].type)) {
            return plan_fail(check, "another type than the output's");
        }
    }
    return true;
}

static bool plan_check_aggregate(struct plan_check *check)
{
    const struct plan_node *node = check->node;
    const struct plan_aggregate *aggregate = &node->aggregate;
    if (aggregate->keys_count > node->outputs_count ||
        aggregate->aggregations_count != node->outputs_count - aggregate->keys_count) {
        return plan_fail(check, "%u keys and %u aggregates for %u outputs", aggregate->keys_count,
                         aggregate->aggregations_count, node->outputs_count);
    }
    for (uint32_t i = 0; i < aggregate->keys_count; i++) {
        if (!plan_check_part(check, "key", i, aggregate->keys[i])) {
            return false;
        }
        if (!vec_type_equal(aggregate->keys[i]->type, node->outputs[i].type)) {
            return plan_fail(check, "another type than the output's");
        }
    }
    for (uint32_t i = 0; i < aggregate->aggregations_count; i++) {
        if (!plan_check_aggregation(check, i)) {
            return false;
        }
    }
    return true;
}

static bool plan_check_aggregation(struct plan_check *check, uint32_t i)
{
    const struct plan_node *node = check->node;
    const struct plan_aggregation *aggregation = &node->aggregate.aggregations[i];
    const struct vec_aggregate *function = aggregation->function;
    const struct vec_expr *call = aggregation->call;
    check->part = "aggregate";
    check->part_index = i;
    if (function == NULL || call == NULL || call->kind != VEC_EXPR_CALL ||
        call->u.function != NULL || call->args_count != 0) {
        return plan_fail(check, "no aggregate");
    }
    if (!vec_type_equal(call->type, vec_type((enum vec_kind)function->result)) ||
        !vec_type_equal(call->type, node->outputs[node->aggregate.keys_count + i].type)) {
        return plan_fail(check, "%s: another type than its answer's", function->name);
    }
    if (aggregation->is_distinct && function->args_count == 0) {
        return plan_fail(check, "%s: DISTINCT of nothing", function->name);
    }
    for (uint32_t arg = 0; arg < function->args_count; arg++) {
        if (!plan_check_part(check, "aggregate", i, aggregation->args[arg])) {
            return false;
        }
        if (aggregation->args[arg]->type.kind != function->args[arg]) {
            return plan_fail(check, "%s: argument %u has another type", function->name, arg);
        }
    }
    return aggregation->filter == NULL ||
           plan_check_boolean(check, "filter of aggregate", i, aggregation->filter);
}

static bool plan_check_sort(struct plan_check *check)
{
    const struct plan_sort *sort = &check->node->sort;
    if (sort->keys_count == 0) {
        return plan_fail(check, "no keys");
    }
    for (uint32_t i = 0; i < sort->keys_count; i++) {
        if (!plan_check_part(check, "key", i, sort->keys[i])) {
            return false;
        }
    }
    return true;
}

static bool plan_check_limit(struct plan_check *check)
{
    const struct plan_limit *limit = &check->node->limit;
    check->columns = NULL;
    check->columns_count = 0;
    return plan_check_count(check, "count", limit->count) &&
           plan_check_count(check, "offset", limit->offset);
}

static bool plan_check_count(struct plan_check *check, const char *part,
                             const struct vec_expr *expr)
{
    if (expr == NULL) {
        return true;
    }
    if (!plan_check_part(check, part, 0, expr)) {
        return false;
    }
    return expr->type.kind == VEC_BIGINT || plan_fail(check, "not a bigint");
}

/* An expression of the node, the `index`-th of its kind. */
static bool plan_check_part(struct plan_check *check, const char *part, uint32_t index,
                            const struct vec_expr *expr)
{
    check->part = part;
    check->part_index = index;
    if (expr == NULL) {
        return plan_fail(check, "no expression");
    }
    return plan_check_expr(check, expr);
}

static bool plan_check_boolean(struct plan_check *check, const char *part, uint32_t index,
                               const struct vec_expr *expr)
{
    return plan_check_part(check, part, index, expr) &&
           (expr->type.kind == VEC_BOOLEAN || plan_fail(check, "not a boolean"));
}

static bool plan_check_type(struct plan_check *check, struct vec_type type)
{
    if (type.kind == VEC_NONE || type.kind >= VEC_KIND_COUNT) {
        return plan_fail(check, "no type");
    }
    bool has_modifiers = type.precision != 0 || type.scale != 0;
    if (has_modifiers &&
        (type.kind != VEC_NUMERIC || type.precision == 0 ||
         type.precision > VEC_NUMERIC_DECLARED_MAX || type.scale > type.precision)) {
        return plan_fail(check, "%s(%u,%u)", vec_kind_sql((enum vec_kind)type.kind), type.precision,
                         type.scale);
    }
    return true;
}

static bool plan_check_expr(struct plan_check *check, const struct vec_expr *expr)
{
    uint32_t height = 1;
    if (expr->kind >= VEC_EXPR_KIND_COUNT) {
        return plan_fail(check, "no kind of an expression");
    }
    if (expr->height > PLAN_HEIGHT_MAX) {
        return plan_fail(check, "higher than %u", PLAN_HEIGHT_MAX);
    }
    if (!plan_check_type(check, expr->type)) {
        return false;
    }
    for (uint32_t i = 0; i < expr->args_count; i++) {
        if (expr->args[i]->height >= expr->height) {
            return plan_fail(check, "%s: wrong height",
                             plan_expr_kind_name((enum vec_expr_kind)expr->kind));
        }
        height = expr->args[i]->height >= height ? expr->args[i]->height + 1 : height;
        if (!plan_check_expr(check, expr->args[i])) {
            return false;
        }
    }
    if (expr->height != height) {
        return plan_fail(check, "%s: wrong height",
                         plan_expr_kind_name((enum vec_expr_kind)expr->kind));
    }
    return expr->args_count == 0 && expr->kind != VEC_EXPR_CALL ? plan_check_leaf(check, expr)
           : expr->kind == VEC_EXPR_CALL                        ? plan_check_call(check, expr)
                                                                : plan_check_form(check, expr);
}

static bool plan_check_leaf(struct plan_check *check, const struct vec_expr *expr)
{
    uint32_t number = expr->u.number;
    if (expr->kind == VEC_EXPR_CONSTANT) {
        return plan_check_constant(check, expr);
    }
    if (expr->kind == VEC_EXPR_COLUMN) {
        if (number >= check->columns_count) {
            return plan_fail(check, "column %u of %u", number, check->columns_count);
        }
        return plan_is_type_of(expr->type, check->columns[number].type) ||
               plan_fail(check, "column %u has another type", number);
    }
    if (expr->kind == VEC_EXPR_PARAM) {
        if (number >= check->plan->params_count) {
            return plan_fail(check, "parameter %u of %u", number, check->plan->params_count);
        }
        return plan_is_type_of(expr->type, check->plan->params[number]) ||
               plan_fail(check, "parameter %u has another type", number);
    }
    return plan_fail(check, "%s: no arguments",
                     plan_expr_kind_name((enum vec_expr_kind)expr->kind));
}

static bool plan_check_constant(struct plan_check *check, const struct vec_expr *expr)
{
    const struct vec_value *value = &expr->u.value;
    bool is_bad = false;
    if (value->is_null) {
        return true;
    }
    if (expr->type.kind == VEC_BOOLEAN) {
        is_bad = value->u.boolean > 1;
    } else if (expr->type.kind == VEC_JSONB) {
        is_bad = !vec_jsonb_is_valid(value->u.bytes.data, value->u.bytes.length);
    } else if (expr->type.kind == VEC_NUMERIC && expr->type.precision != 0) {
        struct vec_numeric fit;
        is_bad = value->u.numeric.scale != expr->type.scale ||
                 vec_numeric_declare(&value->u.numeric, expr->type.precision, expr->type.scale,
                                     &fit) != VEC_FAULT_NONE;
    }
    return !is_bad || plan_fail(check, "a constant that is none of its type");
}

static bool plan_check_call(struct plan_check *check, const struct vec_expr *expr)
{
    const struct vec_function *function = expr->u.function;
    if (function == NULL) {
        return plan_fail(check, "an aggregate inside an expression");
    }
    uint32_t fixed_count = function->args_count;
    if (function->is_variadic ? expr->args_count < fixed_count : expr->args_count != fixed_count) {
        return plan_fail(check, "%s: %u arguments", function->name, expr->args_count);
    }
    for (uint32_t i = 0; i < expr->args_count; i++) {
        if (expr->args[i]->type.kind != function->args[i < fixed_count ? i : fixed_count - 1]) {
            return plan_fail(check, "%s: argument %u has another type", function->name, i);
        }
    }
    if (expr->type.kind != function->result) {
        return plan_fail(check, "%s: another type than its answer's", function->name);
    }
    return expr->type.precision == 0 || plan_check_declare(check, expr);
}

/* A declared NUMERIC comes from numeric_declare alone, with constants. */
static bool plan_check_declare(struct plan_check *check, const struct vec_expr *expr)
{
    bool is_good = strcmp(expr->u.function->name, PLAN_NUMERIC_DECLARE) == 0 &&
                   expr->args_count == 3 && expr->args[1]->kind == VEC_EXPR_CONSTANT &&
                   expr->args[2]->kind == VEC_EXPR_CONSTANT && !expr->args[1]->u.value.is_null &&
                   !expr->args[2]->u.value.is_null &&
                   expr->args[1]->u.value.u.int4 == expr->type.precision &&
                   expr->args[2]->u.value.u.int4 == expr->type.scale;
    return is_good || plan_fail(check, "%s: modifiers of a type", expr->u.function->name);
}

/* tidy: dispatcher */
static bool plan_check_form(struct plan_check *check, const struct vec_expr *expr)
{
    enum vec_expr_kind kind = (enum vec_expr_kind)expr->kind;
    const struct vec_expr *const *args = (const struct vec_expr *const *)expr->args;
    uint32_t count = expr->args_count;
    uint32_t least = 1, most = 1;
    switch (kind) {
    case VEC_EXPR_CONSTANT:
    case VEC_EXPR_COLUMN:
    case VEC_EXPR_PARAM:
    case VEC_EXPR_CALL:
    case VEC_EXPR_KIND_COUNT: least = most = 0; break;
    case VEC_EXPR_NOT:
    case VEC_EXPR_IS_NULL:
    case VEC_EXPR_IS_TRUE:
    case VEC_EXPR_IS_FALSE: break;
    case VEC_EXPR_DISTINCT:
    case VEC_EXPR_NULLIF: least = most = 2; break;
    case VEC_EXPR_AND:
    case VEC_EXPR_OR:
    case VEC_EXPR_IN:
        least = 2;
        most = UINT32_MAX;
        break;
    case VEC_EXPR_CASE:
        least = 3;
        most = count % 2 == 1 ? UINT32_MAX : 0;
        break;
    case VEC_EXPR_COALESCE:
    case VEC_EXPR_GREATEST:
    case VEC_EXPR_LEAST: most = UINT32_MAX; break;
    }
    if (count < least || count > most) {
        return plan_fail(check, "%s: %u arguments", plan_expr_kind_name(kind), count);
    }
    switch (kind) {
    case VEC_EXPR_AND:
    case VEC_EXPR_OR:
    case VEC_EXPR_NOT:
    case VEC_EXPR_IS_TRUE:
    case VEC_EXPR_IS_FALSE:
        return plan_check_args(check, expr, VEC_BOOLEAN) && plan_check_results(check, expr);
    case VEC_EXPR_DISTINCT:
    case VEC_EXPR_IN:
        return plan_check_args(check, expr, (enum vec_kind)args[0]->type.kind) &&
               plan_check_results(check, expr);
    case VEC_EXPR_NULLIF:
    case VEC_EXPR_COALESCE:
    case VEC_EXPR_GREATEST:
    case VEC_EXPR_LEAST:
        return plan_check_args(check, expr, (enum vec_kind)expr->type.kind) &&
               plan_check_results(check, expr);
    case VEC_EXPR_CONSTANT:
    case VEC_EXPR_COLUMN:
    case VEC_EXPR_PARAM:
    case VEC_EXPR_CALL:
    case VEC_EXPR_IS_NULL:
    case VEC_EXPR_CASE:
    case VEC_EXPR_KIND_COUNT: break;
    }
    return plan_check_results(check, expr);
}

/* The type of a form's value. */
static bool plan_check_results(struct plan_check *check, const struct vec_expr *expr)
{
    enum vec_expr_kind kind = (enum vec_expr_kind)expr->kind;
    const char *name = plan_expr_kind_name(kind);
    bool is_chosen = kind == VEC_EXPR_CASE || kind == VEC_EXPR_COALESCE ||
                     kind == VEC_EXPR_GREATEST || kind == VEC_EXPR_LEAST || kind == VEC_EXPR_NULLIF;
    if (!is_chosen) {
        return expr->type.kind == VEC_BOOLEAN || plan_fail(check, "%s: not a boolean", name);
    }
    uint32_t count = kind == VEC_EXPR_NULLIF ? 1 : expr->args_count;
    for (uint32_t i = 0; i < count; i++) {
        bool is_condition = kind == VEC_EXPR_CASE && i % 2 == 0 && i + 1 < count;
        bool is_good = is_condition ? expr->args[i]->type.kind == VEC_BOOLEAN
                                    : plan_is_type_of(expr->type, expr->args[i]->type);
        if (!is_good) {
            return plan_fail(check, "%s: argument %u has another type", name, i);
        }
    }
    return true;
}

static bool plan_check_args(struct plan_check *check, const struct vec_expr *expr,
                            enum vec_kind kind)
{
    for (uint32_t i = 0; i < expr->args_count; i++) {
        if (expr->args[i]->type.kind != kind) {
            return plan_fail(check, "%s: argument %u has another type",
                             plan_expr_kind_name((enum vec_expr_kind)expr->kind), i);
        }
    }
    return true;
}

/* Whether what is `given` may be shown as that type: the same, or without its modifiers. */
static bool plan_is_type_of(struct vec_type shown, struct vec_type given)
{
    return vec_type_equal(shown, given) || (shown.kind == given.kind && shown.precision == 0);
}
