/* A group as a bundle, and a log made of it. See move_int.h.
 *
 * What is not settled is put down as a start would find it, so found.c builds it again; then its
 * segments get what a start has to look up, and the older ones, term runs, pins and garbage are
 * copied. */
#include <string.h>

#include "base/assert.h"
#include "storage/log/move_int.h"
#include "storage/log/place.h"

/* Memory of a bundle is asked for in pieces of this. */
#define LOG_BUNDLE_CHUNK_BYTES (16u << 10)

static bool log_bundle_lists(struct log_bundle *b, const struct log *log);
static bool log_bundle_segments(struct log_bundle *b, const struct log *log);
static bool log_bundle_found(struct log_bundle *b, const struct log *log);
static bool log_bundle_entries(struct log_bundle *b, const struct log *log);
static enum err log_bundle_open_segments(const struct log_bundle *b, struct log *log);
static enum err log_bundle_open_segment(const struct log_segment *from, struct log *log);
static enum err log_bundle_open_terms(const struct log_bundle *b, struct log *log);
static enum err log_bundle_open_small(const struct log_bundle *b, struct log *log);

/* `count` zeroed objects of `bytes` each, of the bundle's memory. NULL: none, or there are none. */
static void *log_bundle_array(struct log_bundle *b, uint32_t count, size_t bytes)
{
    return count > 0 ? arena_alloc_zeroed(&b->arena, count * bytes, _Alignof(max_align_t)) : NULL;
}

/* --- Into a bundle --- */

enum err log_bundle_new(struct log *log, struct log_bundle **out)
{
    struct log_shard *ls = log->ls;
    void *made = NULL;
    *out = NULL;
    enum err err =
        budget_alloc(&ls->budget, sizeof(struct log_bundle), _Alignof(struct log_bundle), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_bundle *b = made;
    b->home = ls;
    arena_init(&b->arena, &ls->budget, LOG_BUNDLE_CHUNK_BYTES, SIZE_MAX);
    b->row = log->row;
    b->membership_before = log->membership_before;
    b->generation = log->generation;
    b->cut_epoch = log->cut_epoch;
    b->table_index = log->table_index;
    b->table_segment = log->table_segment;
    b->is_row_old = log->is_row_old;
    b->switches_pending = log->switches_pending;
    b->switches_removed = log->switches_removed;
    b->wants_clean = log->wants_clean;
    b->is_loaded = log->is_loaded;
    if (!log_bundle_lists(b, log) || !log_bundle_segments(b, log) || !log_bundle_found(b, log) ||
        !log_bundle_entries(b, log)) {
        log_bundle_free(b);
        return ERR_BUDGET;
    }
    *out = b;
    return ERR_OK;
}

void log_bundle_free(struct log_bundle *bundle)
{
    struct log_shard *ls = bundle->home;
    arena_deinit(&bundle->arena);
    budget_free(&ls->budget, bundle);
}

/* Term runs, garbage, pins. False: no memory. */
static bool log_bundle_lists(struct log_bundle *b, const struct log *log)
{
    b->terms_count = (uint32_t)list_count(&log->terms);
    b->garbage_count = (uint32_t)list_count(&log->garbage);
    b->pins_count = (uint32_t)list_count(&log->pins);
    b->terms = log_bundle_array(b, b->terms_count, sizeof(*b->terms));
    b->garbage = log_bundle_array(b, b->garbage_count, sizeof(*b->garbage));
    b->pins = log_bundle_array(b, b->pins_count, sizeof(*b->pins));
    if (b->arena.err != ERR_OK) {
        return false;
    }
    uint32_t i = 0;
    list_for_each (node, &log->terms) {
        const struct log_term *term = CONTAINER_OF(node, struct log_term, in_log);
        b->terms[i].first_index = term->first_index;
        b->terms[i].first_offset = term->first_offset;
        b->terms[i++].term = term->term;
    }
    i = 0;
    list_for_each (node, &log->garbage) {
        const struct log_garbage *garbage = CONTAINER_OF(node, struct log_garbage, in_log);
        b->garbage[i].first_index = garbage->first_index;
        b->garbage[i].generation_new = garbage->generation_new;
        b->garbage[i].is_early = garbage->is_early;
        b->garbage[i++].generation = garbage->generation;
    }
    i = 0;
    list_for_each (node, &log->pins) {
        const struct log_pin *pin = CONTAINER_OF(node, struct log_pin, in_log);
        b->pins[i].owner = pin->owner;
        b->pins[i].index = pin->index;
        b->pins[i++].since_ns = pin->since_ns;
    }
    return true;
}

/* All segments as they are, with a copy of what is written to none of their blocks yet. */
static bool log_bundle_segments(struct log_bundle *b, const struct log *log)
{
    b->segments = log_bundle_array(b, log->segments.count, sizeof(*b->segments));
    if (b->arena.err != ERR_OK) {
        return false;
    }
    list_for_each (node, &log->segments.list) {
        const struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        struct log_segment *copy = &b->segments[b->segments_count++];
        *copy = *seg;
        copy->log = NULL;
        copy->rest = NULL;
        list_node_init(&copy->in_log);
        if (seg->rest != NULL) {
            copy->rest = arena_alloc(&b->arena, seg->rest_bytes, 1);
            if (copy->rest == NULL) {
                return false;
            }
            memcpy(copy->rest, seg->rest, seg->rest_bytes);
        }
    }
    ASSERT(b->segments_count == log->segments.count);
    return true;
}

/* Records of the row's segment that are settled. */
static uint32_t log_bundle_settled(const struct log *log)
{
    const struct log_row *row = &log->row;
    const struct log_slot *slot = log_tail_find(log, row->end.index + 1);
    list_for_each (node, &log->segments.list) {
        const struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        if (seg->start.index == row->segment_index && seg->generation == row->segment_generation) {
            return slot != NULL && slot->seg == seg ? slot->rec_number : seg->recs_total;
        }
    }
    return row->recs_count;
}

/* All but entries. What is submitted is durable: row and state are the newest. */
static bool log_bundle_found(struct log_bundle *b, const struct log *log)
{
    struct log_found *found = &b->found;
    struct log_row *row = &found->row;
    list_init(&found->entries);
    list_init(&found->segments);
    list_init(&found->switches);
    list_init(&found->ranges);
    list_init(&found->rests);
    *row = log->row;
    row->group = log->group;
    row->topic = log->topic;
    row->partition = log->partition;
    row->hard = log->hard;
    row->start = log->start;
    row->membership_index = log->membership_index;
    row->flags = log->is_amnesiac ? LOG_ROW_AMNESIAC : 0;
    row->recs_count = log_bundle_settled(log);
    found->last_seq = log->next_seq - 1;
    found->end = log->end;
    found->max_timestamp = log->max_timestamp;
    found->file_lowest = log->file_lowest;
    found->mixed_seq = found->last_seq; /* what follows is another lane's */
    found->is_available = true;
    found->is_tail_torn = log->is_tail_torn;
    for (uint32_t i = 0; i < b->segments_count; i++) {
        const struct log_segment *seg = &b->segments[i];
        bool is_rows =
            seg->start.index == row->segment_index && seg->generation == row->segment_generation;
        if (seg->start.index < row->segment_index || is_rows) {
            continue;
        }
        struct log_found_segment *behind = log_bundle_array(b, 1, sizeof(*behind));
        if (behind == NULL) {
            return false;
        }
        behind->start = seg->start;
        behind->generation = seg->generation;
        list_push_back(&found->segments, &behind->in_group);
    }
    list_for_each (node, &log->ranges) {
        const struct log_range *range = CONTAINER_OF(node, struct log_range, in_log);
        struct log_found_range *copy = log_bundle_array(b, 1, sizeof(*copy));
        if (copy == NULL) {
            return false;
        }
        copy->first_index = range->first_index;
        copy->last_index = range->last_index;
        copy->next_offset = range->next_offset;
        list_push_back(&found->ranges, &copy->in_group);
    }
    return true;
}

/* What is not settled, by its place in the journal. */
static bool log_bundle_entries(struct log_bundle *b, const struct log *log)
{
    for (const struct log_slot *slot = log_tail_find(log, log->row.end.index + 1); slot != NULL;
         slot = log_tail_next(log, slot)) {
        struct log_found_entry *entry = log_bundle_array(b, 1, sizeof(*entry));
        if (entry == NULL) {
            return false;
        }
        ASSERT(slot->is_durable);
        ASSERT(slot->where != LOG_SLOT_NOWHERE);
        entry->rec = slot->rec;
        entry->segment_index = slot->seg->start.index;
        entry->where = slot->where == LOG_SLOT_SEGMENT ? LOG_FOUND_SEGMENT : LOG_FOUND_JOURNAL;
        entry->slot = slot->journal_slot;
        entry->slot_pos = slot->journal_pos;
        entry->file_number = slot->file_number;
        entry->seq = slot->seq;
        list_push_back(&b->found.entries, &entry->in_group);
    }
    return true;
}

/* --- Out of it --- */

enum err log_bundle_open(const struct log_bundle *bundle, struct log_shard *ls, struct log **out)
{
    struct log *log = NULL;
    *out = NULL;
    enum err err = log_new_found(ls, &bundle->found, &log);
    if (err != ERR_OK) {
        return err;
    }
    ASSERT(log->is_available);
    ASSERT(log->end.index == bundle->found.end.index);
    log->row = bundle->row;
    log->membership_before = bundle->membership_before;
    log->generation = bundle->generation;
    log->cut_epoch = bundle->cut_epoch;
    log->table_index = bundle->table_index;
    log->table_segment = bundle->table_segment;
    log->is_row_old = bundle->is_row_old;
    log->switches_pending = bundle->switches_pending;
    log->switches_removed = bundle->switches_removed;
    log->wants_clean = bundle->wants_clean;
    log->is_loaded = bundle->is_loaded;
    err = log_bundle_open_segments(bundle, log);
    if (err == ERR_OK) {
        err = log_bundle_open_terms(bundle, log);
    }
    if (err == ERR_OK) {
        err = log_bundle_open_small(bundle, log);
    }
    if (err != ERR_OK) {
        log_free(log);
        return err;
    }
    *out = log;
    return ERR_OK;
}

/* Those before the row's are new; all are as they were. */
static enum err log_bundle_open_segments(const struct log_bundle *b, struct log *log)
{
    for (uint32_t i = b->segments_count; i > 0; i--) {
        enum err err = log_bundle_open_segment(&b->segments[i - 1], log);
        if (err != ERR_OK) {
            return err;
        }
    }
    ASSERT(log->segments.count == b->segments_count);
    return ERR_OK;
}

/* In front of those that have been, which follow it. */
static enum err log_bundle_open_segment(const struct log_segment *from, struct log *log)
{
    struct budget *budget = &log->ls->budget;
    struct log_segment *seg = log_segment_of(log, from->start.index, from->generation);
    void *rest = NULL;
    void *made = NULL;
    enum err err = ERR_OK;
    if (from->rest != NULL) {
        err = budget_alloc(budget, from->rest_bytes, LIMIT_BLOCK_BYTES, &rest);
    }
    if (err == ERR_OK && seg == NULL) {
        err = pool_acquire(&log->ls->segments, &made);
    }
    if (err != ERR_OK) {
        budget_free(budget, rest);
        return err;
    }
    if (seg == NULL) {
        seg = made;
        log->segments.count++;
    } else {
        list_remove(&seg->in_log);
    }
    *seg = *from;
    seg->log = log;
    seg->rest = rest;
    if (rest != NULL) {
        memcpy(rest, from->rest, from->rest_bytes);
    }
    list_push_front(&log->segments.list, &seg->in_log);
    return ERR_OK;
}

/* In place of the runs of the entries alone. */
static enum err log_bundle_open_terms(const struct log_bundle *b, struct log *log)
{
    for (struct list_node *node; (node = list_pop_front(&log->terms)) != NULL;) {
        pool_release(&log->ls->small, CONTAINER_OF(node, struct log_term, in_log));
    }
    for (uint32_t i = 0; i < b->terms_count; i++) {
        void *made = NULL;
        enum err err = pool_acquire(&log->ls->small, &made);
        if (err != ERR_OK) {
            return err;
        }
        struct log_term *term = made;
        *term = b->terms[i];
        list_push_back(&log->terms, &term->in_log);
    }
    return ERR_OK;
}

/* Garbage and pins. */
static enum err log_bundle_open_small(const struct log_bundle *b, struct log *log)
{
    for (uint32_t i = 0; i < b->garbage_count; i++) {
        void *made = NULL;
        enum err err = pool_acquire(&log->ls->small, &made);
        if (err != ERR_OK) {
            return err;
        }
        struct log_garbage *garbage = made;
        *garbage = b->garbage[i];
        list_push_back(&log->garbage, &garbage->in_log);
    }
    for (uint32_t i = 0; i < b->pins_count; i++) {
        void *made = NULL;
        enum err err = pool_acquire(&log->ls->small, &made);
        if (err != ERR_OK) {
            return err;
        }
        struct log_pin *pin = made;
        *pin = b->pins[i];
        pin->is_carried = true;
        list_push_back(&log->pins, &pin->in_log);
    }
    return ERR_OK;
}
