/* End to end: a producer at a fixed rate and consumers of the tail, in one process and on one
 * clock. Each record carries when it was due and its number; a consumer's latency counts from when
 * it was due, so that a broker which stops for a while is charged for all that waited (no
 * coordinated omission). All records must reach every consumer. The consumers' messages arrive in
 * one queue that one thread empties: fifty of them need no fifty threads of ours. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/macro/peer_client.h"

/* The first bytes of each value: due, number; then letters. */
#define TAIL_HEAD_BYTES 16u

/* Messages taken from the queue at a time. */
#define TAIL_BATCH 1024u

/* What is not delivered so long after the last record has been lost. */
#define TAIL_LOST_NS UINT64_C(10000000000)

/* Before the first record counts, each consumer must have had this long to ask for it. */
#define TAIL_ASK_NS UINT64_C(1000000000)

/* The longest value. */
#define TAIL_RECORD_BYTES_MAX 65536u

struct tail {
    struct peer_options options;
    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
    rd_kafka_t **consumers;           /* options.consumers_count */
    rd_kafka_topic_t **topics;        /* of each of them */
    rd_kafka_queue_t *arrivals;       /* of all consumers */
    uint8_t *value;                   /* the next record's */
    uint64_t began_ns;                /* the first record's time */
    uint64_t begin_ns;                /* the measurement's begin */
    uint64_t end_ns;                  /* its end */
    uint64_t sent_count;              /* records due before the end */
    atomic_bool is_over;              /* consumers may stop */
    atomic_uint_fast64_t taken_count; /* deliveries */
    uint64_t numbers_sum;             /* of the records delivered; the arrivals' thread's */
    uint64_t window_count;            /* deliveries between begin and end; likewise */
    struct peer_histogram latencies;  /* of records due between begin and end; likewise */
};

static void tail_open(struct tail *t);
static void tail_load(struct tail *t);
static void tail_record(struct tail *t, uint64_t due_ns);
static void tail_wait(struct tail *t);
static void *tail_reports(void *context);
static void *tail_arrivals(void *context);
static void tail_arrived(struct tail *t, const rd_kafka_message_t *message, uint64_t now_ns);
static void tail_print(const struct tail *t);

int main(int argc, char **argv)
{
    struct tail *t = calloc(1, sizeof(*t));
    pthread_t reports;
    pthread_t arrivals;
    if (t == NULL) {
        return 1;
    }
    peer_options_read(&t->options, argc, argv);
    if (t->options.rate == 0 || t->options.record_bytes < TAIL_HEAD_BYTES ||
        t->options.record_bytes > TAIL_RECORD_BYTES_MAX || t->options.topics_count != 1) {
        peer_die(&t->options, "flags", "a --rate, --record-bytes 16..65536 and one topic");
    }
    tail_open(t);
    if (pthread_create(&reports, NULL, tail_reports, t) != 0 ||
        pthread_create(&arrivals, NULL, tail_arrivals, t) != 0) {
        peer_die(&t->options, "a thread", "refused");
    }
    tail_load(t);
    tail_wait(t);
    atomic_store(&t->is_over, true);
    pthread_join(reports, NULL);
    pthread_join(arrivals, NULL);
    tail_print(t);
    peer_end();
}

static void tail_open(struct tail *t)
{
    t->producer = peer_producer_new(&t->options);
    t->topic = peer_topic_new(&t->options, t->producer);
    t->arrivals = rd_kafka_queue_new(t->producer);
    t->consumers = calloc(t->options.consumers_count, sizeof(rd_kafka_t *));
    t->topics = calloc(t->options.consumers_count, sizeof(rd_kafka_topic_t *));
    t->value = peer_values_new(&t->options, 1);
    if (t->topics == NULL || t->consumers == NULL) {
        peer_die(&t->options, "opening", "no memory");
    }
    for (uint32_t i = 0; i < t->options.consumers_count; i++) {
        t->consumers[i] = peer_consumer_new(&t->options);
        t->topics[i] = peer_topic_new(&t->options, t->consumers[i]);
        peer_consume_start(&t->options, t->topics[i], t->arrivals);
    }
    t->began_ns = peer_now_ns() + TAIL_ASK_NS;
    t->begin_ns = t->began_ns + t->options.warm_ns;
    t->end_ns = t->begin_ns + t->options.measure_ns;
}

static void tail_load(struct tail *t)
{
    bool has_begun = false;
    for (;;) {
        uint64_t due_ns =
            t->began_ns + (uint64_t)((double)t->sent_count * 1e9 / (double)t->options.rate);
        if (!has_begun && due_ns >= t->begin_ns) {
            has_begun = true;
            peer_sleep_until(t->begin_ns);
            peer_say("begin");
        }
        if (due_ns >= t->end_ns) {
            break;
        }
        peer_sleep_until(due_ns);
        tail_record(t, due_ns);
    }
    peer_sleep_until(t->end_ns);
    peer_say("end");
}

static void tail_record(struct tail *t, uint64_t due_ns)
{
    uint64_t number = t->sent_count++;
    memcpy(t->value, &due_ns, sizeof(due_ns));
    memcpy(t->value + sizeof(due_ns), &number, sizeof(number));
    while (rd_kafka_produce(t->topic, (int32_t)(number % t->options.partitions_count),
                            RD_KAFKA_MSG_F_COPY, t->value, t->options.record_bytes, NULL, 0,
                            NULL) != 0) {
        rd_kafka_resp_err_t error = rd_kafka_last_error();
        if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            peer_check(&t->options, "producing", error);
        }
        peer_sleep_until(peer_now_ns() + 100000);
    }
}

/* Until all that was sent has reached every consumer. */
static void tail_wait(struct tail *t)
{
    uint64_t wanted = t->sent_count * t->options.consumers_count;
    uint64_t until_ns = peer_now_ns() + TAIL_LOST_NS;
    while (atomic_load(&t->taken_count) < wanted && peer_now_ns() < until_ns) {
        peer_sleep_until(peer_now_ns() + 10000000);
    }
}

static void *tail_reports(void *context)
{
    struct tail *t = context;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(t->producer);
    while (!atomic_load(&t->is_over)) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 100);
        const rd_kafka_message_t *message;
        while (event != NULL && (message = rd_kafka_event_message_next(event)) != NULL) {
            peer_check(&t->options, "a record was not acknowledged", message->err);
        }
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    return NULL;
}

static void *tail_arrivals(void *context)
{
    struct tail *t = context;
    rd_kafka_message_t *messages[TAIL_BATCH];
    while (!atomic_load(&t->is_over)) {
        size_t count = peer_take(t->arrivals, 100, messages, TAIL_BATCH);
        uint64_t now_ns = peer_now_ns();
        for (size_t i = 0; i < count; i++) {
            tail_arrived(t, messages[i], now_ns);
            rd_kafka_message_destroy(messages[i]);
        }
    }
    return NULL;
}

static void tail_arrived(struct tail *t, const rd_kafka_message_t *message, uint64_t now_ns)
{
    uint64_t due_ns;
    uint64_t number;
    peer_check(&t->options, "consuming", message->err);
    if (message->len != t->options.record_bytes) {
        peer_die(&t->options, "a record", "not as long as it was");
    }
    memcpy(&due_ns, message->payload, sizeof(due_ns));
    memcpy(&number, (const uint8_t *)message->payload + sizeof(due_ns), sizeof(number));
    t->numbers_sum += number;
    if (now_ns >= t->begin_ns && now_ns < t->end_ns) {
        t->window_count++;
    }
    if (due_ns >= t->begin_ns && due_ns < t->end_ns) {
        peer_histogram_add(&t->latencies, now_ns - due_ns);
    }
    atomic_fetch_add(&t->taken_count, 1);
}

/* Fails if a record is missing or came twice. */
static void tail_print(const struct tail *t)
{
    uint64_t consumers_count = t->options.consumers_count;
    uint64_t wanted = t->sent_count * consumers_count;
    uint64_t sum = t->sent_count * (t->sent_count - 1) / 2 * consumers_count;
    uint64_t taken = atomic_load(&t->taken_count);
    if (taken != wanted || t->numbers_sum != sum) {
        fprintf(stderr,
                "peer_tail: %" PRIu64 " deliveries of %" PRIu64 ", numbers sum to %" PRIu64
                " instead of %" PRIu64 "\n",
                taken, wanted, t->numbers_sum, sum);
        exit(1);
    }
    printf("{\"records\":%" PRIu64 ",\"delivered\":%" PRIu64 ",", t->sent_count, t->window_count);
    peer_print_latencies(&t->latencies);
    puts("}");
}
