/* Skips with a reason, and where test data lives. See skip.h. */
#include "tests/support/skip.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/cmocka.h"

void skip_test(const char *test, const char *reason)
{
    printf("SKIP: %s: %s\n", test, reason);
    fflush(stdout);
    skip();
}

const char *skip_without_data(const char *test)
{
    static char beside[512];
    const char *path = getenv("TDB_TEST_DATA");
    if (path == NULL || path[0] == '\0') {
        snprintf(beside, sizeof(beside), "%s/../shared/data", skip_repo_root());
        path = beside;
    }
    if (access(path, R_OK | X_OK) != 0) {
        skip_test(test, "no conformance data: set TDB_TEST_DATA to its folder");
    }
    return path;
}

const char *skip_repo_root(void)
{
    const char *root = getenv("TDB_REPO");
    return root != NULL && root[0] != '\0' ? root : ".";
}
