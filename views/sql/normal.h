/* The key of a plan cache: a statement's tokens without what does not matter between them. Two
 * texts with one key have one tree, but for the places in it. */
#ifndef VIEWS_SQL_NORMAL_H
#define VIEWS_SQL_NORMAL_H

#include "base/bytes.h"
#include "views/sql/error.h"

/* Room for the key of a text of `length` bytes. */
#define SQL_NORMAL_BYTES_MAX(length) (2 * (size_t)(length) + 1)

/* Write the tokens of the `length` bytes of `text` as they stand there, literals too, with one
 * space between them; comments and semicolons at the end are left out. Names and keywords keep
 * their case: what a text means is not looked at. ERR_INVALID, ERR_UNSUPPORTED: what the lexer
 * cannot read, as sql_parse would say, with `error` filled; ERR_TOO_LARGE: the text is too long
 * (54000, `error` filled) or the writer too small. */
MUST_USE enum err sql_normal(const char *text, size_t length, struct bytes_writer *w,
                             struct sql_error *error);

#endif
