/* A relation in memory, and a source that scans it in batches of any size, shape and mood. */
#ifndef TESTS_UNIT_EXEC_MEMORY_H
#define TESTS_UNIT_EXEC_MEMORY_H

#include "tests/unit/exec/chance.h"
#include "views/exec/exec.h"

#define MEMORY_COLUMNS_MAX 12u

/* Rows of a relation. */
struct memory_relation {
    struct plan_relation plan; /* plan.owner points here */
    struct plan_column columns[MEMORY_COLUMNS_MAX];
    struct vec_value *values; /* rows_count * columns_count, row after row */
    uint32_t *stretches;      /* of each row, ascending: its partition */
    uint32_t rows_count;
};

/* Who opens sources, and what these have done. */
struct memory {
    struct chance *chance; /* sizes, shapes, moods */
    uint32_t batch_max;    /* rows of a batch; 0: VEC_ROWS_MAX */
    bool is_plain;         /* full flat batches, never BLOCKED */
    uint32_t fails_at;     /* a scan fails before this row; UINT32_MAX: never */
    bool fails_to_open;    /* likewise */

    uint32_t opened_count; /* sources */
    uint32_t closed_count;
    uint64_t calls_count;   /* of next */
    uint64_t blocked_count; /* of them, that answered so */
    uint64_t rows_count;    /* given */
};

/* What the executor is given; the context is a struct memory. */
extern const struct exec_source_ops memory_ops;

/* A random value of `kind`, out of few; never null. Bytes in `a`. */
struct vec_value memory_value(struct chance *chance, enum vec_kind kind, struct arena *a);

/* A relation of random kinds, rows and stretches, in `a`. */
struct memory_relation *memory_random(struct chance *chance, uint32_t rows_max, struct arena *a);

/* A relation of those kinds whose rows are nulls to be filled; one stretch. */
struct memory_relation *memory_make(const uint8_t *kinds, uint32_t columns_count,
                                    uint32_t rows_count, struct arena *a);

#endif
