/* Error rows that queries found: values that did not fit their columns, records that are not JSON
 * (VIEWS §4). Of each shard, in memory.
 *
 * An error is known by (stream, topic, partition, offset, column): finding it again adds nothing.
 * Texts are copied and cut. Past CORE_ERRORS_BYTES_MAX or CORE_ERRORS_COUNT_MAX the oldest go.
 * Memory is taken when the first one comes. Own shard only; nothing blocks. */
#ifndef BROKER_CORE_ERRORS_H
#define BROKER_CORE_ERRORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/map.h"
#include "storage/log/format.h"

/* What is kept: bytes with all that belongs to them, and errors. */
#define CORE_ERRORS_BYTES_MAX (16u << 20)
#define CORE_ERRORS_COUNT_MAX (1u << 16)

/* Of the value at fault. */
#define CORE_ERRORS_EXCERPT_BYTES_MAX 256u

/* An error. Texts need no NUL behind them when one is added; those kept have one. */
struct core_error {
    struct log_uuid stream; /* which */
    struct log_uuid topic;  /* likewise */
    uint32_t partition;     /* likewise */
    uint64_t offset;        /* of the record */
    const char *column;     /* its name; "": the record as a whole */
    const char *code;       /* SQLSTATE, five characters; static storage */
    const char *stream_name;
    const char *topic_name;
    const char *path;    /* where the value stands: of the column */
    const char *excerpt; /* of the value: kept as UTF-8 without control characters */
    size_t excerpt_bytes;
};

/* One that is kept: private to errors.c. */
struct core_error_kept;

/* A shard's. */
struct core_errors {
    /* To be read. */
    uint64_t found_count;   /* ever, each once as long as it was kept */
    uint64_t dropped_count; /* of those, not kept any more */

    /* Private to errors.c. */
    struct budget budget;          /* of all that is kept */
    uint64_t seed;                 /* of hashes */
    struct map map;                /* core_error_kept.in_map: by hash */
    struct map_node **buckets;     /* of it; NULL: none came yet */
    struct core_error_kept **ring; /* CORE_ERRORS_COUNT_MAX: number n stands at n modulo that */
    uint64_t first;                /* number of the oldest that is kept, */
    uint64_t next;                 /* and of the one that comes */
};

/* None yet; memory of `budget`. `seed` is secret: keys come from outside. */
void core_errors_init(struct core_errors *errors, struct budget *budget, uint64_t seed);

/* Give everything back. */
void core_errors_deinit(struct core_errors *errors);

/* Keep it, as far as there is memory. False: it was known. */
bool core_errors_add(struct core_errors *errors, const struct core_error *error);

/* *out = the first error whose number is >= *number, which becomes the number behind it; it lives
 * until something is added. False: there is none. */
bool core_errors_next(const struct core_errors *errors, uint64_t *number, struct core_error *out);

/* What an error is known by, as a number: equal for equal ones, with `seed`. */
uint64_t core_error_hash(const struct core_error *error, uint64_t seed);

#endif
