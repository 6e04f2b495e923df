/* What a materialized view is to its upkeep: a plan taken apart into what is done with each row of
 * the source, how rows are grouped, and what is done with a group to show it.
 *
 *     SCAN -> FILTER, PROJECT ... -> AGGREGATE or DISTINCT or nothing -> FILTER, PROJECT ... -> out
 *             `below`                 `keys`, `states`                    `above`
 *
 * A view without AGGREGATE and DISTINCT keeps a row for each of its source: it is grouped by
 * (partition, offset), and each of its columns is a state that was folded from one row.
 *
 * A key is the bytes of vec/key.h over the key columns, ascending, nulls last. Key values are read
 * back from these bytes; where equal values may differ (NUMERIC without a scale, DOUBLE PRECISION,
 * INTERVAL, JSONB) a state keeps the one to show (vec_accumulator_of_equals).
 *
 * Pure. Made once, read by all: it lives in the plan's arena, or in another that lives as long. */
#ifndef VIEWS_MAINT_VIEW_H
#define VIEWS_MAINT_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "views/plan/plan.h"
#include "views/vec/accumulator.h"

/* Why a plan cannot be kept up to date. */
struct maint_refusal {
    const char *state; /* SQLSTATE, 0A000 mostly; static storage */
    char message[256]; /* what cannot, and by name what to use instead where there is something */
    uint32_t pos;      /* of the statement's text; 0 and length 0: none in particular */
    uint32_t length;
};

/* A step on the way of a row: FILTER or PROJECT. */
struct maint_step {
    const struct vec_expr *filter;         /* FILTER; NULL: PROJECT */
    const struct vec_expr *const *project; /* columns_count */
    uint32_t columns_count;                /* behind the step */
};

/* A state of a row. */
struct maint_state {
    const struct vec_accumulator *accumulator;
    const struct vec_expr *call;        /* where faults point */
    const struct vec_expr *const *args; /* over the columns behind `below` */
    const struct vec_expr *filter;      /* of rows that count; NULL: all */
    uint32_t pos;                       /* in the row's state bytes */
};

/* Where a column of a group (before `above`) comes from. */
struct maint_column {
    bool is_key; /* number: of `keys`; else of `states` */
    uint32_t number;
    struct vec_type type;
};

/* A view. */
struct maint_view {
    const struct plan *plan;
    const struct plan_node *scan; /* of the one stream it reads */
    const uint32_t *scan_columns; /* of the relation, ascending: the scan's, and behind them
                                     those of the origin (_partition, _offset, _timestamp)
                                     that it did not have */
    uint32_t scan_columns_count;
    uint32_t origin[3]; /* where _timestamp, _partition, _offset stand in these */
    const struct maint_step *below;
    uint32_t below_count;
    const struct vec_expr *const *keys; /* keys_count, over the columns behind `below` */
    const struct vec_type *key_types;
    uint32_t keys_count; /* 0: one group (an aggregate without GROUP BY), which is
                            there from the start */
    const struct maint_state *states;
    uint32_t states_count;
    uint32_t state_bytes;               /* of a row's, a multiple of 8 */
    const struct maint_column *columns; /* columns_count: of a group */
    uint32_t columns_count;
    const struct maint_step *above;
    uint32_t above_count;
    const struct plan_output *outputs; /* what it shows */
    uint32_t outputs_count;
    const uint32_t *key_outputs; /* [keys_count]: which output shows key i as it is;
                                    UINT32_MAX: none does */
    bool is_rows;                /* no grouping: a row for each of its source */
    bool is_global;              /* an aggregate without keys */
};

/* *out = `plan` taken apart, in `a`. ERR_INVALID: it cannot be kept, `refusal` says why: now() and
 * its like, stddev and variance, DISTINCT aggregates, sorting and limits, a system table, a view,
 * more than one grouping, bounds other than those of rows that WHERE names. ERR_BUDGET,
 * ERR_TOO_LARGE: `a` refuses. */
MUST_USE enum err maint_view_make(struct arena *a, const struct plan *plan, struct maint_view **out,
                                  struct maint_refusal *refusal);

/* Bytes of memory that a key costs beside its own bytes, about, for EXPLAIN and CREATE's answer:
 * its states and what the store adds. Long texts and the like stand outside of states, and older
 * versions come and go; neither is counted. */
uint32_t maint_view_key_bytes(const struct maint_view *view);

#endif
