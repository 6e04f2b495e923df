/* Evaluation: constants, columns, calls. See expr.h; the other nodes stand in expr_logic.c and
 * expr_choice.c.
 *
 * A node's arguments are computed for whole batches, one after the other, and what computes the
 * node sees vectors. A strict function never meets a null: the rows without one become a selection
 * of their own (which is the one that came where no argument has nulls, the common case), and the
 * nulls are put over its answer. What is constant stays a vector of one value, all the way up. */
#include "views/vec/expr.h"

#include <string.h>

#include "views/vec/expr_int.h"
#include "views/vec/function.h"

/* The most of a text that a failure keeps. */
#define VEC_FAIL_TEXT_BYTES_MAX 256u

bool vec_fail(struct vec_eval *ev, const struct vec_expr *expr, enum vec_fault fault,
              const char *type, const char *text, size_t text_length)
{
    ASSERT(fault != VEC_FAULT_NONE);
    size_t length = text_length < VEC_FAIL_TEXT_BYTES_MAX ? text_length : VEC_FAIL_TEXT_BYTES_MAX;
    while (length < text_length && length > 0 && ((uint8_t)text[length] & 0xc0) == 0x80) {
        length--; /* not in the middle of a character */
    }
    char *copy = text != NULL ? arena_copy(ev->scratch, text, length) : NULL;
    ev->failure = (struct vec_failure){
        .fault = fault,
        .type = type,
        .text = copy,
        .text_length = copy != NULL ? length : 0,
        .pos = expr->pos,
        .length = expr->length,
    };
    return false;
}

/* All arguments are constant, or there is none: one row is asked for. */
static bool vec_eval_call_once(struct vec_eval *ev, const struct vec_expr *expr,
                               const struct vec_vector *args, struct vec_vector *out)
{
    struct vec_selection one = {.rows = NULL, .count = 1};
    if (!expr->u.function->apply(ev, expr, args, one, out)) {
        return false;
    }
    ASSERT(out->form != VEC_DICTIONARY);
    out->form = VEC_CONSTANT;
    out->type = expr->type;
    return true;
}

/* *out, whose own nulls stand in out->valid, is null where `valid` says so, too. */
static bool vec_eval_call_nulls(struct vec_eval *ev, const struct vec_expr *expr,
                                const uint64_t *valid, struct vec_vector *out)
{
    if (out->valid == NULL || valid == NULL) {
        out->valid = out->valid == NULL ? valid : out->valid;
        return true;
    }
    uint64_t *both = NULL;
    if (!vec_eval_bitmap(ev, expr, &both)) {
        return false;
    }
    for (uint32_t i = 0; i < VEC_VALID_WORDS; i++) {
        both[i] = valid[i] & out->valid[i];
    }
    out->valid = both;
    return true;
}

static bool vec_eval_call(struct vec_eval *ev, const struct vec_expr *expr,
                          const struct vec_batch *batch, struct vec_selection selection,
                          struct vec_vector *out)
{
    const struct vec_function *function = expr->u.function;
    struct vec_vector *args = vec_eval_alloc(ev, expr, expr->args_count * sizeof(*args));
    if (args == NULL) {
        return false;
    }
    bool is_constant = true;
    bool is_null = false;
    for (uint32_t i = 0; i < expr->args_count; i++) {
        if (!vec_eval(ev, expr->args[i], batch, selection, &args[i])) {
            return false;
        }
        is_constant = is_constant && args[i].form == VEC_CONSTANT;
        is_null = is_null || vec_is_null_constant(&args[i]);
    }
    if (is_null && !function->is_not_strict) {
        vec_eval_null(expr->type, out);
        return true;
    }
    if (is_constant) {
        return vec_eval_call_once(ev, expr, args, out);
    }
    const uint64_t *valid = NULL;
    if (!function->is_not_strict &&
        !vec_eval_nulls(ev, expr, args, expr->args_count, selection, &selection, &valid)) {
        return false;
    }
    if (!function->apply(ev, expr, args, selection, out)) {
        return false;
    }
    ASSERT(out->form != VEC_CONSTANT);
    out->type = expr->type;
    return vec_eval_call_nulls(ev, expr, valid, out);
}

static bool vec_eval_constant(struct vec_eval *ev, const struct vec_expr *expr,
                              const struct vec_batch *batch, struct vec_selection selection,
                              struct vec_vector *out)
{
    (void)ev, (void)batch, (void)selection;
    vec_constant(expr->type, &expr->u.value, out);
    return true;
}

static bool vec_eval_param(struct vec_eval *ev, const struct vec_expr *expr,
                           const struct vec_batch *batch, struct vec_selection selection,
                           struct vec_vector *out)
{
    (void)batch, (void)selection;
    ASSERT(expr->u.number < ev->params_count);
    ASSERT(ev->params[expr->u.number].is_null ||
           ev->params_types[expr->u.number].kind == expr->type.kind);
    vec_constant(expr->type, &ev->params[expr->u.number], out);
    return true;
}

static bool vec_eval_column(struct vec_eval *ev, const struct vec_expr *expr,
                            const struct vec_batch *batch, struct vec_selection selection,
                            struct vec_vector *out)
{
    (void)ev, (void)selection;
    ASSERT(batch != NULL);
    ASSERT(expr->u.number < batch->columns_count);
    *out = batch->columns[expr->u.number];
    ASSERT(out->type.kind == expr->type.kind);
    return true;
}

static vec_eval_fn *const vec_eval_kinds[VEC_EXPR_KIND_COUNT] = {
    [VEC_EXPR_CONSTANT] = vec_eval_constant, [VEC_EXPR_COLUMN] = vec_eval_column,
    [VEC_EXPR_PARAM] = vec_eval_param,       [VEC_EXPR_CALL] = vec_eval_call,
    [VEC_EXPR_AND] = vec_eval_logic,         [VEC_EXPR_OR] = vec_eval_logic,
    [VEC_EXPR_NOT] = vec_eval_not,           [VEC_EXPR_IS_NULL] = vec_eval_is_null,
    [VEC_EXPR_IS_TRUE] = vec_eval_is,        [VEC_EXPR_IS_FALSE] = vec_eval_is,
    [VEC_EXPR_DISTINCT] = vec_eval_distinct, [VEC_EXPR_IN] = vec_eval_in,
    [VEC_EXPR_CASE] = vec_eval_case,         [VEC_EXPR_COALESCE] = vec_eval_coalesce,
    [VEC_EXPR_NULLIF] = vec_eval_nullif,     [VEC_EXPR_GREATEST] = vec_eval_extreme,
    [VEC_EXPR_LEAST] = vec_eval_extreme,
};

bool vec_eval(struct vec_eval *ev, const struct vec_expr *expr, const struct vec_batch *batch,
              struct vec_selection selection, struct vec_vector *out)
{
    ASSERT(selection.count <= VEC_ROWS_MAX);
    ASSERT(expr->kind < VEC_EXPR_KIND_COUNT);
    if (selection.count == 0) {
        vec_eval_null(expr->type, out); /* nothing is computed for no row, so nothing fails */
        return true;
    }
    return vec_eval_kinds[expr->kind](ev, expr, batch, selection, out);
}

bool vec_eval_value(struct vec_eval *ev, const struct vec_expr *expr, struct vec_value *out)
{
    struct vec_vector v;
    if (!vec_eval(ev, expr, NULL, (struct vec_selection){.count = 1}, &v)) {
        return false;
    }
    vec_get(&v, 0, out);
    return true;
}

bool vec_expr_is_immutable(const struct vec_expr *expr)
{
    bool is_immutable = expr->kind != VEC_EXPR_CALL || !expr->u.function->is_stable;
    for (uint32_t i = 0; i < expr->args_count && is_immutable; i++) {
        is_immutable = vec_expr_is_immutable(expr->args[i]);
    }
    return is_immutable;
}

bool vec_expr_is_constant(const struct vec_expr *expr)
{
    bool is_constant = expr->kind != VEC_EXPR_COLUMN && expr->kind != VEC_EXPR_PARAM &&
                       (expr->kind != VEC_EXPR_CALL || !expr->u.function->is_stable);
    for (uint32_t i = 0; i < expr->args_count && is_constant; i++) {
        is_constant = vec_expr_is_constant(expr->args[i]);
    }
    return is_constant;
}
