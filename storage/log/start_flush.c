/* What a start believes becomes durable (storage/README.md, "Recovery"). A process that was killed
 * leaves frames that verify and were never flushed: they count, so they must not be lost to a power
 * failure once the `lanes` record names them. */
#include "base/assert.h"
#include "base/rt/file.h"
#include "storage/log/start_int.h"

enum {
    LOG_FLUSH_OPEN,
    LOG_FLUSH_FLUSH,
    LOG_FLUSH_CLOSE,
};

static void log_flush_run(struct rt_op *op);

void log_start_flush(struct log_start *start)
{
    struct log_start_flush *flush = &start->flush;
    while (flush->next < start->files_count) {
        uint32_t slot = start->files[flush->next++].slot;
        if (!log_recover_is_unflushed(&start->recover, slot)) {
            continue;
        }
        log_path_journal(flush->path, start->store, slot);
        flush->stage = LOG_FLUSH_OPEN;
        rt_op_init(&flush->op, start->ls->shard, log_flush_run);
        rt_file_open(&flush->file, &flush->op, start->ls->shard, flush->path,
                     RT_FILE_READ | RT_FILE_DIRECT, 0);
        return;
    }
    log_start_run(start);
}

static void log_flush_run(struct rt_op *op)
{
    struct log_start_flush *flush = CONTAINER_OF(op, struct log_start_flush, op);
    struct log_start *start = CONTAINER_OF(flush, struct log_start, flush);
    if (op->err != ERR_OK && start->file_err == ERR_OK) {
        start->file_err = op->err;
        start->file_errno = op->saved_errno;
    }
    switch (flush->stage) {
    case LOG_FLUSH_OPEN:
        if (op->err == ERR_OK) {
            flush->stage = LOG_FLUSH_FLUSH;
            rt_file_flush(&flush->file, op);
            return;
        }
        break;
    case LOG_FLUSH_FLUSH:
        flush->stage = LOG_FLUSH_CLOSE;
        rt_file_close(&flush->file, op);
        return;
    case LOG_FLUSH_CLOSE: break;
    default: UNREACHABLE();
    }
    if (start->file_err != ERR_OK) {
        log_start_fail(start, start->file_err, start->file_errno, flush->path, NULL);
        return;
    }
    log_start_flush(start);
}
