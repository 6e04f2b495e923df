/* See offsets.h. A time is found in two steps: the log gives the first batch whose largest
 * timestamp is not before it, and the batch is looked through.
 *
 * The largest timestamp is looked for by the running maximum that the log keeps. That is of all
 * records there ever were, so it may be a deleted one's; where no record that is left has it, all
 * batches are looked at, from the log start on. That takes as long as reading them, but happens
 * only where nothing newer came since. */
#include "broker/core/offsets.h"

#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/core/partition.h"
#include "broker/core/reading.h"

/* Read at a time where all batches are looked at. */
#define CORE_SCAN_BYTES (256u << 10)

static void core_offsets_run(struct core_shard *at, struct core_call *call);
static enum core_code core_offsets_answer(struct core_offsets *offsets,
                                          const struct core_partition *part, bool *is_search);
static void core_offsets_search(struct core_offsets *offsets, struct core_partition *part);
static void core_offsets_read(struct core_reading *reading, uint64_t at, enum log_read_from from);
static void core_offsets_read_done(struct log_read *read);
static enum err core_offsets_look(struct core_offsets *offsets, struct core_reading *reading);
static void core_offsets_end(struct core_offsets *offsets, struct core_reading *reading,
                             enum core_code code);
static void core_offsets_scan_start(struct core_offsets *offsets, struct core_reading *reading);
static void core_offsets_scan(struct core_offsets *offsets, struct core_reading *reading);
static enum err core_offsets_scan_part(struct core_offsets *offsets, struct core_reading *reading,
                                       struct buf_slice part);
static void core_offsets_came_home(struct core_shard *home, struct core_call *call);

void core_offsets_start(struct core_shard *cs, struct core_offsets *offsets)
{
    offsets->offset = -1;
    offsets->timestamp_found = -1;
    offsets->leader_epoch = -1;
    offsets->is_scanning = false;
    offsets->is_scanned = false;
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
    int64_t from = is_max ? part->max_timestamp : offsets->timestamp;
    core_offsets_read(reading, (uint64_t)(from < 0 ? 0 : from), LOG_READ_TIMESTAMP);
}

/* One batch from there; while scanning, as many as fit. */
static void core_offsets_read(struct core_reading *reading, uint64_t at, enum log_read_from from)
{
    const struct core_offsets *offsets = reading->ctx;
    reading->read = (struct log_read){.done = core_offsets_read_done,
                                      .ctx = reading,
                                      .log = reading->part->group.log,
                                      .from = from,
                                      .at = at,
                                      .index_max = reading->part->hw_index,
                                      .bytes_max = offsets->is_scanning ? CORE_SCAN_BYTES : 1,
                                      .does_skip_internal = true};
    log_read(&reading->read);
}

static void core_offsets_read_done(struct log_read *read)
{
    struct core_reading *reading = read->ctx;
    struct core_offsets *offsets = reading->ctx;
    enum err err = read->err;
    if (offsets->is_scanning) {
        core_offsets_scan(offsets, reading);
        return;
    }
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
    bool is_older = err == ERR_END || offsets->timestamp_found < reading->part->max_timestamp;
    if (offsets->timestamp == CORE_OFFSETS_MAX_TIMESTAMP && !offsets->is_scanned && is_older &&
        (err == ERR_OK || err == ERR_END)) {
        core_offsets_scan_start(offsets, reading);
        return;
    }
    core_offsets_end(offsets, reading, err == ERR_END ? CORE_OK : core_code_of_read(err));
}

static void core_offsets_end(struct core_offsets *offsets, struct core_reading *reading,
                             enum core_code code)
{
    struct core_shard *at = reading->part->cs;
    offsets->code = code;
    core_reading_free(reading);
    core_call_end(at, &offsets->call);
}

/* --- All batches --- */

static void core_offsets_scan_start(struct core_offsets *offsets, struct core_reading *reading)
{
    offsets->is_scanning = true;
    offsets->is_scanned = true;
    offsets->best_timestamp = -1;
    offsets->offset = -1;
    offsets->timestamp_found = -1;
    offsets->leader_epoch = -1;
    core_offsets_read(reading, core_partition_status(reading->part).start.index, LOG_READ_INDEX);
}

/* What was read; then the next, or the best batch. What cannot be read is passed over. */
static void core_offsets_scan(struct core_offsets *offsets, struct core_reading *reading)
{
    struct log_read *read = &reading->read;
    enum err err = read->err;
    uint64_t next_index = read->last_index + 1;
    for (uint32_t i = 0; err == ERR_OK && i < read->parts_count; i++) {
        err = core_offsets_scan_part(offsets, reading, read->parts[i]);
    }
    bool is_passed = read->err == ERR_CORRUPT && read->last_index >= read->first_index;
    log_read_release(read);
    if (reading->part->is_closing) {
        core_offsets_end(offsets, reading, CORE_CLOSING);
    } else if (err == ERR_RANGE) { /* deleted meanwhile */
        core_offsets_scan_start(offsets, reading);
    } else if (err == ERR_OK || is_passed) {
        core_offsets_read(reading, next_index, LOG_READ_INDEX);
    } else if (err != ERR_END) {
        core_offsets_end(offsets, reading, core_code_of_read(err));
    } else if (offsets->best_timestamp < 0) {
        core_offsets_end(offsets, reading, CORE_OK);
    } else {
        offsets->is_scanning = false;
        core_offsets_read(reading, offsets->best_offset, LOG_READ_OFFSET);
    }
}

/* The batches of one piece. Of the one in which the log starts only the records that are left
 * count. */
static enum err core_offsets_scan_part(struct core_offsets *offsets, struct core_reading *reading,
                                       struct buf_slice part)
{
    uint64_t start = core_partition_log_start(reading->part);
    struct log_batch batch;
    for (uint32_t pos = 0; pos < part.length; pos += batch.length_bytes) {
        const uint8_t *data = buf_slice_data(part) + pos;
        enum err err = log_batch_decode(data, part.length - pos, &batch);
        ASSERT(err == ERR_OK); /* verified */
        int64_t timestamp = batch.max_timestamp;
        if (batch.base_offset < start) {
            struct core_records_found found;
            err = core_records_find_max_time(&reading->part->cs->room, data, batch.length_bytes,
                                             start, &found);
            if (err != ERR_OK && err != ERR_NOT_FOUND) {
                return err;
            }
            timestamp = err == ERR_OK ? found.timestamp : -1;
        }
        if (timestamp > offsets->best_timestamp) {
            offsets->best_timestamp = timestamp;
            offsets->best_offset = batch.base_offset;
        }
    }
    return ERR_OK;
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
