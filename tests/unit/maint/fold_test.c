/* Rows into partial groups: who finds which group, which rows are left out, who pays. */
#include "views/maint/fold.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/unit/maint/world.h"

/* a BIGINT, b TEXT, c DOUBLE, d TIMESTAMPTZ, e INTEGER. */
static const struct vec_type fold_types[] = {{VEC_BIGINT, 0, 0},
                                             {VEC_TEXT, 0, 0},
                                             {VEC_DOUBLE, 0, 0},
                                             {VEC_TIMESTAMPTZ, 0, 0},
                                             {VEC_INTEGER, 0, 0}};

/* A fold alone. */
struct fold_world {
    struct world world;
    struct budget budget;
    struct arena scratch;
    struct maint_fold fold;
    uint8_t slice_target[STORE_SLICES];
    char told[4096]; /* "partition:offset SQLSTATE, " of each fault */
    size_t told_length;
};

static void fold_told(void *ctx, const struct maint_fault *fault)
{
    struct fold_world *w = ctx;
    int length =
        snprintf(w->told + w->told_length, sizeof(w->told) - w->told_length, "%u:%ld %s, ",
                 fault->partition, (long)fault->offset, vec_fault_state(fault->failure.fault));
    assert_true(length > 0);
    w->told_length += (size_t)length;
    assert_true(w->told_length < sizeof(w->told));
}

/* A view over `rows_count` rows: a is the row's number, b its text, e is 0 and 1 in turns. */
static void fold_begin(struct fold_world *w, const char *sql, uint32_t rows_count,
                       uint32_t targets_count)
{
    *w = (struct fold_world){.told_length = 0};
    world_init(&w->world, fold_types, ARRAY_COUNT(fold_types), rows_count);
    for (uint32_t row = 0; row < rows_count; row++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "t%u", row);
        *world_value(&w->world, row, 0) = (struct vec_value){.u.int8 = row};
        world_set(&w->world, row, 1, text);
        *world_value(&w->world, row, 4) = (struct vec_value){.u.int4 = (int32_t)(row % 2)};
    }
    budget_init(&w->budget, "fold", 64u << 20, &w->world.root);
    for (uint32_t i = 0; i < STORE_SLICES; i++) {
        w->slice_target[i] = (uint8_t)(i % targets_count);
    }
    w->fold.fault = fold_told;
    w->fold.ctx = w;
    maint_scratch_init(&w->scratch, &w->budget);
    maint_fold_init(&w->fold, world_make(&w->world, sql), &w->budget, &w->scratch, w->slice_target,
                    targets_count);
}

static void fold_end(struct fold_world *w)
{
    maint_fold_deinit(&w->fold);
    arena_deinit(&w->scratch);
    assert_int_equal(w->budget.used_bytes, 0);
    budget_deinit(&w->budget);
    world_deinit(&w->world);
}

/* Fold rows first .. first + count - 1. */
static enum err fold_rows(struct fold_world *w, uint32_t first, uint32_t count)
{
    static uint32_t rows[VEC_ROWS_MAX];
    struct arena a;
    struct vec_batch batch;
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = first + i;
    }
    arena_init(&a, &w->world.root, 64u << 10, SIZE_MAX);
    world_batch(&w->world, w->fold.view, rows, count, NULL, &a, &batch);
    enum err err = maint_fold_rows(&w->fold, &batch);
    arena_deinit(&a);
    return err;
}

/* Groups of the piece at hand of all targets; the count (the last state) of each is added to *sum.
 */
static uint32_t fold_piece(struct fold_world *w, uint64_t *sum)
{
    const struct maint_view *view = w->fold.view;
    uint32_t count = 0;
    for (uint32_t target = 0; target < w->fold.targets_count; target++) {
        struct maint_delta *delta;
        assert_int_equal(maint_fold_take(&w->fold, target, &delta), ERR_OK);
        uint32_t pos = 0;
        for (uint32_t i = 0; delta != NULL && i < delta->groups_count; i++) {
            uint64_t its;
            memcpy(&its,
                   delta->states + (size_t)i * view->state_bytes +
                       view->states[view->states_count - 1].pos,
                   sizeof(its));
            *sum += its;
            assert_int_equal(delta->hashes[i],
                             store_hash(delta->keys + pos, delta->key_ends[i] - pos));
            assert_int_equal(w->slice_target[store_slice_of(delta->hashes[i])], target);
            pos = delta->key_ends[i];
        }
        count += delta != NULL ? delta->groups_count : 0;
        maint_delta_free(delta);
    }
    return count;
}

/* All groups, piece by piece, and the sum of their counts. The fold is empty after it. */
static uint32_t fold_groups(struct fold_world *w, uint64_t *sum)
{
    uint32_t left = w->fold.groups_count;
    uint32_t count = 0;
    bool has_more;
    *sum = 0;
    do {
        uint32_t wanted = left < MAINT_PIECE_GROUPS ? left : MAINT_PIECE_GROUPS;
        uint64_t same = 0;
        assert_int_equal(fold_piece(w, sum), wanted);
        assert_int_equal(fold_piece(w, &same), wanted); /* it is there until it is passed */
        left -= wanted;
        count += wanted;
        has_more = maint_fold_has_more(&w->fold);
        assert_int_equal(has_more, left > 0);
        assert_int_equal(maint_fold_pass(&w->fold), has_more);
    } while (has_more);
    assert_int_equal(w->fold.groups_count, 0);
    return count;
}

static const struct {
    const char *key;
    uint32_t groups; /* of the rows that have one */
} fold_forms[] = {
    {"a", 6000},
    {"a % 100", 100},
    {"b", 6000},
    {"e", 2},
    {"c", 1},
    {"b || 'x'", 6000},
    {"(a % 10)::text", 10},
    {"a, e", 6000},
    {"a % 7, b IS NULL", 7},
    {"d", 1},
};

static void rows_of_a_key_meet_in_one_group_over_batches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(fold_forms); i++) {
        char sql[256];
        struct fold_world w;
        uint64_t sum;
        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM t GROUP BY %s", fold_forms[i].key);
        fold_begin(&w, sql, 6000, 3);
        for (uint32_t tick = 0; tick < 3; tick++) {
            for (uint32_t twice = 0; twice < 2; twice++) {
                assert_int_equal(fold_rows(&w, 0, 2048), ERR_OK);
                assert_int_equal(fold_rows(&w, 2048, 2048), ERR_OK);
                assert_int_equal(fold_rows(&w, 4096, 1904), ERR_OK);
            }
            assert_int_equal(w.fold.rows_count, 12000);
            assert_int_equal(w.fold.groups_count, fold_forms[i].groups);
            assert_int_equal(fold_groups(&w, &sum), fold_forms[i].groups);
            assert_int_equal(sum, 12000);
            /* A small tick after a large one. */
            assert_int_equal(fold_rows(&w, tick, 3), ERR_OK);
            assert_int_equal(fold_rows(&w, tick, 3), ERR_OK);
            assert_in_range(fold_groups(&w, &sum), 1, 3);
            assert_int_equal(sum, 6);
            assert_int_equal(fold_groups(&w, &sum), 0);
        }
        fold_end(&w);
    }
}

/* So many that some have 16 bits of their probes and the place in common. */
static void many_keys_are_told_apart(void **state)
{
    (void)state;
    static const char *const keys[] = {"a", "b", "a, b"};
    enum { BATCHES = 160 };
    static char texts[VEC_ROWS_MAX][16];
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        char sql[256];
        struct fold_world w;
        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM t GROUP BY %s", keys[i]);
        fold_begin(&w, sql, VEC_ROWS_MAX, 1);
        budget_set_limit(&w.budget, 512u << 20);
        for (uint32_t batch = 0; batch < BATCHES; batch++) {
            for (uint32_t row = 0; row < VEC_ROWS_MAX; row++) {
                uint32_t number = batch * VEC_ROWS_MAX + row;
                int length = snprintf(texts[row], sizeof(texts[row]), "%06u", number);
                world_value(&w.world, row, 0)->u.int8 = number;
                world_value(&w.world, row, 1)->u.bytes =
                    (struct vec_bytes){texts[row], (uint32_t)length};
            }
            assert_int_equal(fold_rows(&w, 0, VEC_ROWS_MAX), ERR_OK);
        }
        assert_int_equal(w.fold.groups_count, BATCHES * VEC_ROWS_MAX);
        assert_true(maint_fold_is_full(&w.fold));
        fold_end(&w);
    }
}

/* What one row takes of them is not what its neighbours may not take. */
static void steps_are_of_each_row(void **state)
{
    (void)state;
    struct fold_world w;
    static char text[4000];
    memset(text, 'a', sizeof(text));
    fold_begin(&w, "SELECT count(*) FROM t WHERE b NOT LIKE '%aaaaaaaaaaaaaaab%'", VEC_ROWS_MAX, 1);
    for (uint32_t row = 0; row < VEC_ROWS_MAX; row++) {
        world_value(&w.world, row, 1)->u.bytes = (struct vec_bytes){text, sizeof(text)};
    }
    assert_int_equal(fold_rows(&w, 0, VEC_ROWS_MAX), ERR_OK);
    assert_string_equal(w.told, "");
    assert_int_equal(w.fold.rows_count, VEC_ROWS_MAX);
    fold_end(&w);
}

/* Few of a table's slots are cleared one by one. */
static void a_tick_knows_nothing_of_the_one_before(void **state)
{
    (void)state;
    static const char *const keys[] = {"a % 97", "(a % 97)::text", "a % 97, e IS NULL"};
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        char sql[256];
        struct fold_world w;
        struct chance chance = chance_seed(i);
        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM t GROUP BY %s", keys[i]);
        fold_begin(&w, sql, 2000, 1);
        for (uint32_t tick = 0; tick < 3000; tick++) {
            uint64_t sum;
            uint32_t count = chance_is(&chance, 40) ? 97 : 1 + chance_below(&chance, 16);
            uint32_t first = chance_below(&chance, 1900);
            assert_int_equal(fold_rows(&w, first, count), ERR_OK);
            assert_int_equal(fold_rows(&w, first, count), ERR_OK);
            assert_int_equal(w.fold.groups_count, count);
            assert_int_equal(fold_groups(&w, &sum), count);
            assert_int_equal(sum, 2 * count);
        }
        fold_end(&w);
    }
}

static void null_is_a_group_of_its_own(void **state)
{
    (void)state;
    static const char *const keys[] = {"a", "b", "e", "c", "d", "a, b"};
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        char sql[256];
        struct fold_world w;
        uint64_t sum;
        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM t GROUP BY %s", keys[i]);
        fold_begin(&w, sql, 10, 1);
        for (uint32_t row = 0; row < 10; row++) {
            for (uint32_t column = 0; column < 5; column++) {
                const char *values[] = {"0", "", "0", "2020-01-01", "0"};
                world_set(&w.world, row, column, row % 2 == 0 ? NULL : values[column]);
            }
        }
        assert_int_equal(fold_rows(&w, 0, 10), ERR_OK);
        assert_int_equal(fold_rows(&w, 0, 10), ERR_OK);
        assert_int_equal(fold_groups(&w, &sum), 2);
        assert_int_equal(sum, 20);
        fold_end(&w);
    }
}

static void texts_with_zeros_are_folded_too(void **state)
{
    (void)state;
    struct fold_world w;
    uint64_t sum;
    static const struct vec_bytes texts[] = {{"a\0b", 3},
                                             {"a", 1},
                                             {"a\0", 2},
                                             {"a\0\xff"
                                              "b",
                                              4}};
    fold_begin(&w, "SELECT count(*) FROM t GROUP BY b", 8, 1);
    for (uint32_t row = 0; row < 8; row++) {
        world_value(&w.world, row, 1)->u.bytes = texts[row % 4];
    }
    assert_int_equal(fold_rows(&w, 0, 8), ERR_OK);
    assert_int_equal(w.fold.groups_count, 4);
    assert_int_equal(fold_rows(&w, 0, 8), ERR_OK);
    assert_in_range(fold_groups(&w, &sum), 4, 8); /* the same key may come twice */
    assert_int_equal(sum, 16);
    fold_end(&w);
}

static void rows_that_fail_are_left_out_and_told_in_order(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        const char *told;
        uint32_t rows;
    } rows[] = {
        {"SELECT a, 10 / (a - 3) AS x FROM t", "0:3 22012, ", 9},
        {"SELECT e, sum(1 / (a % 5)) FROM t GROUP BY e", "0:0 22012, 0:5 22012, ", 8},
        {"SELECT count(*) FROM t WHERE 1 / e > 0",
         "0:0 22012, 0:2 22012, 0:4 22012, 0:6 22012, 0:8 22012, ", 5},
        {"SELECT 1 / e AS x, count(*) FROM t GROUP BY x",
         "0:0 22012, 0:2 22012, 0:4 22012, 0:6 22012, 0:8 22012, ", 5},
        {"SELECT count(*) FILTER (WHERE 1 / (a - 9) < 0) FROM t", "0:9 22012, ", 9},
        {"SELECT e, sum(9223372036854775800 + a) FROM t GROUP BY e", "0:8 22003, 0:9 22003, ", 8},
        /* Rows that WHERE leaves out fail nowhere. */
        {"SELECT 10 / (a - 3) AS x FROM t WHERE a <> 3", "", 9},
        {"SELECT sum(10 / (a - 3)) FILTER (WHERE a <> 3) FROM t", "", 10},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct fold_world w;
        fold_begin(&w, rows[i].sql, 10, 1);
        assert_int_equal(fold_rows(&w, 0, 10), ERR_OK);
        assert_string_equal(w.told, rows[i].told);
        assert_int_equal(w.fold.rows_count, rows[i].rows);
        fold_end(&w);
    }
}

static void a_batch_that_fails_everywhere_ends(void **state)
{
    (void)state;
    static struct world_view v;
    struct world world;
    world_init(&world, fold_types, ARRAY_COUNT(fold_types), VEC_ROWS_MAX);
    static uint32_t rows[VEC_ROWS_MAX];
    for (uint32_t row = 0; row < VEC_ROWS_MAX; row++) {
        rows[row] = row;
        *world_value(&world, row, 0) = (struct vec_value){.u.int8 = 0};
    }
    world_view_init(&v, &world, world_make(&world, "SELECT 1 / a AS x FROM t"), 1, NULL);
    world_view_tick(&v, rows, VEC_ROWS_MAX, NULL);
    assert_int_equal(v.faults_count, VEC_ROWS_MAX);
    assert_int_equal(v.upkeeps[0].state.rows_count, 0);
    world_view_deinit(&v);
    world_deinit(&world);
}

/* Each fails alone for what it takes: a row's neighbours do not count. */
static void keys_that_are_too_long_are_faults(void **state)
{
    (void)state;
    static const char *const keys[] = {"b", "b, a", "b || ''"};
    static char text[STORE_KEY_BYTES_MAX];
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        char sql[256];
        struct fold_world w;
        uint64_t sum;
        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM t GROUP BY %s", keys[i]);
        fold_begin(&w, sql, 4, 1);
        world_value(&w.world, 1, 1)->u.bytes = (struct vec_bytes){text, sizeof(text)};
        world_value(&w.world, 3, 1)->u.bytes = (struct vec_bytes){text, sizeof(text) - 16};
        assert_int_equal(fold_rows(&w, 0, 4), ERR_OK);
        assert_string_equal(w.told, "0:1 54000, ");
        assert_int_equal(fold_groups(&w, &sum), 3);
        assert_int_equal(sum, 3);
        fold_end(&w);
    }
}

/* At any budget: all is folded, or nothing, or the fold says that it is broken; then it goes on
 * after a reset. */
static void memory_that_ends_is_told(void **state)
{
    (void)state;
    static const char *const sqls[] = {
        "SELECT a, count(*) FROM t GROUP BY a",
        "SELECT b, max(b || ' and something behind it') FROM t GROUP BY b",
        "SELECT a, b, c FROM t",
    };
    for (size_t i = 0; i < ARRAY_COUNT(sqls); i++) {
        uint32_t refused_count = 0;
        struct fold_world w;
        fold_begin(&w, sqls[i], 500, 2);
        size_t limit = 1024;
        for (;; limit += limit / 8) {
            budget_set_limit(&w.budget, limit);
            enum err err = fold_rows(&w, 0, 500);
            if (err == ERR_OK) {
                struct maint_delta *deltas[2] = {NULL, NULL};
                err = maint_fold_take(&w.fold, 0, &deltas[0]);
                err = err == ERR_OK ? maint_fold_take(&w.fold, 1, &deltas[1]) : err;
                maint_delta_free(deltas[0]);
                maint_delta_free(deltas[1]);
                if (err == ERR_OK) {
                    break;
                }
            } else if (!w.fold.is_broken) {
                assert_int_equal(w.fold.groups_count, 0);
                assert_int_equal(w.fold.rows_count, 0);
            }
            assert_int_equal(err, ERR_BUDGET);
            refused_count++;
            maint_fold_reset(&w.fold);
            assert_true(limit < 16u << 20);
        }
        assert_true(refused_count > 10);
        assert_int_equal(w.fold.rows_count, 500);
        fold_end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_a_key_meet_in_one_group_over_batches),
        cmocka_unit_test(many_keys_are_told_apart),
        cmocka_unit_test(steps_are_of_each_row),
        cmocka_unit_test(a_tick_knows_nothing_of_the_one_before),
        cmocka_unit_test(null_is_a_group_of_its_own),
        cmocka_unit_test(texts_with_zeros_are_folded_too),
        cmocka_unit_test(rows_that_fail_are_left_out_and_told_in_order),
        cmocka_unit_test(a_batch_that_fails_everywhere_ends),
        cmocka_unit_test(keys_that_are_too_long_are_faults),
        cmocka_unit_test(memory_that_ends_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
