/* Listening, taking connections, closing. See door.h. */
#include "broker/kafka/door.h"

#include <assert.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"
#include "broker/kafka/conn_int.h"

/* How long what waits for memory waits. */
#define KAFKA_DOOR_RETRY_NS (20 * RT_NS_PER_MS)

/* What leaves memory when there is none for a request. */
#define KAFKA_DOOR_COOL_BYTES (4u << 20)

static void kafka_door_register(struct kafka_door *door);
static enum err kafka_door_make(struct core_entry *entry, struct rt_sock **sock);
static void kafka_door_unmake(struct core_entry *entry, struct rt_sock *sock);
static void kafka_door_came(struct core_entry *entry, struct rt_sock *sock);
static void kafka_door_ended(struct core_entry *entry);
static void kafka_door_again(struct rt_timer *timer);
static void kafka_door_make_room(struct kafka_door *door);
static void kafka_door_deinit(struct kafka_door *door);

static const struct core_entry_ops kafka_door_ops = {.name = "kafka",
                                                     .make = kafka_door_make,
                                                     .unmake = kafka_door_unmake,
                                                     .open = kafka_door_came,
                                                     .closed = kafka_door_ended};

enum err kafka_door_open(struct kafka_door *door, struct core_shard *cs, struct diag *diag,
                         const struct kafka_config *config)
{
    struct rt_shard *shard = cs->shard;
    *door = (struct kafka_door){.cs = cs, .diag = diag, .config = *config};
    door->partial_bytes_max = rt_shard_budget(shard)->limit_bytes / 4;
    list_init(&door->conns);
    list_init(&door->starved);
    list_init(&door->begun);
    list_init(&door->idle_requests);
    rt_timer_init(&door->timer, shard, kafka_door_again);
    enum err err = core_entry_open(&door->entry, cs, diag, &config->listen, &kafka_door_ops);
    if (err != ERR_OK) {
        return err;
    }
    door->config.listen = door->entry.listener.addr;
    if (door->config.advertised_port == 0) {
        door->config.advertised_port = door->config.listen.port;
    }
    budget_init(&door->budget, "kafka", SIZE_MAX, &cs->budget);
    pool_init(&door->conn_pool, &door->budget, sizeof(struct kafka_conn), 64,
              cs->core->config.connections_max);
    pool_init(&door->request_pool, &door->budget, sizeof(struct kafka_request), 64, UINT32_MAX / 2);
    pool_init(&door->iov_pool, &door->budget, sizeof(struct kafka_iov), 64,
              cs->core->config.connections_max);
    kafka_door_register(door);
    core_entry_again(&door->entry);
    return ERR_OK;
}

/* What is counted becomes visible. */
static void kafka_door_register(struct kafka_door *door)
{
    static const struct metric_family connections = {.name = "tdb_kafka_connections",
                                                     .help = "Connections of the Kafka door.",
                                                     .type = METRIC_GAUGE};
    static const struct metric_family families[] = {
        {.name = "tdb_kafka_connections_accepted_total",
         "Connections that the Kafka door has taken."},
        {.name = "tdb_kafka_connections_refused_total",
         "Connections that the Kafka door has closed for what they sent."},
        {.name = "tdb_kafka_requests_total", "Requests that the Kafka door has carried out."},
        {.name = "tdb_kafka_received_bytes_total", "Bytes of requests at the Kafka door."},
        {.name = "tdb_kafka_copied_bytes_total",
         "Bytes of requests that were copied from receive buffers; what is copied again counts "
         "again."},
        {.name = "tdb_kafka_sent_bytes_total", "Bytes of answers of the Kafka door."},
        {.name = "tdb_kafka_gathered_bytes_total",
         "Bytes of answers that were sent from where the log has them."}};
    struct kafka_door_metrics *metrics = &door->metrics;
    struct metric_counter *counters[] = {&metrics->accepted, &metrics->refused, &metrics->requests,
                                         &metrics->received, &metrics->copied,  &metrics->sent,
                                         &metrics->gathered};
    static_assert(ARRAY_COUNT(families) == ARRAY_COUNT(counters), "a family for each counter");
    metric_gauge_init(&metrics->connections, &door->cs->metrics, &connections, NULL, 0);
    for (size_t i = 0; i < ARRAY_COUNT(counters); i++) {
        metric_counter_init(counters[i], &door->cs->metrics, &families[i], NULL, 0);
    }
}

/* --- Connections --- */

static struct kafka_door *kafka_door_of(struct core_entry *entry)
{
    return CONTAINER_OF(entry, struct kafka_door, entry);
}

static enum err kafka_door_make(struct core_entry *entry, struct rt_sock **sock)
{
    void *object;
    enum err err = pool_acquire(&kafka_door_of(entry)->conn_pool, &object);
    *sock = err == ERR_OK ? &((struct kafka_conn *)object)->sock : NULL;
    return err;
}

static void kafka_door_unmake(struct core_entry *entry, struct rt_sock *sock)
{
    pool_release(&kafka_door_of(entry)->conn_pool, CONTAINER_OF(sock, struct kafka_conn, sock));
}

static void kafka_door_came(struct core_entry *entry, struct rt_sock *sock)
{
    struct kafka_door *door = kafka_door_of(entry);
    struct kafka_conn *conn = CONTAINER_OF(sock, struct kafka_conn, sock);
    metric_add(&door->metrics.accepted, 1);
    metric_move(&door->metrics.connections, 1);
    conn->door = door;
    list_push_back(&door->conns, &conn->in_door);
    kafka_conn_open(conn);
    if (door->is_closing) {
        kafka_conn_stop(conn);
    }
}

static void kafka_door_again(struct rt_timer *timer)
{
    struct kafka_door *door = CONTAINER_OF(timer, struct kafka_door, timer);
    struct list starved;
    struct list_node *node;
    kafka_door_make_room(door);
    list_init(&starved);
    while ((node = list_pop_front(&door->starved)) != NULL) {
        list_push_back(&starved, node);
    }
    while ((node = list_pop_front(&starved)) != NULL) {
        kafka_conn_feed(CONTAINER_OF(node, struct kafka_conn, in_starved));
    }
    core_entry_again(&door->entry);
}

/* Begun requests hold nearly all they may, and somebody waits: those that do not come give way. */
static void kafka_door_make_room(struct kafka_door *door)
{
    uint64_t now_ns = rt_now_ns(door->cs->shard);
    if (list_is_empty(&door->starved) ||
        door->partial_bytes < door->partial_bytes_max - door->partial_bytes_max / 4) {
        return;
    }
    list_for_each_safe (node, next, &door->begun) {
        if (!kafka_conn_yield(CONTAINER_OF(node, struct kafka_conn, in_begun), now_ns)) {
            break;
        }
    }
}

void kafka_door_starve(struct kafka_door *door, struct kafka_conn *conn)
{
    list_push_back(&door->starved, &conn->in_starved);
    log_shard_cool(&door->cs->log, KAFKA_DOOR_COOL_BYTES);
    if (!rt_timer_is_running(&door->timer)) {
        rt_timer_start(&door->timer, rt_now_ns(door->cs->shard) + KAFKA_DOOR_RETRY_NS);
    }
}

void kafka_door_left(struct kafka_door *door, struct kafka_conn *conn)
{
    metric_move(&door->metrics.connections, -1);
    list_remove(&conn->in_door);
    pool_release(&door->conn_pool, conn);
    core_entry_left(&door->entry);
}

/* --- Closing --- */

void kafka_door_close(struct kafka_door *door, kafka_door_done_fn *closed)
{
    ASSERT(!door->is_closing);
    door->is_closing = true;
    door->closed = closed;
    core_entry_close(&door->entry);
    list_for_each_safe (node, next, &door->conns) {
        kafka_conn_stop(CONTAINER_OF(node, struct kafka_conn, in_door));
    }
}

static void kafka_door_ended(struct core_entry *entry)
{
    struct kafka_door *door = kafka_door_of(entry);
    kafka_door_deinit(door);
    door->closed(door);
}

static void kafka_door_deinit(struct kafka_door *door)
{
    struct list_node *node;
    rt_timer_stop(&door->timer);
    while ((node = list_pop_front(&door->idle_requests)) != NULL) {
        struct kafka_request *request = CONTAINER_OF(node, struct kafka_request, in_conn);
        arena_deinit(&request->arena);
        pool_release(&door->request_pool, request);
    }
    if (door->inbox != NULL) {
        buf_unref(door->inbox);
    }
    pool_deinit(&door->conn_pool);
    pool_deinit(&door->request_pool);
    pool_deinit(&door->iov_pool);
    budget_deinit(&door->budget);
}
