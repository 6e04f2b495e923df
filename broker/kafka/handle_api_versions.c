/* ApiVersions: what is served (KIP-35, KIP-511). A version that is not known here is answered in
 * version 0, which every client reads, with error 35 and the table: the client then asks again. */
#include <string.h>

#include "broker/kafka/api_table.h"
#include "broker/kafka/errors.h"
#include "broker/kafka/handlers.h"

static bool kafka_is_software_text(struct kafka_string text);

void kafka_handle_api_versions(struct kafka_request *request)
{
    size_t count;
    const struct kafka_api *apis = kafka_apis(&count);
    const struct kafka_api_versions_request *body = request->body;
    struct kafka_api_versions_response response;
    kafka_reset(&kafka_struct_api_versions_response, &response);
    response.api_keys.items =
        kafka_items(&request->arena, &kafka_struct_api_versions_response_api, (int32_t)count);
    response.api_keys.count = (int32_t)count;
    if (response.api_keys.items == NULL) {
        kafka_request_fail(request, "no memory for the request");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        response.api_keys.items[i].api_key = apis[i].request->api_key;
        response.api_keys.items[i].min_version = apis[i].advertised_first;
        response.api_keys.items[i].max_version = apis[i].last;
    }
    if (body == NULL) {
        response.error_code = KAFKA_UNSUPPORTED_VERSION;
        kafka_request_answer_in(request, 0, &response);
        return;
    }
    if (request->version >= 3 && !(kafka_is_software_text(body->client_software_name) &&
                                   kafka_is_software_text(body->client_software_version))) {
        response.error_code = KAFKA_INVALID_REQUEST;
        response.api_keys.count = 0;
    }
    kafka_request_answer(request, &response);
}

/* KIP-511: [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])? */
static bool kafka_is_software_text(struct kafka_string text)
{
    for (int32_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        bool is_inner = i > 0 && i < text.length - 1;
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_plain && !(is_inner && (c == '-' || c == '.'))) {
            return false;
        }
    }
    return text.length > 0;
}
