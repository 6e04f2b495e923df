/* epoll: one instance per shard. See backend.h for the contract, epoll_int.h for the state,
 * epoll_sock.c for connections.
 *
 * Files and jobs go to the worker threads and come back by mail (pool_int.h); connections are
 * registered once, edge-triggered, for both directions, so a message costs its share of one
 * epoll_wait, one recv and one send. The wake descriptor is edge-triggered too: every write to it
 * is an event, and nobody has to read it. */
#include "base/rt/epoll.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/epoll_int.h"
#include "base/rt/pool_int.h"
#include "base/rt/posix_int.h"

/* Events taken with one epoll_wait. More wait for the next turn. */
#define RT_EPOLL_EVENTS_COUNT 128

/* Turns in a row that do not ask the kernel because ops are ready. */
#define RT_EPOLL_SKIPS_MAX 3

#define RT_EPOLL_TAG_MASK 3ull

/* From one receive buffer to the next. A cache line more than a buffer, so that the beginnings of
 * buffers, which are all that small messages touch, do not compete for the same few sets of the
 * cache. */
#define RT_EPOLL_BUF_STRIDE_BYTES (LIMIT_RECV_BUFFER_BYTES + 64)

/* Address space of all receive buffers. */
#define RT_EPOLL_BUFS_BYTES ((size_t)LIMIT_RECV_BUFFERS_COUNT * RT_EPOLL_BUF_STRIDE_BYTES)

static enum err rt_epoll_fds_open(struct rt_epoll *e);
static enum err rt_epoll_bufs_open(struct rt_epoll *e);
static void rt_epoll_bufs_close(struct rt_epoll *e);
static bool rt_epoll_is_sock_kind(enum rt_op_kind kind);
static void rt_epoll_submit(struct rt_shard *shard, struct rt_op *op);
static void rt_epoll_cancel(struct rt_shard *shard, struct rt_op *op);
static bool rt_epoll_poll(struct rt_shard *shard, uint64_t until_ns);
static void rt_epoll_wake(struct rt_shard *shard);
static int rt_epoll_wait(struct rt_epoll *e, struct epoll_event *events, uint64_t until_ns);
static void rt_epoll_dispatch(struct rt_epoll *e, const struct epoll_event *event);

static const struct rt_backend rt_epoll_backend = {
    .name = "epoll",
    .submit = rt_epoll_submit,
    .cancel = rt_epoll_cancel,
    .poll = rt_epoll_poll,
    .wake = rt_epoll_wake,
    .now_ns = rt_posix_now_ns,
    .wall_ns = rt_posix_wall_ns,
    .load = rt_posix_load,
    .listen = rt_epoll_listen,
    .release = rt_epoll_release,
    .shutdown_send = rt_posix_shutdown_send,
    .set_flags = rt_posix_set_flags,
};

const struct rt_backend *rt_epoll(void)
{
    return &rt_epoll_backend;
}

enum err rt_epoll_open(struct rt_shard *shard, int *saved_errno)
{
    void *memory = NULL;
    enum err err = budget_alloc(&shard->budget, sizeof(struct rt_epoll), 64, &memory);
    if (err != ERR_OK) {
        return err;
    }
    struct rt_epoll *e = memory;
    *e = (struct rt_epoll){.shard = shard, .fd = -1, .wake_fd = -1};
    list_init(&e->free);
    list_init(&e->starved);
    errno = 0;
    err = rt_epoll_fds_open(e);
    if (err == ERR_OK) {
        err = rt_epoll_bufs_open(e);
    }
    shard->backend_state = e;
    if (err != ERR_OK) {
        *saved_errno = errno;
        rt_epoll_close(shard);
    }
    return err;
}

void rt_epoll_close(struct rt_shard *shard)
{
    struct rt_epoll *e = rt_epoll_of(shard);
    ASSERT(list_is_empty(&e->starved));
    rt_epoll_bufs_close(e);
    if (e->wake_fd >= 0) {
        close(e->wake_fd);
    }
    if (e->fd >= 0) {
        close(e->fd);
    }
    budget_free(&shard->budget, e);
    shard->backend_state = NULL;
}

struct rt_epoll *rt_epoll_of(struct rt_shard *shard)
{
    ASSERT(shard->backend == &rt_epoll_backend);
    return shard->backend_state;
}

static enum err rt_epoll_fds_open(struct rt_epoll *e)
{
    e->fd = epoll_create1(EPOLL_CLOEXEC);
    e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = RT_EPOLL_WAKE};
    if (e->fd < 0 || e->wake_fd < 0 || epoll_ctl(e->fd, EPOLL_CTL_ADD, e->wake_fd, &event) != 0) {
        return rt_err_from_errno(errno);
    }
    return ERR_OK;
}

/* All free buffers are poisoned: who reads a chunk after its release is caught by ASan. */
static enum err rt_epoll_bufs_open(struct rt_epoll *e)
{
    struct budget *budget = &e->shard->budget;
    void *bufs = NULL;
    if (budget_charge(budget, RT_EPOLL_BUFS_BYTES) != ERR_OK) {
        return ERR_BUDGET;
    }
    if (budget_alloc(budget, LIMIT_RECV_BUFFERS_COUNT * sizeof(struct rt_recv_buf), 64, &bufs) !=
        ERR_OK) {
        budget_uncharge(budget, RT_EPOLL_BUFS_BYTES);
        return ERR_BUDGET;
    }
    void *data = mmap(NULL, RT_EPOLL_BUFS_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED) {
        budget_free(budget, bufs);
        budget_uncharge(budget, RT_EPOLL_BUFS_BYTES);
        return ERR_RESOURCES;
    }
    e->buf_data = data;
    e->bufs = bufs;
    for (uint32_t i = 0; i < LIMIT_RECV_BUFFERS_COUNT; i++) {
        struct rt_recv_buf *buf = &e->bufs[i];
        buf->data = e->buf_data + (size_t)i * RT_EPOLL_BUF_STRIDE_BYTES;
        buf->index = i;
        list_push_back(&e->free, &buf->in_unread);
    }
    asan_poison(e->buf_data, RT_EPOLL_BUFS_BYTES);
    return ERR_OK;
}

static void rt_epoll_bufs_close(struct rt_epoll *e)
{
    if (e->bufs == NULL) {
        return;
    }
    VERIFY(list_count(&e->free) == LIMIT_RECV_BUFFERS_COUNT);
    asan_unpoison(e->buf_data, RT_EPOLL_BUFS_BYTES);
    munmap(e->buf_data, RT_EPOLL_BUFS_BYTES);
    budget_free(&e->shard->budget, e->bufs);
    budget_uncharge(&e->shard->budget, RT_EPOLL_BUFS_BYTES);
}

static bool rt_epoll_is_sock_kind(enum rt_op_kind kind)
{
    return kind >= RT_OP_LISTENER_CLOSE && kind <= RT_OP_SOCK_DETACH;
}

static void rt_epoll_submit(struct rt_shard *shard, struct rt_op *op)
{
    if (rt_epoll_is_sock_kind(op->kind)) {
        rt_epoll_sock_submit(rt_epoll_of(shard), op);
    } else {
        rt_pool_submit(shard->group->workers, op);
    }
}

static void rt_epoll_cancel(struct rt_shard *shard, struct rt_op *op)
{
    if (rt_epoll_is_sock_kind(op->kind)) {
        rt_epoll_sock_cancel(rt_epoll_of(shard), op);
    } else {
        rt_pool_cancel(shard->group->workers, op);
    }
}

/* Most sends are complete when they return, so a message would make two turns: one for what
 * arrived, one for what was sent. The second does not ask the kernel while ops are ready, a few
 * times in a row at most: one epoll_wait per message instead of two. */
static bool rt_epoll_poll(struct rt_shard *shard, uint64_t until_ns)
{
    struct rt_epoll *e = rt_epoll_of(shard);
    if (until_ns == 0 && !list_is_empty(&shard->ready) && e->skips_count < RT_EPOLL_SKIPS_MAX) {
        e->skips_count++;
        return true;
    }
    e->skips_count = 0;
    struct epoll_event events[RT_EPOLL_EVENTS_COUNT];
    int count = rt_epoll_wait(e, events, until_ns);
    for (int i = 0; i < count; i++) {
        rt_epoll_dispatch(e, &events[i]);
    }
    return !list_is_empty(&shard->ready);
}

static void rt_epoll_wake(struct rt_shard *shard)
{
    const uint64_t one = 1;
    ssize_t written = write(rt_epoll_of(shard)->wake_fd, &one, sizeof(one));
    ASSERT(written == sizeof(one)); /* the counter overflows after 2^64 wakes */
}

/* A signal ends the wait with no events. Where epoll_pwait2 is missing (before Linux 5.11) or
 * forbidden, the wait is rounded up to whole milliseconds: timers are late then, never early. */
static int rt_epoll_wait(struct rt_epoll *e, struct epoll_event *events, uint64_t until_ns)
{
    int count;
    if (until_ns == 0 || until_ns == UINT64_MAX) {
        count = epoll_wait(e->fd, events, RT_EPOLL_EVENTS_COUNT, until_ns == 0 ? 0 : -1);
    } else {
        uint64_t now_ns = rt_posix_now_ns(e->shard);
        uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
        struct timespec left = {.tv_sec = (time_t)(left_ns / RT_NS_PER_S),
                                .tv_nsec = (long)(left_ns % RT_NS_PER_S)};
        count =
            e->has_no_pwait2 ? -1 : epoll_pwait2(e->fd, events, RT_EPOLL_EVENTS_COUNT, &left, NULL);
        if (e->has_no_pwait2 || (count < 0 && (errno == ENOSYS || errno == EPERM))) {
            e->has_no_pwait2 = true;
            uint64_t left_ms = (left_ns + RT_NS_PER_MS - 1) / RT_NS_PER_MS;
            count = epoll_wait(e->fd, events, RT_EPOLL_EVENTS_COUNT,
                               left_ms < INT32_MAX ? (int)left_ms : INT32_MAX);
        }
    }
    ASSERT(count >= 0 || errno == EINTR);
    return count > 0 ? count : 0;
}

static void rt_epoll_dispatch(struct rt_epoll *e, const struct epoll_event *event)
{
    void *who = (void *)(uintptr_t)(event->data.u64 & ~RT_EPOLL_TAG_MASK);
    switch ((enum rt_epoll_tag)(event->data.u64 & RT_EPOLL_TAG_MASK)) {
    case RT_EPOLL_SOCK: rt_epoll_sock_event(e, who, event->events); break;
    case RT_EPOLL_LISTENER: rt_epoll_listener_event(e, who); break;
    case RT_EPOLL_WAKE: break; /* it has ended the wait: that is all */
    }
}
