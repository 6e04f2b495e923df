/* Applying a group's records in order. See recover_int.h and the rows R2, R8, R9, G5 of
 * storage/README.md. */
#include <string.h>

#include "base/assert.h"
#include "storage/log/recover_int.h"

static void rec_apply_entry(struct rec_group *g, const struct rec_record *record);
static void rec_apply_cut(struct rec_group *g, const struct log_record *in);
static void rec_apply_start(struct rec_group *g, const struct log_record *in);
static void rec_apply_reset(struct rec_group *g, const struct log_record *in);
static void rec_apply_roll(struct rec_group *g, uint64_t first_index, uint32_t generation);
static void rec_apply_tail(struct rec_group *g, const struct rec_record *record);
static void rec_apply_mark(struct rec_group *g, const struct log_record *in);
static void rec_count(struct rec_group *g, enum log_recover_row row);
static void rec_drop_entries(struct rec_group *g, uint64_t first_index);
static void rec_drop_ranges(struct rec_group *g, uint64_t first_index);
static struct log_found_entry *rec_add(struct rec_group *g, const struct log_sidecar *rec);

static void *rec_alloc(struct rec_group *g, size_t bytes)
{
    void *made = arena_alloc_zeroed(&rec_state(g->r)->arena, bytes, 8);
    if (made == NULL) {
        g->err = ERR_BUDGET;
    }
    return made;
}

void rec_apply(struct rec_group *g, const struct rec_record *record)
{
    const struct log_record *in = &record->record;
    struct log_found *found = g->found;
    switch (in->kind) {
    case LOG_RECORD_ENTRY: rec_apply_entry(g, record); break;
    case LOG_RECORD_CUT: rec_apply_cut(g, in); break;
    case LOG_RECORD_HARD:
        found->row.hard = in->hard;
        g->hard_seq = in->seq;
        break;
    case LOG_RECORD_TRIM: rec_apply_start(g, in); break;
    case LOG_RECORD_TAIL: rec_apply_tail(g, record); break;
    case LOG_RECORD_CREATE:
        found->row.topic = in->create.topic;
        found->row.partition = in->create.partition;
        break;
    case LOG_RECORD_DELETE: found->row.state = LOG_ROW_DELETED; break;
    case LOG_RECORD_ROLL:
        rec_apply_roll(g, in->segment.segment_index, in->segment.generation);
        break;
    case LOG_RECORD_RESET: rec_apply_reset(g, in); break;
    case LOG_RECORD_SWITCH: {
        struct log_found_segment *seg = rec_alloc(g, sizeof(*seg));
        if (seg != NULL) {
            seg->start.index = in->segment.segment_index;
            seg->generation = in->segment.generation_new;
            seg->generation_replaced = in->segment.generation;
            list_push_back(&found->segments, &seg->in_group);
        }
        break;
    }
    case LOG_RECORD_MARK: rec_apply_mark(g, in); break;
    case LOG_RECORD_LANES: break;
    }
    found->last_seq = in->seq;
    g->expected_seq = in->seq + 1;
    g->is_gap = false;
    if (record->frame->head.file_number < found->file_lowest) {
        found->file_lowest = record->frame->head.file_number;
    }
}

static void rec_count(struct rec_group *g, enum log_recover_row row)
{
    g->r->counts[row]++;
    g->is_noted = true;
}

void rec_amnesia(struct rec_group *g)
{
    g->found->row.flags |= LOG_ROW_AMNESIAC;
}

void rec_quarantine(struct rec_group *g, uint64_t first_index, uint64_t last_index,
                    uint64_t next_offset, uint32_t term)
{
    struct log_found *found = g->found;
    list_for_each (node, &found->ranges) {
        const struct log_found_range *old = CONTAINER_OF(node, struct log_found_range, in_group);
        if (old->first_index <= first_index && last_index <= old->last_index) {
            return;
        }
    }
    struct log_found_range *range = rec_alloc(g, sizeof(*range));
    if (range == NULL) {
        return;
    }
    range->first_index = first_index;
    range->last_index = last_index;
    range->next_offset = next_offset;
    range->term = term;
    list_for_each (node, &found->ranges) {
        if (CONTAINER_OF(node, struct log_found_range, in_group)->first_index > first_index) {
            list_insert_before(node, &range->in_group);
            return;
        }
    }
    list_push_back(&found->ranges, &range->in_group);
}

/* Put an entry behind the last one; the segment it belongs to is the present one. */
static struct log_found_entry *rec_add(struct rec_group *g, const struct log_sidecar *rec)
{
    struct log_found *found = g->found;
    struct log_found_entry *entry = rec_alloc(g, sizeof(*entry));
    if (entry == NULL) {
        return NULL;
    }
    if (g->segment_index == 0) {
        rec_apply_roll(g, rec->index, 0);
    }
    entry->rec = *rec;
    if (found->max_timestamp > entry->rec.max_timestamp) {
        entry->rec.max_timestamp = found->max_timestamp;
    }
    entry->segment_index = g->segment_index;
    list_push_back(&found->entries, &entry->in_group);
    found->max_timestamp = entry->rec.max_timestamp;
    found->end = (struct log_point){
        .index = rec->last_index,
        .offset = log_sidecar_next_offset(rec),
        .term = rec->term,
        .chain = rec->chain,
    };
    g->pos = rec->pos + rec->length;
    return entry;
}

void rec_gap(struct rec_group *g, uint64_t last_index, uint64_t next_offset, uint32_t term)
{
    struct log_found *found = g->found;
    uint64_t first_index = found->end.index + 1;
    ASSERT(last_index >= first_index);
    uint64_t offset = next_offset > found->end.offset ? next_offset : found->end.offset;
    uint64_t count = offset - found->end.offset;
    struct log_sidecar rec = {
        .index = first_index,
        .last_index = last_index,
        .base_offset = count <= INT32_MAX ? found->end.offset : offset - INT32_MAX,
        .last_offset_delta = (int32_t)(count <= INT32_MAX ? count : INT32_MAX) - 1,
        .term = term > found->end.term ? term : found->end.term,
        .pos = g->pos,
        .max_timestamp = found->max_timestamp,
        .producer_id = -1,
        .producer_epoch = -1,
        .base_sequence = -1,
        .kind = count > 0 ? LOG_KIND_DATA : LOG_KIND_NOOP,
        .flags = LOG_SIDECAR_GAP | LOG_SIDECAR_QUARANTINED,
        .chain = log_chain_gap(found->end.chain, first_index, last_index),
    };
    struct log_found_entry *entry = rec_add(g, &rec);
    if (entry != NULL) {
        entry->where = LOG_FOUND_SEGMENT;
        entry->file_number = UINT64_MAX;
    }
    rec_quarantine(g, first_index, last_index, found->end.offset, rec.term);
}

static void rec_apply_entry(struct rec_group *g, const struct rec_record *record)
{
    struct log_found *found = g->found;
    const struct log_record *in = &record->record;
    if (in->entry.index <= found->end.index || in->entry.term < found->end.term) {
        rec_count(g, LOG_RECOVER_R8);
        rec_amnesia(g);
        if (in->entry.index <= found->row.end.index || in->entry.index <= found->end.index) {
            rec_drop_entries(g, in->entry.index);
        }
        if (in->entry.index != found->end.index + 1 || in->entry.term < found->end.term) {
            return; /* it cannot follow what is settled */
        }
    }
    bool is_behind = in->entry.index > found->end.index + 1;
    if (is_behind) {
        if (!g->is_gap) {
            rec_count(g, LOG_RECOVER_R9);
            rec_amnesia(g);
        }
        rec_gap(g, in->entry.index - 1, in->entry.base_offset, in->entry.term);
    }
    struct log_sidecar rec = record->rec;
    rec.pos = g->pos;
    if (!record->is_sound) {
        rec_count(g, LOG_RECOVER_G5);
        rec_quarantine(g, rec.index, rec.last_index, log_sidecar_next_offset(&rec), rec.term);
    }
    if (rec.base_offset <
        found->end.offset) { /* records do not overlap in a log that was written whole */
        rec_count(g, LOG_RECOVER_R8);
        rec_amnesia(g);
    }
    struct log_found_entry *entry = rec_add(g, &rec);
    if (entry != NULL) {
        entry->where = LOG_FOUND_JOURNAL;
        entry->slot = record->frame->slot;
        entry->slot_pos = record->slot_pos;
        entry->file_number = record->frame->head.file_number;
        entry->seq = in->seq;
    }
}

/* Entries from `first_index` on go; the end is what stands before it, as far as that is not
 * settled. */
static void rec_drop_entries(struct rec_group *g, uint64_t first_index)
{
    struct log_found *found = g->found;
    struct list_node *node = list_last(&found->entries);
    while (node != NULL) {
        struct log_found_entry *entry = CONTAINER_OF(node, struct log_found_entry, in_group);
        if (entry->rec.index < first_index) {
            found->end = (struct log_point){
                .index = entry->rec.last_index,
                .offset = log_sidecar_next_offset(&entry->rec),
                .term = entry->rec.term,
                .chain = entry->rec.chain,
            };
            found->max_timestamp = entry->rec.max_timestamp;
            g->pos = entry->rec.pos + entry->rec.length;
            return;
        }
        list_remove(node);
        node = list_last(&found->entries);
    }
    found->end = found->row.end;
    found->max_timestamp = found->row.max_timestamp;
}

static void rec_drop_ranges(struct rec_group *g, uint64_t first_index)
{
    list_for_each_safe (node, following, &g->found->ranges) {
        struct log_found_range *range = CONTAINER_OF(node, struct log_found_range, in_group);
        if (range->first_index >= first_index) {
            list_remove(node);
        } else if (range->last_index >= first_index) {
            range->last_index = first_index - 1;
        }
    }
}

static void rec_apply_cut(struct rec_group *g, const struct log_record *in)
{
    struct log_found *found = g->found;
    uint64_t first_index = in->cut.end.index + 1;
    if (in->cut.end.index > found->end.index) { /* what it cuts is missing */
        if (!g->is_gap) {
            rec_count(g, LOG_RECOVER_R9);
        }
        rec_amnesia(g);
        rec_gap(g, in->cut.end.index, in->cut.end.offset, in->cut.end.term);
    }
    rec_drop_entries(g, first_index);
    rec_drop_ranges(g, first_index);
    if (found->row.end.index > in->cut.end.index) {
        found->row.end = in->cut.end;
        found->row.segment_index = first_index;
        found->row.segment_generation = in->cut.generation;
        found->row.recs_count = 0;
        found->row.written_bytes = 0;
        found->row.end_pos = 0;
    }
    found->end = in->cut.end;
    found->is_cut = true;
    if (found->row.membership_index >= first_index) {
        found->row.membership_index = 0;
    }
    list_for_each_safe (node, following, &found->segments) {
        struct log_found_segment *seg = CONTAINER_OF(node, struct log_found_segment, in_group);
        if (seg->start.index >= first_index) {
            list_remove(node);
        }
    }
    if (found->rest.segment_index >= first_index) {
        found->rest = (struct log_found_rest){0};
    }
    g->segment_index = 0;
    rec_apply_roll(g, first_index, in->cut.generation);
}

static void rec_apply_start(struct rec_group *g, const struct log_record *in)
{
    struct log_found *found = g->found;
    if (in->trim.start.index <= found->row.start.index) {
        return;
    }
    found->row.start = in->trim.start;
    if (in->trim.start.index > found->end.index + 1) {
        rec_gap(g, in->trim.start.index - 1, in->trim.start.offset, in->trim.start.term);
    }
}

static void rec_apply_reset(struct rec_group *g, const struct log_record *in)
{
    struct log_found *found = g->found;
    list_init(&found->entries);
    list_init(&found->segments);
    list_init(&found->ranges);
    found->rest = (struct log_found_rest){0};
    found->row.start = in->trim.start;
    found->row.end = in->trim.start;
    found->row.end.index--;
    found->row.max_timestamp = -1;
    found->row.segment_index = in->trim.start.index;
    found->row.segment_generation = in->trim.generation;
    found->row.recs_count = 0;
    found->row.written_bytes = 0;
    found->row.end_pos = 0;
    found->row.membership_index = 0;
    found->end = found->row.end;
    found->max_timestamp = -1;
    found->is_cut = true;
    g->segment_index = 0;
    rec_apply_roll(g, in->trim.start.index, in->trim.generation);
}

/* The next entry begins a segment. */
static void rec_apply_roll(struct rec_group *g, uint64_t first_index, uint32_t generation)
{
    struct log_found *found = g->found;
    if (first_index > found->end.index + 1) {
        rec_gap(g, first_index - 1, found->end.offset, found->end.term);
    }
    if (first_index != found->end.index + 1 || first_index == g->segment_index) {
        return; /* it began already */
    }
    struct log_found_segment *seg = rec_alloc(g, sizeof(*seg));
    if (seg == NULL) {
        return;
    }
    seg->start = found->end;
    seg->start.index = first_index;
    seg->generation = generation;
    seg->generation_replaced = generation;
    list_push_back(&found->segments, &seg->in_group);
    g->segment_index = first_index;
    g->segment_generation = generation;
    g->pos = 0;
}

/* The point behind which a whole tail begins: settled, or among the entries it replaces. */
static bool rec_tail_before(struct rec_group *g, uint64_t first_index, struct log_row *row)
{
    const struct log_found *found = g->found;
    list_for_each (node, &found->entries) {
        const struct log_found_entry *entry = CONTAINER_OF(node, struct log_found_entry, in_group);
        if (entry->rec.last_index + 1 == first_index) {
            row->end = (struct log_point){
                .index = entry->rec.last_index,
                .offset = log_sidecar_next_offset(&entry->rec),
                .term = entry->rec.term,
                .chain = entry->rec.chain,
            };
            row->max_timestamp = entry->rec.max_timestamp;
            return true;
        }
    }
    return found->row.end.index + 1 == first_index;
}

static void rec_apply_tail(struct rec_group *g, const struct rec_record *record)
{
    struct log_found *found = g->found;
    const struct log_record *in = &record->record;
    bool is_direct = (in->flags & LOG_TAIL_DIRECT) != 0;
    uint32_t seed = log_sidecar_seed(g->r->kernels, in->group, in->tail.generation);
    if (!is_direct) {
        struct log_row row = found->row;
        if (!rec_tail_before(g, in->tail.first_index, &row)) {
            rec_count(g, LOG_RECOVER_R9);
            rec_amnesia(g);
            return;
        }
        found->row = row;
        list_init(&found->entries);
        list_init(&found->segments);
        found->row.segment_index = in->tail.segment_index;
        found->row.segment_generation = in->tail.generation;
        found->row.recs_count = in->tail.recs_before;
        found->row.written_bytes = in->tail.written_bytes;
        found->end = found->row.end;
        found->max_timestamp = found->row.max_timestamp;
        found->file_lowest = UINT64_MAX;
        found->row.seq = in->seq - 1;
        g->segment_index = in->tail.segment_index;
        g->segment_generation = in->tail.generation;
    }
    for (uint32_t i = 0; i < in->tail.recs_count; i++) {
        struct log_sidecar rec;
        size_t left = in->data_bytes - (size_t)i * LOG_SIDECAR_BYTES;
        enum err err = log_sidecar_decode(in->data + (size_t)i * LOG_SIDECAR_BYTES, left,
                                          g->r->kernels, seed, &rec);
        if (err != ERR_OK || rec.index != found->end.index + 1) {
            if (err == ERR_OK && g->is_gap && rec.index > found->end.index + 1) {
                rec_gap(g, rec.index - 1, rec.base_offset, rec.term);
            } else {
                rec_count(g, LOG_RECOVER_R9);
                rec_amnesia(g);
                return;
            }
        }
        if (!is_direct && i == 0) {
            found->row.end_pos = rec.pos;
        }
        struct log_found_entry *entry = rec_add(g, &rec);
        if (entry != NULL) {
            entry->where = LOG_FOUND_SEGMENT;
            entry->slot = record->frame->slot;
            entry->file_number = record->frame->head.file_number;
            entry->seq = in->seq;
        }
    }
    found->rest = (struct log_found_rest){
        .segment_index = in->tail.segment_index,
        .written_bytes = in->tail.written_bytes,
        .bytes = in->tail.rest_bytes,
        .slot = record->frame->slot,
        .slot_pos = record->slot_pos + (uint64_t)in->tail.recs_count * LOG_SIDECAR_BYTES,
        .file_number = record->frame->head.file_number,
    };
}

static void rec_apply_mark(struct rec_group *g, const struct log_record *in)
{
    struct log_found *found = g->found;
    switch (in->mark.what) {
    case LOG_MARK_QUARANTINE:
        rec_quarantine(g, in->mark.first_index, in->mark.last_index, in->mark.next_offset,
                       in->mark.term);
        break;
    case LOG_MARK_HEAL:
        list_for_each_safe (node, following, &found->ranges) {
            struct log_found_range *range = CONTAINER_OF(node, struct log_found_range, in_group);
            if (in->mark.first_index <= range->first_index &&
                range->last_index <= in->mark.last_index) {
                list_remove(node);
            }
        }
        break;
    case LOG_MARK_AMNESIAC: rec_amnesia(g); break;
    case LOG_MARK_ACCEPTED: found->row.flags &= (uint8_t)~LOG_ROW_AMNESIAC; break;
    }
}
