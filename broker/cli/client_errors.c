/* `tdb errors`: the newest of system.errors, as `tdb sql` would print them. */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "broker/cli/client_query.h"

/* Errors listed without --limit, and at most. */
#define CLIENT_ERRORS_DEFAULT 100
#define CLIENT_ERRORS_MAX     1000000

/* Room for the query beside the name of a stream, of which a quote takes two bytes. */
#define CLIENT_ERRORS_SQL_BYTES 512

enum { CLIENT_ERRORS_STREAM, CLIENT_ERRORS_LIMIT, CLIENT_ERRORS_CSV };

static const char client_errors_select[] =
    "SELECT stream, \"partition\", \"offset\", \"column\", code, path, excerpt FROM system.errors";

static enum client_exit client_errors_list(struct client *c, const struct client_flag *flags);
static size_t client_errors_sql(char *sql, size_t sql_bytes, const char *stream, int64_t limit);

enum client_exit client_errors_run(struct client *c, int argc, char **argv)
{
    struct client_flag flags[] = {
        [CLIENT_ERRORS_STREAM] = {.name = "--stream", .wants = "a name"},
        [CLIENT_ERRORS_LIMIT] = {.name = "--limit", .wants = "a number"},
        [CLIENT_ERRORS_CSV] = {.name = "--csv"},
    };
    enum client_exit status = client_begin(c, flags, ARRAY_COUNT(flags), 0, 0, argc, argv);
    return status != CLIENT_EXIT_OK ? status : client_end(c, client_errors_list(c, flags));
}

static enum client_exit client_errors_list(struct client *c, const struct client_flag *flags)
{
    int64_t limit = CLIENT_ERRORS_DEFAULT;
    bool is_csv = flags[CLIENT_ERRORS_CSV].count > 0;
    bool has_stream = flags[CLIENT_ERRORS_STREAM].count > 0;
    const char *stream = has_stream ? flags[CLIENT_ERRORS_STREAM].values[0] : NULL;
    if (!client_number(c, &flags[CLIENT_ERRORS_LIMIT], CLIENT_ERRORS_MAX, &limit)) {
        return CLIENT_EXIT_USAGE;
    }
    if (is_csv && c->is_json) {
        return client_refuse(c, "--csv", "and --json are two forms: choose one");
    }
    size_t sql_bytes = CLIENT_ERRORS_SQL_BYTES + (has_stream ? 2 * strlen(stream) : 0);
    char *sql = client_alloc(c, sql_bytes);
    if (sql == NULL) {
        return CLIENT_EXIT_FAILED;
    }
    struct client_query query = {
        .c = c,
        .format = c->is_json ? CLIENT_QUERY_JSON
                  : is_csv   ? CLIENT_QUERY_CSV
                             : CLIENT_QUERY_ALIGNED,
    };
    enum client_exit status = client_query_open(&query);
    if (status == CLIENT_EXIT_OK) {
        status = client_query_run(&query, sql, client_errors_sql(sql, sql_bytes, stream, limit));
    }
    client_query_close(&query);
    return status;
}

static size_t client_errors_sql(char *sql, size_t sql_bytes, const char *stream, int64_t limit)
{
    struct bytes_writer w = bytes_writer(sql, sql_bytes);
    char tail[128];
    bytes_put_copy(&w, client_errors_select, sizeof(client_errors_select) - 1);
    if (stream != NULL) {
        static const char where[] = " WHERE stream = '";
        bytes_put_copy(&w, where, sizeof(where) - 1);
        for (const char *at = stream; *at != '\0'; at++) {
            bytes_put_copy(&w, "''", *at == '\'' ? 2 : 0);
            bytes_put_copy(&w, at, *at == '\'' ? 0 : 1);
        }
        bytes_put_u8(&w, '\'');
    }
    int written =
        snprintf(tail, sizeof(tail),
                 " ORDER BY stream, \"partition\", \"offset\", \"column\" LIMIT %" PRId64, limit);
    bytes_put_copy(&w, tail, (size_t)written);
    ASSERT(w.err == ERR_OK);
    return w.pos;
}
