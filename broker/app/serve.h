/* `tdb serve`: the server. */
#ifndef BROKER_APP_SERVE_H
#define BROKER_APP_SERVE_H

#include <stdio.h>

#include "broker/app/cli.h"

/* Run the server with the `argc` arguments behind `serve` until SIGINT or SIGTERM: --config FILE
 * and --KEY VALUE. SIGHUP has the settings read again: log.level applies at once, the others at the
 * next start. Log lines go to `err`. Fails when the settings are wrong, the machine grants too
 * little, or the data directory cannot be made, locked or written. */
enum cli_exit cli_serve(int argc, char **argv, FILE *out, FILE *err);

#endif
