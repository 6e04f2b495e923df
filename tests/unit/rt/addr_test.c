/* Addresses: text in both directions, and everything that is no address. */
#include "base/rt/addr.h"

#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

static void addr_text_is_read_and_written_alike(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want; /* as written: RFC 5952 for IPv6 */
        uint8_t ip[16];
        uint16_t port;
        bool is_v6;
    } rows[] = {
        {"127.0.0.1:9092", "127.0.0.1:9092", {127, 0, 0, 1}, 9092, false},
        {"0.0.0.0:0", "0.0.0.0:0", {0}, 0, false},
        {"255.255.255.255:65535", "255.255.255.255:65535", {255, 255, 255, 255}, 65535, false},
        {"10.1.2.3", "10.1.2.3:7", {10, 1, 2, 3}, 7, false},
        {"[::1]:9092", "[::1]:9092", {[15] = 1}, 9092, true},
        {"[::]", "[::]:7", {0}, 7, true},
        {"[2001:DB8:0:0:0:0:0:1]:80",
         "[2001:db8::1]:80",
         {0x20, 0x01, 0x0d, 0xb8, [15] = 1},
         80,
         true},
        {"[::ffff:192.0.2.128]:1",
         "[::ffff:192.0.2.128]:1",
         {[10] = 0xff, 0xff, 192, 0, 2, 128},
         1,
         true},
        {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
         {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
         65535,
         true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct rt_addr addr;
        char text[RT_ADDR_TEXT_BYTES];
        assert_int_equal(rt_addr_parse(rows[i].text, 7, &addr), ERR_OK);
        assert_int_equal(addr.port, rows[i].port);
        assert_int_equal(addr.is_v6, rows[i].is_v6);
        assert_memory_equal(addr.ip, rows[i].ip, sizeof(addr.ip));
        assert_string_equal(rt_addr_format(&addr, text), rows[i].want);
        struct rt_addr again;
        assert_int_equal(rt_addr_parse(text, 0, &again), ERR_OK);
        assert_true(rt_addr_is_equal(&addr, &again));
    }
}

static void addr_refuses_everything_else(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "localhost",
        "localhost:9092",
        ":9092",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:123456",
        "127.0.0.1:-1",
        "127.0.0.1:+1",
        "127.0.0.1: 1",
        "127.0.0.1:1 ",
        "127.0.0.1:0x1",
        "127.0.0.1:1:2",
        "127.0.0:1",
        "127.0.0.256:1",
        "127.0.0.01.1:1",
        " 127.0.0.1:1",
        "::1",
        "::1:9092",
        "[::1",
        "[::1]9092",
        "[::1]:",
        "[::1]:x",
        "[::1]]:1",
        "[]:1",
        "[127.0.0.1]:1",
        "[fe80::1%eth0]:1",
        "[1:2:3:4:5:6:7:8:9]:1",
        "[0000000000000000000000000000000000000000000000000000000000000001]:1",
        "1000000000000000000000000000000000000000000000000000000000000000:1",
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct rt_addr addr = {.port = 4711};
        assert_int_equal(rt_addr_parse(rows[i], 7, &addr), ERR_INVALID);
        assert_int_equal(addr.port, 4711); /* untouched */
    }
}

static void addr_loopback_is_what_only_this_machine_reaches(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool want;
    } rows[] = {
        {"127.0.0.1", true},    {"127.255.255.254", true}, {"[::1]", true},  {"126.0.0.1", false},
        {"0.0.0.0", false},     {"[::]", false},           {"[::2]", false}, {"[7f00::1]", false},
        {"192.168.0.1", false}, {"128.0.0.127", false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct rt_addr addr;
        assert_int_equal(rt_addr_parse(rows[i].text, 1, &addr), ERR_OK);
        assert_int_equal(rt_addr_is_loopback(&addr), rows[i].want);
    }
}

static void addr_equal_looks_at_family_address_and_port(void **state)
{
    (void)state;
    struct rt_addr a = {.ip = {10, 0, 0, 1}, .port = 1};
    struct rt_addr b = a;
    b.ip[9] = 9; /* behind an IPv4 address: no part of it */
    assert_true(rt_addr_is_equal(&a, &b));
    b.port = 2;
    assert_false(rt_addr_is_equal(&a, &b));
    b = a;
    b.ip[3] = 2;
    assert_false(rt_addr_is_equal(&a, &b));
    b = a;
    b.is_v6 = true;
    assert_false(rt_addr_is_equal(&a, &b));
    a.is_v6 = true;
    assert_true(rt_addr_is_equal(&a, &b));
    b.ip[15] = 1;
    assert_false(rt_addr_is_equal(&a, &b));
}

/* Any address survives its text; any text is an address that survives, or refused. */
static void addr_survives_its_text_whatever_it_is(void **state)
{
    (void)state;
    struct share share = share_open("random addresses and texts", 90);
    while (share_more(&share)) {
        static const char letters[] = "0123456789abcdefF:.[]% -x";
        struct prng prng;
        struct rt_addr addr = {0}, again;
        char text[RT_ADDR_TEXT_BYTES];
        prng_init(&prng, share_case_seed(&share));
        addr.is_v6 = prng_chance(&prng, 1, 2);
        addr.port = (uint16_t)prng_u64(&prng);
        for (size_t i = 0; i < (addr.is_v6 ? 16 : 4); i++) { /* many zeros: "::" in every place */
            addr.ip[i] = (uint8_t)(prng_chance(&prng, 1, 2) ? 0 : prng_u64(&prng));
        }
        assert_int_equal(rt_addr_parse(rt_addr_format(&addr, text), 1, &again), ERR_OK);
        assert_true(rt_addr_is_equal(&addr, &again));
        size_t length = prng_below(&prng, sizeof(text));
        for (size_t i = 0; i < length; i++) {
            if (prng_chance(&prng, 1, 8)) {
                text[i] = letters[prng_below(&prng, sizeof(letters) - 1)];
            }
        }
        text[length] = '\0';
        if (rt_addr_parse(text, 1, &addr) == ERR_OK) {
            assert_int_equal(rt_addr_parse(rt_addr_format(&addr, text), 1, &again), ERR_OK);
            assert_true(rt_addr_is_equal(&addr, &again));
        }
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addr_text_is_read_and_written_alike),
        cmocka_unit_test(addr_refuses_everything_else),
        cmocka_unit_test(addr_loopback_is_what_only_this_machine_reaches),
        cmocka_unit_test(addr_equal_looks_at_family_address_and_port),
        cmocka_unit_test(addr_survives_its_text_whatever_it_is),
    };
    return cmocka_run_group_tests_name("rt_addr", tests, NULL, NULL);
}
