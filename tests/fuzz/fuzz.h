/* What every fuzz target includes. A target is one file fuzz_<noun>.c with one function; what runs
 * it is libFuzzer (the `fuzz` preset) or driver.c (all others). See README.md. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"

/* Run the target on `size` bytes at `data` and return 0. Whatever the bytes, it must come back,
 * leave nothing allocated and depend on nothing but them: a failure is reproduced from its bytes
 * alone. What does not hold is an ASSERT. The name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
