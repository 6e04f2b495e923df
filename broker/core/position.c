/* See position.h. */
#include "broker/core/position.h"

#include <stdbool.h>
#include <string.h>

#include "base/assert.h"
#include "base/units.h"

/* Digits of the epoch. */
#define CORE_POSITION_EPOCH_BYTES 8u

size_t core_position_put(const struct core_position *position, char out[CORE_POSITION_BYTES])
{
    char number[UNITS_U64_BYTES];
    for (size_t i = 0; i < CORE_POSITION_EPOCH_BYTES; i++) {
        uint32_t shift = (uint32_t)(CORE_POSITION_EPOCH_BYTES - 1 - i) * 4;
        out[i] = "0123456789abcdef"[position->epoch >> shift & 15];
    }
    out[CORE_POSITION_EPOCH_BYTES] = '.';
    size_t digits = units_write_u64(number, position->tick);
    size_t length = CORE_POSITION_EPOCH_BYTES + 1 + digits;
    ASSERT(length < CORE_POSITION_BYTES);
    memcpy(out + CORE_POSITION_EPOCH_BYTES + 1, number, digits);
    out[length] = '\0';
    return length;
}

/* Read without care; then what it would be written as is compared. */
enum err core_position_get(const char *text, size_t length, struct core_position *out)
{
    struct core_position position = {0};
    char written[CORE_POSITION_BYTES];
    *out = position;
    if (length < CORE_POSITION_EPOCH_BYTES + 2 || length >= CORE_POSITION_BYTES ||
        text[CORE_POSITION_EPOCH_BYTES] != '.') {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < CORE_POSITION_EPOCH_BYTES; i++) {
        uint32_t digit = (uint32_t)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
        position.epoch = position.epoch << 4 | (digit & 15);
    }
    for (size_t i = CORE_POSITION_EPOCH_BYTES + 1; i < length; i++) {
        position.tick = position.tick * 10 + (uint64_t)(text[i] - '0');
    }
    if (core_position_put(&position, written) != length || memcmp(written, text, length) != 0) {
        return ERR_INVALID;
    }
    *out = position;
    return ERR_OK;
}
