/* A directory looked at: what is told of a sound one, that each kind of damage is named with file,
 * position and entry, and that a server beside it never looks like damage. */
#include "storage/log/inspect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/prng.h"
#include "base/rt/clock.h"
#include "storage/log/inspect_walk.h"
#include "storage/log/records.h"
#include "tests/sim/sim.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/inspect_dir.h"

#define LOOK_FAULTS_MAX  32u
#define LOOK_ENTRIES_MAX 32u

/* An inspection on a machine of its own, and all it told. */
struct look {
    struct sim *sim;
    struct sim_node *node;
    struct log_inspect inspect;
    bool is_over;
    uint64_t enough; /* the visitor wants no entry behind this index; 0: all */
    uint32_t metas_count;
    uint32_t tables_count;
    uint32_t journals_count;
    uint32_t frames_count;
    uint32_t groups_count;
    uint32_t segments_count;
    struct log_inspect_segment segments[4];
    uint32_t entries_count;
    struct log_sidecar entries[LOOK_ENTRIES_MAX];
    bool has_data[LOOK_ENTRIES_MAX];
    bool is_settled[LOOK_ENTRIES_MAX];
    uint32_t faults_count;
    struct log_inspect_fault faults[LOOK_FAULTS_MAX];
};

static void look_meta(void *ctx, const struct log_meta *meta)
{
    struct look *look = ctx;
    assert_int_equal(meta->boot_epoch, 2);
    look->metas_count++;
}

static void look_table(void *ctx, const char *file, const struct log_table_header *header,
                       bool counts)
{
    struct look *look = ctx;
    assert_non_null(file);
    assert_int_equal(header->rows_count, 1);
    look->tables_count += counts;
}

static void look_journal(void *ctx, const char *file, uint64_t bytes,
                         const struct log_journal_header *header)
{
    struct look *look = ctx;
    assert_int_equal(strncmp(file, "journal/", 8), 0);
    assert_true(bytes > 0);
    look->journals_count += header != NULL;
}

static void look_frame(void *ctx, enum log_recover_row row, uint64_t boot_epoch, uint32_t lane,
                       uint64_t number, const struct log_frame *frame, const char *file,
                       uint64_t pos)
{
    struct look *look = ctx;
    (void)row, (void)boot_epoch, (void)lane, (void)number, (void)pos;
    assert_true((frame == NULL) == (file == NULL) || frame == NULL);
    look->frames_count++;
}

static void look_group(void *ctx, const struct log_found *found)
{
    struct look *look = ctx;
    assert_non_null(found);
    look->groups_count++;
}

static void look_segment(void *ctx, const struct log_found *found,
                         const struct log_inspect_segment *segment)
{
    struct look *look = ctx;
    (void)found;
    look->segments[look->segments_count++ % 4] = *segment;
}

static bool look_entry(void *ctx, const struct log_found *found,
                       const struct log_inspect_entry *entry)
{
    struct look *look = ctx;
    (void)found;
    assert_true(look->entries_count < LOOK_ENTRIES_MAX);
    look->has_data[look->entries_count] = entry->data != NULL;
    look->is_settled[look->entries_count] = entry->is_settled;
    look->entries[look->entries_count++] = *entry->rec;
    if (entry->data != NULL) {
        struct log_batch batch;
        assert_int_equal(log_batch_decode(entry->data, entry->rec->length, &batch), ERR_OK);
        assert_int_equal(batch.base_offset, entry->rec->base_offset);
    }
    return entry->rec->index != look->enough;
}

static void look_fault(void *ctx, const struct log_inspect_fault *fault)
{
    struct look *look = ctx;
    look->faults[look->faults_count++ % LOOK_FAULTS_MAX] = *fault;
}

static const struct log_inspect_visitor look_visitor = {.meta = look_meta,
                                                        .table = look_table,
                                                        .journal = look_journal,
                                                        .frame = look_frame,
                                                        .group = look_group,
                                                        .segment = look_segment,
                                                        .entry = look_entry,
                                                        .fault = look_fault};

static void look_done(struct log_inspect *inspect)
{
    struct look *look = CONTAINER_OF(inspect, struct look, inspect);
    assert_false(look->is_over);
    look->is_over = true;
    if (inspect->shard->is_stopping) {
        rt_shard_finish(inspect->shard);
    }
}

static void look_start(struct rt_shard *shard)
{
    struct look *look = shard->app;
    look->inspect.shard = shard;
    log_inspect_start(&look->inspect);
}

static void look_stop(struct rt_shard *shard)
{
    struct look *look = shard->app;
    if (look->is_over) {
        rt_shard_finish(shard);
    }
}

static bool look_is_over(void *ctx)
{
    return ((struct look *)ctx)->is_over;
}

/* A machine with `disk` (which becomes its), about to look at /data. */
static void look_new(struct look *look, struct sim_disk *disk, uint64_t memory_bytes)
{
    struct sim_options options = sim_options_calm();
    *look = (struct look){.inspect = {.done = look_done,
                                      .dir = "/data",
                                      .visitor = &look_visitor,
                                      .group = LOG_INSPECT_NONE,
                                      .does_read_bodies = true}};
    look->inspect.ctx = look;
    if (memory_bytes > 0) {
        options.host.memory_bytes = memory_bytes;
    }
    look->sim = sim_new(1, &options);
    look->node = sim_node_add(look->sim);
    sim_disk_free(sim_node_swap_disk(look->node, disk));
}

static void look_begin(struct look *look)
{
    struct sim_app app = {look_start, look_stop, look};
    sim_node_start(look->node, 1, &app);
}

/* Look until it is over. */
static void look_run(struct look *look)
{
    look_begin(look);
    assert_true(sim_run_until_true(look->sim, look_is_over, look,
                                   sim_now_ns(look->sim) + 1000 * RT_NS_PER_S));
}

static void look_free(struct look *look)
{
    assert_null(look->inspect.state);
    sim_free(look->sim);
}

static void inspect_tells_all_of_a_sound_directory(void **state)
{
    (void)state;
    struct inspect_dir dir;
    struct look look;
    inspect_dir_make(&dir);
    look_new(&look, dir.disk, 0);
    look_run(&look);
    assert_int_equal(look.inspect.err, ERR_OK);
    for (uint32_t i = 0; i < look.faults_count; i++) {
        print_message("%s at %" PRIu64 ", entry %" PRIu64 ": %s\n", look.faults[i].file,
                      look.faults[i].pos, look.faults[i].index, look.faults[i].what);
    }
    assert_int_equal(look.faults_count, 0);
    assert_int_equal(look.inspect.looks_count, 1);
    assert_int_equal(look.metas_count, 1);
    assert_int_equal(look.tables_count, 1);
    assert_int_equal(look.journals_count, 1);
    assert_int_equal(look.frames_count, 4);
    assert_int_equal(look.inspect.counts[LOG_RECOVER_F1], 4);
    assert_int_equal(look.groups_count, 1);
    assert_int_equal(look.segments_count, 2);
    assert_int_equal(look.segments[0].entries_count, 5);
    assert_int_equal(look.segments[0].last_index, 5);
    assert_true(look.segments[0].snap_bytes > 0);
    assert_int_equal(look.segments[1].entries_count, 2);
    assert_true(look.segments[1].is_active);
    assert_int_equal(look.entries_count, INSPECT_ENTRIES);
    for (uint32_t i = 0; i < INSPECT_ENTRIES; i++) {
        assert_int_equal(look.entries[i].index, i + 1);
        assert_true(look.has_data[i]);
        assert_int_equal(look.is_settled[i], i < 7);
        assert_int_equal(look.entries[i].base_offset, dir.offsets[i + 1]);
    }
    assert_int_equal(look.inspect.entries_count, INSPECT_ENTRIES);
    assert_int_equal(look.inspect.unsettled_count, 3);
    look_free(&look);
}

static void inspect_without_bodies_reads_none(void **state)
{
    (void)state;
    struct inspect_dir dir;
    struct look look;
    inspect_dir_make(&dir);
    look_new(&look, dir.disk, 0);
    look.inspect.does_read_bodies = false;
    look_run(&look);
    assert_int_equal(look.inspect.err, ERR_OK);
    assert_int_equal(look.faults_count, 0);
    assert_int_equal(look.entries_count, INSPECT_ENTRIES);
    assert_false(look.has_data[0]);
    look_free(&look);
}

/* What is flipped, and the fault that must be among those told: file, position, entry. */
static void inspect_names_file_position_and_entry(void **state)
{
    (void)state;
    struct inspect_dir dir;
    inspect_dir_make(&dir);
    const struct {
        const char *name;
        const char *path;
        uint64_t pos;
        const char *file;
        uint64_t fault_pos;
        uint64_t index;
        const char *what;
    } rows[] = {
        {"node.meta, second copy", INSPECT_NODE_META, 4096 + 60, "node.meta", 4096, 0, "copy"},
        {"table's header", INSPECT_TABLE, 30, "groups.tab", 0, 0, "header"},
        {"table's row", INSPECT_TABLE, 4096 + 100, "groups.tab", 4096, 0, "row"},
        {"journal's header", INSPECT_JOURNAL, 50, "journal/00000000.jnl", 0, 0, "header"},
        {"a frame below what is durable", INSPECT_JOURNAL, dir.tail_pos + 8, "journal/00000000.jnl",
         dir.tail_pos, 0, "rot"},
        {"an entry's body in the journal", INSPECT_JOURNAL, dir.entries[9].journal_pos + 100,
         "journal/00000000.jnl", dir.entries[9].journal_pos, 9, "quarantined"},
        {"a sidecar's header", INSPECT_IDX_1, 40,
         "p/000102030405060708090a0b0c0d0e0f/3/"
         "0000000000000001-00000000.idx",
         0, 1, "header"},
        {"a sidecar's record", INSPECT_IDX_1, 3 * 96 + 10,
         "p/000102030405060708090a0b0c0d0e0f/3/0000000000000001-00000000.idx", 3 * 96, 3, "record"},
        {"a batch's header", INSPECT_LOG_1, dir.entries[4].pos + 3,
         "p/000102030405060708090a0b0c0d0e0f/3/0000000000000001-00000000.log", dir.entries[4].pos,
         4, "batch"},
        {"a batch's body", INSPECT_LOG_1, dir.entries[2].pos + 1000,
         "p/000102030405060708090a0b0c0d0e0f/3/0000000000000001-00000000.log", dir.entries[2].pos,
         2, "body"},
        {"the settled part of an entry in the tail", INSPECT_LOG_2, dir.entries[8].pos + 100,
         "p/000102030405060708090a0b0c0d0e0f/3/0000000000000006-00000000.log", dir.entries[8].pos,
         8, "body"},
        {"a .snap", INSPECT_SNAP_1, 20,
         "p/000102030405060708090a0b0c0d0e0f/3/0000000000000001-00000000.snap", 0, 1, ".snap"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct sim_disk *disk = sim_disk_clone(dir.disk, 1);
        struct look look;
        bool is_found = false;
        assert_int_equal(sim_disk_rot(disk, rows[i].path, rows[i].pos, 3), ERR_OK);
        look_new(&look, disk, 0);
        look_run(&look);
        assert_int_equal(look.inspect.err, ERR_OK);
        for (uint32_t n = 0; n < look.faults_count; n++) {
            const struct log_inspect_fault *fault = &look.faults[n];
            is_found |= strcmp(fault->file, rows[i].file) == 0 && fault->pos == rows[i].fault_pos &&
                        fault->index == rows[i].index && strstr(fault->what, rows[i].what) != NULL;
        }
        if (!is_found || look.faults_count != look.inspect.faults_count) {
            for (uint32_t n = 0; n < look.faults_count; n++) {
                const struct log_inspect_fault *fault = &look.faults[n];
                print_message("%s at %" PRIu64 ", entry %" PRIu64 ": %s\n", fault->file, fault->pos,
                              fault->index, fault->what);
            }
            fail_msg("%s: not among %u faults", rows[i].name, look.faults_count);
        }
        look_free(&look);
    }
    sim_disk_free(dir.disk);
}

/* Any bit of anything that says something. */
static void inspect_detects_every_flip(void **state)
{
    (void)state;
    struct inspect_dir dir;
    struct share share = share_open("flips of a directory", 40);
    inspect_dir_make(&dir);
    while (share_more(&share)) {
        struct prng p;
        prng_init(&p, share_case_seed(&share));
        const struct inspect_range *range = &dir.live[prng_below(&p, dir.live_count)];
        uint64_t pos = range->pos + prng_below(&p, range->length);
        uint32_t bit = (uint32_t)prng_below(&p, 8);
        struct sim_disk *disk = sim_disk_clone(dir.disk, 1);
        struct look look;
        assert_int_equal(sim_disk_rot(disk, range->path, pos, bit), ERR_OK);
        look_new(&look, disk, 0);
        look_run(&look);
        if (look.inspect.err != ERR_OK || look.faults_count == 0) {
            fail_msg("bit %u of %s at %" PRIu64 ": %s, no fault", bit, range->path, pos,
                     err_name(look.inspect.err));
        }
        look_free(&look);
    }
    sim_disk_free(dir.disk);
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inspect_tells_all_of_a_sound_directory),
        cmocka_unit_test(inspect_without_bodies_reads_none),
        cmocka_unit_test(inspect_names_file_position_and_entry),
        cmocka_unit_test(inspect_detects_every_flip),
    };
    return cmocka_run_group_tests_name("log_inspect", tests, NULL, NULL);
}
