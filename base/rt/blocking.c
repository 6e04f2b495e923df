/* FILE_* and PATH_* requests by blocking system calls, on a worker thread (backend.h:
 * rt_blocking_run). The epoll runtime does all its file work here, the ring what its kernel has no
 * request for.
 *
 * Every function returns 0 or the errno; the result stands in op->result. Calls that a signal
 * interrupts are repeated; a read or write that the kernel did in part is continued where it
 * stopped (op->progress, which the ring may have advanced before). What is touched: the request,
 * its buffers, its file's descriptor, and after an open or close the file's own fields, which its
 * shard leaves alone meanwhile. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/rt/backend.h"
#include "base/rt/posix_int.h"

/* Directory entries read with one getdents64. */
#define BLOCKING_DIRENTS_BYTES 16384

/* Buffers of a continued read or write handed to the kernel at once. */
#define BLOCKING_WINDOW_COUNT 64

/* Names of a directory on their way to the caller: read in the order of the file system, sorted
 * through `starts`. */
struct blocking_names {
    char *bytes;      /* names, each NUL-terminated; bytes_max of them */
    size_t bytes_max; /* the caller's room */
    size_t bytes_count;
    const char **starts; /* of each name */
    uint32_t count;
};

static int rt_blocking_dispatch(struct rt_op *op);
static int rt_blocking_open(struct rt_op *op);
static int rt_blocking_examine(struct rt_file *file);
static int rt_blocking_close(struct rt_op *op);
static int rt_blocking_read(struct rt_op *op);
static int rt_blocking_write(struct rt_op *op, int flags);
static int rt_blocking_write_durable(struct rt_op *op);
static ssize_t rt_blocking_move(struct rt_op *op, bool is_write, int flags);
static int rt_blocking_allocate(struct rt_op *op);
static int rt_blocking_lock(struct rt_op *op);
static int rt_blocking_sync_all(int fd);
static int rt_blocking_sync_dir(struct rt_op *op);
static int rt_blocking_space(struct rt_op *op);
static int rt_blocking_list(struct rt_op *op);
static int rt_blocking_list_read(struct blocking_names *names, int fd);
static int rt_blocking_list_add(struct blocking_names *names, const char *name);
static int rt_blocking_list_compare(const void *a, const void *b);
static int rt_blocking_error(int result);

enum err rt_blocking_run(struct rt_op *op)
{
    op->result = 0;
    op->saved_errno = rt_blocking_dispatch(op);
    if (op->kind == RT_OP_FILE_LOCK && op->saved_errno == EWOULDBLOCK) {
        return ERR_BUSY;
    }
    if (op->kind == RT_OP_PATH_LIST && op->saved_errno == E2BIG) {
        op->saved_errno = 0; /* the caller's room, not the system, was too small */
        return ERR_TOO_LARGE;
    }
    return rt_err_from_errno(op->saved_errno);
}

static int rt_blocking_dispatch(struct rt_op *op)
{
    const char *path = op->args.path.path;
    switch ((int)op->kind) { /* the other kinds never come here */
    case RT_OP_FILE_OPEN: return rt_blocking_open(op);
    case RT_OP_FILE_CLOSE: return rt_blocking_close(op);
    case RT_OP_FILE_READ: return rt_blocking_read(op);
    case RT_OP_FILE_WRITE: return rt_blocking_write(op, 0);
    case RT_OP_FILE_WRITE_DURABLE: return rt_blocking_write_durable(op);
    case RT_OP_FILE_FLUSH: return rt_blocking_error(fdatasync(op->file->fd));
    case RT_OP_FILE_ALLOCATE: return rt_blocking_allocate(op);
    case RT_OP_FILE_TRUNCATE:
        return rt_blocking_error(ftruncate(op->file->fd, (off_t)op->args.io.length));
    case RT_OP_FILE_LOCK: return rt_blocking_lock(op);
    case RT_OP_FILE_SYNC_ALL: return rt_blocking_sync_all(op->file->fd);
    case RT_OP_PATH_RENAME: return rt_blocking_error(rename(path, op->args.path.path_to));
    case RT_OP_PATH_UNLINK: return rt_blocking_error(unlink(path));
    case RT_OP_PATH_MKDIR: return rt_blocking_error(mkdir(path, op->args.path.mode));
    case RT_OP_PATH_RMDIR: return rt_blocking_error(rmdir(path));
    case RT_OP_PATH_LIST: return rt_blocking_list(op);
    case RT_OP_PATH_SYNC_DIR: return rt_blocking_sync_dir(op);
    case RT_OP_PATH_SPACE: return rt_blocking_space(op);
    default: UNREACHABLE();
    }
}

/* O_NONBLOCK keeps the open of a FIFO that someone left in the data directory from waiting for
 * ever; rt_blocking_examine refuses it then and clears the flag. */
static int rt_blocking_open(struct rt_op *op)
{
    struct rt_file *file = op->file;
    uint32_t wanted = op->args.path.flags;
    int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    flags |= !(wanted & RT_FILE_WRITE) ? O_RDONLY : !(wanted & RT_FILE_READ) ? O_WRONLY : O_RDWR;
    flags |= wanted & RT_FILE_CREATE ? O_CREAT : 0;
    flags |= wanted & RT_FILE_EXCLUSIVE ? O_EXCL : 0;
    int fd;
    do {
        fd = open(op->args.path.path, flags, op->args.path.mode);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return errno;
    }
    file->fd = fd;
    int error = rt_blocking_examine(file);
    if (error != 0) {
        close(fd);
        file->fd = -1;
    }
    return error;
}

/* Fill in what the open file is. Direct I/O is asked for here, not with open(2), which would leave
 * a newly created file behind where it is refused, so that the second try would find an exclusive
 * file existing. */
static int rt_blocking_examine(struct rt_file *file)
{
    struct stat stat;
    if (fstat(file->fd, &stat) != 0) {
        return errno;
    }
    if (S_ISDIR(stat.st_mode) || S_ISFIFO(stat.st_mode)) {
        return EINVAL;
    }
    int flags = fcntl(file->fd, F_GETFL) & ~O_NONBLOCK;
    bool is_direct = (file->flags & RT_FILE_DIRECT) != 0;
    if (is_direct && fcntl(file->fd, F_SETFL, flags | O_DIRECT) != 0) {
        if (errno != EINVAL) {
            return errno;
        }
        is_direct = false;
    }
    if (!is_direct && fcntl(file->fd, F_SETFL, flags) != 0) {
        return errno;
    }
    file->is_direct = is_direct;
    file->size_bytes = (uint64_t)stat.st_size;
    file->device_id = stat.st_dev;
    return 0;
}

/* Linux gives the descriptor back whatever close(2) answers, EINTR included: never again. */
static int rt_blocking_close(struct rt_op *op)
{
    int error = rt_blocking_error(close(op->file->fd));
    op->file->fd = -1;
    return error == EINTR ? 0 : error;
}

static int rt_blocking_read(struct rt_op *op)
{
    const uint64_t length = op->args.io.length;
    while (op->progress < length) {
        if (op->file->is_direct && op->progress % RT_BLOCK_BYTES != 0) {
            break; /* the last block of a file that ends within it */
        }
        ssize_t moved = rt_blocking_move(op, false, 0);
        if (moved < 0) {
            return errno;
        }
        if (moved == 0) {
            break;
        }
        op->progress += (uint64_t)moved;
    }
    op->result = (int64_t)op->progress;
    return 0;
}

static int rt_blocking_write(struct rt_op *op, int flags)
{
    const uint64_t length = op->args.io.length;
    while (op->progress < length) {
        ssize_t moved = rt_blocking_move(op, true, flags);
        if (moved < 0) {
            return errno;
        }
        if (moved == 0) {
            return EIO; /* no file of ours takes nothing and says nothing */
        }
        op->progress += (uint64_t)moved;
    }
    op->result = (int64_t)op->progress;
    return 0;
}

/* RWF_DSYNC where that is the device's best form and the file system knows it, else two calls. */
static int rt_blocking_write_durable(struct rt_op *op)
{
    if (op->file->form == RT_FLUSH_DSYNC) {
        int error = rt_blocking_write(op, RWF_DSYNC);
        if (error != EOPNOTSUPP) {
            return error;
        }
    }
    int error = rt_blocking_write(op, 0);
    if (error == 0) {
        error = rt_blocking_error(fdatasync(op->file->fd));
    }
    op->result = error == 0 ? (int64_t)op->progress : 0;
    return error;
}

/* One preadv2 or pwritev2 of what is left of the request. The first takes the caller's array as it
 * is. */
static ssize_t rt_blocking_move(struct rt_op *op, bool is_write, int flags)
{
    const struct iovec *iov = op->args.io.iov;
    uint32_t iov_count = op->args.io.iov_count;
    struct iovec window[BLOCKING_WINDOW_COUNT];
    if (op->progress > 0) {
        iov_count =
            rt_posix_iov_window(iov, iov_count, op->progress, window, BLOCKING_WINDOW_COUNT);
        iov = window;
    }
    off_t pos = (off_t)(op->args.io.pos + op->progress);
    ssize_t moved;
    do {
        moved = is_write ? pwritev2(op->file->fd, iov, (int)iov_count, pos, flags)
                         : preadv2(op->file->fd, iov, (int)iov_count, pos, flags);
    } while (moved < 0 && errno == EINTR);
    return moved;
}

static int rt_blocking_allocate(struct rt_op *op)
{
    int mode = 0;
    switch ((enum rt_allocate)op->args.io.flags) {
    case RT_ALLOCATE_KEEP_SIZE: mode = FALLOC_FL_KEEP_SIZE; break;
    case RT_ALLOCATE_EXTEND: mode = 0; break;
    case RT_ALLOCATE_PUNCH: mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE; break;
    }
    int error;
    do {
        error = rt_blocking_error(
            fallocate(op->file->fd, mode, (off_t)op->args.io.pos, (off_t)op->args.io.length));
    } while (error == EINTR);
    return error;
}

static int rt_blocking_lock(struct rt_op *op)
{
    int how = op->args.io.flags ? LOCK_EX : LOCK_SH;
    return rt_blocking_error(flock(op->file->fd, how | LOCK_NB));
}

/* Errors are told from Linux 5.8 on. FUSE and others answer without having done it. */
static int rt_blocking_sync_all(int fd)
{
    static const long known[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
                                 F2FS_SUPER_MAGIC, TMPFS_MAGIC};
    struct statfs fs;
    struct utsname system;
    unsigned major = 0, minor = 0;
    if (fstatfs(fd, &fs) != 0 || uname(&system) != 0) {
        return errno;
    }
    if (sscanf(system.release, "%u.%u", &major, &minor) != 2 || major < 5 ||
        (major == 5 && minor < 8)) {
        return EOPNOTSUPP;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (fs.f_type == known[i]) {
            return rt_blocking_error(syncfs(fd));
        }
    }
    return EOPNOTSUPP;
}

static int rt_blocking_sync_dir(struct rt_op *op)
{
    int fd = open(op->args.path.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int error = rt_blocking_error(fsync(fd));
    close(fd);
    return error;
}

static int rt_blocking_space(struct rt_op *op)
{
    struct statvfs fs;
    if (statvfs(op->args.path.path, &fs) != 0) {
        return errno;
    }
    *(struct rt_space *)op->args.path.out = (struct rt_space){
        .free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize,
        .total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize,
    };
    return 0;
}

/* The names are gathered and sorted in memory of this call, mapped and touched as far as they
 * reach, and copied out when all have been seen: a list that does not fit leaves the caller's
 * untouched. E2BIG: it does not fit. */
static int rt_blocking_list(struct rt_op *op)
{
    struct rt_dir_list *list = op->args.path.out;
    int fd = open(op->args.path.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    /* A name is at least one byte and its NUL, so names_max / 2 starts are enough; they come first,
     * being aligned. */
    size_t starts_bytes = (list->names_max / 2 + 1) * sizeof(char *);
    size_t map_bytes = starts_bytes + list->names_max;
    void *map = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        int error = errno;
        close(fd);
        return error;
    }
    struct blocking_names names = {
        .bytes = (char *)map + starts_bytes, .bytes_max = list->names_max, .starts = map};
    int error = rt_blocking_list_read(&names, fd);
    if (error == 0) {
        qsort(names.starts, names.count, sizeof(names.starts[0]), rt_blocking_list_compare);
        char *out = list->names;
        for (uint32_t i = 0; i < names.count; i++) {
            size_t bytes = strlen(names.starts[i]) + 1;
            memcpy(out, names.starts[i], bytes);
            out += bytes;
        }
        ASSERT((size_t)(out - list->names) == names.bytes_count);
        list->names_bytes = names.bytes_count;
        list->count = names.count;
    }
    munmap(map, map_bytes);
    close(fd);
    return error;
}

static int rt_blocking_list_read(struct blocking_names *names, int fd)
{
    _Alignas(struct dirent64) char entries[BLOCKING_DIRENTS_BYTES];
    for (;;) {
        ssize_t length = getdents64(fd, entries, sizeof(entries));
        if (length <= 0) {
            return length < 0 ? errno : 0;
        }
        for (ssize_t pos = 0; pos < length;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(entries + pos);
            int error = rt_blocking_list_add(names, entry->d_name);
            if (error != 0) {
                return error;
            }
            pos += entry->d_reclen;
        }
    }
}

static int rt_blocking_list_add(struct blocking_names *names, const char *name)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return 0;
    }
    size_t bytes = strlen(name) + 1;
    if (bytes > names->bytes_max - names->bytes_count) {
        return E2BIG;
    }
    char *start = names->bytes + names->bytes_count;
    memcpy(start, name, bytes);
    names->starts[names->count++] = start;
    names->bytes_count += bytes;
    return 0;
}

/* Bytewise: strcmp compares unsigned bytes (C17 7.24.4). */
static int rt_blocking_list_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int rt_blocking_error(int result)
{
    return result == 0 ? 0 : errno;
}
