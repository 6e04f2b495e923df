/* What the HTTP door answers when something is not done: one row each (VIEWS §8). A problem's
 * `type` is urn:tdb:error:<code>; the rows are what openapi.json lists. */
#ifndef BROKER_GATEWAY_ERRORS_H
#define BROKER_GATEWAY_ERRORS_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core/code.h"

/* Name, code, status, the SQLSTATEs it stands for (PostgreSQL 15, appendix A; two characters: what
 * is left of a class), whether the same request may succeed later, title, what to do. */
#define HTTP_ERRORS(X)                                                                             \
    X(REQUEST_INVALID, "request_invalid", 400, "", false,                                          \
      "The request is not HTTP as it should be.", "Send a request as RFC 9112 describes it.")      \
    X(PARAMETER_INVALID, "parameter_invalid", 400, "", false,                                      \
      "A parameter of the query cannot be taken.",                                                 \
      "See /api/v1/openapi.json for what the parameter may be.")                                   \
    X(JSON_INVALID, "json_invalid", 400, "", false, "The body is not JSON.",                       \
      "Mend the text at the byte that the detail names.")                                          \
    X(ORIGIN_NOT_ALLOWED, "origin_not_allowed", 403, "", false,                                    \
      "A page of another origin may not call this server.",                                        \
      "Open the page from this server, or start it with --http.origins.")                          \
    X(HOST_NOT_ALLOWED, "host_not_allowed", 403, "", false,                                        \
      "This server does not go by that name.",                                                     \
      "Use its address, localhost or the name it advertises, or start it with --http.hosts.")      \
    X(STREAM_RESERVED, "stream_reserved", 403, "", false,                                          \
      "Names that begin with __tdb_ are the server's own.", "Choose another name.")                \
    X(PATH_NOT_FOUND, "path_not_found", 404, "", false, "Nothing is served at this path.",         \
      "GET /api/v1/openapi.json lists what is.")                                                   \
    X(STREAM_NOT_FOUND, "stream_not_found", 404, "", false, "There is no such stream.",            \
      "GET /api/v1/streams lists them; 'tdb topic create' makes one.")                             \
    X(VIEW_NOT_FOUND, "view_not_found", 404, "", false, "There is no such materialized view.",     \
      "GET /api/v1/views lists them.")                                                             \
    X(VIEW_HAS_NO_KEY, "view_has_no_key", 422, "", false,                                          \
      "The view's rows cannot be asked for by their key.",                                         \
      "Have all columns that it is grouped by in its SELECT, or filter by POST /api/v1/query.")    \
    X(PARTITION_NOT_FOUND, "partition_not_found", 404, "", false,                                  \
      "The stream has no such partition.", "GET /api/v1/streams tells how many it has.")           \
    X(METHOD_NOT_ALLOWED, "method_not_allowed", 405, "", false,                                    \
      "This path does not take that method.", "The header Allow lists those that it takes.")       \
    X(NOT_ACCEPTABLE, "not_acceptable", 406, "", false,                                            \
      "None of the accepted media types is served.", "Accept application/json.")                   \
    X(REQUEST_TIMEOUT, "request_timeout", 408, "", true, "The request did not come in time.",      \
      "Send it again, faster.")                                                                    \
    X(OFFSET_OUT_OF_RANGE, "offset_out_of_range", 410, "", false,                                  \
      "No event has this offset: it is deleted, or not there yet.",                                \
      "Read from an offset between log_start_offset and high_watermark.")                          \
    X(BODY_TOO_LARGE, "body_too_large", 413, "", false,                                            \
      "The body is larger than this path takes.", "Send less at a time.")                          \
    X(EVENT_TOO_LARGE, "event_too_large", 413, "", false,                                          \
      "The event is larger than the stream's max.message.bytes.",                                  \
      "Send a smaller event, or raise it: 'tdb topic config STREAM set max.message.bytes=...'.")   \
    X(TARGET_TOO_LONG, "target_too_long", 414, "", false, "The request's target is too long.",     \
      "Send a shorter one.")                                                                       \
    X(MEDIA_TYPE_UNSUPPORTED, "media_type_unsupported", 415, "", false,                            \
      "This path does not take that media type.", "Send one of those that openapi.json lists.")    \
    X(EXPECTATION_FAILED, "expectation_failed", 417, "", false, "This expectation is not known.",  \
      "Expect 100-continue, or nothing.")                                                          \
    X(UPGRADE_INVALID, "upgrade_invalid", 400, "", false,                                          \
      "The request to upgrade is not as it should be.", "Connect with a WebSocket client.")        \
    X(MESSAGE_INVALID, "message_invalid", 422, "", false,                                          \
      "The message is none of the protocol's.",                                                    \
      "Send {\"id\": 1, \"op\": \"ping\"}; broker/gateway/README.md tells of the others.")         \
    X(UPGRADE_REQUIRED, "upgrade_required", 426, "", false, "This path speaks WebSocket.",         \
      "Connect with a WebSocket client (RFC 6455), as ws:// instead of http://.")                  \
    X(EVENT_INVALID, "event_invalid", 422, "", false, "The item is not an event.",                 \
      "Mend what the detail names.")                                                               \
    X(STREAM_NAME_INVALID, "stream_name_invalid", 422, "", false,                                  \
      "A stream's name is 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'.", "Choose another name.")   \
    X(TIMESTAMP_OUT_OF_RANGE, "timestamp_out_of_range", 422, "", false,                            \
      "The event's timestamp is further from now than the stream allows.",                         \
      "Send another, or change message.timestamp.before.max.ms or "                                \
      "message.timestamp.after.max.ms.")                                                           \
    X(QUERY_INVALID, "query_invalid", 422, "", false, "The body is not a question.",               \
      "Send {\"sql\": TEXT}, perhaps with params, timeout and numbers.")                           \
    X(SQL_SYNTAX, "sql_syntax", 400, "42601", false,                                               \
      "The statement is not SQL as it is read here.",                                              \
      "Mend it at the place that the excerpt shows.")                                              \
    X(SQL_UNDEFINED, "sql_undefined", 422, "3F 42703 42704 42883 42P01", false,                    \
      "The statement names what is not there.",                                                    \
      "SHOW STREAMS and SHOW VIEWS list relations, DESCRIBE the columns of one.")                  \
    X(SQL_INVALID, "sql_invalid", 422, "42", false, "The statement's parts do not go together.",   \
      "Mend it at the place that the excerpt shows.")                                              \
    X(SQL_PARAMETERS, "sql_parameters", 422, "08P01 42P02", false,                                 \
      "The parameters are not those of the statement.", "Send one for each of $1, $2, ...")        \
    X(SQL_DATA, "sql_data", 422, "22", false, "A value is not one that can be computed with.",     \
      "Mend the value, or filter such rows out.")                                                  \
    X(SQL_EXISTS, "sql_exists", 409, "42710 42P07", false, "There is one of that name.",           \
      "Choose another name, or say IF NOT EXISTS.")                                                \
    X(SQL_IN_USE, "sql_in_use", 409, "2B 55", false, "Something else stands upon it.",             \
      "Drop that first.")                                                                          \
    X(POSITION_INVALID, "position_invalid", 422, "55T01", false,                                   \
      "The position is none of this server's timeline.",                                           \
      "Take one from an answer of this server about a view, or leave min_position out.")           \
    X(VIEWS_LAGGING, "views_lagging", 503, "55T02", true,                                          \
      "A view is not there yet, or not as far.",                                                   \
      "Try again, with a longer timeout; GET /api/v1/views says how it stands.")                   \
    X(VIEW_BROKEN, "view_broken", 409, "55000", false, "The view is not kept up any more.",        \
      "Mend what the detail names, then DROP the view and CREATE it again.")                       \
    X(SQL_NOT_ALLOWED, "sql_not_allowed", 403, "42501 42939", false,                               \
      "Names of the system are its own.", "Choose another name.")                                  \
    X(SQL_TOO_COMPLEX, "sql_too_complex", 422, "54", false, "The statement is too large.",         \
      "Say it in fewer parts.")                                                                    \
    X(HEAD_TOO_LARGE, "head_too_large", 431, "", false, "The request's headers are too large.",    \
      "Send fewer or shorter ones.")                                                               \
    X(INTERNAL, "internal", 500, "", false, "The server made a mistake.",                          \
      "Look into its log for this request id.")                                                    \
    X(STORAGE_FAILED, "storage_failed", 500, "58 XX001", false,                                    \
      "The log cannot be written or read.", "Look into the server's log.")                         \
    X(ANSWER_TOO_LARGE, "answer_too_large", 500, "", false,                                        \
      "The answer is larger than answers may be.", "Read it with a Kafka client.")                 \
    X(METHOD_UNKNOWN, "method_unknown", 501, "", false, "No path takes this method.",              \
      "GET /api/v1/openapi.json lists what is served.")                                            \
    X(IDEMPOTENCY_NOT_SERVED, "idempotency_not_served", 501, "", false,                            \
      "Idempotency-Key is not served yet.",                                                        \
      "Leave it out, or append through a Kafka client with enable.idempotence=true.")              \
    X(ENCODING_UNSUPPORTED, "encoding_unsupported", 501, "", false,                                \
      "No transfer coding but chunked, and no content coding, is served.",                         \
      "Send the body as it is.")                                                                   \
    X(SQL_UNSUPPORTED, "sql_unsupported", 501, "0A", false,                                        \
      "The statement asks for what is not served.", "Say it without that.")                        \
    X(QUERY_MEMORY, "query_memory", 503, "53200", true,                                            \
      "There was not enough memory for the statement.",                                            \
      "Filter more rows, group by fewer values, sort with a small LIMIT, make fewer views; or "    \
      "try again later.")                                                                          \
    X(QUERY_CANCELED, "query_canceled", 503, "", true,                                             \
      "The client ended its side of the connection before the answer was there.",                  \
      "Keep it open until the answer is read.")                                                    \
    X(QUERIES_TOO_MANY, "queries_too_many", 503, "53300", true,                                    \
      "Too many statements are under way.", "Try again later.")                                    \
    X(NOT_AVAILABLE, "not_available", 503, "57", true, "The partition cannot be used now.",        \
      "Try again.")                                                                                \
    X(NOT_ENOUGH_REPLICAS, "not_enough_replicas", 503, "", true,                                   \
      "Fewer replicas live than min.insync.replicas asks for.", "Try again.")                      \
    X(OVERLOADED, "overloaded", 503, "53", true, "There is no memory for it now.",                 \
      "Try again later.")                                                                          \
    X(CLOSING, "closing", 503, "57P01", true, "The server is shutting down.", "Try again later.")  \
    X(TIMEOUT, "timeout", 504, "", false, "It was not known to be done in the time given.",        \
      "It may have been done, or be done still: look before you try again.")                       \
    X(QUERY_TIMEOUT, "query_timeout", 504, "57014", false,                                         \
      "The statement took longer than it may.",                                                    \
      "Ask for fewer rows, or give it a longer timeout.")                                          \
    X(VERSION_UNSUPPORTED, "version_unsupported", 505, "", false,                                  \
      "HTTP/1.1 and HTTP/1.0 are served.", "Use one of them.")                                     \
    X(DISK_FULL, "disk_full", 507, "53100", true, "The disk is full.",                             \
      "Make room, or delete records; reads go on.")

enum http_error {
#define HTTP_ERROR_ENUM(name, code, status, states, retriable, title, hint) HTTP_##name,
    HTTP_ERRORS(HTTP_ERROR_ENUM)
#undef HTTP_ERROR_ENUM
        HTTP_ERRORS_COUNT
};

/* A row. */
struct http_error_row {
    const char *code;   /* "stream_not_found" */
    uint16_t status;    /* of HTTP */
    const char *states; /* SQLSTATEs and classes, spaces between; "": none */
    bool is_retriable;  /* the same request may succeed later */
    const char *title;  /* what is wrong, a sentence */
    const char *hint;   /* what to do, likewise */
};

/* The row of `error`. Static storage. */
const struct http_error_row *http_error_row(enum http_error error);

/* What the broker's answers are here; `code` is not CORE_OK (asserted). */
enum http_error http_error_of(enum core_code code);

/* The problem for a statement that failed with the SQLSTATE `state`: the row that has it, else the
 * one that has its class, else INTERNAL. */
enum http_error http_error_of_state(const char *state);

/* The problem for a request that the codec refused with `status`; 501 is its method's fault where
 * that is not known. */
enum http_error http_error_of_status(uint32_t status, bool is_method_known);

#endif
