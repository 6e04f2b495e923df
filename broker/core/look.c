/* See look.h. A look goes
 *
 *     BOUNDS    where do the partitions begin and end? Is there anything that is not known?
 *     FETCH     some of what is to be read, a bounded piece of each range in turn
 *     READ      its records, a few of them in each turn of the loop; then FETCH, until all ranges
 *               are read or enough was
 *     CHANGE    columns that are new or wider become the stream's next version
 *
 * and is answered from a turn of its own. What it waits for, it waits for to the end: each is short
 * or has the look's deadline. */
#include "broker/core/look.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/core/stream_infer.h"
#include "storage/log/batch.h"

/* Bytes that one round of fetches reads, and of one range. */
#define CORE_LOOK_ROUND_BYTES (1u << 20)
#define CORE_LOOK_RANGE_BYTES (128u << 10)

/* Values that are looked at in one turn: their bytes, and how many. */
#define CORE_LOOK_TURN_BYTES  (48u << 10)
#define CORE_LOOK_TURN_VALUES 256u

/* How long it is waited for another version of a stream that is known: a controller whose log
 * cannot be written now does not keep everybody from what there is. */
#define CORE_LOOK_PATIENCE_NS RT_NS_PER_S

enum core_look_stage {
    CORE_LOOK_BOUNDS,
    CORE_LOOK_FETCH,
    CORE_LOOK_READ,
    CORE_LOOK_CHANGE,
    CORE_LOOK_END,
};

static bool core_look_prepare(struct core_look *look, const struct core_topic *topic,
                              const struct core_stream *stream);
static void core_look_go_on(struct rt_op *op);
static void core_look_turn(struct core_look *look);
static bool core_look_is_late(struct core_look *look);
static void core_look_ask(struct core_look *look);
static void core_look_bounded(struct core_bounds *bounds);
static bool core_look_begin(struct core_look *look);
static bool core_look_plan(struct core_look *look);
static void core_look_plan_partition(struct core_look *look, uint32_t partition, uint64_t start,
                                     uint64_t end, const uint64_t *seen);
static void core_look_add(struct core_look *look, uint32_t partition, uint64_t from, uint64_t to);
static void core_look_fetch(struct core_look *look);
static void core_look_fetched(struct core_fetch *fetch);
static void core_look_sort(struct core_look *look);
static bool core_look_read(struct core_look *look);
static bool core_look_open(struct core_look *look, struct core_fetch_item *item,
                           struct core_look_range *range);
static bool core_look_records(struct core_look *look, struct core_look_range *range,
                              uint64_t *turn_bytes, uint32_t *turn_values);
static bool core_look_value(struct core_look *look, const struct log_records_item *record);
static void core_look_close_batch(struct core_look *look);
static void core_look_conclude(struct core_look *look);
static void core_look_refuse(struct core_look *look);
static void core_look_publish(struct core_look *look);
static void core_look_published(struct core_change *change);
static void core_look_end(struct core_look *look, enum core_code code, const char *state,
                          const char *message);
static void core_look_keep(struct core_look *look);

void core_look_start(struct core_shard *cs, struct core_look *look, const struct core_topic *topic,
                     const struct core_stream *stream)
{
    look->cs = cs;
    look->stage = CORE_LOOK_BOUNDS;
    look->code = CORE_OK;
    look->state = NULL;
    look->message[0] = '\0';
    look->has_changed = false;
    look->values_count = 0;
    look->is_canceled = false;
    look->is_open = false;
    look->missed = CORE_OK;
    look->payload = (struct core_payload){.kind = CORE_PAYLOAD_JSON};
    look->bytes_left = CORE_LOOK_BYTES;
    look->ranges_count = 0;
    core_records_room_init(&look->room, look->arena->budget, CORE_RECORDS_ROOM_KEEP_BYTES,
                           CORE_RECORDS_ROOM_BYTES_MAX);
    rt_op_init(&look->op, cs->shard, core_look_go_on);
    if (!core_look_prepare(look, topic, stream)) {
        core_look_end(look, CORE_OVERLOADED, "53200", "out of memory");
        return;
    }
    core_look_ask(look);
}

void core_look_cancel(struct core_look *look)
{
    look->is_canceled = true;
}

/* Keep what is needed of both. False: no memory. */
static bool core_look_prepare(struct core_look *look, const struct core_topic *topic,
                              const struct core_stream *stream)
{
    struct arena *arena = look->arena;
    uint32_t shards_count = look->cs->core->shards_count;
    uint64_t *groups =
        arena_alloc(arena, topic->partitions_count * sizeof(*groups), _Alignof(uint64_t));
    look->bounds.parts = arena_alloc_zeroed(arena, shards_count * sizeof(*look->bounds.parts),
                                            _Alignof(struct core_bounds_part));
    look->name = arena_copy(arena, topic->name, topic->name_bytes);
    if (groups == NULL || look->bounds.parts == NULL || look->name == NULL) {
        return false;
    }
    memcpy(groups, topic->groups, topic->partitions_count * sizeof(*groups));
    look->groups = groups;
    look->partitions_count = topic->partitions_count;
    look->topic = topic->uuid;
    look->uuid = stream != NULL ? stream->uuid : (struct log_uuid){.bytes = {0}};
    look->version = stream != NULL ? stream->version : 0;
    const struct core_looked *looked = core_looks_find(&look->cs->looks, &look->topic);
    look->first = looked != NULL && looked->first < look->partitions_count ? looked->first : 0;
    return true;
}

/* Another turn has come. */
static void core_look_go_on(struct rt_op *op)
{
    core_look_turn(CONTAINER_OF(op, struct core_look, op));
}

static void core_look_turn(struct core_look *look)
{
    if (look->stage == CORE_LOOK_END) {
        look->done(look);
        return;
    }
    if (core_look_is_late(look)) {
        core_look_end(look, CORE_TIMEOUT, "57014", "canceling statement due to statement timeout");
        return;
    }
    if (look->stage == CORE_LOOK_FETCH) {
        core_look_fetch(look);
        return;
    }
    ASSERT(look->stage == CORE_LOOK_READ);
    if (core_look_read(look)) {
        rt_op_defer(&look->op);
    }
}

static bool core_look_is_late(struct core_look *look)
{
    return look->is_canceled || rt_now_ns(look->cs->shard) >= look->deadline_ns;
}

/* --- What is there --- */

static void core_look_ask(struct core_look *look)
{
    uint32_t left = look->partitions_count - look->first;
    look->count = left < CORE_LOOK_PARTITIONS ? left : CORE_LOOK_PARTITIONS;
    look->bounds.done = core_look_bounded;
    look->bounds.ctx = look;
    look->bounds.topic = look->topic;
    look->bounds.first = look->first;
    look->bounds.count = look->count;
    look->bounds.groups = look->groups + look->first;
    look->bounds.items = look->items;
    core_bounds_start(look->cs, &look->bounds);
}

static void core_look_bounded(struct core_bounds *bounds)
{
    struct core_look *look = bounds->ctx;
    bool has_records = core_look_plan(look);
    if (!has_records && look->first + look->count < look->partitions_count &&
        !core_look_is_late(look)) {
        look->first += look->count;
        core_look_ask(look);
        return;
    }
    if (look->ranges_count == 0 && look->version > 0) { /* nothing that is not known */
        core_look_keep(look);
        core_look_end(look, CORE_OK, NULL, "");
    } else if (core_look_begin(look)) {
        look->stage = CORE_LOOK_FETCH;
        core_look_turn(look);
    }
}

/* Begin to fold, upon the stream as it still is. False: the look has ended. */
static bool core_look_begin(struct core_look *look)
{
    struct arena *arena = look->arena;
    const struct core_stream *stream =
        core_catalog_find_stream(look->cs->catalog, look->name, strlen(look->name));
    bool is_same = stream == NULL ? look->version == 0
                                  : !stream->is_declared && stream->version == look->version &&
                                        log_uuid_is_equal(&stream->uuid, &look->uuid);
    if (!is_same) {
        core_look_end(look, CORE_STREAM_CHANGED, NULL, "");
        return false;
    }
    look->fetch.parts =
        arena_alloc(arena, look->cs->core->shards_count * sizeof(*look->fetch.parts),
                    _Alignof(struct core_fetch_part));
    look->fetched = arena_alloc(arena, look->ranges_count * sizeof(*look->fetched),
                                _Alignof(struct core_fetch_item));
    enum err err = look->fetch.parts != NULL && look->fetched != NULL ? ERR_OK : ERR_BUDGET;
    if (err == ERR_OK) {
        err = core_stream_infer_begin(&look->infer, arena, stream, look->cs->looks.seed);
    }
    if (err != ERR_OK) {
        core_look_end(look, CORE_OVERLOADED, "53200", "out of memory");
    }
    return err == ERR_OK;
}

/* What of the partitions in hand is to be read. False: none of them has a record. */
static bool core_look_plan(struct core_look *look)
{
    const struct core_looked *looked = core_looks_find(&look->cs->looks, &look->topic);
    bool has_records = false;
    for (uint32_t i = 0; i < look->count; i++) {
        const struct core_bounds_item *item = &look->items[i];
        uint32_t partition = look->first + i;
        bool is_seen = look->version > 0 && looked != NULL && looked->first == look->first &&
                       i < looked->count;
        if (item->code != CORE_OK) {
            look->missed = item->code;
        } else if (item->end > item->start) {
            has_records = true;
            core_look_plan_partition(look, partition, item->start, item->end,
                                     is_seen ? &looked->ends[i] : NULL);
        }
    }
    return has_records;
}

/* Of a partition of which everything below *seen was looked at (NULL: not known). */
static void core_look_plan_partition(struct core_look *look, uint32_t partition, uint64_t start,
                                     uint64_t end, const uint64_t *seen)
{
    uint64_t newest = end - start > CORE_LOOK_RECORDS ? end - CORE_LOOK_RECORDS : start;
    if (seen != NULL && *seen > newest) {
        newest = *seen;
    }
    if (look->version == 0) { /* nothing is known: the oldest, too */
        uint64_t oldest = start + CORE_LOOK_RECORDS;
        core_look_add(look, partition, start, oldest < newest ? oldest : newest);
    }
    core_look_add(look, partition, newest, end);
}

static void core_look_add(struct core_look *look, uint32_t partition, uint64_t from, uint64_t to)
{
    if (from < to) {
        ASSERT(look->ranges_count < ARRAY_COUNT(look->ranges));
        look->ranges[look->ranges_count++] =
            (struct core_look_range){.partition = partition, .from = from, .to = to};
    }
}

/* --- Reading --- */

/* A piece of each range, of so many as one round holds; or the end. */
static void core_look_fetch(struct core_look *look)
{
    if (look->ranges_count == 0 || look->bytes_left == 0) {
        core_look_conclude(look);
        return;
    }
    for (uint32_t i = 0; i < look->ranges_count; i++) {
        const struct core_look_range *range = &look->ranges[i];
        look->fetched[i] = (struct core_fetch_item){
            .topic = look->topic,
            .partition = range->partition,
            .group = look->groups[range->partition],
            .offset = range->from,
            .epoch = -1,
            .bytes_max = CORE_LOOK_RANGE_BYTES,
        };
    }
    struct core_fetch_part *parts = look->fetch.parts;
    memset(parts, 0, look->cs->core->shards_count * sizeof(*parts));
    look->fetch = (struct core_fetch){
        .done = core_look_fetched,
        .ctx = look,
        .items = look->fetched,
        .items_count = look->ranges_count,
        .parts = parts,
        .bytes_max = CORE_LOOK_ROUND_BYTES,
    };
    core_fetch_start(look->cs, &look->fetch);
}

/* What cannot be read is left out. Where nothing was got at all the first range is, so that there
 * is an end. */
static void core_look_fetched(struct core_fetch *fetch)
{
    struct core_look *look = fetch->ctx;
    bool has_moved = false;
    for (uint32_t i = 0; i < fetch->items_count; i++) {
        const struct core_fetch_item *item = &look->fetched[i];
        struct core_look_range *range = &look->ranges[i];
        range->is_read = item->loans != NULL;
        has_moved = has_moved || range->is_read || item->code != CORE_OK;
        if (item->code == CORE_OFFSET_OUT_OF_RANGE && item->log_start_offset > range->from) {
            range->from = item->log_start_offset; /* the oldest went meanwhile */
        } else if (item->code != CORE_OK) {
            look->missed = item->code;
            range->from = range->to;
        }
    }
    if (!has_moved) {
        look->ranges[0].from = look->ranges[0].to;
    }
    look->fetched_at = 0;
    look->pos = 0;
    look->stage = CORE_LOOK_READ;
    core_look_turn(look);
}

/* The round is over: what it got nothing of comes first in the next one. */
static void core_look_sort(struct core_look *look)
{
    struct core_look_range before[2 * CORE_LOOK_PARTITIONS];
    uint32_t count = look->ranges_count;
    for (uint32_t i = 0; i < count; i++) {
        before[i] = look->ranges[i];
    }
    look->ranges_count = 0;
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < count; i++) {
            if (before[i].is_read == (pass == 1)) {
                core_look_add(look, before[i].partition, before[i].from, before[i].to);
            }
        }
    }
}

/* Read on, for a turn. True: there is more to do in another one. */
static bool core_look_read(struct core_look *look)
{
    uint64_t turn_bytes = CORE_LOOK_TURN_BYTES;
    uint32_t turn_values = CORE_LOOK_TURN_VALUES;
    while (look->fetched_at < look->fetch.items_count) {
        struct core_fetch_item *item = &look->fetched[look->fetched_at];
        struct core_look_range *range = &look->ranges[look->fetched_at];
        if (!look->is_open && !core_look_open(look, item, range)) {
            if (look->stage == CORE_LOOK_END) {
                return false; /* answered */
            }
            core_loans_return_all(&look->cs->loans, item->loans);
            item->loans = NULL;
            look->fetched_at++;
            look->pos = 0;
            continue;
        }
        if (!core_look_records(look, range, &turn_bytes, &turn_values)) {
            return look->stage != CORE_LOOK_END;
        }
    }
    core_look_sort(look);
    look->stage = CORE_LOOK_FETCH;
    return true;
}

/* Open the next batch of an answer. False: it has no more, or the look has ended. */
static bool core_look_open(struct core_look *look, struct core_fetch_item *item,
                           struct core_look_range *range)
{
    while (item->loans != NULL && look->bytes_left > 0 && range->from < range->to) {
        struct buf_loan *loan = item->loans;
        struct log_batch batch;
        if (look->pos >= loan->length) {
            item->loans = loan->next;
            loan->next = NULL;
            look->pos = 0;
            core_loans_return(&look->cs->loans, loan);
            continue;
        }
        enum err err = log_batch_decode(loan->data + look->pos, loan->length - look->pos, &batch);
        if (err != ERR_OK || batch.length_bytes > loan->length - look->pos) {
            look->missed = CORE_CORRUPT_MESSAGE;
            range->from = range->to;
            return false;
        }
        const uint8_t *data = loan->data + look->pos;
        look->pos += (uint32_t)batch.length_bytes;
        if (batch.kind != LOG_KIND_DATA || (batch.attributes & LOG_BATCH_CONTROL) != 0) {
            range->from = log_batch_next_offset(&batch);
            continue;
        }
        err = core_records_open(&look->room, &look->records, data, batch.length_bytes);
        if (err == ERR_OK) {
            look->is_open = true;
            return true;
        }
        core_records_close(&look->room);
        range->from = log_batch_next_offset(&batch);
        if (err == ERR_BUDGET) {
            core_look_end(look, CORE_OVERLOADED, "53200", "out of memory");
            return false;
        }
        look->missed = CORE_CORRUPT_MESSAGE;
    }
    return false;
}

/* Fold records of the batch that is open. False: the turn is over, or the look has ended. */
static bool core_look_records(struct core_look *look, struct core_look_range *range,
                              uint64_t *turn_bytes, uint32_t *turn_values)
{
    struct log_records_item record;
    while (*turn_values > 0 && *turn_bytes > 0) {
        enum err err = log_records_next(&look->records, &record);
        if (err != ERR_OK || record.offset >= range->to || look->bytes_left == 0) {
            range->from = err == ERR_OK ? range->to : log_batch_next_offset(&look->records.batch);
            look->missed = err == ERR_CORRUPT ? CORE_CORRUPT_MESSAGE : look->missed;
            core_look_close_batch(look);
            return true;
        }
        if (record.offset < range->from) {
            (*turn_values)--;
            continue;
        }
        range->from = record.offset + 1;
        uint64_t bytes = record.value_bytes;
        look->bytes_left -= bytes < look->bytes_left ? bytes : look->bytes_left;
        *turn_bytes -= bytes < *turn_bytes ? bytes : *turn_bytes;
        (*turn_values)--;
        bool is_wanted = record.value != NULL && bytes <= CORE_LOOK_VALUE_BYTES_MAX;
        if (is_wanted && !core_look_value(look, &record)) {
            core_look_end(look, CORE_OVERLOADED, "53200", "out of memory");
            return false;
        }
    }
    return false;
}

/* False: no memory. */
static bool core_look_value(struct core_look *look, const struct log_records_item *record)
{
    const char *text = (const char *)record->value;
    enum err err = infer_record(&look->infer, text, record->value_bytes);
    look->values_count++;
    if (err == ERR_INVALID && look->payload.kind == CORE_PAYLOAD_JSON) {
        look->payload = core_payload_of(text, record->value_bytes);
    }
    return err == ERR_OK || err == ERR_INVALID || err == ERR_TOO_LARGE;
}

static void core_look_close_batch(struct core_look *look)
{
    if (look->is_open) {
        core_records_close(&look->room);
        look->is_open = false;
    }
}

/* --- What comes of it --- */

static void core_look_conclude(struct core_look *look)
{
    const struct infer *in = &look->infer;
    if (in->records_count == 0 && look->version == 0) {
        core_look_refuse(look);
    } else if (in->has_changed || (look->version == 0 && in->columns_count > 0)) {
        core_look_publish(look);
    } else {
        core_look_keep(look);
        core_look_end(look, CORE_OK, NULL, "");
    }
}

/* Nothing is known, and no value is JSON: there are none, or they are something else. */
static void core_look_refuse(struct core_look *look)
{
    char like[64] = "";
    char message[sizeof(look->message)];
    struct bytes_writer w = bytes_writer(like, sizeof(like) - 1);
    if (look->infer.refused_count == 0) {
        bool has_missed = look->missed != CORE_OK && look->missed != CORE_UNKNOWN_TOPIC;
        enum core_code code = has_missed ? look->missed : CORE_OK;
        core_look_end(look, code, has_missed ? core_code_state(code) : NULL,
                      has_missed ? core_code_text(code) : "");
        return;
    }
    if (look->payload.kind == CORE_PAYLOAD_JSON) {
        snprintf(message, sizeof(message),
                 "the values of topic \"%.80s\" are nested too deeply to be read", look->name);
    } else {
        core_payload_write(&w, &look->payload);
        snprintf(
            message, sizeof(message),
            "the values of topic \"%.80s\" are not JSON: they look like %s; only JSON is served",
            look->name, like);
    }
    core_look_end(look, CORE_INVALID_STREAM, "0A000", message);
}

static void core_look_publish(struct core_look *look)
{
    look->stream = (struct core_stream){
        .uuid = look->uuid,
        .topic = look->topic,
        .name = look->name,
        .version = look->version,
        .key = CORE_STREAM_KEY_TEXT,
    };
    enum err err = core_stream_infer_end(&look->infer, look->arena, &look->stream.columns,
                                         &look->stream.columns_count);
    if (err != ERR_OK) {
        core_look_end(look, CORE_OVERLOADED, "53200", "out of memory");
        return;
    }
    look->item = (struct core_change_item){
        .kind = CORE_CHANGE_STREAM_INFER, .stream = &look->stream, .may_be_reserved = true};
    uint64_t patience_ns = rt_now_ns(look->cs->shard) + CORE_LOOK_PATIENCE_NS;
    bool is_patient = look->version == 0 || look->deadline_ns < patience_ns;
    look->change = (struct core_change){
        .done = core_look_published,
        .ctx = look,
        .items = &look->item,
        .items_count = 1,
        .deadline_ns = is_patient ? look->deadline_ns : patience_ns,
    };
    look->stage = CORE_LOOK_CHANGE;
    core_change_start(look->cs, &look->change);
}

/* Where it could not be kept (in time), what was known before serves as well. */
static void core_look_published(struct core_change *change)
{
    struct core_look *look = change->ctx;
    enum core_code code = look->item.code;
    if (code == CORE_OK) {
        look->has_changed = true;
        core_look_keep(look);
    }
    bool is_known = look->version > 0 && code != CORE_CLOSING && !core_look_is_late(look);
    if (code == CORE_OK || code == CORE_STREAM_CHANGED || is_known) {
        core_look_end(look, code == CORE_STREAM_CHANGED ? code : CORE_OK, NULL, "");
        return;
    }
    core_look_end(look, code, core_code_state(code), core_code_text(code));
}

/* It is over; told in a turn of its own. */
static void core_look_end(struct core_look *look, enum core_code code, const char *state,
                          const char *message)
{
    ASSERT(look->stage != CORE_LOOK_END);
    core_look_close_batch(look);
    core_records_room_deinit(&look->room);
    for (uint32_t i = look->fetched_at;
         look->stage == CORE_LOOK_READ && i < look->fetch.items_count; i++) {
        core_loans_return_all(&look->cs->loans, look->fetched[i].loans);
        look->fetched[i].loans = NULL;
    }
    look->stage = CORE_LOOK_END;
    look->code = code;
    look->state = state;
    snprintf(look->message, sizeof(look->message), "%s", message);
    rt_op_defer(&look->op);
}

/* Remember how far it was. */
static void core_look_keep(struct core_look *look)
{
    uint64_t ends[CORE_LOOK_PARTITIONS];
    for (uint32_t i = 0; i < look->count; i++) {
        ends[i] = look->items[i].code == CORE_OK ? look->items[i].end : 0;
    }
    core_looks_keep(&look->cs->looks, &look->topic, look->first, look->count, ends);
}
