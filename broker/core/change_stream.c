/* Changes of streams become commands. See change.h. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "broker/core/controller_int.h"
#include "broker/core/core.h"
#include "broker/core/core_int.h"

static enum core_code core_change_stream_create(struct core_change_try *t);
static enum core_code core_change_stream_drop(struct core_change_try *t);
static enum core_code core_change_stream_infer(struct core_change_try *t);
static enum core_code core_change_stream_put(struct core_change_try *t,
                                             const struct core_stream *made);
static const struct core_stream_column *core_change_stream_twice(const struct core_stream *stream);

static_assert(CORE_CONTROLLER_ENTRY_BYTES >= 2 * CORE_COMMAND_STREAM_BYTES_MAX + 1024,
              "a stream fits an entry, and once more beside it");

bool core_change_is_large(const struct core_change_item *item)
{
    return item->kind == CORE_CHANGE_STREAM_CREATE || item->kind == CORE_CHANGE_STREAM_INFER ||
           item->kind == CORE_CHANGE_VIEW_CREATE || item->kind == CORE_CHANGE_VIEW_REBIND;
}

enum core_code core_change_stream(struct core_change_try *t)
{
    switch (t->item->kind) {
    case CORE_CHANGE_STREAM_CREATE: return core_change_stream_create(t);
    case CORE_CHANGE_STREAM_DROP: return core_change_stream_drop(t);
    case CORE_CHANGE_STREAM_INFER: return core_change_stream_infer(t);
    case CORE_CHANGE_CREATE:
    case CORE_CHANGE_DELETE:
    case CORE_CHANGE_PARTITIONS:
    case CORE_CHANGE_CONFIG:
    case CORE_CHANGE_CONFIG_ALL:
    case CORE_CHANGE_PRODUCER_IDS:
    case CORE_CHANGE_VIEW_CREATE:
    case CORE_CHANGE_VIEW_REBIND:
    case CORE_CHANGE_VIEW_DROP:
    case CORE_CHANGE_VIEW_RENAME:
    case CORE_CHANGE_VIEW_SWAP:
    case CORE_CHANGE_VIEW_ABANDON: break;
    }
    UNREACHABLE();
}

static enum core_code core_change_stream_create(struct core_change_try *t)
{
    struct core_stream made = *t->item->stream;
    size_t name_bytes = strlen(made.name);
    if (name_bytes == 0 || name_bytes > CORE_STREAM_NAME_BYTES_MAX) {
        return core_change_say(t, CORE_INVALID_STREAM, "a stream's name has 1 to 249 bytes");
    }
    if (core_topic_is_reserved(made.name, name_bytes)) {
        return core_change_say(t, CORE_INVALID_STREAM,
                               "names that begin with __tdb_ are the broker's own");
    }
    const struct core_stream_column *twice = core_change_stream_twice(&made);
    if (twice != NULL) {
        snprintf(t->item->text.text, sizeof(t->item->text.text),
                 "column \"%s\" specified more than once", twice->name);
        return CORE_INVALID_STREAM;
    }
    enum err err = core_catalog_can_declare(t->catalog, &made, &t->item->text);
    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND ? CORE_UNKNOWN_TOPIC : CORE_STREAM_EXISTS;
    }
    made.uuid = core_uuid_new(t->controller->cs);
    made.version = 1;
    made.is_declared = true;
    return core_change_stream_put(t, &made);
}

static enum core_code core_change_stream_drop(struct core_change_try *t)
{
    struct core_change_item *item = t->item;
    const struct core_stream *stream =
        core_catalog_find_stream(t->catalog, item->name, item->name_bytes);
    const struct core_topic *topic = core_catalog_find(t->catalog, item->name, item->name_bytes);
    if (stream == NULL && topic == NULL) {
        return CORE_UNKNOWN_STREAM;
    }
    if (stream == NULL || !stream->is_declared) {
        return core_change_say(t, CORE_INVALID_STREAM,
                               "the stream is its topic's, by its name: it goes with the topic");
    }
    if (core_catalog_can_drop(t->catalog, stream, &item->text) != ERR_OK) {
        return CORE_POLICY_VIOLATION;
    }
    t->cmd->type = CORE_COMMAND_STREAM_DROP;
    t->cmd->uuid = stream->uuid;
    t->cmd->name = item->name;
    t->cmd->name_bytes = (uint16_t)item->name_bytes;
    item->uuid_made = stream->uuid;
    return CORE_OK;
}

static enum core_code core_change_stream_infer(struct core_change_try *t)
{
    struct core_stream made = *t->item->stream;
    if (!core_catalog_can_infer(t->catalog, &made)) {
        return CORE_STREAM_CHANGED;
    }
    made.uuid = made.version == 0 ? core_uuid_new(t->controller->cs) : made.uuid;
    made.version++;
    made.is_declared = false;
    return core_change_stream_put(t, &made);
}

/* The command that puts `made`; its bytes are the controller's until the entry is made. */
static enum core_code core_change_stream_put(struct core_change_try *t,
                                             const struct core_stream *stream)
{
    struct core_controller *controller = t->controller;
    struct core_stream made = *stream;
    size_t bytes = core_stream_bytes(&made);
    size_t block_bytes;
    void *memory;
    if (made.columns_count > CORE_STREAM_COLUMNS_MAX || bytes > CORE_STREAM_BYTES_MAX) {
        return core_change_say(t, CORE_INVALID_STREAM,
                               "a stream has at most 1,024 columns and 512 KiB of names and paths");
    }
    if (budget_alloc(&controller->cs->budget, bytes, 1, &memory) != ERR_OK) {
        return CORE_OVERLOADED;
    }
    ASSERT(controller->stream == NULL); /* one an entry */
    controller->stream = memory;
    made.created_ms = core_now_ms(controller->cs);
    struct bytes_writer w = bytes_writer(controller->stream, bytes);
    core_stream_put(&w, &made);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == bytes);
    if (core_stream_measure(controller->stream, bytes, &block_bytes) != ERR_OK) {
        return core_change_say(t, CORE_INVALID_STREAM, "a name or a path is no text");
    }
    t->cmd->type = CORE_COMMAND_STREAM_PUT;
    t->cmd->uuid = made.uuid;
    t->cmd->stream = controller->stream;
    t->cmd->stream_bytes = (uint32_t)bytes;
    t->item->uuid_made = made.uuid;
    t->item->version_made = made.version;
    return CORE_OK;
}

/* A column whose name another one has, too, or NULL. */
static const struct core_stream_column *core_change_stream_twice(const struct core_stream *stream)
{
    for (uint32_t i = 1; i < stream->columns_count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(stream->columns[i].name, stream->columns[j].name) == 0) {
                return &stream->columns[i];
            }
        }
    }
    return NULL;
}
