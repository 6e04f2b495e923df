/* The heap against its naive model; see heap_model.h. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/heap_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    heap_model_run(data, size);
    return 0;
}
