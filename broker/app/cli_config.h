/* `tdb config`: what the settings are and where each comes from, and which there are. */
#ifndef BROKER_APP_CLI_CONFIG_H
#define BROKER_APP_CLI_CONFIG_H

#include <stdio.h>

#include "base/compiler.h"
#include "broker/app/cli.h"
#include "broker/app/settings.h"

/* Run `tdb config` with the `argc` arguments behind it:
 *
 *     check [--config FILE] [--KEY VALUE ...] [--json]   read as `serve` does, and show all
 *     keys                                               the keys, what they take, their defaults
 *
 * `check` fails when anything is wrong: everything is on `err` then, one line each, and nothing on
 * `out` but, with --json, one object that holds the same. Blocks while a file is read. */
enum cli_exit cli_config(int argc, char **argv, FILE *out, FILE *err);

/* Print every key behind `prefix`, what it means, takes and is by default. */
enum cli_exit cli_config_list(const char *prefix, FILE *out, FILE *err);

/* Start `s` and read the settings of a command with the `argc` arguments behind it; what is wrong,
 * or looks wrong, is on `err`, one line each. CLI_EXIT_OK: `s` is the caller's to deinit; else
 * there is nothing to give back. */
MUST_USE enum cli_exit cli_config_read(struct settings *s, int argc, char **argv, FILE *err);

#endif
