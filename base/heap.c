/* 4-ary heap. See heap.h.
 *
 * Four children per row: half the levels of a binary heap, and the four keys compared on the way
 * down stand in one or two cache lines. A moving entry is carried in a register and written once,
 * at its place ("hole" instead of swaps).
 *
 * Invariants: entries[i] is not after entries[4i+1..4i+4]; entries[i].node->place == i + 1. */
#include "base/heap.h"

#define HEAP_CHILDREN 4u

static void heap_rise(struct heap *heap, uint32_t row, struct heap_entry entry);
static void heap_sink(struct heap *heap, uint32_t row, struct heap_entry entry);
static void heap_settle(struct heap *heap, uint32_t row, struct heap_entry entry);
static bool heap_entry_before(const struct heap *heap, struct heap_entry a, struct heap_entry b);
static void heap_put(struct heap *heap, uint32_t row, struct heap_entry entry);

void heap_init(struct heap *heap, struct heap_entry *entries, uint32_t capacity,
               heap_is_before *is_before)
{
    ASSERT(capacity > 0);
    ASSERT(capacity <= UINT32_MAX / HEAP_CHILDREN - 1); /* a row's children have numbers */
    *heap = (struct heap){.entries = entries, .capacity = capacity, .is_before = is_before};
}

enum err heap_push(struct heap *heap, struct heap_node *node, uint64_t key)
{
    ASSERT(!heap_is_linked(node));
    if (heap->count == heap->capacity) {
        return ERR_FULL;
    }
    uint32_t row = heap->count++;
    heap_rise(heap, row, (struct heap_entry){.key = key, .node = node});
    return ERR_OK;
}

struct heap_node *heap_pop_min(struct heap *heap)
{
    struct heap_node *node = heap_min(heap);
    if (node != NULL) {
        heap_remove(heap, node);
    }
    return node;
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    uint32_t row = node->place - 1;
    ASSERT(row < heap->count);
    ASSERT(heap->entries[row].node == node);
    struct heap_entry last = heap->entries[--heap->count];
    node->place = 0;
    if (last.node != node) {
        heap_settle(heap, row, last);
    }
}

void heap_update(struct heap *heap, struct heap_node *node, uint64_t key)
{
    uint32_t row = node->place - 1;
    ASSERT(row < heap->count);
    ASSERT(heap->entries[row].node == node);
    heap_settle(heap, row, (struct heap_entry){.key = key, .node = node});
}

/* Put `entry` where it belongs, starting from the free `row`: up or down, whichever is wrong. */
static void heap_settle(struct heap *heap, uint32_t row, struct heap_entry entry)
{
    if (row > 0 && heap_entry_before(heap, entry, heap->entries[(row - 1) / HEAP_CHILDREN])) {
        heap_rise(heap, row, entry);
    } else {
        heap_sink(heap, row, entry);
    }
}

static void heap_rise(struct heap *heap, uint32_t row, struct heap_entry entry)
{
    while (row > 0) {
        uint32_t parent = (row - 1) / HEAP_CHILDREN;
        if (!heap_entry_before(heap, entry, heap->entries[parent])) {
            break;
        }
        heap_put(heap, row, heap->entries[parent]);
        row = parent;
    }
    heap_put(heap, row, entry);
}

static void heap_sink(struct heap *heap, uint32_t row, struct heap_entry entry)
{
    for (;;) {
        uint32_t least = row * HEAP_CHILDREN + 1;
        if (least >= heap->count) {
            break;
        }
        uint32_t left = heap->count - least;
        uint32_t end = least + (left < HEAP_CHILDREN ? left : HEAP_CHILDREN);
        for (uint32_t child = least + 1; child < end; child++) {
            least =
                heap_entry_before(heap, heap->entries[child], heap->entries[least]) ? child : least;
        }
        if (!heap_entry_before(heap, heap->entries[least], entry)) {
            break;
        }
        heap_put(heap, row, heap->entries[least]);
        row = least;
    }
    heap_put(heap, row, entry);
}

static bool heap_entry_before(const struct heap *heap, struct heap_entry a, struct heap_entry b)
{
    if (LIKELY(a.key != b.key)) {
        return a.key < b.key;
    }
    return heap->is_before != NULL && heap->is_before(a.node, b.node);
}

static void heap_put(struct heap *heap, uint32_t row, struct heap_entry entry)
{
    heap->entries[row] = entry;
    entry.node->place = row + 1;
}
