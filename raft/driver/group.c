/* A group: what waits in it, and how it is told. See group.h, voter.h.
 *
 * An entry lives in two places: its bytes in a raft_write until the log has ended the append, its
 * owner's proposal in `proposals` until it is committed. Neither waits for the other: a leader's
 * own disk may be slower than a majority's. Proposals stand in the order of their indexes, so what
 * is committed or cut is a piece of one end of the list. */
#include "raft/driver/group.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "raft/driver/feed.h"
#include "raft/driver/voter.h"

/* Payload of a trim entry: the new log start, index 8 and skip count 4, big-endian. */
#define RAFT_TRIM_BYTES 12u

static enum err raft_group_use(struct raft_group *group);
static bool raft_group_find_end(struct raft_group *group);
static enum err raft_group_put(struct raft_group *group, struct raft_proposal *proposal,
                               struct buf_slice slice, const struct log_batch *batch);
static enum err raft_group_internal(struct raft_group *group, struct raft_proposal *proposal,
                                    enum log_kind kind, const void *payload,
                                    uint32_t payload_bytes);
static enum err raft_trim_decode(struct buf_slice slice, uint64_t index_max, uint64_t *first_index,
                                 uint32_t *skip_count);
static void raft_write_received(struct log_op *op);
static void raft_write_appended(struct log_op *op);
static void raft_write_termed(struct log_op *op);
static void raft_write_trimmed(struct log_op *op);
static bool raft_group_is_before(uint64_t index, uint32_t skip_count,
                                 const struct raft_write *write);
static void raft_group_drop_trim(struct raft_write *write);
static void raft_group_trim(struct raft_group *group);
static void raft_group_fail_from(struct raft_group *group, uint64_t first_index, enum err err);
static void raft_group_fail_barriers(struct raft_group *group, enum err err);
static void raft_group_tell_failed(struct raft_group *group);
static void raft_group_tell_barriers(struct raft_group *group);
static void raft_group_tell_watches(struct raft_group *group);
static bool raft_group_is_over(const struct raft_group *group);

/* --- Life --- */

void raft_group_open(struct raft_group *group, struct raft_shard *raft, struct log *log)
{
    *group = (struct raft_group){.raft = raft, .log = log, .leader = RAFT_NO_LEADER};
    list_init(&group->proposals);
    list_init(&group->failed);
    list_init(&group->writes);
    list_init(&group->trims);
    list_init(&group->barriers);
    list_init(&group->watches);
    list_init(&group->feeds);
    raft->groups_count++;
    raft_voter_open(group);
    ASSERT(group->now.committed <= group->now.received_here);
    group->at = group->now;
}

void raft_group_close(struct raft_group *group, raft_group_closed_fn *closed)
{
    ASSERT(closed != NULL);
    ASSERT(group->closed == NULL);
    group->closed = closed;
    raft_group_fail_from(group, 0, ERR_CLOSING);
    raft_group_fail_barriers(group, ERR_CLOSING);
    list_for_each_safe (node, following, &group->trims) {
        raft_group_drop_trim(CONTAINER_OF(node, struct raft_write, in_trims));
    }
    while (list_pop_front(&group->watches) != NULL) {
    }
    raft_group_moved(group);
}

/* Whether a closing group has nothing more to tell, and nobody has anything of it. */
static bool raft_group_is_over(const struct raft_group *group)
{
    return group->closed != NULL && group->writes_count == 0 && list_is_empty(&group->feeds) &&
           list_is_empty(&group->failed) && list_is_empty(&group->barriers) &&
           !list_is_linked(&group->in_moved);
}

void raft_group_tell(struct raft_group *group)
{
    ASSERT(!list_is_linked(&group->in_moved));
    raft_group_tell_failed(group);
    group->at = group->now;
    raft_group_tell_barriers(group);
    list_for_each (node, &group->feeds) {
        raft_feed_wake(CONTAINER_OF(node, struct raft_feed, in_group));
    }
    raft_group_tell_watches(group);
    if (raft_group_is_over(group)) {
        ASSERT(list_is_empty(&group->proposals));
        ASSERT(list_is_empty(&group->trims));
        ASSERT(list_is_empty(&group->watches));
        raft_voter_close(group);
        group->raft->groups_count--;
        group->closed(group); /* its memory may be gone now */
    }
}

/* --- What is known --- */

const struct raft_group_indexes *raft_group_indexes(const struct raft_group *group)
{
    return &group->at;
}

uint64_t raft_group_durable_on(const struct raft_group *group, uint32_t n)
{
    ASSERT(n >= 1);
    return raft_voter_durable_on(group, n);
}

uint32_t raft_group_voters(const struct raft_group *group)
{
    return raft_voter_count(group);
}

uint32_t raft_group_voters_live(const struct raft_group *group)
{
    return raft_voter_count_live(group);
}

enum raft_role raft_group_role(const struct raft_group *group)
{
    return (enum raft_role)group->role;
}

uint32_t raft_group_term(const struct raft_group *group)
{
    return group->term;
}

uint32_t raft_group_term_shown(const struct raft_group *group)
{
    return raft_voter_term_shown(group);
}

int32_t raft_group_leader(const struct raft_group *group)
{
    return group->leader;
}

bool raft_group_is_ready(const struct raft_group *group)
{
    return group->role == RAFT_LEADER && group->at.committed >= group->term_index;
}

uint64_t raft_group_next_offset(const struct raft_group *group)
{
    if (group->cut_index != 0) { /* it may have been found by now */
        struct log_status status;
        log_status(group->log, &status);
        return status.end.offset;
    }
    return group->next_offset;
}

uint32_t raft_group_next_term(const struct raft_group *group)
{
    return raft_voter_next_term(group);
}

/* --- Proposals --- */

enum err raft_group_propose(struct raft_group *group, struct raft_proposal *proposal,
                            struct buf_slice slice)
{
    struct log_batch batch;
    if (log_batch_decode(buf_slice_data(slice), slice.length, &batch) != ERR_OK ||
        batch.kind != LOG_KIND_DATA || batch.length_bytes != slice.length ||
        batch.base_offset != raft_group_next_offset(group) ||
        batch.term != raft_group_next_term(group)) {
        return ERR_INVALID; /* before it makes anybody leader */
    }
    enum err err = raft_group_use(group);
    return err == ERR_OK ? raft_group_append(group, proposal, slice, &batch) : err;
}

enum err raft_group_propose_trim(struct raft_group *group, struct raft_proposal *proposal,
                                 uint64_t first_index, uint32_t skip_count)
{
    if (first_index > group->at.committed + (skip_count == 0 ? 1 : 0)) {
        return ERR_RANGE;
    }
    uint8_t payload[RAFT_TRIM_BYTES];
    struct bytes_writer w = bytes_writer(payload, sizeof(payload));
    bytes_put_u64be(&w, first_index);
    bytes_put_u32be(&w, skip_count);
    ASSERT(w.err == ERR_OK);
    return raft_group_internal(group, proposal, LOG_KIND_TRIM, payload, sizeof(payload));
}

enum err raft_group_propose_internal(struct raft_group *group, struct raft_proposal *proposal,
                                     enum log_kind kind, const void *payload,
                                     uint32_t payload_bytes)
{
    ASSERT(kind == LOG_KIND_CUT || kind == LOG_KIND_MEMBERSHIP);
    ASSERT(payload_bytes <= RAFT_INTERNAL_BYTES);
    if (kind == LOG_KIND_MEMBERSHIP) {
        return ERR_UNSUPPORTED;
    }
    return raft_group_internal(group, proposal, kind, payload, payload_bytes);
}

enum err raft_group_activate(struct raft_group *group)
{
    return raft_group_use(group);
}

/* A use: this node leads, or there is a reason why not. */
static enum err raft_group_use(struct raft_group *group)
{
    if (group->closed != NULL) {
        return ERR_CLOSING;
    }
    if (group->fail_err != ERR_OK) {
        return (enum err)group->fail_err;
    }
    if (!raft_group_find_end(group)) {
        return ERR_AGAIN;
    }
    enum err err = raft_voter_lead(group);
    ASSERT(IMPLIES(err == ERR_OK, group->role == RAFT_LEADER));
    return err;
}

static enum err raft_group_internal(struct raft_group *group, struct raft_proposal *proposal,
                                    enum log_kind kind, const void *payload, uint32_t payload_bytes)
{
    struct log_batch batch = {0};
    struct buf_slice slice;
    enum err err = raft_group_use(group);
    if (err == ERR_OK) {
        err = raft_shard_entry(group->raft, kind, payload, payload_bytes, group->next_offset,
                               group->term, &slice);
    }
    if (err != ERR_OK) {
        return err;
    }
    err = log_batch_decode(buf_slice_data(slice), slice.length, &batch);
    ASSERT(err == ERR_OK);
    return raft_group_put(group, proposal, slice, &batch);
}

enum err raft_group_append(struct raft_group *group, struct raft_proposal *proposal,
                           struct buf_slice slice, const struct log_batch *batch)
{
    return raft_group_find_end(group) ? raft_group_put(group, proposal, slice, batch) : ERR_AGAIN;
}

static enum err raft_group_put(struct raft_group *group, struct raft_proposal *proposal,
                               struct buf_slice slice, const struct log_batch *batch)
{
    ASSERT(IMPLIES(proposal != NULL, proposal->failed != NULL));
    ASSERT(IMPLIES(proposal != NULL, !list_is_linked(&proposal->in_group)));
    struct raft_write *write = NULL;
    uint64_t first_index = 0; /* of a trim entry */
    uint32_t skip_count = 0;  /* likewise */
    enum err err = batch->kind == LOG_KIND_TRIM
                       ? raft_trim_decode(slice, group->end_index + 1, &first_index, &skip_count)
                       : ERR_OK;
    if (err == ERR_OK) {
        err = raft_write_new(group, &write);
    }
    if (err != ERR_OK) {
        return err;
    }
    bool is_relaxed = proposal != NULL && proposal->is_relaxed;
    bool is_heard = is_relaxed && !log_is_behind(group->log);
    write->op.received = is_heard ? NULL : raft_write_received;
    write->op.done = raft_write_appended;
    write->op.is_relaxed = is_relaxed;
    err = log_append(group->log, &write->op, slice);
    if (err != ERR_OK) {
        raft_write_free(write);
        if (err == ERR_FENCED) {
            raft_group_fail(group, err);
        }
        return err;
    }
    ASSERT(write->op.index == group->end_index + 1);
    group->end_index = write->op.index;
    group->next_offset = log_batch_next_offset(batch);
    list_push_back(&group->writes, &write->in_group);
    if (first_index != 0) {
        write->first_index = first_index;
        write->skip_count = skip_count;
        list_push_back(&group->trims, &write->in_trims);
    }
    if (is_heard) {
        raft_voter_received(group, write->op.index);
    }
    if (proposal != NULL) {
        proposal->err = ERR_OK;
        proposal->index = write->op.index;
        proposal->term = batch->term;
        list_push_back(&group->proposals, &proposal->in_group);
    }
    return ERR_OK;
}

/* The log start that the trim entry `slice` asks for: not above its own index, so that it is no
 * further than commit when it acts. */
static enum err raft_trim_decode(struct buf_slice slice, uint64_t index_max, uint64_t *first_index,
                                 uint32_t *skip_count)
{
    struct bytes_reader r = bytes_reader(buf_slice_data(slice), slice.length);
    bytes_skip(&r, LOG_BATCH_HEADER_BYTES);
    *first_index = bytes_get_u64be(&r);
    *skip_count = bytes_get_u32be(&r);
    bool is_trim = r.err == ERR_OK && slice.length == LOG_BATCH_HEADER_BYTES + RAFT_TRIM_BYTES &&
                   *first_index <= index_max && IMPLIES(*skip_count > 0, *first_index < index_max);
    return is_trim ? ERR_OK : ERR_CORRUPT;
}

/* Term and no-op go in one frame, in this order. What can be refused is got first: but for the
 * append, whose refusal leaves a candidate. */
enum err raft_group_lead(struct raft_group *group, uint32_t term)
{
    bool is_raised = group->role == RAFT_CANDIDATE && group->term == term;
    ASSERT(is_raised || term > group->term);
    ASSERT(term <= LIMIT_TERM);
    struct raft_write *write = NULL;
    struct buf_slice slice;
    enum err err =
        raft_shard_entry(group->raft, LOG_KIND_NOOP, NULL, 0, group->next_offset, term, &slice);
    if (err == ERR_OK && !is_raised) {
        err = raft_write_new(group, &write);
    }
    if (err != ERR_OK) {
        return err;
    }
    if (!is_raised) {
        write->op.done = raft_write_termed;
        struct log_hard_state hard = {
            .term = term,
            .vote = (uint32_t)group->raft->node_id,
            .commit = group->now.committed,
        };
        log_set_hard_state(group->log, &write->op, &hard);
        group->term = term;
        group->role = RAFT_CANDIDATE;
        group->is_used = true;
        raft_group_moved(group);
    }
    struct log_batch batch = {0};
    err = log_batch_decode(buf_slice_data(slice), slice.length, &batch);
    ASSERT(err == ERR_OK);
    err = raft_group_put(group, NULL, slice, &batch);
    if (err == ERR_OK) {
        group->role = RAFT_LEADER;
        group->leader = group->raft->node_id;
        group->term_index = group->end_index;
        raft_group_moved(group);
    }
    return err;
}

/* --- What the log answers --- */

static void raft_write_received(struct log_op *op)
{
    const struct raft_write *write = CONTAINER_OF(op, struct raft_write, op);
    if (write->group->closed == NULL && !write->is_cut) {
        raft_voter_received(write->group, op->index);
    }
}

static void raft_write_appended(struct log_op *op)
{
    struct raft_write *write = CONTAINER_OF(op, struct raft_write, op);
    struct raft_group *group = write->group;
    enum err err = write->is_cut ? ERR_CANCELED : op->err; /* it may have become durable before */
    uint64_t index = op->index;
    list_remove(&write->in_group);
    if (!list_is_linked(&write->in_trims)) {
        raft_write_free(write);
    }
    if (err == ERR_OK && group->closed == NULL) {
        raft_voter_durable(group, index);
    } else if (err != ERR_OK && err != ERR_CANCELED) {
        raft_group_fail(group, err);
    }
    raft_group_moved(group);
}

static void raft_write_termed(struct log_op *op)
{
    struct raft_write *write = CONTAINER_OF(op, struct raft_write, op);
    struct raft_group *group = write->group;
    enum err err = op->err;
    raft_write_free(write);
    if (err != ERR_OK) {
        raft_group_fail(group, err);
    }
    raft_group_moved(group);
}

/* --- What the voter says --- */

void raft_group_commit(struct raft_group *group, uint64_t index)
{
    ASSERT(index >= group->now.committed);
    ASSERT(index <= group->end_index);
    ASSERT(group->closed == NULL);
    group->now.committed = index;
    for (struct list_node *node = list_first(&group->proposals); node != NULL;
         node = list_first(&group->proposals)) {
        if (CONTAINER_OF(node, struct raft_proposal, in_group)->index > index) {
            break;
        }
        list_remove(node);
    }
    for (struct list_node *node = list_first(&group->trims); node != NULL;
         node = list_first(&group->trims)) {
        struct raft_write *write = CONTAINER_OF(node, struct raft_write, in_trims);
        if (write->op.index > index) {
            break;
        }
        if (raft_group_is_before(group->trim_wanted, group->trim_wanted_skip, write)) {
            group->trim_wanted = write->first_index;
            group->trim_wanted_skip = write->skip_count;
        }
        raft_group_drop_trim(write);
    }
    raft_group_trim(group);
    raft_group_moved(group);
}

void raft_group_cut(struct raft_group *group, uint64_t first_index)
{
    ASSERT(first_index > group->now.committed);
    bool is_known = raft_group_find_end(group);
    ASSERT(is_known); /* one cut at a time */
    raft_group_fail_from(group, first_index, ERR_CANCELED);
    list_for_each (node, &group->writes) {
        struct raft_write *write = CONTAINER_OF(node, struct raft_write, in_group);
        write->is_cut |= write->op.index >= first_index;
    }
    list_for_each_safe (node, following, &group->trims) {
        struct raft_write *write = CONTAINER_OF(node, struct raft_write, in_trims);
        if (write->op.index >= first_index) {
            raft_group_drop_trim(write);
        }
    }
    uint64_t *const indexes[] = {&group->now.received_here, &group->now.durable_here,
                                 &group->now.received_majority};
    for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++) {
        *indexes[i] = *indexes[i] < first_index ? *indexes[i] : first_index - 1;
    }
    group->end_index = first_index - 1;
    group->cut_index = first_index;
    (void)raft_group_find_end(group);
    raft_group_moved(group);
}

/* Whether the end of the log is known: it is but for the time in which a cut is looked up. */
static bool raft_group_find_end(struct raft_group *group)
{
    if (group->cut_index != 0) {
        struct log_status status;
        log_status(group->log, &status);
        if (status.end.index >= group->cut_index) {
            return false;
        }
        ASSERT(status.end.index <=
               group->end_index); /* below it: the next cut has been called for */
        group->cut_index = 0;
        group->end_index = status.end.index;
        group->next_offset = status.end.offset;
    }
    return true;
}

void raft_group_step_down(struct raft_group *group, enum err err)
{
    ASSERT(err != ERR_OK);
    group->role = RAFT_FOLLOWER;
    raft_group_fail_from(group, 0, err);
    raft_group_fail_barriers(group, err);
    raft_group_moved(group);
}

void raft_group_fail(struct raft_group *group, enum err err)
{
    if (group->fail_err == ERR_OK) {
        group->fail_err = (uint8_t)err;
        raft_group_step_down(group, err);
    }
}

/* --- Trims --- */

/* Whether a log start lies before what `write` asks for. */
static bool raft_group_is_before(uint64_t index, uint32_t skip_count,
                                 const struct raft_write *write)
{
    return index < write->first_index ||
           (index == write->first_index && skip_count < write->skip_count);
}

/* It acts, or never will: its write goes once the log has answered it. */
static void raft_group_drop_trim(struct raft_write *write)
{
    list_remove(&write->in_trims);
    if (!list_is_linked(&write->in_group)) {
        raft_write_free(write);
    }
}

/* Trim the log as far as committed entries ask for; one log_trim at a time. What is refused for
 * want of memory is tried again with the next commit. */
static void raft_group_trim(struct raft_group *group)
{
    struct raft_write *write = NULL;
    const struct raft_group_indexes *now = &group->now;
    bool is_ahead =
        group->trim_wanted > now->trimmed + 1 ||
        (group->trim_wanted == now->trimmed + 1 && group->trim_wanted_skip > now->trimmed_skip);
    bool is_due = is_ahead && !group->is_trimming;
    if (!is_due || group->closed != NULL || raft_write_new(group, &write) != ERR_OK) {
        return;
    }
    ASSERT(group->trim_wanted <= now->committed + 1);
    group->is_trimming = true;
    write->first_index = group->trim_wanted;
    write->skip_count = group->trim_wanted_skip;
    write->op.done = raft_write_trimmed;
    log_trim_records(group->log, &write->op, write->first_index, write->skip_count);
}

static void raft_write_trimmed(struct log_op *op)
{
    struct raft_write *write = CONTAINER_OF(op, struct raft_write, op);
    struct raft_group *group = write->group;
    group->is_trimming = false;
    if (op->err == ERR_OK) {
        group->now.trimmed = write->first_index - 1;
        group->now.trimmed_skip = write->skip_count;
        raft_group_trim(group);
    } else if (op->err == ERR_FENCED) {
        raft_group_fail(group, op->err);
    }
    raft_write_free(write);
    raft_group_moved(group);
}

/* --- Failing and telling --- */

static void raft_group_fail_from(struct raft_group *group, uint64_t first_index, enum err err)
{
    list_for_each_safe (node, following, &group->proposals) {
        struct raft_proposal *proposal = CONTAINER_OF(node, struct raft_proposal, in_group);
        if (proposal->index >= first_index) {
            ASSERT(proposal->index > group->now.committed);
            list_remove(node);
            proposal->err = err;
            list_push_back(&group->failed, node);
        }
    }
}

static void raft_group_fail_barriers(struct raft_group *group, enum err err)
{
    list_for_each (node, &group->barriers) {
        struct raft_barrier *barrier = CONTAINER_OF(node, struct raft_barrier, in_group);
        barrier->err = barrier->err == ERR_OK ? err : barrier->err;
    }
}

static void raft_group_tell_failed(struct raft_group *group)
{
    struct list failed;
    list_init(&failed);
    list_append_all(&failed, &group->failed);
    for (struct list_node *node = list_pop_front(&failed); node != NULL;
         node = list_pop_front(&failed)) {
        struct raft_proposal *proposal = CONTAINER_OF(node, struct raft_proposal, in_group);
        proposal->failed(proposal);
    }
}

static void raft_group_tell_barriers(struct raft_group *group)
{
    struct list ended;
    list_init(&ended);
    list_for_each_safe (node, following, &group->barriers) {
        struct raft_barrier *barrier = CONTAINER_OF(node, struct raft_barrier, in_group);
        if (barrier->err != ERR_OK || group->at.committed >= barrier->wait_index) {
            list_remove(node);
            list_push_back(&ended, node);
        }
    }
    for (struct list_node *node = list_pop_front(&ended); node != NULL;
         node = list_pop_front(&ended)) {
        struct raft_barrier *barrier = CONTAINER_OF(node, struct raft_barrier, in_group);
        barrier->index = group->at.committed;
        barrier->done(barrier);
    }
}

static void raft_group_tell_watches(struct raft_group *group)
{
    struct list watches;
    list_init(&watches);
    list_append_all(&watches, &group->watches);
    for (struct list_node *node = list_pop_front(&watches); node != NULL;
         node = list_pop_front(&watches)) {
        struct raft_watch *watch = CONTAINER_OF(node, struct raft_watch, in_group);
        if (group->closed == NULL) { /* else by one of those that were told before */
            list_push_back(&group->watches, node);
            watch->moved(watch, group);
        }
    }
}

/* --- Watches and barriers --- */

void raft_group_watch(struct raft_group *group, struct raft_watch *watch)
{
    ASSERT(watch->moved != NULL);
    ASSERT(group->closed == NULL);
    list_push_back(&group->watches, &watch->in_group);
}

void raft_group_unwatch(struct raft_watch *watch)
{
    if (list_is_linked(&watch->in_group)) {
        list_remove(&watch->in_group);
    }
}

void raft_group_barrier(struct raft_group *group, struct raft_barrier *barrier)
{
    ASSERT(barrier->done != NULL);
    barrier->index = 0;
    barrier->wait_index = 0;
    barrier->err = raft_group_use(group);
    list_push_back(&group->barriers, &barrier->in_group);
    if (barrier->err == ERR_OK) {
        barrier->wait_index = raft_voter_barrier(group);
    }
    if (barrier->err != ERR_OK || group->at.committed >= barrier->wait_index) {
        raft_group_moved(group);
    }
}

void raft_barrier_cancel(struct raft_group *group, struct raft_barrier *barrier)
{
    if (list_is_linked(&barrier->in_group)) {
        barrier->err = barrier->err == ERR_OK ? ERR_CANCELED : barrier->err;
        raft_group_moved(group);
    }
}
