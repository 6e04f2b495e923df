/* Questions, for handlers that ask them in other words than SQL. */
#ifndef BROKER_GATEWAY_HTTP_QUERY_H
#define BROKER_GATEWAY_HTTP_QUERY_H

#include "broker/gateway/http.h"
#include "broker/gateway/http_question.h"

/* Carry out `question`, and answer its rows as they come, or a problem: the call ends with it, and
 * call->state is taken. What it points to lives as long as the call. */
void http_query_ask(struct http_call *call, const struct http_question *question);

#endif
