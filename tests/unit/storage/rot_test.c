/* The rot campaign (LOG §4, §5): a store that was closed in order, one bit of one sector flipped,
 * opened again. Whatever the sector holds, an acknowledged entry is what was appended or is refused
 * and named; after a seal nothing is "possibly lost". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rt/clock.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/world.h"

#define ROT_SECTOR_BYTES 512u
#define ROT_PATHS_MAX    4096u

/* The files of a store. */
struct rot_files {
    char *paths[ROT_PATHS_MAX];
    uint32_t count;
};

static void rot_visit(void *ctx, const char *path)
{
    struct rot_files *files = ctx;
    size_t length = strlen(path);
    if (length > 0 && path[length - 1] != '/') {
        assert_true(files->count < ROT_PATHS_MAX);
        files->paths[files->count++] = strdup(path);
    }
}

static bool rot_is_full(void *ctx)
{
    const struct world *world = ctx;
    bool is_full = true;
    for (uint32_t i = 0; i < world->options.groups_count; i++) {
        const struct world_group *group = &world->groups[i];
        const struct world_op *last =
            group->submitted_count > 0 ? &group->ops[group->submitted_count - 1] : NULL;
        is_full &= group->submitted_count == world->options.ops_count ||
                   (last != NULL && !last->is_exists);
    }
    return is_full || world->failure[0] != '\0';
}

/* A store made by `seed`, closed in order. */
static struct world *rot_world(uint64_t seed)
{
    struct world_options options = world_options(seed);
    options.groups_count = WORLD_GROUPS;
    options.ops_count = WORLD_OPS;
    options.payload_max = 4000;
    struct world *world = world_new(&options);
    world_start(world, options.shards_count);
    if (!sim_run_until_true(world->sim, rot_is_full, world, 1000 * RT_NS_PER_S) ||
        !world_end(world)) {
        fail_msg("seed %llu: %s", (unsigned long long)seed, world->failure);
    }
    return world;
}

static void log_detects_a_flip_in_every_sector(void **state)
{
    (void)state;
    struct share share = share_open("sectors with a flipped bit", 100);
    struct prng prng;
    prng_init(&prng, share.seed);
    struct world *world = rot_world(share.seed);
    struct sim_disk *disk = sim_node_disk(world->node);
    struct rot_files files = {.count = 0};
    struct world_tally tally = {0};
    uint64_t seen_count = 0;
    sim_disk_walk(disk, rot_visit, &files);
    bool is_over = false;
    for (uint32_t i = 0; i < files.count && !is_over; i++) {
        uint64_t size = sim_disk_size(disk, files.paths[i]);
        for (uint64_t pos = 0; pos < size && !is_over; pos += ROT_SECTOR_BYTES) {
            uint64_t at = pos + prng_below(&prng, ROT_SECTOR_BYTES);
            struct sim_disk *image = sim_disk_clone(disk, 1);
            if (sim_disk_rot(image, files.paths[i], at < size ? at : pos,
                             (uint32_t)prng_below(&prng, 8)) != ERR_OK) {
                sim_disk_free(image); /* a hole */
                continue;
            }
            is_over = !share_more(&share);
            bool was_seen = false;
            if (!world_check_rot(world, image, prng_u64(&prng), &was_seen, &tally)) {
                fail_msg("seed %llu, %s at %llu: %s", (unsigned long long)share.seed,
                         files.paths[i], (unsigned long long)at, world->failure);
            }
            seen_count += was_seen;
        }
    }
    assert_true(seen_count > 0);
    assert_int_equal(tally.rows[LOG_RECOVER_F6], 0); /* sealed: nothing can pass for torn */
    printf("covered: flips %llu, seen %llu, entries read %llu\n",
           (unsigned long long)tally.images_count, (unsigned long long)seen_count,
           (unsigned long long)tally.entries_count);
    for (uint32_t i = 0; i < files.count; i++) {
        free(files.paths[i]);
    }
    world_free(world);
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_detects_a_flip_in_every_sector),
    };
    return cmocka_run_group_tests_name("log_rot", tests, NULL, NULL);
}
