/* A walk over a tree. See places.h. */
#include "tests/unit/sql/places.h"

#include "base/assert.h"

/* A walk. */
struct sql_places {
    sql_places_fn *fn; /* who wants to know */
    void *context;     /* of it */
    unsigned depth;    /* nodes open */
};

static void sql_places_expr(struct sql_places *p, const struct sql_expr *expr);
static void sql_places_expr_parts(struct sql_places *p, const struct sql_expr *expr);
static void sql_places_call(struct sql_places *p, const struct sql_call *call);
static void sql_places_select(struct sql_places *p, const struct sql_select *select);
static void sql_places_select_parts(struct sql_places *p, const struct sql_select *select);
static void sql_places_from(struct sql_places *p, const struct sql_from *from);

static void sql_places_tell(struct sql_places *p, const char *what, struct sql_at at,
                            uint32_t point_pos)
{
    const struct sql_place place = {what, at, point_pos, p->depth};
    p->fn(p->context, &place);
}

static void sql_places_name(struct sql_places *p, const struct sql_name *name)
{
    if (name->text != NULL) {
        sql_places_tell(p, "name", name->at, name->at.pos);
    }
}

static void sql_places_names(struct sql_places *p, const struct sql_names *names)
{
    for (uint32_t i = 0; i < names->count; i++) {
        sql_places_name(p, &names->items[i]);
    }
}

static void sql_places_exprs(struct sql_places *p, const struct sql_exprs *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        sql_places_expr(p, list->items[i]);
    }
}

void sql_places_visit(const struct sql_stmt *stmt, sql_places_fn *fn, void *context)
{
    struct sql_places p = {fn, context, 0};
    sql_places_tell(&p, "statement", stmt->at, stmt->at.pos);
    p.depth++;
    sql_places_names(&p, &stmt->name);
    if (stmt->select != NULL) {
        sql_places_select(&p, stmt->select);
    }
    if (stmt->create != NULL) {
        sql_places_names(&p, &stmt->create->name);
        for (uint32_t i = 0; i < stmt->create->columns_count; i++) {
            const struct sql_stream_column *column = &stmt->create->columns[i];
            sql_places_name(&p, &column->name);
            sql_places_tell(&p, "type", column->type->at, column->type->at.pos);
            sql_places_tell(&p, "source", column->source_at, column->source_at.pos);
        }
        sql_places_name(&p, &stmt->create->topic);
    }
    if (stmt->create_view != NULL) {
        const struct sql_create_view *view = stmt->create_view;
        sql_places_names(&p, &view->name);
        sql_places_names(&p, &view->columns);
        if (view->has_origin) {
            sql_places_tell(&p, "origin", view->origin_at, view->origin_at.pos);
        }
    }
    if (stmt->rename.text != NULL) {
        sql_places_name(&p, &stmt->rename);
    }
}

static void sql_places_expr(struct sql_places *p, const struct sql_expr *expr)
{
    static const char *const kinds[SQL_EXPR_KIND_COUNT] = {
        [SQL_EXPR_NULL] = "null",       [SQL_EXPR_BOOLEAN] = "boolean",
        [SQL_EXPR_INTEGER] = "integer", [SQL_EXPR_DECIMAL] = "decimal",
        [SQL_EXPR_STRING] = "string",   [SQL_EXPR_PARAM] = "param",
        [SQL_EXPR_COLUMN] = "column",   [SQL_EXPR_UNARY] = "unary",
        [SQL_EXPR_BINARY] = "binary",   [SQL_EXPR_AND] = "and",
        [SQL_EXPR_OR] = "or",           [SQL_EXPR_NOT] = "not",
        [SQL_EXPR_IS] = "is",           [SQL_EXPR_DISTINCT] = "distinct",
        [SQL_EXPR_BETWEEN] = "between", [SQL_EXPR_IN] = "in",
        [SQL_EXPR_LIKE] = "like",       [SQL_EXPR_AT_TIME_ZONE] = "zone",
        [SQL_EXPR_CAST] = "cast",       [SQL_EXPR_CASE] = "case",
        [SQL_EXPR_CALL] = "call",
    };
    if (expr == NULL) {
        return;
    }
    ASSERT(expr->kind < SQL_EXPR_KIND_COUNT);
    sql_places_tell(p, kinds[expr->kind], expr->at, expr->point_pos);
    p->depth++;
    sql_places_expr_parts(p, expr);
    p->depth--;
}

static void sql_places_expr_parts(struct sql_places *p, const struct sql_expr *expr)
{
    switch (expr->kind) {
    case SQL_EXPR_COLUMN: sql_places_names(p, &expr->u.column); break;
    case SQL_EXPR_UNARY: sql_places_expr(p, expr->u.op.right); break;
    case SQL_EXPR_BINARY:
        sql_places_expr(p, expr->u.op.left);
        sql_places_expr(p, expr->u.op.right);
        break;
    case SQL_EXPR_AND:
    case SQL_EXPR_OR: sql_places_exprs(p, &expr->u.list); break;
    case SQL_EXPR_NOT: sql_places_expr(p, expr->u.operand); break;
    case SQL_EXPR_IS: sql_places_expr(p, expr->u.is.operand); break;
    case SQL_EXPR_DISTINCT:
        sql_places_expr(p, expr->u.distinct.left);
        sql_places_expr(p, expr->u.distinct.right);
        break;
    case SQL_EXPR_BETWEEN:
        sql_places_expr(p, expr->u.between.operand);
        sql_places_expr(p, expr->u.between.low);
        sql_places_expr(p, expr->u.between.high);
        break;
    case SQL_EXPR_IN:
        sql_places_expr(p, expr->u.in.operand);
        sql_places_exprs(p, &expr->u.in.list);
        break;
    case SQL_EXPR_LIKE:
        sql_places_expr(p, expr->u.like.operand);
        sql_places_expr(p, expr->u.like.pattern);
        sql_places_expr(p, expr->u.like.escape);
        break;
    case SQL_EXPR_AT_TIME_ZONE:
        sql_places_expr(p, expr->u.at_time_zone.operand);
        sql_places_expr(p, expr->u.at_time_zone.zone);
        break;
    case SQL_EXPR_CAST:
        sql_places_expr(p, expr->u.cast.operand);
        sql_places_tell(p, "type", expr->u.cast.type->at, expr->u.cast.type->at.pos);
        break;
    case SQL_EXPR_CASE:
        sql_places_expr(p, expr->u.cases.operand);
        for (uint32_t i = 0; i < expr->u.cases.arms_count; i++) {
            sql_places_expr(p, expr->u.cases.arms[i].when);
            sql_places_expr(p, expr->u.cases.arms[i].then);
        }
        sql_places_expr(p, expr->u.cases.otherwise);
        break;
    case SQL_EXPR_CALL: sql_places_call(p, expr->u.call); break;
    case SQL_EXPR_NULL:
    case SQL_EXPR_BOOLEAN:
    case SQL_EXPR_INTEGER:
    case SQL_EXPR_DECIMAL:
    case SQL_EXPR_STRING:
    case SQL_EXPR_PARAM:
    case SQL_EXPR_KIND_COUNT: break;
    }
}

static void sql_places_call(struct sql_places *p, const struct sql_call *call)
{
    if (call->form == SQL_CALL_PLAIN) {
        sql_places_names(p, &call->name);
    }
    sql_places_exprs(p, &call->args);
    sql_places_expr(p, call->filter);
}

static void sql_places_select(struct sql_places *p, const struct sql_select *select)
{
    sql_places_tell(p, "select", select->at, select->at.pos);
    p->depth++;
    sql_places_select_parts(p, select);
    p->depth--;
}

static void sql_places_select_parts(struct sql_places *p, const struct sql_select *select)
{
    for (uint32_t i = 0; i < select->ctes_count; i++) {
        sql_places_name(p, &select->ctes[i].name);
        sql_places_names(p, &select->ctes[i].columns);
        sql_places_select(p, select->ctes[i].select);
    }
    for (uint32_t i = 0; i < select->items_count; i++) {
        sql_places_tell(p, "item", select->items[i].at, select->items[i].at.pos);
        p->depth++;
        sql_places_names(p, &select->items[i].table);
        sql_places_expr(p, select->items[i].expr);
        sql_places_name(p, &select->items[i].alias);
        p->depth--;
    }
    for (uint32_t i = 0; i < select->rows_count; i++) {
        sql_places_exprs(p, &select->rows[i]);
    }
    if (select->from != NULL) {
        sql_places_from(p, select->from);
    }
    sql_places_expr(p, select->where);
    sql_places_exprs(p, &select->group);
    sql_places_expr(p, select->having);
    for (uint32_t i = 0; i < select->order_count; i++) {
        sql_places_expr(p, select->order[i].expr);
    }
    sql_places_expr(p, select->limit);
    sql_places_expr(p, select->offset);
}

static void sql_places_from(struct sql_places *p, const struct sql_from *from)
{
    sql_places_tell(p, "from", from->at, from->at.pos);
    p->depth++;
    sql_places_names(p, &from->table);
    if (from->select != NULL) {
        sql_places_select(p, from->select);
    }
    sql_places_expr(p, from->time);
    sql_places_expr(p, from->width);
    sql_places_name(p, &from->alias);
    sql_places_names(p, &from->columns);
    p->depth--;
}
