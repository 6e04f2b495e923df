/* What a request's head says, asked by name. See http1.h. */
#include <string.h>

#include "base/assert.h"
#include "broker/gateway/http1_int.h"

static bool http1_is_called(const struct http1_request *request, uint32_t i, const char *name,
                            size_t length);

struct http_text http1_method_text(const struct http1_request *request)
{
    return http1_text(request, request->method_span);
}

struct http_text http1_target(const struct http1_request *request)
{
    return http1_text(request, request->target);
}

struct http_text http1_path(const struct http1_request *request)
{
    if (request->path.length == 0 && !request->is_asterisk) {
        return http_text("/"); /* http://host, RFC 9110 section 4.2.3 */
    }
    return http1_text(request, request->path);
}

struct http_text http1_query(const struct http1_request *request)
{
    return http1_text(request, request->query);
}

struct http_text http1_host(const struct http1_request *request)
{
    return http1_text(request, request->host);
}

struct http_text http1_header_name(const struct http1_request *request, uint32_t i)
{
    ASSERT(i < request->headers_count);
    return http1_text(request, request->headers[i].name);
}

struct http_text http1_header_value(const struct http1_request *request, uint32_t i)
{
    ASSERT(i < request->headers_count);
    return http1_text(request, request->headers[i].value);
}

uint32_t http1_find(const struct http1_request *request, const char *name, struct http_text *value)
{
    size_t length = strlen(name);
    uint32_t found = 0;
    for (uint32_t i = 0; i < request->headers_count; i++) {
        if (http1_is_called(request, i, name, length) && found++ == 0) {
            *value = http1_header_value(request, i);
        }
    }
    return found;
}

struct http_text http1_take_member(struct http_text *rest)
{
    ASSERT(rest->length > 0);
    struct http_text member = *rest;
    const char *comma = memchr(rest->data, ',', rest->length);
    member.length = comma != NULL ? (size_t)(comma - rest->data) : rest->length;
    size_t used = member.length + (comma != NULL);
    rest->data += used;
    rest->length -= used;
    return http_text_trim(member);
}

static bool http1_is_called(const struct http1_request *request, uint32_t i, const char *name,
                            size_t length)
{
    return request->headers[i].name.length == length &&
           http_text_is_nocase(http1_text(request, request->headers[i].name), name);
}
