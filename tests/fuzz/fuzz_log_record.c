/* Records: the input is the frame's seed (4 bytes) and the records of a frame. As they are they are
 * refused unless their checksums are right. With right checksums and zeros in what is reserved and
 * in padding, what decodes encodes to the same bytes, and no other seed decodes it. */
#include <stdlib.h>
#include <string.h>

#include "storage/log/record.h"
#include "tests/fuzz/fuzz.h"

/* Where a record's checksum stands. */
#define FUZZ_CRC_POS 28u

/* Records that fail before an input is given up: each costs a checksum of up to all that follows.
 */
#define FUZZ_FAILURES_MAX 8u

/* Four reserved bytes of a kind's body. */
static const struct {
    enum log_record_kind kind;
    uint8_t pos;
} fuzz_reserved[] = {
    {LOG_RECORD_TRIM, 20}, {LOG_RECORD_TAIL, 44},  {LOG_RECORD_CREATE, 20},
    {LOG_RECORD_ROLL, 12}, {LOG_RECORD_RESET, 20}, {LOG_RECORD_RESET, 44},
};

/* Bytes of the fixed part by kind. */
static const uint8_t fuzz_fixed[] = {
#define FUZZ_FIXED(name, value, bytes) [value] = (bytes),
    LOG_RECORD_KINDS(FUZZ_FIXED)
#undef FUZZ_FIXED
};

/* The bytes of the body of the record at `data`, as its head says. */
static uint32_t fuzz_body_bytes(const uint8_t *data)
{
    struct bytes_reader r = bytes_reader(data + 4, 4);
    return bytes_get_u32le(&r);
}

/* Zero what is reserved in the record of `size` bytes at most that begins at `data`, and put its
 * checksum right, when head and body are there. */
static void fuzz_seal(const struct crc32c *kernels, uint32_t seed, uint8_t *data, size_t size)
{
    if (size < LOG_RECORD_HEAD_BYTES) {
        return;
    }
    uint64_t body = fuzz_body_bytes(data);
    uint64_t covered = body;
    if (data[0] == LOG_RECORD_ENTRY) {
        covered = fuzz_fixed[LOG_RECORD_ENTRY];
    }
    if (covered > size - LOG_RECORD_HEAD_BYTES) {
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(fuzz_reserved); i++) {
        if (fuzz_reserved[i].kind == data[0] && fuzz_reserved[i].pos + 4u <= body) {
            memset(data + LOG_RECORD_HEAD_BYTES + fuzz_reserved[i].pos, 0, 4);
        }
    }
    for (uint64_t end = LOG_RECORD_HEAD_BYTES + body; end % LOG_RECORD_ALIGN != 0 && end < size;) {
        data[end++] = 0;
    }
    uint32_t crc = crc32c(kernels, seed, data, FUZZ_CRC_POS);
    crc = crc32c(kernels, crc, data + LOG_RECORD_HEAD_BYTES, covered);
    struct bytes_writer w = bytes_writer(data + FUZZ_CRC_POS, 4);
    bytes_put_u32le(&w, crc);
}

/* What holds of every decoded record. */
static void fuzz_check(const struct log_record *record)
{
    ASSERT(strcmp(log_record_kind_name(record->kind), "unknown") != 0);
    ASSERT((record->seq == 0) == (record->kind == LOG_RECORD_LANES));
    ASSERT(record->seq <= LOG_NUMBER_MAX);
    ASSERT((record->data == NULL) == (record->data_bytes == 0));
    if (record->kind == LOG_RECORD_LANES) {
        struct bytes_reader r = bytes_reader(record->data, record->data_bytes);
        while (bytes_reader_left(&r) > 0) {
            struct log_lane_end end = log_lane_end_get(&r);
            MAYBE(end.last_frame == 0);
            ASSERT(r.err == ERR_OK);
        }
    }
}

/* One record at the reader. False: it failed. */
static bool fuzz_one(const struct crc32c *kernels, uint32_t seed, struct bytes_reader *r,
                     bool is_sealed)
{
    size_t pos = r->pos;
    struct log_record record;
    log_record_get(r, kernels, seed, &record);
    if (r->err != ERR_OK) {
        ASSERT(r->err == ERR_TRUNCATED || r->err == ERR_CORRUPT);
        ASSERT(r->pos == pos);
        ASSERT(record.kind == 0);
        ASSERT(record.data == NULL);
        ASSERT(record.data_bytes == 0);
        return false;
    }
    fuzz_check(&record);
    size_t length = r->pos - pos;
    ASSERT(length == log_record_bytes(&record));
    uint8_t *out = malloc(length);
    ASSERT(out != NULL);
    struct bytes_writer w = bytes_writer(out, length);
    log_record_put(&w, kernels, seed, &record);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == length);
    ASSERT(IMPLIES(is_sealed, memcmp(out, r->data + pos, length) == 0));
    struct bytes_reader other = bytes_reader(out, length);
    log_record_get(&other, kernels, seed ^ 1, &record);
    ASSERT(other.err == ERR_CORRUPT);
    free(out);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cpu cpu;
    cpu_detect(&cpu);
    const struct crc32c *kernels = crc32c_for(&cpu);
    struct bytes_reader all = bytes_reader(data, size);
    uint32_t seed = bytes_get_u32le(&all);
    size_t length = bytes_reader_left(&all);
    if (all.err != ERR_OK || length == 0) {
        return 0;
    }
    struct bytes_reader r = bytes_reader(data + all.pos, length);
    while (bytes_reader_left(&r) > 0 && fuzz_one(kernels, seed, &r, false)) {
    }
    uint8_t *copy = malloc(length);
    ASSERT(copy != NULL);
    memcpy(copy, data + all.pos, length);
    unsigned failures_count = 0;
    r = bytes_reader(copy, length);
    while (bytes_reader_left(&r) > 0 && failures_count < FUZZ_FAILURES_MAX) {
        fuzz_seal(kernels, seed, copy + r.pos, length - r.pos);
        if (!fuzz_one(kernels, seed, &r, true)) {
            failures_count++;
            r.err = ERR_OK; /* the next one may begin behind it */
            bytes_skip(&r, LOG_RECORD_ALIGN);
            if (r.err != ERR_OK) {
                break;
            }
        }
    }
    free(copy);
    return 0;
}
