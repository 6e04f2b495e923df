/* A SELECT that was bound becomes the view that CREATE MATERIALIZED VIEW makes of it. Pure. */
#ifndef BROKER_CORE_VIEW_DECLARE_H
#define BROKER_CORE_VIEW_DECLARE_H

#include "base/arena.h"
#include "broker/core/view.h"
#include "views/plan/plan.h"
#include "views/sql/bind.h"

/* What was bound. */
struct core_view_bound {
    const struct sql_select *select;   /* of `binding->text` */
    const struct sql_binding *binding; /* what it was bound with */
    const struct plan *plan;           /* what came of it */
};

/* *out = the view that `create` makes, for CORE_CHANGE_VIEW_CREATE: name, origin, SELECT, plan,
 * source, columns, keys. All of it is in `arena`. Whether the name is free is for the change to
 * say.
 *
 * Errors, with their places in the text: 3F000, 42501 another schema; 42622, 42939 a name too long,
 * or one of ours; 22023 no origin; 42601 more names than columns; 42701 a column again; what
 * maint_view_make says of plans that cannot be kept, 0A000; 54000, 54001,
 * 54011 too much; 53200. */
MUST_USE enum err core_view_declare(const struct sql_create_view *create,
                                    const struct core_view_bound *bound, struct arena *arena,
                                    struct core_view *out, struct sql_error *error);

/* *out = the view that `was` becomes when its SELECT is bound anew, for CORE_CHANGE_VIEW_REBIND: of
 * its uuid, incarnation, name and origin, with the names of columns that it was given. Errors as
 * above, with places in its SELECT. */
MUST_USE enum err core_view_declare_again(const struct core_view *was,
                                          const struct core_view_bound *bound, struct arena *arena,
                                          struct core_view *out, struct sql_error *error);

#endif
