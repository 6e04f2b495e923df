/* What streams and views share: stream_code.c has what is about bytes at rest. */
#ifndef BROKER_CORE_STREAM_INT_H
#define BROKER_CORE_STREAM_INT_H

#include "base/bytes.h"
#include "views/sql/print.h"
#include "views/vec/type.h"

/* A text being read. */
struct core_stream_text {
    const char *data; /* no NUL */
    uint32_t length;  /* bytes */
};

/* A string: a u16 length and its bytes, at most `bytes_max` (asserted). */
void core_stream_put_text(struct bytes_writer *w, const char *text, size_t bytes_max);

/* The same read; UTF-8 without a NUL, or the reader fails. data is NULL after a failure. */
struct core_stream_text core_stream_get_text(struct bytes_reader *r, uint16_t bytes_min,
                                             uint16_t bytes_max);

/* A type: its kind's short name as a string, u8 precision, u8 scale. */
size_t core_stream_type_bytes(struct vec_type type);
void core_stream_put_type(struct bytes_writer *w, struct vec_type type);
struct vec_type core_stream_get_type(struct bytes_reader *r);

/* The reader fails, unless `is_right` or it has. */
void core_stream_check(struct bytes_reader *r, bool is_right);

/* A copy of `text` with a NUL behind it, at *at, which moves behind that. */
const char *core_stream_keep(char **at, struct core_stream_text text);

/* The name as a statement has it: in quotes where it needs them to be the same. stream.c. */
struct sql_name core_stream_sql_name(const char *text);

#endif
