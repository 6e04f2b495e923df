/* Which values of a record are wanted: a set of paths, compiled once, then shared by any number of
 * readers on any thread.
 *
 * A path is written as in RFC 9535 (JSONPath), as far as it names one value: `$`, `$.a.b`,
 * `$['a b']`, `$["a"][3]`. Names compare after their escapes are resolved, on both sides: the path
 * $.a finds the member "\u0061". Wildcards, slices, filters, descendants and negative indexes are
 * refused by name. */
#ifndef SCHEMAS_JSON_PATH_H
#define SCHEMAS_JSON_PATH_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "schemas/json/fault.h"

/* Paths of a set: the columns of a stream. */
#define JSON_PATHS_MAX 1024u

/* Bytes of one path, and of all paths of a set. */
#define JSON_PATH_BYTES_MAX  1024u
#define JSON_PATHS_BYTES_MAX (256u << 10)

/* Names and indexes of one path: containers it leads through. */
#define JSON_PATH_STEPS_MAX 64u

/* No node, no path. */
#define JSON_NONE UINT32_MAX

/* A text. */
struct json_text {
    const char *text; /* somebody else's; may be NULL when length is 0 */
    size_t length;    /* bytes */
};

/* A place in a record that a path leads to or through. Nodes are numbered so that what is below a
 * node follows it: nodes node+1 .. node->end-1. Node 0 is the whole record. */
struct json_node {
    uint64_t filter;      /* the json_path_filter of all members that are nodes */
    uint32_t path;        /* the first path that ends here, or JSON_NONE */
    uint32_t end;         /* one past the last node below */
    uint32_t slots;       /* where its table of names begins in json_paths.slots */
    uint32_t mask;        /* slots of that table - 1, a power of two - 1; names_count 0: unused */
    uint32_t names_count; /* members of it that are nodes */
    uint32_t first_index; /* its item of the lowest index that is a node, or JSON_NONE */
    uint32_t next_index;  /* of an item: the next one up of the same array, or JSON_NONE */
    uint32_t index;       /* of an item: its index */
};

/* One name in a table of names. */
struct json_slot {
    uint64_t head;    /* its first eight bytes, as json_path_head gives them */
    const char *name; /* the name */
    uint32_t length;  /* bytes of it */
    uint32_t node;    /* the member, or JSON_NONE: the slot is free */
};

/* A path that equals an earlier one. */
struct json_alias {
    uint32_t path;
    uint32_t first; /* the first of its kind */
};

/* A compiled set. Immutable. */
struct json_paths {
    const struct json_node *nodes;    /* nodes_count, node 0 the root */
    const struct json_slot *slots;    /* the tables of all nodes */
    const struct json_alias *aliases; /* aliases_count */
    uint32_t nodes_count;
    uint32_t paths_count; /* paths it was made of */
    uint32_t aliases_count;
};

/* *out = the set of the `count` (<= JSON_PATHS_MAX) paths at `texts`; path i is texts[i]. It lives
 * in `a`, names included, until that is rewound or reset. On failure *fault says what is wrong with
 * texts[*failed], and *out is not written: ERR_INVALID: not a path; ERR_UNSUPPORTED: a path, but
 * not to one value; ERR_TOO_LARGE: more than a limit above; ERR_BUDGET: `a` refuses (its own limit
 * or the budget's). */
MUST_USE enum err json_paths_compile(struct arena *a, const struct json_text *texts, size_t count,
                                     struct json_paths *out, size_t *failed,
                                     struct json_fault *fault);

/* Write the path of the record's member `name` (UTF-8, `length` bytes), which json_paths_compile
 * takes: $['name'], quotes, backslashes and control characters escaped. */
void json_path_put_member(struct bytes_writer *w, const char *name, size_t length);

/* The first eight bytes of the `length` bytes at `name` as a number, zeros for those it has not. */
static inline uint64_t json_path_head(const char *name, uint32_t length)
{
    uint64_t head = 0;
    memcpy(&head, name, length < sizeof(head) ? length : sizeof(head));
    return le64toh(head);
}

/* One bit for a name of `length` bytes that begins with `first` (that of no bytes with a quote,
 * which is what stands there in a record): most names that are not wanted have another bit than all
 * that are. */
static inline uint64_t json_path_filter(char first, uint32_t length)
{
    return UINT64_C(1) << (((uint8_t)first + 8 * length) & 63);
}

/* Where the search for a name begins in a table of names. `head` is its json_path_head. */
static inline uint32_t json_path_hash(uint64_t head, const char *name, uint32_t length)
{
    uint64_t hash = head ^ length;
    for (uint32_t at = sizeof(head); at < length; at += sizeof(head)) {
        uint64_t word; /* the last one overlaps the one before */
        uint32_t last = length - (uint32_t)sizeof(word);
        memcpy(&word, name + (at < last ? at : last), sizeof(word));
        hash = (hash * UINT64_C(0x9e3779b97f4a7c15) ^ word) + (hash >> 32);
    }
    return (uint32_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 40);
}

/* The member `name` of node number `node`, or JSON_NONE. `head` is its json_path_head. */
static inline uint32_t json_paths_member(const struct json_paths *paths, uint32_t node,
                                         const char *name, uint32_t length, uint64_t head)
{
    const struct json_node *n = &paths->nodes[node];
    if (n->names_count == 0) {
        return JSON_NONE;
    }
    const struct json_slot *slots = &paths->slots[n->slots];
    for (uint32_t at = json_path_hash(head, name, length);; at++) {
        const struct json_slot *slot = &slots[at & n->mask];
        if (slot->node == JSON_NONE ||
            (slot->head == head && slot->length == length &&
             (length <= sizeof(head) || memcmp(slot->name, name, length) == 0))) {
            return slot->node;
        }
    }
}

#endif
