/* The seam between what shards do and how: three backends stand behind it, uring_*, epoll_* and, in
 * tests, tests/sim. Only base/rt and tests/sim include this.
 *
 * The front (op.c, file.c, sock.c) checks arguments, keeps the books that all backends share, and
 * calls `submit`. A backend ends a submitted op with rt_op_complete, once, at any time, inside
 * `submit` too: that only queues the op (and takes it out of any list it is in by op->in_queue). It
 * never calls `done`. */
#ifndef BASE_RT_BACKEND_H
#define BASE_RT_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rt/addr.h"
#include "base/rt/file.h"
#include "base/rt/op.h"
#include "base/rt/shard.h"
#include "base/rt/sock.h"

struct rt_backend {
    const char *name; /* "uring", "epoll", "sim" */

    /* Begin the request op->kind with op->args. May complete it at once. Never fails otherwise. */
    void (*submit)(struct rt_shard *shard, struct rt_op *op);

    /* op->stop_err has just been set on an op that was submitted and is not complete: end it early
     * if that is possible. */
    void (*cancel)(struct rt_shard *shard, struct rt_op *op);

    /* Hand queued work to the kernel and complete what has ended; wait for something to do until
     * `until_ns` (monotonic; 0: do not wait, UINT64_MAX: as long as it takes). Returns early on a
     * wake. Returns whether anything ended. */
    bool (*poll)(struct rt_shard *shard, uint64_t until_ns);

    /* End the wait of `shard`'s poll, now or the next one. Called from any thread. */
    void (*wake)(struct rt_shard *shard);

    /* The clocks, read now. */
    uint64_t (*now_ns)(struct rt_shard *shard);
    uint64_t (*wall_ns)(struct rt_shard *shard);

    /* rt_shard_load. */
    uint32_t (*load)(struct rt_shard *shard);

    /* Bind and listen; fills listener->fd and addr.port. Errors as rt_listen. */
    enum err (*listen)(struct rt_listener *listener, bool is_shared);

    /* A receive buffer came back: free again. */
    void (*release)(struct rt_shard *shard, struct rt_recv_buf *buf);

    /* End the sending side; set socket options. Best effort. */
    void (*shutdown_send)(struct rt_sock *sock);
    void (*set_flags)(struct rt_sock *sock, uint32_t flags);
};

/* End `op`: its done fires from the ready queue with these results. Once per submit; shard's own
 * thread. */
void rt_op_complete(struct rt_op *op, enum err err, int64_t result, int saved_errno);

/* A shard in place, with its budget limited to `memory_bytes`, its generator seeded with `seed`.
 * The backend's state is the backend's to make and set. */
void rt_shard_init(struct rt_shard *shard, uint32_t id, struct rt_group *group,
                   const struct rt_backend *backend, uint64_t memory_bytes, uint64_t seed);

/* Read the clocks for the first time and start the timer wheel there: after the backend's state is
 * set, before the first turn. */
void rt_shard_open_clock(struct rt_shard *shard);

/* Everything of the shard is forgotten: memory still charged is freed. For an orderly end, or a
 * simulated crash. */
void rt_shard_deinit(struct rt_shard *shard);

/* One turn without I/O: read the clocks, deliver mail, fire timers, run what is ready now (ops that
 * become ready meanwhile wait for the next turn), ring doorbells. Returns whether the next turn has
 * something to do at once. */
bool rt_shard_turn(struct rt_shard *shard);

/* Whether there is something to do now without the backend: ready ops or mail. */
bool rt_shard_has_work(struct rt_shard *shard);

/* When the next timer is due (monotonic ns), UINT64_MAX: none. */
uint64_t rt_shard_next_ns(const struct rt_shard *shard);

/* A device whose durable writes were measured. */
struct rt_device {
    uint64_t id;             /* st_dev */
    enum rt_flush_form form; /* the best of its forms */
};

/* Devices of one process: data, journal, cold tier, and some more. */
#define RT_DEVICES_MAX 8

/* The shards of one runtime, and what they share. */
struct rt_group {
    struct rt_shard *shards;  /* shards_count of them */
    uint32_t shards_count;    /* 1 .. LIMIT_SHARDS_COUNT */
    uint32_t cpus_count;      /* processors the process may use; not used in the simulator */
    struct rt_inbox *inboxes; /* one per shard */
    struct rt_lane *lanes;    /* of all inboxes */
    struct rt_pool *workers;  /* worker threads, NULL in the simulator */
    enum rt_flush_form form;  /* of durable writes on devices that were not measured */
    struct rt_device devices[RT_DEVICES_MAX]; /* those that were; written before files are opened */
    uint32_t devices_count;                   /* how many */
};

/* The form of durable writes on device `device_id` (st_dev). */
enum rt_flush_form rt_group_form(const struct rt_group *group, uint64_t device_id);

/* --- For who makes shards and gives them turns: rt.c and the simulator. --- */

/* Make the tables of a group of `shards_count` shards, charged to `budget`: shards (each still to
 * be made by rt_shard_init) and mail. ERR_BUDGET: nothing was made. */
MUST_USE enum err rt_group_open(struct rt_group *group, uint32_t shards_count,
                                struct budget *budget);

/* Free them. The shards have been deinited; a group that was never opened is allowed. */
void rt_group_close(struct rt_group *group, struct budget *budget);

/* About to wait in the backend: true when nothing has arrived, and from now on a sender wakes the
 * shard. rt_mail_awake ends it. */
bool rt_mail_may_sleep(struct rt_shard *shard);

/* Back from the wait. */
void rt_mail_awake(struct rt_shard *shard);

/* The shard has finished: later mails are refused. */
void rt_mail_close(struct rt_shard *shard);

/* --- The books of a connection, kept by sock.c for all backends. --- */

/* `buf` (data and length set) holds the next bytes of `sock`: hand it to the waiting receive, or
 * queue it. When sock->unread_count reaches RT_SOCK_CHUNKS_MAX, the backend stops receiving until
 * the next SOCK_RECV is submitted. */
void rt_sock_received(struct rt_sock *sock, struct rt_recv_buf *buf);

/* No more bytes will come: ERR_OK = the peer ended its side. A waiting receive ends once what is
 * queued has been read. */
void rt_sock_recv_end(struct rt_sock *sock, enum err err);

/* The oldest waiting accept of `listener`, NULL: none. */
struct rt_op *rt_listener_next_accept(struct rt_listener *listener);

/* What `submit` finds of each kind, and what it owes:
 *
 *  - SOCK_RECV: only when nothing is queued and receiving has not ended; op is sock->recv_op. Ends
 *    through rt_sock_received, rt_sock_recv_end or, canceled, rt_op_complete. With args.net.data,
 *    rt_op_complete with bytes that the backend has put there, or any of the others.
 *  - SOCK_SEND: op is sock->send_op; the bytes are args.io.iov.
 *  - SOCK_ACCEPT: stands in listener->accepts already; ends with rt_op_complete after the fd and
 *    peer of args.net.sock are set.
 *  - SOCK_CLOSE, SOCK_DETACH, LISTENER_CLOSE, FILE_CLOSE: only when no other op of the target
 *    waits; what the backend has under way there by itself (a multishot receive) it ends first.
 *  - SOCK_DETACH hands over sock->fd as op->result, or closes it and ends ERR_TOO_LARGE when
 *    sock->unread_bytes > args.net.data_max; sock.c then copies the queued bytes out. */

/* --- What the two real backends share. --- */

/* errno as `enum err`. */
enum err rt_err_from_errno(int error);

/* Run a FILE_* or PATH_* request with blocking calls, on any thread: sets op->result, saved_errno;
 * returns op->err. */
enum err rt_blocking_run(struct rt_op *op);

#endif
