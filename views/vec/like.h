/* LIKE and ILIKE.
 *
 * % stands for any characters, _ for one; the escape character makes the next one stand for itself.
 * The work is at most the product of both lengths: of all %, only the last that was met is ever
 * tried again. A pattern that ends with its escape character is an error only where matching gets
 * there, as in PostgreSQL. */
#ifndef VIEWS_VEC_LIKE_H
#define VIEWS_VEC_LIKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "views/vec/fault.h"
#include "views/vec/text.h"

/* The escape character when none is named, and what stands for none at all. */
#define VEC_LIKE_ESCAPE    '\\'
#define VEC_LIKE_NO_ESCAPE UINT32_MAX

/* The escape character that ESCAPE `text` names; an empty text means none. ESCAPE_STRING: more than
 * one character. */
MUST_USE enum vec_fault vec_like_escape(struct vec_text text, uint32_t *escape);

/* *is_match = whether `a` matches all of `pattern`, with `ignores_case` in lower case (unicode.h).
 * *steps: characters of `a` that may be looked at again for what follows a %; less those that were.
 * ESCAPE_END; LIKE_STEPS: they are used up. */
MUST_USE enum vec_fault vec_like(struct vec_text a, struct vec_text pattern, uint32_t escape,
                                 bool ignores_case, uint64_t *steps, bool *is_match);

#endif
