/* Reading a whole file. See fetch.h.
 *
 *     IDLE -> OPEN -> FIRST -> REST -> FLUSH -> CLOSE -> IDLE
 *
 * FIRST reads one chunk alone, since it may tell that the rest is of no use; REST keeps
 * LOG_FETCH_READS of them in flight. A chunk that fails with ERR_IO is read once more, block by
 * block, and only what still fails is lost. */
#include "storage/log/fetch.h"

#include <string.h>

#include "base/assert.h"
#include "storage/log/format.h"

enum {
    LOG_FETCH_IDLE,  /* the caller's */
    LOG_FETCH_OPEN,  /* opening */
    LOG_FETCH_FIRST, /* the first chunk */
    LOG_FETCH_REST,  /* the others */
    LOG_FETCH_FLUSH, /* making it durable */
    LOG_FETCH_CLOSE, /* closing */
};

static const struct sm_conf log_fetch_stages[] = {
    [LOG_FETCH_IDLE] = {"IDLE", SM_BIT(LOG_FETCH_OPEN), SM_INITIAL | SM_FINAL},
    [LOG_FETCH_OPEN] = {"OPEN",
                        SM_BIT(LOG_FETCH_FIRST) | SM_BIT(LOG_FETCH_CLOSE) | SM_BIT(LOG_FETCH_IDLE),
                        0},
    [LOG_FETCH_FIRST] = {"FIRST",
                         SM_BIT(LOG_FETCH_REST) | SM_BIT(LOG_FETCH_FLUSH) | SM_BIT(LOG_FETCH_CLOSE),
                         0},
    [LOG_FETCH_REST] = {"REST", SM_BIT(LOG_FETCH_FLUSH) | SM_BIT(LOG_FETCH_CLOSE), 0},
    [LOG_FETCH_FLUSH] = {"FLUSH", SM_BIT(LOG_FETCH_CLOSE), 0},
    [LOG_FETCH_CLOSE] = {"CLOSE", SM_BIT(LOG_FETCH_IDLE), 0},
};
const struct sm_decl log_fetch_decl = {"log_fetch", log_fetch_stages, ARRAY_COUNT(log_fetch_stages),
                                       NULL};

static void log_fetch_run(struct rt_op *op);
static size_t log_fetch_blocks(size_t bytes);
static enum err log_fetch_room(struct log_fetch *fetch);
static void log_fetch_read(struct log_fetch *fetch, uint32_t reads_max);
static void log_fetch_read_done(struct rt_op *op);
static bool log_fetch_read_took(struct log_fetch_read *read);
static void log_fetch_end(struct log_fetch *fetch);
static void log_fetch_close(struct log_fetch *fetch);

void log_fetch_init(struct log_fetch *fetch, struct rt_shard *shard, struct budget *budget,
                    void (*done)(struct log_fetch *fetch))
{
    *fetch = (struct log_fetch){.shard = shard, .budget = budget, .done = done};
    sm_init(&fetch->sm, &log_fetch_decl, LOG_FETCH_IDLE, NULL, 0);
    rt_op_init(&fetch->op, shard, log_fetch_run);
    for (uint32_t i = 0; i < LOG_FETCH_READS; i++) {
        fetch->reads[i].fetch = fetch;
        rt_op_init(&fetch->reads[i].op, shard, log_fetch_read_done);
    }
}

void log_fetch_deinit(struct log_fetch *fetch)
{
    sm_deinit(&fetch->sm);
    budget_free(fetch->budget, fetch->data);
    fetch->data = NULL;
    fetch->capacity = 0;
}

uint8_t *log_fetch_take(struct log_fetch *fetch)
{
    uint8_t *data = fetch->data;
    fetch->data = NULL;
    fetch->capacity = 0;
    return data;
}

void log_fetch_start(struct log_fetch *fetch)
{
    fetch->err = ERR_OK;
    fetch->saved_errno = 0;
    fetch->length = 0;
    fetch->file_bytes = 0;
    fetch->bad_blocks_count = 0;
    fetch->next_pos = 0;
    sm_move(&fetch->sm, LOG_FETCH_OPEN);
    rt_file_open(&fetch->file, &fetch->op, fetch->shard, fetch->path, RT_FILE_READ | RT_FILE_DIRECT,
                 0);
}

/* The open, the flush or the close has ended. */
static void log_fetch_run(struct rt_op *op)
{
    struct log_fetch *fetch = CONTAINER_OF(op, struct log_fetch, op);
    if (sm_stage(&fetch->sm) == LOG_FETCH_CLOSE) {
        sm_move(&fetch->sm, LOG_FETCH_IDLE);
        fetch->done(fetch);
        return;
    }
    if (op->err != ERR_OK) {
        fetch->err = op->err;
        fetch->saved_errno = op->saved_errno;
    }
    if (sm_stage(&fetch->sm) == LOG_FETCH_FLUSH) {
        log_fetch_close(fetch);
        return;
    }
    if (op->err != ERR_OK) {
        sm_move(&fetch->sm, LOG_FETCH_IDLE);
        fetch->done(fetch);
        return;
    }
    fetch->is_direct = fetch->file.is_direct;
    fetch->file_bytes = fetch->file.size_bytes;
    fetch->err = log_fetch_room(fetch);
    if (fetch->err != ERR_OK || fetch->file_bytes == 0) {
        log_fetch_close(fetch);
        return;
    }
    sm_move(&fetch->sm, LOG_FETCH_FIRST);
    fetch->chunk_bytes = LOG_FETCH_CHUNK_BYTES;
    log_fetch_read(fetch, 1);
}

/* That many bytes, up to whole blocks. */
static size_t log_fetch_blocks(size_t bytes)
{
    return (bytes + LIMIT_BLOCK_BYTES - 1) & ~(size_t)(LIMIT_BLOCK_BYTES - 1);
}

/* Room for the whole file. */
static enum err log_fetch_room(struct log_fetch *fetch)
{
    if (fetch->file_bytes > SIZE_MAX - LIMIT_BLOCK_BYTES) {
        return ERR_BUDGET;
    }
    size_t bytes = log_fetch_blocks((size_t)fetch->file_bytes);
    if (bytes <= fetch->capacity) {
        return ERR_OK;
    }
    budget_free(fetch->budget, fetch->data);
    fetch->capacity = 0;
    void *made = NULL;
    enum err err = budget_alloc(fetch->budget, bytes, LIMIT_BLOCK_BYTES, &made);
    fetch->data = made;
    fetch->capacity = err == ERR_OK ? bytes : 0;
    return err;
}

/* Begin reads until `reads_max` are in flight. */
static void log_fetch_read(struct log_fetch *fetch, uint32_t reads_max)
{
    size_t size = log_fetch_blocks((size_t)fetch->file_bytes);
    for (uint32_t i = 0; i < LOG_FETCH_READS && fetch->reads_count < reads_max; i++) {
        struct log_fetch_read *read = &fetch->reads[i];
        if (fetch->next_pos == size || fetch->err != ERR_OK) {
            return;
        }
        if (!rt_op_is_idle(&read->op)) {
            continue;
        }
        size_t left = size - fetch->next_pos;
        read->pos = fetch->next_pos;
        read->end = read->pos + (left < fetch->chunk_bytes ? left : fetch->chunk_bytes);
        read->is_by_block = false;
        fetch->next_pos = read->end;
        fetch->reads_count++;
        rt_file_read(&fetch->file, &read->op, fetch->data + read->pos, read->end - read->pos,
                     read->pos);
    }
}

static void log_fetch_read_done(struct rt_op *op)
{
    struct log_fetch_read *read = CONTAINER_OF(op, struct log_fetch_read, op);
    struct log_fetch *fetch = read->fetch;
    if (!log_fetch_read_took(read)) {
        rt_file_read(&fetch->file, op, fetch->data + read->pos, LIMIT_BLOCK_BYTES, read->pos);
        return;
    }
    fetch->reads_count--;
    if (sm_stage(&fetch->sm) == LOG_FETCH_FIRST) {
        bool is_all = read->end >= fetch->file_bytes;
        fetch->length = is_all ? (size_t)fetch->file_bytes : read->end;
        if (fetch->err != ERR_OK || is_all ||
            (fetch->is_wanted != NULL && !fetch->is_wanted(fetch))) {
            log_fetch_end(fetch);
            return;
        }
        fetch->length = (size_t)fetch->file_bytes;
        size_t share = log_fetch_blocks(fetch->length / LOG_FETCH_READS);
        fetch->chunk_bytes = share > LOG_FETCH_CHUNK_BYTES ? share : LOG_FETCH_CHUNK_BYTES;
        sm_move(&fetch->sm, LOG_FETCH_REST);
    }
    log_fetch_read(fetch, LOG_FETCH_READS);
    if (fetch->reads_count == 0) {
        log_fetch_end(fetch);
    }
}

/* What came of a read; false: the chunk goes on with the block at read->pos. */
static bool log_fetch_read_took(struct log_fetch_read *read)
{
    struct log_fetch *fetch = read->fetch;
    struct rt_op *op = &read->op;
    size_t asked = read->is_by_block ? LIMIT_BLOCK_BYTES : read->end - read->pos;
    if (op->err != ERR_OK && op->err != ERR_IO) {
        if (fetch->err == ERR_OK) {
            fetch->err = op->err;
            fetch->saved_errno = op->saved_errno;
        }
        return true;
    }
    if (op->err == ERR_IO && !read->is_by_block) {
        read->is_by_block = true;
        return false;
    }
    size_t got = op->err == ERR_OK ? (size_t)op->result : 0;
    fetch->bad_blocks_count += op->err == ERR_IO;
    memset(fetch->data + read->pos + got, 0, asked - got);
    if (op->err == ERR_IO && fetch->does_mark) {
        memcpy(fetch->data + read->pos, LOG_UNREADABLE, sizeof(LOG_UNREADABLE) - 1);
    }
    read->pos += asked;
    return read->pos == read->end;
}

/* All is read that is wanted. */
static void log_fetch_end(struct log_fetch *fetch)
{
    if (fetch->does_flush && fetch->err == ERR_OK && fetch->length == fetch->file_bytes) {
        sm_move(&fetch->sm, LOG_FETCH_FLUSH);
        rt_file_flush(&fetch->file, &fetch->op);
    } else {
        log_fetch_close(fetch);
    }
}

static void log_fetch_close(struct log_fetch *fetch)
{
    sm_move(&fetch->sm, LOG_FETCH_CLOSE);
    rt_file_close(&fetch->file, &fetch->op);
}
