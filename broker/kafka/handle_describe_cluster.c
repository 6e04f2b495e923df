/* DescribeCluster (KIP-700): the cluster's id and its nodes. */
#include "broker/core/core.h"
#include "broker/kafka/errors.h"
#include "broker/kafka/handlers.h"

/* Whose addresses are wanted (KIP-919). Version 0 does not say: nodes'. */
#define KAFKA_ENDPOINT_BROKER     1
#define KAFKA_ENDPOINT_CONTROLLER 2

static bool kafka_describe_cluster_fill(struct kafka_request *request,
                                        struct kafka_describe_cluster_response *response);

void kafka_handle_describe_cluster(struct kafka_request *request)
{
    const struct kafka_describe_cluster_request *body = request->body;
    struct kafka_describe_cluster_response response;
    kafka_reset(&kafka_struct_describe_cluster_response, &response);
    if (body->endpoint_type == KAFKA_ENDPOINT_CONTROLLER) {
        response.error_code = KAFKA_MISMATCHED_ENDPOINT_TYPE;
        response.error_message =
            kafka_text("this is where brokers listen; controllers have no address of their own");
    } else if (body->endpoint_type != KAFKA_ENDPOINT_BROKER) {
        response.error_code = KAFKA_UNSUPPORTED_ENDPOINT_TYPE;
        response.error_message = kafka_text("endpoint types are 1 (brokers) and 2 (controllers)");
    } else if (!kafka_describe_cluster_fill(request, &response)) {
        kafka_request_fail(request, "no memory for the request");
        return;
    }
    kafka_request_answer(request, &response);
}

static bool kafka_describe_cluster_fill(struct kafka_request *request,
                                        struct kafka_describe_cluster_response *response)
{
    const struct kafka_door *door = request->conn->door;
    char cluster[KAFKA_UUID_TEXT_BYTES];
    kafka_uuid_format(&door->cs->catalog->cluster, cluster);
    response->cluster_id = kafka_text_copy(request, cluster, KAFKA_UUID_TEXT_BYTES - 1);
    response->controller_id = door->cs->core->config.node_id;
    response->brokers.count = 1;
    response->brokers.items =
        kafka_items(&request->arena, &kafka_struct_describe_cluster_response_broker, 1);
    if (response->cluster_id.data == NULL || response->brokers.items == NULL) {
        return false;
    }
    response->brokers.items[0].broker_id = door->cs->core->config.node_id;
    response->brokers.items[0].host = kafka_text(door->config.advertised_host);
    response->brokers.items[0].port = door->config.advertised_port;
    return true;
}
