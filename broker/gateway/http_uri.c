/* Pieces of a request's target. See http_uri.h. */
#include "broker/gateway/http_uri.h"

#include <string.h>

#include "base/assert.h"
#include "base/json.h"

/* The largest port. */
#define URI_PORT_MAX 65535u

static enum err http_uri_decode(struct bytes_writer *w, struct http_text text, bool is_query);
static bool http_uri_decode_one(struct http_text *rest, bool is_query, uint8_t *byte);
static bool http_uri_is(struct http_text text, const char *decoded);
static bool http_uri_is_host(struct http_text host);
static bool http_uri_is_port(struct http_text port);
static struct http_text http_uri_take(struct http_text *rest, char divider);

struct http_uri_path http_uri_path(struct http_text path)
{
    ASSERT(path.length == 0 || path.data[0] == '/');
    return (struct http_uri_path){.rest = path};
}

bool http_uri_path_next(struct http_uri_path *walk, struct http_text *segment)
{
    struct http_text rest = walk->rest;
    if (rest.length == 0) {
        return false;
    }
    ASSERT(rest.data[0] == '/');
    rest.data++;
    rest.length--;
    const char *slash = memchr(rest.data, '/', rest.length);
    segment->data = rest.data;
    segment->length = slash != NULL ? (size_t)(slash - rest.data) : rest.length;
    walk->rest.data = rest.data + segment->length; /* at the slash */
    walk->rest.length = rest.length - segment->length;
    return true;
}

enum err http_uri_decode_segment(struct bytes_writer *w, struct http_text segment)
{
    size_t begin = w->pos;
    enum err err = http_uri_decode(w, segment, false);
    if (err != ERR_OK) {
        return err;
    }
    size_t length = w->pos - begin;
    bool is_dots = length == 1 || length == 2;
    for (size_t i = begin; i < w->pos && is_dots; i++) {
        is_dots = w->data[i] == '.';
    }
    if (is_dots) {
        w->err = ERR_INVALID;
    }
    return w->err;
}

struct http_uri_query http_uri_query(struct http_text query)
{
    return (struct http_uri_query){.rest = query};
}

bool http_uri_query_next(struct http_uri_query *walk, struct http_text *name,
                         struct http_text *value)
{
    while (walk->rest.length > 0) {
        struct http_text parameter = http_uri_take(&walk->rest, '&');
        if (parameter.length > 0) {
            *name = http_uri_take(&parameter, '=');
            *value = parameter;
            return true;
        }
    }
    return false;
}

enum err http_uri_decode_query(struct bytes_writer *w, struct http_text part)
{
    return http_uri_decode(w, part, true);
}

unsigned http_uri_query_find(struct http_text query, const char *name, struct http_text *value)
{
    struct http_uri_query walk = http_uri_query(query);
    struct http_text called, is;
    unsigned found = 0;
    while (http_uri_query_next(&walk, &called, &is)) {
        if (http_uri_is(called, name) && found++ == 0) {
            *value = is;
        }
    }
    return found;
}

bool http_uri_host(struct http_text authority, struct http_text *host, struct http_text *port)
{
    struct http_text name = authority;
    struct http_text rest = authority;
    if (authority.length > 0 && authority.data[0] == '[') {
        const char *bracket = memchr(authority.data, ']', authority.length);
        if (bracket == NULL) {
            return false;
        }
        name.data++;
        name.length = (size_t)(bracket - name.data);
        rest.data = bracket + 1;
        rest.length -= name.length + 2;
        for (size_t i = 0; i < name.length; i++) {
            if (!http_text_has_class((uint8_t)name.data[i], HTTP_CLASS_HEX) &&
                name.data[i] != ':' && name.data[i] != '.') {
                return false;
            }
        }
    } else {
        name = http_uri_take(&rest, ':');
        rest.data = name.data + name.length; /* at the colon */
        rest.length = authority.length - name.length;
        if (!http_uri_is_host(name)) {
            return false;
        }
    }
    if (name.length == 0 || (rest.length > 0 && rest.data[0] != ':')) {
        return false;
    }
    size_t colon = rest.length > 0;
    rest.data += colon;
    rest.length -= colon;
    if (!http_uri_is_port(rest)) {
        return false;
    }
    *host = name;
    *port = rest;
    return true;
}

/* How many bytes at the start stand for themselves. */
static size_t http_uri_plain(struct http_text text, bool is_query)
{
    size_t i = 0;
    while (i < text.length && text.data[i] != '%' && text.data[i] != '\0' &&
           !(is_query && text.data[i] == '+')) {
        i++;
    }
    return i;
}

/* Write what `text` stands for; escapes, and in a query the plus. */
static enum err http_uri_decode(struct bytes_writer *w, struct http_text text, bool is_query)
{
    if (w->err != ERR_OK) {
        return w->err;
    }
    size_t begin = w->pos;
    while (text.length > 0) {
        uint8_t byte;
        size_t plain = http_uri_plain(text, is_query);
        if (plain > 0) {
            bytes_put_copy(w, text.data, plain);
            text.data += plain;
            text.length -= plain;
            continue;
        }
        if (!http_uri_decode_one(&text, is_query, &byte) || byte == '\0') {
            w->err = ERR_INVALID;
            return w->err;
        }
        bytes_put_u8(w, byte);
    }
    if (w->err == ERR_OK && w->pos > begin && !json_is_utf8(w->data + begin, w->pos - begin)) {
        w->err = ERR_INVALID;
    }
    return w->err;
}

/* *byte = the next byte that `rest`, which is not empty, stands for; false: a bad escape. */
static bool http_uri_decode_one(struct http_text *rest, bool is_query, uint8_t *byte)
{
    ASSERT(rest->length > 0);
    uint8_t first = (uint8_t)rest->data[0];
    size_t used = 1;
    *byte = is_query && first == '+' ? ' ' : first;
    if (first == '%') {
        int high = rest->length > 2 ? http_text_hex((uint8_t)rest->data[1]) : -1;
        int low = rest->length > 2 ? http_text_hex((uint8_t)rest->data[2]) : -1;
        if (high < 0 || low < 0) {
            return false;
        }
        *byte = (uint8_t)(high << 4 | low);
        used = 3;
    }
    rest->data += used;
    rest->length -= used;
    return true;
}

/* Whether `text`, a part of a query, stands for `decoded`. */
static bool http_uri_is(struct http_text text, const char *decoded)
{
    while (text.length > 0) {
        uint8_t byte;
        if (!http_uri_decode_one(&text, true, &byte) || byte == '\0' ||
            byte != (uint8_t)*decoded++) {
            return false;
        }
    }
    return *decoded == '\0';
}

/* reg-name, RFC 3986 section 3.2.2; IPv4 addresses are some of them. */
static bool http_uri_is_host(struct http_text host)
{
    while (host.length > 0) {
        size_t plain = http_text_span(host, HTTP_CLASS_HOST);
        host.data += plain;
        host.length -= plain;
        uint8_t byte;
        if (host.length > 0 && (host.data[0] != '%' || !http_uri_decode_one(&host, false, &byte))) {
            return false;
        }
    }
    return true;
}

/* *DIGIT; an empty one means the scheme's own. */
static bool http_uri_is_port(struct http_text port)
{
    unsigned value = 0;
    for (size_t i = 0; i < port.length; i++) {
        if (!http_text_has_class((uint8_t)port.data[i], HTTP_CLASS_DIGIT)) {
            return false;
        }
        value = value * 10 + (unsigned)(port.data[i] - '0');
        if (value > URI_PORT_MAX) {
            return false;
        }
    }
    return true;
}

/* Take what is before the first `divider` from `rest`, or all of it; the divider goes with it. */
static struct http_text http_uri_take(struct http_text *rest, char divider)
{
    struct http_text part = *rest;
    const char *end = part.length > 0 ? memchr(part.data, divider, part.length) : NULL;
    if (end != NULL) {
        part.length = (size_t)(end - part.data);
    }
    size_t used = part.length + (end != NULL);
    rest->data += used;
    rest->length -= used;
    return part;
}
