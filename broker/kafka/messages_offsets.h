/* The messages about where records are. What the columns mean: messages.h, which is the header to
 * include; Kafka's JSON definitions say what the fields mean. */
#ifndef BROKER_KAFKA_MESSAGES_OFFSETS_H
#define BROKER_KAFKA_MESSAGES_OFFSETS_H

#define KAFKA_FIELDS_list_offsets_request_partition(F, A, S, P)                                    \
    F(INT32, partition_index, 0)                                                                   \
    F(INT32, current_leader_epoch, 4, KAFKA_DEFAULT(-1))                                           \
    F(INT64, timestamp, 0)

#define KAFKA_FIELDS_list_offsets_request_topic(F, A, S, P)                                        \
    F(STRING, name, 0)                                                                             \
    A(list_offsets_request_partition, partitions, 0)

#define KAFKA_FIELDS_list_offsets_request(F, A, S, P)                                              \
    F(INT32, replica_id, 0)                                                                        \
    F(INT8, isolation_level, 2)                                                                    \
    A(list_offsets_request_topic, topics, 0)                                                       \
    F(INT32, timeout_ms, 10)

#define KAFKA_FIELDS_list_offsets_response_partition(F, A, S, P)                                   \
    F(INT32, partition_index, 0)                                                                   \
    F(INT16, error_code, 0)                                                                        \
    F(INT64, timestamp, 1, KAFKA_DEFAULT(-1))                                                      \
    F(INT64, offset, 1, KAFKA_DEFAULT(-1))                                                         \
    F(INT32, leader_epoch, 4, KAFKA_DEFAULT(-1))

#define KAFKA_FIELDS_list_offsets_response_topic(F, A, S, P)                                       \
    F(STRING, name, 0)                                                                             \
    A(list_offsets_response_partition, partitions, 0)

#define KAFKA_FIELDS_list_offsets_response(F, A, S, P)                                             \
    F(INT32, throttle_time_ms, 2)                                                                  \
    A(list_offsets_response_topic, topics, 0)

#define KAFKA_FIELDS_offset_for_leader_epoch_request_partition(F, A, S, P)                         \
    F(INT32, partition, 0)                                                                         \
    F(INT32, current_leader_epoch, 2, KAFKA_DEFAULT(-1))                                           \
    F(INT32, leader_epoch, 0)

#define KAFKA_FIELDS_offset_for_leader_epoch_request_topic(F, A, S, P)                             \
    F(STRING, topic, 0)                                                                            \
    A(offset_for_leader_epoch_request_partition, partitions, 0)

#define KAFKA_FIELDS_offset_for_leader_epoch_request(F, A, S, P)                                   \
    F(INT32, replica_id, 3, KAFKA_DEFAULT(-2))                                                     \
    A(offset_for_leader_epoch_request_topic, topics, 0)

#define KAFKA_FIELDS_offset_for_leader_epoch_response_partition(F, A, S, P)                        \
    F(INT16, error_code, 0)                                                                        \
    F(INT32, partition, 0)                                                                         \
    F(INT32, leader_epoch, 1, KAFKA_DEFAULT(-1))                                                   \
    F(INT64, end_offset, 0, KAFKA_DEFAULT(-1))

#define KAFKA_FIELDS_offset_for_leader_epoch_response_topic(F, A, S, P)                            \
    F(STRING, topic, 0)                                                                            \
    A(offset_for_leader_epoch_response_partition, partitions, 0)

#define KAFKA_FIELDS_offset_for_leader_epoch_response(F, A, S, P)                                  \
    F(INT32, throttle_time_ms, 2)                                                                  \
    A(offset_for_leader_epoch_response_topic, topics, 0)

#define KAFKA_FIELDS_delete_records_request_partition(F, A, S, P)                                  \
    F(INT32, partition_index, 0)                                                                   \
    F(INT64, offset, 0)

#define KAFKA_FIELDS_delete_records_request_topic(F, A, S, P)                                      \
    F(STRING, name, 0)                                                                             \
    A(delete_records_request_partition, partitions, 0)

#define KAFKA_FIELDS_delete_records_request(F, A, S, P)                                            \
    A(delete_records_request_topic, topics, 0)                                                     \
    F(INT32, timeout_ms, 0)

#define KAFKA_FIELDS_delete_records_response_partition(F, A, S, P)                                 \
    F(INT32, partition_index, 0)                                                                   \
    F(INT64, low_watermark, 0)                                                                     \
    F(INT16, error_code, 0)

#define KAFKA_FIELDS_delete_records_response_topic(F, A, S, P)                                     \
    F(STRING, name, 0)                                                                             \
    A(delete_records_response_partition, partitions, 0)

#define KAFKA_FIELDS_delete_records_response(F, A, S, P)                                           \
    F(INT32, throttle_time_ms, 0)                                                                  \
    A(delete_records_response_topic, topics, 0)

#define KAFKA_STRUCTS_OFFSETS(X)                                                                   \
    X(list_offsets_request_partition, "ListOffsetsPartition")                                      \
    X(list_offsets_request_topic, "ListOffsetsTopic")                                              \
    X(list_offsets_request, "ListOffsetsRequest")                                                  \
    X(list_offsets_response_partition, "ListOffsetsPartitionResponse")                             \
    X(list_offsets_response_topic, "ListOffsetsTopicResponse")                                     \
    X(list_offsets_response, "ListOffsetsResponse")                                                \
    X(offset_for_leader_epoch_request_partition, "OffsetForLeaderPartition")                       \
    X(offset_for_leader_epoch_request_topic, "OffsetForLeaderTopic")                               \
    X(offset_for_leader_epoch_request, "OffsetForLeaderEpochRequest")                              \
    X(offset_for_leader_epoch_response_partition, "EpochEndOffset")                                \
    X(offset_for_leader_epoch_response_topic, "OffsetForLeaderTopicResult")                        \
    X(offset_for_leader_epoch_response, "OffsetForLeaderEpochResponse")                            \
    X(delete_records_request_partition, "DeleteRecordsPartition")                                  \
    X(delete_records_request_topic, "DeleteRecordsTopic")                                          \
    X(delete_records_request, "DeleteRecordsRequest")                                              \
    X(delete_records_response_partition, "DeleteRecordsPartitionResult")                           \
    X(delete_records_response_topic, "DeleteRecordsTopicResult")                                   \
    X(delete_records_response, "DeleteRecordsResponse")

#define KAFKA_MESSAGES_OFFSETS(X)                                                                  \
    X(list_offsets_request, 2, 1, 11, 6)                                                           \
    X(list_offsets_response, 2, 1, 11, 6)                                                          \
    X(offset_for_leader_epoch_request, 23, 2, 4, 4)                                                \
    X(offset_for_leader_epoch_response, 23, 2, 4, 4)                                               \
    X(delete_records_request, 21, 0, 2, 2)                                                         \
    X(delete_records_response, 21, 0, 2, 2)

#endif
