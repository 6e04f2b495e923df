/* Whole relations, row by row. See twin.h. */
#include "tests/unit/exec/twin.h"

#include <string.h>

#include "tests/unit/exec/memory.h"

static void *twin_alloc(struct twin *twin, size_t bytes)
{
    void *ptr = arena_alloc_zeroed(twin->arena, bytes, 16);
    ASSERT(ptr != NULL);
    return ptr;
}

/* A batch of the one row `row`. */
static struct vec_batch twin_batch(struct twin *twin, const struct plan_output *outputs,
                                   const struct twin_rows *rows, uint32_t row)
{
    struct vec_batch batch = {.columns_count = rows->columns_count,
                              .rows_count = 1,
                              .selection = {.count = 1},
                              .stretch = rows->stretches[row]};
    batch.columns = twin_alloc(twin, sizeof(struct vec_vector) * rows->columns_count);
    for (uint32_t i = 0; i < rows->columns_count; i++) {
        const struct vec_value *value = &rows->values[row * rows->columns_count + i];
        void *data = vec_flat(twin->arena, outputs[i].type, 1, &batch.columns[i]);
        uint64_t *valid = vec_valid(twin->arena, !value->is_null);
        ASSERT(data != NULL);
        ASSERT(valid != NULL);
        batch.columns[i].valid = valid;
        memcpy(data, &value->u, vec_kind_bytes((enum vec_kind)outputs[i].type.kind));
    }
    return batch;
}

static bool twin_eval(struct twin *twin, const struct vec_expr *expr, const struct vec_batch *batch,
                      struct vec_value *out)
{
    struct vec_vector vector;
    twin->ev.scratch = twin->scratch;
    if (!vec_eval(&twin->ev, expr, batch, batch->selection, &vector)) {
        return false;
    }
    vec_get(&vector, 0, out);
    return true;
}

static struct twin_rows twin_room(struct twin *twin, uint32_t columns_count, uint32_t rows_count)
{
    return (struct twin_rows){
        .values = twin_alloc(twin, sizeof(struct vec_value) * columns_count * rows_count),
        .stretches = twin_alloc(twin, sizeof(uint32_t) * rows_count),
        .columns_count = columns_count,
    };
}

/* Row `row` of `from`, all its columns, behind those of `to`. */
static void twin_push(struct twin_rows *to, const struct twin_rows *from, uint32_t row)
{
    ASSERT(to->columns_count == from->columns_count);
    memcpy(&to->values[to->count * to->columns_count], &from->values[row * from->columns_count],
           sizeof(struct vec_value) * to->columns_count);
    to->stretches[to->count++] = from->stretches[row];
}

static bool twin_is_equal(struct vec_type type, const struct vec_value *a,
                          const struct vec_value *b)
{
    if (a->is_null || b->is_null) {
        return a->is_null == b->is_null;
    }
    return vec_value_compare(type, a, b) == 0;
}

static bool twin_scan(struct twin *twin, const struct plan_node *node, struct twin_rows *out)
{
    const struct memory_relation *relation = node->scan.relation->owner;
    uint32_t count = relation->rows_count;
    count = count < node->scan.rows_max ? count : (uint32_t)node->scan.rows_max;
    *out = twin_room(twin, node->outputs_count, count);
    for (uint32_t row = 0; row < count; row++) {
        for (uint32_t i = 0; i < node->outputs_count; i++) {
            out->values[row * node->outputs_count + i] =
                relation->values[row * relation->plan.columns_count + node->scan.columns[i]];
        }
        out->stretches[row] = relation->stretches[row];
    }
    out->count = count;
    return true;
}

static bool twin_values(struct twin *twin, const struct plan_node *node, struct twin_rows *out)
{
    *out = twin_room(twin, node->outputs_count, node->values.rows_count);
    out->count = node->values.rows_count;
    for (uint32_t i = 0; i < out->count * out->columns_count; i++) {
        twin->ev.scratch = twin->scratch;
        if (!vec_eval_value(&twin->ev, node->values.exprs[i], &out->values[i])) {
            return false;
        }
    }
    return true;
}

static bool twin_filter(struct twin *twin, const struct plan_node *node, const struct twin_rows *in,
                        struct twin_rows *out)
{
    *out = twin_room(twin, in->columns_count, in->count);
    for (uint32_t row = 0; row < in->count; row++) {
        struct vec_batch batch = twin_batch(twin, node->input->outputs, in, row);
        struct vec_value value;
        if (!twin_eval(twin, node->filter, &batch, &value)) {
            return false;
        }
        if (!value.is_null && value.u.boolean) {
            twin_push(out, in, row);
        }
    }
    return true;
}

static bool twin_project(struct twin *twin, const struct plan_node *node,
                         const struct twin_rows *in, struct twin_rows *out)
{
    *out = twin_room(twin, node->outputs_count, in->count);
    for (uint32_t row = 0; row < in->count; row++) {
        struct vec_batch batch = twin_batch(twin, node->input->outputs, in, row);
        for (uint32_t i = 0; i < node->outputs_count; i++) {
            if (!twin_eval(twin, node->project[i], &batch,
                           &out->values[row * node->outputs_count + i])) {
                return false;
            }
        }
        out->stretches[row] = in->stretches[row];
    }
    out->count = in->count;
    return true;
}

/* What a group of the twin is. */
struct twin_group {
    struct vec_value *keys;
    void **states;           /* of each aggregate */
    struct vec_value **seen; /* DISTINCT: rows of args */
    uint32_t *seen_count;    /* of each */
};

/* Room for one more row of args in group->seen[number]. */
static void twin_seen_grow(struct twin *twin, struct twin_group *group, uint32_t number)
{
    uint32_t count = group->seen_count[number];
    if ((count & (count - 1)) != 0) {
        return; /* it was doubled at the power of two below */
    }
    size_t bytes = sizeof(struct vec_value) * VEC_AGGREGATE_ARGS_MAX;
    struct vec_value *more = twin_alloc(twin, bytes * (count == 0 ? 1 : 2 * count));
    if (count > 0) {
        memcpy(more, group->seen[number], bytes * count);
    }
    group->seen[number] = more;
}

static struct twin_group *twin_group(struct twin *twin, const struct plan_aggregate *plan)
{
    struct twin_group *group = twin_alloc(twin, sizeof(*group));
    group->keys = twin_alloc(twin, sizeof(struct vec_value) * plan->keys_count);
    group->states = twin_alloc(twin, sizeof(void *) * plan->aggregations_count);
    group->seen = twin_alloc(twin, sizeof(struct vec_value *) * plan->aggregations_count);
    group->seen_count = twin_alloc(twin, sizeof(uint32_t) * plan->aggregations_count);
    for (uint32_t i = 0; i < plan->aggregations_count; i++) {
        const struct plan_aggregation *one = &plan->aggregations[i];
        group->states[i] = twin_alloc(twin, one->function->state_bytes);
        one->function->init(group->states[i]);
    }
    return group;
}

static bool twin_fold(struct twin *twin, const struct plan_aggregation *one,
                      struct twin_group *group, uint32_t number, const struct vec_batch *batch)
{
    struct vec_value value;
    if (one->filter != NULL) {
        if (!twin_eval(twin, one->filter, batch, &value)) {
            return false;
        }
        if (value.is_null || !value.u.boolean) {
            return true;
        }
    }
    struct vec_vector args[VEC_AGGREGATE_ARGS_MAX];
    struct vec_value values[VEC_AGGREGATE_ARGS_MAX] = {0};
    uint32_t args_count = one->function->args_count;
    for (uint32_t i = 0; i < args_count; i++) {
        twin->ev.scratch = twin->scratch;
        if (!vec_eval(&twin->ev, one->args[i], batch, batch->selection, &args[i])) {
            return false;
        }
        vec_get(&args[i], 0, &values[i]);
    }
    if (one->is_distinct) {
        for (uint32_t i = 0; i < group->seen_count[number]; i++) {
            bool is_equal = true;
            for (uint32_t k = 0; k < args_count; k++) {
                is_equal = is_equal && twin_is_equal(one->args[k]->type, &values[k],
                                                     &group->seen[number][i * 2 + k]);
            }
            if (is_equal) {
                return true;
            }
        }
        twin_seen_grow(twin, group, number);
        memcpy(&group->seen[number][2 * group->seen_count[number]++], values, sizeof(values));
    }
    struct vec_aggregation agg = {.ev = &twin->ev, .arena = twin->arena};
    uint8_t *state = group->states[number];
    return one->function->update(&agg, one->call, args, batch->selection, batch->stretch, &state);
}

static bool twin_aggregate(struct twin *twin, const struct plan_node *node,
                           const struct twin_rows *in, struct twin_rows *out)
{
    const struct plan_aggregate *plan = &node->aggregate;
    struct twin_group **groups = twin_alloc(twin, sizeof(*groups) * (in->count + 1));
    uint32_t count = 0;
    if (plan->keys_count == 0) {
        groups[count++] = twin_group(twin, plan);
    }
    struct vec_value *keys = twin_alloc(twin, sizeof(*keys) * plan->keys_count);
    for (uint32_t row = 0; row < in->count; row++) {
        struct vec_batch batch = twin_batch(twin, node->input->outputs, in, row);
        for (uint32_t i = 0; i < plan->keys_count; i++) {
            if (!twin_eval(twin, plan->keys[i], &batch, &keys[i])) {
                return false;
            }
        }
        uint32_t at = 0;
        for (; at < count; at++) {
            bool is_equal = true;
            for (uint32_t i = 0; i < plan->keys_count && is_equal; i++) {
                is_equal = twin_is_equal(plan->keys[i]->type, &keys[i], &groups[at]->keys[i]);
            }
            if (is_equal) {
                break;
            }
        }
        if (at == count) {
            groups[count++] = twin_group(twin, plan);
            memcpy(groups[at]->keys, keys, sizeof(*keys) * plan->keys_count);
        }
        for (uint32_t i = 0; i < plan->aggregations_count; i++) {
            if (!twin_fold(twin, &plan->aggregations[i], groups[at], i, &batch)) {
                return false;
            }
        }
    }
    *out = twin_room(twin, node->outputs_count, count);
    out->count = count;
    for (uint32_t at = 0; at < count; at++) {
        struct vec_value *row = &out->values[at * node->outputs_count];
        memcpy(row, groups[at]->keys, sizeof(*keys) * plan->keys_count);
        for (uint32_t i = 0; i < plan->aggregations_count; i++) {
            struct vec_aggregation agg = {.ev = &twin->ev, .arena = twin->arena};
            twin->ev.scratch = twin->scratch;
            if (!plan->aggregations[i].function->finish(&agg, plan->aggregations[i].call,
                                                        groups[at]->states[i],
                                                        &row[plan->keys_count + i])) {
                return false;
            }
        }
    }
    return true;
}

static bool twin_distinct(struct twin *twin, const struct plan_node *node,
                          const struct twin_rows *in, struct twin_rows *out)
{
    *out = twin_room(twin, in->columns_count, in->count);
    for (uint32_t row = 0; row < in->count; row++) {
        bool is_new = true;
        for (uint32_t old = 0; old < out->count && is_new; old++) {
            bool is_equal = true;
            for (uint32_t i = 0; i < node->distinct && is_equal; i++) {
                is_equal =
                    twin_is_equal(node->outputs[i].type, &in->values[row * in->columns_count + i],
                                  &out->values[old * in->columns_count + i]);
            }
            is_new = !is_equal;
        }
        if (is_new) {
            twin_push(out, in, row);
        }
    }
    return true;
}

/* <0, 0, >0: two rows of keys. */
static int twin_compare(const struct plan_sort *sort, const struct vec_value *a,
                        const struct vec_value *b)
{
    for (uint32_t i = 0; i < sort->keys_count; i++) {
        int order = 0;
        if (a[i].is_null || b[i].is_null) {
            order = (int)a[i].is_null - (int)b[i].is_null;
            order = sort->orders[i].is_null_first ? -order : order;
        } else {
            order = vec_value_compare(sort->keys[i]->type, &a[i], &b[i]);
            order = sort->orders[i].is_descending ? -order : order;
        }
        if (order != 0) {
            return order;
        }
    }
    return 0;
}

static bool twin_sort(struct twin *twin, const struct plan_node *node, const struct twin_rows *in,
                      struct twin_rows *out)
{
    const struct plan_sort *sort = &node->sort;
    uint32_t keys_count = sort->keys_count;
    struct vec_value *keys = twin_alloc(twin, sizeof(*keys) * keys_count * in->count);
    uint32_t *order = twin_alloc(twin, sizeof(*order) * in->count);
    uint32_t *spare = twin_alloc(twin, sizeof(*order) * in->count);
    for (uint32_t row = 0; row < in->count; row++) {
        struct vec_batch batch = twin_batch(twin, node->input->outputs, in, row);
        for (uint32_t i = 0; i < keys_count; i++) {
            if (!twin_eval(twin, sort->keys[i], &batch, &keys[row * keys_count + i])) {
                return false;
            }
        }
        order[row] = row;
    }
    for (uint32_t width = 1; width < in->count; width *= 2) {
        for (uint32_t low = 0; low < in->count; low += 2 * width) {
            uint32_t middle = low + width < in->count ? low + width : in->count;
            uint32_t high = low + 2 * width < in->count ? low + 2 * width : in->count;
            uint32_t a = low;
            uint32_t b = middle;
            for (uint32_t i = low; i < high; i++) {
                bool takes_a =
                    b == high || (a < middle && twin_compare(sort, &keys[order[a] * keys_count],
                                                             &keys[order[b] * keys_count]) <= 0);
                spare[i] = order[takes_a ? a++ : b++];
            }
        }
        memcpy(order, spare, sizeof(*order) * in->count);
    }
    *out = twin_room(twin, in->columns_count, in->count);
    for (uint32_t i = 0; i < in->count; i++) {
        twin_push(out, in, order[i]);
        out->stretches[i] = 0;
    }
    return true;
}

static bool twin_limit(struct twin *twin, const struct plan_node *node, const struct twin_rows *in,
                       struct twin_rows *out)
{
    int64_t bounds[2] = {0, INT64_MAX};
    const struct vec_expr *exprs[2] = {node->limit.offset, node->limit.count};
    for (uint32_t i = 0; i < 2; i++) {
        struct vec_value value = {.is_null = true};
        twin->ev.scratch = twin->scratch;
        if (exprs[i] != NULL && !vec_eval_value(&twin->ev, exprs[i], &value)) {
            return false;
        }
        bounds[i] = value.is_null ? bounds[i] : value.u.int8;
        if (bounds[i] < 0) {
            return false;
        }
    }
    *out = twin_room(twin, in->columns_count, in->count);
    for (uint32_t row = 0; row < in->count; row++) {
        if (row >= bounds[0] && row - bounds[0] < bounds[1]) {
            twin_push(out, in, row);
        }
    }
    return true;
}

bool twin_run(struct twin *twin, const struct plan_node *node, struct twin_rows *out)
{
    struct twin_rows in = {0};
    struct twin_rows sorted;
    if (node->input != NULL && !twin_run(twin, node->input, &in)) {
        return false;
    }
    switch (node->kind) {
    case PLAN_SCAN: return twin_scan(twin, node, out);
    case PLAN_VALUES: return twin_values(twin, node, out);
    case PLAN_FILTER: return twin_filter(twin, node, &in, out);
    case PLAN_PROJECT: return twin_project(twin, node, &in, out);
    case PLAN_AGGREGATE: return twin_aggregate(twin, node, &in, out);
    case PLAN_DISTINCT: return twin_distinct(twin, node, &in, out);
    case PLAN_SORT: return twin_sort(twin, node, &in, out);
    case PLAN_LIMIT: return twin_limit(twin, node, &in, out);
    case PLAN_TOP:
        return twin_sort(twin, node, &in, &sorted) && twin_limit(twin, node, &sorted, out);
    case PLAN_KIND_COUNT:
    default: UNREACHABLE();
    }
}
