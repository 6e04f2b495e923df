/* See talk_http.h. */
#include "tests/unit/gateway/talk_http.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/rt/shard.h"
#include "storage/log/records.h"
#include "tests/support/cmocka.h"
#include "tests/support/json_strict.h"

/* How long an answer may take. */
#define TALK_HTTP_ANSWER_MS 200000u

/* Room for a request's head. */
#define TALK_HTTP_HEAD_BYTES 4096

struct town *talk_http_town_of(uint64_t seed, const struct sim_options *options)
{
    struct town *t = town_new(seed, options);
    t->has_http = true;
    return t;
}

struct town *talk_http_town(uint64_t seed, uint32_t shards_count)
{
    struct town *t = talk_http_town_of(seed, NULL);
    town_start(t, shards_count);
    return t;
}

void talk_http_end(struct town *t)
{
    town_close(t);
    town_free(t);
}

/* --- Requests --- */

void talk_http_say(struct town_client *c, const char *text)
{
    town_bytes(c, text, strlen(text));
}

static void talk_http_say_head(struct town_client *c, const char *line, const char *headers,
                               const char *framing)
{
    char head[TALK_HTTP_HEAD_BYTES];
    int length = snprintf(head, sizeof(head), "%s HTTP/1.1\r\nHost: broker.town\r\n%s%s\r\n", line,
                          headers, framing);
    assert_in_range(length, 1, sizeof(head) - 1);
    talk_http_say(c, head);
}

void talk_http_ask_bytes(struct town_client *c, const char *line, const char *headers,
                         const void *body, size_t body_bytes)
{
    char framing[64];
    snprintf(framing, sizeof(framing), "Content-Length: %zu\r\n", body_bytes);
    talk_http_say_head(c, line, headers, framing);
    if (body_bytes > 0) {
        town_bytes(c, body, body_bytes);
    }
}

void talk_http_ask(struct town_client *c, const char *line, const char *headers, const char *body)
{
    if (body == NULL) {
        talk_http_say_head(c, line, headers, "");
    } else {
        talk_http_ask_bytes(c, line, headers, body, strlen(body));
    }
}

void talk_http_ask_chunks(struct town_client *c, const char *line, const char *headers,
                          const void *body, size_t body_bytes, size_t chunk_bytes)
{
    const uint8_t *at = body;
    talk_http_say_head(c, line, headers, "Transfer-Encoding: chunked\r\n");
    for (size_t left = body_bytes; left > 0;) {
        char size[32];
        size_t step = left < chunk_bytes ? left : chunk_bytes;
        snprintf(size, sizeof(size), "%zx\r\n", step);
        talk_http_say(c, size);
        town_bytes(c, at, step);
        talk_http_say(c, "\r\n");
        at += step;
        left -= step;
    }
    talk_http_say(c, "0\r\n\r\n");
}

/* --- Answers --- */

/* The bytes of a header's value in the `length` bytes of `head`; NULL: there is none. */
static const char *talk_http_find(const char *head, size_t length, const char *name, size_t *bytes)
{
    size_t name_bytes = strlen(name);
    const char *end = head + length;
    for (const char *at = memchr(head, '\n', length); at != NULL && ++at < end;
         at = memchr(at, '\n', (size_t)(end - at))) {
        if ((size_t)(end - at) > name_bytes + 2 && strncasecmp(at, name, name_bytes) == 0 &&
            at[name_bytes] == ':') {
            const char *value = at + name_bytes + 2;
            *bytes = (size_t)((const char *)memchr(value, '\r', (size_t)(end - value)) - value);
            return value;
        }
    }
    return NULL;
}

static bool talk_http_has_no_body(uint16_t status)
{
    return status < 200 || status == 204 || status == 304;
}

/* Bytes of a body in chunks, or SIZE_MAX / 2 where they have not come; to `out`, unless NULL, what
 * is in them, *out_bytes of it. Nothing stands in a size line but the size. */
static size_t talk_http_chunks(const char *text, size_t length, char *out, size_t *out_bytes)
{
    for (size_t pos = 0;;) {
        const char *end = pos < length ? memmem(text + pos, length - pos, "\r\n", 2) : NULL;
        if (end == NULL) {
            return SIZE_MAX / 2;
        }
        char *after;
        size_t bytes = strtoul(text + pos, &after, 16);
        assert_ptr_equal(after, end);
        pos = (size_t)(end - text) + 2;
        if (length - pos < bytes + 2) {
            return SIZE_MAX / 2;
        }
        assert_memory_equal(text + pos + bytes, "\r\n", 2);
        if (out != NULL) {
            memmove(out + *out_bytes, text + pos, bytes);
            *out_bytes += bytes;
        }
        pos += bytes + 2;
        if (bytes == 0) {
            return pos;
        }
    }
}

/* The next answer's parts, if its head is there; 0: it is not. */
static size_t talk_http_look(const struct town_client *c, bool is_head, size_t *body_bytes)
{
    size_t value_bytes;
    const char *text = (const char *)c->in;
    const char *end = c->in_bytes > 0 ? memmem(text, c->in_bytes, "\r\n\r\n", 4) : NULL;
    if (end == NULL) {
        return 0;
    }
    size_t head_bytes = (size_t)(end - text) + 4;
    const char *length = talk_http_find(text, head_bytes, "Content-Length", &value_bytes);
    *body_bytes = length != NULL && !is_head ? strtoul(length, NULL, 10) : 0;
    if (talk_http_find(text, head_bytes, "Transfer-Encoding", &value_bytes) != NULL && !is_head) {
        *body_bytes = talk_http_chunks(text + head_bytes, c->in_bytes - head_bytes, NULL, NULL);
    }
    return head_bytes;
}

static bool talk_http_is_whole(const struct town_client *c, bool is_head)
{
    size_t body_bytes = 0;
    size_t head_bytes = talk_http_look(c, is_head, &body_bytes);
    return head_bytes > 0 && c->in_bytes >= head_bytes + body_bytes;
}

bool talk_http_has_answer(const struct town_client *c)
{
    return talk_http_is_whole(c, false);
}

/* What is waited for. */
struct talk_http_wait {
    struct town_client *c;
    bool is_head;
};

static bool talk_http_is_there(void *ctx)
{
    const struct talk_http_wait *wait = ctx;
    return wait->c->is_ended || talk_http_is_whole(wait->c, wait->is_head);
}

/* "HTTP/1.1 200 OK", then lines "Name: value" without white space in excess, each frame header
 * once. */
static void talk_http_check_head(const struct talk_http_answer *a)
{
    static const char *const once[] = {"Content-Length", "Date", "Content-Type", "Connection"};
    assert_memory_equal(a->head, "HTTP/1.1 ", 9);
    assert_true(isdigit((unsigned char)a->head[9]) && a->head[12] == ' ');
    assert_in_range(a->status, 100, 599);
    for (const char *at = strstr(a->head, "\r\n") + 2; *at != '\r'; at = strstr(at, "\r\n") + 2) {
        size_t name_bytes = strcspn(at, ":");
        assert_in_range(name_bytes, 1, 64);
        assert_null(memchr(at, ' ', name_bytes));
        assert_true(at[name_bytes + 1] == ' ' && at[name_bytes + 2] != ' ');
    }
    for (size_t i = 0; i < ARRAY_COUNT(once); i++) {
        size_t bytes;
        const char *first = talk_http_find(a->head, a->head_bytes, once[i], &bytes);
        if (first != NULL) {
            size_t left = a->head_bytes - (size_t)(first - a->head);
            assert_null(talk_http_find(first, left, once[i], &bytes));
        }
    }
    assert_false(talk_http_has(a, "Date", NULL) && a->status >= 200);
    if (talk_http_is_chunked(a)) {
        assert_true(talk_http_has(a, "Content-Length", NULL));
    } else {
        assert_true(talk_http_has(a, "Transfer-Encoding", NULL));
        assert_true(talk_http_has(a, "Content-Length", NULL) == talk_http_has_no_body(a->status));
    }
}

static void talk_http_check_lines(const struct talk_http_answer *a)
{
    for (const char *at = a->body; *at != '\0';) {
        const char *end = strchr(at, '\n');
        assert_non_null(end);
        assert_true(json_strict_is_valid(at, (size_t)(end - at)));
        at = end + 1;
    }
}

static void talk_http_check_problem(const struct talk_http_answer *a)
{
    static const char *const members[] = {"title", "hint", "retriable", "request_id"};
    char code[128], type[192], wanted[192], status[16];
    snprintf(status, sizeof(status), "%u", a->status);
    assert_true(a->status >= 400);
    assert_true(talk_http_is(a, "status", status));
    assert_true(json_strict_get(a->body, a->body_bytes, "code", code, sizeof(code)));
    assert_true(json_strict_get(a->body, a->body_bytes, "type", type, sizeof(type)));
    snprintf(wanted, sizeof(wanted), "urn:tdb:error:%s", code);
    assert_string_equal(type, wanted);
    for (size_t i = 0; i < ARRAY_COUNT(members); i++) {
        assert_true(json_strict_get(a->body, a->body_bytes, members[i], type, sizeof(type)));
        assert_true(type[0] != '\0');
    }
}

static void talk_http_check_body(const struct talk_http_answer *a)
{
    bool is_problem = talk_http_has(a, "Content-Type", "application/problem+json");
    assert_int_equal(strlen(a->body), a->body_bytes);
    assert_true(a->status < 400 || is_problem || a->status == 503); /* readyz */
    if (is_problem || talk_http_has(a, "Content-Type", "application/json")) {
        assert_true(json_strict_is_valid(a->body, a->body_bytes));
    }
    if (is_problem) {
        talk_http_check_problem(a);
    }
    if (talk_http_has(a, "Content-Type", "application/x-ndjson")) {
        talk_http_check_lines(a);
    }
}

static struct talk_http_answer talk_http_take(struct town_client *c, bool is_head)
{
    struct talk_http_wait wait = {.c = c, .is_head = is_head};
    struct talk_http_answer a = {.status = 0, .head = "", .body = ""};
    if (!town_run_until(c->town, talk_http_is_there, &wait, TALK_HTTP_ANSWER_MS)) {
        fail_msg("no answer within %u s; %.*s", TALK_HTTP_ANSWER_MS / 1000, (int)c->in_bytes,
                 (const char *)c->in);
    }
    if (!talk_http_is_whole(c, is_head)) {
        return a;
    }
    a.head_bytes = talk_http_look(c, is_head, &a.body_bytes);
    a.head = (const char *)town_take(c, a.head_bytes + a.body_bytes);
    a.body = a.head + a.head_bytes;
    a.status = (uint16_t)strtoul(a.head + 9, NULL, 10);
    if (talk_http_is_chunked(&a) && a.body_bytes > 0) {
        char *body = (char *)c->frame + a.head_bytes;
        size_t wire_bytes = a.body_bytes;
        a.body_bytes = 0;
        talk_http_chunks(a.body, wire_bytes, body, &a.body_bytes);
        body[a.body_bytes] = '\0';
    }
    talk_http_check_head(&a);
    if (a.body_bytes > 0) {
        talk_http_check_body(&a);
    }
    return a;
}

struct talk_http_answer talk_http_answer(struct town_client *c)
{
    return talk_http_take(c, false);
}

struct talk_http_answer talk_http_answer_to_head(struct town_client *c)
{
    return talk_http_take(c, true);
}

struct talk_http_answer talk_http(struct town_client *c, const char *line, const char *headers,
                                  const char *body)
{
    talk_http_ask(c, line, headers, body);
    struct talk_http_answer a = talk_http_answer(c);
    assert_int_not_equal(a.status, 0);
    return a;
}

bool talk_http_header(const struct talk_http_answer *a, const char *name,
                      char value[TALK_HTTP_VALUE_BYTES])
{
    size_t bytes = 0;
    const char *found = talk_http_find(a->head, a->head_bytes, name, &bytes);
    snprintf(value, TALK_HTTP_VALUE_BYTES, "%.*s", (int)bytes, found != NULL ? found : "");
    return found != NULL;
}

bool talk_http_is_chunked(const struct talk_http_answer *a)
{
    return talk_http_has(a, "Transfer-Encoding", "chunked");
}

bool talk_http_has(const struct talk_http_answer *a, const char *name, const char *value)
{
    char found[TALK_HTTP_VALUE_BYTES];
    bool is_there = talk_http_header(a, name, found);
    return value == NULL ? !is_there : is_there && strcmp(found, value) == 0;
}

bool talk_http_is(const struct talk_http_answer *a, const char *key, const char *text)
{
    char found[1024];
    return json_strict_get(a->body, a->body_bytes, key, found, sizeof(found)) &&
           strcmp(found, text) == 0;
}

uint64_t talk_http_number(const struct talk_http_answer *a, const char *key)
{
    char found[64];
    assert_true(json_strict_get(a->body, a->body_bytes, key, found, sizeof(found)));
    return strtoull(found, NULL, 10);
}

uint64_t talk_http_append(struct town_client *c, const char *value)
{
    struct talk_http_answer a = talk_http(c, "POST " TALK_HTTP_S, TALK_HTTP_NDJSON, value);
    const char *offset = strstr(a.body, "\"offset\":");
    if (a.status != 200 || offset == NULL) {
        fail_msg("status %u: %s", a.status, a.body);
    }
    return strtoull(offset + strlen("\"offset\":"), NULL, 10);
}

/* --- Records --- */

static void talk_http_put(struct bytes_writer *w, const char *before, const uint8_t *data,
                          uint32_t length)
{
    bytes_put_copy(w, before, strlen(before));
    if (data == NULL || length == 0) {
        bytes_put_copy(w, data == NULL ? "-" : "''", data == NULL ? 1 : 2);
    }
    for (uint32_t i = 0; data != NULL && i < length; i++) {
        char text[8];
        int bytes = data[i] >= 0x20 && data[i] < 0x7f
                        ? snprintf(text, sizeof(text), "%c", data[i])
                        : snprintf(text, sizeof(text), "\\x%02x", data[i]);
        bytes_put_copy(w, text, (size_t)bytes);
    }
}

static void talk_http_put_record(struct bytes_writer *w, const struct log_records_item *item)
{
    char offset[32];
    struct bytes_reader r = bytes_reader(item->headers, item->headers_bytes);
    snprintf(offset, sizeof(offset), "%llu ", (unsigned long long)item->offset);
    talk_http_put(w, offset, item->key, item->key_bytes);
    talk_http_put(w, " ", item->value, item->value_bytes);
    for (uint32_t i = 0; i < item->headers_count; i++) {
        struct log_records_header header = log_records_header_get(&r);
        talk_http_put(w, " ", header.key, header.key_bytes);
        talk_http_put(w, "=", header.value, header.value_bytes);
    }
    bytes_put_u8(w, '\n');
}

uint32_t talk_http_records(struct town_client *kafka, int32_t partition, uint64_t offset, char *out,
                           size_t out_bytes)
{
    struct bytes_writer w = bytes_writer(out, out_bytes - 1);
    uint32_t count = 0;
    for (bool is_more = true; is_more;) {
        struct talk_fetch fetch = {.topic = "s", .partition = partition, .offset = offset};
        const struct kafka_fetch_response_partition *answer = talk_fetch(kafka, &fetch);
        assert_int_equal(answer->error_code, 0);
        is_more = answer->records.length > 0;
        for (int32_t pos = 0; pos < answer->records.length;) {
            struct log_batch batch;
            struct log_records_reader rr;
            struct log_records_item item;
            const uint8_t *data = answer->records.data + pos;
            size_t left = (size_t)(answer->records.length - pos);
            assert_int_equal(log_batch_decode(data, left, &batch), ERR_OK);
            assert_int_equal(log_records_open(&rr, data, batch.length_bytes, NULL, NULL, 0),
                             ERR_OK);
            while (log_records_next(&rr, &item) == ERR_OK) {
                if (item.offset >= offset) {
                    talk_http_put_record(&w, &item);
                    count++;
                }
            }
            assert_int_equal(rr.r.err, ERR_END);
            offset = batch.base_offset + batch.records_count;
            pos += (int32_t)batch.length_bytes;
        }
    }
    assert_int_equal(w.err, ERR_OK);
    out[w.pos] = '\0';
    return count;
}

/* --- The broker --- */

size_t talk_http_used_bytes(struct town *t)
{
    size_t used_bytes = 0;
    for (uint32_t i = 0; i < t->shards_count; i++) {
        used_bytes += rt_shard_budget(sim_node_shard(t->machine, i))->used_bytes;
        used_bytes -= town_core(t, i)->bufs.idle_bytes;
    }
    return used_bytes;
}

uint32_t talk_http_connections(struct town *t)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->shards_count; i++) {
        list_for_each (node, &town_http_door(t, i)->conns) {
            count++;
        }
    }
    return count;
}

struct talk_http_answer talk_http_query(struct town_client *c, const char *body)
{
    return talk_http(c, "POST /api/v1/query", TALK_HTTP_JSON, body);
}

/* So many events {"n":i,"pad":"xxx..."} in "s". */
void talk_http_fill(struct town *t, uint32_t count, uint32_t pad_bytes)
{
    struct town_client *c = town_connect_http(t);
    size_t room = (size_t)count * (pad_bytes + 64);
    char *text = malloc(room);
    assert_non_null(text);
    size_t length = 0;
    for (uint32_t i = 0; i < count; i++) {
        length += (size_t)snprintf(text + length, room - length, "{\"n\":%u,\"pad\":\"%0*d\"}\n", i,
                                   (int)pad_bytes, 0);
    }
    talk_http_ask_bytes(c, "POST " TALK_HTTP_S, TALK_HTTP_NDJSON, text, length);
    assert_int_equal(talk_http_answer(c).status, 200);
    town_hang_up(c);
    free(text);
}

void talk_http_query_is(struct town_client *c, const char *sql, const char *rows)
{
    char body[1024], wanted[512];
    snprintf(body, sizeof(body), "{\"sql\":\"%s\"}", sql);
    snprintf(wanted, sizeof(wanted), "\"rows\":%s,", rows);
    struct talk_http_answer a = talk_http_query(c, body);
    if (a.status != 200 || strstr(a.body, wanted) == NULL) {
        fail_msg("%s: status %u: %s\nnot: %s", sql, a.status, a.body, rows);
    }
}
