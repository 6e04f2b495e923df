/* The rot campaign (LOG §4, §5): a store at rest, one bit of it flipped, opened again. Whatever the
 * bit belongs to, an acknowledged entry is what was appended, or it is refused and named; and since
 * every lane has sealed, nothing is ever "possibly lost". The store was closed in order, or left
 * alone until it sealed and then lost its power. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/rt/clock.h"
#include "storage/log/frame.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/world.h"
#include "tests/unit/storage/world_damage.h"

#define ROT_SECTOR_BYTES 512u

/* The most that precedes the bytes a record carries. */
#define ROT_FIXED_BYTES 48u

/* Of so many places, some tell. */
#define ROT_PLACES_TELLING 1000u

/* A campaign of so many cases has the large store. */
#define ROT_CASES_LARGE 100000u

/* Where a bit is flipped, and what of the store may tell. */
struct rot_place {
    uint32_t file;  /* which */
    uint64_t pos;   /* byte */
    uint32_t bit;   /* of it, if it is not drawn */
    uint32_t bytes; /* from `pos` on, of which one is drawn */
};

/* A store at rest, and places in it. */
struct rot_store {
    struct world *world;
    struct sim_disk *disk;
    char **paths; /* its files */
    uint32_t files_count;
    struct rot_place *places;
    uint64_t places_count;
    uint64_t places_max;
    struct prng prng;
    struct world_tally tally;
};

/* --- Making it --- */

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

static bool rot_is_answered(void *ctx)
{
    const struct world *world = ctx;
    for (uint32_t i = 0; i < world->options.groups_count; i++) {
        for (uint32_t n = 0; n < world->groups[i].submitted_count; n++) {
            if (!world->groups[i].ops[n].is_done) {
                return false;
            }
        }
    }
    return true;
}

/* Everything is answered, and every lane has sealed: the power may go. */
static bool rot_rest(struct world *world)
{
    world->is_stopping = true;
    if (!sim_run_until_true(world->sim, rot_is_answered, world,
                            sim_now_ns(world->sim) + 1000 * RT_NS_PER_S)) {
        return false;
    }
    sim_run_for(world->sim, RT_NS_PER_S);
    for (uint32_t i = 0; i < world->options.groups_count; i++) {
        world->groups[i].done_count = world->groups[i].submitted_count;
    }
    sim_node_crash(world->node, SIM_CRASH_LOSE);
    return world->failure[0] == '\0';
}

static void rot_visit(void *ctx, const char *path)
{
    struct rot_store *store = ctx;
    size_t length = strlen(path);
    if (length > 0 && path[length - 1] != '/') {
        store->paths = realloc(store->paths, (store->files_count + 1) * sizeof(store->paths[0]));
        assert_non_null(store->paths);
        store->paths[store->files_count++] = strdup(path);
    }
}

static void rot_open(struct rot_store *store, uint64_t seed, bool is_large, bool is_small,
                     bool is_closed)
{
    struct world_options options = world_options(seed);
    options.groups_count = WORLD_GROUPS;
    options.ops_count = is_large ? 900 : is_small ? 40 : WORLD_OPS;
    options.payload_max = is_large ? 36000 : 800;
    options.shards_count = is_large ? options.shards_count : 2;
    options.payload_large = 60000;
    options.segment_bytes = is_large ? 1 << 20 : 0;
    options.does_keep = is_large;
    options.sim.host.memory_bytes = is_large ? 1 << 30 : options.sim.host.memory_bytes;
    *store = (struct rot_store){.world = world_new(&options)};
    prng_init(&store->prng, seed);
    world_start(store->world, options.shards_count);
    if (!sim_run_until_true(store->world->sim, rot_is_full, store->world, 1000 * RT_NS_PER_S) ||
        !(is_closed ? world_end(store->world) : rot_rest(store->world))) {
        fail_msg("seed %llu: %s", (unsigned long long)seed, store->world->failure);
    }
    store->disk = sim_node_disk(store->world->node);
    sim_disk_walk(store->disk, rot_visit, store);
}

static void rot_close(struct rot_store *store)
{
    for (uint32_t i = 0; i < store->files_count; i++) {
        free(store->paths[i]);
    }
    free(store->paths);
    free(store->places);
    world_free(store->world);
}

/* --- Places --- */

static void rot_add(struct rot_store *store, uint32_t file, uint64_t pos, uint32_t bytes,
                    uint32_t bit)
{
    if (store->places_count == store->places_max) {
        store->places_max = store->places_max * 2 + 1024;
        store->places = realloc(store->places, store->places_max * sizeof(store->places[0]));
        assert_non_null(store->places);
    }
    store->places[store->places_count++] =
        (struct rot_place){.file = file, .pos = pos, .bytes = bytes, .bit = bit};
}

/* In any order, so that a share sees some of everything. */
static void rot_shuffle(struct rot_store *store)
{
    for (uint64_t i = store->places_count; i > 1; i--) {
        uint64_t other = prng_below(&store->prng, i);
        struct rot_place place = store->places[i - 1];
        store->places[i - 1] = store->places[other];
        store->places[other] = place;
    }
}

/* One in every sector that holds something. */
static void rot_add_sectors(struct rot_store *store)
{
    for (uint32_t i = 0; i < store->files_count; i++) {
        uint64_t size = sim_disk_size(store->disk, store->paths[i]);
        for (uint64_t pos = 0; pos < size; pos += ROT_SECTOR_BYTES) {
            uint64_t left = size - pos;
            rot_add(store, i, pos, left < ROT_SECTOR_BYTES ? (uint32_t)left : ROT_SECTOR_BYTES,
                    UINT32_MAX);
        }
    }
    rot_shuffle(store);
}

/* Every bit of these bytes. */
static void rot_add_bits(struct rot_store *store, uint32_t file, uint64_t pos, uint64_t bytes)
{
    for (uint64_t at = pos; at < pos + bytes; at++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            rot_add(store, file, at, 1, bit);
        }
    }
}

/* The frames of a journal file: header, directories, the head and fixed part of each record. */
static void rot_add_frames(struct rot_store *store, uint32_t file, const uint8_t *data,
                           uint64_t size)
{
    const struct crc32c *kernels = store->world->kernels;
    rot_add_bits(store, file, 0, 84);
    for (uint64_t pos = LIMIT_BLOCK_BYTES; pos < size;) {
        struct log_frame frame;
        if (log_frame_decode(data + pos, size - pos, kernels, &frame) != ERR_OK ||
            frame.frame_bytes > size - pos) {
            pos += LIMIT_BLOCK_BYTES;
            continue;
        }
        rot_add_bits(store, file, pos, log_frame_records_pos(&frame));
        uint64_t at = pos + log_frame_records_pos(&frame);
        for (uint32_t i = 0; i < frame.records_count; i++) {
            struct bytes_reader r = bytes_reader((void *)(uintptr_t)(data + at + 4), 4);
            uint32_t body_bytes = bytes_get_u32le(&r);
            uint64_t fixed = body_bytes < ROT_FIXED_BYTES ? body_bytes : ROT_FIXED_BYTES;
            rot_add_bits(store, file, at, LOG_RECORD_HEAD_BYTES + fixed);
            at += (LOG_RECORD_HEAD_BYTES + body_bytes + 7) & ~(uint64_t)7;
        }
        pos += frame.frame_bytes;
    }
}

/* A .snap is small and all header; of a .idx the records that there are. */
static void rot_add_records(struct rot_store *store, uint32_t file, const uint8_t *data,
                            uint64_t size)
{
    static const uint8_t zeros[LOG_SIDECAR_BYTES] = {0};
    for (uint64_t pos = 0; pos + LOG_SIDECAR_BYTES <= size; pos += LOG_SIDECAR_BYTES) {
        if (memcmp(data + pos, zeros, sizeof(zeros)) != 0) {
            rot_add_bits(store, file, pos, LOG_SIDECAR_BYTES);
        }
    }
}

/* Every bit of every header. */
static void rot_add_headers(struct rot_store *store)
{
    for (uint32_t i = 0; i < store->files_count; i++) {
        const char *path = store->paths[i];
        uint64_t size = sim_disk_size(store->disk, path);
        uint8_t *data = malloc(size + 1);
        assert_non_null(data);
        if (sim_disk_peek(store->disk, path, 0, data, size) != (int64_t)size || size == 0) {
            free(data);
            continue;
        }
        if (strstr(path, "/node.meta") != NULL) {
            rot_add_bits(store, i, 0, 68);
            rot_add_bits(store, i, LIMIT_BLOCK_BYTES, 68);
        } else if (strstr(path, "/groups.tab") != NULL) {
            rot_add_bits(store, i, 0, 60);
            rot_add_bits(store, i, LIMIT_BLOCK_BYTES,
                         (uint64_t)store->world->options.groups_count * LOG_TABLE_ROW_BYTES);
        } else if (strstr(path, "/journal/") != NULL) {
            rot_add_frames(store, i, data, size);
        } else if (strstr(path, ".idx") != NULL || strstr(path, ".snap") != NULL) {
            rot_add_records(store, i, data, size);
        }
        free(data);
    }
    rot_shuffle(store);
}

/* --- Looking --- */

/* The group and the entries that a file of a segment has: all of a .idx, of a .log those near
 * `pos`. */
static void rot_aim(const struct rot_store *store, const char *path, uint64_t pos,
                    struct world_look *look)
{
    const char *topic = strstr(path, "/p/");
    if (topic == NULL) {
        look->is_tail = true;
        return;
    }
    const char *name = strrchr(path, '/') + 1;
    char digits[3] = {topic[3], topic[4], '\0'};
    look->group = strtoull(digits, NULL, 16);
    look->first_index = strtoull(name, NULL, 16);
    look->last_index = look->first_index + 1000;
    if (strstr(path, ".log") == NULL) {
        return;
    }
    const struct world_group *group = &store->world->groups[look->group - 1];
    uint64_t end = 0;
    uint64_t index = look->first_index;
    for (; end <= pos; index++) {
        const struct world_op *found = NULL;
        for (uint32_t i = group->submitted_count; i > 0 && found == NULL; i--) {
            const struct world_op *op = &group->ops[i - 1];
            bool is_it = op->kind == WORLD_APPEND && !op->is_void && op->index == index;
            found = is_it ? op : NULL;
        }
        if (found == NULL) {
            break;
        }
        end += LOG_BATCH_HEADER_BYTES + found->payload_bytes;
    }
    look->last_index = index;
    look->first_index = index > look->first_index + 2 ? index - 2 : look->first_index;
}

/* Flip and look. Returns whether it was seen; a hole has nothing to flip. */
static bool rot_flip(struct rot_store *store, const struct rot_place *place, uint64_t seed)
{
    struct world_damage damage = {0};
    struct world_look look = {.damage = &damage, .is_sealed = true};
    const char *path = store->paths[place->file];
    uint64_t pos = place->pos + prng_below(&store->prng, place->bytes);
    uint32_t bit = place->bit < 8 ? place->bit : (uint32_t)prng_below(&store->prng, 8);
    struct sim_disk *image = sim_disk_clone(store->disk, 1);
    if (sim_disk_rot(image, path, pos, bit) != ERR_OK) {
        sim_disk_free(image);
        return false;
    }
    rot_aim(store, path, pos, &look);
    uint32_t shards_count = 1 + (uint32_t)prng_below(&store->prng, WORLD_SHARDS);
    if (!world_check_damaged(store->world, image, shards_count, prng_u64(&store->prng), &look,
                             &store->tally)) {
        fail_msg("seed %" PRIu64 ", %s at %" PRIu64 ", bit %u: %s", seed, path, pos, bit,
                 store->world->failure);
    }
    return look.was_seen;
}

/* What is flipped of which store. */
struct rot_case {
    const char *name;                     /* of the share */
    unsigned percent;                     /* of the suite's */
    bool is_closed;                       /* in order; else it sealed and lost its power */
    bool is_headers;                      /* bits of headers, of a small store; else sectors */
    void (*add)(struct rot_store *store); /* the places */
};

/* A campaign of many cases sees all places, of sectors those of the large store. */
static void rot_run(const struct rot_case *rc)
{
    struct share share = share_open(rc->name, rc->percent);
    struct rot_store store;
    uint64_t seed = share.seed + rc->is_closed;
    bool is_large = share.cases_max >= ROT_CASES_LARGE && !rc->is_headers;
    rot_open(&store, seed, is_large, rc->is_headers, rc->is_closed);
    rc->add(&store);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < store.files_count; i++) {
        bytes += sim_disk_size(store.disk, store.paths[i]);
    }
    uint64_t count = 0;
    while (count < store.places_count && share_more(&share)) {
        (void)rot_flip(&store, &store.places[count++], seed);
    }
    const struct world_tally *tally = &store.tally;
    assert_true(tally->seen_count > 0 || count < ROT_PLACES_TELLING);
    assert_int_equal(tally->rows[LOG_RECOVER_G7], 0); /* sealed: nothing passes for torn */
    assert_int_equal(tally->lost_count, 0);
    printf("covered: %s: %" PRIu64 " of %" PRIu64 " places in %" PRIu64 " KiB, %" PRIu64
           " flips, %" PRIu64 " named or refused, none possibly lost, %" PRIu64
           " entries read, %" PRIu64 " refused\n",
           rc->name, count, store.places_count, bytes >> 10, tally->damaged_count,
           tally->seen_count, tally->entries_count, tally->refused_count);
    rot_close(&store);
    share_close(&share);
}

static void log_detects_a_flip_in_every_sector(void **state)
{
    (void)state;
    rot_run(&(struct rot_case){"sectors, closed", 64, true, false, rot_add_sectors});
}

static void log_detects_a_flip_in_every_sector_once_it_has_sealed(void **state)
{
    (void)state;
    rot_run(&(struct rot_case){"sectors, sealed", 16, false, false, rot_add_sectors});
}

static void log_detects_a_flip_of_every_bit_of_every_header(void **state)
{
    (void)state;
    rot_run(&(struct rot_case){"bits of headers, closed", 10, true, true, rot_add_headers});
    rot_run(&(struct rot_case){"bits of headers, sealed", 10, false, true, rot_add_headers});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_detects_a_flip_in_every_sector),
        cmocka_unit_test(log_detects_a_flip_in_every_sector_once_it_has_sealed),
        cmocka_unit_test(log_detects_a_flip_of_every_bit_of_every_header),
    };
    return cmocka_run_group_tests_name("log_rot", tests, NULL, NULL);
}
