/* See scan_columns.h.
 *
 * Columns of the value are filled as the reader goes over the records; the others one after the
 * other, each in a loop of its own. */
#include "broker/core/scan_columns.h"

#include <string.h>

#include "base/assert.h"
#include "base/escape.h"
#include "base/json.h"
#include "broker/core/core.h"
#include "views/vec/calendar.h"
#include "views/vec/integer.h"

/* Memory of a batch's columns: rows are as many as fit, but so many in any case. */
#define CORE_SCAN_VECTORS_BYTES (4u << 20)
#define CORE_SCAN_ROWS_MIN      64u

/* Chunks of the arenas: so much for each row, and so much at least. */
#define CORE_SCAN_ROW_BYTES       16u
#define CORE_SCAN_CHUNK_BYTES_MIN (2u << 10)

/* Digits of a BIGINT. */
#define CORE_SCAN_INT8_BYTES 20u

/* A byte of a text takes so many as JSON at most; and what stands around a header. */
#define CORE_SCAN_ESCAPE_BYTES 6u
#define CORE_SCAN_MEMBER_BYTES 12u

/* What stands around a name in a path, and a NUL. */
#define CORE_SCAN_STEP_BYTES 6u

static enum err core_scan_columns_make(struct core_scan_columns *c, const uint32_t *numbers,
                                       uint32_t count, const struct plan_path *paths,
                                       uint32_t paths_count);
static void core_scan_columns_place(struct core_scan_columns *c, uint32_t i, uint32_t number);
static bool core_scan_columns_within(struct core_scan_columns *c, struct core_scan_column *column,
                                     const struct plan_path *path);
static enum err core_scan_columns_rows(struct core_scan_columns *c);
static enum err core_scan_columns_rowconv(struct core_scan_columns *c);
static enum err core_scan_columns_paths(struct core_scan_columns *c);
static enum err core_scan_columns_reader(struct core_scan_columns *c,
                                         const struct json_paths *paths, struct json_reader **out);
static void core_scan_columns_misfit(void *ctx, uint32_t row, uint32_t column, enum vec_fault fault,
                                     const char *text, size_t length);
static enum err core_scan_columns_column(struct core_scan_columns *c, uint32_t i, uint32_t count);
static enum err core_scan_columns_timestamps(struct core_scan_columns *c, uint32_t i,
                                             uint32_t count);
static enum err core_scan_columns_keys(struct core_scan_columns *c, uint32_t count);
static enum err core_scan_columns_key(struct core_scan_columns *c, uint32_t i, uint32_t row);
static enum err core_scan_columns_text(struct core_scan_columns *c, uint32_t i, uint32_t row,
                                       const char *text, size_t length);
static enum err core_scan_columns_number(struct core_scan_columns *c, uint32_t i, uint32_t row,
                                         const struct json_text *key);
static enum err core_scan_columns_header(struct core_scan_columns *c, uint32_t i, uint32_t row);
static enum err core_scan_columns_headers(struct core_scan_columns *c, uint32_t i, uint32_t row);
static enum err core_scan_columns_residue(struct core_scan_columns *c, uint32_t i, uint32_t row);
static bool core_scan_columns_has(struct core_scan_columns *c, const struct json_value *name);
static enum err core_scan_key_record(void *context, size_t record, const struct json_found *found,
                                     uint32_t duplicates_count);
static enum err core_scan_key_refused(void *context, size_t record, const struct json_fault *fault);

static const struct json_sink_ops core_scan_key_sink = {core_scan_key_record,
                                                        core_scan_key_refused};

/* --- Once per scan --- */

enum err core_scan_columns_init(struct core_scan_columns *c, struct core_shard *cs,
                                const struct core_stream_relation *relation,
                                const uint32_t *numbers, uint32_t count,
                                const struct plan_path *paths, uint32_t paths_count,
                                struct budget *budget)
{
    *c = (struct core_scan_columns){.cs = cs,
                                    .relation = relation,
                                    .columns_count = count + paths_count,
                                    .rows_max = VEC_ROWS_MAX,
                                    .budget = budget};
    return core_scan_columns_make(c, numbers, count, paths, paths_count);
}

enum err core_scan_columns_init_few(struct core_scan_columns *c, struct core_shard *cs,
                                    const struct core_stream_relation *relation,
                                    const uint32_t *numbers, uint32_t count, uint32_t rows_max,
                                    struct budget *budget)
{
    ASSERT(rows_max > 0);
    ASSERT(rows_max <= VEC_ROWS_MAX);
    *c = (struct core_scan_columns){.cs = cs,
                                    .relation = relation,
                                    .columns_count = count,
                                    .rows_max = rows_max,
                                    .budget = budget};
    return core_scan_columns_make(c, numbers, count, NULL, 0);
}

/* All but what was asked for. */
static enum err core_scan_columns_make(struct core_scan_columns *c, const uint32_t *numbers,
                                       uint32_t count, const struct plan_path *paths,
                                       uint32_t paths_count)
{
    uint32_t all_count = c->columns_count;
    size_t chunk_bytes = (size_t)c->rows_max * CORE_SCAN_ROW_BYTES;
    chunk_bytes = chunk_bytes > CORE_SCAN_CHUNK_BYTES_MIN ? chunk_bytes : CORE_SCAN_CHUNK_BYTES_MIN;
    arena_init(&c->arena, c->budget, chunk_bytes, SIZE_MAX);
    arena_init(&c->scratch, c->budget, chunk_bytes, SIZE_MAX);
    c->columns = arena_alloc(&c->arena, all_count * sizeof(*c->columns), _Alignof(uint64_t));
    if (c->columns == NULL) {
        return c->arena.err;
    }
    if (arena_alloc(&c->scratch, 1, 1) == NULL) { /* keeps the first chunk */
        return c->scratch.err;
    }
    c->mark = arena_mark(&c->scratch);
    for (uint32_t i = 0; i < count; i++) {
        core_scan_columns_place(c, i, numbers[i]);
    }
    for (uint32_t i = 0; i < paths_count; i++) {
        core_scan_columns_place(c, count + i, paths[i].column);
        if (!core_scan_columns_within(c, &c->columns[count + i], &paths[i])) {
            return c->arena.err;
        }
    }
    enum err err = core_scan_columns_rowconv(c);
    if (err == ERR_OK) {
        err = core_scan_columns_paths(c);
    }
    return err == ERR_OK ? core_scan_columns_rows(c) : err;
}

void core_scan_columns_deinit(struct core_scan_columns *c)
{
    if (c->budget == NULL) {
        return;
    }
    struct json_reader *readers[] = {c->reader, c->key_reader};
    for (uint32_t i = 0; i < ARRAY_COUNT(readers); i++) {
        if (readers[i] != NULL) {
            json_reader_deinit(readers[i]);
            budget_free(c->budget, readers[i]);
        }
    }
    vec_rowconv_deinit(&c->rc);
    arena_deinit(&c->scratch);
    arena_deinit(&c->arena);
    *c = (struct core_scan_columns){.budget = NULL};
}

/* Where column `i` comes from. */
static void core_scan_columns_place(struct core_scan_columns *c, uint32_t i, uint32_t number)
{
    static const uint8_t roles[] = {[PLAN_ROLE_KEY] = CORE_SCAN_KEY,
                                    [PLAN_ROLE_HEADERS] = CORE_SCAN_HEADERS,
                                    [PLAN_ROLE_OFFSET] = CORE_SCAN_OFFSET,
                                    [PLAN_ROLE_PARTITION] = CORE_SCAN_PARTITION,
                                    [PLAN_ROLE_TIMESTAMP] = CORE_SCAN_TIMESTAMP,
                                    [PLAN_ROLE_TOPIC] = CORE_SCAN_TOPIC};
    static const uint8_t sources[] = {[CORE_STREAM_PATH] = CORE_SCAN_PATH,
                                      [CORE_STREAM_KEY] = CORE_SCAN_KEY,
                                      [CORE_STREAM_HEADER] = CORE_SCAN_HEADER,
                                      [CORE_STREAM_RESIDUE] = CORE_SCAN_RESIDUE};
    const struct core_stream *stream = &c->relation->stream;
    struct core_scan_column *column = &c->columns[i];
    ASSERT(number < c->relation->relation.columns_count);
    *column = (struct core_scan_column){.number = number, .source = ""};
    if (number < stream->columns_count) {
        column->from = sources[stream->columns[number].from];
        column->source = stream->columns[number].source;
    } else {
        column->from = roles[c->relation->relation.columns[number].role];
    }
    c->has_residue = c->has_residue || column->from == CORE_SCAN_RESIDUE;
    c->wants_records = c->wants_records ||
                       (column->from != CORE_SCAN_OFFSET && column->from != CORE_SCAN_PARTITION &&
                        column->from != CORE_SCAN_TOPIC);
}

/* The path is the column's, and on from there. */
static bool core_scan_columns_within(struct core_scan_columns *c, struct core_scan_column *column,
                                     const struct plan_path *path)
{
    size_t bytes = strlen(column->source) + 1;
    ASSERT(column->from == CORE_SCAN_PATH);
    for (uint32_t i = 0; i < path->names_count; i++) {
        bytes += path->names[i].length * (size_t)CORE_SCAN_ESCAPE_BYTES + CORE_SCAN_STEP_BYTES;
    }
    char *source = arena_alloc(&c->arena, bytes, 1);
    if (source == NULL) {
        return false;
    }
    struct bytes_writer w = bytes_writer(source, bytes);
    bytes_put_copy(&w, column->source, strlen(column->source));
    for (uint32_t i = 0; i < path->names_count; i++) {
        size_t at = w.pos; /* of the step's '$', which is not wanted */
        json_path_put_member(&w, path->names[i].data, path->names[i].length);
        memmove(source + at, source + at + 1, w.pos - at - 1);
        w.pos--;
    }
    bytes_put_u8(&w, 0);
    ASSERT(w.err == ERR_OK);
    column->source = source;
    return true;
}

/* Room for what rows are made of. */
static enum err core_scan_columns_rows(struct core_scan_columns *c)
{
    struct arena *a = &c->arena;
    size_t rows = c->rows_max;
    c->offsets = arena_alloc(a, rows * sizeof(*c->offsets), _Alignof(uint64_t));
    for (uint32_t i = 0; i < c->columns_count; i++) {
        uint8_t from = c->columns[i].from;
        if (from == CORE_SCAN_TIMESTAMP && c->timestamps == NULL) {
            c->timestamps = arena_alloc(a, rows * sizeof(*c->timestamps), _Alignof(uint64_t));
        } else if (from == CORE_SCAN_KEY && c->keys == NULL) {
            c->keys = arena_alloc(a, rows * sizeof(*c->keys), _Alignof(uint64_t));
        } else if ((from == CORE_SCAN_HEADER || from == CORE_SCAN_HEADERS) && c->headers == NULL) {
            c->headers = arena_alloc(a, rows * sizeof(*c->headers), _Alignof(uint64_t));
        } else if ((from == CORE_SCAN_PATH || from == CORE_SCAN_RESIDUE) && c->values == NULL) {
            c->values = arena_alloc(a, rows * sizeof(*c->values), _Alignof(uint64_t));
        }
    }
    return a->err;
}

/* The unit of numbers in a column of the stream. */
static uint8_t core_scan_columns_unit(const struct core_scan_columns *c, uint32_t number)
{
    static const uint8_t units[] = {[CORE_STREAM_MS] = VEC_ROWCONV_MS,
                                    [CORE_STREAM_S] = VEC_ROWCONV_S,
                                    [CORE_STREAM_US] = VEC_ROWCONV_US,
                                    [CORE_STREAM_NS] = VEC_ROWCONV_NS};
    return number < c->relation->stream.columns_count
               ? units[c->relation->stream.columns[number].unit]
               : VEC_ROWCONV_NO_UNIT;
}

static enum err core_scan_columns_rowconv(struct core_scan_columns *c)
{
    uint32_t paths_count = 0;
    size_t row_bytes = 0;
    struct vec_rowconv_column *columns =
        arena_alloc(&c->arena, c->columns_count * sizeof(*columns), _Alignof(uint32_t));
    if (columns == NULL) {
        return c->arena.err;
    }
    for (uint32_t i = 0; i < c->columns_count; i++) {
        const struct core_scan_column *column = &c->columns[i];
        columns[i] = (struct vec_rowconv_column){
            .type = c->relation->relation.columns[column->number].type,
            .unit = core_scan_columns_unit(c, column->number),
            .path = column->from == CORE_SCAN_PATH ? paths_count++ : VEC_ROWCONV_NO_PATH};
        row_bytes += vec_kind_bytes((enum vec_kind)columns[i].type.kind);
    }
    c->rows_top = VEC_ROWS_MAX;
    while (c->rows_top > CORE_SCAN_ROWS_MIN && row_bytes * c->rows_top > CORE_SCAN_VECTORS_BYTES) {
        c->rows_top /= 2;
    }
    c->rows_max = c->rows_max < c->rows_top ? c->rows_max : c->rows_top;
    struct vec_rowconv_config config = {.columns = columns,
                                        .columns_count = c->columns_count,
                                        .rows_max = c->rows_max,
                                        .misfit = core_scan_columns_misfit,
                                        .ctx = c,
                                        .budget = c->budget};
    return vec_rowconv_init(&c->rc, &config);
}

/* Sets of paths, and who reads by them. */
static enum err core_scan_columns_paths(struct core_scan_columns *c)
{
    const struct core_stream *stream = &c->relation->stream;
    size_t texts_max = (size_t)stream->columns_count + c->columns_count;
    struct json_text *texts =
        arena_alloc(&c->arena, texts_max * sizeof(*texts), _Alignof(struct json_text));
    if (texts == NULL) {
        return c->arena.err;
    }
    size_t count = 0;
    bool has_key = false;
    for (uint32_t i = 0; i < c->columns_count; i++) {
        has_key = has_key || c->columns[i].from == CORE_SCAN_KEY;
        if (c->columns[i].from == CORE_SCAN_PATH) {
            const char *source = c->columns[i].source;
            texts[count++] = (struct json_text){source, strlen(source)};
        }
    }
    struct json_fault fault;
    size_t failed;
    enum err err = ERR_OK;
    if (count > 0) {
        err = json_paths_compile(&c->arena, texts, count, &c->paths, &failed, &fault);
        err = err == ERR_OK ? core_scan_columns_reader(c, &c->paths, &c->reader) : err;
    }
    if (err == ERR_OK && has_key && stream->key == CORE_STREAM_KEY_JSON) {
        struct json_text whole = {"$", 1};
        err = json_paths_compile(&c->arena, &whole, 1, &c->key_paths, &failed, &fault);
        err = err == ERR_OK ? core_scan_columns_reader(c, &c->key_paths, &c->key_reader) : err;
    }
    if (err == ERR_OK && c->has_residue) {
        count = 0;
        for (uint32_t i = 0; i < stream->columns_count; i++) {
            if (stream->columns[i].from == CORE_STREAM_PATH) {
                const char *source = stream->columns[i].source;
                texts[count++] = (struct json_text){source, strlen(source)};
            }
        }
        err = json_paths_compile(&c->arena, texts, count, &c->all_paths, &failed, &fault);
    }
    return err;
}

static enum err core_scan_columns_reader(struct core_scan_columns *c,
                                         const struct json_paths *paths, struct json_reader **out)
{
    void *block;
    enum err err = budget_alloc(c->budget, sizeof(**out), _Alignof(struct json_reader), &block);
    if (err != ERR_OK) {
        return err;
    }
    err =
        json_reader_init(block, c->cs->core->config.indexer, paths, JSON_LIMITS_DEFAULT, c->budget);
    if (err != ERR_OK) {
        budget_free(c->budget, block);
        return err;
    }
    *out = block;
    return ERR_OK;
}

/* --- Once per batch --- */

enum err core_scan_columns_fill(struct core_scan_columns *c, uint32_t partition, uint32_t count,
                                struct vec_vector **out)
{
    ASSERT(count <= c->rows_max);
    enum err err = ERR_OK;
    c->partition = partition;
    vec_rowconv_begin(&c->rc);
    if (c->reader != NULL) {
        err = vec_rowconv_read(&c->rc, c->reader, c->values, count);
    }
    if (err == ERR_OK && c->key_reader != NULL) {
        err = core_scan_columns_keys(c, count);
    }
    for (uint32_t i = 0; i < c->columns_count && err == ERR_OK; i++) {
        err = core_scan_columns_column(c, i, count);
    }
    if (err == ERR_OK) {
        vec_rowconv_end(&c->rc, count);
        *out = c->rc.vectors;
    }
    return err;
}

/* A column that is no path. */
static enum err core_scan_columns_column(struct core_scan_columns *c, uint32_t i, uint32_t count)
{
    enum err err = ERR_OK;
    switch ((enum core_scan_from)c->columns[i].from) {
    case CORE_SCAN_PATH: break;
    case CORE_SCAN_KEY:
        for (uint32_t row = 0; row < count && c->key_reader == NULL && err == ERR_OK; row++) {
            err = core_scan_columns_key(c, i, row);
        }
        break;
    case CORE_SCAN_HEADER:
        for (uint32_t row = 0; row < count && err == ERR_OK; row++) {
            err = core_scan_columns_header(c, i, row);
        }
        break;
    case CORE_SCAN_HEADERS:
        for (uint32_t row = 0; row < count && err == ERR_OK; row++) {
            err = core_scan_columns_headers(c, i, row);
        }
        break;
    case CORE_SCAN_RESIDUE:
        for (uint32_t row = 0; row < count && err == ERR_OK; row++) {
            err = core_scan_columns_residue(c, i, row);
        }
        break;
    case CORE_SCAN_OFFSET:
        memcpy(vec_rowconv_data(&c->rc, i), c->offsets, count * sizeof(*c->offsets));
        break;
    case CORE_SCAN_TIMESTAMP: err = core_scan_columns_timestamps(c, i, count); break;
    case CORE_SCAN_PARTITION:
        c->partition_value.u.int4 = (int32_t)c->partition;
        vec_rowconv_constant(&c->rc, i, &c->partition_value);
        break;
    case CORE_SCAN_TOPIC: {
        const char *name = c->relation->topic_name;
        c->topic_value.u.bytes = (struct vec_bytes){name, (uint32_t)strlen(name)};
        vec_rowconv_constant(&c->rc, i, &c->topic_value);
        break;
    }
    }
    return err;
}

static enum err core_scan_columns_timestamps(struct core_scan_columns *c, uint32_t i,
                                             uint32_t count)
{
    static const struct json_found none = {.text = NULL};
    int64_t *out = vec_rowconv_data(&c->rc, i);
    enum err err = ERR_OK;
    for (uint32_t row = 0; row < count && err == ERR_OK; row++) {
        int64_t us;
        if (c->timestamps[row] == -1) {
            err = vec_rowconv_put(&c->rc, i, row, &none);
        } else if (__builtin_mul_overflow(c->timestamps[row], (int64_t)1000, &us) ||
                   vec_timestamp_from_unix(us, &out[row]) != VEC_FAULT_NONE) {
            err = vec_rowconv_refuse(&c->rc, i, row, VEC_FAULT_TIMESTAMP, "", 0);
        }
    }
    return err;
}

/* --- Keys --- */

/* Keys that are JSON, into all columns that are keys. */
static enum err core_scan_columns_keys(struct core_scan_columns *c, uint32_t count)
{
    static const struct json_found none = {.text = NULL};
    enum err err = ERR_OK;
    for (uint32_t row = 0; row < count && err == ERR_OK; row++) {
        size_t done_count;
        c->key_row = row;
        err = c->keys[row].text == NULL ? core_scan_key_record(c, 0, &none, 0)
                                        : json_reader_read(c->key_reader, &c->keys[row], 1,
                                                           &core_scan_key_sink, c, &done_count);
    }
    return err;
}

static enum err core_scan_key_record(void *context, size_t record, const struct json_found *found,
                                     uint32_t duplicates_count)
{
    struct core_scan_columns *c = context;
    enum err err = ERR_OK;
    (void)record;
    (void)duplicates_count;
    for (uint32_t i = 0; i < c->columns_count && err == ERR_OK; i++) {
        if (c->columns[i].from == CORE_SCAN_KEY) {
            err = vec_rowconv_put(&c->rc, i, c->key_row, found);
        }
    }
    return err;
}

static enum err core_scan_key_refused(void *context, size_t record, const struct json_fault *fault)
{
    struct core_scan_columns *c = context;
    enum vec_fault why = fault->err == ERR_TOO_LARGE ? VEC_FAULT_JSON_DEPTH : VEC_FAULT_JSON_SYNTAX;
    const struct json_text *key = &c->keys[c->key_row];
    enum err err = ERR_OK;
    (void)record;
    for (uint32_t i = 0; i < c->columns_count && err == ERR_OK; i++) {
        if (c->columns[i].from == CORE_SCAN_KEY) {
            err = vec_rowconv_refuse(&c->rc, i, c->key_row, why, key->text, key->length);
        }
    }
    return err;
}

/* A key that is a text or a number. */
static enum err core_scan_columns_key(struct core_scan_columns *c, uint32_t i, uint32_t row)
{
    static const struct json_found none = {.text = NULL};
    const struct json_text *key = &c->keys[row];
    if (key->text == NULL) {
        return vec_rowconv_put(&c->rc, i, row, &none);
    }
    return c->relation->stream.key == CORE_STREAM_KEY_INT64
               ? core_scan_columns_number(c, i, row, key)
               : core_scan_columns_text(c, i, row, key->text, key->length);
}

static enum err core_scan_columns_number(struct core_scan_columns *c, uint32_t i, uint32_t row,
                                         const struct json_text *key)
{
    if (key->length != sizeof(int64_t)) {
        return vec_rowconv_refuse(&c->rc, i, row, VEC_FAULT_SYNTAX, key->text, key->length);
    }
    char *text = vec_rowconv_bytes(&c->rc, CORE_SCAN_INT8_BYTES);
    if (text == NULL) {
        return c->rc.err;
    }
    struct bytes_reader r = bytes_reader(key->text, key->length);
    struct bytes_writer w = bytes_writer(text, CORE_SCAN_INT8_BYTES);
    int64_t value = (int64_t)bytes_get_u64be(&r);
    vec_int8_write(&w, value);
    bool is_text = c->relation->relation.columns[c->columns[i].number].type.kind == VEC_TEXT;
    struct json_found found = {.text = text,
                               .length = (uint32_t)w.pos,
                               .kind = is_text ? JSON_STRING : JSON_NUMBER,
                               .number = {.digits = value, .form = JSON_INTEGER}};
    return vec_rowconv_put(&c->rc, i, row, &found);
}

/* A text that stands alone, in a column of any type. */
static enum err core_scan_columns_text(struct core_scan_columns *c, uint32_t i, uint32_t row,
                                       const char *text, size_t length)
{
    if (!json_is_utf8(text, length) || memchr(text, '\0', length) != NULL) {
        return vec_rowconv_refuse(&c->rc, i, row, VEC_FAULT_ENCODING, text, length);
    }
    uint8_t kind = c->relation->relation.columns[c->columns[i].number].type.kind;
    struct json_found found = {.text = text, .length = (uint32_t)length, .kind = JSON_STRING};
    uint32_t pos;
    if (kind == VEC_BOOLEAN) {
        bool is_true = length == 4 && memcmp(text, "true", 4) == 0;
        bool is_false = length == 5 && memcmp(text, "false", 5) == 0;
        found.kind = is_true ? JSON_TRUE : is_false ? JSON_FALSE : JSON_STRING;
    } else if (kind != VEC_TEXT && kind != VEC_JSONB && kind != VEC_INTERVAL && length > 0 &&
               json_number_read(text, 0, (uint32_t)length, &found.number, &pos)) {
        found.kind = JSON_NUMBER;
    }
    if (kind == VEC_JSONB) { /* a string, which may need escapes to be one */
        size_t bytes = length * CORE_SCAN_ESCAPE_BYTES + 2;
        char *quoted = arena_alloc(&c->scratch, bytes, 1);
        if (quoted == NULL) {
            return c->scratch.err;
        }
        struct bytes_writer w = bytes_writer(quoted, bytes);
        bytes_put_u8(&w, '"');
        escape_json(&w, text, length);
        bytes_put_u8(&w, '"');
        found.text = quoted + 1;
        found.length = (uint32_t)w.pos - 2;
        found.has_escapes = memchr(quoted, '\\', w.pos) != NULL;
    }
    enum err err = vec_rowconv_put(&c->rc, i, row, &found);
    arena_rewind(&c->scratch, c->mark);
    return err;
}

/* --- Headers --- */

static enum err core_scan_columns_header(struct core_scan_columns *c, uint32_t i, uint32_t row)
{
    static const struct json_found none = {.text = NULL};
    const struct core_scan_headers *headers = &c->headers[row];
    const char *name = c->columns[i].source;
    size_t name_bytes = strlen(name);
    struct bytes_reader r = bytes_reader(headers->data, headers->length);
    struct log_records_header last = {.value = NULL};
    for (uint32_t k = 0; k < headers->count; k++) {
        struct log_records_header header = log_records_header_get(&r);
        if (header.key_bytes == name_bytes && memcmp(header.key, name, name_bytes) == 0) {
            last = header;
        }
    }
    return last.value == NULL
               ? vec_rowconv_put(&c->rc, i, row, &none)
               : core_scan_columns_text(c, i, row, (const char *)last.value, last.value_bytes);
}

/* Write `length` bytes as a JSON string, or null where they are no text. */
static void core_scan_put_string(struct bytes_writer *w, const uint8_t *text, uint32_t length)
{
    if (text == NULL || !json_is_utf8(text, length) || memchr(text, '\0', length) != NULL) {
        bytes_put_copy(w, "null", 4);
        return;
    }
    bytes_put_u8(w, '"');
    escape_json(w, (const char *)text, length);
    bytes_put_u8(w, '"');
}

/* All of them as an object. A name that is no text is left out. */
static enum err core_scan_columns_headers(struct core_scan_columns *c, uint32_t i, uint32_t row)
{
    const struct core_scan_headers *headers = &c->headers[row];
    size_t bytes = headers->length * (size_t)CORE_SCAN_ESCAPE_BYTES +
                   headers->count * (size_t)CORE_SCAN_MEMBER_BYTES + 2;
    char *text = arena_alloc(&c->scratch, bytes, 1);
    if (text == NULL) {
        return c->scratch.err;
    }
    struct bytes_reader r = bytes_reader(headers->data, headers->length);
    struct bytes_writer w = bytes_writer(text, bytes);
    bytes_put_u8(&w, '{');
    for (uint32_t k = 0; k < headers->count; k++) {
        struct log_records_header header = log_records_header_get(&r);
        if (!json_is_utf8(header.key, header.key_bytes) ||
            memchr(header.key, '\0', header.key_bytes) != NULL) {
            continue;
        }
        if (w.pos > 1) {
            bytes_put_u8(&w, ',');
        }
        core_scan_put_string(&w, header.key, header.key_bytes);
        bytes_put_u8(&w, ':');
        core_scan_put_string(&w, header.value, header.value_bytes);
    }
    bytes_put_u8(&w, '}');
    ASSERT(w.err == ERR_OK);
    struct json_found found = {.text = text, .length = (uint32_t)w.pos, .kind = JSON_OBJECT};
    enum err err = vec_rowconv_put(&c->rc, i, row, &found);
    arena_rewind(&c->scratch, c->mark);
    return err;
}

/* --- The residue --- */

/* An object of the members that are no column; NULL where there is none. */
static enum err core_scan_columns_residue(struct core_scan_columns *c, uint32_t i, uint32_t row)
{
    static const struct json_found none = {.text = NULL};
    const struct json_text *value = &c->values[row];
    struct json_value whole;
    size_t fault;
    if (value->text == NULL) {
        return vec_rowconv_put(&c->rc, i, row, &none);
    }
    if (json_read(value->text, value->length, &whole, &fault) != ERR_OK) {
        return c->reader != NULL /* has told it */
                   ? vec_rowconv_put(&c->rc, i, row, &none)
                   : vec_rowconv_refuse(&c->rc, i, row, VEC_FAULT_JSON_SYNTAX, value->text,
                                        value->length);
    }
    char *text = arena_alloc(&c->scratch, value->length + 2, 1);
    if (text == NULL) {
        return c->scratch.err;
    }
    struct bytes_writer w = bytes_writer(text, value->length + 2);
    bytes_put_u8(&w, '{');
    if (whole.kind == JSON_OBJECT) {
        struct json_items items = json_items(&whole);
        struct json_value name;
        struct json_value member;
        while (json_items_next(&items, &name, &member)) {
            if (!core_scan_columns_has(c, &name)) {
                size_t quotes = member.kind == JSON_STRING ? 1 : 0;
                bytes_put_copy(&w, w.pos > 1 ? ",\"" : "\"", w.pos > 1 ? 2 : 1);
                bytes_put_copy(&w, name.text, name.length);
                bytes_put_copy(&w, "\":", 2);
                bytes_put_copy(&w, member.text - quotes, member.length + 2 * quotes);
            }
        }
    }
    bytes_put_u8(&w, '}');
    ASSERT(w.err == ERR_OK); /* all of it stood in the value */
    struct json_found found = {.text = text, .length = (uint32_t)w.pos, .kind = JSON_OBJECT};
    enum err err = vec_rowconv_put(&c->rc, i, row, w.pos > 2 ? &found : &none);
    arena_rewind(&c->scratch, c->mark);
    return err;
}

/* Whether the member of that name is a column. */
static bool core_scan_columns_has(struct core_scan_columns *c, const struct json_value *name)
{
    char plain[CORE_STREAM_SOURCE_BYTES_MAX];
    struct bytes_writer w = bytes_writer(plain, sizeof(plain));
    if (json_unescape(&w, name) != ERR_OK) { /* longer than any path, or no text */
        return false;
    }
    uint32_t length = (uint32_t)w.pos;
    uint32_t node =
        json_paths_member(&c->all_paths, 0, plain, length, json_path_head(plain, length));
    return node != JSON_NONE && c->all_paths.nodes[node].path != JSON_NONE;
}

/* --- Errors --- */

static void core_scan_columns_misfit(void *ctx, uint32_t row, uint32_t column, enum vec_fault fault,
                                     const char *text, size_t length)
{
    struct core_scan_columns *c = ctx;
    const struct core_stream *stream = &c->relation->stream;
    struct core_error error = {.stream = stream->uuid,
                               .topic = stream->topic,
                               .partition = c->partition,
                               .offset = c->offsets[row],
                               .column = "",
                               .code = vec_fault_state(fault),
                               .stream_name = stream->name,
                               .topic_name = c->relation->topic_name,
                               .path = "$",
                               .excerpt = text,
                               .excerpt_bytes = length};
    if (column != VEC_ROWCONV_RECORD) {
        const struct core_scan_column *scanned = &c->columns[column];
        error.column = c->relation->relation.columns[scanned->number].name;
        error.path = scanned->source;
    }
    core_faults_add(&c->faults, c->partition, c->offsets[row]);
    core_errors_add(&c->cs->errors, &error);
}
