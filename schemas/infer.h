/* Columns inferred from JSON records: a fold over records, in order (VIEWS §4).
 *
 *     infer_init(&in, arena, &config)
 *         infer_known(&in, name, length, kind)    columns that there are already, in their order
 *         infer_record(&in, text, length)         records, as many as one likes
 *     in.columns, in.columns_count, in.has_rest, in.has_changed
 *
 * **Columns** are the members of records that are objects, in order of first appearance; objects
 * and arrays below are JSONB. A record that is no object gives a column for the record as a whole,
 * called `value`, which then covers objects, too. Of equal names in one record the last counts.
 *
 * **Types** only widen:
 *
 *                     JSONB
 *       ________________|__________________
 *      |         |         |               |
 *   BOOLEAN   DOUBLE   NUMERIC(38,0)      TEXT
 *                 \      /                 |
 *                  BIGINT             TIMESTAMPTZ
 *
 *     BIGINT       digits alone, within 64 bits
 *     DOUBLE       a fraction or an exponent; beyond the largest double it is JSONB
 *     NUMERIC      digits alone, 20 to 38 of them or past 64 bits; more digits are JSONB
 *     TIMESTAMPTZ  strings that are RFC 3339's date-time, as long as all are
 *     TEXT         other strings
 *
 * Whole numbers past 64 bits and fractions in one column are a mixture as any other: a DOUBLE would
 * round the ones, a NUMERIC(38,0) the others. null says nothing; a column that nobody has seen
 * anything else in is INFER_NULL, and may become anything.
 *
 * **What is no column** of its own is in the rest (has_rest): names past `columns_max`, names that
 * the caller keeps for himself, the empty name, names of more than INFER_NAME_BYTES_MAX bytes, with
 * a zero character or half a character, and names whose paths pass JSON_PATH_BYTES_MAX or
 * INFER_PATHS_BYTES_MAX in all.
 *
 * Pure, but for the arena: the same records in the same order give the same columns. Memory is
 * bounded by `columns_max`. */
#ifndef SCHEMAS_INFER_H
#define SCHEMAS_INFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* Bounds of what is a column: of columns, of a name, of the paths of all names together. */
#define INFER_COLUMNS_MAX     1023u
#define INFER_NAME_BYTES_MAX  249u
#define INFER_PATHS_BYTES_MAX (128u << 10)

/* What the column for a record as a whole is called, and what when a member has that name. */
#define INFER_WHOLE       "value"
#define INFER_WHOLE_OTHER "_value"

/* What a column has. */
enum infer_kind {
    INFER_NULL, /* nothing but null */
    INFER_BOOLEAN,
    INFER_BIGINT,
    INFER_DOUBLE,
    INFER_NUMERIC, /* (38,0) */
    INFER_TIMESTAMPTZ,
    INFER_TEXT,
    INFER_JSONB,
    INFER_KIND_COUNT
};

/* A column. */
struct infer_column {
    const char *name; /* with a NUL behind it; in the arena */
    uint32_t length;  /* bytes of it */
    uint8_t kind;     /* enum infer_kind */
    uint8_t pending;  /* what the record under way has there */
    bool is_whole;    /* the record as a whole, not a member */
    uint32_t stamp;   /* the record that has it */
};

/* What is to be inferred. */
struct infer_config {
    uint32_t columns_max;        /* 1..INFER_COLUMNS_MAX */
    const char *const *reserved; /* names that are no columns; they live as long as the fold */
    uint32_t reserved_count;     /* of them */
    uint64_t seed;               /* of the table of names: not to be guessed by who sends records */
};

/* A fold. Embedded in its owner. */
struct infer {
    /* To be read. */
    struct infer_column *columns; /* columns_count, in order */
    uint32_t columns_count;
    bool has_rest;          /* some member is no column */
    bool has_changed;       /* since the columns known: one more, a wider one, or the rest */
    uint64_t records_count; /* that were JSON */
    uint64_t refused_count; /* that were not */

    /* Private to infer.c. */
    struct arena *arena;
    struct infer_config config;
    uint16_t *slots;      /* the table of names: a column's index + 1, or 0 */
    uint16_t *touched;    /* columns of the record under way */
    uint32_t whole;       /* the index of the column for the whole + 1; 0: there is none */
    uint8_t whole_kind;   /* what all records were */
    bool has_whole;       /* one of them was no object */
    uint32_t paths_bytes; /* of all columns */
    uint32_t stamp;       /* of the record under way */
};

/* Make `in` a fold without columns, whose memory is in `arena`. ERR_BUDGET, ERR_TOO_LARGE: that
 * refuses. */
MUST_USE enum err infer_init(struct infer *in, struct arena *arena,
                             const struct infer_config *config);

/* There is a column already. All before the first record; a name that was told changes nothing.
 * `is_whole`: it is the record as a whole. The same errors, and ERR_TOO_LARGE where there is no
 * room for another column. */
MUST_USE enum err infer_known(struct infer *in, const char *name, size_t length,
                              enum infer_kind kind, bool is_whole);

/* There are members already that are no columns. */
void infer_known_rest(struct infer *in);

/* Fold the record of `length` bytes at `text`. ERR_INVALID: not JSON, ERR_TOO_LARGE: deeper than
 * JSON_DEPTH_MAX or longer than JSON_TEXT_BYTES_MAX: both are counted, and change nothing.
 * ERR_BUDGET: the arena refuses, and the fold is of no use any more. */
MUST_USE enum err infer_record(struct infer *in, const char *text, size_t length);

/* The narrowest kind that holds both. */
enum infer_kind infer_join(enum infer_kind a, enum infer_kind b);

/* Whether the text is a date-time of RFC 3339, section 5.6, in the years 1 to 9999: with T, t or a
 * space in the middle, any digits behind the second up to 64 bytes in all, and Z, z or an offset of
 * less than 16 hours, a leap second without a fraction, which is as far as PostgreSQL reads them.
 */
bool infer_is_time(const char *text, size_t length);

#endif
