/* The body of a question: {"sql": TEXT, "params": [...], "timeout": "30s", "numbers": "string"}.
 * Pure. */
#ifndef BROKER_GATEWAY_HTTP_QUESTION_H
#define BROKER_GATEWAY_HTTP_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "broker/gateway/errors.h"
#include "broker/gateway/http_text.h"
#include "views/vec/type.h"

/* Parameters of a statement at most. */
#define HTTP_QUESTION_PARAMS_MAX 1000u

/* The longest timeout: a day. */
#define HTTP_QUESTION_TIMEOUT_NS_MAX (UINT64_C(24) * 3600 * 1000000000)

/* Room for what is wrong. */
#define HTTP_QUESTION_DETAIL_BYTES 256

/* A question. What it points to is in the arena it was read with, or in the body. */
struct http_question {
    struct http_text sql;           /* UTF-8, escapes resolved */
    const struct vec_value *params; /* params_count */
    const struct vec_type *types;   /* of each; VEC_NONE: a text, or null */
    uint32_t params_count;
    uint64_t timeout_ns;                     /* 0: none was given */
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

#endif
