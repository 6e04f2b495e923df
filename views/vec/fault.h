/* What an operation on SQL values can refuse, in PostgreSQL's words.
 *
 * An operation returns one of these and nothing else, so that it costs a register where all goes
 * well. The message is made where it is shown: its template may name the type (%t), the text at
 * fault (%v: for a parser its whole input, elsewhere as the operation's comment says) or that text
 * in lower case (%l), all of which whoever called still has.
 *
 * Source: PostgreSQL 15, appendix A (codes), its messages as recorded in tests/golden/values. */
#ifndef VIEWS_VEC_FAULT_H
#define VIEWS_VEC_FAULT_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/compiler.h"

/* name, SQLSTATE, template of the message. */
#define VEC_FAULT_TABLE(X)                                                                         \
    X(NONE, "00000", "")                                                                           \
    X(INTEGER, "22003", "integer out of range")                                                    \
    X(BIGINT, "22003", "bigint out of range")                                                      \
    X(NUMERIC, "22003", "value overflows numeric format")                                          \
    X(NUMERIC_FIELD, "22003", "numeric field overflow")                                            \
    X(NUMERIC_SPECIAL, "0A000",                                                                    \
      "NaN and infinity are not served as numeric: use double precision")                          \
    X(OVERFLOW, "22003", "value out of range: overflow")                                           \
    X(UNDERFLOW, "22003", "value out of range: underflow")                                         \
    X(INPUT, "22003", "input is out of range")                                                     \
    X(TEXT_RANGE, "22003", "value \"%v\" is out of range for type %t")                             \
    X(DOUBLE_RANGE, "22003", "\"%v\" is out of range for type double precision")                   \
    X(DIVISION, "22012", "division by zero")                                                       \
    X(SYNTAX, "22P02", "invalid input syntax for type %t: \"%v\"")                                 \
    X(ROOT, "2201F", "cannot take square root of a negative number")                               \
    X(LOG_ZERO, "2201E", "cannot take logarithm of zero")                                          \
    X(LOG_NEGATIVE, "2201E", "cannot take logarithm of a negative number")                         \
    X(POWER_ZERO, "2201F", "zero raised to a negative power is undefined")                         \
    X(POWER_COMPLEX, "2201F",                                                                      \
      "a negative number raised to a non-integer power yields a complex result")                   \
    X(POWER_FRACTION, "0A000",                                                                     \
      "only whole powers of numeric are served: use double precision for others")                  \
    X(NUMERIC_LOG, "0A000",                                                                        \
      "exponentials and logarithms of numeric are not served: use double precision")               \
    X(DATETIME_SYNTAX, "22007", "invalid input syntax for type %t: \"%v\"")                        \
    X(DATETIME_FIELD, "22008", "date/time field value out of range: \"%v\"")                       \
    X(DATETIME_ZONE, "22009", "time zone displacement out of range: \"%v\"")                       \
    X(DATETIME_CLOCK, "0A000",                                                                     \
      "the time of day of a query is not read from a text: \"%v\"; use now()")                     \
    X(DATE_TEXT, "22008", "date out of range: \"%v\"")                                             \
    X(DATE, "22008", "date out of range")                                                          \
    X(DATE_FOR_TIMESTAMP, "22008", "date out of range for timestamp")                              \
    X(DATE_INFINITE, "22008", "cannot subtract infinite dates")                                    \
    X(TIMESTAMP_TEXT, "22008", "timestamp out of range: \"%v\"")                                   \
    X(TIMESTAMP, "22008", "timestamp out of range")                                                \
    X(TIMESTAMP_INFINITE, "22008", "cannot subtract infinite timestamps")                          \
    X(TIMESTAMP_NAN, "22008", "timestamp cannot be NaN")                                           \
    X(MAKE_DATE, "22008", "date field value out of range: %v")                                     \
    X(MAKE_DATE_RANGE, "22008", "date out of range: %v")                                           \
    X(MAKE_TIME, "22008", "time field value out of range: %v")                                     \
    X(BIN_MONTHS, "0A000",                                                                         \
      "timestamps cannot be binned into intervals containing months or years")                     \
    X(BIN_STRIDE, "22008", "stride must be greater than zero")                                     \
    X(BIN_ORIGIN, "22008", "origin out of range")                                                  \
    X(INFINITE_PART, "0A000", "the fields of infinity are not served for type %t")                 \
    X(INTERVAL, "22008", "interval out of range")                                                  \
    X(INTERVAL_TEXT, "22015", "interval field value out of range: \"%v\"")                         \
    X(UNIT_UNKNOWN, "22023", "unit \"%l\" not recognized for type %t")                             \
    X(UNIT_UNSUPPORTED, "0A000", "unit \"%l\" not supported for type %t")                          \
    X(ZONE_UNKNOWN, "22023", "time zone \"%v\" not recognized")                                    \
    X(ZONE_NAMED, "0A000", "time zone \"%v\" is not served: UTC and fixed offsets are")            \
    X(SUBSTRING, "22011", "negative substring length not allowed")                                 \
    X(SPLIT_POSITION, "22023", "field position must not be zero")                                  \
    X(ESCAPE_END, "22025", "LIKE pattern must not end with escape character")                      \
    X(ESCAPE_STRING, "22025", "invalid escape string")                                             \
    X(TEXT_LENGTH, "54000", "requested length too large")                                          \
    X(SET_SIZE, "54000", "more than 2048 different characters to look for")                        \
    X(LIKE_STEPS, "54000",                                                                         \
      "matching takes too long: the pattern is long and begins in too many places of the texts")   \
    X(CHARACTER_NULL, "54000", "null character not permitted")                                     \
    X(CHARACTER_LARGE, "54000", "requested character too large for encoding: %v")                  \
    X(CHARACTER_INVALID, "54000", "requested character not valid for encoding: %v")                \
    X(CHARACTER_NEGATIVE, "22023", "character number must be positive")                            \
    X(ENCODING, "22021", "invalid byte sequence for encoding \"UTF8\"")                            \
    X(JSON_SYNTAX, "22P02", "invalid input syntax for type json")                                  \
    X(JSON_ESCAPE, "22P05", "unsupported Unicode escape sequence")                                 \
    X(JSON_DEPTH, "54001", "stack depth limit exceeded")                                           \
    X(JSON_SIZE, "54000", "total size of jsonb elements exceeds the maximum")                      \
    X(JSON_STEPS, "54000", "@> and <@ take too long: both documents have long arrays")             \
    X(JSON_LENGTH_SCALAR, "22023", "cannot get array length of a scalar")                          \
    X(JSON_LENGTH_OBJECT, "22023", "cannot get array length of a non-array")                       \
    X(JSON_BUILD_ODD, "22023", "argument list must have even number of elements")                  \
    X(JSON_KEY_NULL, "22023", "argument %v: key must not be null")                                 \
    X(JSON_KEY_KIND, "22023", "key value must be scalar, not array, composite, or json")           \
    X(JSON_CAST_NULL, "22023", "cannot cast jsonb null to type %t")                                \
    X(JSON_CAST_STRING, "22023", "cannot cast jsonb string to type %t")                            \
    X(JSON_CAST_NUMBER, "22023", "cannot cast jsonb numeric to type %t")                           \
    X(JSON_CAST_BOOLEAN, "22023", "cannot cast jsonb boolean to type %t")                          \
    X(JSON_CAST_ARRAY, "22023", "cannot cast jsonb array to type %t")                              \
    X(JSON_CAST_OBJECT, "22023", "cannot cast jsonb object to type %t")                            \
    X(KEY_LENGTH, "54000", "the values that a view groups a row by have more than 65536 bytes")    \
    X(MEMORY, "53200", "out of memory")

enum vec_fault {
#define VEC_FAULT_ENUM(name, state, text) VEC_FAULT_##name,
    VEC_FAULT_TABLE(VEC_FAULT_ENUM)
#undef VEC_FAULT_ENUM
        VEC_FAULT_COUNT
};

/* The five characters of `fault`'s SQLSTATE. Static storage. */
const char *vec_fault_state(enum vec_fault fault);

/* Write `fault`'s message, with `type` (a type's SQL name, may be NULL where the template has no
 * %t) and the `length` bytes of `text`. What does not fit is w->err. */
void vec_fault_message(struct bytes_writer *w, enum vec_fault fault, const char *type,
                       const char *text, size_t length);

#endif
