/* The .snap file. See snap.h.
 *
 * The header says how long the file is, so a section that does not fit into that is corrupt, while
 * a file of fewer bytes is truncated; more bytes (a last block's) are not looked at. */
#include "storage/log/snap.h"

#include "base/assert.h"

/* "TDBS", read as a little-endian number. */
#define LOG_SNAP_MAGIC 0x53424454u

/* Sections begin behind a multiple of this, from the file's start; the first one right behind the
 * header. */
#define LOG_SNAP_ALIGN 8u

/* What of a section its checksum covers besides the content: kind, flags, bytes. */
#define LOG_SNAP_SECTION_COVERED_BYTES 8u

static size_t log_snap_padding(size_t pos);
static bool log_snap_is_valid(const struct log_snap *snap);
static void log_snap_put_section(struct bytes_writer *w, const struct log_snap_section *section,
                                 const struct crc32c *kernels);
static enum err log_snap_decode_header(struct bytes_reader *r, const struct crc32c *kernels,
                                       struct log_snap *snap, uint64_t *file_bytes);
static enum err log_snap_decode_section(struct bytes_reader *r, const struct crc32c *kernels,
                                        struct log_snap_section *out);

size_t log_snap_bytes(const struct log_snap *snap)
{
    ASSERT(snap->sections_count <= LOG_SNAP_SECTIONS_MAX);
    size_t bytes = LOG_SNAP_HEADER_BYTES;
    for (uint32_t i = 0; i < snap->sections_count; i++) {
        bytes += LOG_SNAP_SECTION_BYTES + snap->sections[i].bytes;
        bytes += log_snap_padding(bytes);
    }
    return bytes;
}

void log_snap_put(struct bytes_writer *w, const struct log_snap *snap, const struct crc32c *kernels)
{
    ASSERT(log_snap_is_valid(snap));
    if (w->err != ERR_OK) {
        return;
    }
    size_t file_bytes = log_snap_bytes(snap);
    if (file_bytes > LOG_SNAP_BYTES_MAX || file_bytes > bytes_writer_left(w)) {
        w->err = ERR_TOO_LARGE;
        return;
    }
    struct bytes_writer file = bytes_writer(w->data + w->pos, file_bytes);
    bytes_put_u32le(&file, LOG_SNAP_MAGIC);
    bytes_put_u16le(&file, LOG_FORMAT_VERSION);
    bytes_put_u16le(&file, (uint16_t)snap->sections_count);
    log_features_put(&file, &(struct log_features){0});
    bytes_put_u32le(&file, snap->generation);
    bytes_put_u64le(&file, snap->group);
    bytes_put_u64le(&file, snap->first_index);
    bytes_put_u64le(&file, file_bytes);
    log_crc_put(&file, kernels, 0, 0);
    ASSERT(file.pos == LOG_SNAP_HEADER_BYTES);
    for (uint32_t i = 0; i < snap->sections_count; i++) {
        log_snap_put_section(&file, &snap->sections[i], kernels);
    }
    ASSERT(file.err == ERR_OK);
    ASSERT(file.pos == file_bytes);
    w->pos += file_bytes;
}

enum err log_snap_decode(const void *data, size_t length, const struct crc32c *kernels,
                         struct log_snap *out)
{
    *out = (struct log_snap){0};
    struct bytes_reader r = bytes_reader(data, length);
    struct log_snap snap = {0};
    uint64_t file_bytes = 0;
    enum err err = log_snap_decode_header(&r, kernels, &snap, &file_bytes);
    if (err != ERR_OK) {
        return err;
    }
    if (length < file_bytes) {
        return ERR_TRUNCATED;
    }
    struct bytes_reader file = bytes_reader(data, (size_t)file_bytes);
    bytes_skip(&file, LOG_SNAP_HEADER_BYTES);
    for (uint32_t i = 0; i < snap.sections_count; i++) {
        err = log_snap_decode_section(&file, kernels, &snap.sections[i]);
        if (err != ERR_OK) {
            return err;
        }
    }
    if (bytes_reader_left(&file) > 0) {
        return ERR_CORRUPT;
    }
    *out = snap;
    return ERR_OK;
}

const struct log_snap_section *log_snap_find(const struct log_snap *snap, uint16_t kind)
{
    ASSERT(snap->sections_count <= LOG_SNAP_SECTIONS_MAX);
    for (uint32_t i = 0; i < snap->sections_count; i++) {
        if (snap->sections[i].kind == kind) {
            return &snap->sections[i];
        }
    }
    return NULL;
}

void log_term_run_put(struct bytes_writer *w, const struct log_term_run *run)
{
    ASSERT(run->first_index <= LOG_NUMBER_MAX);
    ASSERT(run->first_offset <= LOG_NUMBER_MAX);
    ASSERT(run->term <= LIMIT_TERM);
    bytes_put_u64le(w, run->first_index);
    bytes_put_u64le(w, run->first_offset);
    bytes_put_u32le(w, run->term);
    bytes_put_u32le(w, 0);
}

struct log_term_run log_term_run_get(struct bytes_reader *r)
{
    struct log_term_run run;
    run.first_index = bytes_get_u64le(r);
    run.first_offset = bytes_get_u64le(r);
    run.term = bytes_get_u32le(r);
    bytes_skip(r, 4);
    if (run.first_index > LOG_NUMBER_MAX || run.first_offset > LOG_NUMBER_MAX ||
        run.term > LIMIT_TERM) {
        bytes_reader_fail(r, ERR_CORRUPT);
    }
    return r->err == ERR_OK ? run : (struct log_term_run){0};
}

/* Zeros from `pos` to where the next section may begin. */
static size_t log_snap_padding(size_t pos)
{
    return (LOG_SNAP_ALIGN - pos % LOG_SNAP_ALIGN) % LOG_SNAP_ALIGN;
}

static bool log_snap_is_valid(const struct log_snap *snap)
{
    return snap->sections_count <= LOG_SNAP_SECTIONS_MAX && snap->first_index > 0 &&
           snap->first_index <= LOG_NUMBER_MAX;
}

static void log_snap_put_section(struct bytes_writer *w, const struct log_snap_section *section,
                                 const struct crc32c *kernels)
{
    size_t start = w->pos;
    bytes_put_u16le(w, section->kind);
    bytes_put_u16le(w, 0);
    bytes_put_u32le(w, section->bytes);
    uint32_t crc = crc32c(kernels, 0, w->data + start, LOG_SNAP_SECTION_COVERED_BYTES);
    bytes_put_u32le(w, crc32c(kernels, crc, section->data, section->bytes));
    bytes_put_copy(w, section->data, section->bytes);
    bytes_put_zeros(w, log_snap_padding(w->pos));
}

/* The header; *snap and *file_bytes count on ERR_OK only. */
static enum err log_snap_decode_header(struct bytes_reader *r, const struct crc32c *kernels,
                                       struct log_snap *snap, uint64_t *file_bytes)
{
    uint32_t magic = bytes_get_u32le(r);
    uint16_t version = bytes_get_u16le(r);
    snap->sections_count = bytes_get_u16le(r);
    struct log_features features = log_features_get(r);
    snap->generation = bytes_get_u32le(r);
    snap->group = bytes_get_u64le(r);
    snap->first_index = bytes_get_u64le(r);
    *file_bytes = bytes_get_u64le(r);
    size_t covered = r->pos;
    uint32_t crc = bytes_get_u32le(r);
    if (r->err != ERR_OK) {
        return r->err;
    }
    if (magic != LOG_SNAP_MAGIC || crc != crc32c(kernels, 0, r->data, covered)) {
        return ERR_CORRUPT;
    }
    enum err err = log_features_check(version, &features, false);
    if (err != ERR_OK) {
        return err;
    }
    bool is_size = *file_bytes >= LOG_SNAP_HEADER_BYTES && *file_bytes <= LOG_SNAP_BYTES_MAX;
    return is_size && log_snap_is_valid(snap) ? ERR_OK : ERR_CORRUPT;
}

/* One section of a file that is all there: what does not fit is corrupt. */
static enum err log_snap_decode_section(struct bytes_reader *r, const struct crc32c *kernels,
                                        struct log_snap_section *out)
{
    struct bytes_reader head = *r;
    const uint8_t *covered = bytes_get_view(&head, LOG_SNAP_SECTION_COVERED_BYTES);
    out->kind = bytes_get_u16le(r);
    uint16_t flags = bytes_get_u16le(r);
    out->bytes = bytes_get_u32le(r);
    uint32_t crc = bytes_get_u32le(r);
    out->data = bytes_get_view(r, out->bytes);
    bytes_skip(r, log_snap_padding(r->pos));
    if (r->err != ERR_OK) {
        return ERR_CORRUPT;
    }
    uint32_t want = crc32c(kernels, 0, covered, LOG_SNAP_SECTION_COVERED_BYTES);
    if (crc != crc32c(kernels, want, out->data, out->bytes)) {
        return ERR_CORRUPT;
    }
    /* A flag says how the content is to be read; none is known yet. */
    return flags == 0 ? ERR_OK : ERR_UNSUPPORTED;
}
