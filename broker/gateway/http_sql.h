/* How a statement went, as members of an object, for all who answer statements. */
#ifndef BROKER_GATEWAY_HTTP_SQL_H
#define BROKER_GATEWAY_HTTP_SQL_H

#include "broker/core/query.h"
#include "broker/gateway/out.h"

/* Write what it did: "command":"SELECT","row_count":1,"errors":0,"records":1 */
void http_sql_put_counts(struct http_out *out, const struct core_query *query);

/* Write where it went wrong, behind a problem's members: ,"sqlstate":"42601","line":1,... */
void http_sql_put_place(struct http_out *out, const struct core_query *query);

/* The same of `error`, of the `length` bytes at `text`. */
void http_sql_put_error(struct http_out *out, const struct sql_error *error, const char *text,
                        size_t length);

#endif
