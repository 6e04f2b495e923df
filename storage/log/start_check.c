/* Whether the bodies of a direct write are in their segment (storage/README.md, "tail"). A frame
 * that is not known to be flushed counts only if the direct writes that went along with it are
 * there too; nothing but their bytes can tell.
 *
 * A window of the segment is read at a time, with as many batches as fit; where the segment's whole
 * blocks end, the record's rest is put behind them, so that every batch is contiguous. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "storage/log/batch.h"
#include "storage/log/start_int.h"

/* The least that is read at once, unless there is less. */
#define LOG_CHECK_WINDOW_BYTES (1u << 20)

enum {
    LOG_CHECK_OPEN,
    LOG_CHECK_READ,
    LOG_CHECK_FLUSH, /* sound: and it is to stay so */
    LOG_CHECK_CLOSE,
};

static void log_check_run(struct rt_op *op);
static void log_check_open(struct log_start *start);
static void log_check_next(struct log_start *start);
static bool log_check_rec(const struct log_start *start, uint32_t index, struct log_sidecar *out);
static enum err log_check_read(struct log_start *start, uint64_t pos, uint64_t end);
static bool log_check_window(const struct log_start *start, size_t there);
static bool log_check_body(const struct log_start *start, const struct log_sidecar *rec,
                           const uint8_t *data);
static bool log_check_before(const struct log_start *start, size_t there);
static void log_check_close(struct log_start *start);

void log_start_checks(struct log_start *start)
{
    struct log_start_check *check = &start->check;
    while (log_recover_next_direct(&start->recover, &check->direct)) {
        if (!log_uuid_is_zero(&check->direct.topic)) {
            log_check_open(start);
            return;
        }
        log_recover_direct(&start->recover, &check->direct, false);
    }
    log_start_run(start);
}

static void log_check_open(struct log_start *start)
{
    struct log_start_check *check = &start->check;
    const struct log_recover_direct *direct = &check->direct;
    char dir[LIMIT_PATH_BYTES];
    log_path_partition(dir, start->store, &direct->topic, direct->partition);
    int length = snprintf(check->path, sizeof(check->path), "%s/%016" PRIx64 "-%08" PRIx32 ".log",
                          dir, direct->segment_index, direct->generation);
    ASSERT(length > 0 && length < (int)sizeof(check->path));
    check->is_sound = true;
    check->rec_end = 0;
    check->is_before = false;
    check->stage = LOG_CHECK_OPEN;
    rt_op_init(&check->op, start->ls->shard, log_check_run);
    rt_file_open(&check->file, &check->op, start->ls->shard, check->path,
                 RT_FILE_READ | RT_FILE_DIRECT, 0);
}

static void log_check_run(struct rt_op *op)
{
    struct log_start_check *check = CONTAINER_OF(op, struct log_start_check, op);
    struct log_start *start = CONTAINER_OF(check, struct log_start, check);
    bool is_answer = op->err == ERR_OK || (op->err == ERR_IO && check->stage != LOG_CHECK_FLUSH) ||
                     (check->stage == LOG_CHECK_OPEN && op->err == ERR_NOT_FOUND);
    if (!is_answer && start->file_err == ERR_OK) {
        start->file_err = op->err;
        start->file_errno = op->saved_errno;
    }
    check->is_sound = check->is_sound && op->err == ERR_OK;
    if (check->stage == LOG_CHECK_READ && check->is_sound) {
        check->is_sound = check->is_before ? log_check_before(start, (size_t)op->result)
                                           : log_check_window(start, (size_t)op->result);
    }
    if (check->stage < LOG_CHECK_FLUSH && check->is_sound && !check->is_before) {
        log_check_next(start);
        return;
    }
    if (check->stage != LOG_CHECK_CLOSE && check->file.is_open) {
        log_check_close(start);
        return;
    }
    if (start->file_err != ERR_OK) {
        log_start_fail(start, start->file_err, start->file_errno, check->path, NULL);
        return;
    }
    log_recover_direct(&start->recover, &check->direct, check->is_sound);
    log_start_checks(start);
}

/* The next window, or the end. */
static void log_check_next(struct log_start *start)
{
    struct log_start_check *check = &start->check;
    uint64_t written = check->direct.written_bytes;
    check->rec = check->rec_end;
    uint64_t pos = written, end = written;
    for (; check->rec_end < check->direct.recs_count; check->rec_end++) {
        struct log_sidecar rec;
        if (!log_check_rec(start, check->rec_end, &rec)) {
            check->is_sound = false;
            log_check_close(start);
            return;
        }
        uint64_t rec_end = (uint64_t)rec.pos + rec.length;
        rec_end = rec_end < written ? rec_end : written;
        if (rec.pos >= written) {
            continue;
        }
        if (pos == written) {
            pos = rec.pos / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
        } else if (rec.pos < end || rec_end - pos > LOG_CHECK_WINDOW_BYTES) {
            break; /* out of order: a window of its own */
        }
        end = rec_end;
    }
    bool has_all = check->rec == check->rec_end;
    check->is_before = has_all && check->direct.before_bytes > 0;
    if (check->is_before) {
        pos = check->direct.before_pos;
        end = pos + check->direct.before_bytes;
    } else if (has_all) {
        log_check_close(start);
        return;
    }
    end = (end + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    enum err err = log_check_read(start, pos, end);
    if (err != ERR_OK) {
        start->file_err = err;
        log_check_close(start);
    }
}

/* Read [pos, end) of the segment, the rest behind what is written. */
static enum err log_check_read(struct log_start *start, uint64_t pos, uint64_t end)
{
    struct log_start_check *check = &start->check;
    const struct log_recover_direct *direct = &check->direct;
    size_t bytes = (size_t)(end - pos);
    size_t room = bytes + direct->rest_bytes;
    if (room > check->window_bytes || check->window == NULL) {
        room = room < LIMIT_BLOCK_BYTES ? LIMIT_BLOCK_BYTES : room;
        budget_free(&start->budget, check->window);
        void *made = NULL;
        enum err err = budget_alloc(&start->budget, room, LIMIT_BLOCK_BYTES, &made);
        check->window = made;
        check->window_bytes = err == ERR_OK ? room : 0;
        if (err != ERR_OK) {
            return err;
        }
    }
    check->window_pos = pos;
    check->stage = LOG_CHECK_READ;
    if (bytes == 0) { /* all of it stands in the rest */
        check->is_sound = log_check_window(start, 0);
        if (check->is_sound) {
            log_check_next(start); /* no record is left */
        } else {
            log_check_close(start);
        }
        return ERR_OK;
    }
    rt_file_read(&check->file, &check->op, check->window, bytes, pos);
    return ERR_OK;
}

/* Record `index` of the tail. */
static bool log_check_rec(const struct log_start *start, uint32_t index, struct log_sidecar *out)
{
    const struct log_recover_direct *direct = &start->check.direct;
    const struct crc32c *kernels = start->store->kernels;
    uint32_t seed = log_sidecar_seed(kernels, direct->group, direct->generation);
    return log_sidecar_decode(direct->recs + (size_t)index * LOG_SIDECAR_BYTES, LOG_SIDECAR_BYTES,
                              kernels, seed, out) == ERR_OK &&
           out->length <= LIMIT_BATCH_BYTES;
}

/* Whether every batch of the window, `there` bytes of which were read, is as its record says. */
static bool log_check_window(const struct log_start *start, size_t there)
{
    const struct log_start_check *check = &start->check;
    const struct log_recover_direct *direct = &check->direct;
    uint64_t end = check->window_pos + there;
    if (end >= direct->written_bytes && direct->rest_bytes > 0) {
        memcpy(check->window + (direct->written_bytes - check->window_pos), direct->rest,
               direct->rest_bytes);
        end = (uint64_t)direct->written_bytes + direct->rest_bytes;
    }
    for (uint32_t i = check->rec; i < check->rec_end; i++) {
        struct log_sidecar rec;
        if (!log_check_rec(start, i, &rec)) {
            return false;
        }
        if ((rec.flags & LOG_SIDECAR_GAP) != 0) {
            continue;
        }
        if (rec.pos < check->window_pos || (uint64_t)rec.pos + rec.length > end ||
            !log_check_body(start, &rec, check->window + (rec.pos - check->window_pos))) {
            return false;
        }
    }
    return true;
}

/* Whether bytes of earlier entries that left the rest with this write are in the segment. */
static bool log_check_before(const struct log_start *start, size_t there)
{
    const struct log_start_check *check = &start->check;
    const struct log_recover_direct *direct = &check->direct;
    return there >= direct->before_bytes &&
           memcmp(check->window, direct->before, direct->before_bytes) == 0;
}

static bool log_check_body(const struct log_start *start, const struct log_sidecar *rec,
                           const uint8_t *data)
{
    const struct crc32c *kernels = start->store->kernels;
    struct log_batch batch;
    return log_batch_decode(data, rec->length, &batch) == ERR_OK &&
           batch.length_bytes == rec->length && batch.crc == rec->crc &&
           log_batch_header_crc(kernels, data) == rec->header_crc &&
           log_batch_is_sound(kernels, data, rec->length);
}

static void log_check_close(struct log_start *start)
{
    struct log_start_check *check = &start->check;
    bool does_flush =
        check->is_sound && check->stage != LOG_CHECK_FLUSH && start->file_err == ERR_OK;
    check->stage = does_flush ? LOG_CHECK_FLUSH : LOG_CHECK_CLOSE;
    if (does_flush) {
        rt_file_flush(&check->file, &check->op);
    } else {
        rt_file_close(&check->file, &check->op);
    }
}
