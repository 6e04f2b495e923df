/* How materialized views stand, for handlers that tell of them. */
#ifndef BROKER_GATEWAY_HTTP_VIEWS_H
#define BROKER_GATEWAY_HTTP_VIEWS_H

#include "broker/core/upkeep.h"
#include "broker/gateway/http.h"

/* Answers the call; `ask->rows` are all views of the catalog as it was, in order of their names. */
typedef void http_views_fn(struct http_call *call, const struct core_upkeep_ask *ask);

/* Ask how all views stand, and have `then` called with it, perhaps within this call. There is no
 * memory: the call was ended with that. */
void http_views_ask(struct http_call *call, http_views_fn *then);

/* Write the members of a view that say how it stands: ,"state":"live","degraded":false, ... */
void http_views_put_state(struct http_call *call, const struct core_upkeep_row *row);

#endif
