/* What the files of the HTTP/1.1 codec share. */
#ifndef BROKER_GATEWAY_HTTP1_INT_H
#define BROKER_GATEWAY_HTTP1_INT_H

#include <stdbool.h>

#include "broker/gateway/http1.h"

/* Divide the target of `out`, whose method_span and target are set: fills path, query and
 * is_asterisk, and host where the target has one. NULL: done; else why it is refused, with 400. */
const char *http1_read_target(struct http1_request *out);

/* Take the first member of the comma-separated list `rest` from it, with its comma; the result has
 * no white space around it and may be empty. `rest` is not empty (asserted). */
struct http_text http1_take_member(struct http_text *rest);

/* The text at `span`. */
static inline struct http_text http1_text(const struct http1_request *request,
                                          struct http1_span span)
{
    return (struct http_text){.data = (const char *)request->data + span.pos,
                              .length = span.length};
}

#endif
