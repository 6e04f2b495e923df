/* What a start believes: records (R1..R9) and groups (G1..G7), each row of the table by itself, and
 * what each kind of record does. */
#include <stdlib.h>
#include <string.h>

#include "storage/log/recover.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/recover_build.h"
#include "tests/unit/storage/recover_want.h"

/* Boot 1, frame 2: group 7 is made and has entries 1 to 3 and a hard state (6 records). */
static struct build *recover_scene(void)
{
    struct build *b = build_new();
    struct build_group *g = build_group(b, 7);
    (void)build_lanes(b, 1, NULL, 0);
    build_begin(b, 1, 0, 1);
    build_create(b, g);
    build_roll(b, g);
    build_entry(b, g, 1, 100);
    build_entry(b, g, 1, 200);
    build_entry(b, g, 1, 300);
    build_hard(b, g, 1, 3, 1);
    (void)build_end(b);
    return b;
}

/* --- Records --- */

static void recover_r1_what_the_row_has_is_skipped(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    (void)build_settle(b, build_group(b, 7), 4);
    build_recover(b);
    want_counts(b, "F1 2 R1 4 R2 2 G1 1");
    want_group(b, 7, 6);
    const struct log_found *found = build_found(b, 7);
    assert_int_equal(list_count(&found->entries), 1);
    assert_int_equal(build_found_entry(found, 3)->rec.pos, 161 + 261);
    (void)build_settle(b, build_group(b, 7), 6);
    build_recover(b);
    want_counts(b, "F1 2 R1 6 G1 1");
    assert_int_equal(build_found(b, 7)->file_lowest, UINT64_MAX);
    build_free(b);
}

static void recover_r3_rot_explains_the_gap(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_entry(b, g, 2, 10);
    build_entry(b, g, 2, 10);
    struct build_frame *rotten = build_end(b);
    build_begin(b, 1, 0, 3);
    build_entry(b, g, 2, 10);
    (void)build_end(b);
    build_flip(b, rotten, 20);
    build_recover(b);
    want_counts(b, "F1 3 F4 1 R2 6 R3 1 G4 1");
    const struct log_found *found = build_found(b, 7);
    want_lost(found, 4, 5);
    want_entry(b, found, 6);
    assert_int_equal(found->row.flags, 0);
    assert_int_equal(found->end.offset, 6);
    build_free(b);
}

static void recover_r4_a_gap_without_reason_is_amnesia(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    g->now.seq += 2;
    build_begin(b, 1, 0, 2);
    build_entry(b, g, 1, 10);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 6 R4 1 G3 1");
    const struct log_found *found = build_found(b, 7);
    assert_int_equal(found->row.flags, LOG_ROW_AMNESIAC);
    assert_int_equal(found->end.index, 4);
    assert_int_equal(found->last_seq, 9);
    build_free(b);
}

static void recover_r4_what_is_missing_is_quarantined(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    g->now.seq += 2;
    g->now.end.index += 2;
    g->now.end.offset += 5;
    build_begin(b, 1, 0, 2);
    build_entry(b, g, 1, 10);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 6 R4 1 G3 1 G4 1");
    const struct log_found *found = build_found(b, 7);
    want_lost(found, 4, 5);
    want_entry(b, found, 6);
    const struct log_found_entry *gap = build_found_entry(found, 5);
    assert_int_equal(gap->rec.index, 4);
    assert_int_equal(gap->rec.base_offset, 3);
    assert_int_equal(log_sidecar_next_offset(&gap->rec), 8);
    assert_int_equal(gap->seq, 7); /* the first that is missing */
    build_free(b);
}

static void recover_r5_the_later_boot_counts(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    (void)build_lanes(b, 2, NULL, 0); /* it names no lane: nothing is void */
    build_rewind(g, 4);
    build_begin(b, 2, 0, 1);
    build_entry(b, g, 2, 77);
    build_hard(b, g, 2, 1, 0);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 4 R2 6 R5 2 G1 1");
    want_group(b, 7, 6);
    build_free(b);
}

/* The later boot went on with number 5: it had not found 6 either. */
static void recover_r5_what_a_start_had_not_found_stays_gone(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    (void)build_lanes(b, 2, NULL, 0);
    build_rewind(g, 4);
    build_begin(b, 2, 0, 1);
    build_entry(b, g, 2, 77);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 4 R2 5 R5 2 G1 1");
    want_group(b, 7, 5);
    assert_int_equal(build_found(b, 7)->last_seq, 5);
    build_free(b);
}

static void recover_r6_records_of_nobody_are_kept(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 9);
    build_begin(b, 1, 0, 2);
    build_entry(b, g, 1, 10);
    build_entry(b, g, 1, 10);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 6 R6 2 G1 1 G6 1");
    const struct log_found *found = build_found(b, 9);
    assert_false(found->is_available);
    assert_false(found->has_row);
    assert_int_equal(found->file_lowest, 1);
    assert_int_equal(found->last_seq, 2);
    build_free(b);
}

static void recover_r7_what_follows_a_delete_is_skipped(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_delete(b, g);
    build_hard(b, g, 9, 9, 9);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 7 R7 1 G1 1");
    const struct log_found *found = build_found(b, 7);
    assert_int_equal(found->row.state, LOG_ROW_DELETED);
    assert_int_equal(found->last_seq, 8);
    assert_true(list_is_empty(&found->entries));
    build_settle(b, g, 7)->seq = 3; /* the row knows it was deleted */
    build_recover(b);
    want_counts(b, "F1 3 R7 8 G1 1");
    assert_int_equal(build_found(b, 7)->file_lowest, 1);
    build_settle(b, g, 7)->seq = 8;
    build_recover(b);
    want_counts(b, "F1 3 R7 8 G1 1");
    assert_int_equal(build_found(b, 7)->file_lowest, UINT64_MAX);
    build_free(b);
}

static void recover_r8_an_index_twice_without_a_cut(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    build_rewind(g, 4); /* it forgets entry 3, but not the numbers it used */
    g->now.seq = 6;
    build_begin(b, 1, 0, 2);
    build_entry(b, g, 2, 50);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 6 R8 1 G3 1");
    const struct log_found *found = build_found(b, 7);
    want_sane(found);
    want_entry(b, found, 3);
    assert_int_equal(found->end.index, 3);
    assert_int_equal(found->row.flags, LOG_ROW_AMNESIAC);
    build_free(b);
}

static void recover_r8_a_chain_that_does_not_follow(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    g->now.end.chain.low ^= 1;
    build_begin(b, 1, 0, 2);
    build_entry(b, g, 1, 50);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 6 R8 1 G3 1");
    want_entry(b, build_found(b, 7), 4);
    build_free(b);
}

static void recover_r8_terms_do_not_fall(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    build_begin(b, 1, 0, 2);
    build_entry(b, build_group(b, 7), 0, 50);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 6 R8 1 G3 1");
    build_free(b);
}

static void recover_r9_an_entry_too_far_ahead(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    g->now.end.index += 3;
    build_begin(b, 1, 0, 2);
    build_entry(b, g, 1, 10);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 6 R9 1 G3 1 G4 1");
    const struct log_found *found = build_found(b, 7);
    want_lost(found, 4, 6);
    want_entry(b, found, 7);
    build_free(b);
}

/* --- Groups --- */

static void recover_g2_a_hint_behind_the_end(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    build_begin(b, 1, 0, 2);
    build_hard(b, build_group(b, 7), 1, 3, 50);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 7 G2 1");
    assert_int_equal(build_found(b, 7)->row.hard.commit, 3);
    build_free(b);
}

static void recover_g3_a_hard_state_is_lost(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_hard(b, g, 5, 2, 1);
    struct build_frame *rotten = build_end(b);
    (void)build_seal(b, 1, 0, 3);
    build_flip(b, rotten, rotten->record_pos[0] + 33);
    build_recover(b);
    want_counts(b, "F1 3 F3 1 R2 6 G3 1");
    assert_int_equal(build_found(b, 7)->row.flags, LOG_ROW_AMNESIAC);
    build_begin(b, 1, 0, 4);
    build_hard(b, g, 6, 2, 1); /* a later one says all there is to know */
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 4 F3 1 R2 6 R3 1 G1 1");
    assert_int_equal(build_found(b, 7)->row.hard.term, 6);
    build_free(b);
}

static void recover_g3_an_operator_ends_amnesia(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    g->now.seq += 2;
    build_begin(b, 1, 0, 2);
    build_mark(b, g, LOG_MARK_AMNESIAC, 0, 0);
    build_entry(b, g, 1, 10);
    (void)build_end(b);
    build_recover(b);
    assert_int_equal(build_found(b, 7)->row.flags, LOG_ROW_AMNESIAC);
    build_begin(b, 1, 0, 3);
    build_mark(b, g, LOG_MARK_ACCEPTED, 0, 0);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 4 R2 8 R4 1 G1 1");
    assert_int_equal(build_found(b, 7)->row.flags, 0);
    build_free(b);
}

static void recover_g3_a_lost_cut_of_unknown_place(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_cut(b, g, 2);
    struct build_frame *rotten = build_end(b);
    (void)build_seal(b, 1, 0, 3);
    build_flip(b, rotten, rotten->record_pos[0] + 33);
    build_recover(b);
    want_counts(b, "F1 3 F3 1 R2 6 G3 1");
    assert_int_equal(build_found(b, 7)->end.index, 3);
    build_begin(b, 1, 0, 4);
    build_entry(b, g, 2, 10); /* the next entry tells where it was */
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 4 F3 1 R2 6 R3 1 G1 1");
    const struct log_found *found = build_found(b, 7);
    want_sane(found);
    want_entry(b, found, 2);
    assert_int_equal(found->end.index, 2);
    assert_true(found->is_cut);
    build_free(b);
}

static void recover_g4_a_lost_cut_with_its_entries(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_cut(b, g, 2);
    build_entry(b, g, 2, 10);
    build_entry(b, g, 2, 10);
    struct build_frame *rotten = build_end(b);
    build_begin(b, 1, 0, 3);
    build_entry(b, g, 2, 10);
    (void)build_end(b);
    build_flip(b, rotten, 20);
    build_recover(b);
    want_counts(b, "F1 3 F4 1 R2 6 R3 1 G4 1");
    const struct log_found *found = build_found(b, 7);
    want_lost(found, 2, 3); /* the old entries 2 and 3 are void */
    want_entry(b, found, 4);
    build_free(b);
}

static void recover_g4_moves_lost_in_rot_are_no_amnesia(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_roll(b, g);
    build_trim(b, g, 2);
    build_entry(b, g, 1, 10);
    struct build_frame *rotten = build_end(b);
    (void)build_seal(b, 1, 0, 3);
    build_flip(b, rotten, 20);
    build_recover(b);
    want_counts(b, "F1 3 F4 1 R2 6 G4 1");
    want_lost(build_found(b, 7), 4, 4);
    build_free(b);
}

static void recover_g5_a_body_that_does_not_verify(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    (void)build_seal(b, 1, 0, 2);
    build_flip(b, &b->frames[1], b->frames[1].record_pos[3] + LOG_RECORD_ENTRY_BYTES + 80);
    build_recover(b);
    want_counts(b, "F1 3 R2 6 G5 1");
    const struct log_found *found = build_found(b, 7);
    want_lost(found, 2, 2);
    assert_int_equal(build_found_entry(found, 2)->rec.length, 261);
    want_entry(b, found, 3);
    build_free(b);
}

static void recover_g5_a_header_that_does_not_verify(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    (void)build_seal(b, 1, 0, 2);
    build_flip(b, &b->frames[1], b->frames[1].record_pos[3] + LOG_RECORD_ENTRY_BYTES + 4);
    build_recover(b);
    want_counts(b, "F1 3 R2 6 G5 1");
    const struct log_found *found = build_found(b, 7);
    want_lost(found, 2, 2);
    want_entry(b, found, 3);
    assert_int_equal(found->row.flags, 0);
    build_free(b);
}

static void recover_g6_a_row_is_lost(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct log_recover r;
    assert_int_equal(log_recover_init(&r, &b->budget, b->kernels, &b->disk, 0), ERR_OK);
    assert_int_equal(log_recover_row_lost(&r, 7, 0), ERR_OK);
    assert_int_equal(log_recover_row_lost(&r, 11, 0), ERR_OK);
    log_recover_rows_unnamed(&r, 1, false);
    assert_int_equal(log_recover_file(&r, 0, b->files[0].data, b->files[0].length), ERR_OK);
    assert_int_equal(log_recover_lanes(&r), ERR_OK);
    assert_int_equal(log_recover_groups(&r), ERR_OK);
    assert_int_equal(r.counts[LOG_RECOVER_G6], 3);
    assert_int_equal(r.groups_count, 2);
    list_for_each (node, &r.groups) {
        assert_false(CONTAINER_OF(node, struct log_found, in_recover)->is_available);
    }
    log_recover_deinit(&r);
    build_free(b);
}

/* A table that was being written names it, and says how far it has got. */
static void recover_g6_a_new_group_is_not_lost(void **state)
{
    (void)state;
    struct build *b = recover_scene(); /* six records from its `create` on */
    for (uint64_t seq = 5; seq <= 7; seq++) {
        struct log_recover r;
        assert_int_equal(log_recover_init(&r, &b->budget, b->kernels, &b->disk, 0), ERR_OK);
        assert_int_equal(log_recover_row_lost(&r, 7, seq), ERR_OK);
        assert_int_equal(log_recover_row_lost(&r, 11, 1), ERR_OK);
        assert_int_equal(log_recover_file(&r, 0, b->files[0].data, b->files[0].length), ERR_OK);
        assert_int_equal(log_recover_lanes(&r), ERR_OK);
        assert_int_equal(log_recover_groups(&r), ERR_OK);
        assert_int_equal(log_recover_find(&r, 7)->is_available, seq <= 6);
        assert_false(log_recover_find(&r, 11)->is_available); /* the journal does not know it */
        assert_null(log_recover_find(&r, 12));
        log_recover_deinit(&r);
    }
    build_free(b);
}

/* A row is unreadable and nothing names it: it may be that of a group which the journal has only
 * the beginning of. A table that was being written proves that one of them is whole. */
static void recover_g6_a_row_that_nothing_names(void **state)
{
    (void)state;
    static const struct {
        bool has_doubt, is_named, is_available;
    } rows[] = {{false, false, true}, {true, false, false}, {true, true, true}};
    struct build *b = recover_scene(); /* six records from its `create` on */
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct log_recover r;
        assert_int_equal(log_recover_init(&r, &b->budget, b->kernels, &b->disk, 0), ERR_OK);
        if (rows[i].is_named) {
            assert_int_equal(log_recover_row_lost(&r, 7, 6), ERR_OK);
        }
        log_recover_rows_unnamed(&r, 1, rows[i].has_doubt);
        assert_int_equal(log_recover_file(&r, 0, b->files[0].data, b->files[0].length), ERR_OK);
        assert_int_equal(log_recover_lanes(&r), ERR_OK);
        assert_int_equal(log_recover_groups(&r), ERR_OK);
        const struct log_found *found = log_recover_find(&r, 7);
        assert_int_equal(found->is_available, rows[i].is_available);
        assert_int_equal(found->is_doubtful, !rows[i].is_available);
        log_recover_deinit(&r);
    }
    build_free(b);
}

static void recover_g7_is_named_by_the_torn_frame(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    build_begin(b, 1, 0, 2);
    build_entry(b, build_group(b, 7), 1, 9000);
    struct build_frame *torn = build_end(b);
    build_begin(b, 1, 0, 2);
    build_create(b, build_group(b, 8));
    (void)build_end(b);
    build_zero(b, torn, 1, 2);
    build_recover(b);
    want_counts(b, "F1 2 F6 1 F7 1 R2 6 G7 1");
    want_group(b, 7, 6);
    assert_true(build_found(b, 7)->is_tail_torn);
    build_free(b);
}

/* --- Kinds --- */

static void recover_cuts_trims_rolls_and_memberships(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_membership(b, g, 1);
    build_roll(b, g);
    build_membership(b, g, 1);
    build_entry(b, g, 1, 40);
    build_trim(b, g, 3);
    (void)build_end(b);
    build_recover(b);
    want_group(b, 7, 11);
    assert_int_equal(build_found(b, 7)->row.membership_index, 5);
    build_begin(b, 1, 0, 3);
    build_cut(b, g, 5);
    build_entry(b, g, 2, 40);
    build_entry(b, g, 2, 40);
    build_roll(b, g);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 4 R2 15 G1 1");
    want_group(b, 7, 15);
    const struct log_found *found = build_found(b, 7);
    assert_int_equal(found->row.membership_index, 4);
    assert_int_equal(found->row.start.index, 3);
    assert_int_equal(list_count(&found->segments), 3);
    assert_true(found->is_cut);
    build_free(b);
}

static void recover_a_cut_below_the_settled_end_moves_it(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    (void)build_settle(b, g, 6);
    build_begin(b, 1, 0, 2);
    build_cut(b, g, 2);
    build_entry(b, g, 2, 40);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R1 6 R2 2 G1 1");
    want_group(b, 7, 8);
    const struct log_found *found = build_found(b, 7);
    assert_int_equal(found->row.end.index, 1);
    assert_int_equal(found->row.segment_index, 2);
    assert_int_equal(found->row.segment_generation, 1);
    assert_int_equal(found->row.end_pos, 0);
    assert_int_equal(found->row.seq, 6);
    assert_true(list_is_empty(&found->segments));
    build_free(b);
}

static void recover_a_whole_tail_replaces_what_was_before(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    build_file(b, 1, 0);
    build_begin(b, 1, 0, 2);
    build_whole(b, g, 2);
    build_entry(b, g, 1, 40);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 8 G1 1");
    want_group(b, 7, 8);
    const struct log_found *found = build_found(b, 7);
    assert_int_equal(found->row.end.index, 1);
    assert_int_equal(found->row.end_pos, 161);
    assert_int_equal(found->row.segment_index, 1);
    assert_int_equal(found->row.recs_count, 1);
    assert_int_equal(found->row.seq, 6);
    assert_int_equal(found->file_lowest, 1); /* may go when a table says so */
    assert_int_equal(build_found_entry(found, 3)->where, LOG_FOUND_SEGMENT);
    assert_int_equal(list_count(&found->rests), 1);
    build_free(b);
}

static void recover_a_whole_tail_heals_what_rotted_before_it(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_whole(b, g, 2);
    (void)build_end(b);
    build_flip(b, &b->frames[1], b->frames[1].record_pos[3] + 16); /* entry 2 */
    build_recover(b);
    want_counts(b, "F1 2 F3 1 R2 5 R3 1 G1 1");
    const struct log_found *found = build_found(b, 7);
    want_sane(found);
    want_entry(b, found, 2);
    want_entry(b, found, 3);
    assert_true(list_is_empty(&found->ranges));
    build_free(b);
}

static void recover_a_row_ahead_of_a_whole_tail_stays(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_whole(b, g, 2);
    (void)build_end(b);
    struct log_row *row = build_settle(b, g, 4); /* entries 1 and 2 are settled since */
    row->seq = 6;
    row->hard = g->now.hard;
    build_recover(b);
    want_counts(b, "F1 3 R1 6 R2 1 G1 1");
    want_group(b, 7, 7);
    const struct log_found *found = build_found(b, 7);
    assert_int_equal(found->row.end.index, 2);
    assert_int_equal(list_count(&found->entries), 1);
    build_free(b);
}

static void recover_rests_are_kept_by_segment(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_direct(b, g, 1, 3000, 2);
    build_roll(b, g);
    (void)build_end(b);
    build_begin(b, 1, 0, 3);
    build_direct(b, g, 1, 3000, 1);
    (void)build_end(b);
    build_begin(b, 1, 0, 4);
    build_direct(b, g, 1, 3000, 1);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 5 R2 10 G1 1");
    want_group(b, 7, 10);
    const struct list *rests = &build_found(b, 7)->rests;
    assert_int_equal(list_count(rests), 2);
    const struct log_found_rest *first =
        CONTAINER_OF(list_first(rests), struct log_found_rest, in_group);
    const struct log_found_rest *second =
        CONTAINER_OF(list_last(rests), struct log_found_rest, in_group);
    assert_int_equal(first->segment_index, 1);
    assert_int_equal(first->written_bytes + first->bytes, 783 + 6122);
    assert_int_equal(second->segment_index, 6);
    assert_int_equal(second->written_bytes + second->bytes, 6122);
    build_begin(b, 1, 0, 5);
    build_cut(b, g, 5); /* the second segment goes, the first ends earlier */
    (void)build_end(b);
    build_recover(b);
    want_group(b, 7, 11);
    rests = &build_found(b, 7)->rests;
    assert_int_equal(list_count(rests), 1); /* its end is in front of what was written */
    first = CONTAINER_OF(list_first(rests), struct log_found_rest, in_group);
    assert_int_equal(first->segment_index, 1);
    assert_int_equal(first->bytes, 0);
    build_free(b);
}

/* Whether the blocks of the second were written nobody asks, as no entry needs them: what stood in
 * front of them is read from the first's rest, as often as the store is started. */
static void recover_a_cut_gives_an_older_rest_back(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_direct(b, g, 1, 3000, 1);
    (void)build_end(b);
    build_recover(b);
    uint64_t end = build_found(b, 7)->end.index;
    const struct list *rests = &build_found(b, 7)->rests;
    assert_int_equal(list_count(rests), 1);
    const struct log_found_rest first =
        *CONTAINER_OF(list_first(rests), struct log_found_rest, in_group);
    assert_true(first.bytes > 0);
    for (uint64_t frame = 3; frame < 5; frame++) {
        build_begin(b, 1, 0, frame);
        build_direct(b, g, 1, 3000, 2);
        (void)build_end(b);
    }
    build_recover(b);
    rests = &build_found(b, 7)->rests;
    assert_int_equal(list_count(rests), 1);
    const struct log_found_rest *rest =
        CONTAINER_OF(list_first(rests), struct log_found_rest, in_group);
    assert_true(rest->written_bytes > first.written_bytes + first.bytes);
    build_begin(b, 1, 0, 5);
    build_cut(b, g, end + 1);
    (void)build_end(b);
    for (uint32_t start = 0; start < 2; start++) {
        build_recover(b);
        want_group(b, 7, g->now.seq);
        rests = &build_found(b, 7)->rests;
        assert_int_equal(list_count(rests), 1);
        rest = CONTAINER_OF(list_first(rests), struct log_found_rest, in_group);
        assert_int_equal(rest->written_bytes, first.written_bytes);
        assert_int_equal(rest->bytes, first.bytes);
        assert_int_equal(rest->slot_pos, first.slot_pos);
        build_begin(b, 1, 0, 6 + start); /* it says that the second's frame is durable */
        (void)build_end(b);
    }
    build_free(b);
}

static void recover_a_tail_finds_the_segment_whose_beginning_was_lost(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_roll(b, g);
    struct build_frame *rotten = build_end(b);
    build_begin(b, 1, 0, 3);
    build_entry(b, g, 1, 10);
    build_direct(b, g, 1, 3000, 2);
    (void)build_end(b);
    build_flip(b, rotten, 20);
    build_recover(b);
    want_counts(b, "F1 3 F4 1 R2 7 R3 1 G1 1");
    want_group(b, 7, 9);
    build_free(b);
}

static void recover_a_tail_knows_how_long_the_lost_were(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_entry(b, g, 1, 500);
    struct build_frame *rotten = build_end(b);
    build_begin(b, 1, 0, 3);
    build_entry(b, g, 1, 10);
    build_direct(b, g, 1, 3000, 1);
    (void)build_end(b);
    build_flip(b, rotten, 20);
    build_recover(b);
    want_counts(b, "F1 3 F4 1 R2 7 R3 1 G4 1");
    const struct log_found *found = build_found(b, 7);
    want_lost(found, 4, 4);
    assert_int_equal(build_found_entry(found, 5)->rec.pos, 783 + 561);
    assert_int_equal(build_found_entry(found, 6)->rec.pos, 783 + 561 + 71);
    build_free(b);
}

static void recover_a_reset_begins_anew(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    struct log_point start = {.index = 50, .offset = 500, .term = 4, .chain = {.low = 1}};
    build_begin(b, 1, 0, 2);
    build_reset(b, g, &start);
    build_entry(b, g, 4, 20);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 8 G1 1");
    want_group(b, 7, 8);
    assert_int_equal(build_found(b, 7)->row.start.index, 50);
    build_free(b);
}

static void recover_a_switch_is_told(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    struct log_record record = {.kind = LOG_RECORD_SWITCH};
    record.segment.segment_index = 1;
    record.segment.generation = 0;
    record.segment.generation_new = 4;
    build_begin(b, 1, 0, 2);
    build_record(b, g, &record);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 7 G1 1");
    const struct log_found *found = build_found(b, 7);
    const struct log_found_switch *told =
        CONTAINER_OF(list_first(&found->switches), struct log_found_switch, in_group);
    assert_int_equal(told->segment_index, 1);
    assert_int_equal(told->generation, 4);
    assert_int_equal(told->generation_replaced, 0);
    assert_int_equal(
        CONTAINER_OF(list_first(&found->segments), struct log_found_segment, in_group)->generation,
        4);
    build_free(b);
}

static void recover_marks_quarantine_and_heal(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_mark(b, g, LOG_MARK_QUARANTINE, 1, 3);
    build_mark(b, g, LOG_MARK_HEAL, 2, 2);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 R2 8 G1 1");
    const struct log_found *found = build_found(b, 7);
    want_sane(found);
    assert_true(build_is_quarantined(found, 1));
    assert_false(build_is_quarantined(found, 2));
    assert_true(build_is_quarantined(found, 3));
    assert_int_equal(list_count(&found->ranges), 2);
    build_free(b);
}

static void recover_hard_states_only_move_forward(void **state)
{
    (void)state;
    struct build *b = recover_scene();
    struct build_group *g = build_group(b, 7);
    struct log_row *row = build_settle(b, g, 3);
    row->hard = (struct log_hard_state){.term = 8, .vote = 2, .commit = 2}; /* ahead of its seq */
    build_recover(b);
    assert_int_equal(build_found(b, 7)->row.hard.term, 8);
    assert_int_equal(build_found(b, 7)->row.hard.vote, 2);
    assert_int_equal(build_found(b, 7)->row.hard.commit, 2);
    build_free(b);
}

/* Lane 1 has file 2, lane 0 has file 1: the group goes from one to the other and back. */
static void recover_knows_that_a_group_changed_lane(void **state)
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
    build_recover(b);
    assert_int_equal(build_found(b, 7)->file_lowest, 2);
    assert_int_equal(build_found(b, 7)->mixed_seq, 0);
    build_begin(b, 1, 0, 1);
    build_entry(b, g, 1, 100);
    build_entry(b, g, 1, 100);
    (void)build_end(b);
    build_begin(b, 1, 1, 1);
    build_entry(b, g, 1, 100);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 4 R2 6 G1 1");
    want_group(b, 7, 6);
    assert_int_equal(build_found(b, 7)->file_lowest, 1);
    assert_int_equal(build_found(b, 7)->mixed_seq, 3); /* records up to 3 are in the higher file */
    build_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recover_r1_what_the_row_has_is_skipped),
        cmocka_unit_test(recover_r3_rot_explains_the_gap),
        cmocka_unit_test(recover_r4_a_gap_without_reason_is_amnesia),
        cmocka_unit_test(recover_r4_what_is_missing_is_quarantined),
        cmocka_unit_test(recover_r5_the_later_boot_counts),
        cmocka_unit_test(recover_r5_what_a_start_had_not_found_stays_gone),
        cmocka_unit_test(recover_r6_records_of_nobody_are_kept),
        cmocka_unit_test(recover_r7_what_follows_a_delete_is_skipped),
        cmocka_unit_test(recover_r8_an_index_twice_without_a_cut),
        cmocka_unit_test(recover_r8_a_chain_that_does_not_follow),
        cmocka_unit_test(recover_r8_terms_do_not_fall),
        cmocka_unit_test(recover_r9_an_entry_too_far_ahead),
        cmocka_unit_test(recover_g2_a_hint_behind_the_end),
        cmocka_unit_test(recover_g3_a_hard_state_is_lost),
        cmocka_unit_test(recover_g3_an_operator_ends_amnesia),
        cmocka_unit_test(recover_g3_a_lost_cut_of_unknown_place),
        cmocka_unit_test(recover_g4_a_lost_cut_with_its_entries),
        cmocka_unit_test(recover_g4_moves_lost_in_rot_are_no_amnesia),
        cmocka_unit_test(recover_g5_a_body_that_does_not_verify),
        cmocka_unit_test(recover_g5_a_header_that_does_not_verify),
        cmocka_unit_test(recover_g6_a_row_is_lost),
        cmocka_unit_test(recover_g6_a_new_group_is_not_lost),
        cmocka_unit_test(recover_g6_a_row_that_nothing_names),
        cmocka_unit_test(recover_g7_is_named_by_the_torn_frame),
        cmocka_unit_test(recover_cuts_trims_rolls_and_memberships),
        cmocka_unit_test(recover_a_cut_below_the_settled_end_moves_it),
        cmocka_unit_test(recover_a_whole_tail_replaces_what_was_before),
        cmocka_unit_test(recover_a_whole_tail_heals_what_rotted_before_it),
        cmocka_unit_test(recover_a_row_ahead_of_a_whole_tail_stays),
        cmocka_unit_test(recover_rests_are_kept_by_segment),
        cmocka_unit_test(recover_a_cut_gives_an_older_rest_back),
        cmocka_unit_test(recover_a_tail_finds_the_segment_whose_beginning_was_lost),
        cmocka_unit_test(recover_a_tail_knows_how_long_the_lost_were),
        cmocka_unit_test(recover_a_reset_begins_anew),
        cmocka_unit_test(recover_a_switch_is_told),
        cmocka_unit_test(recover_marks_quarantine_and_heal),
        cmocka_unit_test(recover_hard_states_only_move_forward),
        cmocka_unit_test(recover_knows_that_a_group_changed_lane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
