/* `tdb subscribe`: a stream or a view followed until a signal. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/units.h"
#include "broker/cli/client_clock.h"
#include "broker/cli/client_follow.h"
#include "broker/cli/client_record.h"

/* Room for where it begins, as JSON, and for a time as text. */
#define CLIENT_SUBSCRIBE_FROM_BYTES 64
#define CLIENT_SUBSCRIBE_TIME_BYTES 64

/* Most rows that --credit and --limit take. */
#define CLIENT_SUBSCRIBE_ROWS_MAX INT64_MAX

enum {
    CLIENT_SUBSCRIBE_FROM,
    CLIENT_SUBSCRIBE_TOKEN,
    CLIENT_SUBSCRIBE_LIMIT,
    CLIENT_SUBSCRIBE_CREDIT,
    CLIENT_SUBSCRIBE_SLOW,
    CLIENT_SUBSCRIBE_CSV,
    CLIENT_SUBSCRIBE_EXPANDED,
};

static enum client_exit client_subscribe_start(struct client *c, const struct client_flag *flags);
static bool client_subscribe_from(const struct client *c, const struct client_flag *flag,
                                  char from[CLIENT_SUBSCRIBE_FROM_BYTES]);
static enum client_exit client_subscribe_rows(struct client_follow *follow,
                                              const struct client_flag *flags);

enum client_exit client_subscribe_run(struct client *c, int argc, char **argv)
{
    struct client_flag flags[] = {
        [CLIENT_SUBSCRIBE_FROM] = {.name = "--from", .wants = "earliest, latest or a time"},
        [CLIENT_SUBSCRIBE_TOKEN] = {.name = "--from-token", .wants = "a token"},
        [CLIENT_SUBSCRIBE_LIMIT] = {.name = "--limit", .wants = "a number"},
        [CLIENT_SUBSCRIBE_CREDIT] = {.name = "--credit", .wants = "a number"},
        [CLIENT_SUBSCRIBE_SLOW] = {.name = "--slow", .wants = "block or disconnect"},
        [CLIENT_SUBSCRIBE_CSV] = {.name = "--csv"},
        [CLIENT_SUBSCRIBE_EXPANDED] = {.name = "--expanded"},
    };
    enum client_exit status = client_begin(c, flags, ARRAY_COUNT(flags), 1, 1, argc, argv);
    return status != CLIENT_EXIT_OK ? status : client_end(c, client_subscribe_start(c, flags));
}

static enum client_exit client_subscribe_start(struct client *c, const struct client_flag *flags)
{
    static const char select[] = "SELECT";
    char from[CLIENT_SUBSCRIBE_FROM_BYTES] = "";
    const char *text = c->args[0] + strspn(c->args[0], " \t\r\n");
    size_t length = strlen(text);
    bool is_sql = strncasecmp(text, select, sizeof(select) - 1) == 0 &&
                  strcspn(text, " \t\r\n(\"'*") == sizeof(select) - 1;
    bool is_csv = flags[CLIENT_SUBSCRIBE_CSV].count > 0;
    bool has_token = flags[CLIENT_SUBSCRIBE_TOKEN].count > 0;
    struct client_follow follow = {
        .c = c,
        .what = is_sql ? CLIENT_FOLLOW_SQL : CLIENT_FOLLOW_NAME,
        .text = is_sql ? text : c->args[0],
        .text_length = is_sql ? length : strlen(c->args[0]),
        .token = has_token ? flags[CLIENT_SUBSCRIBE_TOKEN].values[0] : NULL,
        .patience_ns = c->has_timeout ? c->kafka.timeout_ns : UINT64_MAX,
        .format = c->is_json ? CLIENT_QUERY_JSON
                  : is_csv   ? CLIENT_QUERY_CSV
                             : CLIENT_QUERY_ALIGNED,
        .is_expanded = flags[CLIENT_SUBSCRIBE_EXPANDED].count > 0,
    };
    if (follow.text_length == 0 || follow.text_length > CLIENT_FOLLOW_TEXT_BYTES_MAX ||
        !json_is_utf8(follow.text, follow.text_length)) {
        return client_refuse(c, "NAME", "is the name of a stream or a view, or a SELECT");
    }
    if (is_csv && c->is_json) {
        return client_refuse(c, "--csv", "and --json are two forms: choose one");
    }
    if (has_token && flags[CLIENT_SUBSCRIBE_FROM].count > 0) {
        return client_refuse(c, "--from", "and --from-token are two beginnings: choose one");
    }
    if (has_token &&
        (follow.token[0] == '\0' || !json_is_utf8(follow.token, strlen(follow.token)) ||
         strlen(follow.token) > CLIENT_FOLLOW_TOKEN_BYTES_MAX)) {
        return client_refuse(c, "--from-token", "takes what a subscription said at its end");
    }
    if (!client_subscribe_from(c, &flags[CLIENT_SUBSCRIBE_FROM], from)) {
        return CLIENT_EXIT_USAGE;
    }
    follow.from = from[0] != '\0' ? from : NULL;
    enum client_exit status = client_subscribe_rows(&follow, flags);
    return status != CLIENT_EXIT_OK ? status : client_follow_run(&follow);
}

/* from = what --from says, as JSON; "": nothing. False: it was refused. */
static bool client_subscribe_from(const struct client *c, const struct client_flag *flag,
                                  char from[CLIENT_SUBSCRIBE_FROM_BYTES])
{
    char time[CLIENT_SUBSCRIBE_TIME_BYTES];
    struct client_from parsed;
    if (flag->count == 0) {
        return true;
    }
    const char *text = flag->values[0];
    if (strcmp(text, "earliest") == 0 || strcmp(text, "latest") == 0) {
        snprintf(from, CLIENT_SUBSCRIBE_FROM_BYTES, "\"%s\"", text);
        return true;
    }
    /* A time, as `tdb consume` has it behind an @, which may be given here, too. */
    int length = snprintf(time, sizeof(time), "%s%s", text[0] == '@' ? "" : "@", text);
    if ((size_t)length >= sizeof(time) ||
        client_from_parse(&parsed, time, client_wall_ms()) != ERR_OK ||
        parsed.kind != CLIENT_FROM_TIME || parsed.value < 0) {
        client_refuse(c, flag->name,
                      "takes earliest, latest or a time: 2018-02-06T12:30:00Z, -5m, or ms");
        return false;
    }
    snprintf(from, CLIENT_SUBSCRIBE_FROM_BYTES, "{\"timestamp\":%" PRId64 "}", parsed.value);
    return true;
}

static enum client_exit client_subscribe_rows(struct client_follow *follow,
                                              const struct client_flag *flags)
{
    struct client *c = follow->c;
    const struct client_flag *limit = &flags[CLIENT_SUBSCRIBE_LIMIT];
    const struct client_flag *credit = &flags[CLIENT_SUBSCRIBE_CREDIT];
    const struct client_flag *slow = &flags[CLIENT_SUBSCRIBE_SLOW];
    int64_t rows[2] = {0, 0};
    if (!client_number(c, limit, CLIENT_SUBSCRIBE_ROWS_MAX, &rows[0]) ||
        !client_number(c, credit, CLIENT_SUBSCRIBE_ROWS_MAX, &rows[1])) {
        return CLIENT_EXIT_USAGE;
    }
    if ((limit->count > 0 && rows[0] == 0) || (credit->count > 0 && rows[1] == 0)) {
        return client_refuse(c, rows[0] == 0 && limit->count > 0 ? limit->name : credit->name,
                             "takes a number of rows, one at least");
    }
    follow->limit = (uint64_t)rows[0];
    follow->credit = (uint64_t)rows[1];
    if (slow->count > 0 && strcmp(slow->values[0], "block") != 0 &&
        strcmp(slow->values[0], "disconnect") != 0) {
        return client_refuse(c, slow->name, "takes block or disconnect");
    }
    follow->is_disconnect = slow->count > 0 && slow->values[0][0] == 'd';
    return CLIENT_EXIT_OK;
}
