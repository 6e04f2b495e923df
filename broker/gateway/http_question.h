/* The body of a question: {"sql": TEXT, "params": [...], "timeout": "30s", "numbers": "string",
 * "min_position": "0000002a.17" or {TOPIC: {PARTITION: OFFSET}}, "consistency": "any"}. Pure. */
#ifndef BROKER_GATEWAY_HTTP_QUESTION_H
#define BROKER_GATEWAY_HTTP_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "broker/core/position.h"
#include "broker/gateway/errors.h"
#include "broker/gateway/http_text.h"
#include "views/vec/type.h"

/* Parameters of a statement at most. */
#define HTTP_QUESTION_PARAMS_MAX 1000u

/* Records that an answer is to hold, at most. */
#define HTTP_QUESTION_WANTS_MAX 1024u

/* The longest timeout: a day. */
#define HTTP_QUESTION_TIMEOUT_NS_MAX (UINT64_C(24) * 3600 * 1000000000)

/* Room for what is wrong. */
#define HTTP_QUESTION_DETAIL_BYTES 256

/* A record that the answer is to hold. */
struct http_question_want {
    struct http_text topic; /* UTF-8 */
    uint32_t partition;
    uint64_t offset;
};

/* A question. What it points to is in the arena it was read with, or in the body. */
struct http_question {
    struct http_text sql;           /* UTF-8, escapes resolved */
    const struct vec_value *params; /* params_count */
    const struct vec_type *types;   /* of each; VEC_NONE: a text, or null */
    uint32_t params_count;
    uint64_t timeout_ns;                     /* 0: none was given */
    struct core_position position_min;       /* epoch 0: none was given */
    const struct http_question_want *wants;  /* wants_count; instead of a position */
    uint32_t wants_count;                    /* 0: none were given */
    bool is_any;                             /* views are to be taken as they are */
    bool has_number_texts;                   /* BIGINT and NUMERIC are to be strings */
    char detail[HTTP_QUESTION_DETAIL_BYTES]; /* what is wrong; "": the error says it */
};

/* *out = the question that `body` is. HTTP_ERRORS_COUNT: it is one; else HTTP_JSON_INVALID,
 * HTTP_QUERY_INVALID, HTTP_OVERLOADED (`arena` refuses).
 *
 * A whole number is INTEGER, BIGINT or NUMERIC, the first that it fits, another one NUMERIC, as SQL
 * reads them, or DOUBLE PRECISION where NUMERIC has not so many digits; a text is what its place in
 * the statement wants; an object or an array is JSONB. Of equal names the last counts. */
enum http_error http_question_read(struct arena *arena, struct http_text body,
                                   struct http_question *out);

/* The params alone: the array that `params` is. */
enum http_error http_question_read_params(struct arena *arena, const struct json_value *params,
                                          struct http_question *out);

/* The same of a message of WebSocket, whose "id" and "op" somebody else has read. */
enum http_error http_question_read_message(struct arena *arena, struct http_text text,
                                           struct http_question *out);

#endif
