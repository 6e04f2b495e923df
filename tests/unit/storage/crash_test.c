/* The crash campaign (LOG §4, anchors/raft_reliability §4.7): a random workload over several lives
 * of its process, on other numbers of shards, and at the changes of its disk images of what an end
 * there would leave: all that was done up to it (every prefix), what a power failure may make of
 * what was unsynced (subsets, reorderings, tears), and such an image with damage on top. Each is
 * opened and held against what was answered and what was submitted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rt/clock.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/world.h"
#include "tests/unit/storage/world_damage.h"

#define CRASH_LIVES_MAX 4u

/* A share looks at one change in so many, at most: many workloads rather than all of one. */
#define CRASH_EVERY_MAX 60u

/* From so many images on every row of the table has been hit, so often at least. */
#define CRASH_IMAGES_WHOLE 1000000u
#define CRASH_ROW_MIN      100u

/* Images of one workload. */
struct campaign {
    struct world *world;
    struct prng prng;
    struct world_tally *tally;
    uint64_t changes_count;
    uint64_t every; /* one change in so many is looked at */
    const char *what;
    struct world_damage damage;
};

/* The process is killed after the change: nothing that was done is lost, synced or not. */
static void campaign_prefix(struct campaign *c, struct sim_disk *disk)
{
    struct sim_disk *image = sim_disk_clone(disk, prng_u64(&c->prng));
    c->what = "killed";
    sim_disk_crash(image, SIM_CRASH_KEEP, &c->prng);
    uint32_t shards_count = 1 + (uint32_t)prng_below(&c->prng, WORLD_SHARDS);
    (void)world_check(c->world, image, shards_count, prng_u64(&c->prng),
                      prng_chance(&c->prng, 1, 8), c->tally);
}

/* The power fails after the change. */
static void campaign_power(struct campaign *c, struct sim_disk *disk)
{
    struct sim_disk *image = sim_disk_crash_image(disk, &c->prng);
    uint32_t shards_count = 1 + (uint32_t)prng_below(&c->prng, WORLD_SHARDS);
    c->what = "power lost";
    (void)world_check(c->world, image, shards_count, prng_u64(&c->prng),
                      prng_chance(&c->prng, 1, 4), c->tally);
}

/* The power fails, and the disk is found damaged. */
static void campaign_damage(struct campaign *c, struct sim_disk *disk)
{
    struct sim_disk *image = sim_disk_crash_image(disk, &c->prng);
    uint32_t shards_count = 1 + (uint32_t)prng_below(&c->prng, WORLD_SHARDS);
    bool is_passing = prng_chance(&c->prng, 1, 8);
    if (!(is_passing ? world_damage_passing : world_damage)(image, &c->prng, &c->damage)) {
        sim_disk_free(image);
        return;
    }
    struct world_look look = {.damage = &c->damage, .is_twice = prng_chance(&c->prng, 1, 4)};
    c->what = c->damage.what;
    (void)world_check_damaged(c->world, image, shards_count, prng_u64(&c->prng), &look, c->tally);
}

static void campaign_watch(void *ctx, struct sim_disk *disk, const struct sim_mutation *m)
{
    static void (*const images[])(struct campaign *, struct sim_disk *) = {
        campaign_prefix, campaign_power, campaign_damage, campaign_damage};
    struct campaign *c = ctx;
    (void)m;
    if (c->changes_count++ % c->every != 0) {
        return;
    }
    c->world->change = c->changes_count;
    for (size_t i = 0; i < ARRAY_COUNT(images) && c->world->failure[0] == '\0'; i++) {
        images[i](c, disk);
    }
}

static bool campaign_is_over(void *ctx)
{
    const struct world *world = ctx;
    for (uint32_t i = 0; i < world->options.groups_count; i++) {
        const struct world_group *group = &world->groups[i];
        bool is_deleted =
            group->submitted_count > 0 && !group->ops[group->submitted_count - 1].is_exists;
        if (group->submitted_count < world->ops_until && !is_deleted) {
            return world->failure[0] != '\0';
        }
    }
    return true;
}

/* How a life ends: killed, without power, or in order. */
static bool campaign_next_life(struct campaign *c)
{
    static const enum sim_crash hows[] = {SIM_CRASH_KEEP, SIM_CRASH_LOSE, SIM_CRASH_SEEDED,
                                          SIM_CRASH_SEEDED};
    uint64_t dice = prng_below(&c->prng, ARRAY_COUNT(hows) + 1);
    if (dice == ARRAY_COUNT(hows) && !world_end(c->world)) {
        return false;
    }
    enum sim_crash how = hows[dice % ARRAY_COUNT(hows)];
    return world_restart(c->world, how, 1 + (uint32_t)prng_below(&c->prng, WORLD_SHARDS));
}

static void campaign_run(uint64_t seed, uint64_t every_max, struct world_tally *tally)
{
    struct world_options options = world_options(seed);
    options.does_replace = true;
    struct campaign c = {.world = world_new(&options), .tally = tally, .what = ""};
    prng_init(&c.prng, seed);
    c.every = 1 + prng_below(&c.prng, every_max);
    uint32_t lives = 1 + (uint32_t)prng_below(&c.prng, CRASH_LIVES_MAX);
    sim_disk_watch(sim_node_disk(c.world->node), campaign_watch, &c);
    c.world->ops_until = options.ops_count / lives;
    world_start(c.world, options.shards_count);
    for (uint32_t life = 0; life < lives && c.world->failure[0] == '\0'; life++) {
        if (life > 0 && !campaign_next_life(&c)) {
            break;
        }
        c.world->ops_until = options.ops_count * (life + 1) / lives;
        (void)sim_run_until_true(c.world->sim, campaign_is_over, c.world,
                                 sim_now_ns(c.world->sim) + 2 * RT_NS_PER_S);
        sim_run_for(c.world->sim, prng_below(&c.prng, 20000000));
    }
    if (c.world->failure[0] != '\0') {
        fail_msg("seed %llu, change %llu, %s: %s", (unsigned long long)seed,
                 (unsigned long long)c.world->change, c.what, c.world->failure);
    }
    world_free(c.world);
}

static void campaign_print(const struct world_tally *tally)
{
    printf("covered: images %llu, entries read %llu, rewritten %llu; damaged %llu, of these seen "
           "%llu, entries refused %llu, groups possibly lost %llu, stores refused %llu\n",
           (unsigned long long)tally->images_count, (unsigned long long)tally->entries_count,
           (unsigned long long)tally->rewritten_count, (unsigned long long)tally->damaged_count,
           (unsigned long long)tally->seen_count, (unsigned long long)tally->refused_count,
           (unsigned long long)tally->lost_count, (unsigned long long)tally->closed_count);
    for (uint32_t i = 0; i < LOG_RECOVER_ROWS_COUNT; i++) {
        printf("covered: %-3s %10llu  %s\n", log_recover_row_name((enum log_recover_row)i),
               (unsigned long long)tally->rows[i], log_recover_row_text((enum log_recover_row)i));
    }
}

static void log_survives_a_crash_after_every_change(void **state)
{
    (void)state;
    struct share share = share_open("crashed lives", 100);
    struct world_tally tally = {0};
    uint64_t every_max = share.cases_max > 0 ? 1 : CRASH_EVERY_MAX; /* a campaign: each */
    while (share_more(&share)) {
        campaign_run(share_case_seed(&share), every_max, &tally);
    }
    campaign_print(&tally);
    for (uint32_t i = 0; i < LOG_RECOVER_ROWS_COUNT; i++) {
        if (tally.images_count >= CRASH_IMAGES_WHOLE && tally.rows[i] < CRASH_ROW_MIN) {
            fail_msg("row %s was hit %llu times", log_recover_row_name((enum log_recover_row)i),
                     (unsigned long long)tally.rows[i]);
        }
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
