/* Variable-length integers: seven bits a byte, least significant first, the top bit says that more
 * follow (LEB128, as in Protocol Buffers). Kafka's records and compact types use them, and so do
 * our own formats.
 *
 *   u32, u64   plain; Kafka UNSIGNED_VARINT (compact lengths, tagged fields)
 *   i32, i64   zigzag, 0 -1 1 -2 ... as 0 1 2 3 ...; Kafka VARINT and VARLONG (record fields)
 *
 * A get goes through the reader's sticky error: ERR_TRUNCATED when the input ends inside a value,
 * ERR_CORRUPT when it does not end within 5 (10) bytes or carries bits beyond the 32nd (64th); the
 * result is then 0 and the reader stands where it stood. Padding with zero bits within the 5 (10)
 * bytes is accepted, as Kafka's ByteUtils does: records come from any client and are kept as they
 * are. Kafka drops the excess bits of the last byte silently; here they are an error, because two
 * readers would disagree on the value.
 *
 * Source: org.apache.kafka.common.utils.ByteUtils. Nothing here allocates or blocks. */
#ifndef BASE_VARINT_H
#define BASE_VARINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* The longest encodings. */
#define VARINT_U32_BYTES_MAX 5
#define VARINT_U64_BYTES_MAX 10

/* The next value of `r` when its first byte is not its last. Use the varint_get_ functions. */
uint32_t varint_get_u32_long(struct bytes_reader *r);
uint64_t varint_get_u64_long(struct bytes_reader *r);

/* Whether the next value of `r` is one byte long and there: most of a record's fields are. */
static inline bool varint_is_short(const struct bytes_reader *r)
{
    return r->err == ERR_OK && r->pos < r->length && r->data[r->pos] < 0x80;
}

/* Read an unsigned value. Errors: above. */
static inline uint32_t varint_get_u32(struct bytes_reader *r)
{
    return LIKELY(varint_is_short(r)) ? r->data[r->pos++] : varint_get_u32_long(r);
}

/* Read an unsigned value. Errors: above. */
static inline uint64_t varint_get_u64(struct bytes_reader *r)
{
    return LIKELY(varint_is_short(r)) ? r->data[r->pos++] : varint_get_u64_long(r);
}

/* The signed value that zigzag numbers `value`, and back (which is the same for both widths). */
static inline int32_t varint_unzigzag32(uint32_t value)
{
    return (int32_t)(value >> 1 ^ (0 - (value & 1)));
}
static inline int64_t varint_unzigzag64(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}
static inline uint64_t varint_zigzag64(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

/* Read a zigzag value. Errors: above. */
static inline int32_t varint_get_i32(struct bytes_reader *r)
{
    return varint_unzigzag32(varint_get_u32(r));
}

/* Read a zigzag value. Errors: above. */
static inline int64_t varint_get_i64(struct bytes_reader *r)
{
    return varint_unzigzag64(varint_get_u64(r));
}

/* Write the shortest encoding of `value`, whole or not at all (the writer's ERR_TOO_LARGE). */
void varint_put_u64(struct bytes_writer *w, uint64_t value);

/* As varint_put_u64, zigzag. A 32-bit value has the same encoding as the equal 64-bit one. */
void varint_put_i64(struct bytes_writer *w, int64_t value);

/* The bytes varint_put_u64 writes for `value`: 1..10, at most 5 for a 32-bit value. */
static inline size_t varint_size_u64(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    return (bits + 6) / 7;
}

/* The bytes varint_put_i64 writes for `value`. */
static inline size_t varint_size_i64(int64_t value)
{
    return varint_size_u64(varint_zigzag64(value));
}

#endif
