/* Kafka's messages as bytes: decoded and encoded by the tables of messages.h, every version by the
 * same code.
 *
 *     struct kafka_produce_request request;
 *     enum err err = kafka_decode(&kafka_message_produce_request, version, &r, arena, &request,
 *                                 &place);
 *     ... request.topic_data.items[i].name ...
 *
 * **Decoding** trusts nothing. A length is compared with the bytes received before anything is
 * sized by it: the items of an array count as many bytes as the smallest of them take in that
 * version, and what the open arrays still need is not given twice. So the arena gives out at most
 * KAFKA_DECODE_RATIO bytes for each byte received. Texts, bytes and records are views of the frame;
 * texts are not checked to be UTF-8 (Kafka does not either: who keeps a name checks it). A field
 * that the version does not have gets its default, a tagged field that is not there too; unknown
 * tagged fields are stepped over. Refused with ERR_CORRUPT: null where the version has no null, a
 * negative length, a text above INT16_MAX bytes, a known tag twice or of another size than it
 * says. Refused with ERR_TRUNCATED: a length or a value that passes the end of the frame. Bytes
 * behind the message are left: Kafka does not look at them, and librdkafka 2.15 sends three
 * of them where it asks for all topics by Metadata 9 and above.
 *
 * **Encoding** is done twice: kafka_measure says how many bytes, kafka_encode writes them. A field
 * that the version does not have is left out, whatever its value; a tagged field with its default
 * too. Records with a `source` (a Fetch response's) are not written: the encoder notes where they
 * belong, and the sender gathers encoded bytes and records:
 *
 *     bytes written:   aaaaaaaaaabbbbbbbb      gaps: {pos 10, records R}, {pos 18, records S}
 *     bytes sent:      aaaaaaaaaa R bbbbbbbb S
 *
 * Source: Kafka's message generator (generator/.../MessageDataGenerator.java) and KIP-482. Pure:
 * nothing here blocks, and nothing but an arena allocates. */
#ifndef BROKER_KAFKA_CODEC_H
#define BROKER_KAFKA_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "broker/kafka/messages.h"

/* The most bytes of an arena that one byte received costs; a test computes it from the tables. */
#define KAFKA_DECODE_RATIO 16

/* Structs within structs, the body included; a test holds the tables to it. */
#define KAFKA_DEPTH_MAX 5

/* Room for the longest text of kafka_place_format. */
#define KAFKA_PLACE_TEXT_BYTES 256

/* Where in a message a decoder stopped, for a log line. */
struct kafka_place {
    const struct kafka_field *fields[KAFKA_DEPTH_MAX]; /* from the body inwards */
    int32_t indexes[KAFKA_DEPTH_MAX]; /* the item of each that is an array, or -1 */
    uint32_t depth;                   /* how many; 0: behind the last field */
};

/* How large an encoded message is. */
struct kafka_size {
    size_t written_bytes;  /* what kafka_encode writes */
    size_t inserted_bytes; /* of the records it leaves out */
    uint32_t gaps_count;   /* how many of these there are; empty ones are none */
};

/* Records left out. */
struct kafka_gap {
    size_t pos;                          /* of the writer: they belong before the byte there */
    const struct kafka_records *records; /* in the encoded struct; length > 0 */
};

/* What kafka_encode left out, in order; several messages may add to one list. */
struct kafka_gaps {
    struct kafka_gap *items; /* room for `capacity`; NULL is allowed when that is 0 */
    uint32_t capacity;       /* how many fit: the sum of kafka_size.gaps_count */
    uint32_t count;          /* how many there are */
};

/* Whether the definition of `message` has `version`. What is served may be less. */
bool kafka_is_valid(const struct kafka_message *message, int16_t version);

/* The version of the header before a request (kafka_message_request_header) and before a response
 * (kafka_message_response_header). `version` may be one that the definition does not have yet: its
 * headers are those of the newest. The response to ApiVersions has version 0 always: a client that
 * does not know the broker reads it (KIP-511). */
int16_t kafka_request_header_version(const struct kafka_message *request, int16_t version);
int16_t kafka_response_header_version(const struct kafka_message *response, int16_t version);

/* Decode from `r` to the struct of `message` at `out`; `r` then stands behind it. `version` is
 * valid (asserted). Arrays come from `arena`; views point into the input of `r`, which must live as
 * long as they are used. On failure *out must not be read, *place (NULL: not wanted) says where,
 * and the reader's error is the result: ERR_CORRUPT and ERR_TRUNCATED as above, ERR_TOO_LARGE and
 * ERR_BUDGET of the arena. */
MUST_USE enum err kafka_decode(const struct kafka_message *message, int16_t version,
                               struct bytes_reader *r, struct arena *arena, void *out,
                               struct kafka_place *place);

/* Write `place` as text, "topic_data[3].partition_data[0].records", NUL-terminated; "end" when it
 * is behind the last field. Returns `out`. */
const char *kafka_place_format(const struct kafka_place *place, char out[KAFKA_PLACE_TEXT_BYTES]);

/* Set every member of the struct at `out` to its default: a message or an item before it is filled.
 */
void kafka_reset(const struct kafka_struct *table, void *out);

/* `count` (>= 0) items with their defaults, for an array of the structs of `table`; NULL as
 * arena_alloc, when the arena refuses. */
void *kafka_items(struct arena *arena, const struct kafka_struct *table, int32_t count);

/* The size of `in`, a struct of `message`, in `version` (valid: asserted). Asserted too: a length
 * or count is >= 0, or KAFKA_NULL where the version has null; a text is at most INT16_MAX bytes. */
struct kafka_size kafka_measure(const struct kafka_message *message, int16_t version,
                                const void *in);

/* Write `in` as kafka_measure counted it, and add what is left out to `gaps` (NULL is allowed where
 * nothing is). ERR_TOO_LARGE: the writer is smaller; ERR_FULL: the gaps are. The output is useless
 * then. */
MUST_USE enum err kafka_encode(const struct kafka_message *message, int16_t version, const void *in,
                               struct bytes_writer *w, struct kafka_gaps *gaps);

#endif
