/* The whole of binding, and what its files build with. See bind.h and bind_int.h.
 *
 * The order in which the clauses of a SELECT are looked at is PostgreSQL's (transformSelectStmt),
 * so that of several mistakes the same one is told. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "views/plan/validate.h"
#include "views/sql/bind_select_int.h"
#include "views/sql/optimise.h"

static bool bind_count(struct binder *b, uint32_t count, struct sql_at at);
static void bind_params(struct binder *b, struct plan *out);
static enum err bind_finish(struct binder *b, const struct plan_node *root, struct plan *out);

enum err sql_bind(const struct sql_select *select, const struct sql_binding *binding,
                  struct arena *arena, struct plan *out, struct sql_error *error)
{
    struct binder b = {.binding = binding, .arena = arena, .error = error};
    sql_error_clear(error);
    b.params = bind_alloc(&b, binding->params_count, sizeof(*b.params));
    for (uint32_t i = 0; b.err == ERR_OK && i < binding->params_count; i++) {
        b.params[i] = binding->params[i];
    }
    const struct plan_node *root = b.err == ERR_OK ? bind_select(&b, select) : NULL;
    return bind_finish(&b, root, out);
}

/* Parameters get their types, the plan is rewritten and looked at. */
static enum err bind_finish(struct binder *b, const struct plan_node *root, struct plan *out)
{
    struct sql_at nowhere = {0, 0};
    struct plan_fault fault;
    if (root == NULL) {
        ASSERT(b->err != ERR_OK);
        return b->err;
    }
    bind_params(b, out);
    if (plan_node_count(root) > PLAN_DEPTH_MAX) {
        bind_fail(b, SQL_STATE_STATEMENT_TOO_COMPLEX, nowhere,
                  "statement too complex: more than %u steps above each other", PLAN_DEPTH_MAX);
        return b->err;
    }
    out->root = root;
    if (sql_optimise(b->arena, out, !b->binding->is_view) != ERR_OK) {
        bind_fail(b, SQL_STATE_OUT_OF_MEMORY, nowhere, "out of memory");
        return b->err;
    }
    enum err err = plan_validate(out, &fault);
    ASSERT(err == ERR_OK); /* what the binder and the rewrites make is a plan */
    return err;
}

static void bind_params(struct binder *b, struct plan *out)
{
    for (uint32_t i = 0; i < b->binding->params_count; i++) {
        b->params[i] = b->params[i].kind == VEC_NONE ? vec_type(VEC_TEXT) : b->params[i];
    }
    for (struct bind_loose *loose = b->loose; loose != NULL; loose = loose->next) {
        if (loose->param->type.kind == VEC_NONE) {
            loose->param->type = b->params[loose->param->u.number];
        }
    }
    out->params = b->params;
    out->params_count = b->binding->params_count;
}

void *bind_fail(struct binder *b, enum sql_state state, struct sql_at at, const char *format, ...)
{
    char text[SQL_ERROR_TEXT_BYTES];
    va_list args;
    if (b->err == ERR_OK) {
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        b->err =
            sql_error_set(b->error, state, at, b->binding->text, b->binding->length, "%s", text);
    }
    return NULL;
}

void bind_hint(struct binder *b, const char *format, ...)
{
    char text[SQL_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sql_error_hint(b->error, "%s", text);
}

void *bind_alloc(struct binder *b, size_t count, size_t bytes)
{
    struct sql_at nowhere = {0, 0};
    size_t all;
    void *out = bytes_size_mul(count, bytes, &all)
                    ? arena_alloc_zeroed(b->arena, all, _Alignof(max_align_t))
                    : NULL;
    if (out == NULL) {
        bind_fail(b, SQL_STATE_OUT_OF_MEMORY, nowhere, "out of memory");
    }
    return out;
}

const char *bind_text(struct binder *b, const char *text, size_t length)
{
    struct sql_at nowhere = {0, 0};
    const char *copy = arena_copy(b->arena, text, length);
    return copy != NULL ? copy : bind_fail(b, SQL_STATE_OUT_OF_MEMORY, nowhere, "out of memory");
}

/* `count` more nodes. */
static bool bind_count(struct binder *b, uint32_t count, struct sql_at at)
{
    b->nodes_count += count;
    if (b->nodes_count > BIND_NODES_MAX) {
        bind_fail(b, SQL_STATE_STATEMENT_TOO_COMPLEX, at,
                  "statement too complex: more than %u parts", BIND_NODES_MAX);
        return false;
    }
    return true;
}

struct vec_expr *bind_node(struct binder *b, enum vec_expr_kind kind, struct vec_type type,
                           struct vec_expr *const *args, uint32_t args_count,
                           const struct sql_expr *e)
{
    struct sql_at at = e != NULL ? bind_at(e) : (struct sql_at){0, 0};
    for (uint32_t i = 0; i < args_count; i++) {
        if (args[i] == NULL) {
            ASSERT(b->err != ERR_OK);
            return NULL;
        }
    }
    if (!bind_count(b, 1, at)) {
        return NULL;
    }
    struct vec_expr *expr =
        plan_expr(b->arena, kind, type, (const struct vec_expr *const *)args, args_count);
    if (expr == NULL) {
        return bind_fail(b, SQL_STATE_OUT_OF_MEMORY, at, "out of memory");
    }
    if (expr->height > PLAN_HEIGHT_MAX) {
        return bind_fail(b, SQL_STATE_STATEMENT_TOO_COMPLEX, at,
                         "statement too complex: an expression of more than %u levels",
                         PLAN_HEIGHT_MAX);
    }
    expr->pos = at.pos;
    expr->length = at.length;
    return expr;
}

struct vec_expr *bind_clone(struct binder *b, const struct vec_expr *expr)
{
    if (expr == NULL || !bind_count(b, 1, bind_place(expr))) {
        return NULL;
    }
    struct vec_expr *clone =
        plan_expr_over(b->arena, expr, (const struct vec_expr *const *)expr->args);
    if (clone == NULL) {
        return bind_fail(b, SQL_STATE_OUT_OF_MEMORY, bind_place(expr), "out of memory");
    }
    for (uint32_t i = 0; i < expr->args_count; i++) {
        clone->args[i] = bind_clone(b, expr->args[i]);
        if (clone->args[i] == NULL) {
            return NULL;
        }
    }
    if (expr->kind == VEC_EXPR_PARAM && expr->type.kind == VEC_NONE) {
        struct bind_loose *loose = bind_alloc(b, 1, sizeof(*loose));
        if (loose == NULL) {
            return NULL;
        }
        *loose = (struct bind_loose){clone, b->loose};
        b->loose = loose;
    }
    return clone;
}

struct plan_node *bind_plan(struct binder *b, enum plan_kind kind, const struct plan_node *input)
{
    struct sql_at nowhere = {0, 0};
    struct plan_node *node = bind_count(b, 1, nowhere) ? bind_alloc(b, 1, sizeof(*node)) : NULL;
    if (node != NULL) {
        node->kind = kind;
        node->input = input;
        node->outputs = input != NULL ? input->outputs : NULL;
        node->outputs_count = input != NULL ? input->outputs_count : 0;
    }
    return node;
}

/* The operator or the name, not all of it. */
struct sql_at bind_at(const struct sql_expr *e)
{
    uint32_t end = e->at.pos + e->at.length;
    if (e->kind == SQL_EXPR_BINARY || e->kind == SQL_EXPR_UNARY) {
        return (struct sql_at){e->point_pos, e->u.op.sign.length};
    }
    if (e->kind == SQL_EXPR_CALL && e->u.call->form == SQL_CALL_PLAIN) {
        return e->u.call->name.at;
    }
    return (struct sql_at){e->point_pos, end > e->point_pos ? end - e->point_pos : 0};
}

struct sql_at bind_begin(const struct vec_expr *expr, const struct sql_expr *e)
{
    return expr->kind == VEC_EXPR_CONSTANT ? bind_place(expr) : e->at;
}

struct sql_at bind_place(const struct vec_expr *expr)
{
    return (struct sql_at){expr->pos, expr->length};
}

void *bind_fault(struct binder *b, enum vec_fault fault, const char *type, const char *text,
                 size_t length, struct sql_at at)
{
    char message[SQL_ERROR_TEXT_BYTES];
    struct bytes_writer w = bytes_writer(message, sizeof(message) - 1);
    vec_fault_message(&w, fault, type, text, length < 160 ? length : 160);
    message[w.pos] = '\0';
    return bind_fail(b, sql_state_find(vec_fault_state(fault)), at, "%s", message);
}
