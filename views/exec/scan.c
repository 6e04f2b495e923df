/* SCAN: passes on what its source gives, up to rows_max; in a part, that of its partition, whose
 * number is the stretch.
 *
 * Plans are kept for other parameters and other times, so what the filter above says of those
 * becomes bounds here, for this query: `_timestamp > now() - interval '1 hour'`. A value that
 * cannot be computed bounds nothing: the filter will tell, if a row comes to it. Where the filter
 * fixes all keys of a relation, its rows are looked up instead (`WHERE region = $1`). */
#include <string.h>

#include "base/assert.h"
#include "views/exec/exec_int.h"
#include "views/plan/bound.h"

/* Memory that a bound is computed in, and how often bytes are looked at. */
#define EXEC_BOUND_BYTES_MAX (64u << 10)
#define EXEC_BOUND_STEPS     4096u

/* A scan. */
struct exec_scan {
    struct exec_op op;
    struct exec_source *source; /* open from the making to the close */
    int64_t left_count;         /* rows that are still wanted */
    struct vec_batch batch;     /* the last one, cut, or with another stretch */
    struct plan_scan plan;      /* what is read: the plan's, with this query's bounds */
};

static bool exec_scan_bound(struct exec_query *query, const struct plan_node *node,
                            struct plan_scan *scan);
static void exec_scan_narrow(struct vec_eval *ev, const struct plan_node *filter,
                             struct plan_scan *scan);
static bool exec_scan_lookups(struct exec_query *query, struct vec_eval *ev,
                              const struct plan_node *filter, uint32_t count_max,
                              struct plan_scan *scan);
static uint32_t exec_scan_values(struct exec_query *query, struct vec_eval *ev,
                                 const struct plan_bound_key *bound, struct vec_type type,
                                 struct vec_value *out);
static bool exec_scan_value(struct exec_query *query, struct vec_eval *ev,
                            const struct vec_expr *expr, struct vec_type type,
                            struct vec_value *out);
static enum exec_result exec_scan_next(struct exec_op *op, const struct vec_batch **out);
static void exec_scan_close(struct exec_op *op);

struct exec_op *exec_scan_make(struct exec_query *query, const struct plan_node *node)
{
    static const struct exec_op_ops ops = {exec_scan_next, exec_scan_close};
    struct exec_scan *scan = exec_alloc(query, sizeof(*scan));
    if (scan == NULL) {
        return NULL;
    }
    const struct exec_setting *setting = &query->setting;
    scan->op.ops = &ops;
    scan->plan = node->scan;
    if (!exec_scan_bound(query, node, &scan->plan)) {
        return NULL;
    }
    if (setting->is_part) {
        bool is_wanted = scan->plan.partition < 0 || scan->plan.partition == setting->partition;
        scan->plan.rows_max = is_wanted ? scan->plan.rows_max : 0;
        scan->plan.partition = setting->partition;
    }
    scan->left_count = scan->plan.rows_max;
    if (query->source_ops->open(query->source_ctx, &scan->plan, node->outputs_count,
                                setting->budget, &query->failure, &scan->source) != ERR_OK) {
        return NULL;
    }
    return &scan->op;
}

/* The bounds that this query's parameters and time make of the filter above `node`. False: there is
 * no memory, and the query has failed. */
static bool exec_scan_bound(struct exec_query *query, const struct plan_node *node,
                            struct plan_scan *scan)
{
    const struct plan_node *above = query->plan->root;
    while (above->input != node && above->input != NULL) {
        above = above->input;
    }
    if (above->input != node || above->kind != PLAN_FILTER) {
        return true;
    }
    struct arena scratch;
    arena_init(&scratch, query->setting.budget, EXEC_ARENA_BYTES, EXEC_BOUND_BYTES_MAX);
    struct vec_eval ev = query->eval;
    ev.scratch = &scratch;
    ev.kept = NULL;
    exec_scan_narrow(&ev, above, scan);
    uint32_t lookups_max = plan_bound_lookups(above);
    bool is_well = lookups_max == 0 || exec_scan_lookups(query, &ev, above, lookups_max, scan);
    arena_deinit(&scratch);
    return is_well;
}

static void exec_scan_narrow(struct vec_eval *ev, const struct plan_node *filter,
                             struct plan_scan *scan)
{
    struct plan_bound bound;
    for (uint32_t i = 0; i < plan_bound_parts(filter); i++) {
        struct vec_value value;
        ev->steps_left = EXEC_BOUND_STEPS;
        if (plan_bound_of(filter, i, &bound) && bound.value->kind != VEC_EXPR_CONSTANT &&
            plan_bound_is_cheap(&bound) && vec_eval_value(ev, bound.value, &value)) {
            plan_bound_narrow(scan, &bound, &value);
        }
        arena_reset(ev->scratch);
    }
}

/* Each value of a key with each of the others. False as above. */
static bool exec_scan_lookups(struct exec_query *query, struct vec_eval *ev,
                              const struct plan_node *filter, uint32_t count_max,
                              struct plan_scan *scan)
{
    const struct plan_relation *relation = scan->relation;
    uint32_t keys_count = relation->keys_count, count = 1;
    struct vec_value *lookups =
        exec_alloc(query, ((size_t)count_max * keys_count + count_max) * sizeof(*lookups));
    if (lookups == NULL) {
        return false;
    }
    struct vec_value *values = lookups + (size_t)count_max * keys_count;
    for (uint32_t key = 0; key < keys_count; key++) {
        struct plan_bound_key bound;
        bool has_values = plan_bound_key_of(filter, key, &bound);
        ASSERT(has_values);
        struct vec_type type = relation->columns[relation->keys[key]].type;
        uint32_t values_count = exec_scan_values(query, ev, &bound, type, values);
        if (values_count == 0) {
            return query->arena.err == ERR_OK;
        }
        for (uint32_t i = 0; i < count * values_count; i++) {
            struct vec_value *lookup = lookups + (size_t)i * keys_count;
            memmove(lookup, lookups + (size_t)(i % count) * keys_count, key * sizeof(*lookup));
            lookup[key] = values[i / count];
        }
        count *= values_count;
    }
    ASSERT(count <= count_max);
    scan->lookups = lookups;
    scan->lookups_count = count;
    return true;
}

/* The values of a key, each once, without those that nothing is equal to. Returns how many; 0 also
 * where one cannot be computed: then all rows are read. */
static uint32_t exec_scan_values(struct exec_query *query, struct vec_eval *ev,
                                 const struct plan_bound_key *bound, struct vec_type type,
                                 struct vec_value *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < bound->values_count; i++) {
        struct vec_value *value = &out[count];
        ev->steps_left = EXEC_BOUND_STEPS;
        if (!exec_scan_value(query, ev, bound->values[i], type, value)) {
            return 0;
        }
        bool is_known = value->is_null && !bound->is_null_equal;
        for (uint32_t k = 0; k < count && !is_known; k++) {
            is_known = !value->is_null && vec_value_compare(type, value, &out[k]) == 0;
        }
        count += !is_known;
    }
    return count;
}

/* *out = one of them, in the query's arena; null: nothing is equal to it, too. False: it cannot be
 * computed. */
static bool exec_scan_value(struct exec_query *query, struct vec_eval *ev,
                            const struct vec_expr *expr, struct vec_type type,
                            struct vec_value *out)
{
    if (!vec_eval_value(ev, expr, out)) {
        arena_reset(ev->scratch);
        return false;
    }
    if (!plan_bound_key_value(type, expr, out)) {
        *out = (struct vec_value){.is_null = true};
    }
    if (!out->is_null && (type.kind == VEC_TEXT || type.kind == VEC_JSONB)) {
        out->u.bytes.data = arena_copy(&query->arena, out->u.bytes.data, out->u.bytes.length);
        if (out->u.bytes.data == NULL) {
            (void)exec_fail_memory(query);
        }
    }
    arena_reset(ev->scratch);
    return query->arena.err == ERR_OK;
}

static enum exec_result exec_scan_next(struct exec_op *op, const struct vec_batch **out)
{
    struct exec_scan *scan = CONTAINER_OF(op, struct exec_scan, op);
    struct exec_query *query = op->query;
    if (scan->left_count <= 0) {
        return EXEC_END;
    }
    enum exec_result result = query->source_ops->next(scan->source, &query->failure, out);
    if (result != EXEC_ROWS) {
        return result;
    }
    uint32_t count = (*out)->selection.count;
    if (count == 0) {
        return EXEC_AGAIN;
    }
    if (count > scan->left_count || query->setting.is_part) {
        scan->batch = **out;
        scan->batch.selection.count = count < scan->left_count ? count : (uint32_t)scan->left_count;
        scan->batch.stretch += query->setting.partition;
        *out = &scan->batch;
    }
    scan->left_count -= (*out)->selection.count;
    return EXEC_ROWS;
}

static void exec_scan_close(struct exec_op *op)
{
    struct exec_scan *scan = CONTAINER_OF(op, struct exec_scan, op);
    op->query->source_ops->close(scan->source);
}
