/* Integers as text. See integer.h. */
#include "views/vec/integer.h"

#include "base/units.h"

#include "views/vec/scan.h"

static enum vec_fault vec_integer_parse(const char *text, size_t length, int64_t minimum,
                                        int64_t *out)
{
    struct vec_scan s = vec_scan(text, length);
    vec_scan_trim(&s);
    bool is_negative = vec_scan_byte(&s, '-');
    if (!is_negative) {
        (void)vec_scan_byte(&s, '+');
    }
    if (s.at == s.end || !vec_scan_is_digit(*s.at)) {
        return VEC_FAULT_SYNTAX;
    }
    int64_t value = 0; /* negative while it is read: the range is wider there */
    for (; s.at < s.end && vec_scan_is_digit(*s.at); s.at++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, *s.at - '0', &value) || value < minimum) {
            return VEC_FAULT_TEXT_RANGE;
        }
    }
    if (s.at != s.end) {
        return VEC_FAULT_SYNTAX;
    }
    if (!is_negative && value == minimum) {
        return VEC_FAULT_TEXT_RANGE;
    }
    *out = is_negative ? value : -value;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_int4_parse(const char *text, size_t length, int32_t *out)
{
    int64_t wide = 0;
    enum vec_fault fault = vec_integer_parse(text, length, INT32_MIN, &wide);
    if (fault == VEC_FAULT_NONE) {
        *out = (int32_t)wide;
    }
    return fault;
}

enum vec_fault vec_int8_parse(const char *text, size_t length, int64_t *out)
{
    return vec_integer_parse(text, length, INT64_MIN, out);
}

void vec_int8_write(struct bytes_writer *w, int64_t value)
{
    char digits[UNITS_U64_BYTES];
    if (value < 0) {
        bytes_put_u8(w, '-');
    }
    size_t length = units_write_u64(digits, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    bytes_put_copy(w, digits, length);
}
