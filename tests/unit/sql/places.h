/* Every node of a tree with its place: for tests that hold places against the text. */
#ifndef TESTS_UNIT_SQL_PLACES_H
#define TESTS_UNIT_SQL_PLACES_H

#include "views/sql/stmt.h"

/* One node: what it is, where, where an error about it points, and how many are above it. */
struct sql_place {
    const char *what;   /* "call", "name", ... static storage */
    struct sql_at at;   /* its text */
    uint32_t point_pos; /* of an expression; else at.pos */
    unsigned depth;     /* nodes around it */
};

/* Called for a node before those in it, in the order of the text but for calls whose grammar puts
 * arguments in another one. */
typedef void sql_places_fn(void *context, const struct sql_place *place);

/* Call `fn` for every node of `stmt`. */
void sql_places_visit(const struct sql_stmt *stmt, sql_places_fn *fn, void *context);

#endif
