/* Kafka's error codes, and how the broker's catalogue maps to them: the one table that knows both.
 */
#ifndef BROKER_KAFKA_ERRORS_H
#define BROKER_KAFKA_ERRORS_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core/code.h"
#include "broker/core/records.h"

/* Kafka's, org.apache.kafka.common.protocol.Errors: those we answer. */
enum kafka_error {
    KAFKA_UNKNOWN_SERVER_ERROR = -1,
    KAFKA_NONE = 0,
    KAFKA_OFFSET_OUT_OF_RANGE = 1,
    KAFKA_CORRUPT_MESSAGE = 2,
    KAFKA_UNKNOWN_TOPIC_OR_PARTITION = 3,
    KAFKA_LEADER_NOT_AVAILABLE = 5,
    KAFKA_NOT_LEADER_OR_FOLLOWER = 6,
    KAFKA_REQUEST_TIMED_OUT = 7,
    KAFKA_MESSAGE_TOO_LARGE = 10,
    KAFKA_COORDINATOR_LOAD_IN_PROGRESS = 14,
    KAFKA_COORDINATOR_NOT_AVAILABLE = 15,
    KAFKA_INVALID_TOPIC_EXCEPTION = 17,
    KAFKA_NOT_ENOUGH_REPLICAS = 19,
    KAFKA_INVALID_REQUIRED_ACKS = 21,
    KAFKA_GROUP_AUTHORIZATION_FAILED = 30,
    KAFKA_INVALID_TIMESTAMP = 32,
    KAFKA_UNSUPPORTED_VERSION = 35,
    KAFKA_TOPIC_ALREADY_EXISTS = 36,
    KAFKA_INVALID_PARTITIONS = 37,
    KAFKA_INVALID_REPLICATION_FACTOR = 38,
    KAFKA_INVALID_REPLICA_ASSIGNMENT = 39,
    KAFKA_INVALID_CONFIG = 40,
    KAFKA_NOT_CONTROLLER = 41,
    KAFKA_INVALID_REQUEST = 42,
    KAFKA_UNSUPPORTED_FOR_MESSAGE_FORMAT = 43,
    KAFKA_POLICY_VIOLATION = 44,
    KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER = 45,
    KAFKA_DUPLICATE_SEQUENCE_NUMBER = 46,
    KAFKA_INVALID_PRODUCER_EPOCH = 47,
    KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53,
    KAFKA_STORAGE_ERROR = 56,
    KAFKA_UNKNOWN_PRODUCER_ID = 59,
    KAFKA_FETCH_SESSION_ID_NOT_FOUND = 70,
    KAFKA_FENCED_LEADER_EPOCH = 74,
    KAFKA_UNKNOWN_LEADER_EPOCH = 75,
    KAFKA_UNSUPPORTED_COMPRESSION_TYPE = 76,
    KAFKA_INVALID_RECORD = 87,
    KAFKA_UNKNOWN_TOPIC_ID = 100,
    KAFKA_INCONSISTENT_TOPIC_ID = 103,
    KAFKA_MISMATCHED_ENDPOINT_TYPE = 114,
    KAFKA_UNSUPPORTED_ENDPOINT_TYPE = 115,
};

/* What a client is told of `code`. */
enum kafka_error kafka_error_of(enum core_code code);

/* `error` for a request that may come from a client that does not know KAFKA_STORAGE_ERROR (Produce
 * below 4, Fetch below 6): another that makes it try again, as Kafka does. */
enum kafka_error kafka_error_known(enum kafka_error error, bool knows_storage_error);

/* Of a batch that was not let in. */
enum kafka_error kafka_error_of_records(enum core_records_answer answer);

#endif
