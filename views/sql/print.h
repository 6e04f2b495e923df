/* A tree back to text, in one canonical form: keywords in capitals, one space, parentheses only
 * where the grammar needs them, names as they were written. Parsing what is printed gives a tree
 * that prints the same. For SHOW CREATE, EXPLAIN and tests.
 *
 * A writer that is too small has ERR_TOO_LARGE afterwards; SQL_PRINT_BYTES_MAX never is. */
#ifndef VIEWS_SQL_PRINT_H
#define VIEWS_SQL_PRINT_H

#include "base/bytes.h"
#include "views/sql/stmt.h"

/* Room for whatever is printed of a text of `length` bytes. */
#define SQL_PRINT_BYTES_MAX(length) (4 * (size_t)(length) + 256)

/* The whole statement, without a semicolon. */
void sql_print_stmt(struct bytes_writer *w, const struct sql_stmt *stmt);

/* SELECT or VALUES with what stands around it, without parentheses. */
void sql_print_select(struct bytes_writer *w, const struct sql_select *select);

/* An expression, without parentheses around it. */
void sql_print_expr(struct bytes_writer *w, const struct sql_expr *expr);

/* A type: NUMERIC(10, 2). */
void sql_print_type(struct bytes_writer *w, const struct sql_type *type);

/* A name, in double quotes if it was written so; names in a row with `between` between them. */
void sql_print_name(struct bytes_writer *w, const struct sql_name *name);
void sql_print_names(struct bytes_writer *w, const struct sql_names *names, const char *between);

/* 'text', quotes doubled. */
void sql_print_string(struct bytes_writer *w, struct sql_text text);

#endif
