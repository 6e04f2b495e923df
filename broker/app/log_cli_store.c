/* See log_cli_store.h. A signal that comes while the store opens or closes is noticed when that has
 * ended. */
#include "broker/app/log_cli_store.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"

/* Lines of one call site in a second. */
#define LOG_CLI_LINES_PER_SECOND 20

/* Journal files: each is filled with zeros when it is made, and a command is over soon. */
#define LOG_CLI_JOURNAL_BYTES (4u << 20)

/* What may stand in the journal alone. Twice as much of it is kept on disk at most. */
#define LOG_CLI_UNSETTLED_BYTES (16u << 20)

enum {
    LOG_CLI_NEW,   /* nothing done */
    LOG_CLI_PROBE, /* measuring the device */
    LOG_CLI_OPEN,  /* opening the store */
    LOG_CLI_WORK,  /* the command works */
    LOG_CLI_CLOSE, /* closing it */
    LOG_CLI_END,   /* nothing of it waits */
};

static const struct sm_conf log_cli_stages[] = {
    [LOG_CLI_NEW] = {"NEW", SM_BIT(LOG_CLI_PROBE), SM_INITIAL},
    [LOG_CLI_PROBE] = {"PROBE", SM_BIT(LOG_CLI_OPEN) | SM_BIT(LOG_CLI_END), 0},
    [LOG_CLI_OPEN] = {"OPEN", SM_BIT(LOG_CLI_WORK) | SM_BIT(LOG_CLI_CLOSE) | SM_BIT(LOG_CLI_END),
                      0},
    [LOG_CLI_WORK] = {"WORK", SM_BIT(LOG_CLI_CLOSE), 0},
    [LOG_CLI_CLOSE] = {"CLOSE", SM_BIT(LOG_CLI_END), 0},
    [LOG_CLI_END] = {"END", 0, SM_FINAL},
};

static const struct sm_decl log_cli_decl = {"log_cli_store", log_cli_stages,
                                            ARRAY_COUNT(log_cli_stages), NULL};

static const char *const log_cli_modules[] = {"log"};

static bool log_cli_store_dir(const struct log_cli_store *store);
static void log_cli_store_levels(struct log_cli_store *store);
static void log_cli_store_write(struct diag_sink *sink, enum diag_level level, const char *line,
                                size_t length);
static void log_cli_store_start(struct rt_shard *shard);
static void log_cli_store_stop(struct rt_shard *shard);
static void log_cli_store_probed(struct rt_probe *probe);
static void log_cli_store_opened(struct log_shard *ls);
static void log_cli_store_closed(struct log_shard *ls);
static void log_cli_store_over(struct log_cli_store *store);
static void log_cli_store_complain(struct log_cli_store *store, const char *what, enum err err,
                                   int saved_errno);

bool log_cli_store_run(struct log_cli_store *store)
{
    struct log_cli *cli = store->cli;
    if (!log_cli_store_dir(store) ||
        !boot_open(&store->boot, &cli->settings, store, log_cli_store_start, log_cli_store_stop,
                   cli->err)) {
        return false;
    }
    log_cli_store_levels(store);
    sm_init(&store->sm, &log_cli_decl, LOG_CLI_NEW, NULL, 0);
    bool is_started = boot_start(&store->boot, cli->err);
    if (is_started) {
        boot_wait(&store->boot, NULL, NULL);
        sm_deinit(&store->sm);
    }
    boot_close(&store->boot);
    return is_started && store->is_good;
}

void log_cli_store_end(struct log_cli_store *store)
{
    sm_move(&store->sm, LOG_CLI_CLOSE);
    log_shard_close(&store->ls, log_cli_store_closed);
}

static bool log_cli_store_dir(const struct log_cli_store *store)
{
    const char *dir = store->cli->settings.data_dir;
    struct stat status;
    if (store->does_make && mkdir(dir, 0700) != 0 && errno != EEXIST) {
        fprintf(store->cli->err, "tdb: cannot make the directory %s: %s\n", dir,
                strerrordesc_np(errno));
        return false;
    }
    char meta[LIMIT_PATH_BYTES];
    int length = snprintf(meta, sizeof(meta), "%s/node.meta", dir);
    bool is_log = length > 0 && (size_t)length < sizeof(meta) && stat(meta, &status) == 0;
    if (!store->does_make && !is_log) {
        fprintf(store->cli->err, "tdb: %s is not the directory of a log: it has no node.meta\n",
                dir);
        return false;
    }
    if (stat(dir, &status) != 0 || !S_ISDIR(status.st_mode)) {
        fprintf(store->cli->err, "tdb: %s: %s\n", dir,
                S_ISDIR(status.st_mode) ? strerrordesc_np(errno) : "not a directory");
        return false;
    }
    return true;
}

static void log_cli_store_levels(struct log_cli_store *store)
{
    const struct settings *settings = &store->cli->settings;
    bool is_default =
        config_value(&settings->config, "log.level")->source.origin == CONFIG_FROM_DEFAULT;
    store->sink.write = log_cli_store_write;
    diag_levels_init(&store->levels, log_cli_modules, ARRAY_COUNT(log_cli_modules),
                     is_default ? DIAG_LEVEL_WARN : settings->log_level);
    diag_init(&store->diag, &store->levels, &store->sink, settings->log_format, DIAG_NO_SHARD,
              LOG_CLI_LINES_PER_SECOND);
}

static void log_cli_store_write(struct diag_sink *sink, enum diag_level level, const char *line,
                                size_t length)
{
    (void)level;
    struct log_cli_store *store = CONTAINER_OF(sink, struct log_cli_store, sink);
    fwrite(line, 1, length, store->cli->err);
}

static void log_cli_store_start(struct rt_shard *shard)
{
    struct log_cli_store *store = shard->app;
    ASSERT(shard->id == 0);
    store->shard = shard;
    diag_set_time(&store->diag, rt_wall_ns(shard));
    sm_move(&store->sm, LOG_CLI_PROBE);
    rt_probe_start(&store->probe, shard, store->cli->settings.data_dir, RT_PROBE_NS_QUICK,
                   log_cli_store_probed);
}

static void log_cli_store_stop(struct rt_shard *shard)
{
    struct log_cli_store *store = shard->app;
    if (sm_stage(&store->sm) == LOG_CLI_END) {
        rt_shard_finish(shard);
    } else if (sm_stage(&store->sm) == LOG_CLI_WORK) {
        store->stop(store);
    } /* else what is under way looks at shard->is_stopping when it ends */
}

static void log_cli_store_probed(struct rt_probe *probe)
{
    struct log_cli_store *store = CONTAINER_OF(probe, struct log_cli_store, probe);
    if (probe->err != ERR_OK) {
        log_cli_store_complain(store, "cannot write durably", probe->err, probe->saved_errno);
        log_cli_store_over(store);
        return;
    }
    rt_set_flush_form(store->shard, probe->device_id, probe->best);
    struct log_config config = {.dir = store->cli->settings.data_dir,
                                .unsettled_bytes_max = LOG_CLI_UNSETTLED_BYTES,
                                .journal_file_bytes = LOG_CLI_JOURNAL_BYTES};
    log_store_init(&store->store, &config, crc32c_for(store->shard->cpu));
    sm_move(&store->sm, LOG_CLI_OPEN);
    log_shard_open(&store->ls, store->shard, &store->store, &store->diag, log_cli_store_opened);
}

static void log_cli_store_opened(struct log_shard *ls)
{
    struct log_cli_store *store = CONTAINER_OF(ls, struct log_cli_store, ls);
    if (ls->err != ERR_OK) {
        const char *what = ls->err == ERR_BUSY  ? "another tdb has this directory"
                           : ls->why[0] != '\0' ? ls->why
                                                : "cannot open";
        log_cli_store_complain(store, what, ls->err, ls->info.saved_errno);
        log_cli_store_over(store);
        return;
    }
    if (store->shard->is_stopping) {
        fprintf(store->cli->err, "tdb: interrupted\n");
        log_cli_store_end(store);
        return;
    }
    store->is_good = true;
    sm_move(&store->sm, LOG_CLI_WORK);
    store->begin(store);
}

static void log_cli_store_closed(struct log_shard *ls)
{
    struct log_cli_store *store = CONTAINER_OF(ls, struct log_cli_store, ls);
    if (ls->err != ERR_OK) {
        store->is_good = false;
        log_cli_store_complain(store, ls->why[0] != '\0' ? ls->why : "cannot close", ls->err,
                               ls->info.saved_errno);
    }
    log_cli_store_over(store);
}

static void log_cli_store_over(struct log_cli_store *store)
{
    diag_flush(&store->diag);
    sm_move(&store->sm, LOG_CLI_END);
    if (store->shard->is_stopping) {
        rt_shard_finish(store->shard);
    } else {
        boot_end(); /* rt_stop follows */
    }
}

static void log_cli_store_complain(struct log_cli_store *store, const char *what, enum err err,
                                   int saved_errno)
{
    fprintf(store->cli->err, "tdb: %s: %s: %s%s%s\n", store->cli->settings.data_dir, what,
            err_text(err), saved_errno != 0 ? ": " : "",
            saved_errno != 0 ? strerrordesc_np(saved_errno) : "");
}
