/* `tdb topic create`, `list`, `describe` and `delete`. Names stand last in a row: they may be
 * longer than a line, numbers may not. */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "broker/cli/client_int.h"
#include "broker/cli/client_record.h"
#include "broker/cli/text.h"

/* The offsets of a topic's partitions, by id. */
struct topic_offsets {
    int64_t *starts; /* first ones; NULL: not known */
    int64_t *ends;   /* behind the last ones */
};

static enum client_exit topic_make(struct client *c, const struct client_flag *flags);
static void topic_list_table(const struct client_cluster *cluster, bool is_internal_shown,
                             FILE *out);
static void topic_list_json(const struct client_cluster *cluster, bool is_internal_shown,
                            FILE *out);
static bool topic_is_shown(const struct client_topic *topic, bool is_internal_shown);
static enum client_exit topic_show(struct client *c, const char *name);
static enum client_exit topic_offsets(struct client *c, const struct client_topic *topic,
                                      struct topic_offsets *offsets);
static void topic_table(const struct client_topic *topic, const struct topic_offsets *offsets,
                        const struct client_config *configs, size_t configs_count, FILE *out);
static void topic_table_partition(const struct client_partition *part,
                                  const struct topic_offsets *offsets, size_t index, FILE *out);
static void topic_json(const struct client_topic *topic, const struct topic_offsets *offsets,
                       const struct client_config *configs, size_t configs_count, FILE *out);
static void topic_put_ids(FILE *out, const int32_t *ids, size_t count, int width);

enum client_exit client_topic_create(struct client *c, int argc, char **argv)
{
    struct client_flag flags[] = {
        {.name = "--partitions", .wants = "a number"},
        {.name = "--replication", .wants = "a number"},
        {.name = "--config", .wants = "KEY=VALUE", .is_repeated = true},
        {.name = "--if-not-exists"},
    };
    enum client_exit status = client_begin(c, flags, ARRAY_COUNT(flags), 1, 1, argc, argv);
    return status != CLIENT_EXIT_OK ? status : client_end(c, topic_make(c, flags));
}

static enum client_exit topic_make(struct client *c, const struct client_flag *flags)
{
    const char *name = c->args[0];
    int64_t partitions_count = -1;
    int64_t replication = -1;
    if (!client_is_topic_name(name)) {
        return client_refuse(c, name,
                             "is no name for a topic: 1 to 249 of letters, digits, '.', '_', '-'");
    }
    if (!client_number(c, &flags[0], 1000000, &partitions_count) ||
        !client_number(c, &flags[1], 1000, &replication)) {
        return CLIENT_EXIT_USAGE;
    }
    if (partitions_count == 0 || replication == 0) {
        return client_refuse(c, flags[partitions_count == 0 ? 0 : 1].name, "takes 1 or more");
    }
    struct client_property configs[CLIENT_VALUES_MAX];
    for (size_t i = 0; i < flags[2].count; i++) {
        if (!client_pair(c, flags[2].name, flags[2].values[i], &configs[i])) {
            return CLIENT_EXIT_USAGE;
        }
    }
    enum client_exit status = client_connect(c, CLIENT_KAFKA_CONSUMER, NULL, 0);
    if (status != CLIENT_EXIT_OK) {
        return status;
    }
    struct client_new_topic wanted = {
        .name = name,
        .partitions_count = (int32_t)partitions_count,
        .replication = (int32_t)replication,
        .configs = configs,
        .configs_count = flags[2].count,
    };
    enum err err = client_kafka_create(&c->kafka, &wanted);
    bool is_there = err == ERR_EXISTS && flags[3].count > 0;
    if (err == ERR_EXISTS && !is_there) {
        client_fail(c, "topic %s exists already", name);
        fprintf(c->err, "'tdb topic describe %s' shows it; --if-not-exists lets it be.\n", name);
        return CLIENT_EXIT_FAILED;
    }
    if (err != ERR_OK && !is_there) {
        return client_fail_topic(c, name, err);
    }
    if (c->is_json) {
        fprintf(c->out, "{\"topic\":\"%s\",\"created\":%s}\n", name, is_there ? "false" : "true");
    } else {
        fprintf(c->out, "%s %s\n", is_there ? "exists already:" : "created", name);
    }
    return CLIENT_EXIT_OK;
}

enum client_exit client_topic_list(struct client *c, int argc, char **argv)
{
    struct client_flag flags[] = {{.name = "--internal"}};
    enum client_exit status = client_begin(c, flags, ARRAY_COUNT(flags), 0, 0, argc, argv);
    if (status != CLIENT_EXIT_OK) {
        return status;
    }
    status = client_connect(c, CLIENT_KAFKA_CONSUMER, NULL, 0);
    if (status == CLIENT_EXIT_OK) {
        struct client_cluster cluster;
        if (client_kafka_describe(&c->kafka, &c->arena, NULL, &cluster) != ERR_OK) {
            return client_end(c, client_fail(c, "%s", c->kafka.why));
        }
        if (c->is_json) {
            topic_list_json(&cluster, flags[0].count > 0, c->out);
        } else {
            topic_list_table(&cluster, flags[0].count > 0, c->out);
        }
    }
    return client_end(c, status);
}

static void topic_list_table(const struct client_cluster *cluster, bool is_internal_shown,
                             FILE *out)
{
    fprintf(out, "%10s  %11s  %s\n", "partitions", "replication", "topic");
    for (size_t i = 0; i < cluster->topics_count; i++) {
        const struct client_topic *topic = &cluster->topics[i];
        if (topic_is_shown(topic, is_internal_shown)) {
            size_t replication =
                topic->partitions_count > 0 ? topic->partitions[0].replicas_count : 0;
            fprintf(out, "%10zu  %11zu  ", topic->partitions_count, replication);
            cli_text_put(out, topic->name, strlen(topic->name));
            if (topic->err != ERR_OK) {
                fprintf(out, "  (%s)", err_text(topic->err));
            }
            fputc('\n', out);
        }
    }
}

static void topic_list_json(const struct client_cluster *cluster, bool is_internal_shown, FILE *out)
{
    const char *separator = "";
    fputs("{\"topics\":[", out);
    for (size_t i = 0; i < cluster->topics_count; i++) {
        const struct client_topic *topic = &cluster->topics[i];
        if (topic_is_shown(topic, is_internal_shown)) {
            size_t replication =
                topic->partitions_count > 0 ? topic->partitions[0].replicas_count : 0;
            fprintf(out, "%s{", separator);
            cli_text_put_member(out, "topic", topic->name);
            fprintf(out, ",\"partitions\":%zu,\"replication\":%zu}", topic->partitions_count,
                    replication);
            separator = ",";
        }
    }
    fputs("]}\n", out);
}

static bool topic_is_shown(const struct client_topic *topic, bool is_internal_shown)
{
    return is_internal_shown || strncmp(topic->name, "__", 2) != 0;
}

enum client_exit client_topic_describe(struct client *c, int argc, char **argv)
{
    enum client_exit status = client_begin(c, NULL, 0, 1, 1, argc, argv);
    if (status != CLIENT_EXIT_OK) {
        return status;
    }
    status = client_is_topic_name(c->args[0])
                 ? client_connect(c, CLIENT_KAFKA_CONSUMER, NULL, 0)
                 : client_refuse(c, c->args[0], "is no name of a topic");
    return client_end(c, status != CLIENT_EXIT_OK ? status : topic_show(c, c->args[0]));
}

static enum client_exit topic_show(struct client *c, const char *name)
{
    struct client_cluster cluster;
    struct topic_offsets offsets = {NULL, NULL};
    const struct client_config *configs = NULL;
    size_t configs_count = 0;
    enum client_exit status = client_describe(c, name, false, &cluster);
    if (status != CLIENT_EXIT_OK) {
        return status;
    }
    const struct client_topic *topic = &cluster.topics[0];
    status = topic_offsets(c, topic, &offsets);
    if (client_kafka_configs(&c->kafka, &c->arena, name, &configs, &configs_count) != ERR_OK) {
        status = client_fail(c, "settings of %s: %s", name, c->kafka.why); /* the rest is shown */
    }
    if (c->is_json) {
        topic_json(topic, &offsets, configs, configs_count, c->out);
    } else {
        topic_table(topic, &offsets, configs, configs_count, c->out);
    }
    return status;
}

/* A partition without a leader has no offsets: then none are shown, and it is said why. */
static enum client_exit topic_offsets(struct client *c, const struct client_topic *topic,
                                      struct topic_offsets *offsets)
{
    size_t count = topic->partitions_count;
    int32_t *ids = client_alloc(c, count * sizeof(*ids));
    int64_t *starts = client_alloc(c, count * sizeof(*starts));
    int64_t *ends = client_alloc(c, count * sizeof(*ends));
    if (ids == NULL || starts == NULL || ends == NULL) {
        return CLIENT_EXIT_FAILED;
    }
    for (size_t i = 0; i < count; i++) {
        ids[i] = topic->partitions[i].id;
    }
    struct client_kafka *kafka = &c->kafka;
    enum err err = client_kafka_offsets(kafka, topic->name, ids, count, CLIENT_TIME_START, starts);
    if (err == ERR_OK) {
        err = client_kafka_offsets(kafka, topic->name, ids, count, CLIENT_TIME_END, ends);
    }
    if (err != ERR_OK) {
        return client_fail(c, "offsets of %s: %s", topic->name, kafka->why);
    }
    *offsets = (struct topic_offsets){starts, ends};
    return CLIENT_EXIT_OK;
}

static void topic_table(const struct client_topic *topic, const struct topic_offsets *offsets,
                        const struct client_config *configs, size_t configs_count, FILE *out)
{
    fprintf(out, "topic       %s\npartitions  %zu\n", topic->name, topic->partitions_count);
    for (size_t i = 0; i < configs_count; i++) {
        if (configs[i].is_of_topic) {
            const char *value = configs[i].value != NULL ? configs[i].value : "(not shown)";
            fputs("config      ", out);
            cli_text_put(out, configs[i].name, strlen(configs[i].name));
            fputc('=', out);
            cli_text_put_plain(out, value, strlen(value));
            fputc('\n', out);
        }
    }
    fprintf(out, "\n%9s %7s %14s %14s  %-12s  %s\n", "partition", "leader", "first", "next",
            "replicas", "in sync");
    for (size_t i = 0; i < topic->partitions_count; i++) {
        topic_table_partition(&topic->partitions[i], offsets, i, out);
    }
}

static void topic_table_partition(const struct client_partition *part,
                                  const struct topic_offsets *offsets, size_t index, FILE *out)
{
    fprintf(out, "%9" PRId32 " ", part->id);
    if (part->leader >= 0) {
        fprintf(out, "%7" PRId32 " ", part->leader);
    } else {
        fprintf(out, "%7s ", "none");
    }
    if (offsets->starts != NULL) {
        fprintf(out, "%14" PRId64 " %14" PRId64 "  ", offsets->starts[index], offsets->ends[index]);
    } else {
        fprintf(out, "%14s %14s  ", "-", "-");
    }
    topic_put_ids(out, part->replicas, part->replicas_count, 12);
    fputs("  ", out);
    topic_put_ids(out, part->in_sync, part->in_sync_count, 0);
    fputc('\n', out);
}

static void topic_json(const struct client_topic *topic, const struct topic_offsets *offsets,
                       const struct client_config *configs, size_t configs_count, FILE *out)
{
    const char *separator = "";
    fprintf(out, "{\"topic\":\"%s\",\"config\":{", topic->name);
    for (size_t i = 0; i < configs_count; i++) {
        if (configs[i].is_of_topic) {
            fputs(separator, out);
            separator = ",";
            cli_text_put_member(out, configs[i].name,
                                configs[i].value != NULL ? configs[i].value : "");
        }
    }
    fputs("},\"partitions\":[", out);
    for (size_t i = 0; i < topic->partitions_count; i++) {
        const struct client_partition *part = &topic->partitions[i];
        fprintf(out, "%s{\"partition\":%" PRId32 ",\"leader\":%" PRId32, i > 0 ? "," : "", part->id,
                part->leader);
        if (offsets->starts != NULL) {
            fprintf(out, ",\"first_offset\":%" PRId64 ",\"next_offset\":%" PRId64,
                    offsets->starts[i], offsets->ends[i]);
        }
        fputs(",\"replicas\":[", out);
        topic_put_ids(out, part->replicas, part->replicas_count, 0);
        fputs("],\"in_sync\":[", out);
        topic_put_ids(out, part->in_sync, part->in_sync_count, 0);
        fputs("]}", out);
    }
    fputs("]}\n", out);
}

/* "1,2,3", and spaces up to `width` columns. */
static void topic_put_ids(FILE *out, const int32_t *ids, size_t count, int width)
{
    int written = 0;
    for (size_t i = 0; i < count; i++) {
        written += fprintf(out, "%s%" PRId32, i > 0 ? "," : "", ids[i]);
    }
    fprintf(out, "%*s", written < width ? width - written : 0, "");
}

enum client_exit client_topic_delete(struct client *c, int argc, char **argv)
{
    struct client_flag flags[] = {{.name = "--if-exists"}};
    enum client_exit status =
        client_begin(c, flags, ARRAY_COUNT(flags), 1, CLIENT_ARGS_MAX, argc, argv);
    if (status != CLIENT_EXIT_OK) {
        return status;
    }
    for (size_t i = 0; i < c->args_count && status == CLIENT_EXIT_OK; i++) {
        if (!client_is_topic_name(c->args[i])) {
            status = client_refuse(c, c->args[i], "is no name of a topic");
        }
    }
    if (status == CLIENT_EXIT_OK) {
        status = client_connect(c, CLIENT_KAFKA_CONSUMER, NULL, 0);
    }
    if (status != CLIENT_EXIT_OK) {
        return client_end(c, status);
    }
    for (size_t i = 0; i < c->args_count; i++) {
        enum err err = client_kafka_delete(&c->kafka, c->args[i]);
        bool is_absent = err == ERR_NOT_FOUND && flags[0].count > 0;
        if (err != ERR_OK && !is_absent) {
            status = client_fail_topic(c, c->args[i], err);
        } else if (c->is_json) {
            fprintf(c->out, "{\"topic\":\"%s\",\"deleted\":%s}\n", c->args[i],
                    is_absent ? "false" : "true");
        } else {
            fprintf(c->out, "%s %s\n", is_absent ? "no topic" : "deleted", c->args[i]);
        }
    }
    return client_end(c, status);
}
