/* epoll: connections and listeners. See epoll_int.h.
 *
 * A descriptor is registered once, for reading and writing, edge-triggered: the kernel reports a
 * change once, backend_flags remember it, and a flag is cleared only by a call that found nothing
 * more to do. A recv that fills less than its buffer has drained the socket and a send that takes
 * less than all has filled it (epoll(7), question 9), so neither is followed by a call that would
 * only say EAGAIN. The exception is the peer's end: it stands behind the bytes without an edge of
 * its own, hence RT_EPOLL_ENDED.
 *
 * Bytes are read only when a receive waits: what nobody asked for stays in the kernel, where TCP
 * holds the peer back, and rt_sock.unread is always empty. A receive that finds no free buffer
 * waits in `starved`; each release serves the oldest.
 *
 * Everything completes by rt_op_complete, which queues, so a connection cannot disappear under an
 * event; its descriptor can (a close that waited for the completion), hence the look at fd. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/assert.h"
#include "base/rt/epoll_int.h"
#include "base/rt/posix_int.h"

/* Buffers of a continued send handed to the kernel at once. */
#define RT_EPOLL_WINDOW_COUNT 64

static enum err rt_epoll_register(struct rt_epoll *e, int fd, uint32_t events, const void *who,
                                  enum rt_epoll_tag tag);
static int rt_epoll_unregister(struct rt_epoll *e, int fd);
static void rt_epoll_accept(struct rt_epoll *e, struct rt_listener *listener);
static enum err rt_epoll_accept_one(struct rt_epoll *e, struct rt_listener *listener,
                                    struct rt_sock *sock);
static bool rt_epoll_is_lost_before_accept(int error);
static void rt_epoll_connect(struct rt_epoll *e, struct rt_op *op);
static void rt_epoll_connect_end(struct rt_epoll *e, struct rt_sock *sock, enum err err, int error);
static void rt_epoll_recv(struct rt_epoll *e, struct rt_sock *sock);
static void rt_epoll_send(struct rt_epoll *e, struct rt_sock *sock);
static ssize_t rt_epoll_send_part(struct rt_op *op, uint64_t *asked_bytes);
