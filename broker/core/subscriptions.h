/* Who subscribes, for system.subscriptions: whoever serves a subscription has it listed on its
 * shard, and tells of it when asked. Own shard only; pure. */
#ifndef BROKER_CORE_SUBSCRIPTIONS_H
#define BROKER_CORE_SUBSCRIPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct core_subscription;

/* Room for where one stands. */
#define CORE_SUBSCRIPTION_POSITION_BYTES 256u

/* Bytes of a statement that are shown; those who serve keep no more for that. */
#define CORE_SUBSCRIPTION_SQL_BYTES 256u

/* What is told of one. Texts live until its shard's turn is over; NULL: not known, or none. */
struct core_subscription_row {
    const char *peer;      /* whose: "127.0.0.1:4711" */
    const char *id;        /* the name that its client gave it, as JSON */
    const char *kind;      /* "stream", "view"; NULL: it is being found out */
    const char *name;      /* of that */
    const char *sql;       /* its SELECT, cut at CORE_SUBSCRIPTION_SQL_BYTES */
    const char *state;     /* "starting", "following", "paused": it waits for its client */
    const char *position;  /* "00000001.7" of a view, {"0":12} of a stream */
    uint64_t behind;       /* ticks of a view that it has not been given */
    uint64_t rows;         /* and changes that it has been given */
    uint64_t queued_bytes; /* of its connection: what its client has not read */
    char text[CORE_SUBSCRIPTION_POSITION_BYTES]; /* for `position` */
    char address[64];                            /* for `peer` */
};

/* Fill *row, which is zero. */
typedef void core_subscription_row_fn(const struct core_subscription *subscription,
                                      struct core_subscription_row *row);

/* One that is listed. Embedded in what serves it. */
struct core_subscription {
    struct list_node in_shard;     /* core_subscriptions.all */
    core_subscription_row_fn *row; /* tells of it */
    uint64_t number;               /* of its shard, from 1 */
    uint64_t since_ns;             /* rt_now_ns when it began */
};

/* A shard's. */
struct core_subscriptions {
    struct list all;      /* core_subscription.in_shard, by number */
    uint64_t begun_count; /* numbers given */
};

/* None. */
void core_subscriptions_init(struct core_subscriptions *subscriptions);

/* It is listed from `now_ns` on, until it is taken out; a zeroed one is in no list, and may be
 * taken out. */
void core_subscriptions_add(struct core_subscriptions *subscriptions,
                            struct core_subscription *subscription, core_subscription_row_fn *row,
                            uint64_t now_ns);
void core_subscriptions_remove(struct core_subscription *subscription);

/* Bytes of the whole characters at the beginning of `text`, which is UTF-8, that are `max` bytes at
 * most; up to a NUL. */
size_t core_subscription_cut(const char *text, size_t length, size_t max);

#endif
