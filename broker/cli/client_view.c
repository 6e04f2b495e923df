/* `tdb view list`, `describe` and `drop`: statements about materialized views, asked as `tdb sql`
 * asks them. A name is taken as it stands: it is quoted for SQL, so any name can be given. */
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "broker/cli/client_query.h"

/* Room for a statement beside the name, of which a quote takes two bytes. */
#define CLIENT_VIEW_SQL_BYTES 64

static enum client_exit client_view_open(struct client *c, struct client_query *query, bool is_csv);
static enum client_exit client_view_show(struct client *c);
static enum client_exit client_view_give_up(struct client *c, bool is_if_exists);
static enum client_exit client_view_ask(struct client_query *query, const char *statement,
                                        const char *name);

enum client_exit client_view_list(struct client *c, int argc, char **argv)
{
    struct client_flag flags[] = {{.name = "--csv"}};
    struct client_query query = {.c = c};
    enum client_exit status = client_begin(c, flags, ARRAY_COUNT(flags), 0, 0, argc, argv);
    if (status != CLIENT_EXIT_OK) {
        return status;
    }
    if (flags[0].count > 0 && c->is_json) {
        return client_end(c, client_refuse(c, "--csv", "and --json are two forms: choose one"));
    }
    status = client_view_open(c, &query, flags[0].count > 0);
    if (status == CLIENT_EXIT_OK) {
        status = client_view_ask(&query, "SHOW VIEWS", NULL);
    }
    client_query_close(&query);
    return client_end(c, status);
}

enum client_exit client_view_describe(struct client *c, int argc, char **argv)
{
    enum client_exit status = client_begin(c, NULL, 0, 1, 1, argc, argv);
    return status != CLIENT_EXIT_OK ? status : client_end(c, client_view_show(c));
}

enum client_exit client_view_drop(struct client *c, int argc, char **argv)
{
    struct client_flag flags[] = {{.name = "--if-exists"}};
    enum client_exit status =
        client_begin(c, flags, ARRAY_COUNT(flags), 1, CLIENT_ARGS_MAX, argc, argv);
    return status != CLIENT_EXIT_OK ? status
                                    : client_end(c, client_view_give_up(c, flags[0].count > 0));
}

static enum client_exit client_view_open(struct client *c, struct client_query *query, bool is_csv)
{
    query->format = c->is_json ? CLIENT_QUERY_JSON
                    : is_csv   ? CLIENT_QUERY_CSV
                               : CLIENT_QUERY_ALIGNED;
    return client_query_open(query);
}

/* The statement comes first: it is the one that refuses what is no view. */
static enum client_exit client_view_show(struct client *c)
{
    struct client_query query = {.c = c};
    enum client_exit status = client_view_open(c, &query, false);
    if (status == CLIENT_EXIT_OK) {
        query.is_expanded = true;
        status = client_view_ask(&query, "SHOW CREATE MATERIALIZED VIEW ", c->args[0]);
    }
    if (status == CLIENT_EXIT_OK) {
        query.is_expanded = false;
        fputs(c->is_json ? "" : "\n", c->out);
        status = client_view_ask(&query, "DESCRIBE ", c->args[0]);
    }
    if (status == CLIENT_EXIT_OK && !c->is_json) {
        fputc('\n', c->out);
        status = client_view_ask(&query, "EXPLAIN MATERIALIZED VIEW ", c->args[0]);
    }
    client_query_close(&query);
    return status;
}

/* One after the other, up to the first that fails. */
static enum client_exit client_view_give_up(struct client *c, bool is_if_exists)
{
    struct client_query query = {.c = c};
    enum client_exit status = client_view_open(c, &query, false);
    for (size_t i = 0; i < c->args_count && status == CLIENT_EXIT_OK; i++) {
        status = client_view_ask(
            &query, is_if_exists ? "DROP MATERIALIZED VIEW IF EXISTS " : "DROP MATERIALIZED VIEW ",
            c->args[i]);
    }
    client_query_close(&query);
    return status;
}

/* Ask a statement; when there is a `name`, it stands behind it. */
static enum client_exit client_view_ask(struct client_query *query, const char *statement,
                                        const char *name)
{
    size_t sql_bytes = CLIENT_VIEW_SQL_BYTES + (name != NULL ? 2 * strlen(name) : 0);
    char *sql = client_alloc(query->c, sql_bytes);
    if (sql == NULL) {
        return CLIENT_EXIT_FAILED;
    }
    struct bytes_writer w = bytes_writer(sql, sql_bytes);
    bytes_put_copy(&w, statement, strlen(statement));
    if (name != NULL) {
        bytes_put_u8(&w, '"');
        for (const char *at = name; *at != '\0'; at++) {
            bytes_put_copy(&w, at, 1);
            bytes_put_copy(&w, at, *at == '"' ? 1 : 0);
        }
        bytes_put_u8(&w, '"');
    }
    ASSERT(w.err == ERR_OK);
    return client_query_run(query, sql, w.pos);
}
