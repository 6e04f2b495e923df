/* Listening, taking connections, closing. See door.h. */
#include "broker/kafka/door.h"

#include "base/assert.h"
#include "base/diag.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"
#include "broker/kafka/conn_int.h"

/* How long what waits for memory or descriptors waits. */
#define KAFKA_DOOR_RETRY_NS (20 * RT_NS_PER_MS)

/* How often it is said that connections wait. */
#define KAFKA_DOOR_TOLD_NS (10 * RT_NS_PER_S)

/* What leaves memory when there is none for a request. */
#define KAFKA_DOOR_COOL_BYTES (4u << 20)

static void kafka_door_accept(struct kafka_door *door);
static void kafka_door_accepted(struct rt_op *op);
static void kafka_door_wait(struct kafka_door *door, enum err err);
static void kafka_door_again(struct rt_timer *timer);
static void kafka_door_make_room(struct kafka_door *door);
static void kafka_door_listener_closed(struct rt_op *op);
static void kafka_door_check(struct kafka_door *door);
static void kafka_door_deinit(struct kafka_door *door);

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
    rt_op_init(&door->accept_op, shard, kafka_door_accepted);
    rt_op_init(&door->close_op, shard, kafka_door_listener_closed);
    rt_timer_init(&door->timer, shard, kafka_door_again);
    enum err err = rt_listen(&door->listener, shard, &config->listen, cs->core->shards_count > 1);
    if (err != ERR_OK) {
        return err;
    }
    door->config.listen = door->listener.addr;
    if (door->config.advertised_port == 0) {
        door->config.advertised_port = door->listener.addr.port;
    }
    budget_init(&door->budget, "kafka", SIZE_MAX, &cs->budget);
    pool_init(&door->conn_pool, &door->budget, sizeof(struct kafka_conn), 64,
              config->connections_max);
    pool_init(&door->request_pool, &door->budget, sizeof(struct kafka_request), 64, UINT32_MAX / 2);
    pool_init(&door->iov_pool, &door->budget, sizeof(struct kafka_iov), 64,
              config->connections_max);
    kafka_door_accept(door);
    return ERR_OK;
}

/* Wait for the next connection, if there may be one more. */
static void kafka_door_accept(struct kafka_door *door)
{
    void *object;
    if (door->is_closing || door->accepting != NULL) {
        return;
    }
    enum err err = pool_acquire(&door->conn_pool, &object);
    if (err != ERR_OK) {
        kafka_door_wait(door, err);
        return;
    }
    door->accepting = object;
    rt_sock_accept(&door->listener, &door->accept_op, &door->accepting->sock);
}

static void kafka_door_accepted(struct rt_op *op)
{
    struct kafka_door *door = CONTAINER_OF(op, struct kafka_door, accept_op);
    struct kafka_conn *conn = door->accepting;
    door->accepting = NULL;
    if (op->err != ERR_OK) {
        pool_release(&door->conn_pool, conn);
        if (!door->is_closing) {
            kafka_door_wait(door, op->err);
        }
        return;
    }
    door->stats.accepted_count++;
    conn->door = door;
    list_push_back(&door->conns, &conn->in_door);
    kafka_conn_open(conn);
    if (door->is_closing) {
        kafka_conn_stop(conn);
    }
    kafka_door_accept(door);
}

/* Those that come stay with the kernel. */
static void kafka_door_wait(struct kafka_door *door, enum err err)
{
    uint64_t now_ns = rt_now_ns(door->cs->shard);
    if (now_ns >= door->tell_ns) {
        door->tell_ns = now_ns + KAFKA_DOOR_TOLD_NS;
        DIAG_WARN(door->diag, "kafka", "new connections wait",
                  DIAG_U64("connections", door->conn_pool.in_use_count), DIAG_ERR("error", err));
    }
    rt_timer_start(&door->timer, now_ns + KAFKA_DOOR_RETRY_NS);
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
    kafka_door_accept(door);
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
    list_remove(&conn->in_door);
    pool_release(&door->conn_pool, conn);
    kafka_door_check(door);
}

/* --- Closing --- */

void kafka_door_close(struct kafka_door *door, kafka_door_done_fn *closed)
{
    ASSERT(!door->is_closing);
    door->is_closing = true;
    door->closed = closed;
    rt_listener_close(&door->listener, &door->close_op);
    list_for_each_safe (node, next, &door->conns) {
        kafka_conn_stop(CONTAINER_OF(node, struct kafka_conn, in_door));
    }
}

static void kafka_door_listener_closed(struct rt_op *op)
{
    struct kafka_door *door = CONTAINER_OF(op, struct kafka_door, close_op);
    door->is_listener_closed = true;
    kafka_door_check(door);
}

static void kafka_door_check(struct kafka_door *door)
{
    if (door->is_closing && door->is_listener_closed && list_is_empty(&door->conns) &&
        door->accepting == NULL) {
        kafka_door_deinit(door);
        door->closed(door);
    }
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
