/* A group's segments in memory. See segment.h. */
#include "storage/log/segment.h"

#include "base/assert.h"
#include "storage/log/shard.h"
#include "storage/log/snaps.h"

struct log_segment *log_segment_active(const struct log *log)
{
    struct list_node *node = list_last(&log->segments.list);
    return node != NULL ? CONTAINER_OF(node, struct log_segment, in_log) : NULL;
}

/* From the newest back: that is where most is asked for. */
struct log_segment *log_segment_find(const struct log *log, uint64_t index)
{
    const struct list *list = &log->segments.list;
    for (struct list_node *node = list->head.prev; node != &list->head; node = node->prev) {
        struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        if (seg->start.index <= index) {
            return index <= seg->last_index ? seg : NULL;
        }
    }
    return NULL;
}

enum err log_segment_push(struct log *log, const struct log_point *start, uint32_t generation,
                          struct log_segment **out)
{
    *out = NULL;
    void *made = NULL;
    enum err err = pool_acquire(&log->ls->segments, &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_segment *last = log_segment_active(log);
    if (last != NULL) {
        ASSERT(last->start.index < start->index);
        last->is_sealed = true;
    }
    struct log_segment *seg = made;
    seg->log = log;
    seg->start = *start;
    seg->generation = generation;
    seg->last_index = start->index - 1;
    seg->next_offset = start->offset;
    seg->max_timestamp = log->max_timestamp;
    seg->membership_index = log->membership_index;
    seg->is_known = true;
    log_sections_take(seg);
    list_push_back(&log->segments.list, &seg->in_log);
    log->segments.count++;
    *out = seg;
    return ERR_OK;
}

void log_segment_free(struct log_segment *seg)
{
    struct log *log = seg->log;
    ASSERT(log->segments.count > 0);
    list_remove(&seg->in_log);
    log->segments.count--;
    budget_free(&log->ls->budget, seg->rest);
    log_sections_drop(seg);
    pool_release(&log->ls->segments, seg);
}

void log_segment_discard(struct log_segment *seg)
{
    struct log *log = seg->log;
    void *made = NULL;
    log_files_forget_segment(seg);
    if (pool_acquire(&log->ls->small, &made) == ERR_OK) { /* else a start finds and removes them */
        struct log_garbage *garbage = made;
        garbage->first_index = seg->start.index;
        garbage->generation = seg->generation;
        list_push_back(&log->garbage, &garbage->in_log);
    }
    log_segment_free(seg);
}
