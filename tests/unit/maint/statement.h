/* Random statements that views are kept of, over a relation t of any columns, and how exactly each
 * column of their answers is to be what a question answers. */
#ifndef TESTS_UNIT_MAINT_STATEMENT_H
#define TESTS_UNIT_MAINT_STATEMENT_H

#include "tests/unit/exec/chance.h"
#include "views/vec/type.h"

#define STATEMENT_BYTES       4096u
#define STATEMENT_COLUMNS_MAX 16u

/* How columns are compared. */
enum statement_match {
    STATEMENT_SAME,  /* to the byte */
    STATEMENT_EQUAL, /* as SQL has it: another one of equal values may be shown, of those types
                        whose equal values differ */
    STATEMENT_NEAR,  /* sums of doubles, which questions round on the way */
};

/* A statement. */
struct statement {
    char text[STATEMENT_BYTES];
    enum statement_match columns[STATEMENT_COLUMNS_MAX];
    uint32_t columns_count;
    bool has_near; /* a sum of doubles is computed */
};

/* Make one over columns of those types, called a, b, c ... */
void statement_random(struct statement *s, struct chance *chance, const struct vec_type *types,
                      uint32_t types_count);

#endif
