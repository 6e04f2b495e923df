/* The functions, operators and casts there are, as a table: name, types, what computes them. The
 * binder chooses a row by PostgreSQL's rules, plans name it ("substring(text,integer)"), evaluation
 * calls it.
 *
 * Operators are functions whose name is their sign, prefix ones with one argument: "+"(bigint),
 * "||"(text,text). Casts are functions called "cast" with one argument, chosen by argument and
 * result; context says when one may happen unasked. There is one row for each combination of
 * types.
 *
 * Rows stand in files by what they are about (function_*.c), each a static table; function.c finds
 * them. */
#ifndef VIEWS_VEC_FUNCTION_H
#define VIEWS_VEC_FUNCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "views/vec/expr.h"

/* Arguments of a row, those of a variadic one's tail not counted. */
#define VEC_FUNCTION_ARGS_MAX 8u

/* Compute `call` (a CALL of this row) for the rows of `selection`, whose arguments are `args`.
 *
 * For a strict function no argument is null in these rows (rows that are null are not asked for).
 * It makes data with vec_flat and writes the rows asked for; or it answers with an argument's data,
 * form and `valid` (*out = args[i] with another type), constant only where all arguments are. One
 * that answers null for arguments that are not sets out->valid, of which the bits of these rows
 * count; evaluation adds the nulls of the arguments. When all arguments are constant it is asked
 * for one row, row 0, and the result becomes a constant. Any form of argument may come.
 *
 * False: vec_fail was called. */
typedef bool vec_function_fn(struct vec_eval *ev, const struct vec_expr *call,
                             const struct vec_vector *args, struct vec_selection selection,
                             struct vec_vector *out);

/* When a cast may happen (PostgreSQL's pg_cast.castcontext). */
enum vec_cast {
    VEC_CAST_NONE,       /* not a cast */
    VEC_CAST_IMPLICIT,   /* anywhere */
    VEC_CAST_ASSIGNMENT, /* into a column */
    VEC_CAST_EXPLICIT,   /* where it is written */
};

/* A row. */
struct vec_function {
    const char *name;                    /* lower case, or an operator's sign, or "cast" */
    uint8_t args[VEC_FUNCTION_ARGS_MAX]; /* enum vec_kind of each, VEC_NONE behind the last */
    uint8_t args_count;                  /* of them, the first of a variadic tail included */
    uint8_t result;                      /* enum vec_kind */
    uint8_t cast;                        /* enum vec_cast */
    uint8_t version;                     /* of what it answers, from 1: another answer for the same
                                            arguments is another version (VIEWS §6) */
    bool is_variadic;                    /* the last of `args` may come any number of times, >= 1 */
    bool is_not_strict;                  /* it is asked for nulls, too */
    bool is_stable;                      /* it answers the same within a statement only: now() */
    vec_function_fn *apply;              /* computes it */
};

/* The rows called `name`, one after the other: *out the first. Returns how many; 0: there is none.
 * Names compare as they stand (the caller folds case). */
size_t vec_functions(const char *name, size_t length, const struct vec_function **out);

/* The cast from one kind to another, or NULL. A cast to NUMERIC(p, s) is "cast"(numeric) and then
 * "numeric_declare"(numeric, integer, integer) with p and s. Casts to TEXT and from TEXT are there
 * for all kinds. */
const struct vec_function *vec_cast_find(enum vec_kind from, enum vec_kind to);

/* The row of that name with exactly these kinds of arguments (a variadic tail matches as often as
 * it comes) and, for a cast, that result (else VEC_NONE: any); or NULL. For plans that are read. */
const struct vec_function *vec_function_find(const char *name, size_t length, const uint8_t *args,
                                             size_t args_count, enum vec_kind result);

/* Every row there is, in no order that matters: for lists, for suggestions of names. NULL behind
 * the last; `i` from 0. */
const struct vec_function *vec_function_at(size_t i);

#endif
