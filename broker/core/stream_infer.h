/* Between streams and inference (schemas/infer.h): columns known become the beginning of a fold,
 * what it comes to becomes columns. Pure. */
#ifndef BROKER_CORE_STREAM_INFER_H
#define BROKER_CORE_STREAM_INFER_H

#include "broker/core/stream.h"
#include "schemas/infer.h"

/* Make `in` a fold upon the columns of `stream`, an implicit one (NULL: upon none), in `arena`.
 * `seed` is secret. ERR_BUDGET, ERR_TOO_LARGE: the arena refuses. */
MUST_USE enum err core_stream_infer_begin(struct infer *in, struct arena *arena,
                                          const struct core_stream *stream, uint64_t seed);

/* *out and *count = the columns that the fold has come to, in `arena`; texts are there, too, or the
 * fold's. The same errors. */
MUST_USE enum err core_stream_infer_end(const struct infer *in, struct arena *arena,
                                        const struct core_stream_column **out, uint32_t *count);

#endif
