/* One file's content on a simulated disk: what readers see, what is durable, and every unsynced
 * change between the two. For sim_disk*.c only; the rules are in sim_inode.c. */
#ifndef TESTS_SIM_SIM_INODE_H
#define TESTS_SIM_SIM_INODE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/list.h"
#include "base/prng.h"
#include "tests/sim/sim_store.h"

/* The largest file: what ext4 would hold is 16 TiB, this keeps a stray position from costing
 * gigabytes of map. */
#define SIM_FILE_BYTES_MAX (1ull << 40)

/* Which unsynced changes a crash leaves, drawn once per file and crash. */
enum sim_survival {
    SIM_SURVIVE_ALL,     /* as if all had been flushed in time */
    SIM_SURVIVE_NONE,    /* as if none had */
    SIM_SURVIVE_WRITES,  /* each write whole or not at all: reordered, not torn */
    SIM_SURVIVE_PREFIX,  /* writes up to some moment, the last of them torn */
    SIM_SURVIVE_SECTORS, /* each sector for itself: torn and reordered */
    SIM_SURVIVAL_COUNT
};

/* One unsynced change. A write is one DATA version per page it touches, and a META if it grows the
 * file. */
struct sim_version {
    struct list_node in_pending; /* sim_inode.pending */
    uint64_t sequence;           /* of the operation, over the whole disk */
    bool is_data;                /* DATA: page, index, sectors; else META: the other fields */
    bool is_edge;                /* DATA: part of a META, for a sector it made zero in part */
    uint8_t sectors;             /* bit per sector of the page that this write touched */
    uint8_t taken;               /* crash: the sectors for which this version was chosen */
    bool is_landed;              /* crash: this META, or an edge's, happened */
    uint64_t index;              /* page number */
    struct sim_page *page;       /* the page after the write */
    uint64_t size_bytes;         /* the file's size after it */
    uint64_t zero_pos;           /* bytes made zero: a cut or a hole; empty when >= zero_end */
    uint64_t zero_end;
    uint64_t reserve_first; /* pages reserved; empty when >= reserve_end */
    uint64_t reserve_end;
};

struct sim_inode {
    struct list_node in_disk; /* sim_disk.inodes, by id */
    struct sim_store *store;  /* where its bytes are */
    uint64_t id;              /* never used again on its disk */
    uint32_t refs_count;      /* names, handles and changes of names that point here */
    bool is_dir;              /* a directory: the fields of names, no content */

    struct sim_map latest;  /* what readers see */
    struct sim_map durable; /* what survives any crash */
    uint64_t latest_bytes;  /* size, for readers */
    uint64_t durable_bytes; /* size that survives any crash */
    struct list pending;    /* sim_version.in_pending: oldest first */
    uint32_t locks_shared;  /* handles that hold the advisory lock with others */
    bool is_locked;         /* one handle holds it alone */
    bool has_lost;          /* what was pending, when all was synced and failed: to be told */

    struct sim_names *names;         /* directory: what readers see */
    struct sim_names *durable_names; /* directory: what survives any crash */
    uint64_t chosen_through;         /* crash, sync: changes up to this sequence are to happen */
    bool is_reached;                 /* crash: found from the root */
    struct sim_inode *twin;          /* clone: its copy */
};

/* A file or directory with no content and no reference. */
struct sim_inode *sim_inode_new(struct sim_store *store, uint64_t id, bool is_dir);

/* End it. Nothing may point to it any more. */
void sim_inode_free(struct sim_inode *inode);

/* Give `copy` (new) the content and the unsynced changes of `inode`. */
void sim_inode_copy_content(struct sim_inode *copy, const struct sim_inode *inode);

/* Read into `iov`, `length` bytes in all, from `pos`. *result = bytes, less than `length` at the
 * end of the file. ERR_IO when a sector there is bad. */
enum err sim_inode_read(const struct sim_inode *inode, const struct iovec *iov, uint32_t iov_count,
                        uint64_t pos, uint64_t length, int64_t *result);

/* How much of a write happens. */
enum sim_write {
    SIM_WRITE_DONE,   /* readers see it, and it will be durable */
    SIM_WRITE_CACHED, /* readers see it, but it never becomes durable */
    SIM_WRITE_LOST,   /* neither; but the size grows */
};

/* Write `length` bytes of `iov` at `pos`, as operation `sequence`, which is larger than all before.
 * ERR_IO when a bad sector would be written in part (it must be read first). */
enum err sim_inode_write(struct sim_inode *inode, uint64_t sequence, const struct iovec *iov,
                         uint32_t iov_count, uint64_t pos, uint64_t length, enum sim_write how);

/* Pages that are holes within [pos, pos + length): what a write there takes from the device. */
uint64_t sim_inode_holes(const struct sim_inode *inode, uint64_t pos, uint64_t length);

/* Cut or grow to `size_bytes`; make a range read as zeros and give its blocks back; reserve the
 * blocks of a range and grow the file to `size_bytes` if it is shorter. */
void sim_inode_truncate(struct sim_inode *inode, uint64_t sequence, uint64_t size_bytes);
void sim_inode_punch(struct sim_inode *inode, uint64_t sequence, uint64_t pos, uint64_t length);
void sim_inode_reserve(struct sim_inode *inode, uint64_t sequence, uint64_t pos, uint64_t length,
                       uint64_t size_bytes);

/* Make durable every change up to operation `through`. */
void sim_inode_land(struct sim_inode *inode, uint64_t through);

/* Make durable the write of operation `sequence`, the size, and what was cut before: all that a
 * write with RWF_DSYNC promises. */
void sim_inode_land_write(struct sim_inode *inode, uint64_t sequence);

/* What a crash leaves: a choice as `survival` says, drawn from `prng`, becomes durable, and readers
 * see nothing else. */
void sim_inode_crash(struct sim_inode *inode, enum sim_survival survival, struct prng *prng);

/* A failed flush: such a choice becomes durable, nothing is pending any more, readers go on seeing
 * the latest content. */
void sim_inode_drop_pending(struct sim_inode *inode, enum sim_survival survival, struct prng *prng);

/* Whether an unsynced write touches the page number `index`. */
bool sim_inode_is_page_pending(const struct sim_inode *inode, uint64_t index);

/* The durable page number `index`, to be changed by a fault at rest; NULL: a hole. Readers see the
 * same page, unless they see what is newer than durable. */
struct sim_page *sim_inode_own_page(struct sim_inode *inode, uint64_t index);

#endif
