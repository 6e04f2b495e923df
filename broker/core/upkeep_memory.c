/* What views take of the memory that a shard has for them, and what is given back before one is
 * broken.
 *
 * **A view begins small**: its columns have room for few rows and get wider while batches are full,
 * so that a view of a row or two costs tens of kilobytes. What large ticks took is given back when
 * they are over: after the first step, which may have gone over years, after some that were small,
 * and when another view needs it.
 *
 * **Who breaks** where memory ends is the view that has more than its even share: such a one takes
 * nothing of the last sixteenth, which is left to small ones. As much has to be left for a view to
 * be made at all. */
#include <stdio.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/catalog_view.h"
#include "broker/core/core.h"
#include "broker/core/upkeep_int.h"

/* What folding the rows that are taken at a time may take, half of it where the step is paced; so
 * many are taken all the same. */
#define CORE_UPKEEP_ROWS_NS    (RT_NS_PER_MS / 2)
#define CORE_UPKEEP_ROWS_LEAST 32u

/* How much wider columns get at once; not within the last of the memory. */
#define CORE_UPKEEP_WIDER      4u
#define CORE_UPKEEP_WIDE_BYTES (1u << 20)

/* Batches are small that would fit so many times; after so many steps of such it is narrow. */
#define CORE_UPKEEP_SMALL_PART  4u
#define CORE_UPKEEP_SMALL_STEPS 64u

/* Of the views' memory, what heirs leave to views, and views to those that have less than their
 * share: one in so many bytes. */
#define CORE_UPKEEP_HEIR_PART  8u
#define CORE_UPKEEP_SHARE_PART 16u

/* What a view takes with its first rows, beside what it is made of; how long one that was made has
 * to take that. */
#define CORE_UPKEEP_FIRST_BYTES (64u << 10)
#define CORE_UPKEEP_FIRST_MS    10000

static void core_upkeep_widen(struct core_upkeep_part *part);
static bool core_upkeep_narrow(struct core_upkeep_part *part);
static bool core_upkeep_narrow_any(struct core_upkeep *upkeep);

/* --- Batches --- */

bool core_upkeep_columns(struct core_upkeep_part *part, uint32_t rows_max)
{
    core_faults_join(&part->faults, &part->columns.faults);
    core_scan_columns_deinit(&part->columns);
    return core_scan_columns_init_few(&part->columns, part->upkeep->cs, part->relation,
                                      part->maint->scan_columns, part->maint->scan_columns_count,
                                      rows_max, &part->budget) == ERR_OK;
}

void core_upkeep_fit(struct core_upkeep_part *part, uint32_t rows, uint64_t since_ns)
{
    uint64_t took_ns = rt_now_precise_ns(part->upkeep->cs->shard) - since_ns;
    uint64_t most_ns = part->is_paced ? CORE_UPKEEP_ROWS_NS / 2 : CORE_UPKEEP_ROWS_NS;
    bool is_slow = took_ns > most_ns;
    part->rows_most = rows > part->rows_most ? rows : part->rows_most;
    if (is_slow && part->is_slow && part->rows_max > CORE_UPKEEP_ROWS_LEAST) {
        part->rows_max /= 2;
        is_slow = false;
    } else if (took_ns < most_ns * 2 / 5 && rows == part->rows_max &&
               part->rows_max * 2 <= part->columns.rows_top) {
        core_upkeep_widen(part);
    }
    part->is_slow = is_slow;
}

/* Twice the rows at a time, if there is memory for them. */
static void core_upkeep_widen(struct core_upkeep_part *part)
{
    uint32_t now = part->columns.rows_max;
    if (part->rows_max * 2 <= now) {
        part->rows_max *= 2;
        return;
    }
    if (part->code != CORE_OK || budget_left(&part->budget) < CORE_UPKEEP_WIDE_BYTES) {
        return;
    }
    ASSERT(part->rows_count == 0); /* nothing points into the columns */
    uint32_t rows = now * CORE_UPKEEP_WIDER;
    rows = rows < part->columns.rows_top ? rows : part->columns.rows_top;
    if (core_upkeep_columns(part, rows)) {
        part->rows_max *= 2;
    } else if (!core_upkeep_columns(part, now)) {
        core_upkeep_break(part, "out of budget: its columns do not fit");
    }
}

void core_upkeep_stepped(struct core_upkeep_part *part)
{
    bool is_small = part->rows_most * CORE_UPKEEP_SMALL_PART <= part->columns.rows_max;
    part->small_count = is_small ? part->small_count + 1 : 0;
    part->rows_most = 0;
    if (part->begun_tick == part->tick || part->small_count >= CORE_UPKEEP_SMALL_STEPS) {
        part->small_count = 0;
        (void)core_upkeep_narrow(part);
    }
}

/* What large ticks took is given back: it has no step. False: there was nothing. */
static bool core_upkeep_narrow(struct core_upkeep_part *part)
{
    ASSERT(part->stage == CORE_UPKEEP_IDLE);
    ASSERT(part->rows_count == 0);
    size_t before_bytes = part->budget.used_bytes;
    if (part->columns.rows_max > CORE_UPKEEP_ROWS_FIRST &&
        !core_upkeep_columns(part, CORE_UPKEEP_ROWS_FIRST)) {
        core_upkeep_break(part, "out of budget: its columns do not fit");
        return false;
    }
    part->rows_max =
        part->rows_max < part->columns.rows_max ? part->rows_max : part->columns.rows_max;
    core_scan_records_rest(&part->records);
    maint_fold_rest(&part->fold);
    maint_upkeep_rest(&part->rows);
    return part->budget.used_bytes < before_bytes;
}

/* The same of some view that has no step now. */
static bool core_upkeep_narrow_any(struct core_upkeep *upkeep)
{
    list_for_each (node, &upkeep->parts) {
        struct core_upkeep_part *part = CONTAINER_OF(node, struct core_upkeep_part, in_parts);
        if (part->is_made && part->code == CORE_OK && part->stage == CORE_UPKEEP_IDLE &&
            core_upkeep_narrow(part)) {
            return true;
        }
    }
    return false;
}

/* --- The last of the memory --- */

void core_upkeep_bound(struct core_upkeep_part *part)
{
    const struct budget *views = &part->upkeep->budget;
    size_t share_bytes = views->limit_bytes / part->upkeep->parts_count;
    bool is_large = part->budget.used_bytes > share_bytes;
    if (!part->is_heir && !is_large) {
        budget_set_limit(&part->budget, SIZE_MAX);
        return;
    }
    size_t kept_bytes =
        views->limit_bytes / (part->is_heir ? CORE_UPKEEP_HEIR_PART : CORE_UPKEEP_SHARE_PART);
    size_t most_bytes = views->limit_bytes - kept_bytes;
    size_t room_bytes = views->used_bytes < most_bytes ? most_bytes - views->used_bytes : 0;
    budget_set_limit(&part->budget, part->budget.used_bytes + room_bytes);
}

bool core_upkeep_relieve(struct core_upkeep_part *part, const char *what)
{
    if (core_changes_relieve(part->upkeep) || core_upkeep_narrow_any(part->upkeep) ||
        store_state_break(&part->rows.state)) {
        return true;
    }
    if (part->parcels_away == 0) {
        core_upkeep_break(part, "out of budget: %s need more memory than views have", what);
        core_upkeep_wake(part);
    }
    return false;
}

void core_upkeep_ease(struct core_upkeep *upkeep)
{
    (void)core_changes_relieve(upkeep);
    if (budget_left(&upkeep->budget) < upkeep->budget.limit_bytes / CORE_UPKEEP_SHARE_PART) {
        (void)core_upkeep_narrow_any(upkeep);
    }
}

/* --- One more --- */

/* So many bytes, in MiB with a digit behind the point. */
static double core_upkeep_mib(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

/* What views will take that were made just now: each has a part here as on every shard, or will.
 * Those that have broken since are counted, for a while. */
static uint64_t core_upkeep_coming(struct core_shard *cs, const struct core_catalog *catalog,
                                   uint64_t view_bytes)
{
    int64_t since_ms = core_now_ms(cs) - CORE_UPKEEP_FIRST_MS;
    uint64_t bytes = 0;
    struct core_tree_walk walk;
    const struct core_view *view;
    core_catalog_walk_views(&walk, catalog);
    while ((view = core_catalog_next_view(&walk)) != NULL) {
        if (view->created_ms > since_ms) {
            const struct core_upkeep_part *part = core_upkeep_find(&cs->upkeep, &view->uuid);
            bytes += part == NULL            ? view_bytes
                     : part->begun_tick == 0 ? CORE_UPKEEP_FIRST_BYTES
                                             : 0;
        }
    }
    return bytes;
}

bool core_upkeep_has_room(struct core_shard *cs, const struct core_catalog *catalog,
                          const struct core_view *view, const struct core_topic *topic, char *why,
                          size_t why_bytes)
{
    uint64_t need_bytes = core_upkeep_part_bytes(&cs->upkeep, view, topic);
    if (need_bytes == 0) { /* its plan is wrong, which it will say itself */
        return true;
    }
    need_bytes += CORE_UPKEEP_FIRST_BYTES;
    uint64_t coming_bytes = core_upkeep_coming(cs, catalog, need_bytes);
    for (uint32_t i = 0; i < cs->core->shards_count; i++) {
        const struct core_upkeep *upkeep = &cs->core->shards[i]->upkeep;
        uint64_t limit_bytes = upkeep->budget.limit_bytes;
        uint64_t used_bytes =
            atomic_load_explicit(&upkeep->used_bytes, memory_order_relaxed) + coming_bytes;
        uint64_t kept_bytes = limit_bytes / CORE_UPKEEP_SHARE_PART;
        if (used_bytes + need_bytes + kept_bytes > limit_bytes) {
            snprintf(why, why_bytes,
                     "materialized views hold %.1f of the %.1f MiB that they may have on a shard, "
                     "%.1f stay free, and one more needs %.2f: drop a view, or give the server "
                     "more --memory",
                     core_upkeep_mib(used_bytes), core_upkeep_mib(limit_bytes),
                     core_upkeep_mib(kept_bytes), core_upkeep_mib(need_bytes));
            return false;
        }
    }
    return true;
}

void core_upkeep_tell_used(struct core_upkeep *upkeep)
{
    atomic_store_explicit(&upkeep->used_bytes, upkeep->budget.used_bytes, memory_order_relaxed);
}
