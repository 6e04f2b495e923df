/* The idempotent producers of a partition: what KIP-98 and KIP-360 say, step by step; memory that
 * runs out; snapshots byte by byte; and everything at random against a naive twin. */
#include "broker/core/producers.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/producers_model.h"
#include "tests/support/cmocka.h"
#include "tests/support/model.h"

struct producers_world {
    struct budget budget;
    struct core_producers_shared shared;
    struct core_producers p;
    uint64_t index;       /* of the last entry */
    uint64_t next_offset; /* the partition's end */
};

static void producers_open(struct producers_world *world, uint32_t producers_max,
                           size_t budget_bytes, uint32_t entries_max, uint32_t slots_max)
{
    *world = (struct producers_world){.index = 0};
    budget_init(&world->budget, "producers", budget_bytes, NULL);
    core_producers_shared_init(&world->shared, &world->budget, entries_max, slots_max, 7);
    core_producers_init(&world->p, &world->shared, producers_max);
}

static void producers_close(struct producers_world *world)
{
    core_producers_reset(&world->p);
    core_producers_shared_deinit(&world->shared);
    assert_int_equal(world->budget.used_bytes, 0);
    budget_deinit(&world->budget);
}

/* Indexes are 10, 20, ...; timestamps the index and 1000. */
static struct core_producers_batch producers_batch(const struct producers_world *world, int64_t id,
                                                   int16_t epoch, int32_t sequence, int32_t count)
{
    return (struct core_producers_batch){
        .producer_id = id,
        .epoch = epoch,
        .base_sequence = sequence,
        .last_offset_delta = count - 1,
        .base_offset = world->next_offset,
        .timestamp = (int64_t)world->index + 1010,
    };
}

static enum core_producers_verdict producers_produce(struct producers_world *world,
                                                     const struct core_producers_batch *batch,
                                                     struct core_producers_found *found)
{
    enum core_producers_verdict verdict =
        core_producers_check(&world->p, batch, world->next_offset, found);
    if (verdict == CORE_PRODUCERS_APPEND) {
        struct core_producers_slot *slot = NULL;
        assert_int_equal(core_producers_reserve(&world->p, batch->producer_id, &slot), ERR_OK);
        world->index += 10;
        core_producers_propose(&world->p, slot, batch, world->index);
        world->next_offset += (uint64_t)batch->last_offset_delta + 1;
    }
    return verdict;
}

/* A line of a story. Producing: a verdict, and what a check says besides. */
struct producers_step {
    enum { STEP_END, STEP_PRODUCE, STEP_COMMIT, STEP_DROP, STEP_OTHER } kind;
    int64_t id;
    int16_t epoch;
    int32_t sequence;
    int32_t count;
    enum core_producers_verdict verdict;
    int64_t told; /* APPEND: its offset; DUPLICATE, IN_FLIGHT: the original's; OUT_OF_ORDER: the
                     wanted sequence; OLD_EPOCH: the present epoch */
};

#define APPENDED(id, epoch, sequence, count, offset)                                               \
    {                                                                                              \
        STEP_PRODUCE, id, epoch, sequence, count, CORE_PRODUCERS_APPEND, offset                    \
    }
#define DUPLICATE(id, epoch, sequence, count, offset)                                              \
    {                                                                                              \
        STEP_PRODUCE, id, epoch, sequence, count, CORE_PRODUCERS_DUPLICATE, offset                 \
    }
#define IN_FLIGHT(id, epoch, sequence, count, offset)                                              \
    {                                                                                              \
        STEP_PRODUCE, id, epoch, sequence, count, CORE_PRODUCERS_IN_FLIGHT, offset                 \
    }
#define OUT_OF_ORDER(id, epoch, sequence, count, wanted)                                           \
    {                                                                                              \
        STEP_PRODUCE, id, epoch, sequence, count, CORE_PRODUCERS_OUT_OF_ORDER, wanted              \
    }
#define OLD_EPOCH(id, epoch, sequence, count, present)                                             \
    {                                                                                              \
        STEP_PRODUCE, id, epoch, sequence, count, CORE_PRODUCERS_OLD_EPOCH, present                \
    }
#define COMMITTED                                                                                  \
    {                                                                                              \
        .kind = STEP_COMMIT                                                                        \
    } /* everything proposed */
#define DROPPED                                                                                    \
    {                                                                                              \
        .kind = STEP_DROP                                                                          \
    } /* everything not committed */
#define OTHERS(count_)                                                                             \
    {                                                                                              \
        .kind = STEP_OTHER, .count = count_                                                        \
    } /* records without a producer */

static const struct producers_story {
    const char *name;
    struct producers_step steps[24];
} producers_stories[] = {
    {"KIP-98: sequences begin at 0 and follow each other",
     {APPENDED(1, 0, 0, 3, 0), APPENDED(1, 0, 3, 1, 3), APPENDED(1, 0, 4, 2, 4)}},
    {"KIP-98: a batch that was appended before gets its offset again",
     {APPENDED(1, 0, 0, 3, 0), APPENDED(1, 0, 3, 1, 3), COMMITTED, DUPLICATE(1, 0, 0, 3, 0),
      DUPLICATE(1, 0, 3, 1, 3), APPENDED(1, 0, 4, 1, 4)}},
    {"a batch that is under way is waited for",
     {APPENDED(1, 0, 0, 3, 0), IN_FLIGHT(1, 0, 0, 3, 0), APPENDED(1, 0, 3, 1, 3),
      IN_FLIGHT(1, 0, 0, 3, 0), COMMITTED, APPENDED(1, 0, 4, 1, 4), DUPLICATE(1, 0, 0, 3, 0),
      IN_FLIGHT(1, 0, 4, 1, 4)}},
    {"KIP-98: a gap is out of order",
     {APPENDED(1, 0, 0, 3, 0), OUT_OF_ORDER(1, 0, 4, 1, 3), COMMITTED, OUT_OF_ORDER(1, 0, 4, 1, 3),
      OUT_OF_ORDER(1, 0, 2, 1, 3), APPENDED(1, 0, 3, 1, 3)}},
    {"another length is no duplicate",
     {APPENDED(1, 0, 0, 3, 0), OUT_OF_ORDER(1, 0, 0, 2, 3), COMMITTED, OUT_OF_ORDER(1, 0, 0, 4, 3),
      OUT_OF_ORDER(1, 0, 1, 2, 3)}},
    {"the last five batches are known, not the sixth",
     {APPENDED(1, 0, 0, 1, 0), APPENDED(1, 0, 1, 1, 1), APPENDED(1, 0, 2, 1, 2),
      APPENDED(1, 0, 3, 1, 3), APPENDED(1, 0, 4, 1, 4), IN_FLIGHT(1, 0, 0, 1, 0), COMMITTED,
      DUPLICATE(1, 0, 0, 1, 0), APPENDED(1, 0, 5, 1, 5), OUT_OF_ORDER(1, 0, 0, 1, 6),
      DUPLICATE(1, 0, 1, 1, 1), COMMITTED, OUT_OF_ORDER(1, 0, 0, 1, 6), DUPLICATE(1, 0, 1, 1, 1),
      DUPLICATE(1, 0, 5, 1, 5)}},
    {"more than five under way, of which the last five count",
     {APPENDED(1, 0, 0, 1, 0), APPENDED(1, 0, 1, 1, 1), APPENDED(1, 0, 2, 1, 2),
      APPENDED(1, 0, 3, 1, 3), APPENDED(1, 0, 4, 1, 4), APPENDED(1, 0, 5, 1, 5),
      OUT_OF_ORDER(1, 0, 0, 1, 6), IN_FLIGHT(1, 0, 1, 1, 1), COMMITTED, DUPLICATE(1, 0, 1, 1, 1)}},
    {"sequences go round behind 2^31-1",
     {OTHERS(1), APPENDED(1, 0, INT32_MAX - 1, 2, 1), APPENDED(1, 0, 0, 1, 3),
      APPENDED(1, 0, 1, INT32_MAX, 4), APPENDED(1, 0, 0, 2, 0x80000003), COMMITTED,
      DUPLICATE(1, 0, INT32_MAX - 1, 2, 1)}},
    {"a batch goes round inside",
     {OTHERS(1), APPENDED(1, 0, INT32_MAX - 1, 5, 1), OUT_OF_ORDER(1, 0, INT32_MAX - 1, 4, 3),
      APPENDED(1, 0, 3, 1, 6), COMMITTED, DUPLICATE(1, 0, INT32_MAX - 1, 5, 1)}},
    {"KIP-98: an older epoch is fenced, duplicates of it too",
     {APPENDED(1, 4, 0, 1, 0), COMMITTED, APPENDED(1, 5, 0, 1, 1), OLD_EPOCH(1, 4, 0, 1, 5),
      OLD_EPOCH(1, 4, 1, 1, 5), COMMITTED, OLD_EPOCH(1, 4, 0, 1, 5), OLD_EPOCH(1, 0, 0, 1, 5)}},
    {"KIP-360: a newer epoch begins at 0",
     {APPENDED(1, 0, 0, 7, 0), OUT_OF_ORDER(1, 1, 7, 1, 0), OUT_OF_ORDER(1, 1, 1, 1, 0),
      APPENDED(1, 1, 0, 1, 7), APPENDED(1, 1, 1, 1, 8), APPENDED(1, 32767, 0, 1, 9)}},
    {"a newer epoch forgets the batches before it",
     {APPENDED(1, 0, 0, 1, 0), APPENDED(1, 1, 0, 1, 1), IN_FLIGHT(1, 1, 0, 1, 1), COMMITTED,
      DUPLICATE(1, 1, 0, 1, 1)}},
    {"KIP-360: a producer that is not known may begin anywhere",
     {OTHERS(5), APPENDED(1, 3, 1000, 2, 5), APPENDED(1, 3, 1002, 1, 7), COMMITTED,
      DUPLICATE(1, 3, 1000, 2, 5), OUT_OF_ORDER(1, 3, 0, 1, 1003)}},
    {"KAFKA-15591: not in a partition that never held a record",
     {OUT_OF_ORDER(1, 0, 17, 5, 0), APPENDED(1, 0, 0, 17, 0), APPENDED(1, 0, 17, 5, 17),
      APPENDED(2, 0, 9, 1, 22)}},
    {"what is dropped was never there",
     {APPENDED(1, 0, 0, 1, 0), COMMITTED, APPENDED(1, 0, 1, 1, 1), APPENDED(1, 1, 0, 1, 2), DROPPED,
      OUT_OF_ORDER(1, 0, 2, 1, 1), APPENDED(1, 0, 1, 1, 3), COMMITTED, DUPLICATE(1, 0, 1, 1, 3),
      DUPLICATE(1, 0, 0, 1, 0)}},
    {"a producer known from dropped batches alone is not known",
     {OTHERS(1), APPENDED(1, 5, 0, 1, 1), DROPPED, APPENDED(1, 2, 9, 1, 2)}},
    {"producers do not touch each other",
     {APPENDED(1, 0, 0, 1, 0), APPENDED(2, 9, 0, 2, 1), COMMITTED, DUPLICATE(1, 0, 0, 1, 0),
      DUPLICATE(2, 9, 0, 2, 1), APPENDED(2, 9, 2, 1, 3), APPENDED(1, 0, 1, 1, 4)}},
    {"the producer whose last batch is the oldest expires",
     {APPENDED(1, 1, 0, 1, 0), APPENDED(2, 1, 0, 1, 1), APPENDED(3, 1, 0, 1, 2), COMMITTED,
      APPENDED(1, 1, 1, 1, 3), COMMITTED, APPENDED(4, 1, 0, 1, 4), DUPLICATE(2, 1, 0, 1, 1),
      COMMITTED, APPENDED(2, 0, 77, 1, 5), DUPLICATE(1, 1, 0, 1, 0), DUPLICATE(3, 1, 0, 1, 2)}},
    {"a producer that expires keeps what is under way",
     {APPENDED(1, 1, 0, 1, 0), COMMITTED, APPENDED(2, 1, 0, 1, 1), APPENDED(3, 1, 0, 1, 2),
      APPENDED(4, 1, 0, 1, 3), APPENDED(1, 1, 1, 1, 4), APPENDED(1, 1, 2, 1, 5),
      DUPLICATE(1, 1, 0, 1, 0), COMMITTED, OUT_OF_ORDER(1, 1, 0, 1, 3), DUPLICATE(1, 1, 1, 1, 4),
      APPENDED(1, 1, 3, 1, 6)}},
};

static int64_t producers_told(const struct producers_world *world,
                              const struct core_producers_found *found,
                              enum core_producers_verdict verdict, uint64_t next_offset)
{
    (void)world;
    switch (verdict) {
    case CORE_PRODUCERS_APPEND: return (int64_t)next_offset;
    case CORE_PRODUCERS_OUT_OF_ORDER: return found->wanted_sequence;
    case CORE_PRODUCERS_OLD_EPOCH: return found->epoch;
    case CORE_PRODUCERS_DUPLICATE:
    case CORE_PRODUCERS_IN_FLIGHT:
    case CORE_PRODUCERS_VERDICT_COUNT: break;
    }
    return (int64_t)found->base_offset;
}

static void core_producers_are_told_apart_as_the_kips_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(producers_stories); i++) {
        struct producers_world world;
        producers_open(&world, 3, 1u << 20, 100, 100);
        const struct producers_step *step = producers_stories[i].steps;
        for (size_t line = 0; step[line].kind != STEP_END; line++) {
            struct core_producers_found found = {.index = 0};
            struct core_producers_batch batch = producers_batch(
                &world, step[line].id, step[line].epoch, step[line].sequence, step[line].count);
            uint64_t next_offset = world.next_offset;
            enum core_producers_verdict verdict = step[line].verdict;
            int64_t told = step[line].told;
            if (step[line].kind == STEP_COMMIT) {
                core_producers_commit(&world.p, world.index);
            } else if (step[line].kind == STEP_DROP) {
                core_producers_drop(&world.p, 0);
            } else if (step[line].kind == STEP_OTHER) {
                world.next_offset += (uint64_t)step[line].count;
            } else {
                verdict = producers_produce(&world, &batch, &found);
                told = producers_told(&world, &found, verdict, next_offset);
            }
            if (verdict != step[line].verdict || told != step[line].told) {
                fail_msg("%s, line %zu: verdict %d, told %lld", producers_stories[i].name, line + 1,
                         (int)verdict, (long long)told);
            }
        }
        producers_close(&world);
    }
}

static void core_producers_duplicates_are_told_time_and_index(void **state)
{
    (void)state;
    struct producers_world world;
    struct core_producers_found found;
    producers_open(&world, 3, 1u << 20, 100, 100);
    struct core_producers_batch first = producers_batch(&world, 8, 2, 0, 4);
    producers_produce(&world, &first, &found);
    assert_int_equal(found.epoch, -1);
    struct core_producers_batch second = producers_batch(&world, 8, 2, 4, 1);
    producers_produce(&world, &second, &found);
    assert_int_equal(producers_produce(&world, &second, &found), CORE_PRODUCERS_IN_FLIGHT);
    assert_int_equal(found.index, 20);
    assert_int_equal(found.base_offset, 4);
    assert_int_equal(found.timestamp, 1020);
    assert_int_equal(found.epoch, 2);
    core_producers_commit(&world.p, 15);
    assert_int_equal(producers_produce(&world, &first, &found), CORE_PRODUCERS_DUPLICATE);
    assert_int_equal(found.index, 0);
    assert_int_equal(found.base_offset, 0);
    assert_int_equal(found.timestamp, 1010);
    assert_int_equal(world.p.applied_index, 15);
    producers_close(&world);
}

static void core_producers_a_cut_drops_from_its_index_on(void **state)
{
    (void)state;
    struct producers_world world;
    struct core_producers_found found;
    producers_open(&world, 3, 1u << 20, 100, 100);
    for (int32_t i = 0; i < 4; i++) {
        struct core_producers_batch batch = producers_batch(&world, 1, 0, i, 1);
        producers_produce(&world, &batch, &found);
    }
    core_producers_drop(&world.p, 41); /* behind the last */
    assert_int_equal(world.p.overlay_count, 4);
    core_producers_drop(&world.p, 30);
    assert_int_equal(world.p.overlay_count, 2);
    struct core_producers_batch third = producers_batch(&world, 1, 0, 2, 1);
    assert_int_equal(core_producers_check(&world.p, &third, 4, &found), CORE_PRODUCERS_APPEND);
    core_producers_drop(&world.p, 0);
    assert_int_equal(world.p.by_id.count, 0);
    producers_close(&world);
}

static void core_producers_replicas_take_what_the_leader_checked(void **state)
{
    (void)state;
    struct producers_world world;
    producers_open(&world, 3, 1u << 20, 100, 100);
    static const struct {
        int16_t epoch;
        int32_t sequence;
    } rows[] = {{3, 900}, {3, 7}, {1, 5}, {9, 12}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct core_producers_found found;
        struct core_producers_batch batch =
            producers_batch(&world, 1, rows[i].epoch, rows[i].sequence, 2);
        assert_int_equal(core_producers_apply(&world.p, &batch, 10 * i + 10), ERR_OK);
        assert_int_equal(core_producers_check(&world.p, &batch, 9, &found),
                         CORE_PRODUCERS_DUPLICATE);
        assert_int_equal(found.epoch, rows[i].epoch);
        assert_int_equal(found.wanted_sequence, rows[i].sequence + 2);
    }
    producers_close(&world);
}

static void core_producers_a_partition_without_any_holds_nothing(void **state)
{
    (void)state;
    struct producers_world world;
    struct core_producers_found found;
    producers_open(&world, CORE_PRODUCERS_MAX_DEFAULT, 1u << 20, 100, 100);
    struct core_producers_batch batch = producers_batch(&world, 1, 0, 0, 1);
    assert_int_equal(core_producers_check(&world.p, &batch, 0, &found), CORE_PRODUCERS_APPEND);
    core_producers_commit(&world.p, 1000);
    core_producers_drop(&world.p, 0);
    assert_int_equal(world.budget.allocs_count, 0);
    assert_int_equal(core_producers_bytes(&world.p), 16);
    producers_close(&world);
}

static void core_producers_memory_that_is_refused_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t budget_bytes;
        uint32_t entries_max, slots_max;
        enum err err;
    } rows[] = {
        {"no bytes", 0, 10, 10, ERR_BUDGET},
        {"no third producer", 1u << 20, 2, 10, ERR_FULL},
        {"no third batch", 1u << 20, 10, 2, ERR_FULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct producers_world world;
        struct core_producers_slot *slots[3] = {NULL};
        producers_open(&world, 3, rows[i].budget_bytes, rows[i].entries_max, rows[i].slots_max);
        enum err err = ERR_OK;
        for (int64_t id = 0; id < 3; id++) {
            err = core_producers_reserve(&world.p, id, &slots[id]);
        }
        assert_int_equal(err, rows[i].err);
        assert_null(slots[2]);
        for (size_t id = 0; id < 3; id++) {
            if (slots[id] != NULL) {
                core_producers_cancel(&world.p, slots[id]);
            }
        }
        assert_int_equal(world.p.by_id.count, 0);
        producers_close(&world);
    }
}

static void core_producers_a_full_fold_takes_others_in_the_same_memory(void **state)
{
    (void)state;
    struct producers_world world;
    producers_open(&world, 3, 1u << 20, 3, 10);
    uint64_t allocs_count = 0;
    for (int64_t id = 0; id < 100; id++) {
        struct core_producers_batch batch = producers_batch(&world, id, 0, 0, 1);
        assert_int_equal(core_producers_apply(&world.p, &batch, (uint64_t)id + 1), ERR_OK);
        allocs_count = id == 2 ? world.budget.allocs_count : allocs_count;
    }
    assert_int_equal(world.budget.allocs_count, allocs_count);
    assert_int_equal(world.p.folded_count, 3);
    producers_close(&world);
}

static void core_producers_are_found_among_many(void **state)
{
    (void)state;
    struct producers_world world;
    producers_open(&world, CORE_PRODUCERS_MAX_DEFAULT, 16u << 20, 20000, 10);
    for (int64_t id = 0; id < 12000; id++) {
        struct core_producers_batch batch = producers_batch(&world, id * 1000, 0, 5, 1);
        assert_int_equal(core_producers_apply(&world.p, &batch, (uint64_t)id + 1), ERR_OK);
    }
    assert_int_equal(world.p.folded_count, CORE_PRODUCERS_MAX_DEFAULT);
    for (int64_t id = 0; id < 12000; id++) {
        struct core_producers_found found;
        struct core_producers_batch batch = producers_batch(&world, id * 1000, 0, 5, 1);
        assert_int_equal(core_producers_check(&world.p, &batch, 1, &found),
                         id < 2000 ? CORE_PRODUCERS_APPEND : CORE_PRODUCERS_DUPLICATE);
    }
    print_message("%d producers: %zu bytes each\n", CORE_PRODUCERS_MAX_DEFAULT,
                  world.budget.used_bytes / CORE_PRODUCERS_MAX_DEFAULT);
    producers_close(&world);
}

/* Two producers: 1 wrote at index 10 and 30, 2 at 20; applied to 35. */
static const uint8_t producers_snapshot[] = {
    1, 0, 0, 0, 2, 0, 0, 0, 35,   0, 0, 0, 0, 0, 0, 0, /* version, reserved, producers, applied */
    2, 0, 0, 0, 0, 0, 0, 0, 20,   0, 0, 0, 0, 0, 0, 0, /* producer 2, index 20 */
    9, 0, 1, 0, 0, 0, 0, 0,                            /* epoch 9, one batch */
    3, 0, 0, 0, 0, 0, 0, 0, 0xfc, 3, 0, 0, 0, 0, 0, 0, /* offset 3, time 1020 */
    0, 0, 0, 0, 1, 0, 0, 0,                            /* sequence 0, delta 1 */
    1, 0, 0, 0, 0, 0, 0, 0, 30,   0, 0, 0, 0, 0, 0, 0, /* producer 1, index 30 */
    0, 1, 2, 0, 0, 0, 0, 0,                            /* epoch 256, two batches */
    0, 0, 0, 0, 0, 0, 0, 0, 0xf2, 3, 0, 0, 0, 0, 0, 0, /* offset 0, time 1010 */
    0, 0, 0, 0, 2, 0, 0, 0,                            /* sequence 0, delta 2 */
    5, 0, 0, 0, 0, 0, 0, 0, 0x06, 4, 0, 0, 0, 0, 0, 0, /* offset 5, time 1030 */
    3, 0, 0, 0, 0, 0, 0, 0,                            /* sequence 3, delta 0 */
};

static void core_producers_snapshot_is_byte_for_byte_as_described(void **state)
{
    (void)state;
    struct producers_world world;
    struct core_producers_found found;
    producers_open(&world, 3, 1u << 20, 100, 100);
    struct core_producers_batch batch = producers_batch(&world, 1, 256, 0, 3);
    producers_produce(&world, &batch, &found);
    batch = producers_batch(&world, 2, 9, 0, 2);
    producers_produce(&world, &batch, &found);
    batch = producers_batch(&world, 1, 256, 3, 1);
    producers_produce(&world, &batch, &found);
    core_producers_commit(&world.p, 35);
    world.index = 40;
    batch = producers_batch(&world, 3, 0, 0, 1); /* not committed: not in it */
    producers_produce(&world, &batch, &found);
    uint8_t bytes[256];
    struct bytes_writer w = bytes_writer(bytes, sizeof(producers_snapshot) - 1);
    core_producers_put(&world.p, &w);
    assert_int_equal(w.err, ERR_TOO_LARGE);
    assert_int_equal(w.pos, 0);
    w = bytes_writer(bytes, sizeof(bytes));
    core_producers_put(&world.p, &w);
    assert_int_equal(w.pos, sizeof(producers_snapshot));
    assert_memory_equal(bytes, producers_snapshot, sizeof(producers_snapshot));
    producers_close(&world);
}

static void core_producers_snapshot_of_more_than_fit_keeps_the_newest(void **state)
{
    (void)state;
    struct producers_world world;
    struct core_producers_found found;
    producers_open(&world, 1, 1u << 20, 100, 100);
    assert_int_equal(core_producers_get(&world.p, producers_snapshot, sizeof(producers_snapshot)),
                     ERR_OK);
    assert_int_equal(world.p.folded_count, 1);
    assert_int_equal(world.p.applied_index, 35);
    struct core_producers_batch batch = producers_batch(&world, 1, 256, 0, 3);
    assert_int_equal(core_producers_check(&world.p, &batch, 9, &found), CORE_PRODUCERS_DUPLICATE);
    assert_int_equal(found.wanted_sequence, 4);
    batch = producers_batch(&world, 2, 0, 77, 3);
    assert_int_equal(core_producers_check(&world.p, &batch, 9, &found), CORE_PRODUCERS_APPEND);
    producers_close(&world);
}

/* A byte of the snapshot, changed. */
static void core_producers_wrong_snapshots_leave_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t pos;
        uint8_t value;
        enum err err;
    } rows[] = {
        {"nothing", 0, 1, ERR_OK},
        {"version 2", 0, 2, ERR_UNSUPPORTED},
        {"version 0", 0, 0, ERR_CORRUPT},
        {"reserved", 2, 1, ERR_CORRUPT},
        {"one producer more", 4, 3, ERR_TRUNCATED},
        {"2^24 producers more", 7, 1, ERR_TRUNCATED},
        {"one producer less", 4, 1, ERR_CORRUPT},
        {"applied before the last", 8, 29, ERR_CORRUPT},
        {"applied 2^63", 15, 0x80, ERR_CORRUPT},
        {"a negative producer", 23, 0x80, ERR_CORRUPT},
        {"a producer twice", 16, 1, ERR_CORRUPT},
        {"index 0", 24, 0, ERR_CORRUPT},
        {"indexes that are equal", 24, 30, ERR_CORRUPT},
        {"a negative epoch", 33, 0x80, ERR_CORRUPT},
        {"no batches", 34, 0, ERR_CORRUPT},
        {"six batches", 34, 6, ERR_CORRUPT},
        {"two batches of one", 34, 2, ERR_CORRUPT},
        {"zeros that are not", 39, 1, ERR_CORRUPT},
        {"a negative offset", 47, 0x80, ERR_CORRUPT},
        {"a negative timestamp", 55, 0x80, ERR_OK},
        {"a negative sequence", 59, 0x80, ERR_CORRUPT},
        {"a negative delta", 63, 0x80, ERR_CORRUPT},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct producers_world world;
        uint8_t bytes[sizeof(producers_snapshot)];
        memcpy(bytes, producers_snapshot, sizeof(bytes));
        bytes[rows[i].pos] = rows[i].value;
        producers_open(&world, 3, 1u << 20, 100, 100);
        enum err err = core_producers_get(&world.p, bytes, sizeof(bytes));
        if (err != rows[i].err) {
            fail_msg("%s: %s", rows[i].name, err_name(err));
        }
        assert_int_equal(world.p.folded_count, err == ERR_OK ? 2 : 0);
        producers_close(&world);
    }
}

static void core_producers_snapshots_cut_off_or_without_memory_leave_nothing(void **state)
{
    (void)state;
    struct producers_world world;
    producers_open(&world, 3, 1u << 20, 1, 1);
    for (size_t length = 0; length < sizeof(producers_snapshot); length++) {
        enum err err = core_producers_get(&world.p, producers_snapshot, length);
        /* Enough for one producer: the pool has no second one. */
        assert_int_equal(err, ERR_TRUNCATED);
        assert_int_equal(world.p.by_id.count, 0);
    }
    assert_int_equal(core_producers_get(&world.p, producers_snapshot, sizeof(producers_snapshot)),
                     ERR_FULL);
    assert_int_equal(world.p.by_id.count, 0);
    assert_int_equal(world.p.applied_index, 0);
    producers_close(&world);
}

/* --- Sections --- */

/* Producer 2 at index 10, committed to 20; 1 at 30, on its way; as of 35. */
static const uint8_t producers_section[] = {
    1,  0, 0, 0, 1, 0, 0, 0, 35,   0, 0, 0, 0, 0, 0, 0, /* version, reserved, batches, index */
    64, 0, 0, 0, 0, 0, 0, 0,                            /* bytes of the fold, reserved */
    1,  0, 0, 0, 1, 0, 0, 0, 20,   0, 0, 0, 0, 0, 0, 0, /* version, reserved, producers, applied */
    2,  0, 0, 0, 0, 0, 0, 0, 10,   0, 0, 0, 0, 0, 0, 0, /* producer 2, index 10 */
    9,  0, 1, 0, 0, 0, 0, 0,                            /* epoch 9, one batch */
    0,  0, 0, 0, 0, 0, 0, 0, 0xf2, 3, 0, 0, 0, 0, 0, 0, /* offset 0, time 1010 */
    0,  0, 0, 0, 1, 0, 0, 0,                            /* sequence 0, delta 1 */
    30, 0, 0, 0, 0, 0, 0, 0, 1,    0, 0, 0, 0, 0, 0, 0, /* index 30, producer 1 */
    0,  1, 0, 0, 0, 0, 0, 0,                            /* epoch 256, reserved */
    2,  0, 0, 0, 0, 0, 0, 0, 0x06, 4, 0, 0, 0, 0, 0, 0, /* offset 2, time 1030 */
    7,  0, 0, 0, 2, 0, 0, 0,                            /* sequence 7, delta 2 */
};

static void core_producers_section_is_byte_for_byte_as_described(void **state)
{
    (void)state;
    struct producers_world world;
    struct core_producers_found found;
    producers_open(&world, 3, 1u << 20, 100, 100);
    struct core_producers_batch batch = producers_batch(&world, 2, 9, 0, 2);
    producers_produce(&world, &batch, &found);
    core_producers_commit(&world.p, 20);
    world.index = 20;
    batch = producers_batch(&world, 1, 256, 7, 3);
    producers_produce(&world, &batch, &found);
    batch = producers_batch(&world, 3, 0, 7, 1); /* at 40: behind it */
    producers_produce(&world, &batch, &found);
    uint8_t bytes[256];
    struct bytes_writer w = bytes_writer(bytes, sizeof(producers_section) - 1);
    assert_int_equal(core_producers_section_bytes(&world.p, 35), sizeof(producers_section));
    core_producers_section_put(&world.p, 35, &w);
    assert_int_equal(w.err, ERR_TOO_LARGE);
    assert_int_equal(w.pos, 0);
    w = bytes_writer(bytes, sizeof(bytes));
    core_producers_section_put(&world.p, 35, &w);
    assert_int_equal(w.pos, sizeof(producers_section));
    assert_memory_equal(bytes, producers_section, sizeof(producers_section));
    producers_close(&world);
}

/* What was on its way has come: the section is the fold as of its index. */
static void core_producers_section_read_is_the_fold_as_of_its_index(void **state)
{
    (void)state;
    for (uint32_t producers_max = 1; producers_max <= 3; producers_max++) {
        struct producers_world world;
        struct core_producers_found found;
        producers_open(&world, producers_max, 1u << 20, 100, 100);
        assert_int_equal(
            core_producers_section_get(&world.p, producers_section, sizeof(producers_section)),
            ERR_OK);
        assert_int_equal(world.p.applied_index, 35);
        assert_int_equal(world.p.overlay_count, 0);
        assert_int_equal(world.p.folded_count, producers_max == 1 ? 1 : 2);
        struct core_producers_batch batch = producers_batch(&world, 1, 256, 7, 3);
        assert_int_equal(core_producers_check(&world.p, &batch, 9, &found),
                         CORE_PRODUCERS_DUPLICATE);
        assert_int_equal(found.base_offset, 2);
        assert_int_equal(found.timestamp, 1030);
        batch = producers_batch(&world, 2, 9, 0, 2);
        assert_int_equal(core_producers_check(&world.p, &batch, 9, &found),
                         producers_max == 1 ? CORE_PRODUCERS_APPEND : CORE_PRODUCERS_DUPLICATE);
        producers_close(&world);
    }
}

static void core_producers_wrong_sections_leave_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t pos;
        uint8_t value;
        enum err err;
    } rows[] = {
        {"nothing", 0, 1, ERR_OK},
        {"version 2", 0, 2, ERR_UNSUPPORTED},
        {"version 0", 0, 0, ERR_CORRUPT},
        {"reserved", 2, 1, ERR_CORRUPT},
        {"one batch more", 4, 2, ERR_TRUNCATED},
        {"2^24 batches more", 7, 1, ERR_TRUNCATED},
        {"one batch less", 4, 0, ERR_CORRUPT},
        {"as of an index before its batch", 8, 29, ERR_CORRUPT},
        {"as of 2^63", 15, 0x80, ERR_CORRUPT},
        {"a shorter fold", 16, 63, ERR_TRUNCATED},
        {"a longer fold", 16, 65, ERR_CORRUPT},
        {"a fold of 2^30 bytes", 19, 0x40, ERR_TRUNCATED},
        {"reserved", 20, 1, ERR_CORRUPT},
        {"a newer fold", 24, 2, ERR_UNSUPPORTED},
        {"a fold behind the batch", 32, 30, ERR_CORRUPT},
        {"a batch in the fold", 88, 20, ERR_CORRUPT},
        {"a negative producer", 103, 0x80, ERR_CORRUPT},
        {"a negative epoch", 105, 0x80, ERR_CORRUPT},
        {"zeros that are not", 106, 1, ERR_CORRUPT},
        {"zeros that are not, the last", 111, 1, ERR_CORRUPT},
        {"a negative offset", 119, 0x80, ERR_CORRUPT},
        {"a negative sequence", 131, 0x80, ERR_CORRUPT},
        {"a negative delta", 135, 0x80, ERR_CORRUPT},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct producers_world world;
        uint8_t bytes[sizeof(producers_section)];
        memcpy(bytes, producers_section, sizeof(bytes));
        bytes[rows[i].pos] = rows[i].value;
        producers_open(&world, 3, 1u << 20, 100, 100);
        enum err err = core_producers_section_get(&world.p, bytes, sizeof(bytes));
        if (err != rows[i].err) {
            fail_msg("%s: %s", rows[i].name, err_name(err));
        }
        assert_int_equal(world.p.folded_count, err == ERR_OK ? 2 : 0);
        assert_int_equal(world.p.applied_index, err == ERR_OK ? 35 : 0);
        producers_close(&world);
    }
}

static void core_producers_sections_cut_off_or_without_memory_leave_nothing(void **state)
{
    (void)state;
    struct producers_world world;
    producers_open(&world, 3, 1u << 20, 1, 1);
    for (size_t length = 0; length < sizeof(producers_section); length++) {
        assert_int_equal(core_producers_section_get(&world.p, producers_section, length),
                         ERR_TRUNCATED);
        assert_int_equal(world.p.by_id.count, 0);
    }
    assert_int_equal(
        core_producers_section_get(&world.p, producers_section, sizeof(producers_section)),
        ERR_FULL);
    assert_int_equal(world.p.by_id.count, 0);
    assert_int_equal(world.p.applied_index, 0);
    producers_close(&world);
}

static void core_producers_agree_with_a_list_of_batches(void **state)
{
    model_run(state, "producers against a list", 80, 3000, producers_model_run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_producers_are_told_apart_as_the_kips_say),
        cmocka_unit_test(core_producers_duplicates_are_told_time_and_index),
        cmocka_unit_test(core_producers_a_cut_drops_from_its_index_on),
        cmocka_unit_test(core_producers_replicas_take_what_the_leader_checked),
        cmocka_unit_test(core_producers_a_partition_without_any_holds_nothing),
        cmocka_unit_test(core_producers_memory_that_is_refused_changes_nothing),
        cmocka_unit_test(core_producers_a_full_fold_takes_others_in_the_same_memory),
        cmocka_unit_test(core_producers_are_found_among_many),
        cmocka_unit_test(core_producers_snapshot_is_byte_for_byte_as_described),
        cmocka_unit_test(core_producers_snapshot_of_more_than_fit_keeps_the_newest),
        cmocka_unit_test(core_producers_wrong_snapshots_leave_nothing),
        cmocka_unit_test(core_producers_snapshots_cut_off_or_without_memory_leave_nothing),
        cmocka_unit_test(core_producers_section_is_byte_for_byte_as_described),
        cmocka_unit_test(core_producers_section_read_is_the_fold_as_of_its_index),
        cmocka_unit_test(core_producers_wrong_sections_leave_nothing),
        cmocka_unit_test(core_producers_sections_cut_off_or_without_memory_leave_nothing),
        MODEL_TEST(core_producers_agree_with_a_list_of_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
