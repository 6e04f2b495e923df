/* How a request to the broker ends: one catalogue; each door has one table that maps it to what its
 * protocol says. `enum err` says what happened to the machine, this what the client is told. */
#ifndef BROKER_CORE_CODE_H
#define BROKER_CORE_CODE_H

#include <stdbool.h>

#include "base/err.h"

/* Name, text for people. */
#define CORE_CODES(X)                                                                              \
    X(OK, "done")                                                                                  \
    X(UNKNOWN_TOPIC, "no such topic or partition")                                                 \
    X(UNKNOWN_TOPIC_ID, "no topic has this id")                                                    \
    X(INCONSISTENT_TOPIC_ID, "the topic has another id")                                           \
    X(TOPIC_EXISTS, "a topic of this name exists")                                                 \
    X(INVALID_TOPIC, "not a legal topic name, or a reserved one")                                  \
    X(INVALID_PARTITIONS, "not a possible number of partitions")                                   \
    X(INVALID_REPLICATION, "more replicas than there are nodes")                                   \
    X(INVALID_ASSIGNMENT, "not a possible assignment of partitions to nodes")                      \
    X(INVALID_CONFIG, "not a legal or served configuration")                                       \
    X(INVALID_REQUEST, "the request contradicts itself")                                           \
    X(NOT_LEADER, "this node does not lead the partition")                                         \
    X(NOT_AVAILABLE, "the partition cannot be used now: try again")                                \
    X(FENCED_EPOCH, "the client knows an older leader")                                            \
    X(UNKNOWN_EPOCH, "the client knows a newer leader")                                            \
    X(OFFSET_OUT_OF_RANGE, "no record has this offset")                                            \
    X(INVALID_ACKS, "acks is none of -1, 0, 1")                                                    \
    X(NOT_ENOUGH_REPLICAS, "fewer replicas live than min.insync.replicas asks for")                \
    X(TIMEOUT, "not done in the time given")                                                       \
    X(CORRUPT_MESSAGE, "the batch's checksum or structure is wrong")                               \
    X(INVALID_RECORD, "a record is not acceptable")                                                \
    X(INVALID_TIMESTAMP, "a record's timestamp is out of bounds")                                  \
    X(TOO_LARGE, "the batch is larger than max.message.bytes")                                     \
    X(UNSUPPORTED_COMPRESSION, "this codec is not supported here")                                 \
    X(UNSUPPORTED_FORMAT, "message formats before v2 are not supported")                           \
    X(OUT_OF_ORDER, "a sequence number is missing")                                                \
    X(DUPLICATE_SEQUENCE, "older than the sequences that are remembered")                          \
    X(UNKNOWN_PRODUCER, "nothing is known of this producer")                                       \
    X(PRODUCER_FENCED, "a newer epoch of this producer is in use")                                 \
    X(STORAGE, "the log cannot be written or read")                                                \
    X(DISK_FULL, "the disk is full: try again later")                                              \
    X(OVERLOADED, "no memory for it now: try again later")                                         \
    X(CLOSING, "the server is shutting down")

enum core_code {
#define CORE_CODE_ENUM(name, text) CORE_##name,
    CORE_CODES(CORE_CODE_ENUM)
#undef CORE_CODE_ENUM
        CORE_CODES_COUNT
};

/* Its name, "UNKNOWN_TOPIC", and a sentence for people. Static storage. */
const char *core_code_name(enum core_code code);
const char *core_code_text(enum core_code code);

/* What a client is told of an error of the log, the group or memory. */
enum core_code core_code_of(enum err err);

/* The same of a consumer's read: rot is something that it may seek past (LOG §5). */
enum core_code core_code_of_read(enum err err);

#endif
