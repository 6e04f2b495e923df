/* Plans by chance: expressions are made for a type, and nodes for what stands below them. See
 * plans.h. */
#include "tests/unit/exec/plans.h"

#include <stdio.h>
#include <string.h>

#include "views/plan/build.h"
#include "views/plan/validate.h"
#include "views/vec/function.h"

/* Who makes a plan. */
struct plans {
    struct chance *chance;
    struct arena *a;
    const struct memory_relation *relation;
    const struct plan_node *input; /* whose columns expressions may name; NULL: none */
    bool has_no_distinct;          /* aggregates are not DISTINCT */
};

static const struct vec_expr *plans_expr(struct plans *p, struct vec_type type, uint32_t depth);

static void *plans_alloc(struct arena *a, size_t bytes)
{
    void *ptr = arena_alloc_zeroed(a, bytes, 16);
    ASSERT(ptr != NULL);
    return ptr;
}

static struct plan_output *plans_outputs(struct arena *a, uint32_t count)
{
    struct plan_output *outputs = plans_alloc(a, sizeof(*outputs) * count);
    for (uint32_t i = 0; i < count; i++) {
        outputs[i].name = "x";
    }
    return outputs;
}

struct plan_node *plans_scan(const struct memory_relation *relation, struct arena *a)
{
    uint32_t count = relation->plan.columns_count;
    struct plan_node *node = plans_alloc(a, sizeof(*node));
    struct plan_output *outputs = plans_outputs(a, count);
    uint32_t *columns = plans_alloc(a, sizeof(*columns) * count);
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = i;
        outputs[i].type = relation->columns[i].type;
    }
    *node = (struct plan_node){.kind = PLAN_SCAN, .outputs = outputs, .outputs_count = count};
    node->scan = (struct plan_scan){
        .relation = &relation->plan,
        .columns = columns,
        .offset_max = PLAN_OFFSET_MAX,
        .timestamp_min = INT64_MIN,
        .timestamp_max = INT64_MAX,
        .partition = -1,
        .rows_max = INT64_MAX,
    };
    return node;
}

struct plan_node *plans_over(enum plan_kind kind, const struct plan_node *input, struct arena *a)
{
    struct plan_node *node = plans_alloc(a, sizeof(*node));
    node->kind = kind;
    node->input = input;
    node->outputs = input->outputs;
    node->outputs_count = input->outputs_count;
    return node;
}

const struct vec_expr *plans_bigint(int64_t value, struct arena *a)
{
    const struct vec_value constant = {.u.int8 = value};
    return plan_constant(a, vec_type(VEC_BIGINT), &constant, NULL);
}

const struct vec_expr *plans_column(const struct plan_node *input, uint32_t number, struct arena *a)
{
    return plan_column(a, input->outputs[number].type, number, NULL);
}

struct plan_aggregation plans_aggregation(const char *name, const struct vec_expr *const *args,
                                          uint32_t args_count, struct arena *a)
{
    uint8_t kinds[VEC_AGGREGATE_ARGS_MAX] = {0};
    for (uint32_t i = 0; i < args_count; i++) {
        kinds[i] = args[i]->type.kind;
    }
    const struct vec_aggregate *function =
        vec_aggregate_find(name, strlen(name), kinds, args_count);
    ASSERT(function != NULL);
    const struct vec_expr **copy = plans_alloc(a, sizeof(*copy) * VEC_AGGREGATE_ARGS_MAX);
    for (uint32_t i = 0; i < args_count; i++) {
        copy[i] = args[i];
    }
    return (struct plan_aggregation){
        .function = function,
        .call = plan_expr(a, VEC_EXPR_CALL, vec_type(function->result), NULL, 0),
        .args = copy,
    };
}

/* A column of that kind, or a constant, null now and then. */
static const struct vec_expr *plans_leaf(struct plans *p, struct vec_type type)
{
    uint32_t first = p->input != NULL ? chance_below(p->chance, 8) : 0;
    for (uint32_t i = 0; p->input != NULL && i < p->input->outputs_count; i++) {
        uint32_t at = (first + i) % p->input->outputs_count;
        if (p->input->outputs[at].type.kind == type.kind && !chance_is(p->chance, 5)) {
            return plans_column(p->input, at, p->a);
        }
    }
    if (type.kind == VEC_BIGINT && chance_is(p->chance, 6)) {
        struct vec_expr *param = plan_expr(p->a, VEC_EXPR_PARAM, type, NULL, 0);
        param->u.number = chance_below(p->chance, PLANS_PARAMS_COUNT);
        return param;
    }
    struct vec_value value = memory_value(p->chance, (enum vec_kind)type.kind, p->a);
    value.is_null = chance_is(p->chance, 10);
    return plan_constant(p->a, type, &value, NULL);
}

/* A function of two of that kind, or NULL. */
static const struct vec_function *plans_function(const char *name, uint8_t kind)
{
    const uint8_t kinds[2] = {kind, kind};
    return vec_function_find(name, strlen(name), kinds, 2, VEC_NONE);
}

static const struct vec_expr *plans_call(struct plans *p, const struct vec_function *function,
                                         struct vec_type type, uint32_t depth)
{
    const struct vec_expr *args[2];
    args[0] = plans_expr(p, type, depth - 1);
    args[1] = plans_expr(p, type, depth - 1);
    return plan_call(p->a, function, args, 2, NULL);
}

static const struct vec_expr *plans_condition(struct plans *p, uint32_t depth)
{
    static const char *const signs[] = {"=", "<>", "<", "<=", ">", ">="};
    struct vec_type boolean = vec_type(VEC_BOOLEAN);
    struct vec_type type =
        vec_type((enum vec_kind)(1 + chance_below(p->chance, VEC_KIND_COUNT - 1)));
    if (p->input != NULL && p->input->outputs_count > 0) {
        type = p->input->outputs[chance_below(p->chance, p->input->outputs_count)].type;
    }
    const struct vec_expr *args[2];
    struct vec_expr *node;
    switch (chance_below(p->chance, 6)) {
    case 0:
        args[0] = plans_expr(p, type, depth - 1);
        node = plan_expr(p->a, VEC_EXPR_IS_NULL, boolean, args, 1);
        node->is_not = chance_is(p->chance, 2);
        return node;
    case 1:
        args[0] = plans_condition(p, depth - 1 > 0 ? depth - 1 : 1);
        args[1] = plans_leaf(p, boolean);
        return plan_expr(p->a, chance_is(p->chance, 2) ? VEC_EXPR_AND : VEC_EXPR_OR, boolean, args,
                         2);
    case 2:
        args[0] = plans_leaf(p, type);
        args[1] = plans_leaf(p, type);
        node = plan_expr(p->a, VEC_EXPR_DISTINCT, boolean, args, 2);
        node->is_not = chance_is(p->chance, 2);
        return node;
    default: break;
    }
    const struct vec_function *function =
        plans_function(signs[chance_below(p->chance, 6)], type.kind);
    return function == NULL ? plans_leaf(p, boolean) : plans_call(p, function, type, depth);
}

/* An expression of that type. */
static const struct vec_expr *plans_expr(struct plans *p, struct vec_type type, uint32_t depth)
{
    static const char *const signs[] = {"+", "-", "*"};
    if (depth == 0 || chance_is(p->chance, 2)) {
        return plans_leaf(p, type);
    }
    if (type.kind == VEC_BOOLEAN) {
        return plans_condition(p, depth);
    }
    if (chance_is(p->chance, 3)) {
        const struct vec_expr *args[3];
        args[0] = plans_condition(p, depth);
        args[1] = plans_leaf(p, type);
        args[2] = plans_leaf(p, type);
        return plan_expr(p->a, VEC_EXPR_CASE, type, args, 3);
    }
    const struct vec_function *function =
        plans_function(signs[chance_below(p->chance, 3)], type.kind);
    if (function == NULL || function->result != type.kind || chance_below(p->chance, 4) > 0) {
        return plans_leaf(p, type);
    }
    return plans_call(p, function, type, depth);
}

/* An expression of the type of some column. */
static const struct vec_expr *plans_any(struct plans *p, uint32_t depth)
{
    struct vec_type type = vec_type(VEC_BIGINT);
    if (p->input->outputs_count > 0) {
        type = p->input->outputs[chance_below(p->chance, p->input->outputs_count)].type;
    }
    return plans_expr(p, type, depth);
}

static const struct plan_node *plans_values(struct plans *p)
{
    uint32_t columns_count = chance_below(p->chance, 5);
    uint32_t rows_count = 1 + chance_size(p->chance, 400);
    struct plan_node *node = plans_alloc(p->a, sizeof(*node));
    struct plan_output *outputs = plans_outputs(p->a, columns_count);
    const struct vec_expr **exprs =
        plans_alloc(p->a, sizeof(*exprs) * (rows_count * columns_count + 1));
    for (uint32_t i = 0; i < columns_count; i++) {
        outputs[i].type =
            vec_type((enum vec_kind)(1 + chance_below(p->chance, VEC_KIND_COUNT - 1)));
    }
    for (uint32_t i = 0; i < rows_count * columns_count; i++) {
        exprs[i] = plans_leaf(p, outputs[i % columns_count].type);
    }
    *node =
        (struct plan_node){.kind = PLAN_VALUES, .outputs = outputs, .outputs_count = columns_count};
    node->values = (struct plan_values){.exprs = exprs, .rows_count = rows_count};
    return node;
}

static const struct plan_node *plans_source(struct plans *p)
{
    if (chance_is(p->chance, 8)) {
        return plans_values(p);
    }
    struct plan_node *node = plans_scan(p->relation, p->a);
    uint32_t *columns = plans_alloc(p->a, sizeof(*columns) * node->outputs_count);
    struct plan_output *outputs = plans_outputs(p->a, node->outputs_count);
    uint32_t count = 0;
    bool takes_all = chance_is(p->chance, 2);
    for (uint32_t i = 0; i < node->outputs_count; i++) {
        if (takes_all || !chance_is(p->chance, 4)) {
            columns[count] = i;
            outputs[count++] = node->outputs[i];
        }
    }
    node->scan.columns = columns;
    node->outputs = outputs;
    node->outputs_count = count;
    if (chance_is(p->chance, 10)) {
        node->scan.rows_max = chance_size(p->chance, 5000);
    }
    return node;
}

static void plans_project(struct plans *p, struct plan_node *node)
{
    node->outputs_count = chance_below(p->chance, 5);
    struct plan_output *outputs = plans_outputs(p->a, node->outputs_count);
    const struct vec_expr **exprs = plans_alloc(p->a, sizeof(*exprs) * (node->outputs_count + 1));
    for (uint32_t i = 0; i < node->outputs_count; i++) {
        exprs[i] = plans_any(p, 2);
        outputs[i].type = exprs[i]->type;
    }
    node->outputs = outputs;
    node->project = exprs;
}

/* An aggregation of any function there is. */
static struct plan_aggregation plans_any_aggregation(struct plans *p)
{
    size_t count = 0;
    while (vec_aggregate_at(count) != NULL) {
        count++;
    }
    const struct vec_aggregate *function =
        vec_aggregate_at(chance_below(p->chance, (uint32_t)count));
    for (uint32_t tries = 0; tries < 8; tries++) { /* rather one of a column there is */
        const struct vec_aggregate *other =
            vec_aggregate_at(chance_below(p->chance, (uint32_t)count));
        for (uint32_t i = 0; i < p->input->outputs_count; i++) {
            if (other->args_count > 0 && p->input->outputs[i].type.kind == other->args[0]) {
                function = other;
            }
        }
    }
    const struct vec_expr *args[VEC_AGGREGATE_ARGS_MAX] = {NULL};
    for (uint32_t i = 0; i < function->args_count; i++) {
        args[i] = plans_expr(p, vec_type((enum vec_kind)function->args[i]), 1);
    }
    struct plan_aggregation one =
        plans_aggregation(function->name, args, function->args_count, p->a);
    if (chance_is(p->chance, 4)) {
        one.filter = plans_expr(p, vec_type(VEC_BOOLEAN), 2);
    }
    one.is_distinct = function->args_count > 0 && chance_is(p->chance, 4) && !p->has_no_distinct;
    return one;
}

static void plans_aggregate(struct plans *p, struct plan_node *node)
{
    uint32_t keys_count = chance_below(p->chance, 4);
    uint32_t count = chance_below(p->chance, 4) + (keys_count == 0);
    struct plan_output *outputs = plans_outputs(p->a, keys_count + count);
    const struct vec_expr **keys = plans_alloc(p->a, sizeof(*keys) * (keys_count + 1));
    struct plan_aggregation *all = plans_alloc(p->a, sizeof(*all) * (count + 1));
    for (uint32_t i = 0; i < keys_count; i++) {
        keys[i] = plans_any(p, 1);
        outputs[i].type = keys[i]->type;
    }
    for (uint32_t i = 0; i < count; i++) {
        all[i] = plans_any_aggregation(p);
        outputs[keys_count + i].type = all[i].call->type;
    }
    node->aggregate = (struct plan_aggregate){
        .keys = keys, .keys_count = keys_count, .aggregations = all, .aggregations_count = count};
    node->outputs = outputs;
    node->outputs_count = keys_count + count;
}

static void plans_sort(struct plans *p, struct plan_node *node)
{
    uint32_t count = 1 + chance_below(p->chance, 3);
    const struct vec_expr **keys = plans_alloc(p->a, sizeof(*keys) * count);
    struct vec_order *orders = plans_alloc(p->a, sizeof(*orders) * count);
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = plans_any(p, 1);
        orders[i].is_descending = chance_is(p->chance, 2);
        orders[i].is_null_first = chance_is(p->chance, 2);
    }
    node->sort = (struct plan_sort){.keys = keys, .orders = orders, .keys_count = count};
}

static void plans_limit(struct plans *p, struct plan_node *node)
{
    node->limit.count = plans_bigint(chance_size(p->chance, 10000), p->a);
    if (chance_is(p->chance, 3)) {
        node->limit.offset = plans_bigint(chance_size(p->chance, 5000), p->a);
    }
    if (chance_is(p->chance, 6)) {
        struct vec_value value = {.is_null = true};
        node->limit.count = plan_constant(p->a, vec_type(VEC_BIGINT), &value, NULL);
    }
    if (chance_is(p->chance, 20)) {
        node->limit.count = plans_bigint(-1, p->a);
    }
}

/* A node of that kind over `input`. */
static const struct plan_node *plans_node(struct plans *p, enum plan_kind kind,
                                          const struct plan_node *input)
{
    struct plan_node *node = plans_over(kind, input, p->a);
    p->input = input;
    switch (kind) {
    case PLAN_FILTER: node->filter = plans_expr(p, vec_type(VEC_BOOLEAN), 3); break;
    case PLAN_PROJECT: plans_project(p, node); break;
    case PLAN_AGGREGATE: plans_aggregate(p, node); break;
    case PLAN_DISTINCT: node->distinct = node->outputs_count; break;
    case PLAN_SORT: plans_sort(p, node); break;
    case PLAN_TOP: plans_sort(p, node); FALLTHROUGH;
    case PLAN_LIMIT: plans_limit(p, node); break;
    case PLAN_SCAN:
    case PLAN_VALUES:
    case PLAN_KIND_COUNT:
    default: UNREACHABLE();
    }
    return node;
}

/* `count` nodes of any kinds above each other. */
static const struct plan_node *plans_above(struct plans *p, const struct plan_node *root,
                                           uint32_t count)
{
    for (; count > 0; count--) {
        enum plan_kind kind =
            (enum plan_kind)(PLAN_FILTER + chance_below(p->chance, PLAN_KIND_COUNT - PLAN_FILTER));
        root = plans_node(p, kind, root);
    }
    return root;
}

/* *plan = the plan that ends with `root`. */
static void plans_end(struct plans *p, const struct plan_node *root, struct plan *plan,
                      const struct vec_value **params)
{
    struct vec_type *types = plans_alloc(p->a, sizeof(*types) * PLANS_PARAMS_COUNT);
    struct vec_value *values = plans_alloc(p->a, sizeof(*values) * PLANS_PARAMS_COUNT);
    for (uint32_t i = 0; i < PLANS_PARAMS_COUNT; i++) {
        types[i] = vec_type(VEC_BIGINT);
        values[i] = (struct vec_value){.is_null = i == 0, .u.int8 = i};
    }
    *plan = (struct plan){.root = root, .params = types, .params_count = PLANS_PARAMS_COUNT};
    *params = values;
    struct plan_fault fault;
    enum err err = plan_validate(plan, &fault);
    if (err != ERR_OK) {
        fprintf(stderr, "%s\n", fault.text);
    }
    ASSERT(err == ERR_OK);
}

void plans_random(struct chance *chance, const struct memory_relation *relation, struct arena *a,
                  struct plan *plan, const struct vec_value **params)
{
    struct plans p = {.chance = chance, .a = a, .relation = relation};
    const struct plan_node *root = plans_source(&p);
    root = plans_above(&p, root, 1 + chance_below(chance, 4));
    plans_end(&p, root, plan, params);
}

void plans_folded(struct chance *chance, const struct memory_relation *relation, struct arena *a,
                  struct plan *plan, const struct vec_value **params)
{
    struct plans p = {.chance = chance, .a = a, .relation = relation, .has_no_distinct = true};
    const struct plan_node *root = plans_scan(relation, a);
    for (uint32_t left = chance_below(chance, 3); left > 0; left--) {
        root = plans_node(&p, chance_is(chance, 2) ? PLAN_PROJECT : PLAN_FILTER, root);
    }
    root = plans_node(&p, PLAN_AGGREGATE, root);
    p.has_no_distinct = false;
    root = plans_above(&p, root, chance_below(chance, 3));
    plans_end(&p, root, plan, params);
}
