/* Accumulators: aggregates as views keep them. What the rows come to does not depend on their
 * order, nor on who folded which of them: a restart, a replica, another number of cores have the
 * same bytes to show (VIEWS §5). Sums of doubles are exact and rounded when they are read.
 *
 * A state is plain bytes of a fixed size, aligned to 8, small, for a view has one for each of
 * millions of keys: count 8 bytes, sum(BIGINT) 16. What does not fit (long texts, sums far out of
 * the common range) lives in the arena of whoever keeps the state, and is used again when nobody
 * reads it any more (rooms.h). A state that is all zero is one
 * that no row was folded into.
 *
 * A state may be moved (memcpy). One that was copied for older readers (views/store) shares what it
 * points to, so bytes outside of a state are never written again, unless its owner says that there
 * are no copies (`is_alone`): a state that needs others takes new room and leaves the old.
 *
 * Where equal values differ (0 and -0, 1.5 and 1.50, '1 mon' and '30 days'), min and max answer the
 * same one in any order: the double with the lesser bits, the NUMERIC of the lesser scale, the
 * INTERVAL of fewer months, then days. */
#ifndef VIEWS_VEC_ACCUMULATOR_H
#define VIEWS_VEC_ACCUMULATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "views/vec/aggregate.h"
#include "views/vec/expr.h"
#include "views/vec/rooms.h"

/* Where each row folded comes from: what decides ties of first and last. One of each for every row
 * of the batch, or constants. */
struct vec_origin {
    const struct vec_vector *timestamp; /* TIMESTAMPTZ of the record */
    const struct vec_vector *partition; /* INTEGER */
    const struct vec_vector *offset;    /* BIGINT */
};

/* Where states are kept. Embedded in its owner. */
struct vec_accumulation {
    struct vec_eval *ev;     /* fails there; scratch is the batch's */
    struct arena *arena;     /* what states point to; not ev->scratch */
    struct vec_rooms *rooms; /* what was left is used again; NULL: it is not. Of the same arena */
    uint64_t left_bytes;     /* that no newest state points to any more, ever */
    bool is_alone; /* nobody has copies of the states: what they point to may be written */
};

/* A row of the table. */
struct vec_accumulator {
    const char *name;                     /* of the aggregate whose answers it gives, lower case */
    uint8_t args[VEC_AGGREGATE_ARGS_MAX]; /* enum vec_kind; VEC_NONE behind the last */
    uint8_t args_count;                   /* 0: count(*) */
    uint8_t result;                       /* enum vec_kind */
    uint8_t version;                      /* of what a state's bytes mean, from 1 */
    uint16_t state_bytes;                 /* of a state, a multiple of 8 */
    /* Fold the rows of `selection`; states[i] is the state of the i-th of them. `origin` may be
     * NULL but for first and last. False: memory (22003 is only ever raised by finish); the states
     * are of no more use then, but to be thrown away. */
    bool (*update)(struct vec_accumulation *acc, const struct vec_expr *call,
                   const struct vec_vector *args, const struct vec_origin *origin,
                   struct vec_selection selection, uint8_t *const *states);
    /* Fold into `into` what was folded into `from`, in any order. `from` may be of another arena:
     * its bytes are copied. False: memory; `into` is what it was. */
    bool (*merge)(struct vec_accumulation *acc, const struct vec_expr *call, void *into,
                  const void *from);
    /* *out = what it answers; bytes live as long as the state, in its place. False: 22003. */
    bool (*finish)(struct vec_accumulation *acc, const struct vec_expr *call, const void *state,
                   struct vec_value *out);
    /* Bytes outside of the state that it points to, about. NULL: never any. */
    uint32_t (*outside)(const void *state);
    /* merge of `count` states, one after the other: into[i] + pos with from + i * stride. It cannot
     * fail. NULL: there is no such loop. */
    void (*merge_all)(uint8_t *const *into, size_t pos, const uint8_t *from, size_t stride,
                      uint32_t count);
    /* finish of `count` states: value i of `data` (as vec_flat makes it) = the answer of states[i]
     * + pos. False: one of them is null or has no answer, `data` is of no use, and finish tells
     * more. NULL: there is no such loop. */
    bool (*finish_all)(const uint8_t *const *states, size_t pos, uint32_t count, void *data);
};

/* The accumulator of an aggregate, or NULL: views cannot keep it (variance and its like; they come
 * when they are exact). Aggregates of DISTINCT arguments have none, either: the caller's to know.
 */
const struct vec_accumulator *vec_accumulator_of(const struct vec_aggregate *aggregate);

/* The one that keeps a value that stands for equal ones, the least by its bytes, so that it is the
 * same in any order. Of one argument of type `kind`; NULL for kinds whose equal values are the same
 * bytes, which need none. */
const struct vec_accumulator *vec_accumulator_of_equals(enum vec_kind kind);

/* The same for any kind: what keeps the value of the one row that there is, null included. */
const struct vec_accumulator *vec_accumulator_of_value(enum vec_kind kind);

#endif
