/* What the formats have in common. See format.h.
 *
 * Readers of values that have a range (a point) fail with ERR_CORRUPT themselves, so that no format
 * can forget to look. */
#include "storage/log/format.h"

#include <string.h>

#include "base/assert.h"

/* Dashes of a uuid's text, RFC 9562 section 4: before these of its digits. */
static const uint8_t log_uuid_dashes[] = {8, 12, 16, 20};

static bool log_uuid_is_dash(size_t digit);
static int log_uuid_digit(char c);

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

enum err log_uuid_parse(const char *text, struct log_uuid *out)
{
    struct log_uuid uuid = {{0}};
    size_t dashes = 0;
    for (size_t digit = 0; digit < 2 * sizeof(uuid.bytes); digit++) {
        if (*text == '-' && log_uuid_is_dash(digit)) {
            dashes++;
            text++;
        }
        int value = log_uuid_digit(*text);
        if (value < 0) {
            return ERR_INVALID;
        }
        text++;
        uuid.bytes[digit / 2] = (uint8_t)(uuid.bytes[digit / 2] << 4 | value);
    }
    if (*text != '\0' || (dashes != 0 && dashes != sizeof(log_uuid_dashes))) {
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
    bool is_version = version >= LOG_FORMAT_VERSION_OLDEST && version <= LOG_FORMAT_VERSION;
    bool is_known = features->incompat == 0 && IMPLIES(is_write, features->ro == 0);
    return is_version && is_known ? ERR_OK : ERR_UNSUPPORTED;
}

void log_point_put(struct bytes_writer *w, const struct log_point *point)
{
    ASSERT(point->index <= LOG_NUMBER_MAX);
    ASSERT(point->offset <= LOG_NUMBER_MAX);
    ASSERT(point->term <= LIMIT_TERM);
    bytes_put_u64le(w, point->index);
    bytes_put_u64le(w, point->offset);
    bytes_put_u32le(w, point->term);
    bytes_put_u32le(w, point->skip_count);
    hash128_put(w, point->chain);
}

struct log_point log_point_get(struct bytes_reader *r)
{
    struct log_point point;
    point.index = bytes_get_u64le(r);
    point.offset = bytes_get_u64le(r);
    point.term = bytes_get_u32le(r);
    point.skip_count = bytes_get_u32le(r);
    point.chain = hash128_get(r);
    if (point.index > LOG_NUMBER_MAX || point.offset > LOG_NUMBER_MAX || point.term > LIMIT_TERM) {
        bytes_reader_fail(r, ERR_CORRUPT);
    }
    return r->err == ERR_OK ? point : (struct log_point){0};
}

void log_crc_put(struct bytes_writer *w, const struct crc32c *kernels, uint32_t seed, size_t start)
{
    if (w->err != ERR_OK) {
        return;
    }
    ASSERT(start <= w->pos);
    size_t length = w->pos - start;
    bytes_put_u32le(w, crc32c(kernels, seed, length > 0 ? w->data + start : NULL, length));
}

static bool log_uuid_is_dash(size_t digit)
{
    for (size_t i = 0; i < ARRAY_COUNT(log_uuid_dashes); i++) {
        if (log_uuid_dashes[i] == digit) {
            return true;
        }
    }
    return false;
}

static int log_uuid_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}
