/* A segment's .snap goes along when the segment gets another generation. Private to storage/log. */
#ifndef STORAGE_LOG_SNAP_COPY_H
#define STORAGE_LOG_SNAP_COPY_H

#include <stdint.h>

#include "base/budget.h"
#include "base/err.h"
#include "base/rt/file.h"
#include "base/sm.h"
#include "storage/log/segment.h"

struct log_shard;

extern const struct sm_decl log_snap_copy_decl;

/* In place, its user's until done. Zero it before the first start. */
struct log_snap_copy {
    struct log_segment *seg;                  /* the new one */
    uint32_t generation_old;                  /* of the file copied */
    void (*done)(struct log_snap_copy *copy); /* fires once, from the ready queue */
    enum err err;                             /* in done */
    int saved_errno;                          /* behind it */

    struct sm sm;                /* stages */
    struct rt_op op;             /* its one request */
    struct rt_file file;         /* the old one, then the new one */
    uint8_t *data;               /* content of the old one; the budget's */
    uint32_t data_bytes;         /* room in it */
    uint8_t *out;                /* of the new one */
    uint32_t out_bytes;          /* of that */
    char path[LIMIT_PATH_BYTES]; /* of the file in hand */
};

/* Write seg's .snap, synced, as that of generation_old with another generation. Where that one is
 * missing or does not verify there is none afterwards: who reads the segment works it out. The
 * directory is the caller's to sync. */
void log_snap_copy_start(struct log_snap_copy *copy, struct log_segment *seg,
                         uint32_t generation_old, void (*done)(struct log_snap_copy *copy));

#endif
