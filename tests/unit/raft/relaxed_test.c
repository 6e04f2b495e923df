/* Relaxed proposals (LOG §6, `quorum-memory`): received at once, flushed with others, and bounded.
 */
#include "raft/driver/group.h"

#include "tests/support/cmocka.h"
#include "tests/unit/raft/rafts.h"

/* A machine whose segments do not end meanwhile, which is not relaxed. */
static struct rafts *relaxed_machine(void)
{
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = 256 << 20;
    struct rafts *r = rafts_new(1, &options);
    r->config.segment_bytes = 64 << 20;
    rafts_start(r, 1);
    return r;
}

/* A leader, whose proposals from now on are relaxed. */
static struct rafts_group *relaxed_leader(struct rafts *r)
{
    struct rafts_group *g = rafts_on(r, 0, rafts_propose, 1);
    rafts_settle(r);
    rafts_check_at(g, 2);
    g->is_relaxed = true;
    return g;
}

static void relaxed_run_ms(struct rafts *r, uint64_t ms)
{
    sim_run_until(r->sim, sim_now_ns(r->sim) + ms * RT_NS_PER_MS);
}

static void relaxed_proposals_are_received_at_once_and_flushed_together(void **state)
{
    (void)state;
    struct rafts *r = relaxed_machine();
    struct rafts_group *g = relaxed_leader(r);
    const struct raft_group_indexes *at = raft_group_indexes(&g->group);
    uint64_t frames_before = rafts_shard(g)->ls.lane.frames_count;
    for (uint64_t i = 0; i < 18; i++) { /* over 90 ms */
        rafts_on(r, 0, rafts_propose, 1);
        relaxed_run_ms(r, 5);
        assert_int_equal(at->received_here, 3 + i);
        assert_int_equal(at->received_majority, 3 + i);
        assert_int_equal(at->durable_here, 2);
        assert_int_equal(at->committed, 2);
    }
    relaxed_run_ms(r, 11); /* 100 ms, and the time of a flush */
    rafts_check_at(g, 20);
    assert_int_equal(rafts_shard(g)->ls.lane.frames_count, frames_before + 1);
    rafts_check_all(r);
    rafts_end(r);
}

static void what_somebody_waits_for_takes_relaxed_proposals_along(void **state)
{
    (void)state;
    struct rafts *r = relaxed_machine();
    struct rafts_group *g = relaxed_leader(r);
    rafts_on(r, 0, rafts_propose, 3);
    g->is_relaxed = false;
    rafts_on(r, 0, rafts_propose, 1);
    relaxed_run_ms(r, 5);
    rafts_check_at(g, 6);
    g->is_relaxed = true;
    rafts_on(r, 0, rafts_propose, 1);
    rafts_on(r, 1, rafts_propose, 1); /* another group of the shard */
    relaxed_run_ms(r, 5);
    rafts_check_at(g, 7);
    rafts_check_all(r);
    rafts_end(r);
}

static void relaxed_proposals_of_256_kib_are_flushed(void **state)
{
    (void)state;
    struct rafts *r = relaxed_machine();
    struct rafts_group *g = relaxed_leader(r);
    const struct raft_group_indexes *at = raft_group_indexes(&g->group);
    rafts_on(r, 0, rafts_propose, 200); /* of 510 bytes in the middle */
    relaxed_run_ms(r, 5);
    assert_int_equal(at->durable_here, 2);
    rafts_on(r, 0, rafts_propose, 500);
    relaxed_run_ms(r, 5);
    assert_in_range(at->durable_here, 3,
                    702); /* what came until there were so many; the rest waits */
    relaxed_run_ms(r, 100);
    rafts_check_at(g, 702);
    rafts_check_all(r);
    rafts_end(r);
}

/* Each group has 256 KiB of its own, up to 2 MiB of the shard; what goes out takes all along. */
static void relaxed_proposals_of_other_groups_do_not_count(void **state)
{
    (void)state;
    struct rafts *r = relaxed_machine();
    struct rafts_group *g = relaxed_leader(r);
    struct rafts_group *other = rafts_on(r, 1, rafts_propose, 1);
    rafts_settle(r);
    other->is_relaxed = true;
    rafts_on(r, 0, rafts_propose, 400);
    rafts_on(r, 1, rafts_propose, 400);
    relaxed_run_ms(r, 5);
    assert_int_equal(raft_group_indexes(&g->group)->durable_here, 2);
    assert_int_equal(raft_group_indexes(&other->group)->durable_here, 2);
    rafts_on(r, 0, rafts_propose, 150);
    relaxed_run_ms(r, 50);
    rafts_check_at(g, 552);
    rafts_check_at(other, 402);
    rafts_check_all(r);
    rafts_end(r);
}

/* A disk that takes long: what waits in memory is bounded by who proposes waiting, too. */
static void relaxed_proposals_wait_for_a_disk_that_is_behind(void **state)
{
    (void)state;
    struct rafts *r = relaxed_machine();
    struct rafts_group *g = relaxed_leader(r);
    const struct raft_group_indexes *at = raft_group_indexes(&g->group);
    sim_disk_options(sim_node_disk(r->node))->flush = (struct sim_delay){RT_NS_PER_S, RT_NS_PER_S};
    rafts_on(r, 0, rafts_propose, 700); /* two frames are on their way for a second */
    relaxed_run_ms(r, 1);
    rafts_on(r, 0, rafts_propose, 700);
    relaxed_run_ms(r, 1);
    assert_int_equal(at->received_here, 1402);
    assert_int_equal(at->durable_here, 2);
    for (uint32_t i = 1; i < RAFTS_GROUPS; i++) { /* 4 MiB together */
        r->groups[i].is_relaxed = true;
        rafts_on(r, i, rafts_propose, 3000);
        relaxed_run_ms(r, 1);
    }
    rafts_on(r, 0, rafts_propose, 100);
    relaxed_run_ms(r, 1);
    assert_true(log_is_behind(g->group.log));
    assert_true(at->received_here < g->end_index);
    sim_disk_options(sim_node_disk(r->node))->flush = (struct sim_delay){0};
    relaxed_run_ms(r, 3000);
    rafts_check_at(g, g->end_index);
    rafts_check_all(r);
    rafts_end(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relaxed_proposals_are_received_at_once_and_flushed_together),
        cmocka_unit_test(what_somebody_waits_for_takes_relaxed_proposals_along),
        cmocka_unit_test(relaxed_proposals_of_256_kib_are_flushed),
        cmocka_unit_test(relaxed_proposals_of_other_groups_do_not_count),
        cmocka_unit_test(relaxed_proposals_wait_for_a_disk_that_is_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
