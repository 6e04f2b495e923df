/* Runs in memory: a second reader finds them and the disk is not asked; they go with their file,
 * for others that are wanted when nobody has wanted them for long, and when memory is short. */
#include <stdio.h>
#include <stdlib.h>

#include "base/rt/clock.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/read_log.h"

#define WARM_STEP_BYTES (512u << 10)

/* One segment of some 9 MiB, all of it settled. */
static struct read_log *warm_new(uint64_t warm_bytes_max)
{
    struct read_log_options options = {.seed = 9,
                                       .entries_count = 600,
                                       .segment_bytes = 64 << 20,
                                       .batch_bytes = 32 << 10,
                                       .is_sealed = true,
                                       .warm_bytes_max = warm_bytes_max};
    return read_log_new(&options);
}

static struct log_warm *warm_of(struct read_log *rl)
{
    return &rl->ls.files.warm;
}

static void warm_next(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct log_reader *reader = ctx;
    log_reader_next(reader, UINT64_MAX);
}

/* A reader up to an entry. */
struct warm_range {
    struct log_reader reader;
    uint64_t index_max;
};

static void warm_next_of(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct warm_range *range = ctx;
    log_reader_next(&range->reader, range->index_max);
}

/* Where entry `number` ends in its segment. */
static uint64_t warm_end(const struct read_log *rl, uint32_t number)
{
    return (uint64_t)rl->entries[number].rec.pos + rl->entries[number].rec.length;
}

/* Read from entry `number` to the end in steps of `step_bytes`, held against the naive reader;
 * returns the bytes that the disk read meanwhile. */
static uint64_t warm_read(struct read_log *rl, uint32_t number, uint32_t step_bytes)
{
    struct read_log_want *want = calloc(1, sizeof(*want));
    struct log_reader reader;
    uint64_t next = rl->entries[number].rec.index;
    uint64_t before = sim_disk_stats(sim_node_disk(rl->node))->read_bytes;
    log_reader_open(&reader, &rl->log, LOG_READ_INDEX, next, step_bytes, read_log_done, rl);
    do {
        struct log_read naive = {
            .from = LOG_READ_INDEX, .at = next, .index_max = UINT64_MAX, .bytes_max = UINT32_MAX};
        read_log_expect(rl, &naive, want);
        read_log_call(rl, warm_next, &reader);
        want->count = reader.read.err == ERR_OK ? reader.read.entries_count : want->count;
        assert_null(read_log_check(rl, &reader.read, want));
        next = reader.read.last_index + 1;
    } while (reader.read.err == ERR_OK);
    log_reader_close(&reader);
    free(want);
    return sim_disk_stats(sim_node_disk(rl->node))->read_bytes - before;
}

static uint64_t warm_segment_bytes(const struct read_log *rl)
{
    return log_segment_active(&rl->log)->end_pos;
}

/* The sidecar's, and what alignment adds. */
static uint64_t warm_idx_bytes(void)
{
    return (READ_LOG_ENTRIES + 1) * LOG_SIDECAR_BYTES + LIMIT_BLOCK_BYTES;
}

static void what_one_reader_has_read_the_next_finds_in_memory(void **state)
{
    (void)state;
    struct read_log *rl = warm_new(16 << 20);
    assert_true(warm_read(rl, 0, WARM_STEP_BYTES) >= warm_segment_bytes(rl));
    assert_int_equal(warm_of(rl)->found_count, 0);
    assert_true(warm_read(rl, 0, WARM_STEP_BYTES) <= warm_idx_bytes());
    assert_true(warm_of(rl)->found_count >= warm_segment_bytes(rl) / WARM_STEP_BYTES);
    read_log_free(rl);
}

static void a_reader_that_begins_elsewhere_finds_it_from_the_next_piece_on(void **state)
{
    (void)state;
    struct read_log *rl = warm_new(16 << 20);
    warm_read(rl, 0, WARM_STEP_BYTES);
    for (uint32_t number = 1; number < 60; number += 7) {
        assert_true(warm_read(rl, number, WARM_STEP_BYTES) <=
                    warm_idx_bytes() + LOG_WARM_PIECE_BYTES + (64u << 10));
    }
    read_log_free(rl);
}

static void short_steps_and_logs_without_room_keep_nothing(void **state)
{
    (void)state;
    static const struct {
        uint64_t warm_bytes_max;
        uint32_t step_bytes;
    } rows[] = {{16 << 20, 64 << 10}, {0, WARM_STEP_BYTES}};
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct read_log *rl = warm_new(rows[i].warm_bytes_max);
        for (uint32_t k = 0; k < 2; k++) {
            assert_true(warm_read(rl, 0, rows[i].step_bytes) >= warm_segment_bytes(rl));
        }
        assert_int_equal(warm_of(rl)->bytes, 0);
        read_log_free(rl);
    }
}

/* The longest unused one would be the one that is wanted next. */
static void of_a_log_that_is_read_in_a_circle_what_has_room_stays(void **state)
{
    (void)state;
    struct read_log *rl = warm_new(4 << 20);
    warm_read(rl, 0, WARM_STEP_BYTES);
    uint64_t kept = warm_of(rl)->bytes;
    assert_true(kept > 3 << 20);
    for (uint64_t i = 1; i < 4; i++) {
        uint64_t read_bytes = warm_read(rl, 0, WARM_STEP_BYTES);
        assert_int_equal(warm_of(rl)->bytes, kept);
        assert_true(read_bytes < warm_segment_bytes(rl) + warm_idx_bytes() - kept / 2);
        assert_true(warm_of(rl)->found_count >= i * kept / (1 << 20));
    }
    read_log_free(rl);
}

static void what_nobody_wants_makes_room_in_time(void **state)
{
    (void)state;
    struct read_log *rl = warm_new(2 << 20);
    uint32_t half = rl->entries_count / 2;
    warm_read(rl, 0, WARM_STEP_BYTES);
    uint64_t before = warm_read(rl, half, WARM_STEP_BYTES);
    sim_run_for(rl->sim, LOG_WARM_NS + RT_NS_PER_S);
    warm_read(rl, half, WARM_STEP_BYTES);
    assert_true(warm_read(rl, half, WARM_STEP_BYTES) < before - (1 << 20));
    assert_true(warm_of(rl)->bytes <= 2 << 20);
    read_log_free(rl);
}

static void warm_forget(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct read_log *rl = ctx;
    log_files_forget_segment(log_segment_active(&rl->log));
    rl->is_read = true;
}

static void what_replaces_a_segment_forgets_what_was_read_of_it(void **state)
{
    (void)state;
    struct read_log *rl = warm_new(16 << 20);
    warm_read(rl, 0, WARM_STEP_BYTES);
    uint64_t kept = warm_of(rl)->bytes;
    assert_true(kept > 0);
    read_log_call(rl, warm_forget, rl);
    assert_true(warm_read(rl, 0, WARM_STEP_BYTES) >= warm_segment_bytes(rl));
    assert_int_equal(warm_of(rl)->found_count, 0);
    assert_int_equal(warm_of(rl)->bytes, kept); /* what was forgotten has gone meanwhile */
    read_log_free(rl);
}

/* One step of a reader of entries `first` to `last`: its answer. */
static enum err warm_step(struct read_log *rl, uint32_t first, uint32_t last)
{
    struct read_log_want *want = calloc(1, sizeof(*want));
    struct warm_range range = {.index_max = rl->entries[last].rec.index};
    struct log_read naive = {.from = LOG_READ_INDEX,
                             .at = rl->entries[first].rec.index,
                             .index_max = range.index_max,
                             .bytes_max = WARM_STEP_BYTES};
    log_reader_open(&range.reader, &rl->log, LOG_READ_INDEX, naive.at, WARM_STEP_BYTES,
                    read_log_done, rl);
    read_log_expect(rl, &naive, want);
    read_log_call(rl, warm_next_of, &range);
    assert_null(read_log_check(rl, &range.reader.read, want));
    enum err err = range.reader.read.err;
    log_reader_close(&range.reader);
    free(want);
    return err;
}

/* It has as many batches as another one that was read of the same blocks, and none of its own was
 * looked at: only those that were verified are taken as sound. */
static void a_batch_that_only_shares_a_kept_block_is_verified(void **state)
{
    (void)state;
    struct read_log_options options = {.seed = 9,
                                       .entries_count = 600,
                                       .segment_bytes = 64 << 20,
                                       .batch_bytes = 400,
                                       .is_sealed = true,
                                       .warm_bytes_max = 16 << 20};
    struct read_log *rl = read_log_new(&options);
    uint32_t last = 200; /* and the one behind it end in the same block */
    while ((warm_end(rl, last) - 1) / LIMIT_BLOCK_BYTES !=
           (warm_end(rl, last + 1) - 1) / LIMIT_BLOCK_BYTES) {
        last++;
    }
    char path[LIMIT_PATH_BYTES];
    read_log_path(rl, last + 1, "log", path);
    assert_int_equal(
        sim_disk_rot(sim_node_disk(rl->node), path, rl->entries[last + 1].rec.pos + 70, 3), ERR_OK);
    assert_int_equal(warm_step(rl, 0, last), ERR_OK);
    assert_true(warm_of(rl)->bytes > 0);
    rl->entries[last + 1].is_bad = true;
    assert_int_equal(warm_step(rl, 1, last + 1), ERR_OK); /* up to it */
    assert_int_equal(warm_of(rl)->found_count, 1);
    assert_int_equal(warm_step(rl, last + 1, last + 1), ERR_CORRUPT);
    read_log_free(rl);
}

/* A reader needs memory for what it reads: what is kept makes place for it. */
static void where_memory_is_short_less_is_kept(void **state)
{
    (void)state;
    struct read_log *rl = warm_new(8 << 20);
    warm_read(rl, 0, WARM_STEP_BYTES);
    uint64_t kept = warm_of(rl)->bytes;
    assert_true(kept > 4 << 20);
    budget_set_limit(&rl->ls.budget, rl->ls.budget.used_bytes + (1 << 20));
    assert_true(warm_read(rl, 1, 2 * WARM_STEP_BYTES) > 0);
    assert_true(warm_of(rl)->bytes < kept);
    read_log_free(rl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_reader_has_read_the_next_finds_in_memory),
        cmocka_unit_test(a_reader_that_begins_elsewhere_finds_it_from_the_next_piece_on),
        cmocka_unit_test(short_steps_and_logs_without_room_keep_nothing),
        cmocka_unit_test(of_a_log_that_is_read_in_a_circle_what_has_room_stays),
        cmocka_unit_test(what_nobody_wants_makes_room_in_time),
        cmocka_unit_test(what_replaces_a_segment_forgets_what_was_read_of_it),
        cmocka_unit_test(a_batch_that_only_shares_a_kept_block_is_verified),
        cmocka_unit_test(where_memory_is_short_less_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
