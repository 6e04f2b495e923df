/* Stream sockets. Submitted ops follow the rules of op.h. Own shard only, nothing blocks.
 *
 * Receiving: the runtime owns the buffers. A receive is done with a chunk, a view of one buffer,
 * which the caller gives back with rt_sock_release when it has copied out what it needs (LOG §7:
 * one copy in); what is known to be long is received where it is to stand (rt_sock_recv_into). When
 * RT_SOCK_CHUNKS_MAX chunks of a connection wait unread, receiving pauses (what the kernel has
 * handed over by then still counts) and the peer is held back by TCP itself.
 * A backend may read ahead or not; of what arrived before a reset, some may be lost unread.
 * Sending: one send at a time per connection, gathered; it is done when the kernel needs the bytes
 * no more. Errors common to all: ERR_RESET, ERR_REFUSED, ERR_UNREACHABLE, ERR_TIMEOUT,
 * ERR_CANCELED, ERR_CLOSING, ERR_RESOURCES, ERR_SYSTEM. */
#ifndef BASE_RT_SOCK_H
#define BASE_RT_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/limits.h"
#include "base/rt/addr.h"
#include "base/rt/op.h"

/* Chunks of one connection that may wait unread before receiving pauses: with
 * LIMIT_RECV_BUFFER_BYTES each, what a connection may hold before it has authenticated (DESIGN §8).
 */
#define RT_SOCK_CHUNKS_MAX (LIMIT_CONNECTION_BYTES_UNAUTHENTICATED / LIMIT_RECV_BUFFER_BYTES)

/* One receive buffer of a shard, LIMIT_RECV_BUFFER_BYTES long; there are LIMIT_RECV_BUFFERS_COUNT.
 * The backend makes them. */
struct rt_recv_buf {
    struct list_node in_unread; /* rt_sock.unread, or the backend's list of free ones */
    uint8_t *data;              /* the buffer */
    uint32_t length;            /* bytes received into it */
    uint32_t start;             /* of them, given out by rt_sock_recv_into */
    uint32_t index;             /* which one of the shard's */
};

/* Received bytes, in a buffer lent by the runtime. */
struct rt_chunk {
    uint8_t *data;           /* first byte */
    uint32_t length;         /* > 0 */
    struct rt_recv_buf *buf; /* what is given back; runtime's */
};

enum rt_sock_flags {
    RT_SOCK_NODELAY = 1 << 0, /* TCP_NODELAY */
};

struct rt_sock {
    struct rt_shard *shard; /* owner */
    int fd;                 /* descriptor, -1: none or simulated */
    int slot;               /* index in the ring's registered files, -1: none; backend's */
    struct rt_addr peer;    /* the other end */
    bool is_open;           /* between a successful accept or connect and close or detach */
    bool is_closing;        /* close or detach asked for */
    bool is_recv_ended;     /* no more bytes come: the peer ended its side, or recv_err */
    bool is_copied;    /* no zero-copy sends: they are copied all the same (loopback), or refused */
    enum err recv_err; /* why receiving ended, ERR_OK: the peer's end of stream */
    uint32_t backend_flags; /* backend's */
    uint32_t waiting_count; /* ops submitted and not done, without close and detach */
    uint32_t held_count;    /* chunks handed out and not released */
    uint64_t copied_bytes;  /* of receives into the caller's memory: what had come before */
    struct rt_op *recv_op;  /* the receive that waits, NULL: none */
    struct rt_op *send_op;  /* the send that waits, NULL: none */
    struct rt_op *end_op;   /* the close or detach that waits for the others, NULL: none */
    struct list unread;    /* rt_recv_buf.in_unread: received and not asked for yet, oldest first */
    uint32_t unread_count; /* how many */
    uint32_t
        unread_bytes; /* their bytes; after a detach: the bytes written to the caller's `unread` */
    struct list_node in_backend; /* a list of the backend's (sockets that wait for a buffer) */
    void *backend;               /* backend's */
};

struct rt_listener {
    struct rt_shard *shard;      /* owner */
    int fd;                      /* descriptor, -1: none or simulated */
    int slot;                    /* in the registered files, -1: none; backend's */
    struct rt_addr addr;         /* bound to; the port is the real one */
    bool is_open;                /* between listen and close */
    bool is_closing;             /* close asked for */
    uint32_t backend_flags;      /* backend's */
    struct list accepts;         /* ops that wait for a connection, oldest first */
    uint32_t waiting_count;      /* accepts that wait */
    struct rt_op *end_op;        /* the close that waits, NULL: none */
    int pending_fd;              /* accepted for an op that was canceled, -1: none;
                                    backend's */
    struct list_node in_backend; /* a list of the backend's */
    void *backend;               /* backend's */
};

/* Bind and listen at once (these calls do not wait). `is_shared`: several shards listen on the same
 * address and the kernel spreads connections (SO_REUSEPORT). Errors: ERR_BUSY (address in use),
 * ERR_ACCESS (port below 1024), ERR_INVALID (no such local address), ERR_RESOURCES. The listener's
 * memory is the runtime's until rt_listener_close is done. */
MUST_USE enum err rt_listen(struct rt_listener *listener, struct rt_shard *shard,
                            const struct rt_addr *addr, bool is_shared);

/* Take the next connection into `sock` (in place, initialised by this call). Several accepts may
 * wait; they are served in order. done: sock->is_open and sock->peer are set. ERR_RESOURCES: out of
 * descriptors; the connection stays in the backlog, try later. */
void rt_sock_accept(struct rt_listener *listener, struct rt_op *op, struct rt_sock *sock);

/* Stop listening: waiting accepts end with ERR_CLOSING, connections not accepted are reset. done:
 * the memory is the caller's. */
void rt_listener_close(struct rt_listener *listener, struct rt_op *op);

/* Connect to `addr` (the caller's until done). `sock` in place, initialised by this call. done:
 * sock->is_open. */
void rt_sock_connect(struct rt_sock *sock, struct rt_op *op, struct rt_shard *shard,
                     const struct rt_addr *addr);

/* Wait for the next bytes. One receive at a time. done: op->result = bytes in op->sock's current
 * chunk, which rt_sock_chunk returns and rt_sock_release gives back; 0 = the peer will send no
 * more. ERR_CANCELED loses no bytes. */
void rt_sock_recv(struct rt_sock *sock, struct rt_op *op);

/* The same for long messages: the bytes go to `data`, the caller's memory, `data_max` > 0 long,
 * without a copy where the backend can (from then on it reads ahead on this connection no more than
 * a buffer). done: op->result = bytes there, what is behind them is undefined; there is no chunk.
 * ERR_CANCELED, ERR_TIMEOUT lose none. */
void rt_sock_recv_into(struct rt_sock *sock, struct rt_op *op, uint8_t *data, size_t data_max);

/* The chunk with which the receive `op` was done (its result > 0). Valid until released. */
struct rt_chunk rt_sock_chunk(const struct rt_op *op);

/* Give a chunk back to the runtime. Every chunk once, in any order, also after the connection
 * failed, but before its close or detach is done (asserted). */
void rt_sock_release(struct rt_sock *sock, struct rt_chunk chunk);

/* Send all bytes of `iov` (1 .. LIMIT_IOV_COUNT entries, > 0 bytes; array and bytes unchanged until
 * done). One send at a time. done: op->result = bytes, all of them, or an error and an unknown part
 * was sent: close then. */
void rt_sock_send(struct rt_sock *sock, struct rt_op *op, const struct iovec *iov,
                  uint32_t iov_count);

/* End the sending side: the peer reads what was sent, then end of stream. No send may wait.
 * Receiving goes on. Ignores a connection that is already gone. */
void rt_sock_shutdown_send(struct rt_sock *sock);

/* Set options of enum rt_sock_flags. A failure is harmless and ignored. */
void rt_sock_set_flags(struct rt_sock *sock, uint32_t flags);

/* Cancel what waits (ERR_CLOSING), wait for it, close. Unread bytes are dropped. done: the memory
 * is the caller's. */
void rt_sock_close(struct rt_sock *sock, struct rt_op *op);

/* Take the connection out of the runtime: no receive or send may wait. Bytes received and not read
 * go to `unread` (room for at least LIMIT_CONNECTION_BYTES_UNAUTHENTICATED, asserted). done:
 * op->result = the descriptor, non-blocking, the caller's to close; sock->unread_bytes says how
 * many bytes stand in `unread`; the rt_sock's memory is the caller's. ERR_TOO_LARGE (more had
 * arrived than fits: the connection is closed), ERR_UNSUPPORTED (simulator: the connection stays as
 * it was). */
void rt_sock_detach(struct rt_sock *sock, struct rt_op *op, uint8_t *unread, size_t unread_max);

#endif
