/* A replicated group: all that anyone above sees of replication (DESIGN §5).
 *
 * A group is a log, kept alike on its voters. Whoever leads it proposes entries; an entry is
 * *committed* when it is durable on a majority, and from then on it is what the group says for
 * good. Until then it may be lost: to a crash, or to a leader that never heard of it. So the users
 * of this header act on indexes that move apart from each other, and on proposals that fail:
 *
 *     received_here   >= durable_here           what this node has, in memory and on its disk
 *     received_majority                         what a majority has, in memory
 *     committed                                 what a majority has on disk
 *     durable_on(n)                             what n voters have on disk
 *
 * A group that nobody uses does nothing. Its first use after a start (a proposal, a barrier,
 * raft_group_activate) makes somebody leader: that raises the term and appends a no-op entry. A
 * group of one voter leads by that very call, and all it has on disk is committed, used or not;
 * with more voters the call is refused with ERR_NOT_LEADER until an election has been won.
 *
 * What is reported is reported from the shard's ready queue, never inside a call of this header;
 * what a turn brings is told once, at its end: first the proposals that failed; then the indexes
 * are published, and barriers, feeds and watches told. Callbacks may call anything here.
 *
 * Own shard only; nothing blocks. Errors common to all uses: ERR_NOT_LEADER (raft_group_leader
 * tells who is), ERR_FENCED (the device failed: nothing is written here until a restart),
 * ERR_ACCESS (the log is amnesiac or unavailable: read-only), ERR_CLOSING, ERR_AGAIN (the log is
 * cut or on its way to another shard), ERR_RANGE (no term is left). */
#ifndef RAFT_DRIVER_GROUP_H
#define RAFT_DRIVER_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "raft/driver/shard.h"
#include "storage/log/batch.h"
#include "storage/log/log.h"

struct raft_barrier;
struct raft_group;
struct raft_proposal;
struct raft_watch;

#define RAFT_NO_LEADER      (-1)  /* no leader is known */
#define RAFT_INTERNAL_BYTES 2048u /* payload of an internal entry, at most */

/* What a node is to a group. */
enum raft_role {
    RAFT_FOLLOWER,  /* not leading; also: a group not used since the start */
    RAFT_CANDIDATE, /* has raised the term, and does not lead yet */
    RAFT_LEADER,    /* proposes */
};

/* How far the group has come, as this node knows it: each the last index of which that is true, and
 * of all before it. All grow, but for a cut: where a new leader's entries replace those from
 * `first` on, received_here, durable_here and received_majority fall to first - 1 if they were
 * above. A cut of received_majority loses what `quorum-memory` answered (LOG §6); it takes a
 * majority that lost its memory. committed and trimmed never fall within one start. */
struct raft_group_indexes {
    uint64_t received_here;     /* in this node's log, on its way to the disk */
    uint64_t durable_here;      /* flushed on this node */
    uint64_t received_majority; /* received by a majority of the voters; as told by the leader */
    uint64_t committed;         /* durable on a majority of the voters; as told by the leader */
    uint64_t trimmed;           /* the log start that is durable here, minus 1 */
    uint32_t trimmed_skip;      /* offsets of the entry behind it that are deleted, too */
};

/* --- A group's life --- */

typedef void raft_group_closed_fn(struct raft_group *group);

struct raft_group {
    /* Config: constant. */
    struct raft_shard *raft; /* the shard's part */
    struct log *log;         /* its log; anybody may read it, up to what may be shown */

    /* State: private to raft/driver. */
    struct raft_group_indexes at;  /* as published */
    struct raft_group_indexes now; /* to be published at the end of the turn */
    uint32_t term;                 /* the newest known */
    int32_t leader;                /* of that term; RAFT_NO_LEADER: not known */
    uint64_t end_index;            /* newest entry of the log */
    uint64_t next_offset;          /* of the next batch */
    uint64_t cut_index;            /* where the log looks for a cut from there on; 0: it does not */
    uint64_t term_index;           /* leading: the no-op that began the term; 0: not appended yet */
    uint64_t trim_wanted;          /* the log start that committed entries ask for, */
    uint32_t trim_wanted_skip;     /* and its skip count */
    struct list proposals;         /* raft_proposal.in_group: not committed, by index */
    struct list failed;            /* raft_proposal.in_group: failed, to be told */
    struct list writes;            /* raft_write.in_group: appends under way, by index */
    struct list trims;             /* raft_write.in_trims: trim entries that are not committed */
    struct list barriers;          /* raft_barrier.in_group: that wait for something */
    struct list watches;           /* raft_watch.in_group */
    struct list feeds;             /* raft_feed.in_group: open ones */
    struct list_node in_moved;     /* raft_shard.moved: something is to be told */
    raft_group_closed_fn *closed;  /* closing: called when nothing is under way; NULL: it is open */
    uint32_t writes_count;         /* of its log, under way */
    uint8_t role;                  /* enum raft_role */
    uint8_t fail_err;              /* enum err: why no more is proposed here; ERR_OK: it is */
    bool is_used;                  /* since it was opened: the term was raised */
    bool is_trimming;              /* a log_trim is under way */
};

/* Make `group` (in place, until its close is done) the group of `log`, whose entries must be
 * written through it alone from now on. Reads nothing and writes nothing: a start opens all its
 * groups. One voter: committed is what the log holds. Once for a log at a time. */
void raft_group_open(struct raft_group *group, struct raft_shard *raft, struct log *log);

/* End `group`: staged, nothing is proposed any more. What waits is told ERR_CLOSING: proposals that
 * are not committed, barriers, the steps of feeds. Watches are taken off and told nothing. `closed`
 * (asserted: not NULL) fires once, from the ready queue, when every feed has been closed by its
 * owner and the log has answered what was asked of it, which takes a flush at most; the indexes
 * then tell what else was committed. The log stays, what it was given is written. Before
 * log_shard_close, log_delete and log_detach. */
void raft_group_close(struct raft_group *group, raft_group_closed_fn *closed);

/* --- What is known --- */

/* The indexes as published: once a turn, before barriers, feeds and watches are told. */
const struct raft_group_indexes *raft_group_indexes(const struct raft_group *group);

/* The last index durable on at least `n` (>= 1, asserted) voters: for min.insync.replicas. Exact on
 * the leader; elsewhere the least it can be. 0 where there are fewer voters. May be above committed
 * or below; falls as a cut makes durable_here fall. */
uint64_t raft_group_durable_on(const struct raft_group *group, uint32_t n);

/* How many voters the group has; of how many the leader, itself included, heard lately (else 0). */
uint32_t raft_group_voters(const struct raft_group *group);
uint32_t raft_group_voters_live(const struct raft_group *group);

/* What this node is to the group, in its newest term. A device that fails makes it a follower. */
enum raft_role raft_group_role(const struct raft_group *group);

/* The newest term this node knows, as it is persisted. */
uint32_t raft_group_term(const struct raft_group *group);

/* The term to show to clients as leader epoch: raft_group_term, but for a group of one voter that
 * was not used since the start, which shows the term its first use will raise it to, so that nobody
 * is told two. */
uint32_t raft_group_term_shown(const struct raft_group *group);

/* The node that clients are to be sent to, or RAFT_NO_LEADER. A group of one voter: always this
 * node, which serves reads even where it can write no more. */
int32_t raft_group_leader(const struct raft_group *group);

/* Whether this node leads and the no-op of its term is committed: before that a leader does not
 * know what earlier terms have committed, and answers no producer. */
bool raft_group_is_ready(const struct raft_group *group);

/* --- Proposals --- */

typedef void raft_failed_fn(struct raft_proposal *proposal);

/* An entry on its way. In place; zero it, set failed. The group's from a successful propose until
 * it has failed or raft_group_indexes()->committed >= index; one of both comes. */
struct raft_proposal {
    raft_failed_fn *failed; /* fires at most once, and never when its index is committed */
    void *ctx;              /* the caller's */
    bool is_relaxed;        /* received at once unless the disk is behind; flushed with others */
    enum err err;           /* in failed: see raft_group_propose */
    uint32_t term;          /* its entry's */
    uint64_t index;         /* its entry's */

    /* Private to raft/driver. */
    struct list_node in_group; /* raft_group.proposals, or .failed */
};

/* The offset and the term that the next batch must be patched with (log_batch_patch), as long as
 * the turn lasts: a use that makes this node leader raises the term by itself, and its no-op takes
 * no offset. */
uint64_t raft_group_next_offset(const struct raft_group *group);
uint32_t raft_group_next_term(const struct raft_group *group);

/* Propose `batch`, a sealed data batch as log_append takes it, patched with what the two calls
 * above say. proposal->index and ->term are set. A reference on the buffer is taken. Indexes of
 * successive proposals grow.
 *
 * Refused at once, nothing proposed and failed not called: ERR_NOT_LEADER, ERR_INVALID (not such a
 * batch), ERR_DISK_FULL, ERR_BUDGET, ERR_FULL, and the common ones. The term may have been raised
 * all the same.
 *
 * Failed later, told through failed: ERR_CANCELED (cut: it never becomes committed), ERR_NOT_LEADER
 * (stepped down), ERR_FENCED, ERR_ACCESS, ERR_CLOSING. After all but the first the entry may still
 * become committed: by a leader that has it, or found by the next start. */
MUST_USE enum err raft_group_propose(struct raft_group *group, struct raft_proposal *proposal,
                                     struct buf_slice batch);

/* Propose that the log begins behind the first `skip_count` offsets of entry `first_index`. Once it
 * is committed every replica trims its log (log_trim_records); `trimmed` tells when it is durable
 * here: a crash before that may find the old start. Refused: ERR_RANGE above committed + 1, or
 * committed with a skip; else as raft_group_propose. Below the log start it changes nothing. */
MUST_USE enum err raft_group_propose_trim(struct raft_group *group, struct raft_proposal *proposal,
                                          uint64_t first_index, uint32_t skip_count);

/* Propose an internal entry: an index, no offset. LOG_KIND_CUT with the user's payload of at most
 * RAFT_INTERNAL_BYTES (asserted). ERR_UNSUPPORTED: LOG_KIND_MEMBERSHIP, where voters cannot change.
 * Else as raft_group_propose. */
MUST_USE enum err raft_group_propose_internal(struct raft_group *group,
                                              struct raft_proposal *proposal, enum log_kind kind,
                                              const void *payload, uint32_t payload_bytes);

/* Make this node leader if it can be by itself; nothing to do where it leads already. ERR_OK: it
 * leads, raft_group_is_ready follows and a watch is told. Else as a proposal is refused. */
MUST_USE enum err raft_group_activate(struct raft_group *group);

/* --- Watches --- */

typedef void raft_moved_fn(struct raft_watch *watch, struct raft_group *group);

/* Whoever wants to know when something moved: an index, durable_on, the role, the term, the leader,
 * readiness. In place; zero it, set moved. */
struct raft_watch {
    raft_moved_fn *moved; /* at most once a turn, from the ready queue */
    void *ctx;            /* the caller's */

    /* Private to raft/driver. */
    struct list_node in_group; /* raft_group.watches; unlinked: told nothing */
};

/* Tell `watch` from now on; tell it no more (also from within moved; nothing to do where it is not
 * told). Several may watch a group; they are told in no order. */
void raft_group_watch(struct raft_group *group, struct raft_watch *watch);
void raft_group_unwatch(struct raft_watch *watch);

/* --- Linearizable reads --- */

typedef void raft_barrier_fn(struct raft_barrier *barrier);

/* Waits until this node knows that what it has committed is all that anyone was told of when the
 * barrier was asked for. In place; zero it, set done. */
struct raft_barrier {
    raft_barrier_fn *done; /* fires once, from the ready queue */
    void *ctx;             /* the caller's */
    enum err err;          /* in done: how it ended */
    uint64_t index;        /* in done with ERR_OK: a state that has applied all up to here serves a
                              linearizable read; committed here */

    /* Private to raft/driver. */
    struct list_node in_group; /* raft_group.barriers */
    uint64_t wait_index;       /* done when that is committed; 0: when this node is ready */
};

/* Ask for a barrier. It is a use of the group. In done: ERR_NOT_LEADER, ERR_CANCELED,
 * ERR_DISK_FULL, ERR_BUDGET, and the common ones. */
void raft_group_barrier(struct raft_group *group, struct raft_barrier *barrier);

/* Ask `barrier` to end early: done still fires once, with ERR_CANCELED. Idle: nothing to do. */
void raft_barrier_cancel(struct raft_group *group, struct raft_barrier *barrier);

#endif
