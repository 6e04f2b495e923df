/* What group.h promises where others have a say: indexes that lag one by one, proposals that fail.
 * The voter is the double (double.h); group.c and feed.c are the product's. */
#include "tests/unit/raft/double.h"

#include <inttypes.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/raft/rafts.h"

static struct rafts *double_machine(uint64_t seed)
{
    raft_double_reset();
    struct rafts *r = rafts_new(seed, NULL);
    rafts_start(r, 1);
    return r;
}

static void double_end(struct rafts *r)
{
    rafts_close(r);
    rafts_free(r);
}

/* --- For rafts_on --- */

static void double_hold(struct rafts_group *g)
{
    raft_double_hold(&g->group, g->rafts->arg != 0);
}

static void double_commit(struct rafts_group *g)
{
    raft_double_let(&g->group, RAFT_DOUBLE_COMMITTED, g->rafts->arg);
}

static void double_receive_majority(struct rafts_group *g)
{
    raft_double_let(&g->group, RAFT_DOUBLE_RECEIVED_MAJORITY, g->rafts->arg);
}

static void double_receive_here(struct rafts_group *g)
{
    raft_double_let(&g->group, RAFT_DOUBLE_RECEIVED_HERE, g->rafts->arg);
}

static void double_durable_here(struct rafts_group *g)
{
    raft_double_let(&g->group, RAFT_DOUBLE_DURABLE_HERE, g->rafts->arg);
}

static void double_durable_on_two(struct rafts_group *g)
{
    raft_double_let_durable_on(&g->group, 2, g->rafts->arg);
}

static void double_voters(struct rafts_group *g)
{
    raft_double_voters(&g->group, 3, (uint32_t)g->rafts->arg);
}

static void double_step_down(struct rafts_group *g)
{
    raft_double_step_down(&g->group, 2, (uint32_t)g->rafts->arg);
    g->term = (uint32_t)g->rafts->arg;
}

static void double_elect(struct rafts_group *g)
{
    bool was_leader = raft_group_role(&g->group) == RAFT_LEADER;
    g->refusal = raft_double_elect(&g->group);
    if (g->refusal == ERR_OK && !was_leader) {
        g->term++;
        g->serials[++g->end_index] = RAFTS_NOOP;
    }
}

static void double_refuse(struct rafts_group *g)
{
    raft_double_refuse(&g->group, (enum err)g->rafts->arg);
}

static void double_cut(struct rafts_group *g)
{
    uint64_t first_index = g->rafts->arg;
    if (first_index <= g->group.now.committed) {
        return; /* since it was looked at */
    }
    raft_double_cut(&g->group, first_index);
    for (uint64_t i = first_index; i <= g->end_index; i++) {
        bool has_offsets = g->serials[i] != RAFTS_NOOP && g->serials[i] != RAFTS_TRIM;
        g->next_offset -= has_offsets ? rafts_records(g->serials[i]) : 0;
        g->serials[i] = 0;
    }
    g->end_index = first_index - 1;
    for (uint32_t i = 0; i < g->proposals_count; i++) { /* told in the next turn */
        struct rafts_proposal *rp = &g->proposals[i];
        assert_true(!rp->is_out || rp->proposal.index < first_index ||
                    rp->proposal.err == ERR_CANCELED);
    }
}

/* As follower of a leader in the group's term. */
static void double_receive(struct rafts_group *g)
{
    struct buf_slice batch =
        rafts_batch(rafts_shard(g), ++g->serial, raft_group_next_offset(&g->group), g->term);
    g->refusal = raft_double_receive(&g->group, batch);
    buf_unref(batch.buf);
    if (g->refusal == ERR_OK) {
        g->serials[++g->end_index] = g->serial;
        g->next_offset += rafts_records(g->serial);
    }
}

/* --- Tests --- */

static void each_index_lags_by_itself(void **state)
{
    (void)state;
    struct rafts *r = double_machine(1);
    struct rafts_group *g = rafts_on(r, 0, double_hold, 1);
    const struct raft_group_indexes *at = raft_group_indexes(&g->group);
    rafts_on(r, 0, double_voters, 2);
    rafts_on(r, 0, rafts_propose, 5);
    rafts_settle(r);
    assert_int_equal(at->received_here, 0);
    rafts_on(r, 0, double_receive_here, 4);
    assert_int_equal(at->received_here, 4);
    assert_int_equal(at->durable_here, 0);
    rafts_on(r, 0, double_durable_here, 6); /* no further than it was received */
    assert_int_equal(at->durable_here, 4);
    rafts_on(r, 0, double_receive_majority, 3);
    assert_int_equal(at->received_majority, 3);
    assert_int_equal(at->committed, 0);
    rafts_on(r, 0, double_durable_on_two, 2);
    assert_int_equal(raft_group_durable_on(&g->group, 1), 4);
    assert_int_equal(raft_group_durable_on(&g->group, 2), 2);
    assert_int_equal(raft_group_durable_on(&g->group, 3), 0);
    assert_int_equal(raft_group_voters(&g->group), 3);
    assert_int_equal(raft_group_voters_live(&g->group), 2);
    rafts_on(r, 0, double_commit, 5); /* a leader whose disk is slow */
    assert_int_equal(at->committed, 5);
    assert_int_equal(at->received_majority, 5);
    assert_int_equal(at->durable_here, 4);
    rafts_settle(r);
    assert_true(g->proposals[3].is_committed); /* index 5 */
    assert_false(g->proposals[4].is_committed);
    rafts_on(r, 0, double_hold, 0);
    rafts_settle(r);
    assert_true(g->proposals[4].is_committed);
    double_end(r);
}

static void a_leader_is_ready_when_its_no_op_is_committed(void **state)
{
    (void)state;
    struct rafts *r = double_machine(1);
    struct rafts_group *g = rafts_on(r, 0, double_hold, 1);
    rafts_on(r, 0, rafts_propose, 2);
    rafts_on(r, 0, rafts_barrier, 0);
    rafts_settle(r);
    assert_int_equal(raft_group_role(&g->group), RAFT_LEADER);
    assert_false(raft_group_is_ready(&g->group));
    assert_int_equal(g->barriers_count, 0);
    rafts_on(r, 0, double_commit, 1);
    assert_true(raft_group_is_ready(&g->group));
    rafts_settle(r);
    assert_int_equal(g->barriers_count, 1);
    assert_int_equal(g->barrier.index, 1);
    rafts_on(r, 0, double_hold, 0);
    double_end(r);
}

static void stepping_down_fails_what_is_not_committed_once(void **state)
{
    (void)state;
    struct rafts *r = double_machine(1);
    struct rafts_group *g = rafts_on(r, 0, double_hold, 1);
    rafts_on(r, 0, rafts_propose, 6); /* 2 .. 7 */
    rafts_settle(r);
    rafts_on(r, 0, double_commit, 4);
    rafts_on(r, 0, rafts_barrier, 0);
    rafts_settle(r);
    rafts_on(r, 0, double_step_down, 5);
    rafts_settle(r);
    assert_int_equal(g->failed_count, 3);
    assert_int_equal(g->failed_err, ERR_NOT_LEADER);
    assert_int_equal(raft_group_role(&g->group), RAFT_FOLLOWER);
    assert_int_equal(raft_group_leader(&g->group), 2);
    assert_int_equal(raft_group_term_shown(&g->group), 5);
    rafts_on(r, 0, rafts_propose, 1);
    assert_int_equal(g->refusal, ERR_NOT_LEADER);
    rafts_on(r, 0, rafts_barrier, 0);
    rafts_settle(r);
    assert_int_equal(g->barrier.err, ERR_NOT_LEADER);
    rafts_on(r, 0, double_commit, 7); /* the entries may be committed all the same */
    assert_int_equal(raft_group_indexes(&g->group)->committed, 7);
    rafts_on(r, 0, double_elect, 0);
    assert_int_equal(raft_group_term(&g->group), 6);
    rafts_on(r, 0, double_hold, 0);
    rafts_settle(r);
    rafts_check_all(r);
    double_end(r);
}

static void double_step_down_and_commit(struct rafts_group *g)
{
    double_step_down(g);
    raft_double_let(&g->group, RAFT_DOUBLE_COMMITTED, g->end_index);
    assert_int_equal(raft_group_indexes(&g->group)->committed, 0); /* not published yet */
}

static void a_failure_is_told_before_what_is_committed_is_published(void **state)
{
    (void)state;
    struct rafts *r = double_machine(1);
    struct rafts_group *g = rafts_on(r, 0, double_hold, 1);
    rafts_on(r, 0, rafts_propose, 6);
    rafts_settle(r);
    rafts_on(r, 0, double_step_down_and_commit, 5);
    rafts_settle(r);
    assert_int_equal(g->failed_count, 6); /* what failed checks what was published */
    assert_int_equal(raft_group_indexes(&g->group)->committed, 7);
    rafts_on(r, 0, double_hold, 0);
    double_end(r);
}

static void a_barrier_that_waits_fails_with_the_leader(void **state)
{
    (void)state;
    struct rafts *r = double_machine(1);
    struct rafts_group *g = rafts_on(r, 0, double_hold, 1);
    rafts_on(r, 0, rafts_barrier, 0);
    rafts_settle(r);
    rafts_on(r, 0, double_step_down, 5);
    rafts_settle(r);
    assert_int_equal(g->barriers_count, 1);
    assert_int_equal(g->barrier.err, ERR_NOT_LEADER);
    rafts_on(r, 0, double_hold, 0);
    double_end(r);
}

static void double_cut_and_propose(struct rafts_group *g)
{
    double_cut(g);
    g->rafts->arg = 2;
    rafts_propose(g);
}

static void a_cut_entry_fails_and_another_takes_its_index(void **state)
{
    (void)state;
    struct rafts *r = double_machine(1);
    struct rafts_group *g = rafts_on(r, 0, double_hold, 1);
    rafts_on(r, 0, rafts_propose, 6); /* 2 .. 7 */
    rafts_settle(r);                  /* durable here */
    rafts_on(r, 0, double_receive_here, 7);
    rafts_on(r, 0, double_durable_here, 6);
    rafts_on(r, 0, double_receive_majority, 7);
    rafts_on(r, 0, double_commit, 3);
    rafts_on(r, 0, double_cut_and_propose, 5);
    const struct raft_group_indexes *at = raft_group_indexes(&g->group);
    assert_int_equal(at->received_here, 4);
    assert_int_equal(at->durable_here, 4);
    assert_int_equal(at->received_majority, 4);
    assert_int_equal(at->committed, 3);
    assert_int_equal(g->proposals[6].proposal.index, 5);
    rafts_settle(r);
    assert_int_equal(g->failed_count, 3);
    assert_int_equal(g->failed_err, ERR_CANCELED);
    rafts_on(r, 0, double_hold, 0);
    rafts_settle(r);
    assert_int_equal(at->committed, 6);
    rafts_check_all(r);
    double_end(r);
}

static void double_propose_and_cut(struct rafts_group *g)
{
    g->rafts->arg = 5;
    rafts_propose(g);
    g->rafts->arg = 2;
    double_cut(g);
    g->rafts->arg = 3;
    rafts_propose(g);
}

static void a_cut_in_the_turn_of_the_proposal_is_a_cut(void **state)
{
    (void)state;
    struct rafts *r = double_machine(1);
    struct rafts_group *g = rafts_on(r, 0, double_propose_and_cut, 0);
    rafts_settle(r);
    assert_int_equal(g->failed_count, 5);
    assert_int_equal(raft_group_indexes(&g->group)->committed, 4);
    rafts_check_all(r);
    double_end(r);
}

static void a_trim_that_is_cut_does_not_act(void **state)
{
    (void)state;
    struct rafts *r = double_machine(1);
    struct rafts_group *g = rafts_on(r, 0, rafts_propose, 10);
    rafts_settle(r);
    rafts_on(r, 0, double_hold, 1);
    rafts_on(r, 0, rafts_propose_trim, 5); /* 12 */
    rafts_on(r, 0, rafts_propose_trim, 7);
    rafts_settle(r);
    rafts_on(r, 0, double_cut, 13);
    rafts_on(r, 0, rafts_propose, 1);
    rafts_settle(r);
    assert_int_equal(rafts_status(g).start.index, 1);
    rafts_on(r, 0, double_hold, 0);
    rafts_settle(r);
    assert_int_equal(rafts_status(g).start.index, 5);
    assert_int_equal(raft_group_indexes(&g->group)->trimmed, 4);
    rafts_check_all(r);
    double_end(r);
}

static void a_trim_acts_when_it_is_committed_and_not_before(void **state)
{
    (void)state;
    struct rafts *r = double_machine(1);
    struct rafts_group *g = rafts_on(r, 0, rafts_propose, 10); /* 2 .. 11 */
    rafts_settle(r);
    rafts_on(r, 0, double_hold, 1);
    rafts_on(r, 0, rafts_propose, 2);
    rafts_on(r, 0, rafts_propose_trim, 5); /* 14 */
    rafts_on(r, 0, rafts_propose_trim, 7); /* 15 */
    rafts_settle(r);
    static const struct {
        uint64_t committed;
        uint64_t start;
    } rows[] = {{12, 1}, {13, 1}, {14, 5}, {15, 7}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        rafts_on(r, 0, double_commit, rows[i].committed);
        rafts_settle(r);
        assert_int_equal(rafts_status(g).start.index, rows[i].start);
    }
    rafts_on(r, 0, double_hold, 0);
    double_end(r);
}

static void a_feed_never_passes_commit(void **state)
{
    (void)state;
    struct rafts *r = double_machine(1);
    struct rafts_group *g = rafts_on(r, 0, double_hold, 1);
    rafts_on(r, 0, rafts_feed_open, 1);
    rafts_on(r, 0, rafts_feed_run, 0);
    rafts_on(r, 0, rafts_propose, 9);
    rafts_settle(r);
    for (uint64_t index = 0; index <= 10; index++) {
        rafts_on(r, 0, double_commit, index);
        rafts_settle(r);
        assert_int_equal(g->fed_index, index);
    }
    rafts_on(r, 0, double_hold, 0);
    double_end(r);
}

static void a_follower_feeds_what_its_leader_commits(void **state)
{
    (void)state;
    struct rafts *r = double_machine(1);
    struct rafts_group *g = rafts_on(r, 0, double_hold, 1);
    rafts_on(r, 0, double_step_down, 4);
    rafts_on(r, 0, rafts_feed_open, 1);
    rafts_on(r, 0, rafts_feed_run, 0);
    for (uint32_t i = 0; i < 6; i++) {
        rafts_on(r, 0, double_receive, 0);
        assert_int_equal(g->refusal, ERR_OK);
    }
    rafts_settle(r);
    rafts_on(r, 0, double_commit, 4);
    rafts_settle(r);
    assert_int_equal(g->fed_index, 4);
    rafts_on(r, 0, double_hold, 0);
    rafts_settle(r);
    assert_int_equal(g->fed_index, 6);
    assert_int_equal(raft_group_role(&g->group), RAFT_FOLLOWER);
    double_end(r);
}

/* An internal entry of the leader's: a trim that asks for arg. */
static void double_receive_trim(struct rafts_group *g)
{
    struct rafts_shard *rs = rafts_shard(g);
    uint8_t payload[13] = {0};
    size_t payload_bytes = g->rafts->arg == 0 ? 13 : 12;
    payload[7] = (uint8_t)g->rafts->arg;
    struct buf *buf = NULL;
    assert_int_equal(buf_new(&rs->bufs, rs->bufs.budget, 128, &buf), ERR_OK);
    uint32_t length = (uint32_t)(LOG_BATCH_HEADER_BYTES + payload_bytes);
    struct bytes_writer w = bytes_writer(buf_append(buf, length), length);
    log_batch_put_internal(&w, g->rafts->store.kernels, LOG_KIND_TRIM, payload, payload_bytes,
                           raft_group_next_offset(&g->group), g->term, -1);
    assert_int_equal(w.err, ERR_OK);
    buf_seal(buf, length);
    g->refusal = raft_double_receive(&g->group, buf_slice(buf, 0, length));
    buf_unref(buf);
    if (g->refusal == ERR_OK) {
        g->serials[++g->end_index] = RAFTS_TRIM;
    }
}

static void a_follower_trims_as_its_leader_says(void **state)
{
    (void)state;
    struct rafts *r = double_machine(1);
    struct rafts_group *g = rafts_on(r, 0, double_step_down, 4);
    for (uint32_t i = 0; i < 6; i++) {
        rafts_on(r, 0, double_receive, 0);
    }
    rafts_on(r, 0, double_receive_trim, 8); /* it is the seventh */
    assert_int_equal(g->refusal, ERR_CORRUPT);
    rafts_on(r, 0, double_receive_trim, 0); /* a payload of a byte too many */
    assert_int_equal(g->refusal, ERR_CORRUPT);
    rafts_on(r, 0, double_receive_trim, 7);
    assert_int_equal(g->refusal, ERR_OK);
    rafts_settle(r);
    assert_int_equal(rafts_status(g).start.index, 7);
    rafts_check_all(r);
    double_end(r);
}

static void a_refused_use_changes_nothing(void **state)
{
    (void)state;
    static const enum err errs[] = {ERR_NOT_LEADER, ERR_DISK_FULL, ERR_BUDGET, ERR_AGAIN};
    struct rafts *r = double_machine(1);
    for (size_t i = 0; i < ARRAY_COUNT(errs); i++) {
        struct rafts_group *g = rafts_on(r, 0, double_refuse, errs[i]);
        rafts_on(r, 0, rafts_propose, 1);
        assert_int_equal(g->refusal, errs[i]);
        rafts_on(r, 0, rafts_activate, 0);
        assert_int_equal(g->refusal, errs[i]);
        rafts_on(r, 0, rafts_barrier, 0);
        rafts_settle(r);
        assert_int_equal(g->barrier.err, errs[i]);
        assert_int_equal(rafts_status(g).end.index, 0);
        assert_int_equal(raft_group_term_shown(&g->group), 1);
    }
    rafts_on(r, 0, double_refuse, ERR_OK);
    rafts_on(r, 0, rafts_propose, 1);
    rafts_settle(r);
    rafts_check_all(r);
    double_end(r);
}

/* --- At random --- */

static void double_random_lead(struct rafts *r, uint32_t i, struct prng *prng)
{
    struct rafts_group *g = &r->groups[i];
    bool is_leader = raft_group_role(&g->group) == RAFT_LEADER;
    uint64_t committed = raft_group_indexes(&g->group)->committed;
    uint64_t durable = rafts_status(g).durable_index;
    if (is_leader && prng_chance(prng, 1, 2)) {
        rafts_on(r, i, double_step_down, raft_group_term(&g->group) + prng_below(prng, 3));
    } else if (!is_leader && prng_chance(prng, 1, 2)) {
        rafts_on(r, i, double_elect, 0);
        assert_true(g->refusal == ERR_OK || g->refusal == ERR_AGAIN);
    } else if (g->end_index > committed && durable >= committed &&
               !raft_double_is_cutting(&g->group)) {
        rafts_on(r, i, double_cut, committed + 1 + prng_below(prng, g->end_index - committed));
        if (prng_chance(prng, 1, 2)) {
            rafts_settle(r);
        }
    }
}

static void double_random_step(struct rafts *r, struct prng *prng)
{
    static void (*const lets[])(struct rafts_group * g) = {
        double_commit, double_receive_here, double_durable_here, double_receive_majority};
    uint32_t i = (uint32_t)prng_below(prng, RAFTS_GROUPS);
    struct rafts_group *g = &r->groups[i];
    switch (prng_below(prng, 10)) {
    case 0:
    case 1:
    case 2: rafts_on(r, i, rafts_propose, 1 + prng_below(prng, 8)); break;
    case 3: rafts_on(r, i, double_hold, 1); break;
    case 4: rafts_on(r, i, double_hold, prng_chance(prng, 1, 2)); break;
    case 5:
    case 6:
        rafts_on(r, i, double_hold, 1);
        rafts_on(r, i, lets[prng_below(prng, ARRAY_COUNT(lets))],
                 prng_below(prng, g->end_index + 2));
        break;
    case 7: double_random_lead(r, i, prng); break;
    case 8:
        if (!list_is_linked(&g->barrier.in_group)) {
            rafts_on(r, i, rafts_barrier, 0);
        }
        break;
    default: sim_run_for(r->sim, prng_below(prng, 3 * RT_NS_PER_MS)); break;
    }
}

/* Each proposal failed once, or is committed where it was proposed. */
static void double_check_proposals(struct rafts_group *g)
{
    for (uint32_t i = 0; i < g->proposals_count; i++) {
        const struct rafts_proposal *rp = &g->proposals[i];
        assert_false(rp->is_out);
        assert_true(rp->is_failed != rp->is_committed);
        assert_true(!rp->is_committed || g->serials[rp->proposal.index] == rp->serial);
    }
}

static void double_random_life(uint64_t seed)
{
    struct rafts *r = double_machine(seed);
    struct prng prng;
    prng_init(&prng, seed);
    for (uint32_t i = 0; i < RAFTS_GROUPS; i++) {
        rafts_on(r, i, rafts_feed_open, 1);
        rafts_on(r, i, rafts_feed_run, 0);
    }
    uint64_t steps = prng_below(&prng, 400);
    for (uint64_t i = 0; i < steps; i++) {
        double_random_step(r, &prng);
    }
    rafts_settle(r);
    for (uint32_t i = 0; i < RAFTS_GROUPS; i++) {
        struct rafts_group *g = rafts_on(r, i, double_hold, 0);
        rafts_settle(r);
        double_check_proposals(g);
        assert_int_equal(g->fed_index, g->end_index);
        assert_int_equal(g->fed_count, g->end_index);
    }
    double_end(r);
}

static void every_proposal_fails_once_or_is_committed(void **state)
{
    (void)state;
    struct share share = share_open("lags, elections and cuts at random", 80);
    while (share_more(&share)) {
        double_random_life(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_index_lags_by_itself),
        cmocka_unit_test(a_leader_is_ready_when_its_no_op_is_committed),
        cmocka_unit_test(stepping_down_fails_what_is_not_committed_once),
        cmocka_unit_test(a_failure_is_told_before_what_is_committed_is_published),
        cmocka_unit_test(a_barrier_that_waits_fails_with_the_leader),
        cmocka_unit_test(a_cut_entry_fails_and_another_takes_its_index),
        cmocka_unit_test(a_cut_in_the_turn_of_the_proposal_is_a_cut),
        cmocka_unit_test(a_trim_that_is_cut_does_not_act),
        cmocka_unit_test(a_trim_acts_when_it_is_committed_and_not_before),
        cmocka_unit_test(a_feed_never_passes_commit),
        cmocka_unit_test(a_follower_feeds_what_its_leader_commits),
        cmocka_unit_test(a_follower_trims_as_its_leader_says),
        cmocka_unit_test(a_refused_use_changes_nothing),
        cmocka_unit_test(every_proposal_fails_once_or_is_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
