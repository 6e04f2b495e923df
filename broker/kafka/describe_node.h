/* A node's settings under Kafka's names: those that clients and tools look at, with the values this
 * node has. What it has no setting for is not shown. Private to broker/kafka. */
#ifndef BROKER_KAFKA_DESCRIBE_NODE_H
#define BROKER_KAFKA_DESCRIBE_NODE_H

#include <stdbool.h>

#include "broker/kafka/conn.h"
#include "broker/kafka/messages.h"

/* Whether `name` is this node's number. */
bool kafka_describe_node_is_here(const struct kafka_request *request, struct kafka_string name);

/* *out = all of them, as the DescribeConfigs request `request` wants them; memory is the request's.
 * False: there is none. */
bool kafka_describe_node(struct kafka_request *request,
                         struct kafka_describe_configs_response_config_array *out);

#endif
