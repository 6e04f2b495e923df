/* The HTTP door as clients see it: requests in any pieces and any number, what keeps a connection,
 * what each method and path gets, who may call, bodies of both forms, and ends in the middle. Its
 * bounds are in bounds_test.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/unit/gateway/talk_http.h"

#define DOOR_POST "POST " TALK_HTTP_S

/* A request as one text. */
static const char door_append[] = DOOR_POST " HTTP/1.1\r\nHost: localhost\r\n" TALK_HTTP_JSON
                                            "Content-Length: 7\r\n\r\n{\"a\":1}";

static const char door_append_chunked[] = DOOR_POST
    " HTTP/1.1\r\nHost: localhost\r\n" TALK_HTTP_JSON
    "Transfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\n{\"a\r\n4\r\n\":1}\r\n0\r\nT: t\r\n\r\n";

static void door_is_well(struct town_client *c)
{
    struct talk_http_answer a = talk_http(c, "GET /livez", "", NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "{\"status\":\"alive\"}\n");
}

/* --- Pieces --- */

static void door_cut(const char *request)
{
    struct town *t = talk_http_town(1, 1);
    struct town_client *c = town_connect_http(t);
    for (size_t cut = 1; cut < strlen(request); cut++) {
        town_bytes(c, request, cut);
        town_run(t, 2);
        assert_false(talk_http_has_answer(c));
        talk_http_say(c, request + cut);
        struct talk_http_answer a = talk_http_answer(c);
        assert_int_equal(a.status, 200);
        assert_true(talk_http_is(&a, "appended", "1"));
    }
    assert_int_equal(talk_offset(town_connect(t), "s", 0, -1), strlen(request) - 1);
    talk_http_end(t);
}

static void a_request_may_be_cut_at_every_byte(void **state)
{
    (void)state;
    door_cut(door_append);
}

static void a_request_in_chunks_may_be_cut_at_every_byte(void **state)
{
    (void)state;
    door_cut(door_append_chunked);
}

static void a_request_may_come_byte_by_byte(void **state)
{
    (void)state;
    struct town *t = talk_http_town(2, 2);
    struct town_client *c = town_connect_http(t);
    for (size_t i = 0; door_append_chunked[i] != '\0'; i++) {
        town_bytes(c, door_append_chunked + i, 1);
        town_run(t, i % 2);
    }
    struct talk_http_answer a = talk_http_answer(c);
    assert_int_equal(a.status, 200);
    door_is_well(c);
    talk_http_end(t);
}

static void two_requests_in_one_piece_are_answered_in_order(void **state)
{
    (void)state;
    struct town *t = talk_http_town(3, 1);
    struct town_client *c = town_connect_http(t);
    talk_http_say(c, "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n"
                     "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(talk_http_answer(c).status, 404);
    assert_int_equal(talk_http_answer(c).status, 200);
    assert_false(c->is_ended);
    talk_http_end(t);
}

/* A request's kind by its place: bodies of both forms, reads, refusals. */
static const char *door_mixed(uint32_t i)
{
    static const char *const requests[] = {
        door_append,
        "GET /api/v1/streams HTTP/1.1\r\nHost: localhost\r\n\r\n",
        door_append_chunked,
        "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "\r\nGET " TALK_HTTP_S "?limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    };
    return requests[i % ARRAY_COUNT(requests)];
}

static void door_answer_mixed(struct town_client *c, uint32_t i)
{
    struct talk_http_answer a = talk_http_answer(c);
    uint16_t wanted = i % 5 == 3 ? 404 : 200;
    assert_int_equal(a.status, wanted);
    if (i % 5 == 0 || i % 5 == 2) {
        char text[64];
        snprintf(text, sizeof(text), "\"offset\":%u}", i / 5 * 2 + (i % 5) / 2);
        assert_non_null(strstr(a.body, text));
    }
}

/* All at once, and in pieces that end anywhere. */
static void many_requests_may_come_behind_each_other(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct town *t = talk_http_town(seed, 1 + (uint32_t)(seed % 3));
        struct town_client *c = town_connect_http(t);
        char *all = calloc(1, 1 << 16);
        assert_non_null(all);
        size_t length = 0;
        for (uint32_t i = 0; i < 300; i++) {
            length += (size_t)snprintf(all + length, (1 << 16) - length, "%s", door_mixed(i));
        }
        for (size_t at = 0; at < length;) {
            size_t step = seed == 1 ? length : (size_t)prng_range(sim_prng(t->sim), 1, 2000);
            step = step < length - at ? step : length - at;
            town_bytes(c, all + at, step);
            at += step;
            town_run(t, seed % 2);
        }
        for (uint32_t i = 0; i < 300; i++) {
            door_answer_mixed(c, i);
        }
        assert_int_equal(c->in_bytes, 0);
        door_is_well(c);
        free(all);
        talk_http_end(t);
    }
}

/* --- Keeping a connection --- */

static const struct door_keep_row {
    const char *name;
    const char *request;
    uint16_t status;
    const char *connection; /* the answer's header; NULL: none */
    bool is_kept;
} door_keep_rows[] = {
    {"1.1 keeps the connection", "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, NULL, true},
    {"a higher minor version does", "GET /livez HTTP/1.2\r\nHost: localhost\r\n\r\n", 200, NULL,
     true},
    {"Connection: close ends it",
     "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 200, "close", false},
    {"Connection: x, CLOSE ends it",
     "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: x, CLOSE\r\n\r\n", 200, "close", false},
    {"1.0 ends it", "GET /livez HTTP/1.0\r\n\r\n", 200, "close", false},
    {"1.0 with keep-alive keeps it", "GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200,
     "keep-alive", true},
    {"an Upgrade is not made",
     "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", 200,
     NULL, true},
    {"an unknown path keeps it", "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, NULL, true},
    {"an unknown path with an unread body ends it",
     "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 404, "close", false},
    {"a body that is no JSON keeps it",
     DOOR_POST " HTTP/1.1\r\nHost: localhost\r\n" TALK_HTTP_JSON "Content-Length: 1\r\n\r\n{", 400,
     NULL, true},
    {"a head that is none ends it", "GET\r\n", 400, "close", false},
    {"TLS ends it", "\x16\x03\x01\x02\x01\x01", 400, "close", false},
    {"a second empty line ends it", "\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 400,
     "close", false},
    {"HTTP/2.0 ends it", "GET /livez HTTP/2.0\r\nHost: localhost\r\n\r\n", 505, "close", false},
    {"HTTP/2's preface ends it", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "close", false},
    {"no Host ends it", "GET /livez HTTP/1.1\r\n\r\n", 400, "close", false},
    {"a chunk without a size ends it",
     DOOR_POST " HTTP/1.1\r\nHost: localhost\r\n" TALK_HTTP_JSON
               "Transfer-Encoding: chunked\r\n\r\n1\r\n1\r\nno\r\n",
     400, "close", false},
    {"another transfer coding ends it",
     DOOR_POST " HTTP/1.1\r\nHost: localhost\r\n" TALK_HTTP_JSON
               "Transfer-Encoding: gzip, chunked\r\n\r\n",
     501, "close", false},
};

static void door_keep(void **state)
{
    const struct door_keep_row *row = *state;
    struct town *t = talk_http_town(4, 1);
    struct town_client *c = town_connect_http(t);
    talk_http_say(c, row->request);
    struct talk_http_answer a = talk_http_answer(c);
    assert_int_equal(a.status, row->status);
    assert_true(talk_http_has(&a, "Connection", row->connection));
    assert_int_equal(town_is_ended(c, 1000), !row->is_kept);
    if (row->is_kept) {
        door_is_well(c);
    }
    talk_http_end(t);
}

/* --- Methods and paths --- */

static void head_is_get_without_a_body(void **state)
{
    static const char *const paths[] = {"/livez",
                                        "/readyz",
                                        "/metrics",
                                        "/api/v1/streams",
                                        "/api/v1/openapi.json",
                                        TALK_HTTP_S,
                                        "/nowhere",
                                        "/api/v1/streams/none/events"};
    (void)state;
    struct town *t = talk_http_town(5, 1);
    struct town_client *c = town_connect_http(t);
    talk_http_append(c, "1");
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        char line[128], length[TALK_HTTP_VALUE_BYTES], media[TALK_HTTP_VALUE_BYTES];
        snprintf(line, sizeof(line), "GET %s", paths[i]);
        struct talk_http_answer a = talk_http(c, line, "", NULL);
        uint16_t status = a.status;
        assert_true(talk_http_header(&a, "Content-Length", length));
        assert_true(talk_http_header(&a, "Content-Type", media));
        snprintf(line, sizeof(line), "HEAD %s", paths[i]);
        talk_http_ask(c, line, "", NULL);
        a = talk_http_answer_to_head(c);
        assert_int_equal(a.status, status);
        if (strcmp(paths[i], "/metrics") != 0) { /* it counts this one, too */
            assert_true(talk_http_has(&a, "Content-Length", length));
        }
        assert_true(talk_http_has(&a, "Content-Type", media));
        assert_int_equal(c->in_bytes, 0);
    }
    talk_http_end(t);
}

/* The method was read, whatever is wrong behind it. */
static void a_refused_head_gets_no_body_either(void **state)
{
    static const char *const requests[] = {
        "HEAD /livez HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        "HEAD /livez HTTP/\r\n\r\n",
        "HEAD /livez HTTP/1.1\r\nHost: localhost\r\n x\r\n\r\n",
    };
    (void)state;
    struct town *t = talk_http_town(20, 1);
    for (size_t i = 0; i < ARRAY_COUNT(requests); i++) {
        struct town_client *c = town_connect_http(t);
        talk_http_say(c, requests[i]);
        assert_int_equal(talk_http_answer_to_head(c).status, 400);
        assert_true(town_is_ended(c, 1000));
        assert_int_equal(c->in_bytes, 0);
    }
    talk_http_end(t);
}

#define DOOR_LONG                                                                                  \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct door_path_row {
    const char *name;
    const char *line;
    uint16_t status;
    const char *code;  /* of the problem; NULL: none */
    const char *allow; /* the header; NULL: none */
} door_path_rows[] = {
    {"GET of a path", "GET /livez", 200, NULL, NULL},
    {"a query that nobody asked for is ignored", "GET /livez?a=b&c", 200, NULL, NULL},
    {"a whole URL as target", "GET http://broker.town/livez", 200, NULL, NULL},
    {"OPTIONS of a path", "OPTIONS /livez", 204, NULL, "OPTIONS, GET, HEAD"},
    {"OPTIONS of events", "OPTIONS " TALK_HTTP_S, 204, NULL, "OPTIONS, POST, GET, HEAD"},
    {"OPTIONS of the server", "OPTIONS *", 204, NULL, "OPTIONS"},
    {"OPTIONS of no path", "OPTIONS /nowhere", 404, "path_not_found", NULL},
    {"DELETE", "DELETE /livez", 405, "method_not_allowed", "OPTIONS, GET, HEAD"},
    {"PUT", "PUT /livez", 405, "method_not_allowed", "OPTIONS, GET, HEAD"},
    {"POST where there is none", "POST /api/v1/streams", 405, "method_not_allowed",
     "OPTIONS, GET, HEAD"},
    {"DELETE of events", "DELETE " TALK_HTTP_S, 405, "method_not_allowed",
     "OPTIONS, POST, GET, HEAD"},
    {"a method that nobody has", "BREW /livez", 501, "method_unknown", "OPTIONS, GET, HEAD"},
    {"a method is matched with its case", "get /livez", 501, "method_unknown",
     "OPTIONS, GET, HEAD"},
    {"no such path", "GET /nowhere", 404, "path_not_found", NULL},
    {"no path", "GET /", 404, "path_not_found", NULL},
    {"a path is matched with its case", "GET /Livez", 404, "path_not_found", NULL},
    {"a slash more", "GET /livez/", 404, "path_not_found", NULL},
    {"a slash more in front", "GET //livez", 404, "path_not_found", NULL},
    {"a path that begins like another", "GET /api/v1", 404, "path_not_found", NULL},
    {"a path behind a stream", "GET " TALK_HTTP_S "/x", 404, "path_not_found", NULL},
    {"dots are not resolved", "GET /api/../livez", 404, "path_not_found", NULL},
    {"an escaped name", "GET /api/v1/streams/%73/events", 200, NULL, NULL},
    {"no such stream", "GET /api/v1/streams/none/events", 404, "stream_not_found", NULL},
    {"an empty name", "GET /api/v1/streams//events", 422, "stream_name_invalid", NULL},
    {"a name with a slash", "GET /api/v1/streams/a%2fb/events", 422, "stream_name_invalid", NULL},
    {"a name with a letter of others", "GET /api/v1/streams/%c3%a4/events", 422,
     "stream_name_invalid", NULL},
    {"a name that is too long", "GET /api/v1/streams/" DOOR_LONG "/events", 422,
     "stream_name_invalid", NULL},
    {"a name of dots", "GET /api/v1/streams/%2e%2e/events", 404, "path_not_found", NULL},
    {"a name that is no UTF-8", "GET /api/v1/streams/%ff/events", 404, "path_not_found", NULL},
    {"a name with a NUL", "GET /api/v1/streams/a%00/events", 404, "path_not_found", NULL},
    {"a bad escape", "GET /api/v1/streams/%zz/events", 404, "path_not_found", NULL},
};

static void door_path(void **state)
{
    const struct door_path_row *row = *state;
    struct town *t = talk_http_town(6, 1);
    struct town_client *c = town_connect_http(t);
    talk_http_append(c, "1");
    struct talk_http_answer a = talk_http(c, row->line, "", NULL);
    assert_int_equal(a.status, row->status);
    assert_true(talk_http_has(&a, "Allow", row->allow));
    if (row->code != NULL) {
        assert_true(talk_http_is(&a, "code", row->code));
    }
    door_is_well(c);
    talk_http_end(t);
}

/* --- Who may call --- */

static const struct door_host_row {
    const char *name;
    const char *headers; /* Host among them */
    const char *code;    /* of the problem; NULL: it may */
} door_host_rows[] = {
    {"the advertised name", "Host: broker.town\r\n", NULL},
    {"in any case, with a port", "Host: BROKER.Town:8080\r\n", NULL},
    {"localhost", "Host: localhost\r\n", NULL},
    {"localhost with any port", "Host: localhost:1\r\n", NULL},
    {"an IPv4 address", "Host: 127.0.0.1:8080\r\n", NULL},
    {"its own address", "Host: 10.0.0.1\r\n", NULL},
    {"an IPv6 address", "Host: [::1]\r\n", NULL},
    {"an IPv6 address with a port", "Host: [fe80::1:2]:8080\r\n", NULL},
    {"a listed name", "Host: shop.example\r\n", NULL},
    {"another listed name", "Host: Two.Example:443\r\n", NULL},
    {"a name of others", "Host: evil.example\r\n", "host_not_allowed"},
    {"a name that ends like ours", "Host: my.broker.town\r\n", "host_not_allowed"},
    {"a name that begins like ours", "Host: broker.town.evil.example\r\n", "host_not_allowed"},
    {"a name that begins like localhost", "Host: localhost.evil.example\r\n", "host_not_allowed"},
    {"a name that begins like an address", "Host: 127.0.0.1.evil.example\r\n", "host_not_allowed"},
    {"a part of a listed name", "Host: shop\r\n", "host_not_allowed"},
    {"the list itself", "Host: shop.example,\r\n", "host_not_allowed"},
    {"the page of this server", "Host: broker.town:8080\r\nOrigin: http://broker.town:8080\r\n",
     NULL},
    {"of its address", "Host: 10.0.0.1\r\nOrigin: http://10.0.0.1\r\n", NULL},
    {"a listed page", "Host: broker.town\r\nOrigin: https://shop.example\r\n", NULL},
    {"another listed page", "Host: broker.town\r\nOrigin: http://two.example:81\r\n", NULL},
    {"the page of another port", "Host: broker.town:8080\r\nOrigin: http://broker.town:81\r\n",
     "origin_not_allowed"},
    {"of no port", "Host: broker.town:8080\r\nOrigin: http://broker.town\r\n",
     "origin_not_allowed"},
    {"of another scheme", "Host: broker.town\r\nOrigin: https://broker.town\r\n",
     "origin_not_allowed"},
    {"of a listed name with another scheme", "Host: broker.town\r\nOrigin: http://shop.example\r\n",
     "origin_not_allowed"},
    {"of others", "Host: broker.town\r\nOrigin: http://evil.example\r\n", "origin_not_allowed"},
    {"a page without an origin", "Host: broker.town\r\nOrigin: null\r\n", "origin_not_allowed"},
    {"an empty origin", "Host: broker.town\r\nOrigin:\r\n", "origin_not_allowed"},
    {"two origins", "Host: a.b\r\nOrigin: http://a.b\r\nOrigin: http://a.b\r\n",
     "host_not_allowed"},
    {"two origins of ours",
     "Host: broker.town\r\nOrigin: http://broker.town\r\nOrigin: http://broker.town\r\n",
     "origin_not_allowed"},
};

static void door_host(void **state)
{
    const struct door_host_row *row = *state;
    struct town *t = talk_http_town_of(7, NULL);
    t->http.hosts = "shop.example, two.example";
    t->http.origins = "https://shop.example,http://two.example:81";
    town_start(t, 1);
    struct town_client *c = town_connect_http(t);
    char request[512];
    snprintf(request, sizeof(request), "GET /livez HTTP/1.1\r\n%s\r\n", row->headers);
    talk_http_say(c, request);
    struct talk_http_answer a = talk_http_answer(c);
    assert_int_equal(a.status, row->code == NULL ? 200 : 403);
    if (row->code != NULL) {
        assert_true(talk_http_is(&a, "code", row->code));
    }
    talk_http_end(t);
}

/* A page of a listed origin may read what is answered, problems too (the Fetch standard's CORS);
 * one of this server needs no leave. */
static void a_listed_page_may_see_the_answer(void **state)
{
    (void)state;
    struct town *t = talk_http_town_of(7, NULL);
    t->http.origins = "https://shop.example";
    town_start(t, 1);
    struct town_client *c = town_connect_http(t);
    struct talk_http_answer a =
        talk_http(c, "GET /nowhere", "Origin: https://shop.example\r\n", NULL);
    assert_int_equal(a.status, 404);
    assert_true(talk_http_has(&a, "Access-Control-Allow-Origin", "https://shop.example"));
    assert_true(
        talk_http_has(&a, "Access-Control-Expose-Headers", "TDB-Next-Offset, TDB-Position"));
    assert_true(talk_http_has(&a, "Vary", "Origin"));
    a = talk_http(c, "OPTIONS /api/v1/streams/s/events",
                  "Origin: https://shop.example\r\nAccess-Control-Request-Method: POST\r\n", NULL);
    assert_int_equal(a.status, 204);
    assert_true(talk_http_has(&a, "Access-Control-Allow-Origin", "https://shop.example"));
    assert_true(talk_http_has(&a, "Access-Control-Allow-Methods", "OPTIONS, POST, GET, HEAD"));
    assert_true(talk_http_has(&a, "Access-Control-Allow-Headers", "Content-Type"));
    a = talk_http(c, "OPTIONS /api/v1/streams/s/events", "Origin: http://broker.town\r\n", NULL);
    assert_int_equal(a.status, 204);
    assert_false(talk_http_has(&a, "Access-Control-Allow-Methods", "OPTIONS, POST, GET, HEAD"));
    talk_http_end(t);
}

/* A target with a host counts, not the header (RFC 9112 section 3.2.2). */
static void the_host_of_a_whole_url_counts(void **state)
{
    (void)state;
    struct town *t = talk_http_town(8, 1);
    struct town_client *c = town_connect_http(t);
    struct talk_http_answer a = talk_http(c, "GET http://evil.example/livez", "", NULL);
    talk_http_assert_problem(a, 403, "host_not_allowed");
    talk_http_end(t);
}

/* --- Expect --- */

static void door_say_expecting(struct town_client *c, const char *line, const char *framing)
{
    char headers[256];
    snprintf(headers, sizeof(headers), TALK_HTTP_JSON "Expect: 100-continue\r\n%s", framing);
    talk_http_ask(c, line, headers, NULL);
}

static void a_body_that_is_asked_for_comes(void **state)
{
    (void)state;
    struct town *t = talk_http_town(9, 1);
    struct town_client *c = town_connect_http(t);
    for (uint32_t i = 0; i < 3; i++) {
        door_say_expecting(c, DOOR_POST, "Content-Length: 7\r\n");
        assert_int_equal(talk_http_answer(c).status, 100);
        town_run(t, i * 1000);
        talk_http_say(c, "{\"a\":1}");
        assert_int_equal(talk_http_answer(c).status, 200);
        door_say_expecting(c, DOOR_POST, "Transfer-Encoding: chunked\r\n");
        assert_int_equal(talk_http_answer(c).status, 100);
        talk_http_say(c, "7\r\n{\"a\":1}\r\n0\r\n\r\n");
        assert_int_equal(talk_http_answer(c).status, 200);
    }
    talk_http_end(t);
}

static const struct door_expect_row {
    const char *name;
    const char *line;
    const char *headers;
    uint16_t status; /* of the first answer, which comes without the body */
} door_expect_rows[] = {
    {"not where nothing is", "POST /nowhere", "Expect: 100-continue\r\nContent-Length: 7\r\n", 404},
    {"not where no body is taken", "GET /livez", "Expect: 100-continue\r\nContent-Length: 7\r\n",
     413},
    {"not for a body that is too large", DOOR_POST,
     TALK_HTTP_JSON "Expect: 100-continue\r\nContent-Length: 1001\r\n", 413},
    {"not for a coding that is not served", DOOR_POST,
     TALK_HTTP_JSON
     "Content-Encoding: gzip\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n",
     415},
    {"not for another method", "PUT " TALK_HTTP_S,
     TALK_HTTP_JSON "Expect: 100-continue\r\nContent-Length: 7\r\n", 405},
    {"not with another expectation", DOOR_POST,
     TALK_HTTP_JSON "Expect: 200-ok\r\nContent-Length: 7\r\n", 417},
    {"not where there is no body", DOOR_POST,
     TALK_HTTP_JSON "Expect: 100-continue\r\nContent-Length: 0\r\n", 400},
};

static void door_expect(void **state)
{
    const struct door_expect_row *row = *state;
    struct town *t = talk_http_town_of(10, NULL);
    t->http.body_bytes_max = 1000;
    town_start(t, 1);
    struct town_client *c = town_connect_http(t);
    talk_http_ask(c, row->line, row->headers, NULL);
    assert_int_equal(talk_http_answer(c).status, row->status);
    assert_int_equal(c->in_bytes, 0);
    talk_http_end(t);
}

static void nobody_is_asked_for_a_body_that_has_begun(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    options.host.recv_split_ppm = 0;
    struct town *t = talk_http_town_of(11, &options);
    town_start(t, 1);
    struct town_client *c = town_connect_http(t);
    talk_http_say(c, DOOR_POST " HTTP/1.1\r\nHost: localhost\r\n" TALK_HTTP_JSON
                               "Expect: 100-continue\r\nContent-Length: 7\r\n\r\n{\"a\"");
    town_run(t, 1000);
    assert_int_equal(c->in_bytes, 0);
    talk_http_say(c, ":1}");
    assert_int_equal(talk_http_answer(c).status, 200);
    talk_http_end(t);
}

/* --- Bodies --- */

/* A line of a body, with its end. */
#define DOOR_LINE_BYTES 400u

static const struct door_body_row {
    const char *name;
    size_t bytes;       /* about: as many lines as fit */
    size_t chunk_bytes; /* 0: with a length */
    size_t piece_bytes; /* sent at a time, with a length */
} door_body_rows[] = {
    {"a body of 3 KiB byte by byte", 3 << 10, 0, 1},
    {"a body of 3 KiB in chunks of a byte", 3 << 10, 1, 0},
    {"a body of 64 KiB", 64 << 10, 0, SIZE_MAX},
    {"a body of 1 MiB in small pieces", 1 << 20, 0, 1000},
    {"a body of 1 MiB in chunks of 999", 1 << 20, 999, 0},
    {"a body of 8 MiB", 8 << 20, 0, SIZE_MAX},
    {"a body of 8 MiB in chunks of 64 KiB", 8 << 20, 64 << 10, 0},
    {"a body of 8 MiB in one chunk", 8 << 20, SIZE_MAX, 0},
};

/* `count` lines. To be freed. */
static char *door_lines(size_t count)
{
    char *text = malloc(count * DOOR_LINE_BYTES + 1);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++) {
        int length = snprintf(text + DOOR_LINE_BYTES * i, DOOR_LINE_BYTES + 1,
                              "{\"number\":%-*zu}\n", (int)DOOR_LINE_BYTES - 12, i);
        assert_int_equal(length, DOOR_LINE_BYTES);
    }
    return text;
}

static void door_body(void **state)
{
    const struct door_body_row *row = *state;
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = 256 << 20;
    struct town *t = talk_http_town_of(12, &options);
    town_start(t, 2);
    struct town_client *c = town_connect_http(t);
    size_t count = row->bytes / DOOR_LINE_BYTES;
    size_t length = count * DOOR_LINE_BYTES;
    char *text = door_lines(count);
    if (row->chunk_bytes > 0) {
        talk_http_ask_chunks(c, DOOR_POST, TALK_HTTP_NDJSON, text, length, row->chunk_bytes);
    } else {
        char headers[128];
        snprintf(headers, sizeof(headers), TALK_HTTP_NDJSON "Content-Length: %zu\r\n", length);
        talk_http_ask(c, DOOR_POST, headers, NULL);
        for (size_t at = 0; at < length;) {
            size_t step = row->piece_bytes < length - at ? row->piece_bytes : length - at;
            town_bytes(c, text + at, step);
            at += step;
        }
    }
    struct talk_http_answer a = talk_http_answer(c);
    assert_int_equal(a.status, 200);
    assert_int_equal(talk_http_number(&a, "appended"), count);
    assert_int_equal(talk_offset(town_connect(t), "s", 0, -1), count);
    door_is_well(c);
    free(text);
    talk_http_end(t);
}

/* Of just the largest size, and of a byte more. The value is small: white space surrounds it. */
static void door_limit(size_t max, size_t bytes, size_t chunk_bytes)
{
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = 256 << 20;
    struct town *t = talk_http_town_of(13, &options);
    t->http.body_bytes_max = (uint32_t)max;
    town_start(t, 1);
    struct town_client *c = town_connect_http(t);
    char *text = malloc(bytes);
    assert_non_null(text);
    memset(text, ' ', bytes);
    text[bytes / 2] = '7';
    if (chunk_bytes > 0) {
        talk_http_ask_chunks(c, DOOR_POST, TALK_HTTP_JSON, text, bytes, chunk_bytes);
    } else {
        talk_http_ask_bytes(c, DOOR_POST, TALK_HTTP_JSON, text, bytes);
    }
    struct talk_http_answer a = talk_http_answer(c);
    assert_int_equal(a.status, bytes <= max ? 200 : 413);
    assert_int_equal(town_is_ended(c, 2000), bytes > max);
    if (bytes > max) {
        assert_true(talk_http_is(&a, "code", "body_too_large"));
    }
    free(text);
    talk_http_end(t);
}

static void a_body_may_be_as_large_as_bodies_may_be(void **state)
{
    (void)state;
    door_limit(1000, 1000, 0);
    door_limit(1000, 1000, 7);
    door_limit(16 << 20, 16 << 20, 0);
    door_limit(16 << 20, 16 << 20, 1 << 20);
}

static void a_larger_body_is_refused(void **state)
{
    (void)state;
    door_limit(1000, 1001, 0);
    door_limit(1000, 1001, 7);
    door_limit(1000, 1001, 2000);
    door_limit(1000, 1 << 20, 0); /* the client is still sending when it is answered */
    door_limit(1000, 1 << 20, 1000);
    door_limit(16 << 20, (16 << 20) + 1, 0);
    door_limit(16 << 20, (16 << 20) + 1, 1 << 20);
}

static void a_body_with_a_content_coding_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        uint16_t status;
    } rows[] = {
        {"Content-Encoding: gzip\r\n", 415},
        {"Content-Encoding:\r\n", 415},
        {"Content-Encoding: identity\r\n", 200},
        {"Content-Encoding: Identity\r\n", 200},
        {"Content-Encoding: identity\r\nContent-Encoding: gzip\r\n", 415},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct town *t = talk_http_town(14, 1);
        struct town_client *c = town_connect_http(t);
        char headers[256];
        snprintf(headers, sizeof(headers), TALK_HTTP_JSON "%s", rows[i].headers);
        assert_int_equal(talk_http(c, DOOR_POST, headers, "1").status, rows[i].status);
        talk_http_end(t);
    }
}

static void a_body_of_no_bytes_is_none(void **state)
{
    (void)state;
    struct town *t = talk_http_town(15, 1);
    struct town_client *c = town_connect_http(t);
    talk_http_ask_chunks(c, "GET /livez", "", "", 0, 1);
    assert_int_equal(talk_http_answer(c).status, 200);
    assert_int_equal(talk_http(c, "GET /livez", "", "").status, 200);
    talk_http_ask_chunks(c, DOOR_POST, TALK_HTTP_JSON, "", 0, 1);
    talk_http_assert_problem(talk_http_answer(c), 400, "json_invalid");
    talk_http_assert_problem(talk_http(c, DOOR_POST, TALK_HTTP_JSON, ""), 400, "json_invalid");
    talk_http_ask_chunks(c, DOOR_POST, TALK_HTTP_NDJSON, "", 0, 1);
    struct talk_http_answer a = talk_http_answer(c);
    assert_string_equal(a.body, "{\"appended\":0,\"failed\":0,\"results\":[]}\n");
    talk_http_end(t);
}

/* --- Ends --- */

static void a_half_closed_client_gets_its_answers(void **state)
{
    (void)state;
    struct town *t = talk_http_town(16, 2);
    struct town_client *c = town_connect_http(t);
    for (uint32_t i = 0; i < 20; i++) {
        talk_http_say(c, door_mixed(i));
    }
    town_half_close(c);
    for (uint32_t i = 0; i < 20; i++) {
        door_answer_mixed(c, i);
    }
    assert_true(town_is_ended(c, 1000));
    talk_http_end(t);
}

static void a_half_closed_client_waits_no_longer(void **state)
{
    (void)state;
    struct town *t = talk_http_town(17, 2);
    struct town_client *c = town_connect_http(t);
    talk_http_append(c, "1");
    uint64_t before_ns = sim_now_ns(t->sim);
    talk_http_ask(c, "GET " TALK_HTTP_S "?offset=1&wait=60s", "", NULL);
    town_run(t, 10);
    town_half_close(c);
    assert_int_equal(talk_http_answer(c).status, 200);
    assert_true(sim_now_ns(t->sim) - before_ns < RT_NS_PER_S);
    assert_true(town_is_ended(c, 1000));
    talk_http_end(t);
}

static void a_client_that_ends_within_a_request_gets_no_answer(void **state)
{
    (void)state;
    struct town *t = talk_http_town(18, 1);
    size_t length = strlen(door_append_chunked);
    for (size_t cut = 0; cut < length; cut += 7) {
        struct town_client *c = town_connect_http(t);
        if (cut > 0) {
            town_bytes(c, door_append_chunked, cut);
        }
        town_half_close(c);
        assert_true(town_is_ended(c, 1000));
        assert_int_equal(c->received_bytes, 0);
    }
    talk_http_end(t);
}

/* Of two appends and two waits, at any byte and in any moment: nothing of it stays. */
static void a_client_may_leave_at_any_byte(void **state)
{
    (void)state;
    struct town *t = talk_http_town(19, 2);
    char request[1024];
    snprintf(request, sizeof(request),
             "%s%sGET " TALK_HTTP_S "?offset=1000000&wait=5s HTTP/1.1\r\nHost: localhost\r\n\r\n"
             "GET " TALK_HTTP_S "?offset=latest&wait=5s HTTP/1.1\r\nHost: localhost\r\n\r\n",
             door_append_chunked, door_append);
    for (size_t cut = 1; cut <= strlen(request); cut++) {
        struct town_client *c = town_connect_http(t);
        town_bytes(c, request, cut);
        sim_run_for(t->sim, prng_range(sim_prng(t->sim), 0, 3 * RT_NS_PER_MS));
        town_hang_up(c);
        town_run(t, 20);
        assert_int_equal(talk_http_connections(t), 0);
        town_forget(c);
    }
    town_run(t, 1000);
    for (uint32_t i = 0; i < 2; i++) {
        const struct http_door *door = town_http_door(t, i);
        assert_int_equal(door->body_bytes, 0);
        assert_int_equal(door->call_pool.in_use_count, door->idle_calls_count);
    }
    talk_http_end(t);
}

#define DOOR_ROWS(tests, rows, function)                                                           \
    struct CMUnitTest tests[ARRAY_COUNT(rows)];                                                    \
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {                                               \
        tests[i] = (struct CMUnitTest){.name = (rows)[i].name,                                     \
                                       .test_func = (function),                                    \
                                       .initial_state = (void *)(uintptr_t) & (rows)[i]};          \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_may_be_cut_at_every_byte),
        cmocka_unit_test(a_request_in_chunks_may_be_cut_at_every_byte),
        cmocka_unit_test(a_request_may_come_byte_by_byte),
        cmocka_unit_test(two_requests_in_one_piece_are_answered_in_order),
        cmocka_unit_test(many_requests_may_come_behind_each_other),
        cmocka_unit_test(head_is_get_without_a_body),
        cmocka_unit_test(a_refused_head_gets_no_body_either),
        cmocka_unit_test(a_listed_page_may_see_the_answer),
        cmocka_unit_test(the_host_of_a_whole_url_counts),
        cmocka_unit_test(a_body_that_is_asked_for_comes),
        cmocka_unit_test(nobody_is_asked_for_a_body_that_has_begun),
        cmocka_unit_test(a_body_may_be_as_large_as_bodies_may_be),
        cmocka_unit_test(a_larger_body_is_refused),
        cmocka_unit_test(a_body_with_a_content_coding_is_refused),
        cmocka_unit_test(a_body_of_no_bytes_is_none),
        cmocka_unit_test(a_half_closed_client_gets_its_answers),
        cmocka_unit_test(a_half_closed_client_waits_no_longer),
        cmocka_unit_test(a_client_that_ends_within_a_request_gets_no_answer),
        cmocka_unit_test(a_client_may_leave_at_any_byte),
    };
    DOOR_ROWS(keeps, door_keep_rows, door_keep);
    DOOR_ROWS(paths, door_path_rows, door_path);
    DOOR_ROWS(hosts, door_host_rows, door_host);
    DOOR_ROWS(expects, door_expect_rows, door_expect);
    DOOR_ROWS(bodies, door_body_rows, door_body);
    int failed = cmocka_run_group_tests_name("gateway_door", tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("gateway_door: kept or ended", keeps, NULL, NULL);
    failed += cmocka_run_group_tests_name("gateway_door: methods and paths", paths, NULL, NULL);
    failed += cmocka_run_group_tests_name("gateway_door: who may call", hosts, NULL, NULL);
    failed +=
        cmocka_run_group_tests_name("gateway_door: no body is asked for", expects, NULL, NULL);
    failed += cmocka_run_group_tests_name("gateway_door: bodies", bodies, NULL, NULL);
    return failed;
}
