/* Streams at rest. See stream.h. */
#include <assert.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "broker/core/stream.h"
#include "broker/core/stream_int.h"

/* The longest short name of a kind. */
#define CORE_STREAM_KIND_BYTES_MAX 32u

/* Digits of a NUMERIC. */
#define CORE_STREAM_PRECISION_MAX 38u

/* A column being read; from and unit, and so on, as in the struct. */
struct core_stream_cell {
    struct core_stream_text name;
    struct core_stream_text source;
    struct vec_type type;
    uint8_t from;
    uint8_t unit;
    uint8_t is_open;
};

static struct core_stream core_stream_get_head(struct bytes_reader *r,
                                               struct core_stream_text *name);
static struct core_stream_cell core_stream_get_column(struct bytes_reader *r);
static bool core_stream_is_cell(const struct core_stream_cell *cell);

size_t core_stream_bytes(const struct core_stream *stream)
{
    size_t bytes = 16 + 4 + 1 + 1 + 8 + 2 + strlen(stream->name) + 2;
    for (uint32_t i = 0; i < stream->columns_count; i++) {
        const struct core_stream_column *column = &stream->columns[i];
        bytes += 2 + strlen(column->name) + core_stream_type_bytes(column->type) + 3 + 2 +
                 strlen(column->source);
    }
    return bytes;
}

void core_stream_put(struct bytes_writer *w, const struct core_stream *stream)
{
    ASSERT(stream->columns_count <= CORE_STREAM_COLUMNS_MAX);
    ASSERT(!log_uuid_is_zero(&stream->topic));
    ASSERT(stream->version >= 1);
    ASSERT(stream->created_ms >= 0);
    log_uuid_put(w, &stream->topic);
    bytes_put_u32le(w, stream->version);
    bytes_put_u8(w, stream->is_declared);
    bytes_put_u8(w, stream->key);
    bytes_put_u64le(w, (uint64_t)stream->created_ms);
    core_stream_put_text(w, stream->name, CORE_STREAM_NAME_BYTES_MAX);
    bytes_put_u16le(w, (uint16_t)stream->columns_count);
    for (uint32_t i = 0; i < stream->columns_count; i++) {
        const struct core_stream_column *column = &stream->columns[i];
        core_stream_put_text(w, column->name, CORE_STREAM_NAME_BYTES_MAX);
        core_stream_put_type(w, column->type);
        bytes_put_u8(w, column->from);
        bytes_put_u8(w, column->unit);
        bytes_put_u8(w, column->is_open);
        core_stream_put_text(w, column->source, CORE_STREAM_SOURCE_BYTES_MAX);
    }
}

enum err core_stream_measure(const void *data, size_t length, size_t *block_bytes)
{
    struct bytes_reader r = bytes_reader(data, length);
    struct core_stream_text name;
    struct core_stream head = core_stream_get_head(&r, &name);
    size_t bytes = sizeof(head) + name.length + 1;
    *block_bytes = 0;
    for (uint32_t i = 0; i < head.columns_count && r.err == ERR_OK; i++) {
        struct core_stream_cell cell = core_stream_get_column(&r);
        bytes += sizeof(struct core_stream_column) + cell.name.length + 1 + cell.source.length + 1;
    }
    if (r.err != ERR_OK || bytes_reader_left(&r) != 0 || length > CORE_STREAM_BYTES_MAX) {
        return ERR_CORRUPT;
    }
    *block_bytes = bytes;
    return ERR_OK;
}

struct core_stream *core_stream_get(const void *data, size_t length, const struct log_uuid *uuid,
                                    void *block, size_t block_bytes)
{
    static_assert(_Alignof(struct core_stream) >= _Alignof(struct core_stream_column),
                  "columns stand behind it");
    static_assert(sizeof(struct core_stream) % _Alignof(struct core_stream_column) == 0,
                  "columns stand behind it");
    struct bytes_reader r = bytes_reader(data, length);
    struct core_stream_text name;
    struct core_stream *stream = block;
    *stream = core_stream_get_head(&r, &name);
    struct core_stream_column *columns = (struct core_stream_column *)(void *)(stream + 1);
    char *texts = (char *)(columns + stream->columns_count);
    stream->uuid = *uuid;
    stream->name = core_stream_keep(&texts, name);
    stream->columns = columns;
    for (uint32_t i = 0; i < stream->columns_count; i++) {
        struct core_stream_cell cell = core_stream_get_column(&r);
        columns[i] = (struct core_stream_column){
            .name = core_stream_keep(&texts, cell.name),
            .type = cell.type,
            .from = cell.from,
            .unit = cell.unit,
            .is_open = cell.is_open != 0,
            .source = core_stream_keep(&texts, cell.source),
        };
    }
    ASSERT(r.err == ERR_OK); /* it was measured */
    ASSERT(texts == (char *)block + block_bytes);
    return stream;
}

void core_stream_put_text(struct bytes_writer *w, const char *text, size_t bytes_max)
{
    size_t bytes = strlen(text);
    ASSERT(bytes <= bytes_max);
    bytes_put_u16le(w, (uint16_t)bytes);
    bytes_put_copy(w, text, bytes);
}

/* All but the columns; their count is 0 after a failure. */
static struct core_stream core_stream_get_head(struct bytes_reader *r,
                                               struct core_stream_text *name)
{
    struct core_stream head = {.topic = log_uuid_get(r)};
    head.version = bytes_get_u32le(r);
    uint8_t is_declared = bytes_get_u8(r);
    head.is_declared = is_declared != 0;
    head.key = bytes_get_u8(r);
    uint64_t created_ms = bytes_get_u64le(r);
    head.created_ms = (int64_t)created_ms;
    *name = core_stream_get_text(r, 1, CORE_STREAM_NAME_BYTES_MAX);
    uint16_t columns_count = bytes_get_u16le(r);
    core_stream_check(r, !log_uuid_is_zero(&head.topic) && head.version >= 1 && is_declared <= 1 &&
                             head.key >= CORE_STREAM_KEY_TEXT &&
                             head.key <= CORE_STREAM_KEY_INT64 && created_ms <= LOG_NUMBER_MAX &&
                             columns_count <= CORE_STREAM_COLUMNS_MAX);
    head.columns_count = r->err == ERR_OK ? columns_count : 0;
    return head;
}

static struct core_stream_cell core_stream_get_column(struct bytes_reader *r)
{
    struct core_stream_cell cell = {
        .name = core_stream_get_text(r, 1, CORE_STREAM_NAME_BYTES_MAX),
    };
    cell.type = core_stream_get_type(r);
    cell.from = bytes_get_u8(r);
    cell.unit = bytes_get_u8(r);
    cell.is_open = bytes_get_u8(r);
    cell.source = core_stream_get_text(r, 0, CORE_STREAM_SOURCE_BYTES_MAX);
    core_stream_check(r, core_stream_is_cell(&cell));
    return cell;
}

size_t core_stream_type_bytes(struct vec_type type)
{
    return 2 + strlen(vec_kind_name((enum vec_kind)type.kind)) + 2;
}

void core_stream_put_type(struct bytes_writer *w, struct vec_type type)
{
    core_stream_put_text(w, vec_kind_name((enum vec_kind)type.kind), CORE_STREAM_KIND_BYTES_MAX);
    bytes_put_u8(w, type.precision);
    bytes_put_u8(w, type.scale);
}

struct vec_type core_stream_get_type(struct bytes_reader *r)
{
    struct core_stream_text kind = core_stream_get_text(r, 1, CORE_STREAM_KIND_BYTES_MAX);
    struct vec_type type = {.kind = VEC_NONE};
    if (r->err == ERR_OK) {
        type.kind = (uint8_t)vec_kind_find(kind.data, kind.length);
    }
    type.precision = bytes_get_u8(r);
    type.scale = bytes_get_u8(r);
    core_stream_check(r, type.kind != VEC_NONE && type.precision <= CORE_STREAM_PRECISION_MAX &&
                             type.scale <= type.precision &&
                             (type.precision == 0 || type.kind == VEC_NUMERIC));
    return type;
}

struct core_stream_text core_stream_get_text(struct bytes_reader *r, uint16_t bytes_min,
                                             uint16_t bytes_max)
{
    struct core_stream_text text = {.length = bytes_get_u16le(r)};
    core_stream_check(r, text.length >= bytes_min && text.length <= bytes_max);
    text.data = (const char *)bytes_get_view(r, text.length);
    core_stream_check(r, r->err != ERR_OK || text.length == 0 ||
                             (memchr(text.data, '\0', text.length) == NULL &&
                              json_is_utf8(text.data, text.length)));
    text.length = r->err == ERR_OK ? text.length : 0;
    text.data = r->err == ERR_OK ? text.data : NULL;
    return text;
}

/* Whether source, unit and type fit each other. */
static bool core_stream_is_cell(const struct core_stream_cell *cell)
{
    bool is_time = cell->type.kind == VEC_TIMESTAMP || cell->type.kind == VEC_TIMESTAMPTZ;
    bool is_date = cell->type.kind == VEC_DATE;
    if (cell->is_open > (cell->type.kind == VEC_JSONB)) {
        return false;
    }
    if (cell->unit > CORE_STREAM_NS || (!is_date && (cell->unit != 0) != is_time)) {
        return false;
    }
    switch (cell->from) {
    case CORE_STREAM_PATH: return cell->source.length > 0;
    case CORE_STREAM_HEADER: return true;
    case CORE_STREAM_KEY: return cell->source.length == 0;
    case CORE_STREAM_RESIDUE: return cell->source.length == 0 && cell->type.kind == VEC_JSONB;
    default: return false;
    }
}

void core_stream_check(struct bytes_reader *r, bool is_right)
{
    if (r->err == ERR_OK && !is_right) {
        bytes_reader_fail(r, ERR_CORRUPT);
    }
}

const char *core_stream_keep(char **at, struct core_stream_text text)
{
    char *copy = *at;
    if (text.length > 0) {
        memcpy(copy, text.data, text.length);
    }
    copy[text.length] = '\0';
    *at += text.length + 1;
    return copy;
}
