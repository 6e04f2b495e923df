# Library `allocs`: whoever links it has the allocations of its own objects counted (allocs.h). For tests and benchmarks.
include_guard(GLOBAL)
add_library(allocs STATIC ${CMAKE_CURRENT_LIST_DIR}/allocs.c)
target_link_libraries(allocs PRIVATE tdb_flags)
target_link_options(allocs INTERFACE
    -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free,--wrap=aligned_alloc,--wrap=posix_memalign)
