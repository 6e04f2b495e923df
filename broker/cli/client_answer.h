/* The answer to a query as its lines come (application/x-ndjson): columns, rows, an end; or the
 * problem that was answered instead. Knows no transport and prints nothing. */
#ifndef BROKER_CLI_CLIENT_ANSWER_H
#define BROKER_CLI_CLIENT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/json.h"

/* A column. */
struct client_answer_column {
    const char *name; /* with a NUL behind it */
    const char *type; /* of its values: "bigint" */
};

/* A value. */
struct client_answer_cell {
    const char *json;   /* as it came: `json_length` bytes */
    size_t json_length; /* quotes included */
    const char *text;   /* for people; NULL: null */
    size_t text_length; /* bytes of it */
};

/* Who takes it. What is given lives during the call; columns as long as the answer. */
struct client_answer_ops {
    /* Once, before any row. False: no more. */
    bool (*columns)(void *ctx, const struct client_answer_column *columns, size_t count);
    /* A row. False: no more. */
    bool (*row)(void *ctx, const struct client_answer_cell *cells, size_t count);
};

/* What went wrong, as the server says it. Empty texts: it did not say. */
struct client_problem {
    const char *state;   /* SQLSTATE */
    const char *detail;  /* the sentence */
    const char *excerpt; /* the line of the statement, and one with a caret */
    const char *hint;    /* what to do */
};

/* An answer. In place; zeroed but for the first part, the caller's to fill. */
struct client_answer {
    const struct client_answer_ops *ops;
    void *ctx;           /* of ops */
    struct arena *arena; /* of columns, cells and the problem; reset by the caller after it */

    struct client_answer_column *columns; /* columns_count */
    size_t columns_count;
    struct client_answer_cell *cells; /* columns_count */
    bool is_stopped;                  /* ops wanted no more */
    bool has_columns;                 /* they came */
    bool has_end;                     /* so did the last line */
    bool has_problem;                 /* and it was this: */
    struct client_problem problem;
    const char *command;   /* "SELECT" */
    const char *notice;    /* what goes with it, a line each; "": nothing */
    uint64_t errors_count; /* error rows that were met */
};

/* Take a line. ERR_INVALID: it is none of an answer; ERR_TOO_LARGE, ERR_BUDGET: no memory for it;
 * ERR_CANCELED: ops wanted no more. */
MUST_USE enum err client_answer_line(struct client_answer *answer, const char *line, size_t length);

/* *out = the *count columns that `columns` (an array) describes, *cells = as many cells, in
 * `arena`. ERR_TOO_LARGE, ERR_BUDGET: no memory for them. */
MUST_USE enum err client_answer_columns(const struct json_value *columns, struct arena *arena,
                                        struct client_answer_column **out,
                                        struct client_answer_cell **cells, size_t *count);

/* cells[0..count) = the values of `row` (an array), each as its column has it; they lie in `row`'s
 * text or in `arena`. ERR_INVALID: there are not `count`, or one is no text; ERR_TOO_LARGE,
 * ERR_BUDGET. */
MUST_USE enum err client_answer_cells(const struct json_value *row,
                                      const struct client_answer_column *columns, size_t count,
                                      struct arena *arena, struct client_answer_cell *cells);

/* What `string` (of kind JSON_STRING) stands for, *length bytes with a NUL behind them, in `arena`;
 * NULL: no memory, or no text. */
const char *client_answer_text(const struct json_value *string, struct arena *arena,
                               size_t *length);

/* *out = the problem that the `length` bytes of `text` are (application/problem+json, or an
 * object of the same members at `path`, "error."), in `arena`. False: they are none. */
bool client_problem_read(struct client_problem *out, const char *text, size_t length,
                         const char *path, struct arena *arena);

#endif
