/* Aggregates: PostgreSQL's answers; the tree of sums against its definition; and that neither
 * batches, nor forms of columns, nor who folds which stretches change a bit. */
#include "views/vec/aggregate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/vec/forms.h"
#include "tests/unit/vec/recorded.h"

#define ROWS_MAX      6000u
#define LIST_MAX      128u
#define GROUPS_MAX    5u
#define STRETCHES_MAX 40u

static struct forms here;

/* What states point to, and they themselves. */
static struct arena states_arena;

/* Rows to be aggregated. */
struct rows {
    const struct vec_aggregate *aggregate;
    uint32_t count;
    struct vec_value *values[VEC_AGGREGATE_ARGS_MAX]; /* `count` of each argument */
    uint32_t *stretches;                              /* of each row, ascending */
    uint32_t *groups;                                 /* of each row */
    uint32_t groups_count;
};

/* Who folds: states of all groups. */
struct folder {
    struct vec_aggregation agg;
    struct vec_expr call;
    uint8_t *states[GROUPS_MAX];
    bool is_fine; /* nothing has failed */
};

static void aggregate_begin(struct folder *f, const struct rows *rows)
{
    const struct vec_aggregate *aggregate = rows->aggregate;
    assert_int_equal(aggregate->state_bytes % 16, 0);
    *f = (struct folder){.agg = {.ev = &here.ev, .arena = &states_arena}, .is_fine = true};
    for (uint32_t i = 0; i < rows->groups_count; i++) {
        f->states[i] = arena_alloc(&states_arena, aggregate->state_bytes, 16);
        assert_non_null(f->states[i]);
        aggregate->init(f->states[i]);
    }
}

/* Fold rows first .. first + count - 1, all of one stretch, as one batch. */
static void aggregate_batch(struct folder *f, const struct rows *rows, uint32_t first,
                            uint32_t count, enum vec_form form)
{
    static uint8_t *states[VEC_ROWS_MAX];
    struct arena_mark kept = arena_mark(&here.kept);
    struct arena_mark scratch = arena_mark(&here.scratch);
    struct vec_vector args[VEC_AGGREGATE_ARGS_MAX];
    struct vec_selection selection = forms_selection(&here, count);
    for (uint32_t i = 0; i < count; i++) {
        states[i] = f->states[rows->groups[first + i]];
    }
    for (uint32_t arg = 0; arg < rows->aggregate->args_count; arg++) {
        args[arg] = forms_vector(&here, (enum vec_kind)rows->aggregate->args[arg],
                                 rows->values[arg] + first, 1, selection, form);
    }
    f->is_fine = f->is_fine && rows->aggregate->update(&f->agg, &f->call, args, selection,
                                                       rows->stretches[first], states);
    arena_rewind(&here.kept, kept);
    arena_rewind(&here.scratch, scratch);
}

/* How many rows from `first` on are of its stretch, at most `most`. */
static uint32_t aggregate_run(const struct rows *rows, uint32_t first, uint32_t most)
{
    uint32_t count = 1;
    while (count < most && first + count < rows->count &&
           rows->stretches[first + count] == rows->stretches[first]) {
        count++;
    }
    return count;
}

static void aggregate_answer(struct folder *f, const struct rows *rows, uint32_t group,
                             struct forms_answer *out)
{
    struct vec_value value;
    if (f->is_fine && rows->aggregate->finish(&f->agg, &f->call, f->states[group], &value)) {
        forms_answer_value(&here, vec_type((enum vec_kind)rows->aggregate->result), &value, out);
    } else {
        forms_answer_failure(&here, out);
    }
}

/* Row by row. */
static void aggregate_slowly(struct folder *f, const struct rows *rows)
{
    aggregate_begin(f, rows);
    for (uint32_t i = 0; i < rows->count; i++) {
        aggregate_batch(f, rows, i, 1, VEC_FLAT);
    }
}

/* In batches of any size and form. */
static void aggregate_batches(struct folder *f, const struct rows *rows, uint32_t first,
                              uint32_t end, struct prng *prng)
{
    while (first < end) {
        uint32_t most = 1 + (uint32_t)prng_below(prng, prng_below(prng, 4) == 0 ? 1024 : 40);
        most = most < end - first ? most : end - first;
        uint32_t count = aggregate_run(rows, first, most);
        enum vec_form form = prng_below(prng, 2) == 0 ? VEC_FLAT : VEC_DICTIONARY;
        form = count == 1 && prng_below(prng, 2) == 0 ? VEC_CONSTANT : form;
        aggregate_batch(f, rows, first, count, form);
        first += count;
    }
}

/* By several folders, each with some whole stretches, merged in order or two by two. */
static void aggregate_merged(struct folder *out, const struct rows *rows, struct prng *prng)
{
    static struct folder folders[STRETCHES_MAX + 1];
    uint32_t count = 0;
    uint32_t first = 0;
    do {
        uint32_t end = first;
        do {
            end += end < rows->count ? aggregate_run(rows, end, rows->count) : 0;
        } while (end < rows->count && prng_below(prng, 2) == 0);
        aggregate_begin(&folders[count], rows);
        aggregate_batches(&folders[count++], rows, first, end, prng);
        first = end;
    } while (first < rows->count);
    while (count > 1) {
        uint32_t at = (uint32_t)prng_below(prng, count - 1);
        struct folder *into = &folders[at];
        into->is_fine = into->is_fine && folders[at + 1].is_fine;
        for (uint32_t group = 0; group < rows->groups_count; group++) {
            into->is_fine = into->is_fine &&
                            rows->aggregate->merge(&into->agg, &into->call, into->states[group],
                                                   folders[at + 1].states[group]);
        }
        count--;
        memmove(into + 1, into + 2, (count - at - 1) * sizeof(*into));
    }
    *out = folders[0];
}

/* However it is done, the same comes out. */
static void aggregate_check(const struct rows *rows, struct prng *prng)
{
    struct folder slow;
    struct folder other;
    static struct forms_answer want;
    static struct forms_answer got;
    aggregate_slowly(&slow, rows);
    for (int way = 0; way < 2; way++) {
        if (way == 0) {
            aggregate_begin(&other, rows);
            aggregate_batches(&other, rows, 0, rows->count, prng);
        } else {
            aggregate_merged(&other, rows, prng);
        }
        for (uint32_t group = 0; group < rows->groups_count; group++) {
            aggregate_answer(&slow, rows, group, &want);
            aggregate_answer(&other, rows, group, &got);
            assert_int_equal(want.length, got.length);
            assert_memory_equal(want.text, got.text, want.length);
        }
    }
}

static void aggregate_reset(void)
{
    arena_reset(&here.kept);
    arena_reset(&here.scratch);
    arena_reset(&states_arena);
}

static void aggregate_rows_init(struct rows *rows, const struct vec_aggregate *aggregate,
                                uint32_t count)
{
    *rows = (struct rows){.aggregate = aggregate, .count = count, .groups_count = 1};
    for (uint32_t arg = 0; arg < VEC_AGGREGATE_ARGS_MAX; arg++) {
        rows->values[arg] = forms_alloc(&here, (count + 1) * sizeof(struct vec_value));
    }
    rows->stretches = forms_alloc(&here, (count + 1) * sizeof(uint32_t));
    rows->groups = forms_alloc(&here, (count + 1) * sizeof(uint32_t));
}

/* The list in `text`, values of that kind; how many. */
static uint32_t aggregate_list(const char *text, enum vec_kind kind, struct vec_value *out)
{
    uint32_t count = 0;
    struct forms_answer answer;
    for (const char *at = text; *at != '\0';) {
        size_t length = strcspn(at, "|");
        assert_true(count < LIST_MAX);
        assert_true(forms_value(&here, kind, at, length, &out[count++], &answer));
        at += length + (at[length] == '|');
    }
    return count;
}

/* Whether a recorded line is answered: name(kind, ...), answer, a list for each argument. */
static bool aggregate_check_line(const struct recorded_line *line)
{
    static struct forms_answer answer;
    const char *open = strchr(line->name.text, '(');
    uint8_t kinds[VEC_AGGREGATE_ARGS_MAX];
    size_t count = 0;
    for (const char *at = open + 1; *at != ')' && *at != '\0'; count++) {
        size_t length = strcspn(at, ",)");
        kinds[count] = (uint8_t)vec_kind_find(at, length);
        at += length + (at[length] == ',');
    }
    struct rows rows;
    struct folder f;
    struct prng prng;
    const struct vec_aggregate *aggregate =
        vec_aggregate_find(line->name.text, (size_t)(open - line->name.text), kinds, count);
    assert_non_null(aggregate);
    aggregate_reset();
    aggregate_rows_init(&rows, aggregate, LIST_MAX);
    for (size_t arg = 0; arg < line->args_count; arg++) {
        enum vec_kind kind = count == 0 ? VEC_TEXT : (enum vec_kind)kinds[arg];
        rows.count = aggregate_list(line->args[arg].text, kind, rows.values[arg]);
    }
    prng_init(&prng, 7);
    aggregate_check(&rows, &prng);
    aggregate_slowly(&f, &rows);
    aggregate_answer(&f, &rows, 0, &answer);
    bool is_right = answer.length == line->answer.length &&
                    memcmp(answer.text, line->answer.text, answer.length) == 0;
    if (!is_right) {
        print_error("%s(%s): %.*s, want %s\n", line->name.text, line->args[0].text,
                    (int)answer.length, answer.text, line->answer.text);
    }
    return is_right;
}

static void aggregates_answer_as_postgresql_does(void **state)
{
    (void)state;
    const struct recorded *recorded = recorded_read("aggregates");
    size_t wrong = 0;
    for (size_t i = 0; i < recorded->count; i++) {
        wrong += !aggregate_check_line(&recorded->lines[i]);
    }
    assert_true(recorded->count > 2000);
    assert_int_equal(wrong, 0);
}

static void aggregate_random_rows(struct prng *prng, const struct vec_aggregate *aggregate,
                                  struct rows *rows)
{
    uint32_t most = prng_below(prng, 30) == 0 ? ROWS_MAX : 60;
    bool is_narrow = prng_below(prng, 2) == 0;
    uint32_t stretch = 0;
    aggregate_rows_init(rows, aggregate, (uint32_t)prng_below(prng, most));
    rows->groups_count = 1 + (uint32_t)prng_below(prng, GROUPS_MAX);
    for (uint32_t i = 0; i < rows->count; i++) {
        if (prng_below(prng, rows->count / 8 + 2) == 0 && stretch < STRETCHES_MAX - 1) {
            stretch++;
        }
        rows->stretches[i] = stretch;
        rows->groups[i] = (uint32_t)prng_below(prng, rows->groups_count);
        for (uint32_t arg = 0; arg < aggregate->args_count; arg++) {
            forms_random(&here, prng, (enum vec_kind)aggregate->args[arg], is_narrow,
                         &rows->values[arg][i]);
        }
    }
}

static void batches_and_merges_change_no_bit(void **state)
{
    (void)state;
    struct share share = share_open("aggregates row by row against batches and merges", 45);
    size_t next = 0;
    size_t count = 0;
    while (vec_aggregate_at(count) != NULL) {
        count++;
    }
    while (share_more(&share)) {
        struct prng prng;
        prng_init(&prng, share_case_seed(&share));
        /* Half of them are first and last, of which one is like the other. */
        next = (next + 1 + (next > count / 2 ? prng_below(&prng, 10) : 0)) % count;
        const struct vec_aggregate *aggregate = vec_aggregate_at(next);
        struct rows rows;
        aggregate_reset();
        aggregate_random_rows(&prng, aggregate, &rows);
        aggregate_check(&rows, &prng);
    }
    share_close(&share);
}

/* The sum of one group by the words of aggregate_tree.c. */
static double tree_sum(const struct rows *rows, uint32_t group)
{
    static double values[ROWS_MAX];
    double total = -0.0;
    for (uint32_t stretch = 0; stretch < STRETCHES_MAX; stretch++) {
        size_t count = 0;
        for (uint32_t i = 0; i < rows->count; i++) {
            if (rows->stretches[i] == stretch && rows->groups[i] == group &&
                !rows->values[0][i].is_null) {
                values[count++] = rows->values[0][i].u.real;
            }
        }
        double sum = -0.0;
        for (size_t block = 0; block < count; block += 1024) {
            double a[8] = {-0.0, -0.0, -0.0, -0.0, -0.0, -0.0, -0.0, -0.0};
            for (size_t n = block; n < count && n < block + 1024; n++) {
                a[n % 8] += values[n];
            }
            sum += ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]));
        }
        total += sum;
    }
    return total;
}

static void sums_of_doubles_follow_the_tree(void **state)
{
    (void)state;
    struct share share = share_open("sums of doubles against the definition of the tree", 25);
    uint8_t kind = VEC_DOUBLE;
    const struct vec_aggregate *aggregate = vec_aggregate_find("sum", 3, &kind, 1);
    assert_non_null(aggregate);
    while (share_more(&share)) {
        struct prng prng;
        prng_init(&prng, share_case_seed(&share));
        struct rows rows;
        struct folder f;
        aggregate_reset();
        aggregate_random_rows(&prng, aggregate, &rows);
        aggregate_begin(&f, &rows);
        aggregate_batches(&f, &rows, 0, rows.count, &prng);
        for (uint32_t group = 0; group < rows.groups_count; group++) {
            struct vec_value value;
            double want = tree_sum(&rows, group);
            bool is_fine = aggregate->finish(&f.agg, &f.call, f.states[group], &value);
            if (isfinite(want) && is_fine && !value.is_null) {
                assert_memory_equal(&value.u.real, &want, sizeof(want));
            }
            assert_true(is_fine ? value.is_null || isfinite(want) == isfinite(value.u.real)
                                : !isfinite(want));
        }
        aggregate_check(&rows, &prng);
    }
    share_close(&share);
}

static void a_text_without_memory_is_a_fault(void **state)
{
    (void)state;
    static const char *const names[] = {"min", "max", "first", "last"};
    static char text[4096];
    static const uint8_t kinds[] = {VEC_TEXT, VEC_BIGINT};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct rows rows;
        struct folder f;
        struct arena small;
        aggregate_reset();
        const struct vec_aggregate *aggregate =
            vec_aggregate_find(names[i], strlen(names[i]), kinds, i < 2 ? 1 : 2);
        aggregate_rows_init(&rows, aggregate, 1);
        rows.values[0][0].u.bytes = (struct vec_bytes){.data = text, .length = sizeof(text)};
        aggregate_begin(&f, &rows);
        arena_init(&small, &here.budget, 256, 1024);
        f.agg.arena = &small;
        f.call.pos = 5;
        aggregate_batch(&f, &rows, 0, 1, VEC_FLAT);
        assert_false(f.is_fine);
        assert_int_equal(here.ev.failure.fault, VEC_FAULT_MEMORY);
        assert_int_equal(here.ev.failure.pos, 5);
        arena_deinit(&small);
    }
}

static void names_have_their_rows_side_by_side(void **state)
{
    (void)state;
    size_t count = 0;
    for (; vec_aggregate_at(count) != NULL; count++) {
        const struct vec_aggregate *row = vec_aggregate_at(count);
        const struct vec_aggregate *first;
        size_t rows = vec_aggregates(row->name, strlen(row->name), &first);
        assert_true(row >= first && row < first + rows);
        assert_ptr_equal(
            vec_aggregate_find(row->name, strlen(row->name), row->args, row->args_count), row);
    }
    assert_true(count > 150);
    const struct vec_aggregate *none;
    assert_int_equal(vec_aggregates("su", 2, &none), 0);
    assert_null(vec_aggregate_find("summ", 4, NULL, 0));
}

static int aggregate_setup(void **state)
{
    (void)state;
    forms_open(&here, 1);
    arena_init(&states_arena, &here.budget, 1u << 16, 1u << 28);
    return 0;
}

static int aggregate_teardown(void **state)
{
    (void)state;
    arena_deinit(&states_arena);
    forms_close(&here);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aggregates_answer_as_postgresql_does),
        cmocka_unit_test(sums_of_doubles_follow_the_tree),
        cmocka_unit_test(batches_and_merges_change_no_bit),
        cmocka_unit_test(a_text_without_memory_is_a_fault),
        cmocka_unit_test(names_have_their_rows_side_by_side),
    };
    return cmocka_run_group_tests(tests, aggregate_setup, aggregate_teardown);
}
