/* Fetches: rounds of reading, with waiting between them. See fetch.h.
 *
 *     home:   start -> READ on each shard -> enough? done : WAIT on each -> one woke, or late:
 *             cancel the others -> all home -> READ ...
 *
 * A round's data that is not enough is given back and read again: it is in memory. */
#include "broker/core/fetch.h"

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/core/epochs.h"
#include "broker/core/reading.h"

static void core_fetch_round(struct core_fetch *fetch, core_call_fn *run);
static void core_fetch_nothing(struct rt_op *op);
static void core_fetch_late(struct rt_timer *timer);
static void core_fetch_end_waiting(struct core_fetch *fetch);
static void core_fetch_came_home(struct core_shard *home, struct core_call *call);
static void core_fetch_cancel_came_home(struct core_shard *home, struct core_call *call);
static void core_fetch_judge(struct core_fetch *fetch);
static uint64_t core_fetch_trim(struct core_fetch *fetch);
static void core_fetch_read(struct core_shard *at, struct core_call *call);
static void core_fetch_step(struct core_fetch_part *part);
static bool core_fetch_begin(struct core_fetch_part *part, struct core_fetch_item *item);
static enum err core_fetch_check(struct core_fetch_item *item, const struct core_partition *p);
static bool core_fetch_load(struct core_fetch_part *part, struct core_partition *p);
static void core_fetch_loaded(struct log_read *read);
static void core_fetch_read_done(struct log_read *read);
static void core_fetch_take(struct core_fetch_part *part, struct core_fetch_item *item,
                            const struct log_read *read);
static void core_fetch_wait(struct core_shard *at, struct core_call *call);
static void core_fetch_wake(struct core_waiter *waiter);
static void core_fetch_unwatch(struct core_fetch_part *part);
static void core_fetch_cancel_run(struct core_shard *at, struct core_call *call);

void core_fetch_start(struct core_shard *cs, struct core_fetch *fetch)
{
    fetch->home = cs;
    fetch->away_count = 0;
    fetch->is_waiting = false;
    fetch->is_late = fetch->max_wait_ms <= 0 || fetch->items_count == 0;
    rt_timer_init(&fetch->timer, cs->shard, core_fetch_late);
    for (uint32_t i = 0; i < fetch->items_count; i++) {
        struct core_fetch_item *item = &fetch->items[i];
        struct core_fetch_part *part = &fetch->parts[core_shard_of(cs->core, item->group)];
        item->next = NULL;
        item->part = part;
        item->waiter = (struct core_waiter){.wake = core_fetch_wake};
        if (item->code != CORE_OK) {
            fetch->is_late = true;
            continue; /* its answer is known */
        }
        if (part->items == NULL) {
            part->items = item;
        } else {
            part->last->next = item;
        }
        part->last = item;
        part->fetch = fetch;
    }
    core_fetch_round(fetch, core_fetch_read);
    if (fetch->away_count == 0) {
        rt_op_init(&fetch->op, cs->shard, core_fetch_nothing);
        rt_op_defer(&fetch->op);
    } else if (!fetch->is_late) {
        rt_timer_start(&fetch->timer,
                       rt_now_ns(cs->shard) + (uint64_t)fetch->max_wait_ms * RT_NS_PER_MS);
    }
}

void core_fetch_cancel(struct core_fetch *fetch)
{
    fetch->is_late = true;
    core_fetch_end_waiting(fetch);
}

/* All parts that have items run `run`. */
static void core_fetch_round(struct core_fetch *fetch, core_call_fn *run)
{
    for (uint32_t i = 0; i < fetch->home->core->shards_count; i++) {
        struct core_fetch_part *part = &fetch->parts[i];
        if (part->items != NULL) {
            part->bytes_left = fetch->bytes_max;
            part->has_data = false;
            fetch->away_count++;
            part->is_away = true;
            core_call_start(fetch->home, i, &part->call, run, core_fetch_came_home);
        }
    }
}

static void core_fetch_nothing(struct rt_op *op)
{
    struct core_fetch *fetch = CONTAINER_OF(op, struct core_fetch, op);
    fetch->done(fetch);
}

static void core_fetch_late(struct rt_timer *timer)
{
    core_fetch_cancel(CONTAINER_OF(timer, struct core_fetch, timer));
}

/* Parts that watch are to come home. */
static void core_fetch_end_waiting(struct core_fetch *fetch)
{
    if (!fetch->is_waiting) {
        return;
    }
    for (uint32_t i = 0; i < fetch->home->core->shards_count; i++) {
        struct core_fetch_part *part = &fetch->parts[i];
        if (part->is_away && !part->is_cancel_away) {
            fetch->away_count++;
            part->is_cancel_away = true;
            core_call_start(fetch->home, i, &part->cancel, core_fetch_cancel_run,
                            core_fetch_cancel_came_home);
        }
    }
}

static void core_fetch_came_home(struct core_shard *home, struct core_call *call)
{
    (void)home;
    struct core_fetch_part *part = CONTAINER_OF(call, struct core_fetch_part, call);
    struct core_fetch *fetch = part->fetch;
    part->is_away = false;
    fetch->away_count--;
    core_fetch_end_waiting(fetch); /* one woke: nobody else waits */
    core_fetch_judge(fetch);
}

static void core_fetch_cancel_came_home(struct core_shard *home, struct core_call *call)
{
    (void)home;
    struct core_fetch_part *part = CONTAINER_OF(call, struct core_fetch_part, cancel);
    part->is_cancel_away = false;
    part->fetch->away_count--;
    core_fetch_judge(part->fetch);
}

/* A round has ended: is it enough? */
static void core_fetch_judge(struct core_fetch *fetch)
{
    if (fetch->away_count > 0) {
        return;
    }
    if (fetch->is_waiting) {
        fetch->is_waiting = false;
        core_fetch_round(fetch, core_fetch_read);
        return;
    }
    uint64_t bytes = core_fetch_trim(fetch);
    bool has_failed = false;
    for (uint32_t i = 0; i < fetch->items_count; i++) {
        has_failed =
            has_failed || fetch->items[i].code != CORE_OK || fetch->items[i].diverging_epoch >= 0;
    }
    if (has_failed || fetch->is_late || bytes >= fetch->bytes_min) {
        rt_timer_stop(&fetch->timer);
        fetch->done(fetch);
        return;
    }
    for (uint32_t i = 0; i < fetch->items_count; i++) {
        core_loans_return_all(&fetch->home->loans, fetch->items[i].loans);
        fetch->items[i].loans = NULL;
    }
    fetch->is_waiting = true;
    core_fetch_round(fetch, core_fetch_wait);
}

/* Shards have read as if each were alone. In the items' order, whichever shard they are on, what is
 * more than bytes_max is given back; returns the bytes that stay. */
static uint64_t core_fetch_trim(struct core_fetch *fetch)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < fetch->items_count; i++) {
        struct core_fetch_item *item = &fetch->items[i];
        if (bytes > 0 && bytes + item->bytes > fetch->bytes_max) {
            core_loans_return_all(&fetch->home->loans, item->loans);
            item->loans = NULL;
            item->bytes = 0;
        }
        bytes += item->bytes;
    }
    return bytes;
}

/* --- Where the partitions are: reading --- */

static void core_fetch_read(struct core_shard *at, struct core_call *call)
{
    struct core_fetch_part *part = CONTAINER_OF(call, struct core_fetch_part, call);
    part->at = at;
    part->item = part->items;
    core_fetch_step(part);
}

static void core_fetch_step(struct core_fetch_part *part)
{
    while (part->item != NULL) {
        if (core_fetch_begin(part, part->item)) {
            return;
        }
        part->item = part->item->next;
    }
    core_call_end(part->at, &part->call);
}

/* Begin to read `item`; false: its answer stands already. */
static bool core_fetch_begin(struct core_fetch_part *part, struct core_fetch_item *item)
{
    struct core_shard *at = part->at;
    struct core_partition *p = core_partition_find(at, item->group, &item->topic, item->partition);
    item->bytes = 0;
    item->loans = NULL;
    item->leader = RAFT_NO_LEADER;
    item->leader_epoch = -1;
    item->diverging_epoch = -1;
    item->diverging_offset = -1;
    if (p == NULL || p->is_closed) {
        item->code = p == NULL ? CORE_UNKNOWN_TOPIC : CORE_NOT_AVAILABLE;
        return false;
    }
    item->high_watermark = p->hw_offset;
    item->log_start_offset = core_partition_log_start(p);
    enum err err = core_fetch_check(item, p);
    if (err == ERR_AGAIN && !item->is_loaded) {
        item->is_loaded = true;
        return core_fetch_load(part, p);
    }
    item->code = err == ERR_OK ? item->code : core_code_of(err);
    int64_t left = part->bytes_left;
    if (item->code != CORE_OK || item->diverging_epoch >= 0 || item->offset >= p->hw_offset ||
        (left <= 0 && part->has_data)) {
        return false;
    }
    left = left > 0 ? left : 1; /* a batch */
    struct core_reading *reading;
    err = core_reading_new(p, part, &reading);
    if (err != ERR_OK) {
        item->code = core_code_of(err);
        return false;
    }
    reading->read =
        (struct log_read){.done = core_fetch_read_done,
                          .ctx = reading,
                          .log = p->group.log,
                          .from = LOG_READ_OFFSET,
                          .at = item->offset,
                          .index_max = p->hw_index,
                          .bytes_max = left < item->bytes_max ? (uint32_t)left : item->bytes_max,
                          .does_skip_internal = true};
    log_read(&reading->read);
    return true;
}

/* Whether `item` may be read there: its code, or where the client's records and the log's part.
 * ERR_AGAIN: the log's older segments must be loaded first. */
static enum err core_fetch_check(struct core_fetch_item *item, const struct core_partition *p)
{
    item->code = core_partition_check_epoch(p, item->epoch);
    if (item->code == CORE_FENCED_EPOCH) {
        item->leader = raft_group_leader(&p->group);
        item->leader_epoch = (int32_t)raft_group_term_shown(&p->group);
    }
    if (item->code == CORE_OK && item->offset < item->log_start_offset) {
        item->code = CORE_OFFSET_OUT_OF_RANGE;
    }
    if (item->code != CORE_OK) {
        return ERR_OK;
    }
    if (item->epoch_fetched >= 1) {
        int32_t epoch;
        int64_t end_offset;
        enum err err = core_epochs_end(p, item->epoch_fetched, &epoch, &end_offset);
        if (err != ERR_OK) {
            return err;
        }
        if (epoch < 0) { /* of a leader that nobody here knows */
            item->code = CORE_OFFSET_OUT_OF_RANGE;
            return ERR_OK;
        }
        if (epoch < item->epoch_fetched || (uint64_t)end_offset < item->offset) {
            item->diverging_epoch = epoch;
            item->diverging_offset = end_offset;
            return ERR_OK;
        }
    }
    if (item->offset > core_partition_status(p).end.offset) {
        item->code = CORE_OFFSET_OUT_OF_RANGE;
    }
    return ERR_OK;
}

/* Read the oldest entry, which loads what is older; then the item once more. False: refused. */
static bool core_fetch_load(struct core_fetch_part *part, struct core_partition *p)
{
    struct core_reading *reading;
    enum err err = core_reading_new(p, part, &reading);
    if (err != ERR_OK) {
        part->item->code = core_code_of(err);
        return false;
    }
    core_reading_oldest(reading, core_fetch_loaded);
    return true;
}

static void core_fetch_loaded(struct log_read *read)
{
    struct core_reading *reading = read->ctx;
    struct core_fetch_part *part = reading->ctx;
    log_read_release(read);
    core_reading_free(reading);
    core_fetch_step(part);
}

static void core_fetch_read_done(struct log_read *read)
{
    struct core_reading *reading = read->ctx;
    struct core_fetch_part *part = reading->ctx;
    struct core_fetch_item *item = part->item;
    switch ((int)read->err) {
    case ERR_OK: core_fetch_take(part, item, read); break;
    case ERR_END: break; /* internal entries only */
    case ERR_RANGE: item->code = CORE_OFFSET_OUT_OF_RANGE; break;
    case ERR_CLOSING: item->code = CORE_UNKNOWN_TOPIC; break;
    default:
        item->code = core_code_of_read(read->err);
        DIAG_WARN(part->at->diag, "core", "a fetch could not read", DIAG_U64("group", item->group),
                  DIAG_U64("offset", item->offset), DIAG_ERR("error", read->err));
    }
    log_read_release(read);
    core_reading_free(reading);
    part->item = item->next;
    core_fetch_step(part);
}

/* The bytes read go to the fetch as loans, unless they are more than is left and another item of
 * this shard has data. */
static void core_fetch_take(struct core_fetch_part *part, struct core_fetch_item *item,
                            const struct log_read *read)
{
    int64_t bytes = 0;
    for (uint32_t i = 0; i < read->parts_count; i++) {
        bytes += read->parts[i].length;
    }
    if (part->has_data && part->bytes_left < bytes) {
        return;
    }
    struct buf_loan **link = &item->loans;
    for (uint32_t i = 0; i < read->parts_count; i++) {
        enum err err = buf_lend(read->parts[i], link);
        if (err != ERR_OK) { /* what is lent is whole batches: the rest is fetched later */
            item->code = item->loans == NULL ? core_code_of(err) : CORE_OK;
            break;
        }
        item->bytes += read->parts[i].length;
        link = &(*link)->next;
    }
    part->bytes_left -= item->bytes;
    part->has_data = part->has_data || item->bytes > 0;
}

/* --- Waiting --- */

static void core_fetch_wait(struct core_shard *at, struct core_call *call)
{
    struct core_fetch_part *part = CONTAINER_OF(call, struct core_fetch_part, call);
    part->at = at;
    part->is_waiting = true;
    for (struct core_fetch_item *item = part->items; item != NULL; item = item->next) {
        struct core_partition *p =
            core_partition_find(at, item->group, &item->topic, item->partition);
        if (p == NULL || p->is_closed || p->hw_offset != item->high_watermark) {
            core_fetch_unwatch(part);
            core_call_end(at, call);
            return;
        }
        list_push_back(&p->waiters, &item->waiter.in_partition);
    }
}

static void core_fetch_wake(struct core_waiter *waiter)
{
    struct core_fetch_item *item = CONTAINER_OF(waiter, struct core_fetch_item, waiter);
    struct core_fetch_part *part = item->part;
    core_fetch_unwatch(part);
    core_call_end(part->at, &part->call);
}

static void core_fetch_unwatch(struct core_fetch_part *part)
{
    part->is_waiting = false;
    for (struct core_fetch_item *item = part->items; item != NULL; item = item->next) {
        if (list_is_linked(&item->waiter.in_partition)) {
            list_remove(&item->waiter.in_partition);
        }
    }
}

static void core_fetch_cancel_run(struct core_shard *at, struct core_call *call)
{
    struct core_fetch_part *part = CONTAINER_OF(call, struct core_fetch_part, cancel);
    if (part->is_waiting) {
        core_fetch_unwatch(part);
        core_call_end(at, &part->call);
    }
    core_call_end(at, call);
}
