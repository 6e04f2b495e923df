/* See rowconv.h.
 *
 * The reader hands over one record at a time, so columns are filled row by row. What most values
 * are (a whole number in a BIGINT, a string without escapes in a TEXT) is written in place, by one
 * switch on the column's type; everything else goes to rowconv_value.c. A column's bitmap is made
 * when its first null comes and cleared when a batch has one again, so columns without nulls cost
 * nothing for them. */
#include "views/vec/rowconv.h"

#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "views/vec/calendar.h"
#include "views/vec/rowconv_int.h"

/* Chunks of the arenas: so much for each row, and so much at least; what is taken of one for values
 * at a time leaves room for another. */
#define VEC_ROWCONV_ROW_BYTES       32u
#define VEC_ROWCONV_CHUNK_BYTES_MIN (8u << 10)
#define VEC_ROWCONV_BLOCK_BYTES(c)  ((c) / 2 - (c) / 32)

/* A chunk of what columns stand in. */
#define VEC_ROWCONV_COLUMNS_BYTES_MIN (1u << 10)
#define VEC_ROWCONV_COLUMNS_BYTES_MAX (64u << 10)

static size_t vec_rowconv_columns_bytes(const struct vec_rowconv_config *config);
static enum err vec_rowconv_make(struct vec_rowconv *rc, const struct vec_rowconv_config *config);
static enum err vec_rowconv_record(void *context, size_t record, const struct json_found *found,
                                   uint32_t duplicates_count);
static enum err vec_rowconv_refused(void *context, size_t record, const struct json_fault *fault);
static void vec_rowconv_fill(struct vec_rowconv *rc, struct vec_rowconv_slot *slot, uint32_t row,
                             const struct json_found *found);
static void vec_rowconv_null(struct vec_rowconv *rc, struct vec_rowconv_slot *slot, uint32_t row);

static const struct json_sink_ops vec_rowconv_sink = {vec_rowconv_record, vec_rowconv_refused};

enum err vec_rowconv_init(struct vec_rowconv *rc, const struct vec_rowconv_config *config)
{
    ASSERT(config->rows_max >= 1);
    ASSERT(config->rows_max <= VEC_ROWS_MAX);
    *rc = (struct vec_rowconv){.misfit = config->misfit,
                               .ctx = config->ctx,
                               .columns_count = config->columns_count,
                               .rows_max = config->rows_max};
    size_t chunk_bytes = (size_t)config->rows_max * VEC_ROWCONV_ROW_BYTES;
    chunk_bytes =
        chunk_bytes > VEC_ROWCONV_CHUNK_BYTES_MIN ? chunk_bytes : VEC_ROWCONV_CHUNK_BYTES_MIN;
    rc->block_bytes = VEC_ROWCONV_BLOCK_BYTES(chunk_bytes);
    arena_init(&rc->columns, config->budget, vec_rowconv_columns_bytes(config), SIZE_MAX);
    arena_init(&rc->bytes, config->budget, chunk_bytes, SIZE_MAX);
    arena_init(&rc->scratch, config->budget, chunk_bytes, SIZE_MAX);
    enum err err = vec_rowconv_make(rc, config);
    if (err != ERR_OK) {
        vec_rowconv_deinit(rc);
    }
    return err;
}

/* The first chunk of what lives as long as the converter: all of it, mostly. */
static size_t vec_rowconv_columns_bytes(const struct vec_rowconv_config *config)
{
    size_t bytes = VEC_ROWCONV_COLUMNS_BYTES_MIN;
    for (uint32_t i = 0; i < config->columns_count; i++) {
        bytes +=
            sizeof(struct vec_rowconv_slot) + sizeof(struct vec_vector) + sizeof(uint32_t) +
            config->rows_max * (size_t)vec_kind_bytes((enum vec_kind)config->columns[i].type.kind);
    }
    return bytes < VEC_ROWCONV_COLUMNS_BYTES_MAX ? bytes : VEC_ROWCONV_COLUMNS_BYTES_MAX;
}

/* Slots in two goes: columns with a path, then the others. */
static enum err vec_rowconv_make(struct vec_rowconv *rc, const struct vec_rowconv_config *config)
{
    size_t count = config->columns_count;
    rc->slots = arena_alloc(&rc->columns, count * sizeof(*rc->slots), _Alignof(uint64_t));
    rc->slot_of = arena_alloc(&rc->columns, count * sizeof(*rc->slot_of), _Alignof(uint32_t));
    rc->vectors = arena_alloc(&rc->columns, count * sizeof(*rc->vectors), _Alignof(uint64_t));
    if (rc->slots == NULL || rc->slot_of == NULL || rc->vectors == NULL) {
        return rc->columns.err;
    }
    uint32_t slots_count = 0;
    for (uint32_t go = 0; go < 2; go++) {
        for (uint32_t i = 0; i < count; i++) {
            const struct vec_rowconv_column *column = &config->columns[i];
            if ((column->path == VEC_ROWCONV_NO_PATH) != (go == 1)) {
                continue;
            }
            struct vec_rowconv_slot *slot = &rc->slots[slots_count];
            *slot = (struct vec_rowconv_slot){
                .type = column->type, .unit = column->unit, .path = column->path, .column = i};
            slot->data = vec_flat(&rc->columns, column->type, rc->rows_max, &rc->vectors[i]);
            if (slot->data == NULL) {
                return rc->columns.err;
            }
            rc->slot_of[i] = slots_count++;
            rc->paths_count += go == 0;
        }
    }
    /* One byte, so that the chunk it is in stays when a value's are given up. */
    if (arena_alloc(&rc->scratch, 1, 1) == NULL) {
        return rc->scratch.err;
    }
    rc->scratch_mark = arena_mark(&rc->scratch);
    return ERR_OK;
}

void vec_rowconv_deinit(struct vec_rowconv *rc)
{
    if (rc->columns.budget != NULL) {
        arena_deinit(&rc->columns);
        arena_deinit(&rc->bytes);
        arena_deinit(&rc->scratch);
    }
    *rc = (struct vec_rowconv){.columns_count = 0};
}

void vec_rowconv_begin(struct vec_rowconv *rc)
{
    arena_reset(&rc->bytes);
    rc->at = NULL;
    rc->end = NULL;
    rc->err = ERR_OK;
    for (uint32_t i = 0; i < rc->columns_count; i++) {
        rc->slots[i].has_nulls = false;
        rc->slots[i].is_constant = false;
    }
}

void vec_rowconv_end(struct vec_rowconv *rc, uint32_t rows_count)
{
    ASSERT(rows_count <= rc->rows_max);
    for (uint32_t i = 0; i < rc->columns_count; i++) {
        const struct vec_rowconv_slot *slot = &rc->slots[i];
        if (!slot->is_constant) {
            rc->vectors[slot->column] =
                (struct vec_vector){.type = slot->type,
                                    .form = VEC_FLAT,
                                    .data = slot->data,
                                    .valid = slot->has_nulls ? slot->valid : NULL};
        }
    }
}

/* --- Records --- */

enum err vec_rowconv_read(struct vec_rowconv *rc, struct json_reader *reader,
                          const struct json_text *records, uint32_t count)
{
    ASSERT(count <= rc->rows_max);
    uint32_t row = 0;
    while (row < count && rc->err == ERR_OK) {
        if (records[row].text == NULL) {
            for (uint32_t i = 0; i < rc->paths_count; i++) {
                vec_rowconv_null(rc, &rc->slots[i], row);
            }
            row++;
            continue;
        }
        uint32_t end = row + 1;
        while (end < count && records[end].text != NULL) {
            end++;
        }
        size_t done_count;
        rc->row = row;
        rc->records = records + row;
        enum err err =
            json_reader_read(reader, records + row, end - row, &vec_rowconv_sink, rc, &done_count);
        ASSERT(err == rc->err); /* the sink's own */
        row = end;
    }
    return rc->err;
}

static enum err vec_rowconv_record(void *context, size_t record, const struct json_found *found,
                                   uint32_t duplicates_count)
{
    struct vec_rowconv *rc = context;
    uint32_t row = rc->row + (uint32_t)record;
    for (uint32_t i = 0; i < rc->paths_count; i++) {
        struct vec_rowconv_slot *slot = &rc->slots[i];
        vec_rowconv_fill(rc, slot, row, &found[slot->path]);
    }
    rc->duplicates_count += duplicates_count;
    return rc->err;
}

static enum err vec_rowconv_refused(void *context, size_t record, const struct json_fault *fault)
{
    struct vec_rowconv *rc = context;
    uint32_t row = rc->row + (uint32_t)record;
    const struct json_text *text = &rc->records[record];
    enum vec_fault why = fault->err != ERR_TOO_LARGE          ? VEC_FAULT_JSON_SYNTAX
                         : text->length > JSON_TEXT_BYTES_MAX ? VEC_FAULT_JSON_SIZE
                                                              : VEC_FAULT_JSON_DEPTH;
    for (uint32_t i = 0; i < rc->paths_count; i++) {
        vec_rowconv_null(rc, &rc->slots[i], row);
    }
    rc->misfits_count++;
    rc->misfit(rc->ctx, row, VEC_ROWCONV_RECORD, why, text->text, text->length);
    return rc->err;
}

/* --- Values --- */

/* A number of milliseconds, microseconds or seconds as a timestamp. False: not so easily. */
static ALWAYS_INLINE bool vec_rowconv_instant(uint8_t unit, int64_t count, int64_t *out)
{
    static const int64_t factors[] = {
        [VEC_ROWCONV_S] = VEC_SECOND_US, [VEC_ROWCONV_MS] = 1000, [VEC_ROWCONV_US] = 1};
    int64_t us;
    if (unit - 1u >= VEC_ROWCONV_US || __builtin_mul_overflow(count, factors[unit], &us) ||
        __builtin_add_overflow(us, (int64_t)VEC_EPOCH_US, &us)) {
        return false;
    }
    *out = us;
    return us >= VEC_TIMESTAMP_MIN && us < VEC_TIMESTAMP_END;
}

/* A value that does not take the short way. */
static void vec_rowconv_fill_slowly(struct vec_rowconv *rc, struct vec_rowconv_slot *slot,
                                    uint32_t row, const struct json_found *found)
{
    enum vec_fault fault = vec_rowconv_convert(rc, slot, row, found);
    if (UNLIKELY(fault != VEC_FAULT_NONE)) {
        vec_rowconv_null(rc, slot, row);
        if (rc->err == ERR_OK) {
            rc->misfits_count++;
            rc->misfit(rc->ctx, row, slot->column, fault, found->text, found->length);
        }
    }
}

static ALWAYS_INLINE void vec_rowconv_fill(struct vec_rowconv *rc, struct vec_rowconv_slot *slot,
                                           uint32_t row, const struct json_found *found)
{
    if (UNLIKELY(found->text == NULL || found->kind == JSON_NULL)) {
        vec_rowconv_null(rc, slot, row);
        return;
    }
    bool is_whole = found->kind == JSON_NUMBER && found->number.form == JSON_INTEGER;
    switch ((enum vec_kind)slot->type.kind) {
    case VEC_TEXT:
        if (LIKELY(found->kind == JSON_STRING && !found->has_escapes)) {
            ((struct vec_bytes *)slot->data)[row] = (struct vec_bytes){found->text, found->length};
            return;
        }
        break;
    case VEC_BIGINT:
        if (LIKELY(is_whole)) {
            ((int64_t *)slot->data)[row] = found->number.digits;
            return;
        }
        break;
    case VEC_INTEGER:
        if (LIKELY(is_whole && found->number.digits == (int32_t)found->number.digits)) {
            ((int32_t *)slot->data)[row] = (int32_t)found->number.digits;
            return;
        }
        break;
    case VEC_DOUBLE:
        if (LIKELY(found->kind == JSON_NUMBER) &&
            (LIKELY(json_number_double_short(&found->number, &((double *)slot->data)[row])) ||
             json_number_double(&found->number, found->text, found->length,
                                &((double *)slot->data)[row]) == ERR_OK)) {
            return;
        }
        break;
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ:
        if (is_whole && LIKELY(vec_rowconv_instant(slot->unit, found->number.digits,
                                                   &((int64_t *)slot->data)[row]))) {
            return;
        }
        break;
    case VEC_BOOLEAN:
        if (LIKELY(found->kind == JSON_TRUE || found->kind == JSON_FALSE)) {
            ((uint8_t *)slot->data)[row] = found->kind == JSON_TRUE;
            return;
        }
        break;
    case VEC_NONE:
    case VEC_NUMERIC:
    case VEC_DATE:
    case VEC_INTERVAL:
    case VEC_JSONB:
    case VEC_KIND_COUNT: break;
    }
    vec_rowconv_fill_slowly(rc, slot, row, found);
}

/* The bitmap of a column is all ones when a batch's first null comes. */
static void vec_rowconv_null(struct vec_rowconv *rc, struct vec_rowconv_slot *slot, uint32_t row)
{
    if (!slot->has_nulls) {
        if (slot->valid == NULL) {
            slot->valid = vec_valid(&rc->columns, true);
            if (slot->valid == NULL) {
                rc->err = rc->columns.err;
                return;
            }
        } else {
            memset(slot->valid, 0xff, VEC_VALID_WORDS * sizeof(*slot->valid));
        }
        slot->has_nulls = true;
    }
    vec_valid_clear(slot->valid, row);
}

enum err vec_rowconv_put(struct vec_rowconv *rc, uint32_t column, uint32_t row,
                         const struct json_found *found)
{
    ASSERT(column < rc->columns_count);
    ASSERT(row < rc->rows_max);
    vec_rowconv_fill(rc, &rc->slots[rc->slot_of[column]], row, found);
    return rc->err;
}

enum err vec_rowconv_refuse(struct vec_rowconv *rc, uint32_t column, uint32_t row,
                            enum vec_fault fault, const char *text, size_t length)
{
    ASSERT(column < rc->columns_count);
    ASSERT(row < rc->rows_max);
    vec_rowconv_null(rc, &rc->slots[rc->slot_of[column]], row);
    if (rc->err == ERR_OK) {
        rc->misfits_count++;
        rc->misfit(rc->ctx, row, column, fault, text, length);
    }
    return rc->err;
}

void *vec_rowconv_data(struct vec_rowconv *rc, uint32_t column)
{
    ASSERT(column < rc->columns_count);
    return rc->slots[rc->slot_of[column]].data;
}

void vec_rowconv_constant(struct vec_rowconv *rc, uint32_t column, const struct vec_value *value)
{
    ASSERT(column < rc->columns_count);
    struct vec_rowconv_slot *slot = &rc->slots[rc->slot_of[column]];
    slot->is_constant = true;
    vec_constant(slot->type, value, &rc->vectors[column]);
}

/* --- Memory --- */

char *vec_rowconv_room(struct vec_rowconv *rc, size_t bytes)
{
    if (UNLIKELY(rc->at == NULL || (size_t)(rc->end - rc->at) < bytes)) {
        size_t block = bytes > rc->block_bytes ? bytes : rc->block_bytes;
        char *at = arena_alloc(&rc->bytes, block, _Alignof(uint64_t));
        if (at == NULL) {
            rc->err = rc->bytes.err;
            return NULL;
        }
        rc->at = at;
        rc->end = at + block;
    }
    return rc->at;
}

void *vec_rowconv_bytes(struct vec_rowconv *rc, size_t bytes)
{
    char *at = vec_rowconv_room(rc, bytes);
    if (at != NULL) {
        rc->at += bytes;
    }
    return at;
}
