/* Recovery: what verifies of a frame. See recover_int.h.
 *
 * Records carry their own checksums from the frame seed, so those around a bad one are kept: the
 * next is looked for at every place where one may begin. A record found so must be one the
 * directory knows of, where that is readable. The search is bounded: bytes that somebody chose
 * could ask for a checksum over the whole frame at each of its places. */
#include <string.h>

#include "base/assert.h"
#include "storage/log/recover_int.h"

/* Bytes of record bodies that the search for the next good record of a frame may sum, per byte of
 * the frame. */
#define RECOVER_SEARCH_FACTOR 16u

/* The records of a frame being read. */
struct recover_reading {
    struct recover_frame *frame; /* the frame */
    const uint8_t *data;         /* its bytes */
    size_t length;               /* those that the file holds */
    uint32_t seed;               /* its seed */
    uint64_t search_bytes;       /* that may still be summed while searching */
    uint32_t found_count;        /* records kept */
    bool is_searching;           /* behind a bad one */
};

static bool recover_frame_rows_are_valid(const struct log_recover *r,
                                         const struct recover_reading *reading, size_t pos,
                                         uint32_t count, uint32_t crc);
static bool recover_frame_is_good(const struct recover_frame *frame);
static enum err recover_frame_rows_keep(struct log_recover *r,
                                        const struct recover_reading *reading, size_t pos,
                                        uint32_t count, const struct log_frame_row **out);
static enum err recover_frame_records(struct log_recover *r, struct recover_reading *reading);
static bool recover_frame_may_begin(struct recover_reading *reading, size_t pos);
static bool recover_frame_is_named(struct recover_reading *reading, uint64_t group, uint64_t seq);
static bool recover_frame_tail_is_valid(const struct log_recover *r,
                                        const struct log_record *record);
static enum err recover_frame_keep(struct log_recover *r, struct recover_reading *reading,
                                   const struct log_record *record);
static enum err recover_frame_keep_entry(struct log_recover *r, struct recover_record *rec,
                                         const uint8_t *data);
static enum err recover_frame_keep_data(struct log_recover *r, struct recover_record *rec,
                                        const struct log_record *record);

enum err recover_frame_read(struct log_recover *r, struct recover_file *file, uint64_t pos,
                            const struct log_frame *head)
{
    struct recover_state *state = r->state;
    void *made = NULL;
    enum err err = recover_alloc(r, sizeof(struct recover_frame), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct recover_frame *frame = made;
    frame->head = *head;
    frame->slot = file->slot;
    frame->pos = pos;
    frame->is_sound = true;
    uint64_t left = file->length - pos;
    struct recover_reading reading = {
        .frame = frame,
        .data = file->data + pos,
        .length = left < head->frame_bytes ? (size_t)left : head->frame_bytes,
        .seed = log_frame_seed(r->kernels, &head->disk, head->boot_epoch, head->file_number,
                               head->number),
        .search_bytes = (uint64_t)head->frame_bytes * RECOVER_SEARCH_FACTOR,
    };
    size_t rows_pos = log_frame_rows_pos();
    size_t copy_pos = log_frame_copy_pos(head);
    frame->has_rows =
        recover_frame_rows_are_valid(r, &reading, rows_pos, head->rows_count, head->rows_crc);
    frame->has_copy =
        recover_frame_rows_are_valid(r, &reading, copy_pos, head->copy_count, head->copy_crc);
    err = recover_frame_records(r, &reading);
    if (err == ERR_OK && frame->has_rows && !recover_frame_is_good(frame)) {
        err = recover_frame_rows_keep(r, &reading, rows_pos, head->rows_count, &frame->rows);
    }
    const struct recover_frame *last = file->last;
    bool is_previous_good =
        last != NULL && last->head.number + 1 == head->number && recover_frame_is_good(last);
    if (err == ERR_OK && frame->has_copy && !is_previous_good) {
        err = recover_frame_rows_keep(r, &reading, copy_pos, head->copy_count, &frame->copy);
    }
    if (err != ERR_OK) {
        return err;
    }
    recover_push(&state->frames, &frame->link);
    file->last = frame;
    return ERR_OK;
}

/* Whether the frame verifies whatever D is and whatever is found in segments: nobody will ask for
 * its directory. */
static bool recover_frame_is_good(const struct recover_frame *frame)
{
    return frame->has_rows && frame->is_whole && frame->is_sound && !frame->has_direct;
}

static bool recover_frame_rows_are_valid(const struct log_recover *r,
                                         const struct recover_reading *reading, size_t pos,
                                         uint32_t count, uint32_t crc)
{
    size_t bytes = (size_t)count * LOG_FRAME_ROW_BYTES;
    if (pos > reading->length || bytes > reading->length - pos ||
        crc != crc32c(r->kernels, reading->seed, reading->data + pos, bytes)) {
        return false;
    }
    struct bytes_reader reader = bytes_reader(reading->data + pos, bytes);
    for (uint32_t i = 0; i < count; i++) {
        (void)log_frame_row_get(&reader);
    }
    return reader.err == ERR_OK;
}

/* Keep a directory that verifies. */
static enum err recover_frame_rows_keep(struct log_recover *r,
                                        const struct recover_reading *reading, size_t pos,
                                        uint32_t count, const struct log_frame_row **out)
{
    if (count == 0) {
        return ERR_OK;
    }
    void *made = NULL;
    enum err err = recover_alloc(r, count * sizeof(struct log_frame_row), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_frame_row *rows = made;
    struct bytes_reader reader =
        bytes_reader(reading->data + pos, (size_t)count * LOG_FRAME_ROW_BYTES);
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = log_frame_row_get(&reader);
    }
    *out = rows;
    return ERR_OK;
}

static enum err recover_frame_records(struct log_recover *r, struct recover_reading *reading)
{
    struct recover_frame *frame = reading->frame;
    uint64_t end = log_frame_records_pos(&frame->head) + (uint64_t)frame->head.records_bytes;
    bool is_cut_short = end > reading->length;
    size_t stop = is_cut_short ? reading->length : (size_t)end;
    size_t pos = log_frame_records_pos(&frame->head);
    bool has_bad = is_cut_short;
    while (pos < stop) {
        struct bytes_reader reader = bytes_reader(reading->data, stop);
        struct log_record record = {0};
        reader.pos = pos;
        bool is_good = !reading->is_searching || recover_frame_may_begin(reading, pos);
        if (is_good) {
            log_record_get(&reader, r->kernels, reading->seed, &record);
            is_good = reader.err == ERR_OK && recover_frame_tail_is_valid(r, &record);
        }
        if (!is_good) {
            has_bad = true;
            reading->is_searching = true;
            pos += LOG_RECORD_ALIGN;
            continue;
        }
        enum err err = recover_frame_keep(r, reading, &record);
        if (err != ERR_OK) {
            return err;
        }
        reading->is_searching = false;
        pos = reader.pos;
    }
    frame->is_whole = !has_bad && reading->found_count == frame->head.records_count;
    return ERR_OK;
}

/* Whether to look for a record at `pos`, where chance alone may have put bytes. */
static bool recover_frame_may_begin(struct recover_reading *reading, size_t pos)
{
    struct bytes_reader reader = bytes_reader(reading->data + pos, reading->length - pos);
    uint8_t kind = bytes_get_u8(&reader);
    bytes_skip(&reader, 3);
    uint32_t body_bytes = bytes_get_u32le(&reader);
    uint64_t group = bytes_get_u64le(&reader);
    uint64_t seq = bytes_get_u64le(&reader);
    if (reader.err != ERR_OK || kind == 0 || kind > LOG_RECORD_LANES ||
        body_bytes > reading->length - pos || !recover_frame_is_named(reading, group, seq)) {
        return false;
    }
    uint64_t cost = kind == LOG_RECORD_ENTRY ? LOG_RECORD_ENTRY_BYTES : body_bytes;
    if (cost > reading->search_bytes) {
        return false;
    }
    reading->search_bytes -= cost;
    return true;
}

/* Whether the frame's directory, if it is readable, has the group with a group_seq up to `seq`. */
static bool recover_frame_is_named(struct recover_reading *reading, uint64_t group, uint64_t seq)
{
    const struct recover_frame *frame = reading->frame;
    if (!frame->has_rows) {
        return true;
    }
    uint64_t cost = (uint64_t)frame->head.rows_count * LOG_RECORD_ALIGN;
    if (cost > reading->search_bytes) {
        return false;
    }
    reading->search_bytes -= cost;
    struct bytes_reader reader = bytes_reader(reading->data + log_frame_rows_pos(),
                                              (size_t)frame->head.rows_count * LOG_FRAME_ROW_BYTES);
    for (uint32_t i = 0; i < frame->head.rows_count; i++) {
        struct log_frame_row row = log_frame_row_get(&reader);
        if (row.group == group) {
            return seq <= row.last_seq;
        }
    }
    return false;
}

/* Whether a tail's sidecar records are what a segment holds: they verify and follow each other,
 * behind a gap perhaps at a distance. */
static bool recover_frame_tail_is_valid(const struct log_recover *r,
                                        const struct log_record *record)
{
    if (record->kind != LOG_RECORD_TAIL) {
        return true;
    }
    uint32_t seed = log_sidecar_seed(r->kernels, record->group, record->tail.generation);
    uint64_t index = record->tail.first_index;
    uint32_t pos = 0;
    bool is_gap = false;
    for (uint32_t i = 0; i < record->tail.recs_count; i++) {
        struct log_sidecar rec;
        if (log_sidecar_decode(record->data + (size_t)i * LOG_SIDECAR_BYTES, LOG_SIDECAR_BYTES,
                               r->kernels, seed, &rec) != ERR_OK ||
            rec.index != index || (i > 0 && (is_gap ? rec.pos < pos : rec.pos != pos))) {
            return false;
        }
        index = rec.last_index + 1;
        pos = rec.pos + rec.length;
        is_gap = (rec.flags & LOG_SIDECAR_GAP) != 0;
    }
    return record->tail.recs_count > 0 || (record->flags & LOG_TAIL_DIRECT) == 0;
}

/* Keep `record`, which stands in the frame's bytes. */
static enum err recover_frame_keep(struct log_recover *r, struct recover_reading *reading,
                                   const struct log_record *record)
{
    struct recover_frame *frame = reading->frame;
    void *made = NULL;
    enum err err = recover_alloc(r, sizeof(struct recover_record), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct recover_record *rec = made;
    rec->frame = frame;
    rec->record = *record;
    rec->record.data = NULL;
    rec->data_pos =
        frame->pos + (record->data_bytes > 0 ? (uint64_t)(record->data - reading->data) : 0);
    reading->found_count++;
    recover_push(&frame->records, &rec->link);
    if (record->kind == LOG_RECORD_ENTRY) {
        return recover_frame_keep_entry(r, rec, record->data);
    }
    bool is_direct = record->kind == LOG_RECORD_TAIL && (record->flags & LOG_TAIL_DIRECT) != 0;
    frame->has_direct |= is_direct;
    return recover_frame_keep_data(r, rec, record);
}

/* An entry: what the sidecar will say of it, but for place and running timestamp. Of a batch whose
 * header is not what the record says only the record is believed. */
static enum err recover_frame_keep_entry(struct log_recover *r, struct recover_record *rec,
                                         const uint8_t *data)
{
    const struct log_record *record = &rec->record;
    void *made = NULL;
    enum err err = recover_alloc(r, sizeof(struct log_found_entry), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_found_entry *entry = made;
    struct log_batch batch;
    rec->entry = entry;
    rec->is_header_sound = log_batch_header_crc(r->kernels, data) == record->header_crc &&
                           log_batch_decode(data, record->data_bytes, &batch) == ERR_OK &&
                           batch.length_bytes == record->data_bytes &&
                           batch.base_offset == record->entry.base_offset &&
                           batch.term == record->entry.term &&
                           batch.last_offset_delta == record->entry.last_offset_delta;
    bool is_sound =
        rec->is_header_sound && log_batch_is_sound(r->kernels, data, record->data_bytes);
    if (!rec->is_header_sound) {
        bool is_data = record->entry.last_offset_delta >= 0;
        batch = (struct log_batch){
            .base_offset = record->entry.base_offset,
            .length_bytes = record->data_bytes,
            .term = record->entry.term,
            .kind = is_data ? LOG_KIND_DATA : LOG_KIND_NOOP,
            .last_offset_delta = record->entry.last_offset_delta,
            .max_timestamp = -1,
            .producer_id = -1,
            .producer_epoch = -1,
            .base_sequence = -1,
        };
    }
    log_sidecar_fill(&entry->rec, record->entry.index, 0, &batch, record->header_crc,
                     record->entry.chain, -1);
    entry->rec.key_id = record->key_id;
    entry->rec.flags = is_sound ? 0 : LOG_SIDECAR_QUARANTINED;
    entry->where = LOG_FOUND_JOURNAL;
    entry->slot = rec->frame->slot;
    entry->slot_pos = rec->data_pos;
    entry->file_number = rec->frame->head.file_number;
    entry->seq = record->seq;
    rec->frame->is_sound &= is_sound;
    return ERR_OK;
}

/* A tail's sidecar records, not its rest; lane ends. */
static enum err recover_frame_keep_data(struct log_recover *r, struct recover_record *rec,
                                        const struct log_record *record)
{
    size_t bytes = record->data_bytes;
    if (record->kind == LOG_RECORD_TAIL) {
        bytes -= record->tail.rest_bytes;
    }
    if (bytes == 0) {
        return ERR_OK;
    }
    void *made = NULL;
    enum err err = recover_alloc(r, bytes, &made);
    if (err != ERR_OK) {
        return err;
    }
    memcpy(made, record->data, bytes);
    rec->record.data = made;
    return ERR_OK;
}
