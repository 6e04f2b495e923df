/* Bodies in chunks: sizes, extensions, data and trailers. See framing.h. */
#include "base/compiler.h"
#include "tests/unit/gateway/framing.h"

#define HOST FRAMING_HOST
#define NEXT "GET /2 HTTP/1.1\r\n" HOST "\r\n"
#define LAST "0\r\n\r\n"

/* A request with the chunked body `body`; with a chunk whose size line is `line` and that has five
 * bytes; with the trailers `trailers`. */
#define BODY(body)         "PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n" body
#define SIZE(line)         BODY(line "\r\nhello\r\n" LAST NEXT)
#define TRAILERS(trailers) BODY("5\r\nhello\r\n0\r\n" trailers "\r\n" NEXT)

#define READ "PUT / h [hello] | GET /2 h"

static const struct framing_row framing_chunks_rows[] = {
    FRAMING("several chunks", "7.1", BODY("2\r\nhe\r\n1\r\nl\r\n2\r\nlo\r\n0\r\n\r\n" NEXT), READ),
    FRAMING("no chunk but the last", "7.1", BODY(LAST NEXT), "PUT / h [] | GET /2 h"),
    FRAMING("a chunk that is a request", "7.1", BODY("f\r\nGET / HTTP/1.1\r\n\r\n" LAST NEXT),
            "PUT / h [GET / HTTP/1.1\\x0d] 400"),
    FRAMING("a chunk with CR LF", "7.1", BODY("4\r\n\r\n\r\n\r\n" LAST NEXT),
            "PUT / h [\\x0d\\x0a\\x0d\\x0a] | GET /2 h"),
    FRAMING("a size in small letters", "7.1", BODY("b\r\nhello world\r\n" LAST),
            "PUT / h [hello world]"),
    FRAMING("a size in capitals", "7.1", BODY("B\r\nhello world\r\n" LAST),
            "PUT / h [hello world]"),
    FRAMING("zeros before a size", "7.1", SIZE("0000000000000005"), READ),
    FRAMING("a last chunk of several zeros", "7.1", BODY("5\r\nhello\r\n0000\r\n\r\n" NEXT), READ),
    FRAMING("a body that ends in a chunk", "8", BODY("5\r\nhel"), "PUT / h [hel..."),
    FRAMING("a body that ends behind a chunk", "8", BODY("5\r\nhello\r\n"), "PUT / h [hello..."),
    FRAMING("a body without its last empty line", "8", BODY("5\r\nhello\r\n0\r\n"),
            "PUT / h [hello..."),

    /* Sizes. */
    FRAMING("a plus before a size", "7.1; protocol-http1 CVE-2023-38697", SIZE("+5"),
            "PUT / h [] 400"),
    FRAMING("a minus before a size", "7.1", SIZE("-5"), "PUT / h [] 400"),
    FRAMING("0x before a size", "uhttpd #3, protocol-http1 CVE-2023-38697", SIZE("0x5"),
            "PUT / h [] 400"),
    FRAMING("an underscore in a size", "uhttpd #3", SIZE("0_5"), "PUT / h [] 400"),
    FRAMING("a space before a size", "7.1", SIZE(" 5"), "PUT / h [] 400"),
    FRAMING("a tab before a size", "7.1", SIZE("\t5"), "PUT / h [] 400"),
    FRAMING("a CR before a size", "uhttpd #3", SIZE("\r5"), "PUT / h [] 400"),
    FRAMING("a space behind a size", "7.1", SIZE("5 "), "PUT / h [] 400"),
    FRAMING("a tab behind a size", "7.1", SIZE("5\t"), "PUT / h [] 400"),
    FRAMING("a space within a size", "Pekko HTTP #1257", SIZE("5 0"), "PUT / h [] 400"),
    FRAMING("a space and a word behind a size", "7.1", SIZE("5 0a"), "PUT / h [] 400"),
    FRAMING("a letter behind a size", "picohttpparser #78, ATS #10580", SIZE("5x"),
            "PUT / h [] 400"),
    FRAMING("a word behind a size", "ATS #10580", SIZE("5these-bytes"), "PUT / h [] 400"),
    FRAMING("NUL behind a size", "7.1", SIZE("5\0"), "PUT / h [] 400"),
    FRAMING("a size with a comma", "7.1", SIZE("5,0"), "PUT / h [] 400"),
    FRAMING("no size", "7.1", SIZE(""), "PUT / h [] 400"),
    FRAMING("no size but an extension", "7.1", SIZE(";a"), "PUT / h [] 400"),
    FRAMING("a size in quotes", "7.1", SIZE("\"5\""), "PUT / h [] 400"),
    FRAMING("a size of 17 digits", "7.1; hyper CVE-2021-32714", SIZE("10000000000000005"),
            "PUT / h [] 400"),
    FRAMING("a size of 17 digits, zeros first", "7.1", SIZE("00000000000000005"), "PUT / h [] 400"),
    FRAMING("the largest size", "7.1; nginx CVE-2013-2028", SIZE("ffffffffffffffff"),
            "PUT / h [] 413"),
    FRAMING("a size that is negative elsewhere", "7.1; nginx CVE-2013-2028",
            SIZE("8000000000000000"), "PUT / h [] 413"),
    FRAMING("a size past 32 bits", "7.1; Jetty CVE-2017-7657", SIZE("100000005"), "PUT / h [] 413"),
    FRAMING("sizes whose sum wraps", "7.1", BODY("5\r\nhello\r\nfffffffffffffffb\r\nx"),
            "PUT / h [hello] 413"),
    FRAMING("LF alone behind a size", "7.1; Go CVE-2025-22871", BODY("5\nhello\r\n" LAST),
            "PUT / h [] 400"),
    FRAMING("CR alone behind a size", "7.1", BODY("5\rhello\r\n" LAST), "PUT / h [] 400"),
    FRAMING("LF CR behind a size", "7.1", BODY("5\n\rhello\r\n" LAST), "PUT / h [] 400"),
    FRAMING("LF alone behind the last size", "7.1; Go CVE-2025-22871", BODY("0\n\r\n"),
            "PUT / h [] 400"),

    /* Extensions. */
    FRAMING("an extension", "7.1.1", SIZE("5;a"), READ),
    FRAMING("an extension with a value", "7.1.1", SIZE("5;a=b"), READ),
    FRAMING("an extension in quotes", "7.1.1", SIZE("5;a=\"b;c\\\"\\\\ \t=\""), READ),
    FRAMING("an extension of empty quotes", "7.1.1", SIZE("5;a=\"\""), READ),
    FRAMING("several extensions", "7.1.1", SIZE("5;a;b=c;d=\"e\";f"), READ),
    FRAMING("white space around an extension", "7.1.1", SIZE("5 ;\ta = b ; c"), READ),
    FRAMING("an extension of the last chunk", "7.1.1", BODY("0;a=b\r\n\r\n" NEXT),
            "PUT / h [] | GET /2 h"),
    FRAMING("white space behind an extension", "7.1.1", SIZE("5;a "), "PUT / h [] 400"),
    FRAMING("a semicolon alone", "7.1.1", SIZE("5;"), "PUT / h [] 400"),
    FRAMING("two semicolons", "7.1.1", SIZE("5;;a"), "PUT / h [] 400"),
    FRAMING("an extension without a name", "7.1.1", SIZE("5;=b"), "PUT / h [] 400"),
    FRAMING("an extension without its value", "7.1.1", SIZE("5;a="), "PUT / h [] 400"),
    FRAMING("an extension of two words", "7.1.1", SIZE("5;a b"), "PUT / h [] 400"),
    FRAMING("an extension of two longer words", "7.1.1", SIZE("5;a bc"), "PUT / h [] 400"),
    FRAMING("an extension whose value is no token", "7.1.1", SIZE("5;a=("), "PUT / h [] 400"),
    FRAMING("an extension of two values", "7.1.1", SIZE("5;a=b=c"), "PUT / h [] 400"),
    FRAMING("an extension with a comma", "7.1.1", SIZE("5;a,b"), "PUT / h [] 400"),
    FRAMING("something behind quotes", "7.1.1", SIZE("5;a=\"b\"c"), "PUT / h [] 400"),
    FRAMING("LF in an extension", "Go CVE-2025-22871, aiohttp CVE-2024-52304",
            BODY("5;a\nbc\r\nhello\r\n" LAST), "PUT / h [] 400"),
    FRAMING("LF alone behind an extension", "Go CVE-2025-22871", BODY("5;\nhello\r\n" LAST),
            "PUT / h [] 400"),
    FRAMING("CR in an extension", "7.1.1", BODY("5;a\rb\r\nhello\r\n" LAST), "PUT / h [] 400"),
    FRAMING("NUL in an extension", "7.1.1", SIZE("5;a\0b"), "PUT / h [] 400"),
    FRAMING("LF in quotes", "7.1.1", SIZE("5;a=\"\n\""), "PUT / h [] 400"),
    FRAMING("CR LF in quotes", "7.1.1", SIZE("5;a=\"\r\n\""), "PUT / h [] 400"),
    FRAMING("an escaped LF in quotes", "7.1.1", SIZE("5;a=\"\\\n\""), "PUT / h [] 400"),
    FRAMING("quotes that do not end", "7.1.1", SIZE("5;a=\"b"), "PUT / h [] 400"),
    FRAMING("an escaped quote that ends nothing", "7.1.1", SIZE("5;a=\"b\\\""), "PUT / h [] 400"),

    /* Data. */
    FRAMING("nothing behind a chunk", "7.1", BODY("5\r\nhello" LAST), "PUT / h [hello] 400"),
    FRAMING("LF alone behind a chunk", "7.1", BODY("5\r\nhello\n" LAST), "PUT / h [hello] 400"),
    FRAMING("CR alone behind a chunk", "7.1", BODY("5\r\nhello\r" LAST), "PUT / h [hello] 400"),
    FRAMING("another byte and LF behind a chunk", "7.1", BODY("5\r\nhelloX\n" LAST),
            "PUT / h [hello] 400"),
    FRAMING("CR and another byte behind a chunk", "7.1", BODY("5\r\nhello\rX" LAST),
            "PUT / h [hello] 400"),
    FRAMING("two other bytes behind a chunk", "pound #43", BODY("5\r\nhelloXX" LAST),
            "PUT / h [hello] 400"),
    FRAMING("a chunk longer than its size", "pound #43", BODY("5\r\nhelloXXX\r\n" LAST),
            "PUT / h [hello] 400"),
    FRAMING("a chunk shorter than its size", "7.1", BODY("5\r\nhe\r\n" LAST),
            "PUT / h [he\\x0d\\x0a0] 400"),

    /* Trailers. */
    FRAMING("a trailer", "7.1.2", TRAILERS("A: b\r\n"), READ),
    FRAMING("several trailers", "7.1.2", TRAILERS("A:b\r\nC:\r\nD: \t e\t\r\n"), READ),
    FRAMING("a trailer with a length is dropped", "RFC 9110 6.5.1; Tomcat CVE-2023-46589",
            TRAILERS("Content-Length: 100\r\n"), READ),
    FRAMING("a trailer with a coding is dropped", "RFC 9110 6.5.1",
            TRAILERS("Transfer-Encoding: chunked\r\n"), READ),
    FRAMING("a trailer with a host is dropped", "RFC 9110 6.5.1", TRAILERS("Host: evil\r\n"), READ),
    FRAMING("a trailer that closes is dropped", "RFC 9110 6.5.1", TRAILERS("Connection: close\r\n"),
            READ),
    FRAMING("a request for a trailer", "puma CVE-2023-40175", BODY("5\r\nhello\r\n0\r\n" NEXT),
            "PUT / h [hello] 400"),
    FRAMING("LF alone for the last empty line", "7.1", BODY("0\r\n\n" NEXT), "PUT / h [] 400"),
    FRAMING("CR alone for the last empty line", "7.1", BODY("0\r\n\r" NEXT), "PUT / h [] 400"),
    FRAMING("LF alone ends a trailer", "2.2", TRAILERS("A: b\n"), "PUT / h [hello] 400"),
    FRAMING("CR alone in a trailer", "2.2", TRAILERS("A: b\rc\r\n"), "PUT / h [hello] 400"),
    FRAMING("NUL in a trailer", "RFC 9110 5.5", TRAILERS("A: b\0\r\n"), "PUT / h [hello] 400"),
    FRAMING("a folded trailer", "5.2", TRAILERS("A: b\r\n c\r\n"), "PUT / h [hello] 400"),
    FRAMING("white space before a trailer", "2.2", TRAILERS(" A: b\r\n"), "PUT / h [hello] 400"),
    FRAMING("space before a trailer's colon", "5.1", TRAILERS("A : b\r\n"), "PUT / h [hello] 400"),
    FRAMING("a trailer without a colon", "5", TRAILERS("A\r\n"), "PUT / h [hello] 400"),
    FRAMING("a trailer without a name", "5", TRAILERS(": b\r\n"), "PUT / h [hello] 400"),
};

struct framing_table framing_chunks(void)
{
    return (struct framing_table){framing_chunks_rows, ARRAY_COUNT(framing_chunks_rows)};
}
