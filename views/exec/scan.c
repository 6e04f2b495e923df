/* SCAN: passes on what its source gives, up to rows_max; in a part, that of its partition, whose
 * number is the stretch.
 *
 * Plans are kept for other parameters and other times, so what the filter above says of those
 * becomes bounds here, for this query: `_timestamp > now() - interval '1 hour'`. A value that
 * cannot be computed bounds nothing: the filter will tell, if a row comes to it. */
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

static void exec_scan_bound(struct exec_query *query, const struct plan_node *node,
                            struct plan_scan *scan);
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
    exec_scan_bound(query, node, &scan->plan);
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

/* The bounds that this query's parameters and time make of the filter above `node`. */
static void exec_scan_bound(struct exec_query *query, const struct plan_node *node,
                            struct plan_scan *scan)
{
    const struct plan_node *above = query->plan->root;
    struct plan_bound bound;
    while (above->input != node && above->input != NULL) {
        above = above->input;
    }
    if (above->input != node || above->kind != PLAN_FILTER) {
        return;
    }
    struct arena scratch;
    arena_init(&scratch, query->setting.budget, EXEC_ARENA_BYTES, EXEC_BOUND_BYTES_MAX);
    struct vec_eval ev = query->eval;
    ev.scratch = &scratch;
    ev.kept = NULL;
    for (uint32_t i = 0; i < plan_bound_parts(above); i++) {
        struct vec_value value;
        ev.steps_left = EXEC_BOUND_STEPS;
        if (plan_bound_of(above, i, &bound) && bound.value->kind != VEC_EXPR_CONSTANT &&
            plan_bound_is_cheap(&bound) && vec_eval_value(&ev, bound.value, &value)) {
            plan_bound_narrow(scan, &bound, &value);
        }
        arena_reset(&scratch);
    }
    arena_deinit(&scratch);
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
