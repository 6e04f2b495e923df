/* Segments whose files cannot be written: a random workload on a disk that refuses now and then,
 * crashed after every change, as log_crash does it; nothing acknowledged is lost, nobody is fenced.
 * And one failure at a time: what is seen of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rt/clock.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/world.h"

#define REFUSAL_STEMS 512u

/* A disk that refuses: each segment's files once, and never those that are written in their place,
 * of which a second failure would fence. */
struct refusal {
    struct world *world;
    char stems[REFUSAL_STEMS][LIMIT_PATH_BYTES]; /* struck already, without the kind of file */
    uint32_t stems_count;
    uint32_t struck_count; /* times it refused */
    bool is_looking;       /* an image is looked at: its disk is sound */
    struct prng prng;      /* of the images */
    struct world_tally *tally;
    uint64_t changes_count;
    uint64_t every; /* one change in so many is looked at */
};

/* Whether a direct write of the group may be under way, or a rescue: what fails then fences. */
static bool refusal_would_fence(const struct refusal *r, const char *path)
{
    for (uint32_t i = 0; i < r->world->options.groups_count; i++) {
        const struct world_group *group = &r->world->groups[i];
        char dir[64];
        snprintf(dir, sizeof(dir), "/p/%02x07", (unsigned)group->id);
        if (strstr(path, dir) != NULL) {
            return group->log != NULL &&
                   (group->log->direct_count > 0 || group->log->apart != NULL);
        }
    }
    return true;
}

static bool refusal_strikes(void *ctx, enum sim_fault fault, const char *path, uint64_t pos)
{
    struct refusal *r = ctx;
    (void)fault;
    (void)pos;
    const char *dot = strchr(path, '.');
    if (r->is_looking || dot == NULL || strstr(path, "/p/") == NULL ||
        strstr(dot, ".new") != NULL || refusal_would_fence(r, path)) {
        return false;
    }
    size_t length = (size_t)(dot - path);
    for (uint32_t i = 0; i < r->stems_count; i++) {
        if (strncmp(r->stems[i], path, length) == 0 && r->stems[i][length] == '\0') {
            return false;
        }
    }
    if (r->stems_count == REFUSAL_STEMS) {
        return false;
    }
    snprintf(r->stems[r->stems_count++], LIMIT_PATH_BYTES, "%.*s", (int)length, path);
    r->struck_count++;
    return true;
}

static void refusal_watch(void *ctx, struct sim_disk *disk, const struct sim_mutation *m)
{
    struct refusal *r = ctx;
    (void)m;
    if (r->changes_count++ % r->every != 0 || r->world->failure[0] != '\0' || r->is_looking) {
        return;
    }
    r->world->change = r->changes_count;
    struct sim_disk *image = sim_disk_crash_image(disk, &r->prng);
    uint32_t shards_count = 1 + (uint32_t)prng_below(&r->prng, WORLD_SHARDS);
    r->is_looking = true;
    (void)world_check(r->world, image, shards_count, prng_u64(&r->prng),
                      prng_chance(&r->prng, 1, 4), r->tally);
    r->is_looking = false;
}

static bool refusal_is_over(void *ctx)
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

static void refusal_run(uint64_t seed, struct world_tally *tally, uint64_t *struck_count)
{
    static struct refusal refusal;
    struct world_options options = world_options(seed);
    options.does_replace = true;
    struct refusal *r = &refusal;
    refusal.stems_count = 0;
    refusal.struck_count = 0;
    refusal.changes_count = 0;
    refusal.is_looking = false;
    prng_init(&r->prng, seed);
    options.sim.disk.may_strike = refusal_strikes;
    options.sim.disk.ctx = r;
    options.sim.disk.faults_ppm[SIM_FAULT_WRITE_ERROR] = 20000u << prng_below(&r->prng, 4);
    options.sim.disk.faults_ppm[SIM_FAULT_FLUSH_ERROR] = 20000u << prng_below(&r->prng, 4);
    r->world = world_new(&options);
    r->tally = tally;
    r->every = 1 + prng_below(&r->prng, 6);
    sim_disk_watch(sim_node_disk(r->world->node), refusal_watch, r);
    world_start(r->world, options.shards_count);
    for (uint32_t life = 0; life < 3 && r->world->failure[0] == '\0'; life++) {
        (void)sim_run_until_true(r->world->sim, refusal_is_over, r->world,
                                 sim_now_ns(r->world->sim) + 2 * RT_NS_PER_S);
        sim_run_for(r->world->sim, 20000000);
    }
    bool is_open = r->world->failure[0] == '\0';
    if (is_open && world_end(r->world)) {
        struct sim_disk *image = sim_disk_crash_image(sim_node_disk(r->world->node), &r->prng);
        r->is_looking = true;
        (void)world_check(r->world, image, 1, seed, true, tally);
    }
    *struck_count += r->struck_count;
    if (r->world->failure[0] != '\0') {
        fail_msg("seed %llu, change %llu: %s", (unsigned long long)seed,
                 (unsigned long long)r->world->change, r->world->failure);
    }
    world_free(r->world);
}

static void log_rescues_what_cannot_be_written_whenever_it_crashes(void **state)
{
    (void)state;
    struct share share = share_open("refusals", 80);
    struct world_tally tally = {0};
    uint64_t struck_count = 0;
    while (share_more(&share)) {
        refusal_run(share_case_seed(&share), &tally, &struck_count);
    }
    printf("covered: images %llu, entries read %llu, refusals %llu\n",
           (unsigned long long)tally.images_count, (unsigned long long)tally.entries_count,
           (unsigned long long)struck_count);
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_rescues_what_cannot_be_written_whenever_it_crashes),
    };
    return cmocka_run_group_tests_name("log_rescue", tests, NULL, NULL);
}
