/* Rows of a materialized view, all at one tick. See scan.h.
 *
 *     HOLD    the home is asked for a tick of the view that all shards have
 *     OPEN    every shard is asked for its first rows at that tick, and keeps it from then on
 *     READ    the home's hold is given up; rows come shard after shard
 *
 * Rows that are looked up by their keys are read on the shards that have them, each by itself.
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
    struct arena arena;             /* the keys that are looked up */
    struct core_upkeep_read *reads; /* one for each shard, or lookup; in this block, reads_count */
    struct vec_vector *vectors;     /* of the batch given */
    struct vec_batch batch;         /* that */
    uint32_t columns_count;
    uint32_t reads_count;
    uint32_t next;           /* the one whose rows are given */
    uint32_t away_count;     /* calls under way */
    uint32_t unopened_count; /* reads that have not been answered the first time */
    bool is_known;           /* the hold has been answered, or was not asked for */
    bool is_foreign;         /* the position that is waited for is of another timeline */
    bool is_held;            /* the hold is to be released */
    bool is_given;           /* the present read's batch was given */
    bool is_closing;         /* nobody asks any more */
};

static enum err core_scan_view_find(struct core_scan_view *scan, const struct plan_scan *plan);
static enum err core_scan_view_lookup(struct core_scan_view *scan, const struct vec_value *key,
                                      const struct vec_type *types, struct core_upkeep_read *read);
static void core_scan_view_free(struct core_scan_view *scan, bool is_turn);
static void core_scan_view_held(struct core_upkeep_hold *hold);
static void core_scan_view_read(struct core_upkeep_read *read);
static void core_scan_view_released(struct core_upkeep_hold *hold);
static void core_scan_view_start(struct core_scan_view *scan, uint32_t i,
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
    uint32_t reads_count =
        plan->lookups != NULL ? plan->lookups_count : scans->cs->core->shards_count;
    size_t vectors_bytes = (outputs_count + 1) * sizeof(struct vec_vector);
    void *block;
    *out = NULL;
    ASSERT(plan->relation->kind == PLAN_RELATION_VIEW);
    enum err err = core_source_new(scans,
                                   sizeof(struct core_scan_view) + vectors_bytes +
                                       reads_count * sizeof(struct core_upkeep_read),
                                   &core_scan_view_ops, budget, failure, &block);
    if (err != ERR_OK) {
        return err;
    }
    struct core_scan_view *scan = block;
    scan->reads = (struct core_upkeep_read *)(void *)(scan + 1);
    scan->vectors = (struct vec_vector *)(void *)(scan->reads + reads_count);
    scan->relation = plan->relation;
    scan->columns = plan->columns;
    scan->columns_count = outputs_count;
    scan->reads_count = reads_count;
    scan->unopened_count = reads_count;
    scan->hold.done = core_scan_view_held;
    scan->hold.ctx = scan;
    scan->hold.view = relation->uuid;
    scan->hold.tick_min = scans->is_any ? 0 : scans->position_min.tick;
    scan->hold.deadline_ns = scans->is_any ? 0 : scans->deadline_ns;
    arena_init(&scan->arena, budget, CORE_SCAN_VIEW_CHUNK_BYTES, SIZE_MAX);
    for (uint32_t i = 0; i < reads_count; i++) {
        scan->reads[i].done = core_scan_view_read;
        scan->reads[i].ctx = scan;
        scan->reads[i].shard = i;
        scan->reads[i].view = relation->uuid;
    }
    if (plan->lookups != NULL && core_scan_view_find(scan, plan) != ERR_OK) {
        (void)core_source_fail_memory(failure);
        core_scan_view_free(scan, false);
        return ERR_BUDGET;
    }
    scans->awaited = &scan->source;
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

/* Which shards have them: no others are asked. An error: no memory. */
static enum err core_scan_view_find(struct core_scan_view *scan, const struct plan_scan *plan)
{
    const struct plan_relation *relation = plan->relation;
    struct arena *a = &scan->arena;
    struct vec_type *types = arena_alloc(a, relation->keys_count * sizeof(*types), 4);
    if (types == NULL) {
        return a->err;
    }
    for (uint32_t i = 0; i < relation->keys_count; i++) {
        types[i] = relation->columns[relation->keys[i]].type;
    }
    enum err err = ERR_OK;
    for (uint32_t i = 0; err == ERR_OK && i < scan->reads_count; i++) {
        err = core_scan_view_lookup(scan, plan->lookups + (size_t)i * relation->keys_count, types,
                                    &scan->reads[i]);
    }
    return err;
}

/* `read` is to be of that key, which is copied: the query may end before it. */
static enum err core_scan_view_lookup(struct core_scan_view *scan, const struct vec_value *key,
                                      const struct vec_type *types, struct core_upkeep_read *read)
{
    const struct core_shard *cs = scan->source.scans->cs;
    uint32_t count = scan->relation->keys_count;
    struct arena *a = &scan->arena;
    struct vec_value *values = arena_alloc(a, count * sizeof(*values), 16);
    for (uint32_t i = 0; values != NULL && i < count; i++) {
        values[i] = key[i];
        bool has_bytes = types[i].kind == VEC_TEXT || types[i].kind == VEC_JSONB;
        if (has_bytes && !key[i].is_null) {
            values[i].u.bytes.data = arena_copy(a, key[i].u.bytes.data, key[i].u.bytes.length);
        }
    }
    uint64_t hash;
    enum err err = a->err;
    if (err == ERR_OK) {
        err = maint_key_hash(a, types, values, count, &hash);
    }
    if (err == ERR_OK) {
        read->shard = cs->upkeep.slice_target[store_slice_of(hash)];
        read->key = values;
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
        scans->awaited = NULL;
        core_scan_view_position(scans, &hold->position);
        scans->errors_count += hold->errors_count;
        for (uint32_t i = 0; i < scan->reads_count; i++) {
            scan->reads[i].tick = hold->tick;
            core_scan_view_start(scan, i, CORE_UPKEEP_READ_OPEN);
        }
    }
    scans->ready(scans->ctx);
}

bool core_scans_hurry(struct core_scans *scans)
{
    if (scans->awaited == NULL) {
        return false;
    }
    struct core_scan_view *scan = CONTAINER_OF(scans->awaited, struct core_scan_view, source);
    if (scan->is_known) {
        return false;
    }
    core_upkeep_hold_cancel(scans->cs, &scan->hold); /* its answer says how far the view is */
    return true;
}

bool core_scans_is_late(const struct core_scans *scans, struct exec_failure *failure)
{
    if (scans->awaited == NULL) {
        return false;
    }
    const struct core_scan_view *scan = CONTAINER_OF(scans->awaited, struct core_scan_view, source);
    enum core_code code = scan->is_known ? scan->hold.code : CORE_TIMEOUT;
    if (scan->is_foreign || (code != CORE_TIMEOUT && code != CORE_CLOSING)) {
        return false;
    }
    (void)core_scan_view_fail(scan, CORE_TIMEOUT, scan->is_known ? scan->hold.why : NULL, failure);
    return true;
}

static void core_scan_view_start(struct core_scan_view *scan, uint32_t i,
                                 enum core_upkeep_read_op op)
{
    scan->away_count++;
    core_upkeep_read_start(scan->source.scans->cs, &scan->reads[i], op);
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
    } else if (read == &scan->reads[scan->next]) {
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
        source->scans->is_changed |=
            scan->hold.code == CORE_VIEW_CHANGED || scan->hold.code == CORE_UNKNOWN_VIEW;
        return core_scan_view_fail(scan, scan->hold.code, scan->hold.why, failure);
    }
    while (scan->next < scan->reads_count) {
        struct core_upkeep_read *read = &scan->reads[scan->next];
        if (!core_upkeep_read_is_here(read)) {
            return EXEC_BLOCKED;
        }
        if (read->code != CORE_OK) {
            return core_scan_view_fail(scan, read->code, read->why, failure);
        }
        source->scans->errors_count += read->errors_count;
        read->errors_count = 0; /* it is counted */
        if (!scan->is_given && read->batch.selection.count > 0) {
            scan->is_given = true;
            for (uint32_t i = 0; i < scan->columns_count; i++) {
                scan->vectors[i] = read->batch.columns[scan->columns[i]];
            }
            scan->batch = read->batch;
            scan->batch.columns = scan->vectors;
            scan->batch.columns_count = scan->columns_count;
            scan->batch.stretch = scan->next;
            source->scans->records_count += read->batch.selection.count;
            *out = &scan->batch;
            return EXEC_ROWS;
        }
        scan->is_given = false;
        if (read->is_end) {
            scan->next++;
        } else {
            core_scan_view_start(scan, scan->next, CORE_UPKEEP_READ_NEXT);
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
        return core_source_fail(failure, "55T02",
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
    source->scans->awaited = NULL;
    core_upkeep_hold_cancel(source->scans->cs, &scan->hold);
    core_scan_view_end(scan, false);
}

/* Gone as soon as nothing is under way. */
static void core_scan_view_end(struct core_scan_view *scan, bool is_turn)
{
    if (scan->away_count > 0) {
        return;
    }
    for (uint32_t i = 0; i < scan->reads_count; i++) {
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
        core_scan_view_free(scan, is_turn);
    }
}

static void core_scan_view_free(struct core_scan_view *scan, bool is_turn)
{
    arena_deinit(&scan->arena);
    core_source_free(&scan->source, is_turn);
}
