/* The small parts of plans in JSON. See json_int.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "views/plan/json_int.h"
#include "views/vec/integer.h"

static int plan_read_shown(const struct json_value *value);

/* Keep what is wrong first. Returns false. */
bool plan_read_fail(struct plan_reader *r, const char *format, ...)
{
    va_list args;
    if (r->err == ERR_OK) {
        r->err = ERR_INVALID;
        va_start(args, format);
        vsnprintf(r->fault->text, sizeof(r->fault->text), format, args);
        va_end(args);
    }
    return false;
}

void *plan_read_alloc(struct plan_reader *r, size_t count, size_t bytes)
{
    size_t all;
    void *out = bytes_size_mul(count, bytes, &all)
                    ? arena_alloc_zeroed(r->arena, all > 0 ? all : 1, _Alignof(max_align_t))
                    : NULL;
    if (out == NULL && r->err == ERR_OK) {
        plan_read_fail(r, "no memory");
        r->err = r->arena->err != ERR_OK ? r->arena->err : ERR_TOO_LARGE;
    }
    return out;
}

bool plan_read_members(struct plan_reader *r, const struct json_value *object,
                       struct plan_member *members, size_t count)
{
    struct json_value name, value;
    if (object->kind != JSON_OBJECT) {
        return plan_read_fail(r, "no object: %.*s", plan_read_shown(object), object->text);
    }
    struct json_items items = json_items(object);
    while (json_items_next(&items, &name, &value)) {
        size_t i = 0;
        while (i < count && !plan_read_is(&name, members[i].name)) {
            i++;
        }
        if (i == count || members[i].value.text != NULL) {
            return plan_read_fail(r, "member \"%.*s\": %s", plan_read_shown(&name), name.text,
                                  i == count ? "unknown" : "twice");
        }
        members[i].value = value;
    }
    for (size_t i = 0; i < count; i++) {
        if (members[i].is_needed && members[i].value.text == NULL) {
            return plan_read_fail(r, "member \"%s\": missing", members[i].name);
        }
    }
    return true;
}

bool plan_read_is(const struct json_value *value, const char *text)
{
    return value->kind == JSON_STRING && value->length == strlen(text) &&
           memcmp(value->text, text, value->length) == 0;
}

uint32_t plan_read_count(struct plan_reader *r, const struct json_value *value)
{
    uint32_t count = 0;
    struct json_value item;
    if (value->kind != JSON_ARRAY) {
        plan_read_fail(r, "no array: %.*s", plan_read_shown(value), value->text);
        return 0;
    }
    struct json_items items = json_items(value);
    while (json_items_next(&items, NULL, &item)) {
        count++;
    }
    return count;
}

/* How much of a text a message shows. */
static int plan_read_shown(const struct json_value *value)
{
    return (int)(value->length < 40 ? value->length : 40);
}

bool plan_read_number(struct plan_reader *r, const struct json_value *value, int64_t least,
                      int64_t most, int64_t *out)
{
    if (value->kind != JSON_NUMBER ||
        vec_int8_parse(value->text, value->length, out) != VEC_FAULT_NONE || *out < least ||
        *out > most) {
        return plan_read_fail(r, "no such number: %.*s", plan_read_shown(value), value->text);
    }
    return true;
}

bool plan_read_type(struct plan_reader *r, const struct json_value *value, struct vec_type *out)
{
    const char *text = value->text;
    size_t length = value->kind == JSON_STRING ? value->length : 0;
    size_t name_length = 0;
    unsigned precision = 0, scale = 0;
    char tail[16];
    while (name_length < length && text[name_length] != '(') {
        name_length++;
    }
    *out = vec_type(vec_kind_find(text, name_length));
    size_t tail_length = length - name_length;
    bool is_good = out->kind != VEC_NONE && tail_length < sizeof(tail);
    if (is_good && tail_length > 0) {
        char again[sizeof(tail)];
        memcpy(tail, text + name_length, tail_length);
        tail[tail_length] = '\0';
        is_good = sscanf(tail, "(%2u,%2u)", &precision, &scale) == 2;
        snprintf(again, sizeof(again), "(%u,%u)", precision, scale);
        is_good = is_good && strcmp(tail, again) == 0;
        out->precision = (uint8_t)precision;
        out->scale = (uint8_t)scale;
    }
    return is_good || plan_read_fail(r, "no type: %.*s", plan_read_shown(value), text);
}

const char *plan_read_name(struct plan_reader *r, const struct json_value *value)
{
    struct vec_bytes text;
    if (!plan_read_text(r, value, &text)) {
        return NULL;
    }
    if (strlen(text.data) != text.length) {
        plan_read_fail(r, "a name with a NUL");
        return NULL;
    }
    return text.data;
}

/* A NUL stands behind it. */
bool plan_read_text(struct plan_reader *r, const struct json_value *value, struct vec_bytes *out)
{
    if (value->kind != JSON_STRING) {
        return plan_read_fail(r, "no string: %.*s", plan_read_shown(value), value->text);
    }
    char *data = plan_read_alloc(r, value->length + 1, 1);
    if (data == NULL) {
        return false;
    }
    struct bytes_writer w = bytes_writer(data, value->length);
    if (json_unescape(&w, value) != ERR_OK) {
        return plan_read_fail(r, "a string with half a character");
    }
    *out = (struct vec_bytes){data, (uint32_t)w.pos};
    return true;
}
