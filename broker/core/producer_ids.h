/* Ids for idempotent producers: each shard has a block of them (change.h) and gives them out one by
 * one. None is given out twice; what a shard has left when it ends is lost. Own shard only. */
#ifndef BROKER_CORE_PRODUCER_IDS_H
#define BROKER_CORE_PRODUCER_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "broker/core/change.h"
#include "broker/core/code.h"

struct core_shard;
struct core_producer_id;
typedef void core_producer_id_fn(struct core_producer_id *wish);

/* A wish for one. In place, the caller's until start and from `done` on. */
struct core_producer_id {
    /* Asked. */
    core_producer_id_fn *done; /* once, maybe before core_producer_id_start returns */
    void *ctx;                 /* the caller's */

    /* Answered. */
    enum core_code code; /* CORE_OK, or the block's */
    int64_t id;          /* >= 0 */

    /* Private to producer_ids.c. */
    struct list_node in_waiting; /* core_producer_ids.waiting */
};

/* A shard's, in struct core_shard: private to producer_ids.c. */
struct core_producer_ids {
    uint64_t next;                /* the next to give out */
    uint32_t left_count;          /* how many there are from `next` on */
    struct list waiting;          /* core_producer_id.in_waiting: for the next block */
    struct core_change change;    /* asks for that */
    struct core_change_item item; /* of `change` */
    bool is_asking;               /* `change` is away */
};

/* Have none yet. */
void core_producer_ids_init(struct core_producer_ids *ids);

/* Ask for one. A block that cannot be had is an error of all that wait for it. */
void core_producer_id_start(struct core_shard *cs, struct core_producer_id *wish);

#endif
