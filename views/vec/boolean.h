/* BOOLEAN as text. */
#ifndef VIEWS_VEC_BOOLEAN_H
#define VIEWS_VEC_BOOLEAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "views/vec/fault.h"

/* "true", "yes", "on", "1", their opposites, and what begins only one of them ("t", "of"), in any
 * case, white space around. SYNTAX (type "boolean"). */
MUST_USE enum vec_fault vec_boolean_parse(const char *text, size_t length, bool *out);

/* Write "true" or "false": the cast to text. */
void vec_boolean_write(struct bytes_writer *w, bool value);

#endif
