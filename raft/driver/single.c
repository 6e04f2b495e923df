/* The voter of a group that has no other: it leads whenever it is asked to, and what is durable
 * here is durable on a majority. See voter.h.
 *
 * Nothing is written before the group's first use; its term until then is promised, not raised:
 * what is shown is the term that the first use will raise it to. Entries of earlier terms that are
 * on the only voter's disk can never be replaced, so they are committed as soon as the group is
 * open: a start serves reads without a write. */
#include "base/assert.h"
#include "base/limits.h"
#include "raft/driver/voter.h"

void raft_voter_open(struct raft_group *group)
{
    struct log_status status;
    log_status(group->log, &status);
    group->now = (struct raft_group_indexes){
        .received_here = status.durable_index,
        .durable_here = status.durable_index,
        .received_majority = status.durable_index,
        .committed = status.durable_index,
        .trimmed = status.start.index - 1,
        .trimmed_skip = status.start.skip_count,
    };
    /* A log that was appended to by hand has terms that nobody voted in. */
    group->term = status.hard.term > status.end.term ? status.hard.term : status.end.term;
    group->leader = group->raft->node_id;
    group->end_index = status.end.index;
    group->next_offset = status.end.offset;
}

void raft_voter_close(struct raft_group *group)
{
    group->role = RAFT_FOLLOWER;
}

enum err raft_voter_lead(struct raft_group *group)
{
    if (group->role == RAFT_LEADER) {
        return ERR_OK;
    }
    struct log_status status;
    log_status(group->log, &status);
    if (status.is_amnesiac || !status.is_available) {
        return ERR_ACCESS;
    }
    if (group->role == RAFT_FOLLOWER && group->term >= LIMIT_TERM) {
        return ERR_RANGE;
    }
    return raft_group_lead(group, raft_voter_next_term(group));
}

uint32_t raft_voter_next_term(const struct raft_group *group)
{
    return group->is_used || group->term >= LIMIT_TERM ? group->term : group->term + 1;
}

uint32_t raft_voter_term_shown(const struct raft_group *group)
{
    return raft_voter_next_term(group);
}

uint64_t raft_voter_durable_on(const struct raft_group *group, uint32_t n)
{
    return n == 1 ? group->at.durable_here : 0;
}

uint32_t raft_voter_count(const struct raft_group *group)
{
    (void)group;
    return 1;
}

uint32_t raft_voter_count_live(const struct raft_group *group)
{
    return group->fail_err == ERR_OK;
}

void raft_voter_received(struct raft_group *group, uint64_t index)
{
    if (index > group->now.received_here) {
        group->now.received_here = index;
        group->now.received_majority = index;
        raft_group_moved(group);
    }
}

void raft_voter_durable(struct raft_group *group, uint64_t index)
{
    ASSERT(index > group->now.durable_here);
    ASSERT(index <= group->now.received_here);
    group->now.durable_here = index;
    raft_group_commit(group, index);
}

/* Nobody else can have committed anything: what is asked now waits for the term's own no-op, which
 * stands behind all that earlier terms have left. */
uint64_t raft_voter_barrier(struct raft_group *group)
{
    return group->term_index;
}
