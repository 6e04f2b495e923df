/* Texts within a JSONB, read by the scan: doc->'a'->>'b' becomes what the path a, b of doc gives,
 * where nothing else of doc is wanted, so that no row's document is parsed as a whole.
 *
 * A chain of names counts as far as its steps are constant texts; `#>> '{a,b}'` too, unless a step
 * looks like a number, which means an item where it comes to an array. What stands behind (->> 0)
 * stays, over what the path gives. Only what ends in a text counts: a path gives null for a JSON
 * null, as ->> does and -> does not. */
#include <string.h>

#include "base/assert.h"
#include "views/sql/optimise_int.h"
#include "views/vec/function.h"

/* A scan of more outputs is left as it is: readers are bounded in paths and bytes of them. */
#define OPTIMISE_PATH_OUTPUTS_MAX 128u

/* A chain from a column down. */
struct optimise_chain {
    uint32_t column; /* of the scan's outputs */
    struct vec_bytes names[PLAN_PATH_NAMES_MAX];
    uint32_t names_count;
};

/* The rewrite under way. */
struct optimise_pathing {
    struct optimise *o;
    const struct plan_scan *scan; /* as it was, */
    uint32_t outputs_count;       /* of so many outputs */
    bool *is_whole;               /* of each output of the scan: it is wanted as a whole */
    struct plan_path *paths;      /* found; column is the number of the scan's output */
    uint32_t paths_count;
    const uint32_t *number; /* of each output and then each path: the new one */
    bool is_full;           /* more paths than there may be */
};

static bool optimise_path_begin(struct optimise *o, const struct plan_node *scan,
                                struct optimise_pathing *p);
static bool optimise_path_look(void *ctx, const struct vec_expr **expr);
static void optimise_path_walk(struct optimise_pathing *p, const struct vec_expr *expr,
                               const struct vec_expr *end);
static void optimise_path_add(struct optimise_pathing *p, const struct optimise_chain *chain);
static const struct vec_expr *optimise_path_end(const struct optimise_pathing *p,
                                                const struct vec_expr *expr,
                                                struct optimise_chain *chain);
static bool optimise_path_chain(const struct vec_expr *expr, struct optimise_chain *chain);
static bool optimise_path_step(struct optimise_chain *chain, const struct vec_expr *step,
                               bool is_item);
static uint32_t optimise_path_find(const struct optimise_pathing *p,
                                   const struct optimise_chain *chain);
static bool optimise_path_scan(struct optimise_pathing *p, struct plan_node *scan);
static const char *optimise_path_name(struct optimise *o, const char *column,
                                      const struct plan_path *path);
static bool optimise_path_place(void *ctx, const struct vec_expr **expr);
static const struct vec_expr *optimise_path_replace(struct optimise_pathing *p,
                                                    const struct vec_expr *expr,
                                                    const struct vec_expr *end);
static const struct vec_expr *optimise_path_column(struct optimise_pathing *p,
                                                   const struct vec_expr *expr);

/* Whether the node's outputs are its input's, and its expressions over them. */
static bool optimise_path_passes(const struct plan_node *node)
{
    return node->kind == PLAN_FILTER || node->kind == PLAN_SORT || node->kind == PLAN_TOP ||
           node->kind == PLAN_LIMIT;
}

bool optimise_paths(struct optimise *o)
{
    struct plan_node *nodes[PLAN_DEPTH_MAX];
    uint32_t count = 0, last;
    for (struct plan_node *node = o->root; node != NULL; node = optimise_input(node)) {
        nodes[count++] = node;
    }
    struct plan_node *scan = nodes[count - 1];
    for (last = count - 1; last > 0 && optimise_path_passes(nodes[last - 1]);) {
        last--;
    }
    bool is_known = last > 0 && (nodes[last - 1]->kind == PLAN_PROJECT ||
                                 nodes[last - 1]->kind == PLAN_AGGREGATE);
    struct optimise_pathing p;
    if (scan->kind != PLAN_SCAN || !is_known || scan->outputs_count > OPTIMISE_PATH_OUTPUTS_MAX) {
        return true;
    }
    if (!optimise_path_begin(o, scan, &p)) {
        return false;
    }
    for (uint32_t i = last - 1; i + 1 < count; i++) {
        optimise_each(o, nodes[i], false, false, optimise_path_look, &p);
    }
    uint32_t wanted_count = 0; /* of columns that need not be whole */
    for (uint32_t i = 0; i < p.paths_count; i++) {
        wanted_count += !p.is_whole[p.paths[i].column];
    }
    if (wanted_count == 0 || p.is_full) {
        return true;
    }
    if (!optimise_path_scan(&p, scan)) {
        return false;
    }
    for (uint32_t i = last - 1; i + 1 < count; i++) {
        if (!optimise_each(o, nodes[i], true, false, optimise_path_place, &p)) {
            return false;
        }
        if (i >= last) {
            nodes[i]->outputs = scan->outputs;
            nodes[i]->outputs_count = scan->outputs_count;
        }
    }
    return true;
}

static bool optimise_path_begin(struct optimise *o, const struct plan_node *scan,
                                struct optimise_pathing *p)
{
    struct plan_scan *was = arena_alloc(o->arena, sizeof(*was), _Alignof(struct plan_scan));
    if (was == NULL) {
        return false;
    }
    *was = scan->scan;
    *p = (struct optimise_pathing){.o = o, .scan = was, .outputs_count = scan->outputs_count};
    p->is_whole = arena_alloc_zeroed(o->arena, scan->outputs_count + 1, 1);
    p->paths = arena_alloc_zeroed(o->arena, PLAN_PATHS_MAX * sizeof(*p->paths),
                                  _Alignof(struct plan_path));
    return p->is_whole != NULL && p->paths != NULL;
}

/* --- Looking --- */

static bool optimise_path_look(void *ctx, const struct vec_expr **expr)
{
    optimise_path_walk(ctx, *expr, NULL);
    return true;
}

/* What the expression wants of the scan. `end`: a path gives that part of it, which is itself or
 * among its first arguments; NULL: nobody has looked. */
static void optimise_path_walk(struct optimise_pathing *p, const struct vec_expr *expr,
                               const struct vec_expr *end)
{
    struct optimise_chain chain;
    if (end == NULL) {
        end = optimise_path_end(p, expr, &chain);
        if (end != NULL && optimise_path_find(p, &chain) == UINT32_MAX) {
            optimise_path_add(p, &chain);
        }
    }
    if (expr == end) {
        return;
    }
    if (expr->kind == VEC_EXPR_COLUMN) {
        p->is_whole[expr->u.number] = true;
    }
    for (uint32_t i = 0; i < expr->args_count; i++) {
        optimise_path_walk(p, expr->args[i], i == 0 ? end : NULL);
    }
}

static void optimise_path_add(struct optimise_pathing *p, const struct optimise_chain *chain)
{
    struct vec_bytes *names =
        arena_alloc(p->o->arena, chain->names_count * sizeof(*names), _Alignof(struct vec_bytes));
    p->is_full = p->is_full || p->paths_count == PLAN_PATHS_MAX || names == NULL;
    if (!p->is_full) {
        memcpy(names, chain->names, chain->names_count * sizeof(*names));
        p->paths[p->paths_count++] = (struct plan_path){
            .column = chain->column, .names = names, .names_count = chain->names_count};
    }
}

/* The part of `expr`, a text within a document, that a path gives: *chain. It is `expr` itself or
 * stands below it, each on the way as a first argument. NULL: there is none. */
static const struct vec_expr *optimise_path_end(const struct optimise_pathing *p,
                                                const struct vec_expr *expr,
                                                struct optimise_chain *chain)
{
    if (expr->kind != VEC_EXPR_CALL || expr->args_count == 0 || expr->type.kind != VEC_TEXT ||
        expr->args[0]->type.kind != VEC_JSONB ||
        (strcmp(expr->u.function->name, "->>") != 0 &&
         strcmp(expr->u.function->name, "jsonb_extract_path_text") != 0)) {
        return NULL;
    }
    const struct vec_expr *end = expr;
    for (;;) {
        if (optimise_path_chain(end, chain) && chain->names_count > 0) {
            uint8_t role = p->scan->relation->columns[p->scan->columns[chain->column]].role;
            return role == PLAN_ROLE_DOCUMENT ? end : NULL;
        }
        end = end->args[0];
        if (end->kind != VEC_EXPR_CALL || end->args_count == 0 ||
            (strcmp(end->u.function->name, "->") != 0 &&
             strcmp(end->u.function->name, "jsonb_extract_path") != 0)) {
            return NULL;
        }
    }
}

/* Whether it is nothing but names below a column. */
static bool optimise_path_chain(const struct vec_expr *expr, struct optimise_chain *chain)
{
    if (expr->kind == VEC_EXPR_COLUMN) {
        *chain = (struct optimise_chain){.column = expr->u.number};
        return true;
    }
    if (expr->kind != VEC_EXPR_CALL || expr->args_count < 2 ||
        expr->args[0]->type.kind != VEC_JSONB) {
        return false;
    }
    const char *name = expr->u.function->name;
    bool is_key = strcmp(name, "->") == 0 || strcmp(name, "->>") == 0;
    bool is_path =
        strcmp(name, "jsonb_extract_path") == 0 || strcmp(name, "jsonb_extract_path_text") == 0;
    if ((!is_key && !is_path) || !optimise_path_chain(expr->args[0], chain)) {
        return false;
    }
    for (uint32_t i = 1; i < expr->args_count; i++) {
        if (!optimise_path_step(chain, expr->args[i], is_path)) {
            return false;
        }
    }
    return true;
}

/* One more name. False: it is none, or one too many. `is_item`: it may be an item's number. */
static bool optimise_path_step(struct optimise_chain *chain, const struct vec_expr *step,
                               bool is_item)
{
    if (step->kind != VEC_EXPR_CONSTANT || step->type.kind != VEC_TEXT || step->u.value.is_null ||
        chain->names_count == PLAN_PATH_NAMES_MAX) {
        return false;
    }
    struct vec_bytes name = step->u.value.u.bytes;
    size_t bytes = name.length;
    for (uint32_t i = 0; i < chain->names_count; i++) {
        bytes += chain->names[i].length;
    }
    bool is_name = !is_item || name.length == 0; /* what strtol would read */
    for (uint32_t i = 0; i < name.length && !is_name; i++) {
        is_name = strchr("0123456789+- \t\n\v\f\r", name.data[i]) == NULL;
    }
    chain->names[chain->names_count++] = name;
    return is_name && bytes <= PLAN_PATH_BYTES_MAX;
}

/* The path's number; UINT32_MAX: it is new. */
static uint32_t optimise_path_find(const struct optimise_pathing *p,
                                   const struct optimise_chain *chain)
{
    for (uint32_t i = 0; i < p->paths_count; i++) {
        const struct plan_path *path = &p->paths[i];
        bool is_same = path->column == chain->column && path->names_count == chain->names_count;
        for (uint32_t k = 0; k < chain->names_count && is_same; k++) {
            is_same =
                path->names[k].length == chain->names[k].length &&
                memcmp(path->names[k].data, chain->names[k].data, chain->names[k].length) == 0;
        }
        if (is_same) {
            return i;
        }
    }
    return UINT32_MAX;
}

/* --- Changing --- */

/* The scan without the columns that are not wanted as a whole, and with the paths into those. */
static bool optimise_path_scan(struct optimise_pathing *p, struct plan_node *scan)
{
    struct arena *a = p->o->arena;
    uint32_t count = scan->outputs_count, kept = 0, paths_count = 0;
    size_t room = (size_t)count + p->paths_count;
    uint32_t *columns = arena_alloc(a, room * sizeof(*columns), _Alignof(uint32_t));
    uint32_t *number = arena_alloc(a, room * sizeof(*number), _Alignof(uint32_t));
    struct plan_output *outputs =
        arena_alloc(a, room * sizeof(*outputs), _Alignof(struct plan_output));
    struct plan_path *paths =
        arena_alloc(a, p->paths_count * sizeof(*paths), _Alignof(struct plan_path));
    if (columns == NULL || number == NULL || outputs == NULL || paths == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        bool is_within = false; /* only paths into it are wanted */
        for (uint32_t k = 0; k < p->paths_count && !p->is_whole[i]; k++) {
            is_within = is_within || p->paths[k].column == i;
        }
        if (!is_within) {
            number[i] = kept;
            outputs[kept] = scan->outputs[i];
            columns[kept++] = scan->scan.columns[i];
        }
    }
    for (uint32_t k = 0; k < p->paths_count; k++) {
        struct plan_path path = p->paths[k];
        number[count + k] = UINT32_MAX;
        if (p->is_whole[path.column]) {
            continue;
        }
        const char *name = optimise_path_name(p->o, scan->outputs[path.column].name, &path);
        if (name == NULL) {
            return false;
        }
        number[count + k] = kept + paths_count;
        path.column = scan->scan.columns[path.column];
        outputs[kept + paths_count] = (struct plan_output){name, vec_type(VEC_JSONB)};
        paths[paths_count++] = path;
    }
    p->number = number;
    scan->scan.columns = columns;
    scan->scan.paths = paths;
    scan->scan.paths_count = paths_count;
    scan->outputs = outputs;
    scan->outputs_count = kept + paths_count;
    return true;
}

/* doc.a.b, for people. */
static const char *optimise_path_name(struct optimise *o, const char *column,
                                      const struct plan_path *path)
{
    size_t length = strlen(column), bytes = length + 1;
    for (uint32_t i = 0; i < path->names_count; i++) {
        bytes += path->names[i].length + 1u;
    }
    char *name = arena_alloc(o->arena, bytes, 1);
    if (name == NULL) {
        return NULL;
    }
    memcpy(name, column, length);
    for (uint32_t i = 0; i < path->names_count; i++) {
        name[length++] = '.';
        if (path->names[i].length > 0) {
            memcpy(name + length, path->names[i].data, path->names[i].length);
        }
        length += path->names[i].length;
    }
    name[length] = '\0';
    return name;
}

static bool optimise_path_place(void *ctx, const struct vec_expr **expr)
{
    *expr = optimise_path_replace(ctx, *expr, NULL);
    return *expr != NULL;
}

/* The expression over the scan's new outputs; `end` as above. NULL: the arena refuses. */
static const struct vec_expr *optimise_path_replace(struct optimise_pathing *p,
                                                    const struct vec_expr *expr,
                                                    const struct vec_expr *end)
{
    struct arena *a = p->o->arena;
    struct optimise_chain chain;
    if (end == NULL) {
        end = optimise_path_end(p, expr, &chain);
        end = end != NULL && p->is_whole[chain.column] ? NULL : end;
    }
    if (expr == end) {
        return optimise_path_column(p, expr);
    }
    if (expr->kind == VEC_EXPR_COLUMN) {
        return plan_column(a, expr->type, p->number[expr->u.number], expr);
    }
    if (expr->args_count == 0) {
        return expr;
    }
    const struct vec_expr **args =
        arena_alloc(a, expr->args_count * sizeof(*args), _Alignof(struct vec_expr *));
    for (uint32_t i = 0; args != NULL && i < expr->args_count; i++) {
        args[i] = optimise_path_replace(p, expr->args[i], i == 0 ? end : NULL);
        if (args[i] == NULL) {
            return NULL;
        }
    }
    return args != NULL ? plan_expr_over(a, expr, args) : NULL;
}

/* What the path of `expr` gives, as `expr` does. */
static const struct vec_expr *optimise_path_column(struct optimise_pathing *p,
                                                   const struct vec_expr *expr)
{
    static const uint8_t jsonb = VEC_JSONB;
    struct optimise_chain chain;
    bool is_chain = optimise_path_chain(expr, &chain);
    ASSERT(is_chain);
    uint32_t path = optimise_path_find(p, &chain);
    ASSERT(path != UINT32_MAX);
    const struct vec_expr *column =
        plan_column(p->o->arena, vec_type(VEC_JSONB), p->number[p->outputs_count + path], expr);
    if (column == NULL || expr->type.kind == VEC_JSONB) {
        return column;
    }
    const struct vec_function *text = vec_function_find("jsonb_text", 10, &jsonb, 1, VEC_NONE);
    return plan_call(p->o->arena, text, &column, 1, expr);
}
