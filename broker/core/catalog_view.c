/* Views in the catalog: their fold, and who reads a topic. See catalog.h.
 *
 * A view outlives neither its topic nor the declared stream it was made over: both stay as long as
 * it is there. An implicit stream may be covered by a declared one of its name; the view reads what
 * it has frozen. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "broker/core/catalog_int.h"

/* A view among those of its source's topic. */
struct core_view_place {
    const struct log_uuid *topic;
    struct core_catalog_name name; /* name NULL: before all of the topic */
    uint32_t incarnation;
};

static enum err core_catalog_fold_view_abandon(struct core_catalog_keeper *keeper,
                                               struct core_catalog *draft,
                                               const struct core_view *view,
                                               const struct core_command *cmd);
static void core_view_hold(void *ctx, void *item);
static void core_view_drop(void *ctx, void *item);
static void core_catalog_view_forget(struct core_catalog_keeper *keeper, struct core_view *view);
static enum err core_catalog_view_new(struct core_catalog_keeper *keeper, const uint8_t *data,
                                      size_t length, const struct log_uuid *uuid,
                                      struct core_view **out);
static enum err core_catalog_view_again(struct core_catalog_keeper *keeper,
                                        const struct core_view *view, const char *name,
                                        size_t name_bytes, bool is_heir, struct core_view **out);
static bool core_catalog_heir_fits(const struct core_catalog *draft, const struct core_view *heir);
static bool core_catalog_view_fits(const struct core_catalog *draft, const struct core_view *view);
static void core_catalog_view_put(struct core_catalog_keeper *keeper, struct core_catalog *draft,
                                  struct core_view *view);
static void core_catalog_view_take(struct core_catalog_keeper *keeper, struct core_catalog *draft,
                                   const struct core_view *view);
static struct core_catalog_name core_view_key(const struct core_view *view);
static int core_view_compare_name(const void *key, const void *item);
static int core_view_compare_case(const void *key, const void *item);
static int core_view_compare_case_first(const void *key, const void *item);
static int core_view_compare_place(const void *key, const void *item);
static int core_view_compare_uuid(const void *key, const void *item);

const struct core_tree_items core_view_items = {core_view_hold, core_view_drop};

/* --- Looking up --- */

const struct core_view *core_catalog_find_view(const struct core_catalog *catalog, const char *name,
                                               size_t name_bytes)
{
    const struct core_catalog_name key = {name, name_bytes};
    return core_tree_find(catalog->views_by_name, core_view_compare_name, &key);
}

const struct core_view *core_catalog_find_view_uuid(const struct core_catalog *catalog,
                                                    const struct log_uuid *uuid)
{
    return core_tree_find(catalog->views_by_uuid, core_view_compare_uuid, uuid);
}

const struct core_view *core_catalog_find_heir(const struct core_catalog *catalog,
                                               const struct core_view *view)
{
    const struct core_view_place place = {&view->source->topic, core_view_key(view),
                                          view->incarnation + 1};
    return core_tree_find(catalog->views_by_topic, core_view_compare_place, &place);
}

const struct core_view *core_catalog_find_lineage(const struct core_catalog *catalog,
                                                  const struct log_uuid *lineage)
{
    struct core_tree_walk walk;
    const struct core_view *view;
    core_catalog_walk_views(&walk, catalog);
    while ((view = core_catalog_next_view(&walk)) != NULL) {
        if (log_uuid_is_equal(&view->lineage, lineage)) {
            return view;
        }
    }
    return NULL;
}

void core_catalog_walk_heirs(struct core_tree_walk *walk, const struct core_catalog *catalog)
{
    core_tree_walk(walk, catalog->views_by_uuid, core_view_compare_uuid, NULL);
}

void core_catalog_walk_views(struct core_tree_walk *walk, const struct core_catalog *catalog)
{
    core_tree_walk(walk, catalog->views_by_name, core_view_compare_name, NULL);
}

void core_catalog_walk_views_alike(struct core_tree_walk *walk, const struct core_catalog *catalog,
                                   const struct core_catalog_name *name)
{
    core_tree_walk(walk, catalog->views_by_case, core_view_compare_case_first, name);
}

const struct core_view *core_catalog_next_view(struct core_tree_walk *walk)
{
    return core_tree_next(walk);
}

const struct core_view *core_catalog_find_reader(const struct core_catalog *catalog,
                                                 const struct log_uuid *topic,
                                                 const struct log_uuid *stream)
{
    const struct core_view_place place = {.topic = topic};
    struct core_tree_walk walk;
    core_tree_walk(&walk, catalog->views_by_topic, core_view_compare_place, &place);
    const struct core_view *view = core_tree_next(&walk);
    while (view != NULL && log_uuid_is_equal(&view->source->topic, topic) && stream != NULL &&
           !log_uuid_is_equal(&view->source->uuid, stream)) {
        view = core_tree_next(&walk);
    }
    return view != NULL && log_uuid_is_equal(&view->source->topic, topic) ? view : NULL;
}

enum err core_catalog_can_name_view(const struct core_catalog *catalog, const char *name,
                                    size_t name_bytes, struct core_topic_config_fault *fault)
{
    bool is_taken = core_catalog_find_view(catalog, name, name_bytes) != NULL ||
                    core_catalog_find_stream(catalog, name, name_bytes) != NULL ||
                    core_catalog_find(catalog, name, name_bytes) != NULL;
    fault->text[0] = '\0';
    if (is_taken) {
        snprintf(fault->text, sizeof(fault->text), "relation \"%.*s\" already exists",
                 (int)name_bytes, name);
    }
    return is_taken ? ERR_EXISTS : ERR_OK;
}

enum err core_catalog_can_view(const struct core_catalog *catalog, const struct core_view *view,
                               struct core_topic_config_fault *fault)
{
    const struct core_stream *source = view->source;
    const struct core_stream *now =
        core_catalog_find_stream(catalog, source->name, strlen(source->name));
    bool is_there =
        core_catalog_find_uuid(catalog, &source->topic) != NULL &&
        (!source->is_declared || (now != NULL && log_uuid_is_equal(&now->uuid, &source->uuid)));
    bool is_new = core_catalog_find_view_uuid(catalog, &view->uuid) == NULL;
    fault->text[0] = '\0';
    if (!is_there) {
        snprintf(fault->text, sizeof(fault->text), "relation \"%s\" does not exist", source->name);
        return ERR_NOT_FOUND;
    }
    if (is_new && catalog->views_count >= CORE_VIEWS_COUNT_MAX) {
        snprintf(fault->text, sizeof(fault->text), "there are %u materialized views, and no more",
                 CORE_VIEWS_COUNT_MAX);
        return ERR_FULL;
    }
    return ERR_OK;
}

/* --- The fold --- */

enum err core_catalog_fold_view_put(struct core_catalog_keeper *keeper, struct core_catalog *draft,
                                    const struct core_command *cmd)
{
    struct core_view *view;
    enum err err = core_tree_reserve(&keeper->view_nodes, 8);
    if (err == ERR_OK) {
        err = core_catalog_view_new(keeper, cmd->view, cmd->view_bytes, &cmd->uuid, &view);
    }
    if (err != ERR_OK) {
        return err;
    }
    if (!core_catalog_view_fits(draft, view)) {
        core_catalog_view_forget(keeper, view);
        return ERR_CORRUPT;
    }
    const struct core_view *old = core_catalog_find_view_uuid(draft, &view->uuid);
    if (old != NULL) {
        core_catalog_view_take(keeper, draft, old);
    }
    core_catalog_view_put(keeper, draft, view);
    return ERR_OK;
}

enum err core_catalog_fold_view_drop(struct core_catalog_keeper *keeper, struct core_catalog *draft,
                                     const struct core_command *cmd)
{
    const struct core_view *view = core_catalog_find_view(draft, cmd->name, cmd->name_bytes);
    if (view == NULL) {
        return ERR_CORRUPT;
    }
    if (!log_uuid_is_equal(&view->uuid, &cmd->uuid)) {
        return core_catalog_fold_view_abandon(keeper, draft, view, cmd);
    }
    const struct core_view *heir = core_catalog_find_heir(draft, view);
    enum err err = core_tree_reserve(&keeper->view_nodes, 6);
    if (err == ERR_OK && heir != NULL) {
        core_catalog_view_take(keeper, draft, heir);
    }
    if (err == ERR_OK) {
        core_catalog_view_take(keeper, draft, view);
    }
    return err;
}

/* The heir alone goes. */
static enum err core_catalog_fold_view_abandon(struct core_catalog_keeper *keeper,
                                               struct core_catalog *draft,
                                               const struct core_view *view,
                                               const struct core_command *cmd)
{
    const struct core_view *heir = core_catalog_find_heir(draft, view);
    if (heir == NULL || !log_uuid_is_equal(&heir->uuid, &cmd->uuid)) {
        return ERR_CORRUPT;
    }
    enum err err = core_tree_reserve(&keeper->view_nodes, 2);
    if (err == ERR_OK) {
        core_catalog_view_take(keeper, draft, heir);
    }
    return err;
}

enum err core_catalog_fold_view_rename(struct core_catalog_keeper *keeper,
                                       struct core_catalog *draft, const struct core_command *cmd)
{
    struct core_topic_config_fault unwanted;
    const struct core_view *old = core_catalog_find_view_uuid(draft, &cmd->uuid);
    if (old == NULL || old->is_heir ||
        core_catalog_can_name_view(draft, cmd->name, cmd->name_bytes, &unwanted) != ERR_OK) {
        return ERR_CORRUPT;
    }
    const struct core_view *old_heir = core_catalog_find_heir(draft, old);
    struct core_view *view = NULL;
    struct core_view *heir = NULL;
    enum err err = core_tree_reserve(&keeper->view_nodes, 12);
    if (err == ERR_OK) {
        err = core_catalog_view_again(keeper, old, cmd->name, cmd->name_bytes, false, &view);
    }
    if (err == ERR_OK && old_heir != NULL) {
        err = core_catalog_view_again(keeper, old_heir, cmd->name, cmd->name_bytes, true, &heir);
    }
    if (err != ERR_OK) {
        core_catalog_view_forget(keeper, view);
        return err;
    }
    if (heir != NULL) {
        core_catalog_view_take(keeper, draft, old_heir);
        core_catalog_view_put(keeper, draft, heir);
    }
    core_catalog_view_take(keeper, draft, old);
    core_catalog_view_put(keeper, draft, view);
    return ERR_OK;
}

enum err core_catalog_fold_view_swap(struct core_catalog_keeper *keeper, struct core_catalog *draft,
                                     const struct core_command *cmd)
{
    const struct core_view *heir = core_catalog_find_view_uuid(draft, &cmd->uuid);
    if (heir == NULL || !heir->is_heir) {
        return ERR_CORRUPT;
    }
    const struct core_view *old = core_catalog_find_view(draft, heir->name, strlen(heir->name));
    ASSERT(old != NULL); /* they come and go together */
    struct core_view *view;
    enum err err = core_tree_reserve(&keeper->view_nodes, 10);
    if (err == ERR_OK) {
        err = core_catalog_view_again(keeper, heir, heir->name, strlen(heir->name), false, &view);
    }
    if (err == ERR_OK) {
        core_catalog_view_take(keeper, draft, heir);
        core_catalog_view_take(keeper, draft, old);
        core_catalog_view_put(keeper, draft, view);
    }
    return err;
}

static void core_view_hold(void *ctx, void *item)
{
    (void)ctx;
    struct core_view *view = item;
    ASSERT(view->refs < UINT32_MAX);
    view->refs++;
}

static void core_view_drop(void *ctx, void *item)
{
    struct core_catalog_keeper *keeper = ctx;
    struct core_view *view = item;
    ASSERT(view->refs > 0);
    if (--view->refs == 0) {
        ASSERT(keeper->views_count > 0);
        keeper->views_count--;
        budget_free(keeper->budget, view);
    }
}

/* A view that no node holds; NULL: none. */
static void core_catalog_view_forget(struct core_catalog_keeper *keeper, struct core_view *view)
{
    if (view != NULL) {
        core_view_hold(keeper, view);
        core_view_drop(keeper, view);
    }
}

/* *out = the view that these bytes are, which no node holds yet. */
static enum err core_catalog_view_new(struct core_catalog_keeper *keeper, const uint8_t *data,
                                      size_t length, const struct log_uuid *uuid,
                                      struct core_view **out)
{
    size_t bytes;
    void *memory;
    enum err err = core_view_measure(data, length, &bytes);
    if (err == ERR_OK && log_uuid_is_zero(uuid)) {
        err = ERR_CORRUPT;
    }
    if (err == ERR_OK) {
        err = budget_alloc(keeper->budget, bytes, _Alignof(struct core_view), &memory);
    }
    if (err == ERR_OK) {
        *out = core_view_get(data, length, uuid, memory, bytes);
        keeper->views_count++;
    }
    return err;
}

/* *out = the view as it is but for its name and whether it is an heir, by way of its bytes at rest.
 */
static enum err core_catalog_view_again(struct core_catalog_keeper *keeper,
                                        const struct core_view *view, const char *name,
                                        size_t name_bytes, bool is_heir, struct core_view **out)
{
    char copy[CORE_VIEW_NAME_BYTES_MAX + 1];
    struct core_view renamed = {.uuid = view->uuid,
                                .lineage = view->lineage,
                                .is_heir = is_heir,
                                .name = copy,
                                .incarnation = view->incarnation,
                                .origin = view->origin,
                                .origin_ms = view->origin_ms,
                                .created_ms = view->created_ms,
                                .sql = view->sql,
                                .sql_bytes = view->sql_bytes,
                                .plan = view->plan,
                                .plan_bytes = view->plan_bytes,
                                .source = view->source,
                                .columns = view->columns,
                                .columns_count = view->columns_count,
                                .named_count = view->named_count,
                                .keys = view->keys,
                                .keys_count = view->keys_count};
    void *memory;
    ASSERT(name_bytes <= CORE_VIEW_NAME_BYTES_MAX);
    memcpy(copy, name, name_bytes);
    copy[name_bytes] = '\0';
    size_t bytes = core_view_bytes(&renamed);
    enum err err = budget_alloc(keeper->budget, bytes, 1, &memory);
    if (err != ERR_OK) {
        return err;
    }
    struct bytes_writer w = bytes_writer(memory, bytes);
    core_view_put(&w, &renamed);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == bytes);
    err = core_catalog_view_new(keeper, memory, bytes, &view->uuid, out);
    budget_free(keeper->budget, memory);
    return err;
}

/* Whether `view` may come into the draft: as the first of its name, as the heir of the one that has
 * it, or as that one's next incarnation at once. */
static bool core_catalog_view_fits(const struct core_catalog *draft, const struct core_view *view)
{
    struct core_topic_config_fault unwanted;
    const struct core_view *now = core_catalog_find_view_uuid(draft, &view->uuid);
    if (core_catalog_can_view(draft, view, &unwanted) != ERR_OK) {
        return false;
    }
    if (now != NULL) {
        return strcmp(now->name, view->name) == 0 && now->incarnation + 1 == view->incarnation &&
               !now->is_heir && !view->is_heir && core_catalog_find_heir(draft, now) == NULL &&
               log_uuid_is_equal(&now->lineage, &view->lineage);
    }
    return view->is_heir ? core_catalog_heir_fits(draft, view)
                         : view->incarnation == 1 &&
                               core_catalog_can_name_view(draft, view->name, strlen(view->name),
                                                          &unwanted) == ERR_OK;
}

static bool core_catalog_heir_fits(const struct core_catalog *draft, const struct core_view *heir)
{
    const struct core_view *now = core_catalog_find_view(draft, heir->name, strlen(heir->name));
    return now != NULL && now->incarnation + 1 == heir->incarnation &&
           log_uuid_is_equal(&now->lineage, &heir->lineage) &&
           log_uuid_is_equal(&now->source->topic, &heir->source->topic) &&
           core_catalog_find_heir(draft, now) == NULL;
}

/* Nodes are reserved. */
static void core_catalog_view_put(struct core_catalog_keeper *keeper, struct core_catalog *draft,
                                  struct core_view *view)
{
    struct core_tree_pool *nodes = &keeper->view_nodes;
    const struct core_catalog_name key = core_view_key(view);
    const struct core_view_place place = {&view->source->topic, key, view->incarnation};
    if (!view->is_heir) {
        core_tree_put(nodes, &draft->views_by_name, core_view_compare_name, &key, view);
        core_tree_put(nodes, &draft->views_by_case, core_view_compare_case, &key, view);
        draft->names_version = draft->version;
    }
    core_tree_put(nodes, &draft->views_by_topic, core_view_compare_place, &place, view);
    core_tree_put(nodes, &draft->views_by_uuid, core_view_compare_uuid, &view->uuid, view);
    ASSERT(view->refs >= 2);
    draft->views_count++;
    draft->views_version = draft->version;
}

/* Nodes are reserved. The view may be gone then. */
static void core_catalog_view_take(struct core_catalog_keeper *keeper, struct core_catalog *draft,
                                   const struct core_view *view)
{
    struct core_tree_pool *nodes = &keeper->view_nodes;
    const struct core_catalog_name key = core_view_key(view);
    const struct core_view_place place = {&view->source->topic, key, view->incarnation};
    ASSERT(draft->views_count > 0);
    draft->views_count--;
    draft->views_version = draft->version;
    /* The keys are the view's own: it goes with the last tree, so it is held over all of them. */
    core_view_hold(keeper, (void *)(uintptr_t)view);
    if (!view->is_heir) {
        core_tree_take(nodes, &draft->views_by_name, core_view_compare_name, &key);
        core_tree_take(nodes, &draft->views_by_case, core_view_compare_case, &key);
        draft->names_version = draft->version;
    }
    core_tree_take(nodes, &draft->views_by_topic, core_view_compare_place, &place);
    core_tree_take(nodes, &draft->views_by_uuid, core_view_compare_uuid, &view->uuid);
    core_view_drop(keeper, (void *)(uintptr_t)view);
}

/* --- Orders --- */

static struct core_catalog_name core_view_key(const struct core_view *view)
{
    return (struct core_catalog_name){view->name, strlen(view->name)};
}

static int core_view_compare_name(const void *key, const void *item)
{
    const struct core_catalog_name *name = key;
    const struct core_view *view = item;
    return core_catalog_compare_texts(name->name, name->bytes, view->name, strlen(view->name));
}

static int core_view_compare_case(const void *key, const void *item)
{
    const struct core_catalog_name *name = key;
    const struct core_view *view = item;
    int order =
        core_catalog_compare_caseless(name->name, name->bytes, view->name, strlen(view->name));
    return order != 0 ? order : core_view_compare_name(key, item);
}

static int core_view_compare_case_first(const void *key, const void *item)
{
    const struct core_catalog_name *name = key;
    const struct core_view *view = item;
    int order =
        core_catalog_compare_caseless(name->name, name->bytes, view->name, strlen(view->name));
    return order != 0 ? order : -1;
}

static int core_view_compare_place(const void *key, const void *item)
{
    const struct core_view_place *place = key;
    const struct core_view *view = item;
    const struct log_uuid *topic = &view->source->topic;
    int order = memcmp(place->topic->bytes, topic->bytes, sizeof(topic->bytes));
    if (order != 0) {
        return order;
    }
    order = place->name.name == NULL ? -1 : core_view_compare_name(&place->name, item);
    return order != 0 ? order
                      : (place->incarnation > view->incarnation) -
                            (place->incarnation < view->incarnation);
}

static int core_view_compare_uuid(const void *key, const void *item)
{
    const struct log_uuid *uuid = key;
    const struct core_view *view = item;
    return memcmp(uuid->bytes, view->uuid.bytes, sizeof(uuid->bytes));
}
