/* The command line of `tdb`: which command runs, and what help says. */
#ifndef BROKER_APP_CLI_H
#define BROKER_APP_CLI_H

#include <stdio.h>

/* Exit statuses of `tdb`, as sysexits(3) and curl users expect: 0 done, 1 failed, 2 wrong usage. */
enum cli_exit {
    CLI_EXIT_OK = 0,
    CLI_EXIT_FAILED = 1,
    CLI_EXIT_USAGE = 2,
};

/* Run the command named by argv[1]: results go to `out`, complaints to `err`; both are flushed
 * before it returns. `argv` is not kept. Blocks until the command has ended (`serve`: until a
 * signal). Returns the process's exit status. */
enum cli_exit cli_run(int argc, char **argv, FILE *out, FILE *err);

#endif
