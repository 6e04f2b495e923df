/* `tdb config`: what the settings are and where each comes from, and which there are. */
#ifndef BROKER_APP_CLI_CONFIG_H
#define BROKER_APP_CLI_CONFIG_H

#include <stdio.h>

#include "base/config.h"
#include "broker/app/cli.h"

/* Run `tdb config` with the `argc` arguments behind it:
 *
 *     check [--config FILE] [--KEY VALUE ...] [--json]   read as `serve` does, and show all
 *     keys                                               the keys, what they take, their defaults
 *
 * `check` fails when anything is wrong: everything is on `err` then, one line each, and nothing on
 * `out` but, with --json, one object that holds the same. Blocks while a file is read. */
enum cli_exit cli_config(int argc, char **argv, FILE *out, FILE *err);

/* Say on `err` what is wrong, and what looks wrong, with the configuration that a command has read:
 * one line each. */
void cli_config_complain(const struct config *c, FILE *err);

#endif
