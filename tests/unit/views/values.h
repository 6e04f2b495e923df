/* Tables of answers that PostgreSQL gave (tests/golden/values), held against views/vec.
 *
 * A test names the operations of a table and how each is computed here; values_check_table reads
 * the table and fails on the first rows that differ. */
#ifndef TESTS_UNIT_VIEWS_VALUES_H
#define TESTS_UNIT_VIEWS_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "views/vec/fault.h"
#include "views/vec/unit.h"

#define VALUES_ARGS_MAX   6
#define VALUES_TEXT_BYTES (1u << 18)

/* An argument: text, and NUL-terminated as well. */
struct values_arg {
    const char *text;
    size_t length;
};

/* One row, being computed. */
struct values_case {
    struct values_arg args[VALUES_ARGS_MAX];
    size_t args_count;
    struct bytes_writer out;   /* the answer's text */
    bool is_null;              /* the answer is NULL */
    enum vec_fault fault;      /* the answer is this */
    const char *type;          /* type its message names */
    struct values_arg subject; /* text its message names; the first argument unless it is set */
};

/* Compute the answer to `c`. */
typedef void values_fn(struct values_case *c);

/* An operation of a table. */
struct values_operation {
    const char *name;
    values_fn *compute;
};

/* Whether `fault` is none; otherwise it becomes the answer. */
bool values_is_fine(struct values_case *c, enum vec_fault fault, const char *type);

/* An argument as a number. */
int values_int(const struct values_arg *arg);

/* The unit of time an argument names. */
enum vec_unit values_unit(const struct values_arg *arg, bool is_part);

/* Hold every row of tests/golden/values/<table>.txt against `operations`; at least `rows_min`. */
void values_check_table(const char *table, const struct values_operation *operations,
                        size_t operations_count, size_t rows_min);

#endif
