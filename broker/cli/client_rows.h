/* Values of rows, and problems, as commands print them: as CSV, as JSON, for people. */
#ifndef BROKER_CLI_CLIENT_ROWS_H
#define BROKER_CLI_CLIENT_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "broker/cli/client_answer.h"

/* Write a field of CSV (RFC 4180): quoted where it must be. On a terminal what would drive it is
 * escaped. */
void client_rows_put_csv(FILE *out, const char *text, size_t length);

/* Write `count` cells as an object. Values are passed on as they came, so no digit is lost; a cell
 * that is not known (json NULL) is left out. */
void client_rows_put_json(FILE *out, const struct client_answer_column *columns,
                          const struct client_answer_cell *cells, size_t count);

/* Write what went wrong, as psql does: "ERROR 42703: ...", the line and the caret, "HINT: ...". */
void client_rows_put_problem(FILE *err, const struct client_problem *problem);

/* Whether values of a type stand at the right of their column. */
bool client_rows_is_number(const char *type);

#endif
