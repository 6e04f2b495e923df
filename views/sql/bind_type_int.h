/* Types and casts, for the files of the binder: bind_type.c. See bind_int.h. */
#ifndef VIEWS_SQL_BIND_TYPE_INT_H
#define VIEWS_SQL_BIND_TYPE_INT_H

#include "views/plan/plan.h"
#include "views/sql/stmt.h"

struct binder;

/* The type that is written. False: it is not served, or its modifiers are wrong. */
bool bind_type(struct binder *b, const struct sql_type *type, struct vec_type *out);
struct vec_expr *bind_cast(struct binder *b, const struct sql_expr *e);

/* `expr` as that kind, where a cast happens unasked (asserted to exist), is assigned, or written.
 */
struct vec_expr *bind_coerce(struct binder *b, struct vec_expr *expr, enum vec_kind kind);
struct vec_expr *bind_assign(struct binder *b, struct vec_expr *expr, enum vec_kind kind,
                             const struct sql_expr *e, const char *what);
struct vec_expr *bind_convert(struct binder *b, struct vec_expr *expr, struct vec_type type,
                              const struct sql_expr *e);

/* Everything as one type, as UNION has it; *out = that type. `what` names the construct; NULL:
 * false without an error. `places` of each, or NULL. */
bool bind_common(struct binder *b, struct vec_expr *const *args, uint32_t count, const char *what,
                 const struct sql_expr *const *places, struct vec_type *out);
bool bind_unify(struct binder *b, struct vec_expr **args, uint32_t count, const char *what,
                const struct sql_expr *const *places, struct vec_type *out);

/* "integer", "unknown". */
const char *bind_kind_text(enum vec_kind kind);

/* The cast function from text by a type's internal name, as in int4(x); VEC_NONE: there is none. */
enum vec_kind bind_kind_named(const char *name);

/* PostgreSQL's internal name of a type as written: "int4". */
const char *bind_type_name(const struct sql_type *type);

#endif
