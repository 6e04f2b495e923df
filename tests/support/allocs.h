/* How often a program allocates: the proof that a hot path calls no malloc, for benchmarks
 * (allocs/op) and for suites that link `allocs`. */
#ifndef TESTS_SUPPORT_ALLOCS_H
#define TESTS_SUPPORT_ALLOCS_H

#include <stdint.h>

/* Calls of malloc, calloc, realloc, aligned_alloc, posix_memalign and free since the program
 * started, by all threads, from objects linked into it; shared libraries' own calls are not seen.
 */
struct allocs {
    uint64_t allocs_count; /* calls that returned memory */
    uint64_t frees_count;  /* calls of free with memory */
    uint64_t bytes;        /* bytes asked for by those allocations */
};

/* The counters now: take the difference of two readings. Any thread; never blocks. */
struct allocs allocs_now(void);

#endif
