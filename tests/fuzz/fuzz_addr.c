/* Any text as an address: accepted only when a second reading (getaddrinfo, numeric) accepts host
 * and port too, and what was read is written and read back the same. */
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/rt/addr.h"
#include "tests/fuzz/fuzz.h"

#define ADDR_PORT_DEFAULT 9092

static void fuzz_addr_check(const struct rt_addr *addr)
{
    char text[RT_ADDR_TEXT_BYTES];
    struct rt_addr again;
    rt_addr_format(addr, text);
    ASSERT(rt_addr_parse(text, 1, &again) == ERR_OK);
    ASSERT(rt_addr_is_equal(addr, &again));

    /* The same host through the C library: strip port and brackets of the text just written. */
    char host[RT_ADDR_TEXT_BYTES];
    size_t length = strlen(text);
    ASSERT(length < sizeof(host));
    memcpy(host, text, length + 1);
    *strrchr(host, ':') = '\0';
    char *start = host;
    if (addr->is_v6) {
        start++;
        start[strlen(start) - 1] = '\0';
    }
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    ASSERT(getaddrinfo(start, NULL, &hints, &found) == 0);
    ASSERT(found->ai_family == (addr->is_v6 ? AF_INET6 : AF_INET));
    const void *ip = addr->is_v6
                         ? (const void *)&((struct sockaddr_in6 *)(void *)found->ai_addr)->sin6_addr
                         : (const void *)&((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr;
    ASSERT(memcmp(ip, addr->ip, addr->is_v6 ? 16 : 4) == 0);
    freeaddrinfo(found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[256];
    struct rt_addr addr;
    if (size >= sizeof(text) || memchr(data, '\0', size) != NULL) {
        return 0; /* texts are NUL-terminated */
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    if (rt_addr_parse(text, ADDR_PORT_DEFAULT, &addr) == ERR_OK) {
        fuzz_addr_check(&addr);
    }
    return 0;
}
