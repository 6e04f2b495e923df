/* See client_clock.h. */
#include "broker/cli/client_clock.h"

#include <time.h>

#include "base/assert.h"

uint64_t client_now_ns(void)
{
    struct timespec now;
    int result = clock_gettime(CLOCK_MONOTONIC, &now);
    ASSERT(result == 0);
    return (uint64_t)now.tv_sec * CLIENT_NS_PER_S + (uint64_t)now.tv_nsec + 1;
}

int64_t client_wall_ms(void)
{
    struct timespec now;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    ASSERT(result == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
