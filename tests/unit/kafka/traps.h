/* What the tests of traps share (anchors/broker.md 2c): a broker to begin with, batches of every
 * codec. The requests are talk.h's. */
#ifndef TESTS_UNIT_KAFKA_TRAPS_H
#define TESTS_UNIT_KAFKA_TRAPS_H

#include "base/codec.h"
#include "tests/unit/kafka/talk.h"

/* A broker on so many shards, with a topic unless that is NULL. */
struct town *traps_town(uint32_t shards_count, const char *topic);

/* Its end. */
void traps_end(struct town *t);

/* A batch of ten records at 1000, 1010 ... 1090; its bytes. */
size_t traps_compressed(struct town *t, enum codec_kind codec, uint8_t *out, size_t capacity);

#endif
