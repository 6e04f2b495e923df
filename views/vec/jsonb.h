/* JSONB: JSON values as PostgreSQL keeps them, in one piece of bytes that paths walk without
 * reading what they pass.
 *
 * Of an object's equal keys the last counts; keys stand in order of length, then bytes; numbers are
 * decimals with the digits and the scale they were written with (1.50 stays, 1e3 becomes 1000).
 *
 * A value is a byte that says its kind, then
 *     null true false    nothing
 *     number             its digits as text, without exponent
 *     string             its characters, UTF-8, no escapes
 *     array              u32 count, count u32 ends, the values one after the other
 *     object             u32 count, count u32 ends of keys, count u32 ends of values, the keys in
 *                        order, their values in that order
 * where an end counts bytes from the first byte behind the ends; all little-endian. So an element
 * is found by its number at once and a key by halving. A value ends where whoever holds it says.
 *
 * Values are made by vec_jsonb_parse only; what comes from a disk or a network is asked for with
 * vec_jsonb_is_valid first, for the other functions assert that it is well formed. Pure. */
#ifndef VIEWS_VEC_JSONB_H
#define VIEWS_VEC_JSONB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/compiler.h"
#include "views/vec/fault.h"
#include "views/vec/numeric.h"
#include "views/vec/text.h"

/* Arrays and objects within each other. */
#define VEC_JSONB_DEPTH_MAX 512

/* The most bytes of a value. */
#define VEC_JSONB_BYTES_MAX 0x0fffffffu

/* In PostgreSQL's order, which is the bytes' too. */
enum vec_jsonb_kind {
    VEC_JSONB_NULL,
    VEC_JSONB_STRING,
    VEC_JSONB_NUMBER,
    VEC_JSONB_FALSE,
    VEC_JSONB_TRUE,
    VEC_JSONB_ARRAY,
    VEC_JSONB_OBJECT,
};

/* A value, in bytes owned by somebody else. */
struct vec_jsonb {
    const uint8_t *data; /* its kind, then what belongs to it */
    size_t length;       /* bytes, >= 1 */
};

/* Text to a value, written to `w`; `scratch` is used and left as it was. JSON_SYNTAX (bytes that
 * are no UTF-8 as well), JSON_ESCAPE (\u0000), JSON_DEPTH, JSON_SIZE, NUMERIC (an exponent beyond
 * PostgreSQL's), MEMORY (`scratch` refused). When `w` has no room, w->err says so. */
MUST_USE enum vec_fault vec_jsonb_parse(const char *text, size_t length, struct arena *scratch,
                                        struct bytes_writer *w);

/* Whether `length` bytes at `data` are a value. */
bool vec_jsonb_is_valid(const void *data, size_t length);

/* Write as jsonb::text, `is_spaced` with a space behind each comma and colon; without as JSON on
 * the wire. */
void vec_jsonb_write(struct bytes_writer *w, struct vec_jsonb value, bool is_spaced);

/* Write `text` as a JSON string, quotes and escapes. */
void vec_jsonb_write_string(struct bytes_writer *w, struct vec_text text);

/* What it is. */
enum vec_jsonb_kind vec_jsonb_kind(struct vec_jsonb value);

/* jsonb_typeof. Static storage. */
const char *vec_jsonb_typeof(struct vec_jsonb value);

/* Elements of an array, pairs of an object; 0 of others. */
uint32_t vec_jsonb_count(struct vec_jsonb value);

/* jsonb_array_length. JSON_LENGTH_SCALAR, JSON_LENGTH_OBJECT. */
MUST_USE enum vec_fault vec_jsonb_array_length(struct vec_jsonb value, int32_t *out);

/* Element `i` of an array, pair `i` of an object (i < count, asserted). */
struct vec_jsonb vec_jsonb_element(struct vec_jsonb array, uint32_t i);
struct vec_text vec_jsonb_key(struct vec_jsonb object, uint32_t i);
struct vec_jsonb vec_jsonb_value(struct vec_jsonb object, uint32_t i);

/* value -> key and value -> i, negative from the end (a scalar is its own element 0). False: NULL.
 */
MUST_USE bool vec_jsonb_get(struct vec_jsonb value, struct vec_text key, struct vec_jsonb *out);
MUST_USE bool vec_jsonb_at(struct vec_jsonb value, int32_t i, struct vec_jsonb *out);

/* value #> path: keys, and numbers of elements as text. False: NULL. */
MUST_USE bool vec_jsonb_path(struct vec_jsonb value, const struct vec_text *path, size_t count,
                             struct vec_jsonb *out);

/* What ->> and #>> make of a value: a string's characters, others as jsonb::text. False: NULL (a
 * JSON null). */
MUST_USE bool vec_jsonb_text(struct bytes_writer *w, struct vec_jsonb value);

/* <0, 0, >0 in PostgreSQL's order of jsonb. */
int vec_jsonb_compare(struct vec_jsonb a, struct vec_jsonb b);

/* a @> b. *steps: elements of arrays that may be looked at (arrays and objects count 16); less
 * those that were. Where none is left the answer is false, whatever it is. */
bool vec_jsonb_contains(struct vec_jsonb a, struct vec_jsonb b, uint64_t *steps);

/* value ? key: a key of an object, a string in an array, a string. */
bool vec_jsonb_exists(struct vec_jsonb value, struct vec_text key);

/* Casts. JSON_CAST_...: it is of another kind, %t is the type cast to. Numbers: NUMERIC, INTEGER,
 * BIGINT, DOUBLE_RANGE (%v is the number). */
MUST_USE enum vec_fault vec_jsonb_to_boolean(struct vec_jsonb value, bool *out);
MUST_USE enum vec_fault vec_jsonb_to_numeric(struct vec_jsonb value, struct vec_numeric *out);
MUST_USE enum vec_fault vec_jsonb_to_int4(struct vec_jsonb value, int32_t *out);
MUST_USE enum vec_fault vec_jsonb_to_int8(struct vec_jsonb value, int64_t *out);
MUST_USE enum vec_fault vec_jsonb_to_double(struct vec_jsonb value, double *out);

#endif
