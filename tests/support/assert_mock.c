/* A failed ASSERT in a test program: cmocka's expect_assert_failure catches it, any other test
 * fails with its place. Defined here, so the linker leaves base/assert.c out: the product's objects
 * are the production ones. */
#include "base/assert.h"

#include <stdlib.h>

#include "tests/support/cmocka.h"

void assert_fail(const char *expression, const char *file, int line)
{
    mock_assert(0, expression, file, line);
    abort(); /* mock_assert jumps out of the test or ends it */
}
