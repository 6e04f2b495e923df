/* What a start believes where several things are missing at once, or records say what no log alone
 * would: the edges of the decision table. */
#include <stdlib.h>
#include <string.h>

#include "storage/log/recover.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/recover_build.h"
#include "tests/unit/storage/recover_want.h"

/* Make the frame unreadable, and what the next one repeats of its directory. */
static void recover_lose(struct build *b, const struct build_frame *frame,
                         const struct build_frame *next)
{
    build_flip(b, frame, 20);
    build_flip(b, next, LOG_FRAME_HEADER_BYTES + next->head.rows_count * LOG_FRAME_ROW_BYTES + 3);
}

static void recover_takes_any_number_of_groups(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct log_recover r;
    assert_int_equal(log_recover_init(&r, &b->budget, b->kernels, &b->disk, 0), ERR_OK);
    for (uint64_t i = 5000; i > 0; i--) {
        struct log_row row = {
            .group = i * 3,
            .state = LOG_ROW_LIVE,
            .start.index = 1,
            .end.index = 9,
            .seq = 4,
            .quarantine_index = 2,
            .quarantine_count = 1,
        };
        assert_int_equal(log_recover_row(&r, &row), ERR_OK);
        row.seq = 3; /* an older row of it says nothing */
        row.end.index = 8;
        assert_int_equal(log_recover_row(&r, &row), ERR_OK);
    }
    assert_int_equal(log_recover_lanes(&r), ERR_OK);
    assert_int_equal(log_recover_groups(&r), ERR_OK);
    assert_int_equal(r.groups_count, 5000);
    uint64_t last = 0;
    list_for_each (node, &r.groups) {
        const struct log_found *found = CONTAINER_OF(node, struct log_found, in_recover);
        assert_int_equal(found->row.group, last + 3);
        assert_int_equal(found->end.index, 9);
        assert_true(build_is_quarantined(found, 2));
        last = found->row.group;
    }
    log_recover_deinit(&r);
    build_free(b);
}

static void recover_what_a_tail_wrote_over_is_void(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_cut(b, g, 1);
    build_entry(b, g, 2, 10);
    build_entry(b, g, 2, 10);
    build_entry(b, g, 2, 10);
    struct build_frame *lost = build_end(b);
    build_begin(b, 1, 0, 3);
    build_direct(b, g, 2, 3000, 1); /* entry 4, at 213 of segment 1-1 */
    recover_lose(b, lost, build_end(b));
    build_recover(b);
    want_counts(b, "F1 3 F5 1 R2 5 R4 1 G3 1 G4 1");
    const struct log_found *found = build_found(b, 7);
    want_lost(found, 1, 3);
    want_entry(b, found, 4);
    assert_int_equal(build_found_entry(found, 4)->rec.pos, 213);
    const struct log_found_segment *seg =
        CONTAINER_OF(list_last(&found->segments), struct log_found_segment, in_group);
    assert_int_equal(seg->start.index, 1);
    assert_int_equal(seg->generation, 1);
    build_free(b);
}

static void recover_a_tail_behind_a_hole_keeps_what_was_found(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    g->now.end_pos += 500;
    build_begin(b, 1, 0, 2);
    build_direct(b, g, 1, 3000, 1);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 5 R8 1 G3 1");
    const struct log_found *found = build_found(b, 7);
    for (uint64_t index = 1; index <= 4; index++) {
        want_entry(b, found, index);
    }
    assert_int_equal(build_found_entry(found, 4)->rec.pos, 783 + 500);
    build_free(b);
}

static void recover_a_gap_over_a_lost_roll_is_split(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_entry(b, g, 1, 10);
    build_roll(b, g);
    build_entry(b, g, 1, 20);
    struct build_frame *lost = build_end(b);
    build_begin(b, 1, 0, 3);
    build_entry(b, g, 1, 30);
    build_direct(b, g, 1, 3000, 1);
    (void)build_end(b);
    build_flip(b, lost, 20);
    build_recover(b);
    want_counts(b, "F1 3 F4 1 R2 6 R3 1 G4 1");
    const struct log_found *found = build_found(b, 7);
    want_lost(found, 4, 5);
    assert_int_equal(build_found_entry(found, 4)->segment_index, 1);
    assert_int_equal(build_found_entry(found, 5)->segment_index, 5);
    assert_int_equal(build_found_entry(found, 6)->rec.pos, 81);
    assert_int_equal(build_found_entry(found, 7)->rec.pos, 81 + 91);
    build_free(b);
}

static void recover_a_whole_tail_tells_where_a_lost_cut_was(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_cut(b, g, 3);
    struct build_frame *lost = build_end(b);
    build_begin(b, 1, 0, 3);
    build_whole(b, g, 3); /* nothing is left to carry */
    (void)build_end(b);
    build_flip(b, lost, 20);
    build_recover(b);
    want_counts(b, "F1 3 F4 1 R2 5 R3 1 G1 1");
    const struct log_found *found = build_found(b, 7);
    assert_int_equal(found->end.index, 2);
    assert_int_equal(found->end.offset, 2);
    assert_int_equal(found->row.segment_index, 3);
    assert_int_equal(found->row.segment_generation, 1);
    assert_true(found->is_cut);
    build_free(b);
}

static void recover_a_trim_behind_what_was_lost(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_entry(b, g, 1, 10);
    build_entry(b, g, 1, 10);
    build_trim(b, g, 6);
    build_hard(b, g, 1, 1, 0);
    struct build_frame *rotten = build_end(b);
    (void)build_seal(b, 1, 0, 3);
    build_flip(b, rotten, rotten->record_pos[0] + 16);
    build_flip(b, rotten, rotten->record_pos[1] + 16);
    build_recover(b);
    want_counts(b, "F1 3 F3 1 R2 6 R3 1 G4 1");
    const struct log_found *found = build_found(b, 7);
    want_lost(found, 4, 5);
    assert_int_equal(found->row.start.index, 6);
    assert_true(hash128_is_equal(found->end.chain, g->now.end.chain));
    build_free(b);
}

static void recover_entries_at_the_end_of_a_rotten_frame(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_direct(b, g, 1, 500, 3);
    build_hard(b, g, 1, 1, 0);
    struct build_frame *rotten = build_end(b);
    (void)build_seal(b, 1, 0, 3);
    build_flip(b, rotten, rotten->record_pos[0] + 16);
    build_recover(b);
    want_counts(b, "F1 3 F3 1 R2 5 R3 1 G4 1");
    want_lost(build_found(b, 7), 4, 6);
    build_free(b);
}

/* Appends that were canceled before any frame took them leave the cut and the roll that stood
 * between them and the cut that took them. */
static void recover_cuts_and_rolls_of_what_was_never_written(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    struct build_state now = g->now;
    g->now.end.index = 9;
    build_begin(b, 1, 0, 2);
    build_roll(b, g);
    g->now.end.index = 8;
    build_cut(b, g, 9);
    now.seq = g->now.seq;
    now.generation = g->now.generation;
    g->now = now;
    build_cut(b, g, 4);
    build_entry(b, g, 2, 10);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 9 G1 1");
    want_group(b, 7, 9);
    build_free(b);
}

static void recover_marks_overlap(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_mark(b, g, LOG_MARK_QUARANTINE, 3, 6); /* entries 4 to 6 were lost to an earlier start */
    build_mark(b, g, LOG_MARK_QUARANTINE, 1, 1);
    build_mark(b, g, LOG_MARK_QUARANTINE, 2, 4);
    build_mark(b, g, LOG_MARK_HEAL, 1, 2);
    build_mark(b, g, LOG_MARK_HEAL, 6, 6);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 10 G4 1");
    const struct log_found *found = build_found(b, 7);
    assert_int_equal(found->end.index, 6);
    assert_int_equal(list_count(&found->ranges), 1);
    assert_true(build_is_quarantined(found, 3));
    assert_true(build_is_quarantined(found, 5));
    assert_false(build_is_quarantined(found, 6));
    build_free(b);
}

static void recover_switches_are_in_order(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    (void)build_settle(b, g, 5);
    build_begin(b, 1, 0, 2);
    for (uint32_t i = 0; i < 3; i++) {
        struct log_record record = {.kind = LOG_RECORD_SWITCH};
        record.segment.segment_index = i == 1 ? 9 : 1;
        record.segment.generation = i;
        record.segment.generation_new = i + 1;
        build_record(b, g, &record);
    }
    (void)build_end(b);
    build_recover(b);
    const struct log_found *found = build_found(b, 7);
    uint32_t want[] = {1, 3, 2};
    uint32_t i = 0;
    list_for_each (node, &found->switches) {
        assert_int_equal(CONTAINER_OF(node, struct log_found_switch, in_group)->generation,
                         want[i++]);
    }
    assert_int_equal(i, 3);
    assert_int_equal(found->row.segment_generation, 3);
    build_free(b);
}

static void recover_one_number_on_two_lanes(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 1, 0);
    build_entry(b, g, 1, 10);
    (void)build_end(b);
    build_rewind(g, 5);
    build_begin(b, 1, 0, 2);
    build_entry(b, g, 1, 20);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 4 R2 6 R5 1 G1 1");
    assert_int_equal(build_found_entry(build_found(b, 7), 4)->rec.length,
                     71); /* the later lane's */
    build_free(b);
}

static void recover_rot_in_two_lanes_of_two_boots(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_hard(b, g, 2, 1, 0);
    struct build_frame *first = build_end(b);
    (void)build_seal(b, 1, 0, 3);
    struct log_lane_end end = {.boot_epoch = 1, .lane = 0, .last_frame = 4};
    (void)build_lanes(b, 2, &end, 1);
    build_begin(b, 2, 1, 0);
    build_hard(b, g, 3, 1, 0);
    struct build_frame *second = build_end(b);
    (void)build_seal(b, 2, 1, 1);
    build_begin(b, 2, 0, 1);
    build_hard(b, g, 4, 1, 0);
    (void)build_end(b);
    build_flip(b, first, 20);
    build_flip(b, second, 20);
    build_recover(b);
    want_counts(b, "F1 6 F4 2 R2 5 R3 1 G1 1");
    assert_int_equal(build_found(b, 7)->row.hard.term, 4);
    build_free(b);
}

/* The header of a lane's only file was torn away when its first frame was written, and a start took
 * the frame for what it is. Now the frame is rot, too: only what that start wrote of the lane tells
 * that there was one. Where the journal floor lets files of it be written anew that is no loss. */
static void recover_a_lane_of_which_nothing_is_left(void **state)
{
    (void)state;
    for (uint32_t is_settled = 0; is_settled < 2; is_settled++) {
        struct build *b = build_scene();
        struct build_group *g = build_group(b, 7);
        build_begin(b, 2, 0, 0);
        build_entry(b, g, 1, 10);
        (void)build_end(b);
        build_begin(b, 2, 1, 0);
        build_entry(b, g, 1, 10);
        struct build_frame *lost = build_end(b);
        struct log_lane_end ends[] = {{.boot_epoch = 1, .lane = 0, .last_frame = 2},
                                      {.boot_epoch = 2, .lane = 0, .last_frame = 1},
                                      {.boot_epoch = 2, .lane = 1, .last_frame = 1}};
        (void)build_lanes(b, 3, ends, 3);
        build_flip(b, lost, 20);
        memset(b->files[lost->file].data, 0, LOG_JOURNAL_HEADER_BYTES);
        if (is_settled == 1) {
            (void)build_settle(b, g, g->now.seq);
            b->floor = 4;
        }
        build_recover(b);
        want_counts(b, is_settled == 1 ? "F1 1 F8 3 G1 1" : "F1 4 F5 1 R2 6 G3 1");
        build_free(b);
    }
}

/* --- What a start must not forget, or take for more than it is --- */

/* A seal is written when nothing is left to write: nothing is lost with it, whichever of its
 * header's fields is damaged. */
static void recover_a_damaged_seal_loses_nothing(void **state)
{
    (void)state;
    static const size_t places[] = {2, 6, 20, 26, 32, 42, 50, 58, 64, 72, 84, 93};
    struct build *b = build_scene();
    struct build_frame *seal = build_seal(b, 1, 0, 2);
    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        build_flip(b, seal, places[i]);
        build_recover(b);
        want_counts(b, "F1 2 R2 5 G1 1");
        build_flip(b, seal, places[i]);
    }
    build_file(b, 1, 0); /* it may be all there is of a file */
    seal = build_seal(b, 1, 0, 2);
    build_flip(b, seal, 84);
    build_recover(b);
    want_counts(b, "F1 3 R2 5 G1 1");
    build_free(b);
}

/* What stood behind it does not go with it. */
static void recover_a_damaged_seal_hides_nothing(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_frame *seal = build_seal(b, 1, 0, 2);
    build_begin(b, 1, 0, 2);
    build_hard(b, build_group(b, 7), 1, 1, 0);
    struct build_frame *frame = build_end(b);
    build_flip(b, seal, 20);
    build_recover(b);
    want_counts(b, "F1 2 F6 1 F7 1 R2 5 G7 1");
    build_flip(b, frame, 20);
    build_recover(b);
    want_counts(b, "F1 2 F6 1 R2 5 G7 1");
    build_free(b);
}

/* Where the next frame would stand, but not farther on. */
static void recover_an_unreadable_block_may_have_been_a_frame(void **state)
{
    (void)state;
    struct build *b = build_scene();
    uint8_t *end = b->files[0].data + b->files[0].pos;
    memcpy(end, LOG_UNREADABLE, sizeof(LOG_UNREADABLE) - 1);
    build_recover(b);
    want_counts(b, "F1 2 F6 1 R2 5 G7 1");
    memset(end, 0, LIMIT_BLOCK_BYTES);
    memcpy(end + LIMIT_BLOCK_BYTES, LOG_UNREADABLE, sizeof(LOG_UNREADABLE) - 1);
    build_recover(b);
    want_counts(b, "F1 2 R2 5 G1 1");
    build_free(b);
}

/* A header of the file's former life in which something is damaged, too, is none of this life. */
static void recover_a_damaged_former_life_is_no_frame(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct log_frame head = b->frames[1].head;
    uint8_t *end = b->files[0].data + b->files[0].pos;
    head.number = 3;
    log_frame_encode(&head, b->kernels, end);
    end[81] ^= 1;
    build_recover(b);
    want_counts(b, "F1 2 F6 1 R2 5 G7 1"); /* of this life it would be one */
    head.file_number = 9;
    log_frame_encode(&head, b->kernels, end);
    build_recover(b);
    want_counts(b, "F1 2 F8 1 R2 5 G1 1");
    end[81] ^= 1;
    build_recover(b);
    want_counts(b, "F1 2 R2 5 G1 1");
    build_free(b);
}

/* The roll tells that an entry is missing, the directory where it ended. */
static void recover_a_roll_does_not_hide_where_the_lost_ended(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_entry(b, g, 2, 10);
    build_roll(b, g);
    struct build_frame *rotten = build_end(b);
    (void)build_seal(b, 1, 0, 3);
    build_flip(b, rotten, rotten->record_pos[0] + 16);
    build_recover(b);
    want_counts(b, "F1 3 F3 1 R2 5 R3 1 G4 1");
    const struct log_found *found = build_found(b, 7);
    want_lost(found, 4, 4);
    assert_int_equal(found->end.offset, g->now.end.offset);
    assert_int_equal(found->end.term, 2);
    const struct log_found_segment *seg =
        CONTAINER_OF(list_last(&found->segments), struct log_found_segment, in_group);
    assert_int_equal(seg->start.index, 5);
    assert_int_equal(seg->start.offset, g->now.end.offset);
    assert_int_equal(found->file_lowest, 0); /* the table does not tell of it yet */
    build_free(b);
}

/* The settled end is a lost entry: its chain is made up, and what follows has the real one. */
static void recover_the_chain_of_what_is_lost_is_not_asked_for(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    struct log_row *row = build_settle(b, g, 4); /* entry 2 */
    row->end.chain.low ^= 1;
    build_recover(b);
    want_counts(b, "F1 2 R1 4 R8 1 G3 1");
    row->gap_index = 2;
    build_recover(b);
    want_counts(b, "F1 2 R1 4 R2 1 G1 1");
    row->gap_index = 0;
    row->end.chain = (struct hash128){0}; /* not known */
    build_recover(b);
    want_counts(b, "F1 2 R1 4 R2 1 G1 1");
    build_free(b);
}

/* The table was written when more was there than is now. */
static void recover_a_start_behind_the_end_is_amnesia(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct log_row *row = build_settle(b, build_group(b, 7), 5);
    row->start = (struct log_point){.index = 9, .offset = 20, .term = 3};
    build_recover(b);
    want_counts(b, "F1 2 R1 5 G3 1 G4 1");
    const struct log_found *found = build_found(b, 7);
    assert_int_equal(found->end.index, 8);
    assert_int_equal(found->end.offset, 20);
    assert_int_equal(found->end.term, 3);
    row->start.index = 4; /* just behind it: nothing is missing */
    build_recover(b);
    want_counts(b, "F1 2 R1 5 G1 1");
    build_free(b);
}

/* A tail repeats the record of an entry whose header does not verify: its chain is not that of the
 * header. */
static void recover_a_tail_repeats_what_is_quarantined(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    g->now.recs[2].flags |= LOG_SIDECAR_QUARANTINED;
    g->now.recs[2].header_crc ^= 1;
    build_begin(b, 1, 0, 2);
    build_whole(b, g, 1);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 6 G5 1");
    assert_true(build_is_quarantined(build_found(b, 7), 2));
    build_free(b);
}

/* Nobody knew how long what was lost is: the entry behind it stands at a distance. */
static void recover_a_tail_may_have_a_hole_behind_a_gap(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    const struct log_sidecar was = g->now.recs[2];
    g->now.recs[2] = (struct log_sidecar){
        .index = 2,
        .last_index = 2,
        .base_offset = was.base_offset,
        .term = was.term,
        .last_offset_delta = was.last_offset_delta,
        .pos = was.pos,
        .max_timestamp = was.max_timestamp,
        .producer_id = -1,
        .producer_epoch = -1,
        .flags = LOG_SIDECAR_GAP | LOG_SIDECAR_QUARANTINED,
        .base_sequence = -1,
        .chain = was.chain,
    };
    build_begin(b, 1, 0, 2);
    build_whole(b, g, 1);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 6 G4 1");
    want_lost(build_found(b, 7), 2, 2);
    assert_int_equal(build_found_entry(build_found(b, 7), 3)->rec.pos, was.pos + was.length);
    build_free(b);
}

/* Two gaps, and blocks that are written behind them: what follows a gap was taken to stand behind
 * those. A direct tail tells that it stands in front of where the tail begins, whether the first
 * gap is settled by now or not. What is between the gaps comes as near as it can. */
static void recover_a_tail_pulls_what_two_gaps_pushed_back(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    struct build_state settled = g->now;
    for (uint64_t frame = 2; frame < 6; frame++) {
        build_begin(b, 1, 0, frame);
        build_entry(b, g, 1, 100);
        struct build_frame *end = build_end(b);
        if (frame % 2 == 0) {
            build_lose_records(b, end);
        }
    }
    build_begin(b, 1, 0, 6);
    build_direct(b, g, 1, 3000, 1);
    (void)build_end(b);
    struct log_row *row = build_settle(b, g, settled.seq);
    row->written_bytes = 16384;
    for (uint32_t start = 0; start < 2; start++) {
        build_recover(b);
        const struct log_found *found = build_found(b, 7);
        want_counts(b, "F1 5 F3 2 R1 5 R2 1 R3 2 G4 1");
        want_entry(b, found, 5);
        want_entry(b, found, 7);
        assert_int_equal(build_found_entry(found, 5)->rec.pos, 783 + 2 * 161);
        assert_int_equal(build_found_entry(found, 7)->rec.pos, 783 + 3 * 161);
        assert_int_equal(build_found_entry(found, 8)->rec.pos, 783 + 4 * 161);
        row->end.index = 4;
        row->end.offset++;
        row->end.chain.low ^= 1;
        row->gap_index = 4;
        row->quarantine_index = 4;
        row->quarantine_count = 1;
    }
    build_free(b);
}

/* A start has made a gap of what a frame has lost, and settled a part of it: the frame, which is
 * found again, cuts nothing off that part. */
static void recover_what_a_former_start_found_lost(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_cut(b, g, 4);
    build_entry(b, g, 1, 10);
    build_entry(b, g, 1, 20);
    struct build_frame *rotten = build_end(b);
    build_begin(b, 1, 0, 3);
    build_entry(b, g, 1, 30);
    (void)build_end(b);
    build_lose_records(b, rotten);
    build_recover(b);
    want_counts(b, "F1 3 F3 1 R2 5 R3 1 G4 1");
    want_lost(build_found(b, 7), 4, 5);
    struct log_row *row = build_settle(b, g, 5);
    row->end.index = 4;
    row->end.chain.low ^= 1;
    row->recs_count++;
    row->quarantine_index = 4;
    row->quarantine_count = 1;
    row->gap_index = 4;
    build_recover(b);
    want_counts(b, "F1 3 F3 1 R1 5 R3 1 G4 1");
    assert_int_equal(build_found(b, 7)->end.index, 6);
    build_free(b);
}

/* Lane 1 has file 2. What follows stood at the end of file 1, and only file 3 repeats whose it was.
 */
static void recover_the_lost_may_stand_in_a_lower_file(void **state)
{
    (void)state;
    struct build *b = build_new();
    struct build_group *g = build_group(b, 7);
    (void)build_lanes(b, 1, NULL, 0);
    build_begin(b, 1, 1, 0);
    build_create(b, g);
    build_roll(b, g);
    build_entry(b, g, 1, 100);
    (void)build_end(b);
    build_begin(b, 1, 0, 1);
    build_entry(b, g, 1, 100);
    const struct build_frame *rotten = build_end(b);
    build_file(b, 1, 0);
    build_begin(b, 1, 0, 2);
    build_entry(b, g, 1, 100);
    (void)build_end(b);
    build_flip(b, rotten, 20);
    build_recover(b);
    want_counts(b, "F1 3 F4 1 R2 3 R3 1 G4 1");
    want_lost(build_found(b, 7), 2, 2);
    assert_int_equal(build_found(b, 7)->mixed_seq, 3); /* of higher files than the lost one's */
    build_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recover_takes_any_number_of_groups),
        cmocka_unit_test(recover_what_a_tail_wrote_over_is_void),
        cmocka_unit_test(recover_a_tail_behind_a_hole_keeps_what_was_found),
        cmocka_unit_test(recover_a_gap_over_a_lost_roll_is_split),
        cmocka_unit_test(recover_a_whole_tail_tells_where_a_lost_cut_was),
        cmocka_unit_test(recover_a_trim_behind_what_was_lost),
        cmocka_unit_test(recover_entries_at_the_end_of_a_rotten_frame),
        cmocka_unit_test(recover_cuts_and_rolls_of_what_was_never_written),
        cmocka_unit_test(recover_marks_overlap),
        cmocka_unit_test(recover_switches_are_in_order),
        cmocka_unit_test(recover_one_number_on_two_lanes),
        cmocka_unit_test(recover_rot_in_two_lanes_of_two_boots),
        cmocka_unit_test(recover_a_lane_of_which_nothing_is_left),
        cmocka_unit_test(recover_a_damaged_seal_loses_nothing),
        cmocka_unit_test(recover_a_damaged_seal_hides_nothing),
        cmocka_unit_test(recover_an_unreadable_block_may_have_been_a_frame),
        cmocka_unit_test(recover_a_damaged_former_life_is_no_frame),
        cmocka_unit_test(recover_a_roll_does_not_hide_where_the_lost_ended),
        cmocka_unit_test(recover_the_chain_of_what_is_lost_is_not_asked_for),
        cmocka_unit_test(recover_a_start_behind_the_end_is_amnesia),
        cmocka_unit_test(recover_a_tail_repeats_what_is_quarantined),
        cmocka_unit_test(recover_a_tail_may_have_a_hole_behind_a_gap),
        cmocka_unit_test(recover_a_tail_pulls_what_two_gaps_pushed_back),
        cmocka_unit_test(recover_what_a_former_start_found_lost),
        cmocka_unit_test(recover_the_lost_may_stand_in_a_lower_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
