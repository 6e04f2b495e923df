/* Pieces of HTTP text where they stand, and what characters may be in them. Pure; nothing here
 * allocates or keeps a pointer. */
#ifndef BROKER_GATEWAY_HTTP_TEXT_H
#define BROKER_GATEWAY_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of text owned by somebody else; not NUL-terminated. */
struct http_text {
    const char *data; /* first byte; never NULL in a result, even where length is 0 */
    size_t length;    /* bytes */
};

/* Classes of characters, one bit each. */
enum http_class {
    HTTP_CLASS_TOKEN = 1,    /* tchar, RFC 9110 section 5.6.2: names, methods, codings */
    HTTP_CLASS_FIELD = 2,    /* field-vchar, SP, HTAB, RFC 9110 section 5.5: in values */
    HTTP_CLASS_PATH = 4,     /* pchar and "/", RFC 3986 section 3.3, escapes unchecked */
    HTTP_CLASS_QUERY = 8,    /* as that and "?", and what browsers leave as it is: "[]{}|\^` */
    HTTP_CLASS_HOST = 16,    /* unreserved and sub-delims, RFC 3986 section 3.2.2: names of hosts */
    HTTP_CLASS_DIGIT = 32,   /* 0 to 9 */
    HTTP_CLASS_HEX = 64,     /* 0 to 9, a to f, A to F */
    HTTP_CLASS_QUOTED = 128, /* qdtext, RFC 9110 section 5.6.4: in quotes without a backslash */
};

/* The text of the NUL-terminated `literal`. */
struct http_text http_text(const char *literal);

/* Whether `text` is `literal`: byte for byte, or with A to Z the same as a to z (no other letter
 * has two cases in HTTP). */
bool http_text_is(struct http_text text, const char *literal);
bool http_text_is_nocase(struct http_text text, const char *literal);

/* Whether `a` and `b` are the same but for the case of A to Z. */
bool http_text_same_nocase(struct http_text a, struct http_text b);

/* The classes of each byte. */
extern const uint8_t http_text_classes[256];

/* Whether `byte` is of a class in `classes`. */
static inline bool http_text_has_class(uint8_t byte, unsigned classes)
{
    return (http_text_classes[byte] & classes) != 0;
}

/* How many bytes at the beginning of `text` are of a class in `classes`. */
size_t http_text_span(struct http_text text, unsigned classes);

/* As http_text_span(text, HTTP_CLASS_FIELD), 16 bytes at a time: how far there is no control
 * character but a tab. */
size_t http_text_span_field(struct http_text text);

/* Whether `text` is a token: at least one byte, and all of HTTP_CLASS_TOKEN. */
bool http_text_is_token(struct http_text text);

/* `text` without spaces and tabs at both ends (OWS, RFC 9110 section 5.6.3). */
struct http_text http_text_trim(struct http_text text);

/* The value of the hexadecimal digit `byte`, or -1. */
int http_text_hex(uint8_t byte);

#endif
