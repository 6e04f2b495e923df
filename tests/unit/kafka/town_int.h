/* Between town.c and town_client.c. */
#ifndef TESTS_UNIT_KAFKA_TOWN_INT_H
#define TESTS_UNIT_KAFKA_TOWN_INT_H

#include "tests/unit/kafka/town.h"

/* The clients' shard starts. */
void town_others_start(struct rt_shard *shard);

#endif
