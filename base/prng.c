/* xoshiro256** and what is drawn from it. See prng.h.
 *
 * Chosen for speed (under 1 ns), a 32-byte state that can be embedded anywhere, and published
 * vectors to test against. A fork is seeded, not made by the authors' jump(): jumped children would
 * be reached from the parent only in one order, and 256 steps each. */
#include "base/prng.h"

#include <endian.h>
#include <string.h>

#include "base/assert.h"

static uint64_t prng_splitmix64(uint64_t *state);
static uint64_t prng_rotate_left(uint64_t x, unsigned bits);
static void prng_swap(uint8_t *a, uint8_t *b, size_t length);

void prng_init(struct prng *p, uint64_t seed)
{
    for (size_t i = 0; i < ARRAY_COUNT(p->state); i++) {
        p->state[i] = prng_splitmix64(&seed);
    }
    /* splitmix64 is a bijection of four different counters: at most one word can be zero. */
    ASSERT((p->state[0] | p->state[1]) != 0);
}

uint64_t prng_u64(struct prng *p)
{
    uint64_t *s = p->state;
    uint64_t result = prng_rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = prng_rotate_left(s[3], 45);
    return result;
}

/* The high half of output * n is the answer; the low half tells whether the output fell into the
 * 2^64 mod n ones too many. That remainder, the only division, is computed only when it might
 * matter. */
uint64_t prng_below(struct prng *p, uint64_t n)
{
    ASSERT(n >= 1);
    unsigned __int128 product = (unsigned __int128)prng_u64(p) * n;
    if ((uint64_t)product < n) {
        uint64_t surplus = -n % n;
        while ((uint64_t)product < surplus) {
            product = (unsigned __int128)prng_u64(p) * n;
        }
    }
    return (uint64_t)(product >> 64);
}

uint64_t prng_range(struct prng *p, uint64_t low, uint64_t high)
{
    ASSERT(low <= high);
    if (high - low == UINT64_MAX) {
        return prng_u64(p);
    }
    return low + prng_below(p, high - low + 1);
}

double prng_unit(struct prng *p)
{
    return (double)(prng_u64(p) >> 11) * 0x1.0p-53;
}

bool prng_chance(struct prng *p, uint64_t numerator, uint64_t denominator)
{
    ASSERT(denominator >= 1);
    ASSERT(numerator <= denominator);
    return prng_below(p, denominator) < numerator;
}

void prng_fill(struct prng *p, void *out, size_t length)
{
    uint8_t *bytes = out;
    while (length > 0) {
        uint64_t word = htole64(prng_u64(p));
        size_t taken = length < sizeof(word) ? length : sizeof(word);
        memcpy(bytes, &word, taken);
        bytes += taken;
        length -= taken;
    }
}

void prng_shuffle(struct prng *p, void *items, size_t count, size_t item_bytes)
{
    ASSERT(item_bytes >= 1);
    ASSERT(IMPLIES(items == NULL, count == 0));
    uint8_t *bytes = items;
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)prng_below(p, i);
        if (j != i - 1) {
            prng_swap(bytes + j * item_bytes, bytes + (i - 1) * item_bytes, item_bytes);
        }
    }
}

struct prng prng_fork(struct prng *p)
{
    struct prng child;
    prng_init(&child, prng_u64(p));
    return child;
}

/* Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014; constants of
 * Vigna's splitmix64.c. */
static uint64_t prng_splitmix64(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static uint64_t prng_rotate_left(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static void prng_swap(uint8_t *a, uint8_t *b, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = a[i];
        a[i] = b[i];
        b[i] = byte;
    }
}
