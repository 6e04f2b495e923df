/* Topics, their configs, the cluster. See agent.h. Every admin call of librdkafka answers with an
 * event: the call's own error, or how the one topic fared that was asked about. */
#include <string.h>

#include "base/assert.h"
#include "tests/interop/librdkafka/agent.h"

static bool agent_admin(struct agent *a);
static rd_kafka_AdminOptions_t *agent_options(struct agent *a, rd_kafka_admin_op_t operation);
static rd_kafka_event_t *agent_event(struct agent *a);
static void agent_topic_result(struct agent *a, const rd_kafka_topic_result_t **results,
                               size_t count);
static void agent_resource_result(struct agent *a, const rd_kafka_ConfigResource_t **resources,
                                  size_t count);
static void agent_put_configs(struct agent *a, const rd_kafka_ConfigResource_t *resource);
static enum agent_end agent_finish(struct agent *a, rd_kafka_AdminOptions_t *options,
                                   rd_kafka_event_t *event);

enum agent_end agent_topics(struct agent *a)
{
    const struct rd_kafka_metadata *metadata = NULL;
    if (!agent_admin(a)) {
        return AGENT_REFUSED;
    }
    rd_kafka_resp_err_t code = rd_kafka_metadata(a->admin, 1, NULL, &metadata, AGENT_CALL_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return agent_fail(a, code, NULL);
    }
    fputs("\"topics\": {", a->out);
    for (int i = 0; i < metadata->topic_cnt; i++) {
        fputs(i > 0 ? ", " : "", a->out);
        agent_put(a->out, metadata->topics[i].topic, strlen(metadata->topics[i].topic));
        fprintf(a->out, ": %d", metadata->topics[i].partition_cnt);
    }
    fputc('}', a->out);
    rd_kafka_metadata_destroy(metadata);
    return AGENT_DONE;
}

enum agent_end agent_cluster(struct agent *a)
{
    const struct rd_kafka_metadata *metadata = NULL;
    if (!agent_admin(a)) {
        return AGENT_REFUSED;
    }
    rd_kafka_resp_err_t code = rd_kafka_metadata(a->admin, 0, NULL, &metadata, AGENT_CALL_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return agent_fail(a, code, NULL);
    }
    char *id = rd_kafka_clusterid(a->admin, AGENT_CALL_MS);
    fprintf(a->out, "\"nodes\": %d, \"asks\": \"Metadata\", \"id\": ", metadata->broker_cnt);
    agent_put(a->out, id, id != NULL ? strlen(id) : 0);
    if (id != NULL) {
        rd_kafka_mem_free(a->admin, id);
    }
    rd_kafka_metadata_destroy(metadata);
    return AGENT_DONE;
}

enum agent_end agent_create(struct agent *a)
{
    struct json_value configs = {0};
    struct json_value name;
    struct json_value value;
    char text[AGENT_WHY_BYTES];
    if (!agent_admin(a)) {
        return AGENT_REFUSED;
    }
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
        agent_text(a, "topic"), (int)agent_number(a, "partitions", 1), 1, text, sizeof(text));
    if (topic == NULL) {
        return agent_fail(a, RD_KAFKA_RESP_ERR__INVALID_ARG, text);
    }
    bool has_configs = agent_find(a, "configs", &configs);
    ASSERT(has_configs);
    for (struct json_items items = json_items(&configs); json_items_next(&items, &name, &value);) {
        size_t bytes;
        const char *key = agent_characters(a, &name, &bytes);
        rd_kafka_NewTopic_set_config(topic, key, agent_characters(a, &value, &bytes));
    }
    rd_kafka_AdminOptions_t *options = agent_options(a, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(a->admin, &topic, 1, options, a->events);
    rd_kafka_event_t *event = agent_event(a);
    if (event != NULL) {
        size_t count = 0;
        const rd_kafka_topic_result_t **results =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
        agent_topic_result(a, results, count);
    }
    rd_kafka_NewTopic_destroy(topic);
    return agent_finish(a, options, event);
}

enum agent_end agent_delete(struct agent *a)
{
    if (!agent_admin(a)) {
        return AGENT_REFUSED;
    }
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(agent_text(a, "topic"));
    rd_kafka_AdminOptions_t *options = agent_options(a, RD_KAFKA_ADMIN_OP_DELETETOPICS);
    rd_kafka_DeleteTopics(a->admin, &topic, 1, options, a->events);
    rd_kafka_event_t *event = agent_event(a);
    if (event != NULL) {
        size_t count = 0;
        const rd_kafka_topic_result_t **results =
            rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
        agent_topic_result(a, results, count);
    }
    rd_kafka_DeleteTopic_destroy(topic);
    return agent_finish(a, options, event);
}

enum agent_end agent_grow(struct agent *a)
{
    char text[AGENT_WHY_BYTES];
    if (!agent_admin(a)) {
        return AGENT_REFUSED;
    }
    rd_kafka_NewPartitions_t *wanted = rd_kafka_NewPartitions_new(
        agent_text(a, "topic"), (size_t)agent_number(a, "partitions", 1), text, sizeof(text));
    if (wanted == NULL) {
        return agent_fail(a, RD_KAFKA_RESP_ERR__INVALID_ARG, text);
    }
    rd_kafka_AdminOptions_t *options = agent_options(a, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS);
    rd_kafka_CreatePartitions(a->admin, &wanted, 1, options, a->events);
    rd_kafka_event_t *event = agent_event(a);
    if (event != NULL) {
        size_t count = 0;
        const rd_kafka_topic_result_t **results = rd_kafka_CreatePartitions_result_topics(
            rd_kafka_event_CreatePartitions_result(event), &count);
        agent_topic_result(a, results, count);
    }
    rd_kafka_NewPartitions_destroy(wanted);
    return agent_finish(a, options, event);
}

/* Of DeleteRecords the answer tells where the log begins now. */
enum agent_end agent_trim(struct agent *a)
{
    int64_t offset = agent_number(a, "offset", 0);
    if (!agent_admin(a)) {
        return AGENT_REFUSED;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, agent_text(a, "topic"),
                                      (int32_t)agent_number(a, "partition", 0))
        ->offset = offset;
    rd_kafka_DeleteRecords_t *wanted = rd_kafka_DeleteRecords_new(list);
    rd_kafka_AdminOptions_t *options = agent_options(a, RD_KAFKA_ADMIN_OP_DELETERECORDS);
    rd_kafka_DeleteRecords(a->admin, &wanted, 1, options, a->events);
    rd_kafka_event_t *event = agent_event(a);
    if (event != NULL) {
        const rd_kafka_topic_partition_list_t *told =
            rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
        if (told->cnt != 1) {
            agent_fail(a, RD_KAFKA_RESP_ERR__BAD_MSG, "the answer is not of one partition");
        } else if (told->elems[0].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            agent_fail(a, told->elems[0].err, NULL);
        } else if (told->elems[0].offset != offset) {
            agent_fail(a, RD_KAFKA_RESP_ERR__BAD_MSG, "the log begins elsewhere");
        }
    }
    rd_kafka_DeleteRecords_destroy(wanted);
    rd_kafka_topic_partition_list_destroy(list);
    return agent_finish(a, options, event);
}

enum agent_end agent_configs(struct agent *a)
{
    if (!agent_admin(a)) {
        return AGENT_REFUSED;
    }
    rd_kafka_ConfigResource_t *topic =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, agent_text(a, "topic"));
    rd_kafka_AdminOptions_t *options = agent_options(a, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(a->admin, &topic, 1, options, a->events);
    rd_kafka_event_t *event = agent_event(a);
    if (event != NULL) {
        size_t count = 0;
        const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(event), &count);
        agent_resource_result(a, resources, count);
        if (a->why[0] == '\0') {
            agent_put_configs(a, resources[0]);
        }
    }
    rd_kafka_ConfigResource_destroy(topic);
    return agent_finish(a, options, event);
}

enum agent_end agent_set(struct agent *a)
{
    struct json_value configs = {0};
    struct json_value name;
    struct json_value value;
    if (!agent_admin(a)) {
        return AGENT_REFUSED;
    }
    rd_kafka_ConfigResource_t *topic =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, agent_text(a, "topic"));
    bool has_configs = agent_find(a, "configs", &configs);
    ASSERT(has_configs);
    for (struct json_items items = json_items(&configs); json_items_next(&items, &name, &value);) {
        size_t bytes;
        const char *key = agent_characters(a, &name, &bytes);
        rd_kafka_ConfigResource_set_config(topic, key, agent_characters(a, &value, &bytes));
    }
    rd_kafka_AdminOptions_t *options = agent_options(a, RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
    rd_kafka_AlterConfigs(a->admin, &topic, 1, options, a->events);
    rd_kafka_event_t *event = agent_event(a);
    if (event != NULL) {
        size_t count = 0;
        const rd_kafka_ConfigResource_t **resources = rd_kafka_AlterConfigs_result_resources(
            rd_kafka_event_AlterConfigs_result(event), &count);
        agent_resource_result(a, resources, count);
    }
    rd_kafka_ConfigResource_destroy(topic);
    return agent_finish(a, options, event);
}

#if RD_KAFKA_VERSION >= 0x020200ff
enum agent_end agent_set_one(struct agent *a)
{
    if (!agent_admin(a)) {
        return AGENT_REFUSED;
    }
    rd_kafka_ConfigResource_t *topic =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, agent_text(a, "topic"));
    rd_kafka_error_t *error = rd_kafka_ConfigResource_add_incremental_config(
        topic, agent_text(a, "key"), RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET, agent_text(a, "value"));
    ASSERT(error == NULL);
    rd_kafka_AdminOptions_t *options = agent_options(a, RD_KAFKA_ADMIN_OP_INCREMENTALALTERCONFIGS);
    rd_kafka_IncrementalAlterConfigs(a->admin, &topic, 1, options, a->events);
    rd_kafka_event_t *event = agent_event(a);
    if (event != NULL) {
        size_t count = 0;
        const rd_kafka_ConfigResource_t **resources =
            rd_kafka_IncrementalAlterConfigs_result_resources(
                rd_kafka_event_IncrementalAlterConfigs_result(event), &count);
        agent_resource_result(a, resources, count);
    }
    rd_kafka_ConfigResource_destroy(topic);
    return agent_finish(a, options, event);
}
#else
enum agent_end agent_set_one(struct agent *a)
{
    snprintf(a->why, sizeof(a->why), "no IncrementalAlterConfigs in %s", rd_kafka_version_str());
    return AGENT_CANNOT;
}
#endif

static bool agent_admin(struct agent *a)
{
    if (a->admin == NULL) {
        a->admin = agent_open(a, RD_KAFKA_PRODUCER, NULL, 0);
        a->events = a->admin != NULL ? rd_kafka_queue_new(a->admin) : NULL;
    }
    return a->admin != NULL;
}

static rd_kafka_AdminOptions_t *agent_options(struct agent *a, rd_kafka_admin_op_t operation)
{
    char text[AGENT_WHY_BYTES];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(a->admin, operation);
    rd_kafka_AdminOptions_set_request_timeout(options, AGENT_CALL_MS, text, sizeof(text));
    return options;
}

/* The event that answers; NULL: the call failed. librdkafka ends a call itself when its time is up.
 */
static rd_kafka_event_t *agent_event(struct agent *a)
{
    rd_kafka_event_t *event = NULL;
    while (event == NULL) {
        event = rd_kafka_queue_poll(a->events, AGENT_CALL_MS);
    }
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        agent_fail(a, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
        rd_kafka_event_destroy(event);
        return NULL;
    }
    return event;
}

static void agent_topic_result(struct agent *a, const rd_kafka_topic_result_t **results,
                               size_t count)
{
    if (count != 1) {
        agent_fail(a, RD_KAFKA_RESP_ERR__BAD_MSG, "the answer is not of one topic");
    } else if (rd_kafka_topic_result_error(results[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        agent_fail(a, rd_kafka_topic_result_error(results[0]),
                   rd_kafka_topic_result_error_string(results[0]));
    }
}

static void agent_resource_result(struct agent *a, const rd_kafka_ConfigResource_t **resources,
                                  size_t count)
{
    if (count != 1) {
        agent_fail(a, RD_KAFKA_RESP_ERR__BAD_MSG, "the answer is not of one topic");
    } else if (rd_kafka_ConfigResource_error(resources[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        agent_fail(a, rd_kafka_ConfigResource_error(resources[0]),
                   rd_kafka_ConfigResource_error_string(resources[0]));
    }
}

static void agent_put_configs(struct agent *a, const rd_kafka_ConfigResource_t *resource)
{
    size_t count = 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    fputs("\"configs\": {", a->out);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        fputs(i > 0 ? ", " : "", a->out);
        agent_put(a->out, name, strlen(name));
        fputs(": ", a->out);
        agent_put(a->out, value, value != NULL ? strlen(value) : 0);
    }
    fputc('}', a->out);
}

/* A call's last step: what it leaves is given back. */
static enum agent_end agent_finish(struct agent *a, rd_kafka_AdminOptions_t *options,
                                   rd_kafka_event_t *event)
{
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    return a->why[0] == '\0' ? AGENT_DONE : AGENT_REFUSED;
}
