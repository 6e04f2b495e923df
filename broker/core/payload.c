/* See payload.h. */
#include "broker/core/payload.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"

/* The frame: a zero byte and the id. */
#define CORE_PAYLOAD_FRAME_BYTES 5u

/* Fields of a message that are looked at; a message of more that begins so is one. */
#define CORE_PAYLOAD_FIELDS_MAX 256u

static bool core_payload_is_json(const void *data, size_t length);
static bool core_payload_is_protobuf(struct bytes_reader r);
static bool core_payload_skip_indexes(struct bytes_reader *r);
static void core_payload_skip_field(struct bytes_reader *r);
static uint64_t core_payload_varint(struct bytes_reader *r);

struct core_payload core_payload_of(const void *data, size_t length)
{
    static const char avro_file[] = {'O', 'b', 'j', 1};
    struct bytes_reader r = bytes_reader(data, length);
    if (core_payload_is_json(data, length)) {
        return (struct core_payload){.kind = CORE_PAYLOAD_JSON};
    }
    if (length > CORE_PAYLOAD_FRAME_BYTES && bytes_get_u8(&r) == 0) {
        struct core_payload framed = {.kind = CORE_PAYLOAD_AVRO, .schema_id = bytes_get_u32be(&r)};
        struct bytes_reader message = r;
        if (core_payload_is_json(r.data + r.pos, bytes_reader_left(&r))) {
            framed.kind = CORE_PAYLOAD_JSON_FRAMED;
        } else if (core_payload_skip_indexes(&message) && core_payload_is_protobuf(message)) {
            framed.kind = CORE_PAYLOAD_PROTOBUF;
        }
        return framed;
    }
    if (length >= sizeof(avro_file) && memcmp(data, avro_file, sizeof(avro_file)) == 0) {
        return (struct core_payload){.kind = CORE_PAYLOAD_AVRO_FILE};
    }
    if (json_is_utf8(data, length)) {
        return (struct core_payload){.kind = CORE_PAYLOAD_TEXT};
    }
    bool is_protobuf = core_payload_is_protobuf(bytes_reader(data, length));
    return (struct core_payload){.kind = is_protobuf ? CORE_PAYLOAD_PROTOBUF_ALONE
                                                     : CORE_PAYLOAD_BINARY};
}

void core_payload_write(struct bytes_writer *w, const struct core_payload *payload)
{
    static const char *const texts[] = {
        [CORE_PAYLOAD_JSON] = "JSON",
        [CORE_PAYLOAD_AVRO] = "Avro",
        [CORE_PAYLOAD_PROTOBUF] = "Protobuf",
        [CORE_PAYLOAD_JSON_FRAMED] = "JSON",
        [CORE_PAYLOAD_AVRO_FILE] = "Avro files",
        [CORE_PAYLOAD_PROTOBUF_ALONE] = "Protobuf",
        [CORE_PAYLOAD_TEXT] = "text",
        [CORE_PAYLOAD_BINARY] = "binary data",
    };
    char text[80];
    bool is_framed = payload->kind == CORE_PAYLOAD_AVRO || payload->kind == CORE_PAYLOAD_PROTOBUF ||
                     payload->kind == CORE_PAYLOAD_JSON_FRAMED;
    ASSERT(payload->kind < sizeof(texts) / sizeof(texts[0]));
    int length = is_framed
                     ? snprintf(text, sizeof(text), "%s with schema id %u (Confluent framing)",
                                texts[payload->kind], payload->schema_id)
                     : snprintf(text, sizeof(text), "%s", texts[payload->kind]);
    bytes_put_copy(w, text, (size_t)length);
}

static bool core_payload_is_json(const void *data, size_t length)
{
    struct json_value value;
    size_t fault;
    return json_read(data, length, &value, &fault) == ERR_OK;
}

/* Whether what is left is fields of a message, one at least, and nothing else. */
static bool core_payload_is_protobuf(struct bytes_reader r)
{
    uint32_t count = 0;
    while (r.err == ERR_OK && bytes_reader_left(&r) > 0 && count < CORE_PAYLOAD_FIELDS_MAX) {
        core_payload_skip_field(&r);
        count++;
    }
    return r.err == ERR_OK && count > 0;
}

/* The path of the message in its schema: a count and so many indexes, zigzag; a zero alone is the
 * first message. */
static bool core_payload_skip_indexes(struct bytes_reader *r)
{
    uint64_t count = core_payload_varint(r);
    if (count % 2 != 0 || count / 2 > bytes_reader_left(r)) {
        return false;
    }
    for (uint64_t i = 0; i < count / 2; i++) {
        core_payload_varint(r);
    }
    return r->err == ERR_OK;
}

static void core_payload_skip_field(struct bytes_reader *r)
{
    uint64_t tag = core_payload_varint(r);
    if (tag >> 3 == 0 || tag >> 3 > UINT32_MAX >> 3) {
        bytes_reader_fail(r, ERR_INVALID);
        return;
    }
    switch (tag & 7) {
    case 0: core_payload_varint(r); break;
    case 1: bytes_skip(r, 8); break;
    case 2: bytes_skip(r, core_payload_varint(r)); break;
    case 5: bytes_skip(r, 4); break;
    default: bytes_reader_fail(r, ERR_INVALID);
    }
}

/* Up to ten bytes of seven bits, the lowest first. */
static uint64_t core_payload_varint(struct bytes_reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = bytes_get_u8(r);
        value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        if (byte < 0x80) {
            return value;
        }
    }
    bytes_reader_fail(r, ERR_INVALID);
    return 0;
}
