/* Variable-length integers. See varint.h.
 *
 * This file and its header are the only ones beside bytes.c that move a cursor. They keep its
 * invariants: nothing is read at or past `length`, and once err is set pos never moves. */
#include "base/varint.h"

#include "base/assert.h"

static uint64_t varint_get(struct bytes_reader *r, unsigned bits, size_t bytes_max);

uint32_t varint_get_u32_long(struct bytes_reader *r)
{
    return (uint32_t)varint_get(r, 32, VARINT_U32_BYTES_MAX);
}

uint64_t varint_get_u64_long(struct bytes_reader *r)
{
    return varint_get(r, 64, VARINT_U64_BYTES_MAX);
}

void varint_put_u64(struct bytes_writer *w, uint64_t value)
{
    uint8_t bytes[VARINT_U64_BYTES_MAX];
    size_t count = 0;
    while (value >= 0x80) {
        bytes[count++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[count++] = (uint8_t)value;
    ASSERT(count <= VARINT_U64_BYTES_MAX);
    bytes_put_copy(w, bytes, count);
}

void varint_put_i64(struct bytes_writer *w, int64_t value)
{
    varint_put_u64(w, varint_zigzag64(value));
}

/* A value of at most `bits` bits in at most `bytes_max` bytes. Only its last possible byte can
 * carry excess bits: those before it fill 7 * (bytes_max - 1) < bits. */
static uint64_t varint_get(struct bytes_reader *r, unsigned bits, size_t bytes_max)
{
    if (r->err != ERR_OK) {
        return 0;
    }
    size_t left = bytes_reader_left(r);
    size_t count_max = left < bytes_max ? left : bytes_max;
    const uint8_t *p = left > 0 ? r->data + r->pos : NULL;
    uint64_t value = 0;
    for (size_t i = 0; i < count_max; i++) {
        unsigned shift = (unsigned)(7 * i);
        if (UNLIKELY(i == bytes_max - 1 && p[i] >> (bits - shift) != 0)) {
            r->err = ERR_CORRUPT; /* excess bits, the one that says "more follow" among them */
            return 0;
        }
        value |= (uint64_t)(p[i] & 0x7f) << shift;
        if (p[i] < 0x80) {
            r->pos += i + 1;
            return value;
        }
    }
    r->err = ERR_TRUNCATED;
    return 0;
}
