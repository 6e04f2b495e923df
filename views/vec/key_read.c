/* Values read back from keys of ascending columns. See key.h, and key.c for the form.
 *
 * Keys are our own bytes: that they are whole is asserted, not handled. */
#include <string.h>

#include "base/assert.h"
#include "views/vec/function_int.h"
#include "views/vec/jsonb.h"
#include "views/vec/key.h"
#include "views/vec/key_int.h"
#include "views/vec/numeric_int.h"

static const uint8_t *vec_key_take(struct vec_key_reader *r, size_t length)
{
    ASSERT((size_t)(r->end - r->at) >= length);
    const uint8_t *at = r->at;
    r->at += length;
    return at;
}

static uint32_t vec_key_take_u32(struct vec_key_reader *r)
{
    uint32_t value;
    memcpy(&value, vec_key_take(r, sizeof(value)), sizeof(value));
    return __builtin_bswap32(value);
}

static uint64_t vec_key_take_u64(struct vec_key_reader *r)
{
    uint64_t value;
    memcpy(&value, vec_key_take(r, sizeof(value)), sizeof(value));
    return __builtin_bswap64(value);
}

/* Step over a text, whose bytes that are 00 have ff behind them; *has_zero: there are some. Returns
 * its bytes in the key, without its end. */
static size_t vec_key_text_skip(struct vec_key_reader *r, bool *has_zero)
{
    const uint8_t *first = r->at;
    *has_zero = false;
    for (;;) {
        const uint8_t *zero = memchr(r->at, 0, (size_t)(r->end - r->at));
        ASSERT(zero != NULL);
        ASSERT(zero + 1 < r->end);
        r->at = zero + 2;
        if (zero[1] == 0) {
            return (size_t)(zero - first);
        }
        *has_zero = true;
    }
}

/* A text: in the key, or without its escapes in `a`. */
static bool vec_key_text_read(struct vec_key_reader *r, struct arena *a, struct vec_bytes *out)
{
    const uint8_t *first = r->at;
    bool has_zero;
    size_t length = vec_key_text_skip(r, &has_zero);
    *out = (struct vec_bytes){.data = (const char *)first, .length = (uint32_t)length};
    if (!has_zero) {
        return true;
    }
    char *copy = arena_alloc(a, length, 1);
    if (copy == NULL) {
        return false;
    }
    out->data = copy;
    out->length = 0;
    for (size_t i = 0; i < length; i++) {
        copy[out->length++] = (char)first[i];
        i += first[i] == 0;
    }
    return true;
}

/* A NUMERIC that has `scale` digits behind the point, whatever its key says of them. */
static void vec_key_numeric_read(struct vec_key_reader *r, uint8_t scale, struct vec_numeric *out)
{
    *out = (struct vec_numeric){.scale = scale};
    uint8_t sign = *vec_key_take(r, 1);
    if (sign == 1) {
        return;
    }
    bool is_negative = sign == 0;
    uint8_t flip = is_negative ? 0xff : 0;
    uint64_t flips = is_negative ? UINT64_MAX : 0;
    int place = (*vec_key_take(r, 1) ^ flip) - 128;
    int digits = place + scale; /* of the integer, those that no group says included */
    bool has_more = true;
    while (has_more) {
        uint64_t group = vec_key_take_u64(r) ^ flips;
        has_more = (*vec_key_take(r, 1) ^ flip) != 0;
        int taken = digits < VEC_KEY_GROUP_DIGITS ? digits : VEC_KEY_GROUP_DIGITS;
        ASSERT(taken > 0);
        uint64_t rest = vec_numeric_powers[VEC_KEY_GROUP_DIGITS - taken][0];
        ASSERT(group % rest == 0);
        uint64_t over = vec_wide_mul_small(out->limb, VEC_NUMERIC_LIMBS,
                                           vec_numeric_powers[taken][0], group / rest);
        ASSERT(over == 0);
        digits -= taken;
    }
    for (; digits > 0; digits--) {
        uint64_t over = vec_wide_mul_small(out->limb, VEC_NUMERIC_LIMBS, 10, 0);
        ASSERT(over == 0);
    }
    out->is_negative = is_negative;
}

static void vec_key_numeric_skip(struct vec_key_reader *r)
{
    uint8_t sign = *vec_key_take(r, 1);
    if (sign == 1) {
        return;
    }
    uint8_t end = sign == 0 ? 0xff : 0;
    vec_key_take(r, 1);
    while (vec_key_take(r, 9)[8] != end) {
    }
}

/* Sign, place, digits and their end. */
static void vec_key_json_number_skip(struct vec_key_reader *r)
{
    uint8_t sign = *vec_key_take(r, 1);
    if (sign == 1) {
        return;
    }
    vec_key_take(r, 4);
    const uint8_t *end = memchr(r->at, sign == 0 ? 0xff : 0, (size_t)(r->end - r->at));
    ASSERT(end != NULL);
    r->at = end + 1;
}

/* At most VEC_JSONB_DEPTH_MAX deep. */
static void vec_key_jsonb_skip(struct vec_key_reader *r)
{
    bool has_zero;
    uint8_t first = *vec_key_take(r, 1);
    if (first == VEC_KEY_JSONB_LEAST) {
        return;
    }
    enum vec_jsonb_kind kind = (enum vec_jsonb_kind)(first - 1);
    if (kind == VEC_JSONB_STRING) {
        vec_key_text_skip(r, &has_zero);
    } else if (kind == VEC_JSONB_NUMBER) {
        vec_key_json_number_skip(r);
    }
    uint32_t count = kind >= VEC_JSONB_ARRAY ? vec_key_take_u32(r) : 0;
    for (uint32_t i = 0; i < count; i++) {
        if (kind == VEC_JSONB_OBJECT) {
            vec_key_text_skip(r, &has_zero);
        }
        vec_key_jsonb_skip(r);
    }
}

bool vec_key_read(struct vec_key_reader *r, struct vec_type type, struct arena *a,
                  struct vec_value *out)
{
    uint8_t first = *vec_key_take(r, 1);
    *out = (struct vec_value){.is_null = first != VEC_KEY_VALUE};
    if (out->is_null) {
        return true;
    }
    switch ((enum vec_kind)type.kind) {
    case VEC_BOOLEAN: out->u.boolean = *vec_key_take(r, 1); return true;
    case VEC_INTEGER:
    case VEC_DATE: out->u.int4 = (int32_t)(vec_key_take_u32(r) ^ UINT32_C(1) << 31); return true;
    case VEC_BIGINT:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ:
        out->u.int8 = (int64_t)(vec_key_take_u64(r) ^ UINT64_C(1) << 63);
        return true;
    case VEC_TEXT: return vec_key_text_read(r, a, &out->u.bytes);
    case VEC_NUMERIC:
        ASSERT(type.precision > 0);
        vec_key_numeric_read(r, type.scale, &out->u.numeric);
        return true;
    case VEC_DOUBLE:
    case VEC_INTERVAL:
    case VEC_JSONB:
    case VEC_NONE:
    case VEC_KIND_COUNT:
    default: UNREACHABLE();
    }
}

void vec_key_skip(struct vec_key_reader *r, struct vec_type type)
{
    bool has_zero;
    if (*vec_key_take(r, 1) != VEC_KEY_VALUE) {
        return;
    }
    switch ((enum vec_kind)type.kind) {
    case VEC_BOOLEAN: vec_key_take(r, 1); return;
    case VEC_INTEGER:
    case VEC_DATE: vec_key_take(r, 4); return;
    case VEC_BIGINT:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ:
    case VEC_DOUBLE: vec_key_take(r, 8); return;
    case VEC_INTERVAL: vec_key_take(r, 16); return;
    case VEC_TEXT: vec_key_text_skip(r, &has_zero); return;
    case VEC_NUMERIC: vec_key_numeric_skip(r); return;
    case VEC_JSONB: vec_key_jsonb_skip(r); return;
    case VEC_NONE:
    case VEC_KIND_COUNT:
    default: UNREACHABLE();
    }
}
