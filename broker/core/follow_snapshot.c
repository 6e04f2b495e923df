/* A view's rows at a tick, for one follower. See follow.h.
 *
 * The home holds the tick until all shards have opened their readings, which keep it from then on.
 * They are read one after the other; where conditions fix all of the view's keys, one row of one
 * shard. When all was given progress is due, which the tail tells between two rounds; meanwhile
 * the readings are closed. */
#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/core/follow_int.h"
#include "broker/core/view.h"

/* Chunks of an arena for a key. */
#define CORE_FOLLOW_KEY_CHUNK_BYTES 1024u

/* What is read. */
struct core_follow_snapshot {
    struct vec_value *key;          /* of the one row; NULL: all */
    uint32_t at;                    /* the shard being read */
    uint32_t end;                   /* behind the last */
    uint32_t first;                 /* shard */
    uint32_t away_count;            /* calls under way */
    uint32_t unopened_count;        /* shards whose readings are not open */
    uint32_t given_count;           /* of the batch that is here: rows that were taken */
    struct core_upkeep_read *reads; /* of each shard */
};

static bool core_follow_snapshot_find(struct core_follow *follow);
static void core_follow_snapshot_call(struct core_follow *follow, uint32_t shard,
                                      enum core_upkeep_read_op op);
static void core_follow_snapshot_came(struct core_upkeep_read *read);
static void core_follow_snapshot_release(struct core_follow *follow);
static void core_follow_snapshot_released(struct core_upkeep_hold *hold);
static bool core_follow_snapshot_give(struct core_follow *follow, struct core_upkeep_read *read);

void core_follow_snapshot_start(struct core_follow *follow)
{
    const struct core_view_relation *view = follow->plan->relation->owner;
    uint32_t shards_count = follow->cs->core->shards_count;
    void *memory;
    if (budget_alloc(follow->budget,
                     sizeof(struct core_follow_snapshot) +
                         shards_count * sizeof(struct core_upkeep_read) +
                         view->keys_count * sizeof(struct vec_value),
                     16, &memory) != ERR_OK) {
        core_follow_fail(follow, CORE_OVERLOADED, NULL, NULL);
        return;
    }
    struct core_follow_snapshot *snapshot = memory;
    follow->snapshot = snapshot;
    snapshot->reads = (struct core_upkeep_read *)(void *)(snapshot + 1);
    snapshot->end = shards_count;
    for (uint32_t i = 0; i < shards_count; i++) {
        snapshot->reads[i] = (struct core_upkeep_read){.done = core_follow_snapshot_came,
                                                       .ctx = follow,
                                                       .shard = i,
                                                       .view = view->uuid,
                                                       .tick = follow->hold.tick};
    }
    if (!core_follow_snapshot_find(follow)) {
        core_follow_fail(follow, CORE_OVERLOADED, NULL, NULL);
        return;
    }
    snapshot->first = snapshot->at;
    snapshot->unopened_count = snapshot->end - snapshot->first;
    for (uint32_t i = snapshot->first; i < snapshot->end; i++) {
        core_follow_snapshot_call(follow, i, CORE_UPKEEP_READ_OPEN);
    }
}

/* The value that conditions fix a column of the relation to, or NULL. A NUMERIC with a scale has
 * another form than a value alone. */
static const struct vec_value *core_follow_fixed(const struct core_subscribe_plan *plan,
                                                 uint32_t column)
{
    for (uint32_t i = 0; i < plan->equalities_count; i++) {
        const struct core_subscribe_equality *equality = &plan->equalities[i];
        struct vec_type type = plan->relation->columns[column].type;
        if (plan->columns[equality->column] == column &&
            (type.kind != VEC_NUMERIC || type.precision == 0)) {
            return &equality->value;
        }
    }
    return NULL;
}

/* Whether it is one row, and where that is. False: no memory. */
static bool core_follow_snapshot_find(struct core_follow *follow)
{
    struct core_follow_snapshot *snapshot = follow->snapshot;
    const struct core_subscribe_plan *plan = follow->plan;
    const struct core_view_relation *view = plan->relation->owner;
    struct vec_value *key =
        (struct vec_value *)(void *)(snapshot->reads + follow->cs->core->shards_count);
    struct arena arena;
    if (!core_view_has_key(view->keys, view->keys_count)) {
        return true;
    }
    for (uint32_t i = 0; i < view->keys_count; i++) {
        const struct vec_value *value = core_follow_fixed(plan, view->keys[i]);
        if (value == NULL) {
            return true;
        }
        key[i] = *value;
    }
    arena_init(&arena, follow->budget, CORE_FOLLOW_KEY_CHUNK_BYTES, SIZE_MAX);
    struct vec_type *types = arena_alloc(&arena, view->keys_count * sizeof(*types), 8);
    uint64_t hash = 0;
    for (uint32_t i = 0; types != NULL && i < view->keys_count; i++) {
        types[i] = plan->relation->columns[view->keys[i]].type;
    }
    bool is_well =
        types != NULL && maint_key_hash(&arena, types, key, view->keys_count, &hash) == ERR_OK;
    arena_deinit(&arena);
    if (is_well) {
        snapshot->key = key;
        snapshot->at = follow->cs->upkeep.slice_target[store_slice_of(hash)];
        snapshot->end = snapshot->at + 1;
        snapshot->reads[snapshot->at].key = key;
    }
    return is_well;
}

static void core_follow_snapshot_call(struct core_follow *follow, uint32_t shard,
                                      enum core_upkeep_read_op op)
{
    follow->snapshot->away_count++;
    core_upkeep_read_start(follow->cs, &follow->snapshot->reads[shard], op);
}

static void core_follow_snapshot_came(struct core_upkeep_read *read)
{
    struct core_follow *follow = read->ctx;
    struct core_follow_snapshot *snapshot = follow->snapshot;
    snapshot->away_count--;
    if (read->op == CORE_UPKEEP_READ_OPEN && --snapshot->unopened_count == 0) {
        core_follow_snapshot_release(follow);
    }
    core_follow_wake(follow);
}

/* The shards keep the tick now. */
static void core_follow_snapshot_release(struct core_follow *follow)
{
    if (follow->is_held && !follow->is_away) {
        follow->is_held = false;
        follow->is_away = true;
        core_upkeep_hold_release(follow->cs, &follow->hold, core_follow_snapshot_released);
    }
}

static void core_follow_snapshot_released(struct core_upkeep_hold *hold)
{
    struct core_follow *follow = hold->ctx;
    follow->is_away = false;
    core_follow_wake(follow);
}

bool core_follow_snapshot_run(struct core_follow *follow)
{
    struct core_follow_snapshot *snapshot = follow->snapshot;
    struct core_upkeep_read *read = &snapshot->reads[snapshot->at];
    if (list_is_linked(&follow->in_paused) || read->is_away) {
        return false;
    }
    if (read->code != CORE_OK) {
        core_follow_fail(follow, core_follow_tail_code(follow->tail, read->code), NULL, read->why);
        return false;
    }
    if (!core_follow_snapshot_give(follow, read)) {
        return false;
    }
    snapshot->given_count = 0;
    if (!read->is_end) {
        core_follow_snapshot_call(follow, snapshot->at, CORE_UPKEEP_READ_NEXT);
        return false;
    }
    snapshot->at++;
    if (snapshot->at < snapshot->end) {
        return true;
    }
    follow->stage = CORE_FOLLOW_SHOWN;
    core_follow_count(follow, false);
    follow->ops->snapshot_end(follow);
    list_push_back(&follow->tail->shown, &follow->in_wait);
    core_follow_tail_wake(follow->tail);
    (void)core_follow_snapshot_end(follow);
    return false;
}

/* Rows of the batch that is here. False: it is paused, or it has failed. */
static bool core_follow_snapshot_give(struct core_follow *follow, struct core_upkeep_read *read)
{
    struct core_follows *follows = &follow->cs->follows;
    struct core_follow_snapshot *snapshot = follow->snapshot;
    struct core_follow_sight sight;
    uint16_t rows[VEC_ROWS_MAX];
    if (read->batch.selection.count == 0) {
        return true;
    }
    arena_reset(&follows->scratch);
    if (!core_follow_see(follows, follow->plan, follow->plan->filter, &read->batch,
                         read->batch.selection, &sight)) {
        core_follow_fail_sight(follow, &sight);
        return false;
    }
    uint32_t left = sight.out.selection.count - snapshot->given_count;
    uint32_t count = follow->rows_left < left ? (uint32_t)follow->rows_left : left;
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = (uint16_t)vec_row(sight.out.selection, snapshot->given_count + i);
    }
    sight.out.selection = (struct vec_selection){.rows = rows, .count = count};
    snapshot->given_count += count;
    core_follow_given(follow, count);
    if ((count > 0 && !follow->ops->rows(follow, &sight.out)) || count < left) {
        core_follow_pause(follow);
    }
    return !list_is_linked(&follow->in_paused);
}

bool core_follow_snapshot_end(struct core_follow *follow)
{
    struct core_follow_snapshot *snapshot = follow->snapshot;
    if (snapshot == NULL || snapshot->unopened_count == 0 || snapshot->away_count == 0) {
        core_follow_snapshot_release(follow);
    }
    if (snapshot == NULL) {
        return !follow->is_away;
    }
    for (uint32_t i = snapshot->first; i < snapshot->end; i++) {
        if (!snapshot->reads[i].is_away && snapshot->reads[i].is_open) { /* it is here, first */
            core_follow_snapshot_call(follow, i, CORE_UPKEEP_READ_CLOSE);
        }
    }
    if (snapshot->away_count > 0 || follow->is_away) {
        return false;
    }
    follow->snapshot = NULL;
    budget_free(follow->budget, snapshot);
    return true;
}
