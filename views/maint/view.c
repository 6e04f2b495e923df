/* A plan taken apart. See view.h.
 *
 * A plan is a chain; nodes[0] is its leaf. One node at most groups: what stands below it is done
 * with each row, what stands above with each group. A DISTINCT above a grouping whose keys it sees
 * finds no equal rows and is dropped.
 *
 * Where nothing groups, rows are their own groups: projections on the way carry the row's partition
 * and offset along behind their columns, and each column becomes a state of the one row. */
#include "views/maint/view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "views/plan/build.h"
#include "views/vec/function.h"

/* Columns of the origin, as maint_view.origin has them. */
#define MAINT_ORIGINS 3u

/* A plan at work. */
struct maint_maker {
    struct arena *a;
    struct maint_view *view;
    struct maint_refusal *refusal;
    const struct plan_node *nodes[PLAN_DEPTH_MAX]; /* from the leaf up */
    uint32_t nodes_count;
    uint32_t group;               /* the node that groups; 0: none does */
    struct maint_state *states;   /* of the view, being filled */
    uint32_t states_max;          /* room */
    struct maint_column *columns; /* likewise */
};

static bool maint_check(struct maint_maker *m);
static bool maint_check_leaf(struct maint_maker *m);
static bool maint_check_node(struct maint_maker *m, uint32_t at);
static bool maint_check_exprs(struct maint_maker *m, const struct plan_node *node);
static bool maint_make_scan(struct maint_maker *m);
static bool maint_make_steps(struct maint_maker *m, uint32_t first, uint32_t end,
                             const struct maint_step **out, uint32_t *out_count);
static bool maint_make_groups(struct maint_maker *m);
static bool maint_make_rows(struct maint_maker *m);
static bool maint_make_outputs(struct maint_maker *m);

/* Refuse, and point at `length` bytes of the text from `pos` on. Returns false. */
static PRINTF(4, 5) bool maint_refuse(struct maint_maker *m, uint32_t pos, uint32_t length,
                                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    m->refusal->state = "0A000";
    m->refusal->pos = pos;
    m->refusal->length = length;
    (void)vsnprintf(m->refusal->message, sizeof(m->refusal->message), format, args);
    va_end(args);
    return false;
}

/* The same at an expression; NULL: nowhere. */
#define MAINT_REFUSE(m, expr, ...)                                                                 \
    maint_refuse((m), (expr) != NULL ? (expr)->pos : 0, (expr) != NULL ? (expr)->length : 0,       \
                 __VA_ARGS__)

/* Zeroed room for `count` things, or NULL: the arena refuses. */
static void *maint_alloc(struct maint_maker *m, uint32_t count, size_t bytes)
{
    return arena_alloc_zeroed(m->a, (count > 0 ? count : 1) * bytes, 8);
}

enum err maint_view_make(struct arena *a, const struct plan *plan, struct maint_view **out,
                         struct maint_refusal *refusal)
{
    struct maint_maker m = {.a = a, .refusal = refusal};
    *refusal = (struct maint_refusal){.state = NULL};
    *out = NULL;
    for (const struct plan_node *node = plan->root; node != NULL; node = node->input) {
        ASSERT(m.nodes_count < PLAN_DEPTH_MAX);
        m.nodes_count++;
    }
    uint32_t at = m.nodes_count;
    for (const struct plan_node *node = plan->root; node != NULL; node = node->input) {
        m.nodes[--at] = node;
    }
    if (!maint_check(&m)) {
        ASSERT(refusal->state != NULL);
        return ERR_INVALID;
    }
    m.view = maint_alloc(&m, 1, sizeof(*m.view));
    if (m.view == NULL) {
        return a->err;
    }
    m.view->plan = plan;
    bool is_made =
        maint_make_scan(&m) && (m.group > 0 ? maint_make_groups(&m) : maint_make_rows(&m));
    if (!is_made || !maint_make_outputs(&m)) {
        return refusal->state != NULL ? ERR_INVALID : a->err;
    }
    *out = m.view;
    return ERR_OK;
}

/* Head and padding of a row, and its share of an index whose slots are used by two thirds. */
#define MAINT_KEY_STORE_BYTES 24u

uint32_t maint_view_key_bytes(const struct maint_view *view)
{
    return view->state_bytes + MAINT_KEY_STORE_BYTES;
}

/* --- What cannot be kept ---------------------------------------------------------------------- */

/* Which column of nodes[bottom] column `column` of nodes[top] is, as it is; UINT32_MAX: none. */
static uint32_t maint_trace(const struct maint_maker *m, uint32_t top, uint32_t bottom,
                            uint32_t column)
{
    for (uint32_t at = top; at > bottom; at--) {
        const struct plan_node *node = m->nodes[at];
        if (node->kind != PLAN_PROJECT) {
            continue;
        }
        const struct vec_expr *expr = node->project[column];
        if (expr->kind != VEC_EXPR_COLUMN) {
            return UINT32_MAX;
        }
        column = expr->u.number;
    }
    return column;
}

/* Keys of the node that groups: its first outputs. */
static uint32_t maint_keys_count(const struct plan_node *group)
{
    return group->kind == PLAN_AGGREGATE ? group->aggregate.keys_count : group->outputs_count;
}

/* Whether rows of nodes[top] are all different since they show all keys of the grouping. */
static bool maint_has_all_keys(const struct maint_maker *m, uint32_t top)
{
    const struct plan_node *node = m->nodes[top];
    for (uint32_t key = 0; key < maint_keys_count(m->nodes[m->group]); key++) {
        bool is_shown = false;
        for (uint32_t i = 0; i < node->outputs_count && !is_shown; i++) {
            is_shown = maint_trace(m, top, m->group, i) == key;
        }
        if (!is_shown) {
            return false;
        }
    }
    return true;
}

static bool maint_check(struct maint_maker *m)
{
    if (!maint_check_leaf(m)) {
        return false;
    }
    for (uint32_t at = 1; at < m->nodes_count; at++) {
        if (!maint_check_node(m, at) || !maint_check_exprs(m, m->nodes[at])) {
            return false;
        }
    }
    if (m->nodes[m->nodes_count - 1]->outputs_count == 0) {
        return maint_refuse(m, 0, 0, "a view needs a column");
    }
    return true;
}

static bool maint_check_leaf(struct maint_maker *m)
{
    const struct plan_node *leaf = m->nodes[0];
    ASSERT(leaf->kind == PLAN_SCAN || leaf->kind == PLAN_VALUES);
    if (leaf->kind == PLAN_VALUES) {
        return maint_refuse(m, 0, 0,
                            "a view is kept over a stream, and this reads none: name one in FROM, "
                            "with a WHERE that is not always false");
    }
    const struct plan_relation *relation = leaf->scan.relation;
    if (relation->kind != PLAN_RELATION_STREAM) {
        return maint_refuse(m, 0, 0,
                            "a view over %s.%s is not supported: a view is kept over a stream; ask "
                            "%s itself, which is always fresh",
                            relation->schema, relation->name, relation->name);
    }
    return true;
}

/* Whether what the node does can be kept. */
static bool maint_check_node(struct maint_maker *m, uint32_t at)
{
    const struct plan_node *node = m->nodes[at];
    switch (node->kind) {
    case PLAN_FILTER:
    case PLAN_PROJECT: return true;
    case PLAN_AGGREGATE:
        if (m->group > 0) {
            return maint_refuse(m, 0, 0,
                                "a view that groups what was grouped before is not supported: keep "
                                "the inner grouping as a view, and group when you ask it");
        }
        m->group = at;
        return true;
    case PLAN_DISTINCT:
        if (m->group == 0) {
            m->group = at;
        } else if (!maint_has_all_keys(m, at)) {
            return maint_refuse(m, 0, 0,
                                "DISTINCT over groups that do not show all they are grouped by is "
                                "not supported in a view: use DISTINCT when you ask the view");
        }
        return true;
    case PLAN_SORT:
        return MAINT_REFUSE(m, node->sort.keys[0],
                            "a view has no order: use ORDER BY when you ask it");
    case PLAN_TOP:
        return MAINT_REFUSE(m, node->sort.keys[0],
                            "a view keeps all its rows: use ORDER BY and LIMIT when you ask it");
    case PLAN_LIMIT: {
        const struct vec_expr *expr =
            node->limit.count != NULL ? node->limit.count : node->limit.offset;
        return MAINT_REFUSE(m, expr,
                            "a view keeps all its rows: use LIMIT and OFFSET when you ask it");
    }
    case PLAN_SCAN:
    case PLAN_VALUES:
    case PLAN_KIND_COUNT:
    default: UNREACHABLE();
    }
}

/* The first part of `expr` that is a parameter, or answers what the time is; NULL: none. */
static const struct vec_expr *maint_find_unkept(const struct vec_expr *expr)
{
    if (expr->kind == VEC_EXPR_PARAM ||
        (expr->kind == VEC_EXPR_CALL && expr->u.function->is_stable)) {
        return expr;
    }
    const struct vec_expr *found = NULL;
    for (uint32_t i = 0; i < expr->args_count && found == NULL; i++) {
        found = maint_find_unkept(expr->args[i]);
    }
    return found;
}

static bool maint_check_expr(struct maint_maker *m, const struct vec_expr *expr)
{
    const struct vec_expr *found = maint_find_unkept(expr);
    if (found == NULL) {
        ASSERT(vec_expr_is_immutable(expr));
        return true;
    }
    if (found->kind == VEC_EXPR_PARAM) {
        return MAINT_REFUSE(m, found,
                            "a view has no parameters: write the value, or compare with $%u when "
                            "you ask the view",
                            found->u.number + 1);
    }
    return MAINT_REFUSE(m, found,
                        "%s in a view is not supported: its rows would change while none come; "
                        "compare with it when you ask the view",
                        found->u.function->name);
}

/* Whether rows that are equal may count more than once without a difference. */
static bool maint_is_idempotent(const struct vec_aggregate *function)
{
    static const char *const names[] = {"min", "max", "bool_and", "bool_or", "every"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(function->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool maint_check_aggregation(struct maint_maker *m, const struct plan_aggregation *its)
{
    const struct vec_aggregate *function = its->function;
    if (its->is_distinct && !maint_is_idempotent(function)) {
        return MAINT_REFUSE(m, its->call,
                            "%s(DISTINCT ...) in a view is not supported: add the value to GROUP "
                            "BY, and use %s when you ask the view",
                            function->name, function->name);
    }
    if (vec_accumulator_of(function) == NULL) {
        return MAINT_REFUSE(m, its->call,
                            "%s in a view is not supported: keep count(x), sum(x) and sum(x * x), "
                            "and compute it when you ask the view",
                            function->name);
    }
    for (uint32_t i = 0; i < function->args_count; i++) {
        if (!maint_check_expr(m, its->args[i])) {
            return false;
        }
    }
    return its->filter == NULL || maint_check_expr(m, its->filter);
}

static bool maint_check_exprs(struct maint_maker *m, const struct plan_node *node)
{
    if (node->kind == PLAN_FILTER) {
        return maint_check_expr(m, node->filter);
    }
    bool is_good = true;
    for (uint32_t i = 0; node->kind == PLAN_PROJECT && i < node->outputs_count && is_good; i++) {
        is_good = maint_check_expr(m, node->project[i]);
    }
    if (node->kind != PLAN_AGGREGATE) {
        return is_good;
    }
    for (uint32_t i = 0; i < node->aggregate.keys_count && is_good; i++) {
        is_good = maint_check_expr(m, node->aggregate.keys[i]);
    }
    for (uint32_t i = 0; i < node->aggregate.aggregations_count && is_good; i++) {
        is_good = maint_check_aggregation(m, &node->aggregate.aggregations[i]);
    }
    return is_good;
}

/* --- What is kept ----------------------------------------------------------------------------- */

/* The column of `relation` with that role; UINT32_MAX: it has none. */
static uint32_t maint_role_column(const struct plan_relation *relation, enum plan_role role)
{
    for (uint32_t i = 0; i < relation->columns_count; i++) {
        if (relation->columns[i].role == (uint8_t)role) {
            return i;
        }
    }
    return UINT32_MAX;
}

/* Columns of the scan, and those of the origin behind them. */
static bool maint_make_scan(struct maint_maker *m)
{
    static const enum plan_role roles[MAINT_ORIGINS] = {PLAN_ROLE_TIMESTAMP, PLAN_ROLE_PARTITION,
                                                        PLAN_ROLE_OFFSET};
    struct maint_view *view = m->view;
    const struct plan_scan *scan = &m->nodes[0]->scan;
    uint32_t count = m->nodes[0]->outputs_count;
    uint32_t *columns = maint_alloc(m, count + MAINT_ORIGINS, sizeof(*columns));
    if (columns == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = scan->columns[i];
    }
    for (uint32_t i = 0; i < MAINT_ORIGINS; i++) {
        uint32_t column = maint_role_column(scan->relation, roles[i]);
        if (column == UINT32_MAX) {
            return maint_refuse(m, 0, 0, "%s.%s does not say where its rows come from",
                                scan->relation->schema, scan->relation->name);
        }
        uint32_t at = 0;
        while (at < count && columns[at] != column) {
            at++;
        }
        columns[at] = column;
        count += at == count;
        view->origin[i] = at;
    }
    view->scan = m->nodes[0];
    view->scan_columns = columns;
    view->scan_columns_count = count;
    return true;
}

/* The projection of a rows view, with partition and offset behind; *carried is where these are in
 * its input, and then in its outputs. */
static const struct vec_expr *const *maint_make_carrying(struct maint_maker *m,
                                                         const struct plan_node *node,
                                                         uint32_t carried[2])
{
    uint32_t count = node->outputs_count;
    const struct vec_expr **exprs = maint_alloc(m, count + 2, sizeof(struct vec_expr *));
    if (exprs == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        exprs[i] = node->project[i];
    }
    static const enum vec_kind kinds[2] = {VEC_INTEGER, VEC_BIGINT};
    for (uint32_t i = 0; i < 2; i++) {
        exprs[count + i] = plan_column(m->a, vec_type(kinds[i]), carried[i], NULL);
        carried[i] = count + i;
        if (exprs[count + i] == NULL) {
            return NULL;
        }
    }
    return exprs;
}

/* *out = the steps of nodes[first .. end - 1]. */
static bool maint_make_steps(struct maint_maker *m, uint32_t first, uint32_t end,
                             const struct maint_step **out, uint32_t *out_count)
{
    struct maint_step *steps = maint_alloc(m, end - first, sizeof(*steps));
    if (steps == NULL) {
        return false;
    }
    uint32_t count = 0;
    for (uint32_t at = first; at < end; at++) {
        const struct plan_node *node = m->nodes[at];
        struct maint_step *step = &steps[count];
        step->columns_count = node->outputs_count;
        if (node->kind == PLAN_FILTER) {
            step->filter = node->filter;
            count++;
        } else if (node->kind == PLAN_PROJECT) {
            step->project = node->project;
            count++;
        } else {
            ASSERT(node->kind == PLAN_DISTINCT);
        }
    }
    *out = steps;
    *out_count = count;
    return true;
}

/* Add a state; its number. */
static uint32_t maint_add_state(struct maint_maker *m, const struct vec_accumulator *accumulator,
                                const struct vec_expr *call, const struct vec_expr *const *args,
                                const struct vec_expr *filter)
{
    struct maint_view *view = m->view;
    ASSERT(accumulator != NULL);
    ASSERT(accumulator->state_bytes % 8 == 0);
    ASSERT(view->states_count < m->states_max);
    m->states[view->states_count] = (struct maint_state){
        .accumulator = accumulator,
        .call = call,
        .args = args,
        .filter = filter,
        .pos = view->state_bytes,
    };
    view->state_bytes += accumulator->state_bytes;
    return view->states_count++;
}

/* The one that keeps which of equal values is shown; NULL: equal values of the type are the same
 * bytes, which can be read back from a key. */
static const struct vec_accumulator *maint_equals(struct vec_type type)
{
    bool is_fixed = type.kind == VEC_NUMERIC && type.precision > 0;
    return is_fixed ? NULL : vec_accumulator_of_equals((enum vec_kind)type.kind);
}

/* Room for states and columns of a group. */
static bool maint_make_room(struct maint_maker *m, uint32_t states_max, uint32_t columns_count)
{
    m->states_max = states_max;
    m->states = maint_alloc(m, states_max, sizeof(*m->states));
    m->columns = maint_alloc(m, columns_count, sizeof(*m->columns));
    m->view->states = m->states;
    m->view->columns = m->columns;
    m->view->columns_count = columns_count;
    return m->states != NULL && m->columns != NULL;
}

/* Keys: types, and where a group has them. */
static bool maint_make_keys(struct maint_maker *m, const struct vec_expr *const *keys,
                            uint32_t count)
{
    struct maint_view *view = m->view;
    struct vec_type *types = maint_alloc(m, count, sizeof(*types));
    if (types == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        types[i] = keys[i]->type;
        m->columns[i] = (struct maint_column){.is_key = true, .number = i, .type = types[i]};
        const struct vec_accumulator *equals = maint_equals(types[i]);
        if (equals != NULL) {
            m->columns[i].is_key = false;
            m->columns[i].number = maint_add_state(m, equals, keys[i], &keys[i], NULL);
        }
    }
    view->keys = keys;
    view->key_types = types;
    view->keys_count = count;
    return true;
}

/* DISTINCT: its input's columns, as keys. */
static const struct vec_expr *const *maint_make_distinct(struct maint_maker *m,
                                                         const struct plan_node *node)
{
    const struct vec_expr **keys = maint_alloc(m, node->outputs_count, sizeof(struct vec_expr *));
    for (uint32_t i = 0; keys != NULL && i < node->outputs_count; i++) {
        keys[i] = plan_column(m->a, node->outputs[i].type, i, NULL);
        if (keys[i] == NULL) {
            return NULL;
        }
    }
    return keys;
}

static bool maint_make_groups(struct maint_maker *m)
{
    struct maint_view *view = m->view;
    const struct plan_node *node = m->nodes[m->group];
    bool is_aggregate = node->kind == PLAN_AGGREGATE;
    uint32_t keys_count = maint_keys_count(node);
    uint32_t aggregations_count = is_aggregate ? node->aggregate.aggregations_count : 0;
    ASSERT(node->outputs_count == keys_count + aggregations_count);
    const struct vec_expr *const *keys =
        is_aggregate ? node->aggregate.keys : maint_make_distinct(m, node);
    if (keys_count > 0 && keys == NULL) {
        return false;
    }
    if (!maint_make_room(m, node->outputs_count, node->outputs_count) ||
        !maint_make_keys(m, keys, keys_count) ||
        !maint_make_steps(m, 1, m->group, &view->below, &view->below_count) ||
        !maint_make_steps(m, m->group + 1, m->nodes_count, &view->above, &view->above_count)) {
        return false;
    }
    for (uint32_t i = 0; i < aggregations_count; i++) {
        const struct plan_aggregation *its = &node->aggregate.aggregations[i];
        m->columns[keys_count + i] = (struct maint_column){
            .number = maint_add_state(m, vec_accumulator_of(its->function), its->call, its->args,
                                      its->filter),
            .type = node->outputs[keys_count + i].type,
        };
    }
    view->is_global = keys_count == 0;
    return true;
}

/* Steps below that carry partition and offset along: *carried is where they are behind the last. */
static bool maint_make_carried(struct maint_maker *m, uint32_t carried[2])
{
    struct maint_view *view = m->view;
    struct maint_step *steps = maint_alloc(m, m->nodes_count, sizeof(*steps));
    if (steps == NULL) {
        return false;
    }
    uint32_t columns_count = view->scan_columns_count;
    for (uint32_t at = 1; at < m->nodes_count; at++) {
        const struct plan_node *node = m->nodes[at];
        struct maint_step *step = &steps[at - 1];
        if (node->kind == PLAN_FILTER) {
            step->filter = node->filter;
        } else {
            ASSERT(node->kind == PLAN_PROJECT);
            step->project = maint_make_carrying(m, node, carried);
            columns_count = node->outputs_count + 2;
            if (step->project == NULL) {
                return false;
            }
        }
        step->columns_count = columns_count;
    }
    view->below = steps;
    view->below_count = m->nodes_count - 1;
    return true;
}

/* No grouping: a group is a row. */
static bool maint_make_rows(struct maint_maker *m)
{
    struct maint_view *view = m->view;
    const struct plan_node *root = m->nodes[m->nodes_count - 1];
    uint32_t carried[2] = {view->origin[1], view->origin[2]};
    const struct vec_expr **exprs = maint_alloc(m, root->outputs_count + 2, sizeof(*exprs));
    struct vec_type *types = maint_alloc(m, 2, sizeof(*types));
    if (exprs == NULL || types == NULL ||
        !maint_make_room(m, root->outputs_count, root->outputs_count) ||
        !maint_make_carried(m, carried)) {
        return false;
    }
    for (uint32_t i = 0; i < root->outputs_count; i++) {
        struct vec_type type = root->outputs[i].type;
        exprs[i] = plan_column(m->a, type, i, NULL);
        if (exprs[i] == NULL) {
            return false;
        }
        m->columns[i] = (struct maint_column){
            .number = maint_add_state(m, vec_accumulator_of_value((enum vec_kind)type.kind),
                                      exprs[i], &exprs[i], NULL),
            .type = type,
        };
    }
    const struct vec_expr **keys = exprs + root->outputs_count;
    types[0] = vec_type(VEC_INTEGER);
    types[1] = vec_type(VEC_BIGINT);
    for (uint32_t i = 0; i < 2; i++) {
        keys[i] = plan_column(m->a, types[i], carried[i], NULL);
        if (keys[i] == NULL) {
            return false;
        }
    }
    view->keys = keys;
    view->key_types = types;
    view->keys_count = 2;
    view->is_rows = true;
    return true;
}

/* What the view shows, and which of it are keys. */
static bool maint_make_outputs(struct maint_maker *m)
{
    struct maint_view *view = m->view;
    uint32_t top = m->nodes_count - 1;
    const struct plan_node *root = m->nodes[top];
    uint32_t *key_outputs = maint_alloc(m, view->keys_count, sizeof(*key_outputs));
    if (key_outputs == NULL) {
        return false;
    }
    view->outputs = root->outputs;
    view->outputs_count = root->outputs_count;
    view->key_outputs = key_outputs;
    for (uint32_t key = 0; key < view->keys_count; key++) {
        uint32_t column = view->is_rows ? view->origin[1 + key] : key;
        key_outputs[key] = UINT32_MAX;
        for (uint32_t i = 0; i < root->outputs_count && key_outputs[key] == UINT32_MAX; i++) {
            if (maint_trace(m, top, m->group, i) == column) {
                key_outputs[key] = i;
            }
        }
    }
    return true;
}
