/* A voter that does what a test says. See double.h. */
#include "tests/unit/raft/double.h"

#include "base/assert.h"
#include "base/limits.h"
#include "raft/driver/voter.h"

/* What is told of a group by the test, and what its log has really done. */
struct raft_double {
    struct raft_group *group; /* NULL: nobody's */
    uint64_t received_index;  /* of its log */
    uint64_t durable_index;
    uint64_t durable_on[RAFT_DOUBLE_VOTERS + 1]; /* as let, by n */
    uint32_t voters;
    uint32_t live;
    enum err refusal;
    bool is_held;
    bool is_following; /* another leads */
    bool is_cutting;   /* a cut is not done */
};

static struct raft_double doubles[RAFT_DOUBLE_GROUPS];

static struct raft_double *raft_double_of(const struct raft_group *group)
{
    for (uint32_t i = 0; i < RAFT_DOUBLE_GROUPS; i++) {
        if (doubles[i].group == group) {
            return &doubles[i];
        }
    }
    return NULL;
}

static uint64_t raft_double_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t raft_double_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void raft_double_reset(void)
{
    for (uint32_t i = 0; i < RAFT_DOUBLE_GROUPS; i++) {
        doubles[i] = (struct raft_double){0};
    }
}

struct raft_group *raft_double_find(uint64_t id)
{
    for (uint32_t i = 0; i < RAFT_DOUBLE_GROUPS; i++) {
        if (doubles[i].group != NULL && log_group(doubles[i].group->log) == id) {
            return doubles[i].group;
        }
    }
    return NULL;
}

/* --- What the test says --- */

void raft_double_hold(struct raft_group *group, bool is_held)
{
    struct raft_double *d = raft_double_of(group);
    d->is_held = is_held;
    if (!is_held) {
        group->now.received_here = d->received_index;
        group->now.durable_here = d->durable_index;
        group->now.received_majority =
            raft_double_max(d->received_index, group->now.received_majority);
        raft_group_commit(group, raft_double_max(d->durable_index, group->now.committed));
    }
}

uint64_t raft_double_let(struct raft_group *group, enum raft_double_at which, uint64_t index)
{
    struct raft_double *d = raft_double_of(group);
    struct raft_group_indexes *at = &group->now;
    ASSERT(d->is_held);
    uint64_t *const indexes[] = {&at->received_here, &at->durable_here, &at->received_majority,
                                 &at->committed};
    const uint64_t limits[] = {d->received_index,
                               raft_double_min(d->durable_index, at->received_here),
                               group->end_index, group->end_index};
    uint64_t to = raft_double_min(index, limits[which]);
    if (to <= *indexes[which]) {
        return *indexes[which];
    }
    if (which == RAFT_DOUBLE_COMMITTED) {
        at->received_majority = raft_double_max(to, at->received_majority);
        raft_group_commit(group, to);
    } else {
        *indexes[which] = to;
        raft_group_moved(group);
    }
    return to;
}

void raft_double_let_durable_on(struct raft_group *group, uint32_t n, uint64_t index)
{
    struct raft_double *d = raft_double_of(group);
    ASSERT(n >= 1);
    ASSERT(n <= RAFT_DOUBLE_VOTERS);
    d->durable_on[n] = raft_double_min(index, group->end_index);
    raft_group_moved(group);
}

void raft_double_voters(struct raft_group *group, uint32_t voters, uint32_t live)
{
    struct raft_double *d = raft_double_of(group);
    ASSERT(voters <= RAFT_DOUBLE_VOTERS);
    d->voters = voters;
    d->live = live;
    raft_group_moved(group);
}

void raft_double_refuse(struct raft_group *group, enum err err)
{
    raft_double_of(group)->refusal = err;
}

/* A write of the log's whose end is told to `done`. */
static struct log_op *raft_double_write(struct raft_group *group, log_op_fn *done)
{
    struct raft_write *write = NULL;
    enum err err = raft_write_new(group, &write);
    ASSERT(err == ERR_OK);
    write->op.done = done;
    return &write->op;
}

static void raft_double_written(struct log_op *op)
{
    struct raft_write *write = CONTAINER_OF(op, struct raft_write, op);
    struct raft_group *group = write->group;
    ASSERT(op->err == ERR_OK);
    raft_write_free(write);
    raft_group_moved(group); /* it may be closing */
}

void raft_double_step_down(struct raft_group *group, int32_t leader, uint32_t term)
{
    struct raft_double *d = raft_double_of(group);
    ASSERT(term >= group->term);
    d->is_following = true;
    group->is_used = true;
    group->leader = leader;
    if (term > group->term) {
        struct log_hard_state hard = {.term = term, .commit = group->now.committed};
        group->term = term;
        log_set_hard_state(group->log, raft_double_write(group, raft_double_written), &hard);
    }
    raft_group_step_down(group, ERR_NOT_LEADER);
}

enum err raft_double_elect(struct raft_group *group)
{
    struct raft_double *d = raft_double_of(group);
    d->is_following = false;
    return raft_group_activate(group);
}

static void raft_double_cut_done(struct log_op *op)
{
    struct raft_group *group = CONTAINER_OF(op, struct raft_write, op)->group;
    raft_double_of(group)->is_cutting = false;
    raft_double_written(op);
}

bool raft_double_is_cutting(const struct raft_group *group)
{
    return raft_double_of(group)->is_cutting;
}

void raft_double_cut(struct raft_group *group, uint64_t first_index)
{
    struct raft_double *d = raft_double_of(group);
    ASSERT(!d->is_cutting);
    d->is_cutting = true;
    log_cut(group->log, raft_double_write(group, raft_double_cut_done), first_index);
    d->received_index = raft_double_min(d->received_index, first_index - 1);
    d->durable_index = raft_double_min(d->durable_index, first_index - 1);
    for (uint32_t n = 1; n <= RAFT_DOUBLE_VOTERS; n++) {
        d->durable_on[n] = raft_double_min(d->durable_on[n], first_index - 1);
    }
    raft_group_cut(group, first_index);
}

enum err raft_double_receive(struct raft_group *group, struct buf_slice slice)
{
    struct log_batch batch;
    ASSERT(raft_double_of(group)->is_following);
    enum err err = log_batch_decode(buf_slice_data(slice), slice.length, &batch);
    return err == ERR_OK ? raft_group_append(group, NULL, slice, &batch) : err;
}

/* --- The voter --- */

void raft_voter_open(struct raft_group *group)
{
    struct raft_double *d = raft_double_of(group);
    d = d != NULL ? d : raft_double_of(NULL);
    ASSERT(d != NULL);
    struct log_status status;
    log_status(group->log, &status);
    uint64_t durable_index = status.durable_index;
    *d = (struct raft_double){
        .group = group,
        .received_index = durable_index,
        .durable_index = durable_index,
        .voters = 1,
        .live = 1,
    };
    group->now = (struct raft_group_indexes){
        .received_here = durable_index,
        .durable_here = durable_index,
        .received_majority = durable_index,
        .committed = durable_index,
        .trimmed = status.start.index - 1,
        .trimmed_skip = status.start.skip_count,
    };
    group->term = status.hard.term > status.end.term ? status.hard.term : status.end.term;
    group->leader = group->raft->node_id;
    group->end_index = status.end.index;
    group->next_offset = status.end.offset;
}

void raft_voter_close(struct raft_group *group)
{
    raft_double_of(group)->group = NULL;
}

enum err raft_voter_lead(struct raft_group *group)
{
    struct raft_double *d = raft_double_of(group);
    if (d->refusal != ERR_OK) {
        return d->refusal;
    }
    if (d->is_following) {
        return ERR_NOT_LEADER;
    }
    if (group->role == RAFT_LEADER) {
        return ERR_OK;
    }
    return raft_group_lead(group, group->role == RAFT_CANDIDATE ? group->term : group->term + 1);
}

uint32_t raft_voter_next_term(const struct raft_group *group)
{
    bool will_lead = group->role == RAFT_FOLLOWER && !raft_double_of(group)->is_following;
    return will_lead ? group->term + 1 : group->term;
}

uint32_t raft_voter_term_shown(const struct raft_group *group)
{
    return raft_voter_next_term(group);
}

uint64_t raft_voter_durable_on(const struct raft_group *group, uint32_t n)
{
    const struct raft_double *d = raft_double_of(group);
    if (n > d->voters) {
        return 0;
    }
    uint64_t index = !d->is_held || n == 1 ? group->at.durable_here : d->durable_on[n];
    bool is_majority = n <= d->voters / 2 + 1;
    return is_majority ? raft_double_max(group->at.committed, index) : index;
}

uint32_t raft_voter_count(const struct raft_group *group)
{
    return raft_double_of(group)->voters;
}

uint32_t raft_voter_count_live(const struct raft_group *group)
{
    const struct raft_double *d = raft_double_of(group);
    return d->is_following ? 0 : d->live;
}

void raft_voter_received(struct raft_group *group, uint64_t index)
{
    struct raft_double *d = raft_double_of(group);
    if (index <= d->received_index) {
        return;
    }
    d->received_index = index;
    if (!d->is_held) {
        group->now.received_here = index;
        group->now.received_majority = index;
        raft_group_moved(group);
    }
}

void raft_voter_durable(struct raft_group *group, uint64_t index)
{
    struct raft_double *d = raft_double_of(group);
    ASSERT(index > d->durable_index);
    ASSERT(index <= d->received_index);
    d->durable_index = index;
    if (!d->is_held) {
        group->now.durable_here = index;
        raft_group_commit(group, raft_double_max(index, group->now.committed));
    }
}

uint64_t raft_voter_barrier(struct raft_group *group)
{
    return raft_double_max(group->term_index, group->now.committed);
}
