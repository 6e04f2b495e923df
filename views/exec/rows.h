/* Rows that outlive their batch: what sorting and grouping keep.
 *
 * A row is a piece of memory of a fixed size per layout: a bit for each column that has a value,
 * then the values, each at its place, as columns hold them. Bytes of TEXT and JSONB are copied
 * beside it. Whoever keeps rows says where each stands; nothing here remembers any. */
#ifndef VIEWS_EXEC_ROWS_H
#define VIEWS_EXEC_ROWS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "views/vec/vector.h"

/* Where the columns of a row stand. */
struct exec_layout {
    const struct vec_type *types; /* columns_count, as given to init */
    uint32_t *places;             /* of each column's value, from the start of the row */
    uint32_t columns_count;
    uint32_t row_bytes; /* of a row, a multiple of 8; rows are aligned to 8 */
};

/* Make the layout of rows of those columns, in `a`; `types` lives as long. ERR_BUDGET. */
MUST_USE enum err exec_layout_init(struct exec_layout *layout, const struct vec_type *types,
                                   uint32_t columns_count, struct arena *a);

/* Write the rows of `selection`: rows[i] gets the i-th of them. Bytes go to `a`. ERR_BUDGET. */
MUST_USE enum err exec_rows_write(const struct exec_layout *layout,
                                  const struct vec_vector *columns, struct vec_selection selection,
                                  uint8_t *const *rows, struct arena *a);

/* columns[...] = the values of `count` (<= VEC_ROWS_MAX) rows, in that order: flat vectors in `a`,
 * whose bytes stay with the rows. ERR_BUDGET. */
MUST_USE enum err exec_rows_read(const struct exec_layout *layout, const uint8_t *const *rows,
                                 uint32_t count, struct arena *a, struct vec_vector *columns);

/* *out = a batch of those rows, its columns (room for them is out->columns) as above. ERR_BUDGET.
 */
MUST_USE enum err exec_rows_batch(const struct exec_layout *layout, const uint8_t *const *rows,
                                  uint32_t count, struct arena *a, struct vec_batch *out);

/* Copy a row to another place, its bytes to `a`. ERR_BUDGET. */
MUST_USE enum err exec_rows_copy(const struct exec_layout *layout, const uint8_t *from, uint8_t *to,
                                 struct arena *a);

#endif
