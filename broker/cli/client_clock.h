/* Time for client commands, which run outside every simulation: the one place they get it from. */
#ifndef BROKER_CLI_CLIENT_CLOCK_H
#define BROKER_CLI_CLIENT_CLOCK_H

#include <stdint.h>

#define CLIENT_NS_PER_MS 1000000ull
#define CLIENT_NS_PER_S  1000000000ull

/* Monotonic nanoseconds; never 0. */
uint64_t client_now_ns(void);

/* Milliseconds since 1970 UTC. */
int64_t client_wall_ms(void);

#endif
