# tdb_test(NAME SOURCES... [LINK libraries...] [ARGS ...]): one cmocka program = one ctest suite, named NAME.
# tdb_test_script(NAME COMMAND...): one script = one ctest suite.
# In a build whose TDB_TEST_PREFIX is set, NAME is preceded by it, in ctest and in tests/budget.txt.
# The suite's share comes from tests/budget.txt. A unit suite's share is its time limit as well; sanitizers and a busy
# machine are given four times the share before ctest ends it. Suites run two at a time (tests/run), but those that need the
# machine for themselves, which by their names are those of real servers, clients and threads.
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/budget.txt TDB_BUDGET_LINES REGEX "^[a-z]")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/budget.txt)

function(tdb_test_share name)
    foreach(line IN LISTS TDB_BUDGET_LINES)
        if(line MATCHES "^${TDB_TEST_PREFIX}${name} +([0-9]+) s( |$)")
            math(EXPR timeout "${CMAKE_MATCH_1} * 4 + 20")
            set_tests_properties(${TDB_TEST_PREFIX}${name} PROPERTIES TIMEOUT ${timeout}
                ENVIRONMENT "TDB_SUITE=${TDB_TEST_PREFIX}${name};TDB_REPO=${CMAKE_SOURCE_DIR};TDB_BUILD=${CMAKE_BINARY_DIR};ASAN_OPTIONS=detect_stack_use_after_return=1;UBSAN_OPTIONS=print_stacktrace=1;TSAN_OPTIONS=halt_on_error=1")
            if("${TDB_TEST_PREFIX}${name}" MATCHES "^(bench|e2e|interop|rt|tsan)_")
                set_tests_properties(${TDB_TEST_PREFIX}${name} PROPERTIES RUN_SERIAL TRUE)
            endif()
            return()
        endif()
    endforeach()
    message(FATAL_ERROR "suite ${TDB_TEST_PREFIX}${name} has no share: give it a line in tests/budget.txt")
endfunction()

function(tdb_test name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK;ARGS" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE tdb_flags test_support ${ARG_LINK})
    add_test(NAME ${TDB_TEST_PREFIX}${name} COMMAND ${name} ${ARG_ARGS})
    tdb_test_share(${name})
endfunction()

function(tdb_test_script name)
    add_test(NAME ${TDB_TEST_PREFIX}${name} COMMAND ${ARGN})
    tdb_test_share(${name})
endfunction()
