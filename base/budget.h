/* Who may hold how many bytes, and the one place memory comes from.
 *
 * Budgets form a tree: a shard's root above, below it the hot tail, caches, queries, connections.
 * A charge counts for its budget and all above it, or for nobody: past any limit on the way up it
 * is refused with ERR_BUDGET, and the owner of the work refuses, spills or waits. So memory ends in
 * an error that is handled, never in the kernel's OOM killer.
 *
 *     shard 512 MiB -+- hot tail 256 MiB
 *                    +- queries 128 MiB --- query 16 MiB
 *
 * A budget may be charged for bytes it accounts by itself (budget_charge), or give out blocks
 * (budget_alloc), whose hidden header is charged too and which are all known to the root: a
 * simulated crash forgets a node's memory by budget_free_all, and a shard ends by it.
 *
 * A tree belongs to one thread; shards lend each other memory by moving limits (budget_set_limit)
 * through their mailboxes. Budgets are embedded in their owners and stay where they are while they
 * have children or blocks. Nothing here blocks. */
#ifndef BASE_BUDGET_H
#define BASE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

/* What every block costs beyond its own bytes (asserted in budget.c). */
#define BUDGET_HEADER_BYTES 48

/* The largest alignment of a block: a huge page would be wasted on anything we have. */
#define BUDGET_ALIGN_MAX 65536

/* One owner's share. Read the counters freely; only budget.c writes them. */
struct budget {
    const char *name;        /* for metrics and errors, static storage: "queries" */
    size_t limit_bytes;      /* the most that used_bytes grows to */
    size_t used_bytes;       /* charged now, here and below; above the limit only when that fell */
    size_t peak_bytes;       /* the most used_bytes has been */
    struct budget *parent;   /* charged along; NULL: a root */
    struct list blocks;      /* root: every block of the tree, budget_block.in_root; else empty */
    uint64_t allocs_count;   /* blocks ever given out, here and below: a hot path adds none */
    uint32_t children_count; /* budgets whose parent this is */
};

/* Make `b` an unused budget of `limit_bytes` under `parent` (NULL: a root). `name` is kept, not
 * copied. A limit above the parent's is allowed: the parent still refuses. */
void budget_init(struct budget *b, const char *name, size_t limit_bytes, struct budget *parent);

/* End `b`. Asserted: nothing is charged to it and no budget is below it. */
void budget_deinit(struct budget *b);

/* Charge `bytes` to `b` and everyone above it. ERR_BUDGET, and nobody charged, when one of them
 * has less left. */
MUST_USE enum err budget_charge(struct budget *b, size_t bytes);

/* Give back `bytes` charged to `b` before (asserted: not more than it uses). */
void budget_uncharge(struct budget *b, size_t bytes);

/* Let `to` answer for `bytes` that `from` is charged with (asserted), both under one root. What
 * stands above both is not touched, so moving a charge up to an ancestor never fails; otherwise
 * ERR_BUDGET, and nothing moved, when `to` or one above it has less left. */
MUST_USE enum err budget_move(struct budget *from, struct budget *to, size_t bytes);

/* The bytes that can be charged to `b` now: the least that it or anyone above it has left. */
size_t budget_left(const struct budget *b);

/* Whether `b` is `top` or stands below it. */
bool budget_is_within(const struct budget *b, const struct budget *top);

/* Change the limit of `b`, up or down. Below used_bytes nothing is taken away: every charge is
 * refused until enough has been given back. */
void budget_set_limit(struct budget *b, size_t limit_bytes);

/* What budget_alloc charges for a block of `bytes` aligned to `align`: the bytes, the header and
 * what alignment may skip (align - 16 above 16; an allocator of the system would skip as much).
 * Cut many small aligned objects from one block. SIZE_MAX where no size_t holds it. */
size_t budget_block_bytes(size_t bytes, size_t align);

/* *out = a zeroed block of `bytes` (> 0) whose address is a multiple of `align` (a power of two,
 * <= BUDGET_ALIGN_MAX), charged to `b` with budget_block_bytes. It lives until budget_free or
 * budget_free_all. ERR_BUDGET, and *out = NULL, when a budget or the system refuses. */
MUST_USE enum err budget_alloc(struct budget *b, size_t bytes, size_t align, void **out);

/* Ask the system to lay huge pages under the block at `ptr`, where it has them: for blocks of some
 * megabytes, not written yet, that are read at random. A wish, that changes nothing else. */
void budget_wish_huge(void *ptr);

/* Return the block at `ptr`, got from budget_alloc(b, ...) (asserted), and its charge. NULL is
 * allowed and nothing. */
void budget_free(struct budget *b, void *ptr);

/* Return every block of the tree under `root` (asserted: a root) and forget all charges: `root` is
 * unused again, its peak and allocs_count stay, and every budget below it ceases to exist as if
 * deinited, wherever it lived. Pointers into the blocks are dead; nobody's deinit is called. */
void budget_free_all(struct budget *root);

#endif
