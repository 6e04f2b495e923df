/* A shard: one thread, its loop, and all that lives on it (DESIGN §3). The product sees this much
 * of the runtime: time, memory, and a clean end. Nothing on disk names a shard; how many there are
 * may change between starts. */
#ifndef BASE_RT_SHARD_H
#define BASE_RT_SHARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/cpu.h"
#include "base/list.h"
#include "base/prng.h"
#include "base/rt/mailbox.h"
#include "base/rt/timer.h"

struct rt_backend;
struct rt_group;
struct rt_inbox;
struct rt_op;
struct rt_shard;

/* Counters of one shard, read and written by its own thread. */
struct rt_shard_stats {
    uint64_t turns_count;  /* turns of the loop */
    uint64_t sleeps_count; /* turns that waited in the kernel */
    uint64_t polls_count;  /* turns of busy polling without result */
    uint64_t ops_count;    /* ops done */
    uint64_t mails_count;  /* mails delivered */
    uint64_t timers_count; /* timers fired */
};

struct rt_shard {
    /* Config: set before the first turn, constant. */
    uint32_t id;                      /* 0 .. group->shards_count - 1 */
    struct rt_group *group;           /* the shards of this runtime */
    const struct rt_backend *backend; /* who does I/O */
    void *backend_state;              /* its state for this shard */
    void *app;                        /* the product's root object on this shard */
    const struct cpu *cpu;            /* instruction sets to use */

    /* The shard's own. */
    uint64_t now_ns;        /* monotonic, of this turn */
    uint64_t wall_ns;       /* UTC, of this turn; 0: not asked for yet */
    struct list ready;      /* rt_op.in_queue: finished ops whose done is due, oldest first */
    struct rt_wheel timers; /* rt_timer.in_wheel */
    struct budget budget;   /* all memory of the shard */
    struct prng prng;       /* behind rt_random */

    uint32_t waiting_count; /* ops submitted and not done */
    uint32_t io_count; /* of these, file I/O that may end within LIMIT_POLL_NS: worth polling for */
    bool is_stopping;  /* the app was asked to end */
    bool is_finished;  /* rt_shard_finish was called */
    struct rt_shard_stats stats; /* for metrics */

    /* Mail: shared with other threads, see mailbox.c. */
    struct rt_inbox *inbox; /* what the others write into; lives as long as the group */
    uint64_t
        doorbells[4]; /* shards mailed in this turn, to be woken at its end: bit i of word i / 64 */
};

/* Root of the shard's memory. All of the shard's allocations are charged here or to budgets below
 * it. */
struct budget *rt_shard_budget(struct rt_shard *shard);

/* How many shards the runtime has. */
uint32_t rt_shard_count(const struct rt_shard *shard);

/* How many threads of the whole machine, not only ours, have wanted a processor or waited for a
 * disk over the last minute, in thousandths of the processors this process may use: 1000 are as
 * many as there are. UINT32_MAX: the system does not tell. A system call; never blocks. */
uint32_t rt_shard_load(struct rt_shard *shard);

/* The app has closed what it opened: end this shard's loop once nothing is waiting any more. After
 * it, no op may be submitted. */
void rt_shard_finish(struct rt_shard *shard);

#endif
