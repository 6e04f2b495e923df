/* Operations on a heap against a naive model that scans all items: one interpreter for the fuzzer
 * and the unit test. */
#ifndef TESTS_FUZZ_HEAP_MODEL_H
#define TESTS_FUZZ_HEAP_MODEL_H

#include "base/heap.h"

#include "tests/support/ops.h"

#define HEAP_MODEL_ITEMS    40
#define HEAP_MODEL_CAPACITY 32 /* fewer than items: it gets full */
#define HEAP_MODEL_KEYS     12 /* fewer than items: keys are equal now and then */

/* What waits in the heap, and what the model knows of it. */
struct heap_model_item {
    uint32_t sequence;     /* of its last push or update: the order among equal keys */
    uint64_t key;          /* as given to the heap */
    bool is_in;            /* whether the model has it */
    struct heap_node node; /* the heap's */
};

static inline bool heap_model_is_before(const struct heap_node *a, const struct heap_node *b)
{
    return CONTAINER_OF(a, const struct heap_model_item, node)->sequence <
           CONTAINER_OF(b, const struct heap_model_item, node)->sequence;
}

/* The item that leaves next, by looking at all. */
static inline const struct heap_model_item *heap_model_min(const struct heap_model_item *items)
{
    const struct heap_model_item *min = NULL;
    for (size_t i = 0; i < HEAP_MODEL_ITEMS; i++) {
        const struct heap_model_item *item = &items[i];
        if (item->is_in && (min == NULL || item->key < min->key ||
                            (item->key == min->key && item->sequence < min->sequence))) {
            min = item;
        }
    }
    return min;
}

static inline void heap_model_check(const struct heap *heap, const struct heap_model_item *items)
{
    const struct heap_model_item *min = heap_model_min(items);
    ASSERT(heap_min_key(heap) == (min != NULL ? min->key : UINT64_MAX));
    if (heap->is_before != NULL || min == NULL) {
        ASSERT(heap_min(heap) == (min != NULL ? &min->node : NULL));
    }
    uint32_t count = 0;
    for (size_t i = 0; i < HEAP_MODEL_ITEMS; i++) {
        ASSERT(heap_is_linked(&items[i].node) == items[i].is_in);
        if (items[i].is_in) {
            ASSERT(heap_key(heap, &items[i].node) == items[i].key);
            count++;
        }
    }
    ASSERT(heap->count == count);
    for (uint32_t i = 1; i < heap->count; i++) {
        ASSERT(heap->entries[(i - 1) / 4].key <= heap->entries[i].key);
    }
}

static inline void heap_model_run(const uint8_t *data, size_t size)
{
    struct ops ops = {.data = data, .length = size};
    struct heap_entry entries[HEAP_MODEL_CAPACITY];
    struct heap_model_item items[HEAP_MODEL_ITEMS] = {0};
    struct heap heap;
    bool is_stable = ops_u8(&ops) % 2 == 0;
    heap_init(&heap, entries, HEAP_MODEL_CAPACITY, is_stable ? heap_model_is_before : NULL);
    for (uint32_t sequence = 0; ops_more(&ops); sequence++) {
        uint8_t op = ops_u8(&ops);
        struct heap_model_item *item = &items[ops_u8(&ops) % HEAP_MODEL_ITEMS];
        uint64_t key = op / 8 % HEAP_MODEL_KEYS;
        if (op % 8 < 4 && !item->is_in) {
            bool is_full = heap.count == HEAP_MODEL_CAPACITY;
            item->sequence = sequence;
            item->key = key;
            item->is_in = !is_full;
            ASSERT(heap_push(&heap, &item->node, key) == (is_full ? ERR_FULL : ERR_OK));
        } else if (op % 8 < 5 && item->is_in) {
            heap_remove(&heap, &item->node);
            item->is_in = false;
        } else if (op % 8 < 7 && item->is_in) {
            item->key = key;
            item->sequence = sequence;
            heap_update(&heap, &item->node, key);
        } else if (op % 8 == 7) {
            struct heap_node *node = heap_pop_min(&heap);
            const struct heap_model_item *min = heap_model_min(items);
            ASSERT((node != NULL) == (min != NULL));
            if (node != NULL) {
                item = CONTAINER_OF(node, struct heap_model_item, node);
                ASSERT(item->key == min->key);
                ASSERT(IMPLIES(is_stable, item == min));
                item->is_in = false;
            }
        }
        heap_model_check(&heap, items);
    }
}

#endif
