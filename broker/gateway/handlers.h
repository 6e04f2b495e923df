/* The handlers: each for a route, in http_<what>.c. A handler is called once for a whole request,
 * from a turn of the loop, and answers it then or later (http.h). */
#ifndef BROKER_GATEWAY_HANDLERS_H
#define BROKER_GATEWAY_HANDLERS_H

#include "broker/gateway/http.h"

struct core_topic;

/* Appends events to a stream; answers each with its offset when it is as safe as the stream asks.
 */
void http_handle_events_append(struct http_call *call);

/* Answers events of a partition from an offset or a time on, waiting for them within bounds. */
void http_handle_events_read(struct http_call *call);

/* Carries out a statement in SQL and answers its rows as they come. */
void http_handle_query(struct http_call *call);

/* Answers the topics there are and the streams that are declared over them. */
void http_handle_streams(struct http_call *call);

/* Hands the connection on: it speaks WebSocket from now on. */
void http_handle_ws(struct http_call *call);

/* Answers the materialized views there are; rows of one, or the one row of a key. */
void http_handle_views(struct http_call *call);
void http_handle_view_rows(struct http_call *call);

/* Answer that the server runs, and whether it is ready for requests. */
void http_handle_livez(struct http_call *call);
void http_handle_readyz(struct http_call *call);

/* Answers what is counted, for Prometheus. */
void http_handle_metrics(struct http_call *call);

/* Answers what is served, as OpenAPI 3.1. */
void http_handle_openapi(struct http_call *call);

/* The stream that the route's first parameter names, in the catalog that the shard has now; it
 * lives as long as the turn. NULL: there is none, and the call was ended with that. */
const struct core_topic *http_stream(struct http_call *call);

/* The media type the client wants of `count` (1 to HTTP_ACCEPT_OFFERS_COUNT_MAX) `offers`. NULL:
 * none of them, and the call was ended with that. */
const char *http_accepted(struct http_call *call, const char *const *offers, size_t count);

#endif
