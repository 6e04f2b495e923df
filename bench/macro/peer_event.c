/* See peer_event.h. Digits are written over those of a pattern: printing would cost a client more
 * than sending. */
#include "bench/macro/peer_event.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"

/* Where the pattern's fields begin, and their digits. */
#define PEER_EVENT_ID      6u
#define PEER_EVENT_AT      20u
#define PEER_EVENT_USER    44u
#define PEER_EVENT_KIND    61u
#define PEER_EVENT_COUNTRY 82u
#define PEER_EVENT_AMOUNT  95u
#define PEER_EVENT_COUNT   110u

static const char peer_event_pattern[] =
    "{\"id\":10000000,\"at\":1732560000000000,\"user\":12345678,\"kind\":\"purchase\","
    "\"country\":\"DE\",\"amount\":123456,\"count\":1234,\"paid\":true}";
static_assert(sizeof(peer_event_pattern) == PEER_EVENT_BYTES + 1, "an event's bytes");

static void peer_event_digits(uint8_t *to, unsigned digits, uint64_t value)
{
    for (unsigned i = digits; i > 0; i--) {
        to[i - 1] = (uint8_t)('0' + value % 10);
        value /= 10;
    }
}

void peer_events_init(struct peer_events *e, uint64_t users_count, uint64_t seed)
{
    ASSERT(users_count > 0 && users_count <= PEER_EVENT_USERS_MAX);
    *e = (struct peer_events){.users_count = users_count};
    prng_init(&e->prng, seed);
    memcpy(e->value, peer_event_pattern, sizeof(peer_event_pattern));
}

void peer_events_next(struct peer_events *e, uint64_t at_us)
{
    static const char kinds[4][9] = {"purchase", "pageview", "checkout", "register"};
    static const char countries[6][3] = {"DE", "FR", "JP", "US", "BR", "IN"};
    uint64_t more = prng_u64(&e->prng);
    uint64_t amount = 100000 + (more >> 32) % 900000;
    e->user = PEER_EVENT_USER_MIN + prng_below(&e->prng, e->users_count);
    peer_event_digits(e->value + PEER_EVENT_ID, 8, 10000000 + e->count % 90000000);
    peer_event_digits(e->value + PEER_EVENT_AT, 16, at_us);
    peer_event_digits(e->value + PEER_EVENT_USER, 8, e->user);
    memcpy(e->value + PEER_EVENT_KIND, kinds[more & 3], 8);
    memcpy(e->value + PEER_EVENT_COUNTRY, countries[(more >> 2 & 0xff) % 6], 2);
    peer_event_digits(e->value + PEER_EVENT_AMOUNT, 6, amount);
    peer_event_digits(e->value + PEER_EVENT_COUNT, 4, 1000 + (more >> 10 & 0xff));
    for (unsigned i = 0; i < PEER_EVENT_KEY_BYTES; i++) {
        e->key[i] = (uint8_t)(e->user >> (56 - 8 * i));
    }
    e->count++;
    e->amounts_sum += amount;
}

uint64_t peer_wall_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
