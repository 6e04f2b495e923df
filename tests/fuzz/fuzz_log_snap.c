/* .snap: any bytes are decoded or refused. With right checksums, the input's size in the header and
 * zeros where nothing is read, what decodes encodes to the same bytes; sections lie inside the file
 * and give what stands there. */
#include <stdlib.h>
#include <string.h>

#include "storage/log/snap.h"
#include "tests/fuzz/fuzz.h"

/* Fields of the header: compat and ro, bytes of the file, its checksum. */
#define FUZZ_FEATURES_POS   8u
#define FUZZ_FEATURES_BYTES 8u
#define FUZZ_FILE_BYTES_POS 40u
#define FUZZ_CRC_POS        48u

static void fuzz_put_u32(uint8_t *data, uint32_t value)
{
    struct bytes_writer w = bytes_writer(data, 4);
    bytes_put_u32le(&w, value);
}

/* The header says how long the file is and its checksum is right. */
static void fuzz_seal_header(const struct crc32c *kernels, uint8_t *data, size_t size)
{
    memset(data + FUZZ_FEATURES_POS, 0, FUZZ_FEATURES_BYTES);
    struct bytes_writer w = bytes_writer(data + FUZZ_FILE_BYTES_POS, 8);
    bytes_put_u64le(&w, size);
    fuzz_put_u32(data + FUZZ_CRC_POS, crc32c(kernels, 0, data, FUZZ_CRC_POS));
}

/* Right checksums and zeros between sections, as far as sections fit. */
static void fuzz_seal_sections(const struct crc32c *kernels, uint8_t *data, size_t size)
{
    struct bytes_reader r = bytes_reader(data, size);
    bytes_skip(&r, LOG_SNAP_HEADER_BYTES);
    while (bytes_reader_left(&r) >= LOG_SNAP_SECTION_BYTES) {
        size_t pos = r.pos;
        bytes_skip(&r, 4); /* kind and flags */
        uint32_t bytes = bytes_get_u32le(&r);
        bytes_skip(&r, 4);
        bytes_skip(&r, bytes);
        if (r.err != ERR_OK) {
            return;
        }
        uint32_t crc = crc32c(kernels, 0, data + pos, 8);
        crc = crc32c(kernels, crc, data + pos + LOG_SNAP_SECTION_BYTES, bytes);
        fuzz_put_u32(data + pos + 8, crc);
        while (r.pos % 8 != 0 && bytes_reader_left(&r) > 0) {
            data[r.pos] = 0;
            bytes_skip(&r, 1);
        }
    }
}

/* Decode; where that succeeds, sections are views of what stands in the file. */
static enum err fuzz_decode(const struct crc32c *kernels, const uint8_t *data, size_t size,
                            struct log_snap *snap)
{
    enum err err = log_snap_decode(data, size, kernels, snap);
    if (err != ERR_OK) {
        ASSERT(snap->group == 0);
        ASSERT(snap->sections_count == 0);
        return err;
    }
    ASSERT(snap->sections_count <= LOG_SNAP_SECTIONS_MAX);
    size_t pos = LOG_SNAP_HEADER_BYTES;
    for (uint32_t i = 0; i < snap->sections_count; i++) {
        const struct log_snap_section *section = &snap->sections[i];
        ASSERT(section->data == data + pos + LOG_SNAP_SECTION_BYTES);
        ASSERT(section->bytes <= size - pos - LOG_SNAP_SECTION_BYTES);
        pos += LOG_SNAP_SECTION_BYTES + section->bytes;
        pos += (8 - pos % 8) % 8;
        ASSERT(log_snap_find(snap, section->kind) <= section);
        ASSERT(log_snap_find(snap, section->kind)->kind == section->kind);
    }
    ASSERT(pos == log_snap_bytes(snap));
    ASSERT(pos <= size);
    return err;
}

/* Any bytes as term runs: a run reads back from what it is written as, but for what is reserved. */
static void fuzz_runs(const struct log_snap_section *section)
{
    struct bytes_reader r = bytes_reader(section->data, section->bytes);
    while (r.err == ERR_OK && bytes_reader_left(&r) > 0) {
        size_t pos = r.pos;
        struct log_term_run run = log_term_run_get(&r);
        if (r.err == ERR_OK) {
            uint8_t out[LOG_TERM_RUN_BYTES];
            struct bytes_writer w = bytes_writer(out, sizeof(out));
            log_term_run_put(&w, &run);
            ASSERT(w.err == ERR_OK);
            ASSERT(memcmp(out, section->data + pos, LOG_TERM_RUN_BYTES - 4) == 0);
        }
    }
}

static void fuzz_sealed(const struct crc32c *kernels, uint8_t *copy, size_t size)
{
    struct log_snap snap;
    fuzz_seal_header(kernels, copy, size);
    enum err err = fuzz_decode(kernels, copy, size, &snap);
    MAYBE(err == ERR_OK);
    fuzz_seal_sections(kernels, copy, size);
    if (fuzz_decode(kernels, copy, size, &snap) != ERR_OK) {
        return;
    }
    ASSERT(log_snap_bytes(&snap) == size);
    uint8_t *out = malloc(size);
    ASSERT(out != NULL);
    struct bytes_writer w = bytes_writer(out, size);
    log_snap_put(&w, &snap, kernels);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == size);
    ASSERT(memcmp(out, copy, size) == 0);
    for (uint32_t i = 0; i < snap.sections_count; i++) {
        fuzz_runs(&snap.sections[i]);
    }
    err = fuzz_decode(kernels, copy, size - 1, &snap);
    ASSERT(err == ERR_TRUNCATED);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cpu cpu;
    cpu_detect(&cpu);
    const struct crc32c *kernels = crc32c_for(&cpu);
    struct log_snap snap;
    enum err err = fuzz_decode(kernels, data, size, &snap);
    if (size < LOG_SNAP_HEADER_BYTES) {
        ASSERT(err == ERR_TRUNCATED);
        return 0;
    }
    uint8_t *copy = malloc(size);
    ASSERT(copy != NULL);
    memcpy(copy, data, size);
    fuzz_sealed(kernels, copy, size);
    free(copy);
    return 0;
}
