/* A precise clock that is later after each look at it: turns end after as many steps as a test
 * likes. For programs that are linked with --wrap=rt_now_precise_ns. */
#ifndef TESTS_UNIT_CORE_LATE_CLOCK_H
#define TESTS_UNIT_CORE_LATE_CLOCK_H

#include <stdint.h>

/* By so much from now on; in a world that begins, where no look was before. What is to be done by
 * this clock is done by the world's: one that is minutes ahead has it wait for minutes. */
void late_clock_step(uint64_t step_ns);
void late_clock_begin(uint64_t step_ns);

#endif
