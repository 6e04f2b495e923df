/* Batches of producers: judged, remembered, and what was remembered before this start. See
 * idempotence.h.
 *
 *     (nothing known) -> LEADING -> QUEUED -> READING -> LOADED
 *
 * A fold that is LOADED is *known* as long as this node leads in the term in which it was read: all
 * entries that are not in it are in the overlay. Afterwards others may have appended, and it is
 * read on from where it stands; so it is after a read that failed.
 *
 * A producer that is not known may begin anywhere (producers.h). So when its first batch is turned
 * away for want of something, and the next one, sent before the answer, is not, the first could
 * never be let in. Some that were turned away are remembered: until they come again, batches of
 * theirs that do not begin there are out of order, which a client tries again, too. */
#include "broker/core/idempotence.h"

#include "base/assert.h"
#include "base/diag.h"
#include "base/rt/clock.h"
#include "broker/core/append.h"
#include "broker/core/core.h"
#include "broker/core/partition.h"
#include "raft/driver/feed.h"
#include "storage/log/snaps.h"

/* What a partition's producers wait for. */
enum core_idempotence_stage {
    CORE_IDEMPOTENCE_CLOSED,  /* the partition closes */
    CORE_IDEMPOTENCE_LEADING, /* that the group's term has begun */
    CORE_IDEMPOTENCE_QUEUED,  /* that less is read at a time */
    CORE_IDEMPOTENCE_READING, /* section and entries */
    CORE_IDEMPOTENCE_LOADED,  /* nothing */
};

/* Batches of unknown producers that were turned away, of one partition. */
#define CORE_IDEMPOTENCE_REFUSED_MAX 16u

/* Such a batch. */
struct core_idempotence_refused {
    int64_t producer_id;   /* whose */
    int32_t base_sequence; /* its first record's */
    int16_t epoch;         /* its producer's then */
};

/* The producers of a partition. */
struct core_idempotence {
    struct core_partition *part;        /* whose */
    struct core_producers producers;    /* fold and overlay */
    struct list waiting;                /* core_append.in_waiting: until the fold is known */
    struct list repeats;                /* core_pending.in_partition: batches that were let in once
                                           before, until that is as safe as they ask for */
    struct list_node in_shard;          /* core_idempotence_shared.queued or .loaded */
    struct core_idempotence_load *load; /* reads the fold; NULL: nothing does */
    uint64_t target_index;              /* the fold is read up to here, at least */
    uint32_t term;                      /* in which it is known; 0: none */
    uint32_t waiting_count;             /* of `waiting` */
    uint8_t stage;                      /* enum core_idempotence_stage */
    uint8_t refused_count;              /* of `refused` */
    uint8_t refused_next;               /* where the next one goes when it is full */
    struct core_idempotence_refused refused[CORE_IDEMPOTENCE_REFUSED_MAX]; /* turned away */
};

/* A fold being read. */
struct core_idempotence_load {
    struct core_idempotence *idem; /* whose */
    struct log_snap_read snap;     /* the section */
    struct raft_feed feed;         /* the entries behind it */
    bool is_feed_open;             /* `feed` is in use */
};

static bool core_idempotence_is_known(const struct core_partition *part);
static enum err core_idempotence_load(struct core_partition *part);
static enum err core_idempotence_new(struct core_partition *part, struct core_idempotence **out);
static void core_idempotence_wait(struct core_idempotence *idem, struct core_append *append);
static void core_idempotence_repeat(struct core_idempotence *idem, struct core_append *append,
                                    const struct core_producers_found *found);
static bool core_idempotence_is_safe(const struct core_partition *part, int16_t acks,
                                     uint64_t index, uint64_t next_offset);
static void core_idempotence_tell(struct core_idempotence *idem);
static struct core_idempotence_refused *core_idempotence_find_refused(struct core_idempotence *idem,
                                                                      int64_t producer_id);
static bool core_idempotence_is_early(struct core_idempotence *idem,
                                      const struct core_producers_batch *batch);
static void core_idempotence_say_refused(struct core_partition *part,
                                         const struct core_producers_batch *batch,
                                         const struct core_producers_found *found);
static void core_idempotence_refuse_waiting(struct core_idempotence *idem, enum core_code code);
static void core_idempotence_queue(struct core_idempotence *idem, uint64_t target_index);
static void core_idempotence_run_queue(struct core_shard *cs);
static void core_idempotence_read(struct core_idempotence_load *load, uint64_t index);
static void core_idempotence_snap_done(struct log_snap_read *read);
static enum err core_idempotence_take_section(struct core_idempotence_load *load);
static void core_idempotence_feed(struct core_idempotence_load *load);
static void core_idempotence_fed(struct raft_feed *feed);
static enum err core_idempotence_fold(struct core_idempotence_load *load);
static void core_idempotence_end(struct core_idempotence_load *load, enum err err);
static void core_idempotence_fail(struct core_idempotence *idem, enum err err);
static void core_idempotence_loaded(struct core_idempotence *idem);
static bool core_idempotence_give_up(struct core_shard *cs, const struct core_idempotence *wants,
                                     enum err err);
static void core_idempotence_forget(struct core_idempotence *idem);
static struct buf_slice core_idempotence_give(void *ctx, struct log *log, uint64_t first_index);

/* --- Life --- */

void core_idempotence_shared_init(struct core_idempotence_shared *shared, struct budget *budget,
                                  size_t memory_max, uint32_t pendings_max, uint64_t seed)
{
    *shared = (struct core_idempotence_shared){.producers_max = CORE_PRODUCERS_MAX_DEFAULT};
    budget_init(&shared->budget, "producers", memory_max, budget);
    core_producers_shared_init(&shared->producers, &shared->budget, CORE_IDEMPOTENCE_ENTRIES_MAX,
                               pendings_max, seed);
    pool_init(&shared->states, &shared->budget, sizeof(struct core_idempotence), 64,
              LIMIT_PARTITIONS_COUNT);
    pool_init(&shared->loads, &shared->budget, sizeof(struct core_idempotence_load), 64,
              CORE_IDEMPOTENCE_LOADS_MAX);
    list_init(&shared->queued);
    list_init(&shared->loaded);
}

void core_idempotence_shared_deinit(struct core_idempotence_shared *shared)
{
    ASSERT(list_is_empty(&shared->queued));
    ASSERT(list_is_empty(&shared->loaded));
    pool_deinit(&shared->loads);
    pool_deinit(&shared->states);
    core_producers_shared_deinit(&shared->producers);
    budget_deinit(&shared->budget);
}

void core_idempotence_begin(struct core_partition *part)
{
    log_sections_set(part->group.log, core_idempotence_give, part);
}

void core_idempotence_close(struct core_partition *part, enum core_code code)
{
    struct core_idempotence *idem = part->idempotence;
    if (!part->is_closed) {
        log_sections_set(part->group.log, NULL, NULL);
    }
    if (idem == NULL) {
        return;
    }
    core_idempotence_refuse_waiting(idem, code);
    list_for_each_safe (node, next, &idem->repeats) {
        struct core_pending *pending = CONTAINER_OF(node, struct core_pending, in_partition);
        core_pending_answer(pending, code);
        core_pending_free(pending);
    }
    if (list_is_linked(&idem->in_shard)) {
        list_remove(&idem->in_shard);
    }
    idem->stage = CORE_IDEMPOTENCE_CLOSED;
}

void core_idempotence_free(struct core_partition *part)
{
    if (part->idempotence != NULL) {
        core_idempotence_forget(part->idempotence);
    }
}

/* Nothing is known of the partition's producers any more. */
static void core_idempotence_forget(struct core_idempotence *idem)
{
    struct core_partition *part = idem->part;
    ASSERT(idem->load == NULL);
    ASSERT(list_is_empty(&idem->waiting));
    ASSERT(list_is_empty(&idem->repeats));
    if (list_is_linked(&idem->in_shard)) {
        list_remove(&idem->in_shard);
    }
    core_producers_reset(&idem->producers);
    part->idempotence = NULL;
    pool_release(&part->cs->idempotence.states, idem);
}

/* `wants` (NULL: a new one) had `err`: whether memory was found for it, so that it may try again.
 */
static bool core_idempotence_give_up(struct core_shard *cs, const struct core_idempotence *wants,
                                     enum err err)
{
    struct core_idempotence_shared *shared = &cs->idempotence;
    if (err != ERR_BUDGET && err != ERR_FULL) {
        return false;
    }
    list_for_each (node, &shared->loaded) {
        struct core_idempotence *idem = CONTAINER_OF(node, struct core_idempotence, in_shard);
        if (idem != wants && idem->producers.by_id.count > 0 &&
            idem->producers.overlay_count == 0 && list_is_empty(&idem->repeats)) {
            shared->given_up_count++;
            core_idempotence_forget(idem);
            return true;
        }
    }
    return false;
}

/* --- Batches in --- */

static struct core_producers_batch core_idempotence_batch(const struct core_append *append)
{
    const struct log_batch *batch = &append->info->batch;
    return (struct core_producers_batch){
        .producer_id = batch->producer_id,
        .epoch = batch->producer_epoch,
        .base_sequence = batch->base_sequence,
        .last_offset_delta = batch->last_offset_delta,
        .base_offset = append->base_offset,
        .timestamp =
            append->append_time_ms >= 0 ? append->append_time_ms : append->info->max_timestamp,
    };
}

bool core_idempotence_admit(struct core_partition *part, struct core_append *append)
{
    if (!core_idempotence_is_known(part)) {
        enum err err = core_idempotence_load(part);
        if (err == ERR_NOT_LEADER) {
            append->leader = raft_group_leader(&part->group);
            append->leader_epoch = (int32_t)raft_group_term_shown(&part->group);
        }
        if (err != ERR_OK) {
            append->code = core_code_of(err);
            core_partition_refuse(part, append);
            return false;
        }
        if (!core_idempotence_is_known(part)) {
            core_idempotence_wait(part->idempotence, append);
            return false;
        }
    }
    struct core_idempotence *idem = part->idempotence;
    struct core_producers_batch batch = core_idempotence_batch(append);
    struct core_producers_found found;
    list_remove(&idem->in_shard);
    list_push_back(&part->cs->idempotence.loaded, &idem->in_shard);
    enum core_producers_verdict verdict = core_producers_check(
        &idem->producers, &batch, raft_group_next_offset(&part->group), &found);
    if (verdict == CORE_PRODUCERS_APPEND && found.epoch == -1 &&
        core_idempotence_is_early(idem, &batch)) {
        verdict = CORE_PRODUCERS_OUT_OF_ORDER;
    }
    if (verdict == CORE_PRODUCERS_APPEND) {
        return true;
    }
    if (verdict == CORE_PRODUCERS_DUPLICATE || verdict == CORE_PRODUCERS_IN_FLIGHT) {
        core_idempotence_repeat(idem, append, &found);
        return false;
    }
    core_idempotence_say_refused(part, &batch, &found);
    append->code = verdict == CORE_PRODUCERS_OLD_EPOCH ? CORE_PRODUCER_FENCED : CORE_OUT_OF_ORDER;
    core_partition_refuse(part, append);
    return false;
}

void core_idempotence_refused(struct core_partition *part, const struct core_append *append)
{
    struct core_idempotence *idem = part->idempotence;
    bool is_for_good = append->code == CORE_OUT_OF_ORDER || append->code == CORE_PRODUCER_FENCED;
    if (idem == NULL || is_for_good) {
        return;
    }
    struct core_producers_batch batch = core_idempotence_batch(append);
    struct core_idempotence_refused *refused =
        core_idempotence_find_refused(idem, batch.producer_id);
    if (refused != NULL && refused->epoch >= batch.epoch) {
        return; /* the first one counts */
    }
    if (refused == NULL && idem->refused_count < CORE_IDEMPOTENCE_REFUSED_MAX) {
        refused = &idem->refused[idem->refused_count++];
    } else if (refused == NULL) {
        refused = &idem->refused[idem->refused_next];
        idem->refused_next = (uint8_t)((idem->refused_next + 1) % CORE_IDEMPOTENCE_REFUSED_MAX);
    }
    *refused = (struct core_idempotence_refused){
        .producer_id = batch.producer_id,
        .base_sequence = batch.base_sequence,
        .epoch = batch.epoch,
    };
}

static struct core_idempotence_refused *core_idempotence_find_refused(struct core_idempotence *idem,
                                                                      int64_t producer_id)
{
    for (uint32_t i = 0; i < idem->refused_count; i++) {
        if (idem->refused[i].producer_id == producer_id) {
            return &idem->refused[i];
        }
    }
    return NULL;
}

/* Whether an unknown producer's batch comes before one that was turned away. */
static bool core_idempotence_is_early(struct core_idempotence *idem,
                                      const struct core_producers_batch *batch)
{
    const struct core_idempotence_refused *refused =
        core_idempotence_find_refused(idem, batch->producer_id);
    return refused != NULL && refused->epoch == batch->epoch &&
           refused->base_sequence != batch->base_sequence;
}

static void core_idempotence_say_refused(struct core_partition *part,
                                         const struct core_producers_batch *batch,
                                         const struct core_producers_found *found)
{
    DIAG_DEBUG(part->cs->diag, "core", "a producer's batch is not the next one",
               DIAG_U64("group", part->in_map.key), DIAG_I64("producer_id", batch->producer_id),
               DIAG_I64("epoch", batch->epoch), DIAG_I64("base_sequence", batch->base_sequence),
               DIAG_I64("known_epoch", found->epoch),
               DIAG_I64("wanted_sequence", found->wanted_sequence));
}

enum err core_idempotence_reserve(struct core_partition *part, const struct core_append *append,
                                  struct core_producers_slot **out)
{
    struct core_idempotence *idem = part->idempotence;
    *out = NULL;
    if (!append->info->has_producer) {
        return ERR_OK;
    }
    enum err err;
    do {
        err = core_producers_reserve(&idem->producers, append->info->batch.producer_id, out);
    } while (core_idempotence_give_up(idem->part->cs, idem, err));
    return err;
}

void core_idempotence_proposed(struct core_partition *part, const struct core_append *append,
                               struct core_producers_slot *slot,
                               const struct raft_proposal *proposal)
{
    struct core_idempotence *idem = part->idempotence;
    if (slot == NULL) {
        if (proposal != NULL && proposal->index == 2 && idem == NULL) {
            part->plain_term = proposal->term; /* entry 1 is that term's no-op */
        }
        return;
    }
    if (proposal == NULL) {
        core_producers_cancel(&idem->producers, slot);
        return;
    }
    struct core_producers_batch batch = core_idempotence_batch(append);
    core_producers_propose(&idem->producers, slot, &batch, proposal->index);
    struct core_idempotence_refused *refused =
        core_idempotence_find_refused(idem, batch.producer_id);
    if (refused != NULL) {
        *refused = idem->refused[--idem->refused_count];
        idem->refused_next = 0;
    }
}

void core_idempotence_failed(struct core_partition *part, uint64_t index, enum err err)
{
    struct core_idempotence *idem = part->idempotence;
    if (idem == NULL) {
        return;
    }
    core_producers_drop(&idem->producers, index);
    list_for_each_safe (node, next, &idem->repeats) {
        struct core_pending *pending = CONTAINER_OF(node, struct core_pending, in_partition);
        if (pending->proposal.index == index) {
            core_pending_fail(pending, err);
        }
    }
}

/* --- Batches that were let in before --- */

static void core_idempotence_repeat(struct core_idempotence *idem, struct core_append *append,
                                    const struct core_producers_found *found)
{
    struct core_partition *part = idem->part;
    struct core_shard *cs = part->cs;
    uint64_t next_offset = found->base_offset + (uint64_t)append->info->batch.last_offset_delta + 1;
    cs->idempotence.duplicate_count++;
    core_loans_return(&cs->loans, append->loan);
    append->loan = NULL;
    append->base_offset = found->base_offset;
    append->append_time_ms = part->config.is_append_time ? found->timestamp : -1;
    append->log_start_offset = core_partition_log_start(part);
    if (core_idempotence_is_safe(part, append->acks, found->index, next_offset)) {
        append->code = CORE_OK;
        core_call_end(cs, &append->call);
        return;
    }
    void *object;
    enum err err = pool_acquire(&cs->pending_pool, &object);
    if (err != ERR_OK) {
        append->code = core_code_of(err);
        core_call_end(cs, &append->call);
        return;
    }
    struct core_pending *pending = object;
    *pending = (struct core_pending){.part = part,
                                     .append = append,
                                     .next_offset = next_offset,
                                     .proposal = {.index = found->index}};
    rt_timer_init(&pending->deadline, cs->shard, core_pending_late);
    list_push_back(&idem->repeats, &pending->in_partition);
    if (append->acks == -1) {
        rt_timer_start(&pending->deadline,
                       rt_now_ns(cs->shard) + (uint64_t)append->timeout_ms * RT_NS_PER_MS);
    }
}

/* Whether a batch up to `next_offset`, entry `index` (0: committed), may be answered, as it was the
 * first time. A committed one may have to wait, too: for more replicas than a majority. */
static bool core_idempotence_is_safe(const struct core_partition *part, int16_t acks,
                                     uint64_t index, uint64_t next_offset)
{
    if (index > 0) {
        return acks == 0 || index <= core_partition_acks_index(part, acks);
    }
    return acks != -1 || part->config.durability == CORE_DURABILITY_LEADER ||
           next_offset <= part->hw_offset;
}

static void core_idempotence_tell(struct core_idempotence *idem)
{
    list_for_each_safe (node, next, &idem->repeats) {
        struct core_pending *pending = CONTAINER_OF(node, struct core_pending, in_partition);
        const struct core_append *append = pending->append;
        if (append == NULL ||
            core_idempotence_is_safe(idem->part, append->acks, pending->proposal.index,
                                     pending->next_offset)) {
            core_pending_answer(pending, CORE_OK);
            core_pending_free(pending);
        }
    }
}

/* --- What is known --- */

static bool core_idempotence_is_known(const struct core_partition *part)
{
    const struct core_idempotence *idem = part->idempotence;
    return idem != NULL && idem->stage == CORE_IDEMPOTENCE_LOADED &&
           raft_group_role(&part->group) == RAFT_LEADER &&
           raft_group_term(&part->group) == idem->term;
}

const struct core_producers *core_idempotence_producers(const struct core_partition *part)
{
    return core_idempotence_is_known(part) ? &part->idempotence->producers : NULL;
}

/* Whether no entry is a producer's. */
static bool core_idempotence_is_plain(const struct core_partition *part)
{
    return part->plain_term != 0 && raft_group_role(&part->group) == RAFT_LEADER &&
           raft_group_term(&part->group) == part->plain_term;
}

void core_idempotence_moved(struct core_partition *part)
{
    struct core_idempotence *idem = part->idempotence;
    uint64_t committed = raft_group_indexes(&part->group)->committed;
    if (part->wants_producers) {
        part->wants_producers = false;
        if (!core_idempotence_is_known(part) && core_idempotence_load(part) != ERR_OK) {
            return; /* the next segment asks again, or the next batch */
        }
        idem = part->idempotence;
    }
    if (idem == NULL) {
        return;
    }
    if (core_idempotence_is_known(part)) {
        core_producers_commit(&idem->producers, committed);
    }
    core_idempotence_tell(idem);
    if (idem->stage != CORE_IDEMPOTENCE_LEADING) {
        return;
    }
    if (raft_group_role(&part->group) != RAFT_LEADER ||
        raft_group_term(&part->group) != idem->term) {
        core_idempotence_fail(idem, ERR_AGAIN);
    } else if (raft_group_is_ready(&part->group)) {
        core_idempotence_queue(idem, committed);
    }
}

/* Know the producers, or begin to read what there is to know. It is a use of the group. */
static enum err core_idempotence_load(struct core_partition *part)
{
    struct core_idempotence *idem = part->idempotence;
    if (idem != NULL && idem->stage != CORE_IDEMPOTENCE_LOADED) {
        return ERR_OK; /* under way */
    }
    struct log_status status = core_partition_status(part);
    uint64_t committed = raft_group_indexes(&part->group)->committed;
    enum err err = raft_group_activate(&part->group);
    if (err == ERR_OK && idem == NULL) {
        err = core_idempotence_new(part, &idem);
    } else if (err == ERR_OK) {
        core_producers_drop(&idem->producers, 0);
        list_remove(&idem->in_shard);
    }
    if (err != ERR_OK) {
        return err;
    }
    bool is_empty = status.end.index == 0 || core_idempotence_is_plain(part);
    part->plain_term = 0;
    idem->term = raft_group_term(&part->group);
    idem->stage = CORE_IDEMPOTENCE_LEADING;
    if (is_empty) {
        core_producers_commit(&idem->producers, committed);
        core_idempotence_loaded(idem);
    } else if (status.end.index == committed) { /* the no-op and what follows are our own */
        core_idempotence_queue(idem, committed);
    }
    return ERR_OK;
}

static enum err core_idempotence_new(struct core_partition *part, struct core_idempotence **out)
{
    struct core_idempotence_shared *shared = &part->cs->idempotence;
    void *object;
    enum err err;
    do {
        err = pool_acquire(&shared->states, &object);
    } while (core_idempotence_give_up(part->cs, NULL, err));
    if (err != ERR_OK) {
        return err;
    }
    struct core_idempotence *idem = object;
    idem->part = part;
    list_init(&idem->waiting);
    list_init(&idem->repeats);
    core_producers_init(&idem->producers, &shared->producers, shared->producers_max);
    part->idempotence = idem;
    *out = idem;
    return ERR_OK;
}

static void core_idempotence_wait(struct core_idempotence *idem, struct core_append *append)
{
    if (idem->waiting_count == CORE_IDEMPOTENCE_WAITING_MAX) {
        append->code = CORE_NOT_AVAILABLE;
        core_partition_refuse(idem->part, append);
        return;
    }
    idem->waiting_count++;
    list_push_back(&idem->waiting, &append->in_waiting);
}

static struct core_append *core_idempotence_next(struct core_idempotence *idem)
{
    struct list_node *node = list_pop_front(&idem->waiting);
    if (node == NULL) {
        return NULL;
    }
    idem->waiting_count--;
    return CONTAINER_OF(node, struct core_append, in_waiting);
}

static void core_idempotence_refuse_waiting(struct core_idempotence *idem, enum core_code code)
{
    struct core_append *append;
    while ((append = core_idempotence_next(idem)) != NULL) {
        append->code = code;
        core_partition_refuse(idem->part, append);
    }
}

/* --- Reading the fold --- */

static void core_idempotence_queue(struct core_idempotence *idem, uint64_t target_index)
{
    struct core_shard *cs = idem->part->cs;
    idem->target_index = target_index;
    idem->stage = CORE_IDEMPOTENCE_QUEUED;
    list_push_back(&cs->idempotence.queued, &idem->in_shard);
    core_idempotence_run_queue(cs);
}

/* Read the folds that wait, as many as may be read at a time. */
static void core_idempotence_run_queue(struct core_shard *cs)
{
    struct core_idempotence_shared *shared = &cs->idempotence;
    struct list_node *node;
    if (shared->is_running) {
        return; /* called from below */
    }
    shared->is_running = true;
    while ((node = list_first(&shared->queued)) != NULL) {
        struct core_idempotence *idem = CONTAINER_OF(node, struct core_idempotence, in_shard);
        void *object;
        enum err err = pool_acquire(&shared->loads, &object);
        if (err != ERR_OK && shared->loads.in_use_count > 0) {
            break; /* the end of one of those comes here again */
        }
        list_remove(node);
        if (err != ERR_OK) {
            core_idempotence_fail(idem, err);
            continue;
        }
        idem->load = object;
        idem->load->idem = idem;
        idem->stage = CORE_IDEMPOTENCE_READING;
        idem->part->readings_count++;
        shared->loads_count++;
        if (idem->producers.applied_index > 0) {
            core_idempotence_feed(idem->load);
        } else {
            core_idempotence_read(idem->load, idem->target_index + 1);
        }
    }
    shared->is_running = false;
}

/* The newest section at or before `index`. */
static void core_idempotence_read(struct core_idempotence_load *load, uint64_t index)
{
    load->snap = (struct log_snap_read){.done = core_idempotence_snap_done,
                                        .ctx = load,
                                        .log = load->idem->part->group.log,
                                        .index = index,
                                        .kind = LOG_SNAP_PRODUCERS};
    log_snap_read(&load->snap);
}

static void core_idempotence_snap_done(struct log_snap_read *read)
{
    struct core_idempotence_load *load = read->ctx;
    struct core_partition *part = load->idem->part;
    uint64_t first_index = read->snap.first_index;
    enum err err = read->err;
    if (err == ERR_OK) {
        err = part->is_closing ? ERR_CLOSING : core_idempotence_take_section(load);
        log_snap_release(read);
    }
    if (part->is_closing) {
        core_idempotence_end(load, ERR_CLOSING);
    } else if (err == ERR_OK || err == ERR_NOT_FOUND) {
        part->cs->idempotence.sections_count += err == ERR_OK;
        core_idempotence_feed(load);
    } else if (read->err == ERR_OK && err != ERR_BUDGET && err != ERR_FULL) {
        DIAG_WARN(part->cs->diag, "core", "a segment's producers cannot be read: older ones are",
                  DIAG_U64("group", part->in_map.key), DIAG_U64("first_index", first_index),
                  DIAG_ERR("error", err));
        core_idempotence_read(load, first_index - 1);
    } else {
        core_idempotence_end(load, err);
    }
}

static enum err core_idempotence_take_section(struct core_idempotence_load *load)
{
    struct core_idempotence *idem = load->idem;
    const struct log_snap_section *section = log_snap_find(&load->snap.snap, LOG_SNAP_PRODUCERS);
    enum err err;
    do {
        err = core_producers_section_get(&idem->producers, section->data, section->bytes);
    } while (core_idempotence_give_up(idem->part->cs, idem, err));
    if (err == ERR_OK && idem->producers.applied_index + 1 != load->snap.snap.first_index) {
        core_producers_reset(&idem->producers);
        err = ERR_CORRUPT;
    }
    return err;
}

/* The entries behind what the fold has; where it has nothing, from the log start on. */
static void core_idempotence_feed(struct core_idempotence_load *load)
{
    struct core_idempotence *idem = load->idem;
    struct core_partition *part = idem->part;
    uint64_t next_index = idem->producers.applied_index + 1;
    if (next_index == 1) {
        next_index = core_partition_status(part).start.index;
    }
    if (next_index > idem->target_index) {
        core_producers_commit(&idem->producers, idem->target_index);
        core_idempotence_end(load, ERR_OK);
        return;
    }
    load->is_feed_open = true;
    raft_feed_open(&load->feed, &part->group, next_index, CORE_IDEMPOTENCE_STEP_BYTES,
                   core_idempotence_fed, load);
    raft_feed_next(&load->feed);
}

static void core_idempotence_fed(struct raft_feed *feed)
{
    struct core_idempotence_load *load = raft_feed_ctx(feed);
    struct core_idempotence *idem = load->idem;
    enum err err = feed->err == ERR_OK ? core_idempotence_fold(load) : feed->err;
    if (idem->part->is_closing) {
        err = ERR_CLOSING;
    }
    if (err == ERR_RANGE) { /* trimmed meanwhile */
        raft_feed_close(feed);
        load->is_feed_open = false;
        core_producers_reset(&idem->producers);
        core_idempotence_read(load, idem->target_index + 1);
    } else if (err != ERR_OK || idem->producers.applied_index >= idem->target_index) {
        core_idempotence_end(load, err);
    } else {
        raft_feed_next(feed);
    }
}

static enum err core_idempotence_fold(struct core_idempotence_load *load)
{
    struct core_idempotence *idem = load->idem;
    struct raft_entry entry;
    while (raft_feed_entry(&load->feed, &entry)) {
        const struct log_batch *batch = &entry.batch;
        idem->part->cs->idempotence.fed_count++;
        if (batch->kind != LOG_KIND_DATA || batch->producer_id < 0 || batch->producer_epoch < 0 ||
            batch->base_sequence < 0) {
            continue;
        }
        struct core_producers_batch of = {
            .producer_id = batch->producer_id,
            .epoch = batch->producer_epoch,
            .base_sequence = batch->base_sequence,
            .last_offset_delta = batch->last_offset_delta,
            .base_offset = batch->base_offset,
            .timestamp = batch->max_timestamp,
        };
        enum err err;
        do {
            err = core_producers_apply(&idem->producers, &of, entry.index);
        } while (core_idempotence_give_up(idem->part->cs, idem, err));
        if (err != ERR_OK) {
            return err;
        }
    }
    core_producers_commit(&idem->producers, load->feed.last_index);
    return ERR_OK;
}

static void core_idempotence_end(struct core_idempotence_load *load, enum err err)
{
    struct core_idempotence *idem = load->idem;
    struct core_partition *part = idem->part;
    struct core_shard *cs = part->cs;
    if (load->is_feed_open) {
        raft_feed_close(&load->feed);
    }
    idem->load = NULL;
    pool_release(&cs->idempotence.loads, load);
    if (!part->is_closing && err == ERR_OK) {
        core_idempotence_loaded(idem);
    } else if (!part->is_closing) {
        core_idempotence_fail(idem, err);
    }
    core_partition_release(part); /* it may be gone now */
    core_idempotence_run_queue(cs);
}

/* The next batch tries again, from where the fold stands now. */
static void core_idempotence_fail(struct core_idempotence *idem, enum err err)
{
    struct core_partition *part = idem->part;
    DIAG_WARN(part->cs->diag, "core", "what producers have appended cannot be read: they wait",
              DIAG_U64("group", part->in_map.key),
              DIAG_U64("index", idem->producers.applied_index + 1), DIAG_ERR("error", err));
    idem->stage = CORE_IDEMPOTENCE_LOADED;
    idem->term = 0;
    list_push_back(&part->cs->idempotence.loaded, &idem->in_shard);
    core_idempotence_refuse_waiting(idem, core_code_of(err));
}

static void core_idempotence_loaded(struct core_idempotence *idem)
{
    struct core_partition *part = idem->part;
    struct core_append *append;
    idem->stage = CORE_IDEMPOTENCE_LOADED;
    list_push_back(&part->cs->idempotence.loaded, &idem->in_shard);
    if (core_idempotence_is_known(part)) {
        core_producers_commit(&idem->producers, raft_group_indexes(&part->group)->committed);
    }
    while (core_idempotence_is_known(part) && (append = core_idempotence_next(idem)) != NULL) {
        core_partition_append(part, append);
    }
    core_idempotence_refuse_waiting(idem, CORE_NOT_AVAILABLE); /* leads no more */
}

/* --- Sections --- */

static struct buf_slice core_idempotence_give(void *ctx, struct log *log, uint64_t first_index)
{
    struct core_partition *part = ctx;
    struct core_shard *cs = part->cs;
    struct buf_slice none = {0};
    struct core_producers empty;
    const struct core_producers *p = &empty;
    ASSERT(log == part->group.log);
    if (first_index == 1) {
        return none;
    }
    if (core_idempotence_is_known(part)) {
        p = &part->idempotence->producers;
    } else if (core_idempotence_is_plain(part)) {
        core_producers_init(&empty, &cs->idempotence.producers, 1);
    } else {
        part->wants_producers = true;
        return none;
    }
    size_t content_bytes = core_producers_section_bytes(p, first_index - 1);
    size_t bytes = content_bytes + LOG_SECTION_HEAD_BYTES;
    struct buf *buf = NULL;
    if (bytes > LOG_SECTIONS_BYTES_MAX || buf_new(&cs->bufs, &cs->budget, bytes, &buf) != ERR_OK) {
        return none;
    }
    uint8_t *data = buf_append(buf, (uint32_t)bytes);
    struct bytes_writer w = bytes_writer(data, bytes);
    log_sections_begin(&w, LOG_SNAP_PRODUCERS, (uint32_t)content_bytes);
    core_producers_section_put(p, first_index - 1, &w);
    ASSERT(w.err == ERR_OK);
    buf_seal(buf, (uint32_t)bytes);
    return buf_slice(buf, 0, (uint32_t)bytes);
}
