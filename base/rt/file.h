/* Files and directories. Every function submits an op (rules: op.h); op->err and op->result are
 * what is described here as "done". Own shard only, nothing blocks.
 *
 * Errors common to all: ERR_IO (device), ERR_DISK_FULL, ERR_NOT_FOUND, ERR_EXISTS, ERR_ACCESS,
 * ERR_RESOURCES (descriptors), ERR_CLOSING (file being closed), ERR_CANCELED, ERR_TIMEOUT,
 * ERR_SYSTEM (op->saved_errno says which). "Durable" means: on stable storage when done has fired
 * with ERR_OK (fdatasync(2)). */
#ifndef BASE_RT_FILE_H
#define BASE_RT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/limits.h"
#include "base/rt/op.h"

/* Direct I/O moves whole blocks of this size, from memory aligned to it. */
#define RT_BLOCK_BYTES ((int)LIMIT_BLOCK_BYTES)

enum rt_file_flags {
    RT_FILE_READ = 1 << 0,
    RT_FILE_WRITE = 1 << 1,
    RT_FILE_CREATE = 1 << 2,    /* make it if missing */
    RT_FILE_EXCLUSIVE = 1 << 3, /* with CREATE: ERR_EXISTS when it is there */
    RT_FILE_DIRECT = 1 << 4,    /* O_DIRECT; where refused (tmpfs, some overlays) buffered, and
                                   file->is_direct says so */
};

enum rt_allocate {
    RT_ALLOCATE_KEEP_SIZE = 0, /* reserve blocks, leave the file's size */
    RT_ALLOCATE_EXTEND = 1, /* reserve blocks and grow the file to pos + length, reading as zeros */
    RT_ALLOCATE_PUNCH = 2,  /* give the range's blocks back; it reads as zeros, the size stays */
};

/* How a durable write is done. Measured per device at start (probe.h), the best is chosen. */
enum rt_flush_form {
    RT_FLUSH_LINKED, /* a write, then fdatasync, linked: one submit */
    RT_FLUSH_DSYNC,  /* one write with RWF_DSYNC */
    RT_FLUSH_THREAD, /* a write, then fdatasync on a worker thread */
    RT_FLUSH_COUNT
};

struct rt_file {
    struct rt_shard *shard; /* owner */
    int fd;                 /* descriptor; -1 when closed or simulated */
    int slot;               /* index in the ring's registered files, -1: none; backend's */
    uint32_t flags;         /* enum rt_file_flags it was opened with */
    bool is_direct; /* O_DIRECT holds: positions, lengths and memory are multiples of RT_BLOCK_BYTES
                     */
    bool is_open;   /* between a successful open and close */
    enum rt_flush_form form; /* of rt_file_write_durable on this file's device */
    uint64_t size_bytes;     /* size when opened; not kept up to date */
    uint64_t device_id;      /* which device it lives on (st_dev) */
    uint32_t waiting_count;  /* ops submitted and not done, without the close */
    struct rt_op *close_op;  /* the close that waits for them, NULL: none */
    void *backend;           /* backend's */
};

/* A directory's entries, filled by rt_path_list. */
struct rt_dir_list {
    char *names; /* caller's room: names one after another, each NUL-terminated, "." and ".." left
                    out, sorted bytewise */
    size_t names_max;   /* its size */
    size_t names_bytes; /* out: bytes used */
    uint32_t count;     /* out: names */
};

/* Free space of a file system, filled by rt_path_space. */
struct rt_space {
    uint64_t free_bytes;  /* that this process may use */
    uint64_t total_bytes; /* of the file system */
};

/* Open `path` (<= LIMIT_PATH_BYTES, the caller's until done) as `flags` say, a new file with
 * permission bits `mode`. `file` is in place: initialised by this call, its memory the runtime's
 * until rt_file_close is done (or this op failed). done: file->is_open, size_bytes, device_id and
 * is_direct are set. ERR_INVALID: a directory, or a path too long. */
void rt_file_open(struct rt_file *file, struct rt_op *op, struct rt_shard *shard, const char *path,
                  uint32_t flags, uint32_t mode);

/* Close: refuses new ops on the file, waits for those under way, then gives the descriptor back.
 * Makes nothing durable. done: the file's memory is the caller's again, whatever op->err says. */
void rt_file_close(struct rt_file *file, struct rt_op *op);

/* Read up to `length` bytes at `pos` into `data`. done: op->result = bytes read, less than `length`
 * only at the end of the file. A direct file wants all three aligned (asserted). */
void rt_file_read(struct rt_file *file, struct rt_op *op, void *data, size_t length, uint64_t pos);

/* Write all `length` bytes of `data` at `pos`, growing the file if needed. done: op->result =
 * length, or an error and any part of it may have been written. Not durable by itself. A direct
 * file wants all three aligned (asserted). */
void rt_file_write(struct rt_file *file, struct rt_op *op, const void *data, size_t length,
                   uint64_t pos);

/* As rt_file_write, gathered from `iov` (1 .. LIMIT_IOV_COUNT entries; the array is the caller's
 * until done). */
void rt_file_writev(struct rt_file *file, struct rt_op *op, const struct iovec *iov,
                    uint32_t iov_count, uint64_t pos);

/* As rt_file_writev, and durable, in the form measured best for the device. Durable is what this op
 * writes; earlier plain writes of the file may be or not, as the form has it: rt_file_flush settles
 * them. On an error everything written to the file since its last good flush is void, also by
 * writes that still are under way and may answer ERR_OK: a failed flush is never retried, the file
 * is reopened (LOG §5). */
void rt_file_write_durable(struct rt_file *file, struct rt_op *op, const struct iovec *iov,
                           uint32_t iov_count, uint64_t pos);

/* Make durable every write that was done before this call, and the size; never the file's name,
 * which is its directory's (rt_path_sync_dir). Writes still under way may
 * or may not be included. */
void rt_file_flush(struct rt_file *file, struct rt_op *op);

/* Make durable all that was done before this call on the file system that holds `file`: writes,
 * sizes and names, in one request where many would be flushed one by one (syncfs(2)). What other
 * programs have not written back yet goes along and may take long. An error may be anybody's; one
 * that came up since the file was opened, or since the last call on it, is told. A device's
 * volatile cache is emptied for certain by a flush of one of the files behind it. ERR_UNSUPPORTED:
 * an old kernel, or a file system that is not known to keep all of this. */
void rt_file_sync_all(struct rt_file *file, struct rt_op *op);

/* Reserve or give back the blocks of `length` bytes at `pos`, as `how` says. ERR_UNSUPPORTED where
 * the file system cannot. */
void rt_file_allocate(struct rt_file *file, struct rt_op *op, enum rt_allocate how, uint64_t pos,
                      uint64_t length);

/* Set the file's size to `size_bytes`, cutting or growing with zeros. */
void rt_file_truncate(struct rt_file *file, struct rt_op *op, uint64_t size_bytes);

/* Take the advisory lock of the whole file (flock(2)), exclusive or shared, without waiting:
 * ERR_BUSY when another open file holds it. It is given back by the close or the end of the
 * process. */
void rt_file_lock(struct rt_file *file, struct rt_op *op, bool is_exclusive);

/* Rename a file or directory, replacing `path_to`. Durable only after rt_path_sync_dir of the
 * directories concerned. */
void rt_path_rename(struct rt_op *op, const char *path, const char *path_to);

/* Remove a file's name. Durable only after rt_path_sync_dir. */
void rt_path_unlink(struct rt_op *op, const char *path);

/* Make a directory with permission bits `mode`. Durable only after rt_path_sync_dir of its parent.
 */
void rt_path_mkdir(struct rt_op *op, const char *path, uint32_t mode);

/* Remove an empty directory. */
void rt_path_rmdir(struct rt_op *op, const char *path);

/* The names in a directory. `list` is the caller's, its room too. ERR_TOO_LARGE when they do not
 * fit: then nothing is filled in. */
void rt_path_list(struct rt_op *op, const char *path, struct rt_dir_list *list);

/* Make durable what was created, renamed and removed in the directory before this call. */
void rt_path_sync_dir(struct rt_op *op, const char *path);

/* Free space of the file system that holds `path`. */
void rt_path_space(struct rt_op *op, const char *path, struct rt_space *space);

#endif
