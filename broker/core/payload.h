/* What a record's value that is no JSON looks like, to say so. A guess by its bytes: nobody decodes
 * by it.
 *
 * Confluent's serializers write a zero byte, a schema's id of four bytes, big-endian, and then the
 * value: Avro's binary form; for Protobuf the path of the message in its schema and the message; or
 * JSON. Source: Confluent, "Wire format" of the Schema Registry's formats. Pure. */
#ifndef BROKER_CORE_PAYLOAD_H
#define BROKER_CORE_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum core_payload_kind {
    CORE_PAYLOAD_JSON,           /* it is JSON */
    CORE_PAYLOAD_AVRO,           /* framed */
    CORE_PAYLOAD_PROTOBUF,       /* framed */
    CORE_PAYLOAD_JSON_FRAMED,    /* framed */
    CORE_PAYLOAD_AVRO_FILE,      /* a file of Avro's (its magic) */
    CORE_PAYLOAD_PROTOBUF_ALONE, /* not framed */
    CORE_PAYLOAD_TEXT,           /* UTF-8 */
    CORE_PAYLOAD_BINARY,         /* anything else */
};

struct core_payload {
    enum core_payload_kind kind;
    uint32_t schema_id; /* of those that are framed */
};

/* What the `length` bytes at `data` look like. */
struct core_payload core_payload_of(const void *data, size_t length);

/* Write it behind "the values look like": "Avro with schema id 7 (Confluent framing)". */
void core_payload_write(struct bytes_writer *w, const struct core_payload *payload);

#endif
