/* Streams in the catalog: their fold, and what a name stands for. See catalog.h.
 *
 * Streams and topics have one space of names. A declared stream may bear its own topic's name, and
 * then takes the place of the implicit one; an implicit one always bears its topic's. So a name
 * stands for the stream that bears it, and where there is none for the topic. Views
 * (catalog_view.c) have names of that space that neither a topic nor a declared stream has. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "broker/core/catalog_int.h"

/* A stream among those of its topic. */
struct core_stream_place {
    const struct log_uuid *topic;
    struct core_catalog_name name; /* name NULL: before all of the topic */
};

/* A match under way. */
struct core_catalog_matching {
    struct core_catalog_match *out;
    const char *first;  /* the name that was found first; NULL: none yet */
    const char *second; /* another that matches, too; NULL: none */
};

static void core_stream_hold(void *ctx, void *item);
static void core_stream_drop(void *ctx, void *item);
static enum err core_catalog_stream_new(struct core_catalog_keeper *keeper,
                                        const struct core_command *cmd, struct core_stream **out);
static bool core_catalog_stream_fits(const struct core_catalog *draft,
                                     const struct core_stream *stream);
static void core_catalog_stream_take(struct core_catalog_keeper *keeper, struct core_catalog *draft,
                                     const struct core_stream *stream);
static void core_catalog_match_caseless(struct core_catalog_matching *m,
                                        const struct core_catalog *catalog,
                                        const struct core_catalog_name *name);
static void core_catalog_match_found(struct core_catalog_matching *m, const char *name,
                                     const struct core_topic *topic,
                                     const struct core_stream *stream,
                                     const struct core_view *view);
static struct core_catalog_name core_stream_key(const struct core_stream *stream);
static int core_stream_compare_name(const void *key, const void *item);
static int core_stream_compare_case(const void *key, const void *item);
static int core_stream_compare_case_first(const void *key, const void *item);
static int core_stream_compare_place(const void *key, const void *item);

const struct core_tree_items core_stream_items = {core_stream_hold, core_stream_drop};

/* --- Looking up --- */

const struct core_stream *core_catalog_find_stream(const struct core_catalog *catalog,
                                                   const char *name, size_t name_bytes)
{
    const struct core_catalog_name key = {name, name_bytes};
    return core_tree_find(catalog->streams_by_name, core_stream_compare_name, &key);
}

void core_catalog_walk_streams(struct core_tree_walk *walk, const struct core_catalog *catalog)
{
    core_tree_walk(walk, catalog->streams_by_name, core_stream_compare_name, NULL);
}

const struct core_stream *core_catalog_next_stream(struct core_tree_walk *walk)
{
    return core_tree_next(walk);
}

const struct core_stream *core_catalog_find_declared(const struct core_catalog *catalog,
                                                     const struct log_uuid *topic)
{
    const struct core_stream_place place = {.topic = topic};
    struct core_tree_walk walk;
    core_tree_walk(&walk, catalog->streams_by_topic, core_stream_compare_place, &place);
    const struct core_stream *stream = core_tree_next(&walk);
    while (stream != NULL && log_uuid_is_equal(&stream->topic, topic) && !stream->is_declared) {
        stream = core_tree_next(&walk);
    }
    return stream != NULL && log_uuid_is_equal(&stream->topic, topic) ? stream : NULL;
}

enum err core_catalog_match(const struct core_catalog *catalog, const char *name, size_t name_bytes,
                            bool is_exact, struct core_catalog_match *out)
{
    const struct core_catalog_name key = {name, name_bytes};
    struct core_catalog_matching m = {.out = out};
    *out = (struct core_catalog_match){.topic = NULL};
    const struct core_stream *stream = core_catalog_find_stream(catalog, name, name_bytes);
    const struct core_topic *topic = core_catalog_find(catalog, name, name_bytes);
    const struct core_view *view = core_catalog_find_view(catalog, name, name_bytes);
    if (view != NULL) {
        core_catalog_match_found(&m, view->name, NULL, NULL, view);
    } else if (stream != NULL) {
        core_catalog_match_found(&m, stream->name, core_catalog_find_uuid(catalog, &stream->topic),
                                 stream, NULL);
    } else if (topic != NULL) {
        core_catalog_match_found(&m, topic->name, topic, NULL, NULL);
    }
    if (m.first == NULL && !is_exact) {
        core_catalog_match_caseless(&m, catalog, &key);
    }
    if (m.second != NULL) {
        *out = (struct core_catalog_match){.names = {m.first, m.second}};
        return ERR_INVALID;
    }
    return m.first != NULL ? ERR_OK : ERR_NOT_FOUND;
}

enum err core_catalog_match_topic(const struct core_catalog *catalog, const char *name,
                                  size_t name_bytes, bool is_exact, const struct core_topic **out)
{
    const struct core_catalog_name key = {name, name_bytes};
    struct core_tree_walk walk;
    *out = core_catalog_find(catalog, name, name_bytes);
    if (*out != NULL || is_exact) {
        return *out != NULL ? ERR_OK : ERR_NOT_FOUND;
    }
    core_tree_walk(&walk, catalog->by_case, core_catalog_compare_case_first, &key);
    for (uint32_t i = 0; i < 2; i++) {
        const struct core_topic *topic = core_tree_next(&walk);
        bool is_alike = topic != NULL && core_catalog_compare_caseless(
                                             name, name_bytes, topic->name, topic->name_bytes) == 0;
        if (is_alike && *out != NULL) {
            *out = NULL;
            return ERR_INVALID;
        }
        *out = is_alike ? topic : *out;
    }
    return *out != NULL ? ERR_OK : ERR_NOT_FOUND;
}

/* --- What may be done --- */

enum err core_catalog_can_declare(const struct core_catalog *catalog,
                                  const struct core_stream *stream,
                                  struct core_topic_config_fault *fault)
{
    const struct core_topic *topic = core_catalog_find_uuid(catalog, &stream->topic);
    const struct core_topic *namesake =
        core_catalog_find(catalog, stream->name, strlen(stream->name));
    const struct core_stream *other =
        core_catalog_find_stream(catalog, stream->name, strlen(stream->name));
    fault->text[0] = '\0';
    if (topic == NULL) {
        return ERR_NOT_FOUND;
    }
    if (other != NULL && other->is_declared) {
        snprintf(fault->text, sizeof(fault->text), "stream \"%s\" exists already", other->name);
        return ERR_EXISTS;
    }
    if (namesake != NULL && namesake != topic) {
        snprintf(fault->text, sizeof(fault->text),
                 "\"%s\" is the name of another topic, which is a stream by its own name",
                 namesake->name);
        return ERR_EXISTS;
    }
    if (core_catalog_find_view(catalog, stream->name, strlen(stream->name)) != NULL) {
        snprintf(fault->text, sizeof(fault->text), "\"%s\" is the name of a materialized view",
                 stream->name);
        return ERR_EXISTS;
    }
    return ERR_OK;
}

enum err core_catalog_can_drop(const struct core_catalog *catalog, const struct core_stream *stream,
                               struct core_topic_config_fault *fault)
{
    const struct core_view *view = core_catalog_find_reader(catalog, &stream->topic, &stream->uuid);
    fault->text[0] = '\0';
    if (view == NULL) {
        return ERR_OK;
    }
    snprintf(fault->text, sizeof(fault->text),
             "cannot drop stream \"%s\": materialized view \"%s\" depends on it", stream->name,
             view->name);
    return ERR_BUSY;
}

bool core_catalog_can_infer(const struct core_catalog *catalog, const struct core_stream *stream)
{
    const struct core_topic *topic = core_catalog_find_uuid(catalog, &stream->topic);
    const struct core_stream *now =
        core_catalog_find_stream(catalog, stream->name, strlen(stream->name));
    if (topic == NULL || strcmp(topic->name, stream->name) != 0) {
        return false;
    }
    if (now == NULL) {
        return stream->version == 0;
    }
    return !now->is_declared && now->version == stream->version &&
           log_uuid_is_equal(&now->uuid, &stream->uuid);
}

enum err core_catalog_can_delete(const struct core_catalog *catalog, const struct core_topic *topic,
                                 struct core_topic_config_fault *fault)
{
    const struct core_stream *stream = core_catalog_find_declared(catalog, &topic->uuid);
    const struct core_view *view = core_catalog_find_reader(catalog, &topic->uuid, NULL);
    fault->text[0] = '\0';
    if (view != NULL) {
        snprintf(fault->text, sizeof(fault->text),
                 "materialized view \"%s\" reads the topic: drop that first", view->name);
        return ERR_BUSY;
    }
    if (stream == NULL) {
        return ERR_OK;
    }
    snprintf(fault->text, sizeof(fault->text),
             "stream \"%s\" is declared over the topic: drop that first", stream->name);
    return ERR_BUSY;
}

/* --- The fold --- */

enum err core_catalog_fold_stream_put(struct core_catalog_keeper *keeper,
                                      struct core_catalog *draft, const struct core_command *cmd)
{
    enum err err = core_tree_reserve(&keeper->stream_nodes, 6);
    if (err != ERR_OK) {
        return err;
    }
    struct core_stream *stream;
    err = core_catalog_stream_new(keeper, cmd, &stream);
    if (err != ERR_OK) {
        return err;
    }
    if (!core_catalog_stream_fits(draft, stream)) {
        core_stream_hold(keeper, stream);
        core_stream_drop(keeper, stream);
        return ERR_CORRUPT;
    }
    const struct core_catalog_name key = core_stream_key(stream);
    const struct core_stream *old = core_catalog_find_stream(draft, key.name, key.bytes);
    if (old != NULL) {
        core_catalog_stream_take(keeper, draft, old);
    }
    const struct core_stream_place place = {&stream->topic, key};
    struct core_tree_pool *nodes = &keeper->stream_nodes;
    core_tree_put(nodes, &draft->streams_by_name, core_stream_compare_name, &key, stream);
    core_tree_put(nodes, &draft->streams_by_case, core_stream_compare_case, &key, stream);
    core_tree_put(nodes, &draft->streams_by_topic, core_stream_compare_place, &place, stream);
    ASSERT(stream->refs >= 3);
    draft->streams_count++;
    return ERR_OK;
}

enum err core_catalog_fold_stream_drop(struct core_catalog_keeper *keeper,
                                       struct core_catalog *draft, const struct core_command *cmd)
{
    const struct core_stream *stream = core_catalog_find_stream(draft, cmd->name, cmd->name_bytes);
    if (stream == NULL || !stream->is_declared || !log_uuid_is_equal(&stream->uuid, &cmd->uuid) ||
        core_catalog_find_reader(draft, &stream->topic, &stream->uuid) != NULL) {
        return ERR_CORRUPT;
    }
    enum err err = core_tree_reserve(&keeper->stream_nodes, 3);
    if (err == ERR_OK) {
        core_catalog_stream_take(keeper, draft, stream);
    }
    return err;
}

enum err core_catalog_fold_stream_topic(struct core_catalog_keeper *keeper,
                                        struct core_catalog *draft, const struct core_topic *topic)
{
    const struct core_stream *stream =
        core_catalog_find_stream(draft, topic->name, topic->name_bytes);
    if (core_catalog_find_declared(draft, &topic->uuid) != NULL) {
        return ERR_CORRUPT;
    }
    if (stream == NULL) {
        return ERR_OK;
    }
    ASSERT(log_uuid_is_equal(&stream->topic, &topic->uuid)); /* else it is declared over another */
    enum err err = core_tree_reserve(&keeper->stream_nodes, 3);
    if (err == ERR_OK) {
        core_catalog_stream_take(keeper, draft, stream);
    }
    return err;
}

static void core_stream_hold(void *ctx, void *item)
{
    (void)ctx;
    struct core_stream *stream = item;
    ASSERT(stream->refs < UINT32_MAX);
    stream->refs++;
}

static void core_stream_drop(void *ctx, void *item)
{
    struct core_catalog_keeper *keeper = ctx;
    struct core_stream *stream = item;
    ASSERT(stream->refs > 0);
    if (--stream->refs == 0) {
        ASSERT(keeper->streams_count > 0);
        keeper->streams_count--;
        budget_free(keeper->budget, stream);
    }
}

/* *out = the stream of `cmd`, which no node holds yet. */
static enum err core_catalog_stream_new(struct core_catalog_keeper *keeper,
                                        const struct core_command *cmd, struct core_stream **out)
{
    size_t bytes;
    void *memory;
    enum err err = core_stream_measure(cmd->stream, cmd->stream_bytes, &bytes);
    if (err == ERR_OK && log_uuid_is_zero(&cmd->uuid)) {
        err = ERR_CORRUPT;
    }
    if (err == ERR_OK) {
        err = budget_alloc(keeper->budget, bytes, _Alignof(struct core_stream), &memory);
    }
    if (err == ERR_OK) {
        *out = core_stream_get(cmd->stream, cmd->stream_bytes, &cmd->uuid, memory, bytes);
        keeper->streams_count++;
    }
    return err;
}

/* Whether `stream` may come into the draft: as the first version of its name, or as the next one of
 * the stream that has it. */
static bool core_catalog_stream_fits(const struct core_catalog *draft,
                                     const struct core_stream *stream)
{
    struct core_topic_config_fault unwanted;
    const struct core_stream *now =
        core_catalog_find_stream(draft, stream->name, strlen(stream->name));
    if (now != NULL && log_uuid_is_equal(&now->uuid, &stream->uuid)) {
        return now->is_declared == stream->is_declared && now->version + 1 == stream->version &&
               log_uuid_is_equal(&now->topic, &stream->topic);
    }
    if (stream->version != 1) {
        return false;
    }
    if (stream->is_declared) {
        return core_catalog_can_declare(draft, stream, &unwanted) == ERR_OK;
    }
    const struct core_topic *topic = core_catalog_find_uuid(draft, &stream->topic);
    return now == NULL && topic != NULL && strcmp(topic->name, stream->name) == 0;
}

/* Nodes are reserved. The stream may be gone then. */
static void core_catalog_stream_take(struct core_catalog_keeper *keeper, struct core_catalog *draft,
                                     const struct core_stream *stream)
{
    struct core_tree_pool *nodes = &keeper->stream_nodes;
    const struct core_catalog_name key = core_stream_key(stream);
    const struct core_stream_place place = {&stream->topic, key};
    ASSERT(draft->streams_count > 0);
    draft->streams_count--;
    /* The keys are the stream's own: it goes with the last tree, so it is held over all three. */
    core_stream_hold(keeper, (void *)(uintptr_t)stream);
    core_tree_take(nodes, &draft->streams_by_name, core_stream_compare_name, &key);
    core_tree_take(nodes, &draft->streams_by_case, core_stream_compare_case, &key);
    core_tree_take(nodes, &draft->streams_by_topic, core_stream_compare_place, &place);
    core_stream_drop(keeper, (void *)(uintptr_t)stream);
}

/* --- Matching --- */

static void core_catalog_match_caseless(struct core_catalog_matching *m,
                                        const struct core_catalog *catalog,
                                        const struct core_catalog_name *name)
{
    struct core_tree_walk walk;
    core_tree_walk(&walk, catalog->streams_by_case, core_stream_compare_case_first, name);
    for (const struct core_stream *stream = core_tree_next(&walk);
         stream != NULL && core_catalog_compare_caseless(name->name, name->bytes, stream->name,
                                                         strlen(stream->name)) == 0;
         stream = core_tree_next(&walk)) {
        core_catalog_match_found(m, stream->name, core_catalog_find_uuid(catalog, &stream->topic),
                                 stream, NULL);
    }
    core_tree_walk(&walk, catalog->by_case, core_catalog_compare_case_first, name);
    for (const struct core_topic *topic = core_tree_next(&walk);
         topic != NULL && core_catalog_compare_caseless(name->name, name->bytes, topic->name,
                                                        topic->name_bytes) == 0;
         topic = core_tree_next(&walk)) {
        core_catalog_match_found(m, topic->name, topic, NULL, NULL);
    }
    core_catalog_walk_views_alike(&walk, catalog, name);
    for (const struct core_view *view = core_catalog_next_view(&walk);
         view != NULL && core_catalog_compare_caseless(name->name, name->bytes, view->name,
                                                       strlen(view->name)) == 0;
         view = core_catalog_next_view(&walk)) {
        core_catalog_match_found(m, view->name, NULL, NULL, view);
    }
}

/* `name` matches, unless it is one of ours. The first is kept; a topic whose stream was found is no
 * other. */
static void core_catalog_match_found(struct core_catalog_matching *m, const char *name,
                                     const struct core_topic *topic,
                                     const struct core_stream *stream, const struct core_view *view)
{
    ASSERT((topic != NULL) != (view != NULL)); /* a stream's topic outlives it */
    if (core_topic_is_reserved(name, strlen(name))) {
        return;
    }
    if (m->first == NULL) {
        m->first = name;
        m->out->topic = topic;
        m->out->stream = stream;
        m->out->view = view;
    } else if (strcmp(m->first, name) != 0) {
        m->second = m->second != NULL ? m->second : name;
    }
}

/* --- Orders --- */

static struct core_catalog_name core_stream_key(const struct core_stream *stream)
{
    return (struct core_catalog_name){stream->name, strlen(stream->name)};
}

static int core_stream_compare_name(const void *key, const void *item)
{
    const struct core_catalog_name *name = key;
    const struct core_stream *stream = item;
    return core_catalog_compare_texts(name->name, name->bytes, stream->name, strlen(stream->name));
}

static int core_stream_compare_case(const void *key, const void *item)
{
    const struct core_catalog_name *name = key;
    const struct core_stream *stream = item;
    size_t bytes = strlen(stream->name);
    int order = core_catalog_compare_caseless(name->name, name->bytes, stream->name, bytes);
    return order != 0 ? order
                      : core_catalog_compare_texts(name->name, name->bytes, stream->name, bytes);
}

static int core_stream_compare_case_first(const void *key, const void *item)
{
    const struct core_catalog_name *name = key;
    const struct core_stream *stream = item;
    int order =
        core_catalog_compare_caseless(name->name, name->bytes, stream->name, strlen(stream->name));
    return order != 0 ? order : -1;
}

static int core_stream_compare_place(const void *key, const void *item)
{
    const struct core_stream_place *place = key;
    const struct core_stream *stream = item;
    int order = memcmp(place->topic->bytes, stream->topic.bytes, sizeof(stream->topic.bytes));
    if (order != 0) {
        return order;
    }
    return place->name.name == NULL ? -1 : core_stream_compare_name(&place->name, item);
}
