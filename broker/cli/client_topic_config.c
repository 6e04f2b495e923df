/* `tdb topic config`: the settings of a topic, shown and changed.
 *
 * librdkafka 2.0.2 knows AlterConfigs only, which replaces all that is set on a topic: so what is
 * set is read first, merged with the changes and written back whole. Of two who do this at the same
 * moment the later one wins; the server checks all values and takes all or none. */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/suggest.h"
#include "broker/cli/client_int.h"
#include "broker/cli/client_record.h"
#include "broker/cli/text.h"

/* The columns that name and value are given at least, and at most. */
#define TOPIC_CONFIG_NAME_MAX  40
#define TOPIC_CONFIG_VALUE_MAX 24

/* What is asked for. */
struct topic_change {
    const char *topic;                             /* of which */
    size_t pairs_count;                            /* of `pairs` */
    struct client_property pairs[CLIENT_ARGS_MAX]; /* an empty value: back to the default */
    const struct client_config *configs;           /* what the server said last, by name */
    size_t configs_count;                          /* of `configs` */
};

static enum client_exit topic_config(struct client *c, struct topic_change *change,
                                     bool is_all_shown);
static enum client_exit topic_config_read(struct client *c, struct topic_change *change);
static enum client_exit topic_config_check(struct client *c, const struct topic_change *change);
static enum client_exit topic_config_write(struct client *c, struct topic_change *change);
static const struct client_property *topic_config_pair(const struct topic_change *change,
                                                       const char *name);
static bool topic_config_is_shown(const struct topic_change *change,
                                  const struct client_config *config, bool is_all_shown);
static void topic_config_table(const struct topic_change *change, bool is_all_shown, FILE *out);
static void topic_config_json(const struct topic_change *change, bool is_all_shown, FILE *out);
static const char *topic_config_source(const struct client_config *config);
static int topic_config_width(size_t length, int width, int most);

enum client_exit client_topic_config(struct client *c, int argc, char **argv)
{
    struct client_flag flags[] = {{.name = "--all"}};
    enum client_exit status =
        client_begin(c, flags, ARRAY_COUNT(flags), 1, CLIENT_ARGS_MAX, argc, argv);
    if (status != CLIENT_EXIT_OK) {
        return status;
    }
    struct topic_change change = {.topic = c->args[0]};
    if (!client_is_topic_name(change.topic)) {
        status = client_refuse(c, change.topic, "is no name of a topic");
    }
    for (size_t i = 1; i < c->args_count && status == CLIENT_EXIT_OK; i++) {
        struct client_property *pair = &change.pairs[change.pairs_count];
        if (!client_pair(c, c->args[i], c->args[i], pair)) {
            status = CLIENT_EXIT_USAGE;
        } else if (topic_config_pair(&change, pair->name) != NULL) {
            status = client_refuse(c, pair->name, "is given twice");
        }
        change.pairs_count++;
    }
    if (status == CLIENT_EXIT_OK) {
        status = client_connect(c, CLIENT_KAFKA_CONSUMER, NULL, 0);
    }
    if (status == CLIENT_EXIT_OK) {
        status = topic_config(c, &change, flags[0].count > 0);
    }
    return client_end(c, status);
}

static enum client_exit topic_config(struct client *c, struct topic_change *change,
                                     bool is_all_shown)
{
    enum client_exit status = topic_config_read(c, change);
    if (status == CLIENT_EXIT_OK && change->pairs_count > 0) {
        status = topic_config_check(c, change);
        if (status == CLIENT_EXIT_OK) {
            status = topic_config_write(c, change);
        }
        if (status == CLIENT_EXIT_OK) {
            status = topic_config_read(c, change); /* what it is now, defaults included */
        }
    }
    if (status == CLIENT_EXIT_OK && c->is_json) {
        topic_config_json(change, is_all_shown, c->out);
    } else if (status == CLIENT_EXIT_OK) {
        topic_config_table(change, is_all_shown, c->out);
    }
    return status;
}

static enum client_exit topic_config_read(struct client *c, struct topic_change *change)
{
    enum err err = client_kafka_configs(&c->kafka, &c->arena, change->topic, &change->configs,
                                        &change->configs_count);
    return err == ERR_OK ? CLIENT_EXIT_OK : client_fail_topic(c, change->topic, err);
}

/* Whether the server knows the keys, and tells what must be written back. */
static enum client_exit topic_config_check(struct client *c, const struct topic_change *change)
{
    const char **names = client_alloc(c, change->configs_count * sizeof(*names));
    if (names == NULL) {
        return CLIENT_EXIT_FAILED;
    }
    for (size_t i = 0; i < change->configs_count; i++) {
        const struct client_config *config = &change->configs[i];
        names[i] = config->name;
        if (config->is_of_topic && config->value == NULL &&
            topic_config_pair(change, config->name) == NULL) {
            return client_fail(c,
                               "%s is set on %s and the server does not show its value, so it "
                               "could not be kept: give it as well",
                               config->name, change->topic);
        }
    }
    for (size_t i = 0; i < change->pairs_count; i++) {
        const char *name = change->pairs[i].name;
        bool is_known = false;
        for (size_t j = 0; j < change->configs_count && !is_known; j++) {
            is_known = strcmp(names[j], name) == 0;
        }
        if (!is_known) {
            const char *nearest = suggest_nearest(name, names, change->configs_count);
            fputs("tdb: no topic has a setting '", c->err);
            cli_text_put(c->err, name, strlen(name));
            fprintf(c->err, nearest != NULL ? "'; did you mean '%s'?\n" : "'%s\n",
                    nearest != NULL ? nearest : "");
            fprintf(c->err, "'tdb topic config %s --all' shows all; nothing was changed.\n",
                    change->topic);
            return CLIENT_EXIT_FAILED;
        }
    }
    return CLIENT_EXIT_OK;
}

/* What is set and not mentioned stays; what is given with a value is set. */
static enum client_exit topic_config_write(struct client *c, struct topic_change *change)
{
    size_t count = 0;
    struct client_property *wanted =
        client_alloc(c, (change->configs_count + change->pairs_count) * sizeof(*wanted));
    if (wanted == NULL) {
        return CLIENT_EXIT_FAILED;
    }
    for (size_t i = 0; i < change->configs_count; i++) {
        const struct client_config *config = &change->configs[i];
        if (config->is_of_topic && topic_config_pair(change, config->name) == NULL) {
            wanted[count++] = (struct client_property){config->name, config->value};
        }
    }
    for (size_t i = 0; i < change->pairs_count; i++) {
        if (change->pairs[i].value[0] != '\0') {
            wanted[count++] = change->pairs[i];
        }
    }
    enum err err = client_kafka_alter(&c->kafka, change->topic, wanted, count);
    return err == ERR_OK ? CLIENT_EXIT_OK : client_fail_topic(c, change->topic, err);
}

static const struct client_property *topic_config_pair(const struct topic_change *change,
                                                       const char *name)
{
    for (size_t i = 0; i < change->pairs_count; i++) {
        if (strcmp(change->pairs[i].name, name) == 0) {
            return &change->pairs[i];
        }
    }
    return NULL;
}

/* After a change what was changed; else what is set on the topic, or all. */
static bool topic_config_is_shown(const struct topic_change *change,
                                  const struct client_config *config, bool is_all_shown)
{
    if (is_all_shown) {
        return true;
    }
    return change->pairs_count > 0 ? topic_config_pair(change, config->name) != NULL
                                   : config->is_of_topic;
}

static void topic_config_table(const struct topic_change *change, bool is_all_shown, FILE *out)
{
    int name_width = 4;
    int value_width = 5;
    size_t shown_count = 0;
    for (size_t i = 0; i < change->configs_count; i++) {
        const struct client_config *config = &change->configs[i];
        if (topic_config_is_shown(change, config, is_all_shown)) {
            size_t value_length = config->value != NULL ? strlen(config->value) : 1;
            name_width =
                topic_config_width(strlen(config->name), name_width, TOPIC_CONFIG_NAME_MAX);
            value_width = topic_config_width(value_length, value_width, TOPIC_CONFIG_VALUE_MAX);
            shown_count++;
        }
    }
    if (shown_count == 0) {
        fprintf(out, "nothing is set on %s itself; --all shows what holds for it\n", change->topic);
        return;
    }
    fprintf(out, "%-*s  %-*s  %s\n", name_width, "name", value_width, "value", "source");
    for (size_t i = 0; i < change->configs_count; i++) {
        const struct client_config *config = &change->configs[i];
        if (topic_config_is_shown(change, config, is_all_shown)) {
            const char *value = config->value != NULL ? config->value : "-";
            size_t length = strlen(value);
            size_t name_length = strlen(config->name);
            cli_text_put(out, config->name, name_length);
            fprintf(out, "%*s  ",
                    name_length < (size_t)name_width ? name_width - (int)name_length : 0, "");
            cli_text_put_plain(out, value, length);
            fprintf(out, "%*s  %s\n", length < (size_t)value_width ? value_width - (int)length : 0,
                    "", topic_config_source(config));
        }
    }
}

static void topic_config_json(const struct topic_change *change, bool is_all_shown, FILE *out)
{
    const char *separator = "";
    fprintf(out, "{\"topic\":\"%s\",\"configs\":[", change->topic);
    for (size_t i = 0; i < change->configs_count; i++) {
        const struct client_config *config = &change->configs[i];
        if (topic_config_is_shown(change, config, is_all_shown)) {
            fprintf(out, "%s{", separator);
            cli_text_put_member(out, "name", config->name);
            if (config->value != NULL) {
                fputc(',', out);
                cli_text_put_member(out, "value", config->value);
            } else {
                fputs(",\"value\":null", out);
            }
            fputc(',', out);
            cli_text_put_member(out, "source", config->source);
            fputc('}', out);
            separator = ",";
        }
    }
    fputs("]}\n", out);
}

/* Kafka's name of a source in a word or two. */
static const char *topic_config_source(const struct client_config *config)
{
    static const struct {
        const char *name;
        const char *word;
    } rows[] = {
        {"DYNAMIC_TOPIC_CONFIG", "topic"},
        {"DYNAMIC_BROKER_CONFIG", "server"},
        {"DYNAMIC_DEFAULT_BROKER_CONFIG", "all servers"},
        {"STATIC_BROKER_CONFIG", "server's file"},
        {"DEFAULT_CONFIG", "default"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (strcmp(rows[i].name, config->source) == 0) {
            return rows[i].word;
        }
    }
    return config->source;
}

static int topic_config_width(size_t length, int width, int most)
{
    return length <= (size_t)width ? width : length < (size_t)most ? (int)length : most;
}
