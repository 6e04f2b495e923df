/* Recovery: tail records. See recover_int.h, and storage/README.md, "Records".
 *
 * A direct tail adds entries whose bodies went to the segment with its frame. A whole tail says all
 * that is not in segment and table: what its group had found so far is settled or stands in it
 * again. Both name their segment and places in it, which are believed over what was computed. */
#include "base/assert.h"
#include "storage/log/recover_log.h"

static bool recover_tail_goes_again(const struct recover_group *g, const struct log_record *record);
static enum err recover_tail_again(struct log_recover *r, struct recover_group *g,
                                   struct recover_record *rec, struct recover_fit *fit);
static enum err recover_tail_direct(struct log_recover *r, struct recover_group *g,
                                    struct recover_record *rec, struct recover_fit *fit);
static enum err recover_tail_whole(struct log_recover *r, struct recover_group *g,
                                   struct recover_record *rec, struct recover_fit *fit);
static enum err recover_tail_segment(struct log_recover *r, struct recover_group *g,
                                     const struct log_record *record, struct recover_fit *fit);
static enum err recover_tail_align(struct log_recover *r, struct recover_group *g,
                                   const struct log_sidecar *first, struct recover_fit *fit);
static enum err recover_tail_void(struct log_recover *r, struct recover_group *g,
                                  const struct log_sidecar *first);
static enum err recover_tail_entries(struct log_recover *r, struct recover_group *g,
                                     struct recover_record *rec, uint32_t from,
                                     struct recover_fit *fit);
static enum err recover_tail_rest(struct log_recover *r, struct recover_group *g,
                                  const struct recover_record *rec);
static void recover_tail_row(struct recover_group *g, const struct log_record *record,
                             const struct log_point *end, int64_t max_timestamp, uint32_t end_pos,
                             struct recover_fit *fit);

enum err recover_apply_tail(struct log_recover *r, struct recover_group *g,
                            struct recover_record *rec, struct recover_fit *fit)
{
    if (recover_tail_goes_again(g, &rec->record)) {
        return recover_tail_again(r, g, rec, fit);
    }
    return (rec->record.flags & LOG_TAIL_DIRECT) != 0 ? recover_tail_direct(r, g, rec, fit)
                                                      : recover_tail_whole(r, g, rec, fit);
}

/* Sidecar record `i`. It was decoded when the frame was read. */
static struct log_sidecar recover_tail_rec(const struct log_recover *r,
                                           const struct log_record *record, uint32_t i)
{
    struct log_sidecar out;
    uint32_t seed = log_sidecar_seed(r->kernels, record->group, record->tail.generation);
    enum err err = log_sidecar_decode(record->data + (size_t)i * LOG_SIDECAR_BYTES,
                                      LOG_SIDECAR_BYTES, r->kernels, seed, &out);
    ASSERT(err == ERR_OK);
    return out;
}

/* The first record that is not settled; recs_count: none. */
static uint32_t recover_tail_first(const struct log_recover *r, const struct recover_group *g,
                                   const struct log_record *record)
{
    uint32_t i = 0;
    while (i < record->tail.recs_count &&
           recover_tail_rec(r, record, i).last_index <= g->found.row.end.index) {
        i++;
    }
    return i;
}

/* --- What a lost cut takes once more --- */

/* Whether the tail's segment has ended in front of it: with a cut that is lost, of which
 * directories tell further on. A former start has made that cut. Its row names the segment that
 * began there, but has none of the records from the tail on (recover_group_claim_cut): they come
 * and go here again. */
static bool recover_tail_goes_again(const struct recover_group *g, const struct log_record *record)
{
    const struct log_row *row = &g->found.row;
    bool is_ended = record->tail.segment_index < row->segment_index &&
                    row->segment_index == row->end.index + 1 &&
                    row->segment_index == g->segment_index;
    bool is_claimed = false;
    bool is_cut = false; /* a cut whose place the next lost entry tells */
    for (const struct recover_link *link = g->claims.first; is_ended && link != NULL;
         link = link->next) {
        const struct log_frame_row *lost = &CONTAINER_OF(link, struct recover_claim, link)->row;
        if (lost->last_seq > record->seq) {
            is_cut |= (lost->what & LOG_ROW_CUT) != 0;
            is_claimed |= is_cut && lost->first_index == row->segment_index;
            is_cut &= lost->first_index == 0;
        }
    }
    return is_claimed;
}

/* Its entries only: the segment that they name is not the log's any more. */
static enum err recover_tail_again(struct log_recover *r, struct recover_group *g,
                                   struct recover_record *rec, struct recover_fit *fit)
{
    uint32_t from = recover_tail_first(r, g, &rec->record);
    if (from == rec->record.tail.recs_count) {
        return ERR_OK;
    }
    struct log_sidecar first = recover_tail_rec(r, &rec->record, from);
    enum err err = recover_place(r, g, first.index, first.base_offset, first.term, fit);
    g->end_pos = first.pos;
    return err != ERR_OK ? err : recover_tail_entries(r, g, rec, from, fit);
}

/* --- Direct --- */

static enum err recover_tail_direct(struct log_recover *r, struct recover_group *g,
                                    struct recover_record *rec, struct recover_fit *fit)
{
    const struct log_record *record = &rec->record;
    uint32_t from = recover_tail_first(r, g, record);
    enum err err = ERR_OK;
    if (from < record->tail.recs_count) {
        struct log_sidecar first = recover_tail_rec(r, record, from);
        err = recover_place(r, g, first.index, first.base_offset, first.term, fit);
        if (err == ERR_OK) {
            err = recover_tail_segment(r, g, record, fit);
        }
        if (err == ERR_OK) {
            err = recover_tail_align(r, g, &first, fit);
        }
        if (err == ERR_OK) {
            err = recover_tail_entries(r, g, rec, from, fit);
        }
    }
    return err != ERR_OK ? err : recover_tail_rest(r, g, rec);
}

/* Go on in the segment that the tail names. Where its beginning was lost it is made up for. */
static enum err recover_tail_segment(struct log_recover *r, struct recover_group *g,
                                     const struct log_record *record, struct recover_fit *fit)
{
    struct log_found *found = &g->found;
    uint64_t index = record->tail.segment_index;
    uint32_t generation = record->tail.generation;
    if (index == found->end.index + 1) {
        return recover_log_segment(r, g, generation);
    }
    if (index == g->segment_index) {
        if (generation != g->generation) {
            struct list_node *last = list_last(&found->segments);
            if (index == found->row.segment_index) {
                found->row.segment_generation = generation;
            } else if (last != NULL) {
                CONTAINER_OF(last, struct log_found_segment, in_group)->generation = generation;
            }
            g->generation = generation;
            fit->is_taken |= !g->is_gapped;
        }
        return ERR_OK;
    }
    fit->is_taken |= !g->is_gapped;
    if (index > g->segment_index && index > found->row.end.index && index <= found->end.index) {
        return recover_log_split(r, g, index, generation);
    }
    return ERR_OK;
}

/* The next entry is `first`, and stands where it says: what a gap hid in front of it has its length
 * now, and what was found behind the gap moves up to it. If that does not fit behind the last gap,
 * it may behind one before: as a start that makes several gaps places it, which is all that tells
 * where something between them stands. Where nothing explains its place, a hole harms nobody; but
 * entries that would stand there too were written over, or in another segment of that name. */
static enum err recover_tail_align(struct log_recover *r, struct recover_group *g,
                                   const struct log_sidecar *first, struct recover_fit *fit)
{
    if (first->pos == g->end_pos) {
        return ERR_OK;
    }
    const struct list_node *head = &g->found.entries.head;
    const struct list_node *from = NULL; /* what is behind it moves */
    const struct list_node *node = head->prev;
    uint64_t bytes = 0; /* of that */
    bool has_gap = false;
    bool is_told = false; /* an earlier tail tells where the entry stands */
    for (; node != head && from == NULL && !is_told; node = node->prev) {
        const struct log_found_entry *entry =
            CONTAINER_OF(node, const struct log_found_entry, in_group);
        if (entry->segment_index != g->segment_index) {
            break;
        }
        bool is_gap = (entry->rec.flags & LOG_SIDECAR_GAP) != 0;
        has_gap |= is_gap;
        is_told = !is_gap && entry->where == LOG_FOUND_SEGMENT;
        uint64_t pos = (uint64_t)entry->rec.pos + (is_told ? entry->rec.length : 0);
        from = has_gap && (is_gap || is_told) && pos + bytes <= first->pos ? node : NULL;
        bytes += from == NULL ? entry->rec.length : 0;
    }
    if (from == NULL && node == head && !is_told && log_row_ends_in_gap(&g->found.row) &&
        g->segment_index == g->found.row.segment_index &&
        g->found.row.end_pos + bytes <= first->pos) {
        from = head;
    }
    if (from == NULL) {
        fit->is_taken = true;
        bool is_hole = first->pos > g->end_pos;
        g->end_pos = first->pos;
        return is_hole ? ERR_OK : recover_tail_void(r, g, first);
    }
    uint32_t next_pos = first->pos - (uint32_t)bytes;
    for (struct list_node *moved = from->next; moved != head; moved = moved->next) {
        struct log_found_entry *entry = CONTAINER_OF(moved, struct log_found_entry, in_group);
        entry->rec.pos = next_pos;
        next_pos += entry->rec.length;
    }
    g->end_pos = first->pos;
    return ERR_OK;
}

/* What was found of the segment in front of `first` is not there: a gap in its place. */
static enum err recover_tail_void(struct log_recover *r, struct recover_group *g,
                                  const struct log_sidecar *first)
{
    struct log_found *found = &g->found;
    struct log_point end;
    uint64_t segment_index = g->segment_index;
    bool is_begun = segment_index > found->row.end.index;
    (void)recover_log_point(g, is_begun ? segment_index - 1 : found->row.end.index, &end);
    if (end.index >= found->end.index) {
        return ERR_OK;
    }
    enum err err = recover_log_cut(r, g, &end);
    if (err == ERR_OK && is_begun) {
        err = recover_log_segment(r, g, g->generation);
    }
    g->segment_index = segment_index;
    if (err == ERR_OK && first->index > end.index + 1) {
        err = recover_log_gap(r, g, first->index - 1, first->base_offset, first->term);
    }
    g->end_pos = first->pos;
    return err;
}

/* The tail's records from the one numbered `from` on follow the log's end. */
static enum err recover_tail_entries(struct log_recover *r, struct recover_group *g,
                                     struct recover_record *rec, uint32_t from,
                                     struct recover_fit *fit)
{
    const struct log_record *record = &rec->record;
    for (uint32_t i = from; i < record->tail.recs_count; i++) {
        void *made = NULL;
        enum err err = recover_alloc(r, sizeof(struct log_found_entry), &made);
        if (err != ERR_OK) {
            return err;
        }
        struct log_found_entry *entry = made;
        entry->rec = recover_tail_rec(r, record, i);
        entry->where = LOG_FOUND_SEGMENT;
        entry->slot = rec->frame->slot;
        entry->slot_pos = rec->data_pos;
        entry->file_number = rec->frame->head.file_number;
        entry->seq = record->seq;
        uint8_t unlike = LOG_SIDECAR_GAP | LOG_SIDECAR_REWRITTEN | LOG_SIDECAR_QUARANTINED;
        bool has_chain = (entry->rec.flags & unlike) == 0; /* else not what was first appended */
        if (i > from && entry->rec.pos > g->end_pos) {
            g->end_pos = entry->rec.pos; /* behind a gap */
        }
        err = recover_append(r, g, entry, has_chain, fit);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

/* --- Whole --- */

static enum err recover_tail_whole(struct log_recover *r, struct recover_group *g,
                                   struct recover_record *rec, struct recover_fit *fit)
{
    const struct log_record *record = &rec->record;
    struct log_found *found = &g->found;
    uint32_t end_pos = record->tail.written_bytes + record->tail.rest_bytes;
    struct log_point end = found->end;
    int64_t max_timestamp = found->max_timestamp;
    bool is_chain_known = g->is_chain_known;
    if (record->tail.first_index > 0) {
        uint64_t last = record->tail.first_index - 1;
        is_chain_known = recover_log_point(g, last, &end);
        const struct log_found_entry *before = recover_log_find(g, last);
        max_timestamp = before != NULL ? before->rec.max_timestamp : found->row.max_timestamp;
        if (record->tail.recs_count > 0) {
            struct log_sidecar first = recover_tail_rec(r, record, 0);
            end.offset = first.base_offset;
            end_pos = first.pos;
            last = recover_tail_rec(r, record, record->tail.recs_count - 1).last_index;
        }
        fit->is_taken |= found->end.index > last && !g->is_cut_lost;
        found->is_cut |= found->end.index > last;
        g->is_cut_lost = false;
    }
    if (!is_chain_known) {
        end.chain = (struct hash128){0};
    }
    recover_tail_row(g, record, &end, max_timestamp, end_pos, fit);
    enum err err = recover_range_remove(r, g, 1, UINT64_MAX, false);
    if (err != ERR_OK) {
        return err;
    }
    list_for_each (node, &found->entries) { /* what is settled now stays known for a later cut */
        const struct log_found_entry *entry = CONTAINER_OF(node, struct log_found_entry, in_group);
        if (entry->rec.kind == LOG_KIND_MEMBERSHIP && entry->rec.index <= found->row.end.index) {
            g->membership_table = entry->rec.index;
        }
    }
    list_init(&found->entries);
    list_init(&found->rests);
    g->is_gap_open = false;
    found->row.seq = record->seq - 1;
    found->end = found->row.end;
    found->max_timestamp = found->row.max_timestamp;
    g->is_chain_known =
        found->end.index == 0 || (is_chain_known && !recover_chain_is_zero(found->end.chain) &&
                                  log_row_has_chain(&found->row));
    uint32_t from = recover_tail_first(r, g, record);
    if (from < record->tail.recs_count) {
        struct log_sidecar first = recover_tail_rec(r, record, from);
        err = recover_place(r, g, first.index, first.base_offset, first.term, fit);
        g->end_pos = first.pos;
    }
    if (err == ERR_OK) {
        err = recover_tail_entries(r, g, rec, from, fit);
    }
    if (found->row.membership_index > found->end.index) {
        found->row.membership_index =
            g->membership_table <= found->end.index ? g->membership_table : 0;
    }
    return err != ERR_OK ? err : recover_tail_rest(r, g, rec);
}

/* Everything up to `end` is settled, in the segment of the tail if not before it. A row that is
 * ahead in this segment stays; one that names a later segment is not believed. */
static void recover_tail_row(struct recover_group *g, const struct log_record *record,
                             const struct log_point *end, int64_t max_timestamp, uint32_t end_pos,
                             struct recover_fit *fit)
{
    struct log_found *found = &g->found;
    struct log_row *row = &found->row;
    uint64_t index = record->tail.segment_index;
    bool is_same =
        row->segment_index == index && row->segment_generation == record->tail.generation;
    fit->is_taken |= row->segment_index > index;
    list_for_each_safe (node, following, &found->segments) {
        list_remove(node);
    }
    if (!is_same || record->tail.recs_before > row->recs_count) {
        row->recs_count = record->tail.recs_before;
    }
    if (!is_same || record->tail.written_bytes > row->written_bytes) {
        row->written_bytes = record->tail.written_bytes;
    }
    row->segment_index = index;
    row->segment_generation = record->tail.generation;
    if (end->index > row->end.index || !is_same) {
        row->end = *end;
        row->gap_index = 0;
        row->end_pos = end_pos;
        row->max_timestamp = max_timestamp;
    }
    g->segment_index = index;
    g->generation = record->tail.generation;
    g->end_pos = row->end_pos;
    g->is_row_cut = false;
}

/* The rest that the tail carries takes the place of an older one of its segment. Should a later cut
 * take all entries of a direct tail, the older one counts again: nobody asks then whether the
 * tail's blocks were written. */
static enum err recover_tail_rest(struct log_recover *r, struct recover_group *g,
                                  const struct recover_record *rec)
{
    const struct log_record *record = &rec->record;
    bool is_direct = (record->flags & LOG_TAIL_DIRECT) != 0 && record->tail.recs_count > 0;
    struct list *rests = &g->found.rests;
    struct list_node *behind = &rests->head;
    struct log_found_rest *older = NULL;
    for (struct list_node *node = rests->head.prev; node != &rests->head; node = node->prev) {
        struct log_found_rest *other = CONTAINER_OF(node, struct log_found_rest, in_group);
        if (other->segment_index <= record->tail.segment_index) {
            older = other->segment_index == record->tail.segment_index ? other : NULL;
            break;
        }
        behind = node;
    }
    void *made = NULL;
    enum err err = recover_alloc(r, sizeof(struct log_found_rest), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_found_rest *rest = made;
    *rest = (struct log_found_rest){
        .older = older,
        .segment_index = record->tail.segment_index,
        .first_index = is_direct ? recover_tail_rec(r, record, 0).index : 0,
        .written_bytes = record->tail.written_bytes,
        .bytes = record->tail.rest_bytes,
        .slot = rec->frame->slot,
        .slot_pos = rec->data_pos + (uint64_t)record->tail.recs_count * LOG_SIDECAR_BYTES,
        .file_number = rec->frame->head.file_number,
    };
    list_insert_before(behind, &rest->in_group);
    if (older != NULL) {
        list_remove(&older->in_group);
    }
    return ERR_OK;
}
