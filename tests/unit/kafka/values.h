/* Structs of any message, random or made of a fuzzer's bytes, and whether two are the same: what a
 * property test of the codec needs, from the tables alone. */
#ifndef TESTS_UNIT_KAFKA_VALUES_H
#define TESTS_UNIT_KAFKA_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/prng.h"
#include "broker/kafka/messages.h"

/* Fill the struct of `table` at `out` with values that `version` can say: what it has is random,
 * edge values and null included, what it has not is the default. Memory is the arena's. */
void values_fill(struct prng *prng, struct arena *arena, const struct kafka_struct *table,
                 int16_t version, void *out);

/* The same, every choice taken from the bytes of `r`, one or a few for each. Where they are used up
 * a choice is the least there is: 0, empty, no items, null where that is a pointer. So few bytes
 * make a small struct, and a byte changed changes a little of it. */
void values_read(struct bytes_reader *r, struct arena *arena, const struct kafka_struct *table,
                 int16_t version, void *out);

/* Whether `a` and `b`, structs of `table`, say the same. */
bool values_is_equal(const struct kafka_struct *table, const void *a, const void *b);

#endif
