/* Listing streams: what the catalog has. */
#include <string.h>

#include "base/units.h"
#include "broker/core/core.h"
#include "broker/gateway/handlers.h"

static void http_streams_put(struct http_call *call, const struct core_topic *topic,
                             const struct core_stream *stream, bool is_first);

/* Topics, and then the streams that are declared over them. */
void http_handle_streams(struct http_call *call)
{
    const struct core_catalog *catalog = call->cs->catalog;
    struct core_tree_walk walk;
    const struct core_topic *topic;
    const struct core_stream *stream;
    bool is_first = true;
    http_put_text(call, "{\"streams\":[");
    core_catalog_walk(&walk, catalog, NULL, 0);
    while ((topic = core_catalog_next(&walk)) != NULL) {
        http_streams_put(call, topic, NULL, is_first);
        is_first = false;
    }
    core_catalog_walk_streams(&walk, catalog);
    while ((stream = core_catalog_next_stream(&walk)) != NULL) {
        topic = core_catalog_find_uuid(catalog, &stream->topic);
        if (stream->is_declared && topic != NULL) {
            http_streams_put(call, topic, stream, is_first);
            is_first = false;
        }
    }
    http_put_text(call, "]}\n");
    http_answer(call, 200, HTTP_MEDIA_JSON);
}

/* One of them; `stream` NULL: the topic itself. */
static void http_streams_put(struct http_call *call, const struct core_topic *topic,
                             const struct core_stream *stream, bool is_first)
{
    int64_t created_ms = stream != NULL ? stream->created_ms : topic->created_ms;
    http_put_text(call, is_first ? "{\"name\":" : ",{\"name\":");
    if (stream != NULL) {
        http_put_string(call, stream->name, strlen(stream->name));
        http_put_text(call, ",\"topic\":");
    }
    http_put_string(call, topic->name, topic->name_bytes);
    http_put_text(call, ",\"partitions\":");
    http_put_u64(call, topic->partitions_count);
    http_put_text(call, topic->is_internal ? ",\"internal\":true" : ",\"internal\":false");
    if (created_ms > 0) {
        char created[UNITS_TEXT_BYTES];
        units_format_time((uint64_t)created_ms * 1000000, created);
        http_put_text(call, ",\"created\":\"");
        http_put_text(call, created);
        http_put_text(call, "\"");
    }
    http_put_text(call, "}");
}
