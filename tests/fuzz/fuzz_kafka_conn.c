/* Any bytes on a connection to a whole broker, in a simulated world (tests/unit/kafka/town.h). A
 * client sends them in pieces, after valid requests if the input says so, and leaves as it says.
 * Then holds:
 *
 *  - an honest client on another connection is answered meanwhile, and soon;
 *  - answers come in the order of the requests, and to nothing else; who ends his side only and has
 *    said nothing wrong gets them all;
 *  - when the connection is gone the door holds what it held before it came, to the byte, and the
 *    broker no more buffers, unless it was asked to keep something.
 *
 * A world lasts for many inputs: one for each would be hundreds of times slower. It ends when it is
 * old or large; the broker then closes and asserts that it holds nothing. So an input may need
 * those before it to fail again: tape.h keeps them. Worlds are numbered, and the number is the
 * seed.
 *
 *     flags          1: ApiVersions first, 2: then Produce; 4: the rest is frames, u16 length and
 *                    bytes each, else bytes as they are; 8: each piece arrives before the next one
 *                    is sent; 16: the client reads nothing; 32: the honest one asks for an offset
 *                    64, 128: how it leaves, enum fuzz_way
 *     first, later   bytes of the first piece and of each later one; 0: all that is left
 *     the rest       what is sent */
#include <stdlib.h>
#include <string.h>

#include "broker/kafka/api_table.h"
#include "broker/kafka/codec.h"
#include "broker/kafka/conn.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/libfuzzer.h"
#include "tests/fuzz/tape.h"
#include "tests/unit/kafka/talk.h"

#define FUZZ_INPUT_BYTES_MAX 2048

/* What is sent: openings, and an input that is all frames. */
#define FUZZ_STREAM_BYTES (8u << 10)

/* Requests of a stream: each has its length and a header. */
#define FUZZ_REQUESTS_MAX (FUZZ_STREAM_BYTES / 12)

/* Pieces; the last one is all that is left. */
#define FUZZ_PIECES_MAX 16u
#define FUZZ_PAUSE_NS   RT_NS_PER_MS

/* How long the honest client may wait, how long the broker may take to forget a connection. */
#define FUZZ_ANSWER_NS (5 * RT_NS_PER_S)
#define FUZZ_QUIET_MS  60000u

/* Partitions that one input may ask for, and that a world gets before it ends: not the broker's
 * bound, but many are slow. */
#define FUZZ_MADE_MAX       8u
#define FUZZ_PARTITIONS_MAX 48u

/* When a world is old, and what may come to be held in it. */
#define FUZZ_INPUTS_MAX  (TAPE_BYTES / FUZZ_INPUT_BYTES_MAX - 64)
#define FUZZ_GROWN_BYTES (16u << 20)

/* Connections of a quiet door: the honest client's, and the one that would be accepted next. */
#define FUZZ_CONNS 2u

enum fuzz_flag {
    FUZZ_VERSIONS = 1,
    FUZZ_PRODUCE = 2,
    FUZZ_FRAMES = 4,
    FUZZ_PAUSES = 8,
    FUZZ_DEAF = 16,
    FUZZ_OFFSET = 32,
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

/* A request in a stream, as a reader of whole frames finds it. */
struct fuzz_asked {
    uint32_t id;    /* its correlation id */
    bool is_silent; /* Produce with acks=0: it gets no answer */
};

/* What a stream asks for. */
struct fuzz_look {
    struct fuzz_asked asked[FUZZ_REQUESTS_MAX]; /* in order */
    uint32_t asked_count;                       /* of them */
    uint64_t partitions_count;                  /* to be made, by number */
    bool may_change;                            /* something may be kept that was not */
};

/* A world, and what it holds when no connection but the honest client's is there. */
static struct {
    struct town *t;              /* NULL: no world */
    struct town_client *honest;  /* a client that asks and waits */
    struct town_client *guest;   /* the one that sends the input's bytes */
    struct arena arena;          /* for requests that are looked at; the town's budget */
    struct fuzz_stream versions; /* an ApiVersions request */
    struct fuzz_stream produce;  /* a Produce request */
    struct tape tape;            /* the inputs of this world */
    size_t door_bytes;           /* of the door's budget, always */
    size_t first_bytes;          /* of the shard's budget, at first */
    uint64_t disk_sequence;      /* changes of the disk, after the last input */
    size_t pinned_bytes;         /* of the core's buffers, likewise */
    uint32_t bufs_count;         /* of them */
    uint32_t inputs_count;       /* so far */
    uint32_t number;             /* of worlds so far */
} fuzz;

static bool fuzz_is_quiet(void *ctx);

/* --- Worlds --- */

static void fuzz_note(void)
{
    const struct core_shard *cs = town_core(fuzz.t, 0);
    fuzz.disk_sequence = sim_disk_sequence(sim_node_disk(fuzz.t->machine));
    fuzz.pinned_bytes = cs->bufs.pinned_bytes;
    fuzz.bufs_count = cs->bufs.bufs_count;
}

static void fuzz_keep_frame(struct fuzz_stream *out, const struct kafka_message *message,
                            int16_t version, const void *body)
{
    const uint8_t *frame = town_frame_of(fuzz.honest, message, version, body, &out->length);
    ASSERT(out->length <= sizeof(out->data) / 4);
    memcpy(out->data, frame, out->length);
    budget_free(&fuzz.t->budget, (void *)(uintptr_t)frame);
}

static void fuzz_make_openings(void)
{
    struct talk_batch batch;
    struct kafka_api_versions_request versions;
    struct kafka_produce_request produce;
    struct kafka_produce_request_topic topic;
    kafka_reset(&kafka_struct_api_versions_request, &versions);
    versions.client_software_name = talk_text("guest");
    versions.client_software_version = talk_text("1");
    fuzz_keep_frame(&fuzz.versions, &kafka_message_api_versions_request, 3, &versions);
    talk_batch(fuzz.t, &batch, 1, 1, 1000, 20);
    struct kafka_produce_request_partition partition = {
        .records = {.data = batch.data, .length = (int32_t)batch.length}};
    kafka_reset(&kafka_struct_produce_request, &produce);
    kafka_reset(&kafka_struct_produce_request_topic, &topic);
    topic.name = talk_text("t");
    topic.partition_data.items = &partition;
    topic.partition_data.count = 1;
    produce.acks = -1;
    produce.timeout_ms = 1000;
    produce.topic_data.items = &topic;
    produce.topic_data.count = 1;
    fuzz_keep_frame(&fuzz.produce, &kafka_message_produce_request, 9, &produce);
}

static bool fuzz_has_left(void *ctx)
{
    return ((struct town_client *)ctx)->is_closed && fuzz_is_quiet(ctx);
}

/* As many requests at a time as there will ever be: what the door keeps to use again is there. */
static void fuzz_warm_up(void)
{
    struct town_client *busy = town_connect(fuzz.t);
    const struct talk_fetch fetch = {
        .topic = "t", .bytes_max = 1000, .bytes_min = 1, .max_wait_ms = 100};
    for (uint32_t i = 0; i < KAFKA_CONN_REQUESTS_MAX; i++) {
        talk_fetch_ask(busy, &fetch);
    }
    talk_fetch_ask(fuzz.honest, &fetch);
    talk_fetch_ask(fuzz.honest, &fetch);
    ASSERT(talk_fetch_answer(fuzz.honest)->error_code == 0);
    ASSERT(talk_fetch_answer(fuzz.honest)->error_code == 0);
    town_hang_up(busy);
    bool has_left = town_run_until(fuzz.t, fuzz_has_left, busy, FUZZ_QUIET_MS);
    ASSERT(has_left);
    town_forget(busy);
    ASSERT(town_door(fuzz.t, 0)->idle_requests_count == KAFKA_CONN_REQUESTS_MAX + 2);
}

static void fuzz_world_begin(uint32_t number)
{
    fuzz.number = number;
    fuzz.inputs_count = 0;
    fuzz.t = town_new(number, NULL);
    town_start(fuzz.t, 1);
    arena_init(&fuzz.arena, &fuzz.t->budget, 32u << 10, SIZE_MAX);
    fuzz.honest = town_connect(fuzz.t);
    int16_t code = talk_topic(fuzz.honest, "t");
    ASSERT(code == 0);
    fuzz_make_openings();
    fuzz_warm_up();
    fuzz.door_bytes = town_door(fuzz.t, 0)->budget.used_bytes;
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
    size_t used_bytes = rt_shard_budget(cs->shard)->used_bytes;
    return fuzz.inputs_count >= FUZZ_INPUTS_MAX ||
           cs->catalog->partitions_count > FUZZ_PARTITIONS_MAX ||
           used_bytes > fuzz.first_bytes + FUZZ_GROWN_BYTES;
}

/* --- What is sent --- */

static void fuzz_add(struct fuzz_stream *s, const void *data, size_t length)
{
    ASSERT(length <= sizeof(s->data) - s->length);
    memcpy(s->data + s->length, data, length);
    s->length += length;
}

static void fuzz_add_frames(struct fuzz_stream *s, struct bytes_reader *r)
{
    while (bytes_reader_left(r) >= 2) {
        uint8_t head[4];
        struct bytes_writer w = bytes_writer(head, sizeof(head));
        size_t length = bytes_get_u16be(r);
        size_t left = bytes_reader_left(r);
        length = length < left ? length : left;
        bytes_put_u32be(&w, (uint32_t)length);
        fuzz_add(s, head, sizeof(head));
        fuzz_add(s, bytes_get_view(r, length), length);
    }
}

/* The next frame of a stream of them, if it is there as a whole. */
static bool fuzz_next(struct bytes_reader *r, struct bytes_reader *frame)
{
    struct bytes_reader ahead = *r;
    *frame = bytes_get_sub(&ahead, bytes_get_u32be(&ahead));
    if (ahead.err != ERR_OK || frame->length == 0) {
        return false;
    }
    *r = ahead;
    return true;
}

/* Of a request that was decoded: is it one that is not answered, does it make partitions. */
static void fuzz_look_at_body(struct fuzz_look *look, const struct kafka_message *message,
                              const void *body)
{
    if (message == &kafka_message_produce_request) {
        look->asked[look->asked_count].is_silent =
            ((const struct kafka_produce_request *)body)->acks == 0;
    } else if (message == &kafka_message_create_topics_request) {
        const struct kafka_create_topics_request *create = body;
        for (int32_t i = 0; i < create->topics.count; i++) {
            int32_t count = create->topics.items[i].num_partitions;
            look->partitions_count += count > 0 ? (uint64_t)count : 1;
            look->partitions_count += (uint32_t)create->topics.items[i].assignments.count;
        }
    } else if (message == &kafka_message_create_partitions_request) {
        const struct kafka_create_partitions_request *create = body;
        for (int32_t i = 0; i < create->topics.count; i++) {
            int32_t count = create->topics.items[i].count;
            look->partitions_count += count > 0 ? (uint64_t)count : 0;
        }
    } else if (message == &kafka_message_metadata_request) {
        const struct kafka_metadata_request *metadata = body;
        bool may_make = metadata->allow_auto_topic_creation && metadata->topics.count > 0;
        look->partitions_count += may_make ? (uint32_t)metadata->topics.count : 0;
    }
}

static bool fuzz_is_reading(const struct kafka_message *message)
{
    static const struct kafka_message *const readers[] = {
        &kafka_message_api_versions_request,
        &kafka_message_describe_cluster_request,
        &kafka_message_describe_configs_request,
        &kafka_message_describe_topic_partitions_request,
        &kafka_message_fetch_request,
        &kafka_message_find_coordinator_request,
        &kafka_message_list_offsets_request,
        &kafka_message_offset_for_leader_epoch_request,
    };
    bool is_reading = false;
    for (size_t i = 0; i < ARRAY_COUNT(readers); i++) {
        is_reading |= message == readers[i];
    }
    return is_reading;
}

static void fuzz_look_at(struct fuzz_look *look, struct bytes_reader frame)
{
    _Alignas(16) uint8_t body[512];
    struct kafka_request_header header;
    struct bytes_reader r = frame;
    const struct kafka_api *api = kafka_api_find((int16_t)bytes_get_u16be(&r));
    int16_t version = (int16_t)bytes_get_u16be(&r);
    struct fuzz_asked asked = {.id = bytes_get_u32be(&r)};
    if (r.err != ERR_OK) {
        return;
    }
    ASSERT(look->asked_count < FUZZ_REQUESTS_MAX);
    look->asked[look->asked_count] = asked;
    if (api != NULL && version >= api->first && version <= api->last) {
        enum err err = kafka_decode(&kafka_message_request_header,
                                    kafka_request_header_version(api->request, version), &frame,
                                    &fuzz.arena, &header, NULL);
        ASSERT(api->request->body->size_bytes <= sizeof(body));
        if (err == ERR_OK &&
            kafka_decode(api->request, version, &frame, &fuzz.arena, body, NULL) == ERR_OK) {
            fuzz_look_at_body(look, api->request, body);
            look->may_change |= !fuzz_is_reading(api->request);
        }
        arena_reset(&fuzz.arena);
    }
    look->asked_count++;
}

static void fuzz_make_stream(struct fuzz_stream *s, uint8_t flags, struct bytes_reader *r)
{
    s->length = 0;
    if ((flags & FUZZ_VERSIONS) != 0) {
        fuzz_add(s, fuzz.versions.data, fuzz.versions.length);
    }
    if ((flags & FUZZ_PRODUCE) != 0) {
        fuzz_add(s, fuzz.produce.data, fuzz.produce.length);
    }
    if ((flags & FUZZ_FRAMES) != 0) {
        fuzz_add_frames(s, r);
    } else {
        size_t left = bytes_reader_left(r);
        fuzz_add(s, bytes_get_view(r, left), left);
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

/* The honest client asks, and is answered. */
static void fuzz_ask(bool is_offset)
{
    uint64_t before_ns = sim_now_ns(fuzz.t->sim);
    if (is_offset) {
        int64_t offset;
        talk_list_offset(fuzz.honest, "t", 0, -1, &offset);
    } else {
        struct kafka_api_versions_request body;
        kafka_reset(&kafka_struct_api_versions_request, &body);
        const struct kafka_api_versions_response *answer =
            town_call(fuzz.honest, &kafka_message_api_versions_request, 0, &body);
        ASSERT(answer->error_code == 0);
    }
    ASSERT(sim_now_ns(fuzz.t->sim) - before_ns <= FUZZ_ANSWER_NS);
}

/* Each answer is to the next request that gets one, or to one behind it: to just that if all are
 * answered. */
static void fuzz_check_answers(const struct fuzz_look *look, bool has_all)
{
    struct bytes_reader answers = bytes_reader(fuzz.guest->in, fuzz.guest->in_bytes);
    struct bytes_reader answer;
    uint32_t next = 0;
    while (fuzz_next(&answers, &answer)) {
        uint32_t id = bytes_get_u32be(&answer);
        bool is_found = false;
        ASSERT(answer.err == ERR_OK);
        for (; !is_found; next++) {
            ASSERT(next < look->asked_count);
            is_found = !look->asked[next].is_silent && look->asked[next].id == id;
            ASSERT(IMPLIES(has_all, is_found || look->asked[next].is_silent));
        }
    }
    for (; has_all && next < look->asked_count; next++) {
        ASSERT(look->asked[next].is_silent);
    }
    ASSERT(IMPLIES(has_all, bytes_reader_left(&answers) == 0));
}

/* Nothing is under way but the next accept. */
static bool fuzz_is_quiet(void *ctx)
{
    const struct kafka_door *door = town_door(fuzz.t, 0);
    (void)ctx;
    return door->conn_pool.in_use_count == FUZZ_CONNS && door->iov_pool.in_use_count == 0 &&
           door->request_pool.in_use_count == door->idle_requests_count;
}

static void fuzz_check_door(const struct fuzz_look *look)
{
    const struct kafka_door *door = town_door(fuzz.t, 0);
    const struct core_shard *cs = town_core(fuzz.t, 0);
    ASSERT(door->partial_bytes == 0);
    ASSERT(list_is_empty(&door->starved));
    ASSERT(door->budget.used_bytes == fuzz.door_bytes);
    if (!look->may_change &&
        sim_disk_sequence(sim_node_disk(fuzz.t->machine)) == fuzz.disk_sequence) {
        ASSERT(cs->bufs.pinned_bytes <= fuzz.pinned_bytes);
        ASSERT(cs->bufs.bufs_count <= fuzz.bufs_count);
    }
    fuzz_note();
}

static void fuzz_leave(enum fuzz_way way, bool is_deaf)
{
    if (way >= FUZZ_WAY_HALF && !is_deaf) {
        town_half_close(fuzz.guest);
        bool is_ended = town_is_ended(fuzz.guest, FUZZ_QUIET_MS);
        ASSERT(is_ended);
    } else if (way != FUZZ_WAY_NOW) {
        sim_run_for(fuzz.t->sim, 4 * FUZZ_PAUSE_NS);
    }
    town_hang_up(fuzz.guest);
    bool has_left = town_run_until(fuzz.t, fuzz_has_left, fuzz.guest, FUZZ_QUIET_MS);
    ASSERT(has_left);
}

/* The connection of one input. */
static void fuzz_input(const uint8_t *data, size_t size)
{
    static struct fuzz_stream stream;
    static struct fuzz_look look;
    struct bytes_reader r = bytes_reader(data, size);
    struct bytes_reader frame;
    uint8_t flags = bytes_get_u8(&r);
    uint8_t first = bytes_get_u8(&r);
    uint8_t later = bytes_get_u8(&r);
    enum fuzz_way way = (enum fuzz_way)(flags >> 6);
    bool is_deaf = (flags & FUZZ_DEAF) != 0;
    fuzz_make_stream(&stream, flags, &r);
    look.asked_count = 0;
    look.partitions_count = 0;
    look.may_change = false;
    r = bytes_reader(stream.data, stream.length);
    while (fuzz_next(&r, &frame)) {
        fuzz_look_at(&look, frame);
    }
    if (look.partitions_count > FUZZ_MADE_MAX) {
        return;
    }
    tape_add(&fuzz.tape, data, size);
    uint64_t refused_count = metric_counter_value(&town_door(fuzz.t, 0)->metrics.refused);
    fuzz.guest = town_connect(fuzz.t);
    fuzz.guest->is_deaf = is_deaf;
    fuzz_send(&stream, first, later, (flags & FUZZ_PAUSES) != 0);
    fuzz_ask((flags & FUZZ_OFFSET) != 0);
    fuzz_leave(way, is_deaf);
    bool is_refused = metric_counter_value(&town_door(fuzz.t, 0)->metrics.refused) > refused_count;
    fuzz_check_answers(&look, way >= FUZZ_WAY_HALF && !is_deaf && !is_refused);
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
        tape_open(&fuzz.tape, "kafka_conn");
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
