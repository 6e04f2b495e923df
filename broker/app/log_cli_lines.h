/* Lines of a file or of standard input, read on worker threads while a shard goes on. */
#ifndef BROKER_APP_LOG_CLI_LINES_H
#define BROKER_APP_LOG_CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/budget.h"
#include "base/err.h"
#include "base/rt/op.h"

/* Where lines come from. In place. */
struct log_cli_lines {
    const char *name;                            /* for people: the file's, or "standard input" */
    int fd;                                      /* open for reading */
    bool is_end;                                 /* nothing comes behind what is in memory */
    char *data;                                  /* text in memory; the budget's */
    size_t capacity;                             /* room at `data` */
    size_t begin;                                /* first byte not taken yet */
    size_t end;                                  /* behind the last byte */
    size_t scanned;                              /* bytes from `begin` on without a line end */
    size_t line_bytes_max;                       /* the longest line */
    uint64_t line_number;                        /* of the line taken last, from 1 */
    struct budget *budget;                       /* pays for `data` */
    struct rt_op op;                             /* the read under way */
    void (*filled)(struct log_cli_lines *lines); /* end of log_cli_lines_fill */
};

/* Open `path`, or standard input for "-". False: `err` was told why not. */
MUST_USE bool log_cli_lines_open(struct log_cli_lines *lines, const char *path, FILE *err);

/* Go on, on `shard`; `budget` pays; lines longer than `line_bytes_max` are refused. */
void log_cli_lines_start(struct log_cli_lines *lines, struct rt_shard *shard, struct budget *budget,
                         size_t line_bytes_max, void (*filled)(struct log_cli_lines *lines));

/* *text = the next line that is not empty, without its end, *length its bytes; it lives until the
 * next log_cli_lines_fill. ERR_AGAIN: more must be read first; ERR_END: there is none;
 * ERR_TOO_LARGE.
 */
MUST_USE enum err log_cli_lines_next(struct log_cli_lines *lines, const char **text,
                                     size_t *length);

/* Read more, then `filled`, from the ready queue: within a moment, even when nothing came.
 * lines->op.err says how it went. */
void log_cli_lines_fill(struct log_cli_lines *lines);

/* Close, and give memory back. Nothing is under way. */
void log_cli_lines_close(struct log_cli_lines *lines);

#endif
