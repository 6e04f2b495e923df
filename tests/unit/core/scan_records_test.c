/* Records of batches one after another: side by side where they fit, each as it was written, and
 * whatever is not a batch refused. */
#include "broker/core/scan_records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/cpu.h"
#include "base/prng.h"
#include "tests/support/batch_build.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

#define ROOM_BATCHES 24u
#define ROOM_BYTES   (3u << 20)

/* Batches, and who reads them. */
struct room {
    struct budget budget;
    struct core_scan_records records;
    struct codec_context codec;
    const struct crc32c *kernels;
    uint8_t *raw; /* scratch */
    uint8_t *batches[ROOM_BATCHES];
    size_t lengths[ROOM_BATCHES];
    uint32_t values[ROOM_BATCHES]; /* bytes of each value */
    uint32_t counts[ROOM_BATCHES]; /* records */
};

static struct room *room_new(void)
{
    struct room *room = calloc(1, sizeof(*room));
    struct cpu cpu;
    assert_non_null(room);
    cpu_detect(&cpu);
    room->kernels = crc32c_for(&cpu);
    room->raw = malloc(ROOM_BYTES);
    budget_init(&room->budget, "test", 256 << 20, NULL);
    codec_context_init(&room->codec);
    core_scan_records_init(&room->records, &room->budget);
    return room;
}

static void room_free(struct room *room)
{
    core_scan_records_deinit(&room->records);
    codec_context_deinit(&room->codec);
    assert_int_equal(room->budget.used_bytes, 0);
    budget_deinit(&room->budget);
    for (uint32_t i = 0; i < ROOM_BATCHES; i++) {
        free(room->batches[i]);
    }
    free(room->raw);
    free(room);
}

/* Batch `i`: `count` records, each of `bytes` times the letter of its number. */
static void room_put(struct room *room, uint32_t i, enum codec_kind codec, uint32_t count,
                     uint32_t bytes)
{
    struct batch_build b;
    char *value = malloc(bytes + 1);
    size_t capacity = ROOM_BYTES + 1000000;
    batch_build_init(&b, room->raw, ROOM_BYTES);
    b.codec = codec;
    for (uint32_t k = 0; k < count; k++) {
        memset(value, 'a' + (int)((i + k) % 26), bytes);
        batch_build_add(&b, &(struct batch_build_record){.value = value, .value_bytes = bytes});
    }
    uint8_t *out = malloc(capacity);
    room->lengths[i] = batch_build_end(&b, &room->codec, room->kernels, out, capacity);
    room->batches[i] = realloc(out, room->lengths[i]);
    room->values[i] = bytes;
    room->counts[i] = count;
    free(value);
}

static enum err room_open(struct room *room, uint32_t i)
{
    return core_scan_records_open(&room->records, room->batches[i], room->lengths[i]);
}

/* A record that was read. */
struct room_row {
    const uint8_t *value;
    uint32_t bytes;
    uint8_t letter;
};

static void room_check(const struct room_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < rows[i].bytes; k += 97) {
            assert_int_equal(rows[i].value[k], rows[i].letter);
        }
    }
}

/* Read as a scan does: rows are in use until `pieces` of them are there, or there is no room. */
static uint32_t room_read(struct room *room, uint32_t batches, size_t piece)
{
    static struct room_row rows[4096];
    size_t count = 0;
    uint32_t releases_count = 0;
    uint32_t i = 0;
    uint32_t k = 0;
    assert_true(piece <= ARRAY_COUNT(rows));
    while (i < batches) {
        struct log_records_item item;
        if (!room->records.is_open) {
            enum err err = room_open(room, i);
            if (err == ERR_AGAIN) {
                room_check(rows, count);
                assert_true(count > 0);
                count = 0;
                releases_count++;
                core_scan_records_release(&room->records);
                continue;
            }
            assert_int_equal(err, ERR_OK);
            k = 0;
        }
        enum err err = core_scan_records_next(&room->records, &item);
        if (err == ERR_END) {
            assert_int_equal(k, room->counts[i]);
            i++;
            continue;
        }
        assert_int_equal(err, ERR_OK);
        assert_int_equal(item.value_bytes, room->values[i]);
        rows[count++] =
            (struct room_row){item.value, item.value_bytes, (uint8_t)('a' + (int)((i + k) % 26))};
        k++;
        if (count == piece) {
            room_check(rows, count);
            count = 0;
            core_scan_records_release(&room->records);
        }
    }
    room_check(rows, count);
    return releases_count;
}

static void small_compressed_batches_live_side_by_side(void **state)
{
    (void)state;
    struct room *room = room_new();
    for (uint32_t i = 0; i < ROOM_BATCHES; i++) {
        room_put(room, i, (enum codec_kind)(i % CODEC_KIND_COUNT), 10, 100);
    }
    assert_int_equal(room_read(room, ROOM_BATCHES, 2048), 1); /* the block begins small */
    core_scan_records_release(&room->records);
    assert_int_equal(room_read(room, ROOM_BATCHES, 2048), 0);
    core_scan_records_release(&room->records);
    core_scan_records_rest(&room->records);
    assert_int_equal(room->budget.used_bytes, 0);
    room_free(room);
}

static void a_batch_larger_than_the_block_gets_a_larger_one(void **state)
{
    (void)state;
    struct room *room = room_new();
    room_put(room, 0, CODEC_ZSTD, 2, 1000);
    room_put(room, 1, CODEC_ZSTD, 20, 100000);
    room_put(room, 2, CODEC_GZIP, 2, 1000);
    assert_int_equal(room_read(room, 3, 2048), 1); /* beside the first there is none */
    assert_true(room->records.bytes >= 2000000);
    core_scan_records_rest(&room->records); /* rows point into it */
    assert_true(room->records.bytes >= 2000000);
    room_free(room);
}

/* Blocks grow in large steps; where there is no memory for one, what there is is enough. */
static void a_batch_gets_what_memory_there_is(void **state)
{
    (void)state;
    struct room *room = room_new();
    room_put(room, 0, CODEC_ZSTD, 20, 100000);
    budget_set_limit(&room->budget, 2500000);
    assert_int_equal(room_read(room, 1, 2048), 0);
    assert_in_range(room->records.bytes, 2000000, 2500000);
    room_free(room);
}

static void a_batch_that_no_memory_is_enough_for_is_refused(void **state)
{
    (void)state;
    struct room *room = room_new();
    room_put(room, 0, CODEC_LZ4, 20, 100000);
    budget_set_limit(&room->budget, 1 << 20);
    assert_int_equal(room_open(room, 0), ERR_BUDGET);
    budget_set_limit(&room->budget, 8 << 20);
    assert_int_equal(room_open(room, 0), ERR_OK);
    room_free(room);
}

/* Bytes changed anywhere: an error or records, nothing else; the next batch is as it was. */
static void damage_case(uint64_t seed)
{
    struct prng prng;
    struct room *room = room_new();
    prng_init(&prng, seed);
    enum codec_kind codec = (enum codec_kind)prng_below(&prng, CODEC_KIND_COUNT);
    room_put(room, 0, codec, 1 + (uint32_t)prng_below(&prng, 30),
             1 + (uint32_t)prng_below(&prng, 300));
    room_put(room, 1, codec, 5, 50);
    for (uint64_t k = prng_below(&prng, 4); k > 0; k--) {
        room->batches[0][prng_below(&prng, room->lengths[0])] = (uint8_t)prng_u64(&prng);
    }
    enum err err = core_scan_records_open(
        &room->records, room->batches[0],
        prng_below(&prng, 4) == 0 ? prng_below(&prng, room->lengths[0]) : room->lengths[0]);
    struct log_records_item item;
    while (err == ERR_OK) {
        err = core_scan_records_next(&room->records, &item);
    }
    assert_true(err == ERR_END || err == ERR_CORRUPT || err == ERR_TRUNCATED ||
                err == ERR_UNSUPPORTED || err == ERR_INVALID || err == ERR_TOO_LARGE ||
                err == ERR_BUDGET);
    room->records.is_open = false;
    core_scan_records_release(&room->records);
    assert_int_equal(room_open(room, 1), ERR_OK);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(core_scan_records_next(&room->records, &item), ERR_OK);
        assert_int_equal(item.value[0], 'a' + (int)(i + 1));
    }
    assert_int_equal(core_scan_records_next(&room->records, &item), ERR_END);
    room_free(room);
}

static void damaged_batches_are_refused(void **state)
{
    (void)state;
    struct share share = share_open("damaged batches", 45);
    while (share_more(&share)) {
        damage_case(share_case_seed(&share));
    }
    share_close(&share);
}

static void batches_of_all_sizes_are_read_whole(void **state)
{
    (void)state;
    struct share share = share_open("batches of all sizes", 45);
    while (share_more(&share)) {
        struct prng prng;
        prng_init(&prng, share_case_seed(&share));
        struct room *room = room_new();
        for (uint32_t i = 0; i < ROOM_BATCHES; i++) {
            bool is_large = prng_below(&prng, 6) == 0;
            room_put(room, i, (enum codec_kind)prng_below(&prng, CODEC_KIND_COUNT),
                     1 + (uint32_t)prng_below(&prng, 30),
                     1 + (uint32_t)prng_below(&prng, is_large ? 60000 : 500));
        }
        (void)room_read(room, ROOM_BATCHES, 1 + prng_below(&prng, 2048));
        room_free(room);
    }
    share_close(&share);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_compressed_batches_live_side_by_side),
        cmocka_unit_test(a_batch_larger_than_the_block_gets_a_larger_one),
        cmocka_unit_test(a_batch_gets_what_memory_there_is),
        cmocka_unit_test(a_batch_that_no_memory_is_enough_for_is_refused),
        cmocka_unit_test(damaged_batches_are_refused),
        cmocka_unit_test(batches_of_all_sizes_are_read_whole),
    };
    return cmocka_run_group_tests_name("core_scan_records", tests, NULL, NULL);
}
