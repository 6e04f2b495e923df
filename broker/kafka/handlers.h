/* The handlers: one for each API, each in handle_<api>.c. A handler is called once for a decoded
 * request, from a turn of the loop, and answers it then or later (conn.h). */
#ifndef BROKER_KAFKA_HANDLERS_H
#define BROKER_KAFKA_HANDLERS_H

#include "broker/kafka/conn.h"

struct core_topic;

/* Records in one answer to a fetch: Kafka's fetch.max.bytes of a broker. */
#define KAFKA_FETCH_BYTES_MAX (55u << 20)

/* Partitions in one answer to DescribeTopicPartitions: Kafka's max.request.partition.size.limit. */
#define KAFKA_DESCRIBE_PARTITIONS_MAX 2000

/* Sets all of a topic's configs at once. */
void kafka_handle_alter_configs(struct kafka_request *request);

/* Answers what is served; also versions that are not known here. */
void kafka_handle_api_versions(struct kafka_request *request);

/* Adds partitions to topics. */
void kafka_handle_create_partitions(struct kafka_request *request);

/* Makes topics. */
void kafka_handle_create_topics(struct kafka_request *request);

/* Moves log starts. */
void kafka_handle_delete_records(struct kafka_request *request);

/* Deletes topics, by name or id. */
void kafka_handle_delete_topics(struct kafka_request *request);

/* Answers the nodes. */
void kafka_handle_describe_cluster(struct kafka_request *request);

/* Answers configs with where they come from. */
void kafka_handle_describe_configs(struct kafka_request *request);

/* Answers topics page by page. */
void kafka_handle_describe_topic_partitions(struct kafka_request *request);

/* Answers with what consumers may see, waiting for it within bounds. */
void kafka_handle_fetch(struct kafka_request *request);

/* Refuses groups and transactions by name. */
void kafka_handle_find_coordinator(struct kafka_request *request);

/* Sets and takes away single configs. */
void kafka_handle_incremental_alter_configs(struct kafka_request *request);

/* Hands out producer ids. */
void kafka_handle_init_producer_id(struct kafka_request *request);

/* Answers ends of partitions and offsets by time. */
void kafka_handle_list_offsets(struct kafka_request *request);

/* Answers nodes, topics and leaders; makes topics that are missing. */
void kafka_handle_metadata(struct kafka_request *request);

/* Answers where leader epochs end. */
void kafka_handle_offset_for_leader_epoch(struct kafka_request *request);

/* Has batches let in; answers when they are as safe as asked. */
void kafka_handle_produce(struct kafka_request *request);

/* The topic of this name, in the catalog the shard has now; NULL: none. It lives as long as the
 * turn.
 */
const struct core_topic *kafka_topic_named(const struct kafka_request *request,
                                           struct kafka_string name);

/* Text of ours as a field of an answer. */
struct kafka_string kafka_text(const char *text);

/* `text` copied to the request's memory; NULL data: no memory. */
struct kafka_string kafka_text_copy(struct kafka_request *request, const char *text, size_t length);

/* Room for a uuid as clients print it: base64url without padding, and a NUL. */
#define KAFKA_UUID_TEXT_BYTES 23

/* `uuid` as Kafka's Uuid.toString writes it. Returns `out`. */
const char *kafka_uuid_format(const struct log_uuid *uuid, char out[KAFKA_UUID_TEXT_BYTES]);

#endif
