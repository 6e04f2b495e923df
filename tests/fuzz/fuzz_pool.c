/* The pool against its naive model; see pool_model.h. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/pool_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pool_model_run(data, size);
    return 0;
}
