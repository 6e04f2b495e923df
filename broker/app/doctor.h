/* `tdb doctor`: what this machine grants, how fast its disk makes writes durable, and what it does
 * with real events. */
#ifndef BROKER_APP_DOCTOR_H
#define BROKER_APP_DOCTOR_H

#include <stdio.h>

#include "broker/app/cli.h"

/* Run `tdb doctor` with the `argc` arguments behind it:
 *
 *     [--events FILE] [--json] [--config FILE] [--KEY VALUE ...]
 *
 * Measures in the data directory, which is made if missing (removed again when it was) and in which
 * nothing stays behind. --events FILE (one event per line) adds checksums, codecs, durable appends
 * and reading back. Tables for people, or one JSON object. Fails when the machine cannot run a
 * server, with the reason on `err`. Blocks for a second or as long as the events take. */
enum cli_exit cli_doctor(int argc, char **argv, FILE *out, FILE *err);

#endif
