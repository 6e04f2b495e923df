/* Counts allocations. Every benchmark is linked with --wrap for the names below, so that a call
 * from any object of the program arrives here first. The counters are the one place of the house
 * where mutable statics are right: malloc has no argument that could lead to them. See bench.h. */
#include <stdatomic.h>
#include <stdlib.h>

#include "bench/micro/bench.h"

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

static void *bench_allocs_count(void *memory, size_t bytes);

static _Atomic uint64_t bench_allocs_total;
static _Atomic uint64_t bench_frees_total;
static _Atomic uint64_t bench_allocs_bytes;

struct bench_allocs bench_allocs(void)
{
    return (struct bench_allocs){
        .allocs_count = atomic_load_explicit(&bench_allocs_total, memory_order_relaxed),
        .frees_count = atomic_load_explicit(&bench_frees_total, memory_order_relaxed),
        .bytes = atomic_load_explicit(&bench_allocs_bytes, memory_order_relaxed),
    };
}

void *__wrap_malloc(size_t bytes)
{
    return bench_allocs_count(__real_malloc(bytes), bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return bench_allocs_count(__real_calloc(count, bytes), count * bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return bench_allocs_count(__real_realloc(memory, bytes), bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    return bench_allocs_count(__real_aligned_alloc(alignment, bytes), bytes);
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t bytes)
{
    int status = __real_posix_memalign(memory, alignment, bytes);
    if (status == 0) {
        bench_allocs_count(*memory, bytes);
    }
    return status;
}

void __wrap_free(void *memory)
{
    if (memory != NULL) {
        atomic_fetch_add_explicit(&bench_frees_total, 1, memory_order_relaxed);
    }
    __real_free(memory);
}

static void *bench_allocs_count(void *memory, size_t bytes)
{
    if (memory != NULL) {
        atomic_fetch_add_explicit(&bench_allocs_total, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&bench_allocs_bytes, bytes, memory_order_relaxed);
    }
    return memory;
}
