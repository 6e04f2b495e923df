/* JSONB to text and to other types; and whether bytes are one. See jsonb.h. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "views/vec/jsonb.h"
#include "views/vec/jsonb_int.h"
#include "views/vec/real.h"
#include "views/vec/scan.h"

static bool vec_jsonb_check(struct bytes_reader *r, unsigned depth);

void vec_jsonb_write_string(struct bytes_writer *w, struct vec_text text)
{
    static const char escapes[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    const char *end = text.data + text.length;
    bytes_put_u8(w, '"');
    for (const char *at = text.data; at < end;) {
        const char *plain = at;
        while (at < end && (unsigned char)*at >= 0x20 && *at != '"' && *at != '\\') {
            at++;
        }
        if (at > plain) {
            bytes_put_copy(w, plain, (size_t)(at - plain));
        }
        if (at == end) {
            break;
        }
        char escape[8] = {'\\'};
        int length = 2;
        for (size_t i = 0; i < sizeof(escapes) - 1; i += 2) {
            if (escapes[i] == *at) {
                escape[1] = escapes[i + 1];
            }
        }
        if (escape[1] == '\0') {
            length = snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)(unsigned char)*at);
        }
        bytes_put_copy(w, escape, (size_t)length);
        at++;
    }
    bytes_put_u8(w, '"');
}

void vec_jsonb_write(struct bytes_writer *w, struct vec_jsonb value, bool is_spaced)
{
    enum vec_jsonb_kind kind = vec_jsonb_kind(value);
    struct vec_text characters = vec_jsonb_characters(value);
    switch (kind) {
    case VEC_JSONB_NULL: bytes_put_copy(w, "null", 4); return;
    case VEC_JSONB_TRUE: bytes_put_copy(w, "true", 4); return;
    case VEC_JSONB_FALSE: bytes_put_copy(w, "false", 5); return;
    case VEC_JSONB_NUMBER: bytes_put_copy(w, characters.data, characters.length); return;
    case VEC_JSONB_STRING: vec_jsonb_write_string(w, characters); return;
    case VEC_JSONB_ARRAY:
    case VEC_JSONB_OBJECT: break;
    default: UNREACHABLE();
    }
    bool is_object = kind == VEC_JSONB_OBJECT;
    uint32_t count = vec_jsonb_count(value);
    bytes_put_u8(w, is_object ? '{' : '[');
    for (uint32_t i = 0; i < count && w->err == ERR_OK; i++) {
        if (i > 0) {
            bytes_put_copy(w, ", ", is_spaced ? 2 : 1);
        }
        if (is_object) {
            vec_jsonb_write_string(w, vec_jsonb_key(value, i));
            bytes_put_copy(w, ": ", is_spaced ? 2 : 1);
        }
        vec_jsonb_write(w, is_object ? vec_jsonb_value(value, i) : vec_jsonb_element(value, i),
                        is_spaced);
    }
    bytes_put_u8(w, is_object ? '}' : ']');
}

bool vec_jsonb_text(struct bytes_writer *w, struct vec_jsonb value)
{
    enum vec_jsonb_kind kind = vec_jsonb_kind(value);
    struct vec_text characters = vec_jsonb_characters(value);
    if (kind == VEC_JSONB_NULL) {
        return false;
    }
    if (kind != VEC_JSONB_STRING) {
        vec_jsonb_write(w, value, true);
    } else if (characters.length > 0) {
        bytes_put_copy(w, characters.data, characters.length);
    }
    return true;
}

/* The fault of a value that cannot be cast. */
static enum vec_fault vec_jsonb_cast_fault(struct vec_jsonb value)
{
    static const enum vec_fault faults[] = {
        [VEC_JSONB_NULL] = VEC_FAULT_JSON_CAST_NULL,
        [VEC_JSONB_STRING] = VEC_FAULT_JSON_CAST_STRING,
        [VEC_JSONB_NUMBER] = VEC_FAULT_JSON_CAST_NUMBER,
        [VEC_JSONB_FALSE] = VEC_FAULT_JSON_CAST_BOOLEAN,
        [VEC_JSONB_TRUE] = VEC_FAULT_JSON_CAST_BOOLEAN,
        [VEC_JSONB_ARRAY] = VEC_FAULT_JSON_CAST_ARRAY,
        [VEC_JSONB_OBJECT] = VEC_FAULT_JSON_CAST_OBJECT,
    };
    return faults[vec_jsonb_kind(value)];
}

enum vec_fault vec_jsonb_to_boolean(struct vec_jsonb value, bool *out)
{
    enum vec_jsonb_kind kind = vec_jsonb_kind(value);
    if (kind != VEC_JSONB_TRUE && kind != VEC_JSONB_FALSE) {
        return vec_jsonb_cast_fault(value);
    }
    *out = kind == VEC_JSONB_TRUE;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_jsonb_to_numeric(struct vec_jsonb value, struct vec_numeric *out)
{
    if (vec_jsonb_kind(value) != VEC_JSONB_NUMBER) {
        return vec_jsonb_cast_fault(value);
    }
    struct vec_text digits = vec_jsonb_characters(value);
    return vec_numeric_parse(digits.data, digits.length, out);
}

enum vec_fault vec_jsonb_to_int4(struct vec_jsonb value, int32_t *out)
{
    struct vec_numeric number;
    enum vec_fault fault = vec_jsonb_to_numeric(value, &number);
    if (fault == VEC_FAULT_NUMERIC) {
        return VEC_FAULT_INTEGER;
    }
    return fault != VEC_FAULT_NONE ? fault : vec_numeric_to_int4(&number, out);
}

enum vec_fault vec_jsonb_to_int8(struct vec_jsonb value, int64_t *out)
{
    struct vec_numeric number;
    enum vec_fault fault = vec_jsonb_to_numeric(value, &number);
    if (fault == VEC_FAULT_NUMERIC) {
        return VEC_FAULT_BIGINT;
    }
    return fault != VEC_FAULT_NONE ? fault : vec_numeric_to_int8(&number, out);
}

enum vec_fault vec_jsonb_to_double(struct vec_jsonb value, double *out)
{
    if (vec_jsonb_kind(value) != VEC_JSONB_NUMBER) {
        return vec_jsonb_cast_fault(value);
    }
    struct vec_text digits = vec_jsonb_characters(value);
    return vec_real_parse(digits.data, digits.length, out);
}

/* A number as this house writes it: digits, perhaps a point and digits. */
static bool vec_jsonb_check_number(struct vec_text text)
{
    struct vec_scan s = vec_scan(text.data, text.length);
    (void)vec_scan_byte(&s, '-');
    const char *first = s.at;
    while (s.at < s.end && vec_scan_is_digit(*s.at)) {
        s.at++;
    }
    bool is_fine = s.at > first && (s.at == first + 1 || *first != '0');
    if (is_fine && vec_scan_byte(&s, '.')) {
        first = s.at;
        while (s.at < s.end && vec_scan_is_digit(*s.at)) {
            s.at++;
        }
        is_fine = s.at > first;
    }
    return is_fine && s.at == s.end;
}

/* Keys, which have to be in order, then values. */
static bool vec_jsonb_check_items(struct bytes_reader *r, bool is_object, unsigned depth)
{
    uint64_t count = bytes_get_u32le(r);
    if (depth == VEC_JSONB_DEPTH_MAX) {
        return false;
    }
    uint64_t entries = is_object ? count * 2 : count;
    const uint8_t *table = bytes_get_view(r, entries * sizeof(uint32_t));
    if (table == NULL) {
        return false;
    }
    struct bytes_reader ends = bytes_reader(table, (size_t)entries * sizeof(uint32_t));
    struct vec_text last = {.length = 0};
    uint32_t from = 0;
    for (uint64_t i = 0; i < entries; i++) {
        uint32_t to = bytes_get_u32le(&ends);
        if (to < from) {
            return false;
        }
        struct bytes_reader part = bytes_get_sub(r, to - from);
        if (part.err != ERR_OK) {
            return false;
        }
        if (is_object && i < count) {
            struct vec_text key = vec_text((const char *)part.data, part.length);
            bool is_after = key.length != last.length ? key.length > last.length
                                                      : vec_text_compare(key, last) > 0;
            if ((i > 0 && !is_after) || !json_is_utf8(key.data, key.length)) {
                return false;
            }
            last = key;
        } else if (!vec_jsonb_check(&part, depth + 1)) {
            return false;
        }
        from = to;
    }
    return bytes_reader_left(r) == 0;
}

static bool vec_jsonb_check(struct bytes_reader *r, unsigned depth)
{
    uint8_t kind = bytes_get_u8(r);
    size_t left = bytes_reader_left(r);
    if (r->err != ERR_OK) {
        return false;
    }
    struct vec_text rest = vec_text((const char *)r->data + r->pos, left);
    switch (kind) {
    case VEC_JSONB_NULL:
    case VEC_JSONB_FALSE:
    case VEC_JSONB_TRUE: return left == 0;
    case VEC_JSONB_STRING: return json_is_utf8(rest.data, left);
    case VEC_JSONB_NUMBER: return vec_jsonb_check_number(rest);
    case VEC_JSONB_ARRAY: return vec_jsonb_check_items(r, false, depth);
    case VEC_JSONB_OBJECT: return vec_jsonb_check_items(r, true, depth);
    default: return false;
    }
}

bool vec_jsonb_is_valid(const void *data, size_t length)
{
    struct bytes_reader r = bytes_reader(data, length);
    return length <= VEC_JSONB_BYTES_MAX && vec_jsonb_check(&r, 0);
}
