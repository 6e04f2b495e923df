/* Tables of tests/golden/values whose operations are rows of the table of functions, by name and
 * kinds of arguments ("substring(text,integer)", "cast(text):date"): each is asked of constants,
 * and of columns in every form among others. The argument <null> is NULL. */
#ifndef TESTS_UNIT_VEC_ANSWERS_H
#define TESTS_UNIT_VEC_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/vec/forms.h"
#include "tests/unit/vec/recorded.h"

#define ANSWERS_ARGS_MAX 8

/* A recorded row. */
struct answers_row {
    const struct recorded_line *line;
    const struct vec_function *function;
    uint8_t kinds[ANSWERS_ARGS_MAX]; /* enum vec_kind of the arguments */
    uint32_t args_count;             /* of them */
    struct vec_value args[ANSWERS_ARGS_MAX];
    bool is_asked;  /* its arguments are values: there is something to call */
    bool is_failed; /* its answer is an error */
};

/* The rows, and where we are. */
struct answers {
    struct forms f;
    struct answers_row *rows;
    size_t count;
    size_t wrong; /* answers that differed */
};

/* Read a table. */
void answers_open(struct answers *a, const char *table);
void answers_close(struct answers *a);

/* Ask every row of constants; of columns. Fails on answers that differ, some of which are shown. */
void answers_check_constants(struct answers *a);
void answers_check_columns(struct answers *a);

/* Whether the table asks `function`. */
bool answers_has(const struct answers *a, const struct vec_function *function);

#endif
