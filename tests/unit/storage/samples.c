/* See samples.h. */
#include "tests/unit/storage/samples.h"

#include <string.h>

#include "tests/support/cmocka.h"

/* A batch is not looked at: 61 bytes for its header and two behind. */
#define SAMPLES_BATCH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abc**"

/* A sidecar record is not looked at: 96 bytes. */
#define SAMPLES_SIDECAR                                                                            \
    "SIDECAR-........SIDECAR-........SIDECAR-........SIDECAR-........SIDECAR-........SIDECAR-...." \
    "...."

/* One of each kind by the table "Records", with the zeros up to the next multiple of 8. Checksums
 * worked a bit at a time by another program, from SAMPLES_SEED. */
static const char samples_entry_bytes[] =
    "\x01\x00\x03\x02"                                                 /* entry, key id */
    "\x67\x00\x00\x00"                                                 /* body: 40 + 63 */
    "\x18\x17\x16\x15\x14\x13\x12\x11"                                 /* group */
    "\x28\x27\x26\x25\x24\x23\x22\x21"                                 /* group_seq */
    "\x44\x43\x42\x41"                                                 /* header's checksum */
    "\xa0\xcb\x2d\x4c"                                                 /* checksum */
    "\x38\x37\x36\x35\x34\x33\x32\x31"                                 /* index */
    "\x58\x57\x56\x55\x54\x53\x52\x51"                                 /* base offset */
    "\x64\x63\x62\x61"                                                 /* term */
    "\x74\x73\x72\x71"                                                 /* last offset delta */
    "\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf" /* chain */
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abc**"  /* batch */
    "\0";

static const char samples_cut_bytes[] =
    "\x02\x00\x00\x00"                                                  /* cut */
    "\x28\x00\x00\x00"                                                  /* body: 40 */
    "\x18\x17\x16\x15\x14\x13\x12\x11"                                  /* group */
    "\x28\x27\x26\x25\x24\x23\x22\x21"                                  /* group_seq */
    "\x00\x00\x00\x00"                                                  /* no entry */
    "\xd5\x01\x43\x5f"                                                  /* checksum */
    "\x39\x37\x36\x35\x34\x33\x32\x31"                                  /* first index cut */
    "\x58\x57\x56\x55\x54\x53\x52\x51"                                  /* next offset */
    "\x64\x63\x62\x61"                                                  /* term before it */
    "\x09\x00\x00\x00"                                                  /* generation */
    "\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf"; /* chain before it */

static const char samples_hard_bytes[] = "\x03\x00\x00\x00"                  /* hard */
                                         "\x10\x00\x00\x00"                  /* body: 16 */
                                         "\x18\x17\x16\x15\x14\x13\x12\x11"  /* group */
                                         "\x28\x27\x26\x25\x24\x23\x22\x21"  /* group_seq */
                                         "\x00\x00\x00\x00"                  /* no entry */
                                         "\x49\x29\x63\x7d"                  /* checksum */
                                         "\x64\x63\x62\x61"                  /* term */
                                         "\x05\x00\x00\x80"                  /* vote */
                                         "\x38\x37\x36\x35\x34\x33\x32\x31"; /* commit hint */

static const char samples_trim_bytes[] =
    "\x04\x00\x00\x00"                                                  /* trim */
    "\x28\x00\x00\x00"                                                  /* body: 40 */
    "\x18\x17\x16\x15\x14\x13\x12\x11"                                  /* group */
    "\x28\x27\x26\x25\x24\x23\x22\x21"                                  /* group_seq */
    "\x00\x00\x00\x00"                                                  /* no entry */
    "\xc0\xf0\x65\x42"                                                  /* checksum */
    "\x38\x37\x36\x35\x34\x33\x32\x31"                                  /* log start: index */
    "\x58\x57\x56\x55\x54\x53\x52\x51"                                  /* offset */
    "\x64\x63\x62\x61"                                                  /* previous term */
    "\x00\x00\x00\x00"                                                  /* reserved */
    "\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf"; /* previous chain */

static const char samples_tail_bytes[] =
    "\x05\x01\x00\x00"                 /* tail, direct */
    "\x95\x00\x00\x00"                 /* body: 48 + 96 + 5 */
    "\x18\x17\x16\x15\x14\x13\x12\x11" /* group */
    "\x28\x27\x26\x25\x24\x23\x22\x21" /* group_seq */
    "\x00\x00\x00\x00"                 /* no entry */
    "\x2d\x38\x75\xf6"                 /* checksum */
    "\x37\x37\x36\x35\x34\x33\x32\x31" /* segment's first index */
    "\x09\x00\x00\x00"                 /* generation */
    "\x01\x00\x00\x00"                 /* sidecar records */
    "\x38\x37\x36\x35\x34\x33\x32\x31" /* first index of these */
    "\x00\x30\x00\x00"                 /* written bytes */
    "\x05\x00\x00\x00"                 /* rest bytes */
    "\x2a\x00\x00\x00"                 /* sidecar records before */
    "\x00\x20\x00\x00"                 /* direct position */
    "\x84\x83\x82\x81"                 /* direct CRC */
    "\x00\x00\x00\x00"                 /* reserved */
    "SIDECAR-........SIDECAR-........SIDECAR-........SIDECAR-........SIDECAR-........SIDECAR-...."
    "...."  /* sidecar record */
    "_rest" /* rest */
    "\0\0\0";

static const char samples_create_bytes[] =
    "\x06\x00\x00\x00"                                                 /* create */
    "\x18\x00\x00\x00"                                                 /* body: 24 */
    "\x18\x17\x16\x15\x14\x13\x12\x11"                                 /* group */
    "\x28\x27\x26\x25\x24\x23\x22\x21"                                 /* group_seq */
    "\x00\x00\x00\x00"                                                 /* no entry */
    "\x0c\xfb\xf8\x2c"                                                 /* checksum */
    "\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf" /* topic uuid */
    "\x0b\x00\x00\x00"                                                 /* partition */
    "\x00\x00\x00\x00";                                                /* reserved */

static const char samples_delete_bytes[] = "\x07\x00\x00\x00"                 /* delete */
                                           "\x00\x00\x00\x00"                 /* no body */
                                           "\x18\x17\x16\x15\x14\x13\x12\x11" /* group */
                                           "\x28\x27\x26\x25\x24\x23\x22\x21" /* group_seq */
                                           "\x00\x00\x00\x00"                 /* no entry */
                                           "\xe2\x3d\x65\xc0";                /* checksum */

static const char samples_roll_bytes[] =
    "\x08\x00\x00\x00"                 /* roll */
    "\x10\x00\x00\x00"                 /* body: 16 */
    "\x18\x17\x16\x15\x14\x13\x12\x11" /* group */
    "\x28\x27\x26\x25\x24\x23\x22\x21" /* group_seq */
    "\x00\x00\x00\x00"                 /* no entry */
    "\x94\x15\x65\x34"                 /* checksum */
    "\x38\x37\x36\x35\x34\x33\x32\x31" /* first index of the new segment */
    "\x09\x00\x00\x00"                 /* generation */
    "\x00\x00\x00\x00";                /* reserved */

static const char samples_reset_bytes[] =
    "\x09\x00\x00\x00"                                                 /* reset */
    "\x30\x00\x00\x00"                                                 /* body: 48 */
    "\x18\x17\x16\x15\x14\x13\x12\x11"                                 /* group */
    "\x28\x27\x26\x25\x24\x23\x22\x21"                                 /* group_seq */
    "\x00\x00\x00\x00"                                                 /* no entry */
    "\x82\xc8\xfe\xf2"                                                 /* checksum */
    "\x38\x37\x36\x35\x34\x33\x32\x31"                                 /* log start: index */
    "\x58\x57\x56\x55\x54\x53\x52\x51"                                 /* offset */
    "\x64\x63\x62\x61"                                                 /* previous term */
    "\x00\x00\x00\x00"                                                 /* reserved */
    "\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf" /* previous chain */
    "\x09\x00\x00\x00"                                                 /* generation */
    "\x00\x00\x00\x00";                                                /* reserved */

static const char samples_switch_bytes[] =
    "\x0a\x00\x00\x00"                 /* switch */
    "\x10\x00\x00\x00"                 /* body: 16 */
    "\x18\x17\x16\x15\x14\x13\x12\x11" /* group */
    "\x28\x27\x26\x25\x24\x23\x22\x21" /* group_seq */
    "\x00\x00\x00\x00"                 /* no entry */
    "\x8d\x1d\xe4\xbd"                 /* checksum */
    "\x38\x37\x36\x35\x34\x33\x32\x31" /* segment's first index */
    "\x09\x00\x00\x00"                 /* old generation */
    "\x0a\x00\x00\x00";                /* new generation */

static const char samples_mark_bytes[] = "\x0b\x00\x00\x00"                 /* mark */
                                         "\x20\x00\x00\x00"                 /* body: 32 */
                                         "\x18\x17\x16\x15\x14\x13\x12\x11" /* group */
                                         "\x28\x27\x26\x25\x24\x23\x22\x21" /* group_seq */
                                         "\x00\x00\x00\x00"                 /* no entry */
                                         "\x94\x75\x38\x17"                 /* checksum */
                                         "\x37\x37\x36\x35\x34\x33\x32\x31" /* first index */
                                         "\x38\x37\x36\x35\x34\x33\x32\x31" /* last index */
                                         "\x58\x57\x56\x55\x54\x53\x52\x51" /* next offset */
                                         "\x64\x63\x62\x61"                 /* term */
                                         "\x02\x00\x00\x00";                /* heal */

static const char samples_lanes_bytes[] =
    "\x0c\x00\x00\x00"                  /* lanes */
    "\x30\x00\x00\x00"                  /* body: 2 x 24 */
    "\x00\x00\x00\x00\x00\x00\x00\x00"  /* group */
    "\x00\x00\x00\x00\x00\x00\x00\x00"  /* group_seq */
    "\x00\x00\x00\x00"                  /* no entry */
    "\xcd\xb1\x71\x19"                  /* checksum */
    "\x08\x07\x06\x05\x04\x03\x02\x01"  /* boot epoch */
    "\x03\x00\x00\x00\x00\x00\x00\x00"  /* lane, reserved */
    "\x38\x37\x36\x35\x34\x33\x32\x31"  /* last frame that counts */
    "\x08\x07\x06\x05\x04\x03\x02\x01"  /* boot epoch */
    "\x04\x00\x00\x00\x00\x00\x00\x00"  /* lane, reserved */
    "\x00\x00\x00\x00\x00\x00\x00\x00"; /* none does */

#define SAMPLES_LINE(upper, lower)                                                                 \
    {                                                                                              \
        .name = #lower, .kind = LOG_RECORD_##upper, .bytes = samples_##lower##_bytes,              \
        .length = sizeof(samples_##lower##_bytes) - 1 /* the NUL */                                \
    }

/* All kinds, in the order of their values. */
static const struct sample samples[] = {
    SAMPLES_LINE(ENTRY, entry),   SAMPLES_LINE(CUT, cut),   SAMPLES_LINE(HARD, hard),
    SAMPLES_LINE(TRIM, trim),     SAMPLES_LINE(TAIL, tail), SAMPLES_LINE(CREATE, create),
    SAMPLES_LINE(DELETE, delete), SAMPLES_LINE(ROLL, roll), SAMPLES_LINE(RESET, reset),
    SAMPLES_LINE(SWITCH, switch), SAMPLES_LINE(MARK, mark), SAMPLES_LINE(LANES, lanes),
};

static_assert(ARRAY_COUNT(samples) == SAMPLES_COUNT, "a sample of every kind");

const struct sample *samples_get(size_t i)
{
    assert_true(i < SAMPLES_COUNT);
    return &samples[i];
}

static struct hash128 samples_chain(void)
{
    return (struct hash128){.high = 0xc0c1c2c3c4c5c6c7, .low = 0xc8c9cacbcccdcecf};
}

static struct log_point samples_point(void)
{
    return (struct log_point){.index = SAMPLES_INDEX,
                              .offset = SAMPLES_OFFSET,
                              .term = SAMPLES_TERM,
                              .chain = samples_chain()};
}

static void samples_tail(struct log_record *record)
{
    record->flags = LOG_TAIL_DIRECT;
    record->tail.segment_index = SAMPLES_INDEX - 1;
    record->tail.generation = 9;
    record->tail.recs_count = 1;
    record->tail.first_index = SAMPLES_INDEX;
    record->tail.recs_before = 42;
    record->tail.written_bytes = 3 * LIMIT_BLOCK_BYTES;
    record->tail.rest_bytes = 5;
    record->tail.direct_pos = 2 * LIMIT_BLOCK_BYTES;
    record->tail.direct_crc = 0x81828384;
    record->data = (const uint8_t *)SAMPLES_SIDECAR "_rest";
    record->data_bytes = 101;
}

struct log_record samples_record(enum log_record_kind kind)
{
    struct log_record record = {.kind = kind, .group = SAMPLES_GROUP, .seq = SAMPLES_SEQ};
    switch (kind) {
    case LOG_RECORD_ENTRY:
        record.key_id = 0x0203;
        record.header_crc = 0x41424344;
        record.entry.index = SAMPLES_INDEX;
        record.entry.base_offset = SAMPLES_OFFSET;
        record.entry.term = SAMPLES_TERM;
        record.entry.last_offset_delta = 0x71727374;
        record.entry.chain = samples_chain();
        record.data = (const uint8_t *)SAMPLES_BATCH;
        record.data_bytes = 63;
        break;
    case LOG_RECORD_CUT:
        record.cut.end = samples_point();
        record.cut.generation = 9;
        break;
    case LOG_RECORD_HARD:
        record.hard = (struct log_hard_state){
            .term = SAMPLES_TERM, .vote = 0x80000005, .commit = SAMPLES_INDEX};
        break;
    case LOG_RECORD_TRIM: record.trim.start = samples_point(); break;
    case LOG_RECORD_RESET:
        record.trim.start = samples_point();
        record.trim.generation = 9;
        break;
    case LOG_RECORD_TAIL: samples_tail(&record); break;
    case LOG_RECORD_CREATE:
        for (uint8_t i = 0; i < 16; i++) {
            record.create.topic.bytes[i] = (uint8_t)(0xa0 + i);
        }
        record.create.partition = 11;
        break;
    case LOG_RECORD_DELETE: break;
    case LOG_RECORD_ROLL:
    case LOG_RECORD_SWITCH:
        record.segment.segment_index = SAMPLES_INDEX;
        record.segment.generation = 9;
        record.segment.generation_new = kind == LOG_RECORD_SWITCH ? 10 : 0;
        break;
    case LOG_RECORD_MARK:
        record.mark.first_index = SAMPLES_INDEX - 1;
        record.mark.last_index = SAMPLES_INDEX;
        record.mark.next_offset = SAMPLES_OFFSET;
        record.mark.term = SAMPLES_TERM;
        record.mark.what = LOG_MARK_HEAL;
        break;
    case LOG_RECORD_LANES:
        record.group = 0;
        record.seq = 0;
        record.data = (const uint8_t *)samples_lanes_bytes + LOG_RECORD_HEAD_BYTES;
        record.data_bytes = 2 * LOG_LANE_END_BYTES;
        break;
    }
    return record;
}

static void samples_assert_point(const struct log_point *a, const struct log_point *b)
{
    assert_true(a->index == b->index);
    assert_true(a->offset == b->offset);
    assert_int_equal(a->term, b->term);
    assert_true(hash128_is_equal(a->chain, b->chain));
}

void samples_assert_equal(const struct log_record *a, const struct log_record *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->key_id, b->key_id);
    assert_true(a->group == b->group);
    assert_true(a->seq == b->seq);
    assert_int_equal(a->header_crc, b->header_crc);
    assert_int_equal(a->data_bytes, b->data_bytes);
    assert_true(a->data_bytes == 0 || memcmp(a->data, b->data, a->data_bytes) == 0);
    switch (a->kind) {
    case LOG_RECORD_ENTRY:
        assert_true(a->entry.index == b->entry.index);
        assert_true(a->entry.base_offset == b->entry.base_offset);
        assert_int_equal(a->entry.term, b->entry.term);
        assert_int_equal(a->entry.last_offset_delta, b->entry.last_offset_delta);
        assert_true(hash128_is_equal(a->entry.chain, b->entry.chain));
        break;
    case LOG_RECORD_CUT:
        samples_assert_point(&a->cut.end, &b->cut.end);
        assert_int_equal(a->cut.generation, b->cut.generation);
        break;
    case LOG_RECORD_HARD:
        assert_int_equal(a->hard.term, b->hard.term);
        assert_int_equal(a->hard.vote, b->hard.vote);
        assert_true(a->hard.commit == b->hard.commit);
        break;
    case LOG_RECORD_TRIM:
    case LOG_RECORD_RESET:
        samples_assert_point(&a->trim.start, &b->trim.start);
        assert_int_equal(a->trim.generation, b->trim.generation);
        break;
    case LOG_RECORD_TAIL:
        assert_true(a->tail.segment_index == b->tail.segment_index);
        assert_int_equal(a->tail.generation, b->tail.generation);
        assert_int_equal(a->tail.recs_count, b->tail.recs_count);
        assert_true(a->tail.first_index == b->tail.first_index);
        assert_int_equal(a->tail.recs_before, b->tail.recs_before);
        assert_int_equal(a->tail.written_bytes, b->tail.written_bytes);
        assert_int_equal(a->tail.rest_bytes, b->tail.rest_bytes);
        assert_int_equal(a->tail.direct_pos, b->tail.direct_pos);
        assert_int_equal(a->tail.direct_crc, b->tail.direct_crc);
        break;
    case LOG_RECORD_CREATE:
        assert_true(log_uuid_is_equal(&a->create.topic, &b->create.topic));
        assert_int_equal(a->create.partition, b->create.partition);
        break;
    case LOG_RECORD_ROLL:
    case LOG_RECORD_SWITCH:
        assert_true(a->segment.segment_index == b->segment.segment_index);
        assert_int_equal(a->segment.generation, b->segment.generation);
        assert_int_equal(a->segment.generation_new, b->segment.generation_new);
        break;
    case LOG_RECORD_MARK:
        assert_true(a->mark.first_index == b->mark.first_index);
        assert_true(a->mark.last_index == b->mark.last_index);
        assert_true(a->mark.next_offset == b->mark.next_offset);
        assert_int_equal(a->mark.term, b->mark.term);
        assert_int_equal(a->mark.what, b->mark.what);
        break;
    case LOG_RECORD_DELETE:
    case LOG_RECORD_LANES: break;
    }
}

static uint64_t samples_number(struct prng *prng)
{
    return prng_range(prng, 1, LOG_NUMBER_MAX) >> prng_below(prng, 62);
}

static struct log_point samples_random_point(struct prng *prng)
{
    struct log_point point = {
        .index = 1 + samples_number(prng) / 2,
        .offset = samples_number(prng),
        .term = (uint32_t)prng_below(prng, LIMIT_TERM + 1ull),
        .chain = {.low = prng_u64(prng), .high = prng_u64(prng)},
    };
    return point;
}

static void samples_random_cut(struct prng *prng, uint32_t word, struct log_record *out)
{
    out->cut.end = samples_random_point(prng);
    out->cut.end.index--;
    out->cut.generation = word;
    out->flags = word % 2 == 0 ? LOG_CUT_TIME : 0;
    out->cut.max_timestamp = out->flags != 0 ? (int64_t)(word % 3) - 1 : 0;
}

struct log_record samples_random(struct prng *prng, enum log_record_kind kind, const uint8_t *data)
{
    struct log_record record = samples_record(kind);
    uint32_t word = (uint32_t)prng_u64(prng);
    record.key_id = (uint16_t)prng_u64(prng);
    if (kind != LOG_RECORD_LANES) {
        record.group = prng_u64(prng) >> prng_below(prng, 64);
        record.seq = 1 + samples_number(prng) / 2;
    }
    switch (kind) {
    case LOG_RECORD_ENTRY:
        record.header_crc = word;
        record.entry.index = 1 + samples_number(prng) / 2;
        record.entry.base_offset = samples_number(prng) / 2;
        record.entry.term = (uint32_t)prng_below(prng, LIMIT_TERM + 1ull);
        record.entry.last_offset_delta = (int32_t)prng_below(prng, 1u << 31) - 1;
        record.entry.chain = (struct hash128){.low = prng_u64(prng), .high = prng_u64(prng)};
        record.data = data;
        record.data_bytes = (uint32_t)prng_range(prng, 61, 300);
        break;
    case LOG_RECORD_CUT: samples_random_cut(prng, word, &record); break;
    case LOG_RECORD_HARD:
        record.hard.term = (uint32_t)prng_below(prng, LIMIT_TERM + 1ull);
        record.hard.vote = word;
        record.hard.commit = samples_number(prng);
        break;
    case LOG_RECORD_TRIM:
    case LOG_RECORD_RESET:
        record.trim.start = samples_random_point(prng);
        record.trim.generation = kind == LOG_RECORD_RESET ? word : 0;
        break;
    case LOG_RECORD_TAIL:
        record.flags = (uint8_t)prng_below(prng, 2);
        record.tail.generation = word;
        record.tail.recs_count = (uint32_t)prng_below(prng, 4);
        record.tail.recs_before = (uint32_t)prng_u64(prng);
        record.tail.written_bytes = (uint32_t)prng_below(prng, 1u << 20) * LIMIT_BLOCK_BYTES;
        record.tail.rest_bytes = (uint32_t)prng_below(prng, 200);
        record.tail.direct_pos = record.tail.written_bytes / 3 & ~(LIMIT_BLOCK_BYTES - 1);
        record.tail.direct_crc = record.tail.written_bytes > 0 ? word : 0;
        if (record.flags == 0) {
            record.tail.direct_pos = record.tail.direct_crc = 0;
        }
        record.data = data;
        record.data_bytes = record.tail.recs_count * 96 + record.tail.rest_bytes;
        break;
    case LOG_RECORD_CREATE: record.create.partition = word; break;
    case LOG_RECORD_ROLL:
    case LOG_RECORD_SWITCH:
        record.segment.segment_index = 1 + samples_number(prng) / 2;
        record.segment.generation = word;
        break;
    case LOG_RECORD_MARK:
        record.mark.first_index = 1 + samples_number(prng) / 2;
        record.mark.last_index = prng_range(prng, record.mark.first_index, LOG_NUMBER_MAX);
        record.mark.what = (enum log_mark)prng_range(prng, 1, 4);
        break;
    case LOG_RECORD_LANES:
        record.data = data;
        record.data_bytes = (uint32_t)prng_below(prng, 20) * LOG_LANE_END_BYTES;
        break;
    case LOG_RECORD_DELETE: break;
    }
    return record;
}
