/* Planted violations, one file each, and near misses that must not be caught. */
#ifndef TESTS_TIDY_PLANTS_H
#define TESTS_TIDY_PLANTS_H

#include <stddef.h>

#include "tests/tidy/tidy.h"

/* One file: `head`, then `filler` repeated, then `tail`. */
struct plant {
    const char *name;    /* of the test, as a sentence */
    const char *path;    /* where the file would stand */
    const char *head;    /* its text begins so */
    unsigned line;       /* where `rule` must be reported, once; 0: nowhere */
    enum tidy_rule rule; /* the rule under test; what others find does not matter */
    const char *filler;  /* NULL: none */
    unsigned repeat;     /* how often it comes */
    const char *tail;    /* NULL: none */
};

/* All of them, grouped by rule. */
extern const struct plant plants[];
extern const size_t plants_count;

#endif
