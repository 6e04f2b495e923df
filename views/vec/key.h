/* Rows as keys: bytes whose order by memcmp is the order of SQL, whose equality is SQL's. Sorting,
 * grouping and DISTINCT compare them and know no types.
 *
 * Each column is a byte that says null or not (null is equal to null, and first or last as asked),
 * then the value so that a longer one never begins like a shorter one; descending columns have all
 * their bytes inverted. Equal values have equal bytes, whatever their scale or sign: 1.5 and 1.50,
 * 0 and -0, '1 mon' and '30 days'. */
#ifndef VIEWS_VEC_KEY_H
#define VIEWS_VEC_KEY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "views/vec/vector.h"

/* The first byte of a column. */
#define VEC_KEY_NULL_FIRST 0
#define VEC_KEY_VALUE      1
#define VEC_KEY_NULL_LAST  2

/* How a column is ordered. */
struct vec_order {
    bool is_descending; /* else ascending */
    bool is_null_first; /* else nulls come last */
};

/* Keys of the rows of a batch, one behind the other. */
struct vec_keys {
    const uint8_t *data; /* all of them */
    uint32_t *ends;      /* of the i-th key: where it ends in data; it begins where the one before
                            ends */
    uint32_t count;      /* keys */
};

/* *out = the keys of the rows of `selection`, over `count` columns; orders[i] of columns[i] (NULL:
 * ascending, nulls last). In `a`. ERR_BUDGET or ERR_TOO_LARGE: what `a` says; ERR_TOO_LARGE: all
 * together are 4 GiB. */
MUST_USE enum err vec_keys_make(struct arena *a, const struct vec_vector *const *columns,
                                const struct vec_order *orders, uint32_t count,
                                struct vec_selection selection, struct vec_keys *out);

/* A key of ascending columns being read, column after column. */
struct vec_key_reader {
    const uint8_t *at; /* next byte; in memory of whoever has the key, who trusts it */
    const uint8_t *end;
};

/* *out = the value of the next column, of `type`: BOOLEAN, INTEGER, BIGINT, TEXT, DATE, TIMESTAMP,
 * TIMESTAMPTZ, or NUMERIC(p, s) with digits; of the others (asserted) a key does not say which of
 * equal values it was. Bytes stay in the key, or are in `a`. False: `a` refuses. */
MUST_USE bool vec_key_read(struct vec_key_reader *r, struct vec_type type, struct arena *a,
                           struct vec_value *out);

/* The same of a BIGINT, TIMESTAMP or TIMESTAMPTZ. False: it is null, *out is anything. */
static ALWAYS_INLINE bool vec_key_read_int8(struct vec_key_reader *r, int64_t *out)
{
    uint64_t value = 0;
    bool is_there = r->end - r->at > 8 && *r->at == VEC_KEY_VALUE;
    if (LIKELY(is_there)) {
        memcpy(&value, r->at + 1, sizeof(value));
        r->at += sizeof(value);
    }
    r->at++;
    *out = (int64_t)(__builtin_bswap64(value) ^ UINT64_C(1) << 63);
    return is_there;
}

/* Step over the next column, of any type. */
void vec_key_skip(struct vec_key_reader *r, struct vec_type type);

/* <0, 0, >0: two values of a type, neither null, in SQL's order (that of keys, without making
 * them). */
int vec_value_compare(struct vec_type type, const struct vec_value *a, const struct vec_value *b);

#endif
