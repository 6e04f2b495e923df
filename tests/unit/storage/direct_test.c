/* A direct write that a crash tore: the blocks it wrote hold entries that stand in the journal
 * only, too, and those that its frame lists may be whole all the same. Nothing that was answered
 * before is lost, whichever of its blocks is not there. And one for which there is no room: it
 * waits, and ends. */
#include <stdio.h>
#include <string.h>

#include "storage/log/read.h"
#include "storage/log/segment.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/home.h"

#define DIRECT_LOG "/data/p/01090000000000000000000000000000/0/0000000000000001-00000000.log"

/* Batches of the journal, and such as go directly. */
#define DIRECT_SMALL_BYTES 1000u
#define DIRECT_LARGE_BYTES 200000u

/* What is let go when the disk is full: a segment grows by less. */
#define DIRECT_RESERVE_BYTES (4u << 20)

/* Small ones between the two large ones: more than a block of them. */
#define DIRECT_SMALL_COUNT 9u

/* What is wrong with the second direct write. */
enum direct_damage {
    DIRECT_WHOLE,
    DIRECT_FIRST,  /* block: the rest before, and entries of the journal */
    DIRECT_SECOND, /* block: entries of the journal only */
    DIRECT_MIDDLE, /* block: of the entry that the frame lists */
    DIRECT_LAST,   /* block: likewise */
    DIRECT_SHORT,  /* the file ends before the last block */
};

/* A group with an entry written directly, entries in the journal, and another one written directly
 * whose frame no other says is flushed. */
struct direct {
    struct home *home;
    struct log_op op;
    struct log_read read;
    uint64_t next_index; /* to be read */
    uint64_t last_index; /* likewise */
    uint32_t pos;        /* where the second write began */
    uint32_t end;        /* behind it */
    bool is_over;        /* all is read */
};

static struct direct *direct_of; /* the one that home's calls are for */

static struct log *direct_log(void)
{
    return log_find(&direct_of->home->shards[0].ls, 1);
}

static void direct_done(struct log_op *op)
{
    bool is_fenced = atomic_load(&direct_of->home->store.is_fenced);
    assert_int_equal(op->err, is_fenced ? ERR_FENCED : ERR_OK);
    direct_of->home->pending_count--;
}

static void direct_append(struct rt_shard *shard, void *ctx)
{
    struct home *home = ctx;
    direct_of->op = (struct log_op){.done = direct_done};
    home->pending_count++;
    assert_int_equal(home_append(&home->shards[shard->id], direct_log(), &direct_of->op), ERR_OK);
    home->answers_count++;
}

/* Append `count` batches, each in a turn of its own. */
static void direct_append_many(struct home *home, uint32_t batch_bytes, uint32_t count)
{
    home->batch_bytes = batch_bytes;
    for (uint32_t i = 0; i < count; i++) {
        home_ask(home, direct_append);
    }
}

static uint32_t direct_written_bytes(void)
{
    return log_segment_active(direct_log())->written_bytes;
}

/* Entry 1 is large and makes the segment's files; the last one is large, too. `reserve_bytes` are
 * let go when the disk is full; UINT64_MAX: none. */
static void direct_begin_with(struct direct *d, uint64_t seed, uint64_t reserve_bytes)
{
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = 64 << 20;
    *d = (struct direct){.home = home_new_on(seed, &options)};
    direct_of = d;
    d->home->config.unsettled_bytes_max = 16 << 20;
    d->home->config.journal_first_bytes = 1 << 20;
    d->home->config.journal_file_bytes = 1 << 20;
    d->home->config.segment_bytes = 4 << 20;
    d->home->config.hot_bytes_max = 8 << 20;
    d->home->config.settle_ns = 1000 * RT_NS_PER_S;
    d->home->config.reserve_bytes = reserve_bytes;
    assert_int_equal(home_start(d->home, 1), ERR_OK);
    home_ask(d->home, home_shard_create);
    direct_append_many(d->home, DIRECT_LARGE_BYTES, 1);
    direct_append_many(d->home, DIRECT_SMALL_BYTES, DIRECT_SMALL_COUNT);
    d->pos = direct_written_bytes();
    assert_int_equal(d->pos, DIRECT_LARGE_BYTES / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES);
    direct_append_many(d->home, DIRECT_LARGE_BYTES, 1);
    d->end = direct_written_bytes();
    assert_true(d->end > d->pos + DIRECT_LARGE_BYTES);
}

static void direct_begin(struct direct *d, uint64_t seed)
{
    direct_begin_with(d, seed, UINT64_MAX);
}

static void direct_strike(const struct direct *d, enum direct_damage damage)
{
    struct sim_disk *disk = home_disk(d->home);
    struct sim_handle *handle = NULL;
    uint64_t pos = d->pos;
    switch (damage) {
    case DIRECT_WHOLE: return;
    case DIRECT_SHORT:
        assert_int_equal(sim_disk_open(disk, DIRECT_LOG, RT_FILE_WRITE, &handle), ERR_OK);
        assert_int_equal(sim_disk_truncate(handle, d->end - LIMIT_BLOCK_BYTES), ERR_OK);
        sim_disk_close(handle);
        return;
    case DIRECT_FIRST: break;
    case DIRECT_SECOND: pos += LIMIT_BLOCK_BYTES; break;
    case DIRECT_MIDDLE: pos += 25 * LIMIT_BLOCK_BYTES; break;
    case DIRECT_LAST: pos = d->end - LIMIT_BLOCK_BYTES; break;
    }
    for (uint64_t i = 0; i < LIMIT_BLOCK_BYTES; i += 512) {
        assert_int_equal(sim_disk_rot(disk, DIRECT_LOG, pos + i, 3), ERR_OK);
    }
}

/* --- Reading --- */

static void direct_read_next(struct rt_shard *shard, void *ctx);

static void direct_read_done(struct log_read *read)
{
    struct direct *d = read->ctx;
    assert_int_equal(read->err, ERR_OK);
    assert_int_equal(read->first_index, d->next_index);
    for (uint32_t i = 0; i < read->parts_count; i++) {
        const uint8_t *data = buf_slice_data(read->parts[i]);
        for (uint32_t at = 0; at < read->parts[i].length;) {
            struct log_batch batch;
            uint32_t left = read->parts[i].length - at;
            assert_int_equal(log_batch_decode(data + at, left, &batch), ERR_OK);
            assert_true(log_batch_is_sound(home_kernels(), data + at, batch.length_bytes));
            assert_int_equal(batch.base_offset, d->next_index - 1);
            d->next_index++;
            at += batch.length_bytes;
        }
    }
    log_read_release(read);
    direct_read_next(NULL, d);
}

static void direct_read_next(struct rt_shard *shard, void *ctx)
{
    struct direct *d = ctx;
    (void)shard;
    d->is_over = d->next_index > d->last_index;
    if (!d->is_over) {
        d->read = (struct log_read){.done = direct_read_done,
                                    .ctx = d,
                                    .log = direct_log(),
                                    .from = LOG_READ_INDEX,
                                    .at = d->next_index,
                                    .index_max = d->last_index,
                                    .bytes_max = DIRECT_LARGE_BYTES};
        log_read(&d->read);
    }
}

static bool direct_is_over(void *ctx)
{
    return ((struct direct *)ctx)->is_over;
}

/* Entries 1 .. `last_index` are the log, and can be read. */
static void direct_read_all(struct direct *d, uint64_t last_index)
{
    struct log_status status;
    assert_true(home_status(d->home, 1, &status));
    assert_true(status.is_available && !status.is_amnesiac);
    assert_int_equal(status.quarantine_count, 0);
    assert_int_equal(status.end.index, last_index);
    d->next_index = 1;
    d->last_index = last_index;
    d->is_over = false;
    sim_post(sim_node_shard(d->home->node, 0), direct_read_next, d);
    assert_true(sim_run_until_true(d->home->sim, direct_is_over, d,
                                   sim_now_ns(d->home->sim) + 100 * RT_NS_PER_S));
}

/* A start after the crash, then once more when all is settled. */
static void direct_run(enum direct_damage damage)
{
    struct direct d;
    direct_begin(&d, 1);
    sim_node_crash(d.home->node, SIM_CRASH_LOSE);
    direct_strike(&d, damage);
    bool is_torn = damage != DIRECT_WHOLE;
    uint64_t last_index = 1 + DIRECT_SMALL_COUNT + !is_torn;
    assert_int_equal(home_start(d.home, 1), ERR_OK);
    assert_int_equal(d.home->store.report.counts[LOG_RECOVER_F6], is_torn);
    direct_read_all(&d, last_index);
    direct_append_many(d.home, DIRECT_LARGE_BYTES, 1);
    home_ask(d.home, home_shard_settle);
    direct_read_all(&d, last_index + 1);
    home_close(d.home);
    assert_int_equal(home_start(d.home, 1), ERR_OK);
    direct_read_all(&d, last_index + 1);
    home_close(d.home);
    home_free(d.home);
}

static bool direct_strikes_segments(void *ctx, enum sim_fault fault, const char *path, uint64_t pos)
{
    (void)ctx, (void)fault, (void)pos;
    return strcmp(path, DIRECT_LOG) == 0;
}

/* What a start finds in the segment's file, which the system could not flush, it writes again: a
 * flush would say that all is well. */
static void direct_is_there_for_good_after_a_flush_that_failed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct direct d;
        direct_begin(&d, seed);
        struct sim_disk_options *disk = sim_disk_options(home_disk(d.home));
        disk->may_strike = direct_strikes_segments;
        disk->faults_ppm[SIM_FAULT_FLUSH_ERROR] = 1000000;
        direct_append_many(d.home, DIRECT_LARGE_BYTES, 1);
        assert_true(atomic_load(&d.home->store.is_fenced));
        disk->faults_ppm[SIM_FAULT_FLUSH_ERROR] = 0;
        sim_node_crash(d.home->node, SIM_CRASH_KEEP);
        assert_int_equal(home_start(d.home, 1), ERR_OK);
        uint64_t last_index = 1 + DIRECT_SMALL_COUNT + 2;
        direct_read_all(&d, last_index);
        direct_append_many(d.home, DIRECT_SMALL_BYTES, 1);
        sim_node_crash(d.home->node, SIM_CRASH_LOSE);
        assert_int_equal(home_start(d.home, 1), ERR_OK);
        direct_read_all(&d, last_index + 1);
        home_close(d.home);
        home_free(d.home);
    }
}

static void direct_that_is_whole_counts(void **state)
{
    (void)state;
    direct_run(DIRECT_WHOLE);
}

static void direct_without_its_first_block_is_torn(void **state)
{
    (void)state;
    direct_run(DIRECT_FIRST);
}

static void direct_without_a_block_of_journaled_entries_is_torn(void **state)
{
    (void)state;
    direct_run(DIRECT_SECOND);
}

static void direct_without_a_block_of_its_entry_is_torn(void **state)
{
    (void)state;
    direct_run(DIRECT_MIDDLE);
    direct_run(DIRECT_LAST);
}

static void direct_in_a_file_that_is_too_short_is_torn(void **state)
{
    (void)state;
    direct_run(DIRECT_SHORT);
}

/* --- A full disk --- */

/* What is free on the disk from now on. */
static void direct_set_free(struct direct *d, uint64_t bytes)
{
    struct sim_disk *disk = home_disk(d->home);
    sim_disk_options(disk)->capacity_bytes = sim_disk_stats(disk)->used_bytes + bytes;
}

/* The next large entry needs more than the segment's file has. */
static void direct_use_up(struct direct *d)
{
    const struct log_segment *seg = log_segment_active(direct_log());
    while (seg->allocated_bytes >= seg->end_pos + DIRECT_LARGE_BYTES) {
        direct_append_many(d->home, DIRECT_LARGE_BYTES, 1);
    }
}

static bool direct_takes_more(struct direct *d)
{
    d->home->refused_count = 0;
    home_ask(d->home, home_shard_append);
    assert_true(d->home->refused_count == 0 || d->home->refusal == ERR_DISK_FULL);
    return d->home->refused_count == 0;
}

/* Somebody else has taken the last block since it was looked: the reserve is let go for it. */
static void direct_without_room_takes_the_reserve(void **state)
{
    (void)state;
    struct direct d;
    direct_begin_with(&d, 1, DIRECT_RESERVE_BYTES);
    direct_use_up(&d);
    sim_run_for(d.home->sim, 10 * RT_NS_PER_S); /* nobody looks at the disk any more */
    assert_true(home_has(d.home, "/data/reserve"));
    direct_set_free(&d, 0);
    direct_append_many(d.home, DIRECT_LARGE_BYTES, 1);
    assert_false(home_has(d.home, "/data/reserve"));
    assert_false(atomic_load(&d.home->store.is_fenced));
    assert_false(direct_takes_more(&d));
    direct_set_free(&d, 32 << 20);
    sim_run_for(d.home->sim, RT_NS_PER_S);
    assert_true(direct_takes_more(&d));
    direct_read_all(&d, direct_log()->end.index);
    home_close(d.home);
    home_free(d.home);
}

/* Nor is there a reserve: it waits until somebody makes room. */
static void direct_without_room_and_reserve_waits(void **state)
{
    (void)state;
    struct direct d;
    direct_begin_with(&d, 1, UINT64_MAX);
    direct_use_up(&d);
    sim_run_for(d.home->sim, 10 * RT_NS_PER_S);
    direct_set_free(&d, 0);
    d.home->batch_bytes = DIRECT_LARGE_BYTES;
    sim_post(sim_node_shard(d.home->node, 0), direct_append, d.home);
    sim_run_for(d.home->sim, 10 * RT_NS_PER_S);
    assert_int_equal(d.home->pending_count, 1);
    assert_false(atomic_load(&d.home->store.is_fenced));
    direct_set_free(&d, 32 << 20);
    sim_run_for(d.home->sim, RT_NS_PER_S);
    assert_int_equal(d.home->pending_count, 0);
    direct_read_all(&d, direct_log()->end.index);
    home_close(d.home);
    home_free(d.home);
}

/* Let in, and then producers are refused, while there is room for what is under way. */
static void direct_append_before_it_is_full(struct rt_shard *shard, void *ctx)
{
    direct_append(shard, ctx);
    atomic_store(&direct_of->home->store.is_full, true);
}

static void direct_that_was_let_in_is_written_on_a_full_disk(void **state)
{
    (void)state;
    struct direct d;
    direct_begin(&d, 1);
    direct_use_up(&d);
    d.home->batch_bytes = DIRECT_LARGE_BYTES;
    uint64_t last_index = direct_log()->end.index + 1;
    direct_set_free(&d, 1500 << 10);
    home_ask(d.home, direct_append_before_it_is_full);
    assert_true(atomic_load(&d.home->store.is_full));
    direct_read_all(&d, last_index);
    home_close(d.home);
    home_free(d.home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direct_that_is_whole_counts),
        cmocka_unit_test(direct_is_there_for_good_after_a_flush_that_failed),
        cmocka_unit_test(direct_without_its_first_block_is_torn),
        cmocka_unit_test(direct_without_a_block_of_journaled_entries_is_torn),
        cmocka_unit_test(direct_without_a_block_of_its_entry_is_torn),
        cmocka_unit_test(direct_in_a_file_that_is_too_short_is_torn),
        cmocka_unit_test(direct_without_room_takes_the_reserve),
        cmocka_unit_test(direct_without_room_and_reserve_waits),
        cmocka_unit_test(direct_that_was_let_in_is_written_on_a_full_disk),
    };
    return cmocka_run_group_tests_name("log_direct", tests, NULL, NULL);
}
