/* Any bytes on a connection to the HTTP door of a whole broker, in a simulated world
 * (tests/unit/kafka/town.h). A client sends them in pieces, after valid requests if the input says
 * so, and leaves as it says. Then holds:
 *
 *  - an honest client on another connection is answered meanwhile, and soon;
 *  - answers come in the order of the requests, as the codec finds them, and to nothing else; each
 *    is whole and what its head says; who ends his side only gets them all, up to one that ends the
 *    connection;
 *  - when the connection is gone the door holds no more than it held before it came, and the broker
 *    no more buffers, unless something was appended.
 *
 * A world lasts for many inputs, as fuzz_kafka_conn.c's does; tape.h keeps them.
 *
 *     flags          1: an append first; 2: then a read that waits; 4: then the head of an append
 *                    in chunks; 8: each piece arrives before the next one is sent; 16: the client
 *                    reads nothing; 32: the honest one appends, else it asks for /livez; 64, 128:
 *                    how it leaves, enum fuzz_way
 *     first, later   bytes of the first piece and of each later one; 0: all that is left
 *     the rest       what is sent */
#include <stdlib.h>
#include <string.h>

#include "broker/core/core.h"
#include "broker/gateway/door.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/libfuzzer.h"
#include "tests/fuzz/tape.h"
#include "tests/support/json_strict.h"
#include "tests/unit/gateway/talk_http.h"

#define FUZZ_INPUT_BYTES_MAX 2048

/* What is sent: openings and an input. */
#define FUZZ_STREAM_BYTES (4u << 10)

/* Requests of a stream: each has a line. */
#define FUZZ_REQUESTS_MAX (FUZZ_STREAM_BYTES / 8)

/* Pieces; the last one is all that is left. */
#define FUZZ_PIECES_MAX 16u
#define FUZZ_PAUSE_NS   RT_NS_PER_MS

/* How long the honest client may wait, how long the broker may take to forget a connection: a wait
 * with requests behind it is not looked after; and to answer all that are half closed: many waits.
 */
#define FUZZ_ANSWER_NS (5 * RT_NS_PER_S)
#define FUZZ_QUIET_MS  70000u
#define FUZZ_HALF_MS   4000000u

/* When a world is old, and what may come to be held in it. */
#define FUZZ_INPUTS_MAX     (TAPE_BYTES / FUZZ_INPUT_BYTES_MAX - 64)
#define FUZZ_PARTITIONS_MAX 48u
#define FUZZ_GROWN_BYTES    (16u << 20)

/* Connections of a quiet door: the honest client's, and the one that would be accepted next. */
#define FUZZ_CONNS 2u

/* Answers whose JSON may be deeper than the strict reader goes are not held to it. */
#define FUZZ_DEPTH_MAX 400u

enum fuzz_flag {
    FUZZ_APPEND = 1,
    FUZZ_WAIT = 2,
    FUZZ_CHUNKS = 4,
    FUZZ_PAUSES = 8,
    FUZZ_DEAF = 16,
    FUZZ_BUSY = 32,
};

enum fuzz_way {
    FUZZ_WAY_NOW,  /* both sides, while answers may be on their way */
    FUZZ_WAY_LATE, /* both, a little later */
    FUZZ_WAY_HALF, /* its own side, and waits for the broker's */
    FUZZ_WAY_HALF_TOO,
};

/* Bytes to be sent. */
struct fuzz_stream {
    uint8_t data[FUZZ_STREAM_BYTES];
    size_t length;
};

/* A request in a stream, as the codec finds it. */
struct fuzz_asked {
    uint16_t refused;  /* the codec's status; 0: it takes it */
    bool is_head;      /* it gets no body */
    bool has_continue; /* it may get an interim answer */
    bool is_cut;       /* its end is missing: it gets no answer, or a refusal */
};

/* What a stream asks for. */
struct fuzz_look {
    struct fuzz_asked asked[FUZZ_REQUESTS_MAX]; /* in order */
    uint32_t asked_count;                       /* of them */
    bool may_change;                            /* something may be kept that was not */
};

/* A world, and what it holds when no connection but the honest client's is there. */
static struct {
    struct town *t;             /* NULL: no world */
    struct town_client *honest; /* a client that asks and waits */
    struct town_client *guest;  /* the one that sends the input's bytes */
    struct tape tape;           /* the inputs of this world */
    size_t door_bytes;          /* of the door's budget, at most */
    size_t first_bytes;         /* of the shard's budget, at first */
    uint64_t disk_sequence;     /* changes of the disk, after the last input */
    size_t pinned_bytes;        /* of the core's buffers, likewise */
    uint32_t bufs_count;        /* of them */
    uint32_t inputs_count;      /* so far */
    uint32_t number;            /* of worlds so far */
} fuzz;

static const char fuzz_append[] =
    "POST /api/v1/streams/t/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
    "application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
static const char fuzz_wait[] = "GET /api/v1/streams/t/events?offset=latest&wait=50ms "
                                "HTTP/1.1\r\nHost: localhost\r\n\r\n";
static const char fuzz_chunks[] = "POST /api/v1/streams/t/events HTTP/1.1\r\nHost: localhost\r\n"
                                  "Content-Type: application/json\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n";

/* --- Worlds --- */

static void fuzz_note(void)
{
    const struct core_shard *cs = town_core(fuzz.t, 0);
    fuzz.disk_sequence = sim_disk_sequence(sim_node_disk(fuzz.t->machine));
    fuzz.pinned_bytes = cs->bufs.pinned_bytes;
    fuzz.bufs_count = cs->bufs.bufs_count;
}

/* Nothing is under way but the next accept. */
static bool fuzz_is_quiet(void *ctx)
{
    const struct http_door *door = town_http_door(fuzz.t, 0);
    (void)ctx;
    return door->conn_pool.in_use_count == FUZZ_CONNS &&
           door->call_pool.in_use_count == door->idle_calls_count;
}

static bool fuzz_has_left(void *ctx)
{
    return ((struct town_client *)ctx)->is_closed && fuzz_is_quiet(ctx);
}

static void fuzz_honest(bool is_busy)
{
    uint64_t before_ns = sim_now_ns(fuzz.t->sim);
    talk_http_say(fuzz.honest,
                  is_busy ? fuzz_append : "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    uint16_t status = talk_http_answer(fuzz.honest).status;
    ASSERT(status == 200);
    ASSERT(sim_now_ns(fuzz.t->sim) - before_ns <= FUZZ_ANSWER_NS);
}

/* As many calls at a time as there will ever be: what the door keeps to use again is there. */
static void fuzz_warm_up(void)
{
    struct town_client *busy = town_connect_http(fuzz.t);
    talk_http_say(busy, fuzz_wait);
    town_run(fuzz.t, 10);
    fuzz_honest(true);
    uint16_t status = talk_http_answer(busy).status;
    ASSERT(status == 200);
    town_hang_up(busy);
    bool has_left = town_run_until(fuzz.t, fuzz_has_left, busy, FUZZ_QUIET_MS);
    ASSERT(has_left);
    town_forget(busy);
    ASSERT(town_http_door(fuzz.t, 0)->idle_calls_count == 2);
}

static void fuzz_world_begin(uint32_t number)
{
    fuzz.number = number;
    fuzz.inputs_count = 0;
    fuzz.t = talk_http_town(number, 1);
    fuzz.honest = town_connect_http(fuzz.t);
    fuzz_honest(true);
    fuzz_warm_up();
    fuzz.door_bytes = town_http_door(fuzz.t, 0)->budget.used_bytes;
    fuzz.first_bytes = rt_shard_budget(sim_node_shard(fuzz.t->machine, 0))->used_bytes;
    fuzz_note();
    tape_begin(&fuzz.tape, number);
}

/* The broker closes, and asserts that it holds nothing. */
static void fuzz_world_end(void)
{
    town_close(fuzz.t);
    town_free(fuzz.t);
    fuzz.t = NULL;
}

static bool fuzz_world_is_old(void)
{
    const struct core_shard *cs = town_core(fuzz.t, 0);
    return fuzz.inputs_count >= FUZZ_INPUTS_MAX ||
           cs->catalog->partitions_count > FUZZ_PARTITIONS_MAX ||
           rt_shard_budget(cs->shard)->used_bytes > fuzz.first_bytes + FUZZ_GROWN_BYTES;
}

/* --- What is sent --- */

static void fuzz_add(struct fuzz_stream *s, const void *data, size_t length)
{
    ASSERT(length <= sizeof(s->data) - s->length);
    memcpy(s->data + s->length, data, length);
    s->length += length;
}

static void fuzz_make_stream(struct fuzz_stream *s, uint8_t flags, struct bytes_reader *r)
{
    s->length = 0;
    if ((flags & FUZZ_APPEND) != 0) {
        fuzz_add(s, fuzz_append, sizeof(fuzz_append) - 1);
    }
    if ((flags & FUZZ_WAIT) != 0) {
        fuzz_add(s, fuzz_wait, sizeof(fuzz_wait) - 1);
    }
    if ((flags & FUZZ_CHUNKS) != 0) {
        fuzz_add(s, fuzz_chunks, sizeof(fuzz_chunks) - 1);
    }
    size_t left = bytes_reader_left(r);
    fuzz_add(s, bytes_get_view(r, left), left);
}

/* Pass the body of `head`, whose bytes begin at *pos. False: its end is missing, or wrong. */
static bool fuzz_pass_body(const struct fuzz_stream *s, const struct http1_request *head,
                           size_t *pos)
{
    struct http1_chunks chunks;
    struct http_text run;
    size_t left = s->length - *pos;
    if (head->body != HTTP1_BODY_CHUNKED) {
        *pos += head->content_length < left ? (size_t)head->content_length : left;
        return head->content_length <= left;
    }
    http1_chunks_init(&chunks, LIMIT_BATCH_BYTES);
    for (;;) {
        size_t used;
        switch (http1_chunks_read(&chunks, s->data + *pos, s->length - *pos, &run, &used)) {
        case HTTP1_BODY: *pos += used; break;
        case HTTP1_DONE: *pos += used; return true;
        case HTTP1_MORE:
        case HTTP1_REFUSED: return false;
        }
    }
}

/* The requests of the stream, up to one that ends the connection. */
static void fuzz_look_at(struct fuzz_look *look, const struct fuzz_stream *s)
{
    look->asked_count = 0;
    look->may_change = false;
    for (size_t pos = 0; pos < s->length;) {
        static struct http1_request head;
        struct http1_reader reader;
        struct fuzz_asked *asked = &look->asked[look->asked_count++];
        ASSERT(look->asked_count < FUZZ_REQUESTS_MAX);
        *asked = (struct fuzz_asked){.refused = 0};
        http1_reader_reset(&reader);
        enum http1_result result = http1_read_head(&reader, s->data + pos, s->length - pos, &head);
        asked->is_cut = result == HTTP1_MORE;
        asked->refused = reader.status;
        asked->is_head = head.method == HTTP1_HEAD;
        if (result != HTTP1_DONE) {
            return;
        }
        pos += head.head_bytes;
        look->may_change |= head.method == HTTP1_POST;
        asked->has_continue = head.expects_continue;
        asked->is_cut = !fuzz_pass_body(s, &head, &pos);
        if (asked->is_cut || !head.keep_alive) {
            return;
        }
    }
}

static void fuzz_send(const struct fuzz_stream *s, uint8_t first, uint8_t later, bool has_pauses)
{
    size_t bytes = first;
    size_t pos = 0;
    for (uint32_t i = 1; pos < s->length; i++) {
        size_t left = s->length - pos;
        bytes = i == FUZZ_PIECES_MAX || bytes == 0 || bytes > left ? left : bytes;
        town_bytes(fuzz.guest, s->data + pos, bytes);
        pos += bytes;
        bytes = later;
        if (has_pauses) {
            sim_run_for(fuzz.t->sim, FUZZ_PAUSE_NS);
        }
    }
}

/* --- What must hold --- */

static bool fuzz_is_deep(const char *text, size_t length)
{
    uint32_t count = 0;
    for (size_t i = 0; i < length; i++) {
        count += text[i] == '[' || text[i] == '{';
    }
    return count > FUZZ_DEPTH_MAX;
}

/* The next answer at *pos of what the guest received, if it is whole. */
static bool fuzz_next_answer(size_t *pos, bool is_head, struct talk_http_answer *a)
{
    char length[TALK_HTTP_VALUE_BYTES];
    const char *at = (const char *)fuzz.guest->in + *pos;
    size_t left = fuzz.guest->in_bytes - *pos;
    const char *end = left > 0 ? memmem(at, left, "\r\n\r\n", 4) : NULL;
    if (end == NULL) {
        return false;
    }
    *a = (struct talk_http_answer){.head = at, .head_bytes = (size_t)(end - at) + 4};
    ASSERT(a->head_bytes > 13);
    ASSERT(memcmp(at, "HTTP/1.1 ", 9) == 0);
    a->status = (uint16_t)strtoul(at + 9, NULL, 10);
    ASSERT(a->status == 100 || (a->status >= 200 && a->status < 600));
    a->body = at + a->head_bytes;
    bool has_length = talk_http_header(a, "Content-Length", length);
    ASSERT(has_length == (a->status != 100 && a->status != 204));
    a->body_bytes = has_length && !is_head ? strtoul(length, NULL, 10) : 0;
    *pos += a->head_bytes + a->body_bytes;
    return a->head_bytes + a->body_bytes <= left;
}

static void fuzz_check_answer(const struct talk_http_answer *a, const struct fuzz_asked *asked)
{
    bool is_problem = talk_http_has(a, "Content-Type", "application/problem+json");
    ASSERT(IMPLIES(asked->refused != 0, a->status == asked->refused));
    ASSERT(IMPLIES(asked->is_cut, a->status >= 400));
    ASSERT(IMPLIES(a->status >= 400, is_problem));
    if ((is_problem || talk_http_has(a, "Content-Type", "application/json")) && !asked->is_head &&
        !fuzz_is_deep(a->body, a->body_bytes)) {
        ASSERT(json_strict_is_valid(a->body, a->body_bytes));
    }
}

/* Each answer is to the next request; `has_all`: each whole request has one, up to one that ends
 * the connection. */
static void fuzz_check_answers(const struct fuzz_look *look, bool has_all)
{
    size_t pos = 0;
    uint32_t next = 0;
    bool is_closed = false;
    bool is_continued = false;
    struct talk_http_answer a;
    while (fuzz.guest->in_bytes > pos) {
        ASSERT(!is_closed);
        ASSERT(next < look->asked_count);
        const struct fuzz_asked *asked = &look->asked[next];
        if (!fuzz_next_answer(&pos, asked->is_head, &a)) {
            ASSERT(!has_all);
            return;
        }
        if (a.status == 100) {
            ASSERT(asked->has_continue);
            ASSERT(!is_continued);
            is_continued = true;
            continue;
        }
        fuzz_check_answer(&a, asked);
        is_closed = talk_http_has(&a, "Connection", "close");
        is_continued = false;
        next++;
    }
    ASSERT(IMPLIES(has_all && !is_closed,
                   next == look->asked_count ||
                       (next + 1 == look->asked_count && look->asked[next].is_cut)));
}

static void fuzz_check_door(const struct fuzz_look *look)
{
    const struct http_door *door = town_http_door(fuzz.t, 0);
    const struct core_shard *cs = town_core(fuzz.t, 0);
    ASSERT(door->body_bytes == 0);
    ASSERT(door->idle_calls_count == 2);
    ASSERT(door->budget.used_bytes <= fuzz.door_bytes);
    if (!look->may_change &&
        sim_disk_sequence(sim_node_disk(fuzz.t->machine)) == fuzz.disk_sequence) {
        ASSERT(cs->bufs.pinned_bytes <= fuzz.pinned_bytes);
        ASSERT(cs->bufs.bufs_count <= fuzz.bufs_count);
    }
    fuzz_note();
}

/* The honest client has said nothing for as long as the guest's waits took: where that was too long
 * for the door it comes again. */
static void fuzz_honest_again(void)
{
    if (town_is_ended(fuzz.honest, 0)) {
        town_hang_up(fuzz.honest);
        town_run(fuzz.t, 10);
        town_forget(fuzz.honest);
        fuzz.honest = town_connect_http(fuzz.t);
        fuzz_honest(false);
    }
}

/* A request that waits with another one behind it waits to its end: the door does not read then. */
static void fuzz_leave(const struct fuzz_look *look, enum fuzz_way way, bool is_deaf)
{
    if (way >= FUZZ_WAY_HALF && !is_deaf) {
        town_half_close(fuzz.guest);
        bool is_ended = town_is_ended(fuzz.guest, FUZZ_HALF_MS);
        ASSERT(is_ended);
        fuzz_honest_again();
    } else if (way != FUZZ_WAY_NOW) {
        sim_run_for(fuzz.t->sim, 4 * FUZZ_PAUSE_NS);
    }
    town_hang_up(fuzz.guest);
    bool has_left = town_run_until(fuzz.t, fuzz_has_left, fuzz.guest, FUZZ_QUIET_MS);
    for (uint32_t i = 1; i < look->asked_count && !has_left; i++) {
        fuzz_honest(false);
        has_left = town_run_until(fuzz.t, fuzz_has_left, fuzz.guest, FUZZ_QUIET_MS);
    }
    ASSERT(has_left);
}

/* The connection of one input. */
static void fuzz_input(const uint8_t *data, size_t size)
{
    static struct fuzz_stream stream;
    static struct fuzz_look look;
    struct bytes_reader r = bytes_reader(data, size);
    uint8_t flags = bytes_get_u8(&r);
    uint8_t first = bytes_get_u8(&r);
    uint8_t later = bytes_get_u8(&r);
    enum fuzz_way way = (enum fuzz_way)(flags >> 6);
    bool is_deaf = (flags & FUZZ_DEAF) != 0;
    fuzz_make_stream(&stream, flags, &r);
    fuzz_look_at(&look, &stream);
    tape_add(&fuzz.tape, data, size);
    fuzz.guest = town_connect_http(fuzz.t);
    fuzz.guest->is_deaf = is_deaf;
    fuzz_send(&stream, first, later, (flags & FUZZ_PAUSES) != 0);
    fuzz_honest((flags & FUZZ_BUSY) != 0);
    fuzz_leave(&look, way, is_deaf);
    look.may_change |= (flags & FUZZ_BUSY) != 0;
    fuzz_check_answers(&look, way >= FUZZ_WAY_HALF && !is_deaf);
    fuzz_check_door(&look);
    town_forget(fuzz.guest);
    fuzz.inputs_count++;
    if (fuzz_world_is_old()) {
        fuzz_world_end();
    }
}

/* --- The target --- */

static void fuzz_end(void)
{
    if (fuzz.t != NULL) {
        fuzz_world_end();
    }
    tape_close(&fuzz.tape);
}

static void fuzz_repeat(const char *path)
{
    struct bytes_reader r;
    const uint8_t *data;
    size_t size;
    uint32_t number;
    uint8_t *tape = tape_load(path, &r, &number);
    fuzz_world_begin(number);
    while (fuzz.t != NULL && tape_next(&r, &data, &size)) {
        fuzz_input(data, size);
    }
    if (fuzz.t != NULL) {
        fuzz_world_end();
    }
    free(tape);
}

/* Longer ones are passed over. A world is no leak, it is looked at when it ends. What it does may
 * depend on inputs before: that is seldom, and not to be chased for that. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static char length[] = "-max_len=2048";
    static char leaks[] = "-detect_leaks=0";
    static char entropic[] = "-entropic=0";
    libfuzzer_option(argc, argv, length);
    libfuzzer_option(argc, argv, leaks);
    libfuzzer_option(argc, argv, entropic);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_ready;
    if (!is_ready) {
        is_ready = true;
        setenv("CMOCKA_TEST_ABORT", "1", 1); /* what town.h asserts ends the process */
        tape_open(&fuzz.tape, "http_conn");
        if (getenv("TDB_TAPE") != NULL) {
            fuzz_repeat(getenv("TDB_TAPE"));
        }
        atexit(fuzz_end);
    }
    if (size < 3 || size > FUZZ_INPUT_BYTES_MAX) {
        return 0;
    }
    if (fuzz.t == NULL) {
        fuzz_world_begin(fuzz.number + 1);
    }
    fuzz_input(data, size);
    return 0;
}
