/* A group's older segments, loaded from directories written by hand: which files count, what is
 * quarantined, what is removed, and that it begins again when the log changes meanwhile. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "storage/log/probe.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/place.h"

#define TEXT_BYTES   400u
#define SECTOR_BYTES 512u

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

/* Entries up to `count`, of two records each, all of `term`. */
static void grow(struct place_history *history, uint64_t count, uint32_t term, uint32_t salt)
{
    while (history->count < count) {
        place_add(history, term, 2, salt);
    }
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

/* Every segment, as far as it begins above index 0, says what stands before it and at its end. */
static void segments_are_true(struct fixture *f, const struct place_history *history)
{
    list_for_each (node, &f->place->log.segments.list) {
        const struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        struct log_point start = place_point(history, seg->start.index - 1);
        assert_true(seg->is_known);
        assert_int_equal(seg->start.offset, start.offset);
        assert_int_equal(seg->start.term, start.term);
        assert_true(hash128_is_equal(seg->start.chain, start.chain));
        if (list_next(&f->place->log.segments.list, node) != NULL) {
            const struct log_sidecar *last = &history->recs[seg->last_index - 1];
            assert_int_equal(seg->next_offset, log_sidecar_next_offset(last));
            assert_int_equal(seg->max_timestamp, last->max_timestamp);
            assert_int_equal(seg->end_pos, (seg->last_index - seg->start.index + 1) * last->length);
            assert_int_equal(seg->recs_count, seg->last_index - seg->start.index + 1);
            assert_true(seg->is_sealed);
            assert_true(seg->is_finished);
        }
    }
}

/* Three segments of ten entries; the settled end is entry 30 in the third. */
static void three(struct fixture *f)
{
    grow(&f->a, 30, 1, 0);
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
    segments_are_true(f, &f->a);
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
    grow(&f->a, 20, 1, 0);
    place_segment(f->place, &f->a, 1, 10, 0);
    place_segment(f->place, &f->a, 11, 20, 0);
    place_start(f->place, &f->a, 1, 20, 21, 0);
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_string_equal(segments(f), " 1-0:10 11-0:20 21-0:20");
    segments_are_true(f, &f->a);
    place_end(f->place);
}

/* Entries 6..10 of the first segment were cut, 11..20 never were of this log. */
static void load_passes_over_what_a_cut_has_left(void **state)
{
    struct fixture *f = *state;
    grow(&f->b, 20, 1, 0);
    branch(&f->a, &f->b, 5);
    grow(&f->a, 30, 2, 0);
    place_segment(f->place, &f->b, 1, 10, 0);
    place_segment(f->place, &f->b, 11, 20, 0);
    place_segment(f->place, &f->a, 6, 22, 1);
    place_segment(f->place, &f->a, 23, 30, 1);
    place_start(f->place, &f->a, 1, 30, 23, 1);
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_string_equal(segments(f), " 1-0:5 6-1:22 23-1:30");
    assert_string_equal(terms(f), " 1@0:1 6@10:2");
    segments_are_true(f, &f->a);
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
    grow(&f->b, 20, 1, 0);
    branch(&f->a, &f->b, 10);
    grow(&f->a, 30, 2, 0);
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
        "0000000000000001-00000000.idx.new",
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

/* More names than the first list has room for; one entry each. */
static void load_of_a_thousand_segments(void **state)
{
    struct fixture *f = *state;
    grow(&f->a, 1000, 1, 0);
    for (uint64_t i = 1; i <= f->a.count; i++) {
        place_segment(f->place, &f->a, i, i, 0);
    }
    place_start(f->place, &f->a, 1, 1000, 1000, 0);
    assert_int_equal(place_load(f->place), ERR_OK);
    assert_int_equal(f->place->log.segments.count, 1000);
    segments_are_true(f, &f->a);
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
    grow(&f->a, 300, 1, 0);
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

/* G8: the record is there and verifies, but it is of another log. */
static void load_quarantines_the_settled_end_under_another_chain(void **state)
{
    struct fixture *f = *state;
    grow(&f->a, 30, 1, 0);
    branch(&f->b, &f->a, 25);
    grow(&f->b, 30, 1, 9);
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
    grow(&f->a, 30, 1, 0);
    branch(&f->b, &f->a, 12);
    grow(&f->b, 30, 1, 9);
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
    grow(&f->b, 20, 1, 0);
    branch(&f->a, &f->b, 10);
    grow(&f->a, 30, 2, 0);
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
    segments_are_true(f, &f->a);
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
    grow(&f->a, 30, 1, 0);
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
    segments_are_true(f, &f->a);
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
    grow(&f->a, 5, 1, 0);
    grow(&f->a, 15, 2, 0);
    grow(&f->a, 16, 4, 0);
    grow(&f->a, 26, 5, 0);
    grow(&f->a, 40, 7, 0);
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
    grow(&f->a, 25, 3, 0);
    grow(&f->a, 28, 4, 0);
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
    grow(&f->a, 14, 1, 0);
    grow(&f->a, 30, 2, 0);
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

/* As log_cut does, from entry 16 on. */
static void cut(struct place *place)
{
    struct log *log = &place->log;
    struct fixture *f = place->store.keeper;
    struct log_point point = place_point(&f->a, 15);
    struct log_segment *seg = log_segment_active(log);
    log->cut_epoch++;
    while (seg != NULL && seg->start.index >= 16) {
        log_files_forget_segment(seg);
        log_segment_free(seg);
        seg = log_segment_active(log);
    }
    if (seg != NULL) {
        seg->last_index = 15;
        seg->next_offset = point.offset;
    }
    log_terms_cut(log, 16);
    log->row.end = point;
    log->end = point;
    point.index++;
    assert_int_equal(log_segment_push(log, &point, ++log->generation, &seg), ERR_OK);
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
    three(f);
    for (uint64_t steps = 0; goes_on; steps++) {
        place_start(f->place, &f->a, 1, 30, 21, 0);
        goes_on = load_and(f->place, steps, delete_it);
        assert_int_equal(f->place->err, f->place->log.is_loaded ? ERR_OK : ERR_CLOSING);
        place_end(f->place);
    }
}

static void load_when_all_closes_is_refused(void **state)
{
    struct fixture *f = *state;
    three(f);
    place_start(f->place, &f->a, 1, 30, 21, 0);
    f->place->ls.is_closing = true;
    assert_int_equal(place_load(f->place), ERR_CLOSING);
    assert_false(f->place->log.is_loaded);
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
        grow(&f->a, term * 50, term, 0);
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
    struct share share = share_open("sidecars with rot", 40);
    damaged(f);
    while (share_more(&share)) {
        struct prng prng;
        prng_init(&prng, share_case_seed(&share));
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
        bool is_covered = file->first >= oldest->start.index;
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
    segments_are_true(life->f, &life->f->a);
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
    struct life *life = calloc(1, sizeof(*life));
    assert_non_null(life);
    life->f = f;
    life->term = 1;
    life->start_index = 1;
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
    free(life);
}

static void load_of_any_life_finds_its_log(void **state)
{
    (void)state;
    struct share share = share_open("lives of a log", 50);
    while (share_more(&share)) {
        void *fixture = NULL;
        setup(&fixture);
        life_case(fixture, share_case_seed(&share));
        teardown(&fixture);
    }
    share_close(&share);
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
        LOAD_TEST(load_of_a_thousand_segments),
        LOAD_TEST(load_quarantines_what_a_torn_sidecar_has_lost),
        LOAD_TEST(load_quarantines_the_end_of_an_older_segment),
        LOAD_TEST(load_goes_around_rot),
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
        LOAD_TEST(load_begins_again_when_the_first_segment_goes),
        LOAD_TEST(load_of_a_deleted_log_ends),
        LOAD_TEST(load_when_all_closes_is_refused),
        LOAD_TEST(load_without_memory_may_be_tried_again),
        LOAD_TEST(load_of_any_unreadable_sector_is_true),
        LOAD_TEST(load_of_any_rot_is_true),
        cmocka_unit_test(load_of_any_life_finds_its_log),
        cmocka_unit_test(stages_are_declared_soundly),
    };
    return cmocka_run_group_tests_name("log_load", tests, NULL, NULL);
}
