/* The HTTP door of a shard: it listens, takes connections, reads requests, sends answers.
 *
 * One on each shard, all on the same address: the kernel spreads connections. A connection lives on
 * the shard that took it, and its requests are carried out one after another. Own shard only;
 * nothing blocks. */
#ifndef BROKER_GATEWAY_DOOR_H
#define BROKER_GATEWAY_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/list.h"
#include "base/metric.h"
#include "base/pool.h"
#include "base/rt/addr.h"
#include "broker/core/entry.h"
#include "broker/gateway/http1_write.h"
#include "broker/gateway/http_view_lookup.h"
#include "broker/gateway/ws_int.h"
#include "schemas/json/lines.h"
#include "schemas/json/reader.h"

struct core_shard;
struct diag;
struct http_conn;
struct http_door;

typedef void http_door_done_fn(struct http_door *door);

/* How clients come in. */
struct http_config {
    struct rt_addr listen;       /* bound to */
    const char *advertised_host; /* a name that this server goes by, besides addresses and localhost
                                  */
    const char *hosts;           /* more of them, comma-separated; "" for none */
    const char *origins;         /* of pages that may call, "https://shop.example", likewise */
    const struct json_indexer *indexer; /* for JSON */
    uint32_t body_bytes_max;            /* of one request; at most LIMIT_BATCH_BYTES */
    struct ws_port *ws_port;            /* who has sockets of WebSocket connections; NULL: nobody */
};

/* Counters of a door, for /metrics. */
struct http_door_metrics {
    struct metric_counter accepted;  /* connections taken */
    struct metric_gauge connections; /* that there are */
    struct metric_counter refused;   /* requests answered 400 to 499 */
    struct metric_counter failed;    /* requests answered 500 and above */
    struct metric_counter requests;  /* answered, whatever */
    struct metric_histogram time;    /* from the last byte of a request to its answer */
};

struct http_door {
    struct core_shard *cs;             /* the broker's part on this shard */
    struct diag *diag;                 /* log lines */
    struct http_config config;         /* as given; the port is the real one */
    struct core_entry entry;           /* where connections come in */
    struct list conns;                 /* http_conn.in_door */
    struct list idle_calls;            /* http_call.in_idle: to be used again */
    uint32_t idle_calls_count;         /* of them */
    struct budget budget;              /* connections and calls, below the broker's */
    struct pool conn_pool;             /* of struct http_conn */
    struct pool call_pool;             /* of struct http_call */
    uint64_t body_bytes;               /* of buffers for bodies that are not whole */
    uint64_t answer_bytes;             /* of buffers for answers that have not left */
    uint64_t held_bytes_max;           /* of either at most: a quarter of the memory */
    struct arena json_arena;           /* of `json` */
    struct json_paths json_paths;      /* none: texts are checked only */
    struct json_reader json;           /* checks bodies */
    struct json_lines json_lines;      /* and those that are lines */
    uint64_t calls_count;              /* of requests so far: numbers them */
    uint32_t id;                       /* random, for the ids of requests */
    int64_t date_s;                    /* the second that `date` says */
    char date[HTTP1_DATE_BYTES + 1];   /* for the header Date */
    struct http_door_metrics metrics;  /* what is counted */
    char known_host[64];               /* a Host that was found to be known, */
    uint32_t known_host_bytes;         /* and its length; 0: none yet */
    struct http_view_heads view_heads; /* what answers about views begin with */
    struct ws_door ws;                 /* WebSocket connections */
    http_door_done_fn *closed;         /* of the close under way */
    bool is_closing;                   /* http_door_close was called */
};

/* Listen on config->listen (port 0: any, the same on all shards only if the first one's is told to
 * the others) and take connections. ERR_BUSY: the address is in use; ERR_ACCESS, ERR_INVALID,
 * ERR_RESOURCES as rt_listen; ERR_BUDGET. */
MUST_USE enum err http_door_open(struct http_door *door, struct core_shard *cs, struct diag *diag,
                                 const struct http_config *config);

/* Listen no more; requests that have begun are carried out and answered, waiting ones at once; then
 * connections are closed. `closed` fires once, from a turn of the loop. */
void http_door_close(struct http_door *door, http_door_done_fn *closed);

#endif
