/* op.h: done once and later, the order of the ready queue, deadlines, cancels. */
#include <string.h>
#include <time.h>

#include "base/rt/clock.h"
#include "base/rt/worker.h"
#include "tests/unit/rt/contract.h"

#define OPS_COUNT 100

static void op_deferred_is_done_once_and_not_inside_submit(struct rt_harness *h)
{
    struct rt_harness_op op;
    rt_harness_op_init(h, &op);
    RT_CHECK(rt_op_is_idle(&op.op));
    rt_op_defer(&op.op);
    RT_CHECK_INT(op.dones_count, 0);
    RT_CHECK(!rt_op_is_idle(&op.op));
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    RT_CHECK_INT(op.op.result, 0);
    rt_harness_turns(h, 3);
    RT_CHECK_INT(op.dones_count, 0);
}

static void op_ready_queue_keeps_the_order_of_completion(struct rt_harness *h)
{
    struct rt_harness_op ops[OPS_COUNT];
    for (uint32_t i = 0; i < OPS_COUNT; i++) {
        rt_harness_op_init(h, &ops[i]);
        rt_op_defer(&ops[i].op);
    }
    RT_CHECK_ERR(rt_harness_wait(&ops[OPS_COUNT - 1]), ERR_OK);
    for (uint32_t i = 0; i < OPS_COUNT; i++) {
        RT_CHECK_INT(ops[i].order, i + 1);
    }
}

static void op_resubmit(struct rt_harness_op *op)
{
    if (op->dones_count < OPS_COUNT) {
        rt_op_defer(&op->op);
    }
}

static void op_may_be_submitted_again_in_its_done(struct rt_harness *h)
{
    struct rt_harness_op again, other;
    rt_harness_op_init(h, &again);
    rt_harness_op_init(h, &other);
    again.then = op_resubmit;
    rt_op_defer(&again.op);
    rt_op_defer(&other.op);
    RT_CHECK_ERR(rt_harness_wait(&other), ERR_OK);
    RT_CHECK_INT(other.order, 2); /* the resubmitted one waits for the next turn */
    while (again.dones_count < OPS_COUNT) {
        rt_harness_turns(h, 1);
    }
    RT_CHECK(rt_op_is_idle(&again.op));
}

static void op_canceled_when_idle_or_ready_is_left_alone(struct rt_harness *h)
{
    struct rt_harness_op op;
    rt_harness_op_init(h, &op);
    rt_op_cancel(&op.op);
    rt_harness_turns(h, 2);
    RT_CHECK_INT(op.dones_count, 0);
    rt_op_defer(&op.op); /* ready at once */
    rt_op_cancel(&op.op);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    rt_harness_turns(h, 2);
    RT_CHECK_INT(op.dones_count, 0);
}

static enum err op_work_nothing(struct rt_op *op)
{
    op->result = 42;
    return ERR_OK;
}

static void op_deadline_in_the_past_ends_it_with_timeout(struct rt_harness *h)
{
    struct rt_harness_op op;
    rt_harness_op_init(h, &op);
    rt_op_set_deadline(&op.op, h->shard->now_ns);
    for (uint32_t i = 0; i < 2; i++) { /* it is kept over submits */
        rt_job_submit(&op.op, op_work_nothing);
        RT_CHECK_INT(op.dones_count, 0);
        RT_CHECK_ERR(rt_harness_wait(&op), ERR_TIMEOUT);
        RT_CHECK_INT(op.op.result, 0);
    }
    rt_op_set_deadline(&op.op, 0);
    rt_job_submit(&op.op, op_work_nothing);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    RT_CHECK_INT(op.op.result, 42);
}

static void op_deadline_in_the_future_does_not_disturb(struct rt_harness *h)
{
    struct rt_harness_op op;
    rt_harness_op_init(h, &op);
    rt_op_set_deadline(&op.op, h->shard->now_ns + 3600 * RT_NS_PER_S);
    rt_job_submit(&op.op, op_work_nothing);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
}

static void op_timer_never_fires_early_and_sleeps_until_then(struct rt_harness *h)
{
    static const uint64_t sleeps_ns[] = {1, 100 * RT_NS_PER_US, RT_NS_PER_MS, 7 * RT_NS_PER_MS,
                                         50 * RT_NS_PER_MS};
    for (size_t i = 0; i < ARRAY_COUNT(sleeps_ns); i++) {
        uint64_t began_ns = rt_now_ns(h->shard);
        uint64_t turns_count = h->shard->stats.turns_count;
        rt_harness_sleep(h, sleeps_ns[i]);
        RT_CHECK(rt_now_ns(h->shard) >= began_ns + sleeps_ns[i]);
        RT_CHECK(h->shard->stats.turns_count - turns_count < 100); /* it does not spin */
    }
}

static void op_clocks_go_forward_and_agree_with_the_system(struct rt_harness *h)
{
    uint64_t now_ns = rt_now_ns(h->shard);
    RT_CHECK(now_ns > 0);
    RT_CHECK(rt_now_precise_ns(h->shard) >= now_ns);
    RT_CHECK(rt_now_ns(h->shard) == now_ns); /* one time per turn */
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    int64_t apart_s = (int64_t)(rt_wall_ns(h->shard) / RT_NS_PER_S) - wall.tv_sec;
    RT_CHECK(apart_s >= -1 && apart_s <= 1);
    rt_harness_turns(h, 1);
    RT_CHECK(rt_now_ns(h->shard) > now_ns);
}

static void op_load_is_told_and_is_no_wild_number(struct rt_harness *h)
{
    RT_CHECK(rt_shard_load(h->shard) < 1000 * 1000); /* of a thousand threads a processor */
}

static void op_kinds_have_names(struct rt_harness *h)
{
    (void)h;
    RT_CHECK(strcmp(rt_op_kind_name(RT_OP_DEFER), "defer") == 0);
    RT_CHECK(strcmp(rt_op_kind_name(RT_OP_SOCK_DETACH), "sock_detach") == 0);
    for (int kind = 0; kind < RT_OP_KIND_COUNT; kind++) {
        RT_CHECK(rt_op_kind_name((enum rt_op_kind)kind)[0] != '\0');
    }
}

static void op_misuse_is_an_assertion(struct rt_harness *h)
{
    struct rt_harness_op op;
    rt_harness_op_init(h, &op);
    rt_op_defer(&op.op);
    expect_assert_failure(rt_op_defer(&op.op));                /* submitted twice */
    expect_assert_failure(rt_op_set_deadline(&op.op, 1));      /* not idle */
    expect_assert_failure(rt_op_init(&op.op, h->shard, NULL)); /* nobody to tell */
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
}

const struct rt_harness_test contract_op_tests[] = {
    RT_HARNESS_TEST(op_deferred_is_done_once_and_not_inside_submit),
    RT_HARNESS_TEST(op_ready_queue_keeps_the_order_of_completion),
    RT_HARNESS_TEST(op_may_be_submitted_again_in_its_done),
    RT_HARNESS_TEST(op_canceled_when_idle_or_ready_is_left_alone),
    RT_HARNESS_TEST(op_deadline_in_the_past_ends_it_with_timeout),
    RT_HARNESS_TEST(op_deadline_in_the_future_does_not_disturb),
    RT_HARNESS_TEST(op_timer_never_fires_early_and_sleeps_until_then),
    RT_HARNESS_TEST(op_clocks_go_forward_and_agree_with_the_system),
    RT_HARNESS_TEST(op_load_is_told_and_is_no_wild_number),
    RT_HARNESS_TEST(op_kinds_have_names),
    RT_HARNESS_TEST(op_misuse_is_an_assertion),
    {0},
};
