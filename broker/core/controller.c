/* The controller's life, its fold and what it publishes. See controller.h; changes stand in
 * change.c. */
#include "broker/core/controller.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/change.h"
#include "broker/core/controller_int.h"
#include "broker/core/core.h"
#include "broker/core/core_int.h"
#include "broker/core/partition.h"

/* One step of the feed. */
#define CORE_CONTROLLER_STEP_BYTES (256u << 10)

/* After a lack of memory. */
#define CORE_CONTROLLER_RETRY_NS (100 * RT_NS_PER_MS)

static enum err core_controller_init(struct core_controller *controller);
static void core_controller_begin(struct core_controller *controller);
static void core_controller_fed(struct raft_feed *feed);
static enum err core_controller_fold(struct core_controller *controller,
                                     const struct raft_entry *entry);
static void core_controller_note(struct core_controller *controller, const void *data,
                                 size_t length);
static void core_controller_again(struct rt_timer *timer);
static void core_controller_folded(struct core_controller *controller);
static void core_controller_found(struct core_controller *controller);
static void core_controller_publish(struct core_controller *controller);
static void core_controller_send(struct core_controller *controller, uint32_t to);
static void core_controller_came_back(struct rt_shard *shard, struct rt_mail *mail);
static void core_controller_fail(struct core_controller *controller, const char *why, enum err err);
static void core_controller_closed(struct core_controller *controller);

void core_controller_open(struct core_controller *controller, struct core_shard *cs)
{
    *controller = (struct core_controller){.cs = cs};
    list_init(&controller->queue);
    rt_timer_init(&controller->retry, cs->shard, core_controller_again);
    rt_timer_init(&controller->deadline, cs->shard, core_controller_late);
    core_catalog_keeper_init(&controller->keeper, &cs->budget, &cs->core->config.topics);
    enum err err = core_controller_init(controller);
    if (err != ERR_OK) {
        core_controller_fail(controller, "no memory for the controller", err);
        return;
    }
    core_controller_begin(controller);
}

static enum err core_controller_init(struct core_controller *controller)
{
    struct core_shard *cs = controller->cs;
    void *memory = NULL;
    for (uint32_t i = 0; i < cs->core->shards_count; i++) {
        controller->publications[i].controller = controller;
    }
    enum err err = cs->err; /* the shard's own part */
    if (err == ERR_OK) {
        err = budget_alloc(&cs->budget, CORE_CONTROLLER_COMMANDS_MAX * sizeof(struct core_command),
                           64, &memory);
        controller->commands = memory;
    }
    if (err == ERR_OK) {
        err = budget_alloc(&cs->budget, CORE_CONTROLLER_ENTRY_BYTES, 64, &memory);
        controller->scratch = memory;
    }
    if (err == ERR_OK) {
        err = core_catalog_new(&controller->keeper, &controller->catalog);
    }
    return err == ERR_OK ? core_catalog_put_controller(&controller->keeper, controller->catalog)
                         : err;
}

/* Fold what is committed, from the first entry on. */
static void core_controller_begin(struct core_controller *controller)
{
    struct core_shard *cs = controller->cs;
    struct log_uuid uuid = core_topic_controller_uuid();
    const struct core_topic *topic = core_catalog_find_uuid(controller->catalog, &uuid);
    enum err err = core_partition_open(cs, topic, 0);
    controller->part = err == ERR_OK ? core_partition_find(cs, 0, &uuid, 0) : NULL;
    if (err != ERR_OK || controller->part->is_closed) {
        core_controller_fail(controller, "the controller's log cannot be made",
                             err != ERR_OK ? err : controller->part->log_op.err);
        return;
    }
    struct log_status status = core_partition_status(controller->part);
    if (status.is_amnesiac || !status.is_available || status.quarantine_count > 0) {
        core_controller_fail(controller,
                             "the controller's log has lost entries: topics would be missing; see "
                             "tdb log repair DIR --group 0",
                             ERR_CORRUPT);
        return;
    }
    log_set_reserve(controller->part->group.log, true);
    controller->open_index = raft_group_indexes(&controller->part->group)->committed;
    raft_feed_open(&controller->feed, &controller->part->group, 1, CORE_CONTROLLER_STEP_BYTES,
                   core_controller_fed, controller);
    controller->is_feed_open = true;
    if (controller->open_index == 0) {
        core_controller_found(controller);
    }
    raft_feed_next(&controller->feed);
}

/* --- The fold --- */

static void core_controller_fed(struct raft_feed *feed)
{
    struct core_controller *controller = raft_feed_ctx(feed);
    enum err err = feed->err;
    struct raft_entry entry;
    while (err == ERR_OK && raft_feed_entry(feed, &entry)) {
        if (entry.index > controller->catalog->version) {
            err = core_controller_fold(controller, &entry);
        }
    }
    if (controller->is_closing) {
        raft_feed_close(feed);
        controller->is_feed_open = false;
        core_controller_closed(controller);
        return;
    }
    if (err == ERR_BUDGET || err == ERR_IO) {
        raft_feed_close(feed);
        rt_timer_start(&controller->retry,
                       rt_now_ns(controller->cs->shard) + CORE_CONTROLLER_RETRY_NS);
        return;
    }
    if (err != ERR_OK) {
        raft_feed_close(feed);
        controller->is_feed_open = false;
        core_controller_fail(controller,
                             err == ERR_UNSUPPORTED
                                 ? "the controller's log was written by a newer version"
                                 : "the controller's log cannot be read",
                             err);
        return;
    }
    raft_feed_next(feed);
    core_controller_folded(controller);
}

/* Internal entries change nothing but the version. */
static enum err core_controller_fold(struct core_controller *controller,
                                     const struct raft_entry *entry)
{
    struct core_catalog *made;
    struct err_info info = {0};
    if (entry->batch.kind != LOG_KIND_DATA) {
        return ERR_OK;
    }
    const uint8_t *data = buf_slice_data(entry->bytes);
    enum err err = core_catalog_apply_batch(&controller->keeper, controller->catalog, data,
                                            entry->bytes.length, entry->index, &made, &info);
    if (err != ERR_OK) {
        DIAG_ERROR(controller->cs->diag, "core", "a command cannot be applied",
                   DIAG_U64("index", entry->index), DIAG_U64("command", (uint64_t)info.a),
                   DIAG_U64("type", (uint64_t)info.b), DIAG_ERR("error", err));
        return err;
    }
    core_controller_note(controller, data, entry->bytes.length);
    core_catalog_unref(&controller->keeper, controller->catalog);
    controller->catalog = made;
    return ERR_OK;
}

/* Which topics the commands of an entry are about. */
static void core_controller_note(struct core_controller *controller, const void *data,
                                 size_t length)
{
    struct core_command_batch batch;
    enum err err = core_command_batch_open(&batch, data, length);
    struct core_command *cmd = controller->commands;
    while (err == ERR_OK && (err = core_command_batch_next(&batch, cmd)) == ERR_OK) {
        if (cmd->type == CORE_COMMAND_CLUSTER || cmd->type == CORE_COMMAND_PRODUCER_IDS ||
            cmd->type == CORE_COMMAND_STREAM_PUT || cmd->type == CORE_COMMAND_STREAM_DROP ||
            cmd->type == CORE_COMMAND_VIEW_PUT || cmd->type == CORE_COMMAND_VIEW_DROP ||
            cmd->type == CORE_COMMAND_VIEW_RENAME || cmd->type == CORE_COMMAND_VIEW_SWAP) {
            continue; /* no partition changes */
        }
        if (!controller->is_open && cmd->type == CORE_COMMAND_TOPIC_DELETE) {
            core_deleted_add(&controller->deleted, &controller->cs->budget, &cmd->uuid);
        }
        if (controller->changes_count == CORE_CONTROLLER_CHANGES_MAX) {
            controller->is_all = true;
        } else {
            controller->changes[controller->changes_count++] = cmd->uuid;
        }
    }
    ASSERT(err == ERR_END); /* it was applied */
}

static void core_controller_again(struct rt_timer *timer)
{
    struct core_controller *controller = CONTAINER_OF(timer, struct core_controller, retry);
    ASSERT(!controller->is_closing); /* it was stopped then */
    raft_feed_open(&controller->feed, &controller->part->group, controller->catalog->version + 1,
                   CORE_CONTROLLER_STEP_BYTES, core_controller_fed, controller);
    raft_feed_next(&controller->feed);
}

/* What the fold has come to: the first catalog, or another. */
static void core_controller_folded(struct core_controller *controller)
{
    if (controller->is_failed) {
        return;
    }
    if (!controller->is_open) {
        if (raft_feed_position(&controller->feed) <= controller->open_index) {
            return;
        }
        if (log_uuid_is_zero(&controller->catalog->cluster)) {
            if (controller->change_index == 0) {
                core_controller_found(controller);
            }
            return;
        }
        controller->is_open = true;
        controller->is_all = true;
        controller->change_index = 0;
    }
    core_controller_publish(controller);
}

/* The first start of all: the cluster gets its id. */
static void core_controller_found(struct core_controller *controller)
{
    struct core_shard *cs = controller->cs;
    struct core_command *cmd = controller->commands;
    *cmd = (struct core_command){.type = CORE_COMMAND_CLUSTER, .uuid = core_uuid_new(cs)};
    enum err err = core_controller_propose(controller, 1);
    if (err != ERR_OK) {
        core_controller_fail(controller, "the controller's log cannot be written", err);
    }
}

/* --- Publishing --- */

/* Once all have the catalog published before, the newest goes out. */
static void core_controller_publish(struct core_controller *controller)
{
    if (controller->away_count > 0 || controller->is_closing ||
        controller->published_version == controller->catalog->version) {
        return;
    }
    controller->published_version = controller->catalog->version;
    controller->publish_err = ERR_OK;
    memcpy(controller->changes_out, controller->changes,
           controller->changes_count * sizeof(controller->changes[0]));
    for (uint32_t i = 0; i < controller->cs->core->shards_count; i++) {
        struct core_publication *publication = &controller->publications[i];
        core_catalog_ref(controller->catalog);
        publication->catalog = controller->catalog;
        publication->changes = controller->changes_out;
        publication->changes_count = controller->changes_count;
        publication->is_all = controller->is_all;
        publication->err = ERR_OK;
        core_controller_send(controller, i);
    }
    controller->changes_count = 0;
    controller->is_all = false;
}

static void core_controller_send(struct core_controller *controller, uint32_t to)
{
    struct core_publication *publication = &controller->publications[to];
    ASSERT(!publication->is_away);
    publication->is_away = true;
    controller->away_count++;
    rt_outbox_send(&controller->cs->outbox, to, &publication->mail, core_shard_published);
}

void core_publication_return(struct core_shard *at, struct core_publication *publication)
{
    rt_outbox_send(&at->outbox, publication->controller->cs->shard->id, &publication->mail,
                   core_controller_came_back);
}

static void core_controller_came_back(struct rt_shard *shard, struct rt_mail *mail)
{
    struct rt_outbox_mail *letter = CONTAINER_OF(mail, struct rt_outbox_mail, mail);
    struct core_publication *publication = CONTAINER_OF(letter, struct core_publication, mail);
    struct core_controller *controller = publication->controller;
    (void)shard;
    publication->is_away = false;
    controller->away_count--;
    if (publication->err != ERR_OK) {
        controller->publish_err = publication->err;
    }
    if (publication->catalog != NULL) {
        core_catalog_unref(&controller->keeper, publication->catalog);
        publication->catalog = NULL;
    }
    if (controller->away_count > 0) {
        return;
    }
    core_deleted_deinit(&controller->deleted, &controller->cs->budget);
    if (controller->is_closing) {
        core_controller_closed(controller);
        return;
    }
    core_controller_published(controller);
    core_controller_publish(controller);
}

/* It cannot go on: at a start every shard is told to close; later, changes are refused. */
static void core_controller_fail(struct core_controller *controller, const char *why, enum err err)
{
    DIAG_ERROR(controller->cs->diag, "core", "the controller cannot go on",
               DIAG_STRING("reason", why), DIAG_ERR("error", err));
    snprintf(controller->why, sizeof(controller->why), "%s", why);
    controller->is_failed = true;
    if (controller->is_open) {
        core_controller_give_up(controller);
        return;
    }
    for (uint32_t i = 0; i < controller->cs->core->shards_count; i++) {
        controller->publications[i].err = err;
        controller->publications[i].catalog = NULL;
        core_controller_send(controller, i);
    }
}

/* --- The end --- */

void core_controller_close(struct core_controller *controller,
                           void (*closed)(struct core_shard *cs))
{
    ASSERT(controller->change == NULL);
    controller->is_closing = true;
    controller->closed = closed;
    if (rt_timer_is_running(&controller->retry)) {
        rt_timer_stop(&controller->retry);
        controller->is_feed_open = false;
    }
    if (controller->is_feed_open) {
        raft_feed_cancel(&controller->feed);
    }
    core_controller_closed(controller);
}

/* Is it closed now? */
static void core_controller_closed(struct core_controller *controller)
{
    if (controller->away_count == 0 && !controller->is_feed_open && controller->closed != NULL) {
        void (*closed)(struct core_shard * cs) = controller->closed;
        controller->closed = NULL; /* told once */
        closed(controller->cs);
    }
}

void core_controller_deinit(struct core_controller *controller)
{
    struct budget *budget = &controller->cs->budget;
    struct core *core = controller->cs->core;
    ASSERT(controller->away_count == 0);
    for (uint32_t i = 0; i < core->shards_count; i++) {
        if (core->shards[i]->catalog != NULL) {
            core_catalog_unref(&controller->keeper, core->shards[i]->catalog);
            core->shards[i]->catalog = NULL;
        }
    }
    if (controller->catalog != NULL) {
        core_catalog_unref(&controller->keeper, controller->catalog);
    }
    core_deleted_deinit(&controller->deleted, budget);
    core_catalog_keeper_deinit(&controller->keeper);
    budget_free(budget, controller->commands);
    budget_free(budget, controller->scratch);
}
