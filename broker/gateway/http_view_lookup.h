/* Rows of views by their keys without a statement: what can be answered so is answered as the
 * statement would, byte for byte. */
#ifndef BROKER_GATEWAY_HTTP_VIEW_LOOKUP_H
#define BROKER_GATEWAY_HTTP_VIEW_LOOKUP_H

#include "base/budget.h"
#include "broker/core/view.h"
#include "broker/gateway/http.h"
#include "broker/gateway/http_question.h"

/* Keys of a view at most, for its rows to be looked up so. */
#define HTTP_VIEW_LOOKUP_KEYS_MAX 8u

/* What answers about a view begin with, kept for so many views, unless it is longer. */
#define HTTP_VIEW_HEADS      64u
#define HTTP_VIEW_HEAD_BYTES 4096u

/* The beginning of one view's answers. */
struct http_view_head {
    struct log_uuid view; /* whose */
    char *text;           /* `bytes`; NULL: none is kept here */
    uint32_t bytes;
};

/* Those of a door: of the catalog's views of one version. */
struct http_view_heads {
    uint64_t version; /* core_catalog.views_version */
    struct http_view_head heads[HTTP_VIEW_HEADS];
};

/* Forget all, and give them back to the budget they were taken from. */
void http_view_heads_forget(struct http_view_heads *heads, struct budget *budget);

/* Whether rows of `view` can be looked up so: it shows all of its key, which has few columns, none
 * of them with a precision (NUMERIC(10, 2): equal numbers have other forms). Pure. */
bool http_view_lookup_may(const struct core_view *view);

/* How a row was looked up. */
enum http_view_lookup_result {
    HTTP_VIEW_LOOKUP_ANSWERED, /* and the call has ended */
    HTTP_VIEW_LOOKUP_LATER,    /* it will be answered: other shards have part in it */
    HTTP_VIEW_LOOKUP_ELSE,     /* a statement is to be asked (http_query_ask) */
};

/* Look up the row whose key is question->params, texts or null; of a view that may. LATER:
 * call->state is taken, and `question`, which lives as long as the call, is to have its statement
 * before the turn goes on: it may be asked then; without one there was no memory for it. */
enum http_view_lookup_result http_view_lookup(struct http_call *call, const struct core_view *view,
                                              struct http_question *question);

#endif
