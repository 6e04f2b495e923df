/* FindCoordinator: served to refuse. Clients that look for a group or a transaction are told at
 * once that they may not, where they would ask again for ever without an answer; librdkafka
 * compresses with lz4 only for brokers that name this API. */
#include "base/diag.h"
#include "broker/kafka/errors.h"
#include "broker/kafka/handlers.h"

/* Kinds of coordinators. */
#define KAFKA_KEY_TYPE_GROUP       0
#define KAFKA_KEY_TYPE_TRANSACTION 1

void kafka_handle_find_coordinator(struct kafka_request *request)
{
    const struct kafka_find_coordinator_request *body = request->body;
    struct kafka_find_coordinator_response response;
    enum kafka_error error =
        body->key_type == KAFKA_KEY_TYPE_GROUP         ? KAFKA_GROUP_AUTHORIZATION_FAILED
        : body->key_type == KAFKA_KEY_TYPE_TRANSACTION ? KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED
                                                       : KAFKA_INVALID_REQUEST;
    struct kafka_string why = kafka_text(
        body->key_type == KAFKA_KEY_TYPE_GROUP
            ? "consumer groups are not served yet; assigned partitions work (assign, not subscribe)"
        : body->key_type == KAFKA_KEY_TYPE_TRANSACTION
            ? "transactions are not served yet; producers without a transactional id work"
            : "this kind of coordinator is not known");
    kafka_reset(&kafka_struct_find_coordinator_response, &response);
    response.error_code = (int16_t)error;
    response.error_message = why;
    response.node_id = -1;
    response.port = -1;
    if (request->version >= 4) {
        int32_t count = body->coordinator_keys.count;
        response.coordinators.count = count;
        response.coordinators.items = kafka_items(
            &request->arena, &kafka_struct_find_coordinator_response_coordinator, count);
        if (response.coordinators.items == NULL) {
            kafka_request_fail(request, "no memory for the request");
            return;
        }
        for (int32_t i = 0; i < count; i++) {
            struct kafka_find_coordinator_response_coordinator *one =
                &response.coordinators.items[i];
            one->key = body->coordinator_keys.items[i];
            one->node_id = -1;
            one->port = -1;
            one->error_code = (int16_t)error;
            one->error_message = why;
        }
    }
    struct kafka_string client = request->header.client_id;
    DIAG_WARN(request->conn->door->diag, "kafka", "refused: not served yet",
              DIAG_STRING("wanted", why.data),
              DIAG_TEXT("client", client.data != NULL ? client.data : "",
                        client.length > 0 ? (size_t)client.length : 0));
    kafka_request_answer(request, &response);
}
