/* Any bytes as a batch of records: what is read stays within the batch, ends, and what reads well
 * is built again into a batch that reads the same. The first byte chooses the codec, so that
 * compressed rooms are met too. */
#include "storage/log/records.h"

#include <string.h>

#include "base/cpu.h"
#include "tests/fuzz/fuzz.h"

#define FUZZ_ROOM_BYTES 65536u

static void fuzz_within(const uint8_t *data, uint32_t length, const uint8_t *from, size_t bytes)
{
    if (data != NULL && length > 0) {
        ASSERT(data >= from);
        ASSERT(data + length <= from + bytes);
    }
}

/* The headers of a record: as many as it says, and nothing behind them. */
static void fuzz_headers(const struct log_records_item *item)
{
    struct bytes_reader r = bytes_reader(item->headers, item->headers_bytes);
    for (uint32_t i = 0; i < item->headers_count; i++) {
        struct log_records_header header = log_records_header_get(&r);
        ASSERT(r.err == ERR_OK);
        ASSERT(header.key != NULL);
    }
    ASSERT(bytes_reader_left(&r) == 0);
}

/* The batch at `data` read beside the one that was built from it. */
static void fuzz_compare(const struct log_records_reader *first, const uint8_t *built,
                         uint32_t built_bytes)
{
    struct log_records_reader a = *first, b;
    struct log_records_item x, y;
    struct codec_context codec;
    codec_context_init(&codec);
    ASSERT(log_records_open(&b, built, built_bytes, &codec, NULL, 0) == ERR_OK);
    while (log_records_next(&a, &x) == ERR_OK) {
        ASSERT(log_records_next(&b, &y) == ERR_OK);
        ASSERT(x.timestamp == y.timestamp);
        ASSERT((x.key == NULL) == (y.key == NULL));
        ASSERT(x.key_bytes == y.key_bytes);
        ASSERT(x.key_bytes == 0 || memcmp(x.key, y.key, x.key_bytes) == 0);
        ASSERT((x.value == NULL) == (y.value == NULL));
        ASSERT(x.value_bytes == y.value_bytes);
        ASSERT(x.value_bytes == 0 || memcmp(x.value, y.value, x.value_bytes) == 0);
        ASSERT(x.headers_count == y.headers_count);
    }
    ASSERT(log_records_next(&b, &y) == ERR_END);
    codec_context_deinit(&codec);
}

static void fuzz_batch(const uint8_t *data, size_t size, const struct crc32c *kernels)
{
    static uint8_t room[FUZZ_ROOM_BYTES];
    static uint8_t built[LOG_BATCH_HEADER_BYTES + 4 * FUZZ_ROOM_BYTES];
    struct codec_context codec;
    struct log_records_reader rr;
    struct log_records_writer rw;
    struct log_records_item item;
    codec_context_init(&codec);
    if (log_records_open(&rr, data, size, &codec, room, sizeof(room)) == ERR_OK) {
        const struct log_records_reader first = rr;
        enum err err = ERR_OK;
        log_records_begin(&rw, built, sizeof(built));
        while ((err = log_records_next(&rr, &item)) == ERR_OK) {
            fuzz_within(item.key, item.key_bytes, first.r.data, first.r.length);
            fuzz_within(item.value, item.value_bytes, first.r.data, first.r.length);
            fuzz_headers(&item);
            ASSERT(item.offset >= rr.batch.base_offset);
            ASSERT(log_records_add(&rw, &item) == ERR_OK);
        }
        ASSERT(err == ERR_END || err == ERR_CORRUPT);
        ASSERT(log_records_next(&rr, &item) == err);
        ASSERT(item.value == NULL);
        if (err == ERR_END && rw.count > 0) {
            fuzz_compare(&first, built, log_records_end(&rw, kernels));
        }
    }
    codec_context_deinit(&codec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t batch[FUZZ_ROOM_BYTES];
    if (size < 1 || size - 1 > sizeof(batch) - LOG_BATCH_HEADER_BYTES) {
        return 0;
    }
    struct cpu cpu;
    cpu_detect(&cpu);
    const struct crc32c *kernels = crc32c_for(&cpu);
    fuzz_batch(data, size, kernels);

    /* The same bytes as the records of a header that is right. */
    struct log_records_writer rw;
    struct log_records_item none = {.timestamp = 0};
    log_records_begin(&rw, batch, sizeof(batch));
    ASSERT(log_records_add(&rw, &none) == ERR_OK);
    log_records_end(&rw, kernels);
    uint32_t bytes = (uint32_t)(LOG_BATCH_HEADER_BYTES + size - 1);
    memcpy(batch + LOG_BATCH_HEADER_BYTES, data + 1, size - 1);
    struct bytes_writer w = bytes_writer(batch, sizeof(batch));
    bytes_put_zeros(&w, 8);
    bytes_put_u32be(&w, bytes - LOG_BATCH_PREFIX_BYTES);
    batch[22] = data[0] % (CODEC_KIND_COUNT + 1);
    batch[26] = data[0] >> 3; /* last offset delta, and how many records there are */
    batch[60] = (uint8_t)(data[0] >> 3) + 1;
    fuzz_batch(batch, bytes, kernels);
    return 0;
}
