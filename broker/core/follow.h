/* Following a view: its rows at a tick, then what each tick changes, or the net difference since a
 * tick that the subscriber has (VIEWS §7).
 *
 *     begun, [rows ..., snapshot_end,] changes ..., progress, changes ..., progress ..., done
 *
 * A subscriber's table equals the view, filtered and projected, at every progress; ticks of
 * progress rise, and none is given twice or left out.
 *
 *     the home's news: tick T --> the view's tail on this shard
 *                                 reads what changed from every shard's log (changes.h)
 *                                 filters and projects it, once for each shape
 *                                 finds the crowds whose rows these are, and tells each once
 *
 * **Crowds.** Subscribers of one shard that ask the same are given the same:
 * changes and progress are told once for all who are at the same tick. Who has no room is left out,
 * and is given the net difference when it has; a snapshot, where the change log does not reach or
 * the difference is too large.
 *
 * **Shapes.** Who asks the same but for the value of one `column = value` is of one shape: rows
 * find their crowds by that value.
 *
 * **Snapshots** are read at one tick, which the view keeps for them: who takes nothing of one, or
 * of a net difference, for a minute is given up.
 *
 * Own shard only; nothing blocks. */
#ifndef BROKER_CORE_FOLLOW_H
#define BROKER_CORE_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/list.h"
#include "base/map.h"
#include "base/metric.h"
#include "base/rt/op.h"
#include "base/rt/timer.h"
#include "broker/core/code.h"
#include "broker/core/position.h"
#include "broker/core/subscribe_plan.h"
#include "broker/core/token.h"
#include "broker/core/upkeep.h"
#include "views/plan/plan.h"
#include "views/vec/vector.h"

struct core_follow;
struct core_follow_crowd;
struct core_follow_diff;
struct core_follow_slot;
struct core_follow_snapshot;
struct core_follow_tail;
struct core_shard;

/* What becomes of rows. */
enum core_follow_kind {
    CORE_FOLLOW_INSERT, /* "+" one more such row */
    CORE_FOLLOW_DELETE, /* "-" one less */
    CORE_FOLLOW_UPSERT, /* "u" the row of its key is this one now */
    CORE_FOLLOW_REMOVE, /* "d" there is none of its key any more; the row is the former one */
};

/* Who takes what followers are given; all are called from turns of the loop. They may end and
 * resume followers, and give them credit. */
struct core_follow_ops {
    /* Where nothing failed: `is_diff` and `reason` are known. Again where it begins anew, with a
     * snapshot and the reason: what changed could not be told, and rows and changes of before are
     * no more. */
    void (*begun)(struct core_follow *follow);
    /* Rows of the snapshot; they live until this returns. False: no more until resume. */
    bool (*rows)(struct core_follow *follow, const struct vec_batch *rows);
    /* The snapshot was that. Progress follows. */
    void (*snapshot_end)(struct core_follow *follow);
    /* Changes for the crowd's `now` members; rows live until this returns. They may be followed by
     * more, by a flush or by a progress; members of `now` change in no other way than behind one of
     * these two, but for those that are done. */
    void (*changes)(struct core_follow_crowd *crowd, enum core_follow_kind kind,
                    const struct vec_batch *rows);
    /* What was told of changes so far has to be on its way to `now`; of nobody, where all that it
     * was for have ended. */
    void (*flush)(struct core_follow_crowd *crowd);
    /* All changes up to `position` have been told; each of `now` takes them. */
    void (*progress)(struct core_follow_crowd *crowd, const struct core_position *position);
    /* Whether it takes more; false: it is left out until core_follow_resume. */
    bool (*has_room)(struct core_follow *follow);
    /* Nobody is left in it: what `ctx` holds is given up. */
    void (*crowd_gone)(struct core_follow_crowd *crowd);
    /* Once, the end: the subscription is the caller's again. follow->code says why: CORE_OK, it was
     * ended; else it failed. */
    void (*done)(struct core_follow *follow);
};

/* Subscribers who are given the same. */
struct core_follow_crowd {
    void *ctx;       /* the gateway's: a message that is being written; NULL at first */
    struct list now; /* core_follow.in_now: whom changes and progress are for */
    const struct core_follow_ops *ops;      /* of all of them */
    const struct core_subscribe_plan *plan; /* of one of them, which may be another one's later */

    /* Private to broker/core from here on. */
    struct map_node in_tail;       /* core_follow_tail.crowds, by what is asked */
    struct core_follow_slot *slot; /* whose rows they are given */
    struct list_node in_slot;      /* core_follow_slot.crowds */
    struct list_node in_told;      /* core_follow_tail.told: was given something of the round */
    struct list_node in_behind;    /* core_follow_tail.behind: `behind` has some */
    struct list members;           /* core_follow.in_crowd: all */
    struct list current;           /* core_follow.in_now: have all up to the tail's tick */
    struct list behind;            /* core_follow.in_wait: have not, and have room */
    uint64_t told_count;           /* rows of the round */
    uint64_t told_tick;            /* of the newest progress to all who are current */
};

/* A subscription. In place, the caller's until start and from `done` on. Zero it, fill the first
 * part. */
struct core_follow {
    /* Asked. */
    const struct core_follow_ops *ops;
    void *ctx;                              /* the caller's */
    const struct core_subscribe_plan *plan; /* answered with CORE_OK, of a view; lives as long */
    struct budget *budget;                  /* what it needs of its own is charged to it */
    bool has_token;                         /* it goes on where `token` says */
    struct core_view_token token;           /* of core_view_token_get */
    uint64_t rows_left;    /* give so many, then wait for core_follow_credit; what a tick
                              changes is not divided; UINT64_MAX: no such bound */
    uint64_t stall_ns_max; /* who has no room for longer is given up: CORE_TIMEOUT; 0: never, but in
                              a snapshot or a net difference */

    /* Answered. */
    enum core_code code;
    char state[6];      /* the SQLSTATE of a row that could not be filtered or shown; "": of code */
    char message[256];  /* why it failed; "": the code says it */
    bool is_diff;       /* it goes on with the net difference; else with a snapshot */
    const char *reason; /* why with a snapshot, where there was a token; static storage, or NULL */
    struct core_follow_crowd *crowd; /* from begun on until done */
    struct core_position position;   /* of its newest progress; epoch 0: there was none */
    uint64_t given_count;            /* rows and changes that it was given */

    /* Private to broker/core. */
    struct core_shard *cs;                 /* where */
    struct core_follow_tail *tail;         /* of the view */
    uint8_t stage;                         /* enum core_follow_stage */
    struct list_node in_follows;           /* core_follows.all */
    struct list_node in_tail;              /* core_follow_tail.members */
    struct list_node in_crowd;             /* core_follow_crowd.members */
    struct list_node in_ready;             /* core_follows.ready */
    struct list_node in_wait;              /* core_follow_crowd.behind; core_follow_diff.members;
              core_follow_tail.starting, .shown, .blocked; core_follows.queue */
    struct list_node in_now;               /* core_follow_crowd.current, .now */
    struct list_node in_paused;            /* core_follows.paused */
    uint64_t at;                           /* has all up to this tick */
    uint64_t paused_ns;                    /* since when it is */
    struct core_follow_snapshot *snapshot; /* being read */
    struct core_follow_diff *diff;         /* being given */
    uint32_t diff_at;                      /* rows of it that were */
    bool is_begun;                         /* that was told */
    bool is_counted;                       /* in core_follows.reading_count */
    bool is_away;                          /* `hold` is */
    bool is_canceled;                      /* it is wanted no more */
    bool is_held;                          /* what it holds is to be released */
    bool is_short;                         /* it is paused for want of memory, until it is looked
                                              after */
    bool is_ended;                         /* `code` says how: it is given no more, though it may be
                                              in `now` until it is done */
    struct core_upkeep_hold hold; /* the tick of its snapshot; or waits for that of a token */
};

/* A shard's. Part of it. */
struct core_follows {
    struct core_shard *cs;      /* where */
    struct budget budget;       /* of tails, crowds, differences and scratch */
    struct budget diffs_budget; /* of it, what differences may take */
    struct list all;            /* core_follow.in_follows */
    struct list tails;          /* core_follow_tail.in_follows */
    struct list ready;          /* core_follow.in_ready */
    struct list ready_tails;    /* core_follow_tail.in_ready */
    struct list queue;          /* core_follow.in_wait: their snapshots may not be read yet */
    struct list paused;         /* core_follow.in_paused */
    struct arena scratch;       /* of the batch in hand */
    struct rt_op op;            /* gives turns */
    struct rt_timer timer;      /* looks after those that are paused */
    struct metric_gauge count;  /* of subscriptions */
    uint64_t seed;              /* of hashes */
    uint32_t reading_count;     /* snapshots that are being read and not paused */
    uint32_t shapes_count;      /* of all tails */
    uint32_t crowds_count;      /* likewise */
    bool is_op_away;            /* `op` is */
};

/* Ready; idle: no tail and no subscription is left; end, then. */
void core_follows_open(struct core_follows *follows, struct core_shard *cs);
bool core_follows_is_idle(const struct core_follows *follows);
void core_follows_close(struct core_follows *follows);

/* Begin, on the shard of `cs`. Nothing of `ops` is called within. How it may end: CORE_OK, it was
 * ended; CORE_UNKNOWN_VIEW, it is no more; CORE_VIEW_BROKEN; CORE_VIEW_CHANGED, another incarnation
 * has its place: who plans it anew and starts with the token of its newest progress is given a
 * snapshot, and the reason; CORE_OVERLOADED, no memory; CORE_TIMEOUT, what was sent was not read;
 * CORE_INVALID_REQUEST with `state`, a row could not be filtered or shown; CORE_CLOSING. */
void core_follow_start(struct core_shard *cs, struct core_follow *follow);

/* Go on, after `rows` or `has_room` answered false. Nothing to do when it is not paused. */
void core_follow_resume(struct core_follow *follow);

/* Give `rows` more of it. */
void core_follow_credit(struct core_follow *follow, uint64_t rows);

/* End it: no more is given, and done fires soon, not within. Nothing to do when it ends already. */
void core_follow_end(struct core_follow *follow);

/* How many ticks of rows it is behind what this shard knows of, about: 0: none. For
 * system.subscriptions. */
uint64_t core_follow_lag(const struct core_follow *follow);

/* Write the token of a progress of the crowd: what its members hand back to go on from there. */
void core_follow_token(const struct core_follow_crowd *crowd, const struct core_position *position,
                       struct bytes_writer *w);

#endif
