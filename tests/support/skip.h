/* A test that cannot run here says why; tests/run gathers the lines, because a skip is not a pass.
 */
#ifndef TESTS_SUPPORT_SKIP_H
#define TESTS_SUPPORT_SKIP_H

/* Print "SKIP: <test>: <reason>" and end the running cmocka test as skipped. `reason` says what is
 * missing and how to get it. */
void skip_test(const char *test, const char *reason);

/* The folder of conformance data: TDB_TEST_DATA, else ../shared/data beside the repository. Skips
 * `test` where it is absent. The string lives as long as the process. */
const char *skip_without_data(const char *test);

/* The repository's root, for tests that read its files (TDB_REPO, set by ctest; else the current
 * directory). */
const char *skip_repo_root(void);

#endif
