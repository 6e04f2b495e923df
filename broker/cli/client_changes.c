/* See client_changes.h. */
#include "broker/cli/client_changes.h"

#include <string.h>

#include "base/assert.h"
#include "broker/cli/client_rows.h"

/* Memory of columns, and of rows that wait for their width. */
#define CLIENT_CHANGES_COLUMNS_BYTES (16u << 20)
#define CLIENT_CHANGES_HELD_BYTES    (32u << 20)

/* The name of the mark's column. */
static const char client_changes_op[] = "op";

static bool client_changes_is_same(const struct client_changes *changes,
                                   const struct client_shape *shape);
static enum err client_changes_draw(struct client_changes *changes);

enum err client_changes_shape(struct client_changes *changes, const struct client_shape *shape)
{
    if (client_changes_is_same(changes, shape)) {
        return ERR_OK;
    }
    if (!changes->has_arenas) {
        arena_init(&changes->arena, changes->budget, 16u << 10, CLIENT_CHANGES_COLUMNS_BYTES);
        arena_init(&changes->held, changes->budget, 64u << 10, CLIENT_CHANGES_HELD_BYTES);
        changes->has_arenas = true;
    }
    arena_reset(&changes->arena);
    arena_reset(&changes->held);
    size_t count = shape->columns_count;
    struct client_answer_column *columns =
        arena_alloc(&changes->arena, count * sizeof(*columns), 8);
    changes->columns_count = 0;
    for (size_t i = 0; i < count && columns != NULL; i++) {
        const struct client_answer_column *column = &shape->columns[i];
        columns[i].name = arena_copy(&changes->arena, column->name, strlen(column->name));
        columns[i].type = arena_copy(&changes->arena, column->type, strlen(column->type));
    }
    if (changes->arena.err != ERR_OK) {
        return changes->arena.err;
    }
    changes->columns = columns;
    changes->columns_count = count;
    if (changes->format == CLIENT_QUERY_ALIGNED) {
        return client_changes_draw(changes);
    }
    if (changes->format == CLIENT_QUERY_CSV) {
        fputs(client_changes_op, changes->out);
        for (size_t i = 0; i < count; i++) {
            fputc(',', changes->out);
            client_rows_put_csv(changes->out, columns[i].name, strlen(columns[i].name));
        }
        fputs("\r\n", changes->out);
    }
    return ERR_OK;
}

static bool client_changes_is_same(const struct client_changes *changes,
                                   const struct client_shape *shape)
{
    bool is_same = changes->has_arenas && changes->columns_count == shape->columns_count;
    for (size_t i = 0; i < shape->columns_count && is_same; i++) {
        is_same = strcmp(changes->columns[i].name, shape->columns[i].name) == 0 &&
                  strcmp(changes->columns[i].type, shape->columns[i].type) == 0;
    }
    return is_same;
}

/* A table whose first column is the mark. */
static enum err client_changes_draw(struct client_changes *changes)
{
    size_t count = changes->columns_count + 1;
    struct client_table_column *columns =
        arena_alloc_zeroed(&changes->arena, count * sizeof(*columns), 8);
    changes->drawn = arena_alloc_zeroed(&changes->arena, count * sizeof(*changes->drawn), 8);
    if (columns == NULL || changes->drawn == NULL) {
        return changes->arena.err;
    }
    columns[0].name = client_changes_op;
    for (size_t i = 1; i < count; i++) {
        columns[i].name = changes->columns[i - 1].name;
        columns[i].is_right = client_rows_is_number(changes->columns[i - 1].type);
    }
    changes->table = (struct client_table){
        .out = changes->out,
        .arena = &changes->held,
        .is_expanded = changes->is_expanded,
        .is_live = true,
        .columns = columns,
        .columns_count = count,
    };
    return ERR_OK;
}

void client_changes_snapshot(struct client_changes *changes)
{
    if (changes->format == CLIENT_QUERY_JSON) {
        fputs("{\"op\":\"snapshot\"}\n", changes->out);
    }
}

bool client_changes_add(void *ctx, enum client_change change,
                        const struct client_answer_cell *cells, size_t count)
{
    struct client_changes *changes = ctx;
    FILE *out = changes->out;
    char mark = client_change_mark(change);
    ASSERT(count == changes->columns_count);
    changes->rows_count++;
    if (changes->format == CLIENT_QUERY_JSON) {
        fprintf(out, "{\"op\":\"%c\",\"row\":", mark);
        client_rows_put_json(out, changes->columns, cells, count);
        fputs("}\n", out);
    } else if (changes->format == CLIENT_QUERY_CSV) {
        fputc(mark, out);
        for (size_t i = 0; i < count; i++) {
            fputc(',', out);
            if (cells[i].text != NULL) {
                client_rows_put_csv(out, cells[i].text, cells[i].text_length);
            }
        }
        fputs("\r\n", out);
    } else {
        changes->drawn[0] = (struct client_table_cell){&mark, 1};
        for (size_t i = 0; i < count; i++) {
            changes->drawn[i + 1] = (struct client_table_cell){cells[i].text, cells[i].text_length};
        }
        client_table_add(&changes->table, changes->drawn);
    }
    return !ferror(out);
}

bool client_changes_flush(struct client_changes *changes)
{
    if (changes->columns_count > 0 && changes->format == CLIENT_QUERY_ALIGNED) {
        client_table_flush(&changes->table);
    }
    return fflush(changes->out) == 0 && !ferror(changes->out);
}

void client_changes_end(struct client_changes *changes)
{
    if (changes->has_arenas) {
        arena_deinit(&changes->arena);
        arena_deinit(&changes->held);
        changes->has_arenas = false;
    }
}
