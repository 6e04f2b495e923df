/* Which tick covers what was appended: how the offsets of a produce answer become a position. */
#ifndef BROKER_CORE_TICKS_COVER_H
#define BROKER_CORE_TICKS_COVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/rt/timer.h"
#include "broker/core/call.h"
#include "broker/core/code.h"
#include "broker/core/position.h"
#include "storage/log/format.h"

struct core_shard;
struct core_ticks_cover;
struct core_ticks_home;

/* A record. */
struct core_ticks_want {
    struct log_uuid topic; /* which topic's */
    uint32_t partition;    /* of it */
    uint64_t offset;       /* the record's */
};

typedef void core_ticks_cover_fn(struct core_ticks_cover *cover);

/* A question: in which tick are all these? In place, the caller's until start and from `done` on;
 * the wants, too. */
struct core_ticks_cover {
    /* Asked. */
    core_ticks_cover_fn *done;           /* once, from a turn of the loop of the shard that asked */
    void *ctx;                           /* the caller's */
    const struct core_ticks_want *wants; /* which records */
    uint32_t wants_count;                /* of them; 0: the newest tick */
    uint64_t deadline_ns;                /* CORE_TIMEOUT then (rt_now_ns) */

    /* Answered. */
    enum core_code code;           /* CORE_OK; CORE_UNKNOWN_TOPIC, CORE_NOT_FOLLOWED: of `want`;
                                      CORE_TIMEOUT; CORE_CLOSING: also when it was canceled;
                                      CORE_CORRUPT_MESSAGE, CORE_STORAGE: there are no more ticks */
    uint32_t want;                 /* the first of the wants for which there is no tick */
    struct core_position position; /* the first tick that covers all, as far back as ticks are in
                                      memory; else one of these that does */

    /* Private to ticks_cover.c. */
    struct core_call call;           /* there and back */
    struct core_call cancel;         /* ends it early */
    struct list_node in_home;        /* core_ticks_home.covers: waits */
    struct core_ticks_home *at_home; /* where it waits */
    uint64_t wait_tick;              /* the tick that it waits for; 0: that is not there yet */
    uint32_t to;                     /* the shard that was asked */
    struct rt_timer deadline;        /* while it does */
    bool is_away;                    /* `call` is */
    bool is_cancel_away;             /* `cancel` is */
};

/* Ask, from the shard of `cs`. Ask to end early: done still fires once. */
void core_ticks_cover(struct core_shard *cs, struct core_ticks_cover *cover);
void core_ticks_cover_cancel(struct core_shard *cs, struct core_ticks_cover *cover);

#endif
