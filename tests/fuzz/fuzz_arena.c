/* The arena against its naive model; see arena_model.h. */
#include "tests/fuzz/arena_model.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_model_run(data, size);
    return 0;
}
