/* Events as the benchmarks of views send them: JSON of 127 bytes with eight fields,
 *
 *   {"id":10000000,"at":1732560000000000,"user":12345678,"kind":"purchase","country":"DE",
 *    "amount":123456,"count":1234,"paid":true}
 *
 * the record's key being the user once more, as 8 bytes, the highest first. Users are drawn evenly
 * among so many; all other fields are made from the same numbers, which a seed gives. */
#ifndef BENCH_MACRO_PEER_EVENT_H
#define BENCH_MACRO_PEER_EVENT_H

#include <stdint.h>

#include "base/prng.h"

#define PEER_EVENT_BYTES     127u
#define PEER_EVENT_KEY_BYTES 8u

/* Users have numbers of eight digits: this one and those behind it. */
#define PEER_EVENT_USER_MIN  10000000u
#define PEER_EVENT_USERS_MAX UINT32_C(90000000)

/* Where they come from. */
struct peer_events {
    struct prng prng;
    uint64_t users_count;                /* of them */
    uint64_t count;                      /* events made */
    uint64_t amounts_sum;                /* of their amounts */
    uint64_t user;                       /* the last event's */
    uint8_t key[PEER_EVENT_KEY_BYTES];   /* likewise */
    uint8_t value[PEER_EVENT_BYTES + 1]; /* likewise */
};

/* Begin, with `users_count` (1..PEER_EVENT_USERS_MAX) users. */
void peer_events_init(struct peer_events *e, uint64_t users_count, uint64_t seed);

/* Make the next one, of an instant in microseconds since 1970 (16 digits). */
void peer_events_next(struct peer_events *e, uint64_t at_us);

/* Microseconds since 1970. */
uint64_t peer_wall_us(void);

#endif
