/* The tables of tests/golden/values, as lines. */
#ifndef TESTS_UNIT_VEC_RECORDED_H
#define TESTS_UNIT_VEC_RECORDED_H

#include <stddef.h>

#define RECORDED_ARGS_MAX 32

/* A field, unescaped, with a NUL behind it. */
struct recorded_field {
    const char *text;
    size_t length;
};

/* A line: operation, answer (ours, where that is another one than PostgreSQL's), arguments. */
struct recorded_line {
    struct recorded_field name;
    struct recorded_field answer;
    size_t args_count;
    struct recorded_field args[RECORDED_ARGS_MAX];
};

struct recorded {
    size_t count;
    struct recorded_line *lines;
};

/* Read tests/golden/values/<table>.txt. Lives until the program ends. */
struct recorded *recorded_read(const char *table);

#endif
