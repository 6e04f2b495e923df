/* Shared pages and copy-on-write page maps. See sim_store.h.
 *
 * A map is an array of leaves. Both pages and leaves are counted; a leaf that several maps share is
 * copied when one of them changes it. The zero page stands for reserved blocks and for blocks that
 * were written with zeros, as a new journal file's are: it has no count. */
#include "tests/sim/sim_store.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/asan.h"
#include "base/assert.h"

static struct sim_leaf *sim_map_own_leaf(struct sim_map *map, uint64_t index);
static void sim_map_grow(struct sim_map *map, uint64_t leaves_count);
static void sim_leaf_unref(struct sim_store *store, struct sim_leaf *leaf);

struct sim_store *sim_store_new(void)
{
    struct sim_store *store = calloc(1, sizeof(*store));
    ASSERT(store != NULL);
    budget_init(&store->budget, "sim store", SIZE_MAX, NULL);
    store->refs_count = 1;
    return store;
}

void sim_store_ref(struct sim_store *store)
{
    ASSERT(store->refs_count > 0);
    store->refs_count++;
}

void sim_store_unref(struct sim_store *store)
{
    ASSERT(store->refs_count > 0);
    store->refs_count--;
    if (store->refs_count > 0) {
        return;
    }
    while (store->free != NULL) {
        struct sim_page *page = store->free;
        store->free = page->next_free;
        asan_unpoison(page->data, sizeof(page->data));
        sim_store_free(store, page);
    }
    budget_deinit(&store->budget);
    free(store);
}

void *sim_store_alloc(struct sim_store *store, size_t bytes)
{
    void *out = NULL;
    enum err err = budget_alloc(&store->budget, bytes, 16, &out);
    ASSERT(err == ERR_OK);
    return out;
}

void sim_store_free(struct sim_store *store, void *ptr)
{
    budget_free(&store->budget, ptr);
}

struct sim_page *sim_page_new(struct sim_store *store)
{
    struct sim_page *page = store->free;
    if (page != NULL) {
        store->free = page->next_free;
        asan_unpoison(page->data, sizeof(page->data));
    } else {
        page = sim_store_alloc(store, sizeof(*page));
    }
    page->refs_count = 1;
    page->bad = 0;
    page->next_free = NULL;
    return page;
}

struct sim_page *sim_page_copy(struct sim_store *store, const struct sim_page *page)
{
    struct sim_page *copy = sim_page_new(store);
    if (page != NULL) {
        copy->bad = page->bad;
        memcpy(copy->data, page->data, sizeof(copy->data));
    } else {
        memset(copy->data, 0, sizeof(copy->data));
    }
    return copy;
}

struct sim_page *sim_page_ref(struct sim_store *store, struct sim_page *page)
{
    if (page != NULL && page != &store->zero) {
        ASSERT(page->refs_count > 0);
        page->refs_count++;
    }
    return page;
}

void sim_page_unref(struct sim_store *store, struct sim_page *page)
{
    if (page == NULL || page == &store->zero) {
        return;
    }
    ASSERT(page->refs_count > 0);
    page->refs_count--;
    if (page->refs_count == 0) {
        page->next_free = store->free;
        store->free = page;
        asan_poison(page->data, sizeof(page->data));
    }
}

void sim_map_init(struct sim_map *map, struct sim_store *store)
{
    *map = (struct sim_map){.store = store};
}

void sim_map_clear(struct sim_map *map)
{
    for (uint32_t i = 0; i < map->leaves_count; i++) {
        sim_leaf_unref(map->store, map->leaves[i]);
    }
    sim_store_free(map->store, map->leaves);
    sim_map_init(map, map->store);
}

void sim_map_share(struct sim_map *map, const struct sim_map *other)
{
    ASSERT(map->leaves == NULL);
    ASSERT(map->store == other->store);
    if (other->leaves_count == 0) {
        return;
    }
    sim_map_grow(map, other->leaves_count);
    for (uint32_t i = 0; i < other->leaves_count; i++) {
        map->leaves[i] = other->leaves[i];
        if (map->leaves[i] != NULL) {
            map->leaves[i]->refs_count++;
        }
    }
    map->pages_count = other->pages_count;
}

struct sim_page *sim_map_get(const struct sim_map *map, uint64_t index)
{
    uint64_t at = index / SIM_LEAF_PAGES;
    if (at >= map->leaves_count || map->leaves[at] == NULL) {
        return NULL;
    }
    return map->leaves[at]->pages[index % SIM_LEAF_PAGES];
}

void sim_map_set(struct sim_map *map, uint64_t index, struct sim_page *page)
{
    if (page == NULL && sim_map_get(map, index) == NULL) {
        return;
    }
    struct sim_leaf *leaf = sim_map_own_leaf(map, index);
    struct sim_page **slot = &leaf->pages[index % SIM_LEAF_PAGES];
    if (*slot != NULL) {
        leaf->pages_count--;
        map->pages_count--;
        sim_page_unref(map->store, *slot);
    }
    *slot = page;
    if (page != NULL) {
        leaf->pages_count++;
        map->pages_count++;
    }
}

uint64_t sim_map_next(const struct sim_map *map, uint64_t index)
{
    uint64_t at = index / SIM_LEAF_PAGES;
    uint64_t slot = index % SIM_LEAF_PAGES;
    for (; at < map->leaves_count; at++, slot = 0) {
        const struct sim_leaf *leaf = map->leaves[at];
        for (; leaf != NULL && leaf->pages_count > 0 && slot < SIM_LEAF_PAGES; slot++) {
            if (leaf->pages[slot] != NULL) {
                return at * SIM_LEAF_PAGES + slot;
            }
        }
    }
    return UINT64_MAX;
}

/* The leaf of page `index`, which no other map points to. */
static struct sim_leaf *sim_map_own_leaf(struct sim_map *map, uint64_t index)
{
    uint64_t at = index / SIM_LEAF_PAGES;
    if (at >= map->leaves_count) {
        sim_map_grow(map, at + 1);
    }
    struct sim_leaf *leaf = map->leaves[at];
    if (leaf != NULL && leaf->refs_count == 1) {
        return leaf;
    }
    struct sim_leaf *own = sim_store_alloc(map->store, sizeof(*own));
    own->refs_count = 1;
    if (leaf != NULL) {
        own->pages_count = leaf->pages_count;
        for (uint32_t i = 0; i < SIM_LEAF_PAGES; i++) {
            own->pages[i] = sim_page_ref(map->store, leaf->pages[i]);
        }
        leaf->refs_count--;
    }
    map->leaves[at] = own;
    return own;
}

static void sim_map_grow(struct sim_map *map, uint64_t leaves_count)
{
    ASSERT(leaves_count <= UINT32_MAX / 2);
    uint32_t count = map->leaves_count > 0 ? map->leaves_count : 1;
    while (count < leaves_count) {
        count *= 2;
    }
    struct sim_leaf **leaves = sim_store_alloc(map->store, count * sizeof(leaves[0]));
    if (map->leaves != NULL) {
        memcpy(leaves, map->leaves, map->leaves_count * sizeof(leaves[0]));
        sim_store_free(map->store, map->leaves);
    }
    map->leaves = leaves;
    map->leaves_count = count;
}

static void sim_leaf_unref(struct sim_store *store, struct sim_leaf *leaf)
{
    if (leaf == NULL) {
        return;
    }
    ASSERT(leaf->refs_count > 0);
    leaf->refs_count--;
    if (leaf->refs_count == 0) {
        for (uint32_t i = 0; i < SIM_LEAF_PAGES; i++) {
            sim_page_unref(store, leaf->pages[i]);
        }
        sim_store_free(store, leaf);
    }
}
