/* SQL text into a tree: recursive descent, expressions by precedence (parse_expr.c has the table).
 * The dialect is PostgreSQL 15's; what it has and we do not is recognised and refused by name
 * (0A000), with what to use instead. Pure: no clock, no I/O; memory is the arena's. */
#ifndef VIEWS_SQL_PARSE_H
#define VIEWS_SQL_PARSE_H

#include <stddef.h>

#include "base/arena.h"
#include "views/sql/stmt.h"

/* *out = the one statement of the `length` bytes of `text`, perhaps with semicolons behind it. The
 * tree lives in `arena` and does not point into `text`.
 * Otherwise `error` is filled, *out = NULL, and what the arena gave is the caller's to rewind:
 * ERR_INVALID: no statement, or a wrong one (42601 and the like); ERR_UNSUPPORTED: one that is not
 * served (0A000); ERR_TOO_LARGE: too long, too high or of too many parts (54000, 54001);
 * ERR_BUDGET: the arena gave no memory (53200). */
MUST_USE enum err sql_parse(const char *text, size_t length, struct arena *arena,
                            struct sql_stmt **out, struct sql_error *error);

/* As sql_parse: *out = all statements, with semicolons between them, perhaps none. */
MUST_USE enum err sql_parse_list(const char *text, size_t length, struct arena *arena,
                                 struct sql_stmts *out, struct sql_error *error);

/* As sql_parse: *out = the expression that `text` is. For defaults, filters and tests. */
MUST_USE enum err sql_parse_expression(const char *text, size_t length, struct arena *arena,
                                       struct sql_expr **out, struct sql_error *error);

#endif
