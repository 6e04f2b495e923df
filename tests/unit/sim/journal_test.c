/* A small journal on simulated machines: what it acknowledged survives every crash, on any number
 * of shards, whatever disk and network do; nothing is found that was not sent. And four broken
 * journals, each of which is caught. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_swarm.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/sim/journal_app.h"

#define CLIENTS    3u
#define BLOCKS_MAX 300u

/* A server, its clients, and what is known of their blocks. */
struct story {
    struct sim *sim;
    struct sim_node *server;
    struct journal journal;
    struct journal_client clients[CLIENTS];
    bool found[CLIENTS][BLOCKS_MAX + 1]; /* by the last scan */
    const char *failure;                 /* what went wrong; NULL: nothing */
};

static void story_found(void *ctx, uint64_t number)
{
    struct story *story = ctx;
    uint32_t client = (uint32_t)(number >> 32) - 1;
    uint32_t n = (uint32_t)number;
    if (client >= CLIENTS || n == 0 || n > story->clients[client].sent_count) {
        story->failure = "a block was found that nobody sent";
        return;
    }
    story->found[client][n] = true;
}

static bool story_is_scanned(void *ctx)
{
    return ((struct story *)ctx)->journal.is_scanned;
}

static struct story *story_new(uint64_t seed, const struct sim_options *options,
                               enum journal_bug bug, uint32_t shards_count, uint32_t stop_after)
{
    struct story *story = calloc(1, sizeof(*story));
    assert_non_null(story);
    story->sim = sim_new(seed, options);
    story->server = sim_node_add(story->sim);
    story->journal = (struct journal){.bug = bug, .found = story_found, .ctx = story};
    struct sim_app app = {.start = journal_start, .stop = journal_stop, .ctx = &story->journal};
    sim_node_start(story->server, shards_count, &app);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct journal_client *client = &story->clients[i];
        *client = (struct journal_client){.server = sim_node_addr(story->server, JOURNAL_PORT),
                                          .id = i + 1,
                                          .stop_after = stop_after};
        struct sim_app client_app = {
            .start = journal_client_start, .stop = journal_stop, .ctx = client};
        sim_node_start(sim_node_add(story->sim), 1, &client_app);
    }
    return story;
}

static void story_free(struct story *story)
{
    sim_free(story->sim);
    free(story);
}

/* All blocks acknowledged up to `acked` must have been found. */
static void story_check(struct story *story, const uint32_t *acked)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        for (uint32_t n = 1; n <= acked[i]; n++) {
            if (!story->found[i][n]) {
                story->failure = "an acknowledged block is gone";
            }
        }
    }
}

static uint32_t story_acked(const struct story *story, uint32_t *acked)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        acked[i] = story->clients[i].acked_count;
        sum += acked[i];
        assert_true(acked[i] <= BLOCKS_MAX);
    }
    return sum;
}

static void story_restart(struct story *story, enum sim_crash how, uint32_t shards_count,
                          uint32_t *acked)
{
    story_acked(story, acked);
    memset(story->found, 0, sizeof(story->found));
    story->journal.is_scanned = false;
    sim_node_restart(story->server, how, shards_count);
}

/* Let it run, crash, and come back, some times over. Returns the blocks acknowledged. */
static uint32_t story_run(struct story *story, uint64_t seed)
{
    static const uint32_t shards_counts[] = {1, 3, 64};
    struct prng prng;
    prng_init(&prng, seed);
    uint32_t acked[CLIENTS];
    for (int crash = 0; crash < 4 && story->failure == NULL; crash++) {
        sim_run_for(story->sim, prng_below(&prng, 300 * RT_NS_PER_MS));
        enum sim_crash how = (enum sim_crash)prng_below(&prng, 3);
        story_restart(story, how, shards_counts[prng_below(&prng, 3)], acked);
        if (prng_chance(&prng, 1, 2)) { /* and again, in the middle of its start */
            sim_run_for(story->sim, prng_below(&prng, 20 * RT_NS_PER_MS));
            story_restart(story, SIM_CRASH_SEEDED, shards_counts[prng_below(&prng, 3)], acked);
        }
        if (!sim_run_until_true(story->sim, story_is_scanned, story,
                                sim_now_ns(story->sim) + 1000 * RT_NS_PER_S)) {
            story->failure = "the files were not read to the end";
            break;
        }
        story_check(story, acked);
    }
    return story_acked(story, acked);
}

/* The swarm of `seed`; no fault that a single disk cannot survive, and none while it is read. */
static struct sim_options story_options(uint64_t seed)
{
    struct sim_options options = sim_swarm(seed, SIM_SWARM_ALL & ~(uint32_t)SIM_SWARM_MEDIA);
    options.disk.faults_ppm[SIM_FAULT_SECTOR_ERROR] = 0;
    return options;
}

static void journal_loses_nothing_it_acknowledged(void **state)
{
    (void)state;
    struct share share = share_open("crashes and restarts of a journal", 50);
    uint64_t acked_count = 0;
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        struct sim_options options = story_options(seed);
        struct story *story =
            story_new(seed, &options, JOURNAL_BUG_NONE, 1 + (uint32_t)(seed % 4), BLOCKS_MAX);
        acked_count += story_run(story, seed);
        if (story->failure != NULL) {
            char text[512];
            fail_msg("seed %llu: %s (%s)", (unsigned long long)seed, story->failure,
                     sim_swarm_describe(&options, text, sizeof(text)));
        }
        story_free(story);
    }
    assert_true(share.cases_count < 2 || acked_count > share.cases_count);
    share_close(&share);
}

/* A broken journal must be caught within a few dozen worlds; returns how many it took. */
static uint64_t journal_catch(enum journal_bug bug, uint32_t flush_error_ppm)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct sim_options options = story_options(seed);
        options.disk.faults_ppm[SIM_FAULT_FLUSH_ERROR] += flush_error_ppm;
        struct story *story = story_new(seed, &options, bug, 1 + (uint32_t)(seed % 4), BLOCKS_MAX);
        story_run(story, seed);
        bool is_caught = story->failure != NULL;
        story_free(story);
        if (is_caught) {
            return seed;
        }
    }
    return 0;
}

static void journal_that_forgets_the_flush_is_caught(void **state)
{
    (void)state;
    assert_in_range(journal_catch(JOURNAL_BUG_NO_FLUSH, 0), 1, 50);
}

static void journal_that_forgets_the_directory_is_caught(void **state)
{
    (void)state;
    assert_in_range(journal_catch(JOURNAL_BUG_NO_DIR_SYNC, 0), 1, 50);
}

/* A flush that fails may take the write of another connection along, whose own flush then says that
 * all is well: as fsync(2) does to who asks second. */
static void journal_that_goes_on_after_a_failed_flush_is_caught(void **state)
{
    (void)state;
    assert_in_range(journal_catch(JOURNAL_BUG_NO_FENCE, 50000), 1, 50);
}

static void journal_that_acknowledges_early_is_caught(void **state)
{
    (void)state;
    assert_in_range(journal_catch(JOURNAL_BUG_EARLY_ACK, 0), 1, 50);
}

/* --- A crash after every operation --- */

/* Starts a journal on images of another one's disk, taken after each of its changes. */
struct campaign {
    struct story *story; /* whose disk */
    struct prng prng;
    uint64_t images_count;
    uint64_t images_max; /* per change */
};

static void campaign_try(struct campaign *c, struct sim_disk *disk)
{
    uint32_t acked[CLIENTS];
    story_acked(c->story, acked);
    struct sim_options options = sim_options_calm();
    struct sim *sim = sim_new(c->images_count, &options);
    struct sim_node *node = sim_node_add(sim);
    sim_disk_free(sim_node_swap_disk(node, sim_disk_crash_image(disk, &c->prng)));
    struct journal journal = {.found = story_found, .ctx = c->story};
    struct sim_app app = {.start = journal_start, .stop = journal_stop, .ctx = &journal};
    memset(c->story->found, 0, sizeof(c->story->found));
    sim_node_start(node, 1, &app);
    while (!journal.is_scanned && sim_run_steps(sim, 1)) {
        /* until it has read all */
    }
    assert_true(journal.is_scanned);
    story_check(c->story, acked);
    c->images_count++;
    sim_free(sim);
}

static void campaign_watch(void *ctx, struct sim_disk *disk, const struct sim_mutation *m)
{
    struct campaign *c = ctx;
    for (uint64_t i = 0; i < c->images_max && c->story->failure == NULL; i++) {
        campaign_try(c, disk);
    }
    if (c->story->failure != NULL) {
        (void)m;
        sim_disk_watch(disk, NULL, NULL);
    }
}

static bool campaign_run(uint64_t seed, enum journal_bug bug, uint64_t *images_count)
{
    struct sim_options options = sim_swarm(seed, SIM_SWARM_HARMLESS);
    struct story *story = story_new(seed, &options, bug, 1 + (uint32_t)(seed % 3), 4);
    struct campaign c = {.story = story, .images_max = 3};
    prng_init(&c.prng, seed);
    sim_disk_watch(sim_node_disk(story->server), campaign_watch, &c);
    sim_run_for(story->sim, 10 * RT_NS_PER_S);
    *images_count += c.images_count;
    bool is_good = story->failure == NULL;
    story_free(story);
    return is_good;
}

static void journal_survives_a_crash_after_every_operation(void **state)
{
    (void)state;
    struct share share = share_open("journals crashed after every change of the disk", 40);
    uint64_t images_count = 0;
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        if (!campaign_run(seed, JOURNAL_BUG_NONE, &images_count)) {
            fail_msg("seed %llu", (unsigned long long)seed);
        }
    }
    assert_true(images_count > share.cases_count);
    printf("covered: sim_journal/images started from: %llu\n", (unsigned long long)images_count);
    share_close(&share);
    uint64_t bad_count = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        bad_count += !campaign_run(seed, JOURNAL_BUG_NO_FLUSH, &images_count);
    }
    assert_in_range(bad_count, 8, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(journal_loses_nothing_it_acknowledged),
        cmocka_unit_test(journal_that_forgets_the_flush_is_caught),
        cmocka_unit_test(journal_that_forgets_the_directory_is_caught),
        cmocka_unit_test(journal_that_goes_on_after_a_failed_flush_is_caught),
        cmocka_unit_test(journal_that_acknowledges_early_is_caught),
        cmocka_unit_test(journal_survives_a_crash_after_every_operation),
    };
    return cmocka_run_group_tests_name("sim_journal", tests, NULL, NULL);
}
