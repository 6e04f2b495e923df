/* Operations on a map against a naive model, an array in order of insertion: one interpreter for
 * the fuzzer and the unit test. */
#ifndef TESTS_FUZZ_MAP_MODEL_H
#define TESTS_FUZZ_MAP_MODEL_H

#include "base/map.h"

#include <string.h>

#include "tests/support/ops.h"

#define MAP_MODEL_ITEMS    40
#define MAP_MODEL_CAPACITY 32 /* fewer than items: it gets full */

/* What is in the map. */
struct map_model_item {
    uint8_t name;         /* the byte string, of one byte */
    struct map_node node; /* the map's */
};

/* The map and the model. */
struct map_model {
    struct map map;
    struct map_node *buckets[MAP_MODEL_CAPACITY];
    struct map_model_item items[MAP_MODEL_ITEMS];
    struct map_model_item *order[MAP_MODEL_ITEMS]; /* those in the map, as inserted */
    size_t count;                                  /* of `order` */
};

static inline bool map_model_is_named(const struct map_node *node, const void *wanted)
{
    return CONTAINER_OF(node, const struct map_model_item, node)->name == *(const uint8_t *)wanted;
}

/* Four names share each hash, and hashes are far apart, so that buckets collide as well. */
static inline uint64_t map_model_hash(uint8_t name)
{
    return (uint64_t)(name / 4) << 32;
}

static inline void map_model_check(struct map_model *m)
{
    ASSERT(m->map.count == m->count);
    const struct map_node *node = map_first(&m->map);
    for (size_t i = 0; i < m->count; i++) {
        ASSERT(node == &m->order[i]->node);
        node = map_next(&m->map, node);
    }
    ASSERT(node == NULL);
    for (size_t i = 0; i < MAP_MODEL_ITEMS; i++) {
        struct map_model_item *item = &m->items[i];
        bool is_in = false;
        bool is_hash_in = false;
        for (size_t j = 0; j < m->count; j++) {
            is_in |= m->order[j] == item;
            is_hash_in |= map_model_hash(m->order[j]->name) == map_model_hash(item->name);
        }
        uint64_t hash = map_model_hash(item->name);
        ASSERT(map_is_linked(&item->node) == is_in);
        ASSERT(map_find_equal(&m->map, hash, map_model_is_named, &item->name) ==
               (is_in ? &item->node : NULL));
        struct map_node *found = map_find(&m->map, hash);
        ASSERT((found != NULL) == is_hash_in);
        ASSERT(IMPLIES(found != NULL, found->key == hash));
    }
}

static inline void map_model_run(const uint8_t *data, size_t size)
{
    struct ops ops = {.data = data, .length = size};
    struct map_model m = {0};
    uint32_t capacity = 1u << ops_u8(&ops) % 6; /* 1..32 */
    map_init(&m.map, m.buckets, capacity);
    for (size_t i = 0; i < MAP_MODEL_ITEMS; i++) {
        m.items[i].name = (uint8_t)i;
    }
    while (ops_more(&ops)) {
        struct map_model_item *item = &m.items[ops_u8(&ops) % MAP_MODEL_ITEMS];
        if (!map_is_linked(&item->node)) {
            enum err err = map_insert(&m.map, &item->node, map_model_hash(item->name));
            ASSERT(err == (m.count == capacity ? ERR_FULL : ERR_OK));
            if (err == ERR_OK) {
                m.order[m.count++] = item;
            }
        } else {
            map_remove(&m.map, &item->node);
            size_t at = 0;
            while (m.order[at] != item) {
                at++;
            }
            m.count--;
            memmove(&m.order[at], &m.order[at + 1], (m.count - at) * sizeof(m.order[0]));
        }
        map_model_check(&m);
    }
}

#endif
