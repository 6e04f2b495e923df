/* Values as JSON and CSV. See http_rows.h. */
#include "broker/gateway/http_rows.h"

#include <string.h>

#include "base/assert.h"
#include "views/vec/boolean.h"
#include "views/vec/calendar.h"
#include "views/vec/integer.h"
#include "views/vec/interval.h"
#include "views/vec/jsonb.h"
#include "views/vec/numeric.h"
#include "views/vec/real.h"

/* Room for any value but TEXT and JSONB, and two quotes. */
#define HTTP_ROWS_VALUE_BYTES 160u

/* Room for a JSONB to begin with, besides twice its bytes. */
#define HTTP_ROWS_JSONB_BYTES 256u

static void http_rows_value_json(const struct http_rows *rows, struct http_out *out,
                                 uint32_t column, uint32_t row);
static void http_rows_value_csv(const struct http_rows *rows, struct http_out *out, uint32_t column,
                                uint32_t row);
static bool http_rows_is_quoted(enum vec_kind kind, bool has_number_texts, const void *value);
static void http_rows_write(struct bytes_writer *w, enum vec_kind kind, const void *value);
static void http_rows_jsonb(struct http_out *out, struct vec_bytes bytes, bool is_csv);
static size_t http_rows_quote(uint8_t *out, const uint8_t *from, size_t length);
static void http_rows_csv_text(struct http_out *out, const char *text, size_t length);

bool http_rows_init(struct http_rows *rows, struct arena *arena, const struct plan_output *outputs,
                    uint32_t columns_count)
{
    rows->columns_count = columns_count;
    rows->views = arena_alloc_zeroed(arena, columns_count * sizeof(*rows->views), 16);
    rows->kinds = arena_alloc_zeroed(arena, columns_count, 1);
    if (rows->views == NULL || rows->kinds == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < columns_count; i++) {
        rows->kinds[i] = outputs[i].type.kind;
    }
    return true;
}

void http_rows_take(struct http_rows *rows, const struct vec_batch *batch)
{
    ASSERT(batch->columns_count == rows->columns_count);
    for (uint32_t i = 0; i < rows->columns_count; i++) {
        rows->views[i] = vec_view(&batch->columns[i]);
    }
}

/* The bytes of the value at `row`, which there is. */
static const void *http_rows_at(const struct http_rows *rows, uint32_t column, uint32_t row)
{
    const struct vec_view *view = &rows->views[column];
    size_t bytes = vec_kind_bytes((enum vec_kind)rows->kinds[column]);
    return (const uint8_t *)view->data + bytes * vec_view_at(view, row);
}

/* --- JSON --- */

void http_rows_json(struct http_rows *rows, struct http_out *out, uint32_t row)
{
    http_out_put(out, "[", 1);
    for (uint32_t i = 0; i < rows->columns_count; i++) {
        if (i > 0) {
            http_out_put(out, ",", 1);
        }
        http_rows_value_json(rows, out, i, row);
    }
    http_out_put(out, "]", 1);
}

void http_rows_json_some(struct http_rows *rows, struct http_out *out, uint32_t row,
                         const uint32_t *columns, uint32_t count)
{
    http_out_put(out, "[", 1);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            http_out_put(out, ",", 1);
        }
        http_rows_value_json(rows, out, columns[i], row);
    }
    http_out_put(out, "]", 1);
}

static void http_rows_value_json(const struct http_rows *rows, struct http_out *out,
                                 uint32_t column, uint32_t row)
{
    enum vec_kind kind = (enum vec_kind)rows->kinds[column];
    if (!vec_view_is_valid(&rows->views[column], row)) {
        http_out_put(out, "null", 4);
        return;
    }
    const void *value = http_rows_at(rows, column, row);
    if (kind == VEC_TEXT) {
        const struct vec_bytes *text = value;
        http_out_put_string(out, text->data, text->length);
        return;
    }
    if (kind == VEC_JSONB) {
        http_rows_jsonb(out, *(const struct vec_bytes *)value, false);
        return;
    }
    uint8_t *room = http_out_room(out, HTTP_ROWS_VALUE_BYTES);
    if (room == NULL) {
        return;
    }
    struct bytes_writer w = bytes_writer(room, HTTP_ROWS_VALUE_BYTES);
    bool is_quoted = http_rows_is_quoted(kind, rows->has_number_texts, value);
    if (is_quoted) {
        bytes_put_u8(&w, '"');
    }
    http_rows_write(&w, kind, value);
    if (is_quoted) {
        bytes_put_u8(&w, '"');
    }
    ASSERT(w.err == ERR_OK);
    http_out_wrote(out, w.pos);
}

static bool http_rows_is_quoted(enum vec_kind kind, bool has_number_texts, const void *value)
{
    switch (kind) {
    case VEC_BOOLEAN:
    case VEC_INTEGER: return false;
    case VEC_BIGINT:
    case VEC_NUMERIC: return has_number_texts;
    case VEC_DOUBLE: {
        double real = *(const double *)value;
        return !(real - real == 0); /* NaN and infinities are no numbers of JSON */
    }
    case VEC_DATE:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ:
    case VEC_INTERVAL: return true;
    case VEC_TEXT:
    case VEC_JSONB:
    case VEC_NONE:
    case VEC_KIND_COUNT: break;
    }
    UNREACHABLE();
}

/* A value that is neither TEXT nor JSONB, without quotes. */
static void http_rows_write(struct bytes_writer *w, enum vec_kind kind, const void *value)
{
    switch (kind) {
    case VEC_BOOLEAN: vec_boolean_write(w, *(const uint8_t *)value != 0); return;
    case VEC_INTEGER: vec_int8_write(w, *(const int32_t *)value); return;
    case VEC_BIGINT: vec_int8_write(w, *(const int64_t *)value); return;
    case VEC_DOUBLE: vec_real_write(w, *(const double *)value); return;
    case VEC_NUMERIC: vec_numeric_write(w, value); return;
    case VEC_DATE: vec_date_write_iso(w, *(const int32_t *)value); return;
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ:
        vec_timestamp_write_iso(w, *(const int64_t *)value, kind == VEC_TIMESTAMPTZ);
        return;
    case VEC_INTERVAL: vec_interval_write_iso(w, value); return;
    case VEC_TEXT:
    case VEC_JSONB:
    case VEC_NONE:
    case VEC_KIND_COUNT: break;
    }
    UNREACHABLE();
}

/* A JSONB, whose text is of no known length. As a field of CSV it is quoted: then it is written at
 * the end of twice the room, and copied to the front with its quotes doubled, which never overtakes
 * what is to be read. */
static void http_rows_jsonb(struct http_out *out, struct vec_bytes bytes, bool is_csv)
{
    struct vec_jsonb value = {(const uint8_t *)bytes.data, bytes.length};
    for (size_t size = HTTP_ROWS_JSONB_BYTES + 2 * (size_t)bytes.length;; size *= 2) {
        size_t before = is_csv ? size + 2 : 0;
        uint8_t *room = http_out_room(out, before + size);
        if (room == NULL) {
            return;
        }
        struct bytes_writer w = bytes_writer(room + before, size);
        vec_jsonb_write(&w, value, false);
        if (w.err == ERR_OK) {
            http_out_wrote(out, is_csv ? http_rows_quote(room, w.data, w.pos) : w.pos);
            return;
        }
    }
}

/* Copy `length` bytes within quotes, quotes doubled; returns the bytes written. */
static size_t http_rows_quote(uint8_t *out, const uint8_t *from, size_t length)
{
    size_t pos = 0;
    out[pos++] = '"';
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = from[i];
        out[pos++] = byte;
        if (byte == '"') {
            out[pos++] = '"';
        }
    }
    out[pos++] = '"';
    return pos;
}

/* --- CSV --- */

void http_rows_csv(struct http_rows *rows, struct http_out *out, uint32_t row)
{
    for (uint32_t i = 0; i < rows->columns_count; i++) {
        if (i > 0) {
            http_out_put(out, ",", 1);
        }
        http_rows_value_csv(rows, out, i, row);
    }
    http_out_put(out, "\r\n", 2);
}

/* NULL is an empty field, an empty text a quoted one. */
static void http_rows_value_csv(const struct http_rows *rows, struct http_out *out, uint32_t column,
                                uint32_t row)
{
    enum vec_kind kind = (enum vec_kind)rows->kinds[column];
    if (!vec_view_is_valid(&rows->views[column], row)) {
        return;
    }
    const void *value = http_rows_at(rows, column, row);
    if (kind == VEC_TEXT) {
        const struct vec_bytes *text = value;
        http_rows_csv_text(out, text->data, text->length);
    } else if (kind == VEC_JSONB) {
        http_rows_jsonb(out, *(const struct vec_bytes *)value, true);
    } else {
        uint8_t *room = http_out_room(out, HTTP_ROWS_VALUE_BYTES);
        if (room != NULL) {
            struct bytes_writer w = bytes_writer(room, HTTP_ROWS_VALUE_BYTES);
            http_rows_write(&w, kind, value);
            ASSERT(w.err == ERR_OK);
            http_out_wrote(out, w.pos);
        }
    }
}

static void http_rows_csv_text(struct http_out *out, const char *text, size_t length)
{
    bool is_quoted = length == 0;
    for (size_t i = 0; i < length && !is_quoted; i++) {
        is_quoted = text[i] == '"' || text[i] == ',' || text[i] == '\n' || text[i] == '\r';
    }
    if (!is_quoted) {
        http_out_put(out, text, length);
        return;
    }
    http_out_put(out, "\"", 1);
    for (const char *end = text + length; text < end;) {
        const char *quote = memchr(text, '"', (size_t)(end - text));
        const char *stop = quote != NULL ? quote + 1 : end;
        http_out_put(out, text, (size_t)(stop - text));
        if (quote != NULL) {
            http_out_put(out, "\"", 1);
        }
        text = stop;
    }
    http_out_put(out, "\"", 1);
}

/* --- Columns --- */

void http_rows_columns_json(struct http_out *out, const struct plan_output *outputs, uint32_t count)
{
    http_out_put(out, "[", 1);
    for (uint32_t i = 0; i < count; i++) {
        char type[VEC_TYPE_TEXT_BYTES];
        struct bytes_writer w = bytes_writer(type, sizeof(type));
        vec_type_write(&w, outputs[i].type);
        http_out_put_text(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        http_out_put_string(out, outputs[i].name, strlen(outputs[i].name));
        http_out_put_text(out, ",\"type\":\"");
        http_out_put(out, type, w.pos);
        http_out_put_text(out, "\"}");
    }
    http_out_put(out, "]", 1);
}

void http_rows_columns_csv(struct http_out *out, const struct plan_output *outputs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            http_out_put(out, ",", 1);
        }
        http_rows_csv_text(out, outputs[i].name, strlen(outputs[i].name));
    }
    http_out_put(out, "\r\n", 2);
}
