/* What the log's formats have in common. See format.h. */
#include "storage/log/format.h"

#include <string.h>

#include "base/assert.h"

bool log_uuid_is_equal(const struct log_uuid *a, const struct log_uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool log_uuid_is_zero(const struct log_uuid *uuid)
{
    static const struct log_uuid zero;
    return log_uuid_is_equal(uuid, &zero);
}

void log_uuid_format(const struct log_uuid *uuid, char out[LOG_UUID_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof(uuid->bytes); i++) {
        out[2 * i] = digits[uuid->bytes[i] >> 4];
        out[2 * i + 1] = digits[uuid->bytes[i] & 15];
    }
    out[LOG_UUID_TEXT_BYTES - 1] = '\0';
}

/* The value of a hexadecimal digit, or 16. */
static unsigned log_uuid_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return (unsigned)(c - 'a' + 10);
    }
    return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10) : 16;
}

enum err log_uuid_parse(const char *text, struct log_uuid *out)
{
    struct log_uuid uuid = {0};
    bool has_dashes = strlen(text) == 36;
    for (size_t i = 0; i < 32; i++) {
        if (has_dashes && (i == 8 || i == 12 || i == 16 || i == 20) && *text++ != '-') {
            return ERR_INVALID;
        }
        unsigned digit = log_uuid_digit(*text);
        if (digit > 15) {
            return ERR_INVALID;
        }
        uuid.bytes[i / 2] = (uint8_t)((unsigned)uuid.bytes[i / 2] << 4 | digit);
        text++;
    }
    if (*text != '\0') {
        return ERR_INVALID;
    }
    *out = uuid;
    return ERR_OK;
}

void log_uuid_put(struct bytes_writer *w, const struct log_uuid *uuid)
{
    bytes_put_copy(w, uuid->bytes, sizeof(uuid->bytes));
}

struct log_uuid log_uuid_get(struct bytes_reader *r)
{
    struct log_uuid uuid;
    bytes_get_copy(r, uuid.bytes, sizeof(uuid.bytes));
    return uuid;
}

void log_features_put(struct bytes_writer *w, const struct log_features *features)
{
    bytes_put_u32le(w, features->compat);
    bytes_put_u32le(w, features->ro);
    bytes_put_u32le(w, features->incompat);
}

struct log_features log_features_get(struct bytes_reader *r)
{
    struct log_features features;
    features.compat = bytes_get_u32le(r);
    features.ro = bytes_get_u32le(r);
    features.incompat = bytes_get_u32le(r);
    return features;
}

enum err log_features_check(uint16_t version, const struct log_features *features, bool is_write)
{
    bool is_known = version >= LOG_FORMAT_VERSION_OLDEST && version <= LOG_FORMAT_VERSION;
    return is_known && features->incompat == 0 && !(is_write && features->ro != 0)
               ? ERR_OK
               : ERR_UNSUPPORTED;
}

void log_point_put(struct bytes_writer *w, const struct log_point *point)
{
    bytes_put_u64le(w, point->index);
    bytes_put_u64le(w, point->offset);
    bytes_put_u32le(w, point->term);
    bytes_put_u32le(w, 0);
    hash128_put(w, point->chain);
}

struct log_point log_point_get(struct bytes_reader *r)
{
    struct log_point point = {0};
    point.index = bytes_get_u64le(r);
    point.offset = bytes_get_u64le(r);
    point.term = bytes_get_u32le(r);
    bytes_skip(r, 4);
    point.chain = hash128_get(r);
    if (point.index > LOG_NUMBER_MAX || point.offset > LOG_NUMBER_MAX || point.term > LIMIT_TERM) {
        bytes_reader_fail(r, ERR_CORRUPT);
    }
    return point;
}

void log_crc_put(struct bytes_writer *w, const struct crc32c *kernels, uint32_t seed, size_t start)
{
    ASSERT(start <= w->pos);
    bytes_put_u32le(w, crc32c(kernels, seed, w->data + start, w->pos - start));
}
