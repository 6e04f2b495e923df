/* CRC-32C (Castagnoli): the checksum of Kafka's record batches, of our journal, sidecars and node
 * to node frames. Polynomial 0x1EDC6F41, reflected, initial value and final XOR all ones: RFC 3720
 * section 12.1 and appendix B.4 (iSCSI), RFC 9260 appendix A (SCTP).
 *
 * A checksum begins with 0 and is carried on, as with zlib's crc32:
 *
 *     uint32_t crc = crc32c(kernels, 0, header, header_bytes);
 *     crc = crc32c(kernels, crc, body, body_bytes);
 *
 * Kernels are chosen once per process and passed; all give equal results. Nothing here allocates,
 * blocks or fails. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

/* One way to compute the checksum. `state` is the complement of a checksum. */
struct crc32c {
    const char *name; /* "scalar", "sse42" or "avx512", for logs and benchmarks; static storage */
    /* The state after `length` more bytes. */
    uint32_t (*extend)(uint32_t state, const void *data, size_t length);
    /* As extend, copying the bytes to `dst` on the way. */
    uint32_t (*copy)(uint32_t state, void *dst, const void *src, size_t length);
};

/* The fastest kernels `cpu` can run. Static storage. */
const struct crc32c *crc32c_for(const struct cpu *cpu);

/* The checksum of all bytes so far, of which `crc` is the checksum of those before `data` (0:
 * none). `data` may be NULL when `length` is 0. */
static inline uint32_t crc32c(const struct crc32c *kernels, uint32_t crc, const void *data,
                              size_t length)
{
    return ~kernels->extend(~crc, data, length);
}

/* Copy `length` bytes from `src` to `dst` (which do not overlap) and carry `crc` on over them: one
 * pass over memory for what an append must do anyway. Both may be NULL when `length` is 0. */
static inline uint32_t crc32c_copy(const struct crc32c *kernels, void *dst, const void *src,
                                   size_t length, uint32_t crc)
{
    return ~kernels->copy(~crc, dst, src, length);
}

/* The checksum of A followed by B from their checksums: crc32c(B, carried on from A) without B's
 * bytes. `b_bytes` is the length of B; any number, in time proportional to its bits. */
uint32_t crc32c_combine(uint32_t a_crc, uint32_t b_crc, uint64_t b_bytes);

#endif
