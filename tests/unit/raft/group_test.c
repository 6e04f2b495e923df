/* A group of one voter over a real store on a simulated machine: what group.h promises of
 * proposals, indexes, terms, barriers, watches, trims, closing. */
#include "raft/driver/group.h"

#include <inttypes.h>

#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/raft/rafts.h"

static struct rafts *group_machine(void)
{
    struct rafts *r = rafts_new(1, NULL);
    rafts_start(r, 1);
    return r;
}

/* --- Proposals --- */

static void a_proposal_is_committed_behind_the_no_op_of_its_term(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 1, rafts_propose, 1);
    assert_int_equal(g->refusal, ERR_OK);
    assert_int_equal(g->proposals[0].proposal.index, 2);
    assert_int_equal(raft_group_indexes(&g->group)->committed, 0);
    assert_false(raft_group_is_ready(&g->group));
    rafts_settle(r);
    rafts_check_at(g, 2);
    assert_true(raft_group_is_ready(&g->group));
    assert_true(g->proposals[0].is_committed);
    rafts_check_all(r);
    rafts_end(r);
}

static void proposals_of_one_turn_take_one_index_and_their_offsets_each(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 0, rafts_propose, 40);
    rafts_on(r, 0, rafts_propose, 40);
    rafts_settle(r);
    assert_int_equal(g->proposals[79].proposal.index, 81);
    rafts_check_at(g, 81);
    assert_int_equal(raft_group_next_offset(&g->group), rafts_status(g).end.offset);
    rafts_check_all(r);
    rafts_end(r);
}

/* Batches that do not go at the end, in the term. */
static const struct {
    const char *name;
    int32_t offset; /* from what is right */
    int32_t term;
    bool is_short;
} group_wrong[] = {
    {"the offset of a later batch", 1, 0, false},
    {"a term that is over", 0, -1, false},
    {"a term that has not come", 0, 1, false},
    {"bytes that are not all of it", 0, 0, true},
};

static void group_propose_wrong(struct rafts_group *g)
{
    const size_t row = g->rafts->arg;
    struct buf_slice batch = rafts_batch(
        rafts_shard(g), 7,
        (uint64_t)((int64_t)raft_group_next_offset(&g->group) + group_wrong[row].offset),
        (uint32_t)((int32_t)raft_group_next_term(&g->group) + group_wrong[row].term));
    batch.length -= group_wrong[row].is_short;
    g->proposals[0] = (struct rafts_proposal){.g = g};
    g->proposals[0].proposal.failed = (raft_failed_fn *)(uintptr_t)1;
    g->refusal = raft_group_propose(&g->group, &g->proposals[0].proposal, batch);
    buf_unref(batch.buf);
}

static void a_batch_that_is_not_patched_is_refused_and_makes_nobody_leader(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    for (size_t i = 0; i < ARRAY_COUNT(group_wrong); i++) {
        struct rafts_group *g = rafts_on(r, 0, group_propose_wrong, i);
        assert_int_equal(g->refusal, ERR_INVALID);
        assert_int_equal(raft_group_role(&g->group), RAFT_FOLLOWER);
        assert_int_equal(rafts_status(g).end.index, 0);
    }
    rafts_end(r);
}

static void group_propose_internal(struct rafts_group *g)
{
    struct rafts_proposal *rp = &g->proposals[g->proposals_count];
    *rp = (struct rafts_proposal){.g = g};
    rp->proposal.failed = (raft_failed_fn *)(uintptr_t)1;
    g->refusal = raft_group_propose_internal(&g->group, &rp->proposal, (enum log_kind)g->rafts->arg,
                                             "abc", 3);
}

static void membership_cannot_be_proposed_to_a_single_voter(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 0, group_propose_internal, LOG_KIND_MEMBERSHIP);
    assert_int_equal(g->refusal, ERR_UNSUPPORTED);
    assert_int_equal(rafts_status(g).end.index, 0);
    rafts_end(r);
}

static void an_internal_entry_takes_an_index_and_no_offset(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 0, rafts_propose, 1);
    uint64_t offset = raft_group_next_offset(&g->group);
    rafts_on(r, 0, group_propose_internal, LOG_KIND_CUT);
    assert_int_equal(g->refusal, ERR_OK);
    rafts_settle(r);
    rafts_check_at(g, 3);
    assert_int_equal(raft_group_next_offset(&g->group), offset);
    assert_int_equal(rafts_status(g).end.offset, offset);
    g->end_index = 3; /* it is not the model's */
    rafts_end(r);
}

/* --- Terms and leading --- */

static void no_use_writes_nothing_and_shows_one_term(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    rafts_on(r, 0, rafts_propose, 3);
    rafts_close(r);
    for (uint32_t i = 0; i < 3; i++) {
        rafts_start(r, 1 + i);
        struct rafts_group *g = &r->groups[0];
        rafts_check_at(g, 4);
        assert_int_equal(raft_group_term(&g->group), 1);
        assert_int_equal(raft_group_term_shown(&g->group), 2);
        assert_int_equal(raft_group_next_term(&g->group), 2);
        assert_int_equal(raft_group_leader(&g->group), 3);
        assert_int_equal(raft_group_role(&g->group), RAFT_FOLLOWER);
        rafts_check_all(r);
        assert_int_equal(rafts_status(g).hard.term, 1);
        assert_int_equal(rafts_status(g).end.index, 4);
        assert_int_equal(g->told_count, 0);
        rafts_close(r);
    }
    rafts_free(r);
}

static void the_first_use_after_a_start_raises_the_term_to_what_was_shown(void **state)
{
    (void)state;
    struct rafts *r = rafts_new(1, NULL);
    for (uint32_t term = 1; term <= 5; term++) {
        rafts_start(r, 1 + term % 3);
        struct rafts_group *g = &r->groups[2];
        assert_int_equal(raft_group_term_shown(&g->group), term);
        rafts_on(r, 2, rafts_propose, 2); /* the model counts one no-op a use */
        rafts_on(r, 2, rafts_activate, 0);
        assert_int_equal(raft_group_term(&g->group), term);
        assert_int_equal(raft_group_term_shown(&g->group), term);
        rafts_settle(r);
        assert_int_equal(rafts_status(g).end.index, 3 * term);
        assert_int_equal(rafts_status(g).hard.term, term);
        assert_int_equal(rafts_status(g).hard.vote, 3);
        rafts_check_all(r);
        rafts_close(r);
    }
    rafts_free(r);
}

static void activating_twice_is_activating_once(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 0, rafts_activate, 0);
    assert_int_equal(g->refusal, ERR_OK);
    assert_false(raft_group_is_ready(&g->group));
    rafts_on(r, 0, rafts_activate, 0);
    rafts_settle(r);
    assert_true(raft_group_is_ready(&g->group));
    rafts_on(r, 0, rafts_activate, 0);
    rafts_check_at(g, 1);
    assert_int_equal(rafts_status(g).end.index, 1);
    rafts_end(r);
}

static struct log_op group_op;
static bool group_is_done;

static void group_appended(struct log_op *op)
{
    assert_int_equal(op->err, ERR_OK);
    group_is_done = true;
}

/* As `tdb log append` does: no vote, any term. The group is closed. */
static void group_append_by_hand(struct rafts_group *g)
{
    struct rafts_shard *rs = rafts_shard(g);
    struct buf_slice batch = rafts_batch(rs, 1, 0, 9);
    group_op = (struct log_op){.done = group_appended};
    assert_int_equal(log_append(log_find(&rs->ls, g->id), &group_op, batch), ERR_OK);
    buf_unref(batch.buf);
    g->serials[1] = 1;
    g->end_index = 1;
    g->term = 9;
}

static void group_open_by_hand(struct rafts_group *g)
{
    rafts_open_group(g);
    g->term = 9; /* no hard state says so */
}

static void a_term_is_above_that_of_entries_nobody_voted_for(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 0, rafts_close_group, 0);
    rafts_settle(r);
    rafts_on(r, 0, group_append_by_hand, 0);
    rafts_settle(r);
    assert_true(group_is_done);
    rafts_on(r, 0, group_open_by_hand, 0);
    rafts_check_at(g, 1);
    assert_int_equal(raft_group_term_shown(&g->group), 10);
    rafts_on(r, 0, rafts_propose, 1);
    rafts_settle(r);
    assert_int_equal(rafts_status(g).end.term, 10);
    rafts_check_all(r);
    rafts_end(r);
}

/* --- Barriers --- */

static void group_barrier_inside(struct rafts_group *g)
{
    rafts_barrier(g);
    assert_int_equal(g->barriers_count, 1); /* not yet the second */
}

static void a_barrier_is_done_when_the_terms_no_op_is_committed(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 0, rafts_barrier, 0);
    assert_int_equal(g->barriers_count, 0);
    rafts_settle(r);
    assert_int_equal(g->barriers_count, 1);
    assert_int_equal(g->barrier.err, ERR_OK);
    assert_int_equal(g->barrier.index, 1);
    rafts_on(r, 0, rafts_propose, 2);
    rafts_settle(r);
    rafts_on(r, 0, group_barrier_inside, 0);
    rafts_settle(r);
    assert_int_equal(g->barriers_count, 2);
    assert_int_equal(g->barrier.index, 3);
    rafts_end(r);
}

static void group_barrier_and_cancel(struct rafts_group *g)
{
    rafts_barrier(g);
    raft_barrier_cancel(&g->group, &g->barrier);
    raft_barrier_cancel(&g->group, &g->barrier);
}

static void a_canceled_barrier_is_done_once(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 0, group_barrier_and_cancel, 0);
    rafts_settle(r);
    assert_int_equal(g->barriers_count, 1);
    assert_int_equal(g->barrier.err, ERR_CANCELED);
    rafts_end(r);
}

/* --- Watches --- */

static struct {
    struct raft_watch watches[3];
    uint32_t counts[3];
} group_watched;

static void group_moved(struct raft_watch *watch, struct raft_group *group)
{
    uint32_t i = (uint32_t)(watch - group_watched.watches);
    (void)group;
    group_watched.counts[i]++;
    if (i == 0) { /* it takes itself and another off */
        raft_group_unwatch(watch);
        raft_group_unwatch(&group_watched.watches[2]);
    }
}

static void group_watch(struct rafts_group *g)
{
    for (uint32_t i = 0; i < 3; i++) {
        group_watched.counts[i] = 0;
        group_watched.watches[i] = (struct raft_watch){.moved = group_moved};
        raft_group_watch(&g->group, &group_watched.watches[i]);
    }
}

static void a_watch_may_take_itself_and_others_off(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    rafts_on(r, 0, group_watch, 0);
    rafts_on(r, 0, rafts_propose, 3);
    rafts_settle(r);
    assert_int_equal(group_watched.counts[0], 1);
    assert_true(group_watched.counts[1] >= 2);
    assert_int_equal(group_watched.counts[2], 0);
    raft_group_unwatch(&group_watched.watches[2]); /* it is off */
    rafts_end(r);
}

/* --- Trims --- */

static void a_committed_trim_moves_the_log_start_for_good(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 0, rafts_propose, 30);
    rafts_settle(r);
    rafts_on(r, 0, rafts_propose_trim, 21);
    assert_int_equal(g->refusal, ERR_OK);
    assert_int_equal(raft_group_indexes(&g->group)->trimmed, 0);
    rafts_settle(r);
    assert_int_equal(raft_group_indexes(&g->group)->trimmed, 20);
    assert_int_equal(rafts_status(g).start.index, 21);
    rafts_on(r, 0, rafts_propose_trim, 5); /* an earlier one changes nothing */
    rafts_settle(r);
    assert_int_equal(raft_group_indexes(&g->group)->trimmed, 20);
    rafts_crash(r, SIM_CRASH_LOSE);
    rafts_start(r, 2);
    assert_int_equal(raft_group_indexes(&g->group)->trimmed, 20);
    rafts_check_all(r);
    rafts_end(r);
}

static void trims_of_one_turn_act_one_after_the_other(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 0, rafts_propose, 30);
    rafts_settle(r);
    for (uint64_t first = 2; first <= 31; first++) {
        rafts_on(r, 0, rafts_propose_trim, first);
    }
    rafts_settle(r);
    assert_int_equal(raft_group_indexes(&g->group)->trimmed, 30);
    rafts_check_all(r);
    rafts_end(r);
}

static void a_trim_above_commit_is_refused(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 0, rafts_propose, 3);
    rafts_on(r, 0, rafts_propose_trim, 3); /* nothing is committed yet */
    assert_int_equal(g->refusal, ERR_RANGE);
    rafts_settle(r);
    rafts_on(r, 0, rafts_propose_trim, 6);
    assert_int_equal(g->refusal, ERR_RANGE);
    rafts_on(r, 0, rafts_propose_trim, 5);
    assert_int_equal(g->refusal, ERR_OK);
    rafts_settle(r);
    assert_int_equal(rafts_status(g).start.index, 5);
    rafts_check_all(r);
    rafts_end(r);
}

/* --- Failing --- */

static bool group_strikes(void *ctx, enum sim_fault fault, const char *path, uint64_t pos)
{
    (void)ctx;
    (void)fault;
    (void)path;
    (void)pos;
    return true;
}

/* Writes that fail, in a million. */
static void group_set_faults(struct rafts *r, uint32_t ppm)
{
    struct sim_disk_options *options = sim_disk_options(sim_node_disk(r->node));
    options->may_strike = group_strikes;
    options->faults_ppm[SIM_FAULT_WRITE_ERROR] = ppm;
    options->faults_ppm[SIM_FAULT_FLUSH_ERROR] = ppm;
}

static void a_device_that_fails_fails_each_proposal_once_and_ends_leading(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 0, rafts_propose, 5);
    rafts_settle(r);
    group_set_faults(r, 1000000);
    rafts_on(r, 0, rafts_propose, 7);
    assert_int_equal(g->refusal, ERR_OK);
    rafts_settle(r);
    assert_int_equal(g->failed_count, 7);
    assert_int_equal(g->failed_err, ERR_FENCED);
    assert_int_equal(raft_group_role(&g->group), RAFT_FOLLOWER);
    assert_int_equal(raft_group_leader(&g->group), 3); /* reads go on */
    assert_int_equal(raft_group_indexes(&g->group)->committed, 6);
    assert_int_equal(raft_group_voters_live(&g->group), 0);
    rafts_on(r, 0, rafts_propose, 1);
    assert_int_equal(g->refusal, ERR_FENCED);
    rafts_on(r, 0, rafts_barrier, 0);
    rafts_settle(r);
    assert_int_equal(g->barrier.err, ERR_FENCED);
    rafts_on(r, 0, rafts_feed_open, 1);
    rafts_on(r, 0, rafts_feed_run, 0);
    rafts_settle(r);
    assert_int_equal(g->fed_index, 6);
    group_set_faults(r, 0);
    rafts_crash(r, SIM_CRASH_LOSE);
    rafts_start(r, 1);
    rafts_on(r, 0, rafts_propose, 1);
    rafts_check_all(r);
    rafts_end(r);
}

static void another_groups_fence_is_met_by_the_next_proposal(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 1, rafts_propose, 1);
    rafts_settle(r);
    group_set_faults(r, 1000000);
    rafts_on(r, 0, rafts_propose, 1);
    rafts_settle(r);
    assert_int_equal(raft_group_role(&g->group), RAFT_LEADER); /* it has not tried */
    rafts_on(r, 1, rafts_propose, 1);
    assert_int_equal(g->refusal, ERR_FENCED);
    assert_int_equal(raft_group_role(&g->group), RAFT_FOLLOWER);
    group_set_faults(r, 0);
    rafts_crash(r, SIM_CRASH_KEEP);
    rafts_free(r);
}

static void group_starve(struct rafts_group *g)
{
    struct budget *budget =
        g->rafts->arg == 0 ? &rafts_shard(g)->raft.budget : &rafts_shard(g)->ls.budget;
    budget_set_limit(budget, budget->used_bytes);
}

static void group_feed_up(struct rafts_group *g)
{
    budget_set_limit(&rafts_shard(g)->raft.budget, SIZE_MAX);
    budget_set_limit(&rafts_shard(g)->ls.budget, SIZE_MAX);
}

static void a_proposal_refused_for_memory_changes_nothing(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 0, group_starve, 0);
    rafts_on(r, 0, rafts_propose, 1);
    assert_int_equal(g->refusal, ERR_BUDGET);
    assert_int_equal(raft_group_role(&g->group), RAFT_FOLLOWER);
    assert_int_equal(raft_group_term(&g->group), 0);
    rafts_on(r, 0, group_feed_up, 0);
    rafts_on(r, 0, rafts_propose, 1);
    assert_int_equal(g->refusal, ERR_OK);
    rafts_settle(r);
    rafts_check_all(r);
    rafts_end(r);
}

static void a_term_whose_no_op_is_refused_is_led_by_the_next_use(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 0, group_starve, 1);
    rafts_on(r, 0, rafts_activate, 0);
    assert_int_equal(g->refusal, ERR_BUDGET);
    assert_int_equal(raft_group_role(&g->group), RAFT_CANDIDATE);
    rafts_on(r, 0, rafts_barrier, 0);
    rafts_settle(r);
    assert_int_equal(g->barrier.err, ERR_BUDGET);
    assert_int_equal(raft_group_term_shown(&g->group), 1);
    rafts_on(r, 0, group_feed_up, 0);
    rafts_on(r, 0, rafts_propose, 2);
    assert_int_equal(g->refusal, ERR_OK);
    assert_int_equal(raft_group_term(&g->group), 1);
    rafts_settle(r);
    rafts_check_at(g, 3);
    rafts_check_all(r);
    rafts_end(r);
}

static void group_make_amnesiac(struct rafts_group *g)
{
    g->group.log->is_amnesiac = g->rafts->arg != 0;
}

static void a_log_that_is_read_only_is_not_led(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 0, group_make_amnesiac, 1);
    rafts_on(r, 0, rafts_propose, 1);
    assert_int_equal(g->refusal, ERR_ACCESS);
    assert_int_equal(raft_group_role(&g->group), RAFT_FOLLOWER);
    assert_int_equal(raft_group_term(&g->group), 0);
    rafts_on(r, 0, group_make_amnesiac, 0); /* an operator has ended that */
    rafts_on(r, 0, rafts_propose, 1);
    assert_int_equal(g->refusal, ERR_OK);
    rafts_settle(r);
    rafts_check_all(r);
    rafts_end(r);
}

static void group_use_up_terms(struct rafts_group *g)
{
    struct log_hard_state hard = {.term = LIMIT_TERM};
    group_op = (struct log_op){.done = group_appended};
    log_set_hard_state(g->group.log, &group_op, &hard);
    g->term = LIMIT_TERM;
}

static void the_last_term_is_not_passed(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 0, group_use_up_terms, 0);
    rafts_settle(r);
    rafts_on(r, 0, rafts_close_group, 0);
    rafts_settle(r);
    rafts_on(r, 0, rafts_open_group, 0);
    assert_int_equal(raft_group_term_shown(&g->group), LIMIT_TERM);
    rafts_on(r, 0, rafts_propose, 1);
    assert_int_equal(g->refusal, ERR_RANGE);
    rafts_end(r);
}

static void proposals_take_memory_from_what_earlier_ones_gave_back(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    rafts_on(r, 0, rafts_propose, 20);
    rafts_settle(r);
    const struct budget *budget = &r->shards[0].raft.budget;
    uint64_t allocs_count = budget->allocs_count;
    for (uint32_t i = 0; i < 20; i++) {
        rafts_on(r, 0, rafts_propose, 20);
        rafts_settle(r);
    }
    assert_int_equal(budget->allocs_count, allocs_count);
    assert_int_equal(r->shards[0].raft.writes.in_use_count, 0);
    rafts_end(r);
}

/* --- Closing --- */

static void closing_tells_what_waits_and_leaves_what_was_given_to_the_log(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 0, rafts_propose, 2);
    rafts_settle(r);
    rafts_on(r, 0, rafts_feed_open, 1);
    rafts_on(r, 0, rafts_feed_run, 0);
    rafts_settle(r);
    rafts_on(r, 0, rafts_propose, 4);
    rafts_on(r, 0, rafts_close_group, 0);
    rafts_settle(r);
    assert_int_equal(g->failed_count, 4);
    assert_int_equal(g->failed_err, ERR_CLOSING);
    assert_int_equal(g->fed_err, ERR_CLOSING);
    assert_true(g->is_open); /* the feed is */
    rafts_on(r, 0, rafts_feed_close, 0);
    rafts_settle(r);
    assert_false(g->is_open);
    rafts_on(r, 0, rafts_open_group, 0);
    rafts_check_at(g, 7);
    rafts_check_all(r);
    rafts_end(r);
}

static struct raft_watch group_closer;
static uint32_t group_closer_count;

static void group_close_moved(struct raft_watch *watch, struct raft_group *group)
{
    (void)watch;
    group_closer_count++;
    rafts_close_group(CONTAINER_OF(group, struct rafts_group, group));
}

static void group_close_on_move(struct rafts_group *g)
{
    group_closer = (struct raft_watch){.moved = group_close_moved};
    group_closer_count = 0;
    raft_group_unwatch(&g->watch);
    raft_group_watch(&g->group, &group_closer);
    raft_group_watch(&g->group, &g->watch);
    rafts_propose(g);
}

static void a_watch_may_close_the_group(void **state)
{
    (void)state;
    struct rafts *r = group_machine();
    struct rafts_group *g = rafts_on(r, 0, group_close_on_move, 5);
    rafts_settle(r);
    assert_false(g->is_open);
    assert_int_equal(group_closer_count, 1);
    assert_int_equal(g->failed_count, 5);
    assert_int_equal(g->told_count, 0); /* the one behind it was taken off */
    rafts_on(r, 0, rafts_open_group, 0);
    rafts_check_at(g, 6);
    rafts_check_all(r);
    rafts_end(r);
}

static void a_group_of_nobody_costs_little(void **state)
{
    (void)state;
    assert_true(sizeof(struct raft_group) <= 320);
}

/* --- Everything, at random --- */

static void group_random_step(struct rafts *r, struct prng *prng)
{
    uint32_t i = (uint32_t)prng_below(prng, RAFTS_GROUPS);
    struct rafts_group *g = &r->groups[i];
    uint64_t committed = raft_group_indexes(&g->group)->committed;
    switch (prng_below(prng, 8)) {
    case 0:
    case 1:
    case 2: rafts_on(r, i, rafts_propose, 1 + prng_below(prng, 12)); break;
    case 3:
        if (prng_chance(prng, 1, 4)) {
            uint64_t start = rafts_status(g).start.index;
            rafts_on(r, i, rafts_propose_trim, start + prng_below(prng, committed + 2 - start));
        }
        break;
    case 4: rafts_on(r, i, rafts_activate, 0); break;
    case 5:
        if (!list_is_linked(&g->barrier.in_group)) {
            rafts_on(r, i, rafts_barrier, 0);
        }
        break;
    case 6:
        if (!g->has_feed) {
            uint64_t start = rafts_status(g).start.index;
            rafts_on(r, i, rafts_feed_open, start + prng_below(prng, committed + 2 - start));
            rafts_on(r, i, rafts_feed_run, 0);
        }
        break;
    default: sim_run_for(r->sim, prng_below(prng, 3 * RT_NS_PER_MS)); break;
    }
}

/* A feed at rest has given out all that is committed; one that the log start has overtaken says so.
 */
static void group_check_feeds(struct rafts *r)
{
    rafts_settle(r);
    for (uint32_t i = 0; i < RAFTS_GROUPS; i++) {
        struct rafts_group *g = &r->groups[i];
        if (g->has_feed && g->is_asking) {
            assert_int_equal(g->fed_index, raft_group_indexes(&g->group)->committed);
        } else if (g->has_feed) {
            assert_int_equal(g->fed_err, ERR_RANGE);
            rafts_on(r, i, rafts_feed_close, 0);
        }
    }
}

static uint64_t group_random_life(uint64_t seed)
{
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = 16 << 20;
    struct rafts *r = rafts_new(seed, &options);
    struct prng prng;
    prng_init(&prng, seed);
    uint32_t lives = 2 + (uint32_t)prng_below(&prng, 5);
    for (uint32_t life = 0; life < lives; life++) {
        rafts_start(r, 1 + (uint32_t)prng_below(&prng, RAFTS_SHARDS));
        if (prng_chance(&prng, 1, 2)) {
            rafts_check_all(r);
        }
        bool is_sick = prng_chance(&prng, 1, 3); /* the device fails somewhen, and fences */
        group_set_faults(r, is_sick ? 20000 : 0);
        uint64_t steps = prng_below(&prng, 150);
        for (uint64_t i = 0; i < steps; i++) {
            group_random_step(r, &prng);
        }
        if (prng_chance(&prng, 1, 2)) {
            group_check_feeds(r);
        }
        if (prng_chance(&prng, 1, 4) && !is_sick) {
            rafts_close(r);
        } else {
            /* After a flush that failed a system may show what the device does not have: power
             * goes, so that what the next life sees is what is there. */
            enum sim_crash how = (enum sim_crash)prng_below(&prng, 3);
            rafts_crash(r, is_sick && how == SIM_CRASH_KEEP ? SIM_CRASH_LOSE : how);
            group_set_faults(r, 0);
        }
    }
    rafts_start(r, 1);
    rafts_check_all(r);
    rafts_close(r);
    uint64_t compared = r->compared_count;
    rafts_free(r);
    return compared;
}

static void what_was_committed_is_there_after_any_crash(void **state)
{
    (void)state;
    uint64_t compared = 0;
    struct share share = share_open("lives against the list of what was proposed", 80);
    while (share_more(&share)) {
        compared += group_random_life(share_case_seed(&share));
    }
    share_close(&share);
    print_message("entries compared: %" PRIu64 "\n", compared);
    assert_true(compared > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proposal_is_committed_behind_the_no_op_of_its_term),
        cmocka_unit_test(proposals_of_one_turn_take_one_index_and_their_offsets_each),
        cmocka_unit_test(a_batch_that_is_not_patched_is_refused_and_makes_nobody_leader),
        cmocka_unit_test(membership_cannot_be_proposed_to_a_single_voter),
        cmocka_unit_test(an_internal_entry_takes_an_index_and_no_offset),
        cmocka_unit_test(no_use_writes_nothing_and_shows_one_term),
        cmocka_unit_test(the_first_use_after_a_start_raises_the_term_to_what_was_shown),
        cmocka_unit_test(activating_twice_is_activating_once),
        cmocka_unit_test(a_term_is_above_that_of_entries_nobody_voted_for),
        cmocka_unit_test(a_barrier_is_done_when_the_terms_no_op_is_committed),
        cmocka_unit_test(a_canceled_barrier_is_done_once),
        cmocka_unit_test(a_watch_may_take_itself_and_others_off),
        cmocka_unit_test(a_committed_trim_moves_the_log_start_for_good),
        cmocka_unit_test(trims_of_one_turn_act_one_after_the_other),
        cmocka_unit_test(a_trim_above_commit_is_refused),
        cmocka_unit_test(a_device_that_fails_fails_each_proposal_once_and_ends_leading),
        cmocka_unit_test(another_groups_fence_is_met_by_the_next_proposal),
        cmocka_unit_test(a_proposal_refused_for_memory_changes_nothing),
        cmocka_unit_test(a_term_whose_no_op_is_refused_is_led_by_the_next_use),
        cmocka_unit_test(a_log_that_is_read_only_is_not_led),
        cmocka_unit_test(the_last_term_is_not_passed),
        cmocka_unit_test(proposals_take_memory_from_what_earlier_ones_gave_back),
        cmocka_unit_test(closing_tells_what_waits_and_leaves_what_was_given_to_the_log),
        cmocka_unit_test(a_watch_may_close_the_group),
        cmocka_unit_test(a_group_of_nobody_costs_little),
        cmocka_unit_test(what_was_committed_is_there_after_any_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
