/* The target of a request (RFC 9112 section 3.2): which form it has and what it is made of. */
#include <string.h>

#include "base/assert.h"
#include "broker/gateway/http1_int.h"
#include "broker/gateway/http_uri.h"

static const char *http1_read_target_path(struct http1_request *out, uint16_t begin);
static const char *http1_read_target_absolute(struct http1_request *out, uint16_t scheme_length);
static uint16_t http1_read_target_scheme(struct http_text target);

const char *http1_read_target(struct http1_request *out)
{
    struct http_text target = http1_text(out, out->target);
    ASSERT(target.length > 0);
    out->path = out->query = (struct http1_span){.pos = out->target.pos};
    if (target.data[0] == '/') {
        return http1_read_target_path(out, 0);
    }
    if (target.length == 1 && target.data[0] == '*') {
        out->is_asterisk = true;
        return out->method == HTTP1_OPTIONS ? NULL : "the target * is for OPTIONS only";
    }
    uint16_t scheme_length = http1_read_target_scheme(target);
    if (scheme_length > 0) {
        return http1_read_target_absolute(out, scheme_length);
    }
    return "the target is neither a path nor an http URI";
}

/* Path and query, from byte `begin` of the target on; both may be empty there. */
static const char *http1_read_target_path(struct http1_request *out, uint16_t begin)
{
    struct http_text rest = http1_text(out, out->target);
    ASSERT(begin <= rest.length);
    rest.data += begin;
    rest.length -= begin;
    uint16_t path_length = (uint16_t)http_text_span(rest, HTTP_CLASS_PATH);
    uint16_t path_pos = (uint16_t)(out->target.pos + begin);
    out->path = (struct http1_span){.pos = path_pos, .length = path_length};
    if (path_length == rest.length) {
        return NULL;
    }
    if (rest.data[path_length] != '?') {
        return "the path has a character that must be escaped";
    }
    uint16_t query_length = (uint16_t)(rest.length - path_length - 1);
    rest.data += path_length + 1;
    rest.length = query_length;
    uint16_t query_pos = (uint16_t)(path_pos + path_length + 1);
    out->query = (struct http1_span){.pos = query_pos, .length = query_length};
    if (http_text_span(rest, HTTP_CLASS_QUERY) != query_length) {
        return "the query has a character that must be escaped";
    }
    return NULL;
}

/* `http://host[:port][/path][?query]`, of which the scheme has been read. */
static const char *http1_read_target_absolute(struct http1_request *out, uint16_t scheme_length)
{
    struct http_text authority = http1_text(out, out->target);
    ASSERT(scheme_length <= authority.length);
    authority.data += scheme_length;
    authority.length -= scheme_length;
    size_t length = 0;
    while (length < authority.length && authority.data[length] != '/' &&
           authority.data[length] != '?') {
        length++;
    }
    authority.length = length;
    struct http_text host, port;
    if (!http_uri_host(authority, &host, &port)) {
        return "the target's host is invalid";
    }
    out->host = (struct http1_span){.pos = (uint16_t)(out->target.pos + scheme_length),
                                    .length = (uint16_t)length};
    return http1_read_target_path(out, (uint16_t)(scheme_length + length));
}

/* How long "http://" or "https://" (any case) is at the beginning of `target`; 0: neither is there.
 * A TLS that ends in front of us may well leave https in. */
static uint16_t http1_read_target_scheme(struct http_text target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < ARRAY_COUNT(schemes); i++) {
        struct http_text head = {.data = target.data, .length = strlen(schemes[i])};
        if (target.length >= head.length && http_text_is_nocase(head, schemes[i])) {
            return (uint16_t)head.length;
        }
    }
    return 0;
}
