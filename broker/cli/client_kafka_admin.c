/* Asking about topics and changing them. See client_kafka.h.
 *
 * What librdkafka answers is copied into an arena, sorted, and given back to it at once: nobody
 * above has to know which of its results may be freed when. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "broker/cli/client_clock.h"
#include "broker/cli/client_kafka_int.h"

/* How often errors are looked at while an answer is awaited. */
#define CLIENT_KAFKA_SLICE_MS 100

static enum err client_kafka_describe_copy(struct client_kafka *k, struct arena *arena,
                                           const struct rd_kafka_metadata *metadata,
                                           struct client_cluster *out);
static bool client_kafka_describe_topic(struct arena *arena,
                                        const struct rd_kafka_metadata_topic *from,
                                        struct client_topic *to);
static int32_t *client_kafka_copy_ids(struct arena *arena, const int32_t *ids, int count);
static int client_kafka_compare_brokers(const void *a, const void *b);
static int client_kafka_compare_topics(const void *a, const void *b);
static int client_kafka_compare_partitions(const void *a, const void *b);
static int client_kafka_compare_configs(const void *a, const void *b);
static rd_kafka_AdminOptions_t *client_kafka_options(struct client_kafka *k,
                                                     rd_kafka_admin_op_t operation);
static enum err client_kafka_answer(struct client_kafka *k, rd_kafka_event_t **answer);
static enum err client_kafka_topic_answer(struct client_kafka *k, rd_kafka_event_t *answer,
                                          const rd_kafka_topic_result_t **results, size_t count);
static enum err client_kafka_resource_answer(struct client_kafka *k,
                                             const rd_kafka_ConfigResource_t **resources,
                                             size_t count);
static enum err client_kafka_configs_copy(struct client_kafka *k, struct arena *arena,
                                          const rd_kafka_ConfigResource_t *resource,
                                          const struct client_config **out, size_t *count);

enum err client_kafka_describe(struct client_kafka *k, struct arena *arena, const char *topic,
                               struct client_cluster *out)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *handle = NULL;
    *out = (struct client_cluster){.controller = -1, .answered_by = -1};
    if (topic != NULL) {
        handle = rd_kafka_topic_new(k->handle, topic, NULL);
        if (handle == NULL) {
            return client_kafka_fail(k, rd_kafka_last_error(), NULL);
        }
    }
    rd_kafka_resp_err_t code = rd_kafka_metadata(k->handle, topic == NULL, handle, &metadata,
                                                 client_kafka_left_ms(k, client_now_ns()));
    if (handle != NULL) {
        rd_kafka_topic_destroy(handle);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return client_kafka_fail(k, code, NULL);
    }
    enum err err = client_kafka_describe_copy(k, arena, metadata, out);
    rd_kafka_metadata_destroy(metadata);
    if (err == ERR_OK && topic != NULL) {
        err = out->topics_count == 1 ? out->topics[0].err : ERR_NOT_FOUND;
        if (err != ERR_OK) {
            snprintf(k->why, sizeof(k->why), "%s", err_text(err));
        }
    }
    return err;
}

void client_kafka_identify(struct client_kafka *k, struct arena *arena, struct client_cluster *out)
{
    uint64_t began_ns = client_now_ns();
    char *id = rd_kafka_clusterid(k->handle, client_kafka_left_ms(k, began_ns));
    if (id != NULL) {
        out->id = arena_copy(arena, id, strlen(id));
        rd_kafka_mem_free(k->handle, id);
    }
    out->controller = rd_kafka_controllerid(k->handle, client_kafka_left_ms(k, began_ns));
}

enum err client_kafka_offsets(struct client_kafka *k, const char *topic, const int32_t *partitions,
                              size_t count, int64_t time, int64_t *offsets)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, topic, partitions[i])->offset = time;
    }
    rd_kafka_resp_err_t code =
        rd_kafka_offsets_for_times(k->handle, list, client_kafka_left_ms(k, client_now_ns()));
    enum err err = code == RD_KAFKA_RESP_ERR_NO_ERROR ? ERR_OK : client_kafka_fail(k, code, NULL);
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        const rd_kafka_topic_partition_t *found =
            rd_kafka_topic_partition_list_find(list, topic, partitions[i]);
        if (found == NULL || found->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            char text[CLIENT_WHY_BYTES];
            code = found != NULL ? found->err : RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
            snprintf(text, sizeof(text), "partition %d: %s", (int)partitions[i],
                     rd_kafka_err2str(code));
            err = client_kafka_fail(k, code, text);
        } else {
            offsets[i] = found->offset >= 0 ? found->offset : -1;
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    return err;
}

enum err client_kafka_create(struct client_kafka *k, const struct client_new_topic *topic)
{
    char text[CLIENT_WHY_BYTES];
    rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic->name, topic->partitions_count,
                                                        topic->replication, text, sizeof(text));
    if (wanted == NULL) {
        client_kafka_explain(k->why, text);
        return ERR_INVALID;
    }
    for (size_t i = 0; i < topic->configs_count; i++) {
        rd_kafka_NewTopic_set_config(wanted, topic->configs[i].name, topic->configs[i].value);
    }
    rd_kafka_AdminOptions_t *options = client_kafka_options(k, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(k->handle, &wanted, 1, options, k->queue);
    rd_kafka_event_t *answer = NULL;
    enum err err = client_kafka_answer(k, &answer);
    if (err == ERR_OK) {
        size_t count = 0;
        const rd_kafka_topic_result_t **results =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer), &count);
        err = client_kafka_topic_answer(k, answer, results, count);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(wanted);
    return err;
}

enum err client_kafka_delete(struct client_kafka *k, const char *topic)
{
    rd_kafka_DeleteTopic_t *wanted = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_AdminOptions_t *options = client_kafka_options(k, RD_KAFKA_ADMIN_OP_DELETETOPICS);
    rd_kafka_DeleteTopics(k->handle, &wanted, 1, options, k->queue);
    rd_kafka_event_t *answer = NULL;
    enum err err = client_kafka_answer(k, &answer);
    if (err == ERR_OK) {
        size_t count = 0;
        const rd_kafka_topic_result_t **results =
            rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(answer), &count);
        err = client_kafka_topic_answer(k, answer, results, count);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_DeleteTopic_destroy(wanted);
    return err;
}

enum err client_kafka_configs(struct client_kafka *k, struct arena *arena, const char *topic,
                              const struct client_config **out, size_t *count)
{
    rd_kafka_ConfigResource_t *wanted = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_AdminOptions_t *options = client_kafka_options(k, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(k->handle, &wanted, 1, options, k->queue);
    rd_kafka_event_t *answer = NULL;
    enum err err = client_kafka_answer(k, &answer);
    if (err == ERR_OK) {
        size_t resources_count = 0;
        const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(answer), &resources_count);
        err = client_kafka_resource_answer(k, resources, resources_count);
        if (err == ERR_OK) {
            err = client_kafka_configs_copy(k, arena, resources[0], out, count);
        }
        rd_kafka_event_destroy(answer);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(wanted);
    return err;
}

enum err client_kafka_alter(struct client_kafka *k, const char *topic,
                            const struct client_property *configs, size_t configs_count)
{
    rd_kafka_ConfigResource_t *wanted = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    for (size_t i = 0; i < configs_count; i++) {
        rd_kafka_ConfigResource_set_config(wanted, configs[i].name, configs[i].value);
    }
    rd_kafka_AdminOptions_t *options = client_kafka_options(k, RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
    rd_kafka_AlterConfigs(k->handle, &wanted, 1, options, k->queue);
    rd_kafka_event_t *answer = NULL;
    enum err err = client_kafka_answer(k, &answer);
    if (err == ERR_OK) {
        size_t count = 0;
        const rd_kafka_ConfigResource_t **resources = rd_kafka_AlterConfigs_result_resources(
            rd_kafka_event_AlterConfigs_result(answer), &count);
        err = client_kafka_resource_answer(k, resources, count);
        rd_kafka_event_destroy(answer);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(wanted);
    return err;
}

static enum err client_kafka_describe_copy(struct client_kafka *k, struct arena *arena,
                                           const struct rd_kafka_metadata *metadata,
                                           struct client_cluster *out)
{
    size_t brokers_count = (size_t)metadata->broker_cnt;
    size_t topics_count = (size_t)metadata->topic_cnt;
    struct client_broker *brokers =
        arena_alloc_zeroed(arena, brokers_count * sizeof(*brokers), _Alignof(max_align_t));
    struct client_topic *topics =
        arena_alloc_zeroed(arena, topics_count * sizeof(*topics), _Alignof(max_align_t));
    bool is_copied = brokers != NULL && topics != NULL;
    for (size_t i = 0; i < brokers_count && is_copied; i++) {
        const struct rd_kafka_metadata_broker *from = &metadata->brokers[i];
        brokers[i] = (struct client_broker){
            .id = from->id,
            .host = arena_copy(arena, from->host, strlen(from->host)),
            .port = from->port,
        };
        is_copied = brokers[i].host != NULL;
    }
    for (size_t i = 0; i < topics_count && is_copied; i++) {
        is_copied = client_kafka_describe_topic(arena, &metadata->topics[i], &topics[i]);
    }
    if (!is_copied) {
        snprintf(k->why, sizeof(k->why), "the answer needs too much memory");
        return ERR_BUDGET;
    }
    qsort(brokers, brokers_count, sizeof(*brokers), client_kafka_compare_brokers);
    qsort(topics, topics_count, sizeof(*topics), client_kafka_compare_topics);
    out->answered_by = metadata->orig_broker_id;
    out->brokers = brokers;
    out->brokers_count = brokers_count;
    out->topics = topics;
    out->topics_count = topics_count;
    return ERR_OK;
}

static bool client_kafka_describe_topic(struct arena *arena,
                                        const struct rd_kafka_metadata_topic *from,
                                        struct client_topic *to)
{
    size_t count = (size_t)from->partition_cnt;
    struct client_partition *partitions =
        arena_alloc_zeroed(arena, count * sizeof(*partitions), _Alignof(max_align_t));
    to->name = arena_copy(arena, from->topic, strlen(from->topic));
    to->err = client_kafka_err(from->err);
    if (partitions == NULL || to->name == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const struct rd_kafka_metadata_partition *partition = &from->partitions[i];
        partitions[i] = (struct client_partition){
            .id = partition->id,
            .leader = partition->leader,
            .err = client_kafka_err(partition->err),
            .replicas_count = (size_t)partition->replica_cnt,
            .replicas = client_kafka_copy_ids(arena, partition->replicas, partition->replica_cnt),
            .in_sync_count = (size_t)partition->isr_cnt,
            .in_sync = client_kafka_copy_ids(arena, partition->isrs, partition->isr_cnt),
        };
        if (partitions[i].replicas == NULL || partitions[i].in_sync == NULL) {
            return false;
        }
    }
    qsort(partitions, count, sizeof(*partitions), client_kafka_compare_partitions);
    to->partitions = partitions;
    to->partitions_count = count;
    return true;
}

static int32_t *client_kafka_copy_ids(struct arena *arena, const int32_t *ids, int count)
{
    int32_t *copy = arena_alloc(arena, (size_t)count * sizeof(*copy), _Alignof(int32_t));
    for (int i = 0; i < count && copy != NULL; i++) {
        copy[i] = ids[i];
    }
    return copy;
}

static int client_kafka_compare_brokers(const void *a, const void *b)
{
    int32_t x = ((const struct client_broker *)a)->id;
    int32_t y = ((const struct client_broker *)b)->id;
    return (x > y) - (x < y);
}

static int client_kafka_compare_topics(const void *a, const void *b)
{
    return strcmp(((const struct client_topic *)a)->name, ((const struct client_topic *)b)->name);
}

static int client_kafka_compare_partitions(const void *a, const void *b)
{
    int32_t x = ((const struct client_partition *)a)->id;
    int32_t y = ((const struct client_partition *)b)->id;
    return (x > y) - (x < y);
}

static int client_kafka_compare_configs(const void *a, const void *b)
{
    return strcmp(((const struct client_config *)a)->name, ((const struct client_config *)b)->name);
}

static rd_kafka_AdminOptions_t *client_kafka_options(struct client_kafka *k,
                                                     rd_kafka_admin_op_t operation)
{
    char text[CLIENT_WHY_BYTES];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(k->handle, operation);
    int timeout_ms = client_kafka_left_ms(k, client_now_ns());
    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, text, sizeof(text));
    if (operation == RD_KAFKA_ADMIN_OP_CREATETOPICS ||
        operation == RD_KAFKA_ADMIN_OP_DELETETOPICS) {
        /* Answered when it is done, not when it is begun. */
        rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, text, sizeof(text));
    }
    return options;
}

/* *answer = what came, the caller's to destroy; librdkafka ends a request itself when its time is
 * up. */
static enum err client_kafka_answer(struct client_kafka *k, rd_kafka_event_t **answer)
{
    rd_kafka_event_t *event = NULL;
    while (event == NULL) {
        rd_kafka_poll(k->handle, 0);
        event = rd_kafka_queue_poll(k->queue, CLIENT_KAFKA_SLICE_MS);
    }
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        enum err err = client_kafka_fail(k, code, rd_kafka_event_error_string(event));
        rd_kafka_event_destroy(event);
        return err;
    }
    *answer = event;
    return ERR_OK;
}

/* How the one topic fared; `answer` is destroyed. */
static enum err client_kafka_topic_answer(struct client_kafka *k, rd_kafka_event_t *answer,
                                          const rd_kafka_topic_result_t **results, size_t count)
{
    enum err err = ERR_OK;
    if (count != 1) {
        snprintf(k->why, sizeof(k->why), "the server's answer names %zu topics", count);
        err = ERR_INVALID;
    } else if (rd_kafka_topic_result_error(results[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = client_kafka_fail(k, rd_kafka_topic_result_error(results[0]),
                                rd_kafka_topic_result_error_string(results[0]));
    }
    rd_kafka_event_destroy(answer);
    return err;
}

/* How the one resource fared. */
static enum err client_kafka_resource_answer(struct client_kafka *k,
                                             const rd_kafka_ConfigResource_t **resources,
                                             size_t count)
{
    if (count != 1) {
        snprintf(k->why, sizeof(k->why), "the server's answer names %zu topics", count);
        return ERR_INVALID;
    }
    rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(resources[0]);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? ERR_OK
               : client_kafka_fail(k, code, rd_kafka_ConfigResource_error_string(resources[0]));
}

static enum err client_kafka_configs_copy(struct client_kafka *k, struct arena *arena,
                                          const rd_kafka_ConfigResource_t *resource,
                                          const struct client_config **out, size_t *count)
{
    size_t entries_count = 0;
    const rd_kafka_ConfigEntry_t **entries =
        rd_kafka_ConfigResource_configs(resource, &entries_count);
    struct client_config *configs =
        arena_alloc_zeroed(arena, entries_count * sizeof(*configs), _Alignof(max_align_t));
    bool is_copied = configs != NULL;
    for (size_t i = 0; i < entries_count && is_copied; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        rd_kafka_ConfigSource_t source = rd_kafka_ConfigEntry_source(entries[i]);
        configs[i] = (struct client_config){
            .name = arena_copy(arena, name, strlen(name)),
            .value = value != NULL ? arena_copy(arena, value, strlen(value)) : NULL,
            .source = rd_kafka_ConfigSource_name(source),
            .is_of_topic = source == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG,
            .is_sensitive = rd_kafka_ConfigEntry_is_sensitive(entries[i]) == 1,
        };
        is_copied = configs[i].name != NULL && (value == NULL || configs[i].value != NULL);
    }
    if (!is_copied) {
        snprintf(k->why, sizeof(k->why), "the answer needs too much memory");
        return ERR_BUDGET;
    }
    qsort(configs, entries_count, sizeof(*configs), client_kafka_compare_configs);
    *out = configs;
    *count = entries_count;
    return ERR_OK;
}
