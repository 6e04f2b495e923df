/* Whether the blocks of a direct write are in their segment (storage/README.md, "tail"). A frame
 * that is not known to be flushed counts only if the direct writes that went along with it are
 * there too; nothing but their bytes can tell, and the checksum that the tail has of them. */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "storage/log/start_int.h"

/* What is read at once. */
#define LOG_CHECK_WINDOW_BYTES (1u << 20)

enum {
    LOG_CHECK_OPEN,
    LOG_CHECK_READ,
    LOG_CHECK_WRITE, /* the same bytes to the same place: start_again.c tells why */
    LOG_CHECK_SIZE,  /* sound, and to stay so: the file's size once more, too, */
    LOG_CHECK_FLUSH, /* then all of it flushed */
    LOG_CHECK_CLOSE,
};

static void log_check_run(struct rt_op *op);
static void log_check_open(struct log_start *start);
static void log_check_next(struct log_start *start);
static enum err log_check_room(struct log_start *start, uint32_t bytes);
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
    check->pos = direct->pos;
    check->crc = 0;
    check->stage = LOG_CHECK_OPEN;
    rt_op_init(&check->op, start->ls->shard, log_check_run);
    rt_file_open(&check->file, &check->op, start->ls->shard, check->path,
                 RT_FILE_READ | RT_FILE_WRITE | RT_FILE_DIRECT, 0);
}

static void log_check_run(struct rt_op *op)
{
    struct log_start_check *check = CONTAINER_OF(op, struct log_start_check, op);
    struct log_start *start = CONTAINER_OF(check, struct log_start, check);
    bool is_written = check->stage >= LOG_CHECK_WRITE && check->stage <= LOG_CHECK_FLUSH;
    bool is_answer = op->err == ERR_OK || (op->err == ERR_IO && !is_written) ||
                     (check->stage == LOG_CHECK_OPEN && op->err == ERR_NOT_FOUND);
    if (!is_answer && start->file_err == ERR_OK) {
        start->file_err = op->err;
        start->file_errno = op->saved_errno;
    }
    check->is_sound = check->is_sound && op->err == ERR_OK;
    if (check->stage == LOG_CHECK_READ && check->is_sound) {
        check->is_sound = op->result >= check->read_bytes;
        check->crc = crc32c(start->store->kernels, check->crc, check->window,
                            check->is_sound ? check->read_bytes : 0);
    }
    if (check->stage <= LOG_CHECK_WRITE && check->is_sound) {
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

/* What was read goes back to its place, then comes the next window, or the end. */
static void log_check_next(struct log_start *start)
{
    struct log_start_check *check = &start->check;
    if (check->stage == LOG_CHECK_READ) {
        check->stage = LOG_CHECK_WRITE;
        rt_file_write(&check->file, &check->op, check->window, check->read_bytes, check->pos);
        return;
    }
    check->pos += check->stage == LOG_CHECK_WRITE ? check->read_bytes : 0;
    uint32_t left = check->direct.end - check->pos;
    uint32_t bytes = left < LOG_CHECK_WINDOW_BYTES ? left : LOG_CHECK_WINDOW_BYTES;
    if (left == 0) {
        check->is_sound = check->crc == check->direct.crc;
        log_check_close(start);
        return;
    }
    enum err err = log_check_room(start, bytes);
    if (err != ERR_OK) {
        start->file_err = err;
        log_check_close(start);
        return;
    }
    check->read_bytes = bytes;
    check->stage = LOG_CHECK_READ;
    rt_file_read(&check->file, &check->op, check->window, bytes, check->pos);
}

/* Have a window of so many bytes. */
static enum err log_check_room(struct log_start *start, uint32_t bytes)
{
    struct log_start_check *check = &start->check;
    if (check->window != NULL && bytes <= check->window_bytes) {
        return ERR_OK;
    }
    budget_free(&start->budget, check->window);
    void *made = NULL;
    enum err err = budget_alloc(&start->budget, bytes, LIMIT_BLOCK_BYTES, &made);
    check->window = made;
    check->window_bytes = err == ERR_OK ? bytes : 0;
    return err;
}

static void log_check_close(struct log_start *start)
{
    struct log_start_check *check = &start->check;
    bool is_kept = check->is_sound && start->file_err == ERR_OK;
    if (is_kept && check->stage < LOG_CHECK_SIZE) {
        check->stage = LOG_CHECK_SIZE;
        rt_file_truncate(&check->file, &check->op, check->file.size_bytes);
    } else if (is_kept && check->stage == LOG_CHECK_SIZE) {
        check->stage = LOG_CHECK_FLUSH;
        rt_file_flush(&check->file, &check->op);
    } else {
        check->stage = LOG_CHECK_CLOSE;
        rt_file_close(&check->file, &check->op);
    }
}
