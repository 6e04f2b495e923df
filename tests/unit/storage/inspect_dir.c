/* See inspect_dir.h. */
#include "tests/unit/storage/inspect_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "storage/log/frame.h"
#include "storage/log/meta.h"
#include "storage/log/record.h"
#include "storage/log/records.h"
#include "storage/log/sidecar.h"
#include "storage/log/snap.h"
#include "storage/log/table.h"
#include "tests/unit/storage/formats.h"

#define DIR_VALUE_BYTES   1400u
#define DIR_JOURNAL_BYTES (64u << 10)
#define DIR_BATCH_BYTES   4096u

/* What the files are made of. */
struct dir_making {
    struct inspect_dir *dir;
    const struct crc32c *kernels;
    struct log_uuid disk;
    struct log_uuid topic;
    uint8_t batches[INSPECT_ENTRIES + 1][DIR_BATCH_BYTES];
    struct log_sidecar recs[INSPECT_ENTRIES + 1];
    struct log_point ends[INSPECT_ENTRIES + 1]; /* of the log after each entry */
    uint8_t journal[DIR_JOURNAL_BYTES];
    uint64_t journal_pos;          /* where the next frame goes */
    uint64_t frame_number;         /* of the last one */
    struct log_frame_row previous; /* its directory's only row */
    bool has_previous;
};

static void dir_batches(struct dir_making *making);
static void dir_segment(struct dir_making *making, struct sim_disk *disk, uint64_t first,
                        uint64_t last, uint64_t settled, size_t log_bytes);
static void dir_snap(struct dir_making *making, const char *path, uint64_t first_index);
static void dir_table(struct dir_making *making, struct sim_disk *disk, const char *path,
                      uint64_t number, uint64_t settled);
static void dir_journal(struct dir_making *making);
static void dir_journal_next(struct dir_making *making, struct sim_disk *disk, const char *path,
                             uint64_t number, uint64_t frame);
static void dir_overwrite(struct sim_disk *disk, const char *path, const void *data, size_t length);
static void dir_frame(struct dir_making *making, uint16_t flags, uint64_t durable_through,
                      const struct log_record *records, uint32_t count);
static void dir_live(struct dir_making *making, const char *path, uint64_t pos, uint64_t length);
static const uint8_t *dir_text(const char *text);
static size_t dir_blocks(uint64_t bytes);
static void dir_sync(struct sim_disk *disk, const char *path);

void inspect_dir_make(struct inspect_dir *dir)
{
    struct sim_disk_options options = sim_disk_options_calm();
    struct dir_making *making = calloc(1, sizeof(*making));
    ASSERT(making != NULL);
    *dir = (struct inspect_dir){.disk = sim_disk_new(&options, 1)};
    making->dir = dir;
    making->kernels = formats_kernels();
    static const char *const dirs[] = {"/data", "/data/journal", "/data/p",
                                       "/data/p/000102030405060708090a0b0c0d0e0f",
                                       INSPECT_PARTITION};
    for (size_t i = 0; i < ARRAY_COUNT(dirs); i++) {
        ASSERT(sim_disk_mkdir(dir->disk, dirs[i]) == ERR_OK);
    }
    for (uint8_t i = 0; i < 16; i++) {
        making->topic.bytes[i] = i;
        making->disk.bytes[i] = (uint8_t)(0xd0 + i);
    }
    uint8_t meta[LOG_META_BYTES];
    log_meta_encode(&(struct log_meta){.disk = making->disk, .boot_epoch = 2}, making->kernels,
                    meta);
    inspect_dir_put(dir->disk, INSPECT_NODE_META, meta, sizeof(meta));
    dir_live(making, INSPECT_NODE_META, 0, 68);
    dir_live(making, INSPECT_NODE_META, LIMIT_BLOCK_BYTES, 68);
    dir_batches(making);
    dir_segment(making, dir->disk, 1, 5, 5, 0);
    dir_segment(making, dir->disk, 6, 8, 7, LIMIT_BLOCK_BYTES);
    dir_snap(making, INSPECT_SNAP_1, 1);
    dir_snap(making, INSPECT_SNAP_2, 6);
    dir_table(making, dir->disk, INSPECT_TABLE, 3, 7);
    dir_journal(making);
    dir->making = making;
}

void inspect_dir_free(struct inspect_dir *dir)
{
    free(dir->making);
    dir->making = NULL;
}

void inspect_dir_serve(const struct inspect_dir *dir, struct sim_disk *disk, uint32_t step)
{
    struct dir_making *making = dir->making;
    static const char new_path[] = INSPECT_TABLE ".new";
    switch (step) {
    case 0: dir_segment(making, disk, 6, 10, 10, 0); break;
    case 1: dir_table(making, disk, new_path, 4, 10); break;
    case 2: ASSERT(sim_disk_rename(disk, INSPECT_TABLE, INSPECT_TABLE ".old") == ERR_OK); break;
    case 3: ASSERT(sim_disk_rename(disk, new_path, INSPECT_TABLE) == ERR_OK); break;
    case 4: dir_journal_next(making, disk, INSPECT_SPARE, 6, 5); break;
    case 5: dir_journal_next(making, disk, INSPECT_JOURNAL, 7, 6); break;
    case 6: dir_table(making, disk, new_path, 5, 10); break;
    default: UNREACHABLE();
    }
}

void inspect_dir_put(struct sim_disk *disk, const char *path, const void *data, size_t length)
{
    struct sim_handle *handle = NULL;
    uint64_t sequence = 0;
    (void)!sim_disk_unlink(disk, path);
    ASSERT(sim_disk_open(disk, path, RT_FILE_WRITE | RT_FILE_CREATE, &handle) == ERR_OK);
    struct iovec iov = {(void *)(uintptr_t)data, length};
    if (length > 0) {
        ASSERT(sim_disk_write(handle, &iov, 1, 0, length, &sequence) == ERR_OK);
    }
    ASSERT(sim_disk_flush(handle, sim_disk_sequence(disk)) == ERR_OK);
    sim_disk_close(handle);
    dir_sync(disk, path);
}

static void dir_sync(struct sim_disk *disk, const char *path)
{
    char parent[LIMIT_PATH_BYTES];
    snprintf(parent, sizeof(parent), "%s", path);
    *strrchr(parent, '/') = '\0';
    ASSERT(sim_disk_sync_dir(disk, parent, sim_disk_sequence(disk)) == ERR_OK);
}

/* All entries, one behind the other, as if each had been appended. */
static void dir_batches(struct dir_making *making)
{
    struct log_point end = {.index = 0};
    int64_t max_timestamp = -1;
    uint64_t pos = 0;
    for (uint64_t i = 1; i <= INSPECT_ENTRIES; i++) {
        uint8_t *data = making->batches[i];
        uint32_t term = i <= 5 ? 1 : 2;
        if (i == 6) {
            struct bytes_writer w = bytes_writer(data, DIR_BATCH_BYTES);
            log_batch_put_internal(&w, making->kernels, LOG_KIND_NOOP, NULL, 0, end.offset, term,
                                   6000);
            pos = 0; /* the second segment begins here */
        } else {
            char value[DIR_VALUE_BYTES];
            memset(value, 'a' + (int)i, sizeof(value));
            struct log_records_writer writer;
            log_records_begin(&writer, data, DIR_BATCH_BYTES);
            for (unsigned n = 0; n < 2; n++) {
                struct log_records_item item = {.timestamp = (int64_t)(1000 * i + n),
                                                .key = dir_text("key"),
                                                .key_bytes = 3,
                                                .value = dir_text(value),
                                                .value_bytes = sizeof(value)};
                ASSERT(log_records_add(&writer, &item) == ERR_OK);
            }
            log_records_end(&writer, making->kernels);
            log_batch_patch(data, end.offset, term);
        }
        struct log_batch batch;
        ASSERT(log_batch_decode(data, DIR_BATCH_BYTES, &batch) == ERR_OK);
        uint32_t header_crc = log_batch_header_crc(making->kernels, data);
        struct hash128 chain = log_chain(end.chain, i, term, &batch, header_crc);
        log_sidecar_fill(&making->recs[i], i, (uint32_t)pos, &batch, header_crc, chain,
                         max_timestamp);
        making->dir->entries[i] = (struct inspect_place){.pos = pos, .length = batch.length_bytes};
        making->dir->offsets[i] = end.offset;
        end = (struct log_point){
            .index = i, .offset = log_batch_next_offset(&batch), .term = term, .chain = chain};
        making->ends[i] = end;
        max_timestamp = making->recs[i].max_timestamp;
        pos += batch.length_bytes;
    }
}

/* Files of the segment first..last, of whose sidecar the records up to `settled` are written, and
 * `log_bytes` of its batches (0: all, padded to whole blocks). */
static void dir_segment(struct dir_making *making, struct sim_disk *disk, uint64_t first,
                        uint64_t last, uint64_t settled, size_t log_bytes)
{
    static uint8_t log[8 * DIR_BATCH_BYTES];
    static uint8_t idx[LIMIT_BLOCK_BYTES];
    const char *log_path = first == 1 ? INSPECT_LOG_1 : INSPECT_LOG_2;
    const char *idx_path = first == 1 ? INSPECT_IDX_1 : INSPECT_IDX_2;
    memset(log, 0, sizeof(log));
    memset(idx, 0, sizeof(idx));
    struct log_sidecar_header header = {.group = INSPECT_GROUP,
                                        .topic = making->topic,
                                        .partition = 3,
                                        .start = making->ends[first - 1]};
    header.start.index = first;
    log_sidecar_header_encode(&header, making->kernels, idx);
    uint32_t seed = log_sidecar_seed(making->kernels, INSPECT_GROUP, 0);
    for (uint64_t i = first; i <= last; i++) {
        const struct inspect_place *place = &making->dir->entries[i];
        memcpy(log + place->pos, making->batches[i], place->length);
        if (i <= settled) {
            log_sidecar_encode(&making->recs[i], making->kernels, seed,
                               idx + (i - first + 1) * LOG_SIDECAR_BYTES);
        }
    }
    const struct inspect_place *end = &making->dir->entries[last];
    size_t bytes = dir_blocks(end->pos + end->length);
    dir_overwrite(disk, log_path, log, log_bytes > 0 ? log_bytes : bytes);
    dir_overwrite(disk, idx_path, idx, sizeof(idx));
    if (disk == making->dir->disk) {
        dir_live(making, log_path, 0, log_bytes > 0 ? log_bytes : end->pos + end->length);
        dir_live(making, idx_path, 0, (settled - first + 2) * LOG_SIDECAR_BYTES);
    }
}

static void dir_snap(struct dir_making *making, const char *path, uint64_t first_index)
{
    uint8_t run[LOG_TERM_RUN_BYTES], file[256];
    struct bytes_writer w = bytes_writer(run, sizeof(run));
    log_term_run_put(&w, &(struct log_term_run){.first_index = 1, .term = 1});
    struct log_snap snap = {.group = INSPECT_GROUP,
                            .first_index = first_index,
                            .sections_count = 1,
                            .sections = {{LOG_SNAP_TERM_RUNS, run, sizeof(run)}}};
    w = bytes_writer(file, sizeof(file));
    log_snap_put(&w, &snap, making->kernels);
    ASSERT(w.err == ERR_OK);
    inspect_dir_put(making->dir->disk, path, file, w.pos);
    dir_live(making, path, 0, w.pos);
}

static void dir_table(struct dir_making *making, struct sim_disk *disk, const char *path,
                      uint64_t number, uint64_t settled)
{
    static uint8_t table[LOG_TABLE_HEADER_BYTES + LIMIT_BLOCK_BYTES];
    struct log_table_header header = {.rows_count = 1,
                                      .disk = making->disk,
                                      .number = number,
                                      .journal_floor = settled == 7 ? 5 : 6};
    const struct inspect_place *last = &making->dir->entries[settled];
    uint64_t end_pos = last->pos + last->length;
    struct log_row row = {.group = INSPECT_GROUP,
                          .topic = making->topic,
                          .partition = 3,
                          .state = LOG_ROW_LIVE,
                          .hard = {.term = 2, .vote = 1, .commit = 7},
                          .start = {.index = 1},
                          .end = making->ends[settled],
                          .segment_index = 6,
                          .recs_count = (uint32_t)settled - 5,
                          .written_bytes =
                              settled == 7 ? LIMIT_BLOCK_BYTES : (uint32_t)dir_blocks(end_pos),
                          .end_pos = (uint32_t)end_pos,
                          .max_timestamp = making->recs[settled].max_timestamp,
                          .seq = settled == 7 ? 10 : 13};
    memset(table, 0, sizeof(table));
    log_table_header_encode(&header, making->kernels, table);
    log_row_encode(&row, making->kernels, log_table_seed(making->kernels, &making->disk, number),
                   table + LOG_TABLE_HEADER_BYTES);
    inspect_dir_put(disk, path, table, sizeof(table));
    if (disk == making->dir->disk) {
        dir_live(making, path, 0, 60);
        dir_live(making, path, LOG_TABLE_HEADER_BYTES, LOG_TABLE_ROW_BYTES);
    }
}

static size_t dir_blocks(uint64_t bytes)
{
    return (bytes + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
}

/* The lane goes on in the file at `path`, in its life `number`, with an empty frame. */
static void dir_journal_next(struct dir_making *making, struct sim_disk *disk, const char *path,
                             uint64_t number, uint64_t frame)
{
    static uint8_t file[2 * LIMIT_BLOCK_BYTES];
    struct log_journal_header header = {.disk = making->disk,
                                        .boot_epoch = 2,
                                        .file_number = number,
                                        .previous_number = number - 1,
                                        .first_frame = frame,
                                        .file_bytes = DIR_JOURNAL_BYTES};
    struct log_frame head = {.flags = LOG_FRAME_SEAL,
                             .disk = making->disk,
                             .boot_epoch = 2,
                             .file_number = number,
                             .number = frame,
                             .durable_through = frame - 1,
                             .frame_bytes = LIMIT_BLOCK_BYTES};
    uint32_t seed = log_frame_seed(making->kernels, &making->disk, 2, number, frame);
    head.rows_crc = crc32c(making->kernels, seed, NULL, 0);
    head.copy_crc = head.rows_crc;
    memset(file, 0, sizeof(file));
    log_journal_header_encode(&header, making->kernels, file);
    log_frame_encode(&head, making->kernels, file + LIMIT_BLOCK_BYTES);
    dir_overwrite(disk, path, file, sizeof(file));
}

/* Write at the beginning of a file, as a server does: what is behind stays. */
static void dir_overwrite(struct sim_disk *disk, const char *path, const void *data, size_t length)
{
    struct sim_handle *handle = NULL;
    uint64_t sequence = 0;
    struct iovec iov = {(void *)(uintptr_t)data, length};
    ASSERT(sim_disk_open(disk, path, RT_FILE_WRITE | RT_FILE_CREATE, &handle) == ERR_OK);
    ASSERT(sim_disk_write(handle, &iov, 1, 0, length, &sequence) == ERR_OK);
    ASSERT(sim_disk_flush(handle, sim_disk_sequence(disk)) == ERR_OK);
    sim_disk_close(handle);
    dir_sync(disk, path);
}

static void dir_journal(struct dir_making *making)
{
    struct inspect_dir *dir = making->dir;
    uint32_t seed = log_sidecar_seed(making->kernels, INSPECT_GROUP, 0);
    struct log_journal_header header = {.disk = making->disk,
                                        .boot_epoch = 2,
                                        .file_number = 5,
                                        .first_frame = 1,
                                        .file_bytes = DIR_JOURNAL_BYTES};
    log_journal_header_encode(&header, making->kernels, making->journal);
    making->journal_pos = LOG_JOURNAL_HEADER_BYTES;
    dir_live(making, INSPECT_JOURNAL, 0, 84);

    uint8_t ends[LOG_LANE_END_BYTES];
    struct bytes_writer w = bytes_writer(ends, sizeof(ends));
    log_lane_end_put(&w, &(struct log_lane_end){.boot_epoch = 1, .last_frame = 4});
    struct log_record lanes = {.kind = LOG_RECORD_LANES, .data = ends, .data_bytes = sizeof(ends)};
    dir_frame(making, 0, 0, &lanes, 1);

    uint8_t tail_data[LOG_SIDECAR_BYTES + DIR_BATCH_BYTES];
    const struct inspect_place *partial = &dir->entries[8];
    uint32_t written = LIMIT_BLOCK_BYTES - (uint32_t)partial->pos; /* of the batch */
    log_sidecar_encode(&making->recs[8], making->kernels, seed, tail_data);
    memcpy(tail_data + LOG_SIDECAR_BYTES, making->batches[8] + written, partial->length - written);
    struct log_record tail = {.kind = LOG_RECORD_TAIL,
                              .group = INSPECT_GROUP,
                              .seq = 11,
                              .tail = {.segment_index = 6,
                                       .recs_count = 1,
                                       .first_index = 8,
                                       .recs_before = 2,
                                       .written_bytes = LIMIT_BLOCK_BYTES,
                                       .rest_bytes = partial->length - written},
                              .data = tail_data,
                              .data_bytes = LOG_SIDECAR_BYTES + partial->length - written};
    dir->tail_pos = making->journal_pos;
    dir_frame(making, 0, 1, &tail, 1);

    struct log_record entries[2];
    for (uint64_t i = 9; i <= 10; i++) {
        entries[i - 9] = (struct log_record){.kind = LOG_RECORD_ENTRY,
                                             .group = INSPECT_GROUP,
                                             .seq = 3 + i,
                                             .header_crc = making->recs[i].header_crc,
                                             .entry = {.index = i,
                                                       .base_offset = dir->offsets[i],
                                                       .term = 2,
                                                       .last_offset_delta = 1,
                                                       .chain = making->recs[i].chain},
                                             .data = making->batches[i],
                                             .data_bytes = dir->entries[i].length};
    }
    dir_frame(making, 0, 2, entries, 2);
    dir_frame(making, LOG_FRAME_SEAL, 3, NULL, 0);
    inspect_dir_put(dir->disk, INSPECT_JOURNAL, making->journal, sizeof(making->journal));
    static const uint8_t spare[DIR_JOURNAL_BYTES];
    inspect_dir_put(dir->disk, INSPECT_SPARE, spare, sizeof(spare));
}

/* The next frame, with those records of the group. */
static void dir_frame(struct dir_making *making, uint16_t flags, uint64_t durable_through,
                      const struct log_record *records, uint32_t count)
{
    struct inspect_dir *dir = making->dir;
    uint8_t *data = making->journal + making->journal_pos;
    struct log_frame_row row = {.group = INSPECT_GROUP};
    bool has_row = false;
    size_t records_bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct log_record *record = &records[i];
        records_bytes += log_record_bytes(record);
        bool is_tail = record->kind == LOG_RECORD_TAIL;
        if (is_tail || record->kind == LOG_RECORD_ENTRY) {
            uint64_t index = is_tail ? record->tail.first_index : record->entry.index;
            row.first_index = has_row ? row.first_index : index;
            row.last_index = index;
            row.next_offset = making->ends[index].offset;
            row.last_seq = record->seq;
            row.last_term = making->ends[index].term;
            row.what |= is_tail ? LOG_ROW_TAIL : 0;
            has_row = true;
        }
    }
    struct log_frame head = {.flags = flags,
                             .disk = making->disk,
                             .boot_epoch = 2,
                             .file_number = 5,
                             .number = ++making->frame_number,
                             .durable_through = durable_through,
                             .rows_count = has_row,
                             .copy_count = making->has_previous,
                             .records_count = count,
                             .records_bytes = (uint32_t)records_bytes};
    uint64_t live_bytes = log_frame_records_pos(&head) + records_bytes;
    head.frame_bytes =
        (uint32_t)((live_bytes + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES);
    uint32_t seed = log_frame_seed(making->kernels, &making->disk, 2, 5, head.number);
    struct bytes_writer w = bytes_writer(data, head.frame_bytes);
    bytes_put_zeros(&w, LOG_FRAME_HEADER_BYTES);
    if (has_row) {
        log_frame_row_put(&w, &row);
    }
    head.rows_crc =
        crc32c(making->kernels, seed, data + log_frame_rows_pos(), w.pos - log_frame_rows_pos());
    size_t copy_pos = w.pos;
    if (making->has_previous) {
        log_frame_row_put(&w, &making->previous);
    }
    head.copy_crc = crc32c(making->kernels, seed, data + copy_pos, w.pos - copy_pos);
    for (uint32_t i = 0; i < count; i++) {
        if (records[i].kind == LOG_RECORD_ENTRY) {
            dir->entries[records[i].entry.index].journal_pos =
                making->journal_pos + w.pos + LOG_RECORD_ENTRY_BYTES;
        }
        log_record_put(&w, making->kernels, seed, &records[i]);
    }
    ASSERT(w.err == ERR_OK);
    log_frame_encode(&head, making->kernels, data);
    if ((flags & LOG_FRAME_SEAL) == 0) { /* without it nothing is lost */
        dir_live(making, INSPECT_JOURNAL, making->journal_pos, live_bytes);
    }
    making->journal_pos += head.frame_bytes;
    making->previous = row;
    making->has_previous = has_row;
}

static void dir_live(struct dir_making *making, const char *path, uint64_t pos, uint64_t length)
{
    struct inspect_dir *dir = making->dir;
    ASSERT(dir->live_count < ARRAY_COUNT(dir->live));
    dir->live[dir->live_count++] = (struct inspect_range){path, pos, length};
}

static const uint8_t *dir_text(const char *text)
{
    return (const uint8_t *)text;
}
