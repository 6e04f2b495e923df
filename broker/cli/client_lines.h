/* Lines of files or of standard input, one after another, for a command that has other things to
 * look after while nothing comes. */
#ifndef BROKER_CLI_CLIENT_LINES_H
#define BROKER_CLI_CLIENT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/compiler.h"
#include "base/err.h"

/* The longest line. */
#define CLIENT_LINE_BYTES_MAX (64u << 20)

/* Where lines come from. In place. */
struct client_lines {
    const char *name;      /* for people: the file's, or "standard input" */
    int fd;                /* open for reading; -1: none */
    bool is_end;           /* nothing comes behind what is in memory */
    char *data;            /* text in memory; the budget's */
    size_t capacity;       /* room at `data` */
    size_t begin;          /* first byte not taken yet */
    size_t end;            /* behind the last byte */
    size_t scanned;        /* bytes from `begin` on without a line end */
    uint64_t line_number;  /* of the line taken last, from 1 */
    int saved_errno;       /* of ERR_SYSTEM */
    struct budget *budget; /* pays for `data` */
    bool keeps_empty;      /* empty lines are lines, too; the caller's to set */
};

/* Begin with `path`, or standard input for "-"; whatever was open before is closed, and its memory
 * used again. lines->budget is set. ERR_SYSTEM: it cannot be opened. */
MUST_USE enum err client_lines_open(struct client_lines *lines, const char *path);

/* *text = the next line that is not empty (unless keeps_empty), without its end, *length its bytes;
 * it lives until the next call. ERR_AGAIN: none within `wait_ms`; ERR_END; ERR_TOO_LARGE: a line
 * longer than CLIENT_LINE_BYTES_MAX; ERR_SYSTEM: cannot be read; ERR_BUDGET. */
MUST_USE enum err client_lines_next(struct client_lines *lines, int wait_ms, const char **text,
                                    size_t *length);

/* Close, and give memory back. */
void client_lines_close(struct client_lines *lines);

#endif
