/* What a start believes: frames (F1..F8). Each row of the table in storage/README.md by itself, in
 * journals written by hand, with every decision counted. */
#include "storage/log/recover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/unit/storage/recover_build.h"
#include "tests/unit/storage/recover_want.h"

/* Boot 1: lane 0 begins; group 7 is made and gets two entries and a hard state (frame 2), group 8
 * is made and gets one entry (frame 3), both get one more (frame 4). Nothing is said of flushes
 * beyond frame 1. */
static struct build *recover_scene(void)
{
    struct build *b = build_new();
    struct build_group *g7 = build_group(b, 7);
    struct build_group *g8 = build_group(b, 8);
    (void)build_lanes(b, 1, NULL, 0);
    build_begin(b, 1, 0, 1);
    build_create(b, g7);
    build_roll(b, g7);
    build_entry(b, g7, 1, 100);
    build_entry(b, g7, 1, 5000);
    build_hard(b, g7, 1, 3, 1);
    (void)build_end(b);
    build_begin(b, 1, 0, 1);
    build_create(b, g8);
    build_roll(b, g8);
    build_entry(b, g8, 1, 100);
    (void)build_end(b);
    build_begin(b, 1, 0, 1);
    build_entry(b, g7, 1, 9000);
    build_entry(b, g8, 1, 100);
    (void)build_end(b);
    return b;
}

static void recover_of_nothing_is_nothing(void **state)
{
    (void)state;
    struct build *b = build_new();
    build_recover(b);
    want_counts(b, "");
    assert_int_equal(b->r.groups_count, 0);
    assert_int_equal(log_recover_ends(&b->r, NULL, 0), 0);
    build_free(b);
}

static void recover_f1_frames_that_verify_count(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    build_recover(b);
    want_counts(b, "F1 4 R2 10 G1 2");
    want_group(b, 7, 6);
    want_group(b, 8, 4);
    const struct log_found *found = build_found(b, 7);
    const struct log_found_entry *entry = build_found_entry(found, 3);
    const struct build_frame *frame = &b->frames[3];
    assert_int_equal(entry->where, LOG_FOUND_JOURNAL);
    assert_int_equal(entry->slot, frame->file);
    assert_int_equal(entry->slot_pos, frame->pos + frame->record_pos[0] + LOG_RECORD_ENTRY_BYTES);
    assert_int_equal(entry->rec.pos, 161 + 5061);
    assert_int_equal(entry->seq, 6);
    assert_int_equal(found->file_lowest, 1);
    assert_int_equal(found->row.partition, 7);
    struct log_lane_end end;
    assert_int_equal(log_recover_ends(&b->r, &end, 1), 1);
    assert_int_equal(end.boot_epoch, 1);
    assert_int_equal(end.lane, 0);
    assert_int_equal(end.last_frame, 4);
    build_free(b);
}

static void recover_f2_what_a_former_start_dropped_is_void(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct log_lane_end end = {.boot_epoch = 1, .lane = 0, .last_frame = 3};
    (void)build_lanes(b, 2, &end, 1);
    build_begin(b, 2, 0, 1);
    build_rewind(build_group(b, 7), 5);
    build_entry(b, build_group(b, 7), 2, 10); /* the number that frame 4 had used */
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 5 F2 1 R2 9 G1 2");
    want_group(b, 7, 6);
    want_group(b, 8, 3);
    struct log_lane_end ends[2];
    assert_int_equal(log_recover_ends(&b->r, ends, 2), 2);
    assert_int_equal(ends[0].last_frame, 3);
    assert_int_equal(ends[1].last_frame, 2);
    build_free(b);
}

static void recover_f2_the_oldest_lanes_record_counts(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct log_lane_end ends[2] = {{.boot_epoch = 1, .last_frame = 3}, {.boot_epoch = 2}};
    (void)build_lanes(b, 2, ends, 1);
    ends[0].last_frame = 4;
    ends[1].last_frame = 1;
    (void)build_lanes(b, 3, ends, 2);
    build_recover(b);
    want_counts(b, "F1 5 F2 1 R2 8 G1 2");
    build_free(b);
}

static void recover_f3_a_bad_record_costs_its_group_only(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    (void)build_seal(b, 1, 0, 4);
    build_flip(b, &b->frames[3], b->frames[3].record_pos[0] + 16); /* group_seq of 7's entry 3 */
    build_recover(b);
    want_counts(b, "F1 4 F3 1 R2 9 G1 1 G4 1");
    want_group(b, 8, 4);
    const struct log_found *found = build_found(b, 7);
    want_lost(found, 3, 3);
    assert_int_equal(found->end.index, 3);
    assert_int_equal(found->end.offset, 3);
    assert_int_equal(found->last_seq, 6);
    assert_int_equal(found->row.flags, 0);
    build_free(b);
}

static void recover_f3_a_bad_directory_over_good_records_loses_nothing(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    (void)build_seal(b, 1, 0, 4);
    build_flip(b, &b->frames[3], LOG_FRAME_HEADER_BYTES + 3);
    build_recover(b);
    want_counts(b, "F1 4 F3 1 R2 10 G1 2");
    build_free(b);
}

static void recover_f3_what_follows_the_gap_is_kept(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    (void)build_seal(b, 1, 0, 4);
    build_flip(b, &b->frames[1], b->frames[1].record_pos[2] + 40); /* 7's entry 1 */
    build_recover(b);
    want_counts(b, "F1 4 F3 1 R2 8 R3 1 G1 1 G4 1");
    const struct log_found *found = build_found(b, 7);
    want_lost(found, 1, 1);
    want_entry(b, found, 2);
    want_entry(b, found, 3);
    assert_int_equal(found->row.hard.vote, 3);
    build_free(b);
}

static void recover_f4_the_next_frame_names_the_groups(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    (void)build_seal(b, 1, 0, 4);
    build_flip(b, &b->frames[3], 20);
    build_recover(b);
    want_counts(b, "F1 4 F4 1 R2 8 G4 2");
    want_lost(build_found(b, 7), 3, 3);
    want_lost(build_found(b, 8), 2, 2);
    assert_int_equal(build_found(b, 7)->row.flags, 0);
    build_free(b);
}

static void recover_f5_who_is_not_proven_whole_is_amnesiac(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    build_begin(b, 1, 0, 4);
    build_entry(b, build_group(b, 8), 1, 10);
    struct build_frame *last = build_end(b);
    build_flip(b, &b->frames[2], 20);              /* frame 3, group 8's first */
    build_flip(b, &b->frames[3], 96 + 2 * 48 + 7); /* its copy in frame 4 */
    build_flip(b, last, 96 + 48 + 7);              /* that of frame 4, in vain */
    build_recover(b);
    want_counts(b, "F1 4 F5 1 R2 6 R6 2 G1 1 G6 1");   /* 8's create is lost */
    assert_int_equal(build_found(b, 7)->row.flags, 0); /* it has an entry behind the hole */
    assert_false(build_found(b, 8)->is_available);
    build_free(b);
}

static void recover_f5_a_later_boot_proves_too(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    (void)build_seal(b, 1, 0, 4);
    struct log_lane_end end = {.boot_epoch = 1, .lane = 0, .last_frame = 5};
    (void)build_lanes(b, 2, &end, 1);
    build_begin(b, 2, 0, 1);
    build_rewind(build_group(b, 7), 5);
    build_entry(b, build_group(b, 7), 1, 10);
    (void)build_end(b);
    build_flip(b, &b->frames[3], 20);
    build_flip(b, &b->frames[4], 96 + 7);
    build_recover(b);
    want_counts(b, "F1 6 F5 1 R2 9 G1 1 G3 1");
    assert_int_equal(build_found(b, 7)->row.flags, 0);
    assert_int_equal(build_found(b, 8)->row.flags, LOG_ROW_AMNESIAC);
    build_free(b);
}

static void recover_f5_a_file_that_should_be_there(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    build_file(b, 1, 0);
    build_begin(b, 1, 0, 4);
    build_entry(b, build_group(b, 7), 1, 10);
    (void)build_end(b);
    (void)build_settle(b, build_group(b, 7), 6);
    (void)build_settle(b, build_group(b, 8), 4);
    memset(b->files[0].data, 0, b->files[0].length);
    b->floor = 1;
    build_recover(b);
    want_counts(b, "F1 1 F4 1 F5 1 R2 1 G1 1 G3 1");
    assert_int_equal(build_found(b, 7)->row.flags, 0);
    b->floor = 2; /* below it nothing is missed */
    build_recover(b);
    want_counts(b, "F1 1 R2 1 G1 2");
    build_free(b);
}

static void recover_f6_a_torn_frame_ends_its_lane(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    build_zero(b, &b->frames[3], 2, 1);
    build_recover(b);
    want_counts(b, "F1 3 F6 1 R2 8 G7 2");
    want_group(b, 7, 5);
    assert_true(build_found(b, 7)->is_tail_torn);
    struct log_lane_end end;
    assert_int_equal(log_recover_ends(&b->r, &end, 1), 1);
    assert_int_equal(end.last_frame, 3);
    build_free(b);
}

static void recover_f6_a_bad_body_tears_what_was_not_flushed(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    build_flip(b, &b->frames[3], b->frames[3].record_pos[0] + 300);
    build_recover(b);
    want_counts(b, "F1 3 F6 1 R2 8 G7 2");
    build_free(b);
}

static void recover_f6_a_damaged_header_at_the_end_is_noticed(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    build_flip(b, &b->frames[3], 20);
    build_recover(b);
    want_counts(b, "F1 3 F6 1 R2 8 G7 2");
    build_free(b);
}

static void recover_f6_a_begun_file_without_its_frame(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    build_file(b, 1, 0);
    build_recover(b);
    want_counts(b, "F1 4 F6 1 R2 10 G7 2");
    build_free(b);
}

static void recover_f7_behind_a_torn_frame_all_is_dropped(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    build_zero(b, &b->frames[2], 0, 1); /* frame 3 is missing, frame 4 verifies */
    build_recover(b);
    want_counts(b, "F1 2 F6 1 F7 1 R2 5 G7 1");
    want_group(b, 7, 5);
    assert_null(build_found(b, 8)); /* its create was never answered */
    build_free(b);
}

static void recover_f8_former_lives_are_not_looked_at(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    /* The file is used again by lane 1 of boot 2: header and first frame take its first blocks. */
    struct log_lane_end end = {.boot_epoch = 1, .lane = 0, .last_frame = 4};
    (void)build_lanes(b, 2, &end, 1);
    build_begin(b, 2, 1, 0);
    build_entry(b, build_group(b, 8), 1, 3000);
    struct build_frame *frame = build_end(b);
    (void)build_settle(b, build_group(b, 7), 6);
    (void)build_settle(b, build_group(b, 8), 4);
    memcpy(b->files[0].data, b->files[frame->file].data, 2 * LIMIT_BLOCK_BYTES);
    b->files_count = 2;
    free(b->files[2].data);
    b->floor = 2; /* it was free */
    build_recover(b);
    want_counts(b, "F1 2 F8 3 R2 1 G1 2");
    want_entry(b, build_found(b, 8), 3);
    assert_int_equal(build_found_entry(build_found(b, 8), 3)->slot, 0);
    build_free(b);
}

static void recover_f8_another_directory(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    b->disk.bytes[5] ^= 1;
    build_recover(b);
    want_counts(b, "F8 4");
    assert_int_equal(b->r.file_number_max, 0);
    build_free(b);
}

static void recover_f8_below_the_floor(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    (void)build_settle(b, build_group(b, 7), 6);
    (void)build_settle(b, build_group(b, 8), 4);
    b->floor = 2;
    build_recover(b);
    want_counts(b, "F8 4 G1 2");
    assert_int_equal(b->r.file_number_max, 1);
    assert_int_equal(log_recover_ends(&b->r, NULL, 0), 0);
    build_free(b);
}

static void recover_without_the_journal_header_knows_its_life(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    memset(b->files[0].data, 0x55, LOG_JOURNAL_HEADER_BYTES);
    build_recover(b);
    want_counts(b, "F1 4 R2 10 G1 2");
    assert_int_equal(b->r.file_number_max, 1);
    assert_int_equal(b->r.boot_epoch_max, 1);
    build_free(b);
}

static void recover_keeps_the_first_frame_of_a_boot_that_went_on(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct log_lane_end end = {.boot_epoch = 1, .lane = 0, .last_frame = 4};
    struct build_frame *first = build_lanes(b, 2, &end, 1);
    build_flip(b, first, first->record_pos[0] + 16);
    build_recover(b);
    want_counts(b, "F1 4 F6 1 R2 10 G1 2");
    build_begin(b, 2, 1, 0); /* nothing says that lane 0 was flushed but that this was written */
    build_entry(b, build_group(b, 8), 1, 10);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 5 F3 1 R2 11 G1 2");
    build_free(b);
}

static void recover_lanes_of_a_boot_are_apart(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    build_begin(b, 1, 1, 0);
    build_entry(b, build_group(b, 8), 1, 10); /* it moved to lane 1 */
    (void)build_end(b);
    build_begin(b, 1, 1, 0);
    build_entry(b, build_group(b, 8), 1, 10);
    (void)build_end(b);
    build_zero(b, &b->frames[4], 0, 1);
    build_recover(b);
    want_counts(b, "F1 4 F6 1 F7 1 R2 10 G1 1 G7 1");
    want_group(b, 8, 4);
    assert_false(build_found(b, 7)->is_tail_torn);
    build_free(b);
}

/* --- Direct tails --- */

static struct build *recover_direct_scene(void)
{
    struct build *b = recover_scene();
    build_begin(b, 1, 0, 4);
    build_direct(b, build_group(b, 7), 1, 3000, 3);
    (void)build_end(b);
    build_begin(b, 1, 0, 4);
    build_entry(b, build_group(b, 8), 1, 100);
    (void)build_end(b);
    return b;
}

static void recover_direct_blocks_are_asked_about_where_nobody_knows(void **state)
{
    (void)state;
    struct build *b = recover_direct_scene();
    build_recover(b);
    want_counts(b, "F1 6 R2 12 G1 2");
    want_group(b, 7, 7);
    const struct log_found *found = build_found(b, 7);
    assert_int_equal(build_found_entry(found, 6)->where, LOG_FOUND_SEGMENT);
    const struct log_found_rest *rest =
        CONTAINER_OF(list_first(&found->rests), struct log_found_rest, in_group);
    assert_int_equal(rest->segment_index, 1);
    assert_int_equal(rest->written_bytes, 20480); /* 161 + 5061 + 9061 + 3 * 3061 = 23466 */
    assert_int_equal(rest->bytes, 2986);
    assert_int_equal(rest->slot_pos, b->frames[4].pos + b->frames[4].record_pos[0] + 32 + 48 +
                                         3 * LOG_SIDECAR_BYTES);
    build_tear_direct(b, build_group(b, 7), 4);
    build_recover(b);
    want_counts(b, "F1 4 F6 1 F7 1 R2 10 G7 2");
    want_group(b, 7, 6);
    want_group(b, 8, 4);
    assert_true(build_found(b, 7)->is_tail_torn);
    build_free(b);
}

static void recover_direct_blocks_of_flushed_frames_are_not_asked_about(void **state)
{
    (void)state;
    struct build *b = recover_direct_scene();
    (void)build_seal(b, 1, 0, 6);
    build_tear_direct(b, build_group(b, 7), 4);
    build_recover(b);
    want_counts(b, "F1 7 R2 12 G1 2");
    build_free(b);
}

static void recover_direct_check_says_where(void **state)
{
    (void)state;
    struct build *b = recover_direct_scene();
    struct log_recover_direct check;
    struct log_recover r;
    assert_int_equal(log_recover_init(&r, &b->budget, b->kernels, &b->disk, 0), ERR_OK);
    assert_int_equal(log_recover_file(&r, 3, b->files[0].data, b->files[0].length), ERR_OK);
    assert_int_equal(log_recover_lanes(&r), ERR_OK);
    assert_true(log_recover_next_direct(&r, &check));
    assert_int_equal(check.partition, 7);
    assert_int_equal(check.topic.bytes[0], 7);
    assert_int_equal(check.segment_index, 1);
    assert_int_equal(check.pos, 0);
    assert_int_equal(check.end, 20480);
    assert_int_equal(check.crc, build_direct_crc(build_group(b, 7), 4));
    log_recover_direct(&r, &check, true);
    assert_false(log_recover_next_direct(&r, &check));
    log_recover_deinit(&r);
    build_free(b);
}

/* A direct write begins with the block in which the one before ends; one that has no whole block
 * writes nothing. */
static void recover_direct_check_begins_where_the_one_before_ended(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct log_recover_direct check;
    struct log_recover r;
    for (uint32_t i = 0; i < 3; i++) {
        build_begin(b, 1, 0, 4);
        build_direct(b, build_group(b, 7), 1, i < 2 ? 3000 : 100, i < 2 ? 3 - i : 1);
        (void)build_end(b);
    }
    assert_int_equal(log_recover_init(&r, &b->budget, b->kernels, &b->disk, 0), ERR_OK);
    assert_int_equal(log_recover_file(&r, 3, b->files[0].data, b->files[0].length), ERR_OK);
    assert_int_equal(log_recover_lanes(&r), ERR_OK);
    assert_true(log_recover_next_direct(&r, &check));
    assert_int_equal(check.end, 20480);
    log_recover_direct(&r, &check, true);
    assert_true(log_recover_next_direct(&r, &check));
    assert_int_equal(check.pos, 20480);
    assert_int_equal(check.end, 28672); /* 20480 + 2986 + 2 x 3061, in whole blocks */
    assert_int_equal(check.crc, build_direct_crc(build_group(b, 7), 7));
    log_recover_direct(&r, &check, true);
    assert_false(log_recover_next_direct(&r, &check));
    log_recover_deinit(&r);
    build_free(b);
}

/* Of a direct write all blocks are asked about while one of its entries stays, though the others
 * were cut: its blocks hold earlier entries, too. Where all were cut nobody asks, and its blocks
 * are not taken for written. */
static void recover_direct_blocks_of_entries_that_were_cut(void **state)
{
    (void)state;
    for (uint64_t cut = 4; cut <= 6; cut++) {
        struct build *b = recover_scene();
        struct build_group *g = build_group(b, 7);
        build_begin(b, 1, 0, 4);
        build_direct(b, g, 1, 3000, 3);
        (void)build_end(b);
        build_begin(b, 1, 0, 4);
        build_cut(b, g, cut);
        (void)build_end(b);
        build_tear_direct(b, g, 4);
        build_recover(b);
        const struct log_found *found = build_found(b, 7);
        assert_int_equal(b->r.counts[LOG_RECOVER_F6], cut > 4);
        assert_int_equal(b->r.counts[LOG_RECOVER_F7], cut > 4);
        assert_int_equal(found->end.index, 3);
        assert_true(list_is_empty(&found->rests));
        assert_int_equal(build_found_entry(found, 3)->where, LOG_FOUND_JOURNAL);
        build_free(b);
    }
}

/* --- All of it --- */

static void recover_refuses_a_newer_version(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    build_recover(b);
    assert_false(b->r.is_newer);
    uint8_t *head = b->files[0].data + b->frames[3].pos;
    head[4] = 2;
    struct bytes_writer w = bytes_writer(head, LOG_FRAME_HEADER_BYTES);
    w.pos = LOG_FRAME_HEADER_BYTES - 4;
    log_crc_put(&w, b->kernels, 0, 0);
    build_recover(b);
    assert_true(b->r.is_newer);
    build_free(b);
}

static void recover_survives_every_refusal_of_memory(void **state)
{
    (void)state;
    struct build *b = recover_direct_scene();
    (void)build_settle(b, build_group(b, 8), 3);
    enum err err = ERR_BUDGET;
    for (size_t limit = 0; err == ERR_BUDGET; limit += 1000) {
        struct log_recover r;
        struct log_recover_direct check;
        budget_set_limit(&b->budget, limit);
        err = log_recover_init(&r, &b->budget, b->kernels, &b->disk, 0);
        err = err != ERR_OK ? err : log_recover_row(&r, &b->rows[0]);
        err = err != ERR_OK ? err : log_recover_file(&r, 0, b->files[0].data, b->files[0].length);
        err = err != ERR_OK ? err : log_recover_lanes(&r);
        while (err == ERR_OK && log_recover_next_direct(&r, &check)) {
            log_recover_direct(&r, &check, true);
        }
        err = err != ERR_OK ? err : log_recover_groups(&r);
        log_recover_deinit(&r);
        assert_int_equal(b->budget.used_bytes, 0);
        assert_true(err == ERR_OK || err == ERR_BUDGET);
    }
    build_free(b);
}

static void recover_visit_one(void *ctx, enum log_recover_row row, uint64_t boot_epoch,
                              uint32_t lane, uint64_t number, const struct log_frame *frame,
                              uint32_t slot, uint64_t pos)
{
    char **text = ctx;
    assert_int_equal(boot_epoch, 1);
    assert_int_equal(lane, 0);
    assert_true((frame == NULL) == (slot == UINT32_MAX));
    assert_true((frame == NULL) == (pos == 0));
    *text += snprintf(*text, 16, "%u %s ", (unsigned)number, log_recover_row_name(row));
}

static void recover_visit_tells_each_frame(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    (void)build_seal(b, 1, 0, 4);
    build_flip(b, &b->frames[2], 20);
    char text[100] = "";
    char *end = text;
    build_recover(b);
    log_recover_visit(&b->r, recover_visit_one, &end);
    assert_string_equal(text, "1 F1 2 F1 3 F4 4 F1 5 F1 ");
    assert_string_equal(log_recover_row_text(LOG_RECOVER_F6), "frame is torn");
    build_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recover_of_nothing_is_nothing),
        cmocka_unit_test(recover_f1_frames_that_verify_count),
        cmocka_unit_test(recover_f2_what_a_former_start_dropped_is_void),
        cmocka_unit_test(recover_f2_the_oldest_lanes_record_counts),
        cmocka_unit_test(recover_f3_a_bad_record_costs_its_group_only),
        cmocka_unit_test(recover_f3_a_bad_directory_over_good_records_loses_nothing),
        cmocka_unit_test(recover_f3_what_follows_the_gap_is_kept),
        cmocka_unit_test(recover_f4_the_next_frame_names_the_groups),
        cmocka_unit_test(recover_f5_who_is_not_proven_whole_is_amnesiac),
        cmocka_unit_test(recover_f5_a_later_boot_proves_too),
        cmocka_unit_test(recover_f5_a_file_that_should_be_there),
        cmocka_unit_test(recover_f6_a_torn_frame_ends_its_lane),
        cmocka_unit_test(recover_f6_a_bad_body_tears_what_was_not_flushed),
        cmocka_unit_test(recover_f6_a_damaged_header_at_the_end_is_noticed),
        cmocka_unit_test(recover_f6_a_begun_file_without_its_frame),
        cmocka_unit_test(recover_f7_behind_a_torn_frame_all_is_dropped),
        cmocka_unit_test(recover_f8_former_lives_are_not_looked_at),
        cmocka_unit_test(recover_f8_another_directory),
        cmocka_unit_test(recover_f8_below_the_floor),
        cmocka_unit_test(recover_without_the_journal_header_knows_its_life),
        cmocka_unit_test(recover_keeps_the_first_frame_of_a_boot_that_went_on),
        cmocka_unit_test(recover_lanes_of_a_boot_are_apart),
        cmocka_unit_test(recover_direct_blocks_are_asked_about_where_nobody_knows),
        cmocka_unit_test(recover_direct_blocks_of_flushed_frames_are_not_asked_about),
        cmocka_unit_test(recover_direct_check_says_where),
        cmocka_unit_test(recover_direct_check_begins_where_the_one_before_ended),
        cmocka_unit_test(recover_direct_blocks_of_entries_that_were_cut),
        cmocka_unit_test(recover_refuses_a_newer_version),
        cmocka_unit_test(recover_survives_every_refusal_of_memory),
        cmocka_unit_test(recover_visit_tells_each_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
