/* SCAN: passes on what its source gives, up to rows_max; in a part, that of its partition, whose
 * number is the stretch. */
#include "views/exec/exec_int.h"

/* A scan. */
struct exec_scan {
    struct exec_op op;
    struct exec_source *source; /* open from the making to the close */
    int64_t left_count;         /* rows that are still wanted */
    struct vec_batch batch;     /* the last one, cut, or with another stretch */
    struct plan_scan part;      /* of a part: the plan's, of its partition alone */
};

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
    const struct plan_scan *plan = setting->is_part ? &scan->part : &node->scan;
    scan->op.ops = &ops;
    scan->left_count = node->scan.rows_max;
    scan->part = node->scan;
    scan->part.partition = setting->partition;
    if (query->source_ops->open(query->source_ctx, plan, node->outputs_count, setting->budget,
                                &query->failure, &scan->source) != ERR_OK) {
        return NULL;
    }
    return &scan->op;
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
