/* Streams as the catalog keeps them: typed relations over topics (VIEWS §1, §4). A declared one was
 * made by CREATE STREAM, an implicit one bears its topic's name and has the columns that inference
 * found.
 *
 * Pure. A stream is immutable: a changed one is another object with the same uuid and the next
 * version. */
#ifndef BROKER_CORE_STREAM_H
#define BROKER_CORE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "storage/log/format.h"
#include "views/plan/relation.h"
#include "views/vec/type.h"

/* Columns of a stream at most, system columns not counted; what more an inferred one has stays in
 * its last column, a JSONB called CORE_STREAM_REST. */
#define CORE_STREAM_COLUMNS_MAX 1024u
#define CORE_STREAM_REST        "_rest"

/* Bytes of a name, of a path or a header's name, and of a whole stream at rest. */
#define CORE_STREAM_NAME_BYTES_MAX   249u
#define CORE_STREAM_SOURCE_BYTES_MAX 1024u
#define CORE_STREAM_BYTES_MAX        (512u << 10)

/* Scans read within a JSONB whose path is no longer: with a plan_path it is still a path that
 * readers take. */
#define CORE_STREAM_DOCUMENT_BYTES_MAX 96u

/* Where a column's values come from. The values are stored. */
enum core_stream_source {
    CORE_STREAM_PATH = 1,    /* `source`: a path in the value (schemas/json/path.h) */
    CORE_STREAM_KEY = 2,     /* the record's key, as the stream's key format says */
    CORE_STREAM_HEADER = 3,  /* the last header called `source` */
    CORE_STREAM_RESIDUE = 4, /* members of the value that no other column has: an object */
};

/* Of a number in a column of time: since 1970. The values are stored. */
enum core_stream_unit {
    CORE_STREAM_MS = 1,
    CORE_STREAM_S = 2,
    CORE_STREAM_US = 3,
    CORE_STREAM_NS = 4,
};

/* What a key is. The values are stored. */
enum core_stream_key {
    CORE_STREAM_KEY_TEXT = 1,  /* UTF-8 */
    CORE_STREAM_KEY_JSON = 2,  /* a JSON value */
    CORE_STREAM_KEY_INT64 = 3, /* 8 bytes, big-endian, as Kafka's LongSerializer writes them */
};

/* A column. */
struct core_stream_column {
    const char *name;     /* with a NUL behind it */
    struct vec_type type; /* of its values */
    uint8_t from;         /* enum core_stream_source */
    uint8_t unit;         /* enum core_stream_unit; of TIMESTAMP and TIMESTAMPTZ, perhaps of DATE;
                             else 0 */
    bool is_open;         /* inferred from nothing but null: a JSONB that may become any type */
    const char *source;   /* the path, or the header's name; with a NUL behind it; "" else */
};

/* A stream. */
struct core_stream {
    struct log_uuid uuid;                     /* not zero, never used again */
    struct log_uuid topic;                    /* whose records */
    const char *name;                         /* with a NUL behind it */
    uint32_t version;                         /* of its columns, from 1 */
    bool is_declared;                         /* else implicit */
    uint8_t key;                              /* enum core_stream_key */
    int64_t created_ms;                       /* this version, since 1970 */
    const struct core_stream_column *columns; /* columns_count, 0 when nothing could be inferred */
    uint32_t columns_count;
    uint32_t refs; /* nodes of the catalog's trees that hold it; shard 0 only */
};

/* What plan_relation.owner of a stream points to, beside the relation and in the same arena: all
 * that a scan needs, copied, so that no change of the catalog touches it. The relation's columns
 * are the stream's, in order, and behind them the system columns (hidden): _key TEXT (or JSONB, or
 * BIGINT, as the key format says), _headers JSONB, _offset BIGINT, _partition INTEGER, _timestamp
 * TIMESTAMPTZ, _topic TEXT. */
struct core_stream_relation {
    struct plan_relation relation;
    struct core_stream stream; /* its columns and names are copies */
    const char *topic_name;    /* of _topic */
    const uint64_t *groups;    /* the group of each partition, then */
    uint32_t partitions_count;
};

/* Columns that the system adds behind a stream's own. */
#define CORE_STREAM_SYSTEM_COUNT 6u

/* The name of its i-th one, from 0 (asserted: below the count). Static storage. */
const char *core_stream_system_name(uint32_t i);

/* What _key is for an enum core_stream_key. */
enum vec_kind core_stream_key_kind(uint8_t key);

/* Write the CREATE STREAM statement that declares it, on one line without a semicolon. `topic_name`
 * is its topic's. A residue has no such form and is left out; without any column it is one for the
 * whole value. */
void core_stream_write(struct bytes_writer *w, const struct core_stream *stream,
                       const char *topic_name);

/* A stream at rest, as the body of a command (command.h), little-endian; a string is a u16 length
 * and its bytes, no NUL among them:
 *
 *     topic uuid 16, u32 version, u8 is declared, u8 key, i64 ms since 1970, string name,
 *     u16 columns count, columns: string name, string kind's short name, u8 precision, u8 scale,
 *     u8 from, u8 unit, u8 is open, string source
 *
 * The uuid of the stream is the command's. */
size_t core_stream_bytes(const struct core_stream *stream);
void core_stream_put(struct bytes_writer *w, const struct core_stream *stream);

/* Look at the `length` bytes at `data`: *block_bytes = what core_stream_get needs. ERR_CORRUPT:
 * they are not one stream and nothing else, or a value is out of bounds. */
MUST_USE enum err core_stream_measure(const void *data, size_t length, size_t *block_bytes);

/* Make the stream of bytes that core_stream_measure took, in the `block_bytes` at `block` (aligned
 * for a struct core_stream): that is it, with all that belongs to it behind it. refs is 0. */
struct core_stream *core_stream_get(const void *data, size_t length, const struct log_uuid *uuid,
                                    void *block, size_t block_bytes);

/* *out = the relation of `stream`, a copy in `a`. ERR_BUDGET, ERR_TOO_LARGE: `a` refuses. */
MUST_USE enum err core_stream_relation_make(struct arena *a, const struct core_stream *stream,
                                            const char *topic_name, const uint64_t *groups,
                                            uint32_t partitions_count,
                                            struct core_stream_relation **out);

#endif
