/* What a client may append: the `records` bytes of a Produce request are looked at before anything
 * is done with them. And records found by time, and the timestamps of a batch set.
 *
 * A client's bytes are exactly one RecordBatch v2: whole, with the right checksum, with as many
 * records as it says, their offset deltas 0, 1, 2 ... and every length within the record. The
 * limits are the topic's. Kafka divides this among ProduceRequest.validateRecords, UnifiedLog and
 * LogValidator; it is followed in what is refused, in which order and with which error, but for
 * these:
 *   - one record's fault is reported, the first; Kafka lists all, and answers a wrong timestamp
 *     before any other fault.
 *   - records whose offset deltas are not 0, 1, 2 ... are refused; Kafka rewrites them where they
 *     are compressed and keeps them where not.
 *   - attribute bits that a client has no use for (bit 3, append time; bit 6, delete horizon; 7 to
 *     15, undefined) are refused; Kafka lets 3 pass under CreateTime and ignores the others.
 *   - a transactional batch without a producer, and a producer whose epoch is negative, are
 *     refused. Epoch and sequence of a batch without a producer are ignored, as Kafka does: kafkajs
 *     writes 0 in both.
 *   - what records decompress to is bounded (core_records_room); Kafka streams it.
 * As Kafka: a header's max timestamp that is not the records' largest is no fault but put right by
 * the one who appends; -1, no timestamp, is within any bounds; keys, values and the attributes of
 * records are not looked into.
 *
 * A batch without compression costs its checksum and one walk over the lengths, no byte is copied.
 * Pure but for the room's memory. Nothing blocks; one room belongs to one thread.
 * Source: Apache Kafka 4; KIP-98, KIP-937 (bounds of timestamps). */
#ifndef BROKER_CORE_RECORDS_H
#define BROKER_CORE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/codec.h"
#include "base/crc32c.h"
#include "storage/log/batch.h"
#include "storage/log/records.h"

/* What a door answers. Beside each: the name in Kafka's protocol. */
enum core_records_answer {
    CORE_RECORDS_OK,          /* NONE */
    CORE_RECORDS_INVALID,     /* INVALID_RECORD */
    CORE_RECORDS_CORRUPT,     /* CORRUPT_MESSAGE, which clients send again */
    CORE_RECORDS_TOO_LARGE,   /* MESSAGE_TOO_LARGE; clients that can, split the batch */
    CORE_RECORDS_TIMESTAMP,   /* INVALID_TIMESTAMP */
    CORE_RECORDS_COMPRESSION, /* UNSUPPORTED_COMPRESSION_TYPE */
    CORE_RECORDS_FORMAT,      /* UNSUPPORTED_FOR_MESSAGE_FORMAT; Kafka 4: INVALID_RECORD */
    CORE_RECORDS_NO_MEMORY,   /* none: the broker's budget; the same bytes may pass later */
};

/* Every fault, in the order of the checks: name, answer, text for people. */
#define CORE_RECORDS_FAULT_TABLE(X)                                                                \
    X(NONE, OK, "no fault")                                                                        \
    X(EMPTY, INVALID, "there is no record batch")                                                  \
    X(OLD_MAGIC, FORMAT, "messages of a format before record batches (magic 2, Kafka 0.11)")       \
    X(MAGIC, CORRUPT, "not a record batch: unknown magic")                                         \
    X(LENGTH, CORRUPT, "the batch's length is below its header's")                                 \
    X(CUT_OFF, INVALID, "the batch ends before its length")                                        \
    X(NOT_ONE, INVALID, "more bytes follow the batch; one batch per partition is allowed")         \
    X(BASE_OFFSET, INVALID, "the batch's base offset is not 0")                                    \
    X(BATCH_BYTES, TOO_LARGE, "the batch is larger than max.message.bytes")                        \
    X(CHECKSUM, CORRUPT, "the checksum is wrong")                                                  \
    X(ATTRIBUTES, INVALID, "attributes that a producer may not set")                               \
    X(APPEND_TIME, TIMESTAMP, "a producer may not set the timestamp type to append time")          \
    X(CONTROL, INVALID, "a client may not write control records")                                  \
    X(CODEC, COMPRESSION, "unknown compression type")                                              \
    X(ZSTD, COMPRESSION, "zstd needs version 7 of the produce request")                            \
    X(HEADER, INVALID, "a number of the batch's header is out of range")                           \
    X(RECORDS_COUNT, INVALID, "record count and last offset delta do not agree")                   \
    X(PRODUCER, INVALID, "producer id, epoch and sequence do not agree")                           \
    X(COMPRESSED, INVALID, "the records cannot be decompressed")                                   \
    X(COMPRESSED_FORM, COMPRESSION, "compressed with a dictionary or a window that is too large")  \
    X(ROOM, TOO_LARGE, "the records are too large when decompressed")                              \
    X(BUDGET, NO_MEMORY, "no memory to decompress the records")                                    \
    X(RECORD, INVALID, "a record is malformed")                                                    \
    X(OFFSET_DELTA, INVALID, "a record's offset delta is not its place in the batch")              \
    X(KEY, INVALID, "a compacted topic takes no record without a key")                             \
    X(OLD_TIME, TIMESTAMP, "a timestamp is older than message.timestamp.before.max.ms allows")     \
    X(LATE_TIME, TIMESTAMP, "a timestamp is later than message.timestamp.after.max.ms allows")     \
    X(TRAILING, INVALID, "bytes follow the last record")

enum core_records_fault {
#define CORE_RECORDS_FAULT_ENUM(name, answer, text) CORE_RECORDS_FAULT_##name,
    CORE_RECORDS_FAULT_TABLE(CORE_RECORDS_FAULT_ENUM)
#undef CORE_RECORDS_FAULT_ENUM
        CORE_RECORDS_FAULT_COUNT
};

/* What a partition lets in. */
struct core_records_config {
    uint32_t batch_bytes_max; /* max.message.bytes; LIMIT_BATCH_BYTES holds besides */
    bool is_append_time;      /* message.timestamp.type=LogAppendTime: no bounds are checked */
    bool is_compacted;        /* cleanup.policy has compact: every record has a key */
    bool may_zstd;            /* the request's version is one that may carry zstd */
    bool has_crc;             /* `crc` is known: the batch was checksummed as it was copied */
    uint32_t crc;             /* CRC-32C of the bytes from CORE_RECORDS_CRC_FROM to the end */
    int64_t now_ms;           /* wall clock of the bounds */
    int64_t before_max_ms;    /* message.timestamp.before.max.ms, >= 0; INT64_MAX: none */
    int64_t after_max_ms;     /* message.timestamp.after.max.ms, >= 0; INT64_MAX: none */
};

/* Where core_records_config.crc begins: at the attributes, behind the checksum itself. */
#define CORE_RECORDS_CRC_FROM 21u

/* What was found. */
struct core_records_info {
    struct log_batch batch;        /* the header; zero when a fault was found before it */
    enum core_records_fault fault; /* NONE: everything below holds */
    int32_t record_index;          /* the record at fault, from 0; -1: the batch as a whole */
    int64_t number;                /* what the fault is about: a length, a magic, a timestamp */
    int64_t max_timestamp;         /* the records' largest, ms */
    uint64_t records_bytes;        /* of the records, decompressed */
    enum codec_kind codec;         /* of the batch */
    bool is_transactional;         /* attribute bit 4 */
    bool has_producer;             /* producer id, epoch and sequence are all >= 0 */
    bool is_max_timestamp_wrong;   /* the header's is another than max_timestamp: whoever appends
                                         to a CreateTime topic sets it right */
};

/* A shard's room for decompressing, embedded in its owner. Blocks come from a budget as batches
 * need them; the last one is kept up to `keep_bytes`. */
struct core_records_room {
    struct codec_context codec; /* the libraries' contexts */
    struct budget *budget;      /* what `data` is charged to */
    uint8_t *data;              /* the block; NULL: none yet */
    size_t bytes;               /* of it */
    size_t keep_bytes;          /* a larger block is given back after its batch */
    size_t bytes_max;           /* the most that one batch's records decompress to */
};

/* Bounds for who has none: what most batches need, and four times the largest batch. */
#define CORE_RECORDS_ROOM_KEEP_BYTES (1u << 20)
#define CORE_RECORDS_ROOM_BYTES_MAX  (64u << 20)

/* A record found. */
struct core_records_found {
    uint64_t offset;   /* of it */
    int64_t timestamp; /* of it, ms */
};

/* An empty room charged to `budget`. Takes nothing yet. `keep_bytes` <= `bytes_max`, which is
 * 1..CODEC_BYTES_MAX (asserted). */
void core_records_room_init(struct core_records_room *room, struct budget *budget,
                            size_t keep_bytes, size_t bytes_max);

/* Give everything back. */
void core_records_room_deinit(struct core_records_room *room);

/* Look at the `length` bytes at `data` (NULL: 0) that a client wants appended, which are neither
 * changed nor kept. Returns info->fault. `room` is used where the records are compressed. */
enum core_records_fault core_records_validate(const struct core_records_config *config,
                                              struct core_records_room *room,
                                              const struct crc32c *kernels, const void *data,
                                              size_t length, struct core_records_info *info);

/* What core_records_validate would find in the batch of `length` bytes at `data` that was built
 * here with log_records_end, of records that the builder has held against the topic's limits: its
 * header alone is looked at. */
void core_records_built(const void *data, size_t length, struct core_records_info *info);

/* Begin to read the records of the batch of `length` bytes at `data`; compressed ones stand in the
 * room until core_records_close, and until then it is used for nothing else. Errors are
 * log_records_open's, and ERR_TOO_LARGE or ERR_BUDGET from the room; to be closed all the same. */
MUST_USE enum err core_records_open(struct core_records_room *room, struct log_records_reader *rr,
                                    const void *data, size_t length);
void core_records_close(struct core_records_room *room);

/* What a door answers to `fault`, and its name ("OLD_MAGIC") and text. Static storage. */
enum core_records_answer core_records_answer_of(enum core_records_fault fault);
const char *core_records_fault_name(enum core_records_fault fault);
const char *core_records_fault_text(enum core_records_fault fault);

/* Write the fault of `info` as a sentence with its record and number, e.g. "record 17: a timestamp
 * is older than ... allows (1517966773840)". NUL-terminated within `out_bytes` (>= 1); returns the
 * length without the NUL. */
size_t core_records_describe(const struct core_records_info *info, char *out, size_t out_bytes);

/* In the batch of `length` bytes at `data`, which was appended once: the first record at or behind
 * `from_offset` whose timestamp is >= `timestamp`. ERR_NOT_FOUND: none. Other errors are
 * log_batch_decode's (of a batch that is not whole or not a client's: ERR_CORRUPT), and
 * ERR_TOO_LARGE or ERR_BUDGET from the room. *out is zero then. */
MUST_USE enum err core_records_find_time(struct core_records_room *room, const void *data,
                                         size_t length, int64_t timestamp, uint64_t from_offset,
                                         struct core_records_found *out);

/* The first record at or behind `from_offset` that has the largest timestamp of those (ListOffsets
 * -3). Errors as core_records_find_time's. */
MUST_USE enum err core_records_find_max_time(struct core_records_room *room, const void *data,
                                             size_t length, uint64_t from_offset,
                                             struct core_records_found *out);

/* Make `now_ms` the time of every record of the batch at `data` (whole and sound, at least a
 * header), which is the caller's to change: attribute bit 3, max timestamp, checksum. Takes no look
 * at the records: the checksum is corrected, so a wrong one stays wrong. */
void core_records_set_append_time(const struct crc32c *kernels, uint8_t *data, size_t length,
                                  int64_t now_ms);

/* Set the header's max timestamp and the checksum in the same way; the timestamps of the records
 * count (bit 3 is cleared). For a batch whose header was wrong. */
void core_records_set_max_timestamp(const struct crc32c *kernels, uint8_t *data, size_t length,
                                    int64_t max_timestamp);

#endif
