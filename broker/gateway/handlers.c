/* What several handlers do. See handlers.h. */
#include "broker/gateway/handlers.h"

#include "base/assert.h"
#include "base/suggest.h"
#include "base/units.h"
#include "broker/core/core.h"
#include "broker/gateway/http_media.h"
#include "broker/gateway/http_uri.h"

/* Longer than any parameter's name. */
#define HTTP_QUERY_NAME_BYTES 40

const struct core_topic *http_stream(struct http_call *call)
{
    const struct http_text *name = &call->params[0];
    const struct core_topic *topic = core_catalog_find(call->cs->catalog, name->data, name->length);
    if (topic == NULL) {
        bool is_legal = core_topic_is_legal(name->data, name->length);
        http_problem(call, is_legal ? HTTP_STREAM_NOT_FOUND : HTTP_STREAM_NAME_INVALID, NULL);
    }
    return topic;
}

const char *http_accepted(struct http_call *call, const char *const *offers, size_t count)
{
    struct http_accept accept;
    http_accept_init(&accept, offers, count);
    for (uint32_t i = 0; i < call->head.headers_count; i++) {
        if (http_text_is_nocase(http1_header_name(&call->head, i), "Accept") &&
            http_accept_add(&accept, http1_header_value(&call->head, i)) != ERR_OK) {
            http_problem(call, HTTP_NOT_ACCEPTABLE, "The header Accept cannot be read.");
            return NULL;
        }
    }
    int chosen = http_accept_choose(&accept);
    if (chosen < 0) {
        http_problem(call, HTTP_NOT_ACCEPTABLE, NULL);
        return NULL;
    }
    return offers[chosen];
}

enum err http_query(struct http_call *call, const char *name, struct http_text *value)
{
    struct http_text found;
    unsigned count = http_uri_query_find(http1_query(&call->head), name, &found);
    if (count != 1) {
        return count == 0 ? ERR_NOT_FOUND : ERR_INVALID;
    }
    char *text = arena_alloc(&call->arena, found.length + 1, 1);
    if (text == NULL) {
        return ERR_BUDGET;
    }
    struct bytes_writer w = bytes_writer(text, found.length);
    enum err err = http_uri_decode_query(&w, found);
    if (err == ERR_OK) {
        text[w.pos] = '\0';
        *value = (struct http_text){text, w.pos};
    }
    return err;
}

bool http_query_only(struct http_call *call, const char *const *names, size_t count)
{
    struct http_uri_query walk = http_uri_query(http1_query(&call->head));
    struct http_text name;
    struct http_text value;
    while (http_uri_query_next(&walk, &name, &value)) {
        char text[HTTP_QUERY_NAME_BYTES] = "";
        struct bytes_writer w = bytes_writer(text, sizeof(text) - 1);
        bool is_read = http_uri_decode_query(&w, name) == ERR_OK;
        bool is_known = false;
        for (size_t i = 0; is_read && i < count; i++) {
            is_known = is_known || http_text_is((struct http_text){text, w.pos}, names[i]);
        }
        if (!is_known) {
            text[is_read ? w.pos : 0] = '\0';
            const char *nearest = is_read ? suggest_nearest(text, names, count) : NULL;
            http_problem_of(call, HTTP_PARAMETER_INVALID,
                            nearest != NULL ? "There is no parameter %s; did you mean %s?"
                                            : "There is no parameter %s.",
                            text, nearest);
            return false;
        }
    }
    return true;
}

bool http_query_u64(struct http_call *call, const char *name, uint64_t min, uint64_t max,
                    uint64_t fallback, uint64_t *out)
{
    struct http_text text;
    *out = fallback;
    enum err err = http_query(call, name, &text);
    if (err == ERR_NOT_FOUND) {
        return true;
    }
    err = err == ERR_OK ? units_parse_u64(text.data, text.length, out) : err;
    if (err == ERR_OK && *out >= min && *out <= max) {
        return true;
    }
    http_problem_of(call, HTTP_PARAMETER_INVALID, "%s is not one number from %llu to %llu.", name,
                    (unsigned long long)min, (unsigned long long)max);
    return false;
}
