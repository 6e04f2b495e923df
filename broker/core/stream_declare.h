/* CREATE STREAM as it was parsed becomes the stream that it declares. Pure. */
#ifndef BROKER_CORE_STREAM_DECLARE_H
#define BROKER_CORE_STREAM_DECLARE_H

#include "base/arena.h"
#include "broker/core/catalog.h"
#include "broker/core/stream.h"
#include "views/sql/stmt.h"

/* *out = the stream that `create` declares over a topic of `catalog`, for
 * CORE_CHANGE_STREAM_CREATE: name, topic, key format, columns. All of it is in `arena`. A column
 * without a source is the member of its name; a key is TEXT where no format is said, a number in a
 * column of time is milliseconds. Whether the name is free is for the change to say.
 *
 * Errors, with their places in the `length` bytes of `text`: 3F000, 42501 another schema; 42622,
 * 42939 a name too long, or one of ours; 42704, 42P09 no such topic, or several; 42701 a column
 * again, or one of the system's; what sql_bind_type says of types; 42601, 0A000 a path; 42804 a
 * unit or a type that does not fit; 54000, 54011 too much; 53200. */
MUST_USE enum err core_stream_declare(const struct core_catalog *catalog,
                                      const struct sql_create_stream *create, const char *text,
                                      size_t length, struct arena *arena, struct core_stream *out,
                                      struct sql_error *error);

/* Whether `name`, [schema.]name of a statement about streams, is of the schema that streams are in:
 * *out = the name alone. Else 3F000, 42501 or 0A000. */
MUST_USE enum err core_stream_name(const struct sql_names *name, const char *text, size_t length,
                                   struct sql_name *out, struct sql_error *error);

#endif
