/* Rows as keys. See key.h.
 *
 * A column in a key, after its byte for null:
 *
 *     BOOLEAN       a byte
 *     INTEGER, DATE, BIGINT, TIMESTAMP, TIMESTAMPTZ
 *                   big-endian, the sign's bit turned around
 *     DOUBLE        the same of its bits; of a negative one all bits; one NaN, one zero
 *     INTERVAL      its length in microseconds as 128 bits, likewise
 *     NUMERIC       a byte for the sign; a byte for the place of the first digit; the digits from
 *                   there on in groups of 19, 8 bytes each, and behind each a byte that says
 * whether more of them follow that are not all zero. Of a negative one all but the first byte is
 * inverted TEXT          its bytes, 00 as 00 ff, then 00 00 JSONB         a byte for the kind;
 * strings as TEXT; numbers as a sign, a place and digits; arrays and objects as count and content:
 * that is PostgreSQL's order. An empty array that is the whole value comes before all else, as
 * there
 *
 * Where all columns have a fixed width and no nulls, keys have one, too, and the columns are
 * written one after the other in plain loops. */
#include "views/vec/key.h"

#include <assert.h>
#include <string.h>

#include "views/vec/calendar.h"
#include "views/vec/function_int.h"
#include "views/vec/interval.h"
#include "views/vec/key_int.h"
#include "views/vec/numeric_int.h"
#include "views/vec/real.h"

/* A group of NUMERIC's digits, and groups of the longest. */
#define VEC_KEY_GROUP  UINT64_C(10000000000000000000)
#define VEC_KEY_GROUPS (VEC_NUMERIC_DIGITS_MAX / VEC_KEY_GROUP_DIGITS)

static_assert(VEC_KEY_GROUPS * VEC_KEY_GROUP_DIGITS == VEC_NUMERIC_DIGITS_MAX,
              "the digits of a NUMERIC are whole groups");

/* Bytes of a value of a kind whose keys all have as many; 0 of others. */
static size_t vec_key_width(enum vec_kind kind)
{
    switch (kind) {
    case VEC_BOOLEAN: return 1;
    case VEC_INTEGER:
    case VEC_DATE: return 4;
    case VEC_BIGINT:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ:
    case VEC_DOUBLE: return 8;
    case VEC_INTERVAL: return 16;
    case VEC_NUMERIC:
    case VEC_TEXT:
    case VEC_JSONB:
    case VEC_NONE:
    case VEC_KIND_COUNT:
    default: return 0;
    }
}

/* --- Values of a fixed width --------------------------------------------------------------- */

static ALWAYS_INLINE void vec_key_put_u32(uint8_t *to, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(to, &value, sizeof(value));
}

static ALWAYS_INLINE void vec_key_put_u64(uint8_t *to, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(to, &value, sizeof(value));
}

static ALWAYS_INLINE void vec_key_put_int4(uint8_t *to, int32_t value)
{
    vec_key_put_u32(to, (uint32_t)value ^ UINT32_C(1) << 31);
}

static ALWAYS_INLINE void vec_key_put_int8(uint8_t *to, int64_t value)
{
    vec_key_put_u64(to, (uint64_t)value ^ UINT64_C(1) << 63);
}

static ALWAYS_INLINE void vec_key_put_double(uint8_t *to, double value)
{
    value = value != value ? (double)NAN : value + 0.0; /* one NaN, positive; -0 + 0 is 0 */
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    vec_key_put_u64(to, bits ^ ((uint64_t)((int64_t)bits >> 63) | UINT64_C(1) << 63));
}

static ALWAYS_INLINE void vec_key_put_interval(uint8_t *to, const struct vec_interval *value)
{
    __int128 length = vec_interval_length(value);
    vec_key_put_int8(to, (int64_t)(length >> 64));
    vec_key_put_u64(to + 8, (uint64_t)length);
}

/* Put `row`'s value of a fixed width. */
static ALWAYS_INLINE void vec_key_put(const struct vec_view *view, enum vec_kind kind, uint32_t row,
                                      uint8_t *to)
{
    switch (kind) {
    case VEC_BOOLEAN: *to = VEC_AT(view, uint8_t, row); break;
    case VEC_INTEGER:
    case VEC_DATE: vec_key_put_int4(to, VEC_AT(view, int32_t, row)); break;
    case VEC_BIGINT:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ: vec_key_put_int8(to, VEC_AT(view, int64_t, row)); break;
    case VEC_DOUBLE: vec_key_put_double(to, VEC_AT(view, double, row)); break;
    case VEC_INTERVAL: vec_key_put_interval(to, &VEC_AT(view, struct vec_interval, row)); break;
    case VEC_NUMERIC:
    case VEC_TEXT:
    case VEC_JSONB:
    case VEC_NONE:
    case VEC_KIND_COUNT:
    default: UNREACHABLE();
    }
}

/* --- Values of any width: how long, and written where `to` is not NULL -------------------------
 */

static void vec_key_invert(uint8_t *at, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        at[i] = (uint8_t)~at[i];
    }
}

/* Whether one of the eight bytes is zero. */
static ALWAYS_INLINE bool vec_key_word_has_zero(uint64_t word)
{
    return ((word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080)) != 0;
}

/* Up to 16 bytes as two words that overlap: their first and their last eight, or four, or one with
 * one of the middle. Texts are short and of changing lengths, so a loop over bytes would be guessed
 * wrongly each time. */
struct vec_key_ends {
    uint64_t first;
    uint64_t last;
};

static ALWAYS_INLINE struct vec_key_ends vec_key_ends(const char *data, size_t length)
{
    struct vec_key_ends ends;
    if (length >= 8) {
        memcpy(&ends.first, data, 8);
        memcpy(&ends.last, data + length - 8, 8);
    } else if (length >= 4) {
        uint32_t half[2];
        memcpy(&half[0], data, 4);
        memcpy(&half[1], data + length - 4, 4);
        ends.first = ends.last = (uint64_t)half[1] << 32 | half[0];
    } else {
        ends.first = UINT64_C(0x0101010101000000) | (uint8_t)data[0] |
                     (uint64_t)(uint8_t)data[length / 2] << 8 |
                     (uint64_t)(uint8_t)data[length - 1] << 16;
        ends.last = ends.first;
    }
    return ends;
}

static bool vec_key_has_zero(struct vec_text text)
{
    bool has_zero = false;
    for (; text.length > 16; text = vec_text(text.data + 8, text.length - 8)) {
        uint64_t word;
        memcpy(&word, text.data, sizeof(word));
        has_zero |= vec_key_word_has_zero(word);
    }
    struct vec_key_ends ends = vec_key_ends(text.data, text.length);
    return has_zero || vec_key_word_has_zero(ends.first) || vec_key_word_has_zero(ends.last);
}

/* The same way: copy `length` bytes (> 0). */
static ALWAYS_INLINE void vec_key_copy(uint8_t *to, const char *data, size_t length)
{
    if (length > 16) {
        memcpy(to, data, length);
        return;
    }
    struct vec_key_ends ends = vec_key_ends(data, length);
    if (length >= 8) {
        memcpy(to, &ends.first, 8);
        memcpy(to + length - 8, &ends.last, 8);
    } else if (length >= 4) {
        memcpy(to + length - 4, (const uint8_t *)&ends.first + 4, 4);
        memcpy(to, &ends.first, 4);
    } else {
        to[length - 1] = (uint8_t)(ends.first >> 16);
        to[length / 2] = (uint8_t)(ends.first >> 8);
        to[0] = (uint8_t)ends.first;
    }
}

/* A text with bytes that are zero. */
static size_t vec_key_text_escaped(struct vec_text text, uint8_t *to)
{
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        bool is_zero = text.data[i] == 0;
        if (to != NULL) {
            to[length] = (uint8_t)text.data[i];
            to[length + is_zero] = is_zero ? 0xff : to[length];
        }
        length += 1u + is_zero;
    }
    return length;
}

static ALWAYS_INLINE size_t vec_key_text(struct vec_text text, uint8_t *to)
{
    size_t length = text.length;
    if (length > 0 && UNLIKELY(vec_key_has_zero(text))) {
        length = vec_key_text_escaped(text, to);
    } else if (length > 0 && to != NULL) {
        vec_key_copy(to, text.data, length);
    }
    if (to != NULL) {
        to[length] = 0;
        to[length + 1] = 0;
    }
    return length + 2;
}

/* The digits of `value` (not 0), from the first on, as groups; how many until the last that is not
 * zero. *place is that of the first digit, from the point to the left. */
static size_t vec_key_groups(const struct vec_numeric *value, uint64_t *groups, int *place)
{
    unsigned digits = vec_numeric_digits(value->limb);
    *place = (int)digits - value->scale;
    if (digits <= VEC_KEY_GROUP_DIGITS) {
        groups[0] = value->limb[0] * vec_numeric_powers[VEC_KEY_GROUP_DIGITS - digits][0];
        return 1;
    }
    uint64_t wide[2 * VEC_NUMERIC_LIMBS];
    vec_wide_mul(wide, value->limb, VEC_NUMERIC_LIMBS,
                 vec_numeric_powers[VEC_NUMERIC_DIGITS_MAX - digits], VEC_NUMERIC_LIMBS);
    size_t count = 0;
    for (size_t i = VEC_KEY_GROUPS; i > 0; i--) {
        groups[i - 1] = vec_wide_div_small(wide, VEC_NUMERIC_LIMBS, VEC_KEY_GROUP);
        count = count == 0 && groups[i - 1] != 0 ? i : count;
    }
    return count;
}

static size_t vec_key_numeric(const struct vec_numeric *value, uint8_t *to)
{
    if (vec_numeric_is_zero(value)) {
        if (to != NULL) {
            to[0] = 1;
        }
        return 1;
    }
    uint64_t groups[VEC_KEY_GROUPS];
    int place;
    size_t count = vec_key_groups(value, groups, &place);
    size_t length = 2 + count * 9;
    if (to == NULL) {
        return length;
    }
    to[0] = value->is_negative ? 0 : 2;
    to[1] = (uint8_t)(place + 128);
    for (size_t i = 0; i < count; i++) {
        vec_key_put_u64(to + 2 + i * 9, groups[i]);
        to[2 + i * 9 + 8] = i + 1 < count;
    }
    if (value->is_negative) {
        vec_key_invert(to + 1, length - 1);
    }
    return length;
}

/* A number of JSONB, whose text has no exponent: sign, place of the point, digits, an end; zero is
 * a sign alone. */
static size_t vec_key_json_number(struct vec_text text, uint8_t *to)
{
    bool is_negative = text.length > 0 && text.data[0] == '-';
    text = vec_text(text.data + is_negative, text.length - is_negative);
    const char *point = memchr(text.data, '.', text.length);
    size_t whole = point != NULL ? (size_t)(point - text.data) : text.length;
    size_t end = text.length;
    while (end > 0 && (text.data[end - 1] == '0' || text.data[end - 1] == '.')) {
        end--; /* zeros at the end say nothing: the place of the point is known */
    }
    if (end == 0) {
        if (to != NULL) {
            to[0] = 1;
        }
        return 1;
    }
    size_t length = 5;
    for (size_t i = 0; i < end; i++) {
        if (text.data[i] != '.') {
            if (to != NULL) {
                to[length] = (uint8_t)text.data[i];
            }
            length++;
        }
    }
    if (to != NULL) {
        to[0] = is_negative ? 0 : 2;
        vec_key_put_u32(to + 1, (uint32_t)whole);
        to[length] = 0;
        if (is_negative) {
            vec_key_invert(to + 1, length);
        }
    }
    return length + 1;
}

/* `to` + `length`, where there is one. */
static uint8_t *vec_key_behind(uint8_t *to, size_t length)
{
    return to != NULL ? to + length : NULL;
}

static size_t vec_key_jsonb(struct vec_jsonb value, bool is_root, uint8_t *to)
{
    enum vec_jsonb_kind kind = vec_jsonb_kind(value);
    struct vec_text text = vec_text((const char *)value.data + 1, value.length - 1);
    uint32_t count = vec_jsonb_count(value);
    bool is_least = is_root && kind == VEC_JSONB_ARRAY && count == 0;
    if (to != NULL) {
        to[0] = is_least ? VEC_KEY_JSONB_LEAST : (uint8_t)(kind + 1);
    }
    if (kind == VEC_JSONB_STRING) {
        return 1 + vec_key_text(text, vec_key_behind(to, 1));
    }
    if (kind == VEC_JSONB_NUMBER) {
        return 1 + vec_key_json_number(text, vec_key_behind(to, 1));
    }
    if (kind < VEC_JSONB_ARRAY || is_least) {
        return 1;
    }
    if (to != NULL) {
        vec_key_put_u32(to + 1, count);
    }
    size_t length = 5;
    for (uint32_t i = 0; i < count; i++) {
        if (kind == VEC_JSONB_ARRAY) {
            length += vec_key_jsonb(vec_jsonb_element(value, i), false, vec_key_behind(to, length));
            continue;
        }
        length += vec_key_text(vec_jsonb_key(value, i), vec_key_behind(to, length));
        length += vec_key_jsonb(vec_jsonb_value(value, i), false, vec_key_behind(to, length));
    }
    return length;
}

static ALWAYS_INLINE size_t vec_key_wide(const struct vec_view *view, enum vec_kind kind,
                                         uint32_t row, uint8_t *to)
{
    switch ((int)kind) {
    case VEC_NUMERIC: return vec_key_numeric(&VEC_AT(view, struct vec_numeric, row), to);
    case VEC_TEXT: return vec_key_text(vec_text_of(VEC_AT(view, struct vec_bytes, row)), to);
    case VEC_JSONB:
        return vec_key_jsonb(vec_jsonb_of(VEC_AT(view, struct vec_bytes, row)), true, to);
    default: UNREACHABLE();
    }
}

/* --- Keys ------------------------------------------------------------------------------------ */

/* sizes[i] += the bytes of the column in the i-th row. */
static void vec_keys_measure(const struct vec_vector *column, struct vec_selection selection,
                             uint64_t *sizes)
{
    enum vec_kind kind = (enum vec_kind)column->type.kind;
    size_t width = vec_key_width(kind);
    struct vec_view view = vec_view(column);
    for (VEC_ROWS_EACH(selection, i, row)) {
        sizes[i]++;
        if (vec_view_is_valid(&view, row)) {
            sizes[i] += width > 0 ? width : vec_key_wide(&view, kind, row, NULL);
        }
    }
}

/* Write the column into all keys; at[i] is where in `data`, and moves on. */
static void vec_keys_put(const struct vec_vector *column, struct vec_order order,
                         struct vec_selection selection, uint8_t *data, uint32_t *at)
{
    enum vec_kind kind = (enum vec_kind)column->type.kind;
    size_t width = vec_key_width(kind);
    struct vec_view view = vec_view(column);
    for (VEC_ROWS_EACH(selection, i, row)) {
        uint8_t *to = data + at[i];
        at[i]++;
        if (!vec_view_is_valid(&view, row)) {
            *to = order.is_null_first ? VEC_KEY_NULL_FIRST : VEC_KEY_NULL_LAST;
            continue;
        }
        *to++ = VEC_KEY_VALUE;
        size_t length = width;
        if (width > 0) {
            vec_key_put(&view, kind, row, to);
        } else {
            length = vec_key_wide(&view, kind, row, to);
        }
        at[i] += (uint32_t)length;
        if (order.is_descending) {
            vec_key_invert(to, length);
        }
    }
}

#define VEC_KEYS_FIXED(kind, width)                                                                \
    for (VEC_ROWS_EACH(selection, i, row)) {                                                       \
        uint8_t *to = data + (size_t)i * stride;                                                   \
        *to = VEC_KEY_VALUE;                                                                       \
        vec_key_put(&view, kind, row, to + 1);                                                     \
        if (is_descending) {                                                                       \
            vec_key_invert(to + 1, width);                                                         \
        }                                                                                          \
    }

/* The same where keys are `stride` long, the column is of a fixed width and has no nulls. */
static void vec_keys_put_fixed(const struct vec_vector *column, bool is_descending,
                               struct vec_selection selection, uint8_t *data, size_t stride)
{
    struct vec_view view = vec_view(column);
    switch ((int)column->type.kind) {
    case VEC_BOOLEAN: VEC_KEYS_FIXED(VEC_BOOLEAN, 1) break;
    case VEC_INTEGER:
    case VEC_DATE: VEC_KEYS_FIXED(VEC_INTEGER, 4) break;
    case VEC_BIGINT:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ: VEC_KEYS_FIXED(VEC_BIGINT, 8) break;
    case VEC_DOUBLE: VEC_KEYS_FIXED(VEC_DOUBLE, 8) break;
    case VEC_INTERVAL: VEC_KEYS_FIXED(VEC_INTERVAL, 16) break;
    default: UNREACHABLE();
    }
}

/* Bytes of each key where all have as many; else 0. */
static size_t vec_keys_stride(const struct vec_vector *const *columns, uint32_t count)
{
    size_t stride = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t width = vec_key_width((enum vec_kind)columns[i]->type.kind);
        if (width == 0 || columns[i]->valid != NULL) {
            return 0;
        }
        stride += 1 + width;
    }
    return stride;
}

static enum err vec_keys_make_fixed(struct arena *a, const struct vec_vector *const *columns,
                                    const struct vec_order *orders, uint32_t count,
                                    struct vec_selection selection, size_t stride,
                                    struct vec_keys *out)
{
    uint8_t *data = arena_alloc(a, selection.count * stride, 8);
    if (data == NULL) {
        return a->err;
    }
    size_t first = 0;
    for (uint32_t i = 0; i < count; i++) {
        vec_keys_put_fixed(columns[i], orders != NULL && orders[i].is_descending, selection,
                           data + first, stride);
        first += 1 + vec_key_width((enum vec_kind)columns[i]->type.kind);
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        out->ends[i] = (uint32_t)((i + 1) * stride);
    }
    out->data = data;
    return ERR_OK;
}

enum err vec_keys_make(struct arena *a, const struct vec_vector *const *columns,
                       const struct vec_order *orders, uint32_t count,
                       struct vec_selection selection, struct vec_keys *out)
{
    *out = (struct vec_keys){.count = selection.count};
    out->ends = arena_alloc(a, selection.count * sizeof(*out->ends), sizeof(uint64_t));
    if (out->ends == NULL) {
        return a->err;
    }
    size_t stride = vec_keys_stride(columns, count);
    if (stride > 0 && stride <= UINT32_MAX / VEC_ROWS_MAX) {
        return vec_keys_make_fixed(a, columns, orders, count, selection, stride, out);
    }
    uint64_t *sizes = arena_alloc_zeroed(a, selection.count * sizeof(*sizes), sizeof(*sizes));
    uint32_t *at = arena_alloc(a, selection.count * sizeof(*at), sizeof(*at));
    if (sizes == NULL || at == NULL) {
        return a->err;
    }
    for (uint32_t i = 0; i < count; i++) {
        vec_keys_measure(columns[i], selection, sizes);
    }
    uint64_t total = 0;
    for (uint32_t i = 0; i < selection.count; i++) {
        at[i] = (uint32_t)total;
        total += sizes[i];
        if (total > UINT32_MAX) {
            return ERR_TOO_LARGE;
        }
        out->ends[i] = (uint32_t)total;
    }
    uint8_t *data = arena_alloc(a, total, 8);
    if (data == NULL) {
        return a->err;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct vec_order order = orders != NULL ? orders[i] : (struct vec_order){0};
        vec_keys_put(columns[i], order, selection, data, at);
    }
    out->data = data;
    return ERR_OK;
}

int vec_value_compare(struct vec_type type, const struct vec_value *a, const struct vec_value *b)
{
    ASSERT(!a->is_null);
    ASSERT(!b->is_null);
    switch ((enum vec_kind)type.kind) {
    case VEC_BOOLEAN: return (a->u.boolean > b->u.boolean) - (a->u.boolean < b->u.boolean);
    case VEC_INTEGER:
    case VEC_DATE: return (a->u.int4 > b->u.int4) - (a->u.int4 < b->u.int4);
    case VEC_BIGINT:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ: return (a->u.int8 > b->u.int8) - (a->u.int8 < b->u.int8);
    case VEC_DOUBLE: return vec_real_compare(a->u.real, b->u.real);
    case VEC_NUMERIC: return vec_numeric_compare(&a->u.numeric, &b->u.numeric);
    case VEC_TEXT: return vec_text_compare(vec_text_of(a->u.bytes), vec_text_of(b->u.bytes));
    case VEC_INTERVAL: return vec_interval_compare(&a->u.interval, &b->u.interval);
    case VEC_JSONB: return vec_jsonb_compare(vec_jsonb_of(a->u.bytes), vec_jsonb_of(b->u.bytes));
    case VEC_NONE:
    case VEC_KIND_COUNT:
    default: UNREACHABLE();
    }
}
