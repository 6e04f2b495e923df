/* Telling AddressSanitizer which bytes of a block nobody may touch: the unused parts of arenas,
 * pools and buffers. Nothing in builds without it. */
#ifndef BASE_ASAN_H
#define BASE_ASAN_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define ASAN_IS_ON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN_IS_ON 1
#endif
#endif

#ifdef ASAN_IS_ON
#include <sanitizer/asan_interface.h>
#endif

/* Any access to the `bytes` at `data` is an error until asan_unpoison. ASan marks 8-byte granules:
 * a byte behind which a used one follows in the same granule stays accessible. */
static inline void asan_poison(const void *data, size_t bytes)
{
#ifdef ASAN_IS_ON
    __asan_poison_memory_region(data, bytes);
#else
    (void)data;
    (void)bytes;
#endif
}

/* The `bytes` at `data` may be accessed. */
static inline void asan_unpoison(const void *data, size_t bytes)
{
#ifdef ASAN_IS_ON
    __asan_unpoison_memory_region(data, bytes);
#else
    (void)data;
    (void)bytes;
#endif
}

/* Whether an access to the byte at `data` would be reported; always false without ASan. */
static inline int asan_is_poisoned(const void *data)
{
#ifdef ASAN_IS_ON
    return __asan_address_is_poisoned(data);
#else
    (void)data;
    return 0;
#endif
}

#endif
