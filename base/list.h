/* Intrusive doubly linked list: the node lives in the object, nothing is allocated.
 *
 * The list is a ring through its head, so no operation has a branch for the ends. A node whose
 * pointers are NULL is in no list; memory from base/budget and base/pool is zeroed, hence starts
 * unlinked. A struct list is not copied or moved once initialised: its nodes point back at it
 * (list_append_all moves the nodes instead). Links are named after their list:
 *
 *     struct list_node in_flushed; // log.flushed
 *     list_push_back(&log->flushed, &op->in_flushed);
 *     list_for_each(node, &log->flushed) {
 *         struct log_append *op = CONTAINER_OF(node, struct log_append, in_flushed);
 *     }
 *
 * All O(1) but list_count. The caller keeps an object alive while it is linked. One thread at a
 * time. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"

/* A link, embedded in the object that is listed. */
struct list_node {
    struct list_node *prev; /* neighbour towards the front, or the head; NULL: in no list */
    struct list_node *next; /* neighbour towards the back, or the head; NULL: in no list */
};

/* A list, embedded in its owner. */
struct list {
    struct list_node head; /* next is the first node, prev the last; both the head when empty */
};

/* Each node of `list` (struct list *) from first to last as `node`. The body must not unlink it. */
#define list_for_each(node, list)                                                                  \
    for (struct list_node *node = (list)->head.next; node != &(list)->head; node = node->next)

/* The same; the body may unlink `node` and free its object, but not `following`, the one after. */
#define list_for_each_safe(node, following, list)                                                  \
    for (struct list_node *node = (list)->head.next, *following = node->next;                      \
         node != &(list)->head; node = following, following = node->next)

/* Make `list` empty. Nodes that were in it are not touched. */
static inline void list_init(struct list *list)
{
    list->head.prev = &list->head;
    list->head.next = &list->head;
}

/* Make `node` unlinked, whatever it held. */
static inline void list_node_init(struct list_node *node)
{
    node->prev = NULL;
    node->next = NULL;
}

/* Whether `list` has no node. */
static inline bool list_is_empty(const struct list *list)
{
    VERIFY(list->head.next != NULL); /* initialised */
    return list->head.next == &list->head;
}

/* Whether `node` is in a list, whichever. */
static inline bool list_is_linked(const struct list_node *node)
{
    VERIFY((node->prev == NULL) == (node->next == NULL));
    return node->next != NULL;
}

/* Link `node` (asserted: unlinked) in front of `pos`, a linked node; before a list's head means at
 * its back. */
static inline void list_insert_before(struct list_node *pos, struct list_node *node)
{
    ASSERT(!list_is_linked(node));
    ASSERT(list_is_linked(pos));
    node->prev = pos->prev;
    node->next = pos;
    pos->prev->next = node;
    pos->prev = node;
}

/* Link `node` (asserted: unlinked) as the last of `list`. */
static inline void list_push_back(struct list *list, struct list_node *node)
{
    list_insert_before(&list->head, node);
}

/* Link `node` (asserted: unlinked) as the first of `list`. */
static inline void list_push_front(struct list *list, struct list_node *node)
{
    list_insert_before(list->head.next, node);
}

/* Take `node` (asserted: linked) out of the list it is in; it is unlinked afterwards. */
static inline void list_remove(struct list_node *node)
{
    ASSERT(list_is_linked(node));
    VERIFY(node->prev->next == node);
    VERIFY(node->next->prev == node);
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_node_init(node);
}

/* The first node, or NULL when `list` is empty. It stays linked. */
static inline struct list_node *list_first(const struct list *list)
{
    return list_is_empty(list) ? NULL : list->head.next;
}

/* The last node, or NULL when `list` is empty. It stays linked. */
static inline struct list_node *list_last(const struct list *list)
{
    return list_is_empty(list) ? NULL : list->head.prev;
}

/* The node after `node`, which is in `list`; NULL after the last. */
static inline struct list_node *list_next(const struct list *list, const struct list_node *node)
{
    ASSERT(list_is_linked(node));
    return node->next == &list->head ? NULL : node->next;
}

/* Unlink the first node and return it; NULL when `list` is empty. */
static inline struct list_node *list_pop_front(struct list *list)
{
    struct list_node *node = list_first(list);
    if (node != NULL) {
        list_remove(node);
    }
    return node;
}

/* Move every node of `src` behind the last of `dst` (another list), in order; `src` is empty
 * afterwards. */
static inline void list_append_all(struct list *dst, struct list *src)
{
    ASSERT(dst != src);
    if (list_is_empty(src)) {
        return;
    }
    struct list_node *first = src->head.next;
    struct list_node *last = src->head.prev;
    first->prev = dst->head.prev;
    dst->head.prev->next = first;
    last->next = &dst->head;
    dst->head.prev = last;
    list_init(src);
}

/* The number of nodes, by walking them all: for tests and VERIFY. */
static inline size_t list_count(const struct list *list)
{
    size_t count = 0;
    list_for_each (node, list) {
        ASSERT(node->next->prev == node);
        count++;
    }
    return count;
}

#endif
