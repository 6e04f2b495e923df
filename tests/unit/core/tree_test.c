/* Trees whose versions share nodes: against a sorted array, with old versions kept and looked at
 * again. */
#include "broker/core/tree.h"

#include <string.h>

#include "base/assert.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

#define NUMBERS_MAX  512u
#define VERSIONS_MAX 8u

/* Numbers that trees hold; the address is the item. */
struct tree_world {
    struct budget budget;
    struct core_tree_pool pool;
    uint32_t numbers[NUMBERS_MAX];          /* numbers[i] == i */
    uint32_t refs[NUMBERS_MAX];             /* nodes that hold each */
    struct core_tree tree;                  /* the newest version */
    bool is_in[NUMBERS_MAX];                /* what is in it */
    struct core_tree olds[VERSIONS_MAX];    /* versions kept */
    bool was_in[VERSIONS_MAX][NUMBERS_MAX]; /* what is in each */
};

static int compare_numbers(const void *key, const void *item)
{
    uint32_t a = *(const uint32_t *)key;
    uint32_t b = *(const uint32_t *)item;
    return (a > b) - (a < b);
}

static void number_hold(void *ctx, void *item)
{
    struct tree_world *world = ctx;
    world->refs[*(uint32_t *)item]++;
}

static void number_drop(void *ctx, void *item)
{
    struct tree_world *world = ctx;
    ASSERT(world->refs[*(uint32_t *)item] > 0);
    world->refs[*(uint32_t *)item]--;
}

static const struct core_tree_items number_items = {number_hold, number_drop};

static void world_open(struct tree_world *world)
{
    *world = (struct tree_world){.tree = {NULL}};
    budget_init(&world->budget, "trees", 16u << 20, NULL);
    core_tree_pool_init(&world->pool, &world->budget, &number_items, world);
    for (uint32_t i = 0; i < NUMBERS_MAX; i++) {
        world->numbers[i] = i;
    }
}

/* Every version is let go; nothing is held and nothing is charged then. */
static void world_close(struct tree_world *world)
{
    core_tree_unref(&world->pool, &world->tree);
    for (size_t i = 0; i < VERSIONS_MAX; i++) {
        core_tree_unref(&world->pool, &world->olds[i]);
    }
    for (size_t i = 0; i < NUMBERS_MAX; i++) {
        assert_int_equal(world->refs[i], 0);
    }
    core_tree_pool_deinit(&world->pool);
    assert_int_equal(world->budget.used_bytes, 0);
    budget_deinit(&world->budget);
}

static void world_put(struct tree_world *world, uint32_t number)
{
    assert_int_equal(core_tree_reserve(&world->pool, 1), ERR_OK);
    core_tree_put(&world->pool, &world->tree, compare_numbers, &number, &world->numbers[number]);
    world->is_in[number] = true;
}

static void world_take(struct tree_world *world, uint32_t number)
{
    assert_int_equal(core_tree_reserve(&world->pool, 1), ERR_OK);
    core_tree_take(&world->pool, &world->tree, compare_numbers, &number);
    world->is_in[number] = false;
}

/* `tree` holds what `is_in` says: found, counted and walked to, from `from` on. */
static void assert_tree_is(struct core_tree tree, const bool *is_in, uint32_t from)
{
    assert_true(core_tree_is_sound(tree));
    uint32_t count = 0;
    struct core_tree_walk walk;
    core_tree_walk(&walk, tree, compare_numbers, from > 0 ? &from : NULL);
    for (uint32_t i = 0; i < NUMBERS_MAX; i++) {
        count += is_in[i];
        const uint32_t *found = core_tree_find(tree, compare_numbers, &i);
        assert_int_equal(found != NULL, is_in[i]);
        if (is_in[i]) {
            assert_int_equal(*found, i);
        }
        if (is_in[i] && i >= from) {
            const uint32_t *next = core_tree_next(&walk);
            assert_ptr_equal(next, found);
        }
    }
    assert_null(core_tree_next(&walk));
    assert_null(core_tree_next(&walk));
    assert_int_equal(core_tree_count(tree), count);
}

static void tree_of_nothing_has_nothing(void **state)
{
    (void)state;
    struct tree_world world;
    world_open(&world);
    assert_tree_is(world.tree, world.is_in, 0);
    assert_tree_is(world.tree, world.is_in, 5);
    world_close(&world);
}

static void tree_is_balanced_after_items_in_order(void **state)
{
    (void)state;
    struct tree_world world;
    world_open(&world);
    for (uint32_t i = 0; i < NUMBERS_MAX; i++) {
        world_put(&world, i);
        assert_true(core_tree_is_sound(world.tree));
    }
    assert_tree_is(world.tree, world.is_in, 0);
    for (uint32_t i = NUMBERS_MAX; i-- > 0;) {
        world_take(&world, i);
        assert_true(core_tree_is_sound(world.tree));
    }
    assert_int_equal(core_tree_count(world.tree), 0);
    world_close(&world);
}

static void tree_shares_nodes_with_the_version_before(void **state)
{
    (void)state;
    struct tree_world world;
    world_open(&world);
    for (uint32_t i = 0; i < NUMBERS_MAX - 1; i++) {
        world_put(&world, i);
    }
    world.olds[0] = core_tree_ref(world.tree);
    memcpy(world.was_in[0], world.is_in, sizeof(world.is_in));
    uint32_t nodes_before = world.pool.nodes_count;
    world_put(&world, NUMBERS_MAX - 1);
    assert_in_range(world.pool.nodes_count - nodes_before, 1, 24);
    assert_tree_is(world.olds[0], world.was_in[0], 0);
    assert_tree_is(world.tree, world.is_in, 0);
    world_close(&world);
}

static void tree_replaces_the_item_of_an_equal_key(void **state)
{
    (void)state;
    struct tree_world world;
    world_open(&world);
    for (uint32_t i = 0; i < 10; i++) {
        world_put(&world, i);
    }
    uint32_t twin = 7;
    assert_int_equal(core_tree_reserve(&world.pool, 1), ERR_OK);
    core_tree_put(&world.pool, &world.tree, compare_numbers, &twin, &twin);
    assert_int_equal(core_tree_count(world.tree), 10);
    assert_ptr_equal(core_tree_find(world.tree, compare_numbers, &world.numbers[7]), &twin);
    world_close(&world);
}

static void tree_reserves_nodes_or_says_that_it_cannot(void **state)
{
    (void)state;
    struct tree_world world;
    world_open(&world);
    budget_set_limit(&world.budget, 1000);
    assert_int_equal(core_tree_reserve(&world.pool, 1), ERR_BUDGET);
    expect_assert_failure(core_tree_put(&world.pool, &world.tree, compare_numbers,
                                        &world.numbers[0], &world.numbers[0]));
    budget_set_limit(&world.budget, 1u << 20);
    world_put(&world, 0);
    uint32_t other = 1;
    assert_int_equal(core_tree_reserve(&world.pool, 1), ERR_OK);
    expect_assert_failure(core_tree_take(&world.pool, &world.tree, compare_numbers, &other));
    world_close(&world);
}

/* Random changes of the newest version; now and then it is kept, and one kept before let go. */
static void tree_agrees_with_an_array_in_every_version(void **state)
{
    (void)state;
    struct share share = share_open("versions against arrays", 80);
    while (share_more(&share)) {
        static struct tree_world world;
        world_open(&world);
        struct prng p;
        prng_init(&p, share_case_seed(&share));
        uint32_t numbers_count = (uint32_t)prng_range(&p, 1, NUMBERS_MAX);
        uint64_t puts_of_ten = prng_range(&p, 2, 8);
        for (uint32_t i = 0; i < 400; i++) {
            uint32_t number = (uint32_t)prng_below(&p, numbers_count);
            if (prng_chance(&p, puts_of_ten, 10)) {
                world_put(&world, number);
            } else if (world.is_in[number]) {
                world_take(&world, number);
            }
            VERIFY(core_tree_is_sound(world.tree));
            if (prng_chance(&p, 1, 20)) {
                uint64_t version = prng_below(&p, VERSIONS_MAX);
                assert_tree_is(world.olds[version], world.was_in[version], number);
                core_tree_unref(&world.pool, &world.olds[version]);
                world.olds[version] = core_tree_ref(world.tree);
                memcpy(world.was_in[version], world.is_in, sizeof(world.is_in));
            }
        }
        assert_tree_is(world.tree, world.is_in, (uint32_t)prng_below(&p, NUMBERS_MAX));
        for (size_t i = 0; i < VERSIONS_MAX; i++) {
            assert_tree_is(world.olds[i], world.was_in[i], 0);
        }
        world_close(&world);
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_of_nothing_has_nothing),
        cmocka_unit_test(tree_is_balanced_after_items_in_order),
        cmocka_unit_test(tree_shares_nodes_with_the_version_before),
        cmocka_unit_test(tree_replaces_the_item_of_an_equal_key),
        cmocka_unit_test(tree_reserves_nodes_or_says_that_it_cannot),
        cmocka_unit_test(tree_agrees_with_an_array_in_every_version),
    };
    return cmocka_run_group_tests_name("core_tree", tests, NULL, NULL);
}
