/* A request's life: from a frame to its answer's bytes. See conn.h. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "broker/core/core.h"
#include "broker/kafka/api_table.h"
#include "broker/kafka/conn_int.h"

/* The arena's chunk: a produce or fetch request of a few partitions and its answer fit. */
#define KAFKA_ARENA_CHUNK_BYTES (8u << 10)

/* What a request may take besides what its bytes do. */
#define KAFKA_ARENA_BYTES_MAX (64u << 20)

/* Requests kept to be used again, each with an arena's chunk. */
#define KAFKA_IDLE_REQUESTS_MAX 256u

/* Length and header in front of an answer: 4 bytes of length, then at most so many. */
#define KAFKA_LENGTH_BYTES 4u

static enum err kafka_request_new(struct kafka_conn *conn, struct kafka_request **out);
static void kafka_request_dispatch(struct kafka_request *request);
static bool kafka_request_decode(struct kafka_request *request);

enum err kafka_request_begin(struct kafka_conn *conn, struct buf *buf, uint32_t pos,
                             uint32_t length)
{
    struct kafka_request *request;
    enum err err = kafka_request_new(conn, &request);
    if (err != ERR_OK) {
        return err;
    }
    request->conn = conn;
    request->buf = buf;
    request->pos = pos;
    request->length = length;
    list_push_back(&conn->requests, &request->in_conn);
    conn->requests_count++;
    kafka_request_hold(request, 0);
    metric_add(&conn->door->metrics.received, length);
    kafka_request_dispatch(request);
    return ERR_OK;
}

static enum err kafka_request_new(struct kafka_conn *conn, struct kafka_request **out)
{
    struct kafka_door *door = conn->door;
    struct list_node *node = list_pop_front(&door->idle_requests);
    void *object;
    if (node != NULL) {
        door->idle_requests_count--;
        *out = CONTAINER_OF(node, struct kafka_request, in_conn);
        return ERR_OK;
    }
    enum err err = pool_acquire(&door->request_pool, &object);
    *out = object;
    if (err == ERR_OK) {
        arena_init(&(*out)->arena, &door->budget, KAFKA_ARENA_CHUNK_BYTES, KAFKA_ARENA_BYTES_MAX);
    }
    return err;
}

void kafka_request_free(struct kafka_request *request)
{
    struct kafka_conn *conn = request->conn;
    struct kafka_door *door = conn->door;
    if (request->release != NULL) {
        request->release(request);
    }
    if (request->out != NULL) {
        buf_unref(request->out);
    }
    buf_unref(request->buf);
    list_remove(&request->in_conn);
    conn->requests_count--;
    conn->held_bytes -= request->held_bytes;
    metric_add(&door->metrics.requests, 1);
    struct arena arena = request->arena;
    if (door->idle_requests_count == KAFKA_IDLE_REQUESTS_MAX) {
        arena_deinit(&request->arena);
        pool_release(&door->request_pool, request);
        return;
    }
    *request = (struct kafka_request){.arena = arena};
    arena_reset(&request->arena);
    list_push_front(&door->idle_requests, &request->in_conn);
    door->idle_requests_count++;
}

/* --- In --- */

static void kafka_request_dispatch(struct kafka_request *request)
{
    struct bytes_reader r = bytes_reader(request->buf->data + request->pos, request->length);
    int16_t key = (int16_t)bytes_get_u16be(&r);
    request->version = (int16_t)bytes_get_u16be(&r);
    request->api = kafka_api_find(key);
    if (r.err != ERR_OK || request->api == NULL) {
        char why[80];
        snprintf(why, sizeof(why), "a request of unknown key %d", key);
        kafka_request_fail(request, r.err != ERR_OK ? "a request of less than 4 bytes" : why);
        return;
    }
    if (kafka_request_decode(request)) {
        request->conn->is_valid = true;
        request->api->handle(request);
    }
}

/* Header and body. A version that is not served has no body here: the handler of ApiVersions
 * answers it, for any other it is the end. */
static bool kafka_request_decode(struct kafka_request *request)
{
    const struct kafka_api *api = request->api;
    char why[200];
    char place_text[KAFKA_PLACE_TEXT_BYTES];
    struct kafka_place place;
    bool is_served = request->version >= api->first && request->version <= api->last;
    struct bytes_reader r = bytes_reader(request->buf->data + request->pos, request->length);
    int16_t header = kafka_request_header_version(api->request, request->version);
    enum err err = kafka_decode(&kafka_message_request_header, header, &r, &request->arena,
                                &request->header, &place);
    if (err == ERR_OK && is_served) {
        request->body = arena_alloc_zeroed(&request->arena, api->request->body->size_bytes, 16);
        err = request->body == NULL ? ERR_BUDGET
                                    : kafka_decode(api->request, request->version, &r,
                                                   &request->arena, request->body, &place);
    }
    if (err == ERR_OK && (is_served || api->request == &kafka_message_api_versions_request)) {
        return true;
    }
    if (err == ERR_OK) {
        snprintf(why, sizeof(why), "%s in version %d, which is not served", api->name,
                 request->version);
    } else {
        snprintf(why, sizeof(why), "%s version %d cannot be read: %s at %s", api->name,
                 request->version, err_text(err), kafka_place_format(&place, place_text));
    }
    kafka_request_fail(request, why);
    return false;
}

void kafka_request_hold(struct kafka_request *request, uint64_t answer_bytes)
{
    struct kafka_conn *conn = request->conn;
    conn->held_bytes -= request->held_bytes;
    request->held_bytes = request->length + request->arena.held_bytes + answer_bytes;
    conn->held_bytes += request->held_bytes;
}

void *kafka_request_alloc(struct kafka_request *request, size_t bytes)
{
    void *memory = arena_alloc_zeroed(&request->arena, bytes, 16);
    if (memory == NULL) {
        kafka_request_fail(request, "no memory for the request");
    }
    return memory;
}

/* --- Out --- */

void kafka_request_answer(struct kafka_request *request, const void *response)
{
    kafka_request_answer_in(request, request->version, response);
}

void kafka_request_answer_in(struct kafka_request *request, int16_t version, const void *response)
{
    const struct kafka_message *message = request->api->response;
    struct core_shard *cs = request->conn->door->cs;
    struct kafka_response_header header = {.correlation_id = request->header.correlation_id};
    int16_t header_version = kafka_response_header_version(message, version);
    struct kafka_size size = kafka_measure(message, version, response);
    struct kafka_size head = kafka_measure(&kafka_message_response_header, header_version, &header);
    size_t written = KAFKA_LENGTH_BYTES + head.written_bytes + size.written_bytes;
    size_t total = written - KAFKA_LENGTH_BYTES + size.inserted_bytes;
    ASSERT(!request->is_answered);
    if (written > LIMIT_BUF_BYTES || total > INT32_MAX) {
        kafka_request_fail(request, "its answer would be too large");
        return;
    }
    kafka_request_hold(request, total);
    request->gaps.capacity = size.gaps_count;
    request->gaps.items =
        arena_alloc(&request->arena, size.gaps_count * sizeof(struct kafka_gap), 16);
    if (request->gaps.items == NULL ||
        buf_new(&cs->bufs, &cs->budget, written, &request->out) != ERR_OK) {
        request->out = NULL;
        kafka_request_fail(request, "no memory for its answer");
        return;
    }
    uint8_t *data = buf_append(request->out, (uint32_t)written);
    struct bytes_writer w = bytes_writer(data, written);
    bytes_put_u32be(&w, (uint32_t)total);
    enum err err = kafka_encode(&kafka_message_response_header, header_version, &header, &w, NULL);
    ASSERT(err == ERR_OK);
    err = kafka_encode(message, version, response, &w, &request->gaps);
    ASSERT(err == ERR_OK); /* measured */
    ASSERT(w.pos == written);
    request->out_length = (uint32_t)written;
    kafka_request_end(request);
}

void kafka_request_end(struct kafka_request *request)
{
    struct kafka_conn *conn = request->conn;
    ASSERT(!request->is_answered);
    request->cancel = NULL;
    request->is_answered = true;
    kafka_conn_send(conn); /* `request` may be gone after it */
    kafka_conn_go_on(conn);
}

void kafka_request_fail(struct kafka_request *request, const char *why)
{
    struct kafka_conn *conn = request->conn;
    request->cancel = NULL;
    request->is_answered = true;
    kafka_conn_refuse(conn, why);
    kafka_conn_send(conn); /* `request` may be gone after it */
    kafka_conn_go_on(conn);
}
