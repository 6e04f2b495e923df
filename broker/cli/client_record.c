/* Lines to records and back. See client_record.h. */
#include "broker/cli/client_record.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/suggest.h"
#include "base/units.h"
#include "broker/cli/text.h"

/* A line being read. */
struct record_parse {
    struct client_record *record;       /* what it becomes */
    const struct client_format *format; /* how */
    struct arena *arena;                /* for what the line does not hold as it is needed */
    const char *line;                   /* the line */
    size_t length;                      /* bytes of it */
    char *problem;                      /* CLIENT_PROBLEM_BYTES, for what is wrong */
};

static enum err record_envelope(struct record_parse *parse);
static enum err record_envelope_member(struct record_parse *parse, const struct json_value *name,
                                       const struct json_value *value, bool *has_value);
static enum err record_envelope_unknown(struct record_parse *parse, const struct json_value *name);
static enum err record_partition(struct record_parse *parse, const struct json_value *value);
static enum err record_headers(struct record_parse *parse, const struct json_value *value);
static enum err record_header_of_object(struct record_parse *parse, const struct json_value *value,
                                        struct client_header *header);
static enum err record_header_name(struct record_parse *parse, const struct json_value *name,
                                   struct client_header *header);
static enum err record_bytes(struct record_parse *parse, const char *what,
                             const struct json_value *value, const uint8_t **out, size_t *length);
static bool record_is_hex(const struct json_value *value, struct json_value *digits);
static enum err record_hex(struct record_parse *parse, const char *what,
                           const struct json_value *digits, const uint8_t **out, size_t *length);
static enum err record_separated(struct record_parse *parse);
static enum err record_key_field(struct record_parse *parse);
static enum err record_time_field(struct record_parse *parse);
static enum err record_field(struct record_parse *parse, const char *path,
                             struct json_value *value);
static enum err record_time(struct record_parse *parse, const char *what,
                            const struct json_value *value);
static enum err record_no_json(struct record_parse *parse, enum err err, size_t fault);
static enum err record_problem(struct record_parse *parse, const char *what, const char *name,
                               const char *rest);
static int record_hex_digit(char digit);

enum err client_record_parse(struct client_record *record, const struct client_format *format,
                             struct arena *arena, const char *line, size_t length,
                             char problem[CLIENT_PROBLEM_BYTES])
{
    struct record_parse parse = {record, format, arena, line, length, problem};
    *record = (struct client_record){
        .partition = format->partition,
        .offset = -1,
        .value = (const uint8_t *)line,
        .value_bytes = length,
        .headers = format->headers,
        .headers_count = format->headers_count,
    };
    if (format->is_envelope) {
        return record_envelope(&parse);
    }
    enum err err = ERR_OK;
    if (format->key_separator != NULL) {
        err = record_separated(&parse);
    } else if (format->key_field != NULL) {
        err = record_key_field(&parse);
    }
    if (err == ERR_OK && format->time_field != NULL) {
        err = record_time_field(&parse);
    }
    return err;
}

void client_record_put_json(FILE *out, const struct client_record *record)
{
    fprintf(out, "{\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"timestamp\":%" PRId64,
            record->partition, record->offset, record->timestamp_ms);
    fputs(",\"key\":", out);
    cli_text_put_bytes(out, record->key, record->key_bytes);
    fputs(",\"value\":", out);
    cli_text_put_bytes(out, record->value, record->value_bytes);
    fputs(",\"headers\":[", out);
    for (size_t i = 0; i < record->headers_count; i++) {
        const struct client_header *header = &record->headers[i];
        fprintf(out, "%s{\"key\":", i > 0 ? "," : "");
        cli_text_put_bytes(out, (const uint8_t *)header->name, strlen(header->name));
        fputs(",\"value\":", out);
        cli_text_put_bytes(out, header->value, header->value_bytes);
        fputc('}', out);
    }
    fputs("]}\n", out);
}

bool client_is_topic_name(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(name);
    return length >= 1 && length <= 249 && strspn(name, allowed) == length &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

enum err client_from_parse(struct client_from *from, const char *text, int64_t now_ms)
{
    size_t length = strlen(text);
    int64_t number = 0;
    if (strcmp(text, "start") == 0 || strcmp(text, "end") == 0) {
        *from = (struct client_from){
            .kind = text[0] == 's' ? CLIENT_FROM_START : CLIENT_FROM_END,
        };
        return ERR_OK;
    }
    if (text[0] != '@') {
        if (units_parse_i64(text, length, &number) != ERR_OK || number == INT64_MIN) {
            return ERR_INVALID;
        }
        bool is_last = text[0] == '-';
        *from = (struct client_from){
            .kind = is_last ? CLIENT_FROM_LAST : CLIENT_FROM_OFFSET,
            .value = is_last ? -number : number,
        };
        return ERR_OK;
    }
    text++;
    length--;
    uint64_t before_ns = 0;
    from->kind = CLIENT_FROM_TIME;
    if (text[0] == '-') {
        if (units_parse_duration_ns(text + 1, length - 1, &before_ns) != ERR_OK) {
            return ERR_INVALID;
        }
        from->value = now_ms - (int64_t)(before_ns / 1000000);
    } else if (units_parse_i64(text, length, &from->value) != ERR_OK &&
               units_parse_time_ms(text, length, &from->value) != ERR_OK) {
        return ERR_INVALID;
    }
    from->value = from->value < 0 ? 0 : from->value; /* negative times ask for other things */
    return ERR_OK;
}

static enum err record_envelope(struct record_parse *parse)
{
    struct json_value all, name, value;
    size_t fault = 0;
    bool has_value = false;
    enum err err = json_read(parse->line, parse->length, &all, &fault);
    if (err != ERR_OK) {
        return record_no_json(parse, err, fault);
    }
    if (all.kind != JSON_OBJECT) {
        return record_problem(parse, "is no object with a member 'value'", "", "");
    }
    struct json_items items = json_items(&all);
    while (err == ERR_OK && json_items_next(&items, &name, &value)) {
        err = record_envelope_member(parse, &name, &value, &has_value);
    }
    if (err == ERR_OK && !has_value) {
        err = record_problem(parse, "has no member 'value' (null is a value)", "", "");
    }
    return err;
}

static enum err record_envelope_member(struct record_parse *parse, const struct json_value *name,
                                       const struct json_value *value, bool *has_value)
{
    static const char *const names[] = {"key",       "value", "headers", "partition",
                                        "timestamp", "topic", "offset"};
    struct client_record *record = parse->record;
    size_t i = 0;
    while (i < ARRAY_COUNT(names) &&
           (strlen(names[i]) != name->length || memcmp(names[i], name->text, name->length) != 0)) {
        i++;
    }
    switch (i) {
    case 0: return record_bytes(parse, "key", value, &record->key, &record->key_bytes);
    case 1:
        *has_value = true;
        return record_bytes(parse, "value", value, &record->value, &record->value_bytes);
    case 2: return record_headers(parse, value);
    case 3: return record_partition(parse, value);
    case 4: return value->kind == JSON_NULL ? ERR_OK : record_time(parse, "timestamp", value);
    case 5:
    case 6: return ERR_OK;
    default: return record_envelope_unknown(parse, name);
    }
}

static enum err record_envelope_unknown(struct record_parse *parse, const struct json_value *name)
{
    static const char *const names[] = {"key", "value", "headers", "partition", "timestamp"};
    char text[SUGGEST_NAME_BYTES_MAX + 1], rest[64] = "";
    snprintf(text, sizeof(text), "%.*s", (int)(name->length < 64 ? name->length : 64), name->text);
    const char *nearest = suggest_nearest(text, names, ARRAY_COUNT(names));
    if (nearest != NULL) {
        snprintf(rest, sizeof(rest), "; did you mean '%s'?", nearest);
    }
    return record_problem(parse, "no part of a record is called ", text, rest);
}

static enum err record_partition(struct record_parse *parse, const struct json_value *value)
{
    int64_t number = -1;
    if (value->kind == JSON_NULL) {
        return ERR_OK;
    }
    if (value->kind != JSON_NUMBER ||
        units_parse_i64(value->text, value->length, &number) != ERR_OK || number < 0 ||
        number > INT32_MAX) {
        return record_problem(parse, "'partition' is no whole number", "", "");
    }
    parse->record->partition = (int32_t)number;
    return ERR_OK;
}

/* Behind those of every record. */
static enum err record_headers(struct record_parse *parse, const struct json_value *value)
{
    if (value->kind == JSON_NULL) {
        return ERR_OK;
    }
    if (value->kind != JSON_ARRAY && value->kind != JSON_OBJECT) {
        return record_problem(parse, "'headers' is no array of {\"key\":...,\"value\":...}", "",
                              "");
    }
    struct json_value name, item;
    size_t count = parse->format->headers_count;
    struct json_items counted = json_items(value);
    while (json_items_next(&counted, &name, &item)) {
        count++;
    }
    if (count > CLIENT_HEADERS_MAX) {
        return record_problem(parse, "has more than 256 headers", "", "");
    }
    struct client_header *headers =
        arena_alloc_zeroed(parse->arena, count * sizeof(*headers), _Alignof(max_align_t));
    if (headers == NULL) {
        return parse->arena->err;
    }
    size_t done = 0;
    for (; done < parse->format->headers_count; done++) {
        headers[done] = parse->format->headers[done];
    }
    struct json_items items = json_items(value);
    while (json_items_next(&items, &name, &item)) {
        struct client_header *header = &headers[done++];
        enum err err = ERR_OK;
        if (value->kind == JSON_ARRAY) {
            err = record_header_of_object(parse, &item, header);
        } else {
            err = record_header_name(parse, &name, header);
            if (err == ERR_OK) {
                err =
                    record_bytes(parse, header->name, &item, &header->value, &header->value_bytes);
            }
        }
        if (err != ERR_OK) {
            return err;
        }
    }
    parse->record->headers = headers;
    parse->record->headers_count = count;
    return ERR_OK;
}

/* {"key":"name","value":V} */
static enum err record_header_of_object(struct record_parse *parse, const struct json_value *value,
                                        struct client_header *header)
{
    struct json_value name, item, key = {.kind = JSON_NULL}, content = {.kind = JSON_NULL};
    if (value->kind == JSON_OBJECT) {
        struct json_items items = json_items(value);
        while (json_items_next(&items, &name, &item)) {
            if (name.length == 3 && memcmp(name.text, "key", 3) == 0) {
                key = item;
            } else if (name.length == 5 && memcmp(name.text, "value", 5) == 0) {
                content = item;
            } else {
                key.kind = JSON_NULL;
                break;
            }
        }
    }
    if (key.kind != JSON_STRING) {
        return record_problem(parse, "a header is no {\"key\":\"name\",\"value\":...}", "", "");
    }
    enum err err = record_header_name(parse, &key, header);
    if (err == ERR_OK) {
        err = record_bytes(parse, header->name, &content, &header->value, &header->value_bytes);
    }
    return err;
}

static enum err record_header_name(struct record_parse *parse, const struct json_value *name,
                                   struct client_header *header)
{
    char *room = arena_alloc(parse->arena, name->length + 1, 1);
    if (room == NULL) {
        return parse->arena->err;
    }
    struct bytes_writer w = bytes_writer(room, name->length);
    if (json_unescape(&w, name) != ERR_OK || memchr(room, '\0', w.pos) != NULL) {
        return record_problem(parse, "a header's name holds a NUL or half a character", "", "");
    }
    room[w.pos] = '\0';
    header->name = room;
    return ERR_OK;
}

/* The bytes that a key, a value or a header's value stands for; NULL for null. */
static enum err record_bytes(struct record_parse *parse, const char *what,
                             const struct json_value *value, const uint8_t **out, size_t *length)
{
    struct json_value digits;
    if (value->kind == JSON_NULL) {
        *out = NULL;
        *length = 0;
        return ERR_OK;
    }
    if (value->kind == JSON_OBJECT && record_is_hex(value, &digits)) {
        return record_hex(parse, what, &digits, out, length);
    }
    *out = (const uint8_t *)value->text;
    *length = value->length;
    if (value->kind != JSON_STRING ||
        (value->length > 0 && memchr(value->text, '\\', value->length) == NULL)) {
        return ERR_OK;
    }
    char *room = arena_alloc(parse->arena, value->length + 1, 1);
    if (room == NULL) {
        return parse->arena->err;
    }
    struct bytes_writer w = bytes_writer(room, value->length);
    if (json_unescape(&w, value) != ERR_OK) {
        return record_problem(parse, "an escape in '", what, "' is half a character");
    }
    *out = (const uint8_t *)room;
    *length = w.pos;
    return ERR_OK;
}

/* Whether an object is {"hex":"..."}. */
static bool record_is_hex(const struct json_value *value, struct json_value *digits)
{
    struct json_value name, other;
    struct json_items items = json_items(value);
    return json_items_next(&items, &name, digits) && name.length == 3 &&
           memcmp(name.text, "hex", 3) == 0 && digits->kind == JSON_STRING &&
           !json_items_next(&items, &name, &other);
}

static enum err record_hex(struct record_parse *parse, const char *what,
                           const struct json_value *digits, const uint8_t **out, size_t *length)
{
    uint8_t *room = arena_alloc(parse->arena, digits->length / 2 + 1, 1);
    if (room == NULL) {
        return parse->arena->err;
    }
    for (size_t i = 0; i + 1 < digits->length; i += 2) {
        int high = record_hex_digit(digits->text[i]);
        int low = record_hex_digit(digits->text[i + 1]);
        if (high < 0 || low < 0) {
            return record_problem(parse, "the hex digits of '", what, "' are none");
        }
        room[i / 2] = (uint8_t)(high << 4 | low);
    }
    if (digits->length % 2 != 0) {
        return record_problem(parse, "half a byte in the hex digits of '", what, "'");
    }
    *out = room;
    *length = digits->length / 2;
    return ERR_OK;
}

static enum err record_separated(struct record_parse *parse)
{
    const char *separator = parse->format->key_separator;
    size_t separator_bytes = strlen(separator);
    const char *found = memmem(parse->line, parse->length, separator, separator_bytes);
    if (found == NULL) {
        return record_problem(parse, "lacks the key separator '", separator, "'");
    }
    struct client_record *record = parse->record;
    record->key = (const uint8_t *)parse->line;
    record->key_bytes = (size_t)(found - parse->line);
    record->value = (const uint8_t *)found + separator_bytes;
    record->value_bytes = parse->length - record->key_bytes - separator_bytes;
    return ERR_OK;
}

static enum err record_key_field(struct record_parse *parse)
{
    struct json_value value;
    enum err err = record_field(parse, parse->format->key_field, &value);
    if (err == ERR_OK) {
        err = record_bytes(parse, parse->format->key_field, &value, &parse->record->key,
                           &parse->record->key_bytes);
    }
    return err;
}

static enum err record_time_field(struct record_parse *parse)
{
    struct json_value value;
    enum err err = record_field(parse, parse->format->time_field, &value);
    return err != ERR_OK ? err : record_time(parse, parse->format->time_field, &value);
}

/* A member of the record's value. */
static enum err record_field(struct record_parse *parse, const char *path, struct json_value *value)
{
    size_t fault = 0;
    const char *text = (const char *)parse->record->value;
    enum err err = json_find(text, parse->record->value_bytes, path, value, &fault);
    if (err == ERR_NOT_FOUND) {
        return record_problem(parse, "has no field '", path, "'");
    }
    return err == ERR_OK ? ERR_OK
                         : record_no_json(parse, err, fault + (size_t)(text - parse->line));
}

static enum err record_time(struct record_parse *parse, const char *what,
                            const struct json_value *value)
{
    double number = 0;
    int64_t *time_ms = &parse->record->timestamp_ms;
    bool is_number = value->kind == JSON_NUMBER;
    bool is_text = value->kind == JSON_STRING;
    if ((is_number || is_text) && units_parse_i64(value->text, value->length, time_ms) == ERR_OK) {
        return ERR_OK;
    }
    if (is_text && units_parse_time_ms(value->text, value->length, time_ms) == ERR_OK) {
        return ERR_OK;
    }
    if (is_number && units_parse_double(value->text, value->length, &number) == ERR_OK &&
        number < 9e15 && number > -9e15) {
        *time_ms = (int64_t)number;
        return ERR_OK;
    }
    return record_problem(parse, "'", what,
                          "' is neither milliseconds since 1970 nor a time like "
                          "2018-02-06T12:30:00Z");
}

static enum err record_no_json(struct record_parse *parse, enum err err, size_t fault)
{
    if (err == ERR_TOO_LARGE) {
        return record_problem(parse, "nests deeper than 512 levels", "", "");
    }
    snprintf(parse->problem, CLIENT_PROBLEM_BYTES, "is not JSON, as its byte %zu shows", fault + 1);
    return ERR_INVALID;
}

/* `name` may come from outside. */
static enum err record_problem(struct record_parse *parse, const char *what, const char *name,
                               const char *rest)
{
    char escaped[100];
    struct bytes_writer w = bytes_writer(escaped, sizeof(escaped));
    escape_json(&w, name, strlen(name));
    snprintf(parse->problem, CLIENT_PROBLEM_BYTES, "%s%.*s%s", what, (int)w.pos, escaped, rest);
    return ERR_INVALID;
}

static int record_hex_digit(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                          : -1;
}
