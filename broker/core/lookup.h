/* One row of a materialized view, by its key: what `SELECT * FROM view WHERE key = ...` finds,
 * without a statement.
 *
 *     who asks                     home of the timeline          shard of the key's slice
 *   core_lookup_start --.
 *   core_lookup_start --+- letter --> the newest tick that --> rows as they were --.
 *        done <---------+----------   all shards have          after it            |
 *              `-------------------------------------------------------------------'
 *
 * Where who asks, home and the row are on one shard there is nothing to wait for: the answer is
 * there when core_lookup_start returns. Else the keys of one view and shard that are asked for
 * within a turn travel in one letter.
 *
 * **No hold.** A letter goes to the rows' shard by way of the home, and calls from one shard to
 * another arrive in the order they were sent: an order after which the tick could not be read any
 * more comes behind the letter. So the row is read when it arrives, and nothing is to be released.
 *
 * **What it does not do**: wait for a position, or say why a view cannot be read. Then it answers
 * CORE_LOOKUP_ELSE, and a statement is to be asked. Own shard only; nothing blocks. */
#ifndef BROKER_CORE_LOOKUP_H
#define BROKER_CORE_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/metric.h"
#include "base/pool.h"
#include "base/rt/op.h"
#include "broker/core/position.h"
#include "storage/log/format.h"
#include "views/maint/upkeep.h"

struct core_lookup;
struct core_shard;

typedef void core_lookup_fn(struct core_lookup *lookup);

/* How it went. */
enum core_lookup_result {
    CORE_LOOKUP_ROW,  /* `row` has it */
    CORE_LOOKUP_NONE, /* there is none */
    CORE_LOOKUP_ELSE, /* this is none of its answers: ask a statement */
};

/* A row that is asked for. In place; the caller's until start, and from `done` on. */
struct core_lookup {
    /* Asked. */
    core_lookup_fn *done;              /* once, from a turn of the loop */
    void *ctx;                         /* the caller's */
    struct log_uuid view;              /* whose */
    struct maint_key key;              /* which; lives until `done` */
    struct core_position position_min; /* that the row is to hold; epoch 0: any */
    void *room;                        /* where a row of another shard goes; aligned to 16 bytes */
    size_t room_bytes;                 /* core_lookup_room; a larger row: ELSE */

    /* Answered. */
    enum core_lookup_result result;
    struct core_position position; /* that it holds; not with ELSE */
    uint64_t errors_count;         /* of the view, as of then; likewise */
    struct vec_batch row;          /* one row of the view's columns: in `room`, or, where start has
                                      answered, to be used before the turn goes on */

    /* Private to lookup.c. */
    struct list_node in_letter; /* core_lookup_letter.lookups */
    uint64_t began_ns;          /* when */
};

/* A shard's part. */
struct core_lookups {
    struct core_shard *cs;       /* whose */
    struct pool pool;            /* of letters */
    struct list open;            /* core_lookup_letter.in_open: to be sent in the next turn */
    struct rt_op op;             /* that */
    struct arena scratch;        /* a row's, here */
    struct metric_counter ended; /* rows asked for and answered */
};

/* Ready, before the shard's first catalog comes; forgotten: no lookup is under way. */
void core_lookups_open(struct core_lookups *lookups, struct core_shard *cs);
void core_lookups_close(struct core_lookups *lookups);

/* Bytes of room for a row of so many columns whose texts are `texts_bytes` together. */
static inline size_t core_lookup_room(uint32_t columns_count, size_t texts_bytes)
{
    return columns_count * (sizeof(struct vec_vector) + sizeof(struct vec_value)) + texts_bytes;
}

/* Ask for it. True: it is answered, and `done` is not called. */
MUST_USE bool core_lookup_start(struct core_shard *cs, struct core_lookup *lookup);

#endif
