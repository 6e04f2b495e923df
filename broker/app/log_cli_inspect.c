/* See log_cli_inspect.h. */
#include "broker/app/log_cli_inspect.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/shard.h"
#include "broker/app/boot.h"
#include "broker/cli/text.h"

/* An inspection and its runtime. */
struct log_cli_look {
    struct boot boot;            /* the runtime */
    struct log_inspect *inspect; /* the inspection */
    bool is_over;                /* it has ended; shard 0's */
};

static void log_cli_look_start(struct rt_shard *shard);
static void log_cli_look_stop(struct rt_shard *shard);
static void log_cli_looked(struct log_inspect *inspect);
static void log_cli_complain(const struct log_cli *cli, const struct log_inspect *inspect);

bool log_cli_inspect(struct log_cli *cli, struct log_inspect *inspect)
{
    struct log_cli_look look = {.inspect = inspect};
    inspect->dir = cli->settings.data_dir;
    inspect->done = log_cli_looked;
    if (!boot_open(&look.boot, &cli->settings, &look, log_cli_look_start, log_cli_look_stop,
                   cli->err)) {
        return false;
    }
    bool is_started = boot_start(&look.boot, cli->err);
    if (is_started) {
        boot_wait(&look.boot, NULL, NULL);
        if (inspect->err != ERR_OK) {
            log_cli_complain(cli, inspect);
        }
    }
    boot_close(&look.boot);
    return is_started && inspect->err == ERR_OK;
}

void log_cli_put_fault(FILE *out, const struct log_inspect_fault *fault)
{
    fprintf(out, "%s at %" PRIu64, fault->file, fault->pos);
    if (fault->group != LOG_INSPECT_NONE) {
        fprintf(out, ", group %" PRIu64, fault->group);
    }
    if (fault->index != 0 && fault->last_index != fault->index) {
        fprintf(out, ", entries %" PRIu64 "..%" PRIu64, fault->index, fault->last_index);
    } else if (fault->index != 0) {
        fprintf(out, ", entry %" PRIu64, fault->index);
    }
    fprintf(out, ": %s%s\n", fault->what, fault->err == ERR_IO ? " (device error)" : "");
}

void log_cli_put_fault_json(FILE *out, const struct log_inspect_fault *fault)
{
    fputc('{', out);
    cli_text_put_member(out, "file", fault->file);
    fprintf(out, ",\"pos\":%" PRIu64, fault->pos);
    if (fault->group != LOG_INSPECT_NONE) {
        fprintf(out, ",\"group\":%" PRIu64, fault->group);
    }
    if (fault->index != 0) {
        fprintf(out, ",\"index\":%" PRIu64 ",\"last_index\":%" PRIu64, fault->index,
                fault->last_index);
    }
    fputc(',', out);
    cli_text_put_member(out, "error", err_name(fault->err));
    fputc(',', out);
    cli_text_put_member(out, "what", fault->what);
    fputc('}', out);
}

static void log_cli_look_start(struct rt_shard *shard)
{
    struct log_cli_look *look = shard->app;
    ASSERT(shard->id == 0);
    look->inspect->shard = shard;
    log_inspect_start(look->inspect);
}

/* An inspection under way notices shard->is_stopping and ends. */
static void log_cli_look_stop(struct rt_shard *shard)
{
    struct log_cli_look *look = shard->app;
    if (look->is_over) {
        rt_shard_finish(shard);
    }
}

static void log_cli_looked(struct log_inspect *inspect)
{
    struct rt_shard *shard = inspect->shard;
    struct log_cli_look *look = shard->app;
    look->is_over = true;
    if (shard->is_stopping) {
        rt_shard_finish(shard);
    } else {
        boot_end(); /* rt_stop follows */
    }
}

static void log_cli_complain(const struct log_cli *cli, const struct log_inspect *inspect)
{
    const char *dir = cli->settings.data_dir;
    if (inspect->err == ERR_CANCELED) {
        fprintf(cli->err, "tdb: interrupted\n");
    } else if (inspect->err == ERR_NOT_FOUND && inspect->file[0] == '\0') {
        fprintf(cli->err, "tdb: %s has no group %" PRIu64 "\n", dir, inspect->group);
    } else if (inspect->err == ERR_NOT_FOUND && strcmp(inspect->file, "node.meta") == 0) {
        fprintf(cli->err, "tdb: %s is not the directory of a log: it has no node.meta\n", dir);
    } else if (inspect->err == ERR_UNSUPPORTED) {
        fprintf(cli->err, "tdb: %s/%s was written by a newer version of tdb\n", dir, inspect->file);
    } else {
        fprintf(cli->err, "tdb: cannot look into %s: %s: %s%s%s\n", dir, inspect->file,
                err_text(inspect->err), inspect->saved_errno != 0 ? ": " : "",
                inspect->saved_errno != 0 ? strerrordesc_np(inspect->saved_errno) : "");
    }
}
