/* JSON into plans. See json.h.
 *
 * Any bytes may come. base/json has checked that they are JSON before anything is built; what they
 * mean is checked here as far as it must be to build a tree, and the rest by plan_validate, which
 * looks at every node. The first thing that is wrong is kept; what comes after it is not looked at.
 */
#include <assert.h>
#include <string.h>

#include "base/json.h"
#include "views/plan/build.h"
#include "views/plan/json.h"
#include "views/plan/json_int.h"
#include "views/plan/value.h"
#include "views/vec/function.h"
#include "views/vec/integer.h"

static bool plan_read_plan(struct plan_reader *r, const struct json_value *text, struct plan *out);
static bool plan_read_node(struct plan_reader *r, const struct json_value *value,
                           struct plan_node *node);
static bool plan_read_part(struct plan_reader *r, struct plan_node *node,
                           struct plan_member *members);
static bool plan_read_outputs(struct plan_reader *r, const struct json_value *value,
                              struct plan_node *node);
static bool plan_read_scan(struct plan_reader *r, struct plan_member *members,
                           struct plan_node *node);
static bool plan_read_paths(struct plan_reader *r, const struct json_value *value,
                            struct plan_scan *scan);
static bool plan_read_path(struct plan_reader *r, const struct json_value *value,
                           const struct plan_relation *relation, struct plan_path *path);
static bool plan_read_bounds(struct plan_reader *r, const struct json_value *value,
                             struct plan_scan *scan);
static bool plan_read_values(struct plan_reader *r, const struct json_value *value,
                             struct plan_node *node);
static bool plan_read_aggregates(struct plan_reader *r, const struct json_value *value,
                                 struct plan_aggregate *aggregate);
static bool plan_read_aggregation(struct plan_reader *r, const struct json_value *value,
                                  struct plan_aggregation *out);
static bool plan_read_keys(struct plan_reader *r, const struct json_value *value,
                           struct plan_sort *sort);
static bool plan_read_limit(struct plan_reader *r, const struct plan_member *members,
                            struct plan_limit *limit);

enum err plan_json_read(const char *text, size_t length, plan_find_fn *find, void *ctx,
                        struct arena *arena, struct plan *out, struct plan_fault *fault)
{
    struct plan_reader r = {.find = find, .ctx = ctx, .arena = arena, .fault = fault};
    struct json_value value;
    size_t pos;
    fault->text[0] = '\0';
    if (length > PLAN_JSON_BYTES_MAX) {
        plan_read_fail(&r, "longer than %u bytes", PLAN_JSON_BYTES_MAX);
        return ERR_TOO_LARGE;
    }
    if (json_read(text, length, &value, &pos) != ERR_OK) {
        plan_read_fail(&r, "no JSON at byte %zu", pos);
    } else if (plan_read_plan(&r, &value, out)) {
        return plan_validate(out, fault);
    }
    return r.err;
}

static bool plan_read_plan(struct plan_reader *r, const struct json_value *text, struct plan *out)
{
    struct plan_member members[] = {
        {.name = "version", .is_needed = true},
        {.name = "params", .is_needed = true},
        {.name = "nodes", .is_needed = true},
    };
    struct json_value item;
    int64_t version = 0;
    if (!plan_read_members(r, text, members, ARRAY_COUNT(members)) ||
        !plan_read_number(r, &members[0].value, 0, INT32_MAX, &version)) {
        return false;
    }
    if (version != PLAN_VERSION) {
        return plan_read_fail(r, "version %d: this is %u", (int)version, PLAN_VERSION);
    }
    out->params_count = plan_read_count(r, &members[1].value);
    uint32_t nodes_count = plan_read_count(r, &members[2].value);
    struct vec_type *params = plan_read_alloc(r, out->params_count, sizeof(*params));
    struct plan_node *nodes = plan_read_alloc(r, nodes_count, sizeof(*nodes));
    if (r->err != ERR_OK || params == NULL || nodes == NULL) {
        return false;
    }
    struct json_items items = json_items(&members[1].value);
    for (uint32_t i = 0; json_items_next(&items, NULL, &item); i++) {
        if (!plan_read_type(r, &item, &params[i])) {
            return false;
        }
    }
    items = json_items(&members[2].value);
    for (uint32_t i = 0; json_items_next(&items, NULL, &item); i++) {
        nodes[i].input = i > 0 ? &nodes[i - 1] : NULL;
        if (!plan_read_node(r, &item, &nodes[i])) {
            return false;
        }
    }
    out->params = params;
    out->root = nodes_count > 0 ? &nodes[nodes_count - 1] : NULL;
    return true;
}

/* Members of any node, in the order plan_read_part knows them by. */
enum plan_read_member {
    PLAN_READ_NODE,
    PLAN_READ_OUTPUTS,
    PLAN_READ_RELATION,
    PLAN_READ_COLUMNS,
    PLAN_READ_PATHS,
    PLAN_READ_BOUNDS,
    PLAN_READ_ROWS,
    PLAN_READ_CONDITION,
    PLAN_READ_KEYS,
    PLAN_READ_AGGREGATES,
    PLAN_READ_COUNT,
    PLAN_READ_OFFSET,
    PLAN_READ_MEMBERS
};

/* Members that a node of a kind has. */
#define PLAN_READ_BIT(member) (1u << (member))
static const uint32_t plan_read_needed[PLAN_KIND_COUNT] = {
    [PLAN_SCAN] = PLAN_READ_BIT(PLAN_READ_RELATION) | PLAN_READ_BIT(PLAN_READ_COLUMNS),
    [PLAN_VALUES] = PLAN_READ_BIT(PLAN_READ_ROWS),
    [PLAN_FILTER] = PLAN_READ_BIT(PLAN_READ_CONDITION),
    [PLAN_PROJECT] = PLAN_READ_BIT(PLAN_READ_COLUMNS),
    [PLAN_AGGREGATE] = PLAN_READ_BIT(PLAN_READ_KEYS) | PLAN_READ_BIT(PLAN_READ_AGGREGATES),
    [PLAN_SORT] = PLAN_READ_BIT(PLAN_READ_KEYS),
    [PLAN_TOP] = PLAN_READ_BIT(PLAN_READ_KEYS) | PLAN_READ_BIT(PLAN_READ_COUNT),
};
static const uint32_t plan_read_allowed[PLAN_KIND_COUNT] = {
    [PLAN_SCAN] = PLAN_READ_BIT(PLAN_READ_PATHS) | PLAN_READ_BIT(PLAN_READ_BOUNDS),
    [PLAN_TOP] = PLAN_READ_BIT(PLAN_READ_OFFSET),
    [PLAN_LIMIT] = PLAN_READ_BIT(PLAN_READ_COUNT) | PLAN_READ_BIT(PLAN_READ_OFFSET),
};

static bool plan_read_node(struct plan_reader *r, const struct json_value *value,
                           struct plan_node *node)
{
    struct plan_member members[PLAN_READ_MEMBERS] = {
        [PLAN_READ_NODE] = {.name = "node", .is_needed = true},
        [PLAN_READ_OUTPUTS] = {.name = "outputs", .is_needed = true},
        [PLAN_READ_RELATION] = {.name = "relation"},
        [PLAN_READ_COLUMNS] = {.name = "columns"},
        [PLAN_READ_PATHS] = {.name = "paths"},
        [PLAN_READ_BOUNDS] = {.name = "bounds"},
        [PLAN_READ_ROWS] = {.name = "rows"},
        [PLAN_READ_CONDITION] = {.name = "condition"},
        [PLAN_READ_KEYS] = {.name = "keys"},
        [PLAN_READ_AGGREGATES] = {.name = "aggregates"},
        [PLAN_READ_COUNT] = {.name = "count"},
        [PLAN_READ_OFFSET] = {.name = "offset"},
    };
    if (!plan_read_members(r, value, members, PLAN_READ_MEMBERS)) {
        return false;
    }
    unsigned kind = 0;
    while (kind < PLAN_KIND_COUNT &&
           !plan_read_is(&members[PLAN_READ_NODE].value, plan_kind_name((enum plan_kind)kind))) {
        kind++;
    }
    if (kind == PLAN_KIND_COUNT) {
        return plan_read_fail(r, "no kind of a node");
    }
    node->kind = (enum plan_kind)kind;
    for (unsigned i = PLAN_READ_RELATION; i < PLAN_READ_MEMBERS; i++) {
        bool is_there = members[i].value.text != NULL;
        bool is_needed = (plan_read_needed[kind] >> i & 1) != 0;
        if (is_there != is_needed && (is_needed || (plan_read_allowed[kind] >> i & 1) == 0)) {
            return plan_read_fail(r, "%s: member \"%s\": %s", plan_kind_name(node->kind),
                                  members[i].name, is_needed ? "missing" : "unknown");
        }
    }
    return plan_read_outputs(r, &members[PLAN_READ_OUTPUTS].value, node) &&
           plan_read_part(r, node, members);
}

static bool plan_read_part(struct plan_reader *r, struct plan_node *node,
                           struct plan_member *members)
{
    uint32_t count = 0;
    switch (node->kind) {
    case PLAN_SCAN: return plan_read_scan(r, members, node);
    case PLAN_VALUES: return plan_read_values(r, &members[PLAN_READ_ROWS].value, node);
    case PLAN_FILTER:
        node->filter = plan_read_expr(r, &members[PLAN_READ_CONDITION].value);
        return node->filter != NULL;
    case PLAN_PROJECT:
        node->project = plan_read_exprs(r, &members[PLAN_READ_COLUMNS].value, &count);
        if (node->project != NULL && count != node->outputs_count) {
            return plan_read_fail(r, "project: %u columns of %u", count, node->outputs_count);
        }
        return node->project != NULL;
    case PLAN_AGGREGATE:
        node->aggregate.keys =
            plan_read_exprs(r, &members[PLAN_READ_KEYS].value, &node->aggregate.keys_count);
        return node->aggregate.keys != NULL &&
               plan_read_aggregates(r, &members[PLAN_READ_AGGREGATES].value, &node->aggregate);
    case PLAN_DISTINCT: node->distinct = node->outputs_count; return true;
    case PLAN_SORT: return plan_read_keys(r, &members[PLAN_READ_KEYS].value, &node->sort);
    case PLAN_TOP:
        return plan_read_keys(r, &members[PLAN_READ_KEYS].value, &node->sort) &&
               plan_read_limit(r, members, &node->limit);
    case PLAN_LIMIT: return plan_read_limit(r, members, &node->limit);
    case PLAN_KIND_COUNT: break;
    }
    return false;
}

static bool plan_read_outputs(struct plan_reader *r, const struct json_value *value,
                              struct plan_node *node)
{
    struct json_value item, name, type;
    node->outputs_count = plan_read_count(r, value);
    struct plan_output *outputs = plan_read_alloc(r, node->outputs_count, sizeof(*outputs));
    if (r->err != ERR_OK || outputs == NULL) {
        return false;
    }
    node->outputs = outputs;
    struct json_items items = json_items(value);
    for (uint32_t i = 0; json_items_next(&items, NULL, &item); i++) {
        if (plan_read_count(r, &item) != 2) {
            return plan_read_fail(r, "output %u: not a name and a type", i);
        }
        struct json_items pair = json_items(&item);
        if (!json_items_next(&pair, NULL, &name) || !json_items_next(&pair, NULL, &type) ||
            !plan_read_type(r, &type, &outputs[i].type)) {
            return false;
        }
        outputs[i].name = plan_read_name(r, &name);
        if (outputs[i].name == NULL) {
            return false;
        }
    }
    return true;
}

static bool plan_read_scan(struct plan_reader *r, struct plan_member *members,
                           struct plan_node *node)
{
    struct json_value item, schema, name;
    struct plan_scan *scan = &node->scan;
    if (plan_read_count(r, &members[PLAN_READ_RELATION].value) != 2) {
        return plan_read_fail(r, "scan: relation: not a schema and a name");
    }
    struct json_items items = json_items(&members[PLAN_READ_RELATION].value);
    if (!json_items_next(&items, NULL, &schema) || !json_items_next(&items, NULL, &name)) {
        return false;
    }
    const char *schema_text = plan_read_name(r, &schema), *name_text = plan_read_name(r, &name);
    if (schema_text == NULL || name_text == NULL) {
        return false;
    }
    scan->relation = r->find(r->ctx, schema_text, name_text);
    if (scan->relation == NULL) {
        return plan_read_fail(r, "relation \"%.40s.%.60s\" does not exist", schema_text, name_text);
    }
    uint32_t count = plan_read_count(r, &members[PLAN_READ_COLUMNS].value), column = 0;
    uint32_t *columns = plan_read_alloc(r, count, sizeof(*columns));
    if (r->err != ERR_OK || columns == NULL) {
        return false;
    }
    if (!plan_read_paths(r, &members[PLAN_READ_PATHS].value, scan)) {
        return false;
    }
    if (count != (uint64_t)node->outputs_count - scan->paths_count) {
        return plan_read_fail(r, "scan: %u columns of %u", count, node->outputs_count);
    }
    items = json_items(&members[PLAN_READ_COLUMNS].value);
    for (uint32_t i = 0; json_items_next(&items, NULL, &item); i++) {
        const char *text = plan_read_name(r, &item);
        if (text == NULL) {
            return false;
        }
        while (column < scan->relation->columns_count &&
               strcmp(scan->relation->columns[column].name, text) != 0) {
            column++;
        }
        if (column == scan->relation->columns_count) {
            return plan_read_fail(r, "column \"%.60s\" does not exist, or not in that order", text);
        }
        columns[i] = column++;
    }
    scan->columns = columns;
    return plan_read_bounds(r, &members[PLAN_READ_BOUNDS].value, scan);
}

static bool plan_read_paths(struct plan_reader *r, const struct json_value *value,
                            struct plan_scan *scan)
{
    struct json_value item;
    uint32_t count = value->text != NULL ? plan_read_count(r, value) : 0;
    if (count > PLAN_PATHS_MAX) {
        return plan_read_fail(r, "scan: %u paths", count);
    }
    struct plan_path *paths = plan_read_alloc(r, count, sizeof(*paths));
    if (r->err != ERR_OK || paths == NULL) {
        return false;
    }
    scan->paths = paths;
    scan->paths_count = count;
    struct json_items items = count > 0 ? json_items(value) : (struct json_items){0};
    for (uint32_t i = 0; i < count && json_items_next(&items, NULL, &item); i++) {
        if (!plan_read_path(r, &item, scan->relation, &paths[i])) {
            return false;
        }
    }
    return true;
}

/* [column, name, ...] */
static bool plan_read_path(struct plan_reader *r, const struct json_value *value,
                           const struct plan_relation *relation, struct plan_path *path)
{
    struct json_value item;
    uint32_t count = plan_read_count(r, value);
    if (count < 2 || count > 1 + PLAN_PATH_NAMES_MAX) {
        return plan_read_fail(r, "scan: a path of %u parts", count);
    }
    struct vec_bytes *names = plan_read_alloc(r, count - 1, sizeof(*names));
    struct json_items items = json_items(value);
    if (names == NULL || !json_items_next(&items, NULL, &item)) {
        return false;
    }
    const char *column = plan_read_name(r, &item);
    while (column != NULL && path->column < relation->columns_count &&
           strcmp(relation->columns[path->column].name, column) != 0) {
        path->column++;
    }
    path->names = names;
    path->names_count = count - 1;
    for (uint32_t i = 0; column != NULL && json_items_next(&items, NULL, &item); i++) {
        if (!plan_read_text(r, &item, &names[i])) {
            return false;
        }
    }
    return column != NULL;
}

static bool plan_read_bounds(struct plan_reader *r, const struct json_value *value,
                             struct plan_scan *scan)
{
    struct plan_member members[] = {
        {.name = "offset_min"},    {.name = "offset_max"}, {.name = "timestamp_min"},
        {.name = "timestamp_max"}, {.name = "partition"},  {.name = "rows_max"},
    };
    scan->offset_min = 0;
    scan->offset_max = PLAN_OFFSET_MAX;
    scan->timestamp_min = INT64_MIN;
    scan->timestamp_max = INT64_MAX;
    scan->partition = -1;
    scan->rows_max = INT64_MAX;
    int64_t *const bounds[] = {&scan->offset_min,    &scan->offset_max, &scan->timestamp_min,
                               &scan->timestamp_max, &scan->partition,  &scan->rows_max};
    static_assert(ARRAY_COUNT(bounds) == ARRAY_COUNT(members), "one for each");
    if (value->text == NULL) {
        return true;
    }
    if (!plan_read_members(r, value, members, ARRAY_COUNT(members))) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_COUNT(members); i++) {
        if (members[i].value.text != NULL &&
            !plan_read_number(r, &members[i].value, INT64_MIN, INT64_MAX, bounds[i])) {
            return false;
        }
    }
    return true;
}

static bool plan_read_values(struct plan_reader *r, const struct json_value *value,
                             struct plan_node *node)
{
    struct json_value item;
    uint32_t rows_count = plan_read_count(r, value);
    size_t count;
    if (!bytes_size_mul(rows_count, node->outputs_count, &count)) {
        return plan_read_fail(r, "values: too many");
    }
    const struct vec_expr **exprs =
        r->err == ERR_OK ? plan_read_alloc(r, count, sizeof(*exprs)) : NULL;
    if (exprs == NULL) {
        return false;
    }
    struct json_items items = json_items(value);
    for (uint32_t row = 0; json_items_next(&items, NULL, &item); row++) {
        uint32_t columns_count;
        const struct vec_expr *const *columns = plan_read_exprs(r, &item, &columns_count);
        if (columns == NULL) {
            return false;
        }
        if (columns_count != node->outputs_count) {
            return plan_read_fail(r, "values: row %u: %u columns of %u", row, columns_count,
                                  node->outputs_count);
        }
        for (uint32_t i = 0; i < columns_count; i++) {
            exprs[row * node->outputs_count + i] = columns[i];
        }
    }
    node->values.exprs = exprs;
    node->values.rows_count = rows_count;
    return true;
}

static bool plan_read_aggregates(struct plan_reader *r, const struct json_value *value,
                                 struct plan_aggregate *aggregate)
{
    struct json_value item;
    aggregate->aggregations_count = plan_read_count(r, value);
    struct plan_aggregation *aggregations =
        r->err == ERR_OK ? plan_read_alloc(r, aggregate->aggregations_count, sizeof(*aggregations))
                         : NULL;
    if (aggregations == NULL) {
        return false;
    }
    aggregate->aggregations = aggregations;
    struct json_items items = json_items(value);
    for (uint32_t i = 0; json_items_next(&items, NULL, &item); i++) {
        if (!plan_read_aggregation(r, &item, &aggregations[i])) {
            return false;
        }
    }
    return true;
}

static bool plan_read_aggregation(struct plan_reader *r, const struct json_value *value,
                                  struct plan_aggregation *out)
{
    struct plan_member members[] = {
        {.name = "function", .is_needed = true},
        {.name = "type", .is_needed = true},
        {.name = "place", .is_needed = true},
        {.name = "args", .is_needed = true},
        {.name = "filter"},
        {.name = "distinct"},
    };
    struct vec_bytes text;
    uint8_t args[PLAN_READ_ARGS_MAX];
    size_t name_length, args_count;
    unsigned version;
    uint32_t exprs_count;
    if (!plan_read_members(r, value, members, ARRAY_COUNT(members)) ||
        !plan_read_text(r, &members[0].value, &text) ||
        !plan_read_signature(r, text, &name_length, args, &args_count, &version)) {
        return false;
    }
    out->function = vec_aggregate_find(text.data, name_length, args, args_count);
    if (out->function == NULL || out->function->version != version) {
        return plan_read_fail(r, "aggregate %.80s does not exist", text.data);
    }
    struct vec_expr *call = plan_expr(r->arena, VEC_EXPR_CALL, vec_type(VEC_NONE), NULL, 0);
    if (call == NULL) {
        return plan_read_alloc(r, SIZE_MAX, 2) != NULL;
    }
    out->call = call;
    if (!plan_read_type(r, &members[1].value, &call->type) ||
        !plan_read_place(r, &members[2].value, call)) {
        return false;
    }
    out->args = plan_read_exprs(r, &members[3].value, &exprs_count);
    if (out->args == NULL || exprs_count != args_count) {
        return plan_read_fail(r, "aggregate %.80s: not its arguments", text.data);
    }
    if (members[5].value.text != NULL && members[5].value.kind != JSON_TRUE) {
        return plan_read_fail(r, "aggregate %.80s: distinct is true or left out", text.data);
    }
    out->is_distinct = members[5].value.text != NULL;
    if (members[4].value.text != NULL) {
        out->filter = plan_read_expr(r, &members[4].value);
    }
    return r->err == ERR_OK;
}

static bool plan_read_keys(struct plan_reader *r, const struct json_value *value,
                           struct plan_sort *sort)
{
    struct json_value item, expr, order, nulls;
    sort->keys_count = plan_read_count(r, value);
    const struct vec_expr **keys =
        r->err == ERR_OK ? plan_read_alloc(r, sort->keys_count, sizeof(*keys)) : NULL;
    struct vec_order *orders =
        keys != NULL ? plan_read_alloc(r, sort->keys_count, sizeof(*orders)) : NULL;
    if (orders == NULL) {
        return false;
    }
    struct json_items items = json_items(value);
    for (uint32_t i = 0; json_items_next(&items, NULL, &item); i++) {
        if (plan_read_count(r, &item) != 3) {
            return plan_read_fail(r, "sort key %u: not an expression and an order", i);
        }
        struct json_items parts = json_items(&item);
        if (!json_items_next(&parts, NULL, &expr) || !json_items_next(&parts, NULL, &order) ||
            !json_items_next(&parts, NULL, &nulls)) {
            return false;
        }
        orders[i].is_descending = plan_read_is(&order, "desc");
        orders[i].is_null_first = plan_read_is(&nulls, "first");
        if ((!orders[i].is_descending && !plan_read_is(&order, "asc")) ||
            (!orders[i].is_null_first && !plan_read_is(&nulls, "last"))) {
            return plan_read_fail(r, "sort key %u: no order", i);
        }
        keys[i] = plan_read_expr(r, &expr);
        if (keys[i] == NULL) {
            return false;
        }
    }
    sort->keys = keys;
    sort->orders = orders;
    return true;
}

static bool plan_read_limit(struct plan_reader *r, const struct plan_member *members,
                            struct plan_limit *limit)
{
    const struct json_value *count = &members[PLAN_READ_COUNT].value;
    const struct json_value *offset = &members[PLAN_READ_OFFSET].value;
    limit->count = count->text != NULL ? plan_read_expr(r, count) : NULL;
    limit->offset = offset->text != NULL && r->err == ERR_OK ? plan_read_expr(r, offset) : NULL;
    return r->err == ERR_OK;
}
