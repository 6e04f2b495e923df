/* Which row of a table of functions is meant by arguments of some types: PostgreSQL's rules. Pure.
 */
#ifndef VIEWS_SQL_BIND_CHOOSE_H
#define VIEWS_SQL_BIND_CHOOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "views/vec/aggregate.h"
#include "views/vec/function.h"

/* Rows of a name that are looked at. */
#define BIND_CANDIDATES_MAX 160u

/* Arguments of a call, at most: PostgreSQL's FUNC_MAX_ARGS. */
#define BIND_ARGS_MAX 100u

/* Rows of functions, or of aggregates. */
struct bind_rows {
    const struct vec_function *functions; /* NULL: aggregates */
    const struct vec_aggregate *aggregates;
    size_t count;
    bool is_operator; /* one unknown operand is first taken to be of the other's type */
};

/* *out = the row meant by arguments of these kinds, its number in `rows`. False: none (*is_many:
 * several). */
bool bind_choose(const struct bind_rows *rows, const uint8_t *kinds, uint32_t kinds_count,
                 uint32_t *out, bool *is_many);

/* Whether a value of `from` becomes one of `to` unasked. */
bool bind_is_implicit(enum vec_kind from, enum vec_kind to);

/* Whether the kind is the preferred one among those like it; and what is like it. */
bool bind_is_preferred(enum vec_kind kind);
char bind_category(enum vec_kind kind);

#endif
