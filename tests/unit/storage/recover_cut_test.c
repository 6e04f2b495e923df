/* What a start believes where a cut is lost: what it took was there, and must not be found again.
 */
#include <stdlib.h>

#include "storage/log/recover.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/recover_build.h"
#include "tests/unit/storage/recover_want.h"

/* The cut's own frame does not say where it was, but the entries that followed it, lost with it,
 * do: what stood there before them is not to be found again. */
static void recover_a_lost_cut_was_where_lost_entries_begin(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_cut(b, g, 2);
    build_lose_records(b, build_end(b));
    build_begin(b, 1, 0, 3);
    build_entry(b, g, 2, 10);
    build_entry(b, g, 2, 20);
    build_lose_records(b, build_end(b));
    build_begin(b, 1, 0, 4);
    build_entry(b, g, 2, 30);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 F3 2 R2 5 R3 1 G4 1");
    const struct log_found *found = build_found(b, 7);
    want_lost(found, 2, 3);
    want_entry(b, found, 1);
    want_entry(b, found, 4);
    assert_true(found->is_cut);
    build_free(b);
}

/* What a lost cut took is not counted by a row that ends in front of it: the next start sees entry
 * 3 come, entry 4 be lost behind it, and both go, as this one did. */
static void recover_a_row_in_front_of_a_lost_cut_has_nothing_of_what_it_took(void **state)
{
    (void)state;
    for (uint32_t start = 0; start < 2; start++) {
        struct build *b = build_scene();
        struct build_group *g = build_group(b, 7);
        uint64_t seq = g->now.seq; /* of entry 3 */
        build_begin(b, 1, 0, 2);
        build_entry(b, g, 2, 10);
        struct build_frame *fourth = build_end(b);
        build_begin(b, 1, 0, 3);
        build_cut(b, g, 3);
        build_entry(b, g, 2, 20);
        struct build_frame *third = build_end(b);
        build_begin(b, 1, 0, 4);
        build_entry(b, g, 2, 30);
        (void)build_end(b);
        build_lose_records(b, fourth);
        build_lose_records(b, third);
        if (start == 1) {
            (void)build_settle(b, g, seq - 1);
        }
        build_recover(b);
        const struct log_found *found = build_found(b, 7);
        want_lost(found, 3, 3);
        want_entry(b, found, 4);
        assert_int_equal(found->row.flags & LOG_ROW_AMNESIAC, 0);
        assert_int_equal(build_found_entry(found, 3)->seq, seq);
        build_free(b);
    }
}

/* The same where a tail gave what the cut took: its segment has ended in front of it, says the row
 * of the former start. The lost entries behind the cut are in its frame, or in the next one. */
static void recover_a_tail_that_a_lost_cut_took_goes_again(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 8; i++) {
        bool is_direct = i < 4;
        bool is_in_two = i % 4 > 1;
        uint64_t number = is_direct ? 2 : 3; /* of the tail's frame */
        struct build *b = build_scene();
        struct build_group *g = build_group(b, 7);
        uint64_t settled_seq = g->now.seq;
        if (!is_direct) {
            build_begin(b, 1, 0, 2);
            build_entry(b, g, 1, 10);
            build_entry(b, g, 1, 20);
            (void)build_end(b);
        }
        build_begin(b, 1, 0, number);
        uint64_t seq = g->now.seq + 1; /* of the tail with entries 4 and 5 */
        if (is_direct) {
            build_direct(b, g, 1, 10, 2);
        } else {
            build_whole(b, g, 4);
        }
        (void)build_end(b);
        build_begin(b, 1, 0, ++number);
        build_entry(b, g, 1, 30);
        (void)build_end(b);
        build_begin(b, 1, 0, ++number);
        build_cut(b, g, 4);
        if (is_in_two) {
            build_lose_records(b, build_end(b));
            build_begin(b, 1, 0, ++number);
        }
        build_entry(b, g, 2, 20);
        build_lose_records(b, build_end(b));
        build_begin(b, 1, 0, ++number);
        build_entry(b, g, 2, 30);
        (void)build_end(b);
        if (i % 2 == 1) {
            struct log_row *row = build_settle(b, g, settled_seq);
            row->segment_index = 4;
            row->segment_generation++;
            row->recs_count = 0;
            row->written_bytes = 0;
            row->end_pos = 0;
            row->seq = seq - 1;
        }
        build_recover(b);
        const struct log_found *found = build_found(b, 7);
        want_lost(found, 4, 4);
        want_entry(b, found, 5);
        assert_int_equal(found->row.flags & LOG_ROW_AMNESIAC, 0);
        assert_int_equal(build_found_entry(found, 4)->seq, seq);
        build_free(b);
    }
}

/* A tail gave what the cut took, and what stood in front of it, too: that much is counted. */
static void recover_a_lost_cut_within_a_tail(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_whole(b, g, 2);
    (void)build_end(b);
    uint64_t seq = g->now.seq; /* of the tail */
    build_begin(b, 1, 0, 3);
    build_cut(b, g, 3);
    build_entry(b, g, 2, 20);
    build_lose_records(b, build_end(b));
    build_begin(b, 1, 0, 4);
    build_entry(b, g, 2, 30);
    (void)build_end(b);
    build_recover(b);
    const struct log_found *found = build_found(b, 7);
    want_lost(found, 3, 3);
    assert_int_equal(found->row.flags & LOG_ROW_AMNESIAC, 0);
    assert_int_equal(build_found_entry(found, 2)->seq, seq);
    assert_int_equal(build_found_entry(found, 3)->seq, seq + 1);
    build_free(b);
}

/* The frame behind the lost cut's lost its first entry only, and has a cut of its own: that one
 * says what stood before it, which is not what stood there before the first. */
static void recover_a_lost_cut_in_front_of_another(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_cut(b, g, 2);
    build_lose_records(b, build_end(b));
    build_begin(b, 1, 0, 3);
    build_entry(b, g, 2, 10);
    build_cut(b, g, 3);
    build_entry(b, g, 3, 20);
    struct build_frame *rotten = build_end(b);
    build_flip(b, rotten, rotten->record_pos[0] + 16);
    build_begin(b, 1, 0, 4);
    build_entry(b, g, 3, 30);
    (void)build_end(b);
    build_recover(b);
    want_counts(b, "F1 3 F3 2 R2 7 R3 1 G4 1");
    const struct log_found *found = build_found(b, 7);
    want_lost(found, 2, 2);
    want_entry(b, found, 1);
    want_entry(b, found, 3);
    build_free(b);
}

/* A frame that had a cut only is lost, and what follows are a roll and a cut of appends that were
 * canceled before any frame took them: these say nothing of where the log ends. */
static void recover_a_lost_cut_hides_no_entries(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_cut(b, g, 2);
    build_lose_records(b, build_end(b));
    struct build_state now = g->now;
    g->now.end.index = 9;
    build_begin(b, 1, 0, 3);
    build_roll(b, g);
    g->now.end.index = 8;
    build_cut(b, g, 9);
    now.seq = g->now.seq;
    now.generation = g->now.generation;
    g->now = now;
    (void)build_end(b);
    build_recover(b);
    const struct log_found *found = build_found(b, 7);
    assert_int_equal(found->end.index, 3); /* as it was before the cut: nobody knows its place */
    assert_true(list_is_empty(&found->ranges));
    assert_int_equal(found->row.flags, LOG_ROW_AMNESIAC);
    build_free(b);
}

/* Of two cuts in a frame the second is lost, where nothing of its place is left; or only what stood
 * in front of a cut that is left with all behind it. */
static void recover_a_cut_that_is_left_says_nothing_of_another(void **state)
{
    (void)state;
    for (uint32_t lost = 0; lost < 2; lost++) {
        struct build *b = build_scene();
        struct build_group *g = build_group(b, 7);
        build_begin(b, 1, 0, 2);
        build_cut(b, g, 3);
        build_cut(b, g, 2);
        struct build_frame *rotten = build_end(b);
        build_flip(b, rotten, rotten->record_pos[1 - lost] + 16);
        build_begin(b, 1, 0, 3);
        (void)build_end(b);
        build_recover(b);
        const struct log_found *found = build_found(b, 7);
        assert_int_equal((found->row.flags & LOG_ROW_AMNESIAC) != 0, lost == 0);
        assert_int_equal(found->end.index, lost == 0 ? 2 : 1);
        build_free(b);
    }
}

/* What is settled of such a frame does not make a cut of what is lost behind one that is left. */
static void recover_a_settled_cut_is_not_lost_again(void **state)
{
    (void)state;
    struct build *b = build_scene();
    struct build_group *g = build_group(b, 7);
    build_begin(b, 1, 0, 2);
    build_entry(b, g, 1, 10);
    uint64_t index = g->now.end.index;
    build_cut(b, g, index + 1);
    uint64_t settled = g->now.seq;
    build_entry(b, g, 1, 20);
    build_entry(b, g, 1, 30);
    struct build_frame *rotten = build_end(b);
    build_flip(b, rotten, rotten->record_pos[2] + 16);
    build_begin(b, 1, 0, 3);
    (void)build_end(b);
    for (uint32_t start = 0; start < 2; start++) {
        build_recover(b);
        const struct log_found *found = build_found(b, 7);
        assert_int_equal(found->row.flags & LOG_ROW_AMNESIAC, 0);
        want_lost(found, index + 1, index + 1);
        want_entry(b, found, index + 2);
        (void)build_settle(b, g, settled);
    }
    build_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recover_a_lost_cut_was_where_lost_entries_begin),
        cmocka_unit_test(recover_a_row_in_front_of_a_lost_cut_has_nothing_of_what_it_took),
        cmocka_unit_test(recover_a_tail_that_a_lost_cut_took_goes_again),
        cmocka_unit_test(recover_a_lost_cut_within_a_tail),
        cmocka_unit_test(recover_a_lost_cut_in_front_of_another),
        cmocka_unit_test(recover_a_lost_cut_hides_no_entries),
        cmocka_unit_test(recover_a_cut_that_is_left_says_nothing_of_another),
        cmocka_unit_test(recover_a_settled_cut_is_not_lost_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
