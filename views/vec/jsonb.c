/* JSONB: access, order, containment. See jsonb.h. */
#include "views/vec/jsonb.h"

#include <string.h>

#include "base/assert.h"
#include "views/vec/jsonb_int.h"
#include "views/vec/scan.h"

/* Where the tables of a container begin. */
#define VEC_JSONB_TABLE 5

static int vec_jsonb_order(struct vec_jsonb a, struct vec_jsonb b, bool is_root);
static int vec_jsonb_number_order(struct vec_text a, struct vec_text b);

static uint32_t vec_jsonb_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* The tables of a container: entries, and where what they count from begins. */
struct vec_jsonb_table {
    uint32_t count;   /* items */
    uint32_t entries; /* ends */
    size_t first;     /* the byte behind the ends */
};

static struct vec_jsonb_table vec_jsonb_table(struct vec_jsonb value)
{
    ASSERT(value.length >= VEC_JSONB_TABLE);
    uint32_t count = vec_jsonb_u32(value.data + 1);
    uint32_t entries = value.data[0] == VEC_JSONB_OBJECT ? count * 2 : count;
    size_t first = VEC_JSONB_TABLE + (size_t)entries * sizeof(uint32_t);
    ASSERT(first <= value.length);
    return (struct vec_jsonb_table){.count = count, .entries = entries, .first = first};
}

/* What entry `i` of the table is about. */
static struct vec_jsonb vec_jsonb_entry(struct vec_jsonb value, const struct vec_jsonb_table *table,
                                        uint32_t i)
{
    ASSERT(i < table->entries);
    const uint8_t *ends = value.data + VEC_JSONB_TABLE;
    size_t from = i == 0 ? 0 : vec_jsonb_u32(ends + (size_t)(i - 1) * sizeof(uint32_t));
    size_t to = vec_jsonb_u32(ends + (size_t)i * sizeof(uint32_t));
    ASSERT(from <= to);
    ASSERT(to <= value.length - table->first);
    return (struct vec_jsonb){.data = value.data + table->first + from, .length = to - from};
}

enum vec_jsonb_kind vec_jsonb_kind(struct vec_jsonb value)
{
    ASSERT(value.length > 0);
    ASSERT(value.data[0] <= VEC_JSONB_OBJECT);
    return (enum vec_jsonb_kind)value.data[0];
}

const char *vec_jsonb_typeof(struct vec_jsonb value)
{
    static const char *const names[] = {"null",    "string", "number", "boolean",
                                        "boolean", "array",  "object"};
    return names[vec_jsonb_kind(value)];
}

struct vec_text vec_jsonb_characters(struct vec_jsonb value)
{
    return vec_text((const char *)value.data + 1, value.length - 1);
}

uint32_t vec_jsonb_count(struct vec_jsonb value)
{
    return vec_jsonb_kind(value) >= VEC_JSONB_ARRAY ? vec_jsonb_table(value).count : 0;
}

enum vec_fault vec_jsonb_array_length(struct vec_jsonb value, int32_t *out)
{
    if (vec_jsonb_kind(value) < VEC_JSONB_ARRAY) {
        return VEC_FAULT_JSON_LENGTH_SCALAR;
    }
    if (vec_jsonb_kind(value) == VEC_JSONB_OBJECT) {
        return VEC_FAULT_JSON_LENGTH_OBJECT;
    }
    *out = (int32_t)vec_jsonb_count(value);
    return VEC_FAULT_NONE;
}

struct vec_jsonb vec_jsonb_element(struct vec_jsonb array, uint32_t i)
{
    ASSERT(vec_jsonb_kind(array) == VEC_JSONB_ARRAY);
    struct vec_jsonb_table table = vec_jsonb_table(array);
    return vec_jsonb_entry(array, &table, i);
}

struct vec_text vec_jsonb_key(struct vec_jsonb object, uint32_t i)
{
    ASSERT(vec_jsonb_kind(object) == VEC_JSONB_OBJECT);
    struct vec_jsonb_table table = vec_jsonb_table(object);
    ASSERT(i < table.count);
    struct vec_jsonb key = vec_jsonb_entry(object, &table, i);
    return vec_text((const char *)key.data, key.length);
}

struct vec_jsonb vec_jsonb_value(struct vec_jsonb object, uint32_t i)
{
    ASSERT(vec_jsonb_kind(object) == VEC_JSONB_OBJECT);
    struct vec_jsonb_table table = vec_jsonb_table(object);
    ASSERT(i < table.count);
    return vec_jsonb_entry(object, &table, table.count + i);
}

bool vec_jsonb_get(struct vec_jsonb value, struct vec_text key, struct vec_jsonb *out)
{
    if (vec_jsonb_kind(value) != VEC_JSONB_OBJECT) {
        return false;
    }
    struct vec_jsonb_table table = vec_jsonb_table(value);
    uint32_t low = 0;
    uint32_t high = table.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct vec_jsonb found = vec_jsonb_entry(value, &table, middle);
        int order = found.length != key.length ? (found.length < key.length ? -1 : 1)
                    : key.length == 0          ? 0
                                               : memcmp(found.data, key.data, key.length);
        if (order == 0) {
            *out = vec_jsonb_entry(value, &table, table.count + middle);
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

bool vec_jsonb_at(struct vec_jsonb value, int32_t i, struct vec_jsonb *out)
{
    enum vec_jsonb_kind kind = vec_jsonb_kind(value);
    if (kind < VEC_JSONB_ARRAY) {
        *out = value;
        return i == 0 || i == -1;
    }
    int64_t count = vec_jsonb_count(value);
    int64_t place = i < 0 ? i + count : i;
    if (kind == VEC_JSONB_OBJECT || place < 0 || place >= count) {
        return false;
    }
    *out = vec_jsonb_element(value, (uint32_t)place);
    return true;
}

/* A number of an element as strtol reads it. */
static bool vec_jsonb_index(struct vec_text text, int32_t *out)
{
    struct vec_scan s = vec_scan(text.data, text.length);
    vec_scan_spaces(&s);
    bool is_negative = vec_scan_byte(&s, '-');
    if (!is_negative) {
        (void)vec_scan_byte(&s, '+');
    }
    int64_t value = 0;
    const char *first = s.at;
    for (; s.at < s.end && vec_scan_is_digit(*s.at) && value <= INT32_MAX; s.at++) {
        value = value * 10 + (*s.at - '0');
    }
    value = is_negative ? -value : value;
    *out = (int32_t)value;
    return s.at > first && s.at == s.end && value == *out;
}

bool vec_jsonb_path(struct vec_jsonb value, const struct vec_text *path, size_t count,
                    struct vec_jsonb *out)
{
    for (size_t i = 0; i < count; i++) {
        int32_t place;
        enum vec_jsonb_kind kind = vec_jsonb_kind(value);
        bool is_found = kind == VEC_JSONB_OBJECT ? vec_jsonb_get(value, path[i], &value)
                        : kind == VEC_JSONB_ARRAY
                            ? vec_jsonb_index(path[i], &place) && vec_jsonb_at(value, place, &value)
                            : false;
        if (!is_found) {
            return false;
        }
    }
    *out = value;
    return true;
}

/* Digits before the point of a canonical number, without sign. */
static size_t vec_jsonb_whole(struct vec_text number)
{
    const char *point = memchr(number.data, '.', number.length);
    return point != NULL ? (size_t)(point - number.data) : number.length;
}

/* Canonical numbers by value: zeros at the end of a fraction do not count. */
static int vec_jsonb_number_order(struct vec_text a, struct vec_text b)
{
    bool a_is_negative = a.data[0] == '-';
    bool b_is_negative = b.data[0] == '-';
    if (a_is_negative != b_is_negative) {
        return a_is_negative ? -1 : 1;
    }
    a = vec_text(a.data + a_is_negative, a.length - a_is_negative);
    b = vec_text(b.data + a_is_negative, b.length - a_is_negative);
    size_t a_whole = vec_jsonb_whole(a);
    size_t b_whole = vec_jsonb_whole(b);
    int order = (a_whole > b_whole) - (a_whole < b_whole);
    for (size_t i = 0; order == 0 && (i < a.length || i < b.length); i++) {
        char a_digit = i < a.length ? a.data[i] : '0';
        char b_digit = i < b.length ? b.data[i] : '0';
        /* The points stand at the same place; one may be missing. */
        order = i == a_whole ? 0 : (a_digit > b_digit) - (a_digit < b_digit);
    }
    return a_is_negative ? -order : order;
}

/* The kinds in order, both truths being one. */
static int vec_jsonb_rank(enum vec_jsonb_kind kind)
{
    return kind == VEC_JSONB_TRUE ? VEC_JSONB_FALSE : (int)kind;
}

static int vec_jsonb_container_order(struct vec_jsonb a, struct vec_jsonb b)
{
    uint32_t a_count = vec_jsonb_count(a);
    uint32_t b_count = vec_jsonb_count(b);
    int order = (a_count > b_count) - (a_count < b_count);
    bool is_object = vec_jsonb_kind(a) == VEC_JSONB_OBJECT;
    for (uint32_t i = 0; order == 0 && i < a_count; i++) {
        if (!is_object) {
            order = vec_jsonb_order(vec_jsonb_element(a, i), vec_jsonb_element(b, i), false);
            continue;
        }
        order = vec_text_compare(vec_jsonb_key(a, i), vec_jsonb_key(b, i));
        if (order == 0) {
            order = vec_jsonb_order(vec_jsonb_value(a, i), vec_jsonb_value(b, i), false);
        }
    }
    return order;
}

/* `is_root`: an empty array as the whole value is less than a scalar. */
static int vec_jsonb_order(struct vec_jsonb a, struct vec_jsonb b, bool is_root)
{
    enum vec_jsonb_kind a_kind = vec_jsonb_kind(a);
    enum vec_jsonb_kind b_kind = vec_jsonb_kind(b);
    if (vec_jsonb_rank(a_kind) != vec_jsonb_rank(b_kind)) {
        bool is_scalar = a_kind < VEC_JSONB_ARRAY || b_kind < VEC_JSONB_ARRAY;
        if (is_root && is_scalar) {
            if (a_kind == VEC_JSONB_ARRAY && vec_jsonb_count(a) == 0) {
                return -1;
            }
            if (b_kind == VEC_JSONB_ARRAY && vec_jsonb_count(b) == 0) {
                return 1;
            }
        }
        return vec_jsonb_rank(a_kind) < vec_jsonb_rank(b_kind) ? -1 : 1;
    }
    switch (a_kind) {
    case VEC_JSONB_STRING:
        return vec_text_compare(vec_jsonb_characters(a), vec_jsonb_characters(b));
    case VEC_JSONB_NUMBER:
        return vec_jsonb_number_order(vec_jsonb_characters(a), vec_jsonb_characters(b));
    case VEC_JSONB_ARRAY:
    case VEC_JSONB_OBJECT: return vec_jsonb_container_order(a, b);
    case VEC_JSONB_NULL:
    case VEC_JSONB_FALSE:
    case VEC_JSONB_TRUE:
    default: return (a_kind > b_kind) - (a_kind < b_kind);
    }
}

int vec_jsonb_compare(struct vec_jsonb a, struct vec_jsonb b)
{
    return vec_jsonb_order(a, b, true);
}

/* What looking at an element costs whose own elements are looked at. */
#define VEC_JSONB_CONTAINER_STEPS 16u

/* Whether the array has an element that is, or contains, `item`. */
static bool vec_jsonb_array_has(struct vec_jsonb array, struct vec_jsonb item, uint64_t *steps)
{
    uint32_t count = vec_jsonb_count(array);
    bool is_container = vec_jsonb_kind(item) >= VEC_JSONB_ARRAY;
    uint64_t cost = is_container ? VEC_JSONB_CONTAINER_STEPS : 1;
    for (uint32_t i = 0; i < count && *steps != 0; i++) {
        struct vec_jsonb element = vec_jsonb_element(array, i);
        *steps -= *steps < cost ? *steps : cost;
        if (is_container ? vec_jsonb_kind(element) == vec_jsonb_kind(item) &&
                               vec_jsonb_contains(element, item, steps)
                         : vec_jsonb_order(element, item, false) == 0) {
            return true;
        }
    }
    return false;
}

bool vec_jsonb_contains(struct vec_jsonb a, struct vec_jsonb b, uint64_t *steps)
{
    enum vec_jsonb_kind a_kind = vec_jsonb_kind(a);
    enum vec_jsonb_kind b_kind = vec_jsonb_kind(b);
    uint32_t count = vec_jsonb_count(b);
    if (a_kind == VEC_JSONB_ARRAY && b_kind < VEC_JSONB_ARRAY) {
        return vec_jsonb_array_has(a, b, steps);
    }
    if (a_kind == VEC_JSONB_ARRAY && b_kind == VEC_JSONB_ARRAY) {
        bool is_contained = true;
        for (uint32_t i = 0; i < count && is_contained; i++) {
            is_contained = vec_jsonb_array_has(a, vec_jsonb_element(b, i), steps);
        }
        return is_contained;
    }
    if (a_kind != VEC_JSONB_OBJECT || b_kind != VEC_JSONB_OBJECT) {
        return a_kind < VEC_JSONB_ARRAY && vec_jsonb_order(a, b, false) == 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct vec_jsonb have;
        struct vec_jsonb want = vec_jsonb_value(b, i);
        if (!vec_jsonb_get(a, vec_jsonb_key(b, i), &have)) {
            return false;
        }
        bool is_container = vec_jsonb_kind(want) >= VEC_JSONB_ARRAY;
        if (is_container ? vec_jsonb_kind(have) != vec_jsonb_kind(want) ||
                               !vec_jsonb_contains(have, want, steps)
                         : vec_jsonb_order(have, want, false) != 0) {
            return false;
        }
    }
    return true;
}

bool vec_jsonb_exists(struct vec_jsonb value, struct vec_text key)
{
    struct vec_jsonb found;
    uint32_t count = vec_jsonb_count(value);
    switch ((int)vec_jsonb_kind(value)) {
    case VEC_JSONB_OBJECT: return vec_jsonb_get(value, key, &found);
    case VEC_JSONB_STRING: return vec_text_compare(vec_jsonb_characters(value), key) == 0;
    case VEC_JSONB_ARRAY:
        for (uint32_t i = 0; i < count; i++) {
            found = vec_jsonb_element(value, i);
            if (vec_jsonb_kind(found) == VEC_JSONB_STRING &&
                vec_text_compare(vec_jsonb_characters(found), key) == 0) {
                return true;
            }
        }
        return false;
    default: return false;
    }
}
