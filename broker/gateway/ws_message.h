/* What a client says over WebSocket (VIEWS §7): {"id": 1, "op": "ping"}, and what each op takes
 * besides. Pure. */
#ifndef BROKER_GATEWAY_WS_MESSAGE_H
#define BROKER_GATEWAY_WS_MESSAGE_H

#include <stdint.h>

#include "base/json.h"
#include "broker/gateway/errors.h"
#include "broker/gateway/http_text.h"

/* The longest id, as it stands in the message. */
#define WS_ID_BYTES_MAX 64u

/* Room for what is wrong. */
#define WS_DETAIL_BYTES 200

/* name, text. */
#define WS_OPS(X)                                                                                  \
    X(HELLO, "hello")                                                                              \
    X(PING, "ping")                                                                                \
    X(QUERY, "query")                                                                              \
    X(APPEND, "append")                                                                            \
    X(SUBSCRIBE, "subscribe")                                                                      \
    X(UNSUBSCRIBE, "unsubscribe")                                                                  \
    X(CREDIT, "credit")

enum ws_op {
#define WS_OP_ENUM(name, text) WS_OP_##name,
    WS_OPS(WS_OP_ENUM)
#undef WS_OP_ENUM
        WS_OPS_COUNT
};

/* Members besides "id" and "op": name, text, the one op that takes it, whether it has to. */
#define WS_MEMBERS(X)                                                                              \
    X(SQL, "sql", QUERY, true)                                                                     \
    X(PARAMS, "params", QUERY, false)                                                              \
    X(TIMEOUT, "timeout", QUERY, false)                                                            \
    X(MIN_POSITION, "min_position", QUERY, false)                                                  \
    X(CONSISTENCY, "consistency", QUERY, false)                                                    \
    X(NUMBERS, "numbers", QUERY, false)                                                            \
    X(APPEND_STREAM, "stream", APPEND, true)                                                       \
    X(EVENTS, "events", APPEND, true)                                                              \
    X(STREAM, "stream", SUBSCRIBE, false)                                                          \
    X(VIEW, "view", SUBSCRIBE, false)                                                              \
    X(SELECT, "sql", SUBSCRIBE, false)                                                             \
    X(SELECT_PARAMS, "params", SUBSCRIBE, false)                                                   \
    X(FROM, "from", SUBSCRIBE, false)                                                              \
    X(ROWS_LEFT, "credit", SUBSCRIBE, false)                                                       \
    X(SLOW, "slow", SUBSCRIBE, false)                                                              \
    X(ENDED, "subscription", UNSUBSCRIBE, true)                                                    \
    X(CREDITED, "subscription", CREDIT, true)                                                      \
    X(ROWS, "rows", CREDIT, true)

enum ws_member {
#define WS_MEMBER_ENUM(name, text, op, is_needed) WS_MEMBER_##name,
    WS_MEMBERS(WS_MEMBER_ENUM)
#undef WS_MEMBER_ENUM
        WS_MEMBERS_COUNT
};

/* A message. What it points to is in the text. */
struct ws_message {
    enum ws_op op;
    struct http_text id; /* a number or a string, as it stands there; length 0: none */
    struct json_value members[WS_MEMBERS_COUNT]; /* of the op, of equal names the last; text NULL:
                                                    there is none. Of any kind */
    enum http_error error;                       /* what is wrong; HTTP_ERRORS_COUNT: nothing */
    char detail[WS_DETAIL_BYTES];                /* in words */
};

/* What `value` is as an id: as it stands in its text; length 0: it cannot be one. */
struct http_text ws_message_id(const struct json_value *value);

/* *out = the message in the `length` bytes at `data`. Where it is none, `id` is there all the same
 * if it could be found. */
void ws_message_read(const void *data, size_t length, struct ws_message *out);

#endif
