/* Rows of a materialized view: the first ones, or the one whose key is given.
 *
 * Both are asked as the SELECT that a person would write; a row by its key is then looked for on
 * the one shard that has it. A value of the key goes as a text that its column's type reads. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/json.h"
#include "base/list.h"
#include "base/units.h"
#include "broker/core/catalog_view.h"
#include "broker/core/core.h"
#include "broker/core/view.h"
#include "broker/gateway/handlers.h"
#include "broker/gateway/http_query.h"
#include "broker/gateway/http_view_lookup.h"

/* Rows of an answer. */
#define HTTP_VIEW_ROWS_LIMIT     100u
#define HTTP_VIEW_ROWS_LIMIT_MAX 10000u

/* Room for what is wrong. */
#define HTTP_VIEW_ROWS_DETAIL_BYTES 512

static bool http_view_rows_look(struct http_call *call, const struct core_view *view,
                                struct http_question *question);
static bool http_view_rows_setting(struct http_call *call, struct http_question *question);
static void http_view_rows_text(struct http_call *call, const struct core_view *view, bool has_key,
                                uint64_t limit, struct http_question *question);
static void http_view_rows_name(struct bytes_writer *w, const char *name);
static bool http_view_rows_key(struct http_call *call, const struct core_view *view,
                               struct http_text k, struct http_question *question);
static bool http_view_rows_value(struct http_call *call, const struct json_value *value,
                                 enum vec_kind kind, struct vec_value *out);
static void http_view_rows_no_key(struct http_call *call, const struct core_view *view);

void http_handle_view_rows(struct http_call *call)
{
    static const char *const names[] = {"k", "limit", "min_position", "consistency", "timeout"};
    struct http_text name = call->params[0];
    struct http_text k;
    uint64_t limit;
    const struct core_view *view =
        core_catalog_find_view(call->cs->catalog, name.data, name.length);
    if (!http_query_only(call, names, ARRAY_COUNT(names))) {
        return;
    }
    if (view == NULL) {
        http_problem(call, HTTP_VIEW_NOT_FOUND, NULL);
        return;
    }
    struct http_question *question = http_alloc(call, sizeof(*question));
    if (question == NULL) {
        return;
    }
    enum err err = http_query(call, "k", &k);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        http_problem(call, err == ERR_BUDGET ? HTTP_OVERLOADED : HTTP_PARAMETER_INVALID,
                     err == ERR_BUDGET ? NULL : "k stands there twice, or cannot be decoded.");
        return;
    }
    bool has_key = err == ERR_OK;
    if (http_query_u64(call, "limit", 1, HTTP_VIEW_ROWS_LIMIT_MAX, HTTP_VIEW_ROWS_LIMIT, &limit) &&
        http_view_rows_setting(call, question) &&
        (!has_key || http_view_rows_key(call, view, k, question)) &&
        (!has_key || !http_view_rows_look(call, view, question))) {
        http_view_rows_text(call, view, has_key, limit, question);
        if (question->sql.data == NULL) {
            http_problem(call, HTTP_OVERLOADED, NULL);
        } else {
            http_query_ask(call, question);
        }
    }
}

/* Look the row up without a statement, where that may be. False: nothing is answered so. */
static bool http_view_rows_look(struct http_call *call, const struct core_view *view,
                                struct http_question *question)
{
    bool is_json;
    if (!http_view_lookup_may(view)) {
        return false;
    }
    if (!http_query_is_json(call, &is_json)) {
        return true;
    }
    enum http_view_lookup_result result =
        is_json ? http_view_lookup(call, view, question) : HTTP_VIEW_LOOKUP_ELSE;
    if (result == HTTP_VIEW_LOOKUP_LATER) {
        http_view_rows_text(call, view, true, 0, question);
    }
    return result != HTTP_VIEW_LOOKUP_ELSE;
}

/* How long to wait, and what for. False: it is wrong, and that is answered. */
static bool http_view_rows_setting(struct http_call *call, struct http_question *question)
{
    struct http_text text;
    enum err err = http_query(call, "min_position", &text);
    if (err == ERR_OK) {
        err = core_position_get(text.data, text.length, &question->position_min);
    }
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        http_problem(call, err == ERR_BUDGET ? HTTP_OVERLOADED : HTTP_PARAMETER_INVALID,
                     err == ERR_BUDGET ? NULL : "min_position is none that an answer had.");
        return false;
    }
    err = http_query(call, "consistency", &text);
    question->is_any = err == ERR_OK && http_text_is(text, "any");
    if (err != ERR_NOT_FOUND && !(question->is_any && question->position_min.epoch == 0) &&
        !(err == ERR_OK && http_text_is(text, "default"))) {
        http_problem(call, err == ERR_BUDGET ? HTTP_OVERLOADED : HTTP_PARAMETER_INVALID,
                     err == ERR_BUDGET
                         ? NULL
                         : "consistency is default, or any, which goes without min_position.");
        return false;
    }
    err = http_query(call, "timeout", &text);
    if (err == ERR_OK) {
        err = units_parse_duration_ns(text.data, text.length, &question->timeout_ns);
        err = err == ERR_OK && (question->timeout_ns == 0 ||
                                question->timeout_ns > HTTP_QUESTION_TIMEOUT_NS_MAX)
                  ? ERR_RANGE
                  : err;
    }
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        http_problem(call, err == ERR_BUDGET ? HTTP_OVERLOADED : HTTP_PARAMETER_INVALID,
                     err == ERR_BUDGET ? NULL : "timeout is a time like 5s, a day at most.");
        return false;
    }
    return true;
}

/* The statement; none: there is no memory. */
static void http_view_rows_text(struct http_call *call, const struct core_view *view, bool has_key,
                                uint64_t limit, struct http_question *question)
{
    size_t room_bytes = 64 + 2 * strlen(view->name);
    for (uint32_t i = 0; has_key && i < view->keys_count; i++) {
        room_bytes += 64 + 2 * strlen(view->columns[view->keys[i]].name);
    }
    char *text = arena_alloc(&call->arena, room_bytes, 1);
    if (text == NULL) {
        return;
    }
    struct bytes_writer w = bytes_writer(text, room_bytes);
    char number[48];
    bytes_put_copy(&w, "SELECT * FROM ", 14);
    http_view_rows_name(&w, view->name);
    for (uint32_t i = 0; has_key && i < view->keys_count; i++) {
        bytes_put_copy(&w, i == 0 ? " WHERE " : " AND ", i == 0 ? 7 : 5);
        http_view_rows_name(&w, view->columns[view->keys[i]].name);
        int length = snprintf(number, sizeof(number), " IS NOT DISTINCT FROM $%u", i + 1);
        bytes_put_copy(&w, number, (size_t)length);
    }
    if (!has_key) {
        int length = snprintf(number, sizeof(number), " LIMIT %llu", (unsigned long long)limit);
        bytes_put_copy(&w, number, (size_t)length);
    }
    question->sql = (struct http_text){text, w.pos};
}

/* In quotes. */
static void http_view_rows_name(struct bytes_writer *w, const char *name)
{
    bytes_put_u8(w, '"');
    for (const char *at = name; *at != '\0'; at++) {
        bytes_put_copy(w, "\"", *at == '"' ? 1 : 0);
        bytes_put_u8(w, (uint8_t)*at);
    }
    bytes_put_u8(w, '"');
}

/* The parameters: values of `k`, a JSON array with one for each column of the key. False: it is
 * none, and that is answered. */
static bool http_view_rows_key(struct http_call *call, const struct core_view *view,
                               struct http_text k, struct http_question *question)
{
    struct json_value list = {.kind = JSON_NULL};
    struct json_value value;
    uint32_t count = 0;
    size_t fault;
    if (!core_view_has_key(view->keys, view->keys_count)) {
        http_view_rows_no_key(call, view);
        return false;
    }
    struct vec_value *params = http_alloc(call, view->keys_count * sizeof(*params));
    struct vec_type *types =
        params != NULL ? http_alloc(call, view->keys_count * sizeof(*types)) : NULL;
    if (types == NULL) {
        return false;
    }
    if (json_read(k.data, k.length, &list, &fault) == ERR_OK && list.kind == JSON_ARRAY) {
        struct json_items items = json_items(&list);
        while (json_items_next(&items, NULL, &value)) {
            if (count < view->keys_count) {
                enum vec_kind kind = (enum vec_kind)view->columns[view->keys[count]].type.kind;
                types[count] = vec_type(VEC_NONE);
                if (!http_view_rows_value(call, &value, kind, &params[count])) {
                    return false;
                }
            }
            count++;
        }
    }
    if (list.kind != JSON_ARRAY || count != view->keys_count) {
        http_problem_of(call, HTTP_PARAMETER_INVALID,
                        "k is a JSON array of %u: values of the view's key.", view->keys_count);
        return false;
    }
    question->params = params;
    question->types = types;
    question->params_count = count;
    return true;
}

/* *out = the text that a type reads. False: there is none, and that is answered. */
static bool http_view_rows_value(struct http_call *call, const struct json_value *value,
                                 enum vec_kind kind, struct vec_value *out)
{
    *out = (struct vec_value){.is_null = value->kind == JSON_NULL};
    if (value->kind != JSON_STRING) {
        out->u.bytes = (struct vec_bytes){value->text, (uint32_t)value->length};
        return true;
    }
    if (kind == VEC_JSONB) { /* with its quotes */
        out->u.bytes = (struct vec_bytes){value->text - 1, (uint32_t)value->length + 2};
        return true;
    }
    char *room = http_alloc(call, value->length + 1);
    if (room == NULL) {
        return false;
    }
    struct bytes_writer w = bytes_writer(room, value->length);
    if (json_unescape(&w, value) != ERR_OK || memchr(room, '\0', w.pos) != NULL) {
        http_problem(call, HTTP_PARAMETER_INVALID, "k has half a character, or a NUL.");
        return false;
    }
    out->u.bytes = (struct vec_bytes){room, (uint32_t)w.pos};
    return true;
}

/* Names what tells its rows apart. */
static void http_view_rows_no_key(struct http_call *call, const struct core_view *view)
{
    char text[HTTP_VIEW_ROWS_DETAIL_BYTES];
    struct bytes_writer w = bytes_writer(text, sizeof(text) - 1);
    for (uint32_t i = 0; i < view->keys_count; i++) {
        const char *name = view->keys[i] != CORE_VIEW_NO_COLUMN ? view->columns[view->keys[i]].name
                                                                : "a column that it does not show";
        bytes_put_copy(&w, i == 0 ? "" : ", ", i == 0 ? 0 : 2);
        bytes_put_copy(&w, name, strlen(name));
    }
    text[w.pos] = '\0';
    if (view->keys_count == 0) {
        http_problem(call, HTTP_VIEW_HAS_NO_KEY, "It has one row.");
    } else {
        http_problem_of(call, HTTP_VIEW_HAS_NO_KEY, "Its key: %s%s.", text,
                        w.err == ERR_OK ? "" : ", ...");
    }
}
