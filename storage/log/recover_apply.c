/* Recovery: a record acts on its group's log. See recover_int.h, and storage/README.md for what
 * each kind means.
 *
 * A record that does not fit is applied all the same, so that the log is what was written last; the
 * outcome says R8 or R9, and the group is amnesiac. Where a gap has been seen before it, jumps that
 * the gap explains do not count as misfits. */
#include "base/assert.h"
#include "storage/log/recover_log.h"

static enum err recover_apply_entry(struct log_recover *r, struct recover_group *g,
                                    struct recover_record *rec, struct recover_fit *fit);
static enum err recover_apply_cut(struct log_recover *r, struct recover_group *g,
                                  const struct log_record *record, struct recover_fit *fit);
static enum err recover_apply_trim(struct log_recover *r, struct recover_group *g,
                                   const struct log_record *record, struct recover_fit *fit);
static void recover_apply_reset(struct recover_group *g, const struct log_record *record);
static void recover_apply_hard(struct recover_group *g, const struct log_record *record);
static enum err recover_apply_roll(struct log_recover *r, struct recover_group *g,
                                   const struct log_record *record, struct recover_fit *fit);
static enum err recover_apply_switch(struct log_recover *r, struct recover_group *g,
                                     const struct log_record *record);
static enum err recover_apply_mark(struct log_recover *r, struct recover_group *g,
                                   const struct log_record *record);
static void recover_apply_create(struct recover_group *g, const struct log_record *record);

enum err recover_apply(struct log_recover *r, struct recover_group *g, struct recover_record *rec,
                       enum log_recover_row *out)
{
    const struct log_record *record = &rec->record;
    struct recover_fit fit = {0};
    enum err err = ERR_OK;
    switch (record->kind) {
    case LOG_RECORD_ENTRY: err = recover_apply_entry(r, g, rec, &fit); break;
    case LOG_RECORD_CUT: err = recover_apply_cut(r, g, record, &fit); break;
    case LOG_RECORD_HARD: recover_apply_hard(g, record); break;
    case LOG_RECORD_TRIM: err = recover_apply_trim(r, g, record, &fit); break;
    case LOG_RECORD_TAIL: err = recover_apply_tail(r, g, rec, &fit); break;
    case LOG_RECORD_CREATE: recover_apply_create(g, record); break;
    case LOG_RECORD_DELETE:
        recover_log_clear(g);
        g->found.row.state = LOG_ROW_DELETED;
        break;
    case LOG_RECORD_ROLL: err = recover_apply_roll(r, g, record, &fit); break;
    case LOG_RECORD_RESET: recover_apply_reset(g, record); break;
    case LOG_RECORD_SWITCH: err = recover_apply_switch(r, g, record); break;
    case LOG_RECORD_MARK: err = recover_apply_mark(r, g, record); break;
    case LOG_RECORD_LANES: break;
    }
    g->is_amnesiac |= fit.is_taken || fit.is_behind;
    *out = fit.is_taken ? LOG_RECOVER_R8 : fit.is_behind ? LOG_RECOVER_R9 : LOG_RECOVER_R2;
    return err;
}

/* --- Entries --- */

enum err recover_place(struct log_recover *r, struct recover_group *g, uint64_t index,
                       uint64_t offset, uint32_t term, struct recover_fit *fit)
{
    enum err err = ERR_OK;
    uint64_t next = g->found.end.index + 1;
    if (index > next) {
        fit->is_behind = !g->is_gap_open;
        err = recover_log_gap(r, g, index - 1, offset, term);
    } else if (index < next) {
        fit->is_taken = !g->is_cut_lost;
        struct log_point end;
        g->is_chain_known = recover_log_point(g, index - 1, &end);
        if (end.index > 0 && recover_chain_is_zero(end.chain)) {
            end.offset = offset;
            g->is_amnesiac = true; /* below the settled end: nobody knows what is there */
        }
        err = recover_log_cut(r, g, &end);
        if (err == ERR_OK) {
            err = recover_log_segment(r, g, g->generation + 1);
        }
    } else if (g->is_cut_lost) {
        err = recover_log_segment(r, g, g->generation + 1);
    }
    g->is_gap_open = false;
    g->is_cut_lost = false;
    return err;
}

/* The chain up to `rec` from the one before. */
static struct hash128 recover_chain_of(struct hash128 previous, const struct log_sidecar *rec)
{
    struct log_batch batch = {
        .base_offset = rec->base_offset,
        .length_bytes = rec->length,
        .term = rec->term,
        .crc = rec->crc,
        .kind = rec->kind,
        .last_offset_delta = rec->last_offset_delta,
        .records_count = rec->records_count,
    };
    return log_chain(previous, rec->index, rec->term, &batch, rec->header_crc);
}

enum err recover_append(struct log_recover *r, struct recover_group *g,
                        struct log_found_entry *entry, bool has_chain, struct recover_fit *fit)
{
    struct log_found *found = &g->found;
    const struct log_sidecar *rec = &entry->rec;
    bool fits = rec->term >= found->end.term &&
                (rec->base_offset == found->end.offset ||
                 (!g->is_chain_known && recover_log_gap_end(g, rec->base_offset, 0)));
    if (has_chain && g->is_chain_known &&
        !hash128_is_equal(rec->chain, recover_chain_of(found->end.chain, rec))) {
        fits = false;
    }
    fit->is_taken |= !fits;
    enum err err = recover_log_push(r, g, entry);
    if (err != ERR_OK || (rec->flags & LOG_SIDECAR_QUARANTINED) == 0) {
        return err;
    }
    g->has_lost |= (rec->flags & LOG_SIDECAR_GAP) != 0;
    g->has_unsound |= (rec->flags & LOG_SIDECAR_GAP) == 0;
    struct log_found_range range = {
        .first_index = rec->index,
        .last_index = rec->last_index,
        .next_offset = log_sidecar_next_offset(rec),
        .term = rec->term,
    };
    return recover_range_add(r, g, &range);
}

static enum err recover_apply_entry(struct log_recover *r, struct recover_group *g,
                                    struct recover_record *rec, struct recover_fit *fit)
{
    const struct log_sidecar *side = &rec->entry->rec;
    enum err err = recover_place(r, g, side->index, side->base_offset, side->term, fit);
    if (err != ERR_OK) {
        return err;
    }
    return recover_append(r, g, rec->entry, rec->is_header_sound, fit);
}

/* --- What moves the log --- */

/* The cut says what stands before it; that holds even where the log does not reach so far. If it is
 * not what was found there, another cut and what followed that are missing. */
static enum err recover_apply_cut(struct log_recover *r, struct recover_group *g,
                                  const struct log_record *record, struct recover_fit *fit)
{
    struct log_found *found = &g->found;
    const struct log_point *end = &record->cut.end;
    struct log_point is;
    enum err err = ERR_OK;
    fit->is_taken = end->index <= found->end.index && recover_log_point(g, end->index, &is) &&
                    !recover_chain_is_zero(end->chain) && !hash128_is_equal(is.chain, end->chain);
    if (end->index > found->end.index && !g->is_gap_open) {
        return ERR_OK; /* what it cut never got into a frame: a later cut took it while it waited */
    }
    if (end->index > found->end.index) {
        err = recover_log_gap(r, g, end->index, end->offset, end->term);
    } else if (end->index < found->end.index) {
        err = recover_log_cut(r, g, end);
        if ((record->flags & LOG_CUT_TIME) != 0) { /* entries that are settled tell nothing here */
            found->max_timestamp = record->cut.max_timestamp;
            if (found->row.end.index == end->index) {
                found->row.max_timestamp = record->cut.max_timestamp;
            }
        }
    }
    if (err != ERR_OK) {
        return err;
    }
    recover_log_learn(g, end);
    found->is_cut = true;
    g->is_gap_open = false;
    g->is_cut_lost = false;
    return recover_log_segment(r, g, record->cut.generation);
}

/* Only forward: the row may be ahead of its records. */
static enum err recover_apply_trim(struct log_recover *r, struct recover_group *g,
                                   const struct log_record *record, struct recover_fit *fit)
{
    struct log_found *found = &g->found;
    struct log_point start = record->trim.start;
    const struct log_point *before = &found->row.start;
    if (start.index > before->index ||
        (start.index == before->index && start.skip_count > before->skip_count)) {
        found->row.start = start;
    }
    if (start.index <= found->end.index + 1) {
        return ERR_OK;
    }
    fit->is_behind = !g->is_gap_open;
    enum err err = recover_log_gap(r, g, start.index - 1, start.offset, start.term);
    start.index--;
    start.skip_count = 0;
    recover_log_learn(g, &start);
    g->is_gap_open = false;
    g->is_cut_lost = false;
    return err;
}

static void recover_apply_reset(struct recover_group *g, const struct log_record *record)
{
    struct log_found *found = &g->found;
    struct log_row *row = &found->row;
    recover_log_clear(g);
    found->is_cut = true;
    found->is_reset = true;
    row->start = record->trim.start;
    row->end = record->trim.start;
    row->end.index--;
    row->end.skip_count = 0;
    row->gap_index = 0;
    row->segment_index = record->trim.start.index;
    row->segment_generation = record->trim.generation;
    row->recs_count = 0;
    row->written_bytes = 0;
    row->end_pos = 0;
    row->max_timestamp = -1;
    row->membership_index = 0;
    g->membership_table = 0;
    found->end = row->end;
    found->max_timestamp = -1;
    g->segment_index = row->segment_index;
    g->generation = row->segment_generation;
    g->end_pos = 0;
    g->is_chain_known = true;
}

static enum err recover_apply_roll(struct log_recover *r, struct recover_group *g,
                                   const struct log_record *record, struct recover_fit *fit)
{
    struct log_found *found = &g->found;
    uint64_t index = record->segment.segment_index;
    if (index > found->end.index + 1 && !g->is_gap_open) {
        return ERR_OK; /* what precedes it never got into a frame, and a cut that follows took both
                        */
    }
    enum err err = recover_place(r, g, index, found->end.offset, found->end.term, fit);
    return err != ERR_OK ? err : recover_log_segment(r, g, record->segment.generation);
}

/* A segment has other files now. */
static enum err recover_apply_switch(struct log_recover *r, struct recover_group *g,
                                     const struct log_record *record)
{
    struct log_found *found = &g->found;
    uint64_t index = record->segment.segment_index;
    uint32_t generation = record->segment.generation_new;
    if (index == g->segment_index) {
        g->generation = generation;
    }
    if (index == found->row.segment_index) {
        found->row.segment_generation = generation;
    }
    list_for_each (node, &found->segments) {
        struct log_found_segment *seg = CONTAINER_OF(node, struct log_found_segment, in_group);
        if (seg->start.index == index) {
            seg->generation = generation;
        }
    }
    void *made = NULL;
    enum err err = recover_alloc(r, sizeof(struct log_found_switch), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_found_switch *new = made;
    new->segment_index = index;
    new->generation = generation;
    new->generation_replaced = record->segment.generation;
    struct list_node *behind = &found->switches.head;
    for (struct list_node *node = behind->prev; node != &found->switches.head; node = node->prev) {
        if (CONTAINER_OF(node, struct log_found_switch, in_group)->segment_index <= index) {
            break;
        }
        behind = node;
    }
    list_insert_before(behind, &new->in_group);
    return ERR_OK;
}

/* --- What does not --- */

static void recover_apply_create(struct recover_group *g, const struct log_record *record)
{
    if (g->found.has_row || g->is_created) {
        return;
    }
    g->is_created = true;
    g->found.row.topic = record->create.topic;
    g->found.row.partition = record->create.partition;
}

/* Terms and votes only move forward: the row may be ahead of its records. */
static void recover_apply_hard(struct recover_group *g, const struct log_record *record)
{
    struct log_hard_state *hard = &g->found.row.hard;
    g->is_hard_lost = false;
    if (record->hard.term > hard->term) {
        hard->term = record->hard.term;
        hard->vote = record->hard.vote;
    } else if (record->hard.term == hard->term && record->hard.vote != 0) {
        hard->vote = record->hard.vote;
    }
    hard->commit = record->hard.commit > hard->commit ? record->hard.commit : hard->commit;
}

/* Entries of first..last carry the flag, or not. */
static void recover_mark_entries(struct recover_group *g, const struct log_record *record,
                                 bool is_quarantined)
{
    list_for_each (node, &g->found.entries) {
        struct log_found_entry *entry = CONTAINER_OF(node, struct log_found_entry, in_group);
        if (entry->rec.index > record->mark.last_index ||
            entry->rec.last_index < record->mark.first_index) {
            continue;
        }
        uint8_t flags = (uint8_t)(entry->rec.flags & ~LOG_SIDECAR_QUARANTINED);
        entry->rec.flags = is_quarantined ? (uint8_t)(flags | LOG_SIDECAR_QUARANTINED) : flags;
    }
}

static enum err recover_apply_mark(struct log_recover *r, struct recover_group *g,
                                   const struct log_record *record)
{
    struct log_found *found = &g->found;
    struct log_found_range range = {
        .first_index = record->mark.first_index,
        .last_index = record->mark.last_index,
        .next_offset = record->mark.next_offset,
        .term = record->mark.term,
        .is_marked = true,
    };
    enum err err = ERR_OK;
    switch (record->mark.what) {
    case LOG_MARK_QUARANTINE:
        if (range.last_index > found->end.index) {
            err = recover_log_gap(r, g, range.last_index, range.next_offset, range.term);
        }
        recover_mark_entries(g, record, true);
        return err != ERR_OK ? err : recover_range_add(r, g, &range);
    case LOG_MARK_HEAL:
        recover_mark_entries(g, record, false);
        return recover_range_remove(r, g, range.first_index, range.last_index, true);
    case LOG_MARK_AMNESIAC: found->row.flags |= LOG_ROW_AMNESIAC; break;
    case LOG_MARK_ACCEPTED:
        found->row.flags = (uint8_t)(found->row.flags & ~LOG_ROW_AMNESIAC);
        g->is_amnesiac = false;
        g->is_hard_lost = false;
        g->is_cut_lost = false;
        g->is_gapped = false;
        break;
    }
    return ERR_OK;
}
