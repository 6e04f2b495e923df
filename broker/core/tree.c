/* Weight-balanced trees whose versions share nodes. See tree.h.
 *
 * Functions that return a node give the caller a reference on it. Those that build one (node, join)
 * take over the caller's references on its subtrees; `tree` arguments are only looked at. */
#include "broker/core/tree.h"

#include "base/assert.h"

/* The balance, and when a single rotation does: Hirai and Yamamoto's (delta, gamma). */
#define CORE_TREE_DELTA 3u
#define CORE_TREE_GAMMA 2u

/* Spares that are kept when nodes are let go. */
#define CORE_TREE_SPARES_MAX (4u * CORE_TREE_CHANGE_NODES_MAX)

/* An item and what stands on both sides of it. */
struct core_tree_node {
    struct core_tree_node *left;  /* a spare: the next spare */
    struct core_tree_node *right; /* items behind it */
    void *item;                   /* not NULL */
    uint32_t count;               /* items of this subtree */
    uint32_t refs;                /* parents and trees */
};

static struct core_tree_node *core_tree_node(struct core_tree_pool *pool,
                                             struct core_tree_node *left, void *item,
                                             struct core_tree_node *right);
static struct core_tree_node *core_tree_hold(struct core_tree_node *node);
static void core_tree_drop(struct core_tree_pool *pool, struct core_tree_node *node);
static uint32_t core_tree_weight(const struct core_tree_node *node);
static struct core_tree_node *core_tree_join(struct core_tree_pool *pool,
                                             struct core_tree_node *left, void *item,
                                             struct core_tree_node *right);
static struct core_tree_node *core_tree_rotate_left(struct core_tree_pool *pool,
                                                    struct core_tree_node *left, void *item,
                                                    struct core_tree_node *right);
static struct core_tree_node *core_tree_rotate_right(struct core_tree_pool *pool,
                                                     struct core_tree_node *left, void *item,
                                                     struct core_tree_node *right);
static struct core_tree_node *core_tree_put_below(struct core_tree_pool *pool,
                                                  struct core_tree_node *node,
                                                  core_tree_compare *compare, const void *key,
                                                  void *item);
static struct core_tree_node *core_tree_take_below(struct core_tree_pool *pool,
                                                   struct core_tree_node *node,
                                                   core_tree_compare *compare, const void *key);
static struct core_tree_node *core_tree_glue(struct core_tree_pool *pool,
                                             struct core_tree_node *left,
                                             struct core_tree_node *right);
static struct core_tree_node *core_tree_take_first(struct core_tree_pool *pool,
                                                   struct core_tree_node *node, void **item);
static void core_tree_replace(struct core_tree_pool *pool, struct core_tree *tree,
                              struct core_tree_node *root);
static bool core_tree_is_balanced(const struct core_tree_node *a, const struct core_tree_node *b);
static bool core_tree_is_sound_below(const struct core_tree_node *node, uint32_t depth);

void core_tree_pool_init(struct core_tree_pool *pool, struct budget *budget,
                         const struct core_tree_items *items, void *ctx)
{
    *pool = (struct core_tree_pool){.items = items, .ctx = ctx, .budget = budget};
}

void core_tree_pool_deinit(struct core_tree_pool *pool)
{
    ASSERT(pool->nodes_count == 0);
    while (pool->spares != NULL) {
        struct core_tree_node *spare = pool->spares;
        pool->spares = spare->left;
        pool->spares_count--;
        budget_free(pool->budget, spare);
    }
    ASSERT(pool->spares_count == 0);
}

enum err core_tree_reserve(struct core_tree_pool *pool, uint32_t changes)
{
    while (pool->spares_count < changes * CORE_TREE_CHANGE_NODES_MAX) {
        void *memory;
        enum err err = budget_alloc(pool->budget, sizeof(struct core_tree_node),
                                    _Alignof(struct core_tree_node), &memory);
        if (err != ERR_OK) {
            return err;
        }
        struct core_tree_node *spare = memory;
        spare->left = pool->spares;
        pool->spares = spare;
        pool->spares_count++;
    }
    return ERR_OK;
}

struct core_tree core_tree_ref(struct core_tree tree)
{
    return (struct core_tree){core_tree_hold(tree.root)};
}

void core_tree_unref(struct core_tree_pool *pool, struct core_tree *tree)
{
    core_tree_replace(pool, tree, NULL);
}

void core_tree_put(struct core_tree_pool *pool, struct core_tree *tree, core_tree_compare *compare,
                   const void *key, void *item)
{
    ASSERT(item != NULL);
    ASSERT(pool->spares_count >= CORE_TREE_CHANGE_NODES_MAX);
    core_tree_replace(pool, tree, core_tree_put_below(pool, tree->root, compare, key, item));
    ASSERT(core_tree_count(*tree) <= CORE_TREE_ITEMS_MAX);
}

void core_tree_take(struct core_tree_pool *pool, struct core_tree *tree, core_tree_compare *compare,
                    const void *key)
{
    ASSERT(pool->spares_count >= CORE_TREE_CHANGE_NODES_MAX);
    core_tree_replace(pool, tree, core_tree_take_below(pool, tree->root, compare, key));
}

uint32_t core_tree_count(struct core_tree tree)
{
    return core_tree_weight(tree.root) - 1;
}

const void *core_tree_find(struct core_tree tree, core_tree_compare *compare, const void *key)
{
    const struct core_tree_node *node = tree.root;
    while (node != NULL) {
        int order = compare(key, node->item);
        if (order == 0) {
            return node->item;
        }
        node = order < 0 ? node->left : node->right;
    }
    return NULL;
}

void core_tree_walk(struct core_tree_walk *walk, struct core_tree tree, core_tree_compare *compare,
                    const void *key)
{
    walk->depth = 0;
    const struct core_tree_node *node = tree.root;
    while (node != NULL) {
        if (key != NULL && compare(key, node->item) > 0) {
            node = node->right;
            continue;
        }
        ASSERT(walk->depth < CORE_TREE_DEPTH_MAX);
        walk->path[walk->depth++] = node;
        node = node->left;
    }
}

const void *core_tree_next(struct core_tree_walk *walk)
{
    if (walk->depth == 0) {
        return NULL;
    }
    const struct core_tree_node *node = walk->path[--walk->depth];
    const void *item = node->item;
    for (node = node->right; node != NULL; node = node->left) {
        ASSERT(walk->depth < CORE_TREE_DEPTH_MAX);
        walk->path[walk->depth++] = node;
    }
    return item;
}

bool core_tree_is_sound(struct core_tree tree)
{
    return core_tree_is_sound_below(tree.root, 0);
}

/* A node from the spares. */
static struct core_tree_node *core_tree_node(struct core_tree_pool *pool,
                                             struct core_tree_node *left, void *item,
                                             struct core_tree_node *right)
{
    struct core_tree_node *node = pool->spares;
    ASSERT(node != NULL);
    pool->spares = node->left;
    pool->spares_count--;
    pool->nodes_count++;
    *node = (struct core_tree_node){
        .left = left,
        .right = right,
        .item = item,
        .count = core_tree_weight(left) + core_tree_weight(right) - 1,
        .refs = 1,
    };
    if (pool->items != NULL) {
        pool->items->hold(pool->ctx, item);
    }
    return node;
}

static struct core_tree_node *core_tree_hold(struct core_tree_node *node)
{
    if (node != NULL) {
        ASSERT(node->refs > 0);
        node->refs++;
    }
    return node;
}

static void core_tree_drop(struct core_tree_pool *pool, struct core_tree_node *node)
{
    if (node == NULL) {
        return;
    }
    ASSERT(node->refs > 0);
    if (--node->refs > 0) {
        return;
    }
    core_tree_drop(pool, node->left);
    core_tree_drop(pool, node->right);
    if (pool->items != NULL) {
        pool->items->drop(pool->ctx, node->item);
    }
    ASSERT(pool->nodes_count > 0);
    pool->nodes_count--;
    if (pool->spares_count >= CORE_TREE_SPARES_MAX) {
        budget_free(pool->budget, node);
        return;
    }
    node->left = pool->spares;
    pool->spares = node;
    pool->spares_count++;
}

/* Items and one: of an empty subtree, 1. */
static uint32_t core_tree_weight(const struct core_tree_node *node)
{
    return node != NULL ? node->count + 1 : 1;
}

/* A node over subtrees of which one has gained or lost an item. */
static struct core_tree_node *core_tree_join(struct core_tree_pool *pool,
                                             struct core_tree_node *left, void *item,
                                             struct core_tree_node *right)
{
    if (!core_tree_is_balanced(left, right)) {
        return core_tree_rotate_left(pool, left, item, right);
    }
    if (!core_tree_is_balanced(right, left)) {
        return core_tree_rotate_right(pool, left, item, right);
    }
    return core_tree_node(pool, left, item, right);
}

/* `right` is too heavy. Single: its inner subtree goes to the left side; double: that subtree's
 * item becomes the root. */
static struct core_tree_node *core_tree_rotate_left(struct core_tree_pool *pool,
                                                    struct core_tree_node *left, void *item,
                                                    struct core_tree_node *right)
{
    struct core_tree_node *inner = right->left;
    struct core_tree_node *outer = core_tree_hold(right->right);
    struct core_tree_node *root;
    if (core_tree_weight(inner) < CORE_TREE_GAMMA * core_tree_weight(outer)) {
        left = core_tree_node(pool, left, item, core_tree_hold(inner));
        root = core_tree_node(pool, left, right->item, outer);
    } else {
        left = core_tree_node(pool, left, item, core_tree_hold(inner->left));
        outer = core_tree_node(pool, core_tree_hold(inner->right), right->item, outer);
        root = core_tree_node(pool, left, inner->item, outer);
    }
    core_tree_drop(pool, right);
    return root;
}

/* `left` is too heavy: as above, mirrored. */
static struct core_tree_node *core_tree_rotate_right(struct core_tree_pool *pool,
                                                     struct core_tree_node *left, void *item,
                                                     struct core_tree_node *right)
{
    struct core_tree_node *inner = left->right;
    struct core_tree_node *outer = core_tree_hold(left->left);
    struct core_tree_node *root;
    if (core_tree_weight(inner) < CORE_TREE_GAMMA * core_tree_weight(outer)) {
        right = core_tree_node(pool, core_tree_hold(inner), item, right);
        root = core_tree_node(pool, outer, left->item, right);
    } else {
        right = core_tree_node(pool, core_tree_hold(inner->right), item, right);
        outer = core_tree_node(pool, outer, left->item, core_tree_hold(inner->left));
        root = core_tree_node(pool, outer, inner->item, right);
    }
    core_tree_drop(pool, left);
    return root;
}

static struct core_tree_node *core_tree_put_below(struct core_tree_pool *pool,
                                                  struct core_tree_node *node,
                                                  core_tree_compare *compare, const void *key,
                                                  void *item)
{
    if (node == NULL) {
        return core_tree_node(pool, NULL, item, NULL);
    }
    int order = compare(key, node->item);
    if (order == 0) {
        return core_tree_node(pool, core_tree_hold(node->left), item, core_tree_hold(node->right));
    }
    if (order < 0) {
        struct core_tree_node *left = core_tree_put_below(pool, node->left, compare, key, item);
        return core_tree_join(pool, left, node->item, core_tree_hold(node->right));
    }
    struct core_tree_node *right = core_tree_put_below(pool, node->right, compare, key, item);
    return core_tree_join(pool, core_tree_hold(node->left), node->item, right);
}

static struct core_tree_node *core_tree_take_below(struct core_tree_pool *pool,
                                                   struct core_tree_node *node,
                                                   core_tree_compare *compare, const void *key)
{
    ASSERT(node != NULL);
    int order = compare(key, node->item);
    if (order == 0) {
        return core_tree_glue(pool, node->left, node->right);
    }
    if (order < 0) {
        struct core_tree_node *left = core_tree_take_below(pool, node->left, compare, key);
        return core_tree_join(pool, left, node->item, core_tree_hold(node->right));
    }
    struct core_tree_node *right = core_tree_take_below(pool, node->right, compare, key);
    return core_tree_join(pool, core_tree_hold(node->left), node->item, right);
}

/* A tree of two that are balanced with each other; the first item of the right one is its root. */
static struct core_tree_node *core_tree_glue(struct core_tree_pool *pool,
                                             struct core_tree_node *left,
                                             struct core_tree_node *right)
{
    if (left == NULL || right == NULL) {
        return core_tree_hold(left != NULL ? left : right);
    }
    void *item;
    struct core_tree_node *rest = core_tree_take_first(pool, right, &item);
    return core_tree_join(pool, core_tree_hold(left), item, rest);
}

/* `node` without its first item, which is *item. */
static struct core_tree_node *core_tree_take_first(struct core_tree_pool *pool,
                                                   struct core_tree_node *node, void **item)
{
    if (node->left == NULL) {
        *item = node->item;
        return core_tree_hold(node->right);
    }
    struct core_tree_node *left = core_tree_take_first(pool, node->left, item);
    return core_tree_join(pool, left, node->item, core_tree_hold(node->right));
}

static void core_tree_replace(struct core_tree_pool *pool, struct core_tree *tree,
                              struct core_tree_node *root)
{
    struct core_tree_node *before = tree->root;
    tree->root = root;
    core_tree_drop(pool, before);
}

/* Whether `b` is not too heavy beside `a`. */
static bool core_tree_is_balanced(const struct core_tree_node *a, const struct core_tree_node *b)
{
    return CORE_TREE_DELTA * core_tree_weight(a) >= core_tree_weight(b);
}

static bool core_tree_is_sound_below(const struct core_tree_node *node, uint32_t depth)
{
    if (node == NULL) {
        return true;
    }
    return depth < CORE_TREE_DEPTH_MAX && node->refs > 0 &&
           node->count + 1 == core_tree_weight(node->left) + core_tree_weight(node->right) &&
           core_tree_is_balanced(node->left, node->right) &&
           core_tree_is_balanced(node->right, node->left) &&
           core_tree_is_sound_below(node->left, depth + 1) &&
           core_tree_is_sound_below(node->right, depth + 1);
}
