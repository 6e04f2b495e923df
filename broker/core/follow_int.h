/* Between the files about followers: follow.c (a shard's, their lives), follow_tail.c (a view's
 * ticks), follow_give.c (what a tick changed to its crowds), follow_net.c (net differences),
 * follow_snapshot.c, follow_crowd.c (who is given the same). */
#ifndef BROKER_CORE_FOLLOW_INT_H
#define BROKER_CORE_FOLLOW_INT_H

#include "broker/core/changes.h"
#include "broker/core/follow.h"
#include "views/vec/expr.h"

/* Where a follower stands. */
enum core_follow_stage {
    CORE_FOLLOW_STARTING, /* until its tail is ready: in tail->starting */
    CORE_FOLLOW_WAITING,  /* its token's tick is still to come: `hold` is away */
    CORE_FOLLOW_ANEW,     /* it begins with a snapshot when the one before is closed */
    CORE_FOLLOW_QUEUED,   /* too many snapshots are read: in follows->queue */
    CORE_FOLLOW_HOLDING,  /* for the tick of its snapshot: `hold` is away */
    CORE_FOLLOW_READING,  /* its snapshot is given */
    CORE_FOLLOW_SHOWN,    /* it was: in tail->shown */
    CORE_FOLLOW_BEHIND,   /* a net difference is due: in crowd->behind */
    CORE_FOLLOW_DIFF,     /* it is given: in diff->members */
    CORE_FOLLOW_CURRENT,  /* in crowd->current or ->now */
    CORE_FOLLOW_BLOCKED,  /* no room: in tail->blocked */
    CORE_FOLLOW_ENDING,   /* until nothing of it is away */
};

/* A map that grows. */
struct core_follow_map {
    struct map map;
    struct map_node **buckets; /* NULL: none yet */
};

/* Put `node` in. False: no memory. */
bool core_follow_map_put(struct budget *budget, struct core_follow_map *m, struct map_node *node,
                         uint64_t key);
/* Take it out; the memory goes with the last one. */
void core_follow_map_take(struct budget *budget, struct core_follow_map *m, struct map_node *node);

/* Who asks the same but for a value. */
struct core_follow_shape {
    struct map_node in_tail;       /* core_follow_tail.shapes */
    struct core_follow_tail *tail; /* whose */
    struct core_follow_map slots;  /* core_follow_slot.in_shape, by the value's key */
    bool is_indexed;               /* rows find their slot; else there is one, without a value */
};

/* Who is given the same rows. */
struct core_follow_slot {
    struct map_node in_shape;        /* core_follow_shape.slots */
    struct core_follow_shape *shape; /* whose */
    struct list crowds;              /* core_follow_crowd.in_slot */
    uint32_t key_bytes;              /* of the value's key, which stands behind it */
    bool is_found;                   /* rows of the chunk in hand are its */
    uint16_t first[2];               /* of these, minus and plus: the first, and the last; the next
                                        one of each row stands beside it */
    uint16_t last[2];
    uint16_t count[2];
};

/* What a tail is at. */
enum core_follow_tail_stage {
    CORE_FOLLOW_TAIL_FIRST, /* until the view can be read */
    CORE_FOLLOW_TAIL_KEEP,  /* until all logs are kept */
    CORE_FOLLOW_TAIL_REACH, /* until a tick that all of them reach */
    CORE_FOLLOW_TAIL_READY,
    CORE_FOLLOW_TAIL_LEAVE, /* nobody follows any more */
};

/* What it does. */
enum core_follow_round {
    CORE_FOLLOW_ROUND_NONE,
    CORE_FOLLOW_ROUND_READ, /* what (from, to] changed is being asked for */
    CORE_FOLLOW_ROUND_GIVE, /* it is given to those who are current */
    CORE_FOLLOW_ROUND_NET,  /* it becomes a net difference, `making` */
};

/* A view that is followed on this shard. */
struct core_follow_tail {
    struct core_follows *follows;  /* whose */
    struct list_node in_follows;   /* core_follows.tails */
    struct list_node in_ready;     /* core_follows.ready_tails */
    struct log_uuid view;          /* which */
    struct log_uuid lineage;       /* of it */
    uint32_t incarnation;          /* of it */
    uint8_t stage;                 /* enum core_follow_tail_stage */
    bool is_failed;                /* nobody begins here any more */
    struct list members;           /* core_follow.in_tail */
    struct list starting;          /* core_follow.in_wait: until it is ready */
    struct list shown;             /* likewise: their snapshots were given */
    struct list blocked;           /* likewise: have no room */
    struct core_follow_map crowds; /* core_follow_crowd.in_tail */
    struct core_follow_map shapes; /* core_follow_shape.in_tail */
    struct list behind;            /* core_follow_crowd.in_behind */
    struct list diffs;             /* core_follow_diff.in_tail: being given */

    /* Ticks. */
    struct core_upkeep_hold news;       /* waits for the next one */
    bool is_news_away;                  /* it is asked */
    bool is_news_canceled;              /* it is wanted no more */
    bool has_next;                      /* `next` is news: */
    uint64_t next;                      /* the newest tick of rows that is known, */
    struct core_position next_position; /* and all that they hold */
    uint64_t last;                      /* the tick that those who are current have; of rows */
    struct core_position position;      /* likewise: all that they hold */
    uint64_t seen;                      /* rows of this tick hold, */
    struct core_position seen_position; /* as others were told, so much */
    struct map_node *refresh; /* crowd that is told next how far it has come; NULL: none is */
    uint64_t refreshed_ns;    /* when that was begun last */
    uint64_t reach;           /* of all logs, as far as it is known */
    uint64_t begun;           /* the first tick of rows since the server started */

    /* The logs of all shards. */
    struct core_changes_ask *asks; /* asks_count */
    uint32_t asks_count;
    uint32_t asks_away_count; /* calls under way */

    /* The round. */
    uint8_t round;                          /* enum core_follow_round */
    bool is_main;                           /* READ: for those who are current */
    bool is_main_last;                      /* the last round was */
    uint64_t from;                          /* of it */
    struct core_position to_position;       /* is_main: all that the rows of `to` hold */
    uint64_t to;                            /* likewise */
    bool is_empty;                          /* nothing was changed, and the logs were not asked */
    struct core_follow_shape *shape;        /* GIVE: being given; NULL: all were */
    bool is_telling;                        /* GIVE: its changes were, progress is due */
    uint32_t ask_at;                        /* whose chunks are next */
    const struct core_changes_chunk *chunk; /* the next one; NULL: the first of that ask */
    bool is_ask_done;                       /* it has none left */
    struct list told;                       /* core_follow_crowd.in_told */
    struct core_follow_diff *making;        /* READ, NET: what comes of it */
};

/* Why one begins with a snapshot, or ends. */
#define CORE_FOLLOW_REBUILT      "rebuilt"
#define CORE_FOLLOW_RESTARTED    "the server has restarted"
#define CORE_FOLLOW_OUT_OF_REACH "the change log no longer reaches"
#define CORE_FOLLOW_TOO_LARGE    "the net difference is too large"

/* --- follow.c --- */

/* It has something to do. */
void core_follow_wake(struct core_follow *follow);
void core_follow_tail_wake(struct core_follow_tail *tail);

/* It ends so. `state`, `message`: NULL, as code says. Nothing to do when it ends already. */
void core_follow_fail(struct core_follow *follow, enum core_code code, const char *state,
                      const char *message);

/* Whether it takes more; else it is paused. */
bool core_follow_has_room(struct core_follow *follow);
void core_follow_pause(struct core_follow *follow);

/* It has all up to `at`, and is where it belongs now: current, behind or blocked. */
void core_follow_place(struct core_follow *follow, uint64_t at);
/* It has all up to `at` and is paused: it waits to be resumed. */
void core_follow_block(struct core_follow *follow, uint64_t at);

/* Tell it that it has begun, if that was not told. */
void core_follow_begin(struct core_follow *follow, bool is_diff, const char *reason);

/* Begin its snapshot, as soon as few enough are read. `reason`: why it is one. */
void core_follow_hold(struct core_follow *follow, const char *reason);
/* Of one that waits for nothing: what it has does not lead on to what there is now, so it begins
 * with a snapshot soon, anew where it had begun. */
void core_follow_anew(struct core_follow *follow, const char *reason);
/* Of such a one: others have the memory for its difference. It tries again later. */
void core_follow_later(struct core_follow *follow);
/* Whether its snapshot counts as one that is read; another one may begin where it does not. */
void core_follow_count(struct core_follow *follow, bool is_counted);

/* It was given so many rows. */
static inline void core_follow_given(struct core_follow *follow, uint64_t count)
{
    follow->given_count += count;
    if (follow->rows_left != UINT64_MAX) {
        follow->rows_left -= count < follow->rows_left ? count : follow->rows_left;
    }
}

/* Progress, to all of crowd->now. */
void core_follow_progress(struct core_follow_crowd *crowd, const struct core_position *position);

/* Rows as a plan sees them. */
struct core_follow_sight {
    struct vec_eval eval;
    struct vec_batch batch; /* the plan's columns */
    struct vec_batch out;   /* projections; the same rows, those that are taken selected */
};

/* *sight = the rows of `selection` of a batch of the view's columns that `filter` (NULL: all)
 * takes, projected, in the shard's scratch. False: sight->eval.failure says why. */
bool core_follow_see(struct core_follows *follows, const struct core_subscribe_plan *plan,
                     const struct vec_expr *filter, const struct vec_batch *rows,
                     struct vec_selection selection, struct core_follow_sight *sight);
/* Fail it as the evaluation did. */
void core_follow_fail_sight(struct core_follow *follow, const struct core_follow_sight *sight);

/* --- follow_crowd.c --- */

/* Make it a member of a crowd of its tail. False: no memory. */
bool core_follow_enter(struct core_follow *follow);
/* It is none any more. */
void core_follow_exit(struct core_follow *follow);

/* The slot of the value whose key these bytes are, or NULL. */
struct core_follow_slot *core_follow_slot_find(const struct core_follow_shape *shape,
                                               const uint8_t *key, uint32_t key_bytes);
/* The plan of one who is of that shape. */
const struct core_subscribe_plan *core_follow_shape_plan(const struct core_follow_shape *shape);

/* --- follow_tail.c --- */

/* The tail of a view, made where there is none. NULL: no memory. */
struct core_follow_tail *core_follow_tail_find(struct core_follows *follows,
                                               const struct core_subscribe_plan *plan);
/* One who is to begin was told of rows at a tick. */
void core_follow_tail_seen(struct core_follow_tail *tail, const struct core_upkeep_hold *hold);
/* Why it ends, where the view is no more: another incarnation may have its place. */
enum core_code core_follow_tail_code(const struct core_follow_tail *tail, enum core_code code);
/* Some of its work. True: there is more at once. */
bool core_follow_tail_run(struct core_follow_tail *tail);
/* The next chunk of the round: *chunk. False: there is none. */
bool core_follow_tail_chunk(struct core_follow_tail *tail, const struct core_changes_chunk **chunk);
/* Begin with the first one. */
void core_follow_tail_rewind(struct core_follow_tail *tail);

/* --- follow_give.c --- */

/* Some of what the round changed to some of those who are current. True: all was given. */
bool core_follow_give(struct core_follow_tail *tail);

/* --- follow_snapshot.c --- */

/* `hold` was answered with CORE_OK: read at its tick. */
void core_follow_snapshot_start(struct core_follow *follow);
/* Some of it. True: there is more at once. */
bool core_follow_snapshot_run(struct core_follow *follow);
/* Close what is open. True: nothing of it is away, and it is gone. */
bool core_follow_snapshot_end(struct core_follow *follow);

#endif
