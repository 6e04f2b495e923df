/* See client_answer.h. Lines are read twice, once to check them and once to take them apart: what
 * a client prints is far slower than either. */
#include "broker/cli/client_answer.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/json.h"
#include "base/units.h"

/* Room behind a text that it may grow by: a zone and a NUL. */
#define CLIENT_ANSWER_SPARE_BYTES 4

/* Room for a path to a member. */
#define CLIENT_ANSWER_PATH_BYTES 64

static enum err client_answer_object(struct client_answer *answer, const char *line, size_t length);
static enum err client_answer_head(struct client_answer *answer, const struct json_value *columns);
static enum err client_answer_end(struct client_answer *answer, const char *line, size_t length);
static enum err client_answer_row(struct client_answer *answer, const struct json_value *row);
static enum err client_answer_cell(struct client_answer_cell *cell, const char *type,
                                   const struct json_value *value, struct arena *arena);
static void client_answer_time(struct client_answer_cell *cell, const char *type);
static const char *client_answer_member(const char *text, size_t length, const char *path,
                                        const char *name, struct arena *arena);

enum err client_answer_line(struct client_answer *answer, const char *line, size_t length)
{
    struct json_value value;
    size_t fault;
    if (answer->has_end || json_read(line, length, &value, &fault) != ERR_OK) {
        return ERR_INVALID;
    }
    if (value.kind == JSON_OBJECT) {
        return client_answer_object(answer, line, length);
    }
    return value.kind == JSON_ARRAY && answer->has_columns ? client_answer_row(answer, &value)
                                                           : ERR_INVALID;
}

bool client_problem_read(struct client_problem *out, const char *text, size_t length,
                         const char *path, struct arena *arena)
{
    *out = (struct client_problem){
        .state = client_answer_member(text, length, path, "sqlstate", arena),
        .detail = client_answer_member(text, length, path, "detail", arena),
        .excerpt = client_answer_member(text, length, path, "excerpt", arena),
        .hint = client_answer_member(text, length, path, "hint", arena),
    };
    if (out->detail[0] == '\0') {
        out->detail = client_answer_member(text, length, path, "title", arena);
    }
    return out->detail[0] != '\0';
}

enum err client_answer_columns(const struct json_value *columns, struct arena *arena,
                               struct client_answer_column **out, struct client_answer_cell **cells,
                               size_t *count)
{
    struct json_items items = json_items(columns);
    struct json_value item;
    size_t number = 0;
    while (json_items_next(&items, NULL, &item)) {
        number += item.kind == JSON_OBJECT;
    }
    *count = 0;
    *out = arena_alloc_zeroed(arena, number * sizeof(**out), 8);
    *cells = arena_alloc_zeroed(arena, number * sizeof(**cells), 8);
    if (*out == NULL || *cells == NULL) {
        return arena->err;
    }
    items = json_items(columns);
    while (json_items_next(&items, NULL, &item)) {
        if (item.kind == JSON_OBJECT) {
            (*out)[(*count)++] = (struct client_answer_column){
                .name = client_answer_member(item.text, item.length, "", "name", arena),
                .type = client_answer_member(item.text, item.length, "", "type", arena),
            };
        }
    }
    return arena->err;
}

enum err client_answer_cells(const struct json_value *row,
                             const struct client_answer_column *columns, size_t count,
                             struct arena *arena, struct client_answer_cell *cells)
{
    struct json_items items = json_items(row);
    struct json_value value;
    size_t number = 0;
    while (json_items_next(&items, NULL, &value)) {
        enum err err = number < count
                           ? client_answer_cell(&cells[number], columns[number].type, &value, arena)
                           : ERR_INVALID;
        if (err != ERR_OK) {
            return err;
        }
        number++;
    }
    return number == count ? ERR_OK : ERR_INVALID;
}

/* The first line and the last are objects. */
static enum err client_answer_object(struct client_answer *answer, const char *line, size_t length)
{
    struct json_value member;
    size_t fault;
    if (json_find(line, length, "error", &member, &fault) == ERR_OK) {
        answer->has_end = true;
        answer->has_problem =
            client_problem_read(&answer->problem, line, length, "error.", answer->arena);
        return answer->has_problem ? ERR_OK : ERR_INVALID;
    }
    if (!answer->has_columns && json_find(line, length, "columns", &member, &fault) == ERR_OK) {
        return member.kind == JSON_ARRAY ? client_answer_head(answer, &member) : ERR_INVALID;
    }
    return client_answer_end(answer, line, length);
}

static enum err client_answer_head(struct client_answer *answer, const struct json_value *columns)
{
    enum err err = client_answer_columns(columns, answer->arena, &answer->columns, &answer->cells,
                                         &answer->columns_count);
    answer->has_columns = err == ERR_OK;
    if (err != ERR_OK) {
        return err;
    }
    answer->is_stopped = !answer->ops->columns(answer->ctx, answer->columns, answer->columns_count);
    return answer->is_stopped ? ERR_CANCELED : ERR_OK;
}

static enum err client_answer_end(struct client_answer *answer, const char *line, size_t length)
{
    struct json_value count;
    size_t fault;
    answer->command = client_answer_member(line, length, "", "command", answer->arena);
    answer->notice = client_answer_member(line, length, "", "notice", answer->arena);
    if (json_find(line, length, "errors", &count, &fault) == ERR_OK &&
        (count.kind != JSON_NUMBER ||
         units_parse_u64(count.text, count.length, &answer->errors_count) != ERR_OK)) {
        return ERR_INVALID;
    }
    answer->has_end = true;
    return answer->command[0] != '\0' ? ERR_OK : ERR_INVALID;
}

static enum err client_answer_row(struct client_answer *answer, const struct json_value *row)
{
    struct arena_mark mark = arena_mark(answer->arena);
    enum err err = client_answer_cells(row, answer->columns, answer->columns_count, answer->arena,
                                       answer->cells);
    if (err != ERR_OK) {
        return err;
    }
    answer->is_stopped = !answer->ops->row(answer->ctx, answer->cells, answer->columns_count);
    arena_rewind(answer->arena, mark);
    return answer->is_stopped ? ERR_CANCELED : ERR_OK;
}

static enum err client_answer_cell(struct client_answer_cell *cell, const char *type,
                                   const struct json_value *value, struct arena *arena)
{
    bool is_string = value->kind == JSON_STRING;
    *cell = (struct client_answer_cell){
        .json = value->text - is_string,
        .json_length = value->length + (is_string ? 2 : 0),
        .text = value->kind == JSON_NULL ? NULL : value->text,
        .text_length = value->kind == JSON_NULL ? 0 : value->length,
    };
    if (strcmp(type, "jsonb") == 0) { /* a string keeps its quotes */
        cell->text = cell->text == NULL ? NULL : cell->json;
        cell->text_length = cell->text == NULL ? 0 : cell->json_length;
    } else if (is_string) {
        cell->text = client_answer_text(value, arena, &cell->text_length);
        if (cell->text == NULL) {
            return arena->err != ERR_OK ? arena->err : ERR_INVALID;
        }
        client_answer_time(cell, type);
    }
    return ERR_OK;
}

const char *client_answer_text(const struct json_value *string, struct arena *arena, size_t *length)
{
    char *text = arena_alloc(arena, string->length + CLIENT_ANSWER_SPARE_BYTES, 1);
    if (text == NULL) {
        return NULL;
    }
    struct bytes_writer w = bytes_writer(text, string->length);
    if (json_unescape(&w, string) != ERR_OK) {
        return NULL;
    }
    text[w.pos] = '\0';
    *length = w.pos;
    return text;
}

/* Times stand in JSON as RFC 3339 has them, on a screen as in SQL: 2024-03-01 10:00:00.5+00. The
 * text is ours to change, and has CLIENT_ANSWER_SPARE_BYTES behind it. */
static void client_answer_time(struct client_answer_cell *cell, const char *type)
{
    char *text = (char *)(uintptr_t)cell->text;
    char *separator = memchr(text, 'T', cell->text_length);
    char *point = memchr(text, '.', cell->text_length);
    if (strncmp(type, "timestamp", strlen("timestamp")) != 0 || separator == NULL) {
        return;
    }
    size_t length = cell->text_length;
    bool is_zoned = text[length - 1] == 'Z';
    length -= is_zoned;
    *separator = ' ';
    if (point == NULL || length - (size_t)(point - text) < 3) {
        return; /* not as our server writes it: the fraction has six digits */
    }
    while (text[length - 1] == '0') {
        length--;
    }
    length -= text[length - 1] == '.';
    if (is_zoned) {
        static const char utc[] = "+00";
        memcpy(text + length, utc, sizeof(utc) - 1);
        length += sizeof(utc) - 1;
    }
    text[length] = '\0';
    cell->text_length = length;
}

/* The string `path``name` as text, in the arena; "": there is none, or no memory for it. */
static const char *client_answer_member(const char *text, size_t length, const char *path,
                                        const char *name, struct arena *arena)
{
    char full[CLIENT_ANSWER_PATH_BYTES];
    struct json_value value;
    size_t fault, ignored;
    snprintf(full, sizeof(full), "%s%s", path, name);
    if (json_find(text, length, full, &value, &fault) != ERR_OK || value.kind != JSON_STRING) {
        return "";
    }
    const char *found = client_answer_text(&value, arena, &ignored);
    return found != NULL ? found : "";
}
