/* `tdb sql`: statements from -c, from standard input, or from a person at a terminal. In all three
 * a line that begins with a backslash, where no statement has begun, is a command of the shell. */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/suggest.h"
#include "base/units.h"
#include "broker/cli/client_clock.h"
#include "broker/cli/client_edit.h"
#include "broker/cli/client_follow.h"
#include "broker/cli/client_lines.h"
#include "broker/cli/client_query.h"
#include "broker/cli/client_split.h"
#include "broker/cli/text.h"

/* The longest word behind a backslash, and what stands behind that. */
#define CLIENT_SQL_WORD_BYTES 32
#define CLIENT_SQL_NAME_BYTES 600

/* Between two runs of what is watched: without a number, and at most. */
#define CLIENT_SQL_WATCH_DEFAULT "2"
#define CLIENT_SQL_WATCH_MAX_NS  (24 * 3600 * CLIENT_NS_PER_S)

enum { CLIENT_SQL_C, CLIENT_SQL_CSV, CLIENT_SQL_EXPANDED };

/* A shell. */
struct client_sql {
    struct client *c;                /* complaints, results */
    struct client_query query;       /* asks */
    char *text;                      /* what was typed and not run yet: CLIENT_QUERY_BYTES_MAX */
    size_t length;                   /* bytes there */
    enum client_split split;         /* how it ends */
    struct client_split_place place; /* how far it was looked through */
    char *last;                      /* the statement run last: CLIENT_QUERY_BYTES_MAX */
    size_t last_length;              /* bytes there; 0: none */
    bool is_ended;                   /* \q */
};

/* A command of the shell. */
struct client_sql_command {
    const char *name; /* behind the backslash */
    const char *help; /* a line */
    enum client_exit (*run)(struct client_sql *sql, const char *argument);
};

static enum client_exit client_sql_start(struct client_sql *sql, const struct client_flag *flags);
static enum client_exit client_sql_once(struct client_sql *sql, const struct client_flag *flag);
static enum client_exit client_sql_read(struct client_sql *sql);
static enum client_exit client_sql_talk(struct client_sql *sql);
static const char *client_sql_prompt(const struct client_sql *sql);
static void client_sql_clear(struct client_sql *sql);
static enum client_exit client_sql_take(struct client_sql *sql, const char *text, size_t length);
static enum client_exit client_sql_whole(struct client_sql *sql, size_t end);
static enum client_exit client_sql_flush(struct client_sql *sql);
static enum client_exit client_sql_ask(struct client_sql *sql, size_t length);
static enum client_exit client_sql_subscribe(struct client_sql *sql, const char *what,
                                             size_t length);
static enum client_exit client_sql_backslash(struct client_sql *sql, const char *line,
                                             size_t length);
static enum client_exit client_sql_help(struct client_sql *sql, const char *argument);
static enum client_exit client_sql_quit(struct client_sql *sql, const char *argument);
static enum client_exit client_sql_describe(struct client_sql *sql, const char *argument);
static enum client_exit client_sql_timing(struct client_sql *sql, const char *argument);
static enum client_exit client_sql_expanded(struct client_sql *sql, const char *argument);
static enum client_exit client_sql_format(struct client_sql *sql, const char *argument);
static enum client_exit client_sql_watch(struct client_sql *sql, const char *argument);
static bool client_sql_pause(struct client_sql *sql, uint64_t ns);

static const struct client_sql_command client_sql_commands[] = {
    {"?", "\\?                          this list", client_sql_help},
    {"d", "\\d [NAME]                   the streams and views, or the columns of one",
     client_sql_describe},
    {"format", "\\format aligned|csv|json    how rows are printed", client_sql_format},
    {"timing", "\\timing                     how long each statement took, or not",
     client_sql_timing},
    {"watch", "\\watch [SECONDS]            the last statement again and again, until Ctrl-C",
     client_sql_watch},
    {"x", "\\x                          columns below each other, or not", client_sql_expanded},
    {"q", "\\q                          the end, as Ctrl-D", client_sql_quit},
};

enum client_exit client_sql_run(struct client *c, int argc, char **argv)
{
    struct client_flag flags[] = {
        [CLIENT_SQL_C] = {.name = "-c", .wants = "a statement", .is_repeated = true},
        [CLIENT_SQL_CSV] = {.name = "--csv"},
        [CLIENT_SQL_EXPANDED] = {.name = "--expanded"},
    };
    struct client_sql sql = {.c = c, .query = {.c = c}, .split = CLIENT_SPLIT_EMPTY};
    enum client_exit status = client_begin(c, flags, ARRAY_COUNT(flags), 0, 0, argc, argv);
    if (status != CLIENT_EXIT_OK) {
        return status;
    }
    if (flags[CLIENT_SQL_CSV].count > 0 && c->is_json) {
        return client_end(c, client_refuse(c, "--csv", "and --json are two forms: choose one"));
    }
    sql.query.format = c->is_json                        ? CLIENT_QUERY_JSON
                       : flags[CLIENT_SQL_CSV].count > 0 ? CLIENT_QUERY_CSV
                                                         : CLIENT_QUERY_ALIGNED;
    sql.query.is_expanded = flags[CLIENT_SQL_EXPANDED].count > 0;
    status = client_query_open(&sql.query);
    if (status == CLIENT_EXIT_OK) {
        status = client_sql_start(&sql, flags);
    }
    client_query_close(&sql.query);
    return client_end(c, status);
}

static enum client_exit client_sql_start(struct client_sql *sql, const struct client_flag *flags)
{
    sql->text = client_alloc(sql->c, CLIENT_QUERY_BYTES_MAX);
    sql->last = client_alloc(sql->c, CLIENT_QUERY_BYTES_MAX);
    if (sql->text == NULL || sql->last == NULL) {
        return CLIENT_EXIT_FAILED;
    }
    if (flags[CLIENT_SQL_C].count > 0) {
        return client_sql_once(sql, &flags[CLIENT_SQL_C]);
    }
    bool is_shell = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    return is_shell ? client_sql_talk(sql) : client_sql_read(sql);
}

static enum client_exit client_sql_once(struct client_sql *sql, const struct client_flag *flag)
{
    enum client_exit status = CLIENT_EXIT_OK;
    for (size_t i = 0; i < flag->count && status == CLIENT_EXIT_OK; i++) {
        status = client_sql_take(sql, flag->values[i], strlen(flag->values[i]));
        status = status == CLIENT_EXIT_OK ? client_sql_flush(sql) : status;
    }
    return status;
}

/* From standard input, up to the first statement that fails. */
static enum client_exit client_sql_read(struct client_sql *sql)
{
    struct client *c = sql->c;
    struct client_lines lines = {.budget = &c->budget, .keeps_empty = true, .fd = -1};
    enum client_exit status = CLIENT_EXIT_OK;
    const char *line = NULL;
    size_t length = 0;
    enum err err = client_lines_open(&lines, "-");
    while (err == ERR_OK && status == CLIENT_EXIT_OK && !sql->is_ended) {
        err = client_lines_next(&lines, -1, &line, &length);
        if (err == ERR_OK) {
            status = client_sql_take(sql, line, length);
        } else if (err == ERR_AGAIN) {
            err = ERR_OK;
        }
    }
    client_lines_close(&lines);
    if (status == CLIENT_EXIT_OK && err != ERR_OK && err != ERR_END) {
        return client_fail(c, "standard input: %s", err_text(err));
    }
    return status == CLIENT_EXIT_OK ? client_sql_flush(sql) : status;
}

/* With a person, whom no failure sends away. */
static enum client_exit client_sql_talk(struct client_sql *sql)
{
    struct client_edit edit = {.el = NULL};
    const char *line = NULL;
    size_t length = 0;
    /* Ctrl-C is a key while a line is typed and is watched for while a query runs; what comes in
     * between shall not end the shell. */
    struct sigaction ignored = {.sa_handler = SIG_IGN}, kept;
    if (client_edit_open(&edit, stdin, stdout, stderr) != ERR_OK) {
        return client_fail(sql->c, "the terminal cannot be driven; statements can be piped in");
    }
    sigaction(SIGINT, &ignored, &kept);
    fprintf(sql->c->out, "tdb %s at %s. \\? for help, \\q or Ctrl-D to end.\n", TDB_VERSION,
            sql->query.http.base);
    while (!sql->is_ended) {
        fflush(sql->c->err);
        fflush(sql->c->out);
        enum err err = client_edit_line(&edit, client_sql_prompt(sql), &line, &length);
        if (err == ERR_CANCELED) {
            fputs("^C\n", sql->c->out);
            client_sql_clear(sql);
        } else if (err != ERR_OK) {
            fputc('\n', sql->c->out);
            break;
        } else {
            length -= line[length - 1] == '\n';
            (void)client_sql_take(sql, line, length);
        }
    }
    client_edit_close(&edit);
    sigaction(SIGINT, &kept, NULL);
    return CLIENT_EXIT_OK;
}

/* What the person is within. */
static const char *client_sql_prompt(const struct client_sql *sql)
{
    static const char *const prompts[] = {
        [CLIENT_SPLIT_WHOLE] = "tdb=> ",   [CLIENT_SPLIT_EMPTY] = "tdb=> ",
        [CLIENT_SPLIT_BEGUN] = "tdb-> ",   [CLIENT_SPLIT_STRING] = "tdb'> ",
        [CLIENT_SPLIT_NAME] = "tdb\"> ",   [CLIENT_SPLIT_DOLLAR] = "tdb$> ",
        [CLIENT_SPLIT_COMMENT] = "tdb*> ",
    };
    return prompts[sql->split];
}

/* Forget what was not run yet. */
static void client_sql_clear(struct client_sql *sql)
{
    sql->length = 0;
    sql->split = CLIENT_SPLIT_EMPTY;
    sql->place = (struct client_split_place){.pos = 0};
}

/* A line of input: run what it makes whole. CLIENT_EXIT_FAILED: something went wrong, and what is
 * behind it is dropped. */
static enum client_exit client_sql_take(struct client_sql *sql, const char *text, size_t length)
{
    size_t end;
    enum client_exit status = CLIENT_EXIT_OK;
    bool is_first = sql->split == CLIENT_SPLIT_EMPTY;
    size_t blanks = 0;
    while (blanks < length && (text[blanks] == ' ' || text[blanks] == '\t')) {
        blanks++;
    }
    if (is_first && blanks < length && text[blanks] == '\\') {
        client_sql_clear(sql);
        return client_sql_backslash(sql, text + blanks + 1, length - blanks - 1);
    }
    if (length + 1 > CLIENT_QUERY_BYTES_MAX - sql->length) {
        client_sql_clear(sql);
        return client_fail(sql->c, "a statement is longer than 1 MiB");
    }
    memcpy(sql->text + sql->length, text, length);
    sql->length += length;
    sql->text[sql->length++] = '\n';
    do {
        sql->split = client_split_on(sql->text, sql->length, &sql->place, &end);
        if (sql->split == CLIENT_SPLIT_WHOLE) {
            status = client_sql_whole(sql, end);
        }
    } while (status == CLIENT_EXIT_OK && sql->split == CLIENT_SPLIT_WHOLE);
    if (status != CLIENT_EXIT_OK || sql->split == CLIENT_SPLIT_EMPTY) {
        client_sql_clear(sql);
    }
    return status;
}

/* Run the statement that ends at `end`, unless it is a semicolon alone. */
static enum client_exit client_sql_whole(struct client_sql *sql, size_t end)
{
    size_t ignored;
    bool is_empty = client_split(sql->text, end - 1, &ignored) == CLIENT_SPLIT_EMPTY;
    enum client_exit status = is_empty ? CLIENT_EXIT_OK : client_sql_ask(sql, end);
    memmove(sql->text, sql->text + end, sql->length - end);
    sql->length -= end;
    sql->place = (struct client_split_place){.pos = 0};
    return status;
}

/* At the end of input the semicolon may be missing. */
static enum client_exit client_sql_flush(struct client_sql *sql)
{
    bool is_empty = sql->split == CLIENT_SPLIT_EMPTY;
    size_t length = sql->length - !is_empty; /* without the last newline */
    client_sql_clear(sql);
    return is_empty || sql->is_ended ? CLIENT_EXIT_OK : client_sql_ask(sql, length);
}

/* Run what was typed up to `length`, and remember it. */
static enum client_exit client_sql_ask(struct client_sql *sql, size_t length)
{
    memcpy(sql->last, sql->text, length);
    sql->last_length = length;
    const char *what = NULL;
    size_t what_length = 0;
    enum client_exit status = client_split_subscribe(sql->text, length, &what, &what_length)
                                  ? client_sql_subscribe(sql, what, what_length)
                                  : client_query_run(&sql->query, sql->text, length);
    sql->is_ended = sql->is_ended || sql->c->is_terminated;
    return status;
}

/* SUBSCRIBE [TO] is followed by a SELECT, or by a name, which stands for all of it. */
static enum client_exit client_sql_subscribe(struct client_sql *sql, const char *what,
                                             size_t length)
{
    static const char select[] = "SELECT", all[] = "SELECT * FROM ";
    struct client *c = sql->c;
    bool is_select = length > sizeof(select) - 1 &&
                     strncasecmp(what, select, sizeof(select) - 1) == 0 &&
                     strchr(" \t\r\n(\"'*/-", what[sizeof(select) - 1]) != NULL;
    size_t all_length = is_select ? 0 : sizeof(all) - 1;
    if (length == 0 || !json_is_utf8(what, length)) {
        return client_fail(c, length == 0 ? "SUBSCRIBE needs a stream, a view or a SELECT"
                                          : "the statement is not UTF-8");
    }
    if (all_length + length > CLIENT_FOLLOW_TEXT_BYTES_MAX) {
        return client_fail(c, "what is subscribed to is longer than 64 KiB");
    }
    struct arena_mark mark = arena_mark(&c->arena);
    char *text = client_alloc(c, all_length + length);
    if (text == NULL) {
        return CLIENT_EXIT_FAILED;
    }
    memcpy(text, all, all_length);
    memcpy(text + all_length, what, length);
    struct client_follow follow = {
        .c = c,
        .what = CLIENT_FOLLOW_SQL,
        .text = text,
        .text_length = all_length + length,
        .patience_ns = UINT64_MAX,
        .format = sql->query.format,
        .is_expanded = sql->query.is_expanded,
    };
    enum client_exit status = client_follow_run(&follow);
    arena_rewind(&c->arena, mark);
    return status;
}

/* A command of the shell; `line` is behind the backslash. */
static enum client_exit client_sql_backslash(struct client_sql *sql, const char *line,
                                             size_t length)
{
    char word[CLIENT_SQL_WORD_BYTES], argument[CLIENT_SQL_NAME_BYTES];
    const char *names[ARRAY_COUNT(client_sql_commands)];
    size_t word_length = 0;
    while (word_length < length && line[word_length] != ' ' && line[word_length] != '\t') {
        word_length++;
    }
    size_t begin = word_length;
    while (begin < length && (line[begin] == ' ' || line[begin] == '\t')) {
        begin++;
    }
    while (length > begin && strchr(" \t;", line[length - 1]) != NULL) {
        length--;
    }
    snprintf(word, sizeof(word), "%.*s", (int)word_length, line);
    if (length - begin >= sizeof(argument)) {
        return client_fail(sql->c, "\\%s: a name is shorter than that", word);
    }
    snprintf(argument, sizeof(argument), "%.*s", (int)(length - begin), line + begin);
    for (size_t i = 0; i < ARRAY_COUNT(client_sql_commands); i++) {
        names[i] = client_sql_commands[i].name;
        if (strcmp(word, names[i]) == 0) {
            return client_sql_commands[i].run(sql, argument);
        }
    }
    const char *nearest = suggest_nearest(word, names, ARRAY_COUNT(names));
    fputs("tdb: no command \\", sql->c->err);
    cli_text_put_plain(sql->c->err, word, strlen(word));
    fprintf(sql->c->err, nearest != NULL ? "; did you mean \\%s?\n" : "; \\? lists them\n",
            nearest != NULL ? nearest : "");
    return CLIENT_EXIT_FAILED;
}

static enum client_exit client_sql_help(struct client_sql *sql, const char *argument)
{
    (void)argument;
    fputs("A statement ends with ';'. Ctrl-C gives it up, typed or running.\n"
          "SUBSCRIBE NAME; or SUBSCRIBE SELECT ...; prints what changes, until Ctrl-C.\n\n",
          sql->c->out);
    for (size_t i = 0; i < ARRAY_COUNT(client_sql_commands); i++) {
        fprintf(sql->c->out, "  %s\n", client_sql_commands[i].help);
    }
    return CLIENT_EXIT_OK;
}

static enum client_exit client_sql_quit(struct client_sql *sql, const char *argument)
{
    (void)argument;
    sql->is_ended = true;
    return CLIENT_EXIT_OK;
}

static enum client_exit client_sql_describe(struct client_sql *sql, const char *argument)
{
    char text[CLIENT_SQL_NAME_BYTES + 16];
    if (argument[0] == '\0') {
        static const char streams[] = "SHOW STREAMS", views[] = "SHOW VIEWS";
        enum client_exit status = client_query_run(&sql->query, streams, sizeof(streams) - 1);
        return status != CLIENT_EXIT_OK ? status
                                        : client_query_run(&sql->query, views, sizeof(views) - 1);
    }
    int length = snprintf(text, sizeof(text), "DESCRIBE %s", argument);
    return client_query_run(&sql->query, text, (size_t)length);
}

static enum client_exit client_sql_timing(struct client_sql *sql, const char *argument)
{
    (void)argument;
    sql->query.is_timed = !sql->query.is_timed;
    fprintf(sql->c->out, "Timing is %s.\n", sql->query.is_timed ? "on" : "off");
    return CLIENT_EXIT_OK;
}

static enum client_exit client_sql_expanded(struct client_sql *sql, const char *argument)
{
    (void)argument;
    sql->query.is_expanded = !sql->query.is_expanded;
    fprintf(sql->c->out, "Expanded display is %s.\n", sql->query.is_expanded ? "on" : "off");
    return CLIENT_EXIT_OK;
}

static enum client_exit client_sql_format(struct client_sql *sql, const char *argument)
{
    static const char *const names[] = {[CLIENT_QUERY_ALIGNED] = "aligned",
                                        [CLIENT_QUERY_CSV] = "csv",
                                        [CLIENT_QUERY_JSON] = "json"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(argument, names[i]) == 0) {
            sql->query.format = (enum client_query_format)i;
            return CLIENT_EXIT_OK;
        }
    }
    return client_fail(sql->c, "\\format takes aligned, csv or json");
}

/* As psql has it: an error ends it, too. */
static enum client_exit client_sql_watch(struct client_sql *sql, const char *argument)
{
    struct client *c = sql->c;
    char text[CLIENT_SQL_WORD_BYTES];
    uint64_t ns = 0;
    const char *seconds = argument[0] != '\0' ? argument : CLIENT_SQL_WATCH_DEFAULT;
    int length = snprintf(text, sizeof(text), "%ss", seconds);
    if ((size_t)length >= sizeof(text) || strspn(seconds, "0123456789.") != strlen(seconds) ||
        units_parse_duration_ns(text, (size_t)length, &ns) != ERR_OK || ns == 0 ||
        ns > CLIENT_SQL_WATCH_MAX_NS) {
        return client_fail(c, "\\watch takes a number of seconds, as in \\watch 0.5");
    }
    if (sql->last_length == 0) {
        return client_fail(c, "\\watch runs the last statement again, and there was none");
    }
    enum client_exit status = CLIENT_EXIT_OK;
    client_watch_signals(c); /* between two statements, too */
    do {
        if (sql->query.format == CLIENT_QUERY_ALIGNED) {
            cli_text_put_time(c->out, client_wall_ms());
            fprintf(c->out, " (every %s)\n\n", text);
        }
        status = client_query_run(&sql->query, sql->last, sql->last_length);
        if (sql->query.format == CLIENT_QUERY_ALIGNED) {
            fputc('\n', c->out);
        }
        fflush(c->out);
    } while (status == CLIENT_EXIT_OK && !c->is_terminated && client_sql_pause(sql, ns));
    client_unwatch_signals(c);
    sql->is_ended = sql->is_ended || c->is_terminated;
    return status;
}

/* Wait so long. False: a signal came. */
static bool client_sql_pause(struct client_sql *sql, uint64_t ns)
{
    struct client *c = sql->c;
    uint64_t end_ns = client_now_ns() + ns;
    bool is_interrupted = client_is_interrupted(c);
    for (uint64_t now_ns = client_now_ns(); now_ns < end_ns && !is_interrupted;
         now_ns = client_now_ns()) {
        struct pollfd signals = {.fd = c->is_watching ? c->signal_fd : -1, .events = POLLIN};
        (void)poll(&signals, 1, (int)((end_ns - now_ns) / CLIENT_NS_PER_MS) + 1);
        is_interrupted = client_is_interrupted(c);
    }
    return !is_interrupted;
}
