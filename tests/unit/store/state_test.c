/* Rows at ticks: against a table of every tick, and what only many rows show. */
#include "views/store/state.h"

#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/model.h"
#include "tests/unit/store/model.h"

/* A state with its budget. */
struct world {
    struct budget budget;
    struct store_state state;
};

static void world_open(struct world *w, uint32_t state_bytes)
{
    *w = (struct world){0};
    budget_init(&w->budget, "view", SIZE_MAX / 2, NULL);
    store_state_init(&w->state, &(struct store_layout){.state_bytes = state_bytes}, &w->budget);
}

static uint32_t world_close(struct world *w)
{
    uint32_t steps = 1;
    while (!store_state_deinit_step(&w->state)) {
        steps++;
    }
    assert_int_equal(w->state.bytes, 0);
    assert_int_equal(w->budget.used_bytes, 0);
    budget_deinit(&w->budget);
    return steps;
}

/* The key of a BIGINT: 9 bytes. */
static uint64_t key_of(uint64_t number, uint8_t key[9])
{
    uint64_t word = __builtin_bswap64(number ^ UINT64_C(1) << 63);
    key[0] = 1;
    memcpy(key + 1, &word, sizeof(word));
    return store_hash(key, 9);
}

/* Add `amount` to the first word of rows first .. end - 1, and count. */
static void world_add(struct world *w, uint64_t first, uint64_t end, uint64_t amount)
{
    for (uint64_t i = first; i < end; i++) {
        uint8_t key[9];
        struct store_row row;
        uint64_t hash = key_of(i, key);
        assert_int_equal(store_state_touch(&w->state, hash, key, 9, &row), ERR_OK);
        uint64_t words[2];
        memcpy(words, row.state, sizeof(words));
        words[0] += amount;
        words[1]++;
        memcpy(row.state, words, sizeof(words));
    }
}

static void world_tick(struct world *w, uint64_t first, uint64_t end, uint64_t amount)
{
    store_state_begin(&w->state, w->state.tick + 1);
    world_add(w, first, end, amount);
    store_state_end(&w->state);
    store_state_complete(&w->state, w->state.tick);
}

static void rows_are_those_of_every_tick(void **state)
{
    model_run(state, "against a table of every tick", 60, 3000, state_model_run);
}

static void a_million_keys_take_little_memory(void **state)
{
    (void)state;
    enum { KEYS = 1000000 };
    struct world w;
    world_open(&w, 24); /* count and sum(BIGINT) */
    world_tick(&w, 0, KEYS, 1);
    assert_int_equal(w.state.rows_count, KEYS);
    assert_int_equal(w.state.bytes, w.budget.used_bytes);
    print_message("%.1f bytes a key, its 9 included\n", (double)w.state.bytes / KEYS);
    assert_true(w.state.bytes <= (uint64_t)(64 + 9) * KEYS);
    assert_int_equal(w.state.version_bytes, 0);
    uint64_t before = w.state.bytes;
    for (uint64_t i = 0; i < KEYS; i += KEYS / 10) { /* known ones are found */
        world_tick(&w, i, i + 1000, 1);
    }
    assert_int_equal(w.state.rows_count, KEYS);
    assert_true(w.state.bytes - w.state.version_bytes < before + 2000);
    uint32_t steps = world_close(&w);
    assert_true(steps > 64); /* not all at once */
}

/* Hashes of some bits only: rows of one slice, then such as no split tells apart. */
/* Keys known and new, some of them twice, some a hold looks back at. */
static void many_rows_at_once_are_those_one_by_one(void **state)
{
    (void)state;
    enum { KEYS = 5000, TICKS = 40 };
    struct world one;
    struct world all;
    struct prng prng;
    world_open(&one, 16);
    world_open(&all, 16);
    prng_init(&prng, 1);
    for (uint64_t tick = 1; tick <= TICKS; tick++) {
        uint64_t hashes[STORE_TOUCH_MAX];
        uint32_t ends[STORE_TOUCH_MAX];
        uint8_t bytes[16 + 9 * STORE_TOUCH_MAX];
        uint8_t *states[STORE_TOUCH_MAX];
        store_state_begin(&one.state, tick);
        store_state_begin(&all.state, tick);
        struct store_keys keys = {.hashes = hashes, .bytes = bytes, .ends = ends, .begin = 16};
        keys.count = (uint32_t)prng_below(&prng, STORE_TOUCH_MAX + 1);
        for (uint32_t i = 0; i < keys.count; i++) {
            uint64_t number = prng_below(&prng, KEYS * tick / TICKS);
            ends[i] = 16 + 9 * (i + 1);
            hashes[i] = key_of(number, bytes + ends[i] - 9);
            world_add(&one, number, number + 1, 1);
        }
        assert_int_equal(store_state_touch_all(&all.state, &keys, states), ERR_OK);
        for (uint32_t i = 0; i < keys.count; i++) {
            uint64_t words[2];
            memcpy(words, states[i], sizeof(words));
            words[0]++;
            words[1]++;
            memcpy(states[i], words, sizeof(words));
        }
        store_state_end(&one.state);
        store_state_end(&all.state);
        uint64_t pos[2] = {0, 0};
        struct store_row rows[2];
        while (store_changes(&one.state, &pos[0], &rows[0])) {
            assert_true(store_changes(&all.state, &pos[1], &rows[1]));
            assert_memory_equal(rows[0].key, rows[1].key, 9);
            assert_memory_equal(rows[0].state, rows[1].state, 16);
            assert_int_equal(rows[0].was != NULL, rows[1].was != NULL);
            assert_true(rows[0].was == NULL || memcmp(rows[0].was, rows[1].was, 16) == 0);
        }
        assert_false(store_changes(&all.state, &pos[1], &rows[1]));
        store_state_complete(&one.state, tick);
        store_state_complete(&all.state, tick);
    }
    assert_int_equal(one.state.rows_count, all.state.rows_count);
    world_close(&one);
    world_close(&all);
}

static void rows_are_found_however_alike_hashes_are(void **state)
{
    (void)state;
    static const struct {
        uint64_t mask;
        uint64_t keys_count;
    } cases[] = {
        {UINT64_MAX >> 6, 30000},
        {UINT64_MAX >> 20, 12000},
        {UINT64_C(0x3ff) << 26, 9000},
    };
    for (size_t c = 0; c < ARRAY_COUNT(cases); c++) {
        struct world w;
        world_open(&w, 8);
        for (uint64_t tick = 1; tick <= 3; tick++) {
            store_state_begin(&w.state, tick);
            for (uint64_t i = 0; i < cases[c].keys_count; i++) {
                uint8_t key[9];
                struct store_row row;
                uint64_t count;
                uint64_t hash = key_of(i, key) & cases[c].mask;
                assert_int_equal(store_state_touch(&w.state, hash, key, 9, &row), ERR_OK);
                memcpy(&count, row.state, sizeof(count));
                assert_int_equal(count, (tick - 1) * i);
                count += i;
                memcpy(row.state, &count, sizeof(count));
            }
            store_state_end(&w.state);
            assert_int_equal(w.state.rows_count, cases[c].keys_count);
        }
        world_close(&w);
    }
}

static void a_few_rows_take_few_bytes(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 24);
    world_tick(&w, 0, 1, 1);
    assert_true(w.state.bytes < 1000);
    world_tick(&w, 1, 100, 1);
    assert_true(w.state.bytes < 70000);
    world_close(&w);
}

/* Rows under full change are read slice by slice: each once, as of the hold's tick. */
static void a_walk_sees_one_tick_while_all_rows_change(void **state)
{
    (void)state;
    enum { KEYS = 20000, ROWS = 100 };
    struct world w;
    struct store_hold hold;
    struct store_row rows[ROWS];
    uint64_t sum = 0;
    uint64_t count = 0;
    uint64_t at = 0;
    uint64_t most = 0;
    world_open(&w, 16);
    world_tick(&w, 0, KEYS, 7);
    world_tick(&w, 0, KEYS / 2, 1);
    store_state_hold(&w.state, &hold, w.state.tick);
    for (uint32_t slice = 0; slice < STORE_SLICES; slice++) {
        struct store_walk walk = {0};
        while (!walk.is_done) {
            uint32_t got = store_state_walk(&w.state, &hold, slice, &walk, rows, ROWS);
            for (uint32_t i = 0; i < got; i++) {
                uint64_t words[2];
                memcpy(words, rows[i].state, sizeof(words));
                sum += words[0];
                count++;
                assert_int_equal(words[1], words[0] == 8 ? 2 : 1);
            }
            world_tick(&w, at % KEYS, at % KEYS + 700 < KEYS ? at % KEYS + 700 : KEYS, 1000);
            world_tick(&w, KEYS + at / 10, KEYS + at / 10 + 10, 1); /* new ones */
            at += 700;
            most = w.state.version_bytes > most ? w.state.version_bytes : most;
        }
    }
    assert_false(hold.is_broken);
    assert_int_equal(count, KEYS);
    assert_int_equal(sum, UINT64_C(7) * KEYS + KEYS / 2);
    /* One version of each row at most, whatever was changed how often. */
    assert_true(most < ((uint64_t)(24 + 16) * w.state.rows_count) * 5 / 4 + (512u << 10));
    store_state_release(&w.state, &hold);
    while (!store_state_trim(&w.state)) {
    }
    uint64_t rows_bytes = w.state.bytes - w.state.version_bytes;
    assert_true(w.state.version_bytes < rows_bytes / 16 + (280u << 10));
    world_close(&w);
}

static void known_rows_change_without_allocations(void **state)
{
    (void)state;
    enum { KEYS = 5000 };
    struct world w;
    world_open(&w, 16);
    for (int i = 0; i < 3; i++) {
        world_tick(&w, 0, KEYS, 1);
    }
    uint64_t before = w.budget.allocs_count;
    for (int i = 0; i < 5; i++) {
        world_tick(&w, 0, KEYS / 2, 1);
    }
    assert_int_equal(w.budget.allocs_count, before);
    world_close(&w);
}

static void memory_that_ends_breaks_the_oldest_hold_first(void **state)
{
    (void)state;
    enum { KEYS = 20000 };
    struct world w;
    struct store_hold holds[2];
    world_open(&w, 16);
    world_tick(&w, 0, KEYS, 1);
    store_state_hold(&w.state, &holds[0], w.state.tick);
    world_tick(&w, 0, KEYS, 1);
    world_tick(&w, 0, 10, 1);
    store_state_hold(&w.state, &holds[1], w.state.tick);
    assert_false(holds[0].is_broken);
    budget_set_limit(&w.budget, w.budget.used_bytes + 10000);
    world_tick(&w, 0, KEYS, 1);
    assert_true(holds[0].is_broken);
    assert_false(holds[1].is_broken);
    assert_false(w.state.is_blind);
    store_state_release(&w.state, &holds[0]);
    store_state_release(&w.state, &holds[1]);
    world_close(&w);
}

static void memory_that_ends_makes_a_tick_blind_before_it_breaks_the_view(void **state)
{
    (void)state;
    enum { KEYS = 20000 };
    struct world w;
    struct store_hold hold;
    struct store_row row;
    uint64_t pos = 0;
    world_open(&w, 16);
    world_tick(&w, 0, KEYS, 1);
    budget_set_limit(&w.budget, w.budget.used_bytes + 100000);
    store_state_hold(&w.state, &hold, w.state.tick);
    store_state_begin(&w.state, w.state.tick + 1);
    world_add(&w, 0, KEYS, 1);
    assert_true(w.state.is_blind);
    assert_true(hold.is_broken);
    store_state_release(&w.state, &hold);
    store_state_end(&w.state);
    assert_int_equal(w.state.readable, w.state.tick);
    assert_false(store_changes(&w.state, &pos, &row));
    store_state_hold(&w.state, &hold, w.state.tick - 1); /* complete elsewhere: of no use here */
    assert_true(hold.is_broken);
    store_state_release(&w.state, &hold);
    store_state_complete(&w.state, w.state.tick);
    world_tick(&w, 0, 100, 1);
    assert_false(w.state.is_blind);
    store_state_hold(&w.state, &hold, w.state.tick);
    assert_false(hold.is_broken);
    store_state_release(&w.state, &hold);
    /* New rows do not fit. */
    budget_set_limit(&w.budget, w.budget.used_bytes);
    store_state_begin(&w.state, w.state.tick + 1);
    enum err err = ERR_OK;
    for (uint64_t i = KEYS; err == ERR_OK; i++) {
        uint8_t key[9];
        uint64_t hash = key_of(i, key);
        err = store_state_touch(&w.state, hash, key, 9, &row);
    }
    assert_int_equal(err, ERR_BUDGET);
    store_state_end(&w.state);
    world_close(&w);
}

static void keys_of_any_length_are_kept_up_to_the_limit(void **state)
{
    (void)state;
    static uint8_t key[STORE_KEY_BYTES_MAX + 1];
    static const uint32_t lengths[] = {0, 1, 7, 8, 9, 16, 17, 1023, 1024, 1025, 60000, 65536};
    struct world w;
    struct store_hold hold;
    struct store_row row;
    memset(key, 'x', sizeof(key));
    world_open(&w, 8);
    store_state_begin(&w.state, 1);
    for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
        uint64_t hash = store_hash(key, lengths[i]);
        assert_int_equal(store_state_touch(&w.state, hash, key, lengths[i], &row), ERR_OK);
        memcpy(row.state, &lengths[i], sizeof(lengths[i]));
    }
    assert_int_equal(store_state_touch(&w.state, 1, key, STORE_KEY_BYTES_MAX + 1, &row),
                     ERR_TOO_LARGE);
    store_state_end(&w.state);
    store_state_complete(&w.state, 1);
    store_state_hold(&w.state, &hold, 1);
    for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
        uint64_t hash = store_hash(key, lengths[i]);
        assert_true(store_state_get(&w.state, &hold, hash, key, lengths[i], &row));
        assert_int_equal(row.key_bytes, lengths[i]);
        assert_memory_equal(row.key, key, lengths[i]);
        assert_memory_equal(row.state, &lengths[i], sizeof(lengths[i]));
    }
    assert_false(store_state_get(&w.state, &hold, store_hash(key, 2), key, 2, &row));
    store_state_release(&w.state, &hold);
    world_close(&w);
}

static void the_hash_never_changes(void **state)
{
    (void)state;
    /* XXH3 of 64 bits, seed 0, as xxHash's own program says: files name slices by it. */
    assert_true(store_hash("", 0) == UINT64_C(0x2d06800538d394c2));
    assert_true(store_hash("abc", 3) == UINT64_C(0x78af5f94892f3950));
    assert_int_equal(store_slice_of(UINT64_MAX), 63);
    assert_int_equal(store_slice_of(UINT64_MAX >> 6), 0);
}

static void contracts_are_asserted(void **state)
{
    (void)state;
    struct world w;
    struct store_hold hold;
    world_open(&w, 8);
    expect_assert_failure(store_state_end(&w.state));
    store_state_begin(&w.state, 5);
    expect_assert_failure(store_state_begin(&w.state, 6));
    store_state_end(&w.state);
    expect_assert_failure(store_state_begin(&w.state, 5));
    expect_assert_failure(store_state_complete(&w.state, 6));
    expect_assert_failure(store_state_hold(&w.state, &hold, 6));
    store_state_complete(&w.state, 5);
    expect_assert_failure(store_state_hold(&w.state, &hold, 4));
    expect_assert_failure(store_state_complete(&w.state, 4));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MODEL_TEST(rows_are_those_of_every_tick),
        cmocka_unit_test(a_million_keys_take_little_memory),
        cmocka_unit_test(many_rows_at_once_are_those_one_by_one),
        cmocka_unit_test(rows_are_found_however_alike_hashes_are),
        cmocka_unit_test(a_few_rows_take_few_bytes),
        cmocka_unit_test(a_walk_sees_one_tick_while_all_rows_change),
        cmocka_unit_test(known_rows_change_without_allocations),
        cmocka_unit_test(memory_that_ends_breaks_the_oldest_hold_first),
        cmocka_unit_test(memory_that_ends_makes_a_tick_blind_before_it_breaks_the_view),
        cmocka_unit_test(keys_of_any_length_are_kept_up_to_the_limit),
        cmocka_unit_test(the_hash_never_changes),
        cmocka_unit_test(contracts_are_asserted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
