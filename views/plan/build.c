/* See build.h. Trees are at most VEC_EXPR_DEPTH_MAX high, so walks recurse. */
#include "views/plan/build.h"

#include <string.h>

#include "base/assert.h"
#include "views/plan/value.h"
#include "views/vec/function.h"

/* Args of a node that is rebuilt without an array of its own. */
#define PLAN_ARGS_FEW 8u

static bool plan_expr_equal_payload(const struct vec_expr *a, const struct vec_expr *b);
static uint32_t plan_expr_count_on(const struct vec_expr *expr, uint32_t count, uint32_t limit);

struct vec_expr *plan_expr(struct arena *a, enum vec_expr_kind kind, struct vec_type type,
                           const struct vec_expr *const *args, uint32_t args_count)
{
    struct vec_expr *expr = arena_alloc(a, sizeof(*expr), _Alignof(struct vec_expr));
    if (expr == NULL) {
        return NULL;
    }
    *expr = (struct vec_expr){.kind = (uint8_t)kind, .type = type, .height = 1};
    expr->args_count = args_count;
    if (args_count == 0) {
        return expr;
    }
    expr->args = arena_alloc(a, args_count * sizeof(*expr->args), _Alignof(struct vec_expr *));
    if (expr->args == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < args_count; i++) {
        expr->args[i] = args[i];
        expr->height = args[i]->height >= expr->height ? args[i]->height + 1 : expr->height;
    }
    return expr;
}

struct vec_expr *plan_expr_over(struct arena *a, const struct vec_expr *like,
                                const struct vec_expr *const *args)
{
    struct vec_expr *expr =
        plan_expr(a, (enum vec_expr_kind)like->kind, like->type, args, like->args_count);
    if (expr != NULL) {
        expr->is_not = like->is_not;
        expr->pos = like->pos;
        expr->length = like->length;
        expr->u = like->u;
    }
    return expr;
}

struct vec_expr *plan_constant(struct arena *a, struct vec_type type, const struct vec_value *value,
                               const struct vec_expr *like)
{
    struct vec_expr *expr = plan_expr(a, VEC_EXPR_CONSTANT, type, NULL, 0);
    if (expr != NULL) {
        expr->u.value = *value;
        expr->pos = like != NULL ? like->pos : 0;
        expr->length = like != NULL ? like->length : 0;
    }
    return expr;
}

struct vec_expr *plan_column(struct arena *a, struct vec_type type, uint32_t number,
                             const struct vec_expr *like)
{
    struct vec_expr *expr = plan_expr(a, VEC_EXPR_COLUMN, type, NULL, 0);
    if (expr != NULL) {
        expr->u.number = number;
        expr->pos = like != NULL ? like->pos : 0;
        expr->length = like != NULL ? like->length : 0;
    }
    return expr;
}

struct vec_expr *plan_call(struct arena *a, const struct vec_function *function,
                           const struct vec_expr *const *args, uint32_t args_count,
                           const struct vec_expr *like)
{
    struct vec_type type = vec_type((enum vec_kind)function->result);
    struct vec_expr *expr = plan_expr(a, VEC_EXPR_CALL, type, args, args_count);
    if (expr != NULL) {
        expr->u.function = function;
        expr->pos = like != NULL ? like->pos : 0;
        expr->length = like != NULL ? like->length : 0;
    }
    return expr;
}

bool plan_expr_equal(const struct vec_expr *a, const struct vec_expr *b)
{
    if (a == b) {
        return true;
    }
    if (a->kind != b->kind || a->height != b->height || a->args_count != b->args_count ||
        a->is_not != b->is_not || !vec_type_equal(a->type, b->type) ||
        !plan_expr_equal_payload(a, b)) {
        return false;
    }
    for (uint32_t i = 0; i < a->args_count; i++) {
        if (!plan_expr_equal(a->args[i], b->args[i])) {
            return false;
        }
    }
    return true;
}

static bool plan_expr_equal_payload(const struct vec_expr *a, const struct vec_expr *b)
{
    if (a->kind == VEC_EXPR_CONSTANT) {
        return plan_value_equal((enum vec_kind)a->type.kind, &a->u.value, &b->u.value);
    }
    if (a->kind == VEC_EXPR_COLUMN || a->kind == VEC_EXPR_PARAM) {
        return a->u.number == b->u.number;
    }
    return a->kind != VEC_EXPR_CALL || a->u.function == b->u.function;
}

uint32_t plan_expr_count(const struct vec_expr *expr, uint32_t limit)
{
    return plan_expr_count_on(expr, 0, limit);
}

static uint32_t plan_expr_count_on(const struct vec_expr *expr, uint32_t count, uint32_t limit)
{
    count++;
    for (uint32_t i = 0; i < expr->args_count && count < limit; i++) {
        count = plan_expr_count_on(expr->args[i], count, limit);
    }
    return count < limit ? count : limit;
}

bool plan_expr_has_column(const struct vec_expr *expr)
{
    bool has_column = expr->kind == VEC_EXPR_COLUMN;
    for (uint32_t i = 0; i < expr->args_count && !has_column; i++) {
        has_column = plan_expr_has_column(expr->args[i]);
    }
    return has_column;
}

const struct vec_expr *plan_expr_replace(struct arena *a, const struct vec_expr *expr,
                                         plan_expr_leaf_fn *leaf, void *ctx)
{
    const struct vec_expr *few[PLAN_ARGS_FEW];
    const struct vec_expr **args = few;
    bool is_changed = false;
    if (expr->kind == VEC_EXPR_COLUMN) {
        const struct vec_expr *other = leaf(ctx, expr);
        return other != NULL ? other : expr;
    }
    if (expr->args_count > PLAN_ARGS_FEW) {
        args = arena_alloc(a, expr->args_count * sizeof(*args), _Alignof(struct vec_expr *));
        if (args == NULL) {
            return NULL;
        }
    }
    for (uint32_t i = 0; i < expr->args_count; i++) {
        args[i] = plan_expr_replace(a, expr->args[i], leaf, ctx);
        if (args[i] == NULL) {
            return NULL;
        }
        is_changed = is_changed || args[i] != expr->args[i];
    }
    return is_changed ? plan_expr_over(a, expr, args) : expr;
}

uint32_t plan_node_count(const struct plan_node *node)
{
    uint32_t count = 0;
    for (; node != NULL; node = node->input) {
        count++;
    }
    return count;
}

const char *plan_kind_name(enum plan_kind kind)
{
    static const char *const names[] = {
#define PLAN_KIND_TEXT(name, text) [PLAN_##name] = text,
        PLAN_KIND_TABLE(PLAN_KIND_TEXT)
#undef PLAN_KIND_TEXT
    };
    return (unsigned)kind < PLAN_KIND_COUNT ? names[kind] : "";
}

const char *plan_expr_kind_name(enum vec_expr_kind kind)
{
    static const char *const names[] = {
#define PLAN_EXPR_TEXT(name, text) [VEC_EXPR_##name] = text,
        VEC_EXPR_TABLE(PLAN_EXPR_TEXT)
#undef PLAN_EXPR_TEXT
    };
    return (unsigned)kind < VEC_EXPR_KIND_COUNT ? names[kind] : "";
}
