/* Addresses of sockets: IPv4, IPv6, as text and back. Pure; names are not resolved. */
#ifndef BASE_RT_ADDR_H
#define BASE_RT_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Room for any address as text, with port and NUL: "[ffff:...:255.255.255.255]:65535". */
#define RT_ADDR_TEXT_BYTES 64

struct rt_addr {
    uint8_t ip[16]; /* network order; IPv4 uses the first 4 */
    uint16_t port;  /* host order; 0: the system chooses (listen) */
    bool is_v6;     /* which of the two */
};

/* Read "127.0.0.1:9092" or "[::1]:9092"; without ":port" the port is `default_port`. ERR_INVALID
 * for anything else, names included. */
MUST_USE enum err rt_addr_parse(const char *text, uint16_t default_port, struct rt_addr *out);

/* Write it as rt_addr_parse reads it. `out` has RT_ADDR_TEXT_BYTES. Returns `out`. */
const char *rt_addr_format(const struct rt_addr *addr, char *out);

/* Whether only this machine can reach it: 127.0.0.0/8, ::1. */
bool rt_addr_is_loopback(const struct rt_addr *addr);

/* Whether it stands for every address of this machine: 0.0.0.0, ::. */
bool rt_addr_is_any(const struct rt_addr *addr);

/* Same family, address and port. */
bool rt_addr_is_equal(const struct rt_addr *a, const struct rt_addr *b);

#endif
