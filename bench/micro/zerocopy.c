/* From which size on zero-copy sending pays (base/rt/uring_sock.c, RT_URING_ZC_BYTES_MIN): one send
 * at a time over loopback, plain against IORING_OP_SEND_ZC, on a bare ring as the runtime sets its
 * rings up. A zero-copy send is over when its notification has come.
 *
 * Over loopback, and between network namespaces, the kernel copies the bytes after all when it
 * delivers them; it then says so in the notification, and the runtime sends plainly on that
 * connection from then on. There this benchmark shows what the one attempt costs. The gain shows
 * only on a network card. */
#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/micro/bench.h"

#define ZEROCOPY_BYTES_MAX    (1u << 20)
#define ZEROCOPY_REPORT_USAGE (1u << 3)  /* IORING_SEND_ZC_REPORT_USAGE, Linux 6.2 */
#define ZEROCOPY_COPIED       (1u << 31) /* IORING_NOTIF_USAGE_ZC_COPIED */

/* Both sides of the measurement. */
struct zerocopy {
    struct io_uring ring;
    int out_fd;            /* sends */
    int in_fd;             /* a thread reads it dry */
    size_t length;         /* of one send */
    bool is_zerocopy;      /* how to send */
    uint64_t sends_count;  /* zero-copy sends */
    uint64_t copied_count; /* of them, those the kernel copied */
    char data[ZEROCOPY_BYTES_MAX];
};

static void zerocopy_open(struct zerocopy *work);
static void *zerocopy_drain(void *context);
static void zerocopy_send_plain(void *context, uint64_t ops_count);
static void zerocopy_send_zc(void *context, uint64_t ops_count);
static void zerocopy_send(struct zerocopy *work);
static struct io_uring_cqe *zerocopy_wait(struct zerocopy *work);
static void zerocopy_die(const char *what);

int main(int argc, char **argv)
{
    struct bench b;
    bench_init(&b, argc, argv);
    struct zerocopy *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        return 1;
    }
    zerocopy_open(work);
    pthread_t reader;
    if (pthread_create(&reader, NULL, zerocopy_drain, work) != 0) {
        zerocopy_die("thread");
    }
    static const size_t sizes_kib[] = {4, 16, 64, 256, 1024};
    for (size_t i = 0; i < ARRAY_COUNT(sizes_kib); i++) {
        char name[64];
        work->length = sizes_kib[i] << 10;
        work->sends_count = work->copied_count = 0;
        snprintf(name, sizeof(name), "zero-copy send of %zu KiB", sizes_kib[i]);
        struct bench_side zc = {.loop = zerocopy_send_zc, .context = work};
        struct bench_side plain = {.loop = zerocopy_send_plain, .context = work};
        struct bench_pair pair = bench_pair(&b, name, &zc, &plain, 21);
        bench_note(&b, "%s: %.0f %% copied by the kernel after all", name,
                   100.0 * (double)work->copied_count / (double)work->sends_count);
        bench_row(&b, &(struct bench_row){.name = name,
                                          .value = pair.ours / 1000,
                                          .unit = "us",
                                          .peer = "a plain send",
                                          .ratio = pair.ratio});
    }
    shutdown(work->out_fd, SHUT_RDWR);
    pthread_join(reader, NULL);
    io_uring_queue_exit(&work->ring);
    close(work->out_fd);
    close(work->in_fd);
    free(work);
    return bench_finish(&b);
}

static void zerocopy_open(struct zerocopy *work)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t addr_bytes = sizeof(addr);
    int listener_fd = socket(AF_INET, SOCK_STREAM, 0);
    work->out_fd = socket(AF_INET, SOCK_STREAM, 0);
    if (listener_fd < 0 || work->out_fd < 0 ||
        bind(listener_fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
        listen(listener_fd, 1) != 0 ||
        getsockname(listener_fd, (struct sockaddr *)&addr, &addr_bytes) != 0 ||
        connect(work->out_fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
        (work->in_fd = accept(listener_fd, NULL, NULL)) < 0) {
        zerocopy_die("a connection");
    }
    close(listener_fd);
    int result = io_uring_queue_init(8, &work->ring,
                                     IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
    if (result < 0) {
        errno = -result;
        zerocopy_die("io_uring");
    }
}

static void *zerocopy_drain(void *context)
{
    struct zerocopy *work = context;
    static const size_t room_bytes = 256 << 10;
    char *room = malloc(room_bytes);
    while (room != NULL && recv(work->in_fd, room, room_bytes, 0) > 0) {
    }
    free(room);
    return NULL;
}

static void zerocopy_send_plain(void *context, uint64_t ops_count)
{
    struct zerocopy *work = context;
    work->is_zerocopy = false;
    for (uint64_t i = 0; i < ops_count; i++) {
        zerocopy_send(work);
    }
}

static void zerocopy_send_zc(void *context, uint64_t ops_count)
{
    struct zerocopy *work = context;
    work->is_zerocopy = true;
    for (uint64_t i = 0; i < ops_count; i++) {
        zerocopy_send(work);
    }
}

static void zerocopy_send(struct zerocopy *work)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&work->ring);
    ASSERT(sqe != NULL);
    if (work->is_zerocopy) {
        io_uring_prep_send_zc(sqe, work->out_fd, work->data, work->length,
                              MSG_NOSIGNAL | MSG_WAITALL, ZEROCOPY_REPORT_USAGE);
    } else {
        io_uring_prep_send(sqe, work->out_fd, work->data, work->length, MSG_NOSIGNAL | MSG_WAITALL);
    }
    struct io_uring_cqe *cqe = zerocopy_wait(work);
    if (cqe->res != (int)work->length) {
        errno = cqe->res < 0 ? -cqe->res : EIO;
        zerocopy_die("send");
    }
    bool has_more = (cqe->flags & IORING_CQE_F_MORE) != 0;
    io_uring_cqe_seen(&work->ring, cqe);
    if (has_more) {
        cqe = zerocopy_wait(work);
        work->sends_count++;
        work->copied_count += ((unsigned)cqe->res & ZEROCOPY_COPIED) != 0;
        io_uring_cqe_seen(&work->ring, cqe);
    }
}

static struct io_uring_cqe *zerocopy_wait(struct zerocopy *work)
{
    struct io_uring_cqe *cqe = NULL;
    int result = io_uring_submit_and_wait(&work->ring, 1);
    if (result >= 0) {
        result = io_uring_wait_cqe(&work->ring, &cqe);
    }
    if (result < 0) {
        errno = -result;
        zerocopy_die("completion");
    }
    return cqe;
}

static void zerocopy_die(const char *what)
{
    fprintf(stderr, "zerocopy: %s: %s\n", what, strerrordesc_np(errno));
    exit(1);
}
