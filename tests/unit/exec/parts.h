/* The parts of a query over a relation in memory: each with a source and a budget of its own, run
 * to its end in any order. */
#ifndef TESTS_UNIT_EXEC_PARTS_H
#define TESTS_UNIT_EXEC_PARTS_H

#include "tests/unit/exec/check.h"

/* Where a part stands. */
enum parts_stage { PARTS_NEW, PARTS_OPEN, PARTS_READY, PARTS_JOINED, PARTS_CLOSED };

/* A part. */
struct parts_part {
    enum parts_stage stage;
    struct memory memory;
    struct budget budget;
    struct exec_query query;
    bool is_open; /* `query` is */
};

/* All of them. */
struct parts {
    struct exec_parts ops; /* what the joining query is given */
    struct check *check;   /* whose plan */
    struct chance *chance; /* who goes on next */
    struct memory *asked;  /* counts what `next` is asked */
    struct parts_part *parts;
    uint32_t count;      /* partitions, with those behind the last row's */
    uint32_t ahead_max;  /* parts that are not joined and may be open */
    uint32_t next;       /* to be joined */
    size_t budget_bytes; /* of each part */
    size_t peak_bytes;   /* the most that one held */
    bool is_backward;    /* the last ones that may go on do, until they are at their end */
};

/* Make them, none is open. Memory and budgets in check->arena, below check->root. */
void parts_init(struct parts *parts, struct check *check, struct chance *chance,
                struct memory *asked, uint32_t count);

/* Some parts go on, or none does. */
void parts_go_on(struct parts *parts);

/* Close all that are not. Asserted: nothing is charged to any, no source is open. */
void parts_deinit(struct parts *parts);

#endif
