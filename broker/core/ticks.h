/* The timeline: how partitions interleave is data (VIEWS §2).
 *
 * One log orders one partition. The timeline's *ticks* (tick.h) order them all: a tick says how far
 * each followed partition belongs to it, and views are folds of logs by ticks. The tick log is the
 * one partition of the internal topic __tdb_ticks, which is made when something is followed for the
 * first time; the shard of that partition is the *home*, where the sequencer lives.
 *
 *     a partition's shard                home                              every shard
 *   end moved ------ mail ----> told; a tick closes -> tick log
 *                               it is committed: news ------ mail ------> listeners, in order
 *                               <----------------------------- mail ----- news given back
 *
 * A partition's *end* in ticks is its last stable offset, or what is committed where that is less.
 * A tick closes as soon as an end has moved: at once when the last one was a while ago, else 250 us
 * after it, 1 ms where ticks have many records, and up to 10 ms where the log or the listeners do
 * not keep up. Nothing moves: nothing is written. Nothing is followed: no tick is.
 *
 * **Listeners** get every tick that is committed, in order, on every shard, each once, as news:
 * decoded, the same bytes for all, not to be changed. After a start the first news is one whole
 * tick, the newest of the log, with all ends and starts there are; it may have been told before the
 * process began. Later news say what has moved since. A shard that is told of a tick has the
 * catalog that the home had when it closed, or a newer one. Who keeps news takes a reference here
 * and gives it up here; ticks wait while too many are kept (CORE_TICKS_NEWS_MAX), so nobody keeps
 * them for long.
 *
 * **Starts.** A view that the catalog has and the timeline does not gets its origins, one for each
 * partition of its source's topic, in a tick of its own making, which also says the ends of all
 * partitions there are. One that the topic gets later begins at 0. The start of a view that is
 * dropped is forgotten. An heir (view.h) has the origins of the view whose place it takes.
 *
 * Own shard only; nothing blocks. */
#ifndef BROKER_CORE_TICKS_H
#define BROKER_CORE_TICKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/metric.h"
#include "base/pool.h"
#include "base/rt/op.h"
#include "base/rt/outbox.h"
#include "base/rt/timer.h"
#include "broker/core/call.h"
#include "broker/core/code.h"
#include "broker/core/position.h"
#include "broker/core/tick.h"
#include "storage/log/format.h"

struct core_change;
struct core_shard;
struct core_tick_news;
struct core_ticks_home;
struct core_ticks_listener;

/* News that somebody has, at most, and their bytes: with more no tick closes. */
#define CORE_TICKS_NEWS_MAX       512u
#define CORE_TICKS_NEWS_BYTES_MAX (16u << 20)

/* --- News --- */

/* The tick of `news`; what it points to lives as long as a reference on `news` here. */
const struct core_tick *core_tick_news_tick(const struct core_tick_news *news);

/* One reference more, or one less, of this shard. A listener has `news` without one until it
 * returns. */
void core_tick_news_ref(struct core_shard *cs, const struct core_tick_news *news);
void core_tick_news_unref(struct core_shard *cs, const struct core_tick_news *news);

/* Who wants ticks, on one shard. In place, from listen to unlisten. */
struct core_ticks_listener {
    /* A tick: called from a turn of the loop; it may listen, unlisten and follow. */
    void (*tick)(struct core_ticks_listener *listener, const struct core_tick_news *news);

    /* There will be no more ticks before a restart, `code` and `why` (static storage, or the
     * shard's) say why: the tick log cannot be read (CORRUPT_MESSAGE) or written (STORAGE). Once.
     */
    void (*failed)(struct core_ticks_listener *listener, enum core_code code, const char *why);

    /* Private to ticks.c. */
    struct list_node in_ticks; /* core_ticks.listeners */
};

/* From now on; no more. Who is to hear the first news listens before the shard's first catalog
 * comes: when core_shard_open returns. Before the shard is closed every listener is off and all
 * news are given up. */
void core_ticks_listen(struct core_shard *cs, struct core_ticks_listener *listener);
void core_ticks_unlisten(struct core_shard *cs, struct core_ticks_listener *listener);

/* The newest tick that this shard was told of; epoch and tick 0: none. Its time; 0: none. Why there
 * are none any more, or NULL. */
struct core_position core_ticks_position(const struct core_shard *cs);
int64_t core_ticks_wall_ms(const struct core_shard *cs);
const char *core_ticks_why(const struct core_shard *cs);

/* The shard of the tick log, where views have their home, too; UINT32_MAX: there is none yet. The
 * same on all shards that have the same catalog, and for good once it is known. */
uint32_t core_ticks_home(const struct core_shard *cs);

/* At the home: a tick is to close soon although nothing may have moved. Nothing to do elsewhere. */
void core_ticks_want(struct core_shard *cs);

/* At the home: folds are behind the ticks, or not any more. While they are, ticks come more slowly.
 * Nothing to do elsewhere. */
void core_ticks_busy(struct core_shard *cs, bool is_busy);

/* --- Following --- */

/* The partitions of `topic` move ticks from now on, as long as there is one follower more than
 * there were unfollows. On every shard (each tells of its own partitions), the home among them;
 * what a catalog's views follow is followed by itself. ERR_BUDGET, ERR_FULL: it is not followed. */
MUST_USE enum err core_ticks_follow(struct core_shard *cs, const struct log_uuid *topic);
void core_ticks_unfollow(struct core_shard *cs, const struct log_uuid *topic);

/* Where a view's fold begins. */
enum core_ticks_origin {
    CORE_TICKS_EARLIEST,  /* at the log starts */
    CORE_TICKS_LATEST,    /* at the ends that its first tick says */
    CORE_TICKS_TIMESTAMP, /* at the first records that are not older than a time */
};

/* A view, as far as ticks go. */
struct core_ticks_view {
    struct log_uuid view;          /* which */
    struct log_uuid topic;         /* of its source */
    struct log_uuid before;        /* it begins where that view begins, which has begun or will;
                                      zero: where `origin` says */
    enum core_ticks_origin origin; /* where it begins */
    int64_t origin_ms;             /* TIMESTAMP: since 1970 */
};

/* There is a view, or it is gone. On every shard; views of the catalog come and go by themselves.
 * It follows its topic. ERR_BUDGET, ERR_FULL: there is none. */
MUST_USE enum err core_ticks_view_put(struct core_shard *cs, const struct core_ticks_view *view);
void core_ticks_view_drop(struct core_shard *cs, const struct log_uuid *view);

/* --- What the newest ticks have said --- */

/* One partition in one tick. */
struct core_ticks_row {
    uint64_t tick;         /* number */
    int64_t wall_ms;       /* its time */
    struct log_uuid topic; /* whose partition, */
    uint32_t partition;    /* which, */
    uint64_t end;          /* and its end */
    uint16_t starts_count; /* views that begin in the tick */
    bool is_whole;         /* it says all ends */
};

/* Where a walk over them stands; zero: at the oldest. */
struct core_ticks_place {
    uint64_t tick;  /* number of the next one, or of one after it, */
    uint32_t moved; /* and which of its partitions */
};

/* At the home: the next `max` rows of committed ticks that are in memory, oldest first. Returns how
 * many; 0: there are no more, or this is not the home. */
uint32_t core_ticks_rows(const struct core_shard *cs, struct core_ticks_place *place,
                         struct core_ticks_row *out, uint32_t max);

/* --- A shard's part --- */

/* Ends told with one mail at most. */
#define CORE_TICKS_REPORT_MAX 128u

/* Ends of partitions on their way to the home. */
struct core_ticks_report {
    struct rt_outbox_mail mail; /* carries it */
    struct core_shard *from;    /* whose partitions */
    uint32_t count;             /* of `ends` */
    bool is_refused;            /* back: there is no home yet, or no memory there */
    struct core_tick_moved ends[CORE_TICKS_REPORT_MAX];
};

/* Of a partition: how far its end was told. Private to ticks.c, but for `committed_offset`. */
struct core_ticks_mark {
    struct list_node in_moved; /* core_ticks.moved */
    uint64_t told;             /* the end, as the home was told last */
    uint64_t committed_offset; /* behind the newest committed batch that was let in here */
    bool is_followed;          /* its end is to be told */
    bool is_told;              /* it was */
};

/* Of a shard. The fields are private to ticks*.c. */
struct core_ticks {
    struct list early;               /* core_tick_share.in_early: the catalog is too old for them */
    struct list listeners;           /* core_ticks_listener.in_ticks */
    struct pool follow_pool;         /* of struct core_ticks_followed */
    struct pool view_pool;           /* of struct core_ticks_known */
    struct list followed;            /* core_ticks_followed.in_ticks */
    struct list views;               /* core_ticks_known.in_ticks */
    struct list moved;               /* core_ticks_mark.in_moved: to be told */
    struct rt_op op_report;          /* tells, at the end of the turn */
    struct core_ticks_report report; /* one at a time */
    bool is_report_away;             /* it is */
    struct rt_timer retry;           /* looks at the catalog, and tells, once more */
    struct core_change *change;      /* shard 0: makes the topic; NULL: nothing does */
    uint64_t catalog_version;        /* whose views are known here */
    uint32_t home;                   /* shard of the tick log; UINT32_MAX: there is none */
    struct core_position position;   /* of the newest news */
    int64_t wall_ms;                 /* of those */
    const char *why;                 /* there are none any more; NULL: there are */
    enum core_code code;             /* likewise */
    struct core_ticks_home *at_home; /* the sequencer, where this is the home; NULL: it is not */
    uint32_t calls_count;            /* calls of its own that have not come home */
    bool is_closing;                 /* the shard is */
    struct metric_counter ticks_count;  /* ticks written here */
    struct metric_histogram tick_bytes; /* of each */
    struct metric_histogram tick_lag;   /* from the first end that it says until it is committed */
    struct metric_gauge interval;       /* between two ticks at least, ns */
};

#endif
