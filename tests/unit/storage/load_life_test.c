/* A group's older segments, loaded after any life of its log, and from sidecars damaged anywhere:
 * what is found is true, or quarantined. */
#include <stdlib.h>

#include "base/prng.h"
#include "storage/log/range.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/place.h"

#define SECTOR_BYTES 512u

/* A directory, and the log it is written from. */
struct fixture {
    struct place *place;
    struct place_history a; /* the log */
    uint64_t seed;          /* of the case that runs; 0: none */
};

static void fixture_begin(struct fixture *f)
{
    f->place = place_new();
    f->a.kernels = f->place->store.kernels;
    f->a.count = 0;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    fixture_begin(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->seed != 0) {
        print_error("seed %llu\n", (unsigned long long)f->seed);
    }
    place_free(f->place);
    free(f);
    return 0;
}

static uint64_t record_pos(uint64_t slot)
{
    return (slot + 1) * LOG_SIDECAR_BYTES;
}

/* --- Whatever is damaged --- */

/* The record of an entry; false: it, or a sector of its blocks, cannot be read. */
static bool read_record(struct fixture *f, const struct log_segment *seg, uint64_t index,
                        struct log_sidecar *out)
{
    uint8_t blocks[2 * LIMIT_BLOCK_BYTES];
    const struct crc32c *kernels = f->place->store.kernels;
    const char *path = place_path(f->place, seg->start.index, 0, "idx");
    uint64_t pos = record_pos(index - seg->start.index);
    uint64_t first = pos / LIMIT_BLOCK_BYTES;
    uint64_t last = (pos + LOG_SIDECAR_BYTES - 1) / LIMIT_BLOCK_BYTES;
    size_t length = (last - first + 1) * LIMIT_BLOCK_BYTES;
    return sim_disk_peek(f->place->disk, path, first * LIMIT_BLOCK_BYTES, blocks, length) ==
               (int64_t)length &&
           log_sidecar_decode(blocks + pos % LIMIT_BLOCK_BYTES, LOG_SIDECAR_BYTES, kernels,
                              log_sidecar_seed(kernels, f->place->log.group, 0), out) == ERR_OK;
}

/* What the sidecars still say of an entry, and nothing else, or it is quarantined. */
static void log_is_true(struct fixture *f, uint64_t start_index, uint64_t end_index)
{
    struct log *log = &f->place->log;
    for (uint64_t i = start_index; i <= end_index; i++) {
        bool is_quarantined = false;
        list_for_each (node, &log->ranges) {
            const struct log_range *range = CONTAINER_OF(node, struct log_range, in_log);
            is_quarantined |= range->first_index <= i && i <= range->last_index;
        }
        if (is_quarantined) {
            continue;
        }
        const struct log_segment *seg = log_segment_find(log, i);
        struct log_sidecar rec;
        uint32_t term = 0;
        assert_non_null(seg);
        if (!read_record(f, seg, i, &rec)) {
            continue; /* a reader meets it */
        }
        assert_int_equal(rec.index, i);
        assert_true(hash128_is_equal(rec.chain, f->a.recs[i - 1].chain));
        assert_int_equal(log_term_of(log, i, &term), ERR_OK);
        assert_int_equal(term, rec.term);
    }
}

/* Two terms in each of three segments of 100 entries. */
static void damaged(struct fixture *f)
{
    for (uint32_t term = 1; term <= 6; term++) {
        place_grow(&f->a, term * 50, term, 0);
    }
    place_segment(f->place, &f->a, 1, 100, 0);
    place_segment(f->place, &f->a, 101, 200, 0);
    place_segment(f->place, &f->a, 201, 300, 0);
}

static void load_of_any_unreadable_sector_is_true(void **state)
{
    struct fixture *f = *state;
    uint64_t damaged_count = 0;
    damaged(f);
    for (uint64_t first = 1; first < 300; first += 100) {
        for (uint64_t pos = 0; pos < record_pos(100); pos += SECTOR_BYTES) {
            const char *path = place_path(f->place, first, 0, "idx");
            assert_int_equal(sim_disk_sector_error(f->place->disk, path, pos), ERR_OK);
            place_start(f->place, &f->a, 1, 300, 201, 0);
            enum err err = place_load(f->place);
            assert_true(err == ERR_OK || err == ERR_CORRUPT);
            damaged_count += err == ERR_CORRUPT;
            log_is_true(f, 1, 300);
            place_end(f->place);
            place_segment(f->place, &f->a, first, first + 99, 0);
        }
    }
    assert_true(damaged_count >= 3 * 3);
}

static void load_of_any_rot_is_true(void **state)
{
    struct fixture *f = *state;
    struct share share = share_open("sidecars with rot", 30);
    damaged(f);
    while (share_more(&share)) {
        struct prng prng;
        f->seed = share_case_seed(&share);
        prng_init(&prng, f->seed);
        for (uint64_t flips = 1 + prng_below(&prng, 6); flips > 0; flips--) {
            uint64_t first = 1 + prng_below(&prng, 3) * 100;
            assert_int_equal(sim_disk_rot(f->place->disk, place_path(f->place, first, 0, "idx"),
                                          prng_below(&prng, record_pos(100)),
                                          (uint32_t)prng_below(&prng, 8)),
                             ERR_OK);
        }
        uint64_t start_index = 1 + prng_below(&prng, 250);
        place_start(f->place, &f->a, start_index, 300, 201, 0);
        enum err err = place_load(f->place);
        assert_true(err == ERR_OK || err == ERR_CORRUPT);
        log_is_true(f, start_index, 300);
        place_end(f->place);
        for (uint64_t first = 1; first < 300; first += 100) {
            place_segment(f->place, &f->a, first, first + 99, 0);
        }
    }
    f->seed = 0;
    share_close(&share);
}

/* --- Any life of a log --- */

#define LIFE_FILES_MAX 200u

/* A segment file that was written. */
struct life_file {
    uint64_t first;      /* index */
    uint64_t last;       /* of the segment; first - 1: empty */
    uint32_t generation; /* of it */
    bool is_live;        /* it is the log's */
    bool is_written;     /* there is a file */
};

/* A log that appends, rolls, cuts and trims; files are left behind as crashes do. */
struct life {
    struct fixture *f;
    struct prng prng;
    uint32_t term;
    uint32_t generation;
    uint64_t start_index;
    struct life_file files[LIFE_FILES_MAX];
    uint32_t files_count; /* the last is the active one */
};

static struct life_file *life_active(struct life *life)
{
    return &life->files[life->files_count - 1];
}

static void life_begin(struct life *life, uint64_t first)
{
    assert_true(life->files_count < LIFE_FILES_MAX);
    life->files[life->files_count++] = (struct life_file){
        .first = first, .last = first - 1, .generation = life->generation, .is_live = true};
}

static void life_write(struct life *life, struct life_file *file, uint64_t last)
{
    place_segment(life->f->place, &life->f->a, file->first, last, file->generation);
    file->is_written = true;
}

static void life_append(struct life *life)
{
    struct place_history *a = &life->f->a;
    for (uint64_t n = 1 + prng_below(&life->prng, 60); n > 0 && a->count < 900; n--) {
        life->term += prng_chance(&life->prng, 1, 20) ? 1 : 0;
        place_add(a, life->term, (uint32_t)prng_below(&life->prng, 4), life->generation);
    }
    life_active(life)->last = a->count;
}

static void life_roll(struct life *life)
{
    struct life_file *active = life_active(life);
    if (active->last >= active->first) {
        life_write(life, active, active->last);
        life_begin(life, active->last + 1);
    }
}

static void life_cut(struct life *life)
{
    struct place_history *a = &life->f->a;
    if (a->count == 0) {
        return;
    }
    uint64_t first = 1 + prng_below(&life->prng, a->count);
    if (prng_chance(&life->prng, 1, 3)) {
        first = life_active(life)->first; /* at a border */
    }
    if (life_active(life)->last >= life_active(life)->first) {
        life_write(life, life_active(life), life_active(life)->last);
    }
    for (uint32_t i = 0; i < life->files_count; i++) {
        struct life_file *file = &life->files[i];
        if (file->is_live && file->first >= first) {
            file->is_live = false;
            if (file->is_written && prng_chance(&life->prng, 1, 3)) {
                place_remove(life->f->place, file->first, file->generation, "log");
                place_remove(life->f->place, file->first, file->generation, "idx");
                file->is_written = false;
            }
        } else if (file->is_live && file->last >= first) {
            file->last = first - 1;
        }
    }
    a->count = first - 1;
    life->generation++;
    life->term++;
    life_begin(life, first);
}

/* A copy of a live segment that no switch has named. */
static void life_copy(struct life *life)
{
    uint32_t n = (uint32_t)prng_below(&life->prng, life->files_count);
    struct life_file file = life->files[n];
    if (file.is_live && file.is_written && life->files_count < LIFE_FILES_MAX) {
        uint64_t count = file.last - file.first + 1;
        file.generation = life->generation + 1 + (uint32_t)prng_below(&life->prng, 3);
        place_segment(life->f->place, &life->f->a, file.first,
                      file.first + prng_below(&life->prng, count + 1) - 1, file.generation);
        file.is_live = false;
        life->files[life->files_count] = life->files[life->files_count - 1];
        life->files[life->files_count++ - 1] = file;
    }
}

/* Entries below some index go, and the oldest segments with them, some or all. */
static void life_trim(struct life *life, uint64_t settled)
{
    life->start_index = 1 + prng_below(&life->prng, settled + 1);
    for (uint64_t from = 0;;) {
        struct life_file *oldest = NULL;
        for (uint32_t i = 0; i < life->files_count; i++) {
            struct life_file *file = &life->files[i];
            if (file->is_live && file->first > from &&
                (oldest == NULL || file->first < oldest->first)) {
                oldest = file;
            }
        }
        if (oldest == NULL || oldest->last >= life->start_index || !oldest->is_written ||
            oldest == life_active(life) || prng_chance(&life->prng, 1, 3)) {
            return;
        }
        from = oldest->first;
        place_remove(life->f->place, oldest->first, oldest->generation, "log");
        place_remove(life->f->place, oldest->first, oldest->generation, "idx");
        oldest->is_live = false;
        oldest->is_written = false;
    }
}

static void life_check(struct life *life)
{
    struct log *log = &life->f->place->log;
    uint32_t live_count = 0;
    for (uint32_t i = 0; i < life->files_count; i++) {
        const struct life_file *file = &life->files[i];
        bool is_there = place_has(life->f->place, file->first, file->generation, "idx");
        const struct log_segment *oldest =
            CONTAINER_OF(list_first(&log->segments.list), struct log_segment, in_log);
        /* nothing is looked at where nothing was settled */
        bool is_covered = file->first >= oldest->start.index && log->row.end.index > 0;
        live_count += file->is_live;
        if (file->is_live) {
            const struct log_segment *seg = log_segment_find(log, file->first);
            assert_int_equal(is_there, file->is_written);
            assert_true(file->last < file->first || seg != NULL);
            assert_true(seg == NULL ||
                        (seg->start.index == file->first && seg->generation == file->generation &&
                         seg->last_index == file->last));
        } else if (is_covered) {
            assert_false(is_there);
        }
    }
    assert_int_equal(log->segments.count, live_count);
    place_segments_are_true(life->f->place, &life->f->a);
    uint64_t run = 0;
    for (uint64_t i = life->start_index; i <= life->f->a.count; i++) {
        uint32_t term = 0;
        assert_int_equal(log_term_of(log, i, &term), ERR_OK);
        assert_int_equal(term, life->f->a.recs[i - 1].term);
        run += i == life->start_index || term != life->f->a.recs[i - 2].term;
    }
    list_for_each (node, &log->terms) {
        const struct log_term *item = CONTAINER_OF(node, struct log_term, in_log);
        assert_int_equal(item->first_offset, life->f->a.recs[item->first_index - 1].base_offset);
    }
    assert_true(list_count(&log->terms) <= run + 1);
    assert_true(list_is_empty(&log->ranges));
}

static void life_case(struct fixture *f, uint64_t seed)
{
    struct life made = {.f = f, .term = 1, .start_index = 1};
    struct life *life = &made;
    prng_init(&life->prng, seed);
    life_begin(life, 1);
    for (uint64_t ops = prng_below(&life->prng, 40); ops > 0; ops--) {
        switch (prng_below(&life->prng, 6)) {
        case 0: life_cut(life); break;
        case 1:
        case 2: life_roll(life); break;
        default: life_append(life); break;
        }
    }
    struct life_file *active = life_active(life);
    uint64_t settled =
        active->first - 1 + prng_below(&life->prng, active->last - active->first + 2);
    if (settled >= active->first) {
        life_write(life, active, settled);
    }
    life_trim(life, settled);
    for (uint64_t copies = prng_below(&life->prng, 3); copies > 0; copies--) {
        life_copy(life);
    }
    active = life_active(life);
    place_start(f->place, &f->a, life->start_index, settled, active->first, active->generation);
    assert_int_equal(place_load(f->place), ERR_OK);
    life_check(life);
    place_end(f->place);
}

static void load_of_any_life_finds_its_log(void **state)
{
    struct fixture *f = *state;
    struct share share = share_open("lives of a log", 60);
    while (share_more(&share)) {
        f->seed = share_case_seed(&share);
        place_free(f->place);
        fixture_begin(f);
        life_case(f, f->seed);
    }
    f->seed = 0;
    share_close(&share);
}

#define LOAD_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* --- Replaced --- */

/* What a `switch` replaced is not looked at while what took its place is there. A start that could
 * not read the `switch` has removed that: then the segment is what it was. */
static void load_forgets_a_switch_whose_files_are_gone(void **state)
{
    struct fixture *f = *state;
    for (uint32_t has_new = 0; has_new < 2; has_new++) {
        struct log *log = &f->place->log;
        void *made = NULL;
        place_grow(&f->a, 30, 1, 0);
        place_segment(f->place, &f->a, 1, 10, 0);
        place_segment(f->place, &f->a, 11, 20, 0);
        place_segment(f->place, &f->a, 21, 30, 0);
        if (has_new == 1) {
            place_segment(f->place, &f->a, 11, 20, 4);
        }
        place_start(f->place, &f->a, 1, 30, 21, 0);
        assert_int_equal(pool_acquire(&f->place->ls.small, &made), ERR_OK);
        struct log_garbage *garbage = made;
        *garbage = (struct log_garbage){.first_index = 11, .generation_new = 4};
        list_push_back(&log->garbage, &garbage->in_log);
        log->switches_pending = 1;
        assert_int_equal(place_load(f->place), ERR_OK);
        assert_int_equal(log->switches_pending, has_new);
        assert_int_equal(list_count(&log->garbage), has_new);
        const struct list_node *node = list_first(&log->segments.list);
        for (uint64_t first_index = 1; first_index < 30; first_index += 10, node = node->next) {
            const struct log_segment *seg = CONTAINER_OF(node, const struct log_segment, in_log);
            assert_int_equal(seg->start.index, first_index);
            assert_int_equal(seg->generation, first_index == 11 && has_new == 1 ? 4 : 0);
        }
        place_segments_are_true(f->place, &f->a);
        place_end(f->place);
        place_free(f->place);
        fixture_begin(f);
    }
}

/* --- Lost --- */

/* A cut, and what followed it, is lost for good, and what it had cut off is gone. The segment that
 * began behind it is no part of this log, though nothing else is there. */
static void load_takes_nothing_of_a_life_that_is_lost(void **state)
{
    struct fixture *f = *state;
    static struct place_history later;
    later = (struct place_history){.kernels = f->a.kernels};
    place_grow(&f->a, 30, 1, 0);
    place_grow(&later, 14, 2, 0);
    place_segment(f->place, &later, 11, 14, 1);
    place_segment(f->place, &f->a, 21, 30, 0);
    place_start(f->place, &f->a, 1, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_CORRUPT);
    const struct log *log = &f->place->log;
    assert_int_equal(list_count(&log->segments.list), 1);
    const struct log_range *range = log_range_find(log, 1);
    assert_non_null(range);
    assert_int_equal(range->first_index, 1);
    assert_int_equal(range->last_index, 20);
    place_end(f->place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOAD_TEST(load_of_any_unreadable_sector_is_true),
        LOAD_TEST(load_of_any_rot_is_true),
        LOAD_TEST(load_of_any_life_finds_its_log),
        LOAD_TEST(load_forgets_a_switch_whose_files_are_gone),
        LOAD_TEST(load_takes_nothing_of_a_life_that_is_lost),
    };
    return cmocka_run_group_tests_name("log_load_life", tests, NULL, NULL);
}
