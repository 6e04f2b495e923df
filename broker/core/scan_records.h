/* The records of batches, one batch after another, compressed or not, for a scan.
 *
 * What compressed batches hold goes into one block, side by side as long as they fit, so that rows
 * of many small batches live at the same time; uncompressed ones stay where they are. */
#ifndef BROKER_CORE_SCAN_RECORDS_H
#define BROKER_CORE_SCAN_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/codec.h"
#include "storage/log/records.h"

/* Embedded in its scan. */
struct core_scan_records {
    /* To be read. */
    struct log_records_reader rr; /* of the batch that is open */
    bool is_open;                 /* there is one */

    /* Private to scan_records.c. */
    struct codec_context codec; /* the libraries' contexts */
    struct budget *budget;      /* what `data` is charged to */
    uint8_t *data;              /* the block; NULL: none yet */
    size_t bytes;               /* of it */
    size_t used;                /* of those, what rows point into */
    bool is_short;              /* batches did not fit side by side */
};

/* Make it ready. Takes nothing yet. */
void core_scan_records_init(struct core_scan_records *records, struct budget *budget);

/* Give everything back. */
void core_scan_records_deinit(struct core_scan_records *records);

/* No row is used any more, but for those that the batch which is open still has. */
void core_scan_records_release(struct core_scan_records *records);

/* Give the block back, if nothing points into it. */
void core_scan_records_rest(struct core_scan_records *records);

/* Begin with the batch of `length` bytes at `data`, none is open. ERR_AGAIN: it has no room beside
 * what rows point into: to be opened again after a release. Else ERR_BUDGET, ERR_TOO_LARGE (more
 * than 64 MiB when decompressed), and log_records_open's. */
MUST_USE enum err core_scan_records_open(struct core_scan_records *records, const void *data,
                                         size_t length);

/* The next record, as log_records_next; after ERR_END the batch is not open any more. */
MUST_USE enum err core_scan_records_next(struct core_scan_records *records,
                                         struct log_records_item *out);

#endif
