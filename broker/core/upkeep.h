/* The upkeep of materialized views: on every shard the rows of each view's slices, at one shard,
 * the *home* (ticks.h), the lead (VIEWS §2, §6).
 *
 *     home                                   every shard
 *   a tick: which views' sources moved
 *   step(view, tick, goals) -- call -->  fold its partitions' records up to the goals
 *                                        <-- parcels: partial groups for each shard's slices -->
 *                                        apply those of all shards
 *   complete: all shards have it  <----  done
 *
 * A view's steps follow the ticks one by one as long as it keeps up; when it is behind by more
 * ticks than are kept it goes to the newest in one step, and by more than 50 ms, too: then it is
 * *lagging* until it keeps up again. A view that is new, or a server that has started, begins with
 * one step from the view's origins. What a step takes longer than 100 ms is told in between, so
 * that others see how far it is.
 *
 * A view that is bound anew has an *heir* (view.h), which is kept up like any other and takes its
 * place when it keeps up: what was held before is read to its end, and who asks for a later tick is
 * told CORE_VIEW_CHANGED. The view of the same name has that tick.
 *
 * **Readers** ask the home for a *hold*: the newest tick that all shards have, kept readable; read
 * the shards at it; and give it up as soon as each shard keeps it for them.
 *
 * All work is done in turns of half a millisecond together. Own shard only; nothing blocks. */
#ifndef BROKER_CORE_UPKEEP_H
#define BROKER_CORE_UPKEEP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/list.h"
#include "base/metric.h"
#include "base/rt/op.h"
#include "base/rt/timer.h"
#include "broker/core/call.h"
#include "broker/core/code.h"
#include "broker/core/position.h"
#include "broker/core/ticks.h"
#include "broker/core/upkeep_ask.h"
#include "broker/core/upkeep_pace.h"
#include "storage/log/format.h"
#include "views/maint/upkeep.h"

struct core_catalog;
struct core_shard;
struct core_topic;
struct core_upkeep_hold;
struct core_upkeep_read;
struct core_view;

/* Ticks that the home can still tell apart. */
#define CORE_UPKEEP_NEWS 64u

/* What the home counts; taken whenever it is asked how views stand. */
struct core_upkeep_metrics {
    struct metric_gauge views[CORE_UPKEEP_STATUS_COUNT]; /* that stand so */
    struct metric_gauge lag;                             /* of the one furthest behind, ns */
    struct metric_gauge rows;                            /* of all */
    struct metric_gauge bytes;                           /* of their memory */
};

/* A shard's part. */
struct core_upkeep {
    struct core_shard *cs;              /* whose */
    struct budget budget;               /* of all rows, folds and parcels made here */
    _Atomic uint64_t used_bytes;        /* of it, lately: any thread reads */
    struct arena scratch;               /* of whichever part has its turn */
    struct list parts;                  /* core_upkeep_part.in_parts */
    uint32_t parts_count;               /* of these */
    size_t wide_bytes;                  /* of columns that are for many rows */
    struct list ready;                  /* core_upkeep_part.in_ready: have something to do */
    struct list shorts;                 /* core_upkeep_part.in_short: wait for memory */
    struct rt_op op;                    /* the next turn */
    uint8_t slice_target[STORE_SLICES]; /* the shard of each slice */
    uint32_t parcels_away;              /* made here, not home */
    struct metric_gauge changes_bytes;  /* of change logs here */
    struct core_upkeep_pace pace;       /* of folds that are late */
    bool is_op_away;                    /* `op` is */
    bool is_stopping;                   /* no step is begun any more */

    /* The home's. */
    struct core_ticks_listener listener;                 /* ticks */
    struct list views;                                   /* core_upkeep_view.in_views */
    const struct core_tick_news *news[CORE_UPKEEP_NEWS]; /* the newest ticks, with references: the
                                              one of number n stands at n modulo that */
    uint64_t news_ns[CORE_UPKEEP_NEWS];                  /* when each came */
    uint64_t newest;                                     /* of them; 0: none */
    uint64_t oldest;                                     /* likewise */
    size_t news_bytes;                                   /* of them all */
    uint64_t views_version; /* of the catalog that was looked at last */
    struct rt_timer timer;  /* tries again, looks after deadlines */
    bool is_listening;      /* `listener` does */
    bool is_busy;           /* ticks were told to come more slowly */
    bool has_heirs;         /* some view is bound anew */
    const char *ticks_why;  /* there are no more ticks, and why; NULL: there are */
    struct core_upkeep_metrics metrics;
};

/* Ready, before the shard's first catalog comes. */
void core_upkeep_open(struct core_upkeep *upkeep, struct core_shard *cs);

/* The shard has a new catalog. */
void core_upkeep_adopted(struct core_upkeep *upkeep);

/* On shard 0: whether `view` over `topic` has room on every shard beside those of `catalog`, so
 * that none that lives breaks by it. False: `why`, for people. */
bool core_upkeep_has_room(struct core_shard *cs, const struct core_catalog *catalog,
                          const struct core_view *view, const struct core_topic *topic, char *why,
                          size_t why_bytes);

/* The server ends: steps end early, readers are told. On every shard; then, when none on any shard
 * has anything under way, close. */
void core_upkeep_stop(struct core_upkeep *upkeep);
bool core_upkeep_is_idle(const struct core_upkeep *upkeep);
void core_upkeep_close(struct core_upkeep *upkeep);

/* --- Reading --- */

typedef void core_upkeep_hold_fn(struct core_upkeep_hold *hold);

/* A tick of a view that is kept readable. In place, the caller's until start and from `done` on;
 * after CORE_OK it is to be released. */
struct core_upkeep_hold {
    /* Asked. */
    core_upkeep_hold_fn *done; /* once, from a turn of the loop of the shard that asked */
    void *ctx;                 /* the caller's */
    struct log_uuid view;      /* which */
    uint64_t tick_min;         /* wait until the view has this one; 0: any */
    uint64_t rows_min;         /* and until its rows are those of this one, or a later one */
    uint64_t deadline_ns;      /* rt_now_ns; CORE_TIMEOUT then; UINT64_MAX: never */
    bool is_news; /* only the answer is wanted: nothing is kept readable, and nothing is
                     to be released */

    /* Answered. */
    enum core_code code; /* CORE_OK; CORE_UNKNOWN_VIEW; CORE_VIEW_CHANGED: its heir has its
                            place, and it has no such tick; CORE_VIEW_BROKEN;
                            CORE_TIMEOUT; CORE_CLOSING. `why` says more */
    char why[160];       /* for people; "": what the code says */
    uint64_t tick;       /* the state's, to be read at */
    struct core_position position; /* all that it and those before it hold is in the rows */
    uint64_t errors_count;         /* values and rows that failed of what they are made of */

    /* Private to upkeep_home.c. */
    struct core_call call;       /* there and back; the release, too */
    struct core_call cancel;     /* ends it early */
    struct list_node in_view;    /* core_upkeep_view.waiting, then .holds */
    struct core_upkeep_view *of; /* the home's: whose; NULL: it is not held */
    struct core_shard *cs;       /* who asked */
    struct core_shard *at;       /* the home, while it is there */
    struct rt_timer timer;       /* asks again, while there is no home */
    core_upkeep_hold_fn *released;
    bool is_away;        /* `call` is */
    bool is_cancel_away; /* `cancel` is */
    bool is_canceled;
};

/* Ask for it, from the shard of `cs`. */
void core_upkeep_hold_start(struct core_shard *cs, struct core_upkeep_hold *hold);
/* Ask to end early; done still fires once. */
void core_upkeep_hold_cancel(struct core_shard *cs, struct core_upkeep_hold *hold);
/* Give it up: `released` fires once, from a turn of the loop; the memory is the caller's then. */
void core_upkeep_hold_release(struct core_shard *cs, struct core_upkeep_hold *hold,
                              core_upkeep_hold_fn *released);

typedef void core_upkeep_read_fn(struct core_upkeep_read *read);

/* What a reading of one shard's rows is asked. */
enum core_upkeep_read_op {
    CORE_UPKEEP_READ_OPEN, /* at a tick that is held, and the first rows */
    CORE_UPKEEP_READ_NEXT, /* more; the former ones are no longer used */
    CORE_UPKEEP_READ_CLOSE,
};

/* The rows of one shard, batch by batch. In place, the caller's between calls. */
struct core_upkeep_read {
    /* Asked. */
    core_upkeep_read_fn *done;   /* once for each call */
    void *ctx;                   /* the caller's */
    uint32_t shard;              /* whose rows */
    struct log_uuid view;        /* which */
    uint64_t tick;               /* of the hold */
    const struct vec_value *key; /* only the row of these key values; NULL: all. They live until
                                    closed */

    /* Answered. */
    enum core_code code;    /* CORE_OK; CORE_UNKNOWN_VIEW: it is gone; CORE_OVERLOADED: memory was
                               needed, `why`; CORE_CLOSING */
    const char *why;        /* for people, or NULL; lives as `batch` */
    struct vec_batch batch; /* rows, which live until the next call; perhaps none */
    uint64_t errors_count;  /* rows left out of `batch` since they cannot be shown */
    bool is_end;            /* that was all */
    bool is_open;           /* to be closed: also after a failure */
    bool is_away;           /* a call is under way */

    /* Private to upkeep_read.c. */
    enum core_upkeep_read_op op;
    struct core_call call;
    struct core_upkeep_part *part; /* the shard's */
    struct list_node in_part;      /* core_upkeep_part.reads: those that wait for their turn */
    struct maint_reading reading;
};

/* Begin a call, from the shard of `cs`: OPEN first, within a hold of the tick; then NEXT as often
 * as wanted; CLOSE when it is_open and no call is away. One call at a time. */
void core_upkeep_read_start(struct core_shard *cs, struct core_upkeep_read *read,
                            enum core_upkeep_read_op op);

/* Whether the answer is here: all but is_away may be looked at. */
static inline bool core_upkeep_read_is_here(const struct core_upkeep_read *read)
{
    return !read->is_away;
}

#endif
