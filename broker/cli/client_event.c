/* See client_event.h. A message is checked whole once; its members are then walked over. */
#include "broker/cli/client_event.h"

#include <assert.h>
#include <string.h>

#include "base/assert.h"
#include "base/units.h"

static void client_event_member(struct client_event *event, const struct json_value *name,
                                const struct json_value *value, struct arena *arena);
static bool client_event_is(const struct json_value *string, const char *text);
static const char *client_event_text(const struct json_value *value, struct arena *arena);
static bool client_event_number(const struct json_value *value, uint64_t *out);
static enum err client_event_check(const struct client_event *event);
static enum err client_event_change(const struct json_value *item, struct client_shape *shape,
                                    struct arena *arena, enum client_change *change);
static enum err client_event_key(const struct json_value *key, struct client_shape *shape,
                                 struct arena *arena);

static const char *const client_event_names[] = {
#define CLIENT_EVENT_NAME(name, text) text,
    CLIENT_EVENTS(CLIENT_EVENT_NAME)
#undef CLIENT_EVENT_NAME
};
static_assert(ARRAY_COUNT(client_event_names) == CLIENT_EVENT_OTHER, "a name for each");

static const char client_change_marks[] = {
    [CLIENT_CHANGE_INSERT] = '+',
    [CLIENT_CHANGE_DELETE] = '-',
    [CLIENT_CHANGE_UPSERT] = 'u',
    [CLIENT_CHANGE_REMOVE] = 'd',
};

char client_change_mark(enum client_change change)
{
    ASSERT(change < ARRAY_COUNT(client_change_marks));
    return client_change_marks[change];
}

enum err client_event_read(struct client_event *out, const char *text, size_t length,
                           struct arena *arena)
{
    struct json_value message, name, value;
    size_t fault;
    *out = (struct client_event){
        .kind = CLIENT_EVENT_OTHER, .resume_why = "", .token = "", .code = ""};
    if (json_read(text, length, &message, &fault) != ERR_OK || message.kind != JSON_OBJECT) {
        return ERR_INVALID;
    }
    struct json_items items = json_items(&message);
    bool has_kind = false;
    while (json_items_next(&items, &name, &value)) {
        if (client_event_is(&name, "ev") && value.kind == JSON_STRING) {
            out->kind = CLIENT_EVENT_OTHER;
            for (size_t i = 0; i < ARRAY_COUNT(client_event_names); i++) {
                if (client_event_is(&value, client_event_names[i])) {
                    out->kind = (enum client_event_kind)i;
                }
            }
            has_kind = true;
        } else {
            client_event_member(out, &name, &value, arena);
        }
    }
    if (out->kind == CLIENT_EVENT_ERROR || out->kind == CLIENT_EVENT_CLOSED) {
        out->has_problem = client_problem_read(&out->problem, text, length, "", arena);
    }
    if (arena->err != ERR_OK) {
        return arena->err;
    }
    return has_kind ? client_event_check(out) : ERR_INVALID;
}

/* Take note of a member, whatever kind of message it turns out to be of. */
static void client_event_member(struct client_event *event, const struct json_value *name,
                                const struct json_value *value, struct arena *arena)
{
    const struct {
        const char *name;
        uint64_t *out;
    } numbers[] = {
        {"id", &event->id},
        {"partition", &event->partition},
        {"from", &event->from},
        {"to", &event->to},
    };
    const struct {
        const char *name;
        struct json_value *out;
    } arrays[] = {
        {"columns", &event->columns},
        {"key", &event->key},
        {"rows", &event->items},
        {"changes", &event->items},
    };
    const struct {
        const char *name;
        const char **out;
    } texts[] = {
        {"token", &event->token},
        {"reason", &event->resume_why},
        {"code", &event->code},
    };
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        if (client_event_is(name, numbers[i].name) && !client_event_number(value, numbers[i].out)) {
            *numbers[i].out = 0;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(arrays) && value->kind == JSON_ARRAY; i++) {
        if (client_event_is(name, arrays[i].name)) {
            *arrays[i].out = *value;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(texts) && value->kind == JSON_STRING; i++) {
        if (client_event_is(name, texts[i].name)) {
            *texts[i].out = client_event_text(value, arena);
        }
    }
    event->is_view = event->is_view || client_event_is(name, "view");
    if (client_event_is(name, "resume")) {
        event->is_snapshot = value->kind == JSON_STRING && client_event_is(value, "snapshot");
    }
    if (client_event_is(name, "retriable")) {
        event->is_retriable = value->kind == JSON_TRUE;
    }
}

static bool client_event_is(const struct json_value *string, const char *text)
{
    return string->length == strlen(text) && memcmp(string->text, text, string->length) == 0;
}

/* "": no memory, or no text. A NUL within would end it early: it is none. */
static const char *client_event_text(const struct json_value *value, struct arena *arena)
{
    size_t length;
    const char *text = client_answer_text(value, arena, &length);
    return text != NULL && strlen(text) == length ? text : "";
}

static bool client_event_number(const struct json_value *value, uint64_t *out)
{
    return value->kind == JSON_NUMBER && units_parse_u64(value->text, value->length, out) == ERR_OK;
}

/* What a kind cannot be without. */
static enum err client_event_check(const struct client_event *event)
{
    bool is_whole = true;
    switch (event->kind) {
    case CLIENT_EVENT_SCHEMA: is_whole = event->columns.text != NULL; break;
    case CLIENT_EVENT_ROWS:
    case CLIENT_EVENT_CHANGES: is_whole = event->items.text != NULL; break;
    case CLIENT_EVENT_PROGRESS: is_whole = event->token[0] != '\0'; break;
    case CLIENT_EVENT_ERROR: is_whole = event->has_problem; break;
    case CLIENT_EVENT_GAP: is_whole = event->to >= event->from; break;
    case CLIENT_EVENT_OK:
    case CLIENT_EVENT_SNAPSHOT_END:
    case CLIENT_EVENT_CLOSED:
    case CLIENT_EVENT_OTHER: break;
    }
    return is_whole ? ERR_OK : ERR_INVALID;
}

enum err client_shape_read(struct client_shape *out, const struct client_event *event,
                           struct arena *arena)
{
    ASSERT(event->kind == CLIENT_EVENT_SCHEMA);
    *out = (struct client_shape){.columns_count = 0};
    enum err err = client_answer_columns(&event->columns, arena, &out->columns, &out->cells,
                                         &out->columns_count);
    if (err != ERR_OK || event->key.text == NULL) {
        return err;
    }
    out->key = arena_alloc_zeroed(arena, out->columns_count * sizeof(*out->key), 8);
    bool *is_in_key = arena_alloc_zeroed(arena, out->columns_count, 1);
    if (out->key == NULL || is_in_key == NULL) {
        return arena->err;
    }
    struct json_items items = json_items(&event->key);
    struct json_value item;
    while (json_items_next(&items, NULL, &item)) {
        uint64_t number;
        if (!client_event_number(&item, &number) || number >= out->columns_count ||
            is_in_key[number]) {
            return ERR_INVALID;
        }
        is_in_key[number] = true;
        out->key[out->key_count++] = (uint32_t)number;
    }
    return ERR_OK;
}

enum err client_event_rows(const struct client_event *event, struct client_shape *shape,
                           struct arena *arena, client_event_take *take, void *ctx, size_t *count)
{
    ASSERT(event->kind == CLIENT_EVENT_ROWS || event->kind == CLIENT_EVENT_CHANGES);
    struct json_items items = json_items(&event->items);
    struct json_value item;
    *count = 0;
    while (json_items_next(&items, NULL, &item)) {
        struct arena_mark mark = arena_mark(arena);
        enum client_change change = CLIENT_CHANGE_INSERT;
        enum err err = ERR_INVALID;
        if (item.kind == JSON_ARRAY) {
            err = event->kind == CLIENT_EVENT_ROWS
                      ? client_answer_cells(&item, shape->columns, shape->columns_count, arena,
                                            shape->cells)
                      : client_event_change(&item, shape, arena, &change);
        }
        if (err != ERR_OK) {
            return err;
        }
        ++*count;
        bool is_taken = take(ctx, change, shape->cells, shape->columns_count);
        arena_rewind(arena, mark);
        if (!is_taken) {
            return ERR_CANCELED;
        }
    }
    return ERR_OK;
}

/* ["u",[...]] or ["d",[key]] */
static enum err client_event_change(const struct json_value *item, struct client_shape *shape,
                                    struct arena *arena, enum client_change *change)
{
    struct json_items parts = json_items(item);
    struct json_value mark, row, more;
    if (!json_items_next(&parts, NULL, &mark) || !json_items_next(&parts, NULL, &row) ||
        json_items_next(&parts, NULL, &more) || mark.kind != JSON_STRING || mark.length != 1 ||
        row.kind != JSON_ARRAY) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < ARRAY_COUNT(client_change_marks); i++) {
        if (mark.text[0] == client_change_marks[i]) {
            *change = (enum client_change)i;
            return *change == CLIENT_CHANGE_REMOVE
                       ? client_event_key(&row, shape, arena)
                       : client_answer_cells(&row, shape->columns, shape->columns_count, arena,
                                             shape->cells);
        }
    }
    return ERR_INVALID;
}

/* Cells of a key's columns; the others are not known. */
static enum err client_event_key(const struct json_value *key, struct client_shape *shape,
                                 struct arena *arena)
{
    size_t count = shape->key_count;
    struct client_answer_column *columns = arena_alloc(arena, count * sizeof(*columns), 8);
    struct client_answer_cell *cells = arena_alloc(arena, count * sizeof(*cells), 8);
    if (columns == NULL || cells == NULL) {
        return arena->err;
    }
    for (size_t i = 0; i < count; i++) {
        columns[i] = shape->columns[shape->key[i]];
    }
    enum err err = client_answer_cells(key, columns, count, arena, cells);
    for (size_t i = 0; i < shape->columns_count; i++) {
        shape->cells[i] = (struct client_answer_cell){.json = NULL};
    }
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        shape->cells[shape->key[i]] = cells[i];
    }
    return err;
}
