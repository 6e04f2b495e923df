/* What a client of the HTTP door can take: time, memory, connections, and the server's end. Times
 * are the simulated world's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/unit/gateway/talk_http.h"

#define BOUNDS_POST "POST " TALK_HTTP_S

static void bounds_is_well(struct town_client *c)
{
    assert_int_equal(talk_http(c, "GET /livez", "", NULL).status, 200);
}

/* --- Time --- */

/* What a client sends, every `every_ms` one more byte of `slowly`, and how long it is let. */
static const struct bounds_slow_row {
    const char *name;
    const char *first;
    const char *slowly;
    uint64_t every_ms;
    uint64_t from_ms; /* it ends not before, */
    uint64_t to_ms;   /* and not after */
    uint16_t status;  /* with this answer; 0: none */
} bounds_slow_rows[] = {
    {"a client that says nothing has 75 s", NULL, NULL, 0, 74900, 76000, 0},
    {"a head that does not go on has 10 s", "GET /livez HT", NULL, 0, 9900, 11000, 408},
    {"a head that comes byte by byte has 10 s", "GET /livez HT",
     "TP/1.1\r\nHost: localhost\r\nA: b\r\nC: d\r\n", 1000, 9900, 11000, 408},
    {"a body that does not come has 30 s",
     BOUNDS_POST " HTTP/1.1\r\nHost: localhost\r\n" TALK_HTTP_JSON "Content-Length: 100\r\n\r\n",
     NULL, 0, 29900, 31000, 408},
    {"a body that comes byte by byte has 30 s",
     BOUNDS_POST " HTTP/1.1\r\nHost: localhost\r\n" TALK_HTTP_JSON "Content-Length: 100\r\n\r\n[",
     "1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1", 1000, 29900, 31000, 408},
    {"chunks that come byte by byte have 30 s",
     BOUNDS_POST " HTTP/1.1\r\nHost: localhost\r\n" TALK_HTTP_JSON
                 "Transfer-Encoding: chunked\r\n\r\n",
     "1;a=b;c=d;e=f;g=h\r\n[\r\n1;a=b;c=d;e=f;g=h\r\n1\r\n1;a=b;c=d", 1000, 29900, 31000, 408},
    {"a body that was asked for has 30 s",
     BOUNDS_POST " HTTP/1.1\r\nHost: localhost\r\n" TALK_HTTP_JSON
                 "Content-Length: 100\r\nExpect: 100-continue\r\n\r\n",
     NULL, 0, 29900, 31000, 408},
};

static void bounds_slow(void **state)
{
    const struct bounds_slow_row *row = *state;
    struct town *t = talk_http_town(1, 1);
    struct town_client *c = town_connect_http(t);
    struct town_client *other = town_connect_http(t);
    uint64_t before_ns = sim_now_ns(t->sim);
    if (row->first != NULL) {
        talk_http_say(c, row->first);
    }
    for (size_t i = 0; row->slowly != NULL && row->slowly[i] != '\0' && !c->is_ended; i++) {
        town_run(t, row->every_ms);
        town_bytes(c, row->slowly + i, 1);
        if (i % 5 == 0) {
            bounds_is_well(other);
        }
    }
    assert_true(town_is_ended(c, 100000));
    assert_in_range((sim_now_ns(t->sim) - before_ns) / RT_NS_PER_MS, row->from_ms, row->to_ms);
    struct talk_http_answer a = talk_http_answer(c);
    a = a.status == 100 ? talk_http_answer(c) : a;
    assert_int_equal(a.status, row->status);
    town_run(t, 1000);
    assert_int_equal(talk_http_connections(t), row->from_ms < 70000); /* of the other */
    talk_http_end(t);
}

/* The time begins anew with each request. */
static void a_connection_may_be_idle_for_75_s_between_requests(void **state)
{
    (void)state;
    struct town *t = talk_http_town(2, 1);
    struct town_client *c = town_connect_http(t);
    for (uint32_t i = 0; i < 5; i++) {
        town_run(t, 74000);
        bounds_is_well(c);
    }
    assert_false(town_is_ended(c, 74000));
    assert_true(town_is_ended(c, 2000));
    talk_http_end(t);
}

/* Each 100 kB take a second longer than the first 30. */
static void a_large_body_may_take_its_time(void **state)
{
    (void)state;
    struct town *t = talk_http_town(3, 1);
    struct town_client *c = town_connect_http(t);
    const size_t step = 110000;
    char *spaces = malloc(step);
    char headers[128];
    assert_non_null(spaces);
    memset(spaces, ' ', step);
    snprintf(headers, sizeof(headers), TALK_HTTP_JSON "Content-Length: %zu\r\n", 41 * step + 1);
    talk_http_ask(c, BOUNDS_POST, headers, NULL);
    for (uint32_t i = 0; i < 41; i++) {
        town_bytes(c, spaces, step);
        town_run(t, 1000);
        assert_false(c->is_ended);
    }
    talk_http_say(c, "7");
    assert_int_equal(talk_http_answer(c).status, 200);
    free(spaces);
    talk_http_end(t);
}

/* --- Clients that do not read --- */

/* So many events of 1,000 bytes in "s". */
static void bounds_fill(struct town *t, uint32_t count)
{
    struct town_client *c = town_connect_http(t);
    char *text = malloc(count * 1000);
    assert_non_null(text);
    memset(text, 'x', count * 1000);
    for (uint32_t i = 0; i < count; i++) {
        text[i * 1000] = '"';
        text[i * 1000 + 998] = '"';
        text[i * 1000 + 999] = '\n';
    }
    talk_http_ask_bytes(c, BOUNDS_POST, TALK_HTTP_NDJSON, text, count * 1000);
    assert_int_equal(talk_http_answer(c).status, 200);
    town_hang_up(c);
    free(text);
    town_run(t, 5000);
}

static void a_client_that_never_reads_is_ended_and_all_is_given_back(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    options.host.buffer_bytes = 64 << 10;
    struct town *t = talk_http_town_of(4, &options);
    town_start(t, 2);
    bounds_fill(t, 1000);
    struct town_client *other = town_connect_http(t);
    bounds_is_well(other);
    size_t before = talk_http_used_bytes(t);
    struct town_client *deaf[8];
    for (uint32_t i = 0; i < 8; i++) {
        deaf[i] = town_connect_http(t);
        deaf[i]->is_deaf = true;
        talk_http_ask(deaf[i], "GET " TALK_HTTP_S "?limit=1000", "", NULL);
        talk_http_ask(deaf[i], "GET " TALK_HTTP_S "?limit=1000", "", NULL);
    }
    for (uint32_t i = 0; i < 59; i++) {
        town_run(t, 1000);
        bounds_is_well(other);
        assert_true(talk_http_used_bytes(t) < before + (8 * 3 << 20));
    }
    assert_int_equal(talk_http_connections(t), 9);
    town_run(t, 20000);
    assert_int_equal(talk_http_connections(t), 1);
    assert_true(talk_http_used_bytes(t) < before + (512 << 10)); /* calls kept for others */
    talk_http_end(t);
}

/* Many of them hold a quarter of the memory and no more: others are let in, and what there is no
 * memory for is told so. */
static void answers_that_are_not_read_leave_memory_to_others(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    options.host.buffer_bytes = 64 << 10;
    struct town *t = talk_http_town_of(17, &options);
    town_start(t, 1);
    bounds_fill(t, 1000);
    size_t before = talk_http_used_bytes(t);
    struct town_client *last = NULL;
    for (uint32_t i = 0; i < 60; i++) { /* 1 MB each: more than the shard has */
        last = town_connect_http(t);
        last->is_deaf = i < 59;
        talk_http_ask(last, "GET " TALK_HTTP_S "?limit=1000", "", NULL);
        town_run(t, 100);
    }
    talk_http_assert_problem(talk_http_answer(last), 503, "overloaded");
    assert_true(talk_http_used_bytes(t) < before + (24 << 20));
    struct town_client *other = town_connect_http(t);
    bounds_is_well(other);
    town_run(t, 100000);
    other = town_connect_http(t);
    assert_int_equal(talk_http(other, "GET " TALK_HTTP_S "?limit=1000", "", NULL).status, 200);
    talk_http_end(t);
}

/* It reads in the end: nothing is missing. */
static void a_client_that_reads_late_gets_all(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    options.host.buffer_bytes = 64 << 10;
    struct town *t = talk_http_town_of(5, &options);
    town_start(t, 1);
    bounds_fill(t, 1000);
    struct town_client *c = town_connect_http(t);
    c->is_deaf = true;
    for (uint32_t i = 0; i < 3; i++) {
        talk_http_ask(c, "GET " TALK_HTTP_S "?limit=900", "", NULL);
    }
    town_run(t, 50000);
    c->is_deaf = false;
    town_listen(c);
    for (uint32_t i = 0; i < 3; i++) {
        struct talk_http_answer a = talk_http_answer(c);
        assert_int_equal(a.status, 200);
        assert_int_equal(talk_http_number(&a, "next_offset"), 900);
    }
    talk_http_end(t);
}

/* Whatever the client's window is full of when a body is asked for: there is an end. */
static void an_unread_100_continue_ends(void **state)
{
    (void)state;
    for (uint32_t count = 0; count < 24; count++) {
        struct sim_options options = sim_options_calm();
        options.host.buffer_bytes = 1000;
        options.host.segment_bytes = 500;
        options.host.reads_ahead_ppm = 0;
        options.host.sends_late_ppm = 0;
        struct town *t = talk_http_town_of(count, &options);
        town_start(t, 1);
        struct town_client *c = town_connect_http(t);
        c->is_deaf = true;
        for (uint32_t i = 0; i < count; i++) {
            talk_http_ask(c, i % 3 == 2 ? "HEAD /livez" : "GET /livez", "", NULL);
        }
        talk_http_ask(c, BOUNDS_POST,
                      TALK_HTTP_JSON "Expect: 100-continue\r\nContent-Length: 7\r\n", NULL);
        town_run(t, 200000);
        assert_int_equal(talk_http_connections(t), 0);
        talk_http_end(t);
    }
}

/* --- Memory --- */

/* Bodies that have begun hold what they may; one more is refused, and goes well when they are
 * gone. */
static void bodies_hold_a_quarter_of_the_memory(void **state)
{
    (void)state;
    struct town *t = talk_http_town(6, 1);
    struct town_client *begun[12];
    const size_t bytes = 2 << 20;
    char *spaces = malloc(bytes);
    char headers[128];
    assert_non_null(spaces);
    memset(spaces, ' ', bytes);
    snprintf(headers, sizeof(headers), TALK_HTTP_JSON "Content-Length: %zu\r\n", bytes + 1);
    size_t before = talk_http_used_bytes(t);
    uint32_t refused_count = 0;
    for (uint32_t i = 0; i < ARRAY_COUNT(begun); i++) {
        begun[i] = town_connect_http(t);
        talk_http_ask(begun[i], BOUNDS_POST, headers, NULL);
        town_bytes(begun[i], spaces, bytes);
        town_run(t, 200);
        if (talk_http_has_answer(begun[i])) {
            talk_http_assert_problem(talk_http_answer(begun[i]), 503, "overloaded");
            refused_count++;
            begun[i] = NULL;
        }
        assert_true(talk_http_used_bytes(t) < before + (20 << 20));
    }
    assert_in_range(refused_count, 4, 8);
    bounds_is_well(town_connect_http(t));
    for (uint32_t i = 0; i < ARRAY_COUNT(begun); i++) {
        if (begun[i] != NULL) {
            talk_http_say(begun[i], "7");
            assert_int_equal(talk_http_answer(begun[i]).status, 200);
        }
    }
    struct town_client *late = town_connect_http(t);
    talk_http_ask(late, BOUNDS_POST, headers, NULL);
    town_bytes(late, spaces, bytes);
    talk_http_say(late, "7");
    assert_int_equal(talk_http_answer(late).status, 200);
    free(spaces);
    talk_http_end(t);
}

/* A length is believed as far as it has come. */
static void a_claimed_length_takes_little_memory(void **state)
{
    (void)state;
    struct town *t = talk_http_town(7, 1);
    struct town_client *c[100];
    bounds_is_well(town_connect_http(t));
    size_t before = talk_http_used_bytes(t);
    for (uint32_t i = 0; i < 100; i++) {
        c[i] = town_connect_http(t);
        talk_http_ask(c[i], BOUNDS_POST, TALK_HTTP_JSON "Content-Length: 16000000\r\n", NULL);
        talk_http_say(c[i], "[1,2,3");
    }
    town_run(t, 1000);
    assert_true(talk_http_used_bytes(t) - before < 100 * (100 << 10));
    for (uint32_t i = 0; i < 100; i++) {
        assert_false(c[i]->is_ended);
    }
    talk_http_end(t);
}

/* Many small items take far more room than their body, and their answer takes some, too. Whatever
 * is missing: what is answered is true. */
static void without_memory_for_items_or_results_the_answer_is_true(void **state)
{
    (void)state;
    const uint32_t count = 65536;
    uint32_t refused_count = 0;
    uint32_t short_count = 0;
    char *text = malloc(2 * count + 1);
    assert_non_null(text);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(text + 2 * i, "1\n", 3);
    }
    for (uint32_t kib = 10 << 10; kib < 16 << 10; kib += 512) {
        struct sim_options options = sim_options_calm();
        options.host.memory_bytes = kib << 10;
        struct town *t = talk_http_town_of(8, &options);
        town_start(t, 1);
        struct town_client *c = town_connect_http(t);
        assert_int_equal(talk_http_append(c, "1"), 0);
        struct talk_http_answer a = talk_http(c, BOUNDS_POST, TALK_HTTP_NDJSON, text);
        bool is_done = a.status == 200;
        if (!is_done && a.status != 503 && a.status != 504) { /* 504: done or not */
            fail_msg("%u KiB: status %u: %.200s", kib, a.status, a.body);
        }
        refused_count += a.status == 503;
        short_count += is_done && strstr(a.body, "\"results\":[]") != NULL;
        assert_true(!is_done || talk_http_number(&a, "appended") == count);
        bool is_unknown = a.status == 504; /* of all batches: some may be there */
        uint64_t offset = talk_http_append(c, "1");
        assert_true(offset == (is_done ? 1 + count : 1) ||
                    (is_unknown && offset >= 1 && offset <= 1 + count));
        talk_http_end(t);
    }
    assert_in_range(refused_count, 1, 15); /* both happen */
    assert_in_range(short_count, 1, 15);
    free(text);
}

static void more_items_than_a_body_may_have_are_refused(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = 256 << 20;
    struct town *t = talk_http_town_of(9, &options);
    town_start(t, 2);
    struct town_client *c = town_connect_http(t);
    char *text = malloc(65537 * 2 + 1);
    assert_non_null(text);
    for (uint32_t i = 0; i < 65537; i++) {
        memcpy(text + 2 * i, "1\n", 3);
    }
    talk_http_assert_problem(talk_http(c, BOUNDS_POST, TALK_HTTP_NDJSON, text), 413,
                             "body_too_large");
    struct talk_http_answer a = talk_http(c, BOUNDS_POST, TALK_HTTP_NDJSON, text + 2);
    assert_int_equal(a.status, 200);
    assert_int_equal(talk_http_number(&a, "appended"), 65536);
    free(text);
    talk_http_end(t);
}

static void idle_connections_take_little(void **state)
{
    (void)state;
    struct town *t = talk_http_town(10, 2);
    struct town_client *idle[1000];
    struct town_client *other = town_connect_http(t);
    bounds_is_well(other);
    size_t before = talk_http_used_bytes(t);
    for (uint32_t i = 0; i < 1000; i++) {
        idle[i] = town_connect_http(t);
    }
    town_run(t, 1000);
    size_t silent = (talk_http_used_bytes(t) - before) / 1000;
    for (uint32_t i = 0; i < 1000; i++) {
        talk_http_say(idle[i], "GET /livez HTTP/1.1\r\nHost: lo");
    }
    town_run(t, 1000);
    size_t slow = (talk_http_used_bytes(t) - before) / 1000;
    print_message("bytes of a connection: silent %zu, in the middle of a head %zu\n", silent, slow);
    assert_true(silent < 2048);
    assert_true(slow < 10240);
    for (uint32_t i = 0; i < 1000; i++) {
        talk_http_say(idle[i], "calhost\r\n\r\n");
        assert_int_equal(talk_http_answer(idle[i]).status, 200);
    }
    town_run(t, 1000);
    assert_true(talk_http_used_bytes(t) - before < 1000 * 7500); /* calls kept for others */
    bounds_is_well(other);
    talk_http_end(t);
}

/* --- Connections --- */

/* The two doors take from one number, and each keeps a place for the one it waits for. */
static void both_doors_have_one_number_of_connections(void **state)
{
    (void)state;
    struct town *t = talk_http_town_of(11, NULL);
    t->core.connections_max = 4;
    town_start(t, 1);
    struct town_client *kafka[3];
    struct town_client *http = town_connect_http(t);
    for (uint32_t i = 0; i < 3; i++) {
        kafka[i] = town_connect(t);
    }
    bounds_is_well(http);
    assert_int_equal(talk_topic(kafka[0], "t"), 0);
    assert_int_equal(talk_topic(kafka[1], "t"), 0);
    struct town_client *late = town_connect_http(t);
    talk_http_ask(late, "GET /livez", "", NULL);
    town_run(t, 12000);
    assert_int_equal(town_core(t, 0)->connections_count, 4);
    assert_true(town_said(t, "new connections wait") >= 1);
    bounds_is_well(http);
    town_hang_up(kafka[0]);
    town_hang_up(kafka[1]);
    town_run(t, 1000);
    assert_int_equal(talk_topic(kafka[2], "t"), 0);
    assert_int_equal(talk_http_answer(late).status, 200);
    town_hang_up(late);
    town_hang_up(http);
    bounds_is_well(town_connect_http(t));
    talk_http_end(t);
}

/* Waiting clients' bytes keep no receive buffer from others. */
static void clients_that_wait_leave_receive_buffers_to_others(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    options.host.recv_buffers_count = 8;
    options.host.reads_ahead_ppm = 0; /* what the runtime reads ahead is its own affair */
    struct town *t = talk_http_town_of(12, &options);
    struct town_client *waiting[20];
    town_start(t, 1);
    struct town_client *other = town_connect_http(t);
    talk_http_append(other, "1");
    for (uint32_t i = 0; i < ARRAY_COUNT(waiting); i++) {
        waiting[i] = town_connect_http(t);
        for (uint32_t k = 0; k < 5; k++) {
            talk_http_ask(waiting[i], "GET " TALK_HTTP_S "?offset=latest&wait=3s", "", NULL);
        }
    }
    town_run(t, 1000);
    uint64_t before_ns = sim_now_ns(t->sim);
    bounds_is_well(other);
    assert_true(sim_now_ns(t->sim) - before_ns < RT_NS_PER_S);
    for (uint32_t i = 0; i < ARRAY_COUNT(waiting); i++) {
        for (uint32_t k = 0; k < 5; k++) {
            assert_int_equal(talk_http_answer(waiting[i]).status, 200);
        }
    }
    talk_http_end(t);
}

/* --- The server's end --- */

/* Also one that began only just: at any moment after the request left. */
static void waits_end_at_once_when_the_server_closes(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 60; i++) {
        struct town *t = talk_http_town(13, 1 + i % 3);
        struct town_client *c[3];
        talk_http_append(town_connect_http(t), "1");
        for (uint32_t k = 0; k < 3; k++) {
            c[k] = town_connect_http(t);
        }
        talk_http_ask(c[0], "GET " TALK_HTTP_S "?offset=1&wait=60s", "", NULL);
        talk_http_ask(c[1], "GET " TALK_HTTP_S "?offset=latest&wait=60s", "", NULL);
        talk_http_ask(c[2], "GET " TALK_HTTP_S "?timestamp=4000000000000&wait=60s", "", NULL);
        sim_run_for(t->sim, i < 40 ? i * 10000 : 20 * RT_NS_PER_MS);
        uint64_t before_ns = sim_now_ns(t->sim);
        town_close(t);
        assert_true(sim_now_ns(t->sim) - before_ns < 3 * RT_NS_PER_S);
        for (uint32_t k = 0; k < 3; k++) {
            struct talk_http_answer a = talk_http_answer(c[k]);
            assert_true(a.status == 200 || (a.status == 0 && i < 40)); /* it had not come */
            assert_true(a.status == 0 || talk_http_has(&a, "Connection", "close"));
            assert_true(town_is_ended(c[k], 1000));
        }
        town_free(t);
    }
}

/* What was let in is answered; what was answered is there. */
static void what_is_let_in_before_a_close_is_answered(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct town *t = talk_http_town(seed, 1 + (uint32_t)(seed % 3));
        struct town_client *c[6];
        int64_t answers_count = 0;
        int64_t offset;
        for (uint32_t i = 0; i < 6; i++) {
            c[i] = town_connect_http(t);
            for (uint32_t k = 0; k < 50; k++) {
                talk_http_ask(c[i], BOUNDS_POST, TALK_HTTP_JSON, "{\"some\":\"event\"}");
            }
        }
        sim_run_for(t->sim, seed * 100000);
        town_close(t);
        for (uint32_t i = 0; i < 6; i++) {
            for (;;) {
                struct talk_http_answer a = talk_http_answer(c[i]);
                if (a.status == 0) {
                    break;
                }
                assert_int_equal(a.status, 200);
                answers_count++;
            }
            assert_int_equal(c[i]->in_bytes, 0);
        }
        town_start(t, 2);
        int16_t code = talk_list_offset(town_connect(t), "s", 0, -1, &offset);
        assert_int_equal(code == 0 ? offset : 0, answers_count);
        talk_http_end(t);
    }
}

/* Nobody holds up the end: idle ones, begun heads and bodies, answers that are not read. */
static void clients_do_not_hold_up_the_close(void **state)
{
    (void)state;
    struct town *t = talk_http_town(14, 2);
    bounds_fill(t, 1000);
    static const char *const texts[] = {
        "GET /livez HT",
        BOUNDS_POST " HTTP/1.1\r\nHost: localhost\r\n" TALK_HTTP_JSON "Content-Length: 9\r\n\r\n",
        BOUNDS_POST " HTTP/1.1\r\nHost: localhost\r\n" TALK_HTTP_JSON
                    "Content-Length: 9\r\nExpect: 100-continue\r\n\r\n",
        BOUNDS_POST " HTTP/1.1\r\nHost: localhost\r\n" TALK_HTTP_JSON
                    "Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n",
        "GET " TALK_HTTP_S "?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        "GET " TALK_HTTP_S "?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    };
    town_connect_http(t);
    for (uint32_t i = 0; i < 2 * ARRAY_COUNT(texts); i++) {
        struct town_client *c = town_connect_http(t);
        c->is_deaf = i % 2 == 1 || i >= 8;
        talk_http_say(c, texts[i / 2]);
    }
    town_run(t, 1000);
    uint64_t before_ns = sim_now_ns(t->sim);
    town_close(t);
    assert_true(sim_now_ns(t->sim) - before_ns < 6 * RT_NS_PER_S);
    town_free(t);
}

static void a_client_that_leaves_while_it_waits_is_forgotten(void **state)
{
    static const char *const lines[] = {"GET " TALK_HTTP_S "?offset=1&wait=60s",
                                        "GET " TALK_HTTP_S "?offset=latest&wait=60s",
                                        "GET " TALK_HTTP_S "?timestamp=4000000000000&wait=60s"};
    (void)state;
    struct town *t = talk_http_town(15, 3);
    talk_http_append(town_connect_http(t), "1");
    for (uint32_t i = 0; i < 9; i++) {
        struct town_client *c = town_connect_http(t);
        talk_http_ask(c, lines[i % 3], "", NULL);
        town_run(t, 1000);
        assert_int_equal(talk_http_connections(t), 2);
        town_hang_up(c);
        town_run(t, 1000);
        assert_int_equal(talk_http_connections(t), 1);
    }
    talk_http_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_may_be_idle_for_75_s_between_requests),
        cmocka_unit_test(a_large_body_may_take_its_time),
        cmocka_unit_test(a_client_that_never_reads_is_ended_and_all_is_given_back),
        cmocka_unit_test(answers_that_are_not_read_leave_memory_to_others),
        cmocka_unit_test(a_client_that_reads_late_gets_all),
        cmocka_unit_test(an_unread_100_continue_ends),
        cmocka_unit_test(bodies_hold_a_quarter_of_the_memory),
        cmocka_unit_test(a_claimed_length_takes_little_memory),
        cmocka_unit_test(without_memory_for_items_or_results_the_answer_is_true),
        cmocka_unit_test(more_items_than_a_body_may_have_are_refused),
        cmocka_unit_test(idle_connections_take_little),
        cmocka_unit_test(both_doors_have_one_number_of_connections),
        cmocka_unit_test(clients_that_wait_leave_receive_buffers_to_others),
        cmocka_unit_test(waits_end_at_once_when_the_server_closes),
        cmocka_unit_test(what_is_let_in_before_a_close_is_answered),
        cmocka_unit_test(clients_do_not_hold_up_the_close),
        cmocka_unit_test(a_client_that_leaves_while_it_waits_is_forgotten),
    };
    struct CMUnitTest slow[ARRAY_COUNT(bounds_slow_rows)];
    for (size_t i = 0; i < ARRAY_COUNT(bounds_slow_rows); i++) {
        slow[i] = (struct CMUnitTest){.name = bounds_slow_rows[i].name,
                                      .test_func = bounds_slow,
                                      .initial_state = (void *)(uintptr_t)&bounds_slow_rows[i]};
    }
    int failed = cmocka_run_group_tests_name("gateway_bounds", tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("gateway_bounds: slow clients", slow, NULL, NULL);
    return failed;
}
