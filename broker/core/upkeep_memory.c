/* What views take of the memory that a shard has for them, and what is given back before one is
 * broken.
 *
 * **A view begins small**: its columns have room for few rows and get wider while batches are full,
 * so that a view of a row or two costs tens of kilobytes. What large ticks took is given back when
 * they are over: after the first step, which may have gone over years, after some that were small,
 * and when another view needs it.
 *
 * A fold that gets no memory waits as long as parcels are on their way, of whatever view, or one is
 * being given up: what is folded can be sent with memory that no fold takes, and rows have the last
 * of it, so that parcels come home.
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

/* How much wider columns get at once. All may while a quarter of the memory is left; of the eighth
 * before the last one wide ones have a sixteenth of it all. */
#define CORE_UPKEEP_WIDER     4u
#define CORE_UPKEEP_EASY_PART 4u
#define CORE_UPKEEP_FULL_PART 8u
#define CORE_UPKEEP_WIDE_PART 16u

/* Batches are small that would fit so many times; after so many steps of such it is narrow. */
#define CORE_UPKEEP_SMALL_PART  4u
#define CORE_UPKEEP_SMALL_STEPS 64u

/* Of the views' memory, what heirs leave to views, views to those that have less than their share,
 * these, while they fold, to parcels, and parcels to rows: one in so many bytes. */
#define CORE_UPKEEP_HEIR_PART  8u
#define CORE_UPKEEP_SHARE_PART 16u
#define CORE_UPKEEP_FOLD_PART  32u
#define CORE_UPKEEP_SEND_PART  64u

/* What has to be left when a batch is folded. */
#define CORE_UPKEEP_BATCH_BYTES (16u << 10)

/* How long a fold waits for memory that is to come home. */
#define CORE_UPKEEP_SHORT_NS (10 * RT_NS_PER_S)

/* What a view takes with its first rows, beside what it is made of; how long one has to come that
 * is in the catalog. */
#define CORE_UPKEEP_FIRST_BYTES (48u << 10)
#define CORE_UPKEEP_FIRST_MS    10000

static bool core_upkeep_may_widen(const struct core_upkeep_part *part);
static void core_upkeep_widen(struct core_upkeep_part *part);
static bool core_upkeep_narrow(struct core_upkeep_part *part);
static bool core_upkeep_narrow_any(struct core_upkeep *upkeep);
static void core_upkeep_leave(struct core_upkeep_part *part, size_t part_count);
static bool core_upkeep_is_freeing(const struct core_upkeep *upkeep);

/* --- Batches --- */

bool core_upkeep_columns(struct core_upkeep_part *part, uint32_t rows_max)
{
    struct core_upkeep *upkeep = part->upkeep;
    core_faults_join(&part->faults, &part->columns.faults);
    core_scan_columns_deinit(&part->columns);
    upkeep->wide_bytes -= part->wide_bytes;
    part->wide_bytes = 0;
    size_t before_bytes = part->budget.used_bytes;
    enum err err = core_scan_columns_init_few(
        &part->columns, upkeep->cs, part->relation, part->maint->scan_columns,
        part->maint->scan_columns_count, rows_max, &part->budget);
    if (rows_max > CORE_UPKEEP_ROWS_FIRST) {
        part->wide_bytes = part->budget.used_bytes - before_bytes;
        upkeep->wide_bytes += part->wide_bytes;
    }
    return err == ERR_OK;
}

void core_upkeep_fit(struct core_upkeep_part *part, uint32_t rows, uint64_t since_ns)
{
    uint64_t took_ns = rt_now_precise_ns(part->upkeep->cs->shard) - since_ns;
    uint64_t most_ns = part->is_paced ? CORE_UPKEEP_ROWS_NS / 2 : CORE_UPKEEP_ROWS_NS;
    bool is_slow = took_ns > most_ns;
    part->short_ns = 0;
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

static bool core_upkeep_may_widen(const struct core_upkeep_part *part)
{
    const struct core_upkeep *upkeep = part->upkeep;
    size_t all_bytes = upkeep->budget.limit_bytes;
    size_t left_bytes = budget_left(&part->budget);
    return part->code == CORE_OK && (left_bytes >= all_bytes / CORE_UPKEEP_EASY_PART ||
                                     (left_bytes >= all_bytes / CORE_UPKEEP_FULL_PART &&
                                      upkeep->wide_bytes < all_bytes / CORE_UPKEEP_WIDE_PART));
}

/* Twice the rows at a time, if there is memory for them. */
static void core_upkeep_widen(struct core_upkeep_part *part)
{
    uint32_t now = part->columns.rows_max;
    if (part->rows_max * 2 <= now) {
        part->rows_max *= 2;
        return;
    }
    if (!core_upkeep_may_widen(part)) {
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

/* Little is left: nothing is kept to be used again. */
static bool core_upkeep_is_full(const struct core_upkeep *upkeep)
{
    return budget_left(&upkeep->budget) < upkeep->budget.limit_bytes / CORE_UPKEEP_FULL_PART;
}

void core_upkeep_stepped(struct core_upkeep_part *part)
{
    bool is_small = part->rows_most * CORE_UPKEEP_SMALL_PART <= part->columns.rows_max;
    part->small_count = is_small ? part->small_count + 1 : 0;
    part->rows_most = 0;
    if (core_upkeep_is_full(part->upkeep)) { /* whoever has its turn has it */
        core_scan_records_rest(&part->records);
        maint_fold_rest(&part->fold);
    }
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
    bool is_folding = part->stage == CORE_UPKEEP_FOLD && list_is_empty(&part->parcels);
    if (part->is_heir || is_large || is_folding) {
        core_upkeep_leave(part, part->is_heir ? CORE_UPKEEP_HEIR_PART
                                : is_large    ? CORE_UPKEEP_SHARE_PART
                                              : CORE_UPKEEP_FOLD_PART);
    } else {
        budget_set_limit(&part->budget, SIZE_MAX);
    }
}

void core_upkeep_bound_send(struct core_upkeep_part *part)
{
    if (!part->is_heir) {
        core_upkeep_leave(part, CORE_UPKEEP_SEND_PART);
    }
}

bool core_upkeep_may_fold(struct core_upkeep_part *part)
{
    if (budget_left(&part->budget) < CORE_UPKEEP_BATCH_BYTES) {
        return false;
    }
    core_upkeep_bound_send(part);
    return true;
}

/* Let it take nothing of the last of the views' memory, one in `part_count` bytes. */
static void core_upkeep_leave(struct core_upkeep_part *part, size_t part_count)
{
    const struct budget *views = &part->upkeep->budget;
    size_t most_bytes = views->limit_bytes - views->limit_bytes / part_count;
    size_t room_bytes = views->used_bytes < most_bytes ? most_bytes - views->used_bytes : 0;
    budget_set_limit(&part->budget, part->budget.used_bytes + room_bytes);
}

bool core_upkeep_relieve(struct core_upkeep_part *part, const char *what)
{
    maint_scratch_rest(&part->upkeep->scratch);
    if (core_changes_relieve(part->upkeep) || core_upkeep_narrow_any(part->upkeep) ||
        store_state_break(&part->rows.state)) {
        return true;
    }
    if (part->parcels_away > 0) {
        return false;
    }
    uint64_t now_ns = rt_now_ns(part->upkeep->cs->shard);
    part->short_ns = part->short_ns != 0 ? part->short_ns : now_ns;
    if (now_ns - part->short_ns < CORE_UPKEEP_SHORT_NS && core_upkeep_is_freeing(part->upkeep)) {
        if (!list_is_linked(&part->in_short)) {
            list_push_back(&part->upkeep->shorts, &part->in_short);
        }
    } else {
        core_upkeep_break(part, "out of budget: %s need more memory than views have", what);
        core_upkeep_wake(part);
    }
    return false;
}

/* Whether some memory will come home, which core_upkeep_relieved will tell. */
static bool core_upkeep_is_freeing(const struct core_upkeep *upkeep)
{
    if (upkeep->parcels_away > 0) {
        return true;
    }
    list_for_each (node, &upkeep->parts) {
        const struct core_upkeep_part *part = CONTAINER_OF(node, struct core_upkeep_part, in_parts);
        if (part->code == CORE_VIEW_BROKEN && part->reads_count == 0) {
            return true;
        }
    }
    return false;
}

/* One is enough: what it sends comes home, too. */
void core_upkeep_relieved(struct core_upkeep *upkeep)
{
    struct list_node *node = list_pop_front(&upkeep->shorts);
    if (node != NULL) {
        core_upkeep_wake(CONTAINER_OF(node, struct core_upkeep_part, in_short));
    }
}

void core_upkeep_ease(struct core_upkeep *upkeep)
{
    (void)core_changes_relieve(upkeep);
    if (core_upkeep_is_full(upkeep) && upkeep->wide_bytes > 0) {
        (void)core_upkeep_narrow_any(upkeep);
    }
}

/* --- One more --- */

/* So many bytes, in MiB with a digit behind the point. */
static double core_upkeep_mib(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

/* What views will take that have not had their first rows, or not changed them yet: each has a part
 * here as on every shard, or will. Those that have broken since are counted, for a while. */
static uint64_t core_upkeep_coming(struct core_shard *cs, const struct core_catalog *catalog,
                                   uint64_t view_bytes)
{
    int64_t since_ms = core_now_ms(cs) - CORE_UPKEEP_FIRST_MS;
    uint64_t bytes = 0;
    list_for_each (node, &cs->upkeep.parts) {
        const struct core_upkeep_part *part = CONTAINER_OF(node, struct core_upkeep_part, in_parts);
        uint64_t floor_bytes = part->made_bytes + CORE_UPKEEP_FIRST_BYTES;
        uint64_t used_bytes = part->budget.used_bytes;
        bytes += part->code == CORE_OK && used_bytes < floor_bytes ? floor_bytes - used_bytes : 0;
    }
    struct core_tree_walk walk;
    const struct core_view *view;
    core_catalog_walk_views(&walk, catalog);
    while ((view = core_catalog_next_view(&walk)) != NULL) {
        if (view->created_ms > since_ms && core_upkeep_find(&cs->upkeep, &view->uuid) == NULL) {
            bytes += view_bytes;
        }
    }
    return bytes;
}

bool core_upkeep_has_room(struct core_shard *cs, const struct core_catalog *catalog,
                          const struct core_view *view, const struct core_topic *topic, char *why,
                          size_t why_bytes)
{
    if (cs->upkeep.is_stopping) { /* so may other shards have */
        return true;
    }
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
                     "materialized views take %.1f of the %.1f MiB that they may have on a shard, "
                     "%.1f stay free, and one more needs %.2f: drop a view, or give views more "
                     "(--memory, --view.total.max.bytes)",
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
