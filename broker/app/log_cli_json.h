/* One member of a JSON text, for `tdb log append --time FIELD`: the whole text is checked, nothing
 * is built. Pure. */
#ifndef BROKER_APP_LOG_CLI_JSON_H
#define BROKER_APP_LOG_CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Objects and arrays within each other. */
#define LOG_CLI_JSON_DEPTH_MAX 512

enum log_cli_json_kind {
    LOG_CLI_JSON_NUMBER, /* the text is the number's */
    LOG_CLI_JSON_STRING, /* the text is what stands between the quotes, escapes and all */
    LOG_CLI_JSON_OTHER,  /* true, false, null, an object or an array: the text is its first byte */
};

/* A value in the text it was found in. */
struct log_cli_json_value {
    enum log_cli_json_kind kind; /* what it is */
    const char *text;            /* its first byte */
    size_t length;               /* bytes of it */
};

/* *out = the value at `path` ("time", or "properties.time": names of members with dots between) in
 * the `length` bytes of `text`, which must be one JSON value (RFC 8259). A name with a dot or with
 * escapes is never found; of equal names the last counts. ERR_NOT_FOUND: JSON without it;
 * ERR_INVALID: not JSON, and *fault is the byte where that shows; ERR_TOO_LARGE: deeper than
 * LOG_CLI_JSON_DEPTH_MAX. */
MUST_USE enum err log_cli_json_find(const char *text, size_t length, const char *path,
                                    struct log_cli_json_value *out, size_t *fault);

/* Whether the `length` bytes of `text` are UTF-8 (RFC 3629). */
bool log_cli_is_utf8(const void *text, size_t length);

#endif
