/* See stream_infer.h. */
#include "broker/core/stream_infer.h"

#include <assert.h>
#include <string.h>

#include "base/assert.h"
#include "schemas/json/path.h"

static_assert(INFER_COLUMNS_MAX + 1 <= CORE_STREAM_COLUMNS_MAX, "the rest has room");
static_assert(INFER_NAME_BYTES_MAX <= CORE_STREAM_NAME_BYTES_MAX, "a member's name is a column's");
static_assert(JSON_PATH_BYTES_MAX <= CORE_STREAM_SOURCE_BYTES_MAX, "and so is its path");
static_assert(2 * INFER_PATHS_BYTES_MAX + CORE_STREAM_COLUMNS_MAX * 32 + 1024 <=
                  CORE_STREAM_BYTES_MAX,
              "whatever is inferred fits a command");

/* Names that no member is a column by: the system's, and the rest's. */
static const char *const core_stream_infer_reserved[CORE_STREAM_SYSTEM_COUNT + 1] = {
    "_key", "_headers", "_offset", "_partition", "_timestamp", "_topic", CORE_STREAM_REST};

/* The type of each kind. */
static const struct vec_type core_stream_infer_types[INFER_KIND_COUNT] = {
    [INFER_NULL] = {VEC_JSONB, 0, 0},       [INFER_BOOLEAN] = {VEC_BOOLEAN, 0, 0},
    [INFER_BIGINT] = {VEC_BIGINT, 0, 0},    [INFER_DOUBLE] = {VEC_DOUBLE, 0, 0},
    [INFER_NUMERIC] = {VEC_NUMERIC, 38, 0}, [INFER_TIMESTAMPTZ] = {VEC_TIMESTAMPTZ, 0, 0},
    [INFER_TEXT] = {VEC_TEXT, 0, 0},        [INFER_JSONB] = {VEC_JSONB, 0, 0},
};

static enum infer_kind core_stream_infer_kind(const struct core_stream_column *column);

enum err core_stream_infer_begin(struct infer *in, struct arena *arena,
                                 const struct core_stream *stream, uint64_t seed)
{
    const struct infer_config config = {
        .columns_max = INFER_COLUMNS_MAX,
        .reserved = core_stream_infer_reserved,
        .reserved_count = ARRAY_COUNT(core_stream_infer_reserved),
        .seed = seed,
    };
    enum err err = infer_init(in, arena, &config);
    for (uint32_t i = 0; stream != NULL && i < stream->columns_count && err == ERR_OK; i++) {
        const struct core_stream_column *column = &stream->columns[i];
        if (column->from == CORE_STREAM_RESIDUE) {
            infer_known_rest(in);
            continue;
        }
        err = infer_known(in, column->name, strlen(column->name), core_stream_infer_kind(column),
                          strcmp(column->source, "$") == 0);
    }
    return err;
}

enum err core_stream_infer_end(const struct infer *in, struct arena *arena,
                               const struct core_stream_column **out, uint32_t *count)
{
    uint32_t columns_count = in->columns_count + (in->has_rest ? 1 : 0);
    struct core_stream_column *columns =
        arena_alloc(arena, columns_count * sizeof(*columns), _Alignof(struct core_stream_column));
    if (columns == NULL) {
        return arena->err;
    }
    for (uint32_t i = 0; i < in->columns_count; i++) {
        const struct infer_column *column = &in->columns[i];
        struct vec_type type = core_stream_infer_types[column->kind];
        uint8_t path[JSON_PATH_BYTES_MAX];
        struct bytes_writer w = bytes_writer(path, sizeof(path));
        json_path_put_member(&w, column->name, column->length);
        ASSERT(w.err == ERR_OK); /* else it were no column */
        columns[i] = (struct core_stream_column){
            .name = column->name,
            .type = type,
            .from = CORE_STREAM_PATH,
            .unit = type.kind == VEC_TIMESTAMPTZ ? CORE_STREAM_MS : 0,
            .is_open = column->kind == INFER_NULL,
            .source = column->is_whole ? "$" : arena_copy(arena, path, w.pos),
        };
        if (columns[i].source == NULL) {
            return arena->err;
        }
    }
    if (in->has_rest) {
        columns[in->columns_count] = (struct core_stream_column){
            .name = CORE_STREAM_REST,
            .type = vec_type(VEC_JSONB),
            .from = CORE_STREAM_RESIDUE,
            .source = "",
        };
    }
    *out = columns;
    *count = columns_count;
    return ERR_OK;
}

/* Of a type that inference does not give, what holds everything. */
static enum infer_kind core_stream_infer_kind(const struct core_stream_column *column)
{
    if (column->is_open) {
        return INFER_NULL;
    }
    for (enum infer_kind kind = INFER_BOOLEAN; kind < INFER_JSONB; kind++) {
        if (core_stream_infer_types[kind].kind == column->type.kind) {
            return kind;
        }
    }
    return INFER_JSONB;
}
