/* The controller: group 0's log holds commands (command.h), their fold is the catalog, and every
 * shard has a snapshot of it.
 *
 * Changes are taken one after the other: what can be done becomes commands of one entry; when that
 * entry is committed and folded, the catalog is *published*: mailed to every shard, which opens and
 * closes its partitions and mails its former snapshot back; then the change is answered. So a topic
 * whose creation was answered can be used through every shard.
 *
 * Shard 0 only, but for core_publication. Private to broker/core. */
#ifndef BROKER_CORE_CONTROLLER_H
#define BROKER_CORE_CONTROLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/list.h"
#include "base/rt/op.h"
#include "base/rt/outbox.h"
#include "base/rt/timer.h"
#include "broker/core/catalog.h"
#include "broker/core/command.h"
#include "broker/core/deleted.h"
#include "raft/driver/feed.h"
#include "raft/driver/group.h"

struct core_change;
struct core_controller;
struct core_partition;
struct core_shard;

/* Commands of one entry at most. */
#define CORE_CONTROLLER_COMMANDS_MAX 64u

/* Topics that a publication names as changed; with more, shards look at all. */
#define CORE_CONTROLLER_CHANGES_MAX 256u

/* A catalog on its way to a shard, and that shard's former one on its way back. */
struct core_publication {
    struct rt_outbox_mail mail;         /* carries it */
    struct core_controller *controller; /* whose */
    struct core_catalog *catalog;       /* there: the new one; back: the former, or NULL */
    const struct log_uuid *changes;     /* topics that differ from the one published before */
    uint32_t changes_count;             /* of them */
    bool is_all;                        /* any topic may differ: `changes` says nothing */
    enum err err;                       /* there: why there is no catalog: the shard is to close;
                                           back: a partition could not be opened */
    bool is_away;                       /* it has not come back */
};

struct core_controller {
    struct core_shard *cs;             /* shard 0's part */
    struct core_partition *part;       /* group 0, as a partition: people may read it */
    struct raft_feed feed;             /* its entries, to be folded */
    struct core_catalog_keeper keeper; /* memory of catalogs */
    struct core_catalog *catalog;      /* folded so far */
    struct core_deleted
        deleted; /* topics whose deletion the start has read; until all shards know */
    struct core_publication publications[LIMIT_SHARDS_COUNT]; /* one for each shard */
    uint32_t away_count;                                      /* that have not come back */
    uint64_t published_version; /* of the catalog that was published last */
    enum err publish_err;       /* a shard could not open a partition of it */
    struct log_uuid changes[CORE_CONTROLLER_CHANGES_MAX];     /* topics changed since then */
    uint32_t changes_count;                                   /* of them */
    struct log_uuid changes_out[CORE_CONTROLLER_CHANGES_MAX]; /* what publications point to */
    bool is_all;                                              /* more changed than are listed */
    struct list queue;             /* core_change.in_queue: wait their turn */
    struct core_change *change;    /* in hand; NULL: none */
    uint64_t change_index;         /* its entry's; 0: none under way. Stays until that is published
                                      or fails when the change was given up */
    struct rt_timer deadline;      /* gives `change` up */
    enum err change_err;           /* its proposal failed with */
    struct raft_proposal proposal; /* its entry, or the cluster's */
    struct core_command *commands; /* room for CORE_CONTROLLER_COMMANDS_MAX */
    uint32_t commands_count;       /* of the entry being made */
    uint8_t *scratch;              /* room for an encoded entry */
    uint8_t *stream;               /* or view, of the command of the entry being made; NULL: none */
    struct rt_timer retry;         /* folds again after a lack of memory */
    uint64_t open_index;           /* folded up to here, the catalog is complete for a start */
    bool is_open;                  /* the first catalog was published */
    bool is_closing;               /* core_controller_close was called */
    bool is_failed;                /* its log cannot be read on: every change is refused */
    bool is_feed_open;             /* `feed` is */
    void (*closed)(struct core_shard *cs); /* tells that nothing of it is under way */
    char why[160];                         /* why it could not be opened */
};

/* Begin: read group 0's log, then publish, for the first time with everything in it. */
void core_controller_open(struct core_controller *controller, struct core_shard *cs);

/* A change arrived: change.c. */
void core_controller_change(struct core_controller *controller, struct core_change *change);

/* End, before the partitions are closed: nothing is published any more. `closed` is called when
 * nothing of it is under way. No change is (asserted). */
void core_controller_close(struct core_controller *controller,
                           void (*closed)(struct core_shard *cs));

/* Give catalogs and memory back, those of the shards too, which hold none any more. */
void core_controller_deinit(struct core_controller *controller);

#endif
