/* What tests of the HTTP door say, and what comes back, in few words. An answer is held to what any
 * answer must be: a head as RFC 9112 has it, one Content-Length, a date; a body that is what its
 * media type says; a problem with all its members (RFC 9457). One in chunks is shown without them.
 *
 *     struct town *t = talk_http_town(seed, shards);
 *     struct town_client *c = town_connect_http(t);
 *     struct talk_http_answer a = talk_http(c, "POST /api/v1/streams/s/events", TALK_HTTP_JSON,
 *                                           "{\"a\":1}");
 *     assert_int_equal(a.status, 200); */
#ifndef TESTS_UNIT_GATEWAY_TALK_HTTP_H
#define TESTS_UNIT_GATEWAY_TALK_HTTP_H

#include "base/compiler.h"
#include "tests/unit/kafka/talk.h"

/* Header lines of requests. */
#define TALK_HTTP_JSON   "Content-Type: application/json\r\n"
#define TALK_HTTP_NDJSON "Content-Type: application/x-ndjson\r\n"
#define TALK_HTTP_EVENTS "Content-Type: application/vnd.tdb.events+json\r\n"

/* Where events of the stream "s" are. */
#define TALK_HTTP_S "/api/v1/streams/s/events"

/* Room for a header's value. */
#define TALK_HTTP_VALUE_BYTES 256u

/* An answer. What it points to stands until the next one of its client is taken. */
struct talk_http_answer {
    uint16_t status;   /* 0: the connection ended before it was whole */
    const char *head;  /* status line, headers, empty line */
    size_t head_bytes; /* of them */
    const char *body;  /* NUL-terminated */
    size_t body_bytes; /* of it */
};

/* An open broker with an HTTP door; before its start it may be changed in talk_http_town_of. */
struct town *talk_http_town(uint64_t seed, uint32_t shards_count);
struct town *talk_http_town_of(uint64_t seed, const struct sim_options *options);

/* Close it, and nothing is left. */
void talk_http_end(struct town *t);

/* Send a request: its method and target, header lines behind Host ("" or each with CR LF), and a
 * body with its Content-Length, NULL: none. The forms of _bytes take a body of any bytes. */
void talk_http_ask(struct town_client *c, const char *line, const char *headers, const char *body);
void talk_http_ask_bytes(struct town_client *c, const char *line, const char *headers,
                         const void *body, size_t body_bytes);

/* Send a body in chunks of `chunk_bytes`, the last one shorter, behind such a head. */
void talk_http_ask_chunks(struct town_client *c, const char *line, const char *headers,
                          const void *body, size_t body_bytes, size_t chunk_bytes);

/* Send text as it is. */
void talk_http_say(struct town_client *c, const char *text);

/* The next answer; of a request with HEAD it has no body. */
struct talk_http_answer talk_http_answer(struct town_client *c);
struct talk_http_answer talk_http_answer_to_head(struct town_client *c);

/* Whether it has come whole. */
bool talk_http_has_answer(const struct town_client *c);

/* talk_http_ask and talk_http_answer, with an answer (asserted). */
struct talk_http_answer talk_http(struct town_client *c, const char *line, const char *headers,
                                  const char *body);

/* The same, of a question whose body that is. */
struct talk_http_answer talk_http_query(struct town_client *c, const char *body);

/* The statement, as it stands in JSON, answers these rows. */
void talk_http_query_is(struct town_client *c, const char *sql, const char *rows);

/* Append `count` events to the stream "s": {"n":0,"pad":"0..."}, with that much padding. */
void talk_http_fill(struct town *t, uint32_t count, uint32_t pad_bytes);

/* The value of the answer's header `name`, cut to the room. False: there is none. */
bool talk_http_header(const struct talk_http_answer *a, const char *name,
                      char value[TALK_HTTP_VALUE_BYTES]);

/* Whether the answer has the header with just that value (NULL: has none). */
bool talk_http_has(const struct talk_http_answer *a, const char *name, const char *value);

/* Whether it came in chunks. */
bool talk_http_is_chunked(const struct talk_http_answer *a);

/* Whether the member `key` of the body, a JSON object, is the string, number or literal `text`. */
bool talk_http_is(const struct talk_http_answer *a, const char *key, const char *text);

/* The number in it (asserted to be there). */
uint64_t talk_http_number(const struct talk_http_answer *a, const char *key);

/* Assert that it is that problem. */
#define talk_http_assert_problem(a, wanted_status, wanted_code)                                    \
    do {                                                                                           \
        const struct talk_http_answer a_ = (a);                                                    \
        if (a_.status != (wanted_status) || !talk_http_is(&a_, "code", (wanted_code))) {           \
            fail_msg("status %u: %s", a_.status, a_.body);                                         \
        }                                                                                          \
    } while (0)

/* Append one JSON value to "s"; its offset (asserted to be done). */
uint64_t talk_http_append(struct town_client *c, const char *value);

/* The records of a partition of "s" from `offset` on, as the Kafka door gives them (no codec),
 * a line each: "OFFSET KEY VALUE NAME=VALUE ...", to `out`, NUL-terminated, and how many. Null is
 * "-", an empty one "''", a byte that does not print "\\x00". */
uint32_t talk_http_records(struct town_client *kafka, int32_t partition, uint64_t offset, char *out,
                           size_t out_bytes);

/* Bytes that all shards of the broker use, without buffers that nobody has. */
size_t talk_http_used_bytes(struct town *t);

/* Connections of all HTTP doors. */
uint32_t talk_http_connections(struct town *t);

#endif
