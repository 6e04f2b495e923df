/* A stream's records into the columns that a scan wants: what is parsed is the paths of those and
 * nothing else; all of it is set up once per scan.
 *
 *     _headers   an object: the last value of each name as text; null, or what is no text, as null
 *     _key       as the key format says; a TEXT that is no UTF-8 does not fit
 *     _timestamp null where the record has none (-1)
 *
 * A column FROM KEY or FROM a header is what its text is: a TEXT as it stands; for other types a
 * JSON number or true or false, else a string, and then as rowconv.h says. */
#ifndef BROKER_CORE_SCAN_COLUMNS_H
#define BROKER_CORE_SCAN_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "broker/core/faults.h"
#include "broker/core/stream.h"
#include "schemas/json/reader.h"
#include "storage/log/records.h"
#include "views/exec/exec.h"
#include "views/vec/rowconv.h"

struct core_shard;

/* A record's headers. */
struct core_scan_headers {
    const uint8_t *data; /* encoded */
    uint32_t length;     /* bytes */
    uint32_t count;      /* of them */
};

/* Where a column's values come from. */
enum core_scan_from {
    CORE_SCAN_PATH,
    CORE_SCAN_KEY,
    CORE_SCAN_HEADER,
    CORE_SCAN_RESIDUE,
    CORE_SCAN_HEADERS,
    CORE_SCAN_OFFSET,
    CORE_SCAN_PARTITION,
    CORE_SCAN_TIMESTAMP,
    CORE_SCAN_TOPIC,
};

/* A column. */
struct core_scan_column {
    uint8_t from;       /* enum core_scan_from */
    uint32_t number;    /* of the relation's */
    const char *source; /* the path, or the header's name */
};

/* Embedded in its scan. */
struct core_scan_columns {
    /* To be read. */
    bool wants_records; /* else rows follow from the headers of batches */
    uint32_t rows_max;  /* of a batch */
    uint32_t rows_top;  /* that it can be asked for: fewer than VEC_ROWS_MAX where columns are
                           many */
    struct core_faults faults; /* error rows told */

    /* Rows so far, each filled by who reads the records where it is wanted. */
    uint64_t *offsets;                 /* always */
    int64_t *timestamps;               /* ms; NULL: not wanted, likewise below */
    struct json_text *values;          /* text NULL: null */
    struct json_text *keys;            /* likewise */
    struct core_scan_headers *headers; /* of each */

    /* Private to scan_columns.c. */
    struct core_shard *cs;
    const struct core_stream_relation *relation;
    struct core_scan_column *columns; /* columns_count */
    uint32_t columns_count;
    uint32_t partition; /* of the rows */
    struct vec_value partition_value;
    struct vec_value topic_value;
    struct vec_rowconv rc;
    struct arena arena;     /* as long as this */
    struct arena scratch;   /* of a value */
    struct arena_mark mark; /* its first chunk is kept */
    struct budget *budget;
    struct json_paths paths;     /* of the columns that are PATHs */
    struct json_paths all_paths; /* of all of the stream's: for a residue */
    struct json_paths key_paths; /* the key as a whole */
    struct json_reader *reader;  /* of values; NULL: not wanted, likewise below */
    struct json_reader *key_reader;
    uint32_t key_row; /* being read */
    bool has_residue; /* a column is one */
};

/* Make it ready for columns `numbers` (count of them) of `relation`, and paths into such behind
 * them. ERR_BUDGET, ERR_TOO_LARGE: no memory; ERR_INVALID: a path is none. It is to be ended in any
 * case. */
MUST_USE enum err core_scan_columns_init(struct core_scan_columns *columns, struct core_shard *cs,
                                         const struct core_stream_relation *relation,
                                         const uint32_t *numbers, uint32_t count,
                                         const struct plan_path *paths, uint32_t paths_count,
                                         struct budget *budget);

/* The same of batches of `rows_max` rows at most, for whoever mostly has few: memory follows them.
 */
MUST_USE enum err core_scan_columns_init_few(struct core_scan_columns *columns,
                                             struct core_shard *cs,
                                             const struct core_stream_relation *relation,
                                             const uint32_t *numbers, uint32_t count,
                                             uint32_t rows_max, struct budget *budget);

/* Give everything back; also of one that is all zero. */
void core_scan_columns_deinit(struct core_scan_columns *columns);

/* Take `item` as row number `row`. */
static inline void core_scan_columns_row(struct core_scan_columns *columns, uint32_t row,
                                         const struct log_records_item *item)
{
    columns->offsets[row] = item->offset;
    if (columns->timestamps != NULL) {
        columns->timestamps[row] = item->timestamp;
    }
    if (columns->values != NULL) {
        columns->values[row] = (struct json_text){(const char *)item->value, item->value_bytes};
    }
    if (columns->keys != NULL) {
        columns->keys[row] = (struct json_text){(const char *)item->key, item->key_bytes};
    }
    if (columns->headers != NULL) {
        columns->headers[row] =
            (struct core_scan_headers){item->headers, item->headers_bytes, item->headers_count};
    }
}

/* *out = the columns of the `count` rows taken, all of one partition; they live until the next
 * call. ERR_BUDGET, ERR_TOO_LARGE: no memory. */
MUST_USE enum err core_scan_columns_fill(struct core_scan_columns *columns, uint32_t partition,
                                         uint32_t count, struct vec_vector **out);

#endif
