/* See recover_build.h. */
#include "tests/unit/storage/recover_build.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/formats.h"

#define BUILD_FRAME_BYTES_MAX (256u << 10)

struct build *build_new(void)
{
    struct build *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    b->kernels = formats_kernels();
    for (uint8_t i = 0; i < 16; i++) {
        b->disk.bytes[i] = (uint8_t)(0xa0 + i);
    }
    budget_init(&b->budget, "recover", 256u << 20, NULL);
    b->next_file_number = 1;
    b->file_bytes = 64 * LIMIT_BLOCK_BYTES;
    b->records = malloc(BUILD_FRAME_BYTES_MAX);
    assert_non_null(b->records);
    return b;
}

static void build_end_recovery(struct build *b)
{
    if (b->is_recovered) {
        log_recover_deinit(&b->r);
        b->is_recovered = false;
    }
}

void build_free(struct build *b)
{
    build_end_recovery(b);
    budget_deinit(&b->budget);
    for (uint32_t i = 0; i < b->files_count; i++) {
        free(b->files[i].data);
    }
    for (uint32_t i = 0; i < b->groups_count; i++) {
        struct build_group *g = b->groups[i];
        for (uint32_t n = 0; n < BUILD_SEQ_MAX; n++) {
            free(g->states[n]);
        }
        free(g);
    }
    free(b->records);
    free(b);
}

struct build_group *build_group(struct build *b, uint64_t group)
{
    for (uint32_t i = 0; i < b->groups_count; i++) {
        if (b->groups[i]->group == group) {
            return b->groups[i];
        }
    }
    assert_true(b->groups_count < BUILD_GROUPS_MAX);
    struct build_group *g = calloc(1, sizeof(*g));
    assert_non_null(g);
    g->group = group;
    g->now.start.index = 1;
    g->now.max_timestamp = -1;
    b->groups[b->groups_count++] = g;
    return g;
}

/* --- Files, lanes, frames --- */

struct build_lane *build_lane(struct build *b, uint64_t boot_epoch, uint32_t number)
{
    for (uint32_t i = 0; i < b->lanes_count; i++) {
        if (b->lanes[i].boot_epoch == boot_epoch && b->lanes[i].lane == number) {
            return &b->lanes[i];
        }
    }
    assert_true(b->lanes_count < BUILD_LANES_MAX);
    struct build_lane *lane = &b->lanes[b->lanes_count++];
    *lane = (struct build_lane){
        .boot_epoch = boot_epoch, .lane = number, .next_number = 1, .file = UINT32_MAX};
    return lane;
}

void build_file(struct build *b, uint64_t boot_epoch, uint32_t number)
{
    struct build_lane *lane = build_lane(b, boot_epoch, number);
    assert_true(b->files_count < BUILD_FILES_MAX);
    struct build_file *file = &b->files[b->files_count];
    uint64_t previous = lane->file != UINT32_MAX ? b->files[lane->file].number : 0;
    lane->file = b->files_count++;
    file->data = calloc(1, b->file_bytes);
    assert_non_null(file->data);
    file->length = b->file_bytes;
    file->pos = LOG_JOURNAL_HEADER_BYTES;
    file->number = b->next_file_number++;
    file->boot_epoch = boot_epoch;
    file->lane = number;
    struct log_journal_header header = {
        .lane = number,
        .disk = b->disk,
        .boot_epoch = boot_epoch,
        .file_number = file->number,
        .previous_number = previous,
        .first_frame = lane->next_number,
        .file_bytes = b->file_bytes,
    };
    log_journal_header_encode(&header, b->kernels, file->data);
}

void build_begin(struct build *b, uint64_t boot_epoch, uint32_t number, uint64_t durable_through)
{
    struct build_lane *lane = build_lane(b, boot_epoch, number);
    assert_null(b->lane);
    if (lane->file == UINT32_MAX) {
        build_file(b, boot_epoch, number);
    }
    assert_true(b->frames_count < BUILD_FRAMES_MAX);
    b->lane = lane;
    b->w = bytes_writer(b->records, BUILD_FRAME_BYTES_MAX);
    b->seed = log_frame_seed(b->kernels, &b->disk, boot_epoch, b->files[lane->file].number,
                             lane->next_number);
    b->durable_through = durable_through;
    b->frame_rows_count = 0;
    b->frames[b->frames_count].records_count = 0;
}

struct build_frame *build_end(struct build *b)
{
    struct build_lane *lane = b->lane;
    struct build_file *file = &b->files[lane->file];
    struct build_frame *frame = &b->frames[b->frames_count++];
    size_t rows_bytes = b->frame_rows_count * (size_t)LOG_FRAME_ROW_BYTES;
    size_t copy_bytes = lane->rows_count * (size_t)LOG_FRAME_ROW_BYTES;
    size_t bytes = LOG_FRAME_HEADER_BYTES + rows_bytes + copy_bytes + b->w.pos;
    bytes = (bytes + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    assert_int_equal(b->w.err, ERR_OK);
    assert_true(bytes <= file->length - file->pos);
    frame->file = lane->file;
    frame->pos = file->pos;
    frame->head = (struct log_frame){
        .flags = frame->records_count == 0 ? LOG_FRAME_SEAL : 0,
        .disk = b->disk,
        .boot_epoch = lane->boot_epoch,
        .lane = lane->lane,
        .file_number = file->number,
        .number = lane->next_number++,
        .durable_through = b->durable_through,
        .frame_bytes = (uint32_t)bytes,
        .rows_count = b->frame_rows_count,
        .copy_count = lane->rows_count,
        .records_count = frame->records_count,
        .records_bytes = (uint32_t)b->w.pos,
    };
    uint8_t *data = file->data + file->pos;
    struct bytes_writer w = bytes_writer(data, bytes);
    bytes_put_zeros(&w, LOG_FRAME_HEADER_BYTES);
    for (uint32_t i = 0; i < b->frame_rows_count; i++) {
        log_frame_row_put(&w, &b->frame_rows[i]);
    }
    for (uint32_t i = 0; i < lane->rows_count; i++) {
        log_frame_row_put(&w, &lane->rows[i]);
    }
    size_t records_pos = w.pos;
    frame->head.rows_crc = crc32c(b->kernels, b->seed, data + LOG_FRAME_HEADER_BYTES, rows_bytes);
    frame->head.copy_crc =
        crc32c(b->kernels, b->seed, data + LOG_FRAME_HEADER_BYTES + rows_bytes, copy_bytes);
    bytes_put_copy(&w, b->records, b->w.pos);
    bytes_put_zeros(&w, bytes - w.pos);
    assert_int_equal(w.err, ERR_OK);
    log_frame_encode(&frame->head, b->kernels, data);
    for (uint32_t i = 0; i < frame->records_count; i++) {
        frame->record_pos[i] += records_pos;
    }
    file->pos += bytes;
    memcpy(lane->rows, b->frame_rows, sizeof(lane->rows));
    lane->rows_count = b->frame_rows_count;
    b->lane = NULL;
    return frame;
}

struct build_frame *build_lanes(struct build *b, uint64_t boot_epoch,
                                const struct log_lane_end *ends, uint32_t count)
{
    uint8_t data[BUILD_LANES_MAX * LOG_LANE_END_BYTES];
    struct bytes_writer w = bytes_writer(data, sizeof(data));
    for (uint32_t i = 0; i < count; i++) {
        log_lane_end_put(&w, &ends[i]);
    }
    assert_int_equal(w.err, ERR_OK);
    build_begin(b, boot_epoch, 0, 0);
    struct log_record record = {
        .kind = LOG_RECORD_LANES, .data = data, .data_bytes = (uint32_t)w.pos};
    build_record(b, NULL, &record);
    return build_end(b);
}

struct build_frame *build_seal(struct build *b, uint64_t boot_epoch, uint32_t lane,
                               uint64_t durable_through)
{
    build_begin(b, boot_epoch, lane, durable_through);
    return build_end(b);
}

/* --- Records --- */

static uint32_t build_what(enum log_record_kind kind)
{
    switch (kind) {
    case LOG_RECORD_ENTRY: return 0;
    case LOG_RECORD_HARD: return LOG_ROW_HARD;
    case LOG_RECORD_CUT: return LOG_ROW_CUT;
    case LOG_RECORD_TAIL: return LOG_ROW_TAIL;
    case LOG_RECORD_TRIM:
    case LOG_RECORD_ROLL: return LOG_ROW_MOVE;
    case LOG_RECORD_CREATE:
    case LOG_RECORD_DELETE:
    case LOG_RECORD_RESET:
    case LOG_RECORD_SWITCH:
    case LOG_RECORD_MARK:
    case LOG_RECORD_LANES: return LOG_ROW_CONTROL;
    }
    UNREACHABLE();
}

/* The frame's directory has `record`. */
static void build_directory(struct build *b, const struct log_record *record)
{
    uint32_t i = 0;
    while (i < b->frame_rows_count && b->frame_rows[i].group != record->group) {
        i++;
    }
    if (i == b->frame_rows_count) {
        assert_true(i < BUILD_ROWS_MAX);
        b->frame_rows[b->frame_rows_count++] = (struct log_frame_row){.group = record->group};
    }
    struct log_frame_row *row = &b->frame_rows[i];
    row->last_seq = record->seq;
    row->what |= build_what(record->kind);
    const struct build_group *g = build_group(b, record->group);
    uint64_t first = 0;
    uint64_t last = g->now.end.index;
    if (record->kind == LOG_RECORD_ENTRY) {
        first = record->entry.index;
        last = first;
    } else if (record->kind == LOG_RECORD_TAIL && record->tail.recs_count > 0) {
        first = record->tail.first_index;
    } else if (record->kind == LOG_RECORD_CUT && row->last_index > record->cut.end.index) {
        first = row->first_index <= record->cut.end.index ? row->first_index : 0;
        row->first_index = 0;
        last = first != 0 ? record->cut.end.index : 0;
    } else {
        return;
    }
    row->first_index = row->first_index == 0 || first < row->first_index ? first : row->first_index;
    row->last_index = last;
    row->next_offset = g->now.end.offset;
    row->last_term = g->now.end.term;
}

void build_record(struct build *b, struct build_group *g, struct log_record *record)
{
    struct build_frame *frame = &b->frames[b->frames_count];
    assert_non_null(b->lane);
    assert_true(frame->records_count < BUILD_RECORDS_MAX);
    if (g != NULL) { /* its state afterwards is kept */
        assert_true(g->now.seq + 1 < BUILD_SEQ_MAX);
        record->group = g->group;
        record->seq = ++g->now.seq;
        build_directory(b, record);
        free(g->states[record->seq]);
        g->states[record->seq] = malloc(sizeof(g->now));
        assert_non_null(g->states[record->seq]);
        *g->states[record->seq] = g->now;
    }
    frame->record_pos[frame->records_count] = b->w.pos;
    frame->record_group[frame->records_count] = record->group;
    frame->record_seq[frame->records_count++] = record->seq;
    log_record_put(&b->w, b->kernels, b->seed, record);
}

void build_create(struct build *b, struct build_group *g)
{
    struct log_record record = {.kind = LOG_RECORD_CREATE};
    record.create.topic.bytes[0] = (uint8_t)g->group;
    record.create.partition = (uint32_t)g->group;
    g->now.is_created = true;
    build_record(b, g, &record);
}

/* A Kafka batch of `body_bytes` behind its header: one record. Its content differs by seed. */
static uint8_t *build_batch(const struct build *b, uint64_t base_offset, uint32_t term,
                            uint32_t body_bytes, int64_t timestamp, uint8_t seed)
{
    size_t bytes = LOG_BATCH_HEADER_BYTES + (size_t)body_bytes;
    uint8_t *data = malloc(bytes);
    assert_non_null(data);
    struct bytes_writer w = bytes_writer(data, bytes);
    bytes_put_u64be(&w, base_offset);
    bytes_put_u32be(&w, (uint32_t)bytes - LOG_BATCH_PREFIX_BYTES);
    bytes_put_u32be(&w, term);
    bytes_put_u8(&w, 2);
    bytes_put_u32be(&w, 0);
    bytes_put_u16be(&w, 0);
    bytes_put_u32be(&w, 0);
    bytes_put_u64be(&w, (uint64_t)timestamp);
    bytes_put_u64be(&w, (uint64_t)timestamp);
    bytes_put_u64be(&w, UINT64_MAX);
    bytes_put_u16be(&w, UINT16_MAX);
    bytes_put_u32be(&w, UINT32_MAX);
    bytes_put_u32be(&w, 1);
    for (uint32_t i = 0; i < body_bytes; i++) {
        bytes_put_u8(&w, (uint8_t)(seed + i * 7));
    }
    assert_int_equal(w.err, ERR_OK);
    bytes_patch_u32be(&w, 17, crc32c(b->kernels, 0, data + 21, bytes - 21));
    return data;
}

/* The group has one entry more, whose bytes are `data`. */
static const struct log_sidecar *build_take(struct build *b, struct build_group *g,
                                            const uint8_t *data, uint32_t bytes)
{
    struct log_batch batch;
    struct build_state *now = &g->now;
    uint64_t index = now->end.index + 1;
    assert_true(index < BUILD_INDEX_MAX);
    assert_int_equal(log_batch_decode(data, bytes, &batch), ERR_OK);
    if (now->segment_index == 0) {
        now->segment_index = index;
    }
    uint32_t header_crc = log_batch_header_crc(b->kernels, data);
    struct hash128 chain = log_chain(now->end.chain, index, batch.term, &batch, header_crc);
    log_sidecar_fill(&g->now.recs[index], index, now->end_pos, &batch, header_crc, chain,
                     now->max_timestamp);
    now->end = (struct log_point){
        .index = index,
        .offset = log_batch_next_offset(&batch),
        .term = batch.term,
        .chain = chain,
    };
    now->end_pos += bytes;
    now->max_timestamp = g->now.recs[index].max_timestamp;
    now->segments[index] = now->segment_index;
    if (batch.kind == LOG_KIND_MEMBERSHIP) {
        now->membership_index = index;
    }
    return &g->now.recs[index];
}

static void build_entry_record(struct build *b, struct build_group *g, uint8_t *data,
                               uint32_t bytes)
{
    const struct log_sidecar *rec = build_take(b, g, data, bytes);
    struct log_record record = {
        .kind = LOG_RECORD_ENTRY,
        .header_crc = rec->header_crc,
        .data = data,
        .data_bytes = bytes,
    };
    record.entry.index = rec->index;
    record.entry.base_offset = rec->base_offset;
    record.entry.term = rec->term;
    record.entry.last_offset_delta = rec->last_offset_delta;
    record.entry.chain = rec->chain;
    build_record(b, g, &record);
}

void build_entry(struct build *b, struct build_group *g, uint32_t term, uint32_t body_bytes)
{
    uint8_t *data = build_batch(b, g->now.end.offset, term, body_bytes, (int64_t)g->now.seq,
                                (uint8_t)(g->now.seq + g->group));
    build_entry_record(b, g, data, LOG_BATCH_HEADER_BYTES + body_bytes);
    free(data);
}

void build_membership(struct build *b, struct build_group *g, uint32_t term)
{
    uint8_t *data = malloc(128);
    assert_non_null(data);
    struct bytes_writer w = bytes_writer(data, 128);
    log_batch_put_internal(&w, b->kernels, LOG_KIND_MEMBERSHIP, "voters", 6, g->now.end.offset,
                           term, 5);
    assert_int_equal(w.err, ERR_OK);
    build_entry_record(b, g, data, (uint32_t)w.pos);
    free(data);
}

void build_hard(struct build *b, struct build_group *g, uint32_t term, uint32_t vote,
                uint64_t commit)
{
    struct log_record record = {.kind = LOG_RECORD_HARD};
    record.hard = (struct log_hard_state){.term = term, .vote = vote, .commit = commit};
    g->now.hard = record.hard;
    build_record(b, g, &record);
}

/* What stands before `first_index`. */
static struct log_point build_point(const struct build_group *g, uint64_t first_index)
{
    uint64_t index = first_index - 1;
    if (index == g->now.end.index) {
        return g->now.end;
    }
    if (index == 0) {
        return (struct log_point){0};
    }
    return (struct log_point){
        .index = index,
        .offset = log_sidecar_next_offset(&g->now.recs[index]),
        .term = g->now.recs[index].term,
        .chain = g->now.recs[index].chain,
    };
}

void build_cut(struct build *b, struct build_group *g, uint64_t first_index)
{
    struct log_record record = {.kind = LOG_RECORD_CUT};
    struct build_state *now = &g->now;
    record.cut.end = build_point(g, first_index);
    record.cut.generation = ++now->generation;
    now->end = record.cut.end;
    now->segment_index = first_index;
    now->end_pos = 0;
    now->written_bytes = 0;
    now->max_timestamp = first_index > 1 ? g->now.recs[first_index - 1].max_timestamp : -1;
    if (now->membership_index >= first_index) {
        now->membership_index = 0;
        for (uint64_t i = first_index - 1; i > 0 && now->membership_index == 0; i--) {
            now->membership_index = g->now.recs[i].kind == LOG_KIND_MEMBERSHIP ? i : 0;
        }
    }
    build_record(b, g, &record);
}

void build_trim(struct build *b, struct build_group *g, uint64_t first_index)
{
    struct log_record record = {.kind = LOG_RECORD_TRIM};
    record.trim.start = build_point(g, first_index);
    record.trim.start.index = first_index;
    g->now.start = record.trim.start;
    build_record(b, g, &record);
}

void build_roll(struct build *b, struct build_group *g)
{
    struct log_record record = {.kind = LOG_RECORD_ROLL};
    record.segment.segment_index = g->now.end.index + 1;
    record.segment.generation = g->now.generation;
    g->now.segment_index = record.segment.segment_index;
    g->now.end_pos = 0;
    g->now.written_bytes = 0;
    build_record(b, g, &record);
}

void build_reset(struct build *b, struct build_group *g, const struct log_point *start)
{
    struct log_record record = {.kind = LOG_RECORD_RESET};
    struct build_state *now = &g->now;
    record.trim.start = *start;
    record.trim.generation = ++now->generation;
    now->start = *start;
    now->end = *start;
    now->end.index--;
    now->segment_index = start->index;
    now->end_pos = 0;
    now->written_bytes = 0;
    now->max_timestamp = -1;
    now->membership_index = 0;
    build_record(b, g, &record);
}

void build_delete(struct build *b, struct build_group *g)
{
    struct log_record record = {.kind = LOG_RECORD_DELETE};
    g->now.is_deleted = true;
    build_record(b, g, &record);
}

void build_mark(struct build *b, struct build_group *g, enum log_mark what, uint64_t first_index,
                uint64_t last_index)
{
    struct log_record record = {.kind = LOG_RECORD_MARK};
    record.mark.what = what;
    record.mark.first_index = first_index;
    record.mark.last_index = last_index;
    build_record(b, g, &record);
}

/* A tail of the entries from `first_index` to the end. */
static void build_tail(struct build *b, struct build_group *g, uint64_t first_index, uint8_t flags)
{
    uint32_t count = (uint32_t)(g->now.end.index + 1 - first_index);
    uint32_t written = g->now.end_pos / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    uint32_t rest = g->now.end_pos - written;
    size_t bytes = (size_t)count * LOG_SIDECAR_BYTES + rest;
    uint8_t *data = calloc(1, bytes > 0 ? bytes : 1);
    uint32_t seed = log_sidecar_seed(b->kernels, g->group, g->now.generation);
    uint32_t before = 0;
    assert_non_null(data);
    for (uint32_t i = 0; i < count; i++) {
        log_sidecar_encode(&g->now.recs[first_index + i], b->kernels, seed,
                           data + (size_t)i * LOG_SIDECAR_BYTES);
    }
    before = (uint32_t)(first_index - g->now.segment_index);
    struct log_record record = {
        .kind = LOG_RECORD_TAIL, .flags = flags, .data = data, .data_bytes = (uint32_t)bytes};
    record.tail.segment_index = g->now.segment_index;
    record.tail.generation = g->now.generation;
    record.tail.recs_count = count;
    record.tail.first_index = first_index;
    record.tail.recs_before = before;
    record.tail.written_bytes = written;
    record.tail.rest_bytes = rest;
    if (flags == LOG_TAIL_DIRECT) {
        record.tail.direct_pos = g->now.written_bytes;
        record.tail.direct_crc =
            g->now.written_bytes < written ? build_direct_crc(g, first_index) : 0;
    }
    g->now.written_bytes = written;
    build_record(b, g, &record);
    free(data);
}

void build_direct(struct build *b, struct build_group *g, uint32_t term, uint32_t body_bytes,
                  uint32_t count)
{
    uint64_t first_index = g->now.end.index + 1;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *data = build_batch(b, g->now.end.offset, term, body_bytes, (int64_t)g->now.seq,
                                    (uint8_t)(g->now.seq + g->group + i * 31));
        (void)build_take(b, g, data, LOG_BATCH_HEADER_BYTES + body_bytes);
        free(data);
    }
    build_tail(b, g, first_index, LOG_TAIL_DIRECT);
}

void build_whole(struct build *b, struct build_group *g, uint64_t first_index)
{
    build_tail(b, g, first_index, 0);
}

void build_rewind(struct build_group *g, uint64_t seq)
{
    if (seq == 0) {
        memset(&g->now, 0, sizeof(g->now));
        g->now.start.index = 1;
        g->now.max_timestamp = -1;
    } else {
        assert_non_null(g->states[seq]);
        g->now = *g->states[seq];
    }
}

struct log_row *build_settle(struct build *b, struct build_group *g, uint64_t seq)
{
    const struct build_state *state = g->states[seq];
    assert_non_null(state);
    struct log_row *row = NULL;
    for (uint32_t i = 0; i < b->rows_count; i++) {
        row = b->rows[i].group == g->group ? &b->rows[i] : row;
    }
    if (row == NULL) {
        assert_true(b->rows_count < BUILD_GROUPS_MAX);
        row = &b->rows[b->rows_count++];
    }
    uint32_t recs_count =
        state->segment_index == 0 ? 0 : (uint32_t)(state->end.index + 1 - state->segment_index);
    *row = (struct log_row){
        .group = g->group,
        .partition = (uint32_t)g->group,
        .state = state->is_deleted ? LOG_ROW_DELETED : LOG_ROW_LIVE,
        .hard = state->hard,
        .membership_index = state->membership_index,
        .start = state->start,
        .end = state->end,
        .segment_index = state->segment_index,
        .segment_generation = state->generation,
        .recs_count = recs_count,
        .written_bytes = state->end_pos / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES,
        .end_pos = state->end_pos,
        .max_timestamp = state->max_timestamp,
        .seq = seq,
    };
    row->topic.bytes[0] = (uint8_t)g->group;
    return row;
}

/* --- Damage --- */

uint32_t build_direct_crc(const struct build_group *g, uint64_t first_index)
{
    return (uint32_t)g->now.recs[first_index].chain.low;
}

void build_tear_direct(struct build *b, const struct build_group *g, uint64_t first_index)
{
    assert_true(b->unsound_count < BUILD_UNSOUND_MAX);
    b->unsound[b->unsound_count++] = build_direct_crc(g, first_index);
}

void build_flip(struct build *b, const struct build_frame *frame, size_t pos)
{
    assert_true(pos < frame->head.frame_bytes);
    b->files[frame->file].data[frame->pos + pos] ^= 0x10;
}

void build_zero(struct build *b, const struct build_frame *frame, uint32_t first, uint32_t count)
{
    size_t pos = (size_t)first * LIMIT_BLOCK_BYTES;
    size_t bytes = (size_t)count * LIMIT_BLOCK_BYTES;
    assert_true(pos + bytes <= frame->head.frame_bytes);
    memset(b->files[frame->file].data + frame->pos + pos, 0, bytes);
}

/* --- Recovery --- */

void build_recover(struct build *b)
{
    build_recover_in(b, NULL);
}

static bool build_is_direct_sound(const struct build *b, const struct log_recover_direct *check)
{
    for (uint32_t i = 0; i < b->unsound_count; i++) {
        if (b->unsound[i] == check->crc) {
            return false;
        }
    }
    return true;
}

void build_recover_in(struct build *b, const uint32_t *order)
{
    build_end_recovery(b);
    assert_int_equal(log_recover_init(&b->r, &b->budget, b->kernels, &b->disk, b->floor), ERR_OK);
    b->is_recovered = true;
    for (uint32_t i = 0; i < b->rows_count; i++) {
        assert_int_equal(log_recover_row(&b->r, &b->rows[i]), ERR_OK);
    }
    for (uint32_t i = 0; i < b->files_count; i++) {
        uint32_t slot = order != NULL ? order[i] : i;
        const struct build_file *file = &b->files[slot];
        uint8_t *copy = malloc(file->length); /* nothing of it may be needed afterwards */
        assert_non_null(copy);
        memcpy(copy, file->data, file->length);
        enum err err = log_recover_file(&b->r, slot, copy, file->length);
        free(copy);
        assert_int_equal(err, ERR_OK);
    }
    assert_int_equal(log_recover_lanes(&b->r), ERR_OK);
    struct log_recover_direct check;
    while (log_recover_next_direct(&b->r, &check)) {
        log_recover_direct(&b->r, &check, build_is_direct_sound(b, &check));
    }
    assert_int_equal(log_recover_groups(&b->r), ERR_OK);
}

struct log_found *build_found(const struct build *b, uint64_t group)
{
    list_for_each (node, &b->r.groups) {
        struct log_found *found = CONTAINER_OF(node, struct log_found, in_recover);
        if (found->row.group == group) {
            return found;
        }
    }
    return NULL;
}

const struct log_found_entry *build_found_entry(const struct log_found *found, uint64_t index)
{
    list_for_each (node, &found->entries) {
        const struct log_found_entry *entry = CONTAINER_OF(node, struct log_found_entry, in_group);
        if (entry->rec.index <= index && index <= entry->rec.last_index) {
            return entry;
        }
    }
    return NULL;
}

bool build_is_quarantined(const struct log_found *found, uint64_t index)
{
    list_for_each (node, &found->ranges) {
        const struct log_found_range *range = CONTAINER_OF(node, struct log_found_range, in_group);
        if (range->first_index <= index && index <= range->last_index) {
            return true;
        }
    }
    return false;
}

uint64_t build_frames_decided(const struct build *b)
{
    uint64_t count = 0;
    for (uint32_t row = LOG_RECOVER_F1; row <= LOG_RECOVER_F7; row++) {
        count += b->r.counts[row];
    }
    return count;
}

static void build_digest_row(void *ctx, enum log_recover_row row, uint64_t boot_epoch,
                             uint32_t lane, uint64_t number, const struct log_frame *frame,
                             uint32_t slot, uint64_t pos)
{
    uint64_t values[] = {*(uint64_t *)ctx, row, boot_epoch, lane, number, frame != NULL, slot, pos};
    *(uint64_t *)ctx = hash64(values, sizeof(values), 1);
}

uint64_t build_digest(const struct build *b)
{
    uint64_t digest = hash64(b->r.counts, sizeof(b->r.counts), 0);
    log_recover_visit(&b->r, build_digest_row, &digest);
    list_for_each (node, &b->r.groups) {
        const struct log_found *found = CONTAINER_OF(node, struct log_found, in_recover);
        uint8_t row[LOG_TABLE_ROW_BYTES];
        log_row_encode(&found->row, b->kernels, 0, row);
        digest = hash64(row, sizeof(row), digest);
        uint64_t values[] = {found->last_seq,          found->end.index,
                             found->end.offset,        found->end.term,
                             found->end.chain.low,     (uint64_t)found->max_timestamp,
                             found->file_lowest,       found->is_available,
                             found->is_tail_torn,      list_count(&found->segments),
                             list_count(&found->rests)};
        digest = hash64(values, sizeof(values), digest);
        list_for_each (at, &found->entries) {
            const struct log_found_entry *entry =
                CONTAINER_OF(at, struct log_found_entry, in_group);
            uint8_t rec[LOG_SIDECAR_BYTES];
            log_sidecar_encode(&entry->rec, b->kernels, 0, rec);
            digest = hash64(rec, sizeof(rec), digest);
            uint64_t place[] = {entry->segment_index, entry->where, entry->slot, entry->slot_pos,
                                entry->file_number};
            digest = hash64(place, sizeof(place), digest);
        }
        list_for_each (at, &found->ranges) {
            const struct log_found_range *range =
                CONTAINER_OF(at, struct log_found_range, in_group);
            uint64_t ends[] = {range->first_index, range->last_index, range->next_offset,
                               range->term};
            digest = hash64(ends, sizeof(ends), digest);
        }
    }
    return digest;
}

struct build *build_scene(void)
{
    struct build *b = build_new();
    struct build_group *g = build_group(b, 7);
    (void)build_lanes(b, 1, NULL, 0);
    build_begin(b, 1, 0, 1);
    build_create(b, g);
    build_roll(b, g);
    build_entry(b, g, 1, 100);
    build_entry(b, g, 1, 200);
    build_entry(b, g, 1, 300);
    (void)build_end(b);
    return b;
}

void build_lose_records(struct build *b, const struct build_frame *frame)
{
    for (uint32_t i = 0; i < frame->records_count; i++) {
        build_flip(b, frame, frame->record_pos[i] + 16);
    }
}
