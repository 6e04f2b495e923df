/* groups.tab: one row of 256 bytes per group (storage/README.md). Pure. */
#ifndef STORAGE_LOG_TABLE_H
#define STORAGE_LOG_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/log/format.h"

#define LOG_TABLE_HEADER_BYTES LIMIT_BLOCK_BYTES
#define LOG_TABLE_ROW_BYTES    256u

/* struct log_row.flags */
#define LOG_ROW_AMNESIAC 1u
#define LOG_ROW_LOST     2u /* the row was lost: nothing else in it counts but whose it is */

struct log_table_header {
    struct log_features features; /* of the table */
    uint32_t rows_count;          /* rows that follow, <= LIMIT_PARTITIONS_COUNT */
    struct log_uuid disk;         /* whose directory */
    uint64_t number;              /* 1, 2, ... of the tables written */
    uint64_t journal_floor;       /* journal files of lower numbers hold nothing that is needed */
};

enum log_row_state {
    LOG_ROW_LIVE = 1,
    LOG_ROW_DELETED =
        2, /* its files may be there still; the row stays while a journal file names it */
};

/* A group, as far as segments and table hold it. */
struct log_row {
    uint64_t group;              /* its id */
    struct log_uuid topic;       /* of the partition */
    uint32_t partition;          /* its number */
    enum log_row_state state;    /* live or deleted */
    uint8_t flags;               /* LOG_ROW_AMNESIAC, LOG_ROW_LOST */
    struct log_hard_state hard;  /* newest */
    uint64_t membership_index;   /* of the newest membership entry, 0: none */
    struct log_point start;      /* log start */
    struct log_point end;        /* settled end: all up to this index is in segment and sidecar */
    uint64_t segment_index;      /* first index of the active segment, 0: none yet */
    uint32_t segment_generation; /* its generation */
    uint32_t recs_count;         /* sidecar records settled in it */
    uint32_t written_bytes;      /* of its .log, whole blocks */
    uint32_t end_pos;            /* in its .log, of the settled end: where the next entry begins */
    int64_t max_timestamp;       /* running maximum at the settled end, -1: none */
    uint64_t seq;                /* group_seq: records up to this are in here and in the segments */
    uint64_t quarantine_index;   /* lowest quarantined index, 0: none */
    uint32_t quarantine_count;   /* ranges */
    uint64_t gap_index;          /* of a lost gap that reaches to the settled end or over it: first
                                    index, 0: none does */
};

/* Whether the chain of the settled end is that of its entry. A lost gap there has a chain of its
 * own, which the next entry's does not follow; zero is the chain of no entry. */
bool log_row_has_chain(const struct log_row *row);

/* Whether a lost gap in the row's segment reaches to the settled end: nobody knows where what
 * follows it stands, and end_pos is where the gap begins. */
bool log_row_ends_in_gap(const struct log_row *row);

/* The bytes of a table of `rows_count` rows. */
size_t log_table_bytes(uint32_t rows_count);

/* The seed of the rows' checksums. */
uint32_t log_table_seed(const struct crc32c *kernels, const struct log_uuid *disk, uint64_t number);

/* Write the header block, zeros included; write one row. What their decoders call corrupt is
 * asserted not to be written. */
void log_table_header_encode(const struct log_table_header *header, const struct crc32c *kernels,
                             uint8_t out[LOG_TABLE_HEADER_BYTES]);
void log_row_encode(const struct log_row *row, const struct crc32c *kernels, uint32_t seed,
                    uint8_t out[LOG_TABLE_ROW_BYTES]);

/* Decode the header: ERR_TRUNCATED, ERR_CORRUPT, ERR_UNSUPPORTED. Rows are not looked at. */
MUST_USE enum err log_table_header_decode(const void *data, size_t length,
                                          const struct crc32c *kernels, bool is_write,
                                          struct log_table_header *out);

/* Decode one row: ERR_TRUNCATED, ERR_CORRUPT (checksum, unknown state or flag,
 * a number out of range, written bytes that are not whole blocks). */
MUST_USE enum err log_row_decode(const void *data, size_t length, const struct crc32c *kernels,
                                 uint32_t seed, struct log_row *out);

#endif
