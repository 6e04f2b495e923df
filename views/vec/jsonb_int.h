/* What the files of JSONB share. */
#ifndef VIEWS_VEC_JSONB_INT_H
#define VIEWS_VEC_JSONB_INT_H

#include "views/vec/jsonb.h"

/* The characters of a string, the digits of a number. */
struct vec_text vec_jsonb_characters(struct vec_jsonb value);

#endif
