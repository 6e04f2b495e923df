/* Views in the catalog (catalog.h): looked up, and what may be made. Any shard, but for what
 * catalog.h says of who frees. */
#ifndef BROKER_CORE_CATALOG_VIEW_H
#define BROKER_CORE_CATALOG_VIEW_H

#include "broker/core/catalog.h"

/* The view of exactly this name, or the view or heir of this uuid, or NULL. */
const struct core_view *core_catalog_find_view(const struct core_catalog *catalog, const char *name,
                                               size_t name_bytes);
const struct core_view *core_catalog_find_view_uuid(const struct core_catalog *catalog,
                                                    const struct log_uuid *uuid);

/* The heir of `view`, or NULL. The view whose incarnation is that of the lineage now, or NULL: it
 * was dropped; O(views). */
const struct core_view *core_catalog_find_heir(const struct core_catalog *catalog,
                                               const struct core_view *view);
const struct core_view *core_catalog_find_lineage(const struct core_catalog *catalog,
                                                  const struct log_uuid *lineage);

/* Walk over the views in byte order of their names, or over views and heirs in that of their uuids;
 * the next one, or NULL behind the last. */
void core_catalog_walk_views(struct core_tree_walk *walk, const struct core_catalog *catalog);
void core_catalog_walk_heirs(struct core_tree_walk *walk, const struct core_catalog *catalog);
const struct core_view *core_catalog_next_view(struct core_tree_walk *walk);

/* The first view that reads the topic of this uuid, or with `stream` the first that was made over
 * that stream of it; NULL: none. */
const struct core_view *core_catalog_find_reader(const struct core_catalog *catalog,
                                                 const struct log_uuid *topic,
                                                 const struct log_uuid *stream);

/* Whether `view` may come, its name aside. ERR_NOT_FOUND: its topic is gone, or the declared stream
 * it was made over; ERR_FULL: it would be one more than CORE_VIEWS_COUNT_MAX. */
MUST_USE enum err core_catalog_can_view(const struct core_catalog *catalog,
                                        const struct core_view *view,
                                        struct core_topic_config_fault *fault);

/* Whether the view's name may be `name`: ERR_EXISTS: it is a view's, a declared stream's or a
 * topic's. *fault says why, for people. */
MUST_USE enum err core_catalog_can_name_view(const struct core_catalog *catalog, const char *name,
                                             size_t name_bytes,
                                             struct core_topic_config_fault *fault);

#endif
