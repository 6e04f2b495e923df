/* Term runs: which term an entry has, from memory (LOG §8). A log has as many runs as it had
 * leaders since its start, so a list from the newest back is short. The run that holds log start -
 * 1 stays. */
#include "base/assert.h"
#include "storage/log/shard.h"

enum err log_terms_add(struct log *log, uint64_t index, uint64_t offset, uint32_t term)
{
    struct list_node *node = list_last(&log->terms);
    if (node != NULL) {
        const struct log_term *last = CONTAINER_OF(node, struct log_term, in_log);
        ASSERT(last->first_index <= index);
        if (last->term == term) {
            return ERR_OK;
        }
    }
    void *made = NULL;
    enum err err = pool_acquire(&log->ls->small, &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_term *run = made;
    run->first_index = index;
    run->first_offset = offset;
    run->term = term;
    list_push_back(&log->terms, &run->in_log);
    return ERR_OK;
}

void log_terms_cut(struct log *log, uint64_t first_index)
{
    for (struct list_node *node = list_last(&log->terms); node != NULL;
         node = list_last(&log->terms)) {
        struct log_term *run = CONTAINER_OF(node, struct log_term, in_log);
        if (run->first_index < first_index) {
            return;
        }
        list_remove(node);
        pool_release(&log->ls->small, run);
    }
}

void log_terms_trim(struct log *log)
{
    for (struct list_node *node = list_first(&log->terms); node != NULL;
         node = list_first(&log->terms)) {
        struct list_node *next = list_next(&log->terms, node);
        if (next == NULL ||
            CONTAINER_OF(next, struct log_term, in_log)->first_index >= log->start.index) {
            return;
        }
        list_remove(node);
        pool_release(&log->ls->small, CONTAINER_OF(node, struct log_term, in_log));
    }
}

enum err log_term_of(const struct log *log, uint64_t index, uint32_t *term)
{
    *term = 0;
    if (index + 1 == log->start.index) {
        *term = log->start.term;
        return ERR_OK;
    }
    if (index < log->start.index || index > log->end.index) {
        return ERR_NOT_FOUND;
    }
    for (struct list_node *node = list_last(&log->terms); node != NULL;
         node = node->prev != &log->terms.head ? node->prev : NULL) {
        const struct log_term *run = CONTAINER_OF(node, struct log_term, in_log);
        if (run->first_index <= index) {
            *term = run->term;
            return ERR_OK;
        }
    }
    return log->is_loaded ? ERR_NOT_FOUND : ERR_AGAIN;
}

/* Behind a run stands the next one, or the log's end. */
enum err log_term_end(const struct log *log, uint32_t term, int32_t *found, uint64_t *end_offset)
{
    uint64_t start = log->start.offset + log->start.skip_count;
    uint64_t behind = log->end.offset;
    *found = -1;
    *end_offset = behind;
    for (struct list_node *node = list_last(&log->terms); node != NULL && behind > start;
         node = node->prev != &log->terms.head ? node->prev : NULL) {
        const struct log_term *run = CONTAINER_OF(node, struct log_term, in_log);
        uint64_t first = run->first_offset > start ? run->first_offset : start;
        bool has_records = first < behind;
        if (has_records && run->term <= term) {
            *found = (int32_t)run->term;
            return ERR_OK;
        }
        *end_offset = has_records ? first : *end_offset;
        behind = first;
    }
    return log->is_loaded || behind <= start ? ERR_OK : ERR_AGAIN;
}
