/* Journal files and frames. See frame.h.
 *
 * A checksum is looked at before anything that stands under it is believed, the version too: else a
 * flipped bit would look like a newer program's file. */
#include "storage/log/frame.h"

#include "base/assert.h"
#include "storage/log/record.h"

/* "TDBJ" and "TDBF", read as little-endian numbers. */
#define LOG_JOURNAL_MAGIC 0x4a424454u
#define LOG_FRAME_MAGIC   0x46424454u

/* What of a journal file's header block is not zeros. */
#define LOG_JOURNAL_FIELDS_BYTES 84u

/* The frame seed's input: disk uuid, boot epoch, file number, frame number. */
#define LOG_FRAME_SEED_BYTES 40u

static bool log_journal_header_is_valid(const struct log_journal_header *header);
static bool log_frame_is_valid(const struct log_frame *frame);
static bool log_frame_row_is_valid(const struct log_frame_row *row);

size_t log_frame_rows_pos(void)
{
    return LOG_FRAME_HEADER_BYTES;
}

size_t log_frame_copy_pos(const struct log_frame *frame)
{
    return log_frame_rows_pos() + (size_t)frame->rows_count * LOG_FRAME_ROW_BYTES;
}

size_t log_frame_records_pos(const struct log_frame *frame)
{
    return log_frame_copy_pos(frame) + (size_t)frame->copy_count * LOG_FRAME_ROW_BYTES;
}

void log_journal_header_encode(const struct log_journal_header *header,
                               const struct crc32c *kernels, uint8_t out[LOG_JOURNAL_HEADER_BYTES])
{
    ASSERT(log_journal_header_is_valid(header));
    struct bytes_writer w = bytes_writer(out, LOG_JOURNAL_HEADER_BYTES);
    bytes_put_u32le(&w, LOG_JOURNAL_MAGIC);
    bytes_put_u16le(&w, LOG_FORMAT_VERSION);
    bytes_put_u16le(&w, 0);
    log_features_put(&w, &header->features);
    bytes_put_u32le(&w, header->lane);
    log_uuid_put(&w, &header->disk);
    bytes_put_u64le(&w, header->boot_epoch);
    bytes_put_u64le(&w, header->file_number);
    bytes_put_u64le(&w, header->previous_number);
    bytes_put_u64le(&w, header->first_frame);
    bytes_put_u64le(&w, header->file_bytes);
    log_crc_put(&w, kernels, 0, 0);
    ASSERT(w.pos == LOG_JOURNAL_FIELDS_BYTES);
    bytes_put_zeros(&w, LOG_JOURNAL_HEADER_BYTES - LOG_JOURNAL_FIELDS_BYTES);
    ASSERT(w.err == ERR_OK);
}

enum err log_journal_header_decode(const void *data, size_t length, const struct crc32c *kernels,
                                   struct log_journal_header *out)
{
    *out = (struct log_journal_header){0};
    struct bytes_reader r = bytes_reader(data, length);
    struct log_journal_header header;
    uint32_t magic = bytes_get_u32le(&r);
    uint16_t version = bytes_get_u16le(&r);
    bytes_skip(&r, 2);
    header.features = log_features_get(&r);
    header.lane = bytes_get_u32le(&r);
    header.disk = log_uuid_get(&r);
    header.boot_epoch = bytes_get_u64le(&r);
    header.file_number = bytes_get_u64le(&r);
    header.previous_number = bytes_get_u64le(&r);
    header.first_frame = bytes_get_u64le(&r);
    header.file_bytes = bytes_get_u64le(&r);
    size_t covered = r.pos;
    uint32_t crc = bytes_get_u32le(&r);
    if (r.err != ERR_OK) {
        return r.err;
    }
    if (magic != LOG_JOURNAL_MAGIC || crc != crc32c(kernels, 0, data, covered)) {
        return ERR_CORRUPT;
    }
    enum err err = log_features_check(version, &header.features, false);
    if (err != ERR_OK) {
        return err;
    }
    if (!log_journal_header_is_valid(&header)) {
        return ERR_CORRUPT;
    }
    *out = header;
    return ERR_OK;
}

uint32_t log_frame_seed(const struct crc32c *kernels, const struct log_uuid *disk,
                        uint64_t boot_epoch, uint64_t file_number, uint64_t number)
{
    uint8_t bytes[LOG_FRAME_SEED_BYTES];
    struct bytes_writer w = bytes_writer(bytes, sizeof(bytes));
    log_uuid_put(&w, disk);
    bytes_put_u64le(&w, boot_epoch);
    bytes_put_u64le(&w, file_number);
    bytes_put_u64le(&w, number);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == sizeof(bytes));
    return crc32c(kernels, 0, bytes, sizeof(bytes));
}

void log_frame_encode(const struct log_frame *frame, const struct crc32c *kernels,
                      uint8_t out[LOG_FRAME_HEADER_BYTES])
{
    ASSERT(log_frame_is_valid(frame));
    struct bytes_writer w = bytes_writer(out, LOG_FRAME_HEADER_BYTES);
    bytes_put_u32le(&w, LOG_FRAME_MAGIC);
    bytes_put_u16le(&w, LOG_FORMAT_VERSION);
    bytes_put_u16le(&w, frame->flags);
    log_uuid_put(&w, &frame->disk);
    bytes_put_u64le(&w, frame->boot_epoch);
    bytes_put_u32le(&w, frame->lane);
    bytes_put_u32le(&w, frame->frame_bytes);
    bytes_put_u64le(&w, frame->file_number);
    bytes_put_u64le(&w, frame->number);
    bytes_put_u64le(&w, frame->durable_through);
    bytes_put_u32le(&w, frame->rows_count);
    bytes_put_u32le(&w, frame->copy_count);
    bytes_put_u32le(&w, frame->records_bytes);
    bytes_put_u32le(&w, frame->rows_crc);
    bytes_put_u32le(&w, frame->copy_crc);
    bytes_put_u32le(&w, frame->records_count);
    bytes_put_u32le(&w, 0);
    log_crc_put(&w, kernels, 0, 0);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == LOG_FRAME_HEADER_BYTES);
}

enum err log_frame_decode(const void *data, size_t length, const struct crc32c *kernels,
                          struct log_frame *out)
{
    *out = (struct log_frame){0};
    struct bytes_reader r = bytes_reader(data, length);
    struct log_frame frame;
    uint32_t magic = bytes_get_u32le(&r);
    uint16_t version = bytes_get_u16le(&r);
    frame.flags = bytes_get_u16le(&r);
    frame.disk = log_uuid_get(&r);
    frame.boot_epoch = bytes_get_u64le(&r);
    frame.lane = bytes_get_u32le(&r);
    frame.frame_bytes = bytes_get_u32le(&r);
    frame.file_number = bytes_get_u64le(&r);
    frame.number = bytes_get_u64le(&r);
    frame.durable_through = bytes_get_u64le(&r);
    frame.rows_count = bytes_get_u32le(&r);
    frame.copy_count = bytes_get_u32le(&r);
    frame.records_bytes = bytes_get_u32le(&r);
    frame.rows_crc = bytes_get_u32le(&r);
    frame.copy_crc = bytes_get_u32le(&r);
    frame.records_count = bytes_get_u32le(&r);
    bytes_skip(&r, 4);
    size_t covered = r.pos;
    uint32_t crc = bytes_get_u32le(&r);
    if (r.err != ERR_OK) {
        return r.err;
    }
    if (magic != LOG_FRAME_MAGIC || crc != crc32c(kernels, 0, data, covered)) {
        return ERR_CORRUPT;
    }
    enum err err = log_features_check(version, &(struct log_features){0}, false);
    if (err != ERR_OK) {
        return err;
    }
    if (!log_frame_is_valid(&frame)) {
        return ERR_CORRUPT;
    }
    *out = frame;
    return ERR_OK;
}

void log_frame_row_put(struct bytes_writer *w, const struct log_frame_row *row)
{
    ASSERT(log_frame_row_is_valid(row));
    bytes_put_u64le(w, row->group);
    bytes_put_u64le(w, row->first_index);
    bytes_put_u64le(w, row->last_index);
    bytes_put_u64le(w, row->next_offset);
    bytes_put_u64le(w, row->last_seq);
    bytes_put_u32le(w, row->last_term);
    bytes_put_u32le(w, row->what);
}

struct log_frame_row log_frame_row_get(struct bytes_reader *r)
{
    struct bytes_reader fields = bytes_get_sub(r, LOG_FRAME_ROW_BYTES);
    struct log_frame_row row;
    row.group = bytes_get_u64le(&fields);
    row.first_index = bytes_get_u64le(&fields);
    row.last_index = bytes_get_u64le(&fields);
    row.next_offset = bytes_get_u64le(&fields);
    row.last_seq = bytes_get_u64le(&fields);
    row.last_term = bytes_get_u32le(&fields);
    row.what = bytes_get_u32le(&fields);
    if (fields.err == ERR_OK && !log_frame_row_is_valid(&row)) {
        bytes_reader_fail(r, ERR_CORRUPT);
        return (struct log_frame_row){0};
    }
    return row;
}

/* What every written header satisfies; one that does not was not written by us. */
static bool log_journal_header_is_valid(const struct log_journal_header *header)
{
    return header->file_number > 0 && header->first_frame > 0 && header->file_bytes > 0 &&
           header->file_bytes % LIMIT_BLOCK_BYTES == 0;
}

static bool log_frame_is_valid(const struct log_frame *frame)
{
    /* 64 bits: counts from a disk, 48 bytes each, do not wrap. */
    uint64_t parts = LOG_FRAME_HEADER_BYTES + (uint64_t)LOG_FRAME_ROW_BYTES * frame->rows_count +
                     (uint64_t)LOG_FRAME_ROW_BYTES * frame->copy_count + frame->records_bytes;
    uint64_t records_min = (uint64_t)LOG_RECORD_HEAD_BYTES * frame->records_count;
    return (frame->flags & ~LOG_FRAME_SEAL) == 0 && frame->file_number > 0 && frame->number > 0 &&
           frame->durable_through < frame->number && frame->frame_bytes > 0 &&
           frame->frame_bytes % LIMIT_BLOCK_BYTES == 0 &&
           frame->frame_bytes <= LIMIT_JOURNAL_FRAME_BYTES && parts <= frame->frame_bytes &&
           frame->records_bytes % LOG_RECORD_ALIGN == 0 && records_min <= frame->records_bytes &&
           (frame->records_count == 0) == (frame->records_bytes == 0);
}

static bool log_frame_row_is_valid(const struct log_frame_row *row)
{
    uint32_t known = LOG_ROW_HARD | LOG_ROW_CUT | LOG_ROW_CONTROL | LOG_ROW_TAIL | LOG_ROW_MOVE;
    return (row->first_index == 0) == (row->last_index == 0) &&
           row->first_index <= row->last_index && row->last_index <= LOG_NUMBER_MAX &&
           row->next_offset <= LOG_NUMBER_MAX && row->last_seq <= LOG_NUMBER_MAX &&
           row->last_term <= LIMIT_TERM && (row->what & ~known) == 0;
}
