/* Rows at ticks against a table that has every tick; see model.h. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/store/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    state_model_run(data, size);
    return 0;
}
