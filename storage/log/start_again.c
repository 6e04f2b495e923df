/* What counts and is not known to be flushed is written once more. See start.h.
 *
 * A killed process leaves frames that may be in the system's or the device's cache only, and the
 * `lanes` record will say that they were flushed. So their files were, as they were read, with all
 * that tells of other frames. But after a flush that failed, a later one that succeeds says nothing
 * of what was written before: the bytes that count are written to where they stand, and flushed. It
 * is the last few frames of each lane. What stands in segments is start_check.c's. */
#include "base/assert.h"
#include "storage/log/start_int.h"

/* What is read and written at once. */
#define LOG_AGAIN_WINDOW_BYTES (1u << 20)

enum {
    LOG_AGAIN_OPEN,
    LOG_AGAIN_READ,
    LOG_AGAIN_WRITE,
    LOG_AGAIN_FLUSH,
    LOG_AGAIN_CLOSE,
};

static enum err log_again_places(struct log_start *start);
static void log_again_file(struct log_start *start);
static void log_again_run(struct rt_op *op);
static void log_again_next(struct log_start *start);
static void log_again_read(struct log_start *start);

void log_start_again(struct log_start *start)
{
    struct log_start_again *again = &start->again;
    enum err err = log_again_places(start);
    if (err != ERR_OK) {
        log_start_fail(start, err, 0, start->path, NULL);
        return;
    }
    rt_op_init(&again->op, start->ls->shard, log_again_run);
    log_again_file(start);
}

/* All of them, and room for their bytes. */
static enum err log_again_places(struct log_start *start)
{
    struct log_start_again *again = &start->again;
    void *places = NULL, *window = NULL;
    again->places_count = log_recover_unflushed(&start->recover, NULL, 0);
    if (again->places_count == 0) {
        return ERR_OK;
    }
    enum err err =
        budget_alloc(&start->budget, again->places_count * sizeof(struct log_recover_place),
                     _Alignof(struct log_recover_place), &places);
    if (err == ERR_OK) {
        err = budget_alloc(&start->budget, LOG_AGAIN_WINDOW_BYTES, LIMIT_BLOCK_BYTES, &window);
    }
    again->places = places;
    again->window = window;
    if (err == ERR_OK) {
        (void)log_recover_unflushed(&start->recover, again->places, again->places_count);
    }
    return err;
}

/* The file of the next place, or the end. */
static void log_again_file(struct log_start *start)
{
    struct log_start_again *again = &start->again;
    if (again->next == again->places_count) {
        log_start_run(start);
        return;
    }
    const struct log_recover_place *place = &again->places[again->next];
    again->pos = place->pos;
    again->stage = LOG_AGAIN_OPEN;
    log_path_journal(start->path, start->store, place->slot);
    rt_file_open(&again->file, &again->op, start->ls->shard, start->path,
                 RT_FILE_READ | RT_FILE_WRITE | RT_FILE_DIRECT, 0);
}

static void log_again_run(struct rt_op *op)
{
    struct log_start_again *again = CONTAINER_OF(op, struct log_start_again, op);
    struct log_start *start = CONTAINER_OF(again, struct log_start, again);
    if (again->stage == LOG_AGAIN_READ && op->err == ERR_IO && again->pos == 0) {
        again->pos = LIMIT_BLOCK_BYTES; /* the file's header, which frames do without */
        log_again_read(start);
        return;
    }
    if (op->err != ERR_OK && start->file_err == ERR_OK) {
        start->file_err = op->err;
        start->file_errno = op->saved_errno;
    }
    if (again->stage == LOG_AGAIN_READ && op->err == ERR_OK && op->result < again->bytes) {
        start->file_err = ERR_CORRUPT; /* it was there a moment ago */
    }
    if (start->file_err == ERR_OK && again->stage < LOG_AGAIN_FLUSH) {
        log_again_next(start);
        return;
    }
    if (again->stage != LOG_AGAIN_CLOSE && again->file.is_open) {
        again->stage = LOG_AGAIN_CLOSE;
        rt_file_close(&again->file, op);
        return;
    }
    if (start->file_err != ERR_OK) {
        log_start_fail(start, start->file_err, start->file_errno, start->path,
                       "writing once more what was not known to be flushed");
        return;
    }
    again->next++;
    log_again_file(start);
}

/* What was read goes back to its place, then the next window is read; in the end all is flushed. */
static void log_again_next(struct log_start *start)
{
    struct log_start_again *again = &start->again;
    const struct log_recover_place *place = &again->places[again->next];
    if (again->stage == LOG_AGAIN_READ) {
        again->stage = LOG_AGAIN_WRITE;
        rt_file_write(&again->file, &again->op, again->window, again->bytes, again->pos);
        return;
    }
    again->pos += again->stage == LOG_AGAIN_WRITE ? again->bytes : 0;
    if (again->pos == place->end) {
        again->stage = LOG_AGAIN_FLUSH;
        rt_file_flush(&again->file, &again->op);
    } else {
        log_again_read(start);
    }
}

static void log_again_read(struct log_start *start)
{
    struct log_start_again *again = &start->again;
    uint64_t left = again->places[again->next].end - again->pos;
    again->bytes = left < LOG_AGAIN_WINDOW_BYTES ? (uint32_t)left : LOG_AGAIN_WINDOW_BYTES;
    again->stage = LOG_AGAIN_READ;
    rt_file_read(&again->file, &again->op, again->window, again->bytes, again->pos);
}
