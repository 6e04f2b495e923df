/* The hash table of groups: growing piece by piece, every form of keys, owners, nulls. */
#include "views/exec/table.h"

#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/unit/exec/chance.h"

/* A table with what it stands on. */
struct table_world {
    struct budget budget;
    struct arena arena;   /* groups */
    struct arena scratch; /* a batch */
    struct exec_table table;
};

static void table_world_init(struct table_world *world)
{
    budget_init(&world->budget, "test", SIZE_MAX / 2, NULL);
    arena_init(&world->arena, &world->budget, 32u << 10, SIZE_MAX / 2);
    arena_init(&world->scratch, &world->budget, 256u << 10, SIZE_MAX / 2);
}

static void table_world_deinit(struct table_world *world)
{
    arena_deinit(&world->arena);
    arena_deinit(&world->scratch);
    assert_int_equal(world->budget.used_bytes, 0);
    budget_deinit(&world->budget);
}

/* How keys are made of numbers: a column, or two. */
enum table_form { TABLE_BIGINT, TABLE_DOUBLE, TABLE_TEXT, TABLE_TWO, TABLE_FORMS };

/* Columns whose i-th row is the key of numbers[i]. */
static void table_columns(struct arena *a, enum table_form form, const uint32_t *numbers,
                          uint32_t count, struct vec_vector *columns)
{
    static const enum vec_kind kinds[TABLE_FORMS] = {VEC_BIGINT, VEC_DOUBLE, VEC_TEXT, VEC_BIGINT};
    void *data = vec_flat(a, vec_type(kinds[form]), count, &columns[0]);
    int32_t *second = vec_flat(a, vec_type(VEC_INTEGER), count, &columns[1]);
    for (uint32_t i = 0; i < count; i++) {
        char *text = arena_alloc(a, 8, 1);
        memset(text, 'x', 8);
        memcpy(text, &numbers[i], 4);
        second[i] = (int32_t)(numbers[i] % 3);
        switch (form) {
        case TABLE_BIGINT: ((int64_t *)data)[i] = (int64_t)numbers[i] << 20; break;
        case TABLE_DOUBLE: ((double *)data)[i] = numbers[i] / 8.0; break;
        case TABLE_TEXT:
            ((struct vec_bytes *)data)[i] =
                (struct vec_bytes){.data = text, .length = 4 + numbers[i] % 5};
            break;
        case TABLE_TWO: ((int64_t *)data)[i] = numbers[i] / 3; break;
        case TABLE_FORMS: break;
        }
    }
}

static void table_init(struct table_world *world, enum table_form form)
{
    static const struct vec_type types[TABLE_FORMS][2] = {
        [TABLE_BIGINT] = {{.kind = VEC_BIGINT}},
        [TABLE_DOUBLE] = {{.kind = VEC_DOUBLE}},
        [TABLE_TEXT] = {{.kind = VEC_TEXT}},
        [TABLE_TWO] = {{.kind = VEC_BIGINT}, {.kind = VEC_INTEGER}},
    };
    exec_table_init(&world->table, types[form], form == TABLE_TWO ? 2 : 1, 16, 42, &world->arena);
}

/* Look `count` numbers up: each one's group knows it, or is new and told. */
static void table_check(struct table_world *world, enum table_form form, const uint32_t *numbers,
                        uint32_t count)
{
    struct vec_vector columns[2];
    struct exec_group *groups[VEC_ROWS_MAX];
    uint16_t new_rows[VEC_ROWS_MAX];
    arena_reset(&world->scratch);
    table_columns(&world->scratch, form, numbers, count, columns);
    struct exec_lookup lookup = {
        .columns = columns, .selection = {.count = count}, .groups = groups, .new_rows = new_rows};
    uint32_t segments_count = world->table.segments_count;
    assert_int_equal(exec_table_find(&world->table, &world->scratch, &lookup), ERR_OK);
    for (uint32_t i = 0; i < lookup.new_count; i++) {
        uint32_t *room = (uint32_t *)(void *)exec_group_room(groups[new_rows[i]]);
        *room = numbers[new_rows[i]] + 1;
    }
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(*(uint32_t *)(void *)exec_group_room(groups[i]), numbers[i] + 1);
    }
    /* Of 384 groups each, more or less: a batch of new keys splits a few. */
    assert_true(world->table.segments_count - segments_count < 64);
}

static void table_finds_every_key_while_it_grows(void **state)
{
    (void)state;
    for (enum table_form form = 0; form < TABLE_FORMS; form++) {
        struct table_world world;
        table_world_init(&world);
        table_init(&world, form);
        struct chance chance = chance_seed(7 + (uint64_t)form);
        uint32_t made = 0;
        uint32_t numbers[VEC_ROWS_MAX];
        while (made < 150000) {
            uint32_t count = 1 + chance_size(&chance, VEC_ROWS_MAX - 1);
            for (uint32_t i = 0; i < count; i++) {
                bool is_new = chance_below(&chance, 3) > 0 || made == 0;
                numbers[i] = is_new ? made++ : (uint32_t)prng_below(&chance.rng, made);
            }
            table_check(&world, form, numbers, count);
        }
        assert_int_equal(world.table.count, made);
        /* In the order in which they appeared. */
        uint32_t at = 0;
        for (struct exec_group *g = world.table.first; g != NULL; g = g->next) {
            assert_int_equal(*(uint32_t *)(void *)exec_group_room(g), ++at);
        }
        assert_int_equal(at, made);
        table_world_deinit(&world);
    }
}

/* Rows of one owner and another; equal keys are the same group only within one. */
static void table_keeps_owners_apart(void **state)
{
    (void)state;
    for (enum table_form form = 0; form < TABLE_FORMS; form++) {
        struct table_world world;
        table_world_init(&world);
        const struct vec_type types[2] = {vec_type(form == TABLE_TEXT     ? VEC_TEXT
                                                   : form == TABLE_DOUBLE ? VEC_DOUBLE
                                                                          : VEC_BIGINT),
                                          vec_type(VEC_INTEGER)};
        exec_table_init_owned(&world.table, types, form == TABLE_TWO ? 2 : 1, 1, &world.arena);
        struct exec_group owners[2] = {{.hash = 1}, {.hash = 2}};
        struct exec_group *owner_of[6] = {&owners[0], &owners[0], &owners[1],
                                          &owners[1], &owners[0], &owners[1]};
        const uint32_t numbers[6] = {5, 6, 5, 5, 5, 7};
        struct vec_vector columns[2];
        struct exec_group *groups[6];
        uint16_t new_rows[6];
        table_columns(&world.scratch, form, numbers, 6, columns);
        struct exec_lookup lookup = {.columns = columns,
                                     .selection = {.count = 6},
                                     .owners = owner_of,
                                     .groups = groups,
                                     .new_rows = new_rows};
        assert_int_equal(exec_table_find(&world.table, &world.scratch, &lookup), ERR_OK);
        assert_int_equal(lookup.new_count, 4);
        const uint16_t want[4] = {0, 1, 2, 5};
        assert_memory_equal(new_rows, want, sizeof(want));
        assert_ptr_equal(groups[2], groups[3]);
        assert_ptr_equal(groups[0], groups[4]);
        assert_ptr_not_equal(groups[0], groups[2]);
        table_world_deinit(&world);
    }
}

/* Zero and minus zero are one key, and every NaN is another. */
static void table_knows_equality_of_doubles(void **state)
{
    (void)state;
    struct table_world world;
    table_world_init(&world);
    const struct vec_type type = vec_type(VEC_DOUBLE);
    exec_table_init(&world.table, &type, 1, 0, 1, &world.arena);
    struct vec_vector column;
    double *data = vec_flat(&world.scratch, type, 5, &column);
    const double values[5] = {0.0, -0.0, __builtin_nan("1"), -__builtin_nan("2"), 1.0};
    memcpy(data, values, sizeof(values));
    struct exec_group *groups[5];
    uint16_t new_rows[5];
    struct exec_lookup lookup = {
        .columns = &column, .selection = {.count = 5}, .groups = groups, .new_rows = new_rows};
    assert_int_equal(exec_table_find(&world.table, &world.scratch, &lookup), ERR_OK);
    assert_int_equal(lookup.new_count, 3);
    assert_ptr_equal(groups[0], groups[1]);
    assert_ptr_equal(groups[2], groups[3]);
    table_world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_finds_every_key_while_it_grows),
        cmocka_unit_test(table_keeps_owners_apart),
        cmocka_unit_test(table_knows_equality_of_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
