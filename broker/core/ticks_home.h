/* What the files about ticks share: news, the sequencer at the home, and what a shard's life does
 * to its part. See ticks.h. Private to broker/core. Own shard only, but where mail says otherwise;
 * nothing blocks. */
#ifndef BROKER_CORE_TICKS_HOME_H
#define BROKER_CORE_TICKS_HOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/rt/op.h"
#include "base/rt/outbox.h"
#include "base/rt/timer.h"
#include "broker/core/offsets.h"
#include "broker/core/ticks.h"
#include "broker/core/timeline.h"
#include "raft/driver/feed.h"
#include "raft/driver/group.h"

struct core_partition;

/* After a lack of memory or disk. */
#define CORE_TICKS_RETRY_NS (20 * RT_NS_PER_MS)

/* A topic that is followed on a shard. */
struct core_ticks_followed {
    struct list_node in_ticks; /* core_ticks.followed */
    struct log_uuid topic;     /* which */
    uint32_t count;            /* followers, >= 1 */
};

/* A view that is known on a shard. */
struct core_ticks_known {
    struct list_node in_ticks;   /* core_ticks.views */
    struct core_ticks_view view; /* as it was put */
};

/* --- News, ticks_news.c --- */

/* News, as one shard has them. */
struct core_tick_share {
    struct rt_outbox_mail mail;  /* there and back */
    struct core_tick_news *news; /* whose */
    struct list_node in_early;   /* core_ticks.early */
    uint32_t refs;               /* the shard's own */
};

/* A tick on its way into the log, then to the shards. Of core_ticks_home.news_pool; the home's. */
struct core_tick_news {
    struct core_tick tick;           /* constant */
    struct core_ticks_home *home;    /* whose; constant */
    struct list_node in_home;        /* core_ticks_home.flights, then .recent */
    struct raft_proposal proposal;   /* its entry */
    struct buf *buf;                 /* the batch; NULL: `block` has the bytes */
    void *block;                     /* bytes of a tick that is told again after a start */
    size_t bytes;                    /* of it */
    uint64_t catalog_version;        /* what the home had when it closed */
    uint64_t dirty_ns;               /* since when the first of its ends waited */
    uint32_t out_count;              /* shards that have it */
    bool is_flight;                  /* it is not committed */
    bool is_recent;                  /* it is kept to be looked at */
    struct core_tick_share shares[]; /* one for each shard */
};

/* Mail `news`, which are committed, to all shards. */
void core_tick_news_send(struct core_tick_news *news);

/* The shard has another catalog, or closes: news that waited for that are told, or go home. */
void core_tick_news_early(struct core_shard *cs);

/* What of it is kept no longer goes. */
void core_tick_news_release(struct core_tick_news *news);

/* --- The home, ticks_home.c --- */

/* That there are no more ticks, on its way to a shard. */
struct core_ticks_end {
    struct rt_outbox_mail mail;   /* there and back */
    struct core_ticks_home *home; /* whose */
};

enum core_ticks_stage {
    CORE_TICKS_READING, /* the tick log */
    CORE_TICKS_OPEN,    /* ticks close */
    CORE_TICKS_FAILED,  /* no more do */
    CORE_TICKS_CLOSED,  /* the partition is gone, or going */
};

struct core_ticks_home {
    struct core_shard *cs;         /* where */
    struct core_partition *part;   /* of the tick log; NULL: it is gone */
    enum core_ticks_stage stage;   /* what it does */
    struct core_timeline timeline; /* what was said, and what is to be */
    struct raft_watch watch;       /* of the tick log: something is committed */
    struct raft_feed feed;         /* reads it */
    uint64_t read_index;           /* up to here it is read */
    bool is_feed_open;             /* `feed` is */
    struct pool news_pool;         /* of struct core_tick_news */
    struct list flights;           /* core_tick_news.in_home: not committed, in order */
    struct list recent;            /* core_tick_news.in_home: committed, in order */
    size_t recent_bytes;           /* of those */
    uint32_t flights_count;        /* of `flights` */
    uint32_t recent_count;         /* of `recent` */
    uint32_t out_count;            /* news that shards have, */
    size_t out_bytes;              /* and their bytes */
    uint64_t committed;            /* number of the newest tick that is news */
    struct rt_op op_close;         /* closes a tick at the end of the turn */
    struct rt_timer timer;         /* or later */
    uint64_t closed_ns;            /* when the last one closed */
    uint64_t next_ns;              /* when the next may, with none under way */
    uint64_t interval_ns;          /* between two of them, on the average at least */
    uint64_t catalog_version;      /* what the home had when it closed */
    uint64_t dirty_ns;             /* since when something waits; 0: nothing does */
    bool is_busy;                  /* folds are behind */
    bool is_wanted;                /* a tick is to close although nothing may have moved */
    uint8_t *scratch;              /* room for a tick's bytes */
    size_t scratch_bytes;          /* of it */
    uint64_t whole_index;          /* entry of the newest whole tick in the log; 0: none */
    uint64_t whole_before;         /* of the one before; 0: none */
    size_t whole_bytes;            /* of the newest */
    uint64_t since_count;          /* ticks since then, */
    uint64_t since_bytes;          /* and their bytes */
    struct list covers;            /* core_ticks_cover.in_home */
    struct log_uuid finding;       /* the view whose origins are being found; zero: none */
    uint64_t *origins;             /* of it, found so far */
    uint32_t origins_count;        /* of its source's partitions */
    uint32_t origin_next;          /* the partition that is asked */
    struct core_offsets offsets;   /* asks */
    bool is_finding;               /* `offsets` is away */
    struct rt_timer finding_retry; /* asks again */
    char why[160];                 /* why there are no more ticks */
    enum core_code code;           /* likewise */
    uint32_t ends_out_count;       /* of `ends` that have not come back */
    struct core_ticks_end ends[];  /* one for each shard */
};

/* The partition of the tick log is there: read it. ERR_BUDGET: later. */
MUST_USE enum err core_ticks_home_open(struct core_shard *cs, struct core_partition *part);

/* Its partition is being closed; its group is closed. */
void core_ticks_home_gone(struct core_ticks_home *home);
void core_ticks_home_closed(struct core_ticks_home *home);

/* Whether nothing of it is under way; its memory goes. */
bool core_ticks_home_is_idle(const struct core_ticks_home *home);
void core_ticks_home_free(struct core_ticks_home *home);

/* What is due may have changed, or what hinders it: soon. */
void core_ticks_home_soon(struct core_ticks_home *home);

/* --- Views at the home, ticks_views.c --- */

/* Begin; end. Starts of views that are not known (any more) are forgotten. */
void core_ticks_views_init(struct core_ticks_home *home);
void core_ticks_views_end(struct core_ticks_home *home);
void core_ticks_views_sweep(struct core_ticks_home *home);

/* Views may have come or gone: starts of those that are gone are forgotten, origins of new ones are
 * looked for. */
void core_ticks_views_look(struct core_ticks_home *home);

/* --- Covers, ticks_cover.c --- */

/* A tick has closed, or was committed: whoever waits for that is told; the same with the home's
 * code when there are no more. */
void core_ticks_covers_moved(struct core_ticks_home *home);
void core_ticks_covers_end(struct core_ticks_home *home, enum core_code code);

/* --- A shard's part, ticks.c --- */

/* Begin, end. */
void core_ticks_open(struct core_shard *cs);
void core_ticks_deinit(struct core_shard *cs);

/* The shard closes: nothing begins any more. Whether nothing is under way, and whether none of it
 * is the controller's. */
void core_ticks_close(struct core_shard *cs);
bool core_ticks_is_idle(const struct core_shard *cs);
bool core_ticks_is_changing(const struct core_shard *cs);

/* The shard has another catalog. */
void core_ticks_catalog(struct core_shard *cs);

/* A partition was opened, an index of it moved (it is followed), it is being closed, its group is
 * closed. */
void core_ticks_opened(struct core_partition *part);
void core_ticks_moved(struct core_partition *part);
void core_ticks_gone(struct core_partition *part);
void core_ticks_group_closed(struct core_partition *part);

/* The view known here by its uuid, or NULL. */
struct core_ticks_known *core_ticks_view_find(struct core_shard *cs, const struct log_uuid *view);

/* News, or their end, have come to the shard. */
void core_ticks_news(struct core_shard *cs, const struct core_tick_news *news);
void core_ticks_failed(struct core_shard *cs, enum core_code code, const char *why);

#endif
