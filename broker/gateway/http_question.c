/* Bodies of questions. See http_question.h. */
#include "broker/gateway/http_question.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/list.h"
#include "base/suggest.h"
#include "base/units.h"
#include "views/plan/value.h"

/* The longest name of a member that an error quotes. */
#define HTTP_QUESTION_NAME_BYTES 40

#define HTTP_QUESTION_NS_PER_MS UINT64_C(1000000)

/* What is being read. */
struct http_question_reader {
    struct arena *arena;       /* where it goes */
    struct http_question *out; /* what is found */
    enum http_error error;     /* what is wrong; HTTP_ERRORS_COUNT: nothing */
    bool is_message;           /* "id" and "op" are somebody else's */
};

static enum http_error http_question_read_all(struct http_question_reader *reader,
                                              struct http_text body);
static bool http_question_member(struct http_question_reader *reader, struct http_text name,
                                 const struct json_value *value);
static bool http_question_text(struct http_question_reader *reader, const char *what,
                               const struct json_value *value, struct http_text *out);
static bool http_question_params(struct http_question_reader *reader,
                                 const struct json_value *list);
static bool http_question_param(struct http_question_reader *reader, uint32_t i,
                                const struct json_value *value, struct vec_value *out,
                                struct vec_type *type);
static enum vec_fault http_question_number(struct http_question_reader *reader,
                                           const struct json_value *value, struct vec_value *out,
                                           struct vec_type *type);
static bool http_question_timeout(struct http_question_reader *reader,
                                  const struct json_value *value);
static bool http_question_numbers(struct http_question_reader *reader,
                                  const struct json_value *value);
static bool http_question_consistency(struct http_question_reader *reader,
                                      const struct json_value *value);
static bool http_question_position(struct http_question_reader *reader,
                                   const struct json_value *value);
static bool http_question_wants(struct http_question_reader *reader,
                                const struct json_value *topics);
static bool http_question_want(struct http_question_reader *reader, const struct json_value *topic,
                               const struct json_value *partition, const struct json_value *offset,
                               struct http_question_want *out);
static void *http_question_alloc(struct http_question_reader *reader, size_t bytes);
static bool http_question_wrong(struct http_question_reader *reader, const char *format, ...)
    PRINTF(2, 3);

enum http_error http_question_read(struct arena *arena, struct http_text body,
                                   struct http_question *out)
{
    struct http_question_reader reader = {.arena = arena, .out = out, .error = HTTP_ERRORS_COUNT};
    return http_question_read_all(&reader, body);
}

enum http_error http_question_read_message(struct arena *arena, struct http_text text,
                                           struct http_question *out)
{
    struct http_question_reader reader = {
        .arena = arena, .out = out, .error = HTTP_ERRORS_COUNT, .is_message = true};
    return http_question_read_all(&reader, text);
}

enum http_error http_question_read_params(struct arena *arena, const struct json_value *params,
                                          struct http_question *out)
{
    struct http_question_reader reader = {.arena = arena, .out = out, .error = HTTP_ERRORS_COUNT};
    *out = (struct http_question){.sql = {.data = NULL}};
    (void)http_question_params(&reader, params);
    return reader.error;
}

static enum http_error http_question_read_all(struct http_question_reader *reader,
                                              struct http_text body)
{
    struct http_question *out = reader->out;
    struct json_value whole, name, value;
    size_t fault;
    *out = (struct http_question){.sql = {.data = NULL}};
    if (json_read(body.data, body.length, &whole, &fault) != ERR_OK) {
        bool is_text = body.length == 0 || json_is_utf8(body.data, body.length);
        snprintf(out->detail, sizeof(out->detail),
                 is_text ? "Byte %zu: JSON has something else there, or less." : "It is not UTF-8.",
                 fault + 1);
        return HTTP_JSON_INVALID;
    }
    if (whole.kind != JSON_OBJECT) {
        (void)http_question_wrong(reader, "It is no object.");
        return reader->error;
    }
    struct json_items items = json_items(&whole);
    while (json_items_next(&items, &name, &value)) {
        if (!http_question_member(reader, (struct http_text){name.text, name.length}, &value)) {
            return reader->error;
        }
    }
    if (out->sql.data == NULL) {
        (void)http_question_wrong(reader, "It has no \"sql\".");
    } else if (out->is_any && (out->position_min.epoch != 0 || out->wants_count > 0)) {
        (void)http_question_wrong(reader, "\"min_position\" asks to wait, and \"consistency\": "
                                          "\"any\" not to.");
    }
    return reader->error;
}

static bool http_question_member(struct http_question_reader *reader, struct http_text name,
                                 const struct json_value *value)
{
    static const char *const names[] = {"sql",     "params",       "timeout",
                                        "numbers", "min_position", "consistency"};
    if (reader->is_message && (http_text_is(name, "id") || http_text_is(name, "op"))) {
        return true;
    }
    if (http_text_is(name, "sql")) {
        return http_question_text(reader, "sql", value, &reader->out->sql);
    }
    if (http_text_is(name, "params")) {
        return http_question_params(reader, value);
    }
    if (http_text_is(name, "timeout")) {
        return http_question_timeout(reader, value);
    }
    if (http_text_is(name, "numbers")) {
        return http_question_numbers(reader, value);
    }
    if (http_text_is(name, "min_position")) {
        return http_question_position(reader, value);
    }
    if (http_text_is(name, "consistency")) {
        return http_question_consistency(reader, value);
    }
    char shown[HTTP_QUESTION_NAME_BYTES + 1];
    int length =
        name.length < HTTP_QUESTION_NAME_BYTES ? (int)name.length : HTTP_QUESTION_NAME_BYTES;
    snprintf(shown, sizeof(shown), "%.*s", length, name.data);
    const char *nearest = suggest_nearest(shown, names, ARRAY_COUNT(names));
    return nearest != NULL ? http_question_wrong(reader, "There is no \"%s\"; did you mean \"%s\"?",
                                                 shown, nearest)
                           : http_question_wrong(reader, "There is no \"%s\".", shown);
}

/* *out = the characters of a string, in the arena. */
static bool http_question_text(struct http_question_reader *reader, const char *what,
                               const struct json_value *value, struct http_text *out)
{
    if (value->kind != JSON_STRING) {
        return http_question_wrong(reader, "\"%s\" is no string.", what);
    }
    char *room = http_question_alloc(reader, value->length + 1);
    if (room == NULL) {
        return false;
    }
    struct bytes_writer w = bytes_writer(room, value->length);
    if (json_unescape(&w, value) != ERR_OK) {
        return http_question_wrong(reader, "\"%s\" has half a character.", what);
    }
    *out = (struct http_text){room, w.pos};
    return true;
}

static bool http_question_params(struct http_question_reader *reader, const struct json_value *list)
{
    struct json_value value;
    uint32_t count = 0;
    if (list->kind != JSON_ARRAY) {
        return http_question_wrong(reader, "\"params\" is no array.");
    }
    struct json_items items = json_items(list);
    while (json_items_next(&items, NULL, &value)) {
        count++;
    }
    if (count > HTTP_QUESTION_PARAMS_MAX) {
        return http_question_wrong(reader, "\"params\" has more than %u.",
                                   HTTP_QUESTION_PARAMS_MAX);
    }
    struct vec_value *params = http_question_alloc(reader, count * sizeof(*params));
    struct vec_type *types = http_question_alloc(reader, count * sizeof(*types));
    if (params == NULL || types == NULL) {
        return false;
    }
    items = json_items(list);
    for (uint32_t i = 0; json_items_next(&items, NULL, &value); i++) {
        if (!http_question_param(reader, i, &value, &params[i], &types[i])) {
            return false;
        }
    }
    reader->out->params = params;
    reader->out->types = types;
    reader->out->params_count = count;
    return true;
}

static bool http_question_param(struct http_question_reader *reader, uint32_t i,
                                const struct json_value *value, struct vec_value *out,
                                struct vec_type *type)
{
    enum vec_fault fault = VEC_FAULT_NONE;
    struct http_text text;
    *type = vec_type(VEC_NONE);
    *out = (struct vec_value){.is_null = value->kind == JSON_NULL};
    switch (value->kind) {
    case JSON_NULL: return true;
    case JSON_FALSE:
    case JSON_TRUE:
        *type = vec_type(VEC_BOOLEAN);
        out->u.boolean = value->kind == JSON_TRUE;
        return true;
    case JSON_STRING:
        if (!http_question_text(reader, "params", value, &text)) {
            return false;
        }
        if (text.length > 0 && memchr(text.data, '\0', text.length) != NULL) {
            return http_question_wrong(reader, "\"params\" has a NUL in $%u.", i + 1);
        }
        out->u.bytes = (struct vec_bytes){text.data, (uint32_t)text.length};
        return true;
    case JSON_NUMBER: fault = http_question_number(reader, value, out, type); break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        *type = vec_type(VEC_JSONB);
        fault = plan_value_parse(VEC_JSONB, value->text, value->length, reader->arena, out);
        break;
    }
    if (fault == VEC_FAULT_MEMORY) {
        reader->error = HTTP_OVERLOADED;
        return false;
    }
    return fault == VEC_FAULT_NONE ||
           http_question_wrong(reader, "\"params\" has in $%u what no value can be.", i + 1);
}

/* As SQL takes a number that is written so; and what a client's double may be beyond that. */
static enum vec_fault http_question_number(struct http_question_reader *reader,
                                           const struct json_value *value, struct vec_value *out,
                                           struct vec_type *type)
{
    static const enum vec_kind kinds[] = {VEC_INTEGER, VEC_BIGINT};
    bool is_whole = true;
    for (size_t i = 0; i < value->length; i++) {
        char c = value->text[i];
        is_whole = is_whole && c != '.' && c != 'e' && c != 'E';
    }
    for (size_t i = 0; is_whole && i < ARRAY_COUNT(kinds); i++) {
        if (plan_value_parse(kinds[i], value->text, value->length, reader->arena, out) ==
            VEC_FAULT_NONE) {
            *type = vec_type(kinds[i]);
            return VEC_FAULT_NONE;
        }
    }
    *type = vec_type(VEC_NUMERIC);
    enum vec_fault fault =
        plan_value_parse(VEC_NUMERIC, value->text, value->length, reader->arena, out);
    if (is_whole || fault == VEC_FAULT_NONE || fault == VEC_FAULT_MEMORY) {
        return fault;
    }
    *type = vec_type(VEC_DOUBLE);
    return plan_value_parse(VEC_DOUBLE, value->text, value->length, reader->arena, out);
}

/* "30s", or milliseconds. */
static bool http_question_timeout(struct http_question_reader *reader,
                                  const struct json_value *value)
{
    uint64_t ns = 0;
    uint64_t ms = 0;
    enum err err = ERR_INVALID;
    if (value->kind == JSON_STRING) {
        err = units_parse_duration_ns(value->text, value->length, &ns);
    } else if (value->kind == JSON_NUMBER) {
        err = units_parse_u64(value->text, value->length, &ms);
        ns = ms <= HTTP_QUESTION_TIMEOUT_NS_MAX / HTTP_QUESTION_NS_PER_MS
                 ? ms * HTTP_QUESTION_NS_PER_MS
                 : UINT64_MAX;
    }
    if (err != ERR_OK || ns == 0 || ns > HTTP_QUESTION_TIMEOUT_NS_MAX) {
        return http_question_wrong(reader, "\"timeout\" is a duration like \"30s\", or "
                                           "milliseconds: at least 1, at most a day.");
    }
    reader->out->timeout_ns = ns;
    return true;
}

static bool http_question_numbers(struct http_question_reader *reader,
                                  const struct json_value *value)
{
    struct http_text given = {value->text, value->length};
    reader->out->has_number_texts = value->kind == JSON_STRING && http_text_is(given, "string");
    bool is_known = reader->out->has_number_texts ||
                    (value->kind == JSON_STRING && http_text_is(given, "number"));
    return is_known || http_question_wrong(reader, "\"numbers\" is \"number\" or \"string\".");
}

static bool http_question_consistency(struct http_question_reader *reader,
                                      const struct json_value *value)
{
    struct http_text given = {value->text, value->length};
    reader->out->is_any = value->kind == JSON_STRING && http_text_is(given, "any");
    return reader->out->is_any || (value->kind == JSON_STRING && http_text_is(given, "default")) ||
           http_question_wrong(reader, "\"consistency\" is \"default\" or \"any\".");
}

/* A position's text, or offsets of answers to appends. */
static bool http_question_position(struct http_question_reader *reader,
                                   const struct json_value *value)
{
    struct http_text text;
    reader->out->position_min = (struct core_position){0};
    reader->out->wants_count = 0;
    if (value->kind == JSON_OBJECT) {
        return http_question_wants(reader, value);
    }
    if (value->kind != JSON_STRING) {
        return http_question_wrong(reader, "\"min_position\" is a position's text, or offsets: "
                                           "{\"topic\": {\"partition\": offset}}.");
    }
    if (!http_question_text(reader, "min_position", value, &text)) {
        return false;
    }
    return core_position_get(text.data, text.length, &reader->out->position_min) == ERR_OK ||
           http_question_wrong(reader, "\"min_position\" is none that an answer had.");
}

static bool http_question_wants(struct http_question_reader *reader,
                                const struct json_value *topics)
{
    struct json_value topic, partitions, partition, offset;
    uint32_t count = 0;
    struct json_items items = json_items(topics);
    while (json_items_next(&items, &topic, &partitions)) {
        if (partitions.kind != JSON_OBJECT) {
            return http_question_wrong(reader, "\"min_position\" has a topic without partitions: "
                                               "{\"topic\": {\"partition\": offset}}.");
        }
        struct json_items inner = json_items(&partitions);
        while (json_items_next(&inner, &partition, &offset)) {
            count++;
        }
    }
    if (count > HTTP_QUESTION_WANTS_MAX) {
        return http_question_wrong(reader, "\"min_position\" has more than %u offsets.",
                                   HTTP_QUESTION_WANTS_MAX);
    }
    struct http_question_want *wants = http_question_alloc(reader, (count + 1) * sizeof(*wants));
    if (wants == NULL) {
        return false;
    }
    reader->out->wants = wants;
    items = json_items(topics);
    while (json_items_next(&items, &topic, &partitions)) {
        struct json_items inner = json_items(&partitions);
        while (json_items_next(&inner, &partition, &offset)) {
            if (!http_question_want(reader, &topic, &partition, &offset,
                                    &wants[reader->out->wants_count++])) {
                return false;
            }
        }
    }
    return true;
}

static bool http_question_want(struct http_question_reader *reader, const struct json_value *topic,
                               const struct json_value *partition, const struct json_value *offset,
                               struct http_question_want *out)
{
    uint64_t number;
    if (!http_question_text(reader, "min_position", topic, &out->topic)) {
        return false;
    }
    if (units_parse_u64(partition->text, partition->length, &number) != ERR_OK ||
        number > UINT32_MAX) {
        return http_question_wrong(reader, "\"min_position\" has a partition that is no number.");
    }
    out->partition = (uint32_t)number;
    return (offset->kind == JSON_NUMBER &&
            units_parse_u64(offset->text, offset->length, &out->offset) == ERR_OK) ||
           http_question_wrong(reader, "\"min_position\" has an offset that is no number.");
}

/* NULL: there is no memory, and that is the error. */
static void *http_question_alloc(struct http_question_reader *reader, size_t bytes)
{
    void *room = arena_alloc_zeroed(reader->arena, bytes, 16);
    if (room == NULL) {
        reader->error = HTTP_OVERLOADED;
    }
    return room;
}

/* It is no question. Returns false. */
static bool http_question_wrong(struct http_question_reader *reader, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(reader->out->detail, sizeof(reader->out->detail), format, args);
    va_end(args);
    ASSERT(length >= 0);
    reader->error = HTTP_QUERY_INVALID;
    return false;
}
