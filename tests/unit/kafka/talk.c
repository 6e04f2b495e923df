/* See talk.h. */
#include "tests/unit/kafka/talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/varint.h"
#include "broker/kafka/codec.h"
#include "storage/log/batch.h"
#include "tests/support/cmocka.h"

#define TALK_VALUE_BYTES_MIN 16u

struct kafka_string talk_text(const char *text)
{
    return (struct kafka_string){.data = text, .length = (int32_t)strlen(text)};
}

void talk_batch(const struct town *t, struct talk_batch *out, uint64_t serial, uint32_t count,
                int64_t timestamp, uint32_t value_bytes)
{
    uint8_t raw[TALK_BATCH_BYTES];
    char value[TALK_BATCH_BYTES];
    struct batch_build b;
    ASSERT(value_bytes >= TALK_VALUE_BYTES_MIN);
    ASSERT(value_bytes < sizeof(value));
    batch_build_init(&b, raw, sizeof(raw));
    memset(value, '.', sizeof(value));
    for (uint32_t i = 0; i < count; i++) {
        char digits[TALK_VALUE_BYTES_MIN + 1];
        snprintf(digits, sizeof(digits), "%016llx", (unsigned long long)(serial + i));
        memcpy(value, digits, TALK_VALUE_BYTES_MIN);
        batch_build_add(&b, &(struct batch_build_record){.timestamp = timestamp + (int64_t)i,
                                                         .value = value,
                                                         .value_bytes = value_bytes});
    }
    out->length = batch_build_end(&b, NULL, t->kernels, out->data, sizeof(out->data));
}

int16_t talk_topic(struct town_client *c, const char *topic)
{
    struct kafka_metadata_request_topic asked;
    struct kafka_metadata_request body;
    kafka_reset(&kafka_struct_metadata_request, &body);
    kafka_reset(&kafka_struct_metadata_request_topic, &asked);
    asked.name = talk_text(topic);
    body.topics.items = &asked;
    body.topics.count = 1;
    const struct kafka_metadata_response *answer =
        town_call(c, &kafka_message_metadata_request, TALK_METADATA_VERSION, &body);
    assert_int_equal(answer->topics.count, 1);
    return answer->topics.items[0].error_code;
}

const struct kafka_metadata_response *talk_metadata(struct town_client *c, int16_t version,
                                                    const char *name, const struct log_uuid *id,
                                                    int32_t count)
{
    struct kafka_metadata_request_topic asked;
    struct kafka_metadata_request body;
    kafka_reset(&kafka_struct_metadata_request, &body);
    kafka_reset(&kafka_struct_metadata_request_topic, &asked);
    asked.name = name != NULL ? talk_text(name) : (struct kafka_string){.length = KAFKA_NULL};
    if (id != NULL) {
        asked.topic_id = *id;
    }
    body.topics.items = &asked;
    body.topics.count = count;
    return town_call(c, &kafka_message_metadata_request, version, &body);
}

void talk_change(struct town *t, enum core_change_kind kind, const char *topic,
                 const struct core_topic_config_pair *pairs, uint32_t pairs_count)
{
    struct core_change_item item = {.kind = kind,
                                    .name = topic,
                                    .name_bytes = (uint32_t)strlen(topic),
                                    .partitions_count = -1,
                                    .replicas_count = -1,
                                    .pairs = pairs,
                                    .pairs_count = pairs_count};
    town_change(t, &item);
    assert_int_equal(item.code, CORE_OK);
}

/* --- Produce --- */

void talk_produce_ask(struct town_client *c, int16_t version, const char *topic, int32_t partition,
                      int16_t acks, const void *batch, size_t length)
{
    size_t frame_bytes;
    const uint8_t *frame =
        talk_produce_frame(c, version, topic, partition, acks, batch, length, &frame_bytes);
    town_bytes(c, frame, frame_bytes);
}

const uint8_t *talk_produce_frame(struct town_client *c, int16_t version, const char *topic,
                                  int32_t partition, int16_t acks, const void *batch, size_t length,
                                  size_t *frame_bytes)
{
    struct kafka_produce_request_partition part = {
        .index = partition, .records = {.data = batch, .length = (int32_t)length}};
    struct kafka_produce_request_topic data;
    struct kafka_produce_request body;
    kafka_reset(&kafka_struct_produce_request, &body);
    kafka_reset(&kafka_struct_produce_request_topic, &data);
    data.name = talk_text(topic);
    data.partition_data.items = &part;
    data.partition_data.count = 1;
    body.acks = acks;
    body.timeout_ms = 30000;
    body.topic_data.items = &data;
    body.topic_data.count = 1;
    const uint8_t *frame =
        town_frame_of(c, &kafka_message_produce_request, version, &body, frame_bytes);
    if (acks != 0) {
        town_expect(c, &kafka_message_produce_request, version);
    }
    return frame;
}

const struct kafka_produce_response_partition *talk_produce_answer(struct town_client *c)
{
    const struct kafka_produce_response *answer = town_answer(c);
    assert_non_null(answer);
    assert_int_equal(answer->responses.count, 1);
    assert_int_equal(answer->responses.items[0].partition_responses.count, 1);
    return &answer->responses.items[0].partition_responses.items[0];
}

const struct kafka_produce_response_partition *talk_produce(struct town_client *c,
                                                            const char *topic, int32_t partition,
                                                            int16_t acks,
                                                            const struct talk_batch *batch)
{
    ASSERT(acks != 0);
    talk_produce_ask(c, TALK_PRODUCE_VERSION, topic, partition, acks, batch->data, batch->length);
    return talk_produce_answer(c);
}

/* --- Fetch --- */

void talk_fetch_ask(struct town_client *c, const struct talk_fetch *fetch)
{
    struct kafka_fetch_request_partition part;
    struct kafka_fetch_request_topic topic;
    struct kafka_fetch_request body;
    kafka_reset(&kafka_struct_fetch_request, &body);
    kafka_reset(&kafka_struct_fetch_request_topic, &topic);
    kafka_reset(&kafka_struct_fetch_request_partition, &part);
    part.partition = fetch->partition;
    part.fetch_offset = (int64_t)fetch->offset;
    part.current_leader_epoch = fetch->epoch - 1;
    part.last_fetched_epoch = fetch->epoch_fetched - 1;
    part.partition_max_bytes = fetch->bytes_max > 0 ? fetch->bytes_max : 1 << 20;
    topic.topic = talk_text(fetch->topic);
    topic.partitions.items = &part;
    topic.partitions.count = 1;
    body.max_bytes = part.partition_max_bytes;
    body.min_bytes = fetch->bytes_min;
    body.max_wait_ms = fetch->max_wait_ms;
    body.topics.items = &topic;
    body.topics.count = 1;
    town_ask(c, &kafka_message_fetch_request,
             fetch->version > 0 ? fetch->version : TALK_FETCH_VERSION, &body);
}

const struct kafka_fetch_response_partition *talk_fetch_answer(struct town_client *c)
{
    const struct kafka_fetch_response *answer = town_answer(c);
    assert_non_null(answer);
    assert_int_equal(answer->error_code, 0);
    assert_int_equal(answer->responses.count, 1);
    assert_int_equal(answer->responses.items[0].partitions.count, 1);
    return &answer->responses.items[0].partitions.items[0];
}

const struct kafka_fetch_response_partition *talk_fetch(struct town_client *c,
                                                        const struct talk_fetch *fetch)
{
    talk_fetch_ask(c, fetch);
    return talk_fetch_answer(c);
}

/* One record, as talk_batch writes it. */
static struct talk_record talk_read_record(struct bytes_reader *r, const struct log_batch *batch)
{
    struct talk_record record;
    char digits[TALK_VALUE_BYTES_MIN + 1] = "";
    varint_get_i64(r);
    bytes_get_u8(r);
    record.timestamp = batch->base_timestamp + varint_get_i64(r);
    record.offset = batch->base_offset + (uint64_t)varint_get_i64(r);
    assert_int_equal(varint_get_i64(r), -1); /* no key */
    int64_t value_bytes = varint_get_i64(r);
    assert_in_range(value_bytes, TALK_VALUE_BYTES_MIN, TALK_BATCH_BYTES);
    const uint8_t *value = bytes_get_view(r, (uint64_t)value_bytes);
    assert_int_equal(r->err, ERR_OK);
    memcpy(digits, value, TALK_VALUE_BYTES_MIN);
    record.serial = strtoull(digits, NULL, 16);
    assert_int_equal(varint_get_i64(r), 0); /* no headers */
    return record;
}

uint32_t talk_records(const struct town *t, const struct kafka_records *records, uint64_t from,
                      struct talk_record *out, uint32_t capacity)
{
    uint32_t count = 0;
    uint64_t next_offset = 0;
    size_t length = records->length > 0 ? (size_t)records->length : 0;
    for (size_t pos = 0; pos < length;) {
        struct log_batch batch;
        const uint8_t *data = records->data + pos;
        assert_int_equal(log_batch_decode(data, length - pos, &batch), ERR_OK);
        assert_true(log_batch_is_sound(t->kernels, data, batch.length_bytes));
        if (pos > 0) {
            assert_int_equal(batch.base_offset, next_offset);
        }
        next_offset = batch.base_offset + batch.records_count;
        struct bytes_reader r = bytes_reader(data + LOG_BATCH_HEADER_BYTES,
                                             batch.length_bytes - LOG_BATCH_HEADER_BYTES);
        for (uint32_t i = 0; i < batch.records_count; i++) {
            struct talk_record record = talk_read_record(&r, &batch);
            assert_int_equal(record.offset, batch.base_offset + i);
            if (record.offset >= from) {
                if (count < capacity) {
                    out[count] = record;
                }
                count++;
            }
        }
        assert_int_equal(bytes_reader_left(&r), 0);
        pos += batch.length_bytes;
    }
    return count;
}

/* --- Offsets --- */

int64_t talk_offset(struct town_client *c, const char *topic, int32_t partition, int64_t timestamp)
{
    int64_t offset;
    assert_int_equal(talk_list_offset(c, topic, partition, timestamp, &offset), 0);
    return offset;
}

int16_t talk_list_offset(struct town_client *c, const char *topic, int32_t partition,
                         int64_t timestamp, int64_t *offset)
{
    struct kafka_list_offsets_request_partition part;
    struct kafka_list_offsets_request_topic asked;
    struct kafka_list_offsets_request body;
    kafka_reset(&kafka_struct_list_offsets_request, &body);
    kafka_reset(&kafka_struct_list_offsets_request_topic, &asked);
    kafka_reset(&kafka_struct_list_offsets_request_partition, &part);
    part.partition_index = partition;
    part.timestamp = timestamp;
    asked.name = talk_text(topic);
    asked.partitions.items = &part;
    asked.partitions.count = 1;
    body.replica_id = -1;
    body.topics.items = &asked;
    body.topics.count = 1;
    const struct kafka_list_offsets_response *answer =
        town_call(c, &kafka_message_list_offsets_request, TALK_LIST_OFFSETS_VERSION, &body);
    assert_int_equal(answer->topics.count, 1);
    assert_int_equal(answer->topics.items[0].partitions.count, 1);
    *offset = answer->topics.items[0].partitions.items[0].offset;
    return answer->topics.items[0].partitions.items[0].error_code;
}
