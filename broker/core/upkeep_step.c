/* A view on one shard: records of its partitions here become partial groups, these go to the shards
 * whose slices they are, and what comes of all shards becomes rows. See upkeep.h.
 *
 *     step comes   goals of the lanes are set
 *     FOLD         batches -> columns -> fold; parcels, whenever the fold is full; the last ones,
 *                  one for each shard, when all goals are reached
 *     APPLY        until the last parcel of every shard is applied
 *     step goes home
 *
 * What other shards send is applied as it comes, before more is folded: so memory stays small, and
 * a shard that folds faster than others apply waits (parcels_away).
 *
 * A part that breaks (its memory is used up, a batch is damaged, its source was trimmed) sends its
 * last parcels all the same, without groups: no other shard waits for them. Its home then has all
 * shards give the view up, so that its memory is there for others.
 *
 * **Memory.** When it refuses a fold, first what is folded goes to the shards whose rows it is,
 * then older versions of the rows here are given up, then it waits for what others have to send
 * back; when nothing is left to wait for the view is broken (upkeep_memory.c). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/rt/clock.h"
#include "broker/core/catalog_view.h"
#include "broker/core/core.h"
#include "broker/core/upkeep_home.h"
#include "broker/core/upkeep_int.h"
#include "storage/log/batch.h"

#define CORE_UPKEEP_ARENA_BYTES 4096u

/* Parcels of a part that may be away for each shard there is, before it folds no more. */
#define CORE_UPKEEP_PARCELS_AHEAD 2u

/* Lanes of a part whose batches are asked for, or here, at a time. */
#define CORE_UPKEEP_LANES_AHEAD 8u

static void core_upkeep_step_make(struct core_upkeep *upkeep, struct core_upkeep_part *part,
                                  struct core_upkeep_step *step);
static void core_upkeep_step_go(struct core_upkeep_part *part, struct core_upkeep_step *step);
static void core_upkeep_step_end(struct core_upkeep *upkeep, struct core_upkeep_part *part,
                                 struct core_upkeep_step *step);
static void core_upkeep_part_over(struct core_upkeep_part *part, enum core_code code,
                                  const char *why);
static struct core_upkeep_part *core_upkeep_part_new(struct core_upkeep *upkeep,
                                                     const struct core_upkeep_view *view);
static struct core_upkeep_part *core_upkeep_part_open(struct core_upkeep *upkeep,
                                                      const struct log_uuid *view);
static bool core_upkeep_part_make(struct core_upkeep_part *part, const struct core_view *view,
                                  const struct core_topic *topic);
static bool core_upkeep_part_widen(struct core_upkeep_part *part,
                                   const struct core_upkeep_view *view);
static void core_upkeep_begin(struct core_upkeep_part *part, const struct core_upkeep_view *view);
static bool core_upkeep_part_work(struct core_upkeep_part *part);
static bool core_upkeep_part_work_paced(struct core_upkeep_part *part);
static bool core_upkeep_fold(struct core_upkeep_part *part);
static bool core_upkeep_fold_some(struct core_upkeep_part *part);
static void core_upkeep_spend(struct core_upkeep_part *part);
static bool core_upkeep_fold_end(struct core_upkeep_part *part);
static struct core_upkeep_lane *core_upkeep_next_lane(struct core_upkeep_part *part);
static uint32_t core_upkeep_collect(struct core_upkeep_part *part, struct core_upkeep_lane *lane);
static bool core_upkeep_open_batch(struct core_upkeep_part *part, struct core_upkeep_lane *lane,
                                   uint32_t rows);
static void core_upkeep_pass(struct core_upkeep_part *part, struct core_upkeep_lane *lane);
static bool core_upkeep_fold_rows(struct core_upkeep_part *part);
static void core_upkeep_ask(struct core_upkeep_part *part);
static void core_upkeep_fed(struct core_view_feed *feed);
static void core_upkeep_fault(void *ctx, const struct maint_fault *fault);
static bool core_upkeep_part_leave(struct core_upkeep_part *part);
static bool core_upkeep_part_end(struct core_upkeep_part *part);
static void core_upkeep_feed_closed(struct core_view_feed *feed);
static void core_upkeep_part_delete(struct core_upkeep_part *part);
static void core_upkeep_part_close(struct core_upkeep_part *part);

/* --- A step comes --- */

void core_upkeep_step_run(struct core_shard *at, struct core_call *call)
{
    struct core_upkeep_step *step = CONTAINER_OF(call, struct core_upkeep_step, call);
    struct core_upkeep *upkeep = &at->upkeep;
    struct core_upkeep_part *part = core_upkeep_find(upkeep, &step->view->uuid);
    step->code = CORE_OK;
    step->is_done = false;
    step->count = (struct core_upkeep_count){.rows = 0};
    if (upkeep->is_stopping) {
        step->code = CORE_CLOSING;
        step->is_done = true;
        core_call_end(at, call);
        return;
    }
    switch (step->view->order) {
    case CORE_UPKEEP_MAKE: core_upkeep_step_make(upkeep, part, step); break;
    case CORE_UPKEEP_GO: core_upkeep_step_go(part, step); break;
    case CORE_UPKEEP_NONE:
    case CORE_UPKEEP_LEAVE:
    case CORE_UPKEEP_FREE: core_upkeep_step_end(upkeep, part, step); break;
    }
}

static void core_upkeep_step_make(struct core_upkeep *upkeep, struct core_upkeep_part *part,
                                  struct core_upkeep_step *step)
{
    const struct core_catalog *catalog = upkeep->cs->catalog;
    bool is_known =
        catalog != NULL && core_catalog_find_view_uuid(catalog, &step->view->uuid) != NULL;
    if (part == NULL && is_known && step->over == CORE_OK) {
        part = core_upkeep_part_new(upkeep, step->view);
    }
    step->is_done = part != NULL || step->over != CORE_OK;
    if (part != NULL) {
        step->code = part->code;
        memcpy(step->why, part->why, sizeof(step->why));
    } else if (!step->is_done) {
        step->code = is_known ? CORE_OVERLOADED : CORE_UNKNOWN_VIEW;
    }
    core_call_end(upkeep->cs, &step->call);
}

static void core_upkeep_step_go(struct core_upkeep_part *part, struct core_upkeep_step *step)
{
    struct core_shard *at = part->upkeep->cs;
    const struct core_topic *topic = core_catalog_find_uuid(at->catalog, &step->view->topic);
    ASSERT(part->step == NULL);
    core_upkeep_part_over(part, topic == NULL ? CORE_UNKNOWN_VIEW : step->over, step->why);
    if (part->code == CORE_OK && topic->partitions_count < step->view->partitions_count) {
        step->code = CORE_UNKNOWN_VIEW; /* the catalog that has them is on its way */
        core_call_end(at, &step->call);
        return;
    }
    part->step = step;
    part->is_heir = step->is_heir;
    core_upkeep_bound(part);
    part->step_ns = rt_now_ns(at->shard);
    part->late_ns = step->view->late_ns;
    part->is_paced = step->view->is_paced;
    if (part->stage == CORE_UPKEEP_IDLE) {
        core_upkeep_begin(part, step->view);
    } else {
        core_upkeep_ask(part);
    }
    core_upkeep_wake(part);
}

/* It stops; it is given up. */
static void core_upkeep_step_end(struct core_upkeep *upkeep, struct core_upkeep_part *part,
                                 struct core_upkeep_step *step)
{
    core_views_leave(upkeep->cs, &step->view->uuid);
    if (part == NULL) {
        step->is_done = true;
        core_call_end(upkeep->cs, &step->call);
        return;
    }
    ASSERT(part->step == NULL);
    core_upkeep_part_over(part, step->over, step->why);
    part->step = step;
    part->stage = step->view->order == CORE_UPKEEP_FREE ? CORE_UPKEEP_OVER : CORE_UPKEEP_LEFT;
    core_upkeep_wake(part);
}

/* Nobody wants it any more, if `code` says so. */
static void core_upkeep_part_over(struct core_upkeep_part *part, enum core_code code,
                                  const char *why)
{
    if (code != CORE_OK && part->code == CORE_OK) {
        part->code = code;
        memcpy(part->why, why, sizeof(part->why));
    }
}

/* NULL: there is no memory. The catalog here has the view. */
static struct core_upkeep_part *core_upkeep_part_new(struct core_upkeep *upkeep,
                                                     const struct core_upkeep_view *view)
{
    const struct core_catalog *catalog = upkeep->cs->catalog;
    const struct core_view *defined = core_catalog_find_view_uuid(catalog, &view->uuid);
    const struct core_topic *topic = core_catalog_find_uuid(catalog, &defined->source->topic);
    struct core_upkeep_part *part =
        topic != NULL ? core_upkeep_part_open(upkeep, &view->uuid) : NULL;
    if (part == NULL) {
        return NULL;
    }
    list_push_back(&upkeep->parts, &part->in_parts);
    upkeep->parts_count++;
    if (!core_upkeep_part_make(part, defined, topic) && part->code == CORE_OK) {
        core_upkeep_break(part, "out of budget: its plan does not fit");
    }
    part->made_bytes = part->budget.used_bytes;
    core_upkeep_tell_used(upkeep);
    return part;
}

/* One that has nothing yet. NULL: there is no memory. */
static struct core_upkeep_part *core_upkeep_part_open(struct core_upkeep *upkeep,
                                                      const struct log_uuid *view)
{
    void *memory;
    if (budget_alloc(&upkeep->cs->budget, sizeof(struct core_upkeep_part), 64, &memory) != ERR_OK) {
        return NULL;
    }
    struct core_upkeep_part *part = memory;
    part->upkeep = upkeep;
    part->view = *view;
    list_init(&part->parcels);
    list_init(&part->reads);
    budget_init(&part->budget, "view", SIZE_MAX, &upkeep->budget);
    arena_init(&part->arena, &part->budget, CORE_UPKEEP_ARENA_BYTES, SIZE_MAX);
    core_changes_init(&part->changes, part);
    part->rows_max = CORE_UPKEEP_ROWS_FIRST;
    return part;
}

uint64_t core_upkeep_part_bytes(struct core_upkeep *upkeep, const struct core_view *view,
                                const struct core_topic *topic)
{
    uint64_t left_bytes = budget_left(&upkeep->budget) + 1;
    struct core_upkeep_part *part = core_upkeep_part_open(upkeep, &view->uuid);
    if (part == NULL) {
        return left_bytes;
    }
    bool is_made = core_upkeep_part_make(part, view, topic);
    uint64_t bytes = is_made ? part->budget.used_bytes : part->code == CORE_OK ? left_bytes : 0;
    while (part->is_made && !maint_upkeep_deinit_step(&part->rows)) {
    }
    core_upkeep_part_close(part);
    return bytes;
}

/* All that it needs; false: there is no memory, or it is broken. */
static bool core_upkeep_part_make(struct core_upkeep_part *part, const struct core_view *view,
                                  const struct core_topic *topic)
{
    struct core_shard *cs = part->upkeep->cs;
    uint32_t shards_count = cs->core->shards_count;
    struct plan_fault fault;
    struct maint_refusal refusal;
    part->name = arena_copy(&part->arena, view->name, strlen(view->name));
    part->lasts = arena_alloc_zeroed(&part->arena, shards_count * sizeof(*part->lasts), 16);
    part->deltas = arena_alloc_zeroed(&part->arena, shards_count * sizeof(*part->deltas), 16);
    part->made = arena_alloc_zeroed(&part->arena, shards_count * sizeof(*part->made), 16);
    if (part->name == NULL || part->lasts == NULL || part->deltas == NULL || part->made == NULL) {
        return false;
    }
    enum err err = core_view_plan(&part->arena, view, topic->name, topic->groups,
                                  topic->partitions_count, &part->plan, &part->relation, &fault);
    if (err == ERR_CORRUPT) {
        core_upkeep_break(part, "its plan cannot be read: %s", fault.text);
        return false;
    }
    if (err == ERR_OK) {
        err = maint_view_make(&part->arena, &part->plan, &part->maint, &refusal);
    }
    if (err == ERR_INVALID) {
        core_upkeep_break(part, "its plan cannot be kept up: %s", refusal.message);
        return false;
    }
    if (err != ERR_OK) {
        return false;
    }
    part->is_made = true;
    core_scan_records_init(&part->records, &part->budget);
    maint_fold_init(&part->fold, part->maint, &part->budget, &part->upkeep->scratch,
                    part->upkeep->slice_target, shards_count);
    part->fold.fault = core_upkeep_fault;
    part->fold.ctx = part;
    uint32_t global = part->upkeep->slice_target[store_slice_of(store_hash("", 0))];
    maint_upkeep_init(&part->rows, part->maint, &part->budget, &part->upkeep->scratch,
                      global == cs->shard->id);
    return core_upkeep_columns(part, CORE_UPKEEP_ROWS_FIRST);
}

/* Lanes for partitions that it has not seen. False: there is no memory. */
static bool core_upkeep_part_widen(struct core_upkeep_part *part,
                                   const struct core_upkeep_view *view)
{
    struct core_shard *cs = part->upkeep->cs;
    const struct core_topic *topic = core_catalog_find_uuid(cs->catalog, &view->topic);
    uint32_t count = part->lanes_count;
    if (part->partitions_count == view->partitions_count) {
        return true;
    }
    for (uint32_t i = part->partitions_count; i < view->partitions_count; i++) {
        count += core_shard_of(cs->core, topic->groups[i]) == cs->shard->id;
    }
    struct core_upkeep_lane **lanes =
        arena_alloc_zeroed(&part->arena, (count + 1) * sizeof(*lanes), 16);
    struct core_upkeep_lane *fresh = arena_alloc_zeroed(
        &part->arena, (count - part->lanes_count + 1) * sizeof(*fresh), _Alignof(uint64_t));
    if (lanes == NULL || fresh == NULL) {
        return false;
    }
    if (part->lanes_count > 0) {
        memcpy(lanes, part->lanes, part->lanes_count * sizeof(*lanes));
    }
    part->lanes = lanes;
    for (uint32_t i = part->partitions_count; i < view->partitions_count; i++) {
        if (core_shard_of(cs->core, topic->groups[i]) != cs->shard->id) {
            continue;
        }
        struct core_upkeep_lane *lane = fresh++;
        lane->part = part;
        lane->partition = i;
        lane->next = view->origins[i];
        lane->feed = (struct core_view_feed){.done = core_upkeep_fed,
                                             .ctx = lane,
                                             .owner = "view",
                                             .view = part->view,
                                             .topic = view->topic,
                                             .partition = i,
                                             .group = topic->groups[i],
                                             .offset = view->origins[i],
                                             .keep_index = 1, /* a restart begins at the origin */
                                             .bytes_max = CORE_UPKEEP_FEED_BYTES};
        core_view_feed_open(&lane->feed, cs);
        lane->is_open = true;
        lanes[part->lanes_count++] = lane;
    }
    part->partitions_count = view->partitions_count;
    return true;
}

static void core_upkeep_begin(struct core_upkeep_part *part, const struct core_upkeep_view *view)
{
    part->stage = CORE_UPKEEP_FOLD;
    part->tick = view->tick;
    part->is_sent = false;
    part->is_begun = false;
    part->last_count = 0;
    if (part->code == CORE_OK && !core_upkeep_part_widen(part, view)) {
        core_upkeep_break(part, "out of budget: its partitions do not fit");
    }
    if (part->code != CORE_OK) {
        return;
    }
    struct store_state *state = &part->rows.state;
    if (view->floor > state->complete && view->floor <= state->tick) {
        store_state_complete(state, view->floor);
    }
    for (uint32_t i = 0; i < part->lanes_count; i++) {
        struct core_upkeep_lane *lane = part->lanes[i];
        uint64_t goal = view->goals[lane->partition];
        lane->goal = goal > lane->next ? goal : lane->next;
    }
    core_upkeep_ask(part);
}

/* The step goes home. */
void core_upkeep_answer(struct core_upkeep_part *part, enum core_code code, bool is_done)
{
    struct core_upkeep_step *step = part->step;
    part->step = NULL;
    step->code = code;
    step->is_done = is_done;
    memcpy(step->why, part->why, sizeof(step->why));
    if (part->is_made) {
        step->count = (struct core_upkeep_count){.rows = part->rows.state.rows_count,
                                                 .bytes = part->budget.used_bytes,
                                                 .records = part->records_count,
                                                 .faults = part->columns.faults};
        core_faults_join(&step->count.faults, &part->faults);
    }
    for (uint32_t i = 0; i < part->lanes_count; i++) {
        step->count.left += part->lanes[i]->goal - part->lanes[i]->next;
    }
    core_call_end(part->upkeep->cs, &step->call);
}

/* --- Its turn --- */

bool core_upkeep_part_run(struct core_upkeep_part *part)
{
    if (part->upkeep->is_stopping && part->stage != CORE_UPKEEP_OVER) {
        part->stage = CORE_UPKEEP_OVER;
        if (part->step != NULL) {
            core_upkeep_answer(part, CORE_CLOSING, true);
        }
    }
    if (!list_is_empty(&part->reads)) {
        core_upkeep_read_turn(
            CONTAINER_OF(list_pop_front(&part->reads), struct core_upkeep_read, in_part));
    }
    bool is_more = !list_is_empty(&part->reads);
    if (part->stage == CORE_UPKEEP_LEFT || part->stage == CORE_UPKEEP_OVER) {
        return core_upkeep_part_end(part) || is_more;
    }
    core_upkeep_bound(part);
    if (part->is_made && part->code == CORE_OK) {
        is_more = !store_state_trim(&part->rows.state) || is_more;
    }
    is_more = !core_changes_trim(&part->changes) || is_more;
    bool is_paced = part->is_paced && part->code == CORE_OK;
    return (is_paced ? core_upkeep_part_work_paced(part) : core_upkeep_part_work(part)) || is_more;
}

/* Its step leaves the most of the time to producers: not now, if late ones had their part. */
static bool core_upkeep_part_work_paced(struct core_upkeep_part *part)
{
    struct core_upkeep *upkeep = part->upkeep;
    if (part->stage == CORE_UPKEEP_IDLE || !core_upkeep_pace_may(&upkeep->pace)) {
        return false;
    }
    uint64_t since_ns = rt_now_precise_ns(upkeep->cs->shard);
    bool is_more = core_upkeep_part_work(part);
    core_upkeep_pace_took(&upkeep->pace, since_ns, part->late_ns);
    return is_more;
}

/* Some of its step. */
static bool core_upkeep_part_work(struct core_upkeep_part *part)
{
    if (part->stage == CORE_UPKEEP_COPY) {
        return core_upkeep_copy(part);
    }
    if (part->stage == CORE_UPKEEP_IDLE) {
        return false;
    }
    if (!list_is_empty(&part->parcels)) {
        return core_upkeep_apply(part);
    }
    if (part->stage == CORE_UPKEEP_FOLD && part->step != NULL) {
        return core_upkeep_fold(part);
    }
    return false;
}

/* --- Folding --- */

/* Some batches. True: there is more at once. */
static bool core_upkeep_fold(struct core_upkeep_part *part)
{
    struct core_shard *cs = part->upkeep->cs;
    if (part->code == CORE_OK &&
        part->parcels_away >= CORE_UPKEEP_PARCELS_AHEAD * cs->core->shards_count) {
        return false; /* until some are home */
    }
    if (part->code == CORE_OK && !core_upkeep_fold_some(part)) {
        return false; /* likewise */
    }
    bool is_reached = part->rows_count == 0 && !part->is_sending;
    for (uint32_t i = 0; i < part->lanes_count && is_reached; i++) {
        is_reached = part->lanes[i]->next >= part->lanes[i]->goal;
    }
    if (is_reached || part->code != CORE_OK) {
        return core_upkeep_fold_end(part);
    }
    if (rt_now_ns(cs->shard) - part->step_ns >= CORE_UPKEEP_TELL_NS) {
        core_upkeep_answer(part, CORE_OK, false);
        return false;
    }
    return part->rows_count > 0 || part->is_sending || core_upkeep_next_lane(part) != NULL;
}

/* Rows of one lane, or a piece of what was folded goes out. False: there is no memory before
 * parcels are home. */
static bool core_upkeep_fold_some(struct core_upkeep_part *part)
{
    uint64_t since_ns = rt_now_precise_ns(part->upkeep->cs->shard);
    if (part->is_sending || (part->rows_count == 0 && maint_fold_is_full(&part->fold))) {
        return core_upkeep_send(part, false) || core_upkeep_relieve(part, "its groups");
    }
    struct core_upkeep_lane *lane = part->rows_count == 0 ? core_upkeep_next_lane(part) : NULL;
    if (lane != NULL) {
        part->rows_count = core_upkeep_collect(part, lane);
    }
    if (part->code == CORE_OK && part->rows_count > 0 && !core_upkeep_fold_rows(part)) {
        bool is_sent = part->fold.groups_count > 0 && core_upkeep_send(part, false);
        return is_sent || core_upkeep_relieve(part, "its rows"); /* there is more room then */
    }
    uint32_t rows = part->rows_count;
    core_upkeep_spend(part);
    core_upkeep_ask(part);
    core_upkeep_fit(part, rows, since_ns);
    return true;
}

/* Rows taken were folded, or are not wanted any more: nothing points into their batches. */
static void core_upkeep_spend(struct core_upkeep_part *part)
{
    part->rows_count = 0;
    part->is_filled = false;
    core_loans_return_all(&part->upkeep->cs->loans, part->spent);
    part->spent = NULL;
    core_scan_records_release(&part->records);
}

/* All goals are reached, or it is broken: the last parcels. True: there is more at once. */
static bool core_upkeep_fold_end(struct core_upkeep_part *part)
{
    core_upkeep_spend(part);
    if (part->lasts_away > 0) {
        return false; /* those of the step before are not home yet */
    }
    if (!core_upkeep_send(part, true)) {
        return core_upkeep_relieve(part, "its groups");
    }
    if (part->is_sending) {
        return true;
    }
    part->stage = CORE_UPKEEP_APPLY;
    return false;
}

/* The one whose batch is open, or the next that has batches below its goal. */
static struct core_upkeep_lane *core_upkeep_next_lane(struct core_upkeep_part *part)
{
    for (uint32_t i = 0; i < part->lanes_count; i++) {
        uint32_t at = (part->lane + i) % part->lanes_count;
        struct core_upkeep_lane *lane = part->lanes[at];
        if (part->records.is_open || (lane->loans != NULL && lane->next < lane->goal)) {
            part->lane = at;
            return lane;
        }
    }
    return NULL;
}

/* Take records of one lane; returns how many rows there are. */
static uint32_t core_upkeep_collect(struct core_upkeep_part *part, struct core_upkeep_lane *lane)
{
    uint32_t rows = 0;
    size_t bytes = 0;
    while (rows < part->rows_max && bytes < CORE_UPKEEP_FEED_BYTES && part->code == CORE_OK) {
        struct log_records_item item;
        if (!part->records.is_open && !core_upkeep_open_batch(part, lane, rows)) {
            break;
        }
        if (!part->records.is_open) { /* one that has nothing to fold */
            continue;
        }
        enum err err = core_scan_records_next(&part->records, &item);
        if (err == ERR_END) {
            core_upkeep_pass(part, lane);
        } else if (err != ERR_OK) {
            core_upkeep_break(part, "partition %u: the batch before offset %llu is damaged (%s)",
                              lane->partition, (unsigned long long)lane->next, err_name(err));
        } else if (item.offset >= lane->next && item.offset < lane->goal) {
            bytes += (size_t)item.key_bytes + item.value_bytes + item.headers_bytes;
            core_scan_columns_row(&part->columns, rows++, &item);
            lane->next = item.offset + 1;
        }
    }
    return rows;
}

/* Open the lane's next batch. False: there is none below the goal, or none that goes with the rows
 * there are. */
static bool core_upkeep_open_batch(struct core_upkeep_part *part, struct core_upkeep_lane *lane,
                                   uint32_t rows)
{
    struct buf_loan *loan = lane->loans;
    struct log_batch head;
    if (loan == NULL) {
        return false;
    }
    enum err err = log_batch_decode(loan->data, loan->length, &head);
    if (err == ERR_OK && head.kind == LOG_KIND_DATA && head.base_offset >= lane->goal) {
        return false;
    }
    if (err == ERR_OK && (head.kind != LOG_KIND_DATA || (head.attributes & LOG_BATCH_CONTROL) ||
                          log_batch_next_offset(&head) <= lane->next)) {
        core_upkeep_pass(part, lane);
        return true;
    }
    if (err == ERR_OK) {
        err = core_scan_records_open(&part->records, loan->data, loan->length);
    }
    if (err == ERR_AGAIN && rows > 0) {
        return false;
    }
    if (err == ERR_AGAIN) {
        core_scan_records_release(&part->records);
        err = core_scan_records_open(&part->records, loan->data, loan->length);
    }
    if (err == ERR_BUDGET || err == ERR_TOO_LARGE) {
        core_upkeep_break(part,
                          "out of budget: partition %u, offset %llu: a batch cannot be "
                          "decompressed",
                          lane->partition, (unsigned long long)lane->next);
        return false;
    }
    if (err != ERR_OK) {
        core_upkeep_break(part, "partition %u: the batch at offset %llu is damaged (%s)",
                          lane->partition, (unsigned long long)lane->next, err_name(err));
        return false;
    }
    return true;
}

/* The lane's first batch has been read; rows may point into it. A batch beyond whose records the
 * goal does not lie is passed whole, whatever its last offsets were. */
static void core_upkeep_pass(struct core_upkeep_part *part, struct core_upkeep_lane *lane)
{
    struct buf_loan *loan = lane->loans;
    struct log_batch head;
    if (log_batch_decode(loan->data, loan->length, &head) == ERR_OK && head.kind == LOG_KIND_DATA) {
        uint64_t next = log_batch_next_offset(&head);
        next = next < lane->goal ? next : lane->goal;
        lane->next = next > lane->next ? next : lane->next;
    }
    lane->loans = loan->next;
    loan->next = part->spent;
    part->spent = loan;
    part->fed_count -= lane->loans == NULL;
}

/* Fold the rows taken. False: there is no memory. */
static bool core_upkeep_fold_rows(struct core_upkeep_part *part)
{
    uint32_t rows = part->rows_count;
    uint32_t partition = part->lanes[part->lane]->partition;
    if (!part->is_filled) {
        part->batch = (struct vec_batch){.columns_count = part->columns.columns_count,
                                         .rows_count = rows,
                                         .selection = {.rows = NULL, .count = rows},
                                         .stretch = partition};
        if (core_scan_columns_fill(&part->columns, partition, rows, &part->batch.columns) !=
            ERR_OK) {
            return false;
        }
        part->is_filled = true;
    }
    if (!core_upkeep_may_fold(part)) {
        return false;
    }
    enum err err = maint_fold_rows(&part->fold, &part->batch);
    if (err != ERR_OK && part->fold.is_broken) {
        core_upkeep_break(part, "out of budget: its groups need more memory than views have");
        return true;
    }
    part->records_count += err == ERR_OK ? rows : 0;
    return err == ERR_OK;
}

/* Have more batches come, of some lanes whose goals are not reached: the next ones first. */
static void core_upkeep_ask(struct core_upkeep_part *part)
{
    for (uint32_t i = 0; i < part->lanes_count && part->code == CORE_OK; i++) {
        struct core_upkeep_lane *lane = part->lanes[(part->lane + i) % part->lanes_count];
        if (part->fed_count >= CORE_UPKEEP_LANES_AHEAD) {
            break;
        }
        if (lane->loans == NULL && lane->next < lane->goal && !lane->is_away && lane->is_open) {
            lane->is_away = true;
            part->fed_count++;
            core_view_feed_next(&lane->feed);
        }
    }
}

static void core_upkeep_fed(struct core_view_feed *feed)
{
    struct core_upkeep_lane *lane = feed->ctx;
    struct core_upkeep_part *part = lane->part;
    lane->is_away = false;
    ASSERT(lane->loans == NULL);
    lane->loans = feed->loans;
    feed->loans = NULL;
    part->fed_count -= lane->loans == NULL;
    core_upkeep_wake(part);
    if (part->code != CORE_OK) {
        return;
    }
    if (feed->pin_why != NULL) {
        core_upkeep_break(part, "source trimmed: partition %u: %s", lane->partition, feed->pin_why);
    } else if (feed->code == CORE_OK && feed->first_offset > lane->next) {
        core_upkeep_break(part, "source trimmed: partition %u has no offset %llu any more",
                          lane->partition, (unsigned long long)lane->next);
    } else if (feed->code == CORE_CORRUPT_MESSAGE) {
        core_upkeep_break(part, "partition %u: what stands at offset %llu is damaged",
                          lane->partition, (unsigned long long)lane->next);
    } else if (feed->code != CORE_OK && part->step != NULL) {
        core_upkeep_answer(part, CORE_OVERLOADED, false); /* the home tries again */
    }
}

/* A row was left out (VIEWS §4). */
static void core_upkeep_fault(void *ctx, const struct maint_fault *fault)
{
    struct core_upkeep_part *part = ctx;
    char message[256];
    struct bytes_writer w = bytes_writer(message, sizeof(message));
    vec_fault_message(&w, fault->failure.fault, fault->failure.type, fault->failure.text,
                      fault->failure.text_length);
    struct core_error error = {.stream = part->view,
                               .topic = part->relation->stream.topic,
                               .partition = fault->partition,
                               .offset = (uint64_t)fault->offset,
                               .column = "",
                               .code = vec_fault_state(fault->failure.fault),
                               .stream_name = part->name,
                               .topic_name = part->relation->topic_name,
                               .path = "",
                               .excerpt = message,
                               .excerpt_bytes = w.pos};
    core_faults_add(&part->faults, error.partition, error.offset);
    core_errors_add(&part->upkeep->cs->errors, &error);
}

/* --- The end --- */

/* It is kept up no more, and that is why. Its step ends as all do. */
void core_upkeep_break(struct core_upkeep_part *part, const char *format, ...)
{
    if (part->code != CORE_OK) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(part->why, sizeof(part->why), format, arguments);
    va_end(arguments);
    part->code = CORE_VIEW_BROKEN;
    DIAG_ERROR(part->upkeep->cs->diag, "core", "a materialized view is broken",
               DIAG_STRING("view", part->name != NULL ? part->name : "?"),
               DIAG_STRING("why", part->why));
    core_upkeep_wake(part);
}

/* Have all come home that is under way. True: nothing is. */
static bool core_upkeep_part_leave(struct core_upkeep_part *part)
{
    struct core_shard *cs = part->upkeep->cs;
    bool is_waiting = part->parcels_away > 0;
    struct list_node *node;
    while ((node = list_pop_front(&part->parcels)) != NULL) {
        core_upkeep_parcel_return(CONTAINER_OF(node, struct core_upkeep_parcel, in_list));
    }
    if (part->is_made) {
        core_upkeep_spend(part);
    }
    for (uint32_t i = 0; i < part->lanes_count; i++) {
        struct core_upkeep_lane *lane = part->lanes[i];
        if (lane->is_away && lane->is_open) {
            core_view_feed_cancel(&lane->feed);
        } else if (lane->is_open) {
            core_loans_return_all(&cs->loans, lane->loans);
            lane->loans = NULL;
            lane->is_open = false;
            lane->is_away = true;
            core_view_feed_close(&lane->feed, core_upkeep_feed_closed);
        }
        is_waiting = is_waiting || lane->is_away || lane->is_open;
    }
    return !is_waiting;
}

/* Give it up, as far as can be done now. True: there is more at once. */
static bool core_upkeep_part_end(struct core_upkeep_part *part)
{
    bool is_left = core_upkeep_part_leave(part);
    if (is_left && part->stage == CORE_UPKEEP_LEFT && part->step != NULL) {
        core_upkeep_answer(part, CORE_OK, true);
    }
    if (!is_left || part->stage == CORE_UPKEEP_LEFT || part->reads_count > 0) {
        return false;
    }
    if (!core_changes_clear(&part->changes)) {
        return list_is_empty(&part->changes.reads); /* or who reads it wakes it */
    }
    if (part->is_made && !maint_upkeep_deinit_step(&part->rows)) {
        return true;
    }
    core_upkeep_part_delete(part);
    return false;
}

static void core_upkeep_feed_closed(struct core_view_feed *feed)
{
    struct core_upkeep_lane *lane = feed->ctx;
    lane->is_away = false;
    core_upkeep_wake(lane->part);
}

static void core_upkeep_part_delete(struct core_upkeep_part *part)
{
    struct core_upkeep *upkeep = part->upkeep;
    struct core_upkeep_step *step = part->step;
    part->step = NULL;
    list_remove(&part->in_parts);
    upkeep->parts_count--;
    core_upkeep_part_close(part);
    if (upkeep->parts_count == 0) {
        maint_scratch_rest(&upkeep->scratch);
    }
    core_upkeep_tell_used(upkeep);
    core_upkeep_relieved(upkeep);
    if (step != NULL) {
        step->is_done = true;
        core_call_end(upkeep->cs, &step->call);
    }
}

/* It has no rows. */
static void core_upkeep_part_close(struct core_upkeep_part *part)
{
    struct core_upkeep *upkeep = part->upkeep;
    if (list_is_linked(&part->in_ready)) {
        list_remove(&part->in_ready);
    }
    if (list_is_linked(&part->in_short)) {
        list_remove(&part->in_short);
    }
    if (part->is_made) {
        maint_fold_deinit(&part->fold);
        core_scan_records_deinit(&part->records);
    }
    core_scan_columns_deinit(&part->columns);
    upkeep->wide_bytes -= part->wide_bytes;
    core_changes_deinit(&part->changes);
    arena_deinit(&part->arena);
    budget_deinit(&part->budget);
    budget_free(&upkeep->cs->budget, part);
}
