/* Expressions from JSON. See json_int.h. Arrays within each other are at most JSON_DEPTH_MAX deep,
 * so reading recurses. */
#include <stdio.h>
#include <string.h>

#include "views/plan/build.h"
#include "views/plan/json_int.h"
#include "views/plan/value.h"
#include "views/vec/function.h"
#include "views/vec/integer.h"

static bool plan_read_head(struct plan_reader *r, struct json_items *items, struct vec_expr *expr);
static bool plan_read_kind(const struct json_value *value, struct vec_expr *expr);
static bool plan_read_constant(struct plan_reader *r, const struct json_value *value,
                               struct vec_expr *expr);
static bool plan_read_function(struct plan_reader *r, const struct json_value *value,
                               struct vec_expr *expr);
static bool plan_read_digits(const char *text, size_t length, uint32_t *out);

const struct vec_expr *const *plan_read_exprs(struct plan_reader *r, const struct json_value *value,
                                              uint32_t *count)
{
    struct json_value item;
    *count = plan_read_count(r, value);
    const struct vec_expr **exprs =
        r->err == ERR_OK ? plan_read_alloc(r, *count, sizeof(*exprs)) : NULL;
    if (exprs == NULL) {
        return NULL;
    }
    struct json_items items = json_items(value);
    for (uint32_t i = 0; json_items_next(&items, NULL, &item); i++) {
        exprs[i] = plan_read_expr(r, &item);
        if (exprs[i] == NULL) {
            return NULL;
        }
    }
    return exprs;
}

const struct vec_expr *plan_read_expr(struct plan_reader *r, const struct json_value *value)
{
    struct vec_expr *expr = plan_read_alloc(r, 1, sizeof(*expr));
    struct json_value item;
    uint32_t count = plan_read_count(r, value);
    if (expr == NULL || r->err != ERR_OK) {
        return NULL;
    }
    struct json_items items = json_items(value);
    if (!plan_read_head(r, &items, expr)) {
        return NULL;
    }
    bool has_payload = expr->kind <= VEC_EXPR_CALL;
    if (has_payload && !json_items_next(&items, NULL, &item)) {
        plan_read_fail(r, "an expression without what it holds");
        return NULL;
    }
    expr->args_count = count - 3 - has_payload;
    expr->args = plan_read_alloc(r, expr->args_count, sizeof(*expr->args));
    expr->height = 1;
    if (expr->args == NULL) {
        return NULL;
    }
    struct json_value arg;
    for (uint32_t i = 0; json_items_next(&items, NULL, &arg); i++) {
        const struct vec_expr *read = plan_read_expr(r, &arg);
        if (read == NULL) {
            return NULL;
        }
        expr->args[i] = read;
        expr->height = read->height >= expr->height ? read->height + 1 : expr->height;
    }
    int64_t number = 0;
    if (expr->kind == VEC_EXPR_CONSTANT) {
        return plan_read_constant(r, &item, expr) ? expr : NULL;
    }
    if (expr->kind == VEC_EXPR_CALL) {
        return plan_read_function(r, &item, expr) ? expr : NULL;
    }
    if (has_payload) {
        if (!plan_read_number(r, &item, 0, UINT32_MAX, &number)) {
            return NULL;
        }
        expr->u.number = (uint32_t)number;
    }
    return expr;
}

/* Kind, type and place. */
static bool plan_read_head(struct plan_reader *r, struct json_items *items, struct vec_expr *expr)
{
    struct json_value kind, type, place;
    if (!json_items_next(items, NULL, &kind) || !json_items_next(items, NULL, &type) ||
        !json_items_next(items, NULL, &place)) {
        return plan_read_fail(r, "an expression without kind, type and place");
    }
    return (plan_read_kind(&kind, expr) || plan_read_fail(r, "no kind of an expression")) &&
           plan_read_type(r, &type, &expr->type) && plan_read_place(r, &place, expr);
}

static bool plan_read_kind(const struct json_value *value, struct vec_expr *expr)
{
    struct json_value word = *value;
    size_t not_length = strlen(PLAN_JSON_NOT);
    bool is_not = word.kind == JSON_STRING && word.length > not_length &&
                  memcmp(word.text, PLAN_JSON_NOT, not_length) == 0;
    if (is_not) {
        word.text += not_length;
        word.length -= not_length;
    }
    for (unsigned kind = 0; kind < VEC_EXPR_KIND_COUNT; kind++) {
        if (plan_read_is(&word, plan_expr_kind_name((enum vec_expr_kind)kind))) {
            bool has_not = kind == VEC_EXPR_IS_NULL || kind == VEC_EXPR_IS_TRUE ||
                           kind == VEC_EXPR_IS_FALSE || kind == VEC_EXPR_DISTINCT ||
                           kind == VEC_EXPR_IN;
            expr->kind = (uint8_t)kind;
            expr->is_not = is_not;
            return has_not || !is_not;
        }
    }
    return false;
}

static bool plan_read_constant(struct plan_reader *r, const struct json_value *value,
                               struct vec_expr *expr)
{
    struct vec_bytes text;
    if (value->kind == JSON_NULL) {
        expr->u.value.is_null = true;
        return true;
    }
    if (!plan_read_text(r, value, &text)) {
        return false;
    }
    enum vec_fault fault = plan_value_parse((enum vec_kind)expr->type.kind, text.data, text.length,
                                            r->arena, &expr->u.value);
    if (fault == VEC_FAULT_MEMORY) {
        return plan_read_alloc(r, SIZE_MAX, 2) != NULL;
    }
    if (fault != VEC_FAULT_NONE) {
        struct bytes_writer w = bytes_writer(r->fault->text, sizeof(r->fault->text) - 1);
        char message[sizeof(r->fault->text)];
        w = bytes_writer(message, sizeof(message) - 1);
        vec_fault_message(&w, fault, plan_value_type_text((enum vec_kind)expr->type.kind),
                          text.data, text.length < 60 ? text.length : 60);
        message[w.pos] = '\0';
        return plan_read_fail(r, "constant: %s", message);
    }
    return true;
}

static bool plan_read_function(struct plan_reader *r, const struct json_value *value,
                               struct vec_expr *expr)
{
    struct vec_bytes text;
    uint8_t args[PLAN_READ_ARGS_MAX];
    size_t name_length, args_count;
    unsigned version;
    if (!plan_read_text(r, value, &text) ||
        !plan_read_signature(r, text, &name_length, args, &args_count, &version)) {
        return false;
    }
    expr->u.function =
        vec_function_find(text.data, name_length, args, args_count, (enum vec_kind)expr->type.kind);
    if (expr->u.function == NULL || expr->u.function->version != version) {
        return plan_read_fail(r, "function %.80s does not exist", text.data);
    }
    return true;
}

bool plan_read_signature(struct plan_reader *r, struct vec_bytes text, size_t *name_length,
                         uint8_t args[PLAN_READ_ARGS_MAX], size_t *args_count, unsigned *version)
{
    uint32_t number = 1;
    const char *open = memchr(text.data, '(', text.length);
    const char *close =
        open != NULL ? memchr(open, ')', text.length - (size_t)(open - text.data)) : NULL;
    if (close == NULL) {
        return plan_read_fail(r, "no function: %.80s", text.data);
    }
    const char *end = text.data + text.length;
    bool is_good =
        close + 1 == end ||
        (close[1] == '#' && plan_read_digits(close + 2, (size_t)(end - close - 2), &number));
    *name_length = (size_t)(open - text.data);
    *args_count = 0;
    *version = number;
    for (const char *at = open + 1; is_good && at < close; *args_count += 1) {
        const char *comma = memchr(at, ',', (size_t)(close - at));
        const char *until = comma != NULL ? comma : close;
        enum vec_kind kind = vec_kind_find(at, (size_t)(until - at));
        is_good = kind != VEC_NONE && *args_count < PLAN_READ_ARGS_MAX - 1 &&
                  (comma == NULL || comma + 1 < close);
        args[*args_count] = (uint8_t)kind;
        at = comma != NULL ? comma + 1 : close;
    }
    return is_good || plan_read_fail(r, "no function: %.80s", text.data);
}

bool plan_read_place(struct plan_reader *r, const struct json_value *value, struct vec_expr *expr)
{
    const char *colon = value->kind == JSON_STRING ? memchr(value->text, ':', value->length) : NULL;
    if (colon == NULL) {
        return plan_read_fail(r, "no place");
    }
    size_t before = (size_t)(colon - value->text);
    return (plan_read_digits(value->text, before, &expr->pos) &&
            plan_read_digits(colon + 1, value->length - before - 1, &expr->length)) ||
           plan_read_fail(r, "no place");
}

static bool plan_read_digits(const char *text, size_t length, uint32_t *out)
{
    uint64_t value = 0;
    bool is_good = length > 0 && length <= 10;
    for (size_t i = 0; is_good && i < length; i++) {
        is_good = text[i] >= '0' && text[i] <= '9';
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = (uint32_t)value;
    return is_good && value <= UINT32_MAX;
}
