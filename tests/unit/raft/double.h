/* A voter that does what a test says (raft/driver/voter.h), for tests of everything above a group:
 * link double.c, and it is there in the place of the single voter. Bytes go to a real log.
 *
 * Until it is told otherwise a group behaves as one of a single voter. Then, per group:
 *
 *     raft_double_hold(group, true)                         no index moves by itself any more
 *     raft_double_let(group, RAFT_DOUBLE_COMMITTED, 17)     this one does, as far as 17
 *     raft_double_step_down(group, 2, term)                 node 2 leads; proposals fail
 *     raft_double_cut(group, 15)                            entries from 15 on are no more
 *     raft_double_elect(group)                              leads again, in the next term
 *
 * All of it on the group's shard, in a turn, as the calls of group.h. */
#ifndef TESTS_UNIT_RAFT_DOUBLE_H
#define TESTS_UNIT_RAFT_DOUBLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "raft/driver/group.h"

/* Groups open at a time, and voters of one. */
#define RAFT_DOUBLE_GROUPS 256u
#define RAFT_DOUBLE_VOTERS 7u

/* Which index. */
enum raft_double_at {
    RAFT_DOUBLE_RECEIVED_HERE,
    RAFT_DOUBLE_DURABLE_HERE,
    RAFT_DOUBLE_RECEIVED_MAJORITY,
    RAFT_DOUBLE_COMMITTED,
};

/* Forget all groups: between tests, and after a crash, when those that were open are gone. */
void raft_double_reset(void);

/* The open group of that id, or NULL. */
struct raft_group *raft_double_find(uint64_t id);

/* Indexes stay where they are until they are let; or catch up with the log and follow it. */
void raft_double_hold(struct raft_group *group, bool is_held);

/* Let an index of a held group move up to `index`, as far as it may: received_here and durable_here
 * as far as the log has come, durable_here to received_here, the other two to the end of the log;
 * committed takes received_majority along. Where it stands then. */
uint64_t raft_double_let(struct raft_group *group, enum raft_double_at which, uint64_t index);

/* Let raft_group_durable_on(n) of a held group say `index`, up to the end of the log. */
void raft_double_let_durable_on(struct raft_group *group, uint32_t n, uint64_t index);

/* How many voters there are, and how many of them live; 1 and 1 at first. */
void raft_double_voters(struct raft_group *group, uint32_t voters, uint32_t live);

/* Every use is refused with `err`; ERR_OK: none is. */
void raft_double_refuse(struct raft_group *group, enum err err);

/* `leader` (or RAFT_NO_LEADER) leads, in `term` (>= the group's): what was proposed and is not
 * committed fails with ERR_NOT_LEADER, uses are refused with it. */
void raft_double_step_down(struct raft_group *group, int32_t leader, uint32_t term);

/* Lead again, in the next term. As raft_group_activate. */
MUST_USE enum err raft_double_elect(struct raft_group *group);

/* Cut the log from `first_index` (above committed) on; one cut of a group at a time. Whether one is
 * not done. */
void raft_double_cut(struct raft_group *group, uint64_t first_index);
bool raft_double_is_cutting(const struct raft_group *group);

/* A follower receives `batch` from its leader, patched with raft_group_next_offset and the leader's
 * term. As log_append refuses. */
MUST_USE enum err raft_double_receive(struct raft_group *group, struct buf_slice batch);

#endif
