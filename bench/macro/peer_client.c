/* See peer_client.h. */
#include "bench/macro/peer_client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "bench/macro/peer_event.h"

#define PEER_NS_PER_S  UINT64_C(1000000000)
#define PEER_NS_PER_MS UINT64_C(1000000)

/* A setting of librdkafka. */
struct peer_setting {
    const char *name;  /* librdkafka's */
    const char *value; /* NULL: left alone */
};

static bool peer_option_read(struct peer_options *o, const char *flag, const char *value);
static void peer_topics_read(struct peer_options *o, const char *value);
static uint64_t peer_number_read(const struct peer_options *o, const char *flag, const char *value);
static rd_kafka_t *peer_new(const struct peer_options *o, rd_kafka_type_t type,
                            const struct peer_setting *settings, size_t count);

void peer_options_read(struct peer_options *o, int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    *o = (struct peer_options){.program = slash != NULL ? slash + 1 : argv[0],
                               .partitions_count = 1,
                               .record_bytes = 100,
                               .codec = "none",
                               .linger_ms = "5",
                               .batch_bytes = "65536",
                               .in_flight = "1000000",
                               .consumers_count = 1,
                               .warm_ns = PEER_NS_PER_S,
                               .measure_ns = 5 * PEER_NS_PER_S};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--endless") == 0) {
            o->is_endless = true;
        } else if (i + 1 < argc && peer_option_read(o, argv[i], argv[i + 1])) {
            i++;
        } else {
            fprintf(stderr, "%s: %s: no such flag, or no value behind it\n", o->program, argv[i]);
            exit(2);
        }
    }
    if (o->users_count > 0) {
        o->record_bytes = PEER_EVENT_BYTES;
    }
    if (o->broker == NULL || o->topics_count == 0 || o->users_count > PEER_EVENT_USERS_MAX) {
        fprintf(stderr, "%s: --broker HOST:PORT and --topic NAME are needed, --users 1..%u\n",
                o->program, PEER_EVENT_USERS_MAX);
        exit(2);
    }
    /* Sleeps end when they are due, not up to 50 us later. */
    (void)prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
    /* Nothing outlives the benchmark that started it. */
    (void)prctl(PR_SET_PDEATHSIG, 9ul, 0ul, 0ul, 0ul);
}

static bool peer_option_read(struct peer_options *o, const char *flag, const char *value)
{
    const struct {
        const char *flag;
        const char **out;
    } texts[] = {{"--broker", &o->broker},       {"--codec", &o->codec},
                 {"--view", &o->view},           {"--changelog", &o->changelog},
                 {"--linger-ms", &o->linger_ms}, {"--batch-bytes", &o->batch_bytes},
                 {"--in-flight", &o->in_flight}};
    const struct {
        const char *flag;
        uint32_t *out;
    } numbers[] = {{"--partitions", &o->partitions_count},
                   {"--record-bytes", &o->record_bytes},
                   {"--consumers", &o->consumers_count}};
    const struct {
        const char *flag;
        uint64_t *out;
        uint64_t unit;
    } amounts[] = {{"--rate", &o->rate, 1},
                   {"--users", &o->users_count, 1},
                   {"--seed", &o->seed, 1},
                   {"--ws-port", &o->ws_port, 1},
                   {"--before", &o->before, 1},
                   {"--bytes", &o->bytes_max, 1},
                   {"--warm-ms", &o->warm_ns, PEER_NS_PER_MS},
                   {"--measure-ms", &o->measure_ns, PEER_NS_PER_MS}};
    if (strcmp(flag, "--topic") == 0) {
        peer_topics_read(o, value);
        return true;
    }
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        if (strcmp(flag, texts[i].flag) == 0) {
            *texts[i].out = value;
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        if (strcmp(flag, numbers[i].flag) == 0) {
            *numbers[i].out = (uint32_t)peer_number_read(o, flag, value);
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(amounts); i++) {
        if (strcmp(flag, amounts[i].flag) == 0) {
            *amounts[i].out = amounts[i].unit * peer_number_read(o, flag, value);
            return true;
        }
    }
    return false;
}

static void peer_topics_read(struct peer_options *o, const char *value)
{
    snprintf(o->topics_text, sizeof(o->topics_text), "%s", value);
    o->topics_count = 0;
    char *name = o->topics_text;
    while (*name != '\0' && o->topics_count < PEER_TOPICS_MAX) {
        size_t length = strcspn(name, ",");
        bool is_last = name[length] == '\0';
        name[length] = '\0';
        o->topics[o->topics_count++] = name;
        name += length + !is_last;
    }
}

static uint64_t peer_number_read(const struct peer_options *o, const char *flag, const char *value)
{
    char *end;
    unsigned long long number = strtoull(value, &end, 10);
    if (end == value || *end != '\0') {
        peer_die(o, flag, "not a number");
    }
    return number;
}

rd_kafka_t *peer_producer_new(const struct peer_options *o)
{
    const struct peer_setting settings[] = {{"acks", "all"},
                                            {"compression.codec", o->codec},
                                            {"linger.ms", o->linger_ms},
                                            {"batch.size", o->batch_bytes},
                                            {"max.in.flight", o->in_flight},
                                            {"topic.metadata.refresh.interval.ms", "-1"}};
    return peer_new(o, RD_KAFKA_PRODUCER, settings, ARRAY_COUNT(settings));
}

rd_kafka_t *peer_consumer_new(const struct peer_options *o)
{
    const struct peer_setting settings[] = {{"auto.offset.reset", "error"}, {"check.crcs", "true"}};
    return peer_new(o, RD_KAFKA_CONSUMER, settings, ARRAY_COUNT(settings));
}

rd_kafka_topic_t *peer_topic_new(const struct peer_options *o, rd_kafka_t *client)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, o->topics[0], NULL);
    if (topic == NULL) {
        peer_check(o, o->topics[0], rd_kafka_last_error());
    }
    return topic;
}

void peer_consume_start(const struct peer_options *o, rd_kafka_topic_t *topic,
                        rd_kafka_queue_t *queue)
{
    for (uint32_t p = 0; p < o->partitions_count; p++) {
        if (rd_kafka_consume_start_queue(topic, (int32_t)p, RD_KAFKA_OFFSET_BEGINNING, queue) !=
            0) {
            peer_check(o, "consuming", rd_kafka_last_error());
        }
    }
}

size_t peer_take(rd_kafka_queue_t *queue, int timeout_ms, rd_kafka_message_t **messages, size_t max)
{
    messages[0] = rd_kafka_consume_queue(queue, timeout_ms);
    if (messages[0] == NULL) {
        return 0;
    }
    ssize_t more = max > 1 ? rd_kafka_consume_batch_queue(queue, 0, messages + 1, max - 1) : 0;
    return 1 + (more > 0 ? (size_t)more : 0);
}

void peer_consume_stop(const struct peer_options *o, rd_kafka_topic_t *topic)
{
    for (uint32_t p = 0; p < o->partitions_count; p++) {
        if (rd_kafka_consume_stop(topic, (int32_t)p) != 0) {
            peer_check(o, "ending to consume", rd_kafka_last_error());
        }
    }
}

static rd_kafka_t *peer_new(const struct peer_options *o, rd_kafka_type_t type,
                            const struct peer_setting *settings, size_t count)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const struct peer_setting all[] = {{"bootstrap.servers", o->broker},
                                       {"socket.nagle.disable", "true"},
                                       {"broker.address.family", "v4"}};
    for (size_t i = 0; i < ARRAY_COUNT(all) + count; i++) {
        const struct peer_setting *setting =
            i < ARRAY_COUNT(all) ? &all[i] : &settings[i - ARRAY_COUNT(all)];
        if (rd_kafka_conf_set(conf, setting->name, setting->value, why, sizeof(why)) !=
            RD_KAFKA_CONF_OK) {
            peer_die(o, setting->name, why);
        }
    }
    if (type == RD_KAFKA_PRODUCER) {
        rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    }
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof(why));
    if (client == NULL) {
        peer_die(o, "a client", why);
    }
    return client;
}

uint8_t *peer_values_new(const struct peer_options *o, uint32_t count)
{
    size_t bytes = (size_t)count * o->record_bytes;
    uint8_t *values = malloc(bytes > 0 ? bytes : 1);
    if (values == NULL) {
        peer_die(o, "values", "no memory");
    }
    uint64_t state = 1;
    for (size_t i = 0; i < bytes; i++) { /* Knuth's 64-bit congruence, high bits */
        state = state * 6364136223846793005u + 1442695040888963407u;
        values[i] = (uint8_t)('A' + (state >> 33) % 26);
    }
    return values;
}

uint64_t peer_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * PEER_NS_PER_S + (uint64_t)now.tv_nsec;
}

void peer_sleep_until(uint64_t then_ns)
{
    struct timespec then = {.tv_sec = (time_t)(then_ns / PEER_NS_PER_S),
                            .tv_nsec = (long)(then_ns % PEER_NS_PER_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) == EINTR) {
    }
}

void peer_say(const char *what)
{
    puts(what);
    fflush(stdout);
}

void peer_print_latencies(const struct peer_histogram *h)
{
    static const struct {
        const char *name;
        double quantile;
    } rows[] = {{"p50_us", 0.5}, {"p90_us", 0.9}, {"p99_us", 0.99}, {"p999_us", 0.999}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        printf("\"%s\":%.1f,", rows[i].name,
               (double)peer_histogram_quantile(h, rows[i].quantile) / 1e3);
    }
    printf("\"max_us\":%.1f,\"latencies\":%" PRIu64, (double)h->max / 1e3, h->count);
}

void peer_end(void)
{
    fflush(stdout);
    _exit(0);
}

void peer_die(const struct peer_options *o, const char *what, const char *why)
{
    fprintf(stderr, "%s: %s: %s\n", o->program, what, why);
    exit(1);
}

void peer_check(const struct peer_options *o, const char *what, rd_kafka_resp_err_t error)
{
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        peer_die(o, what, rd_kafka_err2str(error));
    }
}
