/* A tree and what there is to read become a plan: names are looked up, types derived, operators and
 * functions chosen by PostgreSQL's rules (its manual's chapter 10), casts written out.
 *
 * Errors have PostgreSQL's SQLSTATE and sentence, the place, and a suggestion for a misspelt name.
 * Pure; the plan lives in the arena. */
#ifndef VIEWS_SQL_BIND_H
#define VIEWS_SQL_BIND_H

#include "base/arena.h"
#include "views/plan/plan.h"
#include "views/sql/stmt.h"

/* A name that a statement reads: [schema.]name, not one of its own WITH. */
struct sql_reference {
    struct sql_name schema; /* text NULL: none was written */
    struct sql_name name;
};

/* *out = every relation that `select` names, each once by schema and name as written; in `arena`.
 * ERR_BUDGET. Who has the relations finds them (or makes them: streams are inferred when they are
 * first named) before binding. */
MUST_USE enum err sql_references(const struct sql_select *select, struct arena *arena,
                                 struct sql_reference **out, uint32_t *count);

/* What binding may use. */
struct sql_binding {
    /* What each reference of sql_references is, in its order; NULL: there is no such relation
     * (42P01). */
    const struct plan_relation *const *relations;
    const struct sql_reference *references;
    uint32_t references_count;

    /* Names for suggestions: the i-th relation's, NULL behind the last. */
    const char *(*name_at)(void *ctx, uint32_t i);
    void *ctx;

    /* Types that parameters come with; VEC_NONE: it follows from where it stands, TEXT where
     * nothing says. A plan says what each became. */
    const struct vec_type *params;
    uint32_t params_count; /* fewer than the statement names: 42P02 */

    const char *text; /* of the statement, for errors */
    size_t length;

    bool is_view; /* the plan is one that is kept up: its scans give whole columns (maint/view.h) */
};

/* *out = the plan of `select`, optimised and valid. ERR_INVALID, ERR_UNSUPPORTED, ERR_TOO_LARGE,
 * ERR_BUDGET: `error` is filled. */
MUST_USE enum err sql_bind(const struct sql_select *select, const struct sql_binding *binding,
                           struct arena *arena, struct plan *out, struct sql_error *error);

/* *out = the type that a column of CREATE STREAM is declared with; errors as above: types that are
 * not served, modifiers out of range. */
MUST_USE enum err sql_bind_type(const struct sql_type *type, const char *text, size_t length,
                                struct vec_type *out, struct sql_error *error);

#endif
