/* Columns of up to VEC_ROWS_MAX rows, and batches of them: what operators hand to each other.
 *
 * A vector holds its values in one of three forms; who reads takes a `struct vec_view`, which reads
 * all three alike (row r stands at view.codes[r], or at r, or at 0). A batch may have a selection:
 * only the rows it names are there, in its order (ascending).
 *
 * Who makes a vector owns its memory, usually an arena that is rewound before the next batch: what
 * a batch points to lives until its maker is asked for the next one. Nobody writes into a vector
 * that somebody else has made.
 *
 * Shapes as in DuckDB (common/types/vector.hpp), which calls them flat, constant, dictionary. */
#ifndef VIEWS_VEC_VECTOR_H
#define VIEWS_VEC_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/compiler.h"
#include "views/vec/type.h"

/* Rows of a batch at most. */
#define VEC_ROWS_MAX 2048u

/* Words of a bitmap of so many rows. */
#define VEC_VALID_WORDS (VEC_ROWS_MAX / 64)

enum vec_form {
    VEC_FLAT,       /* a value for each row */
    VEC_CONSTANT,   /* one value for all rows, at 0; its bit of `valid` is bit 0 */
    VEC_DICTIONARY, /* row r has the value at codes[r]; `valid` goes by rows */
};

/* A column. */
struct vec_vector {
    struct vec_type type;  /* of its values */
    uint8_t form;          /* enum vec_form */
    const void *data;      /* values, as vec_kind_bytes says; what stands where a row is null is
                              undefined. Aligned to 64 bytes when flat and made by vec_flat */
    const uint64_t *valid; /* a bit for each row, 1: there is a value; NULL: all have one */
    const uint32_t *codes; /* DICTIONARY: of each row, into `data`; undefined where it is null */
    uint32_t dictionary_count; /* DICTIONARY: values in `data` */
};

/* Rows. */
struct vec_selection {
    const uint16_t *rows; /* `count` of them, ascending; NULL: rows 0 .. count-1 */
    uint32_t count;       /* <= VEC_ROWS_MAX */
};

/* Some rows of a relation. */
struct vec_batch {
    struct vec_vector *columns;     /* columns_count of them */
    uint32_t columns_count;         /* may be 0: rows without columns */
    uint32_t rows_count;            /* of each flat vector: selected or not */
    struct vec_selection selection; /* the rows that are there */
    uint32_t stretch; /* which partition of a scan (from 0, ascending) the rows are of: batches
                         come in order of it, and no batch spans two. Sums follow it (VIEWS §5) */
};

/* A vector to be read, whatever its form. */
struct vec_view {
    const void *data;
    const uint64_t *valid; /* NULL: all have a value */
    const uint32_t *codes; /* NULL: none */
    uint32_t row_mask;     /* 0 for a constant, else all ones */
};

/* Row `i` (< count) of a selection. */
static ALWAYS_INLINE uint32_t vec_row(struct vec_selection selection, uint32_t i)
{
    return selection.rows == NULL ? i : selection.rows[i];
}

/* for (VEC_ROWS_EACH(selection, i, row)): each row, the i-th of them. */
#define VEC_ROWS_EACH(selection, i, row)                                                           \
    uint32_t i = 0, row = 0;                                                                       \
    i < (selection).count && ((row = vec_row((selection), i)), true);                              \
    i++

/* `v` to be read. */
static ALWAYS_INLINE struct vec_view vec_view(const struct vec_vector *v)
{
    return (struct vec_view){
        .data = v->data,
        .valid = v->valid,
        .codes = v->form == VEC_DICTIONARY ? v->codes : NULL,
        .row_mask = v->form == VEC_CONSTANT ? 0 : UINT32_MAX,
    };
}

/* Where the value of row `row` stands in view->data. */
static ALWAYS_INLINE uint32_t vec_view_at(const struct vec_view *view, uint32_t row)
{
    return view->codes != NULL ? view->codes[row] : (row & view->row_mask);
}

/* Whether row `row` has a value. */
static ALWAYS_INLINE bool vec_view_is_valid(const struct vec_view *view, uint32_t row)
{
    uint32_t at = row & view->row_mask;
    return view->valid == NULL || (view->valid[at / 64] >> (at % 64) & 1) != 0;
}

/* The value of row `row`, which has one: VEC_AT(&view, int64_t, row). */
#define VEC_AT(view, type, row) (((const type *)(view)->data)[vec_view_at((view), (row))])

/* Set a row's bit. */
static ALWAYS_INLINE void vec_valid_set(uint64_t *valid, uint32_t row)
{
    valid[row / 64] |= UINT64_C(1) << (row % 64);
}

/* Clear a row's bit. */
static ALWAYS_INLINE void vec_valid_clear(uint64_t *valid, uint32_t row)
{
    valid[row / 64] &= ~(UINT64_C(1) << (row % 64));
}

/* Memory for `rows_count` values of `type`, undefined, made the data of *out: flat, no nulls. NULL:
 * `a` refuses. */
MUST_USE void *vec_flat(struct arena *a, struct vec_type type, uint32_t rows_count,
                        struct vec_vector *out);

/* A bitmap of VEC_ROWS_MAX bits, all ones (`has_values`) or all zero. NULL: `a` refuses. */
MUST_USE uint64_t *vec_valid(struct arena *a, bool has_values);

/* *out = `value` for all rows; `value` and its bytes stay the caller's, for as long. */
void vec_constant(struct vec_type type, const struct vec_value *value, struct vec_vector *out);

/* *out = the value of row `row`; bytes stay where they are. */
void vec_get(const struct vec_vector *v, uint32_t row, struct vec_value *out);

#endif
