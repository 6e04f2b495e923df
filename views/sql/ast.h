/* The tree of a statement as it was written: names are not looked up, types not derived. parse.h
 * builds it in an arena, print.h writes it back, the binder reads it.
 *
 * Every pointer lives as long as the arena. Texts end with a NUL behind their length. Places are
 * bytes of the text that was parsed. A tree is at most SQL_DEPTH_MAX high, counted over expressions
 * and the SELECTs within each other, so who walks it may recurse.
 *
 * Some forms have become others, as in PostgreSQL: DATE 'x' a cast, SUBSTRING(x FROM 2) a call of
 * substring(x, 2), a ISNULL is a IS NULL, != is <>, FETCH FIRST is a limit, USER is CURRENT_USER. A
 * minus before a number stays an operator: 9223372036854775808 alone is no BIGINT, with it one. */
#ifndef VIEWS_SQL_AST_H
#define VIEWS_SQL_AST_H

#include <stdbool.h>
#include <stdint.h>

#include "views/sql/error.h"

/* Expressions and SELECTs within each other. */
#define SQL_DEPTH_MAX 256

/* Expressions, names, types and clauses of a statement list. */
#define SQL_NODES_MAX 100000

/* Operators by their signs. != is read as <>. */
#define SQL_OP_TABLE(X)                                                                            \
    X(ADD, "+")                                                                                    \
    X(SUB, "-")                                                                                    \
    X(MUL, "*")                                                                                    \
    X(DIV, "/")                                                                                    \
    X(MOD, "%")                                                                                    \
    X(POW, "^")                                                                                    \
    X(EQ, "=")                                                                                     \
    X(NE, "<>")                                                                                    \
    X(LT, "<")                                                                                     \
    X(LE, "<=")                                                                                    \
    X(GT, ">")                                                                                     \
    X(GE, ">=")                                                                                    \
    X(CONCAT, "||")                                                                                \
    X(ARROW, "->")                                                                                 \
    X(ARROW_TEXT, "->>")                                                                           \
    X(PATH, "#>")                                                                                  \
    X(PATH_TEXT, "#>>")                                                                            \
    X(CONTAINS, "@>")                                                                              \
    X(CONTAINED, "<@")                                                                             \
    X(LIKE, "~~")                                                                                  \
    X(ILIKE, "~~*")                                                                                \
    X(NOT_LIKE, "!~~")                                                                             \
    X(NOT_ILIKE, "!~~*")                                                                           \
    X(MATCH, "~")                                                                                  \
    X(IMATCH, "~*")                                                                                \
    X(NOT_MATCH, "!~")                                                                             \
    X(NOT_IMATCH, "!~*")                                                                           \
    X(BIT_AND, "&")                                                                                \
    X(BIT_OR, "|")                                                                                 \
    X(BIT_XOR, "#")                                                                                \
    X(SHIFT_LEFT, "<<")                                                                            \
    X(SHIFT_RIGHT, ">>")                                                                           \
    X(HAS, "?")                                                                                    \
    X(HAS_ANY, "?|")                                                                               \
    X(HAS_ALL, "?&")                                                                               \
    X(ABS, "@")                                                                                    \
    X(SQRT, "|/")                                                                                  \
    X(CBRT, "||/")                                                                                 \
    X(STARTS_WITH, "^@")

enum sql_op {
    SQL_OP_OTHER, /* any other signs: nobody knows it, but it has a place in the grammar */
#define SQL_OP_ENUM(name, text) SQL_OP_##name,
    SQL_OP_TABLE(SQL_OP_ENUM)
#undef SQL_OP_ENUM
        SQL_OP_COUNT
};

struct sql_expr;
struct sql_select;
struct sql_type;

/* Bytes, with a NUL behind them. */
struct sql_text {
    const char *text; /* may hold any UTF-8 but NUL */
    uint32_t length;  /* bytes of it */
};

/* A name. Without quotes it matches without case where that is unique; with them exactly. */
struct sql_name {
    const char *text; /* as written, quotes resolved; NULL: no name there */
    uint32_t length;  /* bytes of it */
    bool is_quoted;   /* written in double quotes */
    struct sql_at at; /* where */
};

/* Names in a row: a list, or a path (schema.table, table.column). */
struct sql_names {
    struct sql_name *items; /* in order */
    uint32_t count;         /* of items */
    struct sql_at at;       /* first to last */
};

/* Expressions in a row. */
struct sql_exprs {
    struct sql_expr **items; /* in order */
    uint32_t count;          /* of items */
};

enum sql_expr_kind {
    SQL_EXPR_NULL,
    SQL_EXPR_BOOLEAN,
    SQL_EXPR_INTEGER, /* digits, any number of them */
    SQL_EXPR_DECIMAL, /* digits with a point or an exponent */
    SQL_EXPR_STRING,
    SQL_EXPR_PARAM, /* $1 */
    SQL_EXPR_COLUMN,
    SQL_EXPR_UNARY,  /* prefix operator */
    SQL_EXPR_BINARY, /* operator between two operands */
    SQL_EXPR_AND,    /* of two or more */
    SQL_EXPR_OR,     /* of two or more */
    SQL_EXPR_NOT,
    SQL_EXPR_IS,       /* IS [NOT] NULL | TRUE | FALSE | UNKNOWN */
    SQL_EXPR_DISTINCT, /* IS [NOT] DISTINCT FROM */
    SQL_EXPR_BETWEEN,
    SQL_EXPR_IN,
    SQL_EXPR_LIKE,
    SQL_EXPR_AT_TIME_ZONE,
    SQL_EXPR_CAST,
    SQL_EXPR_CASE,
    SQL_EXPR_CALL,
    SQL_EXPR_KIND_COUNT
};

/* What IS asks. */
enum sql_is {
    SQL_IS_NULL,
    SQL_IS_TRUE,
    SQL_IS_FALSE,
    SQL_IS_UNKNOWN,
};

/* How a call was written, for print.h; it means the same. */
enum sql_call_form {
    SQL_CALL_PLAIN,    /* f(a, b) */
    SQL_CALL_VALUE,    /* CURRENT_TIMESTAMP, CURRENT_TIMESTAMP(3) */
    SQL_CALL_EXTRACT,  /* EXTRACT(a FROM b): a is a string */
    SQL_CALL_POSITION, /* POSITION(b IN a) */
};

/* A call of a function. */
struct sql_call {
    struct sql_names name;   /* schema.f or f */
    struct sql_exprs args;   /* in order */
    struct sql_expr *filter; /* FILTER (WHERE ...), or NULL */
    enum sql_call_form form; /* how it was written */
    bool is_star;            /* f(*) */
    bool is_distinct;        /* f(DISTINCT ...) */
};

/* WHEN a THEN b. */
struct sql_arm {
    struct sql_expr *when; /* a condition, or with an operand a value */
    struct sql_expr *then; /* the result */
};

/* An expression. */
struct sql_expr {
    enum sql_expr_kind kind; /* which member of `u` */
    uint32_t height;         /* of the tree, from 1; <= SQL_DEPTH_MAX */
    struct sql_at at;        /* its whole text, without parentheses around it */
    uint32_t point_pos;      /* where an error points: the operator, the name, the first byte */
    union {
        bool boolean;             /* BOOLEAN */
        struct sql_text text;     /* INTEGER, DECIMAL as written; STRING as meant */
        uint32_t param;           /* PARAM: n of $n, from 1 */
        struct sql_names column;  /* COLUMN: [[schema.]table.]column */
        struct sql_exprs list;    /* AND, OR */
        struct sql_expr *operand; /* NOT */
        struct {
            enum sql_op op;         /* the operator */
            struct sql_text sign;   /* its signs */
            struct sql_expr *left;  /* BINARY only */
            struct sql_expr *right; /* the operand of UNARY */
        } op;                       /* UNARY, BINARY */
        struct {
            struct sql_expr *operand;
            enum sql_is test;
            bool is_not;
        } is; /* IS */
        struct {
            struct sql_expr *left;
            struct sql_expr *right;
            bool is_not; /* IS NOT DISTINCT FROM: equal, or both null */
        } distinct;      /* DISTINCT */
        struct {
            struct sql_expr *operand;
            struct sql_expr *low;
            struct sql_expr *high;
            bool is_not;
            bool is_symmetric; /* the bounds in either order */
        } between;             /* BETWEEN */
        struct {
            struct sql_expr *operand;
            struct sql_exprs list; /* one or more */
            bool is_not;
        } in; /* IN */
        struct {
            struct sql_expr *operand;
            struct sql_expr *pattern;
            struct sql_expr *escape; /* NULL: backslash */
            bool is_not;
            bool is_caseless; /* ILIKE */
        } like;               /* LIKE */
        struct {
            struct sql_expr *operand;
            struct sql_expr *zone;
        } at_time_zone; /* AT_TIME_ZONE */
        struct {
            struct sql_expr *operand;
            struct sql_type *type;
        } cast; /* CAST */
        struct {
            struct sql_expr *operand; /* NULL: CASE WHEN condition */
            struct sql_arm *arms;     /* one or more */
            uint32_t arms_count;
            struct sql_expr *otherwise; /* ELSE, or NULL: null */
        } cases;                        /* CASE */
        struct sql_call *call;          /* CALL */
    } u;
};

#endif
