/* See recover_want.h. */
#include "tests/unit/storage/recover_want.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"

void want_counts(const struct build *b, const char *want)
{
    char got[400] = "";
    size_t length = 0;
    for (uint32_t row = 0; row < LOG_RECOVER_ROWS_COUNT; row++) {
        if (b->r.counts[row] != 0) {
            length += (size_t)snprintf(got + length, sizeof(got) - length, "%s%s %llu",
                                       length > 0 ? " " : "", log_recover_row_name(row),
                                       (unsigned long long)b->r.counts[row]);
        }
    }
    assert_string_equal(got, want);
}

static void want_point(const struct log_point *got, const struct log_point *want)
{
    assert_int_equal(got->index, want->index);
    assert_int_equal(got->offset, want->offset);
    assert_int_equal(got->term, want->term);
    assert_true(hash128_is_equal(got->chain, want->chain));
}

/* `is_cut`: what the running maximum was at the cut may stand in a segment only. */
static void want_same(const struct log_sidecar *got, const struct log_sidecar *want, bool is_cut)
{
    assert_int_equal(got->index, want->index);
    assert_int_equal(got->last_index, want->last_index);
    assert_int_equal(got->base_offset, want->base_offset);
    assert_int_equal(got->last_offset_delta, want->last_offset_delta);
    assert_int_equal(got->term, want->term);
    assert_int_equal(got->pos, want->pos);
    assert_int_equal(got->length, want->length);
    assert_true(got->max_timestamp == want->max_timestamp ||
                (is_cut && got->max_timestamp > want->max_timestamp));
    assert_int_equal(got->kind, want->kind);
    assert_int_equal(got->flags, want->flags);
    assert_int_equal(got->crc, want->crc);
    assert_int_equal(got->header_crc, want->header_crc);
    assert_true(hash128_is_equal(got->chain, want->chain));
}

void want_sane(const struct log_found *found)
{
    uint64_t next = found->row.end.index + 1;
    uint64_t segment_index = found->row.segment_index;
    uint32_t pos = found->row.end_pos;
    struct list_node *segment = list_first(&found->segments);
    list_for_each (node, &found->entries) {
        const struct log_found_entry *entry = CONTAINER_OF(node, struct log_found_entry, in_group);
        assert_int_equal(entry->rec.index, next);
        while (segment != NULL) {
            const struct log_found_segment *seg =
                CONTAINER_OF(segment, struct log_found_segment, in_group);
            if (seg->start.index > entry->rec.index) {
                break;
            }
            assert_true(seg->start.index > segment_index);
            segment_index = seg->start.index;
            pos = 0;
            segment = list_next(&found->segments, segment);
        }
        assert_int_equal(entry->segment_index, segment_index);
        bool is_gap = (entry->rec.flags & LOG_SIDECAR_GAP) != 0;
        if (!is_gap && entry->rec.pos != pos) {
            assert_true(entry->rec.pos > pos); /* what a gap hid */
            assert_true(!list_is_empty(&found->ranges) ||
                        (found->row.flags & LOG_ROW_AMNESIAC) != 0);
        }
        pos = entry->rec.pos + entry->rec.length;
        if ((entry->rec.flags & LOG_SIDECAR_QUARANTINED) != 0) {
            assert_true(build_is_quarantined(found, entry->rec.index));
            assert_true(build_is_quarantined(found, entry->rec.last_index));
        }
        next = entry->rec.last_index + 1;
    }
    assert_int_equal(found->end.index, next - 1);
    uint64_t last = 0;
    list_for_each (node, &found->ranges) {
        const struct log_found_range *range = CONTAINER_OF(node, struct log_found_range, in_group);
        assert_true(range->first_index > last);
        assert_true(range->last_index >= range->first_index);
        last = range->last_index;
    }
    assert_true(last <= found->end.index);
    assert_true(found->row.hard.commit <= found->end.index);
}

void want_group(const struct build *b, uint64_t group, uint64_t seq)
{
    struct build_group *g = NULL;
    const struct log_found *found = build_found(b, group);
    for (uint32_t i = 0; i < b->groups_count; i++) {
        g = b->groups[i]->group == group ? b->groups[i] : g;
    }
    assert_non_null(found);
    assert_non_null(g->states[seq]);
    const struct build_state *state = g->states[seq];
    assert_true(found->is_available);
    assert_int_equal(found->last_seq, seq);
    assert_int_equal(found->row.flags, 0);
    assert_int_equal(found->row.state, state->is_deleted ? LOG_ROW_DELETED : LOG_ROW_LIVE);
    if (state->is_deleted) {
        return;
    }
    want_sane(found);
    want_point(&found->end, &state->end);
    want_point(&found->row.start, &state->start);
    assert_int_equal(found->row.hard.term, state->hard.term);
    assert_int_equal(found->row.hard.vote, state->hard.vote);
    if (found->row.membership_index != 0 || !found->is_cut ||
        state->membership_index > found->row.end.index) { /* else it stands in a segment */
        assert_int_equal(found->row.membership_index, state->membership_index);
    }
    assert_true(list_is_empty(&found->ranges));
    list_for_each (node, &found->entries) {
        const struct log_found_entry *entry = CONTAINER_OF(node, struct log_found_entry, in_group);
        want_same(&entry->rec, &state->recs[entry->rec.index], found->is_cut);
        assert_int_equal(entry->segment_index, state->segments[entry->rec.index]);
    }
    const struct list_node *last = list_last(&found->segments);
    const struct log_found_segment *seg =
        last != NULL ? CONTAINER_OF(last, struct log_found_segment, in_group) : NULL;
    assert_int_equal(seg != NULL ? seg->start.index : found->row.segment_index,
                     state->segment_index);
    assert_int_equal(seg != NULL ? seg->generation : found->row.segment_generation,
                     state->generation);
}

void want_entry(const struct build *b, const struct log_found *found, uint64_t index)
{
    const struct log_found_entry *entry = build_found_entry(found, index);
    assert_non_null(entry);
    assert_int_equal(entry->rec.flags, 0);
    assert_false(build_is_quarantined(found, index));
    for (uint32_t i = 0; i < b->groups_count; i++) {
        if (b->groups[i]->group == found->row.group) {
            const struct log_sidecar *want = &b->groups[i]->now.recs[index];
            assert_true(hash128_is_equal(entry->rec.chain, want->chain));
            assert_int_equal(entry->rec.base_offset, want->base_offset);
        }
    }
}

void want_lost(const struct log_found *found, uint64_t first_index, uint64_t last_index)
{
    want_sane(found);
    assert_int_equal(list_count(&found->ranges), 1);
    const struct log_found_range *range =
        CONTAINER_OF(list_first(&found->ranges), struct log_found_range, in_group);
    assert_int_equal(range->first_index, first_index);
    assert_int_equal(range->last_index, last_index);
    for (uint64_t index = first_index; index <= last_index; index++) {
        const struct log_found_entry *entry = build_found_entry(found, index);
        assert_non_null(entry);
        assert_true((entry->rec.flags & LOG_SIDECAR_QUARANTINED) != 0);
    }
}
