/* Tokens of subscriptions: how far a client has come in a topic, as a text that it hands back to go
 * on. "s1.<topic's uuid, 32 hexadecimal digits>.<offset of partition 0>.<of 1>...": opaque for
 * clients, who may hand back anything. It lives as long as the topic does. Pure. */
#ifndef BROKER_CORE_TOKEN_H
#define BROKER_CORE_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "storage/log/format.h"

/* Partitions of a token at most. */
#define CORE_TOKEN_PARTITIONS_MAX 4096u

/* Begin a token, add the next partition's offset. */
void core_token_begin(struct bytes_writer *w, const struct log_uuid *topic);
void core_token_add(struct bytes_writer *w, uint64_t offset);

/* Bytes of a token of `count` partitions at most. */
size_t core_token_bytes_max(uint32_t count);

/* Read the token in the `length` bytes at `text`, exactly as one is written: *topic, *count, and
 * the offsets of the first `max` partitions into `offsets`. ERR_INVALID: it is none. */
MUST_USE enum err core_token_get(const char *text, size_t length, struct log_uuid *topic,
                                 uint64_t *offsets, uint32_t max, uint32_t *count);

#endif
