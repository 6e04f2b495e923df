/* JSON as a tree of nodes, for tests that compare definitions with tables. Small on purpose: a text
 * must be valid (json_strict.h says whether it is), escapes in strings stay as they are. */
#ifndef TESTS_SUPPORT_JSON_TREE_H
#define TESTS_SUPPORT_JSON_TREE_H

#include <stdbool.h>
#include <stddef.h>

/* A value. */
struct json_node {
    const char *key;         /* of a member: its name, without quotes; NULL: an item, or the root */
    size_t key_length;       /* bytes */
    const char *text;        /* the value's first byte; of a string behind the quote */
    size_t length;           /* bytes of a string, number or literal; 0 of others */
    struct json_node *first; /* the first member or item */
    struct json_node *next;  /* the next of the same parent */
    char kind;               /* '{', '[', '"', or '0' for numbers and literals */
};

/* Blank the lines of `text` that are a // comment, as Kafka's message definitions have them. */
void json_tree_strip(char *text, size_t length);

/* The tree of `text`, which is one valid value and outlives it. The caller frees it with
 * json_tree_free. */
struct json_node *json_tree_parse(const char *text, size_t length);

/* Free `node` and what is below it. NULL is allowed. */
void json_tree_free(struct json_node *node);

/* The member `key` of `object`, or NULL. */
const struct json_node *json_tree_get(const struct json_node *object, const char *key);

/* How many members or items `node` has. */
size_t json_tree_count(const struct json_node *node);

/* Whether `node` is there and its text, be it a string, number or literal, is `text`. */
bool json_tree_is(const struct json_node *node, const char *text);

#endif
