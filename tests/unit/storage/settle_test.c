/* What a settle writes, without the waiting: a segment's bytes from rest, memory and journal, and
 * sidecar records in whole blocks. Expected bytes come from the entries' own numbers. */
#include <string.h>

#include "base/cpu.h"
#include "base/prng.h"
#include "storage/log/clean.h"
#include "storage/log/cursor.h"
#include "storage/log/direct.h"
#include "storage/log/gather.h"
#include "storage/log/place.h"
#include "storage/log/round.h"
#include "tests/support/cmocka.h"

#define SCENE_FILE_BYTES (256u << 10)

/* A group with one segment, whose entries stand wherever a test puts them. */
struct scene {
    struct budget root;
    struct log_store store;
    struct log_shard ls;
    struct log log;
    struct log_segment seg;
    uint8_t journal[2][SCENE_FILE_BYTES]; /* journal files by slot */
    uint32_t journal_bytes[2];            /* filled */
    uint8_t out[SCENE_FILE_BYTES];
};

/* Byte `pos` of the segment. */
static uint8_t scene_byte(uint32_t pos)
{
    return (uint8_t)(pos * 7 + pos / 251);
}

static int scene_setup(void **state)
{
    static struct scene scene;
    struct scene *s = &scene;
    struct cpu cpu;
    cpu_detect(&cpu);
    memset(s->journal, 0xEE, sizeof(s->journal));
    s->journal_bytes[0] = 100;
    s->journal_bytes[1] = 4000;
    budget_init(&s->root, "test", 64 << 20, NULL);
    s->store = (struct log_store){.kernels = crc32c_for(&cpu)};
    s->ls = (struct log_shard){.store = &s->store, .hot_bytes_max = UINT64_MAX};
    budget_init(&s->ls.budget, "log", SIZE_MAX, &s->root);
    buf_pool_init(&s->ls.bufs, &s->ls.budget, 0, 1 << 20);
    pool_init(&s->ls.chunks, &s->ls.budget, sizeof(struct log_chunk), _Alignof(struct log_chunk),
              UINT32_MAX);
    list_init(&s->ls.hot);
    s->log = (struct log){.ls = &s->ls, .group = 7, .topic = {{1, 2}}, .partition = 3};
    list_init(&s->log.segments.list);
    log_tail_init(&s->log);
    s->seg = (struct log_segment){.log = &s->log, .start = {.index = 1}, .generation = 2};
    list_push_back(&s->log.segments.list, &s->seg.in_log);
    *state = s;
    return 0;
}

static int scene_teardown(void **state)
{
    struct scene *s = *state;
    log_tail_deinit(&s->log);
    pool_deinit(&s->ls.chunks);
    buf_pool_deinit(&s->ls.bufs);
    budget_deinit(&s->ls.budget);
    budget_deinit(&s->root);
    return 0;
}

/* The next entry, `length` bytes long, in journal file `slot` behind `gap` other bytes; and in
 * memory, too, or only there. */
static struct log_slot *scene_entry(struct scene *s, uint32_t length, uint32_t slot, uint32_t gap,
                                    bool is_hot)
{
    struct log_slot *entry = NULL;
    uint32_t pos = s->seg.end_pos;
    assert_int_equal(log_tail_push(&s->log, &entry), ERR_OK);
    s->seg.last_index = s->seg.start.index + s->seg.recs_total;
    entry->rec = (struct log_sidecar){
        .index = s->seg.last_index,
        .last_index = s->seg.last_index,
        .base_offset = s->seg.last_index * 3,
        .pos = pos,
        .length = length,
        .max_timestamp = -1,
        .producer_id = -1,
        .records_count = 1,
    };
    entry->seg = &s->seg;
    entry->rec_number = s->seg.recs_total++;
    entry->where = LOG_SLOT_JOURNAL;
    entry->is_durable = true;
    entry->journal_slot = slot;
    s->journal_bytes[slot] += gap;
    entry->journal_pos = s->journal_bytes[slot];
    uint8_t bytes[SCENE_FILE_BYTES];
    for (uint32_t i = 0; i < length; i++) {
        bytes[i] = scene_byte(pos + i);
    }
    assert_true(s->journal_bytes[slot] + length <= SCENE_FILE_BYTES);
    if (is_hot) { /* what the journal has of it is not to be looked at */
        struct buf *buf = NULL;
        assert_int_equal(buf_new(&s->ls.bufs, &s->ls.budget, length, &buf), ERR_OK);
        memcpy(buf_append(buf, length), bytes, length);
        buf_seal(buf, length);
        log_slot_heat(entry, buf_slice(buf, 0, length));
        buf_unref(buf);
    } else {
        memcpy(s->journal[slot] + s->journal_bytes[slot], bytes, length);
    }
    s->journal_bytes[slot] += length;
    s->seg.end_pos += length;
    return entry;
}

/* Gather pos .. end - 1 as a job does, reading `read_max` bytes at a time. Returns the reads. */
static uint32_t scene_gather(struct scene *s, const struct log_rest *rest, uint32_t pos,
                             uint32_t end, uint32_t read_max)
{
    struct log_gather g;
    uint32_t reads_count = 0;
    memset(s->out, 0xAA, sizeof(s->out));
    log_gather_begin(&g, &s->log, &s->seg, rest, pos, end);
    uint32_t copied = log_gather_copy(&g, s->out, NULL, NULL);
    while (g.pos < end) {
        struct log_gather_run run;
        log_gather_run(&g, read_max, &run);
        assert_int_equal(run.pos % LIMIT_BLOCK_BYTES, 0);
        assert_int_equal(run.bytes % LIMIT_BLOCK_BYTES, 0);
        assert_true(run.bytes <= read_max);
        g.slot = NULL;
        uint32_t more = log_gather_copy(&g, s->out + copied, &run, s->journal[run.slot] + run.pos);
        assert_true(more > 0);
        copied += more;
        reads_count++;
    }
    assert_int_equal(copied, end - pos);
    return reads_count;
}

static void scene_expect(const struct scene *s, uint32_t pos, uint32_t end)
{
    for (uint32_t i = pos; i < end; i++) {
        if (s->out[i - pos] != scene_byte(i)) {
            fail_msg("byte %u is %u, not %u", i, s->out[i - pos], scene_byte(i));
        }
    }
}

static void settle_gathers_what_is_in_memory_without_a_read(void **state)
{
    struct scene *s = *state;
    for (uint32_t i = 0; i < 50; i++) {
        (void)scene_entry(s, 61 + i * 37, 0, 72, true);
    }
    assert_int_equal(scene_gather(s, NULL, 4096, 32768, 8192), 0);
    scene_expect(s, 4096, 32768);
    assert_int_equal(scene_gather(s, NULL, 0, s->seg.end_pos, 8192), 0);
    scene_expect(s, 0, s->seg.end_pos);
}

static void settle_reads_neighbours_in_the_journal_at_once(void **state)
{
    struct scene *s = *state;
    for (uint32_t i = 0; i < 20; i++) {
        (void)scene_entry(s, 100, 0, 72, false);
    }
    assert_int_equal(scene_gather(s, NULL, 0, 2000, 64 << 10), 1); /* 20 x 172 bytes: a block */
    scene_expect(s, 0, 2000);
    (void)scene_entry(s, 100, 1, 72, false);
    (void)scene_entry(s, 100, 0, 72, false);
    assert_int_equal(scene_gather(s, NULL, 0, 2200, 64 << 10), 3); /* another file lies between */
    scene_expect(s, 0, 2200);
}

static void settle_reads_a_large_batch_in_parts(void **state)
{
    struct scene *s = *state;
    (void)scene_entry(s, 30000, 0, 72, false);
    assert_int_equal(scene_gather(s, NULL, 0, 30000, 8192), 4); /* 172 .. 30171: 32 KiB in all */
    scene_expect(s, 0, 30000);
}

static void settle_believes_the_rest_before_the_slots(void **state)
{
    struct scene *s = *state;
    (void)scene_entry(s, 5000, 0, 72, false);
    (void)scene_entry(s, 5000, 0, 72, true);
    uint8_t bytes[1000];
    for (uint32_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = scene_byte(4096 + i);
    }
    struct log_rest rest = {bytes, 4096, 904}; /* up to where the second entry begins */
    memset(s->journal[0], 0, sizeof(s->journal[0]));
    assert_int_equal(scene_gather(s, &rest, 4096, 8192, 8192), 0);
    scene_expect(s, 4096, 8192);
}

static void settle_gives_zeros_for_what_nobody_has(void **state)
{
    struct scene *s = *state;
    (void)scene_entry(s, 500, 0, 72, true);
    s->seg.end_pos += 300; /* lost to rot */
    (void)scene_entry(s, 500, 0, 72, true);
    struct log_gather g;
    log_gather_begin(&g, &s->log, &s->seg, NULL, 0, 1300);
    assert_int_equal(log_gather_copy(&g, s->out, NULL, NULL), 1300);
    assert_int_equal(g.holes_bytes, 300);
    scene_expect(s, 0, 500);
    for (uint32_t i = 500; i < 800; i++) {
        assert_int_equal(s->out[i], 0);
    }
    assert_int_equal(s->out[800], scene_byte(800));
}

/* Any entries anywhere: every range is gathered right. */
static void settle_gathers_any_range_of_any_entries(void **state)
{
    struct scene *s = *state;
    struct prng prng;
    prng_init(&prng, 4);
    while (s->seg.end_pos < 100000) {
        (void)scene_entry(s, 61 + (uint32_t)prng_below(&prng, 3000), (uint32_t)prng_below(&prng, 2),
                          72 + (uint32_t)prng_below(&prng, 200), prng_chance(&prng, 1, 2));
    }
    for (uint32_t i = 0; i < 300; i++) {
        uint32_t pos = (uint32_t)prng_below(&prng, s->seg.end_pos);
        uint32_t end = pos + (uint32_t)prng_below(&prng, s->seg.end_pos - pos + 1);
        (void)scene_gather(s, NULL, pos, end, 8192u << prng_below(&prng, 4));
        scene_expect(s, pos, end);
    }
}

/* --- Sidecar --- */

static void settle_counts_records_that_lie_wholly_in_blocks(void **state)
{
    (void)state;
    /* A header and records of 96 bytes in blocks of 4096: 42 2/3 of them, 85 1/3, 128, ... */
    static const uint32_t recs[] = {0, 41, 84, 127, 169, 212, 255};
    for (uint32_t i = 0; i < ARRAY_COUNT(recs); i++) {
        assert_int_equal(log_gather_recs(i), recs[i]);
    }
    for (uint64_t blocks = 0; blocks < 5000; blocks++) {
        assert_int_equal(log_gather_blocks(log_gather_recs(blocks)), blocks);
    }
}

/* The .idx as it is to be, in one piece. */
static uint32_t scene_idx(const struct scene *s, uint8_t *out)
{
    uint32_t seed = log_sidecar_seed(s->store.kernels, s->log.group, s->seg.generation);
    struct log_sidecar_header header = {
        .group = 7, .topic = {{1, 2}}, .partition = 3, .generation = 2, .start = {.index = 1}};
    uint32_t bytes = LOG_SIDECAR_BYTES;
    log_sidecar_header_encode(&header, s->store.kernels, out);
    for (const struct log_slot *slot = log_tail_first(&s->log); slot != NULL;
         slot = log_tail_next(&s->log, slot)) {
        log_sidecar_encode(&slot->rec, s->store.kernels, seed, out + bytes);
        bytes += LOG_SIDECAR_BYTES;
    }
    return bytes;
}

static void settle_writes_sidecar_blocks_once_and_whole(void **state)
{
    struct scene *s = *state;
    static uint8_t want[SCENE_FILE_BYTES];
    static uint8_t file[SCENE_FILE_BYTES];
    static uint8_t data[2 * LIMIT_BLOCK_BYTES];
    struct prng prng;
    prng_init(&prng, 9);
    uint64_t written = 0;
    for (uint32_t round = 0; round < 60; round++) {
        uint32_t count = (uint32_t)prng_below(&prng, 30);
        for (uint32_t i = 0; i < count; i++) {
            (void)scene_entry(s, 61, 0, 0, false);
        }
        struct log_gather_idx idx;
        log_gather_idx_begin(&idx, &s->log, &s->seg, data, sizeof(data));
        struct log_slot *slot = log_tail_find(&s->log, s->seg.recs_count + 1ull);
        for (;;) {
            while (slot != NULL && log_gather_idx_has_room(&idx)) {
                log_gather_idx_put(&idx, &slot->rec);
                slot = log_tail_next(&s->log, slot);
            }
            uint32_t bytes = log_gather_idx_whole(&idx, s->seg.recs_total);
            if (bytes == 0) {
                break;
            }
            assert_int_equal(idx.pos, written); /* no block twice, none left out */
            memcpy(file + written, data, bytes);
            written += bytes;
            log_gather_idx_written(&idx, bytes);
            s->seg.recs_count = log_gather_recs(idx.pos / LIMIT_BLOCK_BYTES);
        }
    }
    uint32_t bytes = scene_idx(s, want);
    assert_true(s->seg.recs_total > 500);
    assert_int_equal(written, bytes / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES);
    assert_memory_equal(file, want, written);
}

static void settle_leaves_records_out_whose_entries_are_not_written(void **state)
{
    struct scene *s = *state;
    static uint8_t data[2 * LIMIT_BLOCK_BYTES];
    struct log_gather_idx idx;
    for (uint32_t i = 0; i < 42; i++) {
        (void)scene_entry(s, 61, 0, 0, false);
    }
    log_gather_idx_begin(&idx, &s->log, &s->seg, data, sizeof(data));
    for (uint64_t i = 1; i <= 42; i++) {
        log_gather_idx_put(&idx, &log_tail_find(&s->log, i)->rec);
    }
    /* 43 x 96 = 4128 bytes: one block, with 41 whole records and a part of the 42nd. */
    assert_int_equal(log_gather_idx_whole(&idx, 42), LIMIT_BLOCK_BYTES);
    assert_int_equal(log_gather_idx_whole(&idx, 41), LIMIT_BLOCK_BYTES);
    assert_int_equal(log_gather_idx_whole(&idx, 40), 0);
    log_gather_idx_pad(&idx);
    assert_int_equal(idx.fill_bytes, 2 * LIMIT_BLOCK_BYTES);
    for (uint32_t i = 4128; i < 2 * LIMIT_BLOCK_BYTES; i++) {
        assert_int_equal(data[i], 0);
    }
}

/* --- Rows --- */

/* The journal files of what the table says may be written anew: nobody reads an entry there any
 * more, whether or not one behind it was cut off while the table was written. */
static void settle_counts_what_a_cut_left_of_a_written_row(void **state)
{
    struct scene *s = *state;
    for (uint32_t i = 0; i < 6; i++) {
        struct log_slot *entry = scene_entry(s, 100, 0, 0, false);
        entry->unsettled_bytes = 100;
        s->ls.lane.unsettled_bytes += 100;
    }
    s->log.row.end.index = 4; /* 5 and 6 came after the cut */
    s->log.cuts_pending = 1;
    log_row_synced(&s->log);
    for (uint64_t i = 1; i <= 6; i++) {
        const struct log_slot *slot = log_tail_find(&s->log, i);
        assert_int_equal(slot->is_settled, i <= 4);
        assert_int_equal(log_slot_is_in_journal(slot), i > 4);
    }
    assert_int_equal(s->ls.lane.unsettled_bytes, 200);
    assert_int_equal(s->log.table_index, 4);
}

/* --- Sizes, machines --- */

static void settle_grows_a_segment_by_its_size(void **state)
{
    struct scene *s = *state;
    static const struct {
        uint32_t allocated, need, want;
    } rows[] = {
        {0, 1, 64 << 10},
        {64 << 10, 65 << 10, 128 << 10},
        {128 << 10, 200 << 10, 256 << 10},
        {16 << 20, (16 << 20) + 4096, 32 << 20},
        {32 << 20, (32 << 20) + 4096, 48 << 20},
        {48 << 20, 40 << 20, 48 << 20},        /* there is room */
        {96 << 20, (99 << 20), (100 << 20)},   /* not beyond what a segment is to be */
        {100 << 20, (101 << 20), (101 << 20)}, /* unless a batch needs it */
    };
    s->log.segment_bytes_max = 100 << 20;
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        s->seg.allocated_bytes = rows[i].allocated;
        assert_int_equal(log_segment_grown(&s->seg, rows[i].need), rows[i].want);
    }
}

static void settle_machines_make_sense(void **state)
{
    (void)state;
    const struct sm_decl *const decls[] = {&log_round_decl, &log_job_decl, &log_place_decl,
                                           &log_clean_decl, &log_direct_decl, &log_sync_decl};
    for (uint32_t i = 0; i < ARRAY_COUNT(decls); i++) {
        char why[200];
        if (sm_check_conf(decls[i], why, sizeof(why)) != ERR_OK) {
            fail_msg("%s: %s", decls[i]->name, why);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define SCENE(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
        SCENE(settle_gathers_what_is_in_memory_without_a_read),
        SCENE(settle_reads_neighbours_in_the_journal_at_once),
        SCENE(settle_reads_a_large_batch_in_parts),
        SCENE(settle_believes_the_rest_before_the_slots),
        SCENE(settle_gives_zeros_for_what_nobody_has),
        SCENE(settle_gathers_any_range_of_any_entries),
        cmocka_unit_test(settle_counts_records_that_lie_wholly_in_blocks),
        SCENE(settle_writes_sidecar_blocks_once_and_whole),
        SCENE(settle_leaves_records_out_whose_entries_are_not_written),
        SCENE(settle_counts_what_a_cut_left_of_a_written_row),
        SCENE(settle_grows_a_segment_by_its_size),
        cmocka_unit_test(settle_machines_make_sense),
#undef SCENE
    };
    return cmocka_run_group_tests_name("log_settle", tests, NULL, NULL);
}
