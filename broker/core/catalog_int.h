/* Between catalog.c, which folds topics, catalog_stream.c, which folds streams, and catalog_view.c,
 * which folds views. */
#ifndef BROKER_CORE_CATALOG_INT_H
#define BROKER_CORE_CATALOG_INT_H

#include "broker/core/catalog_view.h"

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

/* References on streams and on views, with the keeper as ctx. */
extern const struct core_tree_items core_stream_items;
extern const struct core_tree_items core_view_items;

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

/* Fold a command about views into the draft. */
MUST_USE enum err core_catalog_fold_view_put(struct core_catalog_keeper *keeper,
                                             struct core_catalog *draft,
                                             const struct core_command *cmd);
MUST_USE enum err core_catalog_fold_view_drop(struct core_catalog_keeper *keeper,
                                              struct core_catalog *draft,
                                              const struct core_command *cmd);
MUST_USE enum err core_catalog_fold_view_rename(struct core_catalog_keeper *keeper,
                                                struct core_catalog *draft,
                                                const struct core_command *cmd);
MUST_USE enum err core_catalog_fold_view_swap(struct core_catalog_keeper *keeper,
                                              struct core_catalog *draft,
                                              const struct core_command *cmd);

/* Begin a walk (core_catalog_next_view) at the first view whose name is the same without case. */
void core_catalog_walk_views_alike(struct core_tree_walk *walk, const struct core_catalog *catalog,
                                   const struct core_catalog_name *name);

#endif
