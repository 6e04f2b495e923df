/* See late_clock.h. */
#include "tests/unit/core/late_clock.h"

#include "base/rt/clock.h"

static uint64_t late_clock_step_ns;
static uint64_t late_clock_ahead_ns;

uint64_t __real_rt_now_precise_ns(struct rt_shard *shard);
uint64_t __wrap_rt_now_precise_ns(struct rt_shard *shard);

uint64_t __wrap_rt_now_precise_ns(struct rt_shard *shard)
{
    late_clock_ahead_ns += late_clock_step_ns;
    return __real_rt_now_precise_ns(shard) + late_clock_ahead_ns;
}

void late_clock_step(uint64_t step_ns)
{
    late_clock_step_ns = step_ns;
}

void late_clock_begin(uint64_t step_ns)
{
    late_clock_step_ns = step_ns;
    late_clock_ahead_ns = 0;
}
