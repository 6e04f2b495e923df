# Link options of a program whose allocations allocs.c counts: library `allocs` for suites, bench_support for benchmarks.
set(TDB_COUNT_ALLOCS
    -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free,--wrap=aligned_alloc,--wrap=posix_memalign)
