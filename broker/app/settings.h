/* What `tdb` can be told, and by whom: the table of keys, and their values as the program uses
 * them. Flags are --KEY VALUE or --KEY=VALUE, and --config FILE names a YAML file (base/config.h).
 */
#ifndef BROKER_APP_SETTINGS_H
#define BROKER_APP_SETTINGS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/config.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/rt/addr.h"
#include "base/rt/rt.h"

/* Where the doors are if nobody says: Kafka's port, and what HTTP servers use beside 80. */
#define SETTINGS_KAFKA_PORT 9092
#define SETTINGS_HTTP_PORT  8080

/* The values; in place, with the memory they live in. */
struct settings {
    const char *data_dir;           /* data: the directory of all that is kept */
    struct rt_addr listen;          /* listen: where Kafka clients connect */
    bool insecure;                  /* insecure: other machines may */
    const char *advertise;          /* advertise: HOST:PORT for clients; "": not given */
    int32_t node_id;                /* node_id */
    bool is_auto_create;            /* auto_create_topics */
    uint32_t partitions_count;      /* partitions: of a topic made without a number */
    uint64_t retention_check_ns;    /* retention_check */
    uint64_t view_pin_bytes_max;    /* view.pin.max.bytes; 0: a quarter of the disk */
    uint64_t view_total_bytes_max;  /* view.total.max.bytes; 0: a quarter of a shard's memory */
    uint64_t query_timeout_ns;      /* query.timeout; 0: none */
    uint64_t query_bytes_max;       /* query.max.bytes */
    uint64_t query_total_bytes_max; /* query.total.max.bytes; 0: half of a shard's memory */
    uint32_t query_running_max;     /* query.running, on each shard */
    bool is_replication_clamped;    /* clamp_replication */
    uint32_t connections_max;       /* connections: of each shard */
    bool has_http;                  /* http.listen is not "off" */
    struct rt_addr http_listen;     /* http.listen */
    const char *http_hosts;         /* http.hosts */
    const char *http_origins;       /* http.origins */
    uint32_t shards_count;          /* shards; 0: what the machine grants */
    uint64_t memory_bytes;          /* memory of all shards; 0: what the machine grants */
    enum rt_kind runtime;           /* runtime: which backend */
    const char *simd;               /* simd: a name for cpu_force; NULL: auto */
    enum diag_level log_level;      /* log.level */
    enum diag_format log_format;    /* log.format */

    struct config config; /* every key with its source, and the problems */
    struct arena arena;   /* the texts */
    struct budget budget; /* of the arena */
};

/* Start `s` with the defaults. ERR_BUDGET: the system grants no memory; nothing is to be ended
 * then.
 */
MUST_USE enum err settings_init(struct settings *s);

/* Give all memory back. Texts of the settings are dead. */
void settings_deinit(struct settings *s);

/* Take values from the file that --config names in the `argc` arguments at `argv` (a command's, its
 * name not among them), from `environment` ("NAME=value", NULL at the end), and from the arguments,
 * each outdoing the one before. Once. Blocks while the file is read. ERR_INVALID:
 * s->config.problems says what is wrong, all of it; the values of good keys are set. Keeps pointers
 * into `argv`. */
MUST_USE enum err settings_read(struct settings *s, int argc, char *const *argv,
                                const char *const *environment);

/* The bytes of the host in "HOST:PORT" ("[::1]:9092": without the brackets, from the second byte
 * on), and *port; 0: it is not one. */
size_t settings_host_bytes(const char *text, uint16_t *port);

#endif
