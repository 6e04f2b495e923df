/* Recovery: a journal file, block by block. See recover.h and recover_int.h.
 *
 * The file's life is that of its header block or, where that is unreadable, the highest file number
 * among its frames. A header that verifies and belongs to this life is a frame; the next may begin
 * behind it. Anything else is a block to step over. */
#include <string.h>

#include "base/assert.h"
#include "storage/log/recover_int.h"

/* Fields in which a damaged frame header may differ from one of this life. */
#define RECOVER_DAMAGED_FIELDS_MAX 1u

/* "TDBF", read as a little-endian number. */
#define RECOVER_FRAME_MAGIC 0x46424454u

static bool recover_scan_header(struct log_recover *r, struct recover_file *file);
static bool recover_scan_frame(struct log_recover *r, const struct recover_file *file, uint64_t pos,
                               struct log_frame *head);
static void recover_scan_life(struct log_recover *r, struct recover_file *file);
static bool recover_scan_is_damaged(const struct log_recover *r, const struct recover_file *file,
                                    uint64_t pos);
static bool recover_scan_is_seal(const struct recover_file *file, uint64_t pos);
static enum err recover_scan_walk(struct log_recover *r, struct recover_file *file);

enum err log_recover_file(struct log_recover *r, uint32_t slot, const uint8_t *data, size_t length)
{
    struct recover_state *state = r->state;
    void *made = NULL;
    enum err err = recover_alloc(r, sizeof(struct recover_file), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct recover_file *file = made;
    file->slot = slot;
    file->data = data;
    file->length = length;
    if (recover_scan_header(r, file) && file->number == 0) {
        recover_scan_life(r, file);
    }
    bool is_ours = file->number != 0 && file->number >= r->journal_floor;
    if (is_ours) {
        recover_push(&state->files, &file->link);
        r->boot_epoch_max =
            file->boot_epoch > r->boot_epoch_max ? file->boot_epoch : r->boot_epoch_max;
    }
    if (file->number > r->file_number_max) {
        r->file_number_max = file->number;
    }
    file->number = is_ours ? file->number : 0;
    err = recover_scan_walk(r, file);
    file->data = NULL;
    file->last = NULL;
    return err;
}

/* The header block; the file's number stays 0 where it is unreadable. False: it is another
 * directory's, so nothing in the file is ours. */
static bool recover_scan_header(struct log_recover *r, struct recover_file *file)
{
    struct log_journal_header header;
    enum err err = log_journal_header_decode(file->data, file->length, r->kernels, &header);
    if (err == ERR_UNSUPPORTED) {
        r->is_newer = true;
    }
    if (err != ERR_OK || header.file_number > LOG_NUMBER_MAX ||
        header.boot_epoch > LOG_NUMBER_MAX || header.first_frame > LOG_NUMBER_MAX) {
        return true;
    }
    if (!log_uuid_is_equal(&header.disk, &r->disk)) {
        return false;
    }
    file->number = header.file_number;
    file->boot_epoch = header.boot_epoch;
    file->lane = header.lane;
    file->first_frame = header.first_frame;
    file->previous_number = header.previous_number;
    return true;
}

/* Whether a frame header of this directory verifies at `pos`. */
static bool recover_scan_frame(struct log_recover *r, const struct recover_file *file, uint64_t pos,
                               struct log_frame *head)
{
    enum err err = log_frame_decode(file->data + pos, file->length - (size_t)pos, r->kernels, head);
    if (err == ERR_UNSUPPORTED) {
        r->is_newer = true;
    }
    return err == ERR_OK;
}

/* The life by the frames: the highest file number. */
static void recover_scan_life(struct log_recover *r, struct recover_file *file)
{
    struct log_frame head;
    for (uint64_t pos = LOG_JOURNAL_HEADER_BYTES;
         pos < file->length && file->length - pos >= LOG_FRAME_HEADER_BYTES;
         pos += LIMIT_BLOCK_BYTES) {
        if (recover_scan_frame(r, file, pos, &head) && log_uuid_is_equal(&head.disk, &r->disk) &&
            head.file_number > file->number && head.file_number <= LOG_NUMBER_MAX &&
            head.boot_epoch <= LOG_NUMBER_MAX) {
            file->number = head.file_number;
            file->boot_epoch = head.boot_epoch;
            file->lane = head.lane;
        }
    }
}

static bool recover_scan_is_unreadable(const struct recover_file *file, uint64_t pos)
{
    return memcmp(file->data + pos, LOG_UNREADABLE, sizeof(LOG_UNREADABLE) - 1) == 0;
}

/* Whether the block at `pos`, which is no frame and stands where the next one would, looks like the
 * header of one of this life in which something was damaged: all that tells the life is right, or
 * it is what was damaged. A former life's, or zeros, differ in more. Or it could not be read. */
static bool recover_scan_is_damaged(const struct log_recover *r, const struct recover_file *file,
                                    uint64_t pos)
{
    uint8_t life[LOG_FRAME_HEADER_BYTES];
    if (file->number == 0 || pos != file->end_pos) {
        return false;
    }
    if (recover_scan_is_unreadable(file, pos)) {
        return true;
    }
    memcpy(life, file->data + pos, sizeof(life));
    struct bytes_writer w = bytes_writer(life, sizeof(life));
    bytes_put_u32le(&w, RECOVER_FRAME_MAGIC);
    w.pos += 4;
    log_uuid_put(&w, &r->disk);
    bytes_put_u64le(&w, file->boot_epoch);
    bytes_put_u32le(&w, file->lane);
    w.pos += 4;
    bytes_put_u64le(&w, file->number);
    struct bytes_reader crc = bytes_reader(life + sizeof(life) - 4, 4);
    return memcmp(life, file->data + pos, sizeof(life)) == 0 ||
           crc32c(r->kernels, 0, life, sizeof(life) - 4) == bytes_get_u32le(&crc);
}

/* Whether the damaged header at `pos` is that of a seal: nothing was in that frame, so nothing is
 * lost with it. A frame with records has none of these fields alike. */
static bool recover_scan_is_seal(const struct recover_file *file, uint64_t pos)
{
    struct bytes_reader reader = bytes_reader(file->data + pos, file->length - (size_t)pos);
    bytes_skip(&reader, 6);
    uint16_t flags = bytes_get_u16le(&reader);
    bytes_skip(&reader, 56);
    uint32_t rows_count = bytes_get_u32le(&reader);
    bytes_skip(&reader, 4);
    uint32_t records_bytes = bytes_get_u32le(&reader);
    bytes_skip(&reader, 8);
    uint32_t records_count = bytes_get_u32le(&reader);
    uint32_t wrong = (uint32_t)(flags != LOG_FRAME_SEAL) + (uint32_t)(rows_count != 0) +
                     (uint32_t)(records_bytes != 0) + (uint32_t)(records_count != 0);
    return !recover_scan_is_unreadable(file, pos) && reader.err == ERR_OK &&
           wrong <= RECOVER_DAMAGED_FIELDS_MAX;
}

static enum err recover_scan_walk(struct log_recover *r, struct recover_file *file)
{
    struct log_frame head;
    uint64_t pos = LOG_JOURNAL_HEADER_BYTES;
    file->end_pos = pos;
    while (pos < file->length && file->length - pos >= LOG_FRAME_HEADER_BYTES) {
        uint64_t step = LIMIT_BLOCK_BYTES;
        if (!recover_scan_frame(r, file, pos, &head)) {
            bool is_damaged = recover_scan_is_damaged(r, file, pos);
            if (is_damaged && recover_scan_is_seal(file, pos)) {
                file->is_only_seal |= pos == LOG_JOURNAL_HEADER_BYTES;
                file->end_pos = pos + LIMIT_BLOCK_BYTES; /* what follows it may be damaged, too */
            } else if (is_damaged) {
                file->damaged_pos = pos;
                file->is_only_seal = false;
            }
        } else if (file->number == 0 || !log_uuid_is_equal(&head.disk, &r->disk) ||
                   head.file_number != file->number || head.boot_epoch != file->boot_epoch ||
                   head.lane != file->lane || head.number > LOG_NUMBER_MAX) {
            r->counts[LOG_RECOVER_F8]++;
        } else {
            enum err err = recover_frame_read(r, file, pos, &head);
            if (err != ERR_OK) {
                return err;
            }
            file->damaged_pos = 0;
            file->is_only_seal = false;
            if (file->first_found == 0) {
                file->first_found = head.number;
                file->front_blocks = (pos - LOG_JOURNAL_HEADER_BYTES) / LIMIT_BLOCK_BYTES;
            }
            step = head.frame_bytes;
            file->end_pos = pos + step;
        }
        pos += step;
    }
    return ERR_OK;
}
