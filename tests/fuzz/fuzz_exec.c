/* Plans of any shape, over rows and batches of a seed, against a naive twin; with all memory, and
 * with some. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/exec/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ops ops = {.data = data, .length = size};
    struct chance plan_chance = {.ops = &ops};
    struct chance chance = chance_seed(ops_below(&ops, 65536));
    size_t budget_bytes = (size_t)ops_below(&ops, 65536) * 16;
    struct check check;
    check_init(&check, &chance, &plan_chance, 60);
    for (uint32_t i = 0; i < 2; i++) {
        struct memory memory = {.chance = &chance, .batch_max = 40, .fails_at = UINT32_MAX};
        struct check_run run;
        check_run(&check, &memory, i == 0 ? SIZE_MAX / 2 : budget_bytes, UINT64_MAX, &run);
        ASSERT(run.wrong[0] == '\0');
        ASSERT(IMPLIES(i == 0, !run.is_refused));
    }
    check_deinit(&check);
    return 0;
}
