/* Commands are rows of one table; a wrong name is answered with the nearest right one. See cli.h.
 */
#include "broker/app/cli.h"

#include <string.h>

#include "base/assert.h"
#include "base/suggest.h"
#include "broker/app/cli_config.h"
#include "broker/app/doctor.h"
#include "broker/app/log_cli.h"
#include "broker/app/serve.h"
#include "broker/cli/client.h"

static enum cli_exit cli_topic(int argc, char **argv, FILE *out, FILE *err);
static enum cli_exit cli_produce(int argc, char **argv, FILE *out, FILE *err);
static enum cli_exit cli_consume(int argc, char **argv, FILE *out, FILE *err);
static enum cli_exit cli_cluster(int argc, char **argv, FILE *out, FILE *err);
static enum cli_exit cli_sql(int argc, char **argv, FILE *out, FILE *err);
static enum cli_exit cli_subscribe(int argc, char **argv, FILE *out, FILE *err);
static enum cli_exit cli_view(int argc, char **argv, FILE *out, FILE *err);
static enum cli_exit cli_errors(int argc, char **argv, FILE *out, FILE *err);
static enum cli_exit cli_version(int argc, char **argv, FILE *out, FILE *err);
static enum cli_exit cli_help(int argc, char **argv, FILE *out, FILE *err);
static enum cli_exit cli_unknown(const char *name, FILE *err);

static const struct cli_command {
    const char *name;
    const char *what; /* one line of help */
    enum cli_exit (*run)(int argc, char **argv, FILE *out, FILE *err);
} cli_commands[] = {
    {"serve", "run the server until SIGINT or SIGTERM", cli_serve},
    {"topic", "create, list, describe, delete and configure topics", cli_topic},
    {"produce", "append lines to a topic", cli_produce},
    {"consume", "print the records of a topic", cli_consume},
    {"sql", "ask questions of streams, in a shell or once", cli_sql},
    {"subscribe", "print the rows of a stream or a view as they change", cli_subscribe},
    {"view", "list, describe and drop materialized views", cli_view},
    {"errors", "list the values that did not fit their columns", cli_errors},
    {"cluster", "show the servers and what they hold", cli_cluster},
    {"doctor", "measure this machine, and what it does with your events", cli_doctor},
    {"log", "append to, read, show and check a log directory", cli_log},
    {"config", "show and check the configuration, and where each value comes from", cli_config},
    {"--version", "print the version", cli_version},
    {"--help", "print this help", cli_help},
};

enum cli_exit cli_run(int argc, char **argv, FILE *out, FILE *err)
{
    enum cli_exit status = CLI_EXIT_USAGE;
    if (argc < 2) {
        (void)cli_help(argc, argv, err, err);
    } else {
        const struct cli_command *command = NULL;
        for (size_t i = 0; i < ARRAY_COUNT(cli_commands) && command == NULL; i++) {
            if (strcmp(argv[1], cli_commands[i].name) == 0) {
                command = &cli_commands[i];
            }
        }
        status = command != NULL ? command->run(argc - 2, argv + 2, out, err)
                                 : cli_unknown(argv[1], err);
    }
    fflush(err);
    if (fflush(out) != 0 && status == CLI_EXIT_OK) { /* e.g. a full disk behind "tdb ... > file" */
        fprintf(err, "tdb: cannot write the result\n");
        status = CLI_EXIT_FAILED;
    }
    return status;
}

/* The client commands stand a room below and know no statuses of ours: theirs are the same. */
static_assert((int)CLIENT_EXIT_OK == (int)CLI_EXIT_OK, "one status for all commands");
static_assert((int)CLIENT_EXIT_FAILED == (int)CLI_EXIT_FAILED, "one status for all commands");
static_assert((int)CLIENT_EXIT_USAGE == (int)CLI_EXIT_USAGE, "one status for all commands");

static enum cli_exit cli_topic(int argc, char **argv, FILE *out, FILE *err)
{
    return (enum cli_exit)client_topic(argc, argv, out, err);
}

static enum cli_exit cli_produce(int argc, char **argv, FILE *out, FILE *err)
{
    return (enum cli_exit)client_produce(argc, argv, out, err);
}

static enum cli_exit cli_consume(int argc, char **argv, FILE *out, FILE *err)
{
    return (enum cli_exit)client_consume(argc, argv, out, err);
}

static enum cli_exit cli_cluster(int argc, char **argv, FILE *out, FILE *err)
{
    return (enum cli_exit)client_cluster(argc, argv, out, err);
}

static enum cli_exit cli_sql(int argc, char **argv, FILE *out, FILE *err)
{
    return (enum cli_exit)client_sql(argc, argv, out, err);
}

static enum cli_exit cli_subscribe(int argc, char **argv, FILE *out, FILE *err)
{
    return (enum cli_exit)client_subscribe(argc, argv, out, err);
}

static enum cli_exit cli_view(int argc, char **argv, FILE *out, FILE *err)
{
    return (enum cli_exit)client_view(argc, argv, out, err);
}

static enum cli_exit cli_errors(int argc, char **argv, FILE *out, FILE *err)
{
    return (enum cli_exit)client_errors(argc, argv, out, err);
}

static enum cli_exit cli_version(int argc, char **argv, FILE *out, FILE *err)
{
    (void)argc, (void)argv, (void)err;
    fprintf(out, "tdb %s\n", TDB_VERSION);
    return CLI_EXIT_OK;
}

static enum cli_exit cli_help(int argc, char **argv, FILE *out, FILE *err)
{
    (void)argc, (void)argv, (void)err;
    fprintf(out, "tdb: an event log that speaks Kafka, and the views that follow it\n\n"
                 "usage: tdb COMMAND [ARGUMENTS]\n\n");
    for (size_t i = 0; i < ARRAY_COUNT(cli_commands); i++) {
        fprintf(out, "  %-14s %s\n", cli_commands[i].name, cli_commands[i].what);
    }
    return CLI_EXIT_OK;
}

static enum cli_exit cli_unknown(const char *name, FILE *err)
{
    const char *names[ARRAY_COUNT(cli_commands)];
    for (size_t i = 0; i < ARRAY_COUNT(cli_commands); i++) {
        names[i] = cli_commands[i].name;
    }
    const char *nearest = suggest_nearest(name, names, ARRAY_COUNT(names));
    fprintf(err, "tdb: no command '%s'", name);
    if (nearest != NULL) {
        fprintf(err, "; did you mean '%s'?", nearest);
    }
    fprintf(err, "\nTry 'tdb --help'.\n");
    return CLI_EXIT_USAGE;
}
