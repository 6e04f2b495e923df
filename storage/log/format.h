/* What the log's formats have in common (byte tables: storage/README.md): identities, feature bits,
 * the chain.
 *
 * All decoders here and in batch, meta, frame, record, sidecar, snap and table are pure: they look
 * at no more than the bytes they are given, never trust a length, and answer ERR_TRUNCATED (more
 * bytes are needed), ERR_CORRUPT (a checksum or a value is wrong), or ERR_UNSUPPORTED (a newer
 * version or an unknown incompat feature). What they give out is then untouched or zero, as each
 * says. */
#ifndef STORAGE_LOG_FORMAT_H
#define STORAGE_LOG_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/hash.h"
#include "base/limits.h"

/* The version of every format, and the oldest one that is read. */
#define LOG_FORMAT_VERSION        1u
#define LOG_FORMAT_VERSION_OLDEST 1u

/* Kafka's offsets are int64 on the wire; indexes and group_seq keep to the same range. */
#define LOG_NUMBER_MAX ((uint64_t)INT64_MAX)

/* 16 bytes, in the order they are printed. */
struct log_uuid {
    uint8_t bytes[16]; /* all zero: none */
};

/* The three feature words of a file header. This version defines no bit. */
struct log_features {
    uint32_t compat;   /* unknown bits are ignored */
    uint32_t ro;       /* unknown bits: reading only */
    uint32_t incompat; /* unknown bits: refused */
};

/* A place in a group's log: what stands just before an entry. The log's start, its end, a cut. */
struct log_point {
    uint64_t index;       /* start: the first index there may be; end: the last there is */
    uint64_t offset;      /* of the next record at that place */
    uint32_t term;        /* of the entry before (start) or of the last entry (end); 0: none */
    uint32_t skip_count;  /* a log's start: offsets of its first entry that are deleted, too */
    struct hash128 chain; /* of that same entry; zero: none */
};

/* A group's vote and term, as Raft persists them. */
struct log_hard_state {
    uint32_t term;   /* <= LIMIT_TERM */
    uint32_t vote;   /* node id, 0: none */
    uint64_t commit; /* a hint: the commit index known at some time */
};

/* Whether both are the same. */
bool log_uuid_is_equal(const struct log_uuid *a, const struct log_uuid *b);
bool log_uuid_is_zero(const struct log_uuid *uuid);

#define LOG_UUID_TEXT_BYTES 33

/* What stands in memory where a block of the journal could not be read: no format begins so. */
#define LOG_UNREADABLE "unreadable block"

/* Write as 32 hexadecimal digits and a NUL. */
void log_uuid_format(const struct log_uuid *uuid, char out[LOG_UUID_TEXT_BYTES]);

/* Read 32 hexadecimal digits, which may have all four dashes where RFC 9562 puts them. ERR_INVALID:
 * not a uuid; *out is untouched. */
MUST_USE enum err log_uuid_parse(const char *text, struct log_uuid *out);

/* Put and get a uuid; a failed get gives zero, as bytes.h says. */
void log_uuid_put(struct bytes_writer *w, const struct log_uuid *uuid);
struct log_uuid log_uuid_get(struct bytes_reader *r);

/* Put and get three feature words. */
void log_features_put(struct bytes_writer *w, const struct log_features *features);
struct log_features log_features_get(struct bytes_reader *r);

/* What a reader of version 1 makes of `version` and `features`: ERR_UNSUPPORTED when it must
 * refuse, or when `is_write` and a ro bit is unknown. */
MUST_USE enum err log_features_check(uint16_t version, const struct log_features *features,
                                     bool is_write);

#define LOG_POINT_BYTES 40

/* Put and get a point in 40 bytes: index 8, offset 8, term 4, skip count 4, chain 16. Index and
 * offset <= LOG_NUMBER_MAX, term <= LIMIT_TERM: asserted by put; get fails the reader with
 * ERR_CORRUPT and gives zero. */
void log_point_put(struct bytes_writer *w, const struct log_point *point);
struct log_point log_point_get(struct bytes_reader *r);

/* Append the CRC-32C, begun at `seed`, of the bytes from `start` to the writer's position. */
void log_crc_put(struct bytes_writer *w, const struct crc32c *kernels, uint32_t seed, size_t start);

#endif
