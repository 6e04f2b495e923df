/* What is followed, printed as it changes: a row or its key a line, with a mark that says what
 * became of it ('+', '-', 'u', 'd': client_change_mark).
 *
 *     aligned  a first column "op"; columns get wider as rows need it, never narrower
 *     csv      likewise
 *     json     {"op":"u","row":{...}}; of what is gone the key alone; {"op":"snapshot"} before rows
 *              that are all there are */
#ifndef BROKER_CLI_CLIENT_CHANGES_H
#define BROKER_CLI_CLIENT_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/compiler.h"
#include "base/err.h"
#include "broker/cli/client_event.h"
#include "broker/cli/client_query.h"
#include "broker/cli/client_table.h"

/* In place; zeroed but for the first part, the caller's to fill. */
struct client_changes {
    FILE *out;                       /* where it goes */
    struct budget *budget;           /* pays */
    enum client_query_format format; /* how */
    bool is_expanded;                /* columns below each other (aligned) */

    bool has_arenas;                            /* they are there */
    struct arena arena;                         /* of the columns */
    struct arena held;                          /* of the table */
    const struct client_answer_column *columns; /* columns_count; copies */
    size_t columns_count;                       /* without the mark */
    struct client_table table;                  /* aligned */
    struct client_table_cell *drawn;            /* a row of it */
    uint64_t rows_count;                        /* that were added */
};

/* Columns are known: those of the same names go on as they were, others begin anew. ERR_TOO_LARGE,
 * ERR_BUDGET: no memory for them. */
MUST_USE enum err client_changes_shape(struct client_changes *changes,
                                       const struct client_shape *shape);

/* What follows is all there is. */
void client_changes_snapshot(struct client_changes *changes);

/* A change; of REMOVE cells may be unknown. A client_event_take. */
bool client_changes_add(void *ctx, enum client_change change,
                        const struct client_answer_cell *cells, size_t count);

/* Let all that was added be seen. False: whoever read it has gone. */
bool client_changes_flush(struct client_changes *changes);

/* Let go of everything. */
void client_changes_end(struct client_changes *changes);

#endif
