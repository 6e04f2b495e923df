/* See offsets.h. A time is found in two steps: the log gives the first batch whose largest
 * timestamp is not before it, and the batch is looked through. */
#include "broker/core/offsets.h"

#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/core/partition.h"
#include "broker/core/reading.h"

static void core_offsets_run(struct core_shard *at, struct core_call *call);
static enum core_code core_offsets_answer(struct core_offsets *offsets,
                                          const struct core_partition *part, bool *is_search);
static void core_offsets_search(struct core_offsets *offsets, struct core_partition *part);
static void core_offsets_read(struct core_reading *reading, uint64_t at, enum log_read_from from);
static void core_offsets_read_done(struct log_read *read);
static enum err core_offsets_look(struct core_offsets *offsets, struct core_reading *reading);
static void core_offsets_came_home(struct core_shard *home, struct core_call *call);

void core_offsets_start(struct core_shard *cs, struct core_offsets *offsets)
{
    offsets->offset = -1;
    offsets->timestamp_found = -1;
    offsets->leader_epoch = -1;
    core_call_start(cs, core_shard_of(cs->core, offsets->group), &offsets->call, core_offsets_run,
                    core_offsets_came_home);
}

static void core_offsets_came_home(struct core_shard *home, struct core_call *call)
{
    (void)home;
    struct core_offsets *offsets = CONTAINER_OF(call, struct core_offsets, call);
    offsets->done(offsets);
}

static void core_offsets_run(struct core_shard *at, struct core_call *call)
{
    struct core_offsets *offsets = CONTAINER_OF(call, struct core_offsets, call);
    struct core_partition *part =
        core_partition_find(at, offsets->group, &offsets->topic, offsets->partition);
    bool is_search = false;
    if (part == NULL || part->is_closed) {
        offsets->code = part == NULL ? CORE_UNKNOWN_TOPIC : CORE_NOT_AVAILABLE;
    } else {
        offsets->code = core_partition_check_epoch(part, offsets->epoch);
        if (offsets->code == CORE_OK) {
            offsets->code = core_offsets_answer(offsets, part, &is_search);
        }
    }
    if (is_search) {
        core_offsets_search(offsets, part);
    } else {
        core_call_end(at, call);
    }
}

static enum core_code core_offsets_answer(struct core_offsets *offsets,
                                          const struct core_partition *part, bool *is_search)
{
    struct log_status status = core_partition_status(part);
    uint32_t term;
    switch (offsets->timestamp) {
    case CORE_OFFSETS_LATEST:
        offsets->offset = (int64_t)part->hw_offset;
        offsets->leader_epoch = (int32_t)raft_group_term_shown(&part->group);
        return CORE_OK;
    case CORE_OFFSETS_EARLIEST:
    case CORE_OFFSETS_EARLIEST_LOCAL:
        offsets->offset = (int64_t)core_partition_log_start(part);
        if (log_term_of(part->group.log, status.start.index, &term) == ERR_OK) {
            offsets->leader_epoch = (int32_t)term;
        }
        return CORE_OK;
    case CORE_OFFSETS_LATEST_TIERED: return CORE_OK; /* nothing is */
    case CORE_OFFSETS_MAX_TIMESTAMP: break;
    default:
        if (offsets->timestamp < 0) {
            return CORE_INVALID_REQUEST;
        }
    }
    *is_search = core_partition_log_start(part) < part->hw_offset;
    return CORE_OK;
}

static void core_offsets_search(struct core_offsets *offsets, struct core_partition *part)
{
    struct core_shard *at = part->cs;
    struct core_reading *reading;
    enum err err = core_reading_new(part, offsets, &reading);
    if (err != ERR_OK) {
        offsets->code = core_code_of(err);
        core_call_end(at, &offsets->call);
        return;
    }
    bool is_max = offsets->timestamp == CORE_OFFSETS_MAX_TIMESTAMP;
    int64_t max_timestamp = core_partition_status(part).max_timestamp;
    uint64_t from =
        is_max ? (uint64_t)(max_timestamp < 0 ? 0 : max_timestamp) : (uint64_t)offsets->timestamp;
    core_offsets_read(reading, from, LOG_READ_TIMESTAMP);
}

/* One batch from there. */
static void core_offsets_read(struct core_reading *reading, uint64_t at, enum log_read_from from)
{
    reading->read = (struct log_read){.done = core_offsets_read_done,
                                      .ctx = reading,
                                      .log = reading->part->group.log,
                                      .from = from,
                                      .at = at,
                                      .index_max = reading->part->hw_index,
                                      .bytes_max = 1,
                                      .does_skip_internal = true};
    log_read(&reading->read);
}

static void core_offsets_read_done(struct log_read *read)
{
    struct core_reading *reading = read->ctx;
    struct core_offsets *offsets = reading->ctx;
    struct core_shard *at = reading->part->cs;
    enum err err = read->err;
    if (err == ERR_OK) {
        err = core_offsets_look(offsets, reading);
        uint64_t next_index = read->last_index + 1;
        log_read_release(read);
        if (err == ERR_NOT_FOUND) { /* a later batch has it, or none */
            core_offsets_read(reading, next_index, LOG_READ_INDEX);
            return;
        }
    } else {
        log_read_release(read);
    }
    offsets->code = err == ERR_END ? CORE_OK : core_code_of(err);
    core_reading_free(reading);
    core_call_end(at, &offsets->call);
}

/* The record in the batch that was read. ERR_NOT_FOUND: it is in none of its records. */
static enum err core_offsets_look(struct core_offsets *offsets, struct core_reading *reading)
{
    struct core_records_room *room = &reading->part->cs->room;
    struct buf_slice slice = reading->read.parts[0];
    const uint8_t *data = buf_slice_data(slice);
    uint64_t start = core_partition_log_start(reading->part);
    struct core_records_found found;
    struct log_batch batch;
    enum err err = log_batch_decode(data, slice.length, &batch);
    if (err != ERR_OK) {
        return err;
    }
    err = offsets->timestamp == CORE_OFFSETS_MAX_TIMESTAMP
              ? core_records_find_max_time(room, data, slice.length, start, &found)
              : core_records_find_time(room, data, slice.length, offsets->timestamp, start, &found);
    if (err == ERR_OK) {
        offsets->offset = (int64_t)found.offset;
        offsets->timestamp_found = found.timestamp;
        offsets->leader_epoch = (int32_t)batch.term;
    }
    return err;
}
