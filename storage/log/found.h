/* Making the groups of a shard from what the start found. Private to storage/log. */
#ifndef STORAGE_LOG_FOUND_H
#define STORAGE_LOG_FOUND_H

#include "base/err.h"

struct log_recover;
struct log_shard;

/* Make every group of `found` that belongs to the shard (group % shards), and read what of their
 * segments stands in the journal only. `made` fires once (within this call only when there is no
 * memory at all); ls->err says how it went: ERR_BUDGET, or the system's. `found` stays until
 * then. */
void log_found_make(struct log_shard *ls, const struct log_recover *found,
                    void (*made)(struct log_shard *ls));

#endif
