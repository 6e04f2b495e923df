/* Which entries retention lets go. See retention.h.
 *
 * Running maxima do what Kafka does with each segment's own: segments go from the oldest on, so one
 * with a timestamp in the future keeps all behind it either way. */
#include "storage/log/retention.h"

#include "base/assert.h"
#include "storage/log/shard.h"

static void log_retention_found(struct log_read *read);

enum err log_retention_index(const struct log *log, const struct log_retention *want,
                             uint64_t *first_index)
{
    *first_index = log->start.index;
    if (!log->is_loaded) {
        return ERR_AGAIN;
    }
    uint64_t bytes = 0;
    list_for_each (node, &log->segments.list) {
        const struct log_segment *seg = CONTAINER_OF(node, const struct log_segment, in_log);
        bytes += seg->last_index >= log->start.index ? seg->end_pos : 0;
    }
    const struct log_segment *active = log_segment_active(log);
    list_for_each (node, &log->segments.list) {
        const struct log_segment *seg = CONTAINER_OF(node, const struct log_segment, in_log);
        if (seg->last_index < *first_index) {
            continue; /* goes anyway, or is empty */
        }
        bool is_old = want->age_ms >= 0 && seg->max_timestamp >= 0 &&
                      want->now_ms - want->age_ms > seg->max_timestamp;
        bool is_too_much = seg != active && bytes - seg->end_pos >= want->bytes_max;
        if ((!is_old && !is_too_much) || seg->last_index > want->index_max) {
            break;
        }
        bytes -= seg->end_pos;
        *first_index = seg->last_index + 1;
    }
    return ERR_OK;
}

void log_retention_find(struct log_retention_find *find, struct log *log, uint64_t offset,
                        uint64_t index_max)
{
    struct log_read *read = &find->read;
    ASSERT(find->done != NULL);
    *read = (struct log_read){
        .done = log_retention_found,
        .ctx = find,
        .log = log,
        .from = LOG_READ_OFFSET,
        .at = offset,
        .index_max = index_max,
    };
    log_read(read);
}

static void log_retention_found(struct log_read *read)
{
    struct log_retention_find *find = read->ctx;
    find->err = read->err;
    find->first_index = read->first_index;
    find->skip_count = 0;
    if (read->err == ERR_OK) {
        struct log_batch batch;
        enum err err =
            log_batch_decode(buf_slice_data(read->parts[0]), read->parts[0].length, &batch);
        ASSERT(err == ERR_OK); /* verified */
        if (batch.base_offset < read->at) {
            find->skip_count = (uint32_t)(read->at - batch.base_offset);
        }
    }
    if (read->err == ERR_END) {
        find->err = ERR_OK;
        uint64_t end = read->log->end.index;
        find->first_index = (read->index_max < end ? read->index_max : end) + 1;
    } else if (read->err == ERR_CORRUPT) { /* what cannot be read may be deleted all the same */
        find->err = ERR_OK;
    }
    log_read_release(read);
    find->done(find);
}
