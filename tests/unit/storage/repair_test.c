/* What becomes of entries that cannot be read: a store with 60 of them, damaged in one way after
 * the other; what is refused then, what a repair gives up or puts back, and that it stays so. */
#include "storage/log/repair.h"

#include <stdio.h>
#include <string.h>

#include "base/rt/clock.h"
#include "storage/log/inspect.h"
#include "storage/log/read.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/home.h"

/* Segments of 24 batches of 1000 bytes each: 1, 25, 49. The last one is not sealed, and nothing of
 * it is settled. */
#define REPAIR_DIR     "/data/p/01090000000000000000000000000000/0"
#define REPAIR_ENTRIES 60u
#define REPAIR_BYTES   1000u

/* What stands where, and what is being done. */
struct repairs {
    struct home *home;
    uint8_t batches[REPAIR_ENTRIES + 1][REPAIR_BYTES]; /* as appended, by index */
    uint64_t journal_pos[REPAIR_ENTRIES + 1];          /* of the batch; 0: it is settled */
    uint32_t journal_slot[REPAIR_ENTRIES + 1];
    struct log_read read;
    struct log_repair repair;
    struct log_op op;
    struct buf *buf;
    uint64_t at;    /* repair_shard_range: from here on */
    uint32_t count; /* likewise */
    struct buf_slice slices[REPAIR_ENTRIES];
    bool is_over;
};

static struct repairs repairs;

static struct log *repair_log(void)
{
    return log_find(&repairs.home->shards[0].ls, 1);
}

static bool repair_is_over(void *ctx)
{
    (void)ctx;
    return repairs.is_over;
}

/* Call on the shard, and wait until it has ended. */
static void repair_do(void (*call)(struct rt_shard *shard, void *ctx))
{
    repairs.is_over = false;
    sim_post(sim_node_shard(repairs.home->node, 0), call, repairs.home);
    assert_true(sim_run_until_true(repairs.home->sim, repair_is_over, NULL,
                                   sim_now_ns(repairs.home->sim) + 100 * RT_NS_PER_S));
}

/* --- Reading --- */

static void repair_read_done(struct log_read *read)
{
    (void)read;
    repairs.is_over = true;
}

static void repair_shard_read(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    (void)ctx;
    repairs.read.done = repair_read_done;
    repairs.read.log = repair_log();
    log_read(&repairs.read);
}

static void repair_shard_quarantine(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    (void)ctx;
    assert_int_equal(log_quarantine_add(repair_log(), repairs.at), ERR_OK);
    repairs.is_over = true;
}

/* An entry that the device refuses is quarantined, and asked for again. */
static enum err repair_read(enum log_read_from from, uint64_t at, uint64_t index_max,
                            uint32_t bytes_max)
{
    for (uint32_t tries = 0; tries < 2; tries++) {
        repairs.read = (struct log_read){
            .from = from, .at = at, .index_max = index_max, .bytes_max = bytes_max};
        repair_do(repair_shard_read);
        if (repairs.read.err != ERR_IO || from != LOG_READ_INDEX) {
            break;
        }
        repairs.at = at;
        repair_do(repair_shard_quarantine);
    }
    return repairs.read.err;
}

/* --- Before the damage --- */

static void repair_op_done(struct log_op *op)
{
    assert_int_equal(op->err, ERR_OK);
    repairs.is_over = true;
}

static void repair_settle_op_done(struct log_op *op)
{
    assert_int_equal(op->err, ERR_OK);
}

static void repair_shard_append(struct rt_shard *shard, void *ctx)
{
    struct home *home = ctx;
    (void)shard;
    repairs.op = (struct log_op){.done = repair_op_done};
    home->refusal = home_append(&home->shards[0], repair_log(), &repairs.op);
    repairs.is_over = home->refusal != ERR_OK;
}

static int repair_setup(void **state)
{
    (void)state;
    repairs = (struct repairs){.home = home_new(1)};
    repairs.home->config.journal_first_bytes = 1 << 20; /* nothing is journaled twice */
    repairs.home->config.journal_file_bytes = 1 << 20;
    assert_int_equal(home_start(repairs.home, 1), ERR_OK);
    home_ask(repairs.home, home_shard_create);
    for (uint32_t i = 1; i <= REPAIR_ENTRIES; i++) {
        repair_do(repair_shard_append);
        assert_int_equal(repair_read(LOG_READ_INDEX, i, i, 1), ERR_OK);
        assert_int_equal(repairs.read.parts[0].length, REPAIR_BYTES);
        memcpy(repairs.batches[i], buf_slice_data(repairs.read.parts[0]), REPAIR_BYTES);
        log_read_release(&repairs.read);
    }
    home_ask(repairs.home, home_shard_settle);
    sim_run_for(repairs.home->sim, 100 * RT_NS_PER_MS); /* the lane seals */
    for (uint32_t i = 1; i <= REPAIR_ENTRIES; i++) {
        const struct log_slot *slot = log_tail_find(repair_log(), i);
        if (slot != NULL && !slot->is_settled) {
            assert_int_equal(slot->where, LOG_SLOT_JOURNAL);
            repairs.journal_pos[i] = slot->journal_pos;
            repairs.journal_slot[i] = slot->journal_slot;
        }
    }
    assert_int_equal(repairs.journal_pos[48], 0);
    assert_int_not_equal(repairs.journal_pos[49], 0);
    sim_node_crash(repairs.home->node, SIM_CRASH_LOSE);
    return 0;
}

static int repair_teardown(void **state)
{
    (void)state;
    home_free(repairs.home);
    return 0;
}

/* --- Damage --- */

static void repair_rot(const char *name, uint64_t pos)
{
    char path[200];
    snprintf(path, sizeof(path), REPAIR_DIR "/%s", name);
    assert_int_equal(sim_disk_rot(home_disk(repairs.home), path, pos, 3), ERR_OK);
}

static void repair_unlink(const char *name)
{
    char path[200];
    snprintf(path, sizeof(path), REPAIR_DIR "/%s", name);
    assert_int_equal(sim_disk_unlink(home_disk(repairs.home), path), ERR_OK);
}

static void repair_journal(uint32_t index, char path[64])
{
    snprintf(path, 64, "/data/journal/%08x.jnl", (unsigned)repairs.journal_slot[index]);
}

static void damage_nothing(void)
{
}

static void damage_batch(void)
{
    repair_rot("0000000000000001-00000000.log", 4 * REPAIR_BYTES + 500);
}

static void damage_batches(void)
{
    damage_batch();
    repair_rot("0000000000000001-00000000.log", 5 * REPAIR_BYTES + 70);
    repair_rot("0000000000000001-00000000.log", 23 * REPAIR_BYTES + 70);
    repair_rot("0000000000000019-00000000.log", 3);
}

static void damage_record(void)
{
    repair_rot("0000000000000001-00000000.idx", 7 * 96 + 10);
}

static void damage_header(void)
{
    repair_rot("0000000000000001-00000000.idx", 10);
}

static void damage_last_record(void)
{
    repair_rot("0000000000000001-00000000.idx", 24 * 96 + 10);
}

static void damage_sector(void)
{
    assert_int_equal(sim_disk_sector_error(home_disk(repairs.home),
                                           REPAIR_DIR "/0000000000000001-00000000.log", 8192),
                     ERR_OK);
}

static void damage_idx_gone(void)
{
    repair_unlink("0000000000000019-00000000.idx");
}

static void damage_log_gone(void)
{
    repair_unlink("0000000000000001-00000000.log");
}

static void damage_segment_gone(void)
{
    repair_unlink("0000000000000001-00000000.log");
    repair_unlink("0000000000000001-00000000.idx");
    repair_unlink("0000000000000001-00000000.snap");
}

static void damage_journal_batch(void)
{
    char path[64];
    repair_journal(58, path);
    assert_int_equal(sim_disk_rot(home_disk(repairs.home), path, repairs.journal_pos[58] + 500, 1),
                     ERR_OK);
}

static void damage_frame_of(uint32_t index)
{
    char path[64];
    repair_journal(index, path);
    assert_int_equal(sim_disk_wipe(home_disk(repairs.home), path, repairs.journal_pos[index]),
                     ERR_OK);
}

static void damage_frame(void)
{
    damage_frame_of(52);
}

static void damage_frames(void)
{
    damage_frame_of(52);
    damage_frame_of(53);
}

static void damage_last_frame(void)
{
    damage_frame_of(60);
}

static void damage_all(void)
{
    damage_batches();
    damage_frames();
    damage_last_frame();
}

/* --- The decision table --- */

static const struct repair_row {
    const char *name;
    void (*damage)(void);
    struct {
        uint64_t first_index;
        uint64_t last_index;
    } lost[6];                   /* what cannot be read, and is given up */
    enum log_quarantine_why why; /* of the first of these */
    bool is_amnesiac;            /* and nothing can be appended */
    uint32_t segments_count;     /* that get new files */
} repair_rows[] = {
    {"nothing", damage_nothing, {{0}}, LOG_QUARANTINE_UNREADABLE, false, 0},
    {"a batch", damage_batch, {{5, 5}}, LOG_QUARANTINE_UNREADABLE, false, 1},
    {"batches of two segments",
     damage_batches,
     {{5, 6}, {24, 25}},
     LOG_QUARANTINE_UNREADABLE,
     false,
     2},
    {"a record of a sidecar", damage_record, {{7, 7}}, LOG_QUARANTINE_UNREADABLE, false, 1},
    {"a segment's last record",
     damage_last_record,
     {{24, 24}},
     LOG_QUARANTINE_UNREADABLE,
     false,
     1},
    {"a sidecar's header", damage_header, {{0}}, LOG_QUARANTINE_UNREADABLE, false, 0},
    {"a sector", damage_sector, {{9, 13}}, LOG_QUARANTINE_UNREADABLE, false, 1},
    {"a sidecar", damage_idx_gone, {{25, 48}}, LOG_QUARANTINE_UNREADABLE, false, 1},
    {"a segment's batches", damage_log_gone, {{1, 24}}, LOG_QUARANTINE_UNREADABLE, false, 1},
    {"a segment", damage_segment_gone, {{1, 24}}, LOG_QUARANTINE_UNREADABLE, false, 1},
    {"a batch in the journal", damage_journal_batch, {{58, 58}}, LOG_QUARANTINE_ROTTEN, false, 1},
    {"a frame", damage_frame, {{52, 52}}, LOG_QUARANTINE_LOST, false, 1},
    {"a frame and its copy", damage_frames, {{52, 53}}, LOG_QUARANTINE_LOST, true, 1},
    {"the last frame", damage_last_frame, {{60, 60}}, LOG_QUARANTINE_LOST, false, 1},
    {"all of that",
     damage_all,
     {{5, 6}, {24, 25}, {52, 53}, {60, 60}},
     LOG_QUARANTINE_UNREADABLE,
     true,
     3},
};

static bool repair_is_lost(const struct repair_row *row, uint64_t index)
{
    for (size_t i = 0; i < ARRAY_COUNT(row->lost); i++) {
        if (index >= row->lost[i].first_index && index <= row->lost[i].last_index) {
            return true;
        }
    }
    return false;
}

/* Every entry is what was appended; those that are lost are refused, or passed over. */
static void repair_check_entries(const struct repair_row *row, bool is_repaired)
{
    for (uint64_t i = 1; i <= REPAIR_ENTRIES; i++) {
        uint64_t there = i;
        while (is_repaired && there <= REPAIR_ENTRIES && repair_is_lost(row, there)) {
            there++;
        }
        for (int is_offset = 0; is_offset < 2; is_offset++) {
            enum err err = repair_read(is_offset ? LOG_READ_OFFSET : LOG_READ_INDEX,
                                       is_offset ? i - 1 : i, REPAIR_ENTRIES, 1);
            if (!is_repaired && repair_is_lost(row, i)) {
                assert_int_equal(err, ERR_CORRUPT);
                assert_true(repairs.read.first_index <= i && i <= repairs.read.last_index);
            } else if (there > REPAIR_ENTRIES) {
                assert_int_equal(err, ERR_END);
            } else {
                assert_int_equal(err, ERR_OK);
                assert_int_equal(repairs.read.first_index, there);
                assert_memory_equal(buf_slice_data(repairs.read.parts[0]), repairs.batches[there],
                                    REPAIR_BYTES);
            }
            log_read_release(&repairs.read);
        }
    }
}

static void repair_check_quarantine(const struct repair_row *row)
{
    struct log_quarantine range = {0};
    bool is_first = true;
    for (uint64_t i = 1; i <= REPAIR_ENTRIES; i++) {
        bool is_there = log_quarantine_next(repair_log(), i, &range) && range.first_index <= i;
        assert_int_equal(is_there, repair_is_lost(row, i));
        if (is_there && is_first) {
            assert_int_equal(range.why, row->why);
            is_first = false;
        }
    }
    assert_false(log_quarantine_next(repair_log(), REPAIR_ENTRIES + 1, &range));
}

static void repair_done(struct log_repair *repair)
{
    (void)repair;
    repairs.is_over = true;
}

static void repair_shard_accept(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    (void)ctx;
    log_repair_accept(&repairs.repair, repair_log(), repair_done);
}

static void repair_check_status(uint64_t end_index)
{
    struct log_status status;
    assert_true(home_status(repairs.home, 1, &status));
    assert_int_equal(status.quarantine_count, 0);
    assert_false(status.is_amnesiac);
    assert_int_equal(status.end.index, end_index);
    assert_int_equal(status.end.offset, end_index);
}

/* --- What who looks into the directory says --- */

struct repair_look {
    struct log_inspect inspect;
    uint64_t group;
    uint32_t faults_count;
    char fault[200];
    bool is_over;
};

static void repair_look_fault(void *ctx, const struct log_inspect_fault *fault)
{
    struct repair_look *look = ctx;
    look->faults_count++;
    snprintf(look->fault, sizeof(look->fault), "%.90s: %.90s", fault->file, fault->what);
}

static const struct log_inspect_visitor repair_visitor = {.fault = repair_look_fault};

static void repair_looked(struct log_inspect *inspect)
{
    CONTAINER_OF(inspect, struct repair_look, inspect)->is_over = true;
}

static void repair_look_start(struct rt_shard *shard)
{
    struct repair_look *look = shard->app;
    look->inspect = (struct log_inspect){.done = repair_looked,
                                         .ctx = look,
                                         .shard = shard,
                                         .dir = "/data",
                                         .visitor = &repair_visitor,
                                         .group = look->group,
                                         .does_read_bodies = true};
    log_inspect_start(&look->inspect);
}

static void repair_look_stop(struct rt_shard *shard)
{
    rt_shard_finish(shard);
}

static bool repair_look_is_over(void *ctx)
{
    return ((struct repair_look *)ctx)->is_over;
}

/* The disk as it is now holds `group`, or all of them, without a fault. */
static void repair_check_clean(uint64_t group)
{
    struct sim_options options = sim_options_calm();
    struct sim *sim = sim_new(1, &options);
    struct sim_node *node = sim_node_add(sim);
    struct repair_look look = {.group = group};
    struct sim_app app = {repair_look_start, repair_look_stop, &look};
    sim_disk_free(sim_node_swap_disk(node, sim_disk_clone(home_disk(repairs.home), 1)));
    sim_node_start(node, 1, &app);
    assert_true(sim_run_until_true(sim, repair_look_is_over, &look, 1000 * RT_NS_PER_S));
    sim_free(sim);
    if (look.faults_count > 0) {
        fail_msg("%u faults, the last: %s", (unsigned)look.faults_count, look.fault);
    }
}

/* --- Given up --- */

static void repair_gives_up(void **state)
{
    const struct repair_row *row = *state;
    uint64_t lost_count = 0;
    for (uint64_t i = 1; i <= REPAIR_ENTRIES; i++) {
        lost_count += repair_is_lost(row, i);
    }
    repair_setup(NULL);
    row->damage();
    assert_int_equal(home_start(repairs.home, 1), ERR_OK);
    repair_check_entries(row, false);
    repair_check_quarantine(row);
    if (row->is_amnesiac) {
        repair_do(repair_shard_append);
        assert_int_equal(repairs.home->refusal, ERR_ACCESS);
    }
    repair_do(repair_shard_accept);
    assert_int_equal(repairs.repair.err, ERR_OK);
    assert_int_equal(repairs.repair.was_amnesiac, row->is_amnesiac);
    assert_int_equal(repairs.repair.lost_count, lost_count);
    assert_int_equal(repairs.repair.healed_count, lost_count);
    assert_int_equal(repairs.repair.segments_count, row->segments_count);
    repair_check_status(REPAIR_ENTRIES);
    repair_check_entries(row, true);
    sim_node_crash(repairs.home->node, SIM_CRASH_LOSE);
    assert_int_equal(home_start(repairs.home, 1), ERR_OK);
    repair_check_status(REPAIR_ENTRIES);
    repair_check_entries(row, true);
    repair_do(repair_shard_append);
    assert_int_equal(repairs.home->refusal, ERR_OK);
    home_close(repairs.home);
    if (row->damage != damage_header) {
        repair_check_clean(row->is_amnesiac ? 1 : LOG_INSPECT_NONE); /* the others still are */
    }
    assert_int_equal(home_start(repairs.home, 1), ERR_OK);
    repair_check_status(REPAIR_ENTRIES + 1);
    repair_check_entries(row, true);
    home_close(repairs.home);
    repair_teardown(NULL);
}

/* --- Put back --- */

static void repair_shard_range(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    (void)ctx;
    log_repair_range(&repairs.repair, repair_log(), repairs.at, repairs.slices, repairs.count,
                     repair_done);
}

/* Have entries first..last put back, with the bytes of those from `from` on. */
static enum err repair_range(uint64_t first_index, uint64_t last_index, uint64_t from)
{
    struct home_shard *hs = &repairs.home->shards[0];
    repairs.at = first_index;
    repairs.count = (uint32_t)(last_index - first_index + 1);
    struct buf *buf = NULL;
    uint32_t bytes = repairs.count * REPAIR_BYTES;
    assert_int_equal(buf_new(&hs->bufs, hs->bufs.budget, bytes, &buf), ERR_OK);
    memcpy(buf_append(buf, bytes), repairs.batches[from], bytes);
    buf_seal(buf, bytes);
    for (uint32_t i = 0; i < repairs.count; i++) {
        repairs.slices[i] = buf_slice(buf, i * REPAIR_BYTES, REPAIR_BYTES);
    }
    repair_do(repair_shard_range);
    buf_unref(buf);
    return repairs.repair.err;
}

static const struct repair_back_row {
    const char *name;
    void (*damage)(void);
    uint64_t first_index; /* of what is put back */
    uint64_t last_index;  /* likewise */
    uint64_t from;        /* whose bytes are given as the first's */
    uint32_t forged;      /* byte of these that is changed, CRC made right again; 0: none */
    enum err want;
} repair_back_rows[] = {
    {"a batch", damage_batch, 5, 5, 5, 0, ERR_OK},
    {"a batch among others", damage_batch, 3, 9, 3, 0, ERR_OK},
    {"a record of a sidecar", damage_record, 7, 7, 7, 0, ERR_OK},
    {"a segment's last record", damage_last_record, 24, 24, 24, 0, ERR_OK},
    {"a sector", damage_sector, 9, 13, 9, 0, ERR_OK},
    {"a sidecar", damage_idx_gone, 25, 48, 25, 0, ERR_OK},
    {"a segment's batches", damage_log_gone, 1, 24, 1, 0, ERR_OK},
    {"a batch in the journal", damage_journal_batch, 58, 58, 58, 0, ERR_OK},
    {"a frame", damage_frame, 52, 52, 52, 0, ERR_OK},
    {"what is not lost", damage_nothing, 5, 5, 6, 0, ERR_OK},
    {"another entry's batch", damage_batch, 5, 5, 6, 0, ERR_CORRUPT},
    {"another batch of that offset", damage_batch, 5, 5, 5, 100, ERR_CORRUPT},
    {"another, of which only the chain is known", damage_record, 7, 7, 7, 100, ERR_CORRUPT},
    {"another at the segment's end", damage_last_record, 24, 24, 24, 100, ERR_CORRUPT},
    {"less than what is lost", damage_batches, 5, 5, 5, 0, ERR_CORRUPT},
    {"the last frame, whose chain nothing tells", damage_last_frame, 60, 60, 60, 0, ERR_CORRUPT},
    {"what is not of the log", damage_batch, 61, 61, 5, 0, ERR_NOT_FOUND},
};

static void repair_puts_back(void **state)
{
    const struct repair_back_row *row = *state;
    static const struct repair_row whole = {.name = "whole"};
    repair_setup(NULL);
    row->damage();
    assert_int_equal(home_start(repairs.home, 1), ERR_OK);
    for (uint64_t i = 1; i <= REPAIR_ENTRIES; i++) { /* whatever cannot be read is met */
        (void)repair_read(LOG_READ_INDEX, i, i, 1);
        log_read_release(&repairs.read);
    }
    if (row->forged != 0) {
        uint8_t *batch = repairs.batches[row->from];
        batch[row->forged] ^= 1;
        uint32_t crc = crc32c(home_kernels(), 0, batch + 21, REPAIR_BYTES - 21);
        struct bytes_writer w = bytes_writer(batch, REPAIR_BYTES);
        w.pos = REPAIR_BYTES;
        bytes_patch_u32be(&w, 17, crc);
    }
    struct log_status before, after;
    assert_true(home_status(repairs.home, 1, &before));
    assert_int_equal(repair_range(row->first_index, row->last_index, row->from), row->want);
    assert_true(home_status(repairs.home, 1, &after));
    if (row->want != ERR_OK) {
        assert_int_equal(after.quarantine_index, before.quarantine_index);
        assert_int_equal(after.quarantine_count, before.quarantine_count);
    } else {
        repair_check_status(REPAIR_ENTRIES);
        repair_check_entries(&whole, true);
        sim_node_crash(repairs.home->node, SIM_CRASH_LOSE);
        assert_int_equal(home_start(repairs.home, 1), ERR_OK);
        repair_check_status(REPAIR_ENTRIES);
        repair_check_entries(&whole, true);
    }
    home_close(repairs.home);
    if (row->want == ERR_OK) {
        repair_check_clean(LOG_INSPECT_NONE);
    }
    repair_teardown(NULL);
}

/* --- One at a time --- */

static void repair_shard_twice(struct rt_shard *shard, void *ctx)
{
    static struct log_repair first;
    struct home *home = ctx;
    (void)shard;
    first = (struct log_repair){0};
    log_repair_accept(&first, repair_log(), repair_done);
    log_repair_accept(&repairs.repair, repair_log(), repair_done);
    home->answers_count++;
}

static void repair_of_a_group_is_one_at_a_time(void **state)
{
    (void)state;
    damage_batch();
    assert_int_equal(home_start(repairs.home, 1), ERR_OK);
    (void)repair_read(LOG_READ_INDEX, 5, 5, 1);
    log_read_release(&repairs.read);
    home_ask(repairs.home, repair_shard_twice);
    sim_run_for(repairs.home->sim, RT_NS_PER_S);
    assert_int_equal(repairs.repair.err, ERR_BUSY);
    repair_check_status(REPAIR_ENTRIES);
    home_close(repairs.home);
}

/* --- Settling goes on --- */

/* An entry to be settled, the round that settles it, and a repair at some moment of the round. */
static void repair_shard_append_and_settle(struct rt_shard *shard, void *ctx)
{
    struct home *home = ctx;
    repairs.op = (struct log_op){.done = repair_settle_op_done};
    home->refusal = home_append(&home->shards[0], repair_log(), &repairs.op);
    home_shard_settle(shard, ctx);
}

/* A round that sends the group's row while the copy is made changes what the table says: then the
 * segment is replaced behind it. */
static void repair_goes_on_behind_a_round_of_settling(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 60; i++) {
        repair_setup(NULL);
        struct home *home = repairs.home;
        damage_batch();
        assert_int_equal(home_start(home, 1), ERR_OK);
        (void)repair_read(LOG_READ_INDEX, 5, 5, 1);
        log_read_release(&repairs.read);
        home->answers_count = 0;
        sim_post(sim_node_shard(home->node, 0), repair_shard_append_and_settle, home);
        sim_run_for(home->sim, i * 20 * RT_NS_PER_US);
        repair_do(repair_shard_accept);
        assert_int_equal(repairs.repair.err, ERR_OK);
        assert_int_equal(repairs.repair.lost_count, 1);
        home_wait(home);
        repair_check_status(REPAIR_ENTRIES + 1);
        home_close(home);
        repair_teardown(NULL);
    }
}

static void repair_stages_make_sense(void **state)
{
    static const struct sm_decl *const decls[] = {&log_repair_decl, &log_generation_decl,
                                                  &log_snap_copy_decl};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(decls); i++) {
        char why[200];
        enum err err = sm_check_conf(decls[i], why, sizeof(why));
        assert_string_equal(why, "");
        assert_int_equal(err, ERR_OK);
    }
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_COUNT(repair_rows) + ARRAY_COUNT(repair_back_rows) + 3] = {
        cmocka_unit_test(repair_stages_make_sense),
        cmocka_unit_test_setup_teardown(repair_of_a_group_is_one_at_a_time, repair_setup,
                                        repair_teardown),
        cmocka_unit_test(repair_goes_on_behind_a_round_of_settling),
    };
    size_t count = 3;
    char names[2][32][80];
    for (size_t i = 0; i < ARRAY_COUNT(repair_rows); i++) {
        snprintf(names[0][i], sizeof(names[0][i]), "repair_gives_up: %s", repair_rows[i].name);
        tests[count++] = (struct CMUnitTest){.name = names[0][i],
                                             .test_func = repair_gives_up,
                                             .initial_state = (void *)(uintptr_t)&repair_rows[i]};
    }
    for (size_t i = 0; i < ARRAY_COUNT(repair_back_rows); i++) {
        snprintf(names[1][i], sizeof(names[1][i]), "repair_puts_back: %s",
                 repair_back_rows[i].name);
        tests[count++] =
            (struct CMUnitTest){.name = names[1][i],
                                .test_func = repair_puts_back,
                                .initial_state = (void *)(uintptr_t)&repair_back_rows[i]};
    }
    return cmocka_run_group_tests_name("log_repair", tests, NULL, NULL);
}
