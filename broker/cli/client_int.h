/* What the client commands share: arguments, the connection, complaints, signals. */
#ifndef BROKER_CLI_CLIENT_INT_H
#define BROKER_CLI_CLIENT_INT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/compiler.h"
#include "base/err.h"
#include "broker/cli/client.h"
#include "broker/cli/client_kafka.h"

/* Most arguments without a flag, values of one flag, and properties of a connection. */
#define CLIENT_ARGS_MAX       64
#define CLIENT_VALUES_MAX     64
#define CLIENT_PROPERTIES_MAX (CLIENT_VALUES_MAX + 16)

struct client;

/* A command, as a row of client.c's table. */
struct client_command {
    const char *name;     /* "topic create" */
    const char *what;     /* one line of help */
    const char *usage;    /* its arguments, lines of 80 columns at most */
    const char *help;     /* they, a line each */
    const char *notes;    /* what more there is to say; NULL: nothing */
    const char *examples; /* a line each */
    enum client_exit (*run)(struct client *c, int argc, char **argv);
    bool is_http;           /* it asks the HTTP door, else Kafka's */
    const char *connection; /* flags that every command has; NULL: as is_http has them */
};

/* A flag of a command. */
struct client_flag {
    const char *name;  /* "--partition" */
    const char *wants; /* what follows it, for people: "a number"; NULL: nothing does */
    bool is_repeated;  /* it may be given more than once */
    size_t count;      /* how often it was given */
    const char *values[CLIENT_VALUES_MAX]; /* what followed it each time; "" when nothing does */
};

/* A command being run. */
struct client {
    const struct client_command *command;            /* which */
    FILE *out;                                       /* results */
    FILE *err;                                       /* complaints, progress */
    bool is_json;                                    /* --json */
    const char *server;                              /* --server, TDB_SERVER (TDB_URL: of the HTTP
                                                        door) or the default */
    bool has_timeout;                                /* --timeout was given */
    size_t args_count;                               /* of `args` */
    const char *args[CLIENT_ARGS_MAX];               /* what no flag takes, in order */
    size_t given_count;                              /* of `given` */
    struct client_property given[CLIENT_VALUES_MAX]; /* -X */
    struct client_kafka kafka;                       /* the connection, from client_connect on */
    struct budget budget;                            /* of all memory that is ours */
    struct arena arena;                              /* of what lives as long as the command */
    bool is_watching;                                /* SIGINT and SIGTERM come through signal_fd */
    bool is_interrupted;                             /* one came */
    bool is_terminated;                              /* and it was SIGTERM */
    int signal_fd;                                   /* while it is watching */
    sigset_t signals_kept;                           /* the mask before it was */
    uint32_t watches_count;                          /* of signals, one within another */
};

/* Read the arguments of the command: the common flags, its own `flags` (counts and values are
 * filled in), and what no flag takes: between `args_min` and `args_max` of them. CLIENT_EXIT_OK:
 * client_end is to be called; else `err` was told what is wrong. */
enum client_exit client_begin(struct client *c, struct client_flag *flags, size_t flags_count,
                              size_t args_min, size_t args_max, int argc, char **argv);

/* Close the connection and give all memory back. Returns `status`. */
enum client_exit client_end(struct client *c, enum client_exit status);

/* Open the connection with `properties`, which -X may overrule, and wait until the server answers.
 * Else `err` was told why not and what to do. */
enum client_exit client_connect(struct client *c, enum client_kafka_kind kind,
                                const struct client_property *properties, size_t properties_count);

/* Complain of a flag or an argument: "--count: takes a whole number", and show the usage. */
enum client_exit client_refuse(const struct client *c, const char *flag, const char *what);

/* Complain: "tdb: ..." and a line end. What comes from outside is escaped by the caller or comes
 * through client_kafka.why. Returns CLIENT_EXIT_FAILED. */
enum client_exit client_fail(const struct client *c, const char *format, ...) PRINTF(2, 3);

/* Complain that a call about `topic` failed with kafka.why, and say what to do: for an unknown
 * topic which one may have been meant. */
enum client_exit client_fail_topic(struct client *c, const char *topic, enum err err);

/* Describe `topic`; when `is_awaited`, one that its first mention makes is waited for a moment.
 * Else complain. */
enum client_exit client_describe(struct client *c, const char *topic, bool is_awaited,
                                 struct client_cluster *out);

/* *out = the last value of the flag as a whole number up to `max` (untouched when the flag was not
 * given). False: it is none, and was refused. */
MUST_USE bool client_number(const struct client *c, const struct client_flag *flag, int64_t max,
                            int64_t *out);

/* *pair = "key=value" split at its first '=', in the arena. False: refused as a value of `flag`. */
MUST_USE bool client_pair(struct client *c, const char *flag, const char *text,
                          struct client_property *pair);

/* `bytes` of the arena; when it refuses NULL, and `err` was told. */
void *client_alloc(struct client *c, size_t bytes);

/* Let SIGINT and SIGTERM be seen by client_is_interrupted; after the first, the next one ends the
 * process as ever. Unwatch: as if none had come, and as ever; where it is watched within a watch
 * all of that is the outer one's. */
void client_watch_signals(struct client *c);
bool client_is_interrupted(struct client *c);
void client_unwatch_signals(struct client *c);

/* The commands. */
enum client_exit client_topic_create(struct client *c, int argc, char **argv);
enum client_exit client_topic_list(struct client *c, int argc, char **argv);
enum client_exit client_topic_describe(struct client *c, int argc, char **argv);
enum client_exit client_topic_delete(struct client *c, int argc, char **argv);
enum client_exit client_topic_config(struct client *c, int argc, char **argv);
enum client_exit client_produce_run(struct client *c, int argc, char **argv);
enum client_exit client_consume_run(struct client *c, int argc, char **argv);
enum client_exit client_cluster_info(struct client *c, int argc, char **argv);
enum client_exit client_sql_run(struct client *c, int argc, char **argv);
enum client_exit client_subscribe_run(struct client *c, int argc, char **argv);
enum client_exit client_view_list(struct client *c, int argc, char **argv);
enum client_exit client_view_describe(struct client *c, int argc, char **argv);
enum client_exit client_view_drop(struct client *c, int argc, char **argv);
enum client_exit client_errors_run(struct client *c, int argc, char **argv);

#endif
