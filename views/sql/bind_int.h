/* What the files of the binder share.
 *
 *     bind.c            the whole: sql_bind, nodes, errors
 *     bind_references.c sql_references, and names of WITH
 *     bind_select.c     SELECT and VALUES as a chain of plan nodes
 *     bind_from.c       what is read, and what its columns are called
 *     bind_target.c     the select list, ORDER BY, GROUP BY, DISTINCT
 *     bind_group.c      what stands above an aggregation
 *     bind_expr.c       expressions
 *     bind_column.c     names of columns
 *     bind_constant.c   literals and parameters
 *     bind_operator.c   operators, and the forms that are made of them
 *     bind_call.c       functions and aggregates
 *     bind_choose.c     which row of a table is meant: PostgreSQL's rules
 *     bind_type.c       types as written, casts, the common type of several
 *
 * While a SELECT is bound, an expression's COLUMN is a number of the scope's columns, or from
 * BIND_AGGREGATE on one of the SELECT's aggregates; bind_group.c makes them numbers of what the
 * AGGREGATE gives. A type of VEC_NONE is PostgreSQL's unknown: a string, NULL or a parameter whose
 * type is not known yet. Each expression of the statement is bound to nodes of its own, so a node
 * may be given its type where it stands.
 *
 * Functions that return a pointer return NULL once something is wrong: b->err, and b->error says
 * what. The first error counts. */
#ifndef VIEWS_SQL_BIND_INT_H
#define VIEWS_SQL_BIND_INT_H

#include "views/plan/build.h"
#include "views/sql/bind.h"
#include "views/sql/bind_choose.h"
#include "views/sql/bind_type_int.h"

/* From here on a COLUMN is an aggregate. */
#define BIND_AGGREGATE 0x80000000u

/* Columns of a SELECT, keys of its clauses, aggregates in it: PostgreSQL's MaxTupleAttributeNumber.
 */
#define BIND_COLUMNS_MAX 1664u

/* Expressions and columns that a statement may become. */
#define BIND_NODES_MAX 200000u

/* Where an expression stands; the words are messages' ones. */
#define BIND_CLAUSE_TABLE(X)                                                                       \
    X(SELECT, "SELECT")                                                                            \
    X(WHERE, "WHERE")                                                                              \
    X(HAVING, "HAVING")                                                                            \
    X(ORDER, "ORDER BY")                                                                           \
    X(GROUP, "GROUP BY")                                                                           \
    X(LIMIT, "LIMIT")                                                                              \
    X(OFFSET, "OFFSET")                                                                            \
    X(VALUES, "VALUES")                                                                            \
    X(FILTER, "FILTER")                                                                            \
    X(FROM, "functions in FROM")

enum bind_clause {
#define BIND_CLAUSE_ENUM(name, text) BIND_##name,
    BIND_CLAUSE_TABLE(BIND_CLAUSE_ENUM)
#undef BIND_CLAUSE_ENUM
};

/* A column that may be named. */
struct bind_column {
    const char *name;     /* as its relation has it */
    struct vec_type type; /* of its values */
    bool is_hidden;       /* `*` leaves it out */
};

/* What FROM gives. */
struct bind_scope {
    const char *name;                  /* by which it is called here */
    const char *schema;                /* NULL: none may be written before it */
    const char *table;                 /* what an alias hides; NULL: nothing */
    const struct bind_column *columns; /* columns_count */
    uint32_t columns_count;
};

/* An aggregate of a SELECT. */
struct bind_aggregate {
    struct plan_aggregation aggregation;
    struct bind_aggregate *next;
};

/* A SELECT being bound. */
struct bind_query {
    const struct bind_scope *scope;    /* NULL: no FROM */
    struct bind_aggregate *aggregates; /* the last one first */
    uint32_t aggregates_count;
    enum bind_clause clause; /* being bound */
    bool is_in_aggregate;    /* among its arguments */
    uint32_t finds_count;    /* names looked for in `scope`; when they are many: */
    uint32_t *heads;         /* by a name's hash, the last such column; NULL: not made */
    uint32_t *chains;        /* of each column, one before it; UINT32_MAX: none */
    uint32_t heads_count;    /* a power of two */
};

/* A name of WITH, those around it behind it. */
struct bind_cte {
    const struct sql_name *name;
    uint32_t hash;                /* of the name without case */
    const struct plan_node *node; /* what it stands for */
    const struct bind_cte *outer;
};

/* A parameter whose type nothing has said yet. */
struct bind_loose {
    struct vec_expr *param;
    struct bind_loose *next;
};

/* A statement being bound. */
struct binder {
    const struct sql_binding *binding;
    struct arena *arena;
    struct sql_error *error;
    enum err err;                /* first failure */
    struct vec_type *params;     /* what each is so far */
    struct bind_loose *loose;    /* parameters to be given a type at the end */
    const struct bind_cte *ctes; /* that may be named */
    struct bind_query *query;    /* innermost */
    uint32_t nodes_count;        /* made so far */
    uint32_t reference_next;     /* where the next reference is probably found */
};

/* bind.c */

/* Keep what is wrong. Returns NULL. */
void *bind_fail(struct binder *b, enum sql_state state, struct sql_at at, const char *format, ...)
    PRINTF(4, 5);
void bind_hint(struct binder *b, const char *format, ...) PRINTF(2, 3);

/* A copy of a text in the plan's arena. */
const char *bind_text(struct binder *b, const char *text, size_t length);

/* Zeroed memory for `count` of `bytes`. */
void *bind_alloc(struct binder *b, size_t count, size_t bytes);

/* A node of an expression; `e` says its place (NULL: none). Args may be NULL: it is passed on. */
struct vec_expr *bind_node(struct binder *b, enum vec_expr_kind kind, struct vec_type type,
                           struct vec_expr *const *args, uint32_t args_count,
                           const struct sql_expr *e);

/* A copy of the whole tree. */
struct vec_expr *bind_clone(struct binder *b, const struct vec_expr *expr);

/* A plan node of that kind over `input`, with its outputs (NULL input: none). */
struct plan_node *bind_plan(struct binder *b, enum plan_kind kind, const struct plan_node *input);

/* Where an error about an expression points: its operator or name; its beginning, which of a
 * constant is the literal. */
struct sql_at bind_at(const struct sql_expr *e);
struct sql_at bind_begin(const struct vec_expr *expr, const struct sql_expr *e);
struct sql_at bind_place(const struct vec_expr *expr);

/* What a fault says of a value of that type, as an error at `at`. */
void *bind_fault(struct binder *b, enum vec_fault fault, const char *type, const char *text,
                 size_t length, struct sql_at at);

/* bind_references.c */

/* Whether a name as written means `name`: with quotes exactly, without them in any case. */
bool bind_is_name(const struct sql_name *written, const char *name);
bool bind_is_same(const char *a, const char *b);
uint32_t bind_hash(const char *name);
const struct bind_cte *bind_cte_find(const struct bind_cte *ctes, const struct sql_name *name);

/* bind_expr.c */
struct vec_expr *bind_expr(struct binder *b, const struct sql_expr *e);

/* The expression as a BOOLEAN; `what` names it: "WHERE". */
struct vec_expr *bind_condition(struct binder *b, const struct sql_expr *e, const char *what);
struct vec_expr *bind_boolean(struct binder *b, struct vec_expr *expr, const struct sql_expr *e,
                              const char *what);

/* What a column of it would be called. */
const char *bind_expr_name(struct binder *b, const struct sql_expr *e);

/* bind_column.c */
struct vec_expr *bind_column(struct binder *b, const struct sql_expr *e);

/* The column of the query's scope that an unqualified name means: its number, or UINT32_MAX.
 * *is_ambiguous: there are several. */
uint32_t bind_column_find(struct binder *b, const struct sql_name *name, bool *is_ambiguous);

/* Whether `names` (of a table: [schema.]table) name what FROM gives. False: 42P01 has been set. */
bool bind_is_table(struct binder *b, const struct sql_name *names, uint32_t count,
                   struct sql_at at);

/* The parts of a name, with dots. */
const char *bind_path_text(struct binder *b, const struct sql_names *names, bool is_folded);

/* bind_constant.c */
struct vec_expr *bind_constant(struct binder *b, const struct sql_expr *e);

/* The literal of a number, as the smallest of INTEGER, BIGINT and NUMERIC that holds its digits
 * (`kind` NONE; a point or an exponent makes a NUMERIC), or as a DOUBLE. */
struct vec_expr *bind_number(struct binder *b, const struct sql_expr *e, bool is_negated,
                             enum vec_kind kind);

/* The number that is left of - - 5, and its sign; NULL: it is no number. */
const struct sql_expr *bind_negated(const struct sql_expr *e, bool *is_negated);
struct vec_expr *bind_param(struct binder *b, const struct sql_expr *e);
struct vec_expr *bind_int(struct binder *b, int32_t value, const struct vec_expr *like);

/* Give what is unknown that kind: a literal is read (22P02), a parameter remembered (42P08). */
struct vec_expr *bind_resolve(struct binder *b, struct vec_expr *expr, enum vec_kind kind);

/* A parameter that has been given a type since: give it to this one. */
void bind_refresh(struct binder *b, struct vec_expr *expr);

/* bind_operator.c */
struct vec_expr *bind_operator(struct binder *b, const char *sign, struct vec_expr *left,
                               struct vec_expr *right, const struct sql_expr *e);
struct vec_expr *bind_operation(struct binder *b, const struct sql_expr *e);
struct vec_expr *bind_between(struct binder *b, const struct sql_expr *e);
struct vec_expr *bind_in(struct binder *b, const struct sql_expr *e);
struct vec_expr *bind_is_distinct(struct binder *b, const struct sql_expr *e);
struct vec_expr *bind_like(struct binder *b, const struct sql_expr *e);
struct vec_expr *bind_nullif(struct binder *b, const struct sql_expr *e);

/* bind_call.c */
struct vec_expr *bind_call(struct binder *b, const struct sql_expr *e);

/* A call of the function of that name, whose arguments are bound; `shown` is its name in errors. */
struct vec_expr *bind_function(struct binder *b, const char *name, const char *shown,
                               struct vec_expr **args, uint32_t args_count,
                               const struct sql_expr *e);

/* "integer, unknown". */
const char *bind_kinds_text(struct binder *b, const uint8_t *kinds, uint32_t count);

/* The kinds of expressions. */
void bind_kinds(struct vec_expr *const *args, uint32_t count, uint8_t *kinds);

#endif
