/* Naive whole numbers: decimal digits in a row, added and multiplied as at school. */
#ifndef TESTS_UNIT_VIEWS_TWIN_H
#define TESTS_UNIT_VIEWS_TWIN_H

#include <stddef.h>
#include <stdint.h>

#define TWIN_DIGITS_MAX 480

/* A number >= 0. */
struct twin {
    uint8_t digit[TWIN_DIGITS_MAX]; /* least significant first */
    size_t count;                   /* without leading zeros; 0: the number 0 */
};

/* The digits in `text`, whatever else stands there, and as many zeros as `shift`. */
struct twin twin_read(const char *text, size_t length, size_t shift);

/* <0, 0, >0 */
int twin_compare(const struct twin *a, const struct twin *b);

/* a + b, a - b (a >= b), a * b. */
struct twin twin_add(const struct twin *a, const struct twin *b);
struct twin twin_sub(const struct twin *a, const struct twin *b);
struct twin twin_mul(const struct twin *a, const struct twin *b);

#endif
