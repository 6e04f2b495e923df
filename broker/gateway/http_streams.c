/* Listing streams: what the catalog has. */
#include <string.h>

#include "base/units.h"
#include "broker/core/core.h"
#include "broker/gateway/handlers.h"

void http_handle_streams(struct http_call *call)
{
    struct core_tree_walk walk;
    const struct core_topic *topic;
    bool is_first = true;
    http_put_text(call, "{\"streams\":[");
    core_catalog_walk(&walk, call->cs->catalog, NULL, 0);
    while ((topic = core_catalog_next(&walk)) != NULL) {
        char created[UNITS_TEXT_BYTES];
        units_format_time((uint64_t)topic->created_ms * 1000000, created);
        http_put_text(call, is_first ? "{\"name\":" : ",{\"name\":");
        http_put_string(call, topic->name, topic->name_bytes);
        http_put_text(call, ",\"partitions\":");
        http_put_u64(call, topic->partitions_count);
        http_put_text(call, topic->is_internal ? ",\"internal\":true" : ",\"internal\":false");
        if (topic->created_ms > 0) {
            http_put_text(call, ",\"created\":\"");
            http_put_text(call, created);
            http_put_text(call, "\"");
        }
        http_put_text(call, "}");
        is_first = false;
    }
    http_put_text(call, "]}\n");
    http_answer(call, 200, HTTP_MEDIA_JSON);
}
