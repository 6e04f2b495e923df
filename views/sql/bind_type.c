/* Types as written, casts, and the common type of several expressions. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "views/plan/value.h"
#include "views/sql/bind_int.h"
#include "views/sql/print.h"

/* Digits that a TIMESTAMP has behind the second: the only precision there is. */
#define BIND_TIMESTAMP_PRECISION 6

/* How a written type is served. */
struct bind_type_row {
    enum vec_kind kind;   /* VEC_NONE: it is not */
    const char *internal; /* PostgreSQL's name of it, which columns are called by */
    const char *instead;  /* what to use, when it is not served */
};

static const struct bind_type_row bind_type_rows[SQL_TYPE_COUNT] = {
    [SQL_TYPE_NAMED] = {VEC_NONE, NULL, NULL},
    [SQL_TYPE_BOOLEAN] = {VEC_BOOLEAN, "bool", NULL},
    [SQL_TYPE_SMALLINT] = {VEC_NONE, "int2", "INTEGER"},
    [SQL_TYPE_INTEGER] = {VEC_INTEGER, "int4", NULL},
    [SQL_TYPE_BIGINT] = {VEC_BIGINT, "int8", NULL},
    [SQL_TYPE_REAL] = {VEC_NONE, "float4", "DOUBLE PRECISION"},
    [SQL_TYPE_DOUBLE] = {VEC_DOUBLE, "float8", NULL},
    [SQL_TYPE_NUMERIC] = {VEC_NUMERIC, "numeric", NULL},
    [SQL_TYPE_TEXT] = {VEC_TEXT, "text", NULL},
    [SQL_TYPE_VARCHAR] = {VEC_NONE, "varchar", "TEXT"},
    [SQL_TYPE_CHAR] = {VEC_NONE, "bpchar", "TEXT"},
    [SQL_TYPE_BYTEA] = {VEC_NONE, "bytea", "TEXT"},
    [SQL_TYPE_DATE] = {VEC_DATE, "date", NULL},
    [SQL_TYPE_TIME] = {VEC_NONE, "time", "INTERVAL or TIMESTAMP"},
    [SQL_TYPE_TIMETZ] = {VEC_NONE, "timetz", "TIMESTAMPTZ"},
    [SQL_TYPE_TIMESTAMP] = {VEC_TIMESTAMP, "timestamp", NULL},
    [SQL_TYPE_TIMESTAMPTZ] = {VEC_TIMESTAMPTZ, "timestamptz", NULL},
    [SQL_TYPE_INTERVAL] = {VEC_INTERVAL, "interval", NULL},
    [SQL_TYPE_JSON] = {VEC_NONE, "json", "JSONB"},
    [SQL_TYPE_JSONB] = {VEC_JSONB, "jsonb", NULL},
};

static bool bind_type_refuse(struct binder *b, const struct sql_type *type);
static bool bind_type_mods(struct binder *b, const struct sql_type *type, struct vec_type *out);
static struct vec_expr *bind_cast_interval(struct binder *b, const struct sql_expr *e);
static struct vec_expr *bind_cast_call(struct binder *b, struct vec_expr *expr, enum vec_kind kind);
static struct vec_expr *bind_declare(struct binder *b, struct vec_expr *expr, struct vec_type type);

bool bind_type(struct binder *b, const struct sql_type *type, struct vec_type *out)
{
    *out = vec_type(bind_type_rows[type->kind].kind);
    if (out->kind == VEC_NONE) {
        return bind_type_refuse(b, type);
    }
    return bind_type_mods(b, type, out);
}

static bool bind_type_refuse(struct binder *b, const struct sql_type *type)
{
    char text[64];
    struct bytes_writer w = bytes_writer(text, sizeof(text) - 1);
    const char *instead = bind_type_rows[type->kind].instead;
    if (type->kind == SQL_TYPE_NAMED) {
        const char *path = bind_path_text(b, &type->name, true);
        bind_fail(b, SQL_STATE_UNDEFINED_OBJECT, type->at, "type \"%s\" does not exist",
                  path != NULL ? path : "");
        bind_hint(b, "Types are BOOLEAN, INTEGER, BIGINT, DOUBLE PRECISION, NUMERIC, TEXT, DATE, "
                     "TIMESTAMP, TIMESTAMPTZ, INTERVAL and JSONB.");
        return false;
    }
    sql_print_type(&w, type);
    text[w.pos] = '\0';
    bind_fail(b, SQL_STATE_FEATURE_NOT_SUPPORTED, type->at, "type %s is not supported", text);
    bind_hint(b, "Use %s.", instead);
    return false;
}

static bool bind_type_mods(struct binder *b, const struct sql_type *type, struct vec_type *out)
{
    int32_t precision = type->mods_count > 0 ? type->mods[0] : 0;
    int32_t scale = type->mods_count > 1 ? type->mods[1] : 0;
    bool is_time = out->kind == VEC_TIMESTAMP || out->kind == VEC_TIMESTAMPTZ;
    if (type->mods_count == 0) {
        return true;
    }
    if (is_time && precision == BIND_TIMESTAMP_PRECISION) {
        return true;
    }
    if (out->kind == VEC_DOUBLE) {
        return true; /* FLOAT(53): the parser chose the type by it */
    }
    if (out->kind != VEC_NUMERIC) {
        bind_fail(b, SQL_STATE_FEATURE_NOT_SUPPORTED, type->at,
                  "a precision of type %s is not supported",
                  bind_kind_text((enum vec_kind)out->kind));
        bind_hint(b, "Leave it out: all %d digits behind the second are kept.",
                  BIND_TIMESTAMP_PRECISION);
        return false;
    }
    if (precision < 1 || precision > VEC_NUMERIC_DECLARED_MAX) {
        bind_fail(b, SQL_STATE_INVALID_PARAMETER_VALUE, type->at,
                  "NUMERIC precision %d must be between 1 and %d", precision,
                  VEC_NUMERIC_DECLARED_MAX);
        return false;
    }
    if (scale < 0 || scale > precision) {
        bind_fail(b, SQL_STATE_INVALID_PARAMETER_VALUE, type->at,
                  "NUMERIC scale %d must be between 0 and precision %d", scale, precision);
        return false;
    }
    out->precision = (uint8_t)precision;
    out->scale = (uint8_t)scale;
    return true;
}

enum err sql_bind_type(const struct sql_type *type, const char *text, size_t length,
                       struct vec_type *out, struct sql_error *error)
{
    struct sql_binding binding = {.text = text, .length = length};
    struct budget budget;
    struct arena arena;
    budget_init(&budget, "type", 1u << 16, NULL);
    arena_init(&arena, &budget, 1024, 1u << 16); /* for the name in a message */
    struct binder b = {.binding = &binding, .arena = &arena, .error = error};
    sql_error_clear(error);
    if (type->fields != SQL_FIELDS_ALL) {
        bind_fail(&b, SQL_STATE_FEATURE_NOT_SUPPORTED, type->at,
                  "fields of an interval's type are not supported");
        bind_hint(&b, "Use INTERVAL.");
    } else {
        bind_type(&b, type, out);
    }
    arena_deinit(&arena);
    budget_deinit(&budget);
    return b.err;
}

struct vec_expr *bind_cast(struct binder *b, const struct sql_expr *e)
{
    struct vec_type type;
    const struct sql_type *written = e->u.cast.type;
    if (!bind_type(b, written, &type)) {
        return NULL;
    }
    if (written->fields != SQL_FIELDS_ALL) {
        return bind_cast_interval(b, e);
    }
    bool is_negated = false;
    const struct sql_expr *number = bind_negated(e->u.cast.operand, &is_negated);
    if (number != NULL && type.kind == VEC_DOUBLE) {
        return bind_number(b, number, is_negated, VEC_DOUBLE); /* may be beyond NUMERIC */
    }
    struct vec_expr *expr = bind_expr(b, e->u.cast.operand);
    return expr != NULL ? bind_convert(b, expr, type, e) : NULL;
}

/* INTERVAL '5' DAY: a whole number of the one field; anything else can be written in the text. */
static struct vec_expr *bind_cast_interval(struct binder *b, const struct sql_expr *e)
{
    static const char *const units[SQL_FIELDS_COUNT] = {
        [SQL_FIELDS_YEAR] = "year", [SQL_FIELDS_MONTH] = "month",   [SQL_FIELDS_DAY] = "day",
        [SQL_FIELDS_HOUR] = "hour", [SQL_FIELDS_MINUTE] = "minute", [SQL_FIELDS_SECOND] = "second",
    };
    char text[64];
    const struct sql_expr *operand = e->u.cast.operand;
    const char *unit = units[e->u.cast.type->fields];
    bool is_number =
        unit != NULL && operand->kind == SQL_EXPR_STRING && operand->u.text.length < 20;
    for (uint32_t i = 0; is_number && i < operand->u.text.length; i++) {
        char c = operand->u.text.text[i];
        is_number = (c >= '0' && c <= '9') || (i == 0 && (c == '-' || c == '+'));
    }
    if (!is_number) {
        bind_fail(b, SQL_STATE_FEATURE_NOT_SUPPORTED, e->u.cast.type->at,
                  "fields of an interval are not supported but for a whole number of one");
        bind_hint(b, "Write the units in the text: INTERVAL '1 day 2 hours'.");
        return NULL;
    }
    struct vec_expr *expr = bind_expr(b, operand);
    if (expr == NULL) {
        return NULL;
    }
    snprintf(text, sizeof(text), "%s %s", operand->u.text.text, unit);
    expr->u.value.u.bytes = (struct vec_bytes){text, (uint32_t)strlen(text)};
    return bind_resolve(b, expr, VEC_INTERVAL);
}

struct vec_expr *bind_convert(struct binder *b, struct vec_expr *expr, struct vec_type type,
                              const struct sql_expr *e)
{
    enum vec_kind from = (enum vec_kind)expr->type.kind, to = (enum vec_kind)type.kind;
    if (from == VEC_NONE) {
        expr = bind_resolve(b, expr, to);
    } else if (from != to) {
        if (vec_cast_find(from, to) == NULL) {
            return bind_fail(b, SQL_STATE_CANNOT_COERCE, bind_at(e), "cannot cast type %s to %s",
                             bind_kind_text(from), bind_kind_text(to));
        }
        expr = bind_cast_call(b, expr, to);
    }
    return expr != NULL && to == VEC_NUMERIC ? bind_declare(b, expr, type) : expr;
}

/* The call of a cast that there is, without modifiers. */
static struct vec_expr *bind_cast_call(struct binder *b, struct vec_expr *expr, enum vec_kind kind)
{
    const struct vec_function *cast = vec_cast_find((enum vec_kind)expr->type.kind, kind);
    ASSERT(cast != NULL);
    struct vec_expr *call = bind_node(b, VEC_EXPR_CALL, vec_type(kind), &expr, 1, NULL);
    if (call != NULL) {
        call->u.function = cast;
        call->pos = expr->pos;
        call->length = expr->length;
    }
    return call;
}

/* A NUMERIC of that precision and scale, or of none: the same value then. */
static struct vec_expr *bind_declare(struct binder *b, struct vec_expr *expr, struct vec_type type)
{
    if (vec_type_equal(expr->type, type)) {
        return expr;
    }
    if (type.precision == 0) {
        struct vec_expr *same =
            plan_expr_over(b->arena, expr, (const struct vec_expr *const *)expr->args);
        if (same == NULL) {
            return bind_fail(b, SQL_STATE_OUT_OF_MEMORY, bind_place(expr), "out of memory");
        }
        same->type = type;
        return same;
    }
    const struct vec_function *declare;
    size_t count = vec_functions(PLAN_NUMERIC_DECLARE, strlen(PLAN_NUMERIC_DECLARE), &declare);
    ASSERT(count == 1);
    struct vec_expr *args[] = {expr, bind_int(b, type.precision, expr),
                               bind_int(b, type.scale, expr)};
    struct vec_expr *call = bind_node(b, VEC_EXPR_CALL, type, args, 3, NULL);
    if (call != NULL) {
        call->u.function = declare;
        call->pos = expr->pos;
        call->length = expr->length;
    }
    return call;
}

struct vec_expr *bind_coerce(struct binder *b, struct vec_expr *expr, enum vec_kind kind)
{
    if (expr == NULL) {
        return NULL;
    }
    if (expr->type.kind == VEC_NONE) {
        return bind_resolve(b, expr, kind);
    }
    return expr->type.kind == kind ? expr : bind_cast_call(b, expr, kind);
}

struct vec_expr *bind_assign(struct binder *b, struct vec_expr *expr, enum vec_kind kind,
                             const struct sql_expr *e, const char *what)
{
    if (expr == NULL || expr->type.kind == kind || expr->type.kind == VEC_NONE) {
        return bind_coerce(b, expr, kind);
    }
    const struct vec_function *cast = vec_cast_find((enum vec_kind)expr->type.kind, kind);
    if (cast == NULL || cast->cast == VEC_CAST_EXPLICIT) {
        return bind_fail(b, SQL_STATE_DATATYPE_MISMATCH, bind_begin(expr, e),
                         "argument of %s must be type %s, not type %s", what, bind_kind_text(kind),
                         bind_kind_text((enum vec_kind)expr->type.kind));
    }
    return bind_cast_call(b, expr, kind);
}

/* select_common_type of PostgreSQL: the first type that is known, but for a later one of the same
 * category that it becomes unasked and that is no less preferred. */
bool bind_common(struct binder *b, struct vec_expr *const *args, uint32_t count, const char *what,
                 const struct sql_expr *const *places, struct vec_type *out)
{
    enum vec_kind kind = VEC_NONE;
    for (uint32_t i = 0; i < count; i++) {
        enum vec_kind next = (enum vec_kind)args[i]->type.kind;
        if (next == VEC_NONE || next == kind) {
            continue;
        }
        if (kind == VEC_NONE) {
            kind = next;
        } else if (bind_category(next) != bind_category(kind)) {
            if (what != NULL) {
                bind_fail(b, SQL_STATE_DATATYPE_MISMATCH, bind_begin(args[i], places[i]),
                          "%s types %s and %s cannot be matched", what, bind_kind_text(kind),
                          bind_kind_text(next));
            }
            return false;
        } else if (!bind_is_preferred(kind) && bind_is_implicit(kind, next) &&
                   !bind_is_implicit(next, kind)) {
            kind = next;
        }
    }
    *out = vec_type(kind == VEC_NONE ? VEC_TEXT : kind);
    return true;
}

bool bind_unify(struct binder *b, struct vec_expr **args, uint32_t count, const char *what,
                const struct sql_expr *const *places, struct vec_type *out)
{
    if (!bind_common(b, args, count, what, places, out)) {
        return false;
    }
    bool is_declared = out->kind == VEC_NUMERIC;
    for (uint32_t i = 0; i < count; i++) {
        if (args[i]->type.kind != VEC_NONE &&
            !bind_is_implicit((enum vec_kind)args[i]->type.kind, (enum vec_kind)out->kind)) {
            bind_fail(b, SQL_STATE_CANNOT_COERCE, places[i]->at,
                      "%s could not convert type %s to %s", what,
                      bind_kind_text((enum vec_kind)args[i]->type.kind),
                      bind_kind_text((enum vec_kind)out->kind));
            return false;
        }
        is_declared = is_declared && vec_type_equal(args[i]->type, args[0]->type);
        args[i] = bind_coerce(b, args[i], (enum vec_kind)out->kind);
        if (args[i] == NULL) {
            return false;
        }
    }
    *out = is_declared ? args[0]->type : *out;
    return true;
}

const char *bind_kind_text(enum vec_kind kind)
{
    return vec_kind_sql(kind);
}

enum vec_kind bind_kind_named(const char *name)
{
    for (unsigned i = SQL_TYPE_NAMED + 1; i < SQL_TYPE_COUNT; i++) {
        if (strcmp(bind_type_rows[i].internal, name) == 0) {
            return bind_type_rows[i].kind;
        }
    }
    return VEC_NONE;
}

const char *bind_type_name(const struct sql_type *type)
{
    return type->kind == SQL_TYPE_NAMED ? type->name.items[type->name.count - 1].text
                                        : bind_type_rows[type->kind].internal;
}
