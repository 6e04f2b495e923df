/* One runtime inside a benchmark program: started, told to do one thing at a time by the main
 * thread, which sleeps meanwhile. */
#ifndef BENCH_MACRO_RT_SIDE_H
#define BENCH_MACRO_RT_SIDE_H

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/cpu.h"
#include "base/rt/mailbox.h"
#include "base/rt/rt.h"
#include "base/rt/shard.h"

/* In place, the caller's from rt_side_start to rt_side_stop. */
struct rt_side {
    struct budget budget;                  /* of the process */
    struct rt_machine machine;             /* what it grants */
    struct cpu cpu;                        /* instruction sets */
    struct rt *rt;                         /* the runtime */
    void (*begin)(struct rt_shard *shard); /* what rt_side_run asked for */
    struct rt_mail mail;                   /* how it asks */
    sem_t started;                         /* posted by each shard when it runs */
    sem_t ended;                           /* posted by rt_side_done */
    void *context;                         /* the benchmark's */
};

/* Start `shards_count` shards of `kind`; shard->app is `side`. Ends the program, saying why, when
 * that fails. */
void rt_side_start(struct rt_side *side, enum rt_kind kind, uint32_t shards_count);

/* Run `begin` on shard 0 and wait until it, or what it began, has called rt_side_done. */
void rt_side_run(struct rt_side *side, void (*begin)(struct rt_shard *shard));

/* Called on a shard: what rt_side_run began is over. */
void rt_side_done(struct rt_shard *shard);

/* End the runtime and free it. Nothing may be waiting. */
void rt_side_stop(struct rt_side *side);

#endif
