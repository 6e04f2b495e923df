/* Functions and aggregates. A name is one or the other; the forms of the grammar that look like
 * functions (COALESCE and the like) become nodes of their own. */
#include <string.h>

#include "base/assert.h"
#include "base/suggest.h"
#include "views/sql/bind_int.h"

/* Names that are compared for a suggestion. */
#define BIND_NAMES_MAX 1024u

/* Functions of PostgreSQL's that are refused by their name. */
struct bind_refused {
    const char *name;
    const char *hint; /* what to do instead; NULL: nothing */
};

#define BIND_REFUSE_RANDOM                                                                         \
    "A question asked twice gets one answer: bring what is random as a parameter."
#define BIND_REFUSE_CLOCK  "now() is the time at which the statement began."
#define BIND_REFUSE_ROWS   "Only count, sum, avg, min, max and the like fold rows into one."
#define BIND_REFUSE_REGEX  "Use LIKE, ILIKE, split_part or substring."
#define BIND_REFUSE_JSON   "Use the jsonb function of that name, or a cast to JSONB."
#define BIND_REFUSE_SET    "A function gives one value for each row here."
#define BIND_REFUSE_WINDOW "TUMBLE in FROM makes windows of time."
#define BIND_REFUSE_FORMAT "Use extract, date_trunc and casts to TEXT."
#define BIND_REFUSE_HASH   "Compare the values themselves."

static const struct bind_refused bind_refused_rows[] = {
    {"random", BIND_REFUSE_RANDOM},
    {"setseed", BIND_REFUSE_RANDOM},
    {"gen_random_uuid", BIND_REFUSE_RANDOM},
    {"clock_timestamp", BIND_REFUSE_CLOCK},
    {"timeofday", BIND_REFUSE_CLOCK},
    {"current_time", BIND_REFUSE_CLOCK},
    {"localtime", BIND_REFUSE_CLOCK},
    {"pg_sleep", NULL},
    {"nextval", NULL},
    {"current_user", NULL},
    {"session_user", NULL},
    {"current_role", NULL},
    {"current_catalog", NULL},
    {"current_schema", NULL},
    {"current_database", NULL},
    {"version", NULL},
    {"array_agg", BIND_REFUSE_ROWS},
    {"string_agg", BIND_REFUSE_ROWS},
    {"json_agg", BIND_REFUSE_ROWS},
    {"jsonb_agg", BIND_REFUSE_ROWS},
    {"json_object_agg", BIND_REFUSE_ROWS},
    {"jsonb_object_agg", BIND_REFUSE_ROWS},
    {"bit_and", BIND_REFUSE_ROWS},
    {"bit_or", BIND_REFUSE_ROWS},
    {"corr", BIND_REFUSE_ROWS},
    {"mode", BIND_REFUSE_ROWS},
    {"percentile_cont", BIND_REFUSE_ROWS},
    {"percentile_disc", BIND_REFUSE_ROWS},
    {"regexp_match", BIND_REFUSE_REGEX},
    {"regexp_matches", BIND_REFUSE_REGEX},
    {"regexp_replace", BIND_REFUSE_REGEX},
    {"regexp_like", BIND_REFUSE_REGEX},
    {"regexp_count", BIND_REFUSE_REGEX},
    {"regexp_substr", BIND_REFUSE_REGEX},
    {"regexp_split_to_array", BIND_REFUSE_REGEX},
    {"regexp_split_to_table", BIND_REFUSE_REGEX},
    {"similar_to_escape", BIND_REFUSE_REGEX},
    {"json_build_object", BIND_REFUSE_JSON},
    {"json_build_array", BIND_REFUSE_JSON},
    {"json_extract_path", BIND_REFUSE_JSON},
    {"json_extract_path_text", BIND_REFUSE_JSON},
    {"json_typeof", BIND_REFUSE_JSON},
    {"json_array_length", BIND_REFUSE_JSON},
    {"to_json", BIND_REFUSE_JSON},
    {"generate_series", BIND_REFUSE_SET},
    {"unnest", BIND_REFUSE_SET},
    {"jsonb_array_elements", BIND_REFUSE_SET},
    {"jsonb_array_elements_text", BIND_REFUSE_SET},
    {"jsonb_each", BIND_REFUSE_SET},
    {"jsonb_each_text", BIND_REFUSE_SET},
    {"jsonb_object_keys", BIND_REFUSE_SET},
    {"row_number", BIND_REFUSE_WINDOW},
    {"rank", BIND_REFUSE_WINDOW},
    {"dense_rank", BIND_REFUSE_WINDOW},
    {"ntile", BIND_REFUSE_WINDOW},
    {"lag", BIND_REFUSE_WINDOW},
    {"lead", BIND_REFUSE_WINDOW},
    {"first_value", BIND_REFUSE_WINDOW},
    {"last_value", BIND_REFUSE_WINDOW},
    {"to_char", BIND_REFUSE_FORMAT},
    {"to_date", BIND_REFUSE_FORMAT},
    {"to_number", BIND_REFUSE_FORMAT},
    {"format", "Use || or concat."},
    {"sha256", BIND_REFUSE_HASH},
    {"encode", NULL},
    {"decode", NULL},
    {"pg_typeof", "The answer says the types of its columns."},
};

/* Functions whose arguments are of any type, and from which on. */
static const struct bind_any {
    const char *name;
    uint32_t first;   /* argument that may be anything, and all behind it */
    enum vec_kind to; /* what it becomes: TEXT as it prints, JSONB by to_jsonb */
} bind_any_rows[] = {
    {"concat", 0, VEC_TEXT},
    {"concat_ws", 1, VEC_TEXT},
    {"jsonb_build_array", 0, VEC_JSONB},
    {"jsonb_build_object", 0, VEC_JSONB},
};

static struct vec_expr *bind_call_form(struct binder *b, const struct sql_expr *e, bool *is_form);
static struct vec_expr *bind_choice_form(struct binder *b, const struct sql_expr *e,
                                         enum vec_expr_kind kind, const char *what);
static bool bind_call_args(struct binder *b, const struct sql_expr *e, struct vec_expr ***args);
static struct vec_expr *bind_plain_call(struct binder *b, const struct sql_expr *e,
                                        const char *name, const char *shown);
static bool bind_plain_only(struct binder *b, const struct sql_expr *e, const char *shown);
static struct vec_expr *bind_cast_name(struct binder *b, const char *name, struct vec_expr **args,
                                       uint32_t count, const struct sql_expr *e);
static void bind_function_missing(struct binder *b, const char *name, const char *shown,
                                  const uint8_t *kinds, uint32_t count, const struct sql_expr *e,
                                  size_t rows_count, bool is_many);
static void bind_function_suggest(struct binder *b, const char *name);
static bool bind_is_callable(const char *name);
static bool bind_any_args(struct binder *b, const char *name, struct vec_expr **args,
                          uint32_t count, const struct sql_expr *e);
static struct vec_expr *bind_as_printed(struct binder *b, struct vec_expr *expr,
                                        const struct sql_expr *e);
static struct vec_expr *bind_aggregate_call(struct binder *b, const struct sql_expr *e,
                                            const char *name, const struct bind_rows *rows);
static bool bind_aggregate_args(struct binder *b, const struct sql_expr *e, const char *name,
                                const struct bind_rows *rows, struct plan_aggregation *out);
static bool bind_aggregate_may(struct binder *b, const struct sql_expr *e);
static struct vec_expr *bind_aggregate_add(struct binder *b, const struct sql_expr *e,
                                           const struct plan_aggregation *aggregation);
static bool bind_aggregate_is(const struct plan_aggregation *a, const struct plan_aggregation *c);

struct vec_expr *bind_call(struct binder *b, const struct sql_expr *e)
{
    const struct sql_call *call = e->u.call;
    const struct sql_names *names = &call->name;
    bool is_form = false;
    struct vec_expr *form = bind_call_form(b, e, &is_form);
    if (is_form) {
        return form;
    }
    struct sql_names last = {&names->items[names->count - 1], 1, names->at};
    const char *name = bind_path_text(b, &last, true);
    const char *shown = bind_path_text(b, names, true);
    if (name == NULL || shown == NULL) {
        return NULL;
    }
    bool is_ours = names->count == 1 ||
                   (names->count == 2 && bind_is_same(names->items[0].text, "pg_catalog"));
    if (!is_ours) {
        name = ""; /* no function is called that */
    }
    if (call->args.count > BIND_ARGS_MAX) {
        return bind_fail(b, SQL_STATE_TOO_MANY_ARGUMENTS, bind_at(e),
                         "cannot pass more than %u arguments to a function", BIND_ARGS_MAX);
    }
    struct bind_rows rows = {.functions = NULL};
    rows.count = vec_aggregates(name, strlen(name), &rows.aggregates);
    if (rows.count > 0) {
        return bind_aggregate_call(b, e, name, &rows);
    }
    bool is_own = call->form == SQL_CALL_EXTRACT || call->form == SQL_CALL_POSITION;
    char *own = is_own ? bind_alloc(b, strlen(name) + sizeof("pg_catalog."), 1) : NULL;
    if (own != NULL) {
        memcpy(own, "pg_catalog.", strlen("pg_catalog."));
        memcpy(own + strlen("pg_catalog."), name, strlen(name));
        shown = own;
    }
    return bind_plain_call(b, e, name, shown);
}

/* COALESCE, NULLIF, GREATEST, LEAST: the grammar's own. */
static struct vec_expr *bind_call_form(struct binder *b, const struct sql_expr *e, bool *is_form)
{
    const struct sql_name *name = &e->u.call->name.items[0];
    *is_form = e->u.call->name.count == 1 && !name->is_quoted;
    if (*is_form && strcmp(name->text, "coalesce") == 0) {
        return bind_choice_form(b, e, VEC_EXPR_COALESCE, "COALESCE");
    }
    if (*is_form && strcmp(name->text, "greatest") == 0) {
        return bind_choice_form(b, e, VEC_EXPR_GREATEST, "GREATEST");
    }
    if (*is_form && strcmp(name->text, "least") == 0) {
        return bind_choice_form(b, e, VEC_EXPR_LEAST, "LEAST");
    }
    if (*is_form && strcmp(name->text, "nullif") == 0) {
        return bind_nullif(b, e);
    }
    *is_form = false;
    return NULL;
}

static struct vec_expr *bind_choice_form(struct binder *b, const struct sql_expr *e,
                                         enum vec_expr_kind kind, const char *what)
{
    struct vec_expr **args;
    struct vec_type type;
    const struct sql_exprs *list = &e->u.call->args;
    if (!bind_call_args(b, e, &args) ||
        !bind_unify(b, args, list->count, what, (const struct sql_expr *const *)list->items,
                    &type)) {
        return NULL;
    }
    return bind_node(b, kind, type, args, list->count, e);
}

static bool bind_call_args(struct binder *b, const struct sql_expr *e, struct vec_expr ***args)
{
    const struct sql_exprs *list = &e->u.call->args;
    *args = bind_alloc(b, list->count, sizeof(**args));
    for (uint32_t i = 0; *args != NULL && i < list->count; i++) {
        (*args)[i] = bind_expr(b, list->items[i]);
        if ((*args)[i] == NULL) {
            return false;
        }
    }
    return *args != NULL;
}

static struct vec_expr *bind_plain_call(struct binder *b, const struct sql_expr *e,
                                        const char *name, const char *shown)
{
    const struct sql_call *call = e->u.call;
    const struct vec_function *rows;
    struct vec_expr **args;
    uint8_t kinds[BIND_ARGS_MAX];
    uint32_t count = call->args.count;
    if (!bind_call_args(b, e, &args)) {
        return NULL;
    }
    bool is_known = bind_is_callable(name) && vec_functions(name, strlen(name), &rows) > 0;
    if (!is_known) {
        struct vec_expr *cast = bind_cast_name(b, name, args, count, e);
        if (cast == NULL) {
            bind_kinds(args, count, kinds);
            bind_function_missing(b, name, shown, kinds, count, e, 0, false);
        }
        return cast;
    }
    struct vec_expr *plain = bind_function(b, name, shown, args, count, e);
    return plain != NULL && bind_plain_only(b, e, shown) ? plain : NULL;
}

/* What only aggregates take. */
static bool bind_plain_only(struct binder *b, const struct sql_expr *e, const char *shown)
{
    const struct sql_call *call = e->u.call;
    const char *what = call->is_star          ? "(*)"
                       : call->is_distinct    ? "DISTINCT"
                       : call->filter != NULL ? "FILTER"
                                              : NULL;
    if (what == NULL) {
        return true;
    }
    if (call->is_star) {
        bind_fail(b, SQL_STATE_WRONG_OBJECT_TYPE, bind_at(e),
                  "%s(*) specified, but %s is not an aggregate function", shown, shown);
    } else {
        bind_fail(b, SQL_STATE_WRONG_OBJECT_TYPE, bind_at(e),
                  "%s specified, but %s is not an aggregate function", what, shown);
    }
    return false;
}

struct vec_expr *bind_function(struct binder *b, const char *name, const char *shown,
                               struct vec_expr **args, uint32_t args_count,
                               const struct sql_expr *e)
{
    struct bind_rows rows = {.functions = NULL};
    uint8_t written[BIND_ARGS_MAX + 1], kinds[BIND_ARGS_MAX + 1];
    uint32_t row;
    bool is_many = false;
    bind_kinds(args, args_count, written);
    rows.count = vec_functions(name, strlen(name), &rows.functions);
    if (rows.count > 0 && !bind_any_args(b, name, args, args_count, e)) {
        return NULL;
    }
    bind_kinds(args, args_count, kinds);
    if (rows.count == 0 || !bind_choose(&rows, kinds, args_count, &row, &is_many)) {
        bind_function_missing(b, name, shown, written, args_count, e, rows.count, is_many);
        return NULL;
    }
    const struct vec_function *function = &rows.functions[row];
    for (uint32_t i = 0; i < args_count; i++) {
        uint8_t kind = function->args[i < function->args_count ? i : function->args_count - 1u];
        args[i] = bind_coerce(b, args[i], (enum vec_kind)kind);
        if (args[i] == NULL) {
            return NULL;
        }
    }
    struct vec_expr *call =
        bind_node(b, VEC_EXPR_CALL, vec_type((enum vec_kind)function->result), args, args_count, e);
    if (call != NULL) {
        call->u.function = function;
    }
    return call;
}

/* int4(x) and the like: a cast by the type's internal name. NULL without an error: it is none. */
static struct vec_expr *bind_cast_name(struct binder *b, const char *name, struct vec_expr **args,
                                       uint32_t count, const struct sql_expr *e)
{
    enum vec_kind kind = bind_kind_named(name);
    bool is_plain =
        count == 1 && !e->u.call->is_star && !e->u.call->is_distinct && e->u.call->filter == NULL;
    if (kind == VEC_NONE || !is_plain ||
        (args[0]->type.kind != VEC_NONE && args[0]->type.kind != kind &&
         vec_cast_find((enum vec_kind)args[0]->type.kind, kind) == NULL)) {
        return NULL;
    }
    return bind_convert(b, args[0], vec_type(kind), e);
}

/* Rows that no call names: those of the grammar. */
static bool bind_is_callable(const char *name)
{
    bool is_word = (name[0] >= 'a' && name[0] <= 'z') || name[0] == '_';
    return is_word && strcmp(name, "cast") != 0 && strcmp(name, PLAN_NUMERIC_DECLARE) != 0 &&
           strcmp(name, "like") != 0 && strcmp(name, "ilike") != 0;
}

static void bind_function_missing(struct binder *b, const char *name, const char *shown,
                                  const uint8_t *kinds, uint32_t count, const struct sql_expr *e,
                                  size_t rows_count, bool is_many)
{
    if (b->err != ERR_OK) {
        return;
    }
    for (size_t i = 0; rows_count == 0 && i < ARRAY_COUNT(bind_refused_rows); i++) {
        if (strcmp(bind_refused_rows[i].name, name) == 0) {
            bind_fail(b, SQL_STATE_FEATURE_NOT_SUPPORTED, bind_at(e),
                      "function %s is not supported", name);
            if (bind_refused_rows[i].hint != NULL) {
                bind_hint(b, "%s", bind_refused_rows[i].hint);
            } else if (e->kind == SQL_EXPR_CALL && e->u.call->form == SQL_CALL_VALUE) {
                bind_hint(b, "A column of that name is written in double quotes: \"%.*s\".",
                          (int)e->at.length, b->binding->text + e->at.pos);
            }
            return;
        }
    }
    bind_fail(b, is_many ? SQL_STATE_AMBIGUOUS_FUNCTION : SQL_STATE_UNDEFINED_FUNCTION, bind_at(e),
              "function %s(%s) %s", shown, bind_kinds_text(b, kinds, count),
              is_many ? "is not unique" : "does not exist");
    if (rows_count == 0) {
        bind_function_suggest(b, name);
    } else {
        bind_hint(b, is_many ? "Could not choose a best candidate function. You might need to add "
                               "explicit type casts."
                             : "No function matches the given name and argument types. You might "
                               "need to add explicit type casts.");
    }
}

static void bind_function_suggest(struct binder *b, const char *name)
{
    const char *names[BIND_NAMES_MAX];
    size_t count = 0;
    const struct vec_function *function;
    const struct vec_aggregate *aggregate;
    for (size_t i = 0; (function = vec_function_at(i)) != NULL && count < BIND_NAMES_MAX; i++) {
        bool is_new = count == 0 || strcmp(names[count - 1], function->name) != 0;
        if (is_new && bind_is_callable(function->name)) {
            names[count++] = function->name;
        }
    }
    for (size_t i = 0; (aggregate = vec_aggregate_at(i)) != NULL && count < BIND_NAMES_MAX; i++) {
        if (count == 0 || strcmp(names[count - 1], aggregate->name) != 0) {
            names[count++] = aggregate->name;
        }
    }
    const char *nearest = suggest_nearest(name, names, count);
    if (nearest != NULL) {
        bind_hint(b, "Did you mean %s?", nearest);
    } else {
        bind_hint(b, "No function matches the given name and argument types. You might need to add "
                     "explicit type casts.");
    }
}

/* Arguments that may be of any type become the one that the row takes. */
static bool bind_any_args(struct binder *b, const char *name, struct vec_expr **args,
                          uint32_t count, const struct sql_expr *e)
{
    size_t any = 0;
    while (any < ARRAY_COUNT(bind_any_rows) && strcmp(bind_any_rows[any].name, name) != 0) {
        any++;
    }
    for (uint32_t i = any < ARRAY_COUNT(bind_any_rows) ? bind_any_rows[any].first : count;
         i < count; i++) {
        if (bind_any_rows[any].to == VEC_TEXT) {
            args[i] = bind_as_printed(b, args[i], e);
        } else if (args[i]->type.kind != VEC_JSONB) {
            args[i] = bind_resolve(b, args[i], VEC_TEXT);
            args[i] =
                args[i] != NULL ? bind_function(b, "to_jsonb", "to_jsonb", &args[i], 1, e) : NULL;
        }
        if (args[i] == NULL) {
            return false;
        }
    }
    return true;
}

/* What a value prints as: its cast to TEXT, but t and f for a BOOLEAN. */
static struct vec_expr *bind_as_printed(struct binder *b, struct vec_expr *expr,
                                        const struct sql_expr *e)
{
    static const char *const letters[] = {"t", "f"};
    if (expr->type.kind != VEC_BOOLEAN) {
        return expr->type.kind == VEC_NONE ? bind_resolve(b, expr, VEC_TEXT)
                                           : bind_convert(b, expr, vec_type(VEC_TEXT), e);
    }
    struct vec_expr *args[5] = {expr, NULL, bind_clone(b, expr), NULL, NULL};
    for (int i = 0; i < 3; i++) {
        struct vec_expr *text = bind_node(b, VEC_EXPR_CONSTANT, vec_type(VEC_TEXT), NULL, 0, e);
        args[i < 2 ? 2 * i + 1 : 4] = text;
        if (text == NULL || args[2] == NULL) {
            return NULL;
        }
        text->u.value.is_null = i == 2;
        text->u.value.u.bytes = (struct vec_bytes){i < 2 ? letters[i] : NULL, i < 2 ? 1 : 0};
    }
    args[2] = bind_node(b, VEC_EXPR_NOT, vec_type(VEC_BOOLEAN), &args[2], 1, e);
    return args[2] != NULL ? bind_node(b, VEC_EXPR_CASE, vec_type(VEC_TEXT), args, 5, e) : NULL;
}

static struct vec_expr *bind_aggregate_call(struct binder *b, const struct sql_expr *e,
                                            const char *name, const struct bind_rows *rows)
{
    struct plan_aggregation aggregation = {.is_distinct = e->u.call->is_distinct};
    bool was_in_aggregate = b->query->is_in_aggregate;
    enum bind_clause clause = b->query->clause;
    b->query->is_in_aggregate = true;
    bool is_good = bind_aggregate_args(b, e, name, rows, &aggregation);
    if (is_good && e->u.call->filter != NULL) {
        b->query->clause = BIND_FILTER;
        aggregation.filter = bind_condition(b, e->u.call->filter, "FILTER");
        is_good = aggregation.filter != NULL;
    }
    b->query->is_in_aggregate = was_in_aggregate;
    b->query->clause = clause;
    return is_good && bind_aggregate_may(b, e) ? bind_aggregate_add(b, e, &aggregation) : NULL;
}

static bool bind_aggregate_args(struct binder *b, const struct sql_expr *e, const char *name,
                                const struct bind_rows *rows, struct plan_aggregation *out)
{
    const struct sql_call *call = e->u.call;
    uint8_t kinds[BIND_ARGS_MAX];
    uint32_t row;
    bool is_many = false;
    struct vec_expr **args;
    if (!bind_call_args(b, e, &args)) {
        return false;
    }
    bind_kinds(args, call->args.count, kinds);
    if (!bind_choose(rows, kinds, call->args.count, &row, &is_many)) {
        bind_function_missing(b, name, name, kinds, call->args.count, e, rows->count, is_many);
        return false;
    }
    out->function = &rows->aggregates[row];
    if (out->function->args_count == 0 && !call->is_star) {
        bind_fail(b, SQL_STATE_WRONG_OBJECT_TYPE, bind_at(e),
                  "%s(*) must be used to call a parameterless aggregate function", name);
        return false;
    }
    for (uint32_t i = 0; i < call->args.count; i++) {
        args[i] = bind_coerce(b, args[i], (enum vec_kind)out->function->args[i]);
        if (args[i] == NULL) {
            return false;
        }
    }
    out->args = (const struct vec_expr *const *)args;
    return true;
}

/* Whether an aggregate may stand there. */
static bool bind_aggregate_may(struct binder *b, const struct sql_expr *e)
{
    static const char *const clauses[] = {
#define BIND_CLAUSE_TEXT(name, text) [BIND_##name] = text,
        BIND_CLAUSE_TABLE(BIND_CLAUSE_TEXT)
#undef BIND_CLAUSE_TEXT
    };
    enum bind_clause clause = b->query->clause;
    if (clause != BIND_SELECT && clause != BIND_HAVING && clause != BIND_ORDER) {
        bind_fail(b, SQL_STATE_GROUPING_ERROR, bind_at(e),
                  "aggregate functions are not allowed in %s", clauses[clause]);
        return false;
    }
    if (b->query->is_in_aggregate) {
        bind_fail(b, SQL_STATE_GROUPING_ERROR, bind_at(e),
                  "aggregate function calls cannot be nested");
        return false;
    }
    return true;
}

/* The column that stands for it: that of an aggregate that is the same, or a new one. */
static struct vec_expr *bind_aggregate_add(struct binder *b, const struct sql_expr *e,
                                           const struct plan_aggregation *aggregation)
{
    struct bind_query *query = b->query;
    struct vec_type type = vec_type((enum vec_kind)aggregation->function->result);
    struct vec_expr *column = bind_node(b, VEC_EXPR_COLUMN, type, NULL, 0, e);
    if (column == NULL) {
        return NULL;
    }
    uint32_t number = query->aggregates_count;
    for (const struct bind_aggregate *a = query->aggregates; a != NULL; a = a->next) {
        number--;
        if (bind_aggregate_is(&a->aggregation, aggregation)) {
            column->u.number = BIND_AGGREGATE + number;
            return column;
        }
    }
    struct bind_aggregate *own = bind_alloc(b, 1, sizeof(*own));
    struct vec_expr *call = bind_node(b, VEC_EXPR_CALL, type, NULL, 0, e);
    if (own == NULL || call == NULL) {
        return NULL;
    }
    if (query->aggregates_count == BIND_COLUMNS_MAX) {
        return bind_fail(b, SQL_STATE_TOO_MANY_COLUMNS, bind_at(e),
                         "a SELECT can have at most %u aggregates", BIND_COLUMNS_MAX);
    }
    *own = (struct bind_aggregate){*aggregation, query->aggregates};
    own->aggregation.call = call;
    column->u.number = BIND_AGGREGATE + query->aggregates_count++;
    query->aggregates = own;
    return column;
}

static bool bind_aggregate_is(const struct plan_aggregation *a, const struct plan_aggregation *c)
{
    if (a->function != c->function || a->is_distinct != c->is_distinct ||
        (a->filter == NULL) != (c->filter == NULL) ||
        (a->filter != NULL && !plan_expr_equal(a->filter, c->filter))) {
        return false;
    }
    for (uint32_t i = 0; i < a->function->args_count; i++) {
        if (!plan_expr_equal(a->args[i], c->args[i])) {
            return false;
        }
    }
    return true;
}
