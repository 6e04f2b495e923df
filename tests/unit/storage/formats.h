/* What the tests of the log's formats share: a decoder against everything that may be cut off or
 * flipped. */
#ifndef TESTS_UNIT_STORAGE_FORMATS_H
#define TESTS_UNIT_STORAGE_FORMATS_H

#include <stddef.h>
#include <stdint.h>

#include "base/crc32c.h"
#include "base/err.h"

/* A decoder, its result thrown away; it checks by itself that what it gives out on an error is
 * zero. */
typedef enum err (*formats_decode)(const struct crc32c *kernels, const void *data, size_t length);

/* The kernels of this machine. */
const struct crc32c *formats_kernels(void);

/* Every true prefix of the `length` bytes at `data` is ERR_TRUNCATED, in memory of exactly its
 * size. */
void formats_cut_is_truncated(const void *data, size_t length, formats_decode decode);

/* Each bit of bytes `from` to before `to` flipped alone makes the `length` bytes ERR_CORRUPT. */
void formats_flip_is_corrupt(const void *data, size_t length, size_t from, size_t to,
                             formats_decode decode);

/* The bytes at `data` with `width` (<= 8) bytes of `value`, little-endian, at `pos`: what a writer
 * of another mind would have put there. */
void formats_poke(uint8_t *data, size_t pos, uint64_t value, size_t width);

/* Put the checksum, begun at `seed`, of the `covered` bytes at `data` behind them. */
void formats_seal(uint8_t *data, size_t covered, uint32_t seed);

#endif
