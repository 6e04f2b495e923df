/* Followers of views on a shard: how one begins, where it stands, how it ends. See follow.h.
 *
 *     STARTING --> WAITING --> BEHIND --> DIFF -----------.
 *         |           |          ^                        v
 *         '--> HOLDING --> READING --> SHOWN --> CURRENT <--> BLOCKED --> BEHIND
 *
 * From anywhere to ENDING; from BEHIND, DIFF and CURRENT by way of ANEW to HOLDING, where what
 * changed cannot be told. What is told to crowds is told between two rounds of a tail, or by its
 * round; rows of a snapshot at any time, since they are one follower's alone. */
#include "broker/core/follow.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"
#include "broker/core/follow_int.h"
#include "broker/core/view.h"

/* What all of a shard work in a turn of the loop. */
#define CORE_FOLLOW_TURN_NS (RT_NS_PER_MS / 2)

/* Of a shard's memory, what they may take: one in so many bytes. */
#define CORE_FOLLOW_MEMORY_PART 8u

/* Of that, what net differences may take: others are told what changes meanwhile. */
#define CORE_FOLLOW_DIFFS_QUARTERS 3u

/* Chunks of the scratch. */
#define CORE_FOLLOW_SCRATCH_BYTES (64u << 10)

/* How often those that are paused are looked after; how long one may be in the middle of something.
 */
#define CORE_FOLLOW_LOOK_NS  (500 * RT_NS_PER_MS)
#define CORE_FOLLOW_LEASE_NS (60 * RT_NS_PER_S)

/* Snapshots that a shard reads at a time, but for those that are paused. */
#define CORE_FOLLOW_READING_MAX 32u

/* A token may be of a tick that this shard has not heard of yet, but not for longer. */
#define CORE_FOLLOW_TOKEN_NS (2 * RT_NS_PER_S)

static const struct metric_family core_follow_count_family = {
    .name = "tdb_view_subscriptions",
    .help = "Subscriptions to materialized views.",
    .type = METRIC_GAUGE};

static void core_follows_turn(struct rt_op *op);
static void core_follows_look(struct rt_timer *timer);
static bool core_follow_run(struct core_follow *follow);
static void core_follow_choose(struct core_follow *follow);
static const char *core_follow_judge(const struct core_follow *follow);
static void core_follow_hold_start(struct core_follow *follow);
static void core_follow_held(struct core_upkeep_hold *hold);
static bool core_follow_close(struct core_follow *follow);
static void core_follow_finish(struct core_follow *follow);

/* --- A shard's --- */

void core_follows_open(struct core_follows *follows, struct core_shard *cs)
{
    *follows = (struct core_follows){.cs = cs, .seed = rt_random(cs->shard)};
    budget_init(&follows->budget, "follows",
                rt_shard_budget(cs->shard)->limit_bytes / CORE_FOLLOW_MEMORY_PART, &cs->budget);
    budget_init(&follows->diffs_budget, "differences",
                follows->budget.limit_bytes / 4 * CORE_FOLLOW_DIFFS_QUARTERS, &follows->budget);
    arena_init(&follows->scratch, &follows->budget, CORE_FOLLOW_SCRATCH_BYTES, SIZE_MAX);
    list_init(&follows->all);
    list_init(&follows->tails);
    list_init(&follows->ready);
    list_init(&follows->ready_tails);
    list_init(&follows->queue);
    list_init(&follows->paused);
    rt_op_init(&follows->op, cs->shard, core_follows_turn);
    rt_timer_init(&follows->timer, cs->shard, core_follows_look);
    metric_gauge_init(&follows->count, &cs->metrics, &core_follow_count_family, NULL, 0);
}

bool core_follows_is_idle(const struct core_follows *follows)
{
    return list_is_empty(&follows->all) && list_is_empty(&follows->tails) && !follows->is_op_away;
}

void core_follows_close(struct core_follows *follows)
{
    ASSERT(core_follows_is_idle(follows));
    ASSERT(!rt_timer_is_running(&follows->timer));
    arena_deinit(&follows->scratch);
    budget_deinit(&follows->diffs_budget);
    budget_deinit(&follows->budget);
}

static void core_follows_wake(struct core_follows *follows)
{
    if (!follows->is_op_away) {
        follows->is_op_away = true;
        rt_op_defer(&follows->op);
    }
}

void core_follow_wake(struct core_follow *follow)
{
    struct core_follows *follows = &follow->cs->follows;
    if (!list_is_linked(&follow->in_ready)) {
        list_push_back(&follows->ready, &follow->in_ready);
    }
    core_follows_wake(follows);
}

void core_follow_tail_wake(struct core_follow_tail *tail)
{
    struct core_follows *follows = tail->follows;
    if (!list_is_linked(&tail->in_ready)) {
        list_push_back(&follows->ready_tails, &tail->in_ready);
    }
    core_follows_wake(follows);
}

/* A tail and a follower in turn. */
static void core_follows_turn(struct rt_op *op)
{
    struct core_follows *follows = CONTAINER_OF(op, struct core_follows, op);
    struct rt_shard *shard = follows->cs->shard;
    uint64_t end_ns = rt_now_precise_ns(shard) + CORE_FOLLOW_TURN_NS;
    struct list_node *node;
    follows->is_op_away = false;
    do {
        if ((node = list_pop_front(&follows->ready_tails)) != NULL) {
            struct core_follow_tail *tail = CONTAINER_OF(node, struct core_follow_tail, in_ready);
            if (core_follow_tail_run(tail)) {
                core_follow_tail_wake(tail);
            }
        }
        if ((node = list_pop_front(&follows->ready)) != NULL) {
            struct core_follow *follow = CONTAINER_OF(node, struct core_follow, in_ready);
            if (core_follow_run(follow)) {
                core_follow_wake(follow);
            }
        }
    } while ((!list_is_empty(&follows->ready) || !list_is_empty(&follows->ready_tails)) &&
             rt_now_precise_ns(shard) < end_ns);
    if ((!list_is_empty(&follows->ready) || !list_is_empty(&follows->ready_tails))) {
        core_follows_wake(follows);
    }
}

/* Those that have had no room for too long are given up. */
static void core_follows_look(struct rt_timer *timer)
{
    struct core_follows *follows = CONTAINER_OF(timer, struct core_follows, timer);
    uint64_t now_ns = rt_now_ns(follows->cs->shard);
    list_for_each_safe (node, next, &follows->paused) {
        struct core_follow *follow = CONTAINER_OF(node, struct core_follow, in_paused);
        if (follow->is_short) {
            core_follow_resume(follow);
            continue;
        }
        bool is_amid = follow->stage == CORE_FOLLOW_READING || follow->stage == CORE_FOLLOW_DIFF;
        uint64_t max_ns = follow->stall_ns_max != 0 ? follow->stall_ns_max : UINT64_MAX;
        max_ns = is_amid && max_ns > CORE_FOLLOW_LEASE_NS ? CORE_FOLLOW_LEASE_NS : max_ns;
        if (now_ns - follow->paused_ns > max_ns) {
            core_follow_fail(follow, CORE_TIMEOUT, NULL, "what was sent was not read");
        }
    }
    if (!list_is_empty(&follows->paused)) {
        rt_timer_start(&follows->timer, now_ns + CORE_FOLLOW_LOOK_NS);
    }
}

/* --- The subscriber's --- */

void core_follow_start(struct core_shard *cs, struct core_follow *follow)
{
    struct core_follows *follows = &cs->follows;
    follow->cs = cs;
    follow->code = CORE_OK;
    follow->stage = CORE_FOLLOW_STARTING;
    ASSERT(follow->plan->relation->kind == PLAN_RELATION_VIEW);
    list_push_back(&follows->all, &follow->in_follows);
    metric_move(&follows->count, 1);
    follow->tail = core_follow_tail_find(follows, follow->plan);
    if (follow->tail == NULL) {
        core_follow_fail(follow, CORE_OVERLOADED, NULL, NULL);
        return;
    }
    list_push_back(&follow->tail->members, &follow->in_tail);
    if (!core_follow_enter(follow)) {
        core_follow_fail(follow, CORE_OVERLOADED, NULL, NULL);
        return;
    }
    list_push_back(&follow->tail->starting, &follow->in_wait);
    core_follow_tail_wake(follow->tail);
}

void core_follow_end(struct core_follow *follow)
{
    core_follow_fail(follow, CORE_OK, NULL, NULL);
}

void core_follow_fail(struct core_follow *follow, enum core_code code, const char *state,
                      const char *message)
{
    if (!follow->is_ended) {
        follow->is_ended = true;
        follow->code = code;
        snprintf(follow->state, sizeof(follow->state), "%s", state != NULL ? state : "");
        snprintf(follow->message, sizeof(follow->message), "%s", message != NULL ? message : "");
        core_follow_wake(follow);
    }
}

void core_follow_credit(struct core_follow *follow, uint64_t rows)
{
    if (follow->rows_left != UINT64_MAX) {
        follow->rows_left +=
            rows < INT64_MAX - follow->rows_left ? rows : INT64_MAX - follow->rows_left;
    }
    core_follow_resume(follow);
}

void core_follow_resume(struct core_follow *follow)
{
    if (!list_is_linked(&follow->in_paused)) {
        return;
    }
    list_remove(&follow->in_paused);
    follow->is_short = false;
    if (follow->is_ended) {
        return;
    }
    if (follow->stage == CORE_FOLLOW_BLOCKED) {
        list_remove(&follow->in_wait);
        core_follow_place(follow, follow->at);
    } else if (follow->stage == CORE_FOLLOW_DIFF) {
        core_follow_tail_wake(follow->tail);
    } else {
        core_follow_count(follow, follow->stage == CORE_FOLLOW_READING);
        core_follow_wake(follow);
    }
}

bool core_follow_has_room(struct core_follow *follow)
{
    if (list_is_linked(&follow->in_paused)) {
        return false;
    }
    if (follow->rows_left > 0 && follow->ops->has_room(follow)) {
        return true;
    }
    core_follow_pause(follow);
    return false;
}

void core_follow_pause(struct core_follow *follow)
{
    struct core_follows *follows = &follow->cs->follows;
    if (!list_is_linked(&follow->in_paused)) {
        follow->paused_ns = rt_now_ns(follow->cs->shard);
        list_push_back(&follows->paused, &follow->in_paused);
        core_follow_count(follow, false);
    }
    if (!rt_timer_is_running(&follows->timer)) {
        rt_timer_start(&follows->timer, rt_now_ns(follow->cs->shard) + CORE_FOLLOW_LOOK_NS);
    }
}

uint64_t core_follow_lag(const struct core_follow *follow)
{
    const struct core_follow_tail *tail = follow->tail;
    bool is_current = follow->stage == CORE_FOLLOW_CURRENT;
    if (tail == NULL || (is_current && !tail->has_next && tail->round == CORE_FOLLOW_ROUND_NONE)) {
        return 0;
    }
    uint64_t at = is_current ? tail->last : follow->at;
    return tail->next > at ? tail->next - at : 0;
}

void core_follow_token(const struct core_follow_crowd *crowd, const struct core_position *position,
                       struct bytes_writer *w)
{
    const struct core_view_relation *view = crowd->plan->relation->owner;
    const struct core_view_token token = {.view = view->lineage,
                                          .incarnation = view->incarnation,
                                          .epoch = position->epoch,
                                          .tick = position->tick,
                                          .hash = core_subscribe_plan_hash(crowd->plan)};
    core_view_token_put(w, &token);
}

/* --- Where it stands --- */

void core_follow_begin(struct core_follow *follow, bool is_diff, const char *reason)
{
    if (!follow->is_begun && !follow->is_ended) {
        follow->is_begun = true;
        follow->is_diff = is_diff;
        follow->reason = reason;
        follow->ops->begun(follow);
    }
}

void core_follow_place(struct core_follow *follow, uint64_t at)
{
    struct core_follow_tail *tail = follow->tail;
    struct core_follow_crowd *crowd = follow->crowd;
    ASSERT(!list_is_linked(&follow->in_wait));
    ASSERT(!list_is_linked(&follow->in_now));
    follow->at = at;
    if (follow->is_ended) {
        follow->stage = CORE_FOLLOW_ENDING;
    } else if (follow->is_begun && !core_follow_has_room(follow)) {
        core_follow_block(follow, at);
    } else if (follow->is_begun && tail->round != CORE_FOLLOW_ROUND_GIVE && at >= tail->last &&
               at <= tail->position.tick) {
        follow->stage = CORE_FOLLOW_CURRENT;
        list_push_back(&crowd->current, &follow->in_now);
    } else {
        follow->stage = CORE_FOLLOW_BEHIND;
        list_push_back(&crowd->behind, &follow->in_wait);
        if (!list_is_linked(&crowd->in_behind)) {
            list_push_back(&tail->behind, &crowd->in_behind);
        }
        core_follow_tail_wake(tail);
    }
}

void core_follow_block(struct core_follow *follow, uint64_t at)
{
    ASSERT(list_is_linked(&follow->in_paused));
    follow->at = at;
    follow->stage = CORE_FOLLOW_BLOCKED;
    list_push_back(&follow->tail->blocked, &follow->in_wait);
}

void core_follow_progress(struct core_follow_crowd *crowd, const struct core_position *position)
{
    crowd->ops->progress(crowd, position);
    list_for_each (node, &crowd->now) {
        struct core_follow *follow = CONTAINER_OF(node, struct core_follow, in_now);
        follow->position = *position;
        follow->at = position->tick;
    }
}

/* --- Its turn --- */

/* Some of its work. True: there is more at once. */
static bool core_follow_run(struct core_follow *follow)
{
    if (follow->is_ended) {
        if (core_follow_close(follow)) {
            core_follow_finish(follow);
        }
        return false;
    }
    switch ((enum core_follow_stage)follow->stage) {
    case CORE_FOLLOW_STARTING:
        if (!list_is_linked(&follow->in_wait)) { /* its tail is ready */
            core_follow_choose(follow);
        }
        return false;
    case CORE_FOLLOW_READING: return core_follow_snapshot_run(follow);
    case CORE_FOLLOW_ANEW:
        if (core_follow_snapshot_end(follow)) {
            core_follow_hold(follow, follow->reason);
        }
        return false;
    case CORE_FOLLOW_WAITING:
    case CORE_FOLLOW_QUEUED:
    case CORE_FOLLOW_HOLDING:
    case CORE_FOLLOW_SHOWN:
    case CORE_FOLLOW_BEHIND:
    case CORE_FOLLOW_DIFF:
    case CORE_FOLLOW_CURRENT:
    case CORE_FOLLOW_BLOCKED:
    case CORE_FOLLOW_ENDING:
        if (follow->snapshot != NULL) { /* what it has read is being closed */
            (void)core_follow_snapshot_end(follow);
        }
        return false;
    }
    return false;
}

/* How it begins. */
static void core_follow_choose(struct core_follow *follow)
{
    const struct core_follow_tail *tail = follow->tail;
    const char *reason = follow->has_token ? core_follow_judge(follow) : NULL;
    if (!follow->has_token || reason != NULL) {
        core_follow_hold(follow, reason);
    } else if (follow->token.tick > tail->position.tick) {
        follow->stage = CORE_FOLLOW_WAITING;
        follow->is_away = true;
        follow->hold = (struct core_upkeep_hold){.done = core_follow_held,
                                                 .ctx = follow,
                                                 .view = tail->view,
                                                 .tick_min = follow->token.tick,
                                                 .deadline_ns = rt_now_ns(follow->cs->shard) +
                                                                CORE_FOLLOW_TOKEN_NS,
                                                 .is_news = true};
        core_upkeep_hold_start(follow->cs, &follow->hold);
    } else {
        core_follow_place(follow, follow->token.tick);
    }
}

/* Why it cannot go on at its token; NULL: it can, as far as it is known. */
static const char *core_follow_judge(const struct core_follow *follow)
{
    const struct core_follow_tail *tail = follow->tail;
    const struct core_view_token *token = &follow->token;
    if (!log_uuid_is_equal(&token->view, &tail->lineage)) {
        return "another view";
    }
    if (token->incarnation != tail->incarnation) { /* what is asked may show other columns, too */
        return CORE_FOLLOW_REBUILT;
    }
    if (token->hash != core_subscribe_plan_hash(follow->plan)) {
        return "another subscription";
    }
    if (token->epoch != tail->position.epoch || token->tick < tail->begun) {
        return CORE_FOLLOW_RESTARTED;
    }
    return token->tick < tail->reach ? CORE_FOLLOW_OUT_OF_REACH : NULL;
}

void core_follow_hold(struct core_follow *follow, const char *reason)
{
    struct core_follows *follows = &follow->cs->follows;
    follow->reason = reason;
    if (follows->reading_count >= CORE_FOLLOW_READING_MAX) {
        follow->stage = CORE_FOLLOW_QUEUED;
        list_push_back(&follows->queue, &follow->in_wait);
    } else {
        core_follow_hold_start(follow);
    }
}

void core_follow_anew(struct core_follow *follow, const char *reason)
{
    ASSERT(!list_is_linked(&follow->in_wait));
    ASSERT(!list_is_linked(&follow->in_now));
    ASSERT(!list_is_linked(&follow->in_paused));
    follow->diff = NULL;
    follow->stage = CORE_FOLLOW_ANEW;
    follow->is_begun = false;
    follow->reason = reason;
    core_follow_wake(follow);
}

void core_follow_later(struct core_follow *follow)
{
    follow->diff = NULL;
    follow->is_short = true;
    core_follow_pause(follow);
    core_follow_block(follow, follow->at);
}

void core_follow_count(struct core_follow *follow, bool is_counted)
{
    struct core_follows *follows = &follow->cs->follows;
    if (follow->is_counted == is_counted) {
        return;
    }
    follow->is_counted = is_counted;
    if (is_counted) {
        follows->reading_count++;
        return;
    }
    follows->reading_count--;
    struct list_node *node = list_pop_front(&follows->queue);
    if (node != NULL) {
        core_follow_hold_start(CONTAINER_OF(node, struct core_follow, in_wait));
    }
}

/* Its tick is asked for. */
static void core_follow_hold_start(struct core_follow *follow)
{
    core_follow_count(follow, true);
    follow->stage = CORE_FOLLOW_HOLDING;
    follow->is_away = true;
    follow->hold = (struct core_upkeep_hold){.done = core_follow_held,
                                             .ctx = follow,
                                             .view = follow->tail->view,
                                             .rows_min = follow->tail->reach,
                                             .deadline_ns = UINT64_MAX};
    core_upkeep_hold_start(follow->cs, &follow->hold);
}

static void core_follow_held(struct core_upkeep_hold *hold)
{
    struct core_follow *follow = hold->ctx;
    bool is_waiting = follow->stage == CORE_FOLLOW_WAITING;
    follow->is_away = false;
    follow->is_held = hold->code == CORE_OK && !hold->is_news;
    if (hold->code == CORE_OK) {
        core_follow_tail_seen(follow->tail, hold);
    }
    if (follow->is_ended) {
        core_follow_wake(follow);
    } else if (is_waiting && hold->code == CORE_TIMEOUT) { /* of a tick that was lost */
        core_follow_hold(follow, CORE_FOLLOW_RESTARTED);
    } else if (hold->code != CORE_OK) {
        core_follow_fail(follow, core_follow_tail_code(follow->tail, hold->code), NULL, hold->why);
    } else if (is_waiting) {
        core_follow_place(follow, follow->token.tick);
    } else {
        follow->stage = CORE_FOLLOW_READING;
        core_follow_begin(follow, false, follow->reason);
        core_follow_snapshot_start(follow);
    }
}

/* --- Rows --- */

bool core_follow_see(struct core_follows *follows, const struct core_subscribe_plan *plan,
                     const struct vec_expr *filter, const struct vec_batch *rows,
                     struct vec_selection selection, struct core_follow_sight *sight)
{
    struct arena *a = &follows->scratch;
    struct vec_vector *columns = arena_alloc(a, plan->columns_count * sizeof(*columns), 8);
    struct vec_vector *out = arena_alloc(a, plan->outputs_count * sizeof(*out), 8);
    sight->eval = (struct vec_eval){
        .scratch = a, .steps_left = VEC_EVAL_STEPS, .failure = {.fault = VEC_FAULT_MEMORY}};
    if (columns == NULL || out == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < plan->columns_count; i++) {
        columns[i] = rows->columns[plan->columns[i]];
    }
    sight->batch = (struct vec_batch){.columns = columns,
                                      .columns_count = plan->columns_count,
                                      .rows_count = rows->rows_count,
                                      .selection = selection};
    sight->out = (struct vec_batch){.columns = out,
                                    .columns_count = plan->outputs_count,
                                    .rows_count = rows->rows_count,
                                    .selection = selection};
    if (selection.count > 0 && filter != NULL &&
        !vec_eval_filter(&sight->eval, filter, &sight->batch, selection, &sight->out.selection)) {
        return false;
    }
    if (sight->out.selection.count == 0) {
        return true;
    }
    for (uint32_t i = 0; i < plan->outputs_count; i++) {
        if (!vec_eval(&sight->eval, plan->projections[i], &sight->batch, sight->out.selection,
                      &out[i])) {
            return false;
        }
    }
    return true;
}

void core_follow_fail_sight(struct core_follow *follow, const struct core_follow_sight *sight)
{
    const struct vec_failure *failure = &sight->eval.failure;
    char message[256];
    struct bytes_writer w = bytes_writer(message, sizeof(message) - 1);
    if (failure->fault == VEC_FAULT_MEMORY || failure->fault == VEC_FAULT_NONE) {
        core_follow_fail(follow, CORE_OVERLOADED, NULL, NULL);
        return;
    }
    vec_fault_message(&w, failure->fault, failure->type, failure->text, failure->text_length);
    message[w.pos] = '\0';
    core_follow_fail(follow, CORE_INVALID_REQUEST, vec_fault_state(failure->fault), message);
}

/* --- The end --- */

/* Take it out of everything. True: nothing of it is away. */
static bool core_follow_close(struct core_follow *follow)
{
    struct list_node *const links[] = {&follow->in_wait, &follow->in_now, &follow->in_paused};
    bool is_waiting = follow->stage == CORE_FOLLOW_WAITING || follow->stage == CORE_FOLLOW_HOLDING;
    for (uint32_t i = 0; i < ARRAY_COUNT(links); i++) {
        if (list_is_linked(links[i])) {
            list_remove(links[i]);
        }
    }
    if (follow->tail != NULL) {
        core_follow_tail_wake(follow->tail); /* it may have waited for that one */
    }
    follow->diff = NULL;
    if (follow->is_away) {
        if (is_waiting && !follow->is_canceled) {
            follow->is_canceled = true;
            core_upkeep_hold_cancel(follow->cs, &follow->hold);
        }
        return false;
    }
    follow->stage = CORE_FOLLOW_ENDING;
    core_follow_count(follow, false);
    if (!core_follow_snapshot_end(follow)) {
        return false;
    }
    return !follow->is_away;
}

static void core_follow_finish(struct core_follow *follow)
{
    struct core_follows *follows = &follow->cs->follows;
    if (follow->crowd != NULL) {
        core_follow_exit(follow);
    }
    if (follow->tail != NULL) {
        list_remove(&follow->in_tail);
        core_follow_tail_wake(follow->tail);
    }
    if (list_is_linked(&follow->in_ready)) {
        list_remove(&follow->in_ready);
    }
    list_remove(&follow->in_follows);
    metric_move(&follows->count, -1);
    if (list_is_empty(&follows->paused)) {
        rt_timer_stop(&follows->timer);
    }
    follow->ops->done(follow);
}
