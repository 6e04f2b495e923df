/* The controller's commands: what group 0's log says (DESIGN §5), as the values of records in its
 * batches. The catalog (catalog.h) is their fold.
 *
 * A command, little-endian; a string is a u16 length and its bytes; a pair is a string (key) and a
 * string (value), a value's length of 0xffff: the key is taken away:
 *
 *     u16 type, u16 version (1 for all), then
 *     CLUSTER        uuid 16
 *     TOPIC_CREATE   uuid 16, u64 first group, u32 partitions, i64 ms since 1970, string name,
 *                    u16 pairs count, pairs
 *     TOPIC_DELETE   uuid 16
 *     PARTITIONS_ADD uuid 16, u64 first group, u32 partitions then
 *     CONFIG_SET     uuid 16, u16 pairs count, pairs
 *     PRODUCER_IDS   u64 first, u32 count
 *     STREAM_PUT     uuid 16, the stream (stream.h)
 *     STREAM_DROP    uuid 16, string name
 *     VIEW_PUT       uuid 16, the view (view.h)
 *     VIEW_DROP      uuid 16, string name
 *     VIEW_RENAME    uuid 16, string name from now on
 *     VIEW_SWAP      uuid 16
 *
 * Every build reads all that earlier builds wrote: a change of a layout is a new version, of which
 * the old one stays readable. What a newer build wrote is ERR_UNSUPPORTED, never skipped: a fold
 * without it would be another catalog. A record's key is the type's name, for people who look at
 * the log; no reader looks at it.
 *
 * Decoders look at no more than the bytes they are given; what they give out are views that live as
 * long as these. Pure. */
#ifndef BROKER_CORE_COMMAND_H
#define BROKER_CORE_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "broker/core/stream.h"
#include "broker/core/topic_config.h"
#include "broker/core/view.h"
#include "storage/log/format.h"
#include "storage/log/records.h"

/* The longest name of a topic, Kafka's. */
#define CORE_TOPIC_NAME_BYTES_MAX 249u

/* The longest key of a pair. */
#define CORE_COMMAND_KEY_BYTES_MAX 64u

/* An encoded command fits, but for STREAM_PUT and VIEW_PUT, */
#define CORE_COMMAND_BYTES_MAX                                                                     \
    (64u + CORE_TOPIC_NAME_BYTES_MAX +                                                             \
     CORE_TOPIC_CONFIG_PAIRS_MAX *                                                                 \
         (4u + CORE_COMMAND_KEY_BYTES_MAX + CORE_TOPIC_CONFIG_VALUE_BYTES_MAX))

/* and those. */
#define CORE_COMMAND_STREAM_BYTES_MAX (20u + CORE_STREAM_BYTES_MAX)
#define CORE_COMMAND_VIEW_BYTES_MAX   (20u + CORE_VIEW_BYTES_MAX)

/* What a command does. The values are stored. */
enum core_command_type {
    CORE_COMMAND_CLUSTER = 1,        /* the cluster's uuid, once */
    CORE_COMMAND_TOPIC_CREATE = 2,   /* a topic */
    CORE_COMMAND_TOPIC_DELETE = 3,   /* it and its partitions are gone */
    CORE_COMMAND_PARTITIONS_ADD = 4, /* more partitions */
    CORE_COMMAND_CONFIG_SET = 5,     /* keys set and taken away, all or none */
    CORE_COMMAND_PRODUCER_IDS = 6,   /* a block of producer ids is handed out */
    CORE_COMMAND_STREAM_PUT = 7,     /* a stream, or its next version */
    CORE_COMMAND_STREAM_DROP = 8,    /* a declared stream is gone */
    CORE_COMMAND_VIEW_PUT = 9,       /* a view, or the heir of one; or, where it has the uuid of
                                        one, that one's next incarnation at once */
    CORE_COMMAND_VIEW_DROP = 10,     /* a view is gone, and its heir; or that heir alone, whose uuid
                                        it is */
    CORE_COMMAND_VIEW_RENAME = 11,   /* it has another name, and so has its heir */
    CORE_COMMAND_VIEW_SWAP = 12,     /* the heir of this uuid takes the view's place */
};

/* A command. Fields that its type does not name above are zero after a decode, and are not looked
 * at by an encode. */
struct core_command {
    enum core_command_type type; /* which */
    struct log_uuid uuid;        /* of the cluster, the topic, the stream or the view; not zero */
    uint64_t group_first;        /* group ids of the new partitions: this and the following */
    uint32_t partitions_count;   /* of the topic from now on, 1 .. LIMIT_PARTITIONS_COUNT */
    int64_t time_ms;             /* of a topic's creation, since 1970 */
    uint64_t producer_id_first;  /* ids handed out: this and the following */
    uint32_t producer_ids_count; /* so many, >= 1 */
    const char *name;            /* the topic's, the stream's or view's to drop, or the view's
                                    from now on; no NUL */
    const uint8_t *stream;       /* the stream put, as core_stream_put writes it */
    uint32_t stream_bytes;       /* of it */
    const uint8_t *view;         /* the view put, as core_view_put writes it */
    uint32_t view_bytes;         /* of it */
    uint16_t name_bytes;         /* of `name`, 1 .. CORE_TOPIC_NAME_BYTES_MAX */
    uint16_t pairs_count;        /* of `pairs` */
    struct core_topic_config_pair pairs[CORE_TOPIC_CONFIG_PAIRS_MAX]; /* value NULL in CONFIG_SET
                                                                         only */
};

/* "topic-create". Static storage; "unknown" for other values. */
const char *core_command_name(enum core_command_type type);

/* Write `cmd`, whole or not at all: ERR_TOO_LARGE in `w` when it does not fit. Its fields are
 * within their bounds (asserted). */
void core_command_put(struct bytes_writer *w, const struct core_command *cmd);

/* *out = the command in the `length` bytes at `data`, which hold nothing else. ERR_UNSUPPORTED: a
 * type or a version of a newer build; ERR_CORRUPT: fields that end too early, bytes behind them, or
 * a value out of bounds (numbers up to LOG_NUMBER_MAX). That names and values make sense is not
 * looked at. *out is zero after an error. */
MUST_USE enum err core_command_get(const void *data, size_t length, struct core_command *out);

/* Write one batch whose records are the `count` (>= 1, asserted) commands, in order, with
 * `time_ms` as their timestamp: base offset 0, leader epoch -1, not compressed. ERR_TOO_LARGE, and
 * nothing is written: it does not fit `w`, or passes LIMIT_BATCH_BYTES. A STREAM_PUT or
 * VIEW_PUT needs its bytes twice: what is free in `w` serves as scratch. */
MUST_USE enum err core_command_batch_put(struct bytes_writer *w, const struct crc32c *kernels,
                                         const struct core_command *commands, size_t count,
                                         int64_t time_ms);

/* A batch being read. */
struct core_command_batch {
    struct log_records_reader records; /* at the next record */
    enum err err;                      /* the first failure, ERR_END included */
};

/* Begin to read the batch of `length` bytes at `data`, which stay until it is read. Errors:
 * log_records_open's; ERR_UNSUPPORTED: compressed. The CRC is not looked at. */
MUST_USE enum err core_command_batch_open(struct core_command_batch *batch, const void *data,
                                          size_t length);

/* *out = the next command. ERR_END: there was none left; ERR_CORRUPT: not a record, or one without
 * a value; errors of core_command_get. The same then for every later call. *out is zero after an
 * error. */
MUST_USE enum err core_command_batch_next(struct core_command_batch *batch,
                                          struct core_command *out);

#endif
