/* The messages that carry records. What the columns mean: messages.h, which is the header to
 * include; Kafka's JSON definitions say what the fields mean. */
#ifndef BROKER_KAFKA_MESSAGES_DATA_H
#define BROKER_KAFKA_MESSAGES_DATA_H

#define KAFKA_FIELDS_produce_request_partition(F, A, S, P)                                         \
    F(INT32, index, 0)                                                                             \
    F(RECORDS, records, 0, KAFKA_NULLABLE(0))

#define KAFKA_FIELDS_produce_request_topic(F, A, S, P)                                             \
    F(STRING, name, 0, KAFKA_UNTIL(12))                                                            \
    F(UUID, topic_id, 13)                                                                          \
    A(produce_request_partition, partition_data, 0)

#define KAFKA_FIELDS_produce_request(F, A, S, P)                                                   \
    F(STRING, transactional_id, 3, KAFKA_NULLABLE(3), KAFKA_DEFAULT_NULL)                          \
    F(INT16, acks, 0)                                                                              \
    F(INT32, timeout_ms, 0)                                                                        \
    A(produce_request_topic, topic_data, 0)

#define KAFKA_FIELDS_produce_response_record_error(F, A, S, P)                                     \
    F(INT32, batch_index, 8)                                                                       \
    F(STRING, batch_index_error_message, 8, KAFKA_NULLABLE(8), KAFKA_DEFAULT_NULL)

#define KAFKA_FIELDS_produce_response_leader(F, A, S, P)                                           \
    F(INT32, leader_id, 10, KAFKA_DEFAULT(-1))                                                     \
    F(INT32, leader_epoch, 10, KAFKA_DEFAULT(-1))

#define KAFKA_FIELDS_produce_response_partition(F, A, S, P)                                        \
    F(INT32, index, 0)                                                                             \
    F(INT16, error_code, 0)                                                                        \
    F(INT64, base_offset, 0)                                                                       \
    F(INT64, log_append_time_ms, 2, KAFKA_DEFAULT(-1))                                             \
    F(INT64, log_start_offset, 5, KAFKA_DEFAULT(-1))                                               \
    A(produce_response_record_error, record_errors, 8)                                             \
    F(STRING, error_message, 8, KAFKA_NULLABLE(8), KAFKA_DEFAULT_NULL)                             \
    S(produce_response_leader, current_leader, 10, KAFKA_TAG(0))

#define KAFKA_FIELDS_produce_response_topic(F, A, S, P)                                            \
    F(STRING, name, 0, KAFKA_UNTIL(12))                                                            \
    F(UUID, topic_id, 13)                                                                          \
    A(produce_response_partition, partition_responses, 0)

#define KAFKA_FIELDS_produce_response_endpoint(F, A, S, P)                                         \
    F(INT32, node_id, 10)                                                                          \
    F(STRING, host, 10)                                                                            \
    F(INT32, port, 10)                                                                             \
    F(STRING, rack, 10, KAFKA_NULLABLE(10), KAFKA_DEFAULT_NULL)

#define KAFKA_FIELDS_produce_response(F, A, S, P)                                                  \
    A(produce_response_topic, responses, 0)                                                        \
    F(INT32, throttle_time_ms, 1)                                                                  \
    A(produce_response_endpoint, node_endpoints, 10, KAFKA_TAG(0))

#define KAFKA_FIELDS_fetch_request_replica(F, A, S, P)                                             \
    F(INT32, replica_id, 15, KAFKA_DEFAULT(-1))                                                    \
    F(INT64, replica_epoch, 15, KAFKA_DEFAULT(-1))

#define KAFKA_FIELDS_fetch_request_partition(F, A, S, P)                                           \
    F(INT32, partition, 0)                                                                         \
    F(INT32, current_leader_epoch, 9, KAFKA_DEFAULT(-1))                                           \
    F(INT64, fetch_offset, 0)                                                                      \
    F(INT32, last_fetched_epoch, 12, KAFKA_DEFAULT(-1))                                            \
    F(INT64, log_start_offset, 5, KAFKA_DEFAULT(-1))                                               \
    F(INT32, partition_max_bytes, 0)                                                               \
    F(UUID, replica_directory_id, 17, KAFKA_TAG(0))                                                \
    F(INT64, high_watermark, 18, KAFKA_TAG(1), KAFKA_DEFAULT(INT64_MAX))

#define KAFKA_FIELDS_fetch_request_topic(F, A, S, P)                                               \
    F(STRING, topic, 0, KAFKA_UNTIL(12))                                                           \
    F(UUID, topic_id, 13)                                                                          \
    A(fetch_request_partition, partitions, 0)

#define KAFKA_FIELDS_fetch_request_forgotten(F, A, S, P)                                           \
    F(STRING, topic, 7, KAFKA_UNTIL(12))                                                           \
    F(UUID, topic_id, 13)                                                                          \
    F(INT32_ARRAY, partitions, 7)

#define KAFKA_FIELDS_fetch_request(F, A, S, P)                                                     \
    F(STRING, cluster_id, 12, KAFKA_NULLABLE(12), KAFKA_TAG(0), KAFKA_DEFAULT_NULL)                \
    F(INT32, replica_id, 0, KAFKA_UNTIL(14), KAFKA_DEFAULT(-1))                                    \
    S(fetch_request_replica, replica_state, 15, KAFKA_TAG(1))                                      \
    F(INT32, max_wait_ms, 0)                                                                       \
    F(INT32, min_bytes, 0)                                                                         \
    F(INT32, max_bytes, 3, KAFKA_DEFAULT(INT32_MAX))                                               \
    F(INT8, isolation_level, 4)                                                                    \
    F(INT32, session_id, 7)                                                                        \
    F(INT32, session_epoch, 7, KAFKA_DEFAULT(-1))                                                  \
    A(fetch_request_topic, topics, 0)                                                              \
    A(fetch_request_forgotten, forgotten_topics_data, 7)                                           \
    F(STRING, rack_id, 11)

#define KAFKA_FIELDS_fetch_response_diverging(F, A, S, P)                                          \
    F(INT32, epoch, 12, KAFKA_DEFAULT(-1))                                                         \
    F(INT64, end_offset, 12, KAFKA_DEFAULT(-1))

#define KAFKA_FIELDS_fetch_response_leader(F, A, S, P)                                             \
    F(INT32, leader_id, 12, KAFKA_DEFAULT(-1))                                                     \
    F(INT32, leader_epoch, 12, KAFKA_DEFAULT(-1))

#define KAFKA_FIELDS_fetch_response_snapshot(F, A, S, P)                                           \
    F(INT64, end_offset, 0, KAFKA_DEFAULT(-1))                                                     \
    F(INT32, epoch, 0, KAFKA_DEFAULT(-1))

#define KAFKA_FIELDS_fetch_response_aborted(F, A, S, P)                                            \
    F(INT64, producer_id, 4)                                                                       \
    F(INT64, first_offset, 4)

#define KAFKA_FIELDS_fetch_response_partition(F, A, S, P)                                          \
    F(INT32, partition_index, 0)                                                                   \
    F(INT16, error_code, 0)                                                                        \
    F(INT64, high_watermark, 0)                                                                    \
    F(INT64, last_stable_offset, 4, KAFKA_DEFAULT(-1))                                             \
    F(INT64, log_start_offset, 5, KAFKA_DEFAULT(-1))                                               \
    S(fetch_response_diverging, diverging_epoch, 12, KAFKA_TAG(0))                                 \
    S(fetch_response_leader, current_leader, 12, KAFKA_TAG(1))                                     \
    S(fetch_response_snapshot, snapshot_id, 12, KAFKA_TAG(2))                                      \
    A(fetch_response_aborted, aborted_transactions, 4, KAFKA_NULLABLE(4))                          \
    F(INT32, preferred_read_replica, 11, KAFKA_DEFAULT(-1))                                        \
    F(RECORDS, records, 0, KAFKA_NULLABLE(0))

#define KAFKA_FIELDS_fetch_response_topic(F, A, S, P)                                              \
    F(STRING, topic, 0, KAFKA_UNTIL(12))                                                           \
    F(UUID, topic_id, 13)                                                                          \
    A(fetch_response_partition, partitions, 0)

#define KAFKA_FIELDS_fetch_response_endpoint(F, A, S, P)                                           \
    F(INT32, node_id, 16)                                                                          \
    F(STRING, host, 16)                                                                            \
    F(INT32, port, 16)                                                                             \
    F(STRING, rack, 16, KAFKA_NULLABLE(16), KAFKA_DEFAULT_NULL)

#define KAFKA_FIELDS_fetch_response(F, A, S, P)                                                    \
    F(INT32, throttle_time_ms, 1)                                                                  \
    F(INT16, error_code, 7)                                                                        \
    F(INT32, session_id, 7)                                                                        \
    A(fetch_response_topic, responses, 0)                                                          \
    A(fetch_response_endpoint, node_endpoints, 16, KAFKA_TAG(0))

#define KAFKA_FIELDS_init_producer_id_request(F, A, S, P)                                          \
    F(STRING, transactional_id, 0, KAFKA_NULLABLE(0))                                              \
    F(INT32, transaction_timeout_ms, 0)                                                            \
    F(INT64, producer_id, 3, KAFKA_DEFAULT(-1))                                                    \
    F(INT16, producer_epoch, 3, KAFKA_DEFAULT(-1))                                                 \
    F(BOOL, enable2_pc, 6)                                                                         \
    F(BOOL, keep_prepared_txn, 6)

#define KAFKA_FIELDS_init_producer_id_response(F, A, S, P)                                         \
    F(INT32, throttle_time_ms, 0)                                                                  \
    F(INT16, error_code, 0)                                                                        \
    F(INT64, producer_id, 0, KAFKA_DEFAULT(-1))                                                    \
    F(INT16, producer_epoch, 0)                                                                    \
    F(INT64, ongoing_txn_producer_id, 6, KAFKA_DEFAULT(-1))                                        \
    F(INT16, ongoing_txn_producer_epoch, 6, KAFKA_DEFAULT(-1))

#define KAFKA_STRUCTS_DATA(X)                                                                      \
    X(produce_request_partition, "PartitionProduceData")                                           \
    X(produce_request_topic, "TopicProduceData")                                                   \
    X(produce_request, "ProduceRequest")                                                           \
    X(produce_response_record_error, "BatchIndexAndErrorMessage")                                  \
    X(produce_response_leader, "LeaderIdAndEpoch")                                                 \
    X(produce_response_partition, "PartitionProduceResponse")                                      \
    X(produce_response_topic, "TopicProduceResponse")                                              \
    X(produce_response_endpoint, "NodeEndpoint")                                                   \
    X(produce_response, "ProduceResponse")                                                         \
    X(fetch_request_replica, "ReplicaState")                                                       \
    X(fetch_request_partition, "FetchPartition")                                                   \
    X(fetch_request_topic, "FetchTopic")                                                           \
    X(fetch_request_forgotten, "ForgottenTopic")                                                   \
    X(fetch_request, "FetchRequest")                                                               \
    X(fetch_response_diverging, "EpochEndOffset")                                                  \
    X(fetch_response_leader, "LeaderIdAndEpoch")                                                   \
    X(fetch_response_snapshot, "SnapshotId")                                                       \
    X(fetch_response_aborted, "AbortedTransaction")                                                \
    X(fetch_response_partition, "PartitionData")                                                   \
    X(fetch_response_topic, "FetchableTopicResponse")                                              \
    X(fetch_response_endpoint, "NodeEndpoint")                                                     \
    X(fetch_response, "FetchResponse")                                                             \
    X(init_producer_id_request, "InitProducerIdRequest")                                           \
    X(init_producer_id_response, "InitProducerIdResponse")

#define KAFKA_MESSAGES_DATA(X)                                                                     \
    X(produce_request, 0, 3, 13, 9)                                                                \
    X(produce_response, 0, 3, 13, 9)                                                               \
    X(fetch_request, 1, 4, 18, 12)                                                                 \
    X(fetch_response, 1, 4, 18, 12)                                                                \
    X(init_producer_id_request, 22, 0, 6, 2)                                                       \
    X(init_producer_id_response, 22, 0, 6, 2)

#endif
