/* What handlers have in common. See handlers.h. */
#include "broker/kafka/handlers.h"

#include <string.h>

#include "broker/core/core.h"

const struct core_topic *kafka_topic_named(const struct kafka_request *request,
                                           struct kafka_string name)
{
    const struct core_catalog *catalog = request->conn->door->cs->catalog;
    return name.length > 0 ? core_catalog_find(catalog, name.data, (size_t)name.length) : NULL;
}

struct kafka_string kafka_text(const char *text)
{
    return (struct kafka_string){.data = text, .length = (int32_t)strlen(text)};
}

struct kafka_string kafka_text_copy(struct kafka_request *request, const char *text, size_t length)
{
    char *copy = arena_copy(&request->arena, text, length);
    return (struct kafka_string){.data = copy, .length = copy != NULL ? (int32_t)length : 0};
}

const char *kafka_uuid_format(const struct log_uuid *uuid, char out[KAFKA_UUID_TEXT_BYTES])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    uint32_t bits_count = 0;
    char *to = out;
    for (size_t i = 0; i < sizeof(uuid->bytes); i++) {
        bits = bits << 8 | uuid->bytes[i];
        bits_count += 8;
        while (bits_count >= 6) {
            bits_count -= 6;
            *to++ = digits[bits >> bits_count & 63];
        }
    }
    *to++ = digits[bits << (6 - bits_count) & 63]; /* 128 bits leave 2 */
    *to = '\0';
    return out;
}
