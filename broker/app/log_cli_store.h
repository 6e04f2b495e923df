/* A log directory opened for writing by a command: locked, as a server has it, on a runtime of one
 * shard. */
#ifndef BROKER_APP_LOG_CLI_STORE_H
#define BROKER_APP_LOG_CLI_STORE_H

#include "base/diag.h"
#include "base/rt/probe.h"
#include "base/sm.h"
#include "broker/app/boot.h"
#include "broker/app/log_cli.h"
#include "storage/log/shard.h"
#include "storage/log/store.h"

struct log_cli_store;

/* Embedded in the command's own struct; zero it and fill the first part. */
struct log_cli_store {
    struct log_cli *cli;                        /* the command */
    bool does_make;                             /* a missing directory, or log in it, is made */
    void (*begin)(struct log_cli_store *store); /* the store is open: do the work, on its shard */
    void (*stop)(struct log_cli_store *store);  /* a signal came while it works: end soon */

    struct boot boot;          /* the runtime */
    struct rt_shard *shard;    /* its only shard */
    struct log_store store;    /* the node's part of the log */
    struct log_shard ls;       /* the shard's */
    struct rt_probe probe;     /* how writes are durable fastest */
    struct diag_levels levels; /* log lines: warnings, unless log.level says otherwise */
    struct diag_sink sink;     /* stderr */
    struct diag diag;          /* of the shard */
    struct sm sm;              /* where it stands */
    bool is_good;              /* opened and closed without an error */
};

/* Open the directory of store->cli, have the work done, close it. Blocks. False: it could not be
 * opened or closed, and cli->err was told why. */
MUST_USE bool log_cli_store_run(struct log_cli_store *store);

/* The work is over; nothing of it is under way. On the shard, once after `begin`. */
void log_cli_store_end(struct log_cli_store *store);

#endif
