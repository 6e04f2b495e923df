/* What who writes keys and who reads them share: see the head of key.c. */
#ifndef VIEWS_VEC_KEY_INT_H
#define VIEWS_VEC_KEY_INT_H

/* Digits of a group of NUMERIC's. */
#define VEC_KEY_GROUP_DIGITS 19

/* The first byte of an empty array that is the whole value; other JSONB begin with kind + 1. */
#define VEC_KEY_JSONB_LEAST 0

#endif
