/* What CREATE STREAM and CREATE MATERIALIZED VIEW say, as it was written. Part of the tree of a
 * statement: see stmt.h and ast.h. */
#ifndef VIEWS_SQL_CREATE_H
#define VIEWS_SQL_CREATE_H

#include <stdbool.h>
#include <stdint.h>

#include "views/sql/ast.h"

enum sql_source {
    SQL_SOURCE_NAME,   /* the member of the column's name */
    SQL_SOURCE_PATH,   /* PATH '$...' */
    SQL_SOURCE_KEY,    /* FROM KEY */
    SQL_SOURCE_HEADER, /* FROM HEADER 'h' */
};

/* Of numbers in a column of time. */
enum sql_unit {
    SQL_UNIT_DEFAULT, /* milliseconds, not said */
    SQL_UNIT_S,
    SQL_UNIT_MS,
    SQL_UNIT_US,
    SQL_UNIT_NS,
};

/* A column of CREATE STREAM. */
struct sql_stream_column {
    struct sql_name name;        /* its name */
    struct sql_type *type;       /* its type */
    enum sql_source source;      /* where its values come from */
    struct sql_text source_text; /* the path, or the header's name */
    struct sql_at source_at;     /* of that text; else of the column */
    enum sql_unit unit;          /* UNIT */
};

enum sql_key_format {
    SQL_KEY_FORMAT_DEFAULT, /* not said */
    SQL_KEY_FORMAT_TEXT,
    SQL_KEY_FORMAT_JSON,
    SQL_KEY_FORMAT_INT64,
};

/* CREATE STREAM name (columns) FROM TOPIC topic FORMAT JSON [KEY FORMAT ...]. */
struct sql_create_stream {
    struct sql_names name;             /* of the stream */
    struct sql_stream_column *columns; /* one or more */
    uint32_t columns_count;            /* of columns */
    struct sql_name topic;             /* a name, or a string: is_quoted then */
    enum sql_key_format key_format;    /* KEY FORMAT */
    bool if_not_exists;                /* IF NOT EXISTS */
};

/* CREATE MATERIALIZED VIEW name (columns) WITH (origin = ...) AS select. */
struct sql_create_view {
    struct sql_names name;    /* of the view */
    struct sql_names columns; /* of its first columns; count 0: none was named */
    struct sql_text origin;   /* as meant, where has_origin */
    struct sql_at origin_at;  /* of that */
    bool has_origin;          /* WITH (origin = ...) */
    bool if_not_exists;       /* IF NOT EXISTS */
};

#endif
