/* The server's life: shard 0 makes the data directory, sees that nobody has it, measures how
 * durable writes are fastest on its device, and opens the node (node.h) on all shards; then it is
 * ready. On a signal the node is closed and every shard finishes. See serve.h.
 *
 * Boot and end are one staged operation on shard 0; a signal that comes while it boots is noticed
 * when the step in flight ends. */
#include "broker/app/serve.h"

#include <stdatomic.h>
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/rt/clock.h"
#include "base/rt/file.h"
#include "base/rt/outbox.h"
#include "base/rt/probe.h"
#include "base/rt/shard.h"
#include "base/rt/sock.h"
#include "base/sm.h"
#include "broker/app/boot.h"
#include "broker/app/cli_config.h"
#include "broker/app/node.h"
#include "broker/gateway/ws_port.h"

/* Lines of one call site in a second; more are counted. */
#define SERVE_LINES_PER_SECOND 20

/* What a shard keeps hot, at most: more would be memory that is always touched for the first time,
 * and a fault every 4 KiB costs a quarter of what an append takes. */
#define SERVE_HOT_BYTES_MAX ((uint64_t)256 << 20)

/* The part of a shard's memory in which it keeps what statements have read: a disk gives less than
 * a core can fold, and two cores share it. */
#define SERVE_WARM_PART 8u

/* Descriptors of a shard that clients' connections leave to its files: as many segment files as
 * stay open (log_config.files_max), the journal's, and those that are opened and closed. */
#define SERVE_FILES_PER_SHARD 640u

/* What of the memory messages may take that come in over WebSocket and are not whole yet: this
 * part.
 */
#define SERVE_WEBSOCKET_SHARE 16u

/* Room for a host's name: DNS allows 253 bytes. */
#define SERVE_HOST_BYTES 256

static const char *const serve_modules[] = {"serve", "core", "kafka", "http", "log"};

enum {
    SERVE_NEW,       /* nothing done */
    SERVE_MKDIR,     /* making the data directory */
    SERVE_LOCK_OPEN, /* opening DATA/lock */
    SERVE_LOCK,      /* taking it */
    SERVE_PROBE,     /* measuring the device */
    SERVE_UNLOCK,    /* giving the lock back: the store takes it itself */
    SERVE_PORT,      /* seeing that nobody listens where the doors will */
    SERVE_OPEN,      /* opening the node */
    SERVE_READY,     /* until a signal */
    SERVE_CLOSE,     /* closing the node */
    SERVE_END,       /* nothing of it waits */
};

static const struct sm_conf serve_stages[] = {
    [SERVE_NEW] = {"NEW", SM_BIT(SERVE_MKDIR), SM_INITIAL},
    [SERVE_MKDIR] = {"MKDIR", SM_BIT(SERVE_LOCK_OPEN) | SM_BIT(SERVE_END), 0},
    [SERVE_LOCK_OPEN] = {"LOCK_OPEN", SM_BIT(SERVE_LOCK) | SM_BIT(SERVE_END), 0},
    [SERVE_LOCK] = {"LOCK", SM_BIT(SERVE_PROBE) | SM_BIT(SERVE_UNLOCK), 0},
    [SERVE_PROBE] = {"PROBE", SM_BIT(SERVE_UNLOCK), 0},
    [SERVE_UNLOCK] = {"UNLOCK", SM_BIT(SERVE_PORT) | SM_BIT(SERVE_OPEN) | SM_BIT(SERVE_END), 0},
    [SERVE_PORT] = {"PORT", SM_BIT(SERVE_PORT) | SM_BIT(SERVE_OPEN) | SM_BIT(SERVE_END), 0},
    [SERVE_OPEN] = {"OPEN", SM_BIT(SERVE_READY) | SM_BIT(SERVE_CLOSE), 0},
    [SERVE_READY] = {"READY", SM_BIT(SERVE_CLOSE), 0},
    [SERVE_CLOSE] = {"CLOSE", SM_BIT(SERVE_END), 0},
    [SERVE_END] = {"END", 0, SM_FINAL},
};

static const struct sm_decl serve_decl = {"serve", serve_stages, ARRAY_COUNT(serve_stages), NULL};

/* What a shard of the server has. */
struct serve_shard {
    struct serve *serve;          /* whose */
    struct diag diag;             /* its log */
    struct rt_outbox_mail finish; /* tells it that the server is over */
    bool may_finish;              /* that came */
};

/* The server. */
struct serve {
    /* Config: before the threads start. */
    const struct settings *settings; /* what it was told */
    int argc;                        /* its arguments, to read the settings again */
    char **argv;                     /* likewise */
    struct boot boot;                /* the runtime */
    struct serve_shard *shards;      /* one per shard; the process's budget */
    struct node_shard *node_shards;  /* likewise */
    struct ws_lws *websocket;        /* likewise; NULL: there is no HTTP door */
    uint32_t shards_count;           /* of the runtime */
    char host[SERVE_HOST_BYTES];     /* what clients are told to connect to */
    struct diag_levels levels;       /* which log lines are wanted */
    struct diag_sink sink;           /* stderr */
    FILE *err;                       /* stderr */

    /* Shared. */
    atomic_bool has_failed;       /* it ends because it could not boot */
    atomic_bool is_reload_untold; /* `reload` is on its way to shard 0 */
    struct rt_mail reload;        /* says there that the settings were read again */

    /* Shard 0's. */
    struct sm sm;                     /* where its life stands */
    struct rt_op op;                  /* its one request under way */
    struct node node;                 /* the server itself */
    struct rt_outbox outbox;          /* what is told to the other shards */
    struct rt_file lock;              /* DATA/lock, held while the device is measured */
    char lock_path[LIMIT_PATH_BYTES]; /* its name */
    struct rt_probe probe;            /* of the data directory's device */
    struct rt_listener alone;         /* listens for a moment where the doors will */
    uint32_t ports_count;             /* of the addresses, seen that nobody listens there */
};

static enum cli_exit serve_help(FILE *out, FILE *err);
static enum cli_exit serve_with(struct serve *serve, FILE *err);
static bool serve_new_shards(struct serve *serve);
static bool serve_new_websocket(struct serve *serve);
static uint32_t serve_connections_max(const struct serve *serve);
static bool serve_configure(struct serve *serve);
static bool serve_check_ports(const struct serve *serve);
static bool serve_check_listen(const struct serve *serve, const struct rt_addr *listen);
static void serve_write_line(struct diag_sink *sink, enum diag_level level, const char *line,
                             size_t length);
static void serve_shard_start(struct rt_shard *shard);
static void serve_shard_stop(struct rt_shard *shard);
static struct diag *serve_diag(struct rt_shard *shard);
static uint64_t serve_clock(void *shard);
static void serve_run(struct rt_op *op);
static void serve_opened(struct serve *serve, struct rt_shard *shard);
static void serve_locked(struct serve *serve, struct rt_shard *shard);
static void serve_probed(struct rt_probe *probe);
static void serve_unlock(struct serve *serve);
static void serve_unlocked(struct serve *serve, struct rt_shard *shard);
static void serve_try_ports(struct serve *serve, struct rt_shard *shard);
static void serve_open(struct serve *serve, struct rt_shard *shard);
static void serve_fail_port(struct serve *serve, const struct rt_addr *port, enum err err);
static void serve_opened_node(struct node *node);
static void serve_log_ready(struct serve *serve, struct rt_shard *shard);
static void serve_close(struct serve *serve);
static void serve_closed(struct node *node);
static void serve_over(struct serve *serve);
static void serve_may_finish(struct rt_shard *at, struct rt_mail *mail);
static void serve_fail(struct serve *serve, const char *what, const char *path, enum err err,
                       int saved_errno);
static void serve_reload(void *context);
static void serve_reloaded(struct rt_shard *at, struct rt_mail *mail);
static void serve_log_machine(struct serve *serve, struct rt_shard *shard);
static void serve_log_probe(struct serve *serve, struct rt_shard *shard);

enum cli_exit cli_serve(int argc, char **argv, FILE *out, FILE *err)
{
    struct settings settings;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            return serve_help(out, err);
        }
    }
    enum cli_exit status = cli_config_read(&settings, argc, argv, err);
    if (status != CLI_EXIT_OK) {
        return status;
    }
    struct serve serve = {
        .settings = &settings, .argc = argc, .argv = argv, .err = err, .sink = {serve_write_line}};
    status = serve_with(&serve, err);
    settings_deinit(&settings);
    return status;
}

static enum cli_exit serve_help(FILE *out, FILE *err)
{
    fprintf(
        out,
        "tdb serve: run the server until SIGINT or SIGTERM\n\n"
        "usage: tdb serve [--data DIR] [--config FILE] [--listen ADDRESS] [--http.listen ADDRESS]\n"
        "           [--insecure] [--advertise HOST:PORT] [--KEY VALUE ...]\n\n"
        "examples:\n"
        "  tdb serve --data /var/lib/tdb\n"
        "  tdb serve --listen 0.0.0.0:9092 --insecure --advertise broker1:9092\n\n"
        "'tdb config check' takes the same arguments and shows what holds. Every KEY:\n\n");
    return cli_config_list("--", out, err);
}

static enum cli_exit serve_with(struct serve *serve, FILE *err)
{
    const struct settings *settings = serve->settings;
    int length =
        snprintf(serve->lock_path, sizeof(serve->lock_path), "%s/lock", settings->data_dir);
    ASSERT(length > 0);
    ASSERT((size_t)length < sizeof(serve->lock_path)); /* the setting's own limit */
    diag_levels_init(&serve->levels, serve_modules, ARRAY_COUNT(serve_modules),
                     settings->log_level);
    sm_init(&serve->sm, &serve_decl, SERVE_NEW, NULL, 0);
    if (!serve_check_ports(serve) || !serve_check_listen(serve, &settings->listen) ||
        (settings->has_http && !serve_check_listen(serve, &settings->http_listen))) {
        return CLI_EXIT_FAILED;
    }
    if (!boot_open(&serve->boot, settings, serve, serve_shard_start, serve_shard_stop, err)) {
        return CLI_EXIT_FAILED;
    }
    bool is_started = serve_new_shards(serve) && serve_new_websocket(serve) &&
                      serve_configure(serve) && boot_start(&serve->boot, err);
    if (is_started) {
        boot_wait(&serve->boot, serve_reload, serve);
        sm_deinit(&serve->sm);
    }
    ws_lws_free(&serve->boot.budget, serve->websocket);
    budget_free(&serve->boot.budget, serve->node_shards);
    budget_free(&serve->boot.budget, serve->shards);
    boot_close(&serve->boot);
    return is_started && !atomic_load(&serve->has_failed) ? CLI_EXIT_OK : CLI_EXIT_FAILED;
}

/* Two doors on one port of several shards would share its connections. */
static bool serve_check_ports(const struct serve *serve)
{
    const struct settings *settings = serve->settings;
    const struct rt_addr *kafka = &settings->listen;
    const struct rt_addr *http = &settings->http_listen;
    char text[RT_ADDR_TEXT_BYTES];
    if (!settings->has_http || kafka->port == 0 || kafka->port != http->port) {
        return true;
    }
    fprintf(serve->err,
            "tdb: --listen and --http.listen both have the port of %s: give one another\n",
            rt_addr_format(http, text));
    return false;
}

/* Nobody is asked who he is: only this machine may come in, unless that is wanted. And clients
 * connect to what they are told, which has to be an address that there is. */
static bool serve_check_listen(const struct serve *serve, const struct rt_addr *listen)
{
    const struct settings *settings = serve->settings;
    char text[RT_ADDR_TEXT_BYTES];
    if (settings->insecure && rt_addr_is_any(&settings->listen) && settings->advertise[0] == '\0') {
        fprintf(serve->err,
                "tdb: clients cannot connect to %s, which means every address of this machine: add "
                "--advertise HOST:PORT, as they reach it\n",
                rt_addr_format(&settings->listen, text));
        return false;
    }
    if (rt_addr_is_loopback(listen) || settings->insecure) {
        return true;
    }
    fprintf(serve->err,
            "tdb: other machines reach %s, and this version asks nobody who he is: add --insecure "
            "if that is wanted\n",
            rt_addr_format(listen, text));
    return false;
}

static bool serve_new_shards(struct serve *serve)
{
    uint32_t count = rt_shard_count(rt_shard_at(serve->boot.rt, 0));
    void *shards = NULL;
    void *node_shards = NULL;
    if (budget_alloc(&serve->boot.budget, count * sizeof(struct serve_shard), 64, &shards) !=
            ERR_OK ||
        budget_alloc(&serve->boot.budget, count * sizeof(struct node_shard), 64, &node_shards) !=
            ERR_OK) {
        budget_free(&serve->boot.budget, shards);
        fprintf(serve->err, "tdb: cannot start: no memory for %u shards\n", count);
        return false;
    }
    serve->shards = shards;
    serve->node_shards = node_shards;
    serve->shards_count = count;
    for (uint32_t i = 0; i < count; i++) {
        serve->shards[i].serve = serve;
        diag_init(&serve->shards[i].diag, &serve->levels, &serve->sink, serve->settings->log_format,
                  i, SERVE_LINES_PER_SECOND);
    }
    return true;
}

/* What all shards together may take. */
static uint64_t serve_memory_bytes(const struct serve *serve)
{
    uint64_t wanted = serve->settings->memory_bytes;
    return wanted != 0 ? wanted : serve->boot.machine.memory_bytes;
}

/* The thread that has the sockets of WebSocket connections. */
static bool serve_new_websocket(struct serve *serve)
{
    if (!serve->settings->has_http) {
        return true;
    }
    size_t memory_bytes = serve_memory_bytes(serve) / SERVE_WEBSOCKET_SHARE;
    enum err err = ws_lws_new(&serve->boot.budget, memory_bytes, &serve->websocket);
    if (err == ERR_OK) {
        err = ws_lws_start(serve->websocket);
    }
    if (err != ERR_OK) {
        fprintf(serve->err, "tdb: cannot start: WebSocket: %s%s\n", err_text(err),
                err == ERR_UNSUPPORTED ? " (is libwebsockets-evlib-ev installed?)" : "");
    }
    return err == ERR_OK;
}

/* Connections of one shard. What clients open must not keep the log from its files: without them
 * nothing is written. Where few descriptors are allowed half of them are for files. */
static uint32_t serve_connections_max(const struct serve *serve)
{
    uint64_t nofile_count = serve->boot.machine.nofile_count;
    uint64_t files_count = (uint64_t)serve->shards_count * SERVE_FILES_PER_SHARD;
    files_count = files_count < nofile_count / 2 ? files_count : nofile_count / 2;
    uint64_t count = (nofile_count - files_count) / serve->shards_count;
    uint32_t wanted = serve->settings->connections_max;
    count = count > 0 ? count : 1;
    return count < wanted ? (uint32_t)count : wanted;
}

/* The node's configuration, from the settings. */
static bool serve_configure(struct serve *serve)
{
    const struct settings *settings = serve->settings;
    /* A shard's buffers may hold what is hot on all others: clients choose the connection's shard.
     */
    uint64_t memory_bytes = serve_memory_bytes(serve);
    uint64_t hot_bytes = memory_bytes / serve->shards_count / (4 * serve->shards_count);
    hot_bytes = hot_bytes < SERVE_HOT_BYTES_MAX ? hot_bytes : SERVE_HOT_BYTES_MAX;
    uint64_t warm_bytes = memory_bytes / serve->shards_count / SERVE_WARM_PART;
    struct core_config core = {.log = {.dir = settings->data_dir,
                                       .hot_bytes_max = hot_bytes,
                                       .warm_bytes_max = warm_bytes},
                               .topics = core_topic_config_default(),
                               .node_id = settings->node_id,
                               .view_pin_bytes_max = settings->view_pin_bytes_max,
                               .view_total_bytes_max = settings->view_total_bytes_max,
                               .retention_check_ms = settings->retention_check_ns / RT_NS_PER_MS,
                               .queries = {.bytes_max = settings->query_bytes_max,
                                           .total_bytes_max = settings->query_total_bytes_max,
                                           .running_max = settings->query_running_max,
                                           .timeout_ms = settings->query_timeout_ns / RT_NS_PER_MS},
                               .indexer = json_indexer_for(&serve->boot.cpu),
                               .partitions_count = settings->partitions_count,
                               .connections_max = serve_connections_max(serve),
                               .is_auto_create = settings->is_auto_create,
                               .is_replication_clamped = settings->is_replication_clamped};
    struct kafka_config kafka = {.listen = settings->listen,
                                 .advertised_host = serve->host,
                                 .request_bytes_max = LIMIT_BUF_BYTES};
    /* A body and, while it grows, a quarter more of it fit into what begun bodies may take. */
    uint64_t body_bytes = memory_bytes / serve->shards_count / 8;
    body_bytes = body_bytes < LIMIT_BATCH_BYTES ? body_bytes : LIMIT_BATCH_BYTES;
    struct http_config http = {.listen = settings->http_listen,
                               .advertised_host = serve->host,
                               .hosts = settings->http_hosts,
                               .origins = settings->http_origins,
                               .indexer = json_indexer_for(&serve->boot.cpu),
                               .body_bytes_max = (uint32_t)body_bytes,
                               .ws_port =
                                   serve->websocket != NULL ? ws_lws_port(serve->websocket) : NULL};
    const char *advertise = settings->advertise;
    size_t bytes = settings_host_bytes(advertise, &kafka.advertised_port);
    if (bytes == 0) { /* not given: the address itself, without its port */
        char text[RT_ADDR_TEXT_BYTES];
        rt_addr_format(&settings->listen, text);
        uint16_t port;
        bytes = settings_host_bytes(text, &port);
        if (bytes == 0) { /* port 0 */
            bytes = (size_t)(strrchr(text, ':') - text) - (text[0] == '[' ? 2 : 0);
        }
        snprintf(serve->host, sizeof(serve->host), "%.*s", (int)bytes, text + (text[0] == '['));
    } else if (bytes >= sizeof(serve->host)) {
        fprintf(serve->err, "tdb: the host of --advertise is longer than %zu bytes\n",
                sizeof(serve->host) - 1);
        return false;
    } else {
        snprintf(serve->host, sizeof(serve->host), "%.*s", (int)bytes,
                 advertise + (advertise[0] == '['));
    }
    node_init(&serve->node, serve->node_shards, serve->shards_count, &core, &kafka,
              settings->has_http ? &http : NULL, crc32c_for(&serve->boot.cpu));
    return true;
}

/* One line, one write: lines of several shards do not mix. */
static void serve_write_line(struct diag_sink *sink, enum diag_level level, const char *line,
                             size_t length)
{
    (void)level;
    struct serve *serve = CONTAINER_OF(sink, struct serve, sink);
    flockfile(serve->err);
    fwrite(line, 1, length, serve->err);
    fflush(serve->err);
    funlockfile(serve->err);
}

static struct diag *serve_diag(struct rt_shard *shard)
{
    struct serve_shard *here = shard->app;
    return &here->diag;
}

static uint64_t serve_clock(void *shard)
{
    return rt_wall_ns(shard);
}

static void serve_shard_start(struct rt_shard *shard)
{
    struct serve *serve = shard->app;
    shard->app = &serve->shards[shard->id];
    diag_set_clock(serve_diag(shard), serve_clock, shard);
    node_shard_init(&serve->node, shard, serve_diag(shard));
    if (shard->id != 0) {
        return;
    }
    serve_log_machine(serve, shard);
    rt_outbox_init(&serve->outbox, shard);
    sm_move(&serve->sm, SERVE_MKDIR);
    rt_op_init(&serve->op, shard, serve_run);
    rt_path_mkdir(&serve->op, serve->settings->data_dir, 0700);
}

static void serve_shard_stop(struct rt_shard *shard)
{
    struct serve_shard *here = shard->app;
    struct serve *serve = here->serve;
    if (here->may_finish) {
        rt_shard_finish(shard);
        return;
    }
    if (shard->id != 0) { /* shard 0 tells when */
        return;
    }
    if (!atomic_load(&serve->has_failed)) {
        DIAG_INFO(serve_diag(shard), "serve", "stopping");
    }
    if (sm_stage(&serve->sm) == SERVE_READY) {
        serve_close(serve);
    } /* else the step in flight looks at shard->is_stopping when it ends */
}

static void serve_run(struct rt_op *op)
{
    struct serve *serve = CONTAINER_OF(op, struct serve, op);
    struct rt_shard *shard = op->shard;
    switch (sm_stage(&serve->sm)) {
    case SERVE_MKDIR:
        if (op->err != ERR_OK && op->err != ERR_EXISTS) {
            serve_fail(serve, "cannot make the data directory", serve->settings->data_dir, op->err,
                       op->saved_errno);
            serve_over(serve);
            return;
        }
        sm_move(&serve->sm, SERVE_LOCK_OPEN);
        rt_file_open(&serve->lock, op, shard, serve->lock_path,
                     RT_FILE_READ | RT_FILE_WRITE | RT_FILE_CREATE, 0600);
        return;
    case SERVE_LOCK_OPEN: serve_opened(serve, shard); return;
    case SERVE_LOCK: serve_locked(serve, shard); return;
    case SERVE_UNLOCK: serve_unlocked(serve, shard); return;
    case SERVE_PORT: serve_try_ports(serve, shard); return;
    default: UNREACHABLE();
    }
}

static void serve_opened(struct serve *serve, struct rt_shard *shard)
{
    if (serve->op.err != ERR_OK) {
        serve_fail(serve, "cannot open the lock", serve->lock_path, serve->op.err,
                   serve->op.saved_errno);
        serve_over(serve);
        return;
    }
    MAYBE(shard->is_stopping); /* a later step notices */
    sm_move(&serve->sm, SERVE_LOCK);
    rt_file_lock(&serve->lock, &serve->op, true);
}

static void serve_locked(struct serve *serve, struct rt_shard *shard)
{
    if (serve->op.err != ERR_OK) {
        serve_fail(serve,
                   serve->op.err == ERR_BUSY ? "another tdb has this data directory"
                                             : "cannot lock the data directory",
                   serve->settings->data_dir, serve->op.err, serve->op.saved_errno);
        serve_unlock(serve);
    } else if (shard->is_stopping) {
        serve_unlock(serve);
    } else {
        sm_move(&serve->sm, SERVE_PROBE);
        rt_probe_start(&serve->probe, shard, serve->settings->data_dir, RT_PROBE_NS_QUICK,
                       serve_probed);
    }
}

static void serve_probed(struct rt_probe *probe)
{
    struct serve *serve = CONTAINER_OF(probe, struct serve, probe);
    if (probe->err == ERR_DISK_FULL) { /* the log has a reserve for this, the measurement none */
        DIAG_WARN(serve_diag(probe->shard), "serve",
                  "the disk is full: how it writes durably fastest is not known",
                  DIAG_STRING("path", serve->settings->data_dir));
    } else if (probe->err != ERR_OK) {
        serve_fail(serve, "cannot write durably", serve->settings->data_dir, probe->err,
                   probe->saved_errno);
    } else {
        rt_set_flush_form(probe->shard, probe->device_id, probe->best);
        serve_log_probe(serve, probe->shard);
    }
    serve_unlock(serve);
}

static void serve_unlock(struct serve *serve)
{
    sm_move(&serve->sm, SERVE_UNLOCK);
    rt_file_close(&serve->lock, &serve->op);
}

static void serve_unlocked(struct serve *serve, struct rt_shard *shard)
{
    if (atomic_load(&serve->has_failed) || shard->is_stopping) {
        serve_over(serve);
        return;
    }
    serve_try_ports(serve, shard);
}

/* Doors of several shards share their port, and would share it with another server's: who listens
 * alone for a moment learns of that one. */
static void serve_try_ports(struct serve *serve, struct rt_shard *shard)
{
    const struct rt_addr *ports[] = {&serve->settings->listen, &serve->settings->http_listen};
    uint32_t count = serve->shards_count > 1 ? 1 + serve->settings->has_http : 0;
    while (serve->ports_count < count && ports[serve->ports_count]->port == 0) {
        serve->ports_count++;
    }
    if (serve->ports_count == count || shard->is_stopping) {
        serve_open(serve, shard);
        return;
    }
    const struct rt_addr *port = ports[serve->ports_count++];
    enum err err = rt_listen(&serve->alone, shard, port, false);
    if (err != ERR_OK) {
        serve_fail_port(serve, port, err);
        serve_over(serve);
        return;
    }
    sm_move(&serve->sm, SERVE_PORT);
    rt_listener_close(&serve->alone, &serve->op);
}

static void serve_open(struct serve *serve, struct rt_shard *shard)
{
    if (shard->is_stopping) {
        serve_over(serve);
        return;
    }
    sm_move(&serve->sm, SERVE_OPEN);
    node_open(&serve->node, serve_opened_node);
}

static void serve_fail_port(struct serve *serve, const struct rt_addr *port, enum err err)
{
    const struct rt_addr *http = &serve->settings->http_listen;
    char text[RT_ADDR_TEXT_BYTES];
    bool is_http = port == http || port == &serve->node.http.listen;
    serve_fail(serve,
               err != ERR_BUSY ? "cannot listen"
               : is_http       ? "the address is in use; --http.listen takes another, or off"
                               : "the address is in use; --listen takes another",
               rt_addr_format(port, text), err, 0);
}

static void serve_opened_node(struct node *node)
{
    struct serve *serve = CONTAINER_OF(node, struct serve, node);
    struct rt_shard *shard = serve->op.shard;
    if (node->err != ERR_OK && node->port != NULL) {
        serve_fail_port(serve, node->port, node->err);
    } else if (node->err != ERR_OK) {
        serve_fail(serve,
                   node->err == ERR_BUSY  ? "another tdb has this data directory"
                   : node->why[0] != '\0' ? node->why
                                          : "cannot open the data directory",
                   serve->settings->data_dir, node->err, 0);
    }
    if (node->err != ERR_OK || shard->is_stopping) {
        serve_close(serve);
        return;
    }
    sm_move(&serve->sm, SERVE_READY);
    serve_log_ready(serve, shard);
}

static void serve_close(struct serve *serve)
{
    sm_move(&serve->sm, SERVE_CLOSE);
    node_close(&serve->node, serve_closed);
}

static void serve_closed(struct node *node)
{
    serve_over(CONTAINER_OF(node, struct serve, node));
}

/* Nothing waits any more: every shard may finish. */
static void serve_over(struct serve *serve)
{
    struct rt_shard *shard = serve->op.shard;
    sm_move(&serve->sm, SERVE_END);
    if (shard->is_stopping) {
        if (!atomic_load(&serve->has_failed)) {
            DIAG_INFO(serve_diag(shard), "serve", "stopped");
        }
        diag_flush(serve_diag(shard));
    } else {
        boot_end(); /* it failed by itself: rt_stop follows */
    }
    for (uint32_t i = serve->shards_count; i-- > 0;) {
        rt_outbox_send(&serve->outbox, i, &serve->shards[i].finish, serve_may_finish);
    }
}

static void serve_may_finish(struct rt_shard *at, struct rt_mail *mail)
{
    struct serve_shard *here = at->app;
    (void)mail;
    here->may_finish = true;
    if (at->is_stopping) {
        rt_shard_finish(at);
    }
}

/* The server cannot go on: say why. */
static void serve_fail(struct serve *serve, const char *what, const char *path, enum err err,
                       int saved_errno)
{
    struct rt_shard *shard = serve->op.shard;
    atomic_store(&serve->has_failed, true);
    DIAG_ERROR(serve_diag(shard), "serve", "cannot start", DIAG_STRING("reason", what),
               DIAG_STRING("path", path), DIAG_ERR("error", err),
               DIAG_STRING("system", saved_errno != 0 ? strerrordesc_np(saved_errno) : "-"));
}

/* On main's thread: the levels are the only settings that shards read while they run. */
static void serve_reload(void *context)
{
    struct serve *serve = context;
    struct settings settings;
    if (cli_config_read(&settings, serve->argc, serve->argv, serve->err) != CLI_EXIT_OK) {
        return;
    }
    enum err err = diag_levels_set(&serve->levels, NULL, settings.log_level);
    ASSERT(err == ERR_OK); /* all modules are known */
    settings_deinit(&settings);
    if (!atomic_exchange(&serve->is_reload_untold, true)) {
        serve->reload.deliver = serve_reloaded;
        rt_mail_post(rt_shard_at(serve->boot.rt, 0), &serve->reload);
    }
}

static void serve_reloaded(struct rt_shard *at, struct rt_mail *mail)
{
    struct serve *serve = CONTAINER_OF(mail, struct serve, reload);
    atomic_store(&serve->is_reload_untold, false);
    DIAG_INFO(serve_diag(at), "serve",
              "settings read again; only log.level applies before a start");
}

static void serve_log_machine(struct serve *serve, struct rt_shard *shard)
{
    const struct rt_machine *machine = &serve->boot.machine;
    if (serve->boot.note[0] != '\0') {
        DIAG_WARN(serve_diag(shard), "serve", "epoll is used",
                  DIAG_STRING("reason", serve->boot.note));
    }
    DIAG_INFO(serve_diag(shard), "serve", "starting", DIAG_STRING("version", TDB_VERSION),
              DIAG_STRING("runtime", rt_backend_name(serve->boot.rt)),
              DIAG_U64("shards", rt_shard_count(shard)), DIAG_U64("cpus", machine->cpus_count),
              DIAG_BYTES("memory", machine->memory_bytes),
              DIAG_U64("nofile", machine->nofile_count),
              DIAG_STRING("simd", cpu_level_name(serve->boot.cpu.level)),
              DIAG_STRING("kernel", machine->kernel));
}

static void serve_log_probe(struct serve *serve, struct rt_shard *shard)
{
    const struct rt_probe *probe = &serve->probe;
    DIAG_INFO(serve_diag(shard), "serve", "durable writes",
              DIAG_STRING("form", rt_flush_form_name(probe->best)),
              DIAG_DURATION("linked_p50", probe->forms[RT_FLUSH_LINKED].p50_ns),
              DIAG_DURATION("dsync_p50", probe->forms[RT_FLUSH_DSYNC].p50_ns),
              DIAG_DURATION("thread_p50", probe->forms[RT_FLUSH_THREAD].p50_ns),
              DIAG_BOOL("direct", probe->is_direct));
    if (!probe->is_direct) {
        DIAG_WARN(serve_diag(shard), "serve", "the data directory refuses direct I/O: buffered",
                  DIAG_STRING("data_dir", serve->settings->data_dir));
    }
}

/* The ready line: all that a person who starts it looks for. */
static void serve_log_ready(struct serve *serve, struct rt_shard *shard)
{
    const struct kafka_config *kafka = &serve->node.shards[0].kafka.config;
    const struct core_catalog *catalog = serve->node.shards[0].core.catalog;
    const struct log_store_report *report = &serve->node.core.store.report;
    char listen[RT_ADDR_TEXT_BYTES];
    char http[RT_ADDR_TEXT_BYTES] = "off";
    char advertise[SERVE_HOST_BYTES + 8];
    bool is_numbers = strchr(kafka->advertised_host, ':') != NULL; /* an IPv6 address */
    snprintf(advertise, sizeof(advertise), is_numbers ? "[%s]:%u" : "%s:%u", kafka->advertised_host,
             (unsigned)kafka->advertised_port);
    bool has_http = serve->node.has_http;
    if (has_http) {
        rt_addr_format(&serve->node.shards[0].http.config.listen, http);
    }
    if (!rt_addr_is_loopback(&kafka->listen) ||
        (has_http && !rt_addr_is_loopback(&serve->node.http.listen))) {
        DIAG_WARN(serve_diag(shard), "serve",
                  "insecure: whoever reaches the address may read and write everything");
    }
    if (serve->settings->is_replication_clamped) {
        DIAG_WARN(serve_diag(shard), "serve",
                  "replication is clamped: topics have 1 copy, whatever their creators ask for");
    }
    DIAG_INFO(serve_diag(shard), "serve", "ready",
              DIAG_STRING("kafka", rt_addr_format(&kafka->listen, listen)),
              DIAG_STRING("advertised", advertise), DIAG_STRING("http", http),
              DIAG_STRING("version", TDB_VERSION),
              DIAG_STRING("runtime", rt_backend_name(serve->boot.rt)),
              DIAG_U64("shards", serve->shards_count),
              DIAG_U64("connections",
                       (uint64_t)serve->shards_count * serve->node.core.config.connections_max),
              DIAG_BYTES("memory", serve_memory_bytes(serve)),
              DIAG_U64("topics", catalog->topics_count - 1), /* without the controller's own */
              DIAG_U64("partitions", catalog->partitions_count - 1),
              DIAG_DURATION("log_start", report->duration_ns),
              DIAG_STRING("data", serve->settings->data_dir));
}
