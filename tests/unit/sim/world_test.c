/* The simulated world: turns, clocks, timers, mail, jobs, files through base/rt, and the ends of
 * processes. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/file.h"
#include "base/rt/op.h"
#include "base/rt/worker.h"
#include "tests/support/cmocka.h"

#define HOUR_NS (3600ull * RT_NS_PER_S)

/* An op of the test's, on whatever shard. */
struct waiter {
    struct rt_op op;
    bool is_done;
};

static void waiter_done(struct rt_op *op)
{
    CONTAINER_OF(op, struct waiter, op)->is_done = true;
}

static void waiter_init(struct waiter *w, struct rt_shard *shard)
{
    rt_op_init(&w->op, shard, waiter_done);
    w->is_done = false;
}

static bool waiter_is_done(void *ctx)
{
    return ((struct waiter *)ctx)->is_done;
}

static void nothing(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    (void)ctx;
}

/* Run until `w` is done; its error. */
static enum err await(struct sim *sim, struct waiter *w)
{
    sim_post(w->op.shard, nothing, NULL);
    bool is_done = sim_run_until_true(sim, waiter_is_done, w, sim_now_ns(sim) + 1000 * RT_NS_PER_S);
    assert_true(is_done);
    w->is_done = false;
    return w->op.err;
}

/* An app that does nothing, and ends when asked. */
static void quiet_start(struct rt_shard *shard)
{
    uint32_t *starts = shard->app;
    if (starts != NULL) {
        starts[shard->id]++;
    }
}

static void quiet_stop(struct rt_shard *shard)
{
    rt_shard_finish(shard);
}

static struct sim_app quiet(void *ctx)
{
    return (struct sim_app){.start = quiet_start, .stop = quiet_stop, .ctx = ctx};
}

/* A world with one node on which nothing but tests happen. */
static struct sim_node *one_node_of(uint64_t seed, struct sim **sim, uint32_t shards_count)
{
    struct sim_options options = sim_options_calm();
    *sim = sim_new(seed, &options);
    struct sim_node *node = sim_node_add(*sim);
    struct sim_app app = quiet(NULL);
    sim_node_start(node, shards_count, &app);
    sim_run_for(*sim, RT_NS_PER_MS);
    return node;
}

static struct sim_node *one_node(struct sim **sim, uint32_t shards_count)
{
    return one_node_of(1, sim, shards_count);
}

/* --- Turns and clocks --- */

static void world_starts_every_shard_once(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 3, 64, 256};
    for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
        struct sim_options options = sim_options_calm();
        struct sim *sim = sim_new(i, &options);
        struct sim_node *node = sim_node_add(sim);
        uint32_t starts[256] = {0};
        struct sim_app app = quiet(starts);
        sim_node_start(node, counts[i], &app);
        assert_int_equal(starts[0], 0); /* not before time passes */
        assert_true(sim_run_until_idle(sim, RT_NS_PER_S));
        for (uint32_t id = 0; id < 256; id++) {
            assert_int_equal(starts[id], id < counts[i]);
        }
        assert_int_equal(rt_shard_count(sim_node_shard(node, 0)), counts[i]);
        sim_node_stop(node);
        assert_true(sim_run_until_idle(sim, RT_NS_PER_S));
        assert_false(sim_node_is_running(node));
        sim_free(sim);
    }
}

static void world_idle_for_a_million_hours_has_no_event(void **state)
{
    (void)state;
    struct sim *sim;
    struct sim_node *node = one_node(&sim, 3);
    struct sim_node *other = sim_node_add(sim);
    struct sim_app app = quiet(NULL);
    sim_node_start(other, 1, &app);
    assert_true(sim_run_until_idle(sim, sim_now_ns(sim) + RT_NS_PER_S));
    uint64_t events_count = sim_events_count(sim);
    uint64_t now_ns = sim_now_ns(sim);
    sim_run_for(sim, 1000000 * HOUR_NS);
    assert_int_equal(sim_events_count(sim), events_count);
    assert_true(sim_now_ns(sim) == now_ns + 1000000 * HOUR_NS);
    struct waiter w; /* and it wakes up as if nothing had been */
    waiter_init(&w, sim_node_shard(node, 2));
    rt_op_defer(&w.op);
    assert_int_equal(await(sim, &w), ERR_OK);
    sim_free(sim);
}

struct alarm {
    struct rt_timer timer;
    uint64_t fired_ns;
};

static void alarm_fire(struct rt_timer *timer)
{
    struct alarm *a = CONTAINER_OF(timer, struct alarm, timer);
    a->fired_ns = rt_now_ns(timer->shard);
}

static void world_timers_fire_on_time_whatever_the_distance(void **state)
{
    (void)state;
    static const uint64_t delays[] = {0,           1,       RT_NS_PER_US,      RT_NS_PER_MS,
                                      RT_NS_PER_S, HOUR_NS, 24 * 365 * HOUR_NS};
    for (size_t i = 0; i < ARRAY_COUNT(delays); i++) {
        struct sim *sim;
        struct rt_shard *shard = sim_node_shard(one_node(&sim, 1), 0);
        struct alarm a = {0};
        rt_timer_init(&a.timer, shard, alarm_fire);
        uint64_t deadline_ns = rt_now_ns(shard) + delays[i];
        rt_timer_start(&a.timer, deadline_ns);
        sim_post(shard, nothing, NULL);
        uint64_t events_count = sim_events_count(sim);
        assert_true(sim_run_until_idle(sim, UINT64_MAX));
        assert_true(a.fired_ns >= deadline_ns);
        assert_true(a.fired_ns < deadline_ns + 2 * RT_NS_PER_MS);
        assert_true(sim_events_count(sim) - events_count <= 12); /* a cascade per level */
        sim_free(sim);
    }
}

struct clocks {
    uint64_t turn_ns;
    uint64_t precise_ns;
    uint64_t wall_ns;
};

static void read_clocks(struct rt_shard *shard, void *ctx)
{
    struct clocks *c = ctx;
    c->turn_ns = rt_now_ns(shard);
    while ((c->precise_ns = rt_now_precise_ns(shard)) < c->turn_ns + 10000) {
        /* time passes for who waits */
    }
    assert_int_equal(rt_now_ns(shard), c->turn_ns);
    c->wall_ns = rt_wall_ns(shard);
}

static void world_wall_clock_jumps_and_monotonic_does_not(void **state)
{
    (void)state;
    struct sim *sim;
    struct sim_node *node = one_node(&sim, 1);
    struct rt_shard *shard = sim_node_shard(node, 0);
    struct clocks c[3];
    for (size_t i = 0; i < 3; i++) {
        sim_post(shard, read_clocks, &c[i]);
        sim_run_for(sim, RT_NS_PER_S);
        sim_node_clock_jump(node, i == 0 ? 1000 * (int64_t)HOUR_NS : -5000 * (int64_t)HOUR_NS);
    }
    assert_true(c[0].turn_ns > 0);
    for (size_t i = 1; i < 3; i++) {
        uint64_t passed_ns = c[i].turn_ns - c[i - 1].turn_ns;
        assert_true(passed_ns > RT_NS_PER_S * 9 / 10);
        assert_true(passed_ns < RT_NS_PER_S * 11 / 10);
    }
    assert_true(c[1].wall_ns > c[0].wall_ns + 999 * HOUR_NS);
    assert_true(c[2].wall_ns < c[1].wall_ns - 4999 * HOUR_NS);
    sim_free(sim);
}

static void world_no_two_machines_agree_on_monotonic_time(void **state)
{
    (void)state;
    struct sim *sim;
    struct clocks c[2];
    struct sim_app app = quiet(NULL);
    struct sim_node *nodes[2] = {one_node(&sim, 1), sim_node_add(sim)};
    sim_node_start(nodes[1], 1, &app);
    for (size_t i = 0; i < 2; i++) {
        sim_post(sim_node_shard(nodes[i], 0), read_clocks, &c[i]);
    }
    sim_run_for(sim, RT_NS_PER_S);
    uint64_t apart_ns =
        c[0].turn_ns > c[1].turn_ns ? c[0].turn_ns - c[1].turn_ns : c[1].turn_ns - c[0].turn_ns;
    assert_true(apart_ns > RT_NS_PER_S);
    sim_free(sim);
}

static void world_paused_process_gets_no_time(void **state)
{
    (void)state;
    struct sim *sim;
    struct sim_node *node = one_node(&sim, 2);
    struct waiter w;
    waiter_init(&w, sim_node_shard(node, 1));
    sim_node_pause(node);
    rt_op_defer(&w.op);
    sim_post(w.op.shard, nothing, NULL);
    sim_run_for(sim, HOUR_NS);
    assert_false(w.is_done);
    sim_node_resume(node);
    sim_run_for(sim, RT_NS_PER_MS);
    assert_true(w.is_done);
    sim_free(sim);
}

static void count_turns(struct rt_op *op)
{
    struct waiter *w = CONTAINER_OF(op, struct waiter, op);
    w->is_done = true;
    rt_op_defer(op); /* for ever */
}

static void world_slow_node_has_fewer_turns(void **state)
{
    (void)state;
    uint64_t turns[2];
    for (uint32_t i = 0; i < 2; i++) {
        struct sim *sim;
        struct sim_node *node = one_node(&sim, 1);
        sim_node_set_slow(node, i == 0 ? 1 : 100);
        struct waiter w;
        rt_op_init(&w.op, sim_node_shard(node, 0), count_turns);
        rt_op_defer(&w.op);
        sim_post(w.op.shard, nothing, NULL);
        sim_run_for(sim, 100 * RT_NS_PER_MS);
        turns[i] = sim_node_shard(node, 0)->stats.turns_count;
        sim_free(sim);
    }
    assert_true(turns[0] > 50 * turns[1]);
}

/* --- Mail and jobs --- */

struct letter {
    struct rt_mail mail;
    uint32_t hops_left;
    uint32_t hops[8];
    uint32_t hops_count;
};

static void letter_deliver(struct rt_shard *at, struct rt_mail *mail)
{
    struct letter *l = CONTAINER_OF(mail, struct letter, mail);
    l->hops[l->hops_count++] = at->id;
    if (l->hops_left > 0) {
        l->hops_left--;
        assert_int_equal(rt_mail_send(at, (at->id + 1) % rt_shard_count(at), mail), ERR_OK);
    }
}

static void letter_send(struct rt_shard *shard, void *ctx)
{
    struct letter *l = ctx;
    assert_int_equal(rt_mail_send(shard, shard->id, &l->mail), ERR_OK); /* to itself first */
}

static void world_mail_goes_round_the_shards(void **state)
{
    (void)state;
    struct sim *sim;
    struct sim_node *node = one_node(&sim, 3);
    struct letter l = {.mail = {.deliver = letter_deliver}, .hops_left = 5};
    sim_post(sim_node_shard(node, 1), letter_send, &l);
    assert_true(sim_run_until_idle(sim, sim_now_ns(sim) + RT_NS_PER_S));
    assert_int_equal(l.hops_count, 6);
    static const uint32_t want[] = {1, 2, 0, 1, 2, 0};
    assert_memory_equal(l.hops, want, sizeof(want));
    sim_free(sim);
}

static enum err job_add(struct rt_op *op)
{
    op->result = 42;
    return ERR_FENCED;
}

static void world_job_runs_later_and_may_be_canceled_before(void **state)
{
    (void)state;
    struct sim *sim;
    struct sim_node *node = one_node(&sim, 1);
    struct waiter w;
    waiter_init(&w, sim_node_shard(node, 0));
    rt_job_submit(&w.op, job_add);
    assert_int_equal(w.op.result, 0);
    assert_int_equal(await(sim, &w), ERR_FENCED);
    assert_int_equal(w.op.result, 42);
    sim_options(sim)->host.cancel_ppm = 1000000;
    rt_job_submit(&w.op, job_add);
    rt_op_cancel(&w.op);
    assert_int_equal(await(sim, &w), ERR_CANCELED);
    sim_options(sim)->host.cancel_ppm = 0; /* too late */
    rt_job_submit(&w.op, job_add);
    rt_op_cancel(&w.op);
    assert_int_equal(await(sim, &w), ERR_FENCED);
    sim_free(sim);
}

/* --- Files through the front --- */

static void world_files_work_as_file_h_says(void **state)
{
    (void)state;
    struct sim *sim;
    struct sim_node *node = one_node(&sim, 1);
    struct rt_shard *shard = sim_node_shard(node, 0);
    struct waiter w;
    struct rt_file file;
    struct rt_space space = {0};
    char names[64];
    struct rt_dir_list list = {.names = names, .names_max = sizeof(names)};
    void *block = NULL;
    assert_int_equal(budget_alloc(rt_shard_budget(shard), 8192, 4096, &block), ERR_OK);
    memset(block, 'x', 8192);
    struct iovec iov[2] = {{block, 4096}, {(uint8_t *)block + 4096, 4096}};
    waiter_init(&w, shard);
    rt_path_mkdir(&w.op, "/data", 0755);
    assert_int_equal(await(sim, &w), ERR_OK);
    rt_file_open(&file, &w.op, shard, "/data/x", RT_FILE_WRITE, 0644);
    assert_int_equal(await(sim, &w), ERR_NOT_FOUND);
    rt_file_open(&file, &w.op, shard, "/data/a",
                 RT_FILE_READ | RT_FILE_WRITE | RT_FILE_CREATE | RT_FILE_DIRECT, 0644);
    assert_int_equal(await(sim, &w), ERR_OK);
    assert_true(file.is_direct);
    assert_int_equal(file.device_id, sim_node_id(node));
    rt_file_lock(&file, &w.op, true);
    assert_int_equal(await(sim, &w), ERR_OK);
    rt_file_allocate(&file, &w.op, RT_ALLOCATE_EXTEND, 0, 16384);
    assert_int_equal(await(sim, &w), ERR_OK);
    rt_file_write_durable(&file, &w.op, iov, 2, 4096);
    assert_int_equal(await(sim, &w), ERR_OK);
    assert_int_equal(w.op.result, 8192);
    rt_file_flush(&file, &w.op);
    assert_int_equal(await(sim, &w), ERR_OK);
    rt_file_read(&file, &w.op, block, 8192, 8192);
    assert_int_equal(((uint8_t *)block)[0], 0xa5); /* garbage until it is done */
    assert_int_equal(await(sim, &w), ERR_OK);
    assert_int_equal(w.op.result, 8192);
    assert_int_equal(((uint8_t *)block)[4095], 'x');
    assert_int_equal(((uint8_t *)block)[4096], 0);
    rt_file_truncate(&file, &w.op, 4096);
    assert_int_equal(await(sim, &w), ERR_OK);
    rt_file_read(&file, &w.op, block, 4096, 4096);
    assert_int_equal(await(sim, &w), ERR_OK);
    assert_int_equal(w.op.result, 0);
    rt_file_close(&file, &w.op);
    assert_int_equal(await(sim, &w), ERR_OK);
    rt_path_rename(&w.op, "/data/a", "/data/b");
    assert_int_equal(await(sim, &w), ERR_OK);
    rt_path_sync_dir(&w.op, "/data");
    assert_int_equal(await(sim, &w), ERR_OK);
    rt_path_list(&w.op, "/data", &list);
    assert_int_equal(await(sim, &w), ERR_OK);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.names, "b");
    rt_path_space(&w.op, "/data", &space);
    assert_int_equal(await(sim, &w), ERR_OK);
    assert_true(space.total_bytes - space.free_bytes == 4096);
    rt_path_unlink(&w.op, "/data/b");
    assert_int_equal(await(sim, &w), ERR_OK);
    rt_path_rmdir(&w.op, "/data");
    assert_int_equal(await(sim, &w), ERR_OK);
    sim_free(sim);
}

/* Opened once, for tests of what happens to work under way. */
static void open_file(struct sim *sim, struct rt_shard *shard, struct rt_file *file)
{
    struct waiter w;
    waiter_init(&w, shard);
    rt_file_open(file, &w.op, shard, "/f", RT_FILE_READ | RT_FILE_WRITE | RT_FILE_CREATE, 0644);
    assert_int_equal(await(sim, &w), ERR_OK);
    rt_path_sync_dir(&w.op, "/");
    assert_int_equal(await(sim, &w), ERR_OK);
}

static void world_buffer_that_changes_under_way_is_caught(void **state)
{
    (void)state;
    struct sim *sim;
    struct rt_shard *shard = sim_node_shard(one_node(&sim, 1), 0);
    struct rt_file file;
    open_file(sim, shard, &file);
    struct waiter w;
    waiter_init(&w, shard);
    char data[100] = "unchanged";
    rt_file_write(&file, &w.op, data, sizeof(data), 0);
    data[99] = 1;
    expect_assert_failure(sim_run_for(sim, RT_NS_PER_S));
    sim_free(sim);
}

static void world_disk_work_meets_deadlines_and_closes(void **state)
{
    (void)state;
    struct sim *sim;
    struct sim_node *node = one_node(&sim, 1);
    struct rt_shard *shard = sim_node_shard(node, 0);
    struct rt_file file;
    open_file(sim, shard, &file);
    sim_options(sim)->host.cancel_ppm = 1000000;
    struct waiter w[3];
    char data[100] = "";
    waiter_init(&w[0], shard);
    waiter_init(&w[1], shard);
    waiter_init(&w[2], shard);
    sim_disk_options(sim_node_disk(node))->stall =
        (struct sim_delay){10 * RT_NS_PER_S, 10 * RT_NS_PER_S};
    sim_disk_plant(sim_node_disk(node), SIM_FAULT_STALL);
    rt_op_set_deadline(&w[0].op, rt_now_ns(shard) + RT_NS_PER_S);
    rt_file_write(&file, &w[0].op, data, sizeof(data), 0);
    assert_int_equal(await(sim, &w[0]), ERR_TIMEOUT);
    rt_file_write(&file, &w[1].op, data, sizeof(data), 0);
    rt_file_close(&file, &w[2].op);
    rt_op_set_deadline(&w[0].op, 0);
    rt_file_write(&file, &w[0].op, data, sizeof(data), 0); /* too late */
    assert_int_equal(await(sim, &w[0]), ERR_CLOSING);
    assert_int_equal(await(sim, &w[2]), ERR_OK);
    assert_true(w[1].is_done); /* the close has waited for it */
    assert_int_equal(w[1].op.err, ERR_OK);
    sim_free(sim);
}

/* --- Ends --- */

static void world_crash_drops_what_is_under_way(void **state)
{
    (void)state;
    size_t written = 0;
    for (uint64_t i = 0; i < 60; i++) {
        struct sim *sim;
        struct sim_node *node = one_node_of(i, &sim, 2);
        struct rt_shard *shard = sim_node_shard(node, 0);
        struct rt_file file;
        open_file(sim, shard, &file);
        void *memory = NULL; /* the crash frees it */
        assert_int_equal(budget_alloc(rt_shard_budget(shard), 1 << 20, 64, &memory), ERR_OK);
        memset(memory, 'x', 1 << 20);
        struct waiter w[4];
        for (size_t k = 0; k < 4; k++) {
            waiter_init(&w[k], shard);
        }
        struct iovec iov = {.iov_base = memory, .iov_len = 1 << 20};
        rt_file_write_durable(&file, &w[0].op, &iov, 1, 0);
        rt_job_submit(&w[1].op, job_add);
        rt_op_defer(&w[2].op);
        sim_run_for(sim, i * 12 * RT_NS_PER_US);
        enum sim_crash how = (enum sim_crash)(i % 3);
        bool was_done = w[0].is_done;
        sim_node_crash(node, how);
        assert_false(sim_node_is_running(node));
        bool dones[3] = {w[0].is_done, w[1].is_done, w[2].is_done};
        sim_run_for(sim, HOUR_NS);
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(w[k].is_done, dones[k]);
        }
        uint64_t size = sim_disk_size(sim_node_disk(node), "/f");
        assert_true(IMPLIES(was_done, size == 1 << 20));
        written += size > 0 && !was_done;
        struct sim_app app = quiet(NULL);
        sim_node_start(node, 64, &app);
        sim_run_for(sim, RT_NS_PER_S);
        sim_free(sim);
    }
    assert_true(written > 5); /* in part or whole, although nobody was told */
}

struct sender {
    struct rt_mail mail;
    enum err err;
};

static void sender_deliver(struct rt_shard *at, struct rt_mail *mail)
{
    (void)at;
    (void)mail;
}

static void late_stop(struct rt_shard *shard)
{
    if (shard->id != 0) {
        rt_shard_finish(shard); /* shard 0 goes on */
    }
}

static void send_to_ended(struct rt_shard *shard, void *ctx)
{
    struct sender *s = ctx;
    s->mail.deliver = sender_deliver;
    s->err = rt_mail_send(shard, 1, &s->mail);
    rt_shard_finish(shard);
}

static void world_stop_lets_every_shard_end_in_its_time(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    struct sim *sim = sim_new(1, &options);
    struct sim_node *node = sim_node_add(sim);
    struct sim_app app = {.start = quiet_start, .stop = late_stop};
    sim_node_start(node, 2, &app);
    sim_run_for(sim, RT_NS_PER_S);
    sim_node_stop(node);
    sim_run_for(sim, RT_NS_PER_S);
    assert_true(sim_node_is_running(node));
    struct sender s = {.err = ERR_OK};
    sim_post(sim_node_shard(node, 0), send_to_ended, &s);
    sim_run_for(sim, RT_NS_PER_S);
    assert_int_equal(s.err, ERR_CLOSING);
    assert_false(sim_node_is_running(node));
    sim_node_start(node, 1, &app);
    sim_node_restart(node, SIM_CRASH_KEEP, 3);
    sim_run_for(sim, RT_NS_PER_S);
    assert_int_equal(rt_shard_count(sim_node_shard(node, 0)), 3);
    sim_free(sim);
}

static void world_disk_may_be_wiped_and_swapped(void **state)
{
    (void)state;
    struct sim *sim;
    struct sim_node *node = one_node(&sim, 1);
    struct rt_file file;
    open_file(sim, sim_node_shard(node, 0), &file);
    sim_node_crash(node, SIM_CRASH_SEEDED);
    assert_int_equal(sim_disk_size(sim_node_disk(node), "/f"), 0);
    struct sim_disk *image = sim_disk_crash_image(sim_node_disk(node), sim_prng(sim));
    sim_node_wipe_disk(node);
    assert_true(sim_disk_size(sim_node_disk(node), "/f") == UINT64_MAX);
    sim_disk_free(sim_node_swap_disk(node, image));
    assert_int_equal(sim_disk_size(sim_node_disk(node), "/f"), 0);
    sim_free(sim);
}

static void call_note(struct sim *sim, void *ctx)
{
    uint64_t *at_ns = ctx;
    *at_ns = sim_now_ns(sim);
}

static void world_scenario_calls_happen_when_asked(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    struct sim *sim = sim_new(1, &options);
    uint64_t at_ns[3] = {0};
    sim_at(sim, 500, call_note, &at_ns[0]);
    sim_at(sim, 100, call_note, &at_ns[1]);
    assert_true(sim_run_steps(sim, 1));
    assert_int_equal(at_ns[1], 100);
    assert_int_equal(at_ns[0], 0);
    sim_at(sim, 50, call_note, &at_ns[2]); /* past: now */
    assert_false(sim_run_steps(sim, 3));
    assert_int_equal(at_ns[2], 100);
    assert_int_equal(at_ns[0], 500);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(world_starts_every_shard_once),
        cmocka_unit_test(world_idle_for_a_million_hours_has_no_event),
        cmocka_unit_test(world_timers_fire_on_time_whatever_the_distance),
        cmocka_unit_test(world_wall_clock_jumps_and_monotonic_does_not),
        cmocka_unit_test(world_no_two_machines_agree_on_monotonic_time),
        cmocka_unit_test(world_paused_process_gets_no_time),
        cmocka_unit_test(world_slow_node_has_fewer_turns),
        cmocka_unit_test(world_mail_goes_round_the_shards),
        cmocka_unit_test(world_job_runs_later_and_may_be_canceled_before),
        cmocka_unit_test(world_files_work_as_file_h_says),
        cmocka_unit_test(world_buffer_that_changes_under_way_is_caught),
        cmocka_unit_test(world_disk_work_meets_deadlines_and_closes),
        cmocka_unit_test(world_crash_drops_what_is_under_way),
        cmocka_unit_test(world_stop_lets_every_shard_end_in_its_time),
        cmocka_unit_test(world_disk_may_be_wiped_and_swapped),
        cmocka_unit_test(world_scenario_calls_happen_when_asked),
    };
    return cmocka_run_group_tests_name("sim_world", tests, NULL, NULL);
}
