/* Operators, and the forms of SQL that are made of them. */
#include <string.h>

#include "base/assert.h"
#include "views/sql/bind_int.h"

/* Elements of a constant path. */
#define BIND_PATH_ELEMENTS_MAX 64u

static const struct vec_function *bind_operator_row(struct binder *b, const char *sign,
                                                    struct vec_expr *left, struct vec_expr *right,
                                                    const struct sql_expr *e);
static bool bind_is_unserved(const char *sign, const uint8_t *kinds, uint32_t count,
                             const struct vec_function *row);
static void bind_operator_missing(struct binder *b, const char *sign, struct vec_expr *left,
                                  struct vec_expr *right, const struct sql_expr *e,
                                  size_t rows_count, bool is_many);
static struct vec_expr *bind_path(struct binder *b, const struct sql_expr *e);
static bool bind_path_elements(struct binder *b, const struct sql_expr *e,
                               struct vec_expr **elements, uint32_t *count);
static bool bind_path_element(struct binder *b, const char **at, const char *end, char *text,
                              struct vec_expr **out, const struct sql_expr *e);
static struct vec_expr *bind_not(struct binder *b, struct vec_expr *expr, const struct sql_expr *e);
static struct vec_expr *bind_between_half(struct binder *b, const struct sql_expr *e,
                                          struct vec_expr **operand, bool is_swapped);
static struct vec_expr *bind_in_set(struct binder *b, const struct sql_expr *e,
                                    struct vec_expr *operand, struct vec_expr **items);
static struct vec_expr *bind_in_each(struct binder *b, const struct sql_expr *e,
                                     struct vec_expr *operand, struct vec_expr **items,
                                     struct vec_expr *set);
static bool bind_equal_kinds(struct binder *b, struct vec_expr **left, struct vec_expr **right,
                             const struct sql_expr *e);
static struct vec_expr *bind_like_escape(struct binder *b, const struct sql_expr *e);

struct vec_expr *bind_operator(struct binder *b, const char *sign, struct vec_expr *left,
                               struct vec_expr *right, const struct sql_expr *e)
{
    const struct vec_function *row = bind_operator_row(b, sign, left, right, e);
    struct vec_expr *args[2];
    uint32_t count = 0;
    if (row == NULL) {
        return NULL;
    }
    if (left != NULL) {
        args[count] = bind_coerce(b, left, (enum vec_kind)row->args[count]);
        count++;
    }
    args[count] = bind_coerce(b, right, (enum vec_kind)row->args[count]);
    count++;
    struct vec_expr *call =
        bind_node(b, VEC_EXPR_CALL, vec_type((enum vec_kind)row->result), args, count, e);
    if (call != NULL) {
        call->u.function = row;
    }
    return call;
}

/* The row that an operator with these operands means; left NULL: a prefix one. */
static const struct vec_function *bind_operator_row(struct binder *b, const char *sign,
                                                    struct vec_expr *left, struct vec_expr *right,
                                                    const struct sql_expr *e)
{
    uint8_t kinds[2];
    uint32_t count = 0, row;
    bool is_many = false;
    struct bind_rows rows = {.is_operator = true};
    if (right == NULL || b->err != ERR_OK) {
        return NULL;
    }
    if (left != NULL) {
        kinds[count++] = left->type.kind;
    }
    kinds[count++] = right->type.kind;
    rows.count = vec_functions(sign, strlen(sign), &rows.functions);
    bool is_found = rows.count > 0 && bind_choose(&rows, kinds, count, &row, &is_many);
    if (bind_is_unserved(sign, kinds, count, is_found ? &rows.functions[row] : NULL)) {
        return bind_fail(b, SQL_STATE_FEATURE_NOT_SUPPORTED, bind_at(e),
                         "operator %s of jsonb is not supported", sign);
    }
    if (is_found) {
        return &rows.functions[row];
    }
    bind_operator_missing(b, sign, left, right, e, rows.count, is_many);
    return NULL;
}

/* jsonb - key, which PostgreSQL has: unless there are rows of them, another row would answer
 * something else, or nothing be said of what to do. */
static bool bind_is_unserved(const char *sign, const uint8_t *kinds, uint32_t count,
                             const struct vec_function *row)
{
    if (count != 2 || (row != NULL && row->result == VEC_JSONB)) {
        return false;
    }
    bool is_key = kinds[1] == VEC_TEXT || kinds[1] == VEC_INTEGER || kinds[1] == VEC_NONE;
    return strcmp(sign, "-") == 0 && row == NULL && is_key &&
           (kinds[0] == VEC_JSONB || (kinds[0] == VEC_NONE && kinds[1] == VEC_TEXT));
}

static void bind_operator_missing(struct binder *b, const char *sign, struct vec_expr *left,
                                  struct vec_expr *right, const struct sql_expr *e,
                                  size_t rows_count, bool is_many)
{
    const char *left_text = left != NULL ? bind_kind_text((enum vec_kind)left->type.kind) : "";
    const char *right_text = bind_kind_text((enum vec_kind)right->type.kind);
    bool is_sign = e->kind == SQL_EXPR_BINARY || e->kind == SQL_EXPR_UNARY;
    bool is_known = is_sign && e->u.op.op != SQL_OP_OTHER;
    bool is_match =
        e->kind == SQL_EXPR_BINARY && e->u.op.op >= SQL_OP_MATCH && e->u.op.op <= SQL_OP_NOT_IMATCH;
    if (is_match || (rows_count == 0 && is_known)) {
        bind_fail(b, SQL_STATE_FEATURE_NOT_SUPPORTED, bind_at(e), "operator %s is not supported",
                  sign);
        if (is_match) {
            bind_hint(b, "Use LIKE or ILIKE.");
        }
        return;
    }
    bind_fail(b, is_many ? SQL_STATE_AMBIGUOUS_FUNCTION : SQL_STATE_UNDEFINED_FUNCTION, bind_at(e),
              "operator %s: %s%s%s %s", is_many ? "is not unique" : "does not exist", left_text,
              left != NULL ? " " : "", sign, right_text);
    bind_hint(b, is_many ? "Could not choose a best candidate operator. You might need to add "
                           "explicit type casts."
                         : "No operator matches the given name and argument types. You might need "
                           "to add explicit type casts.");
}

struct vec_expr *bind_operation(struct binder *b, const struct sql_expr *e)
{
    const char *sign = e->u.op.sign.text;
    if (e->u.op.op == SQL_OP_NE) {
        sign = "<>";
    }
    if (e->kind == SQL_EXPR_UNARY) {
        struct vec_expr *operand = bind_expr(b, e->u.op.right);
        return bind_operator(b, sign, NULL, operand, e);
    }
    if (e->u.op.op == SQL_OP_PATH || e->u.op.op == SQL_OP_PATH_TEXT) {
        return bind_path(b, e);
    }
    struct vec_expr *left = bind_expr(b, e->u.op.left);
    struct vec_expr *right = left != NULL ? bind_expr(b, e->u.op.right) : NULL;
    return right != NULL ? bind_operator(b, sign, left, right, e) : NULL;
}

/* value #> '{a,b}': there are no arrays, so the path becomes arguments. */
static struct vec_expr *bind_path(struct binder *b, const struct sql_expr *e)
{
    struct vec_expr *args[1 + BIND_PATH_ELEMENTS_MAX];
    uint32_t count = 0;
    bool is_text = e->u.op.op == SQL_OP_PATH_TEXT;
    args[0] = bind_expr(b, e->u.op.left);
    if (args[0] == NULL) {
        return NULL;
    }
    if (args[0]->type.kind != VEC_NONE && args[0]->type.kind != VEC_JSONB) {
        struct vec_expr *right = bind_expr(b, e->u.op.right);
        if (right != NULL) {
            bind_operator_missing(b, e->u.op.sign.text, args[0], right, e, 1, false);
        }
        return NULL;
    }
    args[0] = bind_resolve(b, args[0], VEC_JSONB);
    if (args[0] == NULL || !bind_path_elements(b, e, args + 1, &count)) {
        return NULL;
    }
    if (count == 0 && !is_text) {
        return args[0];
    }
    if (count == 0) { /* the value itself as text: the one element of an array of it */
        args[0] = bind_function(b, "jsonb_build_array", "jsonb_build_array", args, 1, e);
        args[1] = args[0] != NULL ? bind_node(b, VEC_EXPR_CONSTANT, vec_type(VEC_TEXT), NULL, 0, e)
                                  : NULL;
        if (args[1] == NULL) {
            return NULL;
        }
        args[1]->u.value.u.bytes = (struct vec_bytes){"0", 1};
        count = 1;
    }
    const char *name = is_text ? "jsonb_extract_path_text" : "jsonb_extract_path";
    return bind_function(b, name, name, args, 1 + count, e);
}

/* The elements of a constant array of texts: {a,"b c",0}. */
static bool bind_path_elements(struct binder *b, const struct sql_expr *e,
                               struct vec_expr **elements, uint32_t *count)
{
    const struct sql_expr *path = e->u.op.right;
    if (path->kind != SQL_EXPR_STRING) {
        bind_fail(b, SQL_STATE_FEATURE_NOT_SUPPORTED, path->at,
                  "a path that is not constant is not supported");
        bind_hint(b, "Use -> and ->>, which take a key or a number, or jsonb_extract_path.");
        return false;
    }
    const char *at = path->u.text.text, *end = at + path->u.text.length;
    char *text = bind_alloc(b, path->u.text.length + 1u, 1);
    bool is_good = text != NULL && at < end && *at == '{' && end[-1] == '}' && end - at >= 2;
    end--;
    *count = 0;
    for (at++; is_good && at < end; at++) {
        is_good = *count < BIND_PATH_ELEMENTS_MAX &&
                  bind_path_element(b, &at, end, text, &elements[*count], path) &&
                  (at == end || (*at == ',' && at + 1 < end));
        *count += 1;
    }
    if (!is_good) {
        bind_fail(b, SQL_STATE_INVALID_TEXT_REPRESENTATION, path->at,
                  "malformed array literal: \"%s\"", path->u.text.text);
    }
    return is_good;
}

/* One element at *at, which goes behind it. */
static bool bind_path_element(struct binder *b, const char **at, const char *end, char *text,
                              struct vec_expr **out, const struct sql_expr *e)
{
    size_t length = 0, kept = 0;
    bool is_quoted = false, is_open = false;
    const char *p = *at;
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n')) {
        p++;
    }
    for (; p < end && (is_open || *p != ','); p++) {
        if (*p == '"') {
            is_open = !is_open;
            is_quoted = true;
            kept = length;
        } else if ((*p == '{' || *p == '}') && !is_open) {
            return false;
        } else {
            bool is_escaped = *p == '\\' && p + 1 < end;
            p += is_escaped;
            text[length++] = *p;
            kept = is_open || is_escaped || (*p != ' ' && *p != '\t' && *p != '\n') ? length : kept;
        }
    }
    *at = p;
    if (is_open || (kept == 0 && !is_quoted)) {
        return false;
    }
    bool is_null = !is_quoted && kept == 4 && strncasecmp(text, "null", 4) == 0;
    const char *copy = bind_text(b, text, kept);
    *out = copy != NULL ? bind_node(b, VEC_EXPR_CONSTANT, vec_type(VEC_TEXT), NULL, 0, e) : NULL;
    if (*out == NULL) {
        return false;
    }
    (*out)->u.value.is_null = is_null;
    (*out)->u.value.u.bytes = (struct vec_bytes){copy, (uint32_t)kept};
    return true;
}

static struct vec_expr *bind_not(struct binder *b, struct vec_expr *expr, const struct sql_expr *e)
{
    return expr != NULL ? bind_node(b, VEC_EXPR_NOT, vec_type(VEC_BOOLEAN), &expr, 1, e) : NULL;
}

/* a >= low AND a <= high; SYMMETRIC: or the other way round. The operand is bound once and copied:
 * what is unknown in it takes the type that each comparison gives it. */
struct vec_expr *bind_between(struct binder *b, const struct sql_expr *e)
{
    struct vec_expr *halves[2];
    struct vec_expr *operand = bind_expr(b, e->u.between.operand);
    struct vec_type boolean = vec_type(VEC_BOOLEAN);
    halves[0] = bind_between_half(b, e, &operand, false);
    if (!e->u.between.is_symmetric || halves[0] == NULL) {
        return halves[0];
    }
    halves[1] = bind_between_half(b, e, &operand, true);
    return bind_node(b, e->u.between.is_not ? VEC_EXPR_AND : VEC_EXPR_OR, boolean, halves, 2, e);
}

static struct vec_expr *bind_between_half(struct binder *b, const struct sql_expr *e,
                                          struct vec_expr **operand, bool is_swapped)
{
    struct vec_expr *sides[2];
    bool is_not = e->u.between.is_not;
    const struct sql_expr *low = is_swapped ? e->u.between.high : e->u.between.low;
    const struct sql_expr *high = is_swapped ? e->u.between.low : e->u.between.high;
    for (int i = 0; i < 2; i++) {
        const char *sign = i == 0 ? (is_not ? "<" : ">=") : (is_not ? ">" : "<=");
        struct vec_expr *left = *operand;
        *operand = bind_clone(b, left); /* before it is given a type */
        struct vec_expr *right = *operand != NULL ? bind_expr(b, i == 0 ? low : high) : NULL;
        bind_refresh(b, left);
        sides[i] = right != NULL ? bind_operator(b, sign, left, right, e) : NULL;
        if (sides[i] == NULL) {
            return NULL;
        }
    }
    return bind_node(b, is_not ? VEC_EXPR_OR : VEC_EXPR_AND, vec_type(VEC_BOOLEAN), sides, 2, e);
}

/* As PostgreSQL does: items without columns are one set of a common type, if there are several and
 * it exists; each other item is compared by itself. */
struct vec_expr *bind_in(struct binder *b, const struct sql_expr *e)
{
    uint32_t count = e->u.in.list.count, constants_count = 0;
    struct vec_expr *operand = bind_expr(b, e->u.in.operand);
    struct vec_expr **items = operand != NULL ? bind_alloc(b, count, sizeof(*items)) : NULL;
    struct vec_expr **set = items != NULL ? bind_alloc(b, count + 1u, sizeof(*set)) : NULL;
    if (set == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        items[i] = bind_expr(b, e->u.in.list.items[i]);
        if (items[i] == NULL) {
            return NULL;
        }
        if (!plan_expr_has_column(items[i])) {
            set[1 + constants_count++] = items[i];
        }
    }
    struct vec_type common;
    set[0] = operand;
    struct vec_expr *found = NULL;
    if (constants_count > 1 && bind_common(b, set, 1 + constants_count, NULL, NULL, &common)) {
        found = bind_in_set(b, e, operand, items);
        if (found == NULL || constants_count == count) {
            return found;
        }
    }
    return bind_in_each(b, e, operand, items, found);
}

/* The items without columns as one IN. */
static struct vec_expr *bind_in_set(struct binder *b, const struct sql_expr *e,
                                    struct vec_expr *operand, struct vec_expr **items)
{
    uint32_t count = 0;
    struct vec_type common;
    const struct sql_expr **places = bind_alloc(b, e->u.in.list.count + 1u, sizeof(*places));
    struct vec_expr **args =
        places != NULL ? bind_alloc(b, e->u.in.list.count + 1u, sizeof(*args)) : NULL;
    if (args == NULL) {
        return NULL;
    }
    places[0] = e->u.in.operand;
    args[count++] = bind_clone(b, operand);
    for (uint32_t i = 0; i < e->u.in.list.count; i++) {
        if (!plan_expr_has_column(items[i])) {
            places[count] = e->u.in.list.items[i];
            args[count++] = items[i];
        }
    }
    if (args[0] == NULL || !bind_common(b, args, count, "IN", places, &common)) {
        return NULL;
    }
    for (uint32_t i = 1; i <= count; i++) { /* the operand last, as PostgreSQL does */
        args[i % count] = bind_coerce(b, args[i % count], (enum vec_kind)common.kind);
        if (args[i % count] == NULL) {
            return NULL;
        }
    }
    struct vec_expr *in = bind_node(b, VEC_EXPR_IN, vec_type(VEC_BOOLEAN), args, count, e);
    if (in != NULL) {
        in->is_not = e->u.in.is_not;
    }
    return in;
}

/* A comparison for each item that is not in `set`, and the set, if there is one. */
static struct vec_expr *bind_in_each(struct binder *b, const struct sql_expr *e,
                                     struct vec_expr *operand, struct vec_expr **items,
                                     struct vec_expr *set)
{
    uint32_t count = 0;
    struct vec_expr **args = bind_alloc(b, e->u.in.list.count, sizeof(*args));
    if (args == NULL) {
        return NULL;
    }
    if (set != NULL) {
        args[count++] = set;
    }
    for (uint32_t i = 0; i < e->u.in.list.count; i++) {
        if (set != NULL && !plan_expr_has_column(items[i])) {
            continue;
        }
        struct vec_expr *left = operand;
        operand = bind_clone(b, operand);
        args[count] = operand != NULL
                          ? bind_operator(b, e->u.in.is_not ? "<>" : "=", left, items[i], e)
                          : NULL;
        if (args[count] == NULL) {
            return NULL;
        }
        count++;
    }
    enum vec_expr_kind kind = e->u.in.is_not ? VEC_EXPR_AND : VEC_EXPR_OR;
    return count == 1 ? args[0] : bind_node(b, kind, vec_type(VEC_BOOLEAN), args, count, e);
}

/* Both as `=` takes them, and of one type: of two that differ the one the other becomes. False: no
 * such operator. */
static bool bind_equal_kinds(struct binder *b, struct vec_expr **left, struct vec_expr **right,
                             const struct sql_expr *e)
{
    const struct vec_function *row = bind_operator_row(b, "=", *left, *right, e);
    if (row == NULL) {
        return false;
    }
    enum vec_kind first = (enum vec_kind)row->args[0], second = (enum vec_kind)row->args[1];
    enum vec_kind common = bind_is_implicit(first, second) ? second : first;
    *left = bind_coerce(b, *left, common);
    *right = *left != NULL ? bind_coerce(b, *right, common) : NULL;
    return *right != NULL;
}

struct vec_expr *bind_is_distinct(struct binder *b, const struct sql_expr *e)
{
    const struct sql_expr *a = e->u.distinct.left, *c = e->u.distinct.right;
    if (a->kind == SQL_EXPR_NULL || c->kind == SQL_EXPR_NULL) {
        struct vec_expr *other = bind_expr(b, a->kind == SQL_EXPR_NULL ? c : a);
        if (other != NULL && other->kind == VEC_EXPR_CONSTANT) {
            other = bind_resolve(b, other, VEC_TEXT);
        }
        struct vec_expr *test =
            other != NULL ? bind_node(b, VEC_EXPR_IS_NULL, vec_type(VEC_BOOLEAN), &other, 1, e)
                          : NULL;
        if (test != NULL) {
            test->is_not = !e->u.distinct.is_not;
        }
        return test;
    }
    struct vec_expr *args[2] = {bind_expr(b, a), NULL};
    args[1] = args[0] != NULL ? bind_expr(b, c) : NULL;
    if (args[1] == NULL || !bind_equal_kinds(b, &args[0], &args[1], e)) {
        return NULL;
    }
    struct vec_expr *test = bind_node(b, VEC_EXPR_DISTINCT, vec_type(VEC_BOOLEAN), args, 2, e);
    if (test != NULL) {
        test->is_not = e->u.distinct.is_not;
    }
    return test;
}

/* The answer has the type of the first operand as `=` takes it. */
struct vec_expr *bind_nullif(struct binder *b, const struct sql_expr *e)
{
    const struct sql_exprs *list = &e->u.call->args;
    struct vec_expr *args[2] = {bind_expr(b, list->items[0]), NULL};
    args[1] = args[0] != NULL ? bind_expr(b, list->items[1]) : NULL;
    const struct vec_function *row =
        args[1] != NULL ? bind_operator_row(b, "=", args[0], args[1], e) : NULL;
    if (row == NULL) {
        return NULL;
    }
    args[0] = bind_coerce(b, args[0], (enum vec_kind)row->args[0]);
    args[1] = args[0] != NULL ? bind_coerce(b, args[1], (enum vec_kind)row->args[1]) : NULL;
    if (args[1] == NULL || row->args[0] == row->args[1]) {
        return args[1] != NULL ? bind_node(b, VEC_EXPR_NULLIF, args[0]->type, args, 2, e) : NULL;
    }
    struct vec_expr *null = bind_node(b, VEC_EXPR_CONSTANT, args[0]->type, NULL, 0, e);
    struct vec_expr *arms[3] = {NULL, null, bind_clone(b, args[0])};
    arms[0] = arms[2] != NULL ? bind_operator(b, "=", args[0], args[1], e) : NULL;
    if (arms[0] == NULL || null == NULL) {
        return NULL;
    }
    null->u.value.is_null = true;
    return bind_node(b, VEC_EXPR_CASE, null->type, arms, 3, e);
}

struct vec_expr *bind_like(struct binder *b, const struct sql_expr *e)
{
    bool is_not = e->u.like.is_not;
    const char *sign = e->u.like.is_caseless ? (is_not ? "!~~*" : "~~*") : (is_not ? "!~~" : "~~");
    if (e->u.like.escape != NULL) {
        return bind_like_escape(b, e);
    }
    struct vec_expr *left = bind_expr(b, e->u.like.operand);
    struct vec_expr *right = left != NULL ? bind_expr(b, e->u.like.pattern) : NULL;
    return right != NULL ? bind_operator(b, sign, left, right, e) : NULL;
}

/* like(a, pattern, escape), which PostgreSQL writes a ~~ like_escape(pattern, escape). */
static struct vec_expr *bind_like_escape(struct binder *b, const struct sql_expr *e)
{
    struct vec_expr *args[3] = {bind_expr(b, e->u.like.operand), NULL, NULL};
    args[1] = args[0] != NULL ? bind_expr(b, e->u.like.pattern) : NULL;
    args[2] = args[1] != NULL ? bind_expr(b, e->u.like.escape) : NULL;
    uint8_t kinds[2];
    if (args[2] == NULL) {
        return NULL;
    }
    bind_kinds(args + 1, 2, kinds);
    for (int i = 1; i < 3; i++) {
        if (args[i]->type.kind != VEC_NONE && args[i]->type.kind != VEC_TEXT) {
            return bind_fail(b, SQL_STATE_UNDEFINED_FUNCTION, bind_at(e),
                             "function pg_catalog.like_escape(%s) does not exist",
                             bind_kinds_text(b, kinds, 2));
        }
        args[i] = bind_resolve(b, args[i], VEC_TEXT);
        if (args[i] == NULL) {
            return NULL;
        }
    }
    bool is_not = e->u.like.is_not, is_caseless = e->u.like.is_caseless;
    const char *sign = is_caseless ? (is_not ? "!~~*" : "~~*") : (is_not ? "!~~" : "~~");
    if (args[0]->type.kind != VEC_NONE && args[0]->type.kind != VEC_TEXT) {
        bind_operator_missing(b, sign, args[0], args[1], e, 1, false);
        return NULL;
    }
    const char *name = is_caseless ? "ilike" : "like";
    struct vec_expr *call = bind_function(b, name, name, args, 3, e);
    return is_not ? bind_not(b, call, e) : call;
}
