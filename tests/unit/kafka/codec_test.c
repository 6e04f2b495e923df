/* The wire codec: frames worked out by hand from Kafka's protocol guide and definitions, what is
 * refused and where, and for every message and version that random values come back. */
#include "broker/kafka/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/kafka/values.h"

/* More than any message of these tests takes. */
#define ROOM_BYTES (4u << 20)

/* A string literal's bytes, without its NUL. */
#define FRAME(literal) (literal), sizeof(literal) - 1

/* Memory for one message: everything comes from one chunk, so that what was given out is a
 * difference of cursors. */
struct room {
    struct budget budget;   /* pays */
    struct arena arena;     /* gives */
    struct arena_mark mark; /* before the first message */
};

static void room_init(struct room *room)
{
    budget_init(&room->budget, "codec test", 2 * ROOM_BYTES, NULL);
    arena_init(&room->arena, &room->budget, ROOM_BYTES, ROOM_BYTES);
    assert_non_null(arena_alloc(&room->arena, 16, 16));
    room->mark = arena_mark(&room->arena);
}

static void room_deinit(struct room *room)
{
    arena_deinit(&room->arena);
    budget_deinit(&room->budget);
}

static size_t room_used(const struct room *room)
{
    return (size_t)(room->arena.cursor - room->mark.cursor);
}

/* A zeroed struct of `message`. */
static void *room_body(struct room *room, const struct kafka_message *message)
{
    void *body = arena_alloc_zeroed(&room->arena, message->body->size_bytes, 16);
    assert_non_null(body);
    return body;
}

/* Decode, which must succeed. */
static void frame_decode(struct room *room, const struct kafka_message *message, int16_t version,
                         const void *frame, size_t length, void *out)
{
    struct bytes_reader r = bytes_reader(frame, length);
    struct kafka_place place;
    char text[KAFKA_PLACE_TEXT_BYTES];
    enum err err = kafka_decode(message, version, &r, &room->arena, out, &place);
    if (err != ERR_OK) {
        fail_msg("%s v%d: %s at %s", message->body->name, version, err_name(err),
                 kafka_place_format(&place, text));
    }
    assert_int_equal(r.pos, length);
}

/* Encode, without gaps; the caller frees the result. */
static uint8_t *frame_encode(const struct kafka_message *message, int16_t version, const void *in,
                             size_t *length)
{
    struct kafka_size size = kafka_measure(message, version, in);
    assert_int_equal(size.gaps_count, 0);
    uint8_t *frame = malloc(size.written_bytes + 1);
    assert_non_null(frame);
    struct bytes_writer w = bytes_writer(frame, size.written_bytes);
    assert_int_equal(kafka_encode(message, version, in, &w, NULL), ERR_OK);
    assert_int_equal(w.pos, size.written_bytes);
    *length = size.written_bytes;
    return frame;
}

/* `in` must encode to `frame`. */
static void frame_is_encoded(const struct kafka_message *message, int16_t version, const void *in,
                             const void *frame, size_t length)
{
    size_t got_length;
    uint8_t *got = frame_encode(message, version, in, &got_length);
    assert_int_equal(got_length, length);
    assert_memory_equal(got, frame, length);
    free(got);
}

static void string_is(const struct kafka_string *string, const char *want)
{
    assert_int_equal(string->length, strlen(want));
    assert_memory_equal(string->data, want, strlen(want));
}

static void codec_request_header_keeps_client_id_plain(void **state)
{
    (void)state;
    struct room room;
    room_init(&room);
    static const char frame[] = "\x00\x12\x00\x03\x00\x00\x00\x07" /* key 18, version 3, id 7 */
                                "\x00\x04kcat"                     /* two bytes of length */
                                "\x00"                             /* no tagged field */
                                "\x05kcat\x06"
                                "1.7.1\x00"; /* the body */
    struct bytes_reader r = bytes_reader(frame, sizeof(frame) - 1);
    int16_t version = kafka_request_header_version(&kafka_message_api_versions_request, 3);
    assert_int_equal(version, 2);
    struct kafka_request_header header;
    assert_int_equal(
        kafka_decode(&kafka_message_request_header, version, &r, &room.arena, &header, NULL),
        ERR_OK);
    assert_int_equal(header.request_api_key, 18);
    assert_int_equal(header.request_api_version, 3);
    assert_int_equal(header.correlation_id, 7);
    string_is(&header.client_id, "kcat");
    struct kafka_api_versions_request request;
    frame_decode(&room, &kafka_message_api_versions_request, 3, frame + r.pos,
                 bytes_reader_left(&r), &request);
    string_is(&request.client_software_name, "kcat");
    string_is(&request.client_software_version, "1.7.1");
    assert_int_equal(request.cluster_id.length, KAFKA_NULL);
    assert_int_equal(request.node_id, -1);
    frame_is_encoded(&kafka_message_request_header, 2, &header, frame, 15);
    /* version 1 has no tagged fields; a client may have no id */
    header.client_id.length = KAFKA_NULL;
    frame_is_encoded(&kafka_message_request_header, 1, &header,
                     FRAME("\x00\x12\x00\x03\x00\x00\x00\x07\xff\xff"));
    room_deinit(&room);
}

static void codec_headers_follow_the_flexible_version(void **state)
{
    (void)state;
    static const struct {
        const struct kafka_message *request;
        const struct kafka_message *response;
        int16_t version;
        int16_t request_header;
        int16_t response_header;
    } rows[] = {
        {&kafka_message_produce_request, &kafka_message_produce_response, 8, 1, 0},
        {&kafka_message_produce_request, &kafka_message_produce_response, 9, 2, 1},
        {&kafka_message_fetch_request, &kafka_message_fetch_response, 11, 1, 0},
        {&kafka_message_fetch_request, &kafka_message_fetch_response, 12, 2, 1},
        {&kafka_message_describe_cluster_request, &kafka_message_describe_cluster_response, 0, 2,
         1},
        {&kafka_message_api_versions_request, &kafka_message_api_versions_response, 2, 1, 0},
        {&kafka_message_api_versions_request, &kafka_message_api_versions_response, 3, 2, 0},
        {&kafka_message_api_versions_request, &kafka_message_api_versions_response, 99, 2, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(kafka_request_header_version(rows[i].request, rows[i].version),
                         rows[i].request_header);
        assert_int_equal(kafka_response_header_version(rows[i].response, rows[i].version),
                         rows[i].response_header);
    }
}

static void codec_api_versions_response_has_tagged_features(void **state)
{
    (void)state;
    struct room room;
    room_init(&room);
    struct kafka_api_versions_response_api api = {.api_key = 18, .max_version = 4};
    struct kafka_api_versions_response_supported feature = {
        .name = {"kraft.version", 13}, .min_version = 0, .max_version = 1};
    struct kafka_api_versions_response response;
    kafka_reset(&kafka_struct_api_versions_response, &response);
    response.error_code = 35;
    response.api_keys = (struct kafka_api_versions_response_api_array){&api, 1};
    /* version 0, what a client of any version understands */
    frame_is_encoded(&kafka_message_api_versions_response, 0, &response,
                     FRAME("\x00\x23\x00\x00\x00\x01\x00\x12\x00\x00\x00\x04"));
    response.error_code = 0;
    response.supported_features = (struct kafka_api_versions_response_supported_array){&feature, 1};
    response.finalized_features_epoch = 5;
    static const char frame[] = "\x00\x00\x02\x00\x12\x00\x00\x00\x04\x00" /* one API */
                                "\x00\x00\x00\x00"                         /* throttle time */
                                "\x02"                                     /* two tagged fields */
                                "\x00\x14\x02\x0ekraft.version\x00\x00\x00\x01\x00"
                                "\x01\x08\x00\x00\x00\x00\x00\x00\x00\x05";
    frame_is_encoded(&kafka_message_api_versions_response, 3, &response, FRAME(frame));
    struct kafka_api_versions_response back;
    frame_decode(&room, &kafka_message_api_versions_response, 3, FRAME(frame), &back);
    assert_true(values_is_equal(&kafka_struct_api_versions_response, &response, &back));
    room_deinit(&room);
}

static void codec_metadata_request_tells_all_from_none(void **state)
{
    (void)state;
    struct room room;
    room_init(&room);
    struct kafka_metadata_request request;
    frame_decode(&room, &kafka_message_metadata_request, 0, FRAME("\x00\x00\x00\x00"), &request);
    assert_int_equal(request.topics.count, 0);
    assert_true(request.allow_auto_topic_creation);
    frame_decode(&room, &kafka_message_metadata_request, 1, FRAME("\xff\xff\xff\xff"), &request);
    assert_int_equal(request.topics.count, KAFKA_NULL);
    static const char v9[] = "\x02\x04"
                             "foo\x00"        /* one topic */
                             "\x00\x00\x01"   /* no auto create, no cluster, topic operations */
                             "\x01\x63\x01!"; /* tag 99, one byte: unknown */
    frame_decode(&room, &kafka_message_metadata_request, 9, FRAME(v9), &request);
    assert_int_equal(request.topics.count, 1);
    string_is(&request.topics.items[0].name, "foo");
    assert_true(log_uuid_is_zero(&request.topics.items[0].topic_id));
    assert_false(request.allow_auto_topic_creation);
    assert_false(request.include_cluster_authorized_operations);
    assert_true(request.include_topic_authorized_operations);
    static const char v12[] = "\x02"
                              "0123456789abcdef" /* by id, */
                              "\x00\x00"         /* no name */
                              "\x01\x00\x00";
    frame_decode(&room, &kafka_message_metadata_request, 12, FRAME(v12), &request);
    assert_memory_equal(request.topics.items[0].topic_id.bytes, "0123456789abcdef", 16);
    assert_int_equal(request.topics.items[0].name.length, KAFKA_NULL);
    frame_is_encoded(&kafka_message_metadata_request, 12, &request, FRAME(v12));
    room_deinit(&room);
}

static void codec_metadata_response_in_three_ages(void **state)
{
    (void)state;
    int32_t nodes[] = {1};
    struct kafka_metadata_response_broker broker = {
        .node_id = 1, .host = {"h", 1}, .port = 9092, .rack = {.length = KAFKA_NULL}};
    struct kafka_metadata_response_partition partition = {
        .leader_id = 1,
        .leader_epoch = 3,
        .replica_nodes = {nodes, 1},
        .isr_nodes = {nodes, 1},
    };
    struct kafka_metadata_response_topic topic = {
        .name = {"t", 1},
        .topic_id = {"0123456789abcdef"},
        .partitions = {&partition, 1},
        .topic_authorized_operations = INT32_MIN,
    };
    struct kafka_metadata_response response;
    kafka_reset(&kafka_struct_metadata_response, &response);
    response.brokers = (struct kafka_metadata_response_broker_array){&broker, 1};
    response.topics = (struct kafka_metadata_response_topic_array){&topic, 1};
    response.cluster_id = (struct kafka_string){"c", 1};
    response.controller_id = 1;
    frame_is_encoded(&kafka_message_metadata_response, 0, &response,
                     FRAME("\x00\x00\x00\x01\x00\x00\x00\x01\x00\x01h\x00\x00\x23\x84"
                           "\x00\x00\x00\x01\x00\x00\x00\x01t\x00\x00\x00\x01"
                           "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
                           "\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01"));
    frame_is_encoded(&kafka_message_metadata_response, 1, &response,
                     FRAME("\x00\x00\x00\x01\x00\x00\x00\x01\x00\x01h\x00\x00\x23\x84\xff\xff"
                           "\x00\x00\x00\x01"
                           "\x00\x00\x00\x01\x00\x00\x00\x01t\x00\x00\x00\x00\x01"
                           "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
                           "\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01"));
    frame_is_encoded(&kafka_message_metadata_response, 12, &response,
                     FRAME("\x00\x00\x00\x00\x02\x00\x00\x00\x01\x02h\x00\x00\x23\x84\x00\x00"
                           "\x02\x63\x00\x00\x00\x01"
                           "\x02\x00\x00\x02t"
                           "0123456789abcdef"
                           "\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x03"
                           "\x02\x00\x00\x00\x01\x02\x00\x00\x00\x01\x01\x00"
                           "\x80\x00\x00\x00\x00\x00"));
}

static void codec_produce_request_points_into_the_frame(void **state)
{
    (void)state;
    struct room room;
    room_init(&room);
    static const char v3[] = "\xff\xff\xff\xff\x00\x00\x75\x30" /* no txn, acks, 30 s */
                             "\x00\x00\x00\x01\x00\x03"         /* one topic */
                             "foo\x00\x00\x00\x01"              /* one partition */
                             "\x00\x00\x00\x02\x00\x00\x00\x05"
                             "batch"; /* 2, five bytes */
    struct kafka_produce_request request;
    frame_decode(&room, &kafka_message_produce_request, 3, FRAME(v3), &request);
    assert_int_equal(request.transactional_id.length, KAFKA_NULL);
    assert_int_equal(request.acks, -1);
    assert_int_equal(request.timeout_ms, 30000);
    const struct kafka_produce_request_topic *topic = &request.topic_data.items[0];
    string_is(&topic->name, "foo");
    const struct kafka_produce_request_partition *partition = &topic->partition_data.items[0];
    assert_int_equal(partition->index, 2);
    assert_int_equal(partition->records.length, 5);
    assert_ptr_equal(partition->records.data, v3 + sizeof(v3) - 1 - 5);
    assert_null(partition->records.source);
    frame_is_encoded(&kafka_message_produce_request, 3, &request, FRAME(v3));
    static const char v9[] = "\x00\xff\xff\x00\x00\x75\x30\x02\x04"
                             "foo\x02\x00\x00\x00\x02\x06"
                             "batch\x00\x00\x00";
    frame_is_encoded(&kafka_message_produce_request, 9, &request, FRAME(v9));
    struct kafka_produce_request again;
    frame_decode(&room, &kafka_message_produce_request, 9, FRAME(v9), &again);
    assert_true(values_is_equal(&kafka_struct_produce_request, &request, &again));
    static const char v13[] = "\x00\xff\xff\x00\x00\x75\x30\x02"
                              "0123456789abcdef\x02\x00\x00\x00\x02\x00\x00\x00\x00";
    frame_decode(&room, &kafka_message_produce_request, 13, FRAME(v13), &again);
    assert_int_equal(again.topic_data.items[0].name.length, 0);
    assert_int_equal(again.topic_data.items[0].partition_data.items[0].records.length, KAFKA_NULL);
    room_deinit(&room);
}

static void codec_produce_response_hints_at_the_leader(void **state)
{
    (void)state;
    struct kafka_produce_response_partition partition;
    kafka_reset(&kafka_struct_produce_response_partition, &partition);
    partition.error_code = 6;
    partition.base_offset = -1;
    partition.current_leader = (struct kafka_produce_response_leader){7, 3};
    struct kafka_produce_response_topic topic = {.name = {"t", 1},
                                                 .partition_responses = {&partition, 1}};
    struct kafka_produce_response_endpoint endpoint = {7, {"h", 1}, 9092, {NULL, KAFKA_NULL}};
    struct kafka_produce_response response = {.responses = {&topic, 1},
                                              .node_endpoints = {&endpoint, 1}};
    static const char plain[] = "\x02\x02t\x02\x00\x00\x00\x00\x00\x06"
                                "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                                "\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00"
                                "\x00\x00\x00\x00\x00\x00";
    frame_is_encoded(&kafka_message_produce_response, 9, &response, FRAME(plain));
    static const char hinted[] = "\x02\x02t\x02\x00\x00\x00\x00\x00\x06"
                                 "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                                 "\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"
                                 "\x01\x00\x09\x00\x00\x00\x07\x00\x00\x00\x03\x00" /* the leader */
                                 "\x00\x00\x00\x00\x00"
                                 "\x01\x00\x0d\x02\x00\x00\x00\x07\x02h\x00\x00\x23\x84\x00\x00";
    frame_is_encoded(&kafka_message_produce_response, 10, &response, FRAME(hinted));
}

static void codec_fetch_request_is_read_old_and_new(void **state)
{
    (void)state;
    struct room room;
    room_init(&room);
    static const char v4[] = "\xff\xff\xff\xff\x00\x00\x00\x64\x00\x00\x00\x01\x00\x10\x00\x00\x01"
                             "\x00\x00\x00\x01\x00\x01t\x00\x00\x00\x01\x00\x00\x00\x05"
                             "\x00\x00\x00\x00\x00\x00\x00\x2a\x00\x00\x10\x00";
    struct kafka_fetch_request request;
    frame_decode(&room, &kafka_message_fetch_request, 4, FRAME(v4), &request);
    assert_int_equal(request.replica_id, -1);
    assert_int_equal(request.max_wait_ms, 100);
    assert_int_equal(request.min_bytes, 1);
    assert_int_equal(request.max_bytes, 1 << 20);
    assert_int_equal(request.isolation_level, 1);
    assert_int_equal(request.session_epoch, -1);
    const struct kafka_fetch_request_partition *partition =
        &request.topics.items[0].partitions.items[0];
    assert_int_equal(partition->partition, 5);
    assert_int_equal(partition->fetch_offset, 42);
    assert_int_equal(partition->current_leader_epoch, -1);
    assert_int_equal(partition->partition_max_bytes, 4096);
    assert_true(partition->high_watermark == INT64_MAX);
    frame_is_encoded(&kafka_message_fetch_request, 4, &request, FRAME(v4));
    static const char v12[] =
        "\xff\xff\xff\xff\x00\x00\x00\x64\x00\x00\x00\x01\x00\x10\x00\x00\x01"
        "\x00\x00\x00\x00\xff\xff\xff\xff\x02\x02t\x02\x00\x00\x00\x05\xff\xff\xff\xff"
        "\x00\x00\x00\x00\x00\x00\x00\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
        "\x00\x00\x10\x00\x00\x00\x01\x01\x01\x00\x02\x02"
        "c";
    struct kafka_fetch_request again;
    frame_decode(&room, &kafka_message_fetch_request, 12, FRAME(v12), &again);
    string_is(&again.cluster_id, "c");
    again.cluster_id = request.cluster_id;
    assert_true(values_is_equal(&kafka_struct_fetch_request, &request, &again));
    room_deinit(&room);
}

static void codec_fetch_response_leaves_records_out(void **state)
{
    (void)state;
    struct kafka_fetch_response_partition partitions[3];
    for (int i = 0; i < 3; i++) {
        kafka_reset(&kafka_struct_fetch_response_partition, &partitions[i]);
        partitions[i].partition_index = i;
        partitions[i].aborted_transactions.count = KAFKA_NULL;
        partitions[i].records.source = "elsewhere";
    }
    partitions[0].records.length = 300;
    partitions[2].records.length = 4;
    struct kafka_fetch_response_topic topic = {.topic = {"t", 1}, .partitions = {partitions, 3}};
    struct kafka_fetch_response response = {.responses = {&topic, 1}};
    struct kafka_size size = kafka_measure(&kafka_message_fetch_response, 12, &response);
    assert_int_equal(size.gaps_count, 2);
    assert_int_equal(size.inserted_bytes, 304);
    uint8_t frame[256];
    struct kafka_gap items[2];
    struct kafka_gaps gaps = {.items = items, .capacity = 2};
    struct bytes_writer w = bytes_writer(frame, size.written_bytes);
    assert_int_equal(kafka_encode(&kafka_message_fetch_response, 12, &response, &w, &gaps), ERR_OK);
    /* throttle 4, error 2, session 4, topics 1, name 2, partitions 1; a partition: index 4, error
     * 2, three offsets 24, aborted 1, replica 4, length 2 or 1; behind the records its tags 1 */
    assert_int_equal(w.pos, 14 + (37 + 1) + (36 + 1) + (36 + 1) + 2);
    assert_int_equal(gaps.count, 2);
    assert_int_equal(items[0].pos, 14 + 37);
    assert_ptr_equal(items[0].records, &partitions[0].records);
    assert_memory_equal(frame + items[0].pos - 2, "\xad\x02", 2); /* 301 */
    assert_int_equal(items[1].pos, 14 + 38 + 37 + 36);
    assert_memory_equal(frame + items[1].pos - 1, "\x05", 1);
    assert_ptr_equal(items[1].records, &partitions[2].records);
    gaps = (struct kafka_gaps){.items = items, .capacity = 1};
    w = bytes_writer(frame, size.written_bytes);
    assert_int_equal(kafka_encode(&kafka_message_fetch_response, 12, &response, &w, &gaps),
                     ERR_FULL);
    w = bytes_writer(frame, size.written_bytes - 1);
    gaps = (struct kafka_gaps){.items = items, .capacity = 2};
    assert_int_equal(kafka_encode(&kafka_message_fetch_response, 12, &response, &w, &gaps),
                     ERR_TOO_LARGE);
}

static void codec_cursor_may_be_absent(void **state)
{
    (void)state;
    struct room room;
    room_init(&room);
    static const char with[] = "\x01\x00\x00\x07\xd0\x01\x02t\x00\x00\x00\x05\x00\x00";
    struct kafka_describe_topic_partitions_request request;
    frame_decode(&room, &kafka_message_describe_topic_partitions_request, 0, FRAME(with), &request);
    assert_int_equal(request.response_partition_limit, 2000);
    assert_non_null(request.cursor);
    string_is(&request.cursor->topic_name, "t");
    assert_int_equal(request.cursor->partition_index, 5);
    frame_is_encoded(&kafka_message_describe_topic_partitions_request, 0, &request, FRAME(with));
    static const char without[] = "\x01\x00\x00\x07\xd0\xff\x00";
    frame_decode(&room, &kafka_message_describe_topic_partitions_request, 0, FRAME(without),
                 &request);
    assert_null(request.cursor);
    frame_is_encoded(&kafka_message_describe_topic_partitions_request, 0, &request, FRAME(without));
    room_deinit(&room);
}

/* Types that no served message has yet. */
struct other {
    uint16_t small;
    uint32_t large;
    double real;
    struct kafka_bytes bytes;
};

static void codec_types_of_later_messages_work(void **state)
{
    (void)state;
    struct room room;
    room_init(&room);
    static const struct kafka_field fields[] = {
        {.name = "small", .type = KAFKA_TYPE_UINT16, .offset = offsetof(struct other, small)},
        {.name = "large", .type = KAFKA_TYPE_UINT32, .offset = offsetof(struct other, large)},
        {.name = "real", .type = KAFKA_TYPE_FLOAT64, .offset = offsetof(struct other, real)},
        {.name = "bytes", .type = KAFKA_TYPE_BYTES, .offset = offsetof(struct other, bytes)},
    };
    static const struct kafka_struct body = {.name = "Other",
                                             .fields = fields,
                                             .fields_count = ARRAY_COUNT(fields),
                                             .size_bytes = sizeof(struct other)};
    static const struct kafka_message message = {
        .body = &body, .api_key = 1000, .last = 1, .flexible_first = 1};
    struct other in = {65535, UINT32_MAX - 1, 0.5, {(const uint8_t *)"xyz", 3}};
    static const char v0[] = "\xff\xff\xff\xff\xff\xfe\x3f\xe0\x00\x00\x00\x00\x00\x00"
                             "\x00\x00\x00\x03xyz";
    static const char v1[] = "\xff\xff\xff\xff\xff\xfe\x3f\xe0\x00\x00\x00\x00\x00\x00"
                             "\x04xyz\x00";
    frame_is_encoded(&message, 0, &in, FRAME(v0));
    frame_is_encoded(&message, 1, &in, FRAME(v1));
    struct other out;
    frame_decode(&room, &message, 0, FRAME(v0), &out);
    assert_true(values_is_equal(&body, &in, &out));
    room_deinit(&room);
}

/* An item that is one tagged array: a message may have such. */
struct tagged_item {
    struct kafka_int32_array numbers;
};
struct tagged_items {
    struct kafka_int32_array items; /* of tagged_item */
};

static const struct kafka_field tagged_item_fields[] = {
    {.name = "numbers", .type = KAFKA_TYPE_INT32_ARRAY, .is_tagged = true},
};
static const struct kafka_struct tagged_item = {.name = "Item",
                                                .fields = tagged_item_fields,
                                                .fields_count = 1,
                                                .size_bytes = sizeof(struct tagged_item)};
static const struct kafka_field tagged_items_fields[] = {
    {.name = "items", .type = KAFKA_TYPE_STRUCT_ARRAY, .sub = &tagged_item},
};
static const struct kafka_struct tagged_items = {.name = "Items",
                                                 .fields = tagged_items_fields,
                                                 .fields_count = 1,
                                                 .size_bytes = sizeof(struct tagged_items)};
static const struct kafka_message tagged_message = {.body = &tagged_items, .api_key = 1000};

static void codec_tagged_field_does_not_count_on_later_items(void **state)
{
    (void)state;
    struct room room;
    room_init(&room);
    struct tagged_items out;
    static const char good[] = "\4\1\0\5\2\0\0\0\7" /* three items: one number, */
                               "\1\0\5\2\0\0\0\7"   /* one, */
                               "\0\0";              /* none; and the body's tagged fields */
    frame_decode(&room, &tagged_message, 0, FRAME(good), &out);
    assert_int_equal(out.items.count, 3);
    frame_is_encoded(&tagged_message, 0, &out, FRAME(good));
    struct bytes_reader r = bytes_reader("\4\1\0\5\2\0\0\0\7", 9);
    struct kafka_place place;
    char text[KAFKA_PLACE_TEXT_BYTES];
    arena_rewind(&room.arena, room.mark);
    assert_int_equal(kafka_decode(&tagged_message, 0, &r, &room.arena, &out, &place),
                     ERR_TRUNCATED);
    assert_string_equal(kafka_place_format(&place, text), "items[0].numbers");
    assert_int_equal(room_used(&room), 3 * sizeof(struct tagged_item));
    room_deinit(&room);
}

/* What is refused, and the place it is refused at. */
static const struct {
    const struct kafka_message *message;
    int16_t version;
    const char *frame;
    size_t length;
    enum err want;
    const char *place;
} codec_refusals[] = {
    /* a null that this version has not, negative counts and lengths */
    {&kafka_message_metadata_request, 0, FRAME("\xff\xff\xff\xff"), ERR_CORRUPT, "topics"},
    {&kafka_message_metadata_request, 1, FRAME("\xff\xff\xff\xfe"), ERR_CORRUPT, "topics"},
    {&kafka_message_metadata_request, 1, FRAME("\0\0\0\1\xff\xff"), ERR_CORRUPT, "topics[0].name"},
    {&kafka_message_metadata_request, 9, FRAME("\2\0\0\1\0\0\0"), ERR_CORRUPT, "topics[0].name"},
    {&kafka_message_create_partitions_request, 0, FRAME("\0\0\0\0\0\0\0\0\x80"), ERR_OK, "end"},
    /* counts and lengths that pass the end */
    {&kafka_message_metadata_request, 1, FRAME("\x7f\xff\xff\xff"), ERR_TRUNCATED, "topics"},
    {&kafka_message_metadata_request, 1, FRAME("\0\0\0\2\0\1a\0"), ERR_TRUNCATED, "topics[1].name"},
    {&kafka_message_metadata_request, 1, FRAME("\0\0\0\3\0\1a\0\1"), ERR_TRUNCATED, "topics"},
    {&kafka_message_metadata_request, 9, FRAME("\xff\xff\xff\xff\x0f"), ERR_CORRUPT, "topics"},
    {&kafka_message_metadata_request, 9, FRAME("\xff\xff\xff\xff\x1f"), ERR_CORRUPT, "topics"},
    {&kafka_message_find_coordinator_request, 4,
     FRAME("\0\3\2a\x05"
           "bc\0"),
     ERR_TRUNCATED, "coordinator_keys[1]"},
    {&kafka_message_find_coordinator_request, 4, FRAME("\0\3\2a\0\0"), ERR_CORRUPT,
     "coordinator_keys[1]"},
    /* the inner array may not count on bytes that the outer one's second item needs */
    {&kafka_message_produce_request, 9, FRAME("\0\0\0\0\0\0\0\3\1\2\0\0\0\0\1\0"), ERR_TRUNCATED,
     "topic_data[0].partition_data"},
    /* tagged fields */
    {&kafka_message_metadata_request, 9, FRAME("\1\0\0\0\1\x63\2!"), ERR_TRUNCATED, "end"},
    {&kafka_message_metadata_request, 9, FRAME("\1\0\0\0\1"), ERR_TRUNCATED, "end"},
    {&kafka_message_metadata_request, 9, FRAME("\1\0\0\0\1\x63\1!"), ERR_OK, "end"},
    {&kafka_message_api_versions_response, 3,
     FRAME("\0\0\1\0\0\0\0\2\1\x8\0\0\0\0\0\0\0\5\1\x8\0\0\0\0\0\0\0\5"), ERR_CORRUPT,
     "finalized_features_epoch"},
    {&kafka_message_api_versions_response, 3, FRAME("\0\0\1\0\0\0\0\1\1\x9\0\0\0\0\0\0\0\5\0"),
     ERR_CORRUPT, "finalized_features_epoch"},
    {&kafka_message_api_versions_response, 3, FRAME("\0\0\1\0\0\0\0\1\1\7\0\0\0\0\0\0\0\5"),
     ERR_TRUNCATED, "finalized_features_epoch"},
    {&kafka_message_api_versions_response, 3, FRAME("\0\0\1\0\0\0\0\1\0\x7\2\2a\0\1\0\0"),
     ERR_TRUNCATED, "supported_features[0]"},
    {&kafka_message_api_versions_response, 3,
     FRAME("\0\0\1\0\0\0\0\1\0\x8\2\4"
           "abc\0\1\0"),
     ERR_TRUNCATED, "supported_features[0].max_version"},
    {&kafka_message_produce_response, 10,
     FRAME("\2\2t\2\0\0\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0"
           "\1\0\6\0\0\0\7\0\0\0\0\0\0\0"),
     ERR_TRUNCATED, "responses[0].partition_responses[0].current_leader.leader_epoch"},
};

static void codec_refuses_and_says_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(codec_refusals); i++) {
        struct room room;
        room_init(&room);
        struct bytes_reader r = bytes_reader(codec_refusals[i].frame, codec_refusals[i].length);
        struct kafka_place place;
        char text[KAFKA_PLACE_TEXT_BYTES];
        void *out = room_body(&room, codec_refusals[i].message);
        enum err err = kafka_decode(codec_refusals[i].message, codec_refusals[i].version, &r,
                                    &room.arena, out, &place);
        kafka_place_format(&place, text);
        if (err != codec_refusals[i].want || strcmp(text, codec_refusals[i].place) != 0) {
            fail_msg("row %zu: %s at %s", i, err_name(err), text);
        }
        room_deinit(&room);
    }
}

/* librdkafka 2.15.1 asks for all topics: it keeps four bytes for a count that takes one. */
static void codec_leaves_bytes_behind_a_message(void **state)
{
    (void)state;
    static const uint8_t frame[] = {0, 0, 0, 0, 1, 0, 0};
    struct room room;
    room_init(&room);
    struct bytes_reader r = bytes_reader(frame, sizeof(frame));
    struct kafka_metadata_request request;
    assert_int_equal(
        kafka_decode(&kafka_message_metadata_request, 13, &r, &room.arena, &request, NULL), ERR_OK);
    assert_int_equal(request.topics.count, KAFKA_NULL);
    assert_false(request.allow_auto_topic_creation);
    assert_int_equal(bytes_reader_left(&r), 3);
    room_deinit(&room);
}

static void codec_text_is_no_longer_than_an_int16_says(void **state)
{
    (void)state;
    for (uint32_t length = INT16_MAX; length <= INT16_MAX + 1; length++) {
        struct room room;
        room_init(&room);
        uint8_t *frame = calloc(1, length + 16);
        assert_non_null(frame);
        struct bytes_writer w = bytes_writer(frame, length + 16);
        bytes_put_copy(&w, length == INT16_MAX ? "\x80\x80\x02" : "\x81\x80\x02", 3);
        bytes_put_zeros(&w, length);
        bytes_put_copy(&w, "\x01\x00", 2); /* an empty version, no tagged field */
        struct bytes_reader r = bytes_reader(frame, w.pos);
        struct kafka_api_versions_request request;
        assert_int_equal(
            kafka_decode(&kafka_message_api_versions_request, 3, &r, &room.arena, &request, NULL),
            length == INT16_MAX ? ERR_OK : ERR_CORRUPT);
        free(frame);
        room_deinit(&room);
    }
}

static void codec_arena_that_refuses_is_an_error(void **state)
{
    (void)state;
    struct budget budget;
    struct arena arena;
    budget_init(&budget, "codec test", 100, NULL);
    arena_init(&arena, &budget, 256, 1024);
    struct bytes_reader r = bytes_reader("\0\0\0\1\0\1a", 7);
    struct kafka_metadata_request request;
    assert_int_equal(kafka_decode(&kafka_message_metadata_request, 1, &r, &arena, &request, NULL),
                     ERR_BUDGET);
    assert_null(kafka_items(&arena, &kafka_struct_metadata_response_topic, 1));
    arena_deinit(&arena);
    budget_deinit(&budget);
}

/* A random value of `message`, encoded; what comes back is the value, and encodes to the same. */
static void codec_round_trip(struct room *room, const struct kafka_message *message,
                             int16_t version, struct prng *prng)
{
    void *in = room_body(room, message);
    values_fill(prng, &room->arena, message->body, version, in);
    size_t length;
    uint8_t *frame = frame_encode(message, version, in, &length);
    size_t before = room_used(room);
    void *out = room_body(room, message);
    memset(out, 0xa5, message->body->size_bytes);
    frame_decode(room, message, version, frame, length, out);
    assert_in_range(room_used(room) - before, 0,
                    KAFKA_DECODE_RATIO * length + message->body->size_bytes + 16);
    assert_true(values_is_equal(message->body, in, out));
    frame_is_encoded(message, version, out, frame, length);
    free(frame);
}

/* Every message and version once, then random ones. */
static void codec_random_values_come_back(void **state)
{
    (void)state;
    struct room room;
    room_init(&room);
    struct share share = share_open("random values", 40);
    while (share_more(&share)) {
        struct prng prng;
        prng_init(&prng, share_case_seed(&share));
        for (size_t i = 0; i < KAFKA_MESSAGES_COUNT; i++) {
            const struct kafka_message *message = kafka_messages[i];
            for (int16_t version = message->first; version <= message->last; version++) {
                codec_round_trip(&room, message, version, &prng);
                arena_rewind(&room.arena, room.mark);
            }
        }
    }
    share_close(&share);
    room_deinit(&room);
}

/* The bytes of a random value, one of its encodings cut at every length or damaged at one place. */
static void codec_refuse_parts(struct room *room, const struct kafka_message *message,
                               int16_t version, struct prng *prng)
{
    void *in = room_body(room, message);
    values_fill(prng, &room->arena, message->body, version, in);
    size_t length;
    uint8_t *frame = frame_encode(message, version, in, &length);
    struct arena_mark mark = arena_mark(&room->arena);
    size_t before = room_used(room);
    for (size_t i = 0; i < 2 * length; i++) {
        bool is_cut = i < length;
        uint8_t *copy = malloc(is_cut ? i + 1 : length); /* ASan sees one byte too many */
        assert_non_null(copy);
        memcpy(copy, frame, is_cut ? i : length);
        copy[is_cut ? i : i - length] = (uint8_t)prng_u64(prng);
        struct bytes_reader r = bytes_reader(copy, is_cut ? i : length);
        void *out = room_body(room, message);
        enum err err = kafka_decode(message, version, &r, &room->arena, out, NULL);
        assert_true(IMPLIES(is_cut, err != ERR_OK));
        assert_in_range(room_used(room) - before, 0,
                        KAFKA_DECODE_RATIO * length + message->body->size_bytes + 16);
        free(copy);
        arena_rewind(&room->arena, mark);
    }
    free(frame);
}

static void codec_parts_of_a_message_are_refused(void **state)
{
    (void)state;
    struct room room;
    room_init(&room);
    struct share share = share_open("parts and damage", 40);
    while (share_more(&share)) {
        struct prng prng;
        prng_init(&prng, share_case_seed(&share));
        const struct kafka_message *message;
        do {
            message = kafka_messages[prng_below(&prng, KAFKA_MESSAGES_COUNT)];
        } while (message->api_key == KAFKA_NO_KEY); /* a header may end before the frame does */
        codec_refuse_parts(
            &room, message,
            (int16_t)prng_range(&prng, (uint64_t)message->first, (uint64_t)message->last), &prng);
        arena_rewind(&room.arena, room.mark);
    }
    share_close(&share);
    room_deinit(&room);
}

/* Left out and put in again by the sender, records stand where a copy would. */
static void codec_gathered_frame_is_the_copied_one(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        struct room room;
        room_init(&room);
        const struct kafka_message *message = &kafka_message_fetch_response;
        int16_t version = (int16_t)prng_range(&prng, 4, 18);
        struct kafka_fetch_response response;
        values_fill(&prng, &room.arena, message->body, version, &response);
        size_t want_length;
        uint8_t *want = frame_encode(message, version, &response, &want_length);
        for (int32_t i = 0; i < response.responses.count; i++) {
            struct kafka_fetch_response_topic *topic = &response.responses.items[i];
            for (int32_t j = 0; j < topic->partitions.count; j++) {
                topic->partitions.items[j].records.source = topic->partitions.items[j].records.data;
                topic->partitions.items[j].records.data = NULL;
            }
        }
        struct kafka_size size = kafka_measure(message, version, &response);
        assert_int_equal(size.written_bytes + size.inserted_bytes, want_length);
        struct kafka_gap items[64];
        struct kafka_gaps gaps = {.items = items, .capacity = size.gaps_count};
        uint8_t *got = malloc(size.written_bytes + 1);
        assert_non_null(got);
        struct bytes_writer w = bytes_writer(got, size.written_bytes);
        assert_in_range(size.gaps_count, 0, ARRAY_COUNT(items));
        assert_int_equal(kafka_encode(message, version, &response, &w, &gaps), ERR_OK);
        assert_int_equal(gaps.count, size.gaps_count);
        size_t pos = 0;
        size_t from = 0;
        for (uint32_t i = 0; i < gaps.count; i++) {
            assert_memory_equal(want + pos, got + from, items[i].pos - from);
            pos += items[i].pos - from;
            from = items[i].pos;
            assert_memory_equal(want + pos, items[i].records->source,
                                (size_t)items[i].records->length);
            pos += (size_t)items[i].records->length;
        }
        assert_memory_equal(want + pos, got + from, w.pos - from);
        free(got);
        free(want);
        room_deinit(&room);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codec_request_header_keeps_client_id_plain),
        cmocka_unit_test(codec_headers_follow_the_flexible_version),
        cmocka_unit_test(codec_api_versions_response_has_tagged_features),
        cmocka_unit_test(codec_metadata_request_tells_all_from_none),
        cmocka_unit_test(codec_metadata_response_in_three_ages),
        cmocka_unit_test(codec_produce_request_points_into_the_frame),
        cmocka_unit_test(codec_produce_response_hints_at_the_leader),
        cmocka_unit_test(codec_fetch_request_is_read_old_and_new),
        cmocka_unit_test(codec_fetch_response_leaves_records_out),
        cmocka_unit_test(codec_cursor_may_be_absent),
        cmocka_unit_test(codec_types_of_later_messages_work),
        cmocka_unit_test(codec_tagged_field_does_not_count_on_later_items),
        cmocka_unit_test(codec_refuses_and_says_where),
        cmocka_unit_test(codec_leaves_bytes_behind_a_message),
        cmocka_unit_test(codec_text_is_no_longer_than_an_int16_says),
        cmocka_unit_test(codec_arena_that_refuses_is_an_error),
        cmocka_unit_test(codec_random_values_come_back),
        cmocka_unit_test(codec_parts_of_a_message_are_refused),
        cmocka_unit_test(codec_gathered_frame_is_the_copied_one),
    };
    return cmocka_run_group_tests_name("kafka_codec", tests, NULL, NULL);
}
