/* The change log of a view's part on a shard: what each step changed there, as long as somebody
 * follows the view (follow.h) and there is memory (VIEWS §7).
 *
 *     step applied: maint_upkeep_changes --copied--> chunk, chunk ... of its tick
 *     who follows, on any shard:  KEEP   from now on, please
 *                                 READ   what the steps of (from, to] changed
 *                                 LEAVE
 *
 * It begins with the first KEEP and is given up ten minutes after the last LEAVE; before and after
 * that nothing is copied. Rows are kept column by column in memory of their own, below the views'
 * budget; where there is no more the oldest steps go, and a log takes nothing of the last eighth of
 * that budget: a view's rows come first.
 *
 * **Reach.** All that was changed behind the tick `reach` is in the log. A step that does not fit,
 * or of which it is not known any more what rows were before, moves it to its own tick.
 *
 * **Reading.** What is read stays in the log's memory until the next call of the same ask: a step
 * that leaves the log meanwhile is kept aside. Chunks are never written again. */
#ifndef BROKER_CORE_CHANGES_H
#define BROKER_CORE_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/list.h"
#include "base/rt/timer.h"
#include "broker/core/call.h"
#include "broker/core/code.h"
#include "storage/log/format.h"
#include "views/plan/relation.h"
#include "views/vec/vector.h"

struct core_shard;
struct core_upkeep;
struct core_upkeep_part;
struct core_changes_ask;

/* What the log of one view may take on all shards together, where nothing else is said. */
#define CORE_CHANGES_BYTES_MAX (64u << 20)

/* Of a row that is no more: no row came in its place. */
#define CORE_CHANGES_NO_PAIR UINT16_MAX

/* Some rows that a step changed: those of the minus were shown before, those of the plus are now.
 * Columns stand behind it. */
struct core_changes_chunk {
    struct core_changes_chunk *next; /* the one that was made next; not to be read of the last one
                                        of a reading */
    uint64_t tick;                   /* of the step */
    const uint16_t *pairs; /* minus_count: the row of the plus that came in the place of each, of
                              the same group, or CORE_CHANGES_NO_PAIR */
    uint32_t bytes;        /* of all of it */
    uint32_t minus_count;  /* rows */
    uint32_t plus_count;   /* likewise */
    uint32_t places[2];    /* where the columns of the minus and of the plus begin, from here */
    uint32_t number;       /* the log's: of the chunk, from 0 */
    struct core_changes_chunk *former; /* likewise: the one before */
    struct core_changes_chunk *far;    /* likewise: a stone before, if that is in the log still */
    uint64_t rows_before;              /* likewise: of all chunks before it */
};

/* The log of a part. Embedded in it. */
struct core_changes {
    struct core_upkeep_part *part;    /* whose */
    struct budget budget;             /* of chunks */
    struct core_changes_chunk *first; /* the oldest; NULL: none */
    struct core_changes_chunk *last;  /* the newest */
    struct core_changes_chunk *stone; /* the newest whose number is that of one */
    struct core_changes_chunk *aside; /* left the log while they were read, oldest first */
    struct core_changes_chunk *aside_last;
    struct list reads;      /* core_changes_ask.in_reads: what is being read */
    uint64_t reach;         /* chunks up to it are of no use */
    uint32_t keepers_count; /* KEEPs without LEAVE */
    bool is_kept;           /* steps are copied */
    bool is_capturing;      /* one is being copied */
    uint64_t pos;           /* how far, of maint_upkeep_changes */
    struct rt_timer timer;  /* gives it up */
};

/* What is asked of a part's log. */
enum core_changes_op {
    CORE_CHANGES_KEEP,
    CORE_CHANGES_READ,
    CORE_CHANGES_LEAVE,
};

typedef void core_changes_fn(struct core_changes_ask *ask);

/* Who follows a view and the log of one shard. In place, the caller's between calls; what was read
 * lives until the next call. */
struct core_changes_ask {
    /* Asked. */
    core_changes_fn *done; /* once for each call that was not answered within start */
    void *ctx;             /* the caller's */
    uint32_t shard;        /* whose log */
    struct log_uuid view;  /* of which */
    uint64_t from;         /* READ: behind this tick, */
    uint64_t to;           /* up to that one, which all shards have */

    /* Answered. */
    enum core_code code; /* CORE_OK; CORE_UNKNOWN_VIEW, CORE_VIEW_BROKEN, CORE_CLOSING: the part is
                            no more; CORE_OFFSET_OUT_OF_RANGE: the log does not reach `from` */
    uint64_t reach;      /* of the log now */
    uint64_t begun;      /* KEEP: the first step that was applied since the server started */
    uint64_t rows_count; /* READ: of the chunks, minus and plus */
    const struct core_changes_chunk *first; /* READ: the oldest chunk; NULL: nothing was changed */
    const struct core_changes_chunk *last;  /* the newest; those between by `next` */
    bool is_kept;                           /* KEEP was answered with CORE_OK, and no LEAVE yet */
    bool is_away;                           /* a call is under way */

    /* Private to changes.c. */
    enum core_changes_op op;
    struct core_call call;
    struct core_upkeep_part *part; /* that is kept, while in_reads is linked */
    struct list_node in_reads;     /* core_changes.reads */
};

/* Begin a call, from the shard of `cs`. True: it is answered already, where the log is of that
 * shard; `done` is not called then. One call at a time. LEAVE where is_kept. */
bool core_changes_start(struct core_shard *cs, struct core_changes_ask *ask,
                        enum core_changes_op op);

/* *out = the minus, or the plus, of `chunk`, of the view's columns; `vectors` has room for them. */
void core_changes_batch(const struct core_changes_chunk *chunk, bool is_plus,
                        const struct plan_column *columns, uint32_t columns_count,
                        struct vec_vector *vectors, struct vec_batch *out);

/* --- The part's --- */

/* Make the log of `part`, which has its budget: nothing is kept yet. */
void core_changes_init(struct core_changes *changes, struct core_upkeep_part *part);

/* Copy some rows of the step that was just applied, if the log is kept. True: there is no more. */
bool core_changes_capture(struct core_changes *changes);

/* Memory is wanted for rows: some of the oldest steps of the shard's logs go, unless an eighth of
 * the views' budget is left. False: none went. */
bool core_changes_relieve(struct core_upkeep *upkeep);

/* Free some of what is of no more use and not read: true when there is nothing. */
bool core_changes_trim(struct core_changes *changes);

/* Give it up in steps: true when nothing is left and nobody reads. While somebody reads, the part
 * is woken when that ends. */
bool core_changes_clear(struct core_changes *changes);

/* The end of one that is cleared. */
void core_changes_deinit(struct core_changes *changes);

#endif
