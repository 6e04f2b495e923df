/* Keys: memcmp of them is the order PostgreSQL sorts by (tests/golden/values/order.txt). */
#include "views/vec/key.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/vec/forms.h"
#include "tests/unit/vec/recorded.h"

/* The list of a type: values, and the rank of each. */
struct key_list {
    enum vec_kind kind;
    uint32_t count;
    struct vec_value values[VEC_ROWS_MAX];
    int ranks[VEC_ROWS_MAX];
};

struct key_table {
    struct forms f;
    struct key_list lists[VEC_KIND_COUNT];
};

static int key_setup(void **state)
{
    static struct key_table t;
    forms_open(&t.f, 1);
    struct recorded *recorded = recorded_read("order");
    for (size_t i = 0; i < recorded->count; i++) {
        const struct recorded_line *line = &recorded->lines[i];
        const char *name = strchr(line->name.text, '(') + 1;
        enum vec_kind kind = vec_kind_find(name, strcspn(name, ")"));
        struct key_list *list = &t.lists[kind];
        struct forms_answer answer;
        assert_int_not_equal(kind, VEC_NONE);
        list->kind = kind;
        list->ranks[list->count] = atoi(line->answer.text + 1);
        assert_true(forms_value(&t.f, kind, line->args[0].text, line->args[0].length,
                                &list->values[list->count++], &answer));
    }
    for (enum vec_kind kind = VEC_NONE + 1; kind < VEC_KIND_COUNT; kind++) {
        assert_true(t.lists[kind].count > 1);
    }
    *state = &t;
    return 0;
}

static int key_teardown(void **state)
{
    struct key_table *t = *state;
    forms_close(&t->f);
    return 0;
}

/* <0, 0, >0: the keys of the a-th and b-th row; neither begins like the other without being it. */
static int key_order(const struct vec_keys *keys, uint32_t a, uint32_t b)
{
    uint32_t a_begin = a == 0 ? 0 : keys->ends[a - 1];
    uint32_t b_begin = b == 0 ? 0 : keys->ends[b - 1];
    uint32_t a_length = keys->ends[a] - a_begin;
    uint32_t b_length = keys->ends[b] - b_begin;
    uint32_t length = a_length < b_length ? a_length : b_length;
    int order = memcmp(keys->data + a_begin, keys->data + b_begin, length);
    assert_true(order != 0 || a_length == b_length);
    return (order > 0) - (order < 0);
}

/* Which form the columns of a check have. */
static enum vec_form key_form(struct forms *f)
{
    return prng_chance(&f->rng, 1, 2) ? VEC_FLAT : VEC_DICTIONARY;
}

static void keys_and_values_are_in_the_order_of_postgresql(void **state)
{
    struct key_table *t = *state;
    for (enum vec_kind kind = VEC_NONE + 1; kind < VEC_KIND_COUNT; kind++) {
        const struct key_list *list = &t->lists[kind];
        struct vec_selection selection = forms_selection(&t->f, list->count);
        struct vec_vector column = forms_vector(&t->f, kind, list->values, 1, selection, VEC_FLAT);
        const struct vec_vector *columns[] = {&column};
        struct vec_keys keys;
        assert_int_equal(vec_keys_make(&t->f.scratch, columns, NULL, 1, selection, &keys), ERR_OK);
        for (uint32_t a = 0; a < list->count; a++) {
            for (uint32_t b = 0; b < list->count; b++) {
                int want = (list->ranks[a] > list->ranks[b]) - (list->ranks[a] < list->ranks[b]);
                int compared =
                    vec_value_compare(vec_type(kind), &list->values[a], &list->values[b]);
                compared = (compared > 0) - (compared < 0);
                if (key_order(&keys, a, b) != want || compared != want) {
                    fail_msg("%s: values %u and %u: keys %d, values %d, want %d",
                             vec_kind_name(kind), a, b, key_order(&keys, a, b), compared, want);
                }
            }
        }
    }
}

/* How two rows of one column are to be ordered. */
static int key_want(const struct key_list *list, struct vec_order order, const uint32_t *picks,
                    uint32_t a, uint32_t b)
{
    bool a_is_null = picks[a] == list->count;
    bool b_is_null = picks[b] == list->count;
    if (a_is_null || b_is_null) {
        int later = a_is_null - b_is_null;
        return order.is_null_first ? -later : later;
    }
    int a_rank = list->ranks[picks[a]];
    int b_rank = list->ranks[picks[b]];
    int want = (a_rank > b_rank) - (a_rank < b_rank);
    return order.is_descending ? -want : want;
}

#define KEY_COLUMNS_MAX 4
#define KEY_ROWS_MAX    60

/* Columns of any types, with nulls or without, in any order and form. */
static void key_case(struct key_table *t, uint64_t seed)
{
    struct forms *f = &t->f;
    prng_init(&f->rng, seed);
    uint32_t picks[KEY_COLUMNS_MAX][KEY_ROWS_MAX];
    struct vec_value values[KEY_COLUMNS_MAX][KEY_ROWS_MAX];
    struct vec_vector vectors[KEY_COLUMNS_MAX];
    const struct vec_vector *columns[KEY_COLUMNS_MAX];
    struct vec_order orders[KEY_COLUMNS_MAX];
    uint32_t columns_count = 1 + (uint32_t)prng_below(&f->rng, KEY_COLUMNS_MAX);
    uint32_t count = 1 + (uint32_t)prng_below(&f->rng, KEY_ROWS_MAX);
    struct vec_selection selection = forms_selection(f, count);
    bool has_nulls = prng_chance(&f->rng, 1, 2);
    for (uint32_t column = 0; column < columns_count; column++) {
        enum vec_kind kind = (enum vec_kind)(1 + prng_below(&f->rng, VEC_KIND_COUNT - 1));
        const struct key_list *list = &t->lists[kind];
        uint32_t some = 1 + (uint32_t)prng_below(&f->rng, 3); /* few values: equal rows */
        orders[column] = (struct vec_order){.is_descending = prng_chance(&f->rng, 1, 2),
                                            .is_null_first = prng_chance(&f->rng, 1, 2)};
        for (uint32_t i = 0; i < count; i++) {
            picks[column][i] = (uint32_t)prng_below(&f->rng, has_nulls ? 5 : 4) * some;
            picks[column][i] %= list->count + has_nulls;
            bool is_null = picks[column][i] == list->count;
            values[column][i] =
                is_null ? (struct vec_value){.is_null = true} : list->values[picks[column][i]];
        }
        vectors[column] = forms_vector(f, kind, values[column], 1, selection, key_form(f));
        columns[column] = &vectors[column];
    }
    struct vec_keys keys;
    assert_int_equal(vec_keys_make(&f->scratch, columns, orders, columns_count, selection, &keys),
                     ERR_OK);
    assert_int_equal(keys.count, count);
    for (uint32_t a = 0; a < count; a++) {
        for (uint32_t b = 0; b < count; b++) {
            int want = 0;
            for (uint32_t i = 0; i < columns_count && want == 0; i++) {
                want = key_want(&t->lists[vectors[i].type.kind], orders[i], picks[i], a, b);
            }
            int order = key_order(&keys, a, b);
            if (order != want) {
                fail_msg("seed %lu: rows %u and %u: %d, want %d", (unsigned long)seed, a, b, order,
                         want);
            }
        }
    }
}

static void keys_of_several_columns_are_ordered_column_by_column(void **state)
{
    struct key_table *t = *state;
    struct share share = share_open("columns", 50);
    while (share_more(&share)) {
        struct arena_mark kept = arena_mark(&t->f.kept);
        struct arena_mark scratch = arena_mark(&t->f.scratch);
        key_case(t, share_case_seed(&share));
        arena_rewind(&t->f.scratch, scratch);
        arena_rewind(&t->f.kept, kept);
    }
    share_close(&share);
}

/* A value that a column of `type` would hold: declared NUMERICs have its scale. */
static struct vec_value key_held(struct key_table *t, struct vec_type type,
                                 const struct vec_value *value)
{
    struct vec_value held = *value;
    if (type.kind != VEC_NUMERIC) {
        return held;
    }
    if (prng_chance(&t->f.rng, 1, 2)) { /* of any number of digits */
        __int128 digits = (__int128)prng_below(&t->f.rng, UINT64_C(1000000000000000000)) *
                          (prng_chance(&t->f.rng, 1, 2) ? 1000000007 : 1);
        for (uint64_t i = prng_below(&t->f.rng, 20); i > 0; i--) {
            digits /= 10;
        }
        digits = prng_chance(&t->f.rng, 1, 2) ? -digits : digits;
        held.u.numeric = vec_numeric_from_column(digits, type.scale);
    } else if (vec_numeric_round(&value->u.numeric, type.scale, &held.u.numeric) !=
               VEC_FAULT_NONE) {
        held.is_null = true;
    }
    return held;
}

static void key_read_case(struct key_table *t, uint64_t seed)
{
    struct forms *f = &t->f;
    prng_init(&f->rng, seed);
    struct vec_value values[KEY_COLUMNS_MAX];
    struct vec_vector vectors[KEY_COLUMNS_MAX];
    const struct vec_vector *columns[KEY_COLUMNS_MAX];
    struct vec_type types[KEY_COLUMNS_MAX];
    uint32_t columns_count = 1 + (uint32_t)prng_below(&f->rng, KEY_COLUMNS_MAX);
    for (uint32_t i = 0; i < columns_count; i++) {
        types[i] = vec_type((enum vec_kind)(1 + prng_below(&f->rng, VEC_KIND_COUNT - 1)));
        const struct key_list *list = &t->lists[types[i].kind];
        if (types[i].kind == VEC_NUMERIC) {
            types[i].precision = 38;
            types[i].scale = (uint8_t)prng_below(&f->rng, 39);
        }
        uint32_t pick = (uint32_t)prng_below(&f->rng, list->count + 1);
        values[i] = (struct vec_value){.is_null = pick == list->count};
        if (!values[i].is_null) {
            values[i] = key_held(t, types[i], &list->values[pick]);
        }
        vec_constant(types[i], &values[i], &vectors[i]);
        columns[i] = &vectors[i];
    }
    struct vec_keys keys;
    struct vec_selection one = {.count = 1};
    assert_int_equal(vec_keys_make(&f->scratch, columns, NULL, columns_count, one, &keys), ERR_OK);
    struct vec_key_reader reader = {keys.data, keys.data + keys.ends[0]};
    for (uint32_t i = 0; i < columns_count; i++) {
        bool is_lost = types[i].kind == VEC_DOUBLE || types[i].kind == VEC_INTERVAL ||
                       types[i].kind == VEC_JSONB;
        if (is_lost || prng_chance(&f->rng, 1, 4)) {
            vec_key_skip(&reader, types[i]);
            continue;
        }
        struct vec_value got;
        struct forms_answer answers[2];
        assert_true(vec_key_read(&reader, types[i], &f->scratch, &got));
        forms_answer_value(f, types[i], &values[i], &answers[0]);
        forms_answer_value(f, types[i], &got, &answers[1]);
        assert_int_equal(answers[0].length, answers[1].length);
        assert_memory_equal(answers[0].text, answers[1].text, answers[0].length);
    }
    assert_ptr_equal(reader.at, reader.end);
}

static void keys_say_what_the_values_were(void **state)
{
    struct key_table *t = *state;
    struct share share = share_open("read back", 30);
    while (share_more(&share)) {
        struct arena_mark kept = arena_mark(&t->f.kept);
        struct arena_mark scratch = arena_mark(&t->f.scratch);
        key_read_case(t, share_case_seed(&share));
        arena_rewind(&t->f.scratch, scratch);
        arena_rewind(&t->f.kept, kept);
    }
    share_close(&share);
}

static void a_constant_column_and_no_column_have_keys_too(void **state)
{
    struct key_table *t = *state;
    struct vec_value values[] = {{.u.int4 = 7}, {.is_null = true}};
    struct vec_vector vectors[2];
    const struct vec_vector *columns[] = {&vectors[0], &vectors[1]};
    struct vec_selection selection = {.count = 3};
    struct vec_keys keys;
    vec_constant(vec_type(VEC_INTEGER), &values[0], &vectors[0]);
    vec_constant(vec_type(VEC_TEXT), &values[1], &vectors[1]);
    assert_int_equal(vec_keys_make(&t->f.scratch, columns, NULL, 2, selection, &keys), ERR_OK);
    assert_int_equal(keys.ends[2], 3 * (5 + 1));
    assert_int_equal(key_order(&keys, 0, 2), 0);
    assert_int_equal(vec_keys_make(&t->f.scratch, columns, NULL, 0, selection, &keys), ERR_OK);
    assert_int_equal(keys.ends[2], 0);
}

static void bytes_of_zero_in_a_text_keep_its_order(void **state)
{
    struct key_table *t = *state;
    static const struct {
        const char *text;
        uint32_t length;
    } rows[] = {{"", 0},  {"\0", 1},  {"\0\0", 2},    {"\0a", 2}, {"\1", 1},
                {"a", 1}, {"a\0", 2}, {"a\0\xff", 3}, {"a\1", 2}, {"a\xff", 2}};
    struct vec_value values[sizeof(rows) / sizeof(rows[0])];
    uint32_t count = sizeof(rows) / sizeof(rows[0]);
    for (uint32_t i = 0; i < count; i++) {
        values[i] = (struct vec_value){.u.bytes = {rows[i].text, rows[i].length}};
    }
    struct vec_selection selection = {.count = count};
    struct vec_vector column = forms_vector(&t->f, VEC_TEXT, values, 1, selection, VEC_FLAT);
    const struct vec_vector *columns[] = {&column};
    struct vec_keys keys;
    assert_int_equal(vec_keys_make(&t->f.scratch, columns, NULL, 1, selection, &keys), ERR_OK);
    for (uint32_t i = 0; i < count; i++) {
        struct vec_key_reader reader = {keys.data + (i == 0 ? 0 : keys.ends[i - 1]),
                                        keys.data + keys.ends[i]};
        struct vec_value got;
        assert_true(i == 0 || key_order(&keys, i - 1, i) == -1);
        assert_true(vec_key_read(&reader, vec_type(VEC_TEXT), &t->f.scratch, &got));
        assert_int_equal(got.u.bytes.length, rows[i].length);
        assert_memory_equal(got.u.bytes.data, rows[i].text, rows[i].length);
        assert_ptr_equal(reader.at, reader.end);
    }
}

static void memory_that_ends_is_an_error(void **state)
{
    struct key_table *t = *state;
    const struct key_list *list = &t->lists[VEC_TEXT];
    struct vec_selection selection = {.count = list->count};
    struct vec_vector column = forms_vector(&t->f, VEC_TEXT, list->values, 1, selection, VEC_FLAT);
    const struct vec_vector *columns[] = {&column};
    enum err err = ERR_TOO_LARGE;
    for (size_t limit = 256; err != ERR_OK; limit += 256) {
        struct arena small;
        struct vec_keys keys;
        arena_init(&small, &t->f.budget, 256, limit);
        err = vec_keys_make(&small, columns, NULL, 1, selection, &keys);
        assert_true(err == ERR_OK || err == ERR_TOO_LARGE);
        arena_deinit(&small);
        assert_true(limit < 1 << 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_values_are_in_the_order_of_postgresql),
        cmocka_unit_test(keys_of_several_columns_are_ordered_column_by_column),
        cmocka_unit_test(keys_say_what_the_values_were),
        cmocka_unit_test(a_constant_column_and_no_column_have_keys_too),
        cmocka_unit_test(bytes_of_zero_in_a_text_keep_its_order),
        cmocka_unit_test(memory_that_ends_is_an_error),
    };
    return cmocka_run_group_tests(tests, key_setup, key_teardown);
}
