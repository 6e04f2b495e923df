/* A broker on a simulated machine, and clients on another, as straight code: each call lets the
 * world run until it is answered.
 *
 *     struct town *t = town_new(seed, NULL);
 *     t->core.partitions_count = 3;                        before a start: what is configured
 *     town_start(t, 2);                                    on two shards
 *     struct town_client *c = town_connect(t);
 *     const struct kafka_metadata_response *m = town_call(c, &kafka_message_metadata_request, 9,
 *                                                         &request);
 *     town_crash(t, SIM_CRASH_LOSE);
 *     town_start(t, 3);
 *     town_close(t);                                       and nothing is left anywhere
 *     town_free(t);
 *
 * Clients know Kafka's frames: broker/kafka/codec.h encodes and decodes, answers are held to the
 * order of the requests. talk.h has the requests that most tests send. With t->has_http there is an
 * HTTP door, too, and clients of it that know bytes (tests/unit/gateway/talk_http.h). */
#ifndef TESTS_UNIT_KAFKA_TOWN_H
#define TESTS_UNIT_KAFKA_TOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/crc32c.h"
#include "base/diag.h"
#include "base/rt/op.h"
#include "base/rt/sock.h"
#include "broker/app/node.h"
#include "broker/core/change.h"
#include "broker/kafka/messages.h"
#include "tests/sim/sim.h"

/* Where the broker listens: the Kafka door, the HTTP door. */
#define TOWN_PORT      9092u
#define TOWN_HTTP_PORT 8080u

/* Shards of the broker at most. */
#define TOWN_SHARDS 8u

/* Log lines kept. */
#define TOWN_SAID_BYTES (256u << 10)

/* A world with one broker. */
struct town {
    /* To be changed before a start. */
    struct core_config core;   /* small files, little memory, auto-create of one partition */
    struct kafka_config kafka; /* likewise; its address is set at each start */
    struct http_config http;   /* likewise */
    bool has_http;             /* there is an HTTP door, too: false */

    /* To be read. */
    struct sim *sim;              /* the world */
    struct sim_node *machine;     /* the broker's */
    struct sim_node *others;      /* the clients', one shard */
    const struct crc32c *kernels; /* for checksums */
    struct node node;             /* the broker */
    uint32_t shards_count;        /* of this start */
    bool is_open;                 /* the broker is */

    /* The harness's own. */
    struct node_shard node_shards[TOWN_SHARDS]; /* the broker's parts */
    struct diag_levels levels;                  /* all lines are wanted */
    struct diag_sink sink;                      /* keeps them */
    struct diag diags[TOWN_SHARDS];             /* by shard */
    char said[TOWN_SAID_BYTES];                 /* log lines since town_new, NUL-terminated */
    size_t said_bytes;                          /* of them */
    struct budget budget;                       /* memory of clients */
    struct list clients;                        /* town_client.in_town */
    bool is_told;                               /* an open or close was answered */
};

/* A request of which the answer is due. */
struct town_asked {
    struct list_node in_client;          /* town_client.asked */
    const struct kafka_message *message; /* the answer's */
    int16_t version;                     /* in which it is asked */
    int32_t correlation_id;              /* to be found in it */
};

/* A connection, as a client has it. */
struct town_client {
    struct town *town;        /* whose */
    struct list_node in_town; /* town.clients */
    struct rt_addr to;        /* the broker's address */
    struct rt_sock sock;      /* the connection */
    struct rt_op connect_op;  /* its steps */
    struct rt_op recv_op;     /* likewise */
    struct rt_op send_op;     /* likewise */
    struct rt_op close_op;    /* likewise */
    struct list out;          /* town_block.in_client: to be sent */
    uint8_t *in;              /* received and not taken: in_bytes of room for in_capacity */
    size_t in_bytes;          /* of them */
    size_t in_capacity;       /* likewise */
    uint8_t *frame;           /* taken last */
    size_t frame_bytes;       /* of it */
    struct list asked;        /* town_asked.in_client: oldest first */
    struct arena arena;       /* of the answer taken last */
    int32_t correlation_id;   /* of the request sent last */
    uint64_t received_bytes;  /* ever */
    bool is_open;             /* connected, and not ended by anybody */
    bool is_ended;            /* nothing more comes: the broker ended it, or it broke */
    bool is_deaf;             /* to be set: reads nothing */
    bool wants_half;          /* the sending side is to end */
    bool is_half;             /* it has */
    bool wants_close;         /* all of it is to end */
    bool is_closed;           /* it has */
    const char *software;     /* to be set: client_id in its requests; NULL: null */
};

/* A world whose broker was never started. `options` NULL: calm, with 64 MiB for each shard. */
struct town *town_new(uint64_t seed, const struct sim_options *options);

/* End it, running or not. Every client is gone. */
void town_free(struct town *t);

/* Start the broker on so many shards; it is open. */
void town_start(struct town *t, uint32_t shards_count);

/* As town_start, which may fail; the error, and t->node.why. It is to be closed all the same. */
MUST_USE enum err town_try_start(struct town *t, uint32_t shards_count);

/* Begin to start it, and no more. */
void town_launch(struct town *t, uint32_t shards_count);

/* Ask the broker to end, and see it gone: all its budgets are empty. town_stop does not wait. */
void town_close(struct town *t);
void town_stop(struct town *t);
bool town_is_running(const struct town *t);

/* Kill it. */
void town_crash(struct town *t, enum sim_crash how);

/* Let the world run for so long. */
void town_run(struct town *t, uint64_t ms);

/* Let it run until `is_true`; whether that came within `ms`. */
bool town_run_until(struct town *t, bool (*is_true)(void *ctx), void *ctx, uint64_t ms);

/* How often `text` stands in the broker's log lines. */
uint32_t town_said(const struct town *t, const char *text);

/* Shard `id` of the broker: its core and its doors. */
struct core_shard *town_core(struct town *t, uint32_t id);
struct kafka_door *town_door(struct town *t, uint32_t id);
struct http_door *town_http_door(struct town *t, uint32_t id);

/* Call `call` in a turn of the broker's shard `id`, and wait for its return. */
void town_on(struct town *t, uint32_t id, void (*call)(struct rt_shard *shard, void *ctx),
             void *ctx);

/* Topics made, deleted, configured from within: the change is done, `code` says how. */
void town_change(struct town *t, struct core_change_item *item);

/* --- Clients --- */

/* A connection that stands; one that will stand. */
struct town_client *town_connect(struct town *t);
struct town_client *town_begin(struct town *t);

/* The same, to the HTTP door: bytes are sent with town_bytes and found at c->in, c->in_bytes of
 * them. town_take takes the first `length` (<= in_bytes, asserted) away: they stand, with a NUL
 * behind them, until more are taken. */
struct town_client *town_connect_http(struct town *t);
struct town_client *town_begin_http(struct town *t);
const uint8_t *town_take(struct town_client *c, size_t length);

/* Send bytes; a call's bytes leave at once, if the network lets them. */
void town_bytes(struct town_client *c, const void *data, size_t length);

/* A frame as it is sent: *length bytes, the town's until town_free. The answer is not waited for.
 */
const uint8_t *town_frame_of(struct town_client *c, const struct kafka_message *message,
                             int16_t version, const void *body, size_t *length);

/* The answer of that version is expected to the frame built last. */
void town_expect(struct town_client *c, const struct kafka_message *request, int16_t version);

/* Send a request whose answer is expected. */
void town_ask(struct town_client *c, const struct kafka_message *request, int16_t version,
              const void *body);

/* The next answer, the struct of the response, decoded: it belongs to the oldest request (asserted)
 * and stands until the next one is taken. NULL: the connection has ended. */
const void *town_answer(struct town_client *c);

/* town_ask and town_answer, with an answer (asserted). */
const void *town_call(struct town_client *c, const struct kafka_message *request, int16_t version,
                      const void *body);

/* Whether a whole answer has come. */
bool town_has_answer(const struct town_client *c);

/* The next frame as it came, without its length; NULL: the connection has ended. */
const uint8_t *town_take_frame(struct town_client *c, size_t *length);

/* Wait until the broker has ended the connection; whether it does within `ms`. */
bool town_is_ended(struct town_client *c, uint64_t ms);

/* End the sending side when all is sent; end all of it. */
void town_half_close(struct town_client *c);
void town_hang_up(struct town_client *c);

/* Hear again after is_deaf. */
void town_listen(struct town_client *c);

/* Give back what a client takes, whose connection is closed (town_hang_up) and of which nothing is
 * under way: in worlds of many clients. */
void town_forget(struct town_client *c);

#endif
