/* .snap files. See snap.h. */
#include "storage/log/snap.h"

#include "base/assert.h"

#define LOG_SNAP_MAGIC 0x53424454u /* "TDBS" */

static size_t log_snap_padded(size_t bytes)
{
    return (bytes + 7) / 8 * 8;
}

size_t log_snap_bytes(const struct log_snap *snap)
{
    size_t bytes = LOG_SNAP_HEADER_BYTES;
    for (uint32_t i = 0; i < snap->sections_count; i++) {
        bytes = log_snap_padded(bytes + LOG_SNAP_SECTION_BYTES + snap->sections[i].bytes);
    }
    return bytes;
}

/* The CRC of a section: its head, then its content. */
static uint32_t log_snap_section_crc(const struct crc32c *kernels, uint16_t kind, uint16_t flags,
                                     const uint8_t *data, uint32_t bytes)
{
    uint8_t head[8];
    struct bytes_writer w = bytes_writer(head, sizeof(head));
    bytes_put_u16le(&w, kind);
    bytes_put_u16le(&w, flags);
    bytes_put_u32le(&w, bytes);
    return crc32c(kernels, crc32c(kernels, 0, head, sizeof(head)), data, bytes);
}

void log_snap_put(struct bytes_writer *w, const struct log_snap *snap, const struct crc32c *kernels)
{
    ASSERT(snap->sections_count <= LOG_SNAP_SECTIONS_MAX);
    static const struct log_features none;
    size_t bytes = log_snap_bytes(snap);
    if (bytes > LOG_SNAP_BYTES_MAX || bytes_writer_left(w) < bytes) {
        w->err = w->err == ERR_OK ? ERR_TOO_LARGE : w->err;
        return;
    }
    size_t start = w->pos;
    bytes_put_u32le(w, LOG_SNAP_MAGIC);
    bytes_put_u16le(w, LOG_FORMAT_VERSION);
    bytes_put_u16le(w, (uint16_t)snap->sections_count);
    log_features_put(w, &none);
    bytes_put_u32le(w, snap->generation);
    bytes_put_u64le(w, snap->group);
    bytes_put_u64le(w, snap->first_index);
    bytes_put_u64le(w, bytes);
    log_crc_put(w, kernels, 0, start);
    for (uint32_t i = 0; i < snap->sections_count; i++) {
        const struct log_snap_section *section = &snap->sections[i];
        bytes_put_u16le(w, section->kind);
        bytes_put_u16le(w, 0);
        bytes_put_u32le(w, section->bytes);
        bytes_put_u32le(
            w, log_snap_section_crc(kernels, section->kind, 0, section->data, section->bytes));
        bytes_put_copy(w, section->data, section->bytes);
        bytes_put_zeros(w, log_snap_padded(w->pos - start) - (w->pos - start));
    }
}

enum err log_snap_decode(const void *data, size_t length, const struct crc32c *kernels,
                         struct log_snap *out)
{
    *out = (struct log_snap){0};
    struct bytes_reader r = bytes_reader(data, length);
    struct log_snap snap = {0};
    uint32_t magic = bytes_get_u32le(&r);
    uint16_t version = bytes_get_u16le(&r);
    snap.sections_count = bytes_get_u16le(&r);
    struct log_features features = log_features_get(&r);
    snap.generation = bytes_get_u32le(&r);
    snap.group = bytes_get_u64le(&r);
    snap.first_index = bytes_get_u64le(&r);
    uint64_t bytes = bytes_get_u64le(&r);
    size_t summed = r.pos;
    uint32_t crc = bytes_get_u32le(&r);
    if (r.err != ERR_OK) {
        return r.err;
    }
    if (magic != LOG_SNAP_MAGIC || crc != crc32c(kernels, 0, data, summed)) {
        return ERR_CORRUPT;
    }
    enum err err = log_features_check(version, &features, false);
    if (err != ERR_OK) {
        return err;
    }
    if (snap.sections_count > LOG_SNAP_SECTIONS_MAX || bytes > LOG_SNAP_BYTES_MAX ||
        snap.first_index > LOG_NUMBER_MAX) {
        return ERR_CORRUPT;
    }
    for (uint32_t i = 0; i < snap.sections_count; i++) {
        struct log_snap_section *section = &snap.sections[i];
        section->kind = bytes_get_u16le(&r);
        uint16_t flags = bytes_get_u16le(&r);
        section->bytes = bytes_get_u32le(&r);
        uint32_t section_crc = bytes_get_u32le(&r);
        section->data = bytes_get_view(&r, section->bytes);
        bytes_skip(&r, log_snap_padded(r.pos) - r.pos);
        if (r.err != ERR_OK) {
            return r.err;
        }
        if (section_crc !=
            log_snap_section_crc(kernels, section->kind, flags, section->data, section->bytes)) {
            return ERR_CORRUPT;
        }
    }
    if (r.pos != bytes) {
        return ERR_CORRUPT;
    }
    *out = snap;
    return ERR_OK;
}

const struct log_snap_section *log_snap_find(const struct log_snap *snap, uint16_t kind)
{
    for (uint32_t i = 0; i < snap->sections_count; i++) {
        if (snap->sections[i].kind == kind) {
            return &snap->sections[i];
        }
    }
    return NULL;
}

void log_term_run_put(struct bytes_writer *w, const struct log_term_run *run)
{
    bytes_put_u64le(w, run->first_index);
    bytes_put_u64le(w, run->first_offset);
    bytes_put_u32le(w, run->term);
    bytes_put_u32le(w, 0);
}

struct log_term_run log_term_run_get(struct bytes_reader *r)
{
    struct log_term_run run = {0};
    run.first_index = bytes_get_u64le(r);
    run.first_offset = bytes_get_u64le(r);
    run.term = bytes_get_u32le(r);
    bytes_skip(r, 4);
    if (run.first_index > LOG_NUMBER_MAX || run.first_offset > LOG_NUMBER_MAX ||
        run.term > LIMIT_TERM) {
        bytes_reader_fail(r, ERR_CORRUPT);
    }
    return run;
}
