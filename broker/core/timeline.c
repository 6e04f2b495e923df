/* See timeline.h.
 *
 * A partition that is dirty is in `dirty` just when its topic is followed. A start that goes into a
 * tick makes all partitions of its source dirty before that is measured, so that the tick says
 * their ends. */
#include "broker/core/timeline.h"

#include <string.h>

#include "base/assert.h"

static struct core_timeline_topic *core_timeline_topic(const struct core_timeline *tl,
                                                       const struct log_uuid *uuid);
static enum err core_timeline_topic_make(struct core_timeline *tl, const struct log_uuid *uuid,
                                         struct core_timeline_topic **out);
static void core_timeline_topic_free(struct core_timeline *tl, struct core_timeline_topic *topic);
static enum err core_timeline_end_make(struct core_timeline *tl, const struct log_uuid *uuid,
                                       uint32_t partition, struct core_timeline_end **out);
static enum err core_timeline_grow(struct core_timeline *tl, struct core_timeline_topic *topic,
                                   uint32_t partition);
static void core_timeline_soil(struct core_timeline *tl, struct core_timeline_end *end);
static void core_timeline_clean(struct core_timeline *tl, struct core_timeline_end *end);
static void core_timeline_say(struct core_timeline *tl, struct core_timeline_end *end,
                              uint64_t said);
static void core_timeline_unsay(struct core_timeline *tl);
static enum err core_timeline_refuse(struct core_timeline *tl, const char *why);
static enum err core_timeline_check(struct core_timeline *tl, const struct core_tick *tick);
static enum err core_timeline_apply_moved(struct core_timeline *tl, const struct core_tick *tick);
static enum err core_timeline_apply_starts(struct core_timeline *tl, const struct core_tick *tick);
static enum err core_timeline_start_make(struct core_timeline *tl, const struct log_uuid *view,
                                         uint32_t partitions_count,
                                         struct core_timeline_start **out);
static void core_timeline_start_free(struct core_timeline *tl, struct core_timeline_start *start);
static size_t core_timeline_start_bytes(const struct core_timeline_start *start);
static bool core_timeline_is_ready(const struct core_timeline *tl,
                                   const struct core_timeline_start *start);
static void core_timeline_soil_source(struct core_timeline *tl,
                                      const struct core_timeline_start *start);
static uint32_t core_timeline_known_count(const struct core_timeline *tl);
static void core_timeline_put_ends(const struct core_timeline *tl, struct bytes_writer *w,
                                   bool is_said_only);
static void core_timeline_put_end(struct bytes_writer *w, const struct core_timeline_end *end,
                                  uint64_t offset);
static void core_timeline_put_start(const struct core_timeline *tl, struct bytes_writer *w,
                                    const struct core_timeline_start *start);
static void core_timeline_take_start(struct core_timeline *tl, struct core_timeline_start *start);

enum err core_timeline_init(struct core_timeline *tl, struct budget *budget)
{
    uint32_t capacity = map_capacity(CORE_TIMELINE_TOPICS_MAX);
    void *buckets;
    *tl = (struct core_timeline){.budget = budget};
    enum err err = budget_alloc(budget, capacity * sizeof(struct map_node *), 64, &buckets);
    if (err != ERR_OK) {
        return err;
    }
    tl->buckets = buckets;
    map_init(&tl->topics, tl->buckets, capacity);
    pool_init(&tl->topic_pool, budget, sizeof(struct core_timeline_topic), 64,
              CORE_TIMELINE_TOPICS_MAX);
    pool_init(&tl->start_pool, budget, sizeof(struct core_timeline_start), 64,
              CORE_TIMELINE_STARTS_MAX);
    list_init(&tl->dirty);
    list_init(&tl->starts);
    return ERR_OK;
}

void core_timeline_deinit(struct core_timeline *tl)
{
    struct map_node *node;
    core_timeline_reset(tl);
    while ((node = map_first(&tl->topics)) != NULL) {
        core_timeline_topic_free(tl, CONTAINER_OF(node, struct core_timeline_topic, in_topics));
    }
    pool_deinit(&tl->topic_pool);
    pool_deinit(&tl->start_pool);
    budget_free(tl->budget, tl->buckets);
}

void core_timeline_reset(struct core_timeline *tl)
{
    list_for_each_safe (node, next, &tl->starts) {
        core_timeline_start_free(tl, CONTAINER_OF(node, struct core_timeline_start, in_starts));
    }
    core_timeline_unsay(tl);
    tl->epoch = 0;
    tl->number = 0;
    tl->wall_ms = 0;
    tl->why = NULL;
    ASSERT(tl->starts_count == 0);
    ASSERT(tl->starts_bytes == 0);
}

/* No end has been said. */
static void core_timeline_unsay(struct core_timeline *tl)
{
    for (struct map_node *node = map_first(&tl->topics); node != NULL;
         node = map_next(&tl->topics, node)) {
        struct core_timeline_topic *topic =
            CONTAINER_OF(node, struct core_timeline_topic, in_topics);
        for (uint32_t i = 0; i < topic->capacity; i++) {
            struct core_timeline_end *end = &topic->ends[i];
            tl->said_count -= end->is_said && topic->is_followed;
            end->is_said = false;
            end->said = 0;
            if (end->is_told) {
                core_timeline_soil(tl, end);
            }
        }
    }
    ASSERT(tl->said_count == 0);
}

/* --- Topics and partitions --- */

static uint64_t core_timeline_key(const struct log_uuid *uuid)
{
    uint64_t key;
    memcpy(&key, uuid->bytes + 8, sizeof(key));
    return key;
}

static bool core_timeline_is_topic(const struct map_node *node, const void *wanted)
{
    const struct core_timeline_topic *topic =
        CONTAINER_OF(node, const struct core_timeline_topic, in_topics);
    return log_uuid_is_equal(&topic->uuid, wanted);
}

static struct core_timeline_topic *core_timeline_topic(const struct core_timeline *tl,
                                                       const struct log_uuid *uuid)
{
    struct map_node *node =
        map_find_equal(&tl->topics, core_timeline_key(uuid), core_timeline_is_topic, uuid);
    return node != NULL ? CONTAINER_OF(node, struct core_timeline_topic, in_topics) : NULL;
}

static enum err core_timeline_topic_make(struct core_timeline *tl, const struct log_uuid *uuid,
                                         struct core_timeline_topic **out)
{
    void *object;
    *out = core_timeline_topic(tl, uuid);
    if (*out != NULL) {
        return ERR_OK;
    }
    enum err err = pool_acquire(&tl->topic_pool, &object);
    if (err != ERR_OK) {
        return err;
    }
    struct core_timeline_topic *topic = object;
    topic->uuid = *uuid;
    err = map_insert(&tl->topics, &topic->in_topics, core_timeline_key(uuid));
    ASSERT(err == ERR_OK); /* the pool has no more */
    *out = topic;
    return ERR_OK;
}

static void core_timeline_topic_free(struct core_timeline *tl, struct core_timeline_topic *topic)
{
    for (uint32_t i = 0; i < topic->capacity; i++) {
        core_timeline_clean(tl, &topic->ends[i]);
        tl->said_count -= topic->is_followed && topic->ends[i].is_said;
    }
    budget_free(tl->budget, topic->ends);
    map_remove(&tl->topics, &topic->in_topics);
    pool_release(&tl->topic_pool, topic);
}

static enum err core_timeline_end_make(struct core_timeline *tl, const struct log_uuid *uuid,
                                       uint32_t partition, struct core_timeline_end **out)
{
    struct core_timeline_topic *topic;
    ASSERT(partition < LIMIT_PARTITIONS_COUNT);
    enum err err = core_timeline_topic_make(tl, uuid, &topic);
    if (err == ERR_OK && partition >= topic->capacity) {
        err = core_timeline_grow(tl, topic, partition);
    }
    *out = err == ERR_OK ? &topic->ends[partition] : NULL;
    return err;
}

/* Room for `partition`, at least twice what there was. Ends move. */
static enum err core_timeline_grow(struct core_timeline *tl, struct core_timeline_topic *topic,
                                   uint32_t partition)
{
    uint32_t capacity = partition + 1 > 2 * topic->capacity ? partition + 1 : 2 * topic->capacity;
    void *block;
    enum err err =
        budget_alloc(tl->budget, capacity * sizeof(struct core_timeline_end), 64, &block);
    if (err != ERR_OK) {
        return err;
    }
    struct core_timeline_end *ends = block;
    for (uint32_t i = 0; i < capacity; i++) {
        ends[i] = (struct core_timeline_end){.topic = topic, .partition = i};
        if (i < topic->capacity) {
            struct core_timeline_end *old = &topic->ends[i];
            ends[i].told = old->told;
            ends[i].said = old->said;
            ends[i].is_told = old->is_told;
            ends[i].is_said = old->is_said;
            if (list_is_linked(&old->in_dirty)) {
                list_insert_before(&old->in_dirty, &ends[i].in_dirty);
                list_remove(&old->in_dirty);
            }
        }
    }
    budget_free(tl->budget, topic->ends);
    topic->ends = ends;
    topic->capacity = capacity;
    return ERR_OK;
}

static void core_timeline_soil(struct core_timeline *tl, struct core_timeline_end *end)
{
    if (end->topic->is_followed && !list_is_linked(&end->in_dirty)) {
        list_push_back(&tl->dirty, &end->in_dirty);
        tl->dirty_count++;
    }
}

static void core_timeline_clean(struct core_timeline *tl, struct core_timeline_end *end)
{
    if (list_is_linked(&end->in_dirty)) {
        list_remove(&end->in_dirty);
        tl->dirty_count--;
    }
}

static void core_timeline_say(struct core_timeline *tl, struct core_timeline_end *end,
                              uint64_t said)
{
    ASSERT(said >= end->said);
    tl->said_count += !end->is_said && end->topic->is_followed;
    end->is_said = true;
    end->said = said;
    if (end->is_told && end->told <= said) {
        core_timeline_clean(tl, end);
    }
}

enum err core_timeline_follow(struct core_timeline *tl, const struct log_uuid *topic_uuid)
{
    struct core_timeline_topic *topic;
    enum err err = core_timeline_topic_make(tl, topic_uuid, &topic);
    if (err != ERR_OK || topic->is_followed) {
        return err;
    }
    topic->is_followed = true;
    for (uint32_t i = 0; i < topic->capacity; i++) {
        struct core_timeline_end *end = &topic->ends[i];
        tl->said_count += end->is_said;
        if (end->is_told && (!end->is_said || end->told > end->said)) {
            core_timeline_soil(tl, end);
        }
    }
    return ERR_OK;
}

void core_timeline_unfollow(struct core_timeline *tl, const struct log_uuid *topic_uuid)
{
    struct core_timeline_topic *topic = core_timeline_topic(tl, topic_uuid);
    if (topic != NULL) {
        core_timeline_topic_free(tl, topic);
    }
}

enum err core_timeline_tell(struct core_timeline *tl, const struct log_uuid *topic,
                            uint32_t partition, uint64_t end_offset)
{
    struct core_timeline_end *end;
    enum err err = core_timeline_end_make(tl, topic, partition, &end);
    if (err != ERR_OK || (end->is_told && end_offset <= end->told)) {
        return err;
    }
    end->told = end_offset > end->said ? end_offset : end->said;
    end->is_told = true;
    if (!end->is_said || end->told > end->said) {
        core_timeline_soil(tl, end);
    }
    return ERR_OK;
}

const struct core_timeline_end *core_timeline_find(const struct core_timeline *tl,
                                                   const struct log_uuid *topic_uuid,
                                                   uint32_t partition)
{
    const struct core_timeline_topic *topic = core_timeline_topic(tl, topic_uuid);
    if (topic == NULL || !topic->is_followed || partition >= topic->capacity) {
        return NULL;
    }
    const struct core_timeline_end *end = &topic->ends[partition];
    return end->is_told || end->is_said ? end : NULL;
}

bool core_timeline_is_followed(const struct core_timeline *tl, const struct log_uuid *topic_uuid)
{
    const struct core_timeline_topic *topic = core_timeline_topic(tl, topic_uuid);
    return topic != NULL && topic->is_followed;
}

/* --- Ticks of the log --- */

enum err core_timeline_apply(struct core_timeline *tl, const struct core_tick *tick)
{
    enum err err = core_timeline_check(tl, tick);
    if (err != ERR_OK) {
        return err;
    }
    tl->epoch = tick->epoch;
    tl->number = tick->number;
    tl->wall_ms = tick->wall_ms;
    err = core_timeline_apply_moved(tl, tick);
    return err == ERR_OK ? core_timeline_apply_starts(tl, tick) : err;
}

static enum err core_timeline_refuse(struct core_timeline *tl, const char *why)
{
    tl->why = why;
    return ERR_CORRUPT;
}

static enum err core_timeline_check(struct core_timeline *tl, const struct core_tick *tick)
{
    if (tl->number == 0) {
        return tick->is_whole ? ERR_OK
                              : core_timeline_refuse(tl, "the first tick there is is not whole");
    }
    if (tick->epoch != tl->epoch) {
        return core_timeline_refuse(tl, "a tick is of another timeline");
    }
    if (tick->number != tl->number + 1) {
        return core_timeline_refuse(tl, "a tick's number does not follow the one before");
    }
    return tick->wall_ms >= tl->wall_ms
               ? ERR_OK
               : core_timeline_refuse(tl, "a tick's time is before the one before");
}

/* What a whole tick does not say is not known any more. */
static enum err core_timeline_apply_moved(struct core_timeline *tl, const struct core_tick *tick)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < tick->moved_count && err == ERR_OK; i++) {
        struct core_tick_moved moved = core_tick_moved(tick, i);
        struct core_timeline_end *end;
        err = core_timeline_end_make(tl, &moved.topic, moved.partition, &end);
        if (err == ERR_OK && end->is_said && moved.end < end->said) {
            err = core_timeline_refuse(tl, "a partition's end is below the one before");
        }
    }
    if (err == ERR_OK && tick->is_whole) {
        core_timeline_unsay(tl);
    }
    for (uint32_t i = 0; i < tick->moved_count && err == ERR_OK; i++) {
        struct core_tick_moved moved = core_tick_moved(tick, i);
        struct core_timeline_end *end;
        err = core_timeline_end_make(tl, &moved.topic, moved.partition, &end);
        if (err == ERR_OK && end->is_said && moved.end < end->said) {
            err = core_timeline_refuse(tl, "a partition is named twice in one tick");
        }
        if (err == ERR_OK) {
            core_timeline_say(tl, end, moved.end);
        }
    }
    return err;
}

static enum err core_timeline_apply_starts(struct core_timeline *tl, const struct core_tick *tick)
{
    struct bytes_reader r = core_tick_starts(tick);
    struct core_tick_start start;
    enum err err = ERR_OK;
    if (tick->is_whole) {
        list_for_each_safe (node, next, &tl->starts) {
            core_timeline_start_free(tl, CONTAINER_OF(node, struct core_timeline_start, in_starts));
        }
    }
    while (err == ERR_OK && core_tick_next_start(&r, &start)) {
        struct core_timeline_start *made;
        if (core_timeline_start(tl, &start.view) != NULL) {
            return core_timeline_refuse(tl, "a view starts twice");
        }
        err = core_timeline_start_make(tl, &start.view, start.partitions_count, &made);
        if (err == ERR_OK) {
            for (uint32_t i = 0; i < start.partitions_count; i++) {
                made->origins[i] = core_tick_origin(&start, i);
            }
            made->is_said = true;
            tl->starts_count++;
            tl->starts_bytes += core_timeline_start_bytes(made);
        }
    }
    return err;
}

void core_timeline_applied(struct core_timeline *tl)
{
    struct map_node *next;
    for (struct map_node *node = map_first(&tl->topics); node != NULL; node = next) {
        struct core_timeline_topic *topic =
            CONTAINER_OF(node, struct core_timeline_topic, in_topics);
        bool is_told = topic->is_followed;
        next = map_next(&tl->topics, node);
        for (uint32_t i = 0; i < topic->capacity; i++) {
            struct core_timeline_end *end = &topic->ends[i];
            is_told = is_told || end->is_told;
            if (end->is_told && end->told < end->said) {
                end->told = end->said; /* its shard will tell more in a moment */
            }
        }
        if (!is_told) {
            core_timeline_topic_free(tl, topic);
        }
    }
}

/* --- Starts --- */

static size_t core_timeline_start_bytes(const struct core_timeline_start *start)
{
    return CORE_TICK_START_BYTES + start->partitions_count * sizeof(uint64_t);
}

static enum err core_timeline_start_make(struct core_timeline *tl, const struct log_uuid *view,
                                         uint32_t partitions_count,
                                         struct core_timeline_start **out)
{
    void *object;
    void *origins;
    enum err err = pool_acquire(&tl->start_pool, &object);
    if (err != ERR_OK) {
        return err;
    }
    struct core_timeline_start *start = object;
    err = budget_alloc(tl->budget, partitions_count * sizeof(uint64_t), sizeof(uint64_t), &origins);
    if (err != ERR_OK) {
        pool_release(&tl->start_pool, start);
        return err;
    }
    start->view = *view;
    start->partitions_count = partitions_count;
    start->origins = origins;
    list_push_back(&tl->starts, &start->in_starts);
    *out = start;
    return ERR_OK;
}

static void core_timeline_start_free(struct core_timeline *tl, struct core_timeline_start *start)
{
    if (start->is_said) {
        tl->starts_count--;
        tl->starts_bytes -= core_timeline_start_bytes(start);
    }
    list_remove(&start->in_starts);
    budget_free(tl->budget, start->origins);
    pool_release(&tl->start_pool, start);
}

enum err core_timeline_begin(struct core_timeline *tl, const struct log_uuid *view,
                             const struct log_uuid *topic, uint32_t partitions_count,
                             const uint64_t *origins)
{
    struct core_timeline_start *start;
    ASSERT(core_timeline_start(tl, view) == NULL);
    ASSERT(partitions_count >= 1);
    enum err err = core_timeline_start_make(tl, view, partitions_count, &start);
    if (err == ERR_OK) {
        start->topic = *topic;
        memcpy(start->origins, origins, partitions_count * sizeof(uint64_t));
    }
    return err;
}

struct core_timeline_start *core_timeline_start(const struct core_timeline *tl,
                                                const struct log_uuid *view)
{
    list_for_each (node, &tl->starts) {
        struct core_timeline_start *start =
            CONTAINER_OF(node, struct core_timeline_start, in_starts);
        if (log_uuid_is_equal(&start->view, view)) {
            return start;
        }
    }
    return NULL;
}

void core_timeline_sweep(struct core_timeline *tl)
{
    list_for_each_safe (node, next, &tl->starts) {
        struct core_timeline_start *start =
            CONTAINER_OF(node, struct core_timeline_start, in_starts);
        if (!start->is_kept) {
            core_timeline_start_free(tl, start);
        } else {
            start->is_kept = false;
        }
    }
}

/* Whether all its source's partitions have told their ends, so that a tick may say it; those, too,
 * that came after its origins: there it begins at 0. */
static bool core_timeline_is_ready(const struct core_timeline *tl,
                                   const struct core_timeline_start *start)
{
    const struct core_timeline_topic *topic = core_timeline_topic(tl, &start->topic);
    bool is_ready = !start->is_said && topic != NULL && topic->is_followed &&
                    topic->capacity >= start->partitions_count;
    for (uint32_t i = 0; is_ready && i < topic->capacity; i++) {
        const struct core_timeline_end *end = &topic->ends[i];
        is_ready = end->is_told || (i >= start->partitions_count && !end->is_said);
    }
    return is_ready;
}

static void core_timeline_soil_source(struct core_timeline *tl,
                                      const struct core_timeline_start *start)
{
    struct core_timeline_topic *topic = core_timeline_topic(tl, &start->topic);
    for (uint32_t i = 0; i < topic->capacity; i++) {
        if (topic->ends[i].is_told) {
            core_timeline_soil(tl, &topic->ends[i]);
        }
    }
}

/* --- The next tick --- */

bool core_timeline_is_due(const struct core_timeline *tl)
{
    if (tl->dirty_count > 0) {
        return true;
    }
    list_for_each (node, &tl->starts) {
        if (core_timeline_is_ready(tl, CONTAINER_OF(node, struct core_timeline_start, in_starts))) {
            return true;
        }
    }
    return false;
}

enum err core_timeline_measure(struct core_timeline *tl, bool is_whole, int64_t wall_ms,
                               uint64_t epoch, struct core_timeline_next *out)
{
    struct core_tick *tick = &out->tick;
    *out = (struct core_timeline_next){
        .tick = {.epoch = tl->number == 0 ? epoch : tl->epoch,
                 .number = tl->number + 1,
                 .wall_ms = wall_ms > tl->wall_ms ? wall_ms : tl->wall_ms,
                 .is_whole = is_whole || tl->number == 0}};
    size_t bytes = CORE_TICK_HEAD_BYTES + (size_t)LIMIT_PARTITIONS_COUNT * CORE_TICK_MOVED_BYTES;
    if (tick->is_whole) {
        bytes += tl->starts_bytes;
        tick->starts_count = (uint16_t)tl->starts_count;
        tick->starts_bytes = tl->starts_bytes;
    }
    if (bytes > CORE_TICK_BYTES_MAX) {
        return ERR_TOO_LARGE;
    }
    list_for_each (node, &tl->starts) {
        struct core_timeline_start *start =
            CONTAINER_OF(node, struct core_timeline_start, in_starts);
        size_t start_bytes = core_timeline_start_bytes(start);
        start->is_next =
            bytes + start_bytes <= CORE_TICK_BYTES_MAX && core_timeline_is_ready(tl, start);
        if (!start->is_next) {
            continue;
        }
        bytes += start_bytes;
        core_timeline_soil_source(tl, start);
        tick->starts_count++;
        tick->starts_bytes += start_bytes;
    }
    list_for_each (node, &tl->dirty) {
        const struct core_timeline_end *end =
            CONTAINER_OF(node, const struct core_timeline_end, in_dirty);
        out->records += end->is_said ? end->told - end->said : 0;
    }
    tick->moved_count = tl->dirty_count;
    if (tick->is_whole) {
        tick->moved_count = core_timeline_known_count(tl);
    }
    out->bytes = core_tick_bytes(tick);
    return out->bytes <= CORE_TICK_BYTES_MAX ? ERR_OK : ERR_TOO_LARGE;
}

/* Partitions of followed topics of which anything is known. */
static uint32_t core_timeline_known_count(const struct core_timeline *tl)
{
    uint32_t count = 0;
    for (struct map_node *node = map_first(&tl->topics); node != NULL;
         node = map_next(&tl->topics, node)) {
        const struct core_timeline_topic *topic =
            CONTAINER_OF(node, struct core_timeline_topic, in_topics);
        for (uint32_t i = 0; topic->is_followed && i < topic->capacity; i++) {
            count += topic->ends[i].is_told || topic->ends[i].is_said;
        }
    }
    return count;
}

void core_timeline_put(const struct core_timeline *tl, const struct core_timeline_next *next,
                       struct bytes_writer *w)
{
    core_tick_put_head(w, &next->tick);
    if (next->tick.is_whole) {
        core_timeline_put_ends(tl, w, false);
    } else {
        list_for_each (node, &tl->dirty) {
            const struct core_timeline_end *end =
                CONTAINER_OF(node, struct core_timeline_end, in_dirty);
            core_timeline_put_end(w, end, end->told);
        }
    }
    core_tick_put_starts_count(w, &next->tick);
    list_for_each (node, &tl->starts) {
        const struct core_timeline_start *start =
            CONTAINER_OF(node, struct core_timeline_start, in_starts);
        if (start->is_next || (start->is_said && next->tick.is_whole)) {
            core_timeline_put_start(tl, w, start);
        }
    }
    ASSERT(w->err == ERR_OK);
}

/* All ends of followed topics: the newest known, or those that ticks have said. */
static void core_timeline_put_ends(const struct core_timeline *tl, struct bytes_writer *w,
                                   bool is_said_only)
{
    for (struct map_node *node = map_first(&tl->topics); node != NULL;
         node = map_next(&tl->topics, node)) {
        const struct core_timeline_topic *topic =
            CONTAINER_OF(node, struct core_timeline_topic, in_topics);
        for (uint32_t i = 0; topic->is_followed && i < topic->capacity; i++) {
            const struct core_timeline_end *end = &topic->ends[i];
            if (end->is_told && !is_said_only) {
                core_timeline_put_end(w, end, end->told);
            } else if (end->is_said) {
                core_timeline_put_end(w, end, end->said);
            }
        }
    }
}

static void core_timeline_put_end(struct bytes_writer *w, const struct core_timeline_end *end,
                                  uint64_t offset)
{
    core_tick_put_moved(w, &(struct core_tick_moved){.topic = end->topic->uuid,
                                                     .partition = end->partition,
                                                     .end = offset});
}

static void core_timeline_put_start(const struct core_timeline *tl, struct bytes_writer *w,
                                    const struct core_timeline_start *start)
{
    const struct core_timeline_topic *topic =
        start->is_said ? NULL : core_timeline_topic(tl, &start->topic);
    log_uuid_put(w, &start->view);
    bytes_put_u32le(w, start->partitions_count);
    for (uint32_t i = 0; i < start->partitions_count; i++) {
        bytes_put_u64le(w, start->origins[i] != CORE_TIMELINE_LATEST ? start->origins[i]
                                                                     : topic->ends[i].told);
    }
}

void core_timeline_take(struct core_timeline *tl, const struct core_timeline_next *next)
{
    ASSERT(next->tick.number == tl->number + 1);
    tl->epoch = next->tick.epoch;
    tl->number = next->tick.number;
    tl->wall_ms = next->tick.wall_ms;
    list_for_each (node, &tl->starts) {
        struct core_timeline_start *start =
            CONTAINER_OF(node, struct core_timeline_start, in_starts);
        if (start->is_next) {
            core_timeline_take_start(tl, start);
        }
    }
    list_for_each_safe (node, following, &tl->dirty) {
        struct core_timeline_end *end = CONTAINER_OF(node, struct core_timeline_end, in_dirty);
        ASSERT(end->is_told);
        core_timeline_say(tl, end, end->told);
    }
    ASSERT(tl->dirty_count == 0);
}

static void core_timeline_take_start(struct core_timeline *tl, struct core_timeline_start *start)
{
    const struct core_timeline_topic *topic = core_timeline_topic(tl, &start->topic);
    for (uint32_t i = 0; i < start->partitions_count; i++) {
        if (start->origins[i] == CORE_TIMELINE_LATEST) {
            start->origins[i] = topic->ends[i].told;
        }
    }
    start->is_next = false;
    start->is_said = true;
    tl->starts_count++;
    tl->starts_bytes += core_timeline_start_bytes(start);
}

/* --- The newest one again --- */

void core_timeline_measure_state(const struct core_timeline *tl, struct core_timeline_next *out)
{
    ASSERT(tl->number > 0);
    *out = (struct core_timeline_next){.tick = {.epoch = tl->epoch,
                                                .number = tl->number,
                                                .wall_ms = tl->wall_ms,
                                                .is_whole = true,
                                                .moved_count = tl->said_count,
                                                .starts_count = (uint16_t)tl->starts_count,
                                                .starts_bytes = tl->starts_bytes}};
    out->bytes = core_tick_bytes(&out->tick);
}

void core_timeline_put_state(const struct core_timeline *tl, const struct core_timeline_next *next,
                             struct bytes_writer *w)
{
    core_tick_put_head(w, &next->tick);
    core_timeline_put_ends(tl, w, true);
    core_tick_put_starts_count(w, &next->tick);
    list_for_each (node, &tl->starts) {
        const struct core_timeline_start *start =
            CONTAINER_OF(node, struct core_timeline_start, in_starts);
        if (start->is_said) {
            core_timeline_put_start(tl, w, start);
        }
    }
    ASSERT(w->err == ERR_OK);
}
