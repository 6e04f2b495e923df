/* An ordered set of pointers whose versions share their nodes: how catalogs (catalog.h) find
 * topics.
 *
 * A weight-balanced binary tree. Putting or taking an item copies the nodes on its path, O(log n)
 * of them, and leaves the old tree as it was; both are valid until they are let go. Nodes count
 * their parents (and trees), so a node goes with the last tree that has it.
 *
 * Balance: no subtree's weight (items + 1) is more than three times its sibling's. Hirai and
 * Yamamoto, "Balancing weight-balanced trees", 2011, prove that with these numbers (3, 2) single
 * and double rotations keep it. So a tree of n items is at most log(n) / log(4/3) deep.
 *
 * Nodes come from the pool's spares; core_tree_reserve fills them before a change, so that the
 * change itself does not fail. Changing and freeing belong to one thread; finding and walking to
 * anybody who was handed the tree. */
#ifndef BROKER_CORE_TREE_H
#define BROKER_CORE_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/err.h"

/* More than the levels of any tree of 2^17 items: log(2^17) / log(4/3) = 41. */
#define CORE_TREE_DEPTH_MAX 48u

/* The most items of a tree: what the depth above allows. */
#define CORE_TREE_ITEMS_MAX (1u << 17)

/* Nodes that one change may take: a copy of each on the path, and two for a double rotation at
 * each level. */
#define CORE_TREE_CHANGE_NODES_MAX (CORE_TREE_DEPTH_MAX * 3u)

/* A node (tree.c). */
struct core_tree_node;

/* A version of a set: a reference on its root. */
struct core_tree {
    struct core_tree_node *root; /* NULL: empty */
};

/* What the trees of a pool hold: each node has a reference on its item. */
struct core_tree_items {
    void (*hold)(void *ctx, void *item); /* one reference more */
    void (*drop)(void *ctx, void *item); /* one less */
};

/* Where nodes come from. */
struct core_tree_pool {
    const struct core_tree_items *items; /* their references; NULL: items are not counted */
    void *ctx;                           /* first argument of both */
    struct budget *budget;               /* charged for every node */
    struct core_tree_node *spares;       /* free nodes, linked */
    uint32_t spares_count;               /* so many */
    uint32_t nodes_count;                /* nodes in trees */
};

/* Order of a wanted key and an item: < 0, 0, > 0 as the key stands before, at or behind it. */
typedef int core_tree_compare(const void *key, const void *item);

/* A walk from one item to the next. */
struct core_tree_walk {
    const struct core_tree_node *path[CORE_TREE_DEPTH_MAX]; /* nodes whose items come, last first */
    uint32_t depth;                                         /* of `path` */
};

/* Make `pool` an empty one; `budget` and `items` (may be NULL) stay until the deinit. End it: its
 * spares are freed. Asserted: no node is in a tree. */
void core_tree_pool_init(struct core_tree_pool *pool, struct budget *budget,
                         const struct core_tree_items *items, void *ctx);
void core_tree_pool_deinit(struct core_tree_pool *pool);

/* See that `changes` changes will find their nodes. ERR_BUDGET. */
MUST_USE enum err core_tree_reserve(struct core_tree_pool *pool, uint32_t changes);

/* One reference more on `tree`: a second version alike. */
struct core_tree core_tree_ref(struct core_tree tree);

/* Let `tree` go, which is empty then; nodes that only it had become spares, of which few are
 * kept. */
void core_tree_unref(struct core_tree_pool *pool, struct core_tree *tree);

/* Change `tree` into the version with `item` in the place of the one that `key` compares equal to,
 * or added if there is none. The version before is let go. Reserved before (asserted). */
void core_tree_put(struct core_tree_pool *pool, struct core_tree *tree, core_tree_compare *compare,
                   const void *key, void *item);

/* Change `tree` into the version without the item that `key` compares equal to (asserted: it is
 * there). The version before is let go. Reserved before (asserted). */
void core_tree_take(struct core_tree_pool *pool, struct core_tree *tree, core_tree_compare *compare,
                    const void *key);

/* The items in `tree`. */
uint32_t core_tree_count(struct core_tree tree);

/* The item that `key` compares equal to, or NULL. O(log n). */
const void *core_tree_find(struct core_tree tree, core_tree_compare *compare, const void *key);

/* Begin at the first item that `key` does not stand behind (NULL: at the first of all); the next
 * item, or NULL behind the last. */
void core_tree_walk(struct core_tree_walk *walk, struct core_tree tree, core_tree_compare *compare,
                    const void *key);
const void *core_tree_next(struct core_tree_walk *walk);

/* Whether `tree` is balanced and its counts are right; for tests. O(n). */
bool core_tree_is_sound(struct core_tree tree);

#endif
