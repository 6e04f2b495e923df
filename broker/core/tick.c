/* See tick.h. */
#include "broker/core/tick.h"

#include <assert.h>
#include <string.h>

#include "base/assert.h"
#include "storage/log/batch.h"
#include "storage/log/records.h"

/* A tick's flags. */
#define CORE_TICK_WHOLE 1u

/* Of every record. */
#define CORE_TICK_KEY       "tick"
#define CORE_TICK_KEY_BYTES 4u

static_assert(LIMIT_PARTITIONS_COUNT * (CORE_TICK_MOVED_BYTES + sizeof(uint64_t)) <
                  CORE_TICK_BYTES_MAX / 2,
              "all partitions and a start of as many fit");

static bool core_tick_is_moved(const struct core_tick_moved *moved);
static struct core_tick_moved core_tick_get_moved(struct bytes_reader *r);
static struct core_tick_start core_tick_get_start(struct bytes_reader *r);
static bool core_tick_is_head(const struct core_tick *tick);

void core_tick_put_head(struct bytes_writer *w, const struct core_tick *tick)
{
    ASSERT(core_tick_is_head(tick));
    bytes_put_u16le(w, CORE_TICK_VERSION);
    bytes_put_u16le(w, tick->is_whole ? CORE_TICK_WHOLE : 0);
    bytes_put_u64le(w, tick->number);
    bytes_put_u64le(w, (uint64_t)tick->wall_ms);
    bytes_put_u64le(w, tick->epoch);
    bytes_put_u32le(w, tick->moved_count);
}

void core_tick_put_moved(struct bytes_writer *w, const struct core_tick_moved *moved)
{
    ASSERT(core_tick_is_moved(moved));
    log_uuid_put(w, &moved->topic);
    bytes_put_u32le(w, moved->partition);
    bytes_put_u64le(w, moved->end);
}

void core_tick_put_starts_count(struct bytes_writer *w, const struct core_tick *tick)
{
    bytes_put_u16le(w, tick->starts_count);
}

size_t core_tick_bytes(const struct core_tick *tick)
{
    return CORE_TICK_HEAD_BYTES + (size_t)tick->moved_count * CORE_TICK_MOVED_BYTES +
           tick->starts_bytes;
}

void core_tick_put(struct bytes_writer *w, const struct core_tick *tick)
{
    if (bytes_writer_left(w) < core_tick_bytes(tick)) {
        w->err = w->err == ERR_OK ? ERR_TOO_LARGE : w->err;
        return;
    }
    core_tick_put_head(w, tick);
    bytes_put_copy(w, tick->moved, (size_t)tick->moved_count * CORE_TICK_MOVED_BYTES);
    core_tick_put_starts_count(w, tick);
    bytes_put_copy(w, tick->starts, tick->starts_bytes);
}

enum err core_tick_get(const void *data, size_t length, struct core_tick *out)
{
    struct bytes_reader r = bytes_reader(data, length);
    struct core_tick tick = {0};
    *out = tick;
    uint16_t version = bytes_get_u16le(&r);
    uint16_t flags = bytes_get_u16le(&r);
    if (r.err == ERR_OK && (version > CORE_TICK_VERSION || (flags & ~CORE_TICK_WHOLE) != 0)) {
        return ERR_UNSUPPORTED;
    }
    tick.is_whole = (flags & CORE_TICK_WHOLE) != 0;
    tick.number = bytes_get_u64le(&r);
    tick.wall_ms = (int64_t)bytes_get_u64le(&r);
    tick.epoch = bytes_get_u64le(&r);
    tick.moved_count = bytes_get_u32le(&r);
    tick.moved = bytes_get_view(&r, (uint64_t)tick.moved_count * CORE_TICK_MOVED_BYTES);
    tick.starts_count = bytes_get_u16le(&r);
    if (r.err != ERR_OK || version == 0 || !core_tick_is_head(&tick)) {
        return ERR_CORRUPT;
    }
    for (uint32_t i = 0; i < tick.moved_count; i++) {
        struct core_tick_moved moved = core_tick_moved(&tick, i);
        if (!core_tick_is_moved(&moved)) {
            return ERR_CORRUPT;
        }
    }
    tick.starts_bytes = bytes_reader_left(&r);
    tick.starts = bytes_get_view(&r, tick.starts_bytes);
    r = core_tick_starts(&tick);
    for (uint32_t i = 0; i < tick.starts_count; i++) {
        (void)core_tick_get_start(&r);
    }
    if (r.err != ERR_OK || bytes_reader_left(&r) != 0) {
        return ERR_CORRUPT;
    }
    *out = tick;
    return ERR_OK;
}

static bool core_tick_is_head(const struct core_tick *tick)
{
    return tick->epoch >= 1 && tick->epoch <= UINT32_MAX && tick->number >= 1 &&
           tick->number <= LOG_NUMBER_MAX && tick->wall_ms >= 0;
}

static bool core_tick_is_moved(const struct core_tick_moved *moved)
{
    return !log_uuid_is_zero(&moved->topic) && moved->partition < LIMIT_PARTITIONS_COUNT &&
           moved->end <= LOG_NUMBER_MAX;
}

static struct core_tick_moved core_tick_get_moved(struct bytes_reader *r)
{
    struct core_tick_moved moved = {.topic = log_uuid_get(r)};
    moved.partition = bytes_get_u32le(r);
    moved.end = bytes_get_u64le(r);
    return moved;
}

struct core_tick_moved core_tick_moved(const struct core_tick *tick, uint32_t i)
{
    ASSERT(i < tick->moved_count);
    struct bytes_reader r =
        bytes_reader(tick->moved + (size_t)i * CORE_TICK_MOVED_BYTES, CORE_TICK_MOVED_BYTES);
    return core_tick_get_moved(&r);
}

/* --- Starts --- */

struct bytes_reader core_tick_starts(const struct core_tick *tick)
{
    return bytes_reader(tick->starts, tick->starts_bytes);
}

static struct core_tick_start core_tick_get_start(struct bytes_reader *r)
{
    struct core_tick_start start = {.view = log_uuid_get(r)};
    start.partitions_count = bytes_get_u32le(r);
    start.origins = bytes_get_view(r, (uint64_t)start.partitions_count * sizeof(uint64_t));
    if (r->err == ERR_OK && (log_uuid_is_zero(&start.view) || start.partitions_count == 0 ||
                             start.partitions_count > LIMIT_PARTITIONS_COUNT)) {
        bytes_reader_fail(r, ERR_CORRUPT);
    }
    for (uint32_t i = 0; r->err == ERR_OK && i < start.partitions_count; i++) {
        if (core_tick_origin(&start, i) > LOG_NUMBER_MAX) {
            bytes_reader_fail(r, ERR_CORRUPT);
        }
    }
    return start;
}

bool core_tick_next_start(struct bytes_reader *r, struct core_tick_start *out)
{
    if (bytes_reader_left(r) == 0 || r->err != ERR_OK) {
        return false;
    }
    *out = core_tick_get_start(r);
    return r->err == ERR_OK;
}

uint64_t core_tick_origin(const struct core_tick_start *start, uint32_t partition)
{
    if (partition >= start->partitions_count) {
        return 0;
    }
    struct bytes_reader r =
        bytes_reader(start->origins + (size_t)partition * sizeof(uint64_t), sizeof(uint64_t));
    return bytes_get_u64le(&r);
}

/* --- Batches --- */

size_t core_tick_batch_bound(size_t value_bytes)
{
    return LOG_BATCH_HEADER_BYTES + LOG_RECORDS_ITEM_BYTES_MAX + CORE_TICK_KEY_BYTES + value_bytes;
}

void core_tick_put_batch(struct bytes_writer *w, const struct crc32c *kernels, const void *value,
                         size_t value_bytes, int64_t time_ms)
{
    struct log_records_writer rw;
    struct log_records_item item = {.timestamp = time_ms,
                                    .key = (const uint8_t *)CORE_TICK_KEY,
                                    .key_bytes = CORE_TICK_KEY_BYTES,
                                    .value = value,
                                    .value_bytes = (uint32_t)value_bytes};
    ASSERT(value_bytes <= CORE_TICK_BYTES_MAX);
    enum err err = w->err;
    if (err == ERR_OK && bytes_writer_left(w) < core_tick_batch_bound(value_bytes)) {
        err = ERR_TOO_LARGE;
    }
    if (err == ERR_OK) {
        log_records_begin(&rw, w->data + w->pos, bytes_writer_left(w));
        err = log_records_add(&rw, &item);
    }
    if (err == ERR_OK) {
        w->pos += log_records_end(&rw, kernels);
    }
    w->err = err;
}

enum err core_tick_get_batch(const void *data, size_t length, struct core_tick *out)
{
    struct log_records_reader rr;
    struct log_records_item item = {0};
    struct log_records_item other;
    struct log_batch header;
    *out = (struct core_tick){0};
    enum err err = log_batch_decode(data, length, &header);
    if (err == ERR_OK && header.kind == LOG_KIND_DATA &&
        (header.attributes & LOG_BATCH_COMPRESSION) != 0) {
        return ERR_UNSUPPORTED;
    }
    if (err == ERR_OK) {
        err = log_records_open(&rr, data, length, NULL, NULL, 0);
    }
    if (err != ERR_OK) {
        return err;
    }
    if (log_records_next(&rr, &item) != ERR_OK || log_records_next(&rr, &other) != ERR_END ||
        item.value == NULL) {
        return ERR_CORRUPT;
    }
    return core_tick_get(item.value, item.value_bytes, out);
}
