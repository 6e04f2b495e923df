/* Whether the server lives, whether it may be sent requests, and what it counts. */
#include <string.h>

#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/gateway/conn_int.h"
#include "broker/gateway/handlers.h"

/* A page of metrics: so large at first, and at most. */
#define HTTP_METRICS_BYTES     (64u << 10)
#define HTTP_METRICS_BYTES_MAX (4u << 20)

void http_handle_livez(struct http_call *call)
{
    http_put_text(call, "{\"status\":\"alive\"}\n");
    http_answer(call, 200, HTTP_MEDIA_JSON);
}

/* The doors open when every partition that can be is; what is left is what cannot, and the end. */
void http_handle_readyz(struct http_call *call)
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
    http_put_text(call, "]}\n");
    http_answer(call, is_ready ? 200 : 503, HTTP_MEDIA_JSON);
}

/* All shards' together. A page that does not fit is written again where there is more room. */
void http_handle_metrics(struct http_call *call)
{
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
