/* Attributes the whole house uses. GNU C only (DESIGN: C17, Linux). */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#define MUST_USE         __attribute__((warn_unused_result))
#define NORETURN         __attribute__((noreturn))
#define PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define FALLTHROUGH      __attribute__((fallthrough))
#define ALIGNED(bytes)   __attribute__((aligned(bytes)))
#define UNUSED           __attribute__((unused))
#define ALWAYS_INLINE    __attribute__((always_inline)) inline
#define NOINLINE         __attribute__((noinline))

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Tells the processor that this is a spinning loop. */
#if defined(__x86_64__)
#define CPU_RELAX() __builtin_ia32_pause()
#else
#define CPU_RELAX() ((void)0)
#endif

/* The number of elements of a true array (a pointer does not compile). */
#define ARRAY_COUNT(a)                                                                             \
    (sizeof(a) / sizeof((a)[0]) +                                                                  \
     0 * sizeof(char[1 - 2 * __builtin_types_compatible_p(__typeof__(a), __typeof__(&(a)[0]))]))

/* The struct that embeds `member` at `ptr`: how every intrusive container leads back to its object.
 */
#define CONTAINER_OF(ptr, type, member)                                                            \
    ((type *)(void *)((char *)(1 ? (ptr) : &((type *)0)->member) - offsetof(type, member)))

#include <stddef.h>

#endif
