/* A client that sends one and the same request over many connections, on each the next one when the
 * answer to the last is there: what a door costs per request, whatever it speaks. The request comes
 * from a file; how answers are told apart, by --frame:
 *
 *   http   a head with Content-Length, and as many bytes; a status other than 200 ends the program
 *   kafka  a length of four bytes, and as many bytes; whether it went well is the caller's to look
 *          at (the broker's high watermark)
 *
 *   peer_load --port N --request FILE --frame http|kafka --connections N --warm-ms N --measure-ms N
 *
 * Says "begin" and "end" as the clients of peer_client.h do, then {"answers": n}: those that came
 * between. One thread. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"

#define LOAD_CONNECTIONS_MAX 4096u
#define LOAD_REQUEST_BYTES   (16u << 20)
#define LOAD_EVENTS          256

/* An answer's head is that long at most. */
#define LOAD_HEAD_BYTES 4096u

/* One connection. */
struct load_conn {
    int fd;
    size_t sent;                /* of the request */
    size_t head_bytes;          /* received of the answer's head, below */
    size_t left;                /* of its body, once the head is whole */
    bool has_head;              /* it is */
    char head[LOAD_HEAD_BYTES]; /* and what came with it */
};

/* The run. */
struct load {
    uint64_t port;
    uint64_t connections;
    uint64_t warm_ms;
    uint64_t measure_ms;
    const char *file;
    bool is_http;
    size_t request_bytes;
    uint64_t answers;
    int epoll;
    char *request;           /* LOAD_REQUEST_BYTES */
    struct load_conn *conns; /* LOAD_CONNECTIONS_MAX */
};

static void load_die(const char *what, const char *why)
{
    fprintf(stderr, "peer_load: %s: %s\n", what, why);
    exit(1);
}

static uint64_t load_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void load_options(struct load *load, int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *flag = argv[i];
        const char *value = argv[i + 1];
        uint64_t *number = strcmp(flag, "--port") == 0          ? &load->port
                           : strcmp(flag, "--connections") == 0 ? &load->connections
                           : strcmp(flag, "--warm-ms") == 0     ? &load->warm_ms
                           : strcmp(flag, "--measure-ms") == 0  ? &load->measure_ms
                                                                : NULL;
        if (number != NULL) {
            if (units_parse_u64(value, strlen(value), number) != ERR_OK) {
                load_die(flag, "not a number");
            }
        } else if (strcmp(flag, "--request") == 0) {
            load->file = value;
        } else if (strcmp(flag, "--frame") == 0) {
            load->is_http = strcmp(value, "http") == 0;
        } else {
            load_die(flag, "not a flag");
        }
    }
    if (load->file == NULL || load->port == 0 || load->port > UINT16_MAX ||
        load->connections == 0 || load->connections > LOAD_CONNECTIONS_MAX) {
        load_die("flags", "--port, --request and --connections are needed");
    }
}

static void load_read_request(struct load *load)
{
    FILE *file = fopen(load->file, "rb");
    if (file == NULL) {
        load_die(load->file, strerror(errno));
    }
    load->request_bytes = fread(load->request, 1, LOAD_REQUEST_BYTES, file);
    fclose(file);
    if (load->request_bytes == 0 || load->request_bytes == LOAD_REQUEST_BYTES) {
        load_die(load->file, "empty, or too long");
    }
}

static void load_connect(struct load *load, struct load_conn *conn)
{
    int one = 1;
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)load->port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    conn->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
        setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0) {
        load_die("connect", strerror(errno));
    }
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = conn}};
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, conn->fd, &event) != 0) {
        load_die("epoll_ctl", strerror(errno));
    }
}

/* Send what is left of the request; what the socket does not take goes when it can be written. */
static void load_send(struct load *load, struct load_conn *conn)
{
    ssize_t bytes = send(conn->fd, load->request + conn->sent, load->request_bytes - conn->sent,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
    if (bytes < 0 && errno != EAGAIN) {
        load_die("send", strerror(errno));
    }
    conn->sent += bytes > 0 ? (size_t)bytes : 0;
    bool is_whole = conn->sent == load->request_bytes;
    struct epoll_event event = {.events = EPOLLIN | (is_whole ? 0u : EPOLLOUT),
                                .data = {.ptr = conn}};
    if (epoll_ctl(load->epoll, EPOLL_CTL_MOD, conn->fd, &event) != 0) {
        load_die("epoll_ctl", strerror(errno));
    }
}

/* Whether the head in conn->head is whole; then *body is where what follows begins in it, and
 * conn->left how long that is. */
static bool load_head(struct load *load, struct load_conn *conn, size_t *body)
{
    if (!load->is_http) {
        if (conn->head_bytes < 4) {
            return false;
        }
        const uint8_t *at = (const uint8_t *)conn->head;
        conn->left = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
        *body = 4;
        return true;
    }
    conn->head[conn->head_bytes] = '\0';
    const char *end = strstr(conn->head, "\r\n\r\n");
    if (end == NULL) {
        return false;
    }
    const char *length = strcasestr(conn->head, "\r\ncontent-length: ");
    if (strncmp(conn->head, "HTTP/1.1 200", 12) != 0 || length == NULL || length > end) {
        load_die("answer", conn->head);
    }
    conn->left = (size_t)strtoull(length + 18, NULL, 10);
    *body = (size_t)(end - conn->head) + 4;
    return true;
}

/* Take what has come. True: an answer is whole. */
static bool load_receive(struct load *load, struct load_conn *conn)
{
    char rest[1 << 16];
    bool has_head = conn->has_head;
    char *to = has_head ? rest : conn->head + conn->head_bytes;
    size_t room = has_head ? (conn->left < sizeof(rest) ? conn->left : sizeof(rest))
                           : LOAD_HEAD_BYTES - 1 - conn->head_bytes;
    ssize_t bytes = recv(conn->fd, to, room, MSG_DONTWAIT);
    if (bytes == 0 || (bytes < 0 && errno != EAGAIN)) {
        load_die("receive", bytes == 0 ? "the server closed" : strerror(errno));
    }
    if (bytes < 0) {
        return false;
    }
    if (has_head) {
        conn->left -= (size_t)bytes;
    } else {
        size_t body;
        conn->head_bytes += (size_t)bytes;
        conn->has_head = load_head(load, conn, &body);
        if (!conn->has_head) {
            return false;
        }
        if (conn->head_bytes - body > conn->left) {
            load_die("answer", "more came than was asked for");
        }
        conn->left -= conn->head_bytes - body;
    }
    return conn->left == 0;
}

static void load_turn(struct load *load)
{
    struct epoll_event events[LOAD_EVENTS];
    int count = epoll_wait(load->epoll, events, LOAD_EVENTS, 100);
    for (int i = 0; i < count; i++) {
        struct load_conn *conn = events[i].data.ptr;
        if (conn->sent < load->request_bytes) {
            load_send(load, conn);
        } else if (load_receive(load, conn)) {
            load->answers++;
            conn->has_head = false;
            conn->head_bytes = 0;
            conn->sent = 0;
            load_send(load, conn);
        }
    }
}

static void load_until(struct load *load, uint64_t then_ms)
{
    while (load_now_ms() < then_ms) {
        load_turn(load);
    }
}

static void load_say(const char *what)
{
    puts(what);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct load load = {.connections = 1, .warm_ms = 500, .measure_ms = 2000, .is_http = true};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    load_options(&load, argc, argv);
    load.request = malloc(LOAD_REQUEST_BYTES);
    load.conns = calloc(LOAD_CONNECTIONS_MAX, sizeof(*load.conns));
    if (load.request == NULL || load.conns == NULL) {
        load_die("memory", "there is none");
    }
    load_read_request(&load);
    load.epoll = epoll_create1(0);
    for (uint64_t i = 0; i < load.connections; i++) {
        load_connect(&load, &load.conns[i]);
        load_send(&load, &load.conns[i]);
    }
    uint64_t begin_ms = load_now_ms() + load.warm_ms;
    load_until(&load, begin_ms);
    load_say("begin");
    uint64_t before = load.answers;
    load_until(&load, begin_ms + load.measure_ms);
    uint64_t answers = load.answers - before;
    load_say("end");
    printf("{\"answers\": %llu}\n", (unsigned long long)answers);
    fflush(stdout);
    _exit(0);
}
