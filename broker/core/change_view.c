/* Changes of views become commands. See change.h. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "broker/core/catalog_view.h"
#include "broker/core/controller_int.h"
#include "broker/core/core.h"
#include "broker/core/core_int.h"

static enum core_code core_change_view_create(struct core_change_try *t);
static enum core_code core_change_view_rebind(struct core_change_try *t);
static enum core_code core_change_view_heir(struct core_change_try *t);
static enum core_code core_change_view_drop(struct core_change_try *t);
static enum core_code core_change_view_rename(struct core_change_try *t);
static enum core_code core_change_view_name(struct core_change_try *t, const char *name,
                                            size_t name_bytes);
static enum core_code core_change_view_put(struct core_change_try *t, const struct core_view *made);

static_assert(CORE_VIEW_BYTES_MAX <= CORE_STREAM_BYTES_MAX, "a view fits where a stream does");

enum core_code core_change_view(struct core_change_try *t)
{
    switch (t->item->kind) {
    case CORE_CHANGE_VIEW_CREATE: return core_change_view_create(t);
    case CORE_CHANGE_VIEW_REBIND: return core_change_view_rebind(t);
    case CORE_CHANGE_VIEW_DROP: return core_change_view_drop(t);
    case CORE_CHANGE_VIEW_RENAME: return core_change_view_rename(t);
    case CORE_CHANGE_VIEW_SWAP:
    case CORE_CHANGE_VIEW_ABANDON: return core_change_view_heir(t);
    case CORE_CHANGE_CREATE:
    case CORE_CHANGE_DELETE:
    case CORE_CHANGE_PARTITIONS:
    case CORE_CHANGE_CONFIG:
    case CORE_CHANGE_CONFIG_ALL:
    case CORE_CHANGE_PRODUCER_IDS:
    case CORE_CHANGE_STREAM_CREATE:
    case CORE_CHANGE_STREAM_DROP:
    case CORE_CHANGE_STREAM_INFER: break;
    }
    UNREACHABLE();
}

static enum core_code core_change_view_create(struct core_change_try *t)
{
    struct core_view made = *t->item->view;
    enum core_code code = core_change_view_name(t, made.name, strlen(made.name));
    if (code != CORE_OK) {
        return code;
    }
    const struct core_topic *topic = core_catalog_find_uuid(t->catalog, &made.source->topic);
    if (topic != NULL && !core_upkeep_has_room(t->controller->cs, t->catalog, &made, topic,
                                               t->item->text.text, sizeof(t->item->text.text))) {
        return CORE_OVERLOADED;
    }
    made.uuid = core_uuid_new(t->controller->cs);
    made.lineage = made.uuid;
    made.is_heir = false;
    made.incarnation = 1;
    return core_change_view_put(t, &made);
}

static enum core_code core_change_view_rebind(struct core_change_try *t)
{
    struct core_view made = *t->item->view;
    const struct core_view *now = core_catalog_find_view_uuid(t->catalog, &made.uuid);
    if (now == NULL || now->is_heir || now->incarnation != made.incarnation ||
        now->incarnation == UINT32_MAX) {
        return CORE_VIEW_CHANGED;
    }
    if (core_catalog_find_heir(t->catalog, now) != NULL) {
        return CORE_VIEW_BUSY;
    }
    if (!log_uuid_is_equal(&now->source->topic, &made.source->topic)) {
        return core_change_say(t, CORE_INVALID_VIEW, "its SELECT reads another topic by now");
    }
    made.uuid = core_uuid_new(t->controller->cs);
    made.lineage = now->lineage;
    made.is_heir = true;
    made.name = now->name;
    made.origin = now->origin;
    made.origin_ms = now->origin_ms;
    made.incarnation++;
    return core_change_view_put(t, &made);
}

/* The heir of that uuid takes the view's place, or is given up. */
static enum core_code core_change_view_heir(struct core_change_try *t)
{
    struct core_change_item *item = t->item;
    const struct core_view *heir = core_catalog_find_view_uuid(t->catalog, &item->uuid);
    if (heir == NULL || !heir->is_heir) {
        return CORE_VIEW_CHANGED;
    }
    bool is_swap = item->kind == CORE_CHANGE_VIEW_SWAP;
    t->cmd->type = is_swap ? CORE_COMMAND_VIEW_SWAP : CORE_COMMAND_VIEW_DROP;
    t->cmd->uuid = heir->uuid;
    t->cmd->name = is_swap ? NULL : heir->name;
    t->cmd->name_bytes = is_swap ? 0 : (uint16_t)strlen(heir->name);
    item->uuid_made = heir->uuid;
    item->version_made = heir->incarnation;
    return CORE_OK;
}

static enum core_code core_change_view_drop(struct core_change_try *t)
{
    struct core_change_item *item = t->item;
    const struct core_view *view = core_catalog_find_view(t->catalog, item->name, item->name_bytes);
    if (view == NULL) {
        return CORE_UNKNOWN_VIEW;
    }
    t->cmd->type = CORE_COMMAND_VIEW_DROP;
    t->cmd->uuid = view->uuid;
    t->cmd->name = item->name;
    t->cmd->name_bytes = (uint16_t)item->name_bytes;
    item->uuid_made = view->uuid;
    return CORE_OK;
}

static enum core_code core_change_view_rename(struct core_change_try *t)
{
    struct core_change_item *item = t->item;
    const struct core_view *view = core_catalog_find_view(t->catalog, item->name, item->name_bytes);
    if (view == NULL) {
        return CORE_UNKNOWN_VIEW;
    }
    enum core_code code = core_change_view_name(t, item->rename, item->rename_bytes);
    if (code != CORE_OK) {
        return code;
    }
    t->cmd->type = CORE_COMMAND_VIEW_RENAME;
    t->cmd->uuid = view->uuid;
    t->cmd->name = item->rename;
    t->cmd->name_bytes = (uint16_t)item->rename_bytes;
    item->uuid_made = view->uuid;
    item->version_made = view->incarnation;
    return CORE_OK;
}

/* Whether a view may be called so. */
static enum core_code core_change_view_name(struct core_change_try *t, const char *name,
                                            size_t name_bytes)
{
    if (name_bytes == 0 || name_bytes > CORE_VIEW_NAME_BYTES_MAX ||
        memchr(name, '\0', name_bytes) != NULL) {
        return core_change_say(t, CORE_INVALID_VIEW, "a view's name has 1 to 249 bytes");
    }
    if (core_topic_is_reserved(name, name_bytes)) {
        return core_change_say(t, CORE_INVALID_VIEW,
                               "names that begin with __tdb_ are the broker's own");
    }
    return core_catalog_can_name_view(t->catalog, name, name_bytes, &t->item->text) == ERR_OK
               ? CORE_OK
               : CORE_VIEW_EXISTS;
}

/* The command that puts `made`; its bytes are the controller's until the entry is made. */
static enum core_code core_change_view_put(struct core_change_try *t, const struct core_view *view)
{
    struct core_controller *controller = t->controller;
    struct core_view made = *view;
    size_t block_bytes;
    void *memory;
    enum err err = core_catalog_can_view(t->catalog, &made, &t->item->text);
    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND ? CORE_UNKNOWN_TOPIC : CORE_INVALID_VIEW;
    }
    size_t bytes = core_view_bytes(&made);
    if (made.sql_bytes > CORE_VIEW_SQL_BYTES_MAX || made.columns_count > CORE_VIEW_COLUMNS_MAX ||
        bytes > CORE_VIEW_BYTES_MAX) {
        return core_change_say(t, CORE_INVALID_VIEW,
                               "a view has at most 1,024 columns, 64 KiB of text, and 512 KiB with "
                               "its plan");
    }
    if (budget_alloc(&controller->cs->budget, bytes, 1, &memory) != ERR_OK) {
        return CORE_OVERLOADED;
    }
    ASSERT(controller->stream == NULL); /* one an entry */
    controller->stream = memory;
    made.created_ms = core_now_ms(controller->cs);
    struct bytes_writer w = bytes_writer(controller->stream, bytes);
    core_view_put(&w, &made);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == bytes);
    if (core_view_measure(controller->stream, bytes, &block_bytes) != ERR_OK) {
        return core_change_say(t, CORE_INVALID_VIEW, "a name or a text of it is no text");
    }
    t->cmd->type = CORE_COMMAND_VIEW_PUT;
    t->cmd->uuid = made.uuid;
    t->cmd->view = controller->stream;
    t->cmd->view_bytes = (uint32_t)bytes;
    t->item->uuid_made = made.uuid;
    t->item->version_made = made.incarnation;
    return CORE_OK;
}
