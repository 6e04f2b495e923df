/* Whether the server lives, whether it may be sent requests, and what it counts. */
#include <string.h>

#include "base/assert.h"
#include "broker/core/catalog_view.h"
#include "broker/core/core.h"
#include "broker/core/view.h"
#include "broker/gateway/conn_int.h"
#include "broker/gateway/handlers.h"
#include "broker/gateway/http_views.h"

/* A page of metrics: so large at first, and at most. */
#define HTTP_METRICS_BYTES     (64u << 10)
#define HTTP_METRICS_BYTES_MAX (4u << 20)

static void http_health_ready(struct http_call *call, const struct core_upkeep_ask *ask);
static void http_health_metrics(struct http_call *call, const struct core_upkeep_ask *ask);
static void http_health_views(struct http_call *call, const struct core_upkeep_ask *ask);

void http_handle_livez(struct http_call *call)
{
    http_put_text(call, "{\"status\":\"alive\"}\n");
    http_answer(call, 200, HTTP_MEDIA_JSON);
}

void http_handle_readyz(struct http_call *call)
{
    http_views_ask(call, http_health_ready);
}

/* The doors open when every partition that can be is; what is left is what cannot, and the end.
 * Views that are being built keep nobody from streams. */
static void http_health_ready(struct http_call *call, const struct core_upkeep_ask *ask)
{
    const struct core *core = call->cs->core;
    bool is_closing = call->conn->door->is_closing;
    uint32_t missed_count = 0;
    for (uint32_t i = 0; i < core->shards_count; i++) {
        missed_count += core->shards[i]->has_missed;
    }
    bool is_ready = !is_closing && missed_count == 0;
    http_put_text(call, is_ready ? "{\"status\":\"ready\",\"reasons\":["
                                 : "{\"status\":\"not ready\",\"reasons\":[");
    if (is_closing) {
        http_put_text(call, "\"the server is shutting down\"");
    }
    if (missed_count > 0) {
        http_put_text(call, is_closing ? "," : "");
        http_put_text(call, "\"partitions could not be opened; see the server's log\"");
    }
    http_put_text(call, "],\"views\":[");
    http_health_views(call, ask);
    http_put_text(call, "]}\n");
    http_answer(call, is_ready ? 200 : 503, HTTP_MEDIA_JSON);
}

/* Those that cannot be read yet, new ones, and all of them after a start; and those that are being
 * bound anew. */
static void http_health_views(struct http_call *call, const struct core_upkeep_ask *ask)
{
    bool is_first = true;
    for (uint32_t i = 0; i < ask->rows_count; i++) {
        const struct core_upkeep_row *row = &ask->rows[i];
        const struct core_view *view = core_upkeep_row_view(call->cs->catalog, row);
        bool is_built = row->status == CORE_UPKEEP_BUILDING || row->rebind.is_under_way;
        if (view != NULL && is_built) {
            http_put_text(call, is_first ? "{\"name\":" : ",{\"name\":");
            http_put_string(call, view->name, strlen(view->name));
            http_views_put_state(call, row);
            http_put_text(call, "}");
            is_first = false;
        }
    }
}

/* The home of views counts them when it is asked. */
void http_handle_metrics(struct http_call *call)
{
    http_views_ask(call, http_health_metrics);
}

/* All shards' together. A page that does not fit is written again where there is more room. */
static void http_health_metrics(struct http_call *call, const struct core_upkeep_ask *ask)
{
    (void)ask;
    const struct core *core = call->cs->core;
    const struct metric_registry *registries[LIMIT_SHARDS_COUNT];
    for (uint32_t i = 0; i < core->shards_count; i++) {
        registries[i] = &core->shards[i]->metrics;
    }
    for (size_t bytes = HTTP_METRICS_BYTES; bytes <= HTTP_METRICS_BYTES_MAX; bytes *= 4) {
        struct buf *buf;
        if (buf_new(&call->cs->bufs, &call->cs->budget, bytes, &buf) != ERR_OK) {
            break;
        }
        struct bytes_writer w = bytes_writer(buf_append(buf, (uint32_t)bytes), bytes);
        metric_render(&w, registries, core->shards_count, METRIC_SUM);
        if (w.err == ERR_OK) {
            http_put(call, w.data, w.pos);
            buf_unref(buf);
            http_answer(call, 200, HTTP_MEDIA_METRICS);
            return;
        }
        buf_unref(buf);
    }
    http_problem(call, HTTP_OVERLOADED, NULL);
}
