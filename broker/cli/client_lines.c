/* See client_lines.h. */
#include "broker/cli/client_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* What is read at once. */
#define CLIENT_LINES_BYTES (256u << 10)

static enum err client_lines_fill(struct client_lines *lines, int wait_ms);
static enum err client_lines_room(struct client_lines *lines);

enum err client_lines_open(struct client_lines *lines, const char *path)
{
    bool is_standard = strcmp(path, "-") == 0;
    if (lines->fd > STDIN_FILENO) {
        close(lines->fd);
    }
    lines->name = is_standard ? "standard input" : path;
    lines->is_end = false;
    lines->begin = lines->end = lines->scanned = 0;
    lines->line_number = 0;
    lines->fd = is_standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    lines->saved_errno = lines->fd < 0 ? errno : 0;
    return lines->fd < 0 ? ERR_SYSTEM : ERR_OK;
}

enum err client_lines_next(struct client_lines *lines, int wait_ms, const char **text,
                           size_t *length)
{
    for (;;) {
        const char *begin = lines->data + lines->begin;
        size_t left = lines->end - lines->begin;
        const char *end = left > lines->scanned
                              ? memchr(begin + lines->scanned, '\n', left - lines->scanned)
                              : NULL;
        size_t bytes = end != NULL ? (size_t)(end - begin) : left;
        if (bytes > CLIENT_LINE_BYTES_MAX) {
            lines->line_number++;
            return ERR_TOO_LARGE;
        }
        if (end == NULL && !(lines->is_end && left > 0)) {
            lines->scanned = left;
            enum err err = lines->is_end ? ERR_END : client_lines_fill(lines, wait_ms);
            if (err != ERR_OK) {
                return err;
            }
            continue;
        }
        lines->begin += bytes + (end != NULL);
        lines->scanned = 0;
        lines->line_number++;
        if (bytes > 0 && begin[bytes - 1] == '\r') {
            bytes--;
        }
        if (bytes > 0 || lines->keeps_empty) {
            *text = begin;
            *length = bytes;
            return ERR_OK;
        }
    }
}

void client_lines_close(struct client_lines *lines)
{
    if (lines->fd > STDIN_FILENO) {
        close(lines->fd);
    }
    lines->fd = -1;
    budget_free(lines->budget, lines->data);
    lines->data = NULL;
    lines->capacity = 0;
}

static enum err client_lines_fill(struct client_lines *lines, int wait_ms)
{
    enum err err = client_lines_room(lines);
    if (err != ERR_OK) {
        return err;
    }
    struct pollfd wanted = {.fd = lines->fd, .events = POLLIN};
    int ready = poll(&wanted, 1, wait_ms);
    if (ready == 0 || (ready < 0 && errno == EINTR)) {
        return ERR_AGAIN;
    }
    ssize_t bytes = read(lines->fd, lines->data + lines->end, lines->capacity - lines->end);
    if (bytes < 0 && (errno == EINTR || errno == EAGAIN)) {
        return ERR_AGAIN;
    }
    if (bytes < 0) {
        lines->saved_errno = errno;
        return ERR_SYSTEM;
    }
    lines->end += (size_t)bytes;
    lines->is_end = bytes == 0;
    return ERR_OK;
}

/* Room behind lines->end: what was taken goes, and there is more when that is not enough. */
static enum err client_lines_room(struct client_lines *lines)
{
    size_t left = lines->end - lines->begin;
    if (lines->capacity - left >= CLIENT_LINES_BYTES) {
        if (left > 0) {
            memmove(lines->data, lines->data + lines->begin, left);
        }
    } else {
        size_t capacity = 2 * (left + CLIENT_LINES_BYTES);
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
