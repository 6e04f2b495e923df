/* Budgets: who is charged, who refuses, and blocks that are aligned, zeroed and never lost. */
#include "base/budget.h"

#include <string.h>

#include "base/asan.h"
#include "base/assert.h"
#include "tests/support/cmocka.h"
#include "tests/support/model.h"
#include "tests/support/ops.h"

/* The sanitizers end a program whose malloc returns NULL, unless told that it can bear it. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* root 1000 -+- left 600 --- leaf 500
 *            +- right 600                */
struct tree {
    struct budget root, left, right, leaf;
};

static void tree_init(struct tree *t)
{
    budget_init(&t->root, "root", 1000, NULL);
    budget_init(&t->left, "left", 600, &t->root);
    budget_init(&t->right, "right", 600, &t->root);
    budget_init(&t->leaf, "leaf", 500, &t->left);
}

static void tree_deinit(struct tree *t)
{
    budget_deinit(&t->leaf);
    budget_deinit(&t->right);
    budget_deinit(&t->left);
    budget_deinit(&t->root);
}

static void assert_used(const struct tree *t, size_t root, size_t left, size_t right, size_t leaf)
{
    assert_int_equal(t->root.used_bytes, root);
    assert_int_equal(t->left.used_bytes, left);
    assert_int_equal(t->right.used_bytes, right);
    assert_int_equal(t->leaf.used_bytes, leaf);
}

static void budget_charge_counts_for_everyone_above_or_for_nobody(void **state)
{
    (void)state;
    struct tree t;
    tree_init(&t);
    assert_int_equal(budget_charge(&t.leaf, 501), ERR_BUDGET); /* its own limit */
    assert_used(&t, 0, 0, 0, 0);
    assert_int_equal(budget_charge(&t.leaf, 500), ERR_OK);
    assert_used(&t, 500, 500, 0, 500);
    assert_int_equal(budget_charge(&t.left, 101), ERR_BUDGET);  /* the leaf is part of left */
    assert_int_equal(budget_charge(&t.right, 501), ERR_BUDGET); /* the root's limit */
    assert_int_equal(budget_charge(&t.right, SIZE_MAX), ERR_BUDGET);
    assert_used(&t, 500, 500, 0, 500);
    assert_int_equal(budget_charge(&t.right, 500), ERR_OK);
    assert_int_equal(budget_charge(&t.root, 1), ERR_BUDGET);
    assert_int_equal(budget_charge(&t.root, 0), ERR_OK);
    budget_uncharge(&t.leaf, 500);
    assert_used(&t, 500, 0, 500, 0);
    budget_uncharge(&t.right, 500);
    assert_used(&t, 0, 0, 0, 0);
    assert_int_equal(t.root.peak_bytes, 1000);
    assert_int_equal(t.left.peak_bytes, 500);
    tree_deinit(&t);
}

static void budget_left_is_the_least_on_the_way_up(void **state)
{
    (void)state;
    struct tree t;
    tree_init(&t);
    assert_int_equal(budget_left(&t.leaf), 500);
    assert_int_equal(budget_charge(&t.left, 300), ERR_OK);
    assert_int_equal(budget_left(&t.leaf), 300);
    assert_int_equal(budget_charge(&t.right, 600), ERR_OK);
    assert_int_equal(budget_left(&t.leaf), 100);
    assert_int_equal(budget_left(&t.right), 0);
    budget_uncharge(&t.right, 600);
    budget_uncharge(&t.left, 300);
    tree_deinit(&t);
}

static void budget_is_within_itself_and_those_above(void **state)
{
    (void)state;
    struct tree t;
    tree_init(&t);
    assert_true(budget_is_within(&t.leaf, &t.leaf));
    assert_true(budget_is_within(&t.leaf, &t.root));
    assert_false(budget_is_within(&t.leaf, &t.right));
    assert_false(budget_is_within(&t.root, &t.leaf));
    tree_deinit(&t);
}

static void budget_limit_below_use_refuses_until_enough_came_back(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, "b", 100, NULL);
    assert_int_equal(budget_charge(&b, 80), ERR_OK);
    budget_set_limit(&b, 50);
    assert_int_equal(b.used_bytes, 80);
    assert_int_equal(budget_left(&b), 0);
    assert_int_equal(budget_charge(&b, 1), ERR_BUDGET);
    budget_uncharge(&b, 31);
    assert_int_equal(budget_charge(&b, 2), ERR_BUDGET);
    assert_int_equal(budget_charge(&b, 1), ERR_OK);
    budget_set_limit(&b, 200);
    assert_int_equal(budget_left(&b), 150);
    budget_uncharge(&b, 50);
    budget_deinit(&b);
}

static void budget_move_touches_nothing_above_both(void **state)
{
    (void)state;
    struct tree t;
    tree_init(&t);
    assert_int_equal(budget_charge(&t.root, 1000), ERR_OK); /* full: no second charge would fit */
    assert_int_equal(budget_move(&t.root, &t.leaf, 400), ERR_OK);
    assert_used(&t, 1000, 400, 0, 400);
    assert_int_equal(budget_move(&t.root, &t.leaf, 101), ERR_BUDGET);
    assert_int_equal(budget_move(&t.leaf, &t.right, 300), ERR_OK);
    assert_used(&t, 1000, 100, 300, 100);
    assert_int_equal(budget_move(&t.leaf, &t.left, 60), ERR_OK);
    assert_used(&t, 1000, 100, 300, 40);
    assert_int_equal(budget_move(&t.right, &t.right, 300), ERR_OK);
    assert_used(&t, 1000, 100, 300, 40);
    budget_set_limit(&t.left, 100); /* full as well: what moves below it is in it already */
    assert_int_equal(budget_move(&t.left, &t.leaf, 60), ERR_OK);
    assert_used(&t, 1000, 100, 300, 100);
    assert_int_equal(budget_move(&t.leaf, &t.left, 60), ERR_OK);
    budget_set_limit(&t.root, 0); /* up never fails */
    assert_int_equal(budget_move(&t.right, &t.root, 300), ERR_OK);
    assert_int_equal(budget_move(&t.leaf, &t.root, 40), ERR_OK);
    assert_int_equal(budget_move(&t.left, &t.root, 60), ERR_OK);
    assert_used(&t, 1000, 0, 0, 0);
    expect_assert_failure(assert_int_equal(budget_move(&t.leaf, &t.root, 1), ERR_OK));
    struct budget stranger;
    budget_init(&stranger, "stranger", 1000, NULL);
    expect_assert_failure(assert_int_equal(budget_move(&t.root, &stranger, 1), ERR_OK));
    budget_uncharge(&t.root, 1000);
    tree_deinit(&t);
}

static void budget_alloc_gives_aligned_zeroed_memory(void **state)
{
    (void)state;
    static const size_t aligns[] = {1, 2, 8, 16, 32, 64, 512, 4096, BUDGET_ALIGN_MAX};
    static const size_t sizes[] = {1, 7, 16, 100, 4096, 70000};
    struct budget b;
    budget_init(&b, "b", 1u << 20, NULL);
    for (size_t i = 0; i < ARRAY_COUNT(aligns) * ARRAY_COUNT(sizes); i++) {
        size_t align = aligns[i % ARRAY_COUNT(aligns)];
        size_t bytes = sizes[i / ARRAY_COUNT(aligns)];
        void *out;
        assert_int_equal(budget_alloc(&b, bytes, align, &out), ERR_OK);
        uint8_t *block = out;
        assert_true((uintptr_t)block % align == 0);
        for (size_t pos = 0; pos < bytes; pos++) {
            assert_int_equal(block[pos], 0);
        }
        memset(block, 0xff, bytes);
        assert_int_equal(b.used_bytes, budget_block_bytes(bytes, align));
        budget_free(&b, block);
        assert_int_equal(b.used_bytes, 0);
    }
    assert_int_equal(b.allocs_count, ARRAY_COUNT(aligns) * ARRAY_COUNT(sizes));
    budget_deinit(&b);
}

static void budget_block_bytes_is_header_and_what_alignment_skips(void **state)
{
    (void)state;
    static const struct {
        size_t bytes, align, want;
    } rows[] = {
        {100, 1, 148},
        {100, 16, 148},
        {100, 64, 196},
        {65536, 4096, 69664},
        {SIZE_MAX - 48, 1, SIZE_MAX},
        {SIZE_MAX - 47, 1, SIZE_MAX},
        {SIZE_MAX, 4096, SIZE_MAX},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_true(budget_block_bytes(rows[i].bytes, rows[i].align) == rows[i].want);
    }
}

static void budget_alloc_is_refused_by_any_budget_above(void **state)
{
    (void)state;
    struct tree t;
    void *out = &t;
    tree_init(&t);
    assert_int_equal(budget_alloc(&t.leaf, 453, 1, &out), ERR_BUDGET); /* 501 with the header */
    assert_null(out);
    assert_int_equal(budget_alloc(&t.leaf, 452, 1, &out), ERR_OK);
    void *other = &t;
    assert_int_equal(budget_alloc(&t.left, 53, 1, &other), ERR_BUDGET);
    assert_null(other);
    assert_used(&t, 500, 500, 0, 500);
    assert_int_equal(t.leaf.allocs_count, 1);
    assert_int_equal(t.root.allocs_count, 1);
    assert_int_equal(t.right.allocs_count, 0);
    budget_free(&t.leaf, out);
    tree_deinit(&t);
}

static void budget_alloc_is_refused_by_the_system(void **state)
{
    (void)state;
    struct budget b;
    void *out;
    budget_init(&b, "b", SIZE_MAX, NULL);
    assert_int_equal(budget_alloc(&b, SIZE_MAX / 2, 1, &out), ERR_BUDGET);
    assert_null(out);
    assert_int_equal(budget_alloc(&b, SIZE_MAX - 10, 1, &out), ERR_BUDGET); /* no size_t */
    assert_int_equal(b.used_bytes, 0);
    assert_int_equal(b.allocs_count, 0);
    budget_deinit(&b);
}

static void budget_free_takes_only_its_own_blocks(void **state)
{
    (void)state;
    struct budget b;
    struct budget other;
    void *block;
    budget_init(&b, "b", 10000, NULL);
    budget_init(&other, "other", 10000, &b);
    budget_free(&b, NULL);
    assert_int_equal(budget_alloc(&b, 64, 16, &block), ERR_OK);
    expect_assert_failure(budget_free(&other, block));
    uint8_t not_a_block[128] ALIGNED(16) = {0};
    expect_assert_failure(budget_free(&b, not_a_block + 64));
    budget_free(&b, block);
    budget_deinit(&other);
    budget_deinit(&b);
}

static void budget_free_all_forgets_a_tree_wherever_its_budgets_live(void **state)
{
    (void)state;
    struct budget root;
    budget_init(&root, "node", 1u << 20, NULL);
    for (int life = 0; life < 3; life++) {
        void *out;
        assert_int_equal(budget_alloc(&root, sizeof(struct budget), 16, &out), ERR_OK);
        struct budget *inner = out; /* a budget inside a block, as a node's own are */
        budget_init(inner, "inner", 1u << 20, &root);
        for (size_t i = 1; i < 20; i++) {
            assert_int_equal(budget_alloc(inner, i * 100, i % 2 ? 16 : 4096, &out), ERR_OK);
            asan_poison(out, i * 100);
        }
        assert_int_equal(budget_charge(inner, 77), ERR_OK);
        expect_assert_failure(budget_free_all(inner));
        budget_free_all(&root);
        assert_int_equal(root.used_bytes, 0);
        assert_true(list_is_empty(&root.blocks));
        assert_int_equal(root.allocs_count, (life + 1) * 20);
    }
    budget_deinit(&root);
}

static void budget_deinit_finds_what_was_not_given_back(void **state)
{
    (void)state;
    struct budget root;
    struct budget child;
    budget_init(&root, "root", 1000, NULL);
    budget_init(&child, "child", 1000, &root);
    expect_assert_failure(budget_deinit(&root)); /* a child is below it */
    assert_int_equal(budget_charge(&child, 1), ERR_OK);
    expect_assert_failure(budget_deinit(&child));
    expect_assert_failure(budget_uncharge(&child, 2));
    budget_uncharge(&child, 1);
    budget_deinit(&child);
    budget_deinit(&root);
}

static void budget_alloc_states_its_alignments(void **state)
{
    (void)state;
    struct budget b;
    void *out;
    budget_init(&b, "b", 1u << 20, NULL);
    expect_assert_failure(assert_int_equal(budget_alloc(&b, 0, 1, &out), ERR_OK));
    expect_assert_failure(assert_int_equal(budget_alloc(&b, 1, 0, &out), ERR_OK));
    expect_assert_failure(assert_int_equal(budget_alloc(&b, 1, 48, &out), ERR_OK));
    expect_assert_failure(
        assert_int_equal(budget_alloc(&b, 1, 2 * BUDGET_ALIGN_MAX, &out), ERR_OK));
    budget_deinit(&b);
}

static void budget_poisons_what_stands_beside_a_block(void **state)
{
    (void)state;
    struct budget b;
    void *out;
    budget_init(&b, "b", 1u << 20, NULL);
    assert_int_equal(budget_alloc(&b, 64, 4096, &out), ERR_OK);
    const uint8_t *block = out;
    assert_false(asan_is_poisoned(block));
    assert_false(asan_is_poisoned(block + 63));
#ifdef ASAN_IS_ON
    assert_true(asan_is_poisoned(block + 64));
#endif
    budget_free(&b, out);
    budget_deinit(&b);
}

/* The naive model: each budget's own charge; what is used is summed over the subtree anew. */
struct model_tree {
    struct budget budgets[5];
    size_t own_bytes[5];
};

static const int model_parent[5] = {-1, 0, 0, 1, 1};

static size_t model_used(const struct model_tree *m, int b)
{
    size_t used = m->own_bytes[b];
    for (int child = b + 1; child < 5; child++) {
        used += model_parent[child] == b ? model_used(m, child) : 0;
    }
    return used;
}

static bool model_charge(struct model_tree *m, int b, size_t bytes)
{
    for (int up = b; up >= 0; up = model_parent[up]) {
        if (model_used(m, up) + bytes > m->budgets[up].limit_bytes) {
            return false;
        }
    }
    m->own_bytes[b] += bytes;
    return true;
}

static void model_budget(const uint8_t *data, size_t size)
{
    struct ops ops = {.data = data, .length = size};
    struct model_tree m = {0};
    struct {
        void *ptr;
        int budget;
        size_t bytes;
    } blocks[6] = {0};
    for (int b = 0; b < 5; b++) {
        budget_init(&m.budgets[b], "b", 20000 - 3000 * (size_t)b,
                    b > 0 ? &m.budgets[model_parent[b]] : NULL);
    }
    while (ops_more(&ops)) {
        uint8_t op = ops_u8(&ops);
        int b = (int)ops_below(&ops, 5);
        size_t bytes = ops_below(&ops, 4000) + 1;
        size_t i = op / 4 % ARRAY_COUNT(blocks);
        if (op % 4 == 0) {
            enum err err = budget_charge(&m.budgets[b], bytes);
            ASSERT((err == ERR_OK) == model_charge(&m, b, bytes));
        } else if (op % 4 == 1) {
            size_t block_bytes = 0;
            for (size_t j = 0; j < ARRAY_COUNT(blocks); j++) {
                block_bytes += blocks[j].ptr != NULL && blocks[j].budget == b ? blocks[j].bytes : 0;
            }
            size_t loose_bytes = m.own_bytes[b] - block_bytes;
            bytes = bytes < loose_bytes ? bytes : loose_bytes;
            budget_uncharge(&m.budgets[b], bytes);
            m.own_bytes[b] -= bytes;
        } else if (op % 4 == 2 && blocks[i].ptr == NULL) {
            size_t align = (size_t)1 << (op / 32);
            enum err err = budget_alloc(&m.budgets[b], bytes, align, &blocks[i].ptr);
            blocks[i].budget = b;
            blocks[i].bytes = budget_block_bytes(bytes, align);
            ASSERT((err == ERR_OK) == model_charge(&m, b, blocks[i].bytes));
            ASSERT((err == ERR_OK) == (blocks[i].ptr != NULL));
        } else if (op % 4 == 3) {
            m.own_bytes[blocks[i].budget] -= blocks[i].ptr != NULL ? blocks[i].bytes : 0;
            budget_free(&m.budgets[blocks[i].budget], blocks[i].ptr);
            blocks[i].ptr = NULL;
        }
        for (b = 0; b < 5; b++) {
            ASSERT(m.budgets[b].used_bytes == model_used(&m, b));
            ASSERT(m.budgets[b].peak_bytes >= m.budgets[b].used_bytes);
        }
    }
    budget_free_all(&m.budgets[0]);
    budget_deinit(&m.budgets[0]);
}

static void budget_agrees_with_sums(void **state)
{
    model_run(state, "budget tree against sums", 80, 1000, model_budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget_charge_counts_for_everyone_above_or_for_nobody),
        cmocka_unit_test(budget_left_is_the_least_on_the_way_up),
        cmocka_unit_test(budget_is_within_itself_and_those_above),
        cmocka_unit_test(budget_limit_below_use_refuses_until_enough_came_back),
        cmocka_unit_test(budget_move_touches_nothing_above_both),
        cmocka_unit_test(budget_alloc_gives_aligned_zeroed_memory),
        cmocka_unit_test(budget_block_bytes_is_header_and_what_alignment_skips),
        cmocka_unit_test(budget_alloc_is_refused_by_any_budget_above),
        cmocka_unit_test(budget_alloc_is_refused_by_the_system),
        cmocka_unit_test(budget_free_takes_only_its_own_blocks),
        cmocka_unit_test(budget_free_all_forgets_a_tree_wherever_its_budgets_live),
        cmocka_unit_test(budget_deinit_finds_what_was_not_given_back),
        cmocka_unit_test(budget_alloc_states_its_alignments),
        cmocka_unit_test(budget_poisons_what_stands_beside_a_block),
        MODEL_TEST(budget_agrees_with_sums),
    };
    return cmocka_run_group_tests_name("base_budget", tests, NULL, NULL);
}
