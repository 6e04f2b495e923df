/* Media types: what Content-Type says, and which of several Accept wants.
 *
 *     struct http_media media;
 *     if (http_media_read(value, &media) == ERR_OK && http_media_is(&media, "application/json"))
 * ...
 *
 *     static const char *const offers[] = {"application/json", "text/csv"};
 *     struct http_accept accept;
 *     http_accept_init(&accept, offers, 2);
 *     for each Accept line: http_accept_add(&accept, value)
 *     int chosen = http_accept_choose(&accept);        -1: 406
 *
 * Source: RFC 9110 sections 8.3.1, 5.6.6 and 12.5.1. Pure: nothing allocates; views live as long as
 * the text they were read from. */
#ifndef BROKER_GATEWAY_HTTP_MEDIA_H
#define BROKER_GATEWAY_HTTP_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "broker/gateway/http_text.h"

/* The most that can be offered at once. */
#define HTTP_ACCEPT_OFFERS_COUNT_MAX 8u

/* A media type in the text it was read from. */
struct http_media {
    struct http_text type;       /* "application"; any case */
    struct http_text subtype;    /* "json"; any case */
    struct http_text parameters; /* from the first ";" on, checked; empty where there is none */
};

/* A parameter of a media type. */
struct http_media_parameter {
    struct http_text name;  /* any case */
    struct http_text value; /* without the quotes, escapes and all */
    bool is_quoted;         /* a backslash in `value` stands for the character behind it */
};

/* What may be sent, and how much each is wanted. */
struct http_accept {
    const char *const *offers; /* media types without parameters, the most liked first */
    size_t count;              /* of them */
    bool has_ranges;           /* Accept has said something */
    uint16_t quality[HTTP_ACCEPT_OFFERS_COUNT_MAX]; /* thousandths, by the closest range so far */
    uint8_t
        closeness[HTTP_ACCEPT_OFFERS_COUNT_MAX]; /* of that: 0 none, 1 any, 2 its type, 3 itself */
};

/* *out = the media type `text` is, a Content-Type's value. ERR_INVALID: it is none, its parameters
 * included. */
MUST_USE enum err http_media_read(struct http_text text, struct http_media *out);

/* Whether type and subtype of `media` are those of `name`, "application/json" (any case). */
bool http_media_is(const struct http_media *media, const char *name);

/* *out = the first parameter of `media` (which http_media_read gave) called `name` (any case).
 * False: there is none. */
bool http_media_find(const struct http_media *media, const char *name,
                     struct http_media_parameter *out);

/* Whether the value of `parameter` is `value` (any case), escapes resolved. */
bool http_media_parameter_is(const struct http_media_parameter *parameter, const char *value);

/* Whether what `media` describes is UTF-8: it says so, or names no charset (JSON has no other, RFC
 * 8259 section 8.1). `us-ascii` is UTF-8, too. */
bool http_media_is_utf8(const struct http_media *media);

/* Nothing said yet. `offers` are `count` (1 to HTTP_ACCEPT_OFFERS_COUNT_MAX, asserted) types that
 * live as long as `accept`. */
void http_accept_init(struct http_accept *accept, const char *const *offers, size_t count);

/* Take in one Accept line; several add up. Of the ranges that an offer matches the closest counts;
 * of equally close ones the highest quality. Parameters of a range are checked and not compared:
 * who asks for `application/json;charset=utf-8` gets JSON. ERR_INVALID: not a list of media ranges;
 * what was understood before the fault counts. */
MUST_USE enum err http_accept_add(struct http_accept *accept, struct http_text line);

/* The offer wanted most, of equals the first; the first of all when nothing was said. -1: none is
 * acceptable. */
int http_accept_choose(const struct http_accept *accept);

#endif
