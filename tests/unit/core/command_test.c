/* Commands at rest: bytes worked by hand, what is refused, and round trips. */
#include "broker/core/command.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

/* "10 11 .. 1f", and "a0 .. af" for the cluster. */
#define TOPIC_HEX   "101112131415161718191a1b1c1d1e1f"
#define CLUSTER_HEX "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"

/* Of a stream: made in 1970, called "s"; and all up to the type of its one column, "c". */
#define STREAM_END_HEX                                                                             \
    "0000000000000000"                                                                             \
    "0100"                                                                                         \
    "73"
#define COLUMN_HEX                                                                                 \
    "0700"                                                                                         \
    "0100" TOPIC_HEX CLUSTER_HEX "01000000"                                                        \
    "0101" STREAM_END_HEX "0100"                                                                   \
    "0100"                                                                                         \
    "63"

/* A stream as the body of a command. */
#define STREAM_HEX                                                                                 \
    CLUSTER_HEX "03000000"                                                                         \
                "01"                                                                               \
                "03"                                                                               \
                "50cede6d61010000"                                                                 \
                "0200"                                                                             \
                "7331" /* s1 */                                                                    \
                "0200"                                                                             \
                "0200"                                                                             \
                "6174" /* at */                                                                    \
                "0b00"                                                                             \
                "74696d657374616d70747a" /* timestamptz */                                         \
                "0000010400"             /* from a path, ns */                                     \
                "0300"                                                                             \
                "242e74" /* $.t */                                                                 \
                "0100"                                                                             \
                "6b" /* k */                                                                       \
                "0700"                                                                             \
                "6e756d65726963" /* numeric */                                                     \
                "0a02020000"     /* (10,2), from the key */                                        \
                "0000"
/* Each command field by field, as the table in command.h says. */
static const struct golden_row {
    enum core_command_type type;
    const char *name;
    const char *hex;
} golden_rows[] = {
    {CORE_COMMAND_CLUSTER, "cluster",
     "0100"
     "0100" CLUSTER_HEX},
    {CORE_COMMAND_TOPIC_CREATE, "topic-create",
     "0200"
     "0100" TOPIC_HEX "0700000000000000"
     "03000000"
     "50cede6d61010000"
     "0900"
     "7175616b65732e6575" /* quakes.eu */
     "0200"
     "0c00"
     "726574656e74696f6e2e6d73"
     "0500"
     "3630303030" /* retention.ms 60000 */
     "0a00"
     "6475726162696c697479"
     "0600"
     "6c6561646572"}, /* durability leader */
    {CORE_COMMAND_TOPIC_DELETE, "topic-delete",
     "0300"
     "0100" TOPIC_HEX},
    {CORE_COMMAND_PARTITIONS_ADD, "partitions-add",
     "0400"
     "0100" TOPIC_HEX "0a00000000000000"
     "05000000"},
    {CORE_COMMAND_CONFIG_SET, "config-set",
     "0500"
     "0100" TOPIC_HEX "0200"
     "0c00"
     "726574656e74696f6e2e6d73"
     "ffff" /* retention.ms taken away */
     "0a00"
     "7365676d656e742e6d73"
     "0100"
     "31"}, /* segment.ms 1 */
    {CORE_COMMAND_PRODUCER_IDS, "producer-ids",
     "0600"
     "0100"
     "e803000000000000"
     "e8030000"},
    {CORE_COMMAND_STREAM_PUT, "stream-put",
     "0700"
     "0100" TOPIC_HEX STREAM_HEX},
    {CORE_COMMAND_STREAM_DROP, "stream-drop",
     "0800"
     "0100" TOPIC_HEX "0200"
     "7331"},
    {CORE_COMMAND_VIEW_DROP, "view-drop",
     "0a00"
     "0100" TOPIC_HEX "0200"
     "7631"},
    {CORE_COMMAND_VIEW_RENAME, "view-rename",
     "0b00"
     "0100" TOPIC_HEX "0200"
     "7632"},
    {CORE_COMMAND_VIEW_SWAP, "view-swap",
     "0c00"
     "0100" TOPIC_HEX},
};

/* CLUSTER and PRODUCER_IDS of above at 1517966773840 in one batch, built field by field from the
 * layout of Kafka's DefaultRecordBatch (KIP-98) and a bitwise CRC-32C. */
static const char batch_hex[] = "0000000000000000"
                                "00000076"
                                "ffffffff"
                                "02"
                                "df42316b"
                                "0000"
                                "00000001"
                                "000001616ddece50"
                                "000001616ddece50"
                                "ffffffffffffffff"
                                "ffff"
                                "ffffffff"
                                "00000002"
                                "42"
                                "00"
                                "00"
                                "00"
                                "0e"
                                "636c7573746572"
                                "28"
                                "01000100" CLUSTER_HEX "00"
                                "44"
                                "00"
                                "00"
                                "02"
                                "18"
                                "70726f64756365722d696473"
                                "20"
                                "06000100e803000000000000e8030000"
                                "00";

static struct log_uuid uuid_from(uint8_t first)
{
    struct log_uuid uuid;
    for (size_t i = 0; i < sizeof(uuid.bytes); i++) {
        uuid.bytes[i] = (uint8_t)(first + i);
    }
    return uuid;
}

static struct core_topic_config_pair pair_of(const char *name, const char *value)
{
    return (struct core_topic_config_pair){
        .name = name,
        .value = value,
        .name_bytes = (uint16_t)strlen(name),
        .value_bytes = (uint16_t)(value != NULL ? strlen(value) : 0),
    };
}

/* The stream of the golden row. */
static const struct core_stream_column golden_columns[] = {
    {"at", {VEC_TIMESTAMPTZ, 0, 0}, CORE_STREAM_PATH, CORE_STREAM_NS, false, "$.t"},
    {"k", {VEC_NUMERIC, 10, 2}, CORE_STREAM_KEY, 0, false, ""},
};

static void golden_stream(struct core_command *cmd)
{
    static uint8_t body[256];
    const struct core_stream stream = {
        .topic = uuid_from(0xa0),
        .name = "s1",
        .version = 3,
        .is_declared = true,
        .key = CORE_STREAM_KEY_INT64,
        .created_ms = 1517966773840,
        .columns = golden_columns,
        .columns_count = ARRAY_COUNT(golden_columns),
    };
    struct bytes_writer w = bytes_writer(body, sizeof(body));
    core_stream_put(&w, &stream);
    assert_int_equal(w.err, ERR_OK);
    assert_int_equal(w.pos, core_stream_bytes(&stream));
    cmd->stream = body;
    cmd->stream_bytes = (uint32_t)w.pos;
}

/* The command of each golden row. */
static struct core_command golden_command(enum core_command_type type)
{
    struct core_command cmd = {.type = type, .uuid = uuid_from(0x10)};
    switch (type) {
    case CORE_COMMAND_CLUSTER: cmd.uuid = uuid_from(0xa0); break;
    case CORE_COMMAND_TOPIC_CREATE:
        cmd.group_first = 7;
        cmd.partitions_count = 3;
        cmd.time_ms = 1517966773840;
        cmd.name = "quakes.eu";
        cmd.name_bytes = 9;
        cmd.pairs_count = 2;
        cmd.pairs[0] = pair_of("retention.ms", "60000");
        cmd.pairs[1] = pair_of("durability", "leader");
        break;
    case CORE_COMMAND_TOPIC_DELETE:
    case CORE_COMMAND_VIEW_SWAP: break;
    case CORE_COMMAND_PARTITIONS_ADD:
        cmd.group_first = 10;
        cmd.partitions_count = 5;
        break;
    case CORE_COMMAND_CONFIG_SET:
        cmd.pairs_count = 2;
        cmd.pairs[0] = pair_of("retention.ms", NULL);
        cmd.pairs[1] = pair_of("segment.ms", "1");
        break;
    case CORE_COMMAND_PRODUCER_IDS:
        memset(&cmd.uuid, 0, sizeof(cmd.uuid));
        cmd.producer_id_first = 1000;
        cmd.producer_ids_count = 1000;
        break;
    case CORE_COMMAND_STREAM_PUT: golden_stream(&cmd); break;
    case CORE_COMMAND_STREAM_DROP:
        cmd.name = "s1";
        cmd.name_bytes = 2;
        break;
    case CORE_COMMAND_VIEW_PUT: break; /* view_test.c */
    case CORE_COMMAND_VIEW_DROP:
        cmd.name = "v1";
        cmd.name_bytes = 2;
        break;
    case CORE_COMMAND_VIEW_RENAME:
        cmd.name = "v2";
        cmd.name_bytes = 2;
        break;
    }
    return cmd;
}

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t length = strlen(hex) / 2;
    for (size_t i = 0; i < length; i++) {
        static const char digits[] = "0123456789abcdef";
        out[i] = (uint8_t)((strchr(digits, hex[2 * i]) - digits) << 4 |
                           (strchr(digits, hex[2 * i + 1]) - digits));
    }
    return length;
}

static bool is_text(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    return a_bytes == b_bytes && (a_bytes == 0 || memcmp(a, b, a_bytes) == 0);
}

/* Every field alike, texts by their bytes. */
static void assert_commands_equal(const struct core_command *a, const struct core_command *b)
{
    assert_int_equal(a->type, b->type);
    assert_memory_equal(&a->uuid, &b->uuid, sizeof(a->uuid));
    assert_int_equal(a->group_first, b->group_first);
    assert_int_equal(a->partitions_count, b->partitions_count);
    assert_int_equal(a->time_ms, b->time_ms);
    assert_int_equal(a->producer_id_first, b->producer_id_first);
    assert_int_equal(a->producer_ids_count, b->producer_ids_count);
    assert_true(is_text(a->name, a->name_bytes, b->name, b->name_bytes));
    assert_true(is_text((const char *)a->stream, a->stream_bytes, (const char *)b->stream,
                        b->stream_bytes));
    assert_true(
        is_text((const char *)a->view, a->view_bytes, (const char *)b->view, b->view_bytes));
    assert_int_equal(a->pairs_count, b->pairs_count);
    for (size_t i = 0; i < a->pairs_count; i++) {
        const struct core_topic_config_pair *x = &a->pairs[i];
        const struct core_topic_config_pair *y = &b->pairs[i];
        assert_true(is_text(x->name, x->name_bytes, y->name, y->name_bytes));
        assert_int_equal(x->value == NULL, y->value == NULL);
        assert_true(is_text(x->value, x->value_bytes, y->value, y->value_bytes));
    }
}

static const struct crc32c *kernels(void)
{
    static struct cpu cpu;
    cpu_detect(&cpu);
    return crc32c_for(&cpu);
}

static void command_is_written_byte_for_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(golden_rows); i++) {
        uint8_t want[256], got[256];
        size_t want_bytes = from_hex(golden_rows[i].hex, want);
        struct core_command cmd = golden_command(golden_rows[i].type);
        struct bytes_writer w = bytes_writer(got, sizeof(got));
        core_command_put(&w, &cmd);
        assert_int_equal(w.err, ERR_OK);
        assert_int_equal(w.pos, want_bytes);
        assert_memory_equal(got, want, want_bytes);
        assert_string_equal(core_command_name(cmd.type), golden_rows[i].name);
    }
    assert_string_equal(core_command_name((enum core_command_type)99), "unknown");
}

static void command_is_read_back_in_every_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(golden_rows); i++) {
        uint8_t data[256];
        size_t bytes = from_hex(golden_rows[i].hex, data);
        struct core_command want = golden_command(golden_rows[i].type);
        struct core_command got;
        assert_int_equal(core_command_get(data, bytes, &got), ERR_OK);
        assert_commands_equal(&got, &want);
    }
}

static void assert_is_zero(const struct core_command *cmd)
{
    static const struct core_command zero;
    assert_memory_equal(cmd, &zero, sizeof(zero));
}

static void command_is_corrupt_when_cut_or_followed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(golden_rows); i++) {
        uint8_t data[256] = {0};
        size_t bytes = from_hex(golden_rows[i].hex, data);
        struct core_command got;
        for (size_t cut = 0; cut < bytes; cut++) {
            assert_int_equal(core_command_get(data, cut, &got), ERR_CORRUPT);
            assert_is_zero(&got);
        }
        assert_int_equal(core_command_get(data, bytes + 1, &got), ERR_CORRUPT);
        assert_is_zero(&got);
    }
}

static void command_of_a_newer_build_is_not_supported(void **state)
{
    (void)state;
    static const char *const hexes[] = {
        "0d000100",                 /* the next type */
        "00000100",                 /* none */
        "ffff0100",                 /* far away */
        "01000200" CLUSTER_HEX,     /* the next version */
        "0300ffff" TOPIC_HEX "cafe" /* whose fields are others */
    };
    for (size_t i = 0; i < ARRAY_COUNT(hexes); i++) {
        uint8_t data[64];
        size_t bytes = from_hex(hexes[i], data);
        struct core_command got;
        assert_int_equal(core_command_get(data, bytes, &got), ERR_UNSUPPORTED);
        assert_is_zero(&got);
    }
}

/* Values out of bounds. */
static const struct bounds_row {
    const char *name;
    const char *hex;
} bounds_rows[] = {
    {"version 0", "0100"
                  "0000" CLUSTER_HEX},
    {"no uuid", "0300"
                "0100"
                "00000000000000000000000000000000"},
    {"no partitions", "0400"
                      "0100" TOPIC_HEX "0a00000000000000"
                      "00000000"},
    {"100,001 partitions", "0400"
                           "0100" TOPIC_HEX "0a00000000000000"
                           "a1860100"},
    {"a group of 2^63", "0400"
                        "0100" TOPIC_HEX "0000000000000080"
                        "05000000"},
    {"41 pairs", "0500"
                 "0100" TOPIC_HEX "2900"},
    {"a key of no bytes", "0500"
                          "0100" TOPIC_HEX "0100"
                          "0000"
                          "0100"
                          "31"},
    {"a value of 256 bytes announced", "0500"
                                       "0100" TOPIC_HEX "0100"
                                       "0100"
                                       "61"
                                       "0001"},
    {"no producer ids", "0600"
                        "0100"
                        "e803000000000000"
                        "00000000"},
    {"a producer id of 2^63", "0600"
                              "0100"
                              "0000000000000080"
                              "01000000"},
    {"a topic's pair taken away", "0200"
                                  "0100" TOPIC_HEX "0700000000000000"
                                  "03000000"
                                  "0000000000000000"
                                  "0100"
                                  "61"
                                  "0100"
                                  "0100"
                                  "61"
                                  "ffff"},
    {"a topic without a name", "0200"
                               "0100" TOPIC_HEX "0700000000000000"
                               "03000000"
                               "0000000000000000"
                               "0000"
                               "0000"},
    {"a stream of no topic", "0700"
                             "0100" TOPIC_HEX "00000000000000000000000000000000"
                             "01000000"
                             "0101" STREAM_END_HEX "0000"},
    {"a stream of version 0", "0700"
                              "0100" TOPIC_HEX CLUSTER_HEX "00000000"
                              "0101" STREAM_END_HEX "0000"},
    {"a stream declared twice", "0700"
                                "0100" TOPIC_HEX CLUSTER_HEX "01000000"
                                "0201" STREAM_END_HEX "0000"},
    {"a key of no format", "0700"
                           "0100" TOPIC_HEX CLUSTER_HEX "01000000"
                           "0100" STREAM_END_HEX "0000"},
    {"1,025 columns", "0700"
                      "0100" TOPIC_HEX CLUSTER_HEX "01000000"
                      "0101" STREAM_END_HEX "0104"},
    {"a column of no kind", COLUMN_HEX "0300"
                                       "696e74"
                                       "0000010000"
                                       "0100"
                                       "24"},
    {"digits of a text", COLUMN_HEX "0400"
                                    "74657874"
                                    "0100010000"
                                    "0100"
                                    "24"},
    {"39 digits", COLUMN_HEX "0700"
                             "6e756d65726963"
                             "2700010000"
                             "0100"
                             "24"},
    {"more digits behind the point than there are", COLUMN_HEX "0700"
                                                               "6e756d65726963"
                                                               "0203010000"
                                                               "0100"
                                                               "24"},
    {"a unit of a text", COLUMN_HEX "0400"
                                    "74657874"
                                    "0000010100"
                                    "0100"
                                    "24"},
    {"a time without a unit", COLUMN_HEX "0900"
                                         "74696d657374616d70"
                                         "0000010000"
                                         "0100"
                                         "24"},
    {"a path of no bytes", COLUMN_HEX "0400"
                                      "74657874"
                                      "0000010000"
                                      "0000"},
    {"a key with a path", COLUMN_HEX "0400"
                                     "74657874"
                                     "0000020000"
                                     "0100"
                                     "24"},
    {"an open text", COLUMN_HEX "0400"
                                "74657874"
                                "0000010001"
                                "0100"
                                "24"},
    {"a residue that is a text", COLUMN_HEX "0400"
                                            "74657874"
                                            "0000040000"
                                            "0000"},
    {"a path with a NUL", COLUMN_HEX "0400"
                                     "74657874"
                                     "0000010000"
                                     "0100"
                                     "00"},
    {"a path that is no UTF-8", COLUMN_HEX "0400"
                                           "74657874"
                                           "0000010000"
                                           "0100"
                                           "ff"},
    {"a stream without a name to drop", "0800"
                                        "0100" TOPIC_HEX "0000"},
    {"a view without a name to drop", "0a00"
                                      "0100" TOPIC_HEX "0000"},
    {"a view renamed to nothing", "0b00"
                                  "0100" TOPIC_HEX "0000"},
    {"a topic made before 1970", "0200"
                                 "0100" TOPIC_HEX "0700000000000000"
                                 "03000000"
                                 "ffffffffffffffff"
                                 "0100"
                                 "61"
                                 "0000"},
};

static void command_is_corrupt_out_of_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bounds_rows); i++) {
        uint8_t data[512] = {0};
        size_t bytes = from_hex(bounds_rows[i].hex, data);
        struct core_command got;
        enum err err = core_command_get(data, bytes, &got);
        if (err != ERR_CORRUPT) {
            fail_msg("%s: %s", bounds_rows[i].name, err_name(err));
        }
        assert_is_zero(&got);
    }
}

static void a_stream_is_made_in_one_block_of_what_was_measured(void **state)
{
    (void)state;
    struct core_command cmd = golden_command(CORE_COMMAND_STREAM_PUT);
    uint64_t block[64];
    size_t bytes;
    assert_int_equal(core_stream_measure(cmd.stream, cmd.stream_bytes, &bytes), ERR_OK);
    assert_true(bytes <= sizeof(block));
    const struct core_stream *stream =
        core_stream_get(cmd.stream, cmd.stream_bytes, &cmd.uuid, block, bytes);
    assert_ptr_equal(stream, block);
    assert_memory_equal(&stream->uuid, &cmd.uuid, sizeof(cmd.uuid));
    assert_string_equal(stream->name, "s1");
    assert_int_equal(stream->version, 3);
    assert_true(stream->is_declared);
    assert_int_equal(stream->key, CORE_STREAM_KEY_INT64);
    assert_int_equal(stream->created_ms, 1517966773840);
    assert_int_equal(stream->columns_count, ARRAY_COUNT(golden_columns));
    for (size_t i = 0; i < ARRAY_COUNT(golden_columns); i++) {
        assert_string_equal(stream->columns[i].name, golden_columns[i].name);
        assert_string_equal(stream->columns[i].source, golden_columns[i].source);
        assert_true(vec_type_equal(stream->columns[i].type, golden_columns[i].type));
        assert_int_equal(stream->columns[i].from, golden_columns[i].from);
        assert_int_equal(stream->columns[i].unit, golden_columns[i].unit);
        assert_int_equal(stream->columns[i].is_open, golden_columns[i].is_open);
    }
    assert_int_equal(stream->refs, 0);
}

static void command_reads_a_topic_of_one_letter(void **state)
{
    (void)state;
    uint8_t data[64];
    size_t bytes = from_hex("0200"
                            "0100" TOPIC_HEX "0700000000000000"
                            "a0860100"
                            "0000000000000000"
                            "0100"
                            "61"
                            "0000",
                            data);
    struct core_command got;
    assert_int_equal(core_command_get(data, bytes, &got), ERR_OK);
    assert_int_equal(got.partitions_count, LIMIT_PARTITIONS_COUNT);
    assert_int_equal(got.name_bytes, 1);
    assert_ptr_equal(got.name, data + 42);
}

static void command_is_written_whole_or_not_at_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(golden_rows); i++) {
        struct core_command cmd = golden_command(golden_rows[i].type);
        size_t bytes = strlen(golden_rows[i].hex) / 2;
        for (size_t room = 0; room < bytes; room++) {
            uint8_t data[256];
            struct bytes_writer w = bytes_writer(data, room);
            core_command_put(&w, &cmd);
            assert_int_equal(w.err, ERR_TOO_LARGE);
            assert_int_equal(w.pos, 0);
        }
    }
}

static void command_stops_a_writer_whose_fields_are_out_of_bounds(void **state)
{
    (void)state;
    uint8_t data[256];
    struct bytes_writer w = bytes_writer(data, sizeof(data));
    struct core_command cmd = golden_command(CORE_COMMAND_TOPIC_CREATE);
    cmd.name_bytes = 0;
    expect_assert_failure(core_command_put(&w, &cmd));
    cmd = golden_command(CORE_COMMAND_TOPIC_CREATE);
    cmd.pairs[1].value = NULL;
    expect_assert_failure(core_command_put(&w, &cmd));
    cmd = golden_command(CORE_COMMAND_PARTITIONS_ADD);
    cmd.partitions_count = LIMIT_PARTITIONS_COUNT + 1;
    expect_assert_failure(core_command_put(&w, &cmd));
    cmd = golden_command(CORE_COMMAND_TOPIC_DELETE);
    memset(&cmd.uuid, 0, sizeof(cmd.uuid));
    expect_assert_failure(core_command_put(&w, &cmd));
}

static void command_batch_is_byte_for_byte_a_record_batch(void **state)
{
    (void)state;
    uint8_t want[256], got[256];
    size_t want_bytes = from_hex(batch_hex, want);
    const struct core_command commands[] = {golden_command(CORE_COMMAND_CLUSTER),
                                            golden_command(CORE_COMMAND_PRODUCER_IDS)};
    struct bytes_writer w = bytes_writer(got, sizeof(got));
    bytes_put_u8(&w, 0xee); /* something stands before it */
    assert_int_equal(core_command_batch_put(&w, kernels(), commands, 2, 1517966773840), ERR_OK);
    assert_int_equal(w.pos, 1 + want_bytes);
    assert_memory_equal(got + 1, want, want_bytes);
    assert_true(log_batch_is_sound(kernels(), got + 1, want_bytes));
}

static void command_batch_is_written_whole_or_not_at_all(void **state)
{
    (void)state;
    const struct core_command commands[] = {golden_command(CORE_COMMAND_CLUSTER),
                                            golden_command(CORE_COMMAND_PRODUCER_IDS)};
    for (size_t room = 0; room < strlen(batch_hex) / 2; room++) {
        uint8_t data[256];
        struct bytes_writer w = bytes_writer(data, room);
        assert_int_equal(core_command_batch_put(&w, kernels(), commands, 2, 0), ERR_TOO_LARGE);
        assert_int_equal(w.pos, 0);
    }
}

static void a_stream_of_more_bytes_than_there_may_be_is_corrupt(void **state)
{
    (void)state;
    static struct core_stream_column columns[CORE_STREAM_COLUMNS_MAX];
    static char source[1000];
    static uint8_t body[2 * CORE_STREAM_BYTES_MAX];
    memset(source, 's', sizeof(source) - 1);
    for (uint32_t i = 0; i < CORE_STREAM_COLUMNS_MAX; i++) {
        columns[i] =
            (struct core_stream_column){"a", {VEC_TEXT, 0, 0}, CORE_STREAM_PATH, 0, false, source};
    }
    struct core_stream stream = {
        .topic = uuid_from(1), .name = "s", .version = 1, .key = 1, .columns = columns};
    enum err err = ERR_OK;
    while (err == ERR_OK) {
        size_t block_bytes;
        struct bytes_writer w = bytes_writer(body, sizeof(body));
        stream.columns_count++;
        core_stream_put(&w, &stream);
        assert_int_equal(w.err, ERR_OK);
        err = core_stream_measure(body, w.pos, &block_bytes);
        assert_int_equal(err, w.pos <= CORE_STREAM_BYTES_MAX ? ERR_OK : ERR_CORRUPT);
    }
}

/* The largest stream: its bytes twice, for it is encoded at the end of the room. */
static void command_batch_takes_the_largest_stream_with_its_bytes_twice(void **state)
{
    (void)state;
    static struct core_stream_column columns[CORE_STREAM_COLUMNS_MAX];
    static char names[CORE_STREAM_COLUMNS_MAX][CORE_STREAM_NAME_BYTES_MAX + 1];
    static uint8_t body[CORE_STREAM_BYTES_MAX];
    static uint8_t data[2 * CORE_COMMAND_STREAM_BYTES_MAX];
    for (uint32_t i = 0; i < CORE_STREAM_COLUMNS_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "%0240u", i);
        columns[i] = (struct core_stream_column){names[i], {VEC_TEXT, 0, 0}, CORE_STREAM_PATH, 0,
                                                 false,    names[i]};
    }
    const struct core_stream stream = {.topic = uuid_from(1),
                                       .name = "s",
                                       .version = 1,
                                       .key = 1,
                                       .columns = columns,
                                       .columns_count = CORE_STREAM_COLUMNS_MAX};
    struct core_command cmd = {.type = CORE_COMMAND_STREAM_PUT, .uuid = uuid_from(2)};
    struct bytes_writer w = bytes_writer(body, sizeof(body));
    core_stream_put(&w, &stream);
    assert_int_equal(w.err, ERR_OK);
    cmd.stream = body;
    cmd.stream_bytes = (uint32_t)w.pos;
    size_t needed = 61 + 64 + 2 * (20 + w.pos);
    for (size_t room = needed - 100; room <= needed; room++) {
        struct bytes_writer out = bytes_writer(data, room);
        enum err err = core_command_batch_put(&out, kernels(), &cmd, 1, 0);
        assert_true(err == ERR_OK || (err == ERR_TOO_LARGE && room < needed && out.pos == 0));
        struct core_command_batch batch;
        struct core_command got;
        if (err == ERR_OK) {
            assert_int_equal(core_command_batch_open(&batch, data, out.pos), ERR_OK);
            assert_int_equal(core_command_batch_next(&batch, &got), ERR_OK);
            assert_commands_equal(&got, &cmd);
        }
    }
}

static void command_batch_is_read_command_by_command(void **state)
{
    (void)state;
    struct core_command commands[ARRAY_COUNT(golden_rows)];
    for (size_t i = 0; i < ARRAY_COUNT(golden_rows); i++) {
        commands[i] = golden_command(golden_rows[i].type);
    }
    uint8_t data[1024];
    struct bytes_writer w = bytes_writer(data, sizeof(data));
    assert_int_equal(core_command_batch_put(&w, kernels(), commands, ARRAY_COUNT(commands), 5),
                     ERR_OK);
    struct core_command_batch batch;
    assert_int_equal(core_command_batch_open(&batch, data, w.pos), ERR_OK);
    struct core_command got;
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        assert_int_equal(core_command_batch_next(&batch, &got), ERR_OK);
        assert_commands_equal(&got, &commands[i]);
    }
    assert_int_equal(core_command_batch_next(&batch, &got), ERR_END);
    assert_int_equal(core_command_batch_next(&batch, &got), ERR_END);
    assert_is_zero(&got);
}

/* A batch of one record with this value (NULL: null) at `data`; its length. */
static size_t batch_of_value(uint8_t data[256], const uint8_t *value, uint32_t value_bytes)
{
    struct log_records_writer rw;
    log_records_begin(&rw, data, 256);
    const struct log_records_item item = {
        .timestamp = 1, .value = value, .value_bytes = value_bytes};
    assert_int_equal(log_records_add(&rw, &item), ERR_OK);
    return log_records_end(&rw, kernels());
}

static void command_batch_stops_at_what_is_no_command(void **state)
{
    (void)state;
    static const struct {
        const char *hex; /* NULL: null */
        enum err want;
    } rows[] = {{NULL, ERR_CORRUPT}, {"", ERR_CORRUPT}, {"0d000100", ERR_UNSUPPORTED}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint8_t data[256], value[8];
        size_t value_bytes = rows[i].hex != NULL ? from_hex(rows[i].hex, value) : 0;
        size_t bytes =
            batch_of_value(data, rows[i].hex != NULL ? value : NULL, (uint32_t)value_bytes);
        struct core_command_batch batch;
        struct core_command got;
        assert_int_equal(core_command_batch_open(&batch, data, bytes), ERR_OK);
        assert_int_equal(core_command_batch_next(&batch, &got), rows[i].want);
        assert_int_equal(core_command_batch_next(&batch, &got), rows[i].want);
        assert_is_zero(&got);
    }
}

static void command_batch_refuses_what_is_no_batch_of_commands(void **state)
{
    (void)state;
    uint8_t data[256];
    size_t bytes = from_hex(batch_hex, data);
    struct core_command_batch batch;
    struct core_command got;
    assert_int_equal(core_command_batch_open(&batch, data, bytes - 1), ERR_TRUNCATED);
    assert_int_equal(core_command_batch_next(&batch, &got), ERR_TRUNCATED);
    data[22] = 4; /* zstd */
    assert_int_equal(core_command_batch_open(&batch, data, bytes), ERR_UNSUPPORTED);
    struct bytes_writer w = bytes_writer(data, sizeof(data));
    log_batch_put_internal(&w, kernels(), LOG_KIND_NOOP, NULL, 0, 0, 1, 0);
    assert_int_equal(core_command_batch_open(&batch, data, w.pos), ERR_INVALID);
}

/* A random stream of few columns, put by `cmd`. */
static void random_stream(struct prng *p, struct core_command *cmd)
{
    static const char *const names[] = {"a", "b", "it's", "\xc3\xa4\xe2\x82\xac", "_rest"};
    static uint8_t body[1024];
    struct core_stream_column columns[6];
    struct core_stream stream = {
        .topic = cmd->uuid,
        .name = names[prng_below(p, ARRAY_COUNT(names))],
        .version = (uint32_t)prng_range(p, 1, UINT32_MAX),
        .is_declared = prng_chance(p, 1, 2),
        .key = (uint8_t)prng_range(p, 1, 3),
        .created_ms = (int64_t)prng_below(p, LOG_NUMBER_MAX + 1),
        .columns = columns,
        .columns_count = (uint32_t)prng_below(p, ARRAY_COUNT(columns) + 1),
    };
    for (uint32_t i = 0; i < stream.columns_count; i++) {
        uint8_t kind = (uint8_t)prng_range(p, VEC_NONE + 1, VEC_KIND_COUNT - 1);
        uint8_t precision = kind == VEC_NUMERIC ? (uint8_t)prng_below(p, 39) : 0;
        bool is_time = kind == VEC_TIMESTAMP || kind == VEC_TIMESTAMPTZ;
        uint8_t from = (uint8_t)prng_range(p, 1, kind == VEC_JSONB ? 4 : 3);
        bool has_source = from == CORE_STREAM_PATH || from == CORE_STREAM_HEADER;
        columns[i] = (struct core_stream_column){
            .name = names[prng_below(p, ARRAY_COUNT(names))],
            .type = {kind, precision, (uint8_t)prng_below(p, precision + 1u)},
            .from = from,
            .unit = (uint8_t)(is_time ? prng_range(p, 1, 4) : 0),
            .is_open = kind == VEC_JSONB && prng_chance(p, 1, 2),
            .source = has_source ? names[prng_below(p, ARRAY_COUNT(names))] : "",
        };
    }
    struct bytes_writer w = bytes_writer(body, sizeof(body));
    core_stream_put(&w, &stream);
    assert_int_equal(w.err, ERR_OK);
    cmd->stream = body;
    cmd->stream_bytes = (uint32_t)w.pos;
}

/* A random command; texts stand in `room`. */
static struct core_command random_command(struct prng *p, char *room)
{
    struct core_command cmd = {.type = (enum core_command_type)prng_range(p, 1, 8)};
    struct core_command bare = golden_command(cmd.type);
    if (cmd.type != CORE_COMMAND_PRODUCER_IDS) {
        prng_fill(p, cmd.uuid.bytes, sizeof(cmd.uuid.bytes));
    }
    if (bare.partitions_count > 0) {
        cmd.group_first = prng_below(p, LOG_NUMBER_MAX + 1);
        cmd.partitions_count = (uint32_t)prng_range(p, 1, LIMIT_PARTITIONS_COUNT);
    }
    if (cmd.type == CORE_COMMAND_TOPIC_CREATE) {
        cmd.time_ms = (int64_t)prng_below(p, LOG_NUMBER_MAX + 1);
    }
    if (bare.stream != NULL) {
        random_stream(p, &cmd);
    }
    if (bare.name != NULL) {
        cmd.name = room;
        cmd.name_bytes = (uint16_t)prng_range(p, 1, CORE_TOPIC_NAME_BYTES_MAX);
    }
    if (bare.producer_ids_count > 0) {
        cmd.producer_id_first = prng_below(p, LOG_NUMBER_MAX + 1);
        cmd.producer_ids_count = (uint32_t)prng_range(p, 1, UINT32_MAX);
    }
    if (bare.pairs_count > 0) {
        cmd.pairs_count = (uint16_t)prng_below(p, CORE_TOPIC_CONFIG_PAIRS_MAX + 1);
    }
    for (size_t i = 0; i < cmd.pairs_count; i++) {
        bool is_away = cmd.type == CORE_COMMAND_CONFIG_SET && prng_chance(p, 1, 3);
        cmd.pairs[i] = (struct core_topic_config_pair){
            .name = room + prng_below(p, 64),
            .value = is_away ? NULL : room + prng_below(p, 64),
            .name_bytes = (uint16_t)prng_range(p, 1, CORE_COMMAND_KEY_BYTES_MAX),
            .value_bytes =
                is_away ? 0 : (uint16_t)prng_below(p, CORE_TOPIC_CONFIG_VALUE_BYTES_MAX + 1),
        };
    }
    return cmd;
}

static void command_reads_back_whatever_was_written(void **state)
{
    (void)state;
    struct share share = share_open("commands read back", 80);
    while (share_more(&share)) {
        struct prng p;
        prng_init(&p, share_case_seed(&share));
        char room[320];
        prng_fill(&p, room, sizeof(room));
        struct core_command cmd = random_command(&p, room);
        uint8_t data[CORE_COMMAND_BYTES_MAX];
        struct bytes_writer w = bytes_writer(data, sizeof(data));
        core_command_put(&w, &cmd);
        assert_int_equal(w.err, ERR_OK);
        struct core_command got;
        assert_int_equal(core_command_get(data, w.pos, &got), ERR_OK);
        assert_commands_equal(&got, &cmd);
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_is_written_byte_for_byte),
        cmocka_unit_test(command_is_read_back_in_every_field),
        cmocka_unit_test(command_is_corrupt_when_cut_or_followed),
        cmocka_unit_test(command_of_a_newer_build_is_not_supported),
        cmocka_unit_test(command_is_corrupt_out_of_bounds),
        cmocka_unit_test(a_stream_is_made_in_one_block_of_what_was_measured),
        cmocka_unit_test(command_reads_a_topic_of_one_letter),
        cmocka_unit_test(command_is_written_whole_or_not_at_all),
        cmocka_unit_test(command_stops_a_writer_whose_fields_are_out_of_bounds),
        cmocka_unit_test(command_batch_is_byte_for_byte_a_record_batch),
        cmocka_unit_test(command_batch_is_written_whole_or_not_at_all),
        cmocka_unit_test(a_stream_of_more_bytes_than_there_may_be_is_corrupt),
        cmocka_unit_test(command_batch_takes_the_largest_stream_with_its_bytes_twice),
        cmocka_unit_test(command_batch_is_read_command_by_command),
        cmocka_unit_test(command_batch_stops_at_what_is_no_command),
        cmocka_unit_test(command_batch_refuses_what_is_no_batch_of_commands),
        cmocka_unit_test(command_reads_back_whatever_was_written),
    };
    return cmocka_run_group_tests_name("core_command", tests, NULL, NULL);
}
