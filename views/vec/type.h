/* Types of SQL as columns hold them. The table of what each can be stands in views/README.md. */
#ifndef VIEWS_VEC_TYPE_H
#define VIEWS_VEC_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "views/vec/interval.h"
#include "views/vec/numeric.h"

/* A TEXT, or the bytes of a JSONB (jsonb.h), in a column: views into somebody else's bytes. */
struct vec_bytes {
    const char *data; /* may be NULL when length is 0 */
    uint32_t length;  /* bytes */
};

/* kind, SQL name in messages and answers, short name (plans as JSON), type of its values in C. The
 * values of `enum vec_kind` are stored nowhere; the short names are. */
#define VEC_KIND_TABLE(X)                                                                          \
    X(BOOLEAN, "boolean", "boolean", uint8_t)                                                      \
    X(INTEGER, "integer", "integer", int32_t)                                                      \
    X(BIGINT, "bigint", "bigint", int64_t)                                                         \
    X(DOUBLE, "double precision", "double", double)                                                \
    X(NUMERIC, "numeric", "numeric", struct vec_numeric)                                           \
    X(TEXT, "text", "text", struct vec_bytes)                                                      \
    X(DATE, "date", "date", int32_t)                                                               \
    X(TIMESTAMP, "timestamp without time zone", "timestamp", int64_t)                              \
    X(TIMESTAMPTZ, "timestamp with time zone", "timestamptz", int64_t)                             \
    X(INTERVAL, "interval", "interval", struct vec_interval)                                       \
    X(JSONB, "jsonb", "jsonb", struct vec_bytes)

enum vec_kind {
    VEC_NONE, /* no type: an argument that is not there, a parameter that nobody has looked at */
#define VEC_KIND_ENUM(name, sql, text, type) VEC_##name,
    VEC_KIND_TABLE(VEC_KIND_ENUM)
#undef VEC_KIND_ENUM
        VEC_KIND_COUNT
};

/* A type. */
struct vec_type {
    uint8_t kind;      /* enum vec_kind */
    uint8_t precision; /* NUMERIC(p, s): digits, 1..38; 0: any, and each value has its scale */
    uint8_t scale;     /* NUMERIC(p, s): those behind the point */
};

/* A value alone: constants and parameters. */
struct vec_value {
    bool is_null; /* then nothing else counts */
    union {
        uint8_t boolean;              /* 0 or 1 */
        int32_t int4;                 /* INTEGER, DATE */
        int64_t int8;                 /* BIGINT, TIMESTAMP, TIMESTAMPTZ */
        double real;                  /* DOUBLE */
        struct vec_bytes bytes;       /* TEXT, JSONB */
        struct vec_interval interval; /* INTERVAL */
        struct vec_numeric numeric;   /* NUMERIC */
    } u;
};

/* The type of that kind, without modifiers. */
static inline struct vec_type vec_type(enum vec_kind kind)
{
    return (struct vec_type){.kind = (uint8_t)kind};
}

/* Whether both are the same, modifiers included. */
static inline bool vec_type_equal(struct vec_type a, struct vec_type b)
{
    return a.kind == b.kind && a.precision == b.precision && a.scale == b.scale;
}

/* Bytes of a value in a column; 0 for VEC_NONE. */
size_t vec_kind_bytes(enum vec_kind kind);

/* "double precision" and "double". Static storage; "unknown" for VEC_NONE. */
const char *vec_kind_sql(enum vec_kind kind);
const char *vec_kind_name(enum vec_kind kind);

/* The kind of that short name; VEC_NONE: there is none. */
enum vec_kind vec_kind_find(const char *name, size_t length);

/* Room for what vec_type_write writes, and its NUL. */
#define VEC_TYPE_TEXT_BYTES 40

/* Write the type as SQL has it: "numeric(10,2)", "timestamp with time zone". */
void vec_type_write(struct bytes_writer *w, struct vec_type type);

#endif
