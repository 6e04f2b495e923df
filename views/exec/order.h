/* The order of rows: keys of a batch, and rows sorted by them.
 *
 * An entry stands for a row where rows are compared and moved: eight bytes of its key, and a
 * pointer to what begins with the whole key. Equal keys keep the order they came in. */
#ifndef VIEWS_EXEC_ORDER_H
#define VIEWS_EXEC_ORDER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"
#include "views/plan/plan.h"
#include "views/vec/expr.h"

/* What a row that is ordered begins with. */
struct exec_ranked {
    const uint8_t *key; /* vec_keys_make's bytes */
    uint32_t length;    /* of them */
    uint32_t row;       /* its number, where it still stands in a batch */
};

/* A row to be compared. */
struct exec_entry {
    uint64_t prefix;          /* the key's first bytes: smaller ones come first */
    struct exec_ranked *rank; /* the row */
};

/* By what rows are ordered. */
struct exec_order {
    const struct plan_sort *sort;
    bool is_whole; /* so far, rows of equal prefix have had equal keys */
};

/* Rows of a batch in their order of arrival, with keys. */
struct exec_ranks {
    struct exec_entry *entries; /* count */
    struct exec_ranked *ranked; /* count: what entries point to */
    struct exec_entry *spare;   /* count: for sorting */
    const uint8_t *keys;        /* all keys, one behind the other */
    uint32_t keys_bytes;        /* of them */
    uint32_t count;
};

/* Make an order. */
void exec_order_init(struct exec_order *order, const struct plan_sort *sort);

/* *out = entries of the rows of `batch`, all in ev->scratch. False: ev->failure says why. */
MUST_USE bool exec_order_rank(struct exec_order *order, struct vec_eval *ev,
                              const struct vec_batch *batch, struct exec_ranks *out);

/* Sort the first `count` entries of `ranks` (`count` <= ranks->count). */
void exec_order_sort(const struct exec_order *order, struct exec_ranks *ranks, uint32_t count);

/* <0, 0, >0: keys whose prefixes are equal. */
static inline int exec_ranked_compare(const struct exec_ranked *a, const struct exec_ranked *b)
{
    uint32_t length = a->length < b->length ? a->length : b->length;
    return memcmp(a->key, b->key, length); /* no key begins like a longer one */
}

/* Whether `a` comes after `b`, by key alone. */
static ALWAYS_INLINE bool exec_entry_is_after(const struct exec_order *order,
                                              const struct exec_entry *a,
                                              const struct exec_entry *b)
{
    if (a->prefix != b->prefix) {
        return a->prefix > b->prefix;
    }
    return !order->is_whole && exec_ranked_compare(a->rank, b->rank) > 0;
}

#endif
