/* See api_table.h. */
#include "broker/kafka/api_table.h"

#include "base/assert.h"
#include "broker/kafka/handlers.h"

#define KAFKA_API(name, snake, advertised, first, last)                                            \
    {                                                                                              \
        name, &kafka_message_##snake##_request, &kafka_message_##snake##_response, advertised,     \
            first, last, kafka_handle_##snake                                                      \
    }

/* Produce is told from 0 on though less than 3 is refused: librdkafka compresses only for brokers
 * that name version 0 (KAFKA-18659). */
static const struct kafka_api kafka_api_rows[] = {
    KAFKA_API("Produce", produce, 0, 3, 13),
    KAFKA_API("Fetch", fetch, 4, 4, 17),
    KAFKA_API("ListOffsets", list_offsets, 1, 1, 10),
    KAFKA_API("Metadata", metadata, 0, 0, 13),
    KAFKA_API("FindCoordinator", find_coordinator, 0, 0, 6),
    KAFKA_API("ApiVersions", api_versions, 0, 0, 4),
    KAFKA_API("CreateTopics", create_topics, 2, 2, 7),
    KAFKA_API("DeleteTopics", delete_topics, 1, 1, 6),
    KAFKA_API("DeleteRecords", delete_records, 0, 0, 2),
    KAFKA_API("InitProducerId", init_producer_id, 0, 0, 5),
    KAFKA_API("OffsetForLeaderEpoch", offset_for_leader_epoch, 2, 2, 4),
    KAFKA_API("DescribeConfigs", describe_configs, 1, 1, 4),
    KAFKA_API("AlterConfigs", alter_configs, 0, 0, 2),
    KAFKA_API("CreatePartitions", create_partitions, 0, 0, 3),
    KAFKA_API("IncrementalAlterConfigs", incremental_alter_configs, 0, 0, 1),
    KAFKA_API("DescribeCluster", describe_cluster, 0, 0, 2),
    KAFKA_API("DescribeTopicPartitions", describe_topic_partitions, 0, 0, 0),
};

const struct kafka_api *kafka_apis(size_t *count)
{
    *count = ARRAY_COUNT(kafka_api_rows);
    return kafka_api_rows;
}

const struct kafka_api *kafka_api_find(int16_t key)
{
    for (size_t i = 0; i < ARRAY_COUNT(kafka_api_rows); i++) {
        if (kafka_api_rows[i].request->api_key == key) {
            return &kafka_api_rows[i];
        }
    }
    return NULL;
}
