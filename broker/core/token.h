/* Tokens of subscriptions: how far a client has come, as a text that it hands back to go on. Opaque
 * for clients, who may hand back anything. Pure.
 *
 *     s1.<uuid of the topic>.<offset of partition 0>.<of 1>...
 *     v1.<lineage of the view>.<incarnation>.<epoch>.<tick>.<hash of what is asked>
 *
 * uuids are 32 hexadecimal digits, epochs 8, hashes 16, all in lower case; other numbers are
 * decimal. That of a stream lives as long as the topic; that of a view as long as its change log
 * reaches the tick. */
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

/* Bytes of a view's token at most. */
#define CORE_VIEW_TOKEN_BYTES (3 + 32 + 1 + 10 + 1 + 8 + 1 + 20 + 1 + 16)

/* How far a client has come in a view. */
struct core_view_token {
    struct log_uuid view; /* its lineage */
    uint32_t incarnation; /* of it */
    uint32_t epoch;       /* of the timeline */
    uint64_t tick;        /* all up to it was given */
    uint64_t hash;        /* core_subscribe_plan_hash */
};

/* Write it. */
void core_view_token_put(struct bytes_writer *w, const struct core_view_token *token);

/* Read the one in the `length` bytes at `text`, exactly as one is written. ERR_INVALID: it is none;
 * *out is zero then. */
MUST_USE enum err core_view_token_get(const char *text, size_t length, struct core_view_token *out);

#endif
