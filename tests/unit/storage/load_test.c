/* A group's older segments, loaded from directories written by hand: which files count, what is
 * quarantined, what is removed, and that it begins again when the log changes meanwhile. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/log/probe.h"
#include "storage/log/range.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/place.h"

#define TEXT_BYTES 400u

/* A directory, and the histories it is written from. */
struct fixture {
    struct place *place;
    struct place_history a; /* the log's */
    struct place_history b; /* another one */
    char text[TEXT_BYTES];  /* segments, ranges and terms as text, in turn */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->place = place_new();
    f->a.kernels = f->place->store.kernels;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    place_free(f->place);
    free(f);
    return 0;
}

/* `to` goes on like `from` up to entry `count`. */
static void branch(struct place_history *to, const struct place_history *from, uint64_t count)
{
    to->kernels = from->kernels;
    to->count = count;
    for (uint64_t i = 0; i < count; i++) {
        to->recs[i] = from->recs[i];
    }
}

static void say(struct fixture *f, const char *format, uint64_t a, uint64_t b, uint64_t c)
{
    size_t length = strlen(f->text);
    snprintf(f->text + length, TEXT_BYTES - length, format, a, b, c);
}

/* "first-generation:last ..." */
static const char *segments(struct fixture *f)
{
    f->text[0] = '\0';
    list_for_each (node, &f->place->log.segments.list) {
        const struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        say(f, " %" PRIu64 "-%" PRIu64 ":%" PRIu64, seg->start.index, seg->generation,
            seg->last_index);
    }
    return f->text;
}

/* "first..last@next offset ..." */
static const char *ranges(struct fixture *f)
{
    f->text[0] = '\0';
    list_for_each (node, &f->place->log.ranges) {
        const struct log_range *range = CONTAINER_OF(node, struct log_range, in_log);
        say(f, " %" PRIu64 "..%" PRIu64 "@%" PRIu64, range->first_index, range->last_index,
            range->next_offset);
    }
    return f->text;
}

/* "first index@first offset:term ..." */
static const char *terms(struct fixture *f)
{
    f->text[0] = '\0';
    list_for_each (node, &f->place->log.terms) {
        const struct log_term *run = CONTAINER_OF(node, struct log_term, in_log);
        say(f, " %" PRIu64 "@%" PRIu64 ":%" PRIu64, run->first_index, run->first_offset, run->term);
    }
    return f->text;
}

/* Three segments of ten entries; the settled end is entry 30 in the third. */
static void three(struct fixture *f)
{
    place_grow(&f->a, 30, 1, 0);
    place_segment(f->place, &f->a, 1, 10, 0);
    place_segment(f->place, &f->a, 11, 20, 0);
    place_segment(f->place, &f->a, 21, 30, 0);
}

/* Write `length` bytes over the .idx at `pos`. */
static void overwrite(struct fixture *f, uint64_t first, uint64_t pos, const void *data,
                      size_t length)
{
    place_write(f->place, place_path(f->place, first, 0, "idx"), pos, data, length);
}

static uint64_t record_pos(uint64_t slot)
{
    return (slot + 1) * LOG_SIDECAR_BYTES;
}

/* --- Which files count --- */

static void load_puts_older_segments_in_front(void **state)
{
    struct fixture *f = *state;
    three(f);
    place_start(f->place, &f->a, 1, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_true(f->place->log.is_loaded);
    assert_string_equal(segments(f), " 1-0:10 11-0:20 21-0:30");
    assert_int_equal(f->place->log.segments.count, 3);
    assert_string_equal(ranges(f), "");
    assert_string_equal(terms(f), " 1@0:1");
    place_segments_are_true(f->place, &f->a);
    place_end(f->place);
}

static void load_of_a_loaded_log_is_done_at_once(void **state)
{
    struct fixture *f = *state;
    three(f);
    place_start(f->place, &f->a, 1, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_OK);
    uint64_t read_bytes = sim_disk_stats(f->place->disk)->read_bytes;
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_int_equal(sim_disk_stats(f->place->disk)->read_bytes, read_bytes);
    assert_string_equal(segments(f), " 1-0:10 11-0:20 21-0:30");
    place_end(f->place);
}

/* The next entry begins a segment that has no file yet. */
static void load_begins_at_a_segment_that_is_empty(void **state)
{
    struct fixture *f = *state;
    place_grow(&f->a, 20, 1, 0);
    place_segment(f->place, &f->a, 1, 10, 0);
    place_segment(f->place, &f->a, 11, 20, 0);
    place_start(f->place, &f->a, 1, 20, 21, 0);
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_string_equal(segments(f), " 1-0:10 11-0:20 21-0:20");
    place_segments_are_true(f->place, &f->a);
    place_end(f->place);
}

/* Entries 6..10 of the first segment were cut, 11..20 never were of this log. */
static void load_passes_over_what_a_cut_has_left(void **state)
{
    struct fixture *f = *state;
    place_grow(&f->b, 20, 1, 0);
    branch(&f->a, &f->b, 5);
    place_grow(&f->a, 30, 2, 0);
    place_segment(f->place, &f->b, 1, 10, 0);
    place_segment(f->place, &f->b, 11, 20, 0);
    place_segment(f->place, &f->a, 6, 22, 1);
    place_segment(f->place, &f->a, 23, 30, 1);
    place_start(f->place, &f->a, 1, 30, 23, 1);
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_string_equal(segments(f), " 1-0:5 6-1:22 23-1:30");
    assert_string_equal(terms(f), " 1@0:1 6@10:2");
    place_segments_are_true(f->place, &f->a);
    assert_false(place_has(f->place, 11, 0, "idx"));
    assert_false(place_has(f->place, 11, 0, "log"));
    assert_true(place_has(f->place, 6, 1, "idx"));
    assert_true(place_has(f->place, 1, 0, "log"));
    place_end(f->place);
}

/* A cut just where a segment began: both files have its first index. */
static void load_takes_the_generation_that_leads_on(void **state)
{
    struct fixture *f = *state;
    place_grow(&f->b, 20, 1, 0);
    branch(&f->a, &f->b, 10);
    place_grow(&f->a, 30, 2, 0);
    place_segment(f->place, &f->a, 1, 10, 0);
    place_segment(f->place, &f->b, 11, 20, 0);
    place_segment(f->place, &f->a, 11, 20, 1);
    place_segment(f->place, &f->a, 21, 30, 1);
    place_start(f->place, &f->a, 1, 30, 21, 1);
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_string_equal(segments(f), " 1-0:10 11-1:20 21-1:30");
    assert_false(place_has(f->place, 11, 0, "idx"));
    assert_true(place_has(f->place, 11, 1, "idx"));
    assert_int_equal(f->place->log.generation, 1);
    place_end(f->place);
}

/* A copy of a segment that no switch has named, whole or not. Segments that begin later get a
 * higher generation than the file that is removed. */
static void load_takes_the_lower_of_two_copies(void **state)
{
    struct fixture *f = *state;
    three(f);
    place_segment(f->place, &f->a, 11, 20, 4);
    place_segment(f->place, &f->a, 1, 7, 3);
    place_write(f->place, place_path(f->place, 1, 3, "snap"), 0, "snap", 4);
    place_start(f->place, &f->a, 1, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_string_equal(segments(f), " 1-0:10 11-0:20 21-0:30");
    assert_false(place_has(f->place, 11, 4, "idx"));
    assert_false(place_has(f->place, 11, 4, "log"));
    assert_false(place_has(f->place, 1, 3, "idx"));
    assert_false(place_has(f->place, 1, 3, "snap"));
    assert_int_equal(f->place->log.generation, 5);
    place_end(f->place);
}

static void load_takes_the_higher_copy_when_the_lower_is_damaged(void **state)
{
    struct fixture *f = *state;
    three(f);
    place_segment(f->place, &f->a, 11, 20, 4);
    overwrite(f, 11, record_pos(9) + 3, "x", 1);
    place_start(f->place, &f->a, 1, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_string_equal(segments(f), " 1-0:10 11-4:20 21-0:30");
    assert_string_equal(ranges(f), "");
    place_end(f->place);
}

/* What the table names counts, be there a lower one; others behind it are void. */
static void load_leaves_the_named_generation(void **state)
{
    struct fixture *f = *state;
    three(f);
    place_segment(f->place, &f->a, 21, 30, 2);
    place_segment(f->place, &f->a, 25, 30, 1);
    place_start(f->place, &f->a, 1, 30, 21, 2);
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_string_equal(segments(f), " 1-0:10 11-0:20 21-2:30");
    assert_false(place_has(f->place, 21, 0, "idx"));
    assert_false(place_has(f->place, 25, 1, "idx"));
    assert_true(place_has(f->place, 21, 2, "idx"));
    place_end(f->place);
}

/* Names that are none of ours stay and are not looked at. */
static void load_knows_its_names(void **state)
{
    static const char *const names[] = {
        "0000000000000001-00000000.tmp",
        "000000000000000g-00000000.idx",
        "0000000000000001_00000000.idx",
        "0000000000000001-0000000A.log",
        "0000000000000000-00000000.idx",
        "ffffffffffffffff-00000000.idx",
        "0000000000000001-00000000",
        "0000000000000001-00000000.snap.new",
        "x.log.new",
        "x",
    };
    struct fixture *f = *state;
    char dir[LIMIT_PATH_BYTES - 64], path[LIMIT_PATH_BYTES];
    three(f);
    snprintf(dir, sizeof(dir), "%s", place_path(f->place, 1, 0, "idx"));
    *strrchr(dir, '/') = '\0';
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        place_write(f->place, path, 0, "x", 1);
    }
    place_start(f->place, &f->a, 1, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_string_equal(segments(f), " 1-0:10 11-0:20 21-0:30");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        assert_int_equal(sim_disk_size(f->place->disk, path), 1);
    }
    place_end(f->place);
}

/* What was written in the place of a segment's file and never got its name. */
static void load_removes_files_that_never_got_their_names(void **state)
{
    static const char *const kinds[] = {"log.new", "idx.new"};
    static const uint64_t indexes[] = {1, 15, 21, 40};
    struct fixture *f = *state;
    three(f);
    for (size_t i = 0; i < ARRAY_COUNT(indexes); i++) {
        place_write(f->place, place_path(f->place, indexes[i], 0, kinds[i % 2]), 0, "x", 1);
    }
    place_start(f->place, &f->a, 1, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_string_equal(segments(f), " 1-0:10 11-0:20 21-0:30");
    for (size_t i = 0; i < ARRAY_COUNT(indexes); i++) {
        assert_false(place_has(f->place, indexes[i], 0, kinds[i % 2]));
    }
    assert_true(place_has(f->place, 1, 0, "log"));
    place_end(f->place);
}

/* More names than the first list has room for; one entry each. */
static void load_of_a_thousand_segments(void **state)
{
    struct fixture *f = *state;
    place_grow(&f->a, 1000, 1, 0);
    for (uint64_t i = 1; i <= f->a.count; i++) {
        place_segment(f->place, &f->a, i, i, 0);
    }
    place_start(f->place, &f->a, 1, 1000, 1000, 0);
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_int_equal(f->place->log.segments.count, 1000);
    place_segments_are_true(f->place, &f->a);
    assert_string_equal(terms(f), " 1@0:1");
    place_end(f->place);
}

/* --- What is missing --- */

static void load_quarantines_what_a_torn_sidecar_has_lost(void **state)
{
    struct fixture *f = *state;
    static const uint8_t zeros[3 * LOG_SIDECAR_BYTES];
    three(f);
    overwrite(f, 21, record_pos(7), zeros, sizeof(zeros));
    place_start(f->place, &f->a, 1, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_CORRUPT);
    assert_string_equal(segments(f), " 1-0:10 11-0:20 21-0:30");
    assert_string_equal(ranges(f), " 28..30@60");
    place_end(f->place);
}

static void load_quarantines_the_end_of_an_older_segment(void **state)
{
    struct fixture *f = *state;
    static const uint8_t zeros[2 * LOG_SIDECAR_BYTES];
    three(f);
    overwrite(f, 11, record_pos(8), zeros, sizeof(zeros));
    place_start(f->place, &f->a, 1, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_CORRUPT);
    assert_string_equal(segments(f), " 1-0:10 11-0:20 21-0:30");
    assert_string_equal(ranges(f), " 19..20@40");
    assert_true(place_has(f->place, 11, 0, "idx"));
    place_end(f->place);
}

/* One record in the middle is rot: whoever reads it says so, the search goes around it. */
static void load_goes_around_rot(void **state)
{
    struct fixture *f = *state;
    place_grow(&f->a, 300, 1, 0);
    place_segment(f->place, &f->a, 1, 200, 0);
    place_segment(f->place, &f->a, 201, 300, 0);
    for (uint64_t slot = 40; slot < 170; slot++) {
        overwrite(f, 1, record_pos(slot) + 50, "x", 1);
    }
    overwrite(f, 1, record_pos(199) + 50, "x", 1);
    place_start(f->place, &f->a, 1, 300, 201, 0);
    assert_int_equal(place_load(f->place), ERR_CORRUPT);
    assert_string_equal(segments(f), " 1-0:200 201-0:300");
    assert_string_equal(ranges(f), " 200..200@400");
    place_end(f->place);
}

/* The block in the middle cannot be read, nor can the last record be believed. */
static void load_goes_around_an_unreadable_block(void **state)
{
    struct fixture *f = *state;
    place_grow(&f->a, 300, 1, 0);
    place_segment(f->place, &f->a, 1, 200, 0);
    place_segment(f->place, &f->a, 201, 300, 0);
    const char *path = place_path(f->place, 1, 0, "idx");
    uint64_t pos = record_pos(100) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    assert_int_equal(sim_disk_sector_error(f->place->disk, path, pos), ERR_OK);
    overwrite(f, 1, record_pos(199) + 50, "x", 1);
    place_start(f->place, &f->a, 1, 300, 201, 0);
    assert_int_equal(place_load(f->place), ERR_CORRUPT);
    assert_string_equal(ranges(f), " 200..200@400");
    place_end(f->place);
}

/* G8: the record is there and verifies, but it is of another log. */
static void load_quarantines_the_settled_end_under_another_chain(void **state)
{
    struct fixture *f = *state;
    place_grow(&f->a, 30, 1, 0);
    branch(&f->b, &f->a, 25);
    place_grow(&f->b, 30, 1, 9);
    place_segment(f->place, &f->a, 1, 20, 0);
    place_segment(f->place, &f->b, 21, 30, 0);
    place_start(f->place, &f->a, 1, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_CORRUPT);
    assert_string_equal(segments(f), " 1-0:20 21-0:30");
    assert_string_equal(ranges(f), " 21..30@60");
    place_end(f->place);
}

static void load_quarantines_the_settled_end_under_another_term(void **state)
{
    struct fixture *f = *state;
    three(f);
    place_start(f->place, &f->a, 1, 30, 21, 0);
    f->place->log.row.end.term = 2;
    assert_int_equal(place_load(f->place), ERR_CORRUPT);
    assert_string_equal(ranges(f), " 21..30@60");
    place_end(f->place);
}

static void load_quarantines_an_older_segment_under_another_chain(void **state)
{
    struct fixture *f = *state;
    place_grow(&f->a, 30, 1, 0);
    branch(&f->b, &f->a, 12);
    place_grow(&f->b, 30, 1, 9);
    place_segment(f->place, &f->a, 1, 10, 0);
    place_segment(f->place, &f->b, 11, 20, 0);
    place_segment(f->place, &f->a, 21, 30, 0);
    place_start(f->place, &f->a, 1, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_CORRUPT);
    assert_string_equal(segments(f), " 1-0:10 11-0:20 21-0:30");
    assert_string_equal(ranges(f), " 11..20@40");
    assert_true(place_has(f->place, 11, 0, "idx")); /* nothing proves it void */
    place_end(f->place);
}

/* Neither leads on: the later generation is the cut's, and what a cut has left is never read. */
static void load_prefers_a_damaged_segment_to_a_void_one(void **state)
{
    struct fixture *f = *state;
    static const uint8_t zeros[2 * LOG_SIDECAR_BYTES];
    place_grow(&f->b, 20, 1, 0);
    branch(&f->a, &f->b, 10);
    place_grow(&f->a, 30, 2, 0);
    place_segment(f->place, &f->a, 1, 10, 0);
    place_segment(f->place, &f->b, 15, 20, 0);
    place_segment(f->place, &f->a, 11, 20, 1);
    place_segment(f->place, &f->a, 21, 30, 1);
    place_write(f->place, place_path(f->place, 11, 1, "idx"), record_pos(8), zeros, sizeof(zeros));
    place_start(f->place, &f->a, 1, 30, 21, 1);
    assert_int_equal(place_load(f->place), ERR_CORRUPT);
    assert_string_equal(segments(f), " 1-0:10 11-1:20 21-1:30");
    assert_string_equal(ranges(f), " 19..20@40");
    place_end(f->place);
}

static void load_asks_the_segment_before_for_a_lost_header(void **state)
{
    struct fixture *f = *state;
    three(f);
    overwrite(f, 11, 20, "x", 1);
    overwrite(f, 21, 20, "x", 1);
    place_start(f->place, &f->a, 1, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_CORRUPT);
    assert_string_equal(segments(f), " 1-0:10 11-0:20 21-0:30");
    assert_string_equal(ranges(f), "");
    place_segments_are_true(f->place, &f->a);
    assert_string_equal(terms(f), " 1@0:1");
    place_end(f->place);
}

static void load_quarantines_a_segment_whose_sidecar_is_gone(void **state)
{
    struct fixture *f = *state;
    three(f);
    place_remove(f->place, 11, 0, "idx");
    place_start(f->place, &f->a, 1, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_CORRUPT);
    assert_string_equal(segments(f), " 1-0:10 11-0:20 21-0:30");
    assert_string_equal(ranges(f), " 11..20@40");
    assert_true(place_has(f->place, 11, 0, "log"));
    place_end(f->place);
}

static void load_quarantines_a_segment_whose_batches_are_gone(void **state)
{
    struct fixture *f = *state;
    three(f);
    place_remove(f->place, 11, 0, "log");
    place_start(f->place, &f->a, 1, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_CORRUPT);
    assert_string_equal(ranges(f), " 11..20@40");
    place_end(f->place);
}

/* Without a trace of the second segment, the first is what there is. */
static void load_quarantines_a_segment_without_files(void **state)
{
    struct fixture *f = *state;
    three(f);
    place_remove(f->place, 11, 0, "idx");
    place_remove(f->place, 11, 0, "log");
    place_start(f->place, &f->a, 1, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_CORRUPT);
    assert_string_equal(segments(f), " 1-0:20 21-0:30");
    assert_string_equal(ranges(f), " 11..20@40");
    place_end(f->place);
}

static void load_quarantines_all_when_nothing_is_there(void **state)
{
    struct fixture *f = *state;
    place_grow(&f->a, 30, 1, 0);
    char dir[LIMIT_PATH_BYTES];
    log_path_partition(dir, &f->place->store, &f->place->log.topic, 3);
    assert_int_equal(sim_disk_rmdir(f->place->disk, dir), ERR_OK);
    place_start(f->place, &f->a, 4, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_CORRUPT);
    assert_string_equal(segments(f), " 21-0:30");
    assert_string_equal(ranges(f), " 4..30@60");
    place_end(f->place);
}

/* --- The log start --- */

/* What was let go is not missed; what is still there can be read. */
static void load_misses_nothing_below_the_log_start(void **state)
{
    struct fixture *f = *state;
    three(f);
    place_segment(f->place, &f->a, 1, 10, 0);
    place_remove(f->place, 1, 0, "idx");
    place_remove(f->place, 1, 0, "log");
    place_start(f->place, &f->a, 25, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_string_equal(segments(f), " 11-0:20 21-0:30");
    assert_string_equal(ranges(f), "");
    place_segments_are_true(f->place, &f->a);
    place_end(f->place);
}

static void load_leaves_what_leads_nowhere_below_the_log_start(void **state)
{
    struct fixture *f = *state;
    three(f);
    overwrite(f, 11, record_pos(9) + 3, "x", 1);
    place_start(f->place, &f->a, 21, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_string_equal(segments(f), " 21-0:30");
    assert_true(place_has(f->place, 11, 0, "idx"));
    place_end(f->place);
}

/* --- Terms --- */

static void load_finds_terms_from_the_log_start_on(void **state)
{
    struct fixture *f = *state;
    place_grow(&f->a, 5, 1, 0);
    place_grow(&f->a, 15, 2, 0);
    place_grow(&f->a, 16, 4, 0);
    place_grow(&f->a, 26, 5, 0);
    place_grow(&f->a, 40, 7, 0);
    place_segment(f->place, &f->a, 1, 12, 0);
    place_segment(f->place, &f->a, 13, 20, 0);
    place_segment(f->place, &f->a, 21, 30, 0);
    place_start(f->place, &f->a, 14, 30, 21, 0);
    assert_string_equal(terms(f), " 31@60:7");
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_string_equal(segments(f), " 1-0:12 13-0:20 21-0:40");
    assert_string_equal(terms(f), " 13@24:2 16@30:4 17@32:5 27@52:7");
    place_end(f->place);
}

/* The log's own runs stay, and go on from those that are read. */
static void load_joins_runs_with_those_of_unsettled_entries(void **state)
{
    struct fixture *f = *state;
    place_grow(&f->a, 25, 3, 0);
    place_grow(&f->a, 28, 4, 0);
    place_segment(f->place, &f->a, 1, 20, 0);
    place_start(f->place, &f->a, 1, 20, 1, 0);
    assert_string_equal(terms(f), " 21@40:3 26@50:4");
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_string_equal(terms(f), " 1@0:3 26@50:4");
    place_end(f->place);
}

/* Entry 15 has term 1 or 2: nothing says which. */
static void load_quarantines_entries_of_unknown_term(void **state)
{
    struct fixture *f = *state;
    place_grow(&f->a, 14, 1, 0);
    place_grow(&f->a, 30, 2, 0);
    place_segment(f->place, &f->a, 1, 10, 0);
    place_segment(f->place, &f->a, 11, 20, 0);
    place_segment(f->place, &f->a, 21, 30, 0);
    overwrite(f, 11, record_pos(4) + 3, "x", 1);
    place_start(f->place, &f->a, 1, 30, 21, 0);
    assert_int_equal(place_load(f->place), ERR_CORRUPT);
    assert_string_equal(ranges(f), " 15..15@30");
    assert_string_equal(terms(f), " 1@0:1 16@30:2");
    place_end(f->place);
}

/* --- Meanwhile --- */

static void second_loaded(struct log_load *load)
{
    struct place *place = CONTAINER_OF(load, struct place, loads[1]);
    assert_int_equal(load->err, ERR_OK);
    assert_true(place->log.is_loaded);
    place->loads_count++;
}

static void third_loaded(struct log_load *load)
{
    struct place *place = CONTAINER_OF(load, struct place, loads[2]);
    assert_int_equal(load->err, ERR_OK);
    assert_int_equal(place->loads_count, 1); /* in the order they came */
    place->loads_count++;
}

static void load_two(struct place *place)
{
    log_load_start(&place->loads[1], &place->log, second_loaded);
    assert_int_equal(place->loads_count, 0);
    log_load_start(&place->loads[2], &place->log, third_loaded);
    assert_int_equal(place->loads_count, 0);
}

static void two_loads_at_a_time_are_one(void **state)
{
    struct fixture *f = *state;
    three(f);
    place_start(f->place, &f->a, 1, 30, 21, 0);
    place_run(f->place, load_two);
    assert_int_equal(f->place->loads_count, 2);
    assert_string_equal(segments(f), " 1-0:10 11-0:20 21-0:30");
    place_end(f->place);
}

static void load_ended(struct log_load *load)
{
    struct place *place = CONTAINER_OF(load, struct place, loads[3]);
    place->loads_count++;
    place->err = load->err;
}

static void load_begin(struct rt_shard *shard, void *ctx)
{
    struct place *place = ctx;
    (void)shard;
    log_load_start(&place->loads[3], &place->log, load_ended);
}

/* Load, and `call` after `steps` events; false: it had ended by then. */
static bool load_and(struct place *place, uint64_t steps, void (*call)(struct place *))
{
    place->loads_count = 0;
    sim_post(place->shard, load_begin, place);
    (void)sim_run_steps(place->sim, steps);
    bool has_ended = place->loads_count > 0;
    place_run(place, call);
    assert_int_equal(place->loads_count, 1);
    assert_null(place->log.loading);
    return !has_ended;
}

/* As log_cut does. */
static void cut_from(struct place *place, uint64_t first_index)
{
    struct log *log = &place->log;
    struct fixture *f = place->store.keeper;
    struct log_point point = place_point(&f->a, first_index - 1);
    struct log_segment *seg = log_segment_active(log);
    log->cut_epoch++;
    while (seg != NULL && seg->start.index >= first_index) {
        log_files_forget_segment(seg);
        log_segment_free(seg);
        seg = log_segment_active(log);
    }
    if (seg != NULL) {
        seg->last_index = first_index - 1;
        seg->next_offset = point.offset;
    }
    log_terms_cut(log, first_index);
    log_ranges_cut(log, first_index);
    log->row.end = point;
    log->end = point;
    point.index++;
    assert_int_equal(log_segment_push(log, &point, ++log->generation, &seg), ERR_OK);
}

static void cut(struct place *place)
{
    cut_from(place, 16);
}

static void cut_late(struct place *place)
{
    cut_from(place, 26);
}

static void load_begins_again_after_a_cut(void **state)
{
    struct fixture *f = *state;
    uint64_t steps = 0;
    bool goes_on = true;
    three(f);
    f->place->store.keeper = f;
    for (; goes_on; steps++) {
        place_segment(f->place, &f->a, 21, 30, 0);
        place_start(f->place, &f->a, 1, 30, 21, 0);
        goes_on = load_and(f->place, steps, cut);
        assert_int_equal(f->place->err, ERR_OK);
        assert_string_equal(segments(f), " 1-0:10 11-0:15 16-1:15");
        assert_string_equal(terms(f), " 1@0:1");
        assert_string_equal(ranges(f), "");
        place_end(f->place);
    }
    assert_in_range(steps, 10, 1000);
}

/* What is damaged has been cut: nobody misses it. */
static void load_forgets_what_a_cut_takes(void **state)
{
    struct fixture *f = *state;
    static const uint8_t zeros[3 * LOG_SIDECAR_BYTES];
    bool goes_on = true;
    three(f);
    f->place->store.keeper = f;
    overwrite(f, 21, record_pos(7), zeros, sizeof(zeros));
    for (uint64_t steps = 0; goes_on; steps++) {
        place_start(f->place, &f->a, 1, 30, 21, 0);
        goes_on = load_and(f->place, steps, cut_late);
        assert_string_equal(segments(f), " 1-0:10 11-0:20 21-0:25 26-1:25");
        assert_string_equal(ranges(f), "");
        place_end(f->place);
    }
}

/* Retention took the first segment that the log knew. */
static void drop_first(struct place *place)
{
    struct log *log = &place->log;
    struct log_segment *seg =
        CONTAINER_OF(list_first(&log->segments.list), struct log_segment, in_log);
    if (log->is_loaded) {
        return;
    }
    log->start = log->row.end;
    log->start.index++;
    log_segment_free(seg);
}

static void load_begins_again_when_the_first_segment_goes(void **state)
{
    struct fixture *f = *state;
    bool goes_on = true;
    three(f);
    for (uint64_t steps = 0; goes_on; steps++) {
        place_start(f->place, &f->a, 1, 30, 21, 0);
        goes_on = load_and(f->place, steps, drop_first);
        assert_int_equal(f->place->err, ERR_OK);
        assert_string_equal(segments(f), " 1-0:10 11-0:20 21-0:30");
        assert_string_equal(ranges(f), "");
        place_end(f->place);
    }
}

static void delete_it(struct place *place)
{
    place->log.is_deleted = true;
}

static void load_of_a_deleted_log_ends(void **state)
{
    struct fixture *f = *state;
    bool goes_on = true;
    uint32_t refused_count = 0;
    three(f);
    for (uint64_t steps = 0; goes_on; steps++) {
        place_start(f->place, &f->a, 1, 30, 21, 0);
        goes_on = load_and(f->place, steps, delete_it);
        assert_int_equal(f->place->err, f->place->log.is_loaded ? ERR_OK : ERR_CLOSING);
        refused_count += f->place->err == ERR_CLOSING;
        place_end(f->place);
    }
    assert_in_range(refused_count, 5, 1000);
}

/* What is flushed then may need it. */
static void load_goes_on_while_the_store_closes(void **state)
{
    struct fixture *f = *state;
    three(f);
    place_start(f->place, &f->a, 1, 30, 21, 0);
    f->place->ls.is_closing = true;
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_string_equal(segments(f), " 1-0:10 11-0:20 21-0:30");
    place_end(f->place);
}

/* Whatever memory is missing, nothing has changed, and a later load finds all. */
static void load_without_memory_may_be_tried_again(void **state)
{
    struct fixture *f = *state;
    three(f);
    uint32_t refused_count = 0;
    enum err err = ERR_BUDGET;
    for (size_t more = 0; err != ERR_OK; more += 1024) {
        place_start(f->place, &f->a, 1, 30, 21, 0);
        budget_set_limit(&f->place->ls.budget, f->place->ls.budget.used_bytes + more);
        err = place_load(f->place);
        if (err != ERR_OK) {
            refused_count++;
            assert_int_equal(err, ERR_BUDGET);
            assert_string_equal(segments(f), " 21-0:30");
            assert_string_equal(terms(f), "");
            budget_set_limit(&f->place->ls.budget, f->place->budget_bytes);
            assert_int_equal(place_load(f->place), ERR_OK);
        }
        assert_string_equal(segments(f), " 1-0:10 11-0:20 21-0:30");
        place_end(f->place);
    }
    assert_in_range(refused_count, 20, 200);
}

static void stages_are_declared_soundly(void **state)
{
    (void)state;
    char why[160];
    assert_int_equal(sm_check_conf(&log_load_decl, why, sizeof(why)), ERR_OK);
    assert_int_equal(sm_check_conf(&log_probe_decl, why, sizeof(why)), ERR_OK);
}

#define LOAD_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOAD_TEST(load_puts_older_segments_in_front),
        LOAD_TEST(load_of_a_loaded_log_is_done_at_once),
        LOAD_TEST(load_begins_at_a_segment_that_is_empty),
        LOAD_TEST(load_passes_over_what_a_cut_has_left),
        LOAD_TEST(load_takes_the_generation_that_leads_on),
        LOAD_TEST(load_takes_the_lower_of_two_copies),
        LOAD_TEST(load_takes_the_higher_copy_when_the_lower_is_damaged),
        LOAD_TEST(load_leaves_the_named_generation),
        LOAD_TEST(load_knows_its_names),
        LOAD_TEST(load_removes_files_that_never_got_their_names),
        LOAD_TEST(load_of_a_thousand_segments),
        LOAD_TEST(load_quarantines_what_a_torn_sidecar_has_lost),
        LOAD_TEST(load_quarantines_the_end_of_an_older_segment),
        LOAD_TEST(load_goes_around_rot),
        LOAD_TEST(load_goes_around_an_unreadable_block),
        LOAD_TEST(load_quarantines_the_settled_end_under_another_chain),
        LOAD_TEST(load_quarantines_the_settled_end_under_another_term),
        LOAD_TEST(load_quarantines_an_older_segment_under_another_chain),
        LOAD_TEST(load_prefers_a_damaged_segment_to_a_void_one),
        LOAD_TEST(load_asks_the_segment_before_for_a_lost_header),
        LOAD_TEST(load_quarantines_a_segment_whose_sidecar_is_gone),
        LOAD_TEST(load_quarantines_a_segment_whose_batches_are_gone),
        LOAD_TEST(load_quarantines_a_segment_without_files),
        LOAD_TEST(load_quarantines_all_when_nothing_is_there),
        LOAD_TEST(load_misses_nothing_below_the_log_start),
        LOAD_TEST(load_leaves_what_leads_nowhere_below_the_log_start),
        LOAD_TEST(load_finds_terms_from_the_log_start_on),
        LOAD_TEST(load_joins_runs_with_those_of_unsettled_entries),
        LOAD_TEST(load_quarantines_entries_of_unknown_term),
        LOAD_TEST(two_loads_at_a_time_are_one),
        LOAD_TEST(load_begins_again_after_a_cut),
        LOAD_TEST(load_forgets_what_a_cut_takes),
        LOAD_TEST(load_begins_again_when_the_first_segment_goes),
        LOAD_TEST(load_of_a_deleted_log_ends),
        LOAD_TEST(load_goes_on_while_the_store_closes),
        LOAD_TEST(load_without_memory_may_be_tried_again),
        cmocka_unit_test(stages_are_declared_soundly),
    };
    return cmocka_run_group_tests_name("log_load", tests, NULL, NULL);
}
