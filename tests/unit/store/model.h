/* Rows at ticks (views/store) against a table that has every tick: one interpreter of operations
 * (tests/support/ops.h) for the fuzzer and the unit test. */
#ifndef TESTS_UNIT_STORE_MODEL_H
#define TESTS_UNIT_STORE_MODEL_H

#include <stddef.h>
#include <stdint.h>

/* Do what the bytes say: ticks, holds, walks, budgets that refuse. ASSERTs that each row is what it
 * was after its tick, and leaves nothing allocated. One thread at a time. */
void state_model_run(const uint8_t *data, size_t size);

#endif
