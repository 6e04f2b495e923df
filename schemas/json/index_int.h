/* What all kernels of the index share: 64 bytes as masks, bit i for byte i, in; tokens out. Each
 * kernel makes the masks, multiplies by all ones (prefix XOR) and writes the positions its own way;
 * everything that decides stands here once. */
#ifndef SCHEMAS_JSON_INDEX_INT_H
#define SCHEMAS_JSON_INDEX_INT_H

#include "base/compiler.h"
#include "schemas/json/index.h"

/* Bytes of one block. */
#define JSON_BLOCK_BYTES 64u

/* The classes of the bytes of a block. Bytes behind the text's end are spaces. */
struct json_masks {
    uint64_t quote;     /* " */
    uint64_t backslash; /* \ */
    uint64_t structure; /* { } [ ] : , */
    uint64_t space;     /* space, tab, line feed, carriage return */
    uint64_t control;   /* below 0x20 */
    uint64_t high;      /* 0x80 and above: bytes of characters outside ASCII */
};

/* Leads whose second byte has narrower bounds (RFC 3629, section 4). */
enum json_lead {
    JSON_LEAD_E0 = 1, /* overlong below A0 */
    JSON_LEAD_ED = 2, /* surrogates from A0 on */
    JSON_LEAD_F0 = 4, /* overlong below 90 */
    JSON_LEAD_F4 = 8, /* past U+10FFFF from 90 on */
};

/* The bytes of characters outside ASCII in a block. */
struct json_utf8_masks {
    uint64_t below_90;     /* 80..8F */
    uint64_t below_a0;     /* 80..9F */
    uint64_t continuation; /* 80..BF */
    uint64_t two;          /* C2..DF: leads of two bytes */
    uint64_t three;        /* E0..EF */
    uint64_t four;         /* F0..F4 */
    uint64_t e0;           /* E0, and so on: the leads of enum json_lead */
    uint64_t ed;
    uint64_t f0;
    uint64_t f4;
};

/* The bytes of this block that a backslash escapes: those behind a backslash that is not escaped
 * itself. Looks at what is escaped, too. index.c. */
uint64_t json_index_escaped(struct json_index *x, uint64_t backslash);

/* Hold the block's characters outside ASCII, the bytes `high`, against RFC 3629. index.c. */
void json_index_utf8(struct json_index *x, uint64_t high, const struct json_utf8_masks *m);

/* Keep the first of the control characters `stray` as the fault. index.c. */
void json_index_stray(struct json_index *x, uint64_t stray);

/* A step is over: when it was the last, say what the text lacks. index.c. */
void json_index_end(struct json_index *x);

/* The quotes that begin and end strings. */
static ALWAYS_INLINE uint64_t json_index_quotes(struct json_index *x, const struct json_masks *m)
{
    if (LIKELY((m->backslash | x->is_escaped) == 0)) {
        return m->quote;
    }
    return m->quote & ~json_index_escaped(x, m->backslash);
}

/* The tokens of a block whose `quotes` are known and `inside` is their prefix XOR: ones from an
 * opening quote up to before the closing one, were the block outside of strings at first. */
static ALWAYS_INLINE uint64_t json_index_tokens(struct json_index *x, const struct json_masks *m,
                                                uint64_t quotes, uint64_t inside)
{
    inside ^= x->in_string;
    x->in_string = (uint64_t)((int64_t)inside >> 63);
    uint64_t other = ~(m->structure | m->space | inside | quotes);
    uint64_t begins = other & ~(other << 1 | x->in_other);
    x->in_other = other >> 63;
    uint64_t stray = m->control & (inside | ~m->space);
    if (UNLIKELY(stray != 0)) {
        json_index_stray(x, stray);
    }
    return (m->structure & ~inside) | (quotes & inside) | begins;
}

/* The bytes of the block at x->pos that belong to the text. */
static inline uint32_t json_index_block_bytes(const struct json_index *x)
{
    uint32_t left = x->length - x->pos;
    return left < JSON_BLOCK_BYTES ? left : JSON_BLOCK_BYTES;
}

/* Whether the step that began at `from` goes on. */
static inline bool json_index_goes_on(const struct json_index *x, uint32_t from)
{
    return x->pos < x->length && x->pos - from < JSON_INDEX_STEP_BYTES;
}

/* The kernels, slowest first. Only json_indexer_scalar exists on other architectures than x86-64.
 */
extern const struct json_indexer json_indexer_scalar;
extern const struct json_indexer json_indexer_avx2;
extern const struct json_indexer json_indexer_avx512;

#endif
