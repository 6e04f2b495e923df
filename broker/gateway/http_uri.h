/* Pieces of a request's target: segments of its path, parameters of its query, and their decoding.
 *
 *     struct http_uri_path walk = http_uri_path(http1_path(&request));
 *     while (http_uri_path_next(&walk, &segment)) {
 *         ... compare `segment` with a literal, or http_uri_decode_segment(&w, segment) ...
 *     }
 *
 * Escapes are decoded once, after the split (VIEWS section 1): an escaped "/" belongs to its
 * segment, an escaped "&" to its value. What is decoded is UTF-8 without NUL. Segments "." and
 * "..", escaped or not, are refused and not resolved: no name of the house is one, and two readers
 * that resolve differently see different resources.
 *
 * Source: RFC 3986; the query as browsers write forms (WHATWG URL, application/x-www-form-
 * urlencoded). Pure: nothing allocates. */
#ifndef BROKER_GATEWAY_HTTP_URI_H
#define BROKER_GATEWAY_HTTP_URI_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"
#include "broker/gateway/http_text.h"

/* A walk over the segments of a path. */
struct http_uri_path {
    struct http_text rest; /* from the next "/" on */
};

/* A walk over the parameters of a query. */
struct http_uri_query {
    struct http_text rest; /* from the next parameter on */
};

/* Begin a walk over `path`, which begins with "/" or is empty (asserted). */
struct http_uri_path http_uri_path(struct http_text path);

/* *segment = the next segment, escapes and all: of "/a//b/" in turn "a", "", "b" and "". False:
 * there is none. */
bool http_uri_path_next(struct http_uri_path *walk, struct http_text *segment);

/* Write the characters that `segment` stands for, never more bytes than it has. ERR_INVALID: an
 * escape without two hexadecimal digits, NUL, not UTF-8, or "." or ".." once decoded;
 * ERR_TOO_LARGE: `w` has no room. `w` is useless then. */
MUST_USE enum err http_uri_decode_segment(struct bytes_writer *w, struct http_text segment);

/* Begin a walk over `query`, the part behind "?". */
struct http_uri_query http_uri_query(struct http_text query);

/* *name and *value = the next parameter, escapes and all; the value is empty where there is no "=",
 * and empty parameters ("a=1&&b=2") are passed over. False: there is none. */
bool http_uri_query_next(struct http_uri_query *walk, struct http_text *name,
                         struct http_text *value);

/* As http_uri_decode_segment for a name or a value of a query: "+" is a space, and dots are dots.
 */
MUST_USE enum err http_uri_decode_query(struct bytes_writer *w, struct http_text part);

/* How many parameters of `query` are called `name` once decoded (of a name that cannot be decoded,
 * none); *value = the first one's value, escapes and all, untouched where there is none. */
unsigned http_uri_query_find(struct http_text query, const char *name, struct http_text *value);

/* *host and *port = the parts of `authority`, "name[:port]" or "[address][:port]": the host without
 * brackets, the port empty where there is none. False, and nothing written: the host is empty or
 * has characters that no host has, there is user information, or the port is no number up to 65535
 * (RFC 3986 section 3.2; of what is within brackets only the characters are checked). */
bool http_uri_host(struct http_text authority, struct http_text *host, struct http_text *port);

#endif
