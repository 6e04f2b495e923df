/* What stands in a frame: records. See record.h.
 *
 * One predicate says what a record may hold. Encoding asserts it, decoding answers ERR_CORRUPT
 * where it does not hold, so nothing is written that would not be read. */
#include "storage/log/record.h"

#include "base/assert.h"
#include "storage/log/batch.h"
#include "storage/log/sidecar.h"

/* Where a record's checksum stands; its head before that is covered. */
#define LOG_RECORD_CRC_POS 28u

#define LOG_RECORD_CHECK(name, value, bytes)                                                       \
    static_assert((bytes) <= LOG_RECORD_FIXED_MAX, "no fixed part is larger than the largest");
LOG_RECORD_KINDS(LOG_RECORD_CHECK)
#undef LOG_RECORD_CHECK

/* Bytes of the fixed part by kind. */
static const uint8_t log_record_fixed[] = {
#define LOG_RECORD_FIXED(name, value, bytes) [value] = (bytes),
    LOG_RECORD_KINDS(LOG_RECORD_FIXED)
#undef LOG_RECORD_FIXED
};

/* Names by kind. */
static const char *const log_record_names[] = {
    [LOG_RECORD_ENTRY] = "entry",   [LOG_RECORD_CUT] = "cut",   [LOG_RECORD_HARD] = "hard",
    [LOG_RECORD_TRIM] = "trim",     [LOG_RECORD_TAIL] = "tail", [LOG_RECORD_CREATE] = "create",
    [LOG_RECORD_DELETE] = "delete", [LOG_RECORD_ROLL] = "roll", [LOG_RECORD_RESET] = "reset",
    [LOG_RECORD_SWITCH] = "switch", [LOG_RECORD_MARK] = "mark", [LOG_RECORD_LANES] = "lanes",
};

static_assert(ARRAY_COUNT(log_record_names) == ARRAY_COUNT(log_record_fixed),
              "every kind has a name");

static bool log_record_is_kind(unsigned kind);
static uint32_t log_record_fixed_bytes(unsigned kind, uint8_t flags);
static size_t log_record_padding(size_t bytes);
static void log_record_put_fixed(struct bytes_writer *w, const struct log_record *record);
static enum err log_record_decode(struct bytes_reader *r, const struct crc32c *kernels,
                                  uint32_t seed, struct log_record *record);
static void log_record_get_fixed(struct bytes_reader *r, struct log_record *record);
static bool log_record_is_valid(const struct log_record *record);
static bool log_record_is_body_valid(const struct log_record *record);
static bool log_record_is_tail_valid(const struct log_record *record);
static bool log_record_is_mark_valid(const struct log_record *record);
static bool log_record_is_index(uint64_t index);
static bool log_record_is_point(const struct log_point *point);

const char *log_record_kind_name(enum log_record_kind kind)
{
    return log_record_is_kind(kind) ? log_record_names[kind] : "unknown";
}

size_t log_record_bytes(const struct log_record *record)
{
    ASSERT(log_record_is_kind(record->kind));
    size_t bytes = LOG_RECORD_HEAD_BYTES + log_record_fixed_bytes(record->kind, record->flags) +
                   record->data_bytes;
    return bytes + log_record_padding(bytes);
}

void log_record_put(struct bytes_writer *w, const struct crc32c *kernels, uint32_t seed,
                    const struct log_record *record)
{
    ASSERT(log_record_is_valid(record));
    ASSERT(w->pos % LOG_RECORD_ALIGN == 0);
    size_t bytes = log_record_bytes(record);
    if (bytes > bytes_writer_left(w)) {
        bytes_put_zeros(w, bytes); /* fails whole: half a record is never written */
        return;
    }
    size_t start = w->pos;
    size_t fixed = log_record_fixed_bytes(record->kind, record->flags);
    bytes_put_u8(w, (uint8_t)record->kind);
    bytes_put_u8(w, record->flags);
    bytes_put_u16le(w, record->key_id);
    bytes_put_u32le(w, (uint32_t)fixed + record->data_bytes);
    bytes_put_u64le(w, record->group);
    bytes_put_u64le(w, record->seq);
    bytes_put_u32le(w, record->header_crc);
    bytes_put_u32le(w, 0);
    log_record_put_fixed(w, record);
    bytes_put_copy(w, record->data, record->data_bytes);
    bytes_put_zeros(w, log_record_padding(w->pos));
    if (w->err != ERR_OK) {
        return; /* it had one before */
    }
    ASSERT(w->pos - start == bytes);
    size_t covered = fixed + (record->kind == LOG_RECORD_ENTRY ? 0 : record->data_bytes);
    uint32_t crc = crc32c(kernels, seed, w->data + start, LOG_RECORD_CRC_POS);
    crc = crc32c(kernels, crc, w->data + start + LOG_RECORD_HEAD_BYTES, covered);
    bytes_patch_u32le(w, start + LOG_RECORD_CRC_POS, crc);
}

void log_record_get(struct bytes_reader *r, const struct crc32c *kernels, uint32_t seed,
                    struct log_record *out)
{
    ASSERT(r->pos % LOG_RECORD_ALIGN == 0);
    *out = (struct log_record){0};
    struct bytes_reader next = *r;
    struct log_record record = {0};
    enum err err = log_record_decode(&next, kernels, seed, &record);
    if (err != ERR_OK) {
        bytes_reader_fail(r, err); /* its position names the record that failed */
        return;
    }
    *out = record;
    *r = next;
}

void log_lane_end_put(struct bytes_writer *w, const struct log_lane_end *end)
{
    bytes_put_u64le(w, end->boot_epoch);
    bytes_put_u32le(w, end->lane);
    bytes_put_u32le(w, 0);
    bytes_put_u64le(w, end->last_frame);
}

struct log_lane_end log_lane_end_get(struct bytes_reader *r)
{
    struct bytes_reader fields = bytes_get_sub(r, LOG_LANE_END_BYTES);
    struct log_lane_end end;
    end.boot_epoch = bytes_get_u64le(&fields);
    end.lane = bytes_get_u32le(&fields);
    bytes_skip(&fields, 4);
    end.last_frame = bytes_get_u64le(&fields);
    return end;
}

static bool log_record_is_kind(unsigned kind)
{
    return kind < ARRAY_COUNT(log_record_names) && log_record_names[kind] != NULL;
}

/* Of its body, in front of the data. */
static uint32_t log_record_fixed_bytes(unsigned kind, uint8_t flags)
{
    bool has_time = kind == LOG_RECORD_CUT && (flags & LOG_CUT_TIME) != 0;
    return log_record_fixed[kind] + (has_time ? (uint32_t)sizeof(uint64_t) : 0);
}

/* Zeros behind `bytes` bytes up to where the next record begins. */
static size_t log_record_padding(size_t bytes)
{
    return (LOG_RECORD_ALIGN - bytes % LOG_RECORD_ALIGN) % LOG_RECORD_ALIGN;
}

/* tidy: dispatcher */
static void log_record_put_fixed(struct bytes_writer *w, const struct log_record *record)
{
    switch (record->kind) {
    case LOG_RECORD_ENTRY:
        bytes_put_u64le(w, record->entry.index);
        bytes_put_u64le(w, record->entry.base_offset);
        bytes_put_u32le(w, record->entry.term);
        bytes_put_u32le(w, (uint32_t)record->entry.last_offset_delta);
        hash128_put(w, record->entry.chain);
        break;
    case LOG_RECORD_CUT:
        bytes_put_u64le(w, record->cut.end.index + 1); /* at rest: the first that goes */
        bytes_put_u64le(w, record->cut.end.offset);
        bytes_put_u32le(w, record->cut.end.term);
        bytes_put_u32le(w, record->cut.generation);
        hash128_put(w, record->cut.end.chain);
        if ((record->flags & LOG_CUT_TIME) != 0) {
            bytes_put_u64le(w, (uint64_t)record->cut.max_timestamp);
        }
        break;
    case LOG_RECORD_HARD:
        bytes_put_u32le(w, record->hard.term);
        bytes_put_u32le(w, record->hard.vote);
        bytes_put_u64le(w, record->hard.commit);
        break;
    case LOG_RECORD_TRIM: log_point_put(w, &record->trim.start); break;
    case LOG_RECORD_RESET:
        log_point_put(w, &record->trim.start);
        bytes_put_u32le(w, record->trim.generation);
        bytes_put_u32le(w, 0);
        break;
    case LOG_RECORD_TAIL:
        bytes_put_u64le(w, record->tail.segment_index);
        bytes_put_u32le(w, record->tail.generation);
        bytes_put_u32le(w, record->tail.recs_count);
        bytes_put_u64le(w, record->tail.first_index);
        bytes_put_u32le(w, record->tail.written_bytes);
        bytes_put_u32le(w, record->tail.rest_bytes);
        bytes_put_u32le(w, record->tail.recs_before);
        bytes_put_u32le(w, record->tail.direct_pos);
        bytes_put_u32le(w, record->tail.direct_crc);
        bytes_put_u32le(w, 0);
        break;
    case LOG_RECORD_CREATE:
        log_uuid_put(w, &record->create.topic);
        bytes_put_u32le(w, record->create.partition);
        bytes_put_u32le(w, 0);
        break;
    case LOG_RECORD_ROLL:
        bytes_put_u64le(w, record->segment.segment_index);
        bytes_put_u32le(w, record->segment.generation);
        bytes_put_u32le(w, 0);
        break;
    case LOG_RECORD_SWITCH:
        bytes_put_u64le(w, record->segment.segment_index);
        bytes_put_u32le(w, record->segment.generation);
        bytes_put_u32le(w, record->segment.generation_new);
        break;
    case LOG_RECORD_MARK:
        bytes_put_u64le(w, record->mark.first_index);
        bytes_put_u64le(w, record->mark.last_index);
        bytes_put_u64le(w, record->mark.next_offset);
        bytes_put_u32le(w, record->mark.term);
        bytes_put_u32le(w, (uint32_t)record->mark.what);
        break;
    case LOG_RECORD_DELETE:
    case LOG_RECORD_LANES: break;
    }
}

/* One record at the reader, whose position is then behind its padding. */
static enum err log_record_decode(struct bytes_reader *r, const struct crc32c *kernels,
                                  uint32_t seed, struct log_record *record)
{
    size_t start = r->pos;
    unsigned kind = bytes_get_u8(r);
    record->flags = bytes_get_u8(r);
    record->key_id = bytes_get_u16le(r);
    uint32_t body_bytes = bytes_get_u32le(r);
    record->group = bytes_get_u64le(r);
    record->seq = bytes_get_u64le(r);
    record->header_crc = bytes_get_u32le(r);
    uint32_t crc_stored = bytes_get_u32le(r);
    if (r->err != ERR_OK) {
        return r->err;
    }
    if (!log_record_is_kind(kind) || body_bytes < log_record_fixed_bytes(kind, record->flags)) {
        return ERR_CORRUPT;
    }
    record->kind = (enum log_record_kind)kind;
    uint32_t fixed = log_record_fixed_bytes(kind, record->flags);
    uint32_t covered = record->kind == LOG_RECORD_ENTRY ? fixed : body_bytes;
    const uint8_t *body = bytes_get_view(r, covered);
    if (body == NULL) {
        return r->err;
    }
    uint32_t crc = crc32c(kernels, seed, r->data + start, LOG_RECORD_CRC_POS);
    if (crc32c(kernels, crc, body, covered) != crc_stored) {
        return ERR_CORRUPT;
    }
    bytes_skip(r, body_bytes - covered);
    bytes_skip(r, log_record_padding(LOG_RECORD_HEAD_BYTES + (size_t)body_bytes));
    if (r->err != ERR_OK) {
        return r->err;
    }
    struct bytes_reader fields = bytes_reader(body, fixed);
    log_record_get_fixed(&fields, record);
    if (fields.err != ERR_OK) {
        return fields.err; /* a point out of range */
    }
    ASSERT(fields.pos == fixed);
    record->data_bytes = body_bytes - fixed;
    record->data = record->data_bytes > 0 ? body + fixed : NULL;
    return log_record_is_valid(record) ? ERR_OK : ERR_CORRUPT;
}

/* tidy: dispatcher */
static void log_record_get_fixed(struct bytes_reader *r, struct log_record *record)
{
    switch (record->kind) {
    case LOG_RECORD_ENTRY:
        record->entry.index = bytes_get_u64le(r);
        record->entry.base_offset = bytes_get_u64le(r);
        record->entry.term = bytes_get_u32le(r);
        record->entry.last_offset_delta = (int32_t)bytes_get_u32le(r);
        record->entry.chain = hash128_get(r);
        break;
    case LOG_RECORD_CUT:
        /* A first index of 0 becomes one that is out of range. */
        record->cut.end.index = bytes_get_u64le(r) - 1;
        record->cut.end.offset = bytes_get_u64le(r);
        record->cut.end.term = bytes_get_u32le(r);
        record->cut.generation = bytes_get_u32le(r);
        record->cut.end.chain = hash128_get(r);
        if ((record->flags & LOG_CUT_TIME) != 0) {
            record->cut.max_timestamp = (int64_t)bytes_get_u64le(r);
        }
        break;
    case LOG_RECORD_HARD:
        record->hard.term = bytes_get_u32le(r);
        record->hard.vote = bytes_get_u32le(r);
        record->hard.commit = bytes_get_u64le(r);
        break;
    case LOG_RECORD_TRIM: record->trim.start = log_point_get(r); break;
    case LOG_RECORD_RESET:
        record->trim.start = log_point_get(r);
        record->trim.generation = bytes_get_u32le(r);
        bytes_skip(r, 4);
        break;
    case LOG_RECORD_TAIL:
        record->tail.segment_index = bytes_get_u64le(r);
        record->tail.generation = bytes_get_u32le(r);
        record->tail.recs_count = bytes_get_u32le(r);
        record->tail.first_index = bytes_get_u64le(r);
        record->tail.written_bytes = bytes_get_u32le(r);
        record->tail.rest_bytes = bytes_get_u32le(r);
        record->tail.recs_before = bytes_get_u32le(r);
        record->tail.direct_pos = bytes_get_u32le(r);
        record->tail.direct_crc = bytes_get_u32le(r);
        bytes_skip(r, 4);
        break;
    case LOG_RECORD_CREATE:
        record->create.topic = log_uuid_get(r);
        record->create.partition = bytes_get_u32le(r);
        bytes_skip(r, 4);
        break;
    case LOG_RECORD_ROLL:
        record->segment.segment_index = bytes_get_u64le(r);
        record->segment.generation = bytes_get_u32le(r);
        bytes_skip(r, 4);
        break;
    case LOG_RECORD_SWITCH:
        record->segment.segment_index = bytes_get_u64le(r);
        record->segment.generation = bytes_get_u32le(r);
        record->segment.generation_new = bytes_get_u32le(r);
        break;
    case LOG_RECORD_MARK:
        record->mark.first_index = bytes_get_u64le(r);
        record->mark.last_index = bytes_get_u64le(r);
        record->mark.next_offset = bytes_get_u64le(r);
        record->mark.term = bytes_get_u32le(r);
        record->mark.what = (enum log_mark)bytes_get_u32le(r);
        break;
    case LOG_RECORD_DELETE:
    case LOG_RECORD_LANES: break;
    }
}

static bool log_record_is_valid(const struct log_record *record)
{
    if (!log_record_is_kind(record->kind)) {
        return false;
    }
    bool is_node = record->kind == LOG_RECORD_LANES; /* of the node, not of a group */
    bool is_whose = is_node ? record->group == 0 && record->seq == 0
                            : record->seq >= 1 && record->seq <= LOG_NUMBER_MAX;
    uint8_t flags = record->kind == LOG_RECORD_TAIL  ? LOG_TAIL_DIRECT
                    : record->kind == LOG_RECORD_CUT ? LOG_CUT_TIME
                                                     : 0;
    return is_whose && (record->flags & ~flags) == 0 &&
           IMPLIES(record->header_crc != 0, record->kind == LOG_RECORD_ENTRY) &&
           log_record_is_body_valid(record);
}

static bool log_record_is_body_valid(const struct log_record *record)
{
    bool is_alone = record->data_bytes == 0; /* nothing behind the fixed part */
    switch (record->kind) {
    case LOG_RECORD_ENTRY:
        return log_record_is_index(record->entry.index) && record->entry.term <= LIMIT_TERM &&
               record->entry.last_offset_delta >= -1 &&
               record->entry.base_offset <= LOG_NUMBER_MAX &&
               record->entry.base_offset + (uint64_t)(record->entry.last_offset_delta + 1LL) <=
                   LOG_NUMBER_MAX &&
               record->data_bytes >= LOG_BATCH_HEADER_BYTES &&
               record->data_bytes <= LIMIT_BATCH_BYTES;
    case LOG_RECORD_CUT:
        return is_alone && record->cut.end.index < LOG_NUMBER_MAX &&
               record->cut.max_timestamp >= -1 && log_record_is_point(&record->cut.end);
    case LOG_RECORD_HARD:
        return is_alone && record->hard.term <= LIMIT_TERM && record->hard.commit <= LOG_NUMBER_MAX;
    case LOG_RECORD_TRIM:
    case LOG_RECORD_RESET:
        return is_alone && log_record_is_index(record->trim.start.index) &&
               log_record_is_point(&record->trim.start);
    case LOG_RECORD_TAIL: return log_record_is_tail_valid(record);
    case LOG_RECORD_ROLL:
    case LOG_RECORD_SWITCH: return is_alone && log_record_is_index(record->segment.segment_index);
    case LOG_RECORD_MARK: return is_alone && log_record_is_mark_valid(record);
    case LOG_RECORD_CREATE:
    case LOG_RECORD_DELETE: return is_alone;
    case LOG_RECORD_LANES: return record->data_bytes % LOG_LANE_END_BYTES == 0;
    }
    return false;
}

static bool log_record_is_tail_valid(const struct log_record *record)
{
    uint64_t recs_bytes = (uint64_t)LOG_SIDECAR_BYTES * record->tail.recs_count;
    bool is_direct = (record->flags & LOG_TAIL_DIRECT) != 0;
    return log_record_is_index(record->tail.segment_index) &&
           IMPLIES(!is_direct, record->tail.direct_pos == 0 && record->tail.direct_crc == 0) &&
           record->tail.direct_pos % LIMIT_BLOCK_BYTES == 0 &&
           record->tail.direct_pos <= record->tail.written_bytes &&
           IMPLIES(record->tail.direct_pos == record->tail.written_bytes,
                   record->tail.direct_crc == 0) &&
           record->tail.first_index <= LOG_NUMBER_MAX &&
           IMPLIES(record->tail.recs_count > 0,
                   record->tail.first_index >= record->tail.segment_index) &&
           record->tail.written_bytes % LIMIT_BLOCK_BYTES == 0 &&
           (uint64_t)record->tail.written_bytes + record->tail.rest_bytes <= UINT32_MAX &&
           recs_bytes + record->tail.rest_bytes == record->data_bytes;
}

static bool log_record_is_mark_valid(const struct log_record *record)
{
    bool is_range = record->mark.what == LOG_MARK_QUARANTINE || record->mark.what == LOG_MARK_HEAL;
    return record->mark.what >= LOG_MARK_QUARANTINE && record->mark.what <= LOG_MARK_ACCEPTED &&
           record->mark.first_index <= record->mark.last_index &&
           (record->mark.first_index == 0) == (record->mark.last_index == 0) &&
           IMPLIES(is_range, record->mark.first_index > 0) &&
           record->mark.last_index <= LOG_NUMBER_MAX &&
           record->mark.next_offset <= LOG_NUMBER_MAX && record->mark.term <= LIMIT_TERM;
}

/* Whether there can be an entry of that index. */
static bool log_record_is_index(uint64_t index)
{
    return index >= 1 && index <= LOG_NUMBER_MAX;
}

static bool log_record_is_point(const struct log_point *point)
{
    return point->index <= LOG_NUMBER_MAX && point->offset <= LOG_NUMBER_MAX &&
           point->term <= LIMIT_TERM;
}
