/* TEXT. See text.h. */
#include "views/vec/text.h"

#include <string.h>

#include "base/assert.h"
#include "views/vec/unicode.h"

/* Sets of at most so many bytes are looked through for each character; others become a table, of at
 * most so many characters. */
#define VEC_TEXT_SET_BYTES_FEW 16u
#define VEC_TEXT_SLOTS         4096u
#define VEC_TEXT_SET_MAX       (VEC_TEXT_SLOTS / 2)

/* Bytes that are looked at one by one for a part of a text before anything faster is begun. */
#define VEC_TEXT_NEAR_BYTES 32u

/* Characters, by their codes, so that looking one up does not cost the set's length, and for each
 * the one at its place in another text. Only the slots in use are cleared. */
struct vec_text_set {
    struct vec_text from;
    struct vec_text to;
    uint32_t slots; /* a power of two; 0: `from` is looked through */
    struct {
        uint32_t code_and_one; /* 0: free */
        uint32_t to_pos;       /* byte of `to`; its length: it is shorter */
    } slot[VEC_TEXT_SLOTS];
};

static const char *vec_text_end(struct vec_text a)
{
    return a.data + a.length;
}

/* The piece of `a` from `first` to `end`. */
static struct vec_text vec_text_between(const char *first, const char *end)
{
    return vec_text(first, (size_t)(end - first));
}

/* Where `part` begins in `a`; NULL: nowhere. */
static const char *vec_text_find(struct vec_text a, struct vec_text part)
{
    if (part.length == 0) {
        return a.data;
    }
    return a.length == 0 ? NULL : memmem(a.data, a.length, part.data, part.length);
}

/* `count` characters on from `at`, or the end. */
static const char *vec_text_skip(const char *at, const char *end, int64_t count)
{
    while (count > 0 && at < end) {
        at += vec_utf8_step(at, end);
        count--;
    }
    return at;
}

int vec_text_compare(struct vec_text a, struct vec_text b)
{
    size_t least = a.length < b.length ? a.length : b.length;
    int order = least == 0 ? 0 : memcmp(a.data, b.data, least);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

int32_t vec_text_length(struct vec_text a)
{
    const char *end = vec_text_end(a);
    int32_t count = 0;
    const char *at = a.data;
    while (at < end) {
        uint64_t eight;
        if (end - at >= 8 && (memcpy(&eight, at, 8), (eight & 0x8080808080808080u) == 0)) {
            at += 8; /* all of ASCII */
            count += 8;
        } else {
            at += vec_utf8_step(at, end);
            count++;
        }
    }
    return count;
}

struct vec_text vec_text_tail(struct vec_text a, int32_t start)
{
    const char *end = vec_text_end(a);
    return vec_text_between(vec_text_skip(a.data, end, (int64_t)start - 1), end);
}

enum vec_fault vec_text_substring(struct vec_text a, int32_t start, int32_t length,
                                  struct vec_text *out)
{
    if (length < 0) {
        return VEC_FAULT_SUBSTRING;
    }
    const char *end = vec_text_end(a);
    int64_t first = start > 1 ? start : 1;
    int64_t stop = (int64_t)start + length; /* the position behind the last */
    const char *at = vec_text_skip(a.data, end, first - 1);
    *out = vec_text_between(at, vec_text_skip(at, end, stop - first));
    return VEC_FAULT_NONE;
}

int32_t vec_text_position(struct vec_text a, struct vec_text part)
{
    const char *found = vec_text_find(a, part);
    if (found == NULL) {
        return part.length == 0;
    }
    return vec_text_length(vec_text_between(a.data, found)) + 1;
}

struct vec_text vec_text_left(struct vec_text a, int32_t count)
{
    int64_t taken = count >= 0 ? count : (int64_t)vec_text_length(a) + count;
    return vec_text_between(a.data, vec_text_skip(a.data, vec_text_end(a), taken));
}

struct vec_text vec_text_right(struct vec_text a, int32_t count)
{
    int64_t dropped = count >= 0 ? (int64_t)vec_text_length(a) - count : -(int64_t)count;
    const char *end = vec_text_end(a);
    return vec_text_between(vec_text_skip(a.data, end, dropped), end);
}

/* Where `code` is or would be. */
static uint32_t vec_text_slot(const struct vec_text_set *set, uint32_t code)
{
    uint32_t slot = code * 0x9e3779b1u >> 16 & (set->slots - 1);
    while (set->slot[slot].code_and_one != 0 && set->slot[slot].code_and_one != code + 1) {
        slot = (slot + 1) & (set->slots - 1);
    }
    return slot;
}

/* SET_SIZE. */
static enum vec_fault vec_text_set(struct vec_text_set *set, struct vec_text from,
                                   struct vec_text to)
{
    const char *end = vec_text_end(from);
    const char *to_at = to.data;
    uint32_t count = 0;
    set->from = from;
    set->to = to;
    set->slots = 0;
    if (from.length <= VEC_TEXT_SET_BYTES_FEW) {
        return VEC_FAULT_NONE;
    }
    set->slots = 2 * VEC_TEXT_SET_BYTES_FEW;
    while (set->slots < 2 * from.length && set->slots < VEC_TEXT_SLOTS) {
        set->slots *= 2;
    }
    memset(set->slot, 0, set->slots * sizeof(set->slot[0]));
    for (const char *at = from.data; at < end; to_at = vec_text_skip(to_at, vec_text_end(to), 1)) {
        size_t bytes;
        uint32_t code = vec_utf8_decode(at, end, &bytes);
        uint32_t slot = vec_text_slot(set, code);
        at += bytes;
        if (set->slot[slot].code_and_one != 0) {
            continue; /* the first one counts */
        }
        if (++count > VEC_TEXT_SET_MAX) {
            return VEC_FAULT_SET_SIZE;
        }
        set->slot[slot].code_and_one = code + 1;
        set->slot[slot].to_pos = (uint32_t)(to_at - to.data);
    }
    return VEC_FAULT_NONE;
}

/* Whether the character at `at` is in the set, and *to, which is at its place in the other text. */
static bool vec_text_find_in(const struct vec_text_set *set, const char *at, size_t bytes,
                             const char **to)
{
    const char *to_end = vec_text_end(set->to);
    *to = set->to.data;
    if (set->slots > 0) {
        uint32_t slot = vec_text_slot(set, vec_utf8_decode(at, at + bytes, &bytes));
        *to += set->slot[slot].to_pos;
        return set->slot[slot].code_and_one != 0;
    }
    const char *end = vec_text_end(set->from);
    for (const char *next = set->from.data; next < end; *to = vec_text_skip(*to, to_end, 1)) {
        size_t length = vec_utf8_step(next, end);
        if (length == bytes && memcmp(next, at, bytes) == 0) {
            return true;
        }
        next += length;
    }
    return false;
}

/* The first byte of the character that ends at `end`. */
static const char *vec_text_last(const char *first, const char *end)
{
    const char *at = end - 1;
    for (int i = 1; i < VEC_UTF8_BYTES_MAX && at > first && ((unsigned char)*at & 0xc0) == 0x80;
         i++) {
        at--;
    }
    return at + vec_utf8_step(at, end) == end ? at : end - 1;
}

enum vec_fault vec_text_trim(struct vec_text a, struct vec_text of, bool is_left, bool is_right,
                             struct vec_text *out)
{
    struct vec_text_set set;
    const char *none;
    enum vec_fault fault = vec_text_set(&set, of, vec_text("", 0));
    const char *first = a.data;
    const char *end = vec_text_end(a);
    while (fault == VEC_FAULT_NONE && is_left && first < end) {
        size_t bytes = vec_utf8_step(first, end);
        if (!vec_text_find_in(&set, first, bytes, &none)) {
            break;
        }
        first += bytes;
    }
    while (fault == VEC_FAULT_NONE && is_right && first < end) {
        const char *last = vec_text_last(first, end);
        if (!vec_text_find_in(&set, last, (size_t)(end - last), &none)) {
            break;
        }
        end = last;
    }
    *out = vec_text_between(first, end);
    return fault;
}

/* How many pieces `mark` cuts `a` into. */
static int64_t vec_text_pieces(struct vec_text a, struct vec_text mark)
{
    int64_t count = 1;
    for (const char *found; (found = vec_text_find(a, mark)) != NULL; count++) {
        a = vec_text_between(found + mark.length, vec_text_end(a));
    }
    return count;
}

enum vec_fault vec_text_split(struct vec_text a, struct vec_text mark, int32_t n,
                              struct vec_text *out)
{
    int64_t piece = n;
    if (n == 0) {
        return VEC_FAULT_SPLIT_POSITION;
    }
    *out = vec_text(a.data, 0);
    if (a.length == 0) {
        return VEC_FAULT_NONE;
    }
    if (mark.length == 0) {
        *out = n == 1 || n == -1 ? a : *out;
        return VEC_FAULT_NONE;
    }
    if (n < 0) {
        piece += vec_text_pieces(a, mark) + 1;
        if (piece < 1) {
            return VEC_FAULT_NONE;
        }
    }
    for (;; piece--) {
        const char *found = vec_text_find(a, mark);
        if (piece == 1) {
            *out = found != NULL ? vec_text_between(a.data, found) : a;
            return VEC_FAULT_NONE;
        }
        if (found == NULL) {
            return VEC_FAULT_NONE;
        }
        a = vec_text_between(found + mark.length, vec_text_end(a));
    }
}

bool vec_text_starts_with(struct vec_text a, struct vec_text part)
{
    return part.length == 0 ||
           (a.length >= part.length && memcmp(a.data, part.data, part.length) == 0);
}

int32_t vec_text_ascii(struct vec_text a)
{
    size_t bytes;
    if (a.length == 0) {
        return 0;
    }
    uint32_t code = vec_utf8_decode(a.data, vec_text_end(a), &bytes);
    return (int32_t)(code >= VEC_UTF8_INVALID ? code - VEC_UTF8_INVALID : code);
}

static void vec_text_put(struct bytes_writer *w, uint32_t code)
{
    char bytes[VEC_UTF8_BYTES_MAX];
    size_t length = vec_utf8_encode(code, bytes);
    bytes_put_copy(w, bytes, length);
}

void vec_text_upper(struct bytes_writer *w, struct vec_text a)
{
    const char *end = vec_text_end(a);
    for (const char *at = a.data; at < end && w->err == ERR_OK;) {
        size_t bytes;
        vec_text_put(w, vec_unicode_to_upper(vec_utf8_decode(at, end, &bytes)));
        at += bytes;
    }
}

void vec_text_lower(struct bytes_writer *w, struct vec_text a)
{
    const char *end = vec_text_end(a);
    for (const char *at = a.data; at < end && w->err == ERR_OK;) {
        size_t bytes;
        vec_text_put(w, vec_unicode_to_lower(vec_utf8_decode(at, end, &bytes)));
        at += bytes;
    }
}

void vec_text_initcap(struct bytes_writer *w, struct vec_text a)
{
    const char *end = vec_text_end(a);
    bool is_inside = false;
    for (const char *at = a.data; at < end && w->err == ERR_OK;) {
        size_t bytes;
        uint32_t code = vec_utf8_decode(at, end, &bytes);
        uint32_t put = is_inside ? vec_unicode_to_lower(code) : vec_unicode_to_upper(code);
        vec_text_put(w, put);
        is_inside = vec_unicode_is_alnum(put);
        at += bytes;
    }
}

/* `a`, not empty, so many times: what stands is copied behind itself. */
static void vec_text_put_times(struct bytes_writer *w, struct vec_text a, uint64_t times)
{
    size_t first = w->pos;
    size_t total = (size_t)(a.length * times);
    bytes_put_zeros(w, total);
    if (w->err != ERR_OK || total == 0) {
        return;
    }
    memcpy(w->data + first, a.data, a.length);
    for (size_t done = a.length; done < total;) {
        size_t more = done < total - done ? done : total - done;
        memcpy(w->data + first + done, w->data + first, more);
        done += more;
    }
}

enum vec_fault vec_text_pad(struct bytes_writer *w, struct vec_text a, int32_t count,
                            struct vec_text fill, bool is_left)
{
    int64_t wanted = count > 0 ? count : 0;
    if (fill.length == 0 && wanted > (int64_t)a.length) {
        wanted = (int64_t)a.length; /* nothing to fill up with */
    }
    if (wanted * VEC_UTF8_BYTES_MAX > VEC_TEXT_BYTES_MAX) {
        return VEC_FAULT_TEXT_LENGTH;
    }
    struct vec_text kept = vec_text_left(a, (int32_t)wanted);
    int64_t missing = fill.length > 0 ? wanted - vec_text_length(kept) : 0;
    if (!is_left && kept.length > 0) {
        bytes_put_copy(w, kept.data, kept.length);
    }
    if (missing > 0) {
        int64_t each = vec_text_length(fill);
        struct vec_text rest = vec_text_left(fill, (int32_t)(missing % each));
        vec_text_put_times(w, fill, (uint64_t)(missing / each));
        bytes_put_copy(w, rest.data, rest.length);
    }
    if (is_left && kept.length > 0) {
        bytes_put_copy(w, kept.data, kept.length);
    }
    return VEC_FAULT_NONE;
}

/* The next `part` from `at` on; NULL: there is none. One that is near is found by its first byte,
 * so that many of them cost little more than none. */
static const char *vec_text_next(const char *at, const char *end, struct vec_text part)
{
    size_t left = (size_t)(end - at);
    if (left < part.length) {
        return NULL;
    }
    size_t places = left - part.length + 1;
    size_t near = places < VEC_TEXT_NEAR_BYTES ? places : VEC_TEXT_NEAR_BYTES;
    for (size_t i = 0; i < near; i++) {
        if (at[i] == part.data[0] && memcmp(at + i, part.data, part.length) == 0) {
            return at + i;
        }
    }
    return near == places ? NULL : vec_text_find(vec_text_between(at + near, end), part);
}

size_t vec_text_replace_bytes(struct vec_text a, struct vec_text from, struct vec_text to)
{
    const char *end = vec_text_end(a);
    size_t count = 0;
    if (from.length == 0 || to.length <= from.length) {
        return a.length;
    }
    for (const char *at = a.data; (at = vec_text_next(at, end, from)) != NULL; count++) {
        at += from.length;
    }
    return a.length + count * (to.length - from.length);
}

void vec_text_replace(struct bytes_writer *w, struct vec_text a, struct vec_text from,
                      struct vec_text to)
{
    size_t first = w->pos;
    const char *at = a.data;
    const char *end = vec_text_end(a);
    bytes_put_zeros(w, vec_text_replace_bytes(a, from, to));
    if (w->err != ERR_OK || a.length == 0) {
        return;
    }
    uint8_t *out = w->data + first;
    if (from.length == 1 && to.length == 1) { /* nothing moves */
        for (size_t i = 0; i < a.length; i++) {
            out[i] = (uint8_t)(a.data[i] == from.data[0] ? to.data[0] : a.data[i]);
        }
        return;
    }
    for (const char *found; from.length > 0 && (found = vec_text_next(at, end, from)) != NULL;) {
        memcpy(out, at, (size_t)(found - at));
        out += found - at;
        if (to.length > 0) {
            memcpy(out, to.data, to.length);
            out += to.length;
        }
        at = found + from.length;
    }
    if (at < end) {
        memcpy(out, at, (size_t)(end - at));
        out += end - at;
    }
    w->pos = (size_t)(out - w->data);
}

enum vec_fault vec_text_translate(struct bytes_writer *w, struct vec_text a, struct vec_text from,
                                  struct vec_text to)
{
    struct vec_text_set set;
    enum vec_fault fault = vec_text_set(&set, from, to);
    const char *end = vec_text_end(a);
    const char *to_end = vec_text_end(to);
    for (const char *at = a.data; at < end && fault == VEC_FAULT_NONE && w->err == ERR_OK;) {
        const char *put;
        size_t bytes = vec_utf8_step(at, end);
        if (!vec_text_find_in(&set, at, bytes, &put)) {
            bytes_put_copy(w, at, bytes);
        } else if (put < to_end) {
            bytes_put_copy(w, put, vec_utf8_step(put, to_end));
        }
        at += bytes;
    }
    return fault;
}

void vec_text_reverse(struct bytes_writer *w, struct vec_text a)
{
    const char *end = vec_text_end(a);
    while (end > a.data && w->err == ERR_OK) {
        const char *last = vec_text_last(a.data, end);
        bytes_put_copy(w, last, (size_t)(end - last));
        end = last;
    }
}

enum vec_fault vec_text_repeat(struct bytes_writer *w, struct vec_text a, int32_t count)
{
    uint64_t times = count > 0 ? (uint64_t)count : 0;
    if (times * a.length > VEC_TEXT_BYTES_MAX) {
        return VEC_FAULT_TEXT_LENGTH;
    }
    vec_text_put_times(w, a, a.length > 0 ? times : 0);
    return VEC_FAULT_NONE;
}

enum vec_fault vec_text_chr(struct bytes_writer *w, int32_t code)
{
    if (code < 0) {
        return VEC_FAULT_CHARACTER_NEGATIVE;
    }
    if (code == 0) {
        return VEC_FAULT_CHARACTER_NULL;
    }
    if (code > 0x10ffff) {
        return VEC_FAULT_CHARACTER_LARGE;
    }
    if (code >= 0xd800 && code < 0xe000) {
        return VEC_FAULT_CHARACTER_INVALID;
    }
    vec_text_put(w, (uint32_t)code);
    return VEC_FAULT_NONE;
}
