/* What is served, described for programs: from the tables of routes and errors, so that it cannot
 * say anything else. */
#include <string.h>

#include "base/list.h"
#include "broker/gateway/handlers.h"
#include "broker/gateway/route.h"

static void http_openapi_path(struct http_call *call, size_t first);
static void http_openapi_operation(struct http_call *call, const struct http_route *route);
static void http_openapi_problem(struct http_call *call, uint16_t status,
                                 const struct http_route *route);
static bool http_openapi_has(const struct http_route *route, enum http_error error);

/* How a view stands. */
#define HTTP_OPENAPI_COUNT "{\"type\":\"integer\",\"minimum\":0"
#define HTTP_OPENAPI_STATE                                                                         \
    "\"state\":{\"enum\":[\"building\",\"live\",\"lagging\",\"broken\"]},"                         \
    "\"degraded\":{\"type\":\"boolean\",\"description\":\"Values did not fit its types, or rows "  \
    "failed.\"},\"why\":{\"type\":\"string\"},\"tick\":{\"type\":[\"integer\",\"null\"],"          \
    "\"description\":\"The newest that is in its rows.\"},\"lag_ms\":" HTTP_OPENAPI_COUNT          \
    ",\"description\":\"For how long it has been behind.\"},\"rows\":" HTTP_OPENAPI_COUNT          \
    "},\"bytes\":" HTTP_OPENAPI_COUNT                                                              \
    ",\"description\":\"Of memory.\"},\"records\":" HTTP_OPENAPI_COUNT                             \
    ",\"description\":\"Folded since the server started.\"},\"records_left\":" HTTP_OPENAPI_COUNT  \
    ",\"description\":\"To fold until it has come up.\"},\"errors\":" HTTP_OPENAPI_COUNT           \
    "},\"first_error\":{\"type\":\"object\",\"description\":\"Where the first of them stands, by " \
    "partition and offset; absent: there is none.\",\"required\":[\"partition\",\"offset\"],"      \
    "\"properties\":{\"partition\":" HTTP_OPENAPI_COUNT "},\"offset\":" HTTP_OPENAPI_COUNT         \
    "}}},\"eta_ms\":{\"type\":[\"integer\",\"null\"],\"description\":\"Until it has "              \
    "come up, by its pace so far; null: not "                                                      \
    "known.\"},\"freshness_us\":{\"type\":[\"integer\",\"null\"],\"description\":\"From when its " \
    "last tick was there until it was in its rows.\"},\"rebind\":{\"type\":\"object\","            \
    "\"description\":\"Of a view that is bound anew, or was to be.\",\"required\":[\"state\"],"    \
    "\"properties\":{\"state\":{\"enum\":[\"building\",\"given "                                   \
    "up\"]},\"why\":{\"type\":\"string\"},"                                                        \
    "\"rows\":" HTTP_OPENAPI_COUNT "},\"bytes\":" HTTP_OPENAPI_COUNT                               \
    "},\"records\":" HTTP_OPENAPI_COUNT "},\"records_left\":" HTTP_OPENAPI_COUNT                   \
    "},\"eta_ms\":{\"type\":[\"integer\",\"null\"]}}}"

static const char http_openapi_head[] =
    "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"TDB+\",\"version\":\"" TDB_VERSION "\","
    "\"description\":\"Events in and out of streams, which Kafka clients know as topics.\","
    "\"license\":{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}},"
    "\"servers\":[{\"url\":\"/\"}],\"security\":[],\"paths\":{";

static const char http_openapi_components[] =
    "},\"components\":{\"parameters\":{\"name\":{\"name\":\"name\",\"in\":\"path\",\"required\":"
    "true,\"description\":\"Of the stream.\",\"schema\":{\"type\":\"string\",\"pattern\":"
    "\"^[a-zA-Z0-9._-]{1,249}$\"},\"example\":\"quakes\"}},\"schemas\":{"
    "\"Event\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"key\":{\"description\":\"A text, whose characters are the key; other JSON is kept as it is; "
    "null: none.\"},\"key_base64\":{\"type\":\"string\",\"contentEncoding\":\"base64\"},"
    "\"value\":{\"description\":\"Any JSON, kept byte for byte; null: an event without a value.\"},"
    "\"value_text\":{\"type\":\"string\",\"description\":\"Its characters are the value.\"},"
    "\"value_base64\":{\"type\":\"string\",\"contentEncoding\":\"base64\"},"
    "\"headers\":{\"oneOf\":[{\"type\":\"object\",\"additionalProperties\":{\"type\":[\"string\","
    "\"null\"]}},{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Header\"}}]},"
    "\"timestamp\":{\"description\":\"Milliseconds since 1970, or RFC 3339; absent: now.\","
    "\"type\":[\"integer\",\"string\"]},\"partition\":{\"type\":\"integer\",\"minimum\":0}}},"
    "\"Header\":{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{\"name\":{\"type\":"
    "\"string\"},\"value\":{\"type\":[\"string\",\"null\"]},\"value_base64\":{\"type\":\"string\","
    "\"contentEncoding\":\"base64\"}}},"
    "\"Appended\":{\"type\":\"object\",\"required\":[\"appended\",\"failed\",\"results\"],"
    "\"properties\":{\"appended\":{\"type\":\"integer\"},\"failed\":{\"type\":\"integer\"},"
    "\"results\":{\"type\":\"array\",\"items\":{\"oneOf\":[{\"type\":\"object\",\"required\":["
    "\"partition\",\"offset\"],\"properties\":{\"partition\":{\"type\":\"integer\"},\"offset\":{"
    "\"type\":\"integer\"}}},{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{"
    "\"error\":{\"type\":\"object\",\"required\":[\"code\",\"detail\",\"retriable\"],"
    "\"properties\":{\"code\":{\"$ref\":\"#/components/schemas/Code\"},\"detail\":{\"type\":"
    "\"string\"},\"retriable\":{\"type\":\"boolean\"}}}}}]}}}},"
    "\"Events\":{\"type\":\"object\",\"required\":[\"stream\",\"partition\",\"events\","
    "\"next_offset\",\"high_watermark\",\"log_start_offset\"],\"properties\":{\"stream\":{"
    "\"type\":\"string\"},\"partition\":{\"type\":\"integer\"},\"events\":{\"type\":\"array\","
    "\"items\":{\"type\":\"object\",\"required\":[\"offset\",\"timestamp\"],\"properties\":{"
    "\"offset\":{\"type\":\"integer\"},\"timestamp\":{\"type\":\"integer\"},\"key\":{},"
    "\"key_base64\":{\"type\":\"string\"},\"value\":{},\"value_text\":{\"type\":\"string\"},"
    "\"value_base64\":{\"type\":\"string\"},\"headers\":{\"type\":\"array\",\"items\":{\"$ref\":"
    "\"#/components/schemas/Header\"}}}}},\"next_offset\":{\"type\":\"integer\"},"
    "\"high_watermark\":{\"type\":\"integer\"},\"log_start_offset\":{\"type\":\"integer\"}}},"
    "\"Streams\":{\"type\":\"object\",\"required\":[\"streams\"],\"properties\":{\"streams\":{"
    "\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"name\",\"partitions\","
    "\"internal\"],\"properties\":{\"name\":{\"type\":\"string\"},\"topic\":{\"type\":\"string\","
    "\"description\":\"Of a declared stream: whose records it shows.\"},\"partitions\":{\"type\":"
    "\"integer\"},\"internal\":{\"type\":\"boolean\"},\"created\":{\"type\":\"string\",\"format\":"
    "\"date-time\"}}}}}},"
    "\"Views\":{\"type\":\"object\",\"required\":[\"views\"],\"properties\":{\"views\":{"
    "\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"name\",\"source\","
    "\"topic\",\"origin\",\"incarnation\",\"columns\",\"key\",\"created\",\"sql\",\"state\"],"
    "\"properties\":{\"name\":{\"type\":\"string\"},\"source\":{\"type\":\"string\","
    "\"description\":\"The stream it reads.\"},\"topic\":{\"type\":\"string\"},\"origin\":{"
    "\"type\":\"string\",\"description\":\"Where its fold begins: earliest, latest, or a time.\"},"
    "\"incarnation\":{\"type\":\"integer\"},\"columns\":{\"type\":\"array\",\"items\":{"
    "\"type\":\"object\",\"required\":[\"name\",\"type\"],\"properties\":{\"name\":{"
    "\"type\":\"string\"},\"type\":{\"type\":\"string\"}}}},\"key\":{\"type\":[\"array\",\"null\"]"
    ",\"items\":{\"type\":\"string\"},\"description\":\"The columns that tell its rows apart; "
    "null: not all are shown, or there is one row.\"},\"created\":{\"type\":\"string\","
    "\"format\":\"date-time\"},\"sql\":{\"type\":\"string\"}," HTTP_OPENAPI_STATE "}}}}},"
    "\"Query\":{\"type\":\"object\",\"required\":[\"sql\"],\"additionalProperties\":false,"
    "\"properties\":{\"sql\":{\"type\":\"string\",\"description\":\"One statement.\"},"
    "\"params\":{\"type\":\"array\",\"maxItems\":1000,\"description\":\"Values of $1, $2, ...: a "
    "number is INTEGER, BIGINT or NUMERIC as SQL reads it, DOUBLE PRECISION where it has an "
    "exponent or a fraction that NUMERIC has not, a text what its place wants, an object "
    "or array JSONB.\"},"
    "\"timeout\":{\"type\":[\"string\",\"integer\"],\"description\":\"A duration like 30s, or "
    "milliseconds.\"},"
    "\"numbers\":{\"enum\":[\"number\",\"string\"],\"description\":\"How BIGINT and NUMERIC "
    "stand in JSON; absent: as numbers.\"},"
    "\"min_position\":{\"description\":\"Of views: wait, up to the timeout, until the rows hold "
    "this: a position that an answer had, or where events stand that were appended, as topic, "
    "partition and offset.\",\"oneOf\":[{\"type\":\"string\"},{\"type\":\"object\","
    "\"additionalProperties\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\","
    "\"minimum\":0}}}]},"
    "\"consistency\":{\"enum\":[\"default\",\"any\"],\"description\":\"any: take views as they "
    "are, and do not wait.\"}}},"
    "\"Rows\":{\"type\":\"object\",\"required\":[\"columns\",\"rows\"],\"properties\":{"
    "\"columns\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"name\","
    "\"type\"],\"properties\":{\"name\":{\"type\":\"string\"},\"type\":{\"type\":\"string\"}}}},"
    "\"rows\":{\"type\":\"array\",\"items\":{\"type\":\"array\"}},"
    "\"command\":{\"type\":\"string\"},\"row_count\":{\"type\":\"integer\"},"
    "\"errors\":{\"type\":\"integer\",\"description\":\"Error rows that were found, and "
    "those of the views that were read.\"},"
    "\"records\":{\"type\":\"integer\",\"description\":\"Records that were looked at.\"},"
    "\"position\":{\"type\":\"string\",\"description\":\"Of views: what the rows hold.\"},"
    "\"notice\":{\"type\":\"string\",\"description\":\"What the statement brings with it, a line "
    "each.\"},"
    "\"error\":{\"$ref\":\"#/components/schemas/Problem\"}}},"
    "\"Health\":{\"type\":\"object\",\"required\":[\"status\"],\"properties\":{\"status\":{"
    "\"type\":\"string\"},\"reasons\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"views\":{\"type\":\"array\",\"description\":\"Materialized views that cannot be read yet: "
    "they are new, or replayed after a start. The server is ready all the same.\",\"items\":{"
    "\"type\":\"object\",\"required\":[\"name\",\"state\"],\"properties\":{\"name\":{\"type\":"
    "\"string\"}," HTTP_OPENAPI_STATE "}}}}},"
    "\"Problem\":{\"type\":\"object\",\"description\":\"RFC 9457.\",\"required\":[\"type\","
    "\"title\",\"status\",\"code\",\"hint\",\"retriable\",\"request_id\"],\"properties\":{"
    "\"type\":{\"type\":\"string\",\"format\":\"uri\"},\"title\":{\"type\":\"string\"},\"status\":"
    "{\"type\":\"integer\"},\"code\":{\"$ref\":\"#/components/schemas/Code\"},\"detail\":{"
    "\"type\":\"string\"},\"hint\":{\"type\":\"string\"},\"retriable\":{\"type\":\"boolean\"},"
    "\"request_id\":{\"type\":\"string\"},\"sqlstate\":{\"type\":\"string\"},\"line\":{\"type\":"
    "\"integer\"},\"column\":{\"type\":\"integer\"},\"excerpt\":{\"type\":\"string\","
    "\"description\":\"The statement's line and a caret below "
    "it.\"}}},\"Code\":{\"type\":\"string\",\"enum\":[";

/* Any route answers them. */
static const enum http_error http_openapi_common[] = {
    HTTP_REQUEST_INVALID,    HTTP_ORIGIN_NOT_ALLOWED,
    HTTP_HOST_NOT_ALLOWED,   HTTP_PATH_NOT_FOUND,
    HTTP_METHOD_NOT_ALLOWED, HTTP_REQUEST_TIMEOUT,
    HTTP_BODY_TOO_LARGE,     HTTP_TARGET_TOO_LONG,
    HTTP_EXPECTATION_FAILED, HTTP_MEDIA_TYPE_UNSUPPORTED,
    HTTP_HEAD_TOO_LARGE,     HTTP_INTERNAL,
    HTTP_METHOD_UNKNOWN,     HTTP_ENCODING_UNSUPPORTED,
    HTTP_OVERLOADED,         HTTP_CLOSING,
    HTTP_VERSION_UNSUPPORTED};

void http_handle_openapi(struct http_call *call)
{
    http_put_text(call, http_openapi_head);
    for (size_t i = 0; i < http_routes_count; i++) {
        if (i == 0 || strcmp(http_routes[i].path, http_routes[i - 1].path) != 0) {
            http_put_text(call, i > 0 ? "," : "");
            http_openapi_path(call, i);
        }
    }
    http_put_text(call, http_openapi_components);
    for (enum http_error error = 0; error < HTTP_ERRORS_COUNT; error++) {
        http_put_text(call, error > 0 ? ",\"" : "\"");
        http_put_text(call, http_error_row(error)->code);
        http_put_text(call, "\"");
    }
    http_put_text(call, "]}}}}\n");
    http_answer(call, 200, HTTP_MEDIA_JSON);
}

/* All methods of the path of route number `first`. */
static void http_openapi_path(struct http_call *call, size_t first)
{
    const char *path = http_routes[first].path;
    http_put_text(call, "\"");
    http_put_text(call, path);
    http_put_text(call, "\":{");
    for (size_t i = first; i < http_routes_count && strcmp(http_routes[i].path, path) == 0; i++) {
        http_put_text(call, i > first ? "," : "");
        http_put_text(call, http_routes[i].method == HTTP1_GET ? "\"get\":{" : "\"post\":{");
        http_openapi_operation(call, &http_routes[i]);
        http_put_text(call, "}");
    }
    http_put_text(call, "}");
}

/* Its doc ends within its answers, without problems: they follow, one for each status. */
static void http_openapi_operation(struct http_call *call, const struct http_route *route)
{
    bool is_told[600] = {false};
    http_put_text(call, route->doc);
    for (enum http_error error = 0; error < HTTP_ERRORS_COUNT; error++) {
        uint16_t status = http_error_row(error)->status;
        bool is_own = status == 503 && strstr(route->doc, "\"503\"") != NULL;
        if (http_openapi_has(route, error) && !is_told[status] && !is_own) {
            is_told[status] = true;
            http_openapi_problem(call, status, route);
        }
    }
    http_put_text(call, "}");
}

/* A status with all the errors it stands for. */
static void http_openapi_problem(struct http_call *call, uint16_t status,
                                 const struct http_route *route)
{
    bool is_first = true;
    http_put_text(call, ",\"");
    http_put_u64(call, status);
    http_put_text(call, "\":{\"description\":\"");
    for (enum http_error error = 0; error < HTTP_ERRORS_COUNT; error++) {
        const struct http_error_row *row = http_error_row(error);
        if (row->status == status && http_openapi_has(route, error)) {
            http_put_text(call, is_first ? "" : " ");
            http_put_text(call, row->code);
            http_put_text(call, ": ");
            http_put_text(call, row->title);
            is_first = false;
        }
    }
    http_put_text(call, "\",\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":"
                        "\"#/components/schemas/Problem\"}}}}");
}

static bool http_openapi_has(const struct http_route *route, enum http_error error)
{
    for (size_t i = 0; i < ARRAY_COUNT(http_openapi_common); i++) {
        if (http_openapi_common[i] == error) {
            return true;
        }
    }
    for (size_t i = 0; i < HTTP_ROUTE_ERRORS_MAX && route->errors[i] != 0; i++) {
        if (route->errors[i] == error) {
            return true;
        }
    }
    return false;
}
