/* Recorded answers. See answers.h. */
#include "tests/unit/vec/answers.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"

#define ANSWERS_SHOWN_MAX 25
#define ANSWERS_ROUNDS    3

/* Fill what the row's name says. */
static void answers_find(struct answers_row *row)
{
    const char *name = row->line->name.text;
    const char *open = strchr(name, '(');
    const char *at = open + 1;
    while (*at != ')' && at[-1] != ')') {
        size_t length = strcspn(at, ",)");
        assert_true(row->args_count < ANSWERS_ARGS_MAX);
        row->kinds[row->args_count] = (uint8_t)vec_kind_find(at, length);
        assert_int_not_equal(row->kinds[row->args_count], VEC_NONE);
        row->args_count++;
        at += length + (at[length] == ',');
    }
    at++;
    enum vec_kind result = *at == ':' ? vec_kind_find(at + 1, strlen(at + 1)) : VEC_NONE;
    row->function =
        vec_function_find(name, (size_t)(open - name), row->kinds, row->args_count, result);
    if (row->function == NULL) {
        fail_msg("no function %s", name);
    }
}

static void answers_check(struct answers *a, const struct answers_row *row,
                          const struct forms_answer *answer, const char *form)
{
    const struct recorded_field *want = &row->line->answer;
    if (want->length == answer->length && memcmp(want->text, answer->text, answer->length) == 0) {
        return;
    }
    a->wrong++;
    if (a->wrong <= ANSWERS_SHOWN_MAX) {
        print_error("%s %s | %s: %.*s, want %s (%s)\n", row->line->name.text,
                    row->line->args[0].text,
                    row->line->args_count > 1 ? row->line->args[1].text : "", (int)answer->length,
                    answer->text, want->text, form);
    }
}

static void answers_check_value(struct answers *a, const struct answers_row *row,
                                struct vec_value value, const char *form)
{
    struct forms_answer answer;
    forms_answer_value(&a->f, vec_type((enum vec_kind)row->function->result), &value, &answer);
    answers_check(a, row, &answer, form);
}

void answers_open(struct answers *a, const char *table)
{
    *a = (struct answers){.count = 0};
    forms_open(&a->f, 1);
    struct recorded *recorded = recorded_read(table);
    a->rows = forms_alloc(&a->f, recorded->count * sizeof(*a->rows));
    a->count = recorded->count;
    for (size_t i = 0; i < recorded->count; i++) {
        struct answers_row *row = &a->rows[i];
        struct forms_answer answer;
        row->line = &recorded->lines[i];
        answers_find(row);
        assert_int_equal(row->args_count, row->line->args_count);
        row->is_asked = true;
        row->is_failed = row->line->answer.text[0] == '!';
        for (size_t arg = 0; arg < row->args_count && row->is_asked; arg++) {
            row->is_asked =
                forms_value(&a->f, (enum vec_kind)row->kinds[arg], row->line->args[arg].text,
                            row->line->args[arg].length, &row->args[arg], &answer);
        }
        if (!row->is_asked) {
            answers_check(a, row, &answer, "argument");
        }
    }
    assert_int_equal(a->wrong, 0);
}

void answers_close(struct answers *a)
{
    forms_close(&a->f);
}

bool answers_has(const struct answers *a, const struct vec_function *function)
{
    for (size_t i = 0; i < a->count; i++) {
        if (a->rows[i].function == function) {
            return true;
        }
    }
    return false;
}

void answers_check_constants(struct answers *a)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct answers_row *row = &a->rows[i];
        if (!row->is_asked) {
            continue;
        }
        struct arena_mark mark = arena_mark(&a->f.scratch);
        struct vec_expr *call = forms_call(&a->f, row->function, row->kinds, row->args_count);
        struct vec_vector columns[ANSWERS_ARGS_MAX];
        for (uint32_t arg = 0; arg < call->args_count; arg++) {
            vec_constant(call->args[arg]->type, &row->args[arg], &columns[arg]);
        }
        struct vec_batch batch = {
            .columns = columns, .columns_count = call->args_count, .rows_count = 5};
        struct vec_vector out;
        struct vec_value value;
        struct forms_answer answer;
        if (vec_eval(&a->f.ev, call, &batch, (struct vec_selection){.count = 5}, &out)) {
            assert_int_equal(out.form, VEC_CONSTANT);
            vec_get(&out, 3, &value);
            answers_check_value(a, row, value, "constant");
        } else {
            assert_int_equal(a->f.ev.failure.pos, call->pos);
            assert_int_equal(a->f.ev.failure.length, call->length);
            forms_answer_failure(&a->f, &answer);
            answers_check(a, row, &answer, "constant");
        }
        arena_rewind(&a->f.scratch, mark);
    }
    assert_int_equal(a->wrong, 0);
}

/* Evaluate `rows` as one batch, the arguments in `forms`. None fails but perhaps the one of them
 * whose answer that is. */
static void answers_batch(struct answers *a, const struct answers_row *const *rows, uint32_t count,
                          const enum vec_form *forms)
{
    static struct vec_value values[ANSWERS_ARGS_MAX][VEC_ROWS_MAX];
    struct forms *f = &a->f;
    uint32_t args_count = rows[0]->args_count;
    const struct answers_row *failed = NULL;
    struct vec_selection selection = forms_selection(f, count);
    struct vec_vector columns[ANSWERS_ARGS_MAX];
    for (uint32_t arg = 0; arg < args_count; arg++) {
        for (uint32_t i = 0; i < count; i++) {
            values[arg][i] = rows[i]->args[arg];
            failed = rows[i]->is_failed ? rows[i] : failed;
        }
        columns[arg] = forms_vector(f, (enum vec_kind)rows[0]->kinds[arg], values[arg], 1,
                                    selection, forms[arg]);
    }
    struct vec_expr *call = forms_call(f, rows[0]->function, rows[0]->kinds, args_count);
    struct vec_batch batch = {
        .columns = columns, .columns_count = args_count, .rows_count = VEC_ROWS_MAX};
    struct arena_mark mark = arena_mark(&f->scratch);
    struct vec_vector out;
    bool is_fine = vec_eval(&f->ev, call, &batch, selection, &out);
    if (!is_fine) {
        struct forms_answer answer;
        forms_answer_failure(f, &answer);
        answers_check(a, failed != NULL ? failed : rows[0], &answer, "batch");
        arena_rewind(&f->scratch, mark);
        return;
    }
    if (failed != NULL) {
        answers_check(a, failed, &(struct forms_answer){.text = "nothing", .length = 7}, "batch");
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct vec_value value;
        vec_get(&out, vec_row(selection, i), &value);
        answers_check_value(a, rows[i], value, "batch");
    }
    arena_rewind(&f->scratch, mark);
}

/* The rows of one function, [first, end): all that succeed together; each that fails among others;
 * those whose argument `fixed` is the same with that as a constant. */
static void answers_group(struct answers *a, size_t first, size_t end)
{
    static const struct answers_row *rows[VEC_ROWS_MAX];
    struct forms *f = &a->f;
    enum vec_form forms[ANSWERS_ARGS_MAX];
    uint32_t count = 0;
    for (uint32_t arg = 0; arg < ANSWERS_ARGS_MAX; arg++) {
        forms[arg] = prng_chance(&f->rng, 1, 2) ? VEC_FLAT : VEC_DICTIONARY;
    }
    for (size_t i = first; i < end && count < VEC_ROWS_MAX - 1; i++) {
        if (a->rows[i].is_asked && !a->rows[i].is_failed) {
            rows[count++] = &a->rows[i];
        }
    }
    prng_shuffle(&f->rng, rows, count, sizeof(rows[0]));
    if (count > 0) {
        answers_batch(a, rows, count, forms);
    }
    for (size_t i = first; i < end; i++) {
        if (a->rows[i].is_failed && a->rows[i].is_asked && prng_chance(&f->rng, 1, 4)) {
            uint32_t place = (uint32_t)prng_below(&f->rng, count + 1);
            const struct answers_row *moved = rows[place];
            rows[place] = &a->rows[i];
            answers_batch(a, rows, count > place ? count : count + 1, forms);
            rows[place] = moved;
        }
    }
    for (uint32_t fixed = 0; fixed < a->rows[first].args_count; fixed++) {
        const char *text = a->rows[first + prng_below(&f->rng, end - first)].line->args[fixed].text;
        count = 0;
        for (size_t i = first; i < end && count < VEC_ROWS_MAX; i++) {
            const struct answers_row *row = &a->rows[i];
            if (row->is_asked && !row->is_failed &&
                strcmp(row->line->args[fixed].text, text) == 0) {
                rows[count++] = row;
            }
        }
        enum vec_form form = forms[fixed];
        forms[fixed] = VEC_CONSTANT;
        if (count > 0) {
            answers_batch(a, rows, count, forms);
        }
        forms[fixed] = form;
    }
}

void answers_check_columns(struct answers *a)
{
    for (uint32_t round = 0; round < ANSWERS_ROUNDS; round++) {
        struct arena_mark mark = arena_mark(&a->f.kept);
        for (size_t first = 0, end; first < a->count; first = end) {
            end = first + 1;
            while (end < a->count &&
                   strcmp(a->rows[end].line->name.text, a->rows[first].line->name.text) == 0) {
                end++;
            }
            answers_group(a, first, end);
        }
        arena_rewind(&a->f.kept, mark);
    }
    assert_int_equal(a->wrong, 0);
}
