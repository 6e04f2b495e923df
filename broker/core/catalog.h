/* The catalog: which topics, streams and views there are, as a fold over the controller's commands
 * (command.h).
 *
 * A catalog is a snapshot that never changes. Applying commands gives a new one that shares with
 * the old one all that the commands did not touch: topics, streams, and the trees (tree.h) that
 * find them by name, by uuid and by folded names. A change costs O(log topics), and so does a
 * look-up.
 *
 * **Who frees.** Shard 0 has the keeper: it alone applies, counts references and frees, so counters
 * are plain integers and the budget is its own. Other shards only read:
 *
 *   1. shard 0: core_catalog_ref once for each shard, and mails the pointer to it.
 *   2. a shard: on that mail, takes the new pointer in the place of its old one, and mails the old
 *      one back once nothing of it is in use there. The mailbox orders memory.
 *   3. shard 0: core_catalog_unref for each pointer that came back. The last one frees.
 *
 * Readers look at fields and never copy a topic or a catalog whole: `refs` changes under them.
 *
 * A shard that keeps a topic across a wait keeps its uuid and looks it up again: a pointer into a
 * catalog lives as long as the shard has not given that catalog back.
 *
 * A controller proposes only what applies: it checks against the catalog as it will be after all
 * that it proposed before, by applying its own proposals. So an entry that does not apply is
 * corrupt, and never somebody's mistake.
 *
 * Group ids are given out from 1 (0 is the controller's own) upwards and never again; so are
 * producer ids, from 0. Pure: time and uuids are in the commands. */
#ifndef BROKER_CORE_CATALOG_H
#define BROKER_CORE_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "broker/core/command.h"
#include "broker/core/stream.h"
#include "broker/core/topic_config.h"
#include "broker/core/tree.h"
#include "storage/log/format.h"

/* A topic: immutable. A changed one is another object with the same uuid. */
struct core_topic {
    struct log_uuid uuid;                       /* not zero, never used again */
    const char *name;                           /* with a NUL behind it */
    uint16_t name_bytes;                        /* without it */
    uint16_t pairs_count;                       /* of `pairs` */
    bool is_internal;                           /* core_topic_is_internal(name) */
    uint32_t partitions_count;                  /* >= 1 */
    const uint64_t *groups;                     /* the group of each partition */
    int64_t created_ms;                         /* since 1970 */
    struct core_topic_config config;            /* the keeper's defaults and `pairs` */
    const struct core_topic_config_pair *pairs; /* what was set, sorted by name; no value is NULL */
    uint32_t refs;                              /* nodes of trees that hold it; shard 0 only */
};

/* Views of a catalog at most. */
#define CORE_VIEWS_COUNT_MAX 1024u

/* A snapshot. Fields are for everyone to read. */
struct core_catalog {
    struct log_uuid cluster;   /* zero: no cluster command yet */
    uint64_t version;          /* index of the last entry folded; 0: none */
    uint64_t group_next;       /* group id of the next partition, >= 1 */
    uint64_t producer_id_next; /* first producer id not handed out */
    uint32_t topics_count;     /* topics */
    uint32_t partitions_count; /* of all of them, <= LIMIT_PARTITIONS_COUNT */
    struct core_tree by_name;  /* topics in byte order of their names */
    struct core_tree by_uuid;  /* the same topics */
    struct core_tree by_fold;  /* the same, in order of their names with '_' for '.' */
    struct core_tree by_case;  /* the same, in order of their names without case */
    uint64_t names_version;    /* of the last one in which a name came to stand for something else,
                                  or a topic got partitions */
    uint32_t streams_count;    /* streams */
    struct core_tree streams_by_name;  /* streams in byte order of their names */
    struct core_tree streams_by_case;  /* the same, in order of their names without case */
    struct core_tree streams_by_topic; /* the same, by their topics' uuids, then names */
    uint32_t views_count;              /* views and heirs, <= CORE_VIEWS_COUNT_MAX */
    uint64_t views_version;            /* of the last one in which a view came, changed or went */
    struct core_tree views_by_name;    /* views in byte order of their names */
    struct core_tree views_by_case;    /* the same, in order of their names without case */
    struct core_tree views_by_topic;   /* these and heirs, by their sources' topics' uuids, names,
                                          incarnations */
    struct core_tree views_by_uuid;    /* these and heirs */
    uint32_t refs;                     /* who holds it; shard 0 only */
};

/* Shard 0's part: what all snapshots are made of. */
struct core_catalog_keeper {
    struct budget *budget;              /* all memory is charged to it */
    struct core_topic_config defaults;  /* of topics that say nothing else */
    struct core_tree_pool nodes;        /* of the trees of topics */
    struct core_tree_pool stream_nodes; /* of the trees of streams */
    struct core_tree_pool view_nodes;   /* of the trees of views */
    uint32_t catalogs_count;            /* snapshots that live */
    uint32_t topics_count;              /* topic objects that live */
    uint32_t streams_count;             /* stream objects that live */
    uint32_t views_count;               /* view objects that live */
};

/* Make `keeper` an empty one. `budget` stays until the deinit; `defaults` is copied. */
void core_catalog_keeper_init(struct core_catalog_keeper *keeper, struct budget *budget,
                              const struct core_topic_config *defaults);

/* End `keeper`. Asserted: no snapshot lives. */
void core_catalog_keeper_deinit(struct core_catalog_keeper *keeper);

/* *out = the catalog before the first command, with one reference, the caller's. ERR_BUDGET. */
MUST_USE enum err core_catalog_new(struct core_catalog_keeper *keeper, struct core_catalog **out);

/* The controller's own log as a topic, for people to read: its one partition is group 0. No command
 * makes it. */
#define CORE_TOPIC_CONTROLLER "__tdb_controller"

/* Its uuid: the one that Kafka keeps for its own (Uuid(0, 1)). */
struct log_uuid core_topic_controller_uuid(void);

/* Put that topic into `catalog`, which is new and nobody else's (asserted: no topic is in it); all
 * that become of it have it. ERR_BUDGET. */
MUST_USE enum err core_catalog_put_controller(struct core_catalog_keeper *keeper,
                                              struct core_catalog *catalog);

/* *out = `old` after `count` commands of the entry at `index` (> old->version, asserted), with one
 * reference, the caller's; `old` keeps its own. All commands or none: *out = NULL after an error.
 * ERR_BUDGET: no memory, the same later may succeed; ERR_CORRUPT: a command that contradicts what
 * is there (a second cluster, a name or uuid that exists or does not, a name that is not legal or
 * collides, ids given out before, fewer partitions or too many); a topic's config that this build
 * does not take: that error of core_topic_config_read. `info` says in `a` which command (from 0)
 * and in `b` its type. */
MUST_USE enum err core_catalog_apply(struct core_catalog_keeper *keeper, struct core_catalog *old,
                                     const struct core_command *commands, size_t count,
                                     uint64_t index, struct core_catalog **out,
                                     struct err_info *info);

/* As core_catalog_apply for the commands of the batch of `length` bytes at `data`; also the errors
 * of core_command_batch_open and core_command_batch_next. */
MUST_USE enum err core_catalog_apply_batch(struct core_catalog_keeper *keeper,
                                           struct core_catalog *old, const void *data,
                                           size_t length, uint64_t index, struct core_catalog **out,
                                           struct err_info *info);

/* One reference more; one less, and the last one frees. Shard 0 only. */
void core_catalog_ref(struct core_catalog *catalog);
void core_catalog_unref(struct core_catalog_keeper *keeper, struct core_catalog *catalog);

/* The topic of this name or uuid, or NULL. O(log topics), any shard. */
const struct core_topic *core_catalog_find(const struct core_catalog *catalog, const char *name,
                                           size_t name_bytes);
const struct core_topic *core_catalog_find_uuid(const struct core_catalog *catalog,
                                                const struct log_uuid *uuid);

/* The topic whose name differs from `name` in '.' and '_' at most, itself included, or NULL: Kafka
 * lets no second one be created (names of metrics replace one by the other). */
const struct core_topic *core_catalog_find_fold(const struct core_catalog *catalog,
                                                const char *name, size_t name_bytes);

/* The stream of exactly this name, or NULL. One that a topic's name stands for and nobody has
 * looked at yet is not there. */
const struct core_stream *core_catalog_find_stream(const struct core_catalog *catalog,
                                                   const char *name, size_t name_bytes);

/* Walk over the streams in byte order of their names; the next one, or NULL behind the last. */
void core_catalog_walk_streams(struct core_tree_walk *walk, const struct core_catalog *catalog);
const struct core_stream *core_catalog_next_stream(struct core_tree_walk *walk);

/* The first stream that is declared over the topic of this uuid, or NULL. */
const struct core_stream *core_catalog_find_declared(const struct core_catalog *catalog,
                                                     const struct log_uuid *topic);

/* What a name stands for. */
struct core_catalog_match {
    const struct core_topic *topic; /* the topic; NULL: nothing, or a view */
    const struct core_stream
        *stream;                  /* the stream; NULL: the topic's, which nobody has looked at */
    const struct core_view *view; /* the view: then the others are NULL */
    const char *names[2];         /* two that match, where it is not clear which is meant */
};

/* *out = what `name` stands for: the view, stream or topic of exactly this name, or else, unless
 * `is_exact`, the only one whose name differs in the case of ASCII letters. Names of ours
 * (core_topic_is_reserved) stand for nothing. ERR_NOT_FOUND; ERR_INVALID: several differ in case.
 * O(log topics). */
MUST_USE enum err core_catalog_match(const struct core_catalog *catalog, const char *name,
                                     size_t name_bytes, bool is_exact,
                                     struct core_catalog_match *out);

/* *out = the topic that `name` means, in the same way: of topics alone, those of ours too. */
MUST_USE enum err core_catalog_match_topic(const struct core_catalog *catalog, const char *name,
                                           size_t name_bytes, bool is_exact,
                                           const struct core_topic **out);

/* Whether `stream` may be declared: its name and topic count. ERR_NOT_FOUND: no such topic;
 * ERR_EXISTS: the name is a declared stream's, a view's or another topic's. *fault says why, for
 * people. */
MUST_USE enum err core_catalog_can_declare(const struct core_catalog *catalog,
                                           const struct core_stream *stream,
                                           struct core_topic_config_fault *fault);

/* Whether the columns of `stream`, inferred upon its version (0: upon nothing), may become those of
 * the implicit stream of its topic: nothing else has come about meanwhile. */
bool core_catalog_can_infer(const struct core_catalog *catalog, const struct core_stream *stream);

/* Whether the declared stream may be dropped. ERR_BUSY: a view was made over it; *fault names
 * it. */
MUST_USE enum err core_catalog_can_drop(const struct core_catalog *catalog,
                                        const struct core_stream *stream,
                                        struct core_topic_config_fault *fault);

/* Whether `topic` may be deleted. ERR_BUSY: views read it, or streams are declared over it; *fault
 * names one. */
MUST_USE enum err core_catalog_can_delete(const struct core_catalog *catalog,
                                          const struct core_topic *topic,
                                          struct core_topic_config_fault *fault);

/* Begin a walk in byte order of names at the first topic whose name is >= `name` (NULL: at the
 * first); the next topic, or NULL behind the last. A walk lives no longer than the catalog. */
void core_catalog_walk(struct core_tree_walk *walk, const struct core_catalog *catalog,
                       const char *name, size_t name_bytes);
const struct core_topic *core_catalog_next(struct core_tree_walk *walk);

/* Whether a topic may be created now: ERR_INVALID: not a legal name, or it collides with a topic's,
 * a declared stream's or a view's (INVALID_TOPIC_EXCEPTION); ERR_EXISTS; ERR_RANGE:
 * `partitions_count` is 0; ERR_FULL: more partitions than LIMIT_PARTITIONS_COUNT in all. Reserved
 * names are the caller's to refuse. `fault` (NULL: not wanted) says why, for people. */
MUST_USE enum err core_catalog_can_create(const struct core_catalog *catalog, const char *name,
                                          size_t name_bytes, uint32_t partitions_count,
                                          struct core_topic_config_fault *fault);

/* Whether `changes` (value NULL: take the key away; a key twice: the last counts) may be set on
 * `topic`, whose other pairs stay. `defaults` as the keeper's. Errors and *fault as
 * core_topic_config_read's. */
MUST_USE enum err core_catalog_can_set(const struct core_topic_config *defaults,
                                       const struct core_topic *topic,
                                       const struct core_topic_config_pair *changes, size_t count,
                                       struct core_topic_config_fault *fault);

/* Whether `name` is one that Kafka allows: 1 .. 249 of [a-zA-Z0-9._-], not "." or "..". */
bool core_topic_is_legal(const char *name, size_t name_bytes);

/* Whether `name` begins with "__tdb_": ours, no client creates, alters or deletes it. */
bool core_topic_is_reserved(const char *name, size_t name_bytes);

/* Whether clients are told that the topic is internal: a reserved one, and Kafka's own
 * (__consumer_offsets, __transaction_state, __share_group_state). */
bool core_topic_is_internal(const char *name, size_t name_bytes);

#endif
