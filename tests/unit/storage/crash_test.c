/* The crash campaign (LOG §4, anchors/raft_reliability §4.7): a random workload, and after every
 * change of its disk images of what a power failure there would leave, each opened and held against
 * what was answered and what was submitted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rt/clock.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/world.h"

/* Images of one workload. */
struct campaign {
    struct world *world;
    struct prng prng;
    struct world_tally *tally;
    uint64_t changes_count;
    uint64_t every; /* one change in so many is looked at */
};

static void campaign_watch(void *ctx, struct sim_disk *disk, const struct sim_mutation *m)
{
    struct campaign *c = ctx;
    (void)m;
    if (c->changes_count++ % c->every != 0 || c->world->failure[0] != '\0') {
        return;
    }
    c->world->change = c->changes_count;
    struct sim_disk *image = sim_disk_crash_image(disk, &c->prng);
    uint32_t shards_count = 1 + (uint32_t)prng_below(&c->prng, WORLD_SHARDS);
    (void)world_check(c->world, image, shards_count, prng_u64(&c->prng),
                      prng_chance(&c->prng, 1, 4), c->tally);
}

static bool campaign_is_over(void *ctx)
{
    const struct world *world = ctx;
    for (uint32_t i = 0; i < world->options.groups_count; i++) {
        const struct world_group *group = &world->groups[i];
        bool is_deleted = group->submitted_count > 0 && group->log != NULL &&
                          !group->ops[group->submitted_count - 1].is_exists;
        if (group->submitted_count < world->options.ops_count && !is_deleted) {
            return world->failure[0] != '\0';
        }
    }
    return true;
}

static void campaign_run(uint64_t seed, struct world_tally *tally)
{
    struct world_options options = world_options(seed);
    struct campaign c = {.world = world_new(&options), .tally = tally};
    prng_init(&c.prng, seed);
    c.every = 1 + prng_below(&c.prng, 6);
    sim_disk_watch(sim_node_disk(c.world->node), campaign_watch, &c);
    world_start(c.world, options.shards_count);
    for (uint32_t life = 0; life < 3 && c.world->failure[0] == '\0'; life++) {
        (void)sim_run_until_true(c.world->sim, campaign_is_over, c.world,
                                 sim_now_ns(c.world->sim) + 2 * RT_NS_PER_S);
        sim_run_for(c.world->sim, 20000000);
    }
    if (c.world->failure[0] != '\0') {
        fail_msg("seed %llu, change %llu: %s", (unsigned long long)seed,
                 (unsigned long long)c.world->change, c.world->failure);
    }
    world_free(c.world);
}

static void log_survives_a_crash_after_every_change(void **state)
{
    (void)state;
    struct share share = share_open("crash images", 100);
    struct world_tally tally = {0};
    while (share_more(&share)) {
        campaign_run(share_case_seed(&share), &tally);
    }
    printf("covered: images %llu, entries read %llu, of them rewritten %llu\n",
           (unsigned long long)tally.images_count, (unsigned long long)tally.entries_count,
           (unsigned long long)tally.rewritten_count);
    for (uint32_t i = 0; i < LOG_RECOVER_ROWS_COUNT; i++) {
        printf("  %-3s %10llu  %s\n", log_recover_row_name((enum log_recover_row)i),
               (unsigned long long)tally.rows[i], log_recover_row_text((enum log_recover_row)i));
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_survives_a_crash_after_every_change),
    };
    return cmocka_run_group_tests_name("log_crash", tests, NULL, NULL);
}
