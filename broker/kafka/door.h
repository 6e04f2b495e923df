/* The Kafka door of a shard: it listens, takes connections, reads requests, sends answers.
 *
 * One on each shard, all on the same address: the kernel spreads connections. A connection lives on
 * the shard that took it. Answers leave in the order of the requests. Own shard only; nothing
 * blocks. */
#ifndef BROKER_KAFKA_DOOR_H
#define BROKER_KAFKA_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/metric.h"
#include "base/pool.h"
#include "base/rt/addr.h"
#include "base/rt/timer.h"
#include "broker/core/entry.h"

struct core_shard;
struct diag;
struct kafka_conn;
struct kafka_door;

typedef void kafka_door_done_fn(struct kafka_door *door);

/* How clients come in. */
struct kafka_config {
    struct rt_addr listen;       /* bound to */
    const char *advertised_host; /* what clients are told to connect to */
    uint16_t advertised_port;    /* likewise; 0: the one bound to */
    uint32_t request_bytes_max;  /* of one request; at most LIMIT_BUF_BYTES */
};

/* Counters of a door, in the shard's registry. */
struct kafka_door_metrics {
    struct metric_gauge connections; /* that there are */
    struct metric_counter accepted;  /* connections taken */
    struct metric_counter refused;   /* closed for what they sent */
    struct metric_counter requests;  /* answered, or carried out without one */
    struct metric_counter received;  /* bytes of requests */
    struct metric_counter copied;    /* of these, from receive buffers; what is copied again counts
                                        again */
    struct metric_counter sent;      /* bytes of answers */
    struct metric_counter gathered;  /* of these, from where the log has them */
};

struct kafka_door {
    struct core_shard *cs;        /* the broker's part on this shard */
    struct diag *diag;            /* log lines */
    struct kafka_config config;   /* as given; the port is the real one */
    struct core_entry entry;      /* where connections come in */
    struct rt_timer timer;        /* takes up again what had to wait for memory or descriptors */
    struct list conns;            /* kafka_conn.in_door */
    struct list starved;          /* kafka_conn.in_starved: wait for memory */
    struct list begun;            /* kafka_conn.in_begun: the one that last got bytes is last */
    struct list idle_requests;    /* kafka_request.in_conn: to be used again */
    uint32_t idle_requests_count; /* of them */
    struct budget budget;         /* connections and requests, below the broker's */
    struct pool conn_pool;        /* of struct kafka_conn */
    struct pool request_pool;     /* of struct kafka_request */
    struct pool iov_pool;         /* of struct kafka_iov */
    uint64_t partial_bytes;       /* of buffers for frames that are not whole */
    uint64_t partial_bytes_max;   /* of them at most: a quarter of the memory */
    struct buf *inbox;            /* small requests, one behind the other; NULL: none yet */
    kafka_door_done_fn *closed;   /* of the close under way */
    struct kafka_door_metrics metrics; /* what is counted */
    bool is_closing;                   /* kafka_door_close was called */
};

/* Listen on config->listen (port 0: any, the same on all shards only if the first one's is told to
 * the others) and take connections. ERR_BUSY: the address is in use; ERR_ACCESS, ERR_INVALID,
 * ERR_RESOURCES as rt_listen; ERR_BUDGET. */
MUST_USE enum err kafka_door_open(struct kafka_door *door, struct core_shard *cs, struct diag *diag,
                                  const struct kafka_config *config);

/* Listen no more; requests that were received are carried out and answered, parked fetches at once;
 * then connections are closed. `closed` fires once, from a turn of the loop. */
void kafka_door_close(struct kafka_door *door, kafka_door_done_fn *closed);

#endif
