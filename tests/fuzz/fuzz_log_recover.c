/* What a start believes, of any bytes as journal files. The input is a program: its bytes choose
 * rows of the table, files, and what stands in their blocks; the rest is noise. Checksums are made
 * right where the program says so, so that what follows them is reached. Whatever it is:
 *
 * - every call comes back, and memory is given back;
 * - reading the files in the other order says the same;
 * - what is found hangs together: entries without holes, ranges in order, none behind the end;
 * - of records that count each has one decision. */
#include <stdlib.h>
#include <string.h>

#include "storage/log/recover.h"
#include "tests/fuzz/fuzz.h"

#define FUZZ_FILES_MAX   4u
#define FUZZ_BLOCKS_MAX  12u
#define FUZZ_RECORDS_MAX 12u

/* The input, read from the front; zeros behind its end. */
struct fuzz_input {
    const uint8_t *data; /* the bytes */
    size_t size;         /* of them */
    size_t pos;          /* the next */
};

/* A journal file. */
struct fuzz_file {
    uint8_t data[FUZZ_BLOCKS_MAX * LIMIT_BLOCK_BYTES]; /* its bytes */
    size_t length;                                     /* of them */
};

static uint8_t fuzz_u8(struct fuzz_input *in)
{
    return in->pos < in->size ? in->data[in->pos++] : 0;
}

/* A small number, seldom one of the whole range. */
static uint64_t fuzz_number(struct fuzz_input *in)
{
    uint8_t first = fuzz_u8(in);
    if (first < 240) {
        return first % 12;
    }
    uint64_t value = 0;
    for (uint32_t i = 0; i < 8; i++) {
        value = value << 8 | fuzz_u8(in);
    }
    return value >> (first & 7) * 8;
}

static void fuzz_bytes(struct fuzz_input *in, uint8_t *out, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        out[i] = fuzz_u8(in);
    }
}

/* --- Records as a writer would make them, of chosen values --- */

static struct log_point fuzz_point(struct fuzz_input *in)
{
    return (struct log_point){
        .index = fuzz_number(in) & LOG_NUMBER_MAX,
        .offset = fuzz_number(in) & LOG_NUMBER_MAX,
        .term = (uint32_t)fuzz_number(in) & LIMIT_TERM,
        .chain = {.low = fuzz_u8(in)},
    };
}

/* The batch of an entry, or noise of a batch's length. */
static uint32_t fuzz_batch(struct fuzz_input *in, const struct crc32c *kernels, uint8_t *out,
                           struct log_record *record)
{
    struct bytes_writer w = bytes_writer(out, 256);
    uint8_t how = fuzz_u8(in);
    uint8_t payload[64];
    fuzz_bytes(in, payload, sizeof(payload));
    enum log_kind kind = (enum log_kind)(1 + how % 4);
    log_batch_put_internal(&w, kernels, kind, payload, how % 60, record->entry.base_offset,
                           record->entry.term, how);
    if (how >= 200) {
        out[how % w.pos] ^= how;
    }
    record->header_crc = log_batch_header_crc(kernels, out);
    return (uint32_t)w.pos;
}

static uint32_t fuzz_tail(struct fuzz_input *in, const struct crc32c *kernels, uint8_t *out,
                          struct log_record *record)
{
    uint64_t index = 1 + fuzz_number(in) % (LOG_NUMBER_MAX - 100);
    uint32_t pos = (uint32_t)fuzz_number(in) % 100000;
    uint64_t offset = fuzz_number(in) % (LOG_NUMBER_MAX - 100);
    record->flags = fuzz_u8(in) & LOG_TAIL_DIRECT;
    record->tail.segment_index = 1 + fuzz_number(in) % index;
    record->tail.generation = (uint32_t)fuzz_number(in);
    record->tail.first_index = index;
    record->tail.recs_count = fuzz_u8(in) % 4;
    record->tail.recs_before = fuzz_u8(in);
    record->tail.written_bytes = fuzz_u8(in) % 8 * LIMIT_BLOCK_BYTES;
    record->tail.rest_bytes = fuzz_u8(in) % 64;
    if (record->flags != 0 && record->tail.written_bytes > 0) {
        uint32_t blocks = record->tail.written_bytes / LIMIT_BLOCK_BYTES;
        record->tail.direct_pos = record->tail.recs_before % (blocks + 1) * LIMIT_BLOCK_BYTES;
        bool has_blocks = record->tail.direct_pos < record->tail.written_bytes;
        record->tail.direct_crc = has_blocks ? record->tail.generation : 0;
    }
    uint32_t seed = log_sidecar_seed(kernels, record->group, record->tail.generation);
    for (uint32_t i = 0; i < record->tail.recs_count; i++) {
        struct log_sidecar rec = {
            .index = index + i,
            .last_index = index + i,
            .base_offset = offset + i,
            .term = (uint32_t)fuzz_number(in) & LIMIT_TERM,
            .pos = pos,
            .length = 61u + fuzz_u8(in),
            .max_timestamp = fuzz_u8(in),
            .producer_id = -1,
            .producer_epoch = -1,
            .base_sequence = -1,
            .records_count = 1,
            .flags = fuzz_u8(in) % 8 == 7 ? LOG_SIDECAR_QUARANTINED : 0,
            .chain = {.low = fuzz_u8(in)},
        };
        pos += rec.length;
        log_sidecar_encode(&rec, kernels, seed, out + (size_t)i * LOG_SIDECAR_BYTES);
    }
    size_t recs_bytes = (size_t)record->tail.recs_count * LOG_SIDECAR_BYTES;
    memset(out + recs_bytes, 7, record->tail.rest_bytes);
    return (uint32_t)recs_bytes + record->tail.rest_bytes;
}

static uint32_t fuzz_lanes(struct fuzz_input *in, uint8_t *out)
{
    struct bytes_writer w = bytes_writer(out, 256);
    for (uint8_t count = fuzz_u8(in) % 4; count > 0; count--) {
        struct log_lane_end end = {
            .boot_epoch = fuzz_number(in),
            .lane = (uint32_t)fuzz_number(in),
            .last_frame = fuzz_number(in),
        };
        log_lane_end_put(&w, &end);
    }
    return (uint32_t)w.pos;
}

/* One record at the writer. */
static void fuzz_record(struct fuzz_input *in, const struct crc32c *kernels, uint32_t seed,
                        struct bytes_writer *w)
{
    uint8_t data[1024];
    struct log_record record = {
        .kind = (enum log_record_kind)(1 + fuzz_u8(in) % 12),
        .group = 1 + fuzz_u8(in) % 3,
        .seq = 1 + (fuzz_number(in) & (LOG_NUMBER_MAX >> 1)),
        .data = data,
    };
    switch (record.kind) {
    case LOG_RECORD_ENTRY:
        record.entry.index = 1 + (fuzz_number(in) & (LOG_NUMBER_MAX >> 1));
        record.entry.base_offset = fuzz_number(in) & (LOG_NUMBER_MAX >> 1);
        record.entry.term = (uint32_t)fuzz_number(in) & LIMIT_TERM;
        record.entry.last_offset_delta = -1;
        record.entry.chain.low = fuzz_u8(in);
        record.data_bytes = fuzz_batch(in, kernels, data, &record);
        break;
    case LOG_RECORD_CUT:
        record.cut.end = fuzz_point(in);
        record.cut.end.index &= LOG_NUMBER_MAX >> 1;
        record.cut.generation = (uint32_t)fuzz_number(in);
        break;
    case LOG_RECORD_HARD:
        record.hard = (struct log_hard_state){(uint32_t)fuzz_number(in) & LIMIT_TERM, fuzz_u8(in),
                                              fuzz_number(in) & LOG_NUMBER_MAX};
        break;
    case LOG_RECORD_TRIM:
    case LOG_RECORD_RESET:
        record.trim.start = fuzz_point(in);
        record.trim.start.index |= 1;
        record.trim.generation = record.kind == LOG_RECORD_RESET ? (uint32_t)fuzz_number(in) : 0;
        break;
    case LOG_RECORD_TAIL: record.data_bytes = fuzz_tail(in, kernels, data, &record); break;
    case LOG_RECORD_CREATE: record.create.partition = fuzz_u8(in); break;
    case LOG_RECORD_ROLL:
    case LOG_RECORD_SWITCH:
        record.segment.segment_index = 1 + (fuzz_number(in) & (LOG_NUMBER_MAX >> 1));
        record.segment.generation = (uint32_t)fuzz_number(in);
        break;
    case LOG_RECORD_MARK:
        record.mark.what = (enum log_mark)(1 + fuzz_u8(in) % 4);
        record.mark.first_index = 1 + fuzz_number(in) % (LOG_NUMBER_MAX >> 1);
        record.mark.last_index = record.mark.first_index + fuzz_u8(in);
        break;
    case LOG_RECORD_LANES:
        record.group = 0;
        record.seq = 0;
        record.data_bytes = fuzz_lanes(in, data);
        break;
    case LOG_RECORD_DELETE: break;
    }
    log_record_put(w, kernels, seed, &record);
}

/* A directory: rows of chosen values. */
static uint32_t fuzz_rows(struct fuzz_input *in, struct bytes_writer *w)
{
    uint32_t count = fuzz_u8(in) % 4;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t first = fuzz_number(in) & (LOG_NUMBER_MAX >> 1);
        struct log_frame_row row = {
            .group = 1 + fuzz_u8(in) % 3,
            .first_index = first,
            .last_index = first == 0 ? 0 : first + fuzz_u8(in) % 5,
            .next_offset = fuzz_number(in) & LOG_NUMBER_MAX,
            .last_seq = fuzz_number(in) & LOG_NUMBER_MAX,
            .last_term = (uint32_t)fuzz_number(in) & LIMIT_TERM,
            .what = fuzz_u8(in) & 31,
        };
        log_frame_row_put(w, &row);
    }
    return count;
}

/* A frame at block `block` of the file, damaged somewhere if the input says so. Its blocks. */
static uint32_t fuzz_frame(struct fuzz_input *in, const struct crc32c *kernels,
                           const struct log_journal_header *life, uint64_t number,
                           struct fuzz_file *file, uint32_t block)
{
    uint8_t *data = file->data + (size_t)block * LIMIT_BLOCK_BYTES;
    struct bytes_writer w = bytes_writer(data, file->length - (size_t)block * LIMIT_BLOCK_BYTES);
    struct log_frame head = {
        .disk = life->disk,
        .boot_epoch = life->boot_epoch,
        .lane = life->lane,
        .file_number = life->file_number,
        .number = number,
    };
    if (fuzz_u8(in) >= 200) { /* of another life, or out of order */
        head.boot_epoch = fuzz_u8(in) % 3;
        head.lane = fuzz_u8(in) % 2;
        head.file_number = 1 + fuzz_number(in) % (LOG_NUMBER_MAX >> 1);
        head.number = 1 + fuzz_number(in) % (LOG_NUMBER_MAX >> 1);
    }
    head.durable_through = fuzz_number(in) % head.number;
    uint32_t seed =
        log_frame_seed(kernels, &head.disk, head.boot_epoch, head.file_number, head.number);
    bytes_put_zeros(&w, LOG_FRAME_HEADER_BYTES);
    head.rows_count = fuzz_rows(in, &w);
    size_t copy_pos = w.pos;
    head.copy_count = fuzz_rows(in, &w);
    size_t records_pos = w.pos;
    for (uint8_t count = fuzz_u8(in) % FUZZ_RECORDS_MAX; count > 0 && w.err == ERR_OK; count--) {
        fuzz_record(in, kernels, seed, &w);
        head.records_count += w.err == ERR_OK;
    }
    head.rows_crc =
        crc32c(kernels, seed, data + LOG_FRAME_HEADER_BYTES, copy_pos - LOG_FRAME_HEADER_BYTES);
    head.copy_crc = crc32c(kernels, seed, data + copy_pos, records_pos - copy_pos);
    head.records_bytes = (uint32_t)(w.pos - records_pos);
    uint32_t blocks = (uint32_t)((w.pos + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES);
    head.frame_bytes = blocks * LIMIT_BLOCK_BYTES;
    log_frame_encode(&head, kernels, data);
    for (uint8_t count = fuzz_u8(in) % 4; count > 0; count--) {
        size_t at = (size_t)fuzz_u8(in) << 8;
        data[(at | fuzz_u8(in)) % w.pos] ^= fuzz_u8(in);
    }
    return blocks;
}

static void fuzz_file(struct fuzz_input *in, const struct crc32c *kernels,
                      const struct log_uuid *disk, struct fuzz_file *file)
{
    *file = (struct fuzz_file){0};
    uint32_t blocks = 1 + fuzz_u8(in) % FUZZ_BLOCKS_MAX;
    file->length = (size_t)blocks * LIMIT_BLOCK_BYTES;
    struct log_journal_header header = {
        .lane = fuzz_u8(in) % 2,
        .disk = *disk,
        .boot_epoch = fuzz_u8(in) % 3,
        .file_number = 1 + fuzz_number(in) % (LOG_NUMBER_MAX >> 1),
        .previous_number = fuzz_number(in),
        .first_frame = 1 + fuzz_number(in) % (LOG_NUMBER_MAX >> 1),
        .file_bytes = file->length,
    };
    if (fuzz_u8(in) % 4 != 0) {
        log_journal_header_encode(&header, kernels, file->data);
    }
    uint64_t number = header.first_frame;
    for (uint32_t block = 1; block < blocks;) {
        uint8_t what = fuzz_u8(in);
        if (what < 200) {
            block += fuzz_frame(in, kernels, &header, number++, file, block);
        } else {
            fuzz_bytes(in, file->data + (size_t)block * LIMIT_BLOCK_BYTES, what);
            block++;
        }
    }
    if (fuzz_u8(in) % 8 == 0) {
        file->length -= fuzz_u8(in);
    }
}

static struct log_row fuzz_row(struct fuzz_input *in, uint64_t group)
{
    struct log_row row = {
        .group = group,
        .state = fuzz_u8(in) % 8 == 0 ? LOG_ROW_DELETED : LOG_ROW_LIVE,
        .flags = fuzz_u8(in) % 8 == 0 ? LOG_ROW_AMNESIAC : 0,
        .hard = {.term = fuzz_u8(in), .vote = fuzz_u8(in), .commit = fuzz_u8(in)},
        .membership_index = fuzz_u8(in),
        .start = fuzz_point(in),
        .end = fuzz_point(in),
        .segment_index = fuzz_number(in) & LOG_NUMBER_MAX,
        .segment_generation = fuzz_u8(in),
        .end_pos = (uint32_t)fuzz_number(in),
        .max_timestamp = fuzz_u8(in),
        .seq = fuzz_number(in) & LOG_NUMBER_MAX,
        .quarantine_index = fuzz_u8(in),
        .quarantine_count = fuzz_u8(in) % 2,
    };
    row.end.index &= LOG_NUMBER_MAX >> 1;
    row.gap_index = row.quarantine_count > 0 && row.quarantine_index <= row.end.index
                        ? row.quarantine_index
                        : 0;
    return row;
}

/* --- What must hold --- */

static void fuzz_check_group(const struct log_found *found)
{
    uint64_t next = found->row.end.index + 1;
    list_for_each (node, &found->entries) {
        const struct log_found_entry *entry = CONTAINER_OF(node, struct log_found_entry, in_group);
        ASSERT(entry->rec.index == next);
        ASSERT(entry->rec.last_index >= entry->rec.index);
        ASSERT((uint64_t)entry->rec.pos + entry->rec.length <= UINT32_MAX);
        next = entry->rec.last_index + 1;
    }
    if (found->is_available && found->row.state == LOG_ROW_LIVE) {
        ASSERT(found->end.index == next - 1);
        ASSERT(found->row.hard.commit <= found->end.index);
    }
    uint64_t last = 0;
    list_for_each (node, &found->ranges) {
        const struct log_found_range *range = CONTAINER_OF(node, struct log_found_range, in_group);
        ASSERT(range->first_index > last || last == 0);
        ASSERT(range->last_index >= range->first_index);
        last = range->last_index;
    }
    uint64_t segment_index = found->row.segment_index;
    list_for_each (node, &found->segments) {
        const struct log_found_segment *seg =
            CONTAINER_OF(node, struct log_found_segment, in_group);
        ASSERT(seg->start.index > segment_index);
        segment_index = seg->start.index;
    }
}

static void fuzz_visit(void *ctx, enum log_recover_row row, uint64_t boot_epoch, uint32_t lane,
                       uint64_t number, const struct log_frame *frame, uint32_t slot, uint64_t pos)
{
    uint64_t values[] = {*(uint64_t *)ctx, row, boot_epoch, lane, number, slot, pos};
    ASSERT(row <= LOG_RECOVER_F7);
    ASSERT((frame == NULL) == (slot == UINT32_MAX));
    *(uint64_t *)ctx = hash64(values, sizeof(values), 1);
}

/* Recover from the files in this order; a hash of what came of it. */
static uint64_t fuzz_run(struct budget *budget, const struct crc32c *kernels,
                         const struct log_uuid *disk, const struct log_row *rows,
                         uint32_t rows_count, const struct fuzz_file *files, uint32_t files_count,
                         bool is_reverse, uint8_t floor)
{
    struct log_recover r;
    struct log_recover_direct check;
    enum err err = log_recover_init(&r, budget, kernels, disk, floor);
    for (uint32_t i = 0; i < rows_count && err == ERR_OK; i++) {
        err = log_recover_row(&r, &rows[i]);
    }
    for (uint32_t i = 0; i < files_count && err == ERR_OK; i++) {
        uint32_t slot = is_reverse ? files_count - 1 - i : i;
        err = log_recover_file(&r, slot, files[slot].data, files[slot].length);
    }
    err = err != ERR_OK ? err : log_recover_lanes(&r);
    while (err == ERR_OK && log_recover_next_direct(&r, &check)) {
        log_recover_direct(&r, &check, check.segment_index % 3 != 0);
    }
    err = err != ERR_OK ? err : log_recover_groups(&r);
    ASSERT(err == ERR_OK);
    uint64_t hash = hash64(r.counts, sizeof(r.counts), 0);
    log_recover_visit(&r, fuzz_visit, &hash);
    list_for_each (node, &r.groups) {
        const struct log_found *found = CONTAINER_OF(node, struct log_found, in_recover);
        fuzz_check_group(found);
        uint64_t values[] = {hash,
                             found->row.group,
                             found->end.index,
                             found->end.offset,
                             found->row.end.index,
                             found->last_seq,
                             found->row.flags,
                             list_count(&found->entries),
                             list_count(&found->ranges),
                             list_count(&found->rests)};
        hash = hash64(values, sizeof(values), 2);
    }
    struct log_lane_end ends[8];
    (void)log_recover_ends(&r, ends, 8);
    log_recover_deinit(&r);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size, 0};
    struct cpu cpu;
    struct budget budget;
    struct log_uuid disk = {{1}};
    struct log_row rows[3];
    uint32_t rows_count = fuzz_u8(&in) % 4;
    uint32_t files_count = 1 + fuzz_u8(&in) % FUZZ_FILES_MAX;
    uint8_t floor = fuzz_u8(&in) % 4;
    struct fuzz_file *files = malloc(FUZZ_FILES_MAX * sizeof(*files));
    ASSERT(files != NULL);
    cpu_detect(&cpu);
    const struct crc32c *kernels = crc32c_for(&cpu);
    budget_init(&budget, "recover", 256u << 20, NULL);
    for (uint32_t i = 0; i < rows_count; i++) {
        rows[i] = fuzz_row(&in, 1 + i);
    }
    for (uint32_t i = 0; i < files_count; i++) {
        fuzz_file(&in, kernels, &disk, &files[i]);
    }
    uint64_t once =
        fuzz_run(&budget, kernels, &disk, rows, rows_count, files, files_count, false, floor);
    uint64_t again =
        fuzz_run(&budget, kernels, &disk, rows, rows_count, files, files_count, true, floor);
    ASSERT(once == again);
    budget_deinit(&budget);
    free(files);
    return 0;
}
