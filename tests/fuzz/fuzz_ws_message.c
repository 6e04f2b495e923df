/* Any bytes as a message of a WebSocket client. Then holds:
 *
 *  - one that is taken is an object, its id is a number or a string as it stands in the text, and
 *    members stand there, those of its op and no others, the needed ones among them;
 *  - one that is refused says why, in words that JSON can have; its id is one, or there is none;
 *  - where a subscription begins is read, or it is said what is wrong: offsets and times are such,
 *    tokens those that were written;
 *  - behind one that is taken, a further member that nobody knows is found and named. */
#include <string.h>

#include "base/json.h"
#include "broker/gateway/ws_from.h"
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

/* Where it is to begin. */
static void fuzz_check_from(const struct ws_message *message)
{
    struct budget budget;
    struct arena arena;
    struct ws_from from;
    budget_init(&budget, "fuzz", 16u << 20, NULL);
    arena_init(&arena, &budget, 1024, 16u << 20);
    const char *wrong = ws_from_read(&arena, &message->members[WS_MEMBER_FROM], &from);
    if (wrong == NULL) {
        ASSERT((from.kind == WS_FROM_NONE) == (message->members[WS_MEMBER_FROM].text == NULL));
        ASSERT(from.kind != WS_FROM_TIMESTAMP || from.timestamp_ms >= 0);
        for (uint32_t i = 0; i < from.places_count; i++) {
            ASSERT(from.places[i].partition <= INT32_MAX);
            ASSERT(from.places[i].offset <= INT64_MAX);
            ASSERT(from.kind == WS_FROM_OFFSETS || from.places[i].partition == i);
        }
        if (from.kind == WS_FROM_VIEW_TOKEN) {
            uint8_t text[CORE_VIEW_TOKEN_BYTES];
            struct bytes_writer w = bytes_writer(text, sizeof(text));
            const struct json_value *value = &message->members[WS_MEMBER_FROM];
            core_view_token_put(&w, &from.view);
            ASSERT(w.pos == value->length);
            ASSERT(memcmp(text, value->text, w.pos) == 0);
        }
    }
    arena_deinit(&arena);
    budget_deinit(&budget);
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
    fuzz_check_from(&message);
    fuzz_check_more(text);
    return 0;
}
