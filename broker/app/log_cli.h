/* `tdb log`: a log directory appended to, read, shown, checked and repaired from the command line;
 * and what its commands share. */
#ifndef BROKER_APP_LOG_CLI_H
#define BROKER_APP_LOG_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/err.h"
#include "broker/app/cli.h"
#include "broker/app/settings.h"

/* Run `tdb log` with the `argc` arguments behind it:
 *
 *     append DIR --group N --jsonl FILE [--time FIELD] [--progress]
 *     read DIR --group N [--offset N | --time T] [--max N]
 *     dump DIR [--group N] [--entries]
 *     verify DIR
 *     repair DIR --group N [--accept-loss]
 *
 * each with [--json] [--config FILE] [--KEY VALUE ...]. `append` and `repair` lock the directory;
 * the others read it beside its server. Blocks until the command has ended. */
enum cli_exit cli_log(int argc, char **argv, FILE *out, FILE *err);

/* A flag of a command. */
struct log_cli_flag {
    const char *name;  /* "--group" */
    const char *wants; /* what follows it, for people: "a number"; NULL: nothing does */
    const char *value; /* what was given; "" when nothing follows; NULL: the flag was not given */
};

/* A command being run. */
struct log_cli {
    const char *name;         /* of the command: "append" */
    FILE *out;                /* results */
    FILE *err;                /* complaints */
    struct settings settings; /* between log_cli_begin and log_cli_end; data_dir is DIR */
    bool is_json;             /* --json */
};

/* Read the arguments of a command: DIR, --json, its own `flags` (their values are filled in), and
 * settings. CLI_EXIT_OK: log_cli_end is to be called; else `err` was told what is wrong. */
enum cli_exit log_cli_begin(struct log_cli *cli, struct log_cli_flag *flags, size_t flags_count,
                            int argc, char **argv);
void log_cli_end(struct log_cli *cli);

/* Complain of a flag: "--group: takes a whole number", and show the usage. */
enum cli_exit log_cli_refuse(const struct log_cli *cli, const char *flag, const char *what);

/* *out = the flag's value as a whole number (untouched when the flag was not given). False: it is
 * none, and was refused. */
MUST_USE bool log_cli_number(const struct log_cli *cli, const struct log_cli_flag *flag,
                             uint64_t *out);

/* *out = the flag's value as a moment in ms: a whole number, or units_parse_time_ms. */
MUST_USE bool log_cli_time(const struct log_cli *cli, const struct log_cli_flag *flag,
                           int64_t *out);

/* The commands: each with the arguments behind its name. */
enum cli_exit log_cli_append(int argc, char **argv, FILE *out, FILE *err);
enum cli_exit log_cli_read(int argc, char **argv, FILE *out, FILE *err);
enum cli_exit log_cli_repair(int argc, char **argv, FILE *out, FILE *err);
enum cli_exit log_cli_dump(int argc, char **argv, FILE *out, FILE *err);
enum cli_exit log_cli_verify(int argc, char **argv, FILE *out, FILE *err);

#endif
