/* A client that asks for rows at a fixed rate, whatever becomes of the answers: request number i is
 * due at i / rate, goes over the connection that has waited longest for something to do, and its
 * latency counts from when it was due, the wait for a free connection included (no coordinated
 * omission). It polls all the time, on a processor that should be its own.
 *
 *   peer_open --port N --path TEXT --keys N --connections N --rate N --warm-ms N --measure-ms N
 *
 * asks for TEXT with a number below --keys, drawn evenly, where it says KEY. An answer other than
 * 200 ends the program. Prints what peer_client.h says of latencies. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/prng.h"
#include "base/units.h"
#include "bench/macro/peer_client.h"

#define OPEN_CONNECTIONS_MAX 4096u
#define OPEN_ANSWER_BYTES    4096u
#define OPEN_EVENTS          64

/* What is not answered so long after the last request was due, is lost. */
#define OPEN_LOST_NS UINT64_C(10000000000)

/* One connection. */
struct open_conn {
    int fd;
    uint64_t due_ns;                /* of the request that is under way; 0: none is */
    size_t bytes;                   /* received of its answer, */
    char answer[OPEN_ANSWER_BYTES]; /* which is this */
};

/* The run. */
struct open_run {
    uint64_t port;
    char *path;            /* up to the KEY */
    const char *path_rest; /* behind it */
    uint64_t keys_count;
    uint64_t connections_count;
    uint64_t rate;
    uint64_t warm_ms;
    uint64_t measure_ms;
    int epoll;
    uint64_t free_first; /* into free_conns, a ring */
    uint64_t free_count;
    struct open_conn *free_conns[OPEN_CONNECTIONS_MAX];
    struct open_conn *conns; /* OPEN_CONNECTIONS_MAX */
    struct prng prng;
    uint64_t begin_ns; /* the measurement's */
    uint64_t end_ns;
    struct peer_histogram latencies; /* of requests due between */
};

static void open_die(const char *what, const char *why)
{
    fprintf(stderr, "peer_open: %s: %s\n", what, why);
    exit(1);
}

static void open_options(struct open_run *run, int argc, char **argv)
{
    struct {
        const char *flag;
        uint64_t *out;
    } numbers[] = {{"--port", &run->port},       {"--keys", &run->keys_count},
                   {"--rate", &run->rate},       {"--connections", &run->connections_count},
                   {"--warm-ms", &run->warm_ms}, {"--measure-ms", &run->measure_ms}};
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t *number = NULL;
        for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
            number = strcmp(argv[i], numbers[n].flag) == 0 ? numbers[n].out : number;
        }
        if (strcmp(argv[i], "--path") == 0) {
            run->path = argv[i + 1];
        } else if (number == NULL ||
                   units_parse_u64(argv[i + 1], strlen(argv[i + 1]), number) != ERR_OK) {
            open_die(argv[i], "not a flag, or not a number");
        }
    }
    char *key = run->path != NULL ? strstr(run->path, "KEY") : NULL;
    if (key == NULL || run->port == 0 || run->port > UINT16_MAX || run->rate == 0 ||
        run->keys_count == 0 || run->connections_count == 0 ||
        run->connections_count > OPEN_CONNECTIONS_MAX) {
        open_die("flags", "--port, --path, --keys, --connections and --rate are needed");
    }
    *key = '\0';
    run->path_rest = key + 3;
}

static void open_free(struct open_run *run, struct open_conn *conn)
{
    conn->due_ns = 0;
    run->free_conns[(run->free_first + run->free_count++) % OPEN_CONNECTIONS_MAX] = conn;
}

static void open_connect(struct open_run *run, struct open_conn *conn)
{
    int one = 1;
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)run->port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = conn}};
    conn->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
        setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
        epoll_ctl(run->epoll, EPOLL_CTL_ADD, conn->fd, &event) != 0) {
        open_die("connect", strerror(errno));
    }
    open_free(run, conn);
}

static void open_ask(struct open_run *run, uint64_t due_ns)
{
    char request[1024];
    struct open_conn *conn = run->free_conns[run->free_first++ % OPEN_CONNECTIONS_MAX];
    run->free_count--;
    conn->due_ns = due_ns;
    conn->bytes = 0;
    int length = snprintf(request, sizeof(request),
                          "GET %s%" PRIu64 "%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", run->path,
                          prng_below(&run->prng, run->keys_count), run->path_rest);
    if (send(conn->fd, request, (size_t)length, MSG_NOSIGNAL) != length) {
        open_die("send", strerror(errno));
    }
}

/* Whether the answer is whole. */
static bool open_is_whole(struct open_conn *conn)
{
    conn->answer[conn->bytes] = '\0';
    const char *end = strstr(conn->answer, "\r\n\r\n");
    if (end == NULL) {
        return false;
    }
    const char *length = strcasestr(conn->answer, "\r\ncontent-length: ");
    if (strncmp(conn->answer, "HTTP/1.1 200", 12) != 0 || length == NULL || length > end) {
        open_die("answer", conn->answer);
    }
    size_t wanted = (size_t)(end - conn->answer) + 4 + (size_t)strtoull(length + 18, NULL, 10);
    if (conn->bytes > wanted || wanted >= OPEN_ANSWER_BYTES) {
        open_die("answer", "more came than was asked for");
    }
    return conn->bytes == wanted;
}

static void open_receive(struct open_run *run, struct open_conn *conn)
{
    ssize_t bytes = recv(conn->fd, conn->answer + conn->bytes, OPEN_ANSWER_BYTES - 1 - conn->bytes,
                         MSG_DONTWAIT);
    if (bytes <= 0) {
        open_die("receive", bytes == 0 ? "the server closed" : strerror(errno));
    }
    conn->bytes += (size_t)bytes;
    if (conn->due_ns == 0) {
        open_die("receive", "what was not asked for");
    }
    if (open_is_whole(conn)) {
        uint64_t due_ns = conn->due_ns;
        if (due_ns >= run->begin_ns && due_ns < run->end_ns) {
            peer_histogram_add(&run->latencies, peer_now_ns() - due_ns);
        }
        open_free(run, conn);
    }
}

static void open_load(struct open_run *run)
{
    struct epoll_event events[OPEN_EVENTS];
    uint64_t began_ns = peer_now_ns();
    uint64_t asked_count = 0;
    run->begin_ns = began_ns + run->warm_ms * 1000000;
    run->end_ns = run->begin_ns + run->measure_ms * 1000000;
    for (;;) {
        uint64_t now_ns = peer_now_ns();
        uint64_t due_ns = began_ns + (uint64_t)((double)asked_count * 1e9 / (double)run->rate);
        if (due_ns >= run->end_ns && run->free_count == run->connections_count) {
            return;
        }
        if (now_ns > run->end_ns + OPEN_LOST_NS) {
            open_die("answers", "some never came");
        }
        if (due_ns < run->end_ns && due_ns <= now_ns && run->free_count > 0) {
            open_ask(run, due_ns);
            asked_count++;
            continue;
        }
        int count = epoll_wait(run->epoll, events, OPEN_EVENTS, 0);
        for (int i = 0; i < count; i++) {
            open_receive(run, events[i].data.ptr);
        }
    }
}

int main(int argc, char **argv)
{
    struct open_run *run = calloc(1, sizeof(*run));
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (run == NULL || (run->conns = calloc(OPEN_CONNECTIONS_MAX, sizeof(*run->conns))) == NULL) {
        open_die("memory", "there is none");
    }
    open_options(run, argc, argv);
    prng_init(&run->prng, 1);
    run->epoll = epoll_create1(0);
    for (uint64_t i = 0; i < run->connections_count; i++) {
        open_connect(run, &run->conns[i]);
    }
    open_load(run);
    printf("{");
    peer_print_latencies(&run->latencies);
    puts("}");
    peer_end();
}
