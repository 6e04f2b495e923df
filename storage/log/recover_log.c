/* Recovery: a group's log grows and shrinks. See recover_int.h. */
#include "storage/log/recover_log.h"
#include "base/assert.h"

static void recover_log_cut_rests(struct recover_group *g, const struct log_point *end);
static void recover_log_cut_row(struct recover_group *g, const struct log_point *end);

/* --- Entries --- */

static struct log_found_entry *recover_log_last(const struct recover_group *g)
{
    struct list_node *node = list_last(&g->found.entries);
    return node != NULL ? CONTAINER_OF(node, struct log_found_entry, in_group) : NULL;
}

struct log_found_entry *recover_log_find(const struct recover_group *g, uint64_t index)
{
    const struct list *entries = &g->found.entries;
    for (struct list_node *node = entries->head.prev; node != &entries->head; node = node->prev) {
        struct log_found_entry *entry = CONTAINER_OF(node, struct log_found_entry, in_group);
        if (entry->rec.last_index < index) {
            break;
        }
        if (entry->rec.index <= index) {
            return entry;
        }
    }
    return NULL;
}

bool recover_log_shares_seq(const struct recover_group *g, const struct log_found_entry *entry)
{
    const struct list_node *node = entry->in_group.prev;
    return node != &g->found.entries.head &&
           CONTAINER_OF(node, struct log_found_entry, in_group)->seq == entry->seq;
}

bool recover_log_point(const struct recover_group *g, uint64_t index, struct log_point *out)
{
    const struct log_found *found = &g->found;
    *out = (struct log_point){.index = index};
    if (index == found->end.index) {
        *out = found->end;
        return g->is_chain_known;
    }
    if (index == found->row.end.index) {
        *out = found->row.end;
        return log_row_has_chain(&found->row);
    }
    const struct log_found_entry *entry = recover_log_find(g, index);
    if (entry == NULL || entry->rec.last_index != index) {
        return false;
    }
    out->offset = log_sidecar_next_offset(&entry->rec);
    out->term = entry->rec.term;
    out->chain = entry->rec.chain;
    return (entry->rec.flags & LOG_SIDECAR_GAP) == 0;
}

enum err recover_log_push(struct log_recover *r, struct recover_group *g,
                          struct log_found_entry *entry)
{
    struct log_found *found = &g->found;
    ASSERT(entry->rec.index == found->end.index + 1);
    bool is_full = (uint64_t)g->end_pos + entry->rec.length > UINT32_MAX;
    if (g->segment_index == 0 || is_full) {
        enum err err = recover_log_segment(r, g, g->generation + (is_full ? 1 : 0));
        if (err != ERR_OK) {
            return err;
        }
    }
    entry->segment_index = g->segment_index;
    entry->rec.pos = g->end_pos;
    if (entry->rec.max_timestamp < found->max_timestamp) {
        entry->rec.max_timestamp = found->max_timestamp;
    }
    bool is_gap = (entry->rec.flags & LOG_SIDECAR_GAP) != 0;
    if (entry->rec.kind == LOG_KIND_MEMBERSHIP && !is_gap) {
        found->row.membership_index = entry->rec.index;
    }
    list_push_back(&found->entries, &entry->in_group);
    g->end_pos += entry->rec.length;
    g->is_chain_known = !is_gap;
    found->max_timestamp = entry->rec.max_timestamp;
    found->end = (struct log_point){
        .index = entry->rec.last_index,
        .offset = log_sidecar_next_offset(&entry->rec),
        .term = entry->rec.term,
        .chain = entry->rec.chain,
    };
    return ERR_OK;
}

/* The delta of a gap that takes the offsets base .. next - 1, as far as the field goes. */
static int32_t recover_log_gap_delta(uint64_t base_offset, uint64_t next_offset)
{
    uint64_t count = next_offset - base_offset;
    return count > INT32_MAX ? INT32_MAX : (int32_t)count - 1;
}

/* Nobody knows how long the gap is. What follows must not be taken to stand in blocks that are
 * written, where something else does: it goes behind them. */
static void recover_log_gap_pos(struct recover_group *g)
{
    const struct log_row *row = &g->found.row;
    if (g->segment_index == row->segment_index && g->generation == row->segment_generation &&
        g->end_pos < row->written_bytes) {
        g->end_pos = row->written_bytes;
    }
}

enum err recover_log_gap(struct log_recover *r, struct recover_group *g, uint64_t last_index,
                         uint64_t next_offset, uint32_t term)
{
    struct log_found *found = &g->found;
    struct log_point end = found->end;
    ASSERT(last_index > end.index);
    void *made = NULL;
    enum err err = recover_alloc(r, sizeof(struct log_found_entry), &made);
    if (err != ERR_OK) {
        return err;
    }
    next_offset = next_offset > end.offset ? next_offset : end.offset;
    struct log_found_range range = {
        .first_index = end.index + 1,
        .last_index = last_index,
        .next_offset = next_offset,
        .term = term > end.term ? term : end.term,
    };
    struct log_found_entry *entry = made;
    entry->where = LOG_FOUND_SEGMENT; /* none of its bytes are in the journal */
    entry->file_number = UINT64_MAX;
    entry->slot = UINT32_MAX;
    entry->seq = g->gap_seq != 0 ? g->gap_seq : g->next_seq;
    entry->rec = (struct log_sidecar){
        .index = range.first_index,
        .last_index = last_index,
        .base_offset = end.offset,
        .term = range.term,
        .last_offset_delta = recover_log_gap_delta(end.offset, next_offset),
        .max_timestamp = -1,
        .producer_id = -1,
        .producer_epoch = -1,
        .kind = LOG_KIND_DATA,
        .flags = LOG_SIDECAR_GAP | LOG_SIDECAR_QUARANTINED,
        .base_sequence = -1,
        .chain = log_chain_gap(end.chain, range.first_index, last_index),
    };
    err = recover_log_push(r, g, entry);
    if (err != ERR_OK) {
        return err;
    }
    found->end.offset = next_offset;
    recover_log_gap_pos(g);
    g->has_lost = true;
    return recover_range_add(r, g, &range);
}

void recover_log_learn(struct recover_group *g, const struct log_point *end)
{
    struct log_found_entry *entry = recover_log_last(g);
    if (entry != NULL && entry->rec.last_index == end->index &&
        (entry->rec.flags & LOG_SIDECAR_GAP) != 0) {
        entry->rec.chain = end->chain;
    }
    g->found.end = *end;
    g->is_chain_known = true;
}

bool recover_log_gap_end(struct recover_group *g, uint64_t next_offset, uint32_t term)
{
    struct log_found *found = &g->found;
    struct log_found_entry *entry = recover_log_last(g);
    if (entry == NULL || (entry->rec.flags & LOG_SIDECAR_GAP) == 0 ||
        next_offset < entry->rec.base_offset) {
        return false;
    }
    entry->rec.last_offset_delta = recover_log_gap_delta(entry->rec.base_offset, next_offset);
    entry->rec.term = term > entry->rec.term ? term : entry->rec.term;
    found->end.offset = next_offset;
    found->end.term = entry->rec.term;
    struct list_node *node = list_last(&found->segments);
    if (node != NULL) { /* one that begins behind the gap */
        struct log_found_segment *seg = CONTAINER_OF(node, struct log_found_segment, in_group);
        if (seg->start.index == entry->rec.last_index + 1) {
            seg->start.offset = next_offset;
            seg->start.term = entry->rec.term;
        }
    }
    node = list_last(&found->ranges);
    if (node != NULL) {
        struct log_found_range *range = CONTAINER_OF(node, struct log_found_range, in_group);
        if (range->last_index == entry->rec.last_index) {
            range->next_offset = next_offset;
            range->term = entry->rec.term;
        }
    }
    return true;
}

void recover_log_clear(struct recover_group *g)
{
    struct log_found *found = &g->found;
    list_init(&found->entries);
    list_init(&found->segments);
    list_init(&found->rests);
    list_init(&found->ranges);
    list_init(&found->switches);
    g->is_gap_open = false;
    g->is_cut_lost = false;
    g->is_row_cut = false;
}

/* --- Cutting --- */

enum err recover_log_cut(struct log_recover *r, struct recover_group *g,
                         const struct log_point *end)
{
    struct log_found *found = &g->found;
    ASSERT(end->index < found->end.index);
    found->is_cut = true;
    struct log_found_entry *entry = recover_log_last(g);
    while (entry != NULL && entry->rec.index > end->index) {
        list_remove(&entry->in_group);
        entry = recover_log_last(g);
    }
    if (entry != NULL && entry->rec.last_index > end->index) { /* a gap that reaches farther */
        entry->rec.last_index = end->index;
        entry->rec.last_offset_delta =
            end->offset >= entry->rec.base_offset
                ? recover_log_gap_delta(entry->rec.base_offset, end->offset)
                : -1;
    }
    found->max_timestamp = entry != NULL ? entry->rec.max_timestamp : found->row.max_timestamp;
    list_for_each_safe (node, following, &found->segments) {
        if (CONTAINER_OF(node, struct log_found_segment, in_group)->start.index > end->index) {
            list_remove(node);
        }
    }
    recover_log_cut_rests(g, end);
    recover_log_cut_row(g, end);
    g->segment_index = 0;
    found->end = *end;
    return recover_range_remove(r, g, end->index + 1, UINT64_MAX, true);
}

/* The newest rest of a segment of whose tail an entry stays; NULL: none. */
static struct log_found_rest *recover_log_cut_rest(struct log_found_rest *rest,
                                                   const struct log_point *end)
{
    struct log_found_rest *kept = rest;
    while (kept != NULL && kept->first_index > end->index) {
        kept = kept->older;
    }
    if (kept != rest && kept != NULL) {
        list_insert_before(&rest->in_group, &kept->in_group);
    }
    if (kept != rest) {
        list_remove(&rest->in_group);
    }
    return kept;
}

/* Of a rest only what is in front of the cut stays, and in any case how much was written. */
static void recover_log_cut_rests(struct recover_group *g, const struct log_point *end)
{
    struct log_found *found = &g->found;
    const struct log_found_entry *last = recover_log_last(g);
    list_for_each_safe (node, following, &found->rests) {
        struct log_found_rest *rest =
            recover_log_cut_rest(CONTAINER_OF(node, struct log_found_rest, in_group), end);
        uint32_t end_pos = UINT32_MAX;
        if (rest == NULL) {
            continue;
        }
        if (rest->segment_index > end->index) {
            end_pos = 0;
        } else if (last != NULL && last->segment_index == rest->segment_index) {
            end_pos = last->rec.pos + last->rec.length;
        } else if (last == NULL && found->row.segment_index == rest->segment_index) {
            end_pos = found->row.end.index > end->index ? 0 : found->row.end_pos;
        }
        if (end_pos == 0) {
            list_remove(&rest->in_group);
        } else if (end_pos <= rest->written_bytes) {
            rest->bytes = 0;
        } else if (rest->bytes > end_pos - rest->written_bytes) {
            rest->bytes = end_pos - rest->written_bytes;
        }
    }
}

static void recover_log_cut_row(struct recover_group *g, const struct log_point *end)
{
    struct log_row *row = &g->found.row;
    if (row->end.index > end->index) {
        row->end = *end;
        row->gap_index = row->gap_index <= end->index ? row->gap_index : 0;
        g->is_row_cut = true;
    }
    if (g->membership_table > end->index) {
        g->membership_table = 0;
    }
    if (row->membership_index <= end->index) {
        return;
    }
    row->membership_index = g->membership_table;
    const struct list *entries = &g->found.entries;
    for (struct list_node *node = entries->head.prev; node != &entries->head; node = node->prev) {
        const struct log_found_entry *entry = CONTAINER_OF(node, struct log_found_entry, in_group);
        if (entry->rec.kind == LOG_KIND_MEMBERSHIP && (entry->rec.flags & LOG_SIDECAR_GAP) == 0) {
            row->membership_index = entry->rec.index;
            break;
        }
    }
}

/* --- Segments --- */

enum err recover_log_segment(struct log_recover *r, struct recover_group *g, uint32_t generation)
{
    struct log_found *found = &g->found;
    struct log_row *row = &found->row;
    struct log_point start = found->end;
    start.index++;
    if (g->segment_index == start.index && g->generation == generation && !g->is_row_cut) {
        return ERR_OK;
    }
    g->segment_index = start.index;
    g->generation = generation;
    g->end_pos = 0;
    if (g->is_row_cut || row->segment_index >= start.index) {
        row->segment_index = start.index;
        row->segment_generation = generation;
        row->recs_count = 0;
        row->written_bytes = 0;
        row->end_pos = 0;
        g->is_row_cut = false;
        return ERR_OK;
    }
    struct list_node *last = list_last(&found->segments);
    if (last != NULL) {
        struct log_found_segment *seg = CONTAINER_OF(last, struct log_found_segment, in_group);
        if (seg->start.index >= start.index) {
            list_remove(last);
        }
    }
    void *made = NULL;
    enum err err = recover_alloc(r, sizeof(struct log_found_segment), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_found_segment *seg = made;
    seg->start = start;
    seg->generation = generation;
    list_push_back(&found->segments, &seg->in_group);
    return ERR_OK;
}

/* A gap that reaches over `index` becomes two, the second from there on. */
static enum err recover_log_split_gap(struct log_recover *r, struct log_found_entry *entry,
                                      uint64_t index)
{
    void *made = NULL;
    enum err err = recover_alloc(r, sizeof(struct log_found_entry), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_found_entry *second = made;
    *second = *entry;
    list_node_init(&second->in_group);
    entry->rec.last_index = index - 1;
    entry->rec.last_offset_delta = -1; /* whose the offsets were is not known: the second has all */
    second->rec.index = index;
    list_insert_before(entry->in_group.next, &second->in_group);
    return ERR_OK;
}

enum err recover_log_split(struct log_recover *r, struct recover_group *g, uint64_t index,
                           uint32_t generation)
{
    struct log_found *found = &g->found;
    ASSERT(index > found->row.end.index);
    ASSERT(index > g->segment_index);
    ASSERT(index <= found->end.index);
    struct log_found_entry *at = recover_log_find(g, index);
    void *made = NULL;
    enum err err = recover_alloc(r, sizeof(struct log_found_segment), &made);
    if (err == ERR_OK && at != NULL && at->rec.index < index) {
        err = recover_log_split_gap(r, at, index);
    }
    if (err != ERR_OK) {
        return err;
    }
    struct log_found_segment *seg = made;
    (void)recover_log_point(g, index - 1, &seg->start);
    seg->start.index = index;
    seg->generation = generation;
    list_push_back(&found->segments, &seg->in_group);
    g->segment_index = index;
    g->generation = generation;
    g->end_pos = 0;
    list_for_each (node, &found->entries) {
        struct log_found_entry *entry = CONTAINER_OF(node, struct log_found_entry, in_group);
        if (entry->rec.index >= index) {
            entry->segment_index = index;
            entry->rec.pos = g->end_pos;
            g->end_pos += entry->rec.length;
        }
    }
    return ERR_OK;
}

/* --- Ranges --- */

/* Whether `a` and `b` become one: they overlap, or touch and come from the same. */
static bool recover_range_joins(const struct log_found_range *a, const struct log_found_range *b)
{
    bool overlaps = a->first_index <= b->last_index && b->first_index <= a->last_index;
    bool touches = a->first_index == b->last_index + 1 || b->first_index == a->last_index + 1;
    return overlaps || (touches && a->is_marked == b->is_marked);
}

enum err recover_range_add(struct log_recover *r, struct recover_group *g,
                           const struct log_found_range *range)
{
    struct list *ranges = &g->found.ranges;
    void *made = NULL;
    enum err err = recover_alloc(r, sizeof(struct log_found_range), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_found_range *all = made;
    *all = *range;
    list_node_init(&all->in_group);
    struct list_node *behind = &ranges->head;
    struct list_node *node = ranges->head.prev;
    while (node != &ranges->head) {
        struct list_node *before = node->prev;
        struct log_found_range *other = CONTAINER_OF(node, struct log_found_range, in_group);
        if (recover_range_joins(all, other)) {
            list_remove(node);
            if (other->last_index > all->last_index) {
                all->last_index = other->last_index;
                all->next_offset = other->next_offset;
                all->term = other->term;
            }
            all->first_index =
                other->first_index < all->first_index ? other->first_index : all->first_index;
            all->is_marked |= other->is_marked;
        } else if (other->first_index > all->last_index) {
            behind = node;
        } else {
            break;
        }
        node = before;
    }
    list_insert_before(behind, &all->in_group);
    return ERR_OK;
}

enum err recover_range_remove(struct log_recover *r, struct recover_group *g, uint64_t first_index,
                              uint64_t last_index, bool is_marked_too)
{
    struct list *ranges = &g->found.ranges;
    list_for_each_safe (node, following, ranges) {
        struct log_found_range *range = CONTAINER_OF(node, struct log_found_range, in_group);
        if (range->last_index < first_index || range->first_index > last_index ||
            (range->is_marked && !is_marked_too)) {
            continue;
        }
        if (range->first_index >= first_index && range->last_index <= last_index) {
            list_remove(node);
            continue;
        }
        if (range->first_index < first_index && range->last_index > last_index) {
            void *made = NULL;
            enum err err = recover_alloc(r, sizeof(struct log_found_range), &made);
            if (err != ERR_OK) {
                return err;
            }
            struct log_found_range *rest = made;
            *rest = *range;
            rest->first_index = last_index + 1;
            list_node_init(&rest->in_group);
            list_insert_before(following, &rest->in_group);
        }
        if (range->first_index >= first_index) {
            range->first_index = last_index + 1;
        } else {
            range->last_index = first_index - 1;
            range->next_offset = 0;
        }
    }
    return ERR_OK;
}
