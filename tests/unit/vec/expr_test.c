/* Expressions over columns: what PostgreSQL answered (tests/golden/values/expression.txt) for each
 * row of a small table, here in batches of those rows in any order, form and selection. */
#include "views/vec/expr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/vec/forms.h"
#include "tests/unit/vec/recorded.h"
#include "views/vec/compare.h"

#define EXPR_ROWS      14
#define EXPR_SHOWN_MAX 15

static const uint8_t expr_kinds[] = {VEC_BOOLEAN, VEC_BOOLEAN, VEC_INTEGER, VEC_INTEGER,
                                     VEC_BIGINT,  VEC_TEXT,    VEC_DOUBLE,  VEC_NUMERIC};
#define EXPR_COLUMNS (sizeof(expr_kinds) / sizeof(expr_kinds[0]))

/* The table, and where we are. */
struct expr_table {
    struct forms f;
    struct recorded *recorded;
    struct vec_value values[EXPR_COLUMNS][EXPR_ROWS];
    bool is_param; /* parse columns as parameters */
    size_t wrong;
};

/* --- Reading an expression ------------------------------------------------------------------- */

static struct vec_expr *expr_read(struct expr_table *t, const char **at);

static const struct {
    const char *name;
    enum vec_expr_kind kind;
    bool is_not;
} expr_names[] = {
    {"and", VEC_EXPR_AND, false},
    {"or", VEC_EXPR_OR, false},
    {"not", VEC_EXPR_NOT, false},
    {"is_null", VEC_EXPR_IS_NULL, false},
    {"is_not_null", VEC_EXPR_IS_NULL, true},
    {"is_true", VEC_EXPR_IS_TRUE, false},
    {"is_not_true", VEC_EXPR_IS_TRUE, true},
    {"is_false", VEC_EXPR_IS_FALSE, false},
    {"is_not_false", VEC_EXPR_IS_FALSE, true},
    {"distinct", VEC_EXPR_DISTINCT, false},
    {"not_distinct", VEC_EXPR_DISTINCT, true},
    {"in", VEC_EXPR_IN, false},
    {"not_in", VEC_EXPR_IN, true},
    {"case", VEC_EXPR_CASE, false},
    {"coalesce", VEC_EXPR_COALESCE, false},
    {"nullif", VEC_EXPR_NULLIF, false},
    {"greatest", VEC_EXPR_GREATEST, false},
    {"least", VEC_EXPR_LEAST, false},
};

static void expr_read_leaf(struct expr_table *t, const char *text, size_t length,
                           struct vec_expr *expr)
{
    const char *colon = memchr(text, ':', length);
    struct forms_answer answer;
    if (text[0] == '#') {
        expr->kind = t->is_param ? VEC_EXPR_PARAM : VEC_EXPR_COLUMN;
        expr->u.number = (uint32_t)(text[1] - '0');
        assert_true(expr->u.number < EXPR_COLUMNS);
        expr->type = vec_type((enum vec_kind)expr_kinds[expr->u.number]);
        return;
    }
    assert_non_null(colon);
    enum vec_kind kind = vec_kind_find(text, (size_t)(colon - text));
    const char *value = colon + 1;
    size_t bytes = length - (size_t)(value - text);
    bool is_null = bytes == 4 && memcmp(value, "null", 4) == 0;
    expr->kind = VEC_EXPR_CONSTANT;
    expr->type = vec_type(kind);
    assert_true(forms_value(&t->f, kind, is_null ? "<null>" : value, is_null ? 6 : bytes,
                            &expr->u.value, &answer));
}

/* Kind, type, function of a node that has its arguments. */
static void expr_read_node(const char *name, size_t length, struct vec_expr *expr)
{
    for (size_t i = 0; i < sizeof(expr_names) / sizeof(expr_names[0]); i++) {
        if (strlen(expr_names[i].name) == length && memcmp(expr_names[i].name, name, length) == 0) {
            expr->kind = (uint8_t)expr_names[i].kind;
            expr->is_not = expr_names[i].is_not;
            bool is_choice = expr->kind >= VEC_EXPR_CASE;
            expr->type =
                is_choice ? expr->args[expr->kind == VEC_EXPR_CASE]->type : vec_type(VEC_BOOLEAN);
            return;
        }
    }
    uint8_t kinds[2];
    assert_true(expr->args_count <= 2);
    for (uint32_t i = 0; i < expr->args_count; i++) {
        kinds[i] = expr->args[i]->type.kind;
    }
    const char *colon = memchr(name, ':', length);
    enum vec_kind result = VEC_NONE;
    if (colon != NULL) {
        result = vec_kind_find(colon + 1, length - (size_t)(colon + 1 - name));
        length = (size_t)(colon - name);
    }
    expr->kind = VEC_EXPR_CALL;
    expr->u.function = vec_function_find(name, length, kinds, expr->args_count, result);
    if (expr->u.function == NULL) {
        fail_msg("no function %.*s", (int)length, name);
    }
    expr->type = vec_type((enum vec_kind)expr->u.function->result);
}

static struct vec_expr *expr_read(struct expr_table *t, const char **at)
{
    struct vec_expr *expr = forms_alloc(&t->f, sizeof(*expr));
    const char *name = *at;
    size_t length = strcspn(name, ",()");
    expr->height = 1;
    *at += length;
    if (**at != '(') {
        expr_read_leaf(t, name, length, expr);
        return expr;
    }
    expr->args = forms_alloc(&t->f, RECORDED_ARGS_MAX * sizeof(const struct vec_expr *));
    do {
        ++*at;
        assert_true(expr->args_count < RECORDED_ARGS_MAX);
        const struct vec_expr *arg = expr_read(t, at);
        expr->args[expr->args_count++] = arg;
        expr->height = expr->height > arg->height ? expr->height : arg->height + 1;
    } while (**at == ',');
    assert_int_equal(**at, ')');
    ++*at;
    expr_read_node(name, length, expr);
    return expr;
}

/* --- Holding it against the record ------------------------------------------------------------ */

static int expr_setup(void **state)
{
    static struct expr_table t;
    forms_open(&t.f, 1);
    t.recorded = recorded_read("expression");
    for (size_t i = 0; i < EXPR_COLUMNS * EXPR_ROWS; i++) {
        const struct recorded_line *line = &t.recorded->lines[i];
        struct forms_answer answer;
        assert_int_equal(line->name.text[0], '#');
        bool is_null = line->answer.text[0] == '~';
        assert_true(forms_value(&t.f, (enum vec_kind)expr_kinds[i / EXPR_ROWS],
                                is_null ? "<null>" : line->answer.text + 1,
                                is_null ? 6 : line->answer.length - 1,
                                &t.values[i / EXPR_ROWS][i % EXPR_ROWS], &answer));
    }
    *state = &t;
    return 0;
}

static int expr_teardown(void **state)
{
    struct expr_table *t = *state;
    forms_close(&t->f);
    return 0;
}

static void expr_check(struct expr_table *t, const struct recorded_line *line,
                       const struct forms_answer *answer)
{
    /* Whether a text names the place is not the point here: SQLSTATE and message are. */
    if (answer->length == line->answer.length &&
        memcmp(answer->text, line->answer.text, answer->length) == 0) {
        return;
    }
    t->wrong++;
    if (t->wrong <= EXPR_SHOWN_MAX) {
        print_error("%s row %s: %.*s, want %s\n", line->name.text, line->args[0].text,
                    (int)answer->length, answer->text, line->answer.text);
    }
}

static void expr_check_value(struct expr_table *t, const struct recorded_line *line,
                             struct vec_type type, const struct vec_value *value)
{
    struct forms_answer answer;
    forms_answer_value(&t->f, type, value, &answer);
    expr_check(t, line, &answer);
}

/* One row at a time, its columns as parameters. */
static void expressions_of_parameters_answer_as_postgresql(void **state)
{
    struct expr_table *t = *state;
    struct vec_value params[EXPR_COLUMNS];
    struct vec_type types[EXPR_COLUMNS];
    t->f.ev.params = params;
    t->f.ev.params_types = types;
    t->f.ev.params_count = EXPR_COLUMNS;
    t->is_param = true;
    for (size_t i = EXPR_COLUMNS * EXPR_ROWS; i < t->recorded->count; i++) {
        const struct recorded_line *line = &t->recorded->lines[i];
        const char *at = line->name.text;
        struct arena_mark kept = arena_mark(&t->f.kept);
        struct arena_mark scratch = arena_mark(&t->f.scratch);
        for (size_t column = 0; column < EXPR_COLUMNS; column++) {
            params[column] = t->values[column][atoi(line->args[0].text)];
            types[column] = vec_type((enum vec_kind)expr_kinds[column]);
        }
        struct vec_expr *expr = expr_read(t, &at);
        struct vec_value value;
        struct forms_answer answer;
        if (vec_eval_value(&t->f.ev, expr, &value)) {
            expr_check_value(t, line, expr->type, &value);
        } else {
            forms_answer_failure(&t->f, &answer);
            expr_check(t, line, &answer);
        }
        arena_rewind(&t->f.scratch, scratch);
        arena_rewind(&t->f.kept, kept);
    }
    t->is_param = false;
    assert_int_equal(t->wrong, 0);
}

/* *batch = a row for each of `lines`, as the table has it. */
static void expr_batch(struct expr_table *t, const struct recorded_line *const *lines,
                       struct vec_selection selection, struct vec_batch *batch)
{
    static struct vec_value values[VEC_ROWS_MAX];
    batch->columns = forms_alloc(&t->f, EXPR_COLUMNS * sizeof(*batch->columns));
    batch->columns_count = EXPR_COLUMNS;
    batch->rows_count = VEC_ROWS_MAX;
    for (size_t column = 0; column < EXPR_COLUMNS; column++) {
        for (uint32_t i = 0; i < selection.count; i++) {
            values[i] = t->values[column][atoi(lines[i]->args[0].text)];
        }
        enum vec_form form = prng_chance(&t->f.rng, 1, 2) ? VEC_FLAT : VEC_DICTIONARY;
        batch->columns[column] =
            forms_vector(&t->f, (enum vec_kind)expr_kinds[column], values, 1, selection, form);
    }
}

/* Those rows that are kept are those that are true. */
static void expr_check_filter(struct expr_table *t, const struct vec_expr *expr,
                              const struct vec_batch *batch, struct vec_selection selection,
                              const struct recorded_line *const *lines)
{
    struct vec_selection kept;
    assert_true(vec_eval_filter(&t->f.ev, expr, batch, selection, &kept));
    uint32_t n = 0;
    for (uint32_t i = 0; i < selection.count; i++) {
        bool is_kept = n < kept.count && vec_row(kept, n) == vec_row(selection, i);
        bool is_wanted = strcmp(lines[i]->answer.text, "=true") == 0;
        n += is_kept;
        if (is_kept != is_wanted) {
            struct forms_answer answer = {.text = "kept", .length = 4};
            expr_check(t, lines[i], &answer);
        }
    }
    assert_int_equal(n, kept.count);
}

/* Rows of the table, any number in any order, of which one may fail. */
static void expr_check_batch(struct expr_table *t, const struct vec_expr *expr,
                             const struct recorded_line *first)
{
    static const struct recorded_line *lines[VEC_ROWS_MAX];
    struct forms *f = &t->f;
    const struct recorded_line *failed = NULL;
    uint32_t count = 1 + (uint32_t)prng_below(&f->rng, prng_chance(&f->rng, 1, 8) ? 600 : 40);
    for (uint32_t i = 0; i < count; i++) {
        lines[i] = &first[prng_below(&f->rng, EXPR_ROWS)];
        while (lines[i]->answer.text[0] == '!' && failed != NULL && failed != lines[i]) {
            lines[i] = &first[prng_below(&f->rng, EXPR_ROWS)];
        }
        failed = lines[i]->answer.text[0] == '!' ? lines[i] : failed;
    }
    struct vec_selection selection = forms_selection(f, count);
    struct vec_batch batch = {0};
    struct vec_vector out;
    struct forms_answer answer;
    expr_batch(t, lines, selection, &batch);
    if (!vec_eval(&f->ev, expr, &batch, selection, &out)) {
        forms_answer_failure(f, &answer);
        expr_check(t, failed != NULL ? failed : lines[0], &answer);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct vec_value value;
        vec_get(&out, vec_row(selection, i), &value);
        expr_check_value(t, lines[i], expr->type, &value);
    }
    if (expr->type.kind == VEC_BOOLEAN && failed == NULL) {
        expr_check_filter(t, expr, &batch, selection, lines);
    }
}

static void expressions_of_columns_answer_as_postgresql(void **state)
{
    struct expr_table *t = *state;
    struct share share = share_open("batches", 50);
    size_t first = EXPR_COLUMNS * EXPR_ROWS;
    for (size_t i = first; i < t->recorded->count || share_more(&share); i += EXPR_ROWS) {
        const struct recorded_line *line =
            &t->recorded->lines[first + (i - first) % (t->recorded->count - first)];
        struct arena_mark kept = arena_mark(&t->f.kept);
        struct arena_mark scratch = arena_mark(&t->f.scratch);
        const char *at = line->name.text;
        expr_check_batch(t, expr_read(t, &at), line);
        arena_rewind(&t->f.scratch, scratch);
        arena_rewind(&t->f.kept, kept);
    }
    share_close(&share);
    assert_int_equal(t->wrong, 0);
}

/* --- What has no answer of PostgreSQL's ---------------------------------------------------------
 */

static bool expr_eval_text(struct expr_table *t, const char *text, struct vec_value *out)
{
    const char *at = text;
    return vec_eval_value(&t->f.ev, expr_read(t, &at), out);
}

static void nothing_is_computed_for_no_row(void **state)
{
    struct expr_table *t = *state;
    const char *at = "/(integer:1,integer:0)";
    struct vec_batch batch = {0};
    struct vec_vector out;
    struct vec_selection none = {.count = 0};
    assert_true(vec_eval(&t->f.ev, expr_read(t, &at), &batch, none, &out));
    assert_int_equal(out.form, VEC_CONSTANT);
}

static void a_choice_not_taken_does_not_fail(void **state)
{
    struct expr_table *t = *state;
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"and(boolean:false,=(/(integer:1,integer:0),integer:1))", "=false"},
        {"or(boolean:true,=(/(integer:1,integer:0),integer:1))", "=true"},
        {"and(boolean:null,=(/(integer:1,integer:0),integer:1))", "!22012 division by zero"},
        {"case(boolean:false,/(integer:1,integer:0),integer:7)", "=7"},
        {"case(boolean:true,integer:7,/(integer:1,integer:0))", "=7"},
        {"coalesce(integer:7,/(integer:1,integer:0))", "=7"},
        {"in(integer:1,integer:1,/(integer:1,integer:0))", "=true"},
        {"in(integer:1,integer:1,integer:2,integer:2,integer:2,integer:2,integer:2,integer:2,"
         "integer:2,integer:2,integer:2,integer:2,integer:2,integer:2,integer:2,integer:2,"
         "integer:2,/(integer:1,integer:0))",
         "=true"},
        {"in(integer:null,/(integer:1,integer:0))", "!22012 division by zero"},
        {"nullif(integer:1,/(integer:1,integer:0))", "!22012 division by zero"},
        {"greatest(integer:1,/(integer:1,integer:0))", "!22012 division by zero"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vec_value value;
        struct forms_answer answer;
        const char *at = rows[i].text;
        struct vec_expr *expr = expr_read(t, &at);
        if (vec_eval_value(&t->f.ev, expr, &value)) {
            forms_answer_value(&t->f, expr->type, &value, &answer);
        } else {
            forms_answer_failure(&t->f, &answer);
        }
        answer.text[answer.length] = '\0';
        assert_string_equal(answer.text, rows[i].want);
    }
}

static void a_filter_goes_on_only_with_what_is_true(void **state)
{
    struct expr_table *t = *state;
    const char *at = "and(boolean:null,=(/(integer:1,integer:0),integer:1))";
    struct vec_batch batch = {.rows_count = 3};
    struct vec_selection kept;
    assert_true(vec_eval_filter(&t->f.ev, expr_read(t, &at), &batch,
                                (struct vec_selection){.count = 3}, &kept));
    assert_int_equal(kept.count, 0);
}

static void a_failure_keeps_the_beginning_of_a_long_text(void **state)
{
    struct expr_table *t = *state;
    char text[400] = "cast:integer(text:";
    size_t length = strlen(text);
    text[length++] = 'x';
    for (; length < 390; length += 2) {
        memcpy(text + length, "\xc3\xa9", 2);
    }
    text[length] = ')';
    struct vec_value value;
    assert_false(expr_eval_text(t, text, &value));
    assert_int_equal(t->f.ev.failure.fault, VEC_FAULT_SYNTAX);
    assert_int_equal(t->f.ev.failure.text_length, 255);
    assert_string_equal(t->f.ev.failure.type, "integer");
}

static void memory_that_ends_is_a_failure(void **state)
{
    struct expr_table *t = *state;
    const char *at = "case(=(#2,integer:1),coalesce(#5,text:a),||(#5,nullif(#5,text:x)))";
    struct vec_expr *expr = expr_read(t, &at);
    const struct recorded_line *lines[EXPR_ROWS];
    struct vec_batch batch = {0};
    struct vec_selection selection = {.count = EXPR_ROWS};
    struct vec_vector out;
    for (size_t i = 0; i < EXPR_ROWS; i++) {
        lines[i] = &t->recorded->lines[i];
    }
    expr_batch(t, lines, selection, &batch);
    struct arena *scratch = t->f.ev.scratch;
    bool is_fine = false;
    for (size_t limit = 256; !is_fine; limit += 256) {
        struct arena small;
        arena_init(&small, &t->f.budget, 256, limit);
        t->f.ev.scratch = &small;
        is_fine = vec_eval(&t->f.ev, expr, &batch, selection, &out);
        if (!is_fine) {
            assert_int_equal(t->f.ev.failure.fault, VEC_FAULT_MEMORY);
        }
        arena_deinit(&small);
        assert_true(limit < 1 << 20);
    }
    t->f.ev.scratch = scratch;
}

static void what_depends_on_rows_or_parameters_is_not_constant(void **state)
{
    struct expr_table *t = *state;
    const char *column = "+(#2,integer:1)";
    const char *constant = "+(integer:2,integer:1)";
    const struct vec_expr *a = expr_read(t, &column);
    const struct vec_expr *b = expr_read(t, &constant);
    assert_false(vec_expr_is_constant(a));
    assert_true(vec_expr_is_immutable(a));
    assert_true(vec_expr_is_constant(b));
    assert_true(vec_expr_is_immutable(b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_of_parameters_answer_as_postgresql),
        cmocka_unit_test(expressions_of_columns_answer_as_postgresql),
        cmocka_unit_test(nothing_is_computed_for_no_row),
        cmocka_unit_test(a_choice_not_taken_does_not_fail),
        cmocka_unit_test(a_filter_goes_on_only_with_what_is_true),
        cmocka_unit_test(a_failure_keeps_the_beginning_of_a_long_text),
        cmocka_unit_test(memory_that_ends_is_a_failure),
        cmocka_unit_test(what_depends_on_rows_or_parameters_is_not_constant),
    };
    return cmocka_run_group_tests(tests, expr_setup, expr_teardown);
}
