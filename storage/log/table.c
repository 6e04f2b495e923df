/* groups.tab. See table.h. */
#include "storage/log/table.h"

#include <string.h>

#include "base/assert.h"

#define LOG_TABLE_MAGIC         0x54424454u /* "TDBT" */
#define LOG_TABLE_HEADER_FIELDS 60u

static bool log_row_is_valid(const struct log_row *row, uint8_t state);

size_t log_table_bytes(uint32_t rows_count)
{
    size_t rows_bytes = (size_t)rows_count * LOG_TABLE_ROW_BYTES;
    size_t blocks_count = (rows_bytes + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES;
    return LOG_TABLE_HEADER_BYTES + blocks_count * LIMIT_BLOCK_BYTES;
}

uint32_t log_table_seed(const struct crc32c *kernels, const struct log_uuid *disk, uint64_t number)
{
    uint8_t bytes[24];
    struct bytes_writer w = bytes_writer(bytes, sizeof(bytes));
    log_uuid_put(&w, disk);
    bytes_put_u64le(&w, number);
    ASSERT(w.pos == sizeof(bytes));
    return crc32c(kernels, 0, bytes, sizeof(bytes));
}

void log_table_header_encode(const struct log_table_header *header, const struct crc32c *kernels,
                             uint8_t out[LOG_TABLE_HEADER_BYTES])
{
    memset(out, 0, LOG_TABLE_HEADER_BYTES);
    struct bytes_writer w = bytes_writer(out, LOG_TABLE_HEADER_BYTES);
    bytes_put_u32le(&w, LOG_TABLE_MAGIC);
    bytes_put_u16le(&w, LOG_FORMAT_VERSION);
    bytes_put_u16le(&w, LOG_TABLE_ROW_BYTES);
    log_features_put(&w, &header->features);
    bytes_put_u32le(&w, header->rows_count);
    log_uuid_put(&w, &header->disk);
    bytes_put_u64le(&w, header->number);
    bytes_put_u64le(&w, header->journal_floor);
    log_crc_put(&w, kernels, 0, 0);
    ASSERT(w.pos == LOG_TABLE_HEADER_FIELDS);
}

enum err log_table_header_decode(const void *data, size_t length, const struct crc32c *kernels,
                                 bool is_write, struct log_table_header *out)
{
    struct bytes_reader r = bytes_reader(data, length);
    struct log_table_header header = {0};
    uint32_t magic = bytes_get_u32le(&r);
    uint16_t version = bytes_get_u16le(&r);
    uint16_t row_bytes = bytes_get_u16le(&r);
    header.features = log_features_get(&r);
    header.rows_count = bytes_get_u32le(&r);
    header.disk = log_uuid_get(&r);
    header.number = bytes_get_u64le(&r);
    header.journal_floor = bytes_get_u64le(&r);
    size_t summed = r.pos;
    uint32_t crc = bytes_get_u32le(&r);
    *out = (struct log_table_header){0};
    if (r.err != ERR_OK) {
        return r.err;
    }
    if (magic != LOG_TABLE_MAGIC || crc != crc32c(kernels, 0, data, summed)) {
        return ERR_CORRUPT;
    }
    enum err err = log_features_check(version, &header.features, is_write);
    if (err != ERR_OK) {
        return err;
    }
    if (row_bytes != LOG_TABLE_ROW_BYTES || header.rows_count > LIMIT_PARTITIONS_COUNT ||
        header.number == 0) {
        return ERR_CORRUPT;
    }
    *out = header;
    return ERR_OK;
}

void log_row_encode(const struct log_row *row, const struct crc32c *kernels, uint32_t seed,
                    uint8_t out[LOG_TABLE_ROW_BYTES])
{
    struct bytes_writer w = bytes_writer(out, LOG_TABLE_ROW_BYTES);
    bytes_put_u64le(&w, row->group);
    log_uuid_put(&w, &row->topic);
    bytes_put_u32le(&w, row->partition);
    bytes_put_u8(&w, (uint8_t)row->state);
    bytes_put_u8(&w, row->flags);
    bytes_put_u16le(&w, 0);
    bytes_put_u32le(&w, row->hard.term);
    bytes_put_u32le(&w, row->hard.vote);
    bytes_put_u64le(&w, row->hard.commit);
    bytes_put_u64le(&w, row->membership_index);
    log_point_put(&w, &row->start);
    log_point_put(&w, &row->end);
    bytes_put_u64le(&w, row->segment_index);
    bytes_put_u32le(&w, row->segment_generation);
    bytes_put_u32le(&w, row->recs_count);
    bytes_put_u32le(&w, row->written_bytes);
    bytes_put_u32le(&w, row->end_pos);
    bytes_put_u64le(&w, (uint64_t)row->max_timestamp);
    bytes_put_u64le(&w, row->seq);
    bytes_put_u64le(&w, row->quarantine_index);
    bytes_put_u32le(&w, row->quarantine_count);
    bytes_put_zeros(&w, LOG_TABLE_ROW_BYTES - 4 - w.pos);
    log_crc_put(&w, kernels, seed, 0);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == LOG_TABLE_ROW_BYTES);
}

enum err log_row_decode(const void *data, size_t length, const struct crc32c *kernels,
                        uint32_t seed, struct log_row *out)
{
    struct bytes_reader r = bytes_reader(data, length);
    struct log_row row = {0};
    row.group = bytes_get_u64le(&r);
    row.topic = log_uuid_get(&r);
    row.partition = bytes_get_u32le(&r);
    uint8_t state = bytes_get_u8(&r);
    row.flags = bytes_get_u8(&r);
    bytes_skip(&r, 2);
    row.hard.term = bytes_get_u32le(&r);
    row.hard.vote = bytes_get_u32le(&r);
    row.hard.commit = bytes_get_u64le(&r);
    row.membership_index = bytes_get_u64le(&r);
    row.start = log_point_get(&r);
    row.end = log_point_get(&r);
    row.segment_index = bytes_get_u64le(&r);
    row.segment_generation = bytes_get_u32le(&r);
    row.recs_count = bytes_get_u32le(&r);
    row.written_bytes = bytes_get_u32le(&r);
    row.end_pos = bytes_get_u32le(&r);
    row.max_timestamp = (int64_t)bytes_get_u64le(&r);
    row.seq = bytes_get_u64le(&r);
    row.quarantine_index = bytes_get_u64le(&r);
    row.quarantine_count = bytes_get_u32le(&r);
    bytes_skip(&r, LOG_TABLE_ROW_BYTES - 4 - 188);
    uint32_t crc = bytes_get_u32le(&r);
    *out = (struct log_row){0};
    if (r.err != ERR_OK) {
        return r.err;
    }
    if (crc != crc32c(kernels, seed, data, LOG_TABLE_ROW_BYTES - 4) ||
        !log_row_is_valid(&row, state)) {
        return ERR_CORRUPT;
    }
    row.state = (enum log_row_state)state;
    *out = row;
    return ERR_OK;
}

/* Whether numbers that verify make sense, too. */
static bool log_row_is_valid(const struct log_row *row, uint8_t state)
{
    return row->group != 0 && (state == LOG_ROW_LIVE || state == LOG_ROW_DELETED) &&
           (row->flags & ~LOG_ROW_AMNESIAC) == 0 && row->hard.term <= LIMIT_TERM &&
           row->hard.commit <= LOG_NUMBER_MAX && row->membership_index <= LOG_NUMBER_MAX &&
           row->segment_index <= LOG_NUMBER_MAX && row->written_bytes % LIMIT_BLOCK_BYTES == 0 &&
           row->max_timestamp >= -1 && row->seq <= LOG_NUMBER_MAX &&
           row->quarantine_index <= LOG_NUMBER_MAX;
}
