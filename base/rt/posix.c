/* System calls that both real backends make alike. See posix_int.h. */
#include "base/rt/posix_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/rt/backend.h"
#include "base/rt/clock.h"

/* Connections the kernel keeps for us between two accepts. It lowers this to net.core.somaxconn
 * (4096 since Linux 5.4), which is where an operator changes it. */
#define POSIX_BACKLOG_COUNT 4096

static int rt_posix_listen_on(int fd, const struct rt_addr *addr, bool is_shared);

socklen_t rt_posix_sockaddr(const struct rt_addr *addr, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){0};
    if (addr->is_v6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(addr->port);
        memcpy(&v6->sin6_addr, addr->ip, sizeof(v6->sin6_addr));
        return sizeof(*v6);
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(addr->port);
    memcpy(&v4->sin_addr, addr->ip, sizeof(v4->sin_addr));
    return sizeof(*v4);
}

struct rt_addr rt_posix_addr(const struct sockaddr_storage *in)
{
    struct rt_addr addr = {.is_v6 = in->ss_family == AF_INET6};
    if (addr.is_v6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)in;
        addr.port = ntohs(v6->sin6_port);
        memcpy(addr.ip, &v6->sin6_addr, sizeof(v6->sin6_addr));
        return addr;
    }
    ASSERT(in->ss_family == AF_INET);
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)in;
    addr.port = ntohs(v4->sin_port);
    memcpy(addr.ip, &v4->sin_addr, sizeof(v4->sin_addr));
    return addr;
}

enum err rt_posix_listen(struct rt_listener *listener, bool is_shared)
{
    int family = listener->addr.is_v6 ? AF_INET6 : AF_INET;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return rt_err_from_errno(errno);
    }
    struct sockaddr_storage bound;
    socklen_t bound_length = sizeof(bound);
    int error = rt_posix_listen_on(fd, &listener->addr, is_shared);
    if (error == 0 && getsockname(fd, (struct sockaddr *)&bound, &bound_length) != 0) {
        error = errno;
    }
    if (error != 0) {
        close(fd);
        return rt_err_from_errno(error);
    }
    listener->fd = fd;
    listener->addr = rt_posix_addr(&bound);
    return ERR_OK;
}

enum err rt_posix_connect_err(int error)
{
    return error == EADDRNOTAVAIL ? ERR_RESOURCES : rt_err_from_errno(error);
}

void rt_posix_set_flags(struct rt_sock *sock, uint32_t flags)
{
    int is_nodelay = (flags & RT_SOCK_NODELAY) != 0;
    (void)setsockopt(sock->fd, IPPROTO_TCP, TCP_NODELAY, &is_nodelay, sizeof(is_nodelay));
}

void rt_posix_shutdown_send(struct rt_sock *sock)
{
    (void)shutdown(sock->fd, SHUT_WR);
}

void rt_posix_abort(int fd)
{
    const struct sockaddr none = {.sa_family =
                                      AF_UNSPEC}; /* connect(2): dissolves the association */
    (void)connect(fd, &none, sizeof(none));
}

uint64_t rt_posix_now_ns(struct rt_shard *shard)
{
    (void)shard;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * RT_NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t rt_posix_wall_ns(struct rt_shard *shard)
{
    (void)shard;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * RT_NS_PER_S + (uint64_t)now.tv_nsec;
}

uint32_t rt_posix_load(struct rt_shard *shard)
{
    struct sysinfo info;
    uint32_t cpus_count = shard->group->cpus_count;
    if (sysinfo(&info) != 0 || cpus_count == 0) {
        return UINT32_MAX;
    }
    uint64_t load = ((uint64_t)info.loads[0] * 1000 >> SI_LOAD_SHIFT) / cpus_count;
    return load < UINT32_MAX ? (uint32_t)load : UINT32_MAX - 1;
}

uint32_t rt_posix_iov_window(const struct iovec *iov, uint32_t iov_count, uint64_t skip_bytes,
                             struct iovec *out, uint32_t out_max)
{
    uint32_t out_count = 0;
    for (uint32_t i = 0; i < iov_count && out_count < out_max; i++) {
        if (skip_bytes >= iov[i].iov_len) {
            skip_bytes -= iov[i].iov_len;
            continue;
        }
        out[out_count++] = (struct iovec){
            .iov_base = (uint8_t *)iov[i].iov_base + skip_bytes,
            .iov_len = iov[i].iov_len - (size_t)skip_bytes,
        };
        skip_bytes = 0;
    }
    return out_count;
}

/* Returns 0 or the errno. SO_REUSEADDR: a restarted server binds although connections of its former
 * life linger in TIME_WAIT. */
static int rt_posix_listen_on(int fd, const struct rt_addr *addr, bool is_shared)
{
    const int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) {
        return errno;
    }
    if (is_shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) {
        return errno;
    }
    if (addr->is_v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) {
        return errno;
    }
    struct sockaddr_storage name;
    socklen_t name_length = rt_posix_sockaddr(addr, &name);
    if (bind(fd, (const struct sockaddr *)&name, name_length) != 0) {
        return errno;
    }
    return listen(fd, POSIX_BACKLOG_COUNT) == 0 ? 0 : errno;
}
