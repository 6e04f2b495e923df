/* Buffers against their naive model; see buf_model.h. */
#include "tests/fuzz/buf_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    buf_model_run(data, size);
    return 0;
}
