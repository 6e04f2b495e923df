/* Rows of an answer as text: JSON arrays, or lines of CSV (RFC 4180). Values have the forms of the
 * table in views/README.md (VIEWS §5). */
#ifndef BROKER_GATEWAY_HTTP_ROWS_H
#define BROKER_GATEWAY_HTTP_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/gateway/out.h"
#include "views/plan/plan.h"
#include "views/vec/vector.h"

/* How rows are written; in place. */
struct http_rows {
    struct vec_view *views; /* columns_count, of the present batch; in the arena */
    uint8_t *kinds;         /* enum vec_kind of each column, likewise */
    uint32_t columns_count;
    bool has_number_texts; /* JSON: BIGINT and NUMERIC are strings */
};

/* Ready for rows of those columns, as long as `arena` is. False: there is no memory. */
MUST_USE bool http_rows_init(struct http_rows *rows, struct arena *arena,
                             const struct plan_output *outputs, uint32_t columns_count);

/* The rows to come are of `batch`. */
void http_rows_take(struct http_rows *rows, const struct vec_batch *batch);

/* Write row `row` of it: [1,"a",null], and with CSV a line. */
void http_rows_json(struct http_rows *rows, struct http_out *out, uint32_t row);
void http_rows_csv(struct http_rows *rows, struct http_out *out, uint32_t row);

/* Write those of its columns as a JSON array, in that order. */
void http_rows_json_some(struct http_rows *rows, struct http_out *out, uint32_t row,
                         const uint32_t *columns, uint32_t count);

/* Write what the columns are: [{"name":"a","type":"bigint"}], and the names as a line of CSV. */
void http_rows_columns_json(struct http_out *out, const struct plan_output *outputs,
                            uint32_t count);
void http_rows_columns_csv(struct http_out *out, const struct plan_output *outputs, uint32_t count);

#endif
