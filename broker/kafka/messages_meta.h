/* The headers of requests and responses, and the messages about the cluster. What the columns mean:
 * messages.h, which is the header to include; Kafka's JSON definitions say what the fields mean. */
#ifndef BROKER_KAFKA_MESSAGES_META_H
#define BROKER_KAFKA_MESSAGES_META_H

#define KAFKA_FIELDS_request_header(F, A, S, P)                                                    \
    F(INT16, request_api_key, 0)                                                                   \
    F(INT16, request_api_version, 0)                                                               \
    F(INT32, correlation_id, 0)                                                                    \
    F(STRING, client_id, 1, KAFKA_NULLABLE(1), KAFKA_PLAIN)

#define KAFKA_FIELDS_response_header(F, A, S, P) F(INT32, correlation_id, 0)

#define KAFKA_FIELDS_api_versions_request(F, A, S, P)                                              \
    F(STRING, client_software_name, 3)                                                             \
    F(STRING, client_software_version, 3)                                                          \
    F(STRING, cluster_id, 5, KAFKA_NULLABLE(5), KAFKA_DEFAULT_NULL)                                \
    F(INT32, node_id, 5, KAFKA_DEFAULT(-1))

#define KAFKA_FIELDS_api_versions_response_api(F, A, S, P)                                         \
    F(INT16, api_key, 0)                                                                           \
    F(INT16, min_version, 0)                                                                       \
    F(INT16, max_version, 0)

#define KAFKA_FIELDS_api_versions_response_supported(F, A, S, P)                                   \
    F(STRING, name, 3)                                                                             \
    F(INT16, min_version, 3)                                                                       \
    F(INT16, max_version, 3)

#define KAFKA_FIELDS_api_versions_response_finalized(F, A, S, P)                                   \
    F(STRING, name, 3)                                                                             \
    F(INT16, max_version_level, 3)                                                                 \
    F(INT16, min_version_level, 3)

#define KAFKA_FIELDS_api_versions_response(F, A, S, P)                                             \
    F(INT16, error_code, 0)                                                                        \
    A(api_versions_response_api, api_keys, 0)                                                      \
    F(INT32, throttle_time_ms, 1)                                                                  \
    A(api_versions_response_supported, supported_features, 3, KAFKA_TAG(0))                        \
    F(INT64, finalized_features_epoch, 3, KAFKA_TAG(1), KAFKA_DEFAULT(-1))                         \
    A(api_versions_response_finalized, finalized_features, 3, KAFKA_TAG(2))                        \
    F(BOOL, zk_migration_ready, 3, KAFKA_TAG(3))

#define KAFKA_FIELDS_metadata_request_topic(F, A, S, P)                                            \
    F(UUID, topic_id, 10)                                                                          \
    F(STRING, name, 0, KAFKA_NULLABLE(10))

#define KAFKA_FIELDS_metadata_request(F, A, S, P)                                                  \
    A(metadata_request_topic, topics, 0, KAFKA_NULLABLE(1))                                        \
    F(BOOL, allow_auto_topic_creation, 4, KAFKA_DEFAULT(1))                                        \
    F(BOOL, include_cluster_authorized_operations, 8, KAFKA_UNTIL(10))                             \
    F(BOOL, include_topic_authorized_operations, 8)

#define KAFKA_FIELDS_metadata_response_broker(F, A, S, P)                                          \
    F(INT32, node_id, 0)                                                                           \
    F(STRING, host, 0)                                                                             \
    F(INT32, port, 0)                                                                              \
    F(STRING, rack, 1, KAFKA_NULLABLE(1), KAFKA_DEFAULT_NULL)

#define KAFKA_FIELDS_metadata_response_partition(F, A, S, P)                                       \
    F(INT16, error_code, 0)                                                                        \
    F(INT32, partition_index, 0)                                                                   \
    F(INT32, leader_id, 0)                                                                         \
    F(INT32, leader_epoch, 7, KAFKA_DEFAULT(-1))                                                   \
    F(INT32_ARRAY, replica_nodes, 0)                                                               \
    F(INT32_ARRAY, isr_nodes, 0)                                                                   \
    F(INT32_ARRAY, offline_replicas, 5)

#define KAFKA_FIELDS_metadata_response_topic(F, A, S, P)                                           \
    F(INT16, error_code, 0)                                                                        \
    F(STRING, name, 0, KAFKA_NULLABLE(12))                                                         \
    F(UUID, topic_id, 10)                                                                          \
    F(BOOL, is_internal, 1)                                                                        \
    A(metadata_response_partition, partitions, 0)                                                  \
    F(INT32, topic_authorized_operations, 8, KAFKA_DEFAULT(INT32_MIN))

#define KAFKA_FIELDS_metadata_response(F, A, S, P)                                                 \
    F(INT32, throttle_time_ms, 3)                                                                  \
    A(metadata_response_broker, brokers, 0)                                                        \
    F(STRING, cluster_id, 2, KAFKA_NULLABLE(2), KAFKA_DEFAULT_NULL)                                \
    F(INT32, controller_id, 1, KAFKA_DEFAULT(-1))                                                  \
    A(metadata_response_topic, topics, 0)                                                          \
    F(INT32, cluster_authorized_operations, 8, KAFKA_UNTIL(10), KAFKA_DEFAULT(INT32_MIN))          \
    F(INT16, error_code, 13)

#define KAFKA_FIELDS_describe_cluster_request(F, A, S, P)                                          \
    F(BOOL, include_cluster_authorized_operations, 0)                                              \
    F(INT8, endpoint_type, 1, KAFKA_DEFAULT(1))                                                    \
    F(BOOL, include_fenced_brokers, 2)

#define KAFKA_FIELDS_describe_cluster_response_broker(F, A, S, P)                                  \
    F(INT32, broker_id, 0)                                                                         \
    F(STRING, host, 0)                                                                             \
    F(INT32, port, 0)                                                                              \
    F(STRING, rack, 0, KAFKA_NULLABLE(0), KAFKA_DEFAULT_NULL)                                      \
    F(BOOL, is_fenced, 2)

#define KAFKA_FIELDS_describe_cluster_response(F, A, S, P)                                         \
    F(INT32, throttle_time_ms, 0)                                                                  \
    F(INT16, error_code, 0)                                                                        \
    F(STRING, error_message, 0, KAFKA_NULLABLE(0), KAFKA_DEFAULT_NULL)                             \
    F(INT8, endpoint_type, 1, KAFKA_DEFAULT(1))                                                    \
    F(STRING, cluster_id, 0)                                                                       \
    F(INT32, controller_id, 0, KAFKA_DEFAULT(-1))                                                  \
    A(describe_cluster_response_broker, brokers, 0)                                                \
    F(INT32, cluster_authorized_operations, 0, KAFKA_DEFAULT(INT32_MIN))

#define KAFKA_FIELDS_describe_topic_partitions_request_topic(F, A, S, P) F(STRING, name, 0)

#define KAFKA_FIELDS_describe_topic_partitions_request_cursor(F, A, S, P)                          \
    F(STRING, topic_name, 0)                                                                       \
    F(INT32, partition_index, 0)

#define KAFKA_FIELDS_describe_topic_partitions_request(F, A, S, P)                                 \
    A(describe_topic_partitions_request_topic, topics, 0)                                          \
    F(INT32, response_partition_limit, 0, KAFKA_DEFAULT(2000))                                     \
    P(describe_topic_partitions_request_cursor, cursor, 0, KAFKA_NULLABLE(0), KAFKA_DEFAULT_NULL)

#define KAFKA_FIELDS_describe_topic_partitions_response_partition(F, A, S, P)                      \
    F(INT16, error_code, 0)                                                                        \
    F(INT32, partition_index, 0)                                                                   \
    F(INT32, leader_id, 0)                                                                         \
    F(INT32, leader_epoch, 0, KAFKA_DEFAULT(-1))                                                   \
    F(INT32_ARRAY, replica_nodes, 0)                                                               \
    F(INT32_ARRAY, isr_nodes, 0)                                                                   \
    F(INT32_ARRAY, eligible_leader_replicas, 0, KAFKA_NULLABLE(0), KAFKA_DEFAULT_NULL)             \
    F(INT32_ARRAY, last_known_elr, 0, KAFKA_NULLABLE(0), KAFKA_DEFAULT_NULL)                       \
    F(INT32_ARRAY, offline_replicas, 0)

#define KAFKA_FIELDS_describe_topic_partitions_response_topic(F, A, S, P)                          \
    F(INT16, error_code, 0)                                                                        \
    F(STRING, name, 0, KAFKA_NULLABLE(0))                                                          \
    F(UUID, topic_id, 0)                                                                           \
    F(BOOL, is_internal, 0)                                                                        \
    A(describe_topic_partitions_response_partition, partitions, 0)                                 \
    F(INT32, topic_authorized_operations, 0, KAFKA_DEFAULT(INT32_MIN))

#define KAFKA_FIELDS_describe_topic_partitions_response_cursor(F, A, S, P)                         \
    F(STRING, topic_name, 0)                                                                       \
    F(INT32, partition_index, 0)

#define KAFKA_FIELDS_describe_topic_partitions_response(F, A, S, P)                                \
    F(INT32, throttle_time_ms, 0)                                                                  \
    A(describe_topic_partitions_response_topic, topics, 0)                                         \
    P(describe_topic_partitions_response_cursor, next_cursor, 0, KAFKA_NULLABLE(0),                \
      KAFKA_DEFAULT_NULL)

#define KAFKA_FIELDS_find_coordinator_request(F, A, S, P)                                          \
    F(STRING, key, 0, KAFKA_UNTIL(3))                                                              \
    F(INT8, key_type, 1)                                                                           \
    F(STRING_ARRAY, coordinator_keys, 4)

#define KAFKA_FIELDS_find_coordinator_response_coordinator(F, A, S, P)                             \
    F(STRING, key, 4)                                                                              \
    F(INT32, node_id, 4)                                                                           \
    F(STRING, host, 4)                                                                             \
    F(INT32, port, 4)                                                                              \
    F(INT16, error_code, 4)                                                                        \
    F(STRING, error_message, 4, KAFKA_NULLABLE(4))

#define KAFKA_FIELDS_find_coordinator_response(F, A, S, P)                                         \
    F(INT32, throttle_time_ms, 1)                                                                  \
    F(INT16, error_code, 0, KAFKA_UNTIL(3))                                                        \
    F(STRING, error_message, 1, KAFKA_UNTIL(3), KAFKA_NULLABLE(1))                                 \
    F(INT32, node_id, 0, KAFKA_UNTIL(3))                                                           \
    F(STRING, host, 0, KAFKA_UNTIL(3))                                                             \
    F(INT32, port, 0, KAFKA_UNTIL(3))                                                              \
    A(find_coordinator_response_coordinator, coordinators, 4)

#define KAFKA_STRUCTS_META(X)                                                                      \
    X(request_header, "RequestHeader")                                                             \
    X(response_header, "ResponseHeader")                                                           \
    X(api_versions_request, "ApiVersionsRequest")                                                  \
    X(api_versions_response_api, "ApiVersion")                                                     \
    X(api_versions_response_supported, "SupportedFeatureKey")                                      \
    X(api_versions_response_finalized, "FinalizedFeatureKey")                                      \
    X(api_versions_response, "ApiVersionsResponse")                                                \
    X(metadata_request_topic, "MetadataRequestTopic")                                              \
    X(metadata_request, "MetadataRequest")                                                         \
    X(metadata_response_broker, "MetadataResponseBroker")                                          \
    X(metadata_response_partition, "MetadataResponsePartition")                                    \
    X(metadata_response_topic, "MetadataResponseTopic")                                            \
    X(metadata_response, "MetadataResponse")                                                       \
    X(describe_cluster_request, "DescribeClusterRequest")                                          \
    X(describe_cluster_response_broker, "DescribeClusterBroker")                                   \
    X(describe_cluster_response, "DescribeClusterResponse")                                        \
    X(describe_topic_partitions_request_topic, "TopicRequest")                                     \
    X(describe_topic_partitions_request_cursor, "Cursor")                                          \
    X(describe_topic_partitions_request, "DescribeTopicPartitionsRequest")                         \
    X(describe_topic_partitions_response_partition, "DescribeTopicPartitionsResponsePartition")    \
    X(describe_topic_partitions_response_topic, "DescribeTopicPartitionsResponseTopic")            \
    X(describe_topic_partitions_response_cursor, "Cursor")                                         \
    X(describe_topic_partitions_response, "DescribeTopicPartitionsResponse")                       \
    X(find_coordinator_request, "FindCoordinatorRequest")                                          \
    X(find_coordinator_response_coordinator, "Coordinator")                                        \
    X(find_coordinator_response, "FindCoordinatorResponse")

#define KAFKA_MESSAGES_META(X)                                                                     \
    X(request_header, KAFKA_NO_KEY, 1, 2, 2)                                                       \
    X(response_header, KAFKA_NO_KEY, 0, 1, 1)                                                      \
    X(api_versions_request, 18, 0, 5, 3)                                                           \
    X(api_versions_response, 18, 0, 5, 3)                                                          \
    X(metadata_request, 3, 0, 13, 9)                                                               \
    X(metadata_response, 3, 0, 13, 9)                                                              \
    X(describe_cluster_request, 60, 0, 2, 0)                                                       \
    X(describe_cluster_response, 60, 0, 2, 0)                                                      \
    X(describe_topic_partitions_request, 75, 0, 0, 0)                                              \
    X(describe_topic_partitions_response, 75, 0, 0, 0)                                             \
    X(find_coordinator_request, 10, 0, 6, 3)                                                       \
    X(find_coordinator_response, 10, 0, 6, 3)

#endif
