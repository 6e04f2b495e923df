/* A strict reader of JSON for tests: says whether a text is JSON by RFC 8259 and looks members up.
 * Slow and small on purpose: it is the second opinion on what the product writes. */
#ifndef TESTS_SUPPORT_JSON_STRICT_H
#define TESTS_SUPPORT_JSON_STRICT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the `length` bytes are exactly one JSON value with optional white space around it, in
 * valid UTF-8, nested at most 500 deep. */
bool json_strict_is_valid(const char *text, size_t length);

/* Find the first member `key` of the object that `text` is (valid, its keys free of escapes). A
 * string's value is decoded, any other is copied as it stands; it is written to `out`,
 * NUL-terminated and cut to `out_bytes` (>= 1). Returns false when there is no such member. */
bool json_strict_get(const char *text, size_t length, const char *key, char *out, size_t out_bytes);

/* How many members the object `text` has (valid). */
size_t json_strict_members(const char *text, size_t length);

#endif
