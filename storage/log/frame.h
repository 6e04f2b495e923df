/* Journal files and frames (storage/README.md, "Journal file", "Frame"). Pure. */
#ifndef STORAGE_LOG_FRAME_H
#define STORAGE_LOG_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/log/format.h"

#define LOG_JOURNAL_HEADER_BYTES LIMIT_BLOCK_BYTES
#define LOG_FRAME_HEADER_BYTES   96u
#define LOG_FRAME_ROW_BYTES      48u

/* struct log_frame.flags */
#define LOG_FRAME_SEAL 1u

/* struct log_frame_row.what */
#define LOG_ROW_HARD    1u
#define LOG_ROW_CUT     2u
#define LOG_ROW_CONTROL 4u
#define LOG_ROW_TAIL    8u
#define LOG_ROW_MOVE    16u

/* The first block of a journal file. */
struct log_journal_header {
    struct log_features features; /* of the file */
    uint32_t lane;                /* whose frames */
    struct log_uuid disk;         /* whose directory */
    uint64_t boot_epoch;          /* which start's */
    uint64_t file_number;         /* of this life of the file; > 0 */
    uint64_t previous_number;     /* of the lane's file before it, 0: none */
    uint64_t first_frame;         /* number of the first frame in it */
    uint64_t file_bytes;          /* its size, whole blocks */
};

/* A frame's header. */
struct log_frame {
    uint16_t flags;       /* LOG_FRAME_* */
    struct log_uuid disk; /* with the next three: the frame seed */
    uint64_t boot_epoch;  /* which start's */
    uint32_t lane;        /* which stream of it */
    uint64_t file_number; /* of the file it stands in */
    uint64_t number;      /* 1, 2, ... */
    uint64_t
        durable_through;  /* highest frame known to be flushed when this one was built; < number */
    uint32_t frame_bytes; /* all of it, whole blocks */
    uint32_t rows_count;  /* of the directory */
    uint32_t copy_count;  /* of the copy of the previous directory */
    uint32_t records_count; /* records */
    uint32_t records_bytes; /* of the records, from the first to the end of the last, padded to 8 */
    uint32_t rows_crc;      /* of the directory */
    uint32_t copy_crc;      /* of the copy */
};

/* One group's part in a frame. */
struct log_frame_row {
    uint64_t group;       /* whose */
    uint64_t first_index; /* of its entries, 0: none */
    uint64_t last_index;  /* likewise */
    uint64_t next_offset; /* behind the last entry */
    uint64_t last_seq;    /* the highest group_seq */
    uint32_t last_term;   /* of the last entry */
    uint32_t what;        /* LOG_ROW_* */
};

/* Where the parts of a frame begin, from its first byte: directory, copy, records. */
size_t log_frame_rows_pos(void);
size_t log_frame_copy_pos(const struct log_frame *frame);
size_t log_frame_records_pos(const struct log_frame *frame);

/* Write the header block of a journal file to `out`, zeros included. */
void log_journal_header_encode(const struct log_journal_header *header,
                               const struct crc32c *kernels, uint8_t out[LOG_JOURNAL_HEADER_BYTES]);

/* Decode it from the first `length` bytes of the file, 84 of which it needs. ERR_CORRUPT also for a
 * file or frame number of 0 or a size that is not whole blocks; *out is zero then. Unknown ro bits
 * are accepted: who writes asks log_features_check again. */
MUST_USE enum err log_journal_header_decode(const void *data, size_t length,
                                            const struct crc32c *kernels,
                                            struct log_journal_header *out);

/* The frame seed: where every checksum inside the frame begins. */
uint32_t log_frame_seed(const struct crc32c *kernels, const struct log_uuid *disk,
                        uint64_t boot_epoch, uint64_t file_number, uint64_t number);

/* Write the 96 bytes of the header. */
void log_frame_encode(const struct log_frame *frame, const struct crc32c *kernels,
                      uint8_t out[LOG_FRAME_HEADER_BYTES]);

/* Decode the header at `data`, of which `length` bytes are there. ERR_CORRUPT: no frame begins
 * here, or its parts do not fit its bytes, or its bytes are more than LIMIT_JOURNAL_FRAME_BYTES.
 * Whether directory, copy and records verify is not looked at. On failure *out is zero. */
MUST_USE enum err log_frame_decode(const void *data, size_t length, const struct crc32c *kernels,
                                   struct log_frame *out);

/* Write one row of a directory; read one. A row that no writer makes (a range that ends before it
 * begins, a number out of range, an unknown bit) is ERR_CORRUPT in the reader, and zero. */
void log_frame_row_put(struct bytes_writer *w, const struct log_frame_row *row);
struct log_frame_row log_frame_row_get(struct bytes_reader *r);

#endif
