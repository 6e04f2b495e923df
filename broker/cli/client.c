/* Rows of one table, as in broker/app/cli.c; arguments, the connection, complaints. See
 * client_int.h. */
#include "broker/cli/client.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/suggest.h"
#include "base/units.h"
#include "broker/cli/client_clock.h"
#include "broker/cli/client_help.h"
#include "broker/cli/client_int.h"
#include "broker/cli/text.h"

/* Where a server is looked for, and how long it is waited for. */
#define CLIENT_SERVER_DEFAULT     "127.0.0.1:9092"
#define CLIENT_URL_DEFAULT        "http://127.0.0.1:8080"
#define CLIENT_TIMEOUT_DEFAULT_NS (10 * CLIENT_NS_PER_S)

/* All memory of a command that is ours; what librdkafka takes is not counted. */
#define CLIENT_MEMORY_BYTES (512u << 20)

/* How long a topic may take to appear after its first mention, and between looks. */
#define CLIENT_APPEAR_NS      (3 * CLIENT_NS_PER_S)
#define CLIENT_APPEAR_LOOK_MS 200

/* Names that a wrong flag is compared with at most. */
#define CLIENT_NAMES_MAX 64

/* The flags of every command; their order is that of client_common. */
enum { CLIENT_COMMON_SERVER, CLIENT_COMMON_TIMEOUT, CLIENT_COMMON_X, CLIENT_COMMON_JSON };
static const struct client_flag client_common[] = {
    {.name = "--server", .wants = "HOST:PORT"},
    {.name = "--timeout", .wants = "a duration like 10s"},
    {.name = "-X", .wants = "KEY=VALUE", .is_repeated = true},
    {.name = "--json"},
};

static const struct client_command client_commands[] = {
    {"topic create", "make a topic", client_help_topic_create_usage, client_help_topic_create, NULL,
     client_help_topic_create_examples, client_topic_create, false, NULL},
    {"topic list", "list the topics", client_help_topic_list_usage, client_help_topic_list, NULL,
     client_help_topic_list_examples, client_topic_list, false, NULL},
    {"topic describe", "show a topic's partitions, offsets and settings",
     client_help_topic_describe_usage, client_help_topic_describe, NULL,
     client_help_topic_describe_examples, client_topic_describe, false, NULL},
    {"topic delete", "delete topics and all that is in them", client_help_topic_delete_usage,
     client_help_topic_delete, NULL, client_help_topic_delete_examples, client_topic_delete, false,
     NULL},
    {"topic config", "show and change the settings of a topic", client_help_topic_config_usage,
     client_help_topic_config, client_help_topic_config_notes, client_help_topic_config_examples,
     client_topic_config, false, NULL},
    {"produce", "append lines to a topic, one record a line", client_help_produce_usage,
     client_help_produce, NULL, client_help_produce_examples, client_produce_run, false, NULL},
    {"consume", "print the records of a topic", client_help_consume_usage, client_help_consume,
     client_help_consume_notes, client_help_consume_examples, client_consume_run, false, NULL},
    {"cluster info", "show the servers and what they hold", client_help_cluster_info_usage,
     client_help_cluster_info, NULL, client_help_cluster_info_examples, client_cluster_info, false,
     NULL},
    {"sql", "ask questions of streams, in a shell or once", client_help_sql_usage, client_help_sql,
     client_help_sql_notes, client_help_sql_examples, client_sql_run, true, NULL},
    {"subscribe", "print the rows of a stream or a view as they change",
     client_help_subscribe_usage, client_help_subscribe, client_help_subscribe_notes,
     client_help_subscribe_examples, client_subscribe_run, true, client_help_subscribe_connection},
    {"view list", "list the materialized views", client_help_view_list_usage, client_help_view_list,
     NULL, client_help_view_list_examples, client_view_list, true, NULL},
    {"view describe", "show what a view is made of, and how it is kept up",
     client_help_view_describe_usage, client_help_view_describe, client_help_view_describe_notes,
     client_help_view_describe_examples, client_view_describe, true, NULL},
    {"view drop", "drop views", client_help_view_drop_usage, client_help_view_drop,
     client_help_view_drop_notes, client_help_view_drop_examples, client_view_drop, true, NULL},
    {"errors", "list the values that did not fit their columns", client_help_errors_usage,
     client_help_errors, client_help_errors_notes, client_help_errors_examples, client_errors_run,
     true, NULL},
};

static enum client_exit client_group(const char *group, int argc, char **argv, FILE *out,
                                     FILE *err);
static const struct client_command *client_find(const char *group, const char *name);
static enum client_exit client_run(const struct client_command *command, int argc, char **argv,
                                   FILE *out, FILE *err);
static void client_group_help(const char *group, FILE *out);
static void client_usage(const struct client_command *command, FILE *out);
static enum client_exit client_unknown(const char *group, const char *name, FILE *err);
static enum client_exit client_args(struct client *c, struct client_flag *common,
                                    struct client_flag *flags, size_t flags_count, int argc,
                                    char **argv);
static struct client_flag *client_find_flag(struct client_flag *flags, size_t flags_count,
                                            const char *argument);
static enum client_exit client_unknown_flag(const struct client *c, const struct client_flag *flags,
                                            size_t flags_count, const char *argument);
static enum client_exit client_common_values(struct client *c, const struct client_flag *common);
static enum client_exit client_unknown_topic(struct client *c, const char *topic);

enum client_exit client_topic(int argc, char **argv, FILE *out, FILE *err)
{
    return client_group("topic", argc, argv, out, err);
}

enum client_exit client_cluster(int argc, char **argv, FILE *out, FILE *err)
{
    return client_group("cluster", argc, argv, out, err);
}

enum client_exit client_produce(int argc, char **argv, FILE *out, FILE *err)
{
    return client_run(client_find("produce", NULL), argc, argv, out, err);
}

enum client_exit client_consume(int argc, char **argv, FILE *out, FILE *err)
{
    return client_run(client_find("consume", NULL), argc, argv, out, err);
}

enum client_exit client_sql(int argc, char **argv, FILE *out, FILE *err)
{
    return client_run(client_find("sql", NULL), argc, argv, out, err);
}

enum client_exit client_subscribe(int argc, char **argv, FILE *out, FILE *err)
{
    return client_run(client_find("subscribe", NULL), argc, argv, out, err);
}

enum client_exit client_view(int argc, char **argv, FILE *out, FILE *err)
{
    return client_group("view", argc, argv, out, err);
}

enum client_exit client_errors(int argc, char **argv, FILE *out, FILE *err)
{
    return client_run(client_find("errors", NULL), argc, argv, out, err);
}

enum client_exit client_begin(struct client *c, struct client_flag *flags, size_t flags_count,
                              size_t args_min, size_t args_max, int argc, char **argv)
{
    struct client_flag common[ARRAY_COUNT(client_common)];
    for (size_t i = 0; i < ARRAY_COUNT(common); i++) {
        common[i] = client_common[i];
    }
    budget_init(&c->budget, "client", CLIENT_MEMORY_BYTES, NULL);
    arena_init(&c->arena, &c->budget, 64u << 10, CLIENT_MEMORY_BYTES / 2);
    enum client_exit status = client_args(c, common, flags, flags_count, argc, argv);
    if (status == CLIENT_EXIT_OK && c->args_count < args_min) {
        char wanted[32]; /* its usage begins with it */
        const char *usage = c->command->usage;
        snprintf(wanted, sizeof(wanted), "%.*s", (int)strcspn(usage, " "), usage);
        status = client_refuse(c, wanted, "is needed");
    }
    if (status == CLIENT_EXIT_OK && c->args_count > args_max) {
        status = client_refuse(c, c->args[args_max], "is one argument too many");
    }
    if (status == CLIENT_EXIT_OK) {
        status = client_common_values(c, common);
    }
    return status == CLIENT_EXIT_OK ? status : client_end(c, status);
}

enum client_exit client_end(struct client *c, enum client_exit status)
{
    client_kafka_close(&c->kafka);
    arena_deinit(&c->arena);
    budget_deinit(&c->budget);
    c->watches_count = 0;
    client_unwatch_signals(c);
    return status;
}

enum client_exit client_connect(struct client *c, enum client_kafka_kind kind,
                                const struct client_property *properties, size_t properties_count)
{
    struct client_property all[CLIENT_PROPERTIES_MAX] = {{"bootstrap.servers", c->server}};
    size_t count = 1;
    ASSERT(properties_count + c->given_count + count <= CLIENT_PROPERTIES_MAX);
    for (size_t i = 0; i < properties_count; i++) {
        all[count++] = properties[i];
    }
    for (size_t i = 0; i < c->given_count; i++) {
        all[count++] = c->given[i];
    }
    c->kafka.log = c->err;
    if (client_kafka_open(&c->kafka, kind, all, count) != ERR_OK) {
        fprintf(c->err, "tdb: %s\n", c->kafka.why);
        return CLIENT_EXIT_USAGE;
    }
    if (client_kafka_connect(&c->kafka) != ERR_OK) {
        fputs("tdb: cannot reach ", c->err);
        cli_text_put(c->err, c->server, strlen(c->server));
        fprintf(c->err, ": %s\n", c->kafka.why);
        fprintf(c->err, "Is 'tdb serve' running there? Another server: --server HOST:PORT, or "
                        "TDB_SERVER.\n");
        return CLIENT_EXIT_FAILED;
    }
    return CLIENT_EXIT_OK;
}

enum client_exit client_refuse(const struct client *c, const char *flag, const char *what)
{
    cli_text_put(c->err, flag, strlen(flag));
    fprintf(c->err, ": %s\n", what);
    client_usage(c->command, c->err);
    fprintf(c->err, "Try 'tdb %s --help'.\n", c->command->name);
    return CLIENT_EXIT_USAGE;
}

enum client_exit client_fail(const struct client *c, const char *format, ...)
{
    va_list args;
    fputs("tdb: ", c->err);
    va_start(args, format);
    vfprintf(c->err, format, args);
    va_end(args);
    fputc('\n', c->err);
    return CLIENT_EXIT_FAILED;
}

enum client_exit client_fail_topic(struct client *c, const char *topic, enum err err)
{
    if (err == ERR_NOT_FOUND) {
        return client_unknown_topic(c, topic);
    }
    client_fail(c, "topic %s: %s", topic, c->kafka.why);
    if (err == ERR_TIMEOUT || err == ERR_UNREACHABLE) {
        if (c->kafka.network[0] != '\0') {
            fprintf(c->err, "The last trouble with the connection: %s\n", c->kafka.network);
        }
        fprintf(c->err, "To wait longer: --timeout DURATION.\n");
    }
    return CLIENT_EXIT_FAILED;
}

enum client_exit client_describe(struct client *c, const char *topic, bool is_awaited,
                                 struct client_cluster *out)
{
    uint64_t began_ns = client_now_ns();
    for (;;) {
        enum err err = client_kafka_describe(&c->kafka, &c->arena, topic, out);
        bool may_appear = err == ERR_AGAIN || (is_awaited && err == ERR_NOT_FOUND);
        uint64_t waited_ns = client_now_ns() - began_ns;
        if (!may_appear || waited_ns >= CLIENT_APPEAR_NS || waited_ns >= c->kafka.timeout_ns) {
            return err == ERR_OK ? CLIENT_EXIT_OK : client_fail_topic(c, topic, err);
        }
        client_kafka_poll(&c->kafka, CLIENT_APPEAR_LOOK_MS);
    }
}

bool client_number(const struct client *c, const struct client_flag *flag, int64_t max,
                   int64_t *out)
{
    if (flag->count == 0) {
        return true;
    }
    const char *text = flag->values[flag->count - 1];
    uint64_t number = 0;
    if (units_parse_u64(text, strlen(text), &number) != ERR_OK || number > (uint64_t)max) {
        char what[64];
        snprintf(what, sizeof(what), "takes a whole number up to %lld", (long long)max);
        client_refuse(c, flag->name, what);
        return false;
    }
    *out = (int64_t)number;
    return true;
}

bool client_pair(struct client *c, const char *flag, const char *text, struct client_property *pair)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text) {
        client_refuse(c, flag, "takes KEY=VALUE");
        return false;
    }
    char *copy = client_alloc(c, strlen(text) + 1);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, text, strlen(text) + 1);
    copy[equals - text] = '\0';
    *pair = (struct client_property){copy, copy + (equals - text) + 1};
    return true;
}

void *client_alloc(struct client *c, size_t bytes)
{
    void *room = arena_alloc_zeroed(&c->arena, bytes, ARENA_ALIGN_MAX);
    if (room == NULL) {
        client_fail(c, "%s", err_text(c->arena.err));
    }
    return room;
}

void client_watch_signals(struct client *c)
{
    sigset_t watched;
    if (c->watches_count++ > 0) {
        return;
    }
    sigemptyset(&watched);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGTERM);
    sigprocmask(SIG_BLOCK, &watched, &c->signals_kept);
    c->signal_fd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    c->is_watching = c->signal_fd >= 0;
    if (!c->is_watching) { /* then a signal ends the process at once */
        sigprocmask(SIG_SETMASK, &c->signals_kept, NULL);
    }
}

bool client_is_interrupted(struct client *c)
{
    struct signalfd_siginfo info;
    if (c->is_watching && !c->is_interrupted &&
        read(c->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        c->is_interrupted = true;
        c->is_terminated = info.ssi_signo == SIGTERM;
        sigprocmask(SIG_SETMASK, &c->signals_kept, NULL);
    }
    return c->is_interrupted;
}

void client_unwatch_signals(struct client *c)
{
    c->watches_count -= c->watches_count > 0;
    if (c->is_watching && c->watches_count == 0) {
        close(c->signal_fd);
        sigprocmask(SIG_SETMASK, &c->signals_kept, NULL);
        c->is_watching = c->is_interrupted = false;
    }
}

static enum client_exit client_group(const char *group, int argc, char **argv, FILE *out, FILE *err)
{
    if (argc < 1) {
        client_group_help(group, err);
        return CLIENT_EXIT_USAGE;
    }
    if (strcmp(argv[0], "--help") == 0) {
        client_group_help(group, out);
        return CLIENT_EXIT_OK;
    }
    const struct client_command *command = client_find(group, argv[0]);
    return command != NULL ? client_run(command, argc - 1, argv + 1, out, err)
                           : client_unknown(group, argv[0], err);
}

/* The command called "group name", or `group` alone. */
static const struct client_command *client_find(const char *group, const char *name)
{
    size_t length = strlen(group);
    for (size_t i = 0; i < ARRAY_COUNT(client_commands); i++) {
        const char *full = client_commands[i].name;
        if (strncmp(full, group, length) == 0 &&
            (name == NULL ? full[length] == '\0'
                          : full[length] == ' ' && strcmp(full + length + 1, name) == 0)) {
            return &client_commands[i];
        }
    }
    return NULL;
}

static enum client_exit client_run(const struct client_command *command, int argc, char **argv,
                                   FILE *out, FILE *err)
{
    struct client c = {.command = command, .out = out, .err = err};
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fprintf(out, "tdb %s: %s\n\n", command->name, command->what);
            client_usage(command, out);
            fprintf(out, "\n%s%s%s\nexamples:\n%s", command->help,
                    command->connection != NULL ? command->connection
                    : command->is_http          ? client_help_http
                                                : client_help_common,
                    command->notes != NULL ? command->notes : "", command->examples);
            return CLIENT_EXIT_OK;
        }
    }
    return command->run(&c, argc, argv);
}

static void client_group_help(const char *group, FILE *out)
{
    size_t length = strlen(group);
    fprintf(out, "usage: tdb %s COMMAND [ARGUMENTS]\n\n", group);
    for (size_t i = 0; i < ARRAY_COUNT(client_commands); i++) {
        const char *full = client_commands[i].name;
        if (strncmp(full, group, length) == 0 && full[length] == ' ') {
            fprintf(out, "  %-14s %s\n", full + length + 1, client_commands[i].what);
        }
    }
    fprintf(out, "\n'tdb %s COMMAND --help' says more.\n", group);
}

static void client_usage(const struct client_command *command, FILE *out)
{
    fprintf(out, "usage: tdb %s %s\n", command->name, command->usage);
}

static enum client_exit client_unknown(const char *group, const char *name, FILE *err)
{
    const char *names[ARRAY_COUNT(client_commands)];
    size_t names_count = 0;
    size_t length = strlen(group);
    for (size_t i = 0; i < ARRAY_COUNT(client_commands); i++) {
        const char *full = client_commands[i].name;
        if (strncmp(full, group, length) == 0 && full[length] == ' ') {
            names[names_count++] = full + length + 1;
        }
    }
    const char *nearest = suggest_nearest(name, names, names_count);
    fprintf(err, "tdb %s: no command '", group);
    cli_text_put(err, name, strlen(name));
    fprintf(err, nearest != NULL ? "'; did you mean '%s'?\n" : "'%s\n",
            nearest != NULL ? nearest : "");
    fprintf(err, "Try 'tdb %s --help'.\n", group);
    return CLIENT_EXIT_USAGE;
}

/* Sort the arguments into flags' values and c->args. Behind "--" nothing is a flag. */
static enum client_exit client_args(struct client *c, struct client_flag *common,
                                    struct client_flag *flags, size_t flags_count, int argc,
                                    char **argv)
{
    bool is_plain = false;
    for (int i = 0; i < argc; i++) {
        bool is_flag = !is_plain && argv[i][0] == '-' && argv[i][1] != '\0';
        if (is_flag && strcmp(argv[i], "--") == 0) {
            is_plain = true;
            continue;
        }
        if (!is_flag) {
            if (c->args_count == CLIENT_ARGS_MAX) {
                return client_refuse(c, argv[i], "is one argument too many");
            }
            c->args[c->args_count++] = argv[i];
            continue;
        }
        struct client_flag *flag = client_find_flag(flags, flags_count, argv[i]);
        if (flag == NULL) {
            flag = client_find_flag(common, ARRAY_COUNT(client_common), argv[i]);
        }
        if (flag == NULL) {
            return client_unknown_flag(c, flags, flags_count, argv[i]);
        }
        const char *equals = argv[i][1] == '-' ? strchr(argv[i], '=') : NULL;
        bool takes_next = flag->wants != NULL && equals == NULL;
        if (flag->wants == NULL && equals != NULL) {
            return client_refuse(c, flag->name, "takes no value");
        }
        if (takes_next && (i + 1 == argc || strncmp(argv[i + 1], "--", 2) == 0)) {
            char what[128];
            snprintf(what, sizeof(what), "needs %s", flag->wants);
            return client_refuse(c, flag->name, what);
        }
        if (flag->count == (flag->is_repeated ? CLIENT_VALUES_MAX : 1u)) {
            return client_refuse(c, flag->name, "is given too often");
        }
        flag->values[flag->count++] = takes_next ? argv[++i] : equals != NULL ? equals + 1 : "";
    }
    return CLIENT_EXIT_OK;
}

/* The flag that `argument` names: "--group" or "--group=7"; NULL: none. */
static struct client_flag *client_find_flag(struct client_flag *flags, size_t flags_count,
                                            const char *argument)
{
    size_t length = strcspn(argument, "=");
    for (size_t i = 0; i < flags_count; i++) {
        if (strlen(flags[i].name) == length && strncmp(flags[i].name, argument, length) == 0) {
            return &flags[i];
        }
    }
    return NULL;
}

static enum client_exit client_unknown_flag(const struct client *c, const struct client_flag *flags,
                                            size_t flags_count, const char *argument)
{
    const char *names[CLIENT_NAMES_MAX];
    size_t names_count = 0;
    ASSERT(flags_count + ARRAY_COUNT(client_common) <= CLIENT_NAMES_MAX);
    for (size_t i = 0; i < flags_count; i++) {
        names[names_count++] = flags[i].name;
    }
    for (size_t i = 0; i < ARRAY_COUNT(client_common); i++) {
        names[names_count++] = client_common[i].name;
    }
    char what[128], name[SUGGEST_NAME_BYTES_MAX + 1];
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(argument, "="), argument);
    const char *nearest = suggest_nearest(name, names, names_count);
    snprintf(what, sizeof(what), nearest != NULL ? "is no flag; did you mean %s?" : "is no flag%s",
             nearest != NULL ? nearest : "");
    return client_refuse(c, argument, what);
}

static enum client_exit client_common_values(struct client *c, const struct client_flag *common)
{
    const struct client_flag *server = &common[CLIENT_COMMON_SERVER];
    const struct client_flag *timeout = &common[CLIENT_COMMON_TIMEOUT];
    const struct client_flag *x = &common[CLIENT_COMMON_X];
    bool is_http = c->command->is_http;
    const char *variable = is_http ? "TDB_URL" : "TDB_SERVER";
    const char *from_environment = getenv(variable);
    c->is_json = common[CLIENT_COMMON_JSON].count > 0;
    c->server = server->count > 0          ? server->values[0]
                : from_environment != NULL ? from_environment
                : is_http                  ? CLIENT_URL_DEFAULT
                                           : CLIENT_SERVER_DEFAULT;
    if (c->server[0] == '\0') {
        return client_refuse(c, server->count > 0 ? "--server" : variable, "needs HOST:PORT");
    }
    if (is_http && x->count > 0) {
        return client_refuse(c, x->name, "is for commands that speak Kafka");
    }
    c->has_timeout = timeout->count > 0;
    c->kafka.timeout_ns = CLIENT_TIMEOUT_DEFAULT_NS;
    if (timeout->count > 0 &&
        (units_parse_duration_ns(timeout->values[0], strlen(timeout->values[0]),
                                 &c->kafka.timeout_ns) != ERR_OK ||
         c->kafka.timeout_ns < CLIENT_NS_PER_MS ||
         c->kafka.timeout_ns > 24 * 3600 * CLIENT_NS_PER_S)) {
        return client_refuse(c, timeout->name, "takes a duration like 500ms or 10s, up to 1d");
    }
    for (; c->given_count < x->count; c->given_count++) {
        if (!client_pair(c, x->name, x->values[c->given_count], &c->given[c->given_count])) {
            return CLIENT_EXIT_USAGE;
        }
    }
    return CLIENT_EXIT_OK;
}

/* Say what there is. */
static enum client_exit client_unknown_topic(struct client *c, const char *topic)
{
    struct client_cluster cluster;
    const char *nearest = NULL;
    if (client_kafka_describe(&c->kafka, &c->arena, NULL, &cluster) == ERR_OK) {
        const char **names = client_alloc(c, cluster.topics_count * sizeof(*names));
        for (size_t i = 0; i < cluster.topics_count && names != NULL; i++) {
            names[i] = cluster.topics[i].name;
        }
        nearest = names != NULL ? suggest_nearest(topic, names, cluster.topics_count) : NULL;
    }
    fputs("tdb: no topic '", c->err);
    cli_text_put(c->err, topic, strlen(topic));
    fputc('\'', c->err);
    if (nearest != NULL) {
        fprintf(c->err, "; did you mean '%s'?", nearest);
    }
    fprintf(c->err, "\n'tdb topic list' shows what there is, 'tdb topic create' makes one.\n");
    return CLIENT_EXIT_FAILED;
}
