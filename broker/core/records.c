/* What a client may append. See records.h.
 *
 * The checks go from the outside in: the frame (a magic, a length, a checksum), the header, then
 * the records, decompressed if need be. What stands in front of the checksum is looked at first,
 * since it says how long the batch is; what is behind it only after the checksum was right, so a
 * fault there is the client's and not the network's.
 *
 * Records are read with the log's own reader, so what passes here can be read back from the log. In
 * front of it stands a quick one for records of the usual form: a broker looks at every record it
 * is sent, and most of them differ in nothing but their lengths. */
#include "broker/core/records.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "base/varint.h"
#include "storage/log/records.h"

/* Fields of the header that are reached without decoding it. */
#define CORE_RECORDS_MAGIC_POS      16u
#define CORE_RECORDS_CRC_POS        17u
#define CORE_RECORDS_ATTRIBUTES_POS 21u
#define CORE_RECORDS_MAX_TIME_POS   35u

/* Kafka's name of the layout. */
#define CORE_RECORDS_MAGIC 2u

/* The attributes that a producer may set. */
#define CORE_RECORDS_ATTRIBUTES (LOG_BATCH_COMPRESSION | LOG_BATCH_TRANSACTIONAL)

/* The smallest block of a room, and how much larger the next one is: compressed text is a quarter
 * to a tenth of its length, so the first block is nearly always enough. */
#define CORE_RECORDS_ROOM_BYTES_MIN (64u << 10)
#define CORE_RECORDS_ROOM_GROWTH    4u

/* Varints of the common form carry 63 bits at most: no bit is lost in the sum. */
#define CORE_RECORDS_SKIM_BYTES_MAX 9u

/* "No timestamp": within any bounds, and what the largest of none is. */
#define CORE_RECORDS_NO_TIMESTAMP (-1)

static enum core_records_fault core_records_check_frame(const struct core_records_config *config,
                                                        const struct crc32c *kernels,
                                                        struct bytes_reader r,
                                                        struct core_records_info *info);
static enum core_records_fault core_records_check_length(const struct core_records_config *config,
                                                         struct bytes_reader r,
                                                         struct core_records_info *info);
static bool core_records_is_sound(const struct core_records_config *config,
                                  const struct crc32c *kernels, struct bytes_reader r);
static enum core_records_fault core_records_check_header(const struct core_records_config *config,
                                                         struct core_records_info *info);
static enum core_records_fault core_records_check_producer(struct core_records_info *info);
static enum core_records_fault core_records_check_records(const struct core_records_config *config,
                                                          struct log_records_reader *rr,
                                                          struct core_records_info *info);
static bool core_records_skim(struct log_records_reader *rr, struct log_records_item *item);
static const uint8_t *core_records_skim_varint(const uint8_t *at, const uint8_t *end,
                                               unsigned bytes_max, uint64_t *value);
static const uint8_t *core_records_skim_bytes(const uint8_t *at, const uint8_t *end, bool *is_null);
static enum core_records_fault core_records_check_record(const struct core_records_config *config,
                                                         const struct log_records_item *item,
                                                         struct core_records_info *info);
static enum core_records_fault core_records_fault_of(enum err err);
static size_t core_records_room_next(const struct core_records_room *room, size_t length);
static enum err core_records_room_resize(struct core_records_room *room, size_t bytes);
static void core_records_room_release(struct core_records_room *room);
static enum err core_records_find(struct core_records_room *room, const void *data, size_t length,
                                  const int64_t *timestamp, uint64_t from_offset,
                                  struct core_records_found *out);
static enum err core_records_find_walk(struct log_records_reader *rr, const int64_t *timestamp,
                                       uint64_t from_offset, struct core_records_found *out);
static void core_records_set_time(const struct crc32c *kernels, uint8_t *data, size_t length,
                                  bool is_append_time, int64_t max_timestamp);

/* A row for each fault. */
static const struct core_records_fault_row {
    const char *name;                /* the enum's, without its prefix */
    enum core_records_answer answer; /* what a door says */
    const char *text;                /* for people */
} core_records_faults[CORE_RECORDS_FAULT_COUNT] = {
#define CORE_RECORDS_FAULT_ROW(name, answer, text)                                                 \
    [CORE_RECORDS_FAULT_##name] = {#name, CORE_RECORDS_##answer, text},
    CORE_RECORDS_FAULT_TABLE(CORE_RECORDS_FAULT_ROW)
#undef CORE_RECORDS_FAULT_ROW
};

/* What info->number is; NULL: nothing. */
static const char *const core_records_numbers[CORE_RECORDS_FAULT_COUNT] = {
    [CORE_RECORDS_FAULT_OLD_MAGIC] = "magic",
    [CORE_RECORDS_FAULT_MAGIC] = "magic",
    [CORE_RECORDS_FAULT_LENGTH] = "bytes",
    [CORE_RECORDS_FAULT_CUT_OFF] = "bytes",
    [CORE_RECORDS_FAULT_NOT_ONE] = "bytes",
    [CORE_RECORDS_FAULT_BASE_OFFSET] = "base offset",
    [CORE_RECORDS_FAULT_BATCH_BYTES] = "bytes",
    [CORE_RECORDS_FAULT_ATTRIBUTES] = "attributes",
    [CORE_RECORDS_FAULT_CODEC] = "type",
    [CORE_RECORDS_FAULT_RECORDS_COUNT] = "records",
    [CORE_RECORDS_FAULT_PRODUCER] = "producer",
    [CORE_RECORDS_FAULT_ROOM] = "most bytes",
    [CORE_RECORDS_FAULT_OFFSET_DELTA] = "offset delta",
    [CORE_RECORDS_FAULT_OLD_TIME] = "timestamp",
    [CORE_RECORDS_FAULT_LATE_TIME] = "timestamp",
};

void core_records_room_init(struct core_records_room *room, struct budget *budget,
                            size_t keep_bytes, size_t bytes_max)
{
    ASSERT(bytes_max > 0);
    ASSERT(bytes_max <= CODEC_BYTES_MAX);
    ASSERT(keep_bytes <= bytes_max);
    *room = (struct core_records_room){
        .budget = budget, .keep_bytes = keep_bytes, .bytes_max = bytes_max};
    codec_context_init(&room->codec);
}

void core_records_room_deinit(struct core_records_room *room)
{
    core_records_room_release(room);
    codec_context_deinit(&room->codec);
}

enum core_records_fault core_records_validate(const struct core_records_config *config,
                                              struct core_records_room *room,
                                              const struct crc32c *kernels, const void *data,
                                              size_t length, struct core_records_info *info)
{
    ASSERT(config->before_max_ms >= 0);
    ASSERT(config->after_max_ms >= 0);
    *info =
        (struct core_records_info){.record_index = -1, .max_timestamp = CORE_RECORDS_NO_TIMESTAMP};
    struct bytes_reader r = bytes_reader(data, length);
    info->fault = core_records_check_frame(config, kernels, r, info);
    if (info->fault == CORE_RECORDS_FAULT_NONE) {
        info->fault = core_records_check_header(config, info);
    }
    if (info->fault != CORE_RECORDS_FAULT_NONE) {
        return info->fault;
    }
    struct log_records_reader rr;
    info->fault = core_records_fault_of(core_records_open(room, &rr, data, length));
    if (info->fault == CORE_RECORDS_FAULT_NONE) {
        info->records_bytes = rr.r.length;
        info->fault = core_records_check_records(config, &rr, info);
    } else if (info->fault == CORE_RECORDS_FAULT_ROOM) {
        info->number = (int64_t)room->bytes_max;
    }
    core_records_close(room);
    return info->fault;
}

void core_records_built(const void *data, size_t length, struct core_records_info *info)
{
    *info = (struct core_records_info){.record_index = -1, .codec = CODEC_NONE};
    enum err err = log_batch_decode(data, length, &info->batch);
    ASSERT(err == ERR_OK);
    ASSERT(info->batch.length_bytes == length);
    ASSERT(info->batch.base_offset == 0);
    ASSERT(info->batch.attributes == 0);
    ASSERT(info->batch.producer_id < 0);
    info->max_timestamp = info->batch.max_timestamp;
    info->records_bytes = length - LOG_BATCH_HEADER_BYTES;
}

enum core_records_answer core_records_answer_of(enum core_records_fault fault)
{
    ASSERT(fault < CORE_RECORDS_FAULT_COUNT);
    return core_records_faults[fault].answer;
}

const char *core_records_fault_name(enum core_records_fault fault)
{
    ASSERT(fault < CORE_RECORDS_FAULT_COUNT);
    return core_records_faults[fault].name;
}

const char *core_records_fault_text(enum core_records_fault fault)
{
    ASSERT(fault < CORE_RECORDS_FAULT_COUNT);
    return core_records_faults[fault].text;
}

size_t core_records_describe(const struct core_records_info *info, char *out, size_t out_bytes)
{
    ASSERT(out_bytes > 0);
    char record[32] = "";
    char number[64] = "";
    const char *label = core_records_numbers[info->fault];
    if (info->record_index >= 0) {
        snprintf(record, sizeof(record), "record %" PRId32 ": ", info->record_index);
    }
    if (label != NULL) {
        snprintf(number, sizeof(number), " (%s %" PRId64 ")", label, info->number);
    }
    int length =
        snprintf(out, out_bytes, "%s%s%s", record, core_records_fault_text(info->fault), number);
    ASSERT(length >= 0);
    return (size_t)length < out_bytes ? (size_t)length : out_bytes - 1;
}

enum err core_records_find_time(struct core_records_room *room, const void *data, size_t length,
                                int64_t timestamp, uint64_t from_offset,
                                struct core_records_found *out)
{
    return core_records_find(room, data, length, &timestamp, from_offset, out);
}

enum err core_records_find_max_time(struct core_records_room *room, const void *data, size_t length,
                                    uint64_t from_offset, struct core_records_found *out)
{
    return core_records_find(room, data, length, NULL, from_offset, out);
}

void core_records_set_append_time(const struct crc32c *kernels, uint8_t *data, size_t length,
                                  int64_t now_ms)
{
    core_records_set_time(kernels, data, length, true, now_ms);
}

void core_records_set_max_timestamp(const struct crc32c *kernels, uint8_t *data, size_t length,
                                    int64_t max_timestamp)
{
    core_records_set_time(kernels, data, length, false, max_timestamp);
}

/* Where the batch ends, that it is alone, and that it came as it was sent. */
static enum core_records_fault core_records_check_frame(const struct core_records_config *config,
                                                        const struct crc32c *kernels,
                                                        struct bytes_reader r,
                                                        struct core_records_info *info)
{
    if (r.length == 0) {
        return CORE_RECORDS_FAULT_EMPTY;
    }
    if (r.length <= CORE_RECORDS_MAGIC_POS) {
        info->number = (int64_t)r.length;
        return CORE_RECORDS_FAULT_CUT_OFF;
    }
    uint8_t magic = r.data[CORE_RECORDS_MAGIC_POS];
    if (magic != CORE_RECORDS_MAGIC) {
        info->number = magic;
        return magic < CORE_RECORDS_MAGIC ? CORE_RECORDS_FAULT_OLD_MAGIC : CORE_RECORDS_FAULT_MAGIC;
    }
    enum core_records_fault fault = core_records_check_length(config, r, info);
    if (fault != CORE_RECORDS_FAULT_NONE) {
        return fault;
    }
    if (!core_records_is_sound(config, kernels, r)) {
        return CORE_RECORDS_FAULT_CHECKSUM;
    }
    /* The base offset is 0: what is out of range now is a number of the header's other fields. */
    enum err err = log_batch_decode(r.data, r.length, &info->batch);
    if (err == ERR_OK) {
        return CORE_RECORDS_FAULT_NONE;
    }
    uint16_t attributes = (uint16_t)(r.data[CORE_RECORDS_ATTRIBUTES_POS] << 8);
    if ((attributes & LOG_BATCH_INTERNAL) != 0) { /* decoded as what it cannot be */
        info->number = attributes | r.data[CORE_RECORDS_ATTRIBUTES_POS + 1];
        return CORE_RECORDS_FAULT_ATTRIBUTES;
    }
    return CORE_RECORDS_FAULT_HEADER;
}

/* What is in front of the checksum, and what the length says. */
static enum core_records_fault core_records_check_length(const struct core_records_config *config,
                                                         struct bytes_reader r,
                                                         struct core_records_info *info)
{
    uint64_t base_offset = bytes_get_u64be(&r);
    uint64_t length = (uint64_t)bytes_get_u32be(&r) + LOG_BATCH_PREFIX_BYTES;
    ASSERT(r.err == ERR_OK);
    info->number = (int64_t)length;
    if (length < LOG_BATCH_HEADER_BYTES || length > INT32_MAX) { /* the number is signed */
        return CORE_RECORDS_FAULT_LENGTH;
    }
    if (length > r.length) {
        return CORE_RECORDS_FAULT_CUT_OFF;
    }
    if (length < r.length) {
        info->number = (int64_t)(r.length - length);
        return CORE_RECORDS_FAULT_NOT_ONE;
    }
    if (base_offset != 0) {
        info->number = (int64_t)base_offset;
        return CORE_RECORDS_FAULT_BASE_OFFSET;
    }
    if (length > config->batch_bytes_max || length > LIMIT_BATCH_BYTES) {
        return CORE_RECORDS_FAULT_BATCH_BYTES;
    }
    info->number = 0;
    return CORE_RECORDS_FAULT_NONE;
}

static bool core_records_is_sound(const struct core_records_config *config,
                                  const struct crc32c *kernels, struct bytes_reader r)
{
    if (!config->has_crc) {
        return log_batch_is_sound(kernels, r.data, r.length);
    }
    bytes_skip(&r, CORE_RECORDS_CRC_POS);
    return bytes_get_u32be(&r) == config->crc;
}

/* The header's fields among themselves, and what the request may carry. */
static enum core_records_fault core_records_check_header(const struct core_records_config *config,
                                                         struct core_records_info *info)
{
    const struct log_batch *batch = &info->batch;
    uint32_t attributes = batch->attributes;
    info->number = attributes;
    if ((attributes & LOG_BATCH_CONTROL) != 0) {
        return CORE_RECORDS_FAULT_CONTROL;
    }
    if ((attributes & LOG_BATCH_APPEND_TIME) != 0) {
        return CORE_RECORDS_FAULT_APPEND_TIME;
    }
    if ((attributes & ~CORE_RECORDS_ATTRIBUTES) != 0) {
        return CORE_RECORDS_FAULT_ATTRIBUTES;
    }
    ASSERT(batch->kind == LOG_KIND_DATA);
    info->number = attributes & LOG_BATCH_COMPRESSION;
    if (codec_kind_of_id(attributes & LOG_BATCH_COMPRESSION, &info->codec) != ERR_OK) {
        return CORE_RECORDS_FAULT_CODEC;
    }
    if (info->codec == CODEC_ZSTD && !config->may_zstd) {
        return CORE_RECORDS_FAULT_ZSTD;
    }
    info->number = batch->records_count;
    if (batch->records_count == 0 ||
        batch->records_count - 1 != (uint32_t)batch->last_offset_delta) {
        return CORE_RECORDS_FAULT_RECORDS_COUNT;
    }
    return core_records_check_producer(info);
}

/* -1 is no producer, and then nothing is said by the other two. */
static enum core_records_fault core_records_check_producer(struct core_records_info *info)
{
    const struct log_batch *batch = &info->batch;
    info->number = batch->producer_id;
    info->is_transactional = (batch->attributes & LOG_BATCH_TRANSACTIONAL) != 0;
    info->has_producer = batch->producer_id >= 0;
    bool is_whole = batch->producer_epoch >= 0 && batch->base_sequence >= 0;
    if (batch->producer_id < -1 || (info->has_producer && !is_whole) ||
        (info->is_transactional && !info->has_producer)) {
        return CORE_RECORDS_FAULT_PRODUCER;
    }
    info->number = 0;
    return CORE_RECORDS_FAULT_NONE;
}

static enum core_records_fault core_records_check_records(const struct core_records_config *config,
                                                          struct log_records_reader *rr,
                                                          struct core_records_info *info)
{
    struct log_records_item item;
    enum err err = ERR_OK;
    while (core_records_skim(rr, &item) || (err = log_records_next(rr, &item)) == ERR_OK) {
        info->record_index = (int32_t)(rr->index - 1);
        enum core_records_fault fault = core_records_check_record(config, &item, info);
        if (fault != CORE_RECORDS_FAULT_NONE) {
            return fault;
        }
    }
    bool is_all = rr->index == rr->batch.records_count;
    if (err != ERR_END) {
        ASSERT(err == ERR_CORRUPT);
        info->record_index = is_all ? -1 : (int32_t)rr->index;
        return is_all ? CORE_RECORDS_FAULT_TRAILING : CORE_RECORDS_FAULT_RECORD;
    }
    ASSERT(is_all);
    info->record_index = -1;
    info->is_max_timestamp_wrong = info->batch.max_timestamp != info->max_timestamp;
    return CORE_RECORDS_FAULT_NONE;
}

/* The next record where it is of the common form, whole and without headers: what
 * log_records_next would say of it, in a sixth of the time. False, and nothing done: anything else,
 * the end and every fault among it, which is log_records_next's. Of *item only what is checked is
 * set. */
static bool core_records_skim(struct log_records_reader *rr, struct log_records_item *item)
{
    uint64_t body_bytes = 0, timestamp_delta = 0, offset_delta = 0;
    bool is_key_null = false, is_value_null = false;
    if (rr->r.err != ERR_OK || rr->index == rr->batch.records_count || rr->r.pos == rr->r.length) {
        return false;
    }
    const uint8_t *at = rr->r.data + rr->r.pos;
    const uint8_t *end = rr->r.data + rr->r.length;
    at = core_records_skim_varint(at, end, VARINT_U32_BYTES_MAX, &body_bytes);
    if (at == NULL || (body_bytes & 1) != 0 || body_bytes >> 1 == 0 ||
        body_bytes >> 1 > (size_t)(end - at)) {
        return false;
    }
    end = at + (body_bytes >> 1);
    at = core_records_skim_varint(at + 1, end, CORE_RECORDS_SKIM_BYTES_MAX, &timestamp_delta);
    at = core_records_skim_varint(at, end, VARINT_U32_BYTES_MAX, &offset_delta);
    at = core_records_skim_bytes(at, end, &is_key_null);
    at = core_records_skim_bytes(at, end, &is_value_null);
    if (at == NULL || end - at != 1 || *at != 0 || (offset_delta & 1) != 0 ||
        offset_delta >> 1 > (uint64_t)rr->batch.last_offset_delta) {
        return false;
    }
    uint64_t base_timestamp = (uint64_t)rr->batch.base_timestamp;
    item->offset = offset_delta >> 1; /* the base offset is 0 */
    item->timestamp = (int64_t)(base_timestamp + (uint64_t)varint_unzigzag64(timestamp_delta));
    item->key = is_key_null ? NULL : at;
    rr->r.pos = (size_t)(end - rr->r.data);
    rr->index++;
    return true;
}

/* A varint of at most `bytes_max` bytes, of which one of five has no bit beyond the 32nd. Returns
 * what follows it; NULL: it is another, or `at` is NULL. */
static const uint8_t *core_records_skim_varint(const uint8_t *at, const uint8_t *end,
                                               unsigned bytes_max, uint64_t *value)
{
    uint64_t sum = 0;
    if (at == NULL) {
        return NULL;
    }
    for (unsigned i = 0; i < bytes_max && at < end; i++) {
        uint8_t byte = *at++;
        sum |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            *value = sum;
            return bytes_max == VARINT_U32_BYTES_MAX && sum > UINT32_MAX ? NULL : at;
        }
    }
    return NULL;
}

/* A length and as many bytes, or null. As core_records_skim_varint. */
static const uint8_t *core_records_skim_bytes(const uint8_t *at, const uint8_t *end, bool *is_null)
{
    uint64_t length = 0;
    at = core_records_skim_varint(at, end, VARINT_U32_BYTES_MAX, &length);
    if (at == NULL || length == 1) {
        *is_null = true;
        return at;
    }
    return (length & 1) == 0 && length >> 1 <= (size_t)(end - at) ? at + (length >> 1) : NULL;
}

static enum core_records_fault core_records_check_record(const struct core_records_config *config,
                                                         const struct log_records_item *item,
                                                         struct core_records_info *info)
{
    if (item->offset != (uint64_t)info->record_index) {
        info->number = (int64_t)item->offset;
        return CORE_RECORDS_FAULT_OFFSET_DELTA;
    }
    if (config->is_compacted && item->key == NULL) {
        return CORE_RECORDS_FAULT_KEY;
    }
    int64_t timestamp = item->timestamp;
    if (timestamp > info->max_timestamp) {
        info->max_timestamp = timestamp;
    }
    if (config->is_append_time || timestamp == CORE_RECORDS_NO_TIMESTAMP) {
        return CORE_RECORDS_FAULT_NONE;
    }
    /* The difference of two int64 fits an uint64 once it is known which is larger. */
    bool is_past = timestamp <= config->now_ms;
    uint64_t apart = is_past ? (uint64_t)config->now_ms - (uint64_t)timestamp
                             : (uint64_t)timestamp - (uint64_t)config->now_ms;
    int64_t bound = is_past ? config->before_max_ms : config->after_max_ms;
    if (bound != INT64_MAX && apart > (uint64_t)bound) {
        info->number = timestamp;
        return is_past ? CORE_RECORDS_FAULT_OLD_TIME : CORE_RECORDS_FAULT_LATE_TIME;
    }
    return CORE_RECORDS_FAULT_NONE;
}

/* Of opening a batch whose header was found right. */
static enum core_records_fault core_records_fault_of(enum err err)
{
    if (err == ERR_OK) {
        return CORE_RECORDS_FAULT_NONE;
    }
    if (err == ERR_BUDGET) {
        return CORE_RECORDS_FAULT_BUDGET;
    }
    if (err == ERR_TOO_LARGE) {
        return CORE_RECORDS_FAULT_ROOM;
    }
    if (err == ERR_UNSUPPORTED) {
        return CORE_RECORDS_FAULT_COMPRESSED_FORM;
    }
    ASSERT(err == ERR_CORRUPT || err == ERR_TRUNCATED);
    return CORE_RECORDS_FAULT_COMPRESSED;
}

/* Where the room is too small it grows until it is not: formats that say how much there is
 * decompress nothing before. */
enum err core_records_open(struct core_records_room *room, struct log_records_reader *rr,
                           const void *data, size_t length)
{
    enum err err = log_records_open(rr, data, length, &room->codec, room->data, room->bytes);
    bool is_compressed = (rr->batch.attributes & LOG_BATCH_COMPRESSION) != CODEC_NONE;
    if (is_compressed && err == ERR_TOO_LARGE) {
        size_t bytes = core_records_room_next(room, length);
        while (err == ERR_TOO_LARGE && bytes > room->bytes) {
            err = core_records_room_resize(room, bytes);
            if (err != ERR_OK) {
                return err;
            }
            err = log_records_open(rr, data, length, &room->codec, room->data, room->bytes);
            bytes = core_records_room_next(room, bytes);
        }
    }
    return err;
}

/* The next size to try, of records that `length` bytes are known to be too few for. */
static size_t core_records_room_next(const struct core_records_room *room, size_t length)
{
    size_t bytes = length < room->bytes ? room->bytes : length;
    bytes = bytes < CORE_RECORDS_ROOM_BYTES_MIN ? CORE_RECORDS_ROOM_BYTES_MIN
                                                : bytes * CORE_RECORDS_ROOM_GROWTH;
    return bytes < room->bytes_max ? bytes : room->bytes_max;
}

/* What was in the room is lost; after an error it is empty. */
static enum err core_records_room_resize(struct core_records_room *room, size_t bytes)
{
    core_records_room_release(room);
    void *data = NULL;
    enum err err = budget_alloc(room->budget, bytes, 16, &data);
    if (err == ERR_OK) {
        room->data = data;
        room->bytes = bytes;
    }
    return err;
}

void core_records_close(struct core_records_room *room)
{
    if (room->bytes > room->keep_bytes) {
        core_records_room_release(room);
    }
}

static void core_records_room_release(struct core_records_room *room)
{
    budget_free(room->budget, room->data);
    room->data = NULL;
    room->bytes = 0;
}

/* `timestamp` NULL: the largest is looked for. */
static enum err core_records_find(struct core_records_room *room, const void *data, size_t length,
                                  const int64_t *timestamp, uint64_t from_offset,
                                  struct core_records_found *out)
{
    *out = (struct core_records_found){.offset = 0};
    struct log_batch batch;
    enum err err = log_batch_decode(data, length, &batch);
    if (err != ERR_OK || batch.kind != LOG_KIND_DATA || batch.length_bytes != length) {
        return err == ERR_UNSUPPORTED ? err : ERR_CORRUPT;
    }
    if (from_offset >= log_batch_next_offset(&batch) ||
        (timestamp != NULL && batch.max_timestamp < *timestamp)) {
        return ERR_NOT_FOUND;
    }
    bool is_dense = batch.records_count == (uint32_t)batch.last_offset_delta + 1;
    if ((batch.attributes & LOG_BATCH_APPEND_TIME) != 0 && is_dense) {
        /* Every record has this time, and none is missing: no need to look at them. */
        out->offset = from_offset > batch.base_offset ? from_offset : batch.base_offset;
        out->timestamp = batch.max_timestamp;
        return ERR_OK;
    }
    struct log_records_reader rr;
    err = core_records_open(room, &rr, data, length);
    if (err == ERR_OK) {
        err = core_records_find_walk(&rr, timestamp, from_offset, out);
    }
    core_records_close(room);
    return err == ERR_TRUNCATED ? ERR_CORRUPT : err;
}

static enum err core_records_find_walk(struct log_records_reader *rr, const int64_t *timestamp,
                                       uint64_t from_offset, struct core_records_found *out)
{
    struct core_records_found best = {.offset = 0};
    bool has_best = false;
    struct log_records_item item;
    enum err err = ERR_OK;
    while ((err = log_records_next(rr, &item)) == ERR_OK) {
        bool is_wanted = timestamp != NULL ? item.timestamp >= *timestamp
                                           : !has_best || item.timestamp > best.timestamp;
        if (item.offset < from_offset || !is_wanted) {
            continue;
        }
        best = (struct core_records_found){item.offset, item.timestamp};
        has_best = true;
        if (timestamp != NULL) {
            break;
        }
    }
    if (err != ERR_OK && err != ERR_END) {
        return err;
    }
    *out = best;
    return has_best ? ERR_OK : ERR_NOT_FOUND;
}

/* A checksum is linear: that of header and records, and how much the header's own changes, give the
 * new one without the records. */
static void core_records_set_time(const struct crc32c *kernels, uint8_t *data, size_t length,
                                  bool is_append_time, int64_t max_timestamp)
{
    ASSERT(length >= LOG_BATCH_HEADER_BYTES);
    const size_t covered_bytes = LOG_BATCH_HEADER_BYTES - CORE_RECORDS_CRC_FROM;
    uint32_t before = crc32c(kernels, 0, data + CORE_RECORDS_CRC_FROM, covered_bytes);
    struct bytes_reader r = bytes_reader(data, LOG_BATCH_HEADER_BYTES);
    bytes_skip(&r, CORE_RECORDS_CRC_POS);
    uint32_t crc = bytes_get_u32be(&r);
    uint32_t attributes = bytes_get_u16be(&r);
    ASSERT(r.err == ERR_OK);
    attributes &= ~LOG_BATCH_APPEND_TIME;
    attributes |= is_append_time ? LOG_BATCH_APPEND_TIME : 0;
    struct bytes_writer w = bytes_writer(data + CORE_RECORDS_ATTRIBUTES_POS, 2);
    bytes_put_u16be(&w, (uint16_t)attributes);
    w = bytes_writer(data + CORE_RECORDS_MAX_TIME_POS, 8);
    bytes_put_u64be(&w, (uint64_t)max_timestamp);
    uint32_t after = crc32c(kernels, 0, data + CORE_RECORDS_CRC_FROM, covered_bytes);
    crc = crc32c_combine(before ^ after, crc, length - LOG_BATCH_HEADER_BYTES);
    w = bytes_writer(data + CORE_RECORDS_CRC_POS, 4);
    bytes_put_u32be(&w, crc);
}
