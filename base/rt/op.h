/* Operations: the one form in which anything waits (DESIGN §3).
 *
 * Whoever waits embeds a `struct rt_op`, gives it a `done` function once, and submits it through
 * file.h, sock.h, worker.h or rt_op_defer. Rules that every runtime keeps, and that every caller
 * may build on:
 *
 *  1. `done` fires exactly once for each submit, from the shard's ready queue: never inside submit
 * or cancel, never re-entered.
 *  2. From submit until `done` the op, its buffers, arrays and paths belong to the runtime:
 * unmoved, unchanged, alive. In `done` the op is idle again and may be submitted at once.
 *  3. Submitting never fails: what cannot be done is reported through `done`, in op->err.
 *  4. Every op has a deadline if it wants one, and can be canceled. Both only ask: `done` still
 * fires once, with ERR_TIMEOUT or ERR_CANCELED, or with the true result where the work could no
 * longer be stopped (a disk write under way, for one).
 *  5. An op belongs to one shard and is touched by its thread alone. */
#ifndef BASE_RT_OP_H
#define BASE_RT_OP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/list.h"
#include "base/rt/mailbox.h"
#include "base/rt/timer.h"

struct rt_file;
struct rt_listener;
struct rt_op;
struct rt_recv_buf;
struct rt_shard;
struct rt_sock;

typedef void rt_done_fn(struct rt_op *op);

/* What an op does: one row per request a backend can be handed. name, target. */
#define RT_OP_KINDS(X)                                                                             \
    X(DEFER, "defer")                                                                              \
    X(JOB, "job")                                                                                  \
    X(FILE_OPEN, "file_open")                                                                      \
    X(FILE_CLOSE, "file_close")                                                                    \
    X(FILE_READ, "file_read")                                                                      \
    X(FILE_WRITE, "file_write")                                                                    \
    X(FILE_WRITE_DURABLE, "file_write_durable")                                                    \
    X(FILE_FLUSH, "file_flush")                                                                    \
    X(FILE_ALLOCATE, "file_allocate")                                                              \
    X(FILE_TRUNCATE, "file_truncate")                                                              \
    X(FILE_LOCK, "file_lock")                                                                      \
    X(FILE_SYNC_ALL, "file_sync_all")                                                              \
    X(PATH_RENAME, "path_rename")                                                                  \
    X(PATH_UNLINK, "path_unlink")                                                                  \
    X(PATH_MKDIR, "path_mkdir")                                                                    \
    X(PATH_RMDIR, "path_rmdir")                                                                    \
    X(PATH_LIST, "path_list")                                                                      \
    X(PATH_SYNC_DIR, "path_sync_dir")                                                              \
    X(PATH_SPACE, "path_space")                                                                    \
    X(LISTENER_CLOSE, "listener_close")                                                            \
    X(SOCK_ACCEPT, "sock_accept")                                                                  \
    X(SOCK_CONNECT, "sock_connect")                                                                \
    X(SOCK_RECV, "sock_recv")                                                                      \
    X(SOCK_SEND, "sock_send")                                                                      \
    X(SOCK_CLOSE, "sock_close")                                                                    \
    X(SOCK_DETACH, "sock_detach")

enum rt_op_kind {
#define RT_OP_KIND_ENUM(name, text) RT_OP_##name,
    RT_OP_KINDS(RT_OP_KIND_ENUM)
#undef RT_OP_KIND_ENUM
        RT_OP_KIND_COUNT
};

enum rt_op_state {
    RT_OP_IDLE,    /* the caller's */
    RT_OP_WAITING, /* submitted; the backend has it */
    RT_OP_READY,   /* finished; in the shard's ready queue */
};

/* What a request is about. Which member is valid follows from the kind. */
union rt_op_args {
    struct {
        const char *path;    /* NUL-terminated, caller's until done */
        const char *path_to; /* rename: the new name */
        uint32_t flags;      /* open: enum rt_file_flags */
        uint32_t mode;       /* open, mkdir: permission bits */
        void *out;           /* list: struct rt_dir_list; space: struct rt_space */
    } path;
    struct {
        const struct iovec *iov; /* read, write: buffers in order; may be the op's own iov_one */
        uint32_t iov_count;      /* entries of iov */
        uint32_t flags;          /* allocate: enum rt_allocate; lock: 1 = exclusive */
        uint64_t pos;            /* byte position in the file */
        uint64_t length; /* read, write: sum over iov; allocate: bytes; truncate: new size */
    } io;
    struct {
        struct rt_sock *sock;       /* accept: where the new connection goes */
        const struct rt_addr *addr; /* connect: the peer */
        uint8_t *data;   /* detach: room for the bytes received but not read; receive: where bytes
                            go, NULL: into a buffer of the runtime */
        size_t data_max; /* its size */
    } net;
    struct {
        enum err (*work)(struct rt_op *op); /* job: runs on a worker thread */
    } job;
};

struct rt_op {
    rt_done_fn *done;       /* set by rt_op_init; the submitter's */
    struct rt_shard *shard; /* whose thread owns this op */
    enum err err;           /* in done: how it ended */
    int saved_errno;        /* in done: the system's errno behind err, 0 if none */
    int64_t result;         /* in done: what the submitting function says, usually bytes */
    uint64_t deadline_ns;   /* monotonic time after which to give up, 0: never; kept over submits
                               until changed */
    enum rt_op_kind kind;   /* of the last submit */
    enum rt_op_state state; /* who has it */
    enum err stop_err;  /* ERR_CANCELED or ERR_TIMEOUT once asked to stop, else ERR_OK; runtime's */
    bool is_started;    /* the backend has it; runtime's */
    bool is_io_counted; /* counted in rt_shard.io_count; runtime's */
    uint32_t backend_flags;       /* backend's */
    struct rt_file *file;         /* target of FILE_*; runtime's */
    struct rt_sock *sock;         /* target of SOCK_*; runtime's */
    struct rt_listener *listener; /* target of SOCK_ACCEPT, LISTENER_CLOSE; runtime's */
    union rt_op_args args;        /* the request */
    struct iovec iov_one;         /* the only buffer of a request with one */
    uint64_t progress;            /* bytes finished so far of a request done in parts; backend's */
    struct list_node in_queue;    /* rt_shard.ready, or a list of the backend */
    struct rt_timer deadline;     /* in rt_shard.timers while a deadline is set and the op waits */
    struct rt_mail mail;          /* how a worker thread says that it is done */
    struct rt_recv_buf *chunk;    /* receive: the buffer it was done with; runtime's */
    void *backend;                /* backend's, for the time of one submit */
};

/* Make `op` idle, its results to be reported to `done` on `shard`. Call once before its first
 * submit; `op` has no resources, so there is no deinit. */
void rt_op_init(struct rt_op *op, struct rt_shard *shard, rt_done_fn *done);

/* Give up at `deadline_ns` (rt_now_ns scale; 0: never). Only while idle; holds for every later
 * submit until changed. */
void rt_op_set_deadline(struct rt_op *op, uint64_t deadline_ns);

/* Whether `op` is the caller's: not submitted, or in or past its `done`. */
bool rt_op_is_idle(const struct rt_op *op);

/* Ask a waiting op to end early, with ERR_CANCELED unless it is too late. An idle or ready op is
 * left alone. Never calls `done`. */
void rt_op_cancel(struct rt_op *op);

/* Be called back from the ready queue, behind what is in it: how a long computation yields.
 * op->result is 0, op->err ERR_OK. Only from
 * within a turn: it wakes nobody. */
void rt_op_defer(struct rt_op *op);

/* The kind's name, for logs and traces. Static storage. */
const char *rt_op_kind_name(enum rt_op_kind kind);

#endif
