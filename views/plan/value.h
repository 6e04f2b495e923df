/* Values of constants as text, and back: literals of SQL, plans as JSON, EXPLAIN. */
#ifndef VIEWS_PLAN_VALUE_H
#define VIEWS_PLAN_VALUE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/compiler.h"
#include "views/vec/fault.h"
#include "views/vec/type.h"

/* *out = the value of `kind` that the `length` bytes of `text` are, as a cast from TEXT reads them;
 * its bytes are in `arena`. The faults of that cast; MEMORY: `arena` refuses. Their message names
 * the type plan_value_type_text(kind) and the whole text. */
MUST_USE enum vec_fault plan_value_parse(enum vec_kind kind, const char *text, size_t length,
                                         struct arena *arena, struct vec_value *out);

/* "integer", "timestamp": a type as messages of its input name it. Static storage. */
const char *plan_value_type_text(enum vec_kind kind);

/* *out = what was given for a parameter of `kind`: itself, where it is null or has that kind, else
 * what its text (`given_kind` is VEC_NONE) is read as, in `arena`. A fault: the sentence is in
 * `message`, NUL-terminated, cut at `message_bytes`. */
MUST_USE enum vec_fault plan_value_of_param(enum vec_kind kind, const struct vec_value *given,
                                            enum vec_kind given_kind, struct arena *arena,
                                            struct vec_value *out, char *message,
                                            size_t message_bytes);

/* Room for what plan_value_write writes of anything but TEXT and JSONB. */
#define PLAN_VALUE_TEXT_BYTES 128

/* Write the value, which is not null, as a cast to TEXT does. plan_value_parse reads it back as the
 * same. */
void plan_value_write(struct bytes_writer *w, enum vec_kind kind, const struct vec_value *value);

/* Whether both are the same value down to scale and sign: not SQL's equality. VEC_NONE: texts. */
bool plan_value_equal(enum vec_kind kind, const struct vec_value *a, const struct vec_value *b);

#endif
