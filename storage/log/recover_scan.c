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

/* Whether the block at `pos`, which is no frame, looks like the header of one of this life in which
 * something was damaged: a former life, or zeros, would differ in more. Or it could not be read,
 * and stands where the next frame would. */
static bool recover_scan_is_damaged(const struct log_recover *r, const struct recover_file *file,
                                    uint64_t pos)
{
    if (file->number != 0 && pos == file->end_pos &&
        memcmp(file->data + pos, LOG_UNREADABLE, sizeof(LOG_UNREADABLE) - 1) == 0) {
        return true;
    }
    struct bytes_reader reader = bytes_reader(file->data + pos, file->length - (size_t)pos);
    uint32_t magic = bytes_get_u32le(&reader);
    bytes_skip(&reader, 4);
    struct log_uuid disk = log_uuid_get(&reader);
    uint64_t boot_epoch = bytes_get_u64le(&reader);
    uint32_t lane = bytes_get_u32le(&reader);
    bytes_skip(&reader, 4);
    uint64_t number = bytes_get_u64le(&reader);
    if (reader.err != ERR_OK || file->number == 0) {
        return false;
    }
    uint32_t wrong = (uint32_t)(magic != RECOVER_FRAME_MAGIC) +
                     (uint32_t)!log_uuid_is_equal(&disk, &r->disk) +
                     (uint32_t)(boot_epoch != file->boot_epoch) + (uint32_t)(lane != file->lane) +
                     (uint32_t)(number != file->number);
    return wrong <= RECOVER_DAMAGED_FIELDS_MAX;
}

static enum err recover_scan_walk(struct log_recover *r, struct recover_file *file)
{
    struct log_frame head;
    uint64_t pos = LOG_JOURNAL_HEADER_BYTES;
    file->end_pos = pos;
    while (pos < file->length && file->length - pos >= LOG_FRAME_HEADER_BYTES) {
        uint64_t step = LIMIT_BLOCK_BYTES;
        if (!recover_scan_frame(r, file, pos, &head)) {
            if (recover_scan_is_damaged(r, file, pos)) {
                file->damaged_pos = pos;
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
