/* A tree of a valid JSON text, by recursive descent. See json_tree.h. */
#include "tests/support/json_tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

struct json_tree {
    const char *at;  /* next byte */
    const char *end; /* one past the last */
};

static struct json_node *json_tree_value(struct json_tree *t);

void json_tree_strip(char *text, size_t length)
{
    for (size_t pos = 0; pos < length;) {
        char *newline = memchr(text + pos, '\n', length - pos);
        size_t line_length = newline != NULL ? (size_t)(newline - text) - pos : length - pos;
        size_t indent = 0;
        while (indent < line_length && text[pos + indent] == ' ') {
            indent++;
        }
        if (line_length - indent >= 2 && memcmp(text + pos + indent, "//", 2) == 0) {
            memset(text + pos, ' ', line_length);
        }
        pos += line_length + 1;
    }
}

static char json_tree_peek(struct json_tree *t)
{
    while (t->at < t->end && strchr(" \t\r\n,:", *t->at) != NULL) {
        t->at++;
    }
    ASSERT(t->at < t->end);
    return *t->at;
}

/* The bytes between the quotes of a string. */
static size_t json_tree_string(struct json_tree *t, const char **text)
{
    *text = ++t->at;
    while (*t->at != '"') {
        t->at += *t->at == '\\' ? 2 : 1;
        ASSERT(t->at < t->end);
    }
    return (size_t)(t->at++ - *text);
}

static void json_tree_children(struct json_tree *t, struct json_node *parent)
{
    char end = parent->kind == '{' ? '}' : ']';
    struct json_node **link = &parent->first;
    t->at++;
    while (json_tree_peek(t) != end) {
        const char *key = NULL;
        size_t key_length = parent->kind == '{' ? json_tree_string(t, &key) : 0;
        *link = json_tree_value(t);
        (*link)->key = key;
        (*link)->key_length = key_length;
        link = &(*link)->next;
    }
    t->at++;
}

static struct json_node *json_tree_value(struct json_tree *t)
{
    struct json_node *node = calloc(1, sizeof(*node));
    ASSERT(node != NULL);
    char c = json_tree_peek(t);
    node->text = t->at;
    if (c == '{' || c == '[') {
        node->kind = c;
        json_tree_children(t, node);
    } else if (c == '"') {
        node->kind = c;
        node->length = json_tree_string(t, &node->text);
    } else {
        node->kind = '0';
        while (t->at < t->end && strchr(" \t\r\n,}]", *t->at) == NULL) {
            t->at++;
        }
        node->length = (size_t)(t->at - node->text);
    }
    return node;
}

struct json_node *json_tree_parse(const char *text, size_t length)
{
    struct json_tree t = {.at = text, .end = text + length};
    return json_tree_value(&t);
}

void json_tree_free(struct json_node *node)
{
    while (node != NULL) {
        struct json_node *next = node->next;
        json_tree_free(node->first);
        free(node);
        node = next;
    }
}

const struct json_node *json_tree_get(const struct json_node *object, const char *key)
{
    const struct json_node *node = object->first;
    while (node != NULL &&
           (node->key_length != strlen(key) || memcmp(node->key, key, node->key_length) != 0)) {
        node = node->next;
    }
    return node;
}

size_t json_tree_count(const struct json_node *node)
{
    size_t count = 0;
    for (const struct json_node *child = node->first; child != NULL; child = child->next) {
        count++;
    }
    return count;
}

bool json_tree_is(const struct json_node *node, const char *text)
{
    return node != NULL && node->length == strlen(text) &&
           memcmp(node->text, text, node->length) == 0;
}
