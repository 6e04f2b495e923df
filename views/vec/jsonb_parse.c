/* JSON text to JSONB. See jsonb.h.
 *
 * The text becomes a tree in the arena, whose objects' members are a list that is sorted when the
 * object ends; then the tree is written. Depth is bounded, so both may recurse. */
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "views/vec/jsonb.h"
#include "views/vec/scan.h"
#include "views/vec/unicode.h"

/* Digits before and behind the point that PostgreSQL's numeric has at most. */
#define VEC_JSONB_WHOLE_MAX    131072
#define VEC_JSONB_FRACTION_MAX 16383

/* Exponents are counted up to here. */
#define VEC_JSONB_EXPONENT_MAX 1000000

/* A value of the tree. */
struct vec_jsonb_node {
    enum vec_jsonb_kind kind;     /* what it is */
    uint32_t count;               /* of an array or an object: items */
    struct vec_text text;         /* a number as written; a string's characters */
    struct vec_text key;          /* of a member of an object */
    struct vec_jsonb_node *first; /* of an array or an object: its items */
    struct vec_jsonb_node *next;  /* the item after this one */
};

/* A text being read. */
struct vec_jsonb_reading {
    struct vec_scan s;     /* what is left */
    struct arena *scratch; /* of the tree */
    unsigned depth;        /* arrays and objects that are open */
    enum vec_fault fault;  /* the first one */
};

static struct vec_jsonb_node *vec_jsonb_read(struct vec_jsonb_reading *r);
static struct vec_jsonb_node *vec_jsonb_read_items(struct vec_jsonb_reading *r, bool is_object);
static bool vec_jsonb_read_string(struct vec_jsonb_reading *r, struct vec_text *out);
static bool vec_jsonb_read_number(struct vec_jsonb_reading *r, struct vec_text *out);
static struct vec_jsonb_node *vec_jsonb_sort(struct vec_jsonb_node *list, uint32_t count);
static void vec_jsonb_unique(struct vec_jsonb_node *object);
static enum vec_fault vec_jsonb_put(struct bytes_writer *w, const struct vec_jsonb_node *node);
static enum vec_fault vec_jsonb_put_number(struct bytes_writer *w, struct vec_text text);

/* Keep `fault` and give NULL, which is also false. */
static void *vec_jsonb_fail(struct vec_jsonb_reading *r, enum vec_fault fault)
{
    r->fault = r->fault == VEC_FAULT_NONE ? fault : r->fault;
    return NULL;
}

enum vec_fault vec_jsonb_parse(const char *text, size_t length, struct arena *scratch,
                               struct bytes_writer *w)
{
    struct vec_jsonb_reading r = {.s = vec_scan(text, length), .scratch = scratch};
    if (length > VEC_JSONB_BYTES_MAX) {
        return VEC_FAULT_JSON_SIZE;
    }
    if (!json_is_utf8(text, length)) {
        return VEC_FAULT_JSON_SYNTAX;
    }
    struct arena_mark mark = arena_mark(scratch);
    struct vec_jsonb_node *root = vec_jsonb_read(&r);
    if (root != NULL && r.s.at != r.s.end) {
        (void)vec_jsonb_fail(&r, VEC_FAULT_JSON_SYNTAX);
    }
    if (r.fault == VEC_FAULT_NONE) {
        size_t before = w->pos;
        r.fault = vec_jsonb_put(w, root);
        if (r.fault == VEC_FAULT_NONE && w->pos - before > VEC_JSONB_BYTES_MAX) {
            r.fault = VEC_FAULT_JSON_SIZE;
        }
    }
    arena_rewind(scratch, mark);
    return r.fault;
}

static void vec_jsonb_spaces(struct vec_jsonb_reading *r)
{
    while (r->s.at < r->s.end &&
           (*r->s.at == ' ' || *r->s.at == '\t' || *r->s.at == '\n' || *r->s.at == '\r')) {
        r->s.at++;
    }
}

static struct vec_jsonb_node *vec_jsonb_node(struct vec_jsonb_reading *r, enum vec_jsonb_kind kind)
{
    struct vec_jsonb_node *node =
        arena_alloc_zeroed(r->scratch, sizeof(*node), _Alignof(struct vec_jsonb_node));
    if (node == NULL) {
        return vec_jsonb_fail(r, VEC_FAULT_MEMORY);
    }
    node->kind = kind;
    return node;
}

/* A value with the white space around it; NULL: r->fault. */
static struct vec_jsonb_node *vec_jsonb_read(struct vec_jsonb_reading *r)
{
    static const struct {
        struct vec_text word;
        enum vec_jsonb_kind kind;
    } words[] = {{{"null", 4}, VEC_JSONB_NULL},
                 {{"true", 4}, VEC_JSONB_TRUE},
                 {{"false", 5}, VEC_JSONB_FALSE}};
    struct vec_jsonb_node *node = NULL;
    struct vec_text text = {.length = 0};
    vec_jsonb_spaces(r);
    size_t left = (size_t)(r->s.end - r->s.at);
    if (vec_scan_byte(&r->s, '{')) {
        node = vec_jsonb_read_items(r, true);
    } else if (vec_scan_byte(&r->s, '[')) {
        node = vec_jsonb_read_items(r, false);
    } else if (vec_scan_byte(&r->s, '"')) {
        if (vec_jsonb_read_string(r, &text) && (node = vec_jsonb_node(r, VEC_JSONB_STRING))) {
            node->text = text;
        }
    } else if (left > 0 && (*r->s.at == '-' || vec_scan_is_digit(*r->s.at))) {
        if (vec_jsonb_read_number(r, &text) && (node = vec_jsonb_node(r, VEC_JSONB_NUMBER))) {
            node->text = text;
        }
    } else {
        for (size_t i = 0; i < ARRAY_COUNT(words) && node == NULL; i++) {
            if (vec_text_starts_with(vec_text(r->s.at, left), words[i].word)) {
                r->s.at += words[i].word.length;
                node = vec_jsonb_node(r, words[i].kind);
            }
        }
        if (node == NULL) {
            return vec_jsonb_fail(r, VEC_FAULT_JSON_SYNTAX);
        }
    }
    vec_jsonb_spaces(r);
    return node;
}

/* The items of an array or an object whose bracket has been read, and the closing one. */
static struct vec_jsonb_node *vec_jsonb_read_items(struct vec_jsonb_reading *r, bool is_object)
{
    struct vec_jsonb_node *node = vec_jsonb_node(r, is_object ? VEC_JSONB_OBJECT : VEC_JSONB_ARRAY);
    if (node == NULL) {
        return NULL;
    }
    if (++r->depth > VEC_JSONB_DEPTH_MAX) {
        return vec_jsonb_fail(r, VEC_FAULT_JSON_DEPTH);
    }
    struct vec_jsonb_node **last = &node->first;
    char bracket = is_object ? '}' : ']';
    vec_jsonb_spaces(r);
    for (bool is_first = true; !vec_scan_byte(&r->s, bracket); is_first = false) {
        struct vec_text key = {.length = 0};
        if (!is_first && !vec_scan_byte(&r->s, ',')) {
            return vec_jsonb_fail(r, VEC_FAULT_JSON_SYNTAX);
        }
        if (is_object) {
            vec_jsonb_spaces(r);
            if (!vec_scan_byte(&r->s, '"')) {
                return vec_jsonb_fail(r, VEC_FAULT_JSON_SYNTAX);
            }
            if (!vec_jsonb_read_string(r, &key)) {
                return NULL;
            }
            vec_jsonb_spaces(r);
            if (!vec_scan_byte(&r->s, ':')) {
                return vec_jsonb_fail(r, VEC_FAULT_JSON_SYNTAX);
            }
        }
        struct vec_jsonb_node *item = vec_jsonb_read(r);
        if (item == NULL) {
            return NULL;
        }
        item->key = key;
        *last = item;
        last = &item->next;
        node->count++;
    }
    r->depth--;
    if (is_object) {
        node->first = vec_jsonb_sort(node->first, node->count);
        vec_jsonb_unique(node);
    }
    return node;
}

/* Four hexadecimal digits. */
static bool vec_jsonb_read_hex(struct vec_jsonb_reading *r, uint32_t *out)
{
    uint32_t code = 0;
    if (r->s.end - r->s.at < 4) {
        return vec_jsonb_fail(r, VEC_FAULT_JSON_SYNTAX) != NULL;
    }
    for (int i = 0; i < 4; i++) {
        char c = vec_scan_lower(*r->s.at++);
        if (!vec_scan_is_digit(c) && !(c >= 'a' && c <= 'f')) {
            return vec_jsonb_fail(r, VEC_FAULT_JSON_SYNTAX) != NULL;
        }
        code = code << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *out = code;
    return true;
}

/* What follows a backslash. */
static bool vec_jsonb_read_escape(struct vec_jsonb_reading *r, uint32_t *out)
{
    static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    char c = r->s.at < r->s.end ? *r->s.at : '\0';
    if (c != 'u') {
        for (size_t i = 0; i < sizeof(escapes) - 1; i += 2) {
            if (escapes[i] == c) {
                r->s.at++;
                *out = (unsigned char)escapes[i + 1];
                return true;
            }
        }
        return vec_jsonb_fail(r, VEC_FAULT_JSON_SYNTAX) != NULL;
    }
    uint32_t low;
    r->s.at++;
    if (!vec_jsonb_read_hex(r, out)) {
        return false;
    }
    if (*out == 0) {
        return vec_jsonb_fail(r, VEC_FAULT_JSON_ESCAPE) != NULL;
    }
    if (*out < 0xd800 || *out >= 0xe000) {
        return true;
    }
    if (*out >= 0xdc00 || !vec_scan_byte(&r->s, '\\') || !vec_scan_byte(&r->s, 'u') ||
        !vec_jsonb_read_hex(r, &low) || low < 0xdc00 || low >= 0xe000) {
        return vec_jsonb_fail(r, VEC_FAULT_JSON_SYNTAX) != NULL;
    }
    *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

/* A string whose quote has been read: the text itself when it has no escapes. */
static bool vec_jsonb_read_string(struct vec_jsonb_reading *r, struct vec_text *out)
{
    const char *first = r->s.at;
    const char *end = first;
    bool has_escapes = false;
    for (; end < r->s.end && *end != '"'; end++) {
        if ((unsigned char)*end < 0x20) {
            return vec_jsonb_fail(r, VEC_FAULT_JSON_SYNTAX) != NULL;
        }
        if (*end == '\\') {
            has_escapes = true;
            end += end + 1 < r->s.end;
        }
    }
    char *copy = NULL;
    size_t length = 0;
    if (has_escapes && (copy = arena_alloc(r->scratch, (size_t)(end - first), 1)) == NULL) {
        return vec_jsonb_fail(r, VEC_FAULT_MEMORY) != NULL;
    }
    while (has_escapes && r->s.at < end) {
        uint32_t code;
        if (!vec_scan_byte(&r->s, '\\')) {
            copy[length++] = *r->s.at++;
        } else if (!vec_jsonb_read_escape(r, &code)) {
            return false;
        } else {
            length += vec_utf8_encode(code, copy + length); /* no longer than its escape */
        }
    }
    r->s.at = end;
    *out = has_escapes ? vec_text(copy, length) : vec_text(first, (size_t)(end - first));
    return vec_scan_byte(&r->s, '"') || vec_jsonb_fail(r, VEC_FAULT_JSON_SYNTAX) != NULL;
}

static size_t vec_jsonb_digits(struct vec_jsonb_reading *r)
{
    const char *first = r->s.at;
    while (r->s.at < r->s.end && vec_scan_is_digit(*r->s.at)) {
        r->s.at++;
    }
    return (size_t)(r->s.at - first);
}

/* A number as JSON has them. */
static bool vec_jsonb_read_number(struct vec_jsonb_reading *r, struct vec_text *out)
{
    const char *first = r->s.at;
    (void)vec_scan_byte(&r->s, '-');
    const char *whole = r->s.at;
    size_t digits = vec_jsonb_digits(r);
    bool is_number = digits > 0 && (digits == 1 || *whole != '0');
    if (vec_scan_byte(&r->s, '.')) {
        is_number = is_number && vec_jsonb_digits(r) > 0;
    }
    if (r->s.at < r->s.end && (*r->s.at == 'e' || *r->s.at == 'E')) {
        r->s.at++;
        if (!vec_scan_byte(&r->s, '-')) {
            (void)vec_scan_byte(&r->s, '+');
        }
        is_number = is_number && vec_jsonb_digits(r) > 0;
    }
    if (!is_number) {
        return vec_jsonb_fail(r, VEC_FAULT_JSON_SYNTAX) != NULL;
    }
    *out = vec_text(first, (size_t)(r->s.at - first));
    return true;
}

/* By length, then bytes. */
static int vec_jsonb_key_order(struct vec_text a, struct vec_text b)
{
    if (a.length != b.length) {
        return a.length < b.length ? -1 : 1;
    }
    return a.length == 0 ? 0 : memcmp(a.data, b.data, a.length);
}

/* The first `count` of `list` in order of their keys; equal ones stay in theirs. */
static struct vec_jsonb_node *vec_jsonb_sort(struct vec_jsonb_node *list, uint32_t count)
{
    if (count < 2) {
        return list;
    }
    struct vec_jsonb_node *middle = list;
    for (uint32_t i = 1; i < count / 2; i++) {
        middle = middle->next;
    }
    struct vec_jsonb_node *right = middle->next;
    middle->next = NULL;
    struct vec_jsonb_node *left = vec_jsonb_sort(list, count / 2);
    right = vec_jsonb_sort(right, count - count / 2);
    struct vec_jsonb_node *merged = NULL;
    struct vec_jsonb_node **last = &merged;
    while (left != NULL && right != NULL) {
        struct vec_jsonb_node **from =
            vec_jsonb_key_order(left->key, right->key) <= 0 ? &left : &right;
        *last = *from;
        last = &(*from)->next;
        *from = (*from)->next;
    }
    *last = left != NULL ? left : right;
    return merged;
}

/* Of equal keys, which stand together, the last. */
static void vec_jsonb_unique(struct vec_jsonb_node *object)
{
    struct vec_jsonb_node **at = &object->first;
    while (*at != NULL) {
        struct vec_jsonb_node *next = (*at)->next;
        if (next != NULL && vec_jsonb_key_order((*at)->key, next->key) == 0) {
            *at = next;
            object->count--;
        } else {
            at = &(*at)->next;
        }
    }
}

static void vec_jsonb_patch_end(struct bytes_writer *w, size_t table, uint32_t i, size_t first)
{
    if (w->err == ERR_OK) {
        bytes_patch_u32le(w, table + (size_t)i * sizeof(uint32_t), (uint32_t)(w->pos - first));
    }
}

/* Write the tree; once `w` is full nothing more is. */
static enum vec_fault vec_jsonb_put(struct bytes_writer *w, const struct vec_jsonb_node *node)
{
    bytes_put_u8(w, (uint8_t)node->kind);
    switch (node->kind) {
    case VEC_JSONB_NUMBER: return vec_jsonb_put_number(w, node->text);
    case VEC_JSONB_STRING:
        if (node->text.length > 0) {
            bytes_put_copy(w, node->text.data, node->text.length);
        }
        return VEC_FAULT_NONE;
    case VEC_JSONB_ARRAY:
    case VEC_JSONB_OBJECT: break;
    case VEC_JSONB_NULL:
    case VEC_JSONB_FALSE:
    case VEC_JSONB_TRUE:
    default: return VEC_FAULT_NONE;
    }
    bool is_object = node->kind == VEC_JSONB_OBJECT;
    uint32_t i = 0;
    bytes_put_u32le(w, node->count);
    size_t table = w->pos;
    bytes_put_zeros(w, (size_t)node->count * sizeof(uint32_t) * (is_object ? 2 : 1));
    size_t first = w->pos;
    for (const struct vec_jsonb_node *item = node->first; is_object && item != NULL;
         item = item->next) {
        if (item->key.length > 0) {
            bytes_put_copy(w, item->key.data, item->key.length);
        }
        vec_jsonb_patch_end(w, table, i++, first);
    }
    for (const struct vec_jsonb_node *item = node->first; item != NULL; item = item->next) {
        enum vec_fault fault = vec_jsonb_put(w, item);
        if (fault != VEC_FAULT_NONE || w->err != ERR_OK) {
            return fault;
        }
        vec_jsonb_patch_end(w, table, i++, first);
    }
    return VEC_FAULT_NONE;
}

/* A number of JSON without its exponent: as PostgreSQL's numeric prints it. */
static enum vec_fault vec_jsonb_put_number(struct bytes_writer *w, struct vec_text text)
{
    const char *end = text.data + text.length;
    const char *at = text.data + (text.data[0] == '-');
    const char *whole = at;
    int64_t exponent = 0;
    while (at < end && *at != 'e' && *at != 'E') {
        at++;
    }
    const char *digits_end = at;
    if (at < end) {
        at++;
        bool is_negative = *at == '-';
        for (at += *at == '-' || *at == '+'; at < end; at++) {
            exponent = exponent < VEC_JSONB_EXPONENT_MAX ? exponent * 10 + (*at - '0') : exponent;
        }
        exponent = is_negative ? -exponent : exponent;
    }
    const char *point = memchr(whole, '.', (size_t)(digits_end - whole));
    int64_t before = (point != NULL ? point : digits_end) - whole; /* digits before the point */
    int64_t count = digits_end - whole - (point != NULL);          /* digits at all */
    int64_t scale = count - before - exponent;
    int64_t lead = 0; /* zeros that the digits begin with */
    while (lead < count && whole[lead + (lead >= before)] == '0') {
        lead++;
    }
    scale = scale > 0 ? scale : 0;
    int64_t stop = before + exponent; /* where the point goes */
    int64_t kept = lead == count ? 0 : stop - lead;
    if (kept > VEC_JSONB_WHOLE_MAX || scale > VEC_JSONB_FRACTION_MAX) {
        return VEC_FAULT_NUMERIC;
    }
    if (text.data[0] == '-' && lead < count) {
        bytes_put_u8(w, '-');
    }
    if (kept <= 0) {
        bytes_put_u8(w, '0');
    }
    for (int64_t i = kept > 0 ? lead : stop; i < stop + scale && w->err == ERR_OK; i++) {
        if (i == stop) {
            bytes_put_u8(w, '.');
        }
        bool is_digit = lead < count && i >= 0 && i < count;
        bytes_put_u8(w, (uint8_t)(is_digit ? whole[i + (i >= before)] : '0'));
    }
    return VEC_FAULT_NONE;
}
