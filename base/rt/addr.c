/* Addresses as text. See addr.h.
 *
 * The text of an IPv6 address is RFC 5952's as inet_ntop writes it; it stands in brackets, with or
 * without a port, because
 * "::1:9092" is an address of its own (RFC 3986 §3.2.2). Zone names ("%eth0") are not taken. */
#include "base/rt/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

static bool rt_addr_parse_port(const char *text, uint16_t *port);

enum err rt_addr_parse(const char *text, uint16_t default_port, struct rt_addr *out)
{
    struct rt_addr addr = {.port = default_port, .is_v6 = text[0] == '['};
    const char *ip = addr.is_v6 ? text + 1 : text;
    size_t ip_length = strcspn(ip, addr.is_v6 ? "]" : ":");
    char ip_text[INET6_ADDRSTRLEN];
    if (ip_length >= sizeof(ip_text)) {
        return ERR_INVALID;
    }
    memcpy(ip_text, ip, ip_length);
    ip_text[ip_length] = '\0';
    if (inet_pton(addr.is_v6 ? AF_INET6 : AF_INET, ip_text, addr.ip) != 1) {
        return ERR_INVALID;
    }
    const char *rest = ip + ip_length;
    if (addr.is_v6) {
        if (*rest != ']') {
            return ERR_INVALID;
        }
        rest++;
    }
    if (*rest != '\0' && (*rest != ':' || !rt_addr_parse_port(rest + 1, &addr.port))) {
        return ERR_INVALID;
    }
    *out = addr;
    return ERR_OK;
}

const char *rt_addr_format(const struct rt_addr *addr, char *out)
{
    char ip_text[INET6_ADDRSTRLEN];
    const char *ip =
        inet_ntop(addr->is_v6 ? AF_INET6 : AF_INET, addr->ip, ip_text, sizeof(ip_text));
    ASSERT(ip != NULL); /* there is room for any */
    int length = snprintf(out, RT_ADDR_TEXT_BYTES, addr->is_v6 ? "[%s]:%u" : "%s:%u", ip,
                          (unsigned)addr->port);
    ASSERT(length > 0);
    ASSERT(length < RT_ADDR_TEXT_BYTES);
    return out;
}

bool rt_addr_is_loopback(const struct rt_addr *addr)
{
    static const uint8_t loopback_v6[16] = {[15] = 1};
    return addr->is_v6 ? memcmp(addr->ip, loopback_v6, sizeof(loopback_v6)) == 0
                       : addr->ip[0] == 127;
}

bool rt_addr_is_any(const struct rt_addr *addr)
{
    static const uint8_t none[16] = {0};
    return memcmp(addr->ip, none, addr->is_v6 ? 16 : 4) == 0;
}

bool rt_addr_is_equal(const struct rt_addr *a, const struct rt_addr *b)
{
    return a->is_v6 == b->is_v6 && a->port == b->port &&
           memcmp(a->ip, b->ip, a->is_v6 ? 16 : 4) == 0;
}

/* One to five digits, nothing else, at most 65535. */
static bool rt_addr_parse_port(const char *text, uint16_t *port)
{
    size_t length = strlen(text);
    if (length < 1 || length > 5 || strspn(text, "0123456789") != length) {
        return false;
    }
    uint32_t value = 0;
    for (size_t i = 0; i < length; i++) {
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    if (value > UINT16_MAX) {
        return false;
    }
    *port = (uint16_t)value;
    return true;
}
