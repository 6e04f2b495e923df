/* Between the files of broker/core about a shard's life. */
#ifndef BROKER_CORE_CORE_INT_H
#define BROKER_CORE_CORE_INT_H

#include "base/rt/mailbox.h"
#include "storage/log/format.h"

struct core_publication;
struct core_shard;

/* A catalog, or the reason why there is none, arrived at a shard. */
void core_shard_published(struct rt_shard *shard, struct rt_mail *mail);

/* The shard has it; its former one goes back. */
void core_publication_return(struct core_shard *at, struct core_publication *publication);

/* A partition that was closing is gone. */
void core_shard_released(struct core_shard *cs);

/* A random uuid (RFC 9562, version 4). */
struct log_uuid core_uuid_new(struct core_shard *cs);

#endif
