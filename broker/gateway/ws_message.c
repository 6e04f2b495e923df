/* See ws_message.h. */
#include "broker/gateway/ws_message.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/suggest.h"

/* Of a name that is shown. */
#define WS_SHOWN_BYTES 64

/* A member. */
struct ws_member_row {
    const char *text;
    uint8_t op; /* enum ws_op: who takes it */
    bool is_needed;
};

static void ws_message_read_id(struct ws_message *message, const struct json_value *value);
static void ws_message_read_op(struct ws_message *message, const struct json_value *value);
static void ws_message_read_members(struct ws_message *message, const struct json_value *whole);
static void ws_message_unknown(struct ws_message *message, const char *what,
                               const struct json_value *name, const char *const *names,
                               size_t count);
static void ws_message_wrong(struct ws_message *message, enum http_error error, const char *format,
                             ...) PRINTF(3, 4);

static const char *const ws_ops[] = {
#define WS_OP_TEXT(name, text) text,
    WS_OPS(WS_OP_TEXT)
#undef WS_OP_TEXT
};

static const struct ws_member_row ws_member_rows[] = {
#define WS_MEMBER_ROW(name, text, op, is_needed) {text, WS_OP_##op, is_needed},
    WS_MEMBERS(WS_MEMBER_ROW)
#undef WS_MEMBER_ROW
};

void ws_message_read(const void *data, size_t length, struct ws_message *out)
{
    struct json_value whole;
    struct json_value name;
    struct json_value value;
    struct json_value op = {.kind = JSON_NULL};
    size_t fault;
    *out = (struct ws_message){.op = WS_OPS_COUNT, .error = HTTP_ERRORS_COUNT};
    if (json_read(data, length, &whole, &fault) != ERR_OK) {
        ws_message_wrong(out, HTTP_JSON_INVALID, "Byte %zu: the message is not JSON.", fault);
        return;
    }
    if (whole.kind != JSON_OBJECT) {
        ws_message_wrong(out, HTTP_MESSAGE_INVALID, "A message is an object.");
        return;
    }
    struct json_items items = json_items(&whole);
    while (json_items_next(&items, &name, &value)) {
        struct http_text member = {name.text, name.length};
        if (http_text_is(member, "id")) {
            ws_message_read_id(out, &value);
        } else if (http_text_is(member, "op")) {
            op = value;
        }
    }
    if (out->error == HTTP_ERRORS_COUNT) {
        ws_message_read_op(out, &op);
    }
    if (out->error == HTTP_ERRORS_COUNT) {
        ws_message_read_members(out, &whole);
    }
}

struct http_text ws_message_id(const struct json_value *value)
{
    bool is_string = value->kind == JSON_STRING;
    struct http_text id = {value->text - is_string, value->length + 2 * is_string};
    if ((!is_string && value->kind != JSON_NUMBER) || id.length > WS_ID_BYTES_MAX) {
        id.length = 0;
    }
    return id;
}

static void ws_message_read_id(struct ws_message *message, const struct json_value *value)
{
    message->id = ws_message_id(value);
    if (message->id.length == 0) {
        ws_message_wrong(message, HTTP_MESSAGE_INVALID,
                         "\"id\" is a number or a string of at most %u bytes.", WS_ID_BYTES_MAX);
    }
}

static void ws_message_read_op(struct ws_message *message, const struct json_value *value)
{
    if (value->kind != JSON_STRING) {
        ws_message_wrong(message, HTTP_MESSAGE_INVALID, "\"op\" is to say what to do: \"ping\".");
        return;
    }
    for (uint32_t i = 0; i < WS_OPS_COUNT; i++) {
        if (http_text_is((struct http_text){value->text, value->length}, ws_ops[i])) {
            message->op = (enum ws_op)i;
            return;
        }
    }
    ws_message_unknown(message, "op ", value, ws_ops, ARRAY_COUNT(ws_ops));
}

static void ws_message_read_members(struct ws_message *message, const struct json_value *whole)
{
    struct json_items items = json_items(whole);
    struct json_value name;
    struct json_value value;
    while (json_items_next(&items, &name, &value)) {
        struct http_text given = {name.text, name.length};
        const char *names[WS_MEMBERS_COUNT];
        size_t count = 0;
        bool is_known = http_text_is(given, "id") || http_text_is(given, "op");
        for (uint32_t i = 0; i < WS_MEMBERS_COUNT && !is_known; i++) {
            if (ws_member_rows[i].op == message->op) {
                names[count++] = ws_member_rows[i].text;
                is_known = http_text_is(given, ws_member_rows[i].text);
                message->members[i] = is_known ? value : message->members[i];
            }
        }
        if (!is_known) {
            ws_message_unknown(message, "", &name, names, count);
            return;
        }
    }
    for (uint32_t i = 0; i < WS_MEMBERS_COUNT; i++) {
        if (ws_member_rows[i].op == message->op && ws_member_rows[i].is_needed &&
            message->members[i].text == NULL) {
            ws_message_wrong(message, HTTP_MESSAGE_INVALID, "\"%s\" takes \"%s\".",
                             ws_ops[message->op], ws_member_rows[i].text);
            return;
        }
    }
}

/* `name` is none of the `count` `names`. */
static void ws_message_unknown(struct ws_message *message, const char *what,
                               const struct json_value *name, const char *const *names,
                               size_t count)
{
    char shown[WS_SHOWN_BYTES + 1];
    int length = name->length < WS_SHOWN_BYTES ? (int)name->length : WS_SHOWN_BYTES;
    snprintf(shown, sizeof(shown), "%.*s", length, name->text);
    const char *nearest = count > 0 ? suggest_nearest(shown, names, count) : NULL;
    if (nearest != NULL) {
        ws_message_wrong(message, HTTP_MESSAGE_INVALID,
                         "There is no %s\"%s\"; did you mean \"%s\"?", what, shown, nearest);
    } else {
        ws_message_wrong(message, HTTP_MESSAGE_INVALID, "There is no %s\"%s\".", what, shown);
    }
}

static void ws_message_wrong(struct ws_message *message, enum http_error error, const char *format,
                             ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message->detail, sizeof(message->detail), format, arguments);
    va_end(arguments);
    message->error = error;
}
