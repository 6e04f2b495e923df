/* A simulated disk: directories, files, and all that disks do to people.
 *
 * It behaves as a journaling file system (ext4 with data=writeback, at its worst) on a drive with a
 * volatile cache. What is promised: a flushed file has its content and size; a directory that was
 * synced has its names. Nothing else is: a flush of a file makes its name durable neither, a crash
 * leaves any state that sim_inode.c allows of each file, and of each directory's changes a prefix
 * (a rename from one directory to another happens in both or in neither). Faults come on top, each
 * at its own rate: see sim_fault.
 *
 * Calls take effect at once; time passes in sim_backend.c, which calls them when it has passed.
 * Paths begin at the root with or without "/"; there are no links. Every call that changes
 * something has a number, the same in every run from one seed, and a watcher is told: a campaign
 * takes an image of what a crash would leave there and starts from it, thousands of times a second,
 * since images share their pages. */
#ifndef TESTS_SIM_SIM_DISK_H
#define TESTS_SIM_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/prng.h"
#include "base/rt/file.h"

struct sim_disk;
struct sim_handle;

/* What a disk may do besides its work. name, text. */
#define SIM_FAULTS(X)                                                                              \
    X(LOST_WRITE, "lost_write")               /* done, but never on the device */                  \
    X(MISDIRECTED_WRITE, "misdirected_write") /* done, but in another place */                     \
    X(BIT_ROT, "bit_rot")                     /* a bit of a durable sector has changed */          \
    X(SECTOR_ERROR, "sector_error")           /* a durable sector is unreadable until rewritten */ \
    X(WRITE_ERROR, "write_error")             /* a write fails, in part done */                    \
    X(FLUSH_ERROR, "flush_error")             /* a flush fails, and its writes are forgotten */    \
    X(DISK_FULL, "disk_full")                 /* no space, although there is */                    \
    X(STALL, "stall")                         /* the device answers late */

enum sim_fault {
#define SIM_FAULT_ENUM(name, text) SIM_FAULT_##name,
    SIM_FAULTS(SIM_FAULT_ENUM)
#undef SIM_FAULT_ENUM
        SIM_FAULT_COUNT
};

/* A delay: at least `min_ns`, and exponentially distributed above that. */
struct sim_delay {
    uint64_t min_ns;  /* never less */
    uint64_t mean_ns; /* on average; >= min_ns */
};

struct sim_disk_options {
    uint32_t faults_ppm[SIM_FAULT_COUNT]; /* per operation that it can strike, in a million */
    uint64_t capacity_bytes;              /* of files' blocks */
    bool refuses_direct;                  /* RT_FILE_DIRECT opens buffered, as on tmpfs */
    bool refuses_allocate;                /* reserving and punching is ERR_UNSUPPORTED, as on NFS */
    enum rt_flush_form form;              /* what a durable write takes along: see sim_disk_land */
    struct sim_delay read;                /* of a read, a listing, an open */
    struct sim_delay write;               /* of a write and of changes of names */
    struct sim_delay flush;               /* of a flush and of a directory's sync */
    struct sim_delay stall;               /* what a stall adds */
    uint64_t bytes_per_s;                 /* transfer on top of these delays */

    /* Whether a fault may strike `path` at `pos`: how a cluster keeps one good copy of everything.
     * NULL: everywhere. Planted faults do not ask. A misdirected write stays in its file then. */
    bool (*may_strike)(void *ctx, enum sim_fault fault, const char *path, uint64_t pos);
    void *ctx; /* for may_strike */
};

/* Faults that struck, calls, and space. */
struct sim_disk_stats {
    uint64_t faults[SIM_FAULT_COUNT]; /* by kind */
    uint64_t mutations_count;         /* calls that changed something: the number of the last */
    uint64_t written_bytes;           /* by writes that were done */
    uint64_t read_bytes;              /* by reads that were done */
    uint64_t flushes_count;           /* flushes and durable writes that were done */
    uint64_t crashes_count;           /* power failures it has been through */
    uint64_t used_bytes;              /* blocks of files */
};

/* A call that changed something, for watchers. */
struct sim_mutation {
    uint64_t number;      /* 1, 2, ... over the disk's life */
    enum rt_op_kind kind; /* which call; a durable write is a FILE_WRITE, then WRITE_DURABLE */
    const char *path;     /* its target; valid during the call */
    uint64_t pos;         /* where, for those that have a position */
    uint64_t length;      /* how much */
};

/* What a crash does to unsynced changes. */
enum sim_crash {
    SIM_CRASH_KEEP,   /* the process died, the system lives: all that was done stays, unsynced */
    SIM_CRASH_LOSE,   /* power failed, nothing unsynced had reached the device */
    SIM_CRASH_SEEDED, /* power failed, any of it may have: drawn */
};

/* Options of a disk that does nothing wrong and answers in some 100 us; 1 TiB. */
struct sim_disk_options sim_disk_options_calm(void);

/* An empty disk whose faults are drawn from `seed`. */
struct sim_disk *sim_disk_new(const struct sim_disk_options *options, uint64_t seed);

/* End it. No handle is open. */
void sim_disk_free(struct sim_disk *disk);

/* The fault's name. Static storage. */
const char *sim_fault_name(enum sim_fault fault);

/* --- What operations do (sim_backend.c). Errors are those of base/rt/file.h. --- */

/* Open or make a file. *out is closed with sim_disk_close, or gone after a crash. */
MUST_USE enum err sim_disk_open(struct sim_disk *disk, const char *path, uint32_t flags,
                                struct sim_handle **out);
void sim_disk_close(struct sim_handle *handle);

/* Whether direct I/O holds; size for readers; the path it was opened by. */
bool sim_handle_is_direct(const struct sim_handle *handle);
uint64_t sim_handle_size(const struct sim_handle *handle);
const char *sim_handle_path(const struct sim_handle *handle);

/* Read; *result = bytes. */
MUST_USE enum err sim_disk_read(struct sim_handle *handle, const struct iovec *iov,
                                uint32_t iov_count, uint64_t pos, uint64_t length, int64_t *result);

/* Write, not durably. *sequence tells the write to sim_disk_land. */
MUST_USE enum err sim_disk_write(struct sim_handle *handle, const struct iovec *iov,
                                 uint32_t iov_count, uint64_t pos, uint64_t length,
                                 uint64_t *sequence);

/* The second half of a durable write: RT_FLUSH_DSYNC makes just that write durable, the other forms
 * all up to it. */
MUST_USE enum err sim_disk_land(struct sim_handle *handle, uint64_t sequence);

/* The number of the last change made so far: what a flush that begins now must make durable. */
uint64_t sim_disk_sequence(const struct sim_disk *disk);

/* Make durable what was written up to `through`, and perhaps some of what came later. */
MUST_USE enum err sim_disk_flush(struct sim_handle *handle, uint64_t through);

/* All files and directories. When it fails, nothing is durable for it, and one file may have lost
 * what was not: its next flush fails. */
MUST_USE enum err sim_disk_sync_all(struct sim_handle *handle, uint64_t through);

MUST_USE enum err sim_disk_allocate(struct sim_handle *handle, enum rt_allocate how, uint64_t pos,
                                    uint64_t length);
MUST_USE enum err sim_disk_truncate(struct sim_handle *handle, uint64_t size_bytes);
MUST_USE enum err sim_disk_lock(struct sim_handle *handle, bool is_exclusive);
MUST_USE enum err sim_disk_rename(struct sim_disk *disk, const char *path, const char *path_to);
MUST_USE enum err sim_disk_unlink(struct sim_disk *disk, const char *path);
MUST_USE enum err sim_disk_mkdir(struct sim_disk *disk, const char *path);
MUST_USE enum err sim_disk_rmdir(struct sim_disk *disk, const char *path);
MUST_USE enum err sim_disk_list(struct sim_disk *disk, const char *path, struct rt_dir_list *list);

/* Make durable what changed in the directory up to `through`. */
MUST_USE enum err sim_disk_sync_dir(struct sim_disk *disk, const char *path, uint64_t through);
MUST_USE enum err sim_disk_space(struct sim_disk *disk, const char *path, struct rt_space *space);

/* How long an operation takes, drawn; stalls included. `length` is the bytes it moves. */
uint64_t sim_disk_delay_ns(struct sim_disk *disk, enum rt_op_kind kind, uint64_t length);

/* A delay drawn from `prng`. */
uint64_t sim_delay_draw(const struct sim_delay *delay, struct prng *prng);

/* --- Crashes and images. --- */

/* The system or the process ends: all handles are closed and locks freed. */
void sim_disk_crash(struct sim_disk *disk, enum sim_crash how, struct prng *prng);

/* The same disk once more, unsynced changes and faults of its media included; no handle is open
 * there, faults are drawn from `seed`. */
struct sim_disk *sim_disk_clone(struct sim_disk *disk, uint64_t seed);

/* What would be found after a power failure now, as drawn from `prng`; `disk` itself goes on. */
struct sim_disk *sim_disk_crash_image(struct sim_disk *disk, struct prng *prng);

/* Call `watch` after every change. NULL ends it. It may clone and read the disk, not change it. */
void sim_disk_watch(struct sim_disk *disk,
                    void (*watch)(void *ctx, struct sim_disk *disk, const struct sim_mutation *m),
                    void *ctx);

/* Call `on_fault` for every fault that strikes. NULL ends it. The simulated node that has the disk
 * does so, for its trace. */
void sim_disk_on_fault(struct sim_disk *disk,
                       void (*on_fault)(void *ctx, enum sim_fault fault, const char *path,
                                        uint64_t pos),
                       void *ctx);

/* --- For tests: look, and plant faults. --- */

const struct sim_disk_stats *sim_disk_stats(const struct sim_disk *disk);

/* The options, which may be changed at any time: faults end, the disk fills up. */
struct sim_disk_options *sim_disk_options(struct sim_disk *disk);

/* Read what is durable, or what readers see, of the file that has the durable (latest) name `path`,
 * without faults. Returns the bytes read; -1 when there is no such file, or a sector is bad. */
int64_t sim_disk_peek_durable(struct sim_disk *disk, const char *path, uint64_t pos, void *out,
                              size_t length);
int64_t sim_disk_peek(struct sim_disk *disk, const char *path, uint64_t pos, void *out,
                      size_t length);

/* Size for readers; UINT64_MAX when there is no such file. */
uint64_t sim_disk_size(struct sim_disk *disk, const char *path);

/* Tell `visit` the path of every file and directory (those end in "/"), sorted bytewise. */
void sim_disk_walk(struct sim_disk *disk, void (*visit)(void *ctx, const char *path), void *ctx);

/* Flip bit `bit` (0-7) of the byte at `pos`, in what is durable and in what readers see; make its
 * sector unreadable until it is written. ERR_NOT_FOUND: no such file; ERR_RANGE: a hole. */
MUST_USE enum err sim_disk_rot(struct sim_disk *disk, const char *path, uint64_t pos, uint32_t bit);
MUST_USE enum err sim_disk_sector_error(struct sim_disk *disk, const char *path, uint64_t pos);

/* The page (4 KiB) around `pos` was never written, as after a lost write: it reads as zeros. Errors
 * as above. */
MUST_USE enum err sim_disk_wipe(struct sim_disk *disk, const char *path, uint64_t pos);

/* The next operation that `fault` can strike is struck. Adds up. */
void sim_disk_plant(struct sim_disk *disk, enum sim_fault fault);

#endif
