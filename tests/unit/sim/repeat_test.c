/* One seed is one run: the same trace each time, another one for another seed; and what would break
 * that is caught. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/rt/file.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_swarm.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/sim/journal_app.h"

static void repeat_found(void *ctx, uint64_t number)
{
    uint64_t *sum = ctx;
    *sum = *sum * 31 + number;
}

/* A journal and two clients in a bad world, crashed, cut and paused. */
static uint64_t repeat_story(uint64_t seed, void *ctx)
{
    (void)ctx;
    struct sim_options options = sim_swarm(seed, SIM_SWARM_ALL);
    struct sim *sim = sim_new(seed, &options);
    uint64_t sum = 0;
    struct sim_node *server = sim_node_add(sim);
    struct journal journal = {.found = repeat_found, .ctx = &sum};
    struct sim_app app = {.start = journal_start, .stop = journal_stop, .ctx = &journal};
    struct journal_client clients[2];
    struct sim_node *nodes[2];
    sim_node_start(server, 3, &app);
    for (uint32_t i = 0; i < 2; i++) {
        clients[i] = (struct journal_client){
            .server = sim_node_addr(server, JOURNAL_PORT), .id = i + 1, .stop_after = 50};
        struct sim_app client_app = {
            .start = journal_client_start, .stop = journal_stop, .ctx = &clients[i]};
        nodes[i] = sim_node_add(sim);
        sim_node_start(nodes[i], 1, &client_app);
    }
    sim_run_for(sim, 100 * RT_NS_PER_MS);
    sim_net_cut(server, nodes[0]);
    sim_node_pause(nodes[1]);
    sim_run_for(sim, 20 * RT_NS_PER_MS);
    sim_node_resume(nodes[1]);
    sim_node_restart(server, SIM_CRASH_SEEDED, 5);
    sim_node_clock_jump(server, -(int64_t)RT_NS_PER_S);
    sim_net_heal_all(sim);
    sim_run_for(sim, 100 * RT_NS_PER_MS);
    uint64_t hash = hash64(&sum, sizeof(sum), sim_hash(sim));
    sim_free(sim);
    return hash;
}

static void repeat_same_seed_gives_the_same_trace_and_another_another(void **state)
{
    (void)state;
    struct share share = share_open("the same seed twice, among other addresses", 80);
    uint64_t before = 0;
    while (share_more(&share)) {
        uint64_t hash;
        uint64_t seed = share_case_seed(&share);
        if (!sim_check_repeatable(repeat_story, NULL, seed, &hash)) {
            fail_msg("seed %llu", (unsigned long long)seed);
        }
        assert_true(hash != before);
        before = hash;
    }
    share_close(&share);
}

/* --- What is caught --- */

#define PLANTS 64u

/* An app that writes PLANTS numbers to a file, in an order that `less` decides. */
struct plant {
    bool (*less)(const void *a, const void *b); /* NULL: in the order they were made */
    bool does_ask_time;                         /* writes the machine's real time */
    struct rt_file file;
    struct rt_op op;
    uint64_t numbers[PLANTS];
};

static bool plant_by_address(const void *a, const void *b)
{
    return (uintptr_t)a < (uintptr_t)b;
}

/* Hash tables keyed by pointers do the same in disguise. */
static bool plant_by_hash_of_address(const void *a, const void *b)
{
    return hash64(&a, sizeof(a), 0) < hash64(&b, sizeof(b), 0);
}

static void plant_done(struct rt_op *op)
{
    struct plant *p = CONTAINER_OF(op, struct plant, op);
    if (op->kind == RT_OP_FILE_OPEN) {
        rt_file_write(&p->file, op, p->numbers, sizeof(p->numbers), 0);
    }
}

static void plant_start(struct rt_shard *shard)
{
    struct plant *p = shard->app;
    uint64_t *made[PLANTS];
    for (uint64_t i = 0; i < PLANTS; i++) {
        void *memory = NULL;
        assert_int_equal(budget_alloc(rt_shard_budget(shard), 40, 8, &memory), ERR_OK);
        made[i] = memory;
        *made[i] = i;
    }
    for (size_t i = 1; p->less != NULL && i < PLANTS; i++) {
        uint64_t *moving = made[i];
        size_t at = i;
        for (; at > 0 && p->less(moving, made[at - 1]); at--) {
            made[at] = made[at - 1];
        }
        made[at] = moving;
    }
    for (size_t i = 0; i < PLANTS; i++) {
        p->numbers[i] = *made[i];
    }
    if (p->does_ask_time) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        p->numbers[0] = (uint64_t)now.tv_nsec;
    }
    rt_op_init(&p->op, shard, plant_done);
    rt_file_open(&p->file, &p->op, shard, "/f", RT_FILE_WRITE | RT_FILE_CREATE, 0644);
}

static void plant_stop(struct rt_shard *shard)
{
    (void)shard;
}

static uint64_t plant_story(uint64_t seed, void *ctx)
{
    struct plant plant = *(const struct plant *)ctx;
    struct sim_options options = sim_options_calm();
    struct sim *sim = sim_new(seed, &options);
    struct sim_app app = {.start = plant_start, .stop = plant_stop, .ctx = &plant};
    sim_node_start(sim_node_add(sim), 1, &app);
    assert_true(sim_run_until_idle(sim, RT_NS_PER_S));
    uint64_t hash = sim_hash(sim);
    sim_free(sim);
    return hash;
}

static void repeat_planted_dependence_is_caught(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct plant plant;
        bool is_repeatable;
    } rows[] = {
        {"order of making", {.less = NULL}, true},
        {"order of addresses", {.less = plant_by_address}, false},
        {"order of hashes of addresses", {.less = plant_by_hash_of_address}, false},
        {"the machine's clock", {.does_ask_time = true}, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct plant plant = rows[i].plant;
        uint64_t hash;
        if (sim_check_repeatable(plant_story, &plant, i, &hash) != rows[i].is_repeatable) {
            fail_msg("%s", rows[i].name);
        }
    }
}

/* --- The trace as text --- */

#define TRANSCRIPT_BYTES 4096

static void transcript_add(void *ctx, const char *line)
{
    char *text = ctx;
    size_t length = strlen(text);
    int added = snprintf(text + length, TRANSCRIPT_BYTES - length, "%s\n", line);
    assert_true(length + (size_t)added < TRANSCRIPT_BYTES);
}

/* With every delay fixed, a run can be written down. The turns in between are left out. */
static void repeat_trace_reads_as_its_legend_says(void **state)
{
    (void)state;
    static const char want[] = "0             n1     ! start               =1\n"
                               "1000          n1.0   . turn               \n"
                               "1031          n1.0   > file_open          /f\n"
                               "2031          n1.0   < file_open          /f =0\n"
                               "2063          n1.0   . turn               \n"
                               "2074          n1.0   > file_write         /f +512 #4ed0aca2\n"
                               "3074          n1.0   < file_write         /f =512\n"
                               "3074          n1.0   . turn               \n"
                               "9000          n1     ! crash               =1\n";
    struct sim_options options = sim_options_calm();
    struct sim_delay fixed = {.min_ns = 1000, .mean_ns = 1000};
    options.host.turn = options.host.wake = fixed;
    options.disk.read = options.disk.write = fixed;
    options.disk.bytes_per_s = 1ull << 62;
    char text[TRANSCRIPT_BYTES] = "";
    options.trace = transcript_add;
    options.trace_ctx = text;
    struct plant plant = {.less = NULL};
    struct sim *sim = sim_new(1, &options);
    struct sim_app app = {.start = plant_start, .stop = plant_stop, .ctx = &plant};
    struct sim_node *node = sim_node_add(sim);
    sim_node_start(node, 1, &app);
    sim_run_until(sim, 9000);
    sim_node_crash(node, SIM_CRASH_LOSE);
    assert_string_equal(text, want);
    sim_free(sim);
}

/* --- Worlds --- */

static void repeat_swarm_is_a_function_of_its_seed(void **state)
{
    (void)state;
    size_t ons[SIM_FAULT_COUNT] = {0};
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct sim_options a = sim_swarm(seed, SIM_SWARM_ALL);
        struct sim_options b = sim_swarm(seed, SIM_SWARM_ALL);
        char text[2][1024];
        assert_string_equal(sim_swarm_describe(&a, text[0], sizeof(text[0])),
                            sim_swarm_describe(&b, text[1], sizeof(text[1])));
        for (size_t fault = 0; fault < SIM_FAULT_COUNT; fault++) {
            ons[fault] += a.disk.faults_ppm[fault] > 0;
        }
        assert_true(a.disk.flush.mean_ns >= a.disk.flush.min_ns);
        assert_in_range(a.link.loss_ppm, 0, 300000);
        assert_in_range(a.host.window_count, 2, 20);
        struct sim_options harmless = sim_swarm(seed, SIM_SWARM_HARMLESS);
        assert_int_equal(harmless.link.loss_ppm, 0);
        assert_int_equal(harmless.host.segment_bytes, a.host.segment_bytes); /* the same draw */
        sim_swarm_heal(&a);
        for (size_t fault = 0; fault < SIM_FAULT_COUNT; fault++) {
            assert_int_equal(a.disk.faults_ppm[fault], 0);
            assert_int_equal(harmless.disk.faults_ppm[fault], 0);
        }
    }
    for (size_t fault = 0; fault < SIM_FAULT_COUNT; fault++) {
        assert_in_range(ons[fault], 150, 250); /* half of the worlds */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeat_same_seed_gives_the_same_trace_and_another_another),
        cmocka_unit_test(repeat_planted_dependence_is_caught),
        cmocka_unit_test(repeat_trace_reads_as_its_legend_says),
        cmocka_unit_test(repeat_swarm_is_a_function_of_its_seed),
    };
    return cmocka_run_group_tests_name("sim_repeat", tests, NULL, NULL);
}
