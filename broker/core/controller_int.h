/* Between controller.c and change.c. */
#ifndef BROKER_CORE_CONTROLLER_INT_H
#define BROKER_CORE_CONTROLLER_INT_H

#include "broker/core/controller.h"

/* Room for an entry: the commands, and what a batch and its records add. */
#define CORE_CONTROLLER_ENTRY_BYTES (1u << 20)

/* Propose the first `count` commands as one entry; change_index is its index. */
MUST_USE enum err core_controller_propose(struct core_controller *controller, uint32_t count);

/* It has failed: the change in hand and those that wait are refused. */
void core_controller_give_up(struct core_controller *controller);

/* The change in hand has not come about in time. */
void core_controller_late(struct rt_timer *timer);

/* Every shard has the catalog published last. */
void core_controller_published(struct core_controller *controller);

#endif
