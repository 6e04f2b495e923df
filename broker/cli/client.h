/* The commands that talk to a server as any client of it does: `tdb topic`, `produce`, `consume`
 * and `cluster` as Kafka's clients, `sql`, `view` and `errors` over HTTP, `subscribe` over
 * WebSocket.
 */
#ifndef BROKER_CLI_CLIENT_H
#define BROKER_CLI_CLIENT_H

#include <stdio.h>

/* Exit statuses, the same as those of `tdb`'s other commands: 0 done, 1 failed, 2 wrong usage. */
enum client_exit {
    CLIENT_EXIT_OK = 0,
    CLIENT_EXIT_FAILED = 1,
    CLIENT_EXIT_USAGE = 2,
};

/* Run `tdb topic|produce|consume|cluster|sql|subscribe|view|errors` with the `argc` arguments
 * behind it;
 * `--help` says what they are. Results go to `out`, complaints and progress to `err`. Each blocks
 * until it has ended; produce, consume and subscribe end at SIGINT and SIGTERM, and say what they
 * had done by then. */
enum client_exit client_topic(int argc, char **argv, FILE *out, FILE *err);
enum client_exit client_produce(int argc, char **argv, FILE *out, FILE *err);
enum client_exit client_consume(int argc, char **argv, FILE *out, FILE *err);
enum client_exit client_cluster(int argc, char **argv, FILE *out, FILE *err);
enum client_exit client_sql(int argc, char **argv, FILE *out, FILE *err);
enum client_exit client_subscribe(int argc, char **argv, FILE *out, FILE *err);
enum client_exit client_view(int argc, char **argv, FILE *out, FILE *err);
enum client_exit client_errors(int argc, char **argv, FILE *out, FILE *err);

#endif
