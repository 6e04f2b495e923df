/* AND, OR, NOT, IS, and filters. See expr.h.
 *
 * AND keeps a list of the rows that are still open: those where no argument was false so far. Only
 * for them the next argument is computed. OR is the same with true. As a filter AND is even
 * simpler: each argument filters what the one before has left, and a null counts as false, as
 * PostgreSQL does with the conditions of WHERE. */
#include <string.h>

#include "views/vec/expr_int.h"

/* One argument's answer `v` for the rows of *rows, which become those still open, in `open` (where
 * they may stand already): those where it is not `stop`. truth[row] is what the answer is so far.
 */
static bool vec_eval_logic_step(struct vec_eval *ev, const struct vec_expr *expr,
                                struct vec_mix *mix, const struct vec_vector *v, uint8_t stop,
                                uint16_t *open, struct vec_selection *rows)
{
    struct vec_view view = vec_view(v);
    uint8_t *truth = mix->data;
    uint32_t n = 0;
    if (v->valid == NULL && mix->valid == NULL) {
        for (uint32_t i = 0; i < rows->count; i++) {
            uint32_t row = vec_row(*rows, i);
            uint8_t value = VEC_AT(&view, uint8_t, row);
            truth[row] = value;
            open[n] = (uint16_t)row;
            n += value != stop;
        }
        *rows = (struct vec_selection){.rows = open, .count = n};
        return true;
    }
    if (!vec_eval_bitmap(ev, expr, &mix->valid)) {
        return false;
    }
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t row = vec_row(*rows, i);
        bool is_valid = vec_view_is_valid(&view, row);
        bool is_stop = is_valid && VEC_AT(&view, uint8_t, row) == stop;
        truth[row] = is_stop ? stop : !stop;
        if (!is_valid) {
            vec_valid_clear(mix->valid, row);
        } else if (is_stop) {
            vec_valid_set(mix->valid, row);
        }
        open[n] = (uint16_t)row;
        n += !is_stop;
    }
    *rows = (struct vec_selection){.rows = open, .count = n};
    return true;
}

bool vec_eval_logic(struct vec_eval *ev, const struct vec_expr *expr, const struct vec_batch *batch,
                    struct vec_selection selection, struct vec_vector *out)
{
    uint8_t stop = expr->kind == VEC_EXPR_OR;
    uint16_t *open = vec_eval_alloc(ev, expr, selection.count * sizeof(*open));
    struct vec_selection rows = selection;
    struct vec_mix mix;
    if (open == NULL || !vec_mix_begin(ev, expr, selection, &mix)) {
        return false;
    }
    for (uint32_t arg = 0; arg < expr->args_count && rows.count > 0; arg++) {
        struct vec_vector v;
        uint64_t *valid = mix.valid;
        struct arena_mark mark = arena_mark(ev->scratch);
        if (rows.count == selection.count) {
            rows = selection; /* perhaps all there are: loops like that better */
        }
        if (!vec_eval(ev, expr->args[arg], batch, rows, &v) ||
            !vec_eval_logic_step(ev, expr, &mix, &v, stop, open, &rows)) {
            return false;
        }
        if (valid == mix.valid) {
            arena_rewind(ev->scratch, mark);
        }
    }
    vec_mix_end(&mix, out);
    return true;
}

bool vec_eval_not(struct vec_eval *ev, const struct vec_expr *expr, const struct vec_batch *batch,
                  struct vec_selection selection, struct vec_vector *out)
{
    struct vec_vector v;
    if (!vec_eval(ev, expr->args[0], batch, selection, &v)) {
        return false;
    }
    if (v.form == VEC_CONSTANT) {
        *out = v;
        if (!vec_is_null_constant(&v)) {
            vec_eval_boolean(*(const uint8_t *)v.data == 0, out);
        }
        return true;
    }
    struct vec_mix mix;
    if (!vec_mix_begin(ev, expr, selection, &mix)) {
        return false;
    }
    struct vec_view view = vec_view(&v);
    uint8_t *truth = mix.data;
    struct vec_selection rows;
    if (!vec_eval_nulls(ev, expr, &v, 1, selection, &rows, NULL)) {
        return false;
    }
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = vec_row(rows, i);
        truth[row] = VEC_AT(&view, uint8_t, row) == 0;
    }
    vec_mix_end(&mix, out);
    out->valid = v.valid;
    return true;
}

bool vec_eval_is_null(struct vec_eval *ev, const struct vec_expr *expr,
                      const struct vec_batch *batch, struct vec_selection selection,
                      struct vec_vector *out)
{
    struct vec_vector v;
    if (!vec_eval(ev, expr->args[0], batch, selection, &v)) {
        return false;
    }
    if (v.valid == NULL || v.form == VEC_CONSTANT) {
        vec_eval_boolean(vec_is_null_constant(&v) != expr->is_not, out);
        return true;
    }
    struct vec_mix mix;
    if (!vec_mix_begin(ev, expr, selection, &mix)) {
        return false;
    }
    uint8_t *truth = mix.data;
    uint64_t flip = expr->is_not ? 0 : 1;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = vec_row(selection, i);
        truth[row] = (uint8_t)((v.valid[row / 64] >> (row % 64) & 1) ^ flip);
    }
    vec_mix_end(&mix, out);
    return true;
}

bool vec_eval_is(struct vec_eval *ev, const struct vec_expr *expr, const struct vec_batch *batch,
                 struct vec_selection selection, struct vec_vector *out)
{
    struct vec_vector v;
    if (!vec_eval(ev, expr->args[0], batch, selection, &v)) {
        return false;
    }
    uint8_t want = expr->kind == VEC_EXPR_IS_TRUE;
    struct vec_view view = vec_view(&v);
    if (v.form == VEC_CONSTANT) {
        bool is = !vec_is_null_constant(&v) && VEC_AT(&view, uint8_t, 0) == want;
        vec_eval_boolean(is != expr->is_not, out);
        return true;
    }
    struct vec_mix mix;
    struct vec_selection rows;
    if (!vec_mix_begin(ev, expr, selection, &mix) ||
        !vec_eval_nulls(ev, expr, &v, 1, selection, &rows, NULL)) {
        return false;
    }
    uint8_t *truth = mix.data;
    if (rows.count < selection.count) {
        for (uint32_t i = 0; i < selection.count; i++) {
            truth[vec_row(selection, i)] = expr->is_not;
        }
    }
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = vec_row(rows, i);
        truth[row] = (VEC_AT(&view, uint8_t, row) == want) != expr->is_not;
    }
    vec_mix_end(&mix, out);
    return true;
}

/* The rows of `selection` where `v` is true, into `rows`; how many. */
static uint32_t vec_eval_filter_pick(const struct vec_vector *v, struct vec_selection selection,
                                     uint16_t *rows)
{
    struct vec_view view = vec_view(v);
    const uint8_t *truth = v->data;
    uint32_t n = 0;
    if (v->form == VEC_FLAT && v->valid == NULL) {
        for (uint32_t i = 0; i < selection.count; i++) {
            uint32_t row = vec_row(selection, i);
            rows[n] = (uint16_t)row;
            n += truth[row];
        }
        return n;
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = vec_row(selection, i);
        rows[n] = (uint16_t)row;
        n += vec_view_is_valid(&view, row) && VEC_AT(&view, uint8_t, row) != 0;
    }
    return n;
}

bool vec_eval_filter(struct vec_eval *ev, const struct vec_expr *expr,
                     const struct vec_batch *batch, struct vec_selection selection,
                     struct vec_selection *out)
{
    ASSERT(expr->type.kind == VEC_BOOLEAN);
    if (expr->kind == VEC_EXPR_AND) {
        *out = selection;
        for (uint32_t i = 0; i < expr->args_count && out->count > 0; i++) {
            if (!vec_eval_filter(ev, expr->args[i], batch, *out, out)) {
                return false;
            }
        }
        return true;
    }
    struct arena_mark before = arena_mark(ev->scratch);
    uint16_t *rows = vec_eval_alloc(ev, expr, selection.count * sizeof(*rows));
    struct arena_mark mark = arena_mark(ev->scratch);
    struct vec_vector v;
    if (rows == NULL || !vec_eval(ev, expr, batch, selection, &v)) {
        return false;
    }
    uint32_t count = vec_eval_filter_pick(&v, selection, rows);
    if (count == selection.count) {
        *out = selection;
        mark = before;
    } else {
        *out = (struct vec_selection){.rows = rows, .count = count};
    }
    arena_rewind(ev->scratch, mark);
    return true;
}
