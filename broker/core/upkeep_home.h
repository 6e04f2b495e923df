/* The lead of the upkeep, between upkeep_home.c, upkeep_hold.c, upkeep_heir.c, lookup.c and who
 * reads orders. */
#ifndef BROKER_CORE_UPKEEP_HOME_H
#define BROKER_CORE_UPKEEP_HOME_H

#include "broker/core/catalog_view.h"
#include "broker/core/change.h"
#include "broker/core/upkeep_int.h"

/* Between two looks at what waits. */
#define CORE_UPKEEP_RETRY_NS (5 * RT_NS_PER_MS)

/* A view at its home. */
struct core_upkeep_view {
    struct core_upkeep *upkeep;
    struct list_node in_views; /* core_upkeep.views */
    struct log_uuid uuid;      /* which */
    struct log_uuid lineage;   /* of it */
    struct log_uuid topic;     /* of its source */
    uint32_t partitions_count; /* of origins and goals: known to the step under way */
    uint64_t *origins;         /* of each partition */
    uint64_t *goals;           /* of the step: of each partition */
    uint64_t *ends;            /* ends_count: of each, by the newest tick */
    uint32_t ends_count;       /* partitions there are; those that came later begin at 0 */
    uint64_t begun;            /* the tick of its start */
    uint64_t tick;             /* of the step under way, or the last one */
    uint64_t applied;          /* the last one that all shards have; 0: none */
    uint64_t moved;            /* the newest tick that has moved its source */
    uint64_t still;            /* up to here none moved it behind the last one that it had then */
    uint64_t floor;            /* the oldest tick that readers may ask for */
    bool is_paced;             /* the step leaves the most of the time to producers */
    uint64_t behind_ns;        /* since when there is a tick that it has not; 0: there is none */
    uint64_t late_ns;          /* since when it is built, or lags, if it does */
    uint64_t fresh_ns;         /* how long the last step's first tick was there until all had it */
    uint64_t since_ns;     /* when the first tick came behind those the step goes over; 0: none */
    uint64_t step_ns;      /* when the step began, */
    uint64_t step_records; /* and how many records were folded then */
    enum core_upkeep_status status;
    enum core_upkeep_order order;   /* given last */
    bool is_dropped;                /* the catalog has it no more */
    bool is_heir;                   /* it is built beside the view of its lineage */
    bool is_frozen;                 /* it takes no more steps: its heir is to take its place */
    bool is_replaced;               /* that has happened, and */
    bool is_swapped;                /* no shard knows otherwise */
    bool is_changing;               /* an heir's: `change` is under way */
    uint64_t ceiling;               /* is_frozen: it is read as of this tick and of no later one;
                                       UINT64_MAX: a step is under way */
    uint64_t retry_ns;              /* an heir's: no change before that */
    struct core_change change;      /* an heir's: takes its view's place, or is given up */
    struct core_change_item item;   /* of it */
    char heir_why[160];             /* why its newest heir was given up; "": none was */
    bool is_degraded;               /* values or rows failed */
    uint64_t errors_count;          /* such, in the rows of `applied` */
    uint32_t away_count;            /* orders that have not come home */
    uint32_t undone_count;          /* shards that are not done with it */
    struct core_upkeep_step *steps; /* one for each shard */
    struct list holds;              /* core_upkeep_hold.in_view: by tick, lowest first */
    struct list waiting;            /* likewise: for a tick */
    char why[160];
};

/* Register what is counted. */
void core_upkeep_metrics_open(struct core_upkeep *upkeep);

/* One at the home by its uuid, or NULL; NULL: no memory. */
struct core_upkeep_view *core_upkeep_view_find(const struct core_upkeep *upkeep,
                                               const struct log_uuid *uuid);
struct core_upkeep_view *core_upkeep_view_new(struct core_upkeep *upkeep,
                                              const struct core_view *defined);

/* What is due for it: holds, orders. */
void core_upkeep_view_run(struct core_upkeep_view *view);

/* At all views: what is due; soon. */
void core_upkeep_look(struct core_upkeep *upkeep);
void core_upkeep_look_soon(struct core_upkeep *upkeep);

/* --- upkeep_hold.c --- */

/* What waits for a tick at its view is answered: it is there, or will not come. False: it waits. */
bool core_upkeep_hold_try(struct core_upkeep_view *view, struct core_upkeep_hold *hold);
void core_upkeep_hold_end(struct core_upkeep_hold *hold, enum core_code code);

/* All ticks up to this one are in what is read of it. */
uint64_t core_upkeep_view_complete(const struct core_upkeep_view *view);

/* At the home, without waiting: *tick, *position and *errors_count as a hold would have them now,
 * of a tick that `view`'s rows can be read at within this turn here, and where a call that is sent
 * from here now arrives, in that turn (VIEWS §2). False: this is not the home, or they cannot be
 * read now. */
bool core_upkeep_newest(struct core_upkeep *upkeep, const struct log_uuid *view, uint64_t *tick,
                        struct core_position *position, uint64_t *errors_count);

/* --- upkeep_heir.c --- */

/* The heir of a view, the view of an heir, or NULL. */
struct core_upkeep_view *core_upkeep_heir_of(const struct core_upkeep_view *view);
struct core_upkeep_view *core_upkeep_heir_view(const struct core_upkeep_view *heir);

/* Whether an heir is not to take its first step: its view cannot be read yet. */
bool core_upkeep_heir_waits(const struct core_upkeep_view *heir);

/* The catalog has the view no more: it was dropped, or its heir has taken its place. */
void core_upkeep_heir_gone(struct core_upkeep_view *view);

/* What is due for an heir, beside its steps. */
void core_upkeep_heir_look(struct core_upkeep_view *heir);

/* *rebind = how the view's heir stands, or what became of it. */
void core_upkeep_heir_row(const struct core_upkeep_view *view, struct core_upkeep_rebind *rebind);

/* *row = how it stands. */
void core_upkeep_view_row(const struct core_upkeep_view *view, struct core_upkeep_row *row);

/* The lead's part of open, stop, is_idle and close (upkeep.h). */
void core_upkeep_home_open(struct core_upkeep *upkeep);

/* No more ticks; readers that wait are told, steps come home. */
void core_upkeep_home_stop(struct core_upkeep *upkeep);

/* Whether no view is left. */
bool core_upkeep_home_is_idle(const struct core_upkeep *upkeep);

/* The timer ends; it is idle. */
void core_upkeep_home_close(struct core_upkeep *upkeep);

#endif
