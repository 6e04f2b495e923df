/* Idempotent producers of a partition, end to end: what producers.h says of a batch, and where that
 * knowledge comes from.
 *
 * **The fold after a start** is read when the first batch of a producer comes, not before: a start
 * costs nothing for partitions that are idle, and a partition without producers holds nothing.
 *
 *     wait until the group leads and its term's no-op is committed: all that earlier terms left is
 *         committed then, and what is not was proposed here (LOG §8)
 *     the newest .snap with a section LOG_SNAP_PRODUCERS
 *     the entries behind it, up to what was committed at that moment, by the committed feed
 *
 * Batches of producers wait meanwhile, in order and up to CORE_IDEMPOTENCE_WAITING_MAX of them; a
 * read that fails answers them with a retriable code, and the next batch tries again. Batches
 * without a producer do not wait. From then on the fold follows by commits, as long as this node
 * leads in that term. Entries that are quarantined end the read (LOG §5): batches of producers are
 * refused until they were repaired, or given up.
 *
 * **Sections.** The log asks for the state as of all entries before a segment that begins, some of
 * them not committed (producers.h). A fold that was not read has nothing to give: that segment's
 * .snap is without it, and the fold is read then, so that the next segment has it. So no start
 * reads much more than the last two segments. A partition all of whose entries were appended by
 * this process, none of a producer, gives that away without a fold. The log's first segment needs
 * none.
 *
 * Where a section is missing and the segment before is gone, or where a .snap cannot be read, the
 * fold begins at the log start: older batches are unknown, and their producers as if they had
 * expired.
 *
 * **Memory.** Producers and their uncommitted batches come from pools of the shard. When these are
 * used up, folds that nobody needs at the moment are given up, the one used longest ago first: they
 * are read again when they are wanted.
 *
 * Private to broker/core. Own shard only; nothing blocks. */
#ifndef BROKER_CORE_IDEMPOTENCE_H
#define BROKER_CORE_IDEMPOTENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/list.h"
#include "base/pool.h"
#include "broker/core/code.h"
#include "broker/core/producers.h"

struct core_append;
struct core_idempotence;
struct core_partition;
struct raft_proposal;

/* Batches of one partition that wait for its fold. */
#define CORE_IDEMPOTENCE_WAITING_MAX 1024u

/* Folds of one shard that are read at a time, and bytes of a step of each. */
#define CORE_IDEMPOTENCE_LOADS_MAX  8u
#define CORE_IDEMPOTENCE_STEP_BYTES (256u << 10)

/* Producers of all partitions of a shard that are in memory. */
#define CORE_IDEMPOTENCE_ENTRIES_MAX (1u << 19)

/* A shard's part, embedded in it. Private to idempotence.c but for the limits, which a test lowers
 * before the first partition opens, and the statistics. */
struct core_idempotence_shared {
    struct budget budget;                   /* all of it */
    struct core_producers_shared producers; /* memory of all folds */
    struct pool states;                     /* of struct core_idempotence */
    struct pool loads;                      /* of what reads a fold */
    struct list queued;                     /* core_idempotence.in_shard: wait to be read */
    struct list loaded;                     /* core_idempotence.in_shard: used longest ago first */
    uint32_t producers_max;                 /* of a partition's fold */
    bool is_running;                        /* `queued` is being looked at */

    /* Statistics. */
    uint64_t loads_count;     /* folds read */
    uint64_t sections_count;  /* of those, begun with a section */
    uint64_t fed_count;       /* entries read for them */
    uint64_t given_up_count;  /* folds given up for want of memory */
    uint64_t duplicate_count; /* batches that were appended before */
};

/* Make `shared` empty, charged to `budget`, of which it takes `memory_max` bytes at most, for
 * `pendings_max` batches that are not committed; `seed` is of hashes. Takes nothing yet. */
void core_idempotence_shared_init(struct core_idempotence_shared *shared, struct budget *budget,
                                  size_t memory_max, uint32_t pendings_max, uint64_t seed);

/* Give the pools back. Asserted: no partition holds anything. */
void core_idempotence_shared_deinit(struct core_idempotence_shared *shared);

/* `part` has a log and a group: from now on it is asked for sections. */
void core_idempotence_begin(struct core_partition *part);

/* A batch of a producer wants in. true: it is new and in order, let it in at once. false: `append`
 * is not the caller's any more: it waits for the fold and comes back by core_partition_append, it
 * waits for the batch that it repeats, or it was answered. */
bool core_idempotence_admit(struct core_partition *part, struct core_append *append);

/* `append`, a producer's, is answered append->code, and was not let in. */
void core_idempotence_refused(struct core_partition *part, const struct core_append *append);

/* Memory for the batch, before it is proposed; *out = NULL where it has no producer. ERR_BUDGET,
 * ERR_FULL: it cannot be let in now. */
MUST_USE enum err core_idempotence_reserve(struct core_partition *part,
                                           const struct core_append *append,
                                           struct core_producers_slot **out);

/* It was proposed; or it was not, `proposal` NULL. `slot` is used up. */
void core_idempotence_proposed(struct core_partition *part, const struct core_append *append,
                               struct core_producers_slot *slot,
                               const struct raft_proposal *proposal);

/* The proposal at `index` failed with `err`, and so do all above it: batches that repeat it are
 * answered. */
void core_idempotence_failed(struct core_partition *part, uint64_t index, enum err err);

/* What is known of the partition's producers now; NULL: nothing. For tests. */
const struct core_producers *core_idempotence_producers(const struct core_partition *part);

/* Something of the partition moved: commit, high watermark, role. */
void core_idempotence_moved(struct core_partition *part);

/* The partition closes: whoever waits is answered `code`. A read of the fold under way keeps the
 * partition (core_partition_release). */
void core_idempotence_close(struct core_partition *part, enum core_code code);

/* Nothing of it is under way any more: give back what it holds. */
void core_idempotence_free(struct core_partition *part);

#endif
