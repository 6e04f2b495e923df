/* System calls that both real backends make alike, without waiting: sockets' addresses and options,
 * clocks, parts of requests. */
#ifndef BASE_RT_POSIX_INT_H
#define BASE_RT_POSIX_INT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/rt/addr.h"

struct rt_listener;
struct rt_shard;
struct rt_sock;

/* `addr` as the system's struct. Returns its length. */
socklen_t rt_posix_sockaddr(const struct rt_addr *addr, struct sockaddr_storage *out);

/* The system's struct as an address. Asserted: IPv4 or IPv6, the only families our sockets have. */
struct rt_addr rt_posix_addr(const struct sockaddr_storage *in);

/* rt_backend.listen: socket, bind, listen; fills listener->fd (non-blocking) and addr.port. Nothing
 * stays open on an error. An IPv6 listener takes IPv6 only, so "0.0.0.0:9092" and "[::]:9092" stand
 * side by side. */
MUST_USE enum err rt_posix_listen(struct rt_listener *listener, bool is_shared);

/* The result of a failed connect(2): as rt_err_from_errno, but that running out of local ports
 * (EADDRNOTAVAIL) is a lack of resources. */
enum err rt_posix_connect_err(int error);

/* rt_backend.set_flags and rt_backend.shutdown_send. */
void rt_posix_set_flags(struct rt_sock *sock, uint32_t flags);
void rt_posix_shutdown_send(struct rt_sock *sock);

/* Break a connection: the peer is sent a reset, and the kernel forgets what it still held to send.
 * The descriptor stays. */
void rt_posix_abort(int fd);

/* rt_backend.now_ns and rt_backend.wall_ns. */
uint64_t rt_posix_now_ns(struct rt_shard *shard);
uint64_t rt_posix_wall_ns(struct rt_shard *shard);

/* rt_backend.load. */
uint32_t rt_posix_load(struct rt_shard *shard);

/* The buffers of `iov` without their first `skip_bytes`, at most `out_max` of them, in `out`; the
 * caller's array stays as it is. Returns how many; 0 when `skip_bytes` are all there are. */
uint32_t rt_posix_iov_window(const struct iovec *iov, uint32_t iov_count, uint64_t skip_bytes,
                             struct iovec *out, uint32_t out_max);

#endif
