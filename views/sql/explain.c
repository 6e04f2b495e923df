/* See explain.h. Each node is a line, what it does below it, its input behind an arrow. */
#include "views/sql/explain.h"

#include <string.h>

#include "base/assert.h"
#include "views/plan/bound.h"
#include "views/plan/value.h"
#include "views/sql/explain_int.h"
#include "views/vec/integer.h"

static void explain_node(struct bytes_writer *w, const struct plan_node *node,
                         const struct plan_node *above, uint32_t depth);
static void explain_title(struct bytes_writer *w, const struct plan_node *node);
static void explain_scan(struct bytes_writer *w, const struct plan_node *node,
                         const struct plan_node *above, uint32_t depth);
static void explain_bounds(struct bytes_writer *w, const struct plan_node *node, uint32_t depth);
static void explain_late_bounds(struct bytes_writer *w, const struct plan_node *filter,
                                uint32_t depth);
static void explain_lookups(struct bytes_writer *w, const struct plan_node *filter, uint32_t depth);
static bool explain_bound(struct bytes_writer *w, const char *column, const char *sign,
                          enum vec_kind kind, int64_t value, bool has_some);
static void explain_keys(struct bytes_writer *w, const struct plan_node *node, uint32_t depth);
static void explain_aggregate(struct bytes_writer *w, const struct plan_node *node, uint32_t depth);
static void explain_aggregation(struct bytes_writer *w, const struct plan_aggregation *aggregation,
                                const struct plan_node *input);
static void explain_columns(struct bytes_writer *w, const struct plan_node *node, uint32_t depth);
static void explain_limit(struct bytes_writer *w, const struct plan_node *node, uint32_t depth);
static void explain_line(struct bytes_writer *w, const char *label, uint32_t depth);

void sql_explain(struct bytes_writer *w, const struct plan *plan)
{
    const struct plan_node *above = NULL;
    uint32_t depth = 0;
    for (const struct plan_node *node = plan->root; node != NULL; node = node->input) {
        explain_node(w, node, above, depth++);
        above = node;
    }
}

/* `above` NULL: it is the root. */
static void explain_node(struct bytes_writer *w, const struct plan_node *node,
                         const struct plan_node *above, uint32_t depth)
{
    for (uint32_t i = 0; depth > 0 && i < 6 * depth - 4; i++) {
        bytes_put_u8(w, ' ');
    }
    explain_put(w, depth > 0 ? "->  " : "");
    explain_title(w, node);
    switch (node->kind) {
    case PLAN_SCAN: explain_scan(w, node, above, depth); break;
    case PLAN_VALUES: explain_columns(w, node, depth); break;
    case PLAN_FILTER:
        explain_line(w, "Filter: ", depth);
        sql_explain_expr(w, node->filter, node->input->outputs, node->input->outputs_count);
        explain_put(w, "\n");
        break;
    case PLAN_PROJECT: explain_columns(w, node, depth); break;
    case PLAN_AGGREGATE: explain_aggregate(w, node, depth); break;
    case PLAN_DISTINCT: break;
    case PLAN_SORT: explain_keys(w, node, depth); break;
    case PLAN_TOP:
        explain_keys(w, node, depth);
        explain_limit(w, node, depth);
        break;
    case PLAN_LIMIT: explain_limit(w, node, depth); break;
    case PLAN_KIND_COUNT: UNREACHABLE();
    }
}

static void explain_title(struct bytes_writer *w, const struct plan_node *node)
{
    static const char *const titles[PLAN_KIND_COUNT] = {
        [PLAN_SCAN] = "Scan on ",       [PLAN_VALUES] = "Values",
        [PLAN_FILTER] = "Filter",       [PLAN_PROJECT] = "Project",
        [PLAN_AGGREGATE] = "Aggregate", [PLAN_DISTINCT] = "Distinct",
        [PLAN_SORT] = "Sort",           [PLAN_TOP] = "Top",
        [PLAN_LIMIT] = "Limit",
    };
    explain_put(w, node->kind == PLAN_AGGREGATE && node->aggregate.keys_count > 0 ? "Hash" : "");
    explain_put(w, titles[node->kind]);
    if (node->kind == PLAN_SCAN) {
        const struct plan_relation *relation = node->scan.relation;
        bool is_public = strcmp(relation->schema, "public") == 0;
        explain_put(w, is_public ? "" : relation->schema);
        explain_put(w, is_public ? "" : ".");
        explain_put(w, relation->name);
    } else if (node->kind == PLAN_VALUES) {
        explain_put(w, "  (rows=");
        vec_int8_write(w, node->values.rows_count);
        explain_put(w, ")");
    }
    explain_put(w, "\n");
}

/* The columns read, by the relation's names. */
static void explain_scan(struct bytes_writer *w, const struct plan_node *node,
                         const struct plan_node *above, uint32_t depth)
{
    const struct plan_scan *scan = &node->scan;
    if (node->outputs_count > 0) {
        explain_line(w, "Columns: ", depth);
        for (uint32_t i = 0; i < node->outputs_count - scan->paths_count; i++) {
            explain_put(w, i > 0 ? ", " : "");
            explain_name(w, scan->relation->columns[scan->columns[i]].name);
        }
        for (uint32_t i = 0; i < scan->paths_count; i++) {
            explain_put(w, i > 0 || scan->paths_count < node->outputs_count ? ", " : "");
            explain_put(w, node->outputs[node->outputs_count - scan->paths_count + i].name);
        }
        explain_put(w, "\n");
    }
    explain_bounds(w, node, depth);
    if (above != NULL && above->kind == PLAN_FILTER) {
        explain_late_bounds(w, above, depth);
        explain_lookups(w, above, depth);
    }
}

static void explain_bounds(struct bytes_writer *w, const struct plan_node *node, uint32_t depth)
{
    const struct plan_scan *scan = &node->scan;
    char text[512];
    struct bytes_writer line = bytes_writer(text, sizeof(text));
    bool has_some = false;
    if (scan->offset_min != 0) {
        has_some = explain_bound(&line, "_offset", ">=", VEC_BIGINT, scan->offset_min, has_some);
    }
    if (scan->offset_max != PLAN_OFFSET_MAX) {
        has_some = explain_bound(&line, "_offset", "<=", VEC_BIGINT, scan->offset_max, has_some);
    }
    if (scan->timestamp_min != INT64_MIN) {
        has_some = explain_bound(&line, "_timestamp", ">=", VEC_TIMESTAMPTZ, scan->timestamp_min,
                                 has_some);
    }
    if (scan->timestamp_max != INT64_MAX) {
        has_some = explain_bound(&line, "_timestamp", "<=", VEC_TIMESTAMPTZ, scan->timestamp_max,
                                 has_some);
    }
    if (scan->partition != -1) {
        has_some = explain_bound(&line, "_partition", "=", VEC_BIGINT, scan->partition, has_some);
    }
    if (scan->rows_max != INT64_MAX) {
        has_some = explain_bound(&line, "rows", "<=", VEC_BIGINT, scan->rows_max, has_some);
    }
    if (has_some) {
        explain_line(w, "Bounds: ", depth);
        bytes_put_copy(w, text, line.pos);
        explain_put(w, "\n");
    }
}

/* Bounds that are computed where a query begins. */
static void explain_late_bounds(struct bytes_writer *w, const struct plan_node *filter,
                                uint32_t depth)
{
    struct plan_bound bound;
    bool has_some = false;
    for (uint32_t i = 0; i < plan_bound_parts(filter); i++) {
        if (!plan_bound_of(filter, i, &bound) || bound.value->kind == VEC_EXPR_CONSTANT ||
            !plan_bound_is_cheap(&bound) ||
            (bound.role == PLAN_ROLE_PARTITION && strcmp(bound.sign, "=") != 0)) {
            continue;
        }
        if (has_some) {
            explain_put(w, ", ");
        } else {
            explain_line(w, "Bounds at start: ", depth);
        }
        has_some = true;
        explain_put(w, bound.role == PLAN_ROLE_OFFSET      ? "_offset "
                       : bound.role == PLAN_ROLE_PARTITION ? "_partition "
                                                           : "_timestamp ");
        explain_put(w, bound.sign);
        explain_put(w, " ");
        sql_explain_expr(w, bound.value, filter->input->outputs, filter->input->outputs_count);
    }
    explain_put(w, has_some ? "\n" : "");
}

/* The keys that rows are looked up by. */
static void explain_lookups(struct bytes_writer *w, const struct plan_node *filter, uint32_t depth)
{
    const struct plan_relation *relation = filter->input->scan.relation;
    if (plan_bound_lookups(filter) == 0) {
        return;
    }
    explain_line(w, "Lookup: ", depth);
    for (uint32_t i = 0; i < relation->keys_count; i++) {
        struct plan_bound_key bound;
        bool has_values = plan_bound_key_of(filter, i, &bound);
        ASSERT(has_values);
        bool is_in = bound.values_count > 1;
        explain_put(w, i > 0 ? ", " : "");
        explain_name(w, relation->columns[relation->keys[i]].name);
        explain_put(w, bound.is_null_equal ? " IS NOT DISTINCT FROM " : is_in ? " IN (" : " = ");
        for (uint32_t k = 0; k < bound.values_count; k++) {
            explain_put(w, k > 0 ? ", " : "");
            sql_explain_expr(w, bound.values[k], filter->input->outputs,
                             filter->input->outputs_count);
        }
        explain_put(w, is_in ? ")" : "");
    }
    explain_put(w, "\n");
}

/* Returns true: there is one now. */
static bool explain_bound(struct bytes_writer *w, const char *column, const char *sign,
                          enum vec_kind kind, int64_t value, bool has_some)
{
    struct vec_value constant = {.u.int8 = value};
    explain_put(w, has_some ? ", " : "");
    explain_put(w, column);
    explain_put(w, " ");
    explain_put(w, sign);
    explain_put(w, " ");
    explain_put(w, kind == VEC_TIMESTAMPTZ ? "'" : "");
    plan_value_write(w, kind, &constant);
    explain_put(w, kind == VEC_TIMESTAMPTZ ? "'" : "");
    return true;
}

static void explain_keys(struct bytes_writer *w, const struct plan_node *node, uint32_t depth)
{
    explain_line(w, "Sort Key: ", depth);
    for (uint32_t i = 0; i < node->sort.keys_count; i++) {
        const struct vec_order *order = &node->sort.orders[i];
        explain_put(w, i > 0 ? ", " : "");
        sql_explain_expr(w, node->sort.keys[i], node->input->outputs, node->input->outputs_count);
        explain_put(w, order->is_descending ? " DESC" : "");
        if (order->is_null_first != order->is_descending) {
            explain_put(w, order->is_null_first ? " NULLS FIRST" : " NULLS LAST");
        }
    }
    explain_put(w, "\n");
}

static void explain_aggregate(struct bytes_writer *w, const struct plan_node *node, uint32_t depth)
{
    const struct plan_aggregate *aggregate = &node->aggregate;
    const struct plan_node *input = node->input;
    if (aggregate->keys_count > 0) {
        explain_line(w, "Group Key: ", depth);
        for (uint32_t i = 0; i < aggregate->keys_count; i++) {
            explain_put(w, i > 0 ? ", " : "");
            sql_explain_expr(w, aggregate->keys[i], input->outputs, input->outputs_count);
        }
        explain_put(w, "\n");
    }
    if (aggregate->aggregations_count > 0) {
        explain_line(w, "Aggregates: ", depth);
        for (uint32_t i = 0; i < aggregate->aggregations_count; i++) {
            explain_put(w, i > 0 ? ", " : "");
            explain_aggregation(w, &aggregate->aggregations[i], input);
        }
        explain_put(w, "\n");
    }
}

static void explain_aggregation(struct bytes_writer *w, const struct plan_aggregation *aggregation,
                                const struct plan_node *input)
{
    explain_put(w, aggregation->function->name);
    explain_put(w, aggregation->is_distinct ? "(DISTINCT " : "(");
    explain_put(w, aggregation->function->args_count == 0 ? "*" : "");
    for (uint32_t i = 0; i < aggregation->function->args_count; i++) {
        explain_put(w, i > 0 ? ", " : "");
        sql_explain_expr(w, aggregation->args[i], input->outputs, input->outputs_count);
    }
    explain_put(w, ")");
    if (aggregation->filter != NULL) {
        explain_put(w, " FILTER (WHERE ");
        sql_explain_expr(w, aggregation->filter, input->outputs, input->outputs_count);
        explain_put(w, ")");
    }
}

/* The columns made, of VALUES those of the first row. */
static void explain_columns(struct bytes_writer *w, const struct plan_node *node, uint32_t depth)
{
    const struct vec_expr *const *exprs =
        node->kind == PLAN_PROJECT ? node->project : node->values.exprs;
    bool has_rows = node->kind == PLAN_PROJECT || node->values.rows_count == 1;
    if (node->outputs_count == 0 || !has_rows) {
        return;
    }
    explain_line(w, "Columns: ", depth);
    for (uint32_t i = 0; i < node->outputs_count; i++) {
        const struct plan_node *input = node->input;
        explain_put(w, i > 0 ? ", " : "");
        sql_explain_expr(w, exprs[i], input != NULL ? input->outputs : NULL,
                         input != NULL ? input->outputs_count : 0);
    }
    explain_put(w, "\n");
}

static void explain_limit(struct bytes_writer *w, const struct plan_node *node, uint32_t depth)
{
    if (node->limit.count != NULL) {
        explain_line(w, "Limit: ", depth);
        sql_explain_expr(w, node->limit.count, NULL, 0);
        explain_put(w, "\n");
    }
    if (node->limit.offset != NULL) {
        explain_line(w, "Offset: ", depth);
        sql_explain_expr(w, node->limit.offset, NULL, 0);
        explain_put(w, "\n");
    }
}

/* Below a node's title. */
static void explain_line(struct bytes_writer *w, const char *label, uint32_t depth)
{
    for (uint32_t i = 0; i < 6 * depth + 2; i++) {
        bytes_put_u8(w, ' ');
    }
    explain_put(w, label);
}

void explain_put(struct bytes_writer *w, const char *text)
{
    bytes_put_copy(w, text, strlen(text));
}
