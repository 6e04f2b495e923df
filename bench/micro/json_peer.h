/* simdjson's on-demand reader as the peer of `bench/run json`: the same fields of the same records,
 * written to columns of the same kind. C++ behind C. */
#ifndef BENCH_MICRO_JSON_PEER_H
#define BENCH_MICRO_JSON_PEER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which fields of which records: columns in the order in which they stand there. */
enum json_case {
    JSON_EVENTS_SOME,
    JSON_EVENTS_ALL,
    JSON_QUAKES_SOME,
    JSON_QUAKES_ALL,
    JSON_CASES_COUNT
};

/* What a column holds. */
enum json_column_type {
    JSON_COLUMN_INT64,
    JSON_COLUMN_DOUBLE,
    JSON_COLUMN_BOOL,
    JSON_COLUMN_TEXT,
};

/* Most columns of a case. */
#define JSON_COLUMNS_MAX 32

/* One value. */
union json_cell {
    int64_t int64;
    double real;
    struct {
        const char *bytes;
        size_t length;
    } text;
};

/* One column: a value of each record, or none. */
struct json_column {
    enum json_column_type type;
    union json_cell *cells; /* one per record; of a bool int64 is it */
    uint8_t *is_there;      /* one per record: whether there is a value; null is none */
};

/* Records one after another, a line each. */
struct json_lines {
    const char *text;       /* with json_peer_padding() readable bytes behind the last line */
    size_t bytes;           /* of all lines */
    const uint32_t *begins; /* count + 1 positions; a record ends before its line feed */
    size_t count;           /* records */
};

/* How it reads: each record as a document of its own, or all lines as one stream of documents. */
enum json_peer_way {
    JSON_PEER_RECORDS,
    JSON_PEER_STREAM,
};

/* Its parser. */
struct json_peer;

/* A new one, and its end. NULL: no memory. */
struct json_peer *json_peer_new(void);
void json_peer_free(struct json_peer *peer);

/* "simdjson 3.0.1, icelake". Static storage. */
const char *json_peer_name(void);

/* Bytes it reads behind a text. */
size_t json_peer_padding(void);

/* Fill the columns of `which` from all records; how many it could read. A text stays until the next
 * record is read. */
size_t json_peer_read(struct json_peer *peer, enum json_case which, enum json_peer_way way,
                      const struct json_lines *lines, const struct json_column *columns);

#ifdef __cplusplus
}
#endif

#endif
