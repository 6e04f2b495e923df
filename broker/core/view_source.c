/* See view_source.h.
 *
 *     step:  find the entry of the offset (once) -> entries are read, or awaited -> lent
 *
 * Entries that a read gave and a step did not give on (a gap stands before them, or memory for
 * loans ran out) are held for the next step: the read's answer lives until the next read. */
#include "broker/core/view_source.h"

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/catalog_view.h"
#include "broker/core/core.h"
#include "broker/core/partition.h"
#include "broker/core/reading.h"
#include "broker/core/view_feed.h"

static void core_views_sized(struct rt_op *op);
static void core_views_pin(struct core_shard *cs, const struct core_view *view,
                           const struct core_topic *topic, uint32_t from);
static enum core_code core_view_source_make(struct core_shard *at, struct core_view_feed *feed);
static struct core_view_source *core_view_source_new(struct core_partition *part,
                                                     const char *owner);
static void core_view_source_free(struct core_view_source *source);
static void core_view_source_find(struct core_view_source *source);
static void core_view_source_found(struct log_retention_find *find);
static void core_view_source_read(struct core_view_source *source, uint64_t first_index);
static void core_view_source_go(struct core_view_source *source);
static void core_view_source_fed(struct raft_feed *entries);
static void core_view_source_take(struct core_view_source *source);
static bool core_view_source_entry(struct core_view_source *source, struct raft_entry *entry);
static bool core_view_source_lend(struct core_view_source *source, const struct raft_entry *entry,
                                  struct buf_loan ***link);
static void core_view_source_answer(struct core_view_source *source, enum core_code code);
static void core_view_source_stop(struct core_view_source *source);
static void core_view_source_leave(struct core_view_source *source, enum core_code code);
static void core_view_source_unpin(struct core_view_source *source);
static void core_view_source_keep(struct core_view_source *source, uint64_t index);
static void core_view_sources_count(struct core_partition *part);
static struct core_view_source *core_view_sources_lowest(struct core_partition *part);

/* --- A shard's --- */

void core_views_open(struct core_shard *cs)
{
    struct core_views *views = &cs->views;
    pool_init(&views->pool, &cs->budget, sizeof(struct core_view_source), 64,
              CORE_VIEW_SOURCES_MAX);
    list_init(&views->sources);
    rt_op_init(&views->op_space, cs->shard, core_views_sized);
}

void core_views_size(struct core_shard *cs)
{
    const struct core_config *config = &cs->core->config;
    if (config->view_pin_bytes_max == 0) {
        rt_path_space(&cs->views.op_space, config->log.dir, &cs->views.space);
    }
}

static void core_views_sized(struct rt_op *op)
{
    struct core_shard *cs = CONTAINER_OF(op, struct core_shard, views.op_space);
    if (op->err == ERR_OK) {
        atomic_store(&cs->core->pin_bytes_max, cs->views.space.total_bytes / 4);
    } else {
        DIAG_WARN(cs->diag, "core", "how large the disk is cannot be told: pins are not bounded",
                  DIAG_ERR("error", op->err));
    }
}

bool core_views_is_idle(const struct core_shard *cs)
{
    return rt_op_is_idle(&cs->views.op_space);
}

void core_views_close(struct core_shard *cs)
{
    ASSERT(list_is_empty(&cs->views.sources));
    pool_deinit(&cs->views.pool);
}

uint32_t core_view_pins(const struct core_shard *cs, struct core_view_pin *out, uint32_t max)
{
    uint32_t count = 0;
    uint64_t now_ns = rt_now_ns(cs->shard);
    list_for_each (node, &cs->views.sources) {
        const struct core_view_source *source =
            CONTAINER_OF(node, struct core_view_source, in_shard);
        if (count < max && source->part != NULL) {
            out[count++] = (struct core_view_pin){.owner = source->owner,
                                                  .group = source->part->in_map.key,
                                                  .partition = source->part->index,
                                                  .index = source->pin.index,
                                                  .bytes = source->pinned_bytes,
                                                  .age_ns = now_ns - source->pin.since_ns,
                                                  .why = source->pin_why};
        }
    }
    return count;
}

/* --- Views of the catalog --- */

void core_views_adopt(struct core_shard *cs, const struct core_catalog *old,
                      const struct core_catalog *next)
{
    struct core_tree_walk walk;
    const struct core_view *view;
    core_catalog_walk_heirs(&walk, next);
    while ((view = core_catalog_next_view(&walk)) != NULL) {
        const struct log_uuid *uuid = &view->source->topic;
        const struct core_topic *topic = core_catalog_find_uuid(next, uuid);
        const struct core_topic *was = NULL;
        if (old != NULL && core_catalog_find_view_uuid(old, &view->uuid) != NULL) {
            was = core_catalog_find_uuid(old, uuid);
        }
        if (topic != NULL) {
            core_views_pin(cs, view, topic, was != NULL ? was->partitions_count : 0);
        }
    }
    list_for_each_safe (node, following, &cs->views.sources) {
        struct core_view_source *source = CONTAINER_OF(node, struct core_view_source, in_shard);
        if (!source->is_taken && core_catalog_find_view_uuid(next, &source->view) == NULL) {
            core_view_source_free(source);
        }
    }
}

/* Its partitions here, from number `from` on. */
static void core_views_pin(struct core_shard *cs, const struct core_view *view,
                           const struct core_topic *topic, uint32_t from)
{
    for (uint32_t i = from; i < topic->partitions_count; i++) {
        struct core_partition *part = core_partition_find(cs, topic->groups[i], &topic->uuid, i);
        if (part == NULL || part->is_closed) {
            continue;
        }
        struct core_view_source *source = core_view_source_new(part, "view");
        if (source != NULL) {
            source->view = view->uuid;
        } else {
            DIAG_WARN(cs->diag, "core", "no memory: a view's source is not kept before it is read",
                      DIAG_STRING("view", view->name), DIAG_U64("partition", i));
        }
    }
}

void core_views_leave(struct core_shard *cs, const struct log_uuid *view)
{
    list_for_each_safe (node, following, &cs->views.sources) {
        struct core_view_source *source = CONTAINER_OF(node, struct core_view_source, in_shard);
        if (!source->is_taken && log_uuid_is_equal(&source->view, view)) {
            core_view_source_free(source);
        }
    }
}

/* --- Calls --- */

void core_view_source_step(struct core_shard *at, struct core_call *call)
{
    struct core_view_feed *feed = CONTAINER_OF(call, struct core_view_feed, call);
    if (feed->source == NULL) {
        feed->code = core_view_source_make(at, feed);
        if (feed->code != CORE_OK) {
            core_call_end(at, call);
            return;
        }
    }
    struct core_view_source *source = feed->source;
    source->feed = feed;
    source->is_canceled = false;
    if (source->part == NULL) {
        core_view_source_answer(source, source->gone);
        return;
    }
    core_view_source_keep(source, feed->keep_index);
    if (source->is_open) {
        core_view_source_go(source);
    } else {
        core_view_source_find(source);
    }
}

/* Everything is pinned until it is known where the feed begins. */
static enum core_code core_view_source_make(struct core_shard *at, struct core_view_feed *feed)
{
    struct core_partition *part =
        core_partition_find(at, feed->group, &feed->topic, feed->partition);
    if (part == NULL || part->is_closed) {
        return part == NULL ? CORE_UNKNOWN_TOPIC : CORE_NOT_AVAILABLE;
    }
    if (feed->offset > core_partition_status(part).end.offset) {
        return CORE_OFFSET_OUT_OF_RANGE;
    }
    struct core_view_source *source = NULL;
    list_for_each (node, &part->sources) {
        struct core_view_source *waiting =
            CONTAINER_OF(node, struct core_view_source, in_partition);
        if (!waiting->is_taken && log_uuid_is_equal(&waiting->view, &feed->view)) {
            source = waiting;
        }
    }
    if (source == NULL) {
        source = core_view_source_new(part, feed->owner);
    }
    if (source == NULL) {
        return CORE_OVERLOADED;
    }
    source->is_taken = true;
    feed->source = source;
    return CORE_OK;
}

/* Pins all of it. NULL: there is no memory. */
static struct core_view_source *core_view_source_new(struct core_partition *part, const char *owner)
{
    struct core_shard *cs = part->cs;
    void *object;
    if (pool_acquire(&cs->views.pool, &object) != ERR_OK) {
        return NULL;
    }
    struct core_view_source *source = object;
    *source = (struct core_view_source){.cs = cs, .part = part, .owner = owner};
    list_push_back(&part->sources, &source->in_partition);
    list_push_back(&cs->views.sources, &source->in_shard);
    log_pin_set(part->group.log, &source->pin, owner, 1);
    source->is_pinned = true;
    return source;
}

void core_view_source_cancel(struct core_shard *at, struct core_call *call)
{
    const struct core_view_feed *feed = CONTAINER_OF(call, struct core_view_feed, cancel);
    struct core_view_source *source = feed->source;
    if (source != NULL && source->feed != NULL) {
        source->is_canceled = true;
        if (source->is_open) {
            raft_feed_cancel(&source->entries);
        }
    }
    core_call_end(at, call);
}

void core_view_source_close(struct core_shard *at, struct core_call *call)
{
    struct core_view_feed *feed = CONTAINER_OF(call, struct core_view_feed, call);
    struct core_view_source *source = feed->source;
    if (source != NULL) {
        core_view_source_free(source);
        feed->source = NULL;
    }
    core_call_end(at, call);
}

static void core_view_source_free(struct core_view_source *source)
{
    struct core_shard *cs = source->cs;
    ASSERT(source->feed == NULL);
    if (source->part != NULL) {
        core_view_source_leave(source, CORE_OK);
    }
    list_remove(&source->in_shard);
    pool_release(&cs->views.pool, source);
}

/* --- Where it begins --- */

static void core_view_source_find(struct core_view_source *source)
{
    struct core_partition *part = source->part;
    uint64_t offset = source->feed->offset;
    struct core_reading *reading;
    if (offset >= part->hw_offset) {
        core_view_source_read(source, part->hw_index + 1);
        return;
    }
    enum err err = core_reading_new(part, source, &reading);
    if (err != ERR_OK) {
        core_view_source_answer(source, core_code_of(err));
        return;
    }
    reading->find = (struct log_retention_find){.done = core_view_source_found, .ctx = reading};
    log_retention_find(&reading->find, part->group.log, offset, part->hw_index);
}

static void core_view_source_found(struct log_retention_find *find)
{
    struct core_reading *reading = find->ctx;
    struct core_view_source *source = reading->ctx;
    struct core_partition *part = source->part;
    if (part->is_closing) {
        core_view_source_answer(source, source->gone);
    } else if (find->err != ERR_OK && find->err != ERR_RANGE) {
        core_view_source_answer(source, core_code_of(find->err));
    } else {
        bool is_there = find->err == ERR_OK;
        core_view_source_read(source, is_there ? find->first_index
                                               : core_partition_status(part).start.index);
    }
    core_reading_free(reading);
}

/* Entries from `first_index` on: a gap before them is seen by their offsets. */
static void core_view_source_read(struct core_view_source *source, uint64_t first_index)
{
    struct core_partition *part = source->part;
    raft_feed_open(&source->entries, &part->group, first_index, source->feed->bytes_max,
                   core_view_source_fed, source);
    raft_feed_limit(&source->entries, part->hw_index);
    source->is_open = true;
    if (!source->is_placed) {
        source->is_placed = true;
        core_view_source_keep(source, first_index);
    }
    source->next_index = first_index;
    core_view_source_go(source);
}

/* --- A step --- */

/* Where all that is committed was looked at, what was wanted below its end is no more. */
static void core_view_source_go(struct core_view_source *source)
{
    const struct core_partition *part = source->part;
    struct core_view_feed *feed = source->feed;
    if (source->is_held) {
        core_view_source_take(source);
    } else if (source->next_index > part->hw_index && feed->offset < part->hw_offset) {
        feed->offset = part->hw_offset;
        feed->first_offset = part->hw_offset;
        core_view_source_answer(source, CORE_OK);
    } else if (source->is_canceled) {
        core_view_source_answer(source, CORE_OK);
    } else {
        raft_feed_next(&source->entries);
    }
}

static void core_view_source_fed(struct raft_feed *entries)
{
    struct core_view_source *source = raft_feed_ctx(entries);
    struct core_partition *part = source->part;
    enum err err = entries->err;
    uint64_t first_index = entries->first_index;
    if (err == ERR_OK) {
        core_view_source_take(source);
    } else if (part->is_closing) {
        core_view_source_answer(source, source->gone);
    } else if (err == ERR_RANGE) { /* the pin broke, and it is gone */
        core_view_source_stop(source);
        core_view_source_read(source, first_index);
    } else if (err == ERR_CANCELED) {
        core_view_source_answer(source, CORE_OK);
    } else {
        core_view_source_stop(source); /* found again by the next step */
        core_view_source_answer(source, core_code_of_read(err));
    }
}

/* What was read goes to the feed, as far as no record is missing in between. */
static void core_view_source_take(struct core_view_source *source)
{
    struct core_view_feed *feed = source->feed;
    struct buf_loan **link = &feed->loans;
    struct raft_entry entry;
    while (core_view_source_entry(source, &entry)) {
        source->next_index = entry.index + 1;
        uint64_t next_offset = log_batch_next_offset(&entry.batch);
        if (entry.batch.kind != LOG_KIND_DATA || next_offset <= feed->offset) {
            feed->next_index = entry.index + 1;
            continue;
        }
        bool is_first = feed->loans == NULL;
        if ((entry.batch.base_offset > feed->offset && !is_first) ||
            !core_view_source_lend(source, &entry, &link)) {
            source->held = entry;
            source->is_held = true;
            break;
        }
        if (is_first && entry.batch.base_offset > feed->offset) {
            feed->first_offset = entry.batch.base_offset;
        }
        feed->offset = next_offset;
        feed->next_index = entry.index + 1;
    }
    if (feed->loans != NULL || feed->code != CORE_OK) {
        core_view_source_answer(source, feed->loans != NULL ? CORE_OK : feed->code);
    } else {
        core_view_source_go(source);
    }
}

static bool core_view_source_entry(struct core_view_source *source, struct raft_entry *entry)
{
    if (source->is_held) {
        *entry = source->held;
        source->is_held = false;
        return true;
    }
    return raft_feed_entry(&source->entries, entry);
}

/* False: there is no memory for it now. */
static bool core_view_source_lend(struct core_view_source *source, const struct raft_entry *entry,
                                  struct buf_loan ***link)
{
    enum err err = buf_lend(entry->bytes, *link);
    if (err != ERR_OK) {
        **link = NULL;
        source->feed->code = core_code_of(err);
        return false;
    }
    *link = &(**link)->next;
    return true;
}

static void core_view_source_answer(struct core_view_source *source, enum core_code code)
{
    struct core_view_feed *feed = source->feed;
    source->feed = NULL;
    if (source->part != NULL && source->part->is_closing) {
        core_view_source_leave(source, source->gone);
    }
    feed->code = code;
    feed->pin_why = source->pin_why;
    core_call_end(source->cs, &feed->call);
}

/* Read no more. */
static void core_view_source_stop(struct core_view_source *source)
{
    ASSERT(source->is_open);
    source->is_open = false;
    source->is_held = false;
    raft_feed_close(&source->entries);
}

/* It is the partition's no more. */
static void core_view_source_leave(struct core_view_source *source, enum core_code code)
{
    if (source->is_open) {
        core_view_source_stop(source);
    }
    struct core_partition *part = source->part;
    core_view_source_unpin(source);
    list_remove(&source->in_partition);
    source->part = NULL;
    source->gone = code;
    core_view_sources_count(part);
}

void core_view_sources_gone(struct core_partition *part, enum core_code code)
{
    list_for_each_safe (node, next, &part->sources) {
        struct core_view_source *source = CONTAINER_OF(node, struct core_view_source, in_partition);
        source->gone = code;
        if (!source->is_taken) {
            core_view_source_free(source);
        } else if (source->feed == NULL) { /* else what is under way ends, and it leaves then */
            core_view_source_leave(source, code);
        }
    }
}

void core_view_sources_moved(struct core_partition *part)
{
    if (list_is_empty(&part->sources)) {
        return;
    }
    uint64_t start_index = core_partition_status(part).start.index;
    if (start_index != part->sources_start) {
        part->sources_start = start_index;
        core_view_sources_count(part);
    }
    list_for_each (node, &part->sources) {
        struct core_view_source *source = CONTAINER_OF(node, struct core_view_source, in_partition);
        if (source->is_open) {
            raft_feed_limit(&source->entries, part->hw_index);
        }
    }
}

/* --- Pins --- */

static void core_view_source_unpin(struct core_view_source *source)
{
    if (source->is_pinned) {
        source->is_pinned = false;
        log_pin_clear(source->part->group.log, &source->pin);
    }
}

/* Entries below `index` are not needed any more. */
static void core_view_source_keep(struct core_view_source *source, uint64_t index)
{
    if (!source->is_pinned || index <= source->pin.index) {
        return;
    }
    struct log *log = source->part->group.log;
    if (source->pin.index >= core_partition_status(source->part).start.index) {
        log_pin_move(&source->pin, index);
        return;
    }
    uint64_t since_ns = source->pin.since_ns;
    log_pin_clear(log, &source->pin); /* what it kept may go: moving it would not tell */
    log_pin_set(log, &source->pin, source->owner, index);
    source->pin.since_ns = since_ns;
    core_view_sources_count(source->part);
}

/* What the partition's pins keep below its log start, of what all of the node may. The lowest pin
 * keeps what the others do. */
static void core_view_sources_count(struct core_partition *part)
{
    struct core *core = part->cs->core;
    struct core_view_source *lowest = core_view_sources_lowest(part);
    uint64_t bytes = lowest != NULL ? log_bytes_below(part->group.log, lowest->pin.index) : 0;
    atomic_fetch_add(&core->pinned_bytes, bytes - part->pinned_bytes);
    part->pinned_bytes = bytes;
    while (bytes > 0 && atomic_load(&core->pinned_bytes) > atomic_load(&core->pin_bytes_max)) {
        lowest->pin_why = "pins keep more than view.pin.max.bytes below the log starts";
        DIAG_WARN(part->cs->diag, "core", "a feed's pin breaks",
                  DIAG_STRING("owner", lowest->owner), DIAG_U64("group", part->in_map.key),
                  DIAG_STRING("why", lowest->pin_why));
        core_view_source_unpin(lowest);
        lowest = core_view_sources_lowest(part);
        bytes = lowest != NULL ? log_bytes_below(part->group.log, lowest->pin.index) : 0;
        atomic_fetch_add(&core->pinned_bytes, bytes - part->pinned_bytes);
        part->pinned_bytes = bytes;
    }
    list_for_each (node, &part->sources) {
        struct core_view_source *source = CONTAINER_OF(node, struct core_view_source, in_partition);
        source->pinned_bytes =
            source->is_pinned ? log_bytes_below(part->group.log, source->pin.index) : 0;
    }
}

static struct core_view_source *core_view_sources_lowest(struct core_partition *part)
{
    struct core_view_source *lowest = NULL;
    list_for_each (node, &part->sources) {
        struct core_view_source *source = CONTAINER_OF(node, struct core_view_source, in_partition);
        if (source->is_pinned && (lowest == NULL || source->pin.index < lowest->pin.index)) {
            lowest = source;
        }
    }
    return lowest;
}
