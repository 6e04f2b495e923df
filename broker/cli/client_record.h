/* One record and its forms as text: a line that `tdb produce` reads, a line that `tdb consume`
 * prints. Pure, but for the printing. */
#ifndef BROKER_CLI_CLIENT_RECORD_H
#define BROKER_CLI_CLIENT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"

/* Headers of one record that is produced, and room for what is wrong with a line. */
#define CLIENT_HEADERS_MAX   256
#define CLIENT_PROBLEM_BYTES 256

/* One header. */
struct client_header {
    const char *name;     /* ends with a NUL */
    const uint8_t *value; /* NULL: null */
    size_t value_bytes;   /* of the value */
};

/* One record; whoever filled it in says how long its pointers live. */
struct client_record {
    int32_t partition;                   /* -1: the key decides, when it is produced */
    int64_t offset;                      /* -1: none yet */
    int64_t timestamp_ms;                /* since 1970; <= 0 when it is produced: the present */
    const uint8_t *key;                  /* NULL: null */
    size_t key_bytes;                    /* of the key */
    const uint8_t *value;                /* NULL: null */
    size_t value_bytes;                  /* of the value */
    size_t headers_count;                /* of `headers` */
    const struct client_header *headers; /* in order; names may repeat */
};

/* How a line becomes a record. */
struct client_format {
    bool is_envelope;                    /* the line is an object that names all parts */
    const char *key_separator;           /* what stands between key and value; NULL: no key there */
    const char *key_field;               /* the JSON member that is the key, "a.b"; NULL: none */
    const char *time_field;              /* the JSON member that is the time; NULL: none */
    int32_t partition;                   /* where the line does not say; -1: the key decides */
    size_t headers_count;                /* of `headers` */
    const struct client_header *headers; /* of every record, before its own */
};

/* *record = what the `length` bytes (no line end) of `line` say. It points into `line`, `arena` and
 * `format`. ERR_INVALID: `problem` says what is wrong with the line, for people, escaped;
 * ERR_BUDGET, ERR_TOO_LARGE: the arena refused.
 *
 * An envelope is {"key":K,"value":V,"headers":H,"partition":N,"timestamp":T}, each optional but
 * "value". K, V and the values of headers: null; "text"; {"hex":"00ff"} for bytes that are no text;
 * any other JSON stands for its own text. H: [{"key":"name","value":V}, ...] or {"name":V, ...}.
 * T: milliseconds since 1970, or a time as units_parse_time_ms reads it. "topic" and "offset" are
 * passed over, so that what consume --json printed can be produced again. */
MUST_USE enum err client_record_parse(struct client_record *record,
                                      const struct client_format *format, struct arena *arena,
                                      const char *line, size_t length,
                                      char problem[CLIENT_PROBLEM_BYTES]);

/* Print `record` as one line of JSON: an envelope with "partition" and "offset" first. */
void client_record_put_json(FILE *out, const struct client_record *record);

/* Whether `name` can be a topic's: 1 to 249 of letters, digits, '.', '_' and '-', not "." or "..".
 * Source: Kafka's Topic.validate. */
bool client_is_topic_name(const char *name);

/* Where reading begins. */
enum client_from_kind {
    CLIENT_FROM_START,  /* the first record there is */
    CLIENT_FROM_END,    /* what comes from now on */
    CLIENT_FROM_OFFSET, /* value: an offset */
    CLIENT_FROM_LAST,   /* value: that many records before the end of each partition */
    CLIENT_FROM_TIME,   /* value: ms since 1970: the first record at or after it */
};

struct client_from {
    enum client_from_kind kind; /* which */
    int64_t value;              /* as the kind says */
};

/* *from = what --from says: "start", "end", "42", "-10" (the last ten), "@1517966773840",
 * "@2018-02-07T01:26:13Z", "@-5m" (before `now_ms`). ERR_INVALID: none of these. */
MUST_USE enum err client_from_parse(struct client_from *from, const char *text, int64_t now_ms);

#endif
