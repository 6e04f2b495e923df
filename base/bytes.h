/* Bounded reading and writing of byte strings: how every format, from disk or network, is decoded
 * and encoded.
 *
 * Both sides keep a sticky error: the first failure is kept, later calls change nothing, a failed
 * get returns 0 (or NULL). So a decoder reads its fields one after another and asks once, before it
 * believes any of them:
 *
 *     struct bytes_reader r = bytes_reader(frame, frame_bytes);
 *     uint32_t magic = bytes_get_u32le(&r);
 *     uint16_t count = bytes_get_u16le(&r);
 *     if (r.err != ERR_OK) { return r.err; }
 *
 * A length read from the input is an unchecked number until bytes_get_view or bytes_get_sub has
 * compared it with what was received; nothing is sized by it before. Nothing here allocates, blocks
 * or keeps a pointer beyond the call but the reader itself. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A cursor over bytes owned by somebody else, who keeps them unchanged while the reader is used. */
struct bytes_reader {
    const uint8_t *data; /* first byte; may be NULL when length is 0 */
    size_t length;       /* bytes received; no read passes this */
    size_t pos;          /* next byte to read, <= length */
    enum err err;        /* first failure: ERR_TRUNCATED, or what bytes_reader_fail was given */
};

/* A cursor over writable bytes owned by somebody else. */
struct bytes_writer {
    uint8_t *data;   /* first byte; may be NULL when capacity is 0 */
    size_t capacity; /* bytes that may be written */
    size_t pos;      /* next byte to write, <= capacity: also the length written */
    enum err err;    /* first failure: ERR_TOO_LARGE when the next value did not fit */
};

/* A reader at the first of `length` bytes. */
struct bytes_reader bytes_reader(const void *data, size_t length);

/* Bytes not read yet (also after a failure: those from the failed read on). */
size_t bytes_reader_left(const struct bytes_reader *r);

/* Keep `err` (not ERR_OK) as the reader's error unless it has one: for a decoder that finds a value
 * it cannot accept. */
void bytes_reader_fail(struct bytes_reader *r, enum err err);

/* Fixed-width integers, big-endian (`be`: Kafka, network) and little-endian (`le`: our disk
 * formats). ERR_TRUNCATED and 0 when fewer bytes are left. Signed values: cast the result. */
uint8_t bytes_get_u8(struct bytes_reader *r);
uint16_t bytes_get_u16be(struct bytes_reader *r);
uint32_t bytes_get_u32be(struct bytes_reader *r);
uint64_t bytes_get_u64be(struct bytes_reader *r);
uint16_t bytes_get_u16le(struct bytes_reader *r);
uint32_t bytes_get_u32le(struct bytes_reader *r);
uint64_t bytes_get_u64le(struct bytes_reader *r);

/* IEEE 754 double, big-endian (Kafka FLOAT64). Every bit pattern is a value. */
double bytes_get_f64be(struct bytes_reader *r);

/* The next `length` bytes, in place: the pointer lives as long as the reader's input.
 * NULL and ERR_TRUNCATED when fewer are left; a `length` of 0 gives a pointer that must not be
 * read. */
const uint8_t *bytes_get_view(struct bytes_reader *r, uint64_t length);

/* A reader confined to the next `length` bytes, which `r` steps over. On ERR_TRUNCATED the
 * sub-reader is empty and failed too. */
struct bytes_reader bytes_get_sub(struct bytes_reader *r, uint64_t length);

/* Copy the next `length` bytes to `out` (room for `length`, not overlapping). On ERR_TRUNCATED
 * `out` is zeroed. */
void bytes_get_copy(struct bytes_reader *r, void *out, size_t length);

/* Step over `length` bytes; ERR_TRUNCATED when fewer are left. */
void bytes_skip(struct bytes_reader *r, uint64_t length);

/* A writer at the first of `capacity` bytes. */
struct bytes_writer bytes_writer(void *data, size_t capacity);

/* Bytes that still fit. */
size_t bytes_writer_left(const struct bytes_writer *w);

/* Fixed-width integers. A value that does not fit whole writes nothing and sets ERR_TOO_LARGE. */
void bytes_put_u8(struct bytes_writer *w, uint8_t value);
void bytes_put_u16be(struct bytes_writer *w, uint16_t value);
void bytes_put_u32be(struct bytes_writer *w, uint32_t value);
void bytes_put_u64be(struct bytes_writer *w, uint64_t value);
void bytes_put_u16le(struct bytes_writer *w, uint16_t value);
void bytes_put_u32le(struct bytes_writer *w, uint32_t value);
void bytes_put_u64le(struct bytes_writer *w, uint64_t value);
void bytes_put_f64be(struct bytes_writer *w, double value);

/* `length` bytes from `data` (not overlapping the target), whole or not at all. */
void bytes_put_copy(struct bytes_writer *w, const void *data, size_t length);

/* `length` zero bytes, whole or not at all. */
void bytes_put_zeros(struct bytes_writer *w, size_t length);

/* Overwrite a 32-bit value already written at `pos` (asserted: pos + 4 <= w->pos): a length or
 * checksum known only later. */
void bytes_patch_u32be(struct bytes_writer *w, size_t pos, uint32_t value);
void bytes_patch_u32le(struct bytes_writer *w, size_t pos, uint32_t value);

/* *sum = a + b, or false and *sum untouched when that does not fit a size_t. Same for the product.
 */
MUST_USE bool bytes_size_add(size_t a, size_t b, size_t *sum);
MUST_USE bool bytes_size_mul(size_t a, size_t b, size_t *product);

#endif
