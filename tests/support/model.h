/* Running an operation interpreter (tests/support/ops.h) on random operations for a share of the
 * suite. The interpreter compares the product with a naive model by ASSERT.
 *
 *     static void map_agrees_with_an_array(void **state)
 *     {
 *         model_run(state, "map against array", 80, 2000, model_map);
 *     }
 *     ... MODEL_TEST(map_agrees_with_an_array),
 */
#ifndef TESTS_SUPPORT_MODEL_H
#define TESTS_SUPPORT_MODEL_H

#include "tests/support/cmocka.h"

/* A cmocka test that calls model_run with its state. */
#define MODEL_TEST(test) cmocka_unit_test_setup_teardown(test, model_setup, model_teardown)

/* Run `check` on cases of 0..`ops_bytes_max` random bytes, each from its own seed, for `percent` of
 * the suite's share, and print what was covered. A case that fails ends the test; the seed of the
 * case is printed by model_teardown. */
void model_run(void **state, const char *name, unsigned percent, size_t ops_bytes_max,
               void (*check)(const uint8_t *data, size_t size));

/* The fixture behind MODEL_TEST: keeps the running case in *state; returns 0. */
int model_setup(void **state);
int model_teardown(void **state);

#endif
