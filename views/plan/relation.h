/* Relations: what a statement may read, as the binder, plans and whoever scans them see it. Who has
 * them (broker/core's catalog of streams, its system tables) makes these from it. */
#ifndef VIEWS_PLAN_RELATION_H
#define VIEWS_PLAN_RELATION_H

#include <stdbool.h>
#include <stdint.h>

#include "views/vec/type.h"

/* Columns of a relation at most, system columns included. */
#define PLAN_COLUMNS_MAX 1040u

/* What a column of a stream is, besides its values. */
enum plan_role {
    PLAN_ROLE_VALUE,     /* of the record's value */
    PLAN_ROLE_DOCUMENT,  /* likewise, a JSONB: scans also read what is within (plan_path) */
    PLAN_ROLE_KEY,       /* _key */
    PLAN_ROLE_HEADERS,   /* _headers */
    PLAN_ROLE_OFFSET,    /* _offset */
    PLAN_ROLE_PARTITION, /* _partition */
    PLAN_ROLE_TIMESTAMP, /* _timestamp */
    PLAN_ROLE_TOPIC,     /* _topic */
};

/* A column. */
struct plan_column {
    const char *name;     /* as it is written, with a NUL behind it */
    struct vec_type type; /* of its values */
    uint8_t role;         /* enum plan_role */
    bool is_hidden;       /* `*` leaves it out: system columns */
};

enum plan_relation_kind {
    PLAN_RELATION_STREAM, /* a topic's records */
    PLAN_RELATION_SYSTEM, /* a table of the system's */
    PLAN_RELATION_VIEW,   /* what a materialized view shows */
};

/* A relation. */
struct plan_relation {
    enum plan_relation_kind kind;
    const char *schema;                /* "public", "system" */
    const char *name;                  /* in it */
    const struct plan_column *columns; /* columns_count, names unique but for case */
    uint32_t columns_count;
    uint32_t version;     /* of its columns, counted by who has it */
    const uint16_t *keys; /* columns by which rows can be asked for: no two rows have the same
                             values in all of them; keys_count */
    uint32_t keys_count;  /* 0: there are none */
    const void *owner;    /* what it was made from: of who has it */
};

#endif
