/* A consumer that catches up: all partitions from their begin to where they end when it starts, as
 * fast as it goes, every offset exactly once, checksums checked. With --endless it starts again
 * when it is through, until SIGTERM: a reader of what no memory holds, beside somebody else's load.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/macro/peer_client.h"

/* Messages taken from the queue at a time. */
#define READ_BATCH 4096u

/* A broker that sends nothing for so long is stuck. */
#define READ_STUCK_MS 60000

struct read {
    struct peer_options options;
    rd_kafka_t *consumer;
    rd_kafka_topic_t *topic;    /* of the consumer */
    rd_kafka_queue_t *arrivals; /* its messages */
    int64_t *ends;              /* by partition: read up to here */
    int64_t *nexts;             /* by partition: the next offset */
    uint32_t waiting_count;     /* partitions not read up to their end */
    uint64_t records_count;     /* read, over all rounds */
    uint64_t bytes;             /* of their values */
};

static void read_open(struct read *r);
static bool read_round(struct read *r);
static void read_arrived(struct read *r, const rd_kafka_message_t *message);

int main(int argc, char **argv)
{
    struct read *r = calloc(1, sizeof(*r));
    sigset_t stops;
    if (r == NULL) {
        return 1;
    }
    peer_options_read(&r->options, argc, argv);
    if (r->options.topics_count != 1) {
        peer_die(&r->options, "--topic", "one is read");
    }
    sigemptyset(&stops); /* waits pending until somebody looks at it */
    sigaddset(&stops, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stops, NULL);
    read_open(r);
    peer_say("begin");
    uint64_t began_ns = peer_now_ns();
    while (read_round(r) && r->options.is_endless) {
    }
    double seconds = (double)(peer_now_ns() - began_ns) / 1e9;
    peer_say("end");
    printf("{\"records\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seconds\":%.4f}\n", r->records_count,
           r->bytes, seconds);
    peer_end();
}

/* A connected consumer that knows where the partitions end. */
static void read_open(struct read *r)
{
    uint32_t count = r->options.partitions_count;
    r->consumer = peer_consumer_new(&r->options);
    r->topic = peer_topic_new(&r->options, r->consumer);
    r->arrivals = rd_kafka_queue_new(r->consumer);
    r->ends = calloc(count, sizeof(r->ends[0]));
    r->nexts = calloc(count, sizeof(r->nexts[0]));
    if (r->ends == NULL || r->nexts == NULL) {
        peer_die(&r->options, "opening", "no memory");
    }
    for (uint32_t p = 0; p < count; p++) {
        int64_t low;
        peer_check(&r->options, "where a partition ends",
                   rd_kafka_query_watermark_offsets(r->consumer, r->options.topics[0], (int32_t)p,
                                                    &low, &r->ends[p], 30000));
        if (low != 0) {
            peer_die(&r->options, "a partition", "its begin is gone");
        }
    }
}

/* Read all once. False: SIGTERM came. */
static bool read_round(struct read *r)
{
    rd_kafka_message_t *messages[READ_BATCH];
    bool is_stopped = false;
    r->waiting_count = 0;
    for (uint32_t p = 0; p < r->options.partitions_count; p++) {
        r->nexts[p] = 0;
        r->waiting_count += r->ends[p] > 0;
    }
    peer_consume_start(&r->options, r->topic, r->arrivals);
    while (r->waiting_count > 0 && !is_stopped) {
        size_t count = peer_take(r->arrivals, READ_STUCK_MS, messages, READ_BATCH);
        if (count == 0) {
            peer_die(&r->options, "reading", "nothing comes");
        }
        for (size_t i = 0; i < count; i++) {
            read_arrived(r, messages[i]);
            rd_kafka_message_destroy(messages[i]);
        }
        sigset_t pending;
        is_stopped = sigpending(&pending) == 0 && sigismember(&pending, SIGTERM) == 1;
    }
    peer_consume_stop(&r->options, r->topic);
    return !is_stopped;
}

static void read_arrived(struct read *r, const rd_kafka_message_t *message)
{
    peer_check(&r->options, "reading", message->err);
    uint32_t partition = (uint32_t)message->partition;
    if (partition >= r->options.partitions_count || message->offset != r->nexts[partition]) {
        peer_die(&r->options, "reading", "an offset is missing, or came twice");
    }
    r->nexts[partition]++;
    if (message->offset >= r->ends[partition]) {
        return; /* younger than the reader */
    }
    r->records_count++;
    r->bytes += message->len;
    if (r->nexts[partition] == r->ends[partition]) {
        r->waiting_count--;
    }
}
