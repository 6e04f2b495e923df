/* Reading a journal file: which frames are in it, and what of them verifies. See recover.h.
 *
 * Bodies are verified right here, while they are in memory; whether it matters is decided later,
 * when it is known which frames had been flushed. */
#include <string.h>

#include "base/assert.h"
#include "storage/log/recover_int.h"

static uint64_t rec_scan_life(struct log_recover *r, const uint8_t *data, size_t length);
static enum err rec_scan_frame(struct log_recover *r, uint32_t slot, const uint8_t *data,
                               uint64_t pos, const struct log_frame *head);
static struct log_frame_row *rec_scan_rows(struct log_recover *r, const uint8_t *data,
                                           uint32_t count, uint32_t crc, uint32_t seed,
                                           bool *is_ok);
static enum err rec_scan_records(struct log_recover *r, struct rec_frame *frame,
                                 const uint8_t *data, uint32_t seed);
static void rec_scan_entry(struct log_recover *r, struct rec_record *record);
static enum err rec_scan_keep(struct log_recover *r, struct rec_record *record);

enum err log_recover_file(struct log_recover *r, uint32_t slot, const uint8_t *data, size_t length)
{
    uint64_t life = rec_scan_life(r, data, length);
    uint64_t pos = 0;
    if (life > r->file_number_max) {
        r->file_number_max = life;
    }
    while (pos + LIMIT_BLOCK_BYTES <= length) {
        struct log_frame head;
        enum err err = log_frame_decode(data + pos, length - pos, r->kernels, &head);
        uint64_t step = LIMIT_BLOCK_BYTES;
        if (err == ERR_OK && log_uuid_is_equal(&head.disk, &r->disk) &&
            head.frame_bytes <= length - pos && head.file_number == life &&
            life >= r->journal_floor) {
            err = rec_scan_frame(r, slot, data + pos, pos, &head);
            if (err != ERR_OK) {
                return err;
            }
            step = head.frame_bytes;
        } else if (err == ERR_OK) {
            r->counts[LOG_RECOVER_F8]++;
        } else if (err == ERR_UNSUPPORTED) {
            r->is_newer = true;
        }
        pos += step;
    }
    return ERR_OK;
}

/* The number of the file's present life: its header's, or the highest among its frames. */
static uint64_t rec_scan_life(struct log_recover *r, const uint8_t *data, size_t length)
{
    struct log_journal_header header;
    enum err err = log_journal_header_decode(data, length, r->kernels, &header);
    r->is_newer |= err == ERR_UNSUPPORTED;
    if (err == ERR_OK && log_uuid_is_equal(&header.disk, &r->disk)) {
        return header.file_number;
    }
    uint64_t life = 0;
    for (uint64_t pos = 0; pos + LIMIT_BLOCK_BYTES <= length; pos += LIMIT_BLOCK_BYTES) {
        struct log_frame head;
        if (log_frame_decode(data + pos, length - pos, r->kernels, &head) == ERR_OK &&
            log_uuid_is_equal(&head.disk, &r->disk) && head.file_number > life) {
            life = head.file_number;
        }
    }
    return life;
}

static enum err rec_scan_frame(struct log_recover *r, uint32_t slot, const uint8_t *data,
                               uint64_t pos, const struct log_frame *head)
{
    struct rec_state *s = rec_state(r);
    struct rec_frame *frame = arena_alloc_zeroed(&s->arena, sizeof(*frame), 8);
    if (frame == NULL) {
        return ERR_BUDGET;
    }
    frame->head = *head;
    frame->slot = slot;
    frame->pos = pos;
    uint32_t seed =
        log_frame_seed(r->kernels, &r->disk, head->boot_epoch, head->file_number, head->number);
    bool is_ok = true;
    frame->rows = rec_scan_rows(r, data + log_frame_rows_pos(), head->rows_count, head->rows_crc,
                                seed, &is_ok);
    frame->copy = rec_scan_rows(r, data + log_frame_copy_pos(head), head->copy_count,
                                head->copy_crc, seed, &is_ok);
    enum err err = is_ok ? rec_scan_records(r, frame, data, seed) : ERR_BUDGET;
    if (head->boot_epoch > r->boot_epoch_max) {
        r->boot_epoch_max = head->boot_epoch;
    }
    return err == ERR_OK ? rec_vector_push(&s->arena, &s->frames, frame) : err;
}

/* A directory, or NULL when it does not verify. *is_ok = false: no memory. */
static struct log_frame_row *rec_scan_rows(struct log_recover *r, const uint8_t *data,
                                           uint32_t count, uint32_t crc, uint32_t seed, bool *is_ok)
{
    size_t bytes = (size_t)count * LOG_FRAME_ROW_BYTES;
    if (crc32c(r->kernels, seed, data, bytes) != crc) {
        return NULL;
    }
    struct log_frame_row *rows = arena_alloc(&rec_state(r)->arena, (count + 1) * sizeof(*rows), 8);
    if (rows == NULL) {
        *is_ok = false;
        return NULL;
    }
    struct bytes_reader reader = bytes_reader(data, bytes);
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = log_frame_row_get(&reader);
    }
    return reader.err == ERR_OK ? rows : NULL;
}

static enum err rec_scan_records(struct log_recover *r, struct rec_frame *frame,
                                 const uint8_t *data, uint32_t seed)
{
    struct rec_state *s = rec_state(r);
    size_t start = log_frame_records_pos(&frame->head);
    struct bytes_reader reader = bytes_reader(data, start + frame->head.records_bytes);
    struct rec_record **link = &frame->records;
    reader.pos = start;
    frame->are_bodies_sound = true;
    while (frame->records_count < frame->head.records_count) {
        struct rec_record *record = arena_alloc_zeroed(&s->arena, sizeof(*record), 8);
        if (record == NULL) {
            return ERR_BUDGET;
        }
        log_record_get(&reader, r->kernels, seed, &record->record);
        if (reader.err != ERR_OK) {
            break;
        }
        record->frame = frame;
        record->slot_pos =
            record->record.data != NULL ? frame->pos + (uint64_t)(record->record.data - data) : 0;
        if (record->record.kind == LOG_RECORD_ENTRY) {
            rec_scan_entry(r, record);
            frame->are_bodies_sound &= record->is_sound;
        }
        enum err err = rec_scan_keep(r, record);
        if (err != ERR_OK) {
            return err;
        }
        *link = record;
        link = &record->next;
        frame->records_count++;
    }
    frame->are_records_whole =
        frame->records_count == frame->head.records_count && bytes_reader_left(&reader) == 0;
    return ERR_OK;
}

/* What the sidecar will say of an entry; whether its bytes are what the record says. */
static void rec_scan_entry(struct log_recover *r, struct rec_record *record)
{
    const struct log_record *in = &record->record;
    struct log_batch batch;
    bool is_sound = log_batch_decode(in->data, in->data_bytes, &batch) == ERR_OK &&
                    batch.length_bytes == in->data_bytes &&
                    log_batch_header_crc(r->kernels, in->data) == in->header_crc &&
                    log_batch_is_sound(r->kernels, in->data, in->data_bytes) &&
                    batch.base_offset == in->entry.base_offset && batch.term == in->entry.term &&
                    batch.last_offset_delta == in->entry.last_offset_delta;
    record->is_sound = is_sound;
    if (is_sound) {
        log_sidecar_fill(&record->rec, in->entry.index, 0, &batch, in->header_crc, in->entry.chain,
                         -1);
        record->rec.key_id = in->key_id;
        return;
    }
    record->rec = (struct log_sidecar){
        .index = in->entry.index,
        .last_index = in->entry.index,
        .base_offset = in->entry.base_offset,
        .term = in->entry.term,
        .last_offset_delta = in->entry.last_offset_delta,
        .length = in->data_bytes,
        .max_timestamp = -1,
        .producer_id = -1,
        .producer_epoch = -1,
        .base_sequence = -1,
        .kind = in->entry.last_offset_delta < 0 ? LOG_KIND_NOOP : LOG_KIND_DATA,
        .flags = LOG_SIDECAR_QUARANTINED,
        .key_id = in->key_id,
        .header_crc = in->header_crc,
        .chain = in->entry.chain,
    };
}

/* Copy what must outlive the file's bytes. */
static enum err rec_scan_keep(struct log_recover *r, struct rec_record *record)
{
    struct log_record *in = &record->record;
    if (in->kind != LOG_RECORD_TAIL && in->kind != LOG_RECORD_LANES) {
        in->data = NULL;
        return ERR_OK;
    }
    const char *copy = arena_copy(&rec_state(r)->arena, in->data, in->data_bytes);
    in->data = (const uint8_t *)copy;
    return copy != NULL ? ERR_OK : ERR_BUDGET;
}
