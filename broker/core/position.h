/* Positions on the timeline, as every door shows them: "<epoch>.<tick>", the epoch in 8 hexadecimal
 * digits. A position says: all that this tick and those before it hold. Opaque for clients, who
 * hand back what they were given. Pure. */
#ifndef BROKER_CORE_POSITION_H
#define BROKER_CORE_POSITION_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Room for a position's text, its NUL included. */
#define CORE_POSITION_BYTES 30u

/* A position. */
struct core_position {
    uint32_t epoch; /* of the timeline, never 0; 0: there was no tick yet */
    uint64_t tick;  /* the newest tick that counts; 0: none */
};

/* Write the text of `position` with a NUL behind it; its length without. */
size_t core_position_put(const struct core_position *position, char out[CORE_POSITION_BYTES]);

/* *out = the position in the `length` bytes at `text`, exactly as one is written: lower case, no
 * zeros before the tick. ERR_INVALID: it is none; *out is zero then. */
MUST_USE enum err core_position_get(const char *text, size_t length, struct core_position *out);

#endif
