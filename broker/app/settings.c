/* The keys of `tdb`. See settings.h. */
#include "broker/app/settings.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/cpu.h"
#include "base/limits.h"
#include "base/units.h"

/* Memory for a file, its values and all that is said of it. */
#define SETTINGS_BYTES       (4u << 20)
#define SETTINGS_CHUNK_BYTES (16u << 10)

static bool settings_is_data_dir(const char *text);
static bool settings_is_address(const char *text);
static bool settings_is_http_address(const char *text);
static bool settings_is_host(const char *text);
static const char *settings_file_name(int argc, char *const *argv, int i, int *taken);
static void settings_read_file(struct settings *s, const char *file_name);
static void settings_read_flags(struct settings *s, int argc, char *const *argv);
static void settings_refuse(struct settings *s, const char *argument);
static void settings_fill(struct settings *s);

static const char *const settings_runtimes[] = {
    [RT_KIND_AUTO] = "auto", [RT_KIND_URING] = "uring", [RT_KIND_EPOLL] = "epoll", NULL};

/* The levels of cpu.h behind "auto". */
static const char *const settings_simds[] = {"auto", "scalar", "sse42", "avx2", "avx512", NULL};

static_assert(LIMIT_DATA_DIR_BYTES == 412, "what the key's row says");
static_assert(ARRAY_COUNT(settings_simds) == CPU_LEVEL_COUNT + 2, "a word for each level");

static const char *const settings_levels[] = {[DIAG_LEVEL_ERROR] = "error",
                                              [DIAG_LEVEL_WARN] = "warn",
                                              [DIAG_LEVEL_INFO] = "info",
                                              [DIAG_LEVEL_DEBUG] = "debug",
                                              NULL};

static const char *const settings_formats[] = {
    [DIAG_FORMAT_HUMAN] = "human", [DIAG_FORMAT_JSON] = "json", NULL};

static const struct config_key settings_keys[] = {
    {.name = "data",
     .type = CONFIG_TEXT,
     .fallback = "./data",
     .help = "the directory of all that is kept",
     .accepts = settings_is_data_dir,
     .wanted = "a path of 1 to 412 bytes"},
    {.name = "listen",
     .type = CONFIG_TEXT,
     .fallback = "127.0.0.1:9092",
     .help = "where Kafka clients connect; another machine's need --insecure",
     .accepts = settings_is_address,
     .wanted = "an address like 127.0.0.1:9092 or [::1]:9092; port 0: any"},
    {.name = "http.listen",
     .type = CONFIG_TEXT,
     .fallback = "127.0.0.1:8080",
     .help = "where HTTP is spoken; another machine's clients need --insecure; off: nowhere",
     .accepts = settings_is_http_address,
     .wanted = "an address like 127.0.0.1:8080 or [::1]:8080, port 0: any; or off"},
    {.name = "http.hosts",
     .type = CONFIG_TEXT,
     .fallback = "",
     .help =
         "names this server goes by in HTTP besides addresses, localhost and the advertised one"},
    {.name = "http.origins",
     .type = CONFIG_TEXT,
     .fallback = "",
     .help = "origins of web pages that may call, with commas between: https://shop.example"},
    {.name = "insecure",
     .type = CONFIG_BOOL,
     .fallback = "false",
     .help = "listen where other machines reach it, though nobody is asked who he is"},
    {.name = "advertise",
     .type = CONFIG_TEXT,
     .fallback = "",
     .help = "the host and port that clients are told; empty: where it listens",
     .accepts = settings_is_host,
     .wanted = "HOST:PORT"},
    {.name = "node_id",
     .type = CONFIG_U64,
     .fallback = "1",
     .min = 1,
     .max = INT32_MAX,
     .help = "this node's number in the cluster; it stays"},
    {.name = "auto_create_topics",
     .type = CONFIG_BOOL,
     .fallback = "true",
     .help = "a topic that a client asks for by name is made"},
    {.name = "partitions",
     .type = CONFIG_U64,
     .fallback = "1",
     .min = 1,
     .max = LIMIT_PARTITIONS_COUNT,
     .help = "of a topic that is made without a number"},
    {.name = "retention_check",
     .type = CONFIG_DURATION,
     .fallback = "30s",
     .min = 1000000,
     .max = 86400000000000,
     .help = "how often it is looked which records and segments are too old or too many"},
    {.name = "view.pin.max.bytes",
     .type = CONFIG_BYTES,
     .fallback = "0",
     .help = "deleted records kept for feeds that have not read them; 0: a quarter of the disk"},
    {.name = "view.total.max.bytes",
     .type = CONFIG_BYTES,
     .fallback = "0",
     .help = "memory of all materialized views of a shard at most; 0: a quarter of the shard's"},
    {.name = "query.timeout",
     .type = CONFIG_DURATION,
     .fallback = "60s",
     .help = "how long a statement in SQL may take that does not say; 0s: any time"},
    {.name = "query.max.bytes",
     .type = CONFIG_BYTES,
     .fallback = "64MiB",
     .min = 1 << 20,
     .help = "memory of one statement in SQL at most"},
    {.name = "query.total.max.bytes",
     .type = CONFIG_BYTES,
     .fallback = "0",
     .help = "memory of all statements of a shard at most; 0: half of the shard's"},
    {.name = "query.running",
     .type = CONFIG_U64,
     .fallback = "64",
     .min = 1,
     .max = 10000,
     .help = "statements that read streams at a time on each shard; four times as many wait"},
    {.name = "clamp_replication",
     .type = CONFIG_BOOL,
     .fallback = "false",
     .help = "take a replication factor above the number of nodes for that number"},
    {.name = "connections",
     .type = CONFIG_U64,
     .fallback = "32768",
     .min = 1,
     .max = 1000000,
     .help = "of clients on each shard at most; fewer where few descriptors are allowed"},
    {.name = "shards",
     .type = CONFIG_U64,
     .fallback = "0",
     .max = LIMIT_SHARDS_COUNT,
     .help = "threads that own data; 0: as many as CPUs are granted"},
    {.name = "memory",
     .type = CONFIG_BYTES,
     .fallback = "0",
     .help = "memory of all shards together; 0: half of what is granted"},
    {.name = "runtime",
     .type = CONFIG_CHOICE,
     .fallback = "auto",
     .choices = settings_runtimes,
     .help = "how shards wait: io_uring, epoll, or the better one that works here"},
    {.name = "simd",
     .type = CONFIG_CHOICE,
     .fallback = "auto",
     .choices = settings_simds,
     .help = "the instruction set to use at most"},
    {.name = "log.level",
     .type = CONFIG_CHOICE,
     .fallback = "info",
     .choices = settings_levels,
     .help = "which log lines are written: this level and those before"},
    {.name = "log.format",
     .type = CONFIG_CHOICE,
     .fallback = "human",
     .choices = settings_formats,
     .help = "how log lines look"},
};

enum err settings_init(struct settings *s)
{
    *s = (struct settings){.data_dir = NULL};
    budget_init(&s->budget, "settings", SETTINGS_BYTES, NULL);
    arena_init(&s->arena, &s->budget, SETTINGS_CHUNK_BYTES, SETTINGS_BYTES);
    enum err err = config_init(&s->config, settings_keys, ARRAY_COUNT(settings_keys), &s->arena);
    if (err != ERR_OK) {
        settings_deinit(s);
        return err;
    }
    settings_fill(s);
    return ERR_OK;
}

void settings_deinit(struct settings *s)
{
    arena_deinit(&s->arena);
    budget_deinit(&s->budget);
}

enum err settings_read(struct settings *s, int argc, char *const *argv,
                       const char *const *environment)
{
    const char *file_name = NULL;
    for (int i = 0; i < argc;) {
        int taken = 1;
        const char *named = settings_file_name(argc, argv, i, &taken);
        file_name = named != NULL ? named : file_name;
        i += taken;
    }
    if (file_name != NULL) {
        settings_read_file(s, file_name);
    }
    config_read_environment(&s->config, environment);
    settings_read_flags(s, argc, argv);
    settings_fill(s);
    return s->config.errors_count == 0 ? ERR_OK : ERR_INVALID;
}

static bool settings_is_data_dir(const char *text)
{
    size_t length = strlen(text);
    return length >= 1 && length <= LIMIT_DATA_DIR_BYTES;
}

static bool settings_is_address(const char *text)
{
    struct rt_addr addr;
    return rt_addr_parse(text, SETTINGS_KAFKA_PORT, &addr) == ERR_OK;
}

static bool settings_is_http_address(const char *text)
{
    struct rt_addr addr;
    return strcmp(text, "off") == 0 || rt_addr_parse(text, SETTINGS_HTTP_PORT, &addr) == ERR_OK;
}

/* "": not given. A name is not resolved: clients do that. */
static bool settings_is_host(const char *text)
{
    uint16_t port;
    return text[0] == '\0' || settings_host_bytes(text, &port) > 0;
}

size_t settings_host_bytes(const char *text, uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    uint64_t number = 0;
    if (colon == NULL || colon == text ||
        units_parse_u64(colon + 1, strlen(colon + 1), &number) != ERR_OK || number == 0 ||
        number > UINT16_MAX) {
        return 0;
    }
    *port = (uint16_t)number;
    bool is_bracketed = text[0] == '[' && colon[-1] == ']';
    return (size_t)(colon - text) - (is_bracketed ? 2 : 0);
}

/* The file that the argument at `i` names, and the arguments that takes; NULL: it names none. */
static const char *settings_file_name(int argc, char *const *argv, int i, int *taken)
{
    static const char flag[] = "--config=";
    if (strncmp(argv[i], flag, strlen(flag)) == 0) {
        return argv[i] + strlen(flag);
    }
    if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
        *taken = 2;
        return argv[i + 1];
    }
    return NULL;
}

static void settings_read_file(struct settings *s, const char *file_name)
{
    char *text = arena_alloc(&s->arena, CONFIG_FILE_BYTES_MAX + 1, 1);
    if (text == NULL) {
        config_add_error(&s->config, file_name, "no memory to read the file");
        return;
    }
    FILE *file = fopen(file_name, "rb");
    size_t length = file != NULL ? fread(text, 1, CONFIG_FILE_BYTES_MAX + 1, file) : 0;
    if (file == NULL || ferror(file)) {
        char what[160];
        snprintf(what, sizeof(what), "the file cannot be read: %s", strerror(errno));
        config_add_error(&s->config, file_name, what);
    } else {
        config_read_yaml(&s->config, file_name, text, length);
    }
    if (file != NULL) {
        fclose(file);
    }
}

static void settings_read_flags(struct settings *s, int argc, char *const *argv)
{
    for (int i = 0; i < argc;) {
        int taken = 1;
        if (settings_file_name(argc, argv, i, &taken) == NULL) {
            taken = (int)config_read_flag(&s->config, argc - i, argv + i);
            if (taken == 0) {
                settings_refuse(s, argv[i]);
                /* What seems to be its value is not a second mistake. */
                bool has_value = strncmp(argv[i], "--", 2) == 0 && strchr(argv[i], '=') == NULL &&
                                 i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0;
                taken = has_value ? 2 : 1;
            }
        }
        i += taken;
    }
}

/* An argument that is neither --config nor a key's. */
static void settings_refuse(struct settings *s, const char *argument)
{
    char what[160];
    char name[CONFIG_NAME_BYTES_MAX + 1] = "";
    const char *nearest = NULL;
    size_t length = strcspn(argument, "=");
    if (strcmp(argument, "--config") == 0) {
        snprintf(what, sizeof(what), "needs the name of a file");
    } else {
        if (strncmp(argument, "--", 2) == 0 && length - 2 < sizeof(name)) {
            memcpy(name, argument + 2, length - 2);
            nearest = config_nearest(&s->config, name);
        }
        snprintf(what, sizeof(what),
                 nearest != NULL ? "is no flag; did you mean --%s?" : "is no flag%s",
                 nearest != NULL ? nearest : "");
    }
    config_add_error(&s->config, argument, what);
}

static void settings_fill(struct settings *s)
{
    const struct config *c = &s->config;
    uint64_t simd = config_value(c, "simd")->number;
    s->data_dir = config_value(c, "data")->text;
    s->insecure = config_value(c, "insecure")->number != 0;
    s->advertise = config_value(c, "advertise")->text;
    s->node_id = (int32_t)config_value(c, "node_id")->number;
    s->is_auto_create = config_value(c, "auto_create_topics")->number != 0;
    s->partitions_count = (uint32_t)config_value(c, "partitions")->number;
    s->view_pin_bytes_max = config_value(c, "view.pin.max.bytes")->number;
    s->view_total_bytes_max = config_value(c, "view.total.max.bytes")->number;
    s->query_timeout_ns = config_value(c, "query.timeout")->number;
    s->query_bytes_max = config_value(c, "query.max.bytes")->number;
    s->query_total_bytes_max = config_value(c, "query.total.max.bytes")->number;
    s->query_running_max = (uint32_t)config_value(c, "query.running")->number;
    s->retention_check_ns = config_value(c, "retention_check")->number;
    s->is_replication_clamped = config_value(c, "clamp_replication")->number != 0;
    s->connections_max = (uint32_t)config_value(c, "connections")->number;
    s->listen = (struct rt_addr){.port = SETTINGS_KAFKA_PORT};
    if (rt_addr_parse(config_value(c, "listen")->text, SETTINGS_KAFKA_PORT, &s->listen) != ERR_OK) {
        ASSERT(c->errors_count > 0); /* told already */
    }
    const char *http_listen = config_value(c, "http.listen")->text;
    s->has_http = strcmp(http_listen, "off") != 0;
    s->http_listen = (struct rt_addr){.port = SETTINGS_HTTP_PORT};
    if (s->has_http && rt_addr_parse(http_listen, SETTINGS_HTTP_PORT, &s->http_listen) != ERR_OK) {
        ASSERT(c->errors_count > 0); /* told already */
    }
    s->http_hosts = config_value(c, "http.hosts")->text;
    s->http_origins = config_value(c, "http.origins")->text;
    s->shards_count = (uint32_t)config_value(c, "shards")->number;
    s->memory_bytes = config_value(c, "memory")->number;
    s->runtime = (enum rt_kind)config_value(c, "runtime")->number;
    s->simd = simd > 0 ? settings_simds[simd] : NULL;
    s->log_level = (enum diag_level)config_value(c, "log.level")->number;
    s->log_format = (enum diag_format)config_value(c, "log.format")->number;
}
