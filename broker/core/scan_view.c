/* Rows of a materialized view, all at one tick. See scan.h.
 *
 *     HOLD    the home is asked for a tick of the view that all shards have
 *     OPEN    every shard is asked for its first rows at that tick, and keeps it from then on
 *     READ    the home's hold is given up; rows come shard after shard
 *
 * A row that is asked for by its key is read on the one shard that has it.
 *
 * A batch stays where it was made; columns that the scan does not want are left out. */
#include "base/assert.h"
#include "base/list.h"
#include "broker/core/core.h"
#include "broker/core/scan_int.h"
#include "broker/core/view.h"

/* Chunks of the arena in which a key is made. */
#define CORE_SCAN_VIEW_CHUNK_BYTES 1024u

/* A scan. */
struct core_scan_view {
    struct exec_source source;
    const struct plan_relation *relation;
    const uint32_t *columns;        /* of the view: the scan's; columns_count */
    struct core_upkeep_hold hold;   /* the tick */
    struct core_upkeep_read *reads; /* one for each shard; in this block */
    struct vec_vector *vectors;     /* of the batch given */
    struct vec_batch batch;         /* that */
    uint32_t columns_count;
    uint32_t first;          /* the shard whose rows are read first, */
    uint32_t shards_count;   /* and the one behind the last */
    uint32_t shard;          /* whose rows are read */
    uint32_t away_count;     /* calls under way */
    uint32_t unopened_count; /* shards that have not answered the first time */
    bool is_known;           /* the hold has been answered, or was not asked for */
    bool is_foreign;         /* the position that is waited for is of another timeline */
    bool is_held;            /* the hold is to be released */
    bool is_given;           /* the present read's batch was given */
    bool is_closing;         /* nobody asks any more */
};

static bool core_scan_view_is_by_key(const struct core_scans *scans,
                                     const struct plan_relation *relation);
static enum err core_scan_view_find(struct core_scan_view *scan, struct budget *budget);
static void core_scan_view_held(struct core_upkeep_hold *hold);
static void core_scan_view_read(struct core_upkeep_read *read);
static void core_scan_view_released(struct core_upkeep_hold *hold);
static void core_scan_view_start(struct core_scan_view *scan, uint32_t shard,
                                 enum core_upkeep_read_op op);
static bool core_scan_view_is_foreign(const struct core_scans *scans,
                                      const struct core_position *here);
static enum exec_result core_scan_view_next(struct exec_source *source,
                                            struct exec_failure *failure,
                                            const struct vec_batch **out);
static enum exec_result core_scan_view_fail(const struct core_scan_view *scan, enum core_code code,
                                            const char *why, struct exec_failure *failure);
static void core_scan_view_close(struct exec_source *source);
static void core_scan_view_end(struct core_scan_view *scan, bool is_turn);

static const struct core_source_ops core_scan_view_ops = {core_scan_view_next,
                                                          core_scan_view_close};

enum err core_scan_view_open(struct core_scans *scans, const struct plan_scan *plan,
                             uint32_t outputs_count, struct budget *budget,
                             struct exec_failure *failure, struct exec_source **out)
{
    const struct core_view_relation *relation = plan->relation->owner;
    uint32_t shards_count = scans->cs->core->shards_count;
    size_t vectors_bytes = (outputs_count + 1) * sizeof(struct vec_vector);
    void *block;
    *out = NULL;
    ASSERT(plan->relation->kind == PLAN_RELATION_VIEW);
    enum err err = core_source_new(scans,
                                   sizeof(struct core_scan_view) + vectors_bytes +
                                       shards_count * sizeof(struct core_upkeep_read),
                                   &core_scan_view_ops, budget, failure, &block);
    if (err != ERR_OK) {
        return err;
    }
    struct core_scan_view *scan = block;
    scan->reads = (struct core_upkeep_read *)(void *)(scan + 1);
    scan->vectors = (struct vec_vector *)(void *)(scan->reads + shards_count);
    scan->relation = plan->relation;
    scan->columns = plan->columns;
    scan->columns_count = outputs_count;
    scan->shards_count = shards_count;
    scan->hold.done = core_scan_view_held;
    scan->hold.ctx = scan;
    scan->hold.view = relation->uuid;
    scan->hold.tick_min = scans->is_any ? 0 : scans->position_min.tick;
    scan->hold.deadline_ns = scans->is_any ? 0 : scans->deadline_ns;
    for (uint32_t i = 0; i < shards_count; i++) {
        scan->reads[i].done = core_scan_view_read;
        scan->reads[i].ctx = scan;
        scan->reads[i].shard = i;
        scan->reads[i].view = relation->uuid;
    }
    if (core_scan_view_is_by_key(scans, plan->relation)) {
        err = core_scan_view_find(scan, budget);
        if (err != ERR_OK) {
            (void)core_source_fail_memory(failure);
            core_source_free(&scan->source, false);
            return ERR_BUDGET;
        }
    }
    scan->shard = scan->first;
    scan->unopened_count = scan->shards_count - scan->first;
    struct core_position here = core_ticks_position(scans->cs);
    scan->is_foreign = core_scan_view_is_foreign(scans, &here);
    scan->is_known = scan->is_foreign;
    if (!scan->is_foreign) {
        scan->away_count = 1;
        core_upkeep_hold_start(scans->cs, &scan->hold);
    }
    *out = &scan->source;
    return ERR_OK;
}

/* Whether what is asked is a row by its key. A NUMERIC with a scale has another form than a
 * parameter's. */
static bool core_scan_view_is_by_key(const struct core_scans *scans,
                                     const struct plan_relation *relation)
{
    const struct core_view_relation *view = relation->owner;
    bool is_by_key = scans->key != NULL && scans->key_count == view->keys_count &&
                     core_view_has_key(view->keys, view->keys_count);
    for (uint32_t i = 0; is_by_key && i < view->keys_count; i++) {
        struct vec_type type = relation->columns[view->keys[i]].type;
        is_by_key = type.kind == scans->key_types[i].kind &&
                    (type.kind != VEC_NUMERIC || type.precision == 0);
    }
    return is_by_key;
}

/* Which shard has it: no other is asked. ERR_BUDGET. */
static enum err core_scan_view_find(struct core_scan_view *scan, struct budget *budget)
{
    const struct core_scans *scans = scan->source.scans;
    struct arena arena;
    uint64_t hash;
    arena_init(&arena, budget, CORE_SCAN_VIEW_CHUNK_BYTES, SIZE_MAX);
    enum err err = maint_key_hash(&arena, scans->key_types, scans->key, scans->key_count, &hash);
    arena_deinit(&arena);
    if (err == ERR_OK) {
        scan->first = scans->cs->upkeep.slice_target[store_slice_of(hash)];
        scan->shards_count = scan->first + 1;
        scan->reads[scan->first].key = scans->key;
    }
    return err;
}

/* Whether what is waited for is a position of a timeline that is not the one of `here`; while that
 * is not known, waiting shows it. */
static bool core_scan_view_is_foreign(const struct core_scans *scans,
                                      const struct core_position *here)
{
    uint32_t epoch = scans->is_any ? 0 : scans->position_min.epoch;
    return epoch != 0 && here->epoch != 0 && epoch != here->epoch;
}

/* What rows of several views hold is what those of each do. */
static void core_scan_view_position(struct core_scans *scans, const struct core_position *found)
{
    if (scans->position.epoch == 0 || found->tick < scans->position.tick) {
        scans->position = *found;
    }
}

static void core_scan_view_held(struct core_upkeep_hold *hold)
{
    struct core_scan_view *scan = hold->ctx;
    struct core_scans *scans = scan->source.scans;
    scan->away_count--;
    scan->is_known = true;
    scan->is_held = hold->code == CORE_OK;
    if (scan->is_closing) {
        core_scan_view_end(scan, true);
        return;
    }
    scan->is_foreign = scan->is_held && core_scan_view_is_foreign(scans, &hold->position);
    if (scan->is_held && !scan->is_foreign) {
        core_scan_view_position(scans, &hold->position);
        for (uint32_t i = scan->first; i < scan->shards_count; i++) {
            scan->reads[i].tick = hold->tick;
            core_scan_view_start(scan, i, CORE_UPKEEP_READ_OPEN);
        }
    }
    scans->ready(scans->ctx);
}

static void core_scan_view_start(struct core_scan_view *scan, uint32_t shard,
                                 enum core_upkeep_read_op op)
{
    scan->away_count++;
    core_upkeep_read_start(scan->source.scans->cs, &scan->reads[shard], op);
}

static void core_scan_view_read(struct core_upkeep_read *read)
{
    struct core_scan_view *scan = read->ctx;
    struct core_scans *scans = scan->source.scans;
    scan->away_count--;
    if (read->op == CORE_UPKEEP_READ_OPEN && --scan->unopened_count == 0 && scan->is_held) {
        scan->is_held = false; /* the shards keep the tick now */
        scan->away_count++;
        core_upkeep_hold_release(scans->cs, &scan->hold, core_scan_view_released);
    }
    if (scan->is_closing) {
        core_scan_view_end(scan, true);
    } else if (read->shard == scan->shard) {
        scans->ready(scans->ctx);
    }
}

static void core_scan_view_released(struct core_upkeep_hold *hold)
{
    struct core_scan_view *scan = hold->ctx;
    scan->away_count--;
    if (scan->is_closing) {
        core_scan_view_end(scan, true);
    }
}

static enum exec_result core_scan_view_next(struct exec_source *source,
                                            struct exec_failure *failure,
                                            const struct vec_batch **out)
{
    struct core_scan_view *scan = CONTAINER_OF(source, struct core_scan_view, source);
    if (!scan->is_known) {
        return EXEC_BLOCKED;
    }
    if (scan->is_foreign) {
        char text[CORE_POSITION_BYTES];
        core_position_put(&source->scans->position_min, text);
        return core_source_fail(failure, "55T01", "position %s is of another timeline", text);
    }
    if (scan->hold.code != CORE_OK) {
        return core_scan_view_fail(scan, scan->hold.code, scan->hold.why, failure);
    }
    while (scan->shard < scan->shards_count) {
        struct core_upkeep_read *read = &scan->reads[scan->shard];
        if (!core_upkeep_read_is_here(read)) {
            return EXEC_BLOCKED;
        }
        if (read->code != CORE_OK) {
            return core_scan_view_fail(scan, read->code, read->why, failure);
        }
        if (!scan->is_given && read->batch.selection.count > 0) {
            scan->is_given = true;
            for (uint32_t i = 0; i < scan->columns_count; i++) {
                scan->vectors[i] = read->batch.columns[scan->columns[i]];
            }
            scan->batch = read->batch;
            scan->batch.columns = scan->vectors;
            scan->batch.columns_count = scan->columns_count;
            scan->batch.stretch = scan->shard;
            source->scans->records_count += read->batch.selection.count;
            *out = &scan->batch;
            return EXEC_ROWS;
        }
        scan->is_given = false;
        if (read->is_end) {
            scan->shard++;
        } else {
            core_scan_view_start(scan, scan->shard, CORE_UPKEEP_READ_NEXT);
            return EXEC_BLOCKED;
        }
    }
    return EXEC_END;
}

static enum exec_result core_scan_view_fail(const struct core_scan_view *scan, enum core_code code,
                                            const char *why, struct exec_failure *failure)
{
    const char *name = scan->relation->name;
    bool has_why = why != NULL && why[0] != '\0';
    if (code == CORE_OVERLOADED) {
        return has_why ? core_source_fail(failure, "53200", "%s", why)
                       : core_source_fail_memory(failure);
    }
    if (code == CORE_TIMEOUT) {
        return core_source_fail(failure, "55000",
                                "materialized view \"%.100s\" was not there in "
                                "time: %.120s",
                                name, has_why ? why : core_code_text(code));
    }
    if (code == CORE_VIEW_BROKEN) {
        return core_source_fail(failure, "55000", "materialized view \"%.100s\" is broken: %.130s",
                                name, has_why ? why : core_code_text(code));
    }
    return core_source_fail(failure, core_code_state(code),
                            "materialized view \"%.160s\" cannot be read: %s", name,
                            core_code_text(code));
}

static void core_scan_view_close(struct exec_source *source)
{
    struct core_scan_view *scan = CONTAINER_OF(source, struct core_scan_view, source);
    scan->is_closing = true;
    core_upkeep_hold_cancel(source->scans->cs, &scan->hold);
    core_scan_view_end(scan, false);
}

/* Gone as soon as nothing is under way. */
static void core_scan_view_end(struct core_scan_view *scan, bool is_turn)
{
    if (scan->away_count > 0) {
        return;
    }
    for (uint32_t i = scan->first; i < scan->shards_count; i++) {
        if (scan->reads[i].is_open) {
            core_scan_view_start(scan, i, CORE_UPKEEP_READ_CLOSE);
        }
    }
    if (scan->is_held) {
        scan->is_held = false;
        scan->away_count++;
        core_upkeep_hold_release(scan->source.scans->cs, &scan->hold, core_scan_view_released);
    }
    if (scan->away_count == 0) {
        core_source_free(&scan->source, is_turn);
    }
}
