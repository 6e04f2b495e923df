/* groups.tab. See table.h.
 *
 * A row's checksum begins at that of disk and table number: what an older table, or another
 * directory's, left in a block never verifies. What is encoded is held to the same rules as what is
 * decoded: a row that no start would believe must not reach the disk. */
#include "storage/log/table.h"

#include "base/assert.h"

/* "TDBT", read as a little-endian number. */
#define LOG_TABLE_MAGIC 0x54424454u

/* What of the header block is not zeros; a row's bytes under its checksum. */
#define LOG_TABLE_FIELDS_BYTES 60u
#define LOG_ROW_COVERED_BYTES  (LOG_TABLE_ROW_BYTES - 4u)

/* A row's reserved bytes, from behind its last field to its checksum. */
#define LOG_ROW_RESERVED_BYTES 56u

/* The seed's input: disk uuid, table number. */
#define LOG_TABLE_SEED_BYTES 24u

static bool log_table_header_is_valid(const struct log_table_header *header);
static struct log_row log_row_get(struct bytes_reader *r);
static bool log_row_is_valid(const struct log_row *row);

size_t log_table_bytes(uint32_t rows_count)
{
    ASSERT(rows_count <= LIMIT_PARTITIONS_COUNT);
    size_t rows_bytes = (size_t)rows_count * LOG_TABLE_ROW_BYTES;
    size_t blocks = (rows_bytes + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES;
    return LOG_TABLE_HEADER_BYTES + blocks * LIMIT_BLOCK_BYTES;
}

bool log_row_has_chain(const struct log_row *row)
{
    static const struct hash128 none = {0};
    return row->gap_index == 0 && (row->end.index == 0 || !hash128_is_equal(row->end.chain, none));
}

bool log_row_ends_in_gap(const struct log_row *row)
{
    return row->gap_index != 0 && row->end.index >= row->segment_index;
}

uint32_t log_table_seed(const struct crc32c *kernels, const struct log_uuid *disk, uint64_t number)
{
    uint8_t bytes[LOG_TABLE_SEED_BYTES];
    struct bytes_writer w = bytes_writer(bytes, sizeof(bytes));
    log_uuid_put(&w, disk);
    bytes_put_u64le(&w, number);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == sizeof(bytes));
    return crc32c(kernels, 0, bytes, sizeof(bytes));
}

void log_table_header_encode(const struct log_table_header *header, const struct crc32c *kernels,
                             uint8_t out[LOG_TABLE_HEADER_BYTES])
{
    ASSERT(log_table_header_is_valid(header));
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
    ASSERT(w.pos == LOG_TABLE_FIELDS_BYTES);
    bytes_put_zeros(&w, LOG_TABLE_HEADER_BYTES - LOG_TABLE_FIELDS_BYTES);
    ASSERT(w.err == ERR_OK);
}

enum err log_table_header_decode(const void *data, size_t length, const struct crc32c *kernels,
                                 bool is_write, struct log_table_header *out)
{
    *out = (struct log_table_header){0};
    struct bytes_reader r = bytes_reader(data, length);
    struct log_table_header header;
    uint32_t magic = bytes_get_u32le(&r);
    uint16_t version = bytes_get_u16le(&r);
    uint16_t row_bytes = bytes_get_u16le(&r);
    header.features = log_features_get(&r);
    header.rows_count = bytes_get_u32le(&r);
    header.disk = log_uuid_get(&r);
    header.number = bytes_get_u64le(&r);
    header.journal_floor = bytes_get_u64le(&r);
    size_t covered = r.pos;
    uint32_t crc = bytes_get_u32le(&r);
    if (r.err != ERR_OK) {
        return r.err;
    }
    if (magic != LOG_TABLE_MAGIC || crc != crc32c(kernels, 0, data, covered)) {
        return ERR_CORRUPT;
    }
    enum err err = log_features_check(version, &header.features, is_write);
    if (err != ERR_OK) {
        return err;
    }
    if (row_bytes != LOG_TABLE_ROW_BYTES || !log_table_header_is_valid(&header)) {
        return ERR_CORRUPT;
    }
    *out = header;
    return ERR_OK;
}

void log_row_encode(const struct log_row *row, const struct crc32c *kernels, uint32_t seed,
                    uint8_t out[LOG_TABLE_ROW_BYTES])
{
    ASSERT(log_row_is_valid(row));
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
    bytes_put_u64le(&w, row->gap_index);
    bytes_put_zeros(&w, LOG_ROW_RESERVED_BYTES);
    ASSERT(w.pos == LOG_ROW_COVERED_BYTES);
    log_crc_put(&w, kernels, seed, 0);
    ASSERT(w.err == ERR_OK);
}

enum err log_row_decode(const void *data, size_t length, const struct crc32c *kernels,
                        uint32_t seed, struct log_row *out)
{
    *out = (struct log_row){0};
    struct bytes_reader r = bytes_reader(data, length);
    const uint8_t *covered = bytes_get_view(&r, LOG_ROW_COVERED_BYTES);
    uint32_t crc = bytes_get_u32le(&r);
    if (r.err != ERR_OK) {
        return r.err;
    }
    if (crc != crc32c(kernels, seed, covered, LOG_ROW_COVERED_BYTES)) {
        return ERR_CORRUPT;
    }
    struct bytes_reader fields = bytes_reader(covered, LOG_ROW_COVERED_BYTES);
    struct log_row row = log_row_get(&fields);
    if (fields.err != ERR_OK || !log_row_is_valid(&row)) {
        return ERR_CORRUPT;
    }
    *out = row;
    return ERR_OK;
}

static bool log_table_header_is_valid(const struct log_table_header *header)
{
    return header->rows_count <= LIMIT_PARTITIONS_COUNT && header->number > 0;
}

/* The fields as they stand; only the points have been looked at. */
static struct log_row log_row_get(struct bytes_reader *r)
{
    struct log_row row;
    row.group = bytes_get_u64le(r);
    row.topic = log_uuid_get(r);
    row.partition = bytes_get_u32le(r);
    row.state = (enum log_row_state)bytes_get_u8(r);
    row.flags = bytes_get_u8(r);
    bytes_skip(r, 2);
    row.hard.term = bytes_get_u32le(r);
    row.hard.vote = bytes_get_u32le(r);
    row.hard.commit = bytes_get_u64le(r);
    row.membership_index = bytes_get_u64le(r);
    row.start = log_point_get(r);
    row.end = log_point_get(r);
    row.segment_index = bytes_get_u64le(r);
    row.segment_generation = bytes_get_u32le(r);
    row.recs_count = bytes_get_u32le(r);
    row.written_bytes = bytes_get_u32le(r);
    row.end_pos = bytes_get_u32le(r);
    row.max_timestamp = (int64_t)bytes_get_u64le(r);
    row.seq = bytes_get_u64le(r);
    row.quarantine_index = bytes_get_u64le(r);
    row.quarantine_count = bytes_get_u32le(r);
    row.gap_index = bytes_get_u64le(r);
    return row;
}

/* The points are held to their ranges by log_point_put and log_point_get. */
static bool log_row_is_valid(const struct log_row *row)
{
    bool is_state = row->state == LOG_ROW_LIVE || row->state == LOG_ROW_DELETED;
    return is_state && (row->flags & ~(LOG_ROW_AMNESIAC | LOG_ROW_LOST)) == 0 &&
           row->hard.term <= LIMIT_TERM && row->hard.commit <= LOG_NUMBER_MAX &&
           row->membership_index <= LOG_NUMBER_MAX && row->segment_index <= LOG_NUMBER_MAX &&
           row->written_bytes % LIMIT_BLOCK_BYTES == 0 && row->max_timestamp >= -1 &&
           row->seq <= LOG_NUMBER_MAX && row->quarantine_index <= LOG_NUMBER_MAX &&
           row->gap_index <= row->end.index;
}
