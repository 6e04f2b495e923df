/* See token.h. */
#include "broker/core/token.h"

#include <string.h>

#include "base/units.h"

#define CORE_TOKEN_HEAD       "s1."
#define CORE_TOKEN_HEAD_BYTES (sizeof(CORE_TOKEN_HEAD) - 1)
#define CORE_TOKEN_UUID_BYTES (LOG_UUID_TEXT_BYTES - 1)

void core_token_begin(struct bytes_writer *w, const struct log_uuid *topic)
{
    char uuid[LOG_UUID_TEXT_BYTES];
    log_uuid_format(topic, uuid);
    bytes_put_copy(w, CORE_TOKEN_HEAD, CORE_TOKEN_HEAD_BYTES);
    bytes_put_copy(w, uuid, CORE_TOKEN_UUID_BYTES);
}

void core_token_add(struct bytes_writer *w, uint64_t offset)
{
    char text[UNITS_U64_BYTES];
    bytes_put_u8(w, '.');
    bytes_put_copy(w, text, units_write_u64(text, offset));
}

size_t core_token_bytes_max(uint32_t count)
{
    return CORE_TOKEN_HEAD_BYTES + CORE_TOKEN_UUID_BYTES + count * (size_t)(1 + UNITS_U64_BYTES);
}

enum err core_token_get(const char *text, size_t length, struct log_uuid *topic, uint64_t *offsets,
                        uint32_t max, uint32_t *count)
{
    char uuid[LOG_UUID_TEXT_BYTES];
    char again[LOG_UUID_TEXT_BYTES];
    size_t pos = CORE_TOKEN_HEAD_BYTES + CORE_TOKEN_UUID_BYTES;
    *topic = (struct log_uuid){.bytes = {0}};
    *count = 0;
    if (length <= pos || memcmp(text, CORE_TOKEN_HEAD, CORE_TOKEN_HEAD_BYTES) != 0) {
        return ERR_INVALID;
    }
    memcpy(uuid, text + CORE_TOKEN_HEAD_BYTES, CORE_TOKEN_UUID_BYTES);
    uuid[CORE_TOKEN_UUID_BYTES] = '\0';
    if (log_uuid_parse(uuid, topic) != ERR_OK) {
        return ERR_INVALID;
    }
    log_uuid_format(topic, again);
    if (memcmp(uuid, again, CORE_TOKEN_UUID_BYTES) != 0) { /* capitals */
        return ERR_INVALID;
    }
    while (pos < length) {
        const char *digits = text + pos + 1;
        const char *dot = memchr(digits, '.', length - pos - 1);
        size_t digits_count = dot != NULL ? (size_t)(dot - digits) : length - pos - 1;
        uint64_t offset;
        if (text[pos] != '.' || *count == CORE_TOKEN_PARTITIONS_MAX ||
            units_parse_u64(digits, digits_count, &offset) != ERR_OK || offset > INT64_MAX ||
            (digits_count > 1 && digits[0] == '0')) {
            return ERR_INVALID;
        }
        if (*count < max) {
            offsets[*count] = offset;
        }
        (*count)++;
        pos += 1 + digits_count;
    }
    return ERR_OK;
}
