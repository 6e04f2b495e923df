/* Any number of rows in order: batches become sorted runs as they arrive, and are merged as they
 * are asked for, some rows at a time. All rows are in memory. */
#ifndef VIEWS_EXEC_RUNS_H
#define VIEWS_EXEC_RUNS_H

#include <stdint.h>

#include "base/heap.h"
#include "views/exec/exec_int.h"
#include "views/exec/order.h"
#include "views/exec/rows.h"

/* Sorted rows of one batch. */
struct exec_piece {
    struct exec_piece *next;    /* of the run: rows that follow */
    struct exec_entry *entries; /* count */
    uint32_t count;
};

/* Pieces that are in order one after the other: of batches that were. */
struct exec_run {
    struct heap_node in_heap; /* exec_runs.heap, by the prefix of its next row */
    struct exec_runs *runs;   /* whose */
    struct exec_run *older;   /* the run before */
    uint32_t number;          /* runs before: of equal rows those of the lower number come first */
    uint32_t at;              /* of `first`: the next row */
    struct exec_piece *first; /* with rows that were not given yet */
    struct exec_piece *last;
};

/* All runs. Embedded in its owner. */
struct exec_runs {
    struct exec_order order;
    struct exec_layout layout; /* of rows, which stand behind their exec_ranked */
    struct arena arena;        /* rows, keys, pieces, runs */
    struct exec_run *newest;   /* and the older ones; NULL: there is none */
    uint32_t count;            /* runs */
    bool is_merging;           /* no batch comes any more */
    struct heap heap;          /* runs that have rows left */
};

/* Make it empty, for rows of those types. False: the query has failed. */
MUST_USE bool exec_runs_init(struct exec_runs *runs, struct exec_query *query,
                             const struct plan_sort *sort, const struct vec_type *types,
                             uint32_t columns_count);

/* Keep the rows of `batch`. False: the query has failed. */
MUST_USE bool exec_runs_add(struct exec_runs *runs, struct exec_query *query,
                            const struct vec_batch *batch);

/* No more batches come. False: the query has failed. */
MUST_USE bool exec_runs_merge(struct exec_runs *runs, struct exec_query *query);

/* The next rows: how many; 0: there are no more. rows[i] (VEC_ROWS_MAX of them) = each one's
 * columns, which live as long as `runs`. */
uint32_t exec_runs_next(struct exec_runs *runs, const uint8_t **rows);

#endif
