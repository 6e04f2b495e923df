/* Journal files and frames. The input's first byte says what follows: a journal file's header, a
 * frame's header, or rows of a directory. A header as it is is refused unless its checksum is
 * right; with the right one and zeros in what is reserved, what decodes encodes to the same bytes,
 * and its parts lie in it. */
#include <string.h>

#include "storage/log/frame.h"
#include "tests/fuzz/fuzz.h"

/* A journal header's fields, their checksum last. */
#define FUZZ_JOURNAL_BYTES 84u

/* Put the checksum of all but the last 4 of `bytes` bytes there. */
static void fuzz_seal(const struct crc32c *kernels, uint8_t *data, size_t bytes)
{
    struct bytes_writer w = bytes_writer(data, bytes);
    w.pos = bytes - 4;
    log_crc_put(&w, kernels, 0, 0);
    ASSERT(w.err == ERR_OK);
}

static void fuzz_journal_header(const struct crc32c *kernels, const uint8_t *data, size_t size)
{
    struct log_journal_header header;
    enum err err = log_journal_header_decode(data, size, kernels, &header);
    ASSERT((err == ERR_TRUNCATED) == (size < FUZZ_JOURNAL_BYTES));
    if (err != ERR_OK) {
        ASSERT(header.file_number == 0);
        ASSERT(header.file_bytes == 0);
        ASSERT(log_uuid_is_zero(&header.disk));
        return;
    }
    ASSERT(header.file_number > 0);
    ASSERT(header.first_frame > 0);
    ASSERT(header.file_bytes % LIMIT_BLOCK_BYTES == 0);
    uint8_t out[LOG_JOURNAL_HEADER_BYTES];
    log_journal_header_encode(&header, kernels, out);
    if (data[6] == 0 && data[7] == 0) { /* reserved: not read */
        ASSERT(memcmp(out, data, FUZZ_JOURNAL_BYTES) == 0);
    }
}

static void fuzz_frame_header(const struct crc32c *kernels, const uint8_t *data, size_t size)
{
    struct log_frame frame;
    enum err err = log_frame_decode(data, size, kernels, &frame);
    ASSERT((err == ERR_TRUNCATED) == (size < LOG_FRAME_HEADER_BYTES));
    if (err != ERR_OK) {
        ASSERT(frame.number == 0);
        ASSERT(frame.frame_bytes == 0);
        ASSERT(log_uuid_is_zero(&frame.disk));
        return;
    }
    ASSERT(frame.number > frame.durable_through);
    ASSERT(frame.frame_bytes <= LIMIT_JOURNAL_FRAME_BYTES);
    ASSERT(frame.frame_bytes % LIMIT_BLOCK_BYTES == 0);
    ASSERT(log_frame_rows_pos() <= log_frame_copy_pos(&frame));
    ASSERT(log_frame_copy_pos(&frame) <= log_frame_records_pos(&frame));
    ASSERT(log_frame_records_pos(&frame) + frame.records_bytes <= frame.frame_bytes);
    uint8_t out[LOG_FRAME_HEADER_BYTES];
    log_frame_encode(&frame, kernels, out);
    struct bytes_reader reserved = bytes_reader(data + 88, 4);
    if (bytes_get_u32le(&reserved) == 0) { /* not read */
        ASSERT(memcmp(out, data, sizeof(out)) == 0);
    }
}

/* Rows until one that no writer makes. */
static void fuzz_rows(const uint8_t *data, size_t size)
{
    struct bytes_reader r = bytes_reader(data, size);
    while (bytes_reader_left(&r) > 0) {
        size_t pos = r.pos;
        struct log_frame_row row = log_frame_row_get(&r);
        if (r.err != ERR_OK) {
            ASSERT((r.err == ERR_TRUNCATED) == (size - pos < LOG_FRAME_ROW_BYTES));
            ASSERT(row.group == 0);
            ASSERT(row.last_index == 0);
            ASSERT(row.what == 0);
            return;
        }
        ASSERT(row.first_index <= row.last_index);
        ASSERT(row.last_index <= LOG_NUMBER_MAX);
        uint8_t out[LOG_FRAME_ROW_BYTES];
        struct bytes_writer w = bytes_writer(out, sizeof(out));
        log_frame_row_put(&w, &row);
        ASSERT(w.err == ERR_OK);
        ASSERT(memcmp(out, data + pos, sizeof(out)) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct cpu cpu;
    cpu_detect(&cpu);
    const struct crc32c *kernels = crc32c_for(&cpu);
    unsigned what = data[0] % 3;
    data++;
    size--;
    uint8_t copy[LOG_FRAME_HEADER_BYTES];
    if (what == 0) {
        fuzz_journal_header(kernels, data, size);
        if (size >= FUZZ_JOURNAL_BYTES) {
            memcpy(copy, data, FUZZ_JOURNAL_BYTES);
            memset(copy + 6, 0, 2);
            fuzz_seal(kernels, copy, FUZZ_JOURNAL_BYTES);
            fuzz_journal_header(kernels, copy, FUZZ_JOURNAL_BYTES);
        }
    } else if (what == 1) {
        fuzz_frame_header(kernels, data, size);
        if (size >= LOG_FRAME_HEADER_BYTES) {
            memcpy(copy, data, LOG_FRAME_HEADER_BYTES);
            memset(copy + 88, 0, 4);
            fuzz_seal(kernels, copy, LOG_FRAME_HEADER_BYTES);
            fuzz_frame_header(kernels, copy, LOG_FRAME_HEADER_BYTES);
        }
    } else {
        fuzz_rows(data, size);
    }
    return 0;
}
