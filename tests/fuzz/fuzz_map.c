/* The map against its naive model; see map_model.h. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/map_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    map_model_run(data, size);
    return 0;
}
