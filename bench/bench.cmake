# tdb_bench(NAME [ABOUT "what it measures, without parentheses"] [INSTALL packages of deploy/install, if not build]
# SOURCES ... [LINK libraries ...]): one benchmark = one program, build/release/bench/NAME, run by bench/run NAME.
# bench/run reads these calls: names, ABOUT and INSTALL are literals.
include(${CMAKE_SOURCE_DIR}/tests/support/allocs.cmake)
add_library(bench_support STATIC
    ${CMAKE_CURRENT_LIST_DIR}/micro/bench.c ${CMAKE_CURRENT_LIST_DIR}/micro/bench_limit.c
    ${CMAKE_SOURCE_DIR}/tests/support/allocs.c)
target_link_libraries(bench_support PRIVATE tdb_flags PUBLIC base)
target_link_options(bench_support INTERFACE ${TDB_COUNT_ALLOCS})

function(tdb_bench name)
    cmake_parse_arguments(ARG "" "ABOUT;INSTALL" "SOURCES;LINK" ${ARGN})
    add_executable(bench_${name} ${ARG_SOURCES})
    target_link_libraries(bench_${name} PRIVATE tdb_flags bench_support ${ARG_LINK})
    set_target_properties(bench_${name} PROPERTIES
        OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
endfunction()

# Clients of bench/peers, over librdkafka (broker/cli looks it up): build/release/bench/NAME.
function(tdb_peer_client name)
    add_executable(${name} ${ARGN})
    target_link_libraries(${name} PRIVATE tdb_flags base PkgConfig::RDKAFKA Threads::Threads m)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
endfunction()

# tdb_peers(NAME ABOUT "..." [INSTALL packages of deploy/install, if not peers] [CLIENTS targets...]): a benchmark that runs
# the whole server beside another program, the script bench/peers/NAME. bench/run reads these calls too.
function(tdb_peers name)
    cmake_parse_arguments(ARG "" "ABOUT;INSTALL" "CLIENTS" ${ARGN})
    add_custom_target(bench_${name} DEPENDS tdb ${ARG_CLIENTS})
endfunction()
