/* Assertions. They stay on in production: a broken invariant stops the node, its log is intact and
 * recovery decides. Never assert on bytes from a disk or a network: those are errors (base/err.h).
 */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#include <stdbool.h>

#include "base/compiler.h"

/* Stop the process, saying which expression failed where. base/assert.c prints to stderr and
 * aborts; a test program links tests/support/assert_mock.c instead, which reports to cmocka so that
 * expect_assert_failure works. */
NORETURN void assert_fail(const char *expression, const char *file, int line);

/* The invariant `x` holds. Always on. */
#define ASSERT(x) (LIKELY(x) ? (void)0 : assert_fail(#x, __FILE__, __LINE__))

/* As ASSERT, for checks too costly for production (walks over a whole container): on in test and
 * simulator builds. */
#ifdef TDB_VERIFY
#define VERIFY(x) ASSERT(x)
#else
#define VERIFY(x) ((void)sizeof((x) ? 1 : 0))
#endif

/* Where a holds, b holds: ASSERT(IMPLIES(seg->is_sealed, seg->end_pos > 0)). */
#define IMPLIES(a, b) (!(a) || (b))

/* Documents that `x` may be true and may be false here: both happen, neither is a bug. */
#define MAYBE(x) ((void)sizeof((x) ? 1 : 0))

/* This line is never reached. */
#define UNREACHABLE() assert_fail("unreachable", __FILE__, __LINE__)

#endif
