/* Non-cryptographic hashes: XXH3 of xxHash (Collet, https://xxhash.com), 64 and 128 bits. For
 * tables, key digests, filters and the log's chain (LOG §3). The algorithm is frozen since xxHash
 * 0.8.0, so results may be stored; they are equal on every machine. Not for secrets or signatures.
 *
 * Only hash.c knows the library. Nothing here allocates, blocks or fails. `data` may be NULL when
 * `length` is 0. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* The bytes of a 128-bit hash at rest. */
#define HASH128_BYTES 16

/* The bytes of a running hash; checked against the library's in hash.c. */
#define HASH_STREAM_BYTES 576

/* A 128-bit hash. */
struct hash128 {
    uint64_t low;  /* bits 0..63 */
    uint64_t high; /* bits 64..127 */
};

/* A hash in the making. Belongs to its user, who may keep it anywhere; a copy is a second one that
 * goes on from the same point. */
struct hash_stream {
    ALIGNED(64) uint8_t state[HASH_STREAM_BYTES]; /* the library's, private to hash.c */
};

/* XXH3-64 of `length` bytes. Tables whose keys come from outside take a seed that outsiders do not
 * know. At rest: bytes_put_u64be (xxHash's canonical form). */
uint64_t hash64(const void *data, size_t length, uint64_t seed);

/* XXH3-128 of `length` bytes. */
struct hash128 hash128(const void *data, size_t length, uint64_t seed);

/* XXH3-128 of pieces: init, any number of adds, end. Equals hash128 of the pieces joined. `end`
 * changes nothing: more may be added and end called again. */
void hash_stream_init(struct hash_stream *s, uint64_t seed);
void hash_stream_add(struct hash_stream *s, const void *data, size_t length);
struct hash128 hash_stream_end(const struct hash_stream *s);

/* Whether both are the same value. */
static inline bool hash128_is_equal(struct hash128 a, struct hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

/* Write and read the form at rest: 16 bytes, big-endian (XXH128_canonical_t), whole or not at all.
 * Errors as bytes_put_copy's and bytes_get_view's; a failed get gives zero. */
void hash128_put(struct bytes_writer *w, struct hash128 hash);
struct hash128 hash128_get(struct bytes_reader *r);

#endif
