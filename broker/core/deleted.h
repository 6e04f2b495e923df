/* The topics whose deletion a start has read in the controller's log: their logs may go, no others.
 * Where that log has lost entries, which an operator has accepted, a log that no topic has says
 * nothing: ids of groups may be given out again. One thread writes; others read when it is told. */
#ifndef BROKER_CORE_DELETED_H
#define BROKER_CORE_DELETED_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/log/format.h"

struct budget;

/* All zero: empty. */
struct core_deleted {
    struct log_uuid *topics; /* of the topics, as they were deleted */
    uint32_t count;          /* of them */
    uint32_t capacity;       /* room */
};

/* One more. Where memory is refused it is left out: its logs stay until a later start. */
void core_deleted_add(struct core_deleted *deleted, struct budget *budget,
                      const struct log_uuid *topic);

/* Whether it is among them. */
bool core_deleted_has(const struct core_deleted *deleted, const struct log_uuid *topic);

/* Give all back; empty afterwards. */
void core_deleted_deinit(struct core_deleted *deleted, struct budget *budget);

#endif
