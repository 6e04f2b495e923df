/* The .snap file of a segment: what a reader that begins there must know (storage/README.md). A
 * container of sections; the log writes term runs and keeps what the layers above give it, unread.
 * Pure. */
#ifndef STORAGE_LOG_SNAP_H
#define STORAGE_LOG_SNAP_H

#include <stdint.h>

#include "storage/log/format.h"

#define LOG_SNAP_HEADER_BYTES  52u
#define LOG_SNAP_SECTION_BYTES 12u
#define LOG_SNAP_SECTIONS_MAX  16u

/* The most bytes of a .snap: what a start may be made to read. */
#define LOG_SNAP_BYTES_MAX (64u << 20)

/* What a section is. The values are stored; unknown ones are kept and given out. */
enum log_snap_kind {
    LOG_SNAP_MEMBERSHIP = 1,
    LOG_SNAP_TERM_RUNS = 2,
    LOG_SNAP_PRODUCERS = 3,
    LOG_SNAP_TRANSACTIONS = 4,
    LOG_SNAP_TAGS = 5,
};

/* A section; its bytes are the caller's or stand in the decoded file. */
struct log_snap_section {
    uint16_t kind;       /* enum log_snap_kind, or one of a later version */
    const uint8_t *data; /* content */
    uint32_t bytes;      /* its length */
};

struct log_snap {
    uint32_t generation;                                     /* of the segment */
    uint64_t group;                                          /* whose log */
    uint64_t first_index;                                    /* of the segment */
    uint32_t sections_count;                                 /* <= LOG_SNAP_SECTIONS_MAX */
    struct log_snap_section sections[LOG_SNAP_SECTIONS_MAX]; /* in the file's order */
};

/* Entries of one term that follow each other. */
#define LOG_TERM_RUN_BYTES 24u
struct log_term_run {
    uint64_t first_index;  /* of the run */
    uint64_t first_offset; /* next offset at that entry: Kafka's start offset of the epoch */
    uint32_t term;         /* of all its entries */
};

/* The bytes of the file. */
size_t log_snap_bytes(const struct log_snap *snap);

/* Write the whole file, or nothing: ERR_TOO_LARGE in `w` when it does not fit or would pass
 * LOG_SNAP_BYTES_MAX. */
void log_snap_put(struct bytes_writer *w, const struct log_snap *snap,
                  const struct crc32c *kernels);

/* Decode the whole file, of which `length` bytes were read; sections point into `data`. Bytes
 * behind the file's own are not looked at. ERR_TRUNCATED; ERR_CORRUPT: also a section that does not
 * fit, more than LOG_SNAP_SECTIONS_MAX of them or LOG_SNAP_BYTES_MAX bytes, first index 0;
 * ERR_UNSUPPORTED: also a section's flag. *out is zero then. */
MUST_USE enum err log_snap_decode(const void *data, size_t length, const struct crc32c *kernels,
                                  struct log_snap *out);

/* The first section of `kind`, or NULL. */
const struct log_snap_section *log_snap_find(const struct log_snap *snap, uint16_t kind);

/* Put and get one run. Numbers as a point's: asserted by put, ERR_CORRUPT in the reader. */
void log_term_run_put(struct bytes_writer *w, const struct log_term_run *run);
struct log_term_run log_term_run_get(struct bytes_reader *r);

#endif
