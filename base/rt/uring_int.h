/* The io_uring backend's state and the seams between its files: uring_loop.c (ring, submit, reap),
 * uring_file.c, uring_sock.c. */
#ifndef BASE_RT_URING_INT_H
#define BASE_RT_URING_INT_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/rt/backend.h"

#define RT_URING_SQ_COUNT     1024u  /* requests of one turn before an early submit */
#define RT_URING_CQ_COUNT     8192u  /* completions between two reaps without overflow */
#define RT_URING_TURN_COUNT   128u   /* of them taken in a turn: what they touch stays in caches */
#define RT_URING_FILE_COUNT   16384u /* registered files; beyond them, and before 6.13, plain fds */
#define RT_URING_WINDOW_COUNT 4u     /* buffers of a continued request */

/* Receive buffers come in two groups of equal size. The first serves multishot receives, which take
 * as many as the kernel has bytes for before anybody can tell it to stop: one fast sender may empty
 * it. The second serves single receives, each for somebody who waits, so that all others go on. */
enum rt_uring_group { RT_URING_MANY, RT_URING_ONE, RT_URING_GROUPS_COUNT };

#define RT_URING_GROUP_COUNT (LIMIT_RECV_BUFFERS_COUNT / RT_URING_GROUPS_COUNT)

/* What a completion's user_data points at: the low three bits. */
enum rt_uring_tag {
    RT_URING_OP,       /* struct rt_op */
    RT_URING_OP_FLUSH, /* struct rt_op: the second half of a linked durable write */
    RT_URING_RECV,     /* struct rt_sock: its receive */
    RT_URING_ACCEPT,   /* struct rt_listener: its accept */
    RT_URING_WAKE,     /* the read of the wake descriptor */
    RT_URING_NOBODY,   /* a cancel: its result tells nothing */
};

/* rt_sock.backend_flags and rt_listener.backend_flags. */
enum rt_uring_sock_flags {
    RT_URING_ARMED = 1 << 0,  /* a receive or accept is in the kernel; its last completion comes */
    RT_URING_PAUSED = 1 << 1, /* it was told to end */
    RT_URING_SINGLE = 1 << 2, /* single receives from now on: it has overfilled once, or is asked
                                 to receive into the caller's memory */
    RT_URING_INTO = 1 << 3,   /* the receive in the kernel does that */
};

/* One ring per shard; all fields are its thread's. */
struct rt_uring {
    struct rt_shard *shard; /* whose ring */
    struct io_uring ring;   /* the ring */
    bool has_send_zc;       /* the kernel knows IORING_OP_SENDMSG_ZC */
    int wake_fd;            /* eventfd */
    uint64_t wake_value;    /* what its read delivers */
    bool is_wake_armed;     /* that read is in the kernel */

    struct io_uring_buf_ring *buf_rings[RT_URING_GROUPS_COUNT]; /* what the kernel takes from */
    uint32_t free_counts[RT_URING_GROUPS_COUNT]; /* buffers with the kernel, by group */
    uint8_t *buf_data;        /* LIMIT_RECV_BUFFERS_COUNT buffers, mapped, touched when used */
    struct rt_recv_buf *bufs; /* one per buffer, the first group's first; the shard's budget */
    struct list starved;      /* rt_sock.in_backend: their receive ended for want of a buffer */

    uint32_t *slots;      /* free slots of the registered files, a stack; the shard's budget */
    uint32_t slots_count; /* how many are free */

    struct msghdr *msgs;   /* per submission entry, until it is submitted; the shard's budget */
    struct iovec *windows; /* RT_URING_WINDOW_COUNT per submission entry, likewise */
};

/* --- uring_loop.c --- */

/* A submission entry, the queue handed to the kernel first when it is full. Never NULL. Room for
 * `count` in one submit. */
struct io_uring_sqe *rt_uring_sqe(struct rt_uring *u, unsigned count);

/* Name the target of `sqe`: by slot where it has one. After the prep function. */
void rt_uring_target(struct io_uring_sqe *sqe, int fd, int slot);

/* Name who gets the completion. */
void rt_uring_tag(struct io_uring_sqe *sqe, const void *who, enum rt_uring_tag tag);

/* The message header, and the window of buffers, that belong to `sqe` until it is submitted. */
struct msghdr *rt_uring_msg(struct rt_uring *u, const struct io_uring_sqe *sqe);
struct iovec *rt_uring_window(struct rt_uring *u, const struct io_uring_sqe *sqe);

/* Ask the kernel to end the request that was tagged so. */
void rt_uring_cancel_tagged(struct rt_uring *u, const void *who, enum rt_uring_tag tag);

/* A slot of the registered files for `fd`, -1 when there is none. */
int rt_uring_slot_take(struct rt_uring *u, int fd);

/* Give it back, before the descriptor is closed. -1 is ignored. */
void rt_uring_slot_give(struct rt_uring *u, int slot);

/* The ring's state of `shard`. */
struct rt_uring *rt_uring_of(struct rt_shard *shard);

/* --- uring_file.c --- */

/* Begin a FILE_* or PATH_* request. */
void rt_uring_file_submit(struct rt_uring *u, struct rt_op *op);

/* Its completion, and that of the linked flush. */
void rt_uring_file_done(struct rt_uring *u, struct rt_op *op, int result);
void rt_uring_file_flushed(struct rt_uring *u, struct rt_op *op, int result);

/* --- uring_sock.c --- */

/* Begin a SOCK_* or LISTENER_CLOSE request; end one early. */
void rt_uring_sock_submit(struct rt_uring *u, struct rt_op *op);
void rt_uring_sock_cancel(struct rt_uring *u, struct rt_op *op);

/* Completions: of a connect or send, of a receive, of an accept. */
void rt_uring_sock_done(struct rt_uring *u, struct rt_op *op, int result, unsigned flags);
void rt_uring_recv_done(struct rt_uring *u, struct rt_sock *sock, int result, unsigned flags);
void rt_uring_accept_done(struct rt_uring *u, struct rt_listener *listener, int result);

/* rt_backend.release. */
void rt_uring_release(struct rt_shard *shard, struct rt_recv_buf *buf);

/* Make, and unmake, the receive buffers. */
MUST_USE enum err rt_uring_bufs_open(struct rt_uring *u);
void rt_uring_bufs_close(struct rt_uring *u);

#endif
