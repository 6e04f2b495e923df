/* The inside of mailboxes, for the turn (shard.c). What else those who make and end shards need of
 * them is in backend.h. */
#ifndef BASE_RT_MAILBOX_INT_H
#define BASE_RT_MAILBOX_INT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/rt/mailbox.h"

/* One bounded single-producer single-consumer queue of mails: a slot is NULL while it is empty, so
 * the two sides share nothing but the slots (FastForward: Giacomoni and others, PPoPP 2008).
 * Indices run on and are taken modulo capacity. */
struct rt_ring {
    uint32_t capacity;              /* slots, a power of two */
    _Atomic(struct rt_ring *) next; /* the larger ring that follows; set once, by the sender */
    ALIGNED(64) uint32_t tail;      /* next to fill: the sender's */
    ALIGNED(64) uint32_t head;      /* next to take: the receiver's */
    ALIGNED(64) _Atomic(struct rt_mail *) slots[];
};

/* From one sender to one receiver. */
struct rt_lane {
    _Atomic(struct rt_ring *) first; /* set once, by the sender, with the first mail */
    struct rt_ring *newest;          /* the sender's */
    struct rt_ring *oldest;          /* the receiver's */
};

/* What others write into to reach a shard. */
struct rt_inbox {
    struct rt_lane *lanes;                   /* one per shard of the group, by sender */
    ALIGNED(64) _Atomic uint64_t pending[4]; /* bit per sender whose lane has mail */
    _Atomic(struct rt_mail *) posted;        /* from outside, newest first */
    atomic_bool is_sleeping; /* the receiver waits in its backend and wants a wake */
    atomic_bool is_closed;   /* the receiver has finished */
};

/* Tell the receivers of this turn's mails; wake those that sleep. */
void rt_mail_ring_doorbells(struct rt_shard *shard);

/* Deliver what has arrived; returns how many. */
uint32_t rt_mail_deliver(struct rt_shard *shard);

/* Whether something has arrived. */
bool rt_mail_is_pending(const struct rt_shard *shard);

#endif
