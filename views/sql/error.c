/* Places become lines, columns and carets. See error.h. */
#include "views/sql/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/width.h"

/* One character of a text, as a terminal shows it. */
struct sql_error_glyph {
    const char *text; /* what is written for it */
    uint32_t length;  /* bytes of that */
    uint32_t taken;   /* bytes of the statement it stands for */
    uint32_t columns; /* 0, 1 or 2 */
};

static const struct {
    const char *code;
    enum err err;
} sql_states[SQL_STATE_COUNT] = {[SQL_STATE_NONE] = {"00000", ERR_OK},
#define SQL_STATE_ROW(name, code, err) [SQL_STATE_##name] = {code, err},
                                 SQL_STATE_TABLE(SQL_STATE_ROW)
#undef SQL_STATE_ROW
};

static void sql_error_fill(struct sql_error *error, enum sql_state state, const char *code,
                           struct sql_at at, const char *text, size_t length, const char *format,
                           va_list args) __attribute__((format(printf, 7, 0)));
static void sql_error_text(char out[SQL_ERROR_TEXT_BYTES], const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void sql_error_locate(struct sql_error *error, const char *text, size_t length);
static void sql_error_put(struct bytes_writer *w, const char *text);
static uint32_t sql_error_window(const char *text, uint32_t begin, uint32_t place, uint32_t end,
                                 bool *is_cut);
static struct sql_error_glyph sql_error_glyph(const char *text, uint32_t pos, uint32_t end);

void sql_error_clear(struct sql_error *error)
{
    error->state = SQL_STATE_NONE;
    error->code = sql_states[SQL_STATE_NONE].code;
    error->at = (struct sql_at){0, 0};
    error->line = 0;
    error->column = 0;
    error->message[0] = '\0';
    error->hint[0] = '\0';
}

enum err sql_error_set(struct sql_error *error, enum sql_state state, struct sql_at at,
                       const char *text, size_t length, const char *format, ...)
{
    va_list args;
    ASSERT(state > SQL_STATE_NONE);
    ASSERT(state < SQL_STATE_COUNT);
    va_start(args, format);
    sql_error_fill(error, state, sql_states[state].code, at, text, length, format, args);
    va_end(args);
    return sql_states[state].err;
}

void sql_error_set_code(struct sql_error *error, const char *code, struct sql_at at,
                        const char *text, size_t length, const char *format, ...)
{
    va_list args;
    enum sql_state state = SQL_STATE_OTHER;
    for (enum sql_state known = SQL_STATE_NONE + 1; known < SQL_STATE_COUNT; known++) {
        state = strcmp(sql_states[known].code, code) == 0 ? known : state;
    }
    va_start(args, format);
    sql_error_fill(error, state, code, at, text, length, format, args);
    va_end(args);
    if (at.pos == SQL_AT_NONE.pos) {
        error->line = 0;
        error->column = 0;
    }
}

static void sql_error_fill(struct sql_error *error, enum sql_state state, const char *code,
                           struct sql_at at, const char *text, size_t length, const char *format,
                           va_list args)
{
    uint32_t end = length < UINT32_MAX ? (uint32_t)length : UINT32_MAX;
    error->state = state;
    error->code = code;
    error->at.pos = at.pos < end ? at.pos : end;
    error->at.length = at.length < end - error->at.pos ? at.length : end - error->at.pos;
    error->hint[0] = '\0';
    sql_error_text(error->message, format, args);
    sql_error_locate(error, text, length);
}

void sql_error_hint(struct sql_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sql_error_text(error->hint, format, args);
    va_end(args);
}

/* The sentence, cut at a character, control characters replaced: it stands in one line. */
static void sql_error_text(char out[SQL_ERROR_TEXT_BYTES], const char *format, va_list args)
{
    char raw[SQL_ERROR_TEXT_BYTES];
    int written = vsnprintf(raw, sizeof(raw), format, args);
    ASSERT(written >= 0);
    uint32_t end = (uint32_t)strlen(raw), length = 0;
    for (uint32_t pos = 0; pos < end;) {
        struct sql_error_glyph glyph = sql_error_glyph(raw, pos, end);
        bool is_cut =
            (size_t)written > end && glyph.text[0] == '?' && raw[pos] != '?' && end - pos < 4;
        if (is_cut) {
            break;
        }
        memcpy(out + length, glyph.text, glyph.length);
        length += glyph.length;
        pos += glyph.taken;
    }
    out[length] = '\0';
}

static void sql_error_locate(struct sql_error *error, const char *text, size_t length)
{
    ASSERT(error->at.pos <= length);
    error->line = 1;
    error->column = 1;
    for (uint32_t i = 0; i < error->at.pos; i++) {
        if (text[i] == '\n') {
            error->line++;
            error->column = 1;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
            error->column++;
        }
    }
}

const char *sql_state_code(enum sql_state state)
{
    ASSERT(state < SQL_STATE_COUNT);
    return sql_states[state].code;
}

enum sql_state sql_state_find(const char *code)
{
    for (unsigned state = SQL_STATE_NONE + 1; state < SQL_STATE_COUNT; state++) {
        if (strcmp(sql_states[state].code, code) == 0) {
            return (enum sql_state)state;
        }
    }
    return SQL_STATE_NONE;
}

enum err sql_state_err(enum sql_state state)
{
    ASSERT(state < SQL_STATE_COUNT);
    return sql_states[state].err;
}

void sql_error_excerpt(struct bytes_writer *w, const struct sql_error *error, const char *text,
                       size_t length)
{
    char head[32];
    uint32_t begin = error->at.pos, end = error->at.pos;
    ASSERT(error->at.pos <= length);
    while (begin > 0 && text[begin - 1] != '\n') {
        begin--;
    }
    while (end < length && text[end] != '\n') {
        end++;
    }
    bool is_cut;
    uint32_t first = sql_error_window(text, begin, error->at.pos, end, &is_cut);
    int head_length = snprintf(head, sizeof(head), "LINE %u: %s", error->line, is_cut ? "..." : "");
    sql_error_put(w, head);
    uint32_t columns = 0, caret = 0, glyphs_count = 0;
    for (uint32_t pos = first; pos < end; glyphs_count++) {
        struct sql_error_glyph glyph = sql_error_glyph(text, pos, end);
        if (columns + glyph.columns > SQL_ERROR_EXCERPT_COLUMNS ||
            glyphs_count == 2 * SQL_ERROR_EXCERPT_COLUMNS) {
            sql_error_put(w, "...");
            break;
        }
        bytes_put_copy(w, glyph.text, glyph.length);
        caret += pos < error->at.pos ? glyph.columns : 0;
        columns += glyph.columns;
        pos += glyph.taken;
    }
    sql_error_put(w, "\n");
    for (uint32_t i = 0; i < caret + (uint32_t)head_length; i++) {
        sql_error_put(w, " ");
    }
    sql_error_put(w, "^\n");
}

size_t sql_error_format(const struct sql_error *error, const char *text, size_t length, char *out,
                        size_t out_bytes)
{
    char place[64];
    ASSERT(out_bytes >= 1);
    struct bytes_writer w = bytes_writer(out, out_bytes - 1);
    sql_error_put(&w, error->code);
    sql_error_put(&w, " ");
    sql_error_put(&w, error->message);
    snprintf(place, sizeof(place), " (line %u, column %u)\n", error->line, error->column);
    sql_error_put(&w, error->line > 0 ? place : "\n");
    if (error->line > 0) {
        sql_error_excerpt(&w, error, text, length);
    }
    if (error->hint[0] != '\0') {
        sql_error_put(&w, "HINT: ");
        sql_error_put(&w, error->hint);
        sql_error_put(&w, "\n");
    }
    out[w.pos] = '\0';
    return w.pos;
}

static void sql_error_put(struct bytes_writer *w, const char *text)
{
    bytes_put_copy(w, text, strlen(text));
}

/* Where the excerpt of the line [begin, end) begins so that `place` stands in its first two thirds.
 * *is_cut = something of the line is before it. */
static uint32_t sql_error_window(const char *text, uint32_t begin, uint32_t place, uint32_t end,
                                 bool *is_cut)
{
    uint32_t columns = 0;
    for (uint32_t pos = begin; pos < place;) {
        struct sql_error_glyph glyph = sql_error_glyph(text, pos, end);
        columns += glyph.columns;
        pos += glyph.taken;
    }
    uint32_t first = begin;
    while (columns > SQL_ERROR_EXCERPT_COLUMNS * 2 / 3) {
        struct sql_error_glyph glyph = sql_error_glyph(text, first, end);
        columns -= glyph.columns;
        first += glyph.taken;
    }
    *is_cut = first > begin;
    return first;
}

/* The character at `pos` of `text`, which ends at `end` > pos. */
static struct sql_error_glyph sql_error_glyph(const char *text, uint32_t pos, uint32_t end)
{
    const unsigned char *at = (const unsigned char *)text + pos;
    uint32_t more = at[0] >= 0xf0 ? 3 : at[0] >= 0xe0 ? 2 : at[0] >= 0xc0 ? 1 : 0;
    ASSERT(pos < end);
    if (at[0] < 0x80) {
        const char *shown = at[0] == '\t' || at[0] == '\r' ? " " : "?";
        bool is_plain = at[0] >= 0x20 && at[0] != 0x7f;
        return (struct sql_error_glyph){is_plain ? text + pos : shown, 1, 1, 1};
    }
    if (end - pos <= more || !json_is_utf8(at, more + 1)) {
        return (struct sql_error_glyph){"?", 1, 1, 1};
    }
    uint32_t point = at[0] & (0x3fu >> more);
    for (uint32_t i = 1; i <= more; i++) {
        point = point << 6 | (at[i] & 0x3f);
    }
    bool is_turning = (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
    if (point < 0xa0 || is_turning) { /* controls that terminals obey, or that reorder the line */
        return (struct sql_error_glyph){"?", 1, more + 1, 1};
    }
    return (struct sql_error_glyph){text + pos, more + 1, more + 1, width_of_point(point)};
}
