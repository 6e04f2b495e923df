/* What the files of EXPLAIN share. */
#ifndef VIEWS_SQL_EXPLAIN_INT_H
#define VIEWS_SQL_EXPLAIN_INT_H

#include "base/bytes.h"

/* Write a text; a name, in quotes where SQL needs them. */
void explain_put(struct bytes_writer *w, const char *text);
void explain_name(struct bytes_writer *w, const char *name);

#endif
