/* `tdb config`. See cli_config.h. Text from outside is escaped before it is printed, so a file
 * cannot drive the terminal of the person who checks it. */
#include "broker/app/cli_config.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "broker/app/settings.h"
#include "broker/cli/text.h"

/* Most arguments of one call. */
#define CLI_CONFIG_ARGS_MAX 128

static enum cli_exit cli_config_check(int argc, char **argv, FILE *out, FILE *err);
static enum cli_exit cli_config_keys(FILE *out, FILE *err);
static enum cli_exit cli_config_usage(FILE *err);
static void cli_config_complain(const struct config *c, FILE *err);
static void cli_config_table(const struct config *c, FILE *out);
static void cli_config_json(const struct config *c, FILE *out);
static void cli_config_json_key(const struct config *c, size_t index, FILE *out);
static void cli_config_json_problem(const struct config_problem *problem, FILE *out);
static void cli_config_json_text(FILE *out, const char *name, const char *text);
static void cli_config_put(FILE *out, const char *text);
static void cli_config_pad(FILE *out, size_t length, size_t width);
static size_t cli_config_max(size_t a, size_t b);

enum cli_exit cli_config(int argc, char **argv, FILE *out, FILE *err)
{
    if (argc >= 1 && argc - 1 <= CLI_CONFIG_ARGS_MAX && strcmp(argv[0], "check") == 0) {
        return cli_config_check(argc - 1, argv + 1, out, err);
    }
    if (argc == 1 && strcmp(argv[0], "keys") == 0) {
        return cli_config_keys(out, err);
    }
    return cli_config_usage(err);
}

enum cli_exit cli_config_read(struct settings *s, int argc, char **argv, FILE *err)
{
    if (settings_init(s) != ERR_OK) {
        fprintf(err, "tdb: no memory for the configuration\n");
        return CLI_EXIT_FAILED;
    }
    enum err result = settings_read(s, argc, argv, (const char *const *)environ);
    cli_config_complain(&s->config, err);
    if (result != ERR_OK) {
        settings_deinit(s);
        return CLI_EXIT_USAGE;
    }
    return CLI_EXIT_OK;
}

static enum cli_exit cli_config_check(int argc, char **argv, FILE *out, FILE *err)
{
    char *args[CLI_CONFIG_ARGS_MAX];
    int args_count = 0;
    bool is_json = false;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            is_json = true;
        } else {
            args[args_count++] = argv[i];
        }
    }
    struct settings settings;
    if (settings_init(&settings) != ERR_OK) {
        fprintf(err, "tdb: no memory for the configuration\n");
        return CLI_EXIT_FAILED;
    }
    enum err result = settings_read(&settings, args_count, args, (const char *const *)environ);
    cli_config_complain(&settings.config, err);
    if (is_json) {
        cli_config_json(&settings.config, out);
    } else if (result == ERR_OK) {
        cli_config_table(&settings.config, out);
    }
    settings_deinit(&settings);
    return result == ERR_OK ? CLI_EXIT_OK : CLI_EXIT_FAILED;
}

static enum cli_exit cli_config_keys(FILE *out, FILE *err)
{
    return cli_config_list("", out, err);
}

enum cli_exit cli_config_list(const char *prefix, FILE *out, FILE *err)
{
    struct settings settings;
    if (settings_init(&settings) != ERR_OK) {
        fprintf(err, "tdb: no memory for the configuration\n");
        return CLI_EXIT_FAILED;
    }
    const struct config *c = &settings.config;
    for (size_t i = 0; i < c->keys_count; i++) {
        char wanted[CONFIG_WANTED_BYTES];
        config_format_wanted(&c->keys[i], wanted);
        fprintf(out, "%s%s%s\n    %s\n    takes %s; default %s\n", i > 0 ? "\n" : "", prefix,
                c->keys[i].name, c->keys[i].help, wanted,
                c->keys[i].fallback[0] != '\0' ? c->keys[i].fallback : "none");
    }
    settings_deinit(&settings);
    return CLI_EXIT_OK;
}

static enum cli_exit cli_config_usage(FILE *err)
{
    fprintf(err, "usage: tdb config check [--config FILE] [--KEY VALUE ...] [--json]\n"
                 "       tdb config keys\n");
    return CLI_EXIT_USAGE;
}

static void cli_config_complain(const struct config *c, FILE *err)
{
    size_t errors_shown = 0;
    for (size_t i = 0; i < c->problems_count; i++) {
        errors_shown += c->problems[i].is_error;
        cli_config_put(err, c->problems[i].where);
        fprintf(err, "%s%s\n", c->problems[i].is_error ? ": " : ": warning: ",
                c->problems[i].what); /* in it, what came from outside is escaped already */
    }
    if (c->errors_count > errors_shown) {
        fprintf(err, "and %zu more\n", c->errors_count - errors_shown);
    }
}

/* Key, value, source: columns as wide as what stands in them. */
static void cli_config_table(const struct config *c, FILE *out)
{
    size_t name_width = 0;
    size_t value_width = 0;
    for (size_t i = 0; i < c->keys_count; i++) {
        name_width = cli_config_max(name_width, strlen(c->keys[i].name));
        value_width = cli_config_max(value_width, strlen(c->values[i].text));
    }
    for (size_t i = 0; i < c->keys_count; i++) {
        char source[sizeof(c->problems[0].where)];
        config_format_source(c, i, source, sizeof(source));
        fprintf(out, "%s", c->keys[i].name);
        cli_config_pad(out, strlen(c->keys[i].name), name_width + 2);
        cli_config_put(out, c->values[i].text);
        cli_config_pad(out, strlen(c->values[i].text), value_width + 2);
        cli_config_put(out, source);
        fprintf(out, "\n");
    }
}

static void cli_config_json(const struct config *c, FILE *out)
{
    fprintf(out, "{\"ok\":%s,\"keys\":[", c->errors_count == 0 ? "true" : "false");
    for (size_t i = 0; i < c->keys_count; i++) {
        fprintf(out, "%s", i > 0 ? "," : "");
        cli_config_json_key(c, i, out);
    }
    fprintf(out, "],\"errors_count\":%zu,\"problems\":[", c->errors_count);
    for (size_t i = 0; i < c->problems_count; i++) {
        fprintf(out, "%s", i > 0 ? "," : "");
        cli_config_json_problem(&c->problems[i], out);
    }
    fprintf(out, "]}\n");
}

/* A number, size (in bytes) or duration (in ns) is a number, true and false are themselves. */
static void cli_config_json_key(const struct config *c, size_t index, FILE *out)
{
    const struct config_value *value = &c->values[index];
    char source[sizeof(c->problems[0].where)];
    config_format_source(c, index, source, sizeof(source));
    fprintf(out, "{\"key\":\"%s\",", c->keys[index].name);
    switch (c->keys[index].type) {
    case CONFIG_U64:
    case CONFIG_BYTES:
    case CONFIG_DURATION: fprintf(out, "\"value\":%" PRIu64, value->number); break;
    case CONFIG_BOOL: fprintf(out, "\"value\":%s", value->number != 0 ? "true" : "false"); break;
    case CONFIG_TEXT:
    case CONFIG_CHOICE:
    case CONFIG_LIST: cli_config_json_text(out, "value", value->text); break;
    }
    fprintf(out, ",");
    cli_config_json_text(out, "from", source);
    fprintf(out, "}");
}

static void cli_config_json_problem(const struct config_problem *problem, FILE *out)
{
    fprintf(out, "{\"is_error\":%s,", problem->is_error ? "true" : "false");
    cli_config_json_text(out, "where", problem->where);
    if (problem->source.line > 0) {
        fprintf(out, ",\"line\":%" PRIu32 ",\"column\":%" PRIu32, problem->source.line,
                problem->source.column);
    }
    fprintf(out, ",");
    cli_config_json_text(out, "what", problem->what);
    fprintf(out, "}");
}

static void cli_config_json_text(FILE *out, const char *name, const char *text)
{
    fprintf(out, "\"%s\":\"", name);
    cli_config_put(out, text);
    fprintf(out, "\"");
}

static void cli_config_put(FILE *out, const char *text)
{
    cli_text_put(out, text, strlen(text));
}

static void cli_config_pad(FILE *out, size_t length, size_t width)
{
    fprintf(out, "%*s", length < width ? (int)(width - length) : 0, "");
}

static size_t cli_config_max(size_t a, size_t b)
{
    return a > b ? a : b;
}
