/* TEXT: functions of strings, by characters of UTF-8.
 *
 * Order is that of bytes (collation "C"), which for UTF-8 is that of characters. Case is Unicode's
 * simple mapping (unicode.h): what PostgreSQL does in a database with LC_COLLATE C and LC_CTYPE
 * C.UTF-8. Bytes that are no UTF-8 count as a character each; no function fails on them.
 *
 * A result that is a piece of its argument is returned as such and lives as long; others are
 * written to a bytes_writer. Where that has no room, w->err says so and the caller tries again with
 * more. Positions and lengths count characters from 1. Pure. */
#ifndef VIEWS_VEC_TEXT_H
#define VIEWS_VEC_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "views/vec/fault.h"

/* The longest text a function makes: PostgreSQL's own limit. */
#define VEC_TEXT_BYTES_MAX 0x3fffffff

/* A string owned by somebody else. */
struct vec_text {
    const char *data; /* not NUL-terminated; may be NULL when length is 0 */
    size_t length;    /* bytes */
};

/* The `length` bytes at `data`. */
static inline struct vec_text vec_text(const char *data, size_t length)
{
    return (struct vec_text){.data = data, .length = length};
}

/* <0, 0, >0 in collation "C". */
int vec_text_compare(struct vec_text a, struct vec_text b);

/* Characters. */
int32_t vec_text_length(struct vec_text a);

/* substring(a from start): from character `start`, which may be 0 or negative. */
struct vec_text vec_text_tail(struct vec_text a, int32_t start);

/* substring(a from start for length): positions before 1 count against the length. SUBSTRING. */
MUST_USE enum vec_fault vec_text_substring(struct vec_text a, int32_t start, int32_t length,
                                           struct vec_text *out);

/* The position of `part` in `a`; 0: it is not there. An empty one is at 1. */
int32_t vec_text_position(struct vec_text a, struct vec_text part);

/* The first and last `count` characters; all but the last and first -count ones if negative. */
struct vec_text vec_text_left(struct vec_text a, int32_t count);
struct vec_text vec_text_right(struct vec_text a, int32_t count);

/* *out = `a` without what is in `of` at its start and end, as far as asked. SET_SIZE: `of` has more
 * than 2,048 different characters. */
MUST_USE enum vec_fault vec_text_trim(struct vec_text a, struct vec_text of, bool is_left,
                                      bool is_right, struct vec_text *out);

/* split_part(a, mark, n): the n-th piece between marks, from the end if negative; empty: there are
 * not so many. SPLIT_POSITION: n is 0. */
MUST_USE enum vec_fault vec_text_split(struct vec_text a, struct vec_text mark, int32_t n,
                                       struct vec_text *out);

/* Whether `a` begins with `part`. */
bool vec_text_starts_with(struct vec_text a, struct vec_text part);

/* ascii(a): the code of the first character; 0 of an empty text. */
int32_t vec_text_ascii(struct vec_text a);

/* Upper case, lower case, and words (runs of letters and digits) with a capital. */
void vec_text_upper(struct bytes_writer *w, struct vec_text a);
void vec_text_lower(struct bytes_writer *w, struct vec_text a);
void vec_text_initcap(struct bytes_writer *w, struct vec_text a);

/* `a` filled up to `count` characters with repetitions of `fill` at its start or end, or cut to
 * them. TEXT_LENGTH. */
MUST_USE enum vec_fault vec_text_pad(struct bytes_writer *w, struct vec_text a, int32_t count,
                                     struct vec_text fill, bool is_left);

/* Every `from` in `a` replaced by `to`; nothing when `from` is empty. Of so many bytes at most. */
size_t vec_text_replace_bytes(struct vec_text a, struct vec_text from, struct vec_text to);
void vec_text_replace(struct bytes_writer *w, struct vec_text a, struct vec_text from,
                      struct vec_text to);

/* Every character of `from` replaced by the one at its place in `to`, or dropped. SET_SIZE: `from`
 * has more than 2,048 different ones. */
MUST_USE enum vec_fault vec_text_translate(struct bytes_writer *w, struct vec_text a,
                                           struct vec_text from, struct vec_text to);

/* The characters in reverse order. */
void vec_text_reverse(struct bytes_writer *w, struct vec_text a);

/* `a` `count` times; not at all if negative. TEXT_LENGTH. */
MUST_USE enum vec_fault vec_text_repeat(struct bytes_writer *w, struct vec_text a, int32_t count);

/* chr(code). CHARACTER_NULL, CHARACTER_NEGATIVE, CHARACTER_LARGE and CHARACTER_INVALID, whose %v is
 * the number. */
MUST_USE enum vec_fault vec_text_chr(struct bytes_writer *w, int32_t code);

#endif
