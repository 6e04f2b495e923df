/* JSON records into columns: the sink of a json_reader that fills vectors, and what one JSON value
 * is in a column of which type.
 *
 *     vec_rowconv_init(&rc, &config)
 *         vec_rowconv_begin(&rc)                            before each batch
 *         vec_rowconv_read(&rc, &reader, records, count)    columns that have a path
 *         vec_rowconv_put(&rc, column, row, &found)         others, value by value,
 *         vec_rowconv_data, vec_rowconv_constant            or as a whole
 *         vec_rowconv_end(&rc, rows_count)                  rc.vectors are the columns
 *     vec_rowconv_deinit(&rc)
 *
 * **What a value becomes.** JSON null, and what is not there, is NULL. Nothing is rounded to fit:
 * what does not fit is NULL, and told (struct vec_rowconv_config).
 *
 *     BOOLEAN      true, false
 *     INTEGER      numbers that are whole and in range, however they are written (1.0, 1e3)
 *     BIGINT       likewise
 *     DOUBLE       any number up to the largest double: the nearest one, as every decimal becomes
 *     NUMERIC(p,s) numbers that it holds exactly (1.500 in NUMERIC(2,1), not 1.55); they get its
 *                  scale. NUMERIC: any number of up to 76 digits, with the scale as written
 *     TEXT         strings without a zero character and half characters
 *     DATE         strings as PostgreSQL reads them; numbers, where the column has a unit, as the
 *                  day of that instant
 *     TIMESTAMP    strings as PostgreSQL reads them; numbers as time since 1970 in the column's
 *     TIMESTAMPTZ  unit. Both have microseconds: digits behind those are rounded as PostgreSQL
 *                  rounds a text's, half away from zero
 *     INTERVAL     strings as PostgreSQL reads them
 *     JSONB        anything but what PostgreSQL's jsonb has no form for (\u0000, 1e999999)
 *
 * Strings without escapes stay in the record, whose bytes live as long as the batch; what is
 * unescaped or made lives here until the next batch. Memory for the columns is taken once; nothing
 * is allocated per value. One thread at a time. */
#ifndef VIEWS_VEC_ROWCONV_H
#define VIEWS_VEC_ROWCONV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/budget.h"
#include "schemas/json/reader.h"
#include "views/vec/fault.h"
#include "views/vec/vector.h"

/* What a number in a column of time counts, since 1970. */
enum vec_rowconv_unit {
    VEC_ROWCONV_NO_UNIT, /* a number does not fit */
    VEC_ROWCONV_S,
    VEC_ROWCONV_MS,
    VEC_ROWCONV_US,
    VEC_ROWCONV_NS,
};

/* Not one of the reader's paths: the column is filled otherwise. */
#define VEC_ROWCONV_NO_PATH UINT32_MAX

/* Instead of a column: the record as a whole. */
#define VEC_ROWCONV_RECORD UINT32_MAX

/* A column. */
struct vec_rowconv_column {
    struct vec_type type; /* of its values */
    uint8_t unit;         /* enum vec_rowconv_unit: DATE, TIMESTAMP, TIMESTAMPTZ */
    uint32_t path;        /* number of its path in the reader's set, or VEC_ROWCONV_NO_PATH */
};

/* A value did not fit, or (VEC_ROWCONV_RECORD) a record is not JSON. `text` is the value as it
 * stands there, a string without its quotes; it lives until the call returns. */
typedef void vec_rowconv_misfit_fn(void *ctx, uint32_t row, uint32_t column, enum vec_fault fault,
                                   const char *text, size_t length);

/* What is to be made. */
struct vec_rowconv_config {
    const struct vec_rowconv_column *columns; /* columns_count; read by init only */
    uint32_t columns_count;
    uint32_t rows_max; /* of a batch, 1..VEC_ROWS_MAX */
    vec_rowconv_misfit_fn *misfit;
    void *ctx;             /* its first argument */
    struct budget *budget; /* all memory is charged to it */
};

/* A column being filled. */
struct vec_rowconv_slot {
    void *data;           /* rows_max values */
    uint64_t *valid;      /* a bitmap; NULL: no batch had a null here yet */
    struct vec_type type; /* of its values */
    uint8_t unit;         /* enum vec_rowconv_unit */
    bool has_nulls;       /* `valid` counts in this batch */
    bool is_constant;     /* its vector is a constant in this batch */
    uint32_t path;        /* as asked */
    uint32_t column;      /* its number */
};

/* A converter. Embedded in its owner. */
struct vec_rowconv {
    /* To be read. */
    struct vec_vector *vectors; /* columns_count: of the batch that was ended */
    uint64_t misfits_count;     /* told so far */
    uint64_t duplicates_count;  /* names that records had again on the way of a path, so far */

    /* Private to rowconv.c. */
    vec_rowconv_misfit_fn *misfit; /* as asked */
    void *ctx;
    struct vec_rowconv_slot *slots; /* columns_count: those with a path first */
    uint32_t *slot_of;              /* the slot of each column */
    uint32_t columns_count;
    uint32_t paths_count; /* slots with a path */
    uint32_t rows_max;
    uint32_t row;                    /* of the reader's record 0 */
    const struct json_text *records; /* being read */
    enum err err;                    /* no memory */
    struct arena columns;            /* what lives as long as this */
    struct arena bytes;              /* of values of this batch */
    size_t block_bytes;              /* taken of `bytes` at a time, at least */
    struct arena scratch;            /* for the time of a value */
    struct arena_mark scratch_mark;  /* its first chunk is kept */
    char *at;                        /* next byte for a value, in `bytes` */
    char *end;                       /* behind the last */
};

/* Make it ready. ERR_BUDGET, ERR_TOO_LARGE: no memory, and it holds nothing. */
MUST_USE enum err vec_rowconv_init(struct vec_rowconv *rc, const struct vec_rowconv_config *config);

/* Give everything back. Also after a failed init, or of one that is all zero. */
void vec_rowconv_deinit(struct vec_rowconv *rc);

/* Begin a batch: what the last one was is gone. */
void vec_rowconv_begin(struct vec_rowconv *rc);

/* Rows 0 .. count - 1 (<= rows_max) of the columns that have a path = what `reader`, made for those
 * paths, finds in the records; of one whose text is NULL: nothing, all are NULL. ERR_BUDGET or
 * ERR_TOO_LARGE: no memory. */
MUST_USE enum err vec_rowconv_read(struct vec_rowconv *rc, struct json_reader *reader,
                                   const struct json_text *records, uint32_t count);

/* Row `row` of a column = `found` (text NULL: nothing). The same errors. */
MUST_USE enum err vec_rowconv_put(struct vec_rowconv *rc, uint32_t column, uint32_t row,
                                  const struct json_found *found);

/* Row `row` of a column does not fit: NULL, and told. The same errors. */
MUST_USE enum err vec_rowconv_refuse(struct vec_rowconv *rc, uint32_t column, uint32_t row,
                                     enum vec_fault fault, const char *text, size_t length);

/* Where the values of a column stand, to be filled by the caller: rows_max of its type. */
void *vec_rowconv_data(struct vec_rowconv *rc, uint32_t column);

/* Let all rows of a column be `value`, which, bytes and all, lives as long as the batch. */
void vec_rowconv_constant(struct vec_rowconv *rc, uint32_t column, const struct vec_value *value);

/* `bytes` that live as long as the batch, or NULL: no memory. */
MUST_USE void *vec_rowconv_bytes(struct vec_rowconv *rc, size_t bytes);

/* End the batch: `rc->vectors` are its columns, each of `rows_count` rows or constant. They live
 * until the next begin. */
void vec_rowconv_end(struct vec_rowconv *rc, uint32_t rows_count);

#endif
