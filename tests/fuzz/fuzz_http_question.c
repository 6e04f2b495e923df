/* Any bytes as the body of a question, with much memory and with little. Then holds:
 *
 *  - one that is read is JSON, its statement is UTF-8, its parameters are values of their types;
 *  - one that is refused says why, and JSON that is refused as JSON is none;
 *  - with little memory the same is read, or it is said that there was none;
 *  - what is a question is one as a message, too.
 *
 *     hundreds of bytes of little memory, then the body */
#include <string.h>

#include "base/json.h"
#include "broker/gateway/http_question.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/json_strict.h"
#include "views/vec/jsonb.h"

/* Of a body of the driver's and libFuzzer's largest input. */
#define FUZZ_ARENA_BYTES ((size_t)256 << 20)

/* Up to here both readers of JSON go as deep. */
#define FUZZ_DEPTH_MAX 500u

static bool fuzz_is_deep(struct http_text text)
{
    uint32_t count = 0;
    for (size_t i = 0; i < text.length; i++) {
        count += text.data[i] == '[' || text.data[i] == '{';
    }
    return count > FUZZ_DEPTH_MAX;
}

static void fuzz_check_param(const struct vec_value *value, struct vec_type type)
{
    const struct vec_bytes *bytes = &value->u.bytes;
    if (value->is_null) {
        ASSERT(type.kind == VEC_NONE);
        return;
    }
    ASSERT(type.kind == VEC_NONE || type.kind == VEC_BOOLEAN || type.kind == VEC_INTEGER ||
           type.kind == VEC_BIGINT || type.kind == VEC_NUMERIC || type.kind == VEC_DOUBLE ||
           type.kind == VEC_JSONB);
    if (type.kind == VEC_NONE) {
        ASSERT(bytes->length == 0 || json_is_utf8(bytes->data, bytes->length));
        ASSERT(bytes->length == 0 || memchr(bytes->data, '\0', bytes->length) == NULL);
    } else if (type.kind == VEC_BOOLEAN) {
        ASSERT(value->u.boolean <= 1);
    } else if (type.kind == VEC_BIGINT) {
        ASSERT(value->u.int8 != (int32_t)value->u.int8); /* else it was an INTEGER */
    } else if (type.kind == VEC_JSONB) {
        ASSERT(vec_jsonb_is_valid(bytes->data, bytes->length));
    }
}

static void fuzz_check(struct http_text body, enum http_error error,
                       const struct http_question *question)
{
    bool is_json = json_strict_is_valid(body.data, body.length);
    if (error == HTTP_JSON_INVALID) {
        ASSERT(!is_json || fuzz_is_deep(body));
        ASSERT(question->detail[0] != '\0');
        return;
    }
    ASSERT(is_json);
    if (error == HTTP_QUERY_INVALID) {
        ASSERT(question->detail[0] != '\0');
        return;
    }
    ASSERT(error == HTTP_ERRORS_COUNT);
    ASSERT(question->sql.data != NULL);
    ASSERT(question->sql.length == 0 || json_is_utf8(question->sql.data, question->sql.length));
    ASSERT(question->timeout_ns <= HTTP_QUESTION_TIMEOUT_NS_MAX);
    ASSERT(question->params_count <= HTTP_QUESTION_PARAMS_MAX);
    for (uint32_t i = 0; i < question->params_count; i++) {
        fuzz_check_param(&question->params[i], question->types[i]);
    }
    ASSERT(question->wants_count <= HTTP_QUESTION_WANTS_MAX);
    ASSERT(question->wants_count == 0 || question->position_min.epoch == 0);
    ASSERT(!question->is_any || (question->wants_count == 0 && question->position_min.epoch == 0));
    for (uint32_t i = 0; i < question->wants_count; i++) {
        struct http_text topic = question->wants[i].topic;
        ASSERT(topic.length == 0 || json_is_utf8(topic.data, topic.length));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct budget budget;
    struct arena much, little;
    struct http_question question, again;
    if (size < 1) {
        return 0;
    }
    struct http_text body = {(const char *)data + 1, size - 1};
    budget_init(&budget, "fuzz", SIZE_MAX, NULL);
    arena_init(&much, &budget, 4096, FUZZ_ARENA_BYTES);
    arena_init(&little, &budget, 256, 256 + 100 * (size_t)data[0]);
    enum http_error error = http_question_read(&much, body, &question);
    fuzz_check(body, error, &question);
    enum http_error with_little = http_question_read(&little, body, &again);
    ASSERT(with_little == error || with_little == HTTP_OVERLOADED);
    if (with_little == HTTP_ERRORS_COUNT) {
        ASSERT(again.sql.length == question.sql.length);
        ASSERT(again.params_count == question.params_count);
        ASSERT(again.timeout_ns == question.timeout_ns);
        ASSERT(again.wants_count == question.wants_count);
        ASSERT(again.position_min.tick == question.position_min.tick);
        ASSERT(again.has_number_texts == question.has_number_texts);
    }
    if (error == HTTP_ERRORS_COUNT) {
        ASSERT(http_question_read_message(&much, body, &again) == HTTP_ERRORS_COUNT);
        ASSERT(again.sql.length == question.sql.length);
    }
    arena_deinit(&much);
    arena_deinit(&little);
    budget_deinit(&budget);
    return 0;
}
