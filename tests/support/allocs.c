/* Counts allocations. A program linked with the options of allocs.cmake has --wrap for the names
 * below, so that a call from any of its objects arrives here first. The counters are static because
 * malloc has no argument that could lead to them. See allocs.h. */
#include "tests/support/allocs.h"

#include <stdatomic.h>
#include <stdlib.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
int __real_posix_memalign(void **memory, size_t alignment, size_t bytes);
void __real_free(void *memory);

void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t bytes);
void __wrap_free(void *memory);

static void *allocs_add(void *memory, size_t bytes);

static _Atomic uint64_t allocs_total;
static _Atomic uint64_t allocs_frees;
static _Atomic uint64_t allocs_bytes;

struct allocs allocs_now(void)
{
    return (struct allocs){
        .allocs_count = atomic_load_explicit(&allocs_total, memory_order_relaxed),
        .frees_count = atomic_load_explicit(&allocs_frees, memory_order_relaxed),
        .bytes = atomic_load_explicit(&allocs_bytes, memory_order_relaxed),
    };
}

void *__wrap_malloc(size_t bytes)
{
    return allocs_add(__real_malloc(bytes), bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return allocs_add(__real_calloc(count, bytes), count * bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return allocs_add(__real_realloc(memory, bytes), bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    return allocs_add(__real_aligned_alloc(alignment, bytes), bytes);
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t bytes)
{
    int status = __real_posix_memalign(memory, alignment, bytes);
    if (status == 0) {
        allocs_add(*memory, bytes);
    }
    return status;
}

void __wrap_free(void *memory)
{
    if (memory != NULL) {
        atomic_fetch_add_explicit(&allocs_frees, 1, memory_order_relaxed);
    }
    __real_free(memory);
}

static void *allocs_add(void *memory, size_t bytes)
{
    if (memory != NULL) {
        atomic_fetch_add_explicit(&allocs_total, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&allocs_bytes, bytes, memory_order_relaxed);
    }
    return memory;
}
