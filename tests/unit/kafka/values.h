/* Random structs of any message, and whether two are the same: what a property test of the codec
 * needs, from the tables alone. */
#ifndef TESTS_UNIT_KAFKA_VALUES_H
#define TESTS_UNIT_KAFKA_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/prng.h"
#include "broker/kafka/messages.h"

/* Fill the struct of `table` at `out` with values that `version` can say: what it has is random,
 * edge values and null included, what it has not is the default. Memory is the arena's. */
void values_fill(struct prng *prng, struct arena *arena, const struct kafka_struct *table,
                 int16_t version, void *out);

/* Whether `a` and `b`, structs of `table`, say the same. */
bool values_is_equal(const struct kafka_struct *table, const void *a, const void *b);

#endif
