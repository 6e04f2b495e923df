/* Plans into JSON. See json.h. */
#include <string.h>

#include "base/assert.h"
#include "views/plan/build.h"
#include "views/plan/json.h"
#include "views/plan/json_int.h"
#include "views/plan/value.h"
#include "views/vec/function.h"
#include "views/vec/integer.h"
#include "views/vec/jsonb.h"

static void plan_write_node(struct bytes_writer *w, const struct plan_node *node);
static void plan_write_scan(struct bytes_writer *w, const struct plan_node *node);
static void plan_write_values(struct bytes_writer *w, const struct plan_node *node);
static void plan_write_aggregates(struct bytes_writer *w, const struct plan_aggregate *aggregate);
static void plan_write_keys(struct bytes_writer *w, const struct plan_sort *sort);
static void plan_write_limit(struct bytes_writer *w, const struct plan_limit *limit);
static void plan_write_outputs(struct bytes_writer *w, const struct plan_node *node);
static void plan_write_exprs(struct bytes_writer *w, const struct vec_expr *const *exprs,
                             uint32_t count);
static void plan_write_expr(struct bytes_writer *w, const struct vec_expr *expr);
static void plan_write_payload(struct bytes_writer *w, const struct vec_expr *expr);
static void plan_write_constant(struct bytes_writer *w, const struct vec_expr *expr);
static void plan_write_jsonb(struct bytes_writer *w, const struct vec_value *value);
static void plan_write_function(struct bytes_writer *w, const char *name, const uint8_t *args,
                                const struct vec_expr *const *exprs, uint32_t count,
                                unsigned version);
static void plan_write_place(struct bytes_writer *w, const struct vec_expr *expr);
static void plan_write_number(struct bytes_writer *w, int64_t value);
static void plan_write_string(struct bytes_writer *w, const char *text);
static void plan_write_type(struct bytes_writer *w, struct vec_type type);
static void plan_put(struct bytes_writer *w, const char *text);

void plan_json_write(struct bytes_writer *w, const struct plan *plan)
{
    const struct plan_node *nodes[PLAN_DEPTH_MAX];
    uint32_t count = 0;
    plan_put(w, "{\"version\": ");
    plan_write_number(w, PLAN_VERSION);
    plan_put(w, ", \"params\": [");
    for (uint32_t i = 0; i < plan->params_count; i++) {
        plan_put(w, i > 0 ? ", " : "");
        plan_write_type(w, plan->params[i]);
    }
    plan_put(w, "], \"nodes\": [");
    for (const struct plan_node *node = plan->root; node != NULL; node = node->input) {
        ASSERT(count < PLAN_DEPTH_MAX);
        nodes[count++] = node;
    }
    for (uint32_t i = count; i > 0; i--) {
        plan_put(w, i < count ? ",\n " : "\n ");
        plan_write_node(w, nodes[i - 1]);
    }
    plan_put(w, "]}\n");
}

static void plan_write_node(struct bytes_writer *w, const struct plan_node *node)
{
    plan_put(w, "{\"node\": ");
    plan_write_string(w, plan_kind_name(node->kind));
    switch (node->kind) {
    case PLAN_SCAN: plan_write_scan(w, node); break;
    case PLAN_VALUES: plan_write_values(w, node); break;
    case PLAN_FILTER:
        plan_put(w, ", \"condition\": ");
        plan_write_expr(w, node->filter);
        break;
    case PLAN_PROJECT:
        plan_put(w, ", \"columns\": ");
        plan_write_exprs(w, node->project, node->outputs_count);
        break;
    case PLAN_AGGREGATE: plan_write_aggregates(w, &node->aggregate); break;
    case PLAN_DISTINCT: break;
    case PLAN_SORT: plan_write_keys(w, &node->sort); break;
    case PLAN_TOP:
        plan_write_keys(w, &node->sort);
        plan_write_limit(w, &node->limit);
        break;
    case PLAN_LIMIT: plan_write_limit(w, &node->limit); break;
    case PLAN_KIND_COUNT: UNREACHABLE();
    }
    plan_write_outputs(w, node);
    plan_put(w, "}");
}

static void plan_write_scan(struct bytes_writer *w, const struct plan_node *node)
{
    const struct plan_scan *scan = &node->scan;
    const struct {
        const char *name;
        int64_t value;
        int64_t none;
    } bounds[] = {
        {"offset_min", scan->offset_min, 0},
        {"offset_max", scan->offset_max, PLAN_OFFSET_MAX},
        {"timestamp_min", scan->timestamp_min, INT64_MIN},
        {"timestamp_max", scan->timestamp_max, INT64_MAX},
        {"partition", scan->partition, -1},
        {"rows_max", scan->rows_max, INT64_MAX},
    };
    bool has_bounds = false;
    plan_put(w, ", \"relation\": [");
    plan_write_string(w, scan->relation->schema);
    plan_put(w, ", ");
    plan_write_string(w, scan->relation->name);
    plan_put(w, "], \"columns\": [");
    for (uint32_t i = 0; i < node->outputs_count - scan->paths_count; i++) {
        plan_put(w, i > 0 ? ", " : "");
        plan_write_string(w, scan->relation->columns[scan->columns[i]].name);
    }
    plan_put(w, "]");
    for (uint32_t i = 0; i < scan->paths_count; i++) {
        const struct plan_path *path = &scan->paths[i];
        plan_put(w, i > 0 ? ", [" : ", \"paths\": [[");
        plan_write_string(w, scan->relation->columns[path->column].name);
        for (uint32_t k = 0; k < path->names_count; k++) {
            plan_put(w, ", ");
            vec_jsonb_write_string(w, vec_text(path->names[k].data, path->names[k].length));
        }
        plan_put(w, i + 1 < scan->paths_count ? "]" : "]]");
    }
    for (size_t i = 0; i < ARRAY_COUNT(bounds); i++) {
        if (bounds[i].value != bounds[i].none) {
            plan_put(w, has_bounds ? ", " : ", \"bounds\": {");
            plan_write_string(w, bounds[i].name);
            plan_put(w, ": ");
            plan_write_number(w, bounds[i].value);
            has_bounds = true;
        }
    }
    plan_put(w, has_bounds ? "}" : "");
}

static void plan_write_values(struct bytes_writer *w, const struct plan_node *node)
{
    const struct vec_expr *const *row = node->values.exprs;
    plan_put(w, ", \"rows\": [");
    for (uint32_t i = 0; i < node->values.rows_count; i++) {
        plan_put(w, i > 0 ? ", " : "");
        plan_write_exprs(w, row, node->outputs_count);
        row = row != NULL ? row + node->outputs_count : NULL;
    }
    plan_put(w, "]");
}

static void plan_write_aggregates(struct bytes_writer *w, const struct plan_aggregate *aggregate)
{
    plan_put(w, ", \"keys\": ");
    plan_write_exprs(w, aggregate->keys, aggregate->keys_count);
    plan_put(w, ", \"aggregates\": [");
    for (uint32_t i = 0; i < aggregate->aggregations_count; i++) {
        const struct plan_aggregation *aggregation = &aggregate->aggregations[i];
        const struct vec_aggregate *function = aggregation->function;
        plan_put(w, i > 0 ? ", {\"function\": \"" : "{\"function\": \"");
        plan_write_function(w, function->name, function->args, NULL, function->args_count,
                            function->version);
        plan_put(w, "\", \"type\": ");
        plan_write_type(w, aggregation->call->type);
        plan_put(w, ", \"place\": ");
        plan_write_place(w, aggregation->call);
        plan_put(w, ", \"args\": ");
        plan_write_exprs(w, aggregation->args, function->args_count);
        if (aggregation->filter != NULL) {
            plan_put(w, ", \"filter\": ");
            plan_write_expr(w, aggregation->filter);
        }
        plan_put(w, aggregation->is_distinct ? ", \"distinct\": true}" : "}");
    }
    plan_put(w, "]");
}

static void plan_write_keys(struct bytes_writer *w, const struct plan_sort *sort)
{
    plan_put(w, ", \"keys\": [");
    for (uint32_t i = 0; i < sort->keys_count; i++) {
        plan_put(w, i > 0 ? ", [" : "[");
        plan_write_expr(w, sort->keys[i]);
        plan_put(w, sort->orders[i].is_descending ? ", \"desc\"" : ", \"asc\"");
        plan_put(w, sort->orders[i].is_null_first ? ", \"first\"]" : ", \"last\"]");
    }
    plan_put(w, "]");
}

static void plan_write_limit(struct bytes_writer *w, const struct plan_limit *limit)
{
    if (limit->count != NULL) {
        plan_put(w, ", \"count\": ");
        plan_write_expr(w, limit->count);
    }
    if (limit->offset != NULL) {
        plan_put(w, ", \"offset\": ");
        plan_write_expr(w, limit->offset);
    }
}

static void plan_write_outputs(struct bytes_writer *w, const struct plan_node *node)
{
    plan_put(w, ", \"outputs\": [");
    for (uint32_t i = 0; i < node->outputs_count; i++) {
        plan_put(w, i > 0 ? ", [" : "[");
        plan_write_string(w, node->outputs[i].name);
        plan_put(w, ", ");
        plan_write_type(w, node->outputs[i].type);
        plan_put(w, "]");
    }
    plan_put(w, "]");
}

static void plan_write_exprs(struct bytes_writer *w, const struct vec_expr *const *exprs,
                             uint32_t count)
{
    plan_put(w, "[");
    for (uint32_t i = 0; i < count; i++) {
        plan_put(w, i > 0 ? ", " : "");
        plan_write_expr(w, exprs[i]);
    }
    plan_put(w, "]");
}

static void plan_write_expr(struct bytes_writer *w, const struct vec_expr *expr)
{
    plan_put(w, expr->is_not ? "[\"" PLAN_JSON_NOT : "[\"");
    plan_put(w, plan_expr_kind_name((enum vec_expr_kind)expr->kind));
    plan_put(w, "\", ");
    plan_write_type(w, expr->type);
    plan_put(w, ", ");
    plan_write_place(w, expr);
    plan_write_payload(w, expr);
    for (uint32_t i = 0; i < expr->args_count; i++) {
        plan_put(w, ", ");
        plan_write_expr(w, expr->args[i]);
    }
    plan_put(w, "]");
}

static void plan_write_payload(struct bytes_writer *w, const struct vec_expr *expr)
{
    const struct vec_function *function = expr->u.function;
    if (expr->kind == VEC_EXPR_CONSTANT) {
        plan_put(w, ", ");
        plan_write_constant(w, expr);
    } else if (expr->kind == VEC_EXPR_COLUMN || expr->kind == VEC_EXPR_PARAM) {
        plan_put(w, ", ");
        plan_write_number(w, expr->u.number);
    } else if (expr->kind == VEC_EXPR_CALL) {
        plan_put(w, ", \"");
        plan_write_function(w, function->name, NULL, (const struct vec_expr *const *)expr->args,
                            expr->args_count, function->version);
        plan_put(w, "\"");
    }
}

/* A text as it is, a JSONB as the string of its text, others as they print: short ones. */
static void plan_write_constant(struct bytes_writer *w, const struct vec_expr *expr)
{
    const struct vec_value *value = &expr->u.value;
    enum vec_kind kind = (enum vec_kind)expr->type.kind;
    char text[PLAN_VALUE_TEXT_BYTES];
    if (value->is_null) {
        plan_put(w, "null");
    } else if (kind == VEC_TEXT) {
        vec_jsonb_write_string(w, vec_text(value->u.bytes.data, value->u.bytes.length));
    } else if (kind == VEC_JSONB) {
        plan_write_jsonb(w, value);
    } else {
        struct bytes_writer part = bytes_writer(text, sizeof(text));
        plan_value_write(&part, kind, value);
        ASSERT(part.err == ERR_OK);
        vec_jsonb_write_string(w, vec_text(text, part.pos));
    }
}

/* The text of a JSONB as a string. Of what it is made of only quotes and backslashes need escapes:
 * they are made where it stands, from the end. */
static void plan_write_jsonb(struct bytes_writer *w, const struct vec_value *value)
{
    plan_put(w, "\"");
    size_t begin = w->pos, escapes_count = 0;
    plan_value_write(w, VEC_JSONB, value);
    size_t end = w->pos;
    for (size_t i = begin; i < end; i++) {
        escapes_count += w->data[i] == '"' || w->data[i] == '\\';
    }
    bytes_put_zeros(w, escapes_count);
    if (w->err != ERR_OK) {
        return;
    }
    for (size_t from = end, to = w->pos; to > from;) {
        uint8_t byte = w->data[--from];
        w->data[--to] = byte;
        if (byte == '"' || byte == '\\') {
            w->data[--to] = '\\';
        }
    }
    plan_put(w, "\"");
}

/* name(kind,kind): of `args`, or of the types of `exprs`. */
static void plan_write_function(struct bytes_writer *w, const char *name, const uint8_t *args,
                                const struct vec_expr *const *exprs, uint32_t count,
                                unsigned version)
{
    plan_put(w, name);
    plan_put(w, "(");
    for (uint32_t i = 0; i < count; i++) {
        plan_put(w, i > 0 ? "," : "");
        uint8_t kind = args != NULL ? args[i] : exprs[i]->type.kind;
        plan_put(w, vec_kind_name((enum vec_kind)kind));
    }
    plan_put(w, ")");
    if (version != 1) {
        plan_put(w, "#");
        plan_write_number(w, version);
    }
}

static void plan_write_place(struct bytes_writer *w, const struct vec_expr *expr)
{
    plan_put(w, "\"");
    plan_write_number(w, expr->pos);
    plan_put(w, ":");
    plan_write_number(w, expr->length);
    plan_put(w, "\"");
}

static void plan_write_number(struct bytes_writer *w, int64_t value)
{
    vec_int8_write(w, value);
}

static void plan_write_string(struct bytes_writer *w, const char *text)
{
    vec_jsonb_write_string(w, vec_text(text, strlen(text)));
}

static void plan_write_type(struct bytes_writer *w, struct vec_type type)
{
    plan_put(w, "\"");
    plan_put(w, vec_kind_name((enum vec_kind)type.kind));
    if (type.precision != 0) {
        plan_put(w, "(");
        plan_write_number(w, type.precision);
        plan_put(w, ",");
        plan_write_number(w, type.scale);
        plan_put(w, ")");
    }
    plan_put(w, "\"");
}

static void plan_put(struct bytes_writer *w, const char *text)
{
    bytes_put_copy(w, text, strlen(text));
}
