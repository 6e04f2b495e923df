/* See log_cli_lines.h. A read waits for a pipe no longer than a tenth of a second, so that a signal
 * ends a command whose input is silent. */
#include "broker/app/log_cli_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/rt/worker.h"

/* What is read at once, and how long a read waits. */
#define LOG_CLI_LINES_BYTES   (256u << 10)
#define LOG_CLI_LINES_WAIT_MS 100

static void log_cli_lines_done(struct rt_op *op);
static enum err log_cli_lines_work(struct rt_op *op);
static enum err log_cli_lines_room(struct log_cli_lines *lines);

bool log_cli_lines_open(struct log_cli_lines *lines, const char *path, FILE *err)
{
    bool is_standard = strcmp(path, "-") == 0;
    *lines =
        (struct log_cli_lines){.name = is_standard ? "standard input" : path, .fd = STDIN_FILENO};
    if (!is_standard) {
        lines->fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (lines->fd < 0) {
        fprintf(err, "tdb: cannot read %s: %s\n", path, strerrordesc_np(errno));
        return false;
    }
    return true;
}

void log_cli_lines_start(struct log_cli_lines *lines, struct rt_shard *shard, struct budget *budget,
                         size_t line_bytes_max, void (*filled)(struct log_cli_lines *lines))
{
    lines->budget = budget;
    lines->line_bytes_max = line_bytes_max;
    lines->filled = filled;
    rt_op_init(&lines->op, shard, log_cli_lines_done);
}

enum err log_cli_lines_next(struct log_cli_lines *lines, const char **text, size_t *length)
{
    for (;;) {
        const char *begin = lines->data + lines->begin;
        size_t left = lines->end - lines->begin;
        const char *end = left > lines->scanned
                              ? memchr(begin + lines->scanned, '\n', left - lines->scanned)
                              : NULL;
        bool is_last = end == NULL && lines->is_end && left > 0;
        size_t bytes = end != NULL ? (size_t)(end - begin) : left;
        if (bytes > lines->line_bytes_max) {
            lines->line_number++;
            return ERR_TOO_LARGE;
        }
        if (end == NULL && !is_last) {
            lines->scanned = left;
            return lines->is_end ? ERR_END : ERR_AGAIN;
        }
        lines->begin += bytes + (end != NULL);
        lines->scanned = 0;
        lines->line_number++;
        if (bytes > 0 && begin[bytes - 1] == '\r') {
            bytes--;
        }
        if (bytes > 0) {
            *text = begin;
            *length = bytes;
            return ERR_OK;
        }
    }
}

void log_cli_lines_fill(struct log_cli_lines *lines)
{
    if (log_cli_lines_room(lines) != ERR_OK) {
        rt_op_defer(&lines->op); /* ERR_BUDGET then */
        return;
    }
    rt_job_submit(&lines->op, log_cli_lines_work);
}

void log_cli_lines_close(struct log_cli_lines *lines)
{
    if (lines->fd > STDIN_FILENO) {
        close(lines->fd);
    }
    if (lines->budget != NULL) {
        budget_free(lines->budget, lines->data);
    }
    lines->data = NULL;
}

static void log_cli_lines_done(struct rt_op *op)
{
    struct log_cli_lines *lines = CONTAINER_OF(op, struct log_cli_lines, op);
    if (op->kind == RT_OP_DEFER) {
        op->err = ERR_BUDGET; /* log_cli_lines_fill found no room */
    } else if (op->err == ERR_OK) {
        lines->end += (size_t)op->result;
    } else if (op->err == ERR_END) {
        op->err = ERR_OK;
        lines->is_end = true;
    }
    lines->filled(lines);
}

/* On a worker thread; touches what the shard does not while it waits. ERR_END: nothing follows;
 * with a result of 0: nothing came yet. */
static enum err log_cli_lines_work(struct rt_op *op)
{
    struct log_cli_lines *lines = CONTAINER_OF(op, struct log_cli_lines, op);
    struct pollfd wanted = {.fd = lines->fd, .events = POLLIN};
    op->result = 0;
    int ready = poll(&wanted, 1, LOG_CLI_LINES_WAIT_MS);
    if (ready == 0) {
        return ERR_OK;
    }
    ssize_t bytes = -1;
    if (ready > 0) {
        bytes = read(lines->fd, lines->data + lines->end, lines->capacity - lines->end);
    }
    if (bytes < 0 && (errno == EINTR || errno == EAGAIN)) {
        return ERR_OK;
    }
    if (bytes < 0) {
        op->saved_errno = errno;
        return ERR_SYSTEM;
    }
    op->result = bytes;
    return bytes == 0 ? ERR_END : ERR_OK;
}

/* Room behind lines->end: what was taken goes, and there is more when that is not enough. */
static enum err log_cli_lines_room(struct log_cli_lines *lines)
{
    size_t left = lines->end - lines->begin;
    if (lines->capacity - left >= LOG_CLI_LINES_BYTES) {
        if (left > 0) {
            memmove(lines->data, lines->data + lines->begin, left);
        }
    } else {
        size_t capacity = 2 * (left + LOG_CLI_LINES_BYTES);
        void *data = NULL;
        enum err err = budget_alloc(lines->budget, capacity, 64, &data);
        if (err != ERR_OK) {
            return err;
        }
        if (left > 0) {
            memcpy(data, lines->data + lines->begin, left);
        }
        budget_free(lines->budget, lines->data);
        lines->data = data;
        lines->capacity = capacity;
    }
    lines->begin = 0;
    lines->end = left;
    return ERR_OK;
}
