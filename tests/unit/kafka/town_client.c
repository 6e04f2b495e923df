/* Clients of a broker. See town.h. A test puts down what a connection is to do; a call on the
 * clients' shard then does what it can. */
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "broker/kafka/api_table.h"
#include "broker/kafka/codec.h"
#include "tests/support/cmocka.h"
#include "tests/unit/kafka/town_int.h"

/* How long an answer may take. */
#define TOWN_ANSWER_MS 120000u

/* Of an answer decoded: as much as any takes. */
#define TOWN_ARENA_CHUNK_BYTES (64u << 10)
#define TOWN_ARENA_BYTES_MAX   ((size_t)256 << 20)

/* Bytes to be sent. */
struct town_block {
    struct list_node in_client; /* town_client.out */
    struct iovec iov;           /* all of `data` */
    uint8_t data[];             /* the bytes */
};

static void town_client_run(struct rt_shard *shard, void *ctx);
static void town_client_connected(struct rt_op *op);
static void town_client_received(struct rt_op *op);
static void town_client_sent(struct rt_op *op);
static void town_client_closed(struct rt_op *op);

static void *town_alloc(struct town *t, size_t bytes)
{
    void *out;
    enum err err = budget_alloc(&t->budget, bytes > 0 ? bytes : 1, 64, &out);
    assert_int_equal(err, ERR_OK);
    return out;
}

void town_others_start(struct rt_shard *shard)
{
    (void)shard;
}

/* --- Connections --- */

static struct town_client *town_begin_to(struct town *t, uint16_t port)
{
    struct town_client *c = town_alloc(t, sizeof(*c));
    *c = (struct town_client){.town = t, .to = sim_node_addr(t->machine, port), .software = "town"};
    list_init(&c->out);
    list_init(&c->asked);
    list_push_back(&t->clients, &c->in_town);
    arena_init(&c->arena, &t->budget, TOWN_ARENA_CHUNK_BYTES, TOWN_ARENA_BYTES_MAX);
    sim_post(sim_node_shard(t->others, 0), town_client_run, c);
    return c;
}

struct town_client *town_begin(struct town *t)
{
    return town_begin_to(t, TOWN_PORT);
}

struct town_client *town_begin_http(struct town *t)
{
    return town_begin_to(t, TOWN_HTTP_PORT);
}

static bool town_client_is_settled(void *ctx)
{
    struct town_client *c = ctx;
    return c->is_open || c->is_ended;
}

static struct town_client *town_settled(struct town_client *c)
{
    assert_true(town_run_until(c->town, town_client_is_settled, c, TOWN_ANSWER_MS));
    assert_true(c->is_open);
    return c;
}

struct town_client *town_connect(struct town *t)
{
    return town_settled(town_begin(t));
}

struct town_client *town_connect_http(struct town *t)
{
    return town_settled(town_begin_http(t));
}

/* All that can be done now. */
static void town_client_run(struct rt_shard *shard, void *ctx)
{
    struct town_client *c = ctx;
    if (c->connect_op.done == NULL) {
        rt_op_init(&c->connect_op, shard, town_client_connected);
        rt_op_init(&c->recv_op, shard, town_client_received);
        rt_op_init(&c->send_op, shard, town_client_sent);
        rt_op_init(&c->close_op, shard, town_client_closed);
        rt_sock_connect(&c->sock, &c->connect_op, shard, &c->to);
        return;
    }
    if (!c->sock.is_open || !rt_op_is_idle(&c->close_op) || c->is_closed) {
        return;
    }
    if (c->wants_close) {
        rt_sock_close(&c->sock, &c->close_op);
        return;
    }
    if (rt_op_is_idle(&c->send_op) && !c->is_half && !c->is_ended) {
        struct list_node *node = list_first(&c->out);
        if (node != NULL) {
            struct town_block *block = CONTAINER_OF(node, struct town_block, in_client);
            rt_sock_send(&c->sock, &c->send_op, &block->iov, 1);
        } else if (c->wants_half) {
            c->is_half = true;
            rt_sock_shutdown_send(&c->sock);
        }
    }
    if (rt_op_is_idle(&c->recv_op) && !c->is_deaf && !c->is_ended) {
        rt_sock_recv(&c->sock, &c->recv_op);
    }
}

static void town_client_end(struct town_client *c)
{
    c->is_ended = true;
    c->is_open = false;
}

static void town_client_connected(struct rt_op *op)
{
    struct town_client *c = CONTAINER_OF(op, struct town_client, connect_op);
    if (op->err != ERR_OK) {
        town_client_end(c);
        c->is_closed = true;
        return;
    }
    c->is_open = true;
    rt_sock_set_flags(&c->sock, RT_SOCK_NODELAY);
    town_client_run(op->shard, c);
}

static void town_client_received(struct rt_op *op)
{
    struct town_client *c = CONTAINER_OF(op, struct town_client, recv_op);
    struct town *t = c->town;
    if (op->err != ERR_OK || op->result == 0) {
        if (op->err != ERR_CLOSING) {
            town_client_end(c);
        }
        return;
    }
    struct rt_chunk chunk = rt_sock_chunk(op);
    if (c->in_bytes + chunk.length > c->in_capacity) {
        uint8_t *before = c->in;
        c->in_capacity = (c->in_bytes + chunk.length) * 2;
        c->in = town_alloc(t, c->in_capacity);
        memcpy(c->in, before != NULL ? before : c->in, c->in_bytes);
        budget_free(&t->budget, before);
    }
    memcpy(c->in + c->in_bytes, chunk.data, chunk.length);
    c->in_bytes += chunk.length;
    c->received_bytes += chunk.length;
    rt_sock_release(&c->sock, chunk);
    town_client_run(op->shard, c);
}

static void town_client_sent(struct rt_op *op)
{
    struct town_client *c = CONTAINER_OF(op, struct town_client, send_op);
    struct list_node *node = list_pop_front(&c->out);
    budget_free(&c->town->budget, CONTAINER_OF(node, struct town_block, in_client));
    MAYBE(op->err != ERR_OK); /* the receive says so, too */
    town_client_run(op->shard, c);
}

static void town_client_closed(struct rt_op *op)
{
    struct town_client *c = CONTAINER_OF(op, struct town_client, close_op);
    c->is_closed = true;
    town_client_end(c);
}

static void town_client_poke(struct town_client *c)
{
    sim_post(sim_node_shard(c->town->others, 0), town_client_run, c);
}

void town_bytes(struct town_client *c, const void *data, size_t length)
{
    struct town_block *block = town_alloc(c->town, sizeof(*block) + length);
    ASSERT(length > 0);
    *block = (struct town_block){.iov = {.iov_base = block->data, .iov_len = length}};
    memcpy(block->data, data, length);
    list_push_back(&c->out, &block->in_client);
    town_client_poke(c);
}

void town_half_close(struct town_client *c)
{
    c->wants_half = true;
    town_client_poke(c);
}

void town_hang_up(struct town_client *c)
{
    c->wants_close = true;
    town_client_poke(c);
}

void town_listen(struct town_client *c)
{
    c->is_deaf = false;
    town_client_poke(c);
}

void town_forget(struct town_client *c)
{
    struct budget *budget = &c->town->budget;
    struct list_node *node;
    ASSERT(c->is_closed);
    while ((node = list_pop_front(&c->out)) != NULL) {
        budget_free(budget, CONTAINER_OF(node, struct town_block, in_client));
    }
    while ((node = list_pop_front(&c->asked)) != NULL) {
        budget_free(budget, CONTAINER_OF(node, struct town_asked, in_client));
    }
    list_remove(&c->in_town);
    arena_deinit(&c->arena);
    budget_free(budget, c->in);
    budget_free(budget, c->frame);
    budget_free(budget, c);
}

const uint8_t *town_take(struct town_client *c, size_t length)
{
    struct town *t = c->town;
    ASSERT(length <= c->in_bytes);
    budget_free(&t->budget, c->frame);
    c->frame = town_alloc(t, length + 1);
    c->frame_bytes = length;
    memcpy(c->frame, c->in, length);
    c->frame[length] = '\0';
    c->in_bytes -= length;
    memmove(c->in, c->in + length, c->in_bytes);
    return c->frame;
}

static bool town_client_is_ended(void *ctx)
{
    return ((struct town_client *)ctx)->is_ended;
}

bool town_is_ended(struct town_client *c, uint64_t ms)
{
    return town_run_until(c->town, town_client_is_ended, c, ms);
}

/* --- Requests --- */

const uint8_t *town_frame_of(struct town_client *c, const struct kafka_message *message,
                             int16_t version, const void *body, size_t *length)
{
    struct kafka_request_header header = {
        .request_api_key = message->api_key,
        .request_api_version = version,
        .correlation_id = ++c->correlation_id,
        .client_id = {.data = c->software,
                      .length = c->software != NULL ? (int32_t)strlen(c->software) : KAFKA_NULL}};
    int16_t header_version = kafka_request_header_version(message, version);
    struct kafka_size head = kafka_measure(&kafka_message_request_header, header_version, &header);
    struct kafka_size size = kafka_measure(message, version, body);
    *length = 4 + head.written_bytes + size.written_bytes;
    uint8_t *frame = town_alloc(c->town, *length);
    struct bytes_writer w = bytes_writer(frame, *length);
    bytes_put_u32be(&w, (uint32_t)(*length - 4));
    assert_int_equal(kafka_encode(&kafka_message_request_header, header_version, &header, &w, NULL),
                     ERR_OK);
    assert_int_equal(kafka_encode(message, version, body, &w, NULL), ERR_OK);
    assert_int_equal(w.pos, *length);
    return frame;
}

void town_expect(struct town_client *c, const struct kafka_message *request, int16_t version)
{
    struct town_asked *asked = town_alloc(c->town, sizeof(*asked));
    *asked = (struct town_asked){.message = kafka_api_find(request->api_key)->response,
                                 .version = version,
                                 .correlation_id = c->correlation_id};
    list_push_back(&c->asked, &asked->in_client);
}

void town_ask(struct town_client *c, const struct kafka_message *request, int16_t version,
              const void *body)
{
    size_t length;
    const uint8_t *frame = town_frame_of(c, request, version, body, &length);
    town_expect(c, request, version);
    town_bytes(c, frame, length);
    budget_free(&c->town->budget, (void *)(uintptr_t)frame);
}

/* --- Answers --- */

bool town_has_answer(const struct town_client *c)
{
    if (c->in_bytes < 4) {
        return false;
    }
    struct bytes_reader r = bytes_reader(c->in, c->in_bytes);
    return bytes_get_u32be(&r) <= c->in_bytes - 4;
}

static bool town_client_has_more(void *ctx)
{
    struct town_client *c = ctx;
    return town_has_answer(c) || c->is_ended;
}

const uint8_t *town_take_frame(struct town_client *c, size_t *length)
{
    struct town *t = c->town;
    if (!town_run_until(t, town_client_has_more, c, TOWN_ANSWER_MS)) {
        fail_msg("no answer within %u s", TOWN_ANSWER_MS / 1000);
    }
    if (!town_has_answer(c)) {
        return NULL;
    }
    struct bytes_reader r = bytes_reader(c->in, c->in_bytes);
    *length = bytes_get_u32be(&r);
    budget_free(&t->budget, c->frame);
    c->frame = town_alloc(t, *length);
    c->frame_bytes = *length;
    memcpy(c->frame, c->in + 4, *length);
    c->in_bytes -= 4 + *length;
    memmove(c->in, c->in + 4 + *length, c->in_bytes);
    return c->frame;
}

const void *town_answer(struct town_client *c)
{
    size_t length;
    const uint8_t *frame = town_take_frame(c, &length);
    if (frame == NULL) {
        return NULL;
    }
    struct list_node *node = list_pop_front(&c->asked);
    assert_non_null(node); /* nobody asked */
    struct town_asked asked = *CONTAINER_OF(node, struct town_asked, in_client);
    budget_free(&c->town->budget, CONTAINER_OF(node, struct town_asked, in_client));
    arena_reset(&c->arena);
    struct bytes_reader r = bytes_reader(frame, length);
    struct kafka_response_header header;
    struct kafka_place place;
    assert_int_equal(kafka_decode(&kafka_message_response_header,
                                  kafka_response_header_version(asked.message, asked.version), &r,
                                  &c->arena, &header, &place),
                     ERR_OK);
    assert_int_equal(header.correlation_id, asked.correlation_id);
    void *body = arena_alloc_zeroed(&c->arena, asked.message->body->size_bytes, 16);
    enum err err = kafka_decode(asked.message, asked.version, &r, &c->arena, body, &place);
    if (err != ERR_OK) {
        char text[KAFKA_PLACE_TEXT_BYTES];
        fail_msg("%s version %d cannot be read: %s at %s", asked.message->body->name, asked.version,
                 err_text(err), kafka_place_format(&place, text));
    }
    assert_int_equal(bytes_reader_left(&r), 0);
    return body;
}

const void *town_call(struct town_client *c, const struct kafka_message *request, int16_t version,
                      const void *body)
{
    assert_true(list_is_empty(&c->asked));
    town_ask(c, request, version, body);
    const void *answer = town_answer(c);
    assert_non_null(answer);
    return answer;
}
