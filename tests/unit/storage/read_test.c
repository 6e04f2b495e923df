/* Reading a log: from memory, journal and segments and across their borders, by index, offset and
 * timestamp, against a naive reader; what rots is refused, named once and stepped over; a reader
 * that reads ahead gives the same. */
#include "storage/log/read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rt/clock.h"
#include "storage/log/cursor.h"
#include "storage/log/range.h"
#include "storage/log/retention.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/read_log.h"

/* A log of plain entries in segments of 16 KiB or so, the last one unsettled and in memory. */
static struct read_log *read_plain(uint32_t entries_count)
{
    struct read_log_options options = {.seed = 1,
                                       .entries_count = entries_count,
                                       .segment_bytes = 16 << 10,
                                       .batch_bytes = 700,
                                       .is_plain = true};
    return read_log_new(&options);
}

static void read_ask(struct read_log *rl, struct log_read *read)
{
    read_log_start(rl, read);
    read_log_wait(rl);
}

/* Read, hold it against the naive reader, release. */
static void read_hold(struct read_log *rl, struct log_read *read)
{
    struct read_log_want *want = calloc(1, sizeof(*want));
    read_log_expect(rl, read, want);
    read_ask(rl, read);
    const char *why = read_log_check(rl, read, want);
    if (why != NULL) {
        printf("seed %" PRIu64 ": from %d at %" PRIu64 " index_max %" PRIu64 " bytes_max %u: %s; "
               "err %s for %s, %u entries of %u, first %" PRIu64 "\n",
               rl->options.seed, (int)read->from, read->at, read->index_max, read->bytes_max, why,
               err_name(read->err), err_name(want->err), read->entries_count, want->count,
               read->first_index);
        fail();
    }
    free(want);
    log_read_release(read);
}

static void entries_in_memory_are_read_without_io(void **state)
{
    (void)state;
    struct read_log *rl = read_plain(10);
    uint64_t before = sim_disk_stats(sim_node_disk(rl->node))->read_bytes;
    struct log_read read = {.from = LOG_READ_INDEX,
                            .at = rl->entries[2].rec.index,
                            .index_max = UINT64_MAX,
                            .bytes_max = 1 << 20};
    read_ask(rl, &read);
    assert_int_equal(read.entries_count, 8);
    assert_true(read.is_hot);
    assert_true(sim_disk_stats(sim_node_disk(rl->node))->read_bytes == before);
    log_read_release(&read);
    read_log_free(rl);
}

static void neighbours_in_a_buffer_are_one_part(void **state)
{
    (void)state;
    struct read_log *rl = read_plain(3);
    struct buf_slice first = log_tail_first(&rl->log)->slice;
    struct buf_slice second = log_tail_find(&rl->log, 2)->slice;
    struct log_read read = {
        .from = LOG_READ_INDEX, .at = 1, .index_max = 2, .bytes_max = UINT32_MAX};
    read_ask(rl, &read);
    bool is_together = first.buf == second.buf;
    assert_int_equal(read.parts_count, is_together ? 1 : 2);
    assert_int_equal(read.entries_count, 2);
    log_read_release(&read);
    read_log_free(rl);
}

static void first_batch_is_given_though_it_is_too_large(void **state)
{
    (void)state;
    struct read_log *rl = read_plain(200);
    for (uint32_t at = 1; at <= 200; at += 13) {
        struct log_read read = {
            .from = LOG_READ_INDEX, .at = at, .index_max = UINT64_MAX, .bytes_max = 0};
        read_ask(rl, &read);
        assert_int_equal(read.err, ERR_OK);
        assert_int_equal(read.entries_count, 1);
        assert_true(read.first_index == at);
        log_read_release(&read);
    }
    read_log_free(rl);
}

static void what_is_not_there_is_said(void **state)
{
    (void)state;
    static const struct {
        enum log_read_from from;
        uint64_t at;
        uint64_t index_max;
        enum err err;
    } rows[] = {
        {LOG_READ_INDEX, 0, UINT64_MAX, ERR_RANGE},
        {LOG_READ_INDEX, 200, UINT64_MAX, ERR_OK},
        {LOG_READ_INDEX, 201, UINT64_MAX, ERR_END},
        {LOG_READ_INDEX, 10, 9, ERR_END},
        {LOG_READ_OFFSET, 0, UINT64_MAX, ERR_OK},
        {LOG_READ_OFFSET, 199, UINT64_MAX, ERR_OK},
        {LOG_READ_OFFSET, 199, 199, ERR_END},
        {LOG_READ_OFFSET, 200, UINT64_MAX, ERR_END},
        {LOG_READ_TIMESTAMP, 0, UINT64_MAX, ERR_OK},
        {LOG_READ_TIMESTAMP, INT64_MAX, UINT64_MAX, ERR_END},
    };
    struct read_log *rl = read_plain(200); /* indexes 1..200, offsets 0..199 */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct log_read read = {.from = rows[i].from,
                                .at = rows[i].at,
                                .index_max = rows[i].index_max,
                                .bytes_max = 1 << 20};
        read_ask(rl, &read);
        assert_int_equal(read.err, rows[i].err);
        log_read_release(&read);
    }
    read_log_free(rl);
}

/* Trimmed, but held: whoever knows its offset reads on, nobody else finds it. */
static void what_a_pin_holds_of_a_log_without_entries_is_read(void **state)
{
    (void)state;
    static const struct {
        enum log_read_from from;
        uint64_t at;
        enum err err;
    } rows[] = {
        {LOG_READ_INDEX, 200, ERR_OK},   {LOG_READ_INDEX, 201, ERR_END},
        {LOG_READ_OFFSET, 0, ERR_OK},    {LOG_READ_OFFSET, 199, ERR_OK},
        {LOG_READ_OFFSET, 200, ERR_END}, {LOG_READ_TIMESTAMP, 0, ERR_END},
    };
    struct read_log *rl = read_plain(200); /* indexes 1..200, offsets 0..199 */
    rl->log.start = (struct log_point){.index = 201, .offset = 200};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct log_read read = {
            .from = rows[i].from, .at = rows[i].at, .index_max = UINT64_MAX, .bytes_max = 1 << 20};
        read_ask(rl, &read);
        assert_int_equal(read.err, rows[i].err);
        log_read_release(&read);
    }
    read_log_free(rl);
}

/* A read of anything anywhere. */
static struct log_read read_any(struct read_log *rl)
{
    struct prng *prng = &rl->prng;
    const struct read_log_entry *entry = &rl->entries[prng_below(prng, rl->entries_count)];
    struct log_read read = {
        .from = (enum log_read_from)prng_below(prng, 3),
        .index_max = prng_chance(prng, 1, 3) ? entry->rec.index + prng_below(prng, 50) : UINT64_MAX,
        .bytes_max = prng_chance(prng, 1, 4) ? UINT32_MAX : (uint32_t)prng_below(prng, 100000),
        .does_skip_internal = prng_chance(prng, 1, 2)};
    switch (read.from) {
    case LOG_READ_INDEX: read.at = entry->rec.index + prng_below(prng, 3); break;
    case LOG_READ_OFFSET: read.at = entry->rec.base_offset + prng_below(prng, 4); break;
    case LOG_READ_TIMESTAMP:
        read.at = (uint64_t)(entry->timestamp < 0 ? 0 : entry->timestamp) + prng_below(prng, 3);
        break;
    }
    if (prng_chance(prng, 1, 20)) {
        read.at = read.at > 500 ? read.at - 500 : 0;
    }
    return read;
}

static void any_read_of_any_log_is_the_naive_one(void **state)
{
    (void)state;
    struct share share = share_open("reads of logs in memory, journal and segments", 45);
    while (share_more(&share)) {
        struct read_log_options options = read_log_options(share_case_seed(&share));
        struct read_log *rl = read_log_new(&options);
        for (int i = 0; i < 60; i++) {
            struct log_read read = read_any(rl);
            read_hold(rl, &read);
        }
        read_log_free(rl);
    }
    share_close(&share);
}

/* --- Rot --- */

/* Flip a bit at `pos` of the file of `kind` that entry `number` is in. */
static void read_rot(struct read_log *rl, uint32_t number, const char *kind, uint64_t pos)
{
    char path[LIMIT_PATH_BYTES];
    if (strcmp(kind, "jnl") == 0) {
        log_path_journal(path, &rl->store, rl->entries[number].journal);
    } else {
        read_log_path(rl, number, kind, path);
    }
    assert_int_equal(
        sim_disk_rot(sim_node_disk(rl->node), path, pos, (uint32_t)prng_below(&rl->prng, 8)),
        ERR_OK);
    rl->entries[number].is_bad = true;
}

/* Where the sidecar's record of entry `number` stands. */
static uint64_t read_record_pos(const struct read_log *rl, uint32_t number)
{
    uint32_t first = number;
    while (first > 0 && rl->entries[first - 1].segment == rl->entries[number].segment) {
        first--;
    }
    return (number - first + 1ull) * LOG_SIDECAR_BYTES;
}

static void rotten_batch_is_refused_and_named_once(void **state)
{
    (void)state;
    struct read_log *rl = read_plain(200);
    read_rot(rl, 20, "log", rl->entries[20].rec.pos + 100);
    struct log_read read = {
        .from = LOG_READ_INDEX, .at = 15, .index_max = UINT64_MAX, .bytes_max = 1 << 20};
    read_hold(rl, &read); /* entries 15..20; 21 is rotten */
    for (int i = 0; i < 2; i++) {
        read = (struct log_read){
            .from = LOG_READ_INDEX, .at = 21, .index_max = UINT64_MAX, .bytes_max = 1 << 20};
        read_ask(rl, &read);
        assert_int_equal(read.err, ERR_CORRUPT);
        assert_true(read.first_index == 21 && read.last_index == 21 && read.next_offset == 21);
    }
    assert_int_equal(list_count(&rl->log.ranges), 1);
    const struct log_range *range = log_range_find(&rl->log, 1);
    assert_true(range->first_index == 21 && range->last_index == 21 && range->next_offset == 21);
    read = (struct log_read){
        .from = LOG_READ_INDEX, .at = 22, .index_max = UINT64_MAX, .bytes_max = 1 << 20};
    read_hold(rl, &read);
    read_log_free(rl);
}

static void offset_in_a_rotten_batch_is_refused(void **state)
{
    (void)state;
    struct read_log *rl = read_plain(200);
    read_rot(rl, 20, "log", rl->entries[20].rec.pos + 3);
    struct log_read read = {
        .from = LOG_READ_OFFSET, .at = 20, .index_max = UINT64_MAX, .bytes_max = 1 << 20};
    read_hold(rl, &read);
    read_log_free(rl);
}

/* Rot in a sidecar takes the entry with it: what its batch is cannot be told any more. */
static void rotten_sidecar_record_is_refused(void **state)
{
    (void)state;
    struct read_log *rl = read_plain(200);
    read_rot(rl, 40, "idx", read_record_pos(rl, 40) + 30);
    for (uint64_t at = 30; at < 60; at++) {
        struct log_read read = {
            .from = LOG_READ_INDEX, .at = at, .index_max = UINT64_MAX, .bytes_max = 20000};
        read_hold(rl, &read);
        read = (struct log_read){
            .from = LOG_READ_OFFSET, .at = at, .index_max = UINT64_MAX, .bytes_max = 20000};
        read_hold(rl, &read);
    }
    assert_int_equal(list_count(&rl->log.ranges), 1);
    read_log_free(rl);
}

/* Some hundred records in a row, more than a window holds: what lies behind is found all the same.
 */
static void rotten_stretch_of_a_sidecar_is_stepped_over(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct read_log_options options = {.seed = seed,
                                           .entries_count = 1500,
                                           .segment_bytes = 1 << 20,
                                           .batch_bytes = 300,
                                           .gap_ppm = seed % 2 == 0 ? 20000 : 0,
                                           .is_sealed = true};
        struct read_log *rl = read_log_new(&options);
        uint32_t first = 1 + (uint32_t)prng_below(&rl->prng, 1200);
        uint32_t count = 1 + (uint32_t)prng_below(&rl->prng, 250);
        for (uint32_t i = first; i < first + count; i++) {
            read_rot(rl, i, "idx", read_record_pos(rl, i) + 50);
        }
        for (int i = 0; i < 200; i++) {
            uint32_t number = (uint32_t)prng_below(&rl->prng, rl->entries_count);
            bool is_offset = prng_chance(&rl->prng, 1, 2);
            const struct read_log_entry *entry = &rl->entries[number];
            struct log_read read = {.from = is_offset ? LOG_READ_OFFSET : LOG_READ_INDEX,
                                    .at = is_offset ? entry->rec.base_offset : entry->rec.index,
                                    .index_max = UINT64_MAX,
                                    .bytes_max = (uint32_t)prng_below(&rl->prng, 5000)};
            if (entry->bytes == NULL || entry->is_bad) {
                continue; /* a gap in the stretch is as lost as the rest, offset or index alike */
            }
            read_hold(rl, &read);
        }
        struct log_read read = {
            .from = LOG_READ_INDEX, .at = rl->entries[first].rec.index, .index_max = UINT64_MAX};
        read_hold(rl, &read);
        read_log_free(rl);
    }
}

static void any_rot_is_found_where_it_is(void **state)
{
    (void)state;
    struct share share = share_open("reads of logs that rot", 25);
    while (share_more(&share)) {
        struct read_log_options options = read_log_options(share_case_seed(&share));
        struct read_log *rl = read_log_new(&options);
        for (int i = 0; i < 5; i++) {
            uint32_t number = (uint32_t)prng_below(&rl->prng, rl->entries_count);
            const struct read_log_entry *entry = &rl->entries[number];
            if (entry->bytes == NULL || entry->rec.kind != LOG_KIND_DATA || entry->is_bad) {
                continue;
            }
            uint64_t at = prng_below(&rl->prng, entry->rec.length);
            if (entry->where == READ_LOG_SEGMENT && prng_chance(&rl->prng, 1, 3)) {
                read_rot(rl, number, "idx", read_record_pos(rl, number) + at % LOG_SIDECAR_BYTES);
            } else if (entry->where == READ_LOG_SEGMENT || entry->where == READ_LOG_SETTLED) {
                read_rot(rl, number, "log", entry->rec.pos + at);
            } else if (entry->where == READ_LOG_JOURNAL) {
                read_rot(rl, number, "jnl", entry->journal_pos + at);
            }
        }
        for (int i = 0; i < 60; i++) {
            struct log_read read = read_any(rl);
            if (read.from != LOG_READ_TIMESTAMP) { /* a rotten record has none */
                read_hold(rl, &read);
            }
        }
        read_log_free(rl);
    }
    share_close(&share);
}

static void range_of_lost_indexes_is_refused_as_one(void **state)
{
    (void)state;
    struct read_log *rl = read_plain(200);
    bool is_new = false;
    assert_int_equal(log_range_add(&rl->log, 50, 59, 59, &is_new), ERR_OK);
    assert_true(is_new);
    struct log_read read = {
        .from = LOG_READ_OFFSET, .at = 55, .index_max = UINT64_MAX, .bytes_max = 1 << 20};
    read_ask(rl, &read);
    assert_int_equal(read.err, ERR_CORRUPT);
    assert_true(read.last_index == 59 && read.next_offset == 59);
    read = (struct log_read){
        .from = LOG_READ_INDEX, .at = 40, .index_max = UINT64_MAX, .bytes_max = 1 << 20};
    read_ask(rl, &read);
    assert_int_equal(read.err, ERR_OK);
    assert_true(read.last_index == 49);
    log_read_release(&read);
    assert_int_equal(log_range_add(&rl->log, 198, 198, 198, &is_new), ERR_OK); /* in memory */
    read = (struct log_read){
        .from = LOG_READ_INDEX, .at = 195, .index_max = UINT64_MAX, .bytes_max = 1 << 20};
    read_ask(rl, &read);
    assert_int_equal(read.err, ERR_OK);
    assert_true(read.last_index == 197);
    log_read_release(&read);
    read_log_free(rl);
}

/* --- What happens meanwhile --- */

static bool read_has_begun(void *ctx)
{
    struct log_read *read = ctx;
    return read->log != NULL && list_is_linked(&read->in_log);
}

static bool read_waits_for_bytes(void *ctx)
{
    struct log_read *read = ctx;
    return read_has_begun(ctx) && sm_stage(&read->sm) == LOG_READ_BYTES;
}

static void read_of_a_deleted_log_ends(void **state)
{
    (void)state;
    struct read_log *rl = read_plain(200);
    struct log_read read = {
        .from = LOG_READ_INDEX, .at = 1, .index_max = UINT64_MAX, .bytes_max = 1 << 20};
    read_log_start(rl, &read);
    assert_true(sim_run_until_true(rl->sim, read_has_begun, &read, UINT64_MAX));
    rl->log.is_deleted = true;
    read_log_wait(rl);
    assert_int_equal(read.err, ERR_CLOSING);
    assert_int_equal(read.parts_count, 0);
    read_log_free(rl);
}

/* The log is cut while the first run is being read: nothing from behind the cut is given out. */
static void read_of_a_cut_log_gives_what_is_left(void **state)
{
    (void)state;
    for (uint32_t steps = 0; steps < 40; steps++) {
        struct read_log *rl = read_plain(200);
        struct log_read read = {
            .from = LOG_READ_INDEX, .at = 1, .index_max = UINT64_MAX, .bytes_max = 1 << 20};
        read_log_start(rl, &read);
        assert_true(sim_run_until_true(rl->sim, read_has_begun, &read, UINT64_MAX));
        sim_run_steps(rl->sim, steps);
        if (rl->is_read) {
            log_read_release(&read);
            read_log_free(rl);
            break;
        }
        while (log_tail_last(&rl->log) != NULL) {
            log_tail_pop_last(&rl->log);
        }
        struct log_segment *seg = log_segment_find(&rl->log, 10);
        while (log_segment_active(&rl->log) != seg) {
            log_segment_free(log_segment_active(&rl->log));
        }
        seg->last_index = 10;
        seg->next_offset = 10;
        rl->log.end.index = 10;
        rl->log.end.offset = 10;
        rl->log.cut_epoch++;
        read_log_wait(rl);
        assert_int_equal(read.err, ERR_OK);
        assert_true(read.first_index == 1 && read.last_index == 10);
        log_read_release(&read);
        read_log_free(rl);
    }
}

/* A journal file is written anew after the read of it was begun, its entries being settled. */
static void entry_settled_meanwhile_is_no_rot(void **state)
{
    (void)state;
    struct read_log_options options = {.seed = 4,
                                       .entries_count = 100,
                                       .segment_bytes = 1 << 20,
                                       .batch_bytes = 700,
                                       .settled_percent = 0};
    struct read_log *rl = read_log_new(&options);
    uint32_t number = 0;
    while (rl->entries[number].where != READ_LOG_JOURNAL) {
        number++;
    }
    struct read_log_entry *entry = &rl->entries[number];
    struct log_read read = {.from = LOG_READ_INDEX,
                            .at = entry->rec.index,
                            .index_max = entry->rec.index,
                            .bytes_max = 1 << 20};
    read_rot(rl, number, "jnl", entry->journal_pos + 50);
    read_log_start(rl, &read);
    assert_true(sim_run_until_true(rl->sim, read_waits_for_bytes, &read, UINT64_MAX));
    struct log_slot *slot = log_tail_find(&rl->log, entry->rec.index);
    struct log_segment *seg = slot->seg;
    char path[LIMIT_PATH_BYTES];
    struct sim_handle *handle = NULL;
    uint64_t sequence = 0;
    read_log_path(rl, number, "log", path);
    assert_true(sim_disk_open(sim_node_disk(rl->node), path, RT_FILE_WRITE, &handle) == ERR_OK);
    struct iovec iov = {entry->bytes, entry->rec.length};
    assert_true(sim_disk_write(handle, &iov, 1, entry->rec.pos, iov.iov_len, &sequence) == ERR_OK);
    iov = (struct iovec){(uint8_t[1]){0}, 1};
    assert_true(sim_disk_write(handle, &iov, 1, 1 << 20, 1, &sequence) == ERR_OK);
    sim_disk_close(handle);
    seg->written_bytes = 1 << 20;
    slot->is_settled = true;
    entry->is_bad = false;
    read_log_wait(rl);
    assert_int_equal(read.err, ERR_OK);
    assert_memory_equal(buf_slice_data(read.parts[0]), entry->bytes, entry->rec.length);
    assert_true(list_is_empty(&rl->log.ranges));
    log_read_release(&read);
    read_log_free(rl);
}

/* --- The reader --- */

struct read_step {
    struct log_reader *reader;
    uint64_t index_max;
};

static void read_step_next(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct read_step *step = ctx;
    log_reader_next(step->reader, step->index_max);
}

/* The log from index `next` on, step by step; returns the number of steps. */
static uint32_t read_with_reader(struct read_log *rl, struct log_reader *reader, uint64_t next,
                                 uint64_t index_max)
{
    struct read_log_want *want = calloc(1, sizeof(*want));
    struct read_step step = {reader, index_max};
    uint32_t steps = 0;
    for (;;) {
        struct log_read naive = {
            .from = LOG_READ_INDEX, .at = next, .index_max = index_max, .bytes_max = UINT32_MAX};
        read_log_expect(rl, &naive, want);
        read_log_call(rl, read_step_next, &step);
        struct log_read *read = &reader->read;
        if (want->err == ERR_OK) { /* a step may be any first part of it */
            assert_int_equal(read->err, ERR_OK);
            assert_true(read->entries_count > 0 && read->entries_count <= want->count);
            want->count = read->entries_count;
        }
        const char *why = read_log_check(rl, read, want);
        if (why != NULL) {
            printf("seed %" PRIu64 ": reader at %" PRIu64 ": %s, err %s for %s\n", rl->options.seed,
                   next, why, err_name(read->err), err_name(want->err));
            fail();
        }
        if (read->err == ERR_END) {
            break;
        }
        next = read->last_index + 1;
        steps++;
        if (prng_chance(&rl->prng, 1, 4)) { /* time for what is read ahead */
            sim_run_for(rl->sim, prng_below(&rl->prng, 3 * RT_NS_PER_MS));
        }
    }
    free(want);
    return steps;
}

static void reader_gives_the_whole_log(void **state)
{
    (void)state;
    struct share share = share_open("logs read with read-ahead", 20);
    while (share_more(&share)) {
        struct read_log_options options = read_log_options(share_case_seed(&share));
        struct read_log *rl = read_log_new(&options);
        struct log_reader reader;
        uint32_t bytes_max = 1u << (10 + prng_below(&rl->prng, 11));
        if (prng_chance(&rl->prng, 1, 2)) {
            uint32_t number = (uint32_t)prng_below(&rl->prng, rl->entries_count);
            const struct read_log_entry *entry = &rl->entries[number];
            if (entry->where == READ_LOG_SEGMENT && entry->bytes != NULL) {
                read_rot(rl, number, "log", entry->rec.pos);
            }
        }
        log_reader_open(&reader, &rl->log, LOG_READ_INDEX, rl->entries[0].rec.index, bytes_max,
                        read_log_done, rl);
        read_with_reader(rl, &reader, rl->entries[0].rec.index, UINT64_MAX);
        log_reader_close(&reader);
        log_reader_open(&reader, &rl->log, LOG_READ_INDEX, rl->entries[0].rec.index, bytes_max,
                        read_log_done, rl);
        read_with_reader(rl, &reader, rl->entries[0].rec.index, UINT64_MAX); /* some in memory */
        log_reader_close(&reader);
        read_log_free(rl);
    }
    share_close(&share);
}

/* A segment is read once: its bytes, what alignment adds to each step, its sidecar. */
static void reader_reads_nothing_twice(void **state)
{
    (void)state;
    struct read_log_options options = {.seed = 9,
                                       .entries_count = 600,
                                       .segment_bytes = 64 << 20,
                                       .batch_bytes = 32 << 10,
                                       .is_sealed = true};
    struct read_log *rl = read_log_new(&options);
    const struct log_segment *seg = log_segment_active(&rl->log);
    struct log_reader reader;
    uint64_t before = sim_disk_stats(sim_node_disk(rl->node))->read_bytes;
    log_reader_open(&reader, &rl->log, LOG_READ_OFFSET, 0, 1 << 20, read_log_done, rl);
    reader.read.at = rl->entries[0].rec.base_offset;
    uint32_t steps = read_with_reader(rl, &reader, rl->entries[0].rec.index, UINT64_MAX);
    log_reader_close(&reader);
    uint64_t read_bytes = sim_disk_stats(sim_node_disk(rl->node))->read_bytes - before;
    uint64_t idx_bytes = (READ_LOG_ENTRIES + 1) * LOG_SIDECAR_BYTES + LIMIT_BLOCK_BYTES;
    assert_true(read_bytes <= seg->end_pos + idx_bytes + steps * 2ull * LIMIT_BLOCK_BYTES);
    assert_true(steps <= seg->end_pos / ((1 << 20) - (40 << 10)) + 2);
    read_log_free(rl);
}

/* A sidecar of many windows: read block by block, once. */
static void reader_slides_over_the_sidecar(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct read_log_options options = {.seed = seed,
                                           .entries_count = READ_LOG_ENTRIES,
                                           .segment_bytes = 64 << 20,
                                           .batch_bytes = 300,
                                           .gap_ppm = seed % 2 == 0 ? 10000 : 0,
                                           .settled_percent = 90,
                                           .is_sealed = seed % 3 == 0};
        struct read_log *rl = read_log_new(&options);
        struct log_reader reader;
        uint64_t before = sim_disk_stats(sim_node_disk(rl->node))->read_bytes;
        log_reader_open(&reader, &rl->log, LOG_READ_INDEX, rl->entries[0].rec.index, 64 << 10,
                        read_log_done, rl);
        uint32_t steps = read_with_reader(rl, &reader, rl->entries[0].rec.index, UINT64_MAX);
        log_reader_close(&reader);
        uint64_t read_bytes = sim_disk_stats(sim_node_disk(rl->node))->read_bytes - before;
        uint64_t idx_bytes = (READ_LOG_ENTRIES + 1) * LOG_SIDECAR_BYTES + LIMIT_BLOCK_BYTES;
        uint64_t all = log_segment_active(&rl->log)->end_pos + idx_bytes;
        assert_true(!options.is_sealed || read_bytes <= all + steps * 2ull * LIMIT_BLOCK_BYTES);
        read_log_free(rl);
    }
}

/* The sidecar had room behind its records when the reader looked; by now they are there. */
static void reader_sees_what_was_settled_meanwhile(void **state)
{
    (void)state;
    struct read_log_options options = {.seed = 3,
                                       .entries_count = 400,
                                       .segment_bytes = 1 << 20,
                                       .batch_bytes = 700,
                                       .settled_percent = 40,
                                       .is_plain = true,
                                       .is_grown = true};
    struct read_log *rl = read_log_new(&options);
    struct log_reader reader;
    uint64_t first = log_tail_first(&rl->log)->rec.index;
    assert_true(first > 20);
    log_reader_open(&reader, &rl->log, LOG_READ_INDEX, 1, 8 << 10, read_log_done, rl);
    read_with_reader(rl, &reader, 1, first - 1);
    read_log_finish(rl);
    read_with_reader(rl, &reader, first, UINT64_MAX);
    log_reader_close(&reader);
    read_log_free(rl);
}

/* --- Retention --- */

static void retention_goes_by_segments(void **state)
{
    (void)state;
    struct read_log *rl = read_plain(200);
    struct log *log = &rl->log;
    struct log_segment *first =
        CONTAINER_OF(list_first(&log->segments.list), struct log_segment, in_log);
    struct log_segment *second =
        CONTAINER_OF(list_next(&log->segments.list, &first->in_log), struct log_segment, in_log);
    uint64_t all = 0;
    list_for_each (node, &log->segments.list) {
        all += CONTAINER_OF(node, struct log_segment, in_log)->end_pos;
    }
    const struct {
        struct log_retention want;
        uint64_t first_index;
    } rows[] = {
        {{.bytes_max = UINT64_MAX, .age_ms = -1, .index_max = 200}, 1},
        {{.bytes_max = all - first->end_pos, .age_ms = -1, .index_max = 200},
         first->last_index + 1},
        {{.bytes_max = all - first->end_pos + 1, .age_ms = -1, .index_max = 200}, 1},
        {{.bytes_max = 0, .age_ms = -1, .index_max = 200}, log_segment_active(log)->start.index},
        {{.bytes_max = 0, .age_ms = -1, .index_max = second->last_index - 1},
         first->last_index + 1},
        {{.bytes_max = UINT64_MAX,
          .age_ms = 1000,
          .now_ms = second->max_timestamp + 1000,
          .index_max = 200},
         first->last_index + 1},
        {{.bytes_max = UINT64_MAX,
          .age_ms = 1000,
          .now_ms = second->max_timestamp + 1001,
          .index_max = 200},
         second->last_index + 1},
        {{.bytes_max = UINT64_MAX, .age_ms = 0, .now_ms = INT64_MAX, .index_max = 200}, 201},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t index = 0;
        assert_int_equal(log_retention_index(log, &rows[i].want, &index), ERR_OK);
        assert_true(index == rows[i].first_index);
    }
    log->is_loaded = false;
    uint64_t index = 0;
    assert_int_equal(log_retention_index(log, &rows[0].want, &index), ERR_AGAIN);
    log->is_loaded = true;
    read_log_free(rl);
}

struct read_find {
    struct log_retention_find find;
    struct read_log *rl;
    uint64_t offset;
    uint64_t index_max;
};

static void read_find_done(struct log_retention_find *find)
{
    struct read_find *asked = find->ctx;
    asked->rl->is_read = true;
}

static void read_find_begin(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct read_find *asked = ctx;
    asked->find = (struct log_retention_find){.done = read_find_done, .ctx = asked};
    log_retention_find(&asked->find, &asked->rl->log, asked->offset, asked->index_max);
}

static void deleted_offset_is_found(void **state)
{
    (void)state;
    struct read_log *rl = read_plain(200); /* entry n has offset n - 1 */
    const struct {
        uint64_t offset;
        uint64_t index_max;
        uint64_t first_index;
    } rows[] = {{0, 200, 1}, {77, 200, 78}, {200, 200, 201}, {77, 50, 51}, {20, 200, 21}};
    read_rot(rl, 20, "log", rl->entries[20].rec.pos + 64);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct read_find asked = {
            .rl = rl, .offset = rows[i].offset, .index_max = rows[i].index_max};
        read_log_call(rl, read_find_begin, &asked);
        assert_int_equal(asked.find.err, ERR_OK);
        assert_true(asked.find.first_index == rows[i].first_index);
    }
    read_log_free(rl);
}

/* --- Ranges --- */

static void ranges_that_touch_become_one(void **state)
{
    (void)state;
    struct read_log *rl = read_plain(100);
    struct log *log = &rl->log;
    static const uint64_t rows[][4] = {/* first, last, new, ranges then */
                                       {10, 12, 1, 1}, {20, 22, 1, 2}, {11, 12, 0, 2},
                                       {14, 18, 1, 3}, {13, 13, 1, 2}, {19, 30, 1, 1},
                                       {10, 30, 0, 1}, {1, 1, 1, 2},   {40, 40, 1, 3}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool is_new = false;
        assert_int_equal(log_range_add(log, rows[i][0], rows[i][1], rows[i][1], &is_new), ERR_OK);
        assert_int_equal(is_new, rows[i][2]);
        assert_int_equal(list_count(&log->ranges), rows[i][3]);
    }
    log_ranges_cut(log, 25);
    assert_int_equal(list_count(&log->ranges), 2);
    assert_true(log_range_find(log, 5)->last_index == 24);
    log->start.index = 2;
    log_ranges_trim(log);
    assert_int_equal(list_count(&log->ranges), 1);
    read_log_free(rl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_in_memory_are_read_without_io),
        cmocka_unit_test(neighbours_in_a_buffer_are_one_part),
        cmocka_unit_test(first_batch_is_given_though_it_is_too_large),
        cmocka_unit_test(what_is_not_there_is_said),
        cmocka_unit_test(what_a_pin_holds_of_a_log_without_entries_is_read),
        cmocka_unit_test(any_read_of_any_log_is_the_naive_one),
        cmocka_unit_test(rotten_batch_is_refused_and_named_once),
        cmocka_unit_test(offset_in_a_rotten_batch_is_refused),
        cmocka_unit_test(rotten_sidecar_record_is_refused),
        cmocka_unit_test(rotten_stretch_of_a_sidecar_is_stepped_over),
        cmocka_unit_test(any_rot_is_found_where_it_is),
        cmocka_unit_test(range_of_lost_indexes_is_refused_as_one),
        cmocka_unit_test(read_of_a_deleted_log_ends),
        cmocka_unit_test(read_of_a_cut_log_gives_what_is_left),
        cmocka_unit_test(entry_settled_meanwhile_is_no_rot),
        cmocka_unit_test(reader_gives_the_whole_log),
        cmocka_unit_test(reader_reads_nothing_twice),
        cmocka_unit_test(reader_slides_over_the_sidecar),
        cmocka_unit_test(reader_sees_what_was_settled_meanwhile),
        cmocka_unit_test(retention_goes_by_segments),
        cmocka_unit_test(deleted_offset_is_found),
        cmocka_unit_test(ranges_that_touch_become_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
