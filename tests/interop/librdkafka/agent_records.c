/* Records sent and read, offsets by time; what groups and transactions are told. See agent.h. */
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "tests/interop/librdkafka/agent.h"

/* How long all records of a request may take to be acknowledged, a consumer to have them, and a
 * group or a transaction to be refused. */
#define AGENT_FLUSH_MS   60000
#define AGENT_CONSUME_MS 20000
#define AGENT_REFUSE_MS  30000

/* Of a record that is sent; KEY, VALUE ... as the driver orders them. */
enum { AGENT_KEY, AGENT_VALUE, AGENT_HEADERS, AGENT_TIMESTAMP, AGENT_FIELDS };

static rd_kafka_t *agent_producer(struct agent *a, const char *wanted, bool is_idempotent);
static void agent_await_partition(rd_kafka_t *producer, const char *topic, int32_t partition);
static bool agent_send(struct agent *a, rd_kafka_t *producer, const char *topic, int32_t partition,
                       const struct json_value *record, size_t number);
static rd_kafka_headers_t *agent_headers(struct agent *a, const struct json_value *pairs);
static void agent_wait(rd_kafka_t *producer, int64_t ms);
static bool agent_reader(struct agent *a);
static bool agent_is_passing(rd_kafka_resp_err_t code);
static void agent_put_record(struct agent *a, const rd_kafka_message_t *message);
static int64_t agent_now_ms(void);

enum agent_end agent_produce(struct agent *a)
{
    const char *topic = agent_text(a, "topic");
    int32_t partition = (int32_t)agent_number(a, "partition", 0);
    int64_t pace_ms = agent_number(a, "pace_ms", 0);
    struct json_value records = {0};
    struct json_value value;
    bool is_idempotent = agent_find(a, "idempotent", &value) && value.kind == JSON_TRUE;
    bool has_records = agent_find(a, "records", &records);
    ASSERT(has_records);
    rd_kafka_t *producer = agent_producer(a, agent_text(a, "codec"), is_idempotent);
    if (producer == NULL) {
        return AGENT_REFUSED;
    }
    size_t count = 0;
    for (struct json_items items = json_items(&records); json_items_next(&items, NULL, &value);) {
        count++;
    }
    a->offsets = arena_alloc(&a->arena, count * sizeof(*a->offsets), _Alignof(int64_t));
    ASSERT(a->offsets != NULL);
    memset(a->offsets, 0xff, count * sizeof(*a->offsets));
    agent_await_partition(producer, topic, partition);
    struct json_items items = json_items(&records);
    for (size_t i = 0; json_items_next(&items, NULL, &value); i++) {
        if (!agent_send(a, producer, topic, partition, &value, i)) {
            break;
        }
        agent_wait(producer, pace_ms);
    }
    rd_kafka_resp_err_t code = rd_kafka_flush(producer, AGENT_FLUSH_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) { /* none of them may be told of later */
        agent_fail(a, code, NULL);
        rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(producer, AGENT_FLUSH_MS);
    }
    if (a->why[0] != '\0') {
        return AGENT_REFUSED;
    }
    fputs("\"offsets\": [", a->out);
    for (size_t i = 0; i < count; i++) {
        fprintf(a->out, "%s%lld", i > 0 ? ", " : "", (long long)a->offsets[i]);
    }
    fputc(']', a->out);
    return AGENT_DONE;
}

enum agent_end agent_consume(struct agent *a)
{
    const char *topic = agent_text(a, "topic");
    int32_t partition = (int32_t)agent_number(a, "partition", 0);
    int64_t count = agent_number(a, "count", 0);
    int64_t until_ms = agent_now_ms() + AGENT_CONSUME_MS;
    if (!agent_reader(a)) {
        return AGENT_REFUSED;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset =
        agent_number(a, "offset", 0);
    rd_kafka_resp_err_t code = rd_kafka_assign(a->reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return agent_fail(a, code, NULL);
    }
    fputs("\"records\": [", a->out);
    for (int64_t got = 0; got < count && a->why[0] == '\0' && agent_now_ms() < until_ms;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(a->reader, 500);
        if (message == NULL) {
            continue;
        }
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            fputs(got++ > 0 ? ", " : "", a->out);
            agent_put_record(a, message);
        } else if (!agent_is_passing(message->err)) {
            agent_fail(a, message->err, rd_kafka_message_errstr(message));
        }
        rd_kafka_message_destroy(message);
    }
    fputc(']', a->out);
    rd_kafka_assign(a->reader, NULL);
    return a->why[0] == '\0' ? AGENT_DONE : AGENT_REFUSED;
}

enum agent_end agent_time(struct agent *a)
{
    if (!agent_reader(a)) {
        return AGENT_REFUSED;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *asked = rd_kafka_topic_partition_list_add(
        list, agent_text(a, "topic"), (int32_t)agent_number(a, "partition", 0));
    asked->offset = agent_number(a, "time", 0);
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(a->reader, list, AGENT_CALL_MS);
    code = code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : list->elems[0].err;
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return agent_fail(a, code, NULL);
    }
    if (offset >= 0) {
        fprintf(a->out, "\"offset\": %lld", (long long)offset);
    } else { /* RD_KAFKA_OFFSET_END: none is as late */
        fputs("\"offset\": null", a->out);
    }
    return AGENT_DONE;
}

enum agent_end agent_ends(struct agent *a)
{
    int64_t first = -1;
    int64_t end = -1;
    if (!agent_reader(a)) {
        return AGENT_REFUSED;
    }
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        a->reader, agent_text(a, "topic"), (int32_t)agent_number(a, "partition", 0), &first, &end,
        AGENT_CALL_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return agent_fail(a, code, NULL);
    }
    fprintf(a->out, "\"first\": %lld, \"end\": %lld", (long long)first, (long long)end);
    return AGENT_DONE;
}

enum agent_end agent_group(struct agent *a)
{
    static const struct agent_setting settings[] = {{"group.id", "a-group"}};
    int64_t until_ms = agent_now_ms() + AGENT_REFUSE_MS;
    rd_kafka_t *consumer = agent_open(a, RD_KAFKA_CONSUMER, settings, ARRAY_COUNT(settings));
    if (consumer == NULL) {
        return AGENT_REFUSED;
    }
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, agent_text(a, "topic"), RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        agent_fail(a, code, NULL);
    }
    while (a->why[0] == '\0' && agent_now_ms() < until_ms) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 100);
        if (message != NULL && message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            agent_fail(a, message->err, rd_kafka_message_errstr(message));
        }
        if (message != NULL) {
            rd_kafka_message_destroy(message);
        }
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return a->why[0] == '\0' ? AGENT_DONE : AGENT_REFUSED;
}

enum agent_end agent_transaction(struct agent *a)
{
    static const struct agent_setting settings[] = {{"transactional.id", "a-transaction"}};
    rd_kafka_t *producer = agent_open(a, RD_KAFKA_PRODUCER, settings, ARRAY_COUNT(settings));
    if (producer == NULL) {
        return AGENT_REFUSED;
    }
    rd_kafka_error_t *error = rd_kafka_init_transactions(producer, AGENT_REFUSE_MS);
    if (error != NULL) {
        agent_fail(a, rd_kafka_error_code(error), rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
    rd_kafka_destroy(producer);
    return a->why[0] == '\0' ? AGENT_DONE : AGENT_REFUSED;
}

/* --- Producers --- */

/* The producer with this codec, made at the first mention of it. */
static rd_kafka_t *agent_producer(struct agent *a, const char *wanted, bool is_idempotent)
{
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    const char *codec = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(codecs); i++) {
        codec = strcmp(codecs[i], wanted) == 0 ? codecs[i] : codec;
    }
    ASSERT(codec != NULL);
    for (size_t i = 0; i < a->producers_count; i++) {
        if (a->producers[i].codec == codec && a->producers[i].is_idempotent == is_idempotent) {
            return a->producers[i].handle;
        }
    }
    const struct agent_setting settings[] = {
        {"compression.type", codec},
        {"acks", "all"},
        {"linger.ms", "20"},
        {"retry.backoff.ms", "50"},
        {"topic.metadata.refresh.interval.ms", "1000"},
        {"message.max.bytes", "10000000"}, /* what is too large, the server says */
        {"enable.idempotence", is_idempotent ? "true" : "false"},
        {"max.in.flight", is_idempotent ? "5" : "1"}, /* in order, though sent again */
    };
    rd_kafka_t *handle = agent_open(a, RD_KAFKA_PRODUCER, settings, ARRAY_COUNT(settings));
    if (handle != NULL) {
        ASSERT(a->producers_count < AGENT_PRODUCERS_MAX);
        a->producers[a->producers_count++] = (struct agent_producer){
            .handle = handle, .codec = codec, .is_idempotent = is_idempotent};
    }
    return handle;
}

/* A topic or a partition that is new is asked for until the producer knows it; one that does not
 * come shows when a record is sent to it. */
static void agent_await_partition(rd_kafka_t *producer, const char *topic, int32_t partition)
{
    int64_t until_ms = agent_now_ms() + AGENT_CALL_MS;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(producer, topic, NULL);
    bool is_there = false;
    while (!is_there && agent_now_ms() < until_ms) {
        const struct rd_kafka_metadata *metadata = NULL;
        if (rd_kafka_metadata(producer, 0, handle, &metadata, AGENT_CALL_MS) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
            is_there = metadata->topic_cnt == 1 &&
                       metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR &&
                       metadata->topics[0].partition_cnt > partition;
            rd_kafka_metadata_destroy(metadata);
        }
        agent_wait(producer, is_there ? 0 : 100);
    }
    rd_kafka_topic_destroy(handle);
}

static bool agent_send(struct agent *a, rd_kafka_t *producer, const char *topic, int32_t partition,
                       const struct json_value *record, size_t number)
{
    struct json_value fields[AGENT_FIELDS];
    struct json_items items = json_items(record);
    for (size_t i = 0; i < AGENT_FIELDS; i++) {
        bool is_there = json_items_next(&items, NULL, &fields[i]);
        ASSERT(is_there);
    }
    size_t key_bytes;
    size_t value_bytes;
    char *key = agent_characters(a, &fields[AGENT_KEY], &key_bytes);
    char *value = agent_characters(a, &fields[AGENT_VALUE], &value_bytes);
    rd_kafka_headers_t *headers = agent_headers(a, &fields[AGENT_HEADERS]);
    int64_t timestamp = agent_integer(&fields[AGENT_TIMESTAMP]); /* 0: now */
    rd_kafka_resp_err_t code = rd_kafka_producev(
        producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, key_bytes),
        RD_KAFKA_V_VALUE(value, value_bytes), RD_KAFKA_V_TIMESTAMP(timestamp),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE((void *)(uintptr_t)number), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) { /* the headers are taken over only when all is well */
        rd_kafka_headers_destroy(headers);
        agent_fail(a, code, NULL);
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_headers_t *agent_headers(struct agent *a, const struct json_value *pairs)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(4);
    struct json_value pair;
    for (struct json_items items = json_items(pairs); json_items_next(&items, NULL, &pair);) {
        struct json_value name;
        struct json_value value;
        size_t name_bytes;
        size_t value_bytes;
        struct json_items both = json_items(&pair);
        bool is_pair = json_items_next(&both, NULL, &name) && json_items_next(&both, NULL, &value);
        ASSERT(is_pair);
        const char *name_text = agent_characters(a, &name, &name_bytes);
        const char *value_text = agent_characters(a, &value, &value_bytes);
        rd_kafka_resp_err_t code = rd_kafka_header_add(headers, name_text, (ssize_t)name_bytes,
                                                       value_text, (ssize_t)value_bytes);
        ASSERT(code == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    return headers;
}

/* A poll returns as soon as something was told. */
static void agent_wait(rd_kafka_t *producer, int64_t ms)
{
    int64_t until_ms = agent_now_ms() + ms;
    int64_t left_ms = ms;
    do {
        rd_kafka_poll(producer, (int)left_ms);
        left_ms = until_ms - agent_now_ms();
    } while (left_ms > 0);
}

/* --- Consumers --- */

/* librdkafka wants a group's name even of those who only assign. */
static bool agent_reader(struct agent *a)
{
    static const struct agent_setting settings[] = {
        {"group.id", "not-joined"},     {"enable.auto.commit", "false"},
        {"auto.offset.reset", "error"}, {"enable.partition.eof", "false"},
        {"fetch.wait.max.ms", "100"},
    };
    if (a->reader == NULL) {
        a->reader = agent_open(a, RD_KAFKA_CONSUMER, settings, ARRAY_COUNT(settings));
        if (a->reader != NULL) {
            rd_kafka_poll_set_consumer(a->reader);
        }
    }
    return a->reader != NULL;
}

/* What a consumer is told once and goes on: a server that was killed; and that no group is served,
 * because librdkafka asks for the coordinator of any group it has a name of. */
static bool agent_is_passing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
           code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
}

static void agent_put_record(struct agent *a, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_timestamp_type_t type;
    fprintf(a->out, "[%lld, ", (long long)message->offset);
    agent_put(a->out, message->key, message->key_len);
    fputs(", ", a->out);
    agent_put(a->out, message->payload, message->len);
    fputs(", [", a->out);
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char *name = NULL;
        const void *value = NULL;
        size_t bytes = 0;
        for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &bytes) ==
                           RD_KAFKA_RESP_ERR_NO_ERROR;
             i++) {
            fputs(i > 0 ? ", [" : "[", a->out);
            agent_put(a->out, name, strlen(name));
            fputs(", ", a->out);
            agent_put(a->out, value, bytes);
            fputc(']', a->out);
        }
    }
    fprintf(a->out, "], %lld]", (long long)rd_kafka_message_timestamp(message, &type));
}

static int64_t agent_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
