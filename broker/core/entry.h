/* Where the connections of a door come in: it listens, takes one after the other, and waits while
 * there is no memory or no descriptor for one more; those that come stay with the kernel meanwhile.
 * Connections of all doors of a shard count together, so that descriptors are left for the log's
 * files. Own shard only; nothing blocks. */
#ifndef BROKER_CORE_ENTRY_H
#define BROKER_CORE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rt/addr.h"
#include "base/rt/op.h"
#include "base/rt/sock.h"
#include "base/rt/timer.h"

struct core_entry;
struct core_shard;
struct diag;

/* A door's side. */
struct core_entry_ops {
    const char *name; /* of the door, in log lines */
    /* *sock = where the next connection goes: memory of the door's. ERR_BUDGET, ERR_FULL. */
    enum err (*make)(struct core_entry *entry, struct rt_sock **sock);
    /* None came: the memory is the door's again. */
    void (*unmake)(struct core_entry *entry, struct rt_sock *sock);
    /* A connection stands. When it is gone, core_entry_left. */
    void (*open)(struct core_entry *entry, struct rt_sock *sock);
    /* After core_entry_close: none comes any more. */
    void (*closed)(struct core_entry *entry);
};

struct core_entry {
    const struct core_entry_ops *ops; /* the door's */
    struct core_shard *cs;            /* where */
    struct diag *diag;                /* log lines */
    struct rt_listener listener;      /* where connections come from; its address is the real one */
    struct rt_op accept_op;           /* the accept that waits */
    struct rt_op close_op;            /* the listener's close */
    struct rt_timer timer;            /* tries again */
    uint64_t tell_ns;                 /* when it may be said again that connections wait */
    struct rt_sock *next;             /* where the next one goes; NULL: none is waited for */
    uint32_t conns_count;             /* connections that stand */
    bool is_closing;                  /* core_entry_close was called */
    bool is_listener_closed;          /* and that is done */
};

/* Listen on `listen` (port 0: any) and take connections. Errors are rt_listen's. */
MUST_USE enum err core_entry_open(struct core_entry *entry, struct core_shard *cs,
                                  struct diag *diag, const struct rt_addr *listen,
                                  const struct core_entry_ops *ops);

/* Listen no more. ops->closed fires once, from a turn of the loop, when no connection is on its way
 * and all that stood are gone. */
void core_entry_close(struct core_entry *entry);

/* There may be room for one more. */
void core_entry_again(struct core_entry *entry);

/* A connection that ops->open was told of is gone. */
void core_entry_left(struct core_entry *entry);

#endif
