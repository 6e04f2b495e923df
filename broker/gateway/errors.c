/* The HTTP door's problems, and what the broker's answers are among them. See errors.h. */
#include "broker/gateway/errors.h"

#include <string.h>

#include "base/assert.h"
#include "base/list.h"

static const struct http_error_row http_error_rows[] = {
#define HTTP_ERROR_ROW(name, code, status, states, retriable, title, hint)                         \
    [HTTP_##name] = {code, status, states, retriable, title, hint},
    HTTP_ERRORS(HTTP_ERROR_ROW)
#undef HTTP_ERROR_ROW
};

/* Every code of the broker's catalogue. What a client cannot have caused here is a mistake of ours.
 */
static const enum http_error http_error_codes[CORE_CODES_COUNT] = {
    [CORE_OK] = HTTP_INTERNAL,
    [CORE_UNKNOWN_TOPIC] = HTTP_STREAM_NOT_FOUND,
    [CORE_UNKNOWN_TOPIC_ID] = HTTP_STREAM_NOT_FOUND,
    [CORE_INCONSISTENT_TOPIC_ID] = HTTP_STREAM_NOT_FOUND,
    [CORE_TOPIC_EXISTS] = HTTP_STREAM_NAME_INVALID,
    [CORE_INVALID_TOPIC] = HTTP_STREAM_NAME_INVALID,
    [CORE_INVALID_PARTITIONS] = HTTP_NOT_AVAILABLE,
    [CORE_INVALID_REPLICATION] = HTTP_INTERNAL,
    [CORE_INVALID_ASSIGNMENT] = HTTP_INTERNAL,
    [CORE_INVALID_CONFIG] = HTTP_INTERNAL,
    [CORE_INVALID_REQUEST] = HTTP_INTERNAL,
    [CORE_NOT_LEADER] = HTTP_NOT_AVAILABLE,
    [CORE_NOT_AVAILABLE] = HTTP_NOT_AVAILABLE,
    [CORE_FENCED_EPOCH] = HTTP_NOT_AVAILABLE,
    [CORE_UNKNOWN_EPOCH] = HTTP_NOT_AVAILABLE,
    [CORE_OFFSET_OUT_OF_RANGE] = HTTP_OFFSET_OUT_OF_RANGE,
    [CORE_INVALID_ACKS] = HTTP_INTERNAL,
    [CORE_NOT_ENOUGH_REPLICAS] = HTTP_NOT_ENOUGH_REPLICAS,
    [CORE_TIMEOUT] = HTTP_TIMEOUT,
    [CORE_CORRUPT_MESSAGE] = HTTP_STORAGE_FAILED, /* of a read: rot */
    [CORE_INVALID_RECORD] = HTTP_EVENT_INVALID,
    [CORE_INVALID_TIMESTAMP] = HTTP_TIMESTAMP_OUT_OF_RANGE,
    [CORE_TOO_LARGE] = HTTP_EVENT_TOO_LARGE,
    [CORE_UNSUPPORTED_COMPRESSION] = HTTP_INTERNAL,
    [CORE_UNSUPPORTED_FORMAT] = HTTP_INTERNAL,
    [CORE_OUT_OF_ORDER] = HTTP_INTERNAL,
    [CORE_DUPLICATE_SEQUENCE] = HTTP_INTERNAL,
    [CORE_UNKNOWN_PRODUCER] = HTTP_INTERNAL,
    [CORE_PRODUCER_FENCED] = HTTP_INTERNAL,
    [CORE_POLICY_VIOLATION] = HTTP_INTERNAL,
    [CORE_STREAM_EXISTS] = HTTP_INTERNAL,
    [CORE_UNKNOWN_STREAM] = HTTP_STREAM_NOT_FOUND,
    [CORE_INVALID_STREAM] = HTTP_INTERNAL,
    [CORE_STREAM_CHANGED] = HTTP_NOT_AVAILABLE,
    [CORE_NOT_FOLLOWED] = HTTP_NOT_AVAILABLE,
    [CORE_VIEW_EXISTS] = HTTP_INTERNAL,
    [CORE_UNKNOWN_VIEW] = HTTP_VIEW_NOT_FOUND,
    [CORE_INVALID_VIEW] = HTTP_INTERNAL,
    [CORE_VIEW_CHANGED] = HTTP_NOT_AVAILABLE,
    [CORE_VIEW_BUSY] = HTTP_INTERNAL,
    [CORE_VIEW_BROKEN] = HTTP_VIEW_BROKEN,
    [CORE_STORAGE] = HTTP_STORAGE_FAILED,
    [CORE_DISK_FULL] = HTTP_DISK_FULL,
    [CORE_OVERLOADED] = HTTP_OVERLOADED,
    [CORE_CLOSING] = HTTP_CLOSING,
};

const struct http_error_row *http_error_row(enum http_error error)
{
    ASSERT(error < HTTP_ERRORS_COUNT);
    return &http_error_rows[error];
}

enum http_error http_error_of(enum core_code code)
{
    ASSERT(code > CORE_OK);
    ASSERT(code < CORE_CODES_COUNT);
    return http_error_codes[code];
}

enum http_error http_error_of_state(const char *state)
{
    enum http_error found = HTTP_INTERNAL;
    size_t found_length = 0;
    for (enum http_error error = 0; error < HTTP_ERRORS_COUNT; error++) {
        for (const char *at = http_error_rows[error].states; *at != '\0';) {
            size_t length = strcspn(at, " ");
            if (length > found_length && strncmp(state, at, length) == 0) {
                found = error;
                found_length = length;
            }
            at += length + (at[length] == ' ');
        }
    }
    return found;
}

enum http_error http_error_of_status(uint32_t status, bool is_method_known)
{
    switch (status) {
    case 408: return HTTP_REQUEST_TIMEOUT;
    case 413: return HTTP_BODY_TOO_LARGE;
    case 414: return HTTP_TARGET_TOO_LONG;
    case 417: return HTTP_EXPECTATION_FAILED;
    case 431: return HTTP_HEAD_TOO_LARGE;
    case 501: return is_method_known ? HTTP_ENCODING_UNSUPPORTED : HTTP_METHOD_UNKNOWN;
    case 503: return HTTP_OVERLOADED;
    case 505: return HTTP_VERSION_UNSUPPORTED;
    default: return HTTP_REQUEST_INVALID;
    }
}
