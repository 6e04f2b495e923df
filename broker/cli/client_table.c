/* See client_table.h. Values are escaped as they are written, so a row is a line whatever stands in
 * it, and none drives the terminal. */
#include "broker/cli/client_table.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/escape.h"
#include "base/width.h"
#include "broker/cli/text.h"

static bool client_table_hold(struct client_table *table, const struct client_table_cell *cells);
static void client_table_release(struct client_table *table);
static void client_table_show(struct client_table *table, const struct client_table_cell *cells);
static void client_table_head(const struct client_table *table);
static void client_table_line(const struct client_table *table,
                              const struct client_table_cell *cells);
static void client_table_record(const struct client_table *table,
                                const struct client_table_cell *cells, uint64_t number);
static size_t client_table_width(const char *text, size_t length);
static void client_table_fill(FILE *out, char c, size_t count);

void client_table_add(struct client_table *table, const struct client_table_cell *cells)
{
    table->rows_count++;
    if (!table->is_sized || table->is_live) {
        if (table->held_count < CLIENT_TABLE_HELD_MAX && client_table_hold(table, cells)) {
            return;
        }
        client_table_release(table);
    }
    client_table_show(table, cells);
}

void client_table_flush(struct client_table *table)
{
    ASSERT(table->is_live);
    if (table->held_count > 0) {
        client_table_release(table);
    }
}

void client_table_end(struct client_table *table, bool is_whole)
{
    if (!table->is_sized || table->held_count > 0) {
        client_table_release(table);
    }
    if (!is_whole) {
        return;
    }
    if (!table->is_expanded || table->rows_count == 0) {
        fprintf(table->out, "(%" PRIu64 " row%s)\n", table->rows_count,
                table->rows_count == 1 ? "" : "s");
    }
}

/* False: there is no memory for one more. */
static bool client_table_hold(struct client_table *table, const struct client_table_cell *cells)
{
    size_t count = table->columns_count;
    struct arena_mark mark = arena_mark(table->arena);
    struct client_table_row *row =
        arena_alloc(table->arena, sizeof(*row) + count * sizeof(row->cells[0]), 8);
    for (size_t i = 0; i < count && row != NULL; i++) {
        row->cells[i] = cells[i];
        if (cells[i].text != NULL) {
            row->cells[i].text = arena_copy(table->arena, cells[i].text, cells[i].length);
            row = row->cells[i].text != NULL ? row : NULL;
        }
    }
    if (row == NULL) {
        arena_rewind(table->arena, mark);
        return false;
    }
    row->next = NULL;
    *(table->last != NULL ? &table->last->next : &table->first) = row;
    table->last = row;
    table->held_count++;
    return true;
}

/* Write what is held, in columns that it fits. */
static void client_table_release(struct client_table *table)
{
    for (size_t i = 0; i < table->columns_count; i++) {
        struct client_table_column *column = &table->columns[i];
        if (!table->is_sized) {
            column->width = client_table_width(column->name, strlen(column->name));
        }
        for (struct client_table_row *row = table->first; row != NULL && !table->is_expanded;
             row = row->next) {
            size_t width = client_table_width(row->cells[i].text, row->cells[i].length);
            column->width = width > column->width ? width : column->width;
        }
    }
    if (!table->is_expanded && !table->is_sized) {
        client_table_head(table);
    }
    table->is_sized = true;
    for (struct client_table_row *row = table->first; row != NULL; row = row->next) {
        client_table_show(table, row->cells);
    }
    table->first = table->last = NULL;
    table->held_count = 0;
    if (table->is_live) {
        arena_reset(table->arena);
    }
}

static void client_table_show(struct client_table *table, const struct client_table_cell *cells)
{
    table->shown_count++;
    if (table->is_expanded) {
        client_table_record(table, cells, table->shown_count);
    } else {
        client_table_line(table, cells);
    }
}

static void client_table_head(const struct client_table *table)
{
    size_t pending = 0; /* spaces that something must follow */
    for (size_t i = 0; i < table->columns_count; i++) {
        const struct client_table_column *column = &table->columns[i];
        size_t left = column->width - client_table_width(column->name, strlen(column->name));
        client_table_fill(table->out, ' ', pending);
        fputs(i > 0 ? "| " : " ", table->out);
        client_table_fill(table->out, ' ', left / 2);
        cli_text_put_plain(table->out, column->name, strlen(column->name));
        pending = left - left / 2 + 1;
    }
    fputc('\n', table->out);
    for (size_t i = 0; i < table->columns_count; i++) {
        fputs(i > 0 ? "+" : "", table->out);
        client_table_fill(table->out, '-', table->columns[i].width + 2);
    }
    fputc('\n', table->out);
}

static void client_table_line(const struct client_table *table,
                              const struct client_table_cell *cells)
{
    size_t pending = 0;
    for (size_t i = 0; i < table->columns_count; i++) {
        const struct client_table_column *column = &table->columns[i];
        size_t width = client_table_width(cells[i].text, cells[i].length);
        size_t left = column->width > width ? column->width - width : 0;
        client_table_fill(table->out, ' ', pending);
        fputs(i > 0 ? "|" : "", table->out);
        pending = 1 + (column->is_right ? left : 0);
        if (cells[i].length > 0) {
            client_table_fill(table->out, ' ', pending);
            cli_text_put_plain(table->out, cells[i].text, cells[i].length);
            pending = 0;
        }
        pending += 1 + (column->is_right ? 0 : left);
    }
    fputc('\n', table->out);
}

static void client_table_record(const struct client_table *table,
                                const struct client_table_cell *cells, uint64_t number)
{
    size_t name_width = 0;
    for (size_t i = 0; i < table->columns_count; i++) {
        size_t width = table->columns[i].width;
        name_width = width > name_width ? width : name_width;
    }
    fprintf(table->out, "-[ RECORD %" PRIu64 " ]", number);
    client_table_fill(table->out, '-', name_width);
    fputc('\n', table->out);
    for (size_t i = 0; i < table->columns_count; i++) {
        const struct client_table_column *column = &table->columns[i];
        cli_text_put_plain(table->out, column->name, strlen(column->name));
        client_table_fill(table->out, ' ', name_width - column->width);
        fputs(cells[i].length > 0 ? " | " : " |", table->out);
        cli_text_put_plain(table->out, cells[i].text, cells[i].length);
        fputc('\n', table->out);
    }
}

/* Columns of the terminal that the text takes as cli_text_put_plain writes it. */
static size_t client_table_width(const char *text, size_t length)
{
    char escaped[512];
    size_t width = 0;
    for (size_t pos = 0; pos < length;) {
        if (text[pos] == '"' || text[pos] == '\\') { /* they stand as they are */
            width++;
            pos++;
            continue;
        }
        size_t end = pos;
        while (end < length && text[end] != '"' && text[end] != '\\') {
            end++;
        }
        struct bytes_writer w = bytes_writer(escaped, sizeof(escaped));
        pos += escape_json(&w, text + pos, end - pos);
        width += width_of_text(escaped, w.pos);
    }
    return width;
}

static void client_table_fill(FILE *out, char c, size_t count)
{
    while (count-- > 0) {
        fputc(c, out);
    }
}
