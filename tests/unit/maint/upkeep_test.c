/* Partial groups into rows: what appears, changes and goes, who reads what, what cannot be shown.
 */
#include "views/maint/upkeep.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/unit/maint/world.h"

/* a BIGINT, b TEXT, c DOUBLE, d NUMERIC. */
static const struct vec_type upkeep_types[] = {
    {VEC_BIGINT, 0, 0}, {VEC_TEXT, 0, 0}, {VEC_DOUBLE, 0, 0}, {VEC_NUMERIC, 0, 0}};

#define UPKEEP_ROWS 64u

/* A view on two shards over rows that tests set. */
struct upkeep_world {
    struct world world;
    struct world_view v;
    struct arena arena; /* of tables */
    uint32_t rows_count;
};

static void upkeep_begin(struct upkeep_world *w, const char *sql)
{
    *w = (struct upkeep_world){.rows_count = 0};
    world_init(&w->world, upkeep_types, ARRAY_COUNT(upkeep_types), UPKEEP_ROWS);
    arena_init(&w->arena, &w->world.root, 64u << 10, SIZE_MAX);
    world_view_init(&w->v, &w->world, world_make(&w->world, sql), 2, NULL);
}

static void upkeep_end(struct upkeep_world *w)
{
    world_view_deinit(&w->v);
    arena_deinit(&w->arena);
    world_deinit(&w->world);
}

/* Apply a tick of `count` rows, four texts each. */
static void upkeep_tick(struct upkeep_world *w, const char *const (*rows)[4], uint32_t count)
{
    uint32_t numbers[UPKEEP_ROWS];
    assert_true(w->rows_count + count <= UPKEEP_ROWS);
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = w->rows_count++;
        for (uint32_t column = 0; column < 4; column++) {
            world_set(&w->world, numbers[i], column, rows[i][column]);
        }
    }
    world_view_tick(&w->v, numbers, count, NULL);
}

/* The lines of a table, one behind the other with a space; the view's when `table` is NULL. */
static const char *upkeep_lines(struct upkeep_world *w, const struct world_table *table)
{
    struct world_table own;
    if (table == NULL) {
        world_view_read(&w->v, &w->arena, &own);
        table = &own;
    }
    char **lines = world_table_lines(table);
    char *text = arena_alloc(&w->arena, 8192, 1);
    assert_non_null(text);
    size_t length = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < table->count; i++) {
        length +=
            (size_t)snprintf(text + length, 8192 - length, "%s%s", i > 0 ? " " : "", lines[i]);
        assert_true(length < 8192);
    }
    return text;
}

static void upkeep_expect(struct upkeep_world *w, const char *shown, const char *minus,
                          const char *plus)
{
    struct world_table tables[2];
    world_view_changes(&w->v, &w->arena, &tables[0], &tables[1]);
    assert_string_equal(upkeep_lines(w, NULL), shown);
    assert_string_equal(upkeep_lines(w, &tables[0]), minus);
    assert_string_equal(upkeep_lines(w, &tables[1]), plus);
}

static void an_aggregate_without_keys_has_its_row_from_the_first_tick_on(void **state)
{
    (void)state;
    struct upkeep_world w;
    static const char *const rows[][4] = {{"5", NULL, NULL, NULL}};
    upkeep_begin(&w, "SELECT count(*), sum(a), max(b) FROM t");
    upkeep_tick(&w, NULL, 0);
    upkeep_expect(&w, "=0|~|~|", "", "=0|~|~|");
    upkeep_tick(&w, NULL, 0);
    upkeep_expect(&w, "=0|~|~|", "", "");
    upkeep_tick(&w, rows, 1);
    upkeep_expect(&w, "=1|=5|~|", "=0|~|~|", "=1|=5|~|");
    upkeep_end(&w);
}

static void a_row_whose_having_becomes_true_appears_and_goes(void **state)
{
    (void)state;
    struct upkeep_world w;
    static const char *const one[][4] = {{"1", "k", NULL, NULL}};
    static const char *const two[][4] = {{"2", "k", NULL, NULL}, {"1", "l", NULL, NULL}};
    upkeep_begin(&w, "SELECT b, sum(a) FROM t GROUP BY b HAVING count(*) = 2");
    upkeep_tick(&w, one, 1);
    upkeep_expect(&w, "", "", "");
    upkeep_tick(&w, two, 2);
    upkeep_expect(&w, "=k|=3|", "", "=k|=3|");
    upkeep_tick(&w, one, 1);
    upkeep_expect(&w, "", "=k|=3|", "");
    upkeep_end(&w);
}

static void rows_that_show_the_same_are_no_change(void **state)
{
    (void)state;
    struct upkeep_world w;
    static const char *const one[][4] = {{"1", "k", NULL, NULL}};
    static const char *const less[][4] = {{"0", "k", NULL, NULL}};
    upkeep_begin(&w, "SELECT b, max(a), count(*) > 0 AS is_there FROM t GROUP BY b");
    upkeep_tick(&w, one, 1);
    upkeep_expect(&w, "=k|=1|=true|", "", "=k|=1|=true|");
    upkeep_tick(&w, less, 1); /* its count has changed, which nobody sees */
    upkeep_expect(&w, "=k|=1|=true|", "", "");
    upkeep_end(&w);
}

static void numbers_that_differ_in_their_point_only_are_a_change(void **state)
{
    (void)state;
    struct upkeep_world w;
    static const char *const one[][4] = {{NULL, "k", NULL, "1.5"}};
    static const char *const two[][4] = {{NULL, "k", NULL, "15"}};
    upkeep_begin(&w, "SELECT b, max(d) FROM t GROUP BY b");
    upkeep_tick(&w, one, 1);
    upkeep_tick(&w, two, 1);
    upkeep_expect(&w, "=k|=15|", "=k|=1.5|", "=k|=15|");
    upkeep_end(&w);
}

static void equal_keys_show_the_same_value_in_any_order(void **state)
{
    (void)state;
    static const char *const rows[2][2][4] = {
        {{NULL, NULL, "0", "1.50"}, {NULL, NULL, "-0", "1.5"}},
        {{NULL, NULL, "-0", "1.5"}, {NULL, NULL, "0", "1.50"}},
    };
    const char *lines[2];
    struct upkeep_world w[2];
    for (uint32_t i = 0; i < 2; i++) {
        upkeep_begin(&w[i], "SELECT c, d, count(*) FROM t GROUP BY c, d");
        upkeep_tick(&w[i], &rows[i][0], 1);
        upkeep_tick(&w[i], &rows[i][1], 1);
        lines[i] = upkeep_lines(&w[i], NULL);
    }
    assert_string_equal(lines[0], lines[1]);
    assert_non_null(strstr(lines[0], "=2|"));
    upkeep_end(&w[0]);
    upkeep_end(&w[1]);
}

static void a_view_of_rows_keeps_equal_ones_apart(void **state)
{
    (void)state;
    struct upkeep_world w;
    static const char *const rows[][4] = {
        {"1", "k", "-0", "1.50"}, {"1", "k", "-0", "1.50"}, {"9", NULL, NULL, NULL}};
    upkeep_begin(&w, "SELECT b, c, d FROM t WHERE a < 5");
    upkeep_tick(&w, rows, 3);
    upkeep_expect(&w, "=k|=-0|=1.50| =k|=-0|=1.50|", "", "=k|=-0|=1.50| =k|=-0|=1.50|");
    upkeep_end(&w);
}

static void a_group_that_cannot_be_shown_is_left_out_until_it_can_be(void **state)
{
    (void)state;
    struct upkeep_world w;
    struct world_table table;
    static const char *const one[][4] = {{"1", "k", NULL, NULL}, {"1", "l", NULL, NULL}};
    static const char *const more[][4] = {{"1", "k", NULL, NULL}};
    upkeep_begin(&w, "SELECT b, 10 / (count(*) - 2) AS x FROM t GROUP BY b");
    upkeep_tick(&w, one, 2);
    upkeep_expect(&w, "=k|=-10| =l|=-10|", "", "=k|=-10| =l|=-10|");
    upkeep_tick(&w, more, 1);
    upkeep_expect(&w, "=l|=-10|", "=k|=-10|", "");
    assert_int_equal(world_view_read(&w.v, &w.arena, &table), 1);
    assert_int_equal(w.v.upkeeps[0].faults_count + w.v.upkeeps[1].faults_count, 1);
    upkeep_tick(&w, more, 1);
    upkeep_expect(&w, "=k|=10| =l|=-10|", "", "=k|=10|");
    assert_int_equal(world_view_read(&w.v, &w.arena, &table), 0);
    upkeep_end(&w);
}

static void sums_out_of_range_mark_their_group_only(void **state)
{
    (void)state;
    struct upkeep_world w;
    struct world_table table;
    static const char *const one[][4] = {
        {NULL, "k", "1e308", NULL}, {NULL, "k", "1e308", NULL}, {NULL, "l", "1", NULL}};
    static const char *const back[][4] = {{NULL, "k", "-1e308", NULL}};
    upkeep_begin(&w, "SELECT b, sum(c) FROM t GROUP BY b");
    upkeep_tick(&w, one, 3);
    assert_string_equal(upkeep_lines(&w, NULL), "=l|=1|");
    assert_int_equal(world_view_read(&w.v, &w.arena, &table), 1);
    upkeep_tick(&w, back, 1); /* sums are exact: it is in range again */
    assert_string_equal(upkeep_lines(&w, NULL), "=k|=1e+308| =l|=1|");
    upkeep_end(&w);
}

static void rows_are_got_by_their_keys_at_a_tick(void **state)
{
    (void)state;
    struct upkeep_world w;
    static const char *const rows[][4] = {
        {"1", "k", NULL, "2.50"}, {"2", "k", NULL, "2.5"}, {"3", NULL, NULL, NULL}};
    upkeep_begin(&w, "SELECT b, d, sum(a) FROM t GROUP BY d, b");
    upkeep_tick(&w, rows, 3);
    struct maint_reading readings[2];
    for (uint32_t i = 0; i < 2; i++) {
        maint_reading_open(&readings[i], &w.v.upkeeps[i], 1, &w.v.readers);
    }
    upkeep_tick(&w, rows, 2);
    static const struct {
        const char *d;
        const char *b;
        const char *want;
    } gets[] = {
        {"2.500", "k", "=k|=2.5|=3|"},
        {NULL, NULL, "~|~|=3|"},
        {"2.5", "l", ""},
        {"2.5", NULL, ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(gets); i++) {
        struct world_table table;
        struct vec_value key[2];
        world_set(&w.world, 63, 3, gets[i].d);
        world_set(&w.world, 63, 1, gets[i].b);
        key[0] = *world_value(&w.world, 63, 3);
        key[1] = *world_value(&w.world, 63, 1);
        world_table_init(&table, w.v.view->outputs, w.v.view->outputs_count, &w.arena);
        for (uint32_t shard = 0; shard < 2; shard++) {
            struct vec_batch batch;
            assert_int_equal(maint_reading_get(&readings[shard], key, &batch), ERR_OK);
            world_table_add(&table, &batch);
        }
        assert_string_equal(upkeep_lines(&w, &table), gets[i].want);
    }
    maint_reading_close(&readings[0]);
    maint_reading_close(&readings[1]);
    upkeep_end(&w);
}

/* More steps than an evaluation may take, of all groups that are shown at a time. */
static void groups_that_are_dear_are_shown_in_smaller_pieces(void **state)
{
    (void)state;
    static struct world_view v;
    struct world world;
    enum { ROWS = 700 };
    static char text[8000];
    uint32_t rows[ROWS];
    memset(text, 'a', sizeof(text));
    world_init(&world, upkeep_types, ARRAY_COUNT(upkeep_types), ROWS);
    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i] = i;
        *world_value(&world, i, 0) = (struct vec_value){.u.int8 = i};
        *world_value(&world, i, 1) = (struct vec_value){.u.bytes = {text, sizeof(text)}};
    }
    world_view_init(
        &v, &world,
        world_make(&world, "SELECT a, max(b) LIKE '%aaaaaaaaaaaaaaab%' FROM t GROUP BY a"), 1,
        NULL);
    struct world_table tables[3];
    struct arena a;
    arena_init(&a, &world.root, 64u << 10, SIZE_MAX);
    world_view_tick(&v, rows, ROWS, NULL);
    assert_int_equal(world_view_read(&v, &a, &tables[0]), 0);
    world_view_changes(&v, &a, &tables[1], &tables[2]);
    assert_int_equal(tables[0].count, ROWS);
    assert_int_equal(tables[2].count, ROWS);
    const char *why;
    assert_true(world_table_equal(&tables[0], &tables[2], &why));
    arena_deinit(&a);
    world_view_deinit(&v);
    world_deinit(&world);
}

/* Memory of the view: it is used up and all comes back; a reader whose tick was given up is told,
 * and the newest rows are whole. */
static void memory_that_ends_breaks_readers_before_the_view(void **state)
{
    (void)state;
    static struct world_view v;
    struct world world;
    enum { ROWS = 20000 };
    static uint32_t rows[ROWS];
    world_init(&world, upkeep_types, ARRAY_COUNT(upkeep_types), ROWS);
    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i] = i;
        world_set(&world, i, 1, "a text that does not fit into a state");
        *world_value(&world, i, 0) = (struct vec_value){.u.int8 = i};
    }
    world_view_init(&v, &world, world_make(&world, "SELECT a, count(*), max(b) FROM t GROUP BY a"),
                    1, NULL);
    world_view_tick(&v, rows, ROWS, NULL);
    struct maint_reading reading;
    struct vec_batch batch;
    maint_reading_open(&reading, &v.upkeeps[0], 1, &v.readers);
    assert_int_equal(maint_reading_next(&reading, &batch), ERR_OK);
    assert_in_range(maint_upkeep_bytes(&v.upkeeps[0]), v.upkeeps[0].state.bytes + 1,
                    v.budget.used_bytes);
    budget_set_limit(&v.budget, v.budget.used_bytes + (512u << 10)); /* versions need more */
    world_view_tick(&v, rows, ROWS, NULL);
    assert_true(reading.hold.is_broken);
    assert_int_equal(maint_reading_next(&reading, &batch), ERR_INVALID);
    assert_string_equal(reading.why, "53200");
    struct vec_value key = {.u.int8 = 7};
    assert_int_equal(maint_reading_get(&reading, &key, &batch), ERR_INVALID);
    maint_reading_close(&reading);
    uint64_t pos = 0;
    struct vec_batch other;
    if (v.upkeeps[0].state.is_blind) {
        assert_int_equal(maint_upkeep_changes(&v.upkeeps[0], &pos, &batch, &other), ERR_INVALID);
    }
    struct arena a;
    struct world_table table;
    arena_init(&a, &world.root, 1u << 20, SIZE_MAX);
    assert_int_equal(world_view_read(&v, &a, &table), 0);
    assert_int_equal(table.count, ROWS);
    for (uint32_t i = 0; i < ROWS; i++) {
        assert_int_equal(table.values[i * 3 + 1].u.int8, 2);
    }
    arena_deinit(&a);
    world_view_deinit(&v);
    world_deinit(&world);
}

/* Ever longer texts for few keys, a reader in between: what they were is given back, and what it
 * holds is not. */
static void what_states_have_left_is_given_back(void **state)
{
    (void)state;
    static struct world_view v;
    struct world world;
    enum { ROWS = 64, TICKS = 700, LONG = 600 };
    static char texts[TICKS][LONG];
    uint32_t rows[ROWS];
    world_init(&world, upkeep_types, ARRAY_COUNT(upkeep_types), ROWS);
    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i] = i;
        *world_value(&world, i, 0) = (struct vec_value){.u.int8 = i};
    }
    world_view_init(&v, &world,
                    world_make(&world, "SELECT a, max(b), last(b, _timestamp) FROM t GROUP BY a"),
                    1, NULL);
    struct maint_upkeep *upkeep = &v.upkeeps[0];
    struct maint_reading reading = {.slice = 0};
    size_t most_bytes = 0;
    for (uint32_t tick = 0; tick < TICKS; tick++) {
        (void)snprintf(texts[tick], LONG, "%06u", tick);
        memset(texts[tick] + 6, 'x', LONG - 6);
        for (uint32_t i = 0; i < ROWS; i++) {
            *world_value(&world, i, 1) = (struct vec_value){.u.bytes = {texts[tick], LONG}};
            world_value(&world, i, world.system)->u.int8 = tick;
            world_value(&world, i, world.system + 2)->u.int8 = tick;
        }
        world_view_tick(&v, rows, ROWS, NULL);
        if (tick == 100) {
            maint_reading_open(&reading, upkeep, v.tick, &v.readers);
        } else if (tick == 300) {
            uint32_t read_count = 0;
            struct vec_batch batch;
            while (maint_reading_next(&reading, &batch) == ERR_OK) {
                for (uint32_t i = 0; i < batch.selection.count; i++) {
                    for (uint32_t column = 1; column < 3; column++) {
                        struct vec_value value;
                        vec_get(&batch.columns[column], vec_row(batch.selection, i), &value);
                        assert_int_equal(value.u.bytes.length, LONG);
                        assert_memory_equal(value.u.bytes.data, texts[100], LONG);
                    }
                    read_count++;
                }
            }
            assert_int_equal(read_count, ROWS);
            maint_reading_close(&reading);
        }
        struct world_table minus;
        struct world_table plus;
        struct arena a;
        arena_init(&a, &world.root, 64u << 10, SIZE_MAX);
        world_view_changes(&v, &a, &minus, &plus);
        assert_int_equal(plus.count, ROWS);
        assert_int_equal(minus.count, tick > 0 ? ROWS : 0);
        for (uint32_t i = 0; i < minus.count; i++) {
            assert_memory_equal(minus.values[3 * i + 1].u.bytes.data, texts[tick - 1], LONG);
        }
        arena_deinit(&a);
        while (!store_state_trim(&upkeep->state)) {
        }
        most_bytes =
            tick > 400 && v.budget.used_bytes > most_bytes ? v.budget.used_bytes : most_bytes;
    }
    /* All texts together are 54 MB, those that the reader held back 15. */
    assert_in_range(most_bytes, 1, 20u << 20);
    assert_in_range(maint_upkeep_bytes(upkeep), v.budget.used_bytes - v.budget.used_bytes / 100,
                    v.budget.used_bytes);
    world_view_deinit(&v);
    world_deinit(&world);
}

/* A reader of an old tick keeps all texts that were left since. */
static void texts_that_wait_break_their_reader_before_the_view(void **state)
{
    (void)state;
    struct upkeep_world w;
    struct maint_reading reading;
    upkeep_begin(&w, "SELECT last(b, a) FROM t");
    for (uint32_t tick = 0; tick < 12000; tick++) {
        char number[16];
        char text[128];
        uint32_t row = tick % 3;
        struct arena_mark mark = arena_mark(&w.world.arena);
        snprintf(number, sizeof(number), "%u", tick);
        snprintf(text, sizeof(text), "%06u, and what makes it longer than a state is", tick);
        world_set(&w.world, row, 0, number);
        world_set(&w.world, row, 1, text);
        world_view_tick(&w.v, &row, 1, NULL);
        arena_rewind(&w.world.arena, mark);
        if (tick == 10) {
            uint32_t shard = w.v.slice_shard[store_slice_of(store_hash(NULL, 0))];
            maint_reading_open(&reading, &w.v.upkeeps[shard], w.v.tick, &w.v.readers);
            budget_set_limit(&w.v.budget, w.v.budget.used_bytes + (512u << 10));
        }
    }
    assert_true(reading.hold.is_broken);
    maint_reading_close(&reading);
    upkeep_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_aggregate_without_keys_has_its_row_from_the_first_tick_on),
        cmocka_unit_test(a_row_whose_having_becomes_true_appears_and_goes),
        cmocka_unit_test(rows_that_show_the_same_are_no_change),
        cmocka_unit_test(numbers_that_differ_in_their_point_only_are_a_change),
        cmocka_unit_test(equal_keys_show_the_same_value_in_any_order),
        cmocka_unit_test(a_view_of_rows_keeps_equal_ones_apart),
        cmocka_unit_test(a_group_that_cannot_be_shown_is_left_out_until_it_can_be),
        cmocka_unit_test(sums_out_of_range_mark_their_group_only),
        cmocka_unit_test(rows_are_got_by_their_keys_at_a_tick),
        cmocka_unit_test(groups_that_are_dear_are_shown_in_smaller_pieces),
        cmocka_unit_test(what_states_have_left_is_given_back),
        cmocka_unit_test(texts_that_wait_break_their_reader_before_the_view),
        cmocka_unit_test(memory_that_ends_breaks_readers_before_the_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
