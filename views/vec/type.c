/* Names and sizes of types. See type.h. */
#include "views/vec/type.h"

#include <string.h>

#include "base/assert.h"
#include "views/vec/integer.h"

static const struct vec_kind_row {
    const char *sql;  /* in messages and answers */
    const char *name; /* in plans */
    size_t bytes;     /* of a value */
} vec_kind_rows[VEC_KIND_COUNT] = {[VEC_NONE] = {"unknown", "unknown", 0},
#define VEC_KIND_ROW(kind, sql, name, type) [VEC_##kind] = {sql, name, sizeof(type)},
                                   VEC_KIND_TABLE(VEC_KIND_ROW)
#undef VEC_KIND_ROW
};

size_t vec_kind_bytes(enum vec_kind kind)
{
    ASSERT(kind < VEC_KIND_COUNT);
    return vec_kind_rows[kind].bytes;
}

const char *vec_kind_sql(enum vec_kind kind)
{
    ASSERT(kind < VEC_KIND_COUNT);
    return vec_kind_rows[kind].sql;
}

const char *vec_kind_name(enum vec_kind kind)
{
    ASSERT(kind < VEC_KIND_COUNT);
    return vec_kind_rows[kind].name;
}

enum vec_kind vec_kind_find(const char *name, size_t length)
{
    for (enum vec_kind kind = VEC_NONE + 1; kind < VEC_KIND_COUNT; kind++) {
        const char *have = vec_kind_rows[kind].name;
        if (strlen(have) == length && memcmp(have, name, length) == 0) {
            return kind;
        }
    }
    return VEC_NONE;
}

void vec_type_write(struct bytes_writer *w, struct vec_type type)
{
    const char *sql = vec_kind_sql((enum vec_kind)type.kind);
    bytes_put_copy(w, sql, strlen(sql));
    if (type.kind != VEC_NUMERIC || type.precision == 0) {
        return;
    }
    bytes_put_u8(w, '(');
    vec_int8_write(w, type.precision);
    bytes_put_u8(w, ',');
    vec_int8_write(w, type.scale);
    bytes_put_u8(w, ')');
}
