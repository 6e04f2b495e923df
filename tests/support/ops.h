/* A string of bytes read as operations: how a model test and a fuzzer drive one interpreter. Past
 * its end it reads as zeros, so every prefix of a case is a case. Needs nothing but base. */
#ifndef TESTS_SUPPORT_OPS_H
#define TESTS_SUPPORT_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"

/* A cursor over bytes owned by the caller. */
struct ops {
    const uint8_t *data; /* first byte */
    size_t length;       /* how many there are */
    size_t pos;          /* the next to read, <= length */
};

/* Whether there is a byte left: the interpreter's loop goes on. */
static inline bool ops_more(const struct ops *ops)
{
    return ops->pos < ops->length;
}

/* The next byte. */
static inline uint8_t ops_u8(struct ops *ops)
{
    return ops_more(ops) ? ops->data[ops->pos++] : 0;
}

/* A number below `count` (1..65536), from the next two bytes. */
static inline uint32_t ops_below(struct ops *ops, uint32_t count)
{
    ASSERT(count > 0);
    uint32_t low = ops_u8(ops);
    return (low | (uint32_t)ops_u8(ops) << 8) % count;
}

#endif
