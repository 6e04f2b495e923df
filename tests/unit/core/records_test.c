/* What a client may append: batches that Kafka's own client wrote, every refusal, every codec, and
 * records found by time against a walk over a list. */
#include "broker/core/records.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/prng.h"
#include "storage/log/records.h"
#include "tests/support/batch_build.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

/* kafka-clients 3.9.0, MemoryRecordsBuilder, magic 2, CreateTime, three records:
 *     (1517966773840, null, {"mag":2})
 *     (1517966037750, ci37868135, {"mag":1.6}, headers source=usgs and none=null)
 *     (1517966773841, "", null)
 * lz4 is transactional; lz4 and zstd are of producer 4001, epoch 2, sequence 7. */
static const char *const records_hex[CODEC_KIND_COUNT] = {
    [CODEC_NONE] =
        "000000000000000000000078ffffffff024ddb4eb7000000000002000001616ddece50000001616ddece51ff"
        "ffffffffffffffffffffffffff000000031e00000001127b226d6167223a327d005e00b3ed59021463693337"
        "383638313335167b226d6167223a312e367d040c736f757263650875736773086e6f6e65010c000204000100",
    [CODEC_GZIP] =
        "000000000000000000000087ffffffff024f3ee2ae000100000002000001616ddece50000001616ddece51ff"
        "ffffffffffffffffffffffffff000000031f8b08000000000000ff936360606014aa56ca4d4c57b232aa6588"
        "63d8fc3692492439d3d8dcc2ccc2d0d8540c2a67a86756cbc2539c5f5a949cca515a9c5ecc91979f97cac8c3"
        "c0c4c2c0c800009d4f21ad47000000",
    [CODEC_SNAPPY] =
        "00000000000000000000008bffffffff020e83d6a8000200000002000001616ddece50000001616ddece51ff"
        "ffffffffffffffffffffffffff0000000382534e415050590000000001000000010000004647881e00000001"
        "127b226d6167223a327d005e00b3ed59021463693337383638313335167b091c74312e367d040c736f757263"
        "650875736773086e6f6e65010c000204000100",
    [CODEC_LZ4] =
        "000000000000000000000086ffffffff02e894fd09001300000002000001616ddece50000001616ddece5100"
        "00000000000fa10002000000070000000304224d1860408246000000f3131e00000001127b226d6167223a32"
        "7d005e00b3ed59021463693337383638313335161c00f00f312e367d040c736f757263650875736773086e6f"
        "6e65010c00020400010000000000",
    [CODEC_ZSTD] =
        "000000000000000000000084ffffffff0265eedf99000400000002000001616ddece50000001616ddece5100"
        "00000000000fa10002000000070000000328b52ffd00583802001e00000001127b226d6167223a327d005e00"
        "b3ed59021463693337383638313335167b226d6167223a312e367d040c736f757263650875736773086e6f6e"
        "65010c000204000100010000",
};

#define RECORDS_GOLDEN_COUNT      3
#define RECORDS_GOLDEN_BYTES      71 /* of the records, by the length of the first */
#define RECORDS_GOLDEN_MAX_MS     1517966773841
#define RECORDS_GOLDEN_MIN_MS     1517966037750
#define RECORDS_GOLDEN_SECOND_POS 77
#define RECORDS_GOLDEN_THIRD_POS  125

#define RECORDS_BATCH_BYTES (1u << 20)

struct records_world {
    const struct crc32c *kernels;
    struct budget budget;
    struct core_records_room room;
    struct codec_context codec;
    uint8_t *raw;   /* RECORDS_BATCH_BYTES for records */
    uint8_t *batch; /* twice that for a batch */
};

static int records_setup(void **state)
{
    static struct cpu cpu;
    struct records_world *world = calloc(1, sizeof(*world));
    cpu_detect(&cpu);
    world->kernels = crc32c_for(&cpu);
    world->raw = malloc(RECORDS_BATCH_BYTES);
    world->batch = malloc(2 * RECORDS_BATCH_BYTES);
    budget_init(&world->budget, "records", 512u << 20, NULL);
    core_records_room_init(&world->room, &world->budget, CORE_RECORDS_ROOM_KEEP_BYTES,
                           CORE_RECORDS_ROOM_BYTES_MAX);
    codec_context_init(&world->codec);
    *state = world;
    return 0;
}

static int records_teardown(void **state)
{
    struct records_world *world = *state;
    codec_context_deinit(&world->codec);
    core_records_room_deinit(&world->room);
    assert_int_equal(world->budget.used_bytes, 0);
    budget_deinit(&world->budget);
    free(world->batch);
    free(world->raw);
    free(world);
    return 0;
}

static struct core_records_config records_config(void)
{
    return (struct core_records_config){
        .batch_bytes_max = 1048588,
        .may_zstd = true,
        .now_ms = RECORDS_GOLDEN_MAX_MS,
        .before_max_ms = INT64_MAX,
        .after_max_ms = 3600000,
    };
}

static size_t records_from_hex(const char *hex, uint8_t *out)
{
    size_t length = strlen(hex) / 2;
    for (size_t i = 0; i < length; i++) {
        static const char digits[] = "0123456789abcdef";
        out[i] = (uint8_t)((strchr(digits, hex[2 * i]) - digits) << 4 |
                           (strchr(digits, hex[2 * i + 1]) - digits));
    }
    return length;
}

static enum core_records_fault records_validate(struct records_world *world, const uint8_t *data,
                                                size_t length, struct core_records_info *info)
{
    struct core_records_config config = records_config();
    return core_records_validate(&config, &world->room, world->kernels, data, length, info);
}

/* The batch at `data`, not compressed, compressed with `kind`. */
static size_t records_recode(struct records_world *world, const uint8_t *data, size_t length,
                             enum codec_kind kind, uint8_t *out)
{
    memcpy(out, data, LOG_BATCH_HEADER_BYTES);
    struct bytes_writer w = bytes_writer(out, 2 * RECORDS_BATCH_BYTES);
    w.pos = LOG_BATCH_HEADER_BYTES;
    assert_int_equal(codec_compress(&world->codec, kind, CODEC_LEVEL_DEFAULT,
                                    data + LOG_BATCH_HEADER_BYTES, length - LOG_BATCH_HEADER_BYTES,
                                    &w),
                     ERR_OK);
    out[22] = (uint8_t)((out[22] & ~LOG_BATCH_COMPRESSION) | kind);
    bytes_patch_u32be(&w, 8, (uint32_t)w.pos - LOG_BATCH_PREFIX_BYTES);
    batch_build_fix(world->kernels, out, w.pos);
    return w.pos;
}

static void core_records_of_kafkas_client_pass(void **state)
{
    struct records_world *world = *state;
    for (enum codec_kind kind = CODEC_NONE; kind < CODEC_KIND_COUNT; kind++) {
        uint8_t batch[256];
        size_t length = records_from_hex(records_hex[kind], batch);
        struct core_records_info info;
        if (records_validate(world, batch, length, &info) != CORE_RECORDS_FAULT_NONE) {
            fail_msg("%s: %s", codec_kind_name(kind), core_records_fault_text(info.fault));
        }
        bool is_lz4 = kind == CODEC_LZ4, has_producer = is_lz4 || kind == CODEC_ZSTD;
        assert_int_equal(info.record_index, -1);
        assert_int_equal(info.codec, kind);
        assert_int_equal(info.batch.records_count, RECORDS_GOLDEN_COUNT);
        assert_int_equal(info.batch.length_bytes, length);
        assert_int_equal(info.records_bytes, RECORDS_GOLDEN_BYTES);
        assert_int_equal(info.max_timestamp, RECORDS_GOLDEN_MAX_MS);
        assert_false(info.is_max_timestamp_wrong);
        assert_int_equal(info.is_transactional, is_lz4);
        assert_int_equal(info.has_producer, has_producer);
        assert_int_equal(info.batch.producer_id, has_producer ? 4001 : -1);
        assert_int_equal(info.batch.producer_epoch, has_producer ? 2 : -1);
        assert_int_equal(info.batch.base_sequence, has_producer ? 7 : -1);
    }
}

/* A number of the golden batch, changed; then the checksum made right, or not. */
struct records_row {
    const char *name;
    enum core_records_fault fault;
    int32_t record;        /* -1: the batch */
    size_t pos;            /* where bytes are changed */
    const char *bytes;     /* to these; hex */
    bool is_broken;        /* the checksum stays as it was */
    size_t length;         /* received; 0: as it is */
    uint32_t bytes_max;    /* max.message.bytes; 0: the default */
    int64_t before_max_ms; /* 0: none */
    int64_t now_after_ms;  /* the clock stands this far from the latest record */
    bool is_compacted;
    bool is_zstd_refused;
};

static const struct records_row records_header_rows[] = {
    {"nothing", CORE_RECORDS_FAULT_NONE, -1, 0, .bytes = ""},
    {"leader epoch 7", CORE_RECORDS_FAULT_NONE, -1, 12, .bytes = "00000007", .is_broken = true},
    {"leader epoch -2", CORE_RECORDS_FAULT_HEADER, -1, 12, .bytes = "fffffffe", .is_broken = true},
    {"magic 0", CORE_RECORDS_FAULT_OLD_MAGIC, -1, 16, .bytes = "00", .is_broken = true},
    {"magic 1", CORE_RECORDS_FAULT_OLD_MAGIC, -1, 16, .bytes = "01", .is_broken = true},
    {"magic 1 cut off", CORE_RECORDS_FAULT_OLD_MAGIC, -1, 16, .bytes = "01", .length = 17},
    {"magic 3", CORE_RECORDS_FAULT_MAGIC, -1, 16, .bytes = "03", .is_broken = true},
    {"magic -1", CORE_RECORDS_FAULT_MAGIC, -1, 16, .bytes = "ff", .is_broken = true},
    {"one byte", CORE_RECORDS_FAULT_CUT_OFF, -1, 0, .bytes = "", .length = 1},
    {"no magic", CORE_RECORDS_FAULT_CUT_OFF, -1, 0, .bytes = "", .length = 16},
    {"only a magic", CORE_RECORDS_FAULT_CUT_OFF, -1, 0, .bytes = "", .length = 17},
    {"the last byte missing", CORE_RECORDS_FAULT_CUT_OFF, -1, 0, .bytes = "", .length = 131},
    {"one byte too many", CORE_RECORDS_FAULT_NOT_ONE, -1, 0, .bytes = "", .length = 133},
    {"a length of 0", CORE_RECORDS_FAULT_LENGTH, -1, 8, .bytes = "00000000", .is_broken = true},
    {"a length of 48", CORE_RECORDS_FAULT_LENGTH, -1, 8, .bytes = "00000030", .is_broken = true},
    {"a length of 49 and more", CORE_RECORDS_FAULT_NOT_ONE, -1, 8, .bytes = "00000031",
     .is_broken = true},
    {"a negative length", CORE_RECORDS_FAULT_LENGTH, -1, 8, .bytes = "ffffffff", .is_broken = true},
    {"a length of 2^31-1", CORE_RECORDS_FAULT_LENGTH, -1, 8, .bytes = "7fffffff",
     .is_broken = true},
    {"a length of 2^30", CORE_RECORDS_FAULT_CUT_OFF, -1, 8, .bytes = "40000000", .is_broken = true},
    {"base offset 1", CORE_RECORDS_FAULT_BASE_OFFSET, -1, 7, .bytes = "01", .is_broken = true},
    {"base offset -1", CORE_RECORDS_FAULT_BASE_OFFSET, -1, 0, .bytes = "ffffffffffffffff",
     .is_broken = true},
    {"just small enough", CORE_RECORDS_FAULT_NONE, -1, 0, .bytes = "", .bytes_max = 132},
    {"just too large", CORE_RECORDS_FAULT_BATCH_BYTES, -1, 0, .bytes = "", .bytes_max = 131},
    {"too large and broken", CORE_RECORDS_FAULT_BATCH_BYTES, -1, 90, .bytes = "00",
     .is_broken = true, .bytes_max = 131},
    {"checksum", CORE_RECORDS_FAULT_CHECKSUM, -1, 20, .bytes = "b8", .is_broken = true},
    {"checksum and count", CORE_RECORDS_FAULT_CHECKSUM, -1, 60, .bytes = "00", .is_broken = true},
    {"a control batch", CORE_RECORDS_FAULT_CONTROL, -1, 21, .bytes = "0020"},
    {"a transaction's control batch", CORE_RECORDS_FAULT_CONTROL, -1, 21, .bytes = "0030"},
    {"append time", CORE_RECORDS_FAULT_APPEND_TIME, -1, 21, .bytes = "0008"},
    {"delete horizon", CORE_RECORDS_FAULT_ATTRIBUTES, -1, 21, .bytes = "0040"},
    {"attribute bit 7", CORE_RECORDS_FAULT_ATTRIBUTES, -1, 21, .bytes = "0080"},
    {"attribute bit 15", CORE_RECORDS_FAULT_ATTRIBUTES, -1, 21, .bytes = "8000"},
    {"an internal entry's attributes", CORE_RECORDS_FAULT_ATTRIBUTES, -1, 21, .bytes = "4100"},
    {"an internal entry", CORE_RECORDS_FAULT_ATTRIBUTES, -1, 21, .bytes = "4100ffffffff"},
    {"codec 5", CORE_RECORDS_FAULT_CODEC, -1, 21, .bytes = "0005"},
    {"codec 7", CORE_RECORDS_FAULT_CODEC, -1, 21, .bytes = "0007"},
    {"zstd in an old request", CORE_RECORDS_FAULT_ZSTD, -1, 21, .bytes = "0004",
     .is_zstd_refused = true},
    {"not zstd in an old request", CORE_RECORDS_FAULT_NONE, -1, 0, .bytes = "",
     .is_zstd_refused = true},
    {"not zstd", CORE_RECORDS_FAULT_COMPRESSED, -1, 21, .bytes = "0004"},
    {"not lz4", CORE_RECORDS_FAULT_COMPRESSED, -1, 21, .bytes = "0003"},
    {"not snappy", CORE_RECORDS_FAULT_COMPRESSED, -1, 21, .bytes = "0002"},
    {"not gzip", CORE_RECORDS_FAULT_COMPRESSED, -1, 21, .bytes = "0001"},
    {"a window too large", CORE_RECORDS_FAULT_COMPRESSED_FORM, -1, 61, .bytes = "28b52ffd00ff"},
    {"no records", CORE_RECORDS_FAULT_RECORDS_COUNT, -1, 57, .bytes = "00000000"},
    {"negative records", CORE_RECORDS_FAULT_HEADER, -1, 57, .bytes = "ffffffff"},
    {"4 records of offsets for 3", CORE_RECORDS_FAULT_RECORDS_COUNT, -1, 57, .bytes = "00000004"},
    {"offsets for 2 of 3 records", CORE_RECORDS_FAULT_RECORDS_COUNT, -1, 23, .bytes = "00000001"},
    {"negative last offset delta", CORE_RECORDS_FAULT_HEADER, -1, 23, .bytes = "ffffffff"},
    {"last offset delta 2^31-1", CORE_RECORDS_FAULT_RECORDS_COUNT, -1, 23, .bytes = "7fffffff"},
    {"producer -2", CORE_RECORDS_FAULT_PRODUCER, -1, 43, .bytes = "fffffffffffffffe000000000000"},
    {"producer without epoch", CORE_RECORDS_FAULT_PRODUCER, -1, 43,
     .bytes = "0000000000000000ffff00000000"},
    {"producer without sequence", CORE_RECORDS_FAULT_PRODUCER, -1, 43,
     .bytes = "00000000000000000000ffffffff"},
    {"producer 0, epoch 0, sequence 0", CORE_RECORDS_FAULT_NONE, -1, 43,
     .bytes = "0000000000000000000000000000"},
    {"no producer, as kafkajs says it", CORE_RECORDS_FAULT_NONE, -1, 43,
     .bytes = "ffffffffffffffff000000000000"},
    {"a transaction without a producer", CORE_RECORDS_FAULT_PRODUCER, -1, 21, .bytes = "0010"},
    {"a wrong max timestamp", CORE_RECORDS_FAULT_NONE, -1, 35, .bytes = "0000000000000000"},
};

/* Rows about records: found whatever the codec. */
static const struct records_row records_record_rows[] = {
    {"nothing", CORE_RECORDS_FAULT_NONE, -1, 0, .bytes = ""},
    {"a longer first record", CORE_RECORDS_FAULT_RECORD, 0, 61, .bytes = "20"},
    {"a shorter first record", CORE_RECORDS_FAULT_RECORD, 0, 61, .bytes = "1c"},
    {"a negative length", CORE_RECORDS_FAULT_RECORD, 1, 77, .bytes = "01"},
    {"a length of 0", CORE_RECORDS_FAULT_RECORD, 2, 125, .bytes = "00"},
    {"a length behind the batch", CORE_RECORDS_FAULT_RECORD, 2, 125, .bytes = "0e"},
    {"a length that does not end", CORE_RECORDS_FAULT_RECORD, 2, 125, .bytes = "ffffffffffffff"},
    {"record attributes", CORE_RECORDS_FAULT_NONE, -1, 62, .bytes = "ff"},
    {"offset delta 1 first", CORE_RECORDS_FAULT_OFFSET_DELTA, 0, 64, .bytes = "02"},
    {"offset delta 0 twice", CORE_RECORDS_FAULT_OFFSET_DELTA, 1, 82, .bytes = "00"},
    {"offset delta behind the last", CORE_RECORDS_FAULT_RECORD, 2, 128, .bytes = "06"},
    {"offset delta -1", CORE_RECORDS_FAULT_RECORD, 0, 64, .bytes = "01"},
    {"key length -2", CORE_RECORDS_FAULT_RECORD, 0, 65, .bytes = "03"},
    {"key behind the record", CORE_RECORDS_FAULT_RECORD, 1, 83, .bytes = "7e"},
    {"value behind the record", CORE_RECORDS_FAULT_RECORD, 0, 66, .bytes = "14"},
    {"value before the record's end", CORE_RECORDS_FAULT_RECORD, 0, 66, .bytes = "10"},
    {"headers -1", CORE_RECORDS_FAULT_RECORD, 1, 106, .bytes = "01"},
    {"one header too few", CORE_RECORDS_FAULT_RECORD, 1, 106, .bytes = "02"},
    {"one header too many", CORE_RECORDS_FAULT_RECORD, 1, 106, .bytes = "06"},
    {"2^31-1 headers", CORE_RECORDS_FAULT_RECORD, 1, 106, .bytes = "feffffff0f"},
    {"a header without a key", CORE_RECORDS_FAULT_RECORD, 1, 119, .bytes = "01"},
    {"header value behind the record", CORE_RECORDS_FAULT_RECORD, 1, 124, .bytes = "02"},
    {"records for 4", CORE_RECORDS_FAULT_RECORD, 3, 57, .bytes = "00000004"},
    {"records for 2", CORE_RECORDS_FAULT_TRAILING, -1, 57, .bytes = "00000002"},
    {"no key on a compacted topic", CORE_RECORDS_FAULT_KEY, 0, 0, .bytes = "",
     .is_compacted = true},
    {"before the bounds", CORE_RECORDS_FAULT_OLD_TIME, 1, 0, .bytes = "", .before_max_ms = 736090},
    {"at the bounds", CORE_RECORDS_FAULT_NONE, -1, 0, .bytes = "", .before_max_ms = 736091},
    {"after the bounds", CORE_RECORDS_FAULT_LATE_TIME, 2, 0, .bytes = "", .now_after_ms = -3600001},
    {"late by an hour", CORE_RECORDS_FAULT_NONE, -1, 0, .bytes = "", .now_after_ms = -3600000},
};

/* The golden batch, not compressed, as the row has it, at world->raw. Returns its length. */
static size_t records_change(struct records_world *world, const struct records_row *row)
{
    size_t length = records_from_hex(records_hex[CODEC_NONE], world->raw);
    records_from_hex(row->bytes, world->raw + row->pos);
    world->raw[length] = 0x55; /* what follows */
    if (row->pos == 57) {      /* a count is told twice */
        world->raw[26] = (uint8_t)(world->raw[60] - 1);
    }
    return length;
}

static void records_check(struct records_world *world, const struct records_row *row,
                          enum codec_kind kind, const uint8_t *data, size_t length)
{
    struct core_records_config config = records_config();
    config.batch_bytes_max = row->bytes_max != 0 ? row->bytes_max : config.batch_bytes_max;
    config.before_max_ms = row->before_max_ms != 0 ? row->before_max_ms : config.before_max_ms;
    config.now_ms += row->now_after_ms;
    config.is_compacted = row->is_compacted;
    config.may_zstd = !row->is_zstd_refused;
    struct core_records_info info;
    uint8_t *exact = malloc(length); /* nothing behind it may be read */
    memcpy(exact, data, length);
    core_records_validate(&config, &world->room, world->kernels, exact, length, &info);
    free(exact);
    if (info.fault != row->fault || info.record_index != row->record) {
        fail_msg("%s, %s: %s of record %d", codec_kind_name(kind), row->name,
                 core_records_fault_name(info.fault), info.record_index);
    }
}

static void core_records_each_wrong_header_is_refused_by_name(void **state)
{
    struct records_world *world = *state;
    for (size_t i = 0; i < ARRAY_COUNT(records_header_rows); i++) {
        const struct records_row *row = &records_header_rows[i];
        size_t length = records_from_hex(records_hex[CODEC_NONE], world->raw);
        records_from_hex(row->bytes, world->raw + row->pos);
        world->raw[length] = 0x55;
        if (row->fault == CORE_RECORDS_FAULT_COMPRESSED_FORM) {
            world->raw[22] = CODEC_ZSTD;
        }
        if (!row->is_broken && row->length == 0) {
            batch_build_fix(world->kernels, world->raw, length);
        }
        records_check(world, row, CODEC_NONE, world->raw, row->length != 0 ? row->length : length);
    }
}

static void core_records_each_wrong_record_is_refused_by_name_in_every_codec(void **state)
{
    struct records_world *world = *state;
    for (size_t i = 0; i < ARRAY_COUNT(records_record_rows); i++) {
        for (enum codec_kind kind = CODEC_NONE; kind < CODEC_KIND_COUNT; kind++) {
            size_t length = records_change(world, &records_record_rows[i]);
            length = records_recode(world, world->raw, length, kind, world->batch);
            records_check(world, &records_record_rows[i], kind, world->batch, length);
        }
    }
}

/* What is compressed may be nothing at all. */
static void core_records_of_no_bytes_are_none(void **state)
{
    static const struct records_row row = {"no bytes for a record", CORE_RECORDS_FAULT_RECORD, 0,
                                           57, .bytes = "00000001"};
    struct records_world *world = *state;
    for (enum codec_kind kind = CODEC_NONE; kind < CODEC_KIND_COUNT; kind++) {
        (void)records_change(world, &row);
        size_t length =
            records_recode(world, world->raw, LOG_BATCH_HEADER_BYTES, kind, world->batch);
        records_check(world, &row, kind, world->batch, length);
    }
}

/* One record of null and null at offset 0, its numbers in every length that they may have. */
static void core_records_numbers_may_be_padded_as_far_as_kafka_reads_them(void **state)
{
    struct records_world *world = *state;
    static const struct {
        const char *name;
        const char *hex;
        enum core_records_fault fault;
    } rows[] = {
        {"the shortest", "0c000000010100", CORE_RECORDS_FAULT_NONE},
        {"a length of 5 bytes", "8c80808000000000010100", CORE_RECORDS_FAULT_NONE},
        {"a length beyond 32 bits", "8c80808010000000010100", CORE_RECORDS_FAULT_RECORD},
        {"a length of 6 bytes", "8c8080808000000000010100", CORE_RECORDS_FAULT_RECORD},
        {"a time of 10 bytes", "1e008080808080808080800000010100", CORE_RECORDS_FAULT_NONE},
        {"the earliest time", "1e00ffffffffffffffffff0100010100", CORE_RECORDS_FAULT_NONE},
        {"a time beyond 64 bits", "1e00ffffffffffffffffff0200010100", CORE_RECORDS_FAULT_RECORD},
        {"an offset of 2 bytes", "0e00008000010100", CORE_RECORDS_FAULT_NONE},
        {"an offset beyond 32 bits", "1400008080808010010100", CORE_RECORDS_FAULT_RECORD},
        {"a key's length of 2 bytes", "0e00000081000100", CORE_RECORDS_FAULT_NONE},
        {"a key's length beyond 32 bits", "1400000081808080100100", CORE_RECORDS_FAULT_RECORD},
        {"a count of headers of 2 bytes", "0e00000001018000", CORE_RECORDS_FAULT_NONE},
        {"a byte behind the headers", "0e00000001010000", CORE_RECORDS_FAULT_RECORD},
        {"no headers' count", "0a0000000101", CORE_RECORDS_FAULT_RECORD},
        {"one byte", "0200", CORE_RECORDS_FAULT_RECORD},
        {"nothing", "00", CORE_RECORDS_FAULT_RECORD},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct batch_build b;
        struct core_records_info info;
        batch_build_init(&b, world->raw, RECORDS_BATCH_BYTES);
        b.records_count = 1;
        b.last_offset_delta = 0;
        size_t length = batch_build_seal(&b, world->kernels, world->raw,
                                         records_from_hex(rows[i].hex, world->raw), world->batch,
                                         RECORDS_BATCH_BYTES);
        records_validate(world, world->batch, length, &info);
        if (info.fault != rows[i].fault) {
            fail_msg("%s: %s", rows[i].name, core_records_fault_name(info.fault));
        }
    }
}

static void core_records_every_fault_has_a_row(void **state)
{
    (void)state;
    bool is_met[CORE_RECORDS_FAULT_COUNT] = {
        /* tests of their own, below */
        [CORE_RECORDS_FAULT_EMPTY] = true,
        [CORE_RECORDS_FAULT_ROOM] = true,
        [CORE_RECORDS_FAULT_BUDGET] = true,
    };
    for (size_t i = 0; i < ARRAY_COUNT(records_header_rows); i++) {
        is_met[records_header_rows[i].fault] = true;
    }
    for (size_t i = 0; i < ARRAY_COUNT(records_record_rows); i++) {
        is_met[records_record_rows[i].fault] = true;
    }
    for (enum core_records_fault fault = 0; fault < CORE_RECORDS_FAULT_COUNT; fault++) {
        if (!is_met[fault]) {
            fail_msg("%s has no row", core_records_fault_name(fault));
        }
    }
}

static void core_records_faults_are_answered_as_kafka_does(void **state)
{
    (void)state;
    static const struct {
        enum core_records_fault fault;
        enum core_records_answer answer;
    } rows[] = {
        {CORE_RECORDS_FAULT_NONE, CORE_RECORDS_OK},
        {CORE_RECORDS_FAULT_EMPTY, CORE_RECORDS_INVALID},
        {CORE_RECORDS_FAULT_OLD_MAGIC, CORE_RECORDS_FORMAT},
        {CORE_RECORDS_FAULT_MAGIC, CORE_RECORDS_CORRUPT},
        {CORE_RECORDS_FAULT_NOT_ONE, CORE_RECORDS_INVALID},
        {CORE_RECORDS_FAULT_BASE_OFFSET, CORE_RECORDS_INVALID},
        {CORE_RECORDS_FAULT_BATCH_BYTES, CORE_RECORDS_TOO_LARGE},
        {CORE_RECORDS_FAULT_CHECKSUM, CORE_RECORDS_CORRUPT},
        {CORE_RECORDS_FAULT_CONTROL, CORE_RECORDS_INVALID},
        {CORE_RECORDS_FAULT_APPEND_TIME, CORE_RECORDS_TIMESTAMP},
        {CORE_RECORDS_FAULT_ZSTD, CORE_RECORDS_COMPRESSION},
        {CORE_RECORDS_FAULT_CODEC, CORE_RECORDS_COMPRESSION},
        {CORE_RECORDS_FAULT_RECORDS_COUNT, CORE_RECORDS_INVALID},
        {CORE_RECORDS_FAULT_PRODUCER, CORE_RECORDS_INVALID},
        {CORE_RECORDS_FAULT_RECORD, CORE_RECORDS_INVALID},
        {CORE_RECORDS_FAULT_KEY, CORE_RECORDS_INVALID},
        {CORE_RECORDS_FAULT_OLD_TIME, CORE_RECORDS_TIMESTAMP},
        {CORE_RECORDS_FAULT_LATE_TIME, CORE_RECORDS_TIMESTAMP},
        {CORE_RECORDS_FAULT_BUDGET, CORE_RECORDS_NO_MEMORY},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(core_records_answer_of(rows[i].fault), rows[i].answer);
    }
    for (enum core_records_fault fault = 1; fault < CORE_RECORDS_FAULT_COUNT; fault++) {
        assert_int_not_equal(core_records_answer_of(fault), CORE_RECORDS_OK);
        assert_true(strlen(core_records_fault_text(fault)) > 10);
    }
}

static void core_records_nothing_is_no_batch(void **state)
{
    struct records_world *world = *state;
    struct core_records_info info;
    assert_int_equal(records_validate(world, NULL, 0, &info), CORE_RECORDS_FAULT_EMPTY);
    assert_int_equal(info.record_index, -1);
}

static void core_records_a_flipped_bit_never_passes(void **state)
{
    struct records_world *world = *state;
    for (enum codec_kind kind = CODEC_NONE; kind < CODEC_KIND_COUNT; kind++) {
        uint8_t batch[256];
        size_t length = records_from_hex(records_hex[kind], batch);
        for (size_t bit = 0; bit < length * 8; bit++) {
            struct core_records_info info;
            batch[bit / 8] ^= (uint8_t)(1 << bit % 8);
            records_validate(world, batch, length, &info);
            batch[bit / 8] ^= (uint8_t)(1 << bit % 8);
            bool is_epoch = bit / 8 >= 12 && bit / 8 < 16;
            if (!is_epoch && info.fault == CORE_RECORDS_FAULT_NONE) {
                fail_msg("%s: bit %zu", codec_kind_name(kind), bit);
            }
        }
        for (size_t cut = 1; cut < length; cut++) {
            struct core_records_info info;
            assert_int_equal(records_validate(world, batch, cut, &info),
                             CORE_RECORDS_FAULT_CUT_OFF);
        }
    }
}

static void core_records_a_checksum_known_before_is_believed(void **state)
{
    struct records_world *world = *state;
    uint8_t batch[256];
    size_t length = records_from_hex(records_hex[CODEC_GZIP], batch);
    struct core_records_config config = records_config();
    struct core_records_info info;
    config.has_crc = true;
    config.crc =
        crc32c(world->kernels, 0, batch + CORE_RECORDS_CRC_FROM, length - CORE_RECORDS_CRC_FROM);
    core_records_validate(&config, &world->room, world->kernels, batch, length, &info);
    assert_int_equal(info.fault, CORE_RECORDS_FAULT_NONE);
    config.crc ^= 1;
    core_records_validate(&config, &world->room, world->kernels, batch, length, &info);
    assert_int_equal(info.fault, CORE_RECORDS_FAULT_CHECKSUM);
}

static void core_records_timestamps_at_the_ends_of_their_range(void **state)
{
    struct records_world *world = *state;
    static const struct {
        int64_t now, timestamp, before, after;
        enum core_records_fault fault;
    } rows[] = {
        {0, -1, 0, 0, CORE_RECORDS_FAULT_NONE}, /* no timestamp */
        {1000, -1, 0, 0, CORE_RECORDS_FAULT_NONE},
        {1000, 1000, 0, 0, CORE_RECORDS_FAULT_NONE},
        {1000, 999, 0, 0, CORE_RECORDS_FAULT_OLD_TIME},
        {1000, 1001, 0, 0, CORE_RECORDS_FAULT_LATE_TIME},
        {1000, -2, 1001, 0, CORE_RECORDS_FAULT_OLD_TIME},
        {1000, -2, 1002, 0, CORE_RECORDS_FAULT_NONE},
        {1000, INT64_MIN, INT64_MAX, 0, CORE_RECORDS_FAULT_NONE},
        {1000, INT64_MIN, INT64_MAX - 1, 0, CORE_RECORDS_FAULT_OLD_TIME},
        {1000, INT64_MAX, 0, INT64_MAX - 1000, CORE_RECORDS_FAULT_NONE},
        {1000, INT64_MAX, 0, INT64_MAX - 1001, CORE_RECORDS_FAULT_LATE_TIME},
        {-1000, INT64_MAX, 0, INT64_MAX, CORE_RECORDS_FAULT_NONE},
        {-1000, INT64_MAX, 0, INT64_MAX - 1, CORE_RECORDS_FAULT_LATE_TIME},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct batch_build b;
        batch_build_init(&b, world->raw, RECORDS_BATCH_BYTES);
        batch_build_add(&b, &(struct batch_build_record){.timestamp = rows[i].timestamp});
        size_t length =
            batch_build_end(&b, NULL, world->kernels, world->batch, RECORDS_BATCH_BYTES);
        struct core_records_config config = records_config();
        struct core_records_info info;
        config.now_ms = rows[i].now;
        config.before_max_ms = rows[i].before;
        config.after_max_ms = rows[i].after;
        core_records_validate(&config, &world->room, world->kernels, world->batch, length, &info);
        if (info.fault != rows[i].fault) {
            fail_msg("row %zu: %s", i, core_records_fault_name(info.fault));
        }
        config.is_append_time = true; /* a broker that sets the time checks none */
        core_records_validate(&config, &world->room, world->kernels, world->batch, length, &info);
        assert_int_equal(info.fault, CORE_RECORDS_FAULT_NONE);
    }
}

static void core_records_a_wrong_max_timestamp_is_told_and_can_be_set_right(void **state)
{
    struct records_world *world = *state;
    for (enum codec_kind kind = CODEC_NONE; kind < CODEC_KIND_COUNT; kind++) {
        uint8_t want[256], got[256];
        struct core_records_info info;
        size_t length = records_from_hex(records_hex[kind], want);
        memcpy(got, want, length);
        got[42] ^= 0xff; /* the last byte of the max timestamp */
        batch_build_fix(world->kernels, got, length);
        assert_int_equal(records_validate(world, got, length, &info), CORE_RECORDS_FAULT_NONE);
        assert_true(info.is_max_timestamp_wrong);
        assert_int_equal(info.max_timestamp, RECORDS_GOLDEN_MAX_MS);
        core_records_set_max_timestamp(world->kernels, got, length, info.max_timestamp);
        assert_memory_equal(got, want, length);
    }
}

static void core_records_append_time_is_set_with_the_right_checksum(void **state)
{
    struct records_world *world = *state;
    for (enum codec_kind kind = CODEC_NONE; kind < CODEC_KIND_COUNT; kind++) {
        uint8_t want[256], got[256];
        size_t length = records_from_hex(records_hex[kind], want);
        memcpy(got, want, length);
        want[22] |= LOG_BATCH_APPEND_TIME;
        memset(want + 35, 0, 8);
        want[41] = 0x12;
        want[42] = 0x34;
        batch_build_fix(world->kernels, want, length);
        core_records_set_append_time(world->kernels, got, length, 0x1234);
        assert_memory_equal(got, want, length);
        core_records_set_append_time(world->kernels, got, length, 0x1234); /* the same again */
        assert_memory_equal(got, want, length);
        got[20] ^= 1; /* a wrong checksum is not made right in passing */
        core_records_set_append_time(world->kernels, got, length, 0x4321);
        assert_false(log_batch_is_sound(world->kernels, got, length));
        struct core_records_found found;
        assert_int_equal(core_records_find_time(&world->room, want, length, 0x1234, 1, &found),
                         ERR_OK);
        assert_int_equal(found.offset, 1);
        assert_int_equal(found.timestamp, 0x1234);
        assert_int_equal(core_records_find_time(&world->room, want, length, 0x1235, 0, &found),
                         ERR_NOT_FOUND);
    }
}

static void core_records_a_bomb_costs_no_more_than_the_room(void **state)
{
    struct records_world *world = *state;
    struct batch_build b;
    struct budget budget;
    struct core_records_room room;
    memset(world->raw, 0, RECORDS_BATCH_BYTES);
    batch_build_init(&b, world->raw, RECORDS_BATCH_BYTES);
    char *zeros = calloc(1, RECORDS_BATCH_BYTES);
    batch_build_add(
        &b, &(struct batch_build_record){.value = zeros, .value_bytes = RECORDS_BATCH_BYTES - 64});
    free(zeros);
    for (enum codec_kind kind = CODEC_GZIP; kind < CODEC_KIND_COUNT; kind++) {
        static const struct {
            size_t bytes_max, budget_bytes, keep_bytes;
            enum core_records_fault fault;
        } rows[] = {
            {RECORDS_BATCH_BYTES, 4u << 20, 65536, CORE_RECORDS_FAULT_NONE},
            {RECORDS_BATCH_BYTES, 4u << 20, 0, CORE_RECORDS_FAULT_NONE},
            {RECORDS_BATCH_BYTES / 2, 4u << 20, 65536, CORE_RECORDS_FAULT_ROOM},
            {RECORDS_BATCH_BYTES, RECORDS_BATCH_BYTES / 2, 65536, CORE_RECORDS_FAULT_BUDGET},
            {1, 4u << 20, 1, CORE_RECORDS_FAULT_ROOM},
        };
        b.codec = kind;
        size_t length = batch_build_end(&b, &world->codec, world->kernels, world->batch,
                                        2 * RECORDS_BATCH_BYTES);
        for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
            struct core_records_config config = records_config();
            struct core_records_info info;
            config.now_ms = 0;
            budget_init(&budget, "room", rows[i].budget_bytes, NULL);
            core_records_room_init(&room, &budget, rows[i].keep_bytes, rows[i].bytes_max);
            core_records_validate(&config, &room, world->kernels, world->batch, length, &info);
            if (info.fault != rows[i].fault) {
                fail_msg("%s, row %zu: %s", codec_kind_name(kind), i,
                         core_records_fault_name(info.fault));
            }
            assert_true(room.bytes <= rows[i].keep_bytes);
            assert_true(budget.peak_bytes <= rows[i].bytes_max + 4096);
            core_records_room_deinit(&room);
            assert_int_equal(budget.used_bytes, 0);
            budget_deinit(&budget);
        }
    }
}

static void core_records_without_compression_take_no_memory(void **state)
{
    struct records_world *world = *state;
    uint8_t batch[256];
    size_t length = records_from_hex(records_hex[CODEC_NONE], batch);
    struct core_records_info info;
    struct core_records_found found;
    assert_int_equal(records_validate(world, batch, length, &info), CORE_RECORDS_FAULT_NONE);
    assert_int_equal(core_records_find_time(&world->room, batch, length, 0, 0, &found), ERR_OK);
    assert_int_equal(world->budget.allocs_count, 0);
}

static void core_records_found_in_kafkas_batches(void **state)
{
    struct records_world *world = *state;
    static const struct {
        int64_t timestamp;
        uint64_t from;
        enum err err;
        uint64_t offset;
        int64_t found;
    } rows[] = {
        {0, 0, ERR_OK, 500, 1517966773840},
        {0, 501, ERR_OK, 501, RECORDS_GOLDEN_MIN_MS},
        {RECORDS_GOLDEN_MIN_MS, 501, ERR_OK, 501, RECORDS_GOLDEN_MIN_MS},
        {RECORDS_GOLDEN_MIN_MS + 1, 501, ERR_OK, 502, RECORDS_GOLDEN_MAX_MS},
        {1517966773840, 500, ERR_OK, 500, 1517966773840},
        {RECORDS_GOLDEN_MAX_MS, 0, ERR_OK, 502, RECORDS_GOLDEN_MAX_MS},
        {RECORDS_GOLDEN_MAX_MS + 1, 0, ERR_NOT_FOUND, 0, 0},
        {0, 503, ERR_NOT_FOUND, 0, 0},
    };
    for (enum codec_kind kind = CODEC_NONE; kind < CODEC_KIND_COUNT; kind++) {
        uint8_t batch[256];
        struct core_records_found found;
        size_t length = records_from_hex(records_hex[kind], batch);
        log_batch_patch(batch, 500, 3);
        for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
            assert_int_equal(core_records_find_time(&world->room, batch, length, rows[i].timestamp,
                                                    rows[i].from, &found),
                             rows[i].err);
            assert_int_equal(found.offset, rows[i].offset);
            assert_int_equal(found.timestamp, rows[i].found);
        }
        assert_int_equal(core_records_find_max_time(&world->room, batch, length, 0, &found),
                         ERR_OK);
        assert_int_equal(found.offset, 502);
        assert_int_equal(found.timestamp, RECORDS_GOLDEN_MAX_MS);
        assert_int_equal(core_records_find_max_time(&world->room, batch, length, 503, &found),
                         ERR_NOT_FOUND);
    }
}

static void core_records_find_says_what_it_cannot_read(void **state)
{
    struct records_world *world = *state;
    uint8_t batch[256];
    struct core_records_found found;
    size_t length = records_from_hex(records_hex[CODEC_NONE], batch);
    assert_int_equal(core_records_find_time(&world->room, batch, length - 1, 0, 0, &found),
                     ERR_CORRUPT);
    assert_int_equal(core_records_find_time(&world->room, batch, 60, 0, 0, &found), ERR_CORRUPT);
    batch[61] = 0x20;
    assert_int_equal(core_records_find_time(&world->room, batch, length, 0, 0, &found),
                     ERR_CORRUPT);
    batch[22] = CODEC_GZIP;
    assert_int_equal(core_records_find_max_time(&world->room, batch, length, 0, &found),
                     ERR_CORRUPT);
    batch[16] = 1;
    assert_int_equal(core_records_find_time(&world->room, batch, length, 0, 0, &found),
                     ERR_UNSUPPORTED);
    struct bytes_writer w = bytes_writer(batch, sizeof(batch));
    log_batch_put_internal(&w, world->kernels, LOG_KIND_NOOP, NULL, 0, 7, 1, 5);
    assert_int_equal(core_records_find_time(&world->room, batch, w.pos, 0, 0, &found), ERR_CORRUPT);
}

static void core_records_are_described_for_people(void **state)
{
    (void)state;
    char text[128];
    struct core_records_info info = {
        .fault = CORE_RECORDS_FAULT_OLD_TIME, .record_index = 17, .number = 5};
    size_t length = core_records_describe(&info, text, sizeof(text));
    assert_string_equal(text, "record 17: a timestamp is older than "
                              "message.timestamp.before.max.ms allows (timestamp 5)");
    assert_int_equal(length, strlen(text));
    info = (struct core_records_info){.fault = CORE_RECORDS_FAULT_CHECKSUM, .record_index = -1};
    core_records_describe(&info, text, sizeof(text));
    assert_string_equal(text, "the checksum is wrong");
    assert_int_equal(core_records_describe(&info, text, 4), 3);
    assert_string_equal(text, "the");
}

#define RECORDS_RANDOM_MAX 40

/* Times few enough to repeat, near each other or at the ends of their range. */
static int64_t records_random_time(struct prng *p)
{
    int64_t time = (int64_t)prng_below(p, 12);
    return prng_chance(p, 1, 20) ? (int64_t)prng_u64(p) : time;
}

static void records_find_case(struct records_world *world, struct prng *p, const int64_t *times,
                              uint32_t count, size_t length)
{
    int64_t wanted = records_random_time(p);
    uint64_t base = prng_below(p, 1000), from = base + prng_below(p, count + 2);
    uint32_t first = count, best = count;
    for (uint32_t i = 0; i < count; i++) {
        if (base + i < from) {
            continue;
        }
        first = first == count && times[i] >= wanted ? i : first;
        best = best == count || times[i] > times[best] ? i : best;
    }
    log_batch_patch(world->batch, base, 1);
    struct core_records_found found;
    enum err err = core_records_find_time(&world->room, world->batch, length, wanted, from, &found);
    assert_int_equal(err, first < count ? ERR_OK : ERR_NOT_FOUND);
    assert_int_equal(found.offset, first < count ? base + first : 0);
    assert_int_equal(found.timestamp, first < count ? times[first] : 0);
    err = core_records_find_max_time(&world->room, world->batch, length, from, &found);
    assert_int_equal(err, best < count ? ERR_OK : ERR_NOT_FOUND);
    assert_int_equal(found.offset, best < count ? base + best : 0);
    assert_int_equal(found.timestamp, best < count ? times[best] : 0);
}

static void core_records_any_batch_passes_and_its_records_are_found(void **state)
{
    struct records_world *world = *state;
    static const struct batch_build_header headers[] = {{"h", "x"}, {"", NULL}, {"hh", ""}};
    static char text[3000];
    struct share share = share_open("records found by time", 80);
    memset(text, 'a', sizeof(text));
    while (share_more(&share)) {
        struct prng p;
        struct batch_build b;
        int64_t times[RECORDS_RANDOM_MAX], max = -1;
        uint32_t count = (uint32_t)prng_range((prng_init(&p, share_case_seed(&share)), &p), 1,
                                              RECORDS_RANDOM_MAX);
        batch_build_init(&b, world->raw, RECORDS_BATCH_BYTES);
        b.codec = (enum codec_kind)prng_below(&p, CODEC_KIND_COUNT);
        for (uint32_t i = 0; i < count; i++) {
            times[i] = records_random_time(&p);
            max = times[i] > max ? times[i] : max;
            batch_build_add(&b, &(struct batch_build_record){
                                    .timestamp = times[i],
                                    .key = prng_chance(&p, 1, 2) ? text : NULL,
                                    .key_bytes = 1 + prng_below(&p, 70),
                                    .value = prng_chance(&p, 3, 4) ? text : NULL,
                                    .value_bytes = 1 + prng_below(&p, sizeof(text) - 1),
                                    .headers = headers,
                                    .headers_count = prng_below(&p, ARRAY_COUNT(headers) + 1),
                                });
        }
        size_t length = batch_build_end(&b, &world->codec, world->kernels, world->batch,
                                        2 * RECORDS_BATCH_BYTES);
        struct core_records_config config = records_config();
        struct core_records_info info;
        config.after_max_ms = INT64_MAX;
        core_records_validate(&config, &world->room, world->kernels, world->batch, length, &info);
        assert_int_equal(info.fault, CORE_RECORDS_FAULT_NONE);
        assert_int_equal(info.records_bytes, b.raw.pos);
        assert_int_equal(info.max_timestamp, max);
        assert_int_equal(info.is_max_timestamp_wrong, max != b.max_timestamp);
        for (int i = 0; i < 4; i++) {
            records_find_case(world, &p, times, count, length);
        }
    }
    share_close(&share);
}

static void core_records_built_here_are_known_without_a_look(void **state)
{
    static const int64_t times[] = {1700000000000, 1700000000000, 1699999999000, 1700000000007};
    struct records_world *world = *state;
    struct core_records_info found;
    struct core_records_info known;
    uint8_t data[512];
    struct log_records_writer rw;
    log_records_begin(&rw, data, sizeof(data));
    for (size_t i = 0; i < ARRAY_COUNT(times); i++) {
        struct log_records_item item = {.timestamp = times[i],
                                        .key = i % 2 == 0 ? NULL : (const uint8_t *)"key",
                                        .key_bytes = i % 2 == 0 ? 0 : 3,
                                        .value = (const uint8_t *)"value",
                                        .value_bytes = (uint32_t)i};
        assert_int_equal(log_records_add(&rw, &item), ERR_OK);
        uint32_t length = log_records_end(&rw, world->kernels);
        struct core_records_config config = records_config();
        config.before_max_ms = INT64_MAX;
        config.after_max_ms = INT64_MAX;
        assert_int_equal(
            core_records_validate(&config, &world->room, world->kernels, data, length, &found),
            CORE_RECORDS_FAULT_NONE);
        core_records_built(data, length, &known);
        assert_int_equal(known.batch.length_bytes, length);
        assert_int_equal(known.batch.length_bytes, found.batch.length_bytes);
        assert_int_equal(known.batch.crc, found.batch.crc);
        assert_int_equal(known.batch.records_count, found.batch.records_count);
        assert_int_equal(known.batch.base_timestamp, found.batch.base_timestamp);
        assert_int_equal(known.batch.max_timestamp, found.batch.max_timestamp);
        assert_int_equal(known.batch.producer_id, found.batch.producer_id);
        assert_int_equal(known.fault, found.fault);
        assert_int_equal(known.record_index, found.record_index);
        assert_int_equal(known.number, found.number);
        assert_int_equal(known.max_timestamp, found.max_timestamp);
        assert_int_equal(known.records_bytes, found.records_bytes);
        assert_int_equal(known.codec, found.codec);
        assert_false(known.is_transactional || found.is_transactional);
        assert_false(known.has_producer || found.has_producer);
        assert_false(known.is_max_timestamp_wrong || found.is_max_timestamp_wrong);
    }
}

int main(void)
{
#define RECORDS_TEST(name) cmocka_unit_test_setup_teardown(name, records_setup, records_teardown)
    const struct CMUnitTest tests[] = {
        RECORDS_TEST(core_records_of_kafkas_client_pass),
        RECORDS_TEST(core_records_each_wrong_header_is_refused_by_name),
        RECORDS_TEST(core_records_each_wrong_record_is_refused_by_name_in_every_codec),
        RECORDS_TEST(core_records_of_no_bytes_are_none),
        RECORDS_TEST(core_records_numbers_may_be_padded_as_far_as_kafka_reads_them),
        RECORDS_TEST(core_records_every_fault_has_a_row),
        RECORDS_TEST(core_records_faults_are_answered_as_kafka_does),
        RECORDS_TEST(core_records_nothing_is_no_batch),
        RECORDS_TEST(core_records_a_flipped_bit_never_passes),
        RECORDS_TEST(core_records_a_checksum_known_before_is_believed),
        RECORDS_TEST(core_records_timestamps_at_the_ends_of_their_range),
        RECORDS_TEST(core_records_a_wrong_max_timestamp_is_told_and_can_be_set_right),
        RECORDS_TEST(core_records_append_time_is_set_with_the_right_checksum),
        RECORDS_TEST(core_records_a_bomb_costs_no_more_than_the_room),
        RECORDS_TEST(core_records_without_compression_take_no_memory),
        RECORDS_TEST(core_records_found_in_kafkas_batches),
        RECORDS_TEST(core_records_find_says_what_it_cannot_read),
        RECORDS_TEST(core_records_are_described_for_people),
        RECORDS_TEST(core_records_built_here_are_known_without_a_look),
        RECORDS_TEST(core_records_any_batch_passes_and_its_records_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
