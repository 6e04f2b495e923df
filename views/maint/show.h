/* Groups as the view shows them: states finished, keys read back, then what stands above. */
#ifndef VIEWS_MAINT_SHOW_H
#define VIEWS_MAINT_SHOW_H

#include <stdint.h>

#include "base/compiler.h"
#include "views/maint/view.h"
#include "views/vec/vector.h"

/* Groups that are shown at a time. */
#define MAINT_SHOW_ROWS 512u

/* A group to show. */
struct maint_shown {
    const uint8_t *key; /* key_bytes */
    uint32_t key_bytes;
    const uint8_t *state; /* view->state_bytes */
};

/* Key columns of groups, columns_count of them. */
struct maint_show_keys {
    struct vec_vector *columns; /* NULL: not made yet */
};

/* *out = what the view shows of `count` groups (<= MAINT_SHOW_ROWS): row i of it is of group i,
 * where it is selected; all in ev->scratch. Groups that cannot be shown are added to *faults_count.
 * `keys` (NULL: nobody wants them) are made, or taken where groups of the same keys, in the same
 * order, were shown before. ERR_AGAIN: so many cannot be evaluated at once; one always can.
 * ERR_BUDGET, ERR_TOO_LARGE: ev->scratch refuses. */
MUST_USE enum err maint_show(const struct maint_view *view, struct vec_eval *ev,
                             const struct maint_shown *groups, uint32_t count,
                             struct maint_show_keys *keys, uint64_t *faults_count,
                             struct vec_batch *out);

/* Keep of `rows` (`count`, ascending) those that are the same bytes in both batches, which have the
 * same columns. Returns how many. */
uint32_t maint_show_same(const struct vec_batch *a, const struct vec_batch *b, uint16_t *rows,
                         uint32_t count);

#endif
