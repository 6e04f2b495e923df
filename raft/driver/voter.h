/* The seam within a group. group.c keeps what waits (proposals, barriers, watches, writes of the
 * log) and tells it; the voter decides: who leads, in which term, how far the indexes are.
 * single.c is the voter of a group that has no other; Raft's takes its place, and the double of the
 * tests (tests/unit/raft/double.h), by the linker's choice.
 *
 * Nothing here calls its user back: what moved is told at the end of the turn. */
#ifndef RAFT_DRIVER_VOTER_H
#define RAFT_DRIVER_VOTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "raft/driver/group.h"
#include "storage/log/log.h"

struct raft_feed;

/* Something written to a group's log. From raft_shard.writes. */
struct raft_write {
    struct log_op op;          /* as the log has it */
    struct raft_group *group;  /* whose */
    struct list_node in_group; /* raft_group.writes: an append that the log has not ended */
    struct list_node in_trims; /* raft_group.trims: a trim entry that is not committed */
    uint64_t first_index;      /* the log start that a trim entry, or a log_trim, asks for, */
    uint32_t skip_count;       /* and its skip count */
    bool is_cut;               /* an append: its entry was cut, however the log ends it */
};

/* --- What a voter does: single.c --- */

/* `group` is being opened, its log and its lists are there: fill in `now`, term, leader, role. And
 * it is being closed: nothing of it is under way any more. */
void raft_voter_open(struct raft_group *group);
void raft_voter_close(struct raft_group *group);

/* Lead now, or refuse as raft_group_activate says. Where it leads, nothing to do. */
MUST_USE enum err raft_voter_lead(struct raft_group *group);

/* What group.h says of the functions of these names. */
uint32_t raft_voter_next_term(const struct raft_group *group);
uint32_t raft_voter_term_shown(const struct raft_group *group);
uint64_t raft_voter_durable_on(const struct raft_group *group, uint32_t n);
uint32_t raft_voter_count(const struct raft_group *group);
uint32_t raft_voter_count_live(const struct raft_group *group);

/* Entries up to `index`, which was appended here, are here in memory (told of a relaxed one before
 * those it passed, of which it is told again); are durable here. Not told of a group that closes.
 */
void raft_voter_received(struct raft_group *group, uint64_t index);
void raft_voter_durable(struct raft_group *group, uint64_t index);

/* The index that must be committed here before what is asked now may be answered. */
uint64_t raft_voter_barrier(struct raft_group *group);

/* --- What group.c does for it --- */

/* Something is to be told at the end of the turn. */
void raft_group_moved(struct raft_group *group);

/* Raise the term to `term` (above the group's, asserted), voting for this node, and append the
 * no-op that begins it. ERR_OK: role, term, leader and term_index say that this node leads.
 * Otherwise as a proposal is refused: nothing has changed; or the term is raised, the role is
 * candidate, and the next call, for the same term, goes on. */
MUST_USE enum err raft_group_lead(struct raft_group *group, uint32_t term);

/* Append `slice`, decoded as `batch`, in the term it was patched with; `proposal` waits for it
 * (NULL: nobody does). As raft_group_propose refuses; ERR_CORRUPT: a trim entry that is none. */
MUST_USE enum err raft_group_append(struct raft_group *group, struct raft_proposal *proposal,
                                    struct buf_slice slice, const struct log_batch *batch);

/* Entries up to `index` (asserted: not less than before, and in the log) are committed: their
 * proposals fail no more, their trims act. As of the other indexes it sets now.committed, which is
 * published at the end of the turn. */
void raft_group_commit(struct raft_group *group, uint64_t index);

/* Entries from `first_index` (asserted: above committed) on are cut, log_cut has been called for
 * it: their proposals fail with ERR_CANCELED, the indexes fall. As long as the log looks up where
 * the cut is, uses are refused with ERR_AGAIN. */
void raft_group_cut(struct raft_group *group, uint64_t first_index);

/* This node does not lead any more: proposals and barriers fail with `err`. */
void raft_group_step_down(struct raft_group *group, enum err err);

/* Nothing can be written to the log any more, for the reason `err`: step down, for good. */
void raft_group_fail(struct raft_group *group, enum err err);

/* --- Between the files of raft/driver --- */

/* Tell what `group` has to tell; raft_shard.op_moved calls it, the group is in no list. */
void raft_group_tell(struct raft_group *group);

/* *out = a write of `group`, counted in writes_count. ERR_BUDGET, ERR_FULL. And give it back. */
MUST_USE enum err raft_write_new(struct raft_group *group, struct raft_write **out);
void raft_write_free(struct raft_write *write);

/* *out = an internal entry of `kind`, sealed, its reference raft->bytes's: append it before the
 * next one is made. ERR_BUDGET. */
MUST_USE enum err raft_shard_entry(struct raft_shard *raft, enum log_kind kind, const void *payload,
                                   uint32_t payload_bytes, uint64_t offset, uint32_t term,
                                   struct buf_slice *out);

/* The group has something to tell to `feed`: commit moved, or it closes. feed.c's. */
void raft_feed_wake(struct raft_feed *feed);

#endif
