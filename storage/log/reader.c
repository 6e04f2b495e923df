/* A sequential reader: a log_read whose cursor outlives its steps, so that files stay open, sidecar
 * blocks are read once, and the next run of a segment is under way while the caller uses this one.
 * See read.h. */
#include "base/assert.h"
#include "storage/log/cursor.h"
#include "storage/log/shard.h"

void log_reader_open(struct log_reader *reader, struct log *log, enum log_read_from from,
                     uint64_t at, uint32_t bytes_max, log_read_fn *done, void *ctx)
{
    struct log_read *read = &reader->read;
    *reader = (struct log_reader){0};
    read->done = done;
    read->ctx = ctx;
    read->log = log;
    read->from = from;
    read->at = at;
    read->bytes_max = bytes_max;
    read->is_reader = true;
    read->shard = log->ls->shard;
    list_push_back(&log->reads, &read->in_log);
}

void log_reader_next(struct log_reader *reader, uint64_t index_max)
{
    struct log_read *read = &reader->read;
    ASSERT(sm_stage(&read->sm) == LOG_READ_IDLE);
    if (read->log == NULL) {
        log_read_refuse(read, ERR_AGAIN);
        return;
    }
    if (read->err == ERR_CORRUPT) {
        read->from = LOG_READ_INDEX;
        read->at = read->last_index + 1;
    } else if (read->is_placed) {
        read->from = LOG_READ_INDEX;
        read->at = read->next_index;
    }
    read->index_max = index_max;
    log_read_release(read);
    log_read(read);
}

void log_reader_close(struct log_reader *reader)
{
    struct log_read *read = &reader->read;
    ASSERT(sm_stage(&read->sm) == LOG_READ_IDLE);
    log_read_release(read);
    if (read->log != NULL) {
        log_reader_leave(read);
    }
}

void log_reader_leave(struct log_read *read)
{
    ASSERT(sm_stage(&read->sm) == LOG_READ_IDLE);
    list_remove(&read->in_log);
    if (read->cursor != NULL) {
        log_cursor_free(read->cursor);
        read->cursor = NULL;
    }
    read->log = NULL;
}
