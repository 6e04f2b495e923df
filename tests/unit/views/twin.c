/* Naive whole numbers. See twin.h. */
#include "tests/unit/views/twin.h"

#include "base/assert.h"

static void twin_trim(struct twin *a)
{
    while (a->count > 0 && a->digit[a->count - 1] == 0) {
        a->count--;
    }
}

struct twin twin_read(const char *text, size_t length, size_t shift)
{
    struct twin out = {.count = shift};
    for (size_t i = length; i-- > 0;) {
        if (text[i] >= '0' && text[i] <= '9') {
            ASSERT(out.count < TWIN_DIGITS_MAX);
            out.digit[out.count++] = (uint8_t)(text[i] - '0');
        }
    }
    twin_trim(&out);
    return out;
}

int twin_compare(const struct twin *a, const struct twin *b)
{
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (size_t i = a->count; i-- > 0;) {
        if (a->digit[i] != b->digit[i]) {
            return a->digit[i] < b->digit[i] ? -1 : 1;
        }
    }
    return 0;
}

struct twin twin_add(const struct twin *a, const struct twin *b)
{
    struct twin out = {.count = a->count > b->count ? a->count : b->count};
    unsigned carry = 0;
    for (size_t i = 0; i < out.count; i++) {
        unsigned sum = carry + a->digit[i] + b->digit[i];
        out.digit[i] = (uint8_t)(sum % 10);
        carry = sum / 10;
    }
    if (carry > 0) {
        ASSERT(out.count < TWIN_DIGITS_MAX);
        out.digit[out.count++] = (uint8_t)carry;
    }
    return out;
}

struct twin twin_sub(const struct twin *a, const struct twin *b)
{
    struct twin out = *a;
    int borrow = 0;
    for (size_t i = 0; i < a->count; i++) {
        int digit = a->digit[i] - borrow - b->digit[i];
        borrow = digit < 0;
        out.digit[i] = (uint8_t)(digit + 10 * borrow);
    }
    ASSERT(borrow == 0);
    twin_trim(&out);
    return out;
}

struct twin twin_mul(const struct twin *a, const struct twin *b)
{
    struct twin out = {.count = a->count + b->count};
    ASSERT(out.count <= TWIN_DIGITS_MAX);
    for (size_t i = 0; i < a->count; i++) {
        unsigned carry = 0;
        for (size_t j = 0; j < b->count || carry > 0; j++) {
            unsigned sum = carry + out.digit[i + j] + (unsigned)a->digit[i] * b->digit[j];
            out.digit[i + j] = (uint8_t)(sum % 10);
            carry = sum / 10;
        }
    }
    twin_trim(&out);
    return out;
}
