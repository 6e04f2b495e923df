/* See http_sql.h. */
#include "broker/gateway/http_sql.h"

#include <string.h>

/* Room for an error's excerpt. */
#define HTTP_SQL_EXCERPT_BYTES 1024

void http_sql_put_counts(struct http_out *out, const struct core_query *query)
{
    http_out_put_text(out, "\"command\":\"");
    http_out_put_text(out, query->tag);
    http_out_put_text(out, "\",\"row_count\":");
    http_out_put_u64(out, query->rows_count);
    http_out_put_text(out, ",\"errors\":");
    http_out_put_u64(out, query->errors_count);
    http_out_put_text(out, ",\"records\":");
    http_out_put_u64(out, query->records_count);
    if (query->notice[0] != '\0') {
        http_out_put_text(out, ",\"notice\":");
        http_out_put_string(out, query->notice, strlen(query->notice));
    }
    if (query->position.epoch != 0) {
        char text[CORE_POSITION_BYTES];
        core_position_put(&query->position, text);
        http_out_put_text(out, ",\"position\":\"");
        http_out_put_text(out, text);
        http_out_put_text(out, "\"");
    }
}

void http_sql_put_place(struct http_out *out, const struct core_query *query)
{
    http_sql_put_error(out, &query->error, query->text, query->length);
}

void http_sql_put_error(struct http_out *out, const struct sql_error *error, const char *text,
                        size_t length)
{
    http_out_put_text(out, ",\"sqlstate\":\"");
    http_out_put_text(out, error->code);
    http_out_put_text(out, "\"");
    if (error->line > 0) {
        char excerpt[HTTP_SQL_EXCERPT_BYTES];
        struct bytes_writer w = bytes_writer(excerpt, sizeof(excerpt));
        sql_error_excerpt(&w, error, text, length);
        http_out_put_text(out, ",\"line\":");
        http_out_put_u64(out, error->line);
        http_out_put_text(out, ",\"column\":");
        http_out_put_u64(out, error->column);
        http_out_put_text(out, ",\"excerpt\":");
        http_out_put_string(out, excerpt, w.pos);
    }
}
