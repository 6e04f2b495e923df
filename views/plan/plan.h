/* The one plan: what SQL becomes, what the executor runs, what views keep and PromptQL proposes
 * (VIEWS §6). A tree of nodes; each gives rows of the columns it lists.
 *
 * Columns are numbers: a COLUMN of an expression is a column of the node's input (for SCAN: of what
 * the scan gives). A plan is immutable, lives in one arena with its expressions, and points to
 * relations that outlive it. json.h writes and reads it, validate.h says whether a tree is one:
 * the executor runs no plan that was not validated. */
#ifndef VIEWS_PLAN_PLAN_H
#define VIEWS_PLAN_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "views/plan/relation.h"
#include "views/vec/aggregate.h"
#include "views/vec/expr.h"
#include "views/vec/key.h"

/* Of the JSON form and of what nodes mean. */
#define PLAN_VERSION 1u

/* Nodes above each other. */
#define PLAN_DEPTH_MAX 512u

/* Nodes of an expression above each other: each is an array within another one in the JSON form. */
#define PLAN_HEIGHT_MAX 480u

/* The function that makes a NUMERIC one of precision and scale, its arguments behind the value. */
#define PLAN_NUMERIC_DECLARE "numeric_declare"

/* No bound. */
#define PLAN_OFFSET_MAX INT64_MAX

/* name as plans have it. */
#define PLAN_KIND_TABLE(X)                                                                         \
    X(SCAN, "scan")                                                                                \
    X(VALUES, "values")                                                                            \
    X(FILTER, "filter")                                                                            \
    X(PROJECT, "project")                                                                          \
    X(AGGREGATE, "aggregate")                                                                      \
    X(DISTINCT, "distinct")                                                                        \
    X(SORT, "sort")                                                                                \
    X(TOP, "top")                                                                                  \
    X(LIMIT, "limit")

enum plan_kind {
#define PLAN_KIND_ENUM(name, text) PLAN_##name,
    PLAN_KIND_TABLE(PLAN_KIND_ENUM)
#undef PLAN_KIND_ENUM
        PLAN_KIND_COUNT
};

/* A column that a node gives. */
struct plan_output {
    const char *name;     /* for people, and of the answer's columns */
    struct vec_type type; /* of its values */
};

/* A value within a column's, which a scan reads instead of the column: of a JSONB what stands below
 * names, one after the other, as a JSONB; null where nothing or a JSON null does. A part of the
 * column that nobody asks for is not looked at. */
struct plan_path {
    uint32_t column;               /* of the relation, a DOCUMENT */
    const struct vec_bytes *names; /* names_count, 1 .. PLAN_PATH_NAMES_MAX */
    uint32_t names_count;
};

/* Lookups of a scan; past them all rows are read. */
#define PLAN_LOOKUPS_MAX 64u

/* Paths of a scan, names of one, and bytes of those together. */
#define PLAN_PATHS_MAX      32u
#define PLAN_PATH_NAMES_MAX 16u
#define PLAN_PATH_BYTES_MAX 128u

/* SCAN: rows of a relation, in order of partition and offset where it is a stream. Its output i is
 * the relation's column columns[i]; paths stand behind the columns. Bounds say what need not be
 * read: every row outside is filtered away above, too. */
struct plan_scan {
    const struct plan_relation *relation;
    const uint32_t *columns;       /* of the relation, ascending, each once; node->outputs_count -
                                      paths_count */
    const struct plan_path *paths; /* paths_count */
    uint32_t paths_count;
    int64_t offset_min;    /* rows below are not wanted; 0: all are */
    int64_t offset_max;    /* nor those above; PLAN_OFFSET_MAX */
    int64_t timestamp_min; /* of the record, as TIMESTAMPTZ; INT64_MIN: any */
    int64_t timestamp_max; /* likewise; INT64_MAX */
    int64_t partition;     /* the only one that is wanted; -1: all are */
    int64_t rows_max;      /* so many suffice (LIMIT above without a filter); INT64_MAX: all */
    const struct vec_value *lookups; /* only the rows of these values of the relation's keys, each
                                        lookup once: lookups_count times keys_count. Found where a
                                        query begins, never at rest; NULL: all rows */
    uint32_t lookups_count;
};

/* VALUES: rows of expressions without columns. SELECT without FROM reads one row without columns.
 */
struct plan_values {
    const struct vec_expr *const *exprs; /* rows_count * outputs_count, row after row; NULL: none */
    uint32_t rows_count;
};

/* AGGREGATE: an output for each key, then one for each aggregate. Without keys: one row, always. */
struct plan_aggregation {
    const struct vec_aggregate *function;
    const struct vec_expr *call; /* where faults point (a CALL without function): pos, length,
                                    type of the answer */
    const struct vec_expr *const *args; /* function->args_count */
    const struct vec_expr *filter;      /* of the rows that count; NULL: all */
    bool is_distinct;                   /* rows of equal args count once */
};

struct plan_aggregate {
    const struct vec_expr *const *keys; /* keys_count */
    uint32_t keys_count;
    const struct plan_aggregation *aggregations; /* aggregations_count */
    uint32_t aggregations_count;
};

/* SORT, TOP: outputs are the input's. Rows of equal keys stay in their order. */
struct plan_sort {
    const struct vec_expr *const *keys; /* keys_count */
    const struct vec_order *orders;     /* of each */
    uint32_t keys_count;
};

/* LIMIT, TOP: of the input's rows, `count` behind `offset`. BIGINT, without columns: constants,
 * parameters, or what is computed of them; negative: 2201W, 2201X. */
struct plan_limit {
    const struct vec_expr *count;  /* NULL, or null: all */
    const struct vec_expr *offset; /* NULL, or null: 0 */
};

/* A node. */
struct plan_node {
    enum plan_kind kind;
    const struct plan_node *input;     /* NULL: SCAN, VALUES */
    const struct plan_output *outputs; /* outputs_count */
    uint32_t outputs_count;
    union {
        struct plan_scan scan;
        struct plan_values values;
        const struct vec_expr *filter;         /* FILTER: BOOLEAN */
        const struct vec_expr *const *project; /* PROJECT: outputs_count */
        struct plan_aggregate aggregate;
        uint32_t distinct; /* DISTINCT: the first so many outputs are compared; all there are */
        struct {
            struct plan_sort sort;   /* SORT, TOP */
            struct plan_limit limit; /* LIMIT, TOP */
        };
    };
};

/* A statement that answers rows. */
struct plan {
    const struct plan_node *root;
    const struct vec_type *params; /* the type each parameter has been given */
    uint32_t params_count;
};

#endif
