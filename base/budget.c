/* Budgets and their blocks. See budget.h.
 *
 *     memory (malloc)   block            ptr, aligned
 *     | skipped, < align | header, 48 B  | bytes ...  | rest, < align |
 *
 * The header stands right before the block, so the skipped bytes are the only price of a large
 * alignment. posix_memalign would leave a hole of the same size, and then the header would need a
 * page of its own.
 *
 * Invariants: used_bytes of a budget >= the sum over its children; a block is linked in its root
 * from budget_alloc to budget_free; charged_bytes of all blocks of a budget <= its used_bytes. */
#include "base/budget.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/assert.h"
#include "base/bytes.h"

/* Alignment that malloc gives by itself. */
#define BUDGET_ALIGN_MALLOC 16

/* Marks a live header: a pointer that budget_alloc never gave does not carry it. */
#define BUDGET_CHECK 0xb10cb10cu

/* The header of a block. */
struct budget_block {
    struct list_node in_root; /* budget.blocks of the root */
    struct budget *budget;    /* who is charged */
    size_t charged_bytes;     /* what it is charged: the whole of what malloc was asked for */
    size_t bytes;             /* what the caller asked for */
    uint32_t skipped_bytes;   /* between malloc's pointer and this header */
    uint32_t check;           /* BUDGET_CHECK while the block lives */
};

static_assert(sizeof(struct budget_block) == BUDGET_HEADER_BYTES, "stated in the contract");
static_assert(BUDGET_HEADER_BYTES % BUDGET_ALIGN_MALLOC == 0, "header and block both aligned");
static_assert(_Alignof(max_align_t) <= BUDGET_ALIGN_MALLOC, "malloc's alignment");

static enum err budget_charge_below(struct budget *b, const struct budget *top, size_t bytes);
static void budget_uncharge_below(struct budget *b, const struct budget *top, size_t bytes);
static struct budget *budget_common(struct budget *a, struct budget *b);
static struct budget *budget_root(struct budget *b);
static size_t budget_left_here(const struct budget *b);
static void *budget_block_place(struct budget *b, uint8_t *memory, size_t bytes, size_t align);
static void budget_block_release(struct budget_block *block);

void budget_init(struct budget *b, const char *name, size_t limit_bytes, struct budget *parent)
{
    ASSERT(name != NULL);
    ASSERT(parent != b);
    *b = (struct budget){.name = name, .limit_bytes = limit_bytes, .parent = parent};
    list_init(&b->blocks);
    if (parent != NULL) {
        parent->children_count++;
    }
}

void budget_deinit(struct budget *b)
{
    ASSERT(b->used_bytes == 0);
    ASSERT(b->children_count == 0);
    ASSERT(list_is_empty(&b->blocks));
    if (b->parent != NULL) {
        ASSERT(b->parent->children_count > 0);
        b->parent->children_count--;
    }
    b->parent = NULL;
}

enum err budget_charge(struct budget *b, size_t bytes)
{
    return budget_charge_below(b, NULL, bytes);
}

void budget_uncharge(struct budget *b, size_t bytes)
{
    budget_uncharge_below(b, NULL, bytes);
}

enum err budget_move(struct budget *from, struct budget *to, size_t bytes)
{
    ASSERT(from->used_bytes >= bytes);
    const struct budget *common = budget_common(from, to);
    ASSERT(common != NULL);
    enum err err = budget_charge_below(to, common, bytes);
    if (err == ERR_OK) {
        budget_uncharge_below(from, common, bytes);
    }
    return err;
}

size_t budget_left(const struct budget *b)
{
    size_t left = budget_left_here(b);
    for (b = b->parent; b != NULL; b = b->parent) {
        size_t above = budget_left_here(b);
        left = above < left ? above : left;
    }
    return left;
}

bool budget_is_within(const struct budget *b, const struct budget *top)
{
    while (b != NULL && b != top) {
        b = b->parent;
    }
    return b != NULL;
}

void budget_set_limit(struct budget *b, size_t limit_bytes)
{
    b->limit_bytes = limit_bytes;
}

size_t budget_block_bytes(size_t bytes, size_t align)
{
    size_t skipped_max = align > BUDGET_ALIGN_MALLOC ? align - BUDGET_ALIGN_MALLOC : 0;
    size_t total;
    return bytes_size_add(bytes, BUDGET_HEADER_BYTES + skipped_max, &total) ? total : SIZE_MAX;
}

enum err budget_alloc(struct budget *b, size_t bytes, size_t align, void **out)
{
    ASSERT(bytes > 0);
    ASSERT(align > 0);
    ASSERT((align & (align - 1)) == 0);
    ASSERT(align <= BUDGET_ALIGN_MAX);
    *out = NULL;
    size_t total_bytes = budget_block_bytes(bytes, align);
    if (budget_charge(b, total_bytes) != ERR_OK) {
        return ERR_BUDGET;
    }
    uint8_t *memory = calloc(1, total_bytes);
    if (memory == NULL) {
        budget_uncharge(b, total_bytes);
        return ERR_BUDGET;
    }
    *out = budget_block_place(b, memory, bytes, align);
    for (; b != NULL; b = b->parent) {
        b->allocs_count++;
    }
    return ERR_OK;
}

void budget_wish_huge(void *ptr)
{
    const struct budget_block *block = (struct budget_block *)ptr - 1;
    ASSERT(block->check == BUDGET_CHECK);
    /* Whole pages, to which a neighbour's bytes may belong: it only gets faster, too. */
    uintptr_t mask = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
    uintptr_t begin = ((uintptr_t)block - block->skipped_bytes) & ~mask;
    uintptr_t end = ((uintptr_t)ptr + block->bytes + mask) & ~mask;
    (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}

void budget_free(struct budget *b, void *ptr)
{
    if (ptr == NULL) {
        return;
    }
    struct budget_block *block = (struct budget_block *)ptr - 1;
    ASSERT(block->check == BUDGET_CHECK);
    ASSERT(block->budget == b);
    list_remove(&block->in_root);
    budget_uncharge(b, block->charged_bytes);
    budget_block_release(block);
}

void budget_free_all(struct budget *root)
{
    ASSERT(root->parent == NULL);
    struct list_node *node;
    while ((node = list_pop_front(&root->blocks)) != NULL) {
        struct budget_block *block = CONTAINER_OF(node, struct budget_block, in_root);
        ASSERT(block->check == BUDGET_CHECK);
        budget_block_release(block);
    }
    root->used_bytes = 0;
    root->children_count = 0;
}

/* Charge `b` and those above it up to, but not including, `top` (NULL: to the root). */
static enum err budget_charge_below(struct budget *b, const struct budget *top, size_t bytes)
{
    for (const struct budget *up = b; up != top; up = up->parent) {
        if (bytes > budget_left_here(up)) {
            return ERR_BUDGET;
        }
    }
    for (; b != top; b = b->parent) {
        b->used_bytes += bytes;
        b->peak_bytes = b->used_bytes > b->peak_bytes ? b->used_bytes : b->peak_bytes;
    }
    return ERR_OK;
}

static void budget_uncharge_below(struct budget *b, const struct budget *top, size_t bytes)
{
    for (; b != top; b = b->parent) {
        ASSERT(b->used_bytes >= bytes);
        b->used_bytes -= bytes;
    }
}

/* The lowest budget that stands above, or is, both; NULL for two trees. Trees are a few levels
 * deep. */
static struct budget *budget_common(struct budget *a, struct budget *b)
{
    for (; a != NULL; a = a->parent) {
        for (struct budget *up = b; up != NULL; up = up->parent) {
            if (up == a) {
                return a;
            }
        }
    }
    return NULL;
}

static struct budget *budget_root(struct budget *b)
{
    while (b->parent != NULL) {
        b = b->parent;
    }
    return b;
}

static size_t budget_left_here(const struct budget *b)
{
    return b->limit_bytes > b->used_bytes ? b->limit_bytes - b->used_bytes : 0;
}

/* Put header and block into the zeroed `memory`; see the drawing above. */
static void *budget_block_place(struct budget *b, uint8_t *memory, size_t bytes, size_t align)
{
    align = align > BUDGET_ALIGN_MALLOC ? align : BUDGET_ALIGN_MALLOC;
    size_t misaligned = ((uintptr_t)memory + BUDGET_HEADER_BYTES) & (align - 1);
    size_t skipped_bytes = misaligned > 0 ? align - misaligned : 0;
    struct budget_block *block = (struct budget_block *)(void *)(memory + skipped_bytes);
    *block = (struct budget_block){.budget = b,
                                   .charged_bytes = budget_block_bytes(bytes, align),
                                   .bytes = bytes,
                                   .skipped_bytes = (uint32_t)skipped_bytes,
                                   .check = BUDGET_CHECK};
    list_push_back(&budget_root(b)->blocks, &block->in_root);
    uint8_t *ptr = (uint8_t *)(block + 1);
    size_t rest_bytes = block->charged_bytes - skipped_bytes - BUDGET_HEADER_BYTES - bytes;
    asan_poison(memory, skipped_bytes);
    asan_poison(ptr + bytes, rest_bytes);
    return ptr;
}

/* Give an unlinked block back to the system. Its owner may have poisoned parts of it. */
static void budget_block_release(struct budget_block *block)
{
    ASSERT(!list_is_linked(&block->in_root));
    uint8_t *memory = (uint8_t *)block - block->skipped_bytes;
    asan_unpoison(memory, block->charged_bytes);
    *(volatile uint32_t *)&block->check = 0; /* volatile, or the compiler drops it before free */
    free(memory);
}
