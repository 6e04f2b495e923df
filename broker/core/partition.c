/* A partition's life, and batches on their way in. See partition.h.
 *
 * Invariants: pendings are in the order of their indexes, all above the committed one; hw_index and
 * hw_offset never fall; the offset behind hw_index is hw_offset. */
#include "broker/core/partition.h"

#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/append.h"
#include "broker/core/core.h"
#include "broker/core/core_int.h"
#include "broker/core/idempotence.h"
#include "broker/core/ticks_home.h"
#include "broker/core/view_source.h"
#include "storage/log/batch.h"

/* Smaller batches are copied; larger ones keep a buffer that they fill by half at least. */
#define CORE_ADOPT_BYTES_MIN (8u << 10)

/* Of a buffer of small batches. */
#define CORE_PACKED_BYTES (64u << 10)

/* What leaves memory when there is none for a batch. */
#define CORE_COOL_BYTES (4u << 20)

static bool core_partition_is_its(const struct core_partition *part, const struct log *log);
static void core_partition_begin(struct core_partition *part);
static void core_partition_log_made(struct log_op *op);
static void core_partition_group_closed(struct raft_group *group);
static void core_partition_log_gone(struct log_op *op);
static void core_partition_free(struct core_partition *part);
static enum core_code core_partition_may_append(struct core_partition *part,
                                                const struct core_append *append);
static void core_partition_patch(struct core_partition *part, struct core_append *append);
static enum err core_partition_keep(struct core_shard *cs, struct core_append *append,
                                    struct buf_slice *out);
static enum err core_partition_propose(struct core_partition *part, struct core_append *append,
                                       struct core_pending *pending);
static void core_partition_moved(struct raft_watch *watch, struct raft_group *group);
static void core_partition_advance(struct core_partition *part);
static uint64_t core_partition_seen_index(const struct core_partition *part);
static void core_partition_place(struct core_partition *part, uint64_t index);
static void core_partition_placed(struct log_read *read);
static void core_partition_wake(struct core_partition *part);
static void core_pending_failed(struct raft_proposal *proposal);

/* --- Life --- */

struct core_partition *core_partition_find(struct core_shard *cs, uint64_t group,
                                           const struct log_uuid *topic, uint32_t index)
{
    struct map_node *node = map_find(&cs->partitions, group);
    if (node == NULL) {
        return NULL;
    }
    struct core_partition *part = CONTAINER_OF(node, struct core_partition, in_map);
    return part->index == index && log_uuid_is_equal(&part->topic, topic) ? part : NULL;
}

enum err core_partition_open(struct core_shard *cs, const struct core_topic *topic, uint32_t index)
{
    uint64_t id = topic->groups[index];
    struct core_partition *part = core_partition_find(cs, id, &topic->uuid, index);
    if (part != NULL) {
        part->config = topic->config;
        if (!part->is_closed) {
            log_set_segment_bytes(part->group.log, part->config.segment_bytes);
        }
        core_partition_advance(part); /* durability may have changed */
        return ERR_OK;
    }
    void *object;
    enum err err = pool_acquire(&cs->partition_pool, &object);
    if (err != ERR_OK) {
        return err;
    }
    part = object;
    part->cs = cs;
    part->topic = topic->uuid;
    part->index = index;
    part->config = topic->config;
    list_init(&part->pendings);
    list_init(&part->waiters);
    list_init(&part->sources);
    part->max_timestamp = -1;
    part->newest_timestamp = -1;
    core_trimmer_init(part);
    err = map_insert(&cs->partitions, &part->in_map, id);
    if (err != ERR_OK) {
        pool_release(&cs->partition_pool, part);
        return err;
    }
    core_retention_add(&cs->retention, part);
    struct log *log = log_find(&cs->log, id);
    if (log == NULL) {
        part->log_op = (struct log_op){.done = core_partition_log_made, .ctx = part};
        log_create(&cs->log, &part->log_op, id, &topic->uuid, index);
        log = part->log_op.log;
        err = log == NULL ? part->log_op.err : ERR_OK;
        part->readings_count++; /* until it is made */
    }
    if (log != NULL && !core_partition_is_its(part, log)) {
        DIAG_ERROR(
            cs->diag, "core",
            "a log belongs to another topic: tdb log repair was told to give up what tells of it",
            DIAG_STRING("topic", topic->name), DIAG_U64("partition", index), DIAG_U64("group", id));
        log = NULL;
    }
    if (log != NULL) {
        raft_group_open(&part->group, &cs->raft, log);
        core_partition_begin(part);
        core_ticks_opened(part);
    } else {
        part->is_closed = true; /* the op says why */
    }
    return err;
}

/* Whether `log` was made for this partition: where the controller's log has lost its end, ids of
 * groups are given out again. */
static bool core_partition_is_its(const struct core_partition *part, const struct log *log)
{
    struct log_uuid topic;
    uint32_t index;
    log_partition(log, &topic, &index);
    return index == part->index && log_uuid_is_equal(&topic, &part->topic);
}

static void core_partition_begin(struct core_partition *part)
{
    struct log_status status = core_partition_status(part);
    const struct raft_group_indexes *at = raft_group_indexes(&part->group);
    part->watch = (struct raft_watch){.moved = core_partition_moved, .ctx = part};
    raft_group_watch(&part->group, &part->watch);
    core_idempotence_begin(part);
    log_set_segment_bytes(part->group.log, part->config.segment_bytes);
    if (at->committed == status.end.index) {
        part->hw_index = status.end.index;
        part->hw_offset = status.end.offset;
        part->max_timestamp = status.max_timestamp;
    } else {
        part->hw_index = status.start.index - 1;
        part->hw_offset = core_partition_log_start(part);
        core_partition_advance(part);
    }
    part->ticks.committed_offset = part->hw_offset;
}

/* The log was created, or could not be: then a start, or the topic's deletion, mends it. */
static void core_partition_log_made(struct log_op *op)
{
    struct core_partition *part = op->ctx;
    if (op->err != ERR_OK) {
        DIAG_ERROR(part->cs->diag, "core", "a partition's log cannot be made",
                   DIAG_U64("group", part->in_map.key), DIAG_ERR("error", op->err));
    }
    core_partition_release(part);
}

void core_partition_close(struct core_partition *part, bool is_deleted)
{
    ASSERT(!part->is_closing);
    part->is_closing = true;
    part->is_deleted = is_deleted;
    map_remove(&part->cs->partitions, &part->in_map);
    core_retention_remove(&part->cs->retention, part);
    list_push_back(&part->cs->closing, &part->in_closing);
    list_for_each (node, &part->pendings) {
        core_pending_answer(CONTAINER_OF(node, struct core_pending, in_partition),
                            is_deleted ? CORE_UNKNOWN_TOPIC : CORE_CLOSING);
    }
    core_trimmer_close(part, is_deleted ? CORE_UNKNOWN_TOPIC : CORE_CLOSING);
    core_idempotence_close(part, is_deleted ? CORE_UNKNOWN_TOPIC : CORE_CLOSING);
    core_view_sources_gone(part, is_deleted ? CORE_UNKNOWN_TOPIC : CORE_CLOSING);
    core_ticks_gone(part);
    core_partition_wake(part);
    if (part->is_closed) { /* it never had a log */
        part->is_deleted = false;
        core_partition_free(part);
        return;
    }
    raft_group_unwatch(&part->watch);
    raft_group_close(&part->group, core_partition_group_closed);
}

void core_partition_drop(struct core_shard *cs, struct log *log)
{
    void *object;
    enum err err = pool_acquire(&cs->partition_pool, &object);
    if (err != ERR_OK) { /* the next start deletes it */
        return;
    }
    struct core_partition *part = object;
    part->cs = cs;
    part->group.log = log;
    part->is_closing = true;
    part->is_closed = true;
    part->is_deleted = true;
    list_init(&part->pendings);
    list_init(&part->waiters);
    list_init(&part->sources);
    list_push_back(&cs->closing, &part->in_closing);
    core_partition_free(part);
}

static void core_partition_group_closed(struct raft_group *group)
{
    struct core_partition *part = CONTAINER_OF(group, struct core_partition, group);
    list_for_each_safe (node, next, &part->pendings) { /* committed ones, of which no watch told */
        core_pending_free(CONTAINER_OF(node, struct core_pending, in_partition));
    }
    core_ticks_group_closed(part);
    part->is_closed = true;
    core_partition_free(part);
}

void core_partition_release(struct core_partition *part)
{
    ASSERT(part->readings_count > 0);
    part->readings_count--;
    if (part->is_closing) {
        core_partition_free(part);
    }
}

/* Nothing of it is under way any more? Then its log goes, if it is deleted, and its memory. */
static void core_partition_free(struct core_partition *part)
{
    struct core_shard *cs = part->cs;
    if (!part->is_closed || part->readings_count > 0 || part->is_placing) {
        return;
    }
    ASSERT(list_is_empty(&part->pendings));
    ASSERT(list_is_empty(&part->waiters));
    ASSERT(list_is_empty(&part->sources));
    if (part->is_deleted) { /* once */
        part->is_deleted = false;
        part->readings_count++;
        part->log_op = (struct log_op){.done = core_partition_log_gone, .ctx = part};
        log_delete(part->group.log, &part->log_op);
        return;
    }
    core_idempotence_free(part);
    list_remove(&part->in_closing);
    pool_release(&cs->partition_pool, part);
    core_shard_released(cs);
}

static void core_partition_log_gone(struct log_op *op)
{
    struct core_partition *part = op->ctx;
    if (op->err != ERR_OK) { /* the next start finds a log that no topic has, and deletes it */
        DIAG_WARN(part->cs->diag, "core", "a partition's log was not deleted yet",
                  DIAG_ERR("error", op->err));
    }
    core_partition_release(part);
}

struct log_status core_partition_status(const struct core_partition *part)
{
    struct log_status status;
    log_status(part->group.log, &status);
    return status;
}

uint64_t core_partition_log_start(const struct core_partition *part)
{
    struct log_status status = core_partition_status(part);
    return status.start.offset + status.start.skip_count;
}

enum core_code core_partition_check_epoch(const struct core_partition *part, int32_t epoch)
{
    uint32_t now = raft_group_term_shown(&part->group);
    if (epoch < 0 || (uint32_t)epoch == now) {
        return CORE_OK;
    }
    return (uint32_t)epoch < now ? CORE_FENCED_EPOCH : CORE_UNKNOWN_EPOCH;
}

/* --- Batches in --- */

void core_partition_append(struct core_partition *part, struct core_append *append)
{
    struct core_shard *cs = part->cs;
    struct core_pending *pending = NULL;
    append->code = core_partition_may_append(part, append);
    if (append->code == CORE_OK && append->info->has_producer &&
        !core_idempotence_admit(part, append)) {
        return;
    }
    if (append->code == CORE_OK) {
        void *object;
        enum err err = pool_acquire(&cs->pending_pool, &object);
        pending = object;
        err = err == ERR_OK ? core_partition_propose(part, append, pending) : err;
        append->code = core_code_of(err);
    }
    if (append->code != CORE_OK) {
        pool_release(&cs->pending_pool, pending);
        core_partition_refuse(part, append);
        return;
    }
    if (append->acks == 0) {
        core_pending_answer(pending, CORE_OK);
    } else if (append->acks == -1) {
        rt_timer_start(&pending->deadline,
                       rt_now_ns(cs->shard) + (uint64_t)append->timeout_ms * RT_NS_PER_MS);
    }
    MAYBE(append->acks == 1); /* its leader's flush is not waited for with a deadline */
}

void core_partition_refuse(struct core_partition *part, struct core_append *append)
{
    ASSERT(append->code != CORE_OK);
    if (append->loan != NULL) {
        core_loans_return(&part->cs->loans, append->loan);
        append->loan = NULL;
    }
    if (append->info->has_producer) {
        core_idempotence_refused(part, append);
    }
    core_call_end(part->cs, &append->call);
}

static enum core_code core_partition_may_append(struct core_partition *part,
                                                const struct core_append *append)
{
    if (part->is_closed || part->is_closing) {
        return CORE_NOT_AVAILABLE;
    }
    bool is_leader = raft_group_role(&part->group) == RAFT_LEADER; /* only it knows who lives */
    uint32_t voters =
        is_leader ? raft_group_voters_live(&part->group) : raft_group_voters(&part->group);
    if (append->acks == -1 && part->config.insync_replicas_min > voters) {
        return CORE_NOT_ENOUGH_REPLICAS;
    }
    return CORE_OK;
}

/* The bytes that an append changes (LOG §7). */
static void core_partition_patch(struct core_partition *part, struct core_append *append)
{
    struct buf_loan *loan = append->loan;
    const struct crc32c *kernels = part->cs->core->kernels;
    ASSERT(loan->is_writable);
    if (part->config.is_append_time) {
        append->append_time_ms = core_now_ms(part->cs);
        core_records_set_append_time(kernels, loan->data, loan->length, append->append_time_ms);
    } else if (append->info->is_max_timestamp_wrong) {
        core_records_set_max_timestamp(kernels, loan->data, loan->length,
                                       append->info->max_timestamp);
    }
    log_batch_patch(loan->data, append->base_offset, raft_group_next_term(&part->group));
}

/* The patched batch becomes a slice of this shard's, with a reference: its bytes are adopted, or,
 * where they are few, copied behind others, since an adopted batch keeps the whole buffer that it
 * was received in. On success the loan is given away. */
static enum err core_partition_keep(struct core_shard *cs, struct core_append *append,
                                    struct buf_slice *out)
{
    struct buf_loan *loan = append->loan;
    uint32_t length = loan->length;
    struct buf *buf;
    if (length >= CORE_ADOPT_BYTES_MIN) {
        enum err err = buf_adopt(&cs->bufs, loan, &buf);
        if (err == ERR_OK) {
            append->loan = NULL; /* goes home with the buffer's last reference */
            *out = buf_slice(buf, 0, length);
        }
        return err;
    }
    uint8_t *data = cs->packed != NULL ? buf_append(cs->packed, length) : NULL;
    if (data == NULL) {
        enum err err = buf_new(&cs->bufs, &cs->budget, CORE_PACKED_BYTES, &buf);
        if (err != ERR_OK) {
            return err;
        }
        if (cs->packed != NULL) {
            buf_unref(cs->packed);
        }
        cs->packed = buf;
        data = buf_append(buf, length);
    }
    memcpy(data, loan->data, length);
    buf = buf_ref(cs->packed);
    buf_seal(buf, buf->length);
    *out = buf_slice(buf, buf->length - length, length);
    append->loan = NULL;
    core_loans_return(&cs->loans, loan);
    return ERR_OK;
}

static enum err core_partition_propose(struct core_partition *part, struct core_append *append,
                                       struct core_pending *pending)
{
    struct core_shard *cs = part->cs;
    struct core_producers_slot *slot;
    enum err err = core_idempotence_reserve(part, append, &slot);
    if (err != ERR_OK) {
        return err;
    }
    append->base_offset = raft_group_next_offset(&part->group);
    append->log_start_offset = core_partition_log_start(part);
    core_partition_patch(part, append);
    struct buf_slice slice;
    err = core_partition_keep(cs, append, &slice);
    if (err != ERR_OK) { /* once more, with fewer entries in memory */
        log_shard_cool(&cs->log, CORE_COOL_BYTES);
        err = core_partition_keep(cs, append, &slice);
    }
    if (err != ERR_OK) {
        core_idempotence_proposed(part, append, slot, NULL);
        return err;
    }
    struct buf *buf = slice.buf;
    *pending = (struct core_pending){
        .part = part,
        .append = append,
        .next_offset = append->base_offset + append->info->batch.records_count,
        .max_timestamp =
            append->append_time_ms >= 0 ? append->append_time_ms : append->info->max_timestamp,
        .proposal = {.failed = core_pending_failed,
                     .ctx = pending,
                     .is_relaxed = part->config.durability == CORE_DURABILITY_QUORUM_MEMORY}};
    rt_timer_init(&pending->deadline, cs->shard, core_pending_late);
    err = raft_group_propose(&part->group, &pending->proposal, slice);
    if (err == ERR_NOT_LEADER) {
        append->leader = raft_group_leader(&part->group);
        append->leader_epoch = (int32_t)raft_group_term_shown(&part->group);
    }
    buf_unref(buf);
    core_idempotence_proposed(part, append, slot, err == ERR_OK ? &pending->proposal : NULL);
    if (err == ERR_OK) {
        list_push_back(&part->pendings, &pending->in_partition);
    }
    return err;
}

/* --- Answers --- */

static void core_partition_moved(struct raft_watch *watch, struct raft_group *group)
{
    (void)group;
    core_partition_advance(watch->ctx);
}

/* Answer what may be answered, move the high watermark, let go what is committed. */
static void core_partition_advance(struct core_partition *part)
{
    if (part->is_closing || part->is_closed) {
        return;
    }
    uint64_t hw_before = part->hw_offset;
    uint64_t committed = raft_group_indexes(&part->group)->committed;
    uint64_t seen = core_partition_seen_index(part);
    uint64_t all = core_partition_acks_index(part, -1);
    uint64_t one = core_partition_acks_index(part, 1);
    list_for_each_safe (node, next, &part->pendings) {
        struct core_pending *pending = CONTAINER_OF(node, struct core_pending, in_partition);
        uint64_t index = pending->proposal.index;
        if (index > seen && index > all && index > one) {
            break;
        }
        if (index <= seen && index > part->hw_index) {
            part->hw_index = index;
            part->hw_offset = pending->next_offset;
            part->newest_timestamp = pending->max_timestamp;
            if (part->max_timestamp < pending->max_timestamp) {
                part->max_timestamp = pending->max_timestamp;
            }
        }
        if (index <= committed) {
            part->ticks.committed_offset = pending->next_offset;
        }
        if (pending->append != NULL && index <= (pending->append->acks == 1 ? one : all)) {
            core_pending_answer(pending, CORE_OK);
        }
        if (index <= committed && pending->append == NULL) { /* a later mark is looked up */
            core_pending_free(pending);
        }
    }
    if (seen > part->hw_index) {
        core_partition_place(part, seen);
    }
    core_idempotence_moved(part);
    if (part->hw_offset > hw_before) {
        core_partition_wake(part);
    }
    core_trimmer_moved(part);
    core_view_sources_moved(part);
    if (part->ticks.is_followed) {
        core_ticks_moved(part);
    }
}

uint64_t core_partition_acks_index(const struct core_partition *part, int16_t acks)
{
    const struct raft_group_indexes *at = raft_group_indexes(&part->group);
    enum core_durability durability = part->config.durability;
    if (acks == -1 && durability != CORE_DURABILITY_LEADER) {
        return core_partition_seen_index(part);
    }
    uint64_t own =
        durability == CORE_DURABILITY_QUORUM_MEMORY ? at->received_here : at->durable_here;
    return own > at->committed ? own : at->committed;
}

/* The last entry that consumers may see: what the high watermark follows. */
static uint64_t core_partition_seen_index(const struct core_partition *part)
{
    const struct raft_group_indexes *at = raft_group_indexes(&part->group);
    if (part->config.durability == CORE_DURABILITY_QUORUM_MEMORY) {
        return at->received_majority;
    }
    uint64_t insync = raft_group_durable_on(&part->group, part->config.insync_replicas_min);
    return insync < at->committed ? insync : at->committed;
}

/* The high watermark goes behind entry `index`, which was not let in here: the log's last one, or
 * what stands there is looked up. */
static void core_partition_place(struct core_partition *part, uint64_t index)
{
    struct log_status status = core_partition_status(part);
    if (index >= status.end.index) {
        part->hw_index = status.end.index;
        part->hw_offset = status.end.offset;
        part->max_timestamp = status.max_timestamp;
    } else if (!part->is_placing) {
        part->is_placing = true;
        part->place = (struct log_read){.done = core_partition_placed,
                                        .ctx = part,
                                        .log = part->group.log,
                                        .from = LOG_READ_INDEX,
                                        .at = index,
                                        .index_max = index,
                                        .bytes_max = 1};
        log_read(&part->place);
    }
}

static void core_partition_placed(struct log_read *read)
{
    struct core_partition *part = read->ctx;
    part->is_placing = false;
    if (read->err == ERR_OK && read->last_index > part->hw_index) {
        part->hw_index = read->last_index;
        part->hw_offset = read->next_offset;
        part->max_timestamp = core_partition_status(part).max_timestamp;
        core_partition_wake(part);
    }
    bool is_read = read->err == ERR_OK;
    log_read_release(read);
    if (part->is_closing) {
        core_partition_free(part);
    } else if (is_read) {
        core_partition_advance(part); /* it may have moved meanwhile */
    } else {
        DIAG_WARN(part->cs->diag, "core", "the high watermark waits: an entry cannot be read",
                  DIAG_U64("group", part->in_map.key), DIAG_U64("index", read->at),
                  DIAG_ERR("error", read->err));
    }
}

static void core_partition_wake(struct core_partition *part)
{
    struct list_node *node;
    while ((node = list_first(&part->waiters)) != NULL) {
        struct core_waiter *waiter = CONTAINER_OF(node, struct core_waiter, in_partition);
        list_remove(node);
        waiter->wake(waiter);
    }
}

void core_pending_answer(struct core_pending *pending, enum core_code code)
{
    struct core_append *append = pending->append;
    if (append == NULL) {
        return;
    }
    rt_timer_stop(&pending->deadline);
    pending->append = NULL;
    append->code = code;
    core_call_end(pending->part->cs, &append->call);
}

static void core_pending_failed(struct raft_proposal *proposal)
{
    struct core_pending *pending = proposal->ctx;
    core_idempotence_failed(pending->part, proposal->index, proposal->err);
    core_pending_fail(pending, proposal->err);
}

void core_pending_fail(struct core_pending *pending, enum err err)
{
    if (pending->append != NULL && err == ERR_NOT_LEADER) {
        pending->append->leader = raft_group_leader(&pending->part->group);
        pending->append->leader_epoch = (int32_t)raft_group_term_shown(&pending->part->group);
    }
    core_pending_answer(pending, core_code_of(err));
    core_pending_free(pending);
}

void core_pending_late(struct rt_timer *timer)
{
    core_pending_answer(CONTAINER_OF(timer, struct core_pending, deadline), CORE_TIMEOUT);
}

void core_pending_free(struct core_pending *pending)
{
    ASSERT(pending->append == NULL);
    list_remove(&pending->in_partition);
    pool_release(&pending->part->cs->pending_pool, pending);
}
