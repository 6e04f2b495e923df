/* Bounded byte cursors. See bytes.h.
 *
 * Invariants: pos <= length (capacity), always; once err is set, pos never moves again. Every
 * access goes through bytes_take or bytes_claim, the only two places that compare a request with
 * what is left. */
#include "base/bytes.h"

#include <endian.h>
#include <string.h>

#include "base/assert.h"

static const uint8_t *bytes_take(struct bytes_reader *r, uint64_t length);
static uint8_t *bytes_claim(struct bytes_writer *w, size_t length);
static uint16_t bytes_load_u16(const uint8_t *p);
static uint32_t bytes_load_u32(const uint8_t *p);
static uint64_t bytes_load_u64(const uint8_t *p);
static void bytes_store(uint8_t *p, const void *value, size_t width);

struct bytes_reader bytes_reader(const void *data, size_t length)
{
    ASSERT(IMPLIES(data == NULL, length == 0));
    return (struct bytes_reader){.data = data, .length = length};
}

size_t bytes_reader_left(const struct bytes_reader *r)
{
    ASSERT(r->pos <= r->length);
    return r->length - r->pos;
}

void bytes_reader_fail(struct bytes_reader *r, enum err err)
{
    ASSERT(err != ERR_OK);
    if (r->err == ERR_OK) {
        r->err = err;
    }
}

uint8_t bytes_get_u8(struct bytes_reader *r)
{
    const uint8_t *p = bytes_take(r, 1);
    return p ? *p : 0;
}

uint16_t bytes_get_u16be(struct bytes_reader *r)
{
    return be16toh(bytes_load_u16(bytes_take(r, 2)));
}

uint32_t bytes_get_u32be(struct bytes_reader *r)
{
    return be32toh(bytes_load_u32(bytes_take(r, 4)));
}

uint64_t bytes_get_u64be(struct bytes_reader *r)
{
    return be64toh(bytes_load_u64(bytes_take(r, 8)));
}

uint16_t bytes_get_u16le(struct bytes_reader *r)
{
    return le16toh(bytes_load_u16(bytes_take(r, 2)));
}

uint32_t bytes_get_u32le(struct bytes_reader *r)
{
    return le32toh(bytes_load_u32(bytes_take(r, 4)));
}

uint64_t bytes_get_u64le(struct bytes_reader *r)
{
    return le64toh(bytes_load_u64(bytes_take(r, 8)));
}

double bytes_get_f64be(struct bytes_reader *r)
{
    uint64_t bits = bytes_get_u64be(r);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

const uint8_t *bytes_get_view(struct bytes_reader *r, uint64_t length)
{
    return bytes_take(r, length);
}

struct bytes_reader bytes_get_sub(struct bytes_reader *r, uint64_t length)
{
    const uint8_t *p = bytes_take(r, length);
    if (p == NULL) {
        return (struct bytes_reader){.err = r->err};
    }
    return bytes_reader(p, (size_t)length);
}

void bytes_get_copy(struct bytes_reader *r, void *out, size_t length)
{
    const uint8_t *p = bytes_take(r, length);
    if (length == 0) {
        return;
    }
    if (p != NULL) {
        memcpy(out, p, length);
    } else {
        memset(out, 0, length);
    }
}

void bytes_skip(struct bytes_reader *r, uint64_t length)
{
    (void)bytes_take(r, length);
}

struct bytes_writer bytes_writer(void *data, size_t capacity)
{
    ASSERT(IMPLIES(data == NULL, capacity == 0));
    return (struct bytes_writer){.data = data, .capacity = capacity};
}

size_t bytes_writer_left(const struct bytes_writer *w)
{
    ASSERT(w->pos <= w->capacity);
    return w->capacity - w->pos;
}

void bytes_put_u8(struct bytes_writer *w, uint8_t value)
{
    uint8_t *p = bytes_claim(w, 1);
    if (p != NULL) {
        *p = value;
    }
}

void bytes_put_u16be(struct bytes_writer *w, uint16_t value)
{
    value = htobe16(value);
    bytes_store(bytes_claim(w, 2), &value, 2);
}

void bytes_put_u32be(struct bytes_writer *w, uint32_t value)
{
    value = htobe32(value);
    bytes_store(bytes_claim(w, 4), &value, 4);
}

void bytes_put_u64be(struct bytes_writer *w, uint64_t value)
{
    value = htobe64(value);
    bytes_store(bytes_claim(w, 8), &value, 8);
}

void bytes_put_u16le(struct bytes_writer *w, uint16_t value)
{
    value = htole16(value);
    bytes_store(bytes_claim(w, 2), &value, 2);
}

void bytes_put_u32le(struct bytes_writer *w, uint32_t value)
{
    value = htole32(value);
    bytes_store(bytes_claim(w, 4), &value, 4);
}

void bytes_put_u64le(struct bytes_writer *w, uint64_t value)
{
    value = htole64(value);
    bytes_store(bytes_claim(w, 8), &value, 8);
}

void bytes_put_f64be(struct bytes_writer *w, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    bytes_put_u64be(w, bits);
}

void bytes_put_copy(struct bytes_writer *w, const void *data, size_t length)
{
    uint8_t *p = bytes_claim(w, length);
    if (p != NULL && length > 0) {
        memcpy(p, data, length);
    }
}

void bytes_put_zeros(struct bytes_writer *w, size_t length)
{
    uint8_t *p = bytes_claim(w, length);
    if (p != NULL && length > 0) {
        memset(p, 0, length);
    }
}

void bytes_patch_u32be(struct bytes_writer *w, size_t pos, uint32_t value)
{
    ASSERT(pos <= w->pos);
    ASSERT(w->pos - pos >= 4);
    value = htobe32(value);
    bytes_store(w->data + pos, &value, sizeof(value));
}

void bytes_patch_u32le(struct bytes_writer *w, size_t pos, uint32_t value)
{
    ASSERT(pos <= w->pos);
    ASSERT(w->pos - pos >= 4);
    value = htole32(value);
    bytes_store(w->data + pos, &value, sizeof(value));
}

bool bytes_size_add(size_t a, size_t b, size_t *sum)
{
    size_t result;
    if (__builtin_add_overflow(a, b, &result)) {
        return false;
    }
    *sum = result;
    return true;
}

bool bytes_size_mul(size_t a, size_t b, size_t *product)
{
    size_t result;
    if (__builtin_mul_overflow(a, b, &result)) {
        return false;
    }
    *product = result;
    return true;
}

/* An address for a view of no bytes out of no input: never NULL, so that NULL means failure alone.
 */
static const uint8_t bytes_nothing[1];

static const uint8_t *bytes_take(struct bytes_reader *r, uint64_t length)
{
    if (r->err != ERR_OK) {
        return NULL;
    }
    if (length > bytes_reader_left(r)) {
        r->err = ERR_TRUNCATED;
        return NULL;
    }
    const uint8_t *p = r->data != NULL ? r->data + r->pos : bytes_nothing;
    r->pos += (size_t)length;
    return p;
}

static uint8_t *bytes_claim(struct bytes_writer *w, size_t length)
{
    if (w->err != ERR_OK) {
        return NULL;
    }
    if (length > bytes_writer_left(w)) {
        w->err = ERR_TOO_LARGE;
        return NULL;
    }
    uint8_t *p = w->data != NULL ? w->data + w->pos : NULL;
    w->pos += length;
    return p;
}

static uint16_t bytes_load_u16(const uint8_t *p)
{
    uint16_t value = 0; /* a failed read is 0 */
    if (p != NULL) {
        memcpy(&value, p, sizeof(value));
    }
    return value;
}

static uint32_t bytes_load_u32(const uint8_t *p)
{
    uint32_t value = 0;
    if (p != NULL) {
        memcpy(&value, p, sizeof(value));
    }
    return value;
}

static uint64_t bytes_load_u64(const uint8_t *p)
{
    uint64_t value = 0;
    if (p != NULL) {
        memcpy(&value, p, sizeof(value));
    }
    return value;
}

static void bytes_store(uint8_t *p, const void *value, size_t width)
{
    if (p != NULL) { /* else it did not fit: the writer holds the error */
        memcpy(p, value, width);
    }
}
