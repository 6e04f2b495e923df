/* The second half of a step: partial groups go to the shards whose rows they are, those of all
 * shards become rows here, and what that changed goes to the change log. See upkeep_step.c. */
#include <string.h>

#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/core/upkeep_int.h"

static bool core_upkeep_take(struct core_upkeep_part *part, bool is_last);
static void core_upkeep_untake(struct core_upkeep_part *part);
static void core_upkeep_post(struct core_upkeep_part *part, struct core_upkeep_parcel *parcel,
                             uint32_t to, bool is_last);
static void core_upkeep_parcel_came(struct rt_shard *at, struct rt_mail *mail);
static void core_upkeep_parcel_home(struct rt_shard *at, struct rt_mail *mail);

/* --- Parcels --- */

/* Send a piece of what is folded, all of it or nothing; the step's last parcels with the last one,
 * if it `is_last`. False: there is no memory. */
bool core_upkeep_send(struct core_upkeep_part *part, bool is_last)
{
    uint32_t shards_count = part->upkeep->cs->core->shards_count;
    core_upkeep_bound_send(part);
    if (!core_upkeep_take(part, is_last)) {
        core_upkeep_untake(part);
        return false;
    }
    bool is_well = part->code == CORE_OK;
    part->is_sending = is_well && maint_fold_has_more(&part->fold);
    part->is_sent = is_last && !part->is_sending;
    for (uint32_t to = 0; to < shards_count; to++) {
        if (part->is_sent) {
            core_upkeep_post(part, &part->lasts[to], to, true);
        } else if (part->deltas[to] != NULL) {
            core_upkeep_post(part, part->made[to], to, false);
            part->made[to] = NULL;
        }
    }
    core_upkeep_untake(part);
    if (is_well) {
        (void)maint_fold_pass(&part->fold);
    } else if (part->is_made) {
        maint_fold_reset(&part->fold);
    }
    return true;
}

/* The deltas of the piece at hand, and a parcel for each but for the step's last ones. False: there
 * is no memory. */
static bool core_upkeep_take(struct core_upkeep_part *part, bool is_last)
{
    uint32_t shards_count = part->upkeep->cs->core->shards_count;
    for (uint32_t to = 0; part->code == CORE_OK && to < shards_count; to++) {
        void *memory = NULL;
        if (maint_fold_take(&part->fold, to, &part->deltas[to]) != ERR_OK) {
            return false;
        }
        bool has_parcel =
            part->deltas[to] == NULL || (is_last && !maint_fold_has_more(&part->fold));
        if (!has_parcel &&
            budget_alloc(&part->budget, sizeof(*part->made[to]), 16, &memory) != ERR_OK) {
            return false;
        }
        part->made[to] = memory;
    }
    return true;
}

/* What was not sent of it. */
static void core_upkeep_untake(struct core_upkeep_part *part)
{
    for (uint32_t to = 0; to < part->upkeep->cs->core->shards_count; to++) {
        if (part->deltas[to] != NULL) {
            maint_delta_free(part->deltas[to]);
            part->deltas[to] = NULL;
        }
        budget_free(&part->budget, part->made[to]);
        part->made[to] = NULL;
    }
}

static void core_upkeep_post(struct core_upkeep_part *part, struct core_upkeep_parcel *parcel,
                             uint32_t to, bool is_last)
{
    struct core_shard *cs = part->upkeep->cs;
    ASSERT(!parcel->is_away);
    parcel->from = part;
    parcel->to = &cs->core->shards[to]->upkeep;
    parcel->view = part->view;
    parcel->tick = part->tick;
    parcel->delta = part->deltas[to];
    parcel->is_last = is_last;
    parcel->is_away = true;
    part->deltas[to] = NULL;
    part->parcels_away++;
    part->lasts_away += is_last;
    part->upkeep->parcels_away++;
    rt_outbox_send(&cs->outbox, to, &parcel->mail, core_upkeep_parcel_came);
}

static struct core_upkeep_parcel *core_upkeep_parcel_of(struct rt_mail *mail)
{
    struct rt_outbox_mail *letter = CONTAINER_OF(mail, struct rt_outbox_mail, mail);
    return CONTAINER_OF(letter, struct core_upkeep_parcel, mail);
}

static void core_upkeep_parcel_came(struct rt_shard *at, struct rt_mail *mail)
{
    struct core_upkeep_parcel *parcel = core_upkeep_parcel_of(mail);
    struct core_upkeep *upkeep = parcel->to;
    struct core_upkeep_part *part = core_upkeep_find(upkeep, &parcel->view);
    (void)at;
    ASSERT(part != NULL || upkeep->is_stopping);
    if (upkeep->is_stopping || part->stage == CORE_UPKEEP_LEFT) {
        core_upkeep_parcel_return(parcel);
    } else {
        list_push_back(&part->parcels, &parcel->in_list);
        core_upkeep_wake(part);
    }
}

/* It is not needed here any more. */
void core_upkeep_parcel_return(struct core_upkeep_parcel *parcel)
{
    struct core_shard *cs = parcel->to->cs;
    uint32_t home = parcel->from->upkeep->cs->shard->id;
    rt_outbox_send(&cs->outbox, home, &parcel->mail, core_upkeep_parcel_home);
}

static void core_upkeep_parcel_home(struct rt_shard *at, struct rt_mail *mail)
{
    struct core_upkeep_parcel *parcel = core_upkeep_parcel_of(mail);
    struct core_upkeep_part *part = parcel->from;
    (void)at;
    if (parcel->delta != NULL) {
        maint_delta_free(parcel->delta);
    }
    part->parcels_away--;
    part->lasts_away -= parcel->is_last;
    part->upkeep->parcels_away--;
    parcel->is_away = false;
    if (!parcel->is_last) {
        budget_free(&part->budget, parcel);
    }
    core_upkeep_relieved(part->upkeep);
    core_upkeep_wake(part);
}

/* --- Applying --- */

/* Some groups of the parcel that came first. True: there is more at once. */
bool core_upkeep_apply(struct core_upkeep_part *part)
{
    struct core_upkeep_parcel *parcel =
        CONTAINER_OF(list_first(&part->parcels), struct core_upkeep_parcel, in_list);
    ASSERT(parcel->tick == part->tick);
    enum err err = ERR_OK;
    core_upkeep_ease(part->upkeep);
    if (part->code == CORE_OK && !part->is_begun) {
        part->is_begun = true;
        err = maint_upkeep_begin(&part->rows, part->tick);
    }
    if (part->code == CORE_OK && err == ERR_OK && parcel->delta != NULL) {
        err = maint_upkeep_apply(&part->rows, parcel->delta, &part->applied);
    }
    if (err != ERR_OK) {
        core_upkeep_break(part, "out of budget: its rows need more memory than views have");
    }
    if (part->code == CORE_OK && parcel->delta != NULL &&
        part->applied < parcel->delta->groups_count) {
        return true;
    }
    part->applied = 0;
    part->last_count += parcel->is_last;
    list_remove(&parcel->in_list);
    core_upkeep_parcel_return(parcel);
    if (part->last_count < part->upkeep->cs->core->shards_count) {
        return true;
    }
    ASSERT(part->is_sent); /* its own last one was among them */
    if (part->code == CORE_OK) {
        maint_upkeep_end(&part->rows);
        part->begun_tick = part->begun_tick != 0 ? part->begun_tick : part->tick;
    }
    part->stage = CORE_UPKEEP_COPY;
    return core_upkeep_copy(part);
}

/* Some of what it changed, for those who follow the view. True: there is more at once. */
bool core_upkeep_copy(struct core_upkeep_part *part)
{
    if (part->code == CORE_OK && !core_changes_capture(&part->changes)) {
        return true;
    }
    part->stage = CORE_UPKEEP_IDLE;
    if (part->code == CORE_OK) {
        core_upkeep_stepped(part);
    }
    core_upkeep_answer(part, part->code, true);
    return true;
}
