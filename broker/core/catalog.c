/* The fold of the controller's commands. See catalog.h.
 *
 * A draft is a catalog under way: it starts as the old one, with a reference on each of its trees,
 * and each command changes its trees and counters. A command that fails lets the draft go.
 *
 * A topic is one block: the struct, the groups, the pairs, then the texts. */
#include "broker/core/catalog.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "broker/core/catalog_int.h"

/* What client programs know as Kafka's internal topics (Topic.INTERNAL_TOPICS). */
static const char *const core_topic_internals[] = {
    "__consumer_offsets",
    "__transaction_state",
    "__share_group_state",
};

/* What a topic is made from; all of it is copied. */
struct core_topic_parts {
    struct log_uuid uuid;                       /* not zero */
    struct core_catalog_name name;              /* legal */
    int64_t created_ms;                         /* since 1970 */
    const uint64_t *groups;                     /* of the first partitions; NULL: there are none */
    uint32_t groups_count;                      /* so many */
    uint64_t group_first;                       /* of the partitions behind them */
    uint32_t partitions_count;                  /* all */
    struct core_topic_config config;            /* what the pairs say */
    const struct core_topic_config_pair *pairs; /* sorted by name, all known and allowed */
    size_t pairs_count;                         /* of them */
};

/* Pairs being put together, sorted by name. */
struct core_topic_pairs {
    struct core_topic_config_pair list[CORE_TOPIC_CONFIG_PAIRS_MAX]; /* the first `count` */
    size_t count;                                                    /* of them */
};

static void core_topic_hold(void *ctx, void *item);
static void core_topic_drop(void *ctx, void *item);

static const struct core_tree_items core_topic_items = {core_topic_hold, core_topic_drop};

static enum err core_catalog_draft(struct core_catalog_keeper *keeper,
                                   const struct core_catalog *old, uint64_t index,
                                   struct core_catalog **out);
static enum err core_catalog_finish(struct core_catalog_keeper *keeper, struct core_catalog *draft,
                                    enum err err, struct core_catalog **out);
static enum err core_catalog_fold(struct core_catalog_keeper *keeper, struct core_catalog *draft,
                                  const struct core_command *cmd);
static enum err core_catalog_fold_create(struct core_catalog_keeper *keeper,
                                         struct core_catalog *draft,
                                         const struct core_command *cmd);
static enum err core_catalog_fold_delete(struct core_catalog_keeper *keeper,
                                         struct core_catalog *draft,
                                         const struct core_command *cmd);
static enum err core_catalog_fold_add(struct core_catalog_keeper *keeper,
                                      struct core_catalog *draft, const struct core_command *cmd);
static enum err core_catalog_fold_set(struct core_catalog_keeper *keeper,
                                      struct core_catalog *draft, const struct core_command *cmd);
static enum err core_catalog_fold_ids(struct core_catalog *draft, const struct core_command *cmd);
static bool core_catalog_takes_groups(const struct core_catalog *draft, uint64_t group_first,
                                      uint32_t count);
static enum err core_catalog_put(struct core_catalog_keeper *keeper, struct core_catalog *draft,
                                 const struct core_topic_parts *parts);
static struct core_topic_parts core_topic_parts(const struct core_topic *topic);
static enum err core_topic_new(struct core_catalog_keeper *keeper,
                               const struct core_topic_parts *parts, struct core_topic **out);
static void core_topic_fill(struct core_topic *topic, const struct core_topic_parts *parts);
static const char *core_topic_put_text(char **at, const char *text, size_t bytes);
static enum err core_topic_pairs_merge(struct core_topic_pairs *pairs,
                                       const struct core_topic_config *defaults,
                                       const struct core_topic *topic,
                                       const struct core_topic_config_pair *changes, size_t count,
                                       struct core_topic_config *config,
                                       struct core_topic_config_fault *fault);
static void core_topic_pairs_put(struct core_topic_pairs *pairs,
                                 const struct core_topic_config_pair *changes, size_t count);
static int core_catalog_compare_name(const void *key, const void *item);
static int core_catalog_compare_uuid(const void *key, const void *item);
static int core_catalog_compare_fold(const void *key, const void *item);

void core_catalog_keeper_init(struct core_catalog_keeper *keeper, struct budget *budget,
                              const struct core_topic_config *defaults)
{
    static_assert(LIMIT_PARTITIONS_COUNT <= CORE_TREE_ITEMS_MAX, "a topic has a partition or more");
    *keeper = (struct core_catalog_keeper){.budget = budget, .defaults = *defaults};
    core_tree_pool_init(&keeper->nodes, budget, &core_topic_items, keeper);
    core_tree_pool_init(&keeper->stream_nodes, budget, &core_stream_items, keeper);
    core_tree_pool_init(&keeper->view_nodes, budget, &core_view_items, keeper);
}

void core_catalog_keeper_deinit(struct core_catalog_keeper *keeper)
{
    ASSERT(keeper->catalogs_count == 0);
    ASSERT(keeper->topics_count == 0);
    ASSERT(keeper->streams_count == 0);
    ASSERT(keeper->views_count == 0);
    core_tree_pool_deinit(&keeper->nodes);
    core_tree_pool_deinit(&keeper->stream_nodes);
    core_tree_pool_deinit(&keeper->view_nodes);
}

enum err core_catalog_new(struct core_catalog_keeper *keeper, struct core_catalog **out)
{
    const struct core_catalog empty = {.group_next = 1};
    return core_catalog_draft(keeper, &empty, 0, out);
}

struct log_uuid core_topic_controller_uuid(void)
{
    return (struct log_uuid){.bytes = {[15] = 1}};
}

enum err core_catalog_put_controller(struct core_catalog_keeper *keeper,
                                     struct core_catalog *catalog)
{
    static const uint64_t group = 0;
    ASSERT(catalog->topics_count == 0);
    struct core_topic_parts parts = {
        .uuid = core_topic_controller_uuid(),
        .name = {CORE_TOPIC_CONTROLLER, sizeof(CORE_TOPIC_CONTROLLER) - 1},
        .groups = &group,
        .groups_count = 1,
        .partitions_count = 1,
        .config = keeper->defaults,
    };
    parts.config.retention_ms = -1; /* nothing of it is ever old */
    parts.config.retention_bytes = -1;
    parts.config.durability = CORE_DURABILITY_QUORUM_FSYNC;
    enum err err = core_catalog_put(keeper, catalog, &parts);
    if (err == ERR_OK) {
        catalog->topics_count = 1;
        catalog->partitions_count = 1;
    }
    return err;
}

enum err core_catalog_apply(struct core_catalog_keeper *keeper, struct core_catalog *old,
                            const struct core_command *commands, size_t count, uint64_t index,
                            struct core_catalog **out, struct err_info *info)
{
    ASSERT(index > old->version);
    struct core_catalog *draft;
    enum err err = core_catalog_draft(keeper, old, index, &draft);
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        err = core_catalog_fold(keeper, draft, &commands[i]);
        if (err != ERR_OK) {
            err = ERR_RECORD(info, err, i, commands[i].type);
        }
    }
    return core_catalog_finish(keeper, draft, err, out);
}

enum err core_catalog_apply_batch(struct core_catalog_keeper *keeper, struct core_catalog *old,
                                  const void *data, size_t length, uint64_t index,
                                  struct core_catalog **out, struct err_info *info)
{
    ASSERT(index > old->version);
    struct core_catalog *draft;
    enum err err = core_catalog_draft(keeper, old, index, &draft);
    struct core_command_batch batch;
    if (err == ERR_OK) {
        err = core_command_batch_open(&batch, data, length);
    }
    struct core_command cmd = {.type = 0};
    uint64_t count = 0;
    while (err == ERR_OK) {
        err = core_command_batch_next(&batch, &cmd);
        if (err == ERR_OK) {
            err = core_catalog_fold(keeper, draft, &cmd);
            count += err == ERR_OK;
        }
    }
    if (err != ERR_END) {
        err = ERR_RECORD(info, err, count, cmd.type);
    }
    return core_catalog_finish(keeper, draft, err == ERR_END ? ERR_OK : err, out);
}

void core_catalog_ref(struct core_catalog *catalog)
{
    ASSERT(catalog->refs > 0);
    ASSERT(catalog->refs < UINT32_MAX);
    catalog->refs++;
}

void core_catalog_unref(struct core_catalog_keeper *keeper, struct core_catalog *catalog)
{
    ASSERT(catalog->refs > 0);
    if (--catalog->refs > 0) {
        return;
    }
    core_tree_unref(&keeper->nodes, &catalog->by_name);
    core_tree_unref(&keeper->nodes, &catalog->by_uuid);
    core_tree_unref(&keeper->nodes, &catalog->by_fold);
    core_tree_unref(&keeper->nodes, &catalog->by_case);
    core_tree_unref(&keeper->stream_nodes, &catalog->streams_by_name);
    core_tree_unref(&keeper->stream_nodes, &catalog->streams_by_case);
    core_tree_unref(&keeper->stream_nodes, &catalog->streams_by_topic);
    core_tree_unref(&keeper->view_nodes, &catalog->views_by_name);
    core_tree_unref(&keeper->view_nodes, &catalog->views_by_case);
    core_tree_unref(&keeper->view_nodes, &catalog->views_by_topic);
    core_tree_unref(&keeper->view_nodes, &catalog->views_by_uuid);
    ASSERT(keeper->catalogs_count > 0);
    keeper->catalogs_count--;
    budget_free(keeper->budget, catalog);
}

const struct core_topic *core_catalog_find(const struct core_catalog *catalog, const char *name,
                                           size_t name_bytes)
{
    const struct core_catalog_name key = {name, name_bytes};
    return core_tree_find(catalog->by_name, core_catalog_compare_name, &key);
}

const struct core_topic *core_catalog_find_uuid(const struct core_catalog *catalog,
                                                const struct log_uuid *uuid)
{
    return core_tree_find(catalog->by_uuid, core_catalog_compare_uuid, uuid);
}

const struct core_topic *core_catalog_find_fold(const struct core_catalog *catalog,
                                                const char *name, size_t name_bytes)
{
    const struct core_catalog_name key = {name, name_bytes};
    return core_tree_find(catalog->by_fold, core_catalog_compare_fold, &key);
}

void core_catalog_walk(struct core_tree_walk *walk, const struct core_catalog *catalog,
                       const char *name, size_t name_bytes)
{
    const struct core_catalog_name key = {name, name_bytes};
    core_tree_walk(walk, catalog->by_name, core_catalog_compare_name, name != NULL ? &key : NULL);
}

const struct core_topic *core_catalog_next(struct core_tree_walk *walk)
{
    return core_tree_next(walk);
}

enum err core_catalog_can_create(const struct core_catalog *catalog, const char *name,
                                 size_t name_bytes, uint32_t partitions_count,
                                 struct core_topic_config_fault *fault)
{
    struct core_topic_config_fault unwanted;
    fault = fault != NULL ? fault : &unwanted;
    fault->text[0] = '\0';
    if (!core_topic_is_legal(name, name_bytes)) {
        snprintf(fault->text, sizeof(fault->text),
                 "a topic's name is 1 to %u characters of a-z, A-Z, 0-9, '.', '_' and '-', and not "
                 "'.' or '..'",
                 CORE_TOPIC_NAME_BYTES_MAX);
        return ERR_INVALID;
    }
    const struct core_topic *topic = core_catalog_find_fold(catalog, name, name_bytes);
    if (topic != NULL && core_catalog_find(catalog, name, name_bytes) != NULL) {
        snprintf(fault->text, sizeof(fault->text), "topic '%s' exists already", topic->name);
        return ERR_EXISTS;
    }
    if (topic != NULL) {
        snprintf(fault->text, sizeof(fault->text),
                 "the name differs from that of topic '%s' in '.' and '_' only", topic->name);
        return ERR_INVALID;
    }
    const struct core_stream *stream = core_catalog_find_stream(catalog, name, name_bytes);
    if (stream != NULL) {
        const struct core_topic *under = core_catalog_find_uuid(catalog, &stream->topic);
        snprintf(fault->text, sizeof(fault->text),
                 "it is the name of a stream, which is declared over topic '%s'", under->name);
        return ERR_INVALID;
    }
    if (core_catalog_find_view(catalog, name, name_bytes) != NULL) {
        snprintf(fault->text, sizeof(fault->text), "it is the name of a materialized view");
        return ERR_INVALID;
    }
    if (partitions_count == 0) {
        snprintf(fault->text, sizeof(fault->text), "a topic has 1 partition or more");
        return ERR_RANGE;
    }
    if (partitions_count > LIMIT_PARTITIONS_COUNT - catalog->partitions_count) {
        snprintf(fault->text, sizeof(fault->text),
                 "there are %u partitions, and with %u more they would pass %u",
                 catalog->partitions_count, partitions_count, LIMIT_PARTITIONS_COUNT);
        return ERR_FULL;
    }
    return ERR_OK;
}

enum err core_catalog_can_set(const struct core_topic_config *defaults,
                              const struct core_topic *topic,
                              const struct core_topic_config_pair *changes, size_t count,
                              struct core_topic_config_fault *fault)
{
    struct core_topic_pairs pairs;
    struct core_topic_config config;
    struct core_topic_config_fault unwanted;
    return core_topic_pairs_merge(&pairs, defaults, topic, changes, count, &config,
                                  fault != NULL ? fault : &unwanted);
}

bool core_topic_is_legal(const char *name, size_t name_bytes)
{
    if (name_bytes == 0 || name_bytes > CORE_TOPIC_NAME_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < name_bytes; i++) {
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '_' || c == '-')) {
            return false;
        }
    }
    return !(name[0] == '.' && (name_bytes == 1 || (name_bytes == 2 && name[1] == '.')));
}

bool core_topic_is_reserved(const char *name, size_t name_bytes)
{
    static const char prefix[] = "__tdb_";
    return name_bytes >= sizeof(prefix) - 1 && memcmp(name, prefix, sizeof(prefix) - 1) == 0;
}

bool core_topic_is_internal(const char *name, size_t name_bytes)
{
    for (size_t i = 0; i < ARRAY_COUNT(core_topic_internals); i++) {
        if (strlen(core_topic_internals[i]) == name_bytes &&
            memcmp(core_topic_internals[i], name, name_bytes) == 0) {
            return true;
        }
    }
    return core_topic_is_reserved(name, name_bytes);
}

static void core_topic_hold(void *ctx, void *item)
{
    (void)ctx;
    struct core_topic *topic = item;
    ASSERT(topic->refs < UINT32_MAX);
    topic->refs++;
}

static void core_topic_drop(void *ctx, void *item)
{
    struct core_catalog_keeper *keeper = ctx;
    struct core_topic *topic = item;
    ASSERT(topic->refs > 0);
    if (--topic->refs == 0) {
        ASSERT(keeper->topics_count > 0);
        keeper->topics_count--;
        budget_free(keeper->budget, topic);
    }
}

/* *out = a catalog like `old`, to be changed; NULL after an error. */
static enum err core_catalog_draft(struct core_catalog_keeper *keeper,
                                   const struct core_catalog *old, uint64_t index,
                                   struct core_catalog **out)
{
    *out = NULL;
    void *memory;
    enum err err = budget_alloc(keeper->budget, sizeof(struct core_catalog),
                                _Alignof(struct core_catalog), &memory);
    if (err != ERR_OK) {
        return err;
    }
    struct core_catalog *draft = memory;
    *draft = *old;
    draft->version = index;
    draft->refs = 1;
    draft->by_name = core_tree_ref(old->by_name);
    draft->by_uuid = core_tree_ref(old->by_uuid);
    draft->by_fold = core_tree_ref(old->by_fold);
    draft->by_case = core_tree_ref(old->by_case);
    draft->streams_by_name = core_tree_ref(old->streams_by_name);
    draft->streams_by_case = core_tree_ref(old->streams_by_case);
    draft->streams_by_topic = core_tree_ref(old->streams_by_topic);
    draft->views_by_name = core_tree_ref(old->views_by_name);
    draft->views_by_case = core_tree_ref(old->views_by_case);
    draft->views_by_topic = core_tree_ref(old->views_by_topic);
    draft->views_by_uuid = core_tree_ref(old->views_by_uuid);
    keeper->catalogs_count++;
    *out = draft;
    return ERR_OK;
}

/* *out = the draft (NULL: there was no memory for it), or NULL and the draft let go. */
static enum err core_catalog_finish(struct core_catalog_keeper *keeper, struct core_catalog *draft,
                                    enum err err, struct core_catalog **out)
{
    if (err != ERR_OK && draft != NULL) {
        core_catalog_unref(keeper, draft);
        draft = NULL;
    }
    ASSERT((err == ERR_OK) == (draft != NULL));
    *out = draft;
    return err;
}

static enum err core_catalog_fold(struct core_catalog_keeper *keeper, struct core_catalog *draft,
                                  const struct core_command *cmd)
{
    switch (cmd->type) {
    case CORE_COMMAND_CLUSTER:
        if (!log_uuid_is_zero(&draft->cluster) || log_uuid_is_zero(&cmd->uuid)) {
            return ERR_CORRUPT;
        }
        draft->cluster = cmd->uuid;
        return ERR_OK;
    case CORE_COMMAND_TOPIC_CREATE: return core_catalog_fold_create(keeper, draft, cmd);
    case CORE_COMMAND_TOPIC_DELETE: return core_catalog_fold_delete(keeper, draft, cmd);
    case CORE_COMMAND_PARTITIONS_ADD: return core_catalog_fold_add(keeper, draft, cmd);
    case CORE_COMMAND_CONFIG_SET: return core_catalog_fold_set(keeper, draft, cmd);
    case CORE_COMMAND_PRODUCER_IDS: return core_catalog_fold_ids(draft, cmd);
    case CORE_COMMAND_STREAM_PUT:
        draft->names_version = draft->version;
        return core_catalog_fold_stream_put(keeper, draft, cmd);
    case CORE_COMMAND_STREAM_DROP:
        draft->names_version = draft->version;
        return core_catalog_fold_stream_drop(keeper, draft, cmd);
    case CORE_COMMAND_VIEW_PUT: return core_catalog_fold_view_put(keeper, draft, cmd);
    case CORE_COMMAND_VIEW_DROP: return core_catalog_fold_view_drop(keeper, draft, cmd);
    case CORE_COMMAND_VIEW_RENAME: return core_catalog_fold_view_rename(keeper, draft, cmd);
    case CORE_COMMAND_VIEW_SWAP: return core_catalog_fold_view_swap(keeper, draft, cmd);
    }
    return ERR_UNSUPPORTED;
}

static enum err core_catalog_fold_create(struct core_catalog_keeper *keeper,
                                         struct core_catalog *draft, const struct core_command *cmd)
{
    if (log_uuid_is_zero(&cmd->uuid) || core_catalog_find_uuid(draft, &cmd->uuid) != NULL ||
        core_catalog_can_create(draft, cmd->name, cmd->name_bytes, cmd->partitions_count, NULL) !=
            ERR_OK ||
        !core_catalog_takes_groups(draft, cmd->group_first, cmd->partitions_count)) {
        return ERR_CORRUPT;
    }
    struct core_topic_parts parts = {
        .uuid = cmd->uuid,
        .name = {cmd->name, cmd->name_bytes},
        .created_ms = cmd->time_ms,
        .group_first = cmd->group_first,
        .partitions_count = cmd->partitions_count,
    };
    enum err err = core_topic_config_read(&keeper->defaults, cmd->pairs, cmd->pairs_count,
                                          &parts.config, NULL);
    if (err != ERR_OK) {
        return err;
    }
    struct core_topic_pairs pairs = {.count = 0};
    core_topic_pairs_put(&pairs, cmd->pairs, cmd->pairs_count);
    parts.pairs = pairs.list;
    parts.pairs_count = pairs.count;
    err = core_catalog_put(keeper, draft, &parts);
    if (err == ERR_OK) {
        draft->topics_count++;
        draft->partitions_count += cmd->partitions_count;
        draft->group_next = cmd->group_first + cmd->partitions_count;
        draft->names_version = draft->version;
    }
    return err;
}

static enum err core_catalog_fold_delete(struct core_catalog_keeper *keeper,
                                         struct core_catalog *draft, const struct core_command *cmd)
{
    const struct core_topic *topic = core_catalog_find_uuid(draft, &cmd->uuid);
    if (topic == NULL || core_catalog_find_reader(draft, &cmd->uuid, NULL) != NULL) {
        return ERR_CORRUPT;
    }
    enum err err = core_tree_reserve(&keeper->nodes, 4);
    if (err == ERR_OK) {
        err = core_catalog_fold_stream_topic(keeper, draft, topic);
    }
    if (err != ERR_OK) {
        return err;
    }
    ASSERT(draft->partitions_count >= topic->partitions_count);
    ASSERT(draft->topics_count > 0);
    draft->partitions_count -= topic->partitions_count;
    draft->topics_count--;
    draft->names_version = draft->version;
    /* The topic's own name is the key, so the tree whose key is the command's goes last. */
    const struct core_catalog_name name = {topic->name, topic->name_bytes};
    core_tree_take(&keeper->nodes, &draft->by_name, core_catalog_compare_name, &name);
    core_tree_take(&keeper->nodes, &draft->by_fold, core_catalog_compare_fold, &name);
    core_tree_take(&keeper->nodes, &draft->by_case, core_catalog_compare_case, &name);
    core_tree_take(&keeper->nodes, &draft->by_uuid, core_catalog_compare_uuid, &cmd->uuid);
    return ERR_OK;
}

static enum err core_catalog_fold_add(struct core_catalog_keeper *keeper,
                                      struct core_catalog *draft, const struct core_command *cmd)
{
    const struct core_topic *topic = core_catalog_find_uuid(draft, &cmd->uuid);
    if (topic == NULL || cmd->partitions_count <= topic->partitions_count) {
        return ERR_CORRUPT;
    }
    uint32_t added = cmd->partitions_count - topic->partitions_count;
    if (added > LIMIT_PARTITIONS_COUNT - draft->partitions_count ||
        !core_catalog_takes_groups(draft, cmd->group_first, added)) {
        return ERR_CORRUPT;
    }
    struct core_topic_parts parts = core_topic_parts(topic);
    parts.group_first = cmd->group_first;
    parts.partitions_count = cmd->partitions_count;
    enum err err = core_catalog_put(keeper, draft, &parts);
    if (err == ERR_OK) {
        draft->partitions_count += added;
        draft->group_next = cmd->group_first + added;
        draft->names_version = draft->version;
    }
    return err;
}

static enum err core_catalog_fold_set(struct core_catalog_keeper *keeper,
                                      struct core_catalog *draft, const struct core_command *cmd)
{
    const struct core_topic *topic = core_catalog_find_uuid(draft, &cmd->uuid);
    if (topic == NULL) {
        return ERR_CORRUPT;
    }
    struct core_topic_pairs pairs;
    struct core_topic_parts parts = core_topic_parts(topic);
    struct core_topic_config_fault unwanted;
    enum err err = core_topic_pairs_merge(&pairs, &keeper->defaults, topic, cmd->pairs,
                                          cmd->pairs_count, &parts.config, &unwanted);
    if (err != ERR_OK) {
        return err;
    }
    parts.pairs = pairs.list;
    parts.pairs_count = pairs.count;
    return core_catalog_put(keeper, draft, &parts);
}

static enum err core_catalog_fold_ids(struct core_catalog *draft, const struct core_command *cmd)
{
    if (cmd->producer_ids_count == 0 || cmd->producer_id_first < draft->producer_id_next ||
        cmd->producer_id_first > LOG_NUMBER_MAX - cmd->producer_ids_count) {
        return ERR_CORRUPT;
    }
    draft->producer_id_next = cmd->producer_id_first + cmd->producer_ids_count;
    return ERR_OK;
}

/* Whether `count` groups from `group_first` on were never given out. Some may have been skipped:
 * what was proposed and not committed. */
static bool core_catalog_takes_groups(const struct core_catalog *draft, uint64_t group_first,
                                      uint32_t count)
{
    return group_first >= draft->group_next && group_first <= LOG_NUMBER_MAX - count;
}

/* Put a topic made from `parts` into the draft, in the place of the one with its uuid. */
static enum err core_catalog_put(struct core_catalog_keeper *keeper, struct core_catalog *draft,
                                 const struct core_topic_parts *parts)
{
    enum err err = core_tree_reserve(&keeper->nodes, 4);
    if (err != ERR_OK) {
        return err;
    }
    struct core_topic *topic;
    err = core_topic_new(keeper, parts, &topic);
    if (err != ERR_OK) {
        return err;
    }
    const struct core_catalog_name name = {topic->name, topic->name_bytes};
    core_tree_put(&keeper->nodes, &draft->by_name, core_catalog_compare_name, &name, topic);
    core_tree_put(&keeper->nodes, &draft->by_fold, core_catalog_compare_fold, &name, topic);
    core_tree_put(&keeper->nodes, &draft->by_case, core_catalog_compare_case, &name, topic);
    core_tree_put(&keeper->nodes, &draft->by_uuid, core_catalog_compare_uuid, &topic->uuid, topic);
    ASSERT(topic->refs >= 4);
    return ERR_OK;
}

/* What `topic` is made from. */
static struct core_topic_parts core_topic_parts(const struct core_topic *topic)
{
    return (struct core_topic_parts){
        .uuid = topic->uuid,
        .name = {topic->name, topic->name_bytes},
        .created_ms = topic->created_ms,
        .groups = topic->groups,
        .groups_count = topic->partitions_count,
        .partitions_count = topic->partitions_count,
        .config = topic->config,
        .pairs = topic->pairs,
        .pairs_count = topic->pairs_count,
    };
}

/* *out = a topic that no node holds yet. */
static enum err core_topic_new(struct core_catalog_keeper *keeper,
                               const struct core_topic_parts *parts, struct core_topic **out)
{
    size_t bytes = sizeof(struct core_topic) + parts->partitions_count * sizeof(uint64_t) +
                   parts->pairs_count * sizeof(struct core_topic_config_pair) + parts->name.bytes +
                   1;
    for (size_t i = 0; i < parts->pairs_count; i++) {
        bytes += (size_t)parts->pairs[i].name_bytes + parts->pairs[i].value_bytes;
    }
    void *memory;
    enum err err = budget_alloc(keeper->budget, bytes, _Alignof(struct core_topic), &memory);
    if (err != ERR_OK) {
        return err;
    }
    *out = memory;
    core_topic_fill(*out, parts);
    keeper->topics_count++;
    return ERR_OK;
}

/* Fill the block behind `topic`, which has room for all of `parts`. */
static void core_topic_fill(struct core_topic *topic, const struct core_topic_parts *parts)
{
    static_assert(_Alignof(struct core_topic) >= _Alignof(uint64_t), "groups stand behind it");
    static_assert(_Alignof(uint64_t) >= _Alignof(struct core_topic_config_pair),
                  "pairs stand behind the groups");
    uint64_t *groups = (uint64_t *)(void *)(topic + 1);
    struct core_topic_config_pair *pairs = (void *)(groups + parts->partitions_count);
    char *texts = (char *)(pairs + parts->pairs_count);
    ASSERT(parts->groups_count <= parts->partitions_count);
    for (uint32_t i = 0; i < parts->partitions_count; i++) {
        groups[i] = i < parts->groups_count ? parts->groups[i]
                                            : parts->group_first + (i - parts->groups_count);
    }
    *topic = (struct core_topic){
        .uuid = parts->uuid,
        .name = core_topic_put_text(&texts, parts->name.name, parts->name.bytes),
        .name_bytes = (uint16_t)parts->name.bytes,
        .pairs_count = (uint16_t)parts->pairs_count,
        .is_internal = core_topic_is_internal(parts->name.name, parts->name.bytes),
        .partitions_count = parts->partitions_count,
        .groups = groups,
        .created_ms = parts->created_ms,
        .config = parts->config,
        .pairs = pairs,
    };
    *texts++ = '\0';
    for (size_t i = 0; i < parts->pairs_count; i++) {
        pairs[i] = parts->pairs[i];
        pairs[i].name = core_topic_put_text(&texts, pairs[i].name, pairs[i].name_bytes);
        pairs[i].value = core_topic_put_text(&texts, pairs[i].value, pairs[i].value_bytes);
    }
}

static const char *core_topic_put_text(char **at, const char *text, size_t bytes)
{
    char *copy = *at;
    memcpy(copy, text, bytes);
    *at += bytes;
    return copy;
}

/* *pairs = those of `topic` with `changes`, *config what they say. Errors: catalog.h,
 * core_catalog_can_set. */
static enum err core_topic_pairs_merge(struct core_topic_pairs *pairs,
                                       const struct core_topic_config *defaults,
                                       const struct core_topic *topic,
                                       const struct core_topic_config_pair *changes, size_t count,
                                       struct core_topic_config *config,
                                       struct core_topic_config_fault *fault)
{
    pairs->count = 0;
    core_topic_pairs_put(pairs, topic->pairs, topic->pairs_count);
    for (size_t i = 0; i < count; i++) {
        /* Each by itself first: only known keys are put, so they cannot be too many. */
        struct core_topic_config scratch;
        enum err err =
            changes[i].value != NULL ? core_topic_config_set(&scratch, &changes[i], fault) : ERR_OK;
        if (err != ERR_OK) {
            return err;
        }
        core_topic_pairs_put(pairs, &changes[i], 1);
    }
    return core_topic_config_read(defaults, pairs->list, pairs->count, config, fault);
}

/* Put each of `changes` in its place, or take out the key that it takes away. Keys are known ones.
 */
static void core_topic_pairs_put(struct core_topic_pairs *pairs,
                                 const struct core_topic_config_pair *changes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct core_topic_config_pair *change = &changes[i];
        size_t at = 0;
        int order = -1;
        while (at < pairs->count) {
            order = core_catalog_compare_texts(change->name, change->name_bytes,
                                               pairs->list[at].name, pairs->list[at].name_bytes);
            if (order <= 0) {
                break;
            }
            at++;
        }
        bool is_there = at < pairs->count && order == 0;
        struct core_topic_config_pair *place = &pairs->list[at];
        size_t rest_bytes = (pairs->count - at) * sizeof(*place);
        if (change->value == NULL && is_there) {
            memmove(place, place + 1, rest_bytes - sizeof(*place));
            pairs->count--;
        } else if (change->value != NULL && !is_there) {
            ASSERT(pairs->count < CORE_TOPIC_CONFIG_PAIRS_MAX);
            memmove(place + 1, place, rest_bytes);
            pairs->count++;
        }
        if (change->value != NULL) {
            *place = *change;
        }
    }
}

int core_catalog_compare_texts(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    int order = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);
    return order != 0 ? order : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

int core_catalog_compare_caseless(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    size_t bytes = a_bytes < b_bytes ? a_bytes : b_bytes;
    for (size_t i = 0; i < bytes; i++) {
        uint8_t x = (uint8_t)(a[i] >= 'A' && a[i] <= 'Z' ? a[i] | 0x20 : a[i]);
        uint8_t y = (uint8_t)(b[i] >= 'A' && b[i] <= 'Z' ? b[i] | 0x20 : b[i]);
        if (x != y) {
            return x < y ? -1 : 1;
        }
    }
    return (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

int core_catalog_compare_case(const void *key, const void *item)
{
    const struct core_catalog_name *name = key;
    const struct core_topic *topic = item;
    int order =
        core_catalog_compare_caseless(name->name, name->bytes, topic->name, topic->name_bytes);
    return order != 0 ? order : core_catalog_compare_name(key, item);
}

int core_catalog_compare_case_first(const void *key, const void *item)
{
    const struct core_catalog_name *name = key;
    const struct core_topic *topic = item;
    int order =
        core_catalog_compare_caseless(name->name, name->bytes, topic->name, topic->name_bytes);
    return order != 0 ? order : -1;
}

static int core_catalog_compare_name(const void *key, const void *item)
{
    const struct core_catalog_name *name = key;
    const struct core_topic *topic = item;
    return core_catalog_compare_texts(name->name, name->bytes, topic->name, topic->name_bytes);
}

static int core_catalog_compare_uuid(const void *key, const void *item)
{
    const struct log_uuid *uuid = key;
    const struct core_topic *topic = item;
    return memcmp(uuid->bytes, topic->uuid.bytes, sizeof(uuid->bytes));
}

static int core_catalog_compare_fold(const void *key, const void *item)
{
    const struct core_catalog_name *name = key;
    const struct core_topic *topic = item;
    size_t bytes = name->bytes < topic->name_bytes ? name->bytes : topic->name_bytes;
    for (size_t i = 0; i < bytes; i++) {
        unsigned char a = (unsigned char)(name->name[i] == '.' ? '_' : name->name[i]);
        unsigned char b = (unsigned char)(topic->name[i] == '.' ? '_' : topic->name[i]);
        if (a != b) {
            return a < b ? -1 : 1;
        }
    }
    return (name->bytes > topic->name_bytes) - (name->bytes < topic->name_bytes);
}
