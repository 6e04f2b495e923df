/* Literals and parameters: what is known of their types, and giving one to those without. */
#include <string.h>

#include "base/assert.h"
#include "views/plan/value.h"
#include "views/sql/bind_int.h"
#include "views/vec/integer.h"

static struct vec_expr *bind_resolve_param(struct binder *b, struct vec_expr *param,
                                           enum vec_kind kind);

struct vec_expr *bind_constant(struct binder *b, const struct sql_expr *e)
{
    bool is_boolean = e->kind == SQL_EXPR_BOOLEAN;
    struct vec_type type = vec_type(is_boolean ? VEC_BOOLEAN : VEC_NONE);
    struct vec_expr *expr = bind_node(b, VEC_EXPR_CONSTANT, type, NULL, 0, e);
    if (expr == NULL) {
        return NULL;
    }
    if (is_boolean) {
        expr->u.value.u.boolean = e->u.boolean;
    } else if (e->kind == SQL_EXPR_STRING) {
        expr->u.value.u.bytes = (struct vec_bytes){e->u.text.text, e->u.text.length};
    } else {
        expr->u.value.is_null = true;
    }
    return expr;
}

struct vec_expr *bind_number(struct binder *b, const struct sql_expr *e, bool is_negated,
                             enum vec_kind kind)
{
    struct vec_expr *expr = bind_node(b, VEC_EXPR_CONSTANT, vec_type(kind), NULL, 0, e);
    char *text = bind_alloc(b, (size_t)e->u.text.length + 2, 1);
    if (expr == NULL || text == NULL) {
        return NULL;
    }
    uint32_t length = e->u.text.length + is_negated;
    text[0] = '-';
    memcpy(text + is_negated, e->u.text.text, e->u.text.length);
    expr->type = vec_type(VEC_NONE);
    expr->u.value.u.bytes = (struct vec_bytes){text, length};
    int64_t whole;
    if (kind == VEC_NONE && e->kind == SQL_EXPR_INTEGER &&
        vec_int8_parse(text, length, &whole) == VEC_FAULT_NONE) {
        kind = whole >= INT32_MIN && whole <= INT32_MAX ? VEC_INTEGER : VEC_BIGINT;
    }
    expr = bind_resolve(b, expr, kind == VEC_NONE ? VEC_NUMERIC : kind);
    if (expr == NULL && kind == VEC_NONE) {
        bind_hint(b, "A number of so many digits can be a double precision: write the cast.");
    }
    if (expr != NULL && kind == VEC_DOUBLE && expr->u.value.u.real == 0) {
        expr->u.value.u.real = 0; /* the number that is cast has no zero with a sign */
    }
    return expr;
}

const struct sql_expr *bind_negated(const struct sql_expr *e, bool *is_negated)
{
    while (e->kind == SQL_EXPR_UNARY && e->u.op.op == SQL_OP_SUB) {
        *is_negated = !*is_negated;
        e = e->u.op.right;
    }
    return e->kind == SQL_EXPR_INTEGER || e->kind == SQL_EXPR_DECIMAL ? e : NULL;
}

struct vec_expr *bind_param(struct binder *b, const struct sql_expr *e)
{
    if (e->u.param > b->binding->params_count) {
        return bind_fail(b, SQL_STATE_UNDEFINED_PARAMETER, bind_at(e), "there is no parameter $%u",
                         e->u.param);
    }
    uint32_t number = e->u.param - 1;
    struct vec_expr *expr = bind_node(b, VEC_EXPR_PARAM, b->params[number], NULL, 0, e);
    if (expr == NULL) {
        return NULL;
    }
    expr->u.number = number;
    if (expr->type.kind == VEC_NONE) {
        struct bind_loose *loose = bind_alloc(b, 1, sizeof(*loose));
        if (loose == NULL) {
            return NULL;
        }
        *loose = (struct bind_loose){expr, b->loose};
        b->loose = loose;
    }
    return expr;
}

struct vec_expr *bind_int(struct binder *b, int32_t value, const struct vec_expr *like)
{
    struct vec_expr *expr = bind_node(b, VEC_EXPR_CONSTANT, vec_type(VEC_INTEGER), NULL, 0, NULL);
    if (expr != NULL) {
        expr->u.value.u.int4 = value;
        expr->pos = like->pos;
        expr->length = like->length;
    }
    return expr;
}

struct vec_expr *bind_resolve(struct binder *b, struct vec_expr *expr, enum vec_kind kind)
{
    if (expr == NULL || expr->type.kind != VEC_NONE) {
        return expr;
    }
    if (expr->kind == VEC_EXPR_PARAM) {
        return bind_resolve_param(b, expr, kind);
    }
    ASSERT(expr->kind == VEC_EXPR_CONSTANT);
    struct vec_bytes text = expr->u.value.u.bytes;
    expr->type = vec_type(kind);
    if (expr->u.value.is_null) {
        return expr;
    }
    enum vec_fault fault = plan_value_parse(kind, text.data, text.length, b->arena, &expr->u.value);
    return fault == VEC_FAULT_NONE ? expr
                                   : bind_fault(b, fault, plan_value_type_text(kind), text.data,
                                                text.length, bind_place(expr));
}

/* The first context decides; one that stood elsewhere before it was decided must agree. */
static struct vec_expr *bind_resolve_param(struct binder *b, struct vec_expr *param,
                                           enum vec_kind kind)
{
    struct vec_type *type = &b->params[param->u.number];
    if (type->kind == VEC_NONE) {
        *type = vec_type(kind);
    } else if (type->kind != kind) {
        bind_fail(b, SQL_STATE_AMBIGUOUS_PARAMETER, bind_place(param),
                  "inconsistent types deduced for parameter $%u", param->u.number + 1);
        bind_hint(b, "It is %s in one place and %s here: write the type, $%u::%s.",
                  bind_kind_text((enum vec_kind)type->kind), bind_kind_text(kind),
                  param->u.number + 1, bind_kind_text(kind));
        return NULL;
    }
    param->type = *type;
    return param;
}

void bind_refresh(struct binder *b, struct vec_expr *expr)
{
    if (expr != NULL && expr->kind == VEC_EXPR_PARAM && expr->type.kind == VEC_NONE) {
        expr->type = b->params[expr->u.number];
    }
}
