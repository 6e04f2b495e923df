/* A bound SELECT taken apart into columns, filter and projections. See subscribe_plan.h.
 *
 * What binding and rewriting leave of a SELECT over one relation is a row of filters and
 * projections above a scan, or, where WHERE can never be true, no rows at all. From the scan up
 * each becomes one over the scan's columns. */
#include <string.h>

#include "base/assert.h"
#include "broker/core/subscribe_plan_int.h"
#include "broker/core/view.h"
#include "views/plan/build.h"
#include "views/plan/value.h"
#include "views/sql/fold.h"
#include "views/sql/optimise.h"
#include "views/vec/fault.h"
#include "views/vec/function.h"

/* Room for an identity, at first and at last. */
#define CORE_SUBSCRIBE_IDENTITY_BYTES_MIN 512u
#define CORE_SUBSCRIBE_IDENTITY_BYTES_MAX (4u << 20)

/* The system's columns behind a stream's own, when it is asked by name: _key, _partition, _offset,
 * _timestamp, by their places (stream.h). */
static const uint32_t core_subscribe_system[] = {0, 3, 2, 4};

/* A plan being taken apart. */
struct core_subscribe_shaping {
    struct core_subscribe_plan *plan;
    struct arena *arena;
    const struct vec_value *params;      /* of the types that the statement wants */
    const struct vec_expr *const *above; /* what the columns of a node are; NULL: the scan's */
    const struct vec_expr **conditions;  /* that rows have to meet, in order */
    uint32_t conditions_count;
    uint32_t conditions_room;
};

static bool core_subscribe_take_all(struct core_subscribe_plan *plan);
static bool core_subscribe_take_params(struct core_subscribe_shaping *s, const struct plan *bound);
static bool core_subscribe_take_param(struct core_subscribe_plan *plan, const struct plan *bound,
                                      uint32_t i, struct vec_value *out);
static bool core_subscribe_take_node(struct core_subscribe_shaping *s,
                                     const struct plan_node *node);
static bool core_subscribe_take_nothing(struct core_subscribe_shaping *s,
                                        const struct plan_node *node);
static bool core_subscribe_take_project(struct core_subscribe_shaping *s,
                                        const struct plan_node *node);
static bool core_subscribe_take_filter(struct core_subscribe_shaping *s,
                                       const struct vec_expr *filter);
static bool core_subscribe_add(struct core_subscribe_shaping *s, const struct vec_expr *condition);
static const struct vec_expr *core_subscribe_settle(struct core_subscribe_shaping *s,
                                                    const struct vec_expr *expr);
static const struct vec_expr *core_subscribe_leaf(void *ctx, const struct vec_expr *column);
static const struct vec_expr *core_subscribe_no_params(struct core_subscribe_shaping *s,
                                                       const struct vec_expr *expr);
static bool core_subscribe_take_result(struct core_subscribe_shaping *s,
                                       const struct plan_node *root);
static const struct vec_expr *core_subscribe_and(struct core_subscribe_shaping *s,
                                                 uint32_t without);
static bool core_subscribe_take_equalities(struct core_subscribe_shaping *s);
static bool core_subscribe_equality(const struct vec_expr *condition,
                                    struct core_subscribe_equality *out);
static bool core_subscribe_convert(struct vec_type to, struct vec_type from,
                                   struct vec_value *value);
static bool core_subscribe_is_known(const struct core_subscribe_plan *plan, uint32_t column);
static bool core_subscribe_take_keys(struct core_subscribe_plan *plan);
static bool core_subscribe_take_identity(struct core_subscribe_plan *plan);
static bool core_subscribe_write(struct core_subscribe_plan *plan, bool is_shape,
                                 struct vec_bytes *out);
static void core_subscribe_put(struct bytes_writer *w, const struct core_subscribe_plan *plan,
                               bool is_shape);
static void core_subscribe_put_source(struct bytes_writer *w,
                                      const struct core_subscribe_plan *plan);
static void core_subscribe_put_expr(struct bytes_writer *w, const struct vec_expr *expr);
static void core_subscribe_put_value(struct bytes_writer *w, struct vec_type type,
                                     const struct vec_value *value);
static void core_subscribe_put_function(struct bytes_writer *w,
                                        const struct vec_function *function);
static void core_subscribe_put_type(struct bytes_writer *w, struct vec_type type);
static void core_subscribe_put_text(struct bytes_writer *w, const char *data, size_t length);

bool core_subscribe_plan_take(struct core_subscribe_plan *plan, const struct plan *bound)
{
    struct core_subscribe_shaping s = {.plan = plan, .arena = plan->arena};
    if (bound == NULL) {
        return core_subscribe_take_all(plan);
    }
    return core_subscribe_take_params(&s, bound) && core_subscribe_take_node(&s, bound->root) &&
           core_subscribe_take_result(&s, bound->root) && core_subscribe_take_equalities(&s) &&
           core_subscribe_take_keys(plan) && core_subscribe_take_identity(plan);
}

/* --- By name --- */

static bool core_subscribe_take_all(struct core_subscribe_plan *plan)
{
    const struct plan_relation *relation = plan->relation;
    bool is_view = relation->kind == PLAN_RELATION_VIEW;
    uint32_t own =
        is_view ? relation->columns_count : relation->columns_count - CORE_STREAM_SYSTEM_COUNT;
    uint32_t count = is_view ? own : own + (uint32_t)ARRAY_COUNT(core_subscribe_system);
    uint32_t *columns = arena_alloc(plan->arena, count * sizeof(*columns), _Alignof(uint32_t));
    const struct vec_expr **projections =
        arena_alloc(plan->arena, count * sizeof(*projections), _Alignof(struct vec_expr *));
    struct plan_output *outputs =
        arena_alloc(plan->arena, count * sizeof(*outputs), _Alignof(struct plan_output));
    if (columns == NULL || projections == NULL || outputs == NULL) {
        return core_subscribe_plan_fail_memory(plan);
    }
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = i < own ? i : own + core_subscribe_system[i - own];
        const struct plan_column *column = &relation->columns[columns[i]];
        projections[i] = plan_column(plan->arena, column->type, i, NULL);
        outputs[i] = (struct plan_output){.name = column->name, .type = column->type};
        if (projections[i] == NULL) {
            return core_subscribe_plan_fail_memory(plan);
        }
    }
    plan->columns = columns;
    plan->columns_count = count;
    plan->projections = projections;
    plan->outputs = outputs;
    plan->outputs_count = count;
    return core_subscribe_take_keys(plan) && core_subscribe_take_identity(plan);
}

/* --- Parameters --- */

static bool core_subscribe_take_params(struct core_subscribe_shaping *s, const struct plan *bound)
{
    struct vec_value *params =
        arena_alloc(s->arena, bound->params_count * sizeof(*params), _Alignof(struct vec_value));
    if (params == NULL) {
        return core_subscribe_plan_fail_memory(s->plan);
    }
    ASSERT(bound->params_count <= s->plan->params_count);
    for (uint32_t i = 0; i < bound->params_count; i++) {
        if (!core_subscribe_take_param(s->plan, bound, i, &params[i])) {
            return false;
        }
    }
    s->params = params;
    return true;
}

/* Parameter number i, from 0, as the type that its place wants. */
static bool core_subscribe_take_param(struct core_subscribe_plan *plan, const struct plan *bound,
                                      uint32_t i, struct vec_value *out)
{
    char message[SQL_ERROR_TEXT_BYTES];
    enum vec_fault fault = plan_value_of_param((enum vec_kind)bound->params[i].kind,
                                               &plan->params[i], (enum vec_kind)plan->types[i].kind,
                                               plan->arena, out, message, sizeof(message));
    return fault == VEC_FAULT_NONE ||
           core_subscribe_plan_fail(plan, CORE_INVALID_REQUEST, vec_fault_state(fault), SQL_AT_NONE,
                                    "$%u: %s", i + 1, message);
}

/* --- Nodes --- */

static bool core_subscribe_take_node(struct core_subscribe_shaping *s, const struct plan_node *node)
{
    struct core_subscribe_plan *plan = s->plan;
    if (node->input != NULL && !core_subscribe_take_node(s, node->input)) {
        return false;
    }
    switch (node->kind) {
    case PLAN_SCAN:
        ASSERT(node->scan.relation == plan->relation);
        plan->columns = node->scan.columns;
        plan->columns_count = node->outputs_count - node->scan.paths_count;
        plan->paths = node->scan.paths;
        plan->paths_count = node->scan.paths_count;
        return true;
    case PLAN_VALUES: return core_subscribe_take_nothing(s, node);
    case PLAN_FILTER: return core_subscribe_take_filter(s, node->filter);
    case PLAN_PROJECT: return core_subscribe_take_project(s, node);
    case PLAN_AGGREGATE:
        core_subscribe_plan_fail(plan, CORE_INVALID_REQUEST, "0A000", plan->stmt->at,
                                 "an aggregate in a subscription is not supported");
        sql_error_hint(&plan->error,
                       "CREATE MATERIALIZED VIEW ... AS it, and subscribe to the view.");
        return false;
    case PLAN_DISTINCT:
    case PLAN_SORT:
    case PLAN_TOP:
    case PLAN_LIMIT:
    case PLAN_KIND_COUNT: break; /* refused before */
    }
    UNREACHABLE();
}

/* WHERE is never true: there are no rows, and none of the relation's columns is asked for. */
static bool core_subscribe_take_nothing(struct core_subscribe_shaping *s,
                                        const struct plan_node *node)
{
    static const struct vec_value never = {.u.boolean = 0};
    static const struct vec_value nothing = {.is_null = true};
    const struct vec_expr **exprs =
        arena_alloc(s->arena, node->outputs_count * sizeof(*exprs), _Alignof(struct vec_expr *));
    ASSERT(node->values.rows_count == 0);
    if (exprs == NULL) {
        return core_subscribe_plan_fail_memory(s->plan);
    }
    for (uint32_t i = 0; i < node->outputs_count; i++) {
        exprs[i] = plan_constant(s->arena, node->outputs[i].type, &nothing, NULL);
        if (exprs[i] == NULL) {
            return core_subscribe_plan_fail_memory(s->plan);
        }
    }
    s->above = exprs;
    const struct vec_expr *condition = plan_constant(s->arena, vec_type(VEC_BOOLEAN), &never, NULL);
    return condition != NULL ? core_subscribe_add(s, condition)
                             : core_subscribe_plan_fail_memory(s->plan);
}

static bool core_subscribe_take_project(struct core_subscribe_shaping *s,
                                        const struct plan_node *node)
{
    const struct vec_expr **exprs =
        arena_alloc(s->arena, node->outputs_count * sizeof(*exprs), _Alignof(struct vec_expr *));
    if (exprs == NULL) {
        return core_subscribe_plan_fail_memory(s->plan);
    }
    for (uint32_t i = 0; i < node->outputs_count; i++) {
        exprs[i] = core_subscribe_settle(s, node->project[i]);
        if (exprs[i] == NULL) {
            return false;
        }
    }
    s->above = exprs;
    return true;
}

/* Its conditions, each by itself, those that are always true left out. */
static bool core_subscribe_take_filter(struct core_subscribe_shaping *s,
                                       const struct vec_expr *filter)
{
    const struct vec_expr *settled = core_subscribe_settle(s, filter);
    if (settled == NULL) {
        return false;
    }
    if (settled->kind != VEC_EXPR_AND) {
        return core_subscribe_add(s, settled);
    }
    for (uint32_t i = 0; i < settled->args_count; i++) {
        if (!core_subscribe_add(s, settled->args[i])) {
            return false;
        }
    }
    return true;
}

static bool core_subscribe_add(struct core_subscribe_shaping *s, const struct vec_expr *condition)
{
    if (condition->kind == VEC_EXPR_CONSTANT && !condition->u.value.is_null &&
        condition->u.value.u.boolean != 0) {
        return true;
    }
    if (s->conditions_count == s->conditions_room) {
        uint32_t room = s->conditions_room == 0 ? 8 : 2 * s->conditions_room;
        const struct vec_expr **more =
            arena_alloc(s->arena, room * sizeof(*more), _Alignof(struct vec_expr *));
        if (more == NULL) {
            return core_subscribe_plan_fail_memory(s->plan);
        }
        if (s->conditions_count > 0) {
            memcpy(more, s->conditions, s->conditions_count * sizeof(*more));
        }
        s->conditions = more;
        s->conditions_room = room;
    }
    s->conditions[s->conditions_count++] = condition;
    return true;
}

/* `expr` over the scan's columns, without parameters, what is known computed. NULL: it has failed.
 */
static const struct vec_expr *core_subscribe_settle(struct core_subscribe_shaping *s,
                                                    const struct vec_expr *expr)
{
    struct core_subscribe_plan *plan = s->plan;
    struct sql_at at = {expr->pos, expr->length};
    const struct vec_expr *settled = core_subscribe_no_params(s, expr);
    settled = settled != NULL ? plan_expr_replace(s->arena, settled, core_subscribe_leaf, s) : NULL;
    settled = settled != NULL ? sql_fold(s->arena, settled) : NULL;
    if (settled == NULL) {
        core_subscribe_plan_fail_memory(plan);
        return NULL;
    }
    if (settled->height > PLAN_HEIGHT_MAX) {
        core_subscribe_plan_fail(plan, CORE_INVALID_REQUEST, "54001", at,
                                 "the statement is too complex");
        return NULL;
    }
    if (!vec_expr_is_immutable(settled)) {
        core_subscribe_plan_fail(plan, CORE_INVALID_REQUEST, "0A000", at,
                                 "the time of day in a subscription is not supported");
        sql_error_hint(&plan->error, "Rows that were given stay as they are: give the time that "
                                     "is meant as a parameter.");
        return NULL;
    }
    return settled;
}

static const struct vec_expr *core_subscribe_leaf(void *ctx, const struct vec_expr *column)
{
    const struct core_subscribe_shaping *s = ctx;
    return s->above != NULL ? s->above[column->u.number] : NULL;
}

/* `expr` with the values of parameters in their places. NULL: no memory. */
static const struct vec_expr *core_subscribe_no_params(struct core_subscribe_shaping *s,
                                                       const struct vec_expr *expr)
{
    bool is_changed = false;
    if (expr->kind == VEC_EXPR_PARAM) {
        return plan_constant(s->arena, expr->type, &s->params[expr->u.number], expr);
    }
    if (expr->args_count == 0) {
        return expr;
    }
    const struct vec_expr **args =
        arena_alloc(s->arena, expr->args_count * sizeof(*args), _Alignof(struct vec_expr *));
    for (uint32_t i = 0; i < expr->args_count && args != NULL; i++) {
        args[i] = core_subscribe_no_params(s, expr->args[i]);
        is_changed = is_changed || args[i] != expr->args[i];
        args = args[i] != NULL ? args : NULL;
    }
    if (args == NULL) {
        return NULL;
    }
    return is_changed ? plan_expr_over(s->arena, expr, args) : expr;
}

/* --- What comes of it --- */

static bool core_subscribe_take_result(struct core_subscribe_shaping *s,
                                       const struct plan_node *root)
{
    struct core_subscribe_plan *plan = s->plan;
    plan->outputs = root->outputs;
    plan->outputs_count = root->outputs_count;
    plan->projections = s->above;
    if (s->above == NULL) { /* the scan's columns as they are */
        const struct vec_expr **exprs = arena_alloc(s->arena, root->outputs_count * sizeof(*exprs),
                                                    _Alignof(struct vec_expr *));
        for (uint32_t i = 0; i < root->outputs_count && exprs != NULL; i++) {
            exprs[i] = plan_column(s->arena, root->outputs[i].type, i, NULL);
            exprs = exprs[i] != NULL ? exprs : NULL;
        }
        if (exprs == NULL) {
            return core_subscribe_plan_fail_memory(plan);
        }
        plan->projections = exprs;
    }
    plan->filter = core_subscribe_and(s, UINT32_MAX);
    return plan->filter != NULL || s->conditions_count == 0 ||
           core_subscribe_plan_fail_memory(plan);
}

/* All conditions but number `without`. NULL: there is none, or no memory. */
static const struct vec_expr *core_subscribe_and(struct core_subscribe_shaping *s, uint32_t without)
{
    uint32_t count = 0;
    const struct vec_expr **all =
        arena_alloc(s->arena, s->conditions_count * sizeof(*all), _Alignof(struct vec_expr *));
    for (uint32_t i = 0; i < s->conditions_count && all != NULL; i++) {
        if (i != without) {
            all[count++] = s->conditions[i];
        }
    }
    return count > 1    ? plan_expr(s->arena, VEC_EXPR_AND, vec_type(VEC_BOOLEAN), all, count)
           : count == 1 ? all[0]
                        : NULL;
}

/* Conditions by which rows may be found; a second one of a column is a filter like others. */
static bool core_subscribe_take_equalities(struct core_subscribe_shaping *s)
{
    struct core_subscribe_plan *plan = s->plan;
    struct core_subscribe_equality *equalities =
        arena_alloc(s->arena, s->conditions_count * sizeof(*equalities),
                    _Alignof(struct core_subscribe_equality));
    uint32_t first = UINT32_MAX;
    if (equalities == NULL) {
        return core_subscribe_plan_fail_memory(plan);
    }
    plan->equalities = equalities;
    for (uint32_t i = 0; i < s->conditions_count; i++) {
        struct core_subscribe_equality equality;
        if (core_subscribe_equality(s->conditions[i], &equality) &&
            !core_subscribe_is_known(plan, equality.column)) {
            first = plan->equalities_count == 0 ? i : first;
            equalities[plan->equalities_count++] = equality;
        }
    }
    if (first == UINT32_MAX) {
        return true;
    }
    bool is_safe = true;
    for (uint32_t i = 0; i < s->conditions_count && is_safe; i++) {
        is_safe = sql_is_safe(s->conditions[i]);
    }
    for (uint32_t i = 0; i < plan->outputs_count && is_safe; i++) {
        is_safe = sql_is_safe(plan->projections[i]);
    }
    plan->is_indexed = is_safe;
    plan->rest = is_safe ? core_subscribe_and(s, first) : NULL;
    return plan->rest != NULL || !is_safe || s->conditions_count == 1 ||
           core_subscribe_plan_fail_memory(plan);
}

/* Whether the condition is one: both sides have the same type, or are whole numbers. */
static bool core_subscribe_equality(const struct vec_expr *condition,
                                    struct core_subscribe_equality *out)
{
    if (condition->kind != VEC_EXPR_CALL || strcmp(condition->u.function->name, "=") != 0) {
        return false;
    }
    bool is_turned = condition->args[0]->kind == VEC_EXPR_CONSTANT;
    const struct vec_expr *column = condition->args[is_turned ? 1 : 0];
    const struct vec_expr *value = condition->args[is_turned ? 0 : 1];
    if (column->kind != VEC_EXPR_COLUMN || value->kind != VEC_EXPR_CONSTANT ||
        value->u.value.is_null) {
        return false;
    }
    *out = (struct core_subscribe_equality){.column = column->u.number, .value = value->u.value};
    return column->type.kind == value->type.kind ||
           core_subscribe_convert(column->type, value->type, &out->value);
}

/* An INTEGER as a BIGINT, or the other way where it fits. False: it is neither. */
static bool core_subscribe_convert(struct vec_type to, struct vec_type from,
                                   struct vec_value *value)
{
    bool is_wider = to.kind == VEC_BIGINT && from.kind == VEC_INTEGER;
    bool is_narrower = to.kind == VEC_INTEGER && from.kind == VEC_BIGINT &&
                       value->u.int8 >= INT32_MIN && value->u.int8 <= INT32_MAX;
    if (is_wider) {
        value->u.int8 = value->u.int4;
    } else if (is_narrower) {
        value->u.int4 = (int32_t)value->u.int8;
    }
    return is_wider || is_narrower;
}

static bool core_subscribe_is_known(const struct core_subscribe_plan *plan, uint32_t column)
{
    bool is_known = column >= plan->columns_count; /* a path */
    for (uint32_t i = 0; i < plan->equalities_count && !is_known; i++) {
        is_known = plan->equalities[i].column == column;
    }
    return is_known;
}

static bool core_subscribe_take_keys(struct core_subscribe_plan *plan)
{
    if (plan->relation->kind != PLAN_RELATION_VIEW) {
        return true;
    }
    const struct core_view_relation *view = plan->relation->owner;
    uint32_t *keys = arena_alloc(plan->arena, view->keys_count * sizeof(*keys), _Alignof(uint32_t));
    uint32_t count = 0;
    if (keys == NULL) {
        return core_subscribe_plan_fail_memory(plan);
    }
    for (uint32_t i = 0; i < view->keys_count && count == i; i++) {
        for (uint32_t k = 0; k < plan->outputs_count && count == i; k++) {
            const struct vec_expr *expr = plan->projections[k];
            if (expr->kind == VEC_EXPR_COLUMN && plan->columns[expr->u.number] == view->keys[i]) {
                keys[count++] = k;
            }
        }
    }
    plan->keys = keys;
    plan->keys_count = count == view->keys_count ? count : 0;
    return true;
}

/* --- Identity --- */

static bool core_subscribe_take_identity(struct core_subscribe_plan *plan)
{
    return core_subscribe_write(plan, false, &plan->identity) &&
           (!plan->is_indexed || core_subscribe_write(plan, true, &plan->shape));
}

static bool core_subscribe_write(struct core_subscribe_plan *plan, bool is_shape,
                                 struct vec_bytes *out)
{
    for (size_t bytes = CORE_SUBSCRIBE_IDENTITY_BYTES_MIN;
         bytes <= CORE_SUBSCRIBE_IDENTITY_BYTES_MAX; bytes *= 4) {
        struct arena_mark mark = arena_mark(plan->arena);
        char *data = arena_alloc(plan->arena, bytes, 1);
        if (data == NULL) {
            break;
        }
        struct bytes_writer w = bytes_writer(data, bytes);
        core_subscribe_put(&w, plan, is_shape);
        if (w.err == ERR_OK) {
            *out = (struct vec_bytes){data, (uint32_t)w.pos};
            return true;
        }
        arena_rewind(plan->arena, mark);
    }
    return core_subscribe_plan_fail_memory(plan);
}

static void core_subscribe_put(struct bytes_writer *w, const struct core_subscribe_plan *plan,
                               bool is_shape)
{
    const struct vec_expr *filter = is_shape ? plan->rest : plan->filter;
    core_subscribe_put_source(w, plan);
    bytes_put_u32le(w, is_shape ? plan->equalities[0].column : UINT32_MAX);
    bytes_put_u8(w, filter != NULL);
    if (filter != NULL) {
        core_subscribe_put_expr(w, filter);
    }
    bytes_put_u32le(w, plan->outputs_count);
    for (uint32_t i = 0; i < plan->outputs_count; i++) {
        core_subscribe_put_text(w, plan->outputs[i].name, strlen(plan->outputs[i].name));
        core_subscribe_put_type(w, plan->outputs[i].type);
        core_subscribe_put_expr(w, plan->projections[i]);
    }
}

/* Columns by their numbers, paths by their names. */
static void core_subscribe_put_source(struct bytes_writer *w,
                                      const struct core_subscribe_plan *plan)
{
    bytes_put_u32le(w, plan->columns_count);
    for (uint32_t i = 0; i < plan->columns_count; i++) {
        bytes_put_u32le(w, plan->columns[i]);
    }
    bytes_put_u32le(w, plan->paths_count);
    for (uint32_t i = 0; i < plan->paths_count; i++) {
        const struct plan_path *path = &plan->paths[i];
        bytes_put_u32le(w, path->column);
        bytes_put_u32le(w, path->names_count);
        for (uint32_t k = 0; k < path->names_count; k++) {
            core_subscribe_put_text(w, path->names[k].data, path->names[k].length);
        }
    }
}

static void core_subscribe_put_expr(struct bytes_writer *w, const struct vec_expr *expr)
{
    bytes_put_u8(w, expr->kind);
    bytes_put_u8(w, expr->is_not);
    core_subscribe_put_type(w, expr->type);
    if (expr->kind == VEC_EXPR_CONSTANT) {
        core_subscribe_put_value(w, expr->type, &expr->u.value);
    } else if (expr->kind == VEC_EXPR_COLUMN) {
        bytes_put_u32le(w, expr->u.number);
    } else if (expr->kind == VEC_EXPR_CALL) {
        core_subscribe_put_function(w, expr->u.function);
    }
    bytes_put_u32le(w, expr->args_count);
    for (uint32_t i = 0; i < expr->args_count; i++) {
        core_subscribe_put_expr(w, expr->args[i]);
    }
}

/* As text, the length before it. */
static void core_subscribe_put_value(struct bytes_writer *w, struct vec_type type,
                                     const struct vec_value *value)
{
    bytes_put_u8(w, value->is_null);
    if (!value->is_null) {
        size_t at = w->pos;
        bytes_put_u32le(w, 0);
        plan_value_write(w, (enum vec_kind)type.kind, value);
        if (w->err == ERR_OK) {
            bytes_patch_u32le(w, at, (uint32_t)(w->pos - at - sizeof(uint32_t)));
        }
    }
}

static void core_subscribe_put_function(struct bytes_writer *w, const struct vec_function *function)
{
    core_subscribe_put_text(w, function->name, strlen(function->name));
    bytes_put_u8(w, function->version);
    bytes_put_u8(w, function->result);
    bytes_put_u8(w, function->args_count);
    bytes_put_copy(w, function->args, function->args_count);
}

static void core_subscribe_put_type(struct bytes_writer *w, struct vec_type type)
{
    bytes_put_u8(w, type.kind);
    bytes_put_u8(w, type.precision);
    bytes_put_u8(w, type.scale);
}

static void core_subscribe_put_text(struct bytes_writer *w, const char *data, size_t length)
{
    bytes_put_u32le(w, (uint32_t)length);
    bytes_put_copy(w, data, length);
}
