/* Between catalog.c, which folds topics, and catalog_stream.c, which folds streams. */
#ifndef BROKER_CORE_CATALOG_INT_H
#define BROKER_CORE_CATALOG_INT_H

#include "broker/core/catalog.h"

/* A name that is looked for. */
struct core_catalog_name {
    const char *name; /* no NUL */
    size_t bytes;     /* of it */
};

/* Order of two texts by their bytes. */
int core_catalog_compare_texts(const char *a, size_t a_bytes, const char *b, size_t b_bytes);

/* Order of two texts without the case of ASCII letters. */
int core_catalog_compare_caseless(const char *a, size_t a_bytes, const char *b, size_t b_bytes);

/* As a core_tree_compare of topics: by name without case, then by name; and before all whose name
 * is the same without case. */
int core_catalog_compare_case(const void *key, const void *item);
int core_catalog_compare_case_first(const void *key, const void *item);

/* References on streams, with the keeper as ctx. */
extern const struct core_tree_items core_stream_items;

/* Fold a command about streams into the draft. */
MUST_USE enum err core_catalog_fold_stream_put(struct core_catalog_keeper *keeper,
                                               struct core_catalog *draft,
                                               const struct core_command *cmd);
MUST_USE enum err core_catalog_fold_stream_drop(struct core_catalog_keeper *keeper,
                                                struct core_catalog *draft,
                                                const struct core_command *cmd);

/* `topic` is about to go, and its implicit stream goes first. ERR_CORRUPT: one is declared over it;
 * ERR_BUDGET. */
MUST_USE enum err core_catalog_fold_stream_topic(struct core_catalog_keeper *keeper,
                                                 struct core_catalog *draft,
                                                 const struct core_topic *topic);

#endif
