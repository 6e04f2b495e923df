/* What the parsers of dates, timestamps and intervals share: text cut into tokens as PostgreSQL
 * cuts it, numbers in them, fractions of a second. */
#ifndef VIEWS_VEC_DATETIME_INT_H
#define VIEWS_VEC_DATETIME_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "views/vec/fault.h"

/* A text with more tokens, or longer, is no date. */
#define VEC_TOKENS_MAX       25
#define VEC_TOKEN_TEXT_BYTES 160

enum vec_token_kind {
    VEC_TOKEN_NUMBER, /* digits, perhaps with a point */
    VEC_TOKEN_DATE,   /* parts with - / . between, perhaps with letters */
    VEC_TOKEN_TIME,   /* digits with : between */
    VEC_TOKEN_WORD,   /* letters */
    VEC_TOKEN_SIGNED, /* + or - before digits: a zone's offset, or a number */
    VEC_TOKEN_SPECIAL /* + or - before letters */
};

/* A token: NUL-terminated, letters in lower case. */
struct vec_token {
    enum vec_token_kind kind;
    char *text;    /* in vec_tokens.buffer */
    size_t length; /* without the NUL */
};

/* A text cut up. */
struct vec_tokens {
    struct vec_token token[VEC_TOKENS_MAX];
    size_t count;
    char buffer[VEC_TOKEN_TEXT_BYTES + VEC_TOKENS_MAX];
};

/* Cut `text`. False: it holds what no token begins with, or too much. */
MUST_USE bool vec_tokens_cut(const char *text, size_t length, struct vec_tokens *out);

/* The number at *at: a sign, digits; *at goes behind it. Without digits 0, and *at stays. False:
 * out of [minimum, maximum]. */
MUST_USE bool vec_datetime_number(const char **at, int64_t minimum, int64_t maximum, int64_t *out);

/* The fraction in `point`, a "." with digits up to the end of the text. False: something else
 * follows. */
MUST_USE bool vec_datetime_fraction(const char *point, double *out);

/* The same in microseconds, 0 to 1000000. */
MUST_USE bool vec_datetime_fraction_us(const char *point, int64_t *us);

/* A time of day, or of an interval. */
struct vec_datetime_clock {
    int64_t hours;   /* not bounded above */
    int64_t minutes; /* 0 to 59 */
    int64_t seconds; /* 0 to 60 */
    int64_t us;      /* 0 to 1000000 */
};

/* "hh:mm", "hh:mm:ss", "hh:mm:ss.f" or "mm:ss.f". DATETIME_SYNTAX, DATETIME_FIELD. */
MUST_USE enum vec_fault vec_datetime_clock(const char *text, struct vec_datetime_clock *out);

/* The month a word names, 1 to 12; 0: none. */
int vec_datetime_month(const char *word);

/* Whether a word is known in dates: a month, a weekday, a mark (AM, BC, T), a special value, a
 * unit. */
bool vec_datetime_is_word(const char *word);

/* Whether a word names a day of the week. */
bool vec_datetime_is_weekday(const char *word);

/* The offset of a zone's abbreviation in seconds east of UTC. False: not one that is known. */
MUST_USE bool vec_datetime_zone(const char *word, int32_t *offset_s);

#endif
