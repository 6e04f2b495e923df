/* Lengths: what a reader can hold in view. */
#include <string.h>

#include "tests/tidy/source.h"
#include "tests/tidy/tidy.h"

#define LENGTHS_C_LINES          900
#define LENGTHS_H_LINES          250
#define LENGTHS_FUNCTION_LINES   70
#define LENGTHS_DISPATCHER_LINES 120
#define LENGTHS_COLUMNS          100

static void lengths_line(const struct source *s, const char *line, size_t length, unsigned number,
                         const struct tidy_sink *sink);
static void lengths_function(const struct source *s, const struct source_item *item,
                             const struct tidy_sink *sink);
static bool lengths_is_dispatcher(const struct source *s, const struct source_item *item);

void tidy_lengths(const struct source *s, const struct tidy_sink *sink)
{
    unsigned lines_count = 0;
    for (size_t pos = 0; pos < s->length;) {
        const char *line = s->text + pos;
        const char *newline = memchr(line, '\n', s->length - pos);
        size_t length = newline != NULL ? (size_t)(newline - line) : s->length - pos;
        lines_count++;
        lengths_line(s, line, length, lines_count, sink);
        pos += length + 1;
    }
    unsigned lines_max = tidy_ends_with(s->path, ".h") ? LENGTHS_H_LINES : LENGTHS_C_LINES;
    if (lines_count > lines_max) {
        tidy_report(sink, s->path, lines_max + 1, TIDY_LENGTH,
                    "%u lines, limit %u: split the file by subject", lines_count, lines_max);
    }
    struct source_item item;
    for (size_t i = 0; source_item(s, i, &item); i = item.last + 1) {
        if (item.kind == SOURCE_ITEM_FUNCTION) {
            lengths_function(s, &item, sink);
        }
    }
}

/* Columns are code points, not bytes. A line with a URL may be as long as the URL makes it. */
static void lengths_line(const struct source *s, const char *line, size_t length, unsigned number,
                         const struct tidy_sink *sink)
{
    size_t columns_count = 0;
    for (size_t i = 0; i < length; i++) {
        columns_count += ((unsigned char)line[i] & 0xc0) != 0x80;
    }
    if (columns_count > LENGTHS_COLUMNS && memmem(line, length, "://", 3) == NULL) {
        tidy_report(sink, s->path, number, TIDY_LENGTH, "%zu columns, limit %d: run clang-format",
                    columns_count, LENGTHS_COLUMNS);
    }
}

static void lengths_function(const struct source *s, const struct source_item *item,
                             const struct tidy_sink *sink)
{
    unsigned first = s->tokens[item->first].line;
    unsigned lines_count = s->tokens[item->last].line - first + 1;
    unsigned lines_max =
        lengths_is_dispatcher(s, item) ? LENGTHS_DISPATCHER_LINES : LENGTHS_FUNCTION_LINES;
    if (lines_count > lines_max) {
        tidy_report(sink, s->path, first, TIDY_LENGTH,
                    "%.*s has %u lines, limit %u: name its steps and make each a function",
                    (int)s->tokens[item->name].length, s->tokens[item->name].text, lines_count,
                    lines_max);
    }
}

/* The waiver stands right before the function or first in its body. */
static bool lengths_is_dispatcher(const struct source *s, const struct source_item *item)
{
    return source_is(s, item->body + 1, "/* tidy: dispatcher */") ||
           (item->first > 0 && source_is(s, item->first - 1, "/* tidy: dispatcher */"));
}
