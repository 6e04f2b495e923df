/* Changes become commands. See change.h.
 *
 * Each item is tried on a catalog of its own, which is the newest one and the items before it: what
 * that takes, the fold will take. */
#include "broker/core/change.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/controller.h"
#include "broker/core/controller_int.h"
#include "broker/core/core.h"
#include "broker/core/core_int.h"
#include "broker/core/partition.h"
#include "storage/log/batch.h"

static_assert(CORE_CONTROLLER_COMMANDS_MAX * (CORE_COMMAND_BYTES_MAX + 64) <
                  CORE_CONTROLLER_ENTRY_BYTES,
              "an entry's commands fit, with their records' heads and keys");

static void core_change_run(struct core_shard *at, struct core_call *call);
static void core_change_came_home(struct core_shard *home, struct core_call *call);
static void core_controller_next(struct core_controller *controller);
static void core_controller_make(struct core_controller *controller);
static enum err core_controller_try(struct core_controller *controller,
                                    struct core_change_item *item, struct core_catalog **spec);
static void core_controller_refuse(struct core_controller *controller, enum core_code code);
static void core_controller_forget_stream(struct core_controller *controller);
static void core_controller_end(struct core_controller *controller);
static void core_controller_failed(struct raft_proposal *proposal);
static enum core_code core_change_command(struct core_change_try *t);
static enum core_code core_change_create(struct core_change_try *t);
static enum core_code core_change_delete(struct core_change_try *t);
static enum core_code core_change_partitions(struct core_change_try *t);
static enum core_code core_change_config(struct core_change_try *t);
static enum core_code core_change_pairs(struct core_change_try *t);
static enum core_code core_change_edit_pair(struct core_change_try *t, uint32_t index,
                                            struct core_topic_config_pair *pair);

void core_change_start(struct core_shard *cs, struct core_change *change)
{
    change->next_item = 0;
    core_call_start(cs, 0, &change->call, core_change_run, core_change_came_home);
}

static void core_change_run(struct core_shard *at, struct core_call *call)
{
    core_controller_change(&at->core->controller, CONTAINER_OF(call, struct core_change, call));
}

static void core_change_came_home(struct core_shard *home, struct core_call *call)
{
    (void)home;
    struct core_change *change = CONTAINER_OF(call, struct core_change, call);
    change->done(change);
}

/* --- One change after the other --- */

void core_controller_change(struct core_controller *controller, struct core_change *change)
{
    list_push_back(&controller->queue, &change->in_queue);
    core_controller_next(controller);
}

/* Take the next change in hand. Behind one that was given up it waits for what becomes of that. */
static void core_controller_next(struct core_controller *controller)
{
    while (controller->change == NULL && !list_is_empty(&controller->queue)) {
        struct list_node *node = list_pop_front(&controller->queue);
        controller->change = CONTAINER_OF(node, struct core_change, in_queue);
        if (controller->change_index == 0) {
            core_controller_make(controller);
        } else if (controller->change->deadline_ns != 0) {
            rt_timer_start(&controller->deadline, controller->change->deadline_ns);
        }
    }
}

/* The next entry of the change in hand, or its answer. */
static void core_controller_make(struct core_controller *controller)
{
    struct core_change *change = controller->change;
    struct core_catalog *spec = controller->catalog;
    ASSERT(controller->change_index == 0);
    bool is_late =
        change->deadline_ns != 0 && rt_now_ns(controller->cs->shard) >= change->deadline_ns;
    enum err err = controller->is_failed ? ERR_IO : is_late ? ERR_TIMEOUT : ERR_OK;
    core_catalog_ref(spec);
    controller->commands_count = 0;
    while (err == ERR_OK && change->next_item < change->items_count &&
           controller->commands_count < CORE_CONTROLLER_COMMANDS_MAX) {
        struct core_change_item *item = &change->items[change->next_item];
        if (controller->stream != NULL ||
            (controller->commands_count > 0 && core_change_is_large(item))) {
            break; /* that is another entry */
        }
        change->next_item++;
        err = item->code == CORE_OK ? core_controller_try(controller, item, &spec) : ERR_OK;
    }
    core_catalog_unref(&controller->keeper, spec);
    if (err == ERR_OK && controller->commands_count > 0) {
        err = core_controller_propose(controller, controller->commands_count);
        core_controller_forget_stream(controller);
        if (err == ERR_OK) {
            if (change->deadline_ns != 0) {
                rt_timer_start(&controller->deadline, change->deadline_ns);
            }
            return; /* until it is published */
        }
    }
    core_controller_forget_stream(controller);
    if (err != ERR_OK) {
        core_controller_refuse(controller, core_code_of(err));
    }
    core_controller_end(controller);
}

/* The stream of the entry that was made is written there, or never will be. */
static void core_controller_forget_stream(struct core_controller *controller)
{
    budget_free(&controller->cs->budget, controller->stream);
    controller->stream = NULL;
}

/* The change in hand is answered. */
static void core_controller_end(struct core_controller *controller)
{
    struct core_change *change = controller->change;
    rt_timer_stop(&controller->deadline);
    controller->change = NULL;
    core_call_end(controller->cs, &change->call);
}

void core_controller_late(struct rt_timer *timer)
{
    struct core_controller *controller = CONTAINER_OF(timer, struct core_controller, deadline);
    ASSERT(controller->change != NULL);
    ASSERT(controller->change_index != 0); /* and stays: that entry may still be committed */
    core_controller_refuse(controller, CORE_TIMEOUT);
    core_controller_end(controller);
    core_controller_next(controller);
}

/* `item` becomes a command, and *spec the catalog with it; or gets its answer. */
static enum err core_controller_try(struct core_controller *controller,
                                    struct core_change_item *item, struct core_catalog **spec)
{
    struct core_command *cmd = &controller->commands[controller->commands_count];
    struct core_change_try t = {
        .controller = controller, .item = item, .catalog = *spec, .cmd = cmd};
    *cmd = (struct core_command){.type = CORE_COMMAND_CLUSTER};
    item->text.text[0] = '\0';
    item->code = core_change_command(&t);
    if (item->code != CORE_OK) {
        core_controller_forget_stream(controller);
        return ERR_OK;
    }
    struct core_catalog *made;
    struct err_info info;
    enum err err =
        core_catalog_apply(&controller->keeper, *spec, cmd, 1, (*spec)->version + 1, &made, &info);
    if (err != ERR_OK) {
        core_controller_forget_stream(controller);
        item->code = core_code_of(err);
        return err == ERR_BUDGET ? err : ERR_OK;
    }
    if (item->is_validate_only) {
        core_controller_forget_stream(controller);
        core_catalog_unref(&controller->keeper, made);
        return ERR_OK;
    }
    core_catalog_unref(&controller->keeper, *spec);
    *spec = made;
    controller->commands_count++;
    return ERR_OK;
}

/* What of the change is not done yet never will be. */
static void core_controller_refuse(struct core_controller *controller, enum core_code code)
{
    struct core_change *change = controller->change;
    for (uint32_t i = 0; i < change->items_count; i++) {
        struct core_change_item *item = &change->items[i];
        if (item->code == CORE_OK && !item->is_done) {
            item->code = code;
        }
    }
}

enum err core_controller_propose(struct core_controller *controller, uint32_t count)
{
    struct core_shard *cs = controller->cs;
    struct bytes_writer w = bytes_writer(controller->scratch, CORE_CONTROLLER_ENTRY_BYTES);
    struct buf *buf;
    enum err err =
        core_command_batch_put(&w, cs->core->kernels, controller->commands, count, core_now_ms(cs));
    ASSERT(err == ERR_OK); /* asserted above: it fits */
    err = buf_new(&cs->bufs, &cs->budget, w.pos, &buf);
    if (err != ERR_OK) {
        return err;
    }
    uint8_t *data = buf_append(buf, (uint32_t)w.pos);
    memcpy(data, controller->scratch, w.pos);
    log_batch_patch(data, raft_group_next_offset(&controller->part->group),
                    raft_group_next_term(&controller->part->group));
    buf_seal(buf, (uint32_t)w.pos);
    controller->proposal =
        (struct raft_proposal){.failed = core_controller_failed, .ctx = controller};
    err = raft_group_propose(&controller->part->group, &controller->proposal,
                             buf_slice(buf, 0, (uint32_t)w.pos));
    controller->change_index = err == ERR_OK ? controller->proposal.index : 0;
    buf_unref(buf);
    return err;
}

void core_controller_give_up(struct core_controller *controller)
{
    controller->change_index = 0;
    if (controller->change != NULL) {
        core_controller_refuse(controller, CORE_STORAGE);
        core_controller_end(controller);
    }
    core_controller_next(controller);
}

static void core_controller_failed(struct raft_proposal *proposal)
{
    struct core_controller *controller = proposal->ctx;
    if (!controller->is_open) { /* the cluster's id: the next start gives one */
        return;
    }
    controller->change_index = 0;
    if (controller->change != NULL && controller->change->next_item > 0) {
        core_controller_refuse(controller, core_code_of(proposal->err));
        core_controller_end(controller);
    } else if (controller->change != NULL) { /* it waited behind one that was given up */
        core_controller_make(controller);
    }
    core_controller_next(controller);
}

void core_controller_published(struct core_controller *controller)
{
    struct core_change *change = controller->change;
    if (controller->change_index == 0 || controller->published_version < controller->change_index) {
        return;
    }
    controller->change_index = 0;
    rt_timer_stop(&controller->deadline);
    for (uint32_t i = 0; change != NULL && i < change->next_item; i++) {
        struct core_change_item *item = &change->items[i];
        bool is_new = !item->is_done && item->code == CORE_OK && !item->is_validate_only;
        item->is_done = true;
        if (is_new && controller->publish_err != ERR_OK &&
            (item->kind == CORE_CHANGE_CREATE || item->kind == CORE_CHANGE_PARTITIONS)) {
            item->code = core_code_of(controller->publish_err);
            snprintf(item->text.text, sizeof(item->text.text),
                     "made, but a partition cannot be opened before the next start: %s",
                     err_text(controller->publish_err));
        }
    }
    if (change != NULL) {
        core_controller_make(controller);
    }
    core_controller_next(controller);
}

/* --- From an item to its command --- */

static enum core_code core_change_command(struct core_change_try *t)
{
    struct core_change_item *item = t->item;
    const struct core_catalog *catalog = t->catalog;
    if (item->kind == CORE_CHANGE_PRODUCER_IDS) {
        t->cmd->type = CORE_COMMAND_PRODUCER_IDS;
        t->cmd->producer_id_first = catalog->producer_id_next;
        t->cmd->producer_ids_count = CORE_CHANGE_PRODUCER_IDS_COUNT;
        item->producer_id_first = catalog->producer_id_next;
        return CORE_OK;
    }
    if (item->kind >= CORE_CHANGE_VIEW_CREATE) {
        return core_change_view(t);
    }
    if (item->kind >= CORE_CHANGE_STREAM_CREATE) {
        return core_change_stream(t);
    }
    bool is_named = item->name != NULL;
    t->topic = is_named ? core_catalog_find(catalog, item->name, item->name_bytes)
                        : core_catalog_find_uuid(catalog, &item->uuid);
    const char *name = is_named || t->topic == NULL ? item->name : t->topic->name;
    uint32_t name_bytes = is_named || t->topic == NULL ? item->name_bytes : t->topic->name_bytes;
    if (!item->may_be_reserved && name != NULL && core_topic_is_reserved(name, name_bytes)) {
        return core_change_say(t, CORE_INVALID_TOPIC,
                               "names that begin with __tdb_ are the broker's own");
    }
    if (item->kind == CORE_CHANGE_CREATE) {
        return core_change_create(t);
    }
    if (t->topic == NULL) {
        return is_named ? CORE_UNKNOWN_TOPIC : CORE_UNKNOWN_TOPIC_ID;
    }
    t->cmd->uuid = t->topic->uuid;
    item->uuid_made = t->topic->uuid;
    switch (item->kind) {
    case CORE_CHANGE_DELETE: return core_change_delete(t);
    case CORE_CHANGE_PARTITIONS: return core_change_partitions(t);
    case CORE_CHANGE_CONFIG:
    case CORE_CHANGE_CONFIG_ALL: return core_change_config(t);
    case CORE_CHANGE_CREATE:
    case CORE_CHANGE_PRODUCER_IDS:
    case CORE_CHANGE_STREAM_CREATE:
    case CORE_CHANGE_STREAM_DROP:
    case CORE_CHANGE_STREAM_INFER:
    case CORE_CHANGE_VIEW_CREATE:
    case CORE_CHANGE_VIEW_REBIND:
    case CORE_CHANGE_VIEW_DROP:
    case CORE_CHANGE_VIEW_RENAME:
    case CORE_CHANGE_VIEW_SWAP:
    case CORE_CHANGE_VIEW_ABANDON: break;
    }
    UNREACHABLE();
}

enum core_code core_change_say(struct core_change_try *t, enum core_code code, const char *text)
{
    snprintf(t->item->text.text, sizeof(t->item->text.text), "%s", text);
    return code;
}

static enum core_code core_change_create(struct core_change_try *t)
{
    struct core_change_item *item = t->item;
    const struct core_config *config = &t->controller->cs->core->config;
    struct core_topic_config made;
    uint32_t count = item->partitions_count == -1 ? config->partitions_count
                     : item->partitions_count < 0 ? 0
                                                  : (uint32_t)item->partitions_count;
    enum err err =
        core_catalog_can_create(t->catalog, item->name, item->name_bytes, count, &item->text);
    if (err != ERR_OK) {
        return err == ERR_INVALID  ? CORE_INVALID_TOPIC
               : err == ERR_EXISTS ? CORE_TOPIC_EXISTS
                                   : CORE_INVALID_PARTITIONS;
    }
    if (item->replicas_count == 0 || item->replicas_count < -1 ||
        (item->replicas_count > 1 && !config->is_replication_clamped)) {
        snprintf(item->text.text, sizeof(item->text.text),
                 "replication factor %d: this cluster has 1 node%s", item->replicas_count,
                 item->replicas_count > 1 ? "; tdb serve --clamp-replication takes it for 1" : "");
        return CORE_INVALID_REPLICATION;
    }
    if (item->pairs_count > CORE_TOPIC_CONFIG_PAIRS_MAX) {
        return core_change_say(t, CORE_INVALID_CONFIG, "too many configs");
    }
    for (uint32_t i = 0; i < item->pairs_count; i++) {
        if (item->pairs[i].value == NULL) {
            return core_change_say(t, CORE_INVALID_CONFIG, "a config without a value");
        }
        t->cmd->pairs[i] = item->pairs[i];
    }
    err =
        core_topic_config_read(&config->topics, item->pairs, item->pairs_count, &made, &item->text);
    if (err != ERR_OK) {
        return CORE_INVALID_CONFIG;
    }
    t->cmd->type = CORE_COMMAND_TOPIC_CREATE;
    t->cmd->uuid = core_uuid_new(t->controller->cs);
    t->cmd->group_first = t->catalog->group_next;
    t->cmd->partitions_count = count;
    t->cmd->time_ms = core_now_ms(t->controller->cs);
    t->cmd->name = item->name;
    t->cmd->name_bytes = (uint16_t)item->name_bytes;
    t->cmd->pairs_count = (uint16_t)item->pairs_count;
    item->uuid_made = t->cmd->uuid;
    item->partitions_made = count;
    return CORE_OK;
}

static enum core_code core_change_delete(struct core_change_try *t)
{
    if (core_catalog_can_delete(t->catalog, t->topic, &t->item->text) != ERR_OK) {
        return CORE_POLICY_VIOLATION;
    }
    t->cmd->type = CORE_COMMAND_TOPIC_DELETE;
    t->item->partitions_made = t->topic->partitions_count;
    return CORE_OK;
}

static enum core_code core_change_partitions(struct core_change_try *t)
{
    struct core_change_item *item = t->item;
    uint32_t now = t->topic->partitions_count;
    uint32_t left = LIMIT_PARTITIONS_COUNT - t->catalog->partitions_count;
    if (item->partitions_count <= 0 || (uint32_t)item->partitions_count <= now) {
        snprintf(item->text.text, sizeof(item->text.text),
                 "the topic has %u partitions: %d is not more", now, item->partitions_count);
        return CORE_INVALID_PARTITIONS;
    }
    if ((uint32_t)item->partitions_count - now > left) {
        snprintf(item->text.text, sizeof(item->text.text), "this node can have %u more partitions",
                 left);
        return CORE_INVALID_PARTITIONS;
    }
    if (item->assigned_count > 0 &&
        item->assigned_count != (uint32_t)item->partitions_count - now) {
        snprintf(item->text.text, sizeof(item->text.text), "%u partitions are new, %u are assigned",
                 (uint32_t)item->partitions_count - now, item->assigned_count);
        return CORE_INVALID_ASSIGNMENT;
    }
    t->cmd->type = CORE_COMMAND_PARTITIONS_ADD;
    t->cmd->group_first = t->catalog->group_next;
    t->cmd->partitions_count = (uint32_t)item->partitions_count;
    item->partitions_made = (uint32_t)item->partitions_count;
    return CORE_OK;
}

/* The pair of this name among `count`, or NULL. */
static const struct core_topic_config_pair *core_change_pair(
    const struct core_topic_config_pair *pairs, uint32_t count,
    const struct core_topic_config_pair *wanted)
{
    for (uint32_t i = 0; i < count; i++) {
        if (pairs[i].name_bytes == wanted->name_bytes &&
            memcmp(pairs[i].name, wanted->name, wanted->name_bytes) == 0) {
            return &pairs[i];
        }
    }
    return NULL;
}

static enum core_code core_change_config(struct core_change_try *t)
{
    const struct core_change_item *item = t->item;
    const struct core_topic *topic = t->topic;
    struct core_command *cmd = t->cmd;
    struct core_topic_config_pair after[CORE_TOPIC_CONFIG_PAIRS_MAX * 2];
    struct core_topic_config made;
    uint32_t count = 0;
    enum core_code code = core_change_pairs(t);
    if (code != CORE_OK) {
        return code;
    }
    for (uint32_t i = 0; i < cmd->pairs_count; i++) {
        if (cmd->pairs[i].value != NULL) {
            after[count++] = cmd->pairs[i];
        }
    }
    for (uint32_t i = 0; i < topic->pairs_count; i++) {
        if (core_change_pair(item->pairs, item->pairs_count, &topic->pairs[i]) != NULL) {
            continue;
        }
        if (item->kind == CORE_CHANGE_CONFIG) {
            after[count++] = topic->pairs[i];
        } else if (cmd->pairs_count < CORE_TOPIC_CONFIG_PAIRS_MAX) {
            cmd->pairs[cmd->pairs_count] = topic->pairs[i];
            cmd->pairs[cmd->pairs_count].value = NULL;
            cmd->pairs[cmd->pairs_count++].value_bytes = 0;
        }
    }
    enum err err = core_topic_config_read(&t->controller->cs->core->config.topics, after, count,
                                          &made, &t->item->text);
    return err == ERR_OK ? CORE_OK : CORE_INVALID_CONFIG;
}

/* The item's pairs into the command's: of those to be taken away only what is set. */
static enum core_code core_change_pairs(struct core_change_try *t)
{
    struct core_change_item *item = t->item;
    struct core_command *cmd = t->cmd;
    if (item->pairs_count > CORE_TOPIC_CONFIG_PAIRS_MAX) {
        return core_change_say(t, CORE_INVALID_CONFIG, "more configs than there are");
    }
    cmd->type = CORE_COMMAND_CONFIG_SET;
    for (uint32_t i = 0; i < item->pairs_count; i++) {
        struct core_topic_config_pair pair = item->pairs[i];
        struct core_topic_config scratch = t->topic->config;
        if (core_change_pair(item->pairs, i, &pair) != NULL) {
            return core_change_say(t, CORE_INVALID_REQUEST, "a config is named twice");
        }
        if (core_topic_config_find(pair.name, pair.name_bytes) == NULL) {
            pair.value = pair.value != NULL ? pair.value : "";
            enum err err = core_topic_config_set(&scratch, &pair, &item->text);
            ASSERT(err == ERR_NOT_FOUND); /* with words, and the nearest name */
            return CORE_INVALID_CONFIG;
        }
        enum core_code code = core_change_edit_pair(t, i, &pair);
        if (code != CORE_OK) {
            return code;
        }
        if (pair.value != NULL ||
            core_change_pair(t->topic->pairs, t->topic->pairs_count, &pair) != NULL) {
            cmd->pairs[cmd->pairs_count++] = pair;
        }
    }
    return CORE_OK;
}

/* --- Lists --- */

/* Words with commas between. */
struct core_change_words {
    const char *at; /* the first; no NUL */
    size_t bytes;   /* of all */
};

/* The next word, or false: there was none left. Empty ones are stepped over. */
static bool core_change_word(struct core_change_words *words, struct core_change_words *word)
{
    while (words->bytes > 0) {
        const char *comma = memchr(words->at, ',', words->bytes);
        size_t taken = comma != NULL ? (size_t)(comma - words->at) + 1 : words->bytes;
        *word = (struct core_change_words){words->at, comma != NULL ? taken - 1 : taken};
        words->at += taken;
        words->bytes -= taken;
        if (word->bytes > 0) {
            return true;
        }
    }
    return false;
}

static bool core_change_has_word(struct core_change_words words,
                                 const struct core_change_words *wanted)
{
    struct core_change_words word;
    while (core_change_word(&words, &word)) {
        if (word.bytes == wanted->bytes && memcmp(word.at, wanted->at, word.bytes) == 0) {
            return true;
        }
    }
    return false;
}

/* Put the words of `from` that are neither in `without` nor in the `*bytes` of `list` behind these.
 * False: they do not fit. */
static bool core_change_put_words(char list[CORE_TOPIC_CONFIG_VALUE_BYTES_MAX], size_t *bytes,
                                  struct core_change_words from, struct core_change_words without)
{
    struct core_change_words word;
    while (core_change_word(&from, &word)) {
        size_t comma = *bytes > 0 ? 1 : 0;
        struct core_change_words there = {list, *bytes};
        if (core_change_has_word(without, &word) || core_change_has_word(there, &word)) {
            continue;
        }
        if (word.bytes + comma > CORE_TOPIC_CONFIG_VALUE_BYTES_MAX - *bytes) {
            return false;
        }
        memcpy(list + *bytes, ",", comma);
        memcpy(list + *bytes + comma, word.at, word.bytes);
        *bytes += comma + word.bytes;
    }
    return true;
}

/* What the pair's edit makes of its value. */
static enum core_code core_change_edit_pair(struct core_change_try *t, uint32_t index,
                                            struct core_topic_config_pair *pair)
{
    struct core_change_edit *edit = t->item->edits != NULL ? &t->item->edits[index] : NULL;
    if (edit == NULL || edit->operation == CORE_CHANGE_SET) {
        return CORE_OK;
    }
    const struct core_topic_config_key *key = core_topic_config_find(pair->name, pair->name_bytes);
    const struct core_topic_config_pair *set =
        core_change_pair(t->topic->pairs, t->topic->pairs_count, pair);
    if (key->type != CORE_TOPIC_CONFIG_LIST) {
        snprintf(t->item->text.text, sizeof(t->item->text.text),
                 "%s is not a list: nothing can be appended or taken out; set it", key->name);
        return CORE_INVALID_CONFIG;
    }
    struct core_change_words none = {"", 0};
    struct core_change_words value = {pair->value, pair->value_bytes};
    struct core_change_words now = {set != NULL ? set->value : key->default_text,
                                    set != NULL ? set->value_bytes : strlen(key->default_text)};
    size_t bytes = 0;
    bool is_append = edit->operation == CORE_CHANGE_APPEND;
    bool fits = core_change_put_words(edit->list, &bytes, now, is_append ? none : value);
    if (fits && is_append) {
        fits = core_change_put_words(edit->list, &bytes, value, none);
    }
    pair->value = edit->list;
    pair->value_bytes = (uint16_t)bytes;
    return fits ? CORE_OK : core_change_say(t, CORE_INVALID_CONFIG, "the list gets too long");
}
