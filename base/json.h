/* JSON texts (RFC 8259) as far as commands read them: checked whole, values found in them, nothing
 * built. Pure; nothing recurses, so a hostile text costs its length and no more. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"

/* Objects and arrays within each other. */
#define JSON_DEPTH_MAX 512

enum json_kind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

/* A value in the text it was found in. */
struct json_value {
    enum json_kind kind; /* what it is */
    const char *text;    /* its first byte; of a string the one behind the quote, escapes and all */
    size_t length;       /* bytes of it, without a string's quotes */
};

/* The `length` bytes of `text`, one JSON value with perhaps white space around it. ERR_INVALID: not
 * JSON, and *fault is the byte where that shows; ERR_TOO_LARGE: deeper than JSON_DEPTH_MAX. */
MUST_USE enum err json_read(const char *text, size_t length, struct json_value *out, size_t *fault);

/* *out = the value at `path` ("time", or "properties.time": names of members with dots between) in
 * the `length` bytes of `text`, which are checked whole as by json_read. A name with a dot or with
 * escapes is never found; of equal names the last counts. ERR_NOT_FOUND: JSON without it; others as
 * json_read. */
MUST_USE enum err json_find(const char *text, size_t length, const char *path,
                            struct json_value *out, size_t *fault);

/* Where a walk over an array or an object stands. In place; nothing to give back. */
struct json_items {
    const char *at;  /* next byte */
    const char *end; /* of the container, before its bracket */
    bool is_object;  /* whether names precede the values */
};

/* Begin a walk over `container`, an array or an object (asserted) that json_read or json_find gave:
 * its text is known to be JSON. */
struct json_items json_items(const struct json_value *container);

/* *value = the next item, and in an object *name (a string) = its name; `name` may be NULL. False:
 * there is none. */
bool json_items_next(struct json_items *items, struct json_value *name, struct json_value *value);

/* Write the characters that `string`, of kind JSON_STRING, stands for, as UTF-8: never more bytes
 * than string->length. ERR_INVALID: an escape names half a character (a lone surrogate), which
 * UTF-8 has no form for; ERR_TOO_LARGE: `w` has no room. */
MUST_USE enum err json_unescape(struct bytes_writer *w, const struct json_value *string);

/* Whether the `length` bytes of `text` are UTF-8 (RFC 3629). */
bool json_is_utf8(const void *text, size_t length);

#endif
