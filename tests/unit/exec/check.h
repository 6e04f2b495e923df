/* A random plan over random rows, run and held against its naive twin: for the test and the fuzzer.
 */
#ifndef TESTS_UNIT_EXEC_CHECK_H
#define TESTS_UNIT_EXEC_CHECK_H

#include "tests/unit/exec/plans.h"
#include "tests/unit/exec/twin.h"

/* now() of every run. */
#define CHECK_NOW_US INT64_C(631152000000000)

/* A plan with what it reads and what it should answer. */
struct check {
    struct budget root;   /* of all that follows */
    struct arena arena;   /* relation, plan */
    struct arena answers; /* the twin's */
    struct arena scratch; /* likewise */
    struct memory_relation *relation;
    struct plan plan;
    const struct vec_value *params;
    bool is_right;         /* the twin had no error */
    struct twin_rows want; /* is_right: the rows */
};

/* Budgets and arenas for one, nothing else yet; the owner makes relation and plan. */
void check_begin(struct check *check);

/* check->want = what the plan answers as it stands, in large batches without waiting. */
void check_plainly(struct check *check);

/* Make one: at most `rows_max` rows by `chance`, a plan by `plan_chance`. */
void check_init(struct check *check, struct chance *chance, struct chance *plan_chance,
                uint32_t rows_max);

/* Forget it. Asserted: nothing is charged any more. */
void check_deinit(struct check *check);

struct parts;

/* How a run went. */
struct check_run {
    uint64_t rows_count;  /* answered */
    uint64_t calls_count; /* of exec_next */
    bool is_refused;      /* memory was refused */
    bool is_failed;       /* it failed otherwise */
    size_t peak_bytes;    /* the most memory that it held */
    char failure[300];    /* is_failed: why, and where; "" */
    char wrong[400];      /* what is wrong; "": nothing */
};

/* Run the plan with `budget_bytes` of memory over batches that `memory` makes, and close it after
 * `calls_max` calls of exec_next. */
void check_run(struct check *check, struct memory *memory, size_t budget_bytes, uint64_t calls_max,
               struct check_run *run);

/* The same plan joining `parts` (parts.h), some of whose steps come between two calls; `memory`
 * counts what `parts` is asked, and fails as the parts' sources do. */
void check_run_parts(struct check *check, struct memory *memory, struct parts *parts,
                     size_t budget_bytes, uint64_t calls_max, struct check_run *run);

#endif
