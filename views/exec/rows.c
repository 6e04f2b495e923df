/* Rows in memory, written and read column by column: the loop over rows knows one type. See rows.h.
 *
 * Considered and not taken: columns instead of rows. What is sorted or grouped comes out in another
 * order than it went in, so every value is a cache miss then; of a row it is one for all. */
#include "views/exec/rows.h"

#include <string.h>

/* How far ahead rows are fetched: they are anywhere in memory. */
#define EXEC_ROWS_AHEAD 8u

static bool exec_rows_write_bytes(struct vec_view view, struct vec_selection selection,
                                  uint8_t *const *rows, uint32_t place, struct arena *a);

enum err exec_layout_init(struct exec_layout *layout, const struct vec_type *types,
                          uint32_t columns_count, struct arena *a)
{
    uint32_t *places = arena_alloc(a, columns_count * sizeof(*places), sizeof(*places));
    if (places == NULL) {
        return ERR_BUDGET;
    }
    uint32_t pos = (columns_count + 7) / 8;
    for (uint32_t i = 0; i < columns_count; i++) {
        uint32_t bytes = (uint32_t)vec_kind_bytes((enum vec_kind)types[i].kind);
        ASSERT(bytes > 0);
        uint32_t align = bytes < 8 ? bytes : 8;
        pos = (pos + align - 1) / align * align;
        places[i] = pos;
        pos += bytes;
    }
    *layout = (struct exec_layout){
        .types = types,
        .places = places,
        .columns_count = columns_count,
        .row_bytes = (pos + 7) / 8 * 8,
    };
    return ERR_OK;
}

/* Each value of a column into its row. `put` is a statement of `row` and `to`. */
#define EXEC_ROWS_EACH(put)                                                                        \
    for (uint32_t i = 0; i < selection.count; i++) {                                               \
        uint32_t row = vec_row(selection, i);                                                      \
        if (vec_view_is_valid(&view, row)) {                                                       \
            uint8_t *to = rows[i] + place;                                                         \
            put;                                                                                   \
        }                                                                                          \
    }

#define EXEC_ROWS_PUT(type) EXEC_ROWS_EACH(*(type *)(void *)to = VEC_AT(&view, type, row))

/* The bit of column `column` of those rows that have a value. */
static void exec_rows_write_valid(struct vec_view view, struct vec_selection selection,
                                  uint8_t *const *rows, uint32_t column)
{
    uint8_t bit = (uint8_t)(1u << (column % 8));
    for (uint32_t i = 0; i < selection.count; i++) {
        uint8_t is_valid = vec_view_is_valid(&view, vec_row(selection, i)) ? bit : 0;
        rows[i][column / 8] |= is_valid;
    }
}

enum err exec_rows_write(const struct exec_layout *layout, const struct vec_vector *columns,
                         struct vec_selection selection, uint8_t *const *rows, struct arena *a)
{
    for (uint32_t i = 0; i < selection.count; i++) {
        memset(rows[i], 0, (layout->columns_count + 7) / 8);
    }
    for (uint32_t column = 0; column < layout->columns_count; column++) {
        struct vec_view view = vec_view(&columns[column]);
        uint32_t place = layout->places[column];
        exec_rows_write_valid(view, selection, rows, column);
        ASSERT(columns[column].type.kind == layout->types[column].kind);
        switch ((enum vec_kind)layout->types[column].kind) {
        case VEC_BOOLEAN: EXEC_ROWS_PUT(uint8_t) break;
        case VEC_INTEGER:
        case VEC_DATE: EXEC_ROWS_PUT(int32_t) break;
        case VEC_BIGINT:
        case VEC_TIMESTAMP:
        case VEC_TIMESTAMPTZ: EXEC_ROWS_PUT(int64_t) break;
        case VEC_DOUBLE: EXEC_ROWS_PUT(double) break;
        case VEC_NUMERIC: EXEC_ROWS_PUT(struct vec_numeric) break;
        case VEC_INTERVAL: EXEC_ROWS_PUT(struct vec_interval) break;
        case VEC_TEXT:
        case VEC_JSONB:
            if (!exec_rows_write_bytes(view, selection, rows, place, a)) {
                return ERR_BUDGET;
            }
            break;
        case VEC_NONE:
        case VEC_KIND_COUNT:
        default: UNREACHABLE();
        }
    }
    return ERR_OK;
}

/* A copy of `from`. False: `a` refuses. */
static inline bool exec_rows_bytes(struct vec_bytes from, struct arena *a, struct vec_bytes *out)
{
    char *data = arena_alloc(a, from.length, 1);
    if (data == NULL) {
        return false;
    }
    if (from.length > 0) {
        memcpy(data, from.data, from.length);
    }
    *out = (struct vec_bytes){.data = data, .length = from.length};
    return true;
}

static bool exec_rows_write_bytes(struct vec_view view, struct vec_selection selection,
                                  uint8_t *const *rows, uint32_t place, struct arena *a)
{
    EXEC_ROWS_EACH({
        if (!exec_rows_bytes(VEC_AT(&view, struct vec_bytes, row), a,
                             (struct vec_bytes *)(void *)to)) {
            return false;
        }
    })
    return true;
}

/* The bitmap of column `column`, in `valid`; NULL: all rows have a value. */
static const uint64_t *exec_rows_read_valid(const uint8_t *const *rows, uint32_t count,
                                            uint32_t column, uint64_t *valid)
{
    uint32_t shift = column % 8;
    uint64_t all = 1;
    memset(valid, 0, VEC_VALID_WORDS * sizeof(*valid));
    for (uint32_t i = 0; i < count; i++) {
        if (i + EXEC_ROWS_AHEAD < count) {
            __builtin_prefetch(rows[i + EXEC_ROWS_AHEAD]);
        }
        uint64_t bit = rows[i][column / 8] >> shift & 1;
        valid[i / 64] |= bit << (i % 64);
        all &= bit;
    }
    return all != 0 ? NULL : valid;
}

/* Rows without a value are copied, too: no branch, and what is undefined there stays so. */
#define EXEC_ROWS_GET(type)                                                                        \
    for (uint32_t i = 0; i < count; i++) {                                                         \
        ((type *)data)[i] = *(const type *)(const void *)(rows[i] + place);                        \
    }

enum err exec_rows_read(const struct exec_layout *layout, const uint8_t *const *rows,
                        uint32_t count, struct arena *a, struct vec_vector *columns)
{
    ASSERT(count <= VEC_ROWS_MAX);
    for (uint32_t column = 0; column < layout->columns_count; column++) {
        uint32_t place = layout->places[column];
        void *data = vec_flat(a, layout->types[column], count, &columns[column]);
        uint64_t *valid = vec_valid(a, false);
        if (data == NULL || valid == NULL) {
            return ERR_BUDGET;
        }
        columns[column].valid = exec_rows_read_valid(rows, count, column, valid);
        switch ((enum vec_kind)layout->types[column].kind) {
        case VEC_BOOLEAN: EXEC_ROWS_GET(uint8_t) break;
        case VEC_INTEGER:
        case VEC_DATE: EXEC_ROWS_GET(int32_t) break;
        case VEC_BIGINT:
        case VEC_TIMESTAMP:
        case VEC_TIMESTAMPTZ: EXEC_ROWS_GET(int64_t) break;
        case VEC_DOUBLE: EXEC_ROWS_GET(double) break;
        case VEC_NUMERIC: EXEC_ROWS_GET(struct vec_numeric) break;
        case VEC_INTERVAL: EXEC_ROWS_GET(struct vec_interval) break;
        case VEC_TEXT:
        case VEC_JSONB: EXEC_ROWS_GET(struct vec_bytes) break;
        case VEC_NONE:
        case VEC_KIND_COUNT:
        default: UNREACHABLE();
        }
    }
    return ERR_OK;
}

enum err exec_rows_batch(const struct exec_layout *layout, const uint8_t *const *rows,
                         uint32_t count, struct arena *a, struct vec_batch *out)
{
    out->columns_count = layout->columns_count;
    out->rows_count = count;
    out->selection = (struct vec_selection){.count = count};
    out->stretch = 0;
    return exec_rows_read(layout, rows, count, a, out->columns);
}

enum err exec_rows_copy(const struct exec_layout *layout, const uint8_t *from, uint8_t *to,
                        struct arena *a)
{
    memcpy(to, from, layout->row_bytes);
    for (uint32_t column = 0; column < layout->columns_count; column++) {
        uint8_t kind = layout->types[column].kind;
        bool is_valid = (from[column / 8] >> (column % 8) & 1) != 0;
        if ((kind == VEC_TEXT || kind == VEC_JSONB) && is_valid) {
            struct vec_bytes *bytes = (struct vec_bytes *)(void *)(to + layout->places[column]);
            if (!exec_rows_bytes(*bytes, a, bytes)) {
                return ERR_BUDGET;
            }
        }
    }
    return ERR_OK;
}
