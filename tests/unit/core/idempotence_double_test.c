/* Idempotent producers where commit lags and proposals fail: the voter's double
 * (tests/unit/raft/double.h) has the place of the single voter. What must hold is LOG §8: a
 * duplicate of a batch in flight waits for it, a step-down drops what is not committed, a new
 * leader answers after its own no-op. */
#include <stddef.h>

#include "broker/core/idempotence.h"
#include "tests/support/cmocka.h"
#include "tests/unit/core/cores.h"
#include "tests/unit/raft/double.h"

#define DOUBLE_WHILE_NS (20 * RT_NS_PER_MS)

/* The machine, and what the calls on its shard need. */
struct idempotence_double {
    struct cores *c;
    uint64_t arg;
    struct cores_append *batch;
    void (*call)(struct idempotence_double *d, struct raft_group *group);
};

static void double_open(struct idempotence_double *d, uint64_t seed, uint32_t insync,
                        enum core_durability durability)
{
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = 64 << 20;
    raft_double_reset();
    *d = (struct idempotence_double){.c = cores_new(seed, &options)};
    d->c->config.topics.insync_replicas_min = insync;
    d->c->config.topics.durability = durability;
    cores_start(d->c, 1);
}

static void double_close(struct idempotence_double *d)
{
    cores_close(d->c);
    cores_free(d->c);
}

static struct raft_group *double_group(struct idempotence_double *d)
{
    return &cores_partition(d->c, 0)->group;
}

static void double_posted(struct rt_shard *shard, void *ctx)
{
    struct idempotence_double *d = ctx;
    (void)shard;
    d->call(d, double_group(d));
}

/* `call` on the group's shard; then the machine runs for a while. */
static void double_on(struct idempotence_double *d,
                      void (*call)(struct idempotence_double *d, struct raft_group *group),
                      uint64_t arg)
{
    d->call = call;
    d->arg = arg;
    sim_post(cores_shard_of(d->c, 0)->shard, double_posted, d);
    sim_run_for(d->c->sim, DOUBLE_WHILE_NS);
}

static void double_hold(struct idempotence_double *d, struct raft_group *group)
{
    raft_double_hold(group, d->arg != 0);
}

static void double_commit(struct idempotence_double *d, struct raft_group *group)
{
    raft_double_let(group, RAFT_DOUBLE_COMMITTED, d->arg);
}

static void double_durable_here(struct idempotence_double *d, struct raft_group *group)
{
    raft_double_let(group, RAFT_DOUBLE_RECEIVED_HERE, d->arg);
    raft_double_let(group, RAFT_DOUBLE_DURABLE_HERE, d->arg);
}

static void double_voters(struct idempotence_double *d, struct raft_group *group)
{
    raft_double_voters(group, (uint32_t)d->arg, (uint32_t)d->arg);
}

static void double_durable_on_three(struct idempotence_double *d, struct raft_group *group)
{
    raft_double_let_durable_on(group, 3, d->arg);
}

static void double_cut(struct idempotence_double *d, struct raft_group *group)
{
    raft_double_cut(group, d->arg);
}

static void double_step_down(struct idempotence_double *d, struct raft_group *group)
{
    (void)d;
    raft_double_step_down(group, 2, raft_group_term(group) + 1);
}

static void double_elect(struct idempotence_double *d, struct raft_group *group)
{
    (void)d;
    assert_int_equal(raft_double_elect(group), ERR_OK);
}

/* The leader's: d->batch. */
static void double_receive(struct idempotence_double *d, struct raft_group *group)
{
    struct core_shard *cs = cores_shard_of(d->c, 0);
    struct buf *buf = NULL;
    assert_int_equal(buf_new(&cs->bufs, &cs->budget, CORES_BATCH_BYTES, &buf), ERR_OK);
    uint8_t *data = buf_append(buf, CORES_BATCH_BYTES);
    uint32_t length = cores_build(d->batch, data);
    log_batch_patch(data, raft_group_next_offset(group), raft_group_term(group));
    buf_seal(buf, length);
    assert_int_equal(raft_double_receive(group, buf_slice(buf, 0, length)), ERR_OK);
    buf_unref(buf);
}

static struct cores_append double_batch(int32_t base_sequence, int16_t acks)
{
    return (struct cores_append){
        .producer_id = 7, .base_sequence = base_sequence, .records = 2, .acks = acks};
}

static uint64_t double_end_index(struct idempotence_double *d)
{
    return core_partition_status(cores_partition(d->c, 0)).end.index;
}

static void double_expect(struct cores_append *ca, enum core_code code, uint64_t base_offset)
{
    assert_true(ca->is_done);
    assert_int_equal(ca->answered_count, 1);
    if (ca->append.code != code) {
        fail_msg("%s", core_code_name(ca->append.code));
    }
    assert_true(code != CORE_OK || ca->append.base_offset == base_offset);
}

/* A machine whose group has committed the producer's first batch, offsets 0 and 1, and is held. */
static void double_begin(struct idempotence_double *d, uint64_t seed)
{
    struct cores_append ca = {0};
    double_open(d, seed, 1, CORE_DURABILITY_QUORUM_FSYNC);
    assert_int_equal(cores_produce(d->c, &ca, 7, 0, 0, 2), CORE_OK);
    double_on(d, double_hold, 1);
}

static void core_idempotence_duplicates_wait_for_what_they_repeat(void **state)
{
    (void)state;
    struct idempotence_double d;
    double_begin(&d, 1);
    struct cores_append all = double_batch(2, -1);
    struct cores_append all_again = double_batch(2, -1);
    struct cores_append one_again = double_batch(2, 1);
    struct cores_append late_again = double_batch(2, -1);
    struct cores_append next = double_batch(4, -1);
    late_again.timeout_ms = 5;
    struct cores_append *const sent[] = {&all, &all_again, &one_again, &late_again, &next};
    for (size_t i = 0; i < ARRAY_COUNT(sent); i++) {
        cores_send(d.c, sent[i]);
    }
    sim_run_for(d.c->sim, DOUBLE_WHILE_NS);
    double_expect(&late_again, CORE_TIMEOUT, 0);
    assert_false(all.is_done || all_again.is_done || one_again.is_done || next.is_done);
    double_on(&d, double_durable_here, 3);
    double_expect(&one_again, CORE_OK, 2);
    assert_false(all.is_done || all_again.is_done);
    double_on(&d, double_commit, 3);
    double_expect(&all, CORE_OK, 2);
    double_expect(&all_again, CORE_OK, 2);
    assert_false(next.is_done);
    double_on(&d, double_commit, 4);
    double_expect(&next, CORE_OK, 4);
    double_on(&d, double_hold, 0);
    cores_read(d.c, 0);
    assert_int_equal(d.c->found_count, 3);
    double_close(&d);
}

static void core_idempotence_what_is_cut_was_never_sent(void **state)
{
    (void)state;
    struct idempotence_double d;
    double_begin(&d, 2);
    struct cores_append first = double_batch(2, -1);
    struct cores_append second = double_batch(4, -1);
    struct cores_append second_again = double_batch(4, -1);
    cores_send(d.c, &first);
    cores_send(d.c, &second);
    cores_send(d.c, &second_again);
    sim_run_for(d.c->sim, DOUBLE_WHILE_NS);
    assert_int_equal(double_end_index(&d), 4);
    double_on(&d, double_cut, 4);
    double_expect(&second, CORE_NOT_AVAILABLE, 0);
    double_expect(&second_again, CORE_NOT_AVAILABLE, 0);
    assert_false(first.is_done);
    struct cores_append gap = double_batch(6, -1);
    cores_send(d.c, &gap);
    sim_run_for(d.c->sim, DOUBLE_WHILE_NS);
    double_expect(&gap, CORE_OUT_OF_ORDER, 0);
    double_on(&d, double_hold, 0);
    double_expect(&first, CORE_OK, 2);
    struct cores_append again = {0};
    assert_int_equal(cores_produce(d.c, &again, 7, 0, 4, 2), CORE_OK);
    assert_int_equal(again.append.base_offset, 4);
    cores_read(d.c, 0);
    assert_int_equal(d.c->found_count, 3);
    double_close(&d);
}

/* What a former leader has left may become committed: the next one knows it. */
static void core_idempotence_leaders_know_what_others_appended(void **state)
{
    (void)state;
    struct idempotence_double d;
    double_begin(&d, 3);
    struct cores_append own = double_batch(2, -1);
    struct cores_append own_again = double_batch(2, -1);
    cores_send(d.c, &own);
    cores_send(d.c, &own_again);
    sim_run_for(d.c->sim, DOUBLE_WHILE_NS);
    double_on(&d, double_step_down, 0);
    double_expect(&own, CORE_NOT_LEADER, 0);
    double_expect(&own_again, CORE_NOT_LEADER, 0);
    assert_int_equal(own_again.append.leader, 2);
    struct cores_append refused = double_batch(2, -1);
    cores_send(d.c, &refused);
    sim_run_for(d.c->sim, DOUBLE_WHILE_NS);
    double_expect(&refused, CORE_NOT_LEADER, 0);
    assert_int_equal(refused.append.leader, 2);
    /* The leader has it, appends the producer's next batch, and is gone. */
    struct cores_append theirs = double_batch(4, -1);
    d.batch = &theirs;
    double_on(&d, double_receive, 0);
    double_on(&d, double_elect, 0);
    struct cores_append again[3] = {double_batch(2, -1), double_batch(4, -1), double_batch(6, -1)};
    for (size_t i = 0; i < ARRAY_COUNT(again); i++) {
        cores_send(d.c, &again[i]);
    }
    sim_run_for(d.c->sim, DOUBLE_WHILE_NS);
    for (size_t i = 0; i < ARRAY_COUNT(again); i++) {
        assert_false(again[i].is_done); /* the term's no-op is not committed */
    }
    double_on(&d, double_hold, 0);
    cores_wait(d.c);
    for (size_t i = 0; i < ARRAY_COUNT(again); i++) {
        double_expect(&again[i], CORE_OK, 2 + 2 * i);
    }
    cores_read(d.c, 0);
    assert_int_equal(d.c->found_count, 4);
    double_close(&d);
}

/* Batches wait for the term's no-op, and the node leads no more. */
static void core_idempotence_who_waits_is_told_that_another_leads(void **state)
{
    (void)state;
    struct idempotence_double d;
    double_begin(&d, 4);
    double_on(&d, double_step_down, 0);
    double_on(&d, double_elect, 0);
    struct cores_append ca[2] = {double_batch(2, -1), double_batch(4, -1)};
    cores_send(d.c, &ca[0]);
    cores_send(d.c, &ca[1]);
    sim_run_for(d.c->sim, DOUBLE_WHILE_NS);
    assert_false(ca[0].is_done);
    double_on(&d, double_step_down, 0);
    double_expect(&ca[0], CORE_NOT_AVAILABLE, 0);
    double_expect(&ca[1], CORE_NOT_AVAILABLE, 0);
    double_on(&d, double_hold, 0);
    double_on(&d, double_elect, 0);
    struct cores_append again = {0};
    assert_int_equal(cores_produce(d.c, &again, 7, 0, 4, 2), CORE_OUT_OF_ORDER);
    assert_int_equal(cores_produce(d.c, &again, 7, 0, 2, 2), CORE_OK);
    double_close(&d);
}

/* min.insync.replicas above a majority: a committed batch is not safe enough yet. */
static void core_idempotence_duplicates_wait_for_as_many_replicas(void **state)
{
    (void)state;
    struct idempotence_double d;
    double_open(&d, 5, 3, CORE_DURABILITY_QUORUM_FSYNC);
    double_on(&d, double_hold, 1);
    double_on(&d, double_voters, 3);
    struct cores_append first = double_batch(0, -1);
    cores_send(d.c, &first);
    sim_run_for(d.c->sim, DOUBLE_WHILE_NS);
    double_on(&d, double_commit, 2);
    struct cores_append again = double_batch(0, -1);
    struct cores_append one = double_batch(0, 1);
    cores_send(d.c, &again);
    cores_send(d.c, &one);
    sim_run_for(d.c->sim, DOUBLE_WHILE_NS);
    double_expect(&one, CORE_OK, 0);
    assert_false(first.is_done || again.is_done);
    double_on(&d, double_durable_on_three, 2);
    double_expect(&first, CORE_OK, 0);
    double_expect(&again, CORE_OK, 0);
    double_on(&d, double_hold, 0);
    double_close(&d);
}

/* Under "leader" acks=all asks for the leader's disk alone; so does a repetition. */
static void core_idempotence_duplicates_wait_for_no_more_than_the_first(void **state)
{
    (void)state;
    struct idempotence_double d;
    struct cores_append before = {0};
    double_open(&d, 7, 1, CORE_DURABILITY_LEADER);
    assert_int_equal(cores_produce(d.c, &before, 7, 0, 0, 2), CORE_OK);
    double_on(&d, double_hold, 1);
    struct cores_append first = double_batch(2, -1);
    struct cores_append again = double_batch(2, -1);
    struct cores_append old = double_batch(0, -1);
    cores_send(d.c, &first);
    cores_send(d.c, &again);
    cores_send(d.c, &old);
    sim_run_for(d.c->sim, DOUBLE_WHILE_NS);
    double_expect(&old, CORE_OK, 0);
    assert_false(first.is_done || again.is_done);
    double_on(&d, double_durable_here, 3);
    double_expect(&first, CORE_OK, 2);
    double_expect(&again, CORE_OK, 2);
    struct cores_append late = double_batch(2, -1);
    cores_send(d.c, &late);
    sim_run_for(d.c->sim, DOUBLE_WHILE_NS);
    double_expect(&late, CORE_OK, 2);
    double_on(&d, double_hold, 0);
    double_close(&d);
}

/* The topic goes, or the node: who waits is told, once. */
static void core_idempotence_who_waits_is_told_of_the_end(void **state)
{
    (void)state;
    struct idempotence_double d;
    double_begin(&d, 6);
    struct cores_append first = double_batch(2, -1);
    struct cores_append again = double_batch(2, -1);
    cores_send(d.c, &first);
    cores_send(d.c, &again);
    sim_run_for(d.c->sim, DOUBLE_WHILE_NS);
    cores_delete(d.c);
    double_expect(&first, CORE_UNKNOWN_TOPIC, 0);
    double_expect(&again, CORE_UNKNOWN_TOPIC, 0);
    double_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_idempotence_duplicates_wait_for_what_they_repeat),
        cmocka_unit_test(core_idempotence_what_is_cut_was_never_sent),
        cmocka_unit_test(core_idempotence_leaders_know_what_others_appended),
        cmocka_unit_test(core_idempotence_who_waits_is_told_that_another_leads),
        cmocka_unit_test(core_idempotence_duplicates_wait_for_as_many_replicas),
        cmocka_unit_test(core_idempotence_duplicates_wait_for_no_more_than_the_first),
        cmocka_unit_test(core_idempotence_who_waits_is_told_of_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
