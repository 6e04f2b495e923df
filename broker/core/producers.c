/* The idempotent producers of one partition. See producers.h.
 *
 * One entry per producer holds its part of the fold, five batches at most, and the list of its
 * batches in the overlay. It exists as long as one of both does, or a slot is reserved for it: so a
 * fold that forgets a producer does not take its uncommitted batches along, and moving a batch from
 * the overlay to the fold needs no memory. What a check looks at is the fold's batches followed by
 * the overlay's, of which the last five count.
 *
 * The fold's order by index is a list: entries are applied in that order, so the producer of the
 * latest batch goes to its back and the one to expire stands in front. */
#include "broker/core/producers.h"

#include "base/assert.h"
#include "base/hash.h"
#include "storage/log/format.h"

/* Buckets of a partition's first table. */
#define CORE_PRODUCERS_CAPACITY_MIN 8u

/* What core_producers_put writes. */
#define CORE_PRODUCERS_VERSION      1u
#define CORE_PRODUCERS_HEADER_BYTES 16u
#define CORE_PRODUCERS_ENTRY_BYTES  24u
#define CORE_PRODUCERS_BATCH_BYTES  24u
#define CORE_PRODUCERS_ENTRY_ZEROS  5u

/* What core_producers_section_put writes. */
#define CORE_PRODUCERS_SECTION_VERSION 1u
#define CORE_PRODUCERS_SECTION_BYTES   24u
#define CORE_PRODUCERS_OVERLAY_BYTES   48u
#define CORE_PRODUCERS_OVERLAY_ZEROS   6u

/* A batch as it is remembered. */
struct core_producers_kept {
    uint64_t base_offset;      /* of its first record */
    int64_t timestamp;         /* its largest, ms */
    int32_t base_sequence;     /* of its first record */
    int32_t last_offset_delta; /* its records count one more */
};

struct core_producers_entry {
    struct map_node in_id;     /* core_producers.by_id */
    struct list_node in_index; /* core_producers.by_index; unlinked: the fold does not know it */
    struct list overlay;       /* its uncommitted batches by index, core_producers_slot.in_entry */
    int64_t producer_id;       /* whose it is */
    uint64_t last_index;       /* fold: of its last batch */
    uint32_t reserved_count;   /* slots reserved for it */
    int16_t epoch;             /* fold: of its batches */
    uint8_t count;             /* fold: batches, 0 where it is unlinked */
    struct core_producers_kept batches[CORE_PRODUCERS_BATCHES]; /* fold: oldest first */
};

struct core_producers_slot {
    struct list_node in_overlay;        /* core_producers.overlay; unlinked: reserved */
    struct list_node in_entry;          /* core_producers_entry.overlay, with in_overlay */
    struct core_producers_entry *entry; /* whose batch it is or will be */
    uint64_t index;                     /* of the batch */
    int16_t epoch;                      /* of the batch */
    struct core_producers_kept batch;   /* what the fold will take */
};

/* What a producer did last, fold and overlay taken together. */
struct core_producers_last {
    int16_t epoch;         /* -1: nothing is known */
    int32_t last_sequence; /* of its last batch */
};

static struct core_producers_entry *core_producers_find(const struct core_producers *p,
                                                        int64_t producer_id);
static enum err core_producers_create(struct core_producers *p, int64_t producer_id,
                                      struct core_producers_entry **out);
static enum err core_producers_grow(struct core_producers *p);
static void core_producers_tidy(struct core_producers *p, struct core_producers_entry *entry);
static struct core_producers_last core_producers_last_of(const struct core_producers_entry *entry);
static int32_t core_producers_last_sequence(const struct core_producers_kept *batch);
static int32_t core_producers_wanted(struct core_producers_last last,
                                     const struct core_producers_batch *batch,
                                     uint64_t next_offset);
static enum core_producers_verdict core_producers_find_duplicate(
    const struct core_producers_entry *entry, const struct core_producers_batch *batch,
    struct core_producers_found *found);
static bool core_producers_is_same(const struct core_producers_kept *kept,
                                   const struct core_producers_batch *batch,
                                   struct core_producers_found *found);
static struct core_producers_kept core_producers_keep(const struct core_producers_batch *batch);
static void core_producers_fold(struct core_producers *p, struct core_producers_entry *entry,
                                int16_t epoch, const struct core_producers_kept *batch,
                                uint64_t index);
static void core_producers_make_room(struct core_producers *p);
static void core_producers_expire(struct core_producers *p);
static void core_producers_settle(struct core_producers *p, struct core_producers_slot *slot);
static struct core_producers_slot *core_producers_first(const struct core_producers *p);
static enum err core_producers_get_all(struct core_producers *p, struct bytes_reader *r);
static enum err core_producers_get_entry(struct core_producers *p, struct bytes_reader *r,
                                         uint64_t applied_index);
static bool core_producers_get_batch(struct bytes_reader *r, struct core_producers_kept *out);
static size_t core_producers_count_overlay(const struct core_producers *p, uint64_t index);
static void core_producers_put_batch(struct bytes_writer *w,
                                     const struct core_producers_kept *batch);
static enum err core_producers_section_get_all(struct core_producers *p, struct bytes_reader *r);
static enum err core_producers_get_overlay(struct core_producers *p, struct bytes_reader *r,
                                           uint64_t index_max);

void core_producers_shared_init(struct core_producers_shared *shared, struct budget *budget,
                                uint32_t entries_max, uint32_t slots_max, uint64_t seed)
{
    *shared = (struct core_producers_shared){.budget = budget, .seed = seed};
    pool_init(&shared->entries, budget, sizeof(struct core_producers_entry),
              _Alignof(struct core_producers_entry), entries_max);
    pool_init(&shared->slots, budget, sizeof(struct core_producers_slot),
              _Alignof(struct core_producers_slot), slots_max);
}

void core_producers_shared_deinit(struct core_producers_shared *shared)
{
    pool_deinit(&shared->slots);
    pool_deinit(&shared->entries);
}

void core_producers_init(struct core_producers *p, struct core_producers_shared *shared,
                         uint32_t producers_max)
{
    ASSERT(producers_max > 0);
    *p = (struct core_producers){.shared = shared, .producers_max = producers_max};
    list_init(&p->by_index);
    list_init(&p->overlay);
}

void core_producers_reset(struct core_producers *p)
{
    ASSERT(p->reserved_count == 0);
    core_producers_drop(p, 0);
    while (p->folded_count > 0) {
        core_producers_expire(p);
    }
    ASSERT(p->by_id.count == 0);
    budget_free(p->shared->budget, p->by_id.buckets);
    core_producers_init(p, p->shared, p->producers_max);
}

enum core_producers_verdict core_producers_check(const struct core_producers *p,
                                                 const struct core_producers_batch *batch,
                                                 uint64_t next_offset,
                                                 struct core_producers_found *found)
{
    ASSERT(batch->producer_id >= 0);
    ASSERT(batch->epoch >= 0);
    ASSERT(batch->base_sequence >= 0);
    ASSERT(batch->last_offset_delta >= 0);
    const struct core_producers_entry *entry = core_producers_find(p, batch->producer_id);
    struct core_producers_last last = core_producers_last_of(entry);
    *found = (struct core_producers_found){.epoch = last.epoch};
    found->wanted_sequence = core_producers_wanted(last, batch, next_offset);
    if (batch->epoch < last.epoch) {
        return CORE_PRODUCERS_OLD_EPOCH;
    }
    if (batch->epoch == last.epoch) {
        enum core_producers_verdict verdict = core_producers_find_duplicate(entry, batch, found);
        if (verdict != CORE_PRODUCERS_APPEND) {
            return verdict;
        }
    }
    bool is_in_order =
        found->wanted_sequence == -1 || found->wanted_sequence == batch->base_sequence;
    return is_in_order ? CORE_PRODUCERS_APPEND : CORE_PRODUCERS_OUT_OF_ORDER;
}

enum err core_producers_reserve(struct core_producers *p, int64_t producer_id,
                                struct core_producers_slot **out)
{
    ASSERT(producer_id >= 0);
    *out = NULL;
    void *slot = NULL;
    enum err err = pool_acquire(&p->shared->slots, &slot);
    if (err != ERR_OK) {
        return err;
    }
    struct core_producers_entry *entry = core_producers_find(p, producer_id);
    if (entry == NULL) {
        err = core_producers_create(p, producer_id, &entry);
        if (err != ERR_OK) {
            pool_release(&p->shared->slots, slot);
            return err;
        }
    }
    *out = slot;
    (*out)->entry = entry;
    entry->reserved_count++;
    p->reserved_count++;
    return ERR_OK;
}

void core_producers_cancel(struct core_producers *p, struct core_producers_slot *slot)
{
    struct core_producers_entry *entry = slot->entry;
    ASSERT(!list_is_linked(&slot->in_overlay));
    ASSERT(entry->reserved_count > 0);
    entry->reserved_count--;
    p->reserved_count--;
    pool_release(&p->shared->slots, slot);
    core_producers_tidy(p, entry);
}

void core_producers_propose(struct core_producers *p, struct core_producers_slot *slot,
                            const struct core_producers_batch *batch, uint64_t index)
{
    struct core_producers_entry *entry = slot->entry;
    struct core_producers_found found;
    ASSERT(!list_is_linked(&slot->in_overlay));
    ASSERT(entry->producer_id == batch->producer_id);
    ASSERT(index > p->applied_index);
    struct list_node *last = list_last(&p->overlay);
    ASSERT(IMPLIES(last != NULL,
                   index > CONTAINER_OF(last, struct core_producers_slot, in_overlay)->index));
    VERIFY(core_producers_check(p, batch, batch->base_offset, &found) == CORE_PRODUCERS_APPEND);
    slot->index = index;
    slot->epoch = batch->epoch;
    slot->batch = core_producers_keep(batch);
    list_push_back(&p->overlay, &slot->in_overlay);
    list_push_back(&entry->overlay, &slot->in_entry);
    p->overlay_count++;
    entry->reserved_count--;
    p->reserved_count--;
}

void core_producers_commit(struct core_producers *p, uint64_t index)
{
    struct core_producers_slot *slot = core_producers_first(p);
    while (slot != NULL && slot->index <= index) {
        core_producers_settle(p, slot);
        slot = core_producers_first(p);
    }
    if (index > p->applied_index) {
        p->applied_index = index;
    }
}

enum err core_producers_apply(struct core_producers *p, const struct core_producers_batch *batch,
                              uint64_t index)
{
    if (index <= p->applied_index) {
        return ERR_OK;
    }
    struct core_producers_slot *slot = core_producers_first(p);
    if (slot != NULL && slot->index <= index) {
        ASSERT(slot->index == index);
        ASSERT(slot->entry->producer_id == batch->producer_id);
        core_producers_commit(p, index);
        return ERR_OK;
    }
    struct core_producers_entry *entry = core_producers_find(p, batch->producer_id);
    if (entry == NULL) {
        core_producers_make_room(p);
        enum err err = core_producers_create(p, batch->producer_id, &entry);
        if (err != ERR_OK) {
            return err;
        }
    }
    struct core_producers_kept kept = core_producers_keep(batch);
    core_producers_fold(p, entry, batch->epoch, &kept, index);
    return ERR_OK;
}

void core_producers_drop(struct core_producers *p, uint64_t first_index)
{
    for (struct list_node *node = list_last(&p->overlay); node != NULL;
         node = list_last(&p->overlay)) {
        struct core_producers_slot *slot =
            CONTAINER_OF(node, struct core_producers_slot, in_overlay);
        struct core_producers_entry *entry = slot->entry;
        if (slot->index < first_index) {
            break;
        }
        list_remove(&slot->in_overlay);
        list_remove(&slot->in_entry);
        p->overlay_count--;
        pool_release(&p->shared->slots, slot);
        core_producers_tidy(p, entry);
    }
}

size_t core_producers_bytes(const struct core_producers *p)
{
    size_t bytes = CORE_PRODUCERS_HEADER_BYTES;
    list_for_each (node, &p->by_index) {
        const struct core_producers_entry *entry =
            CONTAINER_OF(node, struct core_producers_entry, in_index);
        bytes += CORE_PRODUCERS_ENTRY_BYTES + entry->count * CORE_PRODUCERS_BATCH_BYTES;
    }
    return bytes;
}

void core_producers_put(const struct core_producers *p, struct bytes_writer *w)
{
    size_t bytes = core_producers_bytes(p);
    if (w->err == ERR_OK && bytes_writer_left(w) < bytes) {
        w->err = ERR_TOO_LARGE;
    }
    if (w->err != ERR_OK) {
        return;
    }
    size_t start = w->pos;
    bytes_put_u16le(w, CORE_PRODUCERS_VERSION);
    bytes_put_u16le(w, 0);
    bytes_put_u32le(w, p->folded_count);
    bytes_put_u64le(w, p->applied_index);
    list_for_each (node, &p->by_index) {
        const struct core_producers_entry *entry =
            CONTAINER_OF(node, struct core_producers_entry, in_index);
        bytes_put_u64le(w, (uint64_t)entry->producer_id);
        bytes_put_u64le(w, entry->last_index);
        bytes_put_u16le(w, (uint16_t)entry->epoch);
        bytes_put_u8(w, entry->count);
        bytes_put_zeros(w, CORE_PRODUCERS_ENTRY_ZEROS);
        for (uint32_t i = 0; i < entry->count; i++) {
            core_producers_put_batch(w, &entry->batches[i]);
        }
    }
    ASSERT(w->err == ERR_OK);
    ASSERT(w->pos == start + bytes);
}

enum err core_producers_get(struct core_producers *p, const void *data, size_t length)
{
    ASSERT(p->by_id.count == 0);
    ASSERT(p->applied_index == 0);
    struct bytes_reader r = bytes_reader(data, length);
    enum err err = core_producers_get_all(p, &r);
    if (err != ERR_OK) {
        core_producers_reset(p);
    }
    return err;
}

size_t core_producers_section_bytes(const struct core_producers *p, uint64_t index)
{
    return CORE_PRODUCERS_SECTION_BYTES + core_producers_bytes(p) +
           core_producers_count_overlay(p, index) * CORE_PRODUCERS_OVERLAY_BYTES;
}

/* Uncommitted batches up to `index`. */
static size_t core_producers_count_overlay(const struct core_producers *p, uint64_t index)
{
    size_t count = p->overlay_count;
    for (const struct list_node *node = p->overlay.head.prev; node != &p->overlay.head;
         node = node->prev) {
        if (CONTAINER_OF(node, const struct core_producers_slot, in_overlay)->index <= index) {
            break;
        }
        count--;
    }
    return count;
}

void core_producers_section_put(const struct core_producers *p, uint64_t index,
                                struct bytes_writer *w)
{
    size_t bytes = core_producers_section_bytes(p, index);
    ASSERT(index >= p->applied_index);
    if (w->err == ERR_OK && (bytes_writer_left(w) < bytes || bytes > UINT32_MAX)) {
        w->err = ERR_TOO_LARGE;
    }
    if (w->err != ERR_OK) {
        return;
    }
    size_t start = w->pos;
    bytes_put_u16le(w, CORE_PRODUCERS_SECTION_VERSION);
    bytes_put_u16le(w, 0);
    bytes_put_u32le(w, (uint32_t)core_producers_count_overlay(p, index));
    bytes_put_u64le(w, index);
    bytes_put_u32le(w, (uint32_t)core_producers_bytes(p));
    bytes_put_u32le(w, 0);
    core_producers_put(p, w);
    list_for_each (node, &p->overlay) {
        const struct core_producers_slot *slot =
            CONTAINER_OF(node, struct core_producers_slot, in_overlay);
        if (slot->index > index) {
            break;
        }
        bytes_put_u64le(w, slot->index);
        bytes_put_u64le(w, (uint64_t)slot->entry->producer_id);
        bytes_put_u16le(w, (uint16_t)slot->epoch);
        bytes_put_zeros(w, CORE_PRODUCERS_OVERLAY_ZEROS);
        core_producers_put_batch(w, &slot->batch);
    }
    ASSERT(w->err == ERR_OK);
    ASSERT(w->pos == start + bytes);
}

enum err core_producers_section_get(struct core_producers *p, const void *data, size_t length)
{
    ASSERT(p->by_id.count == 0);
    ASSERT(p->applied_index == 0);
    struct bytes_reader r = bytes_reader(data, length);
    enum err err = core_producers_section_get_all(p, &r);
    if (err != ERR_OK) {
        core_producers_reset(p);
    }
    return err;
}

static bool core_producers_is_id(const struct map_node *node, const void *wanted)
{
    const int64_t *producer_id = wanted;
    return CONTAINER_OF(node, const struct core_producers_entry, in_id)->producer_id ==
           *producer_id;
}

static uint64_t core_producers_hash(const struct core_producers *p, int64_t producer_id)
{
    return hash64(&producer_id, sizeof(producer_id), p->shared->seed);
}

static struct core_producers_entry *core_producers_find(const struct core_producers *p,
                                                        int64_t producer_id)
{
    if (p->by_id.count == 0) {
        return NULL;
    }
    struct map_node *node = map_find_equal(&p->by_id, core_producers_hash(p, producer_id),
                                           core_producers_is_id, &producer_id);
    return node != NULL ? CONTAINER_OF(node, struct core_producers_entry, in_id) : NULL;
}

/* A new entry, which nothing holds yet. */
static enum err core_producers_create(struct core_producers *p, int64_t producer_id,
                                      struct core_producers_entry **out)
{
    void *object = NULL;
    enum err err = p->by_id.count == p->by_id.capacity ? core_producers_grow(p) : ERR_OK;
    if (err == ERR_OK) {
        err = pool_acquire(&p->shared->entries, &object);
    }
    if (err != ERR_OK) {
        return err;
    }
    *out = object;
    (*out)->producer_id = producer_id;
    list_init(&(*out)->overlay);
    err = map_insert(&p->by_id, &(*out)->in_id, core_producers_hash(p, producer_id));
    ASSERT(err == ERR_OK); /* there was room */
    return ERR_OK;
}

/* Twice the buckets, the nodes in their old order. */
static enum err core_producers_grow(struct core_producers *p)
{
    uint32_t capacity =
        p->by_id.capacity == 0 ? CORE_PRODUCERS_CAPACITY_MIN : p->by_id.capacity * 2;
    void *buckets = NULL;
    enum err err = budget_alloc(p->shared->budget, capacity * sizeof(struct map_node *),
                                _Alignof(struct map_node *), &buckets);
    if (err != ERR_OK) {
        return err;
    }
    struct list nodes;
    list_init(&nodes);
    if (p->by_id.capacity > 0) {
        for (struct map_node *node = map_first(&p->by_id); node != NULL;
             node = map_first(&p->by_id)) {
            map_remove(&p->by_id, node);
            list_push_back(&nodes, &node->in_order);
        }
        budget_free(p->shared->budget, p->by_id.buckets);
    }
    map_init(&p->by_id, buckets, capacity);
    for (struct list_node *node = list_pop_front(&nodes); node != NULL;
         node = list_pop_front(&nodes)) {
        struct map_node *in_id = CONTAINER_OF(node, struct map_node, in_order);
        err = map_insert(&p->by_id, in_id, in_id->key);
        ASSERT(err == ERR_OK); /* more room than before */
    }
    return ERR_OK;
}

/* Give `entry` back if nothing holds it. */
static void core_producers_tidy(struct core_producers *p, struct core_producers_entry *entry)
{
    if (list_is_linked(&entry->in_index) || !list_is_empty(&entry->overlay) ||
        entry->reserved_count > 0) {
        return;
    }
    map_remove(&p->by_id, &entry->in_id);
    pool_release(&p->shared->entries, entry);
}

/* `entry` NULL: not known. */
static struct core_producers_last core_producers_last_of(const struct core_producers_entry *entry)
{
    struct core_producers_last last = {.epoch = -1, .last_sequence = -1};
    if (entry == NULL) {
        return last;
    }
    struct list_node *node = list_last(&entry->overlay);
    if (node != NULL) {
        const struct core_producers_slot *slot =
            CONTAINER_OF(node, struct core_producers_slot, in_entry);
        last.epoch = slot->epoch;
        last.last_sequence = core_producers_last_sequence(&slot->batch);
    } else if (entry->count > 0) {
        last.epoch = entry->epoch;
        last.last_sequence = core_producers_last_sequence(&entry->batches[entry->count - 1]);
    }
    return last;
}

/* Sequences are numbers of 31 bits that go round. */
static int32_t core_producers_last_sequence(const struct core_producers_kept *batch)
{
    uint32_t sum = (uint32_t)batch->base_sequence + (uint32_t)batch->last_offset_delta;
    return (int32_t)(sum & INT32_MAX);
}

/* The base sequence that is in order; -1: any is. */
static int32_t core_producers_wanted(struct core_producers_last last,
                                     const struct core_producers_batch *batch, uint64_t next_offset)
{
    if (last.epoch == -1) {
        return next_offset == 0 ? 0 : -1;
    }
    if (batch->epoch > last.epoch) {
        return 0;
    }
    return last.last_sequence == INT32_MAX ? 0 : last.last_sequence + 1;
}

/* APPEND: none of the producer's last batches, whose epoch is the batch's. */
static enum core_producers_verdict core_producers_find_duplicate(
    const struct core_producers_entry *entry, const struct core_producers_batch *batch,
    struct core_producers_found *found)
{
    uint32_t left_count = CORE_PRODUCERS_BATCHES;
    for (struct list_node *node = entry->overlay.head.prev;
         node != &entry->overlay.head && left_count > 0; node = node->prev, left_count--) {
        const struct core_producers_slot *slot =
            CONTAINER_OF(node, struct core_producers_slot, in_entry);
        if (slot->epoch != batch->epoch) {
            return CORE_PRODUCERS_APPEND; /* and so is all before it */
        }
        if (core_producers_is_same(&slot->batch, batch, found)) {
            found->index = slot->index;
            return CORE_PRODUCERS_IN_FLIGHT;
        }
    }
    if (entry->count == 0 || entry->epoch != batch->epoch) {
        return CORE_PRODUCERS_APPEND;
    }
    for (uint32_t i = entry->count; i > 0 && left_count > 0; i--, left_count--) {
        if (core_producers_is_same(&entry->batches[i - 1], batch, found)) {
            return CORE_PRODUCERS_DUPLICATE;
        }
    }
    return CORE_PRODUCERS_APPEND;
}

static bool core_producers_is_same(const struct core_producers_kept *kept,
                                   const struct core_producers_batch *batch,
                                   struct core_producers_found *found)
{
    if (kept->base_sequence != batch->base_sequence ||
        kept->last_offset_delta != batch->last_offset_delta) {
        return false;
    }
    found->base_offset = kept->base_offset;
    found->timestamp = kept->timestamp;
    return true;
}

static struct core_producers_kept core_producers_keep(const struct core_producers_batch *batch)
{
    return (struct core_producers_kept){
        .base_offset = batch->base_offset,
        .timestamp = batch->timestamp,
        .base_sequence = batch->base_sequence,
        .last_offset_delta = batch->last_offset_delta,
    };
}

/* The batch of the committed entry at `index` becomes the producer's last. */
static void core_producers_fold(struct core_producers *p, struct core_producers_entry *entry,
                                int16_t epoch, const struct core_producers_kept *batch,
                                uint64_t index)
{
    ASSERT(index > p->applied_index);
    if (list_is_linked(&entry->in_index)) {
        list_remove(&entry->in_index);
    } else {
        p->folded_count++;
    }
    if (entry->epoch != epoch) {
        entry->count = 0;
    }
    if (entry->count == CORE_PRODUCERS_BATCHES) {
        for (uint32_t i = 1; i < CORE_PRODUCERS_BATCHES; i++) {
            entry->batches[i - 1] = entry->batches[i];
        }
        entry->count--;
    }
    entry->batches[entry->count++] = *batch;
    entry->epoch = epoch;
    entry->last_index = index;
    list_push_back(&p->by_index, &entry->in_index);
    p->applied_index = index;
    if (p->folded_count > p->producers_max) {
        core_producers_expire(p);
    }
}

/* Before a producer enters a full fold: the one that it expires goes first where that frees its
 * entry, so that a full fold takes any number of producers in one memory, and creating the entry
 * cannot fail after the fold was changed. */
static void core_producers_make_room(struct core_producers *p)
{
    if (p->folded_count < p->producers_max) {
        return;
    }
    const struct core_producers_entry *entry =
        CONTAINER_OF(list_first(&p->by_index), struct core_producers_entry, in_index);
    if (list_is_empty(&entry->overlay) && entry->reserved_count == 0) {
        core_producers_expire(p);
    }
}

/* The producer whose last batch is the oldest leaves the fold. */
static void core_producers_expire(struct core_producers *p)
{
    struct list_node *node = list_pop_front(&p->by_index);
    ASSERT(node != NULL);
    struct core_producers_entry *entry = CONTAINER_OF(node, struct core_producers_entry, in_index);
    entry->count = 0;
    p->folded_count--;
    core_producers_tidy(p, entry);
}

/* The overlay's first batch was committed. */
static void core_producers_settle(struct core_producers *p, struct core_producers_slot *slot)
{
    struct core_producers_entry *entry = slot->entry;
    list_remove(&slot->in_overlay);
    list_remove(&slot->in_entry);
    p->overlay_count--;
    core_producers_fold(p, entry, slot->epoch, &slot->batch, slot->index);
    pool_release(&p->shared->slots, slot);
}

/* NULL: the overlay is empty. */
static struct core_producers_slot *core_producers_first(const struct core_producers *p)
{
    struct list_node *node = list_first(&p->overlay);
    return node != NULL ? CONTAINER_OF(node, struct core_producers_slot, in_overlay) : NULL;
}

static enum err core_producers_get_all(struct core_producers *p, struct bytes_reader *r)
{
    uint16_t version = bytes_get_u16le(r);
    uint16_t reserved = bytes_get_u16le(r);
    uint32_t count = bytes_get_u32le(r);
    uint64_t applied_index = bytes_get_u64le(r);
    if (r->err != ERR_OK) {
        return r->err;
    }
    if (version != CORE_PRODUCERS_VERSION) {
        return version > CORE_PRODUCERS_VERSION ? ERR_UNSUPPORTED : ERR_CORRUPT;
    }
    if (reserved != 0 || applied_index > LOG_NUMBER_MAX) {
        return ERR_CORRUPT;
    }
    for (uint32_t i = 0; i < count; i++) {
        enum err err = core_producers_get_entry(p, r, applied_index);
        if (err != ERR_OK) {
            return err;
        }
    }
    p->applied_index = applied_index;
    return bytes_reader_left(r) == 0 ? ERR_OK : ERR_CORRUPT;
}

/* The fold's next producer. `p->applied_index` is the one before's last index. */
static enum err core_producers_get_entry(struct core_producers *p, struct bytes_reader *r,
                                         uint64_t applied_index)
{
    uint64_t producer_id = bytes_get_u64le(r);
    uint64_t last_index = bytes_get_u64le(r);
    uint16_t epoch = bytes_get_u16le(r);
    uint8_t count = bytes_get_u8(r);
    uint64_t zeros = bytes_get_u8(r);
    zeros |= bytes_get_u32le(r);
    struct core_producers_kept batches[CORE_PRODUCERS_BATCHES];
    if (r->err != ERR_OK) {
        return r->err;
    }
    if (producer_id > INT64_MAX || last_index <= p->applied_index || last_index > applied_index ||
        epoch > INT16_MAX || count == 0 || count > CORE_PRODUCERS_BATCHES || zeros != 0) {
        return ERR_CORRUPT;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!core_producers_get_batch(r, &batches[i])) {
            return r->err;
        }
    }
    if (core_producers_find(p, (int64_t)producer_id) != NULL) {
        return ERR_CORRUPT;
    }
    struct core_producers_entry *entry = NULL;
    core_producers_make_room(p);
    enum err err = core_producers_create(p, (int64_t)producer_id, &entry);
    if (err != ERR_OK) {
        return err;
    }
    core_producers_fold(p, entry, (int16_t)epoch, &batches[0], last_index);
    for (uint32_t i = 1; i < count; i++) {
        entry->batches[entry->count++] = batches[i];
    }
    return ERR_OK;
}

static bool core_producers_get_batch(struct bytes_reader *r, struct core_producers_kept *out)
{
    uint64_t base_offset = bytes_get_u64le(r);
    uint64_t timestamp = bytes_get_u64le(r);
    uint32_t base_sequence = bytes_get_u32le(r);
    uint32_t last_offset_delta = bytes_get_u32le(r);
    if (base_offset > LOG_NUMBER_MAX || base_sequence > INT32_MAX ||
        last_offset_delta > INT32_MAX) {
        bytes_reader_fail(r, ERR_CORRUPT);
    }
    *out = (struct core_producers_kept){base_offset, (int64_t)timestamp, (int32_t)base_sequence,
                                        (int32_t)last_offset_delta};
    return r->err == ERR_OK;
}

static void core_producers_put_batch(struct bytes_writer *w,
                                     const struct core_producers_kept *batch)
{
    bytes_put_u64le(w, batch->base_offset);
    bytes_put_u64le(w, (uint64_t)batch->timestamp);
    bytes_put_u32le(w, (uint32_t)batch->base_sequence);
    bytes_put_u32le(w, (uint32_t)batch->last_offset_delta);
}

static enum err core_producers_section_get_all(struct core_producers *p, struct bytes_reader *r)
{
    uint16_t version = bytes_get_u16le(r);
    uint16_t reserved = bytes_get_u16le(r);
    uint32_t count = bytes_get_u32le(r);
    uint64_t index = bytes_get_u64le(r);
    uint32_t fold_bytes = bytes_get_u32le(r);
    uint32_t zeros = bytes_get_u32le(r);
    if (r->err != ERR_OK) {
        return r->err;
    }
    if (version != CORE_PRODUCERS_SECTION_VERSION) {
        return version > CORE_PRODUCERS_SECTION_VERSION ? ERR_UNSUPPORTED : ERR_CORRUPT;
    }
    if ((reserved | zeros) != 0 || index > LOG_NUMBER_MAX) {
        return ERR_CORRUPT;
    }
    const uint8_t *fold = bytes_get_view(r, fold_bytes);
    enum err err = r->err == ERR_OK ? core_producers_get(p, fold, fold_bytes) : r->err;
    for (uint32_t i = 0; i < count && err == ERR_OK; i++) {
        err = core_producers_get_overlay(p, r, index);
    }
    if (err != ERR_OK) {
        return err;
    }
    if (p->applied_index > index || bytes_reader_left(r) > 0) {
        return ERR_CORRUPT;
    }
    p->applied_index = index;
    return ERR_OK;
}

/* A batch that was not committed then. */
static enum err core_producers_get_overlay(struct core_producers *p, struct bytes_reader *r,
                                           uint64_t index_max)
{
    uint64_t index = bytes_get_u64le(r);
    uint64_t producer_id = bytes_get_u64le(r);
    uint16_t epoch = bytes_get_u16le(r);
    uint64_t zeros = bytes_get_u16le(r);
    zeros |= bytes_get_u32le(r);
    struct core_producers_kept kept;
    if (!core_producers_get_batch(r, &kept)) {
        return r->err;
    }
    if (index <= p->applied_index || index > index_max || producer_id > INT64_MAX ||
        epoch > INT16_MAX || zeros != 0) {
        return ERR_CORRUPT;
    }
    struct core_producers_batch batch = {
        .producer_id = (int64_t)producer_id,
        .epoch = (int16_t)epoch,
        .base_sequence = kept.base_sequence,
        .last_offset_delta = kept.last_offset_delta,
        .base_offset = kept.base_offset,
        .timestamp = kept.timestamp,
    };
    return core_producers_apply(p, &batch, index);
}
