/* The tree of a statement around its expressions: types, SELECT, and the other statements.
 * Lifetimes and places as in ast.h. */
#ifndef VIEWS_SQL_STMT_H
#define VIEWS_SQL_STMT_H

#include "views/sql/ast.h"
#include "views/sql/create.h"

/* Modifiers of a type: NUMERIC(p, s). */
#define SQL_TYPE_MODS_MAX 2

/* Kind and canonical text. Which of them have columns is the binder's to say. */
#define SQL_TYPE_TABLE(X)                                                                          \
    X(BOOLEAN, "BOOLEAN")                                                                          \
    X(SMALLINT, "SMALLINT")                                                                        \
    X(INTEGER, "INTEGER")                                                                          \
    X(BIGINT, "BIGINT")                                                                            \
    X(REAL, "REAL")                                                                                \
    X(DOUBLE, "DOUBLE PRECISION")                                                                  \
    X(NUMERIC, "NUMERIC")                                                                          \
    X(TEXT, "TEXT")                                                                                \
    X(VARCHAR, "VARCHAR")                                                                          \
    X(CHAR, "CHAR")                                                                                \
    X(BYTEA, "BYTEA")                                                                              \
    X(DATE, "DATE")                                                                                \
    X(TIME, "TIME")                                                                                \
    X(TIMETZ, "TIMETZ")                                                                            \
    X(TIMESTAMP, "TIMESTAMP")                                                                      \
    X(TIMESTAMPTZ, "TIMESTAMPTZ")                                                                  \
    X(INTERVAL, "INTERVAL")                                                                        \
    X(JSON, "JSON")                                                                                \
    X(JSONB, "JSONB")

enum sql_type_kind {
    SQL_TYPE_NAMED, /* any other name */
#define SQL_TYPE_ENUM(name, text) SQL_TYPE_##name,
    SQL_TYPE_TABLE(SQL_TYPE_ENUM)
#undef SQL_TYPE_ENUM
        SQL_TYPE_COUNT
};

/* The fields of INTERVAL YEAR TO MONTH and its like. */
enum sql_fields {
    SQL_FIELDS_ALL, /* INTERVAL alone */
    SQL_FIELDS_YEAR,
    SQL_FIELDS_MONTH,
    SQL_FIELDS_DAY,
    SQL_FIELDS_HOUR,
    SQL_FIELDS_MINUTE,
    SQL_FIELDS_SECOND,
    SQL_FIELDS_YEAR_TO_MONTH,
    SQL_FIELDS_DAY_TO_HOUR,
    SQL_FIELDS_DAY_TO_MINUTE,
    SQL_FIELDS_DAY_TO_SECOND,
    SQL_FIELDS_HOUR_TO_MINUTE,
    SQL_FIELDS_HOUR_TO_SECOND,
    SQL_FIELDS_MINUTE_TO_SECOND,
    SQL_FIELDS_COUNT
};

/* A type as written. */
struct sql_type {
    enum sql_type_kind kind;         /* which */
    enum sql_fields fields;          /* INTERVAL's */
    int32_t mods[SQL_TYPE_MODS_MAX]; /* (p, s), (n), (p); not checked but for being integers */
    uint32_t mods_count;             /* how many were written */
    struct sql_names name;           /* NAMED: its name, perhaps with a schema */
    struct sql_at at;                /* its text */
};

/* What a SELECT gives: `expr [AS alias]`, `*` or `table.*`. */
struct sql_item {
    struct sql_expr *expr;  /* NULL: a star */
    struct sql_names table; /* of a star: whose columns; count 0: everyone's */
    struct sql_name alias;  /* text NULL: none */
    struct sql_at at;       /* its text */
};

enum sql_nulls {
    SQL_NULLS_DEFAULT, /* last when ascending, first when descending */
    SQL_NULLS_FIRST,
    SQL_NULLS_LAST,
};

/* One key of ORDER BY. */
struct sql_order {
    struct sql_expr *expr; /* an expression, an ordinal or an alias: the binder's to tell apart */
    bool is_descending;    /* DESC */
    enum sql_nulls nulls;  /* NULLS FIRST | LAST */
};

enum sql_from_kind {
    SQL_FROM_TABLE,  /* a name */
    SQL_FROM_SELECT, /* (SELECT ...) alias, (VALUES ...) alias */
    SQL_FROM_TUMBLE, /* TUMBLE(name, column, width) */
};

/* What a SELECT reads. */
struct sql_from {
    enum sql_from_kind kind;   /* which */
    struct sql_names table;    /* TABLE, TUMBLE: the name */
    struct sql_select *select; /* SELECT */
    struct sql_expr *time;     /* TUMBLE: a column */
    struct sql_expr
        *width;            /* TUMBLE: an expression, of type INTERVAL and constant if all is well */
    struct sql_name alias; /* text NULL: none (never so for SELECT) */
    struct sql_names columns; /* alias (a, b): new names of the first columns */
    struct sql_at at;         /* its text */
};

enum sql_materialized {
    SQL_MATERIALIZED_DEFAULT,
    SQL_MATERIALIZED_ALWAYS, /* AS MATERIALIZED */
    SQL_MATERIALIZED_NEVER,  /* AS NOT MATERIALIZED */
};

/* WITH name (columns) AS (select). */
struct sql_cte {
    struct sql_name name;               /* its name */
    struct sql_names columns;           /* new names of the first columns */
    struct sql_select *select;          /* what it stands for */
    enum sql_materialized materialized; /* a wish about how */
};

/* SELECT or VALUES, with what stands around it. */
struct sql_select {
    struct sql_cte *ctes;    /* WITH, in order */
    struct sql_item *items;  /* SELECT: one or more; VALUES: none */
    struct sql_exprs *rows;  /* VALUES: one or more; SELECT: none */
    struct sql_from *from;   /* NULL: one row without columns */
    struct sql_expr *where;  /* or NULL */
    struct sql_exprs group;  /* GROUP BY: expressions, ordinals, aliases; count 0: none */
    struct sql_expr *having; /* or NULL */
    struct sql_order *order; /* ORDER BY */
    struct sql_expr *limit;  /* NULL: none; of kind NULL: LIMIT ALL */
    struct sql_expr *offset; /* or NULL */
    uint32_t ctes_count;     /* of ctes */
    uint32_t items_count;    /* of items */
    uint32_t rows_count;     /* of rows */
    uint32_t order_count;    /* of order */
    uint32_t height;         /* of the tree, from 1; <= SQL_DEPTH_MAX */
    bool is_distinct;        /* SELECT DISTINCT */
    struct sql_at at;        /* its text, without parentheses around it */
};

/* What SHOW lists. */
#define SQL_SHOW_TABLE(X) X(STREAMS) X(TABLES) X(TOPICS) X(ERRORS) X(VIEWS)

enum sql_show {
#define SQL_SHOW_ENUM(name) SQL_SHOW_##name,
    SQL_SHOW_TABLE(SQL_SHOW_ENUM)
#undef SQL_SHOW_ENUM
        SQL_SHOW_COUNT
};

/* Of which kind SHOW CREATE wants what it names. */
enum sql_object {
    SQL_OBJECT_ANY,    /* SHOW CREATE name */
    SQL_OBJECT_STREAM, /* SHOW CREATE STREAM name */
    SQL_OBJECT_VIEW,   /* SHOW CREATE MATERIALIZED VIEW name */
};

enum sql_explain_format {
    SQL_EXPLAIN_TEXT,
    SQL_EXPLAIN_JSON,
};

enum sql_stmt_kind {
    SQL_STMT_SELECT,
    SQL_STMT_EXPLAIN,       /* EXPLAIN [(FORMAT ...)] select */
    SQL_STMT_CREATE_STREAM, /* CREATE STREAM */
    SQL_STMT_DROP_STREAM,   /* DROP STREAM [IF EXISTS] name */
    SQL_STMT_SHOW,          /* SHOW STREAMS and the like */
    SQL_STMT_SHOW_CREATE,   /* SHOW CREATE [STREAM | MATERIALIZED VIEW] name */
    SQL_STMT_DESCRIBE,      /* DESCRIBE name */
    SQL_STMT_CREATE_VIEW,   /* CREATE MATERIALIZED VIEW */
    SQL_STMT_DROP_VIEW,     /* DROP MATERIALIZED VIEW [IF EXISTS] name */
    SQL_STMT_RENAME_VIEW,   /* ALTER MATERIALIZED VIEW [IF EXISTS] name RENAME TO name */
    SQL_STMT_REBIND_VIEW,   /* ALTER MATERIALIZED VIEW [IF EXISTS] name REBIND */
    SQL_STMT_EXPLAIN_VIEW,  /* EXPLAIN [(FORMAT ...)] MATERIALIZED VIEW name */
    SQL_STMT_EXPLAIN_MAKE,  /* EXPLAIN [(FORMAT ...)] CREATE MATERIALIZED VIEW */
};

/* A statement. */
struct sql_stmt {
    enum sql_stmt_kind kind;             /* which */
    struct sql_at at;                    /* its text, without a semicolon */
    uint32_t params_count;               /* the largest n of $n */
    struct sql_select *select;           /* SELECT, EXPLAIN, CREATE_VIEW, EXPLAIN_MAKE */
    enum sql_explain_format format;      /* EXPLAIN, EXPLAIN_VIEW, EXPLAIN_MAKE */
    struct sql_create_stream *create;    /* CREATE_STREAM */
    struct sql_create_view *create_view; /* CREATE_VIEW, EXPLAIN_MAKE */
    struct sql_names name;               /* of one that is there: DROP_STREAM, SHOW_CREATE ... */
    struct sql_name rename;              /* RENAME_VIEW: the name from now on */
    enum sql_object object;              /* SHOW_CREATE */
    enum sql_show show;                  /* SHOW */
    bool if_exists;                      /* DROP_STREAM, DROP_VIEW, RENAME_VIEW, REBIND_VIEW */
};

/* Statements in a row. */
struct sql_stmts {
    struct sql_stmt **items; /* in order */
    uint32_t count;          /* of items */
};

#endif
