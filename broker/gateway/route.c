/* From a head to its route: who may call, which paths there are. See route.h. */
#include "broker/gateway/route.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "broker/gateway/conn_int.h"
#include "broker/gateway/http_uri.h"

/* A listed host or origin: a DNS name has 253 bytes, and a scheme and a port stand around it. */
#define HTTP_LISTED_BYTES_MAX 280u

static enum http_error http_route_check(const struct http_call *call, const char **detail);
static bool http_route_knows_host(const struct http_config *config, struct http_text host);
static bool http_route_knows_host_again(struct http_door *door, struct http_text host);
static bool http_route_has_origin(const struct http_config *config, struct http_text origin,
                                  struct http_text host);
static bool http_route_share(struct http_call *call);
static bool http_route_is_listed(const char *list, struct http_text name);
static bool http_route_is_address(struct http_text name);
static bool http_route_matches(const struct http_route *route, struct http_text path,
                               struct http_text params[HTTP_PARAMS_MAX]);
static enum http_error http_route_decode(struct http_call *call, struct http_text params[]);

static const char *const http_methods[] = {
    [HTTP1_GET] = "GET",        [HTTP1_HEAD] = "HEAD",     [HTTP1_POST] = "POST",
    [HTTP1_PUT] = "PUT",        [HTTP1_DELETE] = "DELETE", [HTTP1_PATCH] = "PATCH",
    [HTTP1_OPTIONS] = "OPTIONS"};

enum http_error http_route_find(struct http_call *call, const char **detail)
{
    enum http1_method method = call->head.method;
    struct http_text path = http1_path(&call->head);
    struct http_text params[HTTP_PARAMS_MAX];
    bool is_known = call->head.is_asterisk;
    enum http_error error = http_route_check(call, detail);
    if (error != HTTP_ERRORS_COUNT) {
        return error;
    }
    bool is_shared = http_route_share(call);
    for (size_t i = 0; i < http_routes_count; i++) {
        const struct http_route *route = &http_routes[i];
        if (call->head.is_asterisk || !http_route_matches(route, path, params)) {
            continue;
        }
        is_known = true;
        if (route->method == method || (route->method == HTTP1_GET && method == HTTP1_HEAD)) {
            call->route = route;
            return http_route_decode(call, params);
        }
    }
    if (!is_known) {
        return HTTP_PATH_NOT_FOUND;
    }
    const char *allow = http_route_allow(call);
    if (allow == NULL) {
        return HTTP_OVERLOADED;
    }
    http_header(call, "Allow", allow);
    if (method == HTTP1_OPTIONS && is_shared) { /* a browser asks before */
        http_header(call, "Access-Control-Allow-Methods", allow);
        http_header(call, "Access-Control-Allow-Headers", "Content-Type");
        http_header(call, "Access-Control-Max-Age", "600");
    }
    return method == HTTP1_OPTIONS ? HTTP_ERRORS_COUNT
           : method == HTTP1_OTHER ? HTTP_METHOD_UNKNOWN
                                   : HTTP_METHOD_NOT_ALLOWED;
}

void http_route_call(struct http_call *call)
{
    if (call->route != NULL) {
        call->route->handle(call);
    } else {
        http_answer(call, 204, NULL); /* OPTIONS */
    }
}

/* --- Who may call --- */

/* A name that resolves here by somebody else's will, and a page that is somebody else's, must not
 * use what a person's browser can reach (DNS rebinding, cross-site requests). */
static enum http_error http_route_check(const struct http_call *call, const char **detail)
{
    const struct http_config *config = &call->conn->door->config;
    struct http_text host = http1_host(&call->head);
    struct http_text origin = {.data = ""};
    struct http_text coding = {.data = ""};
    uint32_t origins_count = http1_find(&call->head, "Origin", &origin);
    if (host.length > 0 && !http_route_knows_host_again(call->conn->door, host)) {
        return HTTP_HOST_NOT_ALLOWED;
    }
    if (origins_count > 1 || (origins_count == 1 && !http_route_has_origin(config, origin, host))) {
        return HTTP_ORIGIN_NOT_ALLOWED;
    }
    uint32_t codings_count = http1_find(&call->head, "Content-Encoding", &coding);
    if (call->head.body != HTTP1_BODY_NONE && codings_count > 0 &&
        (codings_count > 1 || !http_text_is_nocase(coding, "identity"))) {
        *detail = "Bodies with a Content-Encoding are not served.";
        return HTTP_MEDIA_TYPE_UNSUPPORTED;
    }
    return HTTP_ERRORS_COUNT;
}

/* Clients say the same one again and again. */
static bool http_route_knows_host_again(struct http_door *door, struct http_text host)
{
    if (host.length == door->known_host_bytes &&
        memcmp(host.data, door->known_host, host.length) == 0) {
        return true;
    }
    if (!http_route_knows_host(&door->config, host)) {
        return false;
    }
    if (host.length <= sizeof(door->known_host)) {
        memcpy(door->known_host, host.data, host.length);
        door->known_host_bytes = (uint32_t)host.length;
    }
    return true;
}

static bool http_route_knows_host(const struct http_config *config, struct http_text host)
{
    struct http_text name;
    struct http_text port;
    return http_uri_host(host, &name, &port) &&
           (http_text_is_nocase(name, "localhost") || http_route_is_address(name) ||
            http_text_is_nocase(name, config->advertised_host) ||
            http_route_is_listed(config->hosts, name));
}

/* An IP literal: nobody can make it resolve elsewhere. */
static bool http_route_is_address(struct http_text name)
{
    char text[RT_ADDR_TEXT_BYTES];
    struct rt_addr addr;
    bool is_v6 = memchr(name.data, ':', name.length) != NULL;
    int length =
        snprintf(text, sizeof(text), is_v6 ? "[%.*s]:0" : "%.*s:0", (int)name.length, name.data);
    return (size_t)length < sizeof(text) && rt_addr_parse(text, 0, &addr) == ERR_OK;
}

/* The page comes from this server, or from one that is listed. */
static bool http_route_has_origin(const struct http_config *config, struct http_text origin,
                                  struct http_text host)
{
    static const char scheme[] = "http://"; /* TLS will have another */
    size_t length = sizeof(scheme) - 1;
    return (host.length > 0 && origin.length == length + host.length &&
            memcmp(origin.data, scheme, length) == 0 &&
            memcmp(origin.data + length, host.data, host.length) == 0) ||
           http_route_is_listed(config->origins, origin);
}

/* Whether a page of a listed origin asks: it may see the answer (the Fetch standard's CORS
 * protocol). */
static bool http_route_share(struct http_call *call)
{
    struct http_text origin;
    if (http1_find(&call->head, "Origin", &origin) != 1 ||
        !http_route_is_listed(call->conn->door->config.origins, origin)) {
        return false;
    }
    char *text = arena_copy(&call->arena, origin.data, origin.length);
    if (text == NULL) {
        call->out.err = ERR_BUDGET;
        return false;
    }
    http_header(call, "Access-Control-Allow-Origin", text);
    http_header(call, "Access-Control-Expose-Headers", "TDB-Next-Offset, TDB-Position");
    http_header(call, "Vary", "Origin");
    return true;
}

/* Whether `name` is a member of the comma-separated `list`. */
static bool http_route_is_listed(const char *list, struct http_text name)
{
    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        struct http_text member = http_text_trim((struct http_text){list, length});
        if (member.length > 0 && member.length <= HTTP_LISTED_BYTES_MAX &&
            member.length == name.length && strncasecmp(member.data, name.data, name.length) == 0) {
            return true;
        }
        list += length + (list[length] == ',');
    }
    return false;
}

/* --- Which path --- */

/* Most paths differ from the route's in a byte: before anything of them is taken apart. */
static bool http_route_matches(const struct http_route *route, struct http_text path,
                               struct http_text params[HTTP_PARAMS_MAX])
{
    const char *at = path.data;
    const char *end = path.data + path.length;
    const char *served = route->path;
    uint32_t count = 0;
    while (*served != '\0') {
        if (*served != '{') {
            if (at == end || *at++ != *served++) {
                return false;
            }
            continue;
        }
        const char *slash = memchr(at, '/', (size_t)(end - at));
        const char *stop = slash != NULL ? slash : end;
        ASSERT(count < HTTP_PARAMS_MAX);
        params[count++] = (struct http_text){at, (size_t)(stop - at)};
        at = stop;
        served = strchr(served, '}') + 1;
    }
    return at == end;
}

/* The path's parameters, as people wrote them. */
static enum http_error http_route_decode(struct http_call *call, struct http_text params[])
{
    uint32_t count = 0;
    for (const char *at = call->route->path; (at = strchr(at, '{')) != NULL; at++) {
        struct http_text segment = params[count];
        char *text = arena_alloc(&call->arena, segment.length + 1, 1);
        if (text == NULL) {
            return HTTP_OVERLOADED;
        }
        struct bytes_writer w = bytes_writer(text, segment.length);
        if (http_uri_decode_segment(&w, segment) != ERR_OK) {
            return HTTP_PATH_NOT_FOUND;
        }
        text[w.pos] = '\0';
        call->params[count++] = (struct http_text){text, w.pos};
    }
    return HTTP_ERRORS_COUNT;
}

/* The methods of the call's path, for the header Allow. */
const char *http_route_allow(struct http_call *call)
{
    struct http_text path = http1_path(&call->head);
    struct http_text params[HTTP_PARAMS_MAX];
    char text[128];
    struct bytes_writer w = bytes_writer(text, sizeof(text) - 1);
    bytes_put_copy(&w, "OPTIONS", strlen("OPTIONS"));
    for (size_t i = 0; i < http_routes_count; i++) {
        const struct http_route *route = &http_routes[i];
        if (!call->head.is_asterisk && http_route_matches(route, path, params)) {
            const char *name = http_methods[route->method];
            bytes_put_copy(&w, ", ", 2);
            bytes_put_copy(&w, name, strlen(name));
            if (route->method == HTTP1_GET) {
                bytes_put_copy(&w, ", HEAD", strlen(", HEAD"));
            }
        }
    }
    ASSERT(w.err == ERR_OK);
    return arena_copy(&call->arena, text, w.pos);
}
