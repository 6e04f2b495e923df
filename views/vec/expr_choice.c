/* CASE, COALESCE, NULLIF, GREATEST and LEAST, DISTINCT, IN. See expr.h.
 *
 * Those that choose keep the rows that are still open, as AND does, and put each chosen value where
 * it belongs; where the first choice takes all rows, its vector is the answer as it is. IN compares
 * with one value after the other, all rows at once, which for a few constants nothing beats. */
#include <string.h>

#include "views/vec/compare.h"
#include "views/vec/expr_int.h"
#include "views/vec/key.h"

/* So many constants of IN, or more, are searched for instead of compared one by one. */
#define VEC_EVAL_IN_SEARCHED_MIN 16u

/* Sorting so many costs more than looking for a batch's rows among them: it is done once. */
#define VEC_EVAL_IN_KEPT_MIN 256u

/* The constants of an IN, sorted. */
struct vec_eval_list {
    const struct vec_expr *expr;           /* whose */
    const struct vec_value *const *values; /* those that are not null, in order */
    uint32_t count;                        /* of them */
    struct vec_eval_list *next;            /* another IN's */
};

/* A result that is begun when it turns out that no single vector is all of it. */
static bool vec_eval_choose(struct vec_eval *ev, const struct vec_expr *expr,
                            const struct vec_expr *value, const struct vec_batch *batch,
                            struct vec_selection all, struct vec_selection some,
                            struct vec_mix *mix, struct vec_vector *out)
{
    if (some.count == all.count) {
        return vec_eval(ev, value, batch, all, out);
    }
    if (mix->data == NULL && !vec_mix_begin(ev, expr, all, mix)) {
        return false;
    }
    struct vec_vector v;
    return vec_eval(ev, value, batch, some, &v) && vec_mix_put(ev, expr, mix, &v, some);
}

bool vec_eval_case(struct vec_eval *ev, const struct vec_expr *expr, const struct vec_batch *batch,
                   struct vec_selection selection, struct vec_vector *out)
{
    ASSERT(expr->args_count % 2 == 1);
    struct vec_mix mix = {.type = expr->type};
    struct vec_selection open = selection;
    for (uint32_t i = 0; i < expr->args_count && open.count > 0; i += 2) {
        bool is_else = i + 1 == expr->args_count;
        struct vec_selection hits = open;
        if (!is_else && !vec_eval_filter(ev, expr->args[i], batch, open, &hits)) {
            return false;
        }
        if (hits.count == 0) {
            continue;
        }
        const struct vec_expr *value = expr->args[is_else ? i : i + 1];
        if (!vec_eval_choose(ev, expr, value, batch, selection, hits, &mix, out)) {
            return false;
        }
        if (hits.count == selection.count) {
            return true;
        }
        if (!vec_eval_without(ev, expr, open, hits, &open)) {
            return false;
        }
    }
    vec_mix_end(&mix, out);
    return true;
}

bool vec_eval_coalesce(struct vec_eval *ev, const struct vec_expr *expr,
                       const struct vec_batch *batch, struct vec_selection selection,
                       struct vec_vector *out)
{
    struct vec_mix mix = {.type = expr->type};
    struct vec_selection open = selection;
    for (uint32_t i = 0; i < expr->args_count && open.count > 0; i++) {
        struct vec_selection have;
        if (!vec_eval(ev, expr->args[i], batch, open, out) ||
            !vec_eval_nulls(ev, expr, out, 1, open, &have, NULL)) {
            return false;
        }
        bool is_last = i + 1 == expr->args_count;
        have = is_last ? open : have;
        if (have.count == selection.count) {
            return true;
        }
        if (mix.data == NULL && !vec_mix_begin(ev, expr, selection, &mix)) {
            return false;
        }
        if (!vec_mix_put(ev, expr, &mix, out, have) ||
            !vec_eval_without(ev, expr, open, have, &open)) {
            return false;
        }
    }
    vec_mix_end(&mix, out);
    return true;
}

/* *truth = how `a` and `b` compare in `rows`, memory for all of `selection`. */
static bool vec_eval_compare(struct vec_eval *ev, const struct vec_expr *expr,
                             enum vec_comparison comparison, const struct vec_vector *pair,
                             struct vec_selection selection, struct vec_selection rows,
                             uint8_t **truth)
{
    *truth = vec_eval_alloc(ev, expr, vec_row(selection, selection.count - 1) + 1);
    if (*truth == NULL) {
        return false;
    }
    vec_compare(comparison, &pair[0], &pair[1], rows, *truth);
    return true;
}

bool vec_eval_nullif(struct vec_eval *ev, const struct vec_expr *expr,
                     const struct vec_batch *batch, struct vec_selection selection,
                     struct vec_vector *out)
{
    struct vec_vector pair[2];
    struct vec_selection rows;
    uint8_t *equal;
    if (!vec_eval(ev, expr->args[0], batch, selection, &pair[0]) ||
        !vec_eval(ev, expr->args[1], batch, selection, &pair[1]) ||
        !vec_eval_nulls(ev, expr, pair, 2, selection, &rows, NULL) ||
        !vec_eval_compare(ev, expr, VEC_EQUAL, pair, selection, rows, &equal) ||
        !vec_eval_pick(ev, expr, equal, true, rows, &rows)) {
        return false;
    }
    struct vec_mix mix;
    if (rows.count == 0) {
        *out = pair[0];
        return true;
    }
    if (!vec_mix_begin(ev, expr, selection, &mix) ||
        !vec_mix_put(ev, expr, &mix, &pair[0], selection) ||
        !vec_eval_bitmap(ev, expr, &mix.valid)) {
        return false;
    }
    for (uint32_t i = 0; i < rows.count; i++) {
        vec_valid_clear(mix.valid, vec_row(rows, i));
    }
    vec_mix_end(&mix, out);
    return true;
}

bool vec_eval_extreme(struct vec_eval *ev, const struct vec_expr *expr,
                      const struct vec_batch *batch, struct vec_selection selection,
                      struct vec_vector *out)
{
    enum vec_comparison wanted = expr->kind == VEC_EXPR_GREATEST ? VEC_GREATER : VEC_LESS;
    struct vec_vector pair[2]; /* the next argument, the best so far */
    struct vec_mix mix;
    if (!vec_eval(ev, expr->args[0], batch, selection, &pair[0]) ||
        !vec_mix_begin(ev, expr, selection, &mix) ||
        !vec_mix_put(ev, expr, &mix, &pair[0], selection)) {
        return false;
    }
    for (uint32_t i = 1; i < expr->args_count; i++) {
        vec_mix_end(&mix, &pair[1]);
        struct vec_selection have, both, fresh;
        uint8_t *better;
        if (!vec_eval(ev, expr->args[i], batch, selection, &pair[0]) ||
            !vec_eval_nulls(ev, expr, pair, 1, selection, &have, NULL) ||
            !vec_eval_nulls(ev, expr, pair, 2, selection, &both, NULL) ||
            !vec_eval_without(ev, expr, have, both, &fresh) ||
            !vec_eval_compare(ev, expr, wanted, pair, selection, both, &better) ||
            !vec_eval_pick(ev, expr, better, true, both, &both) ||
            !vec_mix_put(ev, expr, &mix, &pair[0], both) ||
            !vec_mix_put(ev, expr, &mix, &pair[0], fresh)) {
            return false;
        }
    }
    vec_mix_end(&mix, out);
    return true;
}

bool vec_eval_distinct(struct vec_eval *ev, const struct vec_expr *expr,
                       const struct vec_batch *batch, struct vec_selection selection,
                       struct vec_vector *out)
{
    struct vec_vector pair[2];
    struct vec_selection both;
    struct vec_mix mix;
    enum vec_comparison wanted = expr->is_not ? VEC_EQUAL : VEC_NOT_EQUAL;
    if (!vec_eval(ev, expr->args[0], batch, selection, &pair[0]) ||
        !vec_eval(ev, expr->args[1], batch, selection, &pair[1]) ||
        !vec_eval_nulls(ev, expr, pair, 2, selection, &both, NULL) ||
        !vec_mix_begin(ev, expr, selection, &mix)) {
        return false;
    }
    uint8_t *truth = mix.data;
    vec_compare(wanted, &pair[0], &pair[1], both, truth);
    struct vec_view a = vec_view(&pair[0]);
    struct vec_view b = vec_view(&pair[1]);
    for (uint32_t i = 0; both.count < selection.count && i < selection.count; i++) {
        uint32_t row = vec_row(selection, i);
        bool a_is_valid = vec_view_is_valid(&a, row);
        bool b_is_valid = vec_view_is_valid(&b, row);
        if (!a_is_valid || !b_is_valid) {
            truth[row] = (a_is_valid != b_is_valid) != expr->is_not;
        }
    }
    vec_mix_end(&mix, out);
    return true;
}

/* One more value of the list, in the rows of *open, which become those it is not equal to. A row
 * where it or what is looked for is null is null from now on, unless a later one is equal. */
static bool vec_eval_in_step(struct vec_eval *ev, const struct vec_expr *expr, struct vec_mix *mix,
                             const struct vec_vector *pair, struct vec_selection *open)
{
    uint8_t *truth = mix->data;
    uint8_t *equal;
    struct vec_selection rows, hits;
    if (!vec_eval_nulls(ev, expr, pair, 2, *open, &rows, NULL)) {
        return false;
    }
    if (rows.count < open->count) {
        struct vec_selection nulls;
        if (!vec_eval_bitmap(ev, expr, &mix->valid) ||
            !vec_eval_without(ev, expr, *open, rows, &nulls)) {
            return false;
        }
        for (uint32_t i = 0; i < nulls.count; i++) {
            vec_valid_clear(mix->valid, vec_row(nulls, i));
        }
    }
    if (rows.count == 0) {
        return true;
    }
    if (!vec_eval_compare(ev, expr, VEC_EQUAL, pair, rows, rows, &equal) ||
        !vec_eval_pick(ev, expr, equal, true, rows, &hits)) {
        return false;
    }
    for (uint32_t i = 0; i < hits.count; i++) {
        uint32_t row = vec_row(hits, i);
        truth[row] = !expr->is_not;
        if (mix->valid != NULL) {
            vec_valid_set(mix->valid, row);
        }
    }
    return hits.count == 0 || vec_eval_without(ev, expr, *open, hits, open);
}

/* Whether its value is the same for all rows, at once. */
static bool vec_eval_in_is_constant(const struct vec_expr *expr)
{
    return expr->kind == VEC_EXPR_CONSTANT || expr->kind == VEC_EXPR_PARAM;
}

/* Sort `count` values: merges runs of twice the length each time. `room` is for as many. */
static const struct vec_value **vec_eval_in_sort(struct vec_type type,
                                                 const struct vec_value **values, uint32_t count,
                                                 const struct vec_value **room)
{
    for (uint32_t run = 1; run < count; run *= 2) {
        for (uint32_t begin = 0; begin < count; begin += 2 * run) {
            uint32_t middle = begin + run < count ? begin + run : count;
            uint32_t end = middle + run < count ? middle + run : count;
            uint32_t a = begin;
            uint32_t b = middle;
            for (uint32_t i = begin; i < end; i++) {
                bool is_a =
                    b == end || (a < middle && vec_value_compare(type, values[a], values[b]) <= 0);
                room[i] = is_a ? values[a++] : values[b++];
            }
        }
        const struct vec_value **sorted = room;
        room = values;
        values = sorted;
    }
    return values;
}

/* Whether `value` is among them. */
static bool vec_eval_in_has(struct vec_type type, const struct vec_value *const *values,
                            uint32_t count, const struct vec_value *value)
{
    uint32_t low = 0;
    for (uint32_t high = count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        bool is_less = vec_value_compare(type, values[middle], value) < 0;
        low = is_less ? middle + 1 : low;
        high = is_less ? high : middle;
    }
    return low < count && vec_value_compare(type, values[low], value) == 0;
}

/* The first `count` values of a long list, which are constants, sorted: in scratch, or as long as
 * the statement where they are many. NULL: failed. */
static const struct vec_eval_list *vec_eval_in_list(struct vec_eval *ev,
                                                    const struct vec_expr *expr, uint32_t count)
{
    bool is_kept = ev->kept != NULL && count >= VEC_EVAL_IN_KEPT_MIN;
    struct arena *a = is_kept ? ev->kept : ev->scratch;
    struct vec_eval_list *list = is_kept ? ev->lists : NULL;
    while (list != NULL && list->expr != expr) {
        list = list->next;
    }
    if (list != NULL) {
        return list;
    }
    list = arena_alloc(a, sizeof(*list), _Alignof(struct vec_eval_list));
    const struct vec_value **values =
        arena_alloc(a, count * sizeof(*values), _Alignof(struct vec_value *));
    const struct vec_value **room = vec_eval_alloc(ev, expr, count * sizeof(*room));
    if (list == NULL || values == NULL || room == NULL) {
        (void)vec_fail(ev, expr, VEC_FAULT_MEMORY, NULL, NULL, 0);
        return NULL;
    }
    *list = (struct vec_eval_list){.expr = expr};
    for (uint32_t i = 1; i <= count; i++) {
        const struct vec_expr *item = expr->args[i];
        values[list->count] =
            item->kind == VEC_EXPR_PARAM ? &ev->params[item->u.number] : &item->u.value;
        list->count += !values[list->count]->is_null;
    }
    const struct vec_value **sorted =
        vec_eval_in_sort(expr->args[0]->type, values, list->count, room);
    if (sorted == room) { /* which does not live as long */
        memcpy(values, room, list->count * sizeof(*values));
    }
    list->values = values;
    if (is_kept) {
        list->next = ev->lists;
        ev->lists = list;
    }
    return list;
}

/* The first `count` values of a long list, which are constants: each row looks for its own by
 * halving. *open as in vec_eval_in_step. */
static bool vec_eval_in_search(struct vec_eval *ev, const struct vec_expr *expr,
                               struct vec_mix *mix, const struct vec_vector *v, uint32_t count,
                               struct vec_selection *open)
{
    const struct vec_eval_list *list = vec_eval_in_list(ev, expr, count);
    uint16_t *rows = list != NULL ? vec_eval_alloc(ev, expr, open->count * sizeof(*rows)) : NULL;
    if (rows == NULL) {
        return false;
    }
    bool has_null = list->count < count;
    if ((has_null || v->valid != NULL) && !vec_eval_bitmap(ev, expr, &mix->valid)) {
        return false;
    }
    uint8_t *truth = mix->data;
    uint32_t n = 0;
    for (uint32_t i = 0; i < open->count; i++) {
        uint32_t row = vec_row(*open, i);
        struct vec_value value;
        vec_get(v, row, &value);
        bool is_hit = !value.is_null && vec_eval_in_has(v->type, list->values, list->count, &value);
        if (is_hit) {
            truth[row] = !expr->is_not;
        } else if (value.is_null || has_null) {
            vec_valid_clear(mix->valid, row);
        }
        rows[n] = (uint16_t)row;
        n += !is_hit;
    }
    *open = (struct vec_selection){.rows = rows, .count = n};
    return true;
}

bool vec_eval_in(struct vec_eval *ev, const struct vec_expr *expr, const struct vec_batch *batch,
                 struct vec_selection selection, struct vec_vector *out)
{
    struct vec_vector pair[2];
    struct vec_selection open = selection;
    struct vec_mix mix;
    if (!vec_eval(ev, expr->args[0], batch, selection, &pair[0]) ||
        !vec_mix_begin(ev, expr, selection, &mix)) {
        return false;
    }
    uint8_t *truth = mix.data;
    for (uint32_t i = 0; i < selection.count; i++) {
        truth[vec_row(selection, i)] = expr->is_not;
    }
    uint32_t constants = 0;
    while (constants + 1 < expr->args_count && vec_eval_in_is_constant(expr->args[constants + 1])) {
        constants++;
    }
    constants = constants < VEC_EVAL_IN_SEARCHED_MIN ? 0 : constants;
    if (constants > 0 && !vec_eval_in_search(ev, expr, &mix, &pair[0], constants, &open)) {
        return false;
    }
    for (uint32_t i = constants + 1; i < expr->args_count && open.count > 0; i++) {
        if (!vec_eval(ev, expr->args[i], batch, open, &pair[1]) ||
            !vec_eval_in_step(ev, expr, &mix, pair, &open)) {
            return false;
        }
    }
    vec_mix_end(&mix, out);
    return true;
}
