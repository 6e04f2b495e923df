/* The table of functions: its order, and every row of it over every form of column. */
#include "views/vec/function.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/vec/forms.h"

#define FUNCTION_ROWS   40
#define FUNCTION_VALUES 8
#define FUNCTION_TAIL   3 /* arguments in place of a variadic one */

/* Arguments of each type: whatever a function makes of them, or refuses. */
static const char *const function_texts[VEC_KIND_COUNT][FUNCTION_VALUES] = {
    [VEC_BOOLEAN] = {"true", "false"},
    [VEC_INTEGER] = {"0", "1", "2", "-1", "7", "3", "-2147483648"},
    [VEC_BIGINT] = {"0", "1", "-1", "9223372036854775807", "12"},
    [VEC_DOUBLE] = {"0", "1", "-1.5", "NaN", "Infinity", "1e300", "0.5"},
    [VEC_NUMERIC] = {"0", "1", "-1.50", "12345678901234567890", "0.001", "2"},
    [VEC_TEXT] = {"", "a", "Abc d", "a%", "1", "day", "UTC", "\xc3\xa9,x,y"},
    [VEC_DATE] = {"2000-01-01", "2020-02-29", "infinity", "1999-12-31"},
    [VEC_TIMESTAMP] = {"2000-01-01 00:00:00", "2020-02-29 12:34:56.789", "-infinity"},
    [VEC_TIMESTAMPTZ] = {"2000-01-01 00:00:00+00", "2020-02-29 12:34:56.789+00", "infinity"},
    [VEC_INTERVAL] = {"1 day", "2 mons -00:00:01", "00:15:00", "-1 year"},
    [VEC_JSONB] = {"null", "1", "\"a\"", "[1, \"a\", null]", "{\"a\": {\"1\": [2]}}", "true"},
};

static int function_setup(void **state)
{
    static struct forms f;
    forms_open(&f, 1);
    *state = &f;
    return 0;
}

static int function_teardown(void **state)
{
    forms_close(*state);
    return 0;
}

static void rows_stand_sorted_and_once(void **state)
{
    (void)state;
    const struct vec_function *row;
    for (size_t i = 0; (row = vec_function_at(i)) != NULL; i++) {
        const struct vec_function *first;
        size_t count = vec_functions(row->name, strlen(row->name), &first);
        /* The look-up finds this very row among those of its name: all of them stand together. */
        if (row < first || row >= first + count) {
            fail_msg("%s stands apart from others of its name", row->name);
        }
        assert_int_equal(row->version, 1);
        assert_non_null(row->apply);
        assert_true(row->args_count <= VEC_FUNCTION_ARGS_MAX);
        assert_true(row->result > VEC_NONE && row->result < VEC_KIND_COUNT);
        assert_int_equal(row->cast != VEC_CAST_NONE, strcmp(row->name, "cast") == 0);
        for (size_t arg = 0; arg < VEC_FUNCTION_ARGS_MAX; arg++) {
            assert_int_equal(row->args[arg] != VEC_NONE, arg < row->args_count);
        }
        enum vec_kind result = row->cast != VEC_CAST_NONE ? (enum vec_kind)row->result : VEC_NONE;
        if (vec_function_find(row->name, strlen(row->name), row->args, row->args_count, result) !=
            row) {
            fail_msg("%s is there twice with the same arguments", row->name);
        }
    }
}

static void a_name_that_is_not_there_has_no_rows(void **state)
{
    (void)state;
    static const char *const names[] = {"", "lengt", "lengthh", "~~~", "\x01", "zzz", "LENGTH"};
    const struct vec_function *row;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(vec_functions(names[i], strlen(names[i]), &row), 0);
        assert_null(row);
    }
    assert_null(vec_function_find("+", 1, (const uint8_t[]){VEC_TEXT, VEC_TEXT}, 2, VEC_NONE));
    assert_null(vec_cast_find(VEC_BOOLEAN, VEC_DATE));
    assert_null(vec_cast_find(VEC_TEXT, VEC_NONE));
    assert_non_null(vec_cast_find(VEC_TEXT, VEC_DATE));
}

/* A call at work: its arguments, and what one row alone answers. */
struct function_case {
    struct vec_expr *call;
    uint32_t args_count;
    uint8_t kinds[VEC_FUNCTION_ARGS_MAX + FUNCTION_TAIL];
    struct vec_value values[VEC_FUNCTION_ARGS_MAX + FUNCTION_TAIL][FUNCTION_ROWS];
    struct forms_answer answers[FUNCTION_ROWS];
};

static void function_value(struct forms *f, enum vec_kind kind, struct vec_value *out)
{
    struct forms_answer answer;
    const char *text = NULL;
    if (prng_chance(&f->rng, 1, 10)) {
        text = "<null>";
    }
    while (text == NULL) {
        text = function_texts[kind][prng_below(&f->rng, FUNCTION_VALUES)];
    }
    assert_true(forms_value(f, kind, text, strlen(text), out, &answer));
}

/* Evaluate rows [first, first + count) as one batch. */
static bool function_eval(struct forms *f, struct function_case *c, uint32_t first,
                          struct vec_selection selection, const enum vec_form *forms,
                          struct vec_vector *out)
{
    struct vec_vector columns[VEC_FUNCTION_ARGS_MAX + FUNCTION_TAIL];
    for (uint32_t arg = 0; arg < c->args_count; arg++) {
        columns[arg] = forms_vector(f, (enum vec_kind)c->kinds[arg], &c->values[arg][first], 1,
                                    selection, forms[arg]);
    }
    struct vec_batch batch = {
        .columns = columns, .columns_count = c->args_count, .rows_count = VEC_ROWS_MAX};
    return vec_eval(&f->ev, c->call, &batch, selection, out);
}

/* What each row answers alone, its arguments constant; rows that fail are put aside: returns how
 * many do not. */
static uint32_t function_alone(struct forms *f, struct function_case *c)
{
    enum vec_form constant[VEC_FUNCTION_ARGS_MAX + FUNCTION_TAIL];
    struct vec_selection one = {.count = 1};
    uint32_t count = 0;
    for (uint32_t arg = 0; arg < c->args_count; arg++) {
        constant[arg] = VEC_CONSTANT;
    }
    for (uint32_t row = 0; row < FUNCTION_ROWS; row++) {
        struct vec_vector out;
        struct vec_value value;
        for (uint32_t arg = 0; arg < c->args_count; arg++) {
            function_value(f, (enum vec_kind)c->kinds[arg], &c->values[arg][count]);
        }
        if (function_eval(f, c, count, one, constant, &out)) {
            assert_int_equal(out.form, VEC_CONSTANT);
            assert_int_equal(out.type.kind, c->call->type.kind);
            vec_get(&out, 0, &value);
            forms_answer_value(f, c->call->type, &value, &c->answers[count]);
            count++;
        }
    }
    return count;
}

static void function_check(struct forms *f, const struct vec_function *function)
{
    static struct function_case c;
    c.args_count = function->args_count;
    memcpy(c.kinds, function->args, sizeof(function->args));
    for (uint32_t tail = 0; function->is_variadic && tail < prng_below(&f->rng, FUNCTION_TAIL);
         tail++) {
        c.kinds[c.args_count] = c.kinds[c.args_count - 1];
        c.args_count++;
    }
    c.call = forms_call(f, function, c.kinds, c.args_count);
    uint32_t count = function_alone(f, &c);
    if (count == 0) {
        return;
    }
    enum vec_form forms[VEC_FUNCTION_ARGS_MAX + FUNCTION_TAIL];
    for (uint32_t arg = 0; arg < c.args_count; arg++) {
        forms[arg] = prng_chance(&f->rng, 1, 2) ? VEC_FLAT : VEC_DICTIONARY;
    }
    uint32_t fixed = (uint32_t)prng_below(&f->rng, c.args_count + 1u);
    if (fixed < c.args_count && c.args_count > 1) {
        /* The same argument in all rows: those that answer otherwise now are asked again alone. */
        forms[fixed] = VEC_CONSTANT;
        count = 1;
    }
    struct vec_selection selection = forms_selection(f, count);
    struct vec_vector out;
    if (!function_eval(f, &c, 0, selection, forms, &out)) {
        fail_msg("%s: fails for rows that do not fail alone", function->name);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct vec_value value;
        struct forms_answer answer;
        vec_get(&out, vec_row(selection, i), &value);
        forms_answer_value(f, c.call->type, &value, &answer);
        if (answer.length != c.answers[i].length ||
            memcmp(answer.text, c.answers[i].text, answer.length) != 0) {
            fail_msg("%s: %.*s, alone %.*s", function->name, (int)answer.length, answer.text,
                     (int)c.answers[i].length, c.answers[i].text);
        }
    }
}

static void every_row_answers_the_same_in_every_form(void **state)
{
    struct forms *f = *state;
    struct share share = share_open("rows", 60);
    size_t count = 0;
    while (vec_function_at(count) != NULL) {
        count++;
    }
    for (size_t i = 0; i < count || share_more(&share); i++) {
        struct arena_mark kept = arena_mark(&f->kept);
        struct arena_mark scratch = arena_mark(&f->scratch);
        function_check(f, vec_function_at(i % count));
        arena_rewind(&f->scratch, scratch);
        arena_rewind(&f->kept, kept);
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_stand_sorted_and_once),
        cmocka_unit_test(a_name_that_is_not_there_has_no_rows),
        cmocka_unit_test(every_row_answers_the_same_in_every_form),
    };
    return cmocka_run_group_tests(tests, function_setup, function_teardown);
}
