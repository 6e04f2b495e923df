/* How an inspection reads: "are these bytes in memory?", asked again when they are. So what reads
 * is written from top to bottom: it asks, returns when told to wait, and is run again.
 *
 * Files are read directly where that works: what a server beside writes to the device is seen, and
 * its page cache is left alone. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/budget.h"
#include "base/rt/shard.h"
#include "storage/log/inspect_int.h"

/* Room for a directory's names, at first and at most. */
#define LOG_INSPECT_NAMES_BYTES     65536u
#define LOG_INSPECT_NAMES_BYTES_MAX (64u << 20)

static void log_inspect_refused(struct log_inspect_view *view);
static void log_inspect_name(const struct log_inspect_view *view, char out[LOG_INSPECT_NAME_BYTES]);
static void log_inspect_view_done(struct rt_op *op);
static void log_inspect_read_done(struct log_inspect_view *view);
static void log_inspect_read_next(struct log_inspect_view *view);
static bool log_inspect_block_done(struct log_inspect_view *view);
static void log_inspect_listed(struct rt_op *op);
static void log_inspect_list_start(struct log_inspect_state *state);
static size_t log_inspect_round_up(size_t bytes);

void log_inspect_view_init(struct log_inspect_view *view, struct log_inspect_state *state,
                           size_t window_bytes)
{
    *view = (struct log_inspect_view){.state = state, .window_bytes = window_bytes};
    rt_op_init(&view->op, state->shard, log_inspect_view_done);
}

void log_inspect_view_deinit(struct log_inspect_view *view)
{
    ASSERT(!view->file.is_open);
    budget_free(&view->state->budget, view->data);
    view->data = NULL;
    view->capacity = 0;
    view->is_loaded = false;
}

bool log_inspect_get(struct log_inspect_view *view, const char *path, uint64_t pos, size_t bytes)
{
    ASSERT(bytes > 0);
    ASSERT(rt_op_is_idle(&view->op));
    if (view->has_failed) {
        view->has_failed = false;
        log_inspect_refused(view);
        return true;
    }
    if (view->file.is_open && (view->is_stale || strcmp(view->path, path) != 0)) {
        view->is_loaded = false;
        rt_file_close(&view->file, &view->op);
        return false;
    }
    if (!view->file.is_open) {
        view->is_stale = false;
        snprintf(view->path, sizeof(view->path), "%s", path);
        rt_file_open(&view->file, &view->op, view->state->shard, view->path,
                     RT_FILE_READ | RT_FILE_DIRECT, 0);
        return false;
    }
    if (view->is_loaded && pos >= view->pos &&
        (view->is_end || bytes <= log_inspect_have(view, pos))) {
        view->err = ERR_OK;
        return true;
    }
    view->is_loaded = false;
    view->pos = pos / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    view->length = 0;
    view->is_by_block = false;
    size_t wanted = (size_t)(pos - view->pos) + bytes;
    view->wanted_bytes =
        log_inspect_round_up(wanted > view->window_bytes ? wanted : view->window_bytes);
    view->err = log_inspect_grow(view->state, &view->data, &view->capacity, view->wanted_bytes);
    view->saved_errno = 0;
    if (view->err != ERR_OK) {
        log_inspect_refused(view);
        return true;
    }
    log_inspect_read_next(view);
    return false;
}

uint8_t *log_inspect_at(const struct log_inspect_view *view, uint64_t pos)
{
    ASSERT(view->is_loaded);
    ASSERT(pos >= view->pos);
    return view->data + (pos - view->pos);
}

size_t log_inspect_have(const struct log_inspect_view *view, uint64_t pos)
{
    ASSERT(view->is_loaded);
    ASSERT(pos >= view->pos);
    return pos - view->pos < view->length ? view->length - (size_t)(pos - view->pos) : 0;
}

void log_inspect_forget(struct log_inspect_view *view)
{
    view->is_stale = true;
    view->is_loaded = false;
    view->has_failed = false;
}

bool log_inspect_shut(struct log_inspect_view *view)
{
    ASSERT(rt_op_is_idle(&view->op));
    if (view->file.is_open) {
        rt_file_close(&view->file, &view->op);
        return false;
    }
    return true;
}

bool log_inspect_list(struct log_inspect_state *state, const char *path)
{
    if (state->is_listed) {
        ASSERT(strcmp(state->list_path, path) == 0);
        state->is_listed = false;
        return true;
    }
    snprintf(state->list_path, sizeof(state->list_path), "%s", path);
    rt_op_init(&state->op, state->shard, log_inspect_listed);
    if (state->list.names == NULL) {
        void *names = NULL;
        state->list_err = budget_alloc(&state->budget, LOG_INSPECT_NAMES_BYTES, 64, &names);
        if (state->list_err != ERR_OK) {
            return true;
        }
        state->list = (struct rt_dir_list){.names = names, .names_max = LOG_INSPECT_NAMES_BYTES};
    }
    log_inspect_list_start(state);
    return false;
}

void log_inspect_path(const struct log_inspect_state *state, const char *name,
                      char out[LIMIT_PATH_BYTES])
{
    int length = snprintf(out, LIMIT_PATH_BYTES, "%s/%s", state->inspect->dir, name);
    ASSERT(length > 0);
    ASSERT(length < (int)LIMIT_PATH_BYTES); /* the directory's own limit */
}

void log_inspect_name_segment(const struct log_row *row, uint64_t first_index, uint32_t generation,
                              const char *kind, char out[LOG_INSPECT_NAME_BYTES])
{
    char topic[LOG_UUID_TEXT_BYTES];
    log_uuid_format(&row->topic, topic);
    int length =
        snprintf(out, LOG_INSPECT_NAME_BYTES, "p/%s/%" PRIu32 "/%016" PRIx64 "-%08" PRIx32 ".%s",
                 topic, row->partition, first_index, generation, kind);
    ASSERT(length > 0);
    ASSERT(length < (int)LOG_INSPECT_NAME_BYTES);
}

void log_inspect_name_journal(uint32_t slot, char out[LOG_INSPECT_NAME_BYTES])
{
    snprintf(out, LOG_INSPECT_NAME_BYTES, "journal/%08" PRIx32 ".jnl", slot);
}

void log_inspect_path_journal(const struct log_inspect_state *state, uint32_t slot,
                              char out[LIMIT_PATH_BYTES])
{
    int length = snprintf(out, LIMIT_PATH_BYTES, "%s/%08" PRIx32 ".jnl", state->journal_dir, slot);
    ASSERT(length > 0);
    ASSERT(length < (int)LIMIT_PATH_BYTES);
}

enum err log_inspect_grow(struct log_inspect_state *state, uint8_t **data, size_t *capacity,
                          size_t bytes)
{
    if (bytes <= *capacity) {
        return ERR_OK;
    }
    void *grown = NULL;
    budget_free(&state->budget, *data);
    *data = NULL;
    *capacity = 0;
    enum err err = budget_alloc(&state->budget, bytes, LIMIT_BLOCK_BYTES, &grown);
    if (err == ERR_OK) {
        *data = grown;
        *capacity = bytes;
    }
    return err;
}

/* What this process is refused says nothing about the file: the inspection cannot go on. */
static void log_inspect_refused(struct log_inspect_view *view)
{
    if (view->err == ERR_BUDGET || view->err == ERR_RESOURCES || view->err == ERR_CANCELED) {
        char name[LOG_INSPECT_NAME_BYTES];
        log_inspect_name(view, name);
        log_inspect_fail(view->state, view->err, view->saved_errno, name);
    }
}

/* The file's name below the directory. */
static void log_inspect_name(const struct log_inspect_view *view, char out[LOG_INSPECT_NAME_BYTES])
{
    size_t dir_bytes = strlen(view->state->inspect->dir) + 1;
    const char *base = strrchr(view->path, '/');
    if (strstr(view->path, ".jnl") != NULL && base != NULL) {
        snprintf(out, LOG_INSPECT_NAME_BYTES, "journal%.20s", base);
    } else {
        snprintf(out, LOG_INSPECT_NAME_BYTES, "%.90s",
                 strlen(view->path) > dir_bytes ? view->path + dir_bytes : view->path);
    }
}

static void log_inspect_view_done(struct rt_op *op)
{
    struct log_inspect_view *view = CONTAINER_OF(op, struct log_inspect_view, op);
    if (op->kind == RT_OP_FILE_READ) {
        log_inspect_read_done(view);
        return;
    }
    if (op->kind == RT_OP_FILE_OPEN && op->err != ERR_OK) {
        view->has_failed = true;
        view->err = op->err;
        view->saved_errno = op->saved_errno;
    }
    log_inspect_run(view->state);
}

static void log_inspect_read_done(struct log_inspect_view *view)
{
    struct rt_op *op = &view->op;
    if (view->is_by_block) {
        if (log_inspect_block_done(view)) {
            return;
        }
    } else if (op->err == ERR_IO) {
        view->is_by_block = true;
        log_inspect_read_next(view);
        return;
    } else if (op->err == ERR_OK) {
        view->length = (size_t)op->result;
    }
    if (op->err != ERR_OK && op->err != ERR_IO) {
        view->has_failed = true;
        view->err = op->err;
        view->saved_errno = op->saved_errno;
    } else {
        view->is_loaded = true;
        view->is_end = view->length < view->wanted_bytes;
    }
    log_inspect_run(view->state);
}

/* All that is wanted, or the next block of it. */
static void log_inspect_read_next(struct log_inspect_view *view)
{
    size_t bytes = view->is_by_block ? LIMIT_BLOCK_BYTES : view->wanted_bytes;
    rt_file_read(&view->file, &view->op, view->data + view->length, bytes,
                 view->pos + view->length);
}

/* Whether another block is being read now. One that the device does not give is named, and zeros.
 */
static bool log_inspect_block_done(struct log_inspect_view *view)
{
    const struct rt_op *op = &view->op;
    size_t bytes = op->err == ERR_OK ? (size_t)op->result : LIMIT_BLOCK_BYTES;
    if (op->err == ERR_IO) {
        char name[LOG_INSPECT_NAME_BYTES];
        log_inspect_name(view, name);
        memset(view->data + view->length, 0, LIMIT_BLOCK_BYTES);
        log_inspect_fault(view->state, name, view->pos + view->length, LOG_INSPECT_NONE, 0,
                          "the device does not give this block", ERR_IO);
    } else if (op->err != ERR_OK) {
        return false;
    }
    view->length += bytes;
    if (bytes < LIMIT_BLOCK_BYTES || view->length == view->wanted_bytes ||
        view->pos + view->length >= view->file.size_bytes) {
        return false;
    }
    log_inspect_read_next(view);
    return true;
}

static void log_inspect_listed(struct rt_op *op)
{
    struct log_inspect_state *state = CONTAINER_OF(op, struct log_inspect_state, op);
    size_t grown_bytes = 2 * state->list.names_max;
    if (op->err == ERR_TOO_LARGE && grown_bytes <= LOG_INSPECT_NAMES_BYTES_MAX) {
        void *names = NULL;
        budget_free(&state->budget, state->list.names);
        state->list = (struct rt_dir_list){.names = NULL};
        state->list_err = budget_alloc(&state->budget, grown_bytes, 64, &names);
        if (state->list_err == ERR_OK) {
            state->list = (struct rt_dir_list){.names = names, .names_max = grown_bytes};
            log_inspect_list_start(state);
            return;
        }
    } else {
        state->list_err = op->err;
    }
    state->is_listed = true;
    log_inspect_run(state);
}

static void log_inspect_list_start(struct log_inspect_state *state)
{
    rt_path_list(&state->op, state->list_path, &state->list);
}

static size_t log_inspect_round_up(size_t bytes)
{
    return (bytes + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
}
