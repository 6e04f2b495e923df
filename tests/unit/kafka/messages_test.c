/* The tables of broker/kafka/messages.h are Kafka's definitions: each message of the tables is held
 * against its JSON file, field by field, and the tables keep to what the codec relies on. */
#include "broker/kafka/messages.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "broker/kafka/codec.h"
#include "tests/support/cmocka.h"
#include "tests/support/json_strict.h"
#include "tests/support/json_tree.h"
#include "tests/support/skip.h"

/* A definition's file. */
struct definition {
    char *text;             /* without its comments; the nodes point into it */
    struct json_node *root; /* the object */
};

/* Versions as the definitions write them: "3-13", "9+", "0", "none". */
struct versions {
    long first; /* -1: none */
    long last;  /* INT16_MAX: open */
};

static struct definition definition_load(const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/kafka-messages/%s.json", folder, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fail_msg("no definition %s", path);
    }
    char *text = malloc(1 << 20);
    assert_non_null(text);
    size_t length = fread(text, 1, 1 << 20, file);
    assert_in_range(length, 1, (1 << 20) - 1);
    fclose(file);
    json_tree_strip(text, length);
    assert_true(json_strict_is_valid(text, length));
    return (struct definition){.text = text, .root = json_tree_parse(text, length)};
}

static void definition_free(struct definition *d)
{
    json_tree_free(d->root);
    free(d->text);
}

static struct versions versions_of(const struct json_node *object, const char *key)
{
    const struct json_node *node = json_tree_get(object, key);
    if (node == NULL || json_tree_is(node, "none")) {
        return (struct versions){.first = -1, .last = -1};
    }
    char *end;
    struct versions v = {.first = strtol(node->text, &end, 10)};
    v.last = *end == '+' ? INT16_MAX : *end == '-' ? strtol(end + 1, NULL, 10) : v.first;
    return v;
}

/* TopicData, timeoutMs, Enable2Pc: topic_data, timeout_ms, enable2_pc. */
static bool is_snake_of(const char *snake, const struct json_node *camel)
{
    for (size_t i = 0; i < camel->length; i++) {
        char c = camel->text[i];
        if (i > 0 && isupper((unsigned char)c) && *snake++ != '_') {
            return false;
        }
        if (*snake++ != tolower((unsigned char)c)) {
            return false;
        }
    }
    return *snake == '\0';
}

static const char *const type_names[] = {
    [KAFKA_TYPE_BOOL] = "bool",           [KAFKA_TYPE_INT8] = "int8",
    [KAFKA_TYPE_INT16] = "int16",         [KAFKA_TYPE_INT32] = "int32",
    [KAFKA_TYPE_INT64] = "int64",         [KAFKA_TYPE_UINT16] = "uint16",
    [KAFKA_TYPE_UINT32] = "uint32",       [KAFKA_TYPE_FLOAT64] = "float64",
    [KAFKA_TYPE_UUID] = "uuid",           [KAFKA_TYPE_STRING] = "string",
    [KAFKA_TYPE_BYTES] = "bytes",         [KAFKA_TYPE_RECORDS] = "records",
    [KAFKA_TYPE_INT32_ARRAY] = "[]int32", [KAFKA_TYPE_STRING_ARRAY] = "[]string",
};

static void type_is_as_defined(const struct kafka_field *field, const struct json_node *node)
{
    const struct json_node *type = json_tree_get(node, "type");
    char want[128];
    if (field->sub == NULL) {
        assert_in_range(field->type, 0, KAFKA_TYPE_STRING_ARRAY);
        snprintf(want, sizeof(want), "%s", type_names[field->type]);
    } else {
        bool is_array = field->type == KAFKA_TYPE_STRUCT_ARRAY;
        snprintf(want, sizeof(want), "%s%s", is_array ? "[]" : "", field->sub->name);
        bool may_be_null = json_tree_get(node, "nullableVersions") != NULL;
        assert_true(is_array || (field->type == KAFKA_TYPE_STRUCT_POINTER) == may_be_null);
    }
    if (!json_tree_is(type, want)) {
        fail_msg("%s is %s, defined as %.*s", field->name, want, (int)type->length, type->text);
    }
}

/* The value where a field is absent, by the rules of Kafka's generator: 0, false, empty, and null
 * only where the definition says so. */
static int64_t default_of(const struct json_node *node)
{
    const struct json_node *value = json_tree_get(node, "default");
    if (value == NULL || value->length == 0 || json_tree_is(value, "false")) {
        return 0;
    }
    if (json_tree_is(value, "null")) {
        return KAFKA_NULL;
    }
    if (json_tree_is(value, "true")) {
        return 1;
    }
    char *end;
    int64_t number = strtoll(value->text, &end, 0);
    assert_ptr_equal(end, value->text + value->length);
    return number;
}

/* One property of a field. */
static void property_is(const struct kafka_field *field, const char *property, int64_t got,
                        int64_t want)
{
    if (got != want) {
        fail_msg("%s: %s is %lld, defined as %lld", field->name, property, (long long)got,
                 (long long)want);
    }
}

static void field_is_as_defined(const struct kafka_field *field, const struct json_node *node)
{
    const struct json_node *name = json_tree_get(node, "name");
    if (!is_snake_of(field->name, name)) {
        fail_msg("%s, where %.*s is defined", field->name, (int)name->length, name->text);
    }
    type_is_as_defined(field, node);
    struct versions in = versions_of(node, "versions");
    property_is(field, "first version", field->first, in.first);
    property_is(field, "end", field->end, in.last == INT16_MAX ? 0 : in.last + 1);
    struct versions null = versions_of(node, "nullableVersions");
    property_is(field, "nullable", field->is_nullable, null.first >= 0);
    if (null.first >= 0) {
        property_is(field, "first version with null", field->null_first, null.first);
        property_is(field, "last version with null", in.last, null.last);
    }
    const struct json_node *tag = json_tree_get(node, "tag");
    struct versions tagged = versions_of(node, "taggedVersions");
    property_is(field, "tagged", field->is_tagged, tag != NULL);
    if (tag != NULL) {
        property_is(field, "tag", field->tag, strtol(tag->text, NULL, 10));
        property_is(field, "first version as a tag", in.first, tagged.first);
        property_is(field, "last version as a tag", in.last, tagged.last);
    }
    bool is_plain = json_tree_is(json_tree_get(node, "flexibleVersions"), "none");
    property_is(field, "never compact", field->is_plain, is_plain);
    property_is(field, "default", field->fallback, default_of(node));
}

static void struct_is_as_defined(const struct kafka_struct *table, const struct json_node *fields)
{
    assert_non_null(fields);
    assert_int_equal(table->fields_count, json_tree_count(fields));
    const struct json_node *node = fields->first;
    for (uint32_t i = 0; i < table->fields_count; i++, node = node->next) {
        field_is_as_defined(&table->fields[i], node);
        if (table->fields[i].sub != NULL) {
            struct_is_as_defined(table->fields[i].sub, json_tree_get(node, "fields"));
        }
    }
}

static void message_is_as_defined(void **state)
{
    const struct kafka_message *message = *state;
    struct definition d = definition_load(skip_without_data(__func__), message->body->name);
    assert_true(json_tree_is(json_tree_get(d.root, "name"), message->body->name));
    const struct json_node *key = json_tree_get(d.root, "apiKey");
    assert_int_equal(message->api_key, key != NULL ? strtol(key->text, NULL, 10) : KAFKA_NO_KEY);
    struct versions valid = versions_of(d.root, "validVersions");
    assert_int_equal(message->first, valid.first);
    assert_int_equal(message->last, valid.last);
    struct versions flexible = versions_of(d.root, "flexibleVersions");
    assert_int_equal(message->flexible_first, flexible.first);
    assert_int_equal(flexible.last, INT16_MAX);
    assert_null(json_tree_get(d.root, "commonStructs"));
    struct_is_as_defined(message->body, json_tree_get(d.root, "fields"));
    definition_free(&d);
}

static void messages_are_pairs_of_request_and_response(void **state)
{
    (void)state;
    for (size_t i = 0; i < KAFKA_MESSAGES_COUNT; i += 2) {
        const struct kafka_message *request = kafka_messages[i];
        const struct kafka_message *response = kafka_messages[i + 1];
        assert_int_equal(request->api_key, response->api_key);
        const char *request_end = strstr(request->body->name, "Request");
        const char *response_end = strstr(response->body->name, "Response");
        assert_non_null(request_end);
        assert_non_null(response_end);
        if (request->api_key != KAFKA_NO_KEY) {
            assert_int_equal(request->first, response->first);
            assert_int_equal(request->last, response->last);
            assert_int_equal(request->flexible_first, response->flexible_first);
        }
        for (size_t j = i + 2; j < KAFKA_MESSAGES_COUNT; j++) {
            assert_int_not_equal(request->api_key, kafka_messages[j]->api_key);
        }
    }
}

/* What one field adds to the smallest item that holds it. */
static size_t field_bytes_min(const struct kafka_field *field, int16_t version, bool is_flexible);

static size_t struct_bytes_min(const struct kafka_struct *table, int16_t version, bool is_flexible)
{
    size_t bytes = is_flexible; /* the count of tagged fields */
    for (uint32_t i = 0; i < table->fields_count; i++) {
        const struct kafka_field *field = &table->fields[i];
        bool is_in = version >= field->first && (field->end == 0 || version < field->end);
        if (is_in && !field->is_tagged) {
            bytes += field_bytes_min(field, version, is_flexible);
        }
    }
    return bytes;
}

static size_t field_bytes_min(const struct kafka_field *field, int16_t version, bool is_flexible)
{
    static const size_t fixed_bytes[] = {
        [KAFKA_TYPE_BOOL] = 1,  [KAFKA_TYPE_INT8] = 1,  [KAFKA_TYPE_INT16] = 2,
        [KAFKA_TYPE_INT32] = 4, [KAFKA_TYPE_INT64] = 8, [KAFKA_TYPE_UUID] = 16,
    };
    if (field->type < ARRAY_COUNT(fixed_bytes) && fixed_bytes[field->type] > 0) {
        return fixed_bytes[field->type];
    }
    if (field->type == KAFKA_TYPE_STRUCT) {
        return struct_bytes_min(field->sub, version, is_flexible);
    }
    if (field->type == KAFKA_TYPE_STRUCT_POINTER || (is_flexible && !field->is_plain)) {
        return 1;
    }
    return field->type == KAFKA_TYPE_STRING ? 2 : 4;
}

/* Bytes of memory for each byte received, rounded up: the worst array of `table` in `version`. */
static size_t struct_ratio(const struct kafka_struct *table, int16_t version, bool is_flexible)
{
    size_t worst = 0;
    for (uint32_t i = 0; i < table->fields_count; i++) {
        const struct kafka_field *field = &table->fields[i];
        bool is_in = version >= field->first && (field->end == 0 || version < field->end);
        size_t size = field->type == KAFKA_TYPE_STRING_ARRAY  ? sizeof(struct kafka_string)
                      : field->type == KAFKA_TYPE_INT32_ARRAY ? sizeof(int32_t)
                      : field->sub != NULL                    ? field->sub->size_bytes
                                                              : 0;
        if (!is_in || size == 0) {
            continue;
        }
        size_t min = field->type == KAFKA_TYPE_STRING_ARRAY ? (is_flexible ? 1 : 2)
                     : field->type == KAFKA_TYPE_INT32_ARRAY
                         ? 4
                         : struct_bytes_min(field->sub, version, is_flexible);
        assert_int_not_equal(min, 0);
        size_t ratio = (size + min - 1) / min;
        size_t inner = field->sub != NULL ? struct_ratio(field->sub, version, is_flexible) : 0;
        worst = ratio > worst ? ratio : worst;
        worst = inner > worst ? inner : worst;
    }
    return worst;
}

static void messages_cost_no_more_memory_than_said(void **state)
{
    (void)state;
    size_t worst = 0;
    for (size_t i = 0; i < KAFKA_MESSAGES_COUNT; i++) {
        const struct kafka_message *message = kafka_messages[i];
        for (int16_t version = message->first; version <= message->last; version++) {
            size_t ratio = struct_ratio(message->body, version, version >= message->flexible_first);
            worst = ratio > worst ? ratio : worst;
        }
    }
    assert_int_equal(worst, KAFKA_DECODE_RATIO);
}

/* Asserts what the codec takes for granted of a struct of `message`; returns its depth. */
static uint32_t struct_is_sound(const struct kafka_message *message,
                                const struct kafka_struct *table)
{
    uint32_t depth = 0;
    int last_tag = -1;
    for (uint32_t i = 0; i < table->fields_count; i++) {
        const struct kafka_field *field = &table->fields[i];
        bool has_length = field->type >= KAFKA_TYPE_STRING && field->type != KAFKA_TYPE_STRUCT;
        assert_true(field->offset < table->size_bytes);
        assert_true(IMPLIES(has_length, field->fallback == 0 || field->fallback == KAFKA_NULL));
        assert_true(IMPLIES(has_length && field->fallback == KAFKA_NULL, field->is_nullable));
        assert_true(IMPLIES(field->type == KAFKA_TYPE_STRUCT_POINTER,
                            field->fallback == KAFKA_NULL && field->null_first <= field->first));
        if (field->is_tagged) {
            assert_true(field->tag > last_tag);
            assert_true(field->tag < 32);
            assert_true(field->first >= message->flexible_first);
            assert_int_not_equal(field->type, KAFKA_TYPE_RECORDS);
            last_tag = field->tag;
        }
        uint32_t inner = field->sub != NULL ? struct_is_sound(message, field->sub) : 0;
        depth = inner > depth ? inner : depth;
    }
    return depth + 1;
}

static void messages_keep_to_what_the_codec_relies_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < KAFKA_MESSAGES_COUNT; i++) {
        assert_in_range(struct_is_sound(kafka_messages[i], kafka_messages[i]->body), 1,
                        KAFKA_DEPTH_MAX);
    }
}

int main(void)
{
    struct CMUnitTest tests[KAFKA_MESSAGES_COUNT + 3] = {
        cmocka_unit_test(messages_are_pairs_of_request_and_response),
        cmocka_unit_test(messages_cost_no_more_memory_than_said),
        cmocka_unit_test(messages_keep_to_what_the_codec_relies_on),
    };
    char names[KAFKA_MESSAGES_COUNT][96];
    for (size_t i = 0; i < KAFKA_MESSAGES_COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "message_is_as_defined: %s",
                 kafka_messages[i]->body->name);
        tests[3 + i] = (struct CMUnitTest){.name = names[i],
                                           .test_func = message_is_as_defined,
                                           .initial_state = (void *)(uintptr_t)kafka_messages[i]};
    }
    return cmocka_run_group_tests_name("kafka_messages", tests, NULL, NULL);
}
