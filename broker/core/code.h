/* How a request to the broker ends: one catalogue; each door has one table that maps it to what its
 * protocol says. `enum err` says what happened to the machine, this what the client is told. */
#ifndef BROKER_CORE_CODE_H
#define BROKER_CORE_CODE_H

#include <stdbool.h>

#include "base/err.h"

/* Name, SQLSTATE (PostgreSQL 15, appendix A) of a statement that ends so, text for people. */
#define CORE_CODES(X)                                                                              \
    X(OK, "00000", "done")                                                                         \
    X(UNKNOWN_TOPIC, "42P01", "no such topic or partition")                                        \
    X(UNKNOWN_TOPIC_ID, "42P01", "no topic has this id")                                           \
    X(INCONSISTENT_TOPIC_ID, "42P01", "the topic has another id")                                  \
    X(TOPIC_EXISTS, "42P07", "a topic of this name exists")                                        \
    X(INVALID_TOPIC, "42602", "not a legal topic name, or a reserved one")                         \
    X(INVALID_PARTITIONS, "22023", "not a possible number of partitions")                          \
    X(INVALID_REPLICATION, "22023", "more replicas than there are nodes")                          \
    X(INVALID_ASSIGNMENT, "22023", "not a possible assignment of partitions to nodes")             \
    X(INVALID_CONFIG, "22023", "not a legal or served configuration")                              \
    X(INVALID_REQUEST, "22023", "the request contradicts itself")                                  \
    X(NOT_LEADER, "57P03", "this node does not lead the partition")                                \
    X(NOT_AVAILABLE, "57P03", "the partition cannot be used now: try again")                       \
    X(FENCED_EPOCH, "57P03", "the client knows an older leader")                                   \
    X(UNKNOWN_EPOCH, "57P03", "the client knows a newer leader")                                   \
    X(OFFSET_OUT_OF_RANGE, "58030", "no record has this offset")                                   \
    X(INVALID_ACKS, "22023", "acks is none of -1, 0, 1")                                           \
    X(NOT_ENOUGH_REPLICAS, "57P03", "fewer replicas live than min.insync.replicas asks for")       \
    X(TIMEOUT, "57014", "not done in the time given")                                              \
    X(CORRUPT_MESSAGE, "XX001", "the batch's checksum or structure is wrong")                      \
    X(INVALID_RECORD, "22023", "a record is not acceptable")                                       \
    X(INVALID_TIMESTAMP, "22008", "a record's timestamp is out of bounds")                         \
    X(TOO_LARGE, "54000", "the batch is larger than max.message.bytes")                            \
    X(UNSUPPORTED_COMPRESSION, "0A000", "this codec is not supported here")                        \
    X(UNSUPPORTED_FORMAT, "0A000", "message formats before v2 are not supported")                  \
    X(OUT_OF_ORDER, "22023", "a sequence number is missing")                                       \
    X(DUPLICATE_SEQUENCE, "22023", "older than the sequences that are remembered")                 \
    X(UNKNOWN_PRODUCER, "22023", "nothing is known of this producer")                              \
    X(PRODUCER_FENCED, "22023", "a newer epoch of this producer is in use")                        \
    X(POLICY_VIOLATION, "2BP01", "something else stands upon it")                                  \
    X(STREAM_EXISTS, "42P07", "a stream of this name exists")                                      \
    X(UNKNOWN_STREAM, "42P01", "no such stream")                                                   \
    X(INVALID_STREAM, "42P16", "the stream cannot be so")                                          \
    X(STREAM_CHANGED, "57P03", "the stream has changed meanwhile")                                 \
    X(NOT_FOLLOWED, "55000", "no view follows the topic: it has no place on the timeline")         \
    X(VIEW_EXISTS, "42P07", "a relation of this name exists")                                      \
    X(UNKNOWN_VIEW, "42P01", "no such materialized view")                                          \
    X(INVALID_VIEW, "42P16", "the view cannot be so")                                              \
    X(VIEW_BROKEN, "55000", "the view is not kept up any more")                                    \
    X(VIEW_CHANGED, "57P03", "the view has changed meanwhile")                                     \
    X(VIEW_BUSY, "55006", "the view is being bound anew already")                                  \
    X(STORAGE, "58030", "the log cannot be written or read")                                       \
    X(DISK_FULL, "53100", "the disk is full: try again later")                                     \
    X(OVERLOADED, "53200", "no memory for it now: try again later")                                \
    X(CLOSING, "57P01", "the server is shutting down")

enum core_code {
#define CORE_CODE_ENUM(name, state, text) CORE_##name,
    CORE_CODES(CORE_CODE_ENUM)
#undef CORE_CODE_ENUM
        CORE_CODES_COUNT
};

/* Its name, "UNKNOWN_TOPIC", its SQLSTATE, and a sentence for people. Static storage. */
const char *core_code_name(enum core_code code);
const char *core_code_state(enum core_code code);
const char *core_code_text(enum core_code code);

/* What a client is told of an error of the log, the group or memory. */
enum core_code core_code_of(enum err err);

/* The same of a consumer's read: rot is something that it may seek past (LOG §5). */
enum core_code core_code_of_read(enum err err);

#endif
