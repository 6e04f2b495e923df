/* Any bytes as a message of a WebSocket client. Then holds:
 *
 *  - one that is taken is an object, its id is a number or a string as it stands in the text, and
 *    members stand there, those of its op and no others, the needed ones among them;
 *  - one that is refused says why, in words that JSON can have; its id is one, or there is none;
 *  - behind one that is taken, a further member that nobody knows is found and named. */
#include <string.h>

#include "base/json.h"
#include "broker/gateway/ws_message.h"
#include "tests/fuzz/fuzz.h"

/* Room for an input with a member more. */
#define FUZZ_TEXT_BYTES (64u << 10)

static void fuzz_check_within(struct http_text text, const char *data, size_t length)
{
    ASSERT(data >= text.data);
    ASSERT(data + length <= text.data + text.length);
}

static void fuzz_check_id(struct http_text text, struct http_text id)
{
    struct json_value value;
    size_t fault;
    if (id.length > 0) {
        fuzz_check_within(text, id.data, id.length);
        ASSERT(id.length <= WS_ID_BYTES_MAX + 2);
        ASSERT(json_read(id.data, id.length, &value, &fault) == ERR_OK);
        ASSERT(value.kind == JSON_NUMBER || value.kind == JSON_STRING);
    }
}

static void fuzz_check_members(struct http_text text, const struct ws_message *message)
{
    static const struct {
        enum ws_op op;
        bool is_needed;
    } rows[] = {
#define FUZZ_ROW(name, text, op, is_needed) {WS_OP_##op, is_needed},
        WS_MEMBERS(FUZZ_ROW)
#undef FUZZ_ROW
    };
    for (uint32_t i = 0; i < WS_MEMBERS_COUNT; i++) {
        const struct json_value *member = &message->members[i];
        ASSERT(member->text == NULL || rows[i].op == message->op);
        ASSERT(member->text != NULL || !rows[i].is_needed || rows[i].op != message->op);
        if (member->text != NULL) {
            fuzz_check_within(text, member->text, member->length);
        }
    }
}

/* The same with {"zz": 0} in front of all else. */
static void fuzz_check_more(struct http_text text)
{
    static const char more[] = "{\"zz\":0,";
    char copy[FUZZ_TEXT_BYTES];
    struct ws_message message;
    const char *brace = memchr(text.data, '{', text.length);
    ASSERT(brace != NULL);
    size_t length = text.length - (size_t)(brace + 1 - text.data);
    if (length + sizeof(more) > sizeof(copy)) {
        return;
    }
    memcpy(copy, more, sizeof(more) - 1);
    memcpy(copy + sizeof(more) - 1, brace + 1, length);
    ws_message_read(copy, sizeof(more) - 1 + length, &message);
    ASSERT(message.error == HTTP_MESSAGE_INVALID);
    ASSERT(strstr(message.detail, "\"zz\"") != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ws_message message;
    struct http_text text = {(const char *)data, size};
    if (size == 0) {
        return 0;
    }
    ws_message_read(data, size, &message);
    fuzz_check_id(text, message.id);
    if (message.error != HTTP_ERRORS_COUNT) {
        ASSERT(message.error == HTTP_JSON_INVALID || message.error == HTTP_MESSAGE_INVALID);
        ASSERT(message.detail[0] != '\0');
        return 0;
    }
    ASSERT(message.op < WS_OPS_COUNT);
    fuzz_check_members(text, &message);
    fuzz_check_more(text);
    return 0;
}
