/* One inspection of a log directory, run from a command. */
#ifndef BROKER_APP_LOG_CLI_INSPECT_H
#define BROKER_APP_LOG_CLI_INSPECT_H

#include "broker/app/log_cli.h"
#include "storage/log/inspect.h"

/* Run `inspect` (visitor, ctx, group, from, at, does_read_bodies are filled in) on the directory of
 * `cli`, on a runtime of one shard. Blocks. False: cli->err was told why it could not look at all.
 * The visitor is called on another thread, while this one waits. */
MUST_USE bool log_cli_inspect(struct log_cli *cli, struct log_inspect *inspect);

/* Write a fault as a line for people, or as a JSON object. */
void log_cli_put_fault(FILE *out, const struct log_inspect_fault *fault);
void log_cli_put_fault_json(FILE *out, const struct log_inspect_fault *fault);

#endif
