/* XXH3 behind one header. See hash.h. The only file that includes xxhash.h.
 *
 * The library's plain entry points, not its *_dispatch ones: what is hashed here is short (keys,
 * headers), where wide vectors gain nothing, and base/cpu alone looks at the processor. */
#include "base/hash.h"

#include <assert.h>

#define XXH_STATIC_LINKING_ONLY /* the definition of XXH3_state_t, to embed it */
#include <xxhash.h>

#include "base/assert.h"

static_assert(sizeof(struct hash_stream) >= sizeof(XXH3_state_t), "HASH_STREAM_BYTES is too small");
static_assert(_Alignof(struct hash_stream) >= _Alignof(XXH3_state_t), "under-aligned");

static struct hash128 hash128_of(XXH128_hash_t hash);

uint64_t hash64(const void *data, size_t length, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, length, seed);
}

struct hash128 hash128(const void *data, size_t length, uint64_t seed)
{
    return hash128_of(XXH3_128bits_withSeed(data, length, seed));
}

void hash_stream_init(struct hash_stream *s, uint64_t seed)
{
    XXH3_state_t *state = (XXH3_state_t *)s->state;
    XXH3_INITSTATE(state); /* reset reads the seed the state had before */
    XXH_errorcode code = XXH3_128bits_reset_withSeed(state, seed);
    ASSERT(code == XXH_OK); /* fails for NULL only */
}

void hash_stream_add(struct hash_stream *s, const void *data, size_t length)
{
    if (length > 0) {
        XXH_errorcode code = XXH3_128bits_update((XXH3_state_t *)s->state, data, length);
        ASSERT(code == XXH_OK);
    }
}

struct hash128 hash_stream_end(const struct hash_stream *s)
{
    return hash128_of(XXH3_128bits_digest((const XXH3_state_t *)s->state));
}

void hash128_put(struct bytes_writer *w, struct hash128 hash)
{
    uint8_t bytes[HASH128_BYTES];
    struct bytes_writer canonical = bytes_writer(bytes, sizeof(bytes));
    bytes_put_u64be(&canonical, hash.high);
    bytes_put_u64be(&canonical, hash.low);
    ASSERT(canonical.err == ERR_OK);
    bytes_put_copy(w, bytes, sizeof(bytes)); /* whole or not at all */
}

struct hash128 hash128_get(struct bytes_reader *r)
{
    struct bytes_reader canonical = bytes_get_sub(r, HASH128_BYTES);
    struct hash128 hash;
    hash.high = bytes_get_u64be(&canonical);
    hash.low = bytes_get_u64be(&canonical);
    return hash;
}

static struct hash128 hash128_of(XXH128_hash_t hash)
{
    return (struct hash128){.low = hash.low64, .high = hash.high64};
}
