/* What the HTTP door serves: one table. openapi.json is written from it. */
#ifndef BROKER_GATEWAY_ROUTE_H
#define BROKER_GATEWAY_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "broker/gateway/http.h"

/* Problems that a route answers besides those that any does. */
#define HTTP_ROUTE_ERRORS_MAX 24u

/* A method of a path. */
struct http_route {
    enum http1_method method; /* GET stands for HEAD, too */
    const char *path;         /* "/api/v1/streams/{name}/events": parameters in braces are whole
                                 segments */
    http_call_fn *handle;     /* carries it out */
    uint32_t body_bytes_max;  /* of its request; 0: it takes no body */
    const char *doc;          /* members of its Operation Object (OpenAPI 3.1), without braces */
    uint8_t errors[HTTP_ROUTE_ERRORS_MAX]; /* enum http_error; ends with HTTP_REQUEST_INVALID, which
                                              any route answers */
};

/* All of them, those of one path behind each other. */
extern const struct http_route http_routes[];
extern const size_t http_routes_count;

/* Carry out the call, whose request is whole. */
void http_route_call(struct http_call *call);

#endif
