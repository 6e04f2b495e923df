/* Between rowconv.c, which walks records and columns, and rowconv_value.c, which knows what a value
 * becomes where no short way does. */
#ifndef VIEWS_VEC_ROWCONV_INT_H
#define VIEWS_VEC_ROWCONV_INT_H

#include "views/vec/rowconv.h"

/* Value `row` of `slot` = `found`, which is neither missing nor null. MEMORY: rc->err says which.
 */
enum vec_fault vec_rowconv_convert(struct vec_rowconv *rc, const struct vec_rowconv_slot *slot,
                                   uint32_t row, const struct json_found *found);

/* At least `bytes` at rc->at; taken by moving that. NULL: rc->err. */
char *vec_rowconv_room(struct vec_rowconv *rc, size_t bytes);

#endif
