/* Comparing two columns. See compare.h.
 *
 * "Greater" is "less" with the sides changed, so there are four loops for a type. Those of types of
 * a fixed width, over flat columns and constants, have no branch: the compiler makes vector
 * instructions of them, and where most rows are wanted they compute all. Everything else reads
 * through views, row by row. */
#include "views/vec/compare.h"

#include <string.h>

#include "views/vec/calendar.h"
#include "views/vec/function_int.h"
#include "views/vec/numeric.h"
#include "views/vec/real.h"

/* A loop over the first `count` rows, each side flat or constant (not both, or it is one row),
 * `expression` being of a and b. */
#define VEC_COMPARE_DENSE(a_type, b_type, expression)                                              \
    do {                                                                                           \
        const a_type *a_data = va.data;                                                            \
        const b_type *b_data = vb.data;                                                            \
        if (va.row_mask == 0) {                                                                    \
            const a_type a = a_data[0];                                                            \
            for (uint32_t row = 0; row < count; row++) {                                           \
                const b_type b = b_data[row];                                                      \
                out[row] = (uint8_t)(expression);                                                  \
            }                                                                                      \
        } else if (vb.row_mask == 0) {                                                             \
            const b_type b = b_data[0];                                                            \
            for (uint32_t row = 0; row < count; row++) {                                           \
                const a_type a = a_data[row];                                                      \
                out[row] = (uint8_t)(expression);                                                  \
            }                                                                                      \
        } else {                                                                                   \
            for (uint32_t row = 0; row < count; row++) {                                           \
                const a_type a = a_data[row];                                                      \
                const b_type b = b_data[row];                                                      \
                out[row] = (uint8_t)(expression);                                                  \
            }                                                                                      \
        }                                                                                          \
    } while (0)

/* The same over the rows of a selection, whatever the forms. */
#define VEC_COMPARE_ROWS(a_type, b_type, expression)                                               \
    for (VEC_ROWS_EACH(selection, i, row)) {                                                       \
        const a_type a = VEC_AT(&va, a_type, row);                                                 \
        const b_type b = VEC_AT(&vb, b_type, row);                                                 \
        out[row] = (uint8_t)(expression);                                                          \
    }

#define VEC_COMPARE_EITHER(a_type, b_type, expression)                                             \
    if (count > 0) {                                                                               \
        VEC_COMPARE_DENSE(a_type, b_type, expression);                                             \
    } else {                                                                                       \
        VEC_COMPARE_ROWS(a_type, b_type, expression)                                               \
    }

#define VEC_COMPARE_BEGIN(name)                                                                    \
    static void name(enum vec_comparison comparison, struct vec_view va, struct vec_view vb,       \
                     struct vec_selection selection, uint8_t *out)

/* What is compared without a branch. */
#define VEC_COMPARE_FAST(name, a_type, b_type, equal, unequal, less, less_equal)                   \
    VEC_COMPARE_BEGIN(name)                                                                        \
    {                                                                                              \
        uint32_t count = va.codes == NULL && vb.codes == NULL ? vec_rows_dense(selection) : 0;     \
        switch ((int)comparison) {                                                                 \
        case VEC_EQUAL: VEC_COMPARE_EITHER(a_type, b_type, equal) break;                           \
        case VEC_NOT_EQUAL: VEC_COMPARE_EITHER(a_type, b_type, unequal) break;                     \
        case VEC_LESS: VEC_COMPARE_EITHER(a_type, b_type, less) break;                             \
        case VEC_LESS_EQUAL: VEC_COMPARE_EITHER(a_type, b_type, less_equal) break;                 \
        default: UNREACHABLE();                                                                    \
        }                                                                                          \
    }

/* What a function compares. */
#define VEC_COMPARE_SLOW(name, a_type, b_type, order)                                              \
    VEC_COMPARE_BEGIN(name)                                                                        \
    {                                                                                              \
        switch ((int)comparison) {                                                                 \
        case VEC_EQUAL: VEC_COMPARE_ROWS(a_type, b_type, (order) == 0) break;                      \
        case VEC_NOT_EQUAL: VEC_COMPARE_ROWS(a_type, b_type, (order) != 0) break;                  \
        case VEC_LESS: VEC_COMPARE_ROWS(a_type, b_type, (order) < 0) break;                        \
        case VEC_LESS_EQUAL: VEC_COMPARE_ROWS(a_type, b_type, (order) <= 0) break;                 \
        default: UNREACHABLE();                                                                    \
        }                                                                                          \
    }

#define VEC_COMPARE_PLAIN(name, a_type, b_type)                                                    \
    VEC_COMPARE_FAST(name, a_type, b_type, a == b, a != b, a < b, a <= b)

VEC_COMPARE_PLAIN(vec_compare_boolean, uint8_t, uint8_t)
VEC_COMPARE_PLAIN(vec_compare_int4, int32_t, int32_t)
VEC_COMPARE_PLAIN(vec_compare_int48, int32_t, int64_t)
VEC_COMPARE_PLAIN(vec_compare_int84, int64_t, int32_t)
VEC_COMPARE_PLAIN(vec_compare_int8, int64_t, int64_t)

/* NaN is equal to itself and above all. */
VEC_COMPARE_FAST(vec_compare_double_any, double, double, (a == b) | ((a != a) & (b != b)),
                 !((a == b) | ((a != a) & (b != b))), (a < b) | ((a == a) & (b != b)),
                 (a <= b) | (b != b))
VEC_COMPARE_PLAIN(vec_compare_double_finite, double, double)

/* Whether none of the first `count` is infinite or NaN. */
static bool vec_compare_is_finite(const struct vec_view *view, uint32_t count)
{
    const double *data = view->data;
    uint64_t bad = 0;
    count = view->row_mask == 0 ? 1 : count;
    for (uint32_t row = 0; row < count; row++) {
        bad |= vec_bits_infinite(data[row]);
    }
    return bad >> 63 == 0;
}

/* A look at the exponents first is cheaper than a look at NaN with each comparison. */
VEC_COMPARE_BEGIN(vec_compare_double)
{
    uint32_t count = va.codes == NULL && vb.codes == NULL ? vec_rows_dense(selection) : 0;
    if (count > 0 && vec_compare_is_finite(&va, count) && vec_compare_is_finite(&vb, count)) {
        vec_compare_double_finite(comparison, va, vb, selection, out);
    } else {
        vec_compare_double_any(comparison, va, vb, selection, out);
    }
}

/* A day and a moment; days that no timestamp reaches are beyond all of them but infinity. */
static int vec_compare_day(int32_t date, int64_t at)
{
    int64_t begin;
    if (vec_date_to_timestamp(date, &begin) != VEC_FAULT_NONE) {
        return at == VEC_TIMESTAMP_INFINITY ? -1 : 1;
    }
    return (begin > at) - (begin < at);
}

static ALWAYS_INLINE int vec_compare_bytes(struct vec_bytes a, struct vec_bytes b)
{
    return vec_text_compare(vec_text_of(a), vec_text_of(b));
}

VEC_COMPARE_SLOW(vec_compare_date_timestamp, int32_t, int64_t, vec_compare_day(a, b))
VEC_COMPARE_SLOW(vec_compare_timestamp_date, int64_t, int32_t, -vec_compare_day(b, a))
VEC_COMPARE_SLOW(vec_compare_numeric, struct vec_numeric, struct vec_numeric,
                 vec_numeric_compare(&a, &b))
VEC_COMPARE_SLOW(vec_compare_interval, struct vec_interval, struct vec_interval,
                 vec_interval_compare(&a, &b))
VEC_COMPARE_SLOW(vec_compare_jsonb, struct vec_bytes, struct vec_bytes,
                 vec_jsonb_compare(vec_jsonb_of(a), vec_jsonb_of(b)))
VEC_COMPARE_SLOW(vec_compare_text_order, struct vec_bytes, struct vec_bytes,
                 vec_compare_bytes(a, b))

/* Texts of different lengths are not equal. */
static ALWAYS_INLINE bool vec_compare_bytes_equal(struct vec_bytes a, struct vec_bytes b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

VEC_COMPARE_BEGIN(vec_compare_text)
{
    if (comparison == VEC_EQUAL) {
        VEC_COMPARE_ROWS(struct vec_bytes, struct vec_bytes, vec_compare_bytes_equal(a, b))
    } else if (comparison == VEC_NOT_EQUAL) {
        VEC_COMPARE_ROWS(struct vec_bytes, struct vec_bytes, !vec_compare_bytes_equal(a, b))
    } else {
        vec_compare_text_order(comparison, va, vb, selection, out);
    }
}

/* What compares two kinds. */
typedef void vec_compare_fn(enum vec_comparison comparison, struct vec_view va, struct vec_view vb,
                            struct vec_selection selection, uint8_t *out);

static vec_compare_fn *const vec_compare_pairs[VEC_KIND_COUNT][VEC_KIND_COUNT] = {
    [VEC_BOOLEAN][VEC_BOOLEAN] = vec_compare_boolean,
    [VEC_INTEGER][VEC_INTEGER] = vec_compare_int4,
    [VEC_INTEGER][VEC_BIGINT] = vec_compare_int48,
    [VEC_BIGINT][VEC_INTEGER] = vec_compare_int84,
    [VEC_BIGINT][VEC_BIGINT] = vec_compare_int8,
    [VEC_DOUBLE][VEC_DOUBLE] = vec_compare_double,
    [VEC_NUMERIC][VEC_NUMERIC] = vec_compare_numeric,
    [VEC_TEXT][VEC_TEXT] = vec_compare_text,
    [VEC_DATE][VEC_DATE] = vec_compare_int4,
    [VEC_DATE][VEC_TIMESTAMP] = vec_compare_date_timestamp,
    [VEC_DATE][VEC_TIMESTAMPTZ] = vec_compare_date_timestamp,
    [VEC_TIMESTAMP][VEC_DATE] = vec_compare_timestamp_date,
    [VEC_TIMESTAMP][VEC_TIMESTAMP] = vec_compare_int8,
    [VEC_TIMESTAMP][VEC_TIMESTAMPTZ] = vec_compare_int8,
    [VEC_TIMESTAMPTZ][VEC_DATE] = vec_compare_timestamp_date,
    [VEC_TIMESTAMPTZ][VEC_TIMESTAMP] = vec_compare_int8,
    [VEC_TIMESTAMPTZ][VEC_TIMESTAMPTZ] = vec_compare_int8,
    [VEC_INTERVAL][VEC_INTERVAL] = vec_compare_interval,
    [VEC_JSONB][VEC_JSONB] = vec_compare_jsonb,
};

bool vec_is_comparable(enum vec_kind a, enum vec_kind b)
{
    ASSERT(a < VEC_KIND_COUNT);
    ASSERT(b < VEC_KIND_COUNT);
    return vec_compare_pairs[a][b] != NULL;
}

void vec_compare(enum vec_comparison comparison, const struct vec_vector *a,
                 const struct vec_vector *b, struct vec_selection selection, uint8_t *out)
{
    ASSERT(vec_is_comparable((enum vec_kind)a->type.kind, (enum vec_kind)b->type.kind));
    if (comparison == VEC_GREATER || comparison == VEC_GREATER_EQUAL) {
        const struct vec_vector *left = a;
        a = b;
        b = left;
        comparison = comparison == VEC_GREATER ? VEC_LESS : VEC_LESS_EQUAL;
    }
    vec_compare_fn *compare = vec_compare_pairs[a->type.kind][b->type.kind];
    if (a->form != VEC_CONSTANT || b->form != VEC_CONSTANT) {
        compare(comparison, vec_view(a), vec_view(b), selection, out);
        return;
    }
    if (selection.count > 0) {
        uint8_t truth;
        struct vec_selection one = {.count = 1};
        compare(comparison, vec_view(a), vec_view(b), one, &truth);
        memset(out, truth, vec_rows_count(selection));
    }
}
