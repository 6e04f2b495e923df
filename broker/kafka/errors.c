/* See errors.h. */
#include "broker/kafka/errors.h"

#include "base/assert.h"

/* What is retriable here is retriable there: clients go by the code alone, and Java's consumer
 * takes any code that it does not expect in an answer for a bug. So what passes by itself is
 * NOT_LEADER_OR_FOLLOWER, and a full disk KAFKA_STORAGE_ERROR: clients ask for metadata and try
 * again. */
enum kafka_error kafka_error_of(enum core_code code)
{
    switch (code) {
    case CORE_OK: return KAFKA_NONE;
    case CORE_UNKNOWN_TOPIC: return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    case CORE_UNKNOWN_TOPIC_ID: return KAFKA_UNKNOWN_TOPIC_ID;
    case CORE_INCONSISTENT_TOPIC_ID: return KAFKA_INCONSISTENT_TOPIC_ID;
    case CORE_TOPIC_EXISTS: return KAFKA_TOPIC_ALREADY_EXISTS;
    case CORE_INVALID_TOPIC: return KAFKA_INVALID_TOPIC_EXCEPTION;
    case CORE_INVALID_PARTITIONS: return KAFKA_INVALID_PARTITIONS;
    case CORE_INVALID_REPLICATION: return KAFKA_INVALID_REPLICATION_FACTOR;
    case CORE_INVALID_ASSIGNMENT: return KAFKA_INVALID_REPLICA_ASSIGNMENT;
    case CORE_INVALID_CONFIG: return KAFKA_INVALID_CONFIG;
    case CORE_INVALID_REQUEST: return KAFKA_INVALID_REQUEST;
    case CORE_NOT_LEADER:
    case CORE_NOT_AVAILABLE: return KAFKA_NOT_LEADER_OR_FOLLOWER;
    case CORE_FENCED_EPOCH: return KAFKA_FENCED_LEADER_EPOCH;
    case CORE_UNKNOWN_EPOCH: return KAFKA_UNKNOWN_LEADER_EPOCH;
    case CORE_OFFSET_OUT_OF_RANGE: return KAFKA_OFFSET_OUT_OF_RANGE;
    case CORE_INVALID_ACKS: return KAFKA_INVALID_REQUIRED_ACKS;
    case CORE_NOT_ENOUGH_REPLICAS: return KAFKA_NOT_ENOUGH_REPLICAS;
    case CORE_TIMEOUT: return KAFKA_REQUEST_TIMED_OUT;
    case CORE_CORRUPT_MESSAGE: return KAFKA_CORRUPT_MESSAGE;
    case CORE_INVALID_RECORD: return KAFKA_INVALID_RECORD;
    case CORE_INVALID_TIMESTAMP: return KAFKA_INVALID_TIMESTAMP;
    case CORE_TOO_LARGE: return KAFKA_MESSAGE_TOO_LARGE;
    case CORE_UNSUPPORTED_COMPRESSION: return KAFKA_UNSUPPORTED_COMPRESSION_TYPE;
    case CORE_UNSUPPORTED_FORMAT: return KAFKA_UNSUPPORTED_FOR_MESSAGE_FORMAT;
    case CORE_OUT_OF_ORDER: return KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER;
    case CORE_DUPLICATE_SEQUENCE: return KAFKA_DUPLICATE_SEQUENCE_NUMBER;
    case CORE_UNKNOWN_PRODUCER: return KAFKA_UNKNOWN_PRODUCER_ID;
    case CORE_PRODUCER_FENCED: return KAFKA_INVALID_PRODUCER_EPOCH;
    case CORE_POLICY_VIOLATION: return KAFKA_POLICY_VIOLATION;
    case CORE_STREAM_EXISTS:
    case CORE_UNKNOWN_STREAM:
    case CORE_INVALID_STREAM:
    case CORE_STREAM_CHANGED:
    case CORE_NOT_FOLLOWED:
    case CORE_VIEW_EXISTS:
    case CORE_UNKNOWN_VIEW:
    case CORE_INVALID_VIEW:
    case CORE_VIEW_BROKEN:
    case CORE_VIEW_CHANGED:
    case CORE_VIEW_BUSY: return KAFKA_INVALID_REQUEST; /* no request of Kafka's is about them */
    case CORE_STORAGE:
    case CORE_DISK_FULL: return KAFKA_STORAGE_ERROR;
    case CORE_OVERLOADED: return KAFKA_REQUEST_TIMED_OUT;
    case CORE_CLOSING: return KAFKA_NOT_LEADER_OR_FOLLOWER;
    case CORE_CODES_COUNT: break;
    }
    UNREACHABLE();
}

enum kafka_error kafka_error_known(enum kafka_error error, bool knows_storage_error)
{
    bool is_unknown = error == KAFKA_STORAGE_ERROR && !knows_storage_error;
    return is_unknown ? KAFKA_NOT_LEADER_OR_FOLLOWER : error;
}

enum kafka_error kafka_error_of_records(enum core_records_answer answer)
{
    switch (answer) {
    case CORE_RECORDS_OK: return KAFKA_NONE;
    case CORE_RECORDS_INVALID: return KAFKA_INVALID_RECORD;
    case CORE_RECORDS_CORRUPT: return KAFKA_CORRUPT_MESSAGE;
    case CORE_RECORDS_TOO_LARGE: return KAFKA_MESSAGE_TOO_LARGE;
    case CORE_RECORDS_TIMESTAMP: return KAFKA_INVALID_TIMESTAMP;
    case CORE_RECORDS_COMPRESSION: return KAFKA_UNSUPPORTED_COMPRESSION_TYPE;
    case CORE_RECORDS_FORMAT: return KAFKA_UNSUPPORTED_FOR_MESSAGE_FORMAT;
    case CORE_RECORDS_NO_MEMORY: return kafka_error_of(CORE_OVERLOADED);
    }
    UNREACHABLE();
}
