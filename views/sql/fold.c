/* See fold.h. Values are computed by views/vec, so that folding cannot change an answer. */
#include "views/sql/fold.h"

#include "base/assert.h"
#include "views/plan/build.h"
#include "views/plan/plan.h"
#include "views/vec/function.h"

/* Memory that one value is computed in, the most bytes of text that go in and come out, and how
 * often they are looked at: a statement must not become a computation while it is bound. */
#define FOLD_CHUNK_BYTES 16384u
#define FOLD_BYTES       (256u << 10)
#define FOLD_TEXT_BYTES  4096u
#define FOLD_STEPS       4096u

/* Args of a node that need no array of their own. */
#define FOLD_ARGS_FEW 8u

/* A fold under way. */
struct fold {
    struct arena *arena;
    struct arena scratch; /* begun when it is first needed */
    bool has_scratch;
};

static const struct vec_expr *fold_expr(struct fold *f, const struct vec_expr *expr);
static const struct vec_expr *fold_node(struct fold *f, const struct vec_expr *expr);
static const struct vec_expr *fold_compute(struct fold *f, const struct vec_expr *expr);
static bool fold_may_compute(const struct vec_expr *expr);
static const struct vec_expr *fold_logic(struct fold *f, const struct vec_expr *expr);
static const struct vec_expr *fold_case(struct fold *f, const struct vec_expr *expr);
static const struct vec_expr *fold_coalesce(struct fold *f, const struct vec_expr *expr);
static const struct vec_expr *fold_with(struct fold *f, const struct vec_expr *expr,
                                        const struct vec_expr *const *args, uint32_t count);
static const struct vec_expr *fold_as(struct fold *f, const struct vec_expr *expr,
                                      struct vec_type type);
static bool fold_is(const struct vec_expr *expr, bool value);
static bool fold_is_null(const struct vec_expr *expr);

const struct vec_expr *sql_fold(struct arena *a, const struct vec_expr *expr)
{
    struct fold f = {.arena = a};
    const struct vec_expr *folded = fold_expr(&f, expr);
    if (f.has_scratch) {
        arena_deinit(&f.scratch);
    }
    return folded;
}

static const struct vec_expr *fold_expr(struct fold *f, const struct vec_expr *expr)
{
    const struct vec_expr *few[FOLD_ARGS_FEW];
    const struct vec_expr **args = few;
    bool is_changed = false;
    if (expr->args_count == 0 && expr->kind != VEC_EXPR_CALL) {
        return expr;
    }
    if (expr->args_count > FOLD_ARGS_FEW) {
        args = arena_alloc(f->arena, expr->args_count * sizeof(*args), _Alignof(struct vec_expr *));
        if (args == NULL) {
            return NULL;
        }
    }
    for (uint32_t i = 0; i < expr->args_count; i++) {
        args[i] = fold_expr(f, expr->args[i]);
        if (args[i] == NULL) {
            return NULL;
        }
        is_changed = is_changed || args[i] != expr->args[i];
    }
    const struct vec_expr *same = is_changed ? plan_expr_over(f->arena, expr, args) : expr;
    return same != NULL ? fold_node(f, same) : NULL;
}

/* A node whose args are folded. */
static const struct vec_expr *fold_node(struct fold *f, const struct vec_expr *expr)
{
    bool is_constant = true;
    for (uint32_t i = 0; i < expr->args_count && is_constant; i++) {
        is_constant = expr->args[i]->kind == VEC_EXPR_CONSTANT;
    }
    if (is_constant && fold_may_compute(expr)) {
        return fold_compute(f, expr);
    }
    if (expr->kind == VEC_EXPR_AND || expr->kind == VEC_EXPR_OR) {
        return fold_logic(f, expr);
    }
    if (expr->kind == VEC_EXPR_CASE) {
        return fold_case(f, expr);
    }
    return expr->kind == VEC_EXPR_COALESCE ? fold_coalesce(f, expr) : expr;
}

static bool fold_may_compute(const struct vec_expr *expr)
{
    if (expr->kind == VEC_EXPR_CALL && expr->u.function->is_stable) {
        return false;
    }
    for (uint32_t i = 0; i < expr->args_count; i++) {
        const struct vec_expr *arg = expr->args[i];
        bool has_bytes = arg->type.kind == VEC_TEXT || arg->type.kind == VEC_JSONB;
        if (has_bytes && !arg->u.value.is_null && arg->u.value.u.bytes.length > FOLD_TEXT_BYTES) {
            return false;
        }
    }
    return true;
}

/* Its value, if it has one. */
static const struct vec_expr *fold_compute(struct fold *f, const struct vec_expr *expr)
{
    struct vec_value value;
    const struct vec_expr *folded = expr;
    if (!f->has_scratch) {
        arena_init(&f->scratch, f->arena->budget, FOLD_CHUNK_BYTES, FOLD_BYTES);
        f->has_scratch = true;
    }
    struct vec_eval ev = {.scratch = &f->scratch, .steps_left = FOLD_STEPS};
    if (vec_eval_value(&ev, expr, &value)) {
        bool has_bytes =
            !value.is_null && (expr->type.kind == VEC_TEXT || expr->type.kind == VEC_JSONB);
        bool is_small = !has_bytes || value.u.bytes.length <= FOLD_TEXT_BYTES;
        if (has_bytes && is_small) {
            value.u.bytes.data = arena_copy(f->arena, value.u.bytes.data, value.u.bytes.length);
            if (value.u.bytes.data == NULL) {
                return NULL;
            }
        }
        folded = is_small ? plan_constant(f->arena, expr->type, &value, expr) : expr;
    }
    arena_reset(&f->scratch);
    return folded;
}

/* AND without what is true, OR without what is false; false or true as a whole where one part is.
 */
static const struct vec_expr *fold_logic(struct fold *f, const struct vec_expr *expr)
{
    bool is_and = expr->kind == VEC_EXPR_AND;
    uint32_t count = 0;
    const struct vec_expr **args =
        arena_alloc(f->arena, expr->args_count * sizeof(*args), _Alignof(struct vec_expr *));
    if (args == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < expr->args_count; i++) {
        if (fold_is(expr->args[i], !is_and)) {
            return expr->args[i];
        }
        if (!fold_is(expr->args[i], is_and)) {
            args[count++] = expr->args[i];
        }
    }
    if (count == 0) {
        return expr->args[0];
    }
    return count == 1 ? args[0] : fold_with(f, expr, args, count);
}

/* Without arms that never count, and without what stands behind one that always does. */
static const struct vec_expr *fold_case(struct fold *f, const struct vec_expr *expr)
{
    uint32_t count = 0;
    bool is_decided = false;
    const struct vec_expr **args =
        arena_alloc(f->arena, expr->args_count * sizeof(*args), _Alignof(struct vec_expr *));
    if (args == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i + 1 < expr->args_count && !is_decided; i += 2) {
        const struct vec_expr *when = expr->args[i];
        is_decided = fold_is(when, true);
        if (is_decided) {
            args[count++] = expr->args[i + 1];
        } else if (!fold_is(when, false) && !fold_is_null(when)) {
            args[count++] = when;
            args[count++] = expr->args[i + 1];
        }
    }
    if (!is_decided) {
        args[count++] = expr->args[expr->args_count - 1];
    }
    return count == 1 ? fold_as(f, args[0], expr->type) : fold_with(f, expr, args, count);
}

/* Without nulls, and without what stands behind a constant. */
static const struct vec_expr *fold_coalesce(struct fold *f, const struct vec_expr *expr)
{
    uint32_t count = 0;
    bool is_decided = false;
    const struct vec_expr **args =
        arena_alloc(f->arena, expr->args_count * sizeof(*args), _Alignof(struct vec_expr *));
    if (args == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < expr->args_count && !is_decided; i++) {
        if (!fold_is_null(expr->args[i])) {
            args[count++] = expr->args[i];
            is_decided = expr->args[i]->kind == VEC_EXPR_CONSTANT;
        }
    }
    ASSERT(count > 0); /* not all are constant */
    return count == 1 ? fold_as(f, args[0], expr->type) : fold_with(f, expr, args, count);
}

/* The node over the first `count` of args. */
static const struct vec_expr *fold_with(struct fold *f, const struct vec_expr *expr,
                                        const struct vec_expr *const *args, uint32_t count)
{
    if (count == expr->args_count) {
        return expr;
    }
    struct vec_expr *same =
        plan_expr(f->arena, (enum vec_expr_kind)expr->kind, expr->type, args, count);
    if (same != NULL) {
        same->pos = expr->pos;
        same->length = expr->length;
    }
    return same;
}

/* The value without modifiers of its type, where it stands for one that has none. */
static const struct vec_expr *fold_as(struct fold *f, const struct vec_expr *expr,
                                      struct vec_type type)
{
    if (vec_type_equal(expr->type, type)) {
        return expr;
    }
    struct vec_expr *same =
        plan_expr_over(f->arena, expr, (const struct vec_expr *const *)expr->args);
    if (same != NULL) {
        same->type = type;
    }
    return same;
}

/* Whether it is that constant. */
static bool fold_is(const struct vec_expr *expr, bool value)
{
    return expr->kind == VEC_EXPR_CONSTANT && expr->type.kind == VEC_BOOLEAN &&
           !expr->u.value.is_null && (expr->u.value.u.boolean != 0) == value;
}

static bool fold_is_null(const struct vec_expr *expr)
{
    return expr->kind == VEC_EXPR_CONSTANT && expr->u.value.is_null;
}
