/* The items of a body: what each form is read as, what is wrong with which item; and the JSON test
 * suite in every form: what is JSON is kept byte for byte, what is none is refused. */
#include "broker/gateway/events.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/json.h"
#include "base/list.h"
#include "schemas/json/lines.h"
#include "schemas/json/reader.h"
#include "storage/log/records.h"
#include "tests/support/cmocka.h"
#include "tests/support/skip.h"

/* Memory of one body, and who checks it. */
struct events_room {
    struct budget budget;
    struct arena arena;
    struct arena json_arena;
    struct json_paths paths;
    struct json_reader json;
    struct json_lines lines;
};

static void events_room_init(struct events_room *room, size_t limit_bytes)
{
    budget_init(&room->budget, "events", SIZE_MAX, NULL);
    arena_init(&room->arena, &room->budget, 4096, limit_bytes);
    struct cpu cpu;
    struct json_fault fault;
    size_t failed;
    cpu_detect(&cpu);
    arena_init(&room->json_arena, &room->budget, 4096, 4096);
    assert_int_equal(json_paths_compile(&room->json_arena, NULL, 0, &room->paths, &failed, &fault),
                     ERR_OK);
    assert_int_equal(json_reader_init(&room->json, json_indexer_for(&cpu), &room->paths,
                                      JSON_LIMITS_DEFAULT, &room->budget),
                     ERR_OK);
}

static void events_room_deinit(struct events_room *room)
{
    arena_deinit(&room->arena);
    json_reader_deinit(&room->json);
    arena_deinit(&room->json_arena);
    assert_int_equal(room->budget.used_bytes, 0);
    budget_deinit(&room->budget);
}

static void events_put(struct bytes_writer *w, const char *before, const void *data, size_t length)
{
    const uint8_t *at = data;
    bytes_put_copy(w, before, strlen(before));
    if (data == NULL || length == 0) {
        bytes_put_copy(w, data == NULL ? "-" : "''", data == NULL ? 1 : 2);
    }
    for (size_t i = 0; data != NULL && i < length; i++) {
        char text[8];
        int bytes = at[i] >= 0x20 && at[i] < 0x7f ? snprintf(text, sizeof(text), "%c", at[i])
                                                  : snprintf(text, sizeof(text), "\\x%02x", at[i]);
        bytes_put_copy(w, text, (size_t)bytes);
    }
}

/* "KEY VALUE @TIMESTAMP #PARTITION NAME=VALUE ..." or "! CODE DETAIL" and a line end. */
static void events_put_event(struct bytes_writer *w, const struct http_event *event)
{
    struct bytes_reader r = bytes_reader(event->more->headers, event->more->headers_bytes);
    char text[256] = "";
    if (event->more->error != HTTP_ERRORS_COUNT) {
        const struct http_error_row *row = http_error_row(event->more->error);
        snprintf(text, sizeof(text), "! %s %s\n", row->code,
                 event->more->detail != NULL ? event->more->detail : "");
        bytes_put_copy(w, text, strlen(text));
        return;
    }
    events_put(w, "", event->more->key.data, event->more->key.length);
    events_put(w, " ", event->value.data, event->value.length);
    if (event->more->timestamp >= 0) {
        snprintf(text, sizeof(text), " @%lld", (long long)event->more->timestamp);
    }
    if (event->more->partition >= 0) {
        snprintf(text + strlen(text), sizeof(text) - strlen(text), " #%lld",
                 (long long)event->more->partition);
    }
    bytes_put_copy(w, text, strlen(text));
    for (uint32_t i = 0; i < event->more->headers_count; i++) {
        struct log_records_header header = log_records_header_get(&r);
        events_put(w, " ", header.key, header.key_bytes);
        events_put(w, "=", header.value, header.value_bytes);
    }
    assert_int_equal(r.err, ERR_OK);
    assert_int_equal(bytes_reader_left(&r), 0);
    bytes_put_u8(w, '\n');
}

/* Read all of `body`, in steps of any size. */
static enum http_error events_read(struct events_room *room, enum http_events_form form,
                                   struct http_text body, struct http_events *events)
{
    http_events_begin(events, &room->json, &room->lines, &room->arena, form, body);
    while (!http_events_step(events, body.length % 3 == 0 ? SIZE_MAX : body.length % 7)) {
    }
    return events->error;
}

/* What `body` is, as text: its items, or "!! CODE DETAIL". The body stands in memory of its own
 * size. */
static void events_say(enum http_events_form form, const char *body, size_t length, char *out,
                       size_t out_bytes)
{
    struct events_room room;
    struct http_events events;
    struct bytes_writer w = bytes_writer(out, out_bytes - 1);
    char *copy = malloc(length + (length == 0));
    assert_non_null(copy);
    memcpy(copy, body, length);
    events_room_init(&room, 64 << 20);
    enum http_error error = events_read(&room, form, (struct http_text){copy, length}, &events);
    if (error != HTTP_ERRORS_COUNT) {
        int bytes =
            snprintf(out, out_bytes, "!! %s %s\n", http_error_row(error)->code, events.detail);
        w.pos = (size_t)bytes;
    }
    for (uint32_t i = 0; error == HTTP_ERRORS_COUNT && i < events.count; i++) {
        events_put_event(&w, &events.items[i]);
    }
    assert_int_equal(w.err, ERR_OK);
    out[w.pos] = '\0';
    events_room_deinit(&room);
    free(copy);
}

/* --- Tables --- */

#define EVENTS_NONE "An event is an object with value, value_text or value_base64."
#define EVENTS_TIME "timestamp is neither milliseconds since 1970 nor RFC 3339."
#define EVENTS_PART "partition is not the number of a partition."
#define EVENTS_TEXT "A text is wanted where there is another value."
#define EVENTS_BASE "base64 (RFC 4648, padded) is wanted where there is another value."
#define EVENTS_HEAD "A header is an object with name and value or value_base64."

static const struct events_row {
    const char *name;
    enum http_events_form form;
    const char *body;
    const char *said;
} events_rows[] = {
    {"one value", HTTP_EVENTS_JSON, " {\"a\": 1 }\n", "- {\"a\": 1 }\n"},
    {"a text", HTTP_EVENTS_JSON, "\"\"", "- \"\"\n"},
    {"an array", HTTP_EVENTS_JSON, "[ \"a\\\"b\" , [] , {} ,null]",
     "- \"a\\\"b\"\n- []\n- {}\n- null\n"},
    {"nothing", HTTP_EVENTS_JSON, "[ ]", ""},
    {"no bytes", HTTP_EVENTS_JSON, "",
     "!! json_invalid Byte 1: the text ends before its value does.\n"},
    {"only white space", HTTP_EVENTS_JSON, " \n",
     "!! json_invalid Byte 3: the text ends before its value does.\n"},
    {"a comma too many", HTTP_EVENTS_JSON, "[1,]",
     "!! json_invalid Byte 4: a value was expected.\n"},
    {"a byte order mark", HTTP_EVENTS_JSON, "\xef\xbb\xbf[]",
     "!! json_invalid Byte 1: a value was expected.\n"},
    {"no UTF-8", HTTP_EVENTS_JSON, "\"\xc0\x80\"",
     "!! json_invalid Byte 2: bytes that are not UTF-8.\n"},

    {"lines", HTTP_EVENTS_NDJSON, "1\n[2]\n", "- 1\n- [2]\n"},
    {"no lines", HTTP_EVENTS_NDJSON, "", ""},
    {"empty lines", HTTP_EVENTS_NDJSON, "\n\r\n \t\n", ""},
    {"a line with a CR within", HTTP_EVENTS_NDJSON, "[1,\r2]\n", "- [1,\\x0d2]\n"},
    {"two CR at a line's end", HTTP_EVENTS_NDJSON, "1\r\r\n", "- 1\\x0d\n"},
    {"lines that are none", HTTP_EVENTS_NDJSON, "1\n\n{\n1 2\n\xff\n3",
     "- 1\n! json_invalid Line 3, byte 2: the text ends before its value does.\n"
     "! json_invalid Line 4, byte 3: something follows the value.\n"
     "! json_invalid Line 5, byte 1: bytes that are not UTF-8.\n- 3\n"},

    {"an event", HTTP_EVENTS_ENVELOPE, "{\"value\": {\"a\":1} }", "- {\"a\":1}\n"},
    {"events", HTTP_EVENTS_ENVELOPE, "[{\"value\":1},{\"value\":\"x\"}]", "- 1\n- \"x\"\n"},
    {"a tombstone", HTTP_EVENTS_ENVELOPE, "{\"value\":null}", "- -\n"},
    {"the text of a value", HTTP_EVENTS_ENVELOPE, "{\"value_text\":\"\\u00e4\\\\\"}",
     "- \\xc3\\xa4\\\n"},
    {"an empty text", HTTP_EVENTS_ENVELOPE, "{\"value_text\":\"\"}", "- ''\n"},
    {"a text that is none", HTTP_EVENTS_ENVELOPE, "{\"value_text\":1}",
     "! event_invalid " EVENTS_TEXT "\n"},
    {"a text that is null", HTTP_EVENTS_ENVELOPE, "{\"value_text\":null}",
     "! event_invalid " EVENTS_TEXT "\n"},
    {"half a character", HTTP_EVENTS_ENVELOPE, "{\"value_text\":\"\\ud800\"}",
     "! event_invalid An escape names half a character.\n"},
    {"half a character in JSON", HTTP_EVENTS_ENVELOPE, "{\"value\":\"\\ud800\"}",
     "- \"\\ud800\"\n"},
    {"bytes", HTTP_EVENTS_ENVELOPE, "{\"value_base64\":\"AAEC/w==\"}", "- \\x00\\x01\\x02\\xff\n"},
    {"no bytes of base64", HTTP_EVENTS_ENVELOPE, "{\"value_base64\":\"\"}", "- ''\n"},
    {"base64 with escapes", HTTP_EVENTS_ENVELOPE, "{\"value_base64\":\"\\u0041Q==\"}", "- \\x01\n"},
    {"base64 of three", HTTP_EVENTS_ENVELOPE, "{\"value_base64\":\"Zm9v\"}", "- foo\n"},
    {"base64 of two", HTTP_EVENTS_ENVELOPE, "{\"value_base64\":\"Zm8=\"}", "- fo\n"},
    {"base64 without padding", HTTP_EVENTS_ENVELOPE, "{\"value_base64\":\"Zm8\"}",
     "! event_invalid " EVENTS_BASE "\n"},
    {"base64 with too much", HTTP_EVENTS_ENVELOPE, "{\"value_base64\":\"Zm9v====\"}",
     "! event_invalid " EVENTS_BASE "\n"},
    {"base64 of padding", HTTP_EVENTS_ENVELOPE, "{\"value_base64\":\"====\"}",
     "! event_invalid " EVENTS_BASE "\n"},
    {"base64 of one digit", HTTP_EVENTS_ENVELOPE, "{\"value_base64\":\"Z===\"}",
     "! event_invalid " EVENTS_BASE "\n"},
    {"base64 of a padding", HTTP_EVENTS_ENVELOPE, "{\"value_base64\":\"=\"}",
     "! event_invalid " EVENTS_BASE "\n"},
    {"padding within", HTTP_EVENTS_ENVELOPE, "{\"value_base64\":\"Zg==Zg==\"}",
     "! event_invalid " EVENTS_BASE "\n"},
    {"bits that are nothing", HTTP_EVENTS_ENVELOPE, "{\"value_base64\":\"Zm9=\"}",
     "! event_invalid " EVENTS_BASE "\n"},
    {"more bits that are nothing", HTTP_EVENTS_ENVELOPE, "{\"value_base64\":\"Zh==\"}",
     "! event_invalid " EVENTS_BASE "\n"},
    {"base64url", HTTP_EVENTS_ENVELOPE, "{\"value_base64\":\"__--\"}",
     "! event_invalid " EVENTS_BASE "\n"},
    {"base64 with a blank", HTTP_EVENTS_ENVELOPE, "{\"value_base64\":\"Zm 9v\"}",
     "! event_invalid " EVENTS_BASE "\n"},
    {"base64 that is a number", HTTP_EVENTS_ENVELOPE, "{\"value_base64\":1}",
     "! event_invalid " EVENTS_BASE "\n"},

    {"a key", HTTP_EVENTS_ENVELOPE, "{\"key\":\"a\\tb\",\"value\":1}", "a\\x09b 1\n"},
    {"a key of JSON", HTTP_EVENTS_ENVELOPE,
     "[{\"key\":{\"a\" :1},\"value\":1},{\"key\":1.0,\"value\":1}]", "{\"a\" :1} 1\n1.0 1\n"},
    {"no key", HTTP_EVENTS_ENVELOPE, "{\"key\":null,\"value\":1}", "- 1\n"},
    {"an empty key", HTTP_EVENTS_ENVELOPE, "{\"key\":\"\",\"value\":1}", "'' 1\n"},
    {"a key of bytes", HTTP_EVENTS_ENVELOPE, "{\"key_base64\":\"/w==\",\"value\":1}", "\\xff 1\n"},
    {"a key of bytes that is none", HTTP_EVENTS_ENVELOPE, "{\"key_base64\":null,\"value\":1}",
     "! event_invalid " EVENTS_BASE "\n"},
    {"a name twice: the last counts", HTTP_EVENTS_ENVELOPE,
     "{\"value\":1,\"key\":\"a\",\"key\":\"b\",\"value\":2}", "b 2\n"},

    {"a timestamp", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"timestamp\":1234567890123}",
     "- 1 @1234567890123\n"},
    {"the first", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"timestamp\":0}", "- 1 @0\n"},
    {"the last", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"timestamp\":9223372036854775807}",
     "- 1 @9223372036854775807\n"},
    {"none", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"timestamp\":null}", "- 1\n"},
    {"a date", HTTP_EVENTS_ENVELOPE,
     "{\"value\":1,\"timestamp\":\"1970-01-02T00:00:00.250+01:00\"}", "- 1 @82800250\n"},
    {"a time before 1970", HTTP_EVENTS_ENVELOPE,
     "{\"value\":1,\"timestamp\":\"1969-12-31T23:59:59Z\"}", "! event_invalid " EVENTS_TIME "\n"},
    {"a date without a zone is UTC", HTTP_EVENTS_ENVELOPE,
     "{\"value\":1,\"timestamp\":\"1970-01-02T00:00:00\"}", "- 1 @86400000\n"},
    {"a negative time", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"timestamp\":-1}",
     "! event_invalid " EVENTS_TIME "\n"},
    {"a time with a fraction", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"timestamp\":1.0}",
     "! event_invalid " EVENTS_TIME "\n"},
    {"a time too far", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"timestamp\":9223372036854775808}",
     "! event_invalid " EVENTS_TIME "\n"},
    {"a time of digits in quotes", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"timestamp\":\"1234\"}",
     "! event_invalid " EVENTS_TIME "\n"},
    {"a time that is true", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"timestamp\":true}",
     "! event_invalid " EVENTS_TIME "\n"},

    {"a partition", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"partition\":7}", "- 1 #7\n"},
    {"no partition", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"partition\":null}", "- 1\n"},
    {"a negative partition", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"partition\":-1}",
     "! event_invalid " EVENTS_PART "\n"},
    {"a partition with a fraction", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"partition\":1.5}",
     "! event_invalid " EVENTS_PART "\n"},
    {"a partition in quotes", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"partition\":\"1\"}",
     "! event_invalid " EVENTS_PART "\n"},
    {"a partition nobody can have", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"partition\":4294967296}",
     "! event_invalid " EVENTS_PART "\n"},

    {"headers", HTTP_EVENTS_ENVELOPE,
     "{\"value\":1,\"headers\":{\"a\":\"\\u00e4\",\"b\\n\":null,\"a\":\"\"}}",
     "- 1 a=\\xc3\\xa4 b\\x0a=- a=''\n"},
    {"no headers", HTTP_EVENTS_ENVELOPE,
     "[{\"value\":1,\"headers\":null},{\"value\":1,\"headers\":{}},"
     "{\"value\":1,\"headers\":[]}]",
     "- 1\n- 1\n- 1\n"},
    {"headers in order", HTTP_EVENTS_ENVELOPE,
     "{\"headers\":[{\"name\":\"z\",\"value\":\"1\"},{\"value_base64\":\"AA==\",\"name\":\"\"}],"
     "\"value\":1}",
     "- 1 z=1 ''=\\x00\n"},
    {"a header without a value", HTTP_EVENTS_ENVELOPE,
     "{\"value\":1,\"headers\":[{\"name\":\"z\"}]}", "- 1 z=-\n"},
    {"a header without a name", HTTP_EVENTS_ENVELOPE,
     "{\"value\":1,\"headers\":[{\"value\":\"z\"}]}", "! event_invalid " EVENTS_HEAD "\n"},
    {"a header with another member", HTTP_EVENTS_ENVELOPE,
     "{\"value\":1,\"headers\":[{\"name\":\"z\",\"key\":\"\"}]}",
     "! event_invalid " EVENTS_HEAD "\n"},
    {"a header that is none", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"headers\":[\"z\"]}",
     "! event_invalid " EVENTS_HEAD "\n"},
    {"a header's name that is none", HTTP_EVENTS_ENVELOPE,
     "{\"value\":1,\"headers\":[{\"name\":1}]}", "! event_invalid " EVENTS_TEXT "\n"},
    {"a header's value that is none", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"headers\":{\"a\":1}}",
     "! event_invalid " EVENTS_TEXT "\n"},
    {"headers that are none", HTTP_EVENTS_ENVELOPE, "{\"value\":1,\"headers\":\"a\"}",
     "! event_invalid headers are neither an object nor an array.\n"},

    {"no event", HTTP_EVENTS_ENVELOPE, "[1,[],\"value\",null,{}]",
     "! event_invalid " EVENTS_NONE "\n! event_invalid " EVENTS_NONE
     "\n! event_invalid " EVENTS_NONE "\n! event_invalid " EVENTS_NONE
     "\n! event_invalid " EVENTS_NONE "\n"},
    {"an event without a value", HTTP_EVENTS_ENVELOPE, "{\"key\":\"a\"}",
     "! event_invalid " EVENTS_NONE "\n"},
    {"another member", HTTP_EVENTS_ENVELOPE, "[{\"value\":1,\"id\":1},{\"value\":2}]",
     "! event_invalid An event has no member id; see application/vnd.tdb.events+json.\n- 2\n"},
    {"a member that begins like value", HTTP_EVENTS_ENVELOPE, "{\"values\":1}",
     "! event_invalid An event has no member values; see application/vnd.tdb.events+json.\n"},
    {"a name with a capital", HTTP_EVENTS_ENVELOPE, "{\"Value\":1}",
     "! event_invalid An event has no member Value; see application/vnd.tdb.events+json.\n"},
    {"a body of events that is no JSON", HTTP_EVENTS_ENVELOPE, "{\"value\":}",
     "!! json_invalid Byte 10: a value was expected.\n"},
};

static void events_row(void **state)
{
    const struct events_row *row = *state;
    char said[2048];
    events_say(row->form, row->body, strlen(row->body), said, sizeof(said));
    assert_string_equal(said, row->said);
}

/* --- The JSON test suite --- */

/* A file of it. */
struct events_file {
    char name[256]; /* y_...: JSON; n_...: none; i_...: either */
    char *text;     /* its bytes */
    size_t length;  /* of it */
};

static bool events_is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* A file without white space at its ends: the value. */
static struct http_text events_trim(const struct events_file *file)
{
    struct http_text text = {file->text, file->length};
    for (; text.length > 0 && events_is_space(text.data[0]); text.length--) {
        text.data++;
    }
    while (text.length > 0 && events_is_space(text.data[text.length - 1])) {
        text.length--;
    }
    return text;
}

static void events_same(const struct http_event *event, struct http_text wanted, const char *name)
{
    if (event->more->error != HTTP_ERRORS_COUNT || event->value.length != wanted.length ||
        memcmp(event->value.data, wanted.data, wanted.length) != 0) {
        fail_msg("%s: not kept as it is", name);
    }
}

/* As one body: a value, or the items of an array, each where the text has it. */
static void events_file_as_json(const struct events_file *file)
{
    struct events_room room;
    struct http_events events;
    struct http_text body = {file->text, file->length};
    struct http_text whole = events_trim(file);
    events_room_init(&room, 64 << 20);
    enum http_error error = events_read(&room, HTTP_EVENTS_JSON, body, &events);
    if ((file->name[0] == 'y' && error != HTTP_ERRORS_COUNT) ||
        (file->name[0] == 'n' && error != HTTP_JSON_INVALID)) {
        fail_msg("%s as JSON: %s", file->name, events.detail);
    }
    if (error == HTTP_ERRORS_COUNT && whole.data[0] != '[') {
        assert_int_equal(events.count, 1);
        events_same(&events.items[0], whole, file->name);
    }
    const char *at = whole.data + 1;
    for (uint32_t i = 0; error == HTTP_ERRORS_COUNT && whole.data[0] == '[' && i < events.count;
         i++) {
        struct json_value value;
        size_t fault;
        const struct http_text *item = &events.items[i].value;
        for (; at < item->data; at++) { /* what is between is nobody's */
            assert_true(events_is_space(*at) || *at == ',');
        }
        assert_ptr_equal(at, item->data);
        assert_int_equal(json_read(item->data, item->length, &value, &fault), ERR_OK);
        at = item->data + item->length;
    }
    events_room_deinit(&room);
}

/* As lines: line ends within JSON are white space, and here blanks. */
static void events_file_as_line(const struct events_file *file)
{
    struct events_room room;
    struct http_events events;
    struct http_text line = events_trim(file);
    bool is_broken = memchr(line.data, '\n', line.length) != NULL;
    char *body = malloc(line.length + 5);
    assert_non_null(body);
    snprintf(body, 3, "1\n");
    memcpy(body + 2, line.data, line.length);
    memcpy(body + 2 + line.length, "\n2\n", 3);
    for (size_t i = 2; file->name[0] == 'y' && i < 2 + line.length; i++) {
        body[i] = body[i] == '\n' || body[i] == '\r' ? ' ' : body[i];
    }
    events_room_init(&room, 64 << 20);
    enum http_error error =
        events_read(&room, HTTP_EVENTS_NDJSON, (struct http_text){body, line.length + 5}, &events);
    assert_int_equal(error, HTTP_ERRORS_COUNT);
    if (file->name[0] == 'y') {
        assert_int_equal(events.count, 3);
        events_same(&events.items[1], (struct http_text){body + 2, line.length}, file->name);
    }
    uint32_t refused_count = 0;
    for (uint32_t i = 0; i < events.count; i++) {
        refused_count += events.items[i].more->error == HTTP_JSON_INVALID;
    }
    if (file->name[0] == 'n' && line.length > 0 && refused_count == 0) {
        fail_msg("%s as a line is taken", file->name);
    }
    assert_true(is_broken || events.count == 2 + (line.length > 0));
    events_same(&events.items[0], (struct http_text){"1", 1}, file->name); /* the others stay */
    events_same(&events.items[events.count - 1], (struct http_text){"2", 1}, file->name);
    events_room_deinit(&room);
    free(body);
}

/* As an event's value. */
static void events_file_as_event(const struct events_file *file)
{
    static const char before[] = "[{\"key\":\"k\",\"value\":";
    struct events_room room;
    struct http_events events;
    size_t length = strlen(before) + file->length + 2;
    char *body = malloc(length);
    assert_non_null(body);
    memcpy(body, before, strlen(before));
    memcpy(body + strlen(before), file->text, file->length);
    memcpy(body + length - 2, "}]", 2);
    events_room_init(&room, 64 << 20);
    enum http_error error =
        events_read(&room, HTTP_EVENTS_ENVELOPE, (struct http_text){body, length}, &events);
    if (file->name[0] == 'y') {
        assert_int_equal(error, HTTP_ERRORS_COUNT);
        assert_int_equal(events.count, 1);
        struct http_text value = events_trim(file);
        if (http_text_is(value, "null")) {
            assert_null(events.items[0].value.data);
        } else {
            events_same(&events.items[0], value, file->name);
        }
    } else if (file->name[0] == 'n') {
        bool is_taken = error == HTTP_ERRORS_COUNT;
        for (uint32_t i = 0; error == HTTP_ERRORS_COUNT && i < events.count; i++) {
            is_taken &= events.items[i].more->error == HTTP_ERRORS_COUNT;
        }
        if (is_taken) {
            fail_msg("%s as an event is taken", file->name);
        }
    }
    events_room_deinit(&room);
    free(body);
}

static void the_json_test_suite_behaves_in_every_form(void **state)
{
    (void)state;
    char dir_name[512];
    snprintf(dir_name, sizeof(dir_name), "%s/json-test-suite", skip_without_data(__func__));
    DIR *dir = opendir(dir_name);
    assert_non_null(dir);
    uint32_t count = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        static char text[1 << 20];
        char path[1024];
        struct events_file file = {.text = NULL};
        if (strstr(entry->d_name, ".json") == NULL) {
            continue;
        }
        snprintf(file.name, sizeof(file.name), "%s", entry->d_name);
        snprintf(path, sizeof(path), "%s/%s", dir_name, entry->d_name);
        FILE *stream = fopen(path, "rb");
        assert_non_null(stream);
        file.length = fread(text, 1, sizeof(text), stream);
        fclose(stream);
        file.text = malloc(file.length + (file.length == 0));
        assert_non_null(file.text);
        memcpy(file.text, text, file.length);
        events_file_as_json(&file);
        events_file_as_line(&file);
        events_file_as_event(&file);
        free(file.text);
        count++;
    }
    closedir(dir);
    assert_true(count > 300);
}

/* --- Bounds --- */

static void values_are_as_deep_as_json_may_be(void **state)
{
    (void)state;
    for (uint32_t depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
        static const enum http_events_form forms[] = {HTTP_EVENTS_JSON, HTTP_EVENTS_NDJSON};
        char body[2 * (JSON_DEPTH_MAX + 2) + 1];
        memset(body, '[', depth);
        memset(body + depth, ']', depth);
        body[depth - 1] = '1';
        body[depth] = ' ';
        for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
            char said[4096];
            events_say(forms[i], body, 2 * depth, said, sizeof(said));
            assert_true((strstr(said, "more than 512 arrays") != NULL) ==
                        (depth - 1 > JSON_DEPTH_MAX));
        }
    }
}

/* Whatever the memory: a body is refused for want of it, or its items are right, or they say so;
 * nobody is told that the mistake was his. */
static void without_memory_nothing_is_read_wrong(void **state)
{
    static const char body[] =
        "[{\"value_text\":\"0123456789012345678901234567890123456789\",\"key\":\"k\"},"
        "{\"value_base64\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OQ==\"},"
        "{\"value\":1,\"headers\":{\"a\":\"0123456789012345678901234567890123456789\"}},"
        "{\"value\":1,\"headers\":[{\"name\":\"a\",\"value_base64\":\"AAAA\"}]}]";
    (void)state;
    uint32_t refused_count = 0;
    for (size_t limit = 512; limit < 6000; limit += 8) {
        struct events_room room;
        struct http_events events;
        events_room_init(&room, limit);
        room.arena.chunk_bytes = 256;
        enum http_error error = events_read(&room, HTTP_EVENTS_ENVELOPE,
                                            (struct http_text){body, sizeof(body) - 1}, &events);
        assert_true(error == HTTP_ERRORS_COUNT || error == HTTP_OVERLOADED);
        refused_count += error != HTTP_ERRORS_COUNT;
        for (uint32_t i = 0; error == HTTP_ERRORS_COUNT && i < events.count; i++) {
            assert_true(events.items[i].more->error == HTTP_ERRORS_COUNT ||
                        events.items[i].more->error == HTTP_OVERLOADED);
            refused_count += events.items[i].more->error == HTTP_OVERLOADED;
        }
        events_room_deinit(&room);
    }
    assert_true(refused_count > 20);
}

/* As many as may be, and one more. */
static void a_body_has_at_most_65536_events(void **state)
{
    (void)state;
    char *body = malloc(2 * HTTP_EVENTS_MAX + 2);
    assert_non_null(body);
    for (uint32_t i = 0; i < HTTP_EVENTS_MAX + 1; i++) {
        memcpy(body + 2 * i, "1\n", 2);
    }
    for (uint32_t more = 0; more < 2; more++) {
        struct events_room room;
        struct http_events events;
        events_room_init(&room, 64 << 20);
        struct http_text text = {body, 2 * (HTTP_EVENTS_MAX + more)};
        enum http_error error = events_read(&room, HTTP_EVENTS_NDJSON, text, &events);
        assert_int_equal(error, more > 0 ? HTTP_BODY_TOO_LARGE : HTTP_ERRORS_COUNT);
        assert_int_equal(events.count, HTTP_EVENTS_MAX);
        events_room_deinit(&room);
    }
    free(body);
}

/* What others wait for: a step goes one item past what it is asked for, at most. */
static void a_step_reads_no_more_than_it_is_asked_to(void **state)
{
    (void)state;
    static const enum http_events_form forms[] = {HTTP_EVENTS_JSON, HTTP_EVENTS_NDJSON};
    static char lines[4 * 1000];
    static char array[4 * 1000 + 1] = "[";
    for (size_t i = 0; i < 1000; i++) {
        memcpy(lines + 4 * i, "111\n", 4);
        memcpy(array + 1 + 4 * i, i < 999 ? "111," : "111]", 4);
    }
    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        struct events_room room;
        struct http_events events;
        struct http_text body = {i == 0 ? array : lines, 4 * 1000 + (i == 0)};
        events_room_init(&room, 64 << 20);
        http_events_begin(&events, &room.json, &room.lines, &room.arena, forms[i], body);
        assert_false(http_events_step(&events, 4 * 100));
        assert_in_range(events.count, 100, 102);
        assert_true(http_events_step(&events, SIZE_MAX));
        assert_int_equal(events.error, HTTP_ERRORS_COUNT);
        assert_int_equal(events.count, 1000);
        events_room_deinit(&room);
    }
}

/* Behind each the rest is looked at anew: fewer of them are read in a step. */
static void lines_that_are_no_json_take_more_of_a_step(void **state)
{
    (void)state;
    static char lines[2 * 1000];
    for (size_t i = 0; i < 1000; i++) {
        memcpy(lines + 2 * i, "x\n", 2);
    }
    struct events_room room;
    struct http_events events;
    events_room_init(&room, 64 << 20);
    http_events_begin(&events, &room.json, &room.lines, &room.arena, HTTP_EVENTS_NDJSON,
                      (struct http_text){lines, sizeof(lines)});
    assert_false(http_events_step(&events, 64 << 10));
    assert_in_range(events.count, 60, 66);
    assert_true(http_events_step(&events, SIZE_MAX));
    assert_int_equal(events.failed_count, 1000);
    events_room_deinit(&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_json_test_suite_behaves_in_every_form),
        cmocka_unit_test(values_are_as_deep_as_json_may_be),
        cmocka_unit_test(without_memory_nothing_is_read_wrong),
        cmocka_unit_test(a_body_has_at_most_65536_events),
        cmocka_unit_test(a_step_reads_no_more_than_it_is_asked_to),
        cmocka_unit_test(lines_that_are_no_json_take_more_of_a_step),
    };
    struct CMUnitTest rows[ARRAY_COUNT(events_rows)];
    for (size_t i = 0; i < ARRAY_COUNT(events_rows); i++) {
        rows[i] = (struct CMUnitTest){.name = events_rows[i].name,
                                      .test_func = events_row,
                                      .initial_state = (void *)(uintptr_t)&events_rows[i]};
    }
    int failed = cmocka_run_group_tests_name("gateway_events", tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("gateway_events: bodies", rows, NULL, NULL);
    return failed;
}
