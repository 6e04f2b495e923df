/* What a failed ASSERT does in production. The only function of this file, so that a test program
 * may define its own assert_fail and the linker leaves this object out: same product objects, no
 * switch (STYLE §3). */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void assert_fail(const char *expression, const char *file, int line)
{
    fprintf(stderr, "tdb: assertion failed: %s (%s:%d)\n", expression, file, line);
    fflush(stderr);
    abort();
}
