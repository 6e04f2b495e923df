/* Rows of one table again, as in cli.c, and reading arguments. See log_cli.h. */
#include "broker/app/log_cli.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/suggest.h"
#include "base/units.h"
#include "broker/app/cli_config.h"
#include "broker/cli/text.h"

/* Most arguments of one call, and names that a wrong flag is compared with. */
#define LOG_CLI_ARGS_MAX  128
#define LOG_CLI_NAMES_MAX 64

static const struct log_cli_command {
    const char *name;  /* "append" */
    const char *what;  /* one line of help */
    const char *usage; /* its arguments */
    const char *help;  /* they, a line each */
    enum cli_exit (*run)(int argc, char **argv, FILE *out, FILE *err);
} log_cli_commands[] = {
    {"append", "append a file of JSON lines, one record a line, each batch durable",
     "append DIR --group N --jsonl FILE [--time FIELD] [--progress] [--json]",
     "  DIR             the log's directory, made if it is missing; no other tdb may have it open\n"
     "  --group N       the group, made if it is missing\n"
     "  --jsonl FILE    one JSON value a line, kept as it is; -: standard input\n"
     "  --time FIELD    the field that holds a record's time: milliseconds since 1970, or a text "
     "like\n"
     "                  2018-02-06T12:30:00Z; a.b for a field of a field\n"
     "  --progress      print an offset a line, whenever all up to it are durable\n",
     log_cli_append},
    {"read", "print records from an offset or a time on",
     "read DIR --group N [--offset N | --time T] [--max N] [--json]",
     "  DIR             the log's directory; beside a running writer, too\n"
     "  --group N       the group\n"
     "  --offset N      from this offset on; without it, and without --time, from the start\n"
     "  --time T        from the first record of this time on: milliseconds since 1970, or a text "
     "like\n"
     "                  2018-02-06T12:30:00Z\n"
     "  --max N         no more than N records\n",
     log_cli_read},
    {"dump", "show what a directory holds", "dump DIR [--group N] [--entries] [--json]",
     "  DIR             the log's directory; beside a running writer, too\n"
     "  --group N       this group only\n"
     "  --entries       every entry, where it lies and what it is\n",
     log_cli_dump},
    {"verify", "check all of a directory and name what is wrong", "verify DIR [--json]",
     "  DIR             the log's directory; beside a running writer, too\n"
     "Status 0: clean. 1: something is wrong, each fault with its file, position and entry.\n",
     log_cli_verify},
    {"repair", "give up what a group has lost: readers go on behind it",
     "repair DIR --group N [--accept-loss] [--json]",
     "  DIR             the log's directory; no other tdb may have it open\n"
     "  --group N       the group\n"
     "  --accept-loss   do it; without this, say what would be given up\n",
     log_cli_repair},
};

static void log_cli_help(FILE *out);
static void log_cli_help_of(const struct log_cli_command *command, FILE *out);
static void log_cli_usage(const char *name, FILE *out);
static enum cli_exit log_cli_unknown(const char *name, FILE *err);
static enum cli_exit log_cli_args(struct log_cli *cli, struct log_cli_flag *flags,
                                  size_t flags_count, int argc, char **argv, char **args,
                                  int *args_count, const char **dir);
static struct log_cli_flag *log_cli_find(struct log_cli_flag *flags, size_t flags_count,
                                         const char *argument);
static const char *log_cli_setting(const char *argument, bool *has_value);
static enum cli_exit log_cli_unknown_flag(const struct log_cli *cli,
                                          const struct log_cli_flag *flags, size_t flags_count,
                                          const char *argument);

enum cli_exit cli_log(int argc, char **argv, FILE *out, FILE *err)
{
    if (argc < 1) {
        log_cli_help(err);
        return CLI_EXIT_USAGE;
    }
    if (strcmp(argv[0], "--help") == 0) {
        log_cli_help(out);
        return CLI_EXIT_OK;
    }
    for (size_t i = 0; i < ARRAY_COUNT(log_cli_commands); i++) {
        if (strcmp(argv[0], log_cli_commands[i].name) == 0) {
            if (argc == 2 && strcmp(argv[1], "--help") == 0) {
                log_cli_help_of(&log_cli_commands[i], out);
                return CLI_EXIT_OK;
            }
            return log_cli_commands[i].run(argc - 1, argv + 1, out, err);
        }
    }
    return log_cli_unknown(argv[0], err);
}

enum cli_exit log_cli_begin(struct log_cli *cli, struct log_cli_flag *flags, size_t flags_count,
                            int argc, char **argv)
{
    char *args[LOG_CLI_ARGS_MAX];
    int args_count = 0;
    const char *dir = NULL;
    if (argc > LOG_CLI_ARGS_MAX) {
        fprintf(cli->err, "tdb: more than %d arguments\n", LOG_CLI_ARGS_MAX);
        return CLI_EXIT_USAGE;
    }
    enum cli_exit status =
        log_cli_args(cli, flags, flags_count, argc, argv, args, &args_count, &dir);
    if (status != CLI_EXIT_OK) {
        return status;
    }
    if (dir == NULL) {
        return log_cli_refuse(cli, "DIR", "needs the directory of a log");
    }
    if (strlen(dir) == 0 || strlen(dir) > LIMIT_DATA_DIR_BYTES) {
        return log_cli_refuse(cli, "DIR", "takes a path of 1 to 412 bytes");
    }
    status = cli_config_read(&cli->settings, args_count, args, cli->err);
    if (status != CLI_EXIT_OK) {
        log_cli_usage(cli->name, cli->err);
        return status;
    }
    cli->settings.data_dir = dir;
    cli->settings.shards_count = 1;
    return CLI_EXIT_OK;
}

void log_cli_end(struct log_cli *cli)
{
    settings_deinit(&cli->settings);
}

enum cli_exit log_cli_refuse(const struct log_cli *cli, const char *flag, const char *what)
{
    cli_text_put(cli->err, flag, strlen(flag));
    fprintf(cli->err, ": %s\n", what);
    log_cli_usage(cli->name, cli->err);
    return CLI_EXIT_USAGE;
}

bool log_cli_number(const struct log_cli *cli, const struct log_cli_flag *flag, uint64_t *out)
{
    if (flag->value == NULL) {
        return true;
    }
    uint64_t number = 0;
    if (units_parse_u64(flag->value, strlen(flag->value), &number) != ERR_OK ||
        number > INT64_MAX) {
        log_cli_refuse(cli, flag->name, "takes a whole number");
        return false;
    }
    *out = number;
    return true;
}

bool log_cli_time(const struct log_cli *cli, const struct log_cli_flag *flag, int64_t *out)
{
    if (flag->value == NULL) {
        return true;
    }
    size_t length = strlen(flag->value);
    if (units_parse_i64(flag->value, length, out) != ERR_OK &&
        units_parse_time_ms(flag->value, length, out) != ERR_OK) {
        log_cli_refuse(cli, flag->name,
                       "takes milliseconds since 1970 or a time like 2018-02-06T12:30:00Z");
        return false;
    }
    return true;
}

static void log_cli_help(FILE *out)
{
    fprintf(out, "usage: tdb log COMMAND DIR [ARGUMENTS]\n\n");
    for (size_t i = 0; i < ARRAY_COUNT(log_cli_commands); i++) {
        fprintf(out, "  %-14s %s\n", log_cli_commands[i].name, log_cli_commands[i].what);
    }
}

static void log_cli_help_of(const struct log_cli_command *command, FILE *out)
{
    fprintf(out, "tdb log %s: %s\n\n", command->name, command->what);
    log_cli_usage(command->name, out);
    fprintf(out, "\n%s", command->help);
    fprintf(out, "  --json          for programs\n");
    fprintf(out, "  --config FILE, --KEY VALUE   settings, see 'tdb config keys'\n");
}

/* The arguments of the command. */
static void log_cli_usage(const char *name, FILE *out)
{
    for (size_t i = 0; i < ARRAY_COUNT(log_cli_commands); i++) {
        if (strcmp(name, log_cli_commands[i].name) == 0) {
            fprintf(out, "usage: tdb log %s [--config FILE] [--KEY VALUE ...]\n",
                    log_cli_commands[i].usage);
        }
    }
}

static enum cli_exit log_cli_unknown(const char *name, FILE *err)
{
    const char *names[ARRAY_COUNT(log_cli_commands)];
    for (size_t i = 0; i < ARRAY_COUNT(log_cli_commands); i++) {
        names[i] = log_cli_commands[i].name;
    }
    const char *nearest = suggest_nearest(name, names, ARRAY_COUNT(names));
    fprintf(err, "tdb log: no command '");
    cli_text_put(err, name, strlen(name));
    fprintf(err, nearest != NULL ? "'; did you mean '%s'?\n" : "'%s\n",
            nearest != NULL ? nearest : "");
    fprintf(err, "Try 'tdb log --help'.\n");
    return CLI_EXIT_USAGE;
}

/* Sort the arguments: the command's own, DIR, and those for settings, which go to `args`. */
static enum cli_exit log_cli_args(struct log_cli *cli, struct log_cli_flag *flags,
                                  size_t flags_count, int argc, char **argv, char **args,
                                  int *args_count, const char **dir)
{
    for (int i = 0; i < argc; i++) {
        struct log_cli_flag *flag = log_cli_find(flags, flags_count, argv[i]);
        bool has_value = false;
        if (flag != NULL) {
            const char *equals = strchr(argv[i], '=');
            bool takes_next = flag->wants != NULL && equals == NULL;
            if ((flag->wants == NULL && equals != NULL) ||
                (takes_next && (i + 1 == argc || strncmp(argv[i + 1], "--", 2) == 0))) {
                char what[128];
                snprintf(what, sizeof(what), flag->wants != NULL ? "needs %s" : "takes no value%s",
                         flag->wants != NULL ? flag->wants : "");
                return log_cli_refuse(cli, flag->name, what);
            }
            flag->value = takes_next ? argv[++i] : equals != NULL ? equals + 1 : "";
        } else if (strcmp(argv[i], "--json") == 0) {
            cli->is_json = true;
        } else if (log_cli_setting(argv[i], &has_value) != NULL) {
            args[(*args_count)++] = argv[i];
            if (!has_value && i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0) {
                args[(*args_count)++] = argv[++i];
            }
        } else if (strncmp(argv[i], "--", 2) == 0) {
            return log_cli_unknown_flag(cli, flags, flags_count, argv[i]);
        } else if (*dir != NULL) {
            return log_cli_refuse(cli, argv[i], "is one argument too many");
        } else {
            *dir = argv[i];
        }
    }
    return CLI_EXIT_OK;
}

/* The flag that `argument` names: "--group" or "--group=7"; NULL: none. */
static struct log_cli_flag *log_cli_find(struct log_cli_flag *flags, size_t flags_count,
                                         const char *argument)
{
    size_t length = strcspn(argument, "=");
    for (size_t i = 0; i < flags_count; i++) {
        if (strlen(flags[i].name) == length && strncmp(flags[i].name, argument, length) == 0) {
            return &flags[i];
        }
    }
    return NULL;
}

/* What `argument` sets, if it is --config or a setting that this command knows; NULL: it is not.
 * DIR is the directory, so data_dir is none; there is one shard. */
static const char *log_cli_setting(const char *argument, bool *has_value)
{
    static const char *const names[] = {"--config", "--memory",    "--runtime",
                                        "--simd",   "--log.level", "--log.format"};
    size_t length = strcspn(argument, "=");
    *has_value = argument[length] == '=';
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strlen(names[i]) == length && strncmp(names[i], argument, length) == 0) {
            return names[i];
        }
    }
    return NULL;
}

static enum cli_exit log_cli_unknown_flag(const struct log_cli *cli,
                                          const struct log_cli_flag *flags, size_t flags_count,
                                          const char *argument)
{
    static const char *const common[] = {"--json", "--config", "--memory", "--runtime", "--simd"};
    const char *names[LOG_CLI_NAMES_MAX];
    size_t names_count = 0;
    ASSERT(flags_count + ARRAY_COUNT(common) <= LOG_CLI_NAMES_MAX);
    for (size_t i = 0; i < flags_count; i++) {
        names[names_count++] = flags[i].name;
    }
    for (size_t i = 0; i < ARRAY_COUNT(common); i++) {
        names[names_count++] = common[i];
    }
    char what[128], name[SUGGEST_NAME_BYTES_MAX + 1];
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(argument, "="), argument);
    const char *nearest = suggest_nearest(name, names, names_count);
    snprintf(what, sizeof(what), nearest != NULL ? "is no flag; did you mean %s?" : "is no flag%s",
             nearest != NULL ? nearest : "");
    return log_cli_refuse(cli, argument, what);
}
