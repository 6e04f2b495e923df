/* A log directory made by hand, byte by byte, on a simulated disk: one group, two segments, a
 * journal that holds what is not settled. Every place in it is known. */
#ifndef TESTS_UNIT_STORAGE_INSPECT_DIR_H
#define TESTS_UNIT_STORAGE_INSPECT_DIR_H

#include <stdint.h>

#include "storage/log/format.h"
#include "tests/sim/sim_disk.h"

/* The group, and its entries 1..10: 1 to 5 in the first segment, 6 and 7 settled in the second, 8
 * partly there and partly in the journal's tail, 9 and 10 in the journal. Entry 6 is a no-op, the
 * others hold two records each, entry i of timestamps 1000 * i and 1000 * i + 1. */
#define INSPECT_GROUP   7u
#define INSPECT_ENTRIES 10u

#define INSPECT_NODE_META "/data/node.meta"
#define INSPECT_TABLE     "/data/groups.tab"
#define INSPECT_JOURNAL   "/data/journal/00000000.jnl"
#define INSPECT_SPARE     "/data/journal/00000001.jnl"
#define INSPECT_PARTITION "/data/p/000102030405060708090a0b0c0d0e0f/3"
#define INSPECT_LOG_1     INSPECT_PARTITION "/0000000000000001-00000000.log"
#define INSPECT_IDX_1     INSPECT_PARTITION "/0000000000000001-00000000.idx"
#define INSPECT_SNAP_1    INSPECT_PARTITION "/0000000000000001-00000000.snap"
#define INSPECT_SNAP_2    INSPECT_PARTITION "/0000000000000006-00000000.snap"
#define INSPECT_LOG_2     INSPECT_PARTITION "/0000000000000006-00000000.log"
#define INSPECT_IDX_2     INSPECT_PARTITION "/0000000000000006-00000000.idx"

/* Where an entry is. */
struct inspect_place {
    uint64_t pos;         /* in its segment */
    uint32_t length;      /* of its batch */
    uint64_t journal_pos; /* of its batch in the journal file; 0: not there */
};

/* Bytes of a file that say something. */
struct inspect_range {
    const char *path; /* of the file */
    uint64_t pos;     /* first byte */
    uint64_t length;  /* bytes */
};

struct dir_making;

struct inspect_dir {
    struct sim_disk *disk;                             /* the caller's */
    struct inspect_place entries[INSPECT_ENTRIES + 1]; /* by index */
    uint64_t tail_pos;                                 /* of the tail record's frame */
    struct inspect_range live[16];                     /* all that says something */
    uint32_t live_count;                               /* of them */
    struct dir_making *making;                         /* what the files are made of */
    uint64_t offsets[INSPECT_ENTRIES + 1];             /* base offset of each entry */
};

/* Make it; forget what it is made of (the disk is the caller's). */
void inspect_dir_make(struct inspect_dir *dir);
void inspect_dir_free(struct inspect_dir *dir);

/* What a server does on `disk`, a clone of dir->disk, one step (from 0) after the other: settle all
 * entries, write the table, rename the tables, go on in another journal file, use the first one
 * again. */
#define INSPECT_STEPS 7u
void inspect_dir_serve(const struct inspect_dir *dir, struct sim_disk *disk, uint32_t step);

/* Put a file of `length` bytes on the disk, in place of one of that name; its directory is there.
 */
void inspect_dir_put(struct sim_disk *disk, const char *path, const void *data, size_t length);

#endif
