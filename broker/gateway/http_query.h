/* Questions, for handlers that ask them in other words than SQL. */
#ifndef BROKER_GATEWAY_HTTP_QUERY_H
#define BROKER_GATEWAY_HTTP_QUERY_H

#include "broker/gateway/http.h"
#include "broker/gateway/http_question.h"

/* So much of an answer is sent at a time, in chunks. */
#define HTTP_QUERY_PIECE_BYTES (64u << 10)

/* Whether the question is answered as JSON; *is_json. False: the header Accept wants what there is
 * not, and the call was ended with that. */
bool http_query_is_json(struct http_call *call, bool *is_json);

/* Carry out `question`, and answer its rows as they come, or a problem: the call ends with it, and
 * call->state is taken. What it points to lives as long as the call. */
void http_query_ask(struct http_call *call, const struct http_question *question);

#endif
