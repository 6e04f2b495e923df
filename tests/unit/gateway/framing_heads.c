/* Targets, hosts, connections and expectations. See framing.h. */
#include "base/compiler.h"
#include "tests/unit/gateway/framing.h"

#define GET  FRAMING_GET
#define POST FRAMING_POST
#define HOST FRAMING_HOST
#define END  FRAMING_END

/* A request for `target`; one with the Host `host`; one with the header lines `headers`. */
#define TARGET(target)   "GET " target " HTTP/1.1\r\n" HOST END
#define HOSTED(host)     GET "Host: " host "\r\n\r\n"
#define HEADERS(headers) GET HOST headers "\r\n\r\n"
#define OLD(headers)     "GET / HTTP/1.0\r\n" HOST headers "\r\n\r\n"

static const struct framing_row framing_heads_rows[] = {
    /* Targets. */
    FRAMING("path and query", "3.2.1", TARGET("/a/b?c=d&e"), "GET /a/b?c=d&e h"),
    FRAMING("an empty query", "3.2.1", TARGET("/?"), "GET / h"),
    FRAMING("question marks in a query", "RFC 3986 3.4", TARGET("/a?b?c"), "GET /a?b?c h"),
    FRAMING("two slashes are a path", "3.2.1", TARGET("//evil/a"), "GET //evil/a h"),
    FRAMING("escapes stay", "3.2.1", TARGET("/%2e%2E/%00"), "GET /%2e%2E/%00 h"),
    FRAMING("dots stay", "3.2.1", TARGET("/a/../b"), "GET /a/../b h"),
    FRAMING("what browsers leave in a query", "WHATWG URL 4.3", TARGET("/?a=[{\"b\":'c|d`^'}]\\"),
            "GET /?a=[{\"b\":'c|d`^'}]\\ h"),
    FRAMING("a fragment", "3.2.1; HAProxy CVE-2023-45539", TARGET("/a#b"), "400"),
    FRAMING("a fragment behind a query", "3.2.1", TARGET("/a?b#c"), "400"),
    FRAMING("a byte past ASCII in a path", "RFC 3986 2", TARGET("/\xc3\xa4"), "400"),
    FRAMING("a byte past ASCII in a query", "RFC 3986 2", TARGET("/?\xc3\xa4"), "400"),
    FRAMING("a backslash in a path", "RFC 3986 3.3", TARGET("/a\\b"), "400"),
    FRAMING("a quote in a path", "RFC 3986 3.3", TARGET("/\"a\""), "400"),
    FRAMING("brackets in a path", "RFC 3986 3.3", TARGET("/[a]"), "400"),
    FRAMING("an angle bracket in a query", "RFC 3986 3.4", TARGET("/?<script>"), "400"),
    FRAMING("a path without a slash", "3.2.1", TARGET("a/b"), "400"),
    FRAMING("a query alone", "3.2.1", TARGET("?a"), "400"),
    FRAMING("a URI's host goes before Host", "3.2.2", TARGET("http://x/a?b"), "GET /a?b x"),
    FRAMING("a URI with a port", "3.2.2", TARGET("http://x:81/"), "GET / x:81"),
    FRAMING("a URI with a scheme in capitals", "RFC 3986 3.1", TARGET("HTTP://x/"), "GET / x"),
    FRAMING("a URI of https", "3.2.2", TARGET("https://x/"), "GET / x"),
    FRAMING("a URI without a path", "3.2.2", TARGET("http://x"), "GET / x"),
    FRAMING("a URI of a query without a path", "RFC 3986 3.3", TARGET("http://x?y"), "GET /?y x"),
    FRAMING("a URI without a host", "RFC 9110 4.2.1", TARGET("http:///a"), "400"),
    FRAMING("a URI with a user", "RFC 9110 4.2.4", TARGET("http://u@x/"), "400"),
    FRAMING("a URI with user and password", "RFC 9110 4.2.4", TARGET("http://u:p@x/"), "400"),
    FRAMING("a URI with a fragment", "3.2.2", TARGET("http://x/#a"), "400"),
    FRAMING("a URI with a backslash for the slash", "RFC 3986 3.2", TARGET("http://x\\@y/"), "400"),
    FRAMING("a URI of another scheme", "3.2.2", TARGET("ftp://x/"), "400"),
    FRAMING("a URI with one slash", "3.2.2", TARGET("http:/x/"), "400"),
    FRAMING("a URI does not replace a Host", "3.2", "GET http://x/ HTTP/1.1\r\n\r\n", "400"),
    FRAMING("a URI in HTTP/1.0 needs no Host", "3.2.2", "GET http://x/ HTTP/1.0\r\n\r\n",
            "GET / x close"),
    FRAMING("an invalid Host beside a URI", "3.2", "GET http://x/ HTTP/1.1\r\nHost: a b\r\n\r\n",
            "400"),
    FRAMING("an asterisk with OPTIONS", "3.2.4", "OPTIONS * HTTP/1.1\r\n" HOST END, "OPTIONS * h"),
    FRAMING("an asterisk with GET", "3.2.4", TARGET("*"), "400"),
    FRAMING("two asterisks", "3.2.4", "OPTIONS ** HTTP/1.1\r\n" HOST END, "400"),
    FRAMING("CONNECT", "3.2.3", "CONNECT x:443 HTTP/1.1\r\n" HOST END, "501"),
    FRAMING("a host and port with GET", "3.2.3", TARGET("x:443"), "400"),

    /* Hosts. */
    FRAMING("no Host", "3.2", GET END, "400"),
    FRAMING("no Host in HTTP/1.0", "3.2", "GET / HTTP/1.0\r\n\r\n", "GET / close"),
    FRAMING("two different Hosts", "3.2", GET HOST "Host: i\r\n\r\n", "400"),
    FRAMING("two equal Hosts", "3.2", GET HOST HOST END, "400"),
    FRAMING("two Hosts in HTTP/1.0", "3.2", "GET / HTTP/1.0\r\n" HOST HOST END, "400"),
    FRAMING("an empty Host", "RFC 9110 4.2.1", HOSTED(""), "400"),
    FRAMING("a Host with a port", "RFC 9110 7.2", HOSTED("h:80"), "GET / h:80"),
    FRAMING("a Host with an empty port", "RFC 3986 3.2.3", HOSTED("h:"), "GET / h:"),
    FRAMING("a Host of a port alone", "RFC 9110 4.2.1", HOSTED(":80"), "400"),
    FRAMING("a Host with a name for the port", "RFC 3986 3.2.3", HOSTED("h:http"), "400"),
    FRAMING("a Host with a port past 65535", "RFC 3986 3.2.3", HOSTED("h:65536"), "400"),
    FRAMING("a Host with a port that wraps", "RFC 3986 3.2.3", HOSTED("h:4294967376"), "400"),
    FRAMING("a Host with two ports", "RFC 3986 3.2.3", HOSTED("h:80:81"), "400"),
    FRAMING("a Host with a space", "3.2; nginx 1.21.1", HOSTED("h i"), "400"),
    FRAMING("white space around a Host", "5", GET "Host: \t h \t \r\n\r\n", "GET / h"),
    FRAMING("a Host with a path", "3.2", HOSTED("h/i"), "400"),
    FRAMING("a Host that is a URI", "3.2", HOSTED("http://h"), "400"),
    FRAMING("a Host with a user", "3.2", HOSTED("u@h"), "400"),
    FRAMING("a Host with a backslash", "3.2", HOSTED("h\\i"), "400"),
    FRAMING("a Host with a byte past ASCII", "3.2", HOSTED("\xc3\xa4"), "400"),
    FRAMING("a list is a name the door does not serve", "RFC 3986 3.2.2", HOSTED("h,i"),
            "GET / h,i"),
    FRAMING("a Host with an escape", "RFC 3986 3.2.2", HOSTED("h%41"), "GET / h%41"),
    FRAMING("a Host with half an escape", "RFC 3986 3.2.2", HOSTED("h%4"), "400"),
    FRAMING("a Host with a bad escape", "RFC 3986 3.2.2", HOSTED("h%zz"), "400"),
    FRAMING("an IPv4 address", "RFC 3986 3.2.2", HOSTED("127.0.0.1:8080"), "GET / 127.0.0.1:8080"),
    FRAMING("an IPv6 address", "RFC 3986 3.2.2", HOSTED("[::1]:8080"), "GET / [::1]:8080"),
    FRAMING("an IPv6 address without brackets", "RFC 3986 3.2.2", HOSTED("::1"), "400"),
    FRAMING("an IPv6 address half in brackets", "RFC 3986 3.2.2", HOSTED("[::1"), "400"),
    FRAMING("empty brackets", "RFC 3986 3.2.2", HOSTED("[]"), "400"),
    FRAMING("a name in brackets as Host", "RFC 3986 3.2.2", HOSTED("[host]"), "400"),
    FRAMING("something behind brackets", "RFC 3986 3.2.2", HOSTED("[::1]x"), "400"),

    /* Connections: a second request is read where the first is kept. */
    FRAMING("HTTP/1.1 stays", "9.3", HEADERS("A: b") HEADERS("A: b"), "GET / h | GET / h"),
    FRAMING("HTTP/1.1 closes on demand", "9.6", HEADERS("Connection: close") GET, "GET / h close"),
    FRAMING("close in any case and place", "RFC 9110 7.6.1",
            HEADERS("Connection: foo , CLOSE,bar") GET, "GET / h close"),
    FRAMING("close in a second line", "RFC 9110 5.3",
            HEADERS("Connection: foo\r\nConnection: close") GET, "GET / h close"),
    FRAMING("close goes before keep-alive", "9.3", HEADERS("Connection: close, keep-alive") GET,
            "GET / h close"),
    FRAMING("no prefix of close", "RFC 9110 7.6.1", HEADERS("Connection: closed"), "GET / h"),
    FRAMING("HTTP/1.0 closes", "9.3", OLD("A: b") GET, "GET / h close"),
    FRAMING("HTTP/1.0 stays on demand", "9.3", OLD("Connection: Keep-Alive") OLD("A: b"),
            "GET / h | GET / h close"),
    FRAMING("HTTP/1.0 closes on demand", "9.3", OLD("Connection: keep-alive, close") GET,
            "GET / h close"),
    FRAMING("Proxy-Connection says nothing", "C.2.2", OLD("Proxy-Connection: keep-alive") GET,
            "GET / h close"),
    FRAMING("Keep-Alive says nothing", "C.2.2", OLD("Keep-Alive: timeout=5") GET, "GET / h close"),
    FRAMING("empty members of Connection", "RFC 9110 5.6.1", HEADERS("Connection: , ,"), "GET / h"),
    FRAMING("an empty Connection", "RFC 9110 5.6.1", HEADERS("Connection:"), "GET / h"),
    FRAMING("Connection in quotes", "RFC 9110 7.6.1", HEADERS("Connection: \"close\""), "400"),
    FRAMING("Connection with a space", "RFC 9110 7.6.1", HEADERS("Connection: keep alive"), "400"),
    FRAMING("Connection with a semicolon", "RFC 9110 7.6.1", HEADERS("Connection: close; a=b"),
            "400"),
    FRAMING("an upgrade", "RFC 9110 7.8", HEADERS("Connection: Upgrade\r\nUpgrade: websocket"),
            "GET / h upgrade"),
    FRAMING("an upgrade that Connection does not name", "RFC 9110 7.8",
            HEADERS("Upgrade: websocket"), "GET / h"),
    FRAMING("an upgrade to nothing", "RFC 9110 7.8", HEADERS("Connection: upgrade"), "GET / h"),
    FRAMING("an upgrade in HTTP/1.0", "RFC 9110 7.8",
            OLD("Connection: upgrade, keep-alive\r\nUpgrade: websocket"), "GET / h"),

    /* Expectations. */
    FRAMING("a client waits to send", "RFC 9110 10.1.1",
            POST HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
            "POST / h continue [hello]"),
    FRAMING("a client waits to send chunks", "RFC 9110 10.1.1",
            POST HOST "Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / h continue []"),
    FRAMING("a client waits to send nothing", "RFC 9110 10.1.1",
            HEADERS("Expect: 100-continue\r\nContent-Length: 0"), "GET / h"),
    FRAMING("a client of HTTP/1.0 does not wait", "RFC 9110 10.1.1",
            "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
            "POST / [hello] close"),
    FRAMING("another expectation", "RFC 9110 10.1.1", HEADERS("Expect: 200-ok"), "417"),
    FRAMING("another expectation behind", "RFC 9110 10.1.1", HEADERS("Expect: 100-continue, x"),
            "417"),
    FRAMING("another expectation in HTTP/1.0", "RFC 9110 10.1.1", OLD("Expect: x"),
            "GET / h close"),
    FRAMING("an empty expectation", "RFC 9110 10.1.1", HEADERS("Expect:"), "417"),
};

struct framing_table framing_heads(void)
{
    return (struct framing_table){framing_heads_rows, ARRAY_COUNT(framing_heads_rows)};
}
