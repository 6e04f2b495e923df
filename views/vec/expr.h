/* Expressions: typed trees that the binder makes, plans carry, and evaluation here computes over
 * batches. All names are resolved, all casts written out: no node converts a type by itself.
 *
 * Evaluation is strict left to right, and lazy where SQL is: AND, OR, CASE, COALESCE evaluate an
 * argument only for rows whose answer depends on it, so `x <> 0 AND 1/x > 2` never divides by zero.
 *
 * A tree is immutable and lives in its plan's arena. It is at most VEC_EXPR_DEPTH_MAX high, so who
 * walks it may recurse. Pure: the time of day is an argument. */
#ifndef VIEWS_VEC_EXPR_H
#define VIEWS_VEC_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "views/vec/fault.h"
#include "views/vec/type.h"
#include "views/vec/vector.h"

struct vec_function;
struct vec_eval_list;

#define VEC_EXPR_DEPTH_MAX 1024u

/* name as plans have it, kind. */
#define VEC_EXPR_TABLE(X)                                                                          \
    X(CONSTANT, "constant") /* `value` */                                                          \
    X(COLUMN, "column")     /* column `number` of the batch */                                     \
    X(PARAM, "param")       /* parameter `number` (from 0) of the statement */                     \
    X(CALL, "call")         /* `function` of args */                                               \
    X(AND, "and")           /* of two or more: three-valued */                                     \
    X(OR, "or")             /* likewise */                                                         \
    X(NOT, "not")           /* of one */                                                           \
    X(IS_NULL, "is_null")   /* of one, any type; `is_not` */                                       \
    X(IS_TRUE, "is_true")   /* of one boolean; `is_not` */                                         \
    X(IS_FALSE, "is_false") /* likewise */                                                         \
    X(DISTINCT, "distinct") /* IS DISTINCT FROM, two of one type with an order; `is_not` */        \
    X(IN, "in")             /* first arg equal to one of the others, all of its type; `is_not` */  \
    X(CASE, "case")         /* condition, result, condition, result, ..., else */                  \
    X(COALESCE, "coalesce") /* the first that is not null */                                       \
    X(NULLIF, "nullif")     /* the first, or null where both are equal */                          \
    X(GREATEST, "greatest") /* of those that are not null */                                       \
    X(LEAST, "least")       /* likewise */

enum vec_expr_kind {
#define VEC_EXPR_ENUM(name, text) VEC_EXPR_##name,
    VEC_EXPR_TABLE(VEC_EXPR_ENUM)
#undef VEC_EXPR_ENUM
        VEC_EXPR_KIND_COUNT
};

/* A node. */
struct vec_expr {
    uint8_t kind;         /* enum vec_expr_kind */
    bool is_not;          /* IS_NULL, IS_TRUE, IS_FALSE, DISTINCT, IN: the opposite */
    struct vec_type type; /* of its value */
    uint32_t height;      /* of the tree, from 1 */
    uint32_t pos;         /* where a fault points: byte of the statement's text */
    uint32_t length;      /* bytes of it there */
    uint32_t args_count;
    const struct vec_expr **args; /* in order */
    union {
        struct vec_value value;              /* CONSTANT; its bytes live as long as the tree */
        uint32_t number;                     /* COLUMN, PARAM */
        const struct vec_function *function; /* CALL */
    } u;
};

/* Why an evaluation ended. What it points to lives until the next evaluation. */
struct vec_failure {
    enum vec_fault fault; /* VEC_FAULT_NONE: it did not */
    const char *type;     /* of the message (%t); static storage, or NULL */
    const char *text;     /* likewise %v; NULL: none */
    size_t text_length;   /* bytes of it */
    uint32_t pos;         /* of the node */
    uint32_t length;      /* likewise */
};

/* What evaluating a batch may cost beyond its bytes: some tenths of a second. */
#define VEC_EVAL_STEPS (UINT64_C(1) << 24)

/* Who evaluates: one thread, many expressions. Embedded in its owner, who fills the first part. */
struct vec_eval {
    struct arena *scratch;          /* vectors on the way, and results. The owner rewinds it between
                                       batches; nothing here does, but for what it took itself and
                                       is no more needed */
    const struct vec_value *params; /* of the statement */
    const struct vec_type *params_types; /* likewise */
    uint32_t params_count;
    int64_t now_us;      /* now(): a TIMESTAMPTZ; the same for the whole statement */
    uint64_t steps_left; /* of functions that look at the same bytes again and again (LIKE, @>):
                            where none is left they refuse. The owner sets it before each batch */
    struct arena *kept;  /* for what is made once: memory that lives as long as the statement and
                            this; NULL: everything is made again for each batch */

    struct vec_failure failure; /* of the last evaluation that answered false */

    /* Private to views/vec. */
    struct vec_eval_list *lists; /* of IN, sorted, in `kept` */
};

/* *out = `expr` for the rows of `selection` (of `batch`, whose own selection is not looked at).
 * What stands in other rows of *out is undefined, their bits of `valid` too. `out` may share memory
 * with the batch. False: ev->failure says why. */
MUST_USE bool vec_eval(struct vec_eval *ev, const struct vec_expr *expr,
                       const struct vec_batch *batch, struct vec_selection selection,
                       struct vec_vector *out);

/* *out = those rows of `selection` for which the BOOLEAN `expr` is true. False as above. */
MUST_USE bool vec_eval_filter(struct vec_eval *ev, const struct vec_expr *expr,
                              const struct vec_batch *batch, struct vec_selection selection,
                              struct vec_selection *out);

/* *out = `expr`, which has no COLUMN, for one row; its bytes live in ev->scratch. */
MUST_USE bool vec_eval_value(struct vec_eval *ev, const struct vec_expr *expr,
                             struct vec_value *out);

/* Fail: keep `fault` with what its message names, point at `expr`. `text` is copied into scratch
 * (cut at 256 bytes). Returns false: `return vec_fail(...)`. For functions. */
bool vec_fail(struct vec_eval *ev, const struct vec_expr *expr, enum vec_fault fault,
              const char *type, const char *text, size_t text_length);

/* Whether the value of `expr` is the same whenever it is evaluated with the same columns and
 * parameters (no now()); whether it has no column and no parameter, either. */
bool vec_expr_is_immutable(const struct vec_expr *expr);
bool vec_expr_is_constant(const struct vec_expr *expr);

#endif
