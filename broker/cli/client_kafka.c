/* Opening, connecting, producing, consuming. See client_kafka.h.
 *
 * A server that is away shows as errors reported to a callback, not as a failed call: librdkafka
 * tries again for ever. So the first answer is waited for by itself (client_kafka_connect), which
 * gives up soon after every known server has refused; it waits that moment longer because a name
 * may have several addresses, which are tried one after another. */
#include "broker/cli/client_kafka.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/escape.h"
#include "broker/cli/client_clock.h"
#include "broker/cli/client_kafka_int.h"

/* How long after the last known server refused the others of its addresses may still answer. */
#define CLIENT_KAFKA_GRACE_NS (500 * CLIENT_NS_PER_MS)

static enum err client_kafka_set(struct client_kafka *k, rd_kafka_conf_t *conf,
                                 const struct client_property *property);
static size_t client_kafka_prefix(const char *text);
static enum err client_kafka_topic(struct client_kafka *k, const char *name);
static void client_kafka_on_error(rd_kafka_t *handle, int code, const char *reason, void *ctx);
static void client_kafka_on_log(const rd_kafka_t *handle, int level, const char *facility,
                                const char *text);
static void client_kafka_on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message,
                                     void *ctx);
static bool client_kafka_is_lost(const struct client_kafka *k);
static enum err client_kafka_unreachable(struct client_kafka *k, enum err err);

enum err client_kafka_open(struct client_kafka *k, enum client_kafka_kind kind,
                           const struct client_property *properties, size_t properties_count)
{
    static const struct client_property own[] = {
        {"client.id", "tdb"},
        /* Offsets are given, never stored; the end of a partition is told. */
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"enable.partition.eof", "true"},
        {"auto.offset.reset", "error"},
        {"reconnect.backoff.ms", "50"},
        {"reconnect.backoff.max.ms", "1000"},
        {"socket.keepalive.enable", "true"},
    };
    static const struct client_property of_consumer[] = {
        {"fetch.message.max.bytes", "1048576"},
        {"fetch.error.backoff.ms", "100"},
    };
    static const struct client_property of_producer[] = {
        {"partitioner", "murmur2_random"}, /* as Java's clients spread keys */
        /* The server says what is too large for a topic: a limit here would hide its own. */
        {"message.max.bytes", "1000000000"},
        {"queue.buffering.max.kbytes", "131072"},
    };
    bool is_producer = kind == CLIENT_KAFKA_PRODUCER;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum err err = ERR_OK;
    for (size_t i = 0; i < ARRAY_COUNT(own) && err == ERR_OK; i++) {
        err = client_kafka_set(k, conf, &own[i]);
    }
    for (size_t i = 0; !is_producer && i < ARRAY_COUNT(of_consumer) && err == ERR_OK; i++) {
        err = client_kafka_set(k, conf, &of_consumer[i]);
    }
    for (size_t i = 0; is_producer && i < ARRAY_COUNT(of_producer) && err == ERR_OK; i++) {
        err = client_kafka_set(k, conf, &of_producer[i]);
    }
    for (size_t i = 0; i < properties_count && err == ERR_OK; i++) {
        err = client_kafka_set(k, conf, &properties[i]);
    }
    rd_kafka_conf_set_opaque(conf, k);
    rd_kafka_conf_set_error_cb(conf, client_kafka_on_error);
    rd_kafka_conf_set_log_cb(conf, client_kafka_on_log);
    if (is_producer) {
        rd_kafka_conf_set_dr_msg_cb(conf, client_kafka_on_delivery);
    }
    char text[CLIENT_WHY_BYTES];
    if (err == ERR_OK) {
        k->handle = rd_kafka_new(is_producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, text,
                                 sizeof(text));
        if (k->handle == NULL) { /* `conf` is ours only then */
            client_kafka_explain(k->why, text);
            err = ERR_INVALID;
        }
    }
    if (err != ERR_OK) {
        rd_kafka_conf_destroy(conf);
        return err;
    }
    k->queue = rd_kafka_queue_new(k->handle);
    return ERR_OK;
}

void client_kafka_close(struct client_kafka *k)
{
    if (k->handle == NULL) {
        return;
    }
    if (k->message != NULL) {
        rd_kafka_message_destroy(k->message);
    }
    if (k->topic != NULL) {
        rd_kafka_topic_destroy(k->topic);
    }
    rd_kafka_queue_destroy(k->queue);
    rd_kafka_destroy_flags(k->handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    k->message = NULL;
    k->topic = NULL;
    k->queue = NULL;
    k->handle = NULL;
}

enum err client_kafka_connect(struct client_kafka *k)
{
    uint64_t began_ns = client_now_ns();
    uint64_t slice_ms = 50;
    for (;;) {
        const struct rd_kafka_metadata *metadata = NULL;
        int left_ms = client_kafka_left_ms(k, began_ns);
        int wait_ms = slice_ms < (uint64_t)left_ms ? (int)slice_ms : left_ms;
        rd_kafka_resp_err_t code = rd_kafka_metadata(k->handle, 0, NULL, &metadata, wait_ms);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_metadata_destroy(metadata);
            k->down_ns = 0;
            return ERR_OK;
        }
        if (code == RD_KAFKA_RESP_ERR__TIMED_OUT) {
            slice_ms *= 2; /* a server is there and slow: ask more patiently */
        }
        rd_kafka_poll(k->handle, 0);
        if (client_kafka_is_lost(k)) {
            return client_kafka_unreachable(k, ERR_UNREACHABLE);
        }
        if (client_now_ns() - began_ns >= k->timeout_ns) {
            return client_kafka_unreachable(k, ERR_TIMEOUT);
        }
    }
}

void client_kafka_poll(struct client_kafka *k, int wait_ms)
{
    rd_kafka_poll(k->handle, wait_ms);
}

enum err client_kafka_produce(struct client_kafka *k, const char *topic,
                              const struct client_record *record, uint64_t number)
{
    enum err err = client_kafka_topic(k, topic);
    if (err != ERR_OK) {
        return err;
    }
    rd_kafka_headers_t *headers = NULL;
    if (record->headers_count > 0) {
        headers = rd_kafka_headers_new(record->headers_count);
        for (size_t i = 0; i < record->headers_count; i++) {
            const struct client_header *header = &record->headers[i];
            rd_kafka_header_add(headers, header->name, -1, header->value,
                                (ssize_t)header->value_bytes);
        }
    }
    /* The copies are made before the call returns; the casts drop a const that it keeps. */
    void *key = (void *)(uintptr_t)record->key;
    void *value = (void *)(uintptr_t)record->value;
    int64_t timestamp = record->timestamp_ms > 0 ? record->timestamp_ms : 0;
    rd_kafka_resp_err_t code = rd_kafka_producev(
        k->handle, RD_KAFKA_V_RKT(k->topic), RD_KAFKA_V_PARTITION(record->partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, record->key_bytes),
        RD_KAFKA_V_VALUE(value, record->value_bytes), RD_KAFKA_V_TIMESTAMP(timestamp),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE((void *)(uintptr_t)number), RD_KAFKA_V_END);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return ERR_OK;
    }
    if (headers != NULL) { /* taken over only when all went well */
        rd_kafka_headers_destroy(headers);
    }
    return client_kafka_fail(k, code, NULL);
}

size_t client_kafka_undelivered(const struct client_kafka *k)
{
    return (size_t)rd_kafka_outq_len(k->handle);
}

void client_kafka_purge(struct client_kafka *k)
{
    rd_kafka_purge(k->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_poll(k->handle, 0);
}

enum err client_kafka_consume(struct client_kafka *k, const char *topic, int32_t partition,
                              int64_t offset)
{
    enum err err = client_kafka_topic(k, topic);
    if (err != ERR_OK) {
        return err;
    }
    if (rd_kafka_consume_start_queue(k->topic, partition, offset, k->queue) != 0) {
        return client_kafka_fail(k, rd_kafka_last_error(), NULL);
    }
    return ERR_OK;
}

void client_kafka_consume_stop(struct client_kafka *k, int32_t partition)
{
    rd_kafka_consume_stop(k->topic, partition);
}

enum err client_kafka_fetch(struct client_kafka *k, int wait_ms, struct client_record *record)
{
    if (k->message != NULL) {
        rd_kafka_message_destroy(k->message);
    }
    *record = (struct client_record){.partition = -1, .offset = -1};
    rd_kafka_poll(k->handle, 0);
    rd_kafka_message_t *message = rd_kafka_consume_queue(k->queue, wait_ms);
    k->message = message;
    if (message == NULL) {
        return ERR_AGAIN;
    }
    record->partition = message->rkt != NULL ? message->partition : -1;
    record->offset = message->offset;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        return ERR_END;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return client_kafka_fail(k, message->err, rd_kafka_message_errstr(message));
    }
    rd_kafka_timestamp_type_t type;
    record->timestamp_ms = rd_kafka_message_timestamp(message, &type);
    record->key = message->key;
    record->key_bytes = message->key_len;
    record->value = message->payload;
    record->value_bytes = message->len;
    return ERR_OK;
}

bool client_kafka_header(const struct client_kafka *k, size_t index, struct client_header *header)
{
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    if (k->message == NULL ||
        rd_kafka_message_headers(k->message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_all(headers, index, &header->name, &value, &header->value_bytes) !=
            RD_KAFKA_RESP_ERR_NO_ERROR) {
        return false;
    }
    header->value = value;
    return true;
}

enum err client_kafka_fail(struct client_kafka *k, rd_kafka_resp_err_t code, const char *text)
{
    enum err err = client_kafka_err(code);
    client_kafka_explain(k->why, text != NULL ? text : rd_kafka_err2str(code));
    return err;
}

enum err client_kafka_err(rd_kafka_resp_err_t code)
{
    static const struct {
        rd_kafka_resp_err_t code;
        enum err err;
    } rows[] = {
        {RD_KAFKA_RESP_ERR_NO_ERROR, ERR_OK},
        {RD_KAFKA_RESP_ERR__PARTITION_EOF, ERR_END},
        {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ERR_NOT_FOUND},
        {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, ERR_NOT_FOUND},
        {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, ERR_NOT_FOUND},
        {RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, ERR_EXISTS},
        {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ERR_TOO_LARGE},
        {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, ERR_TOO_LARGE},
        {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, ERR_RANGE},
        {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, ERR_RANGE},
        {RD_KAFKA_RESP_ERR__QUEUE_FULL, ERR_FULL},
        {RD_KAFKA_RESP_ERR__TIMED_OUT, ERR_TIMEOUT},
        {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, ERR_TIMEOUT},
        {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, ERR_TIMEOUT},
        {RD_KAFKA_RESP_ERR__TRANSPORT, ERR_UNREACHABLE},
        {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, ERR_UNREACHABLE},
        {RD_KAFKA_RESP_ERR__RESOLVE, ERR_UNREACHABLE},
        {RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, ERR_AGAIN},
        {RD_KAFKA_RESP_ERR__PURGE_QUEUE, ERR_CANCELED},
        {RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, ERR_CANCELED},
        {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, ERR_UNSUPPORTED},
        {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, ERR_UNSUPPORTED},
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERR_ACCESS},
        {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, ERR_ACCESS},
        {RD_KAFKA_RESP_ERR__AUTHENTICATION, ERR_ACCESS},
        {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, ERR_INVALID},
        {RD_KAFKA_RESP_ERR_INVALID_CONFIG, ERR_INVALID},
        {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, ERR_INVALID},
        {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, ERR_INVALID},
        {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, ERR_INVALID},
        {RD_KAFKA_RESP_ERR__INVALID_ARG, ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (rows[i].code == code) {
            return rows[i].err;
        }
    }
    return ERR_SYSTEM;
}

void client_kafka_explain(char *out, const char *text)
{
    const char *end = strstr(text, " (after "); /* how long a connection took to fail */
    size_t length = end != NULL ? (size_t)(end - text) : strlen(text);
    struct bytes_writer w = bytes_writer(out, CLIENT_WHY_BYTES - 1);
    for (size_t pos = 0; pos < length && bytes_writer_left(&w) > 0;) {
        size_t skipped = client_kafka_prefix(text + pos);
        size_t run = strcspn(text + pos, "\"\\LB");
        if (skipped > 0) {
            pos += skipped;
        } else if (run == 0) { /* quotes stay as they are, for people */
            bytes_put_u8(&w, (uint8_t)text[pos++]);
        } else {
            size_t taken = escape_json(&w, text + pos, run < length - pos ? run : length - pos);
            if (taken == 0) {
                break;
            }
            pos += taken;
        }
    }
    out[w.pos] = '\0';
}

int client_kafka_left_ms(const struct client_kafka *k, uint64_t began_ns)
{
    uint64_t passed_ns = client_now_ns() - began_ns;
    uint64_t left_ms =
        passed_ns < k->timeout_ns ? (k->timeout_ns - passed_ns) / CLIENT_NS_PER_MS : 0;
    return left_ms < 1 ? 1 : left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}

static enum err client_kafka_set(struct client_kafka *k, rd_kafka_conf_t *conf,
                                 const struct client_property *property)
{
    char text[CLIENT_WHY_BYTES];
    if (rd_kafka_conf_set(conf, property->name, property->value, text, sizeof(text)) !=
        RD_KAFKA_CONF_OK) {
        client_kafka_explain(k->why, text);
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* Bytes of a word that tells where librdkafka thinks a failure arose, and people nothing. */
static size_t client_kafka_prefix(const char *text)
{
    static const char *const prefixes[] = {"Broker: ", "Local: "};
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
        size_t length = strlen(prefixes[i]);
        if (strncmp(text, prefixes[i], length) == 0) {
            return length;
        }
    }
    return 0;
}

/* k->topic is made at the first mention of it. */
static enum err client_kafka_topic(struct client_kafka *k, const char *name)
{
    if (k->topic == NULL) {
        k->topic = rd_kafka_topic_new(k->handle, name, NULL);
    }
    return k->topic != NULL ? ERR_OK : client_kafka_fail(k, rd_kafka_last_error(), NULL);
}

/* Of the reason ("127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused")
 * what stands before the server's name is of no use to people. */
static void client_kafka_on_error(rd_kafka_t *handle, int code, const char *reason, void *ctx)
{
    (void)handle;
    struct client_kafka *k = ctx;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        if (k->down_ns == 0) {
            k->down_ns = client_now_ns();
        }
        return;
    }
    const char *text = strstr(reason, "/bootstrap: ");
    client_kafka_explain(k->network, text != NULL ? text + strlen("/bootstrap: ") : reason);
    k->errors_count++;
}

/* From any of librdkafka's threads. Without debug=... what matters comes as an error, too. */
static void client_kafka_on_log(const rd_kafka_t *handle, int level, const char *facility,
                                const char *text)
{
    const struct client_kafka *k = handle != NULL ? rd_kafka_opaque(handle) : NULL;
    const int debug = 7; /* syslog's LOG_DEBUG */
    char escaped[1024];
    struct bytes_writer w = bytes_writer(escaped, sizeof(escaped));
    if (k != NULL && level >= debug && k->log != NULL) {
        escape_json(&w, text, strlen(text));
        fprintf(k->log, "%s: %.*s\n", facility, (int)w.pos, escaped);
    }
}

static void client_kafka_on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message,
                                     void *ctx)
{
    (void)handle;
    struct client_kafka *k = ctx;
    char why[CLIENT_WHY_BYTES] = "";
    struct client_delivery delivery = {
        .number = (uint64_t)(uintptr_t)message->_private,
        .err = client_kafka_err(message->err),
        .why = why,
        .partition = message->partition,
        .offset = message->offset >= 0 ? message->offset : -1,
        .bytes = message->len + message->key_len,
    };
    if (delivery.err != ERR_OK) {
        client_kafka_explain(why, rd_kafka_err2str(message->err));
    }
    k->delivered(k->ctx, &delivery);
}

/* Whether all servers refused, and had time for their other addresses. */
static bool client_kafka_is_lost(const struct client_kafka *k)
{
    return k->down_ns != 0 && client_now_ns() - k->down_ns >= CLIENT_KAFKA_GRACE_NS;
}

static enum err client_kafka_unreachable(struct client_kafka *k, enum err err)
{
    snprintf(k->why, sizeof(k->why), "%s",
             k->network[0] != '\0' ? k->network : "no answer in time");
    return err;
}
