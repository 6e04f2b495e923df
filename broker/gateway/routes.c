/* The table of route.h: what is served, and how it is described. */
#include "base/list.h"
#include "broker/gateway/handlers.h"
#include "broker/gateway/route.h"

/* Bodies of appends: the largest batch, and its JSON around it. */
#define HTTP_APPEND_BODY_BYTES_MAX (16u << 20)

/* Bodies of questions: the longest statement with its escapes, and parameters. */
#define HTTP_QUERY_BODY_BYTES_MAX (4u << 20)

/* JSON as people read it: lines stay as they are written. */
/* clang-format off */

/* A schema named under components (http_openapi.c). */
#define HTTP_DOC_REF(name) "{\"$ref\":\"#/components/" name "\"}"

/* An answer of one media type, with a schema and an example. */
#define HTTP_DOC_ANSWER(text, media, schema, example)                                              \
    "{\"description\":\"" text "\",\"content\":{\"" media "\":{\"schema\":" schema                 \
    ",\"example\":" example "}}}"

/* Where a view's rows stand. */
#define HTTP_DOC_POSITION                                                                          \
    "\"TDB-Position\":{\"description\":\"Of a view's rows: what they hold.\",\"schema\":{"         \
    "\"type\":\"string\"},\"example\":\"6927c1f0.17\"}"

static const char http_doc_append[] =
    "\"operationId\":\"appendEvents\",\"summary\":\"Append events to a stream\","
    "\"description\":\"Each item of the body becomes an event, its value kept byte for byte. The "
    "answer tells for each where it stands, once it is as safe as the stream's durability asks. A "
    "stream that is not there is made. An item that is refused does not keep the others back: "
    "then the status is 207, and if none was appended it is that of the first item's error.\","
    "\"parameters\":[" HTTP_DOC_REF("parameters/name") "],"
    "\"requestBody\":{\"required\":true,\"content\":{"
    "\"application/json\":{\"schema\":{\"description\":\"One value, or an array of them.\"},"
    "\"example\":[{\"mag\":4.5,\"place\":\"10 km N of Ridgecrest\"},{\"mag\":1.2}]},"
    "\"application/x-ndjson\":{\"schema\":{\"type\":\"string\",\"description\":\"A value on each "
    "line.\"},\"example\":\"{\\\"mag\\\":4.5}\\n{\\\"mag\\\":1.2}\\n\"},"
    "\"application/vnd.tdb.events+json\":{\"schema\":{\"oneOf\":[" HTTP_DOC_REF("schemas/Event")
    ",{\"type\":\"array\",\"items\":" HTTP_DOC_REF("schemas/Event") "}]},"
    "\"example\":[{\"key\":\"us7000\",\"value\":{\"mag\":4.5},\"headers\":{\"source\":\"usgs\"},"
    "\"timestamp\":\"2026-11-26T08:00:00Z\"},{\"key\":\"us7000\",\"value\":null}]}}},"
    "\"responses\":{\"200\":" HTTP_DOC_ANSWER(
        "All are appended.", "application/json", HTTP_DOC_REF("schemas/Appended"),
        "{\"appended\":2,\"failed\":0,\"results\":[{\"partition\":0,\"offset\":0},"
        "{\"partition\":0,\"offset\":1}]}") ",\"207\":"
    HTTP_DOC_ANSWER("Some are.", "application/json", HTTP_DOC_REF("schemas/Appended"),
                    "{\"appended\":1,\"failed\":1,\"results\":[{\"partition\":0,\"offset\":0},"
                    "{\"error\":{\"code\":\"json_invalid\",\"detail\":\"Line 2, byte 1: a value "
                    "was expected.\",\"retriable\":false}}]}");

static const char http_doc_read[] =
    "\"operationId\":\"readEvents\",\"summary\":\"Read events of a partition\","
    "\"description\":\"From an offset or from the first event of a time on, up to limit events or "
    "1 MiB. The answer says with next_offset (as NDJSON with the header TDB-Next-Offset) where to "
    "go on. With wait an answer without events is put off until there is one, or the time is "
    "over.\","
    "\"parameters\":[" HTTP_DOC_REF("parameters/name") ","
    "{\"name\":\"partition\",\"in\":\"query\",\"schema\":{\"type\":\"integer\",\"minimum\":0},"
    "\"description\":\"Needed where the stream has several.\"},"
    "{\"name\":\"offset\",\"in\":\"query\",\"schema\":{\"oneOf\":[{\"type\":\"integer\","
    "\"minimum\":0},{\"enum\":[\"earliest\",\"latest\"]}]},\"description\":\"Where to begin; "
    "absent: earliest.\"},"
    "{\"name\":\"timestamp\",\"in\":\"query\",\"schema\":{\"type\":\"string\"},\"description\":"
    "\"Begin with the first event of this time or later: RFC 3339, or milliseconds since 1970.\"},"
    "{\"name\":\"limit\",\"in\":\"query\",\"schema\":{\"type\":\"integer\",\"minimum\":1,"
    "\"maximum\":10000,\"default\":100}},"
    "{\"name\":\"wait\",\"in\":\"query\",\"schema\":{\"type\":\"string\",\"default\":\"0\"},"
    "\"description\":\"How long to wait for events: 500ms, 5s, 60s at most.\",\"example\":\"1s\"}],"
    "\"responses\":{\"200\":{\"description\":\"The events.\",\"content\":{\"application/json\":{"
    "\"schema\":" HTTP_DOC_REF("schemas/Events") ",\"example\":{\"stream\":\"quakes\","
    "\"partition\":0,\"events\":[{\"offset\":0,\"timestamp\":1795680000000,\"key\":\"us7000\","
    "\"value\":{\"mag\":4.5}}],\"next_offset\":1,\"high_watermark\":1,\"log_start_offset\":0}},"
    "\"application/x-ndjson\":{\"schema\":{\"type\":\"string\"},\"example\":\"{\\\"offset\\\":0,"
    "\\\"timestamp\\\":1795680000000,\\\"key\\\":null,\\\"value\\\":1}\\n\"}}}";

static const char http_doc_streams[] =
    "\"operationId\":\"listStreams\",\"summary\":\"List streams\",\"parameters\":[],"
    "\"responses\":{\"200\":" HTTP_DOC_ANSWER(
        "All there are.", "application/json", HTTP_DOC_REF("schemas/Streams"),
        "{\"streams\":[{\"name\":\"quakes\",\"partitions\":1,\"internal\":false,\"created\":"
        "\"2026-11-26T08:00:00.000Z\"}]}");

static const char http_doc_views[] =
    "\"operationId\":\"listViews\",\"summary\":\"List materialized views\",\"parameters\":[],"
    "\"responses\":{\"200\":" HTTP_DOC_ANSWER(
        "All there are.", "application/json", HTTP_DOC_REF("schemas/Views"),
        "{\"views\":[{\"name\":\"per_region\",\"source\":\"quakes\",\"topic\":\"earthquakes\","
        "\"origin\":\"earliest\",\"incarnation\":1,\"columns\":[{\"name\":\"region\",\"type\":"
        "\"text\"},{\"name\":\"count\",\"type\":\"bigint\"}],\"key\":[\"region\"],\"created\":"
        "\"2026-11-26T08:00:00.000Z\",\"sql\":\"SELECT region, count(*) FROM quakes GROUP BY "
        "region\",\"state\":\"live\",\"degraded\":false,\"tick\":17,\"lag_ms\":0,\"rows\":12,"
        "\"bytes\":2048,\"records\":600,\"records_left\":0,\"errors\":0,\"eta_ms\":null,"
        "\"freshness_us\":210}]}");

static const char http_doc_view_rows[] =
    "\"operationId\":\"readView\",\"summary\":\"Read rows of a materialized view\","
    "\"description\":\"The row of a key, or rows in no order. They are answered as those of a "
    "question are.\",\"parameters\":["
    "{\"name\":\"name\",\"in\":\"path\",\"required\":true,\"description\":\"Of the view.\","
    "\"schema\":{\"type\":\"string\"},\"example\":\"per_kind\"},"
    "{\"name\":\"k\",\"in\":\"query\",\"schema\":{\"type\":\"string\"},\"description\":\"A JSON "
    "array: a value for each column of the view's key. Then the answer is that row, or none.\","
    "\"example\":\"%5B%22a%22%5D\"},"
    "{\"name\":\"limit\",\"in\":\"query\",\"schema\":{\"type\":\"integer\",\"minimum\":1,"
    "\"maximum\":10000,\"default\":100},\"description\":\"Rows at most, without k.\"},"
    "{\"name\":\"min_position\",\"in\":\"query\",\"schema\":{\"type\":\"string\"},\"description\":"
    "\"Wait until the rows hold this: a position that an answer had.\"},"
    "{\"name\":\"consistency\",\"in\":\"query\",\"schema\":{\"enum\":[\"default\",\"any\"]},"
    "\"description\":\"any: take the view as it is, and do not wait.\"},"
    "{\"name\":\"timeout\",\"in\":\"query\",\"schema\":{\"type\":\"string\"},\"description\":"
    "\"How long it may take, like 30s.\"}],"
    "\"responses\":{\"200\":{\"description\":\"The rows.\",\"headers\":{" HTTP_DOC_POSITION
    "},\"content\":{\"application/json\":{\"schema\":" HTTP_DOC_REF("schemas/Rows")
    ",\"example\":{\"columns\":[{\"name\":\"kind\",\"type\":\"text\"},{\"name\":\"n\",\"type\":"
    "\"bigint\"}],\"rows\":[[\"a\",25]],\"command\":\"SELECT\",\"row_count\":1,\"errors\":0,"
    "\"records\":1,\"position\":\"6927c1f0.17\"}},"
    "\"application/x-ndjson\":{\"schema\":{\"type\":\"string\"}},"
    "\"text/csv\":{\"schema\":{\"type\":\"string\"}}}}";

static const char http_doc_query[] =
    "\"operationId\":\"query\",\"summary\":\"Ask a question in SQL\","
    "\"description\":\"Carries out one statement. Rows leave as they are found. A statement that "
    "fails before any row has left is answered with a problem; later its problem stands at the end "
    "of the answer as error, or, with CSV, the answer is cut off.\","
    "\"parameters\":[],"
    "\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":"
    HTTP_DOC_REF("schemas/Query") ",\"examples\":{"
    "\"parameters\":{\"value\":{\"sql\":\"SELECT $1 + 1 AS next, $2 AS name\",\"params\":[41,"
    "\"quakes\"],\"timeout\":\"30s\",\"numbers\":\"string\"}},"
    "\"values\":{\"value\":{\"sql\":\"VALUES (1, 'a'), (2, NULL)\"}},"
    "\"stream\":{\"value\":{\"sql\":\"SELECT count(*) AS events FROM quakes\"}},"
    "\"view\":{\"value\":{\"sql\":\"SELECT count(*) AS events FROM quakes\",\"consistency\":"
    "\"any\"}},"
    "\"streams\":{\"value\":{\"sql\":\"SHOW STREAMS\"}}}}}},"
    "\"responses\":{\"200\":{\"description\":\"The rows.\",\"headers\":{\"TDB-Types\":{"
    "\"description\":\"With CSV: the columns' types, semicolons between.\",\"schema\":{\"type\":"
    "\"string\"}}," HTTP_DOC_POSITION "},\"content\":{\"application/json\":{\"schema\":"
    HTTP_DOC_REF("schemas/Rows")
    ",\"example\":{\"columns\":[{\"name\":\"place\",\"type\":\"text\"},{\"name\":\"count\","
    "\"type\":\"bigint\"}],\"rows\":[[\"Alaska\",12]],\"command\":\"SELECT\",\"row_count\":1,"
    "\"errors\":0,\"records\":12}},"
    "\"application/x-ndjson\":{\"schema\":{\"type\":\"string\",\"description\":\"A line with the "
    "columns, one for each row, one with command, row_count, errors and records, or with error."
    "\"},\"example\":\"{\\\"columns\\\":[{\\\"name\\\":\\\"a\\\",\\\"type\\\":\\\"integer\\\"}]}"
    "\\n[1]\\n{\\\"command\\\":\\\"SELECT\\\",\\\"row_count\\\":1,\\\"errors\\\":0,"
    "\\\"records\\\":0}\\n\"},"
    "\"text/csv\":{\"schema\":{\"type\":\"string\",\"description\":\"RFC 4180, with a line of "
    "names; NULL is empty, an empty text is quoted.\"},\"example\":\"a,b\\r\\n1,x\\r\\n\"}}}";

static const char http_doc_ws[] =
    "\"operationId\":\"websocket\",\"summary\":\"Speak WebSocket\","
    "\"description\":\"RFC 6455, version 13, with the subprotocol tdb.v1.json: JSON messages in "
    "and out, each with the id of what it answers.\",\"parameters\":["
    "{\"name\":\"Sec-WebSocket-Protocol\",\"in\":\"header\",\"required\":true,\"schema\":{"
    "\"const\":\"tdb.v1.json\"}}],"
    "\"responses\":{\"101\":{\"description\":\"WebSocket from here on.\"}";

static const char http_doc_livez[] =
    "\"operationId\":\"livez\",\"summary\":\"Whether the server runs\",\"parameters\":[],"
    "\"responses\":{\"200\":" HTTP_DOC_ANSWER("It does.", "application/json",
                                              HTTP_DOC_REF("schemas/Health"),
                                              "{\"status\":\"alive\"}");

static const char http_doc_readyz[] =
    "\"operationId\":\"readyz\",\"summary\":\"Whether the server may be sent requests\","
    "\"parameters\":[],\"responses\":{\"200\":" HTTP_DOC_ANSWER(
        "It may.", "application/json", HTTP_DOC_REF("schemas/Health"),
        "{\"status\":\"ready\",\"reasons\":[],\"views\":[{\"name\":\"per_region\",\"state\":"
        "\"building\",\"degraded\":false,\"tick\":null,\"lag_ms\":900,\"rows\":12,\"bytes\":2048,"
        "\"records\":600,\"records_left\":1200,\"errors\":0,\"eta_ms\":1800,"
        "\"freshness_us\":null}]}") ",\"503\":"
    HTTP_DOC_ANSWER("It may not, and why.", "application/json", HTTP_DOC_REF("schemas/Health"),
                    "{\"status\":\"not ready\",\"reasons\":[\"the server is shutting down\"],"
                    "\"views\":[]}");

static const char http_doc_metrics[] =
    "\"operationId\":\"metrics\",\"summary\":\"What the server counts\",\"parameters\":[],"
    "\"responses\":{\"200\":{\"description\":\"A page of Prometheus' text format 0.0.4.\","
    "\"content\":{\"text/plain\":{\"schema\":{\"type\":\"string\"}}}}";

static const char http_doc_openapi[] =
    "\"operationId\":\"openapi\",\"summary\":\"This description\",\"parameters\":[],"
    "\"responses\":{\"200\":{\"description\":\"OpenAPI 3.1.\",\"content\":{\"application/json\":{"
    "\"schema\":{\"type\":\"object\"}}}}";

/* clang-format on */

const struct http_route http_routes[] = {
    {.method = HTTP1_GET,
     .path = "/api/v1/streams",
     .handle = http_handle_streams,
     .doc = http_doc_streams,
     .errors = {HTTP_ANSWER_TOO_LARGE}},
    {.method = HTTP1_GET,
     .path = "/api/v1/views",
     .handle = http_handle_views,
     .doc = http_doc_views,
     .errors = {HTTP_ANSWER_TOO_LARGE}},
    {.method = HTTP1_GET,
     .path = "/api/v1/views/{name}/rows",
     .handle = http_handle_view_rows,
     .doc = http_doc_view_rows,
     .errors = {HTTP_PARAMETER_INVALID, HTTP_VIEW_NOT_FOUND, HTTP_NOT_ACCEPTABLE,
                HTTP_VIEW_HAS_NO_KEY, HTTP_POSITION_INVALID, HTTP_SQL_DATA, HTTP_SQL_UNDEFINED,
                HTTP_ANSWER_TOO_LARGE, HTTP_VIEWS_LAGGING, HTTP_VIEW_BROKEN, HTTP_QUERY_MEMORY,
                HTTP_QUERIES_TOO_MANY, HTTP_QUERY_TIMEOUT}},
    {.method = HTTP1_POST,
     .path = "/api/v1/streams/{name}/events",
     .handle = http_handle_events_append,
     .body_bytes_max = HTTP_APPEND_BODY_BYTES_MAX,
     .doc = http_doc_append,
     .errors = {HTTP_JSON_INVALID, HTTP_STREAM_RESERVED, HTTP_STREAM_NOT_FOUND,
                HTTP_PARTITION_NOT_FOUND, HTTP_EVENT_TOO_LARGE, HTTP_MEDIA_TYPE_UNSUPPORTED,
                HTTP_EVENT_INVALID, HTTP_STREAM_NAME_INVALID, HTTP_TIMESTAMP_OUT_OF_RANGE,
                HTTP_STORAGE_FAILED, HTTP_IDEMPOTENCY_NOT_SERVED, HTTP_NOT_AVAILABLE,
                HTTP_NOT_ENOUGH_REPLICAS, HTTP_TIMEOUT, HTTP_DISK_FULL}},
    {.method = HTTP1_GET,
     .path = "/api/v1/streams/{name}/events",
     .handle = http_handle_events_read,
     .doc = http_doc_read,
     .errors = {HTTP_PARAMETER_INVALID, HTTP_STREAM_NOT_FOUND, HTTP_PARTITION_NOT_FOUND,
                HTTP_NOT_ACCEPTABLE, HTTP_OFFSET_OUT_OF_RANGE, HTTP_STREAM_NAME_INVALID,
                HTTP_STORAGE_FAILED, HTTP_ANSWER_TOO_LARGE, HTTP_NOT_AVAILABLE}},
    {.method = HTTP1_POST,
     .path = "/api/v1/query",
     .handle = http_handle_query,
     .body_bytes_max = HTTP_QUERY_BODY_BYTES_MAX,
     .doc = http_doc_query,
     .errors = {HTTP_JSON_INVALID,     HTTP_SQL_SYNTAX,       HTTP_SQL_NOT_ALLOWED,
                HTTP_NOT_ACCEPTABLE,   HTTP_SQL_EXISTS,       HTTP_SQL_IN_USE,
                HTTP_QUERY_INVALID,    HTTP_SQL_UNDEFINED,    HTTP_SQL_INVALID,
                HTTP_POSITION_INVALID, HTTP_VIEWS_LAGGING,    HTTP_VIEW_BROKEN,
                HTTP_SQL_PARAMETERS,   HTTP_SQL_DATA,         HTTP_SQL_TOO_COMPLEX,
                HTTP_STORAGE_FAILED,   HTTP_ANSWER_TOO_LARGE, HTTP_SQL_UNSUPPORTED,
                HTTP_NOT_AVAILABLE,    HTTP_QUERY_MEMORY,     HTTP_QUERIES_TOO_MANY,
                HTTP_QUERY_TIMEOUT,    HTTP_DISK_FULL}},
    {.method = HTTP1_GET,
     .path = "/api/v1/ws",
     .handle = http_handle_ws,
     .doc = http_doc_ws,
     .errors = {HTTP_UPGRADE_INVALID, HTTP_UPGRADE_REQUIRED}},
    {.method = HTTP1_GET,
     .path = "/api/v1/openapi.json",
     .handle = http_handle_openapi,
     .doc = http_doc_openapi},
    {.method = HTTP1_GET, .path = "/livez", .handle = http_handle_livez, .doc = http_doc_livez},
    {.method = HTTP1_GET, .path = "/readyz", .handle = http_handle_readyz, .doc = http_doc_readyz},
    {.method = HTTP1_GET,
     .path = "/metrics",
     .handle = http_handle_metrics,
     .doc = http_doc_metrics},
};

const size_t http_routes_count = ARRAY_COUNT(http_routes);
