/* The messages that change topics and settings, or show the latter. What the columns mean:
 * messages.h, which is the header to include; Kafka's JSON definitions say what the fields mean. */
#ifndef BROKER_KAFKA_MESSAGES_ADMIN_H
#define BROKER_KAFKA_MESSAGES_ADMIN_H

#define KAFKA_FIELDS_create_topics_request_assignment(F, A, S, P)                                  \
    F(INT32, partition_index, 0)                                                                   \
    F(INT32_ARRAY, broker_ids, 0)

#define KAFKA_FIELDS_create_topics_request_config(F, A, S, P)                                      \
    F(STRING, name, 0)                                                                             \
    F(STRING, value, 0, KAFKA_NULLABLE(0))

#define KAFKA_FIELDS_create_topics_request_topic(F, A, S, P)                                       \
    F(STRING, name, 0)                                                                             \
    F(INT32, num_partitions, 0)                                                                    \
    F(INT16, replication_factor, 0)                                                                \
    A(create_topics_request_assignment, assignments, 0)                                            \
    A(create_topics_request_config, configs, 0)

#define KAFKA_FIELDS_create_topics_request(F, A, S, P)                                             \
    A(create_topics_request_topic, topics, 0)                                                      \
    F(INT32, timeout_ms, 0, KAFKA_DEFAULT(60000))                                                  \
    F(BOOL, validate_only, 1)

#define KAFKA_FIELDS_create_topics_response_config(F, A, S, P)                                     \
    F(STRING, name, 5)                                                                             \
    F(STRING, value, 5, KAFKA_NULLABLE(5))                                                         \
    F(BOOL, read_only, 5)                                                                          \
    F(INT8, config_source, 5, KAFKA_DEFAULT(-1))                                                   \
    F(BOOL, is_sensitive, 5)

#define KAFKA_FIELDS_create_topics_response_topic(F, A, S, P)                                      \
    F(STRING, name, 0)                                                                             \
    F(UUID, topic_id, 7)                                                                           \
    F(INT16, error_code, 0)                                                                        \
    F(STRING, error_message, 1, KAFKA_NULLABLE(0))                                                 \
    F(INT16, topic_config_error_code, 5, KAFKA_TAG(0))                                             \
    F(INT32, num_partitions, 5, KAFKA_DEFAULT(-1))                                                 \
    F(INT16, replication_factor, 5, KAFKA_DEFAULT(-1))                                             \
    A(create_topics_response_config, configs, 5, KAFKA_NULLABLE(5))

#define KAFKA_FIELDS_create_topics_response(F, A, S, P)                                            \
    F(INT32, throttle_time_ms, 2)                                                                  \
    A(create_topics_response_topic, topics, 0)

#define KAFKA_FIELDS_delete_topics_request_topic(F, A, S, P)                                       \
    F(STRING, name, 6, KAFKA_NULLABLE(6), KAFKA_DEFAULT_NULL)                                      \
    F(UUID, topic_id, 6)

#define KAFKA_FIELDS_delete_topics_request(F, A, S, P)                                             \
    A(delete_topics_request_topic, topics, 6)                                                      \
    F(STRING_ARRAY, topic_names, 0, KAFKA_UNTIL(5))                                                \
    F(INT32, timeout_ms, 0)

#define KAFKA_FIELDS_delete_topics_response_topic(F, A, S, P)                                      \
    F(STRING, name, 0, KAFKA_NULLABLE(6))                                                          \
    F(UUID, topic_id, 6)                                                                           \
    F(INT16, error_code, 0)                                                                        \
    F(STRING, error_message, 5, KAFKA_NULLABLE(5), KAFKA_DEFAULT_NULL)

#define KAFKA_FIELDS_delete_topics_response(F, A, S, P)                                            \
    F(INT32, throttle_time_ms, 1)                                                                  \
    A(delete_topics_response_topic, responses, 0)

#define KAFKA_FIELDS_create_partitions_request_assignment(F, A, S, P) F(INT32_ARRAY, broker_ids, 0)

#define KAFKA_FIELDS_create_partitions_request_topic(F, A, S, P)                                   \
    F(STRING, name, 0)                                                                             \
    F(INT32, count, 0)                                                                             \
    A(create_partitions_request_assignment, assignments, 0, KAFKA_NULLABLE(0))

#define KAFKA_FIELDS_create_partitions_request(F, A, S, P)                                         \
    A(create_partitions_request_topic, topics, 0)                                                  \
    F(INT32, timeout_ms, 0)                                                                        \
    F(BOOL, validate_only, 0)

#define KAFKA_FIELDS_create_partitions_response_topic(F, A, S, P)                                  \
    F(STRING, name, 0)                                                                             \
    F(INT16, error_code, 0)                                                                        \
    F(STRING, error_message, 0, KAFKA_NULLABLE(0), KAFKA_DEFAULT_NULL)

#define KAFKA_FIELDS_create_partitions_response(F, A, S, P)                                        \
    F(INT32, throttle_time_ms, 0)                                                                  \
    A(create_partitions_response_topic, results, 0)

#define KAFKA_FIELDS_describe_configs_request_resource(F, A, S, P)                                 \
    F(INT8, resource_type, 0)                                                                      \
    F(STRING, resource_name, 0)                                                                    \
    F(STRING_ARRAY, configuration_keys, 0, KAFKA_NULLABLE(0))

#define KAFKA_FIELDS_describe_configs_request(F, A, S, P)                                          \
    A(describe_configs_request_resource, resources, 0)                                             \
    F(BOOL, include_synonyms, 1)                                                                   \
    F(BOOL, include_documentation, 3)

#define KAFKA_FIELDS_describe_configs_response_synonym(F, A, S, P)                                 \
    F(STRING, name, 1)                                                                             \
    F(STRING, value, 1, KAFKA_NULLABLE(0))                                                         \
    F(INT8, source, 1)

#define KAFKA_FIELDS_describe_configs_response_config(F, A, S, P)                                  \
    F(STRING, name, 0)                                                                             \
    F(STRING, value, 0, KAFKA_NULLABLE(0))                                                         \
    F(BOOL, read_only, 0)                                                                          \
    F(INT8, config_source, 1, KAFKA_DEFAULT(-1))                                                   \
    F(BOOL, is_sensitive, 0)                                                                       \
    A(describe_configs_response_synonym, synonyms, 1)                                              \
    F(INT8, config_type, 3)                                                                        \
    F(STRING, documentation, 3, KAFKA_NULLABLE(0))

#define KAFKA_FIELDS_describe_configs_response_resource(F, A, S, P)                                \
    F(INT16, error_code, 0)                                                                        \
    F(STRING, error_message, 0, KAFKA_NULLABLE(0))                                                 \
    F(INT8, resource_type, 0)                                                                      \
    F(STRING, resource_name, 0)                                                                    \
    A(describe_configs_response_config, configs, 0)

#define KAFKA_FIELDS_describe_configs_response(F, A, S, P)                                         \
    F(INT32, throttle_time_ms, 0)                                                                  \
    A(describe_configs_response_resource, results, 0)

#define KAFKA_FIELDS_alter_configs_request_config(F, A, S, P)                                      \
    F(STRING, name, 0)                                                                             \
    F(STRING, value, 0, KAFKA_NULLABLE(0))

#define KAFKA_FIELDS_alter_configs_request_resource(F, A, S, P)                                    \
    F(INT8, resource_type, 0)                                                                      \
    F(STRING, resource_name, 0)                                                                    \
    A(alter_configs_request_config, configs, 0)

#define KAFKA_FIELDS_alter_configs_request(F, A, S, P)                                             \
    A(alter_configs_request_resource, resources, 0)                                                \
    F(BOOL, validate_only, 0)

#define KAFKA_FIELDS_alter_configs_response_resource(F, A, S, P)                                   \
    F(INT16, error_code, 0)                                                                        \
    F(STRING, error_message, 0, KAFKA_NULLABLE(0))                                                 \
    F(INT8, resource_type, 0)                                                                      \
    F(STRING, resource_name, 0)

#define KAFKA_FIELDS_alter_configs_response(F, A, S, P)                                            \
    F(INT32, throttle_time_ms, 0)                                                                  \
    A(alter_configs_response_resource, responses, 0)

#define KAFKA_FIELDS_incremental_alter_configs_request_config(F, A, S, P)                          \
    F(STRING, name, 0)                                                                             \
    F(INT8, config_operation, 0)                                                                   \
    F(STRING, value, 0, KAFKA_NULLABLE(0))

#define KAFKA_FIELDS_incremental_alter_configs_request_resource(F, A, S, P)                        \
    F(INT8, resource_type, 0)                                                                      \
    F(STRING, resource_name, 0)                                                                    \
    A(incremental_alter_configs_request_config, configs, 0)

#define KAFKA_FIELDS_incremental_alter_configs_request(F, A, S, P)                                 \
    A(incremental_alter_configs_request_resource, resources, 0)                                    \
    F(BOOL, validate_only, 0)

#define KAFKA_FIELDS_incremental_alter_configs_response_resource(F, A, S, P)                       \
    F(INT16, error_code, 0)                                                                        \
    F(STRING, error_message, 0, KAFKA_NULLABLE(0))                                                 \
    F(INT8, resource_type, 0)                                                                      \
    F(STRING, resource_name, 0)

#define KAFKA_FIELDS_incremental_alter_configs_response(F, A, S, P)                                \
    F(INT32, throttle_time_ms, 0)                                                                  \
    A(incremental_alter_configs_response_resource, responses, 0)

#define KAFKA_STRUCTS_ADMIN(X)                                                                     \
    X(create_topics_request_assignment, "CreatableReplicaAssignment")                              \
    X(create_topics_request_config, "CreatableTopicConfig")                                        \
    X(create_topics_request_topic, "CreatableTopic")                                               \
    X(create_topics_request, "CreateTopicsRequest")                                                \
    X(create_topics_response_config, "CreatableTopicConfigs")                                      \
    X(create_topics_response_topic, "CreatableTopicResult")                                        \
    X(create_topics_response, "CreateTopicsResponse")                                              \
    X(delete_topics_request_topic, "DeleteTopicState")                                             \
    X(delete_topics_request, "DeleteTopicsRequest")                                                \
    X(delete_topics_response_topic, "DeletableTopicResult")                                        \
    X(delete_topics_response, "DeleteTopicsResponse")                                              \
    X(create_partitions_request_assignment, "CreatePartitionsAssignment")                          \
    X(create_partitions_request_topic, "CreatePartitionsTopic")                                    \
    X(create_partitions_request, "CreatePartitionsRequest")                                        \
    X(create_partitions_response_topic, "CreatePartitionsTopicResult")                             \
    X(create_partitions_response, "CreatePartitionsResponse")                                      \
    X(describe_configs_request_resource, "DescribeConfigsResource")                                \
    X(describe_configs_request, "DescribeConfigsRequest")                                          \
    X(describe_configs_response_synonym, "DescribeConfigsSynonym")                                 \
    X(describe_configs_response_config, "DescribeConfigsResourceResult")                           \
    X(describe_configs_response_resource, "DescribeConfigsResult")                                 \
    X(describe_configs_response, "DescribeConfigsResponse")                                        \
    X(alter_configs_request_config, "AlterableConfig")                                             \
    X(alter_configs_request_resource, "AlterConfigsResource")                                      \
    X(alter_configs_request, "AlterConfigsRequest")                                                \
    X(alter_configs_response_resource, "AlterConfigsResourceResponse")                             \
    X(alter_configs_response, "AlterConfigsResponse")                                              \
    X(incremental_alter_configs_request_config, "AlterableConfig")                                 \
    X(incremental_alter_configs_request_resource, "AlterConfigsResource")                          \
    X(incremental_alter_configs_request, "IncrementalAlterConfigsRequest")                         \
    X(incremental_alter_configs_response_resource, "AlterConfigsResourceResponse")                 \
    X(incremental_alter_configs_response, "IncrementalAlterConfigsResponse")

#define KAFKA_MESSAGES_ADMIN(X)                                                                    \
    X(create_topics_request, 19, 2, 7, 5)                                                          \
    X(create_topics_response, 19, 2, 7, 5)                                                         \
    X(delete_topics_request, 20, 1, 6, 4)                                                          \
    X(delete_topics_response, 20, 1, 6, 4)                                                         \
    X(create_partitions_request, 37, 0, 3, 2)                                                      \
    X(create_partitions_response, 37, 0, 3, 2)                                                     \
    X(describe_configs_request, 32, 1, 4, 4)                                                       \
    X(describe_configs_response, 32, 1, 4, 4)                                                      \
    X(alter_configs_request, 33, 0, 2, 2)                                                          \
    X(alter_configs_response, 33, 0, 2, 2)                                                         \
    X(incremental_alter_configs_request, 44, 0, 1, 1)                                              \
    X(incremental_alter_configs_response, 44, 0, 1, 1)

#endif
