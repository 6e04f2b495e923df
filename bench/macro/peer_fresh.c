/* Freshness: from when an event was due at its producer to when its row has come, changed, to who
 * watches the view: one process, one clock. Events are those of peer_event.h at a fixed rate; the
 * view is count, sum(amount) and max(at) by user, so that a row says when its newest event was due.
 *
 *   --ws-port N --view NAME    the view's changes over our WebSocket
 *   --changelog TOPIC          the rows of Fold.java from its changelog
 *   --before N                 events that are in the rows already
 *
 * Rows of events that came one behind the other may come once. All events must be in the rows at
 * the end: counts add up to them. */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/macro/peer_client.h"
#include "bench/macro/peer_event.h"
#include "bench/macro/peer_ws.h"

/* What is not in the rows so long after the last event has been lost; also how long the events
 * before take. */
#define FRESH_LOST_NS UINT64_C(30000000000)

#define FRESH_BUFFER_BYTES (1u << 18)
#define FRESH_BATCH        1024u
#define FRESH_NUMBERS      4u /* of a row: user, count, sum, max */

struct fresh {
    struct peer_options options;
    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
    rd_kafka_t *consumer;            /* of the changelog, or NULL */
    rd_kafka_topic_t *changelog;     /* likewise */
    rd_kafka_queue_t *arrivals;      /* likewise */
    struct peer_ws ws;               /* else */
    struct peer_events events;       /* sent */
    uint64_t began_ns;               /* the first event's time */
    uint64_t begin_ns;               /* the measurement's begin */
    uint64_t end_ns;                 /* its end */
    int64_t wall_us;                 /* what CLOCK_REALTIME is ahead of CLOCK_MONOTONIC */
    atomic_bool is_over;             /* threads may stop */
    atomic_uint_fast64_t seen_count; /* events in the rows */
    uint64_t *counts;                /* by user, of its newest row; the arrivals' thread's */
    uint64_t rows_count;             /* that came; likewise */
    struct peer_histogram latencies; /* of rows whose newest event was due between begin and end */
    uint64_t numbers[FRESH_NUMBERS + 1]; /* of the array that is coming in; likewise */
    uint32_t numbers_count;              /* likewise */
    bool is_array;                       /* within one of numbers; likewise */
    bool is_after_bracket;               /* the last byte began an array; likewise */
    uint8_t buffer[FRESH_BUFFER_BYTES];  /* received */
};

/* A row came. */
static void fresh_row(struct fresh *f, uint64_t user, uint64_t count, uint64_t at_us)
{
    uint64_t now_ns = peer_now_ns();
    uint64_t index = user - PEER_EVENT_USER_MIN;
    if (index >= f->options.users_count || count < f->counts[index]) {
        peer_die(&f->options, "a row", "of nobody, or older than the one before");
    }
    uint64_t due_ns = (at_us - (uint64_t)f->wall_us) * 1000;
    atomic_fetch_add(&f->seen_count, count - f->counts[index]);
    f->counts[index] = count;
    f->rows_count++;
    if (due_ns >= f->begin_ns && due_ns < f->end_ns) {
        peer_histogram_add(&f->latencies, now_ns > due_ns ? now_ns - due_ns : 0);
    }
}

/* Rows in a message: arrays of four numbers, wherever they stand. */
static void fresh_heard(void *ctx, const uint8_t *data, size_t length, bool is_end)
{
    struct fresh *f = ctx;
    (void)is_end;
    for (size_t i = 0; i < length; i++) {
        uint8_t c = data[i];
        bool is_digit = c >= '0' && c <= '9';
        if (f->is_after_bracket && is_digit) {
            f->is_array = true;
            f->numbers_count = 1;
            f->numbers[0] = 0;
        }
        f->is_after_bracket = c == '[';
        if (!f->is_array) {
            continue;
        }
        if (is_digit) {
            f->numbers[f->numbers_count - 1] = f->numbers[f->numbers_count - 1] * 10 + (c - '0');
        } else if (c == ',' && f->numbers_count <= FRESH_NUMBERS) {
            f->numbers[f->numbers_count++] = 0;
        } else {
            if (c == ']' && f->numbers_count == FRESH_NUMBERS) {
                fresh_row(f, f->numbers[0], f->numbers[1], f->numbers[3]);
            }
            f->is_array = false;
        }
    }
}

static uint64_t fresh_number(const uint8_t *at)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < 8; i++) {
        number = number << 8 | at[i];
    }
    return number;
}

static void fresh_consumed(struct fresh *f, const rd_kafka_message_t *message)
{
    peer_check(&f->options, "consuming", message->err);
    if (message->key_len != 8 || message->len != 24) {
        peer_die(&f->options, "a row", "not as long as rows are");
    }
    const uint8_t *row = message->payload;
    fresh_row(f, fresh_number(message->key), fresh_number(row), fresh_number(row + 16));
}

static void *fresh_arrivals(void *context)
{
    struct fresh *f = context;
    rd_kafka_message_t *messages[FRESH_BATCH];
    while (!atomic_load(&f->is_over)) {
        if (f->consumer == NULL) {
            struct pollfd poll_fd = {.fd = f->ws.fd, .events = POLLIN};
            if (poll(&poll_fd, 1, 100) == 1) {
                (void)peer_ws_take(&f->ws, f->buffer, sizeof(f->buffer), fresh_heard, f);
            }
            continue;
        }
        size_t count = peer_take(f->arrivals, 100, messages, FRESH_BATCH);
        for (size_t i = 0; i < count; i++) {
            fresh_consumed(f, messages[i]);
            rd_kafka_message_destroy(messages[i]);
        }
    }
    return NULL;
}

static void *fresh_reports(void *context)
{
    struct fresh *f = context;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(f->producer);
    while (!atomic_load(&f->is_over)) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 100);
        const rd_kafka_message_t *message;
        while (event != NULL && (message = rd_kafka_event_message_next(event)) != NULL) {
            peer_check(&f->options, "an event was not acknowledged", message->err);
        }
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    return NULL;
}

static void fresh_open(struct fresh *f)
{
    const struct peer_options *o = &f->options;
    char text[512];
    f->counts = calloc(o->users_count, sizeof(*f->counts));
    if (f->counts == NULL) {
        peer_die(o, "counts", "no memory");
    }
    f->producer = peer_producer_new(o);
    f->topic = peer_topic_new(o, f->producer);
    if (o->changelog != NULL) {
        f->consumer = peer_consumer_new(o);
        f->changelog = rd_kafka_topic_new(f->consumer, o->changelog, NULL);
        f->arrivals = rd_kafka_queue_new(f->consumer);
        peer_consume_start(o, f->changelog, f->arrivals);
        return;
    }
    int length =
        snprintf(text, sizeof(text), "{\"id\":1,\"op\":\"subscribe\",\"view\":\"%s\"}", o->view);
    peer_ws_open(&f->ws, (uint16_t)o->ws_port, "/api/v1/ws", "tdb.v1.json");
    peer_ws_say(&f->ws, text, (size_t)length);
}

/* Until so many events are in the rows. */
static void fresh_wait(struct fresh *f, uint64_t wanted)
{
    uint64_t until_ns = peer_now_ns() + FRESH_LOST_NS;
    while (atomic_load(&f->seen_count) < wanted && peer_now_ns() < until_ns) {
        peer_sleep_until(peer_now_ns() + 1000000);
    }
    if (atomic_load(&f->seen_count) != wanted) {
        fprintf(stderr, "%s: the rows have %" PRIu64 " events, not %" PRIu64 "\n",
                f->options.program, (uint64_t)atomic_load(&f->seen_count), wanted);
        exit(1);
    }
}

static void fresh_event(struct fresh *f, uint64_t due_ns)
{
    peer_events_next(&f->events, due_ns / 1000 + (uint64_t)f->wall_us);
    while (rd_kafka_produce(f->topic, (int32_t)(f->events.user % f->options.partitions_count),
                            RD_KAFKA_MSG_F_COPY, f->events.value, PEER_EVENT_BYTES, f->events.key,
                            PEER_EVENT_KEY_BYTES, NULL) != 0) {
        rd_kafka_resp_err_t error = rd_kafka_last_error();
        if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            peer_check(&f->options, "producing", error);
        }
        peer_sleep_until(peer_now_ns() + 100000);
    }
}

static void fresh_load(struct fresh *f)
{
    bool has_begun = false;
    for (;;) {
        uint64_t due_ns =
            f->began_ns + (uint64_t)((double)f->events.count * 1e9 / (double)f->options.rate);
        if (!has_begun && due_ns >= f->begin_ns) {
            has_begun = true;
            peer_say("begin");
        }
        if (due_ns >= f->end_ns) {
            peer_say("end");
            return;
        }
        peer_sleep_until(due_ns);
        fresh_event(f, due_ns);
    }
}

int main(int argc, char **argv)
{
    struct fresh *f = calloc(1, sizeof(*f));
    pthread_t reports;
    pthread_t arrivals;
    if (f == NULL) {
        return 1;
    }
    peer_options_read(&f->options, argc, argv);
    const struct peer_options *o = &f->options;
    if (o->rate == 0 || o->users_count == 0 || (o->view == NULL) == (o->changelog == NULL)) {
        peer_die(o, "flags", "--rate, --users and one of --view and --changelog are needed");
    }
    peer_events_init(&f->events, o->users_count, o->seed);
    f->wall_us = (int64_t)peer_wall_us() - (int64_t)(peer_now_ns() / 1000);
    f->begin_ns = UINT64_MAX;
    fresh_open(f);
    if (pthread_create(&reports, NULL, fresh_reports, f) != 0 ||
        pthread_create(&arrivals, NULL, fresh_arrivals, f) != 0) {
        peer_die(o, "a thread", "refused");
    }
    fresh_wait(f, o->before);
    peer_sleep_until(peer_now_ns() + UINT64_C(200000000));
    f->began_ns = peer_now_ns();
    f->begin_ns = f->began_ns + o->warm_ns;
    f->end_ns = f->begin_ns + o->measure_ns;
    fresh_load(f);
    fresh_wait(f, o->before + f->events.count);
    atomic_store(&f->is_over, true);
    pthread_join(reports, NULL);
    pthread_join(arrivals, NULL);
    printf("{\"records\":%" PRIu64 ",\"rows\":%" PRIu64 ",", f->events.count, f->rows_count);
    peer_print_latencies(&f->latencies);
    puts("}");
    peer_end();
}
