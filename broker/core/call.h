/* Requests between shards: a struct of the caller's goes to the shard that has what it is about, is
 * worked on there, and comes home as its own answer.
 *
 * From core_call_start until `done` it belongs to the shard it was sent to. Calls of one pair of
 * shards arrive in the order they were started, also where both are the same. A shard finishes only
 * when every call has come home (core.h). Nothing blocks. */
#ifndef BROKER_CORE_CALL_H
#define BROKER_CORE_CALL_H

#include <stdint.h>

#include "base/rt/outbox.h"

struct core_call;
struct core_shard;

/* Run on the shard `at`. */
typedef void core_call_fn(struct core_shard *at, struct core_call *call);

/* Embedded in the request. */
struct core_call {
    struct rt_outbox_mail mail; /* carries it */
    struct core_shard *home;    /* who started it; while it is away, only to find the way back */
    core_call_fn *run;  /* on the shard it was sent to: ends with core_call_end, at any time */
    core_call_fn *done; /* at home, once, from a turn of the loop */
};

/* Send `call` from `home` to shard number `to`. */
void core_call_start(struct core_shard *home, uint32_t to, struct core_call *call,
                     core_call_fn *run, core_call_fn *done);

/* On the shard it was sent to: send it on to shard number `to`, to be run there as `run`. */
void core_call_pass(struct core_shard *at, uint32_t to, struct core_call *call, core_call_fn *run);

/* On the shard it was sent to: send it home. */
void core_call_end(struct core_shard *at, struct core_call *call);

#endif
