/* The idempotent producers of one partition: is this batch new, was it appended before, does it
 * follow the one before it?
 *
 * Two layers. The *fold* is a function of the committed entries alone, equal on every replica, and
 * goes into snapshots. The *overlay* is the leader's: batches it has proposed that are not
 * committed. Both count when a batch is checked. A commit moves batches from the overlay to the
 * fold; a step-down or a cut drops them from the overlay, and the fold never has to be undone.
 *
 *     verdict = core_producers_check(p, &batch, log_end_offset, &found);
 *     APPEND: core_producers_reserve(p, id, &slot), propose to the group (index, base offset), then
 *             core_producers_propose(p, slot, &batch, index); or core_producers_cancel(p, slot)
 *     commit: core_producers_commit(p, index) on the leader; or, from the log's entries, as
 *             followers and a start do, core_producers_apply(p, &batch, index)
 *     cut:    core_producers_drop(p, first_index_cut); a step-down: core_producers_drop(p, 0)
 *
 * Rules (Kafka 4's ProducerStateManager and ProducerAppendInfo; KIP-98, KIP-360):
 *   - The last 5 batches of a producer are known. One with the same epoch and the same first and
 *     last sequence is a duplicate and gets the first one's offset; of any epoch but the present
 *     one, none is.
 *   - An epoch below the producer's is refused; a higher one must begin at sequence 0, and forgets
 *     the batches before it.
 *   - Within an epoch a batch begins where the one before ended; behind 2^31-1 comes 0. A gap, and
 *     a batch older than the 5, are out of order.
 *   - A producer that is not known may begin anywhere: its earlier batches may have been removed
 *     or it may have expired (since KIP-360; UNKNOWN_PRODUCER_ID is not answered any more). But in
 *     a partition that never held a record it begins at 0 (KAFKA-15591, Kafka 4.5): otherwise the
 *     second of two requests to a new partition could be taken before the first, which is then
 *     lost.
 *   - The fold keeps `producers_max` producers. Past it the one whose last batch has the lowest
 *     index goes; no clock has a say, so all replicas forget the same ones.
 *
 * Memory: objects come from pools that a shard's partitions share, a table of buckets from its
 * budget, doubled as it fills. A partition without producers holds nothing. Nothing blocks; one
 * thread. */
#ifndef BROKER_CORE_PRODUCERS_H
#define BROKER_CORE_PRODUCERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"

/* Batches known of each producer: no client has more in flight (max.in.flight <= 5). */
#define CORE_PRODUCERS_BATCHES 5u

/* The producers of a partition, for who has no other number. */
#define CORE_PRODUCERS_MAX_DEFAULT 10000u

/* A batch of a producer. */
struct core_producers_batch {
    int64_t producer_id;       /* >= 0 */
    int16_t epoch;             /* >= 0 */
    int32_t base_sequence;     /* >= 0, of its first record */
    int32_t last_offset_delta; /* >= 0; its records count one more */
    uint64_t base_offset;      /* of its first record; ignored by a check */
    int64_t timestamp;         /* its largest, ms: what a duplicate's answer repeats */
};

/* What becomes of a batch. */
enum core_producers_verdict {
    CORE_PRODUCERS_APPEND,       /* new and in order */
    CORE_PRODUCERS_DUPLICATE,    /* committed before: answer with its offset */
    CORE_PRODUCERS_IN_FLIGHT,    /* proposed before: answer with its offset once it is committed */
    CORE_PRODUCERS_OUT_OF_ORDER, /* OUT_OF_ORDER_SEQUENCE_NUMBER */
    CORE_PRODUCERS_OLD_EPOCH,    /* INVALID_PRODUCER_EPOCH */
    CORE_PRODUCERS_VERDICT_COUNT
};

/* What a check found. */
struct core_producers_found {
    uint64_t index;          /* IN_FLIGHT: the entry to wait for; else 0 */
    uint64_t base_offset;    /* DUPLICATE, IN_FLIGHT: the original's */
    int64_t timestamp;       /* DUPLICATE, IN_FLIGHT: the original's */
    int16_t epoch;           /* the producer's present epoch; -1: it is not known */
    int32_t wanted_sequence; /* the one that would be in order; -1: any */
};

/* What the partitions of one shard share. Embedded in the shard. */
struct core_producers_shared {
    struct pool entries;   /* struct core_producers_entry */
    struct pool slots;     /* struct core_producers_slot */
    struct budget *budget; /* what pools and buckets are charged to */
    uint64_t seed;         /* of the hash of producer ids, which peers choose */
};

/* A producer (producers.c). */
struct core_producers_entry;

/* Memory for a batch in the overlay (producers.c). */
struct core_producers_slot;

/* The producers of a partition, embedded in it. It stays where it is. */
struct core_producers {
    struct core_producers_shared *shared; /* memory */
    uint32_t producers_max;               /* of the fold, >= 1 */
    uint32_t folded_count;                /* producers in the fold */
    uint32_t reserved_count;              /* slots reserved and not proposed */
    uint32_t overlay_count;               /* batches in the overlay */
    uint64_t applied_index;               /* the fold is that of the entries up to here */
    struct map by_id;                     /* every producer, by the hash of its id */
    struct list by_index;                 /* those in the fold, by their last batch's index */
    struct list overlay;                  /* uncommitted batches, by index */
};

/* Make `shared` empty, charged to `budget`: at most `entries_max` producers and `slots_max`
 * uncommitted batches (both >= 1) over all partitions of the shard. Takes nothing yet. */
void core_producers_shared_init(struct core_producers_shared *shared, struct budget *budget,
                                uint32_t entries_max, uint32_t slots_max, uint64_t seed);

/* Give the pools back. Asserted: every partition was deinited. */
void core_producers_shared_deinit(struct core_producers_shared *shared);

/* A partition without producers, of which the fold will keep `producers_max` (>= 1). Takes nothing.
 */
void core_producers_init(struct core_producers *p, struct core_producers_shared *shared,
                         uint32_t producers_max);

/* Forget everything, and give it back. Asserted: no slot is reserved. `p` is as after init. */
void core_producers_reset(struct core_producers *p);

/* What is to become of `batch`, whose records would begin at `next_offset`, the partition's end (0:
 * it never held a record). Changes nothing. */
enum core_producers_verdict core_producers_check(const struct core_producers *p,
                                                 const struct core_producers_batch *batch,
                                                 uint64_t next_offset,
                                                 struct core_producers_found *found);

/* Take the memory that proposing a batch of `producer_id` needs, so that nothing can fail once the
 * group has the batch. *out is the caller's until propose or cancel. ERR_FULL, ERR_BUDGET: refuse
 * the batch, retriable; *out = NULL then. */
MUST_USE enum err core_producers_reserve(struct core_producers *p, int64_t producer_id,
                                         struct core_producers_slot **out);

/* Give an unused slot back. */
void core_producers_cancel(struct core_producers *p, struct core_producers_slot *slot);

/* `batch` (checked: APPEND, and of the slot's producer; asserted) was proposed at `index`, above
 * those before and above applied_index (asserted). The slot is used up. */
void core_producers_propose(struct core_producers *p, struct core_producers_slot *slot,
                            const struct core_producers_batch *batch, uint64_t index);

/* Every entry up to `index` is committed: the overlay's batches up to it move to the fold, and
 * applied_index to it, past entries without a producer. Those with one are in the overlay or were
 * applied before. At or below applied_index: nothing. */
void core_producers_commit(struct core_producers *p, uint64_t index);

/* The committed entry at `index` is `batch`; entries without a producer may be left out. At or
 * below applied_index: nothing. Whatever the batch's epoch and sequence, it is taken: the leader
 * checked it, and every replica must do the same. The overlay's batch of that index is used up;
 * there is none below it (asserted). ERR_BUDGET, ERR_FULL: nothing changed, to be tried again. */
MUST_USE enum err core_producers_apply(struct core_producers *p,
                                       const struct core_producers_batch *batch, uint64_t index);

/* Drop the overlay's batches at `first_index` and above: the group cut them, or will never commit
 * them under this leader. The fold stays. */
void core_producers_drop(struct core_producers *p, uint64_t first_index);

/* The bytes core_producers_put writes, for the fold as it is. */
size_t core_producers_bytes(const struct core_producers *p);

/* Write the fold, whole or not at all (the writer's ERR_TOO_LARGE). Equal folds give equal bytes.
 * Little-endian:
 *   version 2 (1), reserved 2, producers 4, applied index 8; then, by last index ascending, each:
 *   producer id 8, last index 8, epoch 2, batches 1 (1..5), reserved 5; then each, oldest first:
 *   base offset 8, timestamp 8, base sequence 4, last offset delta 4 */
void core_producers_put(const struct core_producers *p, struct bytes_writer *w);

/* Read what core_producers_put wrote, the whole of the `length` bytes, into `p`, which is empty
 * (asserted). Of more producers than producers_max the newest stay. ERR_TRUNCATED; ERR_CORRUPT: a
 * number out of range, indexes that do not ascend, a producer twice, bytes behind the last;
 * ERR_UNSUPPORTED: a newer version; ERR_BUDGET, ERR_FULL. `p` is empty after an error. */
MUST_USE enum err core_producers_get(struct core_producers *p, const void *data, size_t length);

/* The same with the overlay up to `index`: LOG_SNAP_PRODUCERS's content, which is to be the state
 * as of all entries before a segment's first. Those that are not committed when the segment begins
 * are in the log before it all the same: whoever reads the section finds them committed, or no
 * segment. So they stand behind the fold, and reading applies them. */
size_t core_producers_section_bytes(const struct core_producers *p, uint64_t index);

/* Write it, whole or not at all (the writer's ERR_TOO_LARGE), as of the entries up to `index`,
 * which is not below applied_index (asserted); what the overlay has above it is left out: it is
 * being cut. Little-endian: version 2 (1), reserved 2, batches 4, index 8, bytes of the fold 4,
 * reserved 4; the fold, as core_producers_put; then the overlay's batches, by index, each: index 8,
 * producer id 8, epoch 2, reserved 6, base offset 8, timestamp 8, base sequence 4, last offset
 * delta 4 */
void core_producers_section_put(const struct core_producers *p, uint64_t index,
                                struct bytes_writer *w);

/* Read what core_producers_section_put wrote into `p`, which is empty (asserted): the fold of the
 * entries up to its index. Errors as core_producers_get's. */
MUST_USE enum err core_producers_section_get(struct core_producers *p, const void *data,
                                             size_t length);

#endif
