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
#include "tests/unit/storage/look.h"

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

/* --- What verifies, and does not belong. --- */

/* `width` bytes of `value` at `pos` of the part at `part`, whose checksum, begun at `seed`, stands
 * behind its `covered` bytes: as a program with a fault would have written it. */
static void look_rewrite(struct sim_disk *disk, const char *path, size_t part, size_t pos,
                         uint64_t value, size_t width, size_t covered, uint32_t seed)
{
    static uint8_t file[64u << 10];
    uint64_t length = sim_disk_size(disk, path);
    assert_true(length <= sizeof(file));
    assert_int_equal(sim_disk_peek(disk, path, 0, file, length), length);
    formats_poke(file + part, pos, value, width);
    formats_seal(file + part, covered, seed);
    inspect_dir_put(disk, path, file, length);
}

static void inspect_names_what_verifies_and_does_not_belong(void **state)
{
    (void)state;
    struct inspect_dir dir;
    inspect_dir_make(&dir);
    const struct crc32c *kernels = formats_kernels();
    struct log_uuid disk_id;
    for (uint8_t i = 0; i < 16; i++) {
        disk_id.bytes[i] = (uint8_t)(0xd0 + i);
    }
    uint32_t rec = log_sidecar_seed(kernels, INSPECT_GROUP, 0);
    uint32_t row = log_table_seed(kernels, &disk_id, 3);
    uint32_t settled_row = log_table_seed(kernels, &disk_id, 4);
    struct sim_disk *settled = sim_disk_clone(dir.disk, 1);
    for (uint32_t step = 0; step < INSPECT_STEPS; step++) {
        inspect_dir_serve(&dir, settled, step);
    }
    const struct {
        const char *path;
        size_t part;
        size_t pos;
        uint64_t value;
        size_t width;
        size_t covered;
        uint32_t seed;
        const char *what;
    } rows[] = {
        {INSPECT_IDX_1, 192, 0, 3, 8, 92, rec, "not of the next entry"},
        {INSPECT_IDX_1, 192, 8, 3, 8, 92, rec, "do not follow the one before it"},
        {INSPECT_IDX_1, 192, 32, 7, 8, 92, rec, "do not follow the one before it"},
        {INSPECT_IDX_1, 192, 24, 77, 4, 92, rec, "does not stand behind"},
        {INSPECT_IDX_1, 192, 72, 1, 8, 92, rec, "chain of the record"},
        {INSPECT_IDX_1, 192, 28, 60000, 4, 92, rec, "before the batch does"},
        {INSPECT_IDX_1, 192, 28, 2000, 4, 92, rec, "no batch of the sidecar's length"},
        {INSPECT_IDX_1, 192, 16, 2, 4, 92, rec, "another offset or term"},
        {INSPECT_IDX_1, 192, 51, LOG_SIDECAR_QUARANTINED, 1, 92, rec, "quarantined"},
        {INSPECT_IDX_1, 0, 20, 4, 4, 92, 0, "another segment's"},
        {INSPECT_IDX_1, 0, 56, 4, 4, 92, 0, "does not begin where the log does"},
        {INSPECT_IDX_2, 0, 56, 4, 4, 92, 0, "does not follow the one before it"},
        {INSPECT_TABLE, 4096, 96 + 24, 1, 8, 252, row, "settled end of the table"},
        {INSPECT_TABLE, 4096, 152, 0, 4, 252, settled_row, "lie behind what the table says"},
        {INSPECT_TABLE, 4096, 29, LOG_ROW_AMNESIAC, 1, 252, row, "amnesiac"},
        {INSPECT_TABLE, 0, 24, 9, 1, 56, 0, "header of the table"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct sim_disk *disk = sim_disk_clone(rows[i].seed == settled_row ? settled : dir.disk, 1);
        struct look look;
        look_rewrite(disk, rows[i].path, rows[i].part, rows[i].pos, rows[i].value, rows[i].width,
                     rows[i].covered, rows[i].seed);
        look_new(&look, disk, 0);
        look_run(&look);
        assert_int_equal(look.inspect.err, ERR_OK);
        if (!look_has_fault(&look, rows[i].what)) {
            for (uint32_t n = 0; n < look.faults_count; n++) {
                print_message("%s, entry %" PRIu64 ": %s\n", look.faults[n].file,
                              look.faults[n].index, look.faults[n].what);
            }
            fail_msg("row %zu: no fault says '%s'", i, rows[i].what);
        }
        look_free(&look);
    }
    sim_disk_free(settled);
    sim_disk_free(dir.disk);
    inspect_dir_free(&dir);
}

/* A cut has left a segment of an earlier generation; somebody has left files of his own. */
static void inspect_passes_over_what_is_not_the_logs(void **state)
{
    (void)state;
    struct inspect_dir dir;
    struct look look;
    inspect_dir_make(&dir);
    inspect_dir_put(dir.disk, INSPECT_PARTITION "/0000000000000006-00000001.idx", "void", 4);
    inspect_dir_put(dir.disk, INSPECT_PARTITION "/0000000000000006-00000001.log", "void", 4);
    inspect_dir_put(dir.disk, INSPECT_PARTITION "/0000000000000009-00000000.log", "void", 4);
    inspect_dir_put(dir.disk, INSPECT_PARTITION "/000000000000000x-00000000.log", "void", 4);
    inspect_dir_put(dir.disk, "/data/journal/notes.jnl.txt", "void", 4);
    inspect_dir_put(dir.disk, "/data/journal/0000000x.jnl", "void", 4);
    for (unsigned i = 0; i < 1200; i++) { /* more names than there is room for at first */
        char path[LIMIT_PATH_BYTES];
        snprintf(path, sizeof(path), INSPECT_PARTITION "/a file of somebody's who has many, %08u",
                 i);
        inspect_dir_put(dir.disk, path, NULL, 0);
    }
    look_new(&look, dir.disk, 0);
    look_run(&look);
    assert_int_equal(look.inspect.err, ERR_OK);
    assert_int_equal(look.faults_count, 0);
    assert_int_equal(look.entries_count, INSPECT_ENTRIES);
    look_free(&look);
    inspect_dir_free(&dir);
}

/* All of a partition's files are gone: every settled entry is named. */
static void inspect_names_entries_that_no_segment_holds(void **state)
{
    (void)state;
    static const char *const paths[] = {INSPECT_LOG_1, INSPECT_IDX_1, INSPECT_SNAP_1,
                                        INSPECT_LOG_2, INSPECT_IDX_2, INSPECT_SNAP_2};
    struct inspect_dir dir;
    struct look look;
    inspect_dir_make(&dir);
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        assert_int_equal(sim_disk_unlink(dir.disk, paths[i]), ERR_OK);
    }
    look_new(&look, dir.disk, 0);
    look_run(&look);
    assert_int_equal(look.inspect.err, ERR_OK);
    assert_true(look_has_fault(&look, "no segment holds"));
    assert_int_equal(look.faults[0].index, 1);
    assert_int_equal(look.faults[0].last_index, 7);
    look_free(&look);
    inspect_dir_free(&dir);
}

/* The last record of a log is lost, and reading was to begin with its entry. */
static void inspect_names_a_lost_record_with_nothing_behind_it(void **state)
{
    (void)state;
    struct inspect_dir dir;
    struct look look;
    inspect_dir_make(&dir);
    struct sim_disk *disk = sim_disk_clone(dir.disk, 1);
    for (uint32_t step = 0; step < INSPECT_STEPS; step++) {
        inspect_dir_serve(&dir, disk, step);
    }
    assert_int_equal(sim_disk_rot(disk, INSPECT_IDX_2, 5 * 96 + 8, 0), ERR_OK);
    look_new(&look, disk, 0);
    look.inspect.group = INSPECT_GROUP;
    look.inspect.from = LOG_INSPECT_OFFSET;
    look.inspect.at = 17;
    look_run(&look);
    assert_int_equal(look.inspect.err, ERR_OK);
    assert_int_equal(look.entries_count, 0);
    assert_int_equal(look.faults_count, 1);
    assert_int_equal(look.faults[0].index, INSPECT_ENTRIES);
    look_free(&look);
    sim_disk_free(dir.disk);
    inspect_dir_free(&dir);
}

/* More faults than are kept: all are counted. */
static void inspect_counts_faults_it_has_no_room_for(void **state)
{
    (void)state;
    static uint8_t table[LOG_TABLE_HEADER_BYTES + 5000 * LOG_TABLE_ROW_BYTES];
    struct inspect_dir dir;
    struct look look;
    inspect_dir_make(&dir);
    assert_int_equal(sim_disk_peek(dir.disk, INSPECT_TABLE, 0, table, 8192), 8192);
    formats_poke(table, 20, 5000, 4);
    formats_seal(table, 56, 0);
    inspect_dir_put(dir.disk, INSPECT_TABLE, table, sizeof(table));
    look_new(&look, dir.disk, 0);
    look.is_any_table = true;
    look_run(&look);
    assert_int_equal(look.inspect.err, ERR_OK);
    assert_int_equal(look.inspect.faults_count, 4999);
    assert_int_equal(look.faults_count, LOG_INSPECT_FAULTS_MAX);
    look_free(&look);
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
        cmocka_unit_test(inspect_names_what_verifies_and_does_not_belong),
        cmocka_unit_test(inspect_passes_over_what_is_not_the_logs),
        cmocka_unit_test(inspect_names_entries_that_no_segment_holds),
        cmocka_unit_test(inspect_names_a_lost_record_with_nothing_behind_it),
        cmocka_unit_test(inspect_counts_faults_it_has_no_room_for),
        cmocka_unit_test(inspect_sees_no_damage_beside_a_server),
        cmocka_unit_test(inspect_stages_make_sense),
    };
    return cmocka_run_group_tests_name("log_inspect", tests, NULL, NULL);
}
