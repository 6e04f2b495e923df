/* See md5.h. Names are RFC 1321's. */
#include "views/vec/md5.h"

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VEC_MD5_BLOCK_BYTES  64u
#define VEC_MD5_LENGTH_BYTES 8u

static uint32_t vec_md5_rotate(uint32_t x, uint32_t n)
{
    return x << n | x >> (32 - n);
}

/* One block of 64 bytes (RFC 1321, 3.4). */
static void vec_md5_block(uint32_t state[4], const uint8_t *block)
{
    static const uint8_t shifts[4][4] = {
        {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    static const uint32_t sines[64] = {
        0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613,
        0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193,
        0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
        0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
        0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122,
        0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
        0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244,
        0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
        0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb,
        0xeb86d391};
    uint32_t x[16];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    for (uint32_t i = 0; i < 16; i++) {
        memcpy(&x[i], block + 4 * i, 4);
        x[i] = le32toh(x[i]);
    }
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t f, k;
        switch (i / 16) {
        case 0: f = (b & c) | (~b & d), k = i; break;
        case 1: f = (b & d) | (c & ~d), k = 5 * i + 1; break;
        case 2: f = b ^ c ^ d, k = 3 * i + 5; break;
        default: f = c ^ (b | ~d), k = 7 * i; break;
        }
        uint32_t next = b + vec_md5_rotate(a + f + x[k % 16] + sines[i], shifts[i / 16][i % 4]);
        a = d;
        d = c;
        c = b;
        b = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void vec_md5_write(struct bytes_writer *w, const void *data, size_t length)
{
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    uint8_t tail[2 * VEC_MD5_BLOCK_BYTES] = {0};
    const uint8_t *bytes = data;
    size_t whole = length / VEC_MD5_BLOCK_BYTES * VEC_MD5_BLOCK_BYTES;
    for (size_t at = 0; at < whole; at += VEC_MD5_BLOCK_BYTES) {
        vec_md5_block(state, bytes + at);
    }
    size_t left = length - whole;
    if (left > 0) {
        memcpy(tail, bytes + whole, left);
    }
    tail[left] = 0x80;
    bool is_long = left + 1 + VEC_MD5_LENGTH_BYTES > VEC_MD5_BLOCK_BYTES;
    size_t tail_bytes = is_long ? 2 * VEC_MD5_BLOCK_BYTES : VEC_MD5_BLOCK_BYTES;
    uint64_t bits = htole64((uint64_t)length * 8);
    memcpy(tail + tail_bytes - VEC_MD5_LENGTH_BYTES, &bits, VEC_MD5_LENGTH_BYTES);
    for (size_t at = 0; at < tail_bytes; at += VEC_MD5_BLOCK_BYTES) {
        vec_md5_block(state, tail + at);
    }
    for (uint32_t i = 0; i < 16; i++) {
        uint8_t byte = (uint8_t)(state[i / 4] >> 8 * (i % 4));
        bytes_put_u8(w, (uint8_t) "0123456789abcdef"[byte >> 4]);
        bytes_put_u8(w, (uint8_t) "0123456789abcdef"[byte & 15]);
    }
}
