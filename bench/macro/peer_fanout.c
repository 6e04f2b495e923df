/* Many subscribers of one thing over WebSocket, and who publishes to it, in one thread: messages
 * of 64 bytes, each of which ends in a '~' that nothing else that a server sends has, so that all
 * servers are counted alike, whatever they put around messages:
 * {"k":5,"m":"1732560000000105abc...~"}, k being the place in its burst, m growing.
 *
 *   peer_fanout --broker HOST:PORT --topic NAME      published by Kafka
 *               or --raw-port N --before-each TEXT   written to a socket as they are, each behind
 *                                                    TEXT, with \r\n behind it if TEXT has any
 *               --ws-port N --path TEXT [--protocol TEXT]
 *               [--hello TEXT --ready WORD]   said by each subscriber; what it waits for
 *               --consumers N --burst N --warm-ms N --measure-ms N --singles N
 *
 * Says "connected" when all subscribers are there and a second has passed, waits for a line, then
 * publishes bursts, the next one when the last message of the one before has reached everybody,
 * "begin" and "end" around those that count; then single messages, two a second. Prints the
 * messages that came between, and the times from a single message to its last subscriber. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/units.h"
#include "bench/macro/peer_client.h"
#include "bench/macro/peer_event.h"
#include "bench/macro/peer_ws.h"

#define FANOUT_MESSAGE_BYTES   64u
#define FANOUT_SUBSCRIBERS_MAX 20000u
#define FANOUT_BURST_MAX       10000u
#define FANOUT_EVENTS          512
#define FANOUT_BUFFER_BYTES    (1u << 18)
#define FANOUT_SINGLE_NS       UINT64_C(500000000)
#define FANOUT_LOST_NS         UINT64_C(300000000000)

/* A subscriber. */
struct fanout_one {
    struct peer_ws ws;
    struct fanout *fanout;
    size_t matched; /* characters of what it waits for, that came last */
    bool is_ready;  /* that came; nothing counts before */
    uint64_t count; /* messages that came */
};

struct fanout {
    struct peer_options options; /* of who publishes by Kafka */
    uint64_t raw_port;           /* of who does not, or 0 */
    uint64_t ws_port;
    uint64_t subscribers_count;
    uint64_t burst;
    uint64_t warm_ms;
    uint64_t measure_ms;
    uint64_t singles_count;
    const char *broker;
    const char *topic;
    const char *before_each;
    const char *path;
    const char *protocol;
    const char *hello;
    const char *ready;
    int epoll;
    int raw;
    rd_kafka_t *producer;
    rd_kafka_topic_t *messages;
    uint64_t base;            /* the first message's m: above those of runs before */
    uint64_t published_count; /* messages */
    uint64_t ready_count;     /* subscribers that have what they wait for */
    uint64_t whole_count;     /* those that have all messages */
    uint64_t came_count;      /* messages that came, at all of them */
    struct peer_histogram lasts;
    struct fanout_one *subscribers; /* FANOUT_SUBSCRIBERS_MAX */
    uint8_t buffer[FANOUT_BUFFER_BYTES];
};

static void fanout_die(const char *what, const char *why)
{
    fprintf(stderr, "peer_fanout: %s: %s\n", what, why);
    exit(1);
}

static void fanout_options(struct fanout *f, int argc, char **argv)
{
    const struct {
        const char *flag;
        uint64_t *out;
    } numbers[] = {{"--raw-port", &f->raw_port},
                   {"--ws-port", &f->ws_port},
                   {"--consumers", &f->subscribers_count},
                   {"--burst", &f->burst},
                   {"--warm-ms", &f->warm_ms},
                   {"--measure-ms", &f->measure_ms},
                   {"--singles", &f->singles_count}};
    const struct {
        const char *flag;
        const char **out;
    } texts[] = {
        {"--broker", &f->broker}, {"--topic", &f->topic}, {"--before-each", &f->before_each},
        {"--path", &f->path},     {"--hello", &f->hello}, {"--protocol", &f->protocol},
        {"--ready", &f->ready}};
    for (int i = 1; i + 1 < argc; i += 2) {
        bool is_known = false;
        for (size_t n = 0; n < ARRAY_COUNT(numbers); n++) {
            is_known = is_known || (strcmp(argv[i], numbers[n].flag) == 0 &&
                                    units_parse_u64(argv[i + 1], strlen(argv[i + 1]),
                                                    numbers[n].out) == ERR_OK);
        }
        for (size_t n = 0; n < ARRAY_COUNT(texts); n++) {
            if (strcmp(argv[i], texts[n].flag) == 0) {
                *texts[n].out = argv[i + 1];
                is_known = true;
            }
        }
        if (!is_known) {
            fanout_die(argv[i], "not a flag, or not a number");
        }
    }
    if (f->ws_port == 0 || f->path == NULL || f->subscribers_count == 0 || f->burst == 0 ||
        f->subscribers_count > FANOUT_SUBSCRIBERS_MAX || f->burst > FANOUT_BURST_MAX ||
        (f->raw_port == 0 && (f->broker == NULL || f->topic == NULL))) {
        fanout_die("flags", "see the program's head");
    }
}

/* --- Subscribers --- */

/* Look for what a subscriber waits for; no part of it but its first character is in it twice. */
static void fanout_awaited(struct fanout_one *one, const uint8_t *data, size_t length)
{
    const char *ready = one->fanout->ready;
    for (size_t i = 0; i < length && !one->is_ready; i++) {
        char c = (char)data[i];
        one->matched = c == ready[one->matched] ? one->matched + 1 : c == ready[0];
        one->is_ready = ready[one->matched] == '\0';
        one->fanout->ready_count += one->is_ready;
    }
}

static void fanout_heard(void *ctx, const uint8_t *data, size_t length, bool is_end)
{
    struct fanout_one *one = ctx;
    uint64_t count = 0;
    (void)is_end;
    if (!one->is_ready) {
        fanout_awaited(one, data, length);
        return;
    }
    for (size_t i = 0; i < length; i++) {
        count += data[i] == '~';
    }
    one->count += count;
    one->fanout->came_count += count;
    if (count > 0 && one->count == one->fanout->published_count) {
        one->fanout->whole_count++;
    }
    if (one->count > one->fanout->published_count) {
        fanout_die("a subscriber", "more came than was published");
    }
}

/* Take what comes, for so long at most. */
static void fanout_turn(struct fanout *f, int timeout_ms)
{
    struct epoll_event events[FANOUT_EVENTS];
    int count = epoll_wait(f->epoll, events, FANOUT_EVENTS, timeout_ms);
    for (int i = 0; i < count; i++) {
        struct fanout_one *one = events[i].data.ptr;
        (void)peer_ws_take(&one->ws, f->buffer, sizeof(f->buffer), fanout_heard, one);
    }
}

static void fanout_connect(struct fanout *f)
{
    for (uint64_t i = 0; i < f->subscribers_count; i++) {
        struct fanout_one *one = &f->subscribers[i];
        struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = one}};
        one->fanout = f;
        peer_ws_open(&one->ws, (uint16_t)f->ws_port, f->path, f->protocol);
        if (epoll_ctl(f->epoll, EPOLL_CTL_ADD, one->ws.fd, &event) != 0) {
            fanout_die("epoll_ctl", strerror(errno));
        }
        if (f->hello != NULL) {
            peer_ws_say(&one->ws, f->hello, strlen(f->hello));
        } else {
            one->is_ready = true;
            f->ready_count++;
        }
        fanout_turn(f, 0); /* pings of the ones before, too */
    }
    uint64_t until_ns = peer_now_ns() + FANOUT_LOST_NS;
    while (f->ready_count < f->subscribers_count) {
        fanout_turn(f, 100);
        if (peer_now_ns() > until_ns) {
            fprintf(stderr, "peer_fanout: %" PRIu64 " of %" PRIu64 " are ready\n", f->ready_count,
                    f->subscribers_count);
            exit(1);
        }
    }
}

static void fanout_until(struct fanout *f, uint64_t then_ns)
{
    for (uint64_t now_ns; (now_ns = peer_now_ns()) < then_ns;) {
        fanout_turn(f, (int)((then_ns - now_ns) / 1000000));
    }
}

/* --- Who publishes --- */

static void fanout_open_publisher(struct fanout *f)
{
    if (f->raw_port == 0) {
        f->options = (struct peer_options){.program = "peer_fanout",
                                           .broker = f->broker,
                                           .topics = {f->topic},
                                           .topics_count = 1,
                                           .codec = "none",
                                           .linger_ms = "0",
                                           .batch_bytes = "1000000",
                                           .in_flight = "5"};
        f->producer = peer_producer_new(&f->options);
        f->messages = peer_topic_new(&f->options, f->producer);
        return;
    }
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)f->raw_port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    f->raw = socket(AF_INET, SOCK_STREAM, 0);
    if (f->raw < 0 || connect(f->raw, (struct sockaddr *)&to, sizeof(to)) != 0) {
        fanout_die("connect", strerror(errno));
    }
}

/* Publish messages; all at once, as far as the way there allows. */
static void fanout_publish(struct fanout *f, uint64_t count)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    char *raw = malloc(count * (FANOUT_MESSAGE_BYTES + 64));
    size_t bytes = 0;
    if (raw == NULL) {
        fanout_die("memory", "there is none");
    }
    f->published_count += count;
    f->whole_count = 0;
    for (uint64_t i = 0; i < count; i++) {
        char message[FANOUT_MESSAGE_BYTES + 1];
        uint64_t number = f->published_count - count + i;
        int length = snprintf(message, sizeof(message), "{\"k\":%" PRIu64 ",\"m\":\"%016" PRIu64,
                              number % f->burst, f->base + number);
        snprintf(message + length, sizeof(message) - (size_t)length, "%.*s~\"}",
                 (int)FANOUT_MESSAGE_BYTES - 3 - length, letters);
        if (f->raw_port == 0) {
            peer_check(&f->options, "producing",
                       rd_kafka_produce(f->messages, 0, RD_KAFKA_MSG_F_COPY, message,
                                        FANOUT_MESSAGE_BYTES, NULL, 0, NULL) == 0
                           ? RD_KAFKA_RESP_ERR_NO_ERROR
                           : rd_kafka_last_error());
        } else {
            const char *end = f->before_each[0] != '\0' ? "\r\n" : "";
            bytes += (size_t)snprintf(raw + bytes, FANOUT_MESSAGE_BYTES + 64, "%s%s%s%s",
                                      f->before_each, end, message, end);
        }
    }
    for (size_t at = 0; at < bytes;) {
        ssize_t sent = send(f->raw, raw + at, bytes - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) {
            fanout_die("publish", strerror(errno));
        }
        at += sent > 0 ? (size_t)sent : 0;
        if (at < bytes) {
            fanout_turn(f, 0); /* it may wait for us */
        }
    }
    free(raw);
}

/* Until everybody has everything. */
static void fanout_wait(struct fanout *f)
{
    uint64_t until_ns = peer_now_ns() + FANOUT_LOST_NS;
    while (f->whole_count < f->subscribers_count) {
        fanout_turn(f, 100);
        if (peer_now_ns() > until_ns) {
            fprintf(stderr, "peer_fanout: %" PRIu64 " of %" PRIu64 " have everything\n",
                    f->whole_count, f->subscribers_count);
            exit(1);
        }
    }
    if (f->producer != NULL) { /* reports of what was acknowledged */
        rd_kafka_queue_t *queue = rd_kafka_queue_get_main(f->producer);
        rd_kafka_event_t *event;
        while ((event = rd_kafka_queue_poll(queue, 0)) != NULL) {
            rd_kafka_event_destroy(event);
        }
        rd_kafka_queue_destroy(queue);
    }
}

/* --- The run --- */

static void fanout_bursts(struct fanout *f, uint64_t ms)
{
    uint64_t until_ns = peer_now_ns() + ms * 1000000;
    do {
        fanout_publish(f, f->burst);
        fanout_wait(f);
    } while (peer_now_ns() < until_ns);
}

static void fanout_singles(struct fanout *f)
{
    uint64_t next_ns = peer_now_ns();
    for (uint64_t i = 0; i < f->singles_count; i++) {
        next_ns += FANOUT_SINGLE_NS;
        fanout_until(f, next_ns);
        uint64_t began_ns = peer_now_ns();
        fanout_publish(f, 1);
        fanout_wait(f);
        peer_histogram_add(&f->lasts, peer_now_ns() - began_ns);
    }
}

int main(int argc, char **argv)
{
    char line[16];
    struct fanout *f = calloc(1, sizeof(*f));
    (void)prctl(PR_SET_PDEATHSIG, 9ul, 0ul, 0ul, 0ul);
    if (f == NULL ||
        (f->subscribers = calloc(FANOUT_SUBSCRIBERS_MAX, sizeof(*f->subscribers))) == NULL) {
        fanout_die("memory", "there is none");
    }
    fanout_options(f, argc, argv);
    f->base = peer_wall_us();
    f->epoll = epoll_create1(0);
    fanout_open_publisher(f);
    fanout_connect(f);
    fanout_until(f, peer_now_ns() + UINT64_C(1000000000));
    peer_say("connected");
    if (fgets(line, sizeof(line), stdin) == NULL) {
        fanout_die("stdin", "ended");
    }
    fanout_bursts(f, f->warm_ms);
    peer_say("begin");
    uint64_t before = f->came_count;
    fanout_bursts(f, f->measure_ms);
    uint64_t came = f->came_count - before;
    peer_say("end");
    fanout_singles(f);
    printf("{\"messages\":%" PRIu64 ",", came);
    peer_print_latencies(&f->lasts);
    puts("}");
    peer_end();
}
