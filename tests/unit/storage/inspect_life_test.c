/* A store under a random workload, looked at: while it works, after a power failure at any moment,
 * and when it was closed. Nothing is ever wrong there, and every entry can be read. */
#include "storage/log/inspect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/world.h"

/* An inspection, and what it must not tell. */
struct life_look {
    struct log_inspect inspect;
    bool is_over;
    uint64_t group;         /* of the entry told last */
    uint64_t last_index;    /* of it */
    uint64_t count;         /* entries told */
    uint64_t missing_index; /* an entry did not follow the one before it; 0: none */
    uint64_t faults_count;
    char failure[200];  /* "": none */
    char twice[256];    /* the .log of an entry that is there and counts in the journal; "": none */
    uint64_t twice_pos; /* its place there */
};

static void life_fail(struct life_look *look, const char *what, uint64_t a, uint64_t b)
{
    if (look->failure[0] == '\0') {
        snprintf(look->failure, sizeof(look->failure), "%.150s (%" PRIu64 ", %" PRIu64 ")", what, a,
                 b);
    }
}

static void life_find_twice(struct life_look *look, const struct log_found *found)
{
    const struct log_row *row = &found->row;
    list_for_each (node, &found->entries) {
        const struct log_found_entry *entry =
            CONTAINER_OF(node, const struct log_found_entry, in_group);
        if (entry->where != LOG_FOUND_JOURNAL || entry->segment_index != row->segment_index ||
            entry->rec.pos >= row->written_bytes) {
            continue;
        }
        size_t used = (size_t)snprintf(look->twice, sizeof(look->twice), "/data/p/");
        for (size_t i = 0; i < sizeof(row->topic.bytes); i++) {
            used += (size_t)snprintf(look->twice + used, 3, "%02x", row->topic.bytes[i]);
        }
        snprintf(look->twice + used, sizeof(look->twice) - used, "/%u/%016" PRIx64 "-%08x.log",
                 row->partition, row->segment_index, row->segment_generation);
        look->twice_pos = entry->rec.pos;
    }
}

static void life_group(void *ctx, const struct log_found *found)
{
    struct life_look *look = ctx;
    look->group = found->row.group;
    look->last_index = 0;
    life_find_twice(look, found);
}

/* While a server works, what it moves away in the first look is read in the second. */
static bool life_entry(void *ctx, const struct log_found *found,
                       const struct log_inspect_entry *entry)
{
    struct life_look *look = ctx;
    (void)found;
    if (look->last_index != 0 && entry->rec->index != look->last_index + 1) {
        look->missing_index = entry->rec->index;
    }
    look->last_index = entry->rec->last_index;
    look->count += entry->data != NULL;
    return true;
}

static void life_fault(void *ctx, const struct log_inspect_fault *fault)
{
    struct life_look *look = ctx;
    char what[160];
    snprintf(what, sizeof(what), "%.60s at %" PRIu64 ", entry %" PRIu64 ": %.60s", fault->file,
             fault->pos, fault->index, fault->what);
    life_fail(look, what, fault->group, look->inspect.looks_count);
    look->faults_count++;
}

static const struct log_inspect_visitor life_visitor = {
    .group = life_group, .entry = life_entry, .fault = life_fault};

static void life_done(struct log_inspect *inspect)
{
    struct life_look *look = CONTAINER_OF(inspect, struct life_look, inspect);
    if (look->missing_index != 0 && inspect->looks_count == 1) {
        life_fail(look, "an entry is missing", look->group, look->missing_index);
    }
    look->is_over = true;
}

static void life_begin(struct rt_shard *shard, void *ctx)
{
    struct life_look *look = ctx;
    *look = (struct life_look){.inspect = {.done = life_done,
                                           .ctx = look,
                                           .shard = shard,
                                           .dir = "/data",
                                           .visitor = &life_visitor,
                                           .group = look->inspect.group,
                                           .does_read_bodies = true}};
    log_inspect_start(&look->inspect);
}

static bool life_is_over(void *ctx)
{
    return ((struct life_look *)ctx)->is_over;
}

static void life_start(struct rt_shard *shard)
{
    life_begin(shard, shard->app);
}

static void life_stop(struct rt_shard *shard)
{
    rt_shard_finish(shard);
}

/* Look at `disk` (which is freed) on a machine where nothing else runs. */
static void life_look_at(struct life_look *look, struct sim_disk *disk)
{
    struct sim_options options = sim_options_calm();
    struct sim *sim = sim_new(1, &options);
    struct sim_node *node = sim_node_add(sim);
    struct sim_app app = {life_start, life_stop, look};
    sim_disk_free(sim_node_swap_disk(node, disk));
    *look = (struct life_look){.inspect = {.group = LOG_INSPECT_NONE}};
    sim_node_start(node, 1, &app);
    if (!sim_run_until_true(sim, life_is_over, look, 1000 * RT_NS_PER_S)) {
        life_fail(look, "it does not end", 0, 0);
    }
    sim_free(sim);
}

static bool life_is_worked(void *ctx)
{
    const struct world *world = ctx;
    for (uint32_t i = 0; i < world->options.groups_count; i++) {
        const struct world_group *group = &world->groups[i];
        bool is_deleted =
            group->submitted_count > 0 && !group->ops[group->submitted_count - 1].is_exists;
        if (group->submitted_count < world->options.ops_count && !is_deleted) {
            return world->failure[0] != '\0';
        }
    }
    return true;
}

static bool life_is_open(void *ctx)
{
    const struct world *world = ctx;
    return world->open_count == world->options.shards_count;
}

static struct world *life_new(uint64_t seed)
{
    struct world_options options = world_options(seed);
    options.does_replace = true;
    return world_new(&options);
}

static struct world *life_world(uint64_t seed)
{
    struct world *world = life_new(seed);
    world_start(world, world->options.shards_count);
    return world;
}

static void life_expect(const struct life_look *look, uint64_t seed, const char *when)
{
    if (look->failure[0] != '\0' || look->inspect.err != ERR_OK) {
        fail_msg("seed %" PRIu64 ", %s: %s, %s (%s)", seed, when, look->failure,
                 err_name(look->inspect.err), look->inspect.file);
    }
}

/* --- After a power failure. --- */

struct life_watch {
    struct prng prng;
    struct life_look look;
    uint64_t changes_count;
    uint64_t images_count;
    uint64_t entries_count;
    uint64_t twice_count;
    bool was_made; /* there was a node.meta: there is one from then on */
};

/* What is in a segment already is held against the journal, though that is what counts. */
static void life_damage(struct life_watch *watch, struct sim_disk *disk)
{
    const struct life_look *sound = &watch->look;
    struct life_look look;
    if (sound->failure[0] != '\0' || sound->twice[0] == '\0' ||
        sim_disk_rot(disk, sound->twice, sound->twice_pos, 5) != ERR_OK) {
        sim_disk_free(disk);
        return;
    }
    life_look_at(&look, disk);
    if (look.faults_count == 0) {
        life_fail(&watch->look, "a flip in what is settled next was not seen", look.group,
                  watch->look.twice_pos);
    }
    watch->twice_count++;
}

static void life_watched(void *ctx, struct sim_disk *disk, const struct sim_mutation *m)
{
    struct life_watch *watch = ctx;
    (void)m;
    if (watch->changes_count++ % 5 != 0 || watch->look.failure[0] != '\0') {
        return;
    }
    struct sim_disk *image = sim_disk_crash_image(disk, &watch->prng);
    struct sim_disk *damaged = sim_disk_clone(image, 1);
    life_look_at(&watch->look, image);
    bool is_early = watch->look.inspect.err == ERR_NOT_FOUND && !watch->was_made;
    if (!is_early && watch->look.inspect.err != ERR_OK) {
        life_fail(&watch->look, err_name(watch->look.inspect.err), watch->changes_count, 0);
    }
    watch->was_made |= watch->look.inspect.err == ERR_OK;
    watch->entries_count += watch->look.count;
    watch->images_count++;
    life_damage(watch, damaged);
}

static void inspect_finds_nothing_wrong_after_a_crash(void **state)
{
    (void)state;
    struct share share = share_open("workloads crashed and looked at", 40);
    uint64_t images_count = 0, entries_count = 0, twice_count = 0;
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        struct life_watch watch = {.changes_count = 0};
        struct world *world = life_new(seed);
        prng_init(&watch.prng, seed);
        sim_disk_watch(sim_node_disk(world->node), life_watched, &watch);
        world_start(world, world->options.shards_count);
        (void)sim_run_until_true(world->sim, life_is_worked, world, 3 * RT_NS_PER_S);
        if (watch.look.failure[0] != '\0') {
            fail_msg("seed %" PRIu64 ", change %" PRIu64 ": %s", seed, watch.changes_count,
                     watch.look.failure);
        }
        images_count += watch.images_count;
        entries_count += watch.entries_count;
        twice_count += watch.twice_count;
        world_free(world);
    }
    printf("covered: %" PRIu64 " images, %" PRIu64 " entries, %" PRIu64
           " flips in written blocks\n",
           images_count, entries_count, twice_count);
    share_close(&share);
}

/* --- Beside it. --- */

static void inspect_finds_nothing_wrong_beside_a_store_that_works(void **state)
{
    (void)state;
    struct share share = share_open("workloads looked at meanwhile", 40);
    uint64_t looks_count = 0, again_count = 0;
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        struct world *world = life_world(seed);
        struct life_look look = {.is_over = true};
        assert_true(sim_run_until_true(world->sim, life_is_open, world, 100 * RT_NS_PER_S));
        while (!life_is_worked(world)) {
            look.is_over = false;
            look.inspect.group = LOG_INSPECT_NONE;
            sim_post(sim_node_shard(world->node, 0), life_begin, &look);
            if (!sim_run_until_true(world->sim, life_is_over, &look,
                                    sim_now_ns(world->sim) + 100 * RT_NS_PER_S)) {
                fail_msg("seed %" PRIu64 ": it does not end", seed);
            }
            looks_count++;
            again_count += look.inspect.looks_count > 1;
            life_expect(&look, seed, "beside the store");
        }
        world_free(world);
    }
    printf("covered: %" PRIu64 " inspections, %" PRIu64 " looked again\n", looks_count,
           again_count);
    share_close(&share);
}

/* --- After it was closed. --- */

static void inspect_reads_all_of_a_store_that_was_closed(void **state)
{
    (void)state;
    struct share share = share_open("workloads closed and looked at", 20);
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        struct world *world = life_world(seed);
        uint64_t want_count = 0;
        if (!sim_run_until_true(world->sim, life_is_worked, world, 1000 * RT_NS_PER_S) ||
            !world_end(world)) {
            fail_msg("seed %" PRIu64 ": %s", seed, world->failure);
        }
        for (uint32_t i = 0; i < world->options.groups_count; i++) {
            const struct world_group *group = &world->groups[i];
            const struct world_op *last =
                group->submitted_count > 0 ? &group->ops[group->submitted_count - 1] : NULL;
            if (last != NULL && last->is_exists) {
                want_count += last->end.index + 1 - last->start_index;
            }
        }
        struct life_look look;
        life_look_at(&look, sim_disk_clone(sim_node_disk(world->node), 1));
        life_expect(&look, seed, "closed");
        if (look.count < want_count) { /* entries before the log start may be there still */
            fail_msg("seed %" PRIu64 ": %" PRIu64 " entries, want %" PRIu64, seed, look.count,
                     want_count);
        }
        world_free(world);
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inspect_finds_nothing_wrong_after_a_crash),
        cmocka_unit_test(inspect_finds_nothing_wrong_beside_a_store_that_works),
        cmocka_unit_test(inspect_reads_all_of_a_store_that_was_closed),
    };
    return cmocka_run_group_tests_name("log_inspect_life", tests, NULL, NULL);
}
