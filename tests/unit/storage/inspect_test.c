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
#include "tests/unit/storage/formats.h"
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
    inspect_dir_free(&dir);
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
    inspect_dir_free(&dir);
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
    inspect_dir_free(&dir);
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
    inspect_dir_free(&dir);
    share_close(&share);
}

/* --- One group, from a place on. --- */

static void inspect_begins_where_it_is_asked(void **state)
{
    (void)state;
    static const struct {
        enum log_inspect_from from;
        int64_t at;
        uint64_t index; /* of the first entry told; 11: none */
    } rows[] = {
        {LOG_INSPECT_START, 0, 1},          {LOG_INSPECT_OFFSET, 0, 1},
        {LOG_INSPECT_OFFSET, 1, 1},         {LOG_INSPECT_OFFSET, 2, 2},
        {LOG_INSPECT_OFFSET, 9, 5},         {LOG_INSPECT_OFFSET, 10, 7},
        {LOG_INSPECT_OFFSET, 13, 8},        {LOG_INSPECT_OFFSET, 17, 10},
        {LOG_INSPECT_OFFSET, 18, 11},       {LOG_INSPECT_TIMESTAMP, -5, 1},
        {LOG_INSPECT_TIMESTAMP, 1001, 1},   {LOG_INSPECT_TIMESTAMP, 1002, 2},
        {LOG_INSPECT_TIMESTAMP, 5001, 5},   {LOG_INSPECT_TIMESTAMP, 5002, 6},
        {LOG_INSPECT_TIMESTAMP, 6001, 7},   {LOG_INSPECT_TIMESTAMP, 9000, 9},
        {LOG_INSPECT_TIMESTAMP, 10002, 11},
    };
    struct inspect_dir dir;
    inspect_dir_make(&dir);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct look look;
        look_new(&look, sim_disk_clone(dir.disk, 1), 0);
        look.inspect.group = INSPECT_GROUP;
        look.inspect.from = rows[i].from;
        look.inspect.at = rows[i].at;
        look_run(&look);
        assert_int_equal(look.inspect.err, ERR_OK);
        assert_int_equal(look.faults_count, 0);
        if (look.entries_count != INSPECT_ENTRIES + 1 - rows[i].index ||
            (look.entries_count > 0 && look.entries[0].index != rows[i].index)) {
            fail_msg("row %zu: %u entries from %" PRIu64, i, look.entries_count,
                     look.entries[0].index);
        }
        look_free(&look);
    }
    sim_disk_free(dir.disk);
    inspect_dir_free(&dir);
}

/* Every entry once and in order; the one whose body has rotten without its bytes, named. */
static void inspect_goes_on_behind_what_cannot_be_read(void **state)
{
    (void)state;
    struct inspect_dir dir;
    inspect_dir_make(&dir);
    for (uint64_t bad = 1; bad <= INSPECT_ENTRIES; bad++) {
        struct sim_disk *disk = sim_disk_clone(dir.disk, 1);
        bool is_in_journal = dir.entries[bad].journal_pos != 0;
        uint64_t pos = is_in_journal ? dir.entries[bad].journal_pos : dir.entries[bad].pos;
        const char *path = is_in_journal ? INSPECT_JOURNAL
                           : bad <= 5    ? INSPECT_LOG_1
                                         : INSPECT_LOG_2;
        struct look look;
        assert_int_equal(sim_disk_rot(disk, path, pos + 40, 0), ERR_OK);
        look_new(&look, disk, 0);
        look.inspect.group = INSPECT_GROUP;
        look_run(&look);
        assert_int_equal(look.inspect.err, ERR_OK);
        assert_int_equal(look.faults_count, 1);
        assert_int_equal(look.faults[0].index, bad);
        assert_int_equal(look.faults[0].pos, pos);
        assert_int_equal(look.inspect.faults_count, 1);
        assert_int_equal(look.entries_count, INSPECT_ENTRIES);
        for (uint32_t i = 0; i < INSPECT_ENTRIES; i++) {
            assert_int_equal(look.entries[i].index, i + 1);
            assert_int_equal(look.has_data[i], i + 1 != bad);
        }
        look_free(&look);
    }
    sim_disk_free(dir.disk);
    inspect_dir_free(&dir);
}

/* A sidecar record that is lost hides its entry, and no other; where reading begins behind it, it
 * is nobody's business. */
static void inspect_names_the_entry_of_a_lost_record(void **state)
{
    (void)state;
    static const struct {
        int64_t offset;
        uint32_t faults_count;
        uint32_t entries_count;
    } rows[] = {{0, 1, 9}, {2, 1, 8}, {4, 1, 7}, {5, 1, 7}, {6, 1, 7}, {8, 0, 6}, {14, 0, 2}};
    struct inspect_dir dir;
    inspect_dir_make(&dir);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct sim_disk *disk = sim_disk_clone(dir.disk, 1);
        struct look look;
        assert_int_equal(sim_disk_rot(disk, INSPECT_IDX_1, 3 * 96 + 8, 0), ERR_OK);
        look_new(&look, disk, 0);
        look.inspect.group = INSPECT_GROUP;
        look.inspect.from = LOG_INSPECT_OFFSET;
        look.inspect.at = rows[i].offset;
        look_run(&look);
        assert_int_equal(look.inspect.err, ERR_OK);
        if (look.faults_count != rows[i].faults_count ||
            look.entries_count != rows[i].entries_count ||
            (look.faults_count > 0 && look.faults[0].index != 3)) {
            fail_msg("from %" PRId64 ": %u faults, %u entries", rows[i].offset, look.faults_count,
                     look.entries_count);
        }
        look_free(&look);
    }
    sim_disk_free(dir.disk);
    inspect_dir_free(&dir);
}

static void inspect_ends_when_the_visitor_has_enough(void **state)
{
    (void)state;
    struct inspect_dir dir;
    inspect_dir_make(&dir);
    for (uint64_t enough = 1; enough <= INSPECT_ENTRIES; enough++) {
        struct look look;
        look_new(&look, sim_disk_clone(dir.disk, 1), 0);
        look.inspect.group = INSPECT_GROUP;
        look.enough = enough;
        look_run(&look);
        assert_int_equal(look.inspect.err, ERR_OK);
        assert_int_equal(look.entries_count, enough);
        look_free(&look);
    }
    sim_disk_free(dir.disk);
    inspect_dir_free(&dir);
}

/* --- What is missing, unreadable, too new. --- */

static void look_expect(struct sim_disk *disk, enum err err, const char *file)
{
    struct look look;
    look_new(&look, disk, 0);
    look_run(&look);
    assert_int_equal(look.inspect.err, err);
    assert_string_equal(look.inspect.file, file);
    assert_int_equal(look.faults_count, 0);
    look_free(&look);
}

static void inspect_says_what_it_cannot_look_at(void **state)
{
    (void)state;
    struct inspect_dir dir;
    struct look look;
    inspect_dir_make(&dir);
    struct sim_disk_options calm = sim_disk_options_calm();
    look_expect(sim_disk_new(&calm, 1), ERR_NOT_FOUND, "node.meta");
    struct sim_disk *disk = sim_disk_clone(dir.disk, 1);
    assert_int_equal(sim_disk_unlink(disk, INSPECT_NODE_META), ERR_OK);
    look_expect(disk, ERR_NOT_FOUND, "node.meta");
    disk = sim_disk_clone(dir.disk, 1);
    inspect_dir_put(disk, INSPECT_NODE_META, "TDBN", 4);
    look_expect(disk, ERR_CORRUPT, "node.meta");

    look_new(&look, dir.disk, 0);
    look.inspect.group = INSPECT_GROUP + 1;
    look_run(&look);
    assert_int_equal(look.inspect.err, ERR_NOT_FOUND);
    assert_string_equal(look.inspect.file, "");
    look_free(&look);
    inspect_dir_free(&dir);
}

static void inspect_refuses_a_newer_version(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t covered; /* by the header's checksum */
        const char *file;
    } rows[] = {{INSPECT_NODE_META, 64, "node.meta"},
                {INSPECT_TABLE, 56, "groups.tab"},
                {INSPECT_JOURNAL, 80, "journal/00000000.jnl"}};
    struct inspect_dir dir;
    inspect_dir_make(&dir);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        static uint8_t file[64u << 10];
        struct sim_disk *disk = sim_disk_clone(dir.disk, 1);
        uint64_t length = sim_disk_size(disk, rows[i].path);
        assert_int_equal(sim_disk_peek(disk, rows[i].path, 0, file, length), length);
        formats_poke(file, 4, LOG_FORMAT_VERSION + 1, 2);
        formats_seal(file, rows[i].covered, 0);
        inspect_dir_put(disk, rows[i].path, file, length);
        look_expect(disk, ERR_UNSUPPORTED, rows[i].file);
    }
    sim_disk_free(dir.disk);
    inspect_dir_free(&dir);
}

/* Each file gone, or cut to nothing, but for the journal: that there was more of it no other file
 * says. */
static void inspect_names_missing_files(void **state)
{
    (void)state;
    static const char *const paths[] = {INSPECT_TABLE, INSPECT_LOG_1, INSPECT_IDX_1, INSPECT_LOG_2,
                                        INSPECT_IDX_2};
    struct inspect_dir dir;
    inspect_dir_make(&dir);
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        for (uint32_t is_cut = 0; is_cut < 2; is_cut++) {
            struct sim_disk *disk = sim_disk_clone(dir.disk, 1);
            struct look look;
            if (is_cut) {
                inspect_dir_put(disk, paths[i], NULL, 0);
            } else {
                assert_int_equal(sim_disk_unlink(disk, paths[i]), ERR_OK);
            }
            look_new(&look, disk, 0);
            look_run(&look);
            assert_int_equal(look.inspect.err, ERR_OK);
            if (look.faults_count == 0) {
                fail_msg("%s %s: no fault", paths[i], is_cut ? "cut" : "gone");
            }
            look_free(&look);
        }
    }
    sim_disk_free(dir.disk);
    inspect_dir_free(&dir);
}

static void inspect_names_blocks_that_the_device_does_not_give(void **state)
{
    (void)state;
    struct inspect_dir dir;
    inspect_dir_make(&dir);
    const struct {
        const char *path;
        uint64_t pos;
        const char *file;
    } rows[] = {
        {INSPECT_NODE_META, 4096, "node.meta"},
        {INSPECT_TABLE, 4096, "groups.tab"},
        {INSPECT_JOURNAL, dir.tail_pos, "journal/00000000.jnl"},
        {INSPECT_LOG_1, 8192, "p/000102030405060708090a0b0c0d0e0f/3/0000000000000001-00000000.log"},
        {INSPECT_IDX_2, 0, "p/000102030405060708090a0b0c0d0e0f/3/0000000000000006-00000000.idx"}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct sim_disk *disk = sim_disk_clone(dir.disk, 1);
        struct look look;
        bool is_found = false;
        assert_int_equal(sim_disk_sector_error(disk, rows[i].path, rows[i].pos + 600), ERR_OK);
        look_new(&look, disk, 0);
        look_run(&look);
        assert_int_equal(look.inspect.err, ERR_OK);
        for (uint32_t n = 0; n < look.faults_count; n++) {
            const struct log_inspect_fault *fault = &look.faults[n];
            is_found |= fault->err == ERR_IO && strcmp(fault->file, rows[i].file) == 0 &&
                        fault->pos == rows[i].pos;
        }
        if (!is_found) {
            fail_msg("%s: not among %u faults", rows[i].path, look.faults_count);
        }
        look_free(&look);
    }
    sim_disk_free(dir.disk);
    inspect_dir_free(&dir);
}

/* More and more memory: refused, until there is enough. */
static void inspect_with_too_little_memory_says_so(void **state)
{
    (void)state;
    struct inspect_dir dir;
    bool is_enough = false;
    inspect_dir_make(&dir);
    for (uint64_t bytes = 1u << 10; !is_enough; bytes += bytes / 4) {
        struct look look;
        look_new(&look, sim_disk_clone(dir.disk, 1), bytes);
        look_run(&look);
        is_enough = look.inspect.err == ERR_OK;
        assert_true(is_enough || look.inspect.err == ERR_BUDGET);
        assert_int_equal(look.faults_count, 0);
        assert_true(bytes < 64u << 20);
        look_free(&look);
    }
    sim_disk_free(dir.disk);
    inspect_dir_free(&dir);
}

static bool look_has_ended(void *ctx)
{
    struct look *look = ctx;
    return !sim_node_is_running(look->node);
}

/* The process is asked to end after any number of events. */
static void inspect_ends_when_it_is_asked(void **state)
{
    (void)state;
    struct inspect_dir dir;
    inspect_dir_make(&dir);
    bool was_over = false;
    for (uint64_t steps = 1; !was_over; steps++) {
        struct look look;
        look_new(&look, sim_disk_clone(dir.disk, 1), 0);
        look_begin(&look);
        sim_run_steps(look.sim, steps);
        was_over = look.is_over;
        sim_node_stop(look.node);
        assert_true(sim_run_until_true(look.sim, look_has_ended, &look,
                                       sim_now_ns(look.sim) + 1000 * RT_NS_PER_S));
        assert_true(look.is_over);
        assert_true(look.inspect.err == ERR_OK || look.inspect.err == ERR_CANCELED);
        look_free(&look);
    }
    sim_disk_free(dir.disk);
    inspect_dir_free(&dir);
}

/* --- Beside a server. --- */

/* A server begins to work after `first` events of the inspection, and does the next thing every
 * `every` events. */
static bool look_beside(const struct inspect_dir *dir, uint64_t group, uint64_t first,
                        uint64_t every)
{
    struct look look;
    look_new(&look, sim_disk_clone(dir->disk, 1), 0);
    look.inspect.group = group;
    look_begin(&look);
    sim_run_steps(look.sim, first);
    bool was_over = look.is_over;
    for (uint32_t step = 0; step < INSPECT_STEPS; step++) {
        inspect_dir_serve(dir, sim_node_disk(look.node), step);
        sim_run_steps(look.sim, every);
    }
    assert_true(sim_run_until_true(look.sim, look_is_over, &look,
                                   sim_now_ns(look.sim) + 1000 * RT_NS_PER_S));
    assert_int_equal(look.inspect.err, ERR_OK);
    for (uint32_t i = 0; i < look.faults_count; i++) {
        print_message("%s at %" PRIu64 ", entry %" PRIu64 ": %s\n", look.faults[i].file,
                      look.faults[i].pos, look.faults[i].index, look.faults[i].what);
    }
    if (look.faults_count != 0) {
        fail_msg("after %" PRIu64 " events, every %" PRIu64 ": %u faults", first, every,
                 look.faults_count);
    }
    if (group != LOG_INSPECT_NONE) {
        assert_int_equal(look.entries_count, INSPECT_ENTRIES);
        for (uint32_t i = 0; i < INSPECT_ENTRIES; i++) {
            assert_int_equal(look.entries[i].index, i + 1);
            assert_true(look.has_data[i]);
        }
    }
    look_free(&look);
    return was_over;
}

static void inspect_sees_no_damage_beside_a_server(void **state)
{
    (void)state;
    static const uint64_t intervals[] = {0, 1, 2, 3, 5, 9, 17};
    struct inspect_dir dir;
    inspect_dir_make(&dir);
    for (size_t i = 0; i < ARRAY_COUNT(intervals); i++) {
        for (uint64_t first = 1;
             !look_beside(&dir, i % 2 == 0 ? LOG_INSPECT_NONE : INSPECT_GROUP, first, intervals[i]);
             first++) {
        }
    }
    sim_disk_free(dir.disk);
    inspect_dir_free(&dir);
}

static void inspect_stages_make_sense(void **state)
{
    (void)state;
    char why[160];
    assert_int_equal(sm_check_conf(&log_inspect_decl, why, sizeof(why)), ERR_OK);
    assert_int_equal(sm_check_conf(&log_inspect_walk_decl, why, sizeof(why)), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inspect_tells_all_of_a_sound_directory),
        cmocka_unit_test(inspect_without_bodies_reads_none),
        cmocka_unit_test(inspect_names_file_position_and_entry),
        cmocka_unit_test(inspect_detects_every_flip),
        cmocka_unit_test(inspect_begins_where_it_is_asked),
        cmocka_unit_test(inspect_goes_on_behind_what_cannot_be_read),
        cmocka_unit_test(inspect_names_the_entry_of_a_lost_record),
        cmocka_unit_test(inspect_ends_when_the_visitor_has_enough),
        cmocka_unit_test(inspect_says_what_it_cannot_look_at),
        cmocka_unit_test(inspect_refuses_a_newer_version),
        cmocka_unit_test(inspect_names_missing_files),
        cmocka_unit_test(inspect_names_blocks_that_the_device_does_not_give),
        cmocka_unit_test(inspect_with_too_little_memory_says_so),
        cmocka_unit_test(inspect_ends_when_it_is_asked),
        cmocka_unit_test(inspect_sees_no_damage_beside_a_server),
        cmocka_unit_test(inspect_stages_make_sense),
    };
    return cmocka_run_group_tests_name("log_inspect", tests, NULL, NULL);
}
