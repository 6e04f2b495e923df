/* Where a body ends: Content-Length and Transfer-Encoding. See framing.h. */
#include "base/compiler.h"
#include "tests/unit/gateway/framing.h"

#define POST FRAMING_POST
#define HOST FRAMING_HOST
#define NEXT "GET /2 HTTP/1.1\r\n" HOST "\r\n"

/* A request with the header lines `headers`; with a Content-Length, and as many bytes of body as it
 * would have if it were read as 5; with a Transfer-Encoding, and a body in one chunk. */
#define HEADERS(headers) POST HOST headers "\r\n\r\n"
#define LENGTH(value)    HEADERS("Content-Length:" value) "hello" NEXT
#define CODING(value)    HEADERS("Transfer-Encoding:" value) "5\r\nhello\r\n0\r\n\r\n" NEXT
#define CHUNKS           "0\r\n\r\n"

static const struct framing_row framing_bodies_rows[] = {
    /* Content-Length. */
    FRAMING("a body and the next request", "6.2", LENGTH(" 5"), "POST / h [hello] | GET /2 h"),
    FRAMING("no body", "6.3", HEADERS("A: b") NEXT, "POST / h | GET /2 h"),
    FRAMING("a body of no bytes", "6.2", HEADERS("Content-Length: 0") NEXT, "POST / h | GET /2 h"),
    FRAMING("a body that is a request", "6.2",
            HEADERS("Content-Length: 26") "GET /x HTTP/1.1\r\nHost: x\r\n" NEXT,
            "POST / h [GET /x HTTP/1.1\\x0d\\x0aHost: x\\x0d\\x0a] | GET /2 h"),
    FRAMING("a body with GET", "RFC 9110 9.3.1",
            "GET / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello" NEXT,
            "GET / h [hello] | GET /2 h"),
    FRAMING("a body with HEAD and DELETE", "6",
            "HEAD / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\na"
            "DELETE / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nb",
            "HEAD / h [a] | DELETE / h [b]"),
    FRAMING("a body that is not all there", "6.3", HEADERS("Content-Length: 5") "hel",
            "POST / h [hel..."),
    FRAMING("a body with an empty line behind", "2.2",
            HEADERS("Content-Length: 5") "hello\r\n" NEXT, "POST / h [hello] | GET /2 h"),
    FRAMING("leading zeros", "RFC 9110 8.6", LENGTH(" 0000000000000000000000005"),
            "POST / h [hello] | GET /2 h"),
    FRAMING("white space around the number", "5", LENGTH(" \t 5 \t"),
            "POST / h [hello] | GET /2 h"),
    FRAMING("no space before the number", "5", LENGTH("5"), "POST / h [hello] | GET /2 h"),
    FRAMING("plus", "hyper CVE-2021-32715, Jetty CVE-2023-40167", LENGTH(" +5"), "400"),
    FRAMING("minus", "RFC 9110 8.6", LENGTH(" -5"), "400"),
    FRAMING("minus nothing", "RFC 9110 8.6", LENGTH(" -0"), "400"),
    FRAMING("hexadecimal", "protocol-http1 CVE-2023-38697", LENGTH(" 0x5"), "400"),
    FRAMING("hexadecimal without its mark", "RFC 9110 8.6", LENGTH(" a"), "400"),
    FRAMING("an underscore in the number", "aiohttp CVE-2023-47627", LENGTH(" 0_5"), "400"),
    FRAMING("two numbers with a space", "RFC 9110 8.6", LENGTH(" 5 5"), "400"),
    FRAMING("two equal numbers in a list", "RFC 9110 8.6", LENGTH(" 5,5"), "400"),
    FRAMING("two equal numbers in a list with a space", "RFC 9110 8.6", LENGTH(" 5, 5"), "400"),
    FRAMING("two different numbers in a list", "RFC 9110 8.6", LENGTH(" 5, 6"), "400"),
    FRAMING("a comma behind the number", "HAProxy CVE-2023-40225", LENGTH(" 5,"), "400"),
    FRAMING("a comma before the number", "HAProxy CVE-2023-40225", LENGTH(" ,5"), "400"),
    FRAMING("a semicolon behind the number", "Tomcat CVE-2022-42252", LENGTH(" 5;"), "400"),
    FRAMING("a fraction", "RFC 9110 8.6", LENGTH(" 5.0"), "400"),
    FRAMING("an exponent", "RFC 9110 8.6", LENGTH(" 5e0"), "400"),
    FRAMING("letters behind the number", "RFC 9110 8.6", LENGTH(" 5abc"), "400"),
    FRAMING("quotes around the number", "RFC 9110 8.6", LENGTH(" \"5\""), "400"),
    FRAMING("vertical tab before the number", "aiohttp CVE-2023-47627", LENGTH(" \v5"), "400"),
    FRAMING("NUL behind the number", "RFC 9110 5.5", LENGTH(" 5\0"), "400"),
    FRAMING("no-break space before the number", "RFC 9110 8.6",
            LENGTH(" \xc2\xa0"
                   "5"),
            "400"),
    FRAMING("a digit of another script", "RFC 9110 8.6", LENGTH(" \xd9\xa5"), "400"),
    FRAMING("no number", "HAProxy CVE-2023-40225, puma CVE-2023-40175", LENGTH(""), "400"),
    FRAMING("no number but a space", "HAProxy CVE-2023-40225", LENGTH(" "), "400"),
    FRAMING("a number past 2^64", "RFC 9110 8.6; Tomcat CVE-2014-0099",
            LENGTH(" 18446744073709551621"), "413"),
    FRAMING("a number past 2^63", "RFC 9110 8.6", LENGTH(" 9223372036854775808"), "413"),
    FRAMING("the largest number", "RFC 9110 8.6", LENGTH(" 9223372036854775807"),
            "POST / h [helloGET /2 HTTP/1.1\\x0d\\x0aHost: h\\x0d\\x0a\\x0d\\x0a..."),
    FRAMING("a number with letters past 2^64", "RFC 9110 8.6", LENGTH(" 99999999999999999999x"),
            "400"),
    FRAMING("two equal lines", "RFC 9110 8.6; Twisted CVE-2020-10108",
            LENGTH(" 5\r\nContent-Length: 5"), "400"),
    FRAMING("two different lines", "6.3; Jetty CVE-2017-7658", LENGTH(" 5\r\nContent-Length: 6"),
            "400"),
    FRAMING("a second line of nothing", "HAProxy CVE-2023-40225", LENGTH(" 5\r\nContent-Length:"),
            "400"),
    FRAMING("a second line in other letters", "waitress CVE-2019-16792",
            LENGTH(" 5\r\ncontent-length: 0"), "400"),

    /* Both. */
    FRAMING("Content-Length, then Transfer-Encoding", "6.1; Netty CVE-2019-20445, nginx 1.21.1",
            HEADERS("Content-Length: 5\r\nTransfer-Encoding: chunked") CHUNKS NEXT, "400"),
    FRAMING("Transfer-Encoding, then Content-Length", "6.1; Twisted CVE-2020-10109",
            HEADERS("Transfer-Encoding: chunked\r\nContent-Length: 5") CHUNKS NEXT, "400"),
    FRAMING("both, and the length is 0", "6.1",
            HEADERS("Content-Length: 0\r\nTransfer-Encoding: chunked") CHUNKS NEXT, "400"),

    /* Transfer-Encoding. */
    FRAMING("chunked", "7.1", CODING(" chunked"), "POST / h [hello] | GET /2 h"),
    FRAMING("chunked in any case", "7", CODING(" ChUnKeD"), "POST / h [hello] | GET /2 h"),
    FRAMING("white space around chunked", "5", CODING("\tchunked \t"),
            "POST / h [hello] | GET /2 h"),
    FRAMING("no space before chunked", "5", CODING("chunked"), "POST / h [hello] | GET /2 h"),
    FRAMING("chunked twice", "6.1", CODING(" chunked, chunked"), "400"),
    FRAMING("chunked in two lines", "6.1; node CVE-2020-8287",
            CODING(" chunked\r\nTransfer-Encoding: chunked"), "400"),
    FRAMING("chunked, then identity", "node CVE-2020-8287, hyper RUSTSEC-2020-0008",
            CODING(" chunked\r\nTransfer-Encoding: identity"), "400"),
    FRAMING("identity, then chunked", "node CVE-2020-8287",
            CODING(" identity\r\nTransfer-Encoding: chunked"), "400"),
    FRAMING("identity", "RFC 9112 C.2.3; Go CVE-2022-1705", CODING(" identity"), "400"),
    FRAMING("a coding and chunked", "6.1", CODING(" gzip, chunked"), "501"),
    FRAMING("identity and chunked", "6.1", CODING(" identity, chunked"), "501"),
    FRAMING("two codings and chunked", "6.1", CODING(" deflate ,gzip\t,chunked"), "501"),
    FRAMING("a coding without chunked", "6.3", CODING(" gzip"), "400"),
    FRAMING("chunked not last", "6.3; llhttp CVE-2022-32213", CODING(" chunked, gzip"), "400"),
    FRAMING("chunked first and last", "6.1", CODING(" chunked, gzip, chunked"), "400"),
    FRAMING("a comma before chunked", "6.1", CODING(" , chunked"), "400"),
    FRAMING("a comma behind chunked", "6.1; node CVE-2019-15605", CODING(" chunked,"), "400"),
    FRAMING("nothing as coding", "6.1; Tomcat CVE-2019-17569", CODING(""), "400"),
    FRAMING("white space as coding", "6.1", CODING(" \t"), "400"),
    FRAMING("a letter before chunked", "6.3; Go CVE-2022-1705", CODING(" xchunked"), "400"),
    FRAMING("a letter behind chunked", "6.3", CODING(" chunkedx"), "400"),
    FRAMING("a word behind chunked", "gunicorn CVE-2024-1135", CODING(" chunked foo"), "400"),
    FRAMING("a parameter of chunked", "7", CODING(" chunked;q=1"), "400"),
    FRAMING("a semicolon behind chunked", "7", CODING(" chunked;"), "400"),
    FRAMING("chunked in quotes", "6.1", CODING(" \"chunked\""), "400"),
    FRAMING("chunked in single quotes", "6.1", CODING(" 'chunked'"), "400"),
    FRAMING("vertical tab before chunked", "HAProxy CVE-2019-18277", CODING(" \vchunked"), "400"),
    FRAMING("vertical tab behind chunked", "HAProxy CVE-2019-18277", CODING(" chunked\v"), "400"),
    FRAMING("form feed before chunked", "RFC 9110 5.5", CODING(" \fchunked"), "400"),
    FRAMING("NUL before chunked", "RFC 9110 5.5", CODING(" \0chunked"), "400"),
    FRAMING("CR before chunked", "2.2", CODING(" \rchunked"), "400"),
    FRAMING("no-break space behind chunked", "6.1", CODING(" chunked\xa0"), "400"),
    FRAMING("a letter whose small form is k", "6.1; waitress",
            CODING(" chun\xe2\x84\xaa"
                   "ed"),
            "400"),
    FRAMING("a colon before chunked", "6.1; puma CVE-2020-11076", CODING(" : chunked"), "400"),
    FRAMING("an underscore in Transfer_Encoding", "RFC 9110 5.1",
            HEADERS("Transfer_Encoding: chunked") NEXT, "POST / h | GET /2 h"),
    FRAMING("a letter before Transfer-Encoding", "RFC 9110 5.1",
            HEADERS("XTransfer-Encoding: chunked") NEXT, "POST / h | GET /2 h"),
    FRAMING("TE is not Transfer-Encoding", "RFC 9110 10.1.4", HEADERS("TE: chunked") NEXT,
            "POST / h | GET /2 h"),
    FRAMING("chunked behind an LF", "llhttp CVE-2022-32214",
            HEADERS("A: b\nTransfer-Encoding: chunked") CHUNKS, "400"),
    FRAMING("chunked in HTTP/1.0", "6.1",
            "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n" CHUNKS, "400"),
    FRAMING(
        "chunked in HTTP/1.0 that is kept", "6.1",
        "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNKS,
        "400"),
    FRAMING("chunked with GET", "6",
            "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n" CHUNKS NEXT,
            "GET / h [] | GET /2 h"),
};

struct framing_table framing_bodies(void)
{
    return (struct framing_table){framing_bodies_rows, ARRAY_COUNT(framing_bodies_rows)};
}
