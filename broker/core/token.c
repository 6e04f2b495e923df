/* See token.h. */
#include "broker/core/token.h"

#include <string.h>

#include "base/assert.h"
#include "base/units.h"

#define CORE_TOKEN_HEAD       "s1."
#define CORE_TOKEN_HEAD_BYTES (sizeof(CORE_TOKEN_HEAD) - 1)
#define CORE_TOKEN_UUID_BYTES (LOG_UUID_TEXT_BYTES - 1)

/* That of a view begins so, as long; digits of its numbers. */
#define CORE_TOKEN_VIEW_HEAD    "v1."
#define CORE_TOKEN_EPOCH_DIGITS 8u
#define CORE_TOKEN_HASH_DIGITS  16u

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

/* --- Of a view --- */

static void core_token_put_hex(struct bytes_writer *w, uint64_t value, uint32_t digits)
{
    for (uint32_t i = digits; i > 0; i--) {
        bytes_put_u8(w, (uint8_t) "0123456789abcdef"[value >> (4 * (i - 1)) & 15]);
    }
}

static void core_token_put_u64(struct bytes_writer *w, uint64_t value)
{
    char text[UNITS_U64_BYTES];
    bytes_put_copy(w, text, units_write_u64(text, value));
    bytes_put_u8(w, '.');
}

void core_view_token_put(struct bytes_writer *w, const struct core_view_token *token)
{
    char uuid[LOG_UUID_TEXT_BYTES];
    log_uuid_format(&token->view, uuid);
    bytes_put_copy(w, CORE_TOKEN_VIEW_HEAD, CORE_TOKEN_HEAD_BYTES);
    bytes_put_copy(w, uuid, CORE_TOKEN_UUID_BYTES);
    bytes_put_u8(w, '.');
    core_token_put_u64(w, token->incarnation);
    core_token_put_hex(w, token->epoch, CORE_TOKEN_EPOCH_DIGITS);
    bytes_put_u8(w, '.');
    core_token_put_u64(w, token->tick);
    core_token_put_hex(w, token->hash, CORE_TOKEN_HASH_DIGITS);
}

/* The decimal number at *pos, and the point behind it. False: there is none. */
static bool core_token_get_u64(const char *text, size_t length, size_t *pos, uint64_t *out)
{
    const char *digits = text + *pos;
    const char *dot = *pos < length ? memchr(digits, '.', length - *pos) : NULL;
    if (dot == NULL || units_parse_u64(digits, (size_t)(dot - digits), out) != ERR_OK) {
        return false;
    }
    *pos += (size_t)(dot - digits) + 1;
    return true;
}

/* So many hexadecimal digits; any bytes, without care. False: there are fewer. */
static bool core_token_get_hex(const char *text, size_t length, size_t *pos, uint32_t digits,
                               uint64_t *out)
{
    *out = 0;
    if (length - *pos < digits) {
        return false;
    }
    for (uint32_t i = 0; i < digits; i++) {
        char c = text[(*pos)++];
        *out = *out << 4 | ((uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10) & 15);
    }
    return true;
}

/* Read without care; then what it would be written as is compared. */
enum err core_view_token_get(const char *text, size_t length, struct core_view_token *out)
{
    struct core_view_token token = {.epoch = 0};
    char uuid[LOG_UUID_TEXT_BYTES];
    char again[CORE_VIEW_TOKEN_BYTES];
    uint64_t incarnation;
    uint64_t epoch;
    size_t pos = CORE_TOKEN_HEAD_BYTES + CORE_TOKEN_UUID_BYTES + 1;
    *out = token;
    if (length <= pos || length > CORE_VIEW_TOKEN_BYTES) {
        return ERR_INVALID;
    }
    memcpy(uuid, text + CORE_TOKEN_HEAD_BYTES, CORE_TOKEN_UUID_BYTES);
    uuid[CORE_TOKEN_UUID_BYTES] = '\0';
    if (log_uuid_parse(uuid, &token.view) != ERR_OK ||
        !core_token_get_u64(text, length, &pos, &incarnation) || incarnation > UINT32_MAX ||
        !core_token_get_hex(text, length, &pos, CORE_TOKEN_EPOCH_DIGITS, &epoch) ||
        pos++ == length || !core_token_get_u64(text, length, &pos, &token.tick) ||
        !core_token_get_hex(text, length, &pos, CORE_TOKEN_HASH_DIGITS, &token.hash)) {
        return ERR_INVALID;
    }
    token.incarnation = (uint32_t)incarnation;
    token.epoch = (uint32_t)epoch;
    struct bytes_writer w = bytes_writer(again, sizeof(again));
    core_view_token_put(&w, &token);
    ASSERT(w.err == ERR_OK);
    if (w.pos != length || memcmp(again, text, length) != 0) {
        return ERR_INVALID;
    }
    *out = token;
    return ERR_OK;
}
