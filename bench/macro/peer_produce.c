/* A producer that loads a broker: as fast as it goes, or at a fixed rate. Records go to all
 * partitions of all topics in turn, one by one, as records with keys do; events of users (--users)
 * have keys, and go to the partition of their user. At a fixed rate each
 * record has its time, which is kept whatever the broker does: a record that had to wait for its
 * turn counts from when it was due (no coordinated omission). A thread of its own counts what was
 * acknowledged. */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/macro/peer_client.h"
#include "bench/macro/peer_event.h"

/* Values that records are made of, in turn: more than a batch holds, so that none repeats in it. */
#define PRODUCE_VALUES 4096u

/* A full queue is looked at again after this long. */
#define PRODUCE_FULL_NS 500000u

/* What is not acknowledged by then has failed. */
#define PRODUCE_FLUSH_MS 60000

struct produce {
    struct peer_options options;
    rd_kafka_t *producer;
    rd_kafka_topic_t *topics[PEER_TOPICS_MAX];
    uint8_t *values;                 /* PRODUCE_VALUES of them */
    struct peer_events events;       /* in their place, with --users */
    uint64_t began_ns;               /* the first record's time */
    uint64_t begin_ns;               /* the measurement's begin */
    uint64_t end_ns;                 /* its end */
    uint64_t sent_count;             /* records handed to librdkafka */
    atomic_bool is_over;             /* nothing more will be acknowledged */
    atomic_uint_fast64_t acks_count; /* acknowledged ones */
    struct peer_histogram latencies; /* of those due between begin and end; the reports' thread's */
};

static void produce_load(struct produce *p);
static void produce_record(struct produce *p, uint64_t due_ns);
static bool produce_is_stopped(void);
static void *produce_reports(void *context);
static void produce_report(struct produce *p, const rd_kafka_message_t *message, uint64_t now_ns);

int main(int argc, char **argv)
{
    struct produce *p = calloc(1, sizeof(*p));
    pthread_t reports;
    sigset_t stops;
    if (p == NULL) {
        return 1;
    }
    peer_options_read(&p->options, argc, argv);
    sigemptyset(&stops); /* waits pending until the load looks at it */
    sigaddset(&stops, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stops, NULL);
    p->values = peer_values_new(&p->options, PRODUCE_VALUES);
    if (p->options.users_count > 0) {
        peer_events_init(&p->events, p->options.users_count, p->options.seed);
    }
    p->producer = peer_producer_new(&p->options);
    for (uint32_t i = 0; i < p->options.topics_count; i++) {
        p->topics[i] = rd_kafka_topic_new(p->producer, p->options.topics[i], NULL);
        if (p->topics[i] == NULL) {
            peer_die(&p->options, p->options.topics[i], rd_kafka_err2str(rd_kafka_last_error()));
        }
    }
    p->began_ns = peer_now_ns();
    p->begin_ns = p->began_ns + p->options.warm_ns;
    p->end_ns = p->begin_ns + p->options.measure_ns;
    if (pthread_create(&reports, NULL, produce_reports, p) != 0) {
        peer_die(&p->options, "a thread", "refused");
    }
    produce_load(p);
    if (p->options.bytes_max > 0 || p->options.rate > 0) { /* all of them are wanted */
        peer_check(&p->options, "the last records", rd_kafka_flush(p->producer, PRODUCE_FLUSH_MS));
    }
    double seconds = (double)(peer_now_ns() - p->began_ns) / 1e9;
    atomic_store(&p->is_over, true);
    pthread_join(reports, NULL);
    printf("{\"records\":%" PRIu64 ",\"seconds\":%.3f,\"amounts\":%" PRIu64 ",",
           (uint64_t)atomic_load(&p->acks_count), seconds, p->events.amounts_sum);
    peer_print_latencies(&p->latencies);
    puts("}");
    peer_end();
}

/* Until the end of the measurement, the last of the bytes asked for, or SIGTERM. */
static void produce_load(struct produce *p)
{
    uint64_t rate = p->options.rate;
    uint64_t records_max = UINT64_MAX;
    bool has_begun = false;
    if (p->options.bytes_max > 0) {
        records_max = p->options.bytes_max / (p->options.record_bytes + !p->options.record_bytes);
        p->end_ns = UINT64_MAX;
    }
    while (p->sent_count < records_max && !produce_is_stopped()) {
        uint64_t now_ns = peer_now_ns();
        if (!has_begun && now_ns >= p->begin_ns) {
            has_begun = true;
            peer_say("begin");
        }
        if (now_ns >= p->end_ns) {
            break;
        }
        if (rate == 0) { /* some, between two looks at the clock */
            for (uint32_t i = 0; i < 64 && p->sent_count < records_max; i++) {
                produce_record(p, now_ns);
            }
            continue;
        }
        uint64_t due_ns = p->began_ns + (uint64_t)((double)p->sent_count * 1e9 / (double)rate);
        peer_sleep_until(due_ns < p->end_ns ? due_ns : p->end_ns);
        if (due_ns < p->end_ns) {
            produce_record(p, due_ns);
        }
    }
    peer_say("end");
}

static void produce_record(struct produce *p, uint64_t due_ns)
{
    uint64_t turn = p->sent_count++;
    uint32_t record_bytes = p->options.record_bytes;
    rd_kafka_topic_t *topic = p->topics[turn % p->options.topics_count];
    int32_t partition = (int32_t)(turn / p->options.topics_count % p->options.partitions_count);
    void *value = p->values + (turn % PRODUCE_VALUES) * record_bytes;
    bool is_event = p->options.users_count > 0;
    if (is_event) {
        peer_events_next(&p->events, peer_wall_us());
        partition = (int32_t)(p->events.user % p->options.partitions_count);
        value = p->events.value;
    }
    while (rd_kafka_produce(topic, partition, is_event ? RD_KAFKA_MSG_F_COPY : 0, value,
                            record_bytes, is_event ? p->events.key : NULL,
                            is_event ? PEER_EVENT_KEY_BYTES : 0, (void *)(uintptr_t)due_ns) != 0) {
        rd_kafka_resp_err_t error = rd_kafka_last_error();
        if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            peer_check(&p->options, "producing", error);
        }
        peer_sleep_until(peer_now_ns() + PRODUCE_FULL_NS);
    }
}

static bool produce_is_stopped(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, SIGTERM) == 1;
}

static void *produce_reports(void *context)
{
    struct produce *p = context;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(p->producer);
    while (!atomic_load(&p->is_over)) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 100);
        if (event == NULL) {
            continue;
        }
        uint64_t now_ns = peer_now_ns();
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR) {
            const rd_kafka_message_t *message;
            while ((message = rd_kafka_event_message_next(event)) != NULL) {
                produce_report(p, message, now_ns);
            }
        }
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    return NULL;
}

static void produce_report(struct produce *p, const rd_kafka_message_t *message, uint64_t now_ns)
{
    peer_check(&p->options, "a record was not acknowledged", message->err);
    atomic_fetch_add_explicit(&p->acks_count, 1, memory_order_relaxed);
    uint64_t due_ns = (uint64_t)(uintptr_t)message->_private;
    if (due_ns >= p->begin_ns && due_ns < p->end_ns) {
        peer_histogram_add(&p->latencies, now_ns - due_ns);
    }
}
