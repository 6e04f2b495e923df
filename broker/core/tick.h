/* Ticks at rest: records of the internal topic __tdb_ticks (VIEWS §2). A log orders one
 * partition; ticks say how partitions interleave: a view is f(logs, ticks).
 *
 * A record's value, little-endian:
 *
 *     u16 version (1), u16 flags (1: whole), u64 tick, i64 ms since 1970, u64 timeline epoch,
 *     u32 moved count, moved: uuid 16 of the topic, u32 partition, u64 end
 *     u16 starts count, starts: uuid 16 of the view, u32 partitions count, u64 origin of each
 *
 * `end` is the last stable offset: what lies below it belongs to this tick or an earlier one. A
 * whole tick says all ends and all starts there are, so that what lies before it need not be read.
 * A start: the view's fold begins in this tick, in each partition of its source at that offset.
 * Ticks of a log have one epoch and successive numbers; times and ends never fall; the log begins
 * with a whole tick (timeline.h).
 *
 * A record is alone in its batch; its key is "tick", for people who look at the log.
 *
 * Decoders look at no more than the bytes they are given. Pure. */
#ifndef BROKER_CORE_TICK_H
#define BROKER_CORE_TICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/limits.h"
#include "storage/log/format.h"

/* The topic's name. */
#define CORE_TOPIC_TICKS "__tdb_ticks"

/* The layout's version. */
#define CORE_TICK_VERSION 1u

/* What a tick takes without moved partitions and starts, and each of the former; a start takes
 * CORE_TICK_START_BYTES and 8 for each partition. */
#define CORE_TICK_HEAD_BYTES  34u
#define CORE_TICK_MOVED_BYTES 28u
#define CORE_TICK_START_BYTES 20u

/* The largest tick: it fits a batch. */
#define CORE_TICK_BYTES_MAX (LIMIT_BATCH_BYTES - 4096u)

/* A partition has moved. */
struct core_tick_moved {
    struct log_uuid topic; /* whose */
    uint32_t partition;    /* which */
    uint64_t end;          /* records below it belong to this tick or an earlier one */
};

/* A view's fold begins. */
struct core_tick_start {
    struct log_uuid view;      /* whose */
    uint32_t partitions_count; /* of its source's topic, >= 1 */
    const uint8_t *origins;    /* so many u64, little-endian; core_tick_origin reads one */
};

/* A tick. What it points to is the bytes it was read from, or the caller's. */
struct core_tick {
    uint64_t epoch;        /* of the timeline, 1 .. 2^32-1 */
    uint64_t number;       /* from 1 */
    int64_t wall_ms;       /* now() of its rows, since 1970 */
    bool is_whole;         /* it says all ends and starts */
    uint32_t moved_count;  /* partitions */
    uint16_t starts_count; /* views */
    size_t starts_bytes;   /* of `starts` */
    const uint8_t *moved;  /* encoded; core_tick_moved reads one */
    const uint8_t *starts; /* encoded; core_tick_next_start */
};

/* Write what stands before the moved partitions, one of these, and what stands before the starts:
 * whoever makes a tick writes the parts in order. Numbers are within their bounds (asserted). */
void core_tick_put_head(struct bytes_writer *w, const struct core_tick *tick);
void core_tick_put_moved(struct bytes_writer *w, const struct core_tick_moved *moved);
void core_tick_put_starts_count(struct bytes_writer *w, const struct core_tick *tick);

/* The bytes of `tick` as a record's value. */
size_t core_tick_bytes(const struct core_tick *tick);

/* Write it, whole or not at all: ERR_TOO_LARGE in `w`. Its numbers are within their bounds
 * (asserted). */
void core_tick_put(struct bytes_writer *w, const struct core_tick *tick);

/* *out = the tick in the `length` bytes at `data`, which hold nothing else; what it points to are
 * these. ERR_UNSUPPORTED: a version or flags of a newer build; ERR_CORRUPT: it ends too early,
 * bytes behind it, a zero uuid, or a number out of bounds. *out is zero after an error. */
MUST_USE enum err core_tick_get(const void *data, size_t length, struct core_tick *out);

/* Moved partition number `i` (< moved_count, asserted). */
struct core_tick_moved core_tick_moved(const struct core_tick *tick, uint32_t i);

/* Read the starts one after another from a reader over them; false: there is none left. */
struct bytes_reader core_tick_starts(const struct core_tick *tick);
bool core_tick_next_start(struct bytes_reader *r, struct core_tick_start *out);

/* Where `start` begins in `partition`; a partition that it does not have was made later, and begins
 * at 0. */
uint64_t core_tick_origin(const struct core_tick_start *start, uint32_t partition);

/* The bytes that a batch of one record with a value of `value_bytes` takes at most. */
size_t core_tick_batch_bound(size_t value_bytes);

/* Write the batch whose only record is the encoded tick at `value`, of `time_ms`: base offset 0,
 * leader epoch -1, not compressed. ERR_TOO_LARGE in `w`, and nothing is written. */
void core_tick_put_batch(struct bytes_writer *w, const struct crc32c *kernels, const void *value,
                         size_t value_bytes, int64_t time_ms);

/* *out = the tick of the batch of `length` bytes at `data`, which has that one record. Errors:
 * log_records_open's; core_tick_get's; ERR_CORRUPT: another number of records, or no value;
 * ERR_UNSUPPORTED: compressed. The CRC is not looked at. */
MUST_USE enum err core_tick_get_batch(const void *data, size_t length, struct core_tick *out);

#endif
