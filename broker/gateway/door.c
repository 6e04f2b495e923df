/* Listening, taking connections, closing. See door.h. */
#include "broker/gateway/door.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"
#include "broker/gateway/conn_int.h"
#include "broker/gateway/ws_session.h"

/* A call's arena: what it begins with, and what it may take besides the request's and the answer's
 * bytes. */
#define HTTP_ARENA_CHUNK_BYTES (8u << 10)
#define HTTP_ARENA_BYTES_MAX   (64u << 20)

/* For a set of no paths. */
#define HTTP_JSON_CHUNK_BYTES 4096u

/* Calls kept to be used again, each with an arena's chunk. */
#define HTTP_IDLE_CALLS_MAX 256u

static const struct metric_family http_accepted_family = {
    .name = "tdb_http_connections_accepted_total",
    .help = "Connections that the HTTP door has taken.",
    .type = METRIC_COUNTER};
static const struct metric_family http_connections_family = {
    .name = "tdb_http_connections", .help = "Connections of the HTTP door.", .type = METRIC_GAUGE};
static const struct metric_family http_ws_family = {
    .name = "tdb_ws_connections", .help = "WebSocket connections.", .type = METRIC_GAUGE};
static const struct metric_family http_requests_family = {
    .name = "tdb_http_requests_total",
    .help = "Requests that the HTTP door has answered.",
    .type = METRIC_COUNTER};
static const struct metric_family http_refused_family = {
    .name = "tdb_http_requests_refused_total",
    .help = "Requests that the HTTP door has answered with a status of 400 to 499.",
    .type = METRIC_COUNTER};
static const struct metric_family http_failed_family = {
    .name = "tdb_http_requests_failed_total",
    .help = "Requests that the HTTP door has answered with a status of 500 or above.",
    .type = METRIC_COUNTER};
static const struct metric_family http_time_family = {
    .name = "tdb_http_request_seconds",
    .help = "Time from a whole request to its answer.",
    .type = METRIC_HISTOGRAM,
    .unit = METRIC_UNIT_NS,
    .bounds = &metric_bounds_ns};

static enum err http_door_open_json(struct http_door *door);
static void http_door_register(struct http_door *door);
static enum err http_door_make(struct core_entry *entry, struct rt_sock **sock);
static void http_door_unmake(struct core_entry *entry, struct rt_sock *sock);
static void http_door_came(struct core_entry *entry, struct rt_sock *sock);
static void http_door_ended(struct core_entry *entry);
static void http_door_deinit(struct http_door *door);

static const struct core_entry_ops http_door_ops = {.name = "http",
                                                    .make = http_door_make,
                                                    .unmake = http_door_unmake,
                                                    .open = http_door_came,
                                                    .closed = http_door_ended};

enum err http_door_open(struct http_door *door, struct core_shard *cs, struct diag *diag,
                        const struct http_config *config)
{
    struct rt_shard *shard = cs->shard;
    *door = (struct http_door){.cs = cs, .diag = diag, .config = *config, .date_s = INT64_MIN};
    door->held_bytes_max = rt_shard_budget(shard)->limit_bytes / 4;
    door->id = (uint32_t)rt_random(shard);
    list_init(&door->conns);
    list_init(&door->idle_calls);
    budget_init(&door->budget, "http", SIZE_MAX, &cs->budget);
    pool_init(&door->conn_pool, &door->budget, sizeof(struct http_conn), 64,
              cs->core->config.connections_max);
    pool_init(&door->call_pool, &door->budget, sizeof(struct http_call), 64,
              cs->core->config.connections_max);
    ws_door_open(&door->ws, door, config->ws_port, &ws_session_ops);
    enum err err = http_door_open_json(door);
    if (err == ERR_OK) {
        err = core_entry_open(&door->entry, cs, diag, &config->listen, &http_door_ops);
    }
    if (err != ERR_OK) {
        http_door_deinit(door);
        return err;
    }
    door->config.listen = door->entry.listener.addr;
    http_door_register(door);
    core_entry_again(&door->entry);
    return ERR_OK;
}

/* A reader that checks texts and looks for nothing in them. */
static enum err http_door_open_json(struct http_door *door)
{
    struct json_fault fault;
    size_t failed;
    arena_init(&door->json_arena, &door->budget, HTTP_JSON_CHUNK_BYTES, HTTP_JSON_CHUNK_BYTES);
    enum err err =
        json_paths_compile(&door->json_arena, NULL, 0, &door->json_paths, &failed, &fault);
    if (err == ERR_OK) {
        err = json_reader_init(&door->json, door->config.indexer, &door->json_paths,
                               JSON_LIMITS_DEFAULT, &door->budget);
    }
    return err;
}

/* What is counted becomes visible. */
static void http_door_register(struct http_door *door)
{
    struct http_door_metrics *metrics = &door->metrics;
    struct metric_registry *registry = &door->cs->metrics;
    metric_counter_init(&metrics->accepted, registry, &http_accepted_family, NULL, 0);
    metric_gauge_init(&metrics->connections, registry, &http_connections_family, NULL, 0);
    metric_counter_init(&metrics->requests, registry, &http_requests_family, NULL, 0);
    metric_counter_init(&metrics->refused, registry, &http_refused_family, NULL, 0);
    metric_counter_init(&metrics->failed, registry, &http_failed_family, NULL, 0);
    metric_gauge_init(&door->ws.connections, registry, &http_ws_family, NULL, 0);
    metric_histogram_init(&metrics->time, registry, &http_time_family, NULL, 0);
}

/* --- Connections --- */

static struct http_door *http_door_of(struct core_entry *entry)
{
    return CONTAINER_OF(entry, struct http_door, entry);
}

static enum err http_door_make(struct core_entry *entry, struct rt_sock **sock)
{
    void *object;
    enum err err = pool_acquire(&http_door_of(entry)->conn_pool, &object);
    *sock = err == ERR_OK ? &((struct http_conn *)object)->sock : NULL;
    return err;
}

static void http_door_unmake(struct core_entry *entry, struct rt_sock *sock)
{
    pool_release(&http_door_of(entry)->conn_pool, CONTAINER_OF(sock, struct http_conn, sock));
}

static void http_door_came(struct core_entry *entry, struct rt_sock *sock)
{
    struct http_door *door = http_door_of(entry);
    struct http_conn *conn = CONTAINER_OF(sock, struct http_conn, sock);
    metric_add(&door->metrics.accepted, 1);
    metric_move(&door->metrics.connections, 1);
    conn->door = door;
    list_push_back(&door->conns, &conn->in_door);
    http_conn_open(conn);
    if (door->is_closing) {
        http_conn_stop(conn);
    }
}

void http_door_left(struct http_door *door, struct http_conn *conn)
{
    http_door_passed(door, conn);
    core_entry_left(&door->entry);
}

void http_door_passed(struct http_door *door, struct http_conn *conn)
{
    metric_move(&door->metrics.connections, -1);
    list_remove(&conn->in_door);
    pool_release(&door->conn_pool, conn);
}

struct http_text http_door_date(struct http_door *door)
{
    int64_t now_ms = core_now_ms(door->cs);
    if (now_ms / 1000 != door->date_s) {
        door->date_s = now_ms / 1000;
        http1_format_date(now_ms, door->date);
    }
    return (struct http_text){door->date, HTTP1_DATE_BYTES};
}

/* --- Calls --- */

struct http_call *http_call_new(struct http_conn *conn)
{
    struct http_door *door = conn->door;
    struct list_node *node = list_pop_front(&door->idle_calls);
    struct http_call *call;
    void *object;
    if (node != NULL) {
        door->idle_calls_count--;
        call = CONTAINER_OF(node, struct http_call, in_idle);
    } else if (pool_acquire(&door->call_pool, &object) == ERR_OK) {
        call = object;
        arena_init(&call->arena, &door->budget, HTTP_ARENA_CHUNK_BYTES, HTTP_ARENA_BYTES_MAX);
    } else {
        return NULL;
    }
    call->conn = conn;
    call->cs = door->cs;
    call->number = ++door->calls_count;
    http_out_init(&call->out, &call->arena, &door->cs->bufs, &door->cs->budget, &door->answer_bytes,
                  door->held_bytes_max);
    return call;
}

void http_call_free(struct http_call *call)
{
    struct http_door *door = call->conn->door;
    if (call->release != NULL) {
        call->release(call);
    }
    http_call_drop(call);
    http_call_sent(call);
    struct arena arena = call->arena;
    if (door->idle_calls_count == HTTP_IDLE_CALLS_MAX) {
        arena_deinit(&call->arena);
        pool_release(&door->call_pool, call);
        return;
    }
    memset(call, 0, offsetof(struct http_call, out)); /* what is behind is made anew */
    call->arena = arena;
    arena_reset(&call->arena);
    list_push_front(&door->idle_calls, &call->in_idle);
    door->idle_calls_count++;
}

const char *http_call_id(const struct http_call *call, char out[HTTP_REQUEST_ID_BYTES])
{
    const struct http_door *door = call->conn->door;
    int length = snprintf(out, HTTP_REQUEST_ID_BYTES, "%08x-%llx", door->id,
                          (unsigned long long)call->number);
    ASSERT(length < HTTP_REQUEST_ID_BYTES);
    return out;
}

/* --- Closing --- */

void http_door_close(struct http_door *door, http_door_done_fn *closed)
{
    ASSERT(!door->is_closing);
    door->is_closing = true;
    door->closed = closed;
    core_entry_close(&door->entry);
    list_for_each_safe (node, next, &door->conns) {
        http_conn_stop(CONTAINER_OF(node, struct http_conn, in_door));
    }
    ws_door_close(&door->ws);
}

static void http_door_ended(struct core_entry *entry)
{
    struct http_door *door = http_door_of(entry);
    http_door_deinit(door);
    door->closed(door);
}

static void http_door_deinit(struct http_door *door)
{
    struct list_node *node;
    while ((node = list_pop_front(&door->idle_calls)) != NULL) {
        struct http_call *call = CONTAINER_OF(node, struct http_call, in_idle);
        arena_deinit(&call->arena);
        pool_release(&door->call_pool, call);
    }
    if (door->json.budget != NULL) { /* it was made */
        json_reader_deinit(&door->json);
    }
    arena_deinit(&door->json_arena);
    http_view_heads_forget(&door->view_heads, &door->budget);
    ws_door_deinit(&door->ws);
    pool_deinit(&door->conn_pool);
    pool_deinit(&door->call_pool);
    budget_deinit(&door->budget);
}
