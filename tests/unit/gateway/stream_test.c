/* Answers that are written while they leave: what comes of them at clients that read, read late,
 * read never, go away in the middle, speak HTTP/1.0 or ask on meanwhile. The routes are this
 * test's own: /stream writes as many bytes as it is asked for, /well answers at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rt/op.h"
#include "broker/core/core.h"
#include "broker/gateway/route.h"
#include "tests/support/cmocka.h"
#include "tests/unit/gateway/talk_http.h"

/* What the handlers saw. */
static struct stream_seen {
    uint32_t cancels_count;  /* calls that were canceled */
    uint32_t drains_count;   /* calls of `drained` */
    uint32_t releases_count; /* calls that are gone */
    uint64_t held_bytes_max; /* of a call, written and not sent */
} seen;

/* A call's work. */
struct stream_work {
    struct http_call *call; /* whose */
    struct rt_op op;        /* of a pause */
    uint64_t left;          /* bytes still to be written */
    uint64_t pos;           /* of those written: what the next byte is */
    uint64_t step;          /* bytes of a flush */
    uint64_t pauses;        /* pause behind each flush */
    uint64_t ends;          /* 0: whole; 1: cut; 2: with a problem */
    bool is_paused;         /* `op` waits */
    bool is_canceled;       /* to be ended */
};

static void stream_run(struct stream_work *work);

static void stream_resumed(struct rt_op *op)
{
    struct stream_work *work = CONTAINER_OF(op, struct stream_work, op);
    work->is_paused = false;
    stream_run(work);
}

static void stream_drained(struct http_call *call)
{
    seen.drains_count++;
    stream_run(call->state);
}

static void stream_cancel(struct http_call *call)
{
    struct stream_work *work = call->state;
    seen.cancels_count++;
    work->is_canceled = true;
    if (!work->is_paused) {
        stream_run(work);
    }
}

static void stream_release(struct http_call *call)
{
    (void)call;
    seen.releases_count++;
}

static void stream_end(struct stream_work *work)
{
    struct http_call *call = work->call;
    bool is_broken = work->is_canceled || work->ends > 0;
    if (!is_broken) {
        http_end(call);
    } else if (call->has_left) {
        http_break(call);
    } else {
        http_problem(call, HTTP_CLOSING, NULL);
    }
}

static void stream_run(struct stream_work *work)
{
    struct http_call *call = work->call;
    while (work->left > 0 && !work->is_canceled) {
        uint64_t step = work->step < work->left ? work->step : work->left;
        for (uint64_t done = 0, bytes; done < step; done += bytes, work->pos += bytes) {
            bytes = 23 - work->pos % 23 < step - done ? 23 - work->pos % 23 : step - done;
            http_put(call, &"abcdefghijklmnopqrstuvw"[work->pos % 23], bytes);
        }
        work->left -= step;
        bool has_room = http_flush(call);
        seen.held_bytes_max =
            call->out.bytes > seen.held_bytes_max ? call->out.bytes : seen.held_bytes_max;
        if (!has_room) {
            return;
        }
        if (work->pauses > 0) {
            work->is_paused = true;
            rt_op_defer(&work->op);
            return;
        }
    }
    stream_end(work);
}

static void stream_handle(struct http_call *call)
{
    struct stream_work *work = http_alloc(call, sizeof(*work));
    assert_non_null(work);
    work->call = call;
    call->state = work;
    call->release = stream_release;
    rt_op_init(&work->op, call->cs->shard, stream_resumed);
    bool is_read = http_query_u64(call, "bytes", 0, 1u << 30, 0, &work->left) &&
                   http_query_u64(call, "step", 1, 1u << 30, 1000, &work->step) &&
                   http_query_u64(call, "pauses", 0, 1, 0, &work->pauses) &&
                   http_query_u64(call, "ends", 0, 2, 0, &work->ends);
    assert_true(is_read);
    http_begin(call, 200, "text/plain", stream_drained);
    http_wait(call, stream_cancel);
    if (!work->is_canceled) {
        stream_run(work);
    }
}

static void stream_handle_well(struct http_call *call)
{
    http_put_text(call, "well");
    http_answer(call, 200, "text/plain");
}

const struct http_route http_routes[] = {
    {.method = HTTP1_GET, .path = "/stream", .handle = stream_handle, .doc = ""},
    {.method = HTTP1_GET, .path = "/well", .handle = stream_handle_well, .doc = ""},
};
const size_t http_routes_count = ARRAY_COUNT(http_routes);

/* --- Reading --- */

static struct town *stream_town(uint64_t seed, const struct sim_options *options)
{
    seen = (struct stream_seen){0};
    struct town *t = talk_http_town_of(seed, options);
    town_start(t, 1);
    return t;
}

static struct sim_options stream_narrow(void)
{
    struct sim_options options = sim_options_calm();
    options.host.buffer_bytes = 64 << 10;
    return options;
}

static void stream_is(const char *body, size_t length, uint64_t wanted)
{
    assert_int_equal(length, wanted);
    for (size_t i = 0; i < length; i++) {
        assert_true(body[i] == (char)('a' + i % 23));
    }
}

static void stream_is_whole(const struct talk_http_answer *a, uint64_t wanted)
{
    assert_int_equal(a->status, 200);
    stream_is(a->body, a->body_bytes, wanted);
}

static void stream_is_well(struct town_client *c)
{
    struct talk_http_answer a = talk_http(c, "GET /well", "", NULL);
    assert_string_equal(a.body, "well");
}

static const struct stream_row {
    const char *name;
    const char *query;
    uint64_t bytes;
    bool is_chunked;
} stream_rows[] = {
    {"an answer of nothing has its length", "bytes=0", 0, false},
    {"one of a byte comes in a chunk once it is flushed", "bytes=1", 1, true},
    {"one flush", "bytes=1000&step=1000", 1000, true},
    {"many flushes before any has left", "bytes=200000&step=7", 200000, true},
    {"a flush as large as what a connection may hold", "bytes=262144&step=262144", 262144, true},
    {"flushes far larger than that", "bytes=4000000&step=1000000", 4000000, true},
    {"far more than it may hold, little by little", "bytes=8000000&step=30000", 8000000, true},
    {"with pauses between", "bytes=300000&step=1000&pauses=1", 300000, true},
    {"a byte at a time, with pauses between", "bytes=500&step=1&pauses=1", 500, true},
};

static void stream_comes_whole(void **state)
{
    const struct stream_row *row = *state;
    struct town *t = stream_town(1, NULL);
    struct town_client *c = town_connect_http(t);
    char line[128];
    snprintf(line, sizeof(line), "GET /stream?%s", row->query);
    for (uint32_t i = 0; i < (row->bytes > 1000000 ? 1 : 3); i++) {
        struct talk_http_answer a = talk_http(c, line, "", NULL);
        stream_is_whole(&a, row->bytes);
        assert_int_equal(talk_http_is_chunked(&a), row->is_chunked);
        stream_is_well(c);
    }
    assert_int_equal(seen.cancels_count, 0);
    talk_http_end(t);
}

static void nothing_flushed_may_still_become_a_problem(void **state)
{
    (void)state;
    struct town *t = stream_town(2, NULL);
    struct town_client *c = town_connect_http(t);
    struct talk_http_answer a = talk_http(c, "GET /stream?bytes=0&ends=2", "", NULL);
    talk_http_assert_problem(a, 503, "closing");
    stream_is_well(c);
    talk_http_end(t);
}

static void a_cut_answer_ends_without_its_last_chunk(void **state)
{
    (void)state;
    struct town *t = stream_town(3, NULL);
    struct town_client *c = town_connect_http(t);
    talk_http_ask(c, "GET /stream?bytes=5000&step=1000&pauses=1&ends=1", "", NULL);
    assert_true(town_is_ended(c, 5000));
    assert_false(talk_http_has_answer(c));
    const char *body = memmem(c->in, c->in_bytes, "\r\n\r\n", 4);
    assert_non_null(body);
    assert_memory_equal(body + 4, "3e8\r\nabc", 8);
    assert_null(memmem(c->in, c->in_bytes, "\r\n0\r\n", 5));
    talk_http_end(t);
}

static void a_head_alone_is_answered_to_head(void **state)
{
    (void)state;
    struct town *t = stream_town(4, NULL);
    struct town_client *c = town_connect_http(t);
    talk_http_ask(c, "HEAD /stream?bytes=1000000", "", NULL);
    struct talk_http_answer a = talk_http_answer_to_head(c);
    assert_int_equal(a.status, 200);
    assert_true(talk_http_is_chunked(&a));
    stream_is_well(c);
    talk_http_end(t);
}

static void http_1_0_reads_up_to_the_close(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, 1000, 3000000};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct town *t = stream_town(5, NULL);
        struct town_client *c = town_connect_http(t);
        char request[128];
        snprintf(request, sizeof(request),
                 "GET /stream?bytes=%llu HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                 (unsigned long long)sizes[i]);
        talk_http_say(c, request);
        assert_true(town_is_ended(c, 20000));
        const char *head = (const char *)c->in;
        const char *body = memmem(head, c->in_bytes, "\r\n\r\n", 4);
        assert_non_null(body);
        size_t head_bytes = (size_t)(body - head) + 4;
        assert_null(memmem(head, head_bytes, "Transfer-Encoding", 17));
        assert_null(memmem(head, head_bytes, "Content-Length", 14));
        assert_non_null(memmem(head, head_bytes, "Connection: close", 17));
        stream_is(head + head_bytes, c->in_bytes - head_bytes, sizes[i]);
        talk_http_end(t);
    }
}

static void what_is_asked_behind_a_stream_waits_for_it(void **state)
{
    (void)state;
    struct town *t = stream_town(6, NULL);
    struct town_client *c = town_connect_http(t);
    for (uint32_t i = 0; i < 20; i++) {
        talk_http_ask(c, "GET /stream?bytes=150000&step=5000&pauses=1", "", NULL);
        talk_http_ask(c, "GET /well", "", NULL);
    }
    for (uint32_t i = 0; i < 20; i++) {
        struct talk_http_answer a = talk_http_answer(c);
        stream_is_whole(&a, 150000);
        a = talk_http_answer(c);
        assert_string_equal(a.body, "well");
    }
    talk_http_end(t);
}

/* --- Clients that do not read --- */

static void a_client_that_reads_late_holds_little_and_gets_all(void **state)
{
    (void)state;
    struct sim_options options = stream_narrow();
    struct town *t = stream_town(7, &options);
    struct town_client *c = town_connect_http(t);
    struct town_client *other = town_connect_http(t);
    c->is_deaf = true;
    talk_http_ask(c, "GET /stream?bytes=2000000&step=10000", "", NULL);
    talk_http_ask(c, "GET /well", "", NULL);
    size_t before = talk_http_used_bytes(t);
    for (uint32_t i = 0; i < 50; i++) {
        town_run(t, 1000);
        stream_is_well(other);
        assert_true(talk_http_used_bytes(t) < before + (2 << 20));
    }
    assert_int_equal(seen.cancels_count, 0);
    assert_in_range(seen.held_bytes_max, HTTP_STREAM_BYTES_MAX, HTTP_STREAM_BYTES_MAX + 10000);
    c->is_deaf = false;
    town_listen(c);
    struct talk_http_answer a = talk_http_answer(c);
    stream_is_whole(&a, 2000000);
    assert_true(seen.drains_count > 5);
    a = talk_http_answer(c);
    assert_string_equal(a.body, "well");
    talk_http_end(t);
}

/* It has as long for what one send takes as for any other answer. */
static void a_client_that_never_reads_is_ended(void **state)
{
    (void)state;
    struct sim_options options = stream_narrow();
    struct town *t = stream_town(8, &options);
    struct town_client *deaf[8];
    struct town_client *other = town_connect_http(t);
    stream_is_well(other);
    size_t before = talk_http_used_bytes(t);
    for (uint32_t i = 0; i < ARRAY_COUNT(deaf); i++) {
        deaf[i] = town_connect_http(t);
        deaf[i]->is_deaf = true;
        talk_http_ask(deaf[i], "GET /stream?bytes=2000000&step=10000", "", NULL);
    }
    for (uint32_t i = 0; i < 59; i++) {
        town_run(t, 1000);
        stream_is_well(other);
    }
    assert_int_equal(seen.cancels_count, 0);
    assert_int_equal(talk_http_connections(t), 9);
    town_run(t, 20000);
    assert_int_equal(seen.cancels_count, ARRAY_COUNT(deaf));
    assert_int_equal(talk_http_connections(t), 1);
    assert_true(talk_http_used_bytes(t) < before + (512 << 10));
    talk_http_end(t);
}

static void a_client_that_goes_in_the_middle_ends_the_work(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "GET /stream?bytes=2000000&step=10000",           /* it waits for room */
        "GET /stream?bytes=200000000&step=1000&pauses=1", /* it works */
    };
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct sim_options options = stream_narrow();
        struct town *t = stream_town(seed, &options);
        struct town_client *c = town_connect_http(t);
        c->is_deaf = seed % 2 == 0;
        talk_http_ask(c, lines[seed % 2], "", NULL);
        sim_run_for(t->sim, 10 * RT_NS_PER_MS + seed * 100000);
        town_hang_up(c);
        town_run(t, 2000);
        assert_int_equal(seen.cancels_count, 1);
        assert_int_equal(seen.releases_count, 1);
        assert_int_equal(talk_http_connections(t), 0);
        talk_http_end(t);
    }
}

/* --- The server --- */

static void a_close_ends_streams_soon(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct sim_options options = stream_narrow();
        struct town *t = stream_town(seed, &options);
        struct town_client *c[3];
        for (uint32_t i = 0; i < 3; i++) {
            c[i] = town_connect_http(t);
            c[i]->is_deaf = i == 0;
            talk_http_ask(c[i],
                          i == 2 ? "GET /stream?bytes=200000000&step=1000&pauses=1"
                                 : "GET /stream?bytes=2000000&step=10000",
                          "", NULL);
        }
        sim_run_for(t->sim, 10 * RT_NS_PER_MS + seed * 200000);
        uint64_t before_ns = sim_now_ns(t->sim);
        town_close(t);
        assert_true(sim_now_ns(t->sim) - before_ns < 4 * RT_NS_PER_S);
        assert_in_range(seen.cancels_count, 2, 3); /* the second may have been done */
        assert_int_equal(seen.releases_count, 3);
        town_free(t);
    }
}

/* Streams that nobody reads leave memory to others; one that finds none is cut, not wrong. */
static void without_memory_a_stream_is_cut(void **state)
{
    (void)state;
    struct sim_options options = stream_narrow();
    options.host.memory_bytes = 24 << 20;
    struct town *t = stream_town(9, &options);
    struct town_client *c[60];
    for (uint32_t i = 0; i < ARRAY_COUNT(c); i++) {
        c[i] = town_connect_http(t);
        c[i]->is_deaf = true;
        talk_http_ask(c[i], "GET /stream?bytes=2000000&step=10000", "", NULL);
        town_run(t, 50);
    }
    struct town_client *other = town_connect_http(t);
    stream_is_well(other);
    uint32_t whole_count = 0;
    uint32_t refused_count = 0;
    for (uint32_t i = 0; i < ARRAY_COUNT(c); i++) {
        c[i]->is_deaf = false;
        town_listen(c[i]);
        struct talk_http_answer a = talk_http_answer(c[i]);
        if (a.status == 200) {
            stream_is_whole(&a, 2000000);
        }
        whole_count += a.status == 200;
        refused_count += a.status != 200;
    }
    assert_in_range(whole_count, 5, 59); /* both happen */
    assert_in_range(refused_count, 1, 55);
    talk_http_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_flushed_may_still_become_a_problem),
        cmocka_unit_test(a_cut_answer_ends_without_its_last_chunk),
        cmocka_unit_test(a_head_alone_is_answered_to_head),
        cmocka_unit_test(http_1_0_reads_up_to_the_close),
        cmocka_unit_test(what_is_asked_behind_a_stream_waits_for_it),
        cmocka_unit_test(a_client_that_reads_late_holds_little_and_gets_all),
        cmocka_unit_test(a_client_that_never_reads_is_ended),
        cmocka_unit_test(a_client_that_goes_in_the_middle_ends_the_work),
        cmocka_unit_test(a_close_ends_streams_soon),
        cmocka_unit_test(without_memory_a_stream_is_cut),
    };
    struct CMUnitTest rows[ARRAY_COUNT(stream_rows)];
    for (size_t i = 0; i < ARRAY_COUNT(stream_rows); i++) {
        rows[i] = (struct CMUnitTest){.name = stream_rows[i].name,
                                      .test_func = stream_comes_whole,
                                      .initial_state = (void *)(uintptr_t)&stream_rows[i]};
    }
    int failed = cmocka_run_group_tests_name("gateway_stream", tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("gateway_stream: whole answers", rows, NULL, NULL);
    return failed;
}
