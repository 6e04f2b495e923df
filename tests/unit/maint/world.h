/* A stream in memory, views over it by SQL text, kept up by any number of shards, and the same
 * statements as questions: what the suites of views/maint share. What does not succeed for reasons
 * of the test itself fails an assertion. */
#ifndef TESTS_UNIT_MAINT_WORLD_H
#define TESTS_UNIT_MAINT_WORLD_H

#include "tests/unit/exec/memory.h"
#include "views/maint/fold.h"
#include "views/maint/upkeep.h"
#include "views/sql/error.h"

#define WORLD_SHARDS_MAX     4u
#define WORLD_PARTITIONS_MAX 4u
#define WORLD_FAULTS_MAX     4096u

/* A stream: relation t, whose last three columns are _offset, _partition, _timestamp. */
struct world {
    struct budget root;               /* of all */
    struct arena arena;               /* rows, plans, what lives as long */
    struct memory_relation *relation; /* its rows, in no order that matters */
    uint32_t system;                  /* number of the column _offset */
};

/* Rows of an answer, in no order. In an arena. */
struct world_table {
    struct arena *arena;
    const struct vec_type *types; /* columns_count */
    uint32_t columns_count;
    struct vec_value *values; /* row after row */
    uint32_t count;
    uint32_t capacity;
};

/* A view kept up by some shards. */
struct world_view {
    struct world *world;
    const struct maint_view *view;
    uint32_t shards_count;
    uint8_t slice_shard[STORE_SLICES];
    uint8_t partition_shard[WORLD_PARTITIONS_MAX];
    struct budget budget;  /* of rows, on all shards */
    struct budget folding; /* of partial groups, likewise */
    struct budget readers; /* of who reads */
    struct arena scratch;  /* of calls, of `folding` */
    struct maint_fold folds[WORLD_SHARDS_MAX];
    struct maint_upkeep upkeeps[WORLD_SHARDS_MAX];
    struct arena batches; /* of the batch being folded */
    uint64_t tick;        /* applied last */

    /* Rows told as faults, by partition and offset; their SQLSTATEs. */
    struct {
        uint32_t partition;
        int64_t offset;
        const char *state;
    } faults[WORLD_FAULTS_MAX];
    uint32_t faults_count;
};

/* A stream of `rows_count` rows of nulls whose columns have those types, named a, b, c ...; rows
 * are of partition 0, offsets and timestamps ascend. */
void world_init(struct world *world, const struct vec_type *types, uint32_t types_count,
                uint32_t rows_count);
void world_deinit(struct world *world);

/* The value of a column of a row, to be set. */
struct vec_value *world_value(struct world *world, uint32_t row, uint32_t column);

/* Set a column of a row to what `text` is; NULL: null. */
void world_set(struct world *world, uint32_t row, uint32_t column, const char *text);

/* *plan = `sql`, over t (and system.s, a relation of one TEXT column a). */
enum err world_bind(struct world *world, const char *sql, struct plan *plan,
                    struct sql_error *error);

/* The view that `sql` is. */
const struct maint_view *world_make(struct world *world, const char *sql);

/* Keep `view` on `shards_count` shards; partitions and slices are anybody's by `chance` (NULL:
 * number modulo shards). */
void world_view_init(struct world_view *v, struct world *world, const struct maint_view *view,
                     uint32_t shards_count, struct chance *chance);
void world_view_deinit(struct world_view *v);

/* Apply the next tick: the rows of `rows` (numbers of the relation's), in batches of any size and
 * form, deltas in any order, by `chance`. */
void world_view_tick(struct world_view *v, const uint32_t *rows, uint32_t count,
                     struct chance *chance);

/* *batch = those rows as a source gives them to the view, in the arena `a`. `chance`: forms; NULL:
 * flat. */
void world_batch(struct world *world, const struct maint_view *view, const uint32_t *rows,
                 uint32_t count, struct chance *chance, struct arena *a, struct vec_batch *batch);

/* *table = what the view shows at its last tick, in `a`; groups left out. */
uint64_t world_view_read(struct world_view *v, struct arena *a, struct world_table *table);

/* What the last tick changed. */
void world_view_changes(struct world_view *v, struct arena *a, struct world_table *minus,
                        struct world_table *plus);

/* *table = the answer of `plan` over those rows, in the order of their origins. False: it failed,
 * with that SQLSTATE. */
bool world_ask(struct world *world, const struct plan *plan, const uint32_t *rows, uint32_t count,
               struct arena *a, struct world_table *table, const char **state);

/* An empty table of those columns; more rows. */
void world_table_init(struct world_table *table, const struct plan_output *outputs, uint32_t count,
                      struct arena *a);
void world_table_add(struct world_table *table, const struct vec_batch *batch);

/* A row of it as text, types and scales and signs told apart, in table->arena. */
char *world_table_line(const struct world_table *table, uint32_t row);

/* All rows as lines, sorted. */
char **world_table_lines(const struct world_table *table);

/* Whether both have the same rows, to the byte; else *why says which is only in one. */
bool world_table_equal(const struct world_table *a, const struct world_table *b, const char **why);

#endif
