/* Rows, nulls, and results put together. See expr_int.h. */
#include <string.h>

#include "views/vec/expr_int.h"

void *vec_eval_alloc(struct vec_eval *ev, const struct vec_expr *expr, size_t bytes)
{
    void *data = arena_alloc(ev->scratch, bytes, 8);
    if (data == NULL) {
        (void)vec_fail(ev, expr, VEC_FAULT_MEMORY, NULL, NULL, 0);
    }
    return data;
}

bool vec_eval_bitmap(struct vec_eval *ev, const struct vec_expr *expr, uint64_t **valid)
{
    if (*valid == NULL) {
        *valid = vec_valid(ev->scratch, true);
    }
    return *valid != NULL || vec_fail(ev, expr, VEC_FAULT_MEMORY, NULL, NULL, 0);
}

void vec_eval_boolean(bool value, struct vec_vector *out)
{
    static const struct vec_value values[] = {{.u.boolean = 0}, {.u.boolean = 1}};
    vec_constant(vec_type(VEC_BOOLEAN), &values[value], out);
}

void vec_eval_null(struct vec_type type, struct vec_vector *out)
{
    static const struct vec_value null = {.is_null = true};
    vec_constant(type, &null, out);
}

/* The rows 0 .. count-1 whose bit is set, into `rows`; how many. */
static uint32_t vec_eval_bits(const uint64_t *valid, uint32_t count, uint16_t *rows)
{
    uint32_t n = 0;
    for (uint32_t word = 0; word * 64 < count; word++) {
        uint64_t bits = valid[word];
        if (count - word * 64 < 64) {
            bits &= (UINT64_C(1) << (count - word * 64)) - 1;
        }
        if (bits == UINT64_MAX) {
            for (uint32_t bit = 0; bit < 64; bit++) {
                rows[n++] = (uint16_t)(word * 64 + bit);
            }
            continue;
        }
        for (; bits != 0; bits &= bits - 1) {
            rows[n++] = (uint16_t)(word * 64 + (uint32_t)__builtin_ctzll(bits));
        }
    }
    return n;
}

/* Whether every row of `selection` has its bit. */
static bool vec_eval_has_all(const uint64_t *valid, struct vec_selection selection)
{
    uint64_t all = 1;
    if (selection.rows != NULL) {
        for (uint32_t i = 0; i < selection.count; i++) {
            all &= valid[selection.rows[i] / 64] >> (selection.rows[i] % 64);
        }
        return all != 0;
    }
    uint32_t word = 0;
    for (; (word + 1) * 64 <= selection.count; word++) {
        all &= valid[word] == UINT64_MAX;
    }
    uint32_t rest = selection.count - word * 64;
    uint64_t mask = (UINT64_C(1) << rest) - 1;
    return all != 0 && (rest == 0 || (valid[word] & mask) == mask);
}

/* One bitmap of those of all vectors. False: failed. */
static bool vec_eval_nulls_join(struct vec_eval *ev, const struct vec_expr *expr,
                                const struct vec_vector *vectors, uint32_t count,
                                const uint64_t **out)
{
    uint64_t *joined = NULL;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t *valid = vectors[i].form == VEC_CONSTANT ? NULL : vectors[i].valid;
        if (valid == NULL || valid == *out) {
            continue;
        }
        if (*out == NULL) {
            *out = valid;
            continue;
        }
        if (joined == NULL) {
            if (!vec_eval_bitmap(ev, expr, &joined)) {
                return false;
            }
            memcpy(joined, *out, VEC_VALID_WORDS * sizeof(*joined));
            *out = joined;
        }
        for (uint32_t word = 0; word < VEC_VALID_WORDS; word++) {
            joined[word] &= valid[word];
        }
    }
    return true;
}

bool vec_eval_nulls(struct vec_eval *ev, const struct vec_expr *expr,
                    const struct vec_vector *vectors, uint32_t count,
                    struct vec_selection selection, struct vec_selection *rows,
                    const uint64_t **valid)
{
    const uint64_t *joined = NULL;
    *rows = selection;
    if (valid != NULL) {
        *valid = NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (vec_is_null_constant(&vectors[i])) {
            static const uint64_t none[VEC_VALID_WORDS];
            rows->count = 0;
            if (valid != NULL) {
                *valid = none;
            }
            return true;
        }
    }
    if (!vec_eval_nulls_join(ev, expr, vectors, count, &joined)) {
        return false;
    }
    if (joined == NULL || vec_eval_has_all(joined, selection)) {
        return true;
    }
    if (valid != NULL) {
        *valid = joined;
    }
    uint16_t *kept = vec_eval_alloc(ev, expr, selection.count * sizeof(*kept));
    if (kept == NULL) {
        return false;
    }
    rows->rows = kept;
    if (selection.rows == NULL) {
        rows->count = vec_eval_bits(joined, selection.count, kept);
        return true;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < selection.count; i++) {
        uint16_t row = selection.rows[i];
        kept[n] = row;
        n += (uint32_t)(joined[row / 64] >> (row % 64)) & 1;
    }
    rows->count = n;
    return true;
}

bool vec_eval_without(struct vec_eval *ev, const struct vec_expr *expr, struct vec_selection all,
                      struct vec_selection some, struct vec_selection *rest)
{
    ASSERT(some.count <= all.count);
    if (some.count == 0) {
        *rest = all;
        return true;
    }
    uint16_t *rows = vec_eval_alloc(ev, expr, all.count * sizeof(*rows));
    if (rows == NULL) {
        return false;
    }
    uint32_t n = 0;
    uint32_t taken = 0;
    for (uint32_t i = 0; i < all.count; i++) {
        uint32_t row = vec_row(all, i);
        bool is_taken = taken < some.count && vec_row(some, taken) == row;
        taken += is_taken;
        rows[n] = (uint16_t)row;
        n += !is_taken;
    }
    ASSERT(taken == some.count);
    *rest = (struct vec_selection){.rows = rows, .count = n};
    return true;
}

bool vec_eval_pick(struct vec_eval *ev, const struct vec_expr *expr, const uint8_t *truth,
                   bool is_wanted, struct vec_selection selection, struct vec_selection *out)
{
    uint16_t *rows = vec_eval_alloc(ev, expr, selection.count * sizeof(*rows));
    if (rows == NULL) {
        return false;
    }
    uint32_t n = 0;
    if (selection.rows == NULL) {
        for (uint32_t row = 0; row < selection.count; row++) {
            rows[n] = (uint16_t)row;
            n += truth[row] == is_wanted;
        }
    } else {
        for (uint32_t i = 0; i < selection.count; i++) {
            uint16_t row = selection.rows[i];
            rows[n] = row;
            n += truth[row] == is_wanted;
        }
    }
    *out = n == selection.count ? selection : (struct vec_selection){.rows = rows, .count = n};
    return true;
}

bool vec_mix_begin(struct vec_eval *ev, const struct vec_expr *expr, struct vec_selection selection,
                   struct vec_mix *mix)
{
    uint32_t count = selection.count == 0 ? 0 : vec_row(selection, selection.count - 1) + 1;
    struct vec_vector v;
    *mix = (struct vec_mix){.type = expr->type};
    mix->data = vec_flat(ev->scratch, expr->type, count, &v);
    return mix->data != NULL || vec_fail(ev, expr, VEC_FAULT_MEMORY, NULL, NULL, 0);
}

#define VEC_MIX_COPY(bytes)                                                                        \
    for (uint32_t i = 0; i < selection.count; i++) {                                               \
        uint32_t row = vec_row(selection, i);                                                      \
        memcpy(to + (size_t)row * (bytes), from + (size_t)vec_view_at(view, row) * (bytes),        \
               (bytes));                                                                           \
    }

/* Values of a fixed width, as plain bytes. */
static void vec_mix_copy(uint8_t *to, const struct vec_view *view, size_t bytes,
                         struct vec_selection selection)
{
    const uint8_t *from = view->data;
    switch (bytes) {
    case 1: VEC_MIX_COPY(1) break;
    case 4: VEC_MIX_COPY(4) break;
    case 8: VEC_MIX_COPY(8) break;
    case 16: VEC_MIX_COPY(16) break;
    case sizeof(struct vec_numeric): VEC_MIX_COPY(sizeof(struct vec_numeric)) break;
    default: UNREACHABLE();
    }
}

bool vec_mix_put(struct vec_eval *ev, const struct vec_expr *expr, struct vec_mix *mix,
                 const struct vec_vector *v, struct vec_selection selection)
{
    ASSERT(v->type.kind == mix->type.kind);
    struct vec_selection rows;
    if (!vec_eval_nulls(ev, expr, v, 1, selection, &rows, NULL)) {
        return false;
    }
    struct vec_view view = vec_view(v);
    vec_mix_copy(mix->data, &view, vec_kind_bytes((enum vec_kind)mix->type.kind), rows);
    if (rows.count == selection.count && mix->valid == NULL) {
        return true;
    }
    if (!vec_eval_bitmap(ev, expr, &mix->valid)) {
        return false;
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        vec_valid_clear(mix->valid, vec_row(selection, i));
    }
    for (uint32_t i = 0; i < rows.count; i++) {
        vec_valid_set(mix->valid, vec_row(rows, i));
    }
    return true;
}

void vec_mix_end(const struct vec_mix *mix, struct vec_vector *out)
{
    *out = (struct vec_vector){
        .type = mix->type, .form = VEC_FLAT, .data = mix->data, .valid = mix->valid};
}
